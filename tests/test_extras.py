"""Feature matching, perceptual loss and averaged weights: each by hand, and in the model that they belong to."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import pix2pix_edu as p2p
from pix2pix_edu.backend import keras
from pix2pix_edu.diffaugment import DiffAugment
from pix2pix_edu.errors import UsageError
from pix2pix_edu.evaluation.perceptual import feature_network, perceptual_distance
from pix2pix_edu.export import inference_generator
from pix2pix_edu.extras import features_apart, perceptual_loss, with_hidden
from pix2pix_edu.optimizers import new_optimizer
from pix2pix_edu.pix2pix import Pix2Pix, train_step
from pix2pix_edu.translation import load_model, save_generator, to_float, translate

RNG = np.random.default_rng(0)
SOURCES, TARGETS = RNG.uniform(-1, 1, (2, 4, 32, 32, 3)).astype("float32")
PICTURES = RNG.integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)


def new_model(ema=0.0, augment=None, dropout=0.0, **settings):
    """Small, and run step by step: to compile each of these models would take longer than to train it."""
    generator = p2p.generator_model(32, 2, dropout=dropout, seed=1)
    discriminator = p2p.discriminator_model(32, 2, receptive_field=16, seed=2)
    model = Pix2Pix(generator, discriminator, ema=ema, augment=augment)
    model.compile(**{"run_eagerly": True, **settings})
    return model


def weights(network):
    return [np.array(variable) for variable in network.variables]


# --- feature matching -------------------------------------------------------------------------------------------------


def test_features_apart_by_hand_and_the_real_ones_are_constants():
    real, fake = ([RNG.normal(size=shape).astype("float32") for shape in ((2, 4, 4, 3), (2, 2, 2, 5))] for _ in "ab")
    expected = sum(np.abs(a - b).mean() for a, b in zip(real, fake, strict=True))
    assert float(features_apart(real, fake)) == pytest.approx(expected, rel=1e-6)
    real, fake = ([tf.Variable(x) for x in part] for part in (real, fake))
    with tf.GradientTape() as tape:
        loss = features_apart(real, fake)
    gradients = tape.gradient(loss, [*real, *fake])
    assert gradients[:2] == [None, None]
    np.testing.assert_allclose(np.abs(gradients[2]), 1 / 96)


@pytest.mark.parametrize("update", ["simultaneous", "alternating"])
def test_the_recorded_term_is_that_of_the_hidden_layers(update):
    model = new_model(feature_matching=10.0, update=update, discriminator_optimizer=new_optimizer(0.0))
    fake = np.asarray(model.generator(SOURCES, training=True))
    layers = [layer.output for layer in model.discriminator.layers if layer.name.startswith("leaky")]
    look = keras.Model(model.discriminator.inputs, layers)
    real, drawn = (look([SOURCES, pictures], training=True) for pictures in (TARGETS, fake))
    expected = sum(np.abs(np.asarray(a) - np.asarray(b)).mean() for a, b in zip(real, drawn, strict=True))
    logs = train_step(model, SOURCES, TARGETS)
    assert len(layers) == 2 and logs["features"] == pytest.approx(expected, rel=1e-4)
    assert logs["g_loss"] == pytest.approx(logs["g_gan"] + 100 * logs["l1"] + 10 * logs["features"], rel=1e-5)
    assert list(model.recorded()) == ["g_loss", "g_gan", "l1", "d_loss", "d_real", "d_fake", "features"]


def test_feature_matching_needs_a_discriminator_that_learns_and_has_hidden_layers():
    with pytest.raises(UsageError, match="feature_matching=10.0 compares what the discriminator sees"):
        new_model(feature_matching=10.0, adversarial=None)
    with pytest.raises(UsageError, match="feature_matching=-1"):
        new_model(feature_matching=-1)
    with pytest.raises(UsageError, match="has none"):
        with_hidden(keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)]))


# --- perceptual loss --------------------------------------------------------------------------------------------------


def test_perceptual_loss_by_hand():
    look = lambda pictures: [pictures * 3.0, pictures[:, :1, :1] + 1.0]  # noqa: E731
    wanted, drawn = SOURCES, TARGETS
    expected = []
    for a, b in ((wanted * 3, drawn * 3), (wanted[:, :1, :1] + 1, drawn[:, :1, :1] + 1)):
        a, b = (x / np.linalg.norm(x, axis=-1, keepdims=True) for x in (a, b))
        expected.append(np.square(a - b).sum(axis=-1).mean())
    assert float(perceptual_loss(look, wanted, drawn)) == pytest.approx(np.mean(expected), rel=1e-4)


def test_it_is_the_distance_that_evaluation_measures():
    real, fake = PICTURES, np.roll(PICTURES, 5, axis=2)
    measured = perceptual_distance(real, fake, features="course").values.mean()
    assert float(perceptual_loss(feature_network("course"), *map(to_float, (real, fake)))) == pytest.approx(
        measured, rel=1e-3
    )


def test_grey_pictures_are_shown_in_three_channels_and_others_refused():
    grey = SOURCES[..., :1]
    assert float(perceptual_loss(feature_network("emoji"), grey, grey)) == 0
    with pytest.raises(UsageError, match="2 channels"):
        perceptual_loss(feature_network("emoji"), SOURCES[..., :2], SOURCES[..., :2])


def test_the_model_lowers_it_with_or_without_a_game():
    look = feature_network("emoji")
    logs = train_step(new_model(perceptual=10.0, look=look), SOURCES, TARGETS)
    assert logs["g_loss"] == pytest.approx(logs["g_gan"] + 100 * logs["l1"] + 10 * logs["perceptual"], rel=1e-5)
    alone = new_model(perceptual=10.0, look=look, adversarial=None, lambda_l1=0.0)
    logs = [train_step(alone, SOURCES, TARGETS) for _ in range(6)]
    assert sorted(logs[0]) == list(alone.recorded()) == ["g_loss", "l1", "perceptual"]
    assert logs[-1]["perceptual"] < logs[0]["perceptual"]


def test_without_a_network_to_look_with_it_says_what_to_do():
    with pytest.raises(UsageError, match=r'feature_network\("auto"\)'):
        train_step(new_model(perceptual=1.0), SOURCES, TARGETS)


# --- averaged weights -------------------------------------------------------------------------------------------------


def test_the_average_after_five_steps_by_hand():
    model, plain = new_model(ema=0.4), new_model()
    start = [np.array(v) for v in model.generator.trainable_variables]
    expected = [value.astype("float64") for value in start]
    for step in range(1, 6):
        for one in (model, plain):
            train_step(one, SOURCES, TARGETS)
        decay = min(0.4, (1 + step) / (10 + step))  # 0.18, 0.25, 0.31, 0.36 and then 0.4
        now = [np.array(v) for v in model.generator.trainable_variables]
        expected = [decay * average + (1 - decay) * value for average, value in zip(expected, now, strict=True)]
    for average, value in zip(model.averaged.trainable_variables, expected, strict=True):
        np.testing.assert_allclose(np.array(average), value, atol=1e-6)
    for one, other in zip(weights(model.generator), weights(plain.generator), strict=True):
        np.testing.assert_array_equal(one, other)  # the generator that learns never notices
    assert len(model.trainable_variables) == len(plain.trainable_variables)


def test_the_average_measures_its_own_batch_statistics():
    model = new_model(ema=0.9)
    for _ in range(3):
        before = {norm.name: np.array(norm.moving_mean) for norm in norms(model.averaged)}
        train_step(model, SOURCES, TARGETS)
    for norm in norms(model.averaged):
        inputs = keras.Model(model.averaged.inputs[0], norm.input)(SOURCES, training=True)
        mean = np.asarray(inputs).mean(axis=(0, 1, 2))
        np.testing.assert_allclose(np.array(norm.moving_mean), 0.9 * before[norm.name] + 0.1 * mean, atol=1e-5)


def norms(network):
    return [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]


@pytest.fixture(scope="module")
def averaged():
    model = new_model(ema=0.9, dropout=0.5, augment=DiffAugment("translation", seed=5))
    for _ in range(3):
        train_step(model, SOURCES, TARGETS)
    return model


def test_the_average_translates_is_kept_and_is_exported(averaged, tmp_path):
    drawn = translate(averaged, PICTURES)
    np.testing.assert_array_equal(drawn, translate(averaged.averaged, PICTURES))
    assert not np.array_equal(drawn, translate(averaged.generator, PICTURES))
    np.testing.assert_array_equal(np.asarray(averaged(SOURCES)), np.asarray(averaged.averaged(SOURCES, training=False)))
    kept = load_model(save_generator(averaged, tmp_path / "average.p2p"))
    assert np.abs(translate(kept, PICTURES).astype(int) - drawn).max() <= 1  # half precision
    graph = inference_generator(averaged)
    np.testing.assert_allclose(graph(SOURCES), averaged(SOURCES), atol=1e-5)


def test_translating_with_batch_statistics_leaves_the_average_untrained(averaged):
    trained = len(averaged.trainable_variables)
    for statistics in ("moving", "batch"):
        translate(averaged, PICTURES, statistics)
    assert len(averaged.trainable_variables) == trained
    assert len(averaged.variables) == trained + len(averaged.non_trainable_variables)


@pytest.mark.parametrize("kind", ["model.keras", "model.weights.h5"])
def test_a_saved_model_goes_on_as_if_it_had_not_been_saved(averaged, kind, tmp_path):
    path = tmp_path / kind
    if kind == "model.keras":
        averaged.save(path)
        loaded = keras.models.load_model(path)
        assert (loaded.ema, loaded.augment.words) == (0.9, ("translation",))
    else:
        averaged.save_weights(path)
        loaded = new_model(ema=0.9, dropout=0.5, augment=DiffAugment("translation", seed=5))
        loaded.load_weights(path)
    before = [np.array(variable) for variable in averaged.variables]
    for one, other in zip(before, loaded.variables, strict=True):
        np.testing.assert_array_equal(one, np.array(other))
    copy = new_model(ema=0.9, dropout=0.5, augment=DiffAugment("translation", seed=5))
    for variable, value in zip(copy.variables, before, strict=True):
        variable.assign(value)
    for variable, value in zip(copy.optimizer.variables, averaged.optimizer.variables, strict=True):
        variable.assign(value)
    for model in (copy, loaded):
        train_step(model, SOURCES, TARGETS)
    for one, other in zip(weights(copy), weights(loaded), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("ema", [1.0, -0.1, 2])
def test_a_decay_that_cannot_work_is_explained(ema):
    with pytest.raises(UsageError, match=f"ema={ema}"):
        new_model(ema=ema)


# --- augmentation in the step -----------------------------------------------------------------------------------------


def test_the_discriminator_sees_both_pictures_augmented_and_the_distance_neither():
    model = new_model(augment=DiffAugment("translation,cutout", seed=5), update="simultaneous")
    twin = DiffAugment("translation,cutout", seed=5)
    fake = np.asarray(model.generator(SOURCES, training=True))
    source, target, drawn = twin([SOURCES, TARGETS, fake])
    real_logits, fake_logits = (
        np.asarray(model.discriminator([source, picture], training=True), "float64") for picture in (target, drawn)
    )
    logs = train_step(model, SOURCES, TARGETS)
    assert logs["d_real"] == pytest.approx(np.log1p(np.exp(-real_logits)).mean(), rel=1e-4)
    assert logs["d_fake"] == pytest.approx(np.log1p(np.exp(fake_logits)).mean(), rel=1e-4)
    assert logs["g_gan"] == pytest.approx(np.log1p(np.exp(-fake_logits)).mean(), rel=1e-4)
    assert logs["l1"] == pytest.approx(np.abs(TARGETS - fake).mean(), rel=1e-5)
    state = model.augment.seed_generator.state
    before = np.array(state)
    model.compile(update="alternating", run_eagerly=True)
    train_step(model, SOURCES, TARGETS)
    for _ in range(2):  # once for the discriminator, once for the generator
        twin([SOURCES])
    assert not np.array_equal(before, np.array(state))
    np.testing.assert_array_equal(np.array(state), np.array(twin.seed_generator.state))
