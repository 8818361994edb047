"""FCN-score: does a network that knows real house fronts still recognise the generated ones?

As in the paper (4.1), one confusion matrix holds all pixels of all pictures, and everything is computed from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pix2pix_edu.errors import UsageError
from pix2pix_edu.pairs import Split
from pix2pix_edu.pairs.facades import CLASSES, PALETTE

UNKNOWN = 255  # a pixel whose colour is not in the palette
READABLE = 0.8  # of the real pixels must be read rightly, or the judge says nothing about generated ones


class ClassScore(NamedTuple):
    """One class: its share of all pixels, how much of it was found, and its intersection over union."""

    name: str
    share: float
    accuracy: float
    iou: float


@dataclass(frozen=True, eq=False)
class FcnScore:
    """What `fcn_score` returns; iterate over it for the classes, print it for a table.

    Attributes:
        confusion: int64, (classes, classes): row = true class, column = what was read, entries = pixels.
        names: the classes.

    >>> score = FcnScore(np.array([[3, 1], [0, 0]]), ("wall", "door"))
    >>> score.pixel_accuracy, score.class_accuracy, score.class_iou
    (0.75, 0.75, 0.375)
    """

    confusion: np.ndarray
    names: tuple[str, ...] = CLASSES

    @property
    def pixel_accuracy(self) -> float:
        """The share of all pixels that were read rightly. Large classes decide it."""
        return float(np.trace(self.confusion) / self.confusion.sum())

    @property
    def class_accuracy(self) -> float:
        """The share of its pixels that was found, averaged over the classes that occur: each counts the same."""
        return float(np.nanmean(self._accuracies))

    @property
    def class_iou(self) -> float:
        """Right pixels of a class over those that are it or were taken for it, averaged over the classes.

        A class that neither occurs nor was read anywhere is left out. One that was read where there is none counts 0.
        """
        return float(np.nanmean(self._ious))

    @property
    def rows(self) -> list[ClassScore]:
        """The same numbers for each class; NaN for a class that does not occur."""
        shares = self.confusion.sum(axis=1) / self.confusion.sum()
        table = zip(self.names, shares, self._accuracies, self._ious, strict=True)
        return [ClassScore(name, *(float(number) for number in numbers)) for name, *numbers in table]

    @property
    def _accuracies(self) -> np.ndarray:
        return _divide(np.diag(self.confusion), self.confusion.sum(axis=1))

    @property
    def _ious(self) -> np.ndarray:
        right = np.diag(self.confusion)
        return _divide(right, self.confusion.sum(axis=0) + self.confusion.sum(axis=1) - right)

    def __iter__(self) -> Iterator[ClassScore]:
        """Class by class."""
        return iter(self.rows)

    def __repr__(self) -> str:
        """The table as text, for a notebook."""
        lines = [f"{'class':<12}{'share':>8}{'accuracy':>10}{'IoU':>8}"]
        lines += [f"{row.name:<12}{row.share:>8.3f}{row.accuracy:>10.3f}{row.iou:>8.3f}" for row in self]
        lines.append(f"{'mean':<12}{'':>8}{self.class_accuracy:>10.3f}{self.class_iou:>8.3f}")
        return "\n".join([*lines, f"{'all pixels':<12}{'':>8}{self.pixel_accuracy:>10.3f}"])


def fcn_score(labels: np.ndarray, pictures: np.ndarray) -> FcnScore:
    """How well the course's segmenter finds in (generated) house fronts what their label maps asked for.

    Range and direction: three shares from 0 to 1, higher is better. Real pictures reach .94 (pixels), .89 (mean over
    classes) and .82 (IoU) at 64 px, a little more at 128 px, and nothing generated can be expected to reach more: see
    `real_score`. Blind spot: it asks whether a window looks like a window to this network, not whether the picture is
    beautiful. Shapes count more than colours: real pictures without any colour still reach an IoU of .70 at 64 px. And
    the network knows the houses of the facades program by day, not photographs.

    Args:
        labels: what was asked for: class numbers (N, H, W) or (H, W), or uint8 RGB in the exact colours of the CMP
            palette, (N, H, W, 3) or (H, W, 3).
        pictures: uint8 RGB house fronts of the same number and size, 64 x 64 or 128 x 128 pixels.

    Raises:
        UsageError: shapes that do not fit, a size without a segmenter, no pictures, or labels that are no classes.

    Source: paper 4.1 and Table 1; Long et al. 2015 for the three numbers.

    >>> from pix2pix_edu.pairs.facades import facade_labels, render_facade
    >>> round(fcn_score(facade_labels(7, 64), render_facade(7, 64)).pixel_accuracy, 1)
    0.9
    """
    from pix2pix_edu.segmenter import segment  # the only line here that needs Keras

    classes, pictures = label_classes(labels), np.asarray(pictures)
    _check_fit(classes, pictures)
    return FcnScore(confusion_matrix(classes, segment(pictures)))


def label_score(labels: np.ndarray, pictures: np.ndarray) -> FcnScore:
    """The same three numbers for generated label maps (photo to labels, paper Table 6): no network is needed.

    Each pixel is taken for the class of the CMP palette whose colour is nearest. Range and direction as in `fcn_score`;
    the true label maps score 1. Blind spot: a pixel between two colours may be nearest to a third.

    Args:
        labels: the true classes, as in `fcn_score`.
        pictures: uint8 RGB, what was generated: label maps, more or less in the colours of the palette.

    Raises:
        UsageError: shapes that do not fit, or labels that are no classes.

    >>> label_score(np.array([[11]]), PALETTE[11].reshape(1, 1, 3)).pixel_accuracy
    1.0
    """
    classes, pictures = label_classes(labels), np.asarray(pictures)
    _check_fit(classes, pictures)
    distances = [np.square(pictures.astype("int32") - colour.astype("int32")).sum(axis=-1) for colour in PALETTE]
    return FcnScore(confusion_matrix(classes, np.argmin(distances, axis=0)))


def real_score(split: Split) -> FcnScore:
    """The FCN-score of the real house fronts of a split: the paper's "ground truth" row, to hold all others against.

    The pictures may be its targets or, turned round, its sources; the label maps are its `labels` or the other side.

    Raises:
        UsageError: a split without label maps.

    >>> import pix2pix_edu as p2p
    >>> pairs = p2p.load_pairs("facades", image_size=64, train=1, val=1, test=5)
    >>> 0.8 < real_score(pairs.test).pixel_accuracy < 1
    True
    """
    labels, drawn = _labels_of(split)
    if labels is None:
        raise UsageError(
            "These pairs have no label maps, so there is no FCN-score: it needs split.labels, as in "
            "load_pairs('facades'), or sources in the exact colours of the CMP palette."
        )
    return fcn_score(labels, split.sources if drawn == "targets" else split.targets)


def split_score(split: Split, pictures: np.ndarray) -> FcnScore | None:
    """The score of what was generated for a split, by whichever judge fits; `evaluate` reports it.

    Where the targets are the label maps themselves, in colours, that is `label_score`. Else it is `fcn_score`, if the
    segmenter reads at least 80 % of the pixels of the *real* targets rightly: a judge that cannot read real pictures
    (houses by night, outlines, photographs) has nothing to say about generated ones.

    Returns:
        None where no label maps are known, no segmenter fits the size, or the judge cannot read the real targets.

    >>> import pix2pix_edu as p2p
    >>> pairs = p2p.load_pairs("facades", image_size=64, train=1, val=1, test=5, direction="BtoA")
    >>> split_score(pairs.test, pairs.test.targets).pixel_accuracy
    1.0
    """
    from pix2pix_edu.segmenter import SEGMENTER_SIZES

    labels, drawn = _labels_of(split)
    if labels is None:
        return None
    if drawn == "targets":
        return label_score(labels, pictures)
    if split.targets.shape[1:] not in [(size, size, 3) for size in SEGMENTER_SIZES]:
        return None
    readable = fcn_score(labels, split.targets).pixel_accuracy >= READABLE
    return fcn_score(labels, pictures) if readable else None


def confusion_matrix(true: np.ndarray, read: np.ndarray, classes: int = len(CLASSES)) -> np.ndarray:
    """Count the pixels of each true class (row) that were taken for each class (column): int64, (classes, classes).

    >>> confusion_matrix(np.array([0, 0, 1]), np.array([0, 1, 1]), classes=2).tolist()
    [[1, 1], [0, 1]]
    """
    pairs = true.astype("int64").ravel() * classes + read.astype("int64").ravel()
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def label_classes(labels: np.ndarray) -> np.ndarray:
    """Label maps as class numbers, uint8, (N, H, W) or (H, W), whether they come as numbers or as CMP colours.

    Raises:
        UsageError: a colour that is not in the palette, or a number that is no class.

    >>> label_classes(np.array([[[170, 0, 0], [0, 0, 170]]], np.uint8)).tolist()
    [[11, 0]]
    """
    labels = np.asarray(labels)
    if labels.ndim in (3, 4) and labels.shape[-1] == 3 and labels.dtype == np.uint8:
        return _exact_classes(labels)
    if labels.ndim not in (2, 3) or not (np.issubdtype(labels.dtype, np.integer)):
        raise UsageError(
            f"Labels are class numbers (N, H, W) or CMP colours, uint8 (N, H, W, 3); these are {labels.dtype} of the "
            f"shape {labels.shape}."
        )
    if labels.size and not 0 <= labels.min() <= labels.max() < len(CLASSES):
        raise UsageError(
            f"Labels go from 0 to {len(CLASSES) - 1} ({', '.join(CLASSES)}); these from {labels.min()} to "
            f"{labels.max()}. The archives of the CMP database count from 1: subtract 1."
        )
    return labels.astype(np.uint8)


def _exact_classes(colours: np.ndarray) -> np.ndarray:
    classes = _classes_of_colours(colours)
    if (unknown := classes == UNKNOWN).any():
        first = tuple(int(channel) for channel in colours[unknown][0])
        raise UsageError(
            f"{int(unknown.sum()):,} of {classes.size:,} label pixels have a colour that is not in the CMP palette, "
            f"the first one {first}. JPEG and smooth resizing mix colours: use the label maps themselves, or score "
            "generated label maps with `label_score`."
        )
    return classes


def _classes_of_colours(colours: np.ndarray) -> np.ndarray:
    """The class whose colour each pixel has exactly, or `UNKNOWN`."""
    classes = np.full(colours.shape[:-1], UNKNOWN, np.uint8)
    for number, colour in enumerate(PALETTE):
        classes[(colours == colour).all(axis=-1)] = number
    return classes


def _labels_of(split: Split) -> tuple[np.ndarray | None, str]:
    """The label maps of a split, if it has any, and which side shows them in colours: "sources", "targets" or ""."""
    for side in ("sources", "targets"):
        colours = getattr(split, side)
        if colours.shape[-1] == 3 and len(colours):
            classes = _classes_of_colours(colours)
            if (classes != UNKNOWN).all():
                return classes, side
    return split.labels, ""


def _check_fit(classes: np.ndarray, pictures: np.ndarray) -> None:
    if pictures.dtype != np.uint8 or pictures.shape != (*classes.shape, 3):
        raise UsageError(
            f"These label maps {classes.shape} need as many uint8 RGB pictures of the same size, "
            f"{(*classes.shape, 3)}; the pictures are {pictures.dtype} of the shape {pictures.shape}."
        )
    if classes.size == 0:
        raise UsageError("There is nothing to score: no pictures.")


def _divide(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """NaN where there is nothing to divide by."""
    return np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)
