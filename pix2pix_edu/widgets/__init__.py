"""Widgets of the course: predict what will happen, move a control, explain what you see.

A widget is loaded when it is first used, so that importing this package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import Any

# name that users see -> module that defines it
_EXPORTS = {
    "ActivationViewer": "activation_viewer",
    "AmbiguityExplorer": "ambiguity_explorer",
    "AugmentationExplorer": "augmentation_explorer",
    "BottleneckDial": "bottleneck_dial",
    "ClaimExplorer": "claim_explorer",
    "CostExplorer": "cost_explorer",
    "CurveReader": "curve_reader",
    "DigitPainter": "digit_painter",
    "Explorer": "base",
    "GanPlayground": "gan_playground",
    "GradientFlow": "gradient_flow",
    "Job": "job",
    "LabelPainter": "label_painter",
    "LimitsBench": "limits_bench",
    "LiveTraining": "run_browser",
    "LossExplorer": "loss_explorer",
    "MetricExplorer": "metric_explorer",
    "PairBrowser": "pair_browser",
    "PatchFinder": "patch_finder",
    "PatchMapHistory": "patch_finder",
    "RealOrFakeStudy": "real_or_fake_study",
    "RunBrowser": "run_browser",
    "ScalingExplorer": "scaling_explorer",
    "SketchPad": "sketch_pad",
    "SkipCutter": "skip_cutter",
    "TaskBrowser": "task_browser",
    "TrainItYourself": "train_it_yourself",
    "TranslationBrowser": "translation_browser",
    "UnetExplorer": "unet_explorer",
    "WhyThisPixel": "why_this_pixel",
}

__all__ = list(_EXPORTS)


def __getattr__(name: str) -> Any:
    """Load a widget on first use (PEP 562)."""
    if name not in _EXPORTS:
        raise AttributeError(f"module 'pix2pix_edu.widgets' has no attribute {name!r}")
    return getattr(importlib.import_module(f"pix2pix_edu.widgets.{_EXPORTS[name]}"), name)
