"""Lesson 13: right answers that are not the printed ones, and plausible wrong ones with the message they get."""

import numpy as np
import pytest

from pix2pix_edu.exercises.lesson_13 import q1, q2, q3, q4
from pix2pix_edu.insight import Familiar, occlude


def rejected(exercise, *answers, seed=0):
    feedback = exercise.grade(*answers, seed=seed)
    assert feedback.kind == "incorrect", feedback
    return feedback.details["likely cause"]


# --- q1: blurred, q2: worst


@pytest.mark.parametrize("answer", ["own", "OWN", " own "])
def test_random_steps_blur(answer):
    assert q1.grade(answer).kind == "correct"


@pytest.mark.parametrize(
    ("answer", "words"),
    [("same", "is a rule"), ("both", "one of the words"), (4, "one of the words"), (["own"], "one of the words")],
)
def test_wrong_predictions_about_blur_are_rejected_with_the_reason(answer, words):
    assert words in rejected(q1, answer)


@pytest.mark.parametrize("answer", ["thicker", "Thicker", "thicker "])
def test_another_pencil_does_most_harm(answer):
    assert q2.grade(answer).kind == "correct"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("turned", "slanted lines"),
        ("moved", "in every place"),
        ("pale", "another change does more"),
        ("inverted", '"turned", "moved", "pale", "thicker"'),
        (["thicker"], "one of the words"),
    ],
)
def test_wrong_predictions_about_harm_are_rejected_with_the_reason(answer, words):
    assert words in rejected(q2, answer)


# --- q3: strangeness


def in_a_loop(features, training):
    result = []
    for drawing in features:
        channels = zip(drawing, training.T, strict=True)
        result.append(sum(abs(value - column.mean()) / np.std(column) for value, column in channels) / len(drawing))
    return result


@pytest.mark.parametrize("seed", range(5))
def test_a_loop_and_a_masked_mean_are_accepted(seed):
    assert q3.grade(in_a_loop, seed=seed).kind == "correct"
    assert q3.grade(lambda f, t: np.mean(abs(f - t.mean(0)) / t.std(0), 1), seed=seed).kind == "correct"


def test_the_librarys_own_is_accepted():
    def by_library(features, training):
        familiar = object.__new__(Familiar)
        familiar.features = lambda pictures: features
        familiar.mean, familiar.spread = training.mean(axis=0), training.std(axis=0)
        return familiar.distance(features)

    assert q3.grade(by_library).kind == "correct"


def z(features, training):
    return (features - training.mean(0)) / training.std(0)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda f, t: z(f, t).mean(1), "cancel each other"),
        (lambda f, t: np.abs(z(f, t).mean(1)), "too late"),
        (lambda f, t: np.abs(z(f, t)).mean(0), "axis=1"),
        (lambda f, t: np.abs(f - t.mean(0)).mean(1), "drowns"),
        (lambda f, t: np.abs((f - t.mean(0)) / t.var(0)).mean(1), "np.var"),
        (lambda f, t: np.abs((f - t.mean(0)) / t.std(0, ddof=1)).mean(1), "divided by n - 1"),
        (lambda f, t: np.abs(z(f, t)).sum(1), "sums"),
        (lambda f, t: np.sqrt((z(f, t) ** 2).mean(1)), "root of the mean square"),
        (lambda f, t: np.abs(z(f, f)).mean(1), "must come from the training"),
        (lambda f, t: np.abs((f - t.mean()) / t.std()).mean(1), "each needs its own"),
        (lambda f, t: np.ones(len(f)), "Mean and standard deviation of each column"),
        (lambda f, t: f, "Mean and standard deviation of each column"),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_wrong_distances_are_rejected_with_the_reason(answer, words, seed):
    assert words in rejected(q3, answer, seed=seed)


# --- q4: occlusion_map


def occlusion(draw, source, row, column, size, fill=255, fresh=True, what=lambda change, pixel: np.abs(pixel).mean()):
    """A right answer that walks over the windows in one loop; its options make it wrong in one place each."""
    down, across = source.shape[0] // size, source.shape[1] // size
    before, found, covered = draw(source).astype(int), [], source.copy()
    for window in range(down * across):
        top, left = window // across * size, window % across * size
        covered = source.copy() if fresh else covered
        covered[top : top + size, left : left + size] = fill
        change = draw(covered).astype(int) - before
        found.append(what(change, change[row, column]))
    return np.reshape(found, (down, across))


@pytest.mark.parametrize("seed", range(5))
def test_one_loop_over_all_windows_is_accepted(seed):
    assert q4.grade(occlusion, seed=seed).kind == "correct"


def in_uint8(draw, source, row, column, size):
    before = draw(source)[row, column]
    result = np.zeros((source.shape[0] // size, source.shape[1] // size))
    for i, j in np.ndindex(result.shape):
        covered = source.copy()
        covered[i * size : (i + 1) * size, j * size : (j + 1) * size] = 255
        result[i, j] = np.abs(draw(covered)[row, column] - before).mean()
    return result


def against_the_source(draw, source, row, column, size):
    return occlusion(lambda picture: source if np.array_equal(picture, source) else draw(picture), source, row, column,
                     size)  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda *a: occlusion(*a, fill=0), "black"),
        (lambda *a: occlusion(*a, fresh=False), "source.copy()"),
        (lambda *a: occlusion(*a, what=lambda change, pixel: np.abs(change).mean()), "whole picture"),
        (lambda *a: occlusion(*a, what=lambda change, pixel: pixel.mean()), "sign is left"),
        (lambda *a: occlusion(*a, what=lambda change, pixel: np.abs(pixel).sum()), "added up"),
        (lambda *a: occlusion(*a, what=lambda change, pixel: (pixel**2).mean()), "squared"),
        (lambda *a: occlusion(*a, what=lambda change, pixel: np.abs(pixel.mean())), "lost too late"),
        (lambda draw, source, row, column, size: occlusion(draw, source, column, row, size), "`row` and `column`"),
        (against_the_source, "not with the source"),
        (in_uint8, "uint8"),
        (lambda *a: occlusion(*a).T, "swapped"),
        (lambda *a: occlusion(*a).ravel(), "axes"),
        (lambda *a: np.zeros_like(occlusion(*a)), "Every value is the same"),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_wrong_maps_are_rejected_with_the_reason(answer, words, seed):
    assert words in rejected(q4, answer, seed=seed)


def test_the_librarys_occlusion_is_what_is_asked_for():
    import pix2pix_edu as p2p

    generator = p2p.generator_model(32, 4, seed=1)
    generator.set_weights([5 * weight for weight in generator.get_weights()])
    source = np.random.default_rng(0).integers(0, 200, (32, 32, 3)).astype("uint8")
    by_hand = occlusion(lambda picture: p2p.translate(generator, picture), source, 9, 20, 8)
    found = occlude(generator, source, size=8, stride=8).changes(9, 20).reshape(4, 4)
    np.testing.assert_allclose(found, by_hand, atol=1)
