"""The comparisons: what is accepted, what is rejected, and whether the likely cause is the true one."""

import math

import numpy as np
import pytest

from pix2pix_edu.exercises.compare import Wrong, as_numbers, describe, likely_cause, number, parts, require, same

PICTURE = np.random.default_rng(0).uniform(0.1, 5.0, (4, 5, 3))


def cause_of(received, expected, **options):
    with pytest.raises(Wrong) as caught:
        same(received, expected, "something", **options)
    assert caught.value.received and caught.value.expected
    return caught.value.cause


@pytest.mark.parametrize(
    "received",
    [PICTURE, PICTURE.tolist(), PICTURE + 1e-7, PICTURE.astype(np.float32)],
    ids=["itself", "a list", "rounding error", "float32"],
)
def test_equal_numbers_in_any_wrapping_are_accepted(received):
    same(received, PICTURE, "a picture")


@pytest.mark.parametrize(
    ("received", "expected", "words"),
    [
        (-PICTURE, PICTURE, "sign"),
        (2 * PICTURE, PICTURE, "twice as large"),
        (PICTURE / 2, PICTURE, "half as large"),
        (PICTURE / 255, PICTURE, "255 times too small"),
        (3.7 * PICTURE, PICTURE, "3.7 times"),
        (PICTURE + 0.25, PICTURE, "off by +0.25"),
        (2.5 * PICTURE - 1, PICTURE, "2.5 times what it should be, and shifted by -1"),
        (PICTURE[::-1], PICTURE, "upside down"),
        (PICTURE[:, ::-1], PICTURE, "mirrored"),
        (PICTURE[..., ::-1], PICTURE, "third axis is reversed"),
        (PICTURE[:, :4].swapaxes(0, 1), PICTURE[:, :4], "transposed"),
        (np.moveaxis(PICTURE, -1, 0), PICTURE, "axes are in another order"),
        (PICTURE[None], PICTURE, "axis of length 1"),
        (PICTURE[:2], PICTURE, "shape differs"),
        (PICTURE[..., 0], PICTURE, "2 axes and should have 3"),
        (PICTURE.mean(), PICTURE, "one number for the whole array"),
        (PICTURE, PICTURE.mean(), "60 numbers where one is asked for"),
        ([7.0], 8.0, "one number in it"),
        (np.full_like(PICTURE, 3.0), PICTURE, "does not depend on the input"),
        (np.where(PICTURE > 4, np.nan, PICTURE), PICTURE, "NaN"),
        (np.where(np.arange(3) == 0, 9 * PICTURE**2, PICTURE), PICTURE, "67% of the values agree"),
        (PICTURE**2 + 7, PICTURE, "No value agrees"),
        (math.log(3) / math.log(2), math.log(3), "base 2"),
        (1.234, 3.0, ""),
    ],
)
def test_the_likely_cause_is_the_true_one(received, expected, words):
    cause = cause_of(received, expected)
    assert words in cause and bool(words) == bool(cause)


def test_a_sum_instead_of_a_mean_is_recognised_and_the_other_way_round():
    assert "sum where the mean over 60 values" in cause_of(PICTURE.sum(), PICTURE.mean(), terms=60)
    assert "mean where the sum over 60 values" in cause_of(PICTURE.mean(), PICTURE.sum(), terms=60)


def test_values_cut_off_instead_of_rounded_are_recognised():
    values = np.random.default_rng(1).uniform(0, 255, (4, 4))
    assert "rounded" in cause_of(np.floor(values).astype(np.uint8), np.round(values).astype(np.uint8))


def test_a_foreseen_mistake_comes_before_a_general_one_and_before_otherwise():
    suspects = {"You doubled it.": 2 * PICTURE}
    assert cause_of(2 * PICTURE, PICTURE, suspects=suspects, otherwise="no idea") == "You doubled it."
    assert cause_of(3 * PICTURE, PICTURE, suspects=suspects, otherwise="no idea") == "no idea"


def test_right_values_of_the_wrong_type_are_rejected_only_where_the_type_matters():
    pixels = np.array([[1, 2], [3, 4]])
    same(pixels.astype(float), pixels, "pixels")
    assert "type is float64" in cause_of(pixels.astype(float), pixels, dtype=np.uint8)
    assert "type is int64" in cause_of(pixels.astype(np.int64), pixels, dtype=np.floating)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("text", "This is text where numbers"),
        ([1, [2, 3]], "different shapes"),
        (([np.zeros(2)], [np.zeros((2, 2))]), "different shapes"),
        ([1, "two"], "text among the numbers"),
        ([1, None], "give `np.nan`"),
        ((np.min, np.max), "brackets"),
        ((x for x in range(3)), "a generator"),
        (map(abs, [1]), "a generator"),
        ([1, {2: 3}], "not numbers"),
        (len, "brackets"),
        ({"a": 1}, "not numbers"),
        (1 + 2j, "not numbers"),
    ],
)
def test_what_is_no_number_is_rejected(value, words):
    with pytest.raises(Wrong) as caught:
        as_numbers(value, "an answer")
    assert words in caught.value.cause


def test_the_shape_is_named_even_where_the_author_has_words_of_his_own():
    assert "one number in it" in cause_of([3.0], 3.0, otherwise="no idea")
    assert "axis of length 1" in cause_of(PICTURE[None], PICTURE, otherwise="no idea")
    assert cause_of(PICTURE[:2], PICTURE, otherwise="no idea") == "no idea"
    assert cause_of([3.0], 3.0, suspects={"In a list.": [3.0]}) == "In a list."


def test_what_looks_the_same_in_four_digits_is_said_to_differ():
    said = cause_of([0.36104, 0.45972], [0.361, 0.4597], otherwise="no idea")
    assert "agree in the digits that are shown" in said and "4e-05" in said


def test_halves_of_a_float_are_numbers():
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    same(bfloat16(0.5), 0.5, "a half")
    same(np.array([1, 2], bfloat16), [1, 2], "two numbers")
    assert describe(np.array([1.5, 2], bfloat16)) == "[1.5, 2], float32"


def test_whole_numbers_are_shown_whole():
    assert describe(np.array([50750, 0])) == "[50750, 0], int64"


def test_a_tensor_that_needs_its_gradient_removed_is_read():
    class Tensor:
        def detach(self):
            return np.array([1.0, 2.0])

    assert as_numbers(Tensor(), "a tensor").tolist() == [1.0, 2.0]


@pytest.mark.parametrize("value", [3, np.zeros((4, 2)), (1, 2, 3), "ab", {"a": 1, "b": 2}, np.array(3)])
def test_the_wrong_number_of_parts_is_rejected_with_what_to_return(value):
    with pytest.raises(Wrong) as caught:
        parts(value, ("source", "target"), "the result")
    assert "return source, target" in caught.value.cause


def test_a_number_is_taken_from_whatever_holds_one_number():
    assert number(np.array([[2]]), "it") == 2.0 and number(True, "it") == 1.0
    for value, words in (("2", "quotation marks"), ([1, 2], "more than one")):
        with pytest.raises(Wrong) as caught:
            number(value, "it")
        assert words in caught.value.cause


def test_a_failed_requirement_carries_the_author_s_words():
    with pytest.raises(Wrong) as caught:
        require(False, "the order", received="b, a", expected="a, b", cause="It is not sorted.")
    assert (caught.value.checked, caught.value.received) == ("the order", "b, a")
    require(True, "the order")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.float32(0.5), "0.5"),
        (np.int64(3), "3"),
        (np.array(2.5), "2.5"),
        ((1.0, "x"), "(1, 'x')"),
        ((1,), "(1,)"),
        ([1, 2], "[1, 2]"),
        (np.array([1.5, 2.0]), "[1.5, 2], float64"),
        (np.arange(20, dtype=np.uint8), "array of shape (20,), uint8, 0 to 19"),
        (np.zeros((0, 3)), "empty array of shape (0, 3)"),
        (np.array(["a", "b"]), "array of shape (2,), <U1"),
        (len, "a function (len)"),
        ("x" * 100, "'" + "x" * 76 + "..."),
    ],
)
def test_values_are_described_in_a_few_words(value, words):
    assert describe(value) == words


def test_two_wrong_numbers_are_not_explained_by_a_factor_that_means_nothing():
    assert likely_cause(np.array([3.0, 5.0]), np.array([1.0, 2.0])) == "No value agrees."
