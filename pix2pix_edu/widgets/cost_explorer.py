"""Lesson 08: how time and memory of a training run grow with pairs, epochs, picture size, filters and batch."""

from __future__ import annotations

from typing import Any

import ipywidgets
import numpy as np
from PIL import Image

from pix2pix_edu.progress import duration
from pix2pix_edu.widgets import style
from pix2pix_edu.widgets.base import Explorer
from pix2pix_edu.widgets.charts import Chart, below

# The paper's data sets, so that each can be asked for, and round numbers between them.
PAPERS_SETS = {
    400: "facades",
    1_096: "maps",
    2_975: "Cityscapes",
    17_823: "day to night",
    50_000: "edges to shoes",
    137_000: "edges to handbags",
    1_200_000: "black and white to colour",
}
PAIRS = (50, 100, 200, 1_000, 5_000, 10_000, 100_000, *PAPERS_SETS)
EPOCHS = (1, 2, 5, 6, 10, 12, 15, 17, 20, 30, 50, 100, 200, 400)
SIZES, FILTERS, BATCHES = (32, 64, 128, 256, 512), (4, 8, 16, 32, 64, 128), (1, 2, 4, 8, 16, 32, 64)

EXPLAIN = (
    "Time is a product: pairs times epochs times the operations for one pair. Twice the width and height is four times "
    "the places that each kernel visits, twice the filters nearly four times the products at each place. The number of "
    "steps falls with a larger batch, but each step has as much more to do: the time hardly changes, except that with "
    "very small batches all weights are moved for very few pictures. Memory has two parts that behave differently. "
    "Weights, gradients and Adam's averages do not know how large the pictures are or how many are in a batch; they "
    "grow with the filters. Activations are the other way round: batch times width times height. So when memory runs "
    "out, a smaller batch helps only if activations are what fills it."
)

WIDTH = 740
TIME_SIZE, MEMORY_SIZE = (WIDTH, 118), (WIDTH, 186)
UNITS = {"1 s": 1, "1 min": 60, "10 min": 600, "1 h": 3600, "8 h": 28_800, "1 day": 86_400, "1 week": 604_800,
         "1 month": 2_592_000, "1 year": 31_536_000}  # fmt: skip
RIGHT = 1.03  # room for half of the last word under an axis
LABELS = 118  # pixels for the words on the left of the bars
GB = 1e9
COLOURS = {
    "the program itself": style.GREY,
    "weights": style.BLUE,
    "gradients": style.SKY_BLUE,
    "Adam's averages": style.PURPLE,
    "activations": style.VERMILLION,
    "pictures": style.GREEN,
}


class CostExplorer(Explorer):
    """Sliders for everything that decides what a training costs; time and memory are scaled from a measurement.

    Args:
        cost: what `estimate_cost` measured on this machine.
        other: a second measurement with another batch size, which makes small batches come out better.

    Its controls: `pairs`, `epochs`, `image_size`, `filters`, `batch_size`. They start at what was measured.

    Attributes:
        cost: the measurement.
        scaled: the `Cost` of the present settings.
    """

    def __init__(self, cost: Any, other: Any = None) -> None:
        self.cost, self.other, self.scaled = cost, other, cost
        config = cost.config
        start = {
            "pairs": (PAIRS, config["train_pairs"] or 400, "Pairs"),
            "epochs": (EPOCHS, config["epochs"], "Epochs"),
            "image_size": (SIZES, config["image_size"], "Size (px)"),
            "filters": (FILTERS, config["filters"], "Filters"),
            "batch_size": (BATCHES, config["batch_size"], "Batch"),
        }
        super().__init__(
            {name: _slider(*values) for name, values in start.items()},
            title="What would it cost, on this machine?",
            predict=(
                "Double the picture size: how many times longer? Double the filters? Double the batch? And which of "
                "the three changes the memory most?"
            ),
            explain=EXPLAIN,
        )

    def adjust(self, **values: int) -> None:
        """A batch cannot be larger than the data set."""
        if values["batch_size"] > values["pairs"]:
            fitting = [size for size in self.controls["batch_size"].options if size[1] <= values["pairs"]]
            self.controls["batch_size"].value = fitting[-1][1]

    def draw(self, *, pairs: int, epochs: int, **settings: int) -> Image.Image:
        """Above the time on a scale from a second to a year, below the memory, part by part."""
        self.scaled = self.cost.scaled(self.other, **settings)
        return below([self._time_chart(pairs, epochs).image, self._memory_chart(pairs).image], gap=10)

    def caption(self, *, pairs: int, epochs: int, **settings: int) -> str:
        """Numbers in words, and which of them were measured."""
        cost = self.cost.scaled(self.other, **settings)
        of_paper = f" (as many as the paper's {PAPERS_SETS[pairs]})" if pairs in PAPERS_SETS else ""
        parts = cost.memory_parts(pairs)
        counted = sum(size for name, size in parts.items() if size and name != "the program itself")
        ratio = cost.work.operations / self.cost.work.operations
        scaled = (
            f" Scaled by arithmetic: a step has {ratio:.3g} times the operations of the measured one, and the real "
            "time may well be half or twice as long."
        )
        return (
            f"{pairs:,} pairs{of_paper}, {epochs} epochs, {_in_words(settings)}: {cost.steps(pairs, epochs):,} steps "
            f"of {_short(cost.seconds_per_step)}, {cost.predict(pairs, epochs)}. Memory by arithmetic: "
            f"{counted / GB:.2f} GB, for {cost.parameters / 1e6:.1f} million parameters and what a step keeps, "
            f"besides the program itself. Measured on {cost.machine}: one step at {_in_words(self.cost.config)}, "
            f"{_short(self.cost.seconds_per_step)}.{'' if self._is_measured(settings) else scaled}"
        )

    def _is_measured(self, settings: dict[str, int]) -> bool:
        return all(self.cost.config[name] == value for name, value in settings.items())

    def _time_chart(self, pairs: int, epochs: int) -> Chart:
        """Two bars on a logarithmic scale: the same data with the measured settings, and with yours."""
        seconds = list(UNITS.values())
        chart = Chart(
            TIME_SIZE,
            x=(0, RIGHT * float(np.log10(seconds[-1]))),
            y=(0, 2),
            title=f"time for {pairs:,} pairs and {epochs} epochs",
            x_ticks=[float(np.log10(unit)) for unit in seconds],
            x_words=list(UNITS),
        )
        measured = self.cost if pairs >= self.cost.config["batch_size"] else self.scaled
        rows = [(1.45, "as measured", measured, style.GREY), (0.5, "your settings", self.scaled, style.BLUE)]
        for height, words, cost, colour in rows:
            time = cost.predict(pairs, epochs)
            low, at, high = (float(np.log10(max(value, 1))) for value in (time.low, time.expected, time.high))
            chart.line([low, high], [height, height], colour, width=7)
            chart.mark(at, height, colour, "diamond", radius=7)
            text = f"{words}: {duration(time.expected)} ({duration(time.low)} to {duration(time.high)})"
            right = at > 0.5 * np.log10(seconds[-1])
            chart.text(low if right else high, height, text, "rm" if right else "lm", shift=(-12 if right else 12, 0))
        return chart

    def _memory_chart(self, pairs: int) -> Chart:
        """A bar for each part, and its size in words."""
        parts = self.scaled.memory_parts(pairs)
        total = sum(size or 0 for size in parts.values())
        largest = max(size or 0 for size in parts.values())
        top = _round_up(1.02 * largest / GB)
        rows = len(parts)
        ticks = [0, top / 2, top]
        chart = Chart(
            MEMORY_SIZE,
            x=(-top * LABELS / (WIDTH - 54 - LABELS), RIGHT * top),
            y=(0, rows),
            title=f"memory, {total / GB:.2f} GB in all",
            x_ticks=ticks,
            x_words=[f"{tick:g} GB" for tick in ticks],
        )
        for row, (name, size) in enumerate(parts.items()):
            height = rows - row - 0.5
            chart.text(0, height, name, "rm", shift=(-6, 0))
            if size is None:
                chart.text(0, height, "not reported by this system", "lm", shift=(6, 0))
                continue
            how = "measured" if name == "the program itself" else "counted"
            if size:
                chart.line([0, size / GB], [height, height], COLOURS[name], width=12)
            inside = size > 0.55 * top * GB
            chart.text(
                size / GB,
                height,
                f"{_size(size)}, {how}",
                "rm" if inside else "lm",
                style.words_on(COLOURS[name]) if inside else "",
                shift=(-6 if inside else 6, 0),
            )
        return chart


def _slider(options: tuple[int, ...], value: int, description: str) -> ipywidgets.SelectionSlider:
    """All options, and what was measured among them."""
    numbers = sorted({*options, value})
    return ipywidgets.SelectionSlider(
        options=[(f"{number:,}", number) for number in numbers],
        value=value,
        description=description,
        layout=ipywidgets.Layout(width="420px", max_width="100%"),
        continuous_update=True,
    )


def _short(seconds: float) -> str:
    return f"{1000 * seconds:.3g} ms" if seconds < 0.9995 else duration(seconds)


def _in_words(config: dict[str, Any]) -> str:
    return f"{config['image_size']} px, {config['filters']} filters, batch {config['batch_size']}"


def _size(count: int) -> str:
    return f"{count / GB:.2f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"


def _round_up(number: float) -> float:
    """The next of 1, 2, 5 times a power of ten, for the end of a scale."""
    power = 10.0 ** np.floor(np.log10(number))
    return float(next(power * factor for factor in (1, 2, 5, 10) if power * factor >= number))
