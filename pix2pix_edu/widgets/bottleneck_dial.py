"""Lesson 13: set one number of the bottleneck, or all of them along one direction, and see what changes."""

from __future__ import annotations

from typing import Any

import ipywidgets
import numpy as np

from pix2pix_edu.widgets.base import Explorer
from pix2pix_edu.widgets.pictures import at_size, column, row

SIZE = 160  # of each of the four pictures above
TOP = 7  # drawings that are shown below
EXPLAIN = (
    "One unit out of 256 moves the picture a little at most: what the bottleneck says is spread over many units, and "
    "few of them mean anything that has a name. A direction moves all units at once, along a line on which drawings "
    "really differ. The first one takes the yellow out of areas that are meant to be yellow, or puts it "
    "in. Lines stay where they are, whatever you do: they "
    "come over the skips and not through here. Be careful with names for what you see: the drawings below are those "
    "with the largest values, and any handful of drawings has something in common if you look for it."
)


class BottleneckDial(Explorer):
    """Turn a dial in the bottleneck of a generator and see what changes; below, the drawings that set it highest.

    Args:
        model: anything that `translate` takes.
        split: a `Split` in the size of the model; its drawings say which values are usual.

    Its controls: `index` (of the drawing), `kind` ("unit" or "direction"), `number` (which of them) and `turn`, how far
    from the mean over the drawings, in standard deviations.

    Attributes:
        moved: by how much the picture changed, in grey levels.

    >>> import pix2pix_edu as p2p
    >>> pictures = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    >>> dial = BottleneckDial(p2p.generator_model(32, 2), p2p.Split(pictures, pictures))
    >>> dial.set(kind="direction", number=1, turn=3.0)
    >>> dial.picture.shape[2]
    3
    """

    def __init__(self, model: Any, split: Any) -> None:
        from pix2pix_edu.insight import Parts  # loads Keras

        self.split, self.parts = split, Parts(model)
        self._code = self.parts.encode(split.sources)
        inner = self._code[self.parts.bottleneck]
        self.units = inner.reshape(len(inner), -1)
        self.directions = main_directions(self.units)
        self._count = self.units.shape[1]
        super().__init__(
            {
                "index": ipywidgets.IntSlider(value=0, min=0, max=len(split) - 1, description="Pair"),
                "kind": ipywidgets.ToggleButtons(
                    options=["unit", "direction"], value="direction", description="Dial", style={"button_width": "auto"}
                ),
                "number": ipywidgets.IntSlider(value=0, min=0, max=len(self.directions) - 1, description="Number"),
                "turn": ipywidgets.FloatSlider(value=-3.0, min=-4.0, max=4.0, step=0.5, description="Turn to"),
            },
            title="One dial in the bottleneck",
            predict="What will change when one of the numbers changes: lines, objects, or colours? And how much?",
            explain=EXPLAIN,
        )

    def adjust(self, *, kind: str, **others: Any) -> None:
        """There are more units than directions."""
        self.controls["number"].max = (self._count if kind == "unit" else len(self.directions)) - 1

    def draw(self, *, index: int, kind: str, number: int, turn: float) -> np.ndarray:
        """Drawing, translation, translation with the dial turned, and target; below, who sets the dial highest."""
        values = self.settings(kind, number)
        axis = np.eye(self._count)[number] if kind == "unit" else self.directions[number]
        self._was = float(values[index])
        self._set = float(values.mean() + turn * values.std())
        code = {name: part[index : index + 1].repeat(2, axis=0) for name, part in self._code.items()}
        inner = code[self.parts.bottleneck].copy()
        inner[1] += ((self._set - self._was) * axis).reshape(inner.shape[1:])
        whole, turned = self.parts.decode({**code, self.parts.bottleneck: inner})
        self.moved = float(np.abs(turned.astype(float) - whole).mean())
        above = [self.split.sources[index], whole, turned, self.split.targets[index]]
        upper = row([at_size(picture, SIZE) for picture in above], ["drawing", "as it is", "dial turned", "target"])
        highest = np.argsort(-values)[:TOP]
        small = at_size(above[0], SIZE).shape[0] // 2
        lower = row(
            [at_size(self.split.sources[place], small) for place in highest],
            [f"{values[place]:+.1f}" for place in highest],
        )
        return column([upper, lower])

    def caption(self, *, index: int, kind: str, number: int, turn: float) -> str:
        """The dial in numbers."""
        values = self.settings(kind, number)
        return (
            f"Pair {index}, {self.split.names[index]}. {kind.capitalize()} {number} is {self._was:+.1f} here and was "
            f"set to {self._set:+.1f}: the mean over all drawings, {values.mean():+.1f}, and {turn:+.1f} standard "
            f"deviations of {values.std():.1f}. The picture moved by {self.moved:.1f} grey levels. Below: the drawings "
            "with the highest values."
        )

    def settings(self, kind: str, number: int) -> np.ndarray:
        """Where each drawing of the split has this dial."""
        return self.units[:, number] if kind == "unit" else self.units @ self.directions[number]


def main_directions(values: np.ndarray, count: int = 8) -> np.ndarray:
    """The directions in which values differ most, the first one most of all (principal components).

    Args:
        values: (N, units).
        count: at most so many.

    Returns:
        Rows of length 1, at right angles to each other, (count, units). Each points to where the largest entry is
        positive, since its sign has no meaning.

    >>> main_directions(np.array([[0.0, 0.0], [3.0, 0.1], [6.0, 0.0]]), 1).round(1).tolist()
    [[1.0, 0.0]]
    """
    directions = np.linalg.svd(values - values.mean(axis=0), full_matrices=False)[2][:count]
    largest = np.abs(directions).argmax(axis=1)
    return directions * np.sign(directions[np.arange(len(directions)), largest])[:, None]
