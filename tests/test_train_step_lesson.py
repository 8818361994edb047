"""Lesson 07: what the notebook writes by hand is what the library, Keras and TensorFlow do.

The library's step itself is proved in test_pix2pix.py.
"""

from __future__ import annotations

import matplotlib
import numpy as np
import pytest
import tensorflow as tf

import pix2pix_edu as p2p
from pix2pix_edu.backend import keras
from pix2pix_edu.exercises import lesson_07
from pix2pix_edu.optimizers import new_optimizer
from pix2pix_edu.translation import to_float
from tools.notebooks import definitions

matplotlib.use("Agg")
RNG = np.random.default_rng(0)
SOURCES, TARGETS = (tf.constant(RNG.uniform(-1, 1, (4, 32, 32, 3)).astype("float32")) for _ in range(2))
STEPS = {"alternating": "train_step", "simultaneous": "simultaneous_step"}


@pytest.fixture
def notebook():
    return definitions("07_train_step")


def smooth_adam():
    """An epsilon that is large beside rounding errors. Else Adam's first step is a sign, which they can turn round."""
    return keras.optimizers.Adam(2e-4, beta_1=0.5, epsilon=1e-2)


def take_part(notebook, optimizer):
    """Give the notebook's functions networks and optimizers under the names that they use."""
    notebook["generator"], notebook["discriminator"] = notebook["new_networks"]()
    notebook["generator_optimizer"], notebook["discriminator_optimizer"] = optimizer(), optimizer()
    return notebook["generator"], notebook["discriminator"]


def library_model(notebook, update, optimizer):
    model = p2p.Pix2Pix(*notebook["new_networks"]())
    model.compile(optimizer(), optimizer(), update=update)
    return model


# --- The step ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("update", STEPS)
def test_a_step_by_hand_is_the_librarys_on_losses_and_all_weights(notebook, update):
    generator, discriminator = take_part(notebook, smooth_adam)
    model = library_model(notebook, update, smooth_adam)
    start = [weight.copy() for weight in (*generator.get_weights(), *discriminator.get_weights())]
    for _ in range(3):  # dropout is on: the masks of all three steps must be the same as well
        ours = notebook[STEPS[update]](SOURCES, TARGETS)
        theirs = p2p.train_step(model, SOURCES, TARGETS)
        for name, value in ours.items():
            assert float(value) == pytest.approx(theirs[name], abs=1e-5, rel=1e-5), name
    by_hand = (*generator.get_weights(), *discriminator.get_weights())
    by_library = (*model.generator.get_weights(), *model.discriminator.get_weights())
    moved = [np.abs(now - before).max() for now, before in zip(by_hand, start, strict=True)]
    assert min(moved) > 1e-6, "weights and moving averages have all changed"
    for one, other in zip(by_hand, by_library, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("update", STEPS)
def test_with_the_papers_adam_all_but_a_few_weights_agree(notebook, update):
    generator, discriminator = take_part(notebook, new_optimizer)
    model = library_model(notebook, update, new_optimizer)
    notebook[STEPS[update]](SOURCES, TARGETS)
    p2p.train_step(model, SOURCES, TARGETS)
    assert notebook["agreement"](generator, model.generator) > 0.999
    assert notebook["agreement"](discriminator, model.discriminator) > 0.999


def test_both_steps_by_hand_differ_in_the_generator_alone(notebook):
    networks = {}
    for update, step in STEPS.items():
        networks[update] = take_part(notebook, new_optimizer)
        notebook[step](SOURCES, TARGETS)
    (one_g, one_d), (other_g, other_d) = networks.values()
    assert notebook["agreement"](one_d, other_d) > 0.9999
    assert notebook["agreement"](one_g, other_g) < 0.999


def test_agreement_is_the_share_of_weights_that_are_close(notebook):
    one, other = (p2p.discriminator_model(32, 2, receptive_field=16, seed=0) for _ in range(2))
    assert notebook["agreement"](one, other) == 1
    weights = other.get_weights()
    weights[0] += 1
    other.set_weights(weights)
    total = sum(int(np.prod(variable.shape)) for variable in one.trainable_variables)
    assert notebook["agreement"](one, other) == pytest.approx(1 - weights[0].size / total)


def test_the_step_is_compiled_and_traced_anew_for_another_shape_only(notebook):
    take_part(notebook, new_optimizer)
    step = notebook["train_step"]
    step(SOURCES, TARGETS)
    first = step.experimental_get_tracing_count()  # TensorFlow traces again if the first time made variables
    step(TARGETS, SOURCES)
    assert step.experimental_get_tracing_count() == first
    step(SOURCES[:2], TARGETS[:2])
    assert step.experimental_get_tracing_count() == first + 1


def test_train_goes_through_all_batches_and_saves_each_epoch(notebook, tmp_path):
    generator, _ = take_part(notebook, new_optimizer)
    notebook["folder"] = tmp_path
    dataset = tf.data.Dataset.from_tensor_slices((SOURCES, TARGETS)).batch(2)
    history = notebook["train"](dataset, epochs=3)
    assert [sorted(losses) for losses in history] == [["d_loss", "g_gan", "l1"]] * 3
    assert history[-1]["l1"] < history[0]["l1"]
    assert int(notebook["generator_optimizer"].iterations) == 6
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"epoch-{n}.weights.h5" for n in (1, 2, 3)]
    again = p2p.generator_model(image_size=32, filters=8)
    again.load_weights(tmp_path / "epoch-3.weights.h5")
    for saved, present in zip(again.get_weights(), generator.get_weights(), strict=True):
        np.testing.assert_array_equal(saved, present)


# --- Adam -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [keras.optimizers.Adam, type(new_optimizer())], ids=["Keras", "library"])
def test_adam_by_hand_is_adam_over_many_steps(notebook, make):
    start = [RNG.normal(size=shape).astype("float32") for shape in ((3, 4), (5,))]
    ours = [tf.Variable(values) for values in start]
    theirs = [keras.Variable(values) for values in start]
    optimizer, memory = make(1e-2, beta_1=0.5), {}
    for _ in range(30):
        gradients = [tf.constant(RNG.normal(size=values.shape) * 10, tf.float32) for values in start]
        notebook["adam"](ours, gradients, memory, rate=1e-2)
        optimizer.apply(gradients, theirs)
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(one.numpy(), np.asarray(other), rtol=1e-4, atol=1e-5)
    assert np.abs(ours[0].numpy() - start[0]).max() > 0.02


def test_the_printed_adam_step_is_the_notebooks_adam(notebook):
    namespace = {"np": np}
    exec(lesson_07.q1.solution_code, namespace)
    weight = np.array([1.0, -2.0, 0.5])
    m = v = np.zeros(3)
    variable, memory = tf.Variable(weight.astype("float32")), {}
    for t in range(1, 6):
        gradient = RNG.normal(size=3)
        weight, m, v = namespace["adam_step"](weight, gradient, m, v, t)
        notebook["adam"]([variable], [tf.constant(gradient, tf.float32)], memory)
        np.testing.assert_allclose(variable.numpy(), weight, rtol=1e-6)


@pytest.mark.parametrize("t", [1, 5, 40])
def test_the_length_of_a_step_is_that_of_keras(notebook, t):
    weight, optimizer = keras.Variable(np.zeros(1)), keras.optimizers.Adam(1.0, beta_1=0.5)
    for _ in range(t):
        before = float(weight.value[0])
        optimizer.apply([tf.ones(1)], [weight])
    assert before - float(weight.value[0]) == pytest.approx(notebook["step_length"](t, corrected=True), rel=1e-3)
    bare = (1 - 0.5**t) / np.sqrt(1 - 0.999**t)
    assert notebook["step_length"](t, corrected=False) == pytest.approx(bare)


def test_descending_by_hand_is_plain_gradient_descent(notebook):
    w = keras.Variable(3.0)
    optimizer = keras.optimizers.SGD(0.05)
    for _ in range(4):
        optimizer.apply([tf.constant(8.0) * (w.value - 5.0)], [w])
    assert notebook["descend"](4, rate=0.05) == pytest.approx(float(w.value), rel=1e-6)


# --- Gradients, tracing, and what a call leaves behind ----------------------------------------------------------------


def test_the_tape_agrees_with_the_printed_slope(notebook):
    namespace = {"np": np}
    exec(lesson_07.q3.solution_code, namespace)
    for case in ((0.5, 2.0, 1.5, 1.0, 3.0), (-0.7, 1.2, 0.8, 0.1, 2.0), (0.5, 0.0, 1.5, 1.0, 3.0)):
        assert notebook["by_tape"](*case) == pytest.approx(namespace["generator_gradient"](*case), rel=1e-5)


def test_a_snapshot_holds_everything_that_training_moves(notebook):
    generator, discriminator = take_part(notebook, new_optimizer)
    parts = notebook["snapshot"]()
    assert list(parts) == list(lesson_07.PARTS)
    held = sum(array.size for arrays in parts.values() for array in arrays)
    assert held == sum(weight.size for network in (generator, discriminator) for weight in network.get_weights())
    notebook["train_step"](SOURCES, TARGETS)
    for name, arrays in notebook["snapshot"]().items():
        assert any((old != new).any() for old, new in zip(parts[name], arrays, strict=True)), name


def test_the_averages_are_those_of_the_batch_normalisations(notebook):
    network = p2p.generator_model(32, 4)
    norms = [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
    expected = np.concatenate([array for layer in norms for array in layer.get_weights()[2:]])
    np.testing.assert_array_equal(notebook["averages"](network), expected)


def test_one_call_moves_the_averages_by_a_tenth_and_a_translation_by_nothing(notebook):
    network = p2p.generator_model(32, 4, dropout=0.0, seed=1)
    pictures = np.random.default_rng(1).integers(0, 256, (4, 32, 32, 3)).astype("uint8")
    before = notebook["averages"](network)
    p2p.translate(network, pictures, statistics="batch")
    np.testing.assert_array_equal(notebook["averages"](network), before)
    seen = keras.Model(network.input, network.get_layer("down_2_norm").input)(to_float(pictures))
    network(to_float(pictures), training=True)
    moved = network.get_layer("down_2_norm").moving_mean.numpy()
    np.testing.assert_allclose(moved, 0.1 * np.asarray(seen).mean(axis=(0, 1, 2)), rtol=1e-3, atol=1e-6)


def test_milliseconds_takes_the_median_and_leaves_the_first_call_out(notebook):
    import time

    calls = []

    def step(source, target):
        calls.append(1)
        time.sleep(0.2 if len(calls) in (1, 3) else 0.01)
        return {"l1": tf.constant(0.0)}

    notebook["input_image"], notebook["target_image"] = SOURCES, TARGETS
    assert notebook["milliseconds"](step, repeats=5) < 150
    assert len(calls) == 6


def test_rows_of_pictures_are_drawn_column_by_column(notebook):
    pictures = RNG.integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
    figure = notebook["show_rows"]({"one": pictures, "two": 255 - pictures}, "Three rows.")
    assert len(figure.axes) == 6 and figure.alt == "Three rows."
    np.testing.assert_array_equal(figure.axes[2].images[0].get_array(), pictures[1])
    np.testing.assert_array_equal(figure.axes[3].images[0].get_array(), 255 - pictures[1])
