"""Setting up: `tools/install.py` and the Makefile, on copies of them in a folder with a space in its name.

Real packages take minutes to install, so a small shell script stands in for uv: it makes real virtual environments,
writes down what it was asked to install, and fails or is killed where a test wants that.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools import install

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.skipif(os.name == "nt", reason="the Makefile and the stand-in for uv are shell scripts")

FAKE_UV = """#!/bin/sh
echo "$@" >> "$LOG"
if [ "$1" = venv ]; then for last; do :; done; exec "$REAL_PYTHON" -m venv --without-pip "$last"; fi
[ ! -e "$LOG.kill" ] || kill -9 $PPID
[ ! -e "$LOG.fail" ] || exit 3
"""


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files that set-up reads, in a folder of its own, and a PATH with the stand-in for uv."""
    root = tmp_path / "my course"
    (root / "tools").mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", "constraints.txt", "tools/install.py"):
        shutil.copy(ROOT / name, root / name)
    programs = tmp_path / "programs"
    programs.mkdir()
    write_program(programs / "uv", FAKE_UV)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("LOG", str(tmp_path / "log"))
    monkeypatch.setenv("REAL_PYTHON", sys.executable)
    return root


def write_program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def set_up(root: Path, wanted: str = "course") -> subprocess.CompletedProcess[str]:
    """Run set-up in a process of its own, and forget what earlier runs wrote down."""
    log = Path(os.environ["LOG"])
    log.write_text("")
    return subprocess.run([sys.executable, "tools/install.py", wanted], cwd=root, capture_output=True, text=True)


def asked() -> list[str]:
    """The first word of everything that uv was asked for: "venv" or "pip"."""
    return [line.split()[0] for line in Path(os.environ["LOG"]).read_text().splitlines()]


def test_the_first_run_installs_and_the_second_does_nothing(repository):
    first = set_up(repository)
    assert first.returncode == 0, first.stderr
    assert asked() == ["venv", "pip"]
    assert "--constraint constraints.txt" in Path(os.environ["LOG"]).read_text()
    second = set_up(repository)
    assert (second.returncode, second.stdout, asked()) == (0, "", [])


def test_the_course_comes_with_a_front_end(repository):
    set_up(repository, "course")
    assert ".[lab]" in Path(os.environ["LOG"]).read_text()


def test_the_developers_set_holds_the_course(repository):
    set_up(repository, "dev")
    assert ".[dev]" in Path(os.environ["LOG"]).read_text()
    set_up(repository, "course")
    assert asked() == []
    assert set_up(repository, "dev").stdout == ""


def test_the_course_is_not_the_developers_set(repository):
    set_up(repository, "course")
    set_up(repository, "dev")
    assert asked() == ["pip"]


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_a_changed_requirement_is_installed(repository, name):
    set_up(repository)
    with (repository / name).open("a") as file:
        file.write("\n# changed\n")
    set_up(repository)
    assert asked() == ["pip"]


def test_a_repository_that_was_moved_is_installed_again(repository):
    set_up(repository)
    moved = repository.rename(repository.with_name("elsewhere"))
    assert set_up(moved).returncode == 0
    assert asked() == ["pip"]


def half_installed(venv: Path) -> None:
    """What pip leaves when it is killed between copying a package and listing its files."""
    (site_packages,) = venv.glob("lib/python*/site-packages")
    (site_packages / "thing-1.0.dist-info").mkdir()
    (site_packages / "thing-1.0.dist-info" / "METADATA").write_text("Name: thing\n")


def test_a_set_up_that_was_killed_is_made_again(repository):
    kill = Path(os.environ["LOG"] + ".kill")
    kill.touch()
    assert set_up(repository).returncode == -9
    kill.unlink()
    half_installed(repository / ".venv")
    again = set_up(repository)
    assert again.returncode == 0
    assert "starting again" in again.stdout
    assert asked() == ["venv", "pip"]
    assert set_up(repository).stdout == ""


def test_a_set_up_that_was_killed_while_downloading_goes_on(repository):
    kill = Path(os.environ["LOG"] + ".kill")
    kill.touch()
    set_up(repository)
    kill.unlink()
    assert set_up(repository).returncode == 0
    assert asked() == ["pip"]


def test_a_virtual_environment_without_its_python_is_made_again(repository):
    set_up(repository)
    (repository / ".venv/bin/python").unlink()
    assert set_up(repository).returncode == 0
    assert asked() == ["venv", "pip"]


def test_a_failed_installation_says_what_to_do_and_is_tried_again(repository):
    fail = Path(os.environ["LOG"] + ".fail")
    fail.touch()
    done = set_up(repository)
    assert done.returncode == 1
    assert "no network" in done.stderr
    assert "run the same command again" in done.stderr
    assert "Traceback" not in done.stderr
    fail.unlink()
    assert set_up(repository).returncode == 0
    assert asked() == ["pip"]


def test_a_wrong_argument_shows_the_usage(repository):
    done = set_up(repository, "everything")
    assert done.returncode == 2
    assert "course|dev" in done.stderr


def test_pip_is_used_where_there_is_no_uv(tmp_path):
    command = install.install_command(tmp_path, "dev", None)
    assert command[1:4] == ["-m", "pip", "install"]
    assert command[-2:] == ["--editable", ".[dev]"]


def test_a_python_that_cannot_make_virtual_environments_is_explained(tmp_path, monkeypatch):
    monkeypatch.setattr(install.importlib.util, "find_spec", lambda name: None)  # as on Debian without python3-venv
    with pytest.raises(install.SetupError, match="sudo apt install python3"):
        install.create(tmp_path / ".venv", uv=None)


def test_packages_are_whole_only_with_all_their_files(tmp_path):
    package = tmp_path / "thing-1.0.dist-info"
    package.mkdir()
    assert not install.is_whole(package)
    (package / "RECORD").write_text("thing.py,,\n__pycache__/thing.pyc,,\nthing-1.0.dist-info/RECORD,,\n")
    assert not install.is_whole(package)
    (tmp_path / "thing.py").touch()
    assert install.is_whole(package)


def test_a_package_that_pip_was_removing_is_damage(tmp_path):
    site_packages = tmp_path / "lib" / "python3.11" / "site-packages"
    site_packages.mkdir(parents=True)
    assert not install.is_damaged(tmp_path)
    (site_packages / "~umpy").mkdir()
    assert install.is_damaged(tmp_path)


def make(root: Path, target: str, programs: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run make with nothing on the PATH but these programs and the few that make itself needs."""
    for name in ("make", "sh", "awk", "id"):
        if not (programs / name).exists():
            (programs / name).symlink_to(shutil.which(name) or name)
    outside = {name: value for name, value in os.environ.items() if "MAKE" not in name}  # we may be running under make
    environment = {**outside, **variables, "PATH": str(programs)}
    return subprocess.run([programs / "make", target], cwd=root, capture_output=True, text=True, env=environment)


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    folder = tmp_path / "bare"
    folder.mkdir()
    return folder


def test_without_a_python_one_paragraph_says_how_to_get_one(repository, bare):
    done = make(repository, "course", bare)
    assert done.returncode != 0
    assert "No Python between 3.11 and 3.13 was found" in done.stderr
    assert "https://www.python.org/downloads" in done.stderr


def test_pythons_that_fail_or_are_too_old_are_passed_over(repository, bare):
    write_program(bare / "python3.13", "#!/bin/sh\necho 'not installed in this version manager' >&2\nexit 127\n")
    write_program(bare / "python3.12", "#!/bin/sh\nexit 1\n")  # what our question gets from a Python that is too old
    write_program(bare / "python3.11", f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (repository / "tools/install.py").write_text("import sys; print('installing', sys.argv[1])")
    done = make(repository, "install", bare)
    assert (done.returncode, done.stdout) == (0, "installing course\n")


def test_a_python_can_be_named(repository, bare):
    write_program(bare / "my-python", f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (repository / "tools/install.py").write_text("import sys; print('installing', sys.argv[1])")
    assert make(repository, "install-dev", bare, PYTHON=str(bare / "my-python")).stdout == "installing dev\n"


def test_without_a_python_uv_fetches_one(repository, bare):
    write_program(bare / "uv", '#!/bin/sh\necho "$@"\n')
    assert (
        make(repository, "install", bare).stdout
        == "run --quiet --no-project --python >=3.11,<3.14 tools/install.py course\n"
    )


def test_a_failed_set_up_stops_make(repository, bare):
    write_program(bare / "python3", f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (repository / "tools/install.py").write_text("import sys; sys.exit(1)")
    done = make(repository, "test", bare)
    assert done.returncode != 0
    assert done.stdout == ""
    assert "install-dev] Error 1" in done.stderr


def test_help_lists_the_commands(repository, bare):
    text = make(repository, "help", bare).stdout
    for target in ("course", "test", "lint", "notebooks", "bench", "site", "lock", "test-matrix", "stamp", "clean"):
        assert f"make {target} " in text
