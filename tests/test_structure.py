"""The house rules that a reader relies on: imports go one way, examples everywhere, one test file a module."""

from __future__ import annotations

import ast
import functools
import importlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "pix2pix_edu"
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if "_data" not in path.parts)

# From the bottom to the top. A module imports from its own layer or from those below, never from above.
LAYERS = [
    {"errors", "progress", "paths", "sizes", "backend", "fused", "presets", "precision", "memory"},
    {"pairs"},
    {"unet", "patchgan"},
    {"losses", "optimizers", "extras", "diffaugment"},
    {"steps", "pix2pix"},
    {"checkpoints", "translation"},
    {"segmenter"},
    {"evaluation", "sheets", "gallery", "insight", "study", "sketch", "augmentation"},
    {"training", "gan", "cgan", "applications"},
    {"cost", "scaling", "export", "experiments", "search", "augmentation_study"},
    {"figures", "widgets"},
    {"exercises", "doctor"},
    {"cli", "__main__"},
]
HEAVY = ("tensorflow", "keras", "numpy", "matplotlib", "jax", "torch", "PIL", "skimage", "ipywidgets", "tqdm")

# Modules without a test file of their own name: which test proves them, and why it is there.
TESTED_ELSEWHERE = {
    "__init__": ("test_structure.py", "holds nothing but the names that users see"),
    "__main__": ("test_cli.py", "two lines that call the command line"),
    "backend": ("test_structure.py", "imports Keras in silence; every test of a network runs through it"),
    "checkpoints": ("test_training.py", "what a run writes is only worth something if a run can read it"),
    "optimizers": ("test_pix2pix.py", "a pair of optimizers has no meaning without the model that it steps"),
    "steps": ("test_pix2pix.py", "the step is compared with one written by hand"),
    "steps.tensorflow": ("test_pix2pix.py", "the step is compared with one written by hand"),
    "steps.jax": ("test_backends.py", "a backend needs a process of its own; there it is compared with TensorFlow"),
    "steps.torch": ("test_backends.py", "a backend needs a process of its own; there it is compared with TensorFlow"),
    "steps.resident": ("test_pix2pix.py", "pairs on the device are a way to feed that model"),
    "sizes": ("test_unet.py", "one check, which both networks make"),
    **{
        f"evaluation.{part}": (
            "test_evaluation.py",
            "one test file for all measures: they are compared with each other",
        )
        for part in ("answers", "checks", "colour", "fcn", "likeness", "perceptual", "report")
    },
    **{
        f"cli.{part}": ("test_cli.py", "a command is tested as users call it, from its options to what it prints")
        for part in (
            *("options", "source", "model", "settings"),
            *("doctor", "data", "estimate", "train", "translate", "evaluate", "reproduce", "export"),
        )
    },
    "pairs": ("pairs/test_load_pairs.py", "the test file has the name of the function that users call"),
    "pairs.core": ("pairs/test_load_pairs.py", "what Pairs and Split promise is checked on real pairs"),
    "pairs.download": ("pairs/test_archives.py", "an archive is fetched, checked and unpacked in one go"),
    "pairs.pictures": ("pairs/test_folder.py", "unreadable and unusual pictures come from the user's folders"),
    "pairs.facades_layout": ("pairs/test_facades.py", "layout and painting make one picture"),
    "pairs.facades_render": ("pairs/test_facades.py", "layout and painting make one picture"),
}


def name_of(path: Path) -> str:
    """`pix2pix_edu/pairs/core.py` is "pairs.core", and `pix2pix_edu/pairs/__init__.py` is "pairs"."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


@functools.cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def statements(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes below this one that run, hence nothing under `if TYPE_CHECKING`."""
    for child in ast.iter_child_nodes(node):
        if not is_type_checking(child):
            yield child
            yield from statements(child)


def imports_of(path: Path) -> set[str]:
    """The modules of this package that a module imports, at its top or inside functions."""
    known, found = {name_of(other) for other in MODULES}, set()
    for node in statements(parsed(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}:{node.lineno} imports with dots; write the whole name"
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module or ""}
    inside = {name.removeprefix("pix2pix_edu.") for name in found if name.startswith("pix2pix_edu.")}
    return (inside & known) - {name_of(path)}


def layer_of(module: str) -> int:
    (number,) = [number for number, layer in enumerate(LAYERS) if module.split(".")[0] in layer]
    return number


@pytest.mark.parametrize("path", [path for path in MODULES if path != PACKAGE / "__init__.py"], ids=name_of)
def test_imports_go_down(path):
    assert any(name_of(path).split(".")[0] in layer for layer in LAYERS), f"give {name_of(path)} its place in LAYERS"
    upward = [name for name in imports_of(path) if layer_of(name) > layer_of(name_of(path))]
    assert upward == []


def test_imports_have_no_cycles():
    graph = {name_of(path): imports_of(path) for path in MODULES}
    for module in graph:  # a package's __init__ offers what its modules define, and they do not import it
        graph[module] = {name for name in graph[module] if not module.startswith(f"{name}.")}
    while graph:
        leaves = {module for module, imports in graph.items() if not imports & set(graph)}
        assert leaves, f"these import each other in a circle: {sorted(graph)}"
        graph = {module: imports for module, imports in graph.items() if module not in leaves}


def loaded_by(statement: str) -> set[str]:
    """The heavy packages that a fresh Python has loaded after this statement."""
    code = f"import sys; {statement}; print(' '.join(name for name in {HEAVY} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_importing_the_package_loads_nothing_heavy():
    assert loaded_by("import pix2pix_edu") == set()


@pytest.mark.parametrize("module", ["pairs", "doctor", "figures", "cli", "exercises", "evaluation", "widgets"])
def test_these_modules_load_without_keras(module):
    assert loaded_by(f"import pix2pix_edu.{module}") & {"tensorflow", "keras", "jax", "torch"} == set()


def test_every_public_name_can_be_loaded():
    import pix2pix_edu

    missing = [name for name in pix2pix_edu.__all__ if getattr(pix2pix_edu, name, None) is None]
    assert missing == []


def test_the_doctor_can_be_called_however_it_was_imported():
    import pix2pix_edu
    import pix2pix_edu.doctor  # binds the name to the module, which would hide the function

    assert callable(pix2pix_edu.doctor)


def public_definitions(path: Path) -> Iterator[ast.FunctionDef | ast.ClassDef]:
    for node in parsed(path).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            yield node


def offered_by(folder: Path) -> set[str]:
    """The names that a sub-package offers; what else its modules define is for itself."""
    name = ".".join(folder.relative_to(ROOT).parts)
    return set(getattr(importlib.import_module(name), "__all__", []))


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_every_public_function_shows_an_example(path):
    """Every function of a lesson's module, and those of a sub-package that it offers to users."""
    offered = None if path.parent == PACKAGE else offered_by(path.parent)
    without = [
        f"{node.name} (line {node.lineno})"
        for node in public_definitions(path)
        if isinstance(node, ast.FunctionDef) and (offered is None or node.name in offered)
        if ">>>" not in (ast.get_docstring(node) or "")
    ]
    assert without == []


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_everything_public_says_what_it_is(path):
    assert [node.name for node in public_definitions(path) if not ast.get_docstring(node)] == []


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_every_module_has_its_tests(path):
    if path.name == "__init__.py" and not list(public_definitions(path)):
        return  # nothing is defined here
    if name_of(path) in TESTED_ELSEWHERE:
        assert (ROOT / "tests" / TESTED_ELSEWHERE[name_of(path)][0]).is_file()
        return
    *folders, stem = name_of(path).split(".")
    places = [ROOT / "tests", ROOT.joinpath("tests", *folders)]
    found = [
        file for place in places for file in place.glob("test_*.py") if re.fullmatch(rf"test_(\w+_)?{stem}", file.stem)
    ]
    assert found, f"write tests/{'/'.join([*folders, f'test_{stem}.py'])}"


BUILT = {".venv", ".git", "__pycache__", "build", "dist", "runs", ".mypy_cache", ".ruff_cache", ".pytest_cache"}


def repository_files() -> list[Path]:
    """What git tracks or would add; without git, everything but what is built or installed."""
    try:
        command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
        files = [ROOT / name for name in listed if name]
    except (OSError, subprocess.CalledProcessError):
        files = []
        for folder, folders, names in os.walk(ROOT):
            folders[:] = [name for name in folders if name not in BUILT]
            files += [Path(folder, name) for name in names]
    return [path for path in files if path.is_file()]


FORBIDDEN = {
    "a folder of one machine": re.compile(r"(?<![\w.:/~-])/(?:root|work|home/\w+|Users/\w+|opt/\w+)/"),
    "a package index of one machine": re.compile(
        r"(?:index-url|find-links)\s*[= ]\s*[\w/]|file://|\bhttps?://[^\s/]+/simple\b"
    ),
    "an address in a private network": re.compile(r"\bhttps?://(?:10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.)"),
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_names(what):
    found = []
    for path in repository_files():
        if path == Path(__file__) or path.suffix in {".png", ".webp", ".jpg", ".p2p", ".keras", ".npz", ".gz"}:
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if FORBIDDEN[what].search(line[:5000]):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line[:100]}")
    assert found == []
