"""The wheel, the locked versions, and the three places that say what is to be installed, held equal."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

from tools import install, matrix

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PYTHONS = ["3.11", "3.12", "3.13"]
CONSTRAINTS = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()

# What Google Colab has installed; the set-up cell of the notebooks must not replace any of it.
COLAB_PINS = (ROOT / "constraints-colab.txt").read_text(encoding="utf-8")
COLAB = dict(line.split("==") for line in COLAB_PINS.splitlines() if not line.startswith("#"))


def requirements(*groups: str) -> list[Requirement]:
    """What the project needs to run, and what these optional groups add."""
    lines = [*PROJECT["dependencies"]]
    for group in groups:
        lines += PROJECT["optional-dependencies"][group]
    return [Requirement(line) for line in lines]


def test_every_dependency_has_a_lower_bound_and_a_reason():
    assert all(
        any(bound.operator == ">=" for bound in r.specifier)
        for r in requirements("lab", "dev", "site", "jax", "torch", "export", "search")
    )
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for requirement in requirements("lab", "dev", "export", "search"):
        assert re.search(rf'"{requirement.name}[<>=][^"]*",? +# [\w`]', text), f"say why {requirement.name} is needed"


def test_colabs_versions_are_pinned_and_dated():
    assert re.search(r"20\d\d-\d\d-\d\d; its Python is 3\.13", COLAB_PINS.splitlines()[0])
    assert {"tensorflow", "keras", "numpy", "ipywidgets", "anywidget"} <= set(COLAB)
    assert COLAB["ipywidgets"] == "7.7.1"  # widgets must work with both 7 and 8


@pytest.mark.parametrize("requirement", [r for r in requirements() if r.name in COLAB], ids=lambda r: r.name)
def test_the_bounds_admit_what_colab_has(requirement):
    assert requirement.specifier.contains(COLAB[requirement.name])


def test_a_front_end_is_no_dependency_and_developers_have_one():
    assert "jupyterlab" not in {requirement.name for requirement in requirements()}  # Colab and VS Code have their own
    optional = PROJECT["optional-dependencies"]
    assert set(optional["lab"]) <= set(optional["dev"])  # tools/install.py: `dev` holds all of the course


def test_the_locked_versions_are_names_and_versions_and_nothing_else():
    """No host, path, hash or local build: the lock must mean the same on every machine."""
    pattern = re.compile(r"[a-z0-9][a-z0-9.-]*==\d+[a-z0-9.]*( ; [\w .'<>=!()]+)?")
    assert [line for line in CONSTRAINTS if not pattern.fullmatch(line)] == []


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
def test_every_dependency_is_locked_once_within_its_bounds(python, system):
    names = {"linux": ("posix", "Linux"), "darwin": ("posix", "Darwin"), "win32": ("nt", "Windows")}
    environment = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": system,
        "os_name": names[system][0],
        "platform_system": names[system][1],
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }
    locked: dict[str, list[Version]] = {}
    for line in map(Requirement, CONSTRAINTS):
        if line.marker is None or line.marker.evaluate(environment):
            (pin,) = line.specifier
            locked.setdefault(line.name, []).append(Version(pin.version))
    for requirement in requirements("dev", "site"):
        (version,) = locked[requirement.name]
        assert requirement.specifier.contains(version), f"{requirement} is locked at {version}: make lock"


def test_conda_installs_the_same_set():
    conda = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    python, pip, through_pip = conda["dependencies"]
    assert python.split("=")[0] == "python" and python.split("=")[1] in PYTHONS  # Binder reads `python=3.12` only
    assert pip == "pip"
    assert through_pip == {"pip": ["-c constraints.txt", f"-e {install.REQUIREMENTS['course']}"]}
    assert conda["name"] == PROJECT["name"]


def test_the_public_workflow_tests_every_supported_python():
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    assert workflow["jobs"]["test"]["strategy"]["matrix"]["python"] == PYTHONS
    assert PROJECT["requires-python"] == ">=3.11,<3.14"
    assert [c.rsplit(" ", 1)[1] for c in PROJECT["classifiers"] if "Python ::" in c] == PYTHONS


def test_the_public_workflow_tries_the_wheel_with_all_sets_of_versions():
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))["jobs"]
    assert jobs["wheel"]["strategy"]["matrix"] == {"python": PYTHONS, "versions": ["newest", "oldest"]}
    *_, wheel = jobs["wheel"]["steps"]
    assert wheel["run"] == "python tools/matrix.py --python ${{ matrix.python }} --set ${{ matrix.versions }}"
    _, python, _, colab = jobs["colab"]["steps"]
    assert python["with"]["python-version"] == matrix.COLABS_PYTHON
    assert colab["run"] == f"python tools/matrix.py --python {matrix.COLABS_PYTHON} --set colab"  # every notebook
    assert {"newest", "oldest", "colab"} == set(matrix.SETS)


def test_setup_and_doctor_support_the_same_pythons():
    from pix2pix_edu.doctor import NEWEST_PYTHON, OLDEST_PYTHON

    assert (install.OLDEST, install.NEWEST) == (OLDEST_PYTHON, NEWEST_PYTHON) == ((3, 11), (3, 13))


def test_the_project_address_stands_in_one_place():
    """Beside it there are only the badges and the set-up cells, which `make stamp` makes of it."""
    address = PROJECT["urls"]["Repository"]
    assert re.fullmatch(r"https://github\.com/[\w-]+/[\w-]+", address)
    name = address.removeprefix("https://github.com/")
    stamped = re.compile(rf"\(https://[^)]*/{name}/[^)]*\)|pix2pix-edu @ git\+{address}\b")
    folders = [ROOT / folder for folder in ("pix2pix_edu", "notebooks", "tools", "docs", "benchmarks", ".github")]
    files = [*ROOT.glob("*.*"), *(path for folder in folders for path in folder.rglob("*.*"))]
    kinds = {".py", ".md", ".ipynb", ".toml", ".yml", ".txt"}
    texts = {path: path.read_text(encoding="utf-8") for path in files if path.suffix in kinds}
    assert len(texts) > 100
    named = [path.name for path, text in texts.items() if name in stamped.sub("", text)]
    assert named == ["pyproject.toml"]


def test_the_server_stays_on_this_computer_with_its_token_on():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "--ServerApp.ip=127.0.0.1" in makefile
    assert "token=" not in makefile
    assert "password=" not in makefile


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def test_the_wheel_holds_the_package_its_data_and_nothing_else(wheel):
    names = wheel.namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"pix2pix_edu"}
    assert not [name for name in names if "__pycache__" in name or name.endswith((".pyc", ".ipynb", ".tmp"))]
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "pix2pix_edu").rglob("*.py")}
    assert {name for name in names if name.startswith("pix2pix_edu/") and "/_data/" not in name} == modules
    data = [path.relative_to(ROOT / "data") for path in (ROOT / "data").rglob("*") if path.is_file()]
    shipped = {path.as_posix() for path in data if path.parts[0] != "makers"}  # they make it, and no lesson needs them
    assert {name.removeprefix("pix2pix_edu/_data/") for name in names if "/_data/" in name} == shipped
    assert "README.md" in shipped


def test_the_wheel_and_the_data_in_it_are_small_enough_to_download(wheel):
    assert Path(wheel.filename).stat().st_size < 60e6
    assert sum(info.file_size for info in wheel.infolist() if "/_data/" in info.filename) < 40e6


def test_the_wheel_carries_its_licences_and_what_it_needs(wheel):
    (metadata,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    fields = HeaderParser().parsestr(wheel.read(metadata).decode())
    assert fields["License-Expression"] == PROJECT["license"]
    assert sorted(fields.get_all("License-File")) == ["LICENSE", "LICENSES.md"]
    assert {Requirement(line).name for line in fields.get_all("Requires-Dist") if "extra ==" not in line} == {
        requirement.name for requirement in requirements()
    }


def test_the_wheel_works_outside_the_repository(wheel, tmp_path):
    wheel.extractall(tmp_path)
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "import pix2pix_edu; from pix2pix_edu.paths import shipped\n"
        "print(pix2pix_edu.__file__, shipped('README.md').is_file(), pix2pix_edu.__version__)"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    file, found, version = done.stdout.split()
    assert Path(file).is_relative_to(tmp_path)
    assert found == "True"
    assert f"pix2pix_edu-{version}-" in wheel.filename


def test_the_command_is_installed():
    from importlib.metadata import entry_points

    (command,) = entry_points(group="console_scripts", name="pix2pix-edu")
    assert callable(command.load())


def test_the_licences_are_named():
    assert (ROOT / "LICENSE").read_text(encoding="utf-8").startswith("MIT License")
    text = (ROOT / "LICENSES.md").read_text(encoding="utf-8")
    for name in ("MIT", "CC BY 4.0", "CC BY-SA 4.0", "OpenMoji"):
        assert name in text


def test_the_speeds_in_the_readme_are_the_measured_ones():
    from benchmarks.table import BEGIN, END, table

    shown = (ROOT / "README.md").read_text(encoding="utf-8").split(BEGIN)[1].split(END)[0].strip()
    assert shown == table(ROOT / "benchmarks" / "results")
