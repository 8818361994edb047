"""Measure for lesson 11 whether generated training pairs help a segmenter: all conditions, from five seeds.

    python data/makers/augmentation.py

Into data/lessons/augmentation/ go results.json (every measure of every condition and seed, and one small row that a
test trains again) and, for seed 0, the generated pairs that the lesson shows: one file of pictures for each of
`augmentation_study.SHEETS`. The generator with 800 pairs is that of row l1-cgan, seed 0, of
`pix2pix-edu reproduce`; it is trained first if runs/experiments does not have it. The skilled one learns from the same
pairs. Generators and measurements are kept in runs/augmentation: a run that is stopped goes on where it was. `--seed K`
measures one seed and writes nothing else.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from common import origin, save_pictures

from pix2pix_edu.augmentation import generate_pairs
from pix2pix_edu.augmentation_study import (
    CONDITIONS,
    RUNS,
    SCALES,
    SHEETS,
    SHOWN_LOOKS,
    SKILLED,
    Study,
    augment_study,
    generator_of,
    run_condition,
    shown_layouts,
)

FOLDER = Path(__file__).resolve().parent.parent / "lessons" / "augmentation"
QUALITY = 88
SMALL_ROW = ("real-20", 0, "quick")  # condition, seed, scale: a few seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--seed", type=int, help="measure this seed alone, and write no results")
    options = parser.parse_args()
    if options.seed is not None:
        for name in CONDITIONS:
            start = time.process_time()
            score = run_condition(name, options.seed)["class_iou"]
            print(f"{name} {options.seed}: {score:.3f}, {time.process_time() - start:.0f} CPU seconds", flush=True)
        return
    study = augment_study(seeds=options.seeds)
    about = {
        "what": "a small segmenter taught with real, moved, generated and repeated house fronts, scored on real ones",
        **study.about,
        **origin(f"python data/makers/augmentation.py --seeds {options.seeds}"),
        "student_minutes": round(sum(sum(minutes) for minutes in study.minutes.values()), 1),
        "generators": "own: trained on the student's real pairs; other: row l1-cgan of experiments, seed 0; "
        f"skilled: the pairs of that row, {SCALES['shipped'].skilled_steps} steps, {SKILLED}, no jitter",
        "small_row": {"of": list(SMALL_ROW), **run_condition(*SMALL_ROW)},
    }
    Study(about, study.values, study.minutes).save(FOLDER / "results.json")
    for name in SHEETS:
        save_sheet(name)
    print(study)


def save_sheet(name: str) -> None:
    """The generated pictures of seed 0, compressed a little."""
    condition = CONDITIONS[name]
    maps = shown_layouts(condition)
    looks = SHOWN_LOOKS if condition.layouts == "same" else 1
    pairs = generate_pairs(generator_of(condition, seed=0, runs=RUNS), maps[: len(maps) // looks], looks)
    save_pictures(FOLDER / f"{name}.webp", pairs.targets, lossless=False, quality=QUALITY, method=6)


if __name__ == "__main__":
    main()
