"""Lesson 01: look through pairs of pictures, turn them round, jitter them, and see where several answers are right."""

from __future__ import annotations

from typing import Any

import ipywidgets
import numpy as np

from pix2pix_edu.errors import UsageError
from pix2pix_edu.widgets.base import Explorer
from pix2pix_edu.widgets.pictures import SHOWN_SIZE, at_size, column, row

SPLITS = ("train", "val", "test")
SEVERAL = "several answers"
FORWARD, BACKWARD = "as loaded", "swapped"
ANSWERS_IN_A_ROW = 3
JITTERS = 20
SLIDER = {"width": "420px", "max_width": "100%"}
EXPLAIN = (
    "The generator sees the source only; what the source does not fix, such as the colour of a shirt, it has to guess. "
    "Swap the direction, and far less is left to guess. Jitter moves and mirrors both pictures alike: the target must "
    "stay the answer to this very source."
)


class PairBrowser(Explorer):
    """Choose a split and a pair, swap the direction, jitter both pictures alike.

    Args:
        pairs: what `load_pairs` returns, or any object with `.train`, `.val` and `.test`, each with `.sources` and
            `.targets` (uint8, (N, H, W, C)) and `.names`. Where it has `.variants`, sources with several right answers
            can be looked through as well; they are asked for when they are first chosen.

    Its controls: `split` ("train", "val", "test", "several answers"), `index` (from 0, as in `pairs.train[index]`),
    `direction` ("as loaded" or "swapped"), `jitter` (True or False) and `draw` (which jitter, from 0).

    Raises:
        UsageError: every split is empty.

    >>> from types import SimpleNamespace as Space
    >>> black, white = np.zeros((2, 32, 32, 3), np.uint8), np.full((2, 32, 32, 3), 255, np.uint8)
    >>> split = Space(sources=black, targets=white, names=["one", "two"])
    >>> browser = PairBrowser(Space(train=split, val=split, test=split))
    >>> browser.set(split="test", index=1)
    >>> browser.text
    'test[1], two: source on the left, target on the right.'
    """

    def __init__(self, pairs: Any) -> None:
        self.pairs = pairs
        self._loaded_variants: list[Any] | None = None
        about = getattr(pairs, "about", None)
        self._words = (getattr(about, "source", "source"), getattr(about, "target", "target"))
        splits = [name for name in SPLITS if len(getattr(pairs, name).sources)]
        if not splits:
            raise UsageError("There are no pairs to look at: train, val and test are all empty.")
        splits += [SEVERAL] if self._may_have_variants() else []
        forward = (f"{self._words[0]} to {self._words[1]}", FORWARD)
        backward = (f"{self._words[1]} to {self._words[0]}", BACKWARD)
        super().__init__(
            {
                "split": _buttons(splits, "Split"),
                "index": ipywidgets.IntSlider(value=0, min=0, max=1, description="Pair", layout=SLIDER),
                "direction": _buttons([forward, backward], "Direction"),
                "jitter": ipywidgets.Checkbox(value=False, description="Jitter both"),
                "draw": ipywidgets.IntSlider(max=JITTERS - 1, description="Draw", layout=SLIDER, disabled=True),
            },
            title="Pairs to learn from",
            predict="Could you draw exactly this target from the source alone? Which part would you have to guess?",
            explain=EXPLAIN,
        )

    def adjust(self, *, split: str, jitter: bool, **others: Any) -> None:
        """Fit the slider to the split, and let `draw` move only where there is jitter."""
        index = self.controls["index"]
        index.max = len(self._answers() if split == SEVERAL else self._split(split).sources) - 1
        self.controls["jitter"].disabled = split == SEVERAL
        self.controls["draw"].disabled = not jitter or split == SEVERAL

    def draw(self, *, split: str, index: int, direction: str, jitter: bool, draw: int) -> np.ndarray:
        """Source and target side by side, the jittered pair below them; or one source and all its answers."""
        if split == SEVERAL:
            return self._draw_answers(index, direction)
        source, target = self._pair(split, index)
        rows = [self._draw_pair(source, target, direction)]
        if jitter:
            rows.append(self._draw_pair(*_jittered(source, target, draw), direction))
        return column(rows)

    def caption(self, *, split: str, index: int, direction: str, jitter: bool, draw: int) -> str:
        """Which pair this is, and what lies where."""
        left, right = self._words if direction == FORWARD else self._words[::-1]
        if split == SEVERAL:
            variants = self._answers()[index]
            count = len(variants.targets)
            if direction == BACKWARD:
                return f"{variants.name}: {count} pictures on the left, but only one answer: the {right} they share."
            answers = ", ".join(variants.answers)
            return f"{variants.name}: one {left} on the left, {count} right answers beside it ({answers})."
        name = self._split(split).names[index]
        below = " Below: the same pair, moved and mirrored alike." if jitter else ""
        return f"{split}[{index}], {name}: {left} on the left, {right} on the right.{below}"

    def _split(self, name: str) -> Any:
        return getattr(self.pairs, name)

    def _pair(self, split: str, index: int) -> tuple[np.ndarray, np.ndarray]:
        return self._split(split).sources[index], self._split(split).targets[index]

    def _draw_pair(self, source: np.ndarray, target: np.ndarray, direction: str) -> np.ndarray:
        shown = [at_size(source), at_size(target)]
        labels = [f"{self._words[0]} (source)", f"{self._words[1]} (target)"]
        if direction == BACKWARD:
            shown, labels = shown[::-1], [f"{self._words[1]} (source)", f"{self._words[0]} (target)"]
        return row(shown, labels)

    def _draw_answers(self, index: int, direction: str) -> np.ndarray:
        variants = self._answers()[index]
        small = [at_size(target, SHOWN_SIZE // 2) for target in variants.targets]
        rows = [row(small[at : at + ANSWERS_IN_A_ROW]) for at in range(0, len(small), ANSWERS_IN_A_ROW)]
        sides = [at_size(variants.source), column(rows)]
        return row(sides if direction == FORWARD else sides[::-1])

    def _may_have_variants(self) -> bool:
        """Whether to offer them; real pairs say so without drawing them all."""
        if hasattr(self.pairs, "load_variants"):
            return self.pairs.load_variants is not None and getattr(self.pairs, "direction", "AtoB") == "AtoB"
        return bool(getattr(self.pairs, "variants", None))

    def _answers(self) -> list[Any]:
        if self._loaded_variants is None:
            self._loaded_variants = list(self.pairs.variants)
        return self._loaded_variants


def _buttons(options: list, description: str) -> ipywidgets.ToggleButtons:
    layout = ipywidgets.Layout(width="auto")
    return ipywidgets.ToggleButtons(
        options=options, description=description, style={"button_width": "auto"}, layout=layout
    )


def _jittered(source: np.ndarray, target: np.ndarray, draw: int) -> tuple[np.ndarray, np.ndarray]:
    """The pair as training would see it in its `draw`-th epoch."""
    from pix2pix_edu.pairs.jitter import jitter, jitter_size

    rng = np.random.default_rng(draw)
    sources, targets = jitter(source[None], target[None], rng, resize_to=jitter_size(source.shape[0]))
    return sources[0], targets[0]
