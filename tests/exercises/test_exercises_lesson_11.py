"""Lesson 11: right answers that are not the printed ones, and plausible wrong ones with the message they get."""

import math

import numpy as np
import pytest
from scipy import stats

from pix2pix_edu.exercises.lesson_11 import q1, q2, q3, q4
from pix2pix_edu.experiments import interval


def rejected(exercise, *answers, seed=0):
    feedback = exercise.grade(*answers, seed=seed)
    assert feedback.kind == "incorrect", feedback
    return feedback.details["likely cause"]


# --- q1: augment_pair


def as_uint8(values):
    return np.clip(np.round(values), 0, 255).astype("uint8")


def by_flip(picture, labels, top, left, size, mirror, factor):
    both = np.concatenate([picture.astype(float) * factor, labels[..., None]], axis=-1)
    both = both[top:, left:][:size, :size]
    both = np.fliplr(both) if mirror else both
    return as_uint8(both[..., :3]), both[..., 3].astype("uint8")


def spoilt(part):
    """A right answer but for one mistake."""

    def augment(picture, labels, top, left, size, mirror, factor):
        step = -1 if mirror else 1
        window = picture[top : top + size, left : left + size]
        classes = labels[top : top + size, left : left + size]
        bright = as_uint8(window[:, ::step] * factor)
        return {
            "labels not mirrored": (bright, classes),
            "picture not mirrored": (as_uint8(window * factor), classes[:, ::step]),
            "upside down": (as_uint8(window[::step] * factor), classes[::step]),
            "labels brighter": (bright, as_uint8(classes[:, ::step] * factor)),
            "not brighter": (window[:, ::step], classes[:, ::step]),
            "wrapped": ((window[:, ::step] * factor).round().astype(int).astype("uint8"), classes[:, ::step]),
            "floats": (np.clip(np.round(window[:, ::step] * factor), 0, 255), classes[:, ::step]),
            "whole labels": (bright, labels[:, ::step]),
            "untouched labels": (bright, labels),
            "corner labels": (bright, labels[:size, :size][:, ::step]),
            "one value": bright,
            "swapped corner": (as_uint8(picture[left : left + size, top : top + size][:, ::step] * factor), classes),
            "colours turned": (as_uint8((window[..., ::-1] if mirror else window) * factor), classes[:, ::step]),
            "window to size": (as_uint8(picture[top:size, left:size][:, ::step] * factor), classes[:, ::step]),
            "labels first": (classes[:, ::step], bright),
            "mirrored first": (
                as_uint8(picture[:, ::step][top : top + size, left : left + size] * factor),
                classes[:, ::step],
            ),
        }[part]

    return augment


@pytest.mark.parametrize("seed", range(5))
def test_turning_both_at_once_is_accepted(seed):
    assert q1.grade(by_flip, seed=seed).kind == "correct"


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("labels not mirrored", "lie about the picture"),
        ("picture not mirrored", "not mirrored"),
        ("upside down", "Top and bottom"),
        ("labels brighter", "not colours"),
        ("not brighter", "brightness has not changed"),
        ("wrapped", "clip before"),
        ("floats", "type is float64"),
        ("whole labels", "whole picture"),
        ("untouched labels", "not even mirrored"),
        ("corner labels", "another window"),
        ("one value", "Only one value came back"),
        ("swapped corner", "rows come first"),
        ("mirrored first", "cut first"),
        ("colours turned", "turns the colours round"),
        ("window to size", "ends at top + size"),
        ("labels first", "first the picture"),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_wrong_pairs_are_rejected_with_the_reason(part, words, seed):
    assert words in rejected(q1, spoilt(part), seed=seed)


# --- q2: gain_interval


def by_scipy(ours, baseline, t):
    gains = [one - other for one, other in zip(ours, baseline, strict=True)]
    half = t * stats.sem(gains)
    return np.mean(gains) - half, np.mean(gains) + half


@pytest.mark.parametrize("seed", range(5))
def test_scipys_standard_error_is_accepted(seed):
    assert q2.grade(by_scipy, seed=seed).kind == "correct"


def test_the_librarys_interval_is_what_is_asked_for():
    ours, baseline = [0.41, 0.44, 0.40, 0.47, 0.43], [0.40, 0.40, 0.41, 0.44, 0.41]
    found = interval([one - other for one, other in zip(ours, baseline, strict=True)])
    assert (found.low, found.high) == pytest.approx(by_scipy(ours, baseline, stats.t.ppf(0.975, 4)))


def around(middle, half):
    return middle - half, middle + half


def gains(ours, baseline):
    return np.array(ours) - np.array(baseline)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda a, b, t: around(gains(a, b).mean(), t * gains(a, b).std() / len(a) ** 0.5), "ddof=1"),
        (lambda a, b, t: around(gains(a, b).mean(), t * gains(a, b).std(ddof=1)), "of one gain"),
        (lambda a, b, t: around(gains(a, b).mean(), t * gains(a, b).std(ddof=1) / len(a)), "not by the number"),
        (lambda a, b, t: around(gains(a, b).mean(), stats.sem(gains(a, b))), "one standard error"),
        (lambda a, b, t: around(gains(a, b).mean(), t * gains(a, b).var(ddof=1) / len(a) ** 0.5), "variance"),
        (lambda a, b, t: by_scipy(b, a, t), "wrong way round"),
        (lambda a, b, t: by_scipy(a, b, t)[::-1], "upper end came first"),
        (
            lambda a, b, t: around(gains(a, b).mean(), t * np.hypot(stats.sem(a), stats.sem(b))),
            "spreads of both lists",
        ),
        (lambda a, b, t: around(np.mean(a), t * stats.sem(a)), "interval of our scores"),
        (lambda a, b, t: interval(gains(a, b))[1:], "`t` is not used"),
        (lambda a, b, t: stats.t.interval(0.95, len(a) - 1, gains(a, b).mean(), stats.sem(gains(a, b))), "not used"),
        (lambda a, b, t: by_scipy(a, b, {3: 4.303, 5: 2.776}[len(a)]), "typed in"),
        (lambda a, b, t: gains(a, b).mean(), "low, high"),
        (lambda a, b, t: (0.0, 1.0), "Mean of the differences"),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_wrong_intervals_are_rejected_with_the_reason(answer, words, seed):
    assert words in rejected(q2, answer, seed=seed)


# --- q3: recall_per_class


def in_a_loop(confusion):
    recall = []
    for number, row in enumerate(confusion):
        recall.append(row[number] / sum(row) if sum(row) else math.nan)
    return recall


@pytest.mark.parametrize("seed", range(5))
def test_a_loop_and_a_silenced_division_are_accepted(seed):
    def divided(confusion):
        with np.errstate(invalid="ignore"):
            return np.diag(confusion) / confusion.sum(axis=1)

    assert q3.grade(in_a_loop, seed=seed).kind == "correct"
    assert q3.grade(divided, seed=seed).kind == "correct"


def divide(part, whole, empty=np.nan):
    return np.array([one / other if other else empty for one, other in zip(part, whole, strict=True)], float)


def iou(confusion):
    found = np.diag(confusion)
    return divide(found, confusion.sum(0) + confusion.sum(1) - found)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda c: divide(np.diag(c), c.sum(0)), "precision"),
        (iou, "IoU"),
        (lambda c: divide(np.diag(c), c.sum(1), empty=0), "np.nan for it"),
        (lambda c: divide(np.diag(c), c.sum(1), empty=1), "np.nan for it"),
        (lambda c: np.nanmean(divide(np.diag(c), c.sum(1))), "one number for each"),
        (lambda c: np.trace(c) / c.sum(), "all pixels that were read rightly"),
        (lambda c: np.diag(c) / c.sum(), "not by all pixels"),
        (np.diag, "Divide by how many"),
        (lambda c: [value for value in in_a_loop(c) if value == value], "left out"),
        (lambda c: c, "one number for each"),
        (lambda c: np.mean(divide(np.diag(c), c.sum(1))), "one number for each"),
        (lambda c: np.where(np.diag(c) > 0, divide(np.diag(c), c.sum(1)), np.nan), "0, not np.nan"),
        (lambda c: divide(np.diag(c) - np.diag(c) % np.maximum(c.sum(1), 1), c.sum(1)), "drops the rest"),
        (lambda c: np.diag(c) // np.maximum(c.sum(1), 1), "drops the rest"),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_wrong_recalls_are_rejected_with_the_reason(answer, words, seed):
    assert words in rejected(q3, answer, seed=seed)


@pytest.mark.parametrize("answer", [lambda c: np.nanmean(in_a_loop(c)), lambda c: in_a_loop(c)[:1]])
def test_the_message_says_how_many_recalls_are_expected_and_where_nan_goes(answer):
    expected = q3.grade(answer).details["expected"]
    assert expected.startswith("3 numbers") and "np.nan in place" in expected


# --- q4: how_many


def by_counting(total, having, share):
    added = 0
    while (having + added) / (total + added) < share - 1e-12:
        added += 1
    return added


@pytest.mark.parametrize("seed", range(5))
def test_counting_up_and_the_librarys_own_are_accepted(seed):
    from pix2pix_edu.augmentation import to_balance  # loads Keras

    assert q4.grade(by_counting, seed=seed).kind == "correct"
    assert q4.grade(lambda *asked: max(0, math.ceil(exact(*asked))), seed=seed).kind == "correct"
    assert q4.grade(to_balance, seed=seed).kind == "correct"


def exact(total, having, share):
    return (share * total - having) / (1 - share)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda total, having, share: math.ceil(share * total - having - 1e-9), "below the line"),
        (lambda total, having, share: share * total - having, "below the line"),
        (lambda total, having, share: max(0, math.floor(exact(total, having, share) + 1e-9)), "ound"),
        (lambda total, having, share: max(0, exact(total, having, share)), "round up"),
        (lambda total, having, share: math.ceil(exact(total, having, share) - 1e-9), "not a negative number"),
        (lambda *asked: abs(math.ceil(exact(*asked))), "the answer is 0. Without `abs`"),
        (lambda total, having, share: by_counting(total, having, share) + having, "in the end"),
        (lambda total, having, share: 1_000_003, "Solve"),
        (lambda total, having, share: "36", "without quotation marks"),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_wrong_numbers_are_rejected_with_the_reason(answer, words, seed):
    assert words in rejected(q4, answer, seed=seed)
