"""The doctor on this machine, and on machines that are worse off."""

from __future__ import annotations

import html.parser
import importlib
import os
import stat
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from pix2pix_edu.doctor import Check, Report

clinic = importlib.import_module("pix2pix_edu.doctor")  # the module; `pix2pix_edu.doctor` may be its function
ROOT = Path(__file__).resolve().parent.parent
CPU = {"backend": "tensorflow", "engine": "2.21.0", "gpus": [], "preset": "small", "about": "64 px", "error": None}


@pytest.fixture(scope="module")
def report() -> Report:
    """One real look at this machine, for all tests that read it."""
    return clinic.doctor()


def found(report: Report, name: str) -> Check:
    (check,) = [check for check in report.checks if check.name == name]
    return check


def test_it_looks_at_everything_that_a_learner_needs(report):
    names = [check.name for check in report.checks]
    assert names[0] == "Python"
    for name in (
        "tensorflow",
        "keras",
        "Keras backend",
        "GPU",
        "Processor cores",
        "Memory",
        "Cache folder",
        "Drawings",
    ):
        assert name in names
    assert names[-1] == "Preset auto"


def test_this_machine_has_what_the_tests_themselves_need(report):
    for name in ("Python", "numpy", "tensorflow", "keras", "Keras backend", "Memory", "Drawings", "Preset auto"):
        assert found(report, name).verdict in ("ok", "warn"), str(found(report, name))
    assert found(report, "Python").value == ".".join(map(str, sys.version_info[:3]))


def test_an_unknown_preset_is_a_finding_that_says_how_to_undo_it(monkeypatch):
    monkeypatch.setenv("PIX2PIX_EDU_PRESET", "smal")
    check = clinic.check_preset(clinic.probe_keras())
    assert check.verdict == "fail"
    assert "smal" in check.value
    assert "unset PIX2PIX_EDU_PRESET" in check.advice


def test_a_backend_that_is_not_installed_is_a_finding(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "no_such_backend")
    probe = clinic.probe_keras()
    check = clinic.check_backend(probe)
    assert check.verdict == "fail"
    assert "KERAS_BACKEND is 'no_such_backend'" in check.advice
    assert clinic.check_preset(probe).verdict == "fail"


def test_it_works_where_no_package_is_installed(tmp_path):
    """An empty virtual environment: every package is missing, and each line says what to type."""
    venv.create(tmp_path / "empty", with_pip=False)
    python = tmp_path / "empty" / ("Scripts" if os.name == "nt" else "bin") / "python"
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import pix2pix_edu; print(pix2pix_edu.doctor())"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "missing (needs >=2.0)" in done.stdout
    assert '-m pip install "numpy>=2.0"' in done.stdout
    assert "ModuleNotFoundError: No module named 'keras'" in done.stdout
    assert "Not ready yet: " in done.stdout


@pytest.mark.parametrize(
    ("requirement", "verdict", "value"),
    [
        ("no-such-package>=1.0", "fail", "missing (needs >=1.0)"),
        ("no-such-package", "fail", "missing (needs any version)"),
        ("pytest>=1", "ok", pytest.__version__),
        ("pytest>=9999", "fail", f"{pytest.__version__} (needs >=9999)"),
        ("pytest>=1,<2", "fail", f"{pytest.__version__} (needs >=1,<2)"),
        ('pytest>=1 ; python_version > "3"', "ok", pytest.__version__),
    ],
)
def test_packages_are_held_to_their_bounds(requirement, verdict, value):
    check = clinic.check_package(requirement)
    assert (check.verdict, check.value) == (verdict, value)
    assert ("pip install" in check.advice) == (verdict == "fail")


@pytest.mark.parametrize(
    ("version", "verdict"), [((3, 10, 9), "fail"), ((3, 11, 0), "ok"), ((3, 13, 9), "ok"), ((3, 14, 0), "fail")]
)
def test_python_versions(version, verdict):
    assert clinic.check_python(version).verdict == verdict


def test_the_requirements_are_those_of_the_project():
    wanted = clinic.requirements()
    assert any(requirement.startswith("tensorflow>=") for requirement in wanted)
    assert not any("pytest" in requirement for requirement in wanted)


def test_an_installed_course_knows_its_requirements_without_the_repository(tmp_path, monkeypatch):
    lines = [
        "numpy>=2.0",
        "jupyterlab>=4.4; extra == 'lab'",
        'pytest>=8; extra == "dev"',
        "onnx; (python_version > '3') and extra == 'export'",
    ]
    monkeypatch.setattr(clinic, "__file__", str(tmp_path / "pix2pix_edu" / "doctor.py"))
    monkeypatch.setattr(clinic.importlib.metadata, "requires", lambda name: lines)
    assert clinic.requirements() == ["numpy>=2.0"]
    assert clinic.requirements("lab") == ["jupyterlab>=4.4"]
    assert clinic.requirements("export") == ["onnx"]


def test_a_front_end_may_be_missing_but_not_too_old():
    missing = clinic.check_optional("no-such-package>=1.0")
    assert (missing.verdict, missing.value) == ("ok", "not installed")
    assert '-m pip install "no-such-package>=1.0"' in missing.advice
    assert clinic.check_optional("pytest>=1").value == pytest.__version__
    assert clinic.check_optional("pytest>=9999").verdict == "fail"


def test_the_report_names_jupyterlab_among_the_packages(report):
    names = [check.name for check in report.checks]
    assert names.count("jupyterlab") == 1
    assert names.index("ipywidgets") < names.index("jupyterlab") < names.index("keras")


def program(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for nvidia-smi is a shell script")
class TestGraphicsCards:
    def test_a_card_is_named_with_its_memory(self, tmp_path, monkeypatch):
        program(tmp_path, "nvidia-smi", "echo 'NVIDIA T4, Turing, 15360, 15000'")
        monkeypatch.setenv("PATH", str(tmp_path))
        assert clinic.graphics_cards() == ["NVIDIA T4, Turing (16 GB of memory, 16 GB free)"]
        assert clinic.check_gpu({**CPU, "gpus": ["gpu:0"]}).value == "NVIDIA T4, Turing (16 GB of memory, 16 GB free)"

    def test_a_card_that_keras_does_not_see_is_a_remark(self, tmp_path, monkeypatch):
        program(tmp_path, "nvidia-smi", "echo 'NVIDIA T4, 15360, [N/A]'")
        monkeypatch.setenv("PATH", str(tmp_path))
        check = clinic.check_gpu(CPU)
        assert check.verdict == "warn"
        assert "an unknown amount free" in check.value
        assert "tensorflow[and-cuda]" in check.advice

    @pytest.mark.parametrize("script", ["echo 'No devices were found'", "exit 9", "echo 'A, 1, 2'; exit 9"])
    def test_a_driver_without_cards_is_no_card(self, tmp_path, monkeypatch, script):
        program(tmp_path, "nvidia-smi", script)
        monkeypatch.setenv("PATH", str(tmp_path))
        assert clinic.graphics_cards() == []
        assert clinic.check_gpu(CPU).value == "none"


def test_a_gpu_without_a_driver_program_is_named_as_keras_names_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert clinic.check_gpu({**CPU, "gpus": ["gpu:0", "gpu:1"]}).value == "gpu:0, gpu:1"


@pytest.mark.parametrize(
    ("failure", "advice"),
    [
        ("importing Keras killed Python (signal 4)", "too old"),
        ("importing Keras took over 120 seconds", "import keras"),
    ],
)
def test_a_keras_that_does_not_start_is_explained(failure, advice):
    check = clinic.check_backend({"failure": failure})
    assert (check.verdict, check.value) == ("fail", failure)
    assert advice in check.advice


@pytest.mark.parametrize(
    ("total", "free", "verdict"),
    [(16e9, 9e9, "ok"), (16e9, None, "ok"), (16e9, 1e9, "warn"), (3e9, 2.9e9, "warn"), (1e9, 0.9e9, "fail")],
)
def test_memory(total, free, verdict):
    check = clinic.check_memory(int(total), None if free is None else int(free))
    assert check.verdict == verdict
    assert bool(check.advice) == (verdict != "ok")


def test_memory_of_this_machine_is_plausible():
    total, free = clinic.memory()
    assert 10**8 < total < 10**14
    assert free is None or 0 <= free <= total


@pytest.mark.parametrize(("free", "verdict"), [(10e9, "ok"), (1e9, "warn"), (1e8, "fail")])
def test_disk_space(tmp_path, free, verdict):
    assert clinic.check_folder("Working folder", tmp_path / "new", free=int(free)).verdict == verdict


def test_a_cache_folder_that_cannot_be_made_is_a_finding(tmp_path):
    (tmp_path / "file").write_text("in the way")
    check = clinic.check_folder("Cache folder", tmp_path / "file" / "cache")
    assert check.verdict == "fail"
    assert str(tmp_path / "file" / "cache") in check.value
    assert "PIX2PIX_EDU_CACHE" in check.advice


def test_the_cache_folder_is_the_one_that_the_variable_names(tmp_path, monkeypatch):
    monkeypatch.setenv("PIX2PIX_EDU_CACHE", str(tmp_path / "elsewhere"))
    assert clinic.check_folder("Cache folder", clinic._cache_dir()).value.startswith(str(tmp_path / "elsewhere"))


def test_the_home_folder_is_written_as_a_tilde(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert clinic.check_folder("Working folder", tmp_path / "course").value.startswith(f"~{os.sep}course")


def test_the_example_model_is_missed_when_it_is_empty(tmp_path):
    path = tmp_path / "emoji.p2p"
    path.touch()
    assert clinic.check_example_model(path).verdict == "fail"
    path.write_bytes(bytes(2_000_000))
    assert clinic.check_example_model(path).value == "emoji.p2p, 2.0 MB"


def test_widgets_are_found_beside_jupyterlab(tmp_path):
    assert "pip install jupyterlab_widgets" in clinic.check_widgets([tmp_path]).advice
    manifest = tmp_path / "@jupyter-widgets" / "jupyterlab-manager" / "package.json"
    manifest.parent.mkdir(parents=True)
    manifest.write_text('{"version": "5.0.16"}')
    assert clinic.check_widgets([tmp_path]).value.endswith("shown by extension 5.0.16")


def test_without_jupyter_there_is_no_extension_to_look_for(monkeypatch):
    monkeypatch.setattr(clinic.importlib.util, "find_spec", lambda name: None)
    check = clinic.check_widgets()
    assert check.verdict == "ok" and "no JupyterLab here" in check.value


def test_a_check_that_breaks_becomes_a_line_of_the_report():
    def broken() -> Check:
        raise RuntimeError("loose wire")

    check = clinic._guarded("Fan", broken)
    assert check.verdict == "fail"
    assert "RuntimeError: loose wire" in check.value


SAMPLE = Report([Check("Python", "ok", "3.11"), Check("Disk", "warn", "<1 GB", "Tidy up.")])


def test_a_terminal_gets_aligned_text_with_the_advice_below():
    assert str(SAMPLE).splitlines() == [
        "✓ ok    Python  3.11",
        "! warn  Disk    <1 GB",
        "                Tidy up.",
        "",
        "Ready, with a remark on Disk.",
    ]
    assert repr(SAMPLE) == str(SAMPLE)


def test_a_notebook_gets_a_table_that_says_every_verdict_in_words():
    class Words(html.parser.HTMLParser):
        words: list[str]

        def handle_data(self, data: str) -> None:
            self.words.append(data.replace("\xa0", " "))

    reader = Words()
    reader.words = []
    reader.feed(SAMPLE._repr_html_())
    assert reader.words == [
        *("Verdict", "What", "Found"),
        *("✓ ok", "Python", "3.11"),
        *("! warn", "Disk", "<1 GB", "Tidy up."),
        "Ready, with a remark on Disk.",
    ]


def test_the_worst_verdict_decides():
    assert Report([]).verdict == "ok"
    assert SAMPLE.verdict == "warn"
    failed = Report([*SAMPLE.checks, Check("Memory", "fail", "1 GB", "More.")])
    assert failed.verdict == "fail"
    assert failed.headline.startswith("Not ready yet: Memory.")
    assert Report(SAMPLE.checks[:1]).headline == "Everything is ready: all 1 checks passed."
