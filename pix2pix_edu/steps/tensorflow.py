"""The training step in TensorFlow (paper 3.3; seed lessons 3.2 and 5.1; notebook 07 writes it by hand)."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from pix2pix_edu.memory import kept_memory
from pix2pix_edu.steps import Step


class TrainStep(Step):
    """Mixed into `Pix2Pix`: Keras compiles `train_step` into one graph and calls it for each batch."""

    def fit(self, *args: Any, **kwargs: Any) -> Any:
        """Keras' own, in memory that stays from step to step."""
        with kept_memory():
            return super().fit(*args, **kwargs)

    def train_step(self, data: tuple[tf.Tensor, ...]) -> dict[str, Any]:
        """One step on a batch `(sources, targets)`; returns the mean of each loss since the epoch began."""
        if self.resident is not None:
            return self._many_steps(data[0])
        return self.record(self._one_step(*self.unpack(data)))

    def _one_step(self, source: tf.Tensor, target: tf.Tensor) -> dict[str, tf.Tensor]:
        terms = self.chosen_step(source, target)
        self.average(source)
        return terms

    def _many_steps(self, places: tf.Tensor) -> dict[str, Any]:
        """A group of steps in one call, on pairs that are on the device: (steps, N, 4) says where to cut each batch."""

        def one(number: tf.Tensor) -> tuple[tf.Tensor]:
            self.record(self._one_step(*self.resident(places[number])))
            return (number + 1,)

        tf.while_loop(lambda number: number < tf.shape(places)[0], one, (tf.constant(0),))
        return self.recorded()

    def _alternating(self, source: tf.Tensor, target: tf.Tensor) -> dict[str, tf.Tensor]:
        """First the discriminator, then the generator against the discriminator that has just learned."""
        with tf.GradientTape() as generator_tape:
            fake = self.generator(source, training=True)

        # The discriminator's tape starts after `fake` was made, so no gradient reaches the generator.
        with tf.GradientTape() as tape:
            loss, discriminator_terms = self.discriminator_loss(source, target, fake)
            loss = self._scaled(loss, self.optimizer.discriminator)
        self._apply(self.optimizer.discriminator, tape, loss, self.discriminator)

        # How should `fake` change? Only `fake` is watched: the discriminator is not to learn here.
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(fake)
            loss, generator_terms = self.generator_loss(source, target, fake)
            loss = self._scaled(loss, self.optimizer.generator)
        wanted_change = tape.gradient(loss, fake)

        # The chain rule carries that wish back through the generator, without computing `fake` a second time.
        variables = self.generator.trainable_variables
        gradients = generator_tape.gradient(fake, variables, output_gradients=wanted_change)
        self.optimizer.generator.apply(gradients, variables)
        return {**generator_terms, **discriminator_terms}

    def _simultaneous(self, source: tf.Tensor, target: tf.Tensor) -> dict[str, tf.Tensor]:
        """Both learn from the same forward pass, as in TensorFlow's own pix2pix tutorial."""
        with tf.GradientTape() as generator_tape, tf.GradientTape() as discriminator_tape:
            fake = self.generator(source, training=True)
            generator_loss, discriminator_loss, terms = self.both_losses(source, target, fake)
            generator_loss = self._scaled(generator_loss, self.optimizer.generator)
            discriminator_loss = self._scaled(discriminator_loss, self.optimizer.discriminator)
        self._apply(self.optimizer.generator, generator_tape, generator_loss, self.generator)
        self._apply(self.optimizer.discriminator, discriminator_tape, discriminator_loss, self.discriminator)
        return terms

    def _distance_only(self, source: tf.Tensor, target: tf.Tensor) -> dict[str, tf.Tensor]:
        """No adversary: plain regression, the "L1" row of the paper's Table 1."""
        with tf.GradientTape() as tape:
            loss, terms = self.distance_loss(target, self.generator(source, training=True))
            loss = self._scaled(loss, self.optimizer.generator)
        self._apply(self.optimizer.generator, tape, loss, self.generator)
        return terms

    def _apply(self, optimizer: Any, tape: tf.GradientTape, loss: tf.Tensor, network: Any) -> None:
        variables = network.trainable_variables
        optimizer.apply(tape.gradient(loss, variables), variables)

    def _scaled(self, loss: tf.Tensor, optimizer: Any) -> tf.Tensor:
        """A replica's share of the mean (gradients are summed over replicas), scaled for half precision if need be."""
        return optimizer.scale_loss(loss / tf.distribute.get_strategy().num_replicas_in_sync)
