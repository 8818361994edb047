"""The picture of a widget without a browser: what the page is told."""

import numpy as np

from pix2pix_edu.widgets.patch_finder import ClickPicture
from pix2pix_edu.widgets.picture_view import IMAGE_CODE, PictureView
from pix2pix_edu.widgets.pictures import to_png


def test_the_page_gets_picture_description_and_width():
    png = to_png(np.zeros((4, 3, 3), np.uint8))
    state = PictureView(value=png, alt="A black field.", width=320).get_state()
    assert (bytes(state["value"]), state["alt"], state["width"]) == (png, "A black field.", 320)
    assert PictureView().get_state()["width"] is None, "pixel for pixel"


def test_a_picture_that_can_be_clicked_is_the_same_and_says_how():
    picture = ClickPicture(value=b"", alt="A map.", help="Click on it.")
    assert isinstance(picture, PictureView) and picture.get_state()["help"] == "Click on it."
    assert picture._esm.count(IMAGE_CODE.strip()) == 1
