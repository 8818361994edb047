"""Lesson 03: right answers that are not the printed ones, and plausible wrong ones with the message they get."""

import numpy as np
import pytest

from pix2pix_edu.exercises.lesson_03 import q1, q2, q3, q4


def rejected(exercise, *answers):
    feedback = exercise.grade(*answers)
    assert feedback.kind == "incorrect", feedback
    return feedback.details["likely cause"]


# --- q1: one_hot


@pytest.mark.parametrize(
    "answer",
    [
        lambda labels, classes: np.eye(classes)[labels],
        lambda labels, classes: (np.arange(classes) == labels[:, None]).astype("float32"),
        lambda labels, classes: [[int(label == place) for place in range(classes)] for label in labels],
    ],
)
def test_other_one_hot_codes_are_accepted(answer):
    assert q1.grade(answer).kind == "correct"


def from_one(labels, classes):
    return np.eye(classes + 1)[labels + 1][:, :classes]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda labels, classes: labels, "labels themselves"),
        (lambda labels, classes: np.eye(classes)[labels].T, "other way round"),
        (lambda labels, classes: np.eye(classes)[(labels + 1) % classes], "one place too far to the right"),
        (lambda labels, classes: np.eye(classes)[labels - 1], "one place too far to the left"),
        (lambda labels, classes: 1 - np.eye(classes)[labels], "exchanged"),
        (lambda labels, classes: np.eye(classes)[labels] * labels[:, None], "The label itself"),
        (lambda labels, classes: np.eye(labels.max() + 1)[labels], "Take it from `classes`"),
        (lambda labels, classes: np.eye(classes), "one row for each class"),
        (lambda labels, classes: np.zeros((len(labels), classes)), "Every value is the same"),
        (lambda labels, classes: np.eye(10)[labels], ""),
        (from_one, ""),
    ],
)
def test_wrong_codes_are_rejected_with_the_reason(answer, words):
    assert words in rejected(q1, answer)


def test_setting_whole_columns_is_recognised():
    def every_row(labels, classes):
        codes = np.zeros((len(labels), classes))
        codes[:, labels] = 1
        return codes

    assert "pair each row with its own label" in rejected(q1, every_row)


# --- q2: best_answers


def test_probabilities_by_bayes_are_accepted():
    def by_bayes(p, q):
        ratio, sums = q / p, q.sum(0) / p.sum(0)
        return 1 / (1 + ratio), 1 / (1 + sums)

    assert q2.grade(by_bayes).kind == "correct"
    assert q2.grade(lambda p, q: [p / (p + q), p.mean(0) / (p.mean(0) + q.mean(0))]).kind == "correct"


def hidden(p, q, axis=0):
    return p.sum(axis) / (p.sum(axis) + q.sum(axis))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda p, q: (q / (p + q), hidden(p, q)), "p on top"),
        (lambda p, q: (p / q, hidden(p, q)), "Divide by the sum of both"),
        (lambda p, q: (hidden(p, q), p / (p + q)), "exchanged"),
        (lambda p, q: (p, hidden(p, q)), "p itself"),
        (lambda p, q: (p / (p + q), hidden(p, q, 1)), "axis=0"),
        (lambda p, q: (p / (p + q), (p / (p + q)).mean(0)), "averages the answers"),
        (lambda p, q: (p / (p + q), (p / (p + q)).sum(0)), "sums the answers"),
        (lambda p, q: (p / (p + q), hidden(q, p)), "p on top"),
        (lambda p, q: (p / (p + q), p / (p + q)), "still uses the condition"),
        (lambda p, q: (p / (p + q), p.sum(0) / q.sum(0)), "Divide by the sum of both"),
        (lambda p, q: (p / (p + q), 0.5), "one answer for each"),
        (lambda p, q: p / (p + q), "return with_condition, without_condition"),
    ],
)
def test_wrong_tables_are_rejected_with_the_reason(answer, words):
    assert words in rejected(q2, answer)


# --- q3: blind_accuracy


@pytest.mark.parametrize("answer", [10, 9.5, np.float32(12), 100 / 10])
def test_chance_and_its_neighbourhood_are_accepted(answer):
    assert q3.grade(answer).kind == "correct"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (0, "no reason to avoid"),
        (0.1, "looks like a share"),
        (90, "who would notice"),
        (100, "who would notice"),
        (50, "There are ten"),
        (30, "How many digits"),
        (-5, "between 0 and 100"),
        (1000, "between 0 and 100"),
        ("10 %", "quotation marks"),
    ],
)
def test_wrong_predictions_are_rejected_with_the_reason(answer, words):
    assert words in rejected(q3, answer)


# --- q4: discriminator_input


def planes_of(pictures, labels, classes):
    planes = np.zeros((*pictures.shape[:3], classes), pictures.dtype)
    planes[np.arange(len(labels)), :, :, labels] = 1
    return planes


def joined(*parts, axis=-1):
    return np.concatenate(parts, axis=axis)


@pytest.mark.parametrize("seed", range(5))
def test_broadcast_codes_are_accepted(seed):
    def by_broadcasting(pictures, labels, classes):
        codes = np.eye(classes)[labels][:, None, None, :]
        return joined(pictures, np.broadcast_to(codes, (*pictures.shape[:3], classes)))

    def by_stacking(pictures, labels, classes):
        code = [(labels == number)[:, None, None] * np.ones(pictures.shape[:3]) for number in range(classes)]
        return joined(pictures, np.stack(code, axis=-1))

    assert q4.grade(by_broadcasting, seed=seed).kind == "correct"
    assert q4.grade(by_stacking, seed=seed).kind == "correct"


def one_number(pictures, labels, classes):
    return joined(pictures, np.ones_like(pictures[..., :1]) * labels[:, None, None, None])


def one_pixel(pictures, labels, classes):
    planes = np.zeros((*pictures.shape[:3], classes))
    planes[np.arange(len(labels)), 0, 0, labels] = 1
    return joined(pictures, planes)


def first_label_for_all(pictures, labels, classes):
    return joined(pictures, planes_of(pictures, np.repeat(labels[:1], len(labels)), classes))


def beside_it(pictures, labels, classes):
    wide = np.zeros((*pictures.shape[:2], classes, pictures.shape[3]))
    wide[np.arange(len(labels)), :, labels] = 1
    return joined(pictures, wide, axis=2)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda p, y, k: p, "without any planes"),
        (planes_of, "pictures are missing"),
        (lambda p, y, k: joined(planes_of(p, y, k), p), "in front"),
        (one_number, "One plane for each class"),
        (one_pixel, "Fill all of it"),
        (lambda p, y, k: joined(p, 1 - planes_of(p, y, k)), "exchanged"),
        (lambda p, y, k: joined(p, 2 * planes_of(p, y, k) - 1), "should be 0 and 1"),
        (lambda p, y, k: joined(p, np.ones_like(planes_of(p, y, k))), "whatever the label is"),
        (lambda p, y, k: joined(p, np.zeros_like(planes_of(p, y, k))), "none has been filled"),
        (first_label_for_all, "label of the first one"),
        (lambda p, y, k: joined(p, np.roll(planes_of(p, y, k), 1, -1)), "next class"),
        (beside_it, "beside the picture"),
        (lambda p, y, k: joined(p, planes_of(p, y, k)).mean(axis=(1, 2)), "axes"),
    ],
)
def test_wrong_inputs_are_rejected_with_the_reason(answer, words):
    assert words in rejected(q4, answer)


def test_a_dense_code_behind_flat_pixels_is_rejected():
    def flat(pictures, labels, classes):
        return joined(pictures.reshape(len(pictures), -1), np.eye(classes)[labels])

    assert "2 axes and should have 4" in rejected(q4, flat)
