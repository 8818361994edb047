"""Lesson 10: what its records say holds, one is measured again, and what the notebook writes by hand is right."""

from __future__ import annotations

import json

import matplotlib
import numpy as np
import pytest
from skimage.color import rgb2lab

import pix2pix_edu as p2p
from pix2pix_edu import applications as apps
from pix2pix_edu.paths import shipped
from tools.notebooks import definitions

matplotlib.use("Agg")
SHIPPED = [name for name, task in apps.TASKS.items() if task.settings and task.model]
LIMIT_MEGABYTES = 12


def record_of(name):
    return json.loads(shipped("weights", f"{name}.json").read_text())


@pytest.fixture(scope="module")
def notebook():
    return definitions("10_applications")


# --- The records ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SHIPPED)
def test_every_record_says_how_it_was_made(name):
    record = record_of(name)
    assert record["command"] == f"python data/makers/applications.py {name} --seed {record['seed']}"
    assert {"versions", "machine", "date", "minutes", "training_pairs", "best_epoch"} <= set(record)
    assert record["minutes"] > 0.5 and record["best_epoch"] <= record["settings"]["epochs"]
    assert len(record["l1_by_epoch"]) >= record["settings"]["epochs"]
    task = apps.find_task(name)
    assert {key: record["settings"][key] for key in task.settings} == dict(task.settings)
    assert set(record["test"]) == {*task.baselines, "pix2pix"} and record["judged"] == task.judged


def test_all_of_it_is_small():
    files = [shipped("weights", f"{name}.{ending}") for name in SHIPPED for ending in ("p2p", "json")]
    assert sum(path.stat().st_size for path in files) < LIMIT_MEGABYTES * 1e6


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_generator_fits_its_task_and_beats_the_cheap_answers(name):
    model, task = p2p.load_example_model(name), apps.find_task(name)
    assert model.about["command"] == record_of(name)["command"] and model.image_size == 64
    channels = {"inpaint": (4, 3), "colour-lab": (1, 2), "colour-rgb": (1, 3)}.get(name, (3, 3))
    assert (model.generator.input_shape[-1], model.generator.output_shape[-1]) == channels
    rows = record_of(name)["test"]
    cheap = [row["l1"] for answer, row in rows.items() if answer != "pix2pix"]
    assert rows["pix2pix"]["l1"] < min(cheap), (task.title, rows)


def test_the_letters_are_measured_again():
    task, record = apps.find_task("glyphs"), record_of("glyphs")
    pairs = task.pairs()
    assert len(pairs.train) == record["training_pairs"]
    drawn = p2p.translate(p2p.load_example_model("glyphs"), pairs.test.sources)
    for answer, row in apps.measure(task, pairs.train, pairs.test, drawn).items():
        for key, value in row.items():
            written = record["test"][answer][key]
            assert written == pytest.approx(value, abs=0.05 if key == "psnr" else 0.002), (answer, key)


def test_on_drawings_the_table_beats_the_network():
    """What the lesson says: OpenMoji's palette gives nearly every lightness a colour of its own."""
    record = json.loads(shipped("lessons", "applications", "drawings-lab.json").read_text())
    assert record["command"].startswith("python data/makers/applications.py drawings-lab")
    table, network, grey = (record["test"][answer]["l1"] for answer in ("by lightness", "pix2pix", "grey"))
    assert 3 * table < network < grey


def test_colouring_in_lab_is_better_than_in_rgb_and_keeps_the_lightness():
    lab, rgb = (record_of(name)["test"]["pix2pix"] for name in ("colour-lab", "colour-rgb"))
    assert lab["l1"] < 0.8 * rgb["l1"] and lab["lightness"] < 0.1 and rgb["lightness"] > 2


def test_who_learns_the_holes_alone_fills_them_better_and_five_photos_are_too_few():
    alone, whole, photo = (
        json.loads(shipped("lessons", "applications", f"{name}.json").read_text())
        for name in ("holes-alone", "whole-picture", "photo-inpaint")
    )
    differ = {key for key, value in alone["settings"].items() if value != whole["settings"][key]}
    assert differ == {"fills_holes"} and alone["training_pairs"] == whole["training_pairs"]
    assert alone["test"]["pix2pix"]["l1"] < whole["test"]["pix2pix"]["l1"]
    shipped_one = record_of("inpaint")["test"]
    assert shipped_one["pix2pix"]["l1"] < 0.65 * shipped_one["biharmonic"]["l1"]
    assert photo["test"]["biharmonic"]["l1"] < photo["test"]["pix2pix"]["l1"]


def test_five_photos_teach_no_colours_to_another():
    record = json.loads(shipped("lessons", "applications", "photo-lab.json").read_text())
    assert not set(record["photos"]["train"]) & set(record["photos"]["test"])
    train, test = record["train"], record["test"]
    assert train["pix2pix"]["l1"] < train["by lightness"]["l1"], "on its own photos it is good"
    assert test["pix2pix"]["l1"] > test["by lightness"]["l1"], "on another one a table is better"


# --- What the notebook writes by hand ---------------------------------------------------------------------------------


def test_lightness_by_hand_is_scikit_images(notebook):
    colours = np.random.default_rng(0).integers(0, 256, (500, 3)).astype(np.uint8)
    by_hand = notebook["lightness_by_hand"](colours)
    np.testing.assert_allclose(by_hand, rgb2lab(colours)[:, 0], atol=0.02)


def test_the_step_between_two_rows_is_found(notebook):
    row = np.random.default_rng(0).random(40)
    for step in (-15, -1, 0, 7, 19):
        assert notebook["step_between"](row, np.roll(row, step)) == step
