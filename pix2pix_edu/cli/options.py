"""What all commands share: their parser, how they read options, and how they say things."""

from __future__ import annotations

import argparse
import shutil
import sys
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from pix2pix_edu.errors import UsageError, nearest

PROGRAM = "pix2pix-edu"
FINE, PARTLY_FAILED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130
WIDTH = 80  # columns; no line of ours is longer, unless a path is


def complain(text: str) -> None:
    """Print to the standard error, in lines that a terminal shows whole."""
    print(_wrap(text), file=sys.stderr)


def say(text: str = "", indent: str = "") -> None:
    """Print in lines that a terminal shows whole; `indent` stands before all but the first."""
    print(_wrap(text, indent))


def _wrap(text: str, indent: str = "") -> str:
    """Text in lines of at most 80 columns; `indent` stands before all but the first. Paths stay in one piece."""
    width = min(WIDTH, shutil.get_terminal_size().columns)
    return textwrap.fill(text, max(width, 40), subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


class _Help(argparse.RawDescriptionHelpFormatter):
    """Descriptions as they were written, explanations of options wrapped to 80 columns."""

    def __init__(self, prog: str):
        super().__init__(prog, max_help_position=26, width=min(WIDTH, shutil.get_terminal_size().columns))


class Parser(argparse.ArgumentParser):
    """Complains in one sentence, through the same door as all other errors."""

    def __init__(self, **options: Any):
        super().__init__(formatter_class=_Help, allow_abbrev=False, add_help=False, **options)
        self.add_argument("-h", "--help", action="help", help="show this text and exit")

    def error(self, message: str) -> NoReturn:
        """Raise what argparse would print before it ends the program."""
        raise UsageError(f"{message[:1].upper()}{message[1:]}. Type `{self.prog} --help` to see what there is.")


@dataclass(frozen=True)
class Command:
    """What one command is called, what it is for, and how it is set up and run."""

    name: str
    usage: str
    summary: str
    description: str
    examples: str
    add_options: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def whole(text: str) -> int:
    """Read an option as a whole number."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None


def number(text: str) -> float:
    """Read an option as a number."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None


def setting(text: str) -> tuple[str, str]:
    """Split `KEY=VALUE`; a key may be written with dashes."""
    key, sign, value = text.partition("=")
    if not key or not sign:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form KEY=VALUE")
    return key.strip().replace("-", "_"), value.strip()


def typed(pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """`KEY=VALUE` options with numbers as numbers and yes/no as bools."""
    return {key: guess(value) for key, value in pairs}


def guess(text: str) -> Any:
    """A number as a number, yes and no as bools, none as None, and the rest as it stands."""
    words = {"true": True, "yes": True, "false": False, "no": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


AS_MADE = "the one that the data set was made for"


def add_source_options(group: Any, size: str, direction: str = AS_MADE) -> None:
    """The options that say which pairs; the texts say what the default is."""
    group.add_argument(
        "--image-size",
        type=whole,
        metavar="PIXELS",
        help=f"side of the square pictures: 32, 64, 128, 256 or 512 (default: {size})",
    )
    group.add_argument(
        "--direction", metavar="AtoB|BtoA", help=f"which picture of a pair is the source (default: {direction})"
    )
    group.add_argument(
        "--option",
        type=setting,
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="an option of this data set, such as theme=simple; may be given several times. "
        f"`{PROGRAM} data NAME` lists them (default: as listed there)",
    )


def check_split(name: str) -> None:
    """Raise UsageError unless pairs are split into a part of this name."""
    splits = ["train", "val", "test"]
    if name not in splits:
        raise UsageError(f"--split {name} does not exist. {nearest(name, splits)}")
