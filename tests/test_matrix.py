"""tools/matrix.py without its minutes: what it would install and run, and what it says of failures."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from packaging.requirements import Requirement
from PIL import Image

from tools import matrix

HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"
WHEEL = Path("/somewhere/pix2pix_edu-1.0-py3-none-any.whl")


# --- Which combinations -----------------------------------------------------------------------------------------------


def test_it_knows_the_pythons_of_the_project():
    assert matrix.supported_pythons() == ["3.11", "3.12", "3.13"]
    assert matrix.COLABS_PYTHON in matrix.supported_pythons()


def test_without_a_choice_colabs_versions_run_on_colabs_python_only():
    everything = matrix.combinations(["3.11", "3.13"], None)
    assert everything == [
        *[("3.11", "newest"), ("3.11", "oldest")],
        *[("3.13", "newest"), ("3.13", "oldest"), ("3.13", "colab")],
    ]
    assert matrix.combinations(["3.11"], ["colab"]) == [("3.11", "colab")]


def test_this_python_is_found_and_one_that_does_not_run_is_not(tmp_path, monkeypatch):
    assert matrix.find_python(HERE) == Path(sys.executable)
    broken = tmp_path / "python3.99"
    broken.write_text("#!/bin/sh\nexit 127\n")  # what a version manager leaves behind
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert matrix.find_python("3.99") is None


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for a Python is a shell script")
def test_a_python_that_pyenv_keeps_is_found(tmp_path, monkeypatch):
    kept = tmp_path / "versions" / "3.99.1" / "bin" / "python3.99"
    kept.parent.mkdir(parents=True)
    kept.write_text("#!/bin/sh\necho 3.99\n")
    kept.chmod(0o755)
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    assert matrix.find_python("3.99") == kept


# --- One combination --------------------------------------------------------------------------------------------------


def test_each_set_installs_from_its_own_file():
    assert matrix.packages("newest", WHEEL) == ["--constraint", "constraints.txt", str(WHEEL)]
    oldest = matrix.packages("oldest", WHEEL)
    assert oldest[:2] == ["--resolution", "lowest-direct"] and oldest[-1] == str(WHEEL)
    colab = matrix.packages("colab", WHEEL)
    assert colab[:2] == ["--requirements", "constraints-colab.txt"]
    assert str(WHEEL) not in colab  # the set-up cell installs it
    assert {"pip", "nbclient"} <= {Requirement(line).name for line in colab[2:]}


class Machine:
    """Stands in for uv and the Python inside: two packages are installed, and then the set-up cell has run."""

    def __init__(self, monkeypatch, after: dict[str, str]) -> None:
        self.commands: list[list[str]] = []
        self.states = [{"numpy": "2.1.3", "keras": "3.13.2"}, after]
        monkeypatch.setattr(matrix, "run", lambda command, folder, seconds=0: self.commands.append(command) or "")
        monkeypatch.setattr(matrix, "installed", lambda uv, venv: self.states.pop(0))

    def install(self) -> str:
        return matrix.install(["uv"], Path("python"), Path("venv"), "colab", WHEEL)


def test_colabs_set_gets_the_wheel_from_the_set_up_cell(monkeypatch):
    machine = Machine(monkeypatch, after={"numpy": "2.1.3", "keras": "3.13.2", "pix2pix-edu": "1.0"})
    assert machine.install() == "1 packages came, none of 2 changed"
    *_, (python, option, code) = machine.commands
    assert (Path(python).parent.parent, option) == (Path("venv"), "-c")
    assert f"pix2pix-edu @ {WHEEL.as_uri()}" in code and "# @title" in code


@pytest.mark.parametrize("after", [{"numpy": "2.4.0", "keras": "3.13.2"}, {"keras": "3.13.2"}])
def test_a_version_that_was_replaced_or_removed_is_a_failure(monkeypatch, after):
    with pytest.raises(matrix.Failed, match=r"replaced numpy 2\.1\.3"):
        Machine(monkeypatch, after).install()


def test_colabs_set_runs_every_notebook_or_those_that_are_named(tmp_path):
    (tmp_path / "some").mkdir()
    names = [what for what, _ in matrix.uses(tmp_path / "venv", tmp_path, "colab", [])]
    assert names == [path.stem for path in sorted((matrix.ROOT / "notebooks").glob("*.ipynb"))]
    assert [name[:2] for name, _ in matrix.uses(tmp_path / "venv", tmp_path / "some", "colab", ["02", "04"])] == [
        "02",
        "04",
    ]


def execute(folder: Path, *cells: nbformat.NotebookNode) -> str:
    nbformat.write(new_notebook(cells=list(cells)), folder / "lesson.ipynb")
    return matrix.run([sys.executable, "-c", matrix.EXECUTE, "lesson.ipynb"], folder)


def test_a_notebook_is_executed_with_the_smallest_networks_and_without_its_servers(tmp_path):
    code = "import os, pathlib; pathlib.Path(os.environ['PIX2PIX_EDU_PRESET']).touch()"
    server = new_code_cell("1 / 0", metadata={"tags": ["nbval-skip"]})
    setup = new_code_cell("import pathlib; pathlib.Path('set-up').touch()", metadata={"tags": ["colab-setup"]})
    assert execute(tmp_path, setup, new_code_cell(code), server) == "3 cells\n"
    assert (tmp_path / "tiny").exists() and (tmp_path / "set-up").exists()


def test_a_cell_that_fails_is_shown(tmp_path):
    with pytest.raises(matrix.Failed, match="ZeroDivisionError") as caught:
        execute(tmp_path, new_code_cell("1 / 0"))
    assert "\x1b" not in str(caught.value)
    assert str(caught.value).splitlines()[0] == f"{sys.executable} -c ... lesson.ipynb"


def test_the_environment_does_not_lead_back_to_the_repository(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(matrix.ROOT))
    assert "PYTHONPATH" not in matrix.environment()


def test_a_translation_that_stays_grey_is_noticed(tmp_path):
    matrix.run([sys.executable, "-c", matrix.DRAW], tmp_path)
    sketch = Image.open(tmp_path / "sketch.png")
    sketch.save(tmp_path / "coloured.png")
    with pytest.raises(matrix.Failed, match="it is grey"):
        matrix.run([sys.executable, "-c", matrix.LOOK], tmp_path)
    sketch.paste("red", (20, 20, 60, 60))
    sketch.save(tmp_path / "coloured.png")
    assert "in colour" in matrix.run([sys.executable, "-c", matrix.LOOK], tmp_path)


def test_a_command_that_takes_too_long_is_a_failure(tmp_path):
    with pytest.raises(matrix.Failed, match="took longer than 1 seconds"):
        matrix.run([sys.executable, "-c", "import time; time.sleep(60)"], tmp_path, seconds=1)


# --- The command ------------------------------------------------------------------------------------------------------


def fails() -> str:
    raise matrix.Failed("numpy is missing")


@pytest.fixture
def stand_ins(monkeypatch):
    """Everything but the installing and the using: that takes minutes."""
    monkeypatch.setattr(matrix, "find_uv", lambda: ["uv"])
    monkeypatch.setattr(matrix, "build_wheel", lambda uv, folder: Path(__file__))
    monkeypatch.setattr(matrix, "install", lambda *arguments: "numpy 2.1.3")
    monkeypatch.setattr(matrix, "uses", lambda *arguments: [("import", lambda: "1.0\n"), ("translate", fails)])


def test_one_failure_fails_the_whole_and_the_rest_is_tried(stand_ins, capsys):
    assert matrix.main(["--python", HERE, "--set", "newest", "oldest"]) == 1
    said = capsys.readouterr().out
    assert said.count("FAILED: numpy is missing") == 2
    assert "6 tried, 2 failed." in said


def test_all_that_is_fine_returns_0(stand_ins, monkeypatch, capsys):
    monkeypatch.setattr(matrix, "uses", lambda *arguments: [("import", lambda: "1.0\n")])
    assert matrix.main(["--python", HERE, "--set", "newest"]) == 0
    assert "2 tried, 0 failed." in capsys.readouterr().out


def test_what_cannot_be_installed_is_not_used(stand_ins, monkeypatch, capsys):
    monkeypatch.setattr(matrix, "install", lambda *arguments: fails())
    assert matrix.main(["--python", HERE, "--set", "newest"]) == 1
    assert "1 tried, 1 failed." in capsys.readouterr().out


def test_a_python_that_is_missing_is_named(stand_ins, monkeypatch, capsys):
    found = {HERE: Path(sys.executable)}
    monkeypatch.setattr(matrix, "find_python", found.get)
    other = next(version for version in matrix.supported_pythons() if version != HERE)
    assert matrix.main(["--python", other]) == 2
    assert f"Python {other} is not on this machine" in capsys.readouterr().err
    assert matrix.main(["--set", "newest"]) == 1  # of all that there are, one is here, and its translation fails
    assert f"Python {other} is not on this machine: nothing was tried with it." in capsys.readouterr().out
    found.clear()
    assert matrix.main([]) == 2
    assert "There is nothing to try" in capsys.readouterr().err


def test_it_starts_as_a_script():
    done = subprocess.run(
        [sys.executable, "tools/matrix.py", "--help"], cwd=matrix.ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0 and "--notebooks" in done.stdout
    script = "from pathlib import Path; import matrix; print(matrix.setup_code(Path('x.whl').resolve()))"
    done = subprocess.run([sys.executable, "-c", script], cwd=matrix.ROOT / "tools", capture_output=True, text=True)
    assert "pix2pix-edu @ file:" in done.stdout and "x.whl" in done.stdout, done.stderr  # tools/colab.py is found
