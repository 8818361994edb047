"""Train the conditional GANs of lesson 03, measure them, and ship the two that draw from a text.

    python data/makers/cgan.py

For each form of the condition (label, text, image), with and without the condition in the discriminator, and for each
seed it trains one model and measures how often it draws what it was asked for. Into data/lessons/cgan/ it writes
results.json and the text models of seed 0 (not chosen): text_seen.npz and text_hidden.npz.
"""

from __future__ import annotations

import argparse
import json
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np

from pix2pix_edu.cgan import ConditionalGan, conditional_accuracy, digits, left_half, obeys, train_reader

FOLDER = Path(__file__).resolve().parent.parent / "lessons" / "cgan"
MEASURED_AT = {"text": (500, 1000, 2000, 4000), "label": (250, 500, 1000), "image": (500, 1000)}
NEVER_SHOWN = "a red seven"
READER = train_reader()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3, help="seeds 0, 1, ... of each model")
    options = parser.parse_args()

    rows = [
        make(form, sees, seed, options.seeds)
        for seed in range(options.seeds)
        for form in MEASURED_AT
        for sees in (True, False)
    ]
    record = {
        "what": "how often conditional GANs draw what they are asked for, with and without the condition in D",
        **origin(options.seeds),
        "reader_accuracy_on_real_test_digits": round(READER.accuracy(digits().test), 4),
        "never_shown": NEVER_SHOWN,
        "chance": {"label": 0.1, "text": 0.02, "image": 0.1},
        "rows": rows,
    }
    (FOLDER / "results.json").write_text(json.dumps(record, indent=1) + "\n")


def origin(seeds: int) -> dict:
    """How the results were made."""
    return {
        "command": f"python data/makers/cgan.py --seeds {seeds}",
        "machine": "2 CPU cores shared with other work, no GPU",
        "date": datetime.now(UTC).date().isoformat(),
        "versions": {name: version(name) for name in ("keras", "tensorflow", "numpy", "scikit-learn")},
        "digits": "E. Alpaydin and C. Kaynak, UCI Machine Learning Repository, 1998; from scikit-learn",
    }


def make(form: str, sees: bool, seed: int, seeds: int) -> dict:
    """Train one model, measure it on the way and at the end, and ship it if it is one of the widget's."""
    gan = ConditionalGan(form, sees, never_shown=[NEVER_SHOWN] if form == "text" else [], seed=seed)
    row: dict = {"condition": form, "discriminator_sees_it": sees, "seed": seed, "accuracy_by_step": {}}
    seconds = 0.0
    for steps in MEASURED_AT[form]:
        start = time.process_time()
        gan.fit(steps - gan.steps, seed=seed)
        seconds += time.process_time() - start
        row["accuracy_by_step"][str(steps)] = round(conditional_accuracy(gan, READER), 4)
    row["cpu_seconds"] = round(seconds, 1)
    if form == "text":
        row["accuracy_never_shown"] = round(float(obeys(gan, NEVER_SHOWN, READER, n=200).mean()), 4)
    if form == "image":
        row["mean_error_in_the_given_half"] = round(given_half_error(gan), 4)
    if form == "text" and seed == 0:
        FOLDER.mkdir(parents=True, exist_ok=True)
        gan.save(FOLDER / f"text_{'seen' if sees else 'hidden'}.npz", about={**origin(seeds), **row})
    print(row, flush=True)
    return row


def given_half_error(gan: ConditionalGan) -> float:
    """How far the left half that is drawn is from the one that was given: 0 is a copy, 1 is black for white."""
    given = left_half(digits().test.pictures)
    difference = np.abs(gan.sample(given).astype(float) - given)[:, :, :4]
    return float(difference.mean() / 255)


if __name__ == "__main__":
    main()
