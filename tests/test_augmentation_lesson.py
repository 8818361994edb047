"""Lesson 11: what the notebook writes by hand is the library's, its record can be made again, and its prose is true."""

from __future__ import annotations

import re

import matplotlib
import nbformat
import numpy as np
import pytest

from pix2pix_edu import augmentation_study as study
from pix2pix_edu.experiments import HOLDS, UNDECIDED, Claim
from pix2pix_edu.pairs.facades import CLASSES, colour_labels
from pix2pix_edu.paths import shipped
from tools.notebooks import ROOT, definitions

matplotlib.use("Agg")
FOLDER = shipped("lessons", "augmentation")
LIMIT_MEGABYTES = 2.0


@pytest.fixture(scope="module")
def notebook():
    return definitions("11_data_augmentation")


@pytest.fixture(scope="module")
def found():
    return study.load_study()


@pytest.fixture(scope="module")
def maker(load_maker):
    return load_maker("augmentation")


@pytest.fixture(scope="module")
def prose():
    cells = nbformat.read(ROOT / "notebooks" / "11_data_augmentation.ipynb", 4).cells
    return "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


# --- The record -------------------------------------------------------------------------------------------------------


def test_the_record_says_how_it_was_made(found, maker):
    about = found.about
    assert {"what", "command", "machine", "date", "versions", "seeds", "scale", "student_minutes"} <= set(about)
    assert about["command"] == f"python data/makers/augmentation.py --seeds {about['seeds']}" and about["seeds"] >= 5
    shipped_scale = study.SCALES["shipped"]
    assert {
        name: about["scale"][name] for name in ("steps", "batch_size", "test", "generator_steps", "skilled_steps")
    } == {
        name: getattr(shipped_scale, name)
        for name in ("steps", "batch_size", "test", "generator_steps", "skilled_steps")
    }
    assert tuple(about["scale"]["widths"]) == shipped_scale.widths
    assert about["student_minutes"] == pytest.approx(sum(map(sum, found.minutes.values())), abs=0.1)
    size = sum(path.stat().st_size for path in FOLDER.iterdir())
    assert size < LIMIT_MEGABYTES * 1e6


def test_every_condition_was_run_from_every_seed_and_every_class_measured(found):
    assert list(found.values) == list(study.CONDITIONS)
    measures = study.measures_of(study.FcnScore(np.eye(12, dtype=int)))
    for name, rows in found.values.items():
        assert set(rows) == set(measures)
        assert all(len(row) == found.about["seeds"] and np.isfinite(row).all() for row in rows.values()), name
        means = np.mean([rows[f"iou_{part}"] for part in CLASSES], axis=0)
        np.testing.assert_allclose(means, rows["class_iou"], atol=1e-3)


def test_a_small_row_comes_out_again(found, maker, tmp_path):
    recorded = dict(found.about["small_row"])
    assert recorded.pop("of") == list(maker.SMALL_ROW)
    again = study.run_condition(*maker.SMALL_ROW, runs=tmp_path)
    for name in ("pixel_accuracy", "class_accuracy", "class_iou"):
        assert again[name] == pytest.approx(recorded[name], abs=0.03), name


@pytest.mark.parametrize("name", study.SHEETS)
def test_shipped_pictures_show_the_layouts_that_they_were_made_for(name):
    pairs = study.generated_pairs(name)
    np.testing.assert_array_equal(pairs.labels, study.shown_layouts(study.CONDITIONS[name]))
    np.testing.assert_array_equal(pairs.sources, colour_labels(pairs.labels))
    pictures = list(zip(pairs.targets, pairs.labels, strict=True))
    sky, wall = (np.stack([picture[labels == part].mean(axis=0) for picture, labels in pictures]) for part in (0, 1))
    assert np.abs(sky - wall).max(axis=1).mean() > 25, "sky and wall have their own colours where the labels say so"


# --- The prose --------------------------------------------------------------------------------------------------------


def words_of(gain):
    return f"{gain.mean:+.3f} ± {gain.high - gain.mean:.3f}".replace("-", "−")


def test_every_number_in_the_prose_is_in_the_record(found, prose):
    sky = f"{-found.gain('rare-skilled', 'rare', 'iou_background').mean:.3f}"
    assert f"the sky loses {sky}" in prose
    gains, means = set(), {sky}
    for name, measures in found.values.items():
        means |= {f"{np.mean(row):.3f}" for row in measures.values()}
        for baseline in ("real-20", "real-80", "rare"):
            gains |= {words_of(found.gain(name, baseline, measure)) for measure in measures}
    cited = re.findall(r"[+−]0\.\d{3} ± 0\.\d{3}", prose)
    assert len(cited) > 15 and set(cited) <= gains, set(cited) - gains
    alone = re.findall(r"(?<![+−±.\d] )(?<![+−.\d])0\.\d{3}\b(?! ±)", prose)
    assert len(alone) > 10 and set(alone) <= means, set(alone) - means


@pytest.mark.parametrize(
    ("better", "worse", "verdict"),
    [
        ("classical-20", "real-20", HOLDS),
        ("own-new", "real-20", UNDECIDED),
        ("other-new", "real-20", UNDECIDED),
        ("skilled-new", "real-20", HOLDS),
        ("skilled-same", "real-20", UNDECIDED),
        ("program-same", "real-20", HOLDS),
        ("flat-new", "real-20", UNDECIDED),
        ("skilled-only", "real-20", HOLDS),
        ("skilled-80", "real-80", UNDECIDED),
        ("skilled-new", "skilled-classical", HOLDS),
    ],
)
def test_what_the_lesson_concludes_is_what_the_seeds_say(found, better, worse, verdict):
    assert found.verdict(Claim(better, worse, "class_iou", "")) == verdict


def test_twenty_and_the_skilled_generators_pictures_lie_between_forty_and_eighty_real_pairs(found):
    forty, added, eighty = (found.interval(name).mean for name in ("real-40", "skilled-new", "real-80"))
    assert forty < added < eighty
    assert 45 < 40 * 2 ** ((added - forty) / (eighty - forty)) < 55, "some thirty more than twenty"


def test_only_pictures_of_new_balconies_raise_the_recall(found):
    for name in ("rare", "rare-repeat", "rare-weights", "rare-skilled-without"):
        assert found.interval(name, study.RECALL).mean < 0.02, name
    gains = [found.gain(name, "rare", study.RECALL) for name in ("rare-own", "rare-other", "rare-skilled")]
    assert gains[0].low < 0 < gains[1].low and 2 * gains[1].mean <= gains[2].mean + 0.01
