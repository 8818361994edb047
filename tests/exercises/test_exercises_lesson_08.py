"""Lesson 08: right answers that are not the printed ones, and plausible wrong ones with the message they get."""

import math

import numpy as np
import pytest

from pix2pix_edu.exercises.lesson_08 import HIGHER_IS_BETTER, q1, q2


def rejected(exercise, answer):
    feedback = exercise.grade(answer)
    assert feedback.kind == "incorrect", feedback
    return feedback.details["likely cause"]


def whole_steps(images, epochs, batch_size, steps_per_second):
    return math.ceil(images / batch_size) * epochs / (3600 * steps_per_second)


def test_counting_whole_steps_is_accepted():
    assert q1.grade(whole_steps).kind == "correct"


def test_the_solution_says_of_the_paper_s_facades_run_what_the_paper_says():
    namespace = {}
    exec(q1.solution_code, namespace)
    assert 1.9 < namespace["training_hours"](400, 200, 1, 11.5) < 2.0


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda images, epochs, batch, speed: images / batch * epochs / speed, "seconds"),
        (lambda images, epochs, batch, speed: images / batch * epochs / speed / 60, "minutes"),
        (lambda images, epochs, batch, speed: images * epochs / speed / 3600, "batch size is missing"),
        (lambda images, epochs, batch, speed: images * batch * epochs / speed / 3600, "divide by"),
        (lambda images, epochs, batch, speed: images / batch / speed / 3600, "single epoch"),
        (lambda images, epochs, batch, speed: images / batch * epochs * speed / 3600, "faster machine"),
        (lambda images, epochs, batch, speed: images / batch * epochs, "number of steps"),
        (lambda images, epochs, batch, speed: 2.0, "Steps = "),
        (lambda images, epochs, batch, speed: images, "Steps = "),
    ],
)
def test_wrong_times_are_rejected_with_the_reason(answer, words):
    assert words in rejected(q1, answer)


def in_plain_python(history, monitor):
    sign = -1 if monitor == "val_l1" else 1
    scores = {epoch: sign * value for epoch, value in enumerate(history[monitor], 1) if not math.isnan(value)}
    return max(scores, key=scores.get)


def index_of(function, offset=1, monitor=None):
    return lambda history, wanted: int(function(history[monitor or wanted])) + offset


def nan_arg(history, monitor, offset=1):
    function = np.nanargmax if HIGHER_IS_BETTER[monitor] else np.nanargmin
    return int(function(history[monitor])) + offset


@pytest.mark.parametrize("seed", range(10))
def test_plain_python_is_accepted(seed):
    assert q2.grade(in_plain_python, seed=seed).kind == "correct"


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda history, monitor: nan_arg(history, monitor, offset=0), "add 1"),
        (index_of(np.nanargmax), "worst epoch"),
        (index_of(np.nanargmin), "worst epoch"),
        (index_of(np.argmax), "NaN"),
        (index_of(np.argmax, offset=0), "NaN counted from 0"),
        (lambda history, monitor: len(history[monitor]), "last epoch"),
        (index_of(np.argmin, monitor="l1"), "training loss"),
        (lambda history, monitor: np.nanmax(history[monitor]), "number of its epoch"),
        (lambda history, monitor: -3, "Look up `history[monitor]`"),
    ],
)
def test_wrong_epochs_are_rejected_with_the_reason(answer, words, seed):
    feedback = q2.grade(answer, seed=seed)
    assert feedback.kind == "incorrect" and words in feedback.details["likely cause"]
