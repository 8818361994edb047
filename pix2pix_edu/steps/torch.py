"""The training step in PyTorch (paper 3.3; lesson 14 writes it by hand)."""

from __future__ import annotations

from typing import Any

import torch

from pix2pix_edu.steps import Step


class TrainStep(Step):
    """Mixed into `Pix2Pix`: Keras calls `train_step` for each batch."""

    def train_step(self, data: tuple) -> dict[str, Any]:
        """One step on a batch `(sources, targets)`; returns the mean of each loss since the epoch began."""
        if self.resident is not None:  # a group of steps: (steps, N, 4) says where to cut each batch
            for places in data[0]:
                logs = self._one_step(*self.resident(places))
            return logs
        return self._one_step(*self.unpack(data))

    def _one_step(self, source: torch.Tensor, target: torch.Tensor) -> dict[str, Any]:
        terms = self.chosen_step(source, target)
        with torch.no_grad():
            self.average(source)
        return self.record({name: value.detach() for name, value in terms.items()})

    def _alternating(self, source: torch.Tensor, target: torch.Tensor) -> dict[str, torch.Tensor]:
        """First the discriminator, then the generator against the discriminator that has just learned."""
        fake = self.generator(source, training=True)

        # Detached, `fake` is a constant: no gradient reaches the generator.
        loss, discriminator_terms = self.discriminator_loss(source, target, fake.detach())
        self._apply("discriminator", self._gradients("discriminator", loss))

        # Only the generator's gradients are asked for: the discriminator is not to learn here.
        loss, generator_terms = self.generator_loss(source, target, fake)
        self._apply("generator", self._gradients("generator", loss))
        return {**generator_terms, **discriminator_terms}

    def _simultaneous(self, source: torch.Tensor, target: torch.Tensor) -> dict[str, torch.Tensor]:
        """Both learn from the same forward pass."""
        fake = self.generator(source, training=True)
        generator_loss, discriminator_loss, terms = self.both_losses(source, target, fake)
        for_generator = self._gradients("generator", generator_loss, keep_graph=True)
        for_discriminator = self._gradients("discriminator", discriminator_loss)
        self._apply("generator", for_generator)
        self._apply("discriminator", for_discriminator)
        return terms

    def _distance_only(self, source: torch.Tensor, target: torch.Tensor) -> dict[str, torch.Tensor]:
        """No adversary: plain regression, the "L1" row of the paper's Table 1."""
        loss, terms = self.distance_loss(target, self.generator(source, training=True))
        self._apply("generator", self._gradients("generator", loss))
        return terms

    def _gradients(self, network: str, loss: torch.Tensor, keep_graph: bool = False) -> tuple:
        """The gradients of a loss, scaled for half precision if need be, with respect to one network's weights."""
        weights = [variable.value for variable in getattr(self, network).trainable_variables]
        loss = getattr(self.optimizer, network).scale_loss(loss)
        return torch.autograd.grad(loss, weights, retain_graph=keep_graph)

    def _apply(self, network: str, gradients: tuple) -> None:
        with torch.no_grad():
            getattr(self.optimizer, network).apply(list(gradients), getattr(self, network).trainable_variables)
