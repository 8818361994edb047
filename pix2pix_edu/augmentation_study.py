"""Does training data made by pix2pix help? The study behind lesson 11 (seed lesson 6.2).

A *condition* is one way to make a training set: its real house fronts, what was added, who painted it. In each the same
student learns for the same number of steps (in three of them for three times as many) and is scored on the same real
house fronts, which no network has seen. Each condition is run from several seeds: other real houses, other first
weights, another generator trained on these houses. A run that was stopped goes on where it was.

"Real" means here: painted by `pairs.facades`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from pix2pix_edu import experiments
from pix2pix_edu.augmentation import (
    Student,
    balance,
    class_number,
    class_weights,
    flat_pairs,
    generate_pairs,
    has_part,
    labelled,
    labels_of,
    mix,
    new_layouts,
    oversample,
    to_balance,
)
from pix2pix_edu.backend import keras
from pix2pix_edu.errors import DataError, UsageError, check_known, nearest
from pix2pix_edu.evaluation.fcn import FcnScore
from pix2pix_edu.experiments import Claim, Interval, interval, judge, measured_once
from pix2pix_edu.gallery import read_pictures
from pix2pix_edu.pairs import Pairs, Split, load_pairs
from pix2pix_edu.pairs.core import check_seed
from pix2pix_edu.paths import atomic_file, shipped
from pix2pix_edu.segmenter import WIDTHS

# --- What is compared -------------------------------------------------------------------------------------------------

RARE = "balcony"
FEW, POOL = 20, 200  # real pairs: as few as a poor annotator has, and all that there are for one seed
RARE_PAIRS, RARE_HAVING = 40, 2  # question B: so many houses, and so many of them with balconies
REAL_SEED = 1  # seed k of the study has the real houses of load_pairs("facades", seed=REAL_SEED + k)
TEST: dict[str, Any] = {
    "name": "facades",
    "image_size": 64,
    "theme": "full",
    "seed": 0,
}  # no student or generator sees its test houses
RUNS = Path("runs/augmentation")
OTHER = "l1-cgan"  # the row of `experiments` whose generator, of seed 0, was trained on 800 other pairs
SKILLED: dict[str, Any] = {"filters": 24}  # a better painter from the same 800 pairs: wider, trained for twice as long


@dataclass(frozen=True)
class Scale:
    """How large the networks are, and how long they learn.

    >>> SCALES["shipped"].steps > SCALES["quick"].steps
    True
    """

    name: str
    about: str
    widths: tuple[int, ...]
    steps: int
    batch_size: int
    test: int
    generator_steps: int  # of a generator that learns from the student's own few pairs
    skilled_steps: int  # of the skilled generator


SCALES = {
    scale.name: scale
    for scale in (
        Scale(
            "quick", "a condition in about a minute; too short to conclude from", (8, 16, 32, 32), 100, 2, 30, 100, 100
        ),
        Scale("shipped", "what the course shows", WIDTHS, 300, 8, 100, 1000, 6000),
    )
}


@dataclass(frozen=True)
class Condition:
    """One way to make a training set for the student.

    Args:
        words: what a table calls it.
        real: how many real pairs it has.
        extra: how many pairs are added.
        painter: who painted them: "own" (a generator that was trained on these very real pairs), "other" (one that was
            trained on 800 other real pairs), "skilled" (a wider one that learnt from those 800 for longer), "flat"
            (`flat_pairs`), "program" (they are real as well), or "" (nobody).
        layouts: label maps of the added pairs: "new", or "same": those of the real pairs again, in new looks.
        classical: whether all pairs are moved and recoloured.
        rare: question B: only two of the real houses have balconies.
        having: question B: whether the added houses have balconies.
        remedy: question B without new pictures: "repeat" the two houses, or give their pixels "weights".
        stretch: how many times as many steps as the others the student learns.
    """

    words: str
    real: int = FEW
    extra: int = 0
    painter: str = ""
    layouts: str = "new"
    classical: bool = False
    rare: bool = False
    having: bool = True
    remedy: str = ""
    stretch: int = 1


_MORE = POOL - FEW
_LONG = 3
_MISSING = to_balance(RARE_PAIRS, RARE_HAVING)
_RARE: dict[str, Any] = {"real": RARE_PAIRS, "rare": True}

CONDITIONS: dict[str, Condition] = {
    "real-20": Condition("20 real"),
    "real-40": Condition("40 real", 40),
    "real-80": Condition("80 real", 80),
    "real-200": Condition("200 real", POOL),
    "classical-20": Condition("20 real, classical", classical=True),
    "own-same": Condition("+ 180 by own generator, same layouts", extra=_MORE, painter="own", layouts="same"),
    "other-same": Condition("+ 180 by other generator, same layouts", extra=_MORE, painter="other", layouts="same"),
    "skilled-same": Condition(
        "+ 180 by skilled generator, same layouts", extra=_MORE, painter="skilled", layouts="same"
    ),
    "program-same": Condition("+ 180 real looks, same layouts", extra=_MORE, painter="program", layouts="same"),
    "flat-new": Condition("+ 180 flat, new layouts", extra=_MORE, painter="flat"),
    "own-new": Condition("+ 180 by own generator, new layouts", extra=_MORE, painter="own"),
    "other-new": Condition("+ 180 by other generator, new layouts", extra=_MORE, painter="other"),
    "skilled-new": Condition("+ 180 by skilled generator, new layouts", extra=_MORE, painter="skilled"),
    "own-new-60": Condition("+ 60 by own generator, new layouts", extra=60, painter="own"),
    "other-new-60": Condition("+ 60 by other generator, new layouts", extra=60, painter="other"),
    "own-classical": Condition("+ 180 by own generator, classical", extra=_MORE, painter="own", classical=True),
    "other-classical": Condition("+ 180 by other generator, classical", extra=_MORE, painter="other", classical=True),
    "skilled-classical": Condition(
        "+ 180 by skilled generator, classical", extra=_MORE, painter="skilled", classical=True
    ),
    "own-only": Condition("180 by own generator, no real", 0, _MORE, "own"),
    "other-only": Condition("180 by other generator, no real", 0, _MORE, "other"),
    "skilled-only": Condition("180 by skilled generator, no real", 0, _MORE, "skilled"),
    "skilled-80": Condition("80 real + 180 by skilled generator", 80, _MORE, "skilled"),
    "real-20-long": Condition("20 real, three times the steps", stretch=_LONG),
    "own-new-long": Condition("+ 180 by own generator, three times", extra=_MORE, painter="own", stretch=_LONG),
    "skilled-new-long": Condition(
        "+ 180 by skilled generator, three times", extra=_MORE, painter="skilled", stretch=_LONG
    ),
    "rare": Condition("as it is", **_RARE),
    "rare-repeat": Condition("the two repeated", **_RARE, remedy="repeat"),
    "rare-weights": Condition("class weights", **_RARE, remedy="weights"),
    "rare-own": Condition("+ 36 by own generator", **_RARE, extra=_MISSING, painter="own"),
    "rare-other": Condition("+ 36 by other generator", **_RARE, extra=_MISSING, painter="other"),
    "rare-skilled": Condition("+ 36 by skilled generator", **_RARE, extra=_MISSING, painter="skilled"),
    "rare-program": Condition("+ 36 real", **_RARE, extra=_MISSING, painter="program"),
    "rare-skilled-without": Condition(
        "+ 36 by skilled generator, no balconies", **_RARE, extra=_MISSING, painter="skilled", having=False
    ),
}

MEANS = ("class_iou", "class_accuracy", "pixel_accuracy")
RECALL, IOU = f"recall_{RARE}", f"iou_{RARE}"


@dataclass(frozen=True)
class Question:
    """Conditions beside each other, and what one might expect of them.

    Args:
        title: the question.
        baseline: the condition that gains are counted from.
        conditions: names in `CONDITIONS`.
        measures: which measures the table shows.
        claims: what might hold; the study decides.
    """

    title: str
    baseline: str
    conditions: tuple[str, ...]
    measures: tuple[str, ...]
    claims: tuple[Claim, ...]


_A = tuple(name for name, condition in CONDITIONS.items() if not condition.rare)
_B = tuple(name for name, condition in CONDITIONS.items() if condition.rare)

QUESTIONS: dict[str, Question] = {
    "help": Question(
        "Do generated pairs help a student that has 20 real ones?", "real-20", _A, MEANS,
        (Claim("real-40", "real-20", MEANS[0], "40 real pairs beat 20"),
         Claim("classical-20", "real-20", MEANS[0], "classical augmentation beats none"),
         Claim("own-same", "real-20", MEANS[0], "own generator, same layouts: new looks alone help"),
         Claim("own-new", "real-20", MEANS[0], "own generator, new layouts: beats 20 real pairs alone"),
         Claim("other-new", "real-20", MEANS[0], "other generator, new layouts: beats 20 real pairs alone"),
         Claim("skilled-new", "real-20", MEANS[0], "skilled generator, new layouts: beats 20 real pairs alone"),
         Claim("own-new", "own-same", MEANS[0], "own generator: new layouts beat the same ones"),
         Claim("own-new", "flat-new", MEANS[0], "new layouts: the own generator's pictures beat flat colours"),
         Claim("other-new", "own-new", MEANS[0], "new layouts: the other generator beats the own one"),
         Claim("skilled-new", "other-new", MEANS[0], "new layouts: the skilled generator beats the other one"),
         Claim("skilled-new", "flat-new", MEANS[0], "new layouts: the skilled generator's pictures beat flat colours"),
         Claim("skilled-new", "skilled-same", MEANS[0], "skilled generator: new layouts beat the same ones"),
         Claim("real-200", "skilled-new", MEANS[0], "new layouts: real pictures beat the skilled generator's"),
         Claim("own-new", "classical-20", MEANS[0], "own generator beats classical augmentation"),
         Claim("skilled-new", "classical-20", MEANS[0], "skilled generator beats classical augmentation"),
         Claim("skilled-classical", "classical-20", MEANS[0], "skilled generator on top of classical helps"),
         Claim("real-20", "own-only", MEANS[0], "20 real pairs beat 180 by the own generator alone"),
         Claim("skilled-only", "real-20", MEANS[0], "180 by the skilled generator alone beat 20 real pairs"),
         Claim("skilled-80", "real-80", MEANS[0], "skilled generator helps where there are 80 real pairs"),
         Claim("own-new-long", "real-20-long", MEANS[0], "three times the steps: own generator beats none"),
         Claim("skilled-new-long", "real-20-long", MEANS[0], "three times the steps: skilled generator beats none")),
    ),
    "balance": Question(
        "Balconies are rare: what finds more of them?", "rare", _B, (RECALL, IOU, MEANS[0]),
        (Claim("rare-repeat", "rare", RECALL, "repeating the two real houses raises the recall"),
         Claim("rare-weights", "rare", RECALL, "class weights raise the recall"),
         Claim("rare-own", "rare", RECALL, "own generator's balconies raise the recall"),
         Claim("rare-other", "rare", RECALL, "other generator's balconies raise the recall"),
         Claim("rare-skilled", "rare", RECALL, "skilled generator's balconies raise the recall"),
         Claim("rare-own", "rare-repeat", IOU, "own generator's balconies beat repeating, by IoU"),
         Claim("rare-skilled", "rare-repeat", IOU, "skilled generator's balconies beat repeating, by IoU"),
         Claim("rare-skilled", "rare-skilled-without", RECALL, "it is the balconies, not the number of pictures"),
         Claim("rare-program", "rare-skilled", IOU, "real balconies beat the skilled generator's, by IoU")),
    ),
}  # fmt: skip


# --- Making the training sets -----------------------------------------------------------------------------------------


def real_pairs(seed: int, count: int) -> Split:
    """The first `count` real pairs of one seed of the study; each seed has houses of its own.

    >>> real_pairs(0, 20).names[0]
    'house 3000000'
    """
    if not 0 <= count <= POOL:
        raise UsageError(f"count={count!r} does not work: each seed of the study has {POOL} real pairs.")
    return _painted(seed, FEW if count <= FEW else POOL)[:count]  # the smaller set is painted in two seconds


@cache
def _painted(seed: int, count: int, look: int = 0) -> Split:
    data: dict[str, Any] = {
        "image_size": TEST["image_size"],
        "theme": TEST["theme"],
        "seed": REAL_SEED + check_seed(seed),
    }
    return load_pairs("facades", **data, look=look, train=count, val=1, test=1).train


def rare_pairs(seed: int) -> tuple[Split, Split]:
    """Question B: 40 real pairs of which two have balconies, and all further ones of the pool that have them.

    >>> few, more = rare_pairs(0)  # doctest: +SKIP
    >>> len(few), int(has_part(few.labels, "balcony").sum())  # doctest: +SKIP
    (40, 2)
    """
    pool = real_pairs(seed, POOL)
    having = has_part(labels_of(pool), RARE)
    some, none = np.flatnonzero(having), np.flatnonzero(~having)
    chosen = np.concatenate([some[:RARE_HAVING], none[: RARE_PAIRS - RARE_HAVING]])
    return pool[chosen], pool[some[RARE_HAVING:]]


def training_set(
    name: str, seed: int = 0, scale: str = "shipped", runs: Path | str = RUNS
) -> tuple[Split, np.ndarray | None]:
    """What the student learns from in one condition; a generator that it needs is trained first, or read.

    Returns:
        The pairs, and the weights of the classes where the condition has any.

    Raises:
        UsageError: an unknown condition or scale.

    >>> training_set("real-20", scale="quick")[0]
    Split(20 pairs, sources (64, 64, 3), targets (64, 64, 3), labels)
    """
    condition = _condition(name)
    if condition.rare:
        return _balanced(condition, seed, scale, runs)
    few = real_pairs(seed, condition.real or FEW)  # without real pairs, the own generator has still seen them
    if not condition.painter:
        return few, None
    extra = _extra(condition, few[:FEW], seed, scale, runs)[: condition.extra]
    return (mix(few, extra) if condition.real else extra), None


def _balanced(condition: Condition, seed: int, scale: str, runs: Path | str) -> tuple[Split, np.ndarray | None]:
    """Question B: all remedies aim at balconies in half of the houses, or at the share of pixels that this gives."""
    few, more = rare_pairs(seed)
    if condition.remedy == "repeat":
        return oversample(few, RARE), None
    if condition.remedy == "weights":
        share = float((labels_of(oversample(few, RARE)) == class_number(RARE)).mean())
        return few, class_weights(labels_of(few), RARE, share)
    if not condition.painter:
        return few, None
    extra = more if condition.painter == "program" else _extra(condition, few, seed, scale, runs)
    return (balance(few, extra, RARE) if condition.having else mix(few, extra)), None


def _extra(condition: Condition, few: Split, seed: int, scale: str, runs: Path | str) -> Split:
    """The pairs to add. `few` is what an own generator learns from, and whose layouts are painted again."""
    looks = _MORE // FEW if condition.layouts == "same" else 1
    if condition.layouts == "same" and condition.painter == "program":
        return mix(*(_painted(seed, FEW, look) for look in range(1, looks + 1)))
    if condition.layouts == "same":
        maps = labels_of(few)
    elif condition.rare:
        maps = new_layouts(condition.extra, seed=seed, part=RARE, having=condition.having)
    else:
        maps = _maps(_MORE, seed)  # a condition with fewer takes the first ones
    if condition.painter == "flat":
        return flat_pairs(few, np.concatenate([maps] * looks), seed)
    return generate_pairs(generator_of(condition, seed, scale, runs), maps, looks, seed)


@cache
def _maps(count: int, seed: int) -> np.ndarray:
    return new_layouts(count, TEST["image_size"], seed)


def generator_of(condition: Condition, seed: int = 0, scale: str = "shipped", runs: Path | str = RUNS) -> Any:
    """The trained generator of a condition: its model, read from the disk or trained now.

    >>> generator_of(CONDITIONS["own-new"], scale="quick")  # doctest: +SKIP
    """
    return _generator(condition.painter, condition.rare, seed, scale, str(runs))


@cache
def _generator(painter: str, rare: bool, seed: int, scale: str, runs: str) -> Any:
    if painter == "other":
        rows = Path(runs).parent / "experiments"
        return experiments.train_row(OTHER, 0, scale, rows, show_progress=False)[0].model
    if painter == "skilled":
        many = experiments.row_pairs(OTHER, scale).train
        folder = Path(runs) / scale / "generator-skilled"
        return train_generator(many, SCALES[scale].skilled_steps, 0, scale, folder, **SKILLED).model
    few = rare_pairs(seed)[0] if rare else real_pairs(seed, FEW)
    folder = Path(runs) / scale / f"generator-{'rare' if rare else 'few'}-seed{seed}"
    return train_generator(few, SCALES[scale].generator_steps, seed, scale, folder).model


def train_generator(
    split: Split,
    steps: int,
    seed: int = 0,
    scale: str = "shipped",
    run_dir: Path | str | None = None,
    **changes: Any,
) -> Any:
    """Train a pix2pix from label map to picture: L1 + cGAN, with the settings of `experiments`, but without jitter.

    Jitter enlarges, and at 64 px this blurs what is one pixel wide. The weights of the last step are taken. Nothing is
    held out, for there is nothing to spare.

    Args:
        split: the pairs, label maps in colours as sources.
        steps: about how many; it trains in whole passes.
        seed: of weights, order, mirroring and dropout.
        scale: whose settings, "quick" or "shipped".
        run_dir: where the run goes; a run that is there is finished or only read.
        changes: other settings of `train`, such as filters=32.

    Returns:
        The finished `Run`.

    >>> train_generator(real_pairs(0, 20), steps=5, scale="quick")  # doctest: +SKIP
    """
    from pix2pix_edu.checkpoints import RunFolder
    from pix2pix_edu.training import train

    settings = experiments.SCALES[scale].settings
    epochs = max(1, round(steps / (len(split) // settings["batch_size"])))
    run = train(
        Pairs("facades", split, split[:1], split[:1]), epochs=epochs, seed=seed, run_dir=run_dir,
        resume=run_dir is not None and RunFolder(run_dir).exists(), show_progress=False,
        **{**settings, "jitter": False, **changes, "save_every": epochs},
    )  # fmt: skip
    if run.interrupted:  # half a training must not paint, and less so be measured
        raise KeyboardInterrupt
    return run


# --- Running it -------------------------------------------------------------------------------------------------------


@cache
def held_out(count: int) -> Split:
    """The real house fronts that every student is scored on; no network of this study has seen them.

    >>> len(held_out(30))
    30
    """
    return load_pairs(**TEST, train=1, val=1, test=count).test


@cache
def _student(widths: tuple[int, ...]) -> Student:
    return Student(TEST["image_size"], widths)


def run_condition(name: str, seed: int = 0, scale: str = "shipped", runs: Path | str = RUNS) -> dict[str, float]:
    """Teach a student in one condition from one seed and score it; what is done already is only read.

    Returns:
        "class_iou", "class_accuracy" and "pixel_accuracy", and for each class its recall (the share of its pixels that
        was found) and its IoU, such as "recall_balcony"; "minutes" is the time that the teaching took.

    Raises:
        UsageError: an unknown condition or scale.

    >>> run_condition("real-20", scale="quick")["class_iou"]  # doctest: +SKIP
    0.30
    """
    condition = _condition(name)
    chosen = _scale(scale)

    def teach() -> dict[str, float]:
        split, weights = training_set(name, seed, scale, runs)
        student, start = _student(chosen.widths), time.process_time()
        student.teach(split, chosen.steps * condition.stretch, batch_size=chosen.batch_size,
                      classical=condition.classical, weights=weights, seed=seed)  # fmt: skip
        minutes = (time.process_time() - start) / 60
        return {**measures_of(student.score(held_out(chosen.test))), "minutes": round(minutes, 3)}

    return measured_once(Path(runs) / scale / f"{name}-seed{seed}.json", teach)


def measures_of(score: FcnScore) -> dict[str, float]:
    """The three means of a score, then recall and IoU of each class, rounded to four places.

    >>> measures = measures_of(FcnScore(np.eye(12, dtype=int)))
    >>> measures["class_iou"], measures["recall_balcony"]
    (1.0, 1.0)
    """
    values = {name: getattr(score, name) for name in MEANS}
    values |= {f"recall_{row.name}": row.accuracy for row in score}
    values |= {f"iou_{row.name}": row.iou for row in score}
    return {name: round(float(value), 4) for name, value in values.items()}


@dataclass(frozen=True, repr=False)
class Study:
    """What came out, and how sure it is; prints as two tables with a verdict on each claim.

    All conditions of one seed share their 20 real houses and the student's first weights. So they are compared seed by
    seed: a *gain* is the mean difference, with its interval. What the houses of a seed do to both then cancels out.

    Attributes:
        about: scale, command, machine, versions, date, minutes.
        values: condition -> measure -> one number for each seed.
        minutes: condition -> minutes of each seed.
    """

    about: dict[str, Any]
    values: dict[str, dict[str, list[float]]]
    minutes: dict[str, list[float]] = field(default_factory=dict)

    def of(self, name: str, measure: str = MEANS[0]) -> list[float]:
        """The values of all seeds.

        Raises:
            UsageError: a condition or measure that this study does not hold.
        """
        for wanted, known in ((name, self.values), (measure, self.values.get(name, {}))):
            if wanted not in known:
                raise UsageError(f"The study has no {wanted!r}. {nearest(str(wanted), list(known))}")
        return self.values[name][measure]

    def interval(self, name: str, measure: str = MEANS[0]) -> Interval:
        """Mean and 95 % interval over the seeds."""
        return interval(self.of(name, measure))

    def gains(self, name: str, over: str, measure: str = MEANS[0]) -> list[float]:
        """For each seed, by how much one condition is better than another."""
        return [one - other for one, other in zip(self.of(name, measure), self.of(over, measure), strict=True)]

    def gain(self, name: str, over: str, measure: str = MEANS[0]) -> Interval:
        """The mean of the gains and its 95 % interval; the effect is there if it does not hold 0."""
        return interval(self.gains(name, over, measure))

    def verdict(self, claim: Claim) -> str:
        """Whether a claim "better > worse" holds: all of the gain's interval must lie above 0."""
        gains = self.gains(claim.better, claim.worse, claim.measure)
        return judge(gains, [0.0] * len(gains))

    def verdicts(self, question: str) -> list[tuple[Claim, str]]:
        """Each claim of a question ("help" or "balance") whose two conditions were run, with its verdict."""
        done = [claim for claim in QUESTIONS[question].claims if {claim.better, claim.worse} <= self.values.keys()]
        return [(claim, self.verdict(claim)) for claim in done]

    def table(self, question: str) -> str:
        """The conditions of a question as text: each measure, the gain over the baseline, and the verdicts."""
        plan = QUESTIONS[question]
        names = [name for name in plan.conditions if name in self.values]
        width = max(len(CONDITIONS[name].words) for name in plan.conditions) + 2
        head = "".join(f"{measure.removesuffix('_' + RARE):>18}" for measure in plan.measures)
        lines = [f"{plan.title} ({self.about['seeds']} seeds)", f"{'':<{width}}{head}   gain in {plan.measures[0]}"]
        for name in names:
            cells = "".join(f"{self.interval(name, measure)!s:>18}" for measure in plan.measures)
            paired = name != plan.baseline and plan.baseline in names
            gain = f"   {_signed(self.gain(name, plan.baseline, plan.measures[0]))}" if paired else ""
            lines.append(f"{CONDITIONS[name].words:<{width}}{cells}{gain}")
        for claim, verdict in self.verdicts(question):
            gain = _signed(self.gain(claim.better, claim.worse, claim.measure))
            lines.append(f"{verdict}: {claim.text} ({gain})")
        return "\n".join(lines)

    def __repr__(self) -> str:
        """The tables of both questions, as far as they were run."""
        return "\n\n".join(
            self.table(name) for name, plan in QUESTIONS.items() if self.values.keys() & set(plan.conditions)
        )

    def save(self, path: Path | str) -> Path:
        """Write it as JSON, to be read by `load_study`; one line for each condition and measure."""
        rows = ",\n".join(
            f' "{name}": {{\n' + ",\n".join(f'  "{key}": {json.dumps(row)}' for key, row in measures.items()) + "\n }"
            for name, measures in self.values.items()
        )
        with atomic_file(Path(path), "w") as file:
            file.write(f'{{"about": {json.dumps(self.about)},\n"minutes": {json.dumps(self.minutes)},\n')
            file.write(f'"values": {{\n{rows}\n}}}}\n')
        return Path(path)


def _signed(gain: Interval) -> str:
    return f"{gain.mean:+.3f} ± {gain.high - gain.mean:.3f}"


def augment_study(
    names: Sequence[str] | None = None,
    seeds: int = 5,
    scale: str = "shipped",
    runs: Path | str = RUNS,
    show_progress: bool = True,
) -> Study:
    """Run the study, or go on with it: what was measured before is only read.

    Args:
        names: which conditions; default: all of `CONDITIONS`. "help" and "balance" stand for all of a question.
        seeds: how often each condition is run: with so many sets of real houses, first weights and own generators.
        scale: "quick" (a look at one condition in about a minute) or "shipped" (what the course shows).
        runs: the folder for generators and measurements.
        show_progress: say what is being run.

    Raises:
        UsageError: an unknown condition or scale, or no seeds.

    >>> augment_study(["real-20", "own-new"], seeds=1, scale="quick")  # doctest: +SKIP
    """
    if isinstance(seeds, bool) or not isinstance(seeds, int) or seeds < 1:
        raise UsageError(f"seeds={seeds!r} does not work: run each condition once or more often.")
    _scale(scale)
    wanted = list(CONDITIONS) if names is None else [one for name in names for one in _expanded(name)]
    measured: dict[str, list[dict[str, float]]] = {name: [] for name in wanted}
    for seed in range(seeds):  # all conditions from one seed first: stopped half way, there is already a table
        for name in measured:
            if show_progress:
                print(f"seed {seed}: {CONDITIONS[name].words}", flush=True)
            measured[name].append(run_condition(name, seed, scale, runs))
    values = {
        name: {key: [one[key] for one in results] for key in results[0] if key != "minutes"}
        for name, results in measured.items()
    }
    minutes = {name: [one["minutes"] for one in results] for name, results in measured.items()}
    return Study(_about(names, seeds, scale), values, minutes)


def _expanded(name: str) -> tuple[str, ...]:
    if name in QUESTIONS:
        return QUESTIONS[name].conditions
    _condition(name)
    return (name,)


def _condition(name: str) -> Condition:
    if name not in CONDITIONS:
        raise UsageError(f"There is no condition {name!r}. {nearest(str(name), [*CONDITIONS, *QUESTIONS])}")
    return CONDITIONS[name]


def _scale(name: str) -> Scale:
    check_known("scale", name, SCALES)
    return SCALES[name]


def _about(names: Sequence[str] | None, seeds: int, scale: str) -> dict[str, Any]:
    from importlib.metadata import version

    backend = keras.config.backend()
    which = "" if names is None else f"{list(names)}, "
    return {
        "command": f"augment_study({which}seeds={seeds}, scale={scale!r})",
        "seeds": seeds,
        "scale": asdict(SCALES[scale]),
        "versions": {package: version(package) for package in ("keras", backend, "numpy")},
        "date": datetime.now(UTC).date().isoformat(),
    }


# --- What ships -------------------------------------------------------------------------------------------------------


def load_study() -> Study:
    """The study that ships with the course: every value of every condition and seed.

    Raises:
        DataError: the file is missing or damaged.

    >>> load_study().about["seeds"]
    5
    """
    path = shipped("lessons", "augmentation", "results.json")
    try:
        return Study(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise DataError(
            f"{path} cannot be read ({type(error).__name__}: {error}). Install the course again, or make it: python "
            "data/makers/augmentation.py"
        ) from error


SHEETS = ("own-new", "other-new", "skilled-new", "own-same", "other-same", "skilled-same", "rare-own", "rare-skilled")
SHOWN_LOOKS = 2  # of each of the 20 layouts, on the sheets with the same layouts


def generated_pairs(name: str) -> Split:
    """The generated pairs of seed 0 of the study, as they ship with the course.

    Args:
        name: the condition that they belong to, one of `SHEETS`: "own-new" and so on (180 pairs), "own-same" and so on
            (two looks of each of the 20 layouts), "rare-own" and so on (36 houses with balconies).

    Returns:
        Sources and labels are made anew. The pictures come from a file that is compressed a little: they differ from
        those that the students of the study learnt from by about two grey levels.

    Raises:
        UsageError: no such sheet.
        DataError: its file is missing or damaged.

    >>> generated_pairs("own-new").targets.shape
    (180, 64, 64, 3)
    """
    check_known("sheet of generated pairs", name, SHEETS)
    maps = shown_layouts(CONDITIONS[name])
    pictures = read_pictures(shipped("lessons", "augmentation", f"{name}.webp"))
    if pictures.shape != (*maps.shape, 3):
        raise DataError(f"{name}.webp holds {len(pictures)} pictures, not {len(maps)}. Install the course again.")
    return labelled(pictures, maps, "generated")


def shown_layouts(condition: Condition) -> np.ndarray:
    """The label maps of seed 0 of a condition, as many as its sheet shows.

    >>> shown_layouts(CONDITIONS["rare-own"]).shape
    (36, 64, 64)
    """
    if condition.layouts == "same":
        return np.concatenate([labels_of(real_pairs(0, FEW))] * SHOWN_LOOKS)
    if condition.rare:
        return new_layouts(condition.extra, seed=0, part=RARE, having=condition.having)
    return _maps(condition.extra, 0)
