"""Lesson 13: point at a pixel of the translation, and see which part of the drawing decided it."""

from __future__ import annotations

from typing import Any

import ipywidgets
import numpy as np

from pix2pix_edu.widgets import style
from pix2pix_edu.widgets.click_picture import ClickExplorer
from pix2pix_edu.widgets.pictures import at_size
from pix2pix_edu.widgets.pictures import row as beside

SIZE = 192  # of each of the three pictures
WINDOW, STRIDE = 8, 4  # of the occlusion, in pixels
EXPLAIN = (
    "Both maps ask which part of the drawing decided the pixel, and they ask in different ways. Occlusion paints one "
    "window of 8 x 8 pixels after the other white and looks what becomes of the pixel: large changes, made by removing "
    "what is there, so blank paper can never matter. The gradient asks what a very small change of each source pixel "
    "would do, ink or not. A pixel on a line depends on that line most of all. A pixel inside an area depends on lines "
    "around the area, and on some that are far away. Dark is strong; the scale is that of the square root, so that "
    "weak places can be seen as well. On white paper beyond the drawing the occlusion map is empty: nothing that you "
    "take away makes the paper less white. There the gradient is tiny, which only the number below tells, since each "
    "map is scaled to its own largest value."
)


class WhyThisPixel(ClickExplorer):
    """Choose a pixel of the translation; a map over the drawing shows what it depends on.

    Click on any of the three pictures to choose the pixel, move on with the arrow keys, or use the sliders.

    Args:
        model: anything that `translate` takes.
        split: a `Split` in the size of the model, such as `pairs.test`.

    Its controls: `index` (of the drawing), `method` ("occlusion" or "gradient"), `row` and `column` (of the pixel).

    Attributes:
        values_of_map: the map that is shown, (H, W).

    >>> import pix2pix_edu as p2p
    >>> pictures = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    >>> why = WhyThisPixel(p2p.generator_model(32, 2), p2p.Split(pictures, pictures))
    >>> why.set(method="gradient", row=3, column=30)
    >>> why.values_of_map.shape
    (32, 32)
    """

    help = "Click on a pixel, or go to the picture with Tab and use the arrow keys."

    def __init__(self, model: Any, split: Any) -> None:
        self.model, self.split = model, split
        self._occluded: dict[int, Any] = {}
        self._gradients: dict[tuple[int, int, int], np.ndarray] = {}
        side = split.sources.shape[1]
        super().__init__(
            {
                "index": ipywidgets.IntSlider(value=0, min=0, max=len(split) - 1, description="Pair"),
                "method": ipywidgets.ToggleButtons(
                    options=["occlusion", "gradient"], description="Map", style={"button_width": "auto"}
                ),
                "row": ipywidgets.IntSlider(value=side // 2, min=0, max=side - 1, description="Row"),
                "column": ipywidgets.IntSlider(value=side // 2, min=0, max=side - 1, description="Column"),
            },
            title="Why does this pixel have this colour?",
            predict="A pixel in the middle of a large area: which lines decide its colour? And a pixel on a line?",
            explain=EXPLAIN,
        )

    def draw(self, *, index: int, method: str, row: int, column: int) -> np.ndarray:
        """The drawing, its translation with the pixel marked, and the map with the drawing on it."""
        occluded = self._occlusion(index)
        self.values_of_map = occluded.map_of(row, column) if method == "occlusion" else self._slope(index, row, column)
        self._shown = occluded.whole
        source = self.split.sources[index]
        pictures = [
            marked(at_size(source, SIZE), row, column, source.shape[0]),
            marked(at_size(self._shown, SIZE), row, column, source.shape[0]),
            marked(at_size(heat(self.values_of_map, source), SIZE), row, column, source.shape[0]),
        ]
        return beside(pictures, ["drawing", "translation", f"{method} map"])

    def caption(self, *, index: int, method: str, row: int, column: int) -> str:
        """The pixel's colour, and where the map is strongest."""
        top, left = np.unravel_index(self.values_of_map.argmax(), self.values_of_map.shape)
        colour = ", ".join(str(value) for value in self._shown[row, column])
        words = f"Pair {index}, {self.split.names[index]}. The pixel in row {row}, column {column} is ({colour}). "
        strongest = float(self.values_of_map.max())
        if strongest < 1e-3:
            return words + "Nothing in the drawing moves it."
        if method == "occlusion":
            return words + f"It moves most, by {strongest:.0f} grey levels, when paper covers row {top}, column {left}."
        return (
            words + f"It answers most to row {top}, column {left}: {strongest:.2f} grey levels for each of the source."
        )

    def _occlusion(self, index: int) -> Any:
        """All windows of a drawing, covered once; any pixel can then be read off."""
        from pix2pix_edu.insight import occlude

        if index not in self._occluded:
            self._occluded[index] = occlude(self.model, self.split.sources[index], WINDOW, STRIDE)
        return self._occluded[index]

    def _slope(self, index: int, row: int, column: int) -> np.ndarray:
        from pix2pix_edu.insight import pixel_gradient

        key = (index, row, column)
        if key not in self._gradients:
            slope = pixel_gradient(self.model, self.split.sources[index], row, column)
            self._gradients[key] = np.abs(slope).sum(axis=-1)
        return self._gradients[key]

    def on_click(self, across: float, down: float) -> None:
        """Choose the pixel that was clicked, in whichever of the three pictures."""
        side = self.split.sources.shape[1]
        self._choose_under(across, down, side, side)


def heat(values: np.ndarray, drawing: np.ndarray | None = None) -> np.ndarray:
    """A map as a picture: white where it is 0, over blue to black at its largest; a drawing may shine through.

    The scale is that of the square root, so that weak places can still be told from empty ones.

    Args:
        values: (H, W), not negative.
        drawing: uint8, (H, W, C): its dark lines are drawn over the map in orange, so that one sees where one is.

    >>> heat(np.array([[0.0, 1.0]])).tolist()
    [[[255, 255, 255], [0, 0, 0]]]
    """
    share = np.sqrt(values / max(float(values.max()), 1e-12))[..., None]
    blue = np.array(style.rgb(style.BLUE), float)
    colours = np.where(share < 0.5, 255 + (blue - 255) * 2 * share, blue * (2 - 2 * share))
    if drawing is not None:
        ink = 0.75 * (1 - drawing.mean(axis=-1, keepdims=True) / 255)
        colours = colours * (1 - ink) + np.array(style.rgb(style.ORANGE), float) * ink
    return np.rint(colours).astype("uint8")


def marked(picture: np.ndarray, row: int, column: int, side: int) -> np.ndarray:
    """An enlarged picture with a frame around one of its pixels.

    >>> int((marked(np.zeros((64, 64, 3), np.uint8), 2, 2, 8) > 0).any(axis=-1).sum()) > 0
    True
    """
    scale = picture.shape[0] / side
    result = picture.copy()
    for margin, colour in ((5, (255, 255, 255)), (4, style.rgb(style.VERMILLION)), (2, (255, 255, 255))):
        low = [max(int(place * scale) - margin, 0) for place in (row, column)]
        high = [int((place + 1) * scale) + margin for place in (row, column)]
        result[low[0] : high[0], low[1] : high[1]] = colour
    inside = np.s_[int(row * scale) : int((row + 1) * scale), int(column * scale) : int((column + 1) * scale)]
    result[inside] = picture[inside]
    return result
