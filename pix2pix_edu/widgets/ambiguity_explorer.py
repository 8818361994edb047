"""Lesson 06: one line drawing with six right answers, a value to predict, and what each loss says about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ipywidgets
import numpy as np
from PIL import Image

from pix2pix_edu.errors import UsageError
from pix2pix_edu.evaluation import DIFFERENT
from pix2pix_edu.gan import softplus
from pix2pix_edu.widgets import style
from pix2pix_edu.widgets.base import Explorer
from pix2pix_edu.widgets.charts import Chart, below, beside
from pix2pix_edu.widgets.pictures import PAPER, at_size, row

CHANNELS = ("red", "green", "blue")
VALUES = np.arange(256)
SMALLEST_AREA = 6  # pixels; smaller ones cannot be seen when they change
AREAS = 3  # at most, of one drawing
BLURS = (2, 3, 4, 6, 8, 12, 16, 24)
WIDTH = 716  # of the picture, in pixels
EXPLAIN = (
    "L2 is a bowl: each answer pulls as hard as it is far away, and they balance at the mean. L1 is made of straight "
    "pieces: each answer pulls equally hard, however far it is, so they balance where as many lie above as below. With "
    "six answers that is everywhere between the third and the fourth: the bottom is flat, and very often the mean lies "
    "on it. Neither cares whether its lowest value is a colour that anybody would use. The adversarial loss does: the "
    "best discriminator knows how often each value is drawn, so there is one valley for each answer, and deeper ones "
    "where two answers nearly agree. In between are hills. Enlarge the blur, and valleys melt together: a "
    "discriminator that cannot tell neighbouring values apart is content with a value between them."
)


class AmbiguityExplorer(Explorer):
    """Predict a value for an area whose colour the lines do not tell, and see what L2, L1 and the adversary say.

    Args:
        variants: a list of `Variants`, such as `pairs.variants` or a gallery's: drawings with several right answers.
            Those that have fewer than three, or hardly differ, are left out.

    Its controls: `index` (of the drawing), `area` (of the drawing, the largest first), `channel` ("red", "green" or
    "blue"), `value` (what you predict there, 0 to 255) and `blur` (how exactly the discriminator knows the values).
    Two buttons set all channels to the mean or the median, six more to one of the answers.

    Attributes:
        colour: the predicted colour of the area, three whole numbers; `value` is one of them.
        answers: the right colours of the area: uint8 (K, 3).
        curves: "l2", "l1" and "adversarial": each loss at all values from 0 to 255 of the chosen channel.

    Raises:
        UsageError: no drawing that is left has several right answers.

    >>> from pix2pix_edu.pairs import Variants
    >>> tones = np.repeat(np.array([0, 90, 240], np.uint8), 8 * 8 * 3).reshape(3, 8, 8, 3)
    >>> explorer = AmbiguityExplorer([Variants("leaf", tones[2], tones, ["black", "grey", "white"], "test")])
    >>> explorer.least("l2"), explorer.least("l1"), explorer.least("adversarial")
    ([110], [90], [0, 90, 240])
    """

    def __init__(self, variants: Sequence[Any]) -> None:
        self.variants = [one for one in variants if len(one.targets) > 2 and areas_of(one.targets)]
        if not self.variants:
            raise UsageError(
                "There is no drawing here with three or more right answers that differ clearly: give `pairs.variants` "
                'of `load_pairs("emoji")`, or some of them.'
            )
        self._areas = [areas_of(one.targets) for one in self.variants]
        self._at: tuple[Any, ...] = ()  # drawing, area and channel that the sliders stand for
        self.curves: dict[str, np.ndarray] = {}
        super().__init__(
            {
                "index": ipywidgets.IntSlider(0, 0, len(self.variants) - 1, description="Drawing"),
                "area": ipywidgets.IntSlider(1, 1, 1, description="Area"),
                "channel": ipywidgets.ToggleButtons(
                    options=list(CHANNELS), description="Channel", style={"button_width": "80px"}
                ),
                "value": ipywidgets.IntSlider(0, 0, 255, description="You predict"),
                "blur": ipywidgets.SelectionSlider(options=BLURS, value=4, description="Blur"),
            },
            title="Several right answers, one prediction",
            predict="Where will each loss be lowest: at one of the right values, or between them?",
            explain=EXPLAIN,
            width=WIDTH,
        )

    # What a learner, a notebook or a test uses

    def predict_mean(self) -> None:
        """Predict the mean of the answers in every channel, rounded."""
        self._predict(np.round(self.answers.mean(axis=0)))

    def predict_median(self) -> None:
        """Predict the median in every channel: halfway between the middle two, where their number is even."""
        self._predict(np.floor(np.median(self.answers, axis=0)))

    def predict_answer(self, number: int) -> None:
        """Predict the colour of one right answer, counted from 0."""
        if not 0 <= number < len(self.answers):
            raise UsageError(f"There are the answers 0 to {len(self.answers) - 1}, not {number!r}.")
        self._predict(self.answers[number])

    def least(self, loss: str) -> list[int]:
        """All values with the least loss; `loss` is one of the names in `curves`."""
        curve = self.curves[loss]
        return np.flatnonzero(curve <= curve.min() + 1e-9).tolist()

    # What the base asks for

    def adjust(self, *, index: int, area: int, channel: str, **others: Any) -> None:
        """Another drawing or area begins at the mean; another channel shows the value that is predicted there."""
        self.controls["area"].max = len(self._areas[index])
        area = self.controls["area"].value  # a new drawing may have fewer of them
        if self._at[:2] != (index, area):
            self._where = self._areas[index][area - 1]
            self.answers = self.variants[index].targets[:, *np.argwhere(self._where)[0]]
            self.colour = np.round(self.answers.mean(axis=0)).astype(int).tolist()
            self._repaint = _recolouring(self.variants[index].targets, self.answers)
        if self._at != (index, area, channel):
            self._at = (index, area, channel)
            self.controls["value"].value = self.colour[CHANNELS.index(channel)]
        self._name_buttons()

    def draw(self, *, index: int, area: int, channel: str, value: int, blur: int) -> Image.Image:
        """Above: the lines, your picture and the right ones. Below: a chart for each loss."""
        at = CHANNELS.index(channel)
        self.colour[at] = value
        right = self.answers[:, at].astype(float)
        distance = VALUES[:, None] - right
        self.curves = {
            "l2": np.mean(distance**2, axis=1),
            "l1": np.mean(np.abs(distance), axis=1),
            "adversarial": adversarial_price(VALUES, right, blur),
        }
        one = self.variants[index]
        yours = self._repaint(np.array(self.colour, float))
        large = row([at_size(self._tinted(one.source)), at_size(yours)], ["the lines; blue: the area", "yours"])
        sheet = beside([Image.fromarray(large), _right_answers(one.targets)], gap=12)
        return below([sheet, beside([self._chart(loss, right, value) for loss in self.curves])], gap=10)

    def caption(self, *, index: int, area: int, channel: str, value: int, blur: int) -> str:
        """What is right, what you predict, and what each loss says to it."""
        right = sorted(int(number) for number in self.answers[:, CHANNELS.index(channel)])
        where = f"{self.variants[index].name}, area {area} ({int(self._where.sum())} pixels)"
        losses = [
            f"{_NAMES[loss]} {_short(curve[value])}, least {_short(curve.min())} at {_between(self.least(loss))}"
            for loss, curve in self.curves.items()
        ]
        return (
            f"{where}. Right values of {channel}: {', '.join(map(str, right))}. You predict {value}: "
            f"{'; '.join(losses)}. Triangles: right values. Disc: least. Line: yours."
        )

    # How it works

    def _predict(self, colour: np.ndarray) -> None:
        self.colour = [int(value) for value in colour]
        self.set(value=self.colour[CHANNELS.index(self.values["channel"])])

    def _chart(self, loss: str, right: np.ndarray, value: int) -> Image.Image:
        curve, colour = self.curves[loss], _COLOURS[loss]
        ticks = (0, 3, 6, 9) if loss == "adversarial" else _ticks(4 * float(curve.min()))
        top = float(ticks[-1])
        chart = Chart(
            ((WIDTH - 16) // 3, 190),
            x=(0, 255),
            y=(-0.14 * top, top),
            title=f"{_NAMES[loss]}: {_short(curve[value])} at {value}",
            x_ticks=(0, 64, 128, 192, 255),
            y_ticks=ticks,
        )
        best = self.least(loss)
        chart.horizontal(0, style.GREY)
        chart.vertical(value, style.BLACK, "dashed", 1.5)
        chart.line(VALUES, curve, colour)
        for number in right:
            chart.mark(number, -0.07 * top, style.REAL, "triangle", 4)
        if _is_run(best):
            chart.line([best[0], best[-1]], [curve.min()] * 2, style.BLACK, width=4)
            best = [(best[0] + best[-1]) // 2]
        for number in best:
            chart.mark(number, float(curve.min()), style.BLACK, "disc", 5)
        chart.mark(value, float(min(curve[value], top)), colour, "diamond", 6)
        return chart.image

    def _tinted(self, lines: np.ndarray) -> np.ndarray:
        """The line drawing with the area in pale blue."""
        tint = (lines * 0.5 + 0.5 * np.array(style.rgb(style.SKY_BLUE))).astype(np.uint8)
        return np.where(self._where[..., None], tint, lines)

    def _arrange_controls(self) -> ipywidgets.Widget:
        wrap = ipywidgets.Layout(flex_flow="row wrap", align_items="center")
        self._mean_button = ipywidgets.Button(description="the mean")
        self._median_button = ipywidgets.Button(description="the median")
        self._mean_button.on_click(lambda _: self.predict_mean())
        self._median_button.on_click(lambda _: self.predict_median())
        most = max(len(one.targets) for one in self.variants)
        self._answer_buttons = [ipywidgets.Button() for _ in range(most)]
        for number, button in enumerate(self._answer_buttons):
            button.on_click(lambda _, number=number: self.predict_answer(number))
        buttons = [self._mean_button, self._median_button, *self._answer_buttons]
        for button in buttons:
            button.layout.width = "auto"
        label = ipywidgets.Label("Predict", layout=ipywidgets.Layout(width="80px"))
        controls = self.controls
        return ipywidgets.VBox(
            [
                ipywidgets.HBox([controls["index"], controls["area"]], layout=wrap),
                controls["channel"],
                ipywidgets.HBox([controls["value"], controls["blur"]], layout=wrap),
                ipywidgets.HBox([label, *buttons], layout=wrap),
            ]
        )

    def _name_buttons(self) -> None:
        words = self.variants[self.values["index"]].answers
        for number, button in enumerate(self._answer_buttons):
            button.description = words[number] if number < len(words) else ""
            button.layout.display = "" if number < len(words) else "none"


_NAMES = {"l2": "L2", "l1": "L1", "adversarial": "adversarial"}
_COLOURS = {"l2": style.ORANGE, "l1": style.BLUE, "adversarial": style.DISCRIMINATOR}


def adversarial_price(values: np.ndarray, answers: np.ndarray, blur: float) -> np.ndarray:
    """What a generator pays, against the best discriminator there is, for drawing each of these values.

    Real values are distributed as the answers, each blurred by a normal distribution: density p. The generator draws
    its value with the same blur: density q. The best discriminator says D = p / (p + q) (Goodfellow et al. 2014), so
    its logit is log p - log q, and the generator pays the mean of -log D = softplus(-logit) over what it draws.

    Args:
        values: what the generator may draw, shape (V,).
        answers: what is right, shape (K,).
        blur: standard deviation of both.

    Returns:
        Shape (V,). A value that is one of K distinct answers costs log(K + 1).

    >>> prices = adversarial_price(np.array([0, 60, 120]), np.array([0, 120]), blur=5)
    >>> bool(prices[0] < 1.2 and np.isclose(prices[0], np.log(3)) and prices[1] > 50)
    True
    """
    values, answers = np.asarray(values, float), np.asarray(answers, float)
    steps = np.linspace(-5, 5, 101)  # in standard deviations: what a normal distribution draws, and how often
    weights = np.exp(-(steps**2) / 2)
    drawn = values[:, None] + blur * steps  # (V, 101)
    log_q = -(steps**2) / 2
    log_p = np.logaddexp.reduce(-(((drawn[..., None] - answers) / blur) ** 2) / 2, axis=-1) - np.log(len(answers))
    return softplus(log_q - log_p) @ (weights / weights.sum())


def areas_of(targets: np.ndarray) -> list[np.ndarray]:
    """The areas of a drawing that its answers colour differently, the largest first; at most three.

    Args:
        targets: the right answers, uint8 (K, H, W, C).

    Returns:
        For each area a mask, bool (H, W): pixels that have the same colour as each other in every answer, and clearly
        different ones in some of the answers.

    >>> targets = np.zeros((2, 8, 8, 3), np.uint8)
    >>> targets[1, :4] = 200
    >>> [int(area.sum()) for area in areas_of(targets)]
    [32]
    """
    differ = np.ptp(targets, axis=0).max(axis=-1) > DIFFERENT
    places = np.argwhere(differ)
    if len(places) == 0:
        return []
    colours = targets[:, differ].transpose(1, 0, 2).reshape(len(places), -1)  # all answers of a pixel in a row
    _, group, counts = np.unique(colours, axis=0, return_inverse=True, return_counts=True)
    largest = [number for number in np.argsort(-counts, kind="stable")[:AREAS] if counts[number] >= SMALLEST_AREA]
    areas = []
    for number in largest:
        area = np.zeros(differ.shape, bool)
        area[tuple(places[group.ravel() == number].T)] = True
        areas.append(area)
    return areas


def _recolouring(targets: np.ndarray, answers: np.ndarray) -> Any:
    """A function that paints the area in any colour, as the artist would have.

    A pixel at the edge of an area is a mixture of its colour with another: in all answers the same share of it. The
    share is found by least squares over the answers. Pixels that do not follow the area, such as hair beside skin, are
    taken from the answer whose colour is nearest.
    """
    right, tones = targets.astype(float), answers.astype(float)  # (K, H, W, 3) and (K, 3)
    centred = tones - tones.mean(axis=0)
    share = np.einsum("khwc,kc->hwc", right, centred) / np.maximum((centred**2).sum(axis=0), 1e-9)
    rest = right.mean(axis=0) - share * tones.mean(axis=0)
    misfit = np.abs(right - (share * tones[:, None, None] + rest)).max(axis=(0, 3))
    follows = (misfit < 12)[..., None]

    def repaint(colour: np.ndarray) -> np.ndarray:
        nearest = np.square(tones - colour).sum(axis=1).argmin()
        painted = np.where(follows, share * colour + rest, right[nearest])
        return np.clip(np.round(painted), 0, 255).astype(np.uint8)

    return repaint


def _right_answers(targets: np.ndarray) -> Image.Image:
    """The right pictures, half as large, in two rows."""
    half = [at_size(target, 96) for target in targets]
    per_row = -(-len(half) // 2)
    rows = [row(half[:per_row], ["", "all of these are right"]), row(half[per_row:])]
    height = sum(part.shape[0] for part in rows) + 2
    sheet = np.full((height, max(part.shape[1] for part in rows), 3), PAPER, np.uint8)
    sheet[: rows[0].shape[0], : rows[0].shape[1]] = rows[0]
    sheet[-rows[1].shape[0] :, : rows[1].shape[1]] = rows[1]
    return Image.fromarray(sheet)


def _short(number: float) -> str:
    """Four digits at most.

    >>> _short(2520.4), _short(43.25), _short(1.386)
    ('2,520', '43.2', '1.39')
    """
    return f"{number:,.0f}" if number >= 100 else f"{number:.1f}" if number >= 10 else f"{number:.2f}"


def _ticks(top: float) -> tuple[float, float, float]:
    """0, a round number, and its double, which is `top` or a little more.

    >>> _ticks(10_400), _ticks(173), _ticks(0.5)
    ((0, 6000, 12000), (0, 90, 180), (0, 0.3, 0.6))
    """
    unit = 10.0 ** np.floor(np.log10(top / 2))
    half = float(np.round(np.ceil(top / 2 / unit) * unit, 9))
    return (0, int(half), int(2 * half)) if half >= 1 else (0, half, 2 * half)


def _is_run(values: Sequence[int]) -> bool:
    """Whether these are several values that follow each other."""
    return len(values) > 1 and values[-1] - values[0] == len(values) - 1


def _between(values: Sequence[int]) -> str:
    """A few values in words.

    >>> _between([7]), _between([7, 8, 9]), _between([7, 20])
    ('7', 'all of 7 to 9', '7 and 20')
    """
    return f"all of {values[0]} to {values[-1]}" if _is_run(values) else " and ".join(map(str, values))
