"""Pictures for widgets: encoded without loss, large enough to see, side by side."""

import numpy as np
import pytest
from PIL import Image

from pix2pix_edu.errors import UsageError
from pix2pix_edu.widgets.pictures import GAP, LABEL_HEIGHT, PAPER, as_rgb, at_size, column, from_png, row, to_png

NOISE = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)


@pytest.mark.parametrize("picture", [NOISE, NOISE[..., 0], NOISE[..., :1], Image.fromarray(NOISE)])
def test_png_keeps_every_pixel(picture):
    assert (from_png(to_png(picture)) == as_rgb(np.asarray(picture))).all()


def test_a_figure_of_matplotlib_is_encoded():
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2, 1), dpi=50)
    figure.subplots().plot([0, 1])
    assert from_png(to_png(figure)).shape == (50, 100, 3)


def test_floats_are_refused_with_the_type_that_is_wanted():
    with pytest.raises(UsageError, match=r"uint8.*float64"):
        to_png(np.zeros((2, 2, 3)))


@pytest.mark.parametrize("channels, expected", [(1, [0, 0, 0]), (2, [0, 0, 0]), (3, [0, 1, 2]), (5, [0, 1, 2])])
def test_any_number_of_channels_can_be_shown(channels, expected):
    image = np.arange(channels, dtype=np.uint8) * np.ones((2, 2, 1), np.uint8)
    assert as_rgb(image)[0, 0].tolist() == expected


def test_small_pictures_grow_by_whole_factors_and_keep_their_pixels():
    assert (at_size(NOISE, 20)[::4, ::4] == NOISE).all() and at_size(NOISE, 20).shape == (20, 28, 3)
    assert (at_size(NOISE, 1) == NOISE).all()


def test_large_pictures_shrink_and_keep_their_proportions():
    tall = np.full((600, 300, 3), 90, np.uint8)
    assert at_size(tall).shape == (256, 128, 3) and (at_size(tall) == 90).all()


def test_a_row_holds_all_pictures_in_order_and_labels_them():
    plain = row([NOISE, NOISE[:3]])
    assert plain.shape == (5, 14 + GAP, 3)
    assert (
        (plain[:, :7] == NOISE).all() and (plain[:3, 7 + GAP :] == NOISE[:3]).all() and (plain[3:, 7:] == PAPER).all()
    )
    wide = NOISE.repeat(20, axis=1)
    labelled = row([wide, wide], ["source"])
    assert labelled.shape == (5 + LABEL_HEIGHT, 280 + GAP, 3)
    top = labelled[:LABEL_HEIGHT]
    assert (top[:, :140] < 128).any() and (top[:, 140:] == PAPER).all(), "the label stands above its own picture only"


def test_a_column_holds_all_pictures_from_top_to_bottom():
    stacked = column([NOISE, NOISE[:, :2]])
    assert (stacked[:5] == NOISE).all() and (stacked[5 + GAP :, :2] == NOISE[:, :2]).all()
    assert (stacked[5 + GAP :, 2:] == PAPER).all()
