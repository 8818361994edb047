"""The sketch pad under a learner's hands: mouse, finger and keyboard in JupyterLab."""

import re

import pytest

CELLS = [
    """
import pix2pix_edu as p2p
from pix2pix_edu.widgets import SketchPad

model = p2p.generator_model(32, 4, seed=1)
model.set_weights([5 * weight for weight in model.get_weights()])  # untrained, it would draw plain grey
pad = SketchPad(model)
""",
    "pad",
    "print(len(pad.marks), pad.text, (pad.source < 255).sum())",
]
PAD = ".p2p-sketchpad"
PAPER, ANSWER, SEEN = f"{PAD} .p2p-paper", f"{PAD} .p2p-answer img", f"{PAD} .p2p-seen img"
STROKES = f"{PAPER} svg g path, {PAPER} svg g circle"


@pytest.fixture(scope="module")
def notebook(open_notebook):
    return open_notebook("sketch", CELLS)


@pytest.fixture
def empty(notebook):
    """The pad with white paper, and the picture that belongs to it."""
    notebook.page.locator(f"{PAD} .p2p-brush").click()
    notebook.page.locator(f"{PAD} .p2p-clear").click()
    return notebook


def place(notebook, x, y):
    """Where a place of the sheet is on the screen."""
    paper = notebook.page.locator(PAPER).first
    paper.scroll_into_view_if_needed()
    box = paper.bounding_box()
    return box["x"] + box["width"] * x / 72, box["y"] + box["height"] * y / 72


def drag(notebook, *places, release=True):
    """Draw with the mouse from place to place, as a hand does: in small steps."""
    mouse = notebook.page.mouse
    first, *rest = (place(notebook, *one) for one in places)
    mouse.move(*first)
    mouse.down()
    for one in rest:
        mouse.move(*one, steps=8)
    if release:
        mouse.up()


def click(notebook, name):
    notebook.page.locator(f"{PAD} .p2p-{name}").first.click()


def picture(notebook):
    return notebook.picture(ANSWER)


def count(notebook):
    return notebook.page.locator(STROKES).count()


def in_the_kernel(notebook):
    """What Python holds: number of marks, the drawing in words, how many values of the source are not white."""
    notebook.page.locator(f"{PAPER}:not([data-state=waiting])").wait_for()
    cell = "window.jupyterapp.shell.currentWidget.content"
    notebook.page.evaluate(f"{cell}.activeCellIndex = 2")
    notebook.page.evaluate("async () => await window.jupyterapp.commands.execute('notebook:run-cell')")
    output = notebook.page.locator(".jp-Notebook .jp-CodeCell").nth(2).locator(".jp-OutputArea-output").last
    words = re.fullmatch(r"(\d+) (.*) (\d+)", output.inner_text().strip())
    return int(words[1]), words[2], int(words[3])


def test_a_stroke_changes_the_picture_while_it_grows(empty):
    before = picture(empty)
    drag(empty, (10, 20), (60, 20), release=False)
    during = empty.wait_for_new_picture(ANSWER, before)
    assert count(empty) == 1
    empty.page.mouse.move(*place(empty, 60, 60), steps=8)
    later = empty.wait_for_new_picture(ANSWER, during)
    empty.page.mouse.up()
    assert count(empty) == 1 and later[1] != before[1]
    empty.page.locator(f"{PAPER}[data-state=ready]").wait_for()
    assert re.fullmatch(r"\d+ ms a frame", empty.text(f"{PAD} .p2p-time"))
    assert empty.errors == []


def test_the_kernel_has_the_very_line_that_is_shown(empty):
    drag(empty, (10, 20), (40, 60), (60, 20))
    path = empty.page.locator(f"{PAPER} svg g path").first.get_attribute("d")
    _, words, inked = in_the_kernel(empty)
    assert words == "1 stroke." and inked > 100
    code = "from pix2pix_edu.sketch import Stroke; print(Stroke(pad.marks[-1]['points'], smooth=True).path)"
    shown = [float(number) for number in re.findall(r"[\d.]+", path)]
    assert shown == pytest.approx(numbers_of(empty, code), abs=0.011)


def numbers_of(notebook, code):
    """The numbers that a line of Python prints."""
    script = """async code => {
        const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
        const future = kernel.requestExecute({ code, store_history: false }); let text = "";
        future.onIOPub = message => { if (message.header.msg_type === "stream") text += message.content.text; };
        await future.done; return text }"""
    return [float(number) for number in re.findall(r"[\d.]+", notebook.page.evaluate(script, code))]


def test_undo_redo_and_the_eraser(empty):
    white = picture(empty)
    drag(empty, (10, 36), (60, 36))
    drawn = empty.wait_for_new_picture(ANSWER, white)
    click(empty, "undo")
    assert count(empty) == 0
    empty.wait_for_new_picture(ANSWER, drawn)
    click(empty, "redo")
    assert count(empty) == 1
    marks, words, inked = in_the_kernel(empty)
    assert words == "1 stroke." and inked > 50
    click(empty, "eraser")
    drag(empty, (8, 36), (64, 36))
    marks_after, words, inked = in_the_kernel(empty)
    assert (marks_after, words, inked) == (marks + 1, "2 strokes.", 0)
    empty.press(PAPER, "Control+z", "Control+z")
    assert count(empty) == 0
    empty.press(PAPER, "Control+y")
    assert count(empty) == 1
    assert empty.errors == []


def test_a_drawing_to_start_from_is_loaded_and_drawn_on(empty):
    before = picture(empty)
    boar = empty.page.locator(f"{PAD} .p2p-start[title=boar]")
    boar.focus()
    empty.page.keyboard.press("Enter")
    loaded = empty.wait_for_new_picture(ANSWER, before)
    lines = empty.page.locator(f"{PAPER} #line").count()
    assert lines == 1 and in_the_kernel(empty)[1] == "The lines of boar."
    click(empty, "dot")
    drag(empty, (36, 60), (36, 60))
    empty.wait_for_new_picture(ANSWER, loaded)
    assert in_the_kernel(empty)[1] == "The lines of boar and 1 stroke."
    click(empty, "clear")
    assert empty.page.locator(f"{PAPER} #line").count() == 0
    assert empty.errors == []


def test_a_finger_draws_and_does_not_scroll(empty):
    before = picture(empty)
    devtools = empty.page.context.new_cdp_session(empty.page)
    scrolled = empty.page.locator(PAPER).bounding_box()
    for kind, *points in (
        ("touchStart", (20, 20)),
        ("touchMove", (30, 40)),
        ("touchMove", (50, 60)),
        ("touchEnd",),
    ):
        touches = [dict(zip("xy", place(empty, *point), strict=True)) for point in points]
        devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})
    empty.wait_for_new_picture(ANSWER, before)
    assert count(empty) == 1 and in_the_kernel(empty)[1] == "1 stroke."
    assert empty.page.locator(PAPER).bounding_box() == scrolled
    assert empty.errors == []


def test_the_keyboard_draws(empty):
    before = picture(empty)
    empty.press(PAPER, "ArrowLeft", "Space", *["Shift+ArrowDown"] * 4, "Space")
    empty.wait_for_new_picture(ANSWER, before)
    assert in_the_kernel(empty)[1] == "1 stroke."
    path = empty.page.locator(f"{PAPER} svg g path").first.get_attribute("d")
    assert path.startswith("M35 36 ") and path.endswith("L35 52")
    assert empty.errors == []


def test_nothing_is_lost_while_the_kernel_is_busy(empty):
    before = picture(empty)
    empty.page.evaluate("""() => { window.jupyterapp.shell.currentWidget.sessionContext.session.kernel
        .requestExecute({ code: "with pad._lock:\\n    import time; time.sleep(4)", store_history: false }) }""")
    for row in range(10, 60, 10):
        drag(empty, (10, row), (60, row))
    assert count(empty) == 5
    empty.wait_for_text(f"{PAD} .p2p-note", "kernel is busy")
    empty.wait_for_new_picture(ANSWER, before)
    empty.page.wait_for_function("pad => !document.querySelector(`${pad} .p2p-note`).textContent", arg=PAD)
    assert in_the_kernel(empty)[1] == "5 strokes."
    assert empty.errors == []


def test_the_picture_is_saved_and_the_buttons_have_names(empty):
    drag(empty, (10, 20), (60, 20))
    click(empty, "save")
    empty.wait_for_text(f"{PAD} .p2p-note", "Saved as runs/sketch-001/sketch.png")
    names = empty.page.locator(f"{PAD} button").evaluate_all("all => all.map(b => b.ariaLabel || b.innerText)")
    assert len(names) == 3 + 3 + 1 + 9 and all(names)
    assert empty.page.locator(f"{PAD} img:not([alt])").count() == 0
    assert empty.errors == []
