"""Training speed on a CPU: the library against the loops of TensorFlow and PyTorch tutorials, taking turns.

Each has a process of its own: what TensorFlow or the library change about memory holds for a whole process.

A busy machine slows all of them, so what counts is the ratio to the faster of the two loops. PyTorch is no part of the
course; where it is not installed, its row says so.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

import pix2pix_edu as p2p
from benchmarks import machine
from benchmarks.contestants import Epoch, Task, apart, has_torch, library, plain_loop, take_turns, timed, torch_loop
from pix2pix_edu.cost import step_work
from pix2pix_edu.precision import best_precision

TASKS = (Task(64, 32, 16, steps=37), Task(256, 64, 1, steps=8))
PLAIN, TORCH = "plain @tf.function loop", "eager PyTorch loop"
SIMULTANEOUS = "pix2pix_edu, float32, simultaneous"
PEAK_SIDE, PEAK_TIMES = 2048, 6


def contestants(task: Task, start: Callable[..., Epoch] = apart) -> dict[str, Epoch]:
    """Everyone who trains on this machine, each in its own process; half precision only where the processor has it."""
    split = pairs_for(task)
    them = {PLAIN: start(plain_loop, task, split)}
    if has_torch():
        them[TORCH] = start(torch_loop, task, split)
    them["pix2pix_edu, float32, alternating"] = start(library, task, split)
    them[SIMULTANEOUS] = start(library, task, split, update="simultaneous")
    if best_precision() == "bfloat16":
        them["pix2pix_edu, bfloat16, alternating"] = start(library, task, split, precision="bfloat16")
    return them


def pairs_for(task: Task) -> p2p.Split:
    """Drawings at 64 px; at 256 px house fronts, which take no minute to draw."""
    if task.size == 64:
        return p2p.load_pairs("emoji", image_size=64).train
    return p2p.load_pairs("facades", image_size=task.size, train=max(task.images, 2), val=1, test=1).train


def peak_rate() -> float:
    """Operations per second of the largest matrix products in float32, on all cores: the best of several."""
    matrix = np.random.default_rng(0).random((PEAK_SIDE, PEAK_SIDE), dtype=np.float32)
    return 2 * PEAK_SIDE**3 / min(timed(lambda: matrix @ matrix) for _ in range(PEAK_TIMES))


def operations_per_image(task: Task, name: str) -> int:
    """What a contestant's step has to do: the plain loop and one of ours ask D once less, neither updates it first.

    >>> task = TASKS[0]
    >>> operations_per_image(task, PLAIN) < operations_per_image(task, TORCH)
    True
    """
    update = "simultaneous" if name in (PLAIN, SIMULTANEOUS) else "alternating"
    work = step_work(image_size=task.size, filters=task.filters, batch_size=task.batch, update=update)
    return work.operations // task.batch


def race(task: Task, rounds: int, start: Callable[..., Epoch] = apart) -> dict:
    """All contestants, in turn; best epochs, ratios, and how much of the processor's peak each step makes use of.

    The best and not the median: a virtual machine may lose one of its cores for a while, and whoever's turn it is then
    takes twice as long.
    """
    peaks: list[float] = []
    seconds = take_turns(contestants(task, start), rounds, lambda: peaks.append(peak_rate()), choose=min)
    speed = {name: task.images / taken for name, taken in seconds.items()}
    best = max(speed.get(name, 0.0) for name in (PLAIN, TORCH))
    operations = {name: operations_per_image(task, name) for name in speed}
    peak = max(peaks)
    return {
        "what": str(task),
        "rounds": rounds,
        "images_per_second": {name: round(value, 2) for name, value in speed.items()},
        "ratio_to_the_faster_loop": {name: round(value / best, 3) for name, value in speed.items()},
        "operations_per_image": operations,
        "measured_fp32_peak": round(peak / 1e9, 1),
        "share_of_fp32_peak": {name: round(value * operations[name] / peak, 3) for name, value in speed.items()},
    }


def main(out: Path, rounds: int) -> None:
    packages = ("keras", "tensorflow", "numpy") + (("torch",) if has_torch() else ())
    result = {
        "what": "images/s in training; the best of whole epochs, all contestants taking turns, each in its own process",
        "share": "operations of the contestant's own step, over the float32 peak (GFLOP/s) of NumPy's matrix product "
        "between the rounds",
        "tasks": [race(task, rounds) for task in TASKS],
        "machine": machine.describe(packages),
    }
    machine.save("cpu_training", result, out)
