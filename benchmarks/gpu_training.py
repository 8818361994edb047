"""Training speed on a GPU at the paper's size: the library against an eager float32 PyTorch loop, and the floor.

    KERAS_BACKEND=jax XLA_PYTHON_CLIENT_PREALLOCATE=false python -m benchmarks.gpu_training

Not a part of `make bench`: it needs a GPU, PyTorch, and one of the Keras backends for it. With `--tiny` it runs the
same code at toy sizes on a CPU, which proves the code and measures nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import pix2pix_edu as p2p
from benchmarks import machine
from benchmarks.contestants import Task, has_torch, library, take_turns, timed, torch_loop
from pix2pix_edu.backend import keras, ops
from pix2pix_edu.cost import StepWork, step_work
from pix2pix_edu.errors import UsageError
from pix2pix_edu.presets import gpu_names

PAPER_STEPS = 80_000  # facades: 400 pairs, 200 epochs, batch 1
TASKS = (Task(256, 64, 1, steps=256), Task(256, 64, 16, steps=48))
TINY = (Task(32, 4, 1, steps=4), Task(32, 4, 2, steps=4))
WAYS = {  # name -> (precision, steps in a call)
    "pix2pix_edu, float32, a step a call": ("float32", 1),
    "pix2pix_edu, float32, 16 steps a call": ("float32", 16),
    "pix2pix_edu, bfloat16, 16 steps a call": ("bfloat16", 16),
}
TORCH = "eager PyTorch loop, float32"


def race(task: Task, split: p2p.Split, rounds: int, device: str) -> dict:
    """All contestants, in turn."""
    them = {TORCH: torch_loop(task, split, device)} if has_torch() else {}
    for name, (precision, steps_per_call) in WAYS.items():
        them[name] = library(task, split, precision=precision, steps_per_call=steps_per_call)
    rates = {name: task.steps / taken for name, taken in take_turns(them, rounds).items()}
    return {
        "what": str(task),
        "rounds": rounds,
        "steps_per_second": {name: round(rate, 2) for name, rate in rates.items()},
        "images_per_second": {name: round(rate * task.batch, 1) for name, rate in rates.items()},
        "ratio_to_pytorch": {name: round(rate / rates[TORCH], 2) for name, rate in rates.items() if TORCH in rates},
        "minutes_for_the_paper's_facades": {name: round(PAPER_STEPS / rate / 60, 2) for name, rate in rates.items()}
        if task.batch == 1
        else {},
    }


def floor(work: StepWork, rates: dict[str, float]) -> dict[str, float]:
    """The least seconds that a step can take here: its operations at the measured rate, or its bytes."""
    moved = 7 * work.state_bytes / 4  # the weights are read three times; gradients and moments are written and read
    return {
        "operations_float32": work.operations / rates["float32"],
        "operations_bfloat16": work.operations / rates["bfloat16"],
        "bytes": (moved + 2 * work.activation_bytes) / rates["bytes"],
    }


def device_rates(side: int) -> dict[str, float]:
    """Operations per second of a large matrix product in both precisions, and bytes per second of a copy."""
    rates = {}
    matrix = np.random.default_rng(0).random((side, side), dtype=np.float32)
    for dtype in ("float32", "bfloat16"):
        square = ops.cast(ops.convert_to_tensor(matrix), dtype)
        rates[dtype] = 2 * side**3 / best_of(partial(ops.matmul, square, square))
    large = ops.convert_to_tensor(np.zeros((side, 8 * side), np.float32))
    rates["bytes"] = 2 * large.shape[0] * large.shape[1] * 4 / best_of(lambda: large + 1.0)
    return rates


def best_of(work: Callable[[], Any], times: int = 5, inside: int = 10) -> float:
    """Seconds of one call: the best of several groups, each of which ends when its last result can be read."""

    def group() -> None:
        for _ in range(inside):
            result = work()
        ops.convert_to_numpy(result[:1, :1])

    group()
    return min(timed(group) for _ in range(times)) / inside


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    parser.add_argument("--tiny", action="store_true", help="toy sizes on a CPU; writes gpu_training_tiny.json")
    arguments = parser.parse_args()
    names = gpu_names()
    if not names and not arguments.tiny:
        raise UsageError("There is no GPU that Keras' backend can use here. --tiny runs the same code on a CPU.")
    tasks = TINY if arguments.tiny else TASKS
    rates = device_rates(side=256 if arguments.tiny else 8192)
    results = []
    for task in tasks:
        split = p2p.load_pairs("facades", image_size=task.size, train=task.images, val=1, test=1).train
        work = step_work(
            image_size=task.size,
            filters=task.filters,
            batch_size=task.batch,
            receptive_field=task.receptive_field,
        )
        measured = race(task, split, arguments.rounds, "cuda" if names else "cpu")
        least = {name: round(1e3 * seconds, 4) for name, seconds in floor(work, rates).items()}
        results.append({**measured, "operations_per_step": work.operations, "least_milliseconds_per_step": least})
    packages = {"keras", "numpy", keras.config.backend()} | ({"torch"} if has_torch() else set())
    result = {
        "what": "training on a GPU; medians of whole epochs, all contestants taking turns in one process",
        "device": names or ["none: toy sizes on a CPU"],
        "backend": keras.config.backend(),
        "measured_rates": {name: float(f"{rate:.4g}") for name, rate in rates.items()},
        "tasks": results,
        "machine": machine.describe(tuple(sorted(packages))),
    }
    machine.save("gpu_training_tiny" if arguments.tiny else "gpu_training", result, arguments.out)


if __name__ == "__main__":
    main()
