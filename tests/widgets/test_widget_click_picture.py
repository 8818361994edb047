"""A picture to point at, without a browser: what the page is told, and what clicks and keys do."""

import ipywidgets
import numpy as np
import pytest

from pix2pix_edu.widgets.click_picture import ClickExplorer, ClickPicture
from pix2pix_edu.widgets.picture_view import IMAGE_CODE, PictureView


class Dot(ClickExplorer):
    help = "Click on the square."

    def draw(self, *, row, column):
        picture = np.zeros((8, 8, 3), np.uint8)
        picture[row, column] = 255
        return picture

    def on_click(self, across, down):
        self.set(row=int(down * 8), column=int(across * 8))


@pytest.fixture
def dot():
    return Dot({name: ipywidgets.IntSlider(3, 0, 7) for name in ("row", "column")}, title="A dot")


def test_a_picture_that_can_be_clicked_is_the_same_and_says_how():
    picture = ClickPicture(value=b"", alt="A map.", help="Click on it.")
    assert isinstance(picture, PictureView) and picture.get_state()["help"] == "Click on it."
    assert picture._esm.count(IMAGE_CODE.strip()) == 1


def test_a_click_is_handed_on_and_the_same_place_twice_is_two_clicks(dot):
    assert dot._image.help == "Click on the square."
    dot._image.click = [0.9, 0.2, 1.0]
    assert dot.values == {"row": 1, "column": 7} and dot.picture[1, 7].min() == 255
    dot.set(row=5)
    dot._image.click = [0.9, 0.2, 2.0]
    assert dot.values == {"row": 1, "column": 7}


def test_arrow_keys_count_from_where_one_is_and_stop_at_the_edge(dot):
    dot._image.moved = [1, -1]
    assert dot.values == {"row": 4, "column": 2}
    dot._image.moved = [1, -3]
    assert dot.values == {"row": 4, "column": 0}
    dot._image.moved = [90, -3]
    assert dot.values == {"row": 7, "column": 0}


def test_an_explorer_that_does_not_say_what_a_click_does_is_no_explorer():
    with pytest.raises(NotImplementedError):
        ClickExplorer.on_click(None, 0.5, 0.5)
