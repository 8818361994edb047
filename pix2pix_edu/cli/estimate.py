"""`pix2pix-edu estimate`: how long a training would take on this machine."""

from __future__ import annotations

import argparse
from typing import Any

from pix2pix_edu.cli.options import FINE, PROGRAM, Command, add_source_options, typed, whole
from pix2pix_edu.cli.settings import add_set_option, add_size_options, given_settings
from pix2pix_edu.cli.source import Source
from pix2pix_edu.errors import UsageError
from pix2pix_edu.presets import PRESETS, choose_preset


def _add_estimate_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("which pairs")
    which = group.add_mutually_exclusive_group()
    which.add_argument(
        "--data", metavar="NAME_OR_PATH", help="measure on these pairs, and predict for as many (default: see --pairs)"
    )
    which.add_argument(
        "--pairs",
        type=whole,
        metavar="N",
        help="predict for N training pairs, and measure on random pictures (default: 400, the paper's facades)",
    )
    add_source_options(group, size="the preset's")

    group = parser.add_argument_group("which training")
    group.add_argument("--preset", metavar="NAME", help=f"{', '.join(PRESETS)} or auto (default: auto)")
    group.add_argument("--epochs", type=whole, metavar="N", help="predict for N epochs (default: the preset's)")
    add_size_options(group)
    add_set_option(group, "any other setting, as for train")
    group.add_argument("--steps", type=whole, default=20, metavar="N", help="how many steps to measure (default: 20)")
    group.add_argument("--seed", type=whole, default=0, metavar="N", help="as for train (default: 0)")


def _estimate(options: argparse.Namespace) -> int:
    preset = choose_preset(options.preset or "auto")
    settings = given_settings(options)
    if options.image_size is not None:
        settings["image_size"] = options.image_size
    if options.steps < 1:
        raise UsageError(f"--steps {options.steps} does not work: measure one step at least.")
    pairs: Any = options.pairs
    if options.data is not None:
        size = settings.get("image_size", preset.image_size)
        pairs = Source(options.data, size, options.direction, options.seed, typed(options.option)).load()
    from pix2pix_edu.cost import estimate_cost  # loads Keras

    print(estimate_cost(pairs, preset.name, options.epochs, options.steps, options.seed, **settings))
    return FINE


COMMAND = Command(
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
)
