"""The model: generator and discriminator train each other through Keras' own `fit` (paper 3; seed 3.2, 5.1)."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from pix2pix_edu.backend import keras, ops
from pix2pix_edu.diffaugment import DiffAugment
from pix2pix_edu.errors import UsageError
from pix2pix_edu.extras import Look, averaged_copy, features_apart, move_average, perceptual_loss, with_hidden
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
        ema: above 0, a running average of the generator's weights translates, while the generator itself goes on
            learning; it is the decay for each step, such as 0.999 (lesson 12).
        augment: augments what the discriminator sees, real and generated alike (lesson 12).

    Train it with `compile` and `fit(sources, targets)`, both float32 in [-1, 1]; or with `pix2pix_edu.train`.

    Each step records: `d_loss`, half the sum of `d_real` and `d_fake` (the discriminator on real and on generated
    pairs), `g_gan` (how badly the generator is caught), `l1`, and `g_loss`, which is `g_gan + lambda_l1 * l1`; what
    `compile` adds to that sum is recorded as `features` and `perceptual`. With "bce" the chance level of `d_loss`,
    `d_real`, `d_fake` and `g_gan` is log 2 = 0.693.

    >>> import pix2pix_edu as p2p
    >>> model = p2p.Pix2Pix(p2p.generator_model(32, 4), p2p.discriminator_model(32, 4))
    """

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        statistics: str = "moving",
        ema: float = 0.0,
        augment: DiffAugment | None = None,
        **kwargs: Any,
    ) -> None:
        check_choice("statistics", statistics, STATISTICS)
        check_ema(ema)
        super().__init__(**kwargs)
        self.generator = generator
        self.discriminator = discriminator
        self.statistics = statistics
        self.ema, self.averaged = ema, averaged_copy(generator) if ema else None
        self.augment = augment
        names = ("g_loss", "g_gan", "l1", "d_loss", "d_real", "d_fake", "features", "perceptual")
        self.trackers = {name: keras.metrics.Mean(name=name) for name in names}
        self.resident: Any = None  # pairs on the device, see `steps/resident.py`
        self.built = True  # both networks are; saving a model that Keras takes for unbuilt would lose its weights

    def call(self, source: Tensor, training: bool = False) -> Tensor:
        """Translate a batch: (N, H, W, source channels) to (N, H, W, target channels), floats in [-1, 1]."""
        return (self.generator if training else self.test_generator)(source, training=training)

    @property
    def test_generator(self) -> keras.Model:
        """The generator that translates: the average of all steps with `ema`, else the one that learns."""
        return self.generator if self.averaged is None else self.averaged

    def compile(
        self,
        generator_optimizer: keras.optimizers.Optimizer | None = None,
        discriminator_optimizer: keras.optimizers.Optimizer | None = None,
        lambda_l1: float = 100.0,
        adversarial: str | None = "bce",
        update: str = "alternating",
        distance: str = "l1",
        feature_matching: float = 0.0,
        perceptual: float = 0.0,
        look: Look | None = None,
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
            feature_matching: weight of the distance between what the discriminator's hidden layers answer about the
                real and about the generated pair (pix2pixHD: 10).
            perceptual: weight of the distance between what a fixed network sees in target and translation.
            look: that network, see `extras.perceptual_loss`.
            kwargs: further arguments of `keras.Model.compile`, such as `run_eagerly`.

        Raises:
            UsageError: an unknown choice, a negative weight, or nothing left to learn from.
        """
        weights = {"lambda_l1": lambda_l1, "feature_matching": feature_matching, "perceptual": perceptual}
        self._check_compile(weights, adversarial, update, distance)
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
        self.feature_matching, self.perceptual, self.look = feature_matching, perceptual, look
        self.with_hidden = with_hidden(self.discriminator) if feature_matching else None
        choices = {"adversarial": adversarial, "update": update, "distance": distance}
        self._compile_settings = {**weights, **choices, **kwargs}

    @staticmethod
    def _check_compile(weights: dict[str, float], adversarial: str | None, update: str, distance: str) -> None:
        for name, weight in weights.items():
            if weight < 0:
                raise UsageError(f"{name}={weight} would reward pictures far from the target; give 0 or more.")
        if adversarial is None and weights["lambda_l1"] == weights["perceptual"] == 0:
            raise UsageError("With adversarial=None and lambda_l1=0 there is nothing to learn from; set one of them.")
        if adversarial is None and weights["feature_matching"]:
            raise UsageError(
                f"feature_matching={weights['feature_matching']} compares what the discriminator sees, but with "
                "adversarial=None it learns nothing. Choose an adversarial loss, or perceptual=... instead."
            )
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
        source, target, fake = self.shown(source, target, fake)
        real_output = self.discriminator([source, target], training=True)
        fake_output = self.discriminator([source, fake], training=True)
        return self._discriminator_terms(real_output, fake_output)

    def generator_loss(self, source: Tensor, target: Tensor, fake: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """What the generator lowers, and its terms: be called real, and stay near the target."""
        seen_source, seen_target, seen_fake = self.shown(source, target, fake)
        output, hidden = self._judge(seen_source, seen_fake)
        wanted = self._judge(seen_source, seen_target)[1] if self.feature_matching else []
        return self._generator_terms(target, fake, output, wanted, hidden)

    def both_losses(self, source: Tensor, target: Tensor, fake: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Both losses from one pass of the discriminator, for the simultaneous update."""
        seen_source, seen_target, seen_fake = self.shown(source, target, fake)
        real_output, wanted = self._judge(seen_source, seen_target)
        fake_output, hidden = self._judge(seen_source, seen_fake)
        generator_loss, generator_terms = self._generator_terms(target, fake, fake_output, wanted, hidden)
        discriminator_loss, discriminator_terms = self._discriminator_terms(real_output, fake_output)
        return generator_loss, discriminator_loss, {**generator_terms, **discriminator_terms}

    def distance_loss(self, target: Tensor, fake: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The weighted distance alone, for training without an adversary."""
        loss, terms = self.lambda_l1 * DISTANCES[self.distance](target, fake), {"l1": l1_loss(target, fake)}
        if self.perceptual:
            terms["perceptual"] = perceptual_loss(self.look, target, fake)
            loss = loss + self.perceptual * terms["perceptual"]
        return loss, {**terms, "g_loss": loss}

    def shown(self, source: Tensor, target: Tensor, fake: Tensor) -> list[Tensor]:
        """What the discriminator is shown of a batch: all as it is, or all augmented alike."""
        pictures = [source, target, fake]
        return pictures if self.augment is None else self.augment(pictures)

    def _judge(self, source: Tensor, picture: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The discriminator's logits, and for feature matching what its hidden layers answered."""
        if self.with_hidden is None:
            return self.discriminator([source, picture], training=True), []
        *hidden, logits = self.with_hidden([source, picture])
        return logits, hidden

    def _generator_terms(
        self, target: Tensor, fake: Tensor, fake_output: Tensor, wanted: list[Tensor], hidden: list[Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        caught = adversarial_kind(self.adversarial).generator(fake_output)
        loss, terms = self.distance_loss(target, fake)
        loss = caught + loss
        if self.feature_matching:
            terms["features"] = features_apart(wanted, hidden)
            loss = loss + self.feature_matching * terms["features"]
        return loss, {**terms, "g_loss": loss, "g_gan": caught}

    def _discriminator_terms(self, real_output: Tensor, fake_output: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        kind = adversarial_kind(self.adversarial)
        loss = adversarial_loss(real_output, fake_output, self.adversarial).discriminator
        return loss, {"d_loss": loss, "d_real": kind.real(real_output), "d_fake": kind.fake(fake_output)}

    # --- an average of the generator --------------------------------------------------------------------------------

    def average(self, source: Tensor) -> None:
        """At the end of a step: let the averaged generator follow; without `ema` there is nothing to do."""
        if self.averaged is not None:
            move_average(self.averaged, self.generator, self.ema, self.optimizer.iterations)
            # The batch statistics of an average of networks are not the average of theirs: it measures its own.
            self.averaged(source, training=True)

    @property
    def trainable_variables(self) -> list:
        """What the optimizers change: the weights of both networks, not those of the average."""
        return [*self.generator.trainable_variables, *self.discriminator.trainable_variables]

    @property
    def non_trainable_variables(self) -> list:
        """Everything else that training changes."""
        trained = {id(variable) for variable in self.trainable_variables}
        return [variable for variable in self.variables if id(variable) not in trained]

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
        unused = {"g_gan", "d_loss", "d_real", "d_fake"} if self.discriminator_is_idle else set()
        extras = {"features": self.feature_matching, "perceptual": self.perceptual}
        unused |= {name for name, weight in extras.items() if not weight}
        return {name: tracker.result() for name, tracker in self.trackers.items() if name not in unused}

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
        """The random states of dropout and augmentation, which Keras does not save. Exact resuming needs them."""
        networks = {"": self.generator, "averaged_": self.averaged}
        drops = {
            f"{prefix}{layer.name}": layer
            for prefix, network in networks.items()
            for layer in (network.layers if network is not None else [])
            if isinstance(layer, keras.layers.Dropout)
        }
        random = drops if self.augment is None else {**drops, self.augment.name: self.augment}
        return {name: layer.seed_generator.state for name, layer in random.items()}

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
            "ema": self.ema,
            "augment": None if self.augment is None else serialize(self.augment),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict | None = None) -> Pix2Pix:
        """Build the model again from `get_config()`."""
        restore = keras.saving.deserialize_keras_object
        parts = ("generator", "discriminator", "augment")
        return cls(**{**config, **{name: restore(config[name]) for name in parts if config.get(name)}})

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


def check_ema(ema: float) -> None:
    """Raise a `UsageError` unless `ema` is a share from 0 to below 1.

    >>> check_ema(0.999)
    """
    if not 0.0 <= ema < 1.0:
        raise UsageError(f"ema={ema} does not work: it is the share of the average that a step keeps, such as 0.999.")


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
