"""The paper's claims as experiments that you can run again (paper 4; seed lesson 9.3; notebook 12).

A *row* is one model: its settings, its pairs. It is trained from several seeds and measured on unseen pairs. An
*experiment* puts rows beside each other and states a claim about them; rows that two experiments share are trained
once. A run that was stopped goes on where it was, and what is measured once is not measured again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from pix2pix_edu.errors import DataError, UsageError, check_known, nearest
from pix2pix_edu.pairs import Pairs, Split, load_pairs
from pix2pix_edu.paths import atomic_file, shipped

RUNS = Path("runs/experiments")
MEASURED = "measured.json"
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
        learn: what is made of the pairs to learn from, a name in `LEARN`; the test pairs stay as they are.
        note: what one must know to judge the row.
    """

    name: str
    settings: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    swap: bool = False
    stretch: float = 1.0
    learn: str = ""
    note: str = ""


_L1, _GAN, _CGAN = {"adversarial": None}, {"conditional": False, "lambda_l1": 0.0}, {"lambda_l1": 0.0}
_FLAT, _ALONE = {"skips": False}, {"batch_size": 1}
_AUGMENT = {"diffaugment": "colour,translation,cutout"}
_EMOJI = {"name": "emoji"}

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
    "lsgan": Row("least squares", {"adversarial": "lsgan"}),
    "hinge": Row("hinge", {"adversarial": "hinge"}),
    "instance": Row("instance norm", {"norm": "instance"}),
    "resize": Row("resize-convolution", {"upsample": "resize"}),
    "feature-matching": Row("feature matching", {"feature_matching": 10.0}),
    "perceptual": Row(
        "perceptual loss", {"perceptual": 10.0, "perceptual_features": "emoji"},
        note="The network that it looks with is the encoder of the emoji generator that ships with the course, not "
        "VGG16: VGG16's weights are not part of the course, and the course's segmenter is the judge here. It has seen "
        "line drawings only.",
    ),
    "spectral": Row("spectral norm", {"spectral_norm": True}, note="In the discriminator, in the place of its norm."),
    "ema": Row("EMA", {"ema": 0.999}),
    "diffaugment": Row("DiffAugment", _AUGMENT),
    "pairs-100-diffaugment": Row("100 pairs, DiffAugment", _AUGMENT, {"train": 100}, stretch=8),
    "filters-8": Row("8 filters", {"filters": 8}),
    "filters-32": Row("32 filters", {"filters": 32}),
    "levels-3": Row("3 levels", {"levels": 3}),
    "levels-4": Row("4 levels", {"levels": 4}),
    "emoji-l1": Row("L1", _L1, _EMOJI, stretch=1 / 3, learn="all answers"),
    "emoji-l1-cgan": Row("L1+cGAN", {}, _EMOJI, stretch=1 / 3, learn="all answers"),
    "quarters": Row("quarters of houses", {"batch_size": 16}, learn="quarters"),
    "halved": Row("whole houses, half as large", learn="halved"),
}  # fmt: skip


FCN = ("fcn_pixel_accuracy", "fcn_class_accuracy", "fcn_class_iou")
LAB = ("lab_L", "lab_a", "lab_b")


REAL = "real"  # in a claim: the real pictures, which score 1 by a measure that is a share of theirs


class Claim(NamedTuple):
    """One row is better than another by one measure, of which more is better, or `less`; one may be `REAL`."""

    better: str
    worse: str
    measure: str
    text: str
    less: bool = False


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
        costs: True shows beside the measures what a row costs: parameters, operations, minutes.
    """

    name: str
    title: str
    where: str
    rows: tuple[str, ...]
    measures: tuple[str, ...]
    claims: tuple[Claim, ...]
    paper: dict[str, tuple[float, ...]] = field(default_factory=dict)
    caution: str = ""
    costs: bool = False


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
        Experiment(
            "variants", "one drawing, six right answers", "section 4.2", ("emoji-l1", "emoji-l1-cgan"),
            ("to_median", "to_nearest"),
            (Claim("emoji-l1", "emoji-l1-cgan", "to_median", "L1 paints nearer to the median of the right answers",
                   less=True),
             Claim("emoji-l1-cgan", "emoji-l1", "to_nearest", "L1+cGAN paints nearer to one of the right answers",
                   less=True)),
            caution="The paper argues that L1 chooses the median, and gives no number. Distances are root mean squares "
            "of 255, over the pixels where the six answers differ clearly; less is nearer.",
        ),
        Experiment(
            "size", "train at one size, translate at another", "Figure 8", ("halved", "quarters", "l1-cgan"),
            (*FCN, "psnr"),
            (Claim("quarters", "halved", FCN[2], "small pieces at the right scale teach more than small whole houses"),
             Claim("l1-cgan", "quarters", FCN[2], "training at the size of the test is better still")),
            caution="The paper translates maps of 512 px with a model trained at 256 px, and gives no number. All rows "
            "are tested on whole houses. Quarters of a house are learnt in batches of 16, so that a step sees as many "
            "pixels; the halved houses of a step have a quarter of them.",
        ),
        Experiment(
            "model-size", "a wider or deeper generator, with the same number of steps", "our own question (seed 9.3)",
            ("filters-8", "l1-cgan", "filters-32", "levels-3", "levels-4"), (FCN[2], "psnr", "ssim"),
            (Claim("l1-cgan", "filters-8", FCN[2], "16 filters beat 8"),
             Claim("filters-32", "l1-cgan", FCN[2], "32 filters beat 16"),
             Claim("levels-4", "levels-3", FCN[2], "4 levels beat 3"),
             Claim("l1-cgan", "levels-4", FCN[2], "6 levels beat 4")),
            caution="L1+cGAN has 16 filters, and at 64 px 6 levels. Both networks are as wide as the row says. Minutes "
            "are those of the quickest seed, on machines that did other work too; parameters and operations are exact.",
            costs=True,
        ),
        Experiment(
            "after", "what came after pix2pix, on the same budget", "our own question (seed 9.3)",
            ("l1-cgan", "lsgan", "hinge", "instance", "resize", "feature-matching", "perceptual", "spectral", "ema",
             "diffaugment", "pairs-100", "pairs-100-diffaugment"),
            (FCN[2], "psnr", "ssim", "perceptual"),
            (*(Claim(key, "l1-cgan", FCN[2], f"{ROWS[key].name} beats the paper's model")
               for key in ("lsgan", "hinge", "instance", "resize", "feature-matching", "perceptual", "spectral", "ema",
                           "diffaugment")),
             Claim("pairs-100-diffaugment", "pairs-100", FCN[2], "DiffAugment helps where pairs are few")),
            caution="Each row changes one thing and keeps the paper's other settings, which were chosen without it. "
            "The perceptual distance is measured with the segmenter, less is better. " + ROWS["perceptual"].note,
        ),
    )
}  # fmt: skip


def train_row(
    key: str,
    seed: int = 0,
    scale: str = "shipped",
    runs: Path | str = RUNS,
    show_progress: bool = True,
    callbacks: Sequence[Any] = (),
) -> tuple[Any, Pairs]:
    """Train one row from one seed, or go on with it, or find it finished.

    Args:
        key: a name in `ROWS`.
        seed: initial weights, order and dropout; the pairs are the same for all seeds.
        scale: "quick", "shipped" or "large".
        runs: the folder of all runs of experiments.
        show_progress: a progress bar over all steps.
        callbacks: further Keras callbacks, to watch it or to stop it.

    Returns:
        The finished `Run`, and its pairs.

    Raises:
        UsageError: an unknown row or scale.

    >>> run, pairs = train_row("l1", scale="quick")  # doctest: +SKIP
    """
    from pix2pix_edu.checkpoints import RunFolder  # both load Keras
    from pix2pix_edu.training import train

    row, chosen = _row(key), _scale(scale)
    epochs = max(1, round(chosen.epochs * row.stretch))
    settings = {**chosen.settings, **row.settings}
    # As often as the unstretched row: 480 short epochs need not be validated 96 times.
    settings["save_every"] = min(epochs, max(1, round(settings["save_every"] * row.stretch)))
    folder = run_folder(key, seed, scale, runs)
    run = train(
        learning_pairs(key, scale), epochs=epochs, seed=seed, run_dir=folder, resume=RunFolder(folder).exists(),
        show_progress=show_progress, callbacks=callbacks, **settings,
    )  # fmt: skip
    return run, row_pairs(key, scale)


def run_folder(key: str, seed: int, scale: str = "shipped", runs: Path | str = RUNS) -> Path:
    """Where the training of a row from a seed lies, and what was measured of it.

    >>> run_folder("l1", 0).as_posix()
    'runs/experiments/shipped/l1-seed0'
    """
    return Path(runs) / scale / f"{key}-seed{seed}"


def row_pairs(key: str, scale: str = "shipped") -> Pairs:
    """The pairs of a row, whose test split it is measured on; `learning_pairs` says what it learns from.

    >>> len(row_pairs("pairs-25", "quick").train)
    25
    """
    row, usual = _row(key), _scale(scale).data
    if "name" in row.data:  # another data set, which knows nothing of the usual one's options
        usual = {"image_size": usual["image_size"]}
    pairs = _load(json.dumps({**usual, **row.data}))
    return pairs.swap() if row.swap else pairs


def learning_pairs(key: str, scale: str = "shipped") -> Pairs:
    """The pairs that a row learns from: those of `row_pairs`, or what its `learn` makes of them.

    >>> learning_pairs("quarters", "quick").image_size
    32
    """
    learn = _row(key).learn
    pairs = row_pairs(key, scale)
    return LEARN[learn](pairs) if learn else pairs


def all_answers(pairs: Pairs) -> Pairs:
    """The same pairs, but each right answer to a drawing of the training split is a pair of its own.

    >>> pairs = load_pairs("emoji", image_size=32)
    >>> len(pairs.train), len(all_answers(pairs).train)
    (1182, 2382)
    """
    several = {variant.name: variant for variant in pairs.variants or [] if variant.split == "train"}
    plain = pairs.train[[name not in several for name in pairs.train.names]]
    sources = [variant.source for variant in several.values() for _ in variant.targets]
    targets = [target for variant in several.values() for target in variant.targets]
    names = [f"{name}, {answer}" for name, variant in several.items() for answer in variant.answers]
    train = Split(
        np.concatenate([plain.sources, np.stack(sources)]),
        np.concatenate([plain.targets, np.stack(targets)]),
        plain.names + names,
    )
    return replace(pairs, train=train)


def quarters(pairs: Pairs) -> Pairs:
    """Pairs half as high and wide, at the same scale: each picture cut into its four quarters.

    >>> pictures = np.arange(16, dtype=np.uint8).reshape(1, 4, 4, 1)
    >>> split = Split(pictures, pictures)
    >>> quarters(Pairs("numbers", split, split, split)).train.sources[1, :, :, 0].tolist()
    [[2, 3], [6, 7]]
    """

    def cut(pictures: np.ndarray) -> np.ndarray:
        count, side, _, channels = pictures.shape
        parts = pictures.reshape(count, 2, side // 2, 2, side // 2, channels).swapaxes(2, 3)
        return parts.reshape(4 * count, side // 2, side // 2, channels)

    return _with_pictures(pairs, "quarters", cut, cut)


def halved(pairs: Pairs) -> Pairs:
    """The same pairs at half the size. Of sources every other pixel is kept: a mixture of two labels is no label.

    >>> pictures = np.arange(16, dtype=np.uint8).reshape(1, 4, 4, 1)
    >>> split = Split(pictures, pictures)
    >>> small = halved(Pairs("numbers", split, split, split)).train
    >>> small.sources[0, :, :, 0].tolist(), small.targets[0, :, :, 0].tolist()
    ([[0, 2], [8, 10]], [[2, 4], [10, 12]])
    """

    def mean(pictures: np.ndarray) -> np.ndarray:
        count, side, _, channels = pictures.shape
        blocks = pictures.reshape(count, side // 2, 2, side // 2, 2, channels)
        return np.rint(blocks.mean(axis=(2, 4))).astype(np.uint8)

    return _with_pictures(pairs, "halved", lambda pictures: pictures[:, ::2, ::2], mean)


def _with_pictures(pairs: Pairs, name: str, source: Callable, target: Callable) -> Pairs:
    """Pairs of other pictures, made from those of these; without labels, and for training only."""
    train, val, test = (
        Split(source(split.sources), target(split.targets)) for split in (pairs.train, pairs.val, pairs.test)
    )
    return Pairs(f"{pairs.name}, {name}", train, val, test, direction=pairs.direction, about=pairs.about)


LEARN: dict[str, Callable[[Pairs], Pairs]] = {"all answers": all_answers, "quarters": quarters, "halved": halved}


def row_work(key: str, scale: str = "shipped") -> Any:
    """What one training step of a row has to do, by arithmetic: a `cost.StepWork`.

    >>> row_work("levels-3").generator_parameters < row_work("l1-cgan").generator_parameters
    True
    """
    from pix2pix_edu.cost import step_work  # loads Keras
    from pix2pix_edu.presets import PRESETS

    row, chosen = _row(key), _scale(scale)
    size = chosen.data["image_size"] // (2 if row.learn in ("quarters", "halved") else 1)
    settings = {**PRESETS[chosen.settings["preset"]].settings(), **chosen.settings, **row.settings, "image_size": size}
    return step_work(**settings)


@cache
def _load(data: str) -> Pairs:
    return load_pairs(**json.loads(data))


def _row(key: str) -> Row:
    check_known("row", key, ROWS)
    return ROWS[key]


def _scale(name: str) -> Scale:
    check_known("scale", name, SCALES)
    return SCALES[name]


# --- measuring --------------------------------------------------------------------------------------------------------


def run_row(
    key: str,
    seed: int = 0,
    scale: str = "shipped",
    runs: Path | str = RUNS,
    show_progress: bool = True,
    callbacks: Sequence[Any] = (),
) -> dict[str, float]:
    """Train a row from one seed and measure it on the unseen pairs; what is done already is only read.

    Returns:
        All measures of `evaluate`, and `dependence`: how much the pictures differ from one source to another, in shares
        of how much the targets do. At 0 the model draws the same whatever it is shown. For house fronts also
        `diversity`: how much eight answers to one source differ, in shares of how much eight real ones do. For drawings
        with several right answers `to_median` and `to_nearest` (`where_it_landed`). `minutes` is the time that its
        epochs took.

    Raises:
        UsageError: an unknown row or scale.

    >>> run_row("l1", scale="quick")["psnr"]  # doctest: +SKIP
    15.1
    """
    _row(key), _scale(scale)
    path = run_folder(key, seed, scale, runs) / MEASURED

    def work() -> dict[str, float]:
        run, pairs = train_row(key, seed, scale, runs, show_progress, callbacks)
        return measure_run(finished(run), pairs)

    return measured_once(path, work)


def measured_once(path: Path, work: Callable[[], dict[str, float]]) -> dict[str, float]:
    """What was measured before is only read; else the work is done, and its result kept.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "measured.json"
    >>> measured_once(path, lambda: {"psnr": 20.0}), measured_once(path, lambda: {"psnr": 30.0})
    ({'psnr': 20.0}, {'psnr': 20.0})
    """
    if path.is_file():
        return json.loads(path.read_text(encoding="utf-8"))
    measured = work()
    with atomic_file(path, "w") as file:
        json.dump(measured, file, indent=1)
    return measured


def finished(run: Any) -> Any:
    """The run, unless it was stopped by hand: half a training must not be measured, and less so recorded.

    Raises:
        KeyboardInterrupt: it was.

    >>> from types import SimpleNamespace
    >>> finished(SimpleNamespace(interrupted=False)).interrupted
    False
    """
    if run.interrupted:
        raise KeyboardInterrupt
    return run


def measure_run(run: Any, pairs: Pairs) -> dict[str, float]:
    """All measures of a run's model, and the minutes that its epochs took.

    >>> measure_run(*train_row("l1", scale="quick"))["minutes"]  # doctest: +SKIP
    0.9
    """
    return measure(run.model, pairs) | {"minutes": round(sum(run.history["seconds"]) / 60, 2)}


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
    if pairs.variants:
        measures |= _among_the_answers(model, pairs)
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


def _among_the_answers(model: Any, pairs: Pairs) -> dict[str, float]:
    """Where a model lands among the several right answers to unseen drawings, as means over these drawings."""
    from pix2pix_edu.evaluation.answers import where_it_landed
    from pix2pix_edu.translation import translate

    asked = [variant for variant in pairs.variants or [] if variant.split == "test"]
    drawn = translate(model, np.stack([variant.source for variant in asked]))
    landed = [where_it_landed(picture, variant.targets) for picture, variant in zip(drawn, asked, strict=True)]
    return {f"to_{name}": float(np.mean([one[name] for one in landed])) for name in ("median", "nearest")}


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
        about: scale, command, machine, versions, date; "seeds" is how many the row with most has.
        values: row -> measure -> one number for each seed. Rows that were not run yet are missing.
        minutes: row -> minutes of each seed.
        made: row -> "command" that makes this row alone, and "seeds", which its numbers come from, in their order.
    """

    name: str
    about: dict[str, Any]
    values: dict[str, dict[str, list[float]]]
    minutes: dict[str, list[float]]
    made: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Outcomes that were written before rows could differ do not say how each was made: all alike."""
        for key in self.values:
            seeds = list(range(len(self.minutes[key])))
            self.made.setdefault(key, _made(self.name, key, seeds, self.about["scale"]))

    @property
    def missing(self) -> list[str]:
        """Rows of the plan that were not run."""
        return [key for key in self.experiment.rows if key not in self.values]

    @property
    def experiment(self) -> Experiment:
        """Its plan."""
        return EXPERIMENTS[self.name]

    @property
    def verdicts(self) -> list[tuple[Claim, str]]:
        """Each claim whose two rows were run, with "holds", "does not hold at this scale" or "undecided"."""
        known = self.values.keys() | {REAL}
        done = [claim for claim in self.experiment.claims if {claim.better, claim.worse} <= known]
        return [(claim, judge(*(self._of(row, claim) for row in (claim.better, claim.worse)))) for claim in done]

    def _of(self, row: str, claim: Claim) -> list[float]:
        if row == REAL:  # known exactly, from however many seeds the other row has
            return [1.0] * 2
        return [-value if claim.less else value for value in self.values[row][claim.measure]]

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
        most = self.about["seeds"]
        names = {key: ROWS[key].name + self._fewer(key) for key in self.values}
        width = max(map(len, names.values()), default=0) + 2
        head = "".join(f"{measure.removeprefix('fcn_'):>18}" for measure in plan.measures)
        head += f"{'parameters':>14}{'Gop a step':>12}{'minutes':>9}" if plan.costs else "   the paper"
        lines = [f"{plan.title} ({plan.where}), {_seeds(most)}", f"{'':<{width}}{head}"]
        for key, measured in self.values.items():
            ours = "".join(f"{interval(measured[name])!s:>18}" for name in plan.measures)
            papers = "   " + " ".join(f"{x:.2f}" for x in plan.paper.get(key, ()))
            lines.append(f"{names[key]:<{width}}{ours}{self._costs(key) if plan.costs else papers}".rstrip())
        if self.missing:
            lines.append(f"not run yet: {', '.join(ROWS[key].name for key in self.missing)}")
        lines += [f"{verdict}: {claim.text} ({claim.measure.removeprefix('fcn_')})" for claim, verdict in self.verdicts]
        return "\n".join([*lines, *([plan.caution] if plan.caution else [])])

    def _fewer(self, key: str) -> str:
        seeds = len(self.made[key]["seeds"])
        return "" if seeds == self.about["seeds"] else f" ({_seeds(seeds)})"

    def _costs(self, key: str) -> str:
        work = row_work(key, self.about["scale"])
        minutes = min(self.minutes[key])  # other work on the machine can only have slowed the others
        return f"{work.parameters:>14,}{work.operations / 1e9:>12.1f}{minutes:>9.1f}"


def reproduce(
    name: str,
    rows: Sequence[str] | None = None,
    seeds: int = 3,
    scale: str = "shipped",
    runs: Path | str = RUNS,
    show_progress: bool = True,
    callbacks: Sequence[Any] = (),
) -> Outcome:
    """Run an experiment, or go on with it: train what is not trained, measure what is not measured.

    Args:
        name: one of `EXPERIMENTS`, such as "table1" or "figure7".
        rows: only these of its rows.
        seeds: how often each row is trained, from seeds 0, 1, ...
        scale: "quick" (a look), "shipped" (what the course shows) or "large" (for a GPU).
        runs: the folder for the runs.
        show_progress: say which row is trained, with a bar over its steps.
        callbacks: further Keras callbacks, to watch the training or to stop it.

    Raises:
        UsageError: an unknown experiment, row or scale, or no seeds.

    >>> reproduce("table1", rows=["l1", "gan"], seeds=1, scale="quick")  # doctest: +SKIP
    """
    check_known("experiment", name, EXPERIMENTS)
    plan = EXPERIMENTS[name]
    chosen = list(plan.rows if rows is None else rows)
    for key in chosen:
        if key not in plan.rows:
            raise UsageError(f"{name} has no row {key!r}. {nearest(str(key), list(plan.rows))}")
    if isinstance(seeds, bool) or not isinstance(seeds, int) or seeds < 1:
        raise UsageError(f"seeds={seeds!r} does not work: train each row once or more often.")
    measured: dict[str, dict[int, dict[str, float]]] = {key: {} for key in chosen}
    for seed in range(seeds):  # all rows from one seed first: stopped half way, there is already a table
        for key in chosen:
            if show_progress:
                print(f"{name}: {ROWS[key].name}, seed {seed}", flush=True)
            measured[key][seed] = run_row(key, seed, scale, runs, show_progress, callbacks)
    return _outcome(name, measured, scale)


def collect(name: str, scale: str = "shipped", runs: Path | str = RUNS) -> Outcome:
    """The outcome of an experiment as far as it has been run: nothing is trained, and rows may be missing.

    Raises:
        UsageError: an unknown experiment or scale, or one of which no row was measured.

    >>> collect("table1", runs="runs/experiments")  # doctest: +SKIP
    """
    check_known("experiment", name, EXPERIMENTS)
    folder = Path(runs) / _scale(scale).name
    measured: dict[str, dict[int, dict[str, float]]] = {}
    for key in EXPERIMENTS[name].rows:
        files = sorted(folder.glob(f"{key}-seed*/{MEASURED}"), key=_seed_of)
        if files:
            measured[key] = {_seed_of(file): json.loads(file.read_text()) for file in files}
    if not measured:
        raise UsageError(f"No row of {name!r} was measured in {folder} yet. Train one with `reproduce({name!r})`.")
    return _outcome(name, measured, scale)


def restore(outcome: Outcome, runs: Path | str = RUNS) -> list[Path]:
    """Write what an outcome holds back into the folder of runs, so that `reproduce` does not train it again.

    Returns:
        The files that were written; what was measured here already stays.

    >>> restore(load_outcome("table1"))  # doctest: +SKIP
    """
    written = []
    for key, measured in outcome.values.items():
        for number, seed in enumerate(outcome.made[key]["seeds"]):
            path = run_folder(key, seed, outcome.about["scale"], runs) / MEASURED
            if not path.is_file():
                result = {name: numbers[number] for name, numbers in measured.items()}
                with atomic_file(path, "w") as file:
                    json.dump({**result, "minutes": outcome.minutes[key][number]}, file, indent=1)
                written.append(path)
    return written


def _seed_of(measured: Path) -> int:
    return int(measured.parent.name.rpartition("-seed")[2])


def _outcome(name: str, measured: dict[str, dict[int, dict[str, float]]], scale: str) -> Outcome:
    """An outcome of what was measured: row -> seed -> measures."""
    return Outcome(
        name=name,
        about=_about(name, list(measured), max(map(len, measured.values()), default=0), scale),
        values={key: _columns(list(results.values())) for key, results in measured.items()},
        minutes={key: [result["minutes"] for result in results.values()] for key, results in measured.items()},
        made={key: _made(name, key, list(results), scale) for key, results in measured.items()},
    )


def _made(name: str, key: str, seeds: list[int], scale: str) -> dict[str, Any]:
    """How one row was made: the command, and the seeds."""
    command = f"pix2pix-edu reproduce {name} --rows {key} --seeds {max(seeds) + 1} --scale {scale}"
    return {"command": command, "seeds": seeds}


def _seeds(count: int) -> str:
    return "1 seed" if count == 1 else f"{count} seeds"


def _columns(results: list[dict[str, float]]) -> dict[str, list[float]]:
    names = [name for name in results[0] if name != "minutes" and all(name in result for result in results)]
    return {name: [result[name] for result in results] for name in names}


def _about(name: str, rows: list[str], seeds: int, scale: str) -> dict[str, Any]:
    which = "" if rows == list(EXPERIMENTS[name].rows) else f" --rows {' '.join(rows)}"
    return {
        "command": f"pix2pix-edu reproduce {name}{which} --seeds {seeds} --scale {scale}",
        "scale": scale,
        "seeds": seeds,
        **made_here(),
    }


def made_here(*packages: str) -> dict[str, Any]:
    """Where and when a result was made: backend, machine, versions (also of these packages) and date.

    >>> sorted(made_here())
    ['backend', 'date', 'machine', 'versions']
    """
    from importlib.metadata import version

    from pix2pix_edu.backend import keras
    from pix2pix_edu.presets import gpu_names

    backend = keras.config.backend()
    return {
        "backend": backend,
        "machine": ", ".join(gpu_names()) or "CPU, no GPU",
        "versions": {package: version(package) for package in ("keras", backend, "numpy", *packages)},
        "date": datetime.now(UTC).date().isoformat(),
    }


def shipped_outcomes() -> list[str]:
    """The experiments whose outcomes ship with the course, in the order of `EXPERIMENTS`.

    >>> "table1" in shipped_outcomes()
    True
    """
    folder = shipped("experiments")
    return [name for name in EXPERIMENTS if (folder / f"{name}.json").is_file()]


def load_outcome(name: str) -> Outcome:
    """The outcome of an experiment that ships with the course.

    Raises:
        UsageError: no such experiment, or none ships for it.
        DataError: the file is damaged.

    >>> load_outcome("table1").about["seeds"]
    7
    """
    names = shipped_outcomes()
    if name not in names:
        raise UsageError(f"No outcome of {name!r} ships with the course. {nearest(str(name), names)}")
    path = shipped("experiments") / f"{name}.json"
    try:
        return Outcome(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"{path} cannot be read ({error}). Install the course again, or run the experiment.") from error


def load_sheet(name: str) -> dict[str, np.ndarray]:
    """The pictures that ship with an outcome: "sources", "targets", and what each row's model of seed 0 drew.

    Returns:
        For each line of the sheet its pictures of the same unseen pairs: uint8 (N, size, size, 3). Rows whose model of
        seed 0 was not at hand when the sheet was made are missing.

    Raises:
        UsageError: no outcome of this name ships.
        DataError: the sheet is missing or damaged.

    >>> load_sheet("table1")["gan"].shape
    (10, 64, 64, 3)
    """
    outcome = load_outcome(name)
    lines = ["sources", "targets", *outcome.about.get("sheet", outcome.values)]
    path = shipped("experiments") / f"{name}.webp"
    try:
        sheet = np.asarray(Image.open(path).convert("RGB"))
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error}). Install the course again, or run the experiment.") from error
    size = sheet.shape[0] // len(lines)
    pictures = sheet[: size * len(lines)].reshape(len(lines), size, -1, size, 3).swapaxes(1, 2)
    return dict(zip(lines, pictures, strict=True))
