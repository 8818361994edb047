"""Lesson 08's widgets in JupyterLab: the live view fills while training goes on, the slider goes through the epochs."""

import pytest

TRAIN = """
import tempfile
import numpy as np
import pix2pix_edu as p2p
from pix2pix_edu.widgets import LiveTraining, RunBrowser

rng = np.random.default_rng(0)
split = p2p.Split(*rng.integers(0, 256, (2, 4, 32, 32, 3)).astype("uint8"))
run = p2p.train(p2p.Pairs("noise", split, split, split), epochs=3, preset="tiny", filters=2, batch_size=4,
                run_dir=tempfile.mkdtemp() + "/run", on_epoch=LiveTraining(), show_progress=False)
"""
LIVE, BROWSER = ".p2p-livetraining", ".p2p-runbrowser"


@pytest.fixture(scope="module")
def notebook(open_notebook):
    return open_notebook("lesson_08", [TRAIN, "RunBrowser(run)"])


def test_the_live_view_shows_the_last_epoch_and_a_sheet(notebook):
    notebook.wait_for_text(LIVE, "Epoch 3 of 3")
    assert notebook.picture(f"{LIVE} img")


def test_the_slider_goes_back_to_an_earlier_epoch(notebook):
    before = notebook.picture(f"{BROWSER} img")
    notebook.press(f"{BROWSER} .noUi-handle", "ArrowLeft")
    notebook.wait_for_text(BROWSER, "Epoch 2:")
    notebook.wait_for_new_picture(f"{BROWSER} img", before)
    assert notebook.errors == []
