"""Lesson 12: choose a claim of the paper, see the evidence for it, and run it again, smaller, while you watch."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import ipywidgets
import numpy as np
from PIL import Image

from pix2pix_edu.errors import UsageError, nearest
from pix2pix_edu.experiments import (
    FAILS,
    HOLDS,
    REAL,
    ROWS,
    RUNS,
    UNDECIDED,
    Claim,
    Outcome,
    load_outcome,
    load_sheet,
    reproduce,
    run_row,
    shipped_outcomes,
)
from pix2pix_edu.widgets import style
from pix2pix_edu.widgets.base import Explorer
from pix2pix_edu.widgets.charts import Chart, below, beside
from pix2pix_edu.widgets.job import Job
from pix2pix_edu.widgets.pictures import at_size, row

WIDTH = 820  # pixels of the whole picture
OURS, THEIRS = 580, 232  # pixels of the two charts
LINE = 28  # pixels for a row of a chart
LABELS = 200  # pixels for the names of the rows
PICTURE, IN_A_LINE = 128, 6
SCALE = "quick"
ALIKE = 10.0  # grey levels; two label maps of different houses are 40 and more apart
WAIT = 0.05  # seconds that the notebook waits for the work before it looks after its own messages
MEASURES = {
    "fcn_pixel_accuracy": "pixel accuracy",
    "fcn_class_accuracy": "class accuracy",
    "fcn_class_iou": "class IoU",
    "lab_L": "histogram of L",
    "lab_a": "histogram of a",
    "lab_b": "histogram of b",
    "psnr": "PSNR, dB",
    "ssim": "SSIM",
}
REASONS = {
    HOLDS: "the two intervals do not touch, and lie in the order of the claim",
    FAILS: "the two intervals do not touch, and lie the other way round",
}
REASONS_ABOUT_REAL = {
    HOLDS: "the real ones have 1 by definition, and the interval does not reach it",
    FAILS: "the real ones have 1 by definition, and the interval lies beyond it",
    UNDECIDED: "the real ones have 1 by definition, and it may be within reach",
}
EXPLAIN = (
    "A claim holds here if the two intervals do not touch. That is strict. From three seeds an interval reaches two "
    "and a half standard deviations to either side, because three numbers say little about their own spread; if the "
    "spread were known, one would do. So 'undecided' means that we have not seen enough, and not that the paper is "
    "wrong. 'Does not hold' would be a finding about house fronts of 64 pixels after a few minutes of training, and "
    "not about Cityscapes. Look at the pictures as well: two rows may differ in a way that the measure does not ask "
    "about. Your own run has one seed, half the filters and a fifteenth of the training. It shows how the rows are "
    "made. It decides nothing."
)


class ClaimExplorer(Explorer):
    """A claim, the evidence for it as intervals and pictures, the verdict in words, and a button to run it again.

    Args:
        names: which experiments; default: all whose outcomes ship.
        runs: the folder for your own runs.
        **values: first values of the controls.

    Its controls: `experiment`, `claim` (its number), `measure` and `house` (which of the pictures).

    Attributes:
        outcome: of the experiment that is shown.
        claim: that is shown.
        verdict: "holds", "does not hold at this scale" or "undecided".
        job: runs the rows of this claim again, one seed at the scale "quick".
        reruns: (experiment, claim) -> the outcome of your own run.

    Raises:
        UsageError: no outcome of one of the names ships.

    >>> explorer = ClaimExplorer(experiment="table1", claim=1)
    >>> explorer.claim.text, explorer.verdict
    ('L1+cGAN beats GAN', 'holds')
    """

    def __init__(self, names: Sequence[str] | None = None, runs: Path | str = RUNS, **values: Any) -> None:
        self.names = list(shipped_outcomes() if names is None else names)
        self.runs = Path(runs)
        outcomes = {name: load_outcome(name) for name in self.names}
        self.outcomes = {name: outcome for name, outcome in outcomes.items() if outcome.verdicts}
        if not self.outcomes:
            raise UsageError(f"There is nothing to show: name an experiment. {nearest('', shipped_outcomes())}")
        self.reruns: dict[tuple[str, int], Outcome] = {}
        self._one_at_a_time = threading.Lock()
        self.job = Rerun(self._run_again, on_update=self._show_rerun)
        self._shown: tuple[str, int] | None = None
        super().__init__(
            {
                "experiment": ipywidgets.ToggleButtons(
                    options=[(_title(outcome), name) for name, outcome in self.outcomes.items()],
                    description="Experiment", style={"button_width": "auto"},
                ),
                "claim": ipywidgets.RadioButtons(options=[("", 0)], layout=ipywidgets.Layout(width="auto")),
                "measure": ipywidgets.ToggleButtons(
                    options=[("", "")], description="Measure", style={"button_width": "auto"}
                ),
                "house": ipywidgets.IntSlider(value=0, min=0, max=0, description="Picture"),
            },
            title="A claim, and the evidence",
            predict="Does it hold? Judge by the intervals first, then by the pictures, and only then read the verdict.",
            explain=EXPLAIN,
        )  # fmt: skip
        if values:
            self.set(**values)

    # What the base asks for

    def adjust(self, *, experiment: str, claim: int, **_: Any) -> None:
        """Another experiment has other claims, measures and pictures; a claim begins with the measure it is about."""
        if self._shown == (experiment, claim):
            return
        if self._shown is None or self._shown[0] != experiment:
            claim = 0
            self.outcome, self._pictures = self.outcomes[experiment], pictures_of(self.outcomes[experiment])
            texts = [(each.text, number) for number, (each, _) in enumerate(self.outcome.verdicts)]
            self.controls["claim"].options, self.controls["claim"].value = texts, claim
            self.controls["measure"].options = [(words(name), name) for name in self.outcome.experiment.measures]
            self.controls["house"].max = len(self._pictures["sources"]) - 1
        self.claim, self.verdict = self.outcome.verdicts[claim]
        self.controls["measure"].value = self.claim.measure
        self._shown = (experiment, claim)
        self.job.reset()

    def draw(self, *, measure: str, house: int, **_: Any) -> Image.Image:
        """Above our intervals beside the paper's numbers, below what the rows draw for one unseen source."""
        chart = evidence(self.outcome, measure, self.claim, self.rerun)
        return below([chart, *(Image.fromarray(line) for line in self._lines(house))], gap=10)

    def caption(self, *, measure: str, **_: Any) -> str:
        """The verdict in words, what the paper has, and what the learner's own run gave."""
        claim, outcome = self.claim, self.outcome
        rows = [key for key in (claim.better, claim.worse) if key != REAL]
        ours = " against ".join(f"{ROWS[key].name} {outcome.interval(key, claim.measure)}" for key in rows)
        text = f"{claim.text}: {self.verdict}. {words(claim.measure)}{_direction(claim)}: {ours}; {self._reason(rows)}."
        if numbers := [paper_number(outcome, key, claim.measure) for key in rows if key in outcome.experiment.paper]:
            text += f" The paper: {' against '.join(f'{number:.2f}' for number in numbers)}."
        notes = [outcome.experiment.caution, *(ROWS[key].note for key in rows)]
        text += "".join(f" {note}" for number, note in enumerate(notes) if note and note not in "".join(notes[:number]))
        if self.rerun is not None:
            own = " against ".join(f"{self.rerun.values[key][claim.measure][0]:.3f}" for key in rows)
            text += (
                f" Your own run ({self.rerun.about['command']}): {own}. One seed decides nothing: it has no interval."
            )
        return text

    def _arrange_controls(self) -> ipywidgets.Widget:
        again = ipywidgets.HTML("Run the rows of this claim again, one seed, small and short:")
        return ipywidgets.VBox([*self.controls.values(), again, self.job.view])

    def _reason(self, rows: Sequence[str]) -> str:
        """Why this verdict."""
        if REAL in self.claim:
            return REASONS_ABOUT_REAL[self.verdict]
        if self.verdict in REASONS:
            return REASONS[self.verdict]
        counts = [len(self.outcome.values[key][self.claim.measure]) for key in rows]
        return (
            "one seed has no interval" if min(counts) < 2 else "the two intervals touch, so these seeds do not decide"
        )

    # Pictures

    def _lines(self, house: int) -> list[np.ndarray]:
        """First what the claim is about, then the other rows."""
        ours = [key for key in (self.claim.worse, self.claim.better) if key != REAL]
        rest = [key for key in self.outcome.values if key not in ours]
        names = {"sources": "source", "targets": "target"} | {key: ROWS[key].name for key in self.outcome.values}
        ours, rest = ([key for key in keys if key in self._pictures] for keys in (ours, rest))  # some may not ship
        lines = [
            ["sources", "targets", *ours],
            *(rest[start : start + IN_A_LINE] for start in range(0, len(rest), IN_A_LINE)),
        ]
        return [
            row([at_size(self._pictures[key][house], PICTURE) for key in line], [shortened(names[key]) for key in line])
            for line in lines
        ]

    # Running it again

    @property
    def rerun(self) -> Outcome | None:
        """Your own run of the claim that is shown, if there is one."""
        return None if self._shown is None else self.reruns.get(self._shown)

    def _run_again(self) -> Iterator[float]:
        """The work of the job: yields how much of it is done, from 0 to 1."""
        shown, name = self._shown, self.outcome.name
        keys = [key for key in self.outcome.values if key in (self.claim.better, self.claim.worse)]
        assert shown is not None

        def work(report: Callable[[float], None]) -> Outcome:
            with self._one_at_a_time:  # one that was stopped may still be on its way to the end of a step
                for number, key in enumerate(keys):
                    share = _share_of(number, len(keys), report)
                    run_row(key, 0, SCALE, self.runs, show_progress=False, callbacks=[progress_callback(share)])
                return reproduce(name, keys, 1, SCALE, self.runs, show_progress=False)  # all there: it only reads

        self.reruns[shown] = yield from in_steps(work)
        yield 1.0

    def _show_rerun(self, done: float) -> None:
        if done == 1.0:
            self.redraw()


class Rerun(Job):
    """A job whose steps say how much is done, from 0 to 1."""

    def __init__(self, steps: Callable[[], Iterator[float]], **options: Any) -> None:
        super().__init__(steps, total=1, name="Run again", **options)
        self._bar.max = 100
        self._step_button.layout.display = "none"  # a step is a moment here, nothing to look at

    @property
    def status(self) -> str:
        """Where the work is, in words."""
        return f"{self.state}, {self.latest or 0:.0%}"

    def _report(self) -> None:
        super()._report()
        self._bar.value = round(100 * (self.latest or 0))


class Stopped(Exception):
    """The generator of `in_steps` was closed: the work ends where it stands."""


def in_steps(work: Callable[[Callable[[float], None]], Any]) -> Generator[float, None, Any]:
    """Turn work that reports how far it is into a generator of these reports, which a `Job` can take step by step.

    The work has a thread of its own, so that a notebook can be used while it loads data or measures. At each report it
    stands still until the next step is asked for; so a job that is stopped stops it. A step that takes long yields the
    last report again.

    Args:
        work: gets a function `report`, to be called with a share from 0 to 1. `report` raises `Stopped` where the
            generator has been closed.

    Returns:
        A generator; its own result is what `work` returns.

    Raises:
        Exception: what `work` raised.

    >>> def work(report):
    ...     report(0.5)
    ...     return "done"
    >>> shares = list(in_steps(work))
    >>> shares[-1]
    0.5
    """
    go: SimpleQueue[bool] = SimpleQueue()
    news: SimpleQueue[tuple[str, Any]] = SimpleQueue()

    def report(share: float) -> None:
        news.put(("share", share))
        if not go.get():
            raise Stopped

    def run() -> None:
        try:
            news.put(("result", work(report)))
        except BaseException as error:
            news.put(("error", error))

    thread = threading.Thread(target=run, name="run again", daemon=True)
    thread.start()
    latest, standing = 0.0, False
    try:
        while True:
            if standing:
                go.put(True)
            try:
                kind, value = news.get(timeout=WAIT)
            except Empty:
                kind, value = "nothing", None
            standing = kind == "share"
            if kind == "result":
                return value
            if kind == "error":
                raise value
            latest = value if standing else latest
            yield latest
    finally:
        go.put(False)  # for the report at which it stands, or the next one; it may be long until that
        if standing:
            thread.join()


def progress_callback(report: Callable[[float], None]) -> Any:
    """A Keras callback that reports the share of all training steps that are made.

    >>> progress_callback(print).params is None
    True
    """
    from pix2pix_edu.backend import keras

    class Progress(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self.epoch = epoch

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            epochs, steps = self.params["epochs"], self.params["steps"]
            report((self.epoch + (batch + 1) / steps) / epochs)

    return Progress()


def _share_of(number: int, count: int, report: Callable[[float], None]) -> Callable[[float], None]:
    """A report for one of several equal parts; what is measured after the last step is the rest."""
    return lambda share: report(0.99 * (number + share) / count)


def _direction(claim: Claim) -> str:
    return ", less is better" if claim.less else ""


def _title(outcome: Outcome) -> str:
    where = outcome.experiment.where
    return where if where.startswith(("Table", "Figure")) else outcome.name


def pictures_of(outcome: Outcome) -> dict[str, np.ndarray]:
    """The sheet of an outcome; rows that are missing there are taken from another sheet of the same sources.

    >>> sorted(pictures_of(load_outcome("table1")))[:3]
    ['cgan', 'gan', 'l1']
    """
    pictures = load_sheet(outcome.name)
    for other in shipped_outcomes():
        missing = [key for key in outcome.values if key not in pictures]
        if missing and other != outcome.name:
            theirs = load_sheet(other)
            if _same(pictures["sources"], theirs["sources"]):
                pictures |= {key: theirs[key] for key in missing if key in theirs}
    return pictures


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two lines of sheets show the same pictures, up to what WebP loses."""
    return one.shape == other.shape and float(np.abs(one.astype(float) - other).mean()) < ALIKE


# --- the chart --------------------------------------------------------------------------------------------------------


def words(measure: str) -> str:
    """What a measure is called in a sentence.

    >>> words("fcn_class_iou"), words("diversity")
    ('class IoU', 'diversity')
    """
    return MEASURES.get(measure, measure.replace("_", " "))


def shortened(name: str) -> str:
    """A row's name for the space above a picture.

    >>> shortened("encoder-decoder, L1+cGAN")
    'enc.-dec., L1+cGAN'
    """
    return name.replace("encoder-decoder", "enc.-dec.")


def paper_number(outcome: Outcome, key: str, measure: str) -> float:
    """The paper's number for a row, where it has one.

    Raises:
        UsageError: the paper has none.

    >>> paper_number(load_outcome("table1"), "l1-cgan", "fcn_class_iou")
    0.17
    """
    plan = outcome.experiment
    if key not in plan.paper or measure not in plan.measures:
        raise UsageError(f"The paper has no {words(measure)} for {ROWS[key].name if key in ROWS else key}.")
    return plan.paper[key][plan.measures.index(measure)]


def evidence(outcome: Outcome, measure: str, claim: Claim | None = None, rerun: Outcome | None = None) -> Image.Image:
    """Our means with their 95 % intervals, a dot for each seed, and beside them the paper's numbers on their own axis.

    Args:
        outcome: of an experiment.
        measure: one of its measures.
        claim: whose rows are to stand out: a disc for the one that should be better, a diamond for the other.
        rerun: another outcome of the same rows, shown as triangles.

    Returns:
        The picture; its height depends on the number of rows.

    Raises:
        UsageError: this outcome does not hold the measure.

    >>> evidence(load_outcome("table1"), "fcn_class_iou").width
    820
    """
    keys = list(outcome.values)
    found = {key: outcome.interval(key, measure) for key in keys}
    values = [number for each in found.values() for number in (each.low, each.high)]
    values += [number for key in keys for number in outcome.values[key][measure]]
    values += [numbers[measure][0] for numbers in rerun.values.values()] if rerun else []
    has_real = claim is not None and REAL in claim and claim.measure == measure
    low, high = _range([*values, *([1.0] if has_real else [])])
    title = f"{words(measure)}, ours: mean and 95 % interval over the seeds (small dots)"
    chart = _rows_chart(OURS, low, high, len(keys), title, LABELS)
    if has_real:
        chart.vertical(1.0, style.GREEN, "dashed")
        chart.text(1.0, len(keys) - 0.3, "the real ones", "rm", style.GREEN, shift=(-5, 0))
    for line, key in enumerate(keys):
        height = len(keys) - line - 0.5
        colour, shape = _look(key, claim)
        each = found[key]
        count = len(outcome.values[key][measure])
        few = "" if count == outcome.about["seeds"] else f" (seeds: {count})"
        chart.text(low, height, shortened(ROWS[key].name) + few, "rm", shift=(-8, 0))
        chart.line([each.low, each.high], [height, height], colour, width=3)
        for number in outcome.values[key][measure]:
            chart.mark(number, height - 0.26, style.GREY, "disc", radius=2)
        chart.mark(each.mean, height, colour, shape, radius=6)
        if rerun is not None and key in rerun.values:
            chart.mark(rerun.values[key][measure][0], height + 0.22, style.BLACK, "triangle", radius=5)
    return beside([chart.image, _paper_chart(outcome, measure, claim)])


def _paper_chart(outcome: Outcome, measure: str, claim: Claim | None) -> Image.Image:
    keys, plan = list(outcome.values), outcome.experiment
    numbers = {key: paper_number(outcome, key, measure) for key in keys if key in plan.paper}
    if not numbers:
        empty = Chart((THEIRS, LINE * len(keys) + 48), x=(0, 1), y=(0, 1), title="the paper")
        empty.text(0.5, 0.5, "gives no numbers for this", "mm")
        return empty.image
    low, high = _range(list(numbers.values()))
    chart = _rows_chart(THEIRS, low, high, len(keys), "the paper's, on its own scale")
    for line, key in enumerate(keys):
        if key in numbers:
            height, (colour, shape) = len(keys) - line - 0.5, _look(key, claim)
            right = numbers[key] > (low + high) / 2
            chart.mark(numbers[key], height, colour, shape, radius=6)
            shift = (-10 if right else 10, 0)
            chart.text(numbers[key], height, f"{numbers[key]:.2f}", "rm" if right else "lm", shift=shift)
    return chart.image


def _rows_chart(width: int, low: float, high: float, rows: int, title: str, labels: int = 0) -> Chart:
    """A frame for one line a row; on its left there is room for their names."""
    ticks = _ticks(low, high, least=3 if width > THEIRS else 2)
    left = low - (high - low) * labels / (width - 54 - labels)
    size = (width, LINE * rows + 48)
    return Chart(size, x=(left, high), y=(0, rows), title=title, x_ticks=ticks, x_words=[f"{tick:g}" for tick in ticks])


def _look(key: str, claim: Claim | None) -> tuple[str, str]:
    """Colour and shape of a row's mark."""
    if claim is not None and key == claim.better:
        return style.BLUE, "disc"
    if claim is not None and key == claim.worse:
        return style.VERMILLION, "diamond"
    return (style.BLUE, "disc") if claim is None else (style.GREY, "ring")


def _range(values: Sequence[float]) -> tuple[float, float]:
    """The smallest and the largest, and a little room."""
    low, high = min(values), max(values)
    room = 0.06 * (high - low) or 0.5 * abs(high) or 1.0
    return low - room, high + room


def _ticks(low: float, high: float, least: int) -> list[float]:
    """Round numbers within a range, so many at least and about two and a half times as many at most."""
    step = 10.0 ** np.floor(np.log10(high - low))
    step = next(step * factor for factor in (5, 2, 1, 0.5, 0.2, 0.1) if (high - low) / (step * factor) >= least)
    return [round(step * number, 10) for number in range(int(np.ceil(low / step)), int(np.floor(high / step)) + 1)]
