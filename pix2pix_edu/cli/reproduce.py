"""`pix2pix-edu reproduce`: run a claim of the paper again."""

from __future__ import annotations

import argparse
from pathlib import Path

from pix2pix_edu.cli.options import FINE, PROGRAM, Command, say, whole


def _add_reproduce_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help="which experiment; without one they are listed")
    parser.add_argument("--rows", nargs="+", metavar="ROW", help="only these rows of its table (default: all)")
    parser.add_argument("--seeds", type=whole, default=3, metavar="N", help="train each row from N seeds (default: 3)")
    parser.add_argument("--scale", default="shipped", metavar="NAME", help="quick, shipped or large (default: shipped)")
    parser.add_argument("--runs", type=Path, metavar="FOLDER", help="where the runs go (default: runs/experiments)")
    parser.add_argument("--out", type=Path, metavar="FILE.json", help="write the outcome into this file as well")


def _reproduce(options: argparse.Namespace) -> int:
    from pix2pix_edu.experiments import EXPERIMENTS, ROWS, RUNS, reproduce

    if options.name is None:
        for plan in EXPERIMENTS.values():
            print(f"{plan.name:<12}{plan.title} ({plan.where})")
            say(f"rows: {', '.join(f'{key} ({ROWS[key].name})' for key in plan.rows)}", indent=" " * 12)
        return FINE
    outcome = reproduce(options.name, options.rows, options.seeds, options.scale, options.runs or RUNS)
    print()
    print(outcome)
    if options.out is not None:
        outcome.save(options.out)
        say(f"Written to {options.out}.")
    return FINE


COMMAND = Command(
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
)
