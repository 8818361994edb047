"""Lesson 00: right answers that are not the printed ones, and plausible wrong ones with the message they get."""

import numpy as np
import pytest

from pix2pix_edu.exercises.lesson_00 import q1, q2


def by_sorting(image):
    values = sorted(image.ravel().tolist())
    return [values[0], values[-1]]


def test_another_way_to_the_range_is_accepted():
    assert q1.grade(by_sorting).kind == "correct"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda image: (image.max(), image.min()), "swapped"),
        (lambda image: (0, 255), "What does this picture hold?"),
        (lambda image: (image[0, 0, 0], image[-1, -1, -1]), "first and the last pixel"),
        (lambda image: (image[..., 0].min(), image[..., 0].max()), "one channel"),
        (lambda image: image.max(), "Only one value came back"),
        (lambda image: (image.min(0), image.max(0)), "3 axes and should have 1"),
        (lambda image: image, "Only one value came back"),
    ],
)
def test_wrong_ranges_are_rejected_with_the_reason(answer, words):
    feedback = q1.grade(answer)
    assert feedback.kind == "incorrect" and words in feedback.details["likely cause"]


@pytest.mark.parametrize(
    "answer",
    [
        [100, 140, 3],
        np.zeros((100, 140, 3)).shape,
        np.array([100, 140, 3]),
        (100.0, 140.0, 3.0),
        (np.int64(100), 140, np.float32(3)),
    ],
    ids=str,
)
def test_the_shape_may_be_any_sequence_of_whole_numbers(answer):
    assert q2.grade(answer).kind == "correct"


def test_the_shape_of_a_tensor_is_accepted():
    import tensorflow as tf

    assert q2.grade(tf.zeros((100, 140, 3)).shape).kind == "correct"
    assert q2.grade(tf.constant([100, 140, 3])).kind == "correct"
    assert q2.grade(tf.TensorShape(None)).kind == "incorrect"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((64, 64, 3), "cuts it back"),
        ((128, 192, 3), "cuts the result back"),
        ((140, 100, 3), "height first"),
        ((100, 140), "red, green and blue"),
        ((1, 100, 140, 3), "One picture goes in"),
        ((3, 100, 140), "channels come last"),
        ((50, 70, 3), "height, width and channels"),
        (42000, "tuple of whole numbers"),
        ((100.5, 140, 3), "tuple of whole numbers"),
        ((100, float("nan"), 3), "tuple of whole numbers"),
        ((float("inf"), 140, 3), "tuple of whole numbers"),
        ((100, None, 3), "tuple of whole numbers"),
        ({100, 140, 3}, "tuple of whole numbers"),
        (np.zeros((100, 140, 3)), "tuple of whole numbers"),
        ("(100, 140, 3)", "tuple of whole numbers"),
    ],
)
def test_wrong_shapes_are_rejected_without_giving_the_answer_away(answer, words):
    feedback = q2.grade(answer)
    assert feedback.kind == "incorrect" and words in feedback.details["likely cause"]
    assert "(100, 140, 3)" not in feedback.details["likely cause"] and "expected" not in feedback.details
