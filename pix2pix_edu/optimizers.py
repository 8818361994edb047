"""Two Adam optimizers, one for each network, that Keras can build, compile, save and restore as if they were one."""

from __future__ import annotations

from pix2pix_edu.backend import keras
from pix2pix_edu.fused import FusedAdam
from pix2pix_edu.precision import needs_loss_scaling

LEARNING_RATE = 2e-4  # paper 3.3
BETA_1 = 0.5  # below Keras' 0.9: less momentum, for a game in which the target moves


def new_optimizer(learning_rate: float = LEARNING_RATE, beta_1: float = BETA_1) -> keras.optimizers.Optimizer:
    """Adam with the paper's settings.

    >>> new_optimizer().beta_1
    0.5
    """
    return FusedAdam(learning_rate, beta_1=beta_1)


def for_precision(optimizer: keras.optimizers.Optimizer, network: keras.Model) -> keras.optimizers.Optimizer:
    """The optimizer as it is, or, for a network that computes in float16, wrapped so that it scales the loss.

    >>> network = keras.Sequential([keras.layers.Dense(2, dtype="mixed_float16")])
    >>> type(for_precision(new_optimizer(), network)).__name__
    'LossScaleOptimizer'
    """
    if not needs_loss_scaling(network) or isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        return optimizer
    return keras.optimizers.LossScaleOptimizer(optimizer)


@keras.saving.register_keras_serializable("pix2pix_edu")
class PairOptimizer(keras.optimizers.Optimizer):
    """Holds the generator's and the discriminator's optimizer.

    Keras looks after one attribute, `model.optimizer`. Two bare optimizers beside it would neither be built nor saved:
    a resumed run would start with empty Adam moments and drift from the run that was never stopped.

    >>> PairOptimizer(new_optimizer(), new_optimizer(1e-4)).discriminator.beta_1
    0.5
    """

    def __init__(self, generator: keras.optimizers.Optimizer, discriminator: keras.optimizers.Optimizer, name="pair"):
        super().__init__(learning_rate=0.0, name=name)  # its own rate is never used
        self.generator, self.discriminator = generator, discriminator

    @property
    def variables(self) -> list:
        """The state of both: steps taken, learning rates, first and second moments."""
        return [*self._variables, *self.generator.variables, *self.discriminator.variables]

    @property
    def iterations(self):
        """Steps taken, as the generator's optimizer counts them."""
        return self.generator.iterations

    @property
    def learning_rate(self):
        """The generator's learning rate; setting it sets both, so that Keras' schedule callbacks reach both."""
        return self.generator.learning_rate

    @learning_rate.setter
    def learning_rate(self, value) -> None:
        self.generator.learning_rate = value
        self.discriminator.learning_rate = value

    def apply(self, grads, trainable_variables=None):
        """Refuse: gradients belong to one of the two networks."""
        raise NotImplementedError("Call `.generator.apply(...)` or `.discriminator.apply(...)`.")

    def finalize_variable_values(self, var_list) -> None:
        """Nothing to do: each optimizer finalises its own variables."""

    def get_config(self) -> dict:
        """Both optimizers' settings."""
        serialize = keras.saving.serialize_keras_object
        return {
            "name": self.name,
            "generator": serialize(self.generator),
            "discriminator": serialize(self.discriminator),
        }

    @classmethod
    def from_config(cls, config: dict, custom_objects: dict | None = None) -> PairOptimizer:
        """Build both again from their settings."""
        restore = keras.saving.deserialize_keras_object
        return cls(restore(config["generator"]), restore(config["discriminator"]), name=config["name"])
