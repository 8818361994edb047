"""`pix2pix-edu export`: the generator alone, to run it without this library."""

from __future__ import annotations

import argparse
import textwrap
from pathlib import Path

from pix2pix_edu.cli.model import MODELS, chosen_model
from pix2pix_edu.cli.options import FINE, PROGRAM, Command, say


def _add_export_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="RUN_OR_MODEL", help=MODELS)
    parser.add_argument(
        "--out", required=True, type=Path, metavar="PATH", help="where to; a new file, or a folder for saved_model"
    )
    parser.add_argument(
        "--format", default="keras", metavar="NAME", help="keras, saved_model, onnx or litert (default: keras)"
    )
    parser.add_argument(
        "--precision",
        default="float16",
        metavar="NAME",
        help="how weights are stored: float16, in half the space, or float32 (default: float16)",
    )
    parser.add_argument(
        "--statistics",
        metavar="NAME",
        help="batch normalisation by each picture's own statistics (batch) or by the averages from training (moving) "
        "(default: what the model was trained for)",
    )
    parser.add_argument(
        "--any-size",
        action="store_true",
        help="also take larger pictures: every multiple of the size that the model was trained at",
    )
    parser.add_argument(
        "--dropout", action="store_true", help="keep the model's noise, in a keras file or a saved_model"
    )


def _export(options: argparse.Namespace) -> int:
    model = chosen_model(options.model)
    from pix2pix_edu.export import FORMATS, export_generator

    statistics = options.statistics or model.statistics
    path = export_generator(
        model, options.out, options.format, options.precision, statistics, options.dropout, options.any_size
    )
    files = path.rglob("*") if path.is_dir() else [path]
    size = sum(file.stat().st_size for file in files if file.is_file())
    channels = model.generator.input_shape[-1]
    sides = f"multiples of {model.image_size}" if options.any_size else f"{model.image_size}"
    say(f"{path}: {FORMATS[options.format].title}, {size / 1e6:,.1f} MB, weights in {options.precision}, "
         f"{statistics} statistics built in.")  # fmt: skip
    print("\nTo run it elsewhere, in Python:\n")
    print(textwrap.indent(FORMATS[options.format].run.format(path=path), "  "))
    print()
    say(f"source: pictures from 0 to 255 as `picture / 127.5 - 1`, float32, of shape (N, H, W, {channels}) with H and "
         f"W {sides}; target: the same from -1 to 1.")  # fmt: skip
    return FINE


COMMAND = Command(
    "export",
    "RUN_OR_MODEL --out PATH [--format NAME] [options]",
    "Write the generator alone, to run it without this library.",
    """\
Write a run's or a model's generator as a Keras file, a SavedModel, an ONNX or a
LiteRT file. What it draws is what it draws here, up to rounding.""",
    f"""\
  {PROGRAM} export runs/emoji-small-001 --out generator.keras
  {PROGRAM} export emoji --format onnx --out emoji.onnx
  {PROGRAM} export emoji --format saved_model --any-size --out emoji_model""",
    _add_export_options,
    _export,
)
