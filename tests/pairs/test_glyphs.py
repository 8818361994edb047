"""Glyph pairs: the same character in two typefaces, and no letter, with or without accent, on two sides."""

from __future__ import annotations

import unicodedata
from collections import defaultdict

import numpy as np
import pytest

from pix2pix_edu.cli import main
from pix2pix_edu.errors import UsageError
from pix2pix_edu.pairs import Pairs, load_pairs
from pix2pix_edu.pairs.glyphs import STYLES, base_letter, catalogue, draw_glyph, fits, font_file, glyph_names, title

PARTS = ("train", "val", "test")


@pytest.fixture(scope="module")
def pairs() -> Pairs:
    return load_pairs("glyphs", image_size=64)


def characters(pairs: Pairs) -> dict[str, list[str]]:
    return {part: [name[0] for name in getattr(pairs, part).names] for part in PARTS}


def ink_box(picture: np.ndarray) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of what is dark, as first and last row and column."""
    rows, columns = np.flatnonzero((picture < 128).any(1)), np.flatnonzero((picture < 128).any(0))
    return rows[0], rows[-1], columns[0], columns[-1]


def test_over_two_thousand_pairs_are_split_80_10_10(pairs):
    counts = [len(getattr(pairs, part)) for part in PARTS]
    assert 2000 < sum(counts) < 2400
    assert abs(counts[0] / sum(counts) - 0.8) < 0.01 and counts[1] == counts[2]
    for split in (pairs.train, pairs.val, pairs.test):
        assert split.sources.shape == split.targets.shape == (len(split), 64, 64, 3)
        assert split.sources.dtype == split.targets.dtype == np.uint8
        assert (split.sources == split.sources[..., :1]).all() and (split.targets == split.targets[..., :1]).all()
    assert (pairs.about.source, pairs.about.target) == ("DejaVu Sans", "DejaVu Serif Bold")
    assert pairs.report == []


def plain(character: str) -> str:
    """The letter without accents and case, by Unicode's own decomposition alone."""
    letters = [c for c in unicodedata.normalize("NFKD", character) if not unicodedata.combining(c)]
    return "".join(letters).casefold()


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("style", ["serif-bold", "stix-italic", "cm"])
def test_no_base_letter_is_on_two_sides(style, seed):
    sides, count = defaultdict(set), 0
    for part, found in characters(load_pairs("glyphs", image_size=32, style=style, seed=seed)).items():
        for character in found:
            sides[plain(character)].add(part)
            count += 1
    assert {letter: where for letter, where in sides.items() if len(where) > 1} == {}
    assert len(sides) < count  # several characters have the same letter, so this test means something


@pytest.mark.parametrize("seed", [0, 1])
def test_no_source_picture_nor_its_twin_is_on_two_sides(seed):
    pairs = load_pairs("glyphs", image_size=64, seed=seed)
    ink = {part: 255.0 - getattr(pairs, part).sources[..., 0].reshape(len(getattr(pairs, part)), -1) for part in PARTS}
    ink = {part: rows / np.linalg.norm(rows, axis=1, keepdims=True) for part, rows in ink.items()}
    for one, other in (("train", "val"), ("train", "test"), ("val", "test")):
        assert (ink[one] @ ink[other].T).max() < 0.971


def test_look_alikes_of_other_scripts_are_one_family():
    found, families = catalogue("sans", "stix-italic")
    family = dict(zip(found, families, strict=True))
    for together in ("aAäÁ", "Bβ", "oOø\u03bf", "xX\u0445", "\u0131iI", "lL"):
        assert len({family[character] for character in together if character in family}) == 1, together
    assert family["a"] != family["o"] and family["x"] != family["k"]


@pytest.mark.parametrize(
    ("character", "letter"),
    [
        ("a", "LATIN LETTER A"), ("Á", "LATIN LETTER A"), ("ẫ", "LATIN LETTER A"), ("ª", "LATIN LETTER A"),
        ("Ł", "LATIN LETTER L"), ("ς", "GREEK LETTER SIGMA"), ("Ϊ", "GREEK LETTER IOTA"), ("①", "DIGIT ONE"),
        ("й", "CYRILLIC LETTER I"), ("ﬁ", ""), ("½", ""), ("Ⅷ", ""), (" ", ""), ("\u0301", ""), ("\u00b4", ""),
        ("⠿", ""), ("═", ""), ("\ue000", ""), ("ß", "LATIN LETTER SHARP S"), ("?", "QUESTION MARK"),
    ],
)  # fmt: skip
def test_base_letters(character, letter):
    assert base_letter(character) == letter


def test_both_pictures_have_the_same_size_and_baseline():
    """A pair differs by its typeface: letters stand on the same line, at the same size, with their ink centred."""
    sizes = {}
    for style in STYLES:
        for character in "HETx":
            _, bottom, left, right = ink_box(draw_glyph(character, style, 128))
            assert abs(bottom - (0.755 * 128 - 1)) <= 1, (style, character)
            assert abs((left + right) / 2 - 63.5) <= 1, (style, character)
        top, bottom, *_ = ink_box(draw_glyph("H", style, 128))
        sizes[style] = bottom - top + 1
    assert np.ptp([height for style, height in sizes.items() if style.startswith(("sans", "serif", "mono"))]) <= 1
    assert all(0.8 < height / sizes["sans"] < 1.05 for height in sizes.values())  # no height is stretched to another
    small, tall = (ink_box(draw_glyph(character, "sans", 128)) for character in "x|")
    assert small[1] - small[0] < 0.8 * sizes["sans"] < tall[1] - tall[0]  # nor is a letter blown up to fill its picture


def test_edges_are_smooth_and_nothing_is_cut_off(pairs):
    for split in (pairs.train, pairs.val, pairs.test):
        for pictures in (split.sources[..., 0], split.targets[..., 0]):
            border = np.concatenate([pictures[:, [0, -1]].reshape(-1), pictures[:, :, [0, -1]].reshape(-1)])
            assert border.min() == 255
            grey = ((pictures > 20) & (pictures < 235)).mean()
            assert 0.02 < grey < 0.3


def test_no_glyph_is_blank_or_the_same_in_both(pairs):
    for split in (pairs.train, pairs.val, pairs.test):
        ink = [(255.0 - pictures[..., 0]).mean(axis=(1, 2)) / 255 for pictures in (split.sources, split.targets)]
        assert np.minimum(*ink).min() >= 0.002
        difference = np.abs(split.sources[..., 0].astype(float) - split.targets[..., 0]).mean(axis=(1, 2)) / 255
        assert (difference >= 0.119 * np.minimum(*ink)).all()
    everything = np.concatenate(
        [np.concatenate([s.sources, s.targets], 2) for s in (pairs.train, pairs.val, pairs.test)]
    )
    assert len({pair.tobytes() for pair in everything}) == len(everything)  # Latin A and Cyrillic A are one pair


def test_code_points_mean_the_same_letter_in_the_fonts_of_tex():
    """`cmr10` has an upside-down exclamation mark at `<`, a Gamma at `¡` and a dotless i at `³`."""
    names = glyph_names("cm")
    assert set("ABCXYZabcxyz0189+=()[]!?") <= set(names)
    assert not set('<>{}|\\_^~"¡¢£³ÀÁ½') & set(names)
    shown = draw_glyph("<", "cm", 64).astype(int)
    assert np.abs(shown - draw_glyph("¡", "sans", 64)).sum() < 0.5 * np.abs(shown - draw_glyph("<", "sans", 64)).sum()
    for style in STYLES:
        assert {chr(point) for point in range(ord("A"), ord("Z") + 1)} <= set(glyph_names(style))


def test_the_font_of_last_resort_is_no_style():
    files = [font_file(style) for style in STYLES]
    assert all(file.is_file() for file in files) and len(set(files)) == len(files)
    assert not any("LastResort" in file.name for file in files)


@pytest.mark.parametrize("style", [style for style in STYLES if style != "sans"])
def test_every_style_is_a_direction(style):
    found, families = catalogue("sans", style)
    assert len(found) == len(families) == len(set(found)) >= (60 if style.startswith("cm") else 550)
    assert all(fits(character, "sans") and fits(character, style) for character in found)


def test_the_reverse_direction_swaps(pairs):
    back = load_pairs("glyphs", image_size=64, direction="BtoA")
    np.testing.assert_array_equal(back.test.sources, pairs.test.targets)
    np.testing.assert_array_equal(back.test.targets, pairs.test.sources)
    assert (back.about.source, back.about.target) == ("DejaVu Serif Bold", "DejaVu Sans")
    assert back.test.names == pairs.test.names


def test_any_style_can_be_the_source():
    pairs = load_pairs("glyphs", image_size=32, base="serif", style="stix-bolditalic")
    assert (pairs.about.source, pairs.about.target) == (title("serif"), title("stix-bolditalic"))
    index = next(i for i, name in enumerate(pairs.train.names) if name[0].isalpha())
    character = pairs.train.names[index][0]
    np.testing.assert_array_equal(pairs.train.sources[index, ..., 0], draw_glyph(character, "serif", 32))
    np.testing.assert_array_equal(pairs.train.targets[index, ..., 0], draw_glyph(character, "stix-bolditalic", 32))


def test_the_split_is_the_same_at_every_size_and_the_seed_decides_it(pairs):
    small = load_pairs("glyphs", image_size=32)
    assert [getattr(small, part).names for part in PARTS] == [getattr(pairs, part).names for part in PARTS]
    shrunk = pairs.test.targets.reshape(-1, 32, 2, 32, 2, 3).mean(axis=(2, 4))
    assert np.abs(shrunk - small.test.targets).mean() < 3  # the same pictures, too
    assert load_pairs("glyphs", image_size=32, seed=1).test.names != small.test.names


def test_few_pairs_are_remarked():
    assert "pairs are few" in load_pairs("glyphs", image_size=32, style="cm").report[0]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"style": "serif-blod"}, "style='serif-blod' does not exist. Did you mean 'serif-bold'?"),
        ({"style": "LastResortHE"}, "style='LastResortHE' does not exist"),
        ({"base": "san"}, "base='san' does not exist. Did you mean 'sans'?"),
        ({"style": "sans"}, "style and base are both 'sans'"),
        ({"font": "serif"}, "glyphs has no option 'font'"),
    ],
)
def test_wrong_options_are_explained(options, words):
    with pytest.raises(UsageError) as caught:
        load_pairs("glyphs", image_size=32, **options)
    assert words in str(caught.value)


def test_the_command_line_knows_them(capsys):
    assert main(["data", "glyphs", "--image-size", "32", "--option", "style=stix-italic"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "DejaVu Sans to STIX Italic" in out and "style=serif-bold, base=sans" in out
