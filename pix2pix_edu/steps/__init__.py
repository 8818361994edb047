"""The training step, one small file per Keras backend: the same arithmetic in each framework's own words."""

from __future__ import annotations

from typing import Any


class Step:
    """What a backend's `TrainStep` finds in `Pix2Pix`: networks, optimizers and losses, the same on every backend."""

    generator: Any
    discriminator: Any
    optimizer: Any
    metrics_variables: Any
    non_trainable_variables: Any
    update: str
    discriminator_is_idle: Any
    unpack: Any
    record: Any
    discriminator_loss: Any
    generator_loss: Any
    both_losses: Any
    resident: Any
    recorded: Any
    fit: Any
    distance_loss: Any
    average: Any
    averaged: Any
    _alternating: Any
    _simultaneous: Any
    _distance_only: Any

    @property
    def chosen_step(self) -> Any:
        """The one of the backend's three steps that `compile` asked for."""
        if self.discriminator_is_idle:
            return self._distance_only
        return self._alternating if self.update == "alternating" else self._simultaneous
