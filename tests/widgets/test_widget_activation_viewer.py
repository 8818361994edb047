"""The viewer of activations, moved without a browser: its numbers are the library's, and clicks choose the place."""

import numpy as np
import pytest

import pix2pix_edu as p2p
from pix2pix_edu.insight import activations, effective_side, influence, seen_by
from pix2pix_edu.patchgan import Patch
from pix2pix_edu.widgets import ActivationViewer, style
from pix2pix_edu.widgets.activation_viewer import channel_picture
from pix2pix_edu.widgets.patch_finder import PANEL
from pix2pix_edu.widgets.pictures import GAP, LABEL_HEIGHT

RNG = np.random.default_rng(0)
SPLIT = p2p.Split(*RNG.integers(0, 256, (2, 3, 32, 32, 3)).astype("uint8"), ["a", "b", "c"])


@pytest.fixture
def viewer(model):
    return ActivationViewer(model, SPLIT)


def test_channel_field_and_gradient_are_those_of_the_library(viewer, model):
    viewer.set(index=1, layer="down_3", rank=2, row=1, column=3)
    maps = activations(model, SPLIT.sources[1:2], ["down_3"])["down_3"][0]
    channel = np.argsort(-maps.std(axis=(0, 1)))[1]
    gradient = influence(model, SPLIT.sources[1], "down_3", 1, 3, channel)
    assert viewer.channel == channel and viewer.patch == seen_by(model, "down_3", 1, 3)
    np.testing.assert_allclose(viewer.values_of_map, gradient)
    assert f"is {maps[1, 3, channel]:.2f} in row 1, column 3" in viewer.text
    assert f"would fit into {effective_side(gradient):.0f} x" in viewer.text


def test_the_gradient_lies_inside_what_the_place_can_see(viewer):
    viewer.set(layer="down_2", row=4, column=5)
    top, left, bottom, right = viewer.patch
    outside = viewer.values_of_map.copy()
    outside[top:bottom, left:right] = 0
    assert viewer.values_of_map.max() > 0 and outside.max() == 0


@pytest.mark.parametrize(("name", "value"), [("index", 2), ("layer", "up_3"), ("rank", 3), ("row", 6), ("column", 1)])
def test_each_control_moves_the_picture_and_the_words(viewer, name, value):
    before = viewer.png, viewer.text
    viewer.controls[name].value = value
    assert viewer.png != before[0] and viewer.text != before[1]


def test_every_layer_and_its_last_channel_can_be_shown(viewer):
    for layer in viewer.controls["layer"].options:
        viewer.set(layer=layer)
        viewer.set(rank=viewer.controls["rank"].max)
        assert viewer.error is None and f". {layer} has " in viewer.text
        assert f"number {viewer.values['rank']} when" in viewer.text


def test_a_new_layer_keeps_the_place_even_by_way_of_the_bottleneck(viewer):
    viewer.set(layer="down_1", row=12, column=3)
    viewer.set(layer="down_2")
    assert (viewer.values["row"], viewer.values["column"]) == (6, 1)
    viewer.set(layer="down_5")
    assert viewer.controls["row"].disabled and viewer.patch == Patch(0, 0, 32, 32)
    assert "1 x 1 place and" in viewer.text
    viewer._image.moved = [1, 1]  # an arrow key where there is only one place
    assert viewer.error is None and "in row 0, column 0" in viewer.text
    viewer.set(layer="down_1")
    assert not viewer.controls["row"].disabled
    assert (viewer.values["row"], viewer.values["column"]) == (13, 3), "the middle of the place that was (6, 1)"


@pytest.mark.parametrize("panel", [0, 1, 2])
def test_a_click_chooses_the_place_under_it(viewer, panel):
    height, width = viewer.picture.shape[:2]
    viewer.set(layer="down_2")
    x, y = panel * (PANEL + GAP) + 2.5 * PANEL / 8, LABEL_HEIGHT + 6.5 * PANEL / 8
    viewer._image.click = [x / width, y / height, panel + 1.0]
    assert (viewer.values["row"], viewer.values["column"]) == (6, 2)


def test_a_click_beside_the_pictures_changes_nothing(viewer):
    before = viewer.values
    viewer._image.click = [(PANEL + GAP / 2) / viewer.picture.shape[1], 0.5, 1.0]
    viewer._image.click = [0.2, 0.0, 2.0]
    assert viewer.values == before


def test_a_place_whose_relu_is_off_is_said_to_answer_to_nothing():
    flat = p2p.generator_model(32, 2, seed=0)
    flat.set_weights([0 * weight for weight in flat.get_weights()])
    assert "no small change of the drawing moves it" in ActivationViewer(flat, SPLIT).text


def test_what_was_computed_once_is_remembered(viewer):
    before = viewer.values_of_map
    viewer.set(row=2)
    viewer.set(row=4)
    assert viewer.values_of_map is before


def test_the_channel_goes_from_blue_to_yellow_and_the_place_is_framed():
    picture = channel_picture(np.array([[0.0, 1.0], [2.0, 4.0]]), (1, 0))
    middles = picture[[64, 64, 192, 192], [64, 192, 64, 192]].astype(int)
    assert middles.sum(axis=1).tolist() == sorted(middles.sum(axis=1)), "brighter is more"
    assert tuple(picture[PANEL // 2 - 1, 64]) == style.rgb(style.VERMILLION)
    assert (channel_picture(np.ones((2, 2)), (0, 0))[192, 192] == [0, 34, 78]).all(), "all equal is no error"
