"""The widgets of lesson 07 under a learner's hands: keyboard and mouse in JupyterLab."""

import pytest

READER = """
from pix2pix_edu.widgets import CurveReader

CurveReader()
"""
FLOW = """
import numpy as np
import pix2pix_edu as p2p
from pix2pix_edu.widgets import GradientFlow

model = p2p.Pix2Pix(p2p.generator_model(32, 4, seed=1), p2p.discriminator_model(32, 4, receptive_field=34, seed=50))
model.compile()
pictures = np.random.default_rng(0).integers(0, 256, (2, 4, 32, 32, 3)).astype("uint8")
GradientFlow(model, p2p.Split(*pictures))
"""
EXERCISE = """
import numpy as np
from pix2pix_edu.exercises.lesson_07 import q1, quiz

def adam_step(weight, gradient, m, v, t, rate=2e-4, beta_1=0.5, beta_2=0.999, epsilon=1e-7):
    m = beta_1 * m + (1 - beta_1) * gradient
    v = beta_2 * v + (1 - beta_2) * gradient**2
    return weight - rate * m / (np.sqrt(v) + epsilon), m, v

q1.check(adam_step)
"""
CURVES, GRADIENTS, QUIZ = ".p2p-curvereader", ".p2p-gradientflow", ".p2p-quiz"


@pytest.fixture(scope="module")
def notebook(open_notebook):
    return open_notebook("lesson_07", [READER, FLOW, EXERCISE, "quiz"])


def test_a_run_is_chosen_and_followed_step_by_step(notebook):
    before = notebook.picture(f"{CURVES} img")
    notebook.page.locator(f"{CURVES} .widget-toggle-button", has_text="5").click()
    notebook.wait_for_text(CURVES, "Run 5, step 300 of 800")
    before = notebook.wait_for_new_picture(f"{CURVES} img", before)
    notebook.press(f"{CURVES} .noUi-handle", "ArrowRight")
    notebook.wait_for_text(CURVES, "step 350 of 800")
    notebook.wait_for_new_picture(f"{CURVES} img", before)
    assert notebook.errors == []


def test_the_story_is_told_when_it_is_asked_for(notebook):
    assert "It has collapsed" not in notebook.text(CURVES)
    notebook.press(f"{CURVES} input[type=checkbox]", "Space")
    notebook.wait_for_text(CURVES, "It has collapsed")
    assert notebook.errors == []


def test_the_gradient_is_stopped_and_the_other_step_chosen(notebook):
    notebook.wait_for_text(GRADIENTS, "reaches G's weights")
    before = notebook.picture(f"{GRADIENTS} img")
    notebook.press(f"{GRADIENTS} input[type=checkbox]", "Space")
    notebook.wait_for_text(GRADIENTS, "nothing reaches G")
    before = notebook.wait_for_new_picture(f"{GRADIENTS} img", before)
    for words, told in (("generator", "a mistake that gives no error"), ("simultaneous", "2 (simultaneous)")):
        notebook.page.locator(f"{GRADIENTS} .widget-toggle-button", has_text=words).click()
        notebook.wait_for_text(GRADIENTS, told)
        before = notebook.wait_for_new_picture(f"{GRADIENTS} img", before)
    assert notebook.errors == []


def test_a_wrong_adam_is_explained_and_the_quiz_answers(notebook):
    output = notebook.page.locator(".jp-OutputArea-output", has_text="q1: not yet")
    assert "bias correction is missing" in output.first.inner_text()
    notebook.press(f"{QUIZ} input[type=radio]", "Space")
    notebook.wait_for_text(QUIZ, "It is not zero")
    assert notebook.errors == []
