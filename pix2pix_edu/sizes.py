"""Which picture sizes the networks can take, checked in one place."""

from __future__ import annotations

import math
from numbers import Integral, Real

from pix2pix_edu.errors import UsageError

IMAGE_SIZES = (32, 64, 128, 256, 512)


def check_image_size(image_size: int) -> int:
    """Accept 32, 64, 128, 256 or 512; the U-Net halves the picture until one pixel is left.

    Raises:
        UsageError: any other size; the message names the nearest sizes that work.

    >>> check_image_size(64)
    64
    """
    if isinstance(image_size, Integral) and image_size in IMAGE_SIZES:
        return int(image_size)
    advice = f"one of {', '.join(map(str, IMAGE_SIZES))}"
    if isinstance(image_size, Real) and math.isfinite(image_size):
        below = [size for size in IMAGE_SIZES if size < image_size]
        above = [size for size in IMAGE_SIZES if size > image_size]
        advice = " or ".join(str(size) for size in [*below[-1:], *above[:1]])
    raise UsageError(
        f"image_size={image_size!r} does not work: the U-Net halves a picture until one pixel is left, so the size "
        f"must be a power of two from {IMAGE_SIZES[0]} to {IMAGE_SIZES[-1]}. Nearest that works: {advice}."
    )
