"""The discriminator: its receptive field computed twice, its parameters counted by hand."""

import numpy as np
import pytest

from pix2pix_edu.backend import keras
from pix2pix_edu.errors import UsageError
from pix2pix_edu.patchgan import (
    RECEPTIVE_FIELDS,
    Patch,
    SpectralConv2D,
    discriminator_model,
    patch_of,
    receptive_field,
    smallest_size,
)
from pix2pix_edu.translation import load_discriminator, save_network
from pix2pix_edu.unet import generator_model

# output size at 256 px: halve n times, then lose one pixel in each of the two layers of stride 1
LOGITS_AT_256 = {1: 256, 16: 126, 34: 62, 70: 30, 142: 14, 286: 6}


def trainable(model):
    return sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)


def seen_pixels(model, row, column):
    """True where the gradient of one logit with respect to the picture is not zero: measured, not computed.

    The weights are made large, so that no product of them is too small for a float32.
    """
    tf = pytest.importorskip("tensorflow")
    rng = np.random.default_rng(0)
    model.set_weights([rng.uniform(0.5, 1.5, weight.shape) for weight in model.get_weights()])
    source, picture = (tf.constant(rng.uniform(-1, 1, (1, *shape[1:])), "float32") for shape in model.input_shape)
    with tf.GradientTape() as tape:
        tape.watch(picture)
        logit = model([source, picture], training=False)[0, row, column, 0]
    return np.abs(tape.gradient(logit, picture).numpy()[0]).sum(axis=-1) > 0


def rectangle(patch, shape):
    """True inside the patch."""
    mask = np.zeros(shape, bool)
    mask[patch.top : patch.bottom, patch.left : patch.right] = True
    return mask


def test_parameters_of_the_70x70_discriminator_counted_layer_by_layer():
    count = 16 * 6 * 64  # C64 sees source and picture; no norm
    count += 16 * 64 * 128 + 2 * 128  # C128
    count += 16 * 128 * 256 + 2 * 256  # C256
    count += 16 * 256 * 512 + 2 * 512  # C512, stride 1
    count += 16 * 512 * 1  # to one channel
    assert count == 2_768_640  # before the bias of the last layer
    assert trainable(discriminator_model()) == count + 1


@pytest.mark.parametrize("field", RECEPTIVE_FIELDS)
def test_receptive_field_from_the_layers_is_the_one_asked_for(field):
    model = discriminator_model(256, 2, receptive_field=field)
    assert receptive_field(model) == field
    assert model.output_shape == (None, LOGITS_AT_256[field], LOGITS_AT_256[field], 1)


@pytest.mark.parametrize("field", [1, 16, 34, 70])
def test_receptive_field_measured_by_changing_pixels(field):
    """Not by arithmetic: change one pixel at a time along a line, and see which of them move the middle logit."""
    model = discriminator_model(128, 2, receptive_field=field, norm="none", seed=1)
    rng = np.random.default_rng(0)
    source = rng.uniform(-1, 1, (1, 128, 128, 3)).astype("float32")
    picture = rng.uniform(-1, 1, (1, 128, 128, 3)).astype("float32")
    middle = model.output_shape[1] // 2
    changed = np.repeat(picture, 128, axis=0)
    for column in range(128):
        changed[column, :, column] *= -1
    logits = np.asarray(model.predict([np.repeat(source, 128, axis=0), changed], verbose=0))[:, middle, middle, 0]
    before = float(np.asarray(model.predict([source, picture], verbose=0))[0, middle, middle, 0])
    moved = np.flatnonzero(np.abs(logits - before) > 1e-9)
    assert moved.max() - moved.min() + 1 == field


@pytest.mark.parametrize("norm", ["none", "batch"])
@pytest.mark.parametrize(("field", "size"), [(1, 32), (16, 64), (34, 64), (70, 128), (142, 256), (286, 256)])
def test_the_pixels_with_a_gradient_are_exactly_the_patch(field, size, norm):
    """Corners, edges and middle. A batch norm that uses its moving averages changes no pixel's reach."""
    model = discriminator_model(size, 2, receptive_field=field, norm=norm)
    last = model.output_shape[1] - 1
    for row, column in [(0, 0), (0, last), (last, last // 2), (last // 2, last // 2), (last // 3, last)]:
        seen = seen_pixels(model, row, column)
        np.testing.assert_array_equal(seen, rectangle(patch_of(model, row, column, clip=True), seen.shape))


@pytest.mark.parametrize("field", [1, 16, 34, 70])
def test_a_patch_has_the_side_of_the_field_wherever_it_lies(field):
    model = discriminator_model(128, 2, receptive_field=field)
    for row, column in np.ndindex(model.output_shape[1:3]):
        patch = patch_of(model, row, column)
        assert (patch.bottom - patch.top, patch.right - patch.left) == (field, field)


def test_patches_of_the_70x70_discriminator_by_hand():
    """Three layers of stride 2: 1 + 2 + 4 pixels of padding; two of stride 1 on the grid of 8 pixels: 8 + 8."""
    model = discriminator_model(256, 2)
    assert patch_of(model, 0, 0) == Patch(-23, -23, 47, 47)
    assert patch_of(model, 10, 29) == Patch(57, 209, 127, 279)
    assert patch_of(model, 29, 0, clip=True) == Patch(209, 0, 256, 47)
    assert patch_of(model, np.int64(3), np.argmax([0, 0, 1])) == Patch(1, -7, 71, 63)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(("kernel", "stride"), [(3, 2), (4, 2), (5, 3), (4, 1), (2, 2), ((3, 5), (2, 1))])
def test_other_stacks_on_odd_sizes_see_what_patch_of_says(kernel, stride, padding):
    """Whatever Keras does with "same": the zeros are not always shared evenly between the two ends."""
    inputs = [keras.Input((37, 45, 1)), keras.Input((37, 45, 1))]
    x = keras.layers.Concatenate()(inputs)
    x = keras.layers.ZeroPadding2D(((2, 1), (0, 3)))(x)
    x = keras.layers.Conv2D(2, kernel, stride, padding)(x)
    x = keras.layers.AveragePooling2D(2, padding=padding)(x)
    x = keras.layers.Conv2D(1, 3, 1, padding)(x)
    model = keras.Model(inputs, x)
    rows, columns = model.output_shape[1:3]
    for row, column in [(0, 0), (rows - 1, columns - 1), (rows // 2, columns // 2), (1, columns - 2)]:
        seen = seen_pixels(model, row, column)
        np.testing.assert_array_equal(seen, rectangle(patch_of(model, row, column, clip=True), seen.shape))


@pytest.mark.parametrize(
    ("row", "column", "message"),
    [(14, 0, "row=14 does not exist: .*rows 0 to 13"), (0, -1, "column=-1"), (1.0, 0, "row=1.0"), (0, True, "True")],
)
def test_a_logit_that_is_not_there_is_explained(row, column, message):
    with pytest.raises(UsageError, match=message):
        patch_of(discriminator_model(128, 2), row, column)


def test_a_u_net_has_no_patches():
    with pytest.raises(UsageError, match="sees the whole picture"):
        patch_of(generator_model(32, 2), 0, 0)


def test_the_same_weights_judge_a_larger_picture_and_agree_away_from_the_border():
    """Fully convolutional: the map grows, and a logit whose patch lies inside does not notice what is around it."""
    small, large = discriminator_model(128, 4, seed=1), discriminator_model(256, 4)
    large.set_weights(small.get_weights())
    source, picture = np.random.default_rng(0).uniform(-1, 1, (2, 1, 256, 256, 3)).astype("float32")
    around = np.asarray(large([source, picture]))[0, ..., 0]
    inside = np.asarray(small([source[:, 64:192, 64:192], picture[:, 64:192, 64:192]]))[0, ..., 0]
    assert around.shape == (30, 30) and inside.shape == (14, 14)
    whole = [row for row in range(14) if (patch := patch_of(small, row, 0)).top >= 0 and patch.bottom <= 128]
    assert whole == list(range(3, 11))
    np.testing.assert_allclose(inside[3:11, 3:11], around[11:19, 11:19], atol=1e-6)
    assert np.abs(inside - around[8:22, 8:22])[[0, 13]].max() > 1e-4, "at the border zeros are seen instead"


def test_two_strided_layers_more_make_the_copy_that_a_popular_tutorial_calls_70():
    inputs = x = keras.layers.Input((256, 256, 6))
    for width in (2, 4, 8, 16):
        x = keras.layers.Conv2D(width, 4, 2, "same")(x)
    for width in (16, 1):
        x = keras.layers.Conv2D(width, 4, 1, "same")(x)
    assert receptive_field(keras.Model(inputs, x)) == 142


def test_dilation_and_pooling_count():
    inputs = keras.layers.Input((64, 64, 3))
    x = keras.layers.Conv2D(2, 3, dilation_rate=2)(inputs)  # 5
    x = keras.layers.MaxPooling2D(2)(x)  # 6, now in steps of 2
    x = keras.layers.Conv2D(2, 3)(x)  # 6 + 2 * 2
    assert receptive_field(keras.Model(inputs, x)) == 10


def test_a_u_net_has_no_receptive_field_to_follow():
    with pytest.raises(UsageError, match="sees the whole picture"):
        receptive_field(generator_model(32, 2))


def test_conditional_sees_the_source_and_unconditional_does_not():
    rng = np.random.default_rng(0)
    picture = rng.uniform(-1, 1, (1, 64, 64, 3)).astype("float32")
    one, other = rng.uniform(-1, 1, (2, 1, 64, 64, 3)).astype("float32")
    for conditional in (True, False):
        model = discriminator_model(64, 4, conditional=conditional, seed=1)
        same = np.array_equal(np.asarray(model([one, picture])), np.asarray(model([other, picture])))
        assert same is not conditional


def test_no_norm_on_the_first_layer():
    model = discriminator_model(64, 4)
    names = [layer.name for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert names == ["conv_2_norm", "conv_3_norm", "conv_4_norm"]


@pytest.mark.parametrize("field", RECEPTIVE_FIELDS)
def test_the_smallest_size_is_the_smallest_that_leaves_a_logit(field):
    size = max(smallest_size(field), 32)
    assert discriminator_model(size, 2, receptive_field=field).output_shape[1] >= 1
    if smallest_size(field) > 32:
        with pytest.raises(UsageError, match="leaves no logit"):
            discriminator_model(size // 2, 2, receptive_field=field)


def test_too_large_a_field_names_those_that_fit():
    with pytest.raises(UsageError, match="at least 128 pixels. At this size choose one of 1, 16, 34, 70, 142"):
        discriminator_model(64, 2, receptive_field=286)


@pytest.mark.parametrize(
    "arguments, message", [({"receptive_field": 50}, "cannot be built"), ({"norm": "x"}, "norm='x'")]
)
def test_arguments_that_cannot_work_are_explained(arguments, message):
    with pytest.raises(UsageError, match=message):
        discriminator_model(**{"image_size": 64, "filters": 2, **arguments})


# --- spectral norm ----------------------------------------------------------------------------------------------------


def test_the_weights_are_divided_by_their_largest_singular_value():
    pictures = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype("float32")
    layer, plain = SpectralConv2D(5, 4, strides=2, padding="same"), keras.layers.Conv2D(5, 4, 2, padding="same")
    for one in (layer, plain):
        one.build(pictures.shape)
    layer.bias.assign(np.arange(5.0))
    for _ in range(200):
        layer(pictures, training=True)
    kernel = np.array(layer.kernel)
    sigma = np.linalg.svd(kernel.reshape(-1, 5), compute_uv=False)[0]
    plain.set_weights([kernel / sigma, np.arange(5.0)])
    for training in (True, False):
        np.testing.assert_allclose(layer(pictures, training=training), plain(pictures), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(np.array(layer.kernel), kernel)  # what is trained stays as it is


def test_its_gradient_is_that_of_the_division_with_sigma_in_it():
    """Miyato et al., equation 10: the part of the slope that would only lengthen the weights is taken away."""
    tf = pytest.importorskip("tensorflow")
    layer = SpectralConv2D(3, 1, use_bias=False)
    pictures = tf.random.stateless_normal((2, 4, 4, 6), seed=(0, 1))
    for _ in range(300):
        layer(pictures, training=True)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(layer(pictures, training=True) - 1.0))
    found = tape.gradient(loss, layer.trainable_variables)[0].numpy()
    kernel = np.array(layer.kernel, "float64")
    inputs, numeric = pictures.numpy().astype("float64"), np.zeros_like(kernel)

    def value(weights):
        divided = weights[0, 0] / np.linalg.svd(weights[0, 0], compute_uv=False)[0]
        return np.square(inputs @ divided - 1.0).mean()

    for place in np.ndindex(kernel.shape):
        step = np.zeros_like(kernel)
        step[place] = 1e-5
        numeric[place] = (value(kernel + step) - value(kernel - step)) / 2e-5
    np.testing.assert_allclose(found, numeric, rtol=1e-3, atol=1e-5)


def test_spectral_norm_takes_the_place_of_the_norm_and_can_be_stored(tmp_path):
    model = discriminator_model(32, 4, receptive_field=34, spectral_norm=True, seed=1)
    kinds = {type(layer).__name__ for layer in model.layers}
    assert "SpectralConv2D" in kinds and not kinds & {"FusedBatchNormalization", "Conv2D"}
    assert receptive_field(model) == 34
    assert patch_of(model, 2, 3) == patch_of(discriminator_model(32, 4, receptive_field=34), 2, 3)
    pair = [np.random.default_rng(0).uniform(-1, 1, (1, 32, 32, 3)).astype("float32") for _ in range(2)]
    model(pair, training=True)
    for path in (tmp_path / "judge.keras", tmp_path / "judge.p2p"):
        if path.suffix == ".keras":
            model.save(path)
            loaded = keras.models.load_model(path)
        else:
            save_network(model, "discriminator", path, {})
            loaded = load_discriminator(path)
        np.testing.assert_allclose(loaded(pair), model(pair), atol=5e-3)


def test_spectral_norm_in_half_precision_keeps_its_direction_in_float32():
    model = discriminator_model(32, 4, receptive_field=16, spectral_norm=True, precision="bfloat16")
    pair = [np.ones((1, 32, 32, 3), "float32")] * 2
    before = np.array(model.get_layer("conv_2").u)
    assert model(pair, training=True).dtype == "float32"
    assert model.get_layer("conv_2").u.dtype == "float32" and not np.array_equal(before, model.get_layer("conv_2").u)
