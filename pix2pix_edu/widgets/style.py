"""Colours that people with any kind of colour vision can tell apart, for every figure and widget of the course.

The palette is Okabe and Ito's (Color Universal Design, 2008). Colour never carries a message alone: wherever one of
these is used there is also a word, a symbol or a line style.
"""

from __future__ import annotations

BLACK = "#000000"
ORANGE = "#E69F00"
SKY_BLUE = "#56B4E9"
GREEN = "#009E73"
YELLOW = "#F0E442"
BLUE = "#0072B2"
VERMILLION = "#D55E00"
PURPLE = "#CC79A7"
GREY = "#767676"  # readable on white and on black; for what is not yet decided

PALETTE = (BLUE, ORANGE, GREEN, PURPLE, SKY_BLUE, VERMILLION, YELLOW, BLACK)

# What the colours stand for throughout the course.
GENERATOR = BLUE
DISCRIMINATOR = VERMILLION
REAL = GREEN
FAKE = ORANGE


def rgb(colour: str) -> tuple[int, int, int]:
    """A colour as three integers from 0 to 255.

    >>> rgb(ORANGE)
    (230, 159, 0)
    """
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
