"""A run in a notebook: the slider over its epochs, and the live view while it trains."""

import numpy as np
import pytest
from PIL import Image

import pix2pix_edu as p2p
from pix2pix_edu.errors import UsageError
from pix2pix_edu.training import Run
from pix2pix_edu.widgets import LiveTraining, RunBrowser
from pix2pix_edu.widgets.pictures import from_png
from pix2pix_edu.widgets.run_browser import measures


@pytest.fixture(scope="module")
def seen():
    return []


@pytest.fixture(scope="module")
def live():
    return LiveTraining()


@pytest.fixture(scope="module")
def run(tmp_path_factory, seen, live):
    rng = np.random.default_rng(0)
    split = p2p.Split(*rng.integers(0, 256, (2, 4, 32, 32, 3)).astype("uint8"))

    def watch(run):
        live(run)
        seen.append((live.text, live.png))

    folder = tmp_path_factory.mktemp("run") / "r"
    pairs = p2p.Pairs("noise", split, split, split)
    settings = {"preset": "tiny", "filters": 2, "batch_size": 4, "show_progress": False}
    return p2p.train(pairs, epochs=3, run_dir=folder, on_epoch=watch, **settings)


def test_each_epoch_shows_its_own_sheet(run):
    browser = RunBrowser(run)
    assert browser.values == {"epoch": 3}
    for epoch in (1, 2, 3):
        browser.set(epoch=epoch)
        sheet = np.asarray(Image.open(run.sheets[epoch - 1]))
        np.testing.assert_array_equal(browser.picture, sheet)
        assert browser.text.startswith(f"Epoch {epoch}: discriminator {run.history['d_loss'][epoch - 1]:.2f}")


def test_the_best_epoch_is_named(run):
    browser = RunBrowser(run)
    named = [epoch for epoch in (1, 2, 3) if browser.set(epoch=epoch) is None and "best" in browser.text]
    assert named == [run.best_epoch]


def test_the_live_view_follows_every_epoch(run, seen):
    assert [text.split(":")[0] for text, _ in seen] == ["Epoch 1 of 3", "Epoch 2 of 3", "Epoch 3 of 3"]
    for (_, png), sheet in zip(seen, run.sheets, strict=True):
        np.testing.assert_array_equal(from_png(png), np.asarray(Image.open(sheet)))


def test_a_run_without_sheets_is_explained(run, tmp_path):
    with pytest.raises(UsageError, match="no sample sheets yet"):
        RunBrowser(Run(run.model, run.config, run.history, tmp_path))


def test_what_was_not_measured_is_left_out():
    history = {"epoch": [1], "d_loss": [0.5], "val_ssim": [float("nan")]}
    assert measures(history, 1) == "discriminator 0.50 (chance 0.69)"
