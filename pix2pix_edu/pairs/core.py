"""What every data set of the course looks like: `Split`, a stack of pairs, and `Pairs`, three splits with a story.

Paired translation needs one thing from its data: for each source picture the *one* target picture that belongs to it.
A `Split` holds both as arrays of equal length, so that `sources[i]` and `targets[i]` are a pair, whatever the task is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, overload

import numpy as np

from pix2pix_edu.errors import DataError, UsageError
from pix2pix_edu.sizes import IMAGE_SIZES as IMAGE_SIZES
from pix2pix_edu.sizes import check_image_size as check_image_size

DIRECTIONS = ("AtoB", "BtoA")
HELD_OUT = 0.1  # share of the pairs for validation, and again for the test, where a data set does not say itself


def check_direction(direction: str) -> str:
    """Accept "AtoB" or "BtoA".

    Raises:
        UsageError: anything else.

    >>> check_direction("AtoB")
    'AtoB'
    """
    if direction not in DIRECTIONS:
        raise UsageError(f"direction={direction!r} does not exist: use 'AtoB' or 'BtoA'.")
    return direction


def check_seed(seed: int) -> int:
    """Accept a whole number from 0 up, which is what NumPy's generators take.

    Raises:
        UsageError: anything else.

    >>> check_seed(7)
    7
    """
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise UsageError(f"seed={seed!r} does not work: use a whole number from 0 up, such as seed=0.")
    return int(seed)


def split_families(families: np.ndarray, seed: int) -> np.ndarray:
    """Deal whole families out at random: 10 % of the pairs to the test, 10 % to validation, the rest to training.

    Pictures of one family (copies, look-alikes) must not be on two sides, or the test only asks what was memorised.

    Args:
        families: the family of each of N pairs, as numbers from 0.
        seed: another seed is another split.

    Returns:
        N strings "train", "val" or "test".

    >>> sides = split_families(np.arange(100) // 2, seed=0)
    >>> [int((sides == side).sum()) for side in ("train", "val", "test")]
    [80, 10, 10]
    """
    sides = np.full(len(families), "train", dtype="<U5")
    share = max(1, round(HELD_OUT * len(families)))
    room = {"test": share, "val": share}
    sizes = np.bincount(families)
    for family in np.random.default_rng(seed).permutation(len(sizes)):
        for side in room:
            if sizes[family] <= room[side]:
                sides[families == family] = side
                room[side] -= sizes[family]
                break
    return sides


@dataclass(frozen=True, eq=False)
class Split:
    """Pairs of pictures: `sources[i]` is what the generator sees, `targets[i]` what it should draw.

    Args:
        sources: uint8, shape (N, H, W, C), values 0 to 255.
        targets: uint8, shape (N, H, W, K); N, H and W are those of `sources`, the channels may differ.
        names: one name for each pair; numbers if left out.
        labels: optional uint8 class map (N, H, W), where the true classes of the pixels are known (facades).

    Raises:
        DataError: shapes or types that do not fit together.

    >>> split = Split(np.zeros((8, 32, 32, 1), np.uint8), np.zeros((8, 32, 32, 3), np.uint8))
    >>> len(split), len(split[:3]), len(split[[0, 5]]), split[0][1].shape
    (8, 3, 2, (32, 32, 3))
    """

    sources: np.ndarray
    targets: np.ndarray
    names: list[str] = field(default_factory=list)
    labels: np.ndarray | None = None

    def __post_init__(self) -> None:
        """Check that everything fits together."""
        _check_pictures("sources", self.sources)
        _check_pictures("targets", self.targets)
        if self.sources.shape[:3] != self.targets.shape[:3]:
            raise DataError(
                "sources and targets do not match: a pair needs two pictures of the same height and width, but "
                f"sources has the shape {self.sources.shape} and targets {self.targets.shape} (number, height, width, "
                "channels)."
            )
        if not self.names:
            object.__setattr__(self, "names", [f"{index:04d}" for index in range(len(self.sources))])
        object.__setattr__(self, "names", [str(name) for name in self.names])
        if len(self.names) != len(self.sources):
            raise DataError(f"{len(self.sources)} pairs need as many names, but names has {len(self.names)}.")
        if self.labels is not None and (
            not isinstance(self.labels, np.ndarray)
            or self.labels.dtype != np.uint8
            or self.labels.shape != self.sources.shape[:3]
        ):
            raise DataError(f"labels must be a uint8 array of the shape {self.sources.shape[:3]}, one class per pixel.")

    def __len__(self) -> int:
        """How many pairs there are."""
        return len(self.sources)

    @overload
    def __getitem__(self, index: int | np.integer) -> tuple[np.ndarray, np.ndarray]: ...

    @overload
    def __getitem__(self, index: slice | Sequence[int] | np.ndarray) -> Split: ...

    def __getitem__(self, index: Any) -> Split | tuple[np.ndarray, np.ndarray]:
        """`split[3]` is one (source, target); `split[:5]`, `split[[0, 7]]` and `split[mask]` are smaller splits."""
        if isinstance(index, (int, np.integer)):
            return self.sources[index], self.targets[index]
        if not isinstance(index, slice):
            index = np.asarray(index)
            index = index if index.dtype == bool else index.astype(np.intp)
        chosen = np.arange(len(self))[index]
        return Split(
            self.sources[index],
            self.targets[index],
            [self.names[position] for position in chosen],
            None if self.labels is None else self.labels[index],
        )

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """One (source, target) after the other."""
        return zip(self.sources, self.targets, strict=True)

    def __repr__(self) -> str:
        """How many pairs of what."""
        labels = "" if self.labels is None else ", labels"
        return f"Split({len(self)} pairs, sources {self.sources.shape[1:]}, targets {self.targets.shape[1:]}{labels})"

    def take(self, n: int, seed: int | None = None) -> Split:
        """At most `n` pairs: the first ones, or with a `seed` a random choice that is the same every time.

        >>> split = Split(np.zeros((8, 32, 32, 1), np.uint8), np.zeros((8, 32, 32, 3), np.uint8))
        >>> split.take(3).names, len(split.take(99)), split.take(3, seed=1).names == split.take(3, seed=1).names
        (['0000', '0001', '0002'], 8, True)
        """
        if n < 0:
            raise UsageError(f"take({n}) cannot work: ask for 0 pairs or more.")
        if seed is None:
            return self[:n]
        return self[np.random.default_rng(check_seed(seed)).permutation(len(self))[:n]]

    def swap(self) -> Split:
        """The same pairs the other way round: targets become sources."""
        return Split(self.targets, self.sources, self.names, self.labels)


def _check_pictures(what: str, pictures: np.ndarray) -> None:
    """Say what is wrong with an array that should be a stack of pictures, and how to mend it."""
    if not isinstance(pictures, np.ndarray):
        raise DataError(f"{what} must be a NumPy array, not {type(pictures).__name__}: try np.stack(your_pictures).")
    if pictures.ndim != 4:
        hint = " One channel still needs its axis: add it with array[..., None]." if pictures.ndim == 3 else ""
        raise DataError(
            f"{what} has the shape {pictures.shape}, but pictures come as (number, height, width, channels).{hint}"
        )
    if pictures.dtype != np.uint8:
        raise DataError(
            f"{what} has the type {pictures.dtype}, but a Split holds uint8, 0 to 255. From floats between 0 and 1: "
            "(array * 255).round().astype('uint8'); from 16-bit integers: (array // 257).astype('uint8')."
        )


@dataclass(frozen=True)
class About:
    """Where pictures come from and what they show; `swap()` exchanges `source` and `target`.

    Args:
        title: the data set in a few words.
        source: what a source picture shows, such as "line drawing".
        target: what a target picture shows, such as "coloured drawing".
        licence: under which terms the pictures may be used.
        credit: whom to name.
        citation: the publication to cite, if there is one.
        url: where to read more.
    """

    title: str
    source: str = "source"
    target: str = "target"
    licence: str = ""
    credit: str = ""
    citation: str = ""
    url: str = ""

    def swap(self) -> About:
        """The same story told from target to source.

        >>> About("leaves", source="outline", target="photo").swap().source
        'photo'
        """
        return replace(self, source=self.target, target=self.source)


@dataclass(frozen=True, eq=False)
class Variants:
    """One source with several right answers.

    Args:
        name: the drawing.
        source: uint8, shape (H, W, C).
        targets: uint8, shape (K, H, W, C): every one of them is a correct target for `source`.
        answers: K words that say how the targets differ, such as the skin tones.
        split: "train", "val" or "test": where the drawing lies.
    """

    name: str
    source: np.ndarray
    targets: np.ndarray
    answers: list[str]
    split: str


@dataclass(frozen=True, eq=False)
class Pairs:
    """Three splits that share nothing, and what they show.

    Args:
        name: the name that `load_pairs` knows it by.
        train: pairs to learn from.
        val: pairs to choose the best checkpoint by.
        test: pairs to look at once, at the end.
        direction: "AtoB" or "BtoA"; `sources` and `targets` already follow it.
        about: what the pictures show, and whom to credit.
        report: what had to be done to the files, in sentences; empty if nothing.
        load_variants: finds the sources that have several right answers; called once, when they are asked for.
    """

    name: str
    train: Split
    val: Split
    test: Split
    direction: str = "AtoB"
    about: About = field(default_factory=lambda: About("pairs"))
    report: list[str] = field(default_factory=list)
    load_variants: Callable[[], list[Variants]] | None = None

    def __post_init__(self) -> None:
        """Check that the splits fit together."""
        check_direction(self.direction)
        for name in ("val", "test"):
            for side in ("sources", "targets"):
                expected = getattr(self.train, side).shape[1:]
                found = getattr(getattr(self, name), side).shape[1:]
                if found != expected:
                    raise DataError(f"The {side} of {name} have the shape {found}, but those of train {expected}.")

    @property
    def variants(self) -> list[Variants] | None:
        """Sources with several right answers (emoji in six skin tones), or None where a data set has none.

        They exist in the direction AtoB only: turned round, each picture has one answer.
        """
        if self.load_variants is None or self.direction != "AtoB":
            return None
        return self.load_variants()

    @property
    def image_size(self) -> int:
        """Height and width of the pictures in pixels."""
        return self.train.sources.shape[1]

    def swap(self) -> Pairs:
        """The same pairs the other way round; swapping twice gives back the first.

        >>> split = Split(np.zeros((2, 32, 32, 1), np.uint8), np.zeros((2, 32, 32, 3), np.uint8))
        >>> Pairs("mine", split, split, split).swap().direction
        'BtoA'
        """
        return replace(
            self,
            train=self.train.swap(),
            val=self.val.swap(),
            test=self.test.swap(),
            direction="BtoA" if self.direction == "AtoB" else "AtoB",
            about=self.about.swap(),
        )

    def towards(self, direction: str | None) -> Pairs:
        """These pairs in the wanted direction; None leaves them as they are.

        >>> split = Split(np.zeros((2, 32, 32, 1), np.uint8), np.zeros((2, 32, 32, 3), np.uint8))
        >>> Pairs("mine", split, split, split).towards("AtoB").direction
        'AtoB'
        """
        if direction is None or check_direction(direction) == self.direction:
            return self
        return self.swap()

    def __repr__(self) -> str:
        """How many pairs of what."""
        counts = " / ".join(str(len(split)) for split in (self.train, self.val, self.test))
        return (
            f"Pairs({self.name!r}: {counts} train / val / test, {self.image_size} px, {self.direction}: "
            f"{self.about.source} to {self.about.target})"
        )
