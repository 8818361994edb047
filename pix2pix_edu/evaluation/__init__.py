"""How good is a translation? Measures, and what each of them cannot see (seed lesson 9.2; notebook 09).

`evaluate` takes them all. Importing this loads no Keras: those that need a network load it when they are called.
"""

from pix2pix_edu.evaluation.answers import DIFFERENT, Diversity, diversity, spread, where_it_landed
from pix2pix_edu.evaluation.colour import lab_histogram_intersection, lab_histograms, painted
from pix2pix_edu.evaluation.fcn import (
    ClassScore,
    FcnScore,
    confusion_matrix,
    fcn_score,
    label_classes,
    label_score,
    real_score,
    split_score,
)
from pix2pix_edu.evaluation.likeness import ms_ssim, ms_ssim_weights, psnr, ssim
from pix2pix_edu.evaluation.perceptual import (
    PerceptualDistance,
    choose_features,
    perceptual_distance,
    vgg16_weights,
)
from pix2pix_edu.evaluation.report import compare, evaluate, evaluate_pictures

__all__ = [
    "DIFFERENT",
    "ClassScore",
    "Diversity",
    "FcnScore",
    "PerceptualDistance",
    "choose_features",
    "compare",
    "confusion_matrix",
    "diversity",
    "evaluate",
    "evaluate_pictures",
    "fcn_score",
    "lab_histogram_intersection",
    "lab_histograms",
    "label_classes",
    "label_score",
    "ms_ssim",
    "ms_ssim_weights",
    "painted",
    "perceptual_distance",
    "psnr",
    "real_score",
    "split_score",
    "spread",
    "ssim",
    "vgg16_weights",
    "where_it_landed",
]
