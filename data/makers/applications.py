"""Train the generators of lesson 10, and write down what they score against answers that need no network.

    python data/makers/applications.py facades            # or another task; several names are made one after the other
    python data/makers/applications.py photo-lab          # or another of EXTRAS, of which no model ships

For each task it writes data/weights/NAME.p2p and NAME.json. For the extras (too few photos, drawings that do not suit,
holes learnt in two ways) it writes the scores to data/lessons/applications/, and no pictures: the photos are other
people's. Stopped, the same command goes on where it was.
"""

from __future__ import annotations

import argparse
import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
from common import GALLERY, origin

import pix2pix_edu as p2p
from pix2pix_edu.applications import IMAGE_SIZE, SOURCES, TASKS, Task, measure, remake
from pix2pix_edu.checkpoints import RunFolder
from pix2pix_edu.paths import atomic_file

DATA = GALLERY.parent
SIGNIFICANT_BITS = 5  # of each weight: seven models have to fit, and no picture shows the difference
LOOK_EVERY = 2  # epochs between two looks at the validation pairs, where a task does not say otherwise
# What is measured and ships no model: name -> the task it is like, data set, options, and settings of its own.
EXTRAS: dict[str, tuple[str, str, dict, dict]] = {
    "photo-lab": ("colour-lab", "photos", {"task": "colourise", "variant": "lab"}, {"epochs": 16}),
    "photo-inpaint": ("inpaint", "photos", {"task": "inpaint"}, {"epochs": 16}),
    "drawings-lab": ("colour-lab", "emoji", {}, {"epochs": 12}),
    "holes-alone": ("inpaint", "facades", dict(TASKS["inpaint"].options), {"epochs": 4}),
    "whole-picture": ("inpaint", "facades", dict(TASKS["inpaint"].options), {"epochs": 4, "fills_holes": False}),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="+", choices=[*(name for name in TASKS if TASKS[name].settings), *EXTRAS])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runs", type=Path, default=Path("runs/applications"))
    options = parser.parse_args()
    for name in options.names:
        command = f"python data/makers/applications.py {name} --seed {options.seed}"
        if name in EXTRAS:
            make_extra(name, options.seed, options.runs / name, command)
        else:
            make(TASKS[name], options.seed, options.runs / name, command)


def train(pairs: p2p.Pairs, settings: dict, seed: int, run_dir: Path) -> p2p.Run:
    """One run; the epoch that is best on the validation pairs is taken."""
    return p2p.train(
        pairs, preset="small", precision="float32", seed=seed, run_dir=run_dir, resume=RunFolder(run_dir).exists(),
        show_progress=False, **{"save_every": LOOK_EVERY, **settings},
    ).load_best()  # fmt: skip


def make(task: Task, seed: int, run_dir: Path, command: str) -> None:
    """Train the generator of one task, ship it, and measure what ships."""
    pairs = task.pairs(seed=seed)
    run = train(pairs, dict(task.settings), seed, run_dir)
    record = {"what": f"{IMAGE_SIZE} px generator: {task.title} ({task.pictures})", **about(run, pairs, seed, command)}
    path = p2p.save_generator(
        run.model, DATA / "weights" / f"{task.name}.p2p", about=record, significant_bits=SIGNIFICANT_BITS
    )
    drawn = p2p.translate(p2p.load_model(path), pairs.test.sources)  # what is measured is what ships
    record |= {"megabytes": round(path.stat().st_size / 1e6, 2), "judged": task.judged}
    record["test"] = rounded(measure(task, pairs.train, pairs.test, drawn))
    write(DATA / "weights" / f"{task.name}.json", record)


def extra_pairs(name: str, seed: int) -> p2p.Pairs:
    """The pairs of one of the extras."""
    like, data, options, _ = EXTRAS[name]
    pairs = p2p.load_pairs(data, image_size=IMAGE_SIZE, seed=seed, **options)
    make = TASKS[like].make
    return pairs if data == "photos" or make is None else remake(pairs, make, SOURCES[make])


def make_extra(name: str, seed: int, run_dir: Path, command: str) -> None:
    """Train on other pairs in the same way, and write down what that scores."""
    like, data, options, own = EXTRAS[name]
    task, pairs = TASKS[like], extra_pairs(name, seed)
    run = train(pairs, {**task.settings, **own}, seed, run_dir)
    folder = DATA / "lessons" / "applications"
    record = {"what": f"{task.title}, learnt from {data}", **about(run, pairs, seed, command), "data": options}
    if data == "photos":
        record["photos"] = {part: photos_of(getattr(pairs, part)) for part in ("train", "val", "test")}
    for part in ("train", "test"):
        split = getattr(pairs, part)
        drawn = p2p.translate(run, split.sources)
        record[part] = rounded(measure(task, pairs.train, split, drawn))
    write(folder / f"{name}.json", {**record, "judged": task.judged})


def photos_of(split: p2p.Split) -> list[str]:
    """The photos that these squares were cut from: a square is called by its photo and a number."""
    return sorted({name.rsplit(" ", 1)[0] for name in split.names})


def about(run: p2p.Run, pairs: p2p.Pairs, seed: int, command: str) -> dict:
    """How a generator was made."""
    made = origin(command)
    made["versions"] |= {name: version(name) for name in ("scikit-image", "scikit-learn", "matplotlib", "pillow")}
    keys = (
        "filters",
        "batch_size",
        "receptive_field",
        "epochs",
        "jitter",
        "mirror",
        "precision",
        "lambda_l1",
        "dropout",
        "ema",
        "upsample",
        "fills_holes",
        "save_every",
    )
    return {
        **made,
        "seed": seed,
        "settings": {"image_size": IMAGE_SIZE, **{key: run.config[key] for key in keys}},
        "training_pairs": len(pairs.train),
        "best_epoch": run.best_epoch,
        "minutes": round(sum(run.history["seconds"]) / 60, 1),
        "l1_by_epoch": [round(value, 4) for value in run.history["l1"]],
        "pictures": pairs.about.licence,
    }


def rounded(rows: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """Four digits; the PSNR of pictures that are equal is infinite, which JSON cannot write, and is left out."""
    return {
        name: {key: round(value, 4) for key, value in row.items() if np.isfinite(value)} for name, row in rows.items()
    }


def write(path: Path, record: dict) -> None:
    with atomic_file(path) as file:
        file.write((json.dumps(record, indent=1) + "\n").encode())
    print(path.stem, record["test"], f"{record['minutes']} minutes", flush=True)


if __name__ == "__main__":
    main()
