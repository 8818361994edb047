"""Lesson 12: what the notebook writes by hand is right, and what its prose says of the measured tables is in them."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path

import matplotlib
import nbformat
import numpy as np
import pytest

from pix2pix_edu.errors import DataError, UsageError
from pix2pix_edu.experiments import EXPERIMENTS, judge, load_outcome, load_sheet, shipped_outcomes
from pix2pix_edu.paths import shipped
from pix2pix_edu.search import load_search
from tools.notebooks import definitions

matplotlib.use("Agg")
NOTEBOOK = Path(__file__).resolve().parent.parent / "notebooks" / "12_improving.ipynb"


@pytest.fixture(scope="module")
def notebook():
    return definitions("12_improving")


@pytest.fixture(scope="module")
def cells():
    return nbformat.read(NOTEBOOK, 4).cells


# --- What the notebook writes by hand ---------------------------------------------------------------------------------


def test_the_simulated_rule_is_the_library_s(notebook):
    """The same draws, judged one by one."""
    rng = np.random.default_rng(0)
    better, worse = rng.normal(3, 1, (300, 3)), rng.normal(0, 1, (300, 3))
    share = np.mean([judge(one, other) == "holds" for one, other in zip(better, worse, strict=True)])
    assert notebook["share_of_holds"](3, 3, 4.302653, times=300) == pytest.approx(share)


def test_directions_are_apart_as_in_the_library(notebook):
    from pix2pix_edu.backend import ops
    from pix2pix_edu.extras import perceptual_loss

    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 3)).astype("float32")
    pictures = (ops.convert_to_tensor(each.reshape(1, 1, 1, 3)) for each in (one, other))
    by_library = float(perceptual_loss(lambda picture: [picture], *pictures))
    assert notebook["apart"](one, other) == pytest.approx(by_library, abs=1e-4)


def test_normalised_pictures_have_mean_0_and_spread_1(notebook):
    x = np.random.default_rng(0).normal(3, 7, (2, 4, 4, 3))
    for axes in ((0, 1, 2), (1, 2)):
        normal = notebook["normalised"](x, axes)
        np.testing.assert_allclose(normal.mean(axis=axes), 0, atol=1e-12)
        np.testing.assert_allclose(normal.std(axis=axes), 1)


def test_the_average_of_the_notebook_moves_as_the_library_s_does():
    """`move_average` on a network with one weight, against the three lines of the notebook."""
    from pix2pix_edu.backend import keras
    from pix2pix_edu.extras import move_average

    networks = [keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)]) for _ in range(2)]
    averaged, learning = networks
    averaged.set_weights([np.zeros((1, 1), "float32")])
    average = 0.0
    for step, weight in enumerate([1.0, 3.0, -2.0, 0.5] * 10, start=1):
        learning.set_weights([np.full((1, 1), weight, "float32")])
        move_average(averaged, learning, 0.5, step)
        average += (1 - min(0.5, (1 + step) / (10 + step))) * (weight - average)
    assert averaged.get_weights()[0].item() == pytest.approx(average, rel=1e-5)


# --- What is shown and said -------------------------------------------------------------------------------------------


def output_of(cells, words):
    """What the one cell that holds these words has printed or shown as text."""
    (cell,) = [cell for cell in cells if cell.cell_type == "code" and words in cell.source]
    return "".join(output.get("text", "") or output.get("data", {}).get("text/plain", "") for output in cell.outputs)


def test_every_experiment_is_either_judged_or_said_to_be_missing(cells):
    text = output_of(cells, "not measured yet:")
    for name in EXPERIMENTS:
        if name in shipped_outcomes():
            for claim, verdict in load_outcome(name).verdicts:
                assert f"{name:10} {verdict:28} {claim.text}" in text
        else:
            assert re.search(rf"not measured yet: .*\b{name}\b", text)


def test_the_tables_in_the_notebook_are_those_that_ship(cells):
    for source, expected in (("table1", load_outcome("table1")), ("found", load_search())):
        (cell,) = [cell for cell in cells if cell.cell_type == "code" and cell.source.splitlines()[-1] == source]
        assert cell.outputs[0]["data"]["text/plain"] == str(expected)


def test_every_code_cell_with_a_picture_has_a_description_next_to_it(cells):
    """A reader who cannot see a picture finds its content in the prose right below, in italics."""
    for cell, following in itertools.pairwise(cells):
        if cell.cell_type != "code" or "ClaimExplorer()" in cell.source or "CourseFigure(" in cell.source:
            continue
        if any("image/png" in output.get("data", {}) for output in cell.outputs):
            assert following.source.startswith("*"), cell.source


def test_what_the_lesson_says_about_table_1():
    outcome = load_outcome("table1")
    seeds = {key: outcome.values[key]["fcn_class_iou"] for key in outcome.values}
    assert {key: len(values) for key, values in seeds.items()} == {
        **dict.fromkeys(("l1", "l1-gan", "l1-cgan"), 7), **dict.fromkeys(("gan", "cgan"), 3),
    }  # fmt: skip
    mean = {key: outcome.interval(key, "fcn_class_iou").mean for key in outcome.values}
    assert max(seeds["l1"][:3]) > min(seeds["l1-cgan"][:3]), "three seeds left it open"
    assert judge(seeds["l1-cgan"][:3], seeds["l1"][:3]) == "undecided"
    found = [mean["l1-cgan"], mean["l1"], mean["l1-gan"], np.mean(seeds["l1-cgan"][3:]), np.mean(seeds["l1"][3:])]
    assert found == pytest.approx([0.431, 0.399, 0.403, 0.433, 0.396], abs=6e-4)
    assert mean["gan"] < mean["cgan"] < 0.2 < 0.395 < min(mean["l1"], mean["l1-gan"], mean["l1-cgan"])
    verdicts = {claim.text: verdict for claim, verdict in outcome.verdicts}
    assert [verdicts[f"L1+cGAN beats {other}"] for other in ("L1", "GAN", "cGAN", "L1+GAN")] == [
        *("holds", "holds", "holds", "undecided")
    ]
    together = [outcome.interval(key, "fcn_class_iou") for key in ("l1-gan", "l1-cgan")]
    ends = [end for each in together for end in (each.low, each.high)]
    assert ends == pytest.approx([0.375, 0.431, 0.414, 0.449], abs=6e-4)


def test_what_the_lesson_says_about_figure_7_and_diversity():
    outcome = load_outcome("figure7")
    assert [verdict for _, verdict in outcome.verdicts] == ["holds"] * 3
    both = [outcome.interval("l1-cgan", measure).mean for measure in outcome.experiment.measures]
    alone = [outcome.interval("l1", measure).mean for measure in outcome.experiment.measures]
    assert both == pytest.approx([0.841, 0.823, 0.851], abs=6e-4)
    assert alone == pytest.approx([0.688, 0.563, 0.699], abs=6e-4)
    assert outcome.interval("field-1", "lab_a").mean == pytest.approx(0.812, abs=6e-4)
    outcome = load_outcome("diversity")
    shares = [outcome.interval(key, "diversity").mean for key in ("l1-cgan", "l1")]
    assert shares == pytest.approx([0.159, 0.042], abs=6e-4)


def test_what_the_lesson_says_about_tables_2_and_3():
    outcome = load_outcome("table2")
    assert [answer for _, answer in outcome.verdicts] == ["holds", "holds"]
    found = [outcome.interval(key, "fcn_class_iou") for key in ("flat-l1", "l1", "flat-l1-cgan", "l1-cgan")]
    assert [each.mean for each in found] == pytest.approx([0.109, 0.399, 0.167, 0.431], abs=6e-4)
    assert found[0].high < found[2].low, "here the game helps an encoder-decoder"
    outcome = load_outcome("table3")
    assert [answer for _, answer in outcome.verdicts] == ["undecided", "undecided"]
    found = [outcome.interval(key, "fcn_class_iou") for key in ("field-1", "field-16", "field-34", "l1-cgan")]
    assert [each.mean for each in found] == pytest.approx([0.441, 0.478, 0.449, 0.431], abs=6e-4)
    assert max(each.low for each in found) < min(each.high for each in found), "all four overlap"
    seeds = outcome.values["field-16"]["fcn_class_iou"]
    assert (round(min(seeds), 3), round(max(seeds), 3)) == (0.433, 0.516)


def test_what_the_lesson_says_about_the_erratum():
    outcome = load_outcome("batch-norm")
    assert [answer for _, answer in outcome.verdicts] == ["holds"]
    assert outcome.values["alone-flat-norm"]["dependence"] == [0.0] * 3
    dependence = [outcome.interval(key, "dependence").mean for key in ("alone-flat", "alone-norm", "alone")]
    assert dependence == pytest.approx([0.333, 0.585, 0.582], abs=6e-4)
    psnr = [outcome.interval(key, "psnr").mean for key in ("alone-flat-norm", "alone-flat")]
    assert psnr == pytest.approx([13.76, 13.24], abs=0.02)


def test_what_the_lesson_says_about_photographs_to_labels():
    outcome = load_outcome("table6")
    assert [answer for _, answer in outcome.verdicts] == ["undecided", "holds"]
    keys = ("labels-l1", "labels-l1-cgan", "labels-cgan")
    for measure in outcome.experiment.measures:
        means = [outcome.interval(key, measure).mean for key in keys]
        assert means == sorted(means, reverse=True), "the paper's order, in each measure"
    iou = [outcome.interval(key, "fcn_class_iou") for key in keys]
    assert [each.mean for each in iou] == pytest.approx([0.270, 0.255, 0.164], abs=6e-4)
    pixels = [outcome.interval(key, "fcn_pixel_accuracy") for key in keys]
    assert iou[0].low < iou[1].high and pixels[0].low > pixels[1].high
    assert [each.mean for each in pixels[:2]] == pytest.approx([0.665, 0.589], abs=6e-4)


def test_what_the_lesson_says_about_six_right_answers():
    outcome = load_outcome("variants")
    assert [answer for _, answer in outcome.verdicts] == ["holds", "does not hold at this scale"]
    found = [round(outcome.interval(key, measure).mean) for measure in ("to_median", "to_nearest")
             for key in ("emoji-l1", "emoji-l1-cgan")]  # fmt: skip
    assert found == [27, 39, 38, 45]


def test_what_the_lesson_says_about_sizes():
    outcome = load_outcome("size")
    assert [answer for _, answer in outcome.verdicts] == ["holds", "undecided"]
    found = [outcome.interval(key, "fcn_class_iou").mean for key in ("halved", "quarters", "l1-cgan")]
    assert found == pytest.approx([0.285, 0.440, 0.431], abs=6e-4)


def test_what_the_lesson_says_about_more_data():
    outcome = load_outcome("data-size")
    mean = {key: outcome.interval(key, "fcn_class_iou").mean for key in outcome.values}
    assert round(mean.pop("pairs-25"), 2) == 0.55 and all(0.415 < value < 0.44 for value in mean.values())
    answers = [answer for _, answer in outcome.verdicts]
    assert answers == ["does not hold at this scale", "undecided", "undecided"]
    assert [len(outcome.made[key]["seeds"]) for key in outcome.values] == [3, 3, 3, 7]
    sharpness = [outcome.interval(key, "psnr").mean for key in outcome.values]
    assert min(sharpness) > 13.85 and max(sharpness) < 14.45


def test_what_the_lesson_says_about_a_larger_model():
    outcome = load_outcome("model-size")
    assert [answer for _, answer in outcome.verdicts] == ["holds", *["undecided"] * 3] and not outcome.missing
    found = [outcome.interval(key, "fcn_class_iou") for key in ("filters-8", "l1-cgan", "filters-32", "levels-4")]
    assert [each.mean for each in found] == pytest.approx([0.358, 0.431, 0.459, 0.367], abs=6e-4)
    assert found[0].high < min(found[1].low, found[2].low), "8 filters lie apart from 16 and from 32"
    assert outcome.interval("filters-32", "psnr").mean < outcome.interval("filters-8", "psnr").mean


def test_what_the_lesson_says_about_what_came_after():
    outcome = load_outcome("after")
    holds = {claim.better for claim, answer in outcome.verdicts if answer == "holds"}
    assert holds == {"spectral", "ema"} and len(outcome.verdicts) == 10
    assert {answer for _, answer in outcome.verdicts} == {"holds", "undecided"}
    mean = {key: outcome.interval(key, "fcn_class_iou").mean for key in outcome.values}
    ranked = sorted(mean, key=mean.get)
    assert set(ranked[-2:]) == {"ema", "spectral"} and set(ranked[:3]) == {"feature-matching", "lsgan", "hinge"}
    assert ranked.index("lsgan") < 6
    assert [round(mean[key], 2) for key in ("l1-cgan", "spectral", "ema")] == [0.43, 0.48, 0.47]
    above = {}
    for measure in ("psnr", "ssim"):
        paper = outcome.interval("l1-cgan", measure)
        above[measure] = {key for key in outcome.values if outcome.interval(key, measure).low > paper.high}
        assert max(outcome.values, key=lambda key: outcome.interval(key, measure).mean) == "lsgan"
    assert above == {
        "psnr": {"lsgan", "instance", "spectral", "diffaugment"},
        "ssim": {"lsgan", "instance", "spectral", "ema", "diffaugment"},
    }


def test_what_the_lesson_says_about_seeds_that_had_no_part_in_the_choice():
    iou = {key: numbers["fcn_class_iou"] for key, numbers in load_outcome("after").values.items()}
    for key, values in iou.items():
        assert len(values) == (7 if key in ("l1-cgan", "spectral", "ema") else 3)
    first = {key: np.mean(values[:3]) for key, values in iou.items()}
    nine = [claim.better for claim in EXPERIMENTS["after"].claims if claim.worse == "l1-cgan"]
    assert len(nine) == 9 and set(sorted(nine, key=first.get)[-2:]) == {"spectral", "ema"}, "why these two"
    for claim in EXPERIMENTS["after"].claims:
        assert judge(iou[claim.better][:3], iou[claim.worse][:3]) == "undecided", "none was decided by three seeds"
    new = {key: iou[key][3:] for key in ("l1-cgan", "spectral", "ema")}
    found = [first["l1-cgan"], first["spectral"], first["ema"], *map(np.mean, new.values())]
    assert found == pytest.approx([0.430, 0.473, 0.479, 0.433, 0.482, 0.469], abs=6e-4)
    assert [judge(new[key], new["l1-cgan"]) for key in ("spectral", "ema")] == ["holds", "undecided"]


def test_looking_again_and_again_makes_holds_of_nothing(notebook):
    """As many draws, but judged one by one by the library."""
    rng = np.random.default_rng(0)
    better, worse = rng.normal(0, 1, (400, 5)), rng.normal(0, 1, (400, 5))
    looks = [
        [judge(one[:n], other[:n]) == "holds" for n in (3, 4, 5)] for one, other in zip(better, worse, strict=True)
    ]
    assert notebook["ever_holds"](3, 5, times=400) == pytest.approx(np.any(looks, axis=1).mean())
    shares = [notebook["ever_holds"](3, last) for last in (3, 7, 30, 100)]
    assert shares == sorted(shares) and 0.001 < shares[0] < 0.004 and shares[-1] > 0.02


def test_what_the_lesson_says_about_the_search():
    found = load_search()
    rates = [(trial.score, trial.settings["learning_rate"]) for trial in sorted(found.trials, key=lambda t: -t.score)]
    scores = [round(trial.score, 3) for trial in found.trials]
    assert (len(scores), scores[0], scores[3], scores[-2:]) == (16, 0.153, 0.245, [0.254, 0.290])
    assert max(scores[4:-2]) <= 0.250 and sum(score <= 0.153 for score in scores[1:]) == 4
    assert all(3.4e-4 < rate < 1.8e-3 for _, rate in rates[:6])
    assert all(score < 0.154 for score, rate in rates if rate <= 2.5e-4)


def test_what_the_search_found_was_a_faster_start_and_no_better_end():
    found = load_search()
    mean = {
        (scale, who): round(found.interval(who, scale).mean, 3) for scale in found.test for who in found.test[scale]
    }
    assert mean == {
        ("quick", "paper"): 0.177,
        ("quick", "best"): 0.269,
        ("shipped", "paper"): 0.430,
        ("shipped", "best"): 0.415,
    }
    assert [found.verdict(scale) for scale in ("quick", "shipped")] == ["undecided", "undecided"]
    short = found.test["quick"]["paper"]["fcn_class_iou"]
    assert (round(min(short), 3), round(max(short), 3)) == (0.145, 0.235)


# --- Sheets -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", shipped_outcomes())
def test_a_sheet_has_as_many_pictures_of_each_row_as_of_the_sources(name):
    outcome, sheet = load_outcome(name), load_sheet(name)
    assert list(sheet)[:2] == ["sources", "targets"] and set(sheet) - {"sources", "targets"} <= outcome.values.keys()
    assert {pictures.shape for pictures in sheet.values()} == {sheet["sources"].shape}
    assert sheet["sources"].shape[1] == sheet["sources"].shape[2]


def test_the_sources_of_a_sheet_are_those_of_the_test_pairs():
    """WebP loses a little, but each picture is nearest to its own original."""
    from pix2pix_edu.experiments import row_pairs

    test, sheet = row_pairs("l1").test, load_sheet("table1")
    for name, side in (("sources", test.sources), ("targets", test.targets)):
        apart = np.abs(sheet[name][:, None].astype(float) - side[None, :10]).mean(axis=(2, 3, 4))
        assert apart.argmin(axis=1).tolist() == list(range(10))


def test_a_missing_sheet_is_named(tmp_path, monkeypatch):
    from pix2pix_edu import experiments

    record = json.loads(shipped("experiments", "table1.json").read_text())
    (tmp_path / "table1.json").write_text(json.dumps(record))
    monkeypatch.setattr(experiments, "shipped", lambda *parts: tmp_path)
    with pytest.raises(DataError, match=r"table1\.webp"):
        load_sheet("table1")
    with pytest.raises(UsageError, match="No outcome of 'table2'"):
        load_sheet("table2")
