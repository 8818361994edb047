"""The widgets of lesson 01 under a learner's hands: keyboard and mouse in JupyterLab."""

import pytest

PAIRS = """
from types import SimpleNamespace
import numpy as np
from PIL import Image, ImageDraw
from pix2pix_edu.widgets import Job, PairBrowser

def pair(index):
    pictures = []
    for fill in (None, ["#E69F00", "#56B4E9", "#009E73", "#CC79A7"][index % 4]):
        picture = Image.new("RGB", (64, 64), "white")
        pen = ImageDraw.Draw(picture)
        box = (6 + 3 * index, 10, 50, 54 - 2 * index)
        pen.ellipse(box, fill=fill, outline="black", width=2)
        pen.arc((20, 24, 44, 46), 0, 180, fill="black", width=2)
        pictures.append(np.asarray(picture))
    return pictures

def split(first, count):
    sources, targets = zip(*[pair(index) for index in range(first, first + count)])
    return SimpleNamespace(sources=np.stack(sources), targets=np.stack(targets),
                           names=[f"face {number}" for number in range(count)])

source, _ = pair(2)
answers = SimpleNamespace(name="face", source=source, targets=np.stack([pair(i)[1] for i in range(6)]),
                          answers=["orange", "blue", "green", "pink", "orange again", "blue again"], split="train")
about = SimpleNamespace(source="line drawing", target="coloured drawing")
pairs = SimpleNamespace(train=split(0, 6), val=split(6, 2), test=split(8, 2), about=about, variants=[answers])
"""
EXERCISE = """
from pix2pix_edu.exercises.lesson_01 import q1, quiz

def split_side_by_side(image):
    return ...

q1.check(split_side_by_side)
"""
JOB = """
import time

def work():
    for step in range(100_000):
        time.sleep(0.002)
        yield step

job = Job(work, total=100_000, name="Counting")
job
"""
BROWSER, QUIZ, COUNTER = ".p2p-pairbrowser", ".p2p-quiz", ".p2p-job"
PICTURE = f"{BROWSER} img"


@pytest.fixture(scope="module")
def notebook(open_notebook):
    return open_notebook("lesson_01", [PAIRS, "PairBrowser(pairs)", EXERCISE, "quiz", JOB])


def test_the_arrow_keys_move_the_slider_and_the_picture_follows(notebook):
    before = notebook.picture(PICTURE)
    notebook.press(f"{BROWSER} .noUi-handle", "ArrowRight", "ArrowRight")
    notebook.wait_for_text(BROWSER, "train[2], face 2")
    notebook.wait_for_new_picture(PICTURE, before)
    assert notebook.errors == []


def test_the_mouse_drags_the_slider(notebook):
    before = notebook.picture(PICTURE)
    handle = notebook.page.locator(f"{BROWSER} .noUi-handle").first.bounding_box()
    mouse = notebook.page.mouse
    mouse.move(handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2)
    mouse.down()
    mouse.move(handle["x"] + 300, handle["y"], steps=5)
    mouse.up()
    notebook.wait_for_text(BROWSER, "train[5]")
    notebook.wait_for_new_picture(PICTURE, before)


def test_split_direction_and_jitter_change_the_picture(notebook):
    def choose(label):
        notebook.page.locator(f"{BROWSER} .widget-toggle-button", has_text=label).click()

    before = notebook.picture(PICTURE)
    choose("coloured drawing to line drawing")
    before = notebook.wait_for_new_picture(PICTURE, before)
    notebook.press(f"{BROWSER} input[type=checkbox]", "Space")
    before = notebook.wait_for_new_picture(PICTURE, before)
    notebook.wait_for_text(BROWSER, "moved and mirrored alike")
    choose("line drawing to coloured drawing")
    before = notebook.wait_for_new_picture(PICTURE, before)
    choose("several answers")
    notebook.wait_for_new_picture(PICTURE, before)
    notebook.wait_for_text(BROWSER, "6 right answers beside it")
    assert notebook.errors == []


def test_a_quiz_is_answered_with_the_keyboard_alone(notebook):
    radio = f"{QUIZ} input[type=radio]"
    notebook.press(radio, "Space")
    notebook.wait_for_text(QUIZ, "Not quite. Equal numbers are not enough")
    notebook.press(radio, "Tab", "Space")
    notebook.wait_for_text(QUIZ, "Right. So the generator's picture can be compared")
    notebook.wait_for_text(QUIZ, "1 of 5 right")
    assert "Not quite" not in notebook.text(QUIZ)
    assert notebook.errors == []


def test_an_unsolved_exercise_has_not_stopped_the_notebook(notebook):
    output = notebook.page.locator(".jp-OutputArea-output", has_text="not attempted yet")
    assert output.count() == 1 and "return ..." in output.inner_text()


def test_long_work_is_stopped_by_a_click_while_the_kernel_is_at_it(notebook):
    button = notebook.page.locator(f"{COUNTER} button").first
    button.scroll_into_view_if_needed()
    button.click()
    notebook.page.wait_for_function(
        "selector => Number((document.querySelector(selector).innerText.match(/step (\\d+)/) || [])[1]) > 20",
        arg=COUNTER,
    )
    button.click()
    notebook.wait_for_text(COUNTER, "Counting: stopped, step")
    rested = notebook.text(COUNTER)
    notebook.page.wait_for_timeout(500)
    assert notebook.text(COUNTER) == rested
    notebook.page.locator(f"{COUNTER} button", has_text="Begin anew").click()
    notebook.wait_for_text(COUNTER, "Counting: ready, step 0 of 100,000")
    assert notebook.errors == []
