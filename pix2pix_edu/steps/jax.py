"""The training step in JAX (paper 3.3; lesson 14 writes it by hand).

JAX differentiates and compiles pure functions only: nothing may change inside. So the values of all variables come in
as arguments, and their new values go out. Between the two they travel in one dictionary, `values`:

    "generator", "discriminator"                        the weights of the two networks
    "rest"                                              moving averages, random states, the averaged generator
    "generator_optimizer", "discriminator_optimizer"    steps taken, learning rates, moments
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

from pix2pix_edu.backend import keras
from pix2pix_edu.steps import Step

Values = dict[str, list[jax.Array]]


class TrainStep(Step):
    """Mixed into `Pix2Pix`: Keras compiles `train_step` with `jax.jit` and calls it for each batch."""

    def train_step(self, state: tuple, data: tuple) -> tuple[dict[str, Any], tuple]:
        """One step on a batch `(sources, targets)`; returns the mean losses so far, and the new state of everything."""
        if self.resident is None:
            return self._one_step(state, *self.unpack(data))

        # A group of steps in one call: (steps, N, 4) says where to cut each batch.
        def one(state: tuple, places: jax.Array) -> tuple[tuple, dict]:
            logs, state = self._one_step(state, *self._cut(state, places))
            return state, logs

        state, logs = jax.lax.scan(one, tuple(list(part) for part in state), data[0])
        return {name: values[-1] for name, values in logs.items()}, state

    def _cut(self, state: tuple, places: jax.Array) -> tuple[jax.Array, jax.Array]:
        """One batch out of the pictures on the device, which are part of the state as all variables are."""
        with keras.StatelessScope(state_mapping=list(zip(self.non_trainable_variables, state[1], strict=True))):
            return self.resident(places)

    def _one_step(self, state: tuple, source: jax.Array, target: jax.Array) -> tuple[dict[str, Any], tuple]:
        weights, rest, optimizers, metrics = state
        values = self._sorted(weights, rest, optimizers)
        terms, values = self.chosen_step(values, source, target)
        if self.averaged is not None:
            _, values["rest"] = self._run(lambda: self.average(source), values)
        with keras.StatelessScope(state_mapping=list(zip(self.metrics_variables, metrics, strict=True))) as scope:
            logs = self.record(terms)
        metrics = [scope.get_current_value(variable) for variable in self.metrics_variables]
        return logs, self._in_order(values, optimizers, metrics)

    def _alternating(self, values: Values, source: jax.Array, target: jax.Array) -> tuple[dict, Values]:
        """First the discriminator, then the generator against the discriminator that has just learned."""

        def draw(weights: list) -> tuple[jax.Array, list]:
            return self._run(lambda: self.generator(source, training=True), values | {"generator": weights})

        fake, pull_back, values["rest"] = jax.vjp(draw, values["generator"], has_aux=True)

        # `fake` is an argument here, not made by the function: no gradient reaches the generator.
        def discriminator_loss(weights: list) -> tuple[jax.Array, tuple]:
            def loss() -> tuple[jax.Array, dict]:
                return self._scaled("discriminator", self.discriminator_loss(source, target, fake))

            (value, terms), rest = self._run(loss, values | {"discriminator": weights})
            return value, (terms, rest)

        gradient = jax.grad(discriminator_loss, has_aux=True)
        gradients, (discriminator_terms, values["rest"]) = gradient(values["discriminator"])
        values = self._apply("discriminator", gradients, values)

        # How should `fake` change? The discriminator's weights are no argument: it is not to learn here.
        def generator_loss(fake: jax.Array) -> tuple[jax.Array, tuple]:
            (value, terms), rest = self._run(
                lambda: self._scaled("generator", self.generator_loss(source, target, fake)), values
            )
            return value, (terms, rest)

        wanted_change, (generator_terms, values["rest"]) = jax.grad(generator_loss, has_aux=True)(fake)

        # The chain rule carries that wish back through the generator, without computing `fake` a second time.
        (gradients,) = pull_back(wanted_change)
        values = self._apply("generator", gradients, values)
        return {**generator_terms, **discriminator_terms}, values

    def _simultaneous(self, values: Values, source: jax.Array, target: jax.Array) -> tuple[dict, Values]:
        """Both learn from the same forward pass."""

        def losses(generator: list, discriminator: list) -> tuple[tuple, tuple]:
            def both() -> tuple[tuple, dict]:
                fake = self.generator(source, training=True)
                for_generator, for_discriminator, terms = self.both_losses(source, target, fake)
                scaled = (
                    self._scaled("generator", (for_generator, {}))[0],
                    self._scaled("discriminator", (for_discriminator, {}))[0],
                )
                return scaled, terms

            (pair, terms), rest = self._run(both, values | {"generator": generator, "discriminator": discriminator})
            return pair, (terms, rest)

        pair, pull_back, (terms, values["rest"]) = jax.vjp(
            losses, values["generator"], values["discriminator"], has_aux=True
        )
        one, zero = jax.numpy.ones_like(pair[0]), jax.numpy.zeros_like(pair[0])
        generator_gradients, _ = pull_back((one, zero))
        _, discriminator_gradients = pull_back((zero, one))
        values = self._apply("generator", generator_gradients, values)
        return terms, self._apply("discriminator", discriminator_gradients, values)

    def _distance_only(self, values: Values, source: jax.Array, target: jax.Array) -> tuple[dict, Values]:
        """No adversary: plain regression, the "L1" row of the paper's Table 1."""

        def distance(weights: list) -> tuple[jax.Array, tuple]:
            def loss() -> tuple[jax.Array, dict]:
                return self._scaled("generator", self.distance_loss(target, self.generator(source, training=True)))

            (value, terms), rest = self._run(loss, values | {"generator": weights})
            return value, (terms, rest)

        gradients, (terms, values["rest"]) = jax.grad(distance, has_aux=True)(values["generator"])
        return terms, self._apply("generator", gradients, values)

    # --- variables in, variables out --------------------------------------------------------------------------------

    def _variables(self) -> dict[str, list]:
        """The variables whose values the dictionary holds, under the same names."""
        return {
            "generator": self.generator.trainable_variables,
            "discriminator": self.discriminator.trainable_variables,
            "rest": self.non_trainable_variables,
            "generator_optimizer": self.optimizer.generator.variables,
            "discriminator_optimizer": self.optimizer.discriminator.variables,
        }

    def _sorted(self, weights: list, rest: list, optimizers: list) -> Values:
        """Keras' three lists as the dictionary. Of the optimizers' list the pair's own variables come first."""
        middle = len(self.generator.trainable_variables)
        last = len(optimizers) - len(self.optimizer.discriminator.variables)
        first = last - len(self.optimizer.generator.variables)
        return {
            "generator": list(weights[:middle]),
            "discriminator": list(weights[middle:]),
            "rest": list(rest),
            "generator_optimizer": list(optimizers[first:last]),
            "discriminator_optimizer": list(optimizers[last:]),
        }

    def _in_order(self, values: Values, optimizers: list, metrics: list) -> tuple:
        """The dictionary as Keras' lists again."""
        own = len(optimizers) - len(values["generator_optimizer"]) - len(values["discriminator_optimizer"])
        after = [*optimizers[:own], *values["generator_optimizer"], *values["discriminator_optimizer"]]
        return [*values["generator"], *values["discriminator"]], values["rest"], after, metrics

    def _run(self, function: Callable[[], Any], values: Values) -> tuple[Any, list]:
        """What `function` returns while the variables hold `values`, and what "rest" holds afterwards."""
        variables = self._variables()
        pairs = [pair for name, group in variables.items() for pair in zip(group, values[name], strict=True)]
        with keras.StatelessScope(state_mapping=pairs) as scope:
            result = function()
        return result, [scope.get_current_value(variable) for variable in variables["rest"]]

    def _apply(self, network: str, gradients: list, values: Values) -> Values:
        """One step of a network's optimizer."""
        state = f"{network}_optimizer"
        optimizer = getattr(self.optimizer, network)
        weights, moved = optimizer.stateless_apply(values[state], gradients, values[network])
        return values | {network: weights, state: moved}

    def _scaled(self, network: str, loss_and_terms: tuple) -> tuple:
        """The loss scaled for half precision, if need be."""
        loss, terms = loss_and_terms
        return getattr(self.optimizer, network).scale_loss(loss), terms
