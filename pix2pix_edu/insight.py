"""Where a translation breaks, and what goes on inside the networks (paper 4 and 5; seed 8.2 and 9.4; notebook 13).

The first half provokes the limits: pairs that do not fit, drawings unlike those of the training. The second half looks
inside: what each layer computes, which pixels it can see and which it uses, which part of a source decided a pixel,
what made the discriminator say "fake", and what one number of the bottleneck does to the picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from PIL import Image
from scipy.ndimage import grey_erosion

from pix2pix_edu.backend import keras, layers, ops
from pix2pix_edu.errors import UsageError, check_known, nearest
from pix2pix_edu.pairs import Split
from pix2pix_edu.pairs.core import check_seed
from pix2pix_edu.patchgan import Patch
from pix2pix_edu.translation import BATCH, Translator, to_float, to_uint8, translate

WHITE = 255


# --- Pairs that do not fit ------------------------------------------------------------------------------------------


def move(picture: np.ndarray, down: int, right: int, fill: int = WHITE) -> np.ndarray:
    """Move a picture by whole pixels; what comes in at the edge is paper.

    Args:
        picture: uint8, (H, W, C).
        down: pixels to move down; negative moves up.
        right: pixels to move to the right; negative moves to the left.
        fill: the value of the pixels that come in, 0 to 255.

    >>> move(np.array([[[1], [2]], [[3], [4]]], np.uint8), down=1, right=0)[..., 0].tolist()
    [[255, 255], [1, 2]]
    """
    height, width = picture.shape[:2]
    moved = np.full_like(picture, fill)
    if abs(down) < height and abs(right) < width:
        top, left = max(down, 0), max(right, 0)
        bottom, end = min(height + down, height), min(width + right, width)
        moved[top:bottom, left:end] = picture[top - down : bottom - down, left - right : end - right]
    return moved


def misaligned(split: Split, pixels: int, own: bool = True, seed: int = 0) -> Split:
    """The same pairs, with every target moved off its source.

    Args:
        split: pairs that fit.
        pixels: how far, at most, in each direction.
        own: True moves each target by a random step of its own, from `-pixels` to `pixels` down and to the right;
            False moves all of them by `pixels` down and by `pixels` to the right.
        seed: of the random steps.

    Raises:
        UsageError: a distance that is no whole number from 0 to half the height of a picture.

    >>> split = Split(*np.zeros((2, 3, 32, 32, 3), np.uint8))
    >>> int(misaligned(split, 2, own=False).targets[0, :2].min())
    255
    """
    height = split.targets.shape[1]
    if isinstance(pixels, bool) or not isinstance(pixels, Integral) or not 0 <= pixels <= height // 2:
        raise UsageError(f"pixels={pixels!r} does not work: give a whole number from 0 to {height // 2}.")
    steps = np.random.default_rng(check_seed(seed)).integers(-pixels, pixels + 1, (len(split), 2))
    steps = steps if own else np.full_like(steps, pixels)
    targets = [move(target, *step) for target, step in zip(split.targets, steps, strict=True)]
    return Split(split.sources, np.stack(targets), split.names, split.labels)


def mismatched(split: Split, seed: int = 0) -> Split:
    """The same sources, each with the target of another pair; no target stays where it was.

    Raises:
        UsageError: fewer than two pairs.

    >>> pictures = np.arange(4, dtype=np.uint8).reshape(4, 1, 1, 1).repeat(32, 1).repeat(32, 2)
    >>> mismatched(Split(pictures, pictures)).targets[:, 0, 0, 0].tolist()
    [2, 0, 3, 1]
    """
    if len(split) < 2:
        raise UsageError(f"A split of {len(split)} pair(s) has no other target to give: two or more are needed.")
    circle = np.random.default_rng(check_seed(seed)).permutation(len(split))
    partner = np.empty(len(split), int)
    partner[circle] = np.roll(circle, 1)  # each takes the target of the one before it in the circle
    return Split(split.sources, split.targets[partner], split.names, split.labels)


# --- Drawings unlike those of the training ----------------------------------------------------------------------------


def disturb(
    pictures: np.ndarray,
    turn: float = 0,
    thicker: int = 0,
    right: int = 0,
    invert: bool = False,
    pale: float = 0.0,
    noise: float = 0.0,
    seed: int = 0,
) -> np.ndarray:
    """Change drawings in ways that a person would see through at once.

    Args:
        pictures: uint8, (N, H, W, C).
        turn: degrees, to the left; the corners that come in are paper.
        thicker: pixels that each line grows on either side.
        right: pixels to the right.
        invert: white lines on black paper.
        pale: how much of the ink is taken away, from 0 to 1.
        noise: standard deviation of coloured noise, in grey levels of 255.
        seed: of the noise.

    Returns:
        uint8 pictures of the same shape. Turned or moved, a target is still right for its source; all other changes
        concern the source alone.

    Raises:
        UsageError: pictures that are not a uint8 batch, or an amount out of range.

    >>> drawing = np.array([[[[255], [0], [255]]]], np.uint8)
    >>> disturb(drawing, invert=True).ravel().tolist(), disturb(drawing, pale=0.8).ravel().tolist()
    ([0, 255, 0], [255, 204, 255])
    """
    _check_batch(pictures)
    if not 0 <= pale <= 1 or noise < 0 or thicker < 0:
        raise UsageError(
            f"pale={pale!r} must lie between 0 and 1, noise={noise!r} and thicker={thicker!r} not below 0."
        )
    if turn:
        pictures = np.stack([_turn(picture, turn) for picture in pictures])
    if right:
        pictures = np.stack([move(picture, 0, right) for picture in pictures])
    if thicker:  # ink is dark, so the darkest pixel of the neighbourhood wins
        pictures = grey_erosion(pictures, size=(1, 2 * thicker + 1, 2 * thicker + 1, 1))
    changed = WHITE - (1 - pale) * (WHITE - pictures.astype("float64"))
    changed = WHITE - changed if invert else changed
    if noise:
        changed = changed + np.random.default_rng(check_seed(seed)).normal(0, noise, changed.shape)
    return np.clip(np.rint(changed), 0, 255).astype("uint8")


def _turn(picture: np.ndarray, degrees: float) -> np.ndarray:
    channels = [
        Image.fromarray(channel).rotate(degrees, Image.Resampling.BILINEAR, fillcolor=WHITE)
        for channel in np.moveaxis(picture, -1, 0)
    ]
    return np.stack([np.asarray(channel) for channel in channels], axis=-1)


class Familiar:
    """How far drawings are from those of the training, seen with a generator's own eyes.

    Each channel of an early layer answers one question about a drawing: how much of its pattern is there? The mean of
    each channel over a drawing is compared with the means of the training drawings, and the distance counted in their
    standard deviations. A drawing of the training is about 0.8 away (of a normal distribution, exactly that).

    Args:
        model: whose eyes, anything that `translate` takes.
        training: uint8, (N, H, W, C), what it was trained on.
        layer: which layer's channels are asked.

    >>> import pix2pix_edu as p2p
    >>> drawings = np.random.default_rng(0).integers(0, 256, (8, 32, 32, 3), np.uint8)
    >>> familiar = Familiar(p2p.generator_model(32, 2, seed=0), drawings)
    >>> bool(familiar.distance(255 - drawings).mean() > familiar.distance(drawings).mean())
    True
    """

    def __init__(self, model: Any, training: np.ndarray, layer: str = "down_2") -> None:
        self.layer = layer
        self._look = layer_model(model, [layer])
        seen = self.features(training)
        self.mean, self.spread = seen.mean(axis=0), seen.std(axis=0) + 1e-9

    def features(self, pictures: np.ndarray) -> np.ndarray:
        """The mean of each channel over each drawing: float32, (N, channels)."""
        _check_batch(pictures)
        return _predict(self._look, pictures)[self.layer].mean(axis=(1, 2))

    def distance(self, pictures: np.ndarray) -> np.ndarray:
        """One number for each drawing: the mean over channels of how many standard deviations it is off."""
        return np.abs((self.features(pictures) - self.mean) / self.spread).mean(axis=1)


# --- What each layer computes, and how far it sees --------------------------------------------------------------------


def layer_names(model: Any) -> list[str]:
    """The names of a generator's blocks, from the source to the picture: what `activations` can show.

    >>> import pix2pix_edu as p2p
    >>> layer_names(p2p.generator_model(32, 2))[:2], layer_names(p2p.generator_model(32, 2))[-2:]
    (['down_1', 'down_2'], ['up_4', 'target'])
    """
    names = [layer.name for layer in _generator(model).layers]
    return [
        name
        for name in names
        if name == "target" or name.replace("_", "").removeprefix("down").removeprefix("up").isdigit()
    ]


def layer_model(model: Any, names: list[str]) -> keras.Model:
    """The same network, weights shared, that gives the outputs of some of its layers: name -> tensor.

    Raises:
        UsageError: no such layer.

    >>> import pix2pix_edu as p2p
    >>> layer_model(p2p.generator_model(32, 2), ["down_2"]).output["down_2"].shape
    (None, 8, 8, 4)
    """
    network = _generator(model)
    known = {layer.name: layer for layer in network.layers}
    for name in names:
        if name not in known:
            raise UsageError(f"There is no layer {name!r}. {nearest(name, layer_names(network))}")
    return keras.Model(network.input, {name: known[name].output for name in names})


def activations(model: Any, pictures: np.ndarray, names: list[str] | None = None) -> dict[str, np.ndarray]:
    """What the blocks of a generator compute for some pictures, without dropout and with the moving averages.

    Args:
        model: anything that `translate` takes.
        pictures: uint8, (N, H, W, C), in the size of the model.
        names: which blocks; default: all of `layer_names`.

    Returns:
        Name -> float32 (N, height, width, channels), in the order of the names.

    Raises:
        UsageError: no such layer, or pictures that do not fit.

    >>> import pix2pix_edu as p2p
    >>> found = activations(p2p.generator_model(32, 2), np.zeros((1, 32, 32, 3), np.uint8))
    >>> found["down_3"].shape
    (1, 4, 4, 8)
    """
    names = layer_names(model) if names is None else list(names)
    _check_batch(pictures)
    return _predict(layer_model(model, names), pictures)


def seen_by(model: Any, name: str, row: int, column: int, clip: bool = True) -> Patch:
    """Which pixels of the source one place of a layer depends on, by arithmetic: a walk back through the layers.

    Unlike `pix2pix_edu.patchgan.patch_of` it also follows skips and transposed convolutions: where two ways meet, the
    place sees what either of them sees. It holds for moving averages; the means that instance normalisation takes (and
    batch normalisation in training) let every place see everything.

    Args:
        model: a generator or a discriminator.
        name: of the layer, such as "down_3" or "up_2".
        row: of the place, from 0 at the top.
        column: of the place, from 0 at the left.
        clip: keep to what lies in the picture; False also counts the zeros around it, as the field's full side does.

    Raises:
        UsageError: no such layer or place.

    >>> import pix2pix_edu as p2p
    >>> generator = p2p.generator_model(64, 2)
    >>> seen_by(generator, "down_2", 4, 4)
    Patch(top=13, left=13, bottom=23, right=23)
    >>> seen_by(generator, "up_1", 0, 0)
    Patch(top=0, left=0, bottom=64, right=64)
    """
    network = _generator(model)
    output = layer_model(network, [name]).output[name]
    spans: list[tuple[int, int]] = []
    for axis, (what, index) in enumerate((("row", row), ("column", column)), start=1):
        count = output.shape[axis]
        if isinstance(index, bool) or not isinstance(index, Integral) or not 0 <= index < count:
            raise UsageError(f"{what}={index!r} does not exist: {name!r} has {what}s 0 to {count - 1}.")
        spans.append(_walk_back(output, axis, int(index), int(index), clip))
    (top, bottom), (left, right) = spans
    return Patch(top, left, bottom + 1, right + 1)


def _walk_back(tensor: Any, axis: int, first: int, last: int, clip: bool) -> tuple[int, int]:
    """The first and last pixel, along one axis, behind the places `first` to `last` of a layer's output."""
    size = tensor.shape[axis]
    first, last = (max(first, 0), min(last, size - 1)) if clip else (first, last)
    layer = tensor._keras_history.operation
    if isinstance(layer, layers.InputLayer):
        return first, last
    inputs = layer.input if isinstance(layer.input, (list, tuple)) else [layer.input]
    ways = [_walk_back(each, axis, *_looks_at(layer, each, axis, first, last), clip) for each in inputs]
    return min(way[0] for way in ways), max(way[1] for way in ways)


def _looks_at(layer: Any, given: Any, axis: int, first: int, last: int) -> tuple[int, int]:
    """Which places of its input a layer reads to compute the places `first` to `last`."""
    if isinstance(layer, layers.GroupNormalization):  # its means are taken over the whole map
        return 0, given.shape[axis] - 1
    if isinstance(layer, layers.ZeroPadding2D):
        before = layer.padding[axis - 1][0]
        return first - before, last - before
    if isinstance(layer, layers.UpSampling2D):
        return first // layer.size[axis - 1], last // layer.size[axis - 1]
    if not hasattr(layer, "kernel_size"):
        return first, last
    kernel, stride = layer.kernel_size[axis - 1], layer.strides[axis - 1]
    if isinstance(layer, layers.Conv2DTranspose):  # place i stamps i * stride - before and the kernel - 1 places after
        before = (kernel - stride) // 2 if layer.padding == "same" else 0
        return -((kernel - 1 - before - first) // stride), (last + before) // stride
    size = given.shape[axis]
    missing = max((-(-size // stride) - 1) * stride + kernel - size, 0) if layer.padding == "same" else 0
    return first * stride - missing // 2, last * stride - missing // 2 + kernel - 1


def influence(model: Any, picture: np.ndarray, name: str, row: int, column: int, channel: int) -> np.ndarray:
    """How much each pixel of the source moves one number of a layer: the absolute gradient, summed over colours.

    Args:
        model: anything that `translate` takes.
        picture: uint8, (H, W, C), in the size of the model.
        name: of the layer; `row`, `column` and `channel` choose the number in its output.
        row: of the number.
        column: of the number.
        channel: of the number.

    Returns:
        float32, (H, W), 0 wherever the number cannot see.

    >>> import pix2pix_edu as p2p
    >>> picture = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    >>> influence(p2p.generator_model(32, 2, seed=0), picture, "down_1", 3, 3, 0).nonzero()[0].tolist()[::4]
    [5, 6, 7, 8]
    """
    look = layer_model(model, [name])
    gradient = input_gradient(lambda source: look(source, training=False)[name][0, row, column, channel], picture)
    return np.abs(gradient).sum(axis=-1)


def effective_side(gradient: np.ndarray, share: float = 0.9) -> float:
    """How large a square would be that has the area of the few pixels that matter most.

    Args:
        gradient: absolute gradients, (H, W).
        share: of the whole gradient that these pixels hold together.

    Returns:
        The square root of their number; 0 if there is no gradient at all.

    >>> effective_side(np.array([[9.0, 9.0, 0.1], [9.0, 9.0, 0.1], [0.1, 0.1, 0.1]]))
    2.0
    """
    strongest = np.sort(np.asarray(gradient, "float64").ravel())[::-1]
    if strongest.sum() == 0:
        return 0.0
    held = np.cumsum(strongest) / strongest.sum()
    return float(np.sqrt(np.searchsorted(held, share - 1e-12) + 1))


# --- Why this pixel? --------------------------------------------------------------------------------------------------


def input_gradient(function: Any, picture: np.ndarray) -> np.ndarray:
    """The gradient of one number by a picture.

    Args:
        function: takes a picture as the networks see it, a tensor (1, H, W, C) of floats in [-1, 1], and gives one
            number, a tensor without axes.
        picture: uint8 or floats in [-1, 1], (H, W, C).

    Returns:
        float32, (H, W, C): by how much the number grows for each unit that a pixel grows by.

    >>> input_gradient(lambda x: ops.sum(x[0, 1] * 3.0), np.zeros((2, 1, 1), np.uint8)).ravel().tolist()
    [0.0, 3.0]
    """
    picture = to_float(picture) if picture.dtype == np.uint8 else picture.astype("float32")
    backend = keras.config.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        source = tf.constant(picture[None])
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(source)
            number = function(source)
        slope = tape.gradient(number, source)
        return np.zeros_like(picture) if slope is None else np.asarray(slope)[0]
    if backend == "jax":
        import jax

        return np.asarray(jax.grad(function)(ops.convert_to_tensor(picture[None])))[0]
    import torch

    source = ops.convert_to_tensor(picture[None]).requires_grad_(True)
    (slope,) = torch.autograd.grad(function(source), source)
    return slope.detach().cpu().numpy()[0]


def pixel_gradient(model: Any, source: np.ndarray, row: int, column: int) -> np.ndarray:
    """The gradient map of one pixel of the translation: how it answers to small changes of each source pixel.

    Args:
        model: anything that `translate` takes.
        source: uint8, (H, W, C), in the size of the model.
        row: of the pixel in the translation.
        column: of the pixel in the translation.

    Returns:
        float32, (H, W, C): grey levels by which the pixel (the mean of its colours) brightens for each grey level that
        a source pixel brightens by; negative where it darkens. It speaks of small changes only.

    >>> import pix2pix_edu as p2p
    >>> pixel_gradient(p2p.generator_model(32, 2), np.zeros((32, 32, 3), np.uint8), 5, 9).shape
    (32, 32, 3)
    """
    network = _generator(model)
    _check_place(network, row, column)
    return input_gradient(lambda given: ops.mean(network(given, training=False)[0, row, column]), source)


@dataclass(frozen=True)
class Occlusion:
    """What became of a translation when one window of the source after the other was painted white.

    Attributes:
        size: height and width of a window.
        places: top and left of each window, (K, 2).
        whole: the translation of the untouched source, uint8 (H, W, C).
        pictures: the translations with a window covered, uint8 (K, H, W, C).

    >>> whole = np.zeros((4, 4, 3), np.uint8)
    >>> covered = np.stack([whole, whole + 60])
    >>> Occlusion(2, np.array([[0, 0], [2, 2]]), whole, covered).map_of(row=1, column=1)[[0, 3], [0, 3]].tolist()
    [0.0, 60.0]
    """

    size: int
    places: np.ndarray
    whole: np.ndarray
    pictures: np.ndarray

    def changes(self, row: int, column: int) -> np.ndarray:
        """By how much each window moves one pixel of the translation: mean absolute grey levels, (K,)."""
        shift = self.pictures[:, row, column].astype("float64") - self.whole[row, column]
        return np.abs(shift).mean(axis=-1)

    def map_of(self, row: int, column: int) -> np.ndarray:
        """The same as a map over the source, (H, W): at each pixel the mean over the windows that cover it."""
        total, count = np.zeros((2, *self.whole.shape[:2]))
        for (top, left), change in zip(self.places, self.changes(row, column), strict=True):
            window = np.s_[top : top + self.size, left : left + self.size]
            total[window] += change
            count[window] += 1
        return total / np.maximum(count, 1)


def occlude(model: Any, source: np.ndarray, size: int = 8, stride: int = 4, fill: int = WHITE) -> Occlusion:
    """Cover one window of the source after the other, and translate each time (Zeiler and Fergus 2014).

    Args:
        model: anything that `translate` takes.
        source: uint8, (H, W, C), in the size of the model.
        size: height and width of the window in pixels.
        stride: pixels from one window to the next.
        fill: what it is covered with, 0 to 255; white is paper, so only what is drawn can be missed.

    Raises:
        UsageError: a window that does not fit.

    >>> import pix2pix_edu as p2p
    >>> result = occlude(p2p.generator_model(32, 2), np.zeros((32, 32, 3), np.uint8), size=16, stride=8)
    >>> result.pictures.shape
    (9, 32, 32, 3)
    """
    places = windows(source.shape[0], source.shape[1], size, stride)
    covered = np.repeat(source[None], len(places), axis=0)
    for picture, (top, left) in zip(covered, places, strict=True):
        picture[top : top + size, left : left + size] = fill
    touched = (covered != source).any(axis=(1, 2, 3))  # blank paper covered with paper: nothing can have changed
    drawn = translate(_translator(model), np.concatenate([source[None], covered[touched]]))
    pictures = np.repeat(drawn[:1], len(places), axis=0)
    pictures[touched] = drawn[1:]
    return Occlusion(size, places, drawn[0], pictures)


def windows(height: int, width: int, size: int, stride: int) -> np.ndarray:
    """Top and left of all windows of one size that lie in a picture, row by row: (K, 2).

    Raises:
        UsageError: a window larger than the picture, or a stride below 1.

    >>> windows(4, 6, size=4, stride=2).tolist()
    [[0, 0], [0, 2]]
    """
    if not 1 <= size <= min(height, width) or stride < 1:
        raise UsageError(f"size={size!r}, stride={stride!r} do not work for a picture of {height} x {width} pixels.")
    tops, lefts = (range(0, side - size + 1, stride) for side in (height, width))
    return np.array([(top, left) for top in tops for left in lefts])


# --- What made D say "fake"? ------------------------------------------------------------------------------------------


def logit(discriminator: keras.Model, sources: np.ndarray, pictures: np.ndarray) -> np.ndarray:
    """The mean logit of each picture: above 0 "real", below 0 "fake". Float32, (N,).

    Args:
        discriminator: as `discriminator_model` builds it. Batch normalisation uses its moving averages here.
        sources: uint8, (N, H, W, C).
        pictures: uint8, (N, H, W, K), what is judged.

    >>> import pix2pix_edu as p2p
    >>> pictures = np.zeros((2, 32, 32, 3), np.uint8)
    >>> logit(p2p.discriminator_model(32, 2, receptive_field=34), pictures, pictures).shape
    (2,)
    """
    logits = discriminator.predict([to_float(sources), to_float(pictures)], verbose=0)
    return np.asarray(logits).mean(axis=(1, 2, 3))


def logit_gradient(discriminator: keras.Model, source: np.ndarray, picture: np.ndarray) -> np.ndarray:
    """How the mean logit answers to small changes of each pixel of the judged picture: float32, (H, W, K).

    Positive where a brighter pixel would look more real. Per unit of the range [-1, 1].

    >>> import pix2pix_edu as p2p
    >>> picture = np.zeros((32, 32, 3), np.uint8)
    >>> logit_gradient(p2p.discriminator_model(32, 2, receptive_field=34), picture, picture).shape
    (32, 32, 3)
    """
    beside = ops.convert_to_tensor(to_float(source[None]))
    return input_gradient(lambda given: ops.mean(discriminator([beside, given], training=False)), picture)


def mend(
    discriminator: keras.Model,
    source: np.ndarray,
    picture: np.ndarray,
    better: np.ndarray,
    size: int = 16,
    stride: int = 8,
) -> tuple[np.ndarray, np.ndarray]:
    """Replace one window of a picture after the other by another picture's, and ask the discriminator each time.

    With the generated picture as `picture` and the artist's as `better` it answers: which part gave it away?

    Args:
        discriminator: as `discriminator_model` builds it.
        source: uint8, (H, W, C).
        picture: uint8, (H, W, K), what is judged.
        better: uint8, (H, W, K), what the windows are filled with.
        size: height and width of a window.
        stride: pixels from one window to the next.

    Returns:
        The top and left of each window, (K, 2), and by how much the mean logit rises, (K,).

    >>> import pix2pix_edu as p2p
    >>> D, picture = p2p.discriminator_model(32, 2, receptive_field=34), np.zeros((32, 32, 3), np.uint8)
    >>> places, rise = mend(D, picture, picture, picture)
    >>> len(places), float(rise.max())
    (9, 0.0)
    """
    places = windows(picture.shape[0], picture.shape[1], size, stride)
    mended = np.repeat(picture[None], len(places) + 1, axis=0)  # the first one stays as it is
    for each, (top, left) in zip(mended[1:], places, strict=True):
        each[top : top + size, left : left + size] = better[top : top + size, left : left + size]
    logits = logit(discriminator, np.repeat(source[None], len(mended), axis=0), mended)
    return places, logits[1:] - logits[0]


# --- The bottleneck, and what the skips hand over ---------------------------------------------------------------------


class Parts:
    """A generator taken apart between its encoder and its decoder, so that one can change what goes across.

    What goes across is a *code*: name of an encoder block -> float32 (N, height, width, channels). The last one is the
    bottleneck; each of the others goes over a skip.

    Args:
        model: anything that `translate` takes, with skips or without.

    Attributes:
        names: the encoder's blocks, from the outside to the bottleneck.

    >>> import pix2pix_edu as p2p
    >>> parts = Parts(p2p.generator_model(32, 2))
    >>> code = parts.encode(np.zeros((1, 32, 32, 3), np.uint8))
    >>> parts.names, code["down_5"].shape, parts.decode(code).shape
    (['down_1', 'down_2', 'down_3', 'down_4', 'down_5'], (1, 1, 1, 16), (1, 32, 32, 3))
    """

    def __init__(self, model: Any) -> None:
        network = _generator(model)
        down = [name for name in layer_names(network) if name.startswith("down")]
        has_skips = any(isinstance(layer, layers.Concatenate) for layer in network.layers)
        self.names = down if has_skips else down[-1:]
        self._encoder = layer_model(network, self.names)
        self._decoder = keras.Model([self._encoder.output[name] for name in self.names], network.output)

    @property
    def bottleneck(self) -> str:
        """The name of the innermost block."""
        return self.names[-1]

    def encode(self, sources: np.ndarray) -> dict[str, np.ndarray]:
        """The code of some sources, uint8 (N, H, W, C)."""
        _check_batch(sources)
        return _predict(self._encoder, sources)

    def decode(self, code: dict[str, np.ndarray]) -> np.ndarray:
        """The pictures that the decoder makes of a code: uint8 (N, H, W, C).

        Raises:
            UsageError: a code with other names than `names`.
        """
        if list(code) != self.names:
            raise UsageError(f"A code for this generator has the parts {self.names}; this one has {list(code)}.")
        outputs = [
            ops.convert_to_numpy(self._decoder([part[start : start + BATCH] for part in code.values()], training=False))
            for start in range(0, len(code[self.bottleneck]), BATCH)
        ]
        return to_uint8(np.concatenate(outputs))


def with_unit(code: dict[str, np.ndarray], unit: int, value: float) -> dict[str, np.ndarray]:
    """The same code with one number of the bottleneck set to a value, in all its pictures.

    Args:
        code: as `Parts.encode` makes it; it stays as it is.
        unit: which channel of the bottleneck.
        value: what it is set to.

    Raises:
        UsageError: no such unit.

    >>> code = {"down_5": np.zeros((1, 1, 1, 3))}
    >>> with_unit(code, 2, 7.0)["down_5"].ravel().tolist()
    [0.0, 0.0, 7.0]
    """
    name = list(code)[-1]
    count = code[name].shape[-1]
    if isinstance(unit, bool) or not isinstance(unit, Integral) or not 0 <= unit < count:
        raise UsageError(f"unit={unit!r} does not exist: the bottleneck has units 0 to {count - 1}.")
    changed = code[name].copy()
    changed[..., unit] = value
    return {**code, name: changed}


def swapped(code: dict[str, np.ndarray], names: list[str]) -> dict[str, np.ndarray]:
    """A code in which some parts come from the picture before: each drawing with the bottleneck of another, say.

    Args:
        code: of two or more pictures, as `Parts.encode` makes it; it stays as it is.
        names: the parts that are handed round in a circle.

    Raises:
        UsageError: no such part.

    >>> swapped({"down_1": np.array([1, 2, 3]), "down_2": np.array([4, 5, 6])}, ["down_2"])["down_2"].tolist()
    [6, 4, 5]
    """
    for name in names:
        check_known("part", name, code)
    return {name: np.roll(part, 1, axis=0) if name in names else part for name, part in code.items()}


# --- What all of them need --------------------------------------------------------------------------------------------


def _translator(model: Any) -> Translator:
    """The model as `translate` takes it, without dropout and with the moving averages."""
    return Translator(_generator(model), "moving")


def _generator(model: Any) -> keras.Model:
    """The network in whatever was given."""
    model = getattr(model, "model", model)  # a Run
    network = getattr(model, "generator", model)
    if not isinstance(network, keras.Model):
        raise UsageError(f"This needs a Pix2Pix, a Run, a network or `load_model(path)`, not {type(model).__name__}.")
    return network


def _predict(network: keras.Model, pictures: np.ndarray) -> dict[str, np.ndarray]:
    """All outputs of a `layer_model` for a batch, in pieces that fit into the memory."""
    size = tuple(network.input_shape[1:])
    if pictures.shape[1:] != size:
        raise UsageError(f"This model looks into pictures of the shape {size}; these have {pictures.shape[1:]}.")
    starts = range(0, len(pictures), BATCH)
    pieces = [network(to_float(pictures[start : start + BATCH]), training=False) for start in starts]
    return {name: np.concatenate([ops.convert_to_numpy(piece[name]) for piece in pieces]) for name in pieces[0]}


def _check_batch(pictures: np.ndarray) -> None:
    if not isinstance(pictures, np.ndarray) or pictures.dtype != np.uint8 or pictures.ndim != 4 or len(pictures) == 0:
        kind = f"{getattr(pictures, 'dtype', type(pictures).__name__)} {getattr(pictures, 'shape', '')}"
        raise UsageError(
            f"Give a batch of pictures, uint8 (N, H, W, C); this is {kind}. One picture becomes a batch with "
            "`picture[None]`."
        )


def _check_place(network: keras.Model, row: int, column: int) -> None:
    height, width = network.output_shape[1:3]
    if not (0 <= row < height and 0 <= column < width):
        raise UsageError(f"There is no pixel in row {row}, column {column}: the picture has {height} x {width}.")
