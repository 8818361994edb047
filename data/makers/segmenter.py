"""Train the network that reads house fronts for the FCN-score, and write down what it scores on real pictures.

    python data/makers/segmenter.py --size 64
    python data/makers/segmenter.py --size 128

It has the facades program paint houses that nobody meets in the course (theme "full", each house in its own colours),
and trains on them for one pass after the other; their label maps are known exactly. Into data/weights/ it writes
segmenter-SIZE.p2p and segmenter-SIZE.json. The weights of the last step are taken: nothing is chosen by a score.
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np
from common import GALLERY, origin

import pix2pix_edu as p2p
from pix2pix_edu.backend import keras
from pix2pix_edu.evaluation import fcn_score
from pix2pix_edu.segmenter import SEGMENTER_SEED, load_segmenter, segmenter_model
from pix2pix_edu.translation import save_network, to_float

WEIGHTS = GALLERY.parent / "weights"
LEARNING_RATE = 3e-3  # at the start; a cosine lowers it to nothing
SETTINGS = {64: {"houses": 6000, "batch": 16, "steps": 3000}, 128: {"houses": 3000, "batch": 8, "steps": 1800}}
TEST = 100  # the test pictures of load_pairs("facades", theme="full"), which the experiments use too


class Houses(keras.utils.PyDataset):
    """Batches of pictures and label maps: every picture once in a pass, half of them mirrored."""

    def __init__(self, pictures: np.ndarray, labels: np.ndarray, batch: int, seed: int):
        super().__init__()
        self.pictures, self.labels, self.batch, self.seed, self.passes = pictures, labels, batch, seed, 0
        self.on_epoch_end()

    def __len__(self) -> int:
        return len(self.pictures) // self.batch

    def on_epoch_end(self) -> None:
        rng = np.random.default_rng((self.seed, self.passes))
        self.order, self.mirrored = rng.permutation(len(self.pictures)), rng.random(len(self.pictures)) < 0.5
        self.passes += 1

    def __getitem__(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        chosen = self.order[number * self.batch : (number + 1) * self.batch]
        mirror = self.mirrored[chosen]
        pictures, labels = self.pictures[chosen], self.labels[chosen]
        pictures[mirror], labels[mirror] = pictures[mirror, :, ::-1], labels[mirror, :, ::-1]
        return to_float(pictures), labels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, choices=list(SETTINGS), default=64)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, help="fewer make a quick trial (default: as shipped)")
    options = parser.parse_args()
    settings = SETTINGS[options.size] | ({"steps": options.steps} if options.steps else {})

    started = time.time()
    data = {"name": "facades", "image_size": options.size, "theme": "full", "seed": SEGMENTER_SEED}
    houses = p2p.load_pairs(**data, train=settings["houses"], val=1, test=1).train
    painted = time.process_time()
    network = segmenter_model(options.size, seed=options.seed)
    train(network, Houses(houses.targets, houses.labels, settings["batch"], options.seed), settings["steps"])

    command = f"python data/makers/segmenter.py --size {options.size} --seed {options.seed}"
    record = {
        "what": f"reads house fronts of {options.size} px: which of the 12 classes has each pixel",
        **origin(command + (f" --steps {options.steps}" if options.steps else "")),
        "seed": options.seed,
        "minutes": round((time.time() - started) / 60, 1),
        "cpu_minutes": round((time.process_time() - painted) / 60, 1),
        "data": data,
        "settings": {**settings, "learning_rate": LEARNING_RATE},
        "merged": {},  # no class: each is read far above chance, see "classes"
    }
    path = WEIGHTS / f"segmenter-{options.size}.p2p"
    save_network(network, "segmenter", path, {"about": record})
    load_segmenter.cache_clear()  # what is measured is what ships, not what was trained
    record |= {"kilobytes": round(path.stat().st_size / 1e3), **measure(options.size)}
    (WEIGHTS / f"segmenter-{options.size}.json").write_text(json.dumps(record, indent=1) + "\n")
    print(json.dumps(record["real"]), *record["classes"], sep="\n")


def train(network: keras.Model, houses: Houses, steps: int) -> None:
    schedule = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, steps)
    network.compile(
        keras.optimizers.Adam(schedule),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    whole, rest = divmod(steps, len(houses))
    network.fit(houses, epochs=whole, shuffle=False, verbose=2)
    if rest:
        network.fit(houses, epochs=1, steps_per_epoch=rest, shuffle=False, verbose=2)


def measure(size: int) -> dict:
    """What it scores on real pictures that it never saw: the row to hold all others against."""
    test = p2p.load_pairs("facades", image_size=size, theme="full", test=TEST).test
    score = fcn_score(test.labels, test.targets)
    rows = [{"name": row.name, **{k: round(getattr(row, k), 4) for k in ("share", "accuracy", "iou")}} for row in score]
    means = ("pixel_accuracy", "class_accuracy", "class_iou")
    return {
        "tested_on": f'load_pairs("facades", image_size={size}, theme="full", test={TEST}).test',
        "real": {name: round(getattr(score, name), 4) for name in means},
        "classes": rows,
    }


if __name__ == "__main__":
    main()
