"""`pix2pix-edu train`: learn a translation, and go on with a training that was stopped."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pix2pix_edu.cli.options import (
    FINE,
    INTERRUPTED,
    PROGRAM,
    Command,
    add_source_options,
    complain,
    number,
    say,
    typed,
    whole,
)
from pix2pix_edu.cli.settings import FIXED, SETTABLE, add_set_option, add_size_options, given_settings
from pix2pix_edu.cli.source import Source, recall
from pix2pix_edu.errors import UsageError
from pix2pix_edu.paths import free_run_folder
from pix2pix_edu.presets import PRESETS, choose_preset
from pix2pix_edu.progress import duration

if TYPE_CHECKING:
    from pix2pix_edu.pairs import Pairs
    from pix2pix_edu.training import Run


def _add_train_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what to learn from")
    group.add_argument(
        "--data",
        metavar="NAME_OR_PATH",
        help=f"a name that `{PROGRAM} data` lists, or a folder or archive of pairs of yours "
        "(default: emoji, the drawings that come with the course)",
    )
    add_source_options(group, size="the preset's")

    group = parser.add_argument_group("how large, and for how long")
    names = ", ".join(PRESETS)
    group.add_argument(
        "--preset", metavar="NAME", help=f"{names} or auto, see below (default: auto: paper on a GPU, else small)"
    )
    group.add_argument("--epochs", type=whole, metavar="N", help="how often to see each pair (default: the preset's)")
    add_size_options(group)

    group = parser.add_argument_group("what to aim at")
    group.add_argument(
        "--lambda-l1",
        type=number,
        metavar="X",
        help="weight of the distance to the target; 0 leaves the game alone (default: 100)",
    )
    group.add_argument(
        "--adversarial", metavar="NAME", help="bce, lsgan, hinge, or none to train without an adversary (default: bce)"
    )
    group.add_argument("--learning-rate", type=number, metavar="X", help="of both Adam optimizers (default: 0.0002)")
    add_set_option(group, f"any other setting of the preset: {', '.join(SETTABLE)}")

    group = parser.add_argument_group("the run")
    group.add_argument("--run-dir", type=Path, metavar="FOLDER", help="where to (default: a new folder in runs/)")
    group.add_argument(
        "--resume",
        action="store_true",
        help="continue the run in --run-dir with its own settings, after a stop or kill",
    )
    group.add_argument(
        "--seed", type=whole, metavar="N", help="initial weights, split, order and dropout follow from it (default: 0)"
    )
    group.add_argument(
        "--monitor",
        metavar="NAME",
        help="which measure on the validation pairs decides which epoch is best: val_ssim, val_psnr or val_l1 "
        "(default: val_ssim)",
    )


_PRESETS = "\n".join(f"  {preset.name:<11}{preset.about}; {preset.epochs} epochs" for preset in PRESETS.values())


@dataclass(frozen=True)
class _Plan:
    """Everything that `train` is called with."""

    source: Source
    preset: str
    epochs: int
    seed: int
    monitor: str
    run_dir: Path
    settings: dict[str, Any]
    done: int = 0  # epochs that are finished already

    @property
    def resumed(self) -> bool:
        return self.done > 0


def _train(options: argparse.Namespace) -> int:
    plan = _continued_plan(options) if options.resume else _new_plan(options)
    if plan.resumed and plan.epochs <= plan.done:
        command = _command("train", "--run-dir", plan.run_dir, "--resume", "--epochs", 2 * plan.done)
        say(f"{plan.run_dir} has finished all its epochs ({plan.done}). To train on, ask for more:")
        print(f"  {command}")
        return FINE
    pairs = plan.source.load()
    _announce(plan, pairs)
    started = time.monotonic()
    run = _fit(plan, pairs)
    if run is None or run.interrupted:
        if (plan.run_dir / "config.json").is_file():
            complain("Stopped. To continue where the last finished epoch ended, type:")
            print(f"  {_command('train', '--run-dir', plan.run_dir, '--resume')}", file=sys.stderr)
        return INTERRUPTED
    _report(run, time.monotonic() - started)
    return FINE


def _fit(plan: _Plan, pairs: Pairs) -> Run | None:
    """Train; None if it was stopped before the first step."""
    from pix2pix_edu.backend import keras
    from pix2pix_edu.training import train

    remember = keras.callbacks.LambdaCallback(on_train_begin=lambda logs: plan.source.remember(plan.run_dir))
    try:
        return train(
            pairs,
            epochs=plan.epochs,
            preset=plan.preset,
            run_dir=plan.run_dir,
            seed=plan.seed,
            resume=(plan.run_dir / "config.json").is_file(),  # also if it was killed before its first checkpoint
            monitor=plan.monitor,
            callbacks=[remember],
            **plan.settings,
        )
    except KeyboardInterrupt:
        return None


def _new_plan(options: argparse.Namespace) -> _Plan:
    preset = choose_preset(options.preset or "auto")
    data = options.data or "emoji"
    size = preset.image_size if options.image_size is None else options.image_size
    seed = 0 if options.seed is None else options.seed
    run_dir = options.run_dir or free_run_folder(f"{Path(data).name.split('.')[0] or 'pairs'}-{preset.name}")
    if (run_dir / "config.json").is_file():
        raise UsageError(
            f"{run_dir} already holds a training run. Continue it with --resume, or choose another --run-dir."
        )
    return _Plan(
        source=Source(data, size, options.direction, seed, typed(options.option)),
        preset=preset.name,
        epochs=preset.epochs if options.epochs is None else options.epochs,
        seed=seed,
        monitor=options.monitor or "val_ssim",
        run_dir=run_dir,
        settings=given_settings(options),
    )


def _continued_plan(options: argparse.Namespace) -> _Plan:
    if options.run_dir is None:
        raise UsageError(f"--resume needs to know which run: add --run-dir FOLDER.{_runs_here()}")
    from pix2pix_edu.checkpoints import RunFolder  # loads Keras

    folder = RunFolder(options.run_dir)
    config = asdict(folder.read_config())
    source = recall(options.run_dir, config, options.data)
    changes = {"image_size": options.image_size, "direction": options.direction, "seed": options.seed}
    source = replace(source, **{name: value for name, value in changes.items() if value is not None})
    if options.option:
        source = replace(source, options=typed(options.option))
    kept = {name: config[name] for name in PRESETS["small"].settings() if name not in FIXED}
    return _Plan(
        source=source,
        preset=options.preset or config["preset"],
        epochs=config["epochs"] if options.epochs is None else options.epochs,
        seed=source.seed,
        monitor=options.monitor or config["monitor"],
        run_dir=options.run_dir,
        settings={**kept, **given_settings(options)},
        done=max(folder.saved(), default=0),
    )


def _runs_here() -> str:
    runs = sorted(str(file.parent) for file in Path("runs").glob("*/config.json"))
    return f" In this folder there are: {', '.join(runs[-5:])}." if runs else ""


def _announce(plan: _Plan, pairs: Pairs) -> None:
    say(
        f"Pairs:    {plan.source.data}, {pairs.about.source} to {pairs.about.target} at {pairs.image_size} px; "
        f"{len(pairs.train):,} to train, {len(pairs.val):,} to validate",
        indent=" " * 10,
    )
    for remark in pairs.report:
        say(f"          {remark}", indent=" " * 10)
    left = f"going on from epoch {plan.done} to {plan.epochs}" if plan.resumed else f"epochs: {plan.epochs}"
    say(f"Training: preset {plan.preset}, {left}; Ctrl-C stops, and --resume continues", indent=" " * 10)
    say(f"Run:      {plan.run_dir}")


def _report(run: Run, seconds: float) -> None:
    epochs = run.history["epoch"]
    print()
    say(f"Done: {len(epochs)} {'epochs' if len(epochs) > 1 else 'epoch'}, {duration(seconds)}.")
    if run.best_epoch is not None:
        row = epochs.index(run.best_epoch)
        names = {"val_ssim": "SSIM {:.3f}", "val_psnr": "PSNR {:.2f} dB", "val_l1": "L1 {:.4f}"}
        values = ", ".join(text.format(run.history[name][row]) for name, text in names.items() if name in run.history)
        say(f"  best epoch  {run.best_epoch} (by {run.config['monitor']}), on validation pairs: {values}", " " * 14)
    if run.sheets:
        say(f"  last sheet  {run.sheets[-1]}")
    say(f"  curves      {run.run_dir / 'losses.csv'}", indent=" " * 14)
    print("\nTranslate pictures with it, and measure it on the test pairs:")
    print(f"  {_command('translate', '--model', run.run_dir, '--input', 'PICTURES', '--output', 'translated')}")
    print(f"  {_command('evaluate', '--model', run.run_dir)}")


def _command(*words: Any) -> str:
    return shlex.join([PROGRAM, *map(str, words)])


COMMAND = Command(
    "train",
    "[--data NAME_OR_PATH] [options]",
    "Learn a translation; keep curves, sheets and checkpoints.",
    """\
Train a pix2pix model on pairs of pictures. Everything goes to a run directory:
settings, curves, a sheet of translated pictures and checkpoints.""",
    f"""\
  {PROGRAM} train --data emoji --preset small --epochs 5
  {PROGRAM} train --data ~/my_pairs --image-size 128 --batch-size 8
  {PROGRAM} train --data facades --option theme=simple --set norm=instance
  {PROGRAM} train --run-dir runs/emoji-small-001 --resume --epochs 40

presets:
{_PRESETS}""",
    _add_train_options,
    _train,
)
