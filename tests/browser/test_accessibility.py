"""Every widget without a mouse: all of them on one page, walked through with Tab, and a stroke that keys alone draw."""

from __future__ import annotations

import re

import pytest

MANY_WIDGETS_SECONDS = 240  # until all of them are there, on a machine that is busy
START = """
import tempfile
from pathlib import Path
from types import SimpleNamespace
import ipywidgets
import numpy as np
import pix2pix_edu as p2p
from IPython.display import display
from PIL import Image
from pix2pix_edu.cost import Cost
from pix2pix_edu.presets import PRESETS
from pix2pix_edu.translation import Translator
from pix2pix_edu import widgets
from pix2pix_edu.exercises.lesson_00 import quiz

rng = np.random.default_rng(0)
generator = p2p.generator_model(32, 4, seed=1)
generator.set_weights([5 * weight for weight in generator.get_weights()])
model = Translator(generator)
split = p2p.Split(*rng.integers(0, 256, (2, 20, 32, 32, 3)).astype("uint8"))
pairs = p2p.Pairs("noise", split, split, split)
judge = p2p.discriminator_model(32, 4, receptive_field=16, seed=1)
moment = {
    "steps": np.array([0, 10]), "pictures": rng.integers(0, 256, (2, 20, 32, 32, 3)).astype("uint8"),
    "real_logits": rng.normal(1, 1, (2, 20, *judge.output_shape[1:3])),
    "fake_logits": rng.normal(-1, 1, (2, 20, *judge.output_shape[1:3])),
}
gallery = SimpleNamespace(
    split=split, rows=[{"name": "field-16", "receptive_field": 16}], discriminator=lambda name: judge,
    pictures=lambda name: split.targets[::-1], history=lambda name: moment,
)
sheet = Path(tempfile.mkdtemp()) / "epoch-001.png"
Image.fromarray(split.sources[0]).save(sheet)
history = {"epoch": [1], "l1": [0.3]}
run = SimpleNamespace(sheets=[sheet], history=history, config={"epochs": 1}, best_epoch=1, run_dir=sheet.parent)
widgets.LiveTraining()(run)
game = p2p.Pix2Pix(generator, p2p.discriminator_model(32, 2, receptive_field=34, seed=50))
game.compile()
settings = {**PRESETS["small"].settings(), "source_channels": 3, "target_channels": 3, "train_pairs": 400}
times = {"step_seconds": (0.19, 0.2, 0.21), "setup_seconds": 5, "preparing_seconds": 0, "saving_seconds": 0.1}
rest = {"validation_seconds": 0.001, "memory_bytes": 10**9, "memory_of": "this process"}
cost = Cost(config=settings, machine="a machine", **times, **rest)
black = np.zeros((3, 32, 32, 3), np.uint8)
tones = black + np.array([0, 90, 240], np.uint8)[:, None, None, None]
variants = p2p.pairs.Variants("leaf", tones[2], tones, ["black", "grey", "white"], "test")
"""
# One cell for each group of lessons; the last line of each is what it shows.
CELLS = [
    START,
    "display(widgets.SketchPad(generator), widgets.LabelPainter(generator))",
    "display(widgets.PairBrowser(pairs), widgets.TranslationBrowser(model, split), widgets.RunBrowser(run))",
    "display(widgets.GanPlayground(distribution='drawn'), widgets.DigitPainter())",
    "display(widgets.UnetExplorer(), widgets.SkipCutter(model, split))",
    "display(widgets.PatchFinder(gallery), widgets.PatchMapHistory(gallery))",
    "from pix2pix_edu.gallery import load_gallery\n"
    "display(widgets.LossExplorer(load_gallery('losses')), widgets.AmbiguityExplorer([variants]))",
    "display(widgets.TrainItYourself(split, split), widgets.CurveReader(), widgets.GradientFlow(game, split))",
    "from pix2pix_edu.widgets.metric_explorer import cases\n"
    "display(widgets.MetricExplorer(cases(drawings=2, houses=0)), widgets.RealOrFakeStudy(trials=10, save=False))",
    "display(widgets.TaskBrowser(['night'], lambda task: generator, lambda task: split))",
    "display(widgets.ClaimExplorer(['table1']), widgets.CostExplorer(cost), widgets.ScalingExplorer())",
    "display(widgets.WhyThisPixel(model, split), widgets.BottleneckDial(model, split))",
    "widgets.ActivationViewer(model, split)",
    """
%matplotlib inline
import matplotlib.pyplot as plt
from pix2pix_edu.figures import describe

plt.plot([3, 2], label="train")
plt.title("Loss")
display(p2p.show_pairs(split, n=1), describe(Image.fromarray(split.sources[0]), "Coloured noise."))
""",
    "from pix2pix_edu.augmentation_study import Study\n"
    "display(widgets.AugmentationExplorer(Study({'seeds': 2}, {'real-20': {'class_iou': [0.41, 0.43]}})))",
    "display(widgets.LimitsBench(model, split, split.sources), widgets.Job(lambda: iter('ab'), total=2), quiz)",
]


@pytest.fixture(scope="module")
def notebook(open_notebook):
    opened = open_notebook("all_widgets", CELLS, run=False)
    opened.page.set_default_timeout(1000 * MANY_WIDGETS_SECONDS)
    opened.run_all()
    return opened


# --- What the keyboard reaches ----------------------------------------------------------------------------------------

FOCUSABLE = "a[href], button:enabled, input:enabled, summary, [tabindex='0'], [contenteditable=true]"
# What the keyboard should reach in one widget, from top to bottom: an element that is shown, and not inside of a closed
# <details>. The file field of an upload button is hidden, and its button opens it.
STOPS = """([root, focusable]) => [...root.querySelectorAll(focusable)].filter(element =>
    element.checkVisibility({ visibilityProperty: true }) && element.type !== "file" && !element.closest("[inert]"))"""
RING = """() => { const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
    return outlineStyle !== "none" && parseFloat(outlineWidth) >= 2 }"""
NAMED = {
    *("application", "button", "checkbox", "image", "link", "radio", "radiogroup", "slider", "spinbutton", "textbox"),
    "DisclosureTriangle",
}


@pytest.fixture(scope="module")
def page(notebook):
    """The page with all its widgets drawn: JupyterLab skips what is out of sight."""
    notebook.page.add_style_tag(content="* { content-visibility: visible !important }")
    notebook.page.wait_for_selector(".p2p-quiz input[type=radio]")
    return notebook.page


def roots(page):
    """The widgets of the page, those inside others left out: class name -> element."""
    found = {}
    for element in page.query_selector_all(".p2p-widget"):
        if not element.evaluate("element => element.parentElement.closest('.p2p-widget')"):
            found[re.search(r"p2p-(?!widget)(\w+)", element.get_attribute("class"))[1]] = element
    return found


def test_every_widget_of_the_course_is_on_the_page(page):
    from pix2pix_edu import widgets

    without_view = {"Explorer"}  # the base of the others
    assert {name.lower() for name in widgets.__all__ if name not in without_view} | {"quiz"} <= set(roots(page))


def test_every_control_and_every_picture_has_a_name(page):
    devtools = page.context.new_cdp_session(page)
    devtools.send("DOM.enable")
    document = devtools.send("DOM.getDocument")["root"]["nodeId"]
    widgets = devtools.send("DOM.querySelectorAll", {"nodeId": document, "selector": ".p2p-widget"})["nodeIds"]
    inside = set()
    for widget in widgets:
        todo = [devtools.send("DOM.describeNode", {"nodeId": widget, "depth": -1})["node"]]
        while todo:
            node = todo.pop()
            inside.add(node["backendNodeId"])
            todo += node.get("children", [])
    nodes = devtools.send("Accessibility.getFullAXTree")["nodes"]
    shown = [node for node in nodes if node.get("backendDOMNodeId") in inside and not node["ignored"]]
    checked = [node for node in shown if node["role"]["value"] in NAMED]
    nameless = [
        devtools.send("DOM.getOuterHTML", {"backendNodeId": node["backendDOMNodeId"]})["outerHTML"][:200]
        for node in checked
        if not node.get("name", {}).get("value", "").strip()
    ]
    assert nameless == []
    kinds = {node["role"]["value"] for node in checked}
    assert {"slider", "button", "radio", "radiogroup", "checkbox", "image", "application", "textbox"} <= kinds
    assert len(checked) > 200


def test_every_figure_and_every_picture_has_a_description(page):
    alts = page.locator(".jp-OutputArea-output img:not(button[aria-label] img)").evaluate_all(
        "all => all.map(image => image.alt)"
    )
    assert all(alt.strip() and alt != "Image" for alt in alts), alts
    assert {"A figure: Loss; train goes from 3 to 2.", "Coloured noise."} <= set(alts)
    assert any(alt.startswith("1 pair of pictures, each with") for alt in alts)


def test_tab_reaches_every_control_from_top_to_bottom_and_shows_where_it_is(page):
    lost, bare = [], []
    for name, root in roots(page).items():
        stops = page.evaluate_handle(f"args => window.stops = ({STOPS})(args)", [root, FOCUSABLE])
        count = stops.evaluate("stops => stops.length")
        if count == 0:
            assert name == "livetraining", f"{name} has nothing that the keyboard could reach"
            continue
        stops.evaluate("stops => stops[0].focus()")
        for number in range(count):
            if page.evaluate("number => document.activeElement !== window.stops[number]", number):
                lost.append((name, page.evaluate("number => window.stops[number].outerHTML.slice(0, 120)", number)))
                page.evaluate("number => window.stops[number].focus()", number)
            elif number and not page.evaluate(RING):
                bare.append((name, page.evaluate("document.activeElement.outerHTML.slice(0, 120)")))
            page.keyboard.press("Tab")
        assert not root.evaluate("root => root.contains(document.activeElement)"), f"{name} does not let the focus go"
    assert lost == []
    assert bare == []


def test_keys_lead_from_a_cell_into_its_widget_and_back(page):
    """Escape leaves the editor; then Tab leads over the toolbar of the cell to what stands below it."""
    page.locator(".jp-Cell").nth(1).locator(".cm-content").click()  # the cell that shows the pad
    page.keyboard.press("Escape")
    for _ in range(3):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('.p2p-brush')"):
            break
    assert page.evaluate("document.activeElement.matches('.p2p-brush')")
    for _ in range(3):
        page.keyboard.press("Shift+Tab")
        if page.evaluate("document.activeElement.closest('.p2p-widget') === null"):
            break
    assert page.evaluate("document.activeElement.closest('.p2p-widget') === null")
    assert page.evaluate("document.activeElement.closest('.jp-NotebookPanel') !== null")


def tab_to(page, start, goal):
    """Put the focus on one element, and press Tab until another one has it."""
    page.locator(start).first.focus()
    for _ in range(40):
        if page.evaluate("goal => document.activeElement.matches(goal)", goal):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead from {start} to {goal}")


def test_a_slider_takes_the_keys_of_sliders_and_says_where_it_is(notebook, page):
    handle = page.locator(".p2p-pairbrowser .noUi-handle").first
    for key, number in [("End", 19), ("Home", 0), ("ArrowRight", 1), ("PageUp", 6), ("ArrowLeft", 5)]:
        notebook.press(".p2p-pairbrowser .noUi-handle", key)
        notebook.wait_for_text(".p2p-pairbrowser .p2p-caption", f"train[{number}]")
        assert (handle.get_attribute("aria-label"), handle.get_attribute("aria-valuetext")) == ("Pair", str(number))


def test_a_quiz_is_answered_by_keys_alone(notebook):
    radio = ".p2p-quiz input[type=radio]"
    notebook.press(radio, "Space")
    notebook.wait_for_text(".p2p-quiz [role=status]", ".")
    first = notebook.text(".p2p-quiz [role=status]")
    notebook.page.keyboard.press("Tab")  # to the next answer: in ipywidgets each of them has the focus for itself
    notebook.page.keyboard.press("Space")
    notebook.page.wait_for_function(
        "old => document.querySelector('.p2p-quiz [role=status]').innerText !== old", arg=first, timeout=60_000
    )
    assert {first.split(".")[0], notebook.text(".p2p-quiz [role=status]").split(".")[0]} == {"Right", "Not quite"}


def test_a_stroke_is_drawn_by_keys_alone(notebook, page):
    pad = ".p2p-sketchpad"
    before = notebook.picture(f"{pad} .p2p-answer img")
    tab_to(page, f"{pad} .p2p-brush", ".p2p-paper")
    for key in ("ArrowLeft", "Space", *["Shift+ArrowDown"] * 4, "Space"):
        page.keyboard.press(key)
    notebook.wait_for_new_picture(f"{pad} .p2p-answer img", before)
    assert page.locator(f"{pad} .p2p-paper svg g path").first.get_attribute("d").endswith("L35 52")
    assert "Space puts the pen down" in notebook.text(f"{pad} .p2p-help")
    assert notebook.errors == []


def test_the_other_places_to_draw_in_take_keys_as_well(notebook, page):
    painter = ".p2p-labelpainter"
    tab_to(page, f"{painter} .p2p-clear", ".p2p-paper")
    for key in ("Space", "Shift+ArrowRight", "ArrowDown", "Space"):
        page.keyboard.press(key)
    page.wait_for_selector(f"{painter} .p2p-undo[aria-disabled=false]")
    before = notebook.picture(".p2p-ganplayground .p2p-picture img")
    tab_to(page, ".p2p-ganplayground .p2p-pointpad canvas", "canvas")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    notebook.wait_for_new_picture(".p2p-ganplayground .p2p-picture img", before)
    assert "arrow keys" in notebook.text(".p2p-patchfinder .p2p-help")
    assert "arrow keys" in notebook.text(".p2p-whythispixel .p2p-help")
    assert notebook.errors == []


def test_a_caption_that_changes_is_announced(page):
    lives = page.locator(".p2p-widget .p2p-caption").evaluate_all("all => all.map(one => one.ariaLive)")
    assert len(lives) > 15 and set(lives) == {"polite"}


def test_what_is_pressed_does_not_show_by_its_grey_alone(page):
    pressed = page.locator(".p2p-pairbrowser .widget-toggle-button.mod-active").first
    assert pressed.get_attribute("aria-pressed") == "true"
    assert "inset" in pressed.evaluate("button => getComputedStyle(button).boxShadow")
    other = page.locator(".p2p-pairbrowser .widget-toggle-button:not(.mod-active)").first
    assert other.get_attribute("aria-pressed") == "false"
    assert "inset" not in other.evaluate("button => getComputedStyle(button).boxShadow")
