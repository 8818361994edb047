"""A training run on the disk: its settings, its history, and checkpoints that survive a kill at any moment.

    run_dir/config.json                 every setting, so that the networks can be built again
    run_dir/losses.csv                  one row for each epoch
    run_dir/checkpoints/epoch-0007.npz  the last two: both networks, both optimizers, dropout's random state
    run_dir/checkpoints/best-0005.npz   the best by validation
    run_dir/sheets/epoch-0007.png       source, translation and target of the same validation pairs
    run_dir/tensorboard/                for `tensorboard --logdir`

The checkpoint of an epoch is written last. Until its name is there, the epoch has not happened.
"""

from __future__ import annotations

import csv
import json
import math
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np

from pix2pix_edu.backend import ops
from pix2pix_edu.diffaugment import DiffAugment
from pix2pix_edu.errors import CheckpointError, UsageError
from pix2pix_edu.optimizers import new_optimizer
from pix2pix_edu.patchgan import discriminator_model
from pix2pix_edu.paths import atomic_file
from pix2pix_edu.pix2pix import Pix2Pix
from pix2pix_edu.precision import best_precision
from pix2pix_edu.unet import generator_model

KEEP = 2  # checkpoints: should the newest be damaged, the one before it serves


@dataclass(frozen=True)
class RunConfig:
    """Every setting of a run. Two runs with the same one give the same weights."""

    data: str
    direction: str
    image_size: int
    source_channels: int
    target_channels: int
    train_pairs: int
    preset: str
    seed: int
    epochs: int
    batch_size: int
    filters: int
    monitor: str
    save_every: int
    receptive_field: int
    skips: bool
    conditional: bool
    jitter: bool
    mirror: bool
    norm: str
    upsample: str
    dropout: float
    learning_rate: float
    lambda_l1: float
    adversarial: str | None
    update: str
    distance: str
    precision: str = "float32"
    bottleneck_norm: bool = False
    steps_per_call: int = 1
    d_learning_rate: float | None = None
    beta_1: float = 0.5
    levels: int | None = None
    fills_holes: bool = False
    feature_matching: float = 0.0
    perceptual: float = 0.0
    perceptual_features: str = "auto"
    spectral_norm: bool = False
    ema: float = 0.0
    diffaugment: str = ""
    versions: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that each setting is of its kind: the file that it may come from can be edited by hand."""
        settings = asdict(self)
        check_settings(settings)
        for name, value in settings.items():
            if isinstance(value, np.generic):  # NumPy's numbers become Python's, which JSON can hold
                object.__setattr__(self, name, value.item())

    @property
    def statistics(self) -> str:
        """At test time: the picture's own statistics for models trained at batch size 1, else moving averages."""
        return "batch" if self.batch_size == 1 else "moving"

    def as_dict(self) -> dict[str, Any]:
        """All settings by name, and what follows from them."""
        return {**asdict(self), "statistics": self.statistics}

    def resolved(self) -> RunConfig:
        """The same with the precision decided, where it was left to this machine ("auto")."""
        return replace(self, precision=best_precision()) if self.precision == "auto" else self

    def differences(self, other: RunConfig) -> list[str]:
        """Settings that would make a resumed run another run; the number of epochs and the versions may differ."""
        mine, theirs = asdict(self), asdict(other)
        free = ("epochs", "versions", "preset", "steps_per_call")
        return [f"{name}: {mine[name]!r} before, {theirs[name]!r} now" for name in mine
                if name not in free and mine[name] != theirs[name]]  # fmt: skip


_KINDS: dict[str, tuple[Any, str]] = {
    "int": (Integral, "a whole number"),
    "float": (Real, "a number"),
    "str": (str, "a word"),
    "bool": ((bool, np.bool_), "True or False"),
    "dict[str, str]": (dict, "a dictionary"),
}


def check_settings(settings: Mapping[str, Any]) -> None:
    """Raise a `UsageError` if a setting of `RunConfig` is of another kind, or a rate that no optimizer takes.

    >>> check_settings({"filters": 64, "lambda_l1": 100, "adversarial": None})
    """
    declared = {item.name: str(item.type) for item in fields(RunConfig)}
    for name, value in settings.items():
        kind, _, optional = declared.get(name, "").partition(" | ")
        if kind not in _KINDS or (optional and value is None):
            continue
        wanted, words = _KINDS[kind]
        if not isinstance(value, wanted) or (isinstance(value, bool) and kind != "bool"):
            raise UsageError(f"{name}={value!r} does not work: give {words}.")
        if kind == "float" and not math.isfinite(value):
            raise UsageError(f"{name}={value!r} does not work: give a finite number.")
    for name in ("learning_rate", "d_learning_rate"):
        if settings.get(name) is not None and settings[name] <= 0:
            raise UsageError(f"{name}={settings[name]!r} does not work: give a number above 0, such as 0.0002.")
    if not 0 <= settings.get("beta_1", 0) < 1:
        raise UsageError(f"beta_1={settings['beta_1']!r} does not work: give a number from 0 to below 1, such as 0.5.")


def build_model(config: RunConfig) -> Pix2Pix:
    """Both networks with their initial weights, compiled, as the settings say.

    Initial weights and dropout masks follow from `config.seed` alone.

    >>> model = build_model(RunFolder("runs/emoji-small-001").read_config())  # doctest: +SKIP
    """
    sizes: dict[str, Any] = {
        "image_size": config.image_size,
        "filters": config.filters,
        "source_channels": config.source_channels,
        "target_channels": config.target_channels,
        "norm": config.norm,
        "precision": config.precision,
    }
    generator = generator_model(
        **sizes,
        skips=config.skips,
        upsample=config.upsample,
        dropout=config.dropout,
        bottleneck_norm=config.bottleneck_norm,
        levels=config.levels,
        fills_holes=config.fills_holes,
        seed=1_000 * config.seed,
    )
    discriminator = discriminator_model(
        **sizes,
        receptive_field=config.receptive_field,
        conditional=config.conditional,
        spectral_norm=config.spectral_norm,
        seed=1_000 * config.seed + 500,  # far enough on for no two layers to share a seed
    )
    augment = DiffAugment(config.diffaugment, seed=1_000 * config.seed + 900) if config.diffaugment else None
    model = Pix2Pix(generator, discriminator, statistics=config.statistics, ema=config.ema, augment=augment)
    d_rate = config.learning_rate if config.d_learning_rate is None else config.d_learning_rate
    model.compile(
        new_optimizer(config.learning_rate, config.beta_1),
        new_optimizer(d_rate, config.beta_1),
        lambda_l1=config.lambda_l1,
        adversarial=config.adversarial,
        update=config.update,
        distance=config.distance,
        feature_matching=config.feature_matching,
        perceptual=config.perceptual,
    )
    return model


def state_of(model: Pix2Pix) -> dict[str, Any]:
    """Everything that training changes, by name: weights, moving averages, random states, Adam's moments.

    With these and the number of the epoch a run goes on as if it had never stopped, on any Keras backend.

    >>> model = build_model(RunFolder("runs/emoji-small-001").read_config())  # doctest: +SKIP
    >>> sorted(state_of(model))[0]  # doctest: +SKIP
    'discriminator/000'
    """
    parts = {
        "generator": model.generator.variables,
        "discriminator": model.discriminator.variables,
        "generator_optimizer": model.optimizer.generator.variables,
        "discriminator_optimizer": model.optimizer.discriminator.variables,
        **({"averaged": model.averaged.variables} if model.averaged is not None else {}),
        **({"augment": model.augment.variables} if model.augment is not None else {}),
    }
    return {f"{part}/{number:03d}": variable for part, them in parts.items() for number, variable in enumerate(them)}


def _misfit(arrays: dict[str, np.ndarray], variables: dict[str, Any]) -> str:
    """The first difference between what a checkpoint holds and what a model needs, in words; empty if there is none."""
    for name, variable in variables.items():
        if name not in arrays:
            return f"{name} ({variable.path}) is missing"
        if arrays[name].shape != tuple(variable.shape):
            return f"{name} ({variable.path}) has the shape {arrays[name].shape} instead of {tuple(variable.shape)}"
        if arrays[name].dtype.kind not in "fiub":
            return f"{name} ({variable.path}) holds {arrays[name].dtype} and no real numbers"
    extra = sorted(set(arrays) - set(variables))
    return f"it holds {len(extra)} array(s) too many, such as {extra[0]}" if extra else ""


class RunFolder:
    """Reads and writes a run directory.

    >>> RunFolder("runs/nowhere").exists()
    False
    """

    def __init__(self, path: Path | str):
        self.path = Path(path)
        self.checkpoints = self.path / "checkpoints"
        self.sheets = self.path / "sheets"

    def exists(self) -> bool:
        """Whether a run was begun here."""
        return os.path.isfile(self._config_file)  # False, not an error, where one may not look

    # --- settings and history ---------------------------------------------------------------------------------------

    @property
    def _config_file(self) -> Path:
        return self.path / "config.json"

    def write_config(self, config: RunConfig) -> None:
        """Write `config.json`."""
        with atomic_file(self._config_file, "w") as file:
            json.dump(asdict(config), file, indent=2)
            file.write("\n")

    def read_config(self) -> RunConfig:
        """Read `config.json`.

        Raises:
            CheckpointError: missing, damaged, or of another version.
        """
        if not self.exists():
            raise CheckpointError(
                f"{self.path} holds no training run (no config.json). Give the folder that `train` printed, or start "
                "a new run."
            )
        try:
            settings = json.loads(self._config_file.read_text())
            return RunConfig(**settings)
        except (OSError, ValueError, TypeError, RecursionError) as error:
            known = {item.name for item in fields(RunConfig)}
            raise CheckpointError(
                f"{self._config_file} cannot be used ({str(error).rstrip('.')}). It should be a JSON object with the "
                f"settings {', '.join(sorted(known)[:4])} and so on; it may be damaged, or written by another version "
                "of pix2pix_edu. Start a new run in another folder."
            ) from error

    def write_history(self, history: dict[str, list[float]]) -> None:
        """Write `losses.csv`, whole: one row for each epoch, an empty cell where a value was not measured."""
        with atomic_file(self.path / "losses.csv", "w") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(history)
            for row in zip(*history.values(), strict=True):
                writer.writerow(["" if math.isnan(value) else repr(value) for value in row])

    def read_history(self, epochs: int | None = None) -> dict[str, list[float]]:
        """Read the first `epochs` rows of `losses.csv`."""
        file = self.path / "losses.csv"
        if not file.is_file():
            return {}
        try:
            with file.open(newline="") as text:
                header, *rows = csv.reader(text)
            rows = rows[:epochs]
            columns = {name: [float(row[i]) if row[i] else math.nan for row in rows] for i, name in enumerate(header)}
            return {**columns, "epoch": [int(value) for value in columns["epoch"]]}
        except (OSError, ValueError, LookupError, OverflowError, csv.Error) as error:
            reason = f"it has no column {error}" if isinstance(error, KeyError) else error
            raise CheckpointError(f"{file} is damaged ({reason}). Restore a copy of it, or start a new run.") from error

    # --- checkpoints ------------------------------------------------------------------------------------------------

    def saved(self, kind: str = "epoch") -> dict[int, Path]:
        """Checkpoints by epoch, oldest first; `kind` is "epoch" or "best"."""
        pattern = re.compile(rf"{kind}-(\d+)\.npz")
        matches = [(pattern.fullmatch(path.name), path) for path in sorted(self.checkpoints.glob(f"{kind}-*.npz"))]
        return {int(match[1]): path for match, path in matches if match}

    def save(self, model: Pix2Pix, epoch: int, kind: str = "epoch") -> Path:
        """Write a checkpoint: it is whole, or it is not there.

        Raises:
            StorageError: the disk is full or cannot be written; earlier checkpoints are untouched.
        """
        path = self.checkpoints / f"{kind}-{epoch:04d}.npz"
        arrays = {name: ops.convert_to_numpy(variable) for name, variable in state_of(model).items()}
        with atomic_file(path) as file:
            np.savez(file, **arrays)
        return path

    def drop_old(self, best_epoch: int | None) -> None:
        """Keep the last two checkpoints and the best one."""
        for path in list(self.saved().values())[:-KEEP]:
            path.unlink(missing_ok=True)
        for epoch, path in self.saved("best").items():
            if epoch != best_epoch:
                path.unlink(missing_ok=True)

    def tidy(self, epoch: int) -> None:
        """Remove what a killed run left half done, and what lies after `epoch`, which is going to happen again."""
        leftovers = [*self.path.glob(".*.tmp"), *self.checkpoints.glob(".*.tmp"), *self.sheets.glob(".*.tmp")]
        later = [path for kind in ("epoch", "best") for number, path in self.saved(kind).items() if number > epoch]
        later += [path for path in self.sheets.glob("epoch-*.png") if int(path.stem[6:]) > epoch]
        for path in (*leftovers, *later):
            path.unlink(missing_ok=True)

    def load_weights(self, model: Pix2Pix, path: Path) -> None:
        """Load a checkpoint, optimizers and random states included.

        Raises:
            CheckpointError: missing, damaged, or of another architecture.
        """
        if not path.is_file():
            raise CheckpointError(f"The checkpoint {path} does not exist. There are: {self._listing()}.")
        variables = state_of(model)
        try:
            with np.load(path, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}  # reading checks the sums of every array
        except Exception as error:  # zipfile and NumPy have a dozen of their own
            reason = "it holds Python objects, which could run code" if "pickle" in str(error) else error
            raise CheckpointError(
                f"The checkpoint {path} is damaged ({reason}). Use another one: {self._listing()}. A run that is "
                "resumed goes back to the last one that can be read."
            ) from error
        if misfit := _misfit(arrays, variables):
            raise CheckpointError(
                f"The checkpoint {path} does not fit the networks that {self._config_file} describes: {misfit}. It was "
                "made with other settings (image_size, filters, norm, receptive_field ...). Use the settings that it "
                f"was made with, or another checkpoint: {self._listing()}."
            )
        for name, variable in variables.items():
            variable.assign(arrays[name])

    def load_model(self) -> Pix2Pix:
        """The model of this run with the weights of its best epoch, or of its newest where none was validated.

        Raises:
            CheckpointError: no run here, or its checkpoint is missing, damaged or of another architecture.
        """
        config = self.read_config()
        model = build_model(config)
        best = best_epoch(self.read_history(), config.monitor)
        if best in self.saved("best"):
            self.load_weights(model, self.saved("best")[best])
        elif not self.load_newest(model):
            raise CheckpointError(f"{self.path} has no checkpoint yet: the run stopped before its first one was saved.")
        return model

    def load_newest(self, model: Pix2Pix) -> int:
        """Load the newest checkpoint that can be read, and return its epoch; 0 where there is none.

        Raises:
            CheckpointError: there are checkpoints, but none of them can be read.
        """
        problem = None
        for epoch, path in sorted(self.saved().items(), reverse=True):
            try:
                self.load_weights(model, path)
                return epoch
            except CheckpointError as error:
                problem = error
        if problem:
            raise problem
        return 0

    def _listing(self) -> str:
        names = [path.name for kind in ("epoch", "best") for path in self.saved(kind).values()]
        return ", ".join(names) or "none"


def best_epoch(history: dict[str, list[float]], monitor: str) -> int | None:
    """The epoch (from 1) with the best value of `monitor`; the earlier one of two equals; None before any.

    Of "l1" and losses the lowest is best, of PSNR and SSIM the highest.

    >>> best_epoch({"epoch": [1, 2, 3], "val_ssim": [0.5, float("nan"), 0.7]}, "val_ssim")
    3
    """
    sign = 1 if higher_is_better(monitor) else -1
    rows = zip(history.get("epoch", []), history.get(monitor, []), strict=False)
    measured = [(sign * value, -int(epoch)) for epoch, value in rows if not math.isnan(value)]
    return -max(measured)[1] if measured else None


def higher_is_better(monitor: str) -> bool:
    """True of PSNR and SSIM, False of distances and losses.

    >>> higher_is_better("val_l1")
    False
    """
    return monitor.removeprefix("val_") in ("psnr", "ssim")
