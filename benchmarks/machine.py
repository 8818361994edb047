"""What a result must say about where it comes from."""

from __future__ import annotations

import json
import os
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path


def describe(packages: tuple[str, ...] = ("keras", "tensorflow", "numpy")) -> dict:
    """The processor, its cores, and the versions of what was measured."""
    return {
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        **{package: version(package) for package in packages},
        "date": datetime.now(UTC).date().isoformat(),
        "command": command(sys.argv),
    }


def command(argv: list[str]) -> str:
    """How a module was started; of each path only the last name, for the rest is a matter of that machine alone."""
    script = Path(argv[0])
    module = script.parent.name + ("" if script.stem == "__main__" else f".{script.stem}")
    return " ".join(["python -m", module, *(Path(word).name if os.sep in word else word for word in argv[1:])])


def processor() -> str:
    """The processor's name and its widest vector instructions, which decide most of the speed."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    values = {key.strip(): value.strip() for key, value in fields.items()}
    widest = next((name for name in ("avx512f", "avx2", "avx") if name in values.get("flags", "").split()), "")
    return f"{values.get('model name', platform.machine())} {widest}".strip()


def save(name: str, result: dict, folder: Path) -> None:
    """Write one result as JSON, and show it."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(result, indent=2)
    (folder / f"{name}.json").write_text(text + "\n")
    print(text)
