"""Figures and widgets for every eye: contrast, colour blindness, and lines that can be told apart in grey.

What a keyboard and a screen reader get is in tests/browser/test_accessibility.py, descriptions of the lessons' pictures
are in tests/test_alt_text.py.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest
from matplotlib import colors
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from skimage.color import rgb2lab

from pix2pix_edu.figures import plot_history
from pix2pix_edu.widgets import charts, cost_explorer, scaling_explorer, style
from pix2pix_edu.widgets.charts import Chart
from pix2pix_edu.widgets.claim_explorer import ClaimExplorer
from pix2pix_edu.widgets.pictures import INK, PAPER

WHITE, DARK = "#FFFFFF", "#111111"  # pages of JupyterLab, light and dark


def hexadecimal(colour: tuple[int, int, int]) -> str:
    return "#{:02X}{:02X}{:02X}".format(*colour)


# --- Contrast ---------------------------------------------------------------------------------------------------------

COLOURS = {name: value for name, value in vars(style).items() if name.isupper() and str(value).startswith("#")}
EXERCISES = ("GREEN", "VERMILLION", "PURPLE", "GREY", "BLUE")  # colour the edge of a note, on whatever page there is


def test_all_colours_are_looked_at():
    assert {"BLACK", "GENERATOR", "DISCRIMINATOR", "REAL", "FAKE", "FOCUS", "GREY"} <= set(COLOURS)
    assert {*style.PALETTE, style.GREY} == set(COLOURS.values())


@pytest.mark.parametrize("name", COLOURS)
def test_lines_and_marks_stand_out_from_white(name):
    assert style.contrast(COLOURS[name], WHITE) >= style.MARK_CONTRAST


@pytest.mark.parametrize("name", COLOURS)
def test_words_stand_out_from_white_and_from_bars(name):
    assert style.contrast(style.readable(COLOURS[name]), WHITE) >= style.TEXT_CONTRAST
    assert style.contrast(style.words_on(COLOURS[name]), COLOURS[name]) >= style.TEXT_CONTRAST


@pytest.mark.parametrize("page", [WHITE, DARK])
@pytest.mark.parametrize("name", [*EXERCISES, "FOCUS"])
def test_what_lies_on_the_page_itself_stands_out_in_both_themes(name, page):
    assert style.contrast(COLOURS[name], page) >= style.MARK_CONTRAST


def test_ink_can_be_read_on_paper():
    assert style.contrast(hexadecimal(INK), hexadecimal(PAPER)) >= style.TEXT_CONTRAST
    assert style.contrast("#444444", WHITE) >= style.TEXT_CONTRAST  # names below the pictures of a figure


def test_a_pale_colour_would_be_found():
    assert style.contrast("#E69F00", WHITE) < style.MARK_CONTRAST, "Okabe and Ito's own orange"
    assert style.contrast("#F0E442", WHITE) < style.MARK_CONTRAST, "and their yellow"
    assert style.contrast(style.GREEN, WHITE) < style.TEXT_CONTRAST, "green is for lines, not for words"


# --- Colour blindness -------------------------------------------------------------------------------------------------

# What is left of linear RGB. G. M. Machado, M. M. Oliveira, L. A. F. Fernandes: A Physiologically-based Model for
# Simulation of Color Vision Deficiency. IEEE Transactions on Visualization and Computer Graphics 15 (6), 2009; severity
# 1.0 of the table on the authors' page.
EYES = {
    "all cones": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
LEAST = 15  # Delta E, distance in CIE Lab; 2.3 can just be noticed, if the two lie side by side


def seen_by(eye: str, colour: str) -> np.ndarray:
    """What these eyes make of a colour, in CIE Lab."""
    coded = np.array(style.rgb(colour)) / 255
    linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    left = np.clip(np.array(EYES[eye]) @ linear, 0, 1)
    return rgb2lab(np.where(left <= 0.0031308, 12.92 * left, 1.055 * left ** (1 / 2.4) - 0.055))


def distance(eye: str, one: str, other: str) -> float:
    return float(np.linalg.norm(seen_by(eye, one) - seen_by(eye, other)))


def test_the_simulation_leaves_greys_grey():
    for eye, grey in itertools.product(EYES, ("#000000", "#767676", "#FFFFFF")):
        assert np.abs(seen_by(eye, grey) - seen_by("all cones", grey)).max() < 0.5, (eye, grey)


@pytest.mark.parametrize("eye", EYES)
@pytest.mark.parametrize(
    "pair", itertools.combinations([*style.PALETTE, style.GREY], 2), ids=lambda pair: "".join(pair).replace("#", "-")
)
def test_any_two_colours_of_the_palette_differ_for_all_eyes(pair, eye):
    """Any two may meet in a figure: a learner's `for colour in style.PALETTE`, or the roles of the course."""
    assert distance(eye, *pair) >= LEAST


@pytest.mark.parametrize(
    "eye, pair",
    [
        ("deuteranopia", ("#CC0000", "#5C7A00")),  # red and green
        ("protanopia", ("#CC0000", "#4D4D00")),
        ("tritanopia", ("#0066CC", "#007A7A")),  # blue and green
        ("deuteranopia", ("#C48700", "#D55E00")),  # an orange dark enough for white, beside Okabe and Ito's vermillion
    ],
)
def test_pairs_that_such_eyes_confuse_are_found(eye, pair):
    assert distance("all cones", *pair) >= LEAST, "others tell them apart"
    assert distance(eye, *pair) < LEAST


# --- No meaning by colour alone: figures of Matplotlib ----------------------------------------------------------------


class Drawn(NamedTuple):
    """A line of a chart: what tells it from others, besides its colour."""

    colour: str
    manner: tuple
    name: str


def lines_of(axes: Axes) -> list[Drawn]:
    return [
        Drawn(
            colors.to_hex(line.get_color()),
            (line.get_linestyle(), line.get_marker()),
            "" if str(line.get_label()).startswith("_") else str(line.get_label()),
        )
        for line in axes.lines
    ]


def confused(lines: list[Drawn]) -> list[tuple[Drawn, Drawn]]:
    """Pairs of lines that differ in colour only: drawn in the same manner."""
    return [
        (one, other)
        for one, other in itertools.combinations(lines, 2)
        if one.colour != other.colour and one.manner == other.manner
    ]


HISTORY = {
    "epoch": [1, 2, 3],
    "d_loss": [0.7, 0.6, 0.5],
    "g_gan": [0.8, 0.9, 1.0],
    "l1": [0.4, 0.3, 0.2],
    "val_l1": [0.5, 0.4, 0.35],
    "val_ssim": [0.5, 0.6, 0.55],
    "val_psnr": [14.0, 15.0, 15.5],
}


@pytest.mark.parametrize("epochs", [3, 60])  # few get a dot each, many do not
def test_the_curves_of_a_training_have_names_and_differ_in_grey(epochs):
    history = {name: np.resize(values, epochs).tolist() for name, values in HISTORY.items()}
    figure = plot_history({**history, "epoch": list(range(1, epochs + 1))})
    for axes in figure.axes:
        drawn = lines_of(axes)
        assert confused(drawn) == []
        named = {line.name for line in drawn} - {""}
        assert named and named == {text.get_text() for text in axes.get_legend().get_texts()}
    assert max(len(axes.lines) for axes in figure.axes) > 2


def test_lines_that_differ_in_colour_only_would_be_found():
    axes = Figure().add_subplot()
    axes.plot([0, 1], color="red")
    axes.plot([1, 0], color="green")
    assert len(confused(lines_of(axes))) == 1
    axes.lines[0].set_linestyle("--")
    assert confused(lines_of(axes)) == []


# --- The same for the charts of widgets -------------------------------------------------------------------------------


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[SimpleNamespace]]:
    """Everything that `Chart` draws while a test runs: for each chart its lines, its marks and its words."""
    found: list[SimpleNamespace] = []
    of_chart: dict[int, SimpleNamespace] = {}
    original = {name: getattr(Chart, name) for name in ("__init__", "line", "mark", "text")}

    def begin(self, *arguments, **options):
        of_chart[id(self)] = SimpleNamespace(chart=self, lines=[], marks=[], words=[])
        found.append(of_chart[id(self)])
        original["__init__"](self, *arguments, **options)

    def line(self, x, y, colour=style.BLACK, kind="solid", width=2, name=""):
        of_chart[id(self)].lines.append(Drawn(colour, (kind, width), name))
        original["line"](self, x, y, colour, kind, width, name)

    def mark(self, x, y, colour=style.BLACK, shape="disc", radius=5):
        of_chart[id(self)].marks.append(Drawn(colour, (shape, radius), ""))
        original["mark"](self, x, y, colour, shape, radius)

    def text(self, x, y, words, *arguments, **options):
        of_chart[id(self)].words.append(words)
        original["text"](self, x, y, words, *arguments, **options)

    for name, replacement in (("__init__", begin), ("line", line), ("mark", mark), ("text", text)):
        monkeypatch.setattr(Chart, name, replacement)
    yield found


def explore_losses() -> None:
    from pix2pix_edu.widgets import loss_explorer

    for cached in (loss_explorer.loss_chart, loss_explorer.slope_chart, loss_explorer.distance_chart):
        cached.cache_clear()
    for kind in ("bce", "lsgan", "hinge"):
        loss_explorer.loss_chart(kind), loss_explorer.slope_chart(kind)
        loss_explorer.distance_chart("l1", 100, kind)


def explore_scores() -> None:
    from pix2pix_edu.gallery import load_gallery
    from pix2pix_edu.widgets.loss_explorer import LossExplorer

    LossExplorer(load_gallery("losses"))


def read_curves() -> None:
    from pix2pix_edu.widgets.curve_reader import CurveReader

    CurveReader()


def train() -> None:
    from pix2pix_edu.widgets import train_it_yourself

    train_it_yourself._chart("the game", {"D": [0.7, 0.6], "G": [0.8, 0.9]}, level=0.69)


def explore_ambiguity() -> None:
    from pix2pix_edu.pairs import Variants
    from pix2pix_edu.widgets.ambiguity_explorer import AmbiguityExplorer

    tones = np.zeros((3, 32, 32, 3), np.uint8) + np.array([0, 90, 240], np.uint8)[:, None, None, None]
    AmbiguityExplorer([Variants("leaf", tones[2], tones, ["black", "grey", "white"], "test")])


CURVES = {
    "the losses over the logit": explore_losses,
    "the scores over lambda": explore_scores,
    "five training runs": read_curves,
    "a training of one's own": train,
    "several right answers": explore_ambiguity,
    "devices": scaling_explorer.ScalingExplorer,
}
WIDE = 5  # pixels; a line as wide as that is a bar, with words beside it
# In these each line is the interval of one row, with the row's name beside it.
ROWS = {"claims": lambda: ClaimExplorer(["table1"])}


@pytest.mark.parametrize("what", CURVES)
def test_lines_of_a_widget_differ_in_grey(drawn, what):
    CURVES[what]()
    assert any(len(one.lines) > 1 for one in drawn)
    for one in drawn:
        assert confused([line for line in one.lines if not line.name and line.manner[1] < WIDE]) == []


@pytest.mark.parametrize("what", [*CURVES, *ROWS])
def test_marks_of_a_widget_differ_in_shape_or_size(drawn, what):
    {**CURVES, **ROWS}[what]()
    assert drawn
    for one in drawn:
        assert confused(one.marks) == []


def test_a_chart_with_two_colours_in_one_manner_would_be_found(drawn):
    chart = Chart((100, 80), x=(0, 1), y=(0, 1))
    chart.line([0, 1], [0, 1], style.GREEN)
    chart.line([0, 1], [1, 0], style.VERMILLION)
    chart.mark(0, 0, style.GREEN)
    chart.mark(1, 1, style.VERMILLION)
    assert len(confused(drawn[0].lines)) == len(confused(drawn[0].marks)) == 1


def test_every_bar_has_its_name_beside_it(drawn):
    scaling_explorer.ScalingExplorer()
    words = " ".join(word for one in drawn for word in one.words)
    assert "lower part" in words and "upper part" in words and "striped" in words
    assert style.contrast(WHITE, scaling_explorer.COMMUNICATING) >= style.MARK_CONTRAST, "its stripes"
    assert len(cost_explorer.COLOURS) == len(set(cost_explorer.COLOURS.values())) > 4


def test_every_kind_of_line_is_another_pattern():
    patterns = list(charts.DASHES.values())
    assert len(set(patterns)) == len(patterns) == 4
