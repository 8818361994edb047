"""Keep the outputs in the notebooks honest: python tools/notebooks.py run|fresh|verify [NOTEBOOK ...].

run      execute, clean the outputs, write them back, and stamp the notebook with a hash of its code
fresh    execute nothing: is the code still the one that was stamped, and are the outputs clean?
verify   execute, and compare with the outputs that are committed: text exactly, pictures within a tolerance

Outputs are cleaned of all that another run or another machine would not repeat, or that a reader has no use for: widget
state, standard error, terminal colours, progress bars that overwrote themselves, memory addresses, and folder names.
A cell tagged `nbval-skip` is not executed, one tagged `raises-exception` may fail, and one tagged `nbval-ignore-output`
is not compared. The set-up cell (tools/colab.py) has nothing to do here: it is left out of everything.
"""

from __future__ import annotations

import argparse
import ast
import base64
import copy
import hashlib
import io
import json
import os
import re
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parent.parent
STAMP = "pix2pix_edu"  # where in the notebook's metadata the hash is kept
SETUP = "colab-setup"  # the tag of the cell that tools/colab.py writes
WIDGET = "application/vnd.jupyter.widget-view+json"
CELL_SECONDS = 3600  # lesson 08 trains in one cell
PICTURE_TOLERANCE = 2.0  # mean difference, on a scale from 0 to 255

ADDRESS = re.compile(r"0x[0-9a-fA-F]{6,}")
TERMINAL_CODE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
OVERWRITTEN = re.compile(r"^[^\n]*\r(?=[^\r\n])", re.MULTILINE)


# --- Executing --------------------------------------------------------------------------------------------------------


def execute(notebook: NotebookNode, folder: Path, preset: str) -> NotebookNode:
    """A copy of the notebook with fresh, clean outputs and a fresh stamp.

    Args:
        notebook: what to run; it stays as it is.
        folder: the working folder of its kernel.
        preset: what preset "auto" stands for while it runs.
    """
    result = copy.deepcopy(notebook)
    skipped = [cell for cell in code_cells(result) if {"nbval-skip", SETUP} & set(tags(cell))]
    for cell in skipped:
        cell.metadata["tags"] = [*tags(cell), "skip-execution"]  # nbclient's own name for it
    client = NotebookClient(
        result,
        timeout=CELL_SECONDS,
        kernel_name="python3",
        store_widget_state=False,
        record_timing=False,
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute(env=kernel_environment(preset))
    for cell in skipped:
        cell.metadata["tags"].remove("skip-execution")

    for cell in code_cells(result):
        cell.metadata.pop("execution", None)
        cell.outputs = list(clean(cell.outputs))
    result.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
            STAMP: {"code_sha256": code_hash(result), "preset": preset},
        }
    )
    nbformat.validate(result)
    return result


def kernel_environment(preset: str) -> dict[str, str]:
    """The environment variables of the kernel: this preset, no progress bars, few notices, pictures for widgets."""
    return {
        **os.environ,
        "PIX2PIX_EDU_PRESET": preset,
        "PIX2PIX_EDU_BAKE": "1",  # widgets show a picture of themselves, which needs no kernel to be seen
        "TQDM_DISABLE": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONHASHSEED": "0",
    }


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """The cells that hold code."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def tags(cell: NotebookNode) -> list[str]:
    """The tags of a cell."""
    return list(cell.metadata.get("tags", []))


def code_hash(notebook: NotebookNode) -> str:
    """Changes when the code of a cell or its tags do, and not when prose, outputs or the set-up cell do."""
    code = [[cell.source, sorted(tags(cell))] for cell in code_cells(notebook) if SETUP not in tags(cell)]
    return hashlib.sha256(json.dumps(code).encode()).hexdigest()


# --- Cleaning ---------------------------------------------------------------------------------------------------------


def clean(outputs: Iterable[NotebookNode]) -> Iterable[NotebookNode]:
    """The outputs of one cell without what changes from run to run."""
    for output in merged_streams(output for output in outputs if output.get("name") != "stderr"):
        if output.output_type == "stream":
            output.text = clean_text(final_lines(output.text))
            if output.text.strip():
                yield output
        elif output.output_type == "error":
            output.traceback = [clean_text(line) for line in output.traceback]
            output.evalue = clean_text(output.evalue)
            yield output
        else:
            widget = output.data.pop(WIDGET, None)
            output.metadata.pop(WIDGET, None)
            for kind, value in output.data.items():
                if kind.startswith("text/") and isinstance(value, str):
                    output.data[kind] = clean_text(value)
            if not widget or set(output.data) - {"text/plain"}:  # a bare widget cannot be shown without a kernel
                yield output


def add_descriptions(notebook: NotebookNode, name: str) -> list[str]:
    """Give the pictures of a notebook the descriptions of tools/alt_texts.toml; returns what is wrong with those."""
    if str(ROOT) not in sys.path:  # as a script, Python looks in tools/ only
        sys.path.insert(0, str(ROOT))
    from tools import alt_text

    return alt_text.describe(notebook, alt_text.load_table().get(name, {}))


def merged_streams(outputs: Iterable[NotebookNode]) -> list[NotebookNode]:
    """Neighbouring pieces of one stream as one output: how they were cut depends on timing."""
    result: list[NotebookNode] = []
    for output in outputs:
        last = result[-1] if result else None
        if last is not None and output.output_type == last.output_type == "stream" and output.name == last.name:
            last.text += output.text
        else:
            result.append(output)
    return result


def final_lines(text: str) -> str:
    """What a terminal shows in the end, after backspaces and carriage returns: of a progress bar, its last state."""
    while "\b" in text:
        shorter = re.sub(r"[^\n\b]\x08", "", text)
        text = shorter if shorter != text else text.replace("\b", "")
    return OVERWRITTEN.sub("", TERMINAL_CODE.sub("", text).replace("\r\n", "\n")).replace("\r", "")


def clean_text(text: str) -> str:
    """Text without terminal colours, memory addresses, and the names of this machine's folders."""
    text = ADDRESS.sub("0x...", TERMINAL_CODE.sub("", text))
    for folder, short in ((str(ROOT), "."), (str(Path.home()), "~")):
        if folder != os.sep:
            text = re.sub(rf"(?<![\w./~-]){re.escape(folder)}(?![\w.-])", short, text)
    return text


# --- Checking ---------------------------------------------------------------------------------------------------------


def staleness(notebook: NotebookNode, preset: str = "small") -> list[str]:
    """What is wrong with the outputs, seen without executing anything; empty if they are fresh and clean.

    Args:
        notebook: what to look at.
        preset: the preset that its outputs should come from.
    """
    problems = []
    stamp = notebook.metadata.get(STAMP, {})
    if "code_sha256" not in stamp:
        problems.append("has no stamp: its outputs were not made by `make notebooks`")
    elif stamp["code_sha256"] != code_hash(notebook):
        problems.append("its code changed after its outputs were made")
    elif stamp.get("preset") != preset:
        problems.append(f"its outputs come from preset {stamp.get('preset')}, not {preset}")
    if "widgets" in notebook.metadata:
        problems.append("holds widget state")
    executed = [cell for cell in code_cells(notebook) if not {"nbval-skip", SETUP} & set(tags(cell))]
    counts = [cell.execution_count for cell in executed if cell.source.strip()]
    if counts != list(range(1, len(counts) + 1)):
        problems.append(f"was not run once from top to bottom (execution counts {counts})")
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            problems += [f"cell {number} {problem}" for problem in unclean(cell)]
    return problems


def unclean(cell: NotebookNode) -> Iterable[str]:
    """What should not be among the outputs of a cell."""
    for output in cell.outputs:
        text = json.dumps(output.get("text", "")) + json.dumps(output.get("data", {}).get("text/plain", ""))
        if output.output_type == "error" and "raises-exception" not in tags(cell):
            yield f"failed with {output.ename}: {output.evalue}"
        if output.get("name") == "stderr":
            yield "holds standard error"
        if WIDGET in output.get("data", {}):
            yield "holds a live widget"
        if "\\u001b[" in text or "\\r" in text or "\\b" in text:
            yield "holds terminal codes"
        if ADDRESS.search(text):
            yield "holds a memory address"
        pictures = [kind for kind in output.get("data", {}) if kind.startswith("image/")]
        if not all(output.metadata.get(kind, {}).get("alt") for kind in pictures):
            yield "shows a picture without a description: python tools/alt_text.py"


def differences(committed: NotebookNode, fresh: NotebookNode) -> list[str]:
    """Where the outputs of two executions differ, cell by cell."""
    problems = []
    for number, (old, new) in enumerate(zip(code_cells(committed), code_cells(fresh), strict=True), start=1):
        if not {"nbval-ignore-output", "nbval-skip"} & set(tags(old)):
            problems += [f"code cell {number}: {problem}" for problem in cell_differences(old.outputs, new.outputs)]
    return problems


def cell_differences(old: list[NotebookNode], new: list[NotebookNode]) -> Iterable[str]:
    """Where the outputs of one cell differ."""
    if [kinds(output) for output in old] != [kinds(output) for output in new]:
        yield f"shows {[kinds(output) for output in new]}, not {[kinds(output) for output in old]}"
        return
    for before, after in zip(old, new, strict=True):
        for name in ("text", "ename", "evalue"):
            if before.get(name) != after.get(name):
                yield f"says {excerpt(after.get(name))}, not {excerpt(before.get(name))}"
        for kind, value in before.get("data", {}).items():
            if kind.startswith("image/") and kind != "image/svg+xml":
                distance = picture_distance(value, after.data[kind])
                if distance > PICTURE_TOLERANCE:
                    yield f"shows another picture (mean difference {distance:.1f} of 255)"
            elif value != after.data[kind]:
                yield f"shows {excerpt(after.data[kind])}, not {excerpt(value)}"


def kinds(output: NotebookNode) -> str:
    """What an output consists of, such as "stream" or "image/png text/plain"."""
    return " ".join(sorted(output.get("data", {}))) or str(output.output_type)


def excerpt(value: Any) -> str:
    """The beginning of a text, for a message."""
    text = str(value)
    return repr(text if len(text) <= 80 else text[:80] + "...")


def picture_distance(one: str, other: str) -> float:
    """Mean absolute difference of two pictures in base64, on a scale from 0 to 255; infinite if their sizes differ."""
    import numpy as np
    from PIL import Image

    arrays = [
        np.asarray(Image.open(io.BytesIO(base64.b64decode(text))).convert("RGBA"), dtype=float) for text in (one, other)
    ]
    return float(np.abs(arrays[0] - arrays[1]).mean()) if arrays[0].shape == arrays[1].shape else float("inf")


# --- The command ------------------------------------------------------------------------------------------------------


def handle(command: str, path: Path, preset: str) -> list[str]:
    """Do one command on one notebook; returns what is wrong with it."""
    notebook = nbformat.read(path, as_version=4)
    if command == "fresh":
        return staleness(notebook, preset)
    try:
        fresh = execute(notebook, path.resolve().parent, preset)
    except CellTimeoutError:
        return [f"a cell took longer than {CELL_SECONDS} seconds"]
    except CellExecutionError as error:
        return [TERMINAL_CODE.sub("", str(error)).strip()]
    except DeadKernelError:
        return ["its kernel died; too little memory is the usual reason"]
    if command == "verify":
        return differences(notebook, fresh)
    problems = add_descriptions(fresh, path.stem)
    temporary = path.with_suffix(".ipynb.tmp")
    nbformat.write(fresh, temporary)
    temporary.replace(path)  # a kill while writing leaves the old notebook whole
    return problems + staleness(fresh, preset)


def definitions(name: str) -> dict[str, Any]:
    """The imports and the functions of a lesson, without anything that it runs: tests compare them with the library."""
    kept = (ast.Import, ast.ImportFrom, ast.FunctionDef)
    namespace: dict[str, Any] = {}
    for cell in nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4).cells:
        if cell.cell_type == "code":
            body: list[ast.stmt] = [node for node in ast.parse(cell.source).body if isinstance(node, kept)]
            exec(compile(ast.Module(body, type_ignores=[]), f"{name}.ipynb", "exec"), namespace)
    return namespace


def main(arguments: list[str] | None = None) -> int:
    """Run the command on all notebooks, or on those named; returns 1 if anything is wrong with any of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["run", "fresh", "verify"])
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: all in notebooks/")
    parser.add_argument("--preset", default="small", help='what preset "auto" stands for (default: small)')
    options = parser.parse_args(arguments)

    wrong = 0
    for path in options.notebooks or sorted((ROOT / "notebooks").glob("*.ipynb")):
        start = time.monotonic()
        problems = handle(options.command, path, options.preset)
        wrong += bool(problems)
        print(f"{path.name}: {'; '.join(problems) or 'ok'}  ({time.monotonic() - start:.0f} s)", flush=True)
    if wrong:
        hint = "\nTo make the outputs again: make notebooks" if options.command != "run" else ""
        print(f"{wrong} notebook(s) are not right.{hint}", file=sys.stderr)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
