"""Record overfitting for lesson 09: the same training with 20 drawings, with 20 that are jittered, and with 640.

    python data/makers/overfitting.py

All runs make the same number of steps, on emoji pairs at 32 px; only one of them moves and mirrors its pairs. Into
data/lessons/evaluation/ go results.json (for each run and seed the measures on training, validation and test drawings
at the same steps) and, for seed 0, NAME.webp: what the generator drew at some of these steps, for drawings that it was
trained on and for some that it never saw; drawings.webp has their sources and targets.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from common import origin
from PIL import Image

import pix2pix_edu as p2p
from pix2pix_edu.backend import keras
from pix2pix_edu.evaluation import psnr, ssim
from pix2pix_edu.paths import atomic_file

FOLDER = Path(__file__).resolve().parent.parent / "lessons" / "evaluation"
PAIRS = {"few": 20, "jitter": 20, "many": 640}  # run -> training pairs
STEPS, BATCH = 1280, 10
LOOK_EVERY = 64  # steps: one epoch of the run with 640 pairs
MEASURED = 120  # pairs of each split that the measures are taken from, if there are so many
SHOWN = 4  # drawings of each kind in the pictures
SHOWN_EVERY = 5  # looks
SETTINGS = {
    "image_size": 32,
    "filters": 16,
    "receptive_field": 34,
    "batch_size": BATCH,
    "learning_rate": 1e-3,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=2, help="seeds 0, 1, ... of each run")
    options = parser.parse_args()

    rows = []
    for seed in range(options.seeds):
        for name in PAIRS:
            row, pictures = play(name, seed)
            rows.append(row)
            print(name, seed, row["cpu_seconds"], "s, L1", row["train_l1"][-1], row["val_l1"][-1], flush=True)
            if seed == 0:
                save_rows(pictures, FOLDER / f"{name}.webp")
    shown = shown_pairs(subset("few", 0))  # the large run was trained on the first of them as well
    save_rows(np.stack([shown.sources, shown.targets]), FOLDER / "drawings.webp")
    what = "overfitting: the same training with 20 pairs, with 20 that are jittered, and with 640; at the same steps"
    header = {"what": what, **origin(f"python data/makers/overfitting.py --seeds {options.seeds}")}
    header |= {"data": "emoji at 32 px; all emojis designed by OpenMoji, CC BY-SA 4.0"}
    header |= {"settings": {**SETTINGS, "steps": STEPS, "look_every": LOOK_EVERY, "shown_every": SHOWN_EVERY}}
    header |= {"shown": shown.names}
    write({**header, "rows": rows}, FOLDER / "results.json")


def subset(name: str, seed: int) -> p2p.Pairs:
    """The emoji pairs with so many training pairs; those of the small run are among those of the large one."""
    pairs = p2p.load_pairs("emoji", image_size=SETTINGS["image_size"])
    return replace(pairs, train=pairs.train.take(PAIRS[name], seed=seed))


def shown_pairs(pairs: p2p.Pairs) -> p2p.Split:
    """Some that were trained on, then some that were not."""
    parts = pairs.train.take(SHOWN), pairs.val.take(SHOWN, seed=1)
    sources, targets = (np.concatenate([getattr(part, side) for part in parts]) for side in ("sources", "targets"))
    return p2p.Split(sources, targets, [name for part in parts for name in part.names])


class Watch(keras.callbacks.Callback):
    """Measures the model on all three splits every `LOOK_EVERY` steps, and keeps what it draws.

    Args:
        pairs: what is trained on, and what is not.
        every: epochs between two looks.
    """

    def __init__(self, pairs: p2p.Pairs, every: int) -> None:
        super().__init__()
        self.splits = {name: getattr(pairs, name).take(MEASURED) for name in ("train", "val", "test")}
        self.shown, self.every = shown_pairs(pairs), every
        self.measures: dict[str, list[float]] = {"step": []}
        self.pictures: list[np.ndarray] = []

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if (epoch + 1) % self.every:
            return
        self.measures["step"].append(LOOK_EVERY * (epoch + 1) // self.every)
        for name, split in self.splits.items():
            for measure, value in measure_of(self.model, split).items():
                self.measures.setdefault(f"{name}_{measure}", []).append(value)
        self.measures.setdefault("d_loss", []).append(round(float((logs or {})["d_loss"]), 4))
        if len(self.measures["step"]) % SHOWN_EVERY == 0:
            self.pictures.append(p2p.translate(self.model, self.shown.sources))


def measure_of(model: p2p.Pix2Pix, split: p2p.Split) -> dict[str, float]:
    """L1 (0 to 2), PSNR and SSIM: means over the split."""
    drawn = p2p.translate(model, split.sources)
    l1 = np.abs(split.targets.astype(float) - drawn).mean() / 127.5
    values = {"l1": l1, "psnr": psnr(split.targets, drawn).mean(), "ssim": ssim(split.targets, drawn).mean()}
    return {name: round(float(value), 4) for name, value in values.items()}


def play(name: str, seed: int, steps: int = STEPS) -> tuple[dict[str, Any], np.ndarray]:
    """Train one run.

    Returns:
        Its row of the record, and the pictures: uint8, shape (looks, drawings, H, W, 3).
    """
    pairs = subset(name, seed)
    steps_per_epoch = len(pairs.train) // BATCH
    every = LOOK_EVERY // steps_per_epoch
    watch = Watch(pairs, every)
    start = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        p2p.train(
            pairs,
            epochs=steps // steps_per_epoch,
            preset="tiny",
            run_dir=Path(folder) / name,
            seed=seed,
            callbacks=[watch],
            show_progress=False,
            save_every=10**6,  # `Watch` measures; validating twice would cost time
            jitter=name == "jitter",
            mirror=name == "jitter",
            **SETTINGS,
        )
    seconds = round(time.process_time() - start, 1)
    row = {"run": name, "seed": seed, "training_pairs": PAIRS[name], "cpu_seconds": seconds, **watch.measures}
    return row, np.array(watch.pictures)


def save_rows(pictures: np.ndarray, path: Path) -> None:
    """Pictures (rows, columns, H, W, 3) as one large one, without gaps and without loss."""
    rows, columns, height, width, channels = pictures.shape
    sheet = pictures.transpose(0, 2, 1, 3, 4).reshape(rows * height, columns * width, channels)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path) as file:
        Image.fromarray(sheet).save(file, format="WEBP", lossless=True, quality=100, method=6)


def write(record: dict[str, Any], path: Path) -> None:
    """As JSON, one line for each entry and each row."""
    rows = ",\n  ".join(json.dumps(row) for row in record.pop("rows"))
    lines = [f" {json.dumps(name)}: {json.dumps(value)}" for name, value in record.items()]
    with atomic_file(path, "w") as file:
        file.write("{\n" + ",\n".join([*lines, f' "rows": [\n  {rows}\n ]']) + "\n}\n")


if __name__ == "__main__":
    main()
