"""`pix2pix-edu data`: which pairs there are, and what they look like."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from pix2pix_edu.cli.options import FINE, PROGRAM, Command, add_source_options, check_split, say, typed, whole
from pix2pix_edu.cli.source import Source
from pix2pix_edu.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

    from pix2pix_edu.pairs import Dataset, Pairs


def _add_data_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME_OR_PATH", help="a data set, or a folder or archive of yours")
    add_source_options(parser, size="64")
    parser.add_argument("--seed", type=whole, default=0, metavar="N", help=f"{_SPLIT_SEED} (default: 0)")
    parser.add_argument("--out", type=Path, metavar="FILE.png", help="draw a sheet of pairs into this file")
    parser.add_argument("--split", default="train", metavar="NAME", help=f"{_WHICH_SPLIT} (default: train)")
    parser.add_argument("--count", type=whole, default=12, metavar="N", help="how many pairs it shows (default: 12)")


_SPLIT_SEED = "chooses the split into train, val and test, and which pairs the sheet shows"
_WHICH_SPLIT = "which pairs the sheet shows: train, val or test"


def _data(options: argparse.Namespace) -> int:
    from pix2pix_edu.pairs import REGISTRY

    if options.name is None:
        _list_data_sets(list(REGISTRY.values()))
        return FINE
    size = 64 if options.image_size is None else options.image_size
    source = Source(options.name, size, options.direction, options.seed, typed(options.option))
    _check_sheet_options(options)
    pairs = source.load()
    _describe_pairs(options.name, pairs)
    if options.out is not None:
        _draw_sheet(pairs, options)
    return FINE


def _list_data_sets(registry: list[Dataset]) -> None:
    say("Data sets of the course. The first five work without a network.")
    for dataset in registry:
        say(f"  {dataset.name:<15} {dataset.description}", indent=" " * 18)
        print(f"{'':<18}{_at_hand(dataset)}")
    print(f"\nLook at one: {PROGRAM} data emoji --out pairs.png")


def _at_hand(dataset: Dataset) -> str:
    """Whether using a data set needs a download, or some patience, or nothing."""
    from pix2pix_edu.pairs.download import read_marker
    from pix2pix_edu.paths import cache_dir

    if dataset.name == "folder":
        return "no download; give the folder's path instead of a name"
    if dataset.name == "photos":
        return "no download; your own with --option folder=PATH"
    if dataset.downloads:
        return "downloaded" if read_marker(cache_dir("archives", dataset.name)) else "needs a download; not at hand"
    files = cache_dir("pairs").glob(f"{dataset.name}-[0-9]*-*.npz")
    sizes = sorted({int(file.name.split("-")[1]) for file in files})
    return f"no download; cached at {', '.join(map(str, sizes))} px" if sizes else "no download; drawn at first use"


def _describe_pairs(name: str, pairs: Pairs) -> None:
    about, train = pairs.about, pairs.train
    counts = f"{len(train):,} to train, {len(pairs.val):,} to validate, {len(pairs.test):,} to test"
    channels = f"{_channels(train.sources)} to {_channels(train.targets)}"
    facts = [
        ("pairs", counts),
        ("pictures", f"{pairs.image_size} x {pairs.image_size} px, {channels}"),
        ("direction", f"{pairs.direction}: {about.source} to {about.target}"),
        ("licence", about.licence),
        ("credit", about.credit),
        ("to cite", about.citation),
        ("from", about.url),
        ("options", _loader_options(pairs.name)),
        *(("report", sentence) for sentence in pairs.report),
    ]
    say(f"{name}: {about.title}")
    for label, value in facts:
        if value:
            say(f"  {label:<10} {value}", indent=" " * 13)


def _channels(pictures: np.ndarray) -> str:
    return {1: "grey", 3: "RGB"}.get(pictures.shape[-1], f"{pictures.shape[-1]} channels")


def _loader_options(name: str) -> str:
    """What may follow --option for this data set, with its default."""
    import importlib
    import inspect

    from pix2pix_edu.pairs import REGISTRY

    dataset = REGISTRY[name]
    module, function = dataset.loader.split(":")
    parameters = inspect.signature(getattr(importlib.import_module(f"pix2pix_edu.pairs.{module}"), function)).parameters
    hidden = {"image_size", "seed", "path", *dataset.fixed}
    shown = [(name, parameter.default) for name, parameter in parameters.items() if name not in hidden]
    return ", ".join(f"{name}={str(default).lower() if default is None else default}" for name, default in shown)


def _check_sheet_options(options: argparse.Namespace) -> None:
    check_split(options.split)
    if options.count < 1:
        raise UsageError(f"--count {options.count} does not work: a sheet shows one pair at least.")
    if options.out is not None and options.out.suffix.lower() != ".png":
        raise UsageError(f"--out {options.out} should end with .png: sheets are PNG files.")


def _draw_sheet(pairs: Pairs, options: argparse.Namespace) -> None:
    from pix2pix_edu.sheets import make_sheet, save_picture

    split = getattr(pairs, options.split).take(options.count, seed=options.seed)
    sheet = make_sheet(split.sources, split.targets, per_row=3, scale=max(1, 128 // pairs.image_size))
    save_picture(sheet, options.out)
    print()
    say(f"{options.out} shows {len(split)} pairs of {options.split}: {pairs.about.source} left, "
         f"{pairs.about.target} right.")  # fmt: skip


COMMAND = Command(
    "data",
    "[NAME_OR_PATH] [options]",
    "Which pairs of pictures are there? Look at some.",
    """\
Without a name: list the data sets and whether they are at hand.
With a name or a path: load the pairs, check them and say what they show.""",
    f"""\
  {PROGRAM} data
  {PROGRAM} data emoji --out pairs.png
  {PROGRAM} data facades --image-size 128 --option kind=night --out night.png
  {PROGRAM} data ~/my_pairs --image-size 256""",
    _add_data_options,
    _data,
)
