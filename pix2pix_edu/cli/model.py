"""Which model: how a command finds the one that it was asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pix2pix_edu.errors import CheckpointError, nearest

MODELS = (
    "a run directory, a .p2p file, or the name of a model that comes with the course: emoji, colour-lab, colour-rgb, "
    "facades, glyphs, inpaint or night"
)


def chosen_model(name: str) -> Any:
    """The model in a run directory or a file, or one that comes with the course."""
    from pix2pix_edu.translation import EXAMPLES, load_example_model, load_model

    path = Path(name).expanduser()
    if path.is_file() or (path / "config.json").is_file():
        return load_model(path)
    if name in EXAMPLES:
        return load_example_model(name)
    if path.is_dir():
        return load_model(path)  # which says what is missing there
    runs = sorted(str(file.parent) for file in Path("runs").glob("*/config.json"))
    raise CheckpointError(
        f"There is no model {name!r}: no run directory, no .p2p file, and none of that name comes with the course. "
        f"{nearest(name, [*EXAMPLES, *runs[-5:]])}"
    )
