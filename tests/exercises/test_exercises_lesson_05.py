"""Lesson 05: right answers that are not the printed ones, and plausible wrong ones with the message they get."""

import numpy as np
import pytest

from pix2pix_edu.exercises.lesson_05 import q1, q2, q3, q4
from pix2pix_edu.patchgan import discriminator_model, patch_of
from pix2pix_edu.patchgan import receptive_field as receptive_field_of

PAPER = [(4, 2, 1), (4, 2, 1), (4, 2, 1), (4, 1, 1), (4, 1, 1)]


def rejected(exercise, *answers, seed=0):
    feedback = exercise.grade(*answers, seed=seed)
    assert feedback.kind == "incorrect", feedback
    return feedback.details["likely cause"]


def solution(exercise):
    namespace = {"np": np}
    exec(exercise.solution_code, namespace)
    return namespace[exercise.answers[0]]


# --- q1: receptive_field


def from_the_output(layers):
    field = 1
    for kernel, stride in reversed(layers):
        field = (field - 1) * stride + kernel
    return field


def as_a_sum(layers):
    kernels, strides = (np.array([layer[part] for layer in layers]) for part in (0, 1))
    return 1 + sum(int((kernel - 1) * np.prod(strides[:number])) for number, kernel in enumerate(kernels))


def with_sets(layers):
    """No arithmetic at all: which pixels does the first output see?"""
    seen = [{place} for place in range(1200)]
    for kernel, stride in layers:
        seen = [set().union(*seen[start : start + kernel]) for start in range(0, len(seen) - kernel + 1, stride)]
    return len(seen[0])


@pytest.mark.parametrize("answer", [from_the_output, as_a_sum, with_sets])
@pytest.mark.parametrize("seed", range(5))
def test_other_ways_to_a_receptive_field_are_accepted(answer, seed):
    assert q1.grade(answer, seed=seed).kind == "correct"


@pytest.mark.parametrize("answer", [from_the_output, as_a_sum, with_sets, solution(q1)])
def test_the_accepted_answers_give_what_the_library_reads_from_the_models(answer):
    for field, strided in {16: 1, 34: 2, 70: 3, 142: 4, 286: 5}.items():
        stack = [(4, 2)] * strided + [(4, 1)] * 2
        assert answer(stack) == field == receptive_field_of(discriminator_model(256, 2, field))


def loop(layers, add, then=None, field=1, before=None):
    """The recursion with its parts exchanged."""
    jump = 1
    for kernel, stride in layers:
        jump = before(jump, stride) if before else jump
        field += add(kernel, jump)
        jump = then(jump, stride) if then else jump
    return field


def times(jump, stride):
    return jump * stride


def one_less(kernel, jump):
    return (kernel - 1) * jump


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda layers: loop(layers, one_less), "The jump is missing"),
        (lambda layers: loop(layers, one_less, before=times), "multiplied the jump before you added"),
        (lambda layers: loop(layers, lambda kernel, jump: kernel * jump, times), "a kernel adds kernel - 1"),
        (lambda layers: loop(layers[::-1], one_less, times), "wrong end"),
        (lambda layers: loop(layers, one_less, times, field=0), "without any layer the field is 1"),
        (lambda layers: loop(layers, one_less, lambda jump, stride: jump + stride), "Jumps multiply"),
        (lambda layers: loop(layers, one_less, lambda jump, stride: stride), "product of all strides so far"),
        (lambda layers: loop(layers, one_less, lambda jump, stride: 2 * jump), "stride of 2 for every layer"),
        (lambda layers: int(np.prod([stride for _, stride in layers])), "how far apart"),
        (lambda layers: sum(kernel for kernel, _ in layers), "Adding up the kernels"),
        (lambda layers: 70, "on paper"),
        (lambda layers: [len(layers)], "with one number in it"),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_wrong_fields_are_rejected_with_the_reason(answer, words, seed):
    assert words in rejected(q1, answer, seed=seed)


def test_going_back_from_the_output_without_the_minus_one_is_recognised():
    def answer(layers):
        field = 1
        for kernel, stride in reversed(layers):
            field = field * stride + kernel
        return field

    assert "(field - 1) * stride + kernel" in rejected(q1, answer)


# --- q2: logits_per_side


def by_counting(size, layers):
    for kernel, stride, padding in layers:
        size = len(range(0, size + 2 * padding - kernel + 1, stride))
    return size


def by_rounding_up(size, layers):
    for kernel, stride, padding in layers:
        size = int(np.ceil((size + 2 * padding - kernel + 1) / stride))
    return size


def by_convolving(size, layers):
    signal = np.ones(size)
    for kernel, stride, padding in layers:
        signal = np.convolve(np.pad(signal, padding), np.ones(kernel), "valid")[::stride]
    return len(signal)


@pytest.mark.parametrize("answer", [by_counting, by_rounding_up, by_convolving])
@pytest.mark.parametrize("seed", range(5))
def test_other_ways_to_count_the_logits_are_accepted(answer, seed):
    assert q2.grade(answer, seed=seed).kind == "correct"


@pytest.mark.parametrize("size", [32, 64, 128, 256, 512])
def test_the_accepted_answers_give_what_keras_builds(size):
    expected = discriminator_model(size, 2, 70).output_shape[1]
    assert {answer(size, PAPER) for answer in (by_counting, by_rounding_up, solution(q2))} == {expected}


def count(size, layers, pad=2, one=1, up=False):
    for kernel, stride, padding in layers:
        places = (size + pad * padding - kernel) / stride
        size = int(np.ceil(places) if up else np.floor(places)) + one
    return size


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda size, layers: count(size, layers, one=0), "One place is missing"),
        (lambda size, layers: count(size, layers, pad=1), "counts twice"),
        (lambda size, layers: count(size, layers, pad=0), "padding has no effect"),
        (lambda size, layers: count(size, layers, up=True), "round down"),
        (lambda size, layers: size // int(np.prod([stride for _, stride, _ in layers])), "only half of it"),
        (lambda size, layers: count(size, layers[::-1]), "wrong end"),
        (lambda size, layers: count(size, layers) ** 2, "one side"),
        (lambda size, layers: 30, "on paper"),
        (lambda size, layers: size, "on paper"),
        (lambda size, layers: np.zeros((size, size)), "numbers where one is asked for"),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_wrong_counts_of_logits_are_rejected_with_the_reason(answer, words, seed):
    assert words in rejected(q2, answer, seed=seed)


# --- q3: patch_rows


def from_the_picture(row, layers):
    """Field, jump and offset in one pass from the first layer on."""
    field, jump, offset = 1, 1, 0
    for kernel, stride, padding in layers:
        field, offset = field + (kernel - 1) * jump, offset - padding * jump
        jump *= stride
    return row * jump + offset, row * jump + offset + field


def as_sets(row, layers):
    seen = {row}
    for kernel, stride, padding in reversed(layers):
        seen = {place * stride - padding + step for place in seen for step in range(kernel)}
    return np.array([min(seen), max(seen) + 1])


@pytest.mark.parametrize("answer", [from_the_picture, as_sets])
@pytest.mark.parametrize("seed", range(5))
def test_other_ways_to_find_a_patch_are_accepted(answer, seed):
    assert q3.grade(answer, seed=seed).kind == "correct"


@pytest.mark.parametrize("row", [0, 3, 13])
def test_the_accepted_answers_give_what_the_library_finds(row):
    patch = patch_of(discriminator_model(128, 2, 70), row, 0)
    for answer in (from_the_picture, as_sets, solution(q3)):
        assert tuple(answer(row, PAPER)) == (patch.top, patch.bottom)


def padding_not_spread(row, layers):
    top, bottom = from_the_picture(row, [(*pair, 0) for *pair, _ in layers])
    shift = sum(padding for _, _, padding in layers)
    return top - shift, bottom - shift


def tile(row, layers):
    jump = int(np.prod([stride for _, stride, _ in layers]))
    return row * jump, (row + 1) * jump


def side_by_side(row, layers):
    top, bottom = from_the_picture(0, layers)
    return row * (bottom - top), (row + 1) * (bottom - top)


def own_part(row, layers):
    top = from_the_picture(row, layers)[0]
    return top, top + int(np.prod([stride for _, stride, _ in layers]))


def moved_by_row(row, layers):
    top, bottom = from_the_picture(0, layers)
    return top + row, bottom + row


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            lambda row, layers: (from_the_picture(row, layers)[0], from_the_picture(row, layers)[1] - 1),
            "after the last",
        ),
        (lambda row, layers: (from_the_picture(row, layers)[0], from_the_picture(row, layers)[1] + 1), "one row less"),
        (lambda row, layers: from_the_picture(row, [(*pair, 0) for *pair, _ in layers]), "padding is missing"),
        (padding_not_spread, "worth more than one pixel"),
        (moved_by_row, "a whole jump apart"),
        (own_part, "too short"),
        (tile, "tiles that touch"),
        (side_by_side, "not one field"),
        (lambda row, layers: from_the_picture(row, layers)[::-1], "swapped"),
        (lambda row, layers: from_the_picture(row, layers[::-1]), "wrong end"),
        (lambda row, layers: from_the_picture(row, layers)[0], "top, bottom"),
        (lambda row, layers: (0, 70), "on paper"),
        (lambda row, layers: (row, row + 1), "on paper"),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_wrong_patches_are_rejected_with_the_reason(answer, words, seed):
    assert words in rejected(q3, answer, seed=seed)


def test_a_clipped_patch_is_recognised():
    def clipped(row, layers):
        top, bottom = from_the_picture(row, layers)
        return max(top, 0), bottom

    assert "clipped" in rejected(q3, clipped)


# --- q4: blind


@pytest.mark.parametrize("answer", [1, 1.0, np.int64(1)])
def test_the_field_of_one_pixel_is_accepted(answer):
    assert q4.grade(answer).kind == "correct"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (16, "smooth wall has become noise"),
        (34, "whole windows"),
        (70, "half of the house"),
        (142, "see the least"),
        (2, "their fields are 1, 16, 34, 70 and 142"),
        (0, "no such discriminator"),
        (float("nan"), "no such discriminator"),
        ("1", "quotation marks"),
        ([1, 16], "more than one number"),
    ],
)
def test_wrong_predictions_are_rejected_with_the_reason(answer, words):
    assert words in rejected(q4, answer)
