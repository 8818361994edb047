"""A drawing of your own, prepared exactly as the training drawings were (lessons 00 and 10).

A model only knows what it was shown. The example model was shown OpenMoji's line art: black lines 2 units wide with
round ends, on a white sheet of 72 x 72 units, with a margin of 4, drawn by one certain program and with smooth edges.
A line that is thicker, grey or jagged is another kind of picture, and gets a worse answer. So a sketch goes the same
way: strokes become an SVG like OpenMoji's, and the same program draws it at the size that the model takes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np

from pix2pix_edu.errors import UsageError, nearest
from pix2pix_edu.pairs.emoji import draw, emoji_name, line_art, read_svg

UNITS = 72  # width and height of OpenMoji's sheets; all coordinates here are in these units, (0, 0) at the upper left
LINE_WIDTH = 2.0  # of nearly every line in OpenMoji
DOT_WIDTH = 4.0  # of the eyes of most faces
ERASER_WIDTH = 7.0
MARGIN = 4.0  # hardly any line of OpenMoji comes nearer to the edge

# Line drawings to start from: all of them test drawings, which the example model has not seen.
STARTS = {emoji_name(code): code for code in ("1FAE4", "1F333", "1F354", "1F3FA", "1F417", "1F99C", "1F680", "1F5FB")}


@dataclass(frozen=True)
class Stroke:
    """One movement of the pen, or of the eraser.

    Args:
        points: places (x, y) in units of the sheet, from 0 to 72; one alone is a dot. Places outside are cut off.
        width: in the same units.
        erases: draws in white, the colour of the paper.
        smooth: round the corners, as befits a hand whose places were read off a few dozen times a second.

    Raises:
        UsageError: no points, a point that is not two finite numbers, or a width that is not between 0 and 72.

    >>> Stroke([(10, 10), (62, 10)]).path
    'M10 10 L62 10'
    """

    points: Sequence[Sequence[float]]
    width: float = LINE_WIDTH
    erases: bool = False
    smooth: bool = False
    path: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check, and work out the path in the language of SVG."""
        points = _checked(self.points)
        if not (isinstance(self.width, (int, float)) and 0 < self.width <= UNITS):
            raise UsageError(f"width={self.width!r} does not work: a stroke is more than 0 and at most {UNITS} wide.")
        object.__setattr__(self, "path", _smooth_path(points) if self.smooth else _straight_path(points))

    def to_svg(self) -> str:
        """The stroke as an element of an SVG.

        >>> Stroke([(36, 36)], width=4).to_svg()
        '<circle cx="36" cy="36" r="2" fill="#000"/>'
        """
        colour = "#fff" if self.erases else "#000"
        if "L" not in self.path and "Q" not in self.path:  # a dot: programs disagree about lines without length
            x, y = self.points[0]
            return f'<circle cx="{_number(x)}" cy="{_number(y)}" r="{_number(self.width / 2)}" fill="{colour}"/>'
        return (
            f'<path d="{self.path}" fill="none" stroke="{colour}" stroke-width="{_number(self.width)}" '
            'stroke-linecap="round" stroke-linejoin="round"/>'
        )


def strokes_to_source(
    strokes: Iterable[Stroke | Sequence[Sequence[float]]],
    image_size: int = 64,
    channels: int = 3,
    start: str = "",
) -> np.ndarray:
    """What a model sees of a sketch: drawn at its size by the program that drew the training data.

    Args:
        strokes: from first to last; a plain list of points is a black line of the training data's width.
        image_size: height and width in pixels.
        channels: 3, or 1 for a model that takes grey pictures.
        start: the line drawing below the strokes: a name in `STARTS`, or "" for white paper.

    Returns:
        uint8, shape (image_size, image_size, channels).

    Raises:
        UsageError: what `Stroke` raises, a start that does not exist, or another number of channels.

    >>> cross = strokes_to_source([[(20, 20), (52, 52)], [(20, 52), (52, 20)]])
    >>> cross.shape, cross[32, 32].tolist(), cross[0, 0].tolist()
    ((64, 64, 3), [0, 0, 0], [255, 255, 255])
    """
    if channels not in (1, 3):
        raise UsageError(f"A sketch has 3 channels or 1, but this model takes {channels}.")
    return draw(sketch_svg(strokes, start), image_size)[..., :channels]


def sketch_svg(strokes: Iterable[Stroke | Sequence[Sequence[float]]], start: str = "") -> str:
    """The sketch as an SVG that looks like one of OpenMoji's, to draw at any size.

    Args:
        strokes: as for `strokes_to_source`.
        start: as for `strokes_to_source`.

    >>> sketch_svg([[(36, 36)]]).count("<circle")
    1
    """
    parts = [(stroke if isinstance(stroke, Stroke) else Stroke(stroke)).to_svg() for stroke in strokes]
    return f"{start_svg(start).removesuffix('</svg>')}{''.join(parts)}</svg>"


@cache
def start_svg(start: str = "") -> str:
    """The lines of a drawing to start from, as an SVG; white paper without a name.

    Raises:
        UsageError: there is no such start.

    >>> start_svg()
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 72 72"></svg>'
    """
    if not start:
        return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {UNITS} {UNITS}"></svg>'
    if start not in STARTS:
        raise UsageError(f"There is no drawing {start!r} to start from. {nearest(start, list(STARTS))}")
    return line_art(read_svg(STARTS[start])).strip()


def _checked(points: Any) -> list[tuple[float, float]]:
    try:
        pairs = [(float(x), float(y)) for x, y in points]
    except (TypeError, ValueError):
        raise UsageError(
            "The points of a stroke are pairs of numbers, such as [(10, 10), (62, 10)], but these are "
            f"{str(points)[:80]}."
        ) from None
    if not pairs:
        raise UsageError("A stroke needs at least one point; this one has none.")
    if not all(math.isfinite(value) for pair in pairs for value in pair):
        raise UsageError("A stroke has a point that is not a finite number. Places go from 0 to 72.")
    return pairs


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _place(x: float, y: float) -> str:
    return f"{_number(x)} {_number(y)}"


def _straight_path(points: list[tuple[float, float]]) -> str:
    return " L".join(["M" + _place(*points[0]), *(_place(x, y) for x, y in points[1:])])


def _smooth_path(points: list[tuple[float, float]]) -> str:
    """From the middle of one piece to the middle of the next, each corner rounded by a parabola.

    The browser draws strokes by the same rule while they grow.
    """
    if len(points) < 3:
        return _straight_path(points)
    pieces = [f"M{_place(*points[0])}"]
    for (x, y), (next_x, next_y) in pairwise(points[1:]):
        pieces.append(f"Q{_place(x, y)} {_place((x + next_x) / 2, (y + next_y) / 2)}")
    return " ".join([*pieces, f"L{_place(*points[-1])}"])
