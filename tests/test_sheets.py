"""Sample sheets: every picture where it belongs, to the pixel."""

import io

import numpy as np
import pytest
from PIL import Image

from pix2pix_edu.errors import UsageError
from pix2pix_edu.sheets import GAP, PAPER_GREY, make_sheet, save_picture, to_png

RNG = np.random.default_rng(0)
SOURCES = RNG.integers(0, 256, (5, 8, 10, 1)).astype("uint8")
TARGETS = RNG.integers(0, 256, (5, 8, 10, 3)).astype("uint8")


@pytest.mark.parametrize("per_row", [1, 2, 5])
def test_every_picture_is_at_its_place(per_row):
    sheet = make_sheet(SOURCES, TARGETS, per_row=per_row)
    for example in range(5):
        top = GAP + (example // per_row) * (8 + GAP)
        left = GAP + (example % per_row) * (2 * (10 + GAP) + GAP)
        np.testing.assert_array_equal(sheet[top : top + 8, left : left + 10], np.repeat(SOURCES[example], 3, axis=-1))
        np.testing.assert_array_equal(sheet[top : top + 8, left + 10 + GAP :][:, :10], TARGETS[example])


def test_gaps_are_grey_and_surround_the_sheet():
    sheet = make_sheet(TARGETS)
    for edge in (sheet[:GAP], sheet[-GAP:], sheet[:, :GAP], sheet[:, -GAP:]):
        assert (edge == PAPER_GREY).all()


def test_scale_enlarges_without_smoothing():
    small, large = make_sheet(TARGETS), make_sheet(TARGETS, scale=3)
    np.testing.assert_array_equal(large[1::3, 1::3], small)


def test_png_holds_the_pixels(tmp_path):
    sheet = make_sheet(TARGETS)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(to_png(sheet)))), sheet)
    path = save_picture(sheet, tmp_path / "new" / "sheet.png")
    np.testing.assert_array_equal(np.asarray(Image.open(path)), sheet)


def test_more_than_three_channels_show_the_first_three():
    many = np.concatenate([TARGETS, TARGETS], axis=-1)
    np.testing.assert_array_equal(make_sheet(many), make_sheet(TARGETS))


def test_what_cannot_be_a_sheet_is_explained():
    with pytest.raises(UsageError, match=r"\[5, 4\]"):
        make_sheet(SOURCES, TARGETS[:4])
    with pytest.raises(UsageError, match="columns of the same length"):
        make_sheet(SOURCES[:0])
    with pytest.raises(UsageError, match="float64"):
        make_sheet(SOURCES / 255)
    with pytest.raises(UsageError, match=r"pictures of one size, but these have \[\(8, 9\), \(8, 10\)\]"):
        make_sheet(SOURCES, TARGETS[:, :, :9])
    with pytest.raises(UsageError, match=r"must be uint8 .* not uint8 \(5, 0, 10, 1\)"):
        make_sheet(SOURCES[:, :0])
    for wrong in ({"per_row": 0}, {"scale": -1}, {"scale": 1.5}):
        with pytest.raises(UsageError, match="does not work: give a whole number of at least 1"):
            make_sheet(SOURCES, **wrong)
    assert make_sheet(SOURCES, per_row=np.int64(2), scale=np.uint8(1)).ndim == 3
