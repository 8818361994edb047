"""Sample sheets: pictures side by side in one array, with gaps, no plotting library needed."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from pix2pix_edu.errors import UsageError, check_count
from pix2pix_edu.paths import atomic_file

GAP = 4
PAPER_GREY = 238


def make_sheet(*columns: np.ndarray, per_row: int = 1, scale: int = 1) -> np.ndarray:
    """Lay out pictures as a sheet: one row for each example, one column for each kind of picture.

    Args:
        columns: batches of uint8 pictures (N, H, W, 1 or 3), such as sources, translations and targets.
        per_row: how many examples stand in one row, each with all its columns.
        scale: enlarge by this whole factor, without smoothing.

    Returns:
        One uint8 picture (height, width, 3).

    Raises:
        UsageError: no pictures, columns of different lengths, or pictures of different sizes.

    >>> make_sheet(np.zeros((2, 8, 8, 3), np.uint8), np.ones((2, 8, 8, 1), np.uint8)).shape
    (28, 28, 3)
    """
    counts = {len(column) for column in columns}
    if len(counts) != 1 or 0 in counts:
        raise UsageError(f"A sheet needs columns of the same length, but these have {[len(c) for c in columns]}.")
    for name, value in (("per_row", per_row), ("scale", scale)):
        check_count(name, value)
    pictures = [_rgb(column) for column in columns]
    if len(sizes := {column.shape[1:3] for column in pictures}) > 1:
        raise UsageError(f"A sheet needs pictures of one size, but these have {sorted(sizes)} (height, width).")
    count, height, width = len(pictures[0]), *pictures[0].shape[1:3]
    across = min(per_row, count)
    rows = -(-count // across)
    cell_height, cell_width = height + GAP, len(columns) * (width + GAP)
    sheet = np.full((rows * cell_height + GAP, across * cell_width + GAP * across, 3), PAPER_GREY, np.uint8)
    for example in range(count):
        top = GAP + (example // across) * cell_height
        left = GAP + (example % across) * (cell_width + GAP)
        for position, column in enumerate(pictures):
            x = left + position * (width + GAP)
            sheet[top : top + height, x : x + width] = column[example]
    return sheet.repeat(scale, axis=0).repeat(scale, axis=1)


def to_png(picture: np.ndarray) -> bytes:
    """The bytes of a PNG file.

    >>> to_png(np.zeros((2, 2, 3), np.uint8))[1:4]
    b'PNG'
    """
    buffer = io.BytesIO()
    Image.fromarray(_rgb(picture[None])[0]).save(buffer, format="PNG")
    return buffer.getvalue()


def save_picture(picture: np.ndarray, path: Path | str) -> Path:
    """Write a picture as a PNG that is never half there.

    Raises:
        StorageError: the file cannot be written.

    >>> save_picture(np.zeros((2, 2, 3), np.uint8), "/tmp/pix2pix_edu_doctest.png").suffix
    '.png'
    """
    path = Path(path)
    with atomic_file(path) as file:
        file.write(to_png(picture))
    return path


def _rgb(pictures: np.ndarray) -> np.ndarray:
    """Three channels for the eye: grey is repeated, and of more than three the first three are shown."""
    if pictures.ndim != 4 or pictures.dtype != np.uint8 or 0 in pictures.shape[1:]:
        raise UsageError(f"Pictures to show must be uint8 (N, H, W, C), not {pictures.dtype} {pictures.shape}.")
    return np.repeat(pictures[..., :1], 3, axis=-1) if pictures.shape[-1] < 3 else pictures[..., :3]
