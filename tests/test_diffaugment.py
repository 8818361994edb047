"""DiffAugment: what it does by hand, that gradients pass through it, and that a pair stays a pair."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from pix2pix_edu.backend import keras
from pix2pix_edu.diffaugment import DRAWN, DiffAugment, augmented, chosen_words
from pix2pix_edu.errors import UsageError

RNG = np.random.default_rng(0)
SIDE = 16
PICTURES = RNG.uniform(-1, 1, (3, SIDE, SIDE, 3)).astype("float32")
STILL = {"down": 0.5, "right": 0.5, "brightness": 0.5, "saturation": 0.5, "contrast": 0.5, "row": 0.5, "column": 0.5}


def draws(**changes):
    """One row of draws for each picture: in the middle of everything, but for these."""
    values = [np.broadcast_to({**STILL, **changes}[name], 3) for name in DRAWN]
    return np.stack(values, axis=1).astype("float32")


def run(words, picture=PICTURES, **changes):
    source, changed = augmented([picture, picture], draws(**changes), chosen_words(words))
    return np.asarray(source), np.asarray(changed)


def test_words_are_read_in_any_order_and_wrong_ones_are_named():
    assert chosen_words("cutout,colour") == ("colour", "cutout") and chosen_words("") == chosen_words(" ") == ()
    with pytest.raises(UsageError, match=r"'color' is not known.*Did you mean 'colour'"):
        chosen_words("color, cutout")


@pytest.mark.parametrize(("draw", "shift"), [(0.0, -2), (0.19, -2), (0.21, -1), (0.5, 0), (0.99, 2), (1.0, 2)])
def test_translation_shifts_by_whole_pixels_and_fills_with_grey(draw, shift):
    """At 16 px an eighth is 2 pixels: five shifts, each as likely."""
    expected = np.zeros_like(PICTURES)
    inside = slice(max(shift, 0), SIDE + min(shift, 0))
    expected[:, inside] = PICTURES[:, max(-shift, 0) : SIDE - max(shift, 0)]
    for shifted in run("translation", down=draw):
        np.testing.assert_array_equal(shifted, expected)
    for shifted in run("translation", PICTURES.swapaxes(1, 2), right=draw):
        np.testing.assert_array_equal(shifted, expected.swapaxes(1, 2))


def test_each_pair_is_shifted_by_its_own_draw():
    source, _ = run("translation", down=np.array([0.0, 0.5, 1.0]))
    np.testing.assert_array_equal(source[0, :-2], PICTURES[0, 2:])
    np.testing.assert_array_equal(source[1], PICTURES[1])
    np.testing.assert_array_equal(source[2, 2:], PICTURES[2, :-2])


@pytest.mark.parametrize(("row", "top", "bottom"), [(0.5, 4, 12), (0.0, 0, 4), (0.999, 11, 16)])
def test_cutout_hides_a_square_of_half_the_side(row, top, bottom):
    expected = PICTURES.copy()
    expected[:, top:bottom, 4:12] = 0
    for hidden in run("cutout", row=row):
        np.testing.assert_array_equal(hidden, expected)


def test_colours_change_as_by_hand_and_in_the_picture_alone():
    source, changed = run("colour", brightness=0.9, saturation=0.25, contrast=0.8)
    expected = PICTURES + 0.4
    grey = expected.mean(axis=3, keepdims=True)
    expected = grey + (expected - grey) * 0.5
    mean = expected.mean(axis=(1, 2, 3), keepdims=True)
    np.testing.assert_allclose(changed, mean + (expected - mean) * 1.3, atol=1e-5)
    np.testing.assert_array_equal(source, PICTURES)


def test_in_the_middle_of_everything_nothing_changes():
    source, changed = run("colour,translation")
    np.testing.assert_array_equal(source, PICTURES)
    np.testing.assert_allclose(changed, PICTURES, atol=1e-6)


def test_sources_of_other_channels_move_with_their_pictures():
    layer = DiffAugment("translation,cutout", seed=3)
    marks = np.ones((8, SIDE, SIDE, 1), "float32")
    moved, picture, other = (np.asarray(part) for part in layer([marks, np.repeat(marks, 3, -1), -marks]))
    np.testing.assert_array_equal(picture, np.repeat(moved, 3, -1))
    np.testing.assert_array_equal(other, -moved)
    assert len({picture.tobytes() for picture in moved}) > 1 and 0 < moved.mean() < 1


def test_gradients_pass_and_stop_where_the_picture_is_hidden():
    picture = tf.Variable(PICTURES)
    with tf.GradientTape() as tape:
        seen = augmented([picture, picture], draws(down=1.0), ("colour", "translation", "cutout"))[1]
        loss = tf.reduce_sum(seen * PICTURES)
    gradient = tape.gradient(loss, picture).numpy()
    assert np.isfinite(gradient).all() and np.abs(gradient[:, :2]).min(axis=(0, 2, 3)).max() > 0
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(augmented([picture, picture], draws(down=1.0), ("translation", "cutout"))[1])
    # Shifted down by two, the last two rows are gone, and rows 2 to 9 lie under the square.
    expected = np.ones_like(PICTURES)
    expected[:, -2:] = expected[:, 2:10, 4:12] = 0
    np.testing.assert_array_equal(tape.gradient(loss, picture).numpy(), expected)


def test_what_is_drawn_follows_from_the_seed_and_the_calls_before():
    one, other = DiffAugment("translation", seed=1), DiffAugment("translation", seed=1)
    first, second = (np.asarray(one([PICTURES])[0]) for _ in range(2))
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, other([PICTURES])[0])
    resumed = DiffAugment.from_config(one.get_config())
    resumed.seed_generator.state.assign(other.seed_generator.state)
    np.testing.assert_array_equal(second, resumed([PICTURES])[0])
    assert not np.array_equal(first, DiffAugment("translation", seed=2)([PICTURES])[0])


def test_the_layer_is_restored_from_its_settings():
    layer = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(DiffAugment("cutout", seed=7)))
    assert (layer.words, layer.seed) == (("cutout",), 7)
