"""Train the models of lesson 13: generators from pairs that do not fit, and a judge of the shipped generator.

    python data/makers/limits.py

All generators are the same network, trained from the same seed on the same drawings for the same time; what differs is
how their targets were spoilt, and whether a discriminator was there. Into data/gallery/limits/ it writes results.json
and one sheet of pictures for each model. The judge is a discriminator that learns to tell what `data/weights/emoji.p2p`
draws from what the artists drew; that generator stays as it is. Stopped, it goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from common import GALLERY, add_row, origin, save_pictures, work_through

import pix2pix_edu as p2p
from pix2pix_edu.backend import keras
from pix2pix_edu.checkpoints import RunFolder
from pix2pix_edu.evaluation import compare
from pix2pix_edu.gallery import detail, filled, saturation
from pix2pix_edu.insight import misaligned, mismatched
from pix2pix_edu.optimizers import new_optimizer
from pix2pix_edu.paths import atomic_file
from pix2pix_edu.translation import save_discriminator, to_float

FOLDER = GALLERY / "limits"
RECORD = FOLDER / "results.json"
SHOWN = 12  # drawings of the test split, evenly spread
DATA = {"name": "emoji", "image_size": 32}
SETTINGS = {"filters": 16, "batch_size": 16, "receptive_field": 34}

# name -> how the training targets are spoilt, and what is left of the loss besides L1
ROWS: dict[str, dict] = {
    "fits": {},
    "own-1": {"pixels": 1},
    "own-2": {"pixels": 2},
    "own-4": {"pixels": 4},
    "own-8": {"pixels": 8},
    "same-4": {"pixels": 4, "own": False, "mirror": False},  # a mirrored pair would be off to the other side
    "same-4-mirrored": {"pixels": 4, "own": False},
    "shuffled": {"shuffled": True},
    "fits-cgan": {"adversarial": "bce"},
    "own-4-cgan": {"pixels": 4, "adversarial": "bce"},
    "shuffled-cgan": {"shuffled": True, "adversarial": "bce"},
}
JUDGE_SIZE = 64
JUDGE = {"filters": 16, "receptive_field": 34, "norm": "batch"}


def spoil(split: p2p.Split, row: dict, seed: int) -> p2p.Split:
    """The training pairs of one row."""
    if row.get("shuffled"):
        return mismatched(split, seed)
    return misaligned(split, row.get("pixels", 0), row.get("own", True), seed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=24)
    parser.add_argument("--judge-epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runs", type=Path, default=Path("runs/limits"))
    options = parser.parse_args()

    pairs = p2p.load_pairs(**DATA)
    shown = pairs.test[np.linspace(0, len(pairs.test) - 1, SHOWN).round().astype(int)]
    command = f"python data/makers/limits.py --epochs {options.epochs} --judge-epochs {options.judge_epochs}"
    header = {
        "what": "the same generator trained on pairs that fit, on pairs out of alignment, and on shuffled pairs",
        **origin(f"{command} --seed {options.seed}"),
        "seed": options.seed,
        "settings": {
            **SETTINGS, "image_size": DATA["image_size"], "epochs": options.epochs, "training_pairs": len(pairs.train)
        },
        "data": DATA,
        "shown": {"plain": SHOWN, "names": shown.names},
        "baselines": baselines(pairs),
        "real": {
            "detail": round(detail(pairs.test.targets), 4),
            "saturation": round(saturation(pairs.test.targets, filled(pairs.test)), 4),
        },
        "pictures": "OpenMoji, CC BY-SA 4.0",
    }  # fmt: skip

    def make(name: str) -> None:
        start = time.process_time()
        run = train_row(name, pairs, options.epochs, options.seed, options.runs / name)
        row = {"name": name, "pixels": 0, "own": True, "shuffled": False, "mirror": True, "adversarial": None}
        row |= ROWS[name]
        row |= {"minutes": round((time.process_time() - start) / 60, 2), **measure(run, pairs, row)}
        save_pictures(FOLDER / f"{name}.webp", p2p.translate(run, shown.sources))
        add_row(RECORD, header, row, list(ROWS))
        print(name, row["test"], f"{row['minutes']} CPU minutes", flush=True)

    def done(name: str) -> bool:
        return RECORD.is_file() and name in [row["name"] for row in json.loads(RECORD.read_text())["rows"]]

    work_through(list(ROWS), done, make)
    if (FOLDER / "judge.p2p").is_file():
        print("judge: there already")
    else:
        make_judge(options.judge_epochs, options.seed)


def train_row(name: str, pairs: p2p.Pairs, epochs: int, seed: int, run_dir: Path) -> p2p.Run:
    """One generator; validation and test pairs are never spoilt."""
    spoilt = p2p.Pairs(
        pairs.name, spoil(pairs.train, ROWS[name], seed), pairs.val, pairs.test, about=pairs.about
    )  # fmt: skip
    return p2p.train(
        spoilt, epochs=epochs, preset="tiny", seed=seed, run_dir=run_dir, resume=RunFolder(run_dir).exists(),
        show_progress=False, save_every=epochs, adversarial=ROWS[name].get("adversarial"),
        mirror=ROWS[name].get("mirror", True), **SETTINGS,
    )  # fmt: skip


def baselines(pairs: p2p.Pairs) -> dict:
    """L1 on the test split without any model: the drawing itself, white paper, the median and the mean of training."""
    targets = pairs.test.targets
    median, mean = np.median(pairs.train.targets, axis=0), pairs.train.targets.mean(axis=0)
    answers = {"source": pairs.test.sources, "white": np.full(3, 255), "median": median, "mean": mean}
    return {name: round(float(np.abs(targets - answer.astype(float)).mean() / 127.5), 4)
            for name, answer in answers.items()}  # fmt: skip


def measure(run: p2p.Run, pairs: p2p.Pairs, row: dict) -> dict:
    """What one row scores on the whole test split: against targets that fit, and how much it looks at the source."""
    drawn = p2p.translate(run, pairs.test.sources)
    moved = misaligned(pairs.test, row["pixels"], own=False).targets
    middle = {name: reduce(pairs.train.targets, axis=0) for name, reduce in (("median", np.median), ("mean", np.mean))}
    measured = {
        "test": {key: round(value, 4) for key, value in compare(pairs.test.targets, drawn).items()},
        "l1_to_moved": round(compare(moved, drawn)["l1"], 4),
        "detail": round(detail(drawn), 4),
        "saturation": round(saturation(drawn, filled(pairs.test)), 4),
        "differs": round(float(drawn.astype(float).std(axis=0).mean()), 4),
    }
    for name, picture in middle.items():
        measured[f"l1_to_{name}"] = round(float(np.abs(drawn - picture).mean() / 127.5), 4)
    curves = {key: [round(value, 4) for value in run.history[key]] for key in ("d_loss", "g_gan", "l1")
              if key in run.history}  # fmt: skip
    return {**measured, "curves": curves}


def make_judge(epochs: int, seed: int) -> None:
    """A discriminator for what the shipped generator draws, and what it scores on drawings that it never saw."""
    start = time.process_time()
    generator, pairs = p2p.load_example_model("emoji"), p2p.load_pairs("emoji", image_size=JUDGE_SIZE)
    judge = p2p.discriminator_model(JUDGE_SIZE, seed=seed, **JUDGE)
    teach_judge(judge, pairs.train, p2p.translate(generator, pairs.train.sources), epochs, seed)
    scores = judge_scores(judge, pairs.test, p2p.translate(generator, pairs.test.sources))
    command = f"python data/makers/limits.py --judge-epochs {epochs} --seed {seed}"
    record = {
        "what": "a discriminator that learnt to tell what data/weights/emoji.p2p draws from what the artists drew",
        **origin(command), "seed": seed, "settings": {**JUDGE, "image_size": JUDGE_SIZE, "epochs": epochs},
        "minutes": round((time.process_time() - start) / 60, 2), "test": scores,
    }  # fmt: skip
    FOLDER.mkdir(parents=True, exist_ok=True)
    save_discriminator(SimpleNamespace(discriminator=judge), FOLDER / "judge.p2p", about=record)
    with atomic_file(FOLDER / "judge.json") as file:
        file.write((json.dumps(record, indent=1) + "\n").encode())
    print("judge", scores, f"{record['minutes']} CPU minutes", flush=True)


def teach_judge(judge: keras.Model, real: p2p.Split, drawn: np.ndarray, epochs: int, seed: int) -> None:
    """Binary cross-entropy on logits: real pairs 1, generated ones 0, all patches alike; half of them mirrored."""
    rng = np.random.default_rng(seed)
    judge.compile(new_optimizer(1e-3), loss=keras.losses.BinaryCrossentropy(from_logits=True))
    rows, columns = judge.output_shape[1:3]
    answers = np.repeat([1.0, 0.0], 16)[:, None, None, None] * np.ones((1, rows, columns, 1))
    for epoch in range(epochs):
        losses = []
        for chosen in np.array_split(rng.permutation(len(real)), len(real) // 16):
            flip = slice(None, None, -1 if rng.random() < 0.5 else 1)
            source, target, fake = (
                to_float(side[chosen[:16]])[:, :, flip] for side in (real.sources, real.targets, drawn)
            )
            losses.append(judge.train_on_batch([np.concatenate([source] * 2), np.concatenate([target, fake])], answers))
        print(f"judge, epoch {epoch + 1}: loss {np.mean(losses):.3f}", flush=True)


def judge_scores(judge: keras.Model, real: p2p.Split, drawn: np.ndarray) -> dict:
    """The mean logit of each kind, and how often the sign is right: of whole pictures, and of single patches."""
    source = to_float(real.sources)
    logits = [np.asarray(judge.predict([source, to_float(side)], verbose=0)) for side in (real.targets, drawn)]
    whole = [values.mean(axis=(1, 2, 3)) for values in logits]
    right = [(values > 0).mean() for values in (whole[0], -whole[1], logits[0], -logits[1])]
    names = ("real_called_real", "generated_called_generated", "real_patches", "generated_patches")
    scores = {"real_logit": whole[0].mean(), "generated_logit": whole[1].mean(), **dict(zip(names, right, strict=True))}
    return {name: round(float(value), 4) for name, value in scores.items()}


if __name__ == "__main__":
    main()
