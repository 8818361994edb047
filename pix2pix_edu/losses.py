"""What the two networks are asked for: the adversarial loss, and the distance to the target (paper 3.1; seed 4.1).

The discriminator answers with logits: above 0 "real", below 0 "fake". All losses are float32 means over the batch and
work on NumPy arrays and on the tensors of every Keras backend.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from pix2pix_edu.backend import ops
from pix2pix_edu.errors import UsageError, nearest

Tensor = Any


class AdversarialLosses(NamedTuple):
    """What each network should lower: two scalars."""

    generator: Tensor
    discriminator: Tensor


class AdversarialKind(NamedTuple):
    """One way to play the game: three functions from logits to a scalar."""

    real: Callable[[Tensor], Tensor]  # the discriminator's loss on real pictures
    fake: Callable[[Tensor], Tensor]  # the discriminator's loss on generated pictures
    generator: Callable[[Tensor], Tensor]  # the generator's loss, given the logits of its own pictures


KINDS: dict[str, AdversarialKind] = {
    # Cross-entropy. softplus(-x) is -log(sigmoid(x)), computed so that it cannot overflow. The generator maximises
    # log D instead of minimising log(1 - D): its gradient does not vanish while the discriminator is winning.
    "bce": AdversarialKind(
        real=lambda logits: ops.mean(ops.softplus(-logits)),
        fake=lambda logits: ops.mean(ops.softplus(logits)),
        generator=lambda logits: ops.mean(ops.softplus(-logits)),
    ),
    # Least squares (Mao et al. 2017): real should be 1, fake 0.
    "lsgan": AdversarialKind(
        real=lambda logits: ops.mean(ops.square(logits - 1.0)),
        fake=lambda logits: ops.mean(ops.square(logits)),
        generator=lambda logits: ops.mean(ops.square(logits - 1.0)),
    ),
    # Hinge (Lim & Ye 2017): the discriminator stops caring once it is right by a margin of 1.
    "hinge": AdversarialKind(
        real=lambda logits: ops.mean(ops.relu(1.0 - logits)),
        fake=lambda logits: ops.mean(ops.relu(1.0 + logits)),
        generator=lambda logits: -ops.mean(logits),
    ),
}


def adversarial_kind(kind: str | None) -> AdversarialKind:
    """The three functions of "bce", "lsgan" or "hinge".

    Raises:
        UsageError: an unknown kind, or None, which means that there is no game.

    >>> float(adversarial_kind("lsgan").real(ops.ones((1, 2, 2, 1))))
    0.0
    """
    if kind is None or kind not in KINDS:
        raise UsageError(f"The adversarial loss {kind!r} is not known. {nearest(str(kind), list(KINDS))}")
    return KINDS[kind]


def adversarial_loss(real_output: Tensor, fake_output: Tensor, kind: str | None = "bce") -> AdversarialLosses:
    """The adversarial losses of both networks.

    Args:
        real_output: logits of the discriminator for real pairs, any shape.
        fake_output: logits for generated pairs.
        kind: "bce" (cross-entropy, the paper), "lsgan" (least squares) or "hinge".

    Returns:
        `generator` and `discriminator`, float32 scalars. The discriminator's is halved, as in the paper, so that it
        learns more slowly than the generator. At chance (all logits 0) "bce" gives log 2 = 0.693 for both.

    >>> losses = adversarial_loss(ops.zeros((1, 2, 2, 1)), ops.zeros((1, 2, 2, 1)))
    >>> print(f"{float(losses.generator):.3f} {float(losses.discriminator):.3f}")
    0.693 0.693
    """
    play = adversarial_kind(kind)
    real_output, fake_output = _float32(real_output), _float32(fake_output)
    discriminator = 0.5 * (play.real(real_output) + play.fake(fake_output))
    return AdversarialLosses(generator=play.generator(fake_output), discriminator=discriminator)


def l1_loss(real_image: Tensor, fake_image: Tensor) -> Tensor:
    """Mean absolute difference: lowest, where several answers are right, at their median.

    Args:
        real_image: the target, floats in [-1, 1], shape (N, H, W, C).
        fake_image: the generator's picture, of the same shape.

    Returns:
        A float32 scalar from 0 (equal) to 2 (black against white).

    Raises:
        UsageError: the shapes differ.

    >>> float(l1_loss(ops.ones((1, 2, 2, 3)), ops.zeros((1, 2, 2, 3))))
    1.0
    """
    return ops.mean(ops.abs(_difference(real_image, fake_image)))


def l2_loss(real_image: Tensor, fake_image: Tensor) -> Tensor:
    """Mean squared difference: lowest, where several answers are right, at their mean.

    Args and errors as in `l1_loss`; the result lies between 0 and 4.

    >>> float(l2_loss(ops.ones((1, 2, 2, 3)), -ops.ones((1, 2, 2, 3))))
    4.0
    """
    return ops.mean(ops.square(_difference(real_image, fake_image)))


def _difference(real_image: Tensor, fake_image: Tensor) -> Tensor:
    real_image, fake_image = _float32(real_image), _float32(fake_image)
    if tuple(real_image.shape) != tuple(fake_image.shape):  # broadcasting would hide the mistake
        raise UsageError(
            f"The two pictures differ in shape: {tuple(real_image.shape)} and {tuple(fake_image.shape)}. A distance "
            "compares pixel with pixel, so give two batches of the same shape (N, H, W, C)."
        )
    return real_image - fake_image


def _float32(x: Tensor) -> Tensor:
    return ops.cast(ops.convert_to_tensor(x), "float32")
