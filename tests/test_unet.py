"""The generator: counted by hand, size by size, and shown to carry information where it must."""

import numpy as np
import pytest

from pix2pix_edu.backend import keras
from pix2pix_edu.errors import UsageError
from pix2pix_edu.unet import count_parameters, encoder_widths, generator_model, keep_known

KERNEL = 4 * 4  # every convolution of the paper


def trainable(model):
    return sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)


def test_parameters_at_256_px_are_those_of_the_appendix_counted_layer_by_layer():
    encoder = [64, 128, 256, 512, 512, 512, 512, 512]  # C64-C128-C256-C512-C512-C512-C512-C512
    decoder = [512, 512, 512, 512, 256, 128, 64]  # widths that come out; the paper's list counts what goes in
    convolutions = norms = 0
    channels = 3
    for level, width in enumerate(encoder):
        convolutions += KERNEL * channels * width
        if 0 < level < 7:  # no norm on the first layer, nor on the 1x1 bottleneck
            norms += 2 * width  # scale and shift
        channels = width
    for level, width in enumerate(decoder):
        convolutions += KERNEL * channels * width
        norms += 2 * width
        channels = width + encoder[6 - level]  # the skip of the same size is put beside it
    convolutions += KERNEL * channels * 3
    assert convolutions + norms == 54_413_952  # before the biases of the last layer, as paper-facts count it
    assert trainable(generator_model()) == 54_413_952 + 3


def test_the_decoders_input_widths_are_the_papers_list():
    model = generator_model(256, 2)
    widths = [model.get_layer(f"skip_{level}").output.shape[-1] // 2 for level in range(1, 8)]
    assert [width * 64 for width in widths] == [1024, 1024, 1024, 1024, 512, 256, 128]


def test_tutorial_count_differs_by_the_norm_on_the_bottleneck_alone():
    assert 54_414_979 - trainable(generator_model()) == 2 * 512


@pytest.mark.parametrize("image_size", [32, 64, 128, 256, 512])
@pytest.mark.parametrize("skips", [True, False])
def test_every_power_of_two_reaches_one_pixel_and_comes_back(image_size, skips):
    model = generator_model(image_size, 2, skips=skips)
    levels = int(np.log2(image_size))
    assert model.get_layer(f"down_{levels}").output.shape[1:3] == (1, 1)
    assert model.output_shape == (None, image_size, image_size, 3)
    assert len(encoder_widths(image_size, 2)) == levels


def test_encoder_decoder_has_no_skip_and_fewer_parameters():
    plain, unet = generator_model(64, 8, skips=False), generator_model(64, 8)
    assert not [layer for layer in plain.layers if isinstance(layer, keras.layers.Concatenate)]
    assert trainable(plain) < trainable(unet)


def test_without_skips_everything_passes_the_bottleneck():
    """Set the bottleneck's kernel to zero: the encoder-decoder then forgets its input, the U-Net does not."""
    rng = np.random.default_rng(0)
    one, other = rng.uniform(-1, 1, (2, 1, 32, 32, 3)).astype("float32")
    for skips, forgets in ((False, True), (True, False)):
        model = generator_model(32, 4, skips=skips, seed=1)
        model.get_layer("down_5_conv").set_weights([np.zeros((4, 4, 32, 32), "float32")])
        difference = np.abs(np.asarray(model(one)) - np.asarray(model(other))).max()
        assert bool(difference == 0) is forgets


def test_bottleneck_carries_information_at_batch_size_1():
    """With batch normalisation on the 1x1 bottleneck each activation minus its own mean is zero (the erratum)."""
    model = generator_model(32, 4, seed=1)
    probe = keras.Model(model.input, model.get_layer("down_5").output)
    picture = np.random.default_rng(0).uniform(-1, 1, (1, 32, 32, 3)).astype("float32")
    bottleneck = np.asarray(probe(picture, training=True))
    assert bottleneck.shape == (1, 1, 1, 32)
    assert np.abs(bottleneck).max() > 0
    normalised = keras.layers.BatchNormalization()(bottleneck, training=True)
    assert np.abs(np.asarray(normalised)).max() == 0  # what the published architecture did before the erratum


@pytest.mark.parametrize("source_channels, target_channels", [(1, 3), (4, 2), (12, 3)])
def test_any_number_of_channels(source_channels, target_channels):
    model = generator_model(32, 2, source_channels=source_channels, target_channels=target_channels)
    output = np.asarray(model(np.zeros((2, 32, 32, source_channels), "float32")))
    assert output.shape == (2, 32, 32, target_channels)


def test_output_stays_between_minus_one_and_one_in_float32_even_under_half_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = generator_model(32, 2)
    finally:
        keras.config.set_dtype_policy("float32")
    output = model(100 * np.ones((1, 32, 32, 3), "float32"))
    assert keras.backend.standardize_dtype(output.dtype) == "float32"
    assert np.abs(np.asarray(output)).max() <= 1
    assert model.get_layer("down_2_conv").compute_dtype == "bfloat16"


def test_norms():
    batch, instance, none = (generator_model(32, 2, norm=norm) for norm in ("batch", "instance", "none"))

    def norms_in(model, kind):
        return [layer for layer in model.layers if isinstance(layer, kind)]

    assert norms_in(batch, keras.layers.BatchNormalization)
    assert norms_in(instance, keras.layers.GroupNormalization)
    assert not norms_in(none, (keras.layers.BatchNormalization, keras.layers.GroupNormalization))
    assert none.get_layer("down_2_conv").use_bias  # a bias does what the norm's shift did
    assert not batch.get_layer("down_2_conv").use_bias


def test_instance_norm_treats_each_picture_by_itself():
    model = generator_model(32, 4, norm="instance", dropout=0.0, seed=3)
    pictures = np.random.default_rng(0).uniform(-1, 1, (2, 32, 32, 3)).astype("float32")
    together, alone = np.asarray(model(pictures, training=True)), np.asarray(model(pictures[:1], training=True))
    np.testing.assert_allclose(together[:1], alone, atol=1e-5)


def test_resize_convolution_replaces_every_transposed_one():
    model = generator_model(32, 2, upsample="resize")
    assert not [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2DTranspose)]
    assert model.output_shape == (None, 32, 32, 3)


def test_dropout_is_in_the_first_three_decoder_blocks_only():
    names = [layer.name for layer in generator_model(128, 2).layers if isinstance(layer, keras.layers.Dropout)]
    assert names == ["up_1_dropout", "up_2_dropout", "up_3_dropout"]
    assert not [
        layer for layer in generator_model(32, 2, dropout=0.0).layers if isinstance(layer, keras.layers.Dropout)
    ]


def test_initial_weights_are_n_0_002_and_follow_from_the_seed():
    first, same, other = (generator_model(64, 16, seed=seed) for seed in (5, 5, 6))
    for a, b in zip(first.get_weights(), same.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    kernel = first.get_layer("down_5_conv").get_weights()[0]
    assert abs(kernel.std() - 0.02) < 0.0005 and abs(kernel.mean()) < 0.0005
    assert not np.array_equal(kernel, other.get_layer("down_5_conv").get_weights()[0])
    assert not np.array_equal(kernel, first.get_layer("down_6_conv").get_weights()[0])


def test_leaky_relu_has_the_papers_slope_not_keras_default():
    leaky = [layer for layer in generator_model(32, 2).layers if isinstance(layer, keras.layers.LeakyReLU)]
    assert len(leaky) == 5
    assert [float(layer.negative_slope) for layer in leaky] == pytest.approx([0.2] * 5)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"image_size": 100}, "Nearest that works: 64 or 128"),
        ({"image_size": 16}, "Nearest that works: 32"),
        ({"image_size": "big"}, "power of two"),
        ({"filters": 0}, "filters=0"),
        ({"filters": 1.5}, "whole number"),
        ({"norm": "bacth"}, "Did you mean 'batch'"),
        ({"upsample": "bilinear"}, "Known: transpose, resize"),
        ({"dropout": 1.0}, "below 1"),
    ],
)
def test_arguments_that_cannot_work_are_explained(arguments, message):
    with pytest.raises(UsageError, match=message):
        generator_model(**{"image_size": 32, "filters": 2, **arguments})


def test_the_bottleneck_has_a_norm_only_where_the_erratum_is_asked_for():
    names = {layer.name for layer in generator_model(32, 2).layers}
    with_error = {layer.name for layer in generator_model(32, 2, bottleneck_norm=True).layers}
    assert with_error - names == {"down_5_norm"}


def test_with_a_normalised_bottleneck_nothing_passes_it_at_batch_size_1():
    """The erratum: a single pixel minus its own mean is zero, whatever the picture."""
    pictures = np.random.default_rng(0).uniform(-1, 1, (2, 1, 32, 32, 3)).astype("float32")
    for error, alike in ((True, True), (False, False)):
        model = generator_model(32, 4, skips=False, dropout=0.0, bottleneck_norm=error, seed=1)
        drawn = [np.asarray(model(picture, training=True)) for picture in pictures]
        assert np.allclose(*drawn, atol=1e-6) == alike


@pytest.mark.parametrize(("levels", "skips"), [(1, True), (3, True), (4, False), (6, True)])
def test_a_shallower_generator_halves_so_often_and_has_the_parameters_of_the_count(levels, skips):
    model = generator_model(64, 4, levels=levels, skips=skips)
    bottleneck = model.get_layer(f"down_{levels}")
    assert bottleneck.output.shape[1] == 64 >> levels and model.output_shape == (None, 64, 64, 3)
    assert not [layer for layer in model.layers if layer.name.startswith(f"down_{levels + 1}")]
    counted = count_parameters(64, 4, skips=skips, depth=levels).total
    assert counted == sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)


@pytest.mark.parametrize(("levels", "message"), [(7, "after 6 halvings of 64"), (0, "levels=0"), (2.0, "levels=2.0")])
def test_levels_that_cannot_be_built_are_explained(levels, message):
    with pytest.raises(UsageError, match=message):
        generator_model(64, 4, levels=levels)


def holed_pictures(count=2, size=32, seed=0):
    """Random pictures with a map of holes as their last channel: -1 is known, 1 is a hole."""
    rng = np.random.default_rng(seed)
    source = rng.uniform(-1, 1, (count, size, size, 4)).astype("float32")
    source[..., 3] = np.where(rng.random((count, size, size)) < 0.3, 1, -1)
    return source


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_generator_that_fills_holes_changes_nothing_else(precision):
    source = holed_pictures()
    filling = generator_model(32, 4, source_channels=4, fills_holes=True, seed=1, precision=precision)
    painting = generator_model(32, 4, source_channels=4, seed=1, precision=precision)
    made, painted = np.asarray(filling(source)), np.asarray(painting(source))
    hole = source[..., 3] == 1
    np.testing.assert_array_equal(made[~hole], source[..., :3][~hole])
    np.testing.assert_array_equal(made[hole], painted[hole])
    assert filling.count_params() == painting.count_params() and filling.layers[-1].name == "target"


def test_what_lies_outside_of_the_hole_teaches_a_filling_generator_nothing():
    """By hand: its L1 is the L1 of the hole, times the hole's share of the picture."""
    source, target = holed_pictures(), np.random.default_rng(5).uniform(-1, 1, (2, 32, 32, 3)).astype("float32")
    hole = source[..., 3] == 1
    target[~hole] = source[..., :3][~hole]
    made = np.asarray(generator_model(32, 4, source_channels=4, fills_holes=True, seed=1)(source))
    inside = np.abs(made[hole] - target[hole]).mean()
    assert np.abs(made - target).mean() == pytest.approx(inside * hole.mean(), rel=1e-5)


def test_a_pixel_that_an_enlargement_mixed_with_the_hole_belongs_to_the_hole():
    marks = np.array([-1.0, -0.9, 0.0, 1.0], np.float32)
    source = np.stack([np.full(4, 0.5, np.float32), marks], axis=-1)[None, None]
    made = np.asarray(keep_known(source, np.zeros((1, 1, 4, 1), np.float32)))
    assert made.ravel().tolist() == [0.5, 0, 0, 0]


@pytest.mark.parametrize(("source", "target"), [(3, 3), (4, 2), (3, 4)])
def test_channels_that_cannot_hold_a_map_of_holes_are_explained(source, target):
    with pytest.raises(UsageError, match=f"source has {source} channels and the target {target}"):
        generator_model(32, 2, source_channels=source, target_channels=target, fills_holes=True)
