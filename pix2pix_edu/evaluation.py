"""How good is a translation? PSNR and SSIM against the target (seed lesson 9.2; notebook 09).

Both compare with the one target of the data set. Where several answers are right, both prefer a blurred average to a
sharp answer that differs: that is their blind spot, and the reason why pix2pix is not trained on them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.ndimage import correlate1d

from pix2pix_edu.errors import UsageError

SIGMA = 1.5  # Wang et al. 2004: a Gaussian window of 11 x 11 pixels
RADIUS = 5
K1, K2 = 0.01, 0.03
DIFFERENT = 60  # answers differ clearly at a pixel if a channel of theirs spans more than so much of 255


def psnr(real: np.ndarray, fake: np.ndarray) -> np.ndarray:
    """Peak signal-to-noise ratio in decibels: `10 * log10(255^2 / mean squared error)`.

    Args:
        real: targets, uint8 or floats in [-1, 1], (H, W, C) or (N, H, W, C).
        fake: translations of the same shape and type.

    Returns:
        One number for each picture: infinite for equal pictures, about 20 for a fair likeness; higher is better.

    Raises:
        UsageError: shapes, types or values that cannot be compared.

    >>> print(round(float(psnr(np.zeros((8, 8, 3), np.uint8), np.full((8, 8, 3), 25, np.uint8))[0]), 1))
    20.2
    """
    real, fake = _comparable(real, fake)
    error = np.mean(np.square(real - fake), axis=(1, 2, 3))
    with np.errstate(divide="ignore"):
        return 10.0 * np.log10(255.0**2 / error)


def ssim(real: np.ndarray, fake: np.ndarray) -> np.ndarray:
    """Structural similarity (Wang et al. 2004): do brightness, contrast and structure agree, window by window?

    The same as `skimage.metrics.structural_similarity` with `gaussian_weights=True, sigma=1.5,
    use_sample_covariance=False, data_range=255`: the mean over channels and over all windows inside the picture.

    Args:
        real: targets, uint8 or floats in [-1, 1], (H, W, C) or (N, H, W, C), at least 11 x 11 pixels.
        fake: translations of the same shape and type.

    Returns:
        One number for each picture: 1 for equal pictures, about 0 for unrelated ones; higher is better.

    Raises:
        UsageError: shapes, types or values that cannot be compared, or pictures smaller than the window.

    >>> print(ssim(np.zeros((16, 16, 3), np.uint8), np.zeros((16, 16, 3), np.uint8)))
    [1.]
    """
    real, fake = _comparable(real, fake)
    side = 2 * RADIUS + 1
    if min(real.shape[1:3]) < side:
        raise UsageError(f"SSIM looks through windows of {side} x {side} pixels; these pictures are {real.shape[1:3]}.")
    mean_real, mean_fake = _blur(real), _blur(fake)
    variance_real = _blur(real * real) - mean_real**2
    variance_fake = _blur(fake * fake) - mean_fake**2
    covariance = _blur(real * fake) - mean_real * mean_fake
    c1, c2 = (K1 * 255) ** 2, (K2 * 255) ** 2  # keep the fractions finite where a window is black or flat
    similarity = ((2 * mean_real * mean_fake + c1) * (2 * covariance + c2)) / (
        (mean_real**2 + mean_fake**2 + c1) * (variance_real + variance_fake + c2)
    )
    inside = similarity[:, RADIUS:-RADIUS, RADIUS:-RADIUS]
    return inside.mean(axis=(1, 2, 3))


def evaluate(model: Any, split: Any, limit: int | None = None) -> dict[str, float]:
    """Translate a split and compare with its targets.

    Args:
        model: anything that `translate` takes.
        split: a `Split` such as `pairs.test`.
        limit: look at the first `limit` pairs only.

    Returns:
        Means over the pictures: `psnr` (dB) and `ssim` (higher is better), `l1` (from 0 to 2, as in training; lower is
        better).

    Raises:
        UsageError: an empty split, or a model that does not fit the pictures.

    >>> import pix2pix_edu as p2p
    >>> pictures = np.zeros((2, 32, 32, 3), np.uint8)
    >>> sorted(evaluate(p2p.generator_model(32, 2), p2p.Split(pictures, pictures)))
    ['l1', 'psnr', 'ssim']
    """
    from pix2pix_edu.translation import translate  # the metrics above need no Keras

    if len(split) == 0:
        raise UsageError("There is nothing to evaluate: this split holds no pairs.")
    split = split[:limit]
    return compare(split.targets, translate(model, split.sources))


def compare(real: np.ndarray, fake: np.ndarray) -> dict[str, float]:
    """The means of all metrics over a batch of targets and translations.

    >>> compare(np.zeros((1, 16, 16, 3), np.uint8), np.full((1, 16, 16, 3), 255, np.uint8))["l1"]
    2.0
    """
    distance = np.abs(real.astype("float64") - fake).mean() / 127.5
    return {"psnr": float(psnr(real, fake).mean()), "ssim": float(ssim(real, fake).mean()), "l1": float(distance)}


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


def _blur(pictures: np.ndarray) -> np.ndarray:
    offsets = np.arange(-RADIUS, RADIUS + 1)
    window = np.exp(-(offsets**2) / (2 * SIGMA**2))
    window /= window.sum()
    return correlate1d(correlate1d(pictures, window, axis=1, mode="reflect"), window, axis=2, mode="reflect")


def _comparable(real: np.ndarray, fake: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both as float64 batches on the scale 0 to 255, or an error that says why they cannot be compared."""
    real, fake = np.asarray(real), np.asarray(fake)
    if real.shape != fake.shape or real.ndim not in (3, 4):
        raise UsageError(
            f"These pictures cannot be compared: shapes {real.shape} and {fake.shape}. Give two pictures (H, W, C), or "
            "two batches (N, H, W, C), of the same shape."
        )
    if (real.dtype == np.uint8) != (fake.dtype == np.uint8):
        raise UsageError(
            f"One is {real.dtype}, the other {fake.dtype}. Give both as uint8 (0 to 255) or both as floats in [-1, 1]."
        )
    return _on_255_scale(real, "real"), _on_255_scale(fake, "fake")


def _on_255_scale(pictures: np.ndarray, name: str) -> np.ndarray:
    batch = pictures[None] if pictures.ndim == 3 else pictures
    if batch.dtype == np.uint8:
        return batch.astype("float64")
    if not np.issubdtype(batch.dtype, np.floating):
        raise UsageError(f"{name} is {batch.dtype}; give uint8 (0 to 255) or floats in [-1, 1].")
    if not np.isfinite(batch).all() or batch.min(initial=0) < -1.001 or batch.max(initial=0) > 1.001:
        raise UsageError(f"{name} has values outside [-1, 1], or NaN; floats must lie in [-1, 1].")
    return (batch.astype("float64") + 1.0) * 127.5
