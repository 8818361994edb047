"""The fused operations give Keras' own numbers, in training and at test time, eager and compiled."""

import numpy as np
import pytest
import tensorflow as tf

import pix2pix_edu as p2p
from pix2pix_edu.backend import keras, layers
from pix2pix_edu.fused import FusedAdam, FusedBatchNormalization

RNG = np.random.default_rng(0)
START = RNG.normal(size=(3, 5)).astype("float32")
GRADIENTS = RNG.normal(size=(12, 3, 5)).astype("float32")


def after(optimizer, compiled=False):
    """Where a variable ends after twelve steps, and both of its moments."""
    variable = keras.Variable(START)
    optimizer.build([variable])
    step = tf.function(lambda gradient: optimizer.apply([gradient], [variable])) if compiled else None
    for gradient in GRADIENTS:
        step(tf.constant(gradient)) if step else optimizer.apply([tf.constant(gradient)], [variable])
    return [np.array(value) for value in (variable, *optimizer.variables[2:])]


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("settings", [{}, {"beta_1": 0.5}, {"epsilon": 1e-3}, {"clipnorm": 0.1}, {"weight_decay": 0.1}])
def test_adam_gives_the_numbers_of_keras(settings, compiled):
    ours, theirs = (after(kind(1e-2, **settings), compiled) for kind in (FusedAdam, keras.optimizers.Adam))
    assert len(ours) == len(theirs) == 3
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    assert np.abs(ours[0] - START).max() > 0.01


def test_adam_follows_a_learning_rate_that_changes():
    schedule = keras.optimizers.schedules.ExponentialDecay(1e-2, decay_steps=3, decay_rate=0.5)
    ours, theirs = (after(kind(schedule)) for kind in (FusedAdam, keras.optimizers.Adam))
    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-5, atol=1e-6)


def test_what_the_fused_operation_cannot_do_is_left_to_keras():
    ours, theirs = (after(kind(1e-2, amsgrad=True)) for kind in (FusedAdam, keras.optimizers.Adam))
    assert len(ours) == 4  # with the largest second moment so far
    np.testing.assert_array_equal(ours[0], theirs[0])


def test_adam_is_one_operation_in_the_graph():
    """The point of it: nothing but the fused update touches the moments."""
    variable, optimizer = keras.Variable(START), FusedAdam(1e-2)
    optimizer.build([variable])
    step = tf.function(lambda gradient: optimizer.apply([gradient], [variable]))
    kinds = [node.type for node in step.get_concrete_function(tf.constant(GRADIENTS[0])).graph.get_operations()]
    assert kinds.count("ResourceApplyAdam") == 1
    assert "AssignSubVariableOp" not in kinds


def both_norms(**settings):
    """Ours and Keras', with the same scale and shift."""
    pair = [
        kind(momentum=0.9, epsilon=1e-5, **settings) for kind in (FusedBatchNormalization, layers.BatchNormalization)
    ]
    for layer in pair:
        layer.build((None, 4, 6, 3))
        layer.gamma.assign([0.5, 1.0, 2.0])
        layer.beta.assign([-1.0, 0.0, 1.0])
    return pair


@pytest.mark.parametrize("shape", [(2, 4, 6, 3), (1, 4, 6, 3), (1, 1, 1, 3), (2, 1, 1, 3)])
def test_batch_normalisation_gives_the_numbers_of_keras(shape):
    ours, theirs = both_norms()
    for number in range(3):
        x = np.random.default_rng(number).normal(2.0, 3.0, shape).astype("float32")
        np.testing.assert_allclose(ours(x, training=True), theirs(x, training=True), rtol=1e-4, atol=1e-5)
    for a, b in zip(ours.variables, theirs.variables, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(ours(x, training=False), theirs(x, training=False), rtol=1e-5, atol=1e-6)


def test_the_gradients_are_those_of_keras():
    x = tf.constant(np.random.default_rng(1).normal(size=(2, 4, 6, 3)).astype("float32"))
    weights = tf.constant(np.random.default_rng(2).normal(size=(2, 4, 6, 3)).astype("float32"))
    found = []
    for layer in both_norms():
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(weights * layer(x, training=True))
        found.append(tape.gradient(loss, [x, layer.gamma.value, layer.beta.value]))
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_a_frozen_layer_uses_its_averages():
    ours, _ = both_norms()
    ours.trainable = False
    x = np.full((1, 4, 6, 3), 7.0, np.float32)
    np.testing.assert_allclose(ours(x, training=True), ours(x, training=False))
    assert float(ours(x, training=True)[0, 0, 0, 2]) == pytest.approx(1 + 2 * 7 / np.sqrt(1 + 1e-5), rel=1e-5)


@pytest.mark.parametrize("settings", [{"axis": 1}, {"scale": False}, {"center": False}])
def test_other_settings_are_left_to_keras(settings):
    x = np.random.default_rng(3).normal(size=(2, 3, 3, 3)).astype("float32")
    ours, theirs = (kind(**settings)(x, training=True) for kind in (FusedBatchNormalization, layers.BatchNormalization))
    np.testing.assert_array_equal(ours, theirs)


def test_half_precision_comes_out_as_half_precision():
    layer = FusedBatchNormalization(dtype="mixed_bfloat16")
    result = layer(tf.ones((2, 4, 4, 3), tf.bfloat16), training=True)
    assert result.dtype == tf.bfloat16
    assert layer.moving_mean.numpy() == pytest.approx([0.01] * 3)


def test_both_networks_and_both_optimizers_are_fused():
    model = p2p.Pix2Pix(p2p.generator_model(32, 2), p2p.discriminator_model(32, 2))
    model.compile()
    for network in (model.generator, model.discriminator):
        norms = [layer for layer in network.layers if isinstance(layer, layers.BatchNormalization)]
        assert norms and all(isinstance(layer, FusedBatchNormalization) for layer in norms)
    assert isinstance(model.optimizer.generator, FusedAdam)
    assert isinstance(model.optimizer.discriminator, FusedAdam)
