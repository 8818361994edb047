"""Lesson 07: read the curves of recorded training runs, and look at what the generator drew at the time."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from typing import Any

import ipywidgets
import numpy as np
from PIL import Image, ImageDraw

from pix2pix_edu.errors import UsageError
from pix2pix_edu.paths import shipped
from pix2pix_edu.widgets import style
from pix2pix_edu.widgets.base import Explorer
from pix2pix_edu.widgets.charts import SHARP, Chart, below, beside, font
from pix2pix_edu.widgets.pictures import INK, at_size

RUNS = ("oscillating", "coin_toss", "converging", "discriminator_wins", "collapsed")  # run 1, run 2, ...
CHANCE = float(np.log(2))
SMOOTH = 20  # steps that the thick line is a mean of
STEP = 50  # steps between two looks at the pictures


@dataclass(frozen=True, eq=False)
class RecordedRun:
    """A training run that ships with the course.

    Args:
        name: such as "converging".
        settings: what it was trained with.
        seed: of the weights and of the order of the drawings.
        losses: "d_loss", "g_gan" and "l1", one number for each step.
        moments: the steps after which somebody looked.
        measures: at each moment "val_l1" (distance to targets that were not trained on), "variety" (how far a picture
            is from the one most like it, 1 for the targets) and "change" (since the last look).
        pictures: what was drawn then, uint8, shape (moments, drawings, H, W, 3).
        origin: command, versions, machine, date and seconds.

    >>> recorded_runs()["converging"].steps
    1200
    """

    name: str
    settings: dict[str, Any]
    seed: int
    losses: dict[str, np.ndarray]
    moments: list[int]
    measures: dict[str, np.ndarray]
    pictures: np.ndarray
    origin: dict[str, Any]

    @property
    def steps(self) -> int:
        """How many steps it took."""
        return len(self.losses["d_loss"])

    def look(self, step: int) -> int:
        """The number of the last look at or before this step.

        Raises:
            UsageError: there was none yet.
        """
        if step < self.moments[0]:
            raise UsageError(f"step={step} is too early: the first look was after step {self.moments[0]}.")
        return int(np.searchsorted(self.moments, step, side="right")) - 1

    def recent(self, name: str, step: int) -> float:
        """The mean of a loss over the last 20 steps up to this one."""
        return float(self.losses[name][max(step - SMOOTH, 0) : step].mean())

    def swing(self, name: str) -> float:
        """How far a loss swings in the last half of the run, once it is smoothed: a standard deviation."""
        return float(smoothed(self.losses[name][self.steps // 2 :])[SMOOTH - 1 :].std())


@functools.cache
def recorded_runs() -> dict[str, RecordedRun]:
    """The five runs of lesson 07 by name, as data/makers/curves.py recorded them.

    >>> sorted(recorded_runs())
    ['coin_toss', 'collapsed', 'converging', 'discriminator_wins', 'oscillating']
    """
    return {name: _read(name) for name in RUNS}


def _read(name: str) -> RecordedRun:
    folder = shipped("lessons", "train_step")
    record = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    origin = ("command", "machine", "date", "versions", "data", "cpu_seconds")
    return RecordedRun(
        name=name,
        settings=record["settings"],
        seed=record["seed"],
        losses={key: np.array(record[key]) for key in ("d_loss", "g_gan", "l1")},
        moments=record["moments"],
        measures={key: np.array(record[key]) for key in ("val_l1", "variety", "change")},
        pictures=_tiles(folder / f"{name}.webp", record["settings"]["image_size"]),
        origin={key: record[key] for key in origin},
    )


def _tiles(path: Any, size: int) -> np.ndarray:
    """A sheet without gaps, taken apart: uint8, shape (rows, columns, size, size, 3)."""
    sheet = np.asarray(Image.open(path).convert("RGB"))
    rows, columns = sheet.shape[0] // size, sheet.shape[1] // size
    return sheet.reshape(rows, size, columns, size, 3).swapaxes(1, 2)


@functools.cache
def drawings() -> tuple[np.ndarray, np.ndarray]:
    """Sources and targets of the pictures that the recorded runs show, uint8 (drawings, H, W, 3) each.

    >>> drawings()[0].shape == drawings()[1].shape == recorded_runs()["converging"].pictures[0].shape
    True
    """
    sources, targets = _tiles(shipped("lessons", "train_step", "drawings.webp"), 32)
    return sources, targets


def smoothed(values: np.ndarray) -> np.ndarray:
    """Each value replaced by the mean of the last 20 up to it (at the beginning, of as many as there are).

    >>> smoothed(np.array([1.0, 3.0, 5.0])).tolist()
    [1.0, 2.0, 3.0]
    """
    sums = np.concatenate([[0.0], np.cumsum(values)])
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(ends - SMOOTH, 0)
    return (sums[ends] - sums[starts]) / (ends - starts)


# --- The widget -------------------------------------------------------------------------------------------------------

# What was done, and what there is to see. Numbers are in data/lessons/train_step/results.json, for three seeds.
STORIES = {
    "converging": (
        "It converges, as far as a GAN does: the paper's recipe, with rates for small networks (0.001 for G, "
        "0.0005 for D). After a shaky start D's loss settles between zero and chance, with much noise and no "
        "drift; L1 sinks and sinks, and the lines stay where they are. Only colours still change."
    ),
    "oscillating": (
        "It oscillates: rates 10 (G) and 50 times (D) those of the paper, Adam's usual beta_1 of 0.9 instead of "
        "0.5, and lambda 1 instead of 100. All three curves go in long waves. Even L1 rises again: each time one "
        "player overruns the other, all pictures change at once."
    ),
    "collapsed": (
        "It has collapsed: no L1, no skips, and a D that does not see the source and learns 8 times more slowly "
        "than G. Both losses are calm and near chance. But the pictures have nothing to do with the drawings, many "
        "are the same, and fifty steps later all are others. L1, on which nobody trained here, stays high."
    ),
    "discriminator_wins": (
        "The discriminator wins: its rate is 20 times that of G. Its loss goes to nearly zero, and the generator's "
        "climbs above 5, with a relapse on the way. The generator, being so slow, has come no further than blurred "
        "and grey."
    ),
    "coin_toss": (
        "The discriminator never learns: its rate is 0. Both losses are flat and near chance, and L1 sinks just as "
        "it does where all is well: this is training on L1 alone. Lines become sharp; colours stay averages."
    ),
}

EXPLAIN = (
    "Do not look for losses that fall. Convergence: D's loss settles somewhere between zero and chance, with noise "
    "but without drift, while L1 sinks and the pictures change less and less. Oscillation: waves that are much "
    "longer than the noise, one loss rising where the other falls, and pictures that change all at once. A "
    "discriminator that wins: its loss near zero, the generator's far above chance. And two cases that the losses "
    "hide: a collapsed generator and a discriminator that never learnt both give flat curves near chance, calmer "
    "than those of the run that went well. L1 tells one of them, since it stays high; the other one only the "
    "pictures tell. So never judge a run without its pictures: several side by side, and at several moments."
)

WIDTH = 752
CHART = (WIDTH - 16) // 3, 176
MARGIN, COLUMN = 68, 112  # pixels for the words on the left of the pictures, and for each drawing
TILES = {"given": 64, "drawn": 96, "wanted": 64}
PALE_DISCRIMINATOR, PALE_GENERATOR = "#F0BE99", "#99C7E0"


class CurveReader(Explorer):
    """Choose a recorded run and a moment: the curves up to there, and what the generator drew just then.

    Its controls: `run` (one of `RUNS`, shown as numbers, so that the name does not give it away), `step`, and `tell`
    (whether the caption says what was done).

    Attributes:
        runs: the recorded runs by name.

    >>> reader = CurveReader()
    >>> reader.set(run="discriminator_wins", step=600)
    >>> reader.run.recent("d_loss", 600) < 0.05
    True
    """

    def __init__(self) -> None:
        self.runs = recorded_runs()
        first = self.runs[RUNS[0]]
        super().__init__(
            {
                "run": ipywidgets.ToggleButtons(
                    options=[(f"{number}", name) for number, name in enumerate(RUNS, start=1)],
                    description="Run",
                    style={"button_width": "60px"},
                ),
                "step": ipywidgets.IntSlider(first.steps // 2, 0, first.steps, STEP, description="Step"),
                "tell": ipywidgets.Checkbox(value=False, description="Tell me what was done", indent=True),
            },
            title="Five training runs, and what they drew",
            predict=(
                "Cover the pictures, and look at the curves of run 2 and run 3: which one draws better? In one of the "
                "runs all pictures are alike: which curve could tell you?"
            ),
            explain=EXPLAIN,
        )

    @property
    def run(self) -> RecordedRun:
        """The run that is shown."""
        return self.runs[self.values["run"]]

    def adjust(self, *, run: str, **others: Any) -> None:
        """Runs differ in length; what is beyond the end of one becomes its end."""
        slider = self.controls["step"]
        slider.max = self.runs[run].steps

    def draw(self, *, run: str, step: int, tell: bool) -> np.ndarray:
        """Three charts above, the pictures below."""
        shown = self.runs[run]
        done = max(step, 1)
        charts = beside([chart.image for chart in _charts(shown, done)], gap=8)
        return np.asarray(below([charts, _strip(shown.pictures[shown.look(done)])], gap=6))

    def caption(self, *, run: str, step: int, tell: bool) -> str:
        """Losses and measures at this moment, and the story if it is asked for."""
        shown, done = self.runs[run], max(step, 1)
        look = shown.look(done)
        losses = {name: shown.recent(name, done) for name in shown.losses}
        text = (
            f"Run {RUNS.index(run) + 1}, step {done:,} of {shown.steps:,}. Means of the last {min(done, SMOOTH)} "
            f"steps: D's loss {losses['d_loss']:.2f}, generator caught {losses['g_gan']:.2f}, L1 {losses['l1']:.3f}. "
            f"On drawings it was not trained on: L1 {shown.measures['val_l1'][look]:.3f}; distance of a picture from "
            f"the one most like it, {shown.measures['variety'][look]:.2f} of what it is among the targets."
        )
        return f"{text} {STORIES[run]}" if tell else text


def _charts(run: RecordedRun, done: int) -> list[Chart]:
    """The losses up to now: pale as they were, dark as the mean of the last 20 steps. All runs have the same scales."""
    ticks = [0, run.steps // 2, run.steps]
    kinds = [
        ("d_loss", "discriminator's loss", 1.4, (0, 0.5, 1), style.DISCRIMINATOR, PALE_DISCRIMINATOR, "solid"),
        ("g_gan", "how surely G is caught", 9.0, (0, 3, 6, 9), style.GENERATOR, PALE_GENERATOR, "dashed"),
        ("l1", "L1 to the target", 0.9, (0, 0.3, 0.6, 0.9), style.BLACK, "#BBBBBB", "solid"),
    ]
    charts = []
    for name, title, top, y_ticks, colour, pale, kind in kinds:
        chart = Chart(CHART, x=(0, run.steps), y=(0, top), title=title, x_ticks=ticks, y_ticks=y_ticks)
        steps, values = np.arange(1, done + 1), run.losses[name][:done]
        chart.line(steps, values, pale, width=1)
        if name != "l1":
            chart.horizontal(CHANCE)
            chart.text(run.steps, CHANCE, "chance", "rb", shift=(-3, -2))
        chart.line(steps, smoothed(values), colour, kind, width=2)
        chart.mark(done, smoothed(values)[-1], colour, radius=4)
        charts.append(chart)
    return charts


@functools.cache
def _frame() -> Image.Image:
    """What never changes below the charts: sources above, targets below, and the words beside them."""
    sheet = Image.new("RGB", (SHARP * WIDTH, SHARP * (sum(TILES.values()) + 8 * (len(TILES) - 1))), "white")
    pen, top = ImageDraw.Draw(sheet), 0
    for words, size in TILES.items():
        pen.text((SHARP * (MARGIN - 8), SHARP * (top + size // 2)), words, INK, font(12), "rm")
        top += size + 8
    frame = sheet.reduce(SHARP)
    for words, pictures in zip(("given", "wanted"), drawings(), strict=True):
        _paste(frame, pictures, words)
    return frame


def _strip(drawn: np.ndarray) -> Image.Image:
    """Sources, drawn pictures and targets, each drawing in its own column."""
    sheet = _frame().copy()
    _paste(sheet, drawn, "drawn")
    return sheet


def _paste(sheet: Image.Image, pictures: np.ndarray, words: str) -> None:
    """Put a row of pictures into its place."""
    names, size, pen = list(TILES), TILES[words], ImageDraw.Draw(sheet)
    top = sum(TILES[name] + 8 for name in names[: names.index(words)])
    for column, picture in enumerate(pictures):
        left = MARGIN + column * COLUMN + (COLUMN - size) // 2
        sheet.paste(Image.fromarray(at_size(picture, size)), (left, top))
        pen.rectangle([left, top, left + size - 1, top + size - 1], outline=(200, 200, 200))
