"""The command line: `pix2pix-edu doctor | data | estimate | train | translate | evaluate | reproduce | export`.

Each command is a thin layer: it reads options, calls the library, and says in words what happened and what to do next.
Nothing here loads Keras before a network is really needed, so `--help` and `data` answer at once.

Exit codes: 0 all went well, 1 a part failed, 2 wrong usage or unusable input, 130 stopped with Ctrl-C.
"""

from __future__ import annotations

import argparse
import difflib
import os
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

from pix2pix_edu import __version__
from pix2pix_edu.cli import data, doctor, estimate, evaluate, export, reproduce, train, translate
from pix2pix_edu.cli.options import FINE, INTERRUPTED, PROGRAM, WRONG_USAGE, Parser, complain
from pix2pix_edu.errors import Pix2PixEduError, UsageError, nearest

__all__ = ["build_parsers", "main"]

DEBUG_VARIABLE = "PIX2PIX_EDU_DEBUG"

# In the order in which a newcomer needs them.
COMMANDS = (
    doctor.COMMAND,
    data.COMMAND,
    estimate.COMMAND,
    train.COMMAND,
    translate.COMMAND,
    evaluate.COMMAND,
    reproduce.COMMAND,
    export.COMMAND,
)


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
        complain(f"Error: {error}")
        return WRONG_USAGE
    except KeyboardInterrupt:
        complain("Stopped.")
        return INTERRUPTED


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
    parser = Parser(
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
