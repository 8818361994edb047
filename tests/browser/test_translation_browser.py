"""Lesson 00 as a learner meets it: the whole notebook in JupyterLab, and its widgets under mouse and keyboard."""

from pathlib import Path

import pytest

LESSON = Path(__file__).resolve().parents[2] / "notebooks" / "00_start_here.ipynb"
BROWSER = ".p2p-translationbrowser"
PICTURE = f"{BROWSER} img"
PAD = ".p2p-sketchpad"


@pytest.fixture(scope="module")
def notebook(open_notebook):
    return open_notebook("lesson_00", LESSON)


def test_every_cell_of_the_first_lesson_runs_and_the_widget_is_there(notebook):
    assert notebook.picture(PICTURE)
    assert notebook.page.locator(".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.stderr']").count() == 0
    assert notebook.page.locator(".jp-RenderedText[data-mime-type*='error']").count() == 0


def test_the_pad_is_the_first_widget_and_the_shipped_model_colours_what_is_drawn(notebook):
    assert "p2p-sketchpad" in notebook.page.locator(".p2p-widget").first.get_attribute("class")
    before = notebook.picture(f"{PAD} .p2p-answer img")
    paper = notebook.page.locator(f"{PAD} .p2p-paper").bounding_box()
    notebook.page.mouse.move(paper["x"] + 30, paper["y"] + 60)
    notebook.page.mouse.down()
    notebook.page.mouse.move(paper["x"] + 200, paper["y"] + 60, steps=10)
    notebook.page.mouse.up()
    notebook.wait_for_new_picture(f"{PAD} .p2p-answer img", before)


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
