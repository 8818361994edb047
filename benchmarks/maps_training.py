"""The paper's maps, both directions, with one budget of time for each preset: what comes out of it, in figures.

    KERAS_BACKEND=jax python -m benchmarks.maps_training maps.tar.gz --minutes 3 --sheets somewhere/else

The data set belongs to Google and the course holds none of it, so the archive is yours, and pictures are written only
to the folder that `--sheets` names, which must lie outside of this repository. Not a part of `make bench`. Without a
GPU choose smaller pictures: `--presets small`. With `--tiny` it runs the same code at toy sizes, and measures nothing.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

import pix2pix_edu as p2p
from benchmarks import machine
from pix2pix_edu.applications import copy_source, mean_picture
from pix2pix_edu.backend import keras
from pix2pix_edu.errors import UsageError
from pix2pix_edu.evaluation import compare
from pix2pix_edu.presets import PRESETS, gpu_names
from pix2pix_edu.sheets import make_sheet, save_picture

ROOT = Path(__file__).resolve().parent.parent
DIRECTIONS = {"AtoB": "aerial to map", "BtoA": "map to aerial"}
SHOWN = 16  # pairs on a sheet


class Budget(keras.callbacks.Callback):
    """Ends the training before the epoch that would no longer fit into the budget."""

    def __init__(self, minutes: float):
        super().__init__()
        self.seconds, self.started, self.since, self.taken = 60 * minutes, 0.0, 0.0, 0.0

    def on_train_begin(self, logs: dict | None = None) -> None:
        self.started = time.perf_counter()

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.since = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        now = time.perf_counter()
        self.taken = now - self.started
        if self.taken + (now - self.since) > self.seconds:
            self.model.stop_training = True


def measure(pairs: p2p.Pairs, preset: str, minutes: float, sheet: Path | None, **settings: Any) -> dict:
    """Train for so many minutes, and hold what comes out against the test pairs.

    Args:
        pairs: at the preset's size.
        preset: whose settings to take; its number of epochs is the most that will be trained.
        minutes: the budget, its first compilation and its validations included.
        sheet: where to put a sample sheet, or None.
        settings: what departs from the preset.
    """
    budget = Budget(minutes)
    with tempfile.TemporaryDirectory() as folder:
        run = p2p.train(
            pairs, preset=preset, run_dir=Path(folder, "run"), callbacks=[budget], save_every=10_000,
            show_progress=False, **settings,
        )  # fmt: skip
        drawn = p2p.translate(run, pairs.test.sources)
    if sheet:
        few = pairs.test[:SHOWN]
        save_picture(make_sheet(few.sources, drawn[:SHOWN], few.targets, per_row=4), sheet)
    done = len(run.history["l1"])
    steps = done * -(-len(pairs.train) // run.config["batch_size"])
    return {
        **{key: run.config[key] for key in ("filters", "batch_size", "precision", "steps_per_call")},
        "epochs": done,
        "steps": steps,
        "minutes": round(budget.taken / 60, 2),
        "seconds_of_the_first_and_the_best_epoch": [
            round(run.history["seconds"][0], 1),
            round(min(run.history["seconds"]), 1),
        ],
        "test": rounded(compare(pairs.test.targets, drawn)),
    }


@lru_cache(maxsize=1)  # presets of the same size follow each other
def load(archive: Path, size: int, direction: str) -> tuple[p2p.Pairs, dict]:
    """The pairs, and what answers without a network score on them."""
    pairs = p2p.load_pairs("maps", image_size=size, direction=direction, archive=archive)
    return pairs, without_network(pairs)


def without_network(pairs: p2p.Pairs) -> dict:
    """What two answers score that nobody had to train."""
    test = pairs.test
    answers = {"copy of the source": copy_source, "mean picture": mean_picture}
    return {name: rounded(compare(test.targets, answer(pairs.train, test.sources))) for name, answer in answers.items()}


def rounded(scores: dict[str, float]) -> dict[str, float]:
    """Four digits of each."""
    return {name: round(float(value), 4) for name, value in scores.items()}


def sheet_folder(path: Path | None) -> Path | None:
    """The folder for sheets, made if need be.

    Raises:
        UsageError: it lies inside of this repository.
    """
    if path is None:
        return None
    if path.resolve().is_relative_to(ROOT):
        raise UsageError(f"{path} is inside of the repository, and pictures of this data set must not get into it.")
    path.mkdir(parents=True, exist_ok=True)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("archive", type=Path, help="maps.tar.gz, in the layout in which its authors publish it")
    parser.add_argument("--minutes", type=float, default=3, help="for each training")
    parser.add_argument("--presets", nargs="+", default=["paper", "fast"], choices=list(PRESETS))
    parser.add_argument("--directions", nargs="+", default=list(DIRECTIONS), choices=list(DIRECTIONS))
    parser.add_argument("--steps-per-call", type=int, default=16, help="1 keeps the pairs on the host")
    parser.add_argument("--sheets", type=Path, help="a folder outside of this repository for sample sheets")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    parser.add_argument("--tiny", action="store_true", help="toy sizes; writes maps_training_tiny.json")
    arguments = parser.parse_args()
    if not gpu_names() and not arguments.tiny and {"paper", "fast"} & set(arguments.presets):
        raise UsageError("There is no GPU that Keras' backend can use here. Take --presets small, or --tiny.")
    sheets = sheet_folder(arguments.sheets)
    small = {"image_size": 32, "filters": 4, "receptive_field": 34, "epochs": 3} if arguments.tiny else {}
    trainings: list[dict] = []
    for direction in arguments.directions:
        for preset in arguments.presets:
            size = small.get("image_size", PRESETS[preset].image_size)
            pairs, cheap = load(arguments.archive, size, direction)
            found = measure(
                pairs, preset, arguments.minutes, sheets and sheets / f"{preset}-{direction}.png",
                steps_per_call=arguments.steps_per_call, **small,
            )  # fmt: skip
            what = {"what": f"{DIRECTIONS[direction]}, {size} px, preset {preset}", "training_pairs": len(pairs.train)}
            trainings.append({**what, "test_pairs": len(pairs.test), **found, "without_a_network": cheap})
    backend = keras.config.backend()
    result = {
        "what": "the paper's maps; every training got the same minutes; PSNR, SSIM and L1 of its last weights",
        "device": gpu_names() or ["no GPU"],
        "backend": backend,
        "trainings": trainings,
        "machine": machine.describe(tuple(sorted({"keras", "numpy", backend}))),
    }
    name = "maps_training" + ("_tiny" if arguments.tiny else "" if gpu_names() else "_cpu")
    machine.save(name, result, arguments.out)


if __name__ == "__main__":
    main()
