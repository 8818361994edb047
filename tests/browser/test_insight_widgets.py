"""The widgets of lesson 13 under a learner's hands: keyboard and mouse in JupyterLab."""

import pytest

START = """
import numpy as np
import pix2pix_edu as p2p
from pix2pix_edu.widgets import ActivationViewer, BottleneckDial, LimitsBench, WhyThisPixel

model = p2p.load_example_model("emoji")
pairs = p2p.load_pairs("emoji", image_size=64)
split = pairs.test[:12]
LimitsBench(model, split, pairs.train.sources[:100])
"""
BENCH, WHY, DIAL = ".p2p-limitsbench", ".p2p-whythispixel", ".p2p-bottleneckdial"
VIEWER = ".p2p-activationviewer"


@pytest.fixture(scope="module")
def notebook(open_notebook):
    return open_notebook(
        "lesson_13",
        [START, *(f"{name}(model, split)" for name in ("WhyThisPixel", "BottleneckDial", "ActivationViewer"))],
    )


def test_a_drawing_is_turned_and_inverted_with_the_keyboard(notebook):
    before = notebook.picture(f"{BENCH} img")
    handles = notebook.page.locator(f"{BENCH} .noUi-handle")
    handles.nth(1).focus()
    notebook.page.keyboard.press("ArrowRight")
    notebook.wait_for_text(BENCH, "turned by 15 degrees")
    before = notebook.wait_for_new_picture(f"{BENCH} img", before)
    notebook.press(f"{BENCH} input[type=checkbox]", "Space")
    notebook.wait_for_text(BENCH, "white on black")
    notebook.wait_for_new_picture(f"{BENCH} img", before)
    assert notebook.errors == []


def test_a_click_and_the_arrow_keys_choose_a_pixel(notebook):
    before = notebook.picture(f"{WHY} img")
    notebook.click_inside(f"{WHY} img", 0.5, 0.3)
    before = notebook.wait_for_new_picture(f"{WHY} img", before)
    row = notebook.text(f"{WHY}").split("The pixel in row ")[1].split(",")[0]
    notebook.page.keyboard.press("ArrowDown")
    notebook.wait_for_text(WHY, f"The pixel in row {int(row) + 1},")
    before = notebook.wait_for_new_picture(f"{WHY} img", before)
    notebook.page.locator(f"{WHY} .widget-toggle-button", has_text="gradient").click()
    notebook.wait_for_text(WHY, "for each of the source")
    notebook.wait_for_new_picture(f"{WHY} img", before)
    assert notebook.errors == []


def test_the_dial_is_turned_with_the_keyboard(notebook):
    before = notebook.picture(f"{DIAL} img")
    handles = notebook.page.locator(f"{DIAL} .noUi-handle")
    handles.nth(2).focus()
    notebook.page.keyboard.press("ArrowRight")
    notebook.wait_for_text(DIAL, "-2.5 standard deviations")
    before = notebook.wait_for_new_picture(f"{DIAL} img", before)
    notebook.page.locator(f"{DIAL} .widget-toggle-button", has_text="unit").click()
    notebook.wait_for_text(DIAL, "Unit 0 is")
    notebook.wait_for_new_picture(f"{DIAL} img", before)
    assert notebook.errors == []


def test_layers_and_places_are_chosen_with_mouse_and_keyboard(notebook):
    before = notebook.picture(f"{VIEWER} img")
    notebook.click_inside(f"{VIEWER} img", 0.5, 0.3)
    before = notebook.wait_for_new_picture(f"{VIEWER} img", before)
    row = notebook.text(VIEWER).split(" in row ")[1].split(",")[0]
    notebook.page.keyboard.press("ArrowUp")
    notebook.wait_for_text(VIEWER, f"in row {int(row) - 1},")
    before = notebook.wait_for_new_picture(f"{VIEWER} img", before)
    for layer, words in (("down_6", "1 x 1 place and"), ("up_5", "sees 64 x 64 pixels")):
        notebook.page.locator(f"{VIEWER} .widget-toggle-button", has_text=layer).click()
        notebook.wait_for_text(VIEWER, words)
        before = notebook.wait_for_new_picture(f"{VIEWER} img", before)
    assert f"in row {2 * (int(row) - 1) + 1}," in notebook.text(VIEWER), "the place is kept on the way through"
    assert notebook.errors == []
