"""The command line: `pix2pix-edu doctor | data | estimate | train | translate | evaluate | reproduce | export`.

Each command is a thin layer: it reads options, calls the library, and says in words what happened and what to do next.
Nothing here loads Keras before a network is really needed, so `--help` and `data` answer at once.

Exit codes: 0 all went well, 1 a part failed, 2 wrong usage or unusable input, 130 stopped with Ctrl-C.
"""

from __future__ import annotations

import argparse
import difflib
import json
import math
import os
import shlex
import shutil
import sys
import textwrap
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from pix2pix_edu import __version__
from pix2pix_edu.errors import CheckpointError, DataError, Pix2PixEduError, UsageError, nearest
from pix2pix_edu.paths import free_run_folder
from pix2pix_edu.presets import PRESETS, choose_preset
from pix2pix_edu.progress import duration

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

    from pix2pix_edu.pairs import Dataset, Pairs
    from pix2pix_edu.training import Run

PROGRAM = "pix2pix-edu"
DEBUG_VARIABLE = "PIX2PIX_EDU_DEBUG"
FINE, PARTLY_FAILED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130
WIDTH = 80  # columns; no line of ours is longer, unless a path is

DATA_FILE = "data.json"  # in a run directory: how its pairs were loaded, so that it can be resumed and evaluated
WRITABLE = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
MUCH_LARGER = 3  # times the size that a model was trained at, from where on a remark is due


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: what stands behind `pix2pix-edu` on the command line; default: what the user typed.

    Returns:
        The exit code.

    >>> main(["data", "emojis"])  # "Did you mean 'emoji'?" goes to the standard error
    2
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that cannot show "×" shows "?" instead of an error
    try:
        options = _parse(sys.argv[1:] if arguments is None else arguments)
        return options.run(options)
    except SystemExit as stop:  # how argparse ends --help and --version
        return int(stop.code or 0)
    except Pix2PixEduError as error:
        if os.environ.get(DEBUG_VARIABLE):
            traceback.print_exc()
        _complain(f"Error: {error}")
        return WRONG_USAGE
    except KeyboardInterrupt:
        _complain("Stopped.")
        return INTERRUPTED


def _complain(text: str) -> None:
    print(_wrap(text), file=sys.stderr)


def _say(text: str = "", indent: str = "") -> None:
    print(_wrap(text, indent))


def _wrap(text: str, indent: str = "") -> str:
    """Text in lines of at most 80 columns; `indent` stands before all but the first. Paths stay in one piece."""
    width = min(WIDTH, shutil.get_terminal_size().columns)
    return textwrap.fill(text, max(width, 40), subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


# --- Options ----------------------------------------------------------------------------------------------------------


class _Help(argparse.RawDescriptionHelpFormatter):
    """Descriptions as they were written, explanations of options wrapped to 80 columns."""

    def __init__(self, prog: str):
        super().__init__(prog, max_help_position=26, width=min(WIDTH, shutil.get_terminal_size().columns))


class _Parser(argparse.ArgumentParser):
    """Complains in one sentence, through the same door as all other errors."""

    def __init__(self, **options: Any):
        super().__init__(formatter_class=_Help, allow_abbrev=False, add_help=False, **options)
        self.add_argument("-h", "--help", action="help", help="show this text and exit")

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message[:1].upper()}{message[1:]}. Type `{self.prog} --help` to see what there is.")


@dataclass(frozen=True)
class _Command:
    """What one command is called, what it is for, and how it is set up and run."""

    name: str
    usage: str
    summary: str
    description: str
    examples: str
    add_options: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser, commands = build_parsers()
    if not arguments:
        parser.print_help()
        raise SystemExit(FINE)
    if not arguments[0].startswith("-") and arguments[0] not in commands:
        raise UsageError(f"There is no command {arguments[0]!r}. {nearest(arguments[0], list(commands))}")
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        _refuse(unknown[0], commands[options.command])
    return options


def _refuse(argument: str, command: argparse.ArgumentParser) -> NoReturn:
    known = [option for action in command._actions for option in action.option_strings]
    close = difflib.get_close_matches(argument.split("=")[0], known, n=1)
    hint = f"Did you mean {close[0]}? " if close else ""
    what = "option" if argument.startswith("-") else "argument"
    raise UsageError(f"There is no {what} {argument!r}. {hint}Type `{command.prog} --help` to see what there is.")


def build_parsers() -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    """The parser of the whole command line, and those of the commands by name.

    >>> sorted(build_parsers()[1])
    ['data', 'doctor', 'estimate', 'evaluate', 'export', 'reproduce', 'train', 'translate']
    """
    commands = "\n".join(f"  {command.name:<11}{command.summary}" for command in COMMANDS)
    parser = _Parser(
        prog=PROGRAM,
        usage=f"{PROGRAM} COMMAND [options]",
        description=f"{ABOUT}\n\ncommands, in the order in which you will need them:\n{commands}",
        epilog=FIRST_STEPS,
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}", help="show the version")
    chooser = parser.add_subparsers(dest="command", prog=PROGRAM, help=argparse.SUPPRESS, required=True)
    parsers: dict[str, argparse.ArgumentParser] = {}
    for command in COMMANDS:
        parsers[command.name] = chooser.add_parser(
            command.name,
            usage=f"{PROGRAM} {command.name} {command.usage}".strip(),
            description=command.description,
            epilog=f"examples:\n{command.examples}",
        )
        command.add_options(parsers[command.name])
        parsers[command.name].set_defaults(run=command.run)
    return parser, parsers


ABOUT = """\
Image-to-image translation with pix2pix: learn it from pairs of pictures, then
translate pictures of your own."""

FIRST_STEPS = f"""\
Every command explains itself, as in `{PROGRAM} train --help`. First steps:
  {PROGRAM} doctor
  {PROGRAM} data emoji --out pairs.png
  {PROGRAM} train --data emoji --epochs 5
  {PROGRAM} translate --input sketch.png --output coloured.png

exit codes: 0 all went well, 1 a part failed, 2 wrong usage or unusable input,
130 stopped with Ctrl-C. With {DEBUG_VARIABLE}=1 errors show where they arose."""


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None


def _setting(text: str) -> tuple[str, str]:
    key, sign, value = text.partition("=")
    if not key or not sign:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form KEY=VALUE")
    return key.strip().replace("-", "_"), value.strip()


_AS_MADE = "the one that the data set was made for"


def _add_source_options(group: Any, size: str, direction: str = _AS_MADE) -> None:
    """The options that say which pairs; the texts say what the default is."""
    group.add_argument(
        "--image-size",
        type=_whole,
        metavar="PIXELS",
        help=f"side of the square pictures: 32, 64, 128, 256 or 512 (default: {size})",
    )
    group.add_argument(
        "--direction", metavar="AtoB|BtoA", help=f"which picture of a pair is the source (default: {direction})"
    )
    group.add_argument(
        "--option",
        type=_setting,
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="an option of this data set, such as theme=simple; may be given several times. "
        f"`{PROGRAM} data NAME` lists them (default: as listed there)",
    )


# --- Which pairs ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Source:
    """How to load some pairs; what a run directory remembers."""

    data: str
    image_size: int
    direction: str | None
    seed: int
    options: dict[str, Any]

    def load(self) -> Pairs:
        from pix2pix_edu.pairs import load_pairs

        return load_pairs(self.data, self.image_size, self.direction, self.seed, **self.options)

    def remember(self, run_dir: Path) -> None:
        """Write down what config.json does not know: a folder's path and the options; as seen from anywhere."""
        from pix2pix_edu.pairs import REGISTRY
        from pix2pix_edu.paths import atomic_file

        is_path = self.data not in REGISTRY
        data = str(Path(self.data).expanduser().resolve()) if is_path else self.data
        paths = {
            key: str(Path(self.options[key]).expanduser().resolve()) for key in PATH_OPTIONS if key in self.options
        }
        with atomic_file(run_dir / DATA_FILE, "w") as file:
            json.dump({"data": data, "options": {**self.options, **paths}}, file, indent=2)
            file.write("\n")


PATH_OPTIONS = ("path", "folder", "archive")


def _recall(run_dir: Path, config: dict[str, Any], data: str | None) -> _Source:
    """The pairs that a run was trained on, from its directory; `data` says it again, such as after a move."""
    found: dict[str, Any] = {"data": config["data"], "options": {}}
    file = run_dir / DATA_FILE
    if file.is_file():
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
            found = {"data": str(found["data"]), "options": dict(found["options"])}
        except (ValueError, KeyError, TypeError) as error:
            raise CheckpointError(
                f"{file} is damaged ({error!r}). Delete it, and say with --data which pairs the run was trained on."
            ) from error
    elif found["data"] == "folder" and data is None:
        raise UsageError(f"{run_dir} was trained on pictures of your own. Say where they are: --data FOLDER.")
    return _Source(data or found["data"], config["image_size"], config["direction"], config["seed"], found["options"])


def _typed(pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """`KEY=VALUE` options with numbers as numbers and yes/no as bools."""
    return {key: _guess(value) for key, value in pairs}


def _guess(text: str) -> Any:
    words = {"true": True, "yes": True, "false": False, "no": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


# --- doctor -----------------------------------------------------------------------------------------------------------


def _doctor(options: argparse.Namespace) -> int:
    from pix2pix_edu.doctor import doctor

    report = doctor()
    print(report)
    return PARTLY_FAILED if report.verdict == "fail" else FINE


# --- data -------------------------------------------------------------------------------------------------------------


def _add_data_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME_OR_PATH", help="a data set, or a folder or archive of yours")
    _add_source_options(parser, size="64")
    parser.add_argument("--seed", type=_whole, default=0, metavar="N", help=f"{_SPLIT_SEED} (default: 0)")
    parser.add_argument("--out", type=Path, metavar="FILE.png", help="draw a sheet of pairs into this file")
    parser.add_argument("--split", default="train", metavar="NAME", help=f"{_WHICH_SPLIT} (default: train)")
    parser.add_argument("--count", type=_whole, default=12, metavar="N", help="how many pairs it shows (default: 12)")


_SPLIT_SEED = "chooses the split into train, val and test, and which pairs the sheet shows"
_WHICH_SPLIT = "which pairs the sheet shows: train, val or test"


def _data(options: argparse.Namespace) -> int:
    from pix2pix_edu.pairs import REGISTRY

    if options.name is None:
        _list_data_sets(list(REGISTRY.values()))
        return FINE
    size = 64 if options.image_size is None else options.image_size
    source = _Source(options.name, size, options.direction, options.seed, _typed(options.option))
    _check_sheet_options(options)
    pairs = source.load()
    _describe_pairs(options.name, pairs)
    if options.out is not None:
        _draw_sheet(pairs, options)
    return FINE


def _list_data_sets(registry: list[Dataset]) -> None:
    _say("Data sets of the course. The first five work without a network.")
    for dataset in registry:
        _say(f"  {dataset.name:<15} {dataset.description}", indent=" " * 18)
        print(f"{'':<18}{_at_hand(dataset)}")
    print(f"\nLook at one: {PROGRAM} data emoji --out pairs.png")


def _at_hand(dataset: Dataset) -> str:
    """Whether using a data set needs a download, or some patience, or nothing."""
    from pix2pix_edu.pairs.download import read_marker
    from pix2pix_edu.paths import cache_dir

    if dataset.name == "folder":
        return "no download; give the folder's path instead of a name"
    if dataset.name == "photos":
        return "no download; your own with --option folder=PATH"
    if dataset.downloads:
        return "downloaded" if read_marker(cache_dir("archives", dataset.name)) else "needs a download; not at hand"
    files = cache_dir("pairs").glob(f"{dataset.name}-[0-9]*-*.npz")
    sizes = sorted({int(file.name.split("-")[1]) for file in files})
    return f"no download; cached at {', '.join(map(str, sizes))} px" if sizes else "no download; drawn at first use"


def _describe_pairs(name: str, pairs: Pairs) -> None:
    about, train = pairs.about, pairs.train
    counts = f"{len(train):,} to train, {len(pairs.val):,} to validate, {len(pairs.test):,} to test"
    channels = f"{_channels(train.sources)} to {_channels(train.targets)}"
    facts = [
        ("pairs", counts),
        ("pictures", f"{pairs.image_size} x {pairs.image_size} px, {channels}"),
        ("direction", f"{pairs.direction}: {about.source} to {about.target}"),
        ("licence", about.licence),
        ("credit", about.credit),
        ("to cite", about.citation),
        ("from", about.url),
        ("options", _loader_options(pairs.name)),
        *(("report", sentence) for sentence in pairs.report),
    ]
    _say(f"{name}: {about.title}")
    for label, value in facts:
        if value:
            _say(f"  {label:<10} {value}", indent=" " * 13)


def _channels(pictures: np.ndarray) -> str:
    return {1: "grey", 3: "RGB"}.get(pictures.shape[-1], f"{pictures.shape[-1]} channels")


def _loader_options(name: str) -> str:
    """What may follow --option for this data set, with its default."""
    import importlib
    import inspect

    from pix2pix_edu.pairs import REGISTRY

    dataset = REGISTRY[name]
    module, function = dataset.loader.split(":")
    parameters = inspect.signature(getattr(importlib.import_module(f"pix2pix_edu.pairs.{module}"), function)).parameters
    hidden = {"image_size", "seed", "path", *dataset.fixed}
    shown = [(name, parameter.default) for name, parameter in parameters.items() if name not in hidden]
    return ", ".join(f"{name}={str(default).lower() if default is None else default}" for name, default in shown)


def _check_sheet_options(options: argparse.Namespace) -> None:
    _check_split(options.split)
    if options.count < 1:
        raise UsageError(f"--count {options.count} does not work: a sheet shows one pair at least.")
    if options.out is not None and options.out.suffix.lower() != ".png":
        raise UsageError(f"--out {options.out} should end with .png: sheets are PNG files.")


def _check_split(name: str) -> None:
    splits = ["train", "val", "test"]
    if name not in splits:
        raise UsageError(f"--split {name} does not exist. {nearest(name, splits)}")


def _draw_sheet(pairs: Pairs, options: argparse.Namespace) -> None:
    from pix2pix_edu.sheets import make_sheet, save_picture

    split = getattr(pairs, options.split).take(options.count, seed=options.seed)
    sheet = make_sheet(split.sources, split.targets, per_row=3, scale=max(1, 128 // pairs.image_size))
    save_picture(sheet, options.out)
    print()
    _say(f"{options.out} shows {len(split)} pairs of {options.split}: {pairs.about.source} left, "
         f"{pairs.about.target} right.")  # fmt: skip


# --- train ------------------------------------------------------------------------------------------------------------


def _add_train_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what to learn from")
    group.add_argument(
        "--data",
        metavar="NAME_OR_PATH",
        help=f"a name that `{PROGRAM} data` lists, or a folder or archive of pairs of yours "
        "(default: emoji, the drawings that come with the course)",
    )
    _add_source_options(group, size="the preset's")

    group = parser.add_argument_group("how large, and for how long")
    names = ", ".join(PRESETS)
    group.add_argument(
        "--preset", metavar="NAME", help=f"{names} or auto, see below (default: auto: paper on a GPU, else small)"
    )
    group.add_argument("--epochs", type=_whole, metavar="N", help="how often to see each pair (default: the preset's)")
    _add_size_options(group)

    group = parser.add_argument_group("what to aim at")
    group.add_argument(
        "--lambda-l1",
        type=_number,
        metavar="X",
        help="weight of the distance to the target; 0 leaves the game alone (default: 100)",
    )
    group.add_argument(
        "--adversarial", metavar="NAME", help="bce, lsgan, hinge, or none to train without an adversary (default: bce)"
    )
    group.add_argument("--learning-rate", type=_number, metavar="X", help="of both Adam optimizers (default: 0.0002)")
    _add_set_option(group, f"any other setting of the preset: {', '.join(_SETTABLE)}")

    group = parser.add_argument_group("the run")
    group.add_argument("--run-dir", type=Path, metavar="FOLDER", help="where to (default: a new folder in runs/)")
    group.add_argument(
        "--resume",
        action="store_true",
        help="continue the run in --run-dir with its own settings, after a stop or kill",
    )
    group.add_argument(
        "--seed", type=_whole, metavar="N", help="initial weights, split, order and dropout follow from it (default: 0)"
    )
    group.add_argument(
        "--monitor",
        metavar="NAME",
        help="which measure on the validation pairs decides which epoch is best: val_ssim, val_psnr or val_l1 "
        "(default: val_ssim)",
    )


def _add_size_options(group: Any) -> None:
    group.add_argument("--batch-size", type=_whole, metavar="N", help="pairs in a step (default: the preset's)")
    group.add_argument(
        "--filters", type=_whole, metavar="N", help="width of the networks' first layer (default: the preset's)"
    )


def _add_set_option(group: Any, what: str) -> None:
    group.add_argument(
        "--set",
        type=_setting,
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help=f"{what}; may be given several times",
    )


_FLAGS = ("batch_size", "filters", "lambda_l1", "adversarial", "learning_rate")  # settings with an option of their own
_FIXED = ("epochs", "image_size")  # settings that `train` does not take from its preset alone
_SETTABLE = [name for name in PRESETS["small"].settings() if name not in (*_FLAGS, *_FIXED)]
_PRESETS = "\n".join(f"  {preset.name:<11}{preset.about}; {preset.epochs} epochs" for preset in PRESETS.values())


@dataclass(frozen=True)
class _Plan:
    """Everything that `train` is called with."""

    source: _Source
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
        _say(f"{plan.run_dir} has finished all its epochs ({plan.done}). To train on, ask for more:")
        print(f"  {command}")
        return FINE
    pairs = plan.source.load()
    _announce(plan, pairs)
    started = time.monotonic()
    run = _fit(plan, pairs)
    if run is None or run.interrupted:
        if (plan.run_dir / "config.json").is_file():
            _complain("Stopped. To continue where the last finished epoch ended, type:")
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
        source=_Source(data, size, options.direction, seed, _typed(options.option)),
        preset=preset.name,
        epochs=preset.epochs if options.epochs is None else options.epochs,
        seed=seed,
        monitor=options.monitor or "val_ssim",
        run_dir=run_dir,
        settings=_given_settings(options),
    )


def _continued_plan(options: argparse.Namespace) -> _Plan:
    if options.run_dir is None:
        raise UsageError(f"--resume needs to know which run: add --run-dir FOLDER.{_runs_here()}")
    from pix2pix_edu.checkpoints import RunFolder  # loads Keras

    folder = RunFolder(options.run_dir)
    config = asdict(folder.read_config())
    source = _recall(options.run_dir, config, options.data)
    changes = {"image_size": options.image_size, "direction": options.direction, "seed": options.seed}
    source = replace(source, **{name: value for name, value in changes.items() if value is not None})
    if options.option:
        source = replace(source, options=_typed(options.option))
    kept = {name: config[name] for name in PRESETS["small"].settings() if name not in _FIXED}
    return _Plan(
        source=source,
        preset=options.preset or config["preset"],
        epochs=config["epochs"] if options.epochs is None else options.epochs,
        seed=source.seed,
        monitor=options.monitor or config["monitor"],
        run_dir=options.run_dir,
        settings={**kept, **_given_settings(options)},
        done=max(folder.saved(), default=0),
    )


def _given_settings(options: argparse.Namespace) -> dict[str, Any]:
    """The settings that were asked for, by option or by --set."""
    settings = {name: getattr(options, name) for name in _FLAGS if getattr(options, name, None) is not None}
    defaults = PRESETS["small"].settings()
    for name, text in options.set:
        if name in _FIXED:
            raise UsageError(f"--set {name}={text}: this setting has an option, --{name.replace('_', '-')} {text}.")
        if name not in defaults:
            known = [setting for setting in defaults if setting not in _FIXED]
            raise UsageError(f"--set {name}={text}: there is no such setting. {nearest(name, known)}")
        settings[name] = _like(defaults[name], name, text)
    if str(settings.get("adversarial", "")).lower() == "none":
        settings["adversarial"] = None
    return settings


def _like(default: Any, name: str, text: str) -> Any:
    """Read a setting as what its default is: yes or no, a number, or a word."""
    if isinstance(default, bool):
        if (value := _guess(text)) in (True, False):
            return bool(value)
        raise UsageError(f"--set {name}={text} does not work: {name} is yes or no.")
    if default is None:  # not set, unless it is a number
        return _guess(text)
    kind = type(default) if isinstance(default, (int, float)) else str
    try:
        return kind(text)
    except ValueError:
        what = "a whole number" if kind is int else "a number"
        raise UsageError(f"--set {name}={text} does not work: {name} is {what}, such as {default}.") from None


def _runs_here() -> str:
    runs = sorted(str(file.parent) for file in Path("runs").glob("*/config.json"))
    return f" In this folder there are: {', '.join(runs[-5:])}." if runs else ""


def _announce(plan: _Plan, pairs: Pairs) -> None:
    _say(
        f"Pairs:    {plan.source.data}, {pairs.about.source} to {pairs.about.target} at {pairs.image_size} px; "
        f"{len(pairs.train):,} to train, {len(pairs.val):,} to validate",
        indent=" " * 10,
    )
    for remark in pairs.report:
        _say(f"          {remark}", indent=" " * 10)
    left = f"going on from epoch {plan.done} to {plan.epochs}" if plan.resumed else f"epochs: {plan.epochs}"
    _say(f"Training: preset {plan.preset}, {left}; Ctrl-C stops, and --resume continues", indent=" " * 10)
    _say(f"Run:      {plan.run_dir}")


def _report(run: Run, seconds: float) -> None:
    epochs = run.history["epoch"]
    print()
    _say(f"Done: {len(epochs)} {'epochs' if len(epochs) > 1 else 'epoch'}, {duration(seconds)}.")
    if run.best_epoch is not None:
        row = epochs.index(run.best_epoch)
        names = {"val_ssim": "SSIM {:.3f}", "val_psnr": "PSNR {:.2f} dB", "val_l1": "L1 {:.4f}"}
        values = ", ".join(text.format(run.history[name][row]) for name, text in names.items() if name in run.history)
        _say(f"  best epoch  {run.best_epoch} (by {run.config['monitor']}), on validation pairs: {values}", " " * 14)
    if run.sheets:
        _say(f"  last sheet  {run.sheets[-1]}")
    _say(f"  curves      {run.run_dir / 'losses.csv'}", indent=" " * 14)
    print("\nTranslate pictures with it, and measure it on the test pairs:")
    print(f"  {_command('translate', '--model', run.run_dir, '--input', 'PICTURES', '--output', 'translated')}")
    print(f"  {_command('evaluate', '--model', run.run_dir)}")


def _command(*words: Any) -> str:
    return shlex.join([PROGRAM, *map(str, words)])


# --- estimate ---------------------------------------------------------------------------------------------------------


def _add_estimate_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("which pairs")
    which = group.add_mutually_exclusive_group()
    which.add_argument(
        "--data", metavar="NAME_OR_PATH", help="measure on these pairs, and predict for as many (default: see --pairs)"
    )
    which.add_argument(
        "--pairs",
        type=_whole,
        metavar="N",
        help="predict for N training pairs, and measure on random pictures (default: 400, the paper's facades)",
    )
    _add_source_options(group, size="the preset's")

    group = parser.add_argument_group("which training")
    group.add_argument("--preset", metavar="NAME", help=f"{', '.join(PRESETS)} or auto (default: auto)")
    group.add_argument("--epochs", type=_whole, metavar="N", help="predict for N epochs (default: the preset's)")
    _add_size_options(group)
    _add_set_option(group, "any other setting, as for train")
    group.add_argument("--steps", type=_whole, default=20, metavar="N", help="how many steps to measure (default: 20)")
    group.add_argument("--seed", type=_whole, default=0, metavar="N", help="as for train (default: 0)")


def _estimate(options: argparse.Namespace) -> int:
    preset = choose_preset(options.preset or "auto")
    settings = _given_settings(options)
    if options.image_size is not None:
        settings["image_size"] = options.image_size
    if options.steps < 1:
        raise UsageError(f"--steps {options.steps} does not work: measure one step at least.")
    pairs: Any = options.pairs
    if options.data is not None:
        size = settings.get("image_size", preset.image_size)
        pairs = _Source(options.data, size, options.direction, options.seed, _typed(options.option)).load()
    from pix2pix_edu.cost import estimate_cost  # loads Keras

    print(estimate_cost(pairs, preset.name, options.epochs, options.steps, options.seed, **settings))
    return FINE


# --- reproduce --------------------------------------------------------------------------------------------------------


def _add_reproduce_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help="which experiment; without one they are listed")
    parser.add_argument("--rows", nargs="+", metavar="ROW", help="only these rows of its table (default: all)")
    parser.add_argument("--seeds", type=_whole, default=3, metavar="N", help="train each row so often (default: 3)")
    parser.add_argument("--scale", default="shipped", metavar="NAME", help="quick, shipped or large (default: shipped)")
    parser.add_argument("--runs", type=Path, metavar="FOLDER", help="where the runs go (default: runs/experiments)")
    parser.add_argument("--out", type=Path, metavar="FILE.json", help="write the outcome into this file as well")


def _reproduce(options: argparse.Namespace) -> int:
    from pix2pix_edu.experiments import EXPERIMENTS, ROWS, RUNS, reproduce

    if options.name is None:
        for plan in EXPERIMENTS.values():
            print(f"{plan.name:<12}{plan.title} ({plan.where})")
            _say(f"rows: {', '.join(f'{key} ({ROWS[key].name})' for key in plan.rows)}", indent=" " * 12)
        return FINE
    outcome = reproduce(options.name, options.rows, options.seeds, options.scale, options.runs or RUNS)
    print()
    print(outcome)
    if options.out is not None:
        outcome.save(options.out)
        _say(f"Written to {options.out}.")
    return FINE


# --- translate --------------------------------------------------------------------------------------------------------


def _add_translate_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--input", type=Path, required=True, metavar="PATH", help="a picture, or a folder of pictures, of any size"
    )
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="PATH",
        help="a folder (made if need be), or for a single picture also a file; an input is never overwritten",
    )
    parser.add_argument("--model", default="emoji", metavar="MODEL", help=f"{_MODELS} (default: emoji)")
    parser.add_argument(
        "--resize", type=_whole, metavar="PIXELS", help="first make the longer side so long (default: leave the size)"
    )
    parser.add_argument("--compare", action="store_true", help="write source and translation side by side")
    parser.add_argument(
        "--statistics",
        metavar="moving|batch",
        help="batch normalisation by the averages from training, or by each picture's own statistics "
        "(default: batch for models trained at batch size 1, as in the paper, else moving)",
    )
    parser.add_argument(
        "--dropout",
        action=argparse.BooleanOptionalAction,
        help="dropout as the only source of chance, as in the paper (default: on with batch statistics, else off)",
    )
    parser.add_argument(
        "--seed", type=_whole, default=0, metavar="N", help="another seed is another dropout mask (default: 0)"
    )


_MODELS = "a run directory, a .p2p file, or the name of a model that comes with the course: emoji"


def _translate(options: argparse.Namespace) -> int:
    jobs = _plan_files(options.input, options.output)
    if options.resize is not None and options.resize < 1:
        raise UsageError(f"--resize {options.resize} does not work: give the longer side in pixels, such as 256.")
    model = _load_model(options.model)
    channels = int(model.generator.input_shape[-1])
    if channels not in (1, 3):
        raise UsageError(
            f"The model {options.model} takes {channels} channels, but picture files have one (grey) or three (RGB). "
            "In Python, p2p.translate takes arrays with any number of channels."
        )
    failed, largest = _translate_files(jobs, model, channels, options)
    if len(failed) == len(jobs):
        raise DataError(_failures(failed, len(jobs)))
    done = len(jobs) - len(failed)
    where = jobs[0][1] if len(jobs) == 1 else f"{done} pictures in {jobs[0][1].parent}"
    _say(f"Translated with {options.model}: {where}")
    if largest > MUCH_LARGER * model.image_size and options.resize is None:
        _say(
            f"The model learned from pictures of {model.image_size} px; in larger ones everything looks larger to it. "
            f"Try --resize {model.image_size} or --resize {2 * model.image_size} as well."
        )
    if failed:
        _complain(_failures(failed, len(jobs)))
        return PARTLY_FAILED
    return FINE


def _failures(failed: list[str], count: int) -> str:
    pictures = "pictures" if count > 1 else "picture"
    return f"{len(failed)} of {count} {pictures} could not be translated: {'; '.join(failed)}."


def _translate_files(
    jobs: list[tuple[Path, Path]], model: Any, channels: int, options: argparse.Namespace
) -> tuple[list[str], int]:
    """Translate one file after the other; return what failed, and the longest side that was translated."""
    from pix2pix_edu.pairs.pictures import Unreadable, read_picture
    from pix2pix_edu.progress import progress
    from pix2pix_edu.sheets import make_sheet
    from pix2pix_edu.translation import translate

    failed, largest = [], 0
    for source, destination in progress(jobs, description="translating", unit="picture"):
        try:
            picture = _as_array(read_picture(source)[0], channels, options.resize)
        except Unreadable as problem:
            failed.append(f"{source} {problem}")
            continue
        translated = translate(model, picture, options.statistics, options.dropout, options.seed)
        if options.compare:
            translated = make_sheet(picture[None], translated[None])
        _save(translated, destination)
        largest = max(largest, *picture.shape[:2])
    return failed, largest


def _as_array(picture: Image, channels: int, longest: int | None) -> np.ndarray:
    """An RGB picture as the model takes it: uint8 (H, W, 1 or 3), scaled if so wished."""
    import numpy as np

    if longest is not None:
        factor = longest / max(picture.size)
        picture = picture.resize([max(1, round(side * factor)) for side in picture.size])
    array = np.asarray(picture.convert("L" if channels == 1 else "RGB"))
    return array[..., None] if channels == 1 else array


def _save(picture: np.ndarray, path: Path) -> None:
    from PIL import Image

    from pix2pix_edu.paths import atomic_file

    if picture.shape[-1] not in (1, 3):
        raise UsageError(
            f"The model paints {picture.shape[-1]} channels; picture files have one (grey) or three (RGB)."
        )
    image = Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)
    with atomic_file(path) as file:
        image.save(file, format=Image.registered_extensions()[path.suffix.lower()], quality=95)


def _plan_files(source: Path, output: Path) -> list[tuple[Path, Path]]:
    """Which file is translated into which; nothing that is read is ever written.

    Raises:
        DataError: nothing to translate.
        UsageError: an output that cannot be, or that would overwrite an input.
    """
    source, output = source.expanduser(), output.expanduser()
    if source.is_dir():
        inputs = _pictures_in(source)
        if output.suffix.lower() in WRITABLE or output.is_file():
            raise UsageError(f"--input {source} is a folder, so --output must be a folder too, not {output}.")
        if output.is_dir() and output.samefile(source):
            raise UsageError(
                f"--output {output} is the folder of the inputs. Choose another one: inputs stay as they are."
            )
    elif source.is_file():
        inputs = [source]
        if output.suffix.lower() in WRITABLE and not output.is_dir():
            return _without_overwriting([(source, output)])
        if output.suffix and not output.is_dir():
            raise UsageError(
                f"--output {output}: no pictures are written as {output.suffix}. Endings that work: "
                f"{', '.join(WRITABLE)}; or give a folder."
            )
    else:
        siblings = sorted(child.name for child in source.parent.iterdir()) if source.parent.is_dir() else []
        close = difflib.get_close_matches(source.name, siblings, n=1)
        hint = f" Did you mean {source.parent / close[0]}?" if close else " Check the path."
        raise DataError(f"There is no picture and no folder {source}.{hint}")
    twice = Counter(path.stem.lower() for path in inputs)
    names = [path.name if twice[path.stem.lower()] > 1 else path.stem for path in inputs]
    return _without_overwriting([(path, output / f"{name}.png") for path, name in zip(inputs, names, strict=True)])


def _pictures_in(folder: Path) -> list[Path]:
    from pix2pix_edu.pairs.pictures import ENDINGS, is_picture

    pictures = sorted(path for path in folder.iterdir() if path.is_file() and is_picture(path))
    if not pictures:
        raise DataError(
            f"There are no pictures in {folder}: no file there ends with {', '.join(ENDINGS)}. Sub-folders are not "
            "searched; give them one at a time."
        )
    return pictures


def _without_overwriting(jobs: list[tuple[Path, Path]]) -> list[tuple[Path, Path]]:
    """The jobs, if no output is an input, under whatever name."""
    inputs = {(facts.st_dev, facts.st_ino) for facts in (source.stat() for source, _ in jobs)}
    for _, destination in jobs:
        if destination.exists():
            facts = destination.stat()
            if (facts.st_dev, facts.st_ino) in inputs:
                raise UsageError(
                    f"{destination} is an input, and inputs are never overwritten. Choose another --output."
                )
    return jobs


def _load_model(name: str) -> Any:
    from pix2pix_edu.translation import EXAMPLES, load_example_model, load_model

    path = Path(name).expanduser()
    if path.is_file() or (path / "config.json").is_file():
        return load_model(path)
    if name in EXAMPLES:
        return load_example_model(name)
    if path.is_dir():
        return load_model(path)  # which says what is missing there
    runs = sorted(str(file.parent) for file in Path("runs").glob("*/config.json"))
    raise CheckpointError(
        f"There is no model {name!r}: no run directory, no .p2p file, and none of that name comes with the course. "
        f"{nearest(name, [*EXAMPLES, *runs[-5:]])}"
    )


# --- evaluate ---------------------------------------------------------------------------------------------------------


def _add_evaluate_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", required=True, metavar="MODEL", help=_MODELS)
    parser.add_argument("--data", metavar="NAME_OR_PATH", help="which pairs (default: those of the run)")
    parser.add_argument("--split", default="test", metavar="NAME", help="train, val or test (default: test)")
    _add_source_options(parser, size="that of the model", direction=f"that of the run, else {_AS_MADE}")
    parser.add_argument("--seed", type=_whole, metavar="N", help=f"{_RUN_SEED} (default: the run's, else 0)")
    parser.add_argument("--limit", type=_whole, metavar="N", help="only the first N pairs (default: all)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers into this file as well")


_RUN_SEED = "chooses the split; with another one than in training, pairs that the model learned from get into the test"

# measure: (name, number format, how to read it)
_MEASURES = {
    "psnr": ("PSNR", "{:.2f} dB", "high is good: 20 is a fair likeness"),
    "ssim": ("SSIM", "{:.4f}", "high is good: 1 is the same picture"),
    "l1": ("L1", "{:.4f}", "low is good: from 0 to 2, as in training"),
    "ms_ssim": ("MS-SSIM", "{:.4f}", "high is good: SSIM from near and from afar"),
    "perceptual": ("perceptual", "{:.4f}", "low is good: as the course's small network sees it"),
    "lab_L": ("Lab: L", "{:.4f}", "high is good: 1 is each lightness as often"),
    "lab_a": ("Lab: a", "{:.4f}", "the same from green to red"),
    "lab_b": ("Lab: b", "{:.4f}", "the same from blue to yellow"),
    "fcn_pixel_accuracy": ("FCN: pixels", "{:.4f}", "high is good: read as what they should be"),
    "fcn_class_accuracy": ("FCN: classes", "{:.4f}", "the same, where each class counts alike"),
    "fcn_class_iou": ("FCN: IoU", "{:.4f}", "the same, where false alarms count too"),
}


def _evaluate(options: argparse.Namespace) -> int:
    _check_split(options.split)
    if options.limit is not None and options.limit < 1:
        raise UsageError(f"--limit {options.limit} does not work: measure one pair at least.")
    model = _load_model(options.model)
    source, trained_with = _source_of(model, options)
    from pix2pix_edu.evaluation import evaluate, split_score

    split = getattr(source.load(), options.split)[: options.limit]
    measured = evaluate(model, split)
    _say(f"{options.model} on {len(split):,} {options.split} pairs of {source.data} at {source.image_size} px")
    print()
    for name, value in measured.items():
        label, form, meaning = _MEASURES.get(name, (name, "{:.4f}", ""))
        print(f"  {label:<12} {form.format(value):>9}   {meaning}".rstrip())
    if "fcn_class_iou" in measured and (real := split_score(split, split.targets)):
        scores = f"{real.pixel_accuracy:.4f}, {real.class_accuracy:.4f} and {real.class_iou:.4f}"
        _say(f"FCN of the targets themselves: {scores}. No translation can be expected to score more.")
    if trained_with not in (None, source.seed) and options.data in (None, model.about.get("data")):
        print()
        _say(
            f"Careful: seed {source.seed} splits the pairs in another way than the run's seed {trained_with}, so the "
            "model has seen some of these pairs in training."
        )
    if options.json is not None:
        _write_json(options, source, len(split), measured)
    return FINE


def _source_of(model: Any, options: argparse.Namespace) -> tuple[_Source, int | None]:
    """The pairs to measure on: the run's own, unless others are asked for; and the seed that the run was split with."""
    about, run_dir = model.about, Path(options.model).expanduser()
    if "data" in about:
        known = _recall(run_dir, {"direction": None, "seed": 0, "image_size": model.image_size, **about}, options.data)
    elif options.data:
        known = _Source(options.data, model.image_size, None, 0, {})
    else:
        raise UsageError(
            f"{options.model} does not tell what it was trained on: say with --data which pairs to measure."
        )
    if options.data not in (None, about.get("data")) and not options.option:
        known = replace(known, options={})  # they belong to the other data set
    given = {
        "image_size": options.image_size,
        "direction": options.direction,
        "seed": options.seed,
        "options": _typed(options.option) or None,
    }
    return replace(known, **{name: value for name, value in given.items() if value is not None}), about.get("seed")


def _write_json(options: argparse.Namespace, source: _Source, count: int, measured: dict[str, float]) -> None:
    from pix2pix_edu.paths import atomic_file

    finite = {name: value if math.isfinite(value) else None for name, value in measured.items()}  # JSON has no infinity
    facts = {"model": options.model, "split": options.split, "pairs": count, **asdict(source), "measures": finite}
    with atomic_file(options.json, "w") as file:
        json.dump(facts, file, indent=2)
        file.write("\n")


# --- export -----------------------------------------------------------------------------------------------------------


def _add_export_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="RUN_OR_MODEL", help=_MODELS)
    parser.add_argument(
        "--out", required=True, type=Path, metavar="PATH", help="where to; a new file, or a folder for saved_model"
    )
    parser.add_argument(
        "--format", default="keras", metavar="NAME", help="keras, saved_model, onnx or litert (default: keras)"
    )
    parser.add_argument(
        "--precision",
        default="float16",
        metavar="NAME",
        help="how weights are stored: float16, in half the space, or float32 (default: float16)",
    )
    parser.add_argument(
        "--statistics",
        metavar="NAME",
        help="batch normalisation with those of the picture itself (batch) or of the training (moving); "
        "(default: what the model was trained for)",
    )
    parser.add_argument(
        "--any-size",
        action="store_true",
        help="also take larger pictures: every multiple of the size that the model was trained at",
    )
    parser.add_argument(
        "--dropout", action="store_true", help="keep the model's noise, in a keras file or a saved_model"
    )


def _export(options: argparse.Namespace) -> int:
    model = _load_model(options.model)
    from pix2pix_edu.export import FORMATS, export_generator

    statistics = options.statistics or model.statistics
    path = export_generator(
        model, options.out, options.format, options.precision, statistics, options.dropout, options.any_size
    )
    files = path.rglob("*") if path.is_dir() else [path]
    size = sum(file.stat().st_size for file in files if file.is_file())
    channels = model.generator.input_shape[-1]
    sides = f"multiples of {model.image_size}" if options.any_size else f"{model.image_size}"
    _say(f"{path}: {FORMATS[options.format].title}, {size / 1e6:,.1f} MB, weights in {options.precision}, "
         f"{statistics} statistics built in.")  # fmt: skip
    print("\nTo run it elsewhere, in Python:\n")
    print(textwrap.indent(FORMATS[options.format].run.format(path=path), "  "))
    print()
    _say(f"source: pictures from 0 to 255 as `picture / 127.5 - 1`, float32, of shape (N, H, W, {channels}) with H and "
         f"W {sides}; target: the same from -1 to 1.")  # fmt: skip
    return FINE


# --- The commands, in the order in which a newcomer needs them --------------------------------------------------------

COMMANDS = (
    _Command(
        "doctor",
        "",
        "Is this machine ready? What to do where it is not.",
        """\
Look at Python, packages, devices, memory and disk, and give each a verdict.
Nothing is changed. The exit code is 1 if something must be mended first.""",
        f"  {PROGRAM} doctor",
        lambda parser: None,
        _doctor,
    ),
    _Command(
        "data",
        "[NAME_OR_PATH] [options]",
        "Which pairs of pictures are there? Look at some.",
        """\
Without a name: list the data sets and whether they are at hand.
With a name or a path: load the pairs, check them and say what they show.""",
        f"""\
  {PROGRAM} data
  {PROGRAM} data emoji --out pairs.png
  {PROGRAM} data facades --image-size 128 --option kind=night --out night.png
  {PROGRAM} data ~/my_pairs --image-size 256""",
        _add_data_options,
        _data,
    ),
    _Command(
        "estimate",
        "[--data NAME_OR_PATH | --pairs N] [options]",
        "Make a few steps, and say how long a training would take.",
        """\
Build the model, make a few real training steps, and predict from them. Nothing
is kept. What is measured is this machine as it is now: close other programs.""",
        f"""\
  {PROGRAM} estimate --data emoji --preset small --epochs 30
  {PROGRAM} estimate --pairs 1096 --preset paper""",
        _add_estimate_options,
        _estimate,
    ),
    _Command(
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
    ),
    _Command(
        "translate",
        "--input PATH --output PATH [options]",
        "Translate pictures, with your model or one of ours.",
        """\
Translate a picture, or all pictures in a folder. They may be of any size and
kind; those that cannot be read are listed, and the others are translated.""",
        f"""\
  {PROGRAM} translate --input sketch.png --output coloured.png
  {PROGRAM} translate --model runs/emoji-small-001 --input sketches \\
      --output coloured --compare
  {PROGRAM} translate --input photo.jpg --output out --resize 128""",
        _add_translate_options,
        _translate,
    ),
    _Command(
        "evaluate",
        "--model MODEL [options]",
        "Measure a model on pairs that it never saw.",
        """\
Translate the test pairs and compare with their targets in every way that fits.
For a run directory everything but --model is known from the run.""",
        f"""\
  {PROGRAM} evaluate --model runs/emoji-small-001
  {PROGRAM} evaluate --model emoji --data emoji --split val --json val.json""",
        _add_evaluate_options,
        _evaluate,
    ),
    _Command(
        "reproduce",
        "[NAME] [options]",
        "Run a claim of the paper again, and compare.",
        """\
Train the models of one of the paper's tables from several seeds, and judge its
claims. Stopped, it goes on where it was. Without a name: list the tables.""",
        f"""\
  {PROGRAM} reproduce
  {PROGRAM} reproduce table1 --scale quick --seeds 1
  {PROGRAM} reproduce table1 --rows l1 l1-cgan
  {PROGRAM} reproduce figure7 --out figure7.json""",
        _add_reproduce_options,
        _reproduce,
    ),
    _Command(
        "export",
        "RUN_OR_MODEL --out PATH [--format NAME] [options]",
        "Write the generator alone, to run it without this library.",
        """\
Write a run's or a model's generator as a Keras file, a SavedModel, an ONNX or a
LiteRT file, in half precision. It translates there exactly as it does here.""",
        f"""\
  {PROGRAM} export runs/emoji-small-001 --out generator.keras
  {PROGRAM} export emoji --format onnx --out emoji.onnx
  {PROGRAM} export emoji --format saved_model --any-size --out emoji_model""",
        _add_export_options,
        _export,
    ),
)
