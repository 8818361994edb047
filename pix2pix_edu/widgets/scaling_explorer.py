"""Lesson 14: what a training step on several devices consists of, and how much faster they are together."""

from __future__ import annotations

from typing import Any

import ipywidgets
import numpy as np
from PIL import Image

from pix2pix_edu.progress import short_time
from pix2pix_edu.widgets import style
from pix2pix_edu.widgets.base import Explorer
from pix2pix_edu.widgets.charts import Chart, beside

DEVICES = (1, 2, 4, 8, 16, 32, 64)
NETWORKS = (1, 10, 25, 100, 400, 3600)  # 10^9 bits in a second
SPEEDS = (1, 10, 100, 1000)
FILTERS = 64  # the paper's networks

EXPLAIN = (
    "All devices compute at the same time, so the blue part does not depend on their number. The gradients of all "
    "parameters have to go round in every step: with two devices each sends as many bytes as the gradients have, with "
    "very many twice as many, and never more. So the red part hardly grows with the number of devices either. What "
    "counts is how the two compare. A larger picture or a larger batch is more to compute and not a byte more to send. "
    "A faster device computes the same in less time, and then waits for the network: fast devices need a fast network. "
    "Twice the devices at the same batch for each are twice the batch in all, so half as many steps in an epoch. The "
    "time of an epoch falls; whether the model learns as much from half the steps is another question."
)

LEFT, RIGHT, HEIGHT = 390, 340, 250
BAR = 26  # pixels wide
COMPUTING, COMMUNICATING = style.BLUE, style.VERMILLION


class ScalingExplorer(Explorer):
    """Computing and communicating, for 1 to 64 devices; the speed of one device comes from a measured table.

    Args:
        growth: what `pix2pix_edu.scaling.measured_growth` returns; default: just that.

    Its controls: `image_size` and `batch` (pairs for each device), as they were measured; `devices`; `network`, in 10^9
    bits a second; and `speed`, how many times as fast as the measured machine each device is. The networks are the
    paper's, with 64 filters.

    Attributes:
        step: the `ScaledStep` of the present settings.

    >>> explorer = ScalingExplorer()
    >>> explorer.set(devices=1)
    >>> explorer.step.communicating
    0.0
    """

    def __init__(self, growth: dict[str, Any] | None = None) -> None:
        from pix2pix_edu.scaling import measured_growth  # loads Keras

        self.growth = measured_growth() if growth is None else growth
        sizes, batches = ([row[name] for row in self.growth["growth"][name]] for name in ("image_size", "batch_size"))
        super().__init__(
            {
                "image_size": _slider("Picture", [(f"{size} px", size) for size in sizes], sizes[-1]),
                "batch": _slider("Batch each", [(str(batch), batch) for batch in batches], batches[0]),
                "devices": _slider("Devices", [(str(number), number) for number in DEVICES], 8),
                "network": _slider("Network", [(f"{bits:,} Gbit/s", bits) for bits in NETWORKS], 10),
                "speed": _slider("Device", [(f"{times:,} x measured", times) for times in SPEEDS], 100),
            },
            title="A step on several devices",
            predict=(
                "Each device becomes ten times as fast: does the step? And which helps more where the red part is "
                "large: more devices, or a larger batch for each?"
            ),
            explain=EXPLAIN,
        )

    def steps(self, *, image_size: int, batch: int, network: int, speed: int, **_: int) -> list[Any]:
        """A `ScaledStep` for each number of devices."""
        from pix2pix_edu.cost import step_work
        from pix2pix_edu.scaling import growth_factor, scaled_step

        base = next(row for row in self.growth["growth"]["image_size"] if row["image_size"] == self._base("image_size"))
        factor = growth_factor(self.growth, image_size=image_size, filters=FILTERS, batch_size=batch)
        computing = base["seconds_per_step"] * factor / speed
        parameters = step_work(image_size, FILTERS).parameters
        return [scaled_step(computing, parameters, devices, network, batch) for devices in DEVICES]

    def draw(self, **values: int) -> Image.Image:
        """On the left the step's two parts for each number of devices, on the right the speed-up."""
        steps = self.steps(**values)
        chosen = DEVICES.index(values["devices"])
        self.step = steps[chosen]
        return beside([_bars(steps, chosen).image, _speedup(steps, chosen).image], gap=10)

    def caption(self, **values: int) -> str:
        """The same in words."""
        step, times = self.step, values["devices"] * self.step.efficiency
        several = "s" if step.devices > 1 else ""
        return (
            f"{step.devices} device{several}, {values['image_size']} px, batch {step.batch} each "
            f"({step.devices * step.batch} in all), {values['network']:,} Gbit/s: computing "
            f"{short_time(step.computing)}, communicating {short_time(step.communicating)}. "
            f"Together {times:.3g} times as fast as one ({step.efficiency:.0%} of the time is spent computing), "
            f"{step.pictures_per_second:.3g} pictures/s. "
            f"Computing: as measured on {self.growth['machine']['processor']}, divided by {values['speed']:,}. "
            "Communicating: by arithmetic."
        )

    def _base(self, name: str) -> int:
        return self.growth["base"][name]


def _slider(words: str, options: list[tuple[str, int]], value: int) -> ipywidgets.SelectionSlider:
    return ipywidgets.SelectionSlider(
        options=options, value=value, description=words, layout=ipywidgets.Layout(width="420px")
    )


def _bars(steps: list[Any], chosen: int) -> Chart:
    top = 1.22 * max(step.seconds for step in steps)
    unit, factor = ("s", 1.0) if top > 1 else ("ms", 1000.0)
    chart = Chart(
        (LEFT, HEIGHT),
        x=(-0.7, len(steps) - 0.3),
        y=(0, factor * top),
        title=f"one step, in {unit}, by number of devices",
        x_ticks=range(len(steps)),
        x_words=[str(step.devices) for step in steps],
        y_ticks=_ticks(factor * top),
    )
    for place, step in enumerate(steps):
        computing, whole = factor * step.computing, factor * step.seconds
        chart.line([place, place], [0, computing], COMPUTING, width=BAR)
        if step.communicating:
            chart.line([place, place], [computing, whole], COMMUNICATING, width=BAR)
            for side in (-1, 1):  # the upper part is narrower to the eye: it has an edge
                chart.line([place + side * 0.18] * 2, [computing, whole], "#FFFFFF", width=1)
        if place == chosen:
            chart.text(place, whole, f"{short_time(step.seconds)}", "mb", shift=(0, -4))
    chart.text(-0.6, factor * top, "lower part, blue: computing", "lt", COMPUTING, shift=(0, 4))
    chart.text(-0.6, factor * top, "upper part, red, striped: communicating", "lt", COMMUNICATING, shift=(0, 18))
    return chart


def _speedup(steps: list[Any], chosen: int) -> Chart:
    places = np.arange(len(steps))
    together = np.log2([step.devices * step.efficiency for step in steps])
    hidden = np.log2([step.devices * step.computing / step.seconds_overlapped for step in steps])
    chart = Chart(
        (RIGHT, HEIGHT),
        x=(-0.3, len(steps) - 0.5),
        y=(min(-0.3, float(together.min()) - 0.3), len(steps) - 0.4),
        title="times as fast as one, by number of devices",
        x_ticks=list(places),
        x_words=[str(step.devices) for step in steps],
    )
    lowest = int(np.ceil(together.min() - 0.2))  # several devices can be slower than one
    for place in range(min(lowest, 0), len(steps)):
        chart.text(-0.3, place, str(2**place) if place >= 0 else f"1/{2**-place}", "rm", shift=(-5, 0))
    chart.line(places, places, style.GREY, "dashed", name="no talking")
    chart.line(places, hidden, style.GREEN, "dotted", width=3)
    chart.line(places, together, style.BLACK, width=2.5)
    chart.mark(chosen, float(together[chosen]), style.BLACK)
    chart.text(chosen, float(together[chosen]), f"{2 ** together[chosen]:.3g}", *_beside(chosen, len(steps)))
    chart.text(-0.2, len(steps) - 0.45, "solid: first compute, then talk", "lt", shift=(0, 4))
    chart.text(-0.2, len(steps) - 0.45, "dotted: both at once, at best", "lt", style.GREEN, shift=(0, 18))
    return chart


def _beside(place: int, count: int) -> tuple[str, str, tuple[int, int]]:
    """Anchor, colour and shift of words beside a point: below and to the right, but for the last one."""
    return ("rt", "", (-2, 8)) if place == count - 1 else ("lt", "", (8, 2))


def _ticks(top: float) -> list[float]:
    """Three to six round numbers from 0 up.

    >>> _ticks(0.37)
    [0.0, 0.1, 0.2, 0.3]
    """
    raw = top / 4
    power = 10.0 ** np.floor(np.log10(raw))
    step = next(width * power for width in (1, 2, 2.5, 5, 10) if width * power >= raw * 0.8)
    return [round(float(tick), 10) for tick in np.arange(0, top, step)]
