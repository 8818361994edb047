"""Pictures of models that take too long to train while you wait: they ship in data/gallery (lessons 05, 06, 12 and 13).

A gallery is one experiment: many models that differ in one thing, what each of them drew for the same unseen pairs, and
the record of how they were made and what they scored.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pix2pix_edu.errors import DataError, UsageError, check_known, nearest
from pix2pix_edu.pairs import Split, load_pairs
from pix2pix_edu.pairs.core import Pairs, Variants
from pix2pix_edu.paths import shipped

GALLERIES = ("losses", "patchgan", "limits")
PAPER_WHITE = 245  # a pixel whose darkest channel is above this is blank paper


@dataclass(frozen=True)
class Gallery:
    """What `load_gallery` returns.

    Attributes:
        name: "losses", "patchgan" or "limits".
        about: how it was made: what, command, seed, machine, date, versions, settings.
        rows: one dictionary for each model: its name, what is special about it, and what it scored on the test split.
        folder: where its files are.
    """

    name: str
    about: dict[str, Any]
    rows: list[dict[str, Any]]
    folder: Path

    @property
    def names(self) -> list[str]:
        """The models, in the order of the rows."""
        return [row["name"] for row in self.rows]

    def row(self, name: str) -> dict[str, Any]:
        """What is known about one model.

        Raises:
            UsageError: no such model.
        """
        for row in self.rows:
            if row["name"] == name:
                return row
        raise UsageError(f"The gallery {self.name!r} has no model {name!r}. {nearest(name, self.names)}")

    @cached_property
    def pairs(self) -> Pairs:
        """The data set that the models were trained and tested on."""
        return load_pairs(**self.about["data"])

    @cached_property
    def split(self) -> Split:
        """The pairs that are shown; no model saw them in training."""
        places = {
            name: (side, row) for side in ("val", "test") for row, name in enumerate(getattr(self.pairs, side).names)
        }
        shown = [places[name] for name in self.about["shown"]["names"]]
        pairs = [getattr(self.pairs, side)[row] for side, row in shown]
        sources, targets = (np.stack(pictures) for pictures in zip(*pairs, strict=True))
        return Split(sources, targets, list(self.about["shown"]["names"]))

    @cached_property
    def variants(self) -> list[Variants]:
        """The shown drawings with several right answers, as they stand in `split` from `about["shown"]["plain"]` on."""
        by_name = {variant.name: variant for variant in self.pairs.variants or []}
        return [by_name[name] for name in self.about["shown"]["names"][self.about["shown"]["plain"] :]]

    def pictures(self, name: str) -> np.ndarray:
        """What one model drew for the sources of `split`: uint8, (N, H, W, 3).

        Raises:
            UsageError: no such model.
            DataError: its file is missing or damaged.
        """
        return read_pictures(self.folder / f"{self.row(name)['name']}.webp")

    def discriminator(self, name: str) -> Any:
        """The trained discriminator of one model: `[source, picture]` in [-1, 1] to logits (patchgan only).

        Call it with `training=True`, on real and on generated pictures separately, as in training: its moving averages
        mix the two, and normalised by them it tells them apart badly.

        Raises:
            UsageError: no such model, or one that was trained without a discriminator.
        """
        from pix2pix_edu.translation import load_discriminator  # loads Keras

        path = self.folder / f"{self.row(name)['name']}.p2p"
        if not path.is_file():
            with_one = [model for model in self.names if (self.folder / f"{model}.p2p").is_file()]
            raise UsageError(f"No discriminator ships for {name!r}. Those that do: {', '.join(with_one) or 'none'}.")
        return load_discriminator(path)

    def history(self, name: str) -> dict[str, np.ndarray]:
        """What one discriminator said during training, about the first pairs of `split` (patchgan only).

        Returns:
            "steps" (S,), "pictures" uint8 (S, P, H, W, 3) as drawn at these steps, "real_logits" and "fake_logits"
            float32 (S, P, rows, columns).

        Raises:
            UsageError: no such model, or nothing was recorded for it.
        """
        path = self.folder / f"{self.row(name)['name']}-history.npz"
        if not path.is_file():
            raise UsageError(f"Nothing was recorded while {name!r} was trained.")
        with np.load(path, allow_pickle=False) as stored:
            recorded = {key: stored[key] for key in stored.files}
        pictures = read_pictures(path.with_suffix(".webp"))
        shape = recorded["fake_logits"].shape[:2]
        logits = {key: recorded[key].astype("float32") for key in ("real_logits", "fake_logits")}
        return {"steps": recorded["steps"], "pictures": pictures.reshape(*shape, *pictures.shape[1:]), **logits}


def load_gallery(name: str) -> Gallery:
    """Load one of the galleries that ship with the course.

    Args:
        name: "losses" (emoji at 32 px, one model for each loss), "patchgan" (house fronts at 128 px, one model for each
            receptive field) or "limits" (emoji at 32 px, one model for each way in which pairs fail to fit).

    Raises:
        UsageError: no such gallery.
        DataError: its record is missing or damaged.

    >>> load_gallery("patchgan").row("field-70")["receptive_field"]
    70
    """
    check_known("gallery", name, GALLERIES)
    folder = shipped("gallery", name)
    try:
        record = json.loads((folder / "results.json").read_text(encoding="utf-8"))
        rows = record.pop("rows")
    except (OSError, ValueError, KeyError) as error:
        raise DataError(
            f"The gallery {name!r} cannot be read from {folder} ({type(error).__name__}: {error}). Install the course "
            f"again, or make it: python data/makers/{name}_gallery.py"
        ) from error
    return Gallery(name, record, rows, folder)


def read_pictures(path: Path) -> np.ndarray:
    """Square pictures that stand below each other in one file, as a batch: uint8, (N, H, W, 3).

    Raises:
        DataError: the file is missing or damaged.

    >>> read_pictures(shipped("gallery", "losses", "l1.webp")).shape[1:]
    (32, 32, 3)
    """
    try:
        tall = np.asarray(Image.open(path).convert("RGB"))
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error}). Install the course again.") from error
    size = tall.shape[1]
    return tall.reshape(-1, size, size, 3)


# --- two plain measures of what blur costs ---------------------------------------------------------------------------


def saturation(pictures: np.ndarray, mask: np.ndarray | None = None) -> float:
    """How colourful pictures are: the mean over pixels of (largest - smallest channel) / largest, as in HSV.

    Grey has 0, a pure colour 1. An average of many colours is greyer than each of them.

    Args:
        pictures: uint8, (N, H, W, 3).
        mask: which pixels count, bool (N, H, W); default: all.

    >>> saturation(np.array([[[[200, 100, 50]]]], np.uint8))
    0.75
    """
    largest, smallest = (reduce(pictures.astype("float64"), axis=-1) for reduce in (np.max, np.min))
    share = (largest - smallest) / np.maximum(largest, 1.0)
    return float(share.mean() if mask is None else share[mask].mean())


def detail(pictures: np.ndarray) -> float:
    """How much detail pictures have: the mean absolute step from a pixel to its right and lower neighbour, in grey.

    0 for a flat picture; blur lowers it, edges, texture and noise raise it. Values are grey levels of 255.

    Args:
        pictures: uint8, (N, H, W, 3).

    >>> detail(np.array([[[[0, 0, 0], [90, 90, 90]], [[0, 0, 0], [90, 90, 90]]]], np.uint8))
    45.0
    """
    grey = pictures.astype("float64").mean(axis=-1)
    return float((np.abs(np.diff(grey, axis=1)).mean() + np.abs(np.diff(grey, axis=2)).mean()) / 2)


def filled(split: Split) -> np.ndarray:
    """Where the artist coloured: the source is blank paper, and the target is not. Bool, (N, H, W).

    >>> split = Split(np.full((1, 32, 32, 3), 255, np.uint8), np.zeros((1, 32, 32, 3), np.uint8))
    >>> bool(filled(split).all())
    True
    """
    return (split.sources.min(axis=-1) > PAPER_WHITE) & (split.targets.min(axis=-1) <= PAPER_WHITE)
