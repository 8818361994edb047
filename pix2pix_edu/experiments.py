"""The paper's claims as experiments that you can run again (paper 4; seed lesson 9.3; notebook 12).

A *row* is one model: its settings, its pairs. It is trained from several seeds and measured on unseen pairs. An
*experiment* puts rows beside each other and states a claim about them; rows that two experiments share are trained
once. A run that was stopped goes on where it was, and what is measured once is not measured again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pix2pix_edu.errors import DataError, UsageError, nearest
from pix2pix_edu.pairs import Pairs, load_pairs
from pix2pix_edu.paths import atomic_file, shipped

RUNS = Path("runs/experiments")
ASKED, ANSWERS = 16, 8  # diversity: so many houses, and so many answers to each


@dataclass(frozen=True)
class Scale:
    """How large the models are, and how long they learn: what a row does not say itself.

    >>> SCALES["shipped"].data["train"]
    800
    """

    name: str
    about: str
    data: dict[str, Any]
    settings: dict[str, Any]
    epochs: int


_FACADES = {"name": "facades", "image_size": 64, "theme": "full", "val": 20}

SCALES = {
    scale.name: scale
    for scale in (
        Scale("quick", "a look in a minute a model; too short to conclude from", {**_FACADES, "train": 200, "test": 60},
              {"preset": "small", "precision": "float32", "filters": 8, "batch_size": 4, "save_every": 4}, epochs=4),
        Scale("shipped", "what the course shows: two to three minutes a model on two cores",
              {**_FACADES, "train": 800, "test": 100},
              {"preset": "small", "precision": "float32", "filters": 16, "batch_size": 4, "save_every": 5}, epochs=15),
        Scale("large", "256 px and the paper's networks, for a GPU",
              {**_FACADES, "image_size": 256, "train": 800, "test": 100},
              {"preset": "paper", "save_every": 20, "batch_size": 4}, epochs=100),
    )
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One model of an experiment: what differs from the scale's pairs and settings.

    Args:
        name: as the paper's table calls it.
        settings: of `train`.
        data: of `load_pairs`.
        swap: True learns from picture to labels instead.
        stretch: how many times the scale's epochs.
    """

    name: str
    settings: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    swap: bool = False
    stretch: float = 1.0


_L1, _GAN, _CGAN = {"adversarial": None}, {"conditional": False, "lambda_l1": 0.0}, {"lambda_l1": 0.0}
_FLAT, _ALONE = {"skips": False}, {"batch_size": 1}

ROWS: dict[str, Row] = {
    "l1": Row("L1", _L1),
    "gan": Row("GAN", _GAN),
    "cgan": Row("cGAN", _CGAN),
    "l1-gan": Row("L1+GAN", {"conditional": False}),
    "l1-cgan": Row("L1+cGAN"),
    "flat-l1": Row("encoder-decoder, L1", {**_FLAT, **_L1}),
    "flat-l1-cgan": Row("encoder-decoder, L1+cGAN", _FLAT),
    "field-1": Row("1x1", {"receptive_field": 1}),
    "field-16": Row("16x16", {"receptive_field": 16}),
    "field-34": Row("34x34", {"receptive_field": 34}),
    "labels-l1": Row("L1", _L1, swap=True),
    "labels-cgan": Row("cGAN", _CGAN, swap=True),
    "labels-l1-cgan": Row("L1+cGAN", swap=True),
    "pairs-25": Row("25 pairs", data={"train": 25}, stretch=32),
    "pairs-100": Row("100 pairs", data={"train": 100}, stretch=8),
    "pairs-400": Row("400 pairs", data={"train": 400}, stretch=2),
    "alone-flat-norm": Row("encoder-decoder, norm", {**_ALONE, **_FLAT, "bottleneck_norm": True}, stretch=0.25),
    "alone-flat": Row("encoder-decoder, no norm", {**_ALONE, **_FLAT}, stretch=0.25),
    "alone-norm": Row("U-Net, norm", {**_ALONE, "bottleneck_norm": True}, stretch=0.25),
    "alone": Row("U-Net, no norm", _ALONE, stretch=0.25),
}


FCN = ("fcn_pixel_accuracy", "fcn_class_accuracy", "fcn_class_iou")
LAB = ("lab_L", "lab_a", "lab_b")


REAL = "real"  # in a claim: the real pictures, which score 1 by a measure that is a share of theirs


class Claim(NamedTuple):
    """One row is better than another by one measure, of which more is better; one of the two may be `REAL`."""

    better: str
    worse: str
    measure: str
    text: str


@dataclass(frozen=True)
class Experiment:
    """Rows beside each other, what to look at, what the paper says of them, and its numbers where it has some.

    Args:
        name: as in `reproduce(name)`.
        title: what is compared.
        where: in the paper.
        rows: keys of `ROWS`, in the order of the paper's table.
        measures: which measures the table shows.
        claims: what should hold.
        paper: for a row, the paper's numbers in the order of the measures.
        caution: what differs from the paper, so that the numbers themselves cannot be compared.
    """

    name: str
    title: str
    where: str
    rows: tuple[str, ...]
    measures: tuple[str, ...]
    claims: tuple[Claim, ...]
    paper: dict[str, tuple[float, ...]] = field(default_factory=dict)
    caution: str = ""


_CITYSCAPES = "The paper's numbers are from Cityscapes at 256 px with another judge: compare the order, not the values."

EXPERIMENTS: dict[str, Experiment] = {
    experiment.name: experiment
    for experiment in (
        Experiment(
            "table1", "which losses", "Table 1", ("l1", "gan", "cgan", "l1-gan", "l1-cgan"), FCN,
            tuple(Claim("l1-cgan", other, FCN[2], f"L1+cGAN beats {ROWS[other].name}")
                  for other in ("l1", "gan", "cgan", "l1-gan"))
            + tuple(Claim(other, "gan", FCN[2], f"GAN alone is worse than {ROWS[other].name}")
                    for other in ("l1", "cgan", "l1-gan")),
            {"l1": (0.42, 0.15, 0.11), "gan": (0.22, 0.05, 0.01), "cgan": (0.57, 0.22, 0.16),
             "l1-gan": (0.64, 0.20, 0.15), "l1-cgan": (0.66, 0.23, 0.17)},
            _CITYSCAPES,
        ),
        Experiment(
            "table2", "U-Net against encoder-decoder", "Table 2", ("flat-l1", "flat-l1-cgan", "l1", "l1-cgan"), FCN,
            (Claim("l1", "flat-l1", FCN[2], "under L1 the U-Net beats the encoder-decoder"),
             Claim("l1-cgan", "flat-l1-cgan", FCN[2], "under L1+cGAN the U-Net beats the encoder-decoder")),
            {"flat-l1": (0.35, 0.12, 0.08), "flat-l1-cgan": (0.29, 0.09, 0.05), "l1": (0.48, 0.18, 0.13),
             "l1-cgan": (0.55, 0.20, 0.14)},
            _CITYSCAPES,
        ),
        Experiment(
            "table3", "the discriminator's receptive field", "Table 3", ("field-1", "field-16", "field-34", "l1-cgan"),
            FCN,
            (Claim("field-16", "field-1", FCN[2], "16x16 beats 1x1"),
             Claim("l1-cgan", "field-1", FCN[2], "70x70 beats 1x1")),
            {"field-1": (0.39, 0.15, 0.10), "field-16": (0.65, 0.21, 0.17), "l1-cgan": (0.66, 0.23, 0.17)},
            _CITYSCAPES + " At 64 px a field of 70 is the whole picture, and one of 16 is a quarter of it, as 70 is "
            "at 256 px.",
        ),
        Experiment(
            "figure7", "colours", "Figure 7", ("l1", "cgan", "l1-cgan", "field-1"), LAB,
            tuple(Claim("l1-cgan", "l1", measure, f"L1+cGAN is nearer to the real colours than L1 in {measure[4:]}")
                  for measure in LAB),
            {"l1": (0.81, 0.69, 0.70), "cgan": (0.87, 0.74, 0.84), "l1-cgan": (0.86, 0.84, 0.82),
             "field-1": (0.83, 0.68, 0.78)},
            "The paper's numbers are from Cityscapes at 256 px: compare the order, not the values.",
        ),
        Experiment(
            "table6", "from the picture to its labels", "Table 6", ("labels-l1", "labels-cgan", "labels-l1-cgan"), FCN,
            (Claim("labels-l1", "labels-l1-cgan", FCN[2], "L1 alone beats L1+cGAN"),
             Claim("labels-l1-cgan", "labels-cgan", FCN[2], "L1+cGAN beats cGAN alone")),
            {"labels-l1": (0.86, 0.42, 0.35), "labels-cgan": (0.74, 0.28, 0.22), "labels-l1-cgan": (0.83, 0.36, 0.29)},
            "The paper's numbers are from Cityscapes at 256 px: compare the order, not the values.",
        ),
        Experiment(
            "diversity", "dropout is the only noise", "section 3.3", ("l1", "l1-gan", "l1-cgan"), ("diversity",),
            tuple(Claim(REAL, key, "diversity", f"{ROWS[key].name} varies less than the real answers do")
                  for key in ("l1", "l1-gan", "l1-cgan")),
            caution="The paper gives no number: it speaks of only minor stochasticity.",
        ),
        Experiment(
            "batch-norm", "a norm on the bottleneck, at batch size 1", "the erratum",
            ("alone-flat-norm", "alone-flat", "alone-norm", "alone"), ("dependence", "psnr", FCN[2]),
            (Claim("alone-flat", "alone-flat-norm", "dependence",
                   "with the norm, nothing of the source reaches an encoder-decoder's picture"),),
            caution="The paper gives no numbers for it.",
        ),
        Experiment(
            "data-size", "how many pairs, with the same number of steps", "our own question (seed 9.3)",
            ("pairs-25", "pairs-100", "pairs-400", "l1-cgan"), (*FCN, "psnr"),
            (Claim("pairs-100", "pairs-25", FCN[2], "100 pairs beat 25"),
             Claim("pairs-400", "pairs-100", FCN[2], "400 pairs beat 100"),
             Claim("l1-cgan", "pairs-400", FCN[2], "800 pairs beat 400")),
        ),
    )
}  # fmt: skip


def train_row(
    key: str, seed: int = 0, scale: str = "shipped", runs: Path | str = RUNS, show_progress: bool = True
) -> tuple[Any, Pairs]:
    """Train one row from one seed, or go on with it, or find it finished.

    Args:
        key: a name in `ROWS`.
        seed: initial weights, order and dropout; the pairs are the same for all seeds.
        scale: "quick", "shipped" or "large".
        runs: the folder of all runs of experiments.
        show_progress: a progress bar over all steps.

    Returns:
        The finished `Run`, and its pairs.

    Raises:
        UsageError: an unknown row or scale.

    >>> run, pairs = train_row("l1", scale="quick")  # doctest: +SKIP
    """
    from pix2pix_edu.checkpoints import RunFolder  # both load Keras
    from pix2pix_edu.training import train

    row, chosen = _row(key), _scale(scale)
    pairs = row_pairs(key, scale)
    epochs = max(1, round(chosen.epochs * row.stretch))
    settings = {**chosen.settings, **row.settings}
    # As often as the unstretched row: 480 short epochs need not be validated 96 times.
    settings["save_every"] = min(epochs, max(1, round(settings["save_every"] * row.stretch)))
    folder = Path(runs) / scale / f"{key}-seed{seed}"
    run = train(
        pairs, epochs=epochs, seed=seed, run_dir=folder, resume=RunFolder(folder).exists(),
        show_progress=show_progress, **settings,
    )  # fmt: skip
    return run, pairs


def row_pairs(key: str, scale: str = "shipped") -> Pairs:
    """The pairs that a row learns from and is measured on.

    >>> len(row_pairs("pairs-25", "quick").train)
    25
    """
    row = _row(key)
    pairs = _load(json.dumps({**_scale(scale).data, **row.data}))
    return pairs.swap() if row.swap else pairs


@cache
def _load(data: str) -> Pairs:
    return load_pairs(**json.loads(data))


def _row(key: str) -> Row:
    if key not in ROWS:
        raise UsageError(f"There is no row {key!r}. {nearest(str(key), list(ROWS))}")
    return ROWS[key]


def _scale(name: str) -> Scale:
    if name not in SCALES:
        raise UsageError(f"There is no scale {name!r}. {nearest(str(name), list(SCALES))}")
    return SCALES[name]


# --- measuring --------------------------------------------------------------------------------------------------------


def run_row(
    key: str, seed: int = 0, scale: str = "shipped", runs: Path | str = RUNS, show_progress: bool = True
) -> dict[str, float]:
    """Train a row from one seed and measure it on the unseen pairs; what is done already is only read.

    Returns:
        All measures of `evaluate`, and `dependence`: how much the pictures differ from one source to another, in shares
        of how much the targets do. At 0 the model draws the same whatever it is shown. For house fronts also
        `diversity`: how much eight answers to one source differ, in shares of how much eight real ones do. `minutes` is
        the time that its epochs took.

    Raises:
        UsageError: an unknown row or scale.

    >>> run_row("l1", scale="quick")["psnr"]  # doctest: +SKIP
    15.1
    """
    _row(key), _scale(scale)
    path = Path(runs) / scale / f"{key}-seed{seed}" / "measured.json"
    if path.is_file():
        return json.loads(path.read_text())
    run, pairs = train_row(key, seed, scale, runs, show_progress)
    measured = measure(run.model, pairs) | {"minutes": round(sum(run.history["seconds"]) / 60, 2)}
    with atomic_file(path, "w") as file:
        json.dump(measured, file, indent=1)
    return measured


def measure(model: Any, pairs: Pairs) -> dict[str, float]:
    """All measures of a model on the test pairs.

    >>> import pix2pix_edu as p2p
    >>> pictures = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    >>> split = p2p.Split(pictures, pictures)
    >>> measure(p2p.generator_model(32, 2, seed=0), p2p.Pairs("same", split, split, split))["dependence"] < 1
    True
    """
    from pix2pix_edu.evaluation import evaluate_pictures
    from pix2pix_edu.translation import translate

    drawn = translate(model, pairs.test.sources)
    between = [pictures.astype("float64").std(axis=0).mean() for pictures in (drawn, pairs.test.targets)]
    measures = evaluate_pictures(pairs.test, drawn) | {"dependence": between[0] / between[1]}
    if pairs.name == "facades" and pairs.direction == "AtoB":
        measures["diversity"] = _share_of_real_diversity(model, pairs)
    return {name: round(float(value), 5) for name, value in measures.items()}


def _share_of_real_diversity(model: Any, pairs: Pairs) -> float:
    """The spread of a model's answers under dropout over the spread of as many looks of the same house."""
    from pix2pix_edu.evaluation import diversity, spread
    from pix2pix_edu.pairs.facades import render_facade

    asked = pairs.test[:ASKED]
    houses = [int(name.removeprefix("house ")) for name in asked.names]
    size = pairs.image_size
    looks = np.stack([[render_facade(house, size, look) for house in houses] for look in range(ANSWERS)])
    ours = diversity(model, asked.sources, samples=ANSWERS).deviation.mean()
    return float(ours / spread(looks).deviation.mean())


class Interval(NamedTuple):
    """The mean of a few values, and the interval that holds the true mean with 95 % confidence (Student's t)."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        """As a table shows it."""
        return f"{self.mean:.3f} ± {self.high - self.mean:.3f}" if self.high > self.low else f"{self.mean:.3f}"


def interval(values: Sequence[float]) -> Interval:
    """Mean and 95 % interval of independent values, such as one measure over the seeds.

    One value has no interval: nothing is known about its spread, and low = mean = high only says so.

    Raises:
        UsageError: no values.

    >>> print(interval([1.0, 2.0, 3.0]))
    2.000 ± 2.484
    """
    from scipy.stats import t

    if not len(values):
        raise UsageError("An interval needs at least one value.")
    mean = float(np.mean(values))
    if len(values) == 1:
        return Interval(mean, mean, mean)
    half = float(t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values)))
    return Interval(mean, mean - half, mean + half)


HOLDS, FAILS, UNDECIDED = "holds", "does not hold at this scale", "undecided"


def judge(better: Sequence[float], worse: Sequence[float]) -> str:
    """Whether a claim "better > worse" holds: the two 95 % intervals must not touch; with one seed nothing is decided.

    >>> judge([0.50, 0.51, 0.52], [0.40, 0.41, 0.42]), judge([0.5], [0.4])
    ('holds', 'undecided')
    """
    if min(len(better), len(worse)) < 2:
        return UNDECIDED
    first, second = interval(better), interval(worse)
    if first.low > second.high:
        return HOLDS
    return FAILS if first.high < second.low else UNDECIDED


# --- a whole experiment -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, repr=False)
class Outcome:
    """What came out of an experiment; prints as the paper's table beside ours, with a verdict on each claim.

    Attributes:
        name: of the experiment.
        about: scale, command, machine, versions, date.
        values: row -> measure -> one number for each seed.
        minutes: row -> minutes of each seed.
    """

    name: str
    about: dict[str, Any]
    values: dict[str, dict[str, list[float]]]
    minutes: dict[str, list[float]]

    @property
    def experiment(self) -> Experiment:
        """Its plan."""
        return EXPERIMENTS[self.name]

    @property
    def verdicts(self) -> list[tuple[Claim, str]]:
        """Each claim whose two rows were run, with "holds", "does not hold at this scale" or "undecided"."""
        known = self.values.keys() | {REAL}
        done = [claim for claim in self.experiment.claims if {claim.better, claim.worse} <= known]
        return [
            (claim, judge(*(self._of(row, claim.measure) for row in (claim.better, claim.worse)))) for claim in done
        ]

    def _of(self, row: str, measure: str) -> list[float]:
        return [1.0] * self.about["seeds"] if row == REAL else self.values[row][measure]

    def interval(self, row: str, measure: str) -> Interval:
        """Mean and 95 % interval over the seeds.

        Raises:
            UsageError: a row or measure that this outcome does not hold.
        """
        for name, known in ((row, self.values), (measure, self.values.get(row, {}))):
            if name not in known:
                raise UsageError(f"{self.name} has no {name!r}. {nearest(str(name), list(known))}")
        return interval(self.values[row][measure])

    def save(self, path: Path | str) -> Path:
        """Write it as JSON, to be read by `load_outcome`."""
        with atomic_file(Path(path), "w") as file:
            json.dump(asdict(self), file, indent=1)
            file.write("\n")
        return Path(path)

    def __repr__(self) -> str:
        """The table as text."""
        plan = self.experiment
        width = max(len(ROWS[key].name) for key in plan.rows) + 2
        head = "".join(f"{measure.removeprefix('fcn_'):>18}" for measure in plan.measures)
        seeds = "1 seed" if self.about["seeds"] == 1 else f"{self.about['seeds']} seeds"
        lines = [f"{plan.title} ({plan.where}), {seeds}", f"{'':<{width}}{head}   the paper"]
        for key, measured in self.values.items():
            ours = "".join(f"{interval(measured[name])!s:>18}" for name in plan.measures)
            lines.append(f"{ROWS[key].name:<{width}}{ours}   {' '.join(f'{x:.2f}' for x in plan.paper.get(key, ()))}")
        lines += [f"{verdict}: {claim.text} ({claim.measure.removeprefix('fcn_')})" for claim, verdict in self.verdicts]
        return "\n".join([*lines, *([plan.caution] if plan.caution else [])])


def reproduce(
    name: str,
    rows: Sequence[str] | None = None,
    seeds: int = 3,
    scale: str = "shipped",
    runs: Path | str = RUNS,
    show_progress: bool = True,
) -> Outcome:
    """Run an experiment, or go on with it: train what is not trained, measure what is not measured.

    Args:
        name: one of `EXPERIMENTS`, such as "table1" or "figure7".
        rows: only these of its rows.
        seeds: how often each row is trained, from seeds 0, 1, ...
        scale: "quick" (a look), "shipped" (what the course shows) or "large" (for a GPU).
        runs: the folder for the runs.
        show_progress: say which row is trained, with a bar over its steps.

    Raises:
        UsageError: an unknown experiment, row or scale, or no seeds.

    >>> reproduce("table1", rows=["l1", "gan"], seeds=1, scale="quick")  # doctest: +SKIP
    """
    if name not in EXPERIMENTS:
        raise UsageError(f"There is no experiment {name!r}. {nearest(str(name), list(EXPERIMENTS))}")
    plan = EXPERIMENTS[name]
    chosen = list(plan.rows if rows is None else rows)
    for key in chosen:
        if key not in plan.rows:
            raise UsageError(f"{name} has no row {key!r}. {nearest(str(key), list(plan.rows))}")
    if isinstance(seeds, bool) or not isinstance(seeds, int) or seeds < 1:
        raise UsageError(f"seeds={seeds!r} does not work: train each row once or more often.")
    measured: dict[str, list[dict[str, float]]] = {key: [] for key in chosen}
    for seed in range(seeds):  # all rows from one seed first: stopped half way, there is already a table
        for key in chosen:
            if show_progress:
                print(f"{name}: {ROWS[key].name}, seed {seed}", flush=True)
            measured[key].append(run_row(key, seed, scale, runs, show_progress))
    return Outcome(
        name=name,
        about=_about(name, chosen, seeds, scale),
        values={key: _columns(results) for key, results in measured.items()},
        minutes={key: [result["minutes"] for result in results] for key, results in measured.items()},
    )


def _columns(results: list[dict[str, float]]) -> dict[str, list[float]]:
    names = [name for name in results[0] if name != "minutes"]
    return {name: [result[name] for result in results] for name in names}


def _about(name: str, rows: list[str], seeds: int, scale: str) -> dict[str, Any]:
    from importlib.metadata import version

    from pix2pix_edu.backend import keras
    from pix2pix_edu.presets import gpu_names

    which = "" if rows == list(EXPERIMENTS[name].rows) else f" --rows {' '.join(rows)}"
    return {
        "command": f"pix2pix-edu reproduce {name}{which} --seeds {seeds} --scale {scale}",
        "scale": scale,
        "seeds": seeds,
        "backend": keras.config.backend(),
        "machine": ", ".join(gpu_names()) or "CPU, no GPU",
        "versions": {package: version(package) for package in ("keras", keras.config.backend(), "numpy")},
        "date": datetime.now(UTC).date().isoformat(),
    }


def load_outcome(name: str) -> Outcome:
    """The outcome of an experiment that ships with the course.

    Raises:
        UsageError: no such experiment, or none ships for it.
        DataError: the file is damaged.

    >>> load_outcome("table1").about["seeds"]
    3
    """
    folder = shipped("experiments")
    names = sorted(path.stem for path in folder.glob("*.json"))
    if name not in names:
        raise UsageError(f"No outcome of {name!r} ships with the course. {nearest(str(name), names)}")
    path = folder / f"{name}.json"
    try:
        return Outcome(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"{path} cannot be read ({error}). Install the course again, or run the experiment.") from error
