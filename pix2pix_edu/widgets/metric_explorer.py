"""Lesson 09: spoil a picture in two ways, and watch which measure prefers which."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import ipywidgets
import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

from pix2pix_edu.errors import UsageError, check_known, nearest
from pix2pix_edu.widgets import style
from pix2pix_edu.widgets.base import Explorer
from pix2pix_edu.widgets.charts import SHARP, below, font
from pix2pix_edu.widgets.pictures import INK, at_size, row

STRONGEST = 10
PERFECT_PSNR = 40.0  # dB; nobody sees a difference there, and equal pictures would have infinitely many
TIE = 0.01  # of the scale from unrelated to identical
SIZE = 64  # pixels of the pictures that ship with the course for this
DISTORTIONS = {
    "blur": "blur",
    "noise": "noise",
    "shift": "shift",
    "hue": "hue",
    "contrast": "contrast",
    "average": "average answer",
    "other": "another right answer",
}
WIDTH, BAR_ROW = 752, 34  # pixels
NAMES, BARS, NUMBERS = 10, (200, 470), 484  # where words, bars and numbers begin, in pixels from the left


# --- Pictures to spoil ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Case:
    """A picture that is compared with, and others that would have been as right.

    Args:
        name: what it shows.
        answers: uint8, (K, H, W, 3), at least two; the first is the one that the measures compare with.
        labels: class numbers of the pixels, (H, W), where they are known.
    """

    name: str
    answers: np.ndarray
    labels: np.ndarray | None = None

    @property
    def real(self) -> np.ndarray:
        """What the measures compare with."""
        return self.answers[0]

    @cached_property
    def others(self) -> np.ndarray:
        """The other right answers, the most similar one first."""
        distances = np.square(self.answers[1:].astype(float) - self.real).mean(axis=(1, 2, 3))
        return self.answers[1:][np.argsort(distances, kind="stable")]

    @cached_property
    def average(self) -> np.ndarray:
        """The mean of all right answers, as floats: what a network trained on L2 alone would like to draw."""
        return self.answers.astype(float).mean(axis=0)

    @cached_property
    def mask(self) -> np.ndarray | None:
        """Where a drawing is coloured, bool (H, W): white paper would drown the colours. None for house fronts."""
        from pix2pix_edu.evaluation import painted

        return painted(self.real) if self.labels is None else None


def cases(drawings: int = 5, houses: int = 4) -> list[Case]:
    """Pictures with several right answers: test drawings in six skin tones, and house fronts in six looks, at 64 px.

    >>> [len(case.answers) for case in cases(drawings=1, houses=1)]
    [6, 6]
    """
    from pix2pix_edu.pairs import load_pairs
    from pix2pix_edu.pairs.facades import facade_labels, render_facade

    variants = load_pairs("emoji", image_size=SIZE).variants or []
    six = [one for one in variants if one.split == "test" and len(one.targets) == 6]
    chosen = [six[index] for index in np.linspace(0, len(six) - 1, drawings).astype(int)]
    found = [Case(one.name, one.targets) for one in chosen]
    for house in range(2_000_000, 2_000_000 + houses):  # test houses of seed 0
        looks = np.stack([render_facade(house, SIZE, look) for look in range(6)])
        found.append(Case(f"house {house}", looks, facade_labels(house, SIZE)))
    return found


def distort(case: Case, kind: str, strength: int) -> np.ndarray:
    """Spoil the real picture of a case.

    Args:
        case: the picture and its other right answers.
        kind: a name in `DISTORTIONS`. "shift" moves it right and down by `strength` pixels, "hue" turns its colours by
            18 degrees a step, "average" fades it into the mean of all right answers, "other" takes one of them instead.
        strength: from 0, which changes nothing, to 10.

    Returns:
        uint8, (H, W, 3).

    Raises:
        UsageError: another kind, or another strength.

    >>> case = Case("two greys", np.stack([np.full((8, 8, 3), grey, np.uint8) for grey in (100, 200)]))
    >>> [int(distort(case, kind, 10)[0, 0, 0]) for kind in ("average", "other", "contrast")]
    [150, 200, 100]
    """
    if kind not in DISTORTIONS:
        raise UsageError(f"kind={kind!r} is not known. {nearest(str(kind), list(DISTORTIONS))}")
    if not 0 <= strength <= STRONGEST:
        raise UsageError(f"strength={strength!r} does not work: choose 0 to {STRONGEST}.")
    real, share = case.real.astype(float), strength / STRONGEST
    if kind == "blur":
        return _uint8(gaussian_filter(real, sigma=(0.25 * strength, 0.25 * strength, 0)))
    if kind == "noise":
        return _uint8(real + np.random.default_rng(0).normal(0, 6 * strength, real.shape))
    if kind == "shift":
        height, width = real.shape[:2]
        return np.pad(case.real, ((strength, 0), (strength, 0), (0, 0)), mode="edge")[:height, :width]
    if kind == "hue":
        return _turn_hue(case.real, share / 2)
    if kind == "contrast":
        grey = real.mean(axis=(0, 1))
        return _uint8(grey + (real - grey) * (1 - 0.9 * share))
    if kind == "average":
        return _uint8((1 - share) * real + share * case.average)
    return case.others[int(np.ceil(share * len(case.others))) - 1] if strength else case.real


def _turn_hue(picture: np.ndarray, turn: float) -> np.ndarray:
    """Move every colour along the colour circle by this share of it; lightness and saturation (HLS) stay."""
    colours, where = np.unique(picture.reshape(-1, 3), axis=0, return_inverse=True)
    turned = []
    for colour in colours / 255:
        hue, lightness, saturation = colorsys.rgb_to_hls(*colour)
        turned.append(colorsys.hls_to_rgb((hue + turn) % 1, lightness, saturation))
    return _uint8(255 * np.array(turned))[where.ravel()].reshape(picture.shape)


def _uint8(values: np.ndarray) -> np.ndarray:
    return np.clip(np.round(values), 0, 255).astype(np.uint8)


# --- Measures on a common scale ---------------------------------------------------------------------------------------


class Measure(NamedTuple):
    """How one measure is shown.

    Args:
        words: its name.
        best: its value for equal pictures, or where its bar ends.
        form: how its value is written.
    """

    words: str
    best: float
    form: str


MEASURES = {
    "psnr": Measure("PSNR", PERFECT_PSNR, "{:.1f} dB"),
    "ssim": Measure("SSIM", 1.0, "{:.2f}"),
    "ms_ssim": Measure("MS-SSIM", 1.0, "{:.2f}"),
    "L": Measure("histogram, lightness L", 1.0, "{:.2f}"),
    "a": Measure("histogram, green to red a", 1.0, "{:.2f}"),
    "b": Measure("histogram, blue to yellow b", 1.0, "{:.2f}"),
    "perceptual": Measure("perceptual distance", 0.0, "{:.3f}"),
    "iou": Measure("FCN-score, class IoU", 1.0, "{:.2f}"),  # real pictures do not reach 1 either
}


def measure(case: Case, picture: np.ndarray) -> dict[str, float]:
    """What each measure in `MEASURES` says of a picture, compared with the real one of a case.

    The perceptual distance is the one of the course's own small network, so that it is the same on every machine. Class
    IoU is NaN where the classes of the pixels are not known.

    >>> round(measure(cases(1, 0)[0], cases(1, 0)[0].real)["ssim"], 3)
    1.0
    """
    from pix2pix_edu.evaluation import (
        fcn_score,
        lab_histogram_intersection,
        ms_ssim,
        perceptual_distance,
        psnr,
        ssim,
    )

    real = case.real
    colours = lab_histogram_intersection(real, picture, mask=case.mask)
    return {
        "psnr": float(psnr(real, picture)[0]),
        "ssim": float(ssim(real, picture)[0]),
        "ms_ssim": float(ms_ssim(real, picture)[0]),
        **colours,
        "perceptual": float(perceptual_distance(real, picture, features="course").values[0]),
        "iou": np.nan if case.labels is None else fcn_score(case.labels, picture).class_iou,
    }


def on_common_scale(values: dict[str, float], unrelated: dict[str, float]) -> dict[str, float]:
    """Each measure as a share of the way from an unrelated picture (0) to an equal one (1); below 0 is worse than that.

    Args:
        values: of the picture, as `measure` gives them.
        unrelated: the same of a picture that has nothing to do with the real one.

    >>> on_common_scale({"psnr": 25.0, "perceptual": 0.1}, {"psnr": 10.0, "perceptual": 0.4})
    {'psnr': 0.5, 'perceptual': 0.75}
    """
    scaled = {}
    for name, value in values.items():
        best = MEASURES[name].best
        scaled[name] = float(min((value - unrelated[name]) / (best - unrelated[name]), 1.0))
    return scaled


# --- The widget -------------------------------------------------------------------------------------------------------

EXPLAIN = (
    "No two of these measures ask the same question. PSNR and SSIM ask for this very picture, pixel by pixel or window "
    "by window: a shift of two pixels costs more than a good deal of blur, and another right answer is simply wrong. "
    "Histograms ask which colours there are, and not where: a shift costs them next to nothing. Blur and noise cost "
    "them much in a drawing, where they make many colours of one. The perceptual distance asks for edges and textures, "
    "the FCN-score whether a window is still found where it was asked for: a shift is bad for both, another right "
    "answer harms the FCN-score least of all, and neither minds the average of six answers much. So a number means "
    "little without its question, and two measures that disagree have both said something."
)


class MetricExplorer(Explorer):
    """One real picture, two spoiled ones, and what eight measures say of both.

    Args:
        given: the pictures to choose from; default: `cases()`.

    Its controls: `index` (of the picture), `a` and `b` (how A and B are spoiled, names in `DISTORTIONS`), `a_strength`
    and `b_strength` (0 to 10).

    Attributes:
        numbers: "A" and "B" -> measure -> its value.
        scaled: the same on the common scale.
        ceiling: where the class IoU of the real picture itself lies on that scale, which the judge does not read
            without mistakes; NaN for drawings.

    >>> explorer = MetricExplorer(cases(drawings=2, houses=0))
    >>> explorer.set(a="blur", a_strength=4, b="shift", b_strength=2)
    >>> explorer.preferred("psnr")
    'A'
    """

    def __init__(self, given: Sequence[Case] | None = None) -> None:
        self.cases = list(cases() if given is None else given)
        if not self.cases:
            raise UsageError("There is no picture to spoil: give at least two.")
        for name, kind in (("drawings", True), ("houses", False)):
            if sum((case.labels is None) == kind for case in self.cases) == 1:
                raise UsageError(
                    f"One picture alone is too few: give no {name}, or at least two, to have an unrelated one."
                )
        self._known: dict[tuple[int, str, int], dict[str, float]] = {}
        self._unrelated: dict[int, dict[str, float]] = {}
        self.ceiling = np.nan
        self.numbers: dict[str, dict[str, float]] = {}
        self.scaled: dict[str, dict[str, float]] = {}
        index = ipywidgets.IntSlider(0, 0, len(self.cases) - 1, description="Picture")
        super().__init__(
            {"index": index, **_controls("a", "blur", 4), **_controls("b", "other", 6)},
            title="Which of the two is better? It depends on whom you ask",
            predict="A is blurred, B is shifted by two pixels: which measures will prefer A, and which B?",
            explain=EXPLAIN,
            width=WIDTH,
        )

    def preferred(self, name: str) -> str:
        """Which picture a measure prefers: "A", "B", "=" for neither, or "" where it cannot be taken.

        Raises:
            UsageError: no such measure.
        """
        check_known("measure", name, MEASURES)
        difference = self.scaled["A"][name] - self.scaled["B"][name]
        if np.isnan(difference):
            return ""
        return "=" if abs(difference) < TIE else "A" if difference > 0 else "B"

    def values_of(self, index: int, kind: str, strength: int) -> dict[str, float]:
        """What the measures say of a spoiled picture. Computed once, then remembered."""
        key = (index, kind if strength else "", strength)
        if key not in self._known:
            self._known[key] = measure(self.cases[index], distort(self.cases[index], kind, strength))
        return self._known[key]

    def unrelated(self, index: int) -> dict[str, float]:
        """What they say, on average, of the other pictures of the same kind: drawings or houses."""
        if index not in self._unrelated:
            case = self.cases[index]
            others = [
                other for other in self.cases if other is not case and (other.labels is None) == (case.labels is None)
            ]
            found = [measure(case, other.real) for other in others]
            self._unrelated[index] = {name: float(np.mean([one[name] for one in found])) for name in MEASURES}
        return self._unrelated[index]

    def draw(self, *, index: int, a: str, a_strength: int, b: str, b_strength: int) -> np.ndarray:
        """The three pictures above, and two bars for each measure."""
        case = self.cases[index]
        settings = {"A": (a, a_strength), "B": (b, b_strength)}
        self.numbers = {letter: self.values_of(index, *setting) for letter, setting in settings.items()}
        self.scaled = {
            letter: on_common_scale(values, self.unrelated(index)) for letter, values in self.numbers.items()
        }
        self.ceiling = on_common_scale(self.values_of(index, a, 0), self.unrelated(index))["iou"]
        pictures = [case.real, *(distort(case, *setting) for setting in settings.values())]
        heads = ["the real one", *(f"{letter}: {in_words(*setting)}" for letter, setting in settings.items())]
        shown = row([at_size(picture) for picture in pictures], heads)
        return np.asarray(below([Image.fromarray(shown), self._bars()], gap=8))

    def caption(self, *, index: int, a: str, a_strength: int, b: str, b_strength: int) -> str:
        """Who prefers which."""
        sides: dict[str, list[str]] = {"A": [], "B": [], "=": []}
        for name, one in MEASURES.items():
            if self.preferred(name):
                sides[self.preferred(name)].append(one.words)
        words = {"A": "A is preferred by", "B": "B by", "=": "No difference for"}
        told = " ".join(f"{words[side]} {', '.join(names)}." for side, names in sides.items() if names)
        start = f"{self.cases[index].name}. A: {in_words(a, a_strength)}. B: {in_words(b, b_strength)}."
        return f"{start} {told[0].upper()}{told[1:]}"

    def _arrange_controls(self) -> ipywidgets.Widget:
        lines = [ipywidgets.VBox([self.controls[side], self.controls[f"{side}_strength"]]) for side in ("a", "b")]
        return ipywidgets.VBox([self.controls["index"], *lines])

    def _bars(self) -> Image.Image:
        sheet = Image.new("RGB", (SHARP * WIDTH, SHARP * (30 + BAR_ROW * len(MEASURES))), "white")
        pen = ImageDraw.Draw(sheet)
        _write(pen, BARS[0], 10, "like an unrelated picture", 11)
        _write(pen, BARS[1], 10, "equal", 11, "rm")
        _write(pen, NUMBERS, 10, "A", 11)
        _write(pen, NUMBERS + 75, 10, "B", 11)
        _write(pen, NUMBERS + 150, 10, "prefers", 11)
        for number, name in enumerate(MEASURES):
            self._bar_pair(pen, 26 + BAR_ROW * number, name)
        return sheet.reduce(SHARP)

    def _bar_pair(self, pen: Any, top: int, name: str) -> None:
        """The bars of A and B for one measure, both values, and which is preferred."""
        _write(pen, NAMES, top + 13, MEASURES[name].words, 12)
        choice = self.preferred(name)
        if not choice:
            _write(pen, BARS[0], top + 13, "only where the classes are known: choose a house", 11)
            return
        for place, (letter, colour) in enumerate((("A", style.BLUE), ("B", style.ORANGE))):
            y = top + 13 * place
            share = max(self.scaled[letter][name], 0.0)
            end = BARS[0] + (BARS[1] - BARS[0]) * share
            _box(pen, (BARS[0], y, BARS[1], y + 11), "#EEEEEE")
            _box(pen, (BARS[0], y, max(end, BARS[0] + 1), y + 11), colour)
            _write(pen, BARS[0] - 10, y + 6, letter, 10)
            value = MEASURES[name].form.format(self.numbers[letter][name]).replace("inf dB", "infinite")
            _write(pen, NUMBERS + 75 * place, top + 13, value, 12)
        if name == "iou":
            x = BARS[0] + (BARS[1] - BARS[0]) * max(self.ceiling, 0.0)
            _box(pen, (x - 1, top - 2, x + 1, top + 26), style.BLACK)
            _write(pen, x, top + 31, "the real one", 10, "mm")
        _write(pen, NUMBERS + 150, top + 13, "neither" if choice == "=" else choice, 13)


def _controls(side: str, kind: str, strength: int) -> dict[str, ipywidgets.Widget]:
    choice = ipywidgets.ToggleButtons(
        options=[(words, name) for name, words in DISTORTIONS.items()],
        value=kind,
        description=side.upper(),
        style={"button_width": "auto"},
    )
    slider = ipywidgets.IntSlider(strength, 0, STRONGEST, description=f"{side.upper()} strength")
    return {side: choice, f"{side}_strength": slider}


def in_words(kind: str, strength: int) -> str:
    """What was done, for a heading.

    >>> in_words("shift", 2), in_words("blur", 4), in_words("noise", 0)
    ('shifted by 2 px', 'blur 4', 'unchanged')
    """
    if not strength:
        return "unchanged"
    return f"shifted by {strength} px" if kind == "shift" else f"{DISTORTIONS[kind]} {strength}"


def _write(pen: Any, x: float, y: float, words: str, size: int, anchor: str = "lm") -> None:
    pen.text((SHARP * x, SHARP * y), words, fill=INK, font=font(size), anchor=anchor)


def _box(pen: Any, corners: tuple[float, float, float, float], colour: str) -> None:
    pen.rectangle([SHARP * value for value in corners], fill=style.rgb(colour))
