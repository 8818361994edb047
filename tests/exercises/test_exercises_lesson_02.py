"""Lesson 02: right answers that are not the printed ones, and plausible wrong ones with the message they get."""

import math

import numpy as np
import pytest

from pix2pix_edu.exercises.lesson_02 import q1, q2, q3, q4


def rejected(exercise, *answers, seed=0):
    feedback = exercise.grade(*answers, seed=seed)
    assert feedback.kind == "incorrect", feedback
    return feedback.details["likely cause"]


# --- q1: optimal_discriminator


def with_zeros(rule):
    """A rule for places where both kinds occur, made safe for the others."""

    def answer(p, q):
        with np.errstate(all="ignore"):
            return np.where(p + q > 0, rule(p, q), 0.5)

    return answer


@pytest.mark.parametrize(
    "answer",
    [
        with_zeros(lambda p, q: p / (p + q)),
        with_zeros(lambda p, q: 1 - q / (p + q)),
        with_zeros(lambda p, q: 1 / (1 + q / p)),
        lambda p, q: [a / (a + b) if a + b else 0.5 for a, b in zip(p, q, strict=True)],
        lambda p, q: np.divide(p, p + q, out=np.full(p.shape, 0.5), where=p + q > 0).astype(np.float32),
    ],
)
def test_other_ways_to_the_optimal_discriminator_are_accepted(answer):
    assert q1.grade(answer).kind == "correct"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (with_zeros(lambda p, q: q / (p + q)), "share of the made-up things"),
        (with_zeros(lambda p, q: p / q), "not limited to 1"),
        (with_zeros(lambda p, q: q / p), "Solve p / D"),
        (with_zeros(lambda p, q: p > q), "How sure"),
        (with_zeros(lambda p, q: p - q), "no probability"),
        (with_zeros(lambda p, q: np.log(p / q)), "sigmoid"),
        (with_zeros(lambda p, q: np.clip(p, 0, 1)), "larger than 1"),
        (with_zeros(lambda p, q: p**2 / (p**2 + q**2)), "squared"),
        (with_zeros(lambda p, q: np.full(p.shape, 0.5)), "on paper"),
        (lambda p, q: p / (p + q), "0 / 0 is NaN"),
        (lambda p, q: p / (p + q + 1e-12), "where neither comes, 0.5"),
        (lambda p, q: np.mean(p / (p + q)), "one number for the whole array"),
        (lambda p, q: p, "on paper"),
    ],
)
def test_wrong_discriminators_are_rejected_with_the_reason(answer, words):
    assert words in rejected(q1, answer)


# --- q2: jensen_shannon


def entropy(p):
    p = p[p > 0]
    return -np.sum(p * np.log(p))


def from_to(p, q):
    here = p > 0
    return np.sum(p[here] * np.log(p[here] / q[here]))


def js(p, q):
    return (from_to(p, (p + q) / 2) + from_to(q, (p + q) / 2)) / 2


def test_the_divergence_by_entropies_or_with_a_tiny_number_is_accepted():
    assert q2.grade(lambda p, q: entropy((p + q) / 2) - entropy(p) / 2 - entropy(q) / 2).kind == "correct"

    def with_epsilon(p, q):
        m = (p + q) / 2 + 1e-12
        return 0.5 * float(np.sum(p * np.log(p / m + 1e-12))) + 0.5 * float(np.sum(q * np.log(q / m + 1e-12)))

    assert q2.grade(with_epsilon).kind == "correct"


@pytest.mark.parametrize("seed", range(5))
def test_a_plain_loop_over_the_cells_is_accepted(seed):
    def loop(p, q):
        total = 0.0
        for a, b in zip(p, q, strict=True):
            if a > 0:
                total += a * math.log(2 * a / (a + b)) / 2
            if b > 0:
                total += b * math.log(2 * b / (a + b)) / 2
        return total

    assert q2.grade(loop, seed=seed).kind == "correct"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda p, q: 2 * js(p, q), "each counts one half"),
        (lambda p, q: js(p, q) / np.log(2), "base 2"),
        (from_to, "from p to q"),
        (lambda p, q: from_to(q, p), "from q to p"),
        (lambda p, q: (from_to(p, q) + from_to(q, p)) / 2, "compare with m instead"),
        (lambda p, q: from_to(p, (p + q) / 2) / 2, "Only the sum with p"),
        (lambda p, q: from_to(p, (p + q) / 2), "not halved"),
        (lambda p, q: from_to(q, (p + q) / 2) / 2, "Only the sum with q"),
        (lambda p, q: -js(p, q), "upside down"),
        (lambda p, q: js(p, q) - np.log(2), "still to be halved"),
        (lambda p, q: np.abs(p - q).sum() / 2, "without logarithms"),
        (lambda p, q: js(p, q) / p.size, "should be summed"),
        (lambda p, q: (from_to((p + q) / 2, p) + from_to((p + q) / 2, q)) / 2, "cell by cell"),
        (lambda p, q: 0.0, "half of the sum of p log(p / m)"),
        (lambda p, q: p * np.log(2 * p / (p + q)), "one is asked for"),
        (lambda p, q: -js(p, q), "a minus sign too many"),
    ],
)
def test_wrong_divergences_are_rejected_with_the_reason(answer, words):
    with np.errstate(all="ignore"):
        assert words in rejected(q2, answer)


def test_zeros_that_become_nan_or_that_are_left_out_too_often_are_found():
    def naive(p, q):
        m = (p + q) / 2
        return (np.sum(p * np.log(p / m)) + np.sum(q * np.log(q / m))) / 2

    def common_cells_only(p, q):
        here = (p > 0) & (q > 0)
        p, q = p[here], q[here]
        return naive(p, q)

    assert "became NaN" in rejected(q2, naive)
    assert "only where p is 0" in rejected(q2, common_cells_only)


# --- q3: ratio


@pytest.mark.parametrize("answer", [99, 99.0, np.float32(99), 0.99 / 0.01, 100])
def test_the_ratio_and_its_rounding_are_accepted(answer):
    assert q3.grade(answer).kind == "correct"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (0.0101, "other way round"),
        (1 / 99, "other way round"),
        (-99, "same sign"),
        (0.99, "one of the slopes"),
        (0.98, "one of the slopes"),
        (458.2, "values of the losses"),
        (2, "Divide one by the other"),
        ("99", "quotation marks"),
    ],
)
def test_wrong_ratios_are_rejected_with_the_reason(answer, words):
    assert words in rejected(q3, answer)


# --- q4: modes_covered


def counts_of(points, centres, radius, order=2):
    return (np.linalg.norm(points[:, None] - centres[None], ord=order, axis=-1) <= radius).sum(axis=0)


def covered(points, centres, radius, share):
    return int((counts_of(points, centres, radius) / (len(points) / len(centres)) >= share).sum())


@pytest.mark.parametrize("seed", range(20))
def test_counting_all_modes_at_once_is_accepted_whatever_the_points(seed):
    assert q4.grade(covered, seed=seed).kind == "correct"


@pytest.mark.parametrize(
    "enough",
    [
        lambda count, share, N, modes: count >= share * N / modes,
        lambda count, share, N, modes: count >= share * (N / modes),
        lambda count, share, N, modes: count * modes >= share * N,
        lambda count, share, N, modes: count / N >= share / modes,
        lambda count, share, N, modes: count / (share * (N / modes)) >= 1,
        lambda count, share, N, modes: count >= np.float32(share) * np.float32(N) / np.float32(modes),
        lambda count, share, N, modes: count >= math.ceil(share * N / modes),
    ],
)
def test_the_least_is_enough_however_it_is_written(enough):
    def loop(points, centres, radius, share):
        counts = [sum(math.dist(point, centre) <= radius for point in points) for centre in centres]
        return sum(enough(count, share, len(points), len(centres)) for count in counts)

    assert q4.grade(loop).kind == "correct"


@pytest.mark.parametrize(
    ("least", "words"),
    [
        (lambda N, modes, share: share * N / modes + 1e-9, "At least means >="),
        (lambda N, modes, share: share * (N // modes), "do not use //"),
        (lambda N, modes, share: int(share * N / modes), "do not round it"),
        (lambda N, modes, share: round(share * N / modes), "do not round it"),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_a_limit_that_is_off_by_less_than_a_point_is_found(least, words, seed):
    def answer(points, centres, radius, share):
        return int((counts_of(points, centres, radius) >= least(len(points), len(centres), share)).sum())

    assert words in rejected(q4, answer, seed=seed)


def over_axis_1(points, centres, radius, share):
    counts = (np.linalg.norm(points[:, None] - centres[None], axis=-1) <= radius).sum(axis=1)
    return int((counts >= share * len(points) / len(centres)).sum())


@pytest.mark.parametrize("seed", range(5))
def test_no_mode_at_all_and_all_n_points_are_told_apart(seed):
    def all_of_them(points, centres, radius, share):
        return int((counts_of(points, centres, radius) >= share * len(points)).sum())

    assert "points of each mode" in rejected(q4, over_axis_1, seed=seed)
    assert "not all N of them" in rejected(q4, all_of_them, seed=seed)


def by_nearest(points, centres, radius, share):
    nearest = np.linalg.norm(points[:, None] - centres[None], axis=-1).argmin(axis=1)
    return int((np.bincount(nearest, minlength=len(centres)) >= share * len(points) / len(centres)).sum())


def each_point_once(points, centres, radius, share):
    distances = np.linalg.norm(points[:, None] - centres[None], axis=-1)
    nearest = np.where(distances.min(axis=1) <= radius, distances.argmin(axis=1), len(centres))
    counts = np.bincount(nearest, minlength=len(centres) + 1)[:-1]
    return int((counts >= share * len(points) / len(centres)).sum())


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda p, c, radius, share: (counts_of(p, c, radius) > 0).sum(), "a single point or more"),
        (by_nearest, "nearest mode"),
        (lambda p, c, radius, share: counts_of(p, c, radius).sum(), "number of points near a mode"),
        (lambda p, c, radius, share: covered(p, c, radius, share) / len(c), "share of the modes"),
        (lambda p, c, radius, share: (counts_of(p, c, radius) >= share * len(p)).sum(), "not all N of them"),
        (lambda p, c, radius, share: len(c) - covered(p, c, radius, share), "missing"),
        (lambda p, c, radius, share: len(c), "number of all modes"),
        (lambda p, c, radius, share: covered(p, c, radius, 1), "Use `share`"),
        (lambda p, c, radius, share: covered(p, c, radius, 0.5), "used as it is"),
        (lambda p, c, radius, share: covered(p, c, 0.3, share), "straight lines"),
        (
            lambda p, c, radius, share: (counts_of(p, c, radius, np.inf) >= share * len(p) / len(c)).sum(),
            "straight lines",
        ),
        (
            lambda p, c, radius, share: (counts_of(p, c, radius, 1) >= share * len(p) / len(c)).sum(),
            "straight lines",
        ),
        (each_point_once, "count for both"),
        (lambda p, c, radius, share: counts_of(p, c, radius), "more than one number"),
        (lambda p, c, radius, share: 10, "For each centre"),
    ],
)
def test_wrong_counts_are_rejected_with_the_reason(answer, words):
    assert words in rejected(q4, answer)
