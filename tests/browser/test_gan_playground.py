"""The playground of lesson 02 under a learner's hands: play, pause, single moves, sliders, drawing."""

import re

import pytest

CELLS = ["from pix2pix_edu.widgets import GanPlayground", "GanPlayground()"]
GAME = ".p2p-ganplayground"
PICTURE, PAD = f"{GAME} img", f"{GAME} .p2p-pointpad canvas"
DARK_GREEN = """selector => { const pad = document.querySelector(selector);
    const data = pad.getContext('2d').getImageData(0, 0, pad.width, pad.height).data;
    let painted = 0; for (let i = 3; i < data.length; i += 4) painted += data[i] > 0; return painted }"""


@pytest.fixture(scope="module")
def notebook(open_notebook):
    return open_notebook("lesson_02", CELLS)


def step(notebook):
    return int(re.search(r"Step ([\d,]+)\.", notebook.text(GAME)).group(1).replace(",", ""))


def test_each_player_moves_alone_and_the_picture_follows(notebook):
    before = notebook.picture(PICTURE)
    notebook.click(GAME, "D only")
    notebook.wait_for_text(GAME, "Step 1.")
    before = notebook.wait_for_new_picture(PICTURE, before)
    notebook.click(GAME, "G only")
    notebook.wait_for_text(GAME, "Step 2.")
    notebook.wait_for_new_picture(PICTURE, before)
    assert notebook.errors == []


def test_it_plays_until_it_is_paused_and_begins_anew(notebook):
    before = notebook.picture(PICTURE)
    notebook.click(GAME, "Play")
    steps = "Number(document.querySelector(selector).innerText.match(/Step ([\\d,]+)/)[1].replace(',', ''))"
    notebook.page.wait_for_function(f"selector => {steps} > 60", arg=GAME)
    notebook.wait_for_new_picture(PICTURE, before)
    notebook.click(GAME, "Pause")
    notebook.wait_for_text(GAME, "Game: stopped")
    notebook.page.wait_for_timeout(1500)  # "stopped" is shown at once, the picture of the last steps right after it
    rested = step(notebook)
    notebook.page.wait_for_timeout(1500)
    assert step(notebook) == rested and "Game: stopped" in notebook.text(GAME)
    notebook.click(GAME, "Begin anew")
    notebook.wait_for_text(GAME, "Step 0.")
    assert notebook.errors == []


def test_the_game_can_be_changed_while_it_is_played(notebook):
    notebook.click(GAME, "Play")
    notebook.wait_for_text(GAME, "Game: running")
    notebook.page.locator(f"{GAME} .widget-toggle-button", has_text="lsgan").click()
    notebook.wait_for_text(GAME, "chance 0.50")
    notebook.press(f"{GAME} .noUi-handle", "ArrowRight")
    notebook.page.locator(f"{GAME} .widget-toggle-button", has_text="spiral").click()
    notebook.page.wait_for_function(
        "selector => !document.querySelector(selector).innerText.includes('Modes covered')", arg=GAME
    )
    notebook.wait_for_text(GAME, "Step 0.")
    notebook.wait_for_text(GAME, "Game: ready")
    assert notebook.errors == []


def test_a_distribution_is_drawn_with_the_mouse_and_with_the_keyboard(notebook):
    assert not notebook.page.locator(PAD).first.is_visible()
    notebook.page.locator(f"{GAME} .widget-toggle-button", has_text="drawn").click()
    pad = notebook.page.locator(PAD).first
    pad.wait_for(state="visible")
    pad.scroll_into_view_if_needed()
    before, face = notebook.picture(PICTURE), notebook.page.evaluate(DARK_GREEN, PAD)
    assert face > 1000, "the face is there to begin with"
    notebook.page.locator(f"{GAME} .p2p-clear").click()
    notebook.wait_for_text(GAME, "The pad is empty")
    assert notebook.page.evaluate(DARK_GREEN, PAD) == 0
    pad.scroll_into_view_if_needed()
    box, mouse = pad.bounding_box(), notebook.page.mouse
    mouse.move(box["x"] + 40, box["y"] + 40)
    mouse.down()
    mouse.move(box["x"] + 180, box["y"] + 60, steps=15)
    mouse.up()
    before = notebook.wait_for_new_picture(PICTURE, before)
    painted = notebook.page.evaluate(DARK_GREEN, PAD)
    assert painted > 500
    notebook.press(PAD, "ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown", "Space")
    before = notebook.wait_for_new_picture(PICTURE, before)
    assert notebook.page.evaluate(DARK_GREEN, PAD) > painted
    notebook.click(GAME, "Step")
    notebook.wait_for_text(GAME, "Step 1.")
    notebook.wait_for_new_picture(PICTURE, before)
    assert notebook.errors == []
