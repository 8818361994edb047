"""The model: generator and discriminator train each other through Keras' own `fit` (paper 3; seed 3.2, 5.1)."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from pix2pix_edu.backend import keras, ops
from pix2pix_edu.errors import UsageError
from pix2pix_edu.losses import KINDS, adversarial_kind, adversarial_loss, l1_loss, l2_loss
from pix2pix_edu.optimizers import PairOptimizer, for_precision, new_optimizer
from pix2pix_edu.pairs.jitter import Jitter
from pix2pix_edu.steps.resident import Resident
from pix2pix_edu.unet import check_choice

Tensor = Any

UPDATES = ("alternating", "simultaneous")
STATISTICS = ("moving", "batch")
DISTANCES = {"l1": l1_loss, "l2": l2_loss}
BACKENDS = ("tensorflow", "jax", "torch")  # each has a file under steps/

if keras.config.backend() not in BACKENDS:
    raise UsageError(
        f"KERAS_BACKEND={keras.config.backend()!r} has no training step yet. Available: {', '.join(BACKENDS)}. Set the "
        "environment variable KERAS_BACKEND to one of them and restart the kernel."
    )
TrainStep: Any = importlib.import_module(f"pix2pix_edu.steps.{keras.config.backend()}").TrainStep


@keras.saving.register_keras_serializable("pix2pix_edu")
class Pix2Pix(TrainStep, keras.Model):
    """A conditional GAN that learns to translate pictures from pairs.

    Args:
        generator: from a source picture to a translated picture, floats in [-1, 1].
        discriminator: from `[source, picture]` to logits, one per patch.
        statistics: where the generator's batch normalisation takes mean and variance from when it translates:
            "batch" (the picture itself: the paper, for models trained at batch size 1) or "moving" (averages kept
            during training: better for models trained on larger batches).

    Train it with `compile` and `fit(sources, targets)`, both float32 in [-1, 1]; or with `pix2pix_edu.train`.

    Each step records: `d_loss`, half the sum of `d_real` and `d_fake` (the discriminator on real and on generated
    pairs), `g_gan` (how badly the generator is caught), `l1`, and `g_loss`, which is `g_gan + lambda_l1 * l1`. With
    "bce" the chance level of `d_loss`, `d_real`, `d_fake` and `g_gan` is log 2 = 0.693.

    >>> import pix2pix_edu as p2p
    >>> model = p2p.Pix2Pix(p2p.generator_model(32, 4), p2p.discriminator_model(32, 4))
    """

    def __init__(
        self, generator: keras.Model, discriminator: keras.Model, statistics: str = "moving", **kwargs: Any
    ) -> None:
        check_choice("statistics", statistics, STATISTICS)
        super().__init__(**kwargs)
        self.generator = generator
        self.discriminator = discriminator
        self.statistics = statistics
        names = ("g_loss", "g_gan", "l1", "d_loss", "d_real", "d_fake")
        self.trackers = {name: keras.metrics.Mean(name=name) for name in names}
        self.resident: Any = None  # pairs on the device, see `steps/resident.py`
        self.built = True  # both networks are; saving a model that Keras takes for unbuilt would lose its weights

    def call(self, source: Tensor, training: bool = False) -> Tensor:
        """Translate a batch: (N, H, W, source channels) to (N, H, W, target channels), floats in [-1, 1]."""
        return self.generator(source, training=training)

    def compile(
        self,
        generator_optimizer: keras.optimizers.Optimizer | None = None,
        discriminator_optimizer: keras.optimizers.Optimizer | None = None,
        lambda_l1: float = 100.0,
        adversarial: str | None = "bce",
        update: str = "alternating",
        distance: str = "l1",
        **kwargs: Any,
    ) -> None:
        """Choose optimizers and losses; what is not given is the paper's.

        Args:
            generator_optimizer: default Adam(2e-4, beta_1=0.5). An optimizer belongs to one network.
            discriminator_optimizer: likewise.
            lambda_l1: weight of the distance to the target; 0 leaves the game alone (the paper's "cGAN" row).
            adversarial: "bce", "lsgan", "hinge", or None for no game at all (the paper's "L1" row).
            update: "alternating" (discriminator first, then the generator against the updated one: the paper) or
                "simultaneous" (both from one forward pass).
            distance: "l1" or "l2".
            kwargs: further arguments of `keras.Model.compile`, such as `run_eagerly`.

        Raises:
            UsageError: an unknown choice, a negative weight, or nothing left to learn from.
        """
        self._check_compile(lambda_l1, adversarial, update, distance)
        if generator_optimizer is not None and generator_optimizer is discriminator_optimizer:
            raise UsageError("Both networks were given the same optimizer object. Make one for each: it keeps moments.")
        pair = PairOptimizer(
            for_precision(generator_optimizer or new_optimizer(), self.generator),
            for_precision(discriminator_optimizer or new_optimizer(), self.discriminator),
        )
        # Built here, not at the first step: a checkpoint can then be loaded with the optimizers' state.
        for optimizer, network in ((pair.generator, self.generator), (pair.discriminator, self.discriminator)):
            if not optimizer.built:
                optimizer.build(network.trainable_variables)
        pair.built = True
        # Keras would scale one loss for half precision; we have two, and scale them ourselves.
        super().compile(optimizer=pair, auto_scale_loss=False, **kwargs)
        self.lambda_l1, self.adversarial, self.update, self.distance = lambda_l1, adversarial, update, distance
        self._compile_settings = {
            "lambda_l1": lambda_l1, "adversarial": adversarial, "update": update, "distance": distance, **kwargs
        }  # fmt: skip

    @staticmethod
    def _check_compile(lambda_l1: float, adversarial: str | None, update: str, distance: str) -> None:
        if lambda_l1 < 0:
            raise UsageError(f"lambda_l1={lambda_l1} would reward pictures far from the target; give 0 or more.")
        if adversarial is None and lambda_l1 == 0:
            raise UsageError("With adversarial=None and lambda_l1=0 there is nothing to learn from; set one of them.")
        if adversarial is not None:
            check_choice("adversarial", adversarial, tuple(KINDS))
        check_choice("update", update, UPDATES)
        check_choice("distance", distance, tuple(DISTANCES))

    # --- losses: the same words on every backend --------------------------------------------------------------------

    @property
    def discriminator_is_idle(self) -> bool:
        """True when there is no game, so that the step need not train a discriminator."""
        return self.adversarial is None

    def discriminator_loss(self, source: Tensor, target: Tensor, fake: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """What the discriminator lowers, and its terms: real pairs should be called real, generated ones fake."""
        real_output = self.discriminator([source, target], training=True)
        fake_output = self.discriminator([source, fake], training=True)
        return self._discriminator_terms(real_output, fake_output)

    def generator_loss(self, source: Tensor, target: Tensor, fake: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """What the generator lowers, and its terms: be called real, and stay near the target."""
        return self._generator_terms(target, fake, self.discriminator([source, fake], training=True))

    def both_losses(self, source: Tensor, target: Tensor, fake: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Both losses from one pass of the discriminator, for the simultaneous update."""
        real_output = self.discriminator([source, target], training=True)
        fake_output = self.discriminator([source, fake], training=True)
        generator_loss, generator_terms = self._generator_terms(target, fake, fake_output)
        discriminator_loss, discriminator_terms = self._discriminator_terms(real_output, fake_output)
        return generator_loss, discriminator_loss, {**generator_terms, **discriminator_terms}

    def distance_loss(self, target: Tensor, fake: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The weighted distance alone, for training without an adversary."""
        loss = self.lambda_l1 * DISTANCES[self.distance](target, fake)
        return loss, {"g_loss": loss, "l1": l1_loss(target, fake)}

    def _generator_terms(self, target: Tensor, fake: Tensor, fake_output: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        caught = adversarial_kind(self.adversarial).generator(fake_output)
        loss, terms = self.distance_loss(target, fake)
        loss = caught + loss
        return loss, {**terms, "g_loss": loss, "g_gan": caught}

    def _discriminator_terms(self, real_output: Tensor, fake_output: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        kind = adversarial_kind(self.adversarial)
        loss = adversarial_loss(real_output, fake_output, self.adversarial).discriminator
        return loss, {"d_loss": loss, "d_real": kind.real(real_output), "d_fake": kind.fake(fake_output)}

    # --- pairs on the device ----------------------------------------------------------------------------------------

    def live_with_pairs(self, jitter: Jitter) -> None:
        """Copy all pairs to the device; until `stop_living_with_pairs`, `fit` is given places (`Jitter.draw`)."""
        self.resident = Resident(jitter)

    def stop_living_with_pairs(self) -> None:
        """Free that memory. Without pairs on the device there is nothing to do."""
        if self.resident is not None:
            self.resident.release()
            self.resident = None
            self.train_function = None  # it was compiled for places

    # --- what Keras' own `fit` and `evaluate` need ------------------------------------------------------------------

    @staticmethod
    def unpack(data: Any) -> tuple[Tensor, Tensor]:
        """A batch as `fit` hands it over, taken apart: sources and targets."""
        source, target, weight = keras.utils.unpack_x_y_sample_weight(data)
        if target is None or weight is not None:
            raise UsageError(
                "Train with `fit(sources, targets)`: both are needed, and sample weights are not supported."
            )
        # On PyTorch `train_on_batch` hands NumPy arrays over as they are. Lesson 03's sources are noise and condition.
        return keras.tree.map_structure(ops.convert_to_tensor, (source, target))

    def record(self, terms: dict[str, Tensor]) -> dict[str, Tensor]:
        """Add this batch to the running means, and return the means."""
        for name, value in terms.items():
            self.trackers[name].update_state(value)
        return {name: self.trackers[name].result() for name in self.trackers if name in terms}

    def recorded(self) -> dict[str, Tensor]:
        """The running means of what a step records."""
        names = ("g_loss", "l1") if self.discriminator_is_idle else tuple(self.trackers)
        return {name: self.trackers[name].result() for name in names}

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """The running means that Keras resets at the start of each epoch."""
        return list(self.trackers.values())

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=False) -> Tensor:
        """The L1 distance, which `evaluate` and validation report."""
        return l1_loss(y, y_pred)

    def compute_metrics(self, x: Tensor, y: Tensor, y_pred: Tensor, sample_weight=None) -> dict[str, Tensor]:
        """Validation reports the L1 distance."""
        self.trackers["l1"].update_state(l1_loss(y, y_pred))
        return {"l1": self.trackers["l1"].result()}

    # --- saving and loading -----------------------------------------------------------------------------------------

    def _noise_states(self) -> dict[str, Any]:
        """The dropout layers' random states. Keras does not save them; a run that resumes exactly needs them."""
        drops = [layer for layer in self.generator.layers if isinstance(layer, keras.layers.Dropout)]
        return {layer.name: layer.seed_generator.state for layer in drops}

    def save_own_variables(self, store: Any) -> None:
        """Called by Keras when it saves weights."""
        for name, state in self._noise_states().items():
            store[name] = ops.convert_to_numpy(state.value)

    def load_own_variables(self, store: Any) -> None:
        """Called by Keras when it loads weights."""
        for name, state in self._noise_states().items():
            if name in store:
                state.assign(store[name])

    def get_config(self) -> dict[str, Any]:
        """Both networks and the test-time setting."""
        serialize = keras.saving.serialize_keras_object
        return {
            "name": self.name,
            "generator": serialize(self.generator),
            "discriminator": serialize(self.discriminator),
            "statistics": self.statistics,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict | None = None) -> Pix2Pix:
        """Build the model again from `get_config()`."""
        restore = keras.saving.deserialize_keras_object
        networks = {name: restore(config[name]) for name in ("generator", "discriminator")}
        return cls(**{**config, **networks})

    def get_compile_config(self) -> dict[str, Any]:
        """Both optimizers and the choice of losses."""
        serialize = keras.saving.serialize_keras_object
        return {
            "generator_optimizer": serialize(self.optimizer.generator),
            "discriminator_optimizer": serialize(self.optimizer.discriminator),
            **self._compile_settings,
        }

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile again from `get_compile_config()`."""
        restore = keras.saving.deserialize_keras_object
        optimizers = {name: restore(config[name]) for name in ("generator_optimizer", "discriminator_optimizer")}
        self.compile(**{**config, **optimizers})


def train_step(model: Pix2Pix, input_image: Tensor, target_image: Tensor) -> dict[str, float]:
    """One compiled training step, the very one that `fit` runs: the discriminator learns, then the generator.

    Args:
        model: a compiled `Pix2Pix`; its weights change.
        input_image: sources, floats in [-1, 1], shape (N, H, W, C).
        target_image: targets, likewise.

    Returns:
        The losses of this step: `g_loss`, `g_gan`, `l1`, `d_loss`, `d_real`, `d_fake`.

    Raises:
        UsageError: the model is not compiled, or the pictures are not batches of the same size in [-1, 1].

    >>> import numpy as np, pix2pix_edu as p2p
    >>> model = p2p.Pix2Pix(p2p.generator_model(32, 2), p2p.discriminator_model(32, 2)); model.compile()
    >>> sorted(p2p.train_step(model, np.zeros((1, 32, 32, 3)), np.ones((1, 32, 32, 3))))
    ['d_fake', 'd_loss', 'd_real', 'g_gan', 'g_loss', 'l1']
    """
    if not model.compiled:
        raise UsageError("The model is not compiled: call `model.compile()` first; it takes the paper's settings.")
    source, target = (_as_batch(name, x) for name, x in (("input_image", input_image), ("target_image", target_image)))
    model.reset_metrics()
    logs = model.train_on_batch(source, target, return_dict=True)
    return {name: float(value) for name, value in logs.items()}


def _as_batch(name: str, pictures: Tensor) -> np.ndarray:
    batch = np.asarray(ops.convert_to_numpy(pictures), dtype="float32")
    if batch.ndim != 4:
        raise UsageError(f"{name} has shape {batch.shape}; a batch has four axes: (pictures, height, width, channels).")
    if batch.size and (batch.min() < -1.001 or batch.max() > 1.001):
        raise UsageError(
            f"{name} has values from {batch.min():.3g} to {batch.max():.3g}, but the networks work in [-1, 1]. Convert "
            "uint8 pictures with `x / 127.5 - 1`."
        )
    return batch
