"""Lesson 00 as a learner meets it: the whole notebook in JupyterLab, and its widget under mouse and keyboard."""

from pathlib import Path

import pytest

LESSON = Path(__file__).resolve().parents[2] / "notebooks" / "00_start_here.ipynb"
BROWSER = ".p2p-translationbrowser"
PICTURE = f"{BROWSER} img"


@pytest.fixture(scope="module")
def notebook(open_notebook):
    return open_notebook("lesson_00", LESSON)


def test_every_cell_of_the_first_lesson_runs_and_the_widget_is_there(notebook):
    assert notebook.picture(PICTURE)
    assert notebook.page.locator(".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.stderr']").count() == 0
    assert notebook.page.locator(".jp-RenderedText[data-mime-type*='error']").count() == 0


def test_the_arrow_keys_choose_another_drawing(notebook):
    before = notebook.picture(PICTURE)
    notebook.press(f"{BROWSER} .noUi-handle", "ArrowRight")
    notebook.wait_for_text(BROWSER, "Pair 102")
    notebook.wait_for_new_picture(PICTURE, before)


def test_dropout_adds_noise_to_the_picture(notebook):
    before = notebook.picture(PICTURE)
    notebook.page.locator(f"{BROWSER} input[type=checkbox]").click()
    notebook.wait_for_text(BROWSER, "Dropout on, seed 0")
    notebook.wait_for_new_picture(PICTURE, before)
    assert notebook.errors == []
