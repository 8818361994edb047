"""The claim explorer of lesson 12 under a learner's hands: keyboard and mouse in JupyterLab."""

import re

import pytest
from playwright.sync_api import expect

START = """
from dataclasses import replace
from pix2pix_edu.experiments import SCALES
from pix2pix_edu.widgets import ClaimExplorer

data = {**SCALES["quick"].data, "train": 8, "val": 2, "test": 4}
settings = {**SCALES["quick"].settings, "filters": 2, "save_every": 1000}
SCALES["quick"] = replace(SCALES["quick"], data=data, settings=settings, epochs=1000)  # so long that it can be stopped
explorer = ClaimExplorer(["table1"], runs="toy-runs")
explorer
"""
EXPLORER, JOB = ".p2p-claimexplorer", ".p2p-claimexplorer .p2p-job"


@pytest.fixture(scope="module")
def notebook(open_notebook):
    return open_notebook("claims", [START])


def test_another_claim_and_another_house_change_the_picture(notebook):
    notebook.wait_for_text(EXPLORER, "L1+cGAN beats L1: holds")
    before = notebook.picture(f"{EXPLORER} img")
    second = notebook.page.locator(f"{EXPLORER} input[type=radio]").nth(1)
    second.focus()
    notebook.page.keyboard.press("Space")
    notebook.wait_for_text(EXPLORER, "L1+cGAN beats GAN: holds")
    before = notebook.wait_for_new_picture(f"{EXPLORER} img", before)
    notebook.page.locator(f"{EXPLORER} .widget-toggle-button", has_text="pixel accuracy").click()
    before = notebook.wait_for_new_picture(f"{EXPLORER} img", before)
    notebook.press(f"{EXPLORER} .noUi-handle", "ArrowRight")
    notebook.wait_for_new_picture(f"{EXPLORER} img", before)
    assert notebook.errors == []


def test_a_run_is_started_stopped_and_forgotten_while_the_notebook_stays_usable(notebook):
    radios = notebook.page.locator(f"{EXPLORER} input[type=radio]")
    radios.nth(4).click()  # L1 and GAN
    notebook.wait_for_text(EXPLORER, "GAN alone is worse than L1: holds")
    run = notebook.page.locator(f"{JOB} button").first
    run.click()
    expect(notebook.page.locator(JOB)).to_contain_text(re.compile(r"running, [1-9]\d*%"), timeout=120_000)
    before = notebook.picture(f"{EXPLORER} img")
    notebook.press(f"{EXPLORER} .noUi-handle", "ArrowRight")  # a control still answers
    notebook.wait_for_new_picture(f"{EXPLORER} img", before)
    run.click()
    expect(notebook.page.locator(JOB)).to_contain_text(re.compile(r"stopped, \d+%"))
    expect(run).to_have_text("Go on")
    notebook.page.locator(f"{JOB} button", has_text="Begin anew").click()
    notebook.wait_for_text(JOB, "ready, 0%")
    assert notebook.errors == []
