"""A network that reads house fronts: which class has each pixel? The judge behind the FCN-score (paper 4.1; lesson 09).

The paper asks whether a network that was trained on real street scenes still recognises what is in the generated ones.
Ours was trained on house fronts that `data/makers/segmenter.py` had the facades program paint, and it ships with the
course, one network for pictures of 64 px and one for 128 px. What each scores on real pictures it never saw is in
`segmenter_record`: no generated picture can be expected to score more.

It tells all twelve classes apart. At 64 px a sill or a molding is one pixel thick and a relief two, and still each is
found far more often than by chance, so no classes are merged.
"""

from __future__ import annotations

import itertools
import json
from functools import lru_cache
from typing import Any

import numpy as np

from pix2pix_edu.backend import keras, layers
from pix2pix_edu.errors import DataError, UsageError
from pix2pix_edu.pairs.facades import CLASSES
from pix2pix_edu.paths import shipped
from pix2pix_edu.translation import load_network, to_float

SEGMENTER_SIZES = (64, 128)
WIDTHS = (16, 32, 64, 64)  # channels at full size, half, a quarter and an eighth
BATCH = 32

# It learned from `load_pairs("facades", seed=SEGMENTER_SEED).train`; no smaller seed gives one of these houses.
SEGMENTER_SEED = 1_000_000


def segmenter_model(image_size: int | None, widths: tuple[int, ...] = WIDTHS, seed: int | None = None) -> keras.Model:
    """Build the untrained network: a small U-Net that says for each pixel how likely each class is.

    Args:
        image_size: height and width in pixels, or None for any that can be halved once less often than there are
            widths.
        widths: channels at each size, from the full one down.
        seed: makes the initial weights reproducible.

    Returns:
        A Keras model from floats in [-1, 1], (N, image_size, image_size, 3), to logits, (N, image_size, image_size,
        12), in the order of `pairs.facades.CLASSES`.

    >>> segmenter_model(64).output_shape
    (None, 64, 64, 12)
    """
    seeds = itertools.repeat(None) if seed is None else itertools.count(1_000 * seed)  # one for each layer
    picture = x = layers.Input((image_size, image_size, 3), name="picture")
    encoded = []
    for level, width in enumerate(widths):
        if level:
            x = layers.MaxPooling2D(name=f"halve_{level}")(x)
        x = _convolve(x, width, 3 if level else 5, f"down_{level}", next(seeds))
        encoded.append(x)
    for level in reversed(range(len(widths) - 1)):
        x = layers.UpSampling2D(name=f"double_{level}")(x)
        x = layers.Concatenate(name=f"skip_{level}")([x, encoded[level]])
        x = _convolve(x, widths[level], 3, f"up_{level}", next(seeds))
    start = keras.initializers.GlorotUniform(next(seeds))
    logits = layers.Conv2D(len(CLASSES), 1, kernel_initializer=start, name="logits")(x)
    return keras.Model(picture, logits, name="segmenter")


def _convolve(x: keras.KerasTensor, width: int, kernel: int, name: str, seed: int | None) -> keras.KerasTensor:
    start = keras.initializers.GlorotUniform(seed)
    x = layers.Conv2D(width, kernel, padding="same", use_bias=False, kernel_initializer=start, name=f"{name}_conv")(x)
    x = layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(x)
    return layers.ReLU(name=name)(x)


def segment(pictures: np.ndarray) -> np.ndarray:
    """Read house fronts: the most likely class of each pixel.

    Args:
        pictures: uint8 RGB, (N, H, W, 3) or one picture (H, W, 3), 64 x 64 or 128 x 128 pixels.

    Returns:
        Class numbers, uint8, (N, H, W) or (H, W): indices of `pairs.facades.CLASSES`.

    Raises:
        UsageError: not uint8 RGB, or another size.

    >>> from pix2pix_edu.pairs.facades import facade_labels, render_facade
    >>> print(f"{np.mean(segment(render_facade(7, 64)) == facade_labels(7, 64)):.1f}")
    0.9
    """
    pictures = np.asarray(pictures)
    if pictures.dtype != np.uint8 or pictures.ndim not in (3, 4) or pictures.shape[-1] != 3:
        raise UsageError(
            f"The segmenter reads uint8 RGB pictures, (N, H, W, 3) or (H, W, 3); these are {pictures.dtype} of the "
            f"shape {pictures.shape}. For floats in [-1, 1], call `translation.to_uint8(pictures)` first."
        )
    batch = pictures if pictures.ndim == 4 else pictures[None]
    size = _known_size(batch.shape[1:3])
    network = load_segmenter(size)
    read = [np.zeros((0, size, size), np.uint8)]
    for start in range(0, len(batch), BATCH):
        logits = network.predict_on_batch(to_float(batch[start : start + BATCH]))  # compiled: ten times faster for one
        read.append(logits.argmax(axis=-1).astype(np.uint8))
    classes = np.concatenate(read)
    return classes if pictures.ndim == 4 else classes[0]


def _known_size(size: tuple[int, ...]) -> int:
    if size[0] != size[1] or size[0] not in SEGMENTER_SIZES:
        sizes = " or ".join(f"{known} x {known}" for known in SEGMENTER_SIZES)
        raise UsageError(
            f"The segmenters that ship with the course read pictures of {sizes} pixels, but these are {size[0]} x "
            f"{size[1]}. Make the pairs at such a size: load_pairs('facades', image_size={SEGMENTER_SIZES[0]})."
        )
    return int(size[0])


@lru_cache(maxsize=len(SEGMENTER_SIZES))
def load_segmenter(image_size: int) -> keras.Model:
    """The trained segmenter for one size of picture; loaded once.

    Raises:
        UsageError: a size for which none ships.

    >>> load_segmenter(64).count_params()
    170748
    """
    size = _known_size((image_size, image_size))
    return load_network(shipped("weights", f"segmenter-{size}.p2p"), "segmenter")[0]


def feature_model(names: tuple[str, ...]) -> keras.Model:
    """What some layers of the 64 px segmenter answer, for pictures of any size (for `perceptual_distance`).

    Args:
        names: layers of `segmenter_model`, such as "down_1". Heights and widths of the pictures must be multiples of
            how often the deepest of them is halved: of 8 for "down_3".

    >>> feature_model(("down_0", "down_2")).output_shape
    [(None, None, None, 16), (None, None, None, 64)]
    """
    network = segmenter_model(None)
    network.set_weights(load_segmenter(SEGMENTER_SIZES[0]).get_weights())
    return keras.Model(network.inputs[0], [network.get_layer(name).output for name in names])


def segmenter_record(image_size: int) -> dict[str, Any]:
    """How the segmenter for one size was made, and what it scores on real pictures that it never saw.

    Returns:
        "command", "seed", "versions" and so on; "real" has the three numbers of the FCN-score on the real test pictures
        of `load_pairs("facades")`, and "classes" for each class its share of the pixels, its accuracy and its IoU.

    Raises:
        UsageError: a size for which none ships.
        DataError: the record is missing or damaged.

    >>> 0.9 < segmenter_record(64)["real"]["pixel_accuracy"] < 1
    True
    """
    size = _known_size((image_size, image_size))
    path = shipped("weights", f"segmenter-{size}.json")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path} cannot be read ({type(error).__name__}: {error}). Install the course again, or make it: python "
            f"data/makers/segmenter.py --size {size}"
        ) from error
