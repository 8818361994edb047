"""Badges and the set-up cell of every notebook: python tools/colab.py stamp|check [FILE ...].

stamp   write them into all notebooks, and the badges into README.md; what is right already is left alone
check   write nothing: exit with 1, and name the files that `stamp` would change

Both are made from the repository's address in pyproject.toml, under [project.urls]. A fork changes that line and runs
`stamp`. The badges stand below the title of a notebook, and open it in Colab or Binder from the branch `main`. The
set-up cell is the second cell. It installs the course where it is missing, as on Colab, and keeps every version that
is there already. Front ends that can hide it do: it is no part of the lesson.

Nothing but Python's standard library is needed.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BRANCH = "main"
TAG = "colab-setup"  # tools/notebooks.py, tools/matrix.py and docs/ know the cell by it
BADGES = "[![Open in Colab]"  # how the line of badges begins
README_BADGES = re.compile(r"(?<=<!-- badges: made by `make stamp` -->\n).*?(?=\n<!-- end of badges -->)", re.DOTALL)

SETUP = """\
# @title Set-up for Colab; it does nothing where the course is installed
import functools
import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path

if importlib.util.find_spec("pix2pix_edu") is None:
    course = "COURSE"
    print(f"The course is not installed here. This takes a minute or two: pip install '{course}'", flush=True)
    run = functools.partial(subprocess.run, capture_output=True, text=True)
    pip, pins = [sys.executable, "-m", "pip"], Path(tempfile.mkdtemp(), "constraints.txt")
    done = run([*pip, "list", "--format=freeze", "--disable-pip-version-check"])
    if done.returncode == 0:
        pins.write_text(done.stdout)  # pip may add to what is here, and must not replace any of it
        done = run([*pip, "install", "--constraint", str(pins), course])
    if done.returncode:
        advice = "Is there a network? On a computer of your own, `make course` opens the lessons with all they need."
        said = (done.stdout + done.stderr)[-2000:]
        raise RuntimeError(f"pip could not install the course. {advice} pip says:\\n{said}")
    importlib.invalidate_caches()
    print("Installed. Everything that was here before has kept its version.")
if "google.colab" in sys.modules:  # it shows the course's own widgets only after this
    importlib.import_module("google.colab.output").enable_custom_widget_manager()"""


class StampError(Exception):
    """A file cannot be stamped; the message is one paragraph that says what to do."""


# --- What is written --------------------------------------------------------------------------------------------------


def repository() -> str:
    """The address of the repository, from pyproject.toml, without an ending.

    Raises:
        StampError: it is not on GitHub, where Colab and Binder look.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    address = project["urls"]["Repository"].removesuffix("/").removesuffix(".git")
    if not re.fullmatch(r"https://github\.com/[\w.-]+/[\w.-]+", address):
        raise StampError(
            f"pyproject.toml names the repository {address}. Colab and Binder open notebooks by an address like "
            "https://github.com/OWNER/NAME: write yours there, under [project.urls]."
        )
    return address


def badges(address: str, name: str) -> str:
    """The line of badges of one notebook."""
    project = address.removeprefix("https://github.com/")
    colab = f"https://colab.research.google.com/github/{project}/blob/{BRANCH}/notebooks/{name}"
    binder = f"https://mybinder.org/v2/gh/{project}/{BRANCH}?labpath=notebooks%2F{name}"  # in JupyterLab
    return (
        f"[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({colab}) "
        f"[![Open in Binder](https://mybinder.org/badge_logo.svg)]({binder})"
    )


def setup_code(course: str) -> str:
    """The code of the set-up cell.

    Args:
        course: what pip is to install, such as "pix2pix-edu @ git+https://github.com/OWNER/NAME" or a wheel's path.
    """
    return SETUP.replace("COURSE", course)


def setup_cell(address: str) -> dict[str, Any]:
    """The set-up cell: hidden by JupyterLab (`source_hidden`) and Colab (`cellView`), left out of the site."""
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": TAG,
        "metadata": {"cellView": "form", "jupyter": {"source_hidden": True}, "tags": [TAG, "remove-cell"]},
        "outputs": [],
        "source": lines_of(setup_code(f"pix2pix-edu @ git+{address}")),
    }


# --- Where it is written ----------------------------------------------------------------------------------------------


def stamp_notebook(text: str, name: str, address: str) -> str:
    """A notebook, as the text of its file, with its badges and its set-up cell.

    Raises:
        StampError: it does not begin with a title.
    """
    notebook = json.loads(text)
    first, *others = notebook["cells"]
    title, *rest = "".join(first["source"]).split("\n")
    if first["cell_type"] != "markdown" or not title.startswith("# "):
        raise StampError(f"{name} does not begin with a title: its first cell must be Markdown, and begin with `# `.")
    prose = "\n".join(line for line in rest if not line.startswith(BADGES)).lstrip("\n")
    first["source"] = lines_of(f"{title}\n\n{badges(address, name)}\n\n{prose}".rstrip("\n"))
    others = [cell for cell in others if TAG not in cell["metadata"].get("tags", [])]
    notebook["cells"] = [first, setup_cell(address), *others]
    # As nbformat writes it, so that nothing changes beside what was stamped.
    return json.dumps(notebook, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def stamp_readme(text: str, address: str) -> str:
    """README.md with the badges of the first lesson between its two comments.

    Raises:
        StampError: the comments are missing.
    """
    stamped, count = README_BADGES.subn(lambda _: badges(address, "00_start_here.ipynb"), text)
    if count != 1:
        raise StampError("README.md lacks the two comments between which its badges stand: git diff README.md")
    return stamped


def lines_of(text: str) -> list[str]:
    """Text as notebooks keep it: a list of lines with their ends."""
    return text.splitlines(keepends=True)


def stamped(path: Path, address: str) -> str:
    """What a file should hold."""
    text = path.read_text(encoding="utf-8")
    return stamp_notebook(text, path.name, address) if path.suffix == ".ipynb" else stamp_readme(text, address)


# --- The command ------------------------------------------------------------------------------------------------------


def files() -> list[Path]:
    """All files that are stamped."""
    return [*sorted((ROOT / "notebooks").glob("*.ipynb")), ROOT / "README.md"]


def write(path: Path, text: str) -> None:
    """Replace a file; a kill in between leaves the old one whole."""
    temporary = path.with_name(f"{path.name}.tmp")
    temporary.write_text(text, encoding="utf-8", newline="\n")
    temporary.replace(path)


def main(arguments: list[str] | None = None) -> int:
    """Stamp or check; returns 1 if `check` found a difference, 2 if something cannot be stamped."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["stamp", "check"])
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="default: all notebooks, and README.md")
    options = parser.parse_args(arguments)
    try:
        address = repository()
        wanted = {path: stamped(path, address) for path in options.files or files()}
    except StampError as error:
        print(error, file=sys.stderr)
        return 2
    different = {path: text for path, text in wanted.items() if path.read_text(encoding="utf-8") != text}
    if options.command == "stamp":
        for path, text in different.items():
            write(path, text)
            print(f"stamped {path.name}")
    elif different:
        names = ", ".join(path.name for path in different)
        print(f"These have not the badges and the set-up cell of {address}: {names}. Type: make stamp", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
