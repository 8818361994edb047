"""Lesson 03: ask for a digit in a colour, and take the text away from the discriminator."""

from __future__ import annotations

from typing import Any

import ipywidgets
import numpy as np

from pix2pix_edu.widgets.base import Explorer
from pix2pix_edu.widgets.pictures import at_size, column, row

PER_ROW, ROWS = 6, 2
TILE = 96  # pixels that a digit is enlarged to

EXPLAIN = (
    "Both generators get the text. But only a discriminator that sees the text can tell a good digit that was not "
    "asked for from one that was, so only its generator ever has a reason to listen. To the other one the text is "
    "nothing but more noise: another text may change the picture, but not in the way that it says. And the red seven? "
    "It was never shown to either. The generator that listens has learnt what red means from other red digits, and "
    "what seven means from other sevens, and puts the two together. Nobody rewarded it for that, and another training "
    "run may do it less well."
)


class DigitPainter(Explorer):
    """Choose digit, ink and noise; the two trained models that ship with the course answer.

    Above each picture stands how a classifier that was trained on real digits reads it.

    Args:
        seen: a `ConditionalGan` for texts whose discriminator saw the text; default: the one that ships.
        hidden: one whose discriminator did not.

    Its controls: `digit` (0 to 9), `colour`, `discriminator` (whether it "saw the text": True or False), and `seed`
    (of the noise).
    """

    def __init__(self, seen: Any = None, hidden: Any = None) -> None:
        from pix2pix_edu import cgan

        self._models = {
            True: cgan.load_painter(True) if seen is None else seen,
            False: cgan.load_painter(False) if hidden is None else hidden,
        }
        self._reader = cgan.train_reader()
        narrow = {"button_width": "auto"}
        super().__init__(
            {
                "digit": ipywidgets.ToggleButtons(
                    options=[(str(digit), digit) for digit in range(10)], value=3, description="Digit", style=narrow
                ),
                "colour": ipywidgets.ToggleButtons(
                    options=list(cgan.COLOURS), value="green", description="Colour", style=narrow
                ),
                "discriminator": ipywidgets.ToggleButtons(
                    options=[("saw the text", True), ("did not see it", False)],
                    value=True,
                    description="D",
                    style=narrow,
                ),
                "seed": ipywidgets.IntSlider(value=0, min=0, max=49, description="Noise"),
            },
            title="A painter that is told what to draw",
            predict=(
                "Both painters get your text. One was trained against a discriminator that did not see it. What will "
                "that one draw when you ask for another digit? And what will the first one make of a red seven, which "
                "was never in its training?"
            ),
            explain=EXPLAIN,
        )

    def text_of(self, *, digit: int, colour: str, **others: Any) -> str:
        """The text that these values of the controls ask for."""
        from pix2pix_edu.cgan import phrase

        return phrase(colour, digit)

    def draw(self, *, digit: int, colour: str, discriminator: bool, seed: int) -> np.ndarray:
        """Twelve pictures, each under what is read on it."""
        from pix2pix_edu.cgan import read_ink

        text = self.text_of(digit=digit, colour=colour)
        self.samples = self._models[discriminator].sample(text, n=PER_ROW * ROWS, seed=seed)
        self.digits_read, self.inks_read = self._reader.read(self.samples), read_ink(self.samples)
        labels = [f"{ink} {digit}" for digit, ink in zip(self.digits_read, self.inks_read, strict=True)]
        tiles = [at_size(picture, TILE) for picture in self.samples]
        starts = range(0, len(tiles), PER_ROW)
        return column([row(tiles[start : start + PER_ROW], labels[start : start + PER_ROW]) for start in starts])

    def caption(self, *, digit: int, colour: str, discriminator: bool, seed: int) -> str:
        """What was asked for, and what is read on the pictures."""
        text, total = self.text_of(digit=digit, colour=colour), len(self.samples)
        right_digit, right_ink = int((self.digits_read == digit).sum()), int((self.inks_read == colour).sum())
        saw = "saw" if discriminator else "did not see"
        unseen = " This text was never shown in training." if text in self._models[discriminator].never_shown else ""
        return (
            f'Asked for "{text}"; the discriminator {saw} the text. Of {total} pictures {right_digit} read as '
            f"{digit}, and {right_ink} are {colour}.{unseen}"
        )
