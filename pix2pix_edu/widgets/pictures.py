"""From arrays to what a widget shows: PNG bytes, pixels large enough to see, several pictures side by side."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pix2pix_edu.errors import UsageError

SHOWN_SIZE = 192  # pixels that a small picture is enlarged to, about
LARGEST_SIZE = 256  # pixels that a large picture is reduced to
GAP = 12  # pixels between pictures
LABEL_HEIGHT = 22
TEXT_SIZE = 14
INK, PAPER = (40, 40, 40), (236, 236, 236)  # grey paper: the edge of a white picture can be seen


def to_png(picture: Any) -> bytes:
    r"""Encode a picture as PNG bytes, fast rather than small.

    Args:
        picture: uint8 array (H, W), (H, W, 1) or (H, W, 3), a Pillow image, or a matplotlib `Figure` (make it with
            `matplotlib.figure.Figure()`: figures of pyplot stay in memory).

    >>> to_png(np.zeros((2, 3, 3), np.uint8))[:4]
    b'\x89PNG'
    """
    buffer = io.BytesIO()
    if hasattr(picture, "savefig"):
        picture.savefig(buffer, format="png")
        return buffer.getvalue()
    if isinstance(picture, np.ndarray):
        if picture.dtype != np.uint8:
            raise UsageError(f"A picture to show must be uint8, 0 to 255, not {picture.dtype}.")
        picture = Image.fromarray(picture[..., 0] if picture.ndim == 3 and picture.shape[-1] == 1 else picture)
    picture.save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()


def from_png(png: bytes) -> np.ndarray:
    """Decode PNG bytes to a uint8 array of shape (H, W, 3).

    >>> from_png(to_png(np.full((2, 3, 3), 7, np.uint8)))[1, 2].tolist()
    [7, 7, 7]
    """
    return np.asarray(Image.open(io.BytesIO(bytes(png))).convert("RGB"))


def as_rgb(image: np.ndarray) -> np.ndarray:
    """A picture with any number of channels as three: grey is repeated, of more than three the first three are shown.

    Args:
        image: uint8, shape (H, W) or (H, W, C).

    >>> as_rgb(np.zeros((4, 5, 1), np.uint8)).shape
    (4, 5, 3)
    """
    image = image[..., None] if image.ndim == 2 else image
    return np.repeat(image[..., :1], 3, axis=-1) if image.shape[-1] < 3 else image[..., :3]


def at_size(image: np.ndarray, size: int = SHOWN_SIZE) -> np.ndarray:
    """Enlarge a small picture by a whole factor, pixels staying sharp, or reduce a large one by averaging.

    Args:
        image: uint8, shape (H, W, C) or (H, W).
        size: the height aimed at in pixels; the result is the nearest multiple of the picture's own height.

    >>> at_size(np.zeros((64, 64, 3), np.uint8)).shape, at_size(np.zeros((512, 512, 3), np.uint8)).shape
    ((192, 192, 3), (256, 256, 3))
    """
    image = as_rgb(image)
    if image.shape[0] > LARGEST_SIZE:
        width = round(image.shape[1] * LARGEST_SIZE / image.shape[0])
        return np.asarray(Image.fromarray(image).resize((width, LARGEST_SIZE), Image.Resampling.BOX))
    factor = max(1, round(size / image.shape[0]))
    return image.repeat(factor, axis=0).repeat(factor, axis=1)


def row(images: Sequence[np.ndarray], labels: Sequence[str] = ()) -> np.ndarray:
    """Pictures side by side on grey paper, each with its label above.

    Args:
        images: uint8, shape (H, W, 3) each; heights and widths may differ.
        labels: one word or two for each picture, or none at all.

    >>> row([np.zeros((10, 10, 3), np.uint8)] * 2).shape
    (10, 32, 3)
    """
    top = LABEL_HEIGHT if any(labels) else 0
    height = top + max(image.shape[0] for image in images)
    width = sum(image.shape[1] for image in images) + GAP * (len(images) - 1)
    sheet = Image.new("RGB", (width, height), PAPER)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(TEXT_SIZE)
    left = 0
    for index, image in enumerate(images):
        sheet.paste(Image.fromarray(image), (left, top))
        if index < len(labels):
            pen.text((left + image.shape[1] // 2, top // 2), labels[index], fill=INK, font=font, anchor="mm")
        left += image.shape[1] + GAP
    return np.asarray(sheet)


def column(images: Sequence[np.ndarray]) -> np.ndarray:
    """Pictures below each other on grey paper.

    >>> column([np.zeros((10, 8, 3), np.uint8), np.zeros((10, 20, 3), np.uint8)]).shape
    (32, 20, 3)
    """
    height = sum(image.shape[0] for image in images) + GAP * (len(images) - 1)
    sheet = np.full((height, max(image.shape[1] for image in images), 3), PAPER, np.uint8)
    top = 0
    for image in images:
        sheet[top : top + image.shape[0], : image.shape[1]] = image
        top += image.shape[0] + GAP
    return sheet
