"""Read pictures of any kind as eight-bit RGB squares, and say what had to be done to them.

Cameras and drawing programs write files that look alike and are not: sixteen bits, palettes, transparency, a note that
the picture is lying on its side. Whatever can be translated without guessing is translated and noted in a sentence.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, ImageOps

from pix2pix_edu.errors import UsageError, nearest

ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif")
RESIZES = ("crop", "fit", "stretch")
# What a file may hold, whatever its name ends with. Pillow knows more kinds, but for one of them (EPS, a program that
# draws) it starts Ghostscript: a file from a stranger must not choose that.
FORMATS = ("PNG", "JPEG", "MPO", "WEBP", "BMP", "TIFF", "GIF", "AVIF", "JPEG2000", "PPM")
WHITE = (255, 255, 255)

# What was done, in the words of a report that begins with a number of files.
TURNED = "were turned upright, as their camera noted (EXIF orientation)"
NO_EXIF = "have a damaged EXIF note: taken as they lie"
FRAMES = "have several frames: only the first is used"
SIXTEEN_BITS = "have 16 bits per value: scaled to 8"
GREY = "are grey: given three equal channels"
TRANSPARENT = "are partly transparent: laid on white"
PALETTE = "have a palette: turned into RGB"
CMYK = "are in print colours (CMYK): turned into RGB"
MODE_NOTES = {"1": GREY, "L": GREY, "LA": GREY, "P": PALETTE, "PA": PALETTE, "CMYK": CMYK}


class Unreadable(Exception):
    """Why one file cannot be used, in a few words; callers collect them and list the files."""


def check_resize(resize: str) -> str:
    """Accept "crop", "fit" or "stretch".

    Raises:
        UsageError: anything else.

    >>> check_resize("crop")
    'crop'
    """
    if resize not in RESIZES:
        raise UsageError(f"resize={resize!r} does not exist. {nearest(str(resize), list(RESIZES))}")
    return resize


def is_picture(path: Path) -> bool:
    """Whether the name looks like a picture's; hidden files (such as macOS's `._photo.jpg`) do not count.

    >>> is_picture(Path("cat.JPG")), is_picture(Path("._cat.jpg")), is_picture(Path("notes.txt"))
    (True, False, False)
    """
    return path.suffix.lower() in ENDINGS and not path.name.startswith(".")


def read_picture(path: Path) -> tuple[Image.Image, list[str]]:
    """Decode a whole file as upright eight-bit RGB.

    Args:
        path: the file.

    Returns:
        The picture, and what had to be done to it.

    Raises:
        Unreadable: the file is empty, cut off, or of a kind that cannot be translated without guessing.
    """
    try:
        if path.stat().st_size == 0:
            raise Unreadable("the file is empty")
    except OSError as error:
        raise Unreadable(f"cannot be read ({_reason(error)})") from error
    return decode(path)


def decode(source: Path | IO[bytes]) -> tuple[Image.Image, list[str]]:
    """What `read_picture` does, also with what is no file on the disk, such as an upload in a widget.

    >>> import io
    >>> decode(io.BytesIO(b"words"))
    Traceback (most recent call last):
    ...
    pix2pix_edu.pairs.pictures.Unreadable: cannot be read (not a picture)
    """
    try:
        with Image.open(source, formats=_formats()) as picture:
            notes = [FRAMES] if getattr(picture, "n_frames", 1) > 1 else []
            picture.load()  # decodes everything, so that a cut-off file is found now and not in training
            upright, turned = _upright(picture)
            converted, more = _to_rgb(upright)
            return converted, notes + turned + more
    except Unreadable:
        raise
    except Exception as error:  # Pillow's decoders let out whatever they stumble over: IndexError, TypeError ...
        raise Unreadable(f"cannot be read ({_reason(error)})") from error


@functools.cache
def _formats() -> tuple[str, ...]:
    """Those of `FORMATS` that this Pillow was built with."""
    Image.init()
    return tuple(kind for kind in FORMATS if kind in Image.OPEN)


def _upright(picture: Image.Image) -> tuple[Image.Image, list[str]]:
    """Turn a picture as its EXIF data say; where these are damaged the picture itself is still good."""
    try:
        noted = picture.getexif().get(0x0112, 1)
        return ImageOps.exif_transpose(picture), [TURNED] if noted in range(2, 9) else []
    except Exception:  # as above
        return picture, [NO_EXIF]


def _reason(error: Exception) -> str:
    """The decoder's complaint in one line, without the file's path, which our message names already."""
    if isinstance(error, Image.DecompressionBombError):
        return f"more than {2 * (Image.MAX_IMAGE_PIXELS or 0) // 10**6} million pixels: make the picture smaller"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = (str(error) or type(error).__name__).splitlines()[0]
    return "not a picture" if text.startswith("cannot identify image file") else text


def _to_rgb(picture: Image.Image) -> tuple[Image.Image, list[str]]:
    """Translate Pillow's modes (kinds of pixels) to RGB, with notes."""
    mode = picture.mode
    if mode == "F":
        raise Unreadable("holds floating-point numbers, whose range is not known")
    if mode.startswith("I"):
        values = np.asarray(picture).astype(np.int64)
        if values.min() < 0 or values.max() > 65535:
            raise Unreadable("holds whole numbers outside 0 to 65535")
        return Image.fromarray((values // 257).astype(np.uint8)).convert("RGB"), [SIXTEEN_BITS, GREY]

    notes = [MODE_NOTES[mode]] if mode in MODE_NOTES else []
    if not picture.has_transparency_data:
        return picture.convert("RGB"), notes
    see_through = picture.convert("RGBA")
    if see_through.getchannel("A").getextrema() != (255, 255):
        notes.append(TRANSPARENT)
    page = Image.new("RGBA", see_through.size, (*WHITE, 255))
    return Image.alpha_composite(page, see_through).convert("RGB"), notes


def to_square(picture: Image.Image, image_size: int, resize: str) -> np.ndarray:
    """Bring a picture to a square.

    Args:
        picture: RGB, of any size.
        image_size: the square's side in pixels.
        resize: "crop" keeps the middle; "fit" keeps everything, on white; "stretch" keeps everything, distorted.

    Returns:
        uint8, shape (image_size, image_size, 3).

    >>> to_square(Image.new("RGB", (90, 60)), 32, "crop").shape
    (32, 32, 3)
    """
    size = (image_size, image_size)
    if resize == "crop":
        square = ImageOps.fit(picture, size, Image.Resampling.BICUBIC)
    elif resize == "fit":
        square = ImageOps.pad(picture, size, Image.Resampling.BICUBIC, color=WHITE)
    else:
        square = picture.resize(size, Image.Resampling.BICUBIC)
    return np.asarray(square)
