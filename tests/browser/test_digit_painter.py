"""The widget of lesson 03 under a learner's hands: mouse and keyboard in JupyterLab."""

import pytest

PAINTER = ".p2p-digitpainter"
PICTURE = f"{PAINTER} img"


@pytest.fixture(scope="module")
def notebook(open_notebook):
    return open_notebook("lesson_03", ["from pix2pix_edu.widgets import DigitPainter\nDigitPainter()"])


def click(notebook, label):
    notebook.page.locator(f"{PAINTER} .widget-toggle-button").get_by_text(label, exact=True).click()


def test_digit_and_colour_are_chosen_with_the_mouse(notebook):
    before = notebook.picture(PICTURE)
    click(notebook, "7")
    before = notebook.wait_for_new_picture(PICTURE, before)
    click(notebook, "red")
    notebook.wait_for_new_picture(PICTURE, before)
    notebook.wait_for_text(PAINTER, 'Asked for "a red seven"; the discriminator saw the text.')
    notebook.wait_for_text(PAINTER, "never shown in training")
    assert notebook.errors == []


def test_taking_the_text_away_changes_the_picture(notebook):
    before = notebook.picture(PICTURE)
    click(notebook, "did not see it")
    notebook.wait_for_new_picture(PICTURE, before)
    notebook.wait_for_text(PAINTER, "the discriminator did not see the text")
    assert notebook.errors == []


def test_the_arrow_keys_move_the_noise(notebook):
    before = notebook.picture(PICTURE)
    notebook.press(f"{PAINTER} .noUi-handle", "ArrowRight", "ArrowRight")
    notebook.wait_for_new_picture(PICTURE, before)
    assert notebook.errors == []
