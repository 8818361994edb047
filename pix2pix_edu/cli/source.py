"""Which pairs: how a command loads them, and how a run directory remembers them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pix2pix_edu.errors import CheckpointError, UsageError

if TYPE_CHECKING:
    from pix2pix_edu.pairs import Pairs

DATA_FILE = "data.json"  # in a run directory: how its pairs were loaded, so that it can be resumed and evaluated


@dataclass(frozen=True)
class Source:
    """How to load some pairs; what a run directory remembers."""

    data: str
    image_size: int
    direction: str | None
    seed: int
    options: dict[str, Any]

    def load(self) -> Pairs:
        """The pairs themselves."""
        from pix2pix_edu.pairs import load_pairs

        return load_pairs(self.data, self.image_size, self.direction, self.seed, **self.options)

    def remember(self, run_dir: Path) -> None:
        """Write down what config.json does not know: a folder's path and the options; as seen from anywhere."""
        from pix2pix_edu.pairs import REGISTRY
        from pix2pix_edu.paths import atomic_file

        is_path = self.data not in REGISTRY
        data = str(Path(self.data).expanduser().resolve()) if is_path else self.data
        paths = {
            key: str(Path(self.options[key]).expanduser().resolve()) for key in PATH_OPTIONS if key in self.options
        }
        with atomic_file(run_dir / DATA_FILE, "w") as file:
            json.dump({"data": data, "options": {**self.options, **paths}}, file, indent=2)
            file.write("\n")


PATH_OPTIONS = ("path", "folder", "archive")


def recall(run_dir: Path, config: dict[str, Any], data: str | None) -> Source:
    """The pairs that a run was trained on, from its directory; `data` says it again, such as after a move."""
    found: dict[str, Any] = {"data": config["data"], "options": {}}
    file = run_dir / DATA_FILE
    if file.is_file():
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
            found = {"data": str(found["data"]), "options": dict(found["options"])}
        except (ValueError, KeyError, TypeError) as error:
            raise CheckpointError(
                f"{file} is damaged ({error!r}). Delete it, and say with --data which pairs the run was trained on."
            ) from error
    elif found["data"] == "folder" and data is None:
        raise UsageError(f"{run_dir} was trained on pictures of your own. Say where they are: --data FOLDER.")
    return Source(data or found["data"], config["image_size"], config["direction"], config["seed"], found["options"])
