"""Limits and insight: what is spoilt is spoilt as said, and every look inside agrees with one made another way."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import pix2pix_edu as p2p
from pix2pix_edu.backend import keras, layers
from pix2pix_edu.errors import UsageError
from pix2pix_edu.insight import (
    Familiar,
    Parts,
    activations,
    disturb,
    effective_side,
    influence,
    input_gradient,
    layer_model,
    layer_names,
    logit,
    logit_gradient,
    mend,
    misaligned,
    mismatched,
    move,
    occlude,
    pixel_gradient,
    seen_by,
    swapped,
    windows,
    with_unit,
)
from pix2pix_edu.patchgan import patch_of
from pix2pix_edu.translation import Translator, to_float

ROOT = Path(__file__).resolve().parent.parent
RNG = np.random.default_rng(0)
PICTURES = RNG.integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
SPLIT = p2p.Split(*RNG.integers(0, 256, (2, 5, 32, 32, 3)).astype("uint8"), list("abcde"))


@pytest.fixture(scope="module")
def generator():
    """Weights large enough that each change can be seen in the picture."""
    generator = p2p.generator_model(32, 4, seed=1)
    generator.set_weights([5 * weight for weight in generator.get_weights()])
    return generator


@pytest.fixture(scope="module")
def judge():
    judge = p2p.discriminator_model(32, 4, receptive_field=16, norm="none", seed=2)
    judge.set_weights([8 * weight for weight in judge.get_weights()])
    return judge


# --- Pairs that do not fit --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("down", "right"), [(0, 0), (3, 0), (-2, 5), (0, -7), (31, 1), (32, 0), (0, -99)])
def test_a_move_puts_each_pixel_where_it_belongs(down, right):
    picture = PICTURES[0]
    moved = move(picture, down, right)
    for row in range(32):
        for column in range(0, 32, 5):
            inside = 0 <= row - down < 32 and 0 <= column - right < 32
            expected = picture[row - down, column - right] if inside else [255] * 3
            np.testing.assert_array_equal(moved[row, column], expected)
    assert moved is not picture


def test_all_targets_can_be_moved_alike():
    moved = misaligned(SPLIT, 3, own=False)
    np.testing.assert_array_equal(moved.targets[:, 3:, 3:], SPLIT.targets[:, :-3, :-3])
    np.testing.assert_array_equal(moved.sources, SPLIT.sources)
    assert moved.names == SPLIT.names


def test_each_target_can_be_moved_by_a_step_of_its_own():
    many = p2p.Split(*np.repeat(SPLIT.sources[:1], 200, axis=0)[None].repeat(2, 0))
    moved, again = misaligned(many, 2, seed=3), misaligned(many, 2, seed=3)
    possible = [move(many.targets[0], down, right) for down in range(-2, 3) for right in range(-2, 3)]
    found = {next(n for n, each in enumerate(possible) if (each == target).all()) for target in moved.targets}
    assert found == set(range(25)), "every step from -2 to 2 occurs, and no other"
    np.testing.assert_array_equal(moved.targets, again.targets)
    assert not np.array_equal(moved.targets, misaligned(many, 2, seed=4).targets)
    np.testing.assert_array_equal(misaligned(many, 0).targets, many.targets)


@pytest.mark.parametrize("pixels", [-1, 17, 1.5, True, "2"])
def test_a_distance_that_makes_no_sense_is_explained(pixels):
    with pytest.raises(UsageError, match="whole number from 0 to 16"):
        misaligned(SPLIT, pixels)


@pytest.mark.parametrize("seed", range(5))
def test_no_shuffled_target_stays_where_it_was_and_none_is_lost(seed):
    shuffled = mismatched(SPLIT, seed)
    order = [next(n for n, each in enumerate(SPLIT.targets) if (each == target).all()) for target in shuffled.targets]
    assert sorted(order) == list(range(5)) and all(old != new for new, old in enumerate(order))
    np.testing.assert_array_equal(shuffled.sources, SPLIT.sources)


def test_one_pair_cannot_be_shuffled():
    with pytest.raises(UsageError, match="two or more"):
        mismatched(SPLIT[:1])


# --- Drawings unlike those of the training ----------------------------------------------------------------------------


def test_nothing_asked_is_nothing_changed():
    np.testing.assert_array_equal(disturb(PICTURES), PICTURES)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_turn_by_right_angles_is_numpys(degrees):
    expected = np.rot90(PICTURES, degrees // 90, axes=(1, 2))
    np.testing.assert_array_equal(disturb(PICTURES, turn=degrees), expected)


def test_a_turn_brings_in_paper_and_keeps_the_middle():
    flat = np.zeros((1, 32, 32, 3), np.uint8)
    turned = disturb(flat, turn=45)
    assert (turned[0, 0, 0] == 255).all() and (turned[0, 16, 16] == 0).all()


def test_a_line_grows_by_so_many_pixels_on_either_side():
    drawing = np.full((1, 32, 32, 3), 255, np.uint8)
    drawing[:, :, 15] = 0
    for thicker in (1, 2, 3):
        grown = disturb(drawing, thicker=thicker)
        assert np.flatnonzero(grown[0, 8, :, 0] == 0).tolist() == list(range(15 - thicker, 16 + thicker))


def test_a_thick_line_is_the_darkest_of_its_neighbours_in_each_channel():
    grown = disturb(PICTURES, thicker=1)
    for row, column in ((1, 1), (10, 20), (30, 30)):
        window = PICTURES[2, row - 1 : row + 2, column - 1 : column + 2]
        np.testing.assert_array_equal(grown[2, row, column], window.min(axis=(0, 1)))


def test_inverting_paling_moving_and_noise_do_what_they_say():
    np.testing.assert_array_equal(disturb(PICTURES, invert=True), 255 - PICTURES)
    np.testing.assert_array_equal(disturb(PICTURES, right=4), np.stack([move(each, 0, 4) for each in PICTURES]))
    pale = disturb(PICTURES, pale=0.25).astype(float)
    assert np.abs((255 - pale) - 0.75 * (255 - PICTURES.astype(float))).max() <= 0.5
    np.testing.assert_array_equal(disturb(PICTURES, pale=1), np.full_like(PICTURES, 255))
    grey = np.full((8, 32, 32, 3), 128, np.uint8)
    noisy = disturb(grey, noise=20).astype(float)
    assert abs(noisy.std() - 20) < 0.5 and abs(noisy.mean() - 128) < 0.5
    assert np.abs(np.corrcoef(noisy[..., 0].ravel(), noisy[..., 1].ravel())[0, 1]) < 0.05, "each channel its own"
    np.testing.assert_array_equal(disturb(grey, noise=20), noisy.astype("uint8"))


@pytest.mark.parametrize("options", [{"pale": 1.5}, {"noise": -1}, {"thicker": -2}])
def test_amounts_out_of_range_are_explained(options):
    with pytest.raises(UsageError, match=next(iter(options))):
        disturb(PICTURES, **options)


@pytest.mark.parametrize("pictures", [PICTURES[0], PICTURES.astype(float), [1, 2], PICTURES[:0]])
def test_what_is_no_batch_is_explained(pictures):
    with pytest.raises(UsageError, match="uint8"):
        disturb(pictures)


def test_the_distance_is_that_of_a_z_score_written_out(generator):
    training = RNG.integers(0, 256, (20, 32, 32, 3), dtype=np.uint8)
    familiar = Familiar(generator, training, layer="down_3")
    features = np.array([activations(generator, each[None], ["down_3"])["down_3"].mean((0, 1, 2)) for each in training])
    asked = activations(generator, PICTURES, ["down_3"])["down_3"].mean((1, 2))
    expected = np.mean(np.abs(asked - features.mean(0)) / features.std(0), axis=1)
    np.testing.assert_allclose(familiar.distance(PICTURES), expected, rtol=1e-3)
    assert familiar.distance(training).mean() < familiar.distance(np.full_like(PICTURES, 255)).mean()


# --- What each layer computes, and how far it sees --------------------------------------------------------------------


def test_the_blocks_are_named_from_the_source_to_the_picture(generator):
    names = [f"down_{level}" for level in range(1, 6)] + [f"up_{level}" for level in range(1, 5)] + ["target"]
    assert layer_names(generator) == names == list(activations(generator, PICTURES))


def test_the_first_block_is_a_convolution_written_out(generator):
    kernel = generator.get_layer("down_1_conv").get_weights()[0]  # (4, 4, 3, 4), stride 2, one zero on each side
    padded = np.pad(to_float(PICTURES), [(0, 0), (1, 1), (1, 1), (0, 0)])
    found = activations(generator, PICTURES, ["down_1"])["down_1"]
    for row, column in ((0, 0), (5, 9), (15, 15)):
        window = padded[:, 2 * row : 2 * row + 4, 2 * column : 2 * column + 4]
        value = np.einsum("nhwc,hwco->no", window, kernel)
        np.testing.assert_allclose(found[:, row, column], np.where(value > 0, value, 0.2 * value), atol=1e-4)


def test_the_layers_that_follow_make_of_the_activations_what_the_model_draws(generator):
    found = activations(generator, PICTURES)
    joined = np.concatenate([found["up_4"], found["down_1"]], axis=-1)
    drawn = np.tanh(np.asarray(generator.get_layer("to_picture")(joined)))
    np.testing.assert_allclose(drawn, found["target"], atol=1e-5)
    np.testing.assert_allclose(found["target"], np.asarray(generator(to_float(PICTURES))), atol=1e-5)


def test_a_layer_or_a_picture_that_does_not_fit_is_explained(generator):
    with pytest.raises(UsageError, match="Did you mean 'down_3'"):
        activations(generator, PICTURES, ["dwon_3"])
    with pytest.raises(UsageError, match=r"\(32, 32, 3\)"):
        activations(generator, PICTURES[:, :16])
    with pytest.raises(UsageError, match="not int"):
        layer_names(7)


def support(model, name, row, column):
    """Which rows and columns of the source move a place when they are changed: found by trying, without gradients."""
    look = layer_model(model, [name])
    size = model.input_shape[1]
    inputs = np.zeros((2 * size + 1, size, size, 3), "float32") + RNG.normal(0, 1, (1, size, size, 3))
    for line in range(size):
        inputs[line, line] += 1.0
        inputs[size + line, :, line] += 1.0
    outputs = np.concatenate([np.asarray(look(part)[name])[:, row, column] for part in np.array_split(inputs, 4)])
    changed = np.abs(outputs[:-1] - outputs[-1]).max(axis=-1) > 1e-7
    rows, columns = np.flatnonzero(changed[:size]), np.flatnonzero(changed[size:])
    return rows.min(), columns.min(), rows.max() + 1, columns.max() + 1


@pytest.mark.parametrize(
    ("name", "row", "column"),
    [("down_1", 0, 31), ("down_2", 7, 3), ("down_3", 4, 0), ("down_4", 1, 2), ("down_5", 0, 1), ("up_5", 9, 30)],
)
def test_what_a_place_sees_is_what_changes_it(name, row, column):
    model = p2p.generator_model(64, 3, seed=0)
    model.set_weights([10 * weight for weight in model.get_weights()])
    assert seen_by(model, name, row, column) == support(model, name, row, column)


def shallow(upsample):
    """A U-Net that does not go down to one pixel, so that its picture does not see everything."""
    source = keras.Input((32, 32, 3))
    first = layers.Conv2D(3, 4, 2, "same", name="first")(source)
    second = layers.Conv2D(3, 5, 2, "same", name="second")(first)
    if upsample == "transpose":
        back = layers.Conv2DTranspose(3, 4, 2, "same", name="back")(second)
    else:
        back = layers.Conv2D(3, 3, 1, "same", name="back")(layers.UpSampling2D(2)(second))
    both = layers.Concatenate()([back, first])
    last = layers.Conv2DTranspose(3, 3, 2, "valid", name="last")(both)
    return keras.Model(source, last)


@pytest.mark.parametrize("upsample", ["transpose", "resize"])
@pytest.mark.parametrize(
    ("name", "row", "column"), [("second", 3, 7), ("back", 0, 8), ("back", 7, 15), ("last", 11, 0), ("last", 20, 32)]
)
def test_skips_and_enlargements_are_followed(upsample, name, row, column):
    model = shallow(upsample)
    assert seen_by(model, name, row, column) == support(model, name, row, column)


@pytest.mark.parametrize("field", [1, 16, 34, 70])
def test_for_a_discriminator_it_is_the_patch_of_lesson_05(field):
    model = p2p.discriminator_model(64, 2, receptive_field=field)
    for row, column in ((0, 2), (3, 3)):
        assert seen_by(model, "logits", row, column, clip=False) == patch_of(model, row, column)
        assert seen_by(model, "logits", row, column) == patch_of(model, row, column, clip=True)


def test_the_fields_of_the_encoder_grow_as_the_recursion_says():
    model = p2p.generator_model(256, 2)
    sides = []
    for level in range(1, 9):
        patch = seen_by(model, f"down_{level}", 0, 0, clip=False)
        sides.append(patch.bottom - patch.top)
    assert sides == [4, 10, 22, 46, 94, 190, 382, 766]


def test_instance_normalisation_sees_everything():
    model = p2p.generator_model(64, 2, norm="instance", seed=0)
    model.set_weights([10 * weight for weight in model.get_weights()])
    assert seen_by(model, "down_1", 4, 4) == (7, 7, 11, 11)
    assert seen_by(model, "down_2", 4, 4) == (0, 0, 64, 64) == support(model, "down_2", 4, 4)


@pytest.mark.parametrize("place", [(16, 0), (0, -1), (1.5, 0), (True, 0)])
def test_a_place_that_is_not_there_is_explained(generator, place):
    with pytest.raises(UsageError, match="0 to 15"):
        seen_by(generator, "down_1", *place)


def test_influence_is_the_slope_of_a_number_and_stays_in_its_field(generator):
    found = influence(generator, PICTURES[0], "down_2", 3, 4, channel=2)
    rows, columns = np.nonzero(found)
    patch = seen_by(generator, "down_2", 3, 4)
    assert (rows.min(), columns.min(), rows.max() + 1, columns.max() + 1) == patch
    look = layer_model(generator, ["down_2"])
    step = np.zeros((32, 32, 3), "float32")
    slopes = []
    for channel in range(3):
        step[:] = 0
        step[14, 17, channel] = 1e-2
        up, down = (look((to_float(PICTURES[0]) + sign * step)[None])["down_2"][0, 3, 4, 2] for sign in (1, -1))
        slopes.append(float(up - down) / 2e-2)
    assert found[14, 17] == pytest.approx(np.abs(slopes).sum(), rel=0.02)


def test_the_effective_side_counts_the_strongest_pixels():
    even = np.ones((10, 10))
    assert effective_side(even, 0.25) == 5 and effective_side(even, 1.0) == 10
    assert effective_side(even, 0.81) == 9
    peaked = np.zeros((10, 10))
    peaked[4:6, 4:6] = 100
    assert effective_side(peaked + 0.01) == 2 and effective_side(np.zeros((4, 4))) == 0


# --- Why this pixel? --------------------------------------------------------------------------------------------------


def slopes_by_trying(function, picture, places, step=2e-3):
    """Finite differences of a number by single values of a picture."""
    found = []
    for place in places:
        change = np.zeros(picture.shape, "float32")
        change[place] = step
        up, down = (float(function((to_float(picture) + sign * change)[None])) for sign in (1, -1))
        found.append((up - down) / (2 * step))
    return np.array(found)


PLACES = [(5, 7, 0), (16, 16, 2), (30, 3, 1), (12, 25, 0)]


def test_the_gradient_of_a_pixel_is_what_finite_differences_give(generator):
    found = pixel_gradient(generator, PICTURES[0], 12, 20)
    by_trying = slopes_by_trying(lambda x: np.asarray(generator(x))[0, 12, 20].mean(), PICTURES[0], PLACES)
    np.testing.assert_allclose([found[place] for place in PLACES], by_trying, atol=0.02 * np.abs(found).max())
    assert np.abs(by_trying).max() > 0


def test_the_gradient_of_the_logit_is_what_finite_differences_give(judge):
    source, picture = PICTURES[:2]
    found = logit_gradient(judge, source, picture)
    beside = to_float(source[None])
    by_trying = slopes_by_trying(lambda x: np.asarray(judge([beside, x])).mean(), picture, PLACES)
    np.testing.assert_allclose([found[place] for place in PLACES], by_trying, atol=0.03 * np.abs(found).max())
    assert np.abs(by_trying).max() > 0


def test_a_number_that_does_not_look_at_the_picture_has_no_gradient():
    assert not input_gradient(lambda x: keras.ops.convert_to_tensor(3.0), PICTURES[0]).any()


def test_gradients_on_jax_are_what_finite_differences_give():
    code = """
import numpy as np
from pix2pix_edu.backend import keras, layers, ops
from pix2pix_edu.insight import input_gradient
assert keras.config.backend() == "jax"
model = keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(2, 3, activation="tanh")])
picture = np.random.default_rng(0).uniform(-1, 1, (8, 8, 3)).astype("float32")
number = lambda x: ops.mean(model(x)[0, 3, 4])
step = np.zeros((8, 8, 3), "float32"); step[4, 5, 1] = 2e-3
tried = float(number((picture + step)[None]) - number((picture - step)[None])) / 4e-3
found = input_gradient(number, picture)
print(float(found[4, 5, 1]), tried, float(np.abs(found).max()))
"""
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, env=environment)
    if "No module named 'jax'" in done.stderr:
        pytest.skip("JAX is not installed")
    assert done.returncode == 0, done.stderr
    found, by_trying, largest = map(float, done.stdout.split()[-3:])
    assert largest > 0 and abs(found - by_trying) < 0.03 * largest


def test_occlusion_is_a_loop_written_out(generator):
    source = np.full((32, 32, 3), 255, np.uint8)
    source[10:20, 5:9] = PICTURES[0, 10:20, 5:9]  # most windows are blank paper
    result = occlude(generator, source, size=6, stride=5)
    whole = p2p.translate(generator, source)
    np.testing.assert_array_equal(result.whole, whole)
    number = 0
    total, count = np.zeros((2, 32, 32))
    for top in range(0, 27, 5):
        for left in range(0, 27, 5):
            covered = source.copy()
            covered[top : top + 6, left : left + 6] = 255
            drawn = p2p.translate(generator, covered)
            assert np.abs(result.pictures[number].astype(int) - drawn).max() <= 1  # batches round otherwise
            change = np.abs(drawn[14, 7].astype(float) - whole[14, 7]).mean()
            total[top : top + 6, left : left + 6] += change
            count[top : top + 6, left : left + 6] += 1
            number += 1
    assert number == len(result.places) == len(result.pictures)
    found = result.map_of(14, 7)
    np.testing.assert_allclose(found, total / np.maximum(count, 1), atol=1)
    assert found.max() > 5 and found[25:, 20:].max() == 0


def test_a_model_with_batch_statistics_is_looked_at_with_its_moving_averages(generator):
    batch = Translator(generator, statistics="batch")
    np.testing.assert_array_equal(occlude(batch, PICTURES[0], 16, 16).whole, p2p.translate(generator, PICTURES[0]))


@pytest.mark.parametrize(("size", "stride"), [(33, 1), (0, 1), (4, 0)])
def test_windows_that_do_not_fit_are_explained(size, stride):
    with pytest.raises(UsageError, match="32 x 32"):
        windows(32, 32, size, stride)


def test_a_pixel_outside_the_picture_is_explained(generator):
    with pytest.raises(UsageError, match="32 x 32"):
        pixel_gradient(generator, PICTURES[0], 32, 0)


def test_mending_is_a_loop_written_out(judge):
    source, picture, better = PICTURES[:3]
    places, rise = mend(judge, source, picture, better, size=16, stride=8)
    before = np.asarray(judge([to_float(source[None]), to_float(picture[None])])).mean()
    assert logit(judge, source[None], picture[None])[0] == pytest.approx(before, rel=1e-4)
    for (top, left), change in zip(places, rise, strict=True):
        mended = picture.copy()
        mended[top : top + 16, left : left + 16] = better[top : top + 16, left : left + 16]
        after = np.asarray(judge([to_float(source[None]), to_float(mended[None])])).mean()
        assert change == pytest.approx(after - before, abs=1e-4)
    assert np.abs(rise).max() > 0.01


# --- The bottleneck, and what the skips hand over ---------------------------------------------------------------------


@pytest.mark.parametrize("skips", [True, False])
def test_taken_apart_and_put_together_it_is_the_generator(skips):
    model = p2p.generator_model(32, 4, skips=skips, seed=3)
    model.set_weights([5 * weight for weight in model.get_weights()])
    parts = Parts(model)
    assert parts.names == ([f"down_{level}" for level in range(1, 6)] if skips else ["down_5"])
    many = np.concatenate([PICTURES] * 9)  # more than one batch
    drawn = parts.decode(parts.encode(many))
    assert np.abs(drawn.astype(int) - p2p.translate(model, many)).max() <= 1


def test_a_unit_set_to_a_value_is_a_network_with_that_value_there(generator):
    """The same, made another way: the kernel of the bottleneck's channel is set to zero."""
    parts = Parts(generator)
    code = parts.encode(PICTURES)
    assert parts.bottleneck == "down_5" and code["down_5"].shape == (4, 1, 1, 32)
    kept = code["down_5"].copy()
    drawn = parts.decode(with_unit(code, 7, 0.0))
    np.testing.assert_array_equal(code["down_5"], kept)
    same = p2p.generator_model(32, 4)
    same.set_weights(generator.get_weights())
    kernel = same.get_layer("down_5_conv").get_weights()[0]
    kernel[..., 7] = 0
    same.get_layer("down_5_conv").set_weights([kernel])
    assert np.abs(drawn.astype(int) - p2p.translate(same, PICTURES)).max() <= 1
    assert np.abs(drawn.astype(int) - p2p.translate(generator, PICTURES)).max() > 1


def test_a_code_can_be_handed_round(generator):
    parts = Parts(generator)
    code = parts.encode(PICTURES)
    mixed = swapped(code, ["down_5", "down_1"])
    for name in parts.names:
        expected = code[name][[3, 0, 1, 2]] if name in ("down_5", "down_1") else code[name]
        np.testing.assert_array_equal(mixed[name], expected)
    everything = parts.decode(swapped(code, parts.names))
    np.testing.assert_array_equal(everything, parts.decode(code)[[3, 0, 1, 2]])


def test_what_cannot_be_changed_is_explained(generator):
    parts = Parts(generator)
    code = parts.encode(PICTURES)
    with pytest.raises(UsageError, match="units 0 to 31"):
        with_unit(code, 32, 1.0)
    with pytest.raises(UsageError, match="down_1"):
        swapped(code, ["dwn_1"])
    with pytest.raises(UsageError, match="down_2"):
        parts.decode({"down_1": code["down_1"]})
