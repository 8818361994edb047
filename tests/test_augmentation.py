"""Making training data: what moves stays a pair, what is generated is what was asked for, and the student learns."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.transform import resize

import pix2pix_edu as p2p
from pix2pix_edu.augmentation import (
    LAYOUT_SEED,
    Classical,
    Student,
    balance,
    class_number,
    class_weights,
    flat_pairs,
    generate_pairs,
    has_part,
    labels_of,
    mix,
    nearest_pixels,
    new_layouts,
    oversample,
    recolour,
    to_balance,
)
from pix2pix_edu.errors import UsageError
from pix2pix_edu.evaluation.fcn import confusion_matrix
from pix2pix_edu.pairs.facades import CLASSES, SPLITS, colour_labels, facade_labels
from pix2pix_edu.pairs.jitter import jitter, rng_for
from pix2pix_edu.segmenter import SEGMENTER_SEED

RNG = np.random.default_rng(0)
PICTURES = RNG.integers(0, 256, (6, 32, 32, 3), dtype=np.uint8)
LABELS = RNG.integers(0, 12, (6, 32, 32)).astype(np.uint8)


def split(labels: np.ndarray, names: list[str] | None = None) -> p2p.Split:
    pictures = colour_labels(labels)
    return p2p.Split(pictures, 255 - pictures, names or [], labels)


# --- Classical augmentation -------------------------------------------------------------------------------------------


def test_a_label_map_goes_wherever_its_picture_goes():
    """Pictures whose colours say in which row and column a pixel lay, and maps that say the same."""
    rows, columns = np.mgrid[:64, :64].astype(np.uint8)
    pictures = np.repeat(4 * np.stack([rows, columns, columns], axis=-1)[None], 16, axis=0)
    maps = np.repeat(np.stack([rows, columns])[None], 8, axis=0).reshape(16, 64, 64)
    moved, labels = Classical(pictures, maps, colour=0.0)(range(16), rng_for(0, 0, 0))
    for number in range(16):
        place = moved[number, ..., number % 2] / 4
        assert np.abs(place - labels[number]).max() <= 0.6  # half a pixel by repeating, and a tenth by rounding
    assert len({labels.tobytes() for labels in labels}) > 8, "each pair has a place of its own"


def test_no_class_is_invented():
    maps = np.where(RNG.random((4, 32, 32)) < 0.5, 2, 4).astype(np.uint8)
    for seed in range(5):
        _, labels = Classical(PICTURES[:4], maps)(range(4), rng_for(seed, 0, 0))
        assert set(np.unique(labels)) <= {2, 4} and labels.dtype == np.uint8


def test_pictures_move_as_the_jitter_of_training_moves_them():
    moved, _ = Classical(PICTURES, LABELS, colour=0.0)([3, 1], rng_for(5, 0, 0))
    expected, _ = jitter(PICTURES[[3, 1]], PICTURES[[3, 1]], rng_for(5, 0, 0), resize_to=36)
    np.testing.assert_array_equal(moved, expected)


def test_mirroring_alone_is_numpys_and_of_both_sides():
    ready = Classical(PICTURES, LABELS, crop=False, colour=0.0)
    mirrored = []
    for seed in range(8):
        moved, labels = ready(range(6), rng_for(seed, 0, 0))
        for number in range(6):
            turned = not (moved[number] == PICTURES[number]).all()
            step = -1 if turned else 1
            np.testing.assert_array_equal(moved[number], PICTURES[number][:, ::step])
            np.testing.assert_array_equal(labels[number], LABELS[number][:, ::step])
            mirrored.append(turned)
    assert 12 < sum(mirrored) < 36


def test_nothing_asked_is_nothing_changed():
    moved, labels = Classical(PICTURES, LABELS, mirror=False, crop=False, colour=0.0)(range(6), rng_for(0, 0, 0))
    np.testing.assert_array_equal(moved, PICTURES)
    np.testing.assert_array_equal(labels, LABELS)


@pytest.mark.parametrize(("old", "new"), [(64, 72), (32, 36), (4, 4), (3, 11)])
def test_enlarging_without_blending_is_scikit_images(old, new):
    row = RNG.permutation(old).astype(float)[None]
    expected = resize(row, (1, new), order=0, anti_aliasing=False, preserve_range=True)
    np.testing.assert_array_equal(row[:, nearest_pixels(old, new)], expected)


def test_colours_change_by_factors_within_the_strength():
    grey = np.full((400, 2, 2, 3), 100, np.uint8)
    changed = recolour(grey, rng_for(0, 0, 0), 0.1).astype(float)
    assert (changed == changed[:, :1, :1]).all(), "a flat picture stays flat"
    assert 80 < changed.min() < 86 and 115 < changed.max() < 122  # 100 * 0.9^2 and 100 * 1.1^2
    assert abs(changed.mean() - 100) < 1 and (changed[..., 0] != changed[..., 2]).mean() > 0.8
    steps = np.tile(np.array([50, 150], np.uint8)[None, None, :, None], (400, 2, 1, 3))
    contrast = np.diff(recolour(steps, rng_for(1, 0, 0), 0.1).astype(float), axis=2) / 100
    assert contrast.min() > 0.9**3 - 0.02 and contrast.max() < 1.1**3 + 0.02 and contrast.std() > 0.05
    assert recolour(PICTURES, rng_for(0, 0, 0), 0.5).dtype == np.uint8


def test_what_cannot_be_moved_is_explained():
    with pytest.raises(UsageError, match="label map of its size"):
        Classical(PICTURES, LABELS[:3])
    with pytest.raises(UsageError, match="share from 0"):
        Classical(PICTURES, LABELS, colour=-1)


# --- Generated pairs --------------------------------------------------------------------------------------------------


def test_new_layouts_are_houses_that_no_data_set_holds():
    maps = new_layouts(4, 64, seed=3)
    first = (LAYOUT_SEED + 3) * len(SPLITS) * 1_000_000
    np.testing.assert_array_equal(maps, [facade_labels(first + number, 64) for number in range(4)])
    assert LAYOUT_SEED > SEGMENTER_SEED
    assert not np.array_equal(maps, new_layouts(4, 64, seed=4))


def test_layouts_can_be_asked_for_with_or_without_a_class():
    with_them, without = (new_layouts(9, 32, part="balcony", having=having) for having in (True, False))
    assert (with_them == CLASSES.index("balcony")).any(axis=(1, 2)).all()
    assert not (without == CLASSES.index("balcony")).any()


@pytest.mark.parametrize(
    ("asked", "words"), [({"count": 0}, "does not work"), ({"count": 2, "part": "balkony"}, "Did you mean 'balcony'")]
)
def test_layouts_that_cannot_be_had_are_explained(asked, words):
    with pytest.raises(UsageError, match=words):
        new_layouts(**asked)


@pytest.fixture(scope="module")
def model():
    """Weights large enough that dropout can be seen; three levels of it."""
    generator = p2p.generator_model(32, 4, seed=1)
    generator.set_weights([5 * weight for weight in generator.get_weights()])
    return generator


def test_generated_pairs_are_what_the_generator_draws_for_the_maps(model):
    maps = new_layouts(3, 32)
    pairs = generate_pairs(model, maps, seed=4)
    np.testing.assert_array_equal(pairs.sources, colour_labels(maps))
    np.testing.assert_array_equal(pairs.labels, maps)
    np.testing.assert_array_equal(pairs.targets, p2p.translate(model, colour_labels(maps), dropout=True, seed=4))
    np.testing.assert_array_equal(generate_pairs(model, colour_labels(maps), seed=4).targets, pairs.targets)


def test_each_look_of_a_map_is_another_picture(model):
    maps = new_layouts(2, 32)
    pairs = generate_pairs(model, maps, looks=3)
    assert len(pairs) == 6
    np.testing.assert_array_equal(pairs.labels, np.concatenate([maps] * 3))
    first, second, third = pairs.targets[::2]
    assert not np.array_equal(first, second) and not np.array_equal(second, third)


@pytest.mark.parametrize("looks", [0, 1.5, True])
def test_looks_that_make_no_sense_are_explained(model, looks):
    with pytest.raises(UsageError, match="whole number from 1"):
        generate_pairs(model, new_layouts(1, 32), looks=looks)


def test_flat_pictures_have_the_mean_colours_of_one_real_house():
    real = p2p.Split(PICTURES, PICTURES, labels=LABELS)
    maps = RNG.integers(0, 12, (20, 32, 32)).astype(np.uint8)
    flat = flat_pairs(real, maps, seed=2)
    lenders = set()
    for picture, labels in zip(flat.targets, maps, strict=True):
        colours = np.array([picture[labels == number][0] for number in range(12)])
        np.testing.assert_array_equal(picture, colours[labels])
        means = [
            [house[which == n].mean(axis=0) for n in range(12)] for house, which in zip(PICTURES, LABELS, strict=True)
        ]
        distances = np.abs(np.array(means) - colours).max(axis=(1, 2))
        assert distances.min() <= 0.5
        lenders.add(int(distances.argmin()))
    assert len(lenders) > 3
    np.testing.assert_array_equal(flat.targets, flat_pairs(real, maps, seed=2).targets)


def test_a_class_that_the_lender_lacks_has_its_colour_from_all_others():
    labels = np.ones((2, 8, 8), np.uint8)
    labels[0, 0] = 6
    pictures = np.full((2, 8, 8, 3), 10, np.uint8)
    pictures[0, 0] = 90
    flat = flat_pairs(p2p.Split(pictures, pictures, labels=labels), np.full((6, 2, 2), 6, np.uint8))
    assert (flat.targets == 90).all()
    nowhere = flat_pairs(p2p.Split(pictures, pictures, labels=labels), np.full((1, 2, 2), 3, np.uint8))
    assert (nowhere.targets == 128).all()


def test_mixing_keeps_all_pairs_in_order():
    one, other = split(LABELS[:2], ["a", "b"]), split(LABELS[2:], ["c", "d", "e", "f"])
    mixed = mix(one, other, one)
    assert mixed.names == list("abcdefab")
    np.testing.assert_array_equal(mixed.labels, np.concatenate([LABELS, LABELS[:2]]))
    np.testing.assert_array_equal(mixed.targets[6:], one.targets)
    with pytest.raises(UsageError, match="nothing to mix"):
        mix()
    with pytest.raises(UsageError, match="label maps"):
        labels_of(p2p.Split(PICTURES, PICTURES))


# --- A rare class -----------------------------------------------------------------------------------------------------


@given(total=st.integers(1, 500), share=st.integers(0, 99), data=st.data())
def test_what_is_added_reaches_the_share_and_one_less_does_not(total, share, data):
    having = data.draw(st.integers(0, total))
    count = to_balance(total, having, share / 100)
    assert 100 * (having + count) >= share * (total + count)
    if count:
        assert 100 * (having + count - 1) < share * (total + count - 1)


@pytest.mark.parametrize("asked", [(10, 11, 0.5), (10, -1, 0.5), (10, 2, 1.0), (0, 0, 0.5), (10, 2, -0.1)])
def test_counts_that_cannot_be_balanced_are_explained(asked):
    with pytest.raises(UsageError, match="does not work"):
        to_balance(*asked)


@pytest.fixture
def houses():
    """Ten houses, of which numbers 3 and 7 have a balcony."""
    labels = np.ones((10, 8, 8), np.uint8)
    labels[[3, 7], 0, 0] = class_number("balcony")
    return split(labels)


def test_balancing_takes_what_has_the_class_and_only_as_much_as_needed(houses):
    extra = mix(houses, houses, houses, houses)
    balanced = balance(houses, extra, "balcony")
    assert len(balanced) == 16 and has_part(balanced.labels, "balcony").mean() == 0.5
    assert balanced.names[10:] == ["0003", "0007"] * 3
    assert balance(houses, extra, "balcony", share=0.2).names == houses.names
    with pytest.raises(UsageError, match=r"6 pairs must be added, but only\s+2"):
        balance(houses, houses, "balcony")


def test_oversampling_repeats_those_that_have_the_class(houses):
    repeated = oversample(houses, "balcony")
    assert repeated.names[10:] == ["0003", "0007"] * 3
    assert oversample(houses, "balcony", share=0.2) is houses
    with pytest.raises(UsageError, match="nothing to repeat"):
        oversample(houses, "door")


def test_weights_give_a_class_the_share_that_was_asked_for():
    weights = class_weights(LABELS, "balcony", 0.4)
    total = weights[LABELS]
    assert total[LABELS == 6].sum() / total.sum() == pytest.approx(0.4, rel=1e-5)
    assert total.mean() == pytest.approx(1.0, rel=1e-5) and weights.dtype == np.float32
    assert np.unique(np.delete(weights, 6)).size == 1
    for share, labels in ((0.0, LABELS), (1.0, LABELS), (0.5, np.ones((1, 4, 4), np.uint8))):
        with pytest.raises(UsageError, match="between 0 and 1"):
            class_weights(labels, "balcony", share)


# --- The student ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def student():
    return Student(32, widths=(4, 4))


@pytest.fixture(scope="module")
def simple():
    """Pictures in the colours of their labels: easy to read."""
    maps = np.stack([facade_labels(house, 32) for house in range(12)])
    return p2p.Split(colour_labels(maps), colour_labels(maps), labels=maps)


def test_it_learns(student, simple):
    losses = list(student.lessons(simple[:8], steps=60))
    assert len(losses) == 60 and np.mean(losses[-5:]) < 0.5 * losses[0]
    score = student.score(simple[8:])
    assert score.pixel_accuracy > 1.5 * max(row.share for row in score), "more than the largest class"


def test_the_same_lessons_teach_the_same_and_nothing_is_remembered(student, simple):
    first = list(student.lessons(simple, steps=4, seed=1))
    list(student.lessons(simple[:2], steps=3, seed=2))
    assert list(student.lessons(simple, steps=4, seed=1)) == pytest.approx(first, rel=1e-4)
    assert list(student.lessons(simple, steps=4, seed=2)) != pytest.approx(first, rel=1e-2)


def test_every_pair_comes_equally_often(simple):
    from pix2pix_edu.augmentation import _draw

    seen = np.concatenate([_draw(step, 4, 6, seed=0) for step in range(9)])  # 36 places: six passes over six pairs
    assert np.bincount(seen).tolist() == [6] * 6
    assert all(sorted(seen[6 * number : 6 * number + 6]) == list(range(6)) for number in range(6))
    assert seen[:6].tolist() != seen[6:12].tolist()


def test_weights_and_classical_augmentation_change_what_is_learnt(student, simple):
    plain = list(student.lessons(simple, steps=3))
    heavy = list(student.lessons(simple, steps=3, weights=class_weights(simple.labels, "facade", 0.05)))
    ones = list(student.lessons(simple, steps=3, weights=np.ones(12, np.float32)))
    assert ones == pytest.approx(plain, rel=1e-4) and heavy != pytest.approx(plain, rel=1e-2)
    assert list(student.lessons(simple, steps=3, classical=True)) != pytest.approx(plain, rel=1e-2)


def test_the_score_pools_all_pixels_of_what_it_reads(student, simple):
    student.teach(simple, steps=2)
    read = student.read(simple.targets)
    assert read.shape == (12, 32, 32) and read.dtype == np.uint8
    logits = np.asarray(student.network(simple.targets.astype("float32") / 127.5 - 1, training=False))
    assert (logits.argmax(-1) == read).mean() > 0.999
    np.testing.assert_array_equal(student.score(simple).confusion, confusion_matrix(simple.labels, read))


def test_what_cannot_be_taught_is_explained(student, simple):
    with pytest.raises(UsageError, match="empty"):
        next(student.lessons(simple[:0], steps=1))
    with pytest.raises(UsageError, match="32 x 32"):
        student.read(np.zeros((1, 64, 64, 3), np.uint8))
    with pytest.raises(UsageError, match="label maps"):
        next(student.lessons(p2p.Split(simple.sources, simple.targets), steps=1))
