"""Lesson 11: enlarge a small training set in many ways, see what that gave, and train one way yourself."""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import Any

import ipywidgets
import numpy as np
from PIL import Image

from pix2pix_edu.widgets import style
from pix2pix_edu.widgets.base import Explorer
from pix2pix_edu.widgets.charts import Chart, below, beside
from pix2pix_edu.widgets.job import Job
from pix2pix_edu.widgets.pictures import at_size, row

REALS, ADDED = (20, 40, 80, 200), (0, 60, 180)
PAINTERS = {
    "own": "own generator",
    "other": "other generator",
    "skilled": "skilled generator",
    "flat": "flat colours",
}
SHOWN = 4  # pairs of each kind
SIZE = 64  # pixels of a shown picture
CHART = (560, 250)
MEASURE = "class_iou"
EXPLAIN = (
    "Read the chart sideways: go from the mark to the line of real pairs alone, and below you find how many real pairs "
    "would have given as much. The bars are 95 % intervals over the seeds: other houses, other first weights, another "
    "generator. The own generator has learnt from the same 20 houses as the student, so it cannot show a colour or a "
    "texture that the student has not seen; what is new is where things are, because the label maps are new. The other "
    "generator has seen 800 further houses, and brings what it learnt there; the skilled one learnt from the same 800, "
    "is half as wide again, and learnt for twice as long. Mirroring, cutting and recolouring cost nothing. A training "
    "of your own is one seed: it may lie anywhere within the bars, and now and then outside."
)


class AugmentationExplorer(Explorer):
    """How many real pairs, how many generated ones, by which generator: example pairs, and what the study found.

    Args:
        study: a `Study`; default: the one that ships with the course.
        scale: of your own trainings: "shipped", as in the study, or "quick".

    Its controls: `real` (20, 40, 80 or 200 pairs), `added` (0, 60 or 180), `painter` ("own", "other", "skilled" or
    "flat"; see `augmentation_study.Condition`) and `classical` (whether all pairs are moved and recoloured as well). A
    change of any of them ends a training.

    Attributes:
        name: the condition that was measured in this way, or None.
        job: trains a student in this way, from seed 0; it can be stopped, continued and begun anew.
        losses: of your training so far.
        live: the score of your student on real house fronts, once it has learnt; else None.

    >>> from pix2pix_edu.augmentation_study import Study
    >>> explorer = AugmentationExplorer(Study({"seeds": 2}, {"real-20": {"class_iou": [0.41, 0.43]}}))
    >>> explorer.text
    '20 real: class IoU 0.420 ± 0.127, over 2 seeds.'
    """

    def __init__(self, study: Any = None, scale: str = "shipped") -> None:
        from pix2pix_edu.augmentation_study import SCALES, load_study  # loads Keras

        self.study, self.scale = load_study() if study is None else study, SCALES[scale]
        self.job = _Teaching(
            self._teach, total=self.scale.steps, name="Teaching", on_update=self._show, on_reset=self._begin_anew
        )
        self._settings: dict[str, Any] = {}
        self._student: Any = None
        self.losses: list[float] = []
        self.live: Any = None
        buttons = {"button_width": "140px"}
        super().__init__(
            {
                "real": ipywidgets.ToggleButtons(options=REALS, description="Real", style={"button_width": "60px"}),
                "added": ipywidgets.ToggleButtons(options=ADDED, description="Added", style={"button_width": "60px"}),
                "painter": ipywidgets.ToggleButtons(
                    options=[(words, name) for name, words in PAINTERS.items()], description="Painter", style=buttons
                ),
                "classical": ipywidgets.Checkbox(False, description="mirror, cut and recolour as well", indent=False),
            },
            title="What helps a student that has few real pairs?",
            predict="Twenty real pairs, and 180 generated ones by a generator that saw the same twenty. Will that be "
            "as good as 40 real pairs? And 180 by a generator that saw 800 others?",
            explain=EXPLAIN,
        )

    # What the base asks for

    def adjust(self, **settings: Any) -> None:
        """Nobody paints nothing; and other settings begin a new training."""
        self.controls["painter"].disabled = settings["added"] == 0
        if settings != self._settings:
            self._settings = settings
            self.losses, self.live = [], None  # at once: a job in another thread resets itself when it is free
            self.job.reset()

    @property
    def name(self) -> str | None:
        """The measured condition with these settings."""
        from pix2pix_edu.augmentation_study import CONDITIONS

        wanted = self.values
        for name in self.study.values:
            condition = CONDITIONS[name]
            same = (condition.real, condition.extra, condition.classical) == tuple(
                wanted[key] for key in ("real", "added", "classical")
            )
            painter = wanted["painter"] if wanted["added"] else ""
            if same and _in_reach(condition) and condition.painter == painter:
                return name
        return None

    def draw(self, **settings: Any) -> Image.Image:
        """Real pairs and added ones, label maps above pictures; below, the chart."""
        real, added = self._examples()
        sheets = [_pairs(real, f"{settings['real']} real pairs, such as")]
        if len(added):
            sheets.append(_pairs(added, f"{settings['added']} added, by: {PAINTERS[settings['painter']]}"))
        return below([beside(sheets, gap=16), self._chart()], gap=8)

    def caption(self, **settings: Any) -> str:
        """The recorded result in words, then your own."""
        return " ".join([self._recorded(), self._yours()]).strip()

    # How it works

    def _arrange_controls(self) -> ipywidgets.Widget:
        return ipywidgets.VBox([*self.controls.values(), self.job.view])

    def _recorded(self) -> str:
        name, measured = self.name, self.study.values
        if name is None:
            return "This combination was not measured. Start trains it once, from seed 0."
        words = f"{self._describe()}: class IoU {self.study.interval(name)}, over {self.study.about['seeds']} seeds."
        plain = f"real-{self.values['real']}"
        if name == plain or plain not in measured:
            return words
        gain = self.study.gain(name, plain)
        words += f" That is {gain.mean:+.3f} ± {gain.high - gain.mean:.3f} over the same real pairs alone"
        return f"{words}, about as much as {equivalent(self.study, self.study.interval(name).mean)}."

    def _yours(self) -> str:
        if self.live is not None:
            return f"Your student, trained once: {self.live.class_iou:.3f}."
        if self.losses:
            return f"Your training: step {len(self.losses)} of {self.scale.steps}, loss {self.losses[-1]:.2f}."
        return ""

    def _describe(self) -> str:
        values = self.values
        words = f"{values['real']} real"
        if values["added"]:
            words += f" + {values['added']} by {PAINTERS[values['painter']]}"
        return words + (", moved and recoloured" if values["classical"] else "")

    def _examples(self) -> tuple[Any, Any]:
        """Some real pairs of seed 0, and some of the added ones; moved and recoloured if the student sees them so."""
        from pix2pix_edu.augmentation_study import FEW, real_pairs

        real = real_pairs(0, FEW)
        examples = real[4 : 4 + SHOWN], self._added(real)[:SHOWN]
        return tuple(map(_moved, examples)) if self.values["classical"] else examples

    def _added(self, real: Any) -> Any:
        """The added pairs of seed 0; generated ones come from the files that ship."""
        from pix2pix_edu.augmentation import flat_pairs
        from pix2pix_edu.augmentation_study import CONDITIONS, generated_pairs, shown_layouts

        count, painter = self.values["added"], self.values["painter"]
        if not count:
            return real[:0]
        if painter == "flat":
            return flat_pairs(real, shown_layouts(CONDITIONS["flat-new"]))[:count]
        return generated_pairs(f"{painter}-new")[:count]

    def _teach(self) -> Iterator[int]:
        """The work of the job: a step of the student between two yields, and its score after the last."""
        from pix2pix_edu.augmentation import Student, mix
        from pix2pix_edu.augmentation_study import FEW, held_out, real_pairs

        values = self.values
        split = mix(real_pairs(0, values["real"]), self._added(real_pairs(0, FEW)))
        if self._student is None:
            self._student = Student(widths=self.scale.widths)
        lessons = self._student.lessons(
            split, self.scale.steps, batch_size=self.scale.batch_size, classical=values["classical"]
        )
        for loss in lessons:
            self.losses.append(loss)
            if len(self.losses) == self.scale.steps:
                self.live = self._student.score(held_out(self.scale.test))
            yield len(self.losses)

    def _show(self, _: Any) -> None:
        """Called by the job about ten times a second: the picture changes only with the score."""
        if self.live is not None or self.job.state != "running":
            self.redraw()
        else:
            self.text = self.caption(**self.values)
            self._caption.value = html.escape(self.text)

    def _begin_anew(self) -> None:
        self.losses, self.live = [], None
        if hasattr(self, "view") and not self._held:  # where a control moved, it draws after this anyway
            self.redraw()

    def _chart(self) -> Image.Image:
        values = [self.study.interval(name) for name in self._charted()] or [self.study.interval("real-20")]
        low, high = min(one.low for one in values), max(one.high for one in values)
        if self.live is not None:
            low, high = min(low, self.live.class_iou), max(high, self.live.class_iou)
        room = 0.08 * (high - low) + 1e-3
        ticks = [tick for tick in np.round(np.arange(0, 1.01, 0.05), 2) if low - room <= tick <= high + room]
        x = np.log2(REALS).tolist()
        chart = Chart(
            CHART, x=(x[0] - 0.35, x[-1] + 0.6), y=(low - room, high + room), y_ticks=ticks, x_ticks=x,
            x_words=[str(real) for real in REALS], title="class IoU on 100 real house fronts, against real pairs",
        )  # fmt: skip
        for classical, colour, kind, word in (
            (False, style.BLACK, "solid", "real alone"), (True, style.GREEN, "dashed", "and classical")
        ):  # fmt: skip
            self._curve(chart, classical, colour, kind, word)
        at = np.log2(self.values["real"]) + 0.12
        if self.name is not None:
            _bar(chart, at, self.study.interval(self.name), style.GENERATOR, "diamond")
            chart.text(at, self.study.interval(self.name).mean, "chosen", shift=(8, 0), colour=style.GENERATOR)
        if self.live is not None:
            chart.mark(at + 0.12, self.live.class_iou, style.VERMILLION, "ring")
            chart.text(at + 0.12, self.live.class_iou, "yours", shift=(8, 0), colour=style.VERMILLION)
        return chart.image

    def _charted(self) -> list[str]:
        """All measured conditions that the controls can reach: the chart keeps its scale."""
        from pix2pix_edu.augmentation_study import CONDITIONS

        return [name for name in self.study.values if _in_reach(CONDITIONS[name]) and CONDITIONS[name].real]

    def _curve(self, chart: Chart, classical: bool, colour: str, kind: str, word: str) -> None:
        prefix = "classical" if classical else "real"
        known = [real for real in REALS if f"{prefix}-{real}" in self.study.values]
        if not known:
            return
        intervals = [self.study.interval(f"{prefix}-{real}") for real in known]
        chart.line(np.log2(known), [one.mean for one in intervals], colour, kind)
        for real, one in zip(known, intervals, strict=True):
            _bar(chart, np.log2(real), one, colour, "square" if classical else "disc")
        shift = (8, -28) if classical else (8, 0)  # well above the line of the others, which goes on to the right
        chart.text(np.log2(known[-1]), intervals[-1].mean, word, shift=shift, colour=colour)


class _Teaching(Job):
    """A job that also says when it is begun anew."""

    def __init__(self, steps: Any, *, on_reset: Any, **options: Any) -> None:
        self._on_reset = on_reset
        super().__init__(steps, **options)

    def _forget(self) -> None:
        super()._forget()
        self._on_reset()


def equivalent(study: Any, score: float) -> str:
    """How many real pairs alone would have given this score, read off the line between the measured numbers.

    >>> from pix2pix_edu.augmentation_study import Study
    >>> values = {"real-20": {"class_iou": [0.3]}, "real-80": {"class_iou": [0.5]}}
    >>> equivalent(Study({}, values), 0.4), equivalent(Study({}, values), 0.6)
    ('40 real pairs', 'more than 80 real pairs')
    """
    known = [real for real in REALS if f"real-{real}" in study.values]
    scores = [study.interval(f"real-{real}").mean for real in known]
    if score > max(scores):
        return f"more than {known[-1]} real pairs"
    if score < scores[0]:
        return f"fewer than {known[0]} real pairs"
    return f"{2 ** np.interp(score, scores, np.log2(known)):.0f} real pairs"


def _in_reach(condition: Any) -> bool:
    """Whether the controls can choose such a condition."""
    return not condition.rare and condition.layouts == "new" and condition.stretch == 1


def _bar(chart: Chart, at: float, found: Any, colour: str, shape: str) -> None:
    chart.line([at, at], [found.low, found.high], colour)
    chart.mark(at, found.mean, colour, shape)


def _moved(split: Any) -> Any:
    """Each pair once, mirrored or not, cut and recoloured at random: always the same way, so that nothing flickers."""
    from pix2pix_edu.augmentation import Classical, labelled
    from pix2pix_edu.pairs.jitter import rng_for

    if not len(split):
        return split
    moved = Classical(split.targets, split.labels)(list(range(len(split))), rng_for(seed=0, epoch=0, batch=0))
    return labelled(*moved, "moved")


def _pairs(split: Any, words: str) -> Image.Image:
    """Label maps above, pictures below, a line of words over them."""
    lines = [row([at_size(picture, SIZE) for picture in side]) for side in (split.sources, split.targets)]
    blank = np.zeros((0, lines[0].shape[1], 3), np.uint8)
    gap = np.full((4, lines[0].shape[1], 3), 255, np.uint8)
    return Image.fromarray(np.concatenate([row([blank], [words]), lines[0], gap, lines[1]]))
