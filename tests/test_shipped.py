"""What ships in data/: each record says how it was made, and its figures are measured again here."""

import json

import numpy as np
import pytest
from PIL import Image

import pix2pix_edu as p2p
from pix2pix_edu.paths import shipped

RECORD = json.loads(shipped("weights", "emoji.json").read_text())
LIMIT_MEGABYTES = 40


@pytest.fixture(scope="module")
def pairs():
    return p2p.load_pairs("emoji", image_size=64)


@pytest.fixture(scope="module")
def model():
    return p2p.load_example_model("emoji")


def test_the_record_says_how_the_model_was_made():
    assert {"command", "seed", "versions", "minutes", "machine", "best_epoch", "val", "test"} <= set(RECORD)
    assert RECORD["command"].startswith("python data/makers/emoji_model.py")
    best = int(np.argmax(RECORD["val_ssim_by_epoch"])) + 1
    assert best == RECORD["best_epoch"]


def test_the_recorded_figures_are_what_the_model_scores_on_drawings_it_never_saw(model, pairs):
    measured = p2p.evaluate(model, pairs.test)
    assert measured["ssim"] == pytest.approx(RECORD["test"]["ssim"], abs=0.002)
    assert measured["psnr"] == pytest.approx(RECORD["test"]["psnr"], abs=0.05)
    assert measured["l1"] == pytest.approx(RECORD["test"]["l1"], abs=0.002)


def test_it_is_better_than_leaving_the_drawing_as_it_is(model, pairs):
    untouched = p2p.evaluation.compare(pairs.test.targets, pairs.test.sources)
    assert p2p.evaluate(model, pairs.test)["l1"] < 0.9 * untouched["l1"]


def test_faces_come_out_yellow(model, pairs):
    """The colour that people expect: what fills a smiley is yellow, in the artist's drawing and in the translation."""
    faces = pairs.test[[index for index, name in enumerate(pairs.test.names) if name.endswith("face")]]
    is_yellow = [np.median(target[24:40, 24:40].reshape(-1, 3), axis=0) for target in faces.targets]
    faces = faces[[bool(r > 200 and g > 180 and b < 120) for r, g, b in is_yellow]]
    assert len(faces) > 0
    for picture in p2p.translate(model, faces.sources):
        red, green, blue = np.median(picture[20:44, 16:48].reshape(-1, 3), axis=0)
        assert red > 180 and green > 150 and blue < 140


def test_the_sheet_shows_what_the_model_draws(model, pairs):
    sheet = np.asarray(Image.open(shipped("sheets", "emoji.webp")).convert("RGB"))
    chosen = np.linspace(0, len(pairs.test) - 1, 36).round().astype(int)
    drawn = p2p.translate(model, pairs.test.sources[chosen[0]])
    np.testing.assert_array_equal(sheet[4:68, 4:68], pairs.test.sources[chosen[0]])
    assert np.abs(sheet[4:68, 72:136].astype(int) - drawn).mean() < 1


def test_everything_that_ships_is_small():
    size = sum(path.stat().st_size for path in shipped().rglob("*") if path.is_file())
    assert size < LIMIT_MEGABYTES * 1e6
    assert RECORD["megabytes"] < 10
