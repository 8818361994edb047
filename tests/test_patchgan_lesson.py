"""Lesson 05: what the notebook writes by hand is what the library has, and what its prose claims can be measured.

The discriminator itself is proved in test_patchgan.py.
"""

from __future__ import annotations

import matplotlib
import numpy as np
import pytest

import pix2pix_edu as p2p
from pix2pix_edu.backend import layers
from pix2pix_edu.patchgan import discriminator_model, patch_of
from pix2pix_edu.widgets.patch_finder import judge
from tools.notebooks import definitions

matplotlib.use("Agg")
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def notebook():
    return definitions("05_patchgan")


@pytest.mark.parametrize(("size", "filters"), [(32, 4), (128, 2)])
def test_the_notebooks_discriminator_is_the_librarys(notebook, size, filters):
    by_hand, by_library = notebook["patchgan"](size, filters), discriminator_model(size, filters, seed=0)
    theirs = [layer for layer in by_library.layers if not isinstance(layer, layers.Activation)]  # float32 is a layer
    assert all(isinstance(one, type(other)) for one, other in zip(theirs, by_hand.layers, strict=True))
    by_library.set_weights([4 * weight for weight in by_library.get_weights()])
    by_hand.set_weights(by_library.get_weights())
    pair = list(RNG.uniform(-1, 1, (2, 3, size, size, 3)).astype("float32"))
    for training in (False, True):
        outputs = [np.asarray(model(pair, training=training)) for model in (by_hand, by_library)]
        assert outputs[0].std() > 0.01
        np.testing.assert_allclose(*outputs, atol=1e-5)


def test_built_by_hand_it_takes_pictures_of_any_size(notebook):
    model = notebook["patchgan"](None, 2)
    for height, width in ((128, 128), (64, 200), (100, 33)):
        source, picture = RNG.uniform(-1, 1, (2, 1, height, width, 3)).astype("float32")
        expected = tuple(-(-side // 2 // 2 // 2) - 2 for side in (height, width))
        rows, columns = model([source, picture]).shape[1:3]
        assert (rows, columns) == tuple(_logits(side) for side in (height, width)), expected


def _logits(size):
    """Keras' "same" rounds up where the size is odd; then two layers that lose one place each."""
    for _ in range(3):
        size = -(-size // 2)
    return size - 2


@pytest.mark.parametrize(("kernel", "stride"), [(4, 2), (3, 1), (5, 3)])
def test_sets_travel_as_numbers_do_in_a_convolution(notebook, kernel, stride):
    """Output `number` of a convolution moves when a pixel moves, if and only if the pixel is in its set."""
    pixels = [{place} for place in range(20)]
    outputs = notebook["look"](notebook["look"](pixels, kernel, stride), 3, 1)
    one, two = (layers.Conv1D(1, size, step, kernel_initializer="ones") for size, step in ((kernel, stride), (3, 1)))
    basis = np.eye(20, dtype="float32")[:, :, None]  # 20 signals with one pixel each
    moved = np.asarray(two(one(basis)))[:, :, 0] > 0
    assert moved.shape[1] == len(outputs)
    for number, seen in enumerate(outputs):
        assert set(np.flatnonzero(moved[:, number])) == seen


def test_the_stacks_of_the_trap_have_the_fields_that_the_prose_gives(notebook):
    fields = {
        strides: p2p.receptive_field(notebook["stack_of"](strides))
        for strides in ((2, 2, 2, 1, 1), (2, 2, 2, 2, 1, 1), (2, 2, 2, 2, 1), (2, 2, 2, 2, 2))
    }
    assert list(fields.values()) == [70, 142, 94, 94]


def test_the_gradient_of_a_logit_fills_its_patch(notebook):
    source, picture = RNG.integers(0, 256, (2, 1, 128, 128, 3)).astype("uint8")
    notebook["gallery"] = type("Small", (), {"split": p2p.Split(source, picture)})
    model = discriminator_model(128, 4, seed=1)
    gradient = notebook["gradient_of_logit"](model, 7, 6)
    top, left, bottom, right = patch_of(model, 7, 6)
    assert gradient.shape == (128, 128) and (gradient > 0).sum() == 70 * 70
    assert (gradient[top:bottom, left:right] > 0).all()
    assert (notebook["gradient_of_logit"](model, 7, 6, training=True) > 0).mean() > 0.99, "the batch's means reach far"


def test_blurring_is_an_average_of_nine_pixels(notebook):
    picture = RNG.integers(0, 256, (9, 9, 3)).astype("uint8")
    blurred = notebook["blur"](picture, 1)
    assert np.abs(blurred[4, 4] - picture[3:6, 3:6].mean(axis=(0, 1))).max() <= 1


@pytest.fixture
def labelled():
    """Four label maps of three stripes, and pictures that have nothing to do with each other pixel by pixel."""
    sources = np.zeros((4, 32, 32, 3), np.uint8)
    sources[:, 10:20] = (0, 85, 255)
    sources[:, 20:] = (255, 170, 0)
    return sources, RNG.integers(0, 256, (4, 32, 32, 3)).astype("uint8")


def test_shuffling_keeps_every_pixel_under_its_label(notebook, labelled):
    source, picture = (pictures[0] for pictures in labelled)
    shuffled = notebook["shuffle_pixels"](source, picture)
    assert not np.array_equal(shuffled, picture)
    for rows in (slice(0, 10), slice(10, 20), slice(20, 32)):
        before, after = (np.sort(each[rows].reshape(-1, 3) @ [1, 256, 65536]) for each in (picture, shuffled))
        np.testing.assert_array_equal(before, after)


def test_a_field_of_one_cannot_notice_shuffled_pixels_and_larger_ones_do(notebook, labelled):
    """Whatever its weights are: the same pairs of label and colour are there, only elsewhere."""
    sources, pictures = labelled
    smooth = np.sort(pictures, axis=2)  # a picture with order in it, for a network that has not been trained
    shuffled = np.stack([notebook["shuffle_pixels"](*pair) for pair in zip(sources, smooth, strict=True)])
    for field, notices in ((1, False), (16, True), (34, True)):
        model = discriminator_model(32, 8, receptive_field=field, seed=field)
        model.set_weights([5 * weight if weight.ndim == 4 else weight for weight in model.get_weights()])
        change = abs(judge(model, sources, smooth).mean() - judge(model, sources, shuffled).mean())
        assert bool(change > 1e-3) is notices, (field, change)


def test_blocks_change_places_together_with_their_labels(notebook, labelled):
    source, picture = (pictures[0] for pictures in labelled)
    moved_source, moved = (notebook["shuffle_blocks"](side, size=8) for side in (source, picture))
    blocks = {picture[row : row + 8, column : column + 8].tobytes(): (row, column) for row, column in _corners()}
    assert not np.array_equal(moved, picture)
    for row, column in _corners():
        was = blocks.pop(moved[row : row + 8, column : column + 8].tobytes())
        np.testing.assert_array_equal(
            moved_source[row : row + 8, column : column + 8], source[was[0] : was[0] + 8, was[1] : was[1] + 8]
        )
    assert not blocks, "every block is there once"


def _corners():
    return [(row, column) for row in range(0, 32, 8) for column in range(0, 32, 8)]


def test_wall_cells_are_red_minus_green_where_there_is_mostly_wall(notebook):
    source = np.full((1, 128, 128, 3), (0, 0, 255), np.uint8)
    source[:, :, 92:] = (0, 85, 255)  # windows: half of the cells at 88 to 95, and all to the right of them
    house = np.full((1, 128, 128, 3), (180, 60, 50), np.uint8)  # brick
    house[:, :64] = (230, 210, 170)  # cream
    house[:, :, 92:] = RNG.integers(0, 256, (1, 128, 36, 3))
    notebook["sources"] = source
    (cells,) = notebook["wall_cells"](house)
    assert len(cells) == 16 * 11, "a cell that is half window does not count"
    assert sorted(set(cells)) == [20, 120] and (cells == 20).sum() == 8 * 11
