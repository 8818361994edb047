"""PSNR, SSIM and MS-SSIM: how near is a picture to the one target of the data set, pixel by pixel or window by window?

Where several answers are right, all prefer a blurred average to a sharp answer that differs: that is their blind spot,
and the reason why pix2pix is not trained on them.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import correlate1d

from pix2pix_edu.errors import UsageError
from pix2pix_edu.evaluation.checks import comparable

SIGMA = 1.5  # Wang et al. 2004: a Gaussian window of 11 x 11 pixels
RADIUS = 5
WINDOW = 2 * RADIUS + 1
K1, K2 = 0.01, 0.03
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # Wang et al. 2003, the finest scale first


def psnr(real: np.ndarray, fake: np.ndarray) -> np.ndarray:
    """Peak signal-to-noise ratio in decibels: `10 * log10(255^2 / mean squared error)`.

    Range and direction: about 5 for unrelated pictures, 20 for a fair likeness, infinite for equal ones; higher is
    better. Blind spot: it is the mean squared error in other words, so a blur that is a little wrong everywhere beats a
    sharp picture that is shifted by a pixel, or that gives another right answer.

    Args:
        real: targets, uint8 or floats in [-1, 1], (H, W, C) or (N, H, W, C).
        fake: translations of the same shape and type.

    Returns:
        One number for each picture.

    Raises:
        UsageError: shapes, types or values that cannot be compared.

    >>> print(round(float(psnr(np.zeros((8, 8, 3), np.uint8), np.full((8, 8, 3), 25, np.uint8))[0]), 1))
    20.2
    """
    real, fake = comparable(real, fake)
    error = np.mean(np.square(real - fake), axis=(1, 2, 3))
    with np.errstate(divide="ignore"):
        return 10.0 * np.log10(255.0**2 / error)


def ssim(real: np.ndarray, fake: np.ndarray) -> np.ndarray:
    """Structural similarity (Wang et al. 2004): do brightness, contrast and structure agree, window by window?

    The same as `skimage.metrics.structural_similarity` with `gaussian_weights=True, sigma=1.5,
    use_sample_covariance=False, data_range=255`: the mean over channels and over all windows inside the picture.

    Range and direction: from -1 to 1, about 0 for unrelated pictures, 1 for equal ones; higher is better. Blind spot:
    it hardly sees a wrong hue, smooth surfaces score high whatever they show, and it too prefers the average of two
    right answers to either.

    Args:
        real: targets, uint8 or floats in [-1, 1], (H, W, C) or (N, H, W, C), at least 11 x 11 pixels.
        fake: translations of the same shape and type.

    Returns:
        One number for each picture.

    Raises:
        UsageError: shapes, types or values that cannot be compared, or pictures smaller than the window.

    >>> print(ssim(np.zeros((16, 16, 3), np.uint8), np.zeros((16, 16, 3), np.uint8)))
    [1.]
    """
    real, fake = comparable(real, fake)
    _check_window(real.shape[1:3], "SSIM")
    similarity, _ = _similarity(real, fake)
    return similarity.mean(axis=-1)


def ms_ssim(real: np.ndarray, fake: np.ndarray) -> np.ndarray:
    """SSIM at several scales (Wang, Simoncelli and Bovik 2003): look from near, and from farther and farther away.

    The picture is halved again and again. At each scale contrast and structure are compared, at the last one brightness
    too, and the results are multiplied, each to the power of its weight. Five scales need 176 pixels. A smaller picture
    has fewer, with the first weights scaled to the sum 1: four at 128 px, three at 64, two at 32. So compare numbers of
    one size of picture only. The same as `tf.image.ssim_multiscale` with these weights.

    Range and direction: from 0 to 1, where 1 is the same picture; higher is better. Negative agreement counts as 0.
    Blind spot: like SSIM it compares with one target, cares little for hue, and a shift of a few pixels costs much.

    Args:
        real: targets, uint8 or floats in [-1, 1], (H, W, C) or (N, H, W, C), at least 11 x 11 pixels.
        fake: translations of the same shape and type.

    Returns:
        One number for each picture.

    Raises:
        UsageError: shapes, types or values that cannot be compared, or pictures smaller than the window.

    >>> picture = np.arange(64 * 64 * 3, dtype=np.uint8).reshape(64, 64, 3)
    >>> print(ms_ssim(picture, picture))
    [1.]
    """
    real, fake = comparable(real, fake)
    _check_window(real.shape[1:3], "MS-SSIM")
    weights = ms_ssim_weights(*real.shape[1:3])
    product = np.ones((len(real), real.shape[-1]))
    for scale, weight in enumerate(weights):
        if scale:
            real, fake = _halve(real), _halve(fake)
        similarity, structure = _similarity(real, fake)
        last = scale == len(weights) - 1
        product *= np.maximum(similarity if last else structure, 0.0) ** weight
    return product.mean(axis=-1)


def ms_ssim_weights(height: int, width: int) -> np.ndarray:
    """The weights of the scales that fit a picture of this size, the finest first; their sum is 1.

    >>> print(ms_ssim_weights(64, 64).round(2), len(ms_ssim_weights(256, 256)))
    [0.07 0.45 0.48] 5
    """
    fitting = [weight for scale, weight in enumerate(SCALE_WEIGHTS) if min(height, width) / 2**scale >= WINDOW]
    return np.array(fitting) / sum(fitting)


def _similarity(real: np.ndarray, fake: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """SSIM, and its part without brightness, averaged over the windows: both (N, C)."""
    mean_real, mean_fake = _blur(real), _blur(fake)
    variance_real = _blur(real * real) - mean_real**2
    variance_fake = _blur(fake * fake) - mean_fake**2
    covariance = _blur(real * fake) - mean_real * mean_fake
    c1, c2 = (K1 * 255) ** 2, (K2 * 255) ** 2  # keep the fractions finite where a window is black or flat
    brightness = (2 * mean_real * mean_fake + c1) / (mean_real**2 + mean_fake**2 + c1)
    structure = (2 * covariance + c2) / (variance_real + variance_fake + c2)
    inside = np.s_[:, RADIUS:-RADIUS, RADIUS:-RADIUS]
    return (brightness * structure)[inside].mean(axis=(1, 2)), structure[inside].mean(axis=(1, 2))


def _check_window(size: tuple[int, ...], measure: str) -> None:
    if min(size) < WINDOW:
        raise UsageError(f"{measure} looks through windows of {WINDOW} x {WINDOW} pixels; these pictures are {size}.")


def _halve(pictures: np.ndarray) -> np.ndarray:
    """The mean of each 2 x 2 pixels; an odd row or column at the end is doubled first."""
    count, height, width, channels = pictures.shape
    even = np.pad(pictures, [(0, 0), (0, height % 2), (0, width % 2), (0, 0)], mode="edge")
    return even.reshape(count, (height + 1) // 2, 2, (width + 1) // 2, 2, channels).mean(axis=(2, 4))


def _blur(pictures: np.ndarray) -> np.ndarray:
    offsets = np.arange(-RADIUS, RADIUS + 1)
    window = np.exp(-(offsets**2) / (2 * SIGMA**2))
    window /= window.sum()
    return correlate1d(correlate1d(pictures, window, axis=1, mode="reflect"), window, axis=2, mode="reflect")
