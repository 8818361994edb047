"""pix2pix_edu: learn image-to-image translation by building it.

`import pix2pix_edu as p2p` is light: a name that needs NumPy, matplotlib or Keras loads them when it is first used.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

# name that users see -> module that defines it
_EXPORTS = {
    "load_pairs": "pairs",
    "Pairs": "pairs",
    "Split": "pairs",
    "generator_model": "unet",
    "discriminator_model": "patchgan",
    "receptive_field": "patchgan",
    "adversarial_loss": "losses",
    "AdversarialLosses": "losses",
    "l1_loss": "losses",
    "l2_loss": "losses",
    "Pix2Pix": "pix2pix",
    "train_step": "pix2pix",
    "train": "training",
    "Run": "training",
    "load_run": "training",
    "estimate_cost": "cost",
    "translate": "translation",
    "load_model": "translation",
    "save_generator": "translation",
    "load_example_model": "translation",
    "evaluate": "evaluation",
    "reproduce": "experiments",
    "export_generator": "export",
    "doctor": "doctor",
    "show_pairs": "figures",
    "show_translations": "figures",
    "plot_history": "figures",
    "show_sheet": "figures",
    "alt_text": "figures",
}

# An optimizer belongs to one network, so each access makes a new one: Adam(2e-4, beta_1=0.5), the paper's.
_FRESH = ("generator_optimizer", "discriminator_optimizer")

__all__ = ["__version__", *_EXPORTS, *_FRESH]


def __getattr__(name: str) -> Any:
    """Load a public name on first use (PEP 562), so that importing the package costs almost nothing."""
    if name in _FRESH:
        return importlib.import_module("pix2pix_edu.optimizers").new_optimizer()
    if name not in _EXPORTS:
        raise AttributeError(f"module 'pix2pix_edu' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"pix2pix_edu.{_EXPORTS[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_EXPORTS, *_FRESH])
