"""Lesson 01: pairs of pictures to learn a translation from.

`load_pairs` knows every data set of the course by its name, and takes a folder or an archive of your own as well. To
add a data set, write a loader that returns `Pairs` and give it a line in `REGISTRY`.
"""

from __future__ import annotations

import importlib
import inspect
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pix2pix_edu.errors import UsageError, nearest
from pix2pix_edu.pairs.core import (
    About,
    Pairs,
    Split,
    Variants,
    check_direction,
    check_image_size,
    check_seed,
)

__all__ = ["REGISTRY", "About", "Dataset", "Pairs", "Split", "Variants", "load_pairs"]


@dataclass(frozen=True)
class Dataset:
    """An entry of the registry.

    Args:
        name: what users call it.
        description: one line about it.
        loader: "module:function", imported when it is used first and called as
            `function(image_size, seed, **options)`; it returns `Pairs` in their usual direction.
        fixed: options that are always the same for this data set.
        downloads: whether it needs a network the first time.
    """

    name: str
    description: str
    loader: str
    fixed: dict[str, Any] = field(default_factory=dict)
    downloads: bool = False

    def load(self, image_size: int, seed: int, **options: Any) -> Pairs:
        """Import the loader and call it; an unknown option is an error that names the known ones."""
        module, function = self.loader.split(":")
        loader = getattr(importlib.import_module(f"pix2pix_edu.pairs.{module}"), function)
        parameters = inspect.signature(loader).parameters
        known = [name for name in parameters if name not in {"image_size", "seed", *self.fixed}]
        for option in options:
            if option not in known:
                raise UsageError(f"{self.name} has no option {option!r}. {_known_options(option, known)}")
        needed = [name for name in known if parameters[name].default is inspect.Parameter.empty]
        for option in needed:
            if option not in options:
                raise UsageError(
                    f"{self.name} needs the option {option}=, as in load_pairs({self.name!r}, {option}=...)."
                )
        return loader(image_size, seed, **self.fixed, **options)


def _known_options(option: str, known: list[str]) -> str:
    return nearest(option, known) if known else "It has none."


def _archive(name: str, description: str) -> Dataset:
    return Dataset(name, description, "archives:load_archive", fixed={"name": name}, downloads=True)


REGISTRY: dict[str, Dataset] = {
    dataset.name: dataset
    for dataset in [
        Dataset("emoji", "line drawing to coloured drawing: 1,478 OpenMoji", "emoji:load_emoji"),
        Dataset("facades", "label map to house front, drawn by a program: as many as you like", "facades:load_facades"),
        Dataset("glyphs", "one typeface to another: some 2,150 letters and signs", "glyphs:load_glyphs"),
        Dataset("photos", "colourise, inpaint or edges (task=...): few photos, or yours", "photos:load_photos"),
        Dataset("folder", "your own pictures: A|B side by side, or two folders (path=...)", "archives:load_path"),
        _archive("facades-cmp", "label map to photo of a house front: 606 pairs, 29 MB to download"),
        _archive("maps", "aerial photo to map: 2,194 pairs, 239 MB to download"),
        _archive("cityscapes", "label map to photo of a street: 3,475 pairs, 99 MB to download"),
        _archive("edges2shoes", "edges to photo of a shoe: 50,025 pairs, 2 GB to download"),
        _archive("edges2handbags", "edges to photo of a handbag: 138,767 pairs, 8 GB to download"),
        _archive("night2day", "photo by day to photo by night: 20,120 pairs, 1.9 GB to download"),
    ]
}


def load_pairs(
    name: str | os.PathLike,
    image_size: int = 64,
    direction: str | None = None,
    seed: int = 0,
    **options: Any,
) -> Pairs:
    """Load a data set by its name, or your own pictures by their path.

    Args:
        name: a name of `REGISTRY`, or the path of a folder or archive (write `./emoji` for a folder called emoji).
        image_size: height and width in pixels: 32, 64, 128, 256 or 512.
        direction: "AtoB" or "BtoA"; left out, the one that the paper trained.
        seed: chooses the split into train, val and test. The same seed gives the same split at every size.
        options: further ones of the data set: see `load_facades`, `load_glyphs`, `load_photos`, `load_folder` and
            `load_archive`.

    Returns:
        Pairs: `.train`, `.val` and `.test` hold `sources` and `targets` as uint8 (N, image_size, image_size, C).

    Raises:
        UsageError: a name, size, direction or option that does not exist; the message names the nearest that does.
        DataError: pictures that cannot be used.
        DownloadError: an archive that cannot be fetched.

    >>> pairs = load_pairs("emoji", image_size=64)
    >>> pairs.test.sources.shape[1:], pairs.about.source
    ((64, 64, 3), 'line drawing')
    """
    image_size, seed = check_image_size(image_size), check_seed(seed)
    if direction is not None:
        check_direction(direction)
    if _is_path(name):
        return REGISTRY["folder"].load(image_size, seed, path=name, **options).towards(direction)
    if name not in REGISTRY:
        raise UsageError(
            f"There is no data set {name!r}. {nearest(str(name), list(REGISTRY))} For pictures of your own pass the "
            "path of their folder."
        )
    return REGISTRY[str(name)].load(image_size, seed, **options).towards(direction)


def _is_path(name: str | os.PathLike) -> bool:
    """Whether this means files: a path object, something with a slash, or something that exists and is no data set."""
    if isinstance(name, os.PathLike):
        return True
    if not isinstance(name, str):
        raise UsageError(f"load_pairs({name!r}) does not work: give the name of a data set, or the path of a folder.")
    looks_like_one = name.startswith((".", "~")) or os.sep in name or "/" in name
    return looks_like_one or (name not in REGISTRY and Path(name).exists())
