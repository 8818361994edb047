"""Perceptual distance: are the edges and textures alike that a trained network looks for?

A picture is shown to a network that was trained to recognise things, and what its layers answer is compared instead of
the pixels (Johnson et al. 2016; Zhang et al. 2018, "LPIPS", here without its learned weights).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pix2pix_edu.errors import DownloadError, UsageError, nearest
from pix2pix_edu.evaluation.checks import comparable

FEATURES = ("auto", "vgg16", "course")
TRAINING_FEATURES = ("auto", "vgg16", "emoji", "course")
VGG_LAYERS = ("block1_conv2", "block2_conv2", "block3_conv3", "block4_conv3", "block5_conv3")
VGG_FILE = "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
# Of the segmenter. Measured at 64 px: a shift by two pixels costs less than a blur of sigma 1.5 (.38 and .64 on house
# fronts, .25 and .40 on emoji). The encoder of the emoji generator says the opposite of house fronts (.17 and .12).
COURSE_LAYERS = ("down_1", "down_2", "down_3")
EMOJI_LAYERS = ("down_1", "down_2", "down_3")  # of the emoji generator's encoder
SMALLEST = 32  # pixels; below it the deepest layers have hardly a pixel left
BATCH = 32
KEEP_FINITE = 1e-8


class PerceptualDistance(NamedTuple):
    """What `perceptual_distance` returns.

    Attributes:
        values: one distance for each picture, float64, (N,).
        features: whose features were compared: "vgg16", or "course" for the course's own small network. Distances of
            the two are on different scales.
    """

    values: np.ndarray
    features: str


def perceptual_distance(
    real: np.ndarray, fake: np.ndarray, features: str = "auto", fetch: bool = False
) -> PerceptualDistance:
    """How differently a trained network sees two pictures.

    At each of several layers the answers for one pixel are scaled to the length 1; the squared distance between those
    for the real and for the generated picture is averaged over pixels and layers.

    Range and direction: 0 for equal pictures, 2 at most; lower is better. Blind spot: it knows what its network learned
    to look at. VGG16 was trained on photographs; the course's own network is the segmenter of 64 px house fronts, a
    rough stand-in. It still compares with one target, so another right answer costs something.

    Args:
        real: targets, RGB or grey, uint8 or floats in [-1, 1], (H, W, C) or (N, H, W, C), at least 32 x 32 pixels.
        fake: translations of the same shape and type.
        features: "vgg16", "course", or "auto": VGG16 where its weights are on this machine, else the course's own.
        fetch: whether VGG16's weights (59 MB) may be downloaded; they stay in the cache of Keras.

    Returns:
        `values`, one for each picture, and `features`, which says whose they are.

    Raises:
        UsageError: pictures that cannot be compared, or VGG16 asked for where its weights are not.
        DownloadError: they could not be fetched.

    >>> picture = np.zeros((32, 32, 3), np.uint8)
    >>> distance = perceptual_distance(picture, picture, features="course")
    >>> print(distance.values, distance.features)
    [0.] course
    """
    real, fake = comparable(real, fake)
    if real.shape[-1] not in (1, 3) or min(real.shape[1:3]) < SMALLEST:
        raise UsageError(
            f"The perceptual distance needs RGB or grey pictures of at least {SMALLEST} x {SMALLEST} pixels; these "
            f"have the shape {real.shape[1:]}."
        )
    chosen = choose_features(features, fetch)
    look = _vgg16(fetch) if chosen == "vgg16" else _course_network()
    distances = [np.zeros(0)]
    for start in range(0, len(real), BATCH):
        seen = [look(_as_rgb(pictures[start : start + BATCH])) for pictures in (real, fake)]
        distances.append(np.mean([_apart(*layer) for layer in zip(*seen, strict=True)], axis=0))
    return PerceptualDistance(np.concatenate(distances), chosen)


def choose_features(features: str = "auto", fetch: bool = False) -> str:
    """Whose features `perceptual_distance` compares with these arguments: "vgg16" or "course"; nothing is loaded.

    Raises:
        UsageError: an unknown name, or VGG16 asked for where its weights are not.

    >>> choose_features("course")
    'course'
    """
    if features not in FEATURES:
        raise UsageError(f"features={features!r} is not known. {nearest(str(features), list(FEATURES))}")
    if features == "auto":
        return "vgg16" if fetch or vgg16_weights().is_file() else "course"
    if features == "vgg16" and not fetch and not vgg16_weights().is_file():
        raise UsageError(
            f"VGG16's weights are not on this machine (looked for {vgg16_weights()}). Pass fetch=True to download them "
            'once (59 MB), or features="course" to use the small network that ships with the course.'
        )
    return features


def vgg16_weights() -> Path:
    """Where Keras keeps VGG16's weights once they have been downloaded: `KERAS_HOME`, or `~/.keras`.

    >>> vgg16_weights().name
    'vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5'
    """
    home = os.environ.get("KERAS_HOME")
    return (Path(home) if home else Path.home() / ".keras") / "models" / VGG_FILE


def _apart(real: np.ndarray, fake: np.ndarray) -> np.ndarray:
    """Squared distance between two answers, each scaled to length 1, averaged over pixels: (N, H, W, C) to (N,)."""
    real, fake = (seen / (np.linalg.norm(seen, axis=-1, keepdims=True) + KEEP_FINITE) for seen in (real, fake))
    return np.square(real - fake).sum(axis=-1).mean(axis=(1, 2), dtype="float64")


def _as_rgb(pictures: np.ndarray) -> np.ndarray:
    """Float32 RGB on the scale 0 to 255; grey is shown to the network in three equal channels."""
    return np.repeat(pictures, 3 // pictures.shape[-1], axis=-1).astype("float32")


Looker = Callable[[np.ndarray], list[np.ndarray]]  # RGB, 0 to 255, (N, H, W, 3) to what each layer says of it


@lru_cache(maxsize=1)
def _vgg16(fetch: bool) -> Looker:
    from pix2pix_edu.backend import keras

    network = _vgg16_layers(fetch)
    return lambda pictures: _answers(network, keras.applications.vgg16.preprocess_input(pictures.copy()))


@lru_cache(maxsize=1)
def _vgg16_layers(fetch: bool) -> Any:
    from pix2pix_edu.backend import keras

    try:
        network = keras.applications.VGG16(
            include_top=False, weights="imagenet" if fetch else str(vgg16_weights()), input_shape=(None, None, 3)
        )
    except Exception as error:  # what cannot be fetched or read raises one of a dozen
        raise DownloadError(
            f"VGG16's weights could not be loaded ({type(error).__name__}: {error}). Without them, "
            'features="course" uses the small network that ships with the course. A file that is cut off must be '
            f"deleted first: {vgg16_weights()}"
        ) from error
    return keras.Model(network.inputs[0], [network.get_layer(name).output for name in VGG_LAYERS])


@lru_cache(maxsize=1)
def _course_layers() -> Any:
    from pix2pix_edu.segmenter import feature_model

    return feature_model(COURSE_LAYERS)


@lru_cache(maxsize=1)
def _emoji_layers() -> Any:
    from pix2pix_edu.backend import keras
    from pix2pix_edu.translation import _at_size, load_example_model

    generator = _at_size(load_example_model("emoji").generator, (None, None))
    return keras.Model(generator.inputs[0], [generator.get_layer(name).output for name in EMOJI_LAYERS])


def training_features(features: str = "auto") -> str:
    """Whose features a training with these arguments is to compare: "vgg16", "emoji" or "course"; nothing is loaded.

    "auto" is VGG16 where its weights are on this machine, else "emoji".

    Raises:
        UsageError: an unknown name, or VGG16 asked for where its weights are not.

    >>> training_features("emoji")
    'emoji'
    """
    if features not in TRAINING_FEATURES:
        raise UsageError(f"perceptual_features={features!r} is not known. {nearest(features, list(TRAINING_FEATURES))}")
    if features == "auto":
        return "vgg16" if vgg16_weights().is_file() else "emoji"
    return features if features == "emoji" else choose_features(features)


def feature_network(features: str = "auto") -> Callable[[Any], list[Any]]:
    """A fixed network for a perceptual loss: what some of its layers answer, through which gradients flow.

    Whoever trains against a network learns to please it, and must not be judged by it afterwards. "course" is the
    segmenter, which is the judge of house fronts (FCN-score), and what `perceptual_distance` measures with: do not
    train on house fronts with it if you want to compare these numbers. "emoji" is the encoder of the emoji generator
    that ships with the course, and judges nothing. It is a poor stand-in for VGG16: it has seen nothing but some 1,200
    line drawings of 64 px, and it minds a shift more than a blur, where people do the opposite.

    Args:
        features: "vgg16", "emoji", "course", or "auto": VGG16 where its weights are on this machine, else "emoji".

    Returns:
        From RGB pictures in [-1, 1], tensors of shape (N, H, W, 3) whose sides are multiples of 32, to a list of the
        layers' answers.

    Raises:
        UsageError: an unknown name, or VGG16 asked for where its weights are not.

    >>> [answer.shape[1] for answer in feature_network("emoji")(np.zeros((1, 32, 32, 3), "float32"))]
    [16, 8, 4]
    """
    chosen = training_features(features)
    if chosen == "vgg16":
        from pix2pix_edu.backend import keras

        vgg, prepare = _vgg16_layers(False), keras.applications.vgg16.preprocess_input
        return lambda pictures: vgg(prepare((pictures + 1.0) * 127.5), training=False)
    network = _emoji_layers() if chosen == "emoji" else _course_layers()
    return lambda pictures: network(pictures, training=False)


@lru_cache(maxsize=1)
def _course_network() -> Looker:
    layers = _course_layers()
    multiple = 8  # the last of these layers sees the picture halved three times

    def look(pictures: np.ndarray) -> list[np.ndarray]:
        missing = [-size % multiple for size in pictures.shape[1:3]]
        padded = np.pad(pictures, [(0, 0), (0, missing[0]), (0, missing[1]), (0, 0)], mode="edge")
        return _answers(layers, padded / 127.5 - 1.0)

    return look


def _answers(network: Any, pictures: np.ndarray) -> list[np.ndarray]:
    """What each layer says; compiled, which is ten times faster than a plain call for a single picture."""
    return network.predict_on_batch(pictures)
