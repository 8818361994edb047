"""The label painter under a learner's hands: rectangles are dragged, selected and deleted in JupyterLab."""

import re

import pytest

CELLS = [
    """
import pix2pix_edu as p2p
from pix2pix_edu.widgets import LabelPainter

model = p2p.generator_model(32, 4, seed=1)
model.set_weights([5 * weight for weight in model.get_weights()])  # untrained, it would draw plain grey
painter = LabelPainter(model)
""",
    "painter",
    "print(painter.items[-1], len(painter.items))",
]
PAINTER = ".p2p-labelpainter"
PAPER, LABELS, ANSWER = f"{PAINTER} .p2p-paper", f"{PAINTER} .p2p-paper img", f"{PAINTER} .p2p-answer img"


@pytest.fixture(scope="module")
def notebook(open_notebook):
    return open_notebook("labels", CELLS)


def cell(notebook, x, y):
    """Where the middle of a pixel of the label map is on the screen."""
    paper = notebook.page.locator(PAPER).first
    paper.scroll_into_view_if_needed()
    box = paper.bounding_box()
    return box["x"] + box["width"] * (x + 0.5) / 32, box["y"] + box["height"] * (y + 0.5) / 32


def drag(notebook, first, last, release=True):
    mouse = notebook.page.mouse
    mouse.move(*cell(notebook, *first))
    mouse.down()
    mouse.move(*cell(notebook, *last), steps=6)
    if release:
        mouse.up()


def choose(notebook, part):
    notebook.page.locator(f"{PAINTER} [data-part={part}]").click()


def in_the_kernel(notebook):
    """What Python holds: the rectangle on top, and how many there are."""
    notebook.page.locator(f"{PAPER}:not([data-state=waiting])").wait_for()
    notebook.page.evaluate("window.jupyterapp.shell.currentWidget.content.activeCellIndex = 2")
    notebook.page.evaluate("async () => await window.jupyterapp.commands.execute('notebook:run-cell')")
    output = notebook.page.locator(".jp-Notebook .jp-CodeCell").nth(2).locator(".jp-OutputArea-output").last
    part, *numbers = re.findall(r"\w+", output.inner_text())
    return (part, *map(int, numbers[:-1])), int(numbers[-1])


def colour(notebook, x, y):
    """The colour of a pixel of the label map as it is painted on the screen."""
    script = """async ([selector, x, y]) => {
        const image = document.querySelector(selector); await image.decode();
        const canvas = document.createElement("canvas"); canvas.width = canvas.height = image.naturalWidth;
        const pen = canvas.getContext("2d"); pen.drawImage(image, 0, 0);
        return [...pen.getImageData(x, y, 1, 1).data].slice(0, 3) }"""
    return notebook.page.evaluate(script, [LABELS, x, y])


def test_a_dragged_rectangle_is_painted_and_the_picture_follows_on_the_way(notebook):
    before = notebook.picture(ANSWER)
    choose(notebook, "door")
    drag(notebook, (10, 12), (13, 20), release=False)
    during = notebook.wait_for_new_picture(ANSWER, before)
    notebook.wait_for_text(f"{PAINTER} .p2p-where", "door, 4 x 9 pixels")
    notebook.page.mouse.move(*cell(notebook, 16, 25), steps=4)
    notebook.wait_for_new_picture(ANSWER, during)
    notebook.page.mouse.up()
    assert in_the_kernel(notebook) == (("door", 10, 12, 7, 14), 3)
    assert colour(notebook, 10, 12) == colour(notebook, 16, 25) == [0, 170, 255]
    assert colour(notebook, 9, 12) == colour(notebook, 17, 25) == [0, 0, 255]
    assert notebook.errors == []


def test_a_click_selects_and_delete_takes_away_and_undo_brings_back(notebook):
    choose(notebook, "window")
    drag(notebook, (20, 12), (22, 16))
    assert in_the_kernel(notebook) == (("window", 20, 12, 3, 5), 4)
    before = notebook.picture(ANSWER)
    notebook.page.mouse.click(*cell(notebook, 21, 14))
    notebook.press(PAPER, "Delete")
    before = notebook.wait_for_new_picture(ANSWER, before)
    assert in_the_kernel(notebook)[1] == 3
    notebook.page.locator(f"{PAINTER} .p2p-undo").click()
    before = notebook.wait_for_new_picture(ANSWER, before)
    assert in_the_kernel(notebook) == (("window", 20, 12, 3, 5), 4)
    button = notebook.page.locator(f"{PAINTER} .p2p-delete")
    assert button.get_attribute("aria-disabled") == "true"
    notebook.page.mouse.click(*cell(notebook, 21, 14))
    assert button.get_attribute("aria-disabled") == "false"
    button.click()
    notebook.wait_for_new_picture(ANSWER, before)
    assert in_the_kernel(notebook)[1] == 3
    assert notebook.errors == []


def test_the_class_under_the_pointer_has_a_name(notebook):
    notebook.page.mouse.move(*cell(notebook, 4, 10))
    notebook.wait_for_text(f"{PAINTER} .p2p-where", "facade")
    notebook.page.mouse.move(*cell(notebook, 0, 0))
    notebook.page.wait_for_function("where => !document.querySelector(where).textContent", arg=f"{PAINTER} .p2p-where")
    assert notebook.page.locator(f"{PAINTER} .p2p-part").all_inner_texts()[:3] == ["background", "facade", "window"]


def test_a_house_is_loaded_and_the_site_is_cleared(notebook):
    before = notebook.picture(ANSWER)
    notebook.page.locator(f"{PAINTER} .p2p-start[title='house 2000055']").click()
    before = notebook.wait_for_new_picture(ANSWER, before)
    assert in_the_kernel(notebook)[1] > 20
    notebook.page.locator(f"{PAINTER} .p2p-clear").click()
    notebook.wait_for_new_picture(ANSWER, before)
    assert colour(notebook, 16, 16) == [0, 0, 170]
    notebook.page.locator(f"{PAINTER} .p2p-undo").click()
    assert in_the_kernel(notebook)[1] > 20
    assert notebook.errors == []


def test_the_keyboard_paints_selects_and_deletes(notebook):
    count = in_the_kernel(notebook)[1]
    choose(notebook, "balcony")
    notebook.press(PAPER, "ArrowLeft", "Space", "Shift+ArrowRight", "ArrowDown", "Space")
    assert in_the_kernel(notebook) == (("balcony", 15, 16, 5, 2), count + 1)
    notebook.press(PAPER, "ArrowLeft", "Enter", "Delete")
    assert in_the_kernel(notebook)[1] == count
    assert notebook.errors == []
