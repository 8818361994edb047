"""The digit painter, moved without a browser: it shows what the models draw, and says what is read on the pictures."""

import numpy as np
import pytest

from pix2pix_edu import cgan
from pix2pix_edu.widgets import DigitPainter
from pix2pix_edu.widgets.digit_painter import PER_ROW, ROWS, TILE
from pix2pix_edu.widgets.pictures import GAP, LABEL_HEIGHT, at_size


@pytest.fixture(scope="module")
def models():
    return {True: cgan.load_painter(True), False: cgan.load_painter(False)}


@pytest.fixture
def painter(models):
    return DigitPainter(models[True], models[False])


def shown(painter, position):
    left = position % PER_ROW * (TILE + GAP)
    top = LABEL_HEIGHT + position // PER_ROW * (LABEL_HEIGHT + TILE + GAP)
    return painter.picture[top : top + TILE, left : left + TILE]


@pytest.mark.parametrize("sees", [True, False])
@pytest.mark.parametrize(("digit", "colour", "seed"), [(7, "red", 0), (0, "blue", 3), (9, "white", 49)])
def test_every_control_reaches_the_picture(painter, models, sees, digit, colour, seed):
    painter.set(digit=digit, colour=colour, discriminator=sees, seed=seed)
    expected = models[sees].sample(cgan.phrase(colour, digit), n=PER_ROW * ROWS, seed=seed)
    for position in range(PER_ROW * ROWS):
        np.testing.assert_array_equal(shown(painter, position), at_size(expected[position], TILE))
    assert f'"{cgan.phrase(colour, digit)}"' in painter.text
    assert ("saw the text" in painter.text) == sees


def test_one_obeys_and_the_other_does_not(painter):
    right = {True: 0, False: 0}
    for sees in right:
        for digit in range(10):
            painter.set(digit=digit, colour="yellow", discriminator=sees)
            right[sees] += int((painter.digits_read == digit).sum())
            assert f"{int((painter.digits_read == digit).sum())} read as {digit}" in painter.text
    assert right[True] > 100 and right[False] < 36  # of 120


def test_the_text_that_was_never_shown_is_said_to_be_so(painter):
    painter.set(digit=7, colour="red")
    assert "never shown in training" in painter.text
    painter.set(colour="blue")
    assert "never shown" not in painter.text


def test_the_noise_changes_the_handwriting_and_not_the_digit(painter):
    painter.set(digit=4, colour="green", seed=1)
    before = painter.png
    painter.set(seed=2)
    assert painter.png != before
    assert (painter.digits_read == 4).mean() > 0.7


def test_what_is_displayed_says_what_it_shows_without_a_picture(painter):
    assert painter.picture.shape[1] < 700, "readable at half a screen"
    assert "Of 12 pictures" in painter.text and painter.error is None
