"""What pix2pix is good for: colour, holes, style, sketches and labels, measured against cheap answers (lesson 10).

Every task of the lesson is a record in `TASKS`: where its pairs come from, which trained generator ships for it, how
the network's output becomes the picture that a person sees, which of its pixels are judged, and what the same job looks
like without any network. `measure` holds a generator against those cheap answers, and so "it works" has a number.

Two tasks make their source from the target: take the colour away, or cut a hole. They need no collected pairs, so any
folder of pictures will do: `from_folder`. (Paper, section 4; seed lesson 6.1.)
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from pix2pix_edu.errors import UsageError, check_known, nearest
from pix2pix_edu.pairs import Pairs, Split, load_pairs
from pix2pix_edu.pairs.core import check_seed
from pix2pix_edu.pairs.photos import cut_holes, fill_holes, lab_to_rgb, random_hole, rgb_to_lab

IMAGE_SIZE = 64  # what the shipped generators were trained on
NO_COLOUR = 128  # in the two colour channels of Lab, see `rgb_to_lab`

Pictures = np.ndarray  # uint8, (N, H, W, C)
Baseline = Callable[[Split, Pictures], Pictures]  # training pairs as people see them, sources -> answers in RGB


# --- Sources made from targets ----------------------------------------------------------------------------------------


def grey_pairs(pictures: Pictures, space: str = "lab") -> tuple[Pictures, Pictures]:
    """Take the colour away: from lightness to colour.

    Args:
        pictures: uint8, (N, H, W, 3).
        space: "lab" asks the network for the two colour channels of Lab, "rgb" for the whole picture.

    Returns:
        Sources, uint8 (N, H, W, 1): lightness, 0 to 255. Targets, uint8: (N, H, W, 2) or the pictures themselves.

    Raises:
        UsageError: another space, or pictures that are not uint8 RGB.

    >>> sources, targets = grey_pairs(np.full((1, 32, 32, 3), 255, np.uint8))
    >>> sources.shape, targets[0, 0, 0].tolist()
    ((1, 32, 32, 1), [128, 128])
    """
    if space not in ("lab", "rgb"):
        raise UsageError(f"space={space!r} does not exist. {nearest(str(space), ['lab', 'rgb'])}")
    lightness, colour = rgb_to_lab(pictures)
    return lightness, colour if space == "lab" else pictures


def hole_pairs(pictures: Pictures, seed: int = 0, kind: str = "mixed") -> tuple[Pictures, Pictures]:
    """Cut a hole into each picture: the source has a fourth channel, which is 255 in the hole.

    Args:
        pictures: uint8, (N, H, W, 3).
        seed: of the holes; picture `i` gets the same hole whatever else is in the batch.
        kind: "blocks", "strokes" or "mixed".

    Returns:
        Sources, uint8 (N, H, W, 4), as from `cut_holes`; and the pictures themselves.

    Raises:
        UsageError: pictures that are not uint8 RGB, or a kind that does not exist.

    >>> sources, _ = hole_pairs(np.zeros((2, 32, 32, 3), np.uint8))
    >>> sources.shape, sorted(set(sources[..., 3].ravel().tolist()))
    ((2, 32, 32, 4), [0, 255])
    """
    if kind not in ("blocks", "strokes", "mixed"):
        raise UsageError(f"kind={kind!r} does not exist. {nearest(str(kind), ['blocks', 'strokes', 'mixed'])}")
    seed, size = check_seed(seed), pictures.shape[1]
    holes = [random_hole(size, np.random.default_rng((seed, row)), kind) for row in range(len(pictures))]
    return cut_holes(pictures, np.stack(holes) if holes else np.zeros((0, size, size, 1), np.uint8)), pictures


def remake(
    pairs: Pairs, make: Callable[[Pictures, int], tuple[Pictures, Pictures]], source: str, repeat: int = 1
) -> Pairs:
    """Other pairs from the same pictures: their targets are given to `make`, which returns sources and targets.

    The splits stay as they are, so what was held out is still held out.

    Args:
        pairs: whose targets are the pictures.
        make: takes pictures (N, H, W, 3) and a seed, which differs from split to split.
        source: what the new sources show, in a word or two.
        repeat: how many pairs each training picture gives, such as four with a hole in another place each time.

    >>> split = Split(*np.zeros((2, 3, 32, 32, 3), np.uint8))
    >>> remake(Pairs("mine", split, split, split), lambda pictures, seed: grey_pairs(pictures), "lightness")
    Pairs('mine': 3 / 3 / 3 train / val / test, 32 px, AtoB: lightness to target)
    """
    parts = {}
    for seed, name in enumerate(("train", "val", "test")):
        split = getattr(pairs, name)
        if name == "train" and repeat > 1:
            split = split[np.tile(np.arange(len(split)), repeat)]
        parts[name] = Split(*make(split.targets, seed), split.names, split.labels)
    about = replace(pairs.about, source=source)
    return replace(pairs, train=parts["train"], val=parts["val"], test=parts["test"], about=about, load_variants=None)


# --- From a folder of your own ----------------------------------------------------------------------------------------

# task -> the data set that `load_pairs` reads a folder with, and its options
FOLDER_TASKS: dict[str, tuple[str, dict[str, str]]] = {
    "colour-lab": ("photos", {"task": "colourise", "variant": "lab"}),
    "colour-rgb": ("photos", {"task": "colourise", "variant": "rgb"}),
    "inpaint": ("photos", {"task": "inpaint"}),
    "edges": ("photos", {"task": "edges"}),
    "pairs": ("folder", {}),
}


def from_folder(
    folder: str | os.PathLike, task: str, image_size: int = IMAGE_SIZE, seed: int = 0, **options: Any
) -> Pairs:
    """Pairs for one of these tasks from a folder of your own; `pix2pix_edu.train` takes what comes back.

    For inpaint train with `fills_holes=True`: the network then learns the holes, and nothing that it was given.

    | task | what the folder holds | source | target |
    |---|---|---|---|
    | colour-lab | photos | lightness | the two colour channels of Lab |
    | colour-rgb | photos | lightness | the photo |
    | inpaint | photos | the photo with holes, and the holes | the photo |
    | edges | photos | dark lines on white | the photo |
    | pairs | pictures A and B, side by side or in two folders | A | B |

    Args:
        folder: where the pictures are; nothing in it is changed.
        task: one of the table.
        image_size: pixels; a power of two from 32 to 512.
        seed: chooses the split, the squares and the holes.
        options: further ones of `load_photos` (such as crops=8) or `load_folder` (such as resize="fit").

    Raises:
        UsageError: a task or an option that does not exist.
        DataError: a folder or pictures that cannot be used; the message lists the files.

    >>> from_folder("my-photos", "inpaint")  # doctest: +SKIP
    """
    if task not in FOLDER_TASKS:
        raise UsageError(f"task={task!r} cannot be made from a folder. {nearest(str(task), list(FOLDER_TASKS))}")
    name, fixed = FOLDER_TASKS[task]
    where: dict[str, Any] = {"path": folder} if name == "folder" else {"folder": folder}
    return load_pairs(name, image_size=image_size, seed=seed, **where, **{**fixed, **options})


# --- From the network's output to the picture that a person sees ------------------------------------------------------


def _as_it_is(sources: Pictures, drawn: Pictures) -> Pictures:
    return drawn


def _everywhere(sources: Pictures) -> np.ndarray:
    return np.ones(sources.shape[:3], bool)


def in_the_hole(sources: Pictures) -> np.ndarray:
    """Which pixels of an inpainting are judged: bool (N, H, W), True in the hole.

    >>> in_the_hole(np.array([[[[9, 9, 9, 255], [9, 9, 9, 0]]]], np.uint8)).tolist()
    [[[True, False]]]
    """
    return sources[..., 3] > 127


# --- Answers without a network ----------------------------------------------------------------------------------------


def copy_source(train: Split, sources: Pictures) -> Pictures:
    """Leave everything as it is: grey stays grey, the hole stays grey.

    >>> copy_source(None, np.full((1, 2, 2, 1), 7, np.uint8))[0, 0, 0].tolist()
    [7, 7, 7]
    """
    return np.repeat(sources, 3, axis=-1) if sources.shape[-1] == 1 else sources[..., :3]


def same_grey(train: Split, sources: Pictures) -> Pictures:
    """A grey picture of exactly this lightness: Lab without colour.

    >>> same_grey(None, np.full((1, 2, 2, 1), 255, np.uint8))[0, 0, 0].tolist()
    [255, 255, 255]
    """
    return lab_to_rgb(sources, np.full((*sources.shape[:3], 2), NO_COLOUR, np.uint8))


def mean_picture(train: Split, sources: Pictures) -> Pictures:
    """The mean of all training targets, the same answer for everything.

    >>> train = Split(*np.stack([np.zeros((2, 2, 2, 3)), np.full((2, 2, 2, 3), 8)]).astype("uint8"))
    >>> int(mean_picture(train, train.sources).max())
    8
    """
    mean = np.rint(train.targets.mean(axis=0)).astype(np.uint8)
    return np.broadcast_to(mean, (len(sources), *mean.shape))


def colour_by_lightness(train: Split, sources: Pictures) -> Pictures:
    """Colour without looking at shapes: each of the 256 lightnesses gets the mean colour that it has in training.

    >>> train = Split(np.full((1, 2, 2, 1), 136, np.uint8), np.full((1, 2, 2, 3), (255, 0, 0), np.uint8))
    >>> colour_by_lightness(train, train.sources)[0, 0, 0].tolist()
    [255, 2, 1]
    """
    seen, (_, colour) = train.sources.ravel(), rgb_to_lab(train.targets)
    counts = np.bincount(seen, minlength=256)
    sums = np.stack([np.bincount(seen, colour[..., channel].ravel(), 256) for channel in range(2)], axis=-1)
    table = np.where(counts[:, None] > 0, sums / np.maximum(counts, 1)[:, None], NO_COLOUR)
    return lab_to_rgb(sources, np.rint(table).astype(np.uint8)[sources[..., 0]])


def biharmonic(train: Split, sources: Pictures) -> Pictures:
    """The classical way to fill a hole: the smoothest surface that fits its rim (scikit-image's `inpaint_biharmonic`).

    >>> source = cut_holes(np.full((1, 8, 8, 3), 90, np.uint8), np.eye(8, dtype=np.uint8)[None, ..., None] * 255)
    >>> sorted(set(biharmonic(None, source).ravel().tolist()))
    [90]
    """
    from skimage.restoration import inpaint_biharmonic

    filled = [inpaint_biharmonic(source[..., :3], source[..., 3] > 127, channel_axis=-1) for source in sources]
    return np.rint(np.clip(np.stack(filled), 0, 1) * 255).astype(np.uint8)


# --- The tasks --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Task:
    """One thing that pix2pix is used for.

    Args:
        name: its key in `TASKS`.
        title: what happens, in a few words.
        pictures: what the pairs show.
        data: the data set, for `load_pairs`.
        options: its options.
        quick: options that load fewer pairs, where all of them take a minute to paint.
        make: how sources and targets are made from pictures, or None where they come as pairs.
        repeat: how many pairs it makes from each training picture.
        model: the shipped generator, for `load_example_model`; empty if none ships yet.
        judged: which pixels count, in words.
        where: sources in, the judged pixels out, bool (N, H, W).
        seen: sources and the network's output in, the pictures that people see out, uint8 (N, H, W, 3).
        baselines: answers without a network, by name.
        settings: what `train` is given for the generator; empty if another lesson made it.
    """

    name: str
    title: str
    pictures: str
    data: str
    options: Mapping[str, Any] = field(default_factory=dict)
    quick: Mapping[str, Any] = field(default_factory=dict)
    make: Callable[[Pictures, int], tuple[Pictures, Pictures]] | None = None
    repeat: int = 1
    model: str = ""
    judged: str = "the whole picture"
    where: Callable[[Pictures], np.ndarray] = _everywhere
    seen: Callable[[Pictures, Pictures], Pictures] = _as_it_is
    baselines: Mapping[str, Baseline] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)

    def pairs(self, image_size: int = IMAGE_SIZE, seed: int = 0, quick: bool = False) -> Pairs:
        """The pairs of this task; the shipped generator learned from those of 64 px and seed 0.

        Args:
            image_size: pixels.
            seed: of the split, the houses and the holes.
            quick: load a few of them only; those that it holds are the same.
        """
        options = {**self.options, **(self.quick if quick else {})}
        pairs = load_pairs(self.data, image_size=image_size, seed=seed, **options)
        return pairs if self.make is None else remake(pairs, self.make, SOURCES[self.make], self.repeat)

    def as_seen(self, split: Split) -> Split:
        """The same pairs with their targets as people see them."""
        return Split(split.sources, self.seen(split.sources, split.targets), split.names, split.labels)


def lab_pairs(pictures: Pictures, seed: int = 0) -> tuple[Pictures, Pictures]:
    """`grey_pairs` in Lab; there is nothing random in it, so the seed changes nothing.

    >>> lab_pairs(np.zeros((1, 32, 32, 3), np.uint8))[1].shape
    (1, 32, 32, 2)
    """
    return grey_pairs(pictures, "lab")


def rgb_pairs(pictures: Pictures, seed: int = 0) -> tuple[Pictures, Pictures]:
    """`grey_pairs` in RGB; there is nothing random in it, so the seed changes nothing.

    >>> rgb_pairs(np.zeros((1, 32, 32, 3), np.uint8))[1].shape
    (1, 32, 32, 3)
    """
    return grey_pairs(pictures, "rgb")


SOURCES: dict[Callable, str] = {lab_pairs: "lightness", rgb_pairs: "lightness", hole_pairs: "picture with a hole"}

_COPY: dict[str, Baseline] = {"copy of the source": copy_source, "mean picture": mean_picture}
_GREY: dict[str, Baseline] = {"grey": same_grey, "mean picture": mean_picture, "by lightness": colour_by_lightness}
_HOLES: dict[str, Baseline] = {"grey hole": copy_source, "mean picture": mean_picture, "biharmonic": biharmonic}
_SIMPLE = {"theme": "simple", "train": 800}
_MANY = {"theme": "simple", "train": 2400}  # where 800 were not enough to look right
_QUICK = {"train": 24, "val": 1, "test": 24}  # houses are painted when they are first asked for: 15 a second
# No jitter: enlarging a picture of 64 px blurs what is one pixel wide, and blurred targets teach blur.
_SMALL = {"filters": 12, "receptive_field": 34, "epochs": 12, "jitter": False}
_LONG = {**_SMALL, "filters": 16, "batch_size": 4, "ema": 0.999}  # the average of the weights has less of a grid
# In a hole nothing of the source covers the weave of transposed convolutions, so there are none.
_FILLING = {
    **_LONG, "filters": 24, "epochs": 10, "save_every": 1, "lambda_l1": 1000.0, "dropout": 0.0, "upsample": "resize",
    "fills_holes": True,
}  # fmt: skip

TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        Task(
            "colour-lab", "grey to colour, in Lab", "house fronts", "facades", _SIMPLE, _QUICK,
            make=lab_pairs, model="colour-lab", seen=lab_to_rgb, baselines=_GREY, settings={**_SMALL, "batch_size": 8},
        ),
        Task(
            "colour-rgb", "grey to colour, in RGB", "house fronts", "facades", _SIMPLE, _QUICK,
            make=rgb_pairs, model="colour-rgb", baselines=_GREY, settings={**_SMALL, "batch_size": 8},
        ),
        Task(
            "inpaint", "fill a hole", "house fronts", "facades", _MANY, _QUICK,
            make=hole_pairs, repeat=4, model="inpaint", judged="the hole", where=in_the_hole, seen=fill_holes,
            baselines=_HOLES, settings=_FILLING,
        ),
        Task(
            "glyphs", "one typeface to another", "letters", "glyphs", {"style": "serif-bolditalic"}, model="glyphs",
            baselines=_COPY, settings={**_SMALL, "filters": 16, "epochs": 32, "batch_size": 8, "mirror": False},
        ),
        Task(
            "night", "day to night", "house fronts", "facades", {"kind": "night", "theme": "full", "train": 1600},
            _QUICK, model="night", baselines=_COPY, settings={**_LONG, "epochs": 24},
        ),
        Task("sketch", "sketch to picture", "drawings", "emoji", model="emoji", baselines=_COPY),
        Task(
            "facades", "labels to picture", "house fronts", "facades", _MANY, _QUICK,
            model="facades", baselines=_COPY, settings={**_LONG, "epochs": 36, "receptive_field": 70},
        ),
    )
}  # fmt: skip


def find_task(name: str) -> Task:
    """The task of that name.

    Raises:
        UsageError: there is none.

    >>> find_task("inpaint").judged
    'the hole'
    """
    check_known("task", name, TASKS)
    return TASKS[name]


# --- Judging ----------------------------------------------------------------------------------------------------------


def l1_where(real: Pictures, fake: Pictures, where: np.ndarray) -> float:
    """L1 over the judged pixels only, on the scale of training: 0 is equal, 2 is black against white.

    Args:
        real: uint8, (N, H, W, C).
        fake: the same shape.
        where: bool, (N, H, W): the pixels that count.

    Raises:
        UsageError: no pixel counts.

    >>> real = np.zeros((1, 1, 2, 3), np.uint8)
    >>> fake = np.array([[[[255, 255, 255], [0, 0, 0]]]], np.uint8)
    >>> l1_where(real, fake, np.array([[[True, False]]])), l1_where(real, fake, np.array([[[True, True]]]))
    (2.0, 1.0)
    """
    _check_where(where)
    return float(np.abs(real[where].astype(np.float64) - fake[where]).mean() / 127.5)


def psnr_where(real: Pictures, fake: Pictures, where: np.ndarray) -> float:
    """PSNR in dB of the judged pixels of each picture, then the mean over the pictures; higher is better.

    Arguments and errors as for `l1_where`.

    >>> real = np.zeros((1, 1, 2, 3), np.uint8)
    >>> print(round(psnr_where(real, real + np.uint8(25), np.ones((1, 1, 2), bool)), 1))
    20.2
    """
    _check_where(where)
    square = np.square(real.astype(np.float64) - fake).mean(axis=-1)
    error = (square * where).sum(axis=(1, 2)) / np.maximum(where.sum(axis=(1, 2)), 1)
    counted = where.any(axis=(1, 2))
    with np.errstate(divide="ignore"):
        return float((10 * np.log10(255.0**2 / error[counted])).mean())


def _check_where(where: np.ndarray) -> None:
    if not where.any():
        raise UsageError("There is nothing to judge: no pixel is marked.")


def lightness_error(sources: Pictures, seen: Pictures) -> float:
    """By how much colouring has changed the lightness: the mean difference in L*, from 0 to 100.

    Args:
        sources: uint8, (N, H, W, 1), the lightness that was given.
        seen: uint8, (N, H, W, 3), the coloured pictures.

    >>> grey = np.full((1, 2, 2, 1), 136, np.uint8)
    >>> print(round(lightness_error(grey, np.full((1, 2, 2, 3), (255, 0, 0), np.uint8)), 2))
    0.0
    """
    return float(np.abs(rgb_to_lab(seen)[0].astype(np.float64) - sources).mean() / 255 * 100)


def measure(task: Task, train: Split, test: Split, drawn: Pictures | None = None) -> dict[str, dict[str, float]]:
    """Hold a generator's pictures against answers that need no network, on the pixels that this task is judged by.

    Args:
        task: one of `TASKS`.
        train: training pairs, for the baselines that look at them.
        test: the pairs to answer.
        drawn: what the network made of `test.sources`, as `translate` returns it; None measures the baselines alone.

    Returns:
        Name of the answer -> {"l1", "psnr"}; the network's is called "pix2pix", and comes last. For colour also
        "lightness", see `lightness_error`.

    >>> rng = np.random.default_rng(0)
    >>> split = Split(*rng.integers(0, 256, (2, 4, 32, 32, 3), dtype=np.uint8))
    >>> measure(find_task("night"), split, split, split.targets)["pix2pix"]["l1"]
    0.0
    """
    where, real = task.where(test.sources), task.seen(test.sources, test.targets)
    seen_train = task.as_seen(train)
    answers = {name: answer(seen_train, test.sources) for name, answer in task.baselines.items()}
    if drawn is not None:
        answers["pix2pix"] = task.seen(test.sources, drawn)
    rows = {}
    for name, answer in answers.items():
        rows[name] = {"l1": l1_where(real, answer, where), "psnr": psnr_where(real, answer, where)}
        if test.sources.shape[-1] == 1:
            rows[name]["lightness"] = lightness_error(test.sources, answer)
    return rows


# --- Does a task suit pix2pix? ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Suitability:
    """What four cheap looks at some pairs say, before anything is trained; `remarks` puts them in words.

    Args:
        pairs: how many there are to learn from.
        shift: how far the target lies off its source, in pixels: the median over the pairs.
        filter: share of the target's variance, on held-out pairs, that a linear filter of 5 x 5 source pixels
            foretells; 1 is all of it, 0 none.
        neighbour: how far the targets of two similar sources are apart, as a share of what any two targets are; 0 says
            that a similar source has the same target, 1 that its target might as well be any.
    """

    pairs: int
    shift: float
    filter: float
    neighbour: float

    @property
    def remarks(self) -> list[str]:
        """What speaks against training on them, in sentences; empty if nothing does."""
        found = []
        if self.pairs < FEW_PAIRS:
            found.append(f"{self.pairs} training pairs are few: expect a network that learns them by heart.")
        if self.shift > MOST_SHIFT:
            found.append(f"Targets lie {self.shift:.0f} px off their sources: align them, or expect blur.")
        if self.filter < LEAST_FORETOLD and self.neighbour > MOST_APART:
            found.append("The source hardly foretells the target: are these pairs, and has each one right answer?")
        if self.filter > PLAIN_FILTER:
            found.append("A filter of 5 x 5 pixels does nearly all of it: you may not need a network.")
        return found


FEW_PAIRS = 100
MOST_SHIFT = 1.5  # pixels
LEAST_FORETOLD = 0.2
MOST_APART = 0.9
PLAIN_FILTER = 0.95
REACH = 2  # of the filter: 5 x 5 pixels
LOOKED_AT = 200  # pairs of each split, at most


def suitability(pairs: Pairs, seed: int = 0) -> Suitability:
    """Look at pairs before training on them: enough, aligned, foretold by the source, one answer for each source?

    No look is proof. A task with a low share for the filter can still be learnt (that is what the deep network is for),
    and one that passes all four can still be too hard. But what fails here has never been seen to work.

    Args:
        pairs: any, such as `from_folder` returns.
        seed: chooses which pixels and pairs are looked at.

    >>> rng = np.random.default_rng(0)
    >>> split = Split(*rng.integers(0, 256, (2, 9, 32, 32, 3), dtype=np.uint8))
    >>> suitability(Pairs("noise", split, split, split)).remarks[0]
    '9 training pairs are few: expect a network that learns them by heart.'
    """
    train, held_out = (part.take(LOOKED_AT, seed) for part in (pairs.train, pairs.test))
    shifts = [np.hypot(*shift_between(source, target)) for source, target in held_out]
    return Suitability(
        pairs=len(pairs.train),
        shift=float(np.median(shifts)),
        filter=foretold_by_filter(train, held_out, seed),
        neighbour=neighbours_apart(train, held_out),
    )


def shift_between(source: np.ndarray, target: np.ndarray) -> tuple[int, int]:
    """How far a target lies off its source, found by phase correlation of their outlines.

    Two pictures of the same thing may differ in all their colours, but their outlines lie in the same places. A moved
    picture has the same spectrum with turned phases; the phases alone, transformed back, have a peak at the step
    (Kuglin and Hines 1975).

    Args:
        source: uint8, (H, W, C).
        target: uint8, (H, W, K).

    Returns:
        Pixels down and to the right that the target lies off; moving it by as much the other way aligns the pair.

    >>> picture = np.zeros((32, 32, 3), np.uint8); picture[9:20, 6:17] = 200
    >>> shift_between(picture, np.roll(picture, (3, -2), axis=(0, 1)))
    (3, -2)
    """
    first, second = (np.fft.fft2(outlines(picture)) for picture in (source, target))
    product = second * np.conj(first)
    peak = np.fft.ifft2(product / np.maximum(np.abs(product), 1e-9)).real
    place = np.unravel_index(peak.argmax(), peak.shape)
    down, right = (int(at) - size if at > size // 2 else int(at) for at, size in zip(place, peak.shape, strict=True))
    return down, right


def outlines(picture: np.ndarray) -> np.ndarray:
    """Where a picture changes: the largest Sobel response of its channels, float (H, W), fading to 0 at the edge.

    >>> float(outlines(np.full((32, 32, 3), 9, np.uint8)).max())
    0.0
    """
    from skimage.filters import sobel

    change = np.max([sobel(channel.astype(np.float64)) for channel in np.moveaxis(picture, -1, 0)], axis=0)
    fade = [np.hanning(size + 2)[1:-1] for size in change.shape]
    return change * np.outer(*fade)


def foretold_by_filter(train: Split, held_out: Split, seed: int = 0, pixels: int = 20_000) -> float:
    """Share of the target's variance on held-out pairs that a linear filter of 5 x 5 source pixels foretells.

    The filter is fitted by least squares to `pixels` random pixels of the training pairs, all channels of the source at
    once. Below 0, where it does worse than the mean, 0 is returned.

    >>> rng = np.random.default_rng(0)
    >>> source = rng.integers(0, 256, (4, 32, 32, 1), dtype=np.uint8)
    >>> print(round(foretold_by_filter(Split(source, 255 - source), Split(source, 255 - source)), 3))
    1.0
    """
    rng = np.random.default_rng(check_seed(seed))
    seen, wanted = _windows(train, rng, pixels)
    weights = np.linalg.lstsq(seen, wanted, rcond=None)[0]
    asked, right = _windows(held_out, rng, pixels)
    rest = np.square(right - asked @ weights).sum()
    return float(max(0.0, 1 - rest / np.square(right - wanted.mean(axis=0)).sum()))


def _windows(split: Split, rng: np.random.Generator, pixels: int) -> tuple[np.ndarray, np.ndarray]:
    """Random windows of the sources, flattened, with a 1 at the end; and the target's pixel in the middle of each."""
    count, height, width = split.sources.shape[:3]
    side = 2 * REACH + 1
    which = rng.integers(0, count, pixels)
    top, left = rng.integers(0, height - side + 1, pixels), rng.integers(0, width - side + 1, pixels)
    rows, columns = top[:, None, None] + np.arange(side)[:, None], left[:, None, None] + np.arange(side)
    windows = split.sources[which[:, None, None], rows, columns].reshape(pixels, -1) / 255
    middle = split.targets[which, top + REACH, left + REACH] / 255
    return np.concatenate([windows, np.ones((pixels, 1))], axis=1), middle


def neighbours_apart(train: Split, held_out: Split) -> float:
    """How far the target of the most similar training source is off, as a share of how far any target is off.

    Similar is what has the smallest L1 at 16 x 16 pixels. 0: who has a similar source has the same target. 1: it might
    as well be any. Where no source is similar to another, this says little.

    >>> rng = np.random.default_rng(0)
    >>> split = Split(*[rng.integers(0, 256, (6, 32, 32, 3), dtype=np.uint8)] * 2)
    >>> neighbours_apart(split, split)
    0.0
    """
    small_train, small_asked = _coarse(train.sources), _coarse(held_out.sources)
    targets, right = _coarse(train.targets), _coarse(held_out.targets)
    apart = any_two = 0.0
    for source, target in zip(small_asked, right, strict=True):
        nearest_one = np.abs(small_train - source).mean(axis=1).argmin()
        distances = np.abs(targets - target).mean(axis=1)
        apart, any_two = apart + distances[nearest_one], any_two + distances.mean()
    return float(apart / max(any_two, 1e-9))


def _coarse(pictures: Pictures) -> np.ndarray:
    """Pictures at 16 x 16 pixels, flattened: float (N, 256 * C)."""
    count, height, width, channels = pictures.shape
    blocks = pictures.reshape(count, 16, height // 16, 16, width // 16, channels)
    return blocks.mean(axis=(2, 4)).reshape(count, -1)
