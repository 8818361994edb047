"""Lesson 06: what generators draw that were trained with other losses, beside these losses, their slopes and scores."""

from __future__ import annotations

from functools import cache
from typing import Any

import ipywidgets
import numpy as np
from PIL import Image

from pix2pix_edu.gan import LOSSES
from pix2pix_edu.widgets import style
from pix2pix_edu.widgets.base import Explorer
from pix2pix_edu.widgets.charts import Chart, below, beside
from pix2pix_edu.widgets.pictures import at_size, column, row

KINDS = ("bce", "lsgan", "hinge")
RULES = {"bce": "non-saturating", "lsgan": "lsgan", "hinge": "hinge"}  # what lesson 02 calls them
LAMBDAS = (0, 1, 10, 100, 1000)
DISTANCES = ("l1", "l2")
PER_PAGE = 6
CHART = (210, 158)  # pixels of a chart, width and height
LOGITS = np.linspace(-3, 3, 121)
METRICS = {"psnr": "PSNR", "ssim": "SSIM", "saturation": "saturation"}
EXPLAIN = (
    "Follow lambda from 1000 down, with a discriminator that sees the drawing: the pictures go from khaki to bold, and "
    "PSNR and SSIM fall, not in perfect order, since each model is one run. Those two compare with one of several "
    "right answers, and an average is the safest bet for them. The saturation does not follow lambda: L2 is pale, and "
    "L1 golden, which is a saturated colour. At lambda = 0 compare both boxes: a discriminator without the drawing has "
    "no way to ask for a picture that fits. With a large lambda the box hardly matters, because L1 compares with the "
    "target, and so enforces the condition by itself. The three kinds push differently, as the slopes show. Look for "
    "yourself whether they draw differently."
)


class LossExplorer(Explorer):
    """Choose a loss; see what a generator draws that was trained with it, the loss and its slope, and the scores.

    Args:
        gallery: what `load_gallery("losses")` returns.

    Its controls: `adversarial` ("bce", "lsgan", "hinge" or "none"), `conditional` (whether the discriminator saw the
    drawing), `lambda_l1` (0 to 1000), `distance` ("l1" or "l2", where there is no adversary) and `page` (of drawings;
    those with six right answers come last).

    Attributes:
        name: of the chosen model in the gallery, whether it ships or not.

    >>> from pix2pix_edu.gallery import load_gallery
    >>> explorer = LossExplorer(load_gallery("losses"))
    >>> explorer.name
    'bce-conditional-100'
    >>> explorer.set(adversarial="none", distance="l2")
    >>> explorer.name
    'l2'
    """

    def __init__(self, gallery: Any) -> None:
        self.gallery = gallery
        self.name = ""
        self._sheets: dict[tuple[str, int], Image.Image] = {}
        pages = -(-len(gallery.split) // PER_PAGE)
        buttons = {"button_width": "70px"}
        super().__init__(
            {
                "adversarial": ipywidgets.ToggleButtons(
                    options=[*KINDS, "none"], description="Adversary", style=buttons
                ),
                "conditional": ipywidgets.Checkbox(True, description="D saw the drawing", indent=False),
                "lambda_l1": ipywidgets.SelectionSlider(options=LAMBDAS, value=100, description="lambda"),
                "distance": ipywidgets.ToggleButtons(
                    options=[(name.upper(), name) for name in DISTANCES], description="Distance", style=buttons
                ),
                "page": ipywidgets.IntSlider(1, 1, pages, description="Drawings"),
            },
            title="One generator, many losses",
            predict="Move lambda from 1000 to 0. What will happen to the colours, and what to the PSNR?",
            explain=EXPLAIN,
        )

    # What the base asks for

    def adjust(self, *, adversarial: str, conditional: bool, lambda_l1: int, distance: str, **others: Any) -> None:
        """Only what has a meaning for this kind can be moved."""
        alone = adversarial == "none"
        self.controls["conditional"].disabled = self.controls["lambda_l1"].disabled = alone
        self.controls["distance"].disabled = not alone
        self.name = model_name(adversarial, conditional, lambda_l1, distance)

    def draw(self, *, adversarial: str, lambda_l1: int, distance: str, page: int, **others: Any) -> Image.Image:
        """Pictures above, in the middle losses and slopes, below the scores of all models."""
        weight, compares = (100, distance) if adversarial == "none" else (lambda_l1, "l1")
        theory = [loss_chart(adversarial), slope_chart(adversarial), distance_chart(compares, weight, adversarial)]
        scores = [self._score_chart(metric) for metric in METRICS]
        return below([self._sheet(page), beside(theory), beside(scores)], gap=6)

    def caption(self, *, page: int, **others: Any) -> str:
        """The chosen model and its scores, or which models ship if this one does not."""
        if self.name not in self.gallery.names:
            return f"{self.name} does not ship with the course. These do: {', '.join(self.gallery.names)}."
        about = self.gallery.row(self.name)
        scores = f"PSNR {about['test']['psnr']:.1f} dB, SSIM {about['test']['ssim']:.2f}"
        first = self._first(page)
        names = self.gallery.split.names[first : first + PER_PAGE]
        return (
            f"{self.name}: {scores}, saturation {about['saturation']:.2f} (the artist's: "
            f"{self.gallery.about['real_saturation']:.2f}), all on {len(self.gallery.pairs.test)} test drawings. "
            f"Shown: {'; '.join(names)}. The scores stand over lambda; diamond: this model; lines: this kind, "
            "solid if D saw the drawing, dashed if not; dots: all other models."
        )

    # How it works

    def _first(self, page: int) -> int:
        """The last page is full as well: it begins earlier instead."""
        return min((page - 1) * PER_PAGE, max(0, len(self.gallery.split) - PER_PAGE))

    def _sheet(self, page: int) -> Image.Image:
        """The drawings of a page with this model's pictures; made once, then remembered."""
        key = (self.name, self._first(page))
        if key not in self._sheets:
            self._sheets[key] = self._new_sheet(*key)
        return self._sheets[key]

    def _new_sheet(self, name: str, first: int) -> Image.Image:
        shown = self.gallery.split[first : first + PER_PAGE]
        drawn = np.full_like(shown.targets, 255)
        words = "this model does not ship"
        if name in self.gallery.names:
            drawn = self.gallery.pictures(name)[first : first + PER_PAGE]
            words = "the lines; what this generator draws; the artist's"
        rows = [row([at_size(picture, 96) for picture in part]) for part in (shown.sources, drawn, shown.targets)]
        heading = row([np.zeros((0, rows[0].shape[1], 3), np.uint8)], [words])
        return Image.fromarray(np.concatenate([heading, column(rows)]))

    def _score_chart(self, metric: str) -> Image.Image:
        """One score of all models: over lambda, and at the right those without an adversary."""
        scores = {about["name"]: _score(about, metric) for about in self.gallery.rows}
        real = self.gallery.about["real_saturation"] if metric == "saturation" else None
        everything = [*scores.values(), *([] if real is None else [real])]
        low, high = min(everything), max(everything)
        margin = 0.12 * (high - low) + 1e-3
        chart = Chart(
            CHART,
            x=(-0.5, 6.5),
            y=(low - margin, high + margin),
            title=f"{METRICS[metric]} over lambda" + (f": {scores[self.name]:.3g}" if self.name in scores else ""),
            x_ticks=range(7),
            x_words=["0", "1", "10", "100", "1k", "L1", "L2"],
            y_ticks=[round(low, 2), round(high, 2)],
        )
        if real is not None:
            chart.horizontal(real, style.REAL, "dotted", 2)
            chart.text(-0.5, real, "artist's", "lt", style.REAL, shift=(3, 2))
        for name, score in scores.items():
            chart.mark(_column_of(name), score, style.GREY, "disc", 2.5)
        kind = self.name.split("-")[0]
        for sees, line in (("conditional", "solid"), ("unconditional", "dashed")):
            found = [(LAMBDAS.index(weight), f"{kind}-{sees}-{weight}") for weight in LAMBDAS]
            points = [(at, scores[name]) for at, name in found if name in scores]
            if points:
                places, heights = zip(*points, strict=True)
                chart.line(places, heights, style.BLUE, line, 1.5)
        if self.name in scores:
            chart.mark(_column_of(self.name), scores[self.name], style.VERMILLION, "diamond", 7)
        return chart.image

    def _arrange_controls(self) -> ipywidgets.Widget:
        wrap = ipywidgets.Layout(flex_flow="row wrap", align_items="center")
        controls = self.controls
        return ipywidgets.VBox(
            [
                controls["adversarial"],
                ipywidgets.HBox([controls["lambda_l1"], controls["conditional"]], layout=wrap),
                controls["distance"],
                controls["page"],
            ]
        )


def model_name(adversarial: str, conditional: bool, lambda_l1: float, distance: str) -> str:
    """How the gallery calls the model that was trained with these settings.

    >>> model_name("hinge", False, 10, "l1"), model_name("none", True, 10, "l2")
    ('hinge-unconditional-10', 'l2')
    """
    if adversarial == "none":
        return distance
    return f"{adversarial}-{'conditional' if conditional else 'unconditional'}-{lambda_l1:g}"


def _column_of(name: str) -> int:
    return len(LAMBDAS) + DISTANCES.index(name) if name in DISTANCES else LAMBDAS.index(int(name.rpartition("-")[2]))


def _score(about: dict[str, Any], metric: str) -> float:
    return float(about["saturation"] if metric == "saturation" else about["test"][metric])


_LINES = {
    "D, real": ("real", style.REAL, "solid"),
    "D, fake": ("fake", style.FAKE, "dashed"),
    "G": ("generator", style.GENERATOR, "dash-dot"),
}


@cache
def loss_chart(kind: str) -> Image.Image:
    """The three losses of a kind over the logit; the discriminator's are halved, as in pix2pix.

    >>> loss_chart("bce").size == CHART
    True
    """
    return _over_logits(kind, "losses over the logit", slope=False)


@cache
def slope_chart(kind: str) -> Image.Image:
    """Their derivatives by the logit.

    >>> slope_chart("hinge").size == CHART
    True
    """
    return _over_logits(kind, "their slopes", slope=True)


def _over_logits(kind: str, title: str, *, slope: bool) -> Image.Image:
    limits = (-3.0, 3.0) if slope else (-3.0, 6.0)
    chart = Chart(
        CHART, x=(-3, 3), y=limits, title=title, x_ticks=(-3, 0, 3), y_ticks=(-3, 0, 3, 6)[: 3 if slope else 4]
    )
    chart.horizontal(0, style.GREY)
    if kind == "none":
        chart.text(0, limits[1] / 2, "no adversary", "mm")
        return chart.image
    for number, (name, (part, colour, line)) in enumerate(_LINES.items()):
        term = getattr(LOSSES[RULES[kind]], part)
        values = (term.slope if slope else term.value)(LOGITS) * (0.5 if name.startswith("D") else 1.0)
        chart.line(LOGITS, values, colour, line, 2.5)
        left = -3 + 2.1 * number  # the legend stands in one line at the top
        chart.line([left + 0.1, left + 0.5], [limits[1] * 0.91] * 2, colour, line, 2.5)
        chart.text(left + 0.55, limits[1] * 0.91, name, "lm")
    return chart.image


@cache
def distance_chart(distance: str, weight: float, kind: str = "none") -> Image.Image:
    """How hard lambda times the distance pulls at one value of the picture, and for scale the game's steepest slope.

    The vertical axis is logarithmic on both sides of 0, so that a weight of 1 and one of 1,000 can be compared. What
    the game does to a value is its slope by the logit times that of the logit by the value, which depends on D.

    >>> distance_chart("l1", 100, "bce").size == CHART
    True
    """

    def stretched(slope: Any) -> Any:
        return np.sign(slope) * np.log10(1 + np.abs(slope))

    ticks = (-1000, -10, 0, 10, 1000)
    ends = float(stretched(np.float64(4000)))
    chart = Chart(
        CHART, x=(-2, 2), y=(-ends, ends), title=f"{weight:g} x {distance.upper()}: slope", x_ticks=(-2, 0, 2)
    )
    for tick in ticks:
        chart.text(-2, float(stretched(np.float64(tick))), f"{tick:g}", "rm", shift=(-5, 0))
    errors = np.linspace(-2, 2, 401)
    slopes = weight * (np.sign(errors) if distance == "l1" else 2 * errors)
    chart.horizontal(0, style.GREY)
    if kind != "none":
        steepest = float(np.abs(LOSSES[RULES[kind]].generator.slope(LOGITS)).max())
        for sign in (1, -1):
            chart.horizontal(float(stretched(sign * steepest)), style.GENERATOR, "dash-dot", 1.5)
        chart.text(
            2, float(stretched(steepest)), f"game: at most {steepest:.2g}", "rb", style.GENERATOR, shift=(-3, -2)
        )
    chart.line(errors, stretched(slopes), style.BLACK, width=2.5)
    return chart.image
