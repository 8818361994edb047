"""Several right answers to one question: which of them did the generator give, and does it ever give another?"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from pix2pix_edu.errors import UsageError
from pix2pix_edu.evaluation.checks import check_mask, on_255_scale

DIFFERENT = 60  # answers differ clearly at a pixel if a channel of theirs spans more than so much of 255


def where_it_landed(picture: np.ndarray, answers: np.ndarray) -> dict[str, float]:
    """How far a picture is from the mean, the median and the nearest of several right answers.

    Only the pixels count at which the answers differ clearly (by more than 60 of 255 in a channel). All distances are
    root mean squares over these pixels and their channels, on the scale 0 to 255.

    Args:
        picture: what a generator drew, uint8 (H, W, C).
        answers: what would have been right, uint8 (K, H, W, C), at least two.

    Returns:
        - `mean`: distance to the mean of the answers, which has the least L2 loss.
        - `median`: distance to the nearest picture that has the least L1 loss. With an even number of answers every
          value between the two middle ones has, so this is 0 for a whole range of pictures, and often for the mean.
        - `nearest`: distance to the one answer that is nearest.
        - `which`: the number of that answer, from 0.
        - `mean_to_nearest`, `median_to_nearest`: the same for the mean and the median (halfway between the middle two)
          themselves: what an ideal generator for L2 or L1 would get as `nearest`.
        - `apart`: how far an answer is from the answer next to it, on average. Much less than half of it, and a
          picture can be said to have chosen.
        - `pixels`: how many pixels counted.

    Raises:
        UsageError: shapes or types that do not fit, fewer than two answers, or answers that nowhere differ clearly.

    >>> answers = np.stack([np.full((2, 2, 3), tone, np.uint8) for tone in (0, 100, 200, 240)])
    >>> landed = where_it_landed(np.full((2, 2, 3), 190, np.uint8), answers)
    >>> [round(landed[name]) for name in ("mean", "median", "nearest", "which", "mean_to_nearest", "apart")]
    [55, 0, 10, 2, 35, 70]
    """
    drawn, right = _differing_pixels(picture, answers)
    ordered, mean = np.sort(right, axis=0), right.mean(axis=0)
    middle = ordered[(len(right) - 1) // 2], ordered[len(right) // 2]
    distances = _rms(right - drawn)
    between = _rms(right[:, None] - right)
    np.fill_diagonal(between, np.inf)
    return {
        "mean": float(_rms(drawn - mean)),
        "median": float(_rms(drawn - np.clip(drawn, *middle))),
        "nearest": float(distances.min()),
        "which": float(distances.argmin()),
        "mean_to_nearest": float(_rms(right - mean).min()),
        "median_to_nearest": float(_rms(right - np.mean(middle, axis=0)).min()),
        "apart": float(between.min(axis=1).mean()),
        "pixels": float(drawn.shape[0]),
    }


class Diversity(NamedTuple):
    """What `diversity` and `spread` return; both on the scale 0 to 255, one number for each source, float64, (N,).

    Attributes:
        deviation: the standard deviation between answers, pixel by pixel and channel by channel, averaged.
        pairwise_l1: the mean absolute difference between two answers, averaged over all pairs of answers.
    """

    deviation: np.ndarray
    pairwise_l1: np.ndarray


def diversity(
    model: Any, sources: np.ndarray, samples: int = 8, statistics: str | None = None, seed: int = 0
) -> Diversity:
    """How much a model's answers to the same source differ, with dropout on: it is pix2pix's only noise (paper 3.3).

    Range and direction: 0 if all answers are the same; more means more different answers, up to 127.5 for half black
    and half white ones. It has no better direction by itself: hold it against `spread` of the real answers. Blind spot:
    noise and faults count as diversity, and so does a change that nobody can see if it is everywhere.

    Args:
        model: anything that `translate` takes. With batch size 1 the paper's way applies: each picture's own
            statistics; a model trained on batches uses its moving averages, with dropout switched on for this.
        sources: uint8, (N, H, W, C) or (H, W, C).
        samples: how many answers to draw for each source, at least two.
        statistics: as in `translate`; default: what the model was trained for.
        seed: the first of the seeds of the dropout masks; the same one gives the same answers.

    Raises:
        UsageError: fewer than two samples, or sources that `translate` does not take.

    >>> import pix2pix_edu as p2p
    >>> sources = np.zeros((2, 32, 32, 3), np.uint8)
    >>> diversity(p2p.generator_model(32, 2, dropout=0.0), sources, samples=2).deviation.tolist()
    [0.0, 0.0]
    """
    from pix2pix_edu.translation import translate  # Keras

    if isinstance(samples, bool) or not isinstance(samples, (int, np.integer)) or samples < 2:
        raise UsageError(f"samples={samples!r} does not work: to differ, there must be two answers or more.")
    sources = np.asarray(sources)
    batch = sources[None] if sources.ndim == 3 else sources
    drawn = [translate(model, batch, statistics, dropout=True, seed=seed + number) for number in range(samples)]
    return spread(np.stack(drawn))


def spread(answers: np.ndarray, mask: np.ndarray | None = None) -> Diversity:
    """How much several answers to each source differ, generated or real (such as one house in several looks).

    Args:
        answers: uint8 or floats in [-1, 1], (K, N, H, W, C): K answers to each of N sources, at least two.
        mask: which pixels count: bool, (H, W) for all sources alike, or (N, H, W); default: all.

    Raises:
        UsageError: another shape, fewer than two answers, values out of range, or a mask that chooses nothing.

    >>> answers = np.stack([np.full((1, 2, 2, 3), grey, np.uint8) for grey in (0, 100)])
    >>> spread(answers).deviation.tolist(), spread(answers).pairwise_l1.tolist()
    ([50.0], [100.0])
    """
    answers = np.asarray(answers)
    if answers.ndim != 5 or len(answers) < 2:
        raise UsageError(
            f"Give two or more answers to each source, (answers, sources, height, width, channels); this has the shape "
            f"{answers.shape}."
        )
    drawn = np.stack([on_255_scale(answer, "answers") for answer in answers])
    counted = check_mask(mask, answers.shape[1:4])
    if not counted.any(axis=(1, 2)).all():
        raise UsageError("No pixels to compare: for at least one source the mask is False everywhere.")

    def mean(values: np.ndarray) -> np.ndarray:
        return values.mean(axis=(1, 2, 3), where=counted[..., None])

    differences = [mean(np.abs(drawn[one] - drawn[other])) for one in range(len(drawn)) for other in range(one)]
    return Diversity(mean(drawn.std(axis=0)), np.mean(differences, axis=0))


def _differing_pixels(picture: np.ndarray, answers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of picture and answers, what lies where the answers differ clearly: float64, (pixels, C) and (K, pixels, C)."""
    picture, answers = np.asarray(picture), np.asarray(answers)
    if picture.dtype != np.uint8 or answers.dtype != np.uint8:
        raise UsageError(f"Picture and answers must be uint8, 0 to 255, not {picture.dtype} and {answers.dtype}.")
    if picture.ndim != 3 or answers.shape[1:] != picture.shape or len(answers) < 2:
        raise UsageError(
            f"Give one picture (H, W, C) and two or more answers (K, H, W, C) of the same size; these have the shapes "
            f"{picture.shape} and {answers.shape}."
        )
    differ = np.ptp(answers, axis=0).max(axis=-1) > DIFFERENT
    if not differ.any():
        raise UsageError(
            f"These {len(answers)} answers differ nowhere by more than {DIFFERENT} of 255, so nothing is ambiguous: "
            "choose a source from `pairs.variants`."
        )
    return picture[differ].astype("float64"), answers[:, differ].astype("float64")


def _rms(differences: np.ndarray) -> np.ndarray:
    """Root mean square over pixels and channels, the last two axes."""
    return np.sqrt(np.mean(np.square(differences), axis=(-2, -1)))
