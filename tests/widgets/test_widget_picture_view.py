"""The picture of a widget without a browser: what the page is told."""

import numpy as np

from pix2pix_edu.widgets.picture_view import PictureView
from pix2pix_edu.widgets.pictures import to_png


def test_the_page_gets_picture_description_and_width():
    png = to_png(np.zeros((4, 3, 3), np.uint8))
    state = PictureView(value=png, alt="A black field.", width=320).get_state()
    assert (bytes(state["value"]), state["alt"], state["width"]) == (png, "A black field.", 320)
    assert PictureView().get_state()["width"] is None, "pixel for pixel"
