"""A sketch is prepared as the training data was: the measure are the emoji themselves, drawn again stroke by stroke."""

import re
import xml.etree.ElementTree as ElementTree
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from fontTools.pens.recordingPen import RecordingPen
from fontTools.svgLib.path import parse_path
from fontTools.svgLib.path.shapes import PathBuilder

import pix2pix_edu as p2p
from pix2pix_edu.errors import UsageError
from pix2pix_edu.pairs.emoji import catalogue, draw, line_art, read_svg
from pix2pix_edu.sketch import (
    DOT_WIDTH,
    ERASER_WIDTH,
    LINE_WIDTH,
    MARGIN,
    STARTS,
    UNITS,
    Stroke,
    sketch_svg,
    strokes_to_source,
)

# Lines alone, no filled shapes and no transformations: a learner could draw every stroke of them.
REDRAWN = ("1F354", "1F3FA", "1F417", "1F99C", "1F333", "1F5FB", "1F34E", "1F44B")


@pytest.fixture(scope="module")
def pairs():
    return p2p.load_pairs("emoji", image_size=64)


def points_of(path):
    """The places along an SVG path, one list for each part, curves as 16 short lines: by a parser that is not ours."""
    pen, parts = RecordingPen(), []
    parse_path(path, pen)
    for name, places in pen.value:
        if name == "moveTo":
            parts.append([places[0]])
        elif name == "closePath":
            parts[-1].append(parts[-1][0])
        elif name == "lineTo":
            parts[-1].append(places[0])
        elif name in ("curveTo", "qCurveTo"):
            corners = [np.array(place) for place in (parts[-1][-1], *places)]
            for t in np.linspace(0, 1, 17)[1:]:
                between = corners
                while len(between) > 1:  # de Casteljau
                    between = [(1 - t) * a + t * b for a, b in pairwise(between)]
                parts[-1].append(tuple(between[0]))
    return parts


def strokes_of(code):
    """The lines of an emoji as strokes of the pen."""
    strokes = []
    for element in ElementTree.fromstring(line_art(read_svg(code))).iter():
        assert element.get("transform") is None
        builder = PathBuilder()
        builder.add_path_from_element(element)
        for path in builder.paths:
            assert element.get("fill") == "none", "a filled shape is no stroke"
            strokes += [Stroke(part, width=float(element.get("stroke-width", 1))) for part in points_of(path)]
    return strokes


@pytest.fixture(scope="module")
def redrawn():
    """The training data's pictures, and the same emoji drawn again stroke by stroke."""
    originals = np.stack([draw(line_art(read_svg(code)), 64) for code in REDRAWN])
    return originals, np.stack([strokes_to_source(strokes_of(code)) for code in REDRAWN])


def test_an_emoji_drawn_again_is_the_training_picture(redrawn):
    originals, again = (pictures.astype(int) for pictures in redrawn)
    differences = np.abs(originals - again).mean(axis=(1, 2, 3))
    assert differences.max() < 1.2, "of 255; the curves are made of short lines"
    assert (255 - originals).mean() > 15, "there is something to compare"
    thicker = [strokes_to_source([Stroke(s.points, 1.4 * s.width) for s in strokes_of(code)]) for code in REDRAWN]
    assert np.abs(originals - thicker).mean(axis=(1, 2, 3)).min() > 5 * differences.max(), "a wrong width shows"


def test_the_model_paints_both_alike(redrawn):
    model = p2p.load_example_model("emoji")
    original, again = (p2p.translate(model, pictures).astype(int) for pictures in redrawn)
    differences = np.abs(original - again).mean(axis=(1, 2, 3))
    assert differences.max() < 4
    shifted = p2p.translate(model, np.roll(redrawn[0], 1, axis=2)).astype(int)
    assert np.abs(original - shifted).mean() > 3 * differences.mean(), "a line in the wrong place is another drawing"


def test_the_drawings_to_start_from_are_test_drawings(pairs):
    test, train = ([picture.tobytes() for picture in split.sources] for split in (pairs.test, pairs.train))
    for name in STARTS:
        source = strokes_to_source([], start=name).tobytes()
        assert pairs.test.names[test.index(source)] == name
        assert source not in train


def test_the_widths_and_the_margin_are_those_of_the_training_data(pairs):
    widths, dots = Counter(), Counter()
    for drawing in catalogue()[::5]:
        for element in ElementTree.fromstring(line_art(read_svg(drawing.code))).iter():
            widths[element.get("stroke-width")] += 1
            if element.tag.endswith("circle") and element.get("fill") != "none":
                dots[element.get("r")] += 1
    del widths[None]
    assert float(widths.most_common(1)[0][0]) == LINE_WIDTH and widths.most_common(1)[0][1] > 0.9 * widths.total()
    assert 2 * float(dots.most_common(1)[0][0]) == DOT_WIDTH
    ink, pixels = 255.0 - pairs.train.sources, int(MARGIN * 64 / UNITS)
    assert 1 - ink[:, pixels:-pixels, pixels:-pixels].sum() / ink.sum() < 0.002
    assert 1 - ink[:, 2 * pixels : -2 * pixels, 2 * pixels : -2 * pixels].sum() / ink.sum() > 0.02


def test_a_line_covers_the_pixels_that_arithmetic_says():
    picture = strokes_to_source([[(10, 36), (62, 36)]], image_size=72)[..., 0]  # a pixel for each unit
    assert (picture[35:37, 10:62] == 0).all()
    assert (np.delete(picture, (34, 35, 36, 37), axis=0) == 255).all() and (picture[:, :8] == 255).all()
    heights = np.linspace(30, 40, 60)  # the program counts in quarters of a pixel; on average that is the width
    ink = [1 - strokes_to_source([[(10, y), (62, y)]])[:, 32, 0] / 255 for y in heights]
    assert np.sum(ink, axis=1).mean() == pytest.approx(LINE_WIDTH * 64 / UNITS, abs=0.06)


@pytest.mark.parametrize("width", [DOT_WIDTH, 12.0])
def test_a_single_point_is_a_round_dot(width):
    ink = 1 - strokes_to_source([Stroke([(36, 36)], width)], image_size=144)[..., 0] / 255
    assert ink.sum() == pytest.approx(np.pi * width**2, rel=0.02)  # two pixels a unit
    assert ink[72, 72] == 1 and ink[72, int(72 + width) + 1] == 0
    np.testing.assert_allclose(ink, ink[:, ::-1], atol=0.07)


def test_the_eraser_leaves_white_paper():
    line = [(20, 20), (50, 40)]
    assert strokes_to_source([line]).min() == 0
    assert (strokes_to_source([line, Stroke(line, ERASER_WIDTH, erases=True)]) == 255).all()
    half = strokes_to_source([line, Stroke([(20, 20), (30, 26)], ERASER_WIDTH, erases=True)])
    assert (half[:24, :24] == 255).all() and half.min() == 0


def test_smooth_strokes_pass_the_middles_and_keep_their_ends():
    corners = [(10.0, 50.0), (36.0, 10.0), (62.0, 50.0)]
    assert Stroke(corners).path == "M10 50 L36 10 L62 50"
    assert Stroke(corners, smooth=True).path == "M10 50 Q36 10 49 30 L62 50"
    assert Stroke(corners[:2], smooth=True).path == Stroke(corners[:2]).path
    path = Stroke([*corners, (20.123, 60.777)], smooth=True).path
    assert re.findall(r"Q\S+ \S+ (\S+ \S+)", path) == ["49 30", "41.06 55.39"] and path.endswith("L20.12 60.78")


def test_strokes_lie_on_top_of_what_they_start_from():
    lines, both = strokes_to_source([], start="boar"), strokes_to_source([[(5, 68), (60, 68)]], start="boar")
    assert (both[:58] == lines[:58]).all() and (both[58:] != lines[58:]).any()
    assert sketch_svg([], "boar").count("</svg>") == 1


def test_grey_models_get_one_channel():
    line = [[(10, 10), (60, 60)]]
    np.testing.assert_array_equal(strokes_to_source(line, 32, 1), strokes_to_source(line, 32)[..., :1])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Stroke([]), "at least one point"),
        (lambda: Stroke([(1, 2, 3)]), "pairs of numbers"),
        (lambda: Stroke([1, 2]), "pairs of numbers"),
        (lambda: Stroke("line"), "pairs of numbers"),
        (lambda: Stroke([(0, float("nan"))]), "not a finite number"),
        (lambda: Stroke([(0, 0)], width=0), "width=0"),
        (lambda: Stroke([(0, 0)], width="wide"), "width='wide'"),
        (lambda: strokes_to_source([], start="bore"), "Did you mean 'boar'"),
        (lambda: strokes_to_source([], channels=4), "3 channels or 1"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_words(make, words):
    with pytest.raises(UsageError, match=words):
        make()
