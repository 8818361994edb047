"""Lesson 04: cut the skips of a trained generator, one at a time or several, and see what each of them carried."""

from __future__ import annotations

from typing import Any

import ipywidgets
import numpy as np

from pix2pix_edu.errors import UsageError
from pix2pix_edu.evaluation import ssim
from pix2pix_edu.widgets.base import Explorer
from pix2pix_edu.widgets.pictures import at_size, row

EXPLAIN = (
    "The outermost skip carries the lines: without it they are gone, and smeared colours are left. With that one "
    "alone the lines are as sharp as ever, and the colours run over them, or fade: what fills an area up to its edge "
    "comes over the skips in the middle. With all of them cut there is only the blur that the bottleneck can tell. "
    "Watch the SSIM as well: for some drawings it even rises when an inner skip is cut, for it looks at structure more "
    "than at colour. And cutting is a rough test: a network that is trained without a skip learns to do without it, as "
    "well as it can."
)


class SkipCutter(Explorer):
    """Choose a drawing, take the tick from a skip, and see the picture without what that skip carried.

    Args:
        model: anything with a `generator` and its `statistics`, such as `load_example_model()` or a `Run`'s model.
        split: a `Split`, such as `pairs.test`.

    Its controls: `index` (of the drawing) and one check box for each skip, named after the height in pixels of what it
    carries, such as `skip_32`: ticked means that it is whole.

    Raises:
        UsageError: the generator has no skips.

    >>> import pix2pix_edu as p2p
    >>> pictures = np.zeros((2, 32, 32, 3), np.uint8)
    >>> model = p2p.Pix2Pix(p2p.generator_model(32, 2), p2p.discriminator_model(32, 2))
    >>> cutter = SkipCutter(model, p2p.Split(pictures, pictures))
    >>> cutter.set(skip_16=False)
    >>> cutter.cut
    (4,)
    """

    def __init__(self, model: Any, split: Any) -> None:
        from pix2pix_edu.unet import skip_sizes  # loads Keras

        self.model, self.split = model, split
        self._levels = dict(sorted(skip_sizes(model.generator).items(), reverse=True))  # the outermost first
        if not self._levels:
            raise UsageError(
                "This generator has no skips to cut: give a U-Net, as `generator_model(skips=True)` makes."
            )
        self._cut_models: dict[tuple[int, ...], Any] = {}
        self._pictures: dict[tuple[int, tuple[int, ...]], np.ndarray] = {}
        boxes = {
            f"skip_{size}": ipywidgets.Checkbox(
                value=True, description=f"{size} x {size}", indent=False, layout=ipywidgets.Layout(width="110px")
            )
            for size in self._levels.values()
        }
        index = ipywidgets.IntSlider(value=0, min=0, max=len(split) - 1, description="Pair")
        super().__init__(
            {"index": index, **boxes},
            title="Which skips are whole? Untick one to cut it",
            predict="One of these skips carries the lines, others little that can be seen. Which is which?",
            explain=EXPLAIN,
        )

    @property
    def cut(self) -> tuple[int, ...]:
        """The levels of the skips that are cut now, as `pix2pix_edu.unet.cut_skips` takes them."""
        return tuple(level for level, size in self._levels.items() if not self.values[f"skip_{size}"])

    def translation(self, index: int, cut: tuple[int, ...]) -> np.ndarray:
        """The generator's picture with these skips cut: uint8 (H, W, C). Computed once, then remembered."""
        from pix2pix_edu.translation import Translator, translate
        from pix2pix_edu.unet import cut_skips

        if (index, cut) not in self._pictures:
            if cut not in self._cut_models:
                generator = cut_skips(self.model.generator, cut) if cut else self.model.generator
                self._cut_models[cut] = Translator(generator, self.model.statistics)
            self._pictures[index, cut] = translate(self._cut_models[cut], self.split.sources[index])
        return self._pictures[index, cut]

    def draw(self, *, index: int, **skips: bool) -> np.ndarray:
        """Source, the whole network's picture, the cut network's picture, and target, in a row."""
        self._whole, self._shown = self.translation(index, ()), self.translation(index, self.cut)
        pictures = [self.split.sources[index], self._whole, self._shown, self.split.targets[index]]
        heads = ["source", "all skips", "with your cuts" if self.cut else "nothing cut", "target"]
        return row([at_size(picture) for picture in pictures], heads)

    def caption(self, *, index: int, **skips: bool) -> str:
        """What is cut, and what that costs."""
        target = self.split.targets[index]
        before, after = (float(ssim(target, picture)[0]) for picture in (self._whole, self._shown))
        sizes = [f"{self._levels[level]} x {self._levels[level]}" for level in self.cut]
        what = f"Cut: {', '.join(sizes)}. SSIM {before:.2f} becomes {after:.2f}." if sizes else f"SSIM {before:.2f}."
        return f"Pair {index}, {self.split.names[index]}. {what}"

    def _arrange_controls(self) -> ipywidgets.Widget:
        boxes = [control for name, control in self.controls.items() if name != "index"]
        wrap = ipywidgets.Layout(flex_flow="row wrap")
        label = ipywidgets.Label("Whole skips:", layout=ipywidgets.Layout(width="90px"))
        return ipywidgets.VBox([self.controls["index"], ipywidgets.HBox([label, *boxes], layout=wrap)])
