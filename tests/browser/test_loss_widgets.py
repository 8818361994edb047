"""The widgets of lesson 06 under a learner's hands: keyboard and mouse in JupyterLab."""

import pytest

LOSSES = """
from pix2pix_edu.gallery import load_gallery
from pix2pix_edu.widgets import LossExplorer

LossExplorer(load_gallery("losses"))
"""
AMBIGUITY = """
import pix2pix_edu as p2p
from pix2pix_edu.widgets import AmbiguityExplorer

pairs = p2p.load_pairs("emoji", image_size=32)
AmbiguityExplorer([one for one in pairs.variants if one.name == "flexed biceps"])
"""
TRAIN = """
from pix2pix_edu.widgets import TrainItYourself

TrainItYourself(pairs.train, pairs.test)
"""
EXPLORER, VALUE, TRAINING = ".p2p-lossexplorer", ".p2p-ambiguityexplorer", ".p2p-trainityourself"


@pytest.fixture(scope="module")
def notebook(open_notebook):
    return open_notebook("lesson_06", [LOSSES, AMBIGUITY, TRAIN])


def test_another_loss_shows_other_pictures(notebook):
    before = notebook.picture(f"{EXPLORER} img")
    notebook.wait_for_text(EXPLORER, "bce-conditional-100: PSNR")
    notebook.press(f"{EXPLORER} .noUi-handle", "ArrowRight")
    notebook.wait_for_text(EXPLORER, "bce-conditional-1000")
    before = notebook.wait_for_new_picture(f"{EXPLORER} img", before)
    notebook.click(EXPLORER, "none")
    notebook.wait_for_text(EXPLORER, "l1: PSNR")
    before = notebook.wait_for_new_picture(f"{EXPLORER} img", before)
    notebook.click(EXPLORER, "L2")
    notebook.wait_for_text(EXPLORER, "l2: PSNR")
    notebook.wait_for_new_picture(f"{EXPLORER} img", before)
    assert notebook.errors == []


def test_a_value_is_dragged_with_the_arrow_keys_and_set_with_a_button(notebook):
    before = notebook.picture(f"{VALUE} img")
    notebook.wait_for_text(VALUE, "You predict 198")
    handles = notebook.page.locator(f"{VALUE} .noUi-handle")
    handles.nth(2).focus()  # after those of drawing and area
    notebook.page.keyboard.press("ArrowRight")
    notebook.wait_for_text(VALUE, "You predict 199")
    before = notebook.wait_for_new_picture(f"{VALUE} img", before)
    notebook.click(VALUE, "medium-dark")
    notebook.wait_for_text(VALUE, "You predict 165")
    before = notebook.wait_for_new_picture(f"{VALUE} img", before)
    notebook.click(VALUE, "blue")
    notebook.wait_for_text(VALUE, "You predict 57")
    notebook.wait_for_new_picture(f"{VALUE} img", before)
    assert notebook.errors == []


def test_a_generator_is_trained_stopped_and_begun_anew(notebook):
    before = notebook.picture(f"{TRAINING} img")
    notebook.wait_for_text(TRAINING, "Step 0.")
    notebook.click(TRAINING, "Start")
    count = "(document.querySelector(selector).innerText.match(/Step ([\\d,]+)\\./) || [0, '0'])[1]"
    made = f"Number({count}.replace(',', ''))"
    notebook.page.wait_for_function(f"selector => {made} > 20", arg=TRAINING)
    before = notebook.wait_for_new_picture(f"{TRAINING} img", before)
    notebook.click(TRAINING, "Stop")
    notebook.wait_for_text(TRAINING, "Training: stopped")
    notebook.click(TRAINING, "hinge")
    notebook.wait_for_text(TRAINING, "Step 0. hinge")
    notebook.wait_for_new_picture(f"{TRAINING} img", before)
    assert notebook.errors == []
