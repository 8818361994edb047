"""Lesson 04: the count by arithmetic is what is built, cuts are cuts, and what the notebook writes by hand is right.

The generator itself is proved in test_unet.py.
"""

from __future__ import annotations

import matplotlib
import numpy as np
import pytest

import pix2pix_edu as p2p
from pix2pix_edu.backend import keras, layers
from pix2pix_edu.errors import UsageError
from pix2pix_edu.fused import FusedBatchNormalization
from pix2pix_edu.translation import to_float
from pix2pix_edu.unet import count_parameters, cut_skips, encoder_widths, generator_model, skip_sizes
from tools.notebooks import definitions

matplotlib.use("Agg")


def trainable(model):
    return sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)


# --- The count --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"skips": False},
        {"norm": "instance"},
        {"norm": "none"},
        {"norm": "none", "skips": False},
        {"upsample": "resize"},
        {"source_channels": 12, "target_channels": 1},
    ],
    ids=str,
)
@pytest.mark.parametrize(("image_size", "filters"), [(32, 4), (64, 3), (256, 2)])
def test_the_count_is_what_is_built(image_size, filters, options):
    assert count_parameters(image_size, filters, **options).total == trainable(
        generator_model(image_size, filters, **options)
    )


def test_every_row_is_what_its_layer_has():
    model = generator_model(64, 4)
    for row in count_parameters(64, 4):
        convolution = model.get_layer(row.name if row.name == "to_picture" else f"{row.name}_conv")
        kernel, *biases = convolution.get_weights()
        assert kernel.size == row.weights and kernel.shape[:2] == (row.kernel, row.kernel)
        assert sum(bias.size for bias in biases) == row.biases
        assert convolution.output.shape[1:] == (row.size, row.size, row.outputs)
        assert convolution.input.shape[-1] == row.inputs + row.skip
        names = [layer.name for layer in model.layers]
        norm = trainable(model.get_layer(f"{row.name}_norm")) if f"{row.name}_norm" in names else 0
        assert norm == row.norm and row.parameters == kernel.size + row.biases + norm


def test_without_norm_biases_take_their_place_row_by_row():
    model = generator_model(32, 4, norm="none")
    for row in count_parameters(32, 4, norm="none"):
        convolution = model.get_layer(row.name if row.name == "to_picture" else f"{row.name}_conv")
        assert sum(weight.size for weight in convolution.get_weights()[1:]) == row.biases


def test_the_papers_generator():
    table = count_parameters(256, 64)
    assert table.total == 54_413_955
    assert [row.inputs + row.skip for row in table][8:] == [512, 1024, 1024, 1024, 1024, 512, 256, 128]
    assert {row.name for row in table if row.parameters == max(row.parameters for row in table)} == {
        "up_2",
        "up_3",
        "up_4",
    }


def built_by_hand(image_size, filters, depth):
    """A U-Net of any depth, written without looking at the library's."""
    x = source = keras.Input((image_size, image_size, 3))
    widths = encoder_widths(2**depth, filters)
    seen = []
    for level, width in enumerate(widths):
        x = layers.Conv2D(width, 4, 2, "same", use_bias=False)(x)
        x = layers.BatchNormalization()(x) if 0 < level < depth - 1 else x
        seen.append(x)
    for width, skip in zip(widths[-2::-1], seen[-2::-1], strict=True):
        x = layers.BatchNormalization()(layers.Conv2DTranspose(width, 4, 2, "same", use_bias=False)(x))
        x = layers.Concatenate()([x, skip])
    return keras.Model(source, layers.Conv2DTranspose(3, 4, 2, "same")(x))


@pytest.mark.parametrize("depth", [1, 2, 3, 5])
def test_a_shallower_network_has_what_one_built_by_hand_has(depth):
    table = count_parameters(64, 4, depth=depth)
    assert table.total == trainable(built_by_hand(64, 4, depth))
    assert table.layers[depth - 1].size == 64 >> depth and table.layers[-1].size == 64


def test_the_depth_decides_and_not_the_size():
    assert count_parameters(256, 8, depth=6).total == count_parameters(64, 8).total
    assert count_parameters(256, 8, depth=8) == count_parameters(256, 8)


def test_the_table_prints_every_row_and_the_total():
    lines = repr(count_parameters(256, 64)).split("\n")
    assert len(lines) == 1 + 16 + 1
    assert len({len(line) for line in lines}) == 1, "columns line up"
    assert lines[0].split()[:2] == ["layer", "in"]
    assert lines[10].split() == ["up_2", "512", "+", "512", "512", "4", "x", "4", "8,388,608", "0", "1,024"]
    assert lines[-1].split() == ["total", "54,413,955"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"image_size": 100}, "Nearest that works: 64 or 128"),
        ({"depth": 7}, "after 6 halvings of 64 px one pixel is left"),
        ({"depth": 0}, "depth=0"),
        ({"filters": 0}, "filters=0"),
        ({"norm": "bacth"}, "Did you mean 'batch'"),
    ],
)
def test_a_count_that_cannot_be_made_is_explained(arguments, message):
    with pytest.raises(UsageError, match=message):
        count_parameters(**{"image_size": 64, "filters": 2, **arguments})


# --- Cutting ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def generator():
    """Weights large enough that a cut can be seen in every pixel."""
    generator = generator_model(32, 4, seed=1)
    generator.set_weights([5 * weight for weight in generator.get_weights()])
    return generator


@pytest.fixture(scope="module")
def pictures():
    return np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)


def test_skip_sizes_go_from_the_inside_to_the_outside():
    assert skip_sizes(generator_model(128, 2)) == {1: 2, 2: 4, 3: 8, 4: 16, 5: 32, 6: 64}
    assert skip_sizes(generator_model(32, 2, skips=False)) == {}


def test_a_cut_skip_is_a_network_whose_next_kernel_ignores_it(generator, pictures):
    """The same cut, made another way: the weights that read the skip's channels are set to zero."""
    for level, size in skip_sizes(generator).items():
        same = generator_model(32, 4)
        same.set_weights(generator.get_weights())
        following = same.get_layer(f"up_{level + 1}_conv" if level < 4 else "to_picture")
        kernel, *bias = following.get_weights()
        kernel[..., generator.get_layer(f"up_{level}").output.shape[-1] :] = 0
        following.set_weights([kernel, *bias])
        cut = np.asarray(cut_skips(generator, [level])(to_float(pictures)))
        np.testing.assert_allclose(cut, np.asarray(same(to_float(pictures))), atol=1e-5, err_msg=f"{size} x {size}")


def test_cutting_leaves_the_generator_as_it_was_and_shares_its_weights(generator, pictures):
    before = p2p.translate(generator, pictures)
    cut = cut_skips(generator, [1, 4])
    assert np.abs(p2p.translate(cut, pictures).astype(int) - before).max() > 0
    np.testing.assert_array_equal(p2p.translate(generator, pictures), before)
    assert cut.get_layer("down_1_conv") is generator.get_layer("down_1_conv")
    assert cut.count_params() == generator.count_params()


def test_no_cut_changes_nothing_and_all_cuts_leave_the_bottleneck_alone(generator, pictures):
    np.testing.assert_array_equal(p2p.translate(cut_skips(generator, []), pictures), p2p.translate(generator, pictures))
    bottleneck = generator.get_layer("down_5_conv")
    kept = bottleneck.get_weights()
    try:
        bottleneck.set_weights([np.zeros_like(kept[0])])
        blind = np.asarray(cut_skips(generator, skip_sizes(generator))(to_float(pictures)))
    finally:
        bottleneck.set_weights(kept)
    assert np.ptp(blind, axis=0).max() == 0, "with all skips cut, a dead bottleneck must hide the picture"


def test_a_cut_generator_translates_other_sizes_too(generator):
    picture = np.random.default_rng(1).integers(0, 256, (50, 70, 3), dtype=np.uint8)
    cut = p2p.translate(cut_skips(generator, [4]), picture)
    assert cut.shape == picture.shape
    assert np.abs(cut.astype(int) - p2p.translate(generator, picture)).max() > 0


@pytest.mark.parametrize(("skips", "message"), [(True, r"skips \[1, 2, 3, 4\]"), (False, "no skips")])
def test_a_skip_that_is_not_there_is_explained(skips, message):
    with pytest.raises(UsageError, match=message):
        cut_skips(generator_model(32, 2, skips=skips), [5])


# --- What the notebook writes by hand ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def notebook():
    return definitions("04_unet")


@pytest.mark.parametrize("skips", [True, False])
def test_the_notebooks_network_is_the_librarys(notebook, skips, pictures):
    by_hand = notebook["network"](skips)
    by_library = generator_model(32, 8, skips=skips, dropout=0.0)
    # The library's batch normalisation is Keras', done in one operation (tests/test_fused.py compares the two).
    fused = {FusedBatchNormalization: layers.BatchNormalization}
    kinds = [[fused.get(type(layer), type(layer)) for layer in model.layers] for model in (by_hand, by_library)]
    assert [kind for kind in kinds[1] if kind is not layers.Activation] == kinds[0]  # its tanh is a layer of its own
    by_hand.set_weights([5 * weight for weight in by_library.get_weights()])
    by_library.set_weights(by_hand.get_weights())
    for training in (False, True):
        outputs = [np.asarray(model(to_float(pictures), training=training)) for model in (by_hand, by_library)]
        assert outputs[0].std() > 0.05
        np.testing.assert_allclose(*outputs, atol=1e-5)


def test_the_notebooks_normalisation_is_keras(notebook):
    x = np.random.default_rng(0).normal(2, 3, (4, 5, 6, 7)).astype("float32")
    by_keras = layers.BatchNormalization(epsilon=1e-5)(x, training=True)
    np.testing.assert_allclose(notebook["normalise"](x), np.asarray(by_keras), atol=1e-4)


@pytest.mark.parametrize(("kernel", "stride"), [(3, 2), (4, 2), (5, 3), (2, 2)])
def test_the_notebooks_stamps_are_those_of_keras(notebook, kernel, stride):
    ones = np.ones((1, 6, 1), "float32")
    by_keras = layers.Conv1DTranspose(1, kernel, stride, use_bias=False, kernel_initializer="ones")(ones)
    np.testing.assert_array_equal(notebook["stamps_per_place"](6, kernel, stride), np.asarray(by_keras).ravel())


def test_blue_is_blue_and_white_stays_white(notebook):
    drawing = np.array([[[[0] * 3, [255] * 3]]], np.uint8)
    np.testing.assert_array_equal(notebook["in_blue"](drawing), [[[[0, 114, 178], [255, 255, 255]]]])
