"""Lesson 09: what the notebook writes by hand is the library's, its record is real, and its prose is true."""

from __future__ import annotations

import json
import re

import matplotlib
import nbformat
import numpy as np
import pytest
from PIL import Image

from pix2pix_edu import evaluation
from pix2pix_edu.gallery import detail, load_gallery
from pix2pix_edu.paths import shipped
from pix2pix_edu.study import Session
from tools.notebooks import ROOT, definitions

matplotlib.use("Agg")
FOLDER = shipped("lessons", "evaluation")
RUNS = ("few", "jitter", "many")


@pytest.fixture(scope="module")
def notebook():
    return definitions("09_evaluation")


@pytest.fixture(scope="module")
def record():
    return json.loads((FOLDER / "results.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def rows(record):
    return {(row["run"], row["seed"]): row for row in record["rows"]}


@pytest.fixture(scope="module")
def maker(load_maker):
    return load_maker("overfitting")


# --- By hand ----------------------------------------------------------------------------------------------------------


def test_brightness_times_structure_is_ssim_without_its_constants(notebook):
    """On a picture of one window, with values so large that the constants hardly count."""
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (2, 11, 11)).astype(np.uint8)
    brightness, structure = notebook["bright_and_alike"](x.astype(float), y.astype(float))
    flat = np.ones((11, 11)) / 121
    mean_x, mean_y = (flat * x).sum(), (flat * y).sum()
    assert brightness == pytest.approx(2 * mean_x * mean_y / (mean_x**2 + mean_y**2))
    assert structure == pytest.approx(2 * np.cov(x.ravel(), y.ravel(), ddof=0)[0, 1] / (x.var() + y.var()))
    assert notebook["bright_and_alike"](x.astype(float), x.astype(float)) == pytest.approx((1, 1))


def test_the_distance_of_two_filters_knows_directions_and_no_brightness(notebook):
    edge = np.array([[40, 40, 200], [40, 200, 200], [200, 200, 200]], dtype=float)
    assert notebook["distance"](edge, edge / 3 + 7) == pytest.approx(0)
    has_step = notebook["features"](edge).any(axis=-1)
    assert 0 < has_step.mean() < 1
    assert notebook["distance"](edge, -edge) == pytest.approx(4 * has_step.mean()), "4 wherever there is a step"


def test_the_notebooks_features_are_those_of_the_library(notebook):
    one, other = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    seen = zip(notebook["answers"](one), notebook["answers"](other), strict=True)
    by_hand = np.mean([np.square(a - b).sum(axis=-1).mean() for a, b in seen])
    by_library = evaluation.perceptual_distance(one, other, features="course").values[0]
    assert by_hand == pytest.approx(by_library, rel=1e-4)


def test_the_program_takes_the_test_by_its_rule(notebook):
    """The same rule once more, written the other way round: a threshold halfway between both means."""
    found = notebook["take_the_test"](Session("drawings-l1", trials=20, seed=5))
    dealt = Session("drawings-l1", trials=20, seed=5).dealt
    means = {
        kind: np.mean([detail(trial.picture[None]) for trial in dealt if trial.is_practice and trial.is_real == kind])
        for kind in (True, False)
    }
    threshold = np.mean(list(means.values()))
    for trial, answer in zip([trial for trial in dealt if not trial.is_practice], found["answers"], strict=True):
        is_rough = detail(trial.picture[None]) > threshold
        assert answer["called_real"] == (is_rough == (means[True] > means[False]))


def test_curves_are_drawn_for_all_three_runs(notebook, rows):
    notebook["runs"] = rows
    notebook["titles"] = {"few": "20 pairs", "jitter": "20 pairs, jittered", "many": "640 pairs"}
    figure = notebook["plot_curves"]("ssim", seed=1)
    for axis, name in zip(figure.axes, RUNS, strict=True):
        np.testing.assert_array_equal(axis.lines[0].get_ydata(), rows[name, 1]["train_ssim"])
        np.testing.assert_array_equal(axis.lines[1].get_ydata(), rows[name, 1]["val_ssim"])


# --- The record -------------------------------------------------------------------------------------------------------


def test_the_record_says_how_it_was_made(record, maker):
    assert set(record) >= {"what", "command", "machine", "date", "versions", "data", "settings", "shown", "rows"}
    assert record["settings"] == {
        **maker.SETTINGS,
        "steps": maker.STEPS,
        "look_every": maker.LOOK_EVERY,
        "shown_every": maker.SHOWN_EVERY,
    }
    assert {row["run"] for row in record["rows"]} == set(maker.PAIRS) == set(RUNS)
    for row in record["rows"]:
        assert row["training_pairs"] == maker.PAIRS[row["run"]] and row["cpu_seconds"] > 0
        assert row["step"] == list(range(maker.LOOK_EVERY, maker.STEPS + 1, maker.LOOK_EVERY))


def test_the_first_look_of_a_recorded_run_comes_out_again(rows, maker):
    again, pictures = maker.play("few", seed=0, steps=maker.LOOK_EVERY)
    for name in ("train_l1", "val_l1", "test_l1", "train_ssim", "val_ssim"):
        assert again[name][0] == pytest.approx(rows["few", 0][name][0], abs=0.01), name
    assert again["val_psnr"][0] == pytest.approx(rows["few", 0]["val_psnr"][0], abs=0.4)
    assert len(pictures) == 0, "pictures are kept at every fifth look"


def test_the_pictures_are_of_the_drawings_that_are_named(record, maker):
    import pix2pix_edu as p2p

    pairs = p2p.load_pairs("emoji", image_size=32)
    everything = {name: side for side in ("train", "val", "test") for name in getattr(pairs, side).names}
    assert [everything[name] for name in record["shown"]] == ["train"] * 4 + ["val"] * 4
    sheet = np.asarray(Image.open(FOLDER / "drawings.webp").convert("RGB"))
    shown = maker.shown_pairs(maker.subset("few", 0))
    assert shown.names == record["shown"]
    np.testing.assert_array_equal(sheet.reshape(2, 32, 8, 32, 3).swapaxes(1, 2)[1], shown.targets)
    many = maker.subset("many", 0).train.names
    assert set(shown.names[:4]) <= set(many) and not set(shown.names[4:]) & set(many)


def test_the_last_pictures_score_what_the_record_says(rows, maker):
    """Those that were trained on are near the artist's in the small run, and the others are not."""
    shown = maker.shown_pairs(maker.subset("few", 0))
    sheet = np.asarray(Image.open(FOLDER / "few.webp").convert("RGB"))
    last = sheet.reshape(-1, 32, 8, 32, 3).swapaxes(1, 2)[-1].astype(float)
    distances = np.abs(last - shown.targets).mean(axis=(1, 2, 3)) / 127.5
    assert distances[:4].mean() < 0.08 and distances[4:].mean() > 0.1


@pytest.mark.parametrize("seed", [0, 1])
def test_twenty_pairs_are_learnt_by_heart_and_validation_rises_again(rows, seed):
    few, jitter, many = (rows[name, seed] for name in RUNS)
    assert few["train_l1"][-1] < 0.05 and few["val_l1"][-1] > 4 * few["train_l1"][-1]
    best = min(few["val_l1"])
    assert few["val_l1"].index(best) < 12 and few["val_l1"][-1] > best + 0.004
    assert few["val_ssim"][-1] < max(few["val_ssim"]) - 0.01
    assert min(many["val_l1"]) < min(jitter["val_l1"]) < min(few["val_l1"])
    assert jitter["val_l1"].index(min(jitter["val_l1"])) >= 17, "with jitter it still falls at the end"


# --- What the prose says ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def prose():
    cells = nbformat.read(ROOT / "notebooks" / "09_evaluation.ipynb", as_version=4).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def test_the_papers_numbers_are_the_papers(prose):
    for number in ("0.8 % ± 0.3", "18.9 % ± 2.5", "2.8 % ± 1.0", "6.1 % ± 1.3", "16.3 % ± 2.4", "27.8 % ± 2.7"):
        assert number in prose, number
    assert "L1 .81 / .69 / .70, cGAN .87 / .74 / .84, L1 + cGAN .86 / .84 / .82" in prose


def test_grey_has_half_the_error_of_a_sharp_guess():
    """The prose says 3 dB for any number of tiles, black and white equally likely."""
    rng = np.random.default_rng(3)
    targets, sharp = 255.0 * rng.integers(0, 2, (2, 4000, 4, 4))
    ratio = np.square(targets - sharp).mean() / np.square(targets - 127.5).mean()
    assert ratio == pytest.approx(2, abs=0.05) and 10 * np.log10(2) == pytest.approx(3.01, abs=0.01)


def test_l1_is_a_decibel_ahead_in_the_gallery(prose):
    gallery = load_gallery("losses")
    scores = {name: gallery.row(name)["test"]["psnr"] for name in ("l1", "bce-conditional-100")}
    assert scores["l1"] - scores["bce-conditional-100"] == pytest.approx(1.04, abs=0.02)
    assert "a decibel ahead" in prose


def test_no_placeholder_is_left(prose):
    assert re.findall(r"@[A-Z]+@", prose) == []
