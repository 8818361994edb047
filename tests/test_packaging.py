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

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PYTHONS = ["3.11", "3.12", "3.13"]
CONSTRAINTS = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()

# What Google Colab had installed in 2026; `pip install pix2pix-edu` there must not replace any of them.
COLAB = {
    "numpy": "2.1.3",
    "pillow": "11.3.0",
    "tensorflow": "2.20.0",
    "keras": "3.13.2",
    "tensorboard": "2.20.0",
    "matplotlib": "3.10.0",
    "scikit-image": "0.25.2",
    "ipywidgets": "7.7.1",
    "anywidget": "0.9.21",
    "tqdm": "4.67.3",
}


def requirements(*groups: str) -> list[Requirement]:
    """What the project needs to run, and what these optional groups add."""
    lines = [*PROJECT["dependencies"]]
    for group in groups:
        lines += PROJECT["optional-dependencies"][group]
    return [Requirement(line) for line in lines]


def test_every_dependency_has_a_lower_bound_and_a_reason():
    assert all(
        any(bound.operator == ">=" for bound in r.specifier)
        for r in requirements("dev", "site", "jax", "torch", "export", "search")
    )
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for requirement in requirements("dev", "export", "search"):
        assert re.search(rf'"{requirement.name}[<>=][^"]*",? +# [\w`]', text), f"say why {requirement.name} is needed"


@pytest.mark.parametrize("name", COLAB)
def test_the_bounds_admit_what_colab_has(name):
    (requirement,) = [r for r in requirements() if r.name == name]
    assert requirement.specifier.contains(COLAB[name])


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
    assert python == f"python {PROJECT['requires-python']}"
    assert pip == "pip"
    assert through_pip == {"pip": ["-c constraints.txt", "-e ."]}
    assert conda["name"] == PROJECT["name"]


def test_the_public_workflow_tests_every_supported_python():
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    assert workflow["jobs"]["test"]["strategy"]["matrix"]["python"] == PYTHONS
    assert PROJECT["requires-python"] == ">=3.11,<3.14"
    assert [c.rsplit(" ", 1)[1] for c in PROJECT["classifiers"] if "Python ::" in c] == PYTHONS


def test_setup_and_doctor_support_the_same_pythons():
    from pix2pix_edu.doctor import NEWEST_PYTHON, OLDEST_PYTHON
    from tools import install

    assert (install.OLDEST, install.NEWEST) == (OLDEST_PYTHON, NEWEST_PYTHON) == ((3, 11), (3, 13))


def test_the_project_address_stands_in_one_place():
    address = PROJECT["urls"]["Repository"]
    assert re.fullmatch(r"https://github\.com/[\w-]+/[\w-]+", address)


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
    shipped = {path.relative_to(ROOT / "data").as_posix() for path in (ROOT / "data").rglob("*") if path.is_file()}
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
