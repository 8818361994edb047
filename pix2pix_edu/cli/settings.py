"""Which settings: those of a training, as `train` and `estimate` take them."""

from __future__ import annotations

import argparse
from typing import Any

from pix2pix_edu.cli.options import guess, setting, whole
from pix2pix_edu.errors import UsageError, nearest
from pix2pix_edu.presets import PRESETS

_FLAGS = ("batch_size", "filters", "lambda_l1", "adversarial", "learning_rate")  # settings with an option of their own
FIXED = ("epochs", "image_size")  # settings that `train` does not take from its preset alone
SETTABLE = [name for name in PRESETS["small"].settings() if name not in (*_FLAGS, *FIXED)]


def add_size_options(group: Any) -> None:
    """The options that say how large batches and networks are."""
    group.add_argument("--batch-size", type=whole, metavar="N", help="pairs in a step (default: the preset's)")
    group.add_argument(
        "--filters", type=whole, metavar="N", help="width of the networks' first layer (default: the preset's)"
    )


def add_set_option(group: Any, what: str) -> None:
    """The option --set; `what` says which settings it takes."""
    group.add_argument(
        "--set",
        type=setting,
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help=f"{what}; may be given several times",
    )


def given_settings(options: argparse.Namespace) -> dict[str, Any]:
    """The settings that were asked for, by option or by --set."""
    settings = {name: getattr(options, name) for name in _FLAGS if getattr(options, name, None) is not None}
    defaults = PRESETS["small"].settings()
    for name, text in options.set:
        if name in FIXED:
            raise UsageError(f"--set {name}={text}: this setting has an option, --{name.replace('_', '-')} {text}.")
        if name not in defaults:
            known = [setting for setting in defaults if setting not in FIXED]
            raise UsageError(f"--set {name}={text}: there is no such setting. {nearest(name, known)}")
        settings[name] = _like(defaults[name], name, text)
    if str(settings.get("adversarial", "")).lower() == "none":
        settings["adversarial"] = None
    return settings


def _like(default: Any, name: str, text: str) -> Any:
    """Read a setting as what its default is: yes or no, a number, or a word."""
    if isinstance(default, bool):
        if (value := guess(text)) in (True, False):
            return bool(value)
        raise UsageError(f"--set {name}={text} does not work: {name} is yes or no.")
    if default is None:  # not set, unless it is a number
        return guess(text)
    kind = type(default) if isinstance(default, (int, float)) else str
    try:
        return kind(text)
    except ValueError:
        what = "a whole number" if kind is int else "a number"
        raise UsageError(f"--set {name}={text} does not work: {name} is {what}, such as {default}.") from None
