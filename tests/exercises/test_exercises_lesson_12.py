"""Lesson 12: right answers that are not the printed ones, and plausible wrong ones with the message they get."""

import statistics
from operator import ge, gt, le, lt

import numpy as np
import pytest
from scipy import stats

from pix2pix_edu.exercises.lesson_12 import FACTORS, q1, q2, q3, q4
from pix2pix_edu.experiments import interval, judge


def rejected(exercise, *answers, seed=0):
    feedback = exercise.grade(*answers, seed=seed)
    assert feedback.kind == "incorrect", feedback
    return feedback.details["likely cause"]


# --- q1: confidence_interval


def by_statistics(values, t):
    half = t * statistics.stdev(values) / len(values) ** 0.5
    return [statistics.mean(values) - half, statistics.mean(values) + half]


@pytest.mark.parametrize("seed", range(5))
def test_another_way_to_the_interval_is_accepted(seed):
    assert q1.grade(by_statistics, seed=seed).kind == "correct"
    assert q1.grade(lambda v, t: v.mean() + np.array([-1, 1]) * t * v.std(ddof=1) / len(v) ** 0.5).kind == "correct"


def test_the_library_s_interval_is_accepted_up_to_the_digits_of_its_factor():
    for count, factor in FACTORS.items():
        values = np.random.default_rng(count).normal(size=count)
        assert by_statistics(values, factor) == pytest.approx(list(interval(values)[1:]), rel=1e-3)


def ends(half):
    return lambda values, t: (values.mean() - half(values, t), values.mean() + half(values, t))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (ends(lambda v, t: t * v.std() / len(v) ** 0.5), "ddof=1"),
        (ends(lambda v, t: t * v.std(ddof=1)), "root of n"),
        (ends(lambda v, t: t * v.std(ddof=1) / len(v)), "divided by n"),
        (ends(lambda v, t: t * v.std(ddof=1) / (len(v) - 1) ** 0.5), "standard deviation only"),
        (ends(lambda v, t: t * v.var(ddof=1) / len(v) ** 0.5), "variance"),
        (ends(lambda v, t: v.std(ddof=1) / len(v) ** 0.5), "factor t is missing"),
        (ends(lambda v, t: 1.96 * v.std(ddof=1) / len(v) ** 0.5), "1.96"),
        (lambda v, t: interval(v)[1:], "`t` is not used"),
        (lambda v, t: stats.t.interval(0.95, len(v) - 1, v.mean(), stats.sem(v)), "`t` is not used"),
        (lambda v, t: by_statistics(v, {3: 4.303, 5: 2.776}[len(v)]), "typed in"),
        (lambda v, t: (v.min(), v.max()), "smallest and the largest"),
        (lambda v, t: by_statistics(v, t)[::-1], "swapped"),
        (lambda v, t: (v.mean(), t * v.std(ddof=1) / len(v) ** 0.5), "mean and half width"),
        (lambda v, t: t * v.std(ddof=1) / len(v) ** 0.5, "Only one value"),
        (lambda v, t: (0.0, 1.0), "to either side"),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_wrong_intervals_are_rejected_with_the_reason(answer, words, seed):
    assert words in rejected(q1, answer, seed=seed)


# --- q2: verdict


def by_overlap(better, worse):
    if max(better[0], worse[0]) <= min(better[1], worse[1]):
        return "undecided"
    return "holds" if sum(better) > sum(worse) else "does not hold at this scale"


def by_comparing(above, below):
    def verdict(better, worse):
        if above(better[0], worse[1]):
            return "holds"
        return "does not hold at this scale" if below(better[1], worse[0]) else "undecided"

    return verdict


def test_a_verdict_by_overlap_is_accepted():
    assert q2.grade(by_overlap).kind == "correct"
    assert q2.grade(by_comparing(gt, lt)).kind == "correct"


def test_the_library_s_judge_gives_the_same_verdicts():
    """Two values whose interval is (low, high): the judge computes the interval from them."""
    from pix2pix_edu.exercises.lesson_12 import _CASES

    def values(low, high):
        middle, half = (low + high) / 2, (high - low) / 2
        step = half / 12.706205  # the factor for two values; their standard error is half their distance
        return [middle - step, middle + step]

    for better, worse, expected in _CASES:
        assert judge(values(*better), values(*worse)) == expected


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda b, w: "holds" if sum(b) > sum(w) else "does not hold at this scale", "share some values"),
        (lambda b, w: "undecided", "do not touch"),
        (lambda b, w: by_overlap(w, b), "wrong way round"),
        (lambda b, w: "holds" if b[0] > w[1] else "undecided", "do not touch"),
        (lambda b, w: "holds" if b[0] > w[1] else "does not hold at this scale", "share some values"),
        (by_comparing(ge, le), "These two intervals touch"),
        (by_comparing(ge, lt), "These two intervals touch"),
        (by_comparing(gt, le), "These two intervals touch"),
        (lambda b, w: b[0] > w[1], "to the letter"),
        (lambda b, w: by_overlap(b, w).upper(), "to the letter"),
    ],
)
def test_wrong_verdicts_are_rejected_with_the_reason(answer, words):
    assert words in rejected(q2, answer)


# --- q3: feature_matching


def by_differences(change):
    return lambda real, fake: sum(change(one - other) for one, other in zip(real, fake, strict=True))


@pytest.mark.parametrize("seed", range(3))
def test_another_way_to_match_features_is_accepted(seed):
    assert q3.grade(by_differences(lambda d: np.linalg.norm(d.ravel(), 1) / d.size), seed=seed).kind == "correct"


def test_the_library_s_feature_matching_is_what_is_asked_for():
    from pix2pix_edu.extras import features_apart

    def by_library(real, fake):
        as_tensors = [[layer.astype("float32") for layer in layers] for layers in (real, fake)]
        return float(features_apart(*as_tensors))

    assert q3.grade(by_library).kind == "correct"


def everything(real, fake):
    return np.concatenate([np.abs(one - other).ravel() for one, other in zip(real, fake, strict=True)])


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (by_differences(lambda d: d.mean()), "cancel"),
        (by_differences(lambda d: (d**2).mean()), "squared"),
        (lambda real, fake: everything(real, fake).sum(), "drowns"),
        (lambda real, fake: everything(real, fake).mean(), "Each layer has its own"),
        (lambda real, fake: by_differences(lambda d: abs(d).mean())(real, fake) / len(real), "Add them up"),
        (lambda real, fake: abs(real[0] - fake[0]).mean(), "first layer"),
        (lambda real, fake: abs(real[-1] - fake[-1]).mean(), "last layer"),
        (lambda real, fake: 0.5, "sum of these"),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_wrong_feature_matching_is_rejected_with_the_reason(answer, words, seed):
    assert words in rejected(q3, answer, seed=seed)


# --- q4: largest_stretch


def stretch(matrix, u, rounds, more=0, keep=True, square=False):
    """A right answer that only multiplies by W transposed W; its options make it wrong in one place each."""
    start, both = u, matrix.T @ matrix
    for _ in range(rounds + more):
        before = u if keep else start
        u = both @ before
        u = u / np.linalg.norm(u)
    v = matrix @ before / np.linalg.norm(matrix @ before)
    found = v @ matrix @ u
    return found**2 if square else found


@pytest.mark.parametrize("seed", range(5))
def test_rounds_with_one_product_are_accepted(seed):
    assert q4.grade(stretch, seed=seed).kind == "correct"


def never_scaled(matrix, u, rounds):
    for _ in range(rounds):
        v = matrix @ u
        u = matrix.T @ v
    return v @ matrix @ u


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda W, u, n: stretch(W, u, n, more=1), "2 rounds"),
        (lambda W, u, n: stretch(W, u, n, keep=False), "the one before"),
        (lambda W, u, n: np.linalg.svd(W)[1][0], "no np.linalg.svd"),
        (lambda W, u, n: abs(W).max(), "absolute value in W"),
        (lambda W, u, n: np.linalg.norm(W), "one long vector"),
        (lambda W, u, n: stretch(W, u, n, square=True), "the square"),
        (never_scaled, "length 1"),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_wrong_stretches_are_rejected_with_the_reason(answer, words, seed):
    assert words in rejected(q4, answer, seed=seed)


def test_many_rounds_find_the_largest_singular_value():
    rng = np.random.default_rng(1)
    for shape in ((4, 4), (3, 7)):
        matrix = rng.normal(size=shape)
        found = stretch(matrix, rng.normal(size=shape[1]), 300)
        assert found == pytest.approx(np.linalg.svd(matrix, compute_uv=False)[0])
