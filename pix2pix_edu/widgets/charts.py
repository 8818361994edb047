"""Small charts for widgets, painted with Pillow: a figure of matplotlib takes ten times as long."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pix2pix_edu.widgets import style
from pix2pix_edu.widgets.pictures import INK

SHARP = 2  # painted so much larger and then reduced, which smooths the edges
TEXT, SMALL = 12, 11
MARGINS = (42, 26, 12, 20)  # pixels left, above, right and below of the frame
DASHES = {"solid": (), "dashed": (7, 4), "dotted": (2, 3), "dash-dot": (8, 3, 2, 3)}  # painted, left out, in pixels


class Chart:
    """A frame with axes to which lines, marks and words are added, in the units of the data.

    Args:
        size: width and height in pixels, with all margins.
        x: left and right end of the axis.
        y: lower and upper end; what lies outside is clipped to the frame.
        title: a line above.
        x_ticks: numbers to write under the frame.
        y_ticks: numbers to write beside it.
        x_words: other words for `x_ticks`.

    >>> chart = Chart((200, 120), x=(0, 10), y=(0, 1), title="a line")
    >>> chart.line([0, 10], [0, 1])
    >>> np.asarray(chart.image).shape
    (120, 200, 3)
    """

    def __init__(
        self,
        size: tuple[int, int],
        *,
        x: tuple[float, float],
        y: tuple[float, float],
        title: str = "",
        x_ticks: Sequence[float] = (),
        y_ticks: Sequence[float] = (),
        x_words: Sequence[str] = (),
    ) -> None:
        self.size, self._x, self._y = size, x, y
        left, above, right, below = MARGINS
        self.frame = (left, above, size[0] - right, size[1] - below)
        self._sheet = Image.new("RGB", (SHARP * size[0], SHARP * size[1]), "white")
        self._pen = ImageDraw.Draw(self._sheet)
        self._box(self.frame)
        self._words(self.frame[0], above / 2, title, TEXT, "lm")
        for number, words in zip(x_ticks, x_words or [f"{tick:g}" for tick in x_ticks], strict=True):
            place = self.place(number, y[0])[0]
            self._stroke([(place, self.frame[3]), (place, self.frame[3] + 3)], INK, 1)
            self._words(place, self.frame[3] + 5, words, SMALL, "ma")
        for number in y_ticks:
            place = self.place(x[0], number)[1]
            self._stroke([(left - 3, place), (left, place)], INK, 1)
            self._words(left - 5, place, f"{number:g}", SMALL, "rm")

    @property
    def image(self) -> Image.Image:
        """The chart in its final size."""
        return self._sheet.reduce(SHARP)

    def place(self, x: Any, y: Any) -> tuple[Any, Any]:
        """Where a point of the data lies, in pixels from the left and from the top; clipped to the frame."""
        left, top, right, bottom = self.frame
        across = (np.clip(x, *self._x) - self._x[0]) / (self._x[1] - self._x[0])
        up = (np.clip(y, *self._y) - self._y[0]) / (self._y[1] - self._y[0])
        return left + (right - left) * across, bottom - (bottom - top) * up

    def line(
        self, x: Any, y: Any, colour: str = style.BLACK, kind: str = "solid", width: float = 2, name: str = ""
    ) -> None:
        """A line through points, left out where it would leave the frame; `name` is written at its end.

        `kind` is "solid", "dashed", "dotted" or "dash-dot".
        """
        x, y = np.asarray(x, float), np.asarray(y, float)
        inside = (y >= self._y[0]) & (y <= self._y[1]) & (x >= self._x[0]) & (x <= self._x[1])
        points = list(zip(*self.place(x, y), strict=True))
        for run in np.split(np.arange(len(x)), np.flatnonzero(np.diff(inside)) + 1):
            if len(run) and inside[run[0]]:
                for piece in _pieces([points[index] for index in run], DASHES[kind]):
                    self._stroke(piece, style.rgb(colour), width)
        if name and inside.any():
            across, down = points[np.flatnonzero(inside)[-1]]
            self._words(across - 3, down - 3, name, SMALL, "rb", style.rgb(style.readable(colour)))

    def vertical(self, x: float, colour: str = style.BLACK, kind: str = "solid", width: float = 2) -> None:
        """A line from the bottom of the frame to its top."""
        self.line([x, x], self._y, colour, kind, width)

    def horizontal(self, y: float, colour: str = style.BLACK, kind: str = "dotted", width: float = 1) -> None:
        """A line from the left of the frame to its right."""
        self.line(self._x, [y, y], colour, kind, width)

    def mark(self, x: float, y: float, colour: str = style.BLACK, shape: str = "disc", radius: float = 5) -> None:
        """A "disc", "ring", "diamond", "square", or a "triangle" that points up."""
        (across, down), r = self.place(x, y), radius
        fill, edge = style.rgb(colour), (255, 255, 255)
        if shape in ("disc", "ring"):
            box = [SHARP * value for value in (across - r, down - r, across + r, down + r)]
            hollow = shape == "ring"
            self._pen.ellipse(
                box,
                fill="white" if hollow else fill,
                outline=fill if hollow else edge,
                width=2 * SHARP if hollow else 1,
            )
            return
        corners = {
            "diamond": [(-r, 0), (0, -r), (r, 0), (0, r)],
            "square": [(-r, -r), (r, -r), (r, r), (-r, r)],
            "triangle": [(-r, r), (0, -r), (r, r)],
        }[shape]
        self._pen.polygon([(SHARP * (across + dx), SHARP * (down + dy)) for dx, dy in corners], fill=fill, outline=edge)

    def text(self, x: float, y: float, words: str, anchor: str = "lm", colour: str = "", shift: tuple = (0, 0)) -> None:
        """Words at a point; `anchor` as in Pillow ("lm": the point is left of them), `shift` in pixels.

        A colour is darkened as far as words need it.
        """
        across, down = self.place(x, y)
        ink = INK if not colour else style.rgb(colour if colour == "#FFFFFF" else style.readable(colour))
        self._words(across + shift[0], down + shift[1], words, SMALL, anchor, ink)

    def _box(self, box: Sequence[float]) -> None:
        self._pen.rectangle([SHARP * value for value in box], outline=style.rgb(style.GREY), width=1)

    def _stroke(self, points: Sequence[tuple[float, float]], colour: tuple[int, int, int], width: float) -> None:
        path = [(SHARP * x, SHARP * y) for x, y in points]
        self._pen.line(path, fill=colour, width=max(1, round(SHARP * width)), joint="curve")

    def _words(self, x: float, y: float, words: str, size: int, anchor: str, colour: tuple = INK) -> None:
        self._pen.text((SHARP * x, SHARP * y), words, fill=colour, font=font(size), anchor=anchor)


def beside(charts: Sequence[Image.Image], gap: int = 8) -> Image.Image:
    """Pictures of any height side by side on white, their tops aligned.

    >>> beside([Image.new("RGB", (10, 5)), Image.new("RGB", (20, 9))]).size
    (38, 9)
    """
    width = sum(chart.width for chart in charts) + gap * (len(charts) - 1)
    sheet = Image.new("RGB", (width, max(chart.height for chart in charts)), "white")
    left = 0
    for chart in charts:
        sheet.paste(chart, (left, 0))
        left += chart.width + gap
    return sheet


def below(parts: Sequence[Image.Image], gap: int = 8) -> Image.Image:
    """Pictures of any width one below the other on white.

    >>> below([Image.new("RGB", (10, 5)), Image.new("RGB", (20, 9))]).size
    (20, 22)
    """
    height = sum(part.height for part in parts) + gap * (len(parts) - 1)
    sheet = Image.new("RGB", (max(part.width for part in parts), height), "white")
    top = 0
    for part in parts:
        sheet.paste(part, (0, top))
        top += part.height + gap
    return sheet


@cache
def font(size: int) -> Any:
    """Pillow's own font, for painting at `SHARP` times the size.

    >>> font(11) is font(11)
    True
    """
    return ImageFont.load_default(SHARP * size)


def _pieces(points: list[tuple[float, float]], dashes: Sequence[float]) -> list[list[tuple[float, float]]]:
    """A path cut into dashes; the pattern runs on round the corners."""
    if not dashes or len(points) < 2:
        return [points] if len(points) > 1 else []
    path = np.array(points)
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])
    pieces, start, number = [], 0.0, 0
    while start < along[-1]:
        end = min(start + dashes[number % len(dashes)], along[-1])
        if number % 2 == 0:
            inside = along[(along > start) & (along < end)]
            stops = np.concatenate([[start], inside, [end]])
            pieces.append(
                [(float(np.interp(s, along, path[:, 0])), float(np.interp(s, along, path[:, 1]))) for s in stops]
            )
        start, number = end, number + 1
    return pieces
