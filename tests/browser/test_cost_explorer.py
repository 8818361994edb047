"""The cost explorer under a learner's hands: keyboard in JupyterLab."""

import pytest

CELL = """
from pix2pix_edu.cost import Cost
from pix2pix_edu.presets import PRESETS
from pix2pix_edu.widgets import CostExplorer

config = {**PRESETS["small"].settings(), "source_channels": 3, "target_channels": 3, "train_pairs": 400}
times = {"step_seconds": (0.19, 0.2, 0.21), "setup_seconds": 5, "preparing_seconds": 0, "saving_seconds": 0.1}
rest = {"validation_seconds": 0.001, "memory_bytes": 10**9, "memory_of": "this process"}
CostExplorer(Cost(config=config, machine="a machine", **times, **rest))
"""
BOX = ".p2p-costexplorer"


@pytest.fixture(scope="module")
def notebook(open_notebook):
    return open_notebook("lesson_08", [CELL])


def test_every_slider_moves_with_the_arrow_keys(notebook):
    notebook.wait_for_text(BOX, "400 pairs (as many as the paper's facades), 30 epochs")
    before = notebook.picture(f"{BOX} img")
    handles = notebook.page.locator(f"{BOX} .noUi-handle")
    assert handles.count() == 5
    moves = [
        "1,000 pairs, 30 epochs, 64 px",
        "1,000 pairs, 50 epochs, 64 px, 32 filters, batch 16",
        "50 epochs, 128 px, 32 filters, batch 16",
        "50 epochs, 128 px, 64 filters, batch 16",
        "50 epochs, 128 px, 64 filters, batch 32",
    ]
    for number, words in enumerate(moves):
        handles.nth(number).focus()
        notebook.page.keyboard.press("ArrowRight")
        before = notebook.wait_for_new_picture(f"{BOX} img", before)
        notebook.wait_for_text(BOX, words)
    assert notebook.errors == []


def test_the_explanation_unfolds(notebook):
    notebook.page.locator(f"{BOX} summary").click()
    notebook.wait_for_text(BOX, "Time is a product")
    assert notebook.errors == []
