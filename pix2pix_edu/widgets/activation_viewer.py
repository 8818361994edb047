"""Lesson 13: look at one channel of one layer, point at a place in it, and see how far it sees and where it looks."""

from __future__ import annotations

import functools
from typing import Any

import ipywidgets
import numpy as np
from PIL import Image, ImageDraw

from pix2pix_edu.widgets.click_picture import ClickExplorer
from pix2pix_edu.widgets.patch_finder import PANEL, cividis, enlarged, frame, spotlight
from pix2pix_edu.widgets.pictures import row as beside
from pix2pix_edu.widgets.why_this_pixel import heat

EXPLAIN = (
    "Going down, a place sees twice as far with each layer, and there are fewer places. The first layer asks about a "
    "few pixels: is there an edge of this direction? Deeper ones ask about large areas, and hardly anybody can say "
    "what. They look at nearly all that they see. Going up, every place can see the whole drawing, for it comes "
    "from the bottleneck, and in up_1 and up_2 it looks at all of it. Later the darkest spot lies near the place: that "
    "came over the skip. The mist over the rest came through the bottleneck, and has nearly as much weight together. "
    "Where nothing is dark, the ReLU of the place is off: a small change does not move it, a large one might. Channel "
    "1 of the slider is the liveliest for this drawing, the last one the dullest. Look at a dull one now and then, or "
    "you will believe that all are lively."
)


class ActivationViewer(ClickExplorer):
    """Choose a layer and a channel; point at a place, and see what it can see and what it looks at.

    On the left the drawing, faded where the place sees nothing; in the middle the channel, dark where it is low and
    yellow where it is high, with the place framed; on the right the drawing's pixels that move the place's number,
    dark where they move it much. Click on any of the three to choose a place, move on with the arrow keys, or use the
    sliders.

    Args:
        model: anything that `translate` takes.
        split: a `Split` in the size of the model, such as `pairs.test`.

    Its controls: `index` (of the drawing), `layer`, `rank` (of the channel: 1 varies most over this drawing), `row` and
    `column` (of the place). A new layer keeps the place in the picture.

    Attributes:
        channel: the channel that is shown.
        patch: what the place can see, a `pix2pix_edu.patchgan.Patch`.
        values_of_map: the absolute gradient of the place's number by the drawing, (H, W).

    >>> import pix2pix_edu as p2p
    >>> pictures = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    >>> viewer = ActivationViewer(p2p.generator_model(32, 2), p2p.Split(pictures, pictures))
    >>> viewer.set(layer="down_2", row=0, column=0)
    >>> viewer.patch
    Patch(top=0, left=0, bottom=7, right=7)
    """

    help = "Click on a place, or go to the picture with Tab and use the arrow keys."

    def __init__(self, model: Any, split: Any) -> None:
        from pix2pix_edu.insight import layer_model, layer_names  # loads Keras

        self.model, self.split = model, split
        names = layer_names(model)
        self._sizes = {name: tensor.shape[1:] for name, tensor in layer_model(model, names).output.items()}
        self._layer = first = names[1]
        self._share = [0.5, 0.5]  # where the place lies in the picture, down and across
        self._activations = functools.lru_cache(maxsize=8)(self._run)
        self._gradient = functools.lru_cache(maxsize=256)(self._differentiate)
        height, width, channels = self._sizes[first]
        super().__init__(
            {
                "index": ipywidgets.IntSlider(value=0, min=0, max=len(split) - 1, description="Pair"),
                "layer": ipywidgets.ToggleButtons(
                    options=names, value=first, description="Layer", style={"button_width": "auto"}
                ),
                "rank": ipywidgets.IntSlider(value=1, min=1, max=channels, description="Channel"),
                "row": ipywidgets.IntSlider(value=height // 2, min=0, max=height - 1, description="Row"),
                "column": ipywidgets.IntSlider(value=width // 2, min=0, max=width - 1, description="Column"),
            },
            title="What does this layer see, and where does it look?",
            predict="From down_1 to down_4, does a place see more or fewer pixels? And on the way up: will up_5 look "
            "at more of the drawing than down_1, or at less?",
            explain=EXPLAIN,
        )

    def adjust(self, *, layer: str, row: int, column: int, **others: Any) -> None:
        """A new layer has another size: go to the place that lies where the old one did."""
        if layer == self._layer:
            return
        before, after, self._layer = self._sizes[self._layer], self._sizes[layer], layer
        self.controls["rank"].max = after[2]
        for axis, (name, place) in enumerate((("row", row), ("column", column))):
            if before[axis] > 1:  # a layer of one place says nothing about where one was before
                self._share[axis] = (place + 0.5) / before[axis]
            control = self.controls[name]
            control.max = max(after[axis] - 1, 1)  # a slider from 0 to 0 is an error in the browser
            control.value = int(self._share[axis] * after[axis])
            control.disabled = after[axis] == 1

    def draw(self, *, index: int, layer: str, rank: int, row: int, column: int) -> np.ndarray:
        """The drawing with what the place sees, the channel with the place, and where the place looks."""
        from pix2pix_edu.insight import seen_by

        place = self._place(row, column)
        maps = self._activations(index)[layer]
        self.channel = int(np.argsort(-maps.std(axis=(0, 1)), kind="stable")[rank - 1])
        self._map = maps[..., self.channel]
        self._value = float(self._map[place])
        self.patch = seen_by(self.model, layer, *place)
        self.values_of_map = self._gradient(index, layer, *place, self.channel)
        source = self.split.sources[index]
        pictures = [spotlight(source, self.patch), channel_picture(self._map, place)]
        pictures.append(enlarged(heat(self.values_of_map, source)))
        return beside(pictures, ["what it can see", f"{layer}, channel {self.channel}", "where it looks"])

    def caption(self, *, index: int, layer: str, rank: int, row: int, column: int) -> str:
        """Where we are, the number there, and the two sizes."""
        from pix2pix_edu.insight import effective_side

        height, width, channels = self._sizes[layer]
        row, column = self._place(row, column)
        side, plural = effective_side(self.values_of_map), "place" if height * width == 1 else "places"
        looks = (
            f"90% of its gradient would fit into {side:.0f} x {side:.0f}"
            if side
            else "no small change of the drawing moves it"
        )
        sees = f"{self.patch.bottom - self.patch.top} x {self.patch.right - self.patch.left} pixels"
        return (
            f"Pair {index}, {self.split.names[index]}. {layer} has {height} x {width} {plural} and {channels} "
            f"channels. Channel {self.channel} is number {rank} when they are sorted by how much they vary here. It "
            f"goes from {self._map.min():.2f} to {self._map.max():.2f}, and is {self._value:.2f} in row {row}, column "
            f"{column}. That place sees {sees}; {looks}."
        )

    def on_click(self, across: float, down: float) -> None:
        """Choose the place under the click, in whichever of the three pictures."""
        self._choose_under(across, down, *self._sizes[self.values["layer"]][:2])

    def _place(self, row: int, column: int) -> tuple[int, int]:
        """The chosen place; a layer of one place has only that."""
        height, width = self._sizes[self._layer][:2]
        return min(row, height - 1), min(column, width - 1)

    def _run(self, index: int) -> dict[str, np.ndarray]:
        from pix2pix_edu.insight import activations

        found = activations(self.model, self.split.sources[index : index + 1])
        return {name: values[0] for name, values in found.items()}

    def _differentiate(self, index: int, layer: str, row: int, column: int, channel: int) -> np.ndarray:
        from pix2pix_edu.insight import influence

        return influence(self.model, self.split.sources[index], layer, row, column, channel)

    def _arrange_controls(self) -> ipywidgets.Widget:
        return self._place_last()


def channel_picture(values: np.ndarray, place: tuple[int, int]) -> np.ndarray:
    """One channel in the size of a panel, from dark blue at its lowest to yellow at its highest, one place framed.

    Args:
        values: (height, width).
        place: row and column of the frame.

    >>> channel_picture(np.array([[0.0, 1.0]]), (0, 1))[128, [10, 245]].tolist()
    [[0, 34, 78], [254, 232, 56]]
    """
    share = (values - values.min()) / max(float(np.ptp(values)), 1e-12)
    sheet = Image.fromarray(cividis()[np.round(share * 255).astype(int)])
    sheet = sheet.resize((PANEL, PANEL), Image.Resampling.NEAREST)
    down, across = PANEL / values.shape[0], PANEL / values.shape[1]
    top, left = place[0] * down, place[1] * across
    frame(ImageDraw.Draw(sheet), top, left, top + down, left + across)
    return np.asarray(sheet)
