"""Train the models of lesson 05: one for each receptive field of the discriminator, and one without a discriminator.

    python data/makers/patchgan_gallery.py

All of them are the same generator, trained from the same seed on the same house fronts for the same time. Into
data/gallery/patchgan/ it writes results.json, and for each model a sheet of pictures, its discriminator, and what that
discriminator said of a few pairs while it was being trained. Stopped, it goes on where it was.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from common import GALLERY, add_row, origin, save_pictures, work_through

import pix2pix_edu as p2p
from pix2pix_edu.backend import keras
from pix2pix_edu.checkpoints import RunFolder
from pix2pix_edu.evaluation import compare
from pix2pix_edu.gallery import detail, saturation
from pix2pix_edu.translation import save_discriminator, to_float, to_uint8

FOLDER = GALLERY / "patchgan"
RECORD = FOLDER / "results.json"
SHOWN, WATCHED = 12, 4
DATA = {"name": "facades", "image_size": 128, "theme": "simple", "train": 800, "val": 20, "test": 60}
SETTINGS = {"filters": 16, "batch_size": 4, "precision": "float32"}
MODELS: dict[str, dict] = {f"field-{field}": {"receptive_field": field} for field in (1, 16, 142)}
MODELS |= {"l1": {"adversarial": None}, "field-70": {"receptive_field": 70}, "field-34": {"receptive_field": 34}}
ORDER = ["field-1", "field-16", "field-34", "field-70", "field-142", "l1"]
RECORDED_STEPS = (0, 25, 50, 100, 200, 400, 700, 1000, 1500, 2000, 3000, 4000, 6000)


class Judge(keras.callbacks.Callback):
    """Now and then asks the discriminator what it thinks of a few pairs, real and generated, and writes it down."""

    def __init__(self, split: p2p.Split, folder: Path, steps_per_epoch: int):
        super().__init__()
        self.split, self.folder, self.steps_per_epoch = split, folder, steps_per_epoch
        self.first = 0

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.first = epoch * self.steps_per_epoch
        if epoch == 0:
            self.record(0)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        if self.first + batch + 1 in RECORDED_STEPS:
            self.record(self.first + batch + 1)

    def record(self, step: int) -> None:
        source, target = to_float(self.split.sources), to_float(self.split.targets)
        fake = np.asarray(self.model.generator(source, training=False))
        judged = {"real_logits": self.judge(source, target), "fake_logits": self.judge(source, fake)}
        self.folder.mkdir(parents=True, exist_ok=True)
        np.savez(self.folder / f"{step:05d}.npz", pictures=to_uint8(fake), **judged)

    def judge(self, source: np.ndarray, picture: np.ndarray) -> np.ndarray:
        """Logits normalised by this batch, as in training; the moving averages mix real and generated pictures."""
        network = self.model.discriminator
        trained, rest = (
            [v.value for v in them] for them in (network.trainable_variables, network.non_trainable_variables)
        )
        logits, _ = network.stateless_call(trained, rest, [source, picture], training=True)
        return np.asarray(logits)[..., 0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runs", type=Path, default=Path("runs/patchgan-gallery"))
    options = parser.parse_args()

    pairs = p2p.load_pairs(**DATA)
    shown = pairs.test[:SHOWN]
    header = {
        "what": "the same generator trained against discriminators of different receptive fields, on house fronts",
        **origin(f"python data/makers/patchgan_gallery.py --epochs {options.epochs} --seed {options.seed}"),
        "seed": options.seed,
        "settings": {**SETTINGS, "image_size": DATA["image_size"], "epochs": options.epochs, "lambda_l1": 100.0},
        "data": DATA,
        "shown": {"plain": SHOWN, "names": shown.names},
        "watched": WATCHED,
        "real": {
            "saturation": round(saturation(pairs.test.targets), 4),
            "detail": round(detail(pairs.test.targets), 4),
        },
        "pictures": "made by the course, MIT",
    }

    def make(name: str) -> None:
        run_dir = options.runs / name
        judge = Judge(shown[:WATCHED], run_dir / "judged", len(pairs.train) // SETTINGS["batch_size"])
        run = p2p.train(
            pairs, epochs=options.epochs, preset="small", seed=options.seed, run_dir=run_dir,
            resume=RunFolder(run_dir).exists(), show_progress=False, callbacks=[judge], **SETTINGS, **MODELS[name],
        )  # fmt: skip
        ship(name, run, pairs, shown)
        add_row(RECORD, header, measure(name, run, pairs), ORDER)
        print(name, measure(name, run, pairs)["test"], flush=True)

    def done(name: str) -> bool:
        return RECORD.is_file() and name in [row["name"] for row in json.loads(RECORD.read_text())["rows"]]

    work_through(list(MODELS), done, make)


def ship(name: str, run: p2p.Run, pairs: p2p.Pairs, shown: p2p.Split) -> None:
    """Pictures, discriminator, and what it said during training."""
    save_pictures(FOLDER / f"{name}.webp", p2p.translate(run, shown.sources))
    if run.config["adversarial"] is None:
        return
    save_discriminator(run.model, FOLDER / f"{name}.p2p", about={"model": name, "record": "results.json"})
    files = sorted((run.run_dir / "judged").glob("*.npz"))
    judged = [dict(np.load(file)) for file in files]
    pictures = np.stack([record.pop("pictures") for record in judged])
    save_pictures(
        FOLDER / f"{name}-history.webp", pictures.reshape(-1, *pictures.shape[2:]), lossless=False, quality=90
    )
    logits = {key: np.stack([record[key] for record in judged]).astype("float16") for key in judged[0]}
    np.savez_compressed(FOLDER / f"{name}-history.npz", steps=np.array([int(file.stem) for file in files]), **logits)


def measure(name: str, run: p2p.Run, pairs: p2p.Pairs) -> dict:
    """One row of the record."""
    drawn = p2p.translate(run, pairs.test.sources)
    config, history = run.config, run.history
    return {
        "name": name,
        "receptive_field": config["receptive_field"] if config["adversarial"] else None,
        "minutes": round(sum(history["seconds"]) / 60, 1),
        "test": {key: round(value, 4) for key, value in compare(pairs.test.targets, drawn).items()},
        "saturation": round(saturation(drawn), 4),
        "detail": round(detail(drawn), 4),
        "curves": {key: [round(v, 4) for v in history[key]] for key in ("d_loss", "g_gan", "l1") if key in history},
    }


if __name__ == "__main__":
    main()
