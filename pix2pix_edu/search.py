"""A search for better hyperparameters with Optuna (seed lesson 9.3; notebook 12).

A *trial* is one training with settings that Optuna suggests from the trials before it. It is judged on validation
pairs. The test pairs are asked once, at the end, and by trainings from other seeds: the best of many trials was lucky
as well as good. A search that was stopped goes on where it was, and ends as if it had not been stopped.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pix2pix_edu.errors import DataError, TrainingError, UsageError, check_known, nearest
from pix2pix_edu.experiments import (
    MEASURED,
    SCALES,
    Interval,
    finished,
    interval,
    judge,
    made_here,
    measure_run,
    measured_once,
)
from pix2pix_edu.pairs import Pairs, load_pairs
from pix2pix_edu.paths import atomic_file, shipped

RUNS = Path("runs/search")
VALIDATION_PAIRS = 60  # three times an experiment's: here they choose, and a choice needs more than a look
LOWER_IS_BETTER = ("l1", "perceptual")
AT_RANDOM = 6  # trials before Optuna begins to learn from them
FAILED = "broke down"


class Between(NamedTuple):
    """A range of numbers to search; `log` looks as closely between 1 and 10 as between 10 and 100."""

    low: float
    high: float
    log: bool = False


# Settings of `train`, and what to try for each: a range, or a list of choices.
SPACE: dict[str, Between | tuple] = {
    "learning_rate": Between(5e-5, 2e-3, log=True),  # of the generator
    "d_learning_rate": Between(5e-5, 2e-3, log=True),  # of the discriminator
    "beta_1": Between(0.0, 0.9),  # of both Adam optimizers
    "lambda_l1": Between(10.0, 1000.0, log=True),
    "batch_size": (1, 2, 4, 8),
    "dropout": Between(0.0, 0.7),
}
# The paper's choices; of the batch sizes that it used, 1 to 10, the one that our experiments use.
PAPER: dict[str, Any] = {
    "learning_rate": 2e-4,
    "d_learning_rate": 2e-4,
    "beta_1": 0.5,
    "lambda_l1": 100.0,
    "batch_size": 4,
    "dropout": 0.5,
}


@dataclass(frozen=True)
class Trial:
    """One training of a search.

    Attributes:
        number: from 0 on; trial 0 is the paper's settings.
        settings: what it was trained with.
        score: on the validation pairs; None where the training broke down.
        minutes: what its epochs took.
        failure: why it broke down.
    """

    number: int
    settings: dict[str, Any]
    score: float | None
    minutes: float
    failure: str = ""


@dataclass(frozen=True, repr=False)
class SearchResult:
    """What a search found; prints as a table of its trials, best first, and what the test pairs say.

    Attributes:
        about: scale, measure, space, pairs, machine, versions, date.
        trials: in the order in which they were made.
        test: for each scale that was tested "paper" and "best", and for each measure one number a seed.
    """

    about: dict[str, Any]
    trials: list[Trial]
    test: dict[str, dict[str, dict[str, list[float]]]] = field(default_factory=dict)

    @property
    def measure(self) -> str:
        """What the trials were judged by, on validation pairs."""
        return self.about["measure"]

    @property
    def sign(self) -> int:
        """+1 where more of the measure is better, else -1."""
        return -1 if self.measure in LOWER_IS_BETTER else 1

    @property
    def paper(self) -> Trial:
        """The paper's settings: trial 0."""
        return self.trials[0]

    @property
    def best(self) -> Trial:
        """The best on the validation pairs; the paper's settings, where nothing was better."""
        finished = [trial for trial in self.trials if trial.score is not None]
        if not finished:
            raise TrainingError("Every trial of this search broke down: look for damaged pictures first.")
        return max(finished, key=lambda trial: self.sign * trial.score)  # type: ignore[operator]

    def best_so_far(self) -> list[float]:
        """For each trial the best score up to it: what a plot of the search shows.

        Trials that broke down change nothing; before the first that did not, there is no best (NaN).
        """
        scores = [np.nan if trial.score is None else self.sign * trial.score for trial in self.trials]
        return (self.sign * np.fmax.accumulate(scores)).tolist()

    def interval(self, who: str, scale: str | None = None, measure: str | None = None) -> Interval:
        """Mean and 95 % interval on the test pairs over the seeds.

        Raises:
            UsageError: something that was not tested.
        """
        found: Any = self.test
        for name in (scale or self.about["scale"], who, measure or self.measure):
            if name not in found:
                raise UsageError(f"Nothing was tested under the name {name!r}. {nearest(str(name), list(found))}")
            found = found[name]
        return interval(found)

    def verdict(self, scale: str | None = None) -> str:
        """Whether "the best beats the paper's settings" holds on the test pairs, as `experiments.judge` says it.

        Raises:
            UsageError: this was not tested.
        """
        self.interval("best", scale)
        best, paper = (self.test[scale or self.about["scale"]][who][self.measure] for who in ("best", "paper"))
        return judge([self.sign * value for value in best], [self.sign * value for value in paper])

    def save(self, path: Path | str) -> Path:
        """Write it as JSON, to be read by `load_search`."""
        with atomic_file(Path(path), "w") as file:
            json.dump(asdict(self), file, indent=1)
            file.write("\n")
        return Path(path)

    def __repr__(self) -> str:
        """The table as text."""
        rows = [["trial", *self.paper.settings, self.measure]]
        best_first = sorted(self.trials, key=lambda trial: np.inf if trial.score is None else -self.sign * trial.score)
        for trial in best_first:
            number = "0 (the paper's)" if trial is self.paper else str(trial.number)
            score = FAILED if trial.score is None else f"{trial.score:.3f}"
            rows.append([number, *map(_short, trial.settings.values()), score])
        widths = [max(map(len, column)) + 2 for column in zip(*rows, strict=True)]
        lines = [f"{len(self.trials)} trials, {self.measure} on {self.about['validation_pairs']} validation pairs"]
        lines += ["".join(f"{text:>{width}}" for text, width in zip(row, widths, strict=True)) for row in rows]
        for scale, tested in self.test.items():
            both = ", ".join(f"{who} {self.interval(who, scale)}" for who in tested)
            verdict = f"; {self.verdict(scale)}: the best beats the paper's" if "best" in tested else ""
            lines.append(f"test pairs, scale {scale!r}: {both}{verdict}")
        return "\n".join(lines)


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


# --- searching --------------------------------------------------------------------------------------------------------


def search(
    trials: int = 16,
    pairs: Pairs | None = None,
    measure: str = "fcn_class_iou",
    space: Mapping[str, Between | tuple] = SPACE,
    scale: str = "quick",
    seed: int = 0,
    runs: Path | str = RUNS,
    show_progress: bool = True,
) -> SearchResult:
    """Try settings, the paper's first, and learn from each trial what to try next; or go on with such a search.

    Args:
        trials: how many in all; a search with fewer in the same folder goes on.
        pairs: to train on, and to choose by; default: the scale's house fronts, with 60 validation pairs.
        measure: of `evaluate`, on the validation pairs.
        space: which settings of `train` to search, and where; all others are those of the scale.
        scale: one of `experiments.SCALES`.
        seed: of Optuna's suggestions, and of every training.
        runs: the folder for the record of the trials; the trained models are not kept.
        show_progress: a line for each trial.

    Returns:
        The trials. Nothing has looked at the test pairs yet: see `confirm`.

    Raises:
        UsageError: Optuna is not installed, an unknown scale, measure or setting, or another search in that folder.

    >>> search(trials=16).best.settings  # doctest: +SKIP
    {'learning_rate': 0.000652, 'd_learning_rate': ...}
    """
    optuna = _optuna()
    if isinstance(trials, bool) or not isinstance(trials, int) or trials < 1:
        raise UsageError(f"trials={trials!r} does not work: make one or more.")
    check_known("scale", scale, SCALES)
    _check_space(space)
    pairs = pairs or search_pairs(scale)
    _check_measure(measure, pairs)
    folder = Path(runs) / f"{Path(pairs.name).name}-{scale}"
    plan = _plan(pairs, measure, space, scale, seed)
    done = _read_trials(folder, plan)
    for number in range(len(done), trials):
        settings = _suggest(optuna, space, done, seed, measure) if number else {name: PAPER[name] for name in space}
        done.append(_try(number, settings, pairs, measure, scale, seed, folder / f"trial-{number:03d}"))
        _write_trials(folder, plan, done)
        shutil.rmtree(folder / f"trial-{number:03d}", ignore_errors=True)  # large, and its settings make it again
        if show_progress:
            score = done[-1].score
            print(f"trial {number}: {FAILED if score is None else f'{measure} {score:.3f}'}", flush=True)
    return SearchResult(_about(plan), done[:trials])


def search_pairs(scale: str = "quick") -> Pairs:
    """The scale's house fronts, with more validation pairs than an experiment has.

    Raises:
        UsageError: an unknown scale.

    >>> len(search_pairs("quick").val)
    60
    """
    check_known("scale", scale, SCALES)
    return load_pairs(**{**SCALES[scale].data, "val": VALIDATION_PAIRS})


def _suggest(
    optuna: Any, space: Mapping[str, Between | tuple], done: Sequence[Trial], seed: int, measure: str
) -> dict[str, Any]:
    """What to try next: a function of seed and earlier trials alone, so that a search can be stopped at any moment."""
    where = {name: _distribution(optuna, values) for name, values in space.items()}
    states = optuna.trial.TrialState
    with _quiet(optuna):
        sampler = optuna.samplers.TPESampler(n_startup_trials=AT_RANDOM, seed=1_000 * seed + len(done))
        direction = "minimize" if measure in LOWER_IS_BETTER else "maximize"
        study = optuna.create_study(sampler=sampler, direction=direction)
        for trial in done:
            state = states.FAIL if trial.score is None else states.COMPLETE
            past = optuna.trial.create_trial(
                params=trial.settings, distributions=where, value=trial.score, state=state
            )  # fmt: skip
            study.add_trial(past)
        asked = study.ask(where).params
    return {name: _rounded(asked[name], space[name]) for name in space}


def _distribution(optuna: Any, values: Between | tuple) -> Any:
    if isinstance(values, Between):
        return optuna.distributions.FloatDistribution(values.low, values.high, log=values.log)
    return optuna.distributions.CategoricalDistribution(values)


def _rounded(value: Any, values: Between | tuple) -> Any:
    """Three digits are enough to write down, and to try again by hand."""
    return min(max(float(f"{value:.3g}"), values.low), values.high) if isinstance(values, Between) else value


def _try(
    number: int, settings: dict[str, Any], pairs: Pairs, measure: str, scale: str, seed: int, folder: Path
) -> Trial:
    """Train once, and score on the validation pairs."""
    from pix2pix_edu.checkpoints import RunFolder  # both load Keras
    from pix2pix_edu.evaluation import evaluate

    score, failure = None, ""
    try:
        score = round(evaluate(_train(settings, pairs, scale, seed, folder).model, pairs.val)[measure], 5)
    except TrainingError as error:  # worth knowing, and no reason to end the search
        failure = str(error)
    seconds = RunFolder(folder).read_history().get("seconds", [])
    return Trial(number, settings, score, round(sum(seconds) / 60, 2), failure)


def _train(settings: dict[str, Any], pairs: Pairs, scale: str, seed: int, folder: Path) -> Any:
    """A finished `Run` of these settings."""
    from pix2pix_edu.checkpoints import RunFolder
    from pix2pix_edu.training import train

    return finished(train(
        pairs, epochs=SCALES[scale].epochs, seed=seed, run_dir=folder, resume=RunFolder(folder).exists(),
        show_progress=False, **{**SCALES[scale].settings, **settings},
    ))  # fmt: skip


# --- what the test pairs say ------------------------------------------------------------------------------------------


def confirm(
    result: SearchResult,
    seeds: Sequence[int] = (1, 2, 3),
    scale: str | None = None,
    pairs: Pairs | None = None,
    runs: Path | str = RUNS,
    show_progress: bool = True,
) -> SearchResult:
    """Train the best and the paper's settings from other seeds, and measure both on the test pairs.

    Args:
        result: of `search`, whose trainings all had one seed: the best of many had luck with it, so take others here.
        seeds: to train each from.
        scale: default: that of the search. A larger one shows whether what was found for it holds beyond it.
        pairs: default: those of the scale.
        runs: the folder for the runs; what is there is only read.
        show_progress: a line for each training.

    Returns:
        The same result with `test[scale]`. Where the search found nothing better than the paper's settings, there is
        nothing to compare, and `test[scale]` holds these alone.

    Raises:
        UsageError: no seeds, or an unknown scale.

    >>> confirm(search(trials=16)).verdict()  # doctest: +SKIP
    'undecided'
    """
    scale = scale or result.about["scale"]
    who = {"paper": result.paper} | ({"best": result.best} if result.best != result.paper else {})
    found = {name: repeat(trial.settings, seeds, scale, pairs, runs, show_progress) for name, trial in who.items()}
    return replace(result, test={**result.test, scale: found})


def repeat(
    settings: dict[str, Any],
    seeds: Sequence[int],
    scale: str,
    pairs: Pairs | None = None,
    runs: Path | str = RUNS,
    show_progress: bool = True,
) -> dict[str, list[float]]:
    """Train the same settings from several seeds, and measure each model on the test pairs.

    Args:
        settings: of `train`; all others are those of the scale.
        seeds: one training for each.
        scale: one of `experiments.SCALES`.
        pairs: default: those of the scale.
        runs: the folder for the runs; what is there is only read.
        show_progress: a line for each training.

    Returns:
        For each measure of `experiments.measure` one number for each seed, and "minutes".

    Raises:
        UsageError: no seeds, or an unknown scale.

    >>> repeat({"beta_1": 0.9}, (1, 2), "quick")["psnr"]  # doctest: +SKIP
    [14.9, 15.0]
    """
    check_known("scale", scale, SCALES)
    if not len(seeds):
        raise UsageError("There is nothing to train: give one seed or more.")
    pairs = pairs or search_pairs(scale)
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:8]
    folder = Path(runs) / f"{Path(pairs.name).name}-{scale}" / f"settings-{digest}"  # other settings, another folder
    found = []
    for seed in seeds:
        if show_progress:
            print(f"{settings}, scale {scale}, seed {seed}", flush=True)
        found.append(_measure_once(settings, seed, scale, pairs, folder / f"seed{seed}"))
    return {name: [measured[name] for measured in found] for name in found[0]}


def _measure_once(settings: dict[str, Any], seed: int, scale: str, pairs: Pairs, folder: Path) -> dict[str, float]:
    return measured_once(folder / MEASURED, lambda: measure_run(_train(settings, pairs, scale, seed, folder), pairs))


# --- records ----------------------------------------------------------------------------------------------------------


def load_search() -> SearchResult:
    """The search that ships with the course.

    Raises:
        DataError: it is missing or damaged.

    >>> load_search().paper.settings["lambda_l1"]
    100.0
    """
    path = shipped("experiments") / "search.json"
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        return SearchResult(**{**record, "trials": [Trial(**trial) for trial in record["trials"]]})
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DataError(f"{path} cannot be read ({error}). Install the course again, or run a search.") from error


def _plan(pairs: Pairs, measure: str, space: Mapping[str, Between | tuple], scale: str, seed: int) -> dict[str, Any]:
    """All that two parts of one search must have in common, as JSON would give it back."""
    plan = {
        "data": pairs.name,
        "direction": pairs.direction,
        "image_size": pairs.image_size,
        "training_pairs": len(pairs.train),
        "validation_pairs": len(pairs.val),
        "measure": measure,
        "scale": scale,
        "epochs": SCALES[scale].epochs,
        "settings": SCALES[scale].settings,
        "space": space,
        "seed": seed,
    }
    return json.loads(json.dumps(plan))


def _read_trials(folder: Path, plan: dict[str, Any]) -> list[Trial]:
    path = folder / "trials.json"
    if not path.is_file():
        return []
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        before, trials = record["plan"], [Trial(**trial) for trial in record["trials"]]
    except (ValueError, TypeError, KeyError) as error:
        raise DataError(f"{path} cannot be read ({error}). Delete it to begin the search anew.") from error
    other = [name for name in plan if before.get(name) != plan[name]]
    if other:
        raise UsageError(
            f"{folder} holds another search ({', '.join(f'{name}: {before.get(name)!r}' for name in other)}). Go on "
            "with the same arguments, or give this search its own folder: runs=..."
        )
    return trials


def _write_trials(folder: Path, plan: dict[str, Any], trials: Sequence[Trial]) -> None:
    with atomic_file(folder / "trials.json", "w") as file:
        json.dump({"plan": plan, "trials": [asdict(trial) for trial in trials]}, file, indent=1)


def _about(plan: dict[str, Any]) -> dict[str, Any]:
    return plan | made_here("optuna")


# --- checks -----------------------------------------------------------------------------------------------------------


def _optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        raise UsageError(
            "A search needs Optuna, which is not installed here. Type: pip install 'pix2pix-edu[search]', or in a copy "
            "of the repository: pip install -e '.[search]'. Then restart the kernel."
        ) from error
    return optuna


@contextmanager
def _quiet(optuna: Any) -> Iterator[None]:
    """Optuna reports every step to the log; our own line for a trial says enough."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


def _check_space(space: Mapping[str, Between | tuple]) -> None:
    """Every name is a setting with a starting value of the paper's, and this value lies within its range."""
    if not space:
        raise UsageError("The space is empty: name a setting of `train`, and what to try for it.")
    for name, values in space.items():
        if name not in PAPER:
            raise UsageError(f"{name!r} cannot be searched. {nearest(str(name), list(PAPER))}")
        inside = values.low <= PAPER[name] <= values.high if isinstance(values, Between) else PAPER[name] in values
        if not inside:
            raise UsageError(
                f"{name}={values!r} does not hold the paper's {PAPER[name]!r}, with which a search begins. Widen it."
            )


def _check_measure(measure: str, pairs: Pairs) -> None:
    from pix2pix_edu.evaluation import evaluate_pictures

    known = list(evaluate_pictures(pairs.val[:1], pairs.val.targets[:1]))
    if measure not in known:
        raise UsageError(f"These pairs are not measured by {measure!r}. {nearest(str(measure), known)}")
