"""What all tests share: a quiet TensorFlow, figures that need no window, and no settings from the developer's shell."""

from __future__ import annotations

import os

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "Agg")


@pytest.fixture(autouse=True)
def no_preset_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """`make notebooks-test` and continuous integration set a preset; what "auto" means must not depend on that here."""
    monkeypatch.delenv("PIX2PIX_EDU_PRESET", raising=False)
