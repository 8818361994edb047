"""Lessons 00 and 08: look through translations, and at the model's only noise."""

from __future__ import annotations

from typing import Any

import ipywidgets
import numpy as np

from pix2pix_edu.evaluation import compare
from pix2pix_edu.widgets.base import Explorer
from pix2pix_edu.widgets.pictures import at_size, row

EXPLAIN = (
    "Lines stay where they are: the U-Net's skip connections carry them across. Colours are a guess from the shape: "
    "right where a shape has one usual colour, and confidently wrong where it has many. With dropout on, part of the "
    "network is switched off at random, and another seed gives another picture, but only slightly: the paper calls it "
    "minor stochasticity."
)


class TranslationBrowser(Explorer):
    """Choose a pair and see source, translation and target side by side.

    Args:
        model: anything that `translate` takes.
        split: a `Split`, such as `pairs.test`: pictures that the model has never seen.

    Its controls: `index` (from 0, as in `split[index]`), `dropout` (True or False) and `seed` (which dropout mask).

    >>> import pix2pix_edu as p2p
    >>> pictures = np.zeros((2, 32, 32, 3), np.uint8)
    >>> browser = TranslationBrowser(p2p.generator_model(32, 2), p2p.Split(pictures, pictures, ["one", "two"]))
    >>> browser.set(index=1)
    >>> browser.text.split(":")[0]
    'Pair 1, two'
    """

    def __init__(self, model: Any, split: Any) -> None:
        self.model, self.split = model, split
        super().__init__(
            {
                "index": ipywidgets.IntSlider(value=0, min=0, max=len(split) - 1, description="Pair"),
                "dropout": ipywidgets.Checkbox(value=False, description="Dropout on", indent=True),
                "seed": ipywidgets.IntSlider(value=0, min=0, max=19, description="Seed", disabled=True),
            },
            title="Translations of drawings that the model has never seen",
            predict="Look at the drawing alone. Which colours would you choose, and which could nobody know?",
            explain=EXPLAIN,
        )

    def adjust(self, *, dropout: bool, **others: Any) -> None:
        """A seed matters only where there is noise."""
        self.controls["seed"].disabled = not dropout

    def translation(self, *, index: int, dropout: bool, seed: int) -> np.ndarray:
        """The model's picture for these values of the controls, uint8 (H, W, C)."""
        from pix2pix_edu.translation import translate

        return translate(self.model, self.split.sources[index], dropout=dropout, seed=seed)

    def draw(self, *, index: int, dropout: bool, seed: int) -> np.ndarray:
        """Source, translation and target in a row."""
        self._shown = self.translation(index=index, dropout=dropout, seed=seed)
        pictures = [self.split.sources[index], self._shown, self.split.targets[index]]
        return row([at_size(picture) for picture in pictures], ["source", "translation", "target"])

    def caption(self, *, index: int, dropout: bool, seed: int) -> str:
        """Which pair this is, and how near the translation came."""
        measured = compare(self.split.targets[index][None], self._shown[None])
        noise = f" Dropout on, seed {seed}." if dropout else ""
        return (
            f"Pair {index}, {self.split.names[index]}: PSNR {measured['psnr']:.1f} dB, "
            f"SSIM {measured['ssim']:.2f} against the target.{noise}"
        )
