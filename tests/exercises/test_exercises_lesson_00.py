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


def test_the_shape_may_be_a_list_or_hold_numpy_numbers():
    assert q2.grade([100, 140, 3]).kind == "correct"
    assert q2.grade(np.zeros((100, 140, 3)).shape).kind == "correct"


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
        ("(100, 140, 3)", "tuple of whole numbers"),
    ],
)
def test_wrong_shapes_are_rejected_without_giving_the_answer_away(answer, words):
    feedback = q2.grade(answer)
    assert feedback.kind == "incorrect" and words in feedback.details["likely cause"]
    assert "(100, 140, 3)" not in feedback.details["likely cause"] and "expected" not in feedback.details
