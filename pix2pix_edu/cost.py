"""What a training run will cost, found out before it starts (seed 9.1; notebook 08).

Two kinds of numbers, never mixed without saying so. `estimate_cost` *measures*: it builds the model and makes real
training steps on this machine. `step_work` *counts*: operations, parameters and stored numbers follow from the settings
alone. So a measurement can be scaled to another size by arithmetic (`Cost.scaled`), which holds only roughly.
"""

from __future__ import annotations

import gc
import os
import platform
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from pix2pix_edu.backend import keras
from pix2pix_edu.checkpoints import RunConfig, RunFolder
from pix2pix_edu.errors import UsageError, check_count
from pix2pix_edu.pairs import Pairs, Split
from pix2pix_edu.pairs.jitter import PRECOMPUTE_LIMIT, jitter_size
from pix2pix_edu.patchgan import PIXEL, STRIDED_LAYERS
from pix2pix_edu.presets import gpu_names
from pix2pix_edu.progress import duration, short_time
from pix2pix_edu.training import (
    VALIDATION_PAIRS,
    Run,
    TrainingBatches,
    _known,
    _Recorder,
    chosen_settings,
    feed,
    out_of_memory_explained,
    plan_run,
    ready_model,
)
from pix2pix_edu.unet import DROPOUT_BLOCKS, count_parameters

WARM_UP = 3  # steps; the first compiles, the next ones fill caches
VALIDATED = 8  # pictures that are translated to measure what one of them takes
PAPERS_FACADES = 400  # pairs; what a prediction speaks of where nobody said how many pairs there are
FLOAT32 = 4  # bytes
STATE_COPIES = 4  # a weight, its gradient, and the two moments that Adam keeps of it
OPERATING_SYSTEM = "/proc/self"  # where Linux tells a process about itself


# --- Counting, without building anything ------------------------------------------------------------------------------


@dataclass(frozen=True)
class StepWork:
    """What one training step has to do and to keep, by arithmetic alone.

    Args:
        generator_operations: multiplications and additions to translate one picture.
        discriminator_operations: those to judge one pair.
        operations: those of a whole training step on a batch.
        generator_parameters: trainable numbers of the generator.
        discriminator_parameters: those of the discriminator.
        generator_activations: numbers that all layers of the generator give for one picture.
        discriminator_activations: those of the discriminator for one pair.
        state_bytes: weights, gradients and Adam's two moments.
        activation_bytes: what a step keeps for the way back: G once, D for a real and for a generated pair.

    >>> work = step_work(image_size=256, filters=64, batch_size=1)
    >>> work.generator_parameters, work.discriminator_parameters, work.state_bytes // 10**6
    (54413955, 2768641, 914)
    """

    generator_operations: int
    discriminator_operations: int
    operations: int
    generator_parameters: int
    discriminator_parameters: int
    generator_activations: int
    discriminator_activations: int
    state_bytes: int
    activation_bytes: int

    @property
    def parameters(self) -> int:
        """The trainable numbers of both networks."""
        return self.generator_parameters + self.discriminator_parameters

    @property
    def bytes(self) -> int:
        """What fills the memory, by arithmetic: the backend's own needs come on top."""
        return self.state_bytes + self.activation_bytes


def step_work(
    image_size: int = 256,
    filters: int = 64,
    batch_size: int = 1,
    receptive_field: int = 70,
    source_channels: int = 3,
    target_channels: int = 3,
    skips: bool = True,
    conditional: bool = True,
    norm: str = "batch",
    upsample: str = "transpose",
    dropout: float = 0.5,
    adversarial: str | None = "bce",
    update: str = "alternating",
    precision: str = "float32",
    levels: int | None = None,
    spectral_norm: bool = False,
    **others: Any,
) -> StepWork:
    """Count the work of one training step; the arguments are those of `train`.

    A pass forward through a network costs its operations once; the way back costs them twice, for the gradients of what
    went in and of the weights. An alternating step is three passes of G, and eight of D: to learn it sees a real and a
    generated pair, forward and back (six), and to teach G one pair forward and back to the picture only (two).

    Args:
        image_size: height and width in pixels.
        filters: channels of both networks' first layers.
        batch_size: pairs in a step.
        receptive_field: of the discriminator, in pixels.
        source_channels: channels of what goes in.
        target_channels: channels of what comes out.
        skips: the generator with or without skip connections.
        conditional: whether the discriminator sees the source.
        norm: "batch", "instance" or "none".
        upsample: "transpose" or "resize".
        dropout: the share dropped; here it only matters whether there is any.
        adversarial: None for no discriminator at all.
        update: "alternating" or "simultaneous".
        precision: with "bfloat16" or "float16" an activation takes 2 bytes, else 4 ("auto" counts as float32).
        levels: how often the generator halves the picture; default: until one pixel is left.
        spectral_norm: whether it takes the place of the discriminator's norm.
        others: settings of `train` that change nothing here, such as the learning rate, or are not counted: feature
            matching, a perceptual loss, augmentation and the average add work of their own.

    Raises:
        UsageError: sizes that cannot be built.

    >>> one, two = step_work(64, 32, batch_size=1), step_work(64, 32, batch_size=2)
    >>> two.operations / one.operations, two.parameters == one.parameters
    (2.0, True)
    """
    check_count("batch_size", batch_size)
    channels: dict[str, Any] = {"source_channels": source_channels, "target_channels": target_channels}
    kind: dict[str, Any] = {"skips": skips, "norm": norm, "upsample": upsample}
    generator = _generator_layers(image_size, filters, **channels, **kind, depth=levels)
    g_operations, g_weights, g_activations = _sums(generator)
    g_activations += source_channels * image_size**2
    if dropout:  # a masked copy in each of the first decoder blocks
        blocks = [layer for layer in generator if layer.name.startswith("up_")][:DROPOUT_BLOCKS]
        g_activations += sum(layer.outputs * layer.size**2 for layer in blocks)
    judges: dict[str, Any] = {"conditional": conditional, "norm": "none" if spectral_norm else norm}
    judged = _discriminator_layers(image_size, filters, receptive_field, **channels, **judges)
    d_operations, d_weights, d_activations = _sums(judged)
    d_activations += (source_channels + target_channels) * image_size**2  # the two inputs
    game = adversarial is not None
    d_passes = 0 if not game else 8 if update == "alternating" else 7
    kept = g_activations + (2 * d_activations if game else 0)
    return StepWork(
        generator_operations=g_operations,
        discriminator_operations=d_operations,
        operations=batch_size * (3 * g_operations + d_passes * d_operations),
        generator_parameters=g_weights,
        discriminator_parameters=d_weights,
        generator_activations=g_activations,
        discriminator_activations=d_activations,
        state_bytes=STATE_COPIES * FLOAT32 * (g_weights + d_weights),
        activation_bytes=batch_size * kept * (2 if precision in ("bfloat16", "float16") else FLOAT32),
    )


@dataclass(frozen=True)
class _Layer:
    """A convolution with what follows it, for one picture."""

    name: str
    size: int  # side of what comes out
    outputs: int
    operations: int
    parameters: int
    activations: int


def _sums(layers: list[_Layer]) -> tuple[int, int, int]:
    kinds = ("operations", "parameters", "activations")
    operations, parameters, activations = (sum(getattr(layer, kind) for layer in layers) for kind in kinds)
    return operations, parameters, activations


def _generator_layers(
    image_size: int, filters: int, *, skips: bool, norm: str, upsample: str, depth: int | None, **channels: int
) -> list[_Layer]:
    found = []
    options: dict[str, Any] = {"skips": skips, "norm": norm, "upsample": upsample, "depth": depth, **channels}
    for row in count_parameters(image_size, filters, **options):
        going_up = not row.name.startswith("down")
        # Each weight is used once for each place: of what comes out, or, transposed, of the half as large what goes in.
        places = (row.size // 2) ** 2 if going_up and upsample == "transpose" else row.size**2
        copies = 2 + (row.norm > 0)  # convolution, norm, activation: each layer hands on a picture of its own
        numbers = copies * row.outputs * row.size**2
        if going_up and upsample == "resize":
            numbers += (row.inputs + row.skip) * row.size**2
        if skips and row.name.startswith("up"):
            numbers += 2 * row.outputs * row.size**2  # the decoder's half and the skip, copied side by side
        found.append(_Layer(row.name, row.size, row.outputs, 2 * places * row.weights, row.parameters, numbers))
    return found


def _discriminator_layers(
    image_size: int,
    filters: int,
    receptive_field: int,
    *,
    source_channels: int,
    target_channels: int,
    conditional: bool,
    norm: str,
) -> list[_Layer]:
    inputs, size = target_channels + (source_channels if conditional else 0), image_size
    found = [_Layer("pair", size, inputs, 0, 0, inputs * size**2)]
    for number, (width, kernel, stride) in enumerate(_judges(filters, receptive_field), start=1):
        last, numbers = width == 1 and number == _count_judges(receptive_field), 0
        if kernel == 4 and stride == 1:  # a rim of zeros, so that it shrinks by one pixel only
            numbers += inputs * (size + 2) ** 2
            size -= 1
        size //= stride
        normed = number > 1 and not last
        weights = kernel * kernel * inputs * width
        biased = last or (normed and norm == "none")
        norms = 2 * width if normed and norm != "none" else 0
        numbers += (2 + (norms > 0)) * width * size**2
        parameters = weights + width * biased + norms
        found.append(_Layer(f"conv_{number}", size, width, 2 * weights * size**2, parameters, numbers))
        inputs = width
    return found


def _judges(filters: int, receptive_field: int) -> Iterator[tuple[int, int, int]]:
    """Width, kernel and stride of the discriminator's convolutions, the one-channel layer included."""
    if receptive_field == PIXEL:
        yield from ((filters, 1, 1), (2 * filters, 1, 1), (1, 1, 1))
        return
    strided = STRIDED_LAYERS[receptive_field]
    for number in range(strided + 1):
        yield filters * min(2**number, 8), 4, 2 if number < strided else 1
    yield 1, 4, 1


def _count_judges(receptive_field: int) -> int:
    return 3 if receptive_field == PIXEL else STRIDED_LAYERS[receptive_field] + 2


# --- Predicting -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class TimeRange:
    """How long something will take, in seconds: probably `expected`, and likely between `low` and `high`.

    >>> print(TimeRange(low=43_000, expected=50_000, high=61_000))
    about 14 h (12 to 17 h)
    """

    low: float
    expected: float
    high: float

    def __str__(self) -> str:
        """In words, in one unit."""
        low, high = duration(self.low), duration(self.high)
        if low.split()[1] == high.split()[1]:
            low = low.split()[0]
        return f"about {duration(self.expected)} ({low} to {high})"


@dataclass(frozen=True, repr=False)
class Cost:
    """What training costs on this machine: what was measured, and what follows from it.

    Attributes:
        config: every setting, as in `Run.config`; "train_pairs" is how many pairs a prediction speaks of.
        machine: processor or GPU, cores, Keras backend.
        step_seconds: how long each of the measured steps took.
        setup_seconds: building both networks, compiling, and the first translation.
        preparing_seconds: enlarging one pair for the jitter, which happens once.
        validation_seconds: translating and comparing one validation pair.
        saving_seconds: writing one checkpoint (to this machine's temporary folder).
        memory_bytes: the peak, or None where the system does not say.
        memory_of: whose memory that is.
        scaled_from: where `step_seconds` and the rest were not measured but scaled, what was measured; else empty.
    """

    config: dict[str, Any]
    machine: str
    step_seconds: tuple[float, ...]
    setup_seconds: float
    preparing_seconds: float
    validation_seconds: float
    saving_seconds: float
    memory_bytes: int | None
    memory_of: str
    scaled_from: str = ""
    work: StepWork = field(init=False)

    def __post_init__(self) -> None:
        """Count what the settings ask for."""
        object.__setattr__(self, "work", step_work(**self.config))

    @property
    def seconds_per_step(self) -> float:
        """The median of the measured steps: a step that another program held up does not move it."""
        return float(np.median(self.step_seconds))

    @property
    def spread(self) -> tuple[float, float]:
        """What four of five steps lay between: their 10 % and 90 % quantiles."""
        low, high = np.quantile(self.step_seconds, (0.1, 0.9))
        return float(low), float(high)

    @property
    def images_per_second(self) -> float:
        """How many pairs are learnt from in a second."""
        return self.config["batch_size"] / self.seconds_per_step

    @property
    def parameters(self) -> int:
        """The trainable numbers of both networks."""
        return self.work.parameters

    def steps(self, train_pairs: int, epochs: int) -> int:
        """How many steps so many epochs have; what does not fill a batch is left out of an epoch."""
        return train_pairs // self.config["batch_size"] * epochs

    def predict(
        self, train_pairs: int | None = None, epochs: int | None = None, val_pairs: int | None = None
    ) -> TimeRange:
        """How long a run will take, with its validations, sheets and checkpoints.

        Args:
            train_pairs: how many pairs to learn from; default: those of the measurement.
            epochs: how often to go through them; default: those of the measurement.
            val_pairs: how many validation pairs; `train` looks at 256 of them at most. Default: a tenth of the others.

        Returns:
            The median step and the spread of the steps, times the number of steps, plus everything that is not a step.

        Raises:
            UsageError: fewer pairs than a batch, or no epoch.
        """
        train_pairs, epochs = self._which(train_pairs, epochs)
        steps = self.steps(train_pairs, epochs)
        saves = -(-epochs // self.config["save_every"])
        validated = min(VALIDATION_PAIRS, max(1, train_pairs // 10) if val_pairs is None else val_pairs)
        once = self.setup_seconds + self._preparing(train_pairs) + saves * validated * self.validation_seconds
        # The newest checkpoint is always written, the best one in those epochs that are better than all before.
        low, high = (once + steps * step + saves * self.saving_seconds for step in self.spread)
        expected = once + steps * self.seconds_per_step + 1.5 * saves * self.saving_seconds
        return TimeRange(low, max(expected, low), max(high + saves * self.saving_seconds, expected))

    def memory_parts(self, train_pairs: int | None = None) -> dict[str, int | None]:
        """What fills the memory, in bytes: all of it by arithmetic, but for the first part, which is the measured rest.

        Args:
            train_pairs: how many pairs lie in memory; default: those of the measurement.
        """
        train_pairs, _ = self._which(train_pairs, None)
        weights = FLOAT32 * self.parameters
        rest = None if self.memory_bytes is None else max(self.memory_bytes - self.work.bytes, 0)
        return {
            "the program itself": rest,
            "weights": weights,
            "gradients": weights,
            "Adam's averages": 2 * weights,
            "activations": self.work.activation_bytes,
            "pictures": self._pictures_bytes(train_pairs),
        }

    def epochs_within(self, seconds: float, train_pairs: int | None = None) -> int:
        """The largest number of epochs that will probably be done in so many seconds; at least 1."""
        one, many = self.predict(train_pairs, 1).expected, self.predict(train_pairs, 101).expected
        each = (many - one) / 100
        return max(1, 1 + int((seconds - one) / each))

    def scaled(self, other: Cost | None = None, **settings: Any) -> Cost:
        """The cost of other settings, by arithmetic: the measured step times the ratio of the operations.

        Args:
            other: a second measurement with another size of batch. With two, a step is taken for a part that grows with
                the operations plus a part that grows with the parameters (the optimizers'), which is nearer the truth
                for small batches.
            settings: what is to be different: `image_size`, `filters`, `batch_size`, ... as for `train`.

        Raises:
            UsageError: an unknown setting, or one that cannot be built.

        >>> cost.scaled(image_size=256, batch_size=1).predict(400, 200)  # doctest: +SKIP
        """
        config = {**self.config, **_known(settings, self.config)}
        work = step_work(**config)
        factor = _step_seconds(work, [self, *([other] if other else [])]) / self.seconds_per_step
        pictures = work.generator_operations / self.work.generator_operations
        weights = work.parameters / self.work.parameters
        base = None if self.memory_bytes is None else max(self.memory_bytes - self.work.bytes, 0)
        return replace(
            self,
            config=config,
            step_seconds=tuple(factor * seconds for seconds in self.step_seconds),
            preparing_seconds=self.preparing_seconds * (config["image_size"] / self.config["image_size"]) ** 2,
            validation_seconds=self.validation_seconds * pictures,
            saving_seconds=self.saving_seconds * weights,
            memory_bytes=None if base is None else base + work.bytes,
            scaled_from=_settings_in_words(self.config),
        )

    def __repr__(self) -> str:
        """A few lines for a notebook or a terminal."""
        kind = f"Scaled by arithmetic from {self.scaled_from}, measured" if self.scaled_from else "Measured"
        low, high = self.spread
        memory = "not reported by this system" if self.memory_bytes is None else _gigabytes(self.memory_bytes)
        train_pairs, epochs = self._which(None, None)
        known = f"{train_pairs:,} pairs" if self.config["train_pairs"] else f"For example {train_pairs:,} pairs"
        return "\n".join(
            [
                f"{kind} on {self.machine}: {_settings_in_words(self.config)}",
                f"  one step    {short_time(self.seconds_per_step)} ({short_time(low)} to {short_time(high)}), "
                f"{self.images_per_second:.3g} pictures/s",
                f"  before it   {duration(self.setup_seconds)} to build and compile",
                f"  memory      {memory} ({self.memory_of})",
                f"  parameters  {self.parameters:,}: G {self.work.generator_parameters:,}, "
                f"D {self.work.discriminator_parameters:,}",
                f"{known}, {epochs} epochs: {self.steps(train_pairs, epochs):,} steps, {self.predict()}",
            ]
        )

    def _which(self, train_pairs: int | None, epochs: int | None) -> tuple[int, int]:
        train_pairs = (self.config["train_pairs"] or PAPERS_FACADES) if train_pairs is None else train_pairs
        epochs = self.config["epochs"] if epochs is None else epochs
        check_count("train_pairs", train_pairs)
        check_count("epochs", epochs)
        if train_pairs < self.config["batch_size"]:
            raise UsageError(
                f"train_pairs={train_pairs} does not fill one batch of {self.config['batch_size']}. Give at least as "
                "many pairs, or measure with a smaller batch_size."
            )
        return train_pairs, epochs

    def _preparing(self, train_pairs: int) -> float:
        fits = self._enlarged_bytes(train_pairs) <= PRECOMPUTE_LIMIT  # else `Jitter` enlarges a picture when it is used
        return self.preparing_seconds * train_pairs if fits else 0.0

    def _pictures_bytes(self, train_pairs: int) -> int:
        """The training pairs as they are, and once more enlarged for the jitter, unless that would be over 2 GB."""
        enlarged = self._enlarged_bytes(train_pairs)
        plain = train_pairs * self.config["image_size"] ** 2 * self._channels
        return plain + (enlarged if enlarged <= PRECOMPUTE_LIMIT else 0)

    def _enlarged_bytes(self, train_pairs: int) -> int:
        size = self.config["image_size"]
        return train_pairs * (jitter_size(size) if self.config["jitter"] else size) ** 2 * self._channels

    @property
    def _channels(self) -> int:
        return self.config["source_channels"] + self.config["target_channels"]


def _step_seconds(work: StepWork, measured: list[Cost]) -> float:
    """Seconds for this work: a rate for the operations, and with two measurements also one for the parameters."""
    first = measured[0]
    plain = first.seconds_per_step * work.operations / first.work.operations
    if len(measured) == 1:
        return plain
    table = np.array([[cost.work.operations, cost.work.parameters] for cost in measured], float)
    scale = table.max(axis=0)  # or the operations, a million times as many, would drown the parameters
    seconds = np.array([cost.seconds_per_step for cost in measured])
    rates, _, rank, _ = np.linalg.lstsq(table / scale, seconds, rcond=None)
    if rank < 2 or min(rates) < 0:  # the second tells nothing new, or noise was larger than the difference
        return plain
    return float(np.array([work.operations, work.parameters]) / scale @ rates)


def _settings_in_words(config: dict[str, Any]) -> str:
    words = f"{config['image_size']} px, {config['filters']} filters, batch {config['batch_size']}"
    return words if config["precision"] == "float32" else f"{words}, {config['precision']}"


def _gigabytes(count: float) -> str:
    return f"{count / 1e9:.2f} GB"


# --- Measuring --------------------------------------------------------------------------------------------------------


def estimate_cost(
    pairs: Pairs | str | int | None = None,
    preset: str = "auto",
    epochs: int | None = None,
    steps: int = 20,
    seed: int = 0,
    **settings: Any,
) -> Cost:
    """Measure what training costs here: build the model, make a few real steps, and throw the model away.

    The steps are those of `train`, with the same batches, jitter and compiled function. Nothing is kept: no run
    directory, no weights; and the random numbers of your session go on as if nothing had happened.

    Args:
        pairs: what `load_pairs` returned, or its name; or a number of training pairs, for which random pictures are
            used; or nothing at all, also on random pictures.
        preset: as for `train`.
        epochs: what to predict for; default: the preset's.
        steps: how many steps to measure, after three for warming up.
        seed: as for `train`.
        settings: any field of `Preset`, such as `batch_size=4`.

    Returns:
        A `Cost`: print it, or ask its `.predict(train_pairs, epochs)`.

    Raises:
        UsageError: settings that cannot work.
        TrainingError: the memory does not suffice for a step.

    >>> cost = estimate_cost(100, preset="tiny", steps=4, filters=2)
    >>> cost.steps(100, epochs=2), cost.predict(100, 2).expected > 0
    (24, True)
    """
    check_count("steps", steps)
    config, train, val = _what_to_measure(pairs, preset, epochs, steps, seed, settings)
    with out_of_memory_explained(config), tempfile.TemporaryDirectory() as folder:
        return _measure(config, train, val, steps, Path(folder))


def _what_to_measure(
    pairs: Any, preset: str, epochs: int | None, steps: int, seed: int, settings: dict[str, Any]
) -> tuple[RunConfig, Split, Split]:
    """The settings, and as many pictures as are needed."""
    _, chosen = chosen_settings(preset, settings)
    count = pairs if isinstance(pairs, int) and not isinstance(pairs, bool) else None
    if count is not None:
        check_count("pairs", count)
    if pairs is None or count is not None:
        wanted = _pairs_needed(steps, chosen["steps_per_call"], chosen["batch_size"])
        random = _random_pairs(min(wanted, count or wanted), chosen["image_size"])
        random, config = plan_run(random, epochs, preset, seed, **settings)
        return replace(config, train_pairs=count or 0).resolved(), random.train, random.val
    if not isinstance(pairs, (Pairs, str, Path)):
        raise UsageError(
            f"pairs={pairs!r} does not work: give pairs, a data set's name, or a number of training pairs."
        )
    pairs, config = plan_run(pairs, epochs, preset, seed, **settings)
    needed = _pairs_needed(steps, config.steps_per_call, config.batch_size)
    return config.resolved(), pairs.train.take(needed), pairs.val.take(VALIDATED)


def _random_pairs(count: int, image_size: int) -> Pairs:
    rng = np.random.default_rng(0)

    def split(number: int) -> Split:
        sources, targets = rng.integers(0, 256, (2, number, image_size, image_size, 3), np.uint8)
        return Split(sources, targets)

    return Pairs("random pictures", split(count), split(VALIDATED), split(1))


def _measure(config: RunConfig, train: Split, val: Split, steps: int, folder: Path) -> Cost:
    gc.collect()  # models that nobody uses any more are no part of this one's memory
    memory = _PeakMemory()
    clock = time.perf_counter()
    model = ready_model(config)
    building, clock = time.perf_counter() - clock, time.perf_counter()
    batches = TrainingBatches(train, config.batch_size, config.seed, config.jitter, config.mirror)
    preparing = (time.perf_counter() - clock) / len(train)

    stopwatch = _Stopwatch(_calls(steps, config.steps_per_call), config.steps_per_call, len(batches))
    fed = feed(model, batches, config.steps_per_call)
    model.fit(fed, epochs=-(-stopwatch.wanted // len(fed)), shuffle=False, verbose=0, callbacks=[stopwatch])
    model.stop_living_with_pairs()
    measured = stopwatch.seconds[WARM_UP:]
    compiling = max(stopwatch.seconds[0] - float(np.median(measured)), 0.0)

    run = Run(model, {**config.as_dict(), "epochs": 1}, {}, folder)
    recorder = _Recorder(RunFolder(folder), config, val, run, None)
    recorder.set_model(model)
    translating = [_seconds(recorder._validate, 1) for _ in range(2)]  # the first one compiles as well
    saving = _seconds(recorder._save, 1)
    return Cost(
        config=config.as_dict(),
        machine=machine_name(),
        step_seconds=tuple(measured),
        setup_seconds=building + compiling + max(translating[0] - translating[1], 0.0),
        preparing_seconds=preparing,
        validation_seconds=translating[1] / len(val),
        saving_seconds=saving,
        memory_bytes=memory.read(),
        memory_of=memory.of,
    )


def _seconds(function: Any, *arguments: Any) -> float:
    started = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - started


def _calls(steps: int, per_call: int) -> int:
    """How often the compiled function is called, to warm up and then for so many steps."""
    return WARM_UP + -(-steps // per_call)


def _pairs_needed(steps: int, per_call: int, batch_size: int) -> int:
    """So many that all of it is one epoch: the pictures of a run are many, and to enlarge them all would take long."""
    return _calls(steps, per_call) * per_call * batch_size


class _Stopwatch(keras.callbacks.Callback):
    """How long a step took in each call, its batch included; ends the training when it has enough."""

    def __init__(self, wanted: int, per_call: int, in_epoch: int):
        super().__init__()
        self.wanted, self.per_call, self.in_epoch = wanted, per_call, in_epoch
        self.seconds: list[float] = []
        self._since = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._since = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        float((logs or {})["l1"])  # a GPU works on after the call has returned: reading a loss waits for it
        now = time.perf_counter()
        steps = min(self.per_call, self.in_epoch - batch * self.per_call)
        self.seconds.append((now - self._since) / steps)
        self._since = now
        if len(self.seconds) >= self.wanted:
            self.model.stop_training = True


class _PeakMemory:
    """The largest amount of memory since this object was made, as far as the system can tell."""

    def __init__(self) -> None:
        self._backend = keras.config.backend() if gpu_names() else ""
        if self._backend:
            self.of = "this GPU's memory at its peak, as the backend reports it"
            self._reset_gpu()
            return
        self.of = "this process at its peak, everything in it"
        if not self._reset_process():
            self.of = "this process at its peak since it was started"

    def read(self) -> int | None:
        """Bytes, or None where the system does not say."""
        if self._backend:
            return self._gpu_peak()
        status = Path(OPERATING_SYSTEM, "status")
        if status.is_file():
            lines = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
            if "VmHWM" in lines:
                return int(lines["VmHWM"].split()[0]) * 1024
        try:
            import resource
        except ImportError:  # Windows has none
            self.of = "unknown"
            return None
        unit = 1 if platform.system() == "Darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit

    @staticmethod
    def _reset_process() -> bool:
        """Linux forgets the old peak when a 5 is written here, if it lets us."""
        try:
            Path(OPERATING_SYSTEM, "clear_refs").write_text("5")
        except OSError:
            return False
        return True

    def _reset_gpu(self) -> None:
        if self._backend == "tensorflow":
            import tensorflow as tf

            tf.config.experimental.reset_memory_stats("GPU:0")
        elif self._backend == "torch":
            import torch

            torch.cuda.reset_peak_memory_stats()
        else:
            self.of = "this GPU's memory at its peak since the process was started"  # JAX cannot forget it

    def _gpu_peak(self) -> int | None:
        if self._backend == "tensorflow":
            import tensorflow as tf

            return int(tf.config.experimental.get_memory_info("GPU:0")["peak"])
        if self._backend == "torch":
            import torch

            return int(torch.cuda.max_memory_allocated())
        import jax

        return (jax.devices()[0].memory_stats() or {}).get("peak_bytes_in_use")


def machine_name() -> str:
    """What computes here: the GPU or the processor, its cores, and the Keras backend.

    >>> machine_name().endswith(keras.config.backend())
    True
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    backend = keras.config.backend()
    if gpus := gpu_names():
        return f"{_gpu_name(backend) or gpus[0]} ({len(gpus)} in this machine), {backend}"
    return f"{_processor()} ({cores} {'core' if cores == 1 else 'cores'}), {backend}"


def _gpu_name(backend: str) -> str:
    if backend == "tensorflow":
        import tensorflow as tf

        return tf.config.experimental.get_device_details(tf.config.list_physical_devices("GPU")[0]).get(
            "device_name", ""
        )
    if backend == "torch":
        import torch

        return torch.cuda.get_device_name()
    import jax

    return jax.devices()[0].device_kind


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
