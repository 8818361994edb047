"""Training from pairs to a run directory: curves, sheets, checkpoints, exact resume (seed 5.1, 9.1; notebook 08).

A run is a function of its settings. The order of the pairs, the crops, the mirroring and the dropout masks all follow
from the seed and the epoch, so a run that was killed and resumed ends with the same weights as one that was not.
"""

from __future__ import annotations

import errno
import math
import os
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pix2pix_edu import __version__
from pix2pix_edu.backend import keras
from pix2pix_edu.checkpoints import RunConfig, RunFolder, best_epoch, build_model, check_settings
from pix2pix_edu.diffaugment import chosen_words
from pix2pix_edu.errors import CheckpointError, DataError, TrainingError, UsageError, check_count, nearest
from pix2pix_edu.evaluation import compare
from pix2pix_edu.evaluation.perceptual import feature_network, training_features
from pix2pix_edu.pairs import Pairs, Split, load_pairs
from pix2pix_edu.pairs.core import check_seed
from pix2pix_edu.pairs.jitter import Jitter, jitter_size, order, rng_for
from pix2pix_edu.paths import explain_os_error, free_run_folder
from pix2pix_edu.pix2pix import Pix2Pix, check_ema
from pix2pix_edu.precision import policy_of
from pix2pix_edu.presets import choose_preset
from pix2pix_edu.progress import progress
from pix2pix_edu.sheets import make_sheet, save_picture
from pix2pix_edu.translation import to_float, translate
from pix2pix_edu.unet import check_choice

MONITORS = ("val_ssim", "val_psnr", "val_l1")
VALIDATION_PAIRS = 256  # more would cost time in every epoch and hardly move the mean
SHEET_PAIRS = 8
NAN_CHECK_EVERY = 20  # steps; reading a loss waits for the GPU


@dataclass
class Run:
    """A training run: the model as it is now, and what is on the disk.

    Attributes:
        model: the trained `Pix2Pix`.
        config: the settings, as a dictionary.
        history: for each quantity a list with one number for each epoch; "epoch" counts from 1.
        run_dir: where everything lies.
        interrupted: True if it was stopped by hand before its last epoch.
    """

    model: Pix2Pix
    config: dict[str, Any]
    history: dict[str, list[float]]
    run_dir: Path
    interrupted: bool = False

    @property
    def best_epoch(self) -> int | None:
        """The epoch that was best on the validation pairs."""
        return best_epoch(self.history, self.config["monitor"])

    @property
    def best_checkpoint(self) -> Path | None:
        """The weights of that epoch."""
        return RunFolder(self.run_dir).saved("best").get(self.best_epoch or 0)

    @property
    def sheets(self) -> list[Path]:
        """A sample sheet for each epoch, oldest first."""
        return sorted((self.run_dir / "sheets").glob("epoch-*.png"))

    def load_best(self) -> Run:
        """Give the model the weights of the best epoch.

        Raises:
            CheckpointError: there is none, or it cannot be read.
        """
        path = self.best_checkpoint
        if path is None:
            raise CheckpointError(f"{self.run_dir} has no best checkpoint yet: no epoch has been validated and saved.")
        RunFolder(self.run_dir).load_weights(self.model, path)
        return self

    def __repr__(self) -> str:
        done = len(self.history.get("epoch", []))
        return f"Run({str(self.run_dir)!r}: {done} of {self.config['epochs']} epochs, best epoch {self.best_epoch})"


def train(
    pairs: Pairs | str,
    epochs: int | None = None,
    preset: str = "auto",
    run_dir: Path | str | None = None,
    seed: int = 0,
    resume: bool = False,
    monitor: str = "val_ssim",
    callbacks: Sequence[keras.callbacks.Callback] = (),
    on_epoch: Callable[[Run], None] | None = None,
    show_progress: bool = True,
    **settings: Any,
) -> Run:
    """Train a pix2pix model and keep everything in a run directory.

    Args:
        pairs: what `load_pairs` returned, or the name of a data set, which is then loaded at the preset's size.
        epochs: how often to go through the training pairs; default: the preset's.
        preset: "tiny", "small", "paper", "fast", or "auto" (paper on a GPU, else small).
        run_dir: where to; default: a new folder under `runs/`.
        seed: initial weights, order, jitter and dropout all follow from it.
        resume: continue the run in `run_dir`; nothing but `epochs` may differ.
        monitor: which validation measure decides the best checkpoint: "val_ssim", "val_psnr" or "val_l1".
        callbacks: further Keras callbacks.
        on_epoch: called with the `Run` after each epoch; `widgets.LiveTraining()` shows it in a notebook.
        show_progress: a progress bar over all steps.
        settings: any field of `Preset`, such as `batch_size=4` or `lambda_l1=10`.

    Returns:
        A `Run`. Stopped by hand (Ctrl-C, or the stop button of a notebook), it has `.interrupted` set and can be
        resumed.

    Raises:
        UsageError: settings that cannot work, or a run directory that is in use.
        CheckpointError: `resume` does not fit what is in the run directory.
        TrainingError: a loss is no longer a number, or the memory does not suffice.
        StorageError: the run directory cannot be written.

    >>> run = p2p.train("emoji", epochs=5, preset="small")  # doctest: +SKIP
    >>> pictures = p2p.translate(run, pairs.test.sources)  # doctest: +SKIP
    """
    pairs, config = plan_run(pairs, epochs, preset, seed, monitor, **settings)
    folder = RunFolder(run_dir or free_run_folder(f"{Path(config.data).name}-{config.preset}"))
    with out_of_memory_explained(config, folder):
        config, model, done, history = _start(folder, config, resume)
    run = Run(model, config.as_dict(), history, folder.path)
    batches = TrainingBatches(pairs.train, config.batch_size, seed, config.jitter, config.mirror)
    bar = [_ProgressBar(config, len(batches), done)] if show_progress else []
    recorder = _Recorder(folder, config, pairs.val, run, on_epoch)
    guard = _NumberGuard(folder, config.steps_per_call)
    board = keras.callbacks.TensorBoard(folder.path / "tensorboard", write_graph=False, profile_batch=0)
    try:
        with out_of_memory_explained(config, folder):
            model.fit(
                feed(model, batches, config.steps_per_call),
                initial_epoch=done,
                epochs=config.epochs,
                shuffle=False,  # `TrainingBatches` shuffles, as a function of seed and epoch
                verbose=0,
                callbacks=[_Clock(batches), guard, *bar, recorder, board, *callbacks],
            )
    except KeyboardInterrupt:
        run.interrupted = True
        kept = max(folder.saved(), default=0)
        print(f"Stopped by hand. Everything up to epoch {kept} is safe in {folder.path}, and the run can be resumed.")
    finally:
        model.stop_living_with_pairs()
        for callback in bar:
            callback.close()
    return run


def load_run(run_dir: Path | str, which: str = "best") -> Run:
    """Load a run from its directory.

    Args:
        run_dir: what `train` printed, or `Run.run_dir`.
        which: "best" (by validation) or "last".

    Raises:
        CheckpointError: no run there, or its checkpoint is damaged or of another architecture.

    >>> run = p2p.load_run("runs/emoji-small-001")  # doctest: +SKIP
    """
    check_choice("which", which, ("best", "last"))
    folder = RunFolder(run_dir)
    config = folder.read_config()
    model = folder.load_model()
    if which == "last":
        folder.load_newest(model)
    return Run(model, config.as_dict(), folder.read_history(), folder.path)


class TrainingBatches(keras.utils.PyDataset):
    """Batches of jittered pairs for `fit`; batch `i` of an epoch is a function of seed, epoch and `i`.

    Every epoch shows each pair once; the few that do not fill a batch are left out, others each time.

    >>> pictures = np.zeros((5, 32, 32, 3), np.uint8)
    >>> batches = TrainingBatches(Split(pictures, pictures), batch_size=2)
    >>> len(batches), batches[0][0].shape, float(batches[0][1].max())
    (2, (2, 32, 32, 3), -1.0)
    """

    def __init__(self, split: Split, batch_size: int, seed: int = 0, jitter: bool = True, mirror: bool = True):
        super().__init__()
        self.batch_size, self.seed, self.epoch = batch_size, seed, 0
        size = split.sources.shape[1]
        enlarged = jitter_size(size) if jitter else size
        self.jitter = Jitter(split.sources, split.targets, resize_to=enlarged, mirror=mirror)

    def __len__(self) -> int:
        return len(self.jitter) // self.batch_size

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        sources, targets = self.jitter(self._chosen(index), rng_for(self.seed, self.epoch, index))
        return to_float(sources), to_float(targets)

    def places(self, index: int) -> np.ndarray:
        """Where on the enlarged pictures this batch lies, as `Jitter.draw` says it: int32 (N, 4)."""
        return self.jitter.draw(self._chosen(index), rng_for(self.seed, self.epoch, index))

    def _chosen(self, index: int) -> np.ndarray:
        start = index * self.batch_size
        return order(self.seed, self.epoch, len(self.jitter))[start : start + self.batch_size]


class GroupedBatches(keras.utils.PyDataset):
    """The same batches for a model that keeps the pairs on its device: for each call the places of several batches.

    >>> pictures = np.zeros((6, 32, 32, 3), np.uint8)
    >>> batches = TrainingBatches(Split(pictures, pictures), batch_size=2)
    >>> [group[0].shape for group in GroupedBatches(batches, steps_per_call=2)]
    [(2, 2, 4), (1, 2, 4)]
    """

    def __init__(self, batches: TrainingBatches, steps_per_call: int):
        super().__init__()
        self.batches, self.steps_per_call = batches, steps_per_call

    def __len__(self) -> int:
        return math.ceil(len(self.batches) / self.steps_per_call)

    def __getitem__(self, index: int) -> tuple[np.ndarray]:
        first = index * self.steps_per_call
        last = min(first + self.steps_per_call, len(self.batches))
        return (np.stack([self.batches.places(step) for step in range(first, last)]),)


def feed(model: Pix2Pix, batches: TrainingBatches, steps_per_call: int = 1) -> keras.utils.PyDataset:
    """What `fit` is to be given: the batches, or, for several steps a call, their places on pairs on the device.

    Afterwards `model.stop_living_with_pairs()` frees the device's memory.

    >>> feed(model, TrainingBatches(pairs.train, 4), steps_per_call=16)  # doctest: +SKIP
    """
    if steps_per_call == 1:
        return batches
    model.live_with_pairs(batches.jitter)
    return GroupedBatches(batches, steps_per_call)


# --- settings -------------------------------------------------------------------------------------------------------


def plan_run(
    pairs: Pairs | str | Path,
    epochs: int | None = None,
    preset: str = "auto",
    seed: int = 0,
    monitor: str = "val_ssim",
    **settings: Any,
) -> tuple[Pairs, RunConfig]:
    """What `train` does before anything is built: load the pairs if only their name was given, and settle everything.

    Raises:
        UsageError: settings that cannot work.
        DataError: pairs without a training or a validation split.

    >>> pictures = np.zeros((2, 32, 32, 3), np.uint8)
    >>> split = Split(pictures, pictures)
    >>> plan_run(Pairs("grey", split, split, split), preset="tiny", filters=2)[1].filters
    2
    """
    name, chosen = chosen_settings(preset, settings)
    if isinstance(pairs, (str, Path)):
        pairs = load_pairs(pairs, image_size=chosen["image_size"])
    return pairs, _make_config(pairs, name, seed, monitor, chosen, epochs)


def chosen_settings(preset: str, settings: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The name of the preset, and its settings with these in the place of its own.

    Raises:
        UsageError: an unknown preset or setting.

    >>> chosen_settings("small", {"filters": 8})[1]["filters"]
    8
    """
    chosen = choose_preset(preset)
    return chosen.name, {**chosen.settings(), **_known(settings, chosen.settings())}


def _known(settings: dict[str, Any], choices: dict[str, Any]) -> dict[str, Any]:
    for name in settings:
        if name not in choices:
            raise UsageError(f"`train` has no setting {name!r}. {nearest(name, list(choices))}")
    return settings


def _make_config(
    pairs: Pairs, preset: str, seed: int, monitor: str, settings: dict[str, Any], epochs: int | None = None
) -> RunConfig:
    check_seed(seed)
    check_settings(settings)
    if monitor not in MONITORS:
        raise UsageError(f"monitor={monitor!r} is not measured. {nearest(str(monitor), list(MONITORS))}")
    epochs = settings["epochs"] if epochs is None else epochs
    batch_size = min(settings["batch_size"], len(pairs.train)) if len(pairs.train) else settings["batch_size"]
    for name, value in (
        ("epochs", epochs),
        ("batch_size", batch_size),
        ("save_every", settings["save_every"]),
        ("steps_per_call", settings["steps_per_call"]),
    ):
        check_count(name, value)
    # What is wrong with these is said here, before anything is written.
    policy_of(settings["precision"])
    check_ema(settings["ema"])
    chosen_words(settings["diffaugment"])
    if settings["perceptual"]:
        training_features(settings["perceptual_features"])
    for name in ("train", "val"):
        if len(getattr(pairs, name)) == 0:
            raise DataError(f"The {name} split of {pairs.name!r} is empty; training needs pairs to {_USE[name]}.")
    sizes = {
        "image_size": pairs.image_size,  # what the pictures are, whatever the preset had in mind
        "source_channels": pairs.train.sources.shape[-1],
        "target_channels": pairs.train.targets.shape[-1],
    }
    run = {"preset": preset, "seed": seed, "monitor": monitor, "epochs": epochs, "batch_size": batch_size}
    data = {"data": pairs.name, "direction": pairs.direction, "train_pairs": len(pairs.train)}
    return RunConfig(**{**settings, **data, **sizes, **run}, versions=_versions())


_USE = {"train": "learn from", "val": "choose the best checkpoint by"}


def _versions() -> dict[str, str]:
    return {
        "pix2pix_edu": __version__,
        "python": platform.python_version(),
        "keras": keras.__version__,
        "backend": keras.config.backend(),
    }


def _start(
    folder: RunFolder, config: RunConfig, resume: bool
) -> tuple[RunConfig, Pix2Pix, int, dict[str, list[float]]]:
    """The final settings; a new model, or the one that the folder holds; the epochs that are done; their history."""
    wanted, config = config, _decided(config)
    if not resume:
        if folder.exists():
            raise UsageError(
                f"{folder.path} already holds a training run. Continue it with resume=True (--resume), or choose "
                "another run_dir."
            )
        model = ready_model(config)  # may refuse the settings: then there is no run, and the folder stays free
        folder.write_config(config)
        return config, model, 0, {}
    before = folder.read_config()
    for name in ("precision", "perceptual_features"):  # another machine may choose otherwise; a run stays what it was
        if getattr(wanted, name) == "auto":
            config = replace(config, **{name: getattr(before, name)})
    if changed := before.differences(config):
        raise CheckpointError(
            f"{folder.path} cannot be resumed with other settings ({'; '.join(changed)}). Use the settings it was "
            "started with (only epochs may grow), or start a new run in another folder."
        )
    model = ready_model(config)
    done = folder.load_newest(model)
    folder.tidy(done)
    folder.write_config(replace(config, epochs=max(config.epochs, done)))
    return config, model, done, folder.read_history(done)


def _decided(config: RunConfig) -> RunConfig:
    """The same settings, with everything decided that was left to this machine."""
    config = config.resolved()
    features = training_features(config.perceptual_features) if config.perceptual else config.perceptual_features
    return replace(config, perceptual_features=features)


def ready_model(config: RunConfig) -> Pix2Pix:
    """The model of `build_model`, and where a perceptual loss is asked for also the network that it looks with.

    >>> ready_model(RunFolder("runs/emoji-small-001").read_config())  # doctest: +SKIP
    """
    model = build_model(config)
    if config.perceptual:
        model.look = feature_network(config.perceptual_features)
    return model


@contextmanager
def out_of_memory_explained(config: RunConfig, folder: RunFolder | None = None) -> Iterator[None]:
    """Turn a backend's "out of memory", which is pages long, into a paragraph that says what to do.

    TensorFlow calls a full disk "resource exhausted" as well; that becomes the paragraph about a full disk.

    Args:
        config: the settings that were too large.
        folder: the run directory, if there is one: what it has kept can be resumed.

    >>> with out_of_memory_explained(RunFolder("runs/mine").read_config()):  # doctest: +SKIP
    ...     model.fit(batches)
    """
    try:
        yield
    except Exception as error:
        if not _is_out_of_memory(error):
            raise
        full_disk = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if str(full_disk.strerror) in str(error):
            raise explain_os_error(full_disk, folder.path if folder else Path(), "write to") from error
        smaller = "" if config.batch_size == 1 else f"batch_size={config.batch_size // 2} (now {config.batch_size}); "
        kept = max(folder.saved(), default=0) if folder else 0
        resumable = f" The checkpoints up to epoch {kept} in {folder.path} are good." if folder and kept else ""
        half = "" if config.precision != "float32" else 'precision="bfloat16", where the hardware has it; '
        raise TrainingError(
            f"The memory does not suffice for pictures of {config.image_size} px with {config.filters} filters at "
            f"batch size {config.batch_size}. First free what others hold: restart the kernel, and shut down other "
            f"notebooks (a model stays in memory as long as a variable holds it). If that is not enough, in turn: "
            f"{smaller}{half}image_size={config.image_size // 2}; filters={max(config.filters // 2, 1)}. "
            f"`estimate_cost` measures in a minute what a setting needs.{resumable}"
        ) from error


def _is_out_of_memory(error: BaseException) -> bool:
    """TensorFlow, JAX, PyTorch and NumPy each have a class of their own for it, and not all can be imported."""
    names = {kind.__name__ for kind in type(error).__mro__}
    if names & {"MemoryError", "ResourceExhaustedError", "OutOfMemoryError"}:
        return True
    return "RESOURCE_EXHAUSTED" in str(error) or "out of memory" in str(error).lower()


# --- callbacks ------------------------------------------------------------------------------------------------------


class _Clock(keras.callbacks.Callback):
    """Tells the batches which epoch it is."""

    def __init__(self, batches: TrainingBatches):
        super().__init__()
        self.batches = batches

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.batches.epoch = epoch


class _NumberGuard(keras.callbacks.Callback):
    """Stops a run whose loss is no longer a number, before it overwrites what was good."""

    def __init__(self, folder: RunFolder, per_call: int = 1):
        super().__init__()
        self.folder, self.per_call, self.epoch = folder, per_call, 0

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.epoch = epoch + 1

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        if batch % NAN_CHECK_EVERY == 0:
            self._check(logs, f"epoch {self.epoch}, step {batch * self.per_call + 1}")

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self._check(logs, f"epoch {self.epoch}")

    def _check(self, logs: dict | None, when: str) -> None:
        bad = [name for name, value in (logs or {}).items() if not math.isfinite(float(value))]
        if bad:
            kept = max(self.folder.saved(), default=0)
            raise TrainingError(
                f"Training stopped in {when}: {', '.join(bad)} is no longer a finite number. What to try, in turn: "
                "a smaller learning_rate (half of it); check that no picture is damaged (`pix2pix-edu data`); "
                'norm="instance" if batches are small; adversarial="lsgan". The checkpoints up to epoch '
                f"{kept} in {self.folder.path} are good and were not overwritten."
            )


class _Recorder(keras.callbacks.Callback):
    """At the end of an epoch: validate, draw the sheet, write the history, and last of all the checkpoint."""

    def __init__(
        self, folder: RunFolder, config: RunConfig, val: Split, run: Run, on_epoch: Callable[[Run], None] | None
    ):
        super().__init__()
        self.folder, self.config, self.run, self.on_epoch = folder, config, run, on_epoch
        self.val = val.take(VALIDATION_PAIRS)
        self.shown = np.linspace(0, len(self.val) - 1, min(SHEET_PAIRS, len(self.val))).round().astype(int)
        self.started = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        number = epoch + 1
        seconds = time.perf_counter() - self.started
        due = number % self.config.save_every == 0 or number == self.config.epochs
        measured = self._validate(number) if due else dict.fromkeys(MONITORS, math.nan)
        if logs is not None and due:
            logs.update(measured)  # for the callbacks that come later, such as TensorBoard
        losses = {name: float(value) for name, value in (logs or {}).items() if name not in measured}
        self._append({"epoch": number, **losses, **measured, "seconds": round(seconds, 3)})
        self.folder.write_history(self.run.history)
        if due:
            self._save(number)
        if self.on_epoch is not None:
            self.on_epoch(self.run)

    def _save(self, number: int) -> None:
        best = self.run.best_epoch
        if best == number:
            self.folder.save(self.model, number, kind="best")
        self.folder.save(self.model, number)  # last of all: with it the epoch has happened
        self.folder.drop_old(best)

    def _validate(self, number: int) -> dict[str, float]:
        translated = translate(self.model, self.val.sources)
        pictures = (self.val.sources, translated, self.val.targets)
        sheet = make_sheet(*(batch[self.shown] for batch in pictures), per_row=4)
        save_picture(sheet, self.folder.sheets / f"epoch-{number:04d}.png")
        return {f"val_{name}": value for name, value in compare(self.val.targets, translated).items()}

    def _append(self, row: dict[str, float]) -> None:
        for name, value in row.items():
            self.run.history.setdefault(name, []).append(value)


class _ProgressBar(keras.callbacks.Callback):
    """One bar over all steps of all epochs, with the time left and the losses."""

    def __init__(self, config: RunConfig, steps: int, done: int):
        super().__init__()
        self.epochs, self.steps, self.per_call = config.epochs, steps, config.steps_per_call
        total = steps * max(config.epochs - done, 0)
        self.bar = progress(description="training", total=total, unit="step")

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self.bar.update(min(self.per_call, self.steps - batch * self.per_call))

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        shown = {name: f"{value:.3f}" for name, value in (logs or {}).items() if name in ("d_loss", "g_gan", "l1")}
        self.bar.set_postfix({"epoch": f"{epoch + 1}/{self.epochs}", **shown})

    def close(self) -> None:
        self.bar.close()
