"""The task browser under a learner's hands: buttons, slider, and a file of one's own, in JupyterLab."""

import numpy as np
import pytest
from PIL import Image

START = """
from pix2pix_edu.widgets import TaskBrowser

TaskBrowser(["glyphs", "inpaint"])
"""
BROWSER = ".p2p-taskbrowser"
PICTURE = f"{BROWSER} img"


@pytest.fixture(scope="module")
def notebook(open_notebook):
    return open_notebook("lesson_10", [START])


def test_task_pair_and_a_file_of_ones_own(notebook, tmp_path):
    before = notebook.picture(PICTURE)
    notebook.press(f"{BROWSER} .noUi-handle", "ArrowRight")
    notebook.wait_for_text(BROWSER, "Pair 1,")
    before = notebook.wait_for_new_picture(PICTURE, before)
    notebook.page.locator(f"{BROWSER} .widget-toggle-button", has_text="fill a hole").click()
    notebook.wait_for_text(BROWSER, "L1 over the hole")
    before = notebook.wait_for_new_picture(PICTURE, before)
    own = np.kron(np.random.default_rng(0).integers(0, 256, (8, 8, 3)), np.ones((10, 10, 1))).astype("uint8")
    Image.fromarray(own).save(tmp_path / "mine.png")
    with notebook.page.expect_file_chooser() as chooser:
        notebook.page.locator(f"{BROWSER} .widget-upload").click()
    chooser.value.set_files(tmp_path / "mine.png")
    notebook.wait_for_text(BROWSER, "Your picture mine.png")
    notebook.wait_for_new_picture(PICTURE, before)
    assert notebook.errors == []
