"""Lesson 08: right answers that are not the printed ones, and plausible wrong ones with the message they get."""

import math

import numpy as np
import pytest

from pix2pix_edu.exercises.lesson_08 import HIGHER_IS_BETTER, q1, q2, q3, q4


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


def best_of_those_left(history, monitor):
    values = np.array(history[monitor])
    values = values[~np.isnan(values)]
    return int(np.argmax(values) if HIGHER_IS_BETTER[monitor] else np.argmin(values)) + 1


def by_max(values, monitor):
    best = max(values) if HIGHER_IS_BETTER[monitor] else min(values)
    return values.index(best) + 1


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
        (lambda history, monitor: best_of_those_left(history, monitor), "moves all later ones up"),
        (lambda history, monitor: best_of_those_left(history, monitor) - 1, "And indices count from 0"),
        (lambda history, monitor: by_max(history[monitor], monitor), "a NaN that comes first"),
        (lambda history, monitor: len(history[monitor]), "last epoch"),
        (index_of(np.argmin, monitor="l1"), "training loss"),
        (lambda history, monitor: np.nanmax(history[monitor]), "number of its epoch"),
        (lambda history, monitor: -3, "Look up `history[monitor]`"),
    ],
)
def test_wrong_epochs_are_rejected_with_the_reason(answer, words, seed):
    feedback = q2.grade(answer, seed=seed)
    assert feedback.kind == "incorrect" and words in feedback.details["likely cause"]


# --- A weight in bfloat16 ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [1, 1.0, np.float32(1), np.ones(())])
def test_the_weight_that_does_not_move_is_accepted(answer):
    assert q3.grade(answer).kind == "correct"


def test_bfloat16_really_behaves_so():
    import ml_dtypes

    weight = ml_dtypes.bfloat16(1)
    for _ in range(1000):
        weight = ml_dtypes.bfloat16(float(weight) + 0.001)
    assert q3.grade(float(weight)).kind == "correct"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (2.0, "what float32 gives"),
        (1.001, "1/128"),
        (1 + 1 / 128, "falls back"),
        (0, "does not vanish"),
        (1.5, "one single addition"),
        (float("nan"), ""),
    ],
)
def test_other_weights_are_rejected_with_the_reason(answer, words):
    assert words in rejected(q3, answer)


# --- What training keeps in memory ------------------------------------------------------------------------------------


def in_one_line(layers, batch_size):
    return sum(16 * parameters + 4 * batch_size * channels * size**2 for size, channels, parameters in layers)


@pytest.mark.parametrize("seed", range(5))
def test_one_line_of_memory_is_accepted(seed):
    assert q4.grade(in_one_line, seed=seed).kind == "correct"


def memory(copies=4, bytes_each=4, per_picture=True, square=2, use_channels=True, everything_times_batch=False):
    def answer(layers, batch_size):
        parameters = copies * sum(count for _, _, count in layers)
        numbers = sum(size**square * (channels if use_channels else 1) for size, channels, _ in layers)
        if everything_times_batch:
            return bytes_each * batch_size * (parameters + numbers)
        return bytes_each * (parameters + (batch_size if per_picture else 1) * numbers)

    return answer


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (memory(bytes_each=1), "Each takes 4 bytes"),
        (memory(copies=2), "averages are missing"),
        (memory(copies=3), "One of four"),
        (memory(copies=1), "three more numbers"),
        (memory(per_picture=False), "Multiply them by the batch size"),
        (memory(everything_times_batch=True), "not copied for each picture"),
        (memory(square=1), "squared"),
        (memory(use_channels=False), "channels are missing"),
        (memory(bytes_each=8), "float64"),
        (lambda layers, batch_size: 16 * sum(count for _, _, count in layers), "activations are missing"),
        (lambda layers, batch_size: 4 * batch_size * sum(s * s * c for s, c, _ in layers), "come on top"),
        (lambda layers, batch_size: memory()(layers[-1:], batch_size), "last layer only"),
        (lambda layers, batch_size: 10**9, "Bytes = "),
    ],
)
def test_wrong_memory_is_rejected_with_the_reason(answer, words, seed):
    feedback = q4.grade(answer, seed=seed)
    assert feedback.kind == "incorrect" and words in feedback.details["likely cause"]
