"""One typeface to another: style transfer that is exact, from the fonts that matplotlib brings along.

The source is a character in one typeface, the target the same character in another, at the same size and on the same
baseline. No photograph is so well paired: somebody drew every letter twice. Three traps lie in fonts, too:

* The letters of one family look alike: A and a with their accents, but also the Latin A, the Greek Alpha and the
  Cyrillic A, which are the same picture. A family stays on one side of the split, or the test asks what was memorised.
* A code point is not always what it should be. TeX's Computer Modern fonts hold an exclamation mark upside down where
  `<` should be. A glyph counts only if its name in the font says that it is the character.
* Many signs (arrows, boxes, dots) are the same in both fonts, or no letters at all. They teach a network to copy, and
  are left out.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from pix2pix_edu.errors import DataError, UsageError, nearest
from pix2pix_edu.pairs.cache import cached
from pix2pix_edu.pairs.core import About, Pairs, Split, split_families
from pix2pix_edu.progress import progress

FORMAT = 1  # raise it when this file draws or chooses differently, so that old caches are not used
CATALOGUE_SIZE = 64  # glyphs are compared at this size, whatever size is asked for: the split never changes
EM = 0.7  # the fonts' size, as a share of the picture: nearly all letters fit with their accents
BASELINE = 0.755  # where letters stand, as a share of the picture from its top
MARGIN = 0.02  # of the picture, which stays white all around
FINE = 256  # pixels that glyphs are drawn at, at least, before they are averaged down: smooth edges without hinting
INK_FROM = 0.002  # share of black without which a glyph counts as blank
DIFFERS_FROM = 0.12  # of the ink; glyphs that differ less are the same in both typefaces
LOOK_ALIKE = 0.97  # cosine between two glyphs of the source's typeface

# style -> file in matplotlib's folder of fonts. LastResortHE is not among them: it draws a box with a number for
# every character there is.
STYLES = {
    "sans": "DejaVuSans",
    "sans-bold": "DejaVuSans-Bold",
    "sans-oblique": "DejaVuSans-Oblique",
    "sans-boldoblique": "DejaVuSans-BoldOblique",
    "serif": "DejaVuSerif",
    "serif-bold": "DejaVuSerif-Bold",
    "serif-italic": "DejaVuSerif-Italic",
    "serif-bolditalic": "DejaVuSerif-BoldItalic",
    "mono": "DejaVuSansMono",
    "mono-bold": "DejaVuSansMono-Bold",
    "stix": "STIXGeneral",
    "stix-bold": "STIXGeneralBol",
    "stix-italic": "STIXGeneralItalic",
    "stix-bolditalic": "STIXGeneralBolIta",
    "cm": "cmr10",
    "cm-bold": "cmb10",
    "cm-italic": "cmti10",
    "cm-sans": "cmss10",
    "cm-typewriter": "cmtt10",
}
TYPEFACES = {"sans": "DejaVu Sans", "serif": "DejaVu Serif", "mono": "DejaVu Sans Mono", "stix": "STIX",
             "cm": "Computer Modern"}  # fmt: skip
SLANTS = {"bold": "Bold", "oblique": "Oblique", "italic": "Italic", "boldoblique": "Bold Oblique",
          "bolditalic": "Bold Italic", "sans": "Sans", "typewriter": "Typewriter"}  # fmt: skip
NO_LETTERS = ("BRAILLE", "BOX DRAWINGS")  # dots and lines, which no typeface shapes
FEW_PAIRS = 200  # fewer are learnt by heart


def load_glyphs(image_size: int, seed: int, style: str = "serif-bold", base: str = "sans") -> Pairs:
    """Draw (or read from the cache) all characters that both typefaces have, and split them by family.

    Args:
        image_size: pixels; a power of two from 32 to 512. At 64 px and for "serif-bold" the arrays take 53 MB.
        seed: chooses the split, the same characters at every size.
        style: the typeface of the targets, one of `STYLES`. From "sans" to "serif-bold" or "serif-bolditalic" there are
            about 2,150 pairs, to "sans-boldoblique" 3,200, to "stix-italic" 690, to the "cm" styles 82 to 92.
        base: the typeface of the sources, likewise.

    Raises:
        UsageError: a style that does not exist, or twice the same.
    """
    for argument, value in (("style", style), ("base", base)):
        if value not in STYLES:
            raise UsageError(f"{argument}={value!r} does not exist. {nearest(str(value), list(STYLES))}")
    if style == base:
        raise UsageError(f"style and base are both {style!r}: there would be nothing to learn. Choose two typefaces.")
    characters, families = catalogue(base, style)
    pictures = _drawn(characters, base, style, image_size)
    side = split_families(families, seed)
    names = [f"{character} {unicodedata.name(character).lower()}" for character in characters]

    def part(which: str) -> Split:
        chosen = np.flatnonzero(side == which)
        sources, targets = (_rgb(pictures[name][chosen]) for name in ("sources", "targets"))
        return Split(sources, targets, [names[index] for index in chosen])

    about = About(
        title=f"Characters in {title(base)} and in {title(style)}",
        source=title(base),
        target=title(style),
        licence="free, as the fonts are: their licences come with matplotlib",
        credit="DejaVu fonts (Bitstream Vera and others), STIX fonts, Computer Modern (D. E. Knuth, BaKoMa).",
        url="https://dejavu-fonts.github.io",
    )
    few = f"{len(characters)} pairs are few: expect a network that learns them by heart."
    report = [few] if len(characters) < FEW_PAIRS else []
    return Pairs("glyphs", part("train"), part("val"), part("test"), about=about, report=report)


def title(style: str) -> str:
    """A style in words.

    >>> title("serif-bolditalic"), title("stix")
    ('DejaVu Serif Bold Italic', 'STIX')
    """
    family, _, slant = style.partition("-")
    return f"{TYPEFACES[family]} {SLANTS[slant]}" if slant else TYPEFACES[family]


# --- Drawing ----------------------------------------------------------------------------------------------------------


def font_file(style: str) -> Path:
    """The file of a style's font, inside matplotlib.

    Raises:
        DataError: this matplotlib came without it.

    >>> font_file("serif-bold").name
    'DejaVuSerif-Bold.ttf'
    """
    import matplotlib

    path = Path(matplotlib.get_data_path(), "fonts", "ttf", f"{STYLES[style]}.ttf")
    if not path.is_file():
        raise DataError(
            f"The font {path} is missing. matplotlib brings it along: install it again with "
            "pip install --force-reinstall matplotlib."
        )
    return path


@cache
def _font(style: str, size: int) -> Any:
    from PIL import ImageFont

    return ImageFont.truetype(font_file(style), size, layout_engine=ImageFont.Layout.BASIC)


@lru_cache(maxsize=8)  # a glyph is measured, and drawn right after
def _ink(character: str, style: str, fine: int) -> tuple[Any, tuple[int, int, int, int]]:
    """A character in white on a black page two pictures wide, and the box of its ink: left, top, right, bottom."""
    from PIL import Image, ImageDraw

    page = Image.new("L", (2 * fine, fine), 0)
    place = (fine // 2, round(BASELINE * fine))
    ImageDraw.Draw(page).text(place, character, fill=255, font=_font(style, round(EM * fine)), anchor="ls")
    return page, page.getbbox() or (fine, 0, fine, 0)


def fits(character: str, style: str) -> bool:
    """Whether all of a character's ink lies inside the picture, with a little white around it.

    >>> fits("A", "serif-bold"), fits("‱", "serif-bold")
    (True, False)
    """
    _, (left, top, right, bottom) = _ink(character, style, FINE)
    margin = MARGIN * FINE
    return right - left <= FINE - 2 * margin and top >= margin and bottom <= FINE - margin


def draw_glyph(character: str, style: str, image_size: int) -> np.ndarray:
    """A character in black on white, its ink centred from left to right, standing on the baseline.

    All characters of all styles have the same size in points and the same baseline, so that a pair differs by its
    typeface alone; that is why a hyphen is short and a W wide.

    Args:
        character: one character; what does not fit is cut off.
        style: one of `STYLES`.
        image_size: height and width in pixels.

    Returns:
        uint8, shape (image_size, image_size).

    >>> draw_glyph("A", "serif-bold", 32).shape
    (32, 32)
    """
    times = max(2, FINE // image_size)
    fine = image_size * times
    page, (left, _, right, _) = _ink(character, style, fine)
    start = (left + right - fine) // 2
    squares = np.asarray(page.crop((start, 0, start + fine, fine)), np.float32)
    squares = squares.reshape(image_size, times, image_size, times)
    return np.rint(255 - squares.mean(axis=(1, 3))).astype(np.uint8)


def _drawn(characters: list[str], base: str, style: str, image_size: int) -> dict[str, np.ndarray]:
    """Both pictures of each character, `sources` and `targets`: uint8, (N, image_size, image_size); cached."""

    def build() -> dict[str, np.ndarray]:
        sources = np.empty((len(characters), image_size, image_size), np.uint8)
        targets = np.empty_like(sources)
        for row, character in enumerate(progress(characters, description=f"Drawing glyphs at {image_size} px")):
            sources[row] = draw_glyph(character, base, image_size)
            targets[row] = draw_glyph(character, style, image_size)
        return {"sources": sources, "targets": targets}

    return cached(f"glyphs-{image_size}", _key(base, style, image_size=image_size), build)


def _rgb(pictures: np.ndarray) -> np.ndarray:
    """Three equal channels, as the other data sets of drawings have them."""
    return np.repeat(pictures[..., None], 3, axis=-1)


def _key(base: str, style: str, **more: int) -> dict[str, str | int]:
    """What every cached file of glyphs depends on."""
    packages = {package: version(package) for package in ("matplotlib", "pillow")}
    return {"format": FORMAT, **packages, "base": base, "style": style, "unicode": unicodedata.unidata_version, **more}


# --- Choosing: which characters become pairs, and which belong together -----------------------------------------------


@cache
def catalogue(base: str, style: str) -> tuple[list[str], np.ndarray]:
    """The characters that make good pairs from one style to another, and the family of each.

    Left out are characters that one of the fonts lacks or calls by another name, that are made of several letters
    (ligatures, fractions, Roman numerals), that are blank or do not fit, and that look the same in both.

    >>> characters, families = catalogue("sans", "stix-italic")
    >>> bool(families[characters.index("a")] == families[characters.index("Ä")])
    True
    """

    def build() -> dict[str, np.ndarray]:
        characters, sources, targets = _choose(base, style)
        families = find_families(characters, sources)
        seen: dict[bytes, int] = {}  # Latin A and Cyrillic A are the same pair; the first of them is kept
        for row, (source, target) in enumerate(zip(sources, targets, strict=True)):
            seen.setdefault(source.tobytes() + target.tobytes(), row)
        rows = np.array(list(seen.values()))
        return {"characters": np.array(characters)[rows], "families": np.unique(families[rows], return_inverse=True)[1]}

    kept = cached("glyphs-catalogue", _key(base, style), build)
    return [str(character) for character in kept["characters"]], kept["families"]


def _choose(base: str, style: str) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Compare the two typefaces at a fixed size: the characters to keep, and their pictures in both."""
    known = glyph_names(style)
    common = [character for character in glyph_names(base) if character in known and base_letter(character)]
    kept, sources, targets = [], [], []
    for character in progress(sorted(common), description=f"Comparing {title(base)} and {title(style)}"):
        if not (fits(character, base) and fits(character, style)):
            continue
        source, target = (draw_glyph(character, each, CATALOGUE_SIZE) for each in (base, style))
        if _worth_learning(source, target):
            kept.append(character)
            sources.append(source)
            targets.append(target)
    return kept, np.array(sources), np.array(targets)


def _worth_learning(source: np.ndarray, target: np.ndarray) -> bool:
    """Whether both have ink, and not the same."""
    inks = [(255.0 - picture.astype(np.float32)) / 255 for picture in (source, target)]
    if min(ink.mean() for ink in inks) < INK_FROM:
        return False
    return bool(np.abs(inks[0] - inks[1]).mean() >= DIFFERS_FROM * min(ink.mean() for ink in inks))


@cache
def glyph_names(style: str) -> dict[str, str]:
    """The characters that a font really has: character -> its glyph's name in the font, as far as the name agrees.

    >>> "<" in glyph_names("sans"), "<" in glyph_names("cm")  # where TeX keeps an exclamation mark upside down
    (True, False)
    """
    names = _names_in("sans")  # DejaVu has nearly everything, under its right name
    return {
        chr(point): name
        for point, name in _names_in(style).items()
        if name == names.get(point) or name.upper() in (f"UNI{point:04X}", f"U{point:04X}", f"U{point:05X}")
    }


@cache
def _names_in(style: str) -> dict[int, str]:
    from matplotlib.ft2font import FT2Font

    font = FT2Font(str(font_file(style)))
    return {point: font.get_glyph_name(index) for point, index in font.get_charmap().items()}


def base_letter(character: str) -> str:
    """What a character is without case and accents; empty for what is no single character with ink of its own.

    >>> base_letter("Ä"), base_letter("ø"), base_letter("ﬁ")
    ('LATIN LETTER A', 'LATIN LETTER O', '')
    """
    if unicodedata.category(character)[0] in "CZM":  # control and private characters, spaces, accents by themselves
        return ""
    plain = "".join(c for c in unicodedata.normalize("NFKD", character) if unicodedata.category(c)[0] != "M").strip()
    if len(plain) != 1:
        return ""
    name = unicodedata.name(plain.lower() if len(plain.lower()) == 1 else plain, "")
    if name.startswith(NO_LETTERS):
        return ""
    return re.sub(r" WITH .*| (CAPITAL|SMALL|FINAL|DOTLESS)\b", "", name)


def find_families(characters: list[str], pictures: np.ndarray) -> np.ndarray:
    """Number the families: characters of one base letter, or that look alike, get the same number.

    Args:
        characters: N characters.
        pictures: their pictures in the typeface of the sources, uint8, (N, H, W), black on white.

    Returns:
        N whole numbers from 0.

    >>> blank = np.full((3, 8, 8), 255, np.uint8)
    >>> blank[0, :4], blank[1, 4:], blank[2, :, 4:] = 0, 0, 0
    >>> find_families(["a", "Á", "x"], blank).tolist()
    [0, 0, 1]
    """
    from scipy.sparse.csgraph import connected_components

    ink = 255.0 - pictures.reshape(len(pictures), -1).astype(np.float32)
    directions = ink / (np.linalg.norm(ink, axis=1, keepdims=True) + 1e-9)
    alike = directions @ directions.T > LOOK_ALIKE
    letters = np.array([base_letter(character) for character in characters])
    alike |= letters[:, None] == letters[None, :]
    return connected_components(alike, directed=False)[1]
