"""Run the experiments of lesson 12 at the shipped scale, and ship what came out.

    python data/makers/experiments.py [table1 table2 ...]

Into data/experiments/ go, for each experiment, its outcome as JSON and a sheet: sources, targets, and what each row's
model of seed 0 drew for them. Runs go to runs/experiments; stopped, it goes on where it was.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from common import MACHINE
from PIL import Image

import pix2pix_edu as p2p
from pix2pix_edu.experiments import EXPERIMENTS, RUNS, reproduce, row_pairs, train_row
from pix2pix_edu.paths import atomic_file

FOLDER = Path(__file__).resolve().parent.parent / "experiments"
SHOWN = 10
QUALITY = 88


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=list(EXPERIMENTS), help="which experiments; default: all")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    FOLDER.mkdir(exist_ok=True)
    for name in options.names:
        outcome = reproduce(name, seeds=options.seeds)
        outcome.about["machine"] = MACHINE
        outcome.save(FOLDER / f"{name}.json")
        save_sheet(name, FOLDER / f"{name}.webp")
        print(outcome, flush=True)


def save_sheet(name: str, path: Path) -> None:
    """Sources, targets, then one line of pictures for each row, all of the first test pairs."""
    rows = EXPERIMENTS[name].rows
    shown = row_pairs(rows[0]).test[:SHOWN]
    lines = [shown.sources, shown.targets]
    lines += [p2p.translate(train_row(key, 0, "shipped", RUNS)[0], row_pairs(key).test.sources[:SHOWN]) for key in rows]
    sheet = np.concatenate([np.concatenate(list(line), axis=1) for line in lines])
    with atomic_file(path) as file:
        Image.fromarray(sheet).save(file, format="WEBP", quality=QUALITY)


if __name__ == "__main__":
    main()
