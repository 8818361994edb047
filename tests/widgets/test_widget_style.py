"""Colours in numbers: contrast as WCAG defines it, and words that can be read. How colour-blind eyes see the palette is
in tests/test_accessibility.py.
"""

import pytest

from pix2pix_edu.widgets import style

WHITE = "#FFFFFF"


@pytest.mark.parametrize(
    "one, other, ratio",  # the first two are WCAG's own limits, the others from its published examples
    [("#000000", WHITE, 21.0), (WHITE, WHITE, 1.0), ("#777777", WHITE, 4.48), ("#0000FF", WHITE, 8.59)],
)
def test_contrast_is_that_of_wcag(one, other, ratio):
    assert style.contrast(one, other) == pytest.approx(ratio, abs=0.005)
    assert style.contrast(other, one) == style.contrast(one, other)


@pytest.mark.parametrize("colour", [*style.PALETTE, style.GREY, "#FFFFFF", "#F0E442"])
def test_words_in_a_colour_are_darkened_as_far_as_they_need_it_and_no_further(colour):
    words = style.readable(colour)
    assert style.contrast(words, WHITE) >= style.TEXT_CONTRAST
    if words != colour:
        assert style.contrast(words, WHITE) < style.TEXT_CONTRAST + 0.2
        ratios = [dark / light for dark, light in zip(style.rgb(words), style.rgb(colour), strict=True) if light > 60]
        assert max(ratios) - min(ratios) < 0.02, "the same hue"


@pytest.mark.parametrize("colour", [*style.PALETTE, style.GREY])
def test_words_on_a_bar_can_be_read(colour):
    assert style.contrast(style.words_on(colour), colour) >= style.TEXT_CONTRAST
