"""The widgets of lesson 05 under a learner's hands: mouse and keyboard in JupyterLab."""

import pytest

GALLERY = """
from types import SimpleNamespace
import numpy as np
import pix2pix_edu as p2p
from pix2pix_edu.widgets import PatchFinder, PatchMapHistory

rng, models = np.random.default_rng(0), {}
for field in (1, 16, 70):
    models[f"field-{field}"] = model = p2p.discriminator_model(32, 4, receptive_field=field, seed=field)
    model.set_weights([4 * weight if weight.ndim == 4 else weight for weight in model.get_weights()])
split = p2p.Split(*rng.integers(0, 256, (2, 3, 32, 32, 3)).astype("uint8"))
moments = {
    name: {
        "steps": np.array([0, 10, 1000]),
        "pictures": rng.integers(0, 256, (3, 2, 32, 32, 3)).astype("uint8"),
        "real_logits": rng.normal(1, 1, (3, 2, *model.output_shape[1:3])),
        "fake_logits": rng.normal(-1, 1, (3, 2, *model.output_shape[1:3])),
    }
    for name, model in models.items()
}
gallery = SimpleNamespace(
    split=split,
    rows=[{"name": name, "receptive_field": int(name[6:])} for name in models],
    discriminator=models.get,
    pictures=lambda name: split.targets[::-1],
    history=moments.get,
)
"""
EXERCISE = """
from pix2pix_edu.exercises.lesson_05 import q1, quiz

def receptive_field(layers):
    field = 1
    for kernel, stride in layers:
        field += kernel - 1
    return field

q1.check(receptive_field)
"""
FINDER, HISTORY, QUIZ = ".p2p-patchfinder", ".p2p-patchmaphistory", ".p2p-quiz"
PICTURE = f"{FINDER} img.p2p-clickable"


@pytest.fixture(scope="module")
def notebook(open_notebook):
    cells = [GALLERY, "PatchFinder(gallery)", "PatchMapHistory(gallery)", EXERCISE, "quiz"]
    return open_notebook("lesson_05", cells)


def click(notebook, x, y):
    """Click on the picture at a place of the drawing, which is 784 pixels wide, however large it is shown."""
    image = notebook.page.locator(PICTURE).first
    image.scroll_into_view_if_needed()
    width = image.evaluate("image => image.naturalWidth")
    scale = image.bounding_box()["width"] / width
    image.click(position={"x": x * scale, "y": y * scale})


def test_a_click_on_the_map_shows_the_patch_of_that_logit(notebook):
    notebook.wait_for_text(FINDER, "row 1, column 1")
    before = notebook.picture(PICTURE)
    notebook.page.locator(f"{FINDER} .widget-toggle-button", has_text="16").click()
    notebook.wait_for_text(FINDER, "receptive field 16. The logit in row 10, column 10")
    before = notebook.wait_for_new_picture(PICTURE, before)
    side = 256 / 14
    click(notebook, 2 * 264 + 3.5 * side, 22 + 5.5 * side)
    notebook.wait_for_text(FINDER, "row 5, column 3")
    notebook.wait_for_text(FINDER, "rows 5 to 20, columns 1 to 16")
    notebook.wait_for_new_picture(PICTURE, before)
    assert notebook.errors == []


def test_arrow_keys_go_on_from_there(notebook):
    click(notebook, 2 * 264 + 3.5 * 256 / 14, 22 + 5.5 * 256 / 14)
    notebook.wait_for_text(FINDER, "row 5, column 3")
    before = notebook.picture(PICTURE)
    notebook.press(PICTURE, "ArrowDown", "ArrowRight", "ArrowRight")
    notebook.wait_for_text(FINDER, "row 6, column 5")
    notebook.wait_for_new_picture(PICTURE, before)
    assert notebook.errors == []


def test_a_click_on_the_picture_chooses_the_logit_that_looks_there(notebook):
    click(notebook, 264 + 12 * 8, 22 + 20 * 8)
    notebook.wait_for_text(FINDER, "row 8, column 4")
    notebook.wait_for_text(FINDER, "rows 11 to 26, columns 3 to 18")
    assert notebook.errors == []


def test_sliders_and_buttons_do_the_same(notebook):
    before = notebook.picture(PICTURE)
    handles = notebook.page.locator(f"{FINDER} .noUi-handle")
    assert handles.count() == 3
    for number, words in ((0, "Pair 1,"), (1, "row 9,"), (2, "column 5")):
        handles.nth(number).scroll_into_view_if_needed()
        handles.nth(number).focus()
        notebook.page.keyboard.press("ArrowRight")
        notebook.wait_for_text(FINDER, words)
        before = notebook.wait_for_new_picture(PICTURE, before)
    notebook.page.locator(f"{FINDER} .widget-toggle-button", has_text="real").click()
    notebook.wait_for_text(FINDER, "real picture")
    notebook.wait_for_new_picture(PICTURE, before)
    assert notebook.errors == []


def test_the_history_goes_back_with_the_arrow_keys(notebook):
    notebook.wait_for_text(HISTORY, "Step 1,000, pair 0, receptive field 70")
    before = notebook.picture(f"{HISTORY} img")
    handles = notebook.page.locator(f"{HISTORY} .noUi-handle")
    assert handles.count() == 2
    for number, key, words in ((1, "ArrowLeft", "Step 10,"), (0, "ArrowRight", "pair 1,")):
        handles.nth(number).scroll_into_view_if_needed()
        handles.nth(number).focus()
        notebook.page.keyboard.press(key)
        notebook.wait_for_text(HISTORY, words)
        before = notebook.wait_for_new_picture(f"{HISTORY} img", before)
    notebook.page.locator(f"{HISTORY} .widget-toggle-button", has_text="16").click()
    notebook.wait_for_text(HISTORY, "receptive field 16")
    notebook.wait_for_new_picture(f"{HISTORY} img", before)
    assert notebook.errors == []


def test_a_forgotten_jump_is_explained_and_the_quiz_answers(notebook):
    output = notebook.page.locator(".jp-OutputArea-output", has_text="q1: not yet")
    assert "The jump is missing" in output.first.inner_text()
    notebook.press(f"{QUIZ} input[type=radio]", "Space")
    notebook.wait_for_text(QUIZ, "Then only one patch would learn")
    assert notebook.errors == []
