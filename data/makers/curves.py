"""Record the training runs of lesson 07: one that converges, and four that go wrong, each in its own way.

    python data/makers/curves.py

Each run trains small networks on the emoji pairs at 32 px, in under a minute. Into data/lessons/train_step/ go, for
seed 0 of each recipe, NAME.json (losses of every step, measures at some moments) and NAME.webp (what the generator drew
at those moments, one row each); into drawings.webp the sources and targets of these pictures; into results.json how
each run ended, for all seeds. The recipes were chosen for what they show, the seeds were not.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from common import origin
from PIL import Image

import pix2pix_edu as p2p
from pix2pix_edu.backend import ops
from pix2pix_edu.optimizers import new_optimizer
from pix2pix_edu.translation import to_float, to_uint8

FOLDER = Path(__file__).resolve().parent.parent / "lessons" / "train_step"
SIZE, BATCH = 32, 16
MEASURED = 40  # validation pairs that the measures are taken from
SHOWN, SPREAD = 6, 5  # of these, six are shown, every fifth
SEED = 0
SMOOTH = 20  # steps


class Recipe(NamedTuple):
    """What differs between the runs; all the rest is the course's default."""

    steps: int
    generator_rate: float = 1e-3
    discriminator_rate: float = 5e-4
    beta_1: float = 0.5
    lambda_l1: float = 100.0
    conditional: bool = True
    skips: bool = True
    dropout: float = 0.5
    generator_filters: int = 16


RECIPES = {
    "converging": Recipe(1200),
    "oscillating": Recipe(600, generator_rate=2e-3, discriminator_rate=1e-2, beta_1=0.9, lambda_l1=1.0),
    "collapsed": Recipe(
        800,
        generator_rate=4e-3,
        lambda_l1=0.0,
        conditional=False,
        skips=False,
        dropout=0.0,
        generator_filters=8,
    ),
    "discriminator_wins": Recipe(600, generator_rate=5e-5, discriminator_rate=1e-3),
    "coin_toss": Recipe(600, discriminator_rate=0.0),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3, help="seeds 0, 1, ... of each recipe")
    options = parser.parse_args()

    rows = []
    for seed in range(options.seeds):
        for name, recipe in RECIPES.items():
            record, pictures = play(recipe, seed)
            rows.append({"run": name, "seed": seed, **summary(record)})
            print(rows[-1], flush=True)
            if seed == SEED:
                write({"name": name, **made(options.seeds), **record}, FOLDER / f"{name}.json")
                save_rows(pictures, FOLDER / f"{name}.webp")
    shown = pairs().val[np.arange(SHOWN) * SPREAD]
    save_rows(np.stack([shown.sources, shown.targets]), FOLDER / "drawings.webp")
    what = "how the recorded runs of lesson 07 end: means over the last half of each"
    write({"what": what, **made(options.seeds), "rows": rows}, FOLDER / "results.json")


def made(seeds: int) -> dict:
    """How the results were made."""
    what = "emoji at 32 px; all emojis designed by OpenMoji, CC BY-SA 4.0"
    return {**origin(f"python data/makers/curves.py --seeds {seeds}"), "data": what}


def pairs() -> p2p.Pairs:
    """What all runs train on."""
    return p2p.load_pairs("emoji", image_size=SIZE)


def new_model(recipe: Recipe, seed: int) -> p2p.Pix2Pix:
    """Both networks with their first weights, and their optimizers."""
    generator = p2p.generator_model(
        SIZE, recipe.generator_filters, skips=recipe.skips, dropout=recipe.dropout, seed=1000 * seed
    )
    discriminator = p2p.discriminator_model(
        SIZE, 8, receptive_field=34, conditional=recipe.conditional, seed=1000 * seed + 500
    )
    model = p2p.Pix2Pix(generator, discriminator)
    model.compile(
        new_optimizer(recipe.generator_rate, recipe.beta_1),
        new_optimizer(recipe.discriminator_rate, recipe.beta_1),
        lambda_l1=recipe.lambda_l1,
        jit_compile=False,
    )
    return model


def moments(steps: int) -> list[int]:
    """After which steps to look at the pictures: the first, then every 50."""
    return [1, 25, *range(50, steps + 1, 50)]


def play(recipe: Recipe, seed: int, steps: int | None = None) -> tuple[dict[str, Any], np.ndarray]:
    """Train by a recipe, or only its first `steps`.

    Returns:
        The record, and the pictures that are shown: uint8, shape (moments, drawings, H, W, 3).
    """
    model, data = new_model(recipe, seed), pairs()
    sources, targets = to_float(data.train.sources), to_float(data.train.targets)
    losses: dict[str, list[float]] = {"d_loss": [], "g_gan": [], "l1": []}
    looks: list[np.ndarray] = []
    steps = recipe.steps if steps is None else steps
    start = time.process_time()
    for step in range(1, steps + 1):
        chosen = np.random.default_rng((seed, step)).integers(0, len(sources), BATCH)
        now = p2p.train_step(model, sources[chosen], targets[chosen])
        for name, values in losses.items():
            values.append(round(now[name], 4))
        if step in moments(steps):
            looks.append(draw(model, data.val.sources[:MEASURED]))
    seconds = time.process_time() - start
    record = {
        "settings": {**recipe._asdict(), "image_size": SIZE, "batch_size": BATCH, "discriminator_filters": 8},
        "seed": seed,
        "cpu_seconds": round(seconds, 1),
        **losses,
        "moments": moments(steps),
        **measures(np.stack(looks), data.val.targets[:MEASURED]),
    }
    return record, np.stack(looks)[:, : SHOWN * SPREAD : SPREAD]


def draw(model: p2p.Pix2Pix, sources: np.ndarray) -> np.ndarray:
    """What the generator draws in training mode, as the discriminator sees it; the model stays as it is."""
    trainable = [variable.value for variable in model.generator.trainable_variables]
    other = [variable.value for variable in model.generator.non_trainable_variables]
    fakes, _ = model.generator.stateless_call(trainable, other, to_float(sources), training=True)
    return to_uint8(ops.convert_to_numpy(fakes))


def measures(looks: np.ndarray, targets: np.ndarray) -> dict[str, list[float]]:
    """At each moment: distance to the targets, how much the pictures differ from each other, and from the last look.

    `variety` is the distance of a picture from the one most like it among those of the other drawings; 1 is what the
    targets have, 0 means that each picture has a twin. Where several drawings get the same picture, it is near 0.
    """
    looks, real = looks.astype(float) / 127.5, targets.astype(float) / 127.5
    change = [0.0, *np.abs(np.diff(looks, axis=0)).mean(axis=(1, 2, 3, 4))]
    variety = [to_nearest(pictures) / to_nearest(real) for pictures in looks]
    values = {"val_l1": np.abs(looks - real).mean(axis=(1, 2, 3, 4)), "variety": variety, "change": change}
    return {name: [round(float(number), 4) for number in numbers] for name, numbers in values.items()}


def to_nearest(pictures: np.ndarray) -> float:
    """The mean distance of a picture from the one that is most like it."""
    flat = pictures.reshape(len(pictures), -1)
    distances = np.abs(flat[:, None] - flat[None]).mean(axis=-1)
    np.fill_diagonal(distances, np.inf)
    return float(distances.min(axis=1).mean())


def summary(record: dict[str, Any]) -> dict[str, float]:
    """How a run ended: means over its last half, and how far the losses swing there once they are smoothed."""
    steps, looks = len(record["d_loss"]) // 2, len(record["moments"]) // 2
    late = {name: np.array(record[name][steps:]) for name in ("d_loss", "g_gan", "l1")}
    row = {name: values.mean() for name, values in late.items()}
    window = np.ones(SMOOTH) / SMOOTH
    row |= {f"{name}_swing": np.convolve(late[name], window, "valid").std() for name in ("d_loss", "g_gan")}
    row |= {name: np.mean(record[name][looks:]) for name in ("val_l1", "variety", "change")}
    return {name: round(float(value), 3) for name, value in row.items()} | {"cpu_seconds": record["cpu_seconds"]}


def save_rows(pictures: np.ndarray, path: Path) -> None:
    """Pictures (rows, columns, H, W, 3) as one large one, without gaps and without loss."""
    rows, columns, height, width, channels = pictures.shape
    sheet = pictures.transpose(0, 2, 1, 3, 4).reshape(rows * height, columns * width, channels)
    Image.fromarray(sheet).save(path, lossless=True, quality=100, method=6)


def write(record: dict[str, Any], path: Path) -> None:
    """As JSON, one line for each entry, so that a thousand losses do not become a thousand lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = []
    for name, value in record.items():
        if name == "rows":
            value = ",\n  ".join(json.dumps(row) for row in value)
            lines.append(f' "rows": [\n  {value}\n ]')
        else:
            lines.append(f" {json.dumps(name)}: {json.dumps(value)}")
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
