"""Lesson 13: the record of its models holds and can be made again, and what the notebook writes by hand is right."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest

import pix2pix_edu as p2p
from pix2pix_edu import insight
from pix2pix_edu.gallery import load_gallery
from pix2pix_edu.paths import shipped
from pix2pix_edu.translation import load_discriminator
from tools.notebooks import definitions

matplotlib.use("Agg")
ROOT = Path(__file__).resolve().parent.parent
LIMIT_MEGABYTES = 1.5


@pytest.fixture(scope="module")
def gallery():
    return load_gallery("limits")


@pytest.fixture(scope="module")
def notebook():
    return definitions("13_limits_and_insight")


# --- The record -------------------------------------------------------------------------------------------------------


def test_every_way_of_spoiling_is_there_and_took_its_time(gallery):
    own = [f"own-{pixels}" for pixels in (1, 2, 4, 8)]
    assert gallery.names == [
        *("fits", *own, "same-4", "same-4-mirrored", "shuffled"),
        *("fits-cgan", "own-4-cgan", "shuffled-cgan"),
    ]
    judge = json.loads(shipped("gallery", "limits", "judge.json").read_text())
    minutes = [row["minutes"] for row in gallery.rows] + [judge["minutes"]]
    assert all(minute > 0.1 for minute in minutes) and sum(minutes) < 10
    for row in gallery.rows:
        assert (row["adversarial"] is not None) == row["name"].endswith("-cgan")
        assert row["shuffled"] == row["name"].startswith("shuffled")
        assert len(row["curves"]["l1"]) == gallery.about["settings"]["epochs"]
    size = sum(path.stat().st_size for path in shipped("gallery", "limits").iterdir())
    assert size < LIMIT_MEGABYTES * 1e6


def test_what_the_lesson_says_about_them_is_in_the_record(gallery):
    own = [gallery.row(name) for name in ("fits", "own-1", "own-2", "own-4", "own-8")]
    for worse, better in zip(own[1:], own, strict=False):
        assert worse["test"]["l1"] > better["test"]["l1"] + 0.01 and worse["detail"] < better["detail"] - 1
        assert worse["differs"] < better["differs"]
    same, mirrored = gallery.row("same-4"), gallery.row("same-4-mirrored")
    assert same["l1_to_moved"] < mirrored["l1_to_moved"] - 0.02 < gallery.row("own-4")["l1_to_moved"]
    assert same["detail"] > gallery.row("own-4")["detail"] + 2
    shuffled, baselines = gallery.row("shuffled"), gallery.about["baselines"]
    assert shuffled["differs"] < 0.25 * gallery.row("fits")["differs"]
    assert abs(shuffled["test"]["l1"] - baselines["median"]) < 0.02 < baselines["white"] - baselines["median"]
    for name in ("own-4", "shuffled"):  # the discriminator brings back detail, and not the truth
        alone, game = gallery.row(name), gallery.row(f"{name}-cgan")
        assert game["detail"] > 1.5 * alone["detail"] and game["test"]["l1"] > alone["test"]["l1"] + 0.02


def test_the_baselines_are_what_they_are_called(gallery):
    targets, training = gallery.pairs.test.targets.astype(float), gallery.pairs.train.targets
    expected = {
        "source": np.abs(targets - gallery.pairs.test.sources).mean(),
        "white": (255 - targets).mean(),
        "median": np.abs(targets - np.median(training, axis=0)).mean(),
        "mean": np.abs(targets - training.mean(axis=0)).mean(),
    }
    for name, value in expected.items():
        assert gallery.about["baselines"][name] == pytest.approx(value / 127.5, abs=1e-4)


def test_the_first_epoch_of_one_row_can_be_made_again(gallery, tmp_path):
    """One epoch of the row with the random steps gives the recorded loss, up to what another processor rounds."""
    code = f"""
import sys
from pathlib import Path
import pix2pix_edu as p2p
sys.path.insert(0, "data/makers")
import limits as maker
pairs = p2p.load_pairs(**maker.DATA)
run = maker.train_row("own-4", pairs, 1, 0, Path({str(tmp_path / "run")!r}))
print(len(pairs.train), run.history["l1"][0])
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    pairs, first = map(float, done.stdout.split()[-2:])
    assert pairs == gallery.about["settings"]["training_pairs"]
    assert first == pytest.approx(gallery.row("own-4")["curves"]["l1"][0], rel=0.05)


def test_the_judge_scores_what_was_written_down():
    record = json.loads(shipped("gallery", "limits", "judge.json").read_text())
    judge = load_discriminator(shipped("gallery", "limits", "judge.p2p"))
    assert p2p.receptive_field(judge) == record["settings"]["receptive_field"] == 34
    model, test = p2p.load_example_model("emoji"), p2p.load_pairs("emoji", image_size=64).test
    real = insight.logit(judge, test.sources, test.targets)
    fake = insight.logit(judge, test.sources, p2p.translate(model, test.sources))
    scores = record["test"]
    assert real.mean() == pytest.approx(scores["real_logit"], abs=0.3)
    assert fake.mean() == pytest.approx(scores["generated_logit"], abs=0.3)
    assert (real > 0).mean() == pytest.approx(scores["real_called_real"], abs=0.02)
    assert (fake < 0).mean() == pytest.approx(scores["generated_called_generated"], abs=0.03)


# --- What the notebook writes by hand ---------------------------------------------------------------------------------


def test_the_rows_are_moved_by_every_step_about_equally_often(notebook):
    row = np.zeros(20, int)
    row[10] = 1
    places = notebook["jittered"](row, 3, count=7000).argmax(axis=1)
    assert set(places) == set(range(7, 14))
    assert np.bincount(places)[7:].min() > 850


def test_the_move_by_hand_is_the_librarys(notebook):
    picture = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    for pixels in (1, 4, 9):
        np.testing.assert_array_equal(notebook["moved_right"](picture, pixels), insight.move(picture, pixels, pixels))


def test_a_scene_has_each_drawing_in_its_corner(notebook):
    four = np.stack([np.full((32, 32, 3), 10 * number, np.uint8) for number in range(1, 5)])
    whole = notebook["scene"](four)
    assert [int(whole[row, column, 0]) for row in (5, 40) for column in (5, 40)] == [10, 20, 30, 40]
    sheet = notebook["alone_on"](four[0], 64, 32, 0)
    assert (sheet[32:, :32] == 10).all() and (sheet[:32] == 255).all() and (sheet[:, 32:] == 255).all()


def test_coarse_pictures_are_means_of_blocks(notebook):
    pictures = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)
    coarse = notebook["coarse"](pictures)
    assert coarse.shape == (2, 256)
    assert coarse[1, 16 * 3 + 5] == pytest.approx(pictures[1, 12:16, 20:24].mean())


def test_l1_is_the_mean_distance_on_the_scale_of_the_networks(notebook):
    assert notebook["l1"](np.zeros((2, 2), np.uint8), np.full((2, 2), 255, np.uint8)) == 2.0
