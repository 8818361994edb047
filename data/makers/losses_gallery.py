"""Train the generators of lesson 06: one for each loss on the paper's grid, and ship what they draw.

    python data/makers/losses_gallery.py

All of them are the same network, trained from the same seed on the same drawings for the same time; only the loss
differs. A drawing that has six right answers (skin tones) is in the training set six times, once with each of them.
Into data/gallery/losses/ it writes results.json and one sheet of pictures for each model. Stopped, it goes on where it
was. Several can work at once, each on some of the models: `--models hinge-conditional-0 hinge-conditional-1`.
"""

from __future__ import annotations

import argparse
import fcntl
import json
from pathlib import Path

import numpy as np
from common import GALLERY, add_row, origin, save_pictures, work_through

import pix2pix_edu as p2p
from pix2pix_edu.checkpoints import RunFolder
from pix2pix_edu.evaluation import compare
from pix2pix_edu.experiments import all_answers
from pix2pix_edu.gallery import filled, saturation

FOLDER = GALLERY / "losses"
RECORD = FOLDER / "results.json"
PLAIN = 12  # drawings with one answer that are shown, evenly spread over the test split
SETTINGS = {"filters": 16, "batch_size": 16, "receptive_field": 34}
SIZE = 32
LAMBDAS = (0, 1, 10, 100, 1000)

# name -> settings of `train`. First what lesson 06 leans on most.
MODELS: dict[str, dict] = {
    "l1": {"adversarial": None},
    "bce-conditional-100": {"adversarial": "bce"},
    "l2": {"adversarial": None, "distance": "l2"},
}
for kind in ("bce", "lsgan", "hinge"):
    for conditional in (True, False):
        for weight in reversed(LAMBDAS):
            name = f"{kind}-{'conditional' if conditional else 'unconditional'}-{weight}"
            MODELS[name] = {"adversarial": kind, "conditional": conditional, "lambda_l1": float(weight)}


def shown_names(pairs: p2p.Pairs) -> tuple[list[str], list[str]]:
    """Plain drawings of the test split, evenly spread, and all drawings with six answers that were never trained on."""
    several = [variant.name for variant in pairs.variants or [] if variant.split != "train"]
    plain = [name for name in pairs.test.names if name not in several]
    return [plain[index] for index in np.linspace(0, len(plain) - 1, PLAIN).round().astype(int)], several


def sources_of(pairs: p2p.Pairs, names: list[str]) -> np.ndarray:
    """The line drawings with these names, from the validation and the test split."""
    unseen = (pairs.val, pairs.test)
    found = {name: source for split in unseen for name, (source, _) in zip(split.names, split, strict=True)}
    return np.stack([found[name] for name in names])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--models", nargs="+", choices=MODELS, default=list(MODELS), metavar="NAME", help="default: all"
    )
    parser.add_argument("--runs", type=Path, default=Path("runs/losses-gallery"))
    options = parser.parse_args()

    pairs = p2p.load_pairs("emoji", image_size=SIZE)
    training = all_answers(pairs)
    plain, several = shown_names(pairs)
    FOLDER.mkdir(parents=True, exist_ok=True)

    header = {
        "what": "the same generator trained with each loss: what it draws for drawings that it never saw",
        **origin(f"python data/makers/losses_gallery.py --epochs {options.epochs} --seed {options.seed}"),
        "seed": options.seed,
        "settings": {**SETTINGS, "image_size": SIZE, "epochs": options.epochs, "training_pairs": len(training.train)},
        "data": {"name": "emoji", "image_size": SIZE},
        "shown": {"plain": len(plain), "names": plain + several},
        "real_saturation": round(saturation(pairs.test.targets, filled(pairs.test)), 4),
        "pictures": "OpenMoji, CC BY-SA 4.0",
    }

    def make(name: str) -> None:
        run_dir = options.runs / name
        run = p2p.train(
            training, epochs=options.epochs, preset="tiny", seed=options.seed, run_dir=run_dir,
            resume=RunFolder(run_dir).exists(), show_progress=False, **SETTINGS,
            **{"save_every": options.epochs, **MODELS[name]},
        )  # fmt: skip
        row = measure(name, run, pairs)
        save_pictures(FOLDER / f"{name}.webp", p2p.translate(run, sources_of(pairs, plain + several)))
        with (options.runs / "lock").open("w") as lock:  # others may be adding rows too
            fcntl.flock(lock, fcntl.LOCK_EX)
            add_row(RECORD, header, row, list(MODELS))
        print(name, row["test"], f"{row['minutes']} min", flush=True)

    def done(name: str) -> bool:
        return RECORD.is_file() and name in [row["name"] for row in json.loads(RECORD.read_text())["rows"]]

    work_through(options.models, done, make)


def measure(name: str, run: p2p.Run, pairs: p2p.Pairs) -> dict:
    """One row of the record."""
    drawn = p2p.translate(run, pairs.test.sources)
    config, history = run.config, run.history
    recorded = {key: [round(value, 4) for value in history[key]] for key in ("d_loss", "g_gan", "l1") if key in history}
    steps = [round(epoch * (config["train_pairs"] // config["batch_size"])) for epoch in history["epoch"]]
    return {
        "name": name,
        "adversarial": config["adversarial"],
        "conditional": config["conditional"],
        "lambda_l1": config["lambda_l1"],
        "distance": config["distance"],
        "minutes": round(sum(history["seconds"]) / 60, 1),
        "test": {key: round(value, 4) for key, value in compare(pairs.test.targets, drawn).items()},
        "saturation": round(saturation(drawn, filled(pairs.test)), 4),
        "curves": {"steps": steps, **recorded},
    }


if __name__ == "__main__":
    main()
