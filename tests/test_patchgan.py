"""The discriminator: its receptive field computed twice, its parameters counted by hand."""

import numpy as np
import pytest

from pix2pix_edu.backend import keras
from pix2pix_edu.errors import UsageError
from pix2pix_edu.patchgan import RECEPTIVE_FIELDS, discriminator_model, receptive_field, smallest_size
from pix2pix_edu.unet import generator_model

# output size at 256 px: halve n times, then lose one pixel in each of the two layers of stride 1
LOGITS_AT_256 = {1: 256, 16: 126, 34: 62, 70: 30, 142: 14, 286: 6}


def trainable(model):
    return sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)


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
