"""Colours that people with any kind of colour vision can tell apart, for every figure and widget of the course.

The palette is Okabe and Ito's (Color Universal Design, 2008). Orange and sky blue are darker than theirs, so that a
thin line can be seen on white (a contrast of 3:1, as WCAG 2.2 asks of graphics); green and vermillion had to follow, or
some eyes would take them for the grey and the new orange. Colour never carries a message alone: wherever one of these
is used there is also a word, a symbol or a line style. Words in a colour are darker than lines in it, see `readable`.
tests/test_accessibility.py measures all of this.
"""

from __future__ import annotations

BLACK = "#000000"
ORANGE = "#CC7F00"
SKY_BLUE = "#3F96EB"
GREEN = "#009960"
BLUE = "#0072B2"
VERMILLION = "#BD4700"
PURPLE = "#CC79A7"
GREY = "#767676"  # readable on white and on black; for what is not yet decided

PALETTE = (BLUE, ORANGE, GREEN, PURPLE, SKY_BLUE, VERMILLION, BLACK)  # for lines and marks on white

# What the colours stand for throughout the course.
GENERATOR = BLUE
DISCRIMINATOR = VERMILLION
REAL = GREEN
FAKE = ORANGE
FOCUS = BLUE  # the ring around what has the keyboard's focus, on light and on dark pages

TEXT_CONTRAST = 4.5  # WCAG 2.2, level AA, for words
MARK_CONTRAST = 3.0  # the same for lines and marks that carry a message


def rgb(colour: str) -> tuple[int, int, int]:
    """A colour as three integers from 0 to 255.

    >>> rgb(ORANGE)
    (204, 127, 0)
    """
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def contrast(one: str, other: str) -> float:
    """How clearly two colours differ in brightness, from 1 to 21 (WCAG 2.2, "contrast ratio").

    >>> round(contrast(BLACK, "#FFFFFF"), 1), round(contrast(BLUE, "#FFFFFF"), 2)
    (21.0, 5.19)
    """
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def readable(colour: str) -> str:
    """The same colour for words on white: darkened as far as they need it, and no further.

    >>> readable(BLUE) == BLUE, readable(GREEN)
    (True, '#008855')
    """
    share = 1.0
    while contrast(words := _scaled(colour, share), "#FFFFFF") < TEXT_CONTRAST:
        share -= 0.01
    return words


def words_on(colour: str) -> str:
    """White for words on a bar of this colour where it can be read, else black.

    >>> words_on(BLUE), words_on(SKY_BLUE)
    ('#FFFFFF', '#000000')
    """
    return "#FFFFFF" if contrast("#FFFFFF", colour) >= TEXT_CONTRAST else BLACK


def _scaled(colour: str, share: float) -> str:
    return "#" + "".join(f"{int(value * share):02X}" for value in rgb(colour))


def _luminance(colour: str) -> float:
    linear = [
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in (part / 255 for part in rgb(colour))
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
