"""Training data made by pix2pix: does it help another network? (seed lesson 6.2; notebook 11).

The other network is a *student*: a small segmenter that learns from few house fronts to say which class has each
pixel. This module makes training data for it: by moving and recolouring what is there, by asking a generator for
pictures of label maps, by repeating what is rare. `augmentation_study` measures which of this helps.

A training set is a `Split` whose targets are the pictures and whose `labels` are the classes of their pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from pix2pix_edu.backend import keras
from pix2pix_edu.errors import UsageError, check_known
from pix2pix_edu.evaluation.fcn import FcnScore, confusion_matrix, label_classes
from pix2pix_edu.pairs import Split
from pix2pix_edu.pairs.core import check_seed
from pix2pix_edu.pairs.facades import CLASSES, HOUSES_PER_SPLIT, SPLITS, colour_labels, facade_labels
from pix2pix_edu.pairs.jitter import Jitter, jitter_size, order, rng_for
from pix2pix_edu.segmenter import WIDTHS, segmenter_model
from pix2pix_edu.translation import BATCH, to_float, translate

# New layouts are houses with numbers that `load_pairs("facades", seed=...)` gives for this seed and above; no picture
# of them is ever painted by the program.
LAYOUT_SEED = 2_000_000
MOST_HOUSES = 20_000  # looked at before `new_layouts` gives up

# --- Classical augmentation -------------------------------------------------------------------------------------------


class Classical:
    """Training pairs ready to be moved and recoloured: mirror, cut and brightness, another draw for each batch.

    A label map goes wherever its picture goes, but it is not blended: between class 2 and class 4 there is no class 3.
    So the picture is enlarged smoothly and its label map by repeating pixels. Colours are changed in the picture alone.

    Args:
        pictures: uint8, (N, H, W, 3).
        labels: class numbers, uint8, (N, H, W).
        mirror: mirror half of the pairs, left and right.
        crop: enlarge by an eighth, as the paper does (286 for 256), and cut a window of the old size at random.
        colour: how much brightness, contrast and each colour channel may change, as a share; 0 leaves them.

    Raises:
        UsageError: pictures and labels that do not fit together, or a negative share.

    >>> pictures, labels = np.zeros((4, 64, 64, 3), np.uint8), np.full((4, 64, 64), 7, np.uint8)
    >>> moved, classes = Classical(pictures, labels)([0, 3], rng_for(0, 0, 0))
    >>> moved.shape, classes.shape, np.unique(classes).tolist()
    ((2, 64, 64, 3), (2, 64, 64), [7])
    """

    def __init__(
        self,
        pictures: np.ndarray,
        labels: np.ndarray,
        mirror: bool = True,
        crop: bool = True,
        colour: float = 0.15,
    ) -> None:
        if colour < 0:
            raise UsageError(f"colour={colour!r} does not work: give a share from 0 up, such as 0.15.")
        if labels.shape != pictures.shape[:3]:
            raise UsageError(
                f"Each picture needs a label map of its size: pictures are {pictures.shape}, labels {labels.shape}."
            )
        self.size, self.colour = pictures.shape[1], colour
        large = jitter_size(self.size) if crop else self.size
        self._jitter = Jitter(pictures, pictures, large, mirror)  # it draws the places, and enlarges the pictures
        self._pictures = self._jitter.enlarged()[0]
        pixels = nearest_pixels(self.size, large)
        self._labels = labels[:, pixels][:, :, pixels]

    def __call__(self, indices: np.ndarray | list[int], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Pictures and label maps of the pairs `indices`, moved alike; the pictures recoloured."""
        moved: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
        for index, top, left, mirrored in self._jitter.draw(indices, rng):
            window = slice(top, top + self.size), slice(left, left + self.size)
            step = -1 if mirrored else 1
            for side, large in zip(moved, (self._pictures, self._labels), strict=True):
                side.append(large[index][window][:, ::step])
        pictures, labels = (np.stack(side) for side in moved)
        return recolour(pictures, rng, self.colour), labels


def nearest_pixels(old: int, new: int) -> np.ndarray:
    """For each of `new` pixels the one of `old` pixels that it lies on: enlarging without blending.

    >>> nearest_pixels(2, 4).tolist(), nearest_pixels(4, 5).tolist()
    ([0, 0, 1, 1], [0, 1, 2, 2, 3])
    """
    return ((np.arange(new) + 0.5) * old / new).astype(np.intp)


def recolour(pictures: np.ndarray, rng: np.random.Generator, strength: float = 0.15) -> np.ndarray:
    """Change brightness, contrast and the colour channels of each picture, each by a factor of its own.

    Args:
        pictures: uint8, (N, H, W, 3).
        rng: where the factors come from.
        strength: factors lie between 1 - strength and 1 + strength.

    >>> grey = np.full((1, 2, 2, 3), 100, np.uint8)
    >>> bool((recolour(grey, rng_for(0, 0, 0), 0.0) == grey).all())
    True
    """
    if strength == 0:
        return pictures
    count = len(pictures)
    contrast = rng.uniform(1 - strength, 1 + strength, (count, 1, 1, 1))
    channels = rng.uniform(1 - strength, 1 + strength, (count, 1, 1, 3))  # brightness is what they have in common
    brightness = rng.uniform(1 - strength, 1 + strength, (count, 1, 1, 1))
    means = pictures.mean(axis=(1, 2, 3), keepdims=True)
    changed = (means + contrast * (pictures - means)) * channels * brightness
    return np.clip(np.rint(changed), 0, 255).astype(np.uint8)


# --- Generated pairs --------------------------------------------------------------------------------------------------


def new_layouts(
    count: int, image_size: int = 64, seed: int = 0, part: str | None = None, having: bool = True
) -> np.ndarray:
    """Label maps of houses that nobody has painted.

    Args:
        count: how many.
        image_size: height and width in pixels.
        seed: another seed is other houses.
        part: only houses that have this class, such as "balcony".
        having: False turns it round: only houses without that class.

    Returns:
        Class numbers, uint8, (count, image_size, image_size).

    Raises:
        UsageError: a class that does not exist, or too few houses of that kind.

    >>> maps = new_layouts(3, part="balcony")
    >>> maps.shape, has_part(maps, "balcony").tolist()
    ((3, 64, 64), [True, True, True])
    """
    first = (LAYOUT_SEED + check_seed(seed)) * len(SPLITS) * HOUSES_PER_SPLIT
    found: list[np.ndarray] = []
    for house in range(first, first + MOST_HOUSES):
        if len(found) == count:
            break
        labels = facade_labels(house, image_size)
        if part is None or bool(has_part(labels[None], part)[0]) == having:
            found.append(labels)
    if len(found) < count or not found:
        raise UsageError(f"count={count!r} does not work: {len(found)} of {MOST_HOUSES:,} houses are of that kind.")
    return np.stack(found)


def generate_pairs(model: Any, label_maps: np.ndarray, looks: int = 1, seed: int = 0) -> Split:
    """Ask a generator for pictures of label maps: training pairs that cost no photograph and no annotator.

    Dropout is on, as in the paper: it is the only noise, and gives each picture of the same map another look, if only
    slightly another.

    Args:
        model: anything that `translate` takes, trained from label map to picture.
        label_maps: class numbers, uint8, (N, H, W), or CMP colours, (N, H, W, 3).
        looks: how many pictures of each map.
        seed: of the dropout masks.

    Returns:
        A `Split` of N * looks pairs, all maps once, then all maps again: sources are the maps in colours, targets the
        generated pictures, `labels` the classes that were asked for. Whether the pictures show them is another
        question.

    Raises:
        UsageError: maps that are no label maps, or fewer than one look.

    >>> import pix2pix_edu as p2p
    >>> generate_pairs(p2p.generator_model(64, 2), new_layouts(3), looks=2)
    Split(6 pairs, sources (64, 64, 3), targets (64, 64, 3), labels)
    """
    if isinstance(looks, bool) or not isinstance(looks, int) or looks < 1:
        raise UsageError(f"looks={looks!r} does not work: give a whole number from 1 up.")
    classes = label_classes(label_maps)
    sources = colour_labels(classes)
    pictures = [translate(model, sources, dropout=True, seed=seed * looks + look) for look in range(looks)]
    return labelled(np.concatenate(pictures), np.concatenate([classes] * looks), "generated")


def flat_pairs(split: Split, label_maps: np.ndarray, seed: int = 0) -> Split:
    """What one can paint without any network: each class in the mean colour that it has in one real house.

    It separates two things that generated pairs bring: new layouts, which these have as well, and learnt texture, which
    they have not.

    Args:
        split: real pictures and their labels, to take the colours from.
        label_maps: class numbers, uint8, (N, H, W).
        seed: which house lends its colours to which map.

    >>> real = Split(*np.full((2, 1, 4, 4, 3), 9, np.uint8), labels=np.zeros((1, 4, 4), np.uint8))
    >>> flat_pairs(real, np.zeros((1, 2, 2), np.uint8)).targets.ravel().tolist()
    [9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9]
    """
    labels, classes = labels_of(split), label_classes(label_maps)
    everywhere = _mean_colours(split.targets, labels, np.full((len(CLASSES), 3), 128.0))
    palettes = [_mean_colours(picture, where, everywhere) for picture, where in zip(split.targets, labels, strict=True)]
    lenders = np.random.default_rng(check_seed(seed)).integers(len(palettes), size=len(classes))
    pictures = [palettes[lender][each] for lender, each in zip(lenders, classes, strict=True)]
    return labelled(np.rint(np.stack(pictures)).astype(np.uint8), classes, "flat")


def _mean_colours(picture: np.ndarray, labels: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """(classes, 3); a class that does not occur has the colour that it has in `missing`."""
    rows = [
        picture[labels == number].mean(axis=0) if (labels == number).any() else missing[number]
        for number in range(len(CLASSES))
    ]
    return np.array(rows, dtype=float)


def labelled(pictures: np.ndarray, classes: np.ndarray, word: str) -> Split:
    """Pictures and their classes as pairs, named "generated 0", "generated 1" and so on after the word.

    >>> labelled(np.zeros((1, 8, 8, 3), np.uint8), np.zeros((1, 8, 8), np.uint8), "mine").names
    ['mine 0']
    """
    names = [f"{word} {number}" for number in range(len(classes))]
    return Split(colour_labels(classes), pictures, names, classes)


def labels_of(split: Split) -> np.ndarray:
    """The label maps of a split.

    Raises:
        UsageError: it has none.

    >>> labels_of(Split(*np.zeros((2, 1, 8, 8, 3), np.uint8), labels=np.ones((1, 8, 8), np.uint8))).shape
    (1, 8, 8)
    """
    if split.labels is None:
        raise UsageError("This needs pairs with label maps: split.labels, as in load_pairs('facades').")
    return split.labels


def mix(*splits: Split) -> Split:
    """All pairs of several splits as one training set; each pair will be seen equally often.

    >>> real = Split(*np.zeros((2, 3, 64, 64, 3), np.uint8), labels=np.zeros((3, 64, 64), np.uint8))
    >>> len(mix(real, real[:1], real[:2]))
    6
    """
    if not splits:
        raise UsageError("There is nothing to mix: give one split or more.")
    return Split(
        np.concatenate([split.sources for split in splits]),
        np.concatenate([split.targets for split in splits]),
        [name for split in splits for name in split.names],
        np.concatenate([labels_of(split) for split in splits]),
    )


# --- A rare class -----------------------------------------------------------------------------------------------------


def class_number(part: str) -> int:
    """The number of a class in a label map.

    Raises:
        UsageError: no such class.

    >>> class_number("balcony")
    6
    """
    check_known("class", part, CLASSES)
    return CLASSES.index(part)


def has_part(labels: np.ndarray, part: str) -> np.ndarray:
    """Which label maps have at least one pixel of a class: bool, (N,).

    >>> has_part(np.array([[[1, 6]], [[1, 1]]], np.uint8), "balcony").tolist()
    [True, False]
    """
    return (labels == class_number(part)).any(axis=(1, 2))


def to_balance(total: int, having: int, share: float = 0.5) -> int:
    """How many pairs that have a class must be added, so that this share of all pairs has it.

    From (having + x) / (total + x) = share. The result is rounded up.

    Raises:
        UsageError: counts that do not fit together, or a share that no number of pairs can reach.

    >>> to_balance(40, 2), to_balance(40, 2, share=0.25), to_balance(40, 30)
    (36, 11, 0)
    """
    if not 0 <= having <= total or total < 1 or not 0 <= share < 1:
        raise UsageError(
            f"to_balance(total={total!r}, having={having!r}, share={share!r}) does not work: 0 <= having <= total, "
            "and the share lies from 0 to just below 1: by adding alone, the others never go away."
        )
    missing = (share * total - having) / (1 - share)
    return max(0, int(np.ceil(missing - 1e-9)))


def balance(split: Split, extra: Split, part: str, share: float = 0.5) -> Split:
    """Add pairs that have a rare class until this share of all pairs has it.

    Args:
        split: the training pairs, in which the class is rare.
        extra: pairs to take from, such as generated ones; only those that have the class are taken, the first first.
        part: the class, such as "balcony".
        share: of the pairs that are to have it in the end.

    Raises:
        UsageError: `extra` has too few pairs with that class.

    >>> labels = np.ones((4, 8, 8), np.uint8)
    >>> labels[0] = 6
    >>> real = Split(*np.zeros((2, 4, 8, 8, 3), np.uint8), labels=labels)
    >>> has_part(balance(real, real[[0, 0, 0]], "balcony").labels, "balcony").tolist()
    [True, False, False, False, True, True]
    """
    having = has_part(labels_of(split), part)
    fitting = extra[has_part(labels_of(extra), part)]
    count = to_balance(len(split), int(having.sum()), share)
    if len(fitting) < count:
        raise UsageError(
            f"To balance {part!r} so that {share:.0%} of the pairs have it, {count} pairs must be added, but only "
            f"{len(fitting)} of the extra ones have it. Make more of them, or ask for a smaller share."
        )
    return mix(split, fitting[:count])


def oversample(split: Split, part: str, share: float = 0.5) -> Split:
    """Repeat the pairs that have a rare class until this share of all pairs has it: `balance` without new pictures.

    Raises:
        UsageError: no pair has the class.

    >>> labels = np.ones((4, 8, 8), np.uint8)
    >>> labels[0] = 6
    >>> oversample(Split(*np.zeros((2, 4, 8, 8, 3), np.uint8), labels=labels), "balcony").names
    ['0000', '0001', '0002', '0003', '0000', '0000']
    """
    having = np.flatnonzero(has_part(labels_of(split), part))
    if not len(having):
        raise UsageError(f"No pair has the class {part!r}, so there is nothing to repeat.")
    count = to_balance(len(split), len(having), share)
    return mix(split, split[np.resize(having, count)]) if count else split


def class_weights(labels: np.ndarray, part: str, share: float) -> np.ndarray:
    """Weights for the loss of a pixel, by its class: together the pixels of one class weigh `share` of all.

    All other classes keep weights in proportion to each other, and the mean weight of a pixel is 1.

    Args:
        labels: class numbers of the training set, (N, H, W).
        part: the class to be made heavier, or lighter.
        share: of the whole weight, between 0 and 1.

    Returns:
        float32, one number for each class.

    Raises:
        UsageError: the class does not occur, or a share outside 0 to 1.

    >>> labels = np.array([[[1, 1, 1, 6]]], np.uint8)
    >>> class_weights(labels, "balcony", 0.5)[[1, 6]].round(3).tolist()
    [0.667, 2.0]
    """
    number = class_number(part)
    present = float((labels == number).mean())
    if not 0 < share < 1 or not 0 < present < 1:
        raise UsageError(
            f"share={share!r} must lie between 0 and 1, and {part!r} must be some of the pixels, but not all: here "
            f"it is {present:.2%}."
        )
    weights = np.full(len(CLASSES), (1 - share) / (1 - present), np.float32)
    weights[number] = share / present
    return weights


# --- The student ------------------------------------------------------------------------------------------------------

LEARNING_RATE = 1e-2  # at the start; half a cosine lowers it to nothing


class Student:
    """A small segmenter that can be taught again and again, each time from fresh weights.

    It is the network of `segmenter_model`, and never has the weights of the shipped judge. Building and compiling takes
    seconds, so one student does for many training sets.

    Args:
        image_size: height and width of the pictures in pixels.
        widths: channels at each size.

    >>> student = Student(32, widths=(2, 2))
    >>> split = Split(*np.zeros((2, 4, 32, 32, 3), np.uint8), labels=np.ones((4, 32, 32), np.uint8))
    >>> student.teach(split, steps=3).score(split).pixel_accuracy <= 1
    True
    """

    def __init__(self, image_size: int = 64, widths: tuple[int, ...] = WIDTHS) -> None:
        self.image_size, self.widths = image_size, widths
        self.network = segmenter_model(image_size, widths)
        self.network.compile(
            keras.optimizers.Adam(LEARNING_RATE),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            jit_compile=False,  # compiling that way takes longer than it saves on a CPU
        )
        self.network.optimizer.build(self.network.trainable_variables)

    def forget(self, seed: int = 0) -> None:
        """Begin anew: other first weights for another seed, and an optimizer that remembers nothing."""
        self.network.set_weights(segmenter_model(self.image_size, self.widths, seed=seed).get_weights())
        for variable in self.network.optimizer.variables:
            if "learning_rate" not in variable.path:
                variable.assign(np.zeros(variable.shape, variable.dtype))

    def lessons(
        self,
        split: Split,
        steps: int,
        batch_size: int = 2,
        classical: bool = False,
        weights: np.ndarray | None = None,
        seed: int = 0,
    ) -> Iterator[float]:
        """Teach it from fresh weights, one step after the other; gives the loss of each step.

        Args:
            split: the training set; every pair comes equally often, in an order that follows from the seed.
            steps: how many; the same number for small and for large sets.
            batch_size: pairs in a step.
            classical: whether to move and recolour the pairs, see `Classical`.
            weights: one weight for each class, see `class_weights`; default: all 1.
            seed: of first weights, order and classical augmentation.

        Raises:
            UsageError: an empty set, or pictures of another size.
        """
        labels, pictures = labels_of(split), split.targets
        self._check(pictures)
        if not len(split):
            raise UsageError("There is nothing to learn from: the training set is empty.")
        self.forget(seed)
        moved = Classical(pictures, labels) if classical else None
        rate = self.network.optimizer.learning_rate
        for step in range(steps):
            indices = _draw(step, batch_size, len(split), seed)
            batch = moved(indices, rng_for(seed, 0, step)) if moved else (pictures[indices], labels[indices])
            rate.assign(LEARNING_RATE * (1 + np.cos(np.pi * step / steps)) / 2)
            heavy = None if weights is None else weights[batch[1]]
            yield float(self.network.train_on_batch(to_float(batch[0]), batch[1], sample_weight=heavy))

    def teach(self, split: Split, steps: int, **options: Any) -> Student:
        """All steps of `lessons` at once; returns the student itself."""
        for _ in self.lessons(split, steps, **options):
            pass
        return self

    def read(self, pictures: np.ndarray) -> np.ndarray:
        """The most likely class of each pixel: uint8, (N, H, W), for uint8 pictures (N, H, W, 3)."""
        self._check(pictures)
        read = [np.zeros((0, self.image_size, self.image_size), np.uint8)]
        for start in range(0, len(pictures), BATCH):
            logits = self.network.predict_on_batch(to_float(pictures[start : start + BATCH]))
            read.append(logits.argmax(axis=-1).astype(np.uint8))
        return np.concatenate(read)

    def score(self, split: Split) -> FcnScore:
        """What it reads in the pictures of a split against the true labels, from one pooled confusion matrix."""
        return FcnScore(confusion_matrix(labels_of(split), self.read(split.targets)))

    def _check(self, pictures: np.ndarray) -> None:
        if pictures.dtype != np.uint8 or pictures.shape[1:] != (self.image_size, self.image_size, 3):
            raise UsageError(
                f"This student reads uint8 RGB pictures of {self.image_size} x {self.image_size} px; these are "
                f"{pictures.dtype} of the shape {pictures.shape}."
            )


def _draw(step: int, batch_size: int, count: int, seed: int) -> np.ndarray:
    """Which pairs this step shows: one pass after the other, each in its own order.

    A batch may end one pass and begin the next, so that small sets lose nothing.
    """
    places = np.arange(step * batch_size, (step + 1) * batch_size)
    return np.array([order(seed, int(place // count), count)[place % count] for place in places])
