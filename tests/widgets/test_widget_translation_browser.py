"""The translation browser, moved without a browser: what it shows is what `translate` gives."""

import numpy as np
import pytest

import pix2pix_edu as p2p
from pix2pix_edu.widgets import TranslationBrowser
from pix2pix_edu.widgets.pictures import LABEL_HEIGHT, SHOWN_SIZE, at_size

RNG = np.random.default_rng(0)
SPLIT = p2p.Split(*RNG.integers(0, 256, (2, 3, 32, 32, 3)).astype("uint8"), ["a", "b", "c"])


@pytest.fixture(scope="module")
def generator():
    generator = p2p.generator_model(32, 4, seed=1)
    generator.set_weights([5 * weight for weight in generator.get_weights()])  # untrained, it would draw plain grey
    return generator


@pytest.fixture
def browser(generator):
    return TranslationBrowser(generator, SPLIT)


def shown(browser, position):
    left = position * (SHOWN_SIZE + 12)
    return browser.picture[LABEL_HEIGHT:, left : left + SHOWN_SIZE]


def test_it_shows_source_translation_and_target(browser, generator):
    for index in range(3):
        browser.set(index=index)
        pictures = [SPLIT.sources[index], p2p.translate(generator, SPLIT.sources[index]), SPLIT.targets[index]]
        for position, picture in enumerate(pictures):
            np.testing.assert_array_equal(shown(browser, position), at_size(picture))
        assert f"Pair {index}, {'abc'[index]}" in browser.text and "PSNR" in browser.text


def test_seeds_matter_with_dropout_only(browser, generator):
    assert browser.controls["seed"].disabled
    browser.set(dropout=True, seed=3)
    assert not browser.controls["seed"].disabled
    expected = p2p.translate(generator, SPLIT.sources[0], dropout=True, seed=3)
    np.testing.assert_array_equal(shown(browser, 1), at_size(expected))
    first = browser.png
    browser.set(seed=4)
    assert browser.png != first
    assert "seed 4" in browser.text


def test_a_control_moved_by_hand_redraws(browser):
    before = browser.png
    browser.controls["index"].value = 2
    assert browser.png != before
