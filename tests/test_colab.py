"""tools/colab.py: badges and set-up cells, their code run as Colab would run it, and every notebook held to it."""

from __future__ import annotations

import ast
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs, urlparse

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tools import colab, notebooks, site

ADDRESS = "https://github.com/someone/my-fork"
LESSONS = sorted((colab.ROOT / "notebooks").glob("*.ipynb"))
COURSE = f"pix2pix-edu @ git+{ADDRESS}"


def lesson_text(title: str = "# 01 · A lesson\n\nIts promise.", *code: str) -> str:
    cells = [new_markdown_cell(title, id="a"), *(new_code_cell(source, id=f"c{n}") for n, source in enumerate(code))]
    file = io.StringIO()
    nbformat.write(new_notebook(cells=cells), file)
    return file.getvalue()


# --- Every notebook, and the README -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", colab.files(), ids=lambda path: path.stem)
def test_every_file_has_the_badges_and_the_set_up_cell_of_this_repository(path):
    assert path.read_text(encoding="utf-8") == colab.stamped(path, colab.repository()), "type: make stamp"


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_stamping_changes_nothing_else_in_a_lesson(path):
    before = nbformat.read(path, 4)
    after = nbformat.reads(colab.stamp_notebook(path.read_text(encoding="utf-8"), path.name, ADDRESS), 4)
    nbformat.validate(after)
    assert notebooks.code_hash(before) == notebooks.code_hash(after)
    assert notebooks.staleness(before) == notebooks.staleness(after)
    others = [[cell for cell in n.cells[1:] if colab.TAG not in notebooks.tags(cell)] for n in (before, after)]
    assert others[0] == others[1] and before.metadata == after.metadata
    assert without_badges(before) == without_badges(after)


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_no_lesson_leans_on_what_the_set_up_cell_imports(path):
    """`make notebooks` does not run that cell, and a learner may delete it."""
    cells = [cell for cell in notebooks.code_cells(nbformat.read(path, 4)) if colab.TAG not in notebooks.tags(cell)]
    lines = [line for cell in cells for line in cell.source.splitlines() if not line.lstrip().startswith(("%", "!"))]
    lesson = ast.parse("\n".join(lines))
    used = {node.id for node in ast.walk(lesson) if isinstance(node, ast.Name)}
    assert (imported(ast.parse(colab.SETUP)) & used) - imported(lesson) == set()


def imported(tree: ast.Module) -> set[str]:
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    return {(alias.asname or alias.name).split(".")[0] for node in nodes for alias in node.names}


def without_badges(notebook: nbformat.NotebookNode) -> list[str]:
    lines = notebook.cells[0].source.splitlines()
    return [line for line in lines if line and "colab.research" not in line]


# --- What is stamped --------------------------------------------------------------------------------------------------


def test_the_badges_stand_below_the_title_and_the_cell_behind_it():
    notebook = nbformat.reads(colab.stamp_notebook(lesson_text(), "01_lesson.ipynb", ADDRESS), 4)
    title, empty, badges, empty_too, promise = notebook.cells[0].source.split("\n")
    assert (title, empty, empty_too, promise) == ("# 01 · A lesson", "", "", "Its promise.")
    assert badges == colab.badges(ADDRESS, "01_lesson.ipynb")
    assert "someone/my-fork" in notebook.cells[1].source


def test_a_lesson_that_is_a_title_alone_gets_its_badges():
    notebook = nbformat.reads(colab.stamp_notebook(lesson_text("# Title"), "01_lesson.ipynb", ADDRESS), 4)
    assert notebook.cells[0].source == f"# Title\n\n{colab.badges(ADDRESS, '01_lesson.ipynb')}"


def test_a_badge_opens_this_notebook_from_this_repository():
    colab_link, binder_link = (part.rsplit("](", 1)[1].rstrip(")") for part in two_badges("01_lesson.ipynb"))
    assert colab_link == (
        "https://colab.research.google.com/github/someone/my-fork/blob/main/notebooks/01_lesson.ipynb"
    )
    binder = urlparse(binder_link)
    assert (binder.netloc, binder.path) == ("mybinder.org", "/v2/gh/someone/my-fork/main")
    assert parse_qs(binder.query) == {"labpath": ["notebooks/01_lesson.ipynb"]}


def two_badges(name: str) -> list[str]:
    return colab.badges(ADDRESS, name).split(" [")


def test_the_set_up_cell_is_hidden_wherever_the_front_end_can():
    metadata = colab.setup_cell(ADDRESS)["metadata"]
    assert metadata["jupyter"] == {"source_hidden": True}  # JupyterLab
    assert metadata["cellView"] == "form" and colab.setup_code(COURSE).startswith("# @title ")  # Colab
    assert "remove-cell" in metadata["tags"]  # the site (MyST-NB)


def test_stamping_twice_is_stamping_once():
    once = colab.stamp_notebook(lesson_text("# T\n\nText.", "a = 1"), "01_lesson.ipynb", ADDRESS)
    assert colab.stamp_notebook(once, "01_lesson.ipynb", ADDRESS) == once


def test_a_fork_replaces_the_stamps_of_the_original():
    once = colab.stamp_notebook(lesson_text("# T\n\nText.", "a = 1"), "01_lesson.ipynb", "https://github.com/a/b")
    forked = colab.stamp_notebook(once, "01_lesson.ipynb", ADDRESS)
    assert forked == colab.stamp_notebook(lesson_text("# T\n\nText.", "a = 1"), "01_lesson.ipynb", ADDRESS)
    assert "github/a/b" not in forked


def test_a_set_up_cell_that_was_moved_run_or_edited_is_put_right():
    right = colab.stamp_notebook(lesson_text("# T", "a = 1"), "01_lesson.ipynb", ADDRESS)
    notebook = json.loads(right)
    cell = notebook["cells"].pop(1)
    cell |= {"source": ["pass"], "execution_count": 7, "outputs": []}
    notebook["cells"].append(cell)
    assert colab.stamp_notebook(json.dumps(notebook), "01_lesson.ipynb", ADDRESS) == right


@pytest.mark.parametrize(
    "text", [lesson_text("No title."), json.dumps({"cells": [{"cell_type": "code", "source": "# a"}]})]
)
def test_a_notebook_without_a_title_is_refused_by_name(text):
    with pytest.raises(colab.StampError, match="01_lesson.ipynb does not begin with a title"):
        colab.stamp_notebook(text, "01_lesson.ipynb", ADDRESS)


def test_a_readme_without_the_comments_is_refused():
    with pytest.raises(colab.StampError, match="README.md lacks the two comments"):
        colab.stamp_readme("# pix2pix_edu\n", ADDRESS)


# --- On the site ------------------------------------------------------------------------------------------------------


def test_on_the_site_the_badges_are_links_and_the_set_up_cell_is_gone(tmp_path):
    pytest.importorskip("myst_nb")  # `make unit` installs it, `make oldest` does not
    text = colab.stamp_notebook(lesson_text("# T\n\nText.", "a = 1  # the lesson"), "01_lesson.ipynb", ADDRESS)
    shutil.copy(colab.ROOT / "docs" / "conf.py", tmp_path)
    shutil.copytree(colab.ROOT / "docs" / "_static", tmp_path / "_static")
    (tmp_path / "index.ipynb").write_text(site.for_the_site(text), encoding="utf-8")
    command = [sys.executable, "-m", "sphinx", "-q", "-b", "html", str(tmp_path), str(tmp_path / "html")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "html" / "index.html").read_text(encoding="utf-8")
    assert "the lesson" in page
    assert "constraints.txt" not in page and "@title" not in page
    assert "colab.research.google.com/github/someone/my-fork" in page and ">Open in Binder<" in page
    assert "colab-badge" not in page and "badge_logo" not in page  # the site loads nothing from elsewhere


# --- The command, in a fork -------------------------------------------------------------------------------------------


@pytest.fixture
def fork(tmp_path, monkeypatch):
    """A copy of the repository, so far as `stamp` looks at it, whose owner has changed the address."""
    (tmp_path / "notebooks").mkdir()
    for path in LESSONS[:2]:
        shutil.copy(path, tmp_path / "notebooks")
    shutil.copy(colab.ROOT / "README.md", tmp_path)
    text = (colab.ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text(text.replace(colab.repository(), f"{ADDRESS}.git"), encoding="utf-8")
    monkeypatch.setattr(colab, "ROOT", tmp_path)
    return tmp_path


def test_check_names_what_differs_until_stamp_has_written_it(fork, capsys):
    assert colab.main(["check"]) == 1
    said = capsys.readouterr().err
    assert "00_start_here.ipynb, 01_image_translation.ipynb, README.md" in said and "make stamp" in said
    assert colab.main(["stamp"]) == 0
    assert capsys.readouterr().out.splitlines() == [f"stamped {path.name}" for path in colab.files()]
    assert colab.main(["check"]) == 0
    assert colab.main(["stamp"]) == 0
    assert capsys.readouterr().out == ""
    assert all("someone/my-fork/blob" in path.read_text(encoding="utf-8") for path in colab.files())
    assert not list(fork.rglob("*.tmp"))


def test_check_writes_nothing_and_looks_only_at_what_is_named(fork):
    first, second = sorted((fork / "notebooks").glob("*.ipynb"))
    before = second.read_bytes()
    assert colab.main(["stamp", str(first)]) == 0
    assert colab.main(["check", str(first)]) == 0
    assert colab.main(["check", str(second)]) == 1
    assert second.read_bytes() == before


def test_a_repository_that_colab_cannot_open_is_explained(fork, capsys):
    text = (fork / "pyproject.toml").read_text(encoding="utf-8")
    (fork / "pyproject.toml").write_text(text.replace(ADDRESS, "https://example.org/course"), encoding="utf-8")
    assert colab.main(["stamp"]) == 2
    assert "example.org/course" in (said := capsys.readouterr().err) and "[project.urls]" in said


# --- The code of the set-up cell --------------------------------------------------------------------------------------


class Pip:
    """Stands in for `subprocess.run`: writes down the calls and the constraints, and fails where it is told to."""

    def __init__(self, fails_at: str = "") -> None:
        self.calls: list[list[str]] = []
        self.constraints, self.fails_at = "", fails_at

    def __call__(self, command, **options):
        assert options == {"capture_output": True, "text": True}
        assert command[:3] == [sys.executable, "-m", "pip"]
        self.calls.append(command[3:])
        if "--constraint" in command:
            self.constraints = Path(command[command.index("--constraint") + 1]).read_text()
        failed = self.fails_at == command[3]
        return SimpleNamespace(
            returncode=int(failed), stdout="numpy==2.1.3\nold===1.1build1\n", stderr="No route" * failed
        )


@pytest.fixture
def machine(monkeypatch):
    """Runs the set-up cell on one of four kinds of machine; returns what pip was asked, and how often Colab was."""

    def run(missing: bool, on_colab: bool, pip: Pip | None = None) -> tuple[Pip, int]:
        pip, enabled = pip or Pip(), []
        find = lambda name: None if missing and name == "pix2pix_edu" else SimpleNamespace()  # noqa: E731
        monkeypatch.setattr("importlib.util.find_spec", find)
        monkeypatch.setattr(subprocess, "run", pip)
        output = SimpleNamespace(enable_custom_widget_manager=lambda: enabled.append(True))
        for name, module in {"google.colab": SimpleNamespace(output=output), "google.colab.output": output}.items():
            if on_colab:
                monkeypatch.setitem(sys.modules, name, module)
            else:
                monkeypatch.delitem(sys.modules, name, raising=False)
        exec(compile(colab.setup_code(COURSE), "set-up cell", "exec"), {"__name__": "__main__"})
        return pip, len(enabled)

    return run


def test_on_colab_it_installs_the_course_beside_what_is_there(machine, capsys):
    pip, enabled = machine(missing=True, on_colab=True)
    listing, installing = pip.calls
    assert listing[0] == "list" and "--format=freeze" in listing
    assert installing[0] == "install" and installing[-1] == COURSE
    assert not {"--upgrade", "-U", "--force-reinstall"} & set(installing)
    assert pip.constraints == "numpy==2.1.3\nold===1.1build1\n"  # exactly what pip listed
    assert enabled == 1
    said = capsys.readouterr().out
    assert COURSE in said.splitlines()[0] and "kept its version" in said.splitlines()[1]


def test_where_the_course_is_installed_it_is_silent(machine, capsys):
    pip, enabled = machine(missing=False, on_colab=False)
    assert (pip.calls, enabled) == ([], 0)
    assert capsys.readouterr() == ("", "")


def test_a_session_of_colab_that_was_restarted_gets_its_widgets_again(machine, capsys):
    pip, enabled = machine(missing=False, on_colab=True)
    assert (pip.calls, enabled) == ([], 1)
    assert capsys.readouterr().out == ""


def test_where_there_is_no_colab_only_the_course_is_installed(machine):
    pip, enabled = machine(missing=True, on_colab=False)
    assert [call[0] for call in pip.calls] == ["list", "install"]
    assert enabled == 0


@pytest.mark.parametrize(("step", "calls"), [("list", 1), ("install", 2)])
def test_a_pip_that_fails_stops_it_with_its_words(machine, step, calls):
    pip = Pip(fails_at=step)
    with pytest.raises(RuntimeError, match=r"(?s)could not install the course.*make course.*No route"):
        machine(missing=True, on_colab=False, pip=pip)
    assert len(pip.calls) == calls  # nothing is installed without knowing what must stay


def test_a_kernel_that_has_the_course_runs_it_and_shows_nothing():
    notebook = nbformat.reads(colab.stamp_notebook(lesson_text("# T", "print('on')"), "01_lesson.ipynb", ADDRESS), 4)
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    setup, lesson = notebook.cells[1:]
    assert setup.execution_count == 1 and setup.outputs == []
    assert lesson.outputs[0].text == "on\n"


def test_the_real_pip_adds_packages_and_replaces_none(tmp_path):
    """Two small courses: one can use the library that is there, the other wants an older one."""
    write_wheel(tmp_path, "library", "1.0")
    write_wheel(tmp_path, "library", "2.0")
    write_wheel(tmp_path, "modest", "1.0", needs="library")
    write_wheel(tmp_path, "greedy", "1.0", needs="library<2")
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    python = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    here = {**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([python, *arguments], capture_output=True, text=True, env=here, cwd=tmp_path / "venv")

    assert run("-m", "pip", "install", "library==2.0").returncode == 0
    modest, greedy = run("-c", colab.setup_code("modest")), run("-c", colab.setup_code("greedy"))
    assert (modest.returncode, modest.stderr) == (0, "")
    assert greedy.returncode == 1
    assert "could not install the course" in greedy.stderr and "library" in greedy.stderr
    assert {"library==2.0", "modest==1.0"} <= set((listed := run("-m", "pip", "freeze").stdout).split())
    assert "greedy" not in listed
    assert run("-m", "pip", "install", "greedy").returncode == 0  # without the constraints pip would have replaced it
    assert "library==1.0" in run("-m", "pip", "freeze").stdout


def write_wheel(folder: Path, name: str, version: str, needs: str | None = None) -> None:
    """A wheel of one empty module."""
    info, required = f"{name}-{version}.dist-info", f"Requires-Dist: {needs}\n" if needs else ""
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}.py", "")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{required}")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
