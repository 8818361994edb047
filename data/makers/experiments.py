"""Run the experiments of lesson 12 at the shipped scale, and ship what came out.

    python data/makers/experiments.py [table1 table2 ...]
    python data/makers/experiments.py --as-far-as-run

Into data/experiments/ go, for each experiment, its outcome as JSON and a sheet: sources, targets, and what each row's
model of seed 0 drew for them. Runs go to runs/experiments; stopped, it goes on where it was. Rows whose numbers ship
already are not trained again. With --as-far-as-run nothing is trained at all: what has been measured ships, and the
outcome says which rows and seeds that is.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from common import MACHINE
from PIL import Image

import pix2pix_edu as p2p
from pix2pix_edu.checkpoints import RunFolder
from pix2pix_edu.errors import UsageError
from pix2pix_edu.experiments import (
    EXPERIMENTS,
    RUNS,
    Outcome,
    collect,
    load_outcome,
    reproduce,
    restore,
    row_pairs,
    run_folder,
    shipped_outcomes,
    train_row,
)
from pix2pix_edu.paths import atomic_file

FOLDER = Path(__file__).resolve().parent.parent / "experiments"
SHOWN = 10
QUALITY = 88


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=list(EXPERIMENTS), help="which experiments; default: all")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--as-far-as-run", action="store_true", help="train nothing, ship what has been measured")
    parser.add_argument("--runs", type=Path, default=RUNS)
    options = parser.parse_args()
    FOLDER.mkdir(exist_ok=True)
    for name in shipped_outcomes():
        restore(load_outcome(name), options.runs)
    for name in options.names:
        try:
            outcome = (
                collect(name, runs=options.runs)
                if options.as_far_as_run
                else reproduce(name, seeds=options.seeds, runs=options.runs)
            )
        except UsageError as error:  # nothing of it was run yet
            print(f"{name}: {error}", flush=True)
            continue
        outcome.about["machine"] = MACHINE
        outcome.about["sheet"] = save_sheet(outcome, FOLDER / f"{name}.webp", options.runs)
        outcome.save(FOLDER / f"{name}.json")
        print(outcome, flush=True)


def save_sheet(outcome: Outcome, path: Path, runs: Path) -> list[str]:
    """Sources, targets, then one line of pictures for each row whose model of seed 0 is at hand.

    An older sheet that shows more rows stays. Returns which rows the sheet shows.
    """
    rows = [key for key in outcome.values if is_trained(run_folder(key, 0, runs=runs))]
    if path.is_file() and len(before := rows_shown(path)) > len(rows):
        return before
    shown = row_pairs(outcome.experiment.rows[0]).test[:SHOWN]
    lines = [shown.sources, shown.targets]
    for key in rows:
        model = train_row(key, 0, "shipped", runs, show_progress=False)[0]
        lines.append(p2p.translate(model, row_pairs(key).test.sources[:SHOWN]))
    sheet = np.concatenate([np.concatenate(list(line), axis=1) for line in lines])
    with atomic_file(path) as file:
        Image.fromarray(sheet).save(file, format="WEBP", quality=QUALITY)
    return rows


def is_trained(folder: Path) -> bool:
    """Whether all epochs of a run are done, and its last checkpoint is there."""
    run = RunFolder(folder)
    return run.exists() and run.read_config().epochs in run.saved()


def rows_shown(path: Path) -> list[str]:
    """Which rows the sheet that ships shows; before outcomes said so, it was all of them."""
    outcome = json.loads(path.with_suffix(".json").read_text())
    return outcome["about"].get("sheet", list(outcome["values"]))


if __name__ == "__main__":
    main()
