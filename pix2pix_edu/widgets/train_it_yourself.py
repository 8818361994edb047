"""Lesson 06: train a small pix2pix under your own settings of the loss, and watch it draw while it learns."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import ipywidgets
import numpy as np
from PIL import Image

from pix2pix_edu.errors import UsageError
from pix2pix_edu.gan import CHANCE
from pix2pix_edu.widgets import style
from pix2pix_edu.widgets.base import Explorer
from pix2pix_edu.widgets.charts import Chart, below, beside
from pix2pix_edu.widgets.job import Job
from pix2pix_edu.widgets.pictures import at_size, column, row

LAMBDAS = (0, 1, 10, 100, 1000)
SHOWN = 6  # drawings on the sheet
MOST_STEPS = 4_000  # of one training; then it rests
BATCH = 16
LEARNING_RATE = 1e-3  # five times the paper's: a restless game, but within a minute there is something to see
REDRAW_SECONDS = 1.0  # while it runs; a new sheet costs about as much as two steps
POINTS = 200  # of a curve, at most; between them losses are averaged
CHART = (320, 150)  # pixels of a chart, width and height
# What the (halved) loss of the discriminator is if the best it can do is to say the same to both kinds.
CHANCE_LEVELS = {"bce": CHANCE, "lsgan": 0.25, "hinge": 1.0}
EXPLAIN = (
    "With L1 alone the lines come first, then pale, careful colours: what nobody can know is averaged. The adversary "
    "makes colours fuller, and makes mistakes bolder as well. With lambda = 0 there is nothing but the game: a "
    "discriminator that sees the drawing still asks for a picture that fits it; one that does not see it is content "
    "with anything that looks drawn. A large lambda drowns the game: compare the losses, and the pictures. The "
    "adversarial losses hover while the pictures become better; only L1 falls. One minute is little, so "
    "do not conclude much from one run: the shipped models of this lesson were trained for longer."
)


class TrainItYourself(Explorer):
    """A 32 px pix2pix under your own settings: a sheet of test drawings and loss curves while it trains.

    Args:
        train: the `Split` to learn from, such as `pairs.train`.
        test: the `Split` from which the drawings of the sheet are taken, evenly spread.
        steps: how many steps to make before it is first shown.
        seed: of weights, order and jitter: the same settings train very nearly the same model.
        **values: first values of the controls.

    Its controls: `adversarial` ("bce", "lsgan", "hinge" or "none"), `conditional` (whether the discriminator sees the
    drawing), `lambda_l1` (0, 1, 10, 100 or 1000), `distance` ("l1" or "l2") and `filters` (8 or 16). A change of any of
    them begins a new training. Without an adversary there must be a distance, so `lambda_l1` cannot be 0 then.

    Attributes:
        job: trains; it can be stopped, continued and begun anew.
        model: the `Pix2Pix` that is being trained, or None before the first step.
        history: "d_loss", "g_gan" and "l1", a number for each step; without an adversary "l1" alone.

    Raises:
        UsageError: pictures that are not 32 x 32 px, or too few to train on.

    >>> from pix2pix_edu.pairs import Split
    >>> pictures = np.zeros((20, 32, 32, 3), np.uint8)
    >>> widget = TrainItYourself(Split(pictures, pictures), Split(pictures, pictures), adversarial="none")
    >>> widget.advance(2)
    >>> widget.job.done, len(widget.history["l1"]), widget.text.split(".")[0]
    (2, 2, 'Step 2')
    """

    def __init__(self, train: Any, test: Any, *, steps: int = 0, seed: int = 0, **values: Any) -> None:
        for name, split in (("train", train), ("test", test)):
            least, size = (BATCH if name == "train" else 1), split.sources.shape[1:3]
            if size != (32, 32) or len(split) < least:
                raise UsageError(
                    f"This trains on pairs of 32 x 32 px, at least {BATCH} of them, and shows test pairs; {name} holds "
                    f'{len(split)} of {size[0]} x {size[1]} px. Use `load_pairs("emoji", image_size=32)`.'
                )
        self.train, self.seed = train, seed
        self.shown = test[np.linspace(0, len(test) - 1, min(SHOWN, len(test))).round().astype(int)]
        self.job = _Trainer(self._training, total=MOST_STEPS, on_update=self._show, on_reset=self._begin_anew)
        self._settings: dict[str, Any] = {}
        self._is_quiet = False
        self.model: Any = None
        self.history: dict[str, list[float]] = {}
        self._translated: tuple[int, np.ndarray] = (-1, np.empty(0))  # after so many steps, these pictures
        self._forget_model()
        super().__init__(
            _controls(),
            title="Train it yourself",
            predict="What will come first: lines, areas, or colours? And what will your settings do to the colours?",
            explain=EXPLAIN,
        )
        if values:
            self.set(**values)
        if steps:
            self.advance(steps)

    # What the buttons do, for notebooks and tests as well

    def advance(self, steps: int) -> None:
        """Make so many steps at once, and show the result."""
        self._is_quiet = True  # the job would draw a sheet after each step
        try:
            for _ in range(steps):
                self.job.step()
        finally:
            self._is_quiet = False
        self._redraw_now()

    def reset(self) -> None:
        """Forget what was learnt, and begin the same training anew."""
        self.job.reset()

    # What the base asks for

    def adjust(self, **settings: Any) -> None:
        """Other settings begin a new training."""
        if settings["adversarial"] == "none" and settings["lambda_l1"] == 0:
            self.controls["lambda_l1"].value = 100  # with neither game nor distance there is nothing to learn from
        settings = self.values
        self.controls["conditional"].disabled = settings["adversarial"] == "none"
        if settings != self._settings:
            self._settings = settings
            self._forget_model()
            self.job.reset()

    def draw(self, **settings: Any) -> Image.Image:
        """Above the lines, what the generator makes of them, and the artist's; below the curves."""
        sheets = [self.shown.sources, self._translations(), self.shown.targets]
        rows = [row([at_size(picture, 96) for picture in pictures]) for pictures in sheets]
        charts = beside([self._game_chart(), self._distance_chart()])
        sheet = _with_words(column(rows), "the lines; what your generator makes of them; the artist's")
        return below([sheet, charts], gap=10)

    def caption(self, **settings: Any) -> str:
        """Settings, losses and speed in words."""
        words = f"Step {self.job.done:,}. {self._describe()}"
        if self.history["l1"]:
            last = {name: float(np.mean(values[-20:])) for name, values in self.history.items() if values}
            words += " Last 20 steps: " + ", ".join(f"{_WORDS[name]} {value:.3f}" for name, value in last.items()) + "."
        else:
            words += " Press Start: the first step takes a few seconds, because the networks are built and compiled."
        return words

    # How it works

    def _arrange_controls(self) -> ipywidgets.Widget:
        wrap = ipywidgets.Layout(flex_flow="row wrap", align_items="center")
        names = ("lambda_l1", "conditional")
        sliders = ipywidgets.HBox([self.controls[name] for name in names], layout=wrap)
        return ipywidgets.VBox(
            [
                self.controls["adversarial"],
                sliders,
                self.controls["distance"],
                self.controls["filters"],
                self.job.view,
            ]
        )

    def _describe(self) -> str:
        settings = self.values
        distance = f"{settings['lambda_l1']:g} x {settings['distance'].upper()}"
        if settings["adversarial"] == "none":
            return f"No adversary (so lambda cannot be 0), {distance}, {settings['filters']} filters."
        sees = "sees the drawing" if settings["conditional"] else "does not see the drawing"
        return f"{settings['adversarial']} + {distance}, D {sees}, {settings['filters']} filters."

    def _training(self) -> Iterator[int]:
        """The work of the job: a training step between two yields."""
        from pix2pix_edu.training import TrainingBatches  # loads Keras

        model, history = _new_model(self._settings, self.seed), self.history
        batches = TrainingBatches(self.train, BATCH, seed=self.seed)
        self.model = model
        for step in range(MOST_STEPS):
            batches.epoch, index = divmod(step, len(batches))
            with self._lock:
                model.reset_metrics()  # Keras would give means over all steps
                logs = model.train_on_batch(*batches[index], return_dict=True)
                for name in history:
                    if name in logs:
                        history[name].append(float(logs[name]))
            yield step + 1

    def _translations(self) -> np.ndarray:
        """What the generator makes of the drawings now; blank paper before the first step."""
        from pix2pix_edu.translation import translate

        if self.model is None:
            return np.full_like(self.shown.targets, 255)
        if self._translated[0] != self.job.done:
            self._translated = (self.job.done, translate(self.model, self.shown.sources))
        return self._translated[1]

    def _show(self, _: Any) -> None:
        """Called by the job about ten times a second; a new sheet once a second is enough while it runs."""
        if self._is_quiet:
            return
        if self.job.state != "running" or time.perf_counter() - self._shown_at > REDRAW_SECONDS:
            self._redraw_now()

    def _redraw_now(self) -> None:
        self.redraw()
        self._shown_at = time.perf_counter()

    def _forget_model(self) -> None:
        self.model = None
        self.history = {"d_loss": [], "g_gan": [], "l1": []}
        self._translated = (-1, np.empty(0))
        self._shown_at = 0.0

    def _begin_anew(self) -> None:
        with self._lock:
            self._forget_model()
            if hasattr(self, "view"):
                self.redraw()

    def _game_chart(self) -> Image.Image:
        kind = self.values["adversarial"]
        curves = {} if kind == "none" else {"D": self.history["d_loss"], "G": self.history["g_gan"]}
        return _chart("the game: loss of D, loss of G", curves, CHANCE_LEVELS.get(kind))

    def _distance_chart(self) -> Image.Image:
        return _chart("L1 (0: equal to the target)", {"L1": self.history["l1"]}, floor=0.0)


_WORDS = {"d_loss": "loss of D", "g_gan": "adversarial loss of G", "l1": "L1"}
_LINES = {"D": (style.DISCRIMINATOR, "solid"), "G": (style.GENERATOR, "dashed"), "L1": (style.BLACK, "solid")}


class _Trainer(Job):
    """A job that also says when it is begun anew."""

    def __init__(self, steps: Callable[[], Iterator[Any]], *, on_reset: Callable[[], None], **options: Any) -> None:
        self._on_reset = on_reset
        super().__init__(steps, name="Training", **options)

    def _forget(self) -> None:
        super()._forget()
        self._on_reset()


def _controls() -> dict[str, ipywidgets.Widget]:
    def buttons(options: tuple, description: str, value: Any) -> ipywidgets.ToggleButtons:
        width = {"button_width": "70px"}
        return ipywidgets.ToggleButtons(options=options, value=value, description=description, style=width)

    return {
        "adversarial": buttons(("bce", "lsgan", "hinge", "none"), "Adversary", "bce"),
        "conditional": ipywidgets.Checkbox(True, description="D sees the drawing", indent=False),
        "lambda_l1": ipywidgets.SelectionSlider(options=LAMBDAS, value=100, description="lambda"),
        "distance": buttons((("L1", "l1"), ("L2", "l2")), "Distance", "l1"),
        "filters": buttons((8, 16), "Filters", 8),
    }


def _new_model(settings: dict[str, Any], seed: int) -> Any:
    """A compiled `Pix2Pix` for 32 px; its discriminator sees all of a picture at once, 34 px."""
    import pix2pix_edu as p2p
    from pix2pix_edu.backend import keras
    from pix2pix_edu.optimizers import new_optimizer

    keras.utils.set_random_seed(seed)
    filters, adversarial = settings["filters"], settings["adversarial"]
    model = p2p.Pix2Pix(
        p2p.generator_model(32, filters, seed=seed),
        p2p.discriminator_model(32, filters, receptive_field=34, conditional=settings["conditional"], seed=seed),
    )
    model.compile(
        new_optimizer(LEARNING_RATE),
        new_optimizer(LEARNING_RATE),
        lambda_l1=float(settings["lambda_l1"]),
        adversarial=None if adversarial == "none" else adversarial,
        distance=settings["distance"],
    )
    return model


def _chart(
    title: str, curves: dict[str, list[float]], level: float | None = None, floor: float | None = None
) -> Image.Image:
    """Curves over the steps, with a dotted line at chance level."""
    averaged = {name: _averaged(values) for name, values in curves.items() if values}
    steps = max((len(values) for values in curves.values()), default=0)
    numbers = np.concatenate([*(values for _, values in averaged.values()), [0.0, 1.0 if level is None else level]])
    low, high = float(np.quantile(numbers, 0.01)), float(np.quantile(numbers, 0.99))
    low, high = min(low, 0.0) if floor is None else floor, 1.15 * high + 1e-6
    ends = (0, max(steps, 1))
    ticks = [round(low, 1), round(high / 2, 1)] if level is None else [round(low, 1), round(level, 2)]
    chart = Chart(CHART, x=(0, 1.06 * ends[1]), y=(low, high), title=title, x_ticks=ends, y_ticks=ticks)
    if level is not None:
        chart.horizontal(level, style.GREY)
        chart.text(ends[1] / 2, level, "chance, D", "mb", shift=(0, -2))
    for name, (at, values) in averaged.items():
        colour, kind = _LINES[name]
        chart.line(at, values, colour, kind)
        chart.text(at[-1], float(np.clip(values[-1], low, high)), name, "lm", colour, shift=(3, 0))
    return chart.image


def _averaged(values: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """At most `POINTS` means of neighbouring steps, and the step in the middle of each."""
    parts = np.array_split(np.array(values), min(POINTS, len(values)))
    ends = np.cumsum([len(part) for part in parts])
    return ends - np.array([len(part) - 1 for part in parts]) / 2, np.array([part.mean() for part in parts])


def _with_words(sheet: np.ndarray, words: str) -> Image.Image:
    """A sheet with a line of words above."""
    blank = np.zeros((0, sheet.shape[1], 3), np.uint8)
    return Image.fromarray(np.concatenate([row([blank], [words]), sheet]))
