"""What every measure asks of its pictures, in one place: the same shape, the same type, and values in range."""

from __future__ import annotations

import numpy as np

from pix2pix_edu.errors import UsageError


def comparable(real: np.ndarray, fake: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
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
    return on_255_scale(real, "real"), on_255_scale(fake, "fake")


def on_255_scale(pictures: np.ndarray, name: str) -> np.ndarray:
    """One picture or a batch as a float64 batch on the scale 0 to 255; `name` is what an error calls them."""
    batch = pictures[None] if pictures.ndim == 3 else pictures
    if batch.dtype == np.uint8:
        return batch.astype("float64")
    if not np.issubdtype(batch.dtype, np.floating):
        raise UsageError(f"{name} is {batch.dtype}; give uint8 (0 to 255) or floats in [-1, 1].")
    if not np.isfinite(batch).all() or batch.min(initial=0) < -1.001 or batch.max(initial=0) > 1.001:
        raise UsageError(f"{name} has values outside [-1, 1], or NaN; floats must lie in [-1, 1].")
    return (batch.astype("float64") + 1.0) * 127.5


def check_mask(mask: np.ndarray | None, shape: tuple[int, ...]) -> np.ndarray:
    """Which pixels count in a batch of the shape (N, H, W): bool of that shape.

    Raises:
        UsageError: a mask of another kind or shape.

    >>> bool(check_mask(None, (1, 2, 2)).all()), check_mask(np.zeros((2, 2), bool), (3, 2, 2)).shape
    (True, (3, 2, 2))
    """
    if mask is None:
        return np.ones(shape, bool)
    mask = np.asarray(mask)
    if mask.dtype != bool or mask.shape not in (shape, shape[1:]):
        raise UsageError(
            f"The mask must be bool of the shape {shape}, or {shape[1:]} for all pictures alike; it is {mask.dtype} of "
            f"the shape {mask.shape}."
        )
    return np.broadcast_to(mask, shape)
