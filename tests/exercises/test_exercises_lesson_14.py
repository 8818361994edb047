"""Lesson 14: right answers that are not the printed ones, and plausible wrong ones with the message they get."""

import math

import numpy as np
import pytest

from pix2pix_edu.exercises.lesson_14 import q1, q2, q3, q4
from pix2pix_edu.scaling import all_reduce_bytes, scaled_step


def rejected(exercise, *answers, seed=0):
    feedback = exercise.grade(*answers, seed=seed)
    assert feedback.kind == "incorrect", feedback
    return feedback.details["likely cause"]


# --- q1: average_gradients


def weighted_by(weights_of):
    def answer(gradients, sizes):
        weights = weights_of(np.array(sizes, float))
        return [np.tensordot(weights, np.stack(each), axes=1) for each in zip(*gradients, strict=True)]

    return answer


@pytest.mark.parametrize("seed", range(5))
def test_numpys_weighted_average_is_accepted(seed):
    def by_numpy(gradients, sizes):
        return [np.average(np.stack(each), axis=0, weights=sizes) for each in zip(*gradients, strict=True)]

    assert q1.grade(by_numpy, seed=seed).kind == "correct"
    assert q1.grade(weighted_by(lambda sizes: sizes / sizes.sum()), seed=seed).kind == "correct"


def test_the_accepted_answer_is_the_gradient_of_the_whole_batch():
    rng = np.random.default_rng(0)
    x, y, w = rng.normal(size=(7, 3)), rng.normal(size=7), rng.normal(size=3)

    def gradient(part):  # of the mean of (x w - y)^2
        return 2 * x[part].T @ (x[part] @ w - y[part]) / len(y[part])

    namespace = {}
    exec(q1.solution_code, namespace)
    parts = slice(0, 5), slice(5, 7)
    (average,) = namespace["average_gradients"]([[gradient(part)] for part in parts], [5, 2])
    np.testing.assert_allclose(average, gradient(slice(0, 7)))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (weighted_by(lambda sizes: np.ones(len(sizes))), "have to be averaged"),
        (weighted_by(lambda sizes: sizes), "These are sums"),
        (weighted_by(lambda sizes: np.full(len(sizes), 1 / len(sizes))), "plain mean over devices"),
        (weighted_by(lambda sizes: np.eye(len(sizes))[0]), "Only the first device"),
        (weighted_by(lambda sizes: np.eye(len(sizes))[-1]), "Only the last device"),
        (weighted_by(lambda sizes: (1 / sizes) / (1 / sizes).sum()), "counts for less"),
        (weighted_by(lambda sizes: sizes / sizes.sum() / len(sizes)), "must add up to 1"),
        (weighted_by(lambda sizes: 3 * sizes / sizes.sum()), "Begin with one variable"),
        (lambda gradients, sizes: np.mean([np.mean(each) for each in gradients[0]]), "one for each variable"),
        (lambda gradients, sizes: [device[0] for device in gradients] + [0], "one for each variable"),
        (
            lambda gradients, sizes: [
                [each * size / sum(sizes) for each in device] for device, size in zip(gradients, sizes, strict=True)
            ],
            "not one for each device",
        ),
        (lambda gradients, sizes: map(sum, zip(*gradients, strict=True)), "make a list of it"),
        (lambda gradients, sizes: (sum(each) for each in zip(*gradients, strict=True)), "make a list of it"),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_wrong_averages_are_rejected_with_the_reason(answer, words, seed):
    assert words in rejected(q1, answer, seed=seed)


# --- q2: which are equal


@pytest.mark.parametrize(
    "answer",
    [
        ["synchronized", "none", "instance"],
        ("instance", "none", "synchronised"),
        {"none", "instance", "synchronized"},
        ["None ", "Instance", "Synchronized"],
    ],
)
def test_the_three_that_are_equal_are_accepted_in_any_order(answer):
    assert q2.grade(answer).kind == "correct"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (["none", "instance", "batch", "synchronized"], "how many pictures"),
        (["batch"], "how many pictures"),
        (["none", "synchronized"], "one picture at a time"),
        (["instance", "synchronized"], "no picture knows of another"),
        (["none", "instance"], "tell each other"),
        ([], "one picture at a time"),
        ("none", "Give a list"),
        (["none", "layer"], "not among the four: layer"),
    ],
)
def test_wrong_predictions_are_rejected_with_the_reason(answer, words):
    assert words in rejected(q2, answer)


# --- q3: bytes_sent


@pytest.mark.parametrize("seed", range(5))
def test_counting_round_by_round_is_accepted(seed):
    def round_by_round(numbers, devices, bytes_each):
        return sum(numbers // devices * bytes_each for half in range(2) for _ in range(1, devices))

    assert q3.grade(round_by_round, seed=seed).kind == "correct"
    assert q3.grade(lambda n, d, b: 2 * n * b - 2 * n * b / d, seed=seed).kind == "correct"
    assert q3.grade(all_reduce_bytes, seed=seed).kind == "correct"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda n, d, b: (d - 1) / d * n * b, "only the first half"),
        (lambda n, d, b: 2 * n * b, "its own piece is there"),
        (lambda n, d, b: 2 * (d - 1) * n * b, "all devices together"),
        (lambda n, d, b: (d - 1) * n * b, "only a piece travels"),
        (lambda n, d, b: 2 * (d - 1) / d * n, "multiply by `bytes_each`"),
        (lambda n, d, b: 16 * (d - 1) / d * n * b, "These are bits"),
        (lambda n, d, b: 2 * (d - 1) / d * n * b if d > 1 else n * b, "nobody to tell"),
        (lambda n, d, b: n + d + b, "count on paper"),
    ],
)
def test_wrong_counts_of_bytes_are_rejected_with_the_reason(answer, words):
    assert words in rejected(q3, answer)


# --- q4: hours_for_one_pass


@pytest.mark.parametrize("seed", range(5))
def test_the_librarys_arithmetic_is_accepted(seed):
    def by_library(pairs, batch, devices, computing, communicating):
        step = scaled_step(computing, 1, devices, 1.0, batch)  # its own communicating is next to nothing
        return pairs // (batch * devices) * (step.seconds + communicating) / 60 / 60

    assert q4.grade(by_library, seed=seed).kind == "correct"
    assert q4.grade(lambda p, b, d, c, t: p // b // d * (c + t) / 3600, seed=seed).kind == "correct"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda p, b, d, c, t: p // (b * d) * (c + t), "These are seconds"),
        (lambda p, b, d, c, t: p // (b * d) * (c + t) / 60, "These are minutes"),
        (lambda p, b, d, c, t: p // (b * d) * c / 3600, "Communicating is missing"),
        (lambda p, b, d, c, t: p // (b * d) * t / 3600, "Computing is missing"),
        (lambda p, b, d, c, t: p // b * (c + t) / 3600, "batch * devices pairs"),
        (lambda p, b, d, c, t: p // d * (c + t) / 3600, "not from one"),
        (lambda p, b, d, c, t: p // (b * d) * (c / d + t) / 3600, "computing does not get shorter"),
        (lambda p, b, d, c, t: p // (b * d) * (c + t) / d / 3600, "is not divided again"),
        (lambda p, b, d, c, t: p // (b * d) * (c * d + t) / 3600, "do not multiply by the devices"),
        (lambda p, b, d, c, t: p / (b * d) * (c + t) / 3600, "round the number of steps down"),
        (lambda p, b, d, c, t: math.ceil(p / (b * d)) * (c + t) / 3600, "rounded up"),
        (lambda p, b, d, c, t: round(p / (b * d)) * (c + t) / 3600, "rounded up"),
        (lambda p, b, d, c, t: p // b * d * (c + t) / 3600, "left to right"),
        (lambda p, b, d, c, t: p // (b * d) * c + t / 3600, "Both times belong in brackets"),
        (lambda p, b, d, c, t: (p, b), "number"),
        (lambda p, b, d, c, t: p * c, "First the number of steps"),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_wrong_hours_are_rejected_with_the_reason(answer, words, seed):
    assert words in rejected(q4, answer, seed=seed)
