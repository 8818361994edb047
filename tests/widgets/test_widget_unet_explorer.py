"""The architecture explorer, moved without a browser: what it draws has the sizes and counts of the real network."""

import numpy as np
import pytest

from pix2pix_edu.unet import count_parameters, generator_model
from pix2pix_edu.widgets import UnetExplorer, style
from pix2pix_edu.widgets.unet_explorer import BARS, BOTTOM, SHARP, deepest_for, seen_by_bottleneck, short

BLUE, ORANGE, SKY_BLUE = (style.rgb(colour) for colour in (style.BLUE, style.ORANGE, style.SKY_BLUE))


@pytest.fixture
def explorer():
    return UnetExplorer(image_size=64, filters=8)


def area(explorer, colour, top=0, bottom=BOTTOM):
    """How many pixels have this colour, in units of the displayed picture."""
    part = explorer.picture[SHARP * top : SHARP * bottom + 1]
    return int((part == colour).all(axis=-1).sum()) / SHARP**2


def test_the_total_is_that_of_the_built_generator(explorer):
    for size, filters, skips in ((32, 4, True), (64, 8, False), (128, 4, True)):
        explorer.set(size=size, filters=filters, skips=skips)
        built = generator_model(size, filters, skips=skips)
        total = sum(int(np.prod(variable.shape)) for variable in built.trainable_variables)
        assert explorer.table.total == total and f"{total:,} parameters" in explorer.text


def test_a_new_size_goes_down_to_one_pixel(explorer):
    for size in (32, 64, 128, 256, 512):
        explorer.set(size=size)
        depth = explorer.controls["depth"]
        assert depth.value == depth.max == deepest_for(size) == int(np.log2(size))
        assert "Bottleneck: 1 x 1 pixels" in explorer.text
    explorer.set(size=32)
    assert explorer.values["depth"] == 5


def test_size_and_depth_can_be_set_together(explorer):
    explorer.set(size=256, filters=64, depth=3)
    assert explorer.values["depth"] == 3
    assert explorer.table == count_parameters(256, 64, depth=3)
    assert "32 x 32 pixels with 256 channels" in explorer.text and "sees 22 x 22" in explorer.text


def test_skips_draw_bridges_and_wider_inputs(explorer):
    assert area(explorer, SKY_BLUE) > 500
    before = explorer.table.total
    explorer.set(skips=False)
    assert area(explorer, SKY_BLUE) == 0
    assert explorer.table.total < before and "without skips" in explorer.text


def test_each_control_moved_by_hand_changes_the_picture(explorer):
    for name, value in (("size", 128), ("filters", 64), ("depth", 4), ("skips", False)):
        before = explorer.png
        explorer.controls[name].value = value
        assert explorer.png != before, name
        assert explorer.error is None


def test_boxes_are_as_wide_as_their_channels(explorer):
    """Eight times the channels, where no box is at its smallest width: eight times the area of the encoder's boxes."""
    explorer.set(size=512, filters=64, depth=9)
    wide = area(explorer, BLUE)
    explorer.set(filters=32)
    narrow = area(explorer, BLUE)
    assert 1.8 < wide / narrow < 2.1


def test_the_largest_layer_has_the_highest_bar(explorer):
    explorer.set(size=256, filters=64)
    part = explorer.picture[SHARP * BARS[0] : SHARP * BARS[1]]
    is_orange = (part == ORANGE).all(axis=-1)
    is_blue = (part == BLUE).all(axis=-1)
    heights = is_orange.sum(axis=0).max(), is_blue.sum(axis=0).max()
    assert heights[0] == pytest.approx(2 * heights[1], rel=0.05), "8.4 million in the decoder, 4.2 in the encoder"
    assert "up_2, up_3, up_4: 46% of all" in explorer.text


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_what_a_pixel_of_the_bottleneck_sees_is_measured(depth):
    """Change one source pixel after the other: how many of them reach one pixel in the middle of the bottleneck?"""
    from pix2pix_edu.backend import keras

    size = 64
    x = source = keras.Input((size, 1))  # one dimension is enough: height and width are alike
    for _ in range(depth):
        x = keras.layers.Conv1D(1, 4, 2, "same", use_bias=False, kernel_initializer="ones")(x)
    reached = np.asarray(keras.Model(source, x)(np.eye(size, dtype="float32")[..., None]))[:, (size >> depth) // 2, 0]
    assert np.count_nonzero(reached) == seen_by_bottleneck(depth)


def test_numbers_are_short():
    assert [short(number) for number in (3, 999, 3072, 524_288, 1_048_832, 54_413_955, 123_000_000)] == [
        *("3", "999", "3.1K", "524K", "1.0M", "54.4M", "123M")
    ]
