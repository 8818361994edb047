"""Colour: do the generated pictures use the colours of the real ones as often?

As in the paper (4.2, Figure 7), nobody asks which pixel has which colour, only how many have it: a network that paints
all walls beige is found out, and one that paints a red house where the target was blue is not blamed.
"""

from __future__ import annotations

import numpy as np

from pix2pix_edu.errors import UsageError
from pix2pix_edu.evaluation.checks import check_mask, on_255_scale
from pix2pix_edu.gallery import PAPER_WHITE

LAB_RANGES = {"L": (0.0, 100.0), "a": (-110.0, 110.0), "b": (-110.0, 110.0)}  # all that RGB can show lies inside
BINS = 55  # steps of 1.8 in L and of 4 in a and b; an odd number, or grey (a = b = 0) would lie between two of them


def lab_histograms(pictures: np.ndarray, mask: np.ndarray | None = None, bins: int = BINS) -> dict[str, np.ndarray]:
    """How often each lightness (L), green-to-red (a) and blue-to-yellow (b) occurs, over all pixels of all pictures.

    Args:
        pictures: RGB, uint8 or floats in [-1, 1], (H, W, 3) or (N, H, W, 3).
        mask: which pixels count: bool, (H, W) for all pictures alike, or (N, H, W); default: all.
        bins: into how many equal steps each of `LAB_RANGES` is cut; an odd number, so that grey lies inside one.

    Returns:
        "L", "a" and "b": for each step the share of the pixels, float64, (bins,); the sum is 1.

    Raises:
        UsageError: not RGB, values out of range, a mask that does not fit or chooses nothing, no pictures.

    >>> grey = lab_histograms(np.full((1, 4, 4, 3), 128, np.uint8), bins=5)
    >>> grey["L"].tolist(), grey["a"].tolist()
    ([0.0, 0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0, 0.0])
    """
    from skimage.color import rgb2lab  # not needed by those who never ask for colours

    pictures = np.asarray(pictures)
    if pictures.ndim not in (3, 4) or pictures.shape[-1] != 3:
        raise UsageError(
            f"Colours need RGB pictures, (H, W, 3) or (N, H, W, 3); these have the shape {pictures.shape}."
        )
    if isinstance(bins, bool) or not isinstance(bins, (int, np.integer)) or bins < 1:
        raise UsageError(f"bins={bins!r} does not work: give a whole number of at least 1, such as {BINS}.")
    batch = on_255_scale(pictures, "pictures") / 255.0
    pixels = batch[check_mask(mask, batch.shape[:3])]
    if not len(pixels):
        raise UsageError("No pixels to count: there are no pictures, or the mask is False everywhere.")
    lab = rgb2lab(pixels)
    counts = {
        name: np.histogram(lab[:, channel].clip(*limits), bins=bins, range=limits)[0]
        for channel, (name, limits) in enumerate(LAB_RANGES.items())
    }
    return {name: count / len(pixels) for name, count in counts.items()}


def lab_histogram_intersection(
    real: np.ndarray, fake: np.ndarray, mask: np.ndarray | None = None, bins: int = BINS
) -> dict[str, float]:
    """How much of their colours two sets of pictures share: what both histograms have, `sum(min(p, q))`.

    Range and direction: from 0 (no colour in common) to 1 (each colour as often); higher is better. The more pixels,
    the steadier; use many pictures. Blind spot: the right colours in the wrong places score 1, and so does noise of the
    right colours. A white background drowns all else: give a mask, such as `painted(real)`.

    Args:
        real: RGB targets, uint8 or floats in [-1, 1], (N, H, W, 3) or (H, W, 3).
        fake: translations. Without a mask their number and size may differ.
        mask: which pixels count, in both: bool, (H, W) or (N, H, W).
        bins: as in `lab_histograms`; fewer give higher numbers.

    Returns:
        "L", "a" and "b", as in the paper's Figure 7.

    Raises:
        UsageError: as in `lab_histograms`.

    Source: paper 4.2, Figure 7; the number of bins is ours, the paper gives none.

    >>> half = np.zeros((1, 2, 2, 3), np.uint8)
    >>> half[:, 0] = 255
    >>> lab_histogram_intersection(half, np.zeros((1, 2, 2, 3), np.uint8))["L"]
    0.5
    """
    ours, theirs = lab_histograms(real, mask, bins), lab_histograms(fake, mask, bins)
    return {name: float(np.minimum(ours[name], theirs[name]).sum()) for name in LAB_RANGES}


def painted(pictures: np.ndarray) -> np.ndarray:
    """Where drawings are not blank paper, as a mask for the histograms: bool, the shape without the channels.

    Args:
        pictures: uint8, (H, W, C) or (N, H, W, C).

    >>> painted(np.array([[[255, 255, 255], [255, 0, 0]]], np.uint8)).tolist()
    [[False, True]]
    """
    return np.asarray(pictures).min(axis=-1) <= PAPER_WHITE
