"""Every lesson has the same anatomy, so that a learner finds the way in all of them."""

import ast
import re
from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = sorted((Path(__file__).resolve().parent.parent / "notebooks").glob("*.ipynb"))
LONGEST_CELL = 25  # lines
LESSON = re.compile(r"\d\d_\w+")


@pytest.fixture(params=NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])
def notebook(request):
    return nbformat.read(request.param, 4)


def prose(notebook):
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def code_cells(notebook):
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def without_magics(source):
    return "\n".join(line for line in source.splitlines() if not line.lstrip().startswith(("%", "!")))


def trees(notebook):
    return [ast.parse(without_magics(source)) for source in code_cells(notebook)]


def test_there_are_lessons():
    written = {int(path.stem[:2]) for path in NOTEBOOKS}
    missing = {*range(15)} - written
    assert not missing, f"these lessons are missing: {sorted(missing)}"
    assert all(LESSON.fullmatch(path.stem) for path in NOTEBOOKS)


@pytest.mark.parametrize(
    "part",
    [
        r"\A# \d\d · \S",
        r"\*\*In .*you will",
        r"What you will be able to do afterwards\*\*\n\n- ",
        r"\*\*Minutes:\*\* \d+",
        r"\*\*You need:\*\*",
        r"## Try it: predict, move, explain",
        r"## Quiz",
        r"## Recap\n\n- ",
        r"\*\*In the paper:\*\*",
        r"\*\*Next:\*\*",
    ],
)
def test_the_prose_has(notebook, part):
    assert re.search(part, prose(notebook)), f"no text like {part!r}"


def test_each_lesson_has_a_widget_exercises_and_a_quiz(notebook):
    code = "\n".join(code_cells(notebook))
    assert "from pix2pix_edu.widgets import" in code
    assert len(set(re.findall(r"^(q\d)\.check\(", code, re.MULTILINE))) >= 2
    assert re.search(r"^quiz$", code, re.MULTILINE)


def test_no_cell_is_too_long_to_read_at_a_glance(notebook):
    longest = max(code_cells(notebook), key=lambda source: len(source.splitlines()))
    assert len(longest.splitlines()) <= LONGEST_CELL, longest


def test_every_function_that_is_defined_is_used(notebook):
    defined, used = set(), set()
    for tree in trees(notebook):
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                defined.add(node.name)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                used.add(node.id)
    assert defined - used == set()


def test_links_between_lessons_lead_somewhere(notebook):
    targets = re.findall(r"\]\((\d\d_\w+\.ipynb)\)", prose(notebook))
    assert [target for target in targets if target not in {path.name for path in NOTEBOOKS}] == []


def test_every_lesson_that_is_finished_is_on_the_map():
    start = nbformat.read(NOTEBOOKS[0], 4)
    linked = set(re.findall(r"\]\((\d\d_\w+\.ipynb)\)", prose(start)))
    assert {path.name for path in NOTEBOOKS[1:]} <= linked
