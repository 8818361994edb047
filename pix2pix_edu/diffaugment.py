"""Augmentation that gradients pass through, for few pairs (Zhao et al. 2020, "DiffAugment"; lesson 12).

With few pairs the discriminator learns them by heart, and its opinion of anything new is worth nothing. Augmenting the
training pairs alone would teach the generator to draw augmented pictures. So everything that the *discriminator* sees
is augmented instead, real and generated alike, when it learns and when it teaches the generator; the wish for another
picture flows back through the augmentation, which therefore must be differentiable.

A discriminator with a condition compares a picture with its source. So what moves or hides a part of the picture moves
or hides the same part of the source; colours are changed in the picture alone, for in a source they have a meaning.
"""

from __future__ import annotations

from typing import Any

from pix2pix_edu.backend import keras, ops
from pix2pix_edu.errors import UsageError, nearest

Tensor = Any

WORDS = ("colour", "translation", "cutout")
FURTHEST = 1 / 8  # of the side: how far a picture is shifted at most
HIDDEN = 1 / 2  # of the side: the square that is cut out
# What is drawn for each pair, evenly from 0 to 1.
DRAWN = ("brightness", "saturation", "contrast", "down", "right", "row", "column")


def chosen_words(diffaugment: str) -> tuple[str, ...]:
    """The augmentations that a setting names.

    Args:
        diffaugment: "colour", "translation", "cutout", or several with commas between; "" for none.

    Raises:
        UsageError: a word that is none of the three.

    >>> chosen_words("translation, cutout")
    ('translation', 'cutout')
    """
    words = [word.strip() for word in diffaugment.split(",")] if diffaugment.strip() else []
    for word in words:
        if word not in WORDS:
            raise UsageError(f"diffaugment={diffaugment!r}: {word!r} is not known. {nearest(word, list(WORDS))}")
    return tuple(word for word in WORDS if word in words)


@keras.saving.register_keras_serializable("pix2pix_edu")
class DiffAugment(keras.layers.Layer):
    """Augments sources and pictures; each call draws anew, the same for all pictures of a pair.

    Args:
        words: which augmentations, as for `chosen_words`.
        seed: what is drawn follows from it; how far the drawing has come is part of the layer's state.

    Call it with a list `[source, picture, ...]`, floats in [-1, 1] of shape (N, H, W, channels); it returns another.
    What was shifted in from outside or cut out is 0, a middle grey.

    >>> source, picture = DiffAugment("cutout", seed=0)([ops.ones((1, 8, 8, 1)), ops.ones((1, 8, 8, 3))])
    >>> float(ops.max(ops.abs(picture - source)))
    0.0
    """

    def __init__(self, words: str, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", "name": "diffaugment", **kwargs})
        self.words, self.seed = chosen_words(words), seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.built = True

    def call(self, pictures: list[Tensor]) -> list[Tensor]:
        """Augment `[source, picture, ...]` with one draw for each pair."""
        draws = keras.random.uniform((ops.shape(pictures[0])[0], len(DRAWN)), seed=self.seed_generator)
        return augmented(pictures, draws, self.words)

    def get_config(self) -> dict[str, Any]:
        """The words and the seed."""
        return {**super().get_config(), "words": ",".join(self.words), "seed": self.seed}


def augmented(pictures: list[Tensor], draws: Tensor, words: tuple[str, ...]) -> list[Tensor]:
    """Augment with given draws: the same draws do the same on every backend.

    Args:
        pictures: `[source, picture, ...]`, floats, (N, H, W, channels).
        draws: (N, 7), from 0 to 1, in the order of `DRAWN`.
        words: of `chosen_words`.

    >>> flat = ops.zeros((1, 8, 8, 3))
    >>> brighter = augmented([flat, flat], ops.convert_to_tensor([[1.0, 0.5, 0.5, 0.5, 0.5, 0.0, 0.0]]), ("colour",))
    >>> float(ops.max(brighter[0])), float(ops.max(brighter[1]))
    (0.0, 0.5)
    """
    drawn = {name: draws[:, column] for column, name in enumerate(DRAWN)}
    source, *others = pictures
    if "colour" in words:
        others = [_recoloured(picture, drawn) for picture in others]
    pictures = [source, *others]
    if "translation" in words:
        pictures = [_shifted(picture, drawn["down"], drawn["right"]) for picture in pictures]
    if "cutout" in words:
        pictures = [_cut_out(picture, drawn["row"], drawn["column"]) for picture in pictures]
    return pictures


def _recoloured(picture: Tensor, drawn: dict[str, Tensor]) -> Tensor:
    """Brightness by up to 0.5 up or down, saturation 0 to 2 times, contrast 0.5 to 1.5 times, as in the publication."""
    brightness, saturation, contrast = (drawn[name][:, None, None, None] for name in DRAWN[:3])
    picture = picture + (brightness - 0.5)
    grey = ops.mean(picture, axis=3, keepdims=True)
    picture = grey + (picture - grey) * (2.0 * saturation)
    middle = ops.mean(picture, axis=(1, 2, 3), keepdims=True)
    return middle + (picture - middle) * (contrast + 0.5)


def _shifted(picture: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Shift by whole pixels, at most an eighth of the side each way."""
    height, width, channels = picture.shape[1:]
    rows, inside_rows = _from_where(down, height)
    columns, inside_columns = _from_where(right, width)
    number = ops.arange(ops.shape(picture)[0], dtype="int32")[:, None]
    line = (number * height + rows) * width
    places = line[:, :, None] + columns[:, None, :]
    moved = ops.take(ops.reshape(picture, (-1, channels)), places, axis=0)
    return moved * (inside_rows[:, :, None] * inside_columns[:, None, :])[..., None]


def _from_where(draw: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """For each place along an axis: which place moves there, and 1.0 if there is such a place, else 0.0."""
    furthest = round(side * FURTHEST)
    shift = ops.cast(ops.floor(draw * (2 * furthest + 1)), "int32") - furthest
    place = ops.arange(side, dtype="int32")[None, :] - ops.clip(shift, -furthest, furthest)[:, None]
    inside = ops.logical_and(place >= 0, place < side)
    return ops.clip(place, 0, side - 1), ops.cast(inside, "float32")


def _cut_out(picture: Tensor, row: Tensor, column: Tensor) -> Tensor:
    """Hide a square of half the side, whose middle lies anywhere: what hangs over the border hides nothing."""
    height, width = picture.shape[1:3]
    hidden = _covered(row, height)[:, :, None] * _covered(column, width)[:, None, :]
    return picture * (1.0 - hidden)[..., None]


def _covered(draw: Tensor, side: int) -> Tensor:
    """1.0 for each place along an axis that the square covers, else 0.0."""
    length = round(side * HIDDEN)
    first = ops.cast(ops.floor(draw * side), "int32")[:, None] - length // 2
    place = ops.arange(side, dtype="int32")[None, :]
    return ops.cast(ops.logical_and(place >= first, place < first + length), "float32")
