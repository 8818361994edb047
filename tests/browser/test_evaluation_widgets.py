"""The widgets of lesson 09 under a learner's hands: keyboard and mouse in JupyterLab."""

import json
import re

import pytest

METRICS = """
from pix2pix_edu.widgets import MetricExplorer
from pix2pix_edu.widgets.metric_explorer import cases

MetricExplorer(cases(drawings=2, houses=0))
"""
STUDY = """
from pix2pix_edu.widgets import RealOrFakeStudy

study = RealOrFakeStudy("drawings-l1", trials=2)
study
"""
EXPLORER, WIDGET, STAGE = ".p2p-metricexplorer", ".p2p-realorfakestudy", ".p2p-stage"
PANEL = f"{STAGE} [role=application]"


@pytest.fixture(scope="module")
def notebook(open_notebook):
    return open_notebook("lesson_09", [METRICS, STUDY])


def wait_for_state(notebook, state):
    notebook.page.wait_for_selector(f"{STAGE} [data-state={state}]")


def test_two_ways_to_spoil_a_picture_are_compared(notebook):
    before = notebook.picture(f"{EXPLORER} img")
    notebook.wait_for_text(EXPLORER, "A: blur 4. B: another right answer 6.")
    notebook.page.locator(f"{EXPLORER} button", has_text=re.compile("^shift$")).nth(1).click()
    notebook.wait_for_text(EXPLORER, "B: shifted by 6 px.")
    before = notebook.wait_for_new_picture(f"{EXPLORER} img", before)
    handles = notebook.page.locator(f"{EXPLORER} .noUi-handle")
    handles.nth(1).focus()  # the strength of A; the first one chooses the picture
    notebook.page.keyboard.press("ArrowLeft")
    notebook.wait_for_text(EXPLORER, "A: blur 3.")
    notebook.wait_for_new_picture(f"{EXPLORER} img", before)
    assert notebook.errors == []


# From the page: when did the picture become visible, and when was it hidden again?
WATCH = """() => {
    const panel = document.querySelector('.p2p-stage [role=application]');
    window.states = [];
    new MutationObserver(() => window.states.push([panel.dataset.state, performance.now(),
        getComputedStyle(panel.querySelector('img')).visibility])).observe(panel, { attributeFilter: ["data-state"] });
}"""


def test_a_picture_is_seen_for_one_second_and_judged_with_the_keyboard(notebook):
    wait_for_state(notebook, "ready")
    notebook.wait_for_text(WIDGET, "Practice 1 of 10")
    notebook.page.evaluate(WATCH)
    notebook.press(PANEL, "Space")
    wait_for_state(notebook, "showing")
    notebook.page.keyboard.press("r")  # too early: nobody judges what is still shown
    wait_for_state(notebook, "asking")
    states = notebook.page.evaluate("window.states")
    assert [(state, seen) for state, _, seen in states] == [("showing", "visible"), ("asking", "hidden")]
    assert 950 < states[1][1] - states[0][1] < 2500, "milliseconds; the machine may be busy"
    notebook.page.keyboard.press("Space")  # no second look
    assert notebook.page.locator(PANEL).get_attribute("data-state") == "asking"
    notebook.page.keyboard.press("r")
    notebook.wait_for_text(WIDGET, "Practice 2 of 10")
    assert re.search(r"(Right|No): .* was (real|generated)\.", notebook.text(f"{STAGE} [role=status]"))
    assert notebook.errors == []


def test_the_mouse_works_and_at_the_end_the_result_is_kept(notebook, lab):
    before = notebook.picture(f"{WIDGET} .p2p-picture img")
    for number in range(1, 12):
        wait_for_state(notebook, "ready")
        if number % 2:
            notebook.page.locator(f"{STAGE} .p2p-show").click()
            wait_for_state(notebook, "asking")
            notebook.page.locator(f"{STAGE} .p2p-real").click()
        else:
            notebook.press(PANEL, "Space")
            wait_for_state(notebook, "asking")
            notebook.page.keyboard.press("g")
        wait_for_state(notebook, "done" if number == 11 else "ready")
    notebook.wait_for_text(WIDGET, "of the generated pictures were called real")
    notebook.wait_for_new_picture(f"{WIDGET} .p2p-picture img", before)
    kept = json.loads((lab.folder / "runs" / "study-001" / "results.json").read_text())
    assert len(kept["answers"]) == 2 and 900 < kept["exposure_ms"]["longest"] < 3000
    notebook.page.locator(".p2p-begin-anew").click()
    notebook.wait_for_text(WIDGET, "Practice 1 of 10")
    wait_for_state(notebook, "ready")
    assert notebook.errors == []
