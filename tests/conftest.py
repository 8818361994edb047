"""What all tests share: a quiet TensorFlow, figures that need no window, and no settings from the developer's shell."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from dataclasses import replace
from types import ModuleType

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "Agg")
if int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")) > 1:
    # Each worker has a core. With threads for all cores in each of them the threads wait for one another, spinning.
    for threads in ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NPROC"):  # NPROC: JAX
        os.environ.setdefault(threads, "1")


@pytest.fixture(autouse=True)
def no_preset_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """`make notebooks-test` and continuous integration set a preset; what "auto" means must not depend on that here."""
    monkeypatch.delenv("PIX2PIX_EDU_PRESET", raising=False)


@pytest.fixture(autouse=True, scope="session")
def jax_compiles_once(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Tests of JAX run it in processes of their own, on the same small networks: what one compiled the next may read.

    That halves their time. All workers of one run share the folder, and no other run does.
    """
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    os.environ["JAX_COMPILATION_CACHE_DIR"] = str(shared / "jax")
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"


@pytest.fixture(scope="session")
def load_maker() -> Callable[[str], ModuleType]:
    """Load a script of data/makers, such as `load_maker("curves")`."""
    from pix2pix_edu.paths import shipped

    def load(name: str) -> ModuleType:
        spec = importlib.util.spec_from_file_location(f"{name}_maker", shipped("makers", f"{name}.py"))
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        with pytest.MonkeyPatch.context() as patch:
            patch.syspath_prepend(shipped("makers"))  # makers share a module
            spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> object:
    """The scale "quick" of the experiments becomes one of seconds; the fixture is that scale."""
    from pix2pix_edu.experiments import SCALES

    scale = replace(
        SCALES["quick"],
        data={"name": "facades", "image_size": 64, "theme": "full", "train": 8, "val": 2, "test": 4},
        settings={"preset": "small", "filters": 2, "batch_size": 4, "save_every": 1},
        epochs=2,
    )
    monkeypatch.setitem(SCALES, "quick", scale)
    return scale
