"""`pix2pix-edu evaluate`: measure a model on pairs that it never saw."""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from pix2pix_edu.cli.model import MODELS, chosen_model
from pix2pix_edu.cli.options import AS_MADE, FINE, PROGRAM, Command, add_source_options, check_split, say, typed, whole
from pix2pix_edu.cli.source import Source, recall
from pix2pix_edu.errors import UsageError


def _add_evaluate_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", required=True, metavar="MODEL", help=MODELS)
    parser.add_argument("--data", metavar="NAME_OR_PATH", help="which pairs (default: those of the run)")
    parser.add_argument("--split", default="test", metavar="NAME", help="train, val or test (default: test)")
    add_source_options(parser, size="that of the model", direction=f"that of the run, else {AS_MADE}")
    parser.add_argument("--seed", type=whole, metavar="N", help=f"{_RUN_SEED} (default: the run's, else 0)")
    parser.add_argument("--limit", type=whole, metavar="N", help="only the first N pairs (default: all)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers into this file as well")


_RUN_SEED = "chooses the split; with another one than in training, pairs that the model learned from get into the test"

# measure: (name, number format, how to read it)
_MEASURES = {
    "psnr": ("PSNR", "{:.2f} dB", "high is good: 20 is a fair likeness"),
    "ssim": ("SSIM", "{:.4f}", "high is good: 1 is the same picture"),
    "l1": ("L1", "{:.4f}", "low is good: from 0 to 2, as in training"),
    "ms_ssim": ("MS-SSIM", "{:.4f}", "high is good: SSIM from near and from afar"),
    "perceptual": ("perceptual", "{:.4f}", "low is good: as the course's small network sees it"),
    "lab_L": ("Lab: L", "{:.4f}", "high is good: 1 is each lightness as often"),
    "lab_a": ("Lab: a", "{:.4f}", "the same from green to red"),
    "lab_b": ("Lab: b", "{:.4f}", "the same from blue to yellow"),
    "fcn_pixel_accuracy": ("FCN: pixels", "{:.4f}", "high is good: read as what they should be"),
    "fcn_class_accuracy": ("FCN: classes", "{:.4f}", "the same, where each class counts alike"),
    "fcn_class_iou": ("FCN: IoU", "{:.4f}", "the same, where false alarms count too"),
}


def _evaluate(options: argparse.Namespace) -> int:
    check_split(options.split)
    if options.limit is not None and options.limit < 1:
        raise UsageError(f"--limit {options.limit} does not work: measure one pair at least.")
    model = chosen_model(options.model)
    source, trained_with = _source_of(model, options)
    from pix2pix_edu.evaluation import evaluate, split_score

    split = getattr(source.load(), options.split)[: options.limit]
    measured = evaluate(model, split)
    say(f"{options.model} on {len(split):,} {options.split} pairs of {source.data} at {source.image_size} px")
    print()
    for name, value in measured.items():
        label, form, meaning = _MEASURES.get(name, (name, "{:.4f}", ""))
        print(f"  {label:<12} {form.format(value):>9}   {meaning}".rstrip())
    if "fcn_class_iou" in measured and (real := split_score(split, split.targets)):
        scores = f"{real.pixel_accuracy:.4f}, {real.class_accuracy:.4f} and {real.class_iou:.4f}"
        say(f"FCN of the targets themselves: {scores}. No translation can be expected to score more.")
    if trained_with not in (None, source.seed) and options.data in (None, model.about.get("data")):
        print()
        say(
            f"Careful: seed {source.seed} splits the pairs in another way than the run's seed {trained_with}, so the "
            "model has seen some of these pairs in training."
        )
    if options.json is not None:
        _write_json(options, source, len(split), measured)
    return FINE


def _source_of(model: Any, options: argparse.Namespace) -> tuple[Source, int | None]:
    """The pairs to measure on: the run's own, unless others are asked for; and the seed that the run was split with."""
    about, run_dir = model.about, Path(options.model).expanduser()
    if "data" in about:
        known = recall(run_dir, {"direction": None, "seed": 0, "image_size": model.image_size, **about}, options.data)
    elif options.data:
        known = Source(options.data, model.image_size, None, 0, {})
    else:
        raise UsageError(
            f"{options.model} does not tell what it was trained on: say with --data which pairs to measure."
        )
    if options.data not in (None, about.get("data")) and not options.option:
        known = replace(known, options={})  # they belong to the other data set
    given = {
        "image_size": options.image_size,
        "direction": options.direction,
        "seed": options.seed,
        "options": typed(options.option) or None,
    }
    return replace(known, **{name: value for name, value in given.items() if value is not None}), about.get("seed")


def _write_json(options: argparse.Namespace, source: Source, count: int, measured: dict[str, float]) -> None:
    from pix2pix_edu.paths import atomic_file

    finite = {name: value if math.isfinite(value) else None for name, value in measured.items()}  # JSON has no infinity
    facts = {"model": options.model, "split": options.split, "pairs": count, **asdict(source), "measures": finite}
    with atomic_file(options.json, "w") as file:
        json.dump(facts, file, indent=2)
        file.write("\n")


COMMAND = Command(
    "evaluate",
    "--model MODEL [options]",
    "Measure a model on pairs that it never saw.",
    """\
Translate the test pairs and compare with their targets in every way that fits.
For a run directory everything but --model is known from the run.""",
    f"""\
  {PROGRAM} evaluate --model runs/emoji-small-001
  {PROGRAM} evaluate --model emoji --data emoji --split val --json val.json""",
    _add_evaluate_options,
    _evaluate,
)
