"""Lesson 04: right answers that are not the printed ones, and plausible wrong ones with the message they get."""

import numpy as np
import pytest

from pix2pix_edu.exercises.lesson_04 import q1, q2, q3, q4
from pix2pix_edu.unet import count_parameters


def rejected(exercise, *answers, seed=0):
    feedback = exercise.grade(*answers, seed=seed)
    assert feedback.kind == "incorrect", feedback
    return feedback.details["likely cause"]


# --- q1: conv_parameters


@pytest.mark.parametrize("seed", range(5))
def test_other_ways_to_count_a_convolution_are_accepted(seed):
    def by_array(kernel, inputs, outputs, bias):
        return np.zeros((kernel, kernel, inputs, outputs)).size + np.zeros(outputs if bias else 0).size

    assert q1.grade(lambda k, i, o, bias: (k**2 * i + int(bias)) * o, seed=seed).kind == "correct"
    assert q1.grade(by_array, seed=seed).kind == "correct"


def test_keras_counts_the_same():
    from pix2pix_edu.backend import layers

    def by_keras(kernel, inputs, outputs, bias):
        layer = layers.Conv2D(outputs, kernel, use_bias=bias)
        layer.build((None, 8, 8, inputs))
        return layer.count_params()

    assert q1.grade(by_keras).kind == "correct"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda k, i, o, bias: k * k * i * o, "biases are missing"),
        (lambda k, i, o, bias: k * k * i * o + o, "Here is no bias"),
        (lambda k, i, o, bias: k * k * i * o + i * bias, "not to one that goes in"),
        (lambda k, i, o, bias: k * k * i * o + bias, "not one for the whole layer"),
        (lambda k, i, o, bias: k * i * o + o * bias, "counts twice"),
        (lambda k, i, o, bias: k * k * o + o * bias, "multiply by `inputs` as well"),
        (lambda k, i, o, bias: k * k * (i + o) + o * bias, "multiply, do not add"),
        (lambda k, i, o, bias: k * k * i + o * bias, "multiply by `outputs` as well"),
        (lambda k, i, o, bias: k + i + o, "Start with one channel out"),
        (lambda k, i, o, bias: (k, k, i, o), "number"),
    ],
)
def test_wrong_counts_of_a_convolution_are_rejected_with_the_reason(answer, words):
    assert words in rejected(q1, answer)


# --- q2: unet_parameters


def count(widths, channels, skips=True, skip_norm=("first", "last"), norm=2, bias=0, last=1, wide=1, head=2):
    """A right answer that collects (in, out, norm) first; its options make it wrong in one place each."""
    rows = []
    for number, (inputs, outputs) in enumerate(zip([channels, *widths], widths, strict=False)):
        place = "first" if number == 0 else "last" if number == len(widths) - 1 else "between"
        rows.append((inputs, outputs, place not in skip_norm))
    inputs = widths[-1]
    for width in widths[-2::-1]:
        rows.append((inputs, wide * width, True))
        inputs = width + (width if skips else 0)
    total = sum(16 * i * o + (norm * o if normed else 0) + bias * o for i, o, normed in rows)
    return total + 16 * channels * (head * widths[0] if skips else inputs) + last * channels


@pytest.mark.parametrize("seed", range(5))
def test_collecting_the_layers_first_is_accepted(seed):
    assert q2.grade(count, seed=seed).kind == "correct"


def test_the_accepted_answer_gives_the_papers_number():
    widths = [64, 128, 256, 512, 512, 512, 512, 512]
    assert count(widths, 3) == count_parameters(256, 64).total == 54_413_955
    assert count(widths, 3, skip_norm=("first",)) == 54_414_979  # the tutorial's
    namespace = {}
    exec(q2.solution_code, namespace)
    assert namespace["unet_parameters"](widths, 3) == 54_413_955


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"skips": False}, "without skips"),
        ({"wide": 2}, "counts what goes in"),
        ({"skip_norm": ("first",)}, "bottleneck has no norm"),
        ({"skip_norm": ("last",)}, "first layer of the encoder has no norm"),
        ({"skip_norm": ()}, "Neither"),
        ({"norm": 0}, "norms are missing"),
        ({"norm": 1}, "scale and shift"),
        ({"norm": 4}, "moving averages"),
        ({"bias": 1}, "Only the last layer has biases"),
        ({"last": 0}, "biases of the last layer"),
        ({"head": 1}, "last decoder block as well"),
        ({"norm": 3}, "count on paper"),
    ],
    ids=str,
)
@pytest.mark.parametrize("seed", range(3))
def test_wrong_totals_are_rejected_with_the_reason(options, words, seed):
    feedback = q2.grade(lambda widths, channels: count(widths, channels, **options), seed=seed)
    assert feedback.kind == "incorrect" and words in feedback.details["likely cause"]


def test_the_encoder_alone_is_not_enough():
    def encoder(widths, channels):
        return sum(16 * i * o for i, o in zip([channels, *widths], widths, strict=False))

    assert "on paper" in rejected(q2, encoder)


# --- q3: transposed_convolution


def with_gaps(signal, kernel, stride):
    """The other way to see it: put zeros between the values, then convolve."""
    spread = np.zeros((len(signal) - 1) * stride + 1)
    spread[::stride] = signal
    return np.convolve(spread, kernel)


def as_matrix(signal, kernel, stride):
    matrix = np.zeros(((len(signal) - 1) * stride + len(kernel), len(signal)))
    for place in range(len(signal)):
        matrix[place * stride : place * stride + len(kernel), place] = kernel
    return matrix @ signal


@pytest.mark.parametrize("seed", range(5))
def test_convolving_a_signal_with_gaps_and_a_matrix_are_accepted(seed):
    assert q3.grade(with_gaps, seed=seed).kind == "correct"
    assert q3.grade(as_matrix, seed=seed).kind == "correct"


def test_keras_gives_the_same():
    from pix2pix_edu.backend import layers

    def by_keras(signal, kernel, stride):
        layer = layers.Conv1DTranspose(1, len(kernel), stride, use_bias=False)
        layer.build((1, len(signal), 1))
        layer.set_weights([kernel.reshape(-1, 1, 1)])
        return np.asarray(layer(signal.reshape(1, -1, 1).astype("float32"))).ravel()

    assert q3.grade(by_keras).kind == "correct"


def overwriting(signal, kernel, stride):
    result = np.zeros((len(signal) - 1) * stride + len(kernel))
    for place, value in enumerate(signal):
        result[place * stride : place * stride + len(kernel)] = value * kernel
    return result


def too_short(signal, kernel, stride):
    return with_gaps(signal, kernel, stride)[: len(signal) * stride]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (overwriting, "add them up"),
        (lambda signal, kernel, stride: with_gaps(signal, kernel[::-1], stride), "wrong way round"),
        (lambda signal, kernel, stride: np.convolve(signal, kernel), "stride has no effect"),
        (lambda signal, kernel, stride: with_gaps(signal, np.ones(1), stride), "gaps"),
        (lambda signal, kernel, stride: with_gaps(np.ones(len(signal)), kernel, stride), "values themselves"),
        (lambda signal, kernel, stride: with_gaps(signal, kernel, stride)[1 : 1 + 2 * len(signal)], "ends are cut off"),
        (too_short, "ends one step too early"),
        (lambda signal, kernel, stride: np.append(with_gaps(signal, kernel, stride), [0] * stride), "too long"),
        (lambda signal, kernel, stride: np.repeat(signal, stride), "shape"),
        (lambda signal, kernel, stride: np.convolve(signal, kernel, "valid"), "ordinary convolution"),
        (lambda signal, kernel, stride: np.zeros((len(signal) - 1) * stride + len(kernel)), "Every value is the same"),
        (lambda signal, kernel, stride: signal, "shape"),
    ],
)
def test_wrong_stamps_are_rejected_with_the_reason(answer, words):
    assert words in rejected(q3, answer)


@pytest.mark.parametrize("seed", range(5))
def test_stamps_without_a_stride_are_told_so_in_an_array_of_the_right_length_as_well(seed):
    def unmoved(signal, kernel, stride):
        result = np.zeros((len(signal) - 1) * stride + len(kernel))
        for place, value in enumerate(signal):
            result[place : place + len(kernel)] += value * kernel
        return result

    assert "stride has no effect" in rejected(q3, unmoved, seed=seed)
    assert "stride has no effect" in rejected(q3, lambda s, k, stride: np.convolve(s, k), seed=seed)


# --- q4: missed_most


@pytest.mark.parametrize("answer", [32, 32.0, np.int64(32)])
def test_the_outermost_is_accepted(answer):
    assert q4.grade(answer).kind == "correct"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (2, "far too few"),
        (4, "far too few"),
        (8, "areas"),
        (16, "Close"),
        (64, "not handed to the decoder"),
        (1, "bottleneck itself"),
        (5, "32, 16, 8, 4 and 2"),
        ("32", "quotation marks"),
        ([32, 16], "more than one number"),
    ],
)
def test_wrong_predictions_are_rejected_with_the_reason(answer, words):
    assert words in rejected(q4, answer)
