"""The augmentation explorer under a learner's hands: buttons, and a student that is taught, stopped and begun anew."""

import pytest

START = """
from dataclasses import replace

from pix2pix_edu import augmentation_study
from pix2pix_edu.widgets import AugmentationExplorer

quick = replace(augmentation_study.SCALES["quick"], widths=(2, 2), steps=4000, batch_size=1, test=2)
augmentation_study.SCALES["quick"] = quick
AugmentationExplorer(scale="quick")
"""
EXPLORER = ".p2p-augmentationexplorer"


@pytest.fixture(scope="module")
def notebook(open_notebook):
    return open_notebook("lesson_11", [START])


def test_buttons_choose_the_pairs_and_their_painter(notebook):
    before = notebook.picture(f"{EXPLORER} img")
    notebook.wait_for_text(EXPLORER, "20 real: class IoU")
    notebook.click(EXPLORER, "180")
    notebook.wait_for_text(EXPLORER, "20 real + 180 by own generator: class IoU")
    before = notebook.wait_for_new_picture(f"{EXPLORER} img", before)
    notebook.click(EXPLORER, "other generator")
    notebook.wait_for_text(EXPLORER, "180 by other generator: class IoU")
    before = notebook.wait_for_new_picture(f"{EXPLORER} img", before)
    notebook.page.locator(f"{EXPLORER} input[type=checkbox]").first.check()
    notebook.wait_for_text(EXPLORER, "moved and recoloured: class IoU")
    notebook.wait_for_new_picture(f"{EXPLORER} img", before)
    assert notebook.errors == []


def test_a_student_is_taught_stopped_and_begun_anew(notebook):
    notebook.click(EXPLORER, "Start")
    step = "Number((document.querySelector(selector).innerText.match(/Your training: step (\\d+)/) || [0, 0])[1])"
    notebook.page.wait_for_function(f"selector => {step} > 10", arg=EXPLORER)
    notebook.click(EXPLORER, "Stop")
    notebook.wait_for_text(EXPLORER, "Teaching: stopped")
    notebook.click(EXPLORER, "flat colours")
    notebook.wait_for_text(EXPLORER, "Teaching: ready")
    notebook.wait_for_text(EXPLORER, "This combination was not measured")
    notebook.wait_until_gone(EXPLORER, "Your training")  # the job's last words may come just before the new picture
    assert notebook.errors == []
