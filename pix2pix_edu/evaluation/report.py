"""All measures of a model on a split at once, and the three that training takes after each epoch."""

from __future__ import annotations

from typing import Any

import numpy as np

from pix2pix_edu.errors import UsageError
from pix2pix_edu.evaluation.colour import lab_histogram_intersection, painted
from pix2pix_edu.evaluation.fcn import split_score
from pix2pix_edu.evaluation.likeness import ms_ssim, psnr, ssim
from pix2pix_edu.evaluation.perceptual import SMALLEST, perceptual_distance
from pix2pix_edu.pairs import Split


def evaluate(model: Any, split: Split, limit: int | None = None, features: str = "course") -> dict[str, float]:
    """Translate a split and compare with its targets, in every way that this split allows.

    Args:
        model: anything that `translate` takes.
        split: a `Split` such as `pairs.test`.
        limit: look at the first `limit` pairs only.
        features: for `perceptual_distance`. "course" is the default here, so that the same model scores the same on
            every machine; "vgg16" or "auto" if you prefer.

    Returns:
        Always, as means over the pictures: `psnr` (dB), `ssim` and `ms_ssim` (higher is better), `l1` (from 0 to 2, as
        in training; lower is better).
        From 32 px on, for RGB or grey pictures: `perceptual` (lower is better).
        For RGB pictures: `lab_L`, `lab_a`, `lab_b`, the histogram intersections over all pixels that are not blank
        paper in the target (higher is better).
        Where label maps are known and `split_score` has a judge for them: `fcn_pixel_accuracy`, `fcn_class_accuracy`,
        `fcn_class_iou` (higher is better; compare with `real_score(split)`).

    Raises:
        UsageError: an empty split, or a model that does not fit the pictures.

    >>> import pix2pix_edu as p2p
    >>> pictures = np.zeros((2, 32, 32, 3), np.uint8)
    >>> sorted(evaluate(p2p.generator_model(32, 2), p2p.Split(pictures, pictures)))
    ['l1', 'lab_L', 'lab_a', 'lab_b', 'ms_ssim', 'perceptual', 'psnr', 'ssim']
    """
    from pix2pix_edu.translation import translate  # the other measures need no Keras

    if len(split) == 0:
        raise UsageError("There is nothing to evaluate: this split holds no pairs.")
    split = split[:limit]
    return evaluate_pictures(split, translate(model, split.sources), features)


def evaluate_pictures(split: Split, fake: np.ndarray, features: str = "course") -> dict[str, float]:
    """What `evaluate` returns, for translations that are there already.

    Args:
        split: sources, targets and, where known, labels.
        fake: one translation for each source, uint8.
        features: as for `evaluate`.

    Raises:
        UsageError: pictures that cannot be compared.

    >>> pictures = np.zeros((2, 32, 32, 3), np.uint8)
    >>> evaluate_pictures(Split(pictures, pictures), pictures)["ssim"]
    1.0
    """
    real = split.targets
    measures = compare(real, fake) | {"ms_ssim": float(ms_ssim(real, fake).mean())}
    channels, smallest_side = real.shape[-1], min(real.shape[1:3])
    if channels in (1, 3) and smallest_side >= SMALLEST:
        measures["perceptual"] = float(perceptual_distance(real, fake, features).values.mean())
    if channels == 3:
        mask = painted(real)
        colours = lab_histogram_intersection(real, fake, mask if mask.any() else None)
        measures |= {f"lab_{name}": value for name, value in colours.items()}
    if score := split_score(split, fake):
        names = ("pixel_accuracy", "class_accuracy", "class_iou")
        measures |= {f"fcn_{name}": getattr(score, name) for name in names}
    return measures


def compare(real: np.ndarray, fake: np.ndarray) -> dict[str, float]:
    """The three quick measures, averaged over a batch of targets and translations: what training watches.

    >>> compare(np.zeros((1, 16, 16, 3), np.uint8), np.full((1, 16, 16, 3), 255, np.uint8))["l1"]
    2.0
    """
    distance = np.abs(real.astype("float64") - fake).mean() / 127.5
    return {"psnr": float(psnr(real, fake).mean()), "ssim": float(ssim(real, fake).mean()), "l1": float(distance)}
