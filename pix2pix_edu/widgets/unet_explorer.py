"""Lesson 04: draw the generator for any size, width and depth, with its shapes and parameter counts."""

from __future__ import annotations

from typing import Any

import ipywidgets
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pix2pix_edu.sizes import IMAGE_SIZES
from pix2pix_edu.widgets import style
from pix2pix_edu.widgets.base import Explorer

FILTERS = (4, 8, 16, 32, 64)
SHALLOWEST = 2  # with a single halving there is neither a decoder block nor a skip

EXPLAIN = (
    "Most parameters sit where the picture is smallest: a kernel has one set of weights for each pair of channels, "
    "and there the channels are many. Twice the filters are four times the parameters, since every layer gets twice "
    "the channels in and twice the channels out. The size of the picture enters only through the depth: at the same "
    "depth a larger picture costs time, not parameters. Skips make the decoder's inputs twice as wide, and so about "
    "double its kernels. And depth is how far the network sees: one pixel of a bottleneck that is too shallow knows "
    "its own corner of the picture and nothing of the rest."
)

# Everything below is in units of the displayed picture; it is drawn SHARP times as large, for fine screens.
SHARP = 2
WIDTH, BOTTOM = 860, 242  # of the drawing, and the line on which the boxes stand
STEP = 20  # a box is so much higher for each doubling of the picture
THINNEST, CHANNELS_PER_UNIT = 3, 22  # how wide a box is
BARS = (316, 386)  # top and bottom of the parameter bars
HEIGHT = 410
INK, PALE, LINE = (40, 40, 40), (100, 100, 100), (190, 190, 190)


class UnetExplorer(Explorer):
    """Draws the generator: encoder to the left, decoder to the right, skips as bridges, parameters as bars below.

    Args:
        image_size: to begin with, in pixels.
        filters: to begin with.

    Its controls: `size` (32 to 512 px), `filters` (4 to 64), `depth` (how often the picture is halved) and `skips`
    (True or False). A new size sets the depth to the deepest that it allows, as `generator_model` does.

    Attributes:
        table: the counts behind the picture, a `pix2pix_edu.unet.ParameterTable`.

    >>> explorer = UnetExplorer(image_size=256, filters=64)
    >>> explorer.table.total
    54413955
    >>> explorer.set(skips=False)
    >>> explorer.table.total
    39075459
    """

    def __init__(self, image_size: int = 64, filters: int = 32) -> None:
        self._size = image_size
        deepest = deepest_for(image_size)
        super().__init__(
            {
                "size": ipywidgets.ToggleButtons(
                    options=[(f"{size} px", size) for size in IMAGE_SIZES],
                    value=image_size,
                    description="Picture",
                    style={"button_width": "70px"},
                ),
                "filters": ipywidgets.SelectionSlider(options=FILTERS, value=filters, description="Filters"),
                "depth": ipywidgets.IntSlider(value=deepest, min=SHALLOWEST, max=deepest, description="Depth"),
                "skips": ipywidgets.Checkbox(value=True, description="Skip connections", indent=True),
            },
            title="The generator, drawn from its numbers",
            predict="Twice the filters: how many times the parameters? And twice the picture, at the same depth?",
            explain=EXPLAIN,
            width=WIDTH,
        )

    def adjust(self, *, size: int, **others: Any) -> None:
        """A new size brings its own depth: down to one pixel."""
        if size != self._size:
            self._size = size
            self.controls["depth"].max = deepest_for(size)
            self.controls["depth"].value = deepest_for(size)

    def draw(self, *, size: int, filters: int, depth: int, skips: bool) -> np.ndarray:
        """Boxes, bridges and bars."""
        from pix2pix_edu.unet import count_parameters  # loads Keras

        self.table = count_parameters(size, filters, depth=depth, skips=skips)
        return _Drawing(self.table, size, depth).finish()

    def caption(self, *, size: int, filters: int, depth: int, skips: bool) -> str:
        """The total, the bottleneck, and the layers that hold most."""
        layers = self.table.layers
        bottleneck = layers[depth - 1]
        most = max(layer.parameters for layer in layers)
        largest = [layer.name for layer in layers if layer.parameters == most]
        share = len(largest) * most / self.table.total
        seen = min(seen_by_bottleneck(depth), size)
        return (
            f"{size} px, {filters} filters, depth {depth}, {'with' if skips else 'without'} skips: "
            f"{self.table.total:,} parameters. Bottleneck: {bottleneck.size} x {bottleneck.size} pixels with "
            f"{bottleneck.outputs} channels; one of its pixels sees {seen} x {seen} pixels of the picture. "
            f"Most are in {', '.join(largest)}: {share:.0%} of all. "
            "Width of a box: its channels. Height: one step for each doubling of the picture."
        )


def deepest_for(image_size: int) -> int:
    """How often a picture can be halved until one pixel is left.

    >>> deepest_for(256)
    8
    """
    return image_size.bit_length() - 1


def seen_by_bottleneck(depth: int) -> int:
    """How many pixels of the source, in height and width, can reach one pixel of the bottleneck.

    Each 4x4 convolution of stride 2 sees twice as far as the one after it, and two pixels more.

    >>> [seen_by_bottleneck(depth) for depth in (1, 2, 3, 8)]
    [4, 10, 22, 766]
    """
    seen = 1
    for _ in range(depth):
        seen = 2 * seen + 2
    return seen


class _Drawing:
    """The picture of one network, box by box from left to right."""

    def __init__(self, table: Any, image_size: int, depth: int) -> None:
        self.layers, self.image_size, self.depth = table.layers, image_size, depth
        self.sheet = Image.new("RGB", (WIDTH * SHARP, HEIGHT * SHARP), "white")
        self.pen = ImageDraw.Draw(self.sheet)
        self.most = max(layer.parameters for layer in self.layers)
        self.places = np.linspace(34, WIDTH - 34, len(self.layers) + 1)  # of the source and each layer's output

    def finish(self) -> np.ndarray:
        """Draw everything."""
        self.text(12, 12, "encoder", INK, 14, "lm")
        self.text(WIDTH - 12, 12, "decoder", INK, 14, "rm")
        self.text(
            WIDTH / 2, 12, "below each box: height and width in pixels, then channels, and those of the skip", PALE, 12
        )
        self.text(12, BARS[0] - 14, "parameters of the layer that makes it", PALE, 12, "lm")
        self.line(12, BARS[1], WIDTH - 12, BARS[1], LINE)
        self.box(self.places[0], 3, self.image_size, INK)
        self.label(self.places[0], self.image_size, 3)
        self.text(self.places[0], BARS[1] + 12, "source", PALE, 11)
        for number, layer in enumerate(self.layers):
            self.draw_layer(number, layer)
        return np.asarray(self.sheet)

    def draw_layer(self, number: int, layer: Any) -> None:
        """One output: its box, the skip beside it with the bridge that it comes over, its labels and its bar."""
        x = self.places[number + 1]
        is_encoder = number < self.depth
        colour = style.rgb(style.BLUE if is_encoder else style.ORANGE)
        # What a skip adds to this output is an input of the *next* layer.
        skip = self.layers[number + 1].skip if number + 1 < len(self.layers) else 0
        self.box(x + _wide(skip) / 2, layer.outputs, layer.size, colour)
        if skip:
            self.box(x - _wide(layer.outputs) / 2, skip, layer.size, style.rgb(style.SKY_BLUE))
            left = x - (_wide(layer.outputs) + _wide(skip)) / 2
            self.bridge(2 * self.depth - 2 - number, left, layer)
        self.label(x, layer.size, layer.outputs, skip)
        self.bar(x, layer, colour)

    def bridge(self, encoder: int, end: float, layer: Any) -> None:
        """From the top of the encoder's box, across the valley, to the skip's box of the same size."""
        start = self.places[encoder + 1] + _wide(self.layers[encoder].outputs) / 2
        y = _top(layer.size) + 4
        self.line(start, y, end, y, style.rgb(style.SKY_BLUE), 2)
        points = [(end - 6, y - 4), (end - 6, y + 4), (end, y)]
        self.pen.polygon([(SHARP * px, SHARP * py) for px, py in points], fill=style.rgb(style.SKY_BLUE))

    def bar(self, x: float, layer: Any, colour: tuple[int, int, int]) -> None:
        """The layer's parameters, to scale, with their number above and its name below."""
        top = BARS[1] - (BARS[1] - BARS[0] - 16) * layer.parameters / self.most
        self.rectangle(x - 11, top, x + 11, BARS[1], colour)
        self.text(x, top - 8, short(layer.parameters), INK, 11)
        self.text(x, BARS[1] + 12, layer.name.replace("_", " ").replace("to picture", "picture"), PALE, 11)

    def box(self, x: float, channels: int, size: int, colour: tuple[int, int, int]) -> None:
        """A feature map: as wide as it has channels, one step higher for each doubling of its size."""
        self.rectangle(x - _wide(channels) / 2, _top(size), x + _wide(channels) / 2, BOTTOM, colour)

    def label(self, x: float, size: int, channels: int, skip: int = 0) -> None:
        """Pixels and channels of a box; what a skip adds stands below."""
        self.text(x, BOTTOM + 11, f"{size}", INK, 13)
        self.text(x, BOTTOM + 26, f"{channels}", PALE, 12)
        if skip:
            self.text(x, BOTTOM + 39, f"+{skip}", PALE, 12)

    # In units of the displayed picture

    def text(self, x: float, y: float, words: str, colour: tuple[int, int, int], size: int, anchor: str = "mm") -> None:
        self.pen.text((SHARP * x, SHARP * y), words, colour, ImageFont.load_default(SHARP * size), anchor)

    def line(self, x0: float, y0: float, x1: float, y1: float, colour: tuple[int, int, int], width: int = 1) -> None:
        self.pen.line([SHARP * x0, SHARP * y0, SHARP * x1, SHARP * y1], colour, SHARP * width)

    def rectangle(self, x0: float, y0: float, x1: float, y1: float, colour: tuple[int, int, int]) -> None:
        corners = [round(SHARP * value) for value in (x0, min(y0, y1 - 0.5), x1, y1)]
        self.pen.rectangle(corners, colour)


def _wide(channels: int) -> float:
    return max(THINNEST, channels / CHANNELS_PER_UNIT) if channels else 0.0


def _top(size: int) -> float:
    """The upper edge of a box; a picture of one pixel still has a box."""
    return BOTTOM - STEP * (deepest_for(size) + 0.6)


def short(number: int) -> str:
    """A count in four characters or so.

    >>> [short(number) for number in (96, 6144, 131328, 8389632)]
    ['96', '6.1K', '131K', '8.4M']
    """
    if number < 1000:
        return str(number)
    for letter, unit in (("M", 1_000_000), ("K", 1_000)):
        if number >= unit:
            return f"{number / unit:.1f}{letter}" if number < 100 * unit else f"{number / unit:.0f}{letter}"
    return str(number)
