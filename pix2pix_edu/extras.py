"""What came after pix2pix, as far as it changes what the generator is asked for or which weights translate (lesson 12).

Each is an option of `Pix2Pix` and `train` that is off by default. The other options of this kind live where they
belong: spectral norm in `patchgan`, other adversarial losses in `losses`, DiffAugment in `diffaugment`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pix2pix_edu.backend import keras, layers, ops
from pix2pix_edu.errors import UsageError

Tensor = Any
Look = Callable[[Tensor], list[Tensor]]  # pictures in [-1, 1], (N, H, W, C), to what each layer says of them

SMALLEST_SQUARE = 1e-6  # where all answers for a pixel are 0 there is no direction, and no slope to follow


# --- feature matching -------------------------------------------------------------------------------------------------


def with_hidden(discriminator: keras.Model) -> Callable[[list[Tensor]], list[Tensor]]:
    """The discriminator as a function that also says what its hidden layers answered, in training.

    Returns:
        From `[source, picture]` to the answers of each LeakyReLU, and last the logits.

    Raises:
        UsageError: a discriminator without a LeakyReLU.

    >>> import pix2pix_edu as p2p
    >>> judge = with_hidden(p2p.discriminator_model(32, 2, receptive_field=16))
    >>> [answer.shape[-1] for answer in judge([ops.zeros((1, 32, 32, 3))] * 2)]
    [2, 4, 1]
    """
    hidden = [layer.output for layer in discriminator.layers if isinstance(layer, layers.LeakyReLU)]
    if not hidden:
        raise UsageError("Feature matching compares the answers of LeakyReLU layers; this discriminator has none.")
    network = keras.Model(discriminator.inputs, [*hidden, *discriminator.outputs])
    return lambda pair: network(pair, training=True)


def features_apart(real: Sequence[Tensor], fake: Sequence[Tensor]) -> Tensor:
    """Feature matching (Wang et al. 2018, "pix2pixHD"): mean absolute difference of hidden answers, summed over layers.

    Args:
        real: what the discriminator's hidden layers answered about real pairs; constants to the gradient.
        fake: what they answered about generated pairs.

    Returns:
        A float32 scalar from 0.

    >>> shallow, deep = ops.ones((1, 2, 2, 4)), ops.ones((1, 1, 1, 8))
    >>> float(features_apart([shallow, deep], [0 * shallow, 3 * deep]))
    3.0
    """
    differences = [
        ops.mean(ops.abs(ops.stop_gradient(ops.cast(wanted, "float32")) - ops.cast(answer, "float32")))
        for wanted, answer in zip(real, fake, strict=True)
    ]
    return sum(differences[1:], differences[0])


# --- perceptual loss --------------------------------------------------------------------------------------------------


def perceptual_loss(look: Look | None, target: Tensor, fake: Tensor) -> Tensor:
    """Perceptual loss (Johnson et al. 2016): how differently a fixed, trained network sees target and translation.

    The measure is that of `evaluation.perceptual_distance`: at each layer the answers for a pixel are scaled to length
    1; their squared distance is averaged over pixels and layers.

    Args:
        look: the network, such as `evaluation.perceptual.feature_network` gives.
        target: floats in [-1, 1], (N, H, W, 3), or (N, H, W, 1) for grey.
        fake: the generator's picture, of the same shape.

    Returns:
        A float32 scalar from 0 (seen as equal) to 2 or, with answers below zero, 4.

    Raises:
        UsageError: no network, or pictures that are neither RGB nor grey.

    >>> picture = ops.ones((1, 4, 4, 3))
    >>> float(perceptual_loss(lambda pictures: [pictures], picture, -picture)) > 3.99
    True
    """
    if look is None:
        raise UsageError(
            "A perceptual loss needs a network to look with, and this model has none: set model.look = "
            'feature_network("auto") from pix2pix_edu.evaluation.perceptual. `train` does this by itself.'
        )
    if target.shape[-1] not in (1, 3):
        raise UsageError(f"A perceptual loss needs RGB or grey pictures; these have {target.shape[-1]} channels.")
    seen = zip(look(_rgb(target)), look(_rgb(fake)), strict=True)
    apart = [ops.mean(ops.sum(ops.square(_direction(wanted) - _direction(drawn)), axis=-1)) for wanted, drawn in seen]
    return sum(apart[1:], apart[0]) / len(apart)


def _rgb(pictures: Tensor) -> Tensor:
    pictures = ops.cast(pictures, "float32")
    return pictures if pictures.shape[-1] == 3 else ops.concatenate([pictures] * 3, axis=-1)


def _direction(answers: Tensor) -> Tensor:
    return answers * ops.rsqrt(ops.sum(ops.square(answers), axis=-1, keepdims=True) + SMALLEST_SQUARE)


# --- an average of the generator --------------------------------------------------------------------------------------


def averaged_copy(generator: keras.Model) -> keras.Model:
    """A second network with the weights of this one, to hold their running average.

    >>> import pix2pix_edu as p2p
    >>> averaged_copy(p2p.generator_model(32, 2)).output_shape
    (None, 32, 32, 3)
    """
    copy = keras.models.clone_model(generator)
    copy.set_weights(generator.get_weights())
    return copy


def move_average(averaged: keras.Model, generator: keras.Model, decay: float, steps: Tensor) -> None:
    """Move each weight of the average a little towards the generator's: `average += (1 - decay) * (weight - average)`.

    The first steps count for more, as in TensorFlow's own `ExponentialMovingAverage`: after t steps the decay is at
    most (1 + t) / (10 + t), so that what was there before training is soon forgotten.

    Args:
        averaged: what `averaged_copy` made; its trainable weights change.
        generator: the network that learns.
        decay: such as 0.999: the average then reaches back about 1,000 steps.
        steps: how many steps have been made, this one included.

    >>> import pix2pix_edu as p2p
    >>> one, other = p2p.generator_model(32, 2), p2p.generator_model(32, 2)
    >>> move_average(one, other, decay=0.0, steps=1)
    >>> bool(ops.all(ops.abs(one.weights[0] - other.weights[0]) < 1e-6))
    True
    """
    steps = ops.cast(steps, "float32")
    share = 1.0 - ops.minimum(decay, (1.0 + steps) / (10.0 + steps))
    for average, weight in zip(averaged.trainable_variables, generator.trainable_variables, strict=True):
        average.assign(average + share * (weight - average))
