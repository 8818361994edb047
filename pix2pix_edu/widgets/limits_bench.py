"""Lesson 13: change a drawing in ways that a person would see through at once, and watch the translation."""

from __future__ import annotations

from typing import Any

import ipywidgets
import numpy as np

from pix2pix_edu.widgets.base import Explorer
from pix2pix_edu.widgets.pictures import at_size, row

SIZE = 192  # of each of the three pictures
EXPLAIN = (
    "A U-Net is made of convolutions, and so a drawing that is moved or turned a little is still made of patterns that "
    "the network knows: the translation goes along with it, though the colours may change. A thicker line, a paler "
    "one, white on black or a noisy paper look harmless to us, for we have seen all kinds of lines. The network has "
    "seen one pencil on one paper. The distance counts how far the channels of its second layer are from what they "
    "were on the training drawings. It warns of thick lines, of strong noise and of black paper. It hardly warns of "
    "pale lines, and it warns of blank paper, which is no danger at all."
)


class LimitsBench(Explorer):
    """Turn, move, thicken, pale, invert or spoil a drawing; see the translation, and how far the drawing now is.

    Args:
        model: anything that `translate` takes.
        split: a `Split`, such as `pairs.test`.
        training: uint8 (N, H, W, C), the drawings that the model was trained on; distances are counted from them.

    Its controls: `index` (of the drawing), `turn` (degrees), `right` and `thicker` (pixels), `pale` (from 0 to 1),
    `noise` (grey levels) and `invert`.

    Attributes:
        loss: L1 between translation and right answer, from 0 to 2.
        distance: of the changed drawing, see `pix2pix_edu.insight.Familiar`.

    >>> import pix2pix_edu as p2p
    >>> pictures = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    >>> bench = LimitsBench(p2p.generator_model(32, 2), p2p.Split(pictures, pictures), pictures)
    >>> before = bench.distance
    >>> bench.set(invert=True)
    >>> bench.distance != before
    True
    """

    def __init__(self, model: Any, split: Any, training: np.ndarray) -> None:
        from pix2pix_edu.insight import Familiar  # loads Keras

        self.model, self.split = model, split
        self._familiar = Familiar(model, training)
        self.usual = float(np.median(self._familiar.distance(training)))
        side = split.sources.shape[1]
        super().__init__(
            {
                "index": ipywidgets.IntSlider(value=0, min=0, max=len(split) - 1, description="Pair"),
                "turn": ipywidgets.IntSlider(value=0, min=-180, max=180, step=15, description="Turn"),
                "right": ipywidgets.IntSlider(value=0, min=-side // 2, max=side // 2, step=2, description="Move right"),
                "thicker": ipywidgets.IntSlider(value=0, min=0, max=3, description="Thicker"),
                "pale": ipywidgets.FloatSlider(value=0.0, min=0.0, max=0.9, step=0.1, description="Pale"),
                "noise": ipywidgets.IntSlider(value=0, min=0, max=80, step=10, description="Noise"),
                "invert": ipywidgets.Checkbox(value=False, description="White on black", indent=True),
            },
            title="How far can you go?",
            predict="Which breaks the translation first: turning the drawing by 45 degrees, moving it, a pencil of "
            "twice the width, or half of the ink?",
            explain=EXPLAIN,
        )

    def draw(self, *, index: int, turn: int, right: int, **rest: Any) -> np.ndarray:
        """The drawing and its translation, untouched and changed, and what would be right."""
        from pix2pix_edu.insight import disturb
        from pix2pix_edu.translation import translate

        source, target = self.split.sources[index : index + 1], self.split.targets[index : index + 1]
        changed = disturb(source, turn=turn, right=right, **rest)
        answer = disturb(target, turn=turn, right=right)  # a change of pencil or paper does not change what is right
        drawn = translate(self.model, changed)
        self.loss = float(np.abs(drawn.astype(float) - answer).mean() / 127.5)
        self.distance = float(self._familiar.distance(changed)[0])
        pictures = [changed[0], drawn[0], answer[0]]
        return row([at_size(picture, SIZE) for picture in pictures], ["your drawing", "translation", "would be right"])

    def caption(self, *, index: int, **changes: Any) -> str:
        """Error and distance in numbers."""
        words = {"turn": "turned by {} degrees", "right": "moved by {} px", "thicker": "{} px thicker",
                 "pale": "{:.0%} of the ink gone", "noise": "noise of {}", "invert": "white on black"}  # fmt: skip
        done = [words[name].format(value) for name, value in changes.items() if value]
        return (
            f"Pair {index}, {self.split.names[index]}: {', '.join(done) or 'as it was drawn'}. L1 to the right answer "
            f"{self.loss:.2f}. Distance from the training {self.distance:.1f} (usual there: {self.usual:.1f})."
        )
