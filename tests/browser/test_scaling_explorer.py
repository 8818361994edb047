"""The widget of lesson 14 under a learner's hands: sliders moved by keyboard in JupyterLab."""

import pytest

EXPLORER = """
from pix2pix_edu.widgets import ScalingExplorer

ScalingExplorer()
"""
BOX = ".p2p-scalingexplorer"


@pytest.fixture(scope="module")
def notebook(open_notebook):
    return open_notebook("lesson_14", [EXPLORER])


def test_every_slider_redraws_the_step(notebook):
    notebook.wait_for_text(BOX, "8 devices, 256 px, batch 1 each (8 in all), 10 Gbit/s")
    before = notebook.picture(f"{BOX} img")
    handles = notebook.page.locator(f"{BOX} .noUi-handle")
    assert handles.count() == 5
    moves = [
        (0, "ArrowLeft", "8 devices, 128 px, batch 1 each"),
        (1, "ArrowRight", "8 devices, 128 px, batch 2 each (16 in all)"),
        (2, "ArrowRight", "16 devices, 128 px, batch 2 each (32 in all)"),
        (3, "ArrowRight", "25 Gbit/s"),
        (4, "ArrowRight", "divided by 1,000"),
    ]
    for number, key, words in moves:
        handles.nth(number).focus()
        notebook.page.keyboard.press(key)
        notebook.wait_for_text(BOX, words)
        before = notebook.wait_for_new_picture(f"{BOX} img", before)
    assert notebook.errors == []
