"""How long a widget takes to answer a control: every control of every widget is moved, as a learner would move it.

What is measured is the time from the new value to the new PNG. Each control is moved through its range once before, so
that what a widget computes once and then remembers is not counted; for long work there are progress bars instead.

The two drawing widgets have no controls but strokes and rectangles: for them it is the time from a message of the
browser, in which the stroke has grown, to the answer with both pictures. The way of the message is not counted.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ipywidgets

import pix2pix_edu as p2p
from benchmarks import machine
from pix2pix_edu import widgets
from pix2pix_edu.gallery import load_gallery

LIMIT_MILLISECONDS = 100
FRAME_LIMIT_MILLISECONDS = 150  # of the drawing widgets, while a stroke grows
FRAMES = 40  # messages of one stroke
STOPS = 6  # values that a slider is moved to


def builders() -> dict[str, Callable[[], Any]]:
    """How each widget is made in its lesson."""
    emoji, model = p2p.load_pairs("emoji", image_size=64), p2p.load_example_model()
    return {
        "PairBrowser": lambda: widgets.PairBrowser(emoji),
        "TranslationBrowser": lambda: widgets.TranslationBrowser(model, emoji.test),
        "DigitPainter": widgets.DigitPainter,
        "UnetExplorer": widgets.UnetExplorer,
        "PatchFinder": widgets.PatchFinder,
        "PatchMapHistory": widgets.PatchMapHistory,
        "LossExplorer": lambda: widgets.LossExplorer(load_gallery("losses")),
        "AmbiguityExplorer": lambda: widgets.AmbiguityExplorer(emoji.variants or []),
        "AugmentationExplorer": widgets.AugmentationExplorer,
        "CurveReader": widgets.CurveReader,
        "GradientFlow": widgets.GradientFlow,
        "CostExplorer": lambda: widgets.CostExplorer(p2p.estimate_cost(emoji, preset="small", steps=4)),
        "MetricExplorer": widgets.MetricExplorer,
        "LimitsBench": lambda: widgets.LimitsBench(model, emoji.test, emoji.train.sources),
        "ActivationViewer": lambda: widgets.ActivationViewer(model, emoji.test),
        "WhyThisPixel": lambda: widgets.WhyThisPixel(model, emoji.test),
        "BottleneckDial": lambda: widgets.BottleneckDial(model, emoji.test),
        "ScalingExplorer": widgets.ScalingExplorer,
    }


def stops(control: ipywidgets.Widget) -> list[Any]:
    """Values to move a control to, across its range; none for a control without a value, such as a button."""
    if hasattr(control, "options"):
        return [option[1] if isinstance(option, tuple) else option for option in control.options]
    if isinstance(control, ipywidgets.Checkbox):
        return [False, True]
    if hasattr(control, "max") and hasattr(control, "min"):
        span = [control.min + (control.max - control.min) * stop / (STOPS - 1) for stop in range(STOPS)]
        return [int(value) for value in span] if isinstance(control.value, int) else span
    return []


def changes(widget: Any) -> Iterator[dict[str, Any]]:
    """One change of one control after the other."""
    for name, control in widget.controls.items():
        yield from ({name: value} for value in stops(control))


def milliseconds(widget: Any) -> list[float]:
    """The time of each change that is a change."""
    taken: list[float] = []
    for _ in range(2):  # the first round only makes the widget compute what it then remembers
        taken.clear()
        for change in changes(widget):
            if widget.values | change == widget.values:
                continue
            start = time.perf_counter()
            widget.set(**change)
            taken.append(1000 * (time.perf_counter() - start))
    return taken


def drawings() -> dict[str, tuple[Any, list[dict[str, Any]]]]:
    """The drawing widgets as in their lessons, and one mark as it grows from frame to frame."""
    turn = [2 * math.pi * step / FRAMES for step in range(FRAMES + 1)]
    circle = [[36 + 24 * math.cos(angle), 36 + 24 * math.sin(angle)] for angle in turn]
    stroke = {"tool": "brush", "width": 2.0, "smooth": True}
    return {
        "SketchPad": (
            widgets.SketchPad(start="parrot"),
            [{**stroke, "points": circle[: count + 1]} for count in range(1, FRAMES + 1)],
        ),
        "LabelPainter": (
            widgets.LabelPainter(start="house 2000016"),
            [{"tool": "box", "part": "window", "box": [8, 8, 1 + count, 12]} for count in range(1, FRAMES + 1)],
        ),
    }


def frame_milliseconds(easel: Any, growing: list[dict[str, Any]]) -> list[float]:
    """The time of each frame of a mark that grows."""
    taken: list[float] = []
    for _ in range(2):  # in the first round the model is compiled
        taken.clear()
        for mark in growing:
            start = time.perf_counter()
            easel.canvas.set_state({"frame": easel.canvas.frame + 1, "growing": mark})
            taken.append(1000 * (time.perf_counter() - start))
            assert easel.canvas.answered == easel.canvas.frame and easel.error is None
    return taken


def summary(taken: list[float]) -> dict[str, Any]:
    """What is kept of the times of one widget."""
    return {"changes": len(taken), "median": round(statistics.median(taken), 1), "worst": round(max(taken), 1)}


def main(out: Path) -> None:
    rows = {name: summary(milliseconds(build())) for name, build in builders().items()}
    frames = {name: summary(frame_milliseconds(*drawing)) for name, drawing in drawings().items()}
    result = {
        "what": "milliseconds from the change of a control to the new picture, for what is precomputed",
        "goal": f"under {LIMIT_MILLISECONDS}",
        "widgets": rows,
        "frame_goal": f"under {FRAME_LIMIT_MILLISECONDS}",
        "frames": frames,
        "machine": machine.describe(("ipywidgets", "matplotlib", "pillow")),
    }
    machine.save("widgets", result, out)
