"""Give every picture in the notebooks a description: python tools/alt_text.py apply|check|show [NOTEBOOK ...].

apply    write the texts of tools/alt_texts.toml into the outputs of their cells; nothing is executed
check    change nothing: which pictures have no description, and which texts belong to a cell that has changed since?
show     save the pictures that are in the table, or have no description, below build/alt, to be looked at

Most figures bring a description of their own (see pix2pix_edu/widgets/alt.py). The table holds the others, and texts
that say more than a figure's own, which they replace. Its `code` is a hash of the cell. Once a cell has changed, look
at its picture (`show`), mend the text, and leave `code` empty: `apply` fills it in. Look again as well when a training
comes out otherwise: the hash cannot tell. The stamp of a notebook stays valid: it is made of code and tags, and not of
outputs.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "tools" / "alt_texts.toml"
PICTURES = ROOT / "build" / "alt"
SHORTEST = 12  # characters of a description that says something


def load_table(path: Path = TABLE) -> dict[str, dict[str, dict[str, str]]]:
    """notebook -> id of the cell -> "code" and "text"."""
    return tomllib.loads(path.read_text(encoding="utf-8"))


def pictures(notebook: NotebookNode) -> Iterator[tuple[NotebookNode, NotebookNode, list[str]]]:
    """Every output that is a picture: its cell, itself, and in which formats it is there."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            formats = [kind for kind in output.get("data", {}) if kind.startswith("image/")]
            if formats:
                yield cell, output, formats


def alt_of(output: NotebookNode) -> str:
    """The description of an output, or nothing."""
    found = [entry.get("alt", "") for kind, entry in output.metadata.items() if kind.startswith("image/")]
    return next(filter(None, found), "")


def describe(notebook: NotebookNode, texts: dict[str, dict[str, str]]) -> list[str]:
    """Write the texts of one notebook into its outputs, in place; doing it twice changes nothing more.

    Args:
        notebook: whose outputs get descriptions.
        texts: id of the cell -> "code" and "text". An empty "code" is filled in.

    Returns:
        What is wrong, in words: a text whose cell has changed or is not there is not written.
    """
    problems, used = [], set()
    for cell, output, formats in pictures(notebook):
        entry = texts.get(cell.id)
        if entry is not None:
            used.add(cell.id)
            entry["code"] = entry["code"] or hash_of(cell)
            if entry["code"] != hash_of(cell):
                problems.append(f"cell {cell.id} has changed since its picture was described; look at it again")
                continue
        text = entry["text"] if entry is not None else alt_of(output)
        for kind in formats if text else []:
            alt = re.sub(r"([?!])\.(?= |$)", r"\1", text)  # widgets used to end a title "What if?" with a stop
            output.metadata.setdefault(kind, {})["alt"] = alt
    problems += [f"there is a text for cell {name}, which shows no picture" for name in texts if name not in used]
    return problems


def missing(notebook: NotebookNode) -> list[str]:
    """The pictures of a notebook without a description, in words."""
    return [
        f"cell {cell.id} shows a picture without a description"
        for cell, output, formats in pictures(notebook)
        if any(len(output.metadata.get(kind, {}).get("alt", "")) < SHORTEST for kind in formats)
    ]


def hash_of(cell: NotebookNode) -> str:
    """The first eight digits of a hash of the code of a cell."""
    return hashlib.sha256(cell.source.encode()).hexdigest()[:8]


def for_myst(notebook: dict[str, Any]) -> dict[str, Any]:
    """A notebook whose pictures have their descriptions where myst-nb looks for them: in the metadata of the cell.

    Args:
        notebook: as JSON; it is changed in place.

    Raises:
        ValueError: a cell with several pictures that need different descriptions; myst-nb has one for all of them.
    """
    for cell in notebook["cells"]:
        found = {
            entry["alt"]
            for output in cell.get("outputs", [])
            for kind, entry in output.get("metadata", {}).items()
            if kind.startswith("image/") and entry.get("alt")
        }
        if len(found) > 1:
            raise ValueError(f"Cell {cell.get('id')} shows {len(found)} pictures: show each of them in its own cell.")
        if found:
            options = cell["metadata"].setdefault("mystnb", {}).setdefault("image", {})
            options["alt"] = found.pop()
    return notebook


# --- The command ------------------------------------------------------------------------------------------------------


def fill_in(path: Path, table: dict[str, dict[str, dict[str, str]]]) -> None:
    """Write hashes that were empty into the table; its comments and its order stay."""
    lines, entry = [], None
    for line in path.read_text(encoding="utf-8").splitlines():
        if match := re.fullmatch(r"\[(\w+)\.([\w-]+)\]", line):
            entry = table[match[1]][match[2]]
        lines.append(f'code = "{entry["code"]}"' if line == 'code = ""' and entry is not None else line)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def save(notebook: NotebookNode, name: str, texts: dict[str, dict[str, str]]) -> list[str]:
    """Save the pictures that need a text; returns the names of the files."""
    names = []
    for number, (cell, output, formats) in enumerate(pictures(notebook)):
        if (cell.id in texts or not alt_of(output)) and "image/png" in formats:
            PICTURES.mkdir(parents=True, exist_ok=True)
            file = PICTURES / f"{name}-{cell.id}-{number}.png"
            file.write_bytes(base64.b64decode(output.data["image/png"]))
            names.append(str(file.relative_to(ROOT)))
    return names


def handle(command: str, path: Path, texts: dict[str, dict[str, str]]) -> list[str]:
    """Do one command on one notebook; returns what is wrong with it, or what was saved."""
    notebook = nbformat.read(path, as_version=4)
    if command == "show":
        return save(notebook, path.stem, texts)
    before = nbformat.writes(notebook)
    problems = describe(notebook, texts)
    after = nbformat.writes(notebook)
    if command == "apply" and after != before:
        temporary = path.with_suffix(".ipynb.tmp")
        nbformat.write(notebook, temporary)
        temporary.replace(path)  # a kill while writing leaves the old notebook whole
    if command == "check" and after != before:
        problems.append("its descriptions are not those of the table: python tools/alt_text.py apply")
    return problems + missing(notebook)


def main(arguments: list[str] | None = None) -> int:
    """Run the command on all notebooks, or on those named; returns 1 if anything is wrong with any of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["apply", "check", "show"])
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: all in notebooks/")
    options = parser.parse_args(arguments)

    table, wrong = load_table(), 0
    for path in options.notebooks or sorted((ROOT / "notebooks").glob("*.ipynb")):
        said = handle(options.command, path, table.get(path.stem, {}))
        wrong += bool(said) and options.command != "show"
        print(f"{path.name}: {'; '.join(said) or 'ok'}")
    if options.command == "apply":
        fill_in(TABLE, table)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
