"""Descriptions of the lessons' pictures: all have one that says something, and tools/alt_text.py on small notebooks."""

from __future__ import annotations

import base64
import io
import re
from collections import Counter
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output
from PIL import Image

from tools import alt_text as tool
from tools.notebooks import STAMP, code_hash

NOTEBOOKS = sorted((tool.ROOT / "notebooks").glob("*.ipynb"))
SHORTEST = 25  # characters; "Ten rows of generated digits: 0 to 9." has 37
FILE = re.compile(r"\w+\.(png|jpe?g|webp|svg|ipynb)\b", re.IGNORECASE)


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


# --- The lessons ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_picture_says_what_is_to_be_seen(path):
    texts = {}
    for cell, output, formats in tool.pictures(read(path)):
        alts = {output.metadata.get(kind, {}).get("alt", "") for kind in formats}
        assert len(alts) == 1, f"cell {cell.id}: {alts}"
        texts[cell.id] = alts.pop()
    assert texts, "a lesson without a picture"
    assert {name: text for name, text in texts.items() if len(text) < SHORTEST} == {}
    assert {name: text for name, text in texts.items() if FILE.search(text) or "<" in text} == {}
    assert {text: count for text, count in Counter(texts.values()).items() if count > 1} == {}
    assert {name: text for name, text in texts.items() if not re.search(r"[.?!]$", text)} == {}, "no whole sentence"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_table_fits_the_lessons(path):
    """No text for a cell that has changed since, none for a cell without a picture, and all of them written."""
    assert tool.handle("check", path, tool.load_table().get(path.stem, {})) == []


def test_the_table_knows_the_lessons_and_is_filled_in():
    table = tool.load_table()
    assert set(table) <= {path.stem for path in NOTEBOOKS}
    entries = [entry for texts in table.values() for entry in texts.values()]
    assert len(entries) > 30
    assert all(re.fullmatch(r"[0-9a-f]{8}", entry["code"]) and len(entry["text"]) >= SHORTEST for entry in entries)


def test_readme_and_pages_describe_their_pictures():
    found = {}
    for path in (tool.ROOT / "README.md", *sorted((tool.ROOT / "docs").glob("*.md"))):
        for alt, target in re.findall(r"!\[([^\]]*)\]\(([^)]*)\)", path.read_text(encoding="utf-8")):
            found[f"{path.name}: {target}"] = alt
    badges = {name: found.pop(name) for name in list(found) if "https://" in name}  # links: they say where to
    assert found
    assert {name: alt for name, alt in found.items() if len(alt) < SHORTEST or FILE.search(alt)} == {}
    assert {name: alt for name, alt in badges.items() if not re.fullmatch(r"\w+( \w+)+", alt)} == {}


# --- The tool ---------------------------------------------------------------------------------------------------------


def picture(alt: str = "", kinds: tuple[str, ...] = ("image/png",)) -> nbformat.NotebookNode:
    file = io.BytesIO()
    Image.new("RGB", (4, 4), "red").save(file, "PNG")
    data = dict.fromkeys(kinds, base64.b64encode(file.getvalue()).decode())
    metadata = {kind: {"alt": alt} for kind in kinds} if alt else {}
    return new_output("display_data", data=data, metadata=metadata)


@pytest.fixture
def lesson(tmp_path):
    """A notebook with a picture that has a description, one that has none, and words."""
    cells = [
        new_code_cell("show(1)", id="one", outputs=[picture("A red square, four pixels wide.")]),
        new_code_cell("show(2)", id="two", outputs=[picture(kinds=("image/png", "image/jpeg"))]),
        new_code_cell("print(3)", id="three", outputs=[new_output("stream", text="3")]),
    ]
    notebook = new_notebook(cells=cells)
    notebook.metadata[STAMP] = {"code_sha256": code_hash(notebook), "preset": "small"}
    path = tmp_path / "lesson.ipynb"
    nbformat.write(notebook, path)
    return path


def test_apply_writes_into_the_metadata_and_nowhere_else_and_only_once(lesson):
    before = read(lesson)
    texts = {"two": {"code": "", "text": "Another red square."}}
    assert tool.handle("apply", lesson, texts) == []
    after, bytes_after = read(lesson), lesson.read_bytes()
    (output,) = after.cells[1].outputs
    assert output.metadata == {kind: {"alt": "Another red square."} for kind in ("image/png", "image/jpeg")}
    assert after.metadata[STAMP]["code_sha256"] == code_hash(after), "the stamp stays valid"
    output.metadata = {}
    assert after == before
    assert tool.handle("apply", lesson, texts) == [] and lesson.read_bytes() == bytes_after
    assert tool.handle("check", lesson, texts) == []


def test_check_and_show_change_nothing(lesson, monkeypatch, tmp_path):
    monkeypatch.setattr(tool, "PICTURES", tmp_path / "alt")
    monkeypatch.setattr(tool, "ROOT", tmp_path)
    before = lesson.read_bytes()
    assert tool.handle("check", lesson, {}) == ["cell two shows a picture without a description"]
    (name,) = tool.handle("show", lesson, {})
    with Image.open(tmp_path / name) as saved:
        assert saved.size == (4, 4) and "two" in name
    assert lesson.read_bytes() == before


def test_a_text_for_a_cell_that_has_changed_is_not_written(lesson):
    texts = {"two": {"code": "00000000", "text": "Another red square."}}
    (changed, without) = tool.handle("apply", lesson, texts)
    assert "cell two has changed since" in changed and "without a description" in without


def test_a_text_without_a_picture_is_reported(lesson):
    texts = {"three": {"code": "", "text": "The number 3 in large."}, "two": {"code": "", "text": "A red square."}}
    assert tool.handle("apply", lesson, texts) == ["there is a text for cell three, which shows no picture"]


def test_a_stop_after_a_question_is_taken_away(lesson):
    notebook = read(lesson)
    notebook.cells[0].outputs = [picture("How far?. Pair 1. Really?.")]
    tool.describe(notebook, {})
    assert tool.alt_of(notebook.cells[0].outputs[0]) == "How far? Pair 1. Really?"


def test_hashes_are_filled_in_and_the_rest_of_the_table_stays(tmp_path):
    path = tmp_path / "table.toml"
    path.write_text(
        '# a note\n\n[lesson.two]\ncode = ""\ntext = "code = \\"\\""\n\n[lesson.one]\ncode = "1"\ntext = "x"\n'
    )
    table = tool.load_table(path)
    table["lesson"]["two"]["code"] = "abcdef01"
    tool.fill_in(path, table)
    assert path.read_text().startswith('# a note\n\n[lesson.two]\ncode = "abcdef01"\n')
    assert tool.load_table(path) == table


def test_the_command_says_what_is_wrong(lesson, capsys):
    assert tool.main(["check", str(lesson)]) == 1
    assert "lesson.ipynb: cell two shows a picture without a description" in capsys.readouterr().out


def test_the_site_gets_one_description_a_cell(lesson):
    notebook = tool.for_myst(read(lesson))
    assert notebook.cells[0].metadata["mystnb"]["image"]["alt"] == "A red square, four pixels wide."
    assert "mystnb" not in notebook.cells[1].metadata
