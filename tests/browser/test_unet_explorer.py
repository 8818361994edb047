"""The widgets of lesson 04 under a learner's hands: keyboard and mouse in JupyterLab."""

import pytest

CUTTER = """
import numpy as np
import pix2pix_edu as p2p
from pix2pix_edu.translation import Translator
from pix2pix_edu.widgets import SkipCutter

generator = p2p.generator_model(32, 4, seed=1)
generator.set_weights([5 * weight for weight in generator.get_weights()])
pictures = np.random.default_rng(0).integers(0, 256, (2, 3, 32, 32, 3)).astype("uint8")
SkipCutter(Translator(generator), p2p.Split(*pictures, ["a", "b", "c"]))
"""
EXPLORER = """
from pix2pix_edu.widgets import UnetExplorer

UnetExplorer(image_size=256, filters=64)
"""
EXERCISE = """
from pix2pix_edu.exercises.lesson_04 import q1, quiz

def conv_parameters(kernel, inputs, outputs, bias):
    return kernel * kernel * inputs * outputs

q1.check(conv_parameters)
"""
BOX, CUT, QUIZ = ".p2p-unetexplorer", ".p2p-skipcutter", ".p2p-quiz"


@pytest.fixture(scope="module")
def notebook(open_notebook):
    return open_notebook("lesson_04", [EXPLORER, CUTTER, EXERCISE, "quiz"])


def test_size_filters_depth_and_skips_redraw_the_network(notebook):
    notebook.wait_for_text(BOX, "54,413,955 parameters")
    before = notebook.picture(f"{BOX} img")
    notebook.press(f"{BOX} input[type=checkbox]", "Space")
    notebook.wait_for_text(BOX, "without skips")
    before = notebook.wait_for_new_picture(f"{BOX} img", before)
    notebook.page.locator(f"{BOX} .widget-toggle-button", has_text="64 px").click()
    notebook.wait_for_text(BOX, "64 px, 64 filters, depth 6")
    before = notebook.wait_for_new_picture(f"{BOX} img", before)
    handles = notebook.page.locator(f"{BOX} .noUi-handle")
    assert handles.count() == 2
    for number, words in ((0, "64 px, 32 filters, depth 6"), (1, "64 px, 32 filters, depth 5")):
        handles.nth(number).focus()
        notebook.page.keyboard.press("ArrowLeft")
        notebook.wait_for_text(BOX, words)
        before = notebook.wait_for_new_picture(f"{BOX} img", before)
    assert notebook.errors == []


def test_a_skip_is_cut_and_mended_with_the_keyboard(notebook):
    whole = notebook.picture(f"{CUT} img")
    notebook.press(f"{CUT} input[type=checkbox]", "Space")
    notebook.wait_for_text(CUT, "Cut: 16 x 16")
    cut = notebook.wait_for_new_picture(f"{CUT} img", whole)
    notebook.press(f"{CUT} input[type=checkbox]", "Space")
    notebook.wait_for_new_picture(f"{CUT} img", cut)
    assert "Cut:" not in notebook.text(CUT)
    assert notebook.errors == []


def test_another_drawing_is_chosen_with_the_arrow_keys(notebook):
    before = notebook.picture(f"{CUT} img")
    notebook.press(f"{CUT} .noUi-handle", "ArrowRight")
    notebook.wait_for_text(CUT, "Pair 1, b")
    notebook.wait_for_new_picture(f"{CUT} img", before)


def test_a_wrong_count_is_explained_and_the_quiz_answers(notebook):
    output = notebook.page.locator(".jp-OutputArea-output", has_text="q1: not yet")
    assert "biases are missing" in output.first.inner_text()
    notebook.press(f"{QUIZ} input[type=radio]", "Space")
    notebook.wait_for_text(QUIZ, "features, not pixels")
    assert notebook.errors == []
