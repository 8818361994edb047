"""Lesson 09: right answers that are not the printed ones, and plausible wrong ones with the message they get."""

import numpy as np
import pytest

from pix2pix_edu.evaluation import FcnScore, ssim
from pix2pix_edu.exercises.lesson_09 import q1, q2, q3, q4
from pix2pix_edu.study import bootstrap_interval

C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def rejected(exercise, *answers, seed=0):
    feedback = exercise.grade(*answers, seed=seed)
    assert feedback.kind == "incorrect", feedback
    return feedback.details["likely cause"]


# --- q1: ssim_of_window


def by_moments(x, y, weights):
    """Variances as the mean of the squares minus the square of the mean, and the three factors of the article."""
    mean_x, mean_y = np.average(x, weights=weights), np.average(y, weights=weights)
    sigma_x = np.sqrt(np.average(x * x, weights=weights) - mean_x**2)
    sigma_y = np.sqrt(np.average(y * y, weights=weights) - mean_y**2)
    together = np.average(x * y, weights=weights) - mean_x * mean_y
    brightness = (2 * mean_x * mean_y + C1) / (mean_x**2 + mean_y**2 + C1)
    contrast = (2 * sigma_x * sigma_y + C2) / (sigma_x**2 + sigma_y**2 + C2)
    structure = (together + C2 / 2) / (sigma_x * sigma_y + C2 / 2)
    return brightness * contrast * structure


@pytest.mark.parametrize("seed", range(5))
def test_ssim_by_moments_and_three_factors_is_accepted(seed):
    assert q1.grade(by_moments, seed=seed).kind == "correct"


@pytest.mark.parametrize("seed", range(40))
def test_ssim_in_float32_is_accepted(seed):
    def rounded(x, y, weights):
        x, y, weights = x.astype("float32"), y.astype("float32"), weights.astype("float32")
        mean_x, mean_y = (weights * x).sum(), (weights * y).sum()
        variances = (weights * x * x).sum() - mean_x**2 + (weights * y * y).sum() - mean_y**2
        covariance = (weights * x * y).sum() - mean_x * mean_y
        brightness = (2 * mean_x * mean_y + np.float32(C1)) / (mean_x**2 + mean_y**2 + np.float32(C1))
        return brightness * (2 * covariance + np.float32(C2)) / (variances + np.float32(C2))

    assert q1.grade(rounded, seed=seed).kind == "correct"


def test_the_accepted_answer_is_the_librarys_on_a_picture_of_one_window():
    rng = np.random.default_rng(1)
    x, y = rng.integers(0, 256, (2, 11, 11, 1)).astype(np.uint8)
    bell = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    weights = np.outer(bell, bell) / np.outer(bell, bell).sum()
    expected = by_moments(x[..., 0].astype(float), y[..., 0].astype(float), weights)
    assert float(ssim(x, y)[0]) == pytest.approx(expected, abs=1e-9)


def plain(x, y, weights):
    return by_moments(x, y, np.ones_like(weights))


def without_the_mean(x, y, weights):
    mean_x, mean_y = (weights * x).sum(), (weights * y).sum()
    squares = (weights * x * x).sum(), (weights * y * y).sum(), (weights * x * y).sum()
    brightness = (2 * mean_x * mean_y + C1) / (mean_x**2 + mean_y**2 + C1)
    return brightness * (2 * squares[2] + C2) / (squares[0] + squares[1] + C2)


def only_means(x, y, weights):
    mean_x, mean_y = (weights * x).sum(), (weights * y).sum()
    return (2 * mean_x * mean_y + C1) / (mean_x**2 + mean_y**2 + C1)


def only_structure(x, y, weights):
    return by_moments(x, y, weights) / only_means(x, y, weights)


def for_pictures_up_to_one(x, y, weights):
    mean_x, mean_y = (weights * x).sum(), (weights * y).sum()
    covariance = (weights * (x - mean_x) * (y - mean_y)).sum()
    variances = (weights * (x - mean_x) ** 2).sum() + (weights * (y - mean_y) ** 2).sum()
    brightness = (2 * mean_x * mean_y + 0.01**2) / (mean_x**2 + mean_y**2 + 0.01**2)
    return brightness * (2 * covariance + 0.03**2) / (variances + 0.03**2)


def with_one_constant(x, y, weights):
    """C1 in place of C2, too."""
    mean_x, mean_y = (weights * x).sum(), (weights * y).sum()
    variances = (weights * (x - mean_x) ** 2).sum() + (weights * (y - mean_y) ** 2).sum()
    return only_means(x, y, weights) * (2 * (weights * (x - mean_x) * (y - mean_y)).sum() + C1) / (variances + C1)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (plain, "weights are not used"),
        (without_the_mean, "Subtract the mean"),
        (only_means, "second fraction is missing"),
        (only_structure, "Only the structure"),
        (for_pictures_up_to_one, "pictures from 0 to 1"),
        (lambda x, y, weights: (weights * (x - y) ** 2).sum(), "mean squared error"),
        (lambda x, y, weights: np.corrcoef(x.ravel(), y.ravel())[0, 1], "Try equal windows"),
        (lambda x, y, weights: 1.0, "Try equal windows"),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_wrong_similarities_are_rejected_with_the_reason(answer, words, seed):
    assert words in rejected(q1, answer, seed=seed)


@pytest.mark.parametrize("seed", range(10))
def test_one_constant_in_both_fractions_is_rejected(seed):
    assert rejected(q1, with_one_constant, seed=seed)


# --- q2: the prediction


@pytest.mark.parametrize("answer", ["shift", " Shift "])
def test_the_right_prediction_is_accepted(answer):
    assert q2.grade(answer).kind == "correct"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("blur", "few are wrong by much"),
        ("noise", "Squares punish"),
        ("paler", "black out of white"),
        ("shift by two", "one of the four"),
        (2, "one of the four"),
    ],
)
def test_wrong_predictions_are_rejected_with_the_reason(answer, words):
    assert words in rejected(q2, answer)


# --- q3: scores


def by_sets(confusion):
    """Pixel by pixel: each class as a set of pixels, as the words "intersection" and "union" say."""
    pixels = [(i, j, k) for i, row in enumerate(confusion) for j, count in enumerate(row) for k in range(count)]
    accuracies, ious = [], []
    for name in range(len(confusion)):
        true = {pixel for pixel in pixels if pixel[0] == name}
        read = {pixel for pixel in pixels if pixel[1] == name}
        if true:
            accuracies.append(len(true & read) / len(true))
        if true | read:
            ious.append(len(true & read) / len(true | read))
    return sum(i == j for i, j, _ in pixels) / len(pixels), np.mean(accuracies), np.mean(ious)


@pytest.mark.parametrize("seed", range(5))
def test_counting_sets_of_pixels_is_accepted(seed):
    assert q3.grade(by_sets, seed=seed).kind == "correct"


def test_the_librarys_score_is_accepted():
    def by_library(confusion):
        score = FcnScore(confusion, tuple(map(str, range(len(confusion)))))
        return score.pixel_accuracy, score.class_accuracy, score.class_iou

    assert q3.grade(by_library).kind == "correct"


def answer_with(confusion, axis=1, absent="out", union="right", order=(0, 1, 2)):
    """The right answer; its options make it wrong in one place each."""
    right, true, read = np.diag(confusion), confusion.sum(axis=axis), confusion.sum(axis=1 - axis)
    with np.errstate(all="ignore"):
        accuracies = right / true
        below = {"right": true + read - right, "twice": true + read, "read": read}[union]
        ious = right / below
    if absent == "zero":
        accuracies, ious = np.nan_to_num(accuracies), np.nan_to_num(ious)
    mean = np.mean if absent == "nan" else np.nanmean
    ious = ious[true > 0] if absent == "occurring" else ious
    found = right.sum() / confusion.sum(), mean(accuracies), mean(ious)
    return tuple(found[place] for place in order)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"axis": 0}, "Rows are the true classes"),
        ({"absent": "zero"}, "leave it out, it is not 0"),
        ({"absent": "nan"}, "makes the mean NaN"),
        ({"absent": "occurring"}, "only 0 / 0 is left out"),
        ({"union": "twice"}, "counts the right pixels twice"),
        ({"union": "read"}, "divides by what was read alone"),
        ({"order": (1, 0, 2)}, "the order is pixel accuracy"),
        ({"order": (0, 2, 1)}, "the order is pixel accuracy"),
    ],
    ids=str,
)
@pytest.mark.parametrize("seed", range(3))
def test_wrong_scores_are_rejected_with_the_reason(options, words, seed):
    assert words in rejected(q3, lambda confusion: answer_with(confusion, **options), seed=seed)


def test_a_missing_part_is_named():
    assert "End with" in rejected(q3, lambda confusion: answer_with(confusion)[0])


# --- q4: bootstrap


def by_counting(outcomes, rng, rounds=4000):
    """The number of ones in a draw with replacement is binomial: no need to draw the outcomes themselves."""
    means = rng.binomial(len(outcomes), outcomes.mean(), rounds) / len(outcomes)
    means.sort()
    return means[round(0.025 * rounds)], means[round(0.975 * rounds)]


@pytest.mark.parametrize("seed", range(8))
def test_drawing_the_number_of_ones_is_accepted(seed):
    assert q4.grade(by_counting, seed=seed).kind == "correct"


@pytest.mark.parametrize("seed", range(8))
def test_the_librarys_interval_is_accepted(seed):
    def by_library(outcomes, rng, rounds=4000):
        return bootstrap_interval(outcomes, rounds=rounds, seed=int(rng.integers(1000)))

    assert q4.grade(by_library, seed=seed).kind == "correct"


@pytest.mark.parametrize("seed", range(3))
def test_a_loop_over_outcomes_is_accepted_within_seconds(seed):
    def in_loops(outcomes, rng, rounds=4000):
        means, count, picks = [], len(outcomes), outcomes.tolist()
        for _ in range(rounds):
            total = 0
            for place in rng.integers(count, size=count):
                total += picks[place]
            means.append(total / count)
        means.sort()
        return means[int(0.025 * rounds)], means[int(0.975 * rounds)]

    assert q4.grade(in_loops, seed=seed).kind == "correct"


def bootstrap_with(
    outcomes, rng, rounds=4000, size=1.0, replace=True, quantiles=(0.025, 0.975), of="means", draws=0, own_rounds=0,
    global_rng=False, own_rng=False,
):  # fmt: skip
    """A right answer; its options make it wrong in one place each."""
    count, rounds = draws or int(size * len(outcomes)), own_rounds or rounds
    rng = np.random if global_rng else np.random.default_rng(0) if own_rng else rng
    if of == "formula":
        half = 1.96 * np.sqrt(outcomes.mean() * (1 - outcomes.mean()) / len(outcomes))
        return outcomes.mean() - half, outcomes.mean() + half
    if of == "single outcomes":
        return tuple(np.quantile(rng.choice(outcomes, rounds), quantiles))
    means = [rng.choice(outcomes, count, replace=replace).mean() for _ in range(rounds)]
    if of == "spread":
        return np.mean(means) - np.std(means), np.mean(means) + np.std(means)
    if of == "1.96 spreads":
        return np.mean(means) - 1.96 * np.std(means), np.mean(means) + 1.96 * np.std(means)
    return tuple(np.quantile(outcomes if of == "outcomes" else means, quantiles))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"replace": False}, "with* replacement"),
        ({"quantiles": (0.05, 0.95)}, "hold 90 %"),
        ({"quantiles": (0.25, 0.75)}, "hold 50 %"),
        ({"quantiles": (0.005, 0.995)}, "holds 99 %"),
        ({"quantiles": (0.975, 0.025)}, "wrong way round"),
        ({"quantiles": (0.5, 0.975)}, "not around the mean"),
        ({"size": 0.5}, "too wide"),
        ({"size": 2.0}, "too narrow"),
        ({"of": "spread"}, "one standard deviation"),
        ({"of": "outcomes"}, "not around the mean"),
        ({"of": "single outcomes"}, "draw as many outcomes as there"),
        ({"draws": 6}, "draw as many outcomes as there"),
        ({"of": "formula"}, "need not lie evenly"),
        ({"of": "1.96 spreads"}, "need not lie evenly"),
        ({"own_rounds": 4000}, "`rounds` is not used"),
        ({"own_rounds": 100}, "`rounds` is not used"),
        ({"global_rng": True}, "draw by `rng`"),
        ({"global_rng": True, "own_rounds": 100}, "draw by `rng`"),
        ({"own_rng": True}, "a generator of your own"),
    ],
    ids=str,
)
@pytest.mark.parametrize("seed", range(3))
def test_wrong_intervals_are_rejected_with_the_reason(options, words, seed):
    def answer(outcomes, rng, rounds=4000):
        return bootstrap_with(outcomes, rng, rounds, **options)

    assert words in rejected(q4, answer, seed=seed)


def test_an_interval_that_is_no_number_is_told():
    assert "no numbers" in rejected(q4, lambda outcomes, rng, rounds=4000: (np.nan, np.nan))
