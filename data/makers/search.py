"""Search better hyperparameters as lesson 12 does, and ship what was found, whatever it is.

    python data/makers/search.py

Sixteen trials at the quick scale, judged on validation pairs; then the best against the paper's settings on the test
pairs, from three other seeds, and the best once more at the shipped scale, where the paper's settings are the row
"L1+cGAN" of Table 1. Into data/experiments/ goes search.json. Stopped, it goes on where it was; trials that ship are
not made again. With --as-far-as-run nothing is trained, and the trials that there are ship without a test.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from common import MACHINE

from pix2pix_edu.experiments import load_outcome
from pix2pix_edu.search import (
    RUNS,
    SPACE,
    SearchResult,
    _plan,
    _read_trials,
    _write_trials,
    confirm,
    load_search,
    repeat,
    search,
    search_pairs,
)

RECORD = Path(__file__).resolve().parent.parent / "experiments" / "search.json"
SEEDS = (1, 2, 3)  # not the search's own


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=16)
    parser.add_argument("--runs", type=Path, default=RUNS)
    parser.add_argument("--as-far-as-run", action="store_true", help="train nothing, ship the trials that there are")
    options = parser.parse_args()
    plan = _plan(search_pairs(), "fcn_class_iou", SPACE, "quick", seed=0)
    folder = options.runs / "facades-quick"
    if RECORD.is_file() and not _read_trials(folder, plan):
        _write_trials(folder, plan, load_search().trials)
    if options.as_far_as_run:
        save(search(len(_read_trials(folder, plan)), runs=options.runs), options.trials)
        return
    result = confirm(search(options.trials, runs=options.runs), SEEDS, runs=options.runs)
    save(result, options.trials)
    if result.best != result.paper:
        shipped = {
            "paper": load_outcome("table1").values["l1-cgan"],
            "best": repeat(result.best.settings, SEEDS, "shipped", runs=options.runs),
        }
        result = replace(result, test={**result.test, "shipped": shipped})
        save(result, options.trials)


def save(result: SearchResult, trials: int) -> None:
    """Write the record, with what a reader must know to make it again."""
    command = f"python data/makers/search.py --trials {trials}"
    about = {**result.about, "machine": MACHINE, "command": command, "test_seeds": list(SEEDS), "planned": trials}
    replace(result, about=about).save(RECORD)
    print(result, flush=True)


if __name__ == "__main__":
    main()
