"""Install the wheel as a stranger would, and use it: python tools/matrix.py [--python 3.13] [--set colab] ...

The wheel is built once. For each Python and each set of versions it is installed into a throw-away environment in a
temporary folder, with no repository around it:

newest   the versions of constraints.txt             import the package, ask the doctor, translate a picture
oldest   the lowest versions that pyproject.toml     the same
         allows and that this Python can install
colab    the versions of constraints-colab.txt are   run every notebook with preset tiny; no version that was there
         there first, then the wheel comes           may have changed

Without options: newest and oldest on every Python that the course supports and this machine has, colab on Colab's
own. It needs uv, and what the package index has.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SETS = ("newest", "oldest", "colab")
COLABS_PYTHON = "3.13"
RUNNERS = ["pip", "nbclient>=0.10.2", "nbformat>=5.10"]  # for the set-up cell, and to execute notebooks
NOTEBOOK_SECONDS = 1800
EXCERPT = 3000  # characters of a failure that are shown
TERMINAL_CODE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")  # the colours of a notebook's traceback


class MatrixError(Exception):
    """It cannot begin; the message is one paragraph that says what to do."""


class Failed(Exception):
    """One part went wrong; the message is what it printed."""


@dataclass(frozen=True)
class Row:
    """What was tried, where, and how it went."""

    python: str
    versions: str
    what: str
    result: str
    seconds: float

    @property
    def is_fine(self) -> bool:
        """Whether nothing is wrong."""
        return self.result.startswith("ok")


# --- Which combinations -----------------------------------------------------------------------------------------------


def supported_pythons() -> list[str]:
    """The versions of Python that pyproject.toml names, such as "3.13"."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [line.rsplit(" ", 1)[1] for line in project["classifiers"] if re.search(r"Python :: \d\.\d+$", line)]


def find_python(version: str) -> Path | None:
    """A Python of this version that really runs: ours, one on the PATH, or one that pyenv keeps beside others."""
    name = f"python{version}"
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [Path(sys.executable)]
    candidates += [Path(folder) / name for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    candidates += sorted(pyenv.glob(f"{version}*/bin/{name}"), reverse=True)
    return next((path for path in candidates if version_of(path) == version), None)


def version_of(python: Path) -> str | None:
    """The version of a Python, such as "3.13"; None for a command that fails, as those of version managers may."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def combinations(pythons: Iterable[str], sets: Iterable[str] | None) -> list[tuple[str, str]]:
    """Each Python with each set; without a choice of sets, Colab's versions only on Colab's Python.

    >>> combinations(["3.12"], None)
    [('3.12', 'newest'), ('3.12', 'oldest')]
    """
    chosen = SETS if sets is None else tuple(sets)
    return [
        (python, versions)
        for python in pythons
        for versions in chosen
        if sets is not None or versions != "colab" or python == COLABS_PYTHON
    ]


# --- One combination --------------------------------------------------------------------------------------------------


def find_uv() -> list[str]:
    """The command that starts uv."""
    if subprocess.run([sys.executable, "-m", "uv", "--version"], capture_output=True).returncode == 0:
        return [sys.executable, "-m", "uv"]
    if program := shutil.which("uv"):
        return [program]
    raise MatrixError(f"uv was not found. Type: {sys.executable} -m pip install uv")


def build_wheel(uv: list[str], folder: Path) -> Path:
    """Build the wheel of the repository into a folder."""
    run([*uv, "build", "--quiet", "--wheel", "--out-dir", str(folder), str(ROOT)], folder)
    (wheel,) = folder.glob("*.whl")
    return wheel


def packages(versions: str, wheel: Path) -> list[str]:
    """What uv is to install; in the set "colab", what is there before the wheel.

    >>> packages("newest", Path("x.whl"))
    ['--constraint', 'constraints.txt', 'x.whl']
    """
    if versions == "colab":
        return ["--requirements", "constraints-colab.txt", *RUNNERS]
    if versions == "oldest":
        # uv takes what a wheel needs for indirect, hence pyproject.toml as well. A package that has no wheel for this
        # Python would have to be compiled, if it can be at all: the next version that has one is the oldest here.
        lowest = ["--resolution", "lowest-direct", "--only-binary", ":all:"]
        return [*lowest, "--requirements", "pyproject.toml", str(wheel)]
    return ["--constraint", "constraints.txt", str(wheel)]


def install(uv: list[str], python: Path, venv: Path, versions: str, wheel: Path) -> str:
    """Make the environment; returns what is worth saying about it.

    Raises:
        Failed: it cannot be installed, or it replaced what was there.
    """
    run([*uv, "venv", "--quiet", "--python", str(python), str(venv)], ROOT)
    inside = str(program(venv, "python"))
    run([*uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", inside, *packages(versions, wheel)], ROOT)
    before = installed(uv, venv)
    if versions != "colab":
        return ", ".join(f"{name} {before[name]}" for name in ("tensorflow", "keras", "numpy", "ipywidgets"))
    run([inside, "-c", setup_code(wheel)], venv)
    after = installed(uv, venv)
    if changed := [f"{name} {version}" for name, version in before.items() if after.get(name) != version]:
        raise Failed(f"the set-up cell replaced {', '.join(changed)}")
    return f"{len(after) - len(before)} packages came, none of {len(before)} changed"


def setup_code(wheel: Path) -> str:
    """The set-up cell of the notebooks, for this wheel and not for the repository."""
    if str(ROOT) not in sys.path:  # as a script, Python looks in tools/ only
        sys.path.insert(0, str(ROOT))
    from tools import colab

    return colab.setup_code(f"pix2pix-edu @ {wheel.as_uri()}")


def installed(uv: list[str], venv: Path) -> dict[str, str]:
    """The version of each package in an environment."""
    command = [*uv, "pip", "list", "--quiet", "--format", "json", "--python", str(program(venv, "python"))]
    return {package["name"]: package["version"] for package in json.loads(run(command, ROOT))}


def program(venv: Path, name: str) -> Path:
    """A program of a virtual environment."""
    return venv / "Scripts" / f"{name}.exe" if os.name == "nt" else venv / "bin" / name


IMPORT = """
import sys
import pix2pix_edu
from pix2pix_edu.paths import shipped
assert pix2pix_edu.__file__.startswith(sys.prefix), pix2pix_edu.__file__
assert shipped("weights", "emoji.p2p").is_file()
print(pix2pix_edu.__version__)
"""
DRAW = """
from PIL import Image, ImageDraw
picture = Image.new("RGB", (100, 80), "white")
ImageDraw.Draw(picture).ellipse((15, 10, 80, 70), outline="black", width=3)
picture.save("sketch.png")
"""
LOOK = """
from PIL import Image
picture = Image.open("coloured.png").convert("RGB")
assert picture.size == (100, 80), picture.size
colours = {max(pixel) - min(pixel) for pixel in picture.getdata()}
assert max(colours) > 50, "it is grey"
print(f"{picture.width} x {picture.height} px, in colour")
"""
EXECUTE = """
import sys
import nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], 4)
for cell in notebook.cells:
    tags = cell.metadata.get("tags", [])
    if "nbval-skip" in tags and "colab-setup" not in tags:  # such as a server that would go on running
        cell.metadata.tags = [*tags, "skip-execution"]
NotebookClient(notebook, timeout=None, kernel_name="python3").execute()
print(sum(cell.cell_type == "code" for cell in notebook.cells), "cells")
"""


def translate_one(venv: Path, folder: Path) -> str:
    """Draw a circle, and let the command colour it."""
    python = str(program(venv, "python"))
    run([python, "-c", DRAW], folder)
    command = [str(program(venv, "pix2pix-edu")), "translate", "--input", "sketch.png", "--output", "coloured.png"]
    run(command, folder)
    return run([python, "-c", LOOK], folder).strip()


def uses(venv: Path, folder: Path, versions: str, notebooks: list[str]) -> list[tuple[str, Callable[[], str]]]:
    """What is done with an installed wheel: names and functions, which return a remark or raise Failed."""
    python = str(program(venv, "python"))
    if versions == "colab":
        shutil.copytree(ROOT / "notebooks", folder / "notebooks", ignore=shutil.ignore_patterns(".*", "runs"))
        return [
            (path.stem, partial(run, [python, "-c", EXECUTE, path.name], path.parent, NOTEBOOK_SECONDS))
            for path in sorted((folder / "notebooks").glob("*.ipynb"))
            if not notebooks or path.name.startswith(tuple(notebooks))
        ]
    return [
        ("import", partial(run, [python, "-c", IMPORT], folder)),
        ("doctor", lambda: run([str(program(venv, "pix2pix-edu")), "doctor"], folder).strip().splitlines()[-1]),
        ("translate", partial(translate_one, venv, folder)),
    ]


def run(command: list[str], folder: Path, seconds: float = 900) -> str:
    """Run a command; returns what it printed.

    Raises:
        Failed: it failed, or took too long.
    """
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=seconds, env=environment(), check=False
        )
    except subprocess.TimeoutExpired:
        raise Failed(f"took longer than {seconds:.0f} seconds: {line_of_command(command)}") from None
    if done.returncode:
        said = TERMINAL_CODE.sub("", done.stdout + done.stderr).strip()
        raise Failed(f"{line_of_command(command)}\n{said[-EXCERPT:]}")
    return done.stdout


def line_of_command(command: list[str]) -> str:
    """A command in one line: code that it is given is left out."""
    return " ".join("..." if "\n" in part else part for part in command)


def environment() -> dict[str, str]:
    """Our environment without what would lead Python back to the repository, and with the smallest networks."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "TQDM_DISABLE": "1", "MPLBACKEND": "Agg"}
    return {**kept, **quiet, "PIX2PIX_EDU_PRESET": "tiny", "PIX2PIX_EDU_STRICT_WIDGETS": "1"}


# --- The command ------------------------------------------------------------------------------------------------------


def try_combination(
    uv: list[str], python: str, versions: str, wheel: Path, notebooks: list[str], folder: Path
) -> list[Row]:
    """Everything for one Python and one set of versions; what follows a failed installation is left out."""
    executable, venv, empty = find_python(python), folder / "venv", folder / "empty"
    assert executable is not None  # the caller has looked
    empty.mkdir(parents=True)
    rows = [attempt(python, versions, "install", lambda: install(uv, executable, venv, versions, wheel))]
    if rows[0].is_fine:
        for what, work in uses(venv, empty, versions, notebooks):
            rows.append(attempt(python, versions, what, work))
    return rows


def attempt(python: str, versions: str, what: str, work: Callable[[], str]) -> Row:
    """Do one thing and time it; a failure is printed, and becomes a row like any other."""
    start = time.monotonic()
    try:
        remark = work().strip()
        result = f"ok: {remark.splitlines()[-1]}" if remark else "ok"
    except Failed as error:
        print(f"\n{python} {versions} {what} FAILED: {error}\n", flush=True)
        result = "FAILED"
    row = Row(python, versions, what, result, time.monotonic() - start)
    print(line_of(row), flush=True)
    return row


def line_of(row: Row) -> str:
    """One row of the table."""
    return f"{row.python:6}  {row.versions:6}  {row.what:24}  {row.seconds:6.0f} s  {row.result}"


def main(arguments: list[str] | None = None) -> int:
    """Run the matrix; returns 1 if anything failed, 2 if it could not begin."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", nargs="+", metavar="VERSION", choices=supported_pythons(), help="such as 3.13")
    parser.add_argument("--set", nargs="+", choices=SETS, dest="sets", help="default: all")
    parser.add_argument("--notebooks", nargs="+", default=[], metavar="00", help="colab: these only; default: all")
    options = parser.parse_args(arguments)
    found = {version: find_python(version) for version in options.python or supported_pythons()}
    missing = [version for version, path in found.items() if path is None]
    wanted = combinations([version for version, path in found.items() if path is not None], options.sets)
    try:
        if options.python and missing:
            raise MatrixError(f"Python {', '.join(missing)} is not on this machine. Install it, or leave out --python.")
        if not wanted:
            raise MatrixError(f"There is nothing to try: no Python {', '.join(missing)} is on this machine.")
        with tempfile.TemporaryDirectory(prefix="pix2pix-edu-matrix-") as name:
            uv = find_uv()
            wheel = build_wheel(uv, Path(name))
            print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB", flush=True)
            rows = []
            for python, versions in wanted:
                folder = Path(name) / f"{python}-{versions}"
                rows += try_combination(uv, python, versions, wheel, options.notebooks, folder)
                shutil.rmtree(folder)  # an environment takes 2.5 GB
    except (MatrixError, Failed) as error:
        print(error, file=sys.stderr)
        return 2
    print(summary(rows, missing))
    return int(not all(row.is_fine for row in rows))


def summary(rows: list[Row], missing: list[str]) -> str:
    """The whole table, what was left out, and the result in one sentence."""
    lines = ["", "Python  set     what                      seconds   result", *map(line_of, rows), ""]
    for version in missing:
        lines.append(f"Python {version} is not on this machine: nothing was tried with it.")
    if others := sorted({row.python for row in rows if row.versions == "colab" and row.python != COLABS_PYTHON}):
        lines.append(f"Colab has Python {COLABS_PYTHON}; its versions were tried on {', '.join(others)} as well.")
    wrong = sum(not row.is_fine for row in rows)
    return "\n".join([*lines, f"{len(rows)} tried, {wrong} failed."])


if __name__ == "__main__":
    sys.exit(main())
