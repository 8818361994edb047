"""Why this pixel, moved without a browser: the maps are the library's, and clicks choose the pixel under them."""

import numpy as np
import pytest

import pix2pix_edu as p2p
from pix2pix_edu.insight import occlude, pixel_gradient
from pix2pix_edu.widgets import WhyThisPixel, style
from pix2pix_edu.widgets.pictures import GAP, LABEL_HEIGHT
from pix2pix_edu.widgets.why_this_pixel import SIZE, STRIDE, WINDOW, heat, marked

RNG = np.random.default_rng(0)
SPLIT = p2p.Split(*RNG.integers(0, 256, (2, 3, 32, 32, 3)).astype("uint8"), ["a", "b", "c"])


@pytest.fixture
def why(model):
    return WhyThisPixel(model, SPLIT)


def test_it_begins_with_the_occlusion_map_of_the_middle(why, model):
    assert why.values == {"index": 0, "method": "occlusion", "row": 16, "column": 16}
    expected = occlude(model, SPLIT.sources[0], WINDOW, STRIDE).map_of(16, 16)
    np.testing.assert_allclose(why.values_of_map, expected)
    assert "The pixel in row 16, column 16 is (" in why.text and "grey levels, when paper covers" in why.text


def test_the_other_method_shows_the_gradient(why, model):
    before = why.png
    why.controls["method"].value = "gradient"
    expected = np.abs(pixel_gradient(model, SPLIT.sources[0], 16, 16)).sum(axis=-1)
    np.testing.assert_allclose(why.values_of_map, expected, rtol=1e-4)
    assert why.png != before and "for each of the source" in why.text


@pytest.mark.parametrize("method", ["occlusion", "gradient"])
@pytest.mark.parametrize(("name", "value"), [("row", 3), ("column", 30), ("index", 2)])
def test_each_control_moves_the_picture_and_the_map(why, method, name, value):
    why.set(method=method)
    png, values = why.png, why.values_of_map
    why.controls[name].value = value
    assert why.png != png and not np.array_equal(why.values_of_map, values)


def test_what_was_computed_once_is_remembered(why):
    why.set(method="gradient", row=2)
    before = why.values_of_map
    why.set(row=5)
    why.set(row=2)
    assert why.values_of_map is before
    assert why._occlusion(0) is why._occlusion(0)


@pytest.mark.parametrize("panel", [0, 1, 2])
def test_a_click_chooses_the_pixel_under_it(why, panel):
    height, width = why.picture.shape[:2]
    x, y = panel * (SIZE + GAP) + (20 + 0.5) * SIZE / 32, LABEL_HEIGHT + (9 + 0.5) * SIZE / 32
    why._image.click = [x / width, y / height, panel + 1.0]
    assert (why.values["row"], why.values["column"]) == (9, 20)


@pytest.mark.parametrize("place", [(0.1, 0.0), (192 / 600 + 0.005, 0.5)])
def test_a_click_beside_the_pictures_changes_nothing(why, place):
    why._image.click = [*place, 1.0]
    assert (why.values["row"], why.values["column"]) == (16, 16)


def test_arrow_keys_move_the_pixel_and_stop_at_the_edge(why):
    why._image.moved = [1, -2]
    assert (why.values["row"], why.values["column"]) == (17, 14)
    why._image.moved = [99, -99]
    assert (why.values["row"], why.values["column"]) == (31, 0)


def test_a_pixel_that_nothing_moves_is_said_to_be_so():
    flat = p2p.generator_model(32, 2, seed=0)
    flat.set_weights([0 * weight for weight in flat.get_weights()])
    assert "Nothing in the drawing moves it." in WhyThisPixel(flat, SPLIT).text


def test_heat_goes_from_white_over_blue_to_black_and_shows_the_lines():
    colours = heat(np.array([[0.0, 0.25, 1.0]]))
    np.testing.assert_array_equal(colours[0], [[255, 255, 255], [0, 114, 178], [0, 0, 0]])
    ink = heat(np.zeros((1, 2)), np.array([[[0] * 3, [255] * 3]], np.uint8))
    assert ink[0, 0, 2] < 100 < ink[0, 0, 0] and (ink[0, 1] == 255).all()


def test_the_mark_frames_the_pixel_and_leaves_it_as_it_is():
    picture = np.zeros((64, 64, 3), np.uint8)
    result = marked(picture, 3, 4, 8)
    assert (result[24:32, 32:40] == 0).all() and (result[22, 30] == 255).all()
    assert tuple(result[21, 29]) == style.rgb(style.VERMILLION)
    np.testing.assert_array_equal(picture, 0)
