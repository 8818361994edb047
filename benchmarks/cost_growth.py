"""How time and memory of a training step grow: picture size, filters, batch, and the number of pairs.

    python -m benchmarks.cost_growth [--steps 20] [--rounds 3] [--out benchmarks/results]

One setting at a time is changed, each measurement has a process of its own (so that its memory is its own), and what is
measured is `pix2pix_edu.cost.estimate_cost`: real steps of `train` on random pictures. Of several rounds the quickest
counts, setting by setting. The result is also written to `data/lessons/scaling/`, which ships with the course: lesson
14 draws its figures from it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import machine

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = ROOT / "data" / "lessons" / "scaling"
BASE = {"image_size": 64, "filters": 16, "batch_size": 4}
GROWTH = {"image_size": (32, 64, 128, 256), "filters": (8, 16, 32, 64), "batch_size": (1, 2, 4, 8, 16)}
CROSS = {"image_size": 128, "filters": 32, "batch_size": 8}  # all three changed at once: do the factors multiply?
PAPER = {"image_size": 256, "filters": 64, "batch_size": 1}  # and once more, far away: the paper's own setting
PAIRS = (50, 100, 200, 400)  # of one epoch each, in one process


def settings_to_measure() -> list[dict[str, int]]:
    """The base once, every other value of each setting, and the two cross-checks."""
    changed = [{**BASE, name: value} for name, values in GROWTH.items() for value in values if value != BASE[name]]
    return [BASE, *changed, CROSS, PAPER]


def measure_step(settings: dict[str, int], steps: int) -> dict[str, Any]:
    """One setting, in this process."""
    from pix2pix_edu.cost import estimate_cost

    cost = estimate_cost(None, preset="small", steps=steps, precision="float32", **settings)
    low, high = cost.spread
    return {
        **settings,
        "seconds_per_step": round(cost.seconds_per_step, 5),
        "low": round(low, 5),
        "high": round(high, 5),
        "memory_bytes": cost.memory_bytes,
        "operations": cost.work.operations,
        "parameters": cost.parameters,
        "counted_bytes": cost.work.bytes,
    }


def measure_epochs(rounds: int) -> list[dict[str, Any]]:
    """Seconds of one epoch for growing numbers of pairs, with everything that `fit` does between two steps."""
    import numpy as np

    import pix2pix_edu as p2p
    from pix2pix_edu.training import TrainingBatches

    size, batch = BASE["image_size"], BASE["batch_size"]
    filters = BASE["filters"]
    model = p2p.Pix2Pix(p2p.generator_model(size, filters, seed=1), p2p.discriminator_model(size, filters, seed=2))
    model.compile()
    pictures = np.random.default_rng(0).integers(0, 256, (2, max(PAIRS), size, size, 3), np.uint8)
    batches = {count: TrainingBatches(p2p.Split(*pictures[:, :count]), batch) for count in PAIRS}
    model.fit(batches[min(PAIRS)], shuffle=False, verbose=0)  # compiles
    rows = []
    for count in PAIRS:
        times = []
        for _ in range(rounds):
            start = time.perf_counter()
            model.fit(batches[count], shuffle=False, verbose=0)
            times.append(time.perf_counter() - start)
        pair_bytes = 2 * 3 * size**2
        steps = count // batch
        rows.append({"pairs": count, "steps": steps, "seconds": round(min(times), 4), "bytes": count * pair_bytes})
    return rows


def in_own_process(*arguments: str) -> Any:
    """Run this module again with these arguments, and read what it prints."""
    command = [sys.executable, "-m", "benchmarks.cost_growth", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def quickest(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Of several measurements of one setting the quickest: whatever else the machine did can only have slowed it."""
    return min(rows, key=lambda row: row["seconds_per_step"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=20, help="steps of each measurement")
    parser.add_argument("--rounds", type=int, default=3, help="how often everything is measured, taking turns")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    parser.add_argument("--one", type=json.loads, help=argparse.SUPPRESS)
    parser.add_argument("--epochs", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure_step(options.one, options.steps)))
        return
    if options.epochs:
        print(json.dumps(measure_epochs(options.rounds)))
        return
    start, wanted = time.perf_counter(), settings_to_measure()
    rounds = [
        [in_own_process("--one", json.dumps(settings), "--steps", str(options.steps)) for settings in wanted]
        for _ in range(options.rounds)
    ]
    base, *changed, cross, paper = [quickest([turn[number] for turn in rounds]) for number in range(len(wanted))]
    growth = {}
    for name, values in GROWTH.items():
        rows = [base, *(row for row in changed if all(row[other] == BASE[other] for other in BASE if other != name))]
        growth[name] = sorted((row for row in rows if row[name] in values), key=lambda row: row[name])
    command = f"python -m benchmarks.cost_growth --steps {options.steps} --rounds {options.rounds}"
    result = {
        "what": "one training step of the paper's networks at other sizes, random pictures, float32",
        "base": BASE,
        "growth": growth,
        "cross": cross,
        "paper": paper,
        "epochs": in_own_process("--epochs", "--rounds", str(max(options.rounds, 3))),
        "minutes": round((time.perf_counter() - start) / 60, 1),
        "machine": {**machine.describe(), "command": command},
    }
    machine.save("cost_growth", result, options.out)
    if options.out == Path(__file__).parent / "results":
        machine.save("cost_growth", result, SHIPPED)


if __name__ == "__main__":
    main()
