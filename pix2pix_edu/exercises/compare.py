"""Compare what a learner's code gave with what it should give, and say what probably went wrong.

A checker calls these functions like assertions. Each one passes in silence or raises `Wrong`, which holds what was
received, what was expected and the likely cause. `same` looks for the cause in two places: first among the `suspects`,
the mistakes that the author of the exercise foresaw, then among those that everybody makes (a swapped axis, a lost
sign, a factor, a sum instead of a mean).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")  # in memory: another one each time, and of no use to anybody
NEARLY = 1e-3  # relative: what differs by less looks the same in four digits
FULL_ARRAY = 8  # arrays up to so many numbers are shown whole
COARSE_FLOATS = ("bfloat16", "float8_e4m3fn", "float8_e5m2")
KNOWN_FACTORS = {
    2.0: "twice as large as it should be",
    0.5: "half as large as it should be",
    100.0: "100 times too large",
    0.01: "100 times too small",
    60.0: "60 times too large: minutes and hours, or seconds and minutes, may be mixed up",
    1 / 60: "60 times too small: minutes and hours, or seconds and minutes, may be mixed up",
    3600.0: "3,600 times too large: are these seconds where hours are asked for?",
    1 / 3600: "3,600 times too small: are these hours where seconds are asked for?",
    255.0: "255 times too large: 0 to 255 and 0 to 1 may be mixed up",
    1 / 255: "255 times too small: 0 to 255 and 0 to 1 may be mixed up",
    1 / math.log(2): "a logarithm to base 2; the natural logarithm (np.log) is meant",
    1 / math.log(10): "a logarithm to base 10; the natural logarithm (np.log) is meant",
}


class Wrong(Exception):
    """An answer that is not right (yet).

    Args:
        checked: what was looked at, such as "the source of a 4 x 6 picture".
        received: what the learner's code gave, in words.
        expected: what it should have given, in words; empty where that would give the answer away.
        cause: the likely cause, one or two sentences.
    """

    def __init__(self, checked: str, *, received: str = "", expected: str = "", cause: str = "") -> None:
        super().__init__(checked)
        self.checked, self.received, self.expected, self.cause = checked, received, expected, cause


# --- Assertions for checkers ------------------------------------------------------------------------------------------


def same(
    received: Any,
    expected: Any,
    checked: str,
    *,
    suspects: Mapping[str, Any] | None = None,
    dtype: Any = None,
    tolerance: float = 1e-5,
    terms: int | None = None,
    otherwise: str = "",
) -> None:
    """Require equal numbers, up to `tolerance` relative to the largest expected one.

    Args:
        received: what the learner's code gave: a number, a sequence, or an array or tensor of any library.
        expected: the right answer.
        checked: what is compared, for the message.
        suspects: foreseen mistakes: the likely cause in words, and the value that this mistake gives.
        dtype: the type that is required as well, such as `np.uint8` or `np.floating`; None accepts any numbers.
        tolerance: relative; loss values in float32 agree to 1e-5.
        terms: how many numbers are averaged; lets the message name a sum where the mean is meant.
        otherwise: the likely cause if none of the suspects fits; without it, `likely_cause` looks for one.

    Raises:
        Wrong: if they differ.

    >>> same([1.0, 2.0], [1, 2], "two numbers")
    >>> try:
    ...     same(12.0, 3.0, "the loss", terms=4)
    ... except Wrong as wrong:
    ...     print(wrong.cause)
    It is 4 times too large: a sum where the mean over 4 values is meant.
    """
    value, target = as_numbers(received, checked), np.asarray(expected)
    if _equal(value, target, tolerance):
        if dtype is not None and not np.issubdtype(value.dtype, dtype):
            raise Wrong(
                checked,
                received=describe(value),
                expected=f"the same values as {_type_name(dtype)}",
                cause=f"The values are right, but their type is {value.dtype}.",
            )
        return
    foreseen = [cause for cause, mistake in (suspects or {}).items() if _equal(value, np.asarray(mistake), tolerance)]
    words = describe(value), describe(target)
    if foreseen:
        cause = foreseen[0]
    elif value.shape != target.shape:
        cause = _shape_cause(value, target, otherwise)
    elif words[0] == words[1] and _equal(value, target, NEARLY):
        cause = _alike_cause(value, target)
    else:
        cause = otherwise or likely_cause(value, target, terms=terms)
    raise Wrong(checked, received=words[0], expected=words[1], cause=cause)


def require(condition: bool, checked: str, *, received: str = "", expected: str = "", cause: str = "") -> None:
    """Require a condition that the exercise's author put into words.

    >>> require(2 > 1, "an order")
    """
    if not condition:
        raise Wrong(checked, received=received, expected=expected, cause=cause)


def parts(value: Any, names: Sequence[str], checked: str) -> tuple[Any, ...]:
    """Take apart an answer that should have several parts, such as (source, target).

    Raises:
        Wrong: if there are more or fewer parts, or none at all.

    >>> parts([1, 2], ("source", "target"), "the result")
    (1, 2)
    """
    try:
        pieces = (value,) if isinstance(value, (str, bytes, Mapping)) else tuple(value)
    except TypeError:  # a single number cannot be taken apart
        pieces = (value,)
    if len(pieces) != len(names):
        one = len(pieces) == 1 or isinstance(value, np.ndarray)
        cause = "Only one value came back." if one else f"{len(pieces)} values came back."
        cause += f" End with `return {', '.join(names)}`."
        wanted = f"{len(names)} values: {', '.join(names)}"
        raise Wrong(checked, received=describe(value), expected=wanted, cause=cause)
    return pieces


def number(value: Any, checked: str) -> float:
    """Take an answer that should be one number.

    Raises:
        Wrong: if it is text, an array with more than one element, or no number at all.

    >>> number(np.array([3]), "your prediction")
    3.0
    """
    if isinstance(value, str):
        cause = "This is text. Write the number without quotation marks, units or percent sign."
        raise Wrong(checked, received=describe(value), expected="one number", cause=cause)
    array = as_numbers(value, checked)
    if array.size != 1:
        raise Wrong(checked, received=describe(value), expected="one number", cause="This is more than one number.")
    return float(array.reshape(()))


def as_numbers(value: Any, checked: str) -> np.ndarray:
    """Turn a number, a sequence or any library's tensor into a NumPy array.

    Raises:
        Wrong: if that is impossible.

    >>> as_numbers((1, 2), "a pair").tolist()
    [1, 2]
    """
    array = _to_array(value)
    if array is None:
        raise Wrong(checked, received=describe(value), expected="numbers", cause=_no_numbers_cause(value))
    return array


def _no_numbers_cause(value: Any) -> str:
    """Why something could not be turned into an array of numbers."""
    if isinstance(value, Iterator):
        return "This is a generator, which gives its values only when it is asked: make a list of it."
    inside = list(_leaves(value))
    if any(callable(item) for item in inside):
        return "This is a function that has not been called: are brackets missing?"
    if any(isinstance(item, (str, bytes)) for item in inside):
        return "This is text where numbers are asked for." if inside == [value] else "There is text among the numbers."
    if any(item is None for item in inside):
        return "`None` is not a number. Where there is no number, give `np.nan`."
    if len(inside) > 1 and all(_to_array(item) is not None for item in inside):
        return "The parts have different shapes."
    return "These are not numbers."


def _leaves(value: Any) -> Iterator[Any]:
    """What is in a list of lists, whatever its depth; the value itself if it is no list."""
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def _to_array(value: Any) -> np.ndarray | None:
    """The numbers in `value`, or None if it holds something else."""
    detach = getattr(value, "detach", None)  # PyTorch tensors that need a gradient refuse to become arrays
    try:
        array = np.asarray(detach() if callable(detach) else value)
        if array.dtype.name in COARSE_FLOATS:  # NumPy itself does not count these among its numbers
            array = array.astype(np.float32)
    except (ValueError, TypeError, RuntimeError):
        return None
    return array if array.dtype.kind in "biuf" else None


# --- What probably went wrong -----------------------------------------------------------------------------------------


def likely_cause(received: np.ndarray, expected: np.ndarray, *, terms: int | None = None) -> str:
    """One sentence about the most likely reason for the difference, from the mistakes that everybody makes.

    >>> likely_cause(np.array([-1.0, -2.0, 4.0]), np.array([1.0, 2.0, -4.0]))
    'The sign is the wrong way round.'
    """
    if received.shape != expected.shape:
        return _shape_cause(received, expected)
    actual, wanted = received.astype(np.float64), expected.astype(np.float64)
    if not np.isfinite(actual).all():
        return "It contains NaN or infinity: look for a division by zero or the logarithm of zero."
    if np.array_equal(actual, -wanted):
        return "The sign is the wrong way round."
    if actual.size > 1 and np.ptp(actual) == 0 and np.ptp(wanted) > 0:
        return "Every value is the same: the result does not depend on the input."
    return (
        _order_cause(actual, wanted)
        or _factor_cause(actual, wanted, terms)
        or _integer_cause(received, expected)
        or _agreement_cause(actual, wanted)
    )


def _shape_cause(received: np.ndarray, expected: np.ndarray, otherwise: str = "") -> str:
    """What a shape gives away; `otherwise` takes the place of a cause that says next to nothing."""
    if received.ndim == 0:
        return "It is one number for the whole array: the result should keep the axes."
    if expected.ndim == 0:
        if received.size == 1:
            return "It is an array or a list with one number in it, where the number itself is asked for."
        return (
            f"It is {received.size} numbers where one is asked for: a mean or a sum over all axes may be missing, "
            "or more came back than was asked for."
        )
    if received.squeeze().shape == expected.squeeze().shape:
        return "The shapes differ by an axis of length 1: one too many, or one missing."
    if otherwise:
        return otherwise
    if sorted(received.shape) == sorted(expected.shape):
        return "The axes are in another order. Pictures are (height, width, channels), in this order."
    if received.ndim != expected.ndim:
        return f"It has {received.ndim} axes and should have {expected.ndim}."
    return "The shape differs."


def _alike_cause(received: np.ndarray, expected: np.ndarray) -> str:
    """Both look the same in the digits that a message has room for."""
    off = float(np.abs(received.astype(np.float64) - expected).max())
    return (
        f"They agree in the digits that are shown, and differ by up to {off:.2g}. Are values rounded on the way, or "
        "written into the code where an argument is to be used?"
    )


def _order_cause(actual: np.ndarray, wanted: np.ndarray) -> str:
    """Right values in the wrong order."""
    flips = {"first": "upside down, or back to front", "second": "mirrored left to right", "third": "reversed"}
    for axis, (which, how) in zip(range(actual.ndim), flips.items(), strict=False):
        if np.allclose(np.flip(actual, axis), wanted):
            return f"The values are right, but the {which} axis is {how}."
    if actual.ndim >= 2 and actual.shape[0] == actual.shape[1] and np.allclose(np.swapaxes(actual, 0, 1), wanted):
        return "The values are right, but the first two axes are swapped (transposed)."
    return ""


def _factor_cause(actual: np.ndarray, wanted: np.ndarray, terms: int | None) -> str:
    """A constant factor or a constant shift between the two."""
    if terms is not None and terms > 1:
        if np.allclose(actual, wanted * terms):
            return f"It is {terms} times too large: a sum where the mean over {terms} values is meant."
        if np.allclose(actual * terms, wanted):
            return f"It is {terms} times too small: a mean where the sum over {terms} values is meant."
    for factor, words in KNOWN_FACTORS.items():
        if np.allclose(actual, wanted * factor) and np.any(wanted):
            return f"It is {words}."
    if np.unique(wanted).size < 3:  # with one or two numbers there is always a factor: it would mean nothing
        return ""
    slope, shift = np.polyfit(wanted.ravel(), actual.ravel(), 1)
    if not np.allclose(slope * wanted + shift, actual, atol=1e-6 * np.abs(wanted).max()):
        return ""
    if abs(shift) <= 1e-6 * np.abs(actual).max():
        return f"Every value is {slope:.4g} times what it should be: look for a missing or extra factor."
    if abs(slope - 1) <= 1e-6:
        return f"Every value is off by {shift:+.4g}."
    return f"Every value is {slope:.4g} times what it should be, and shifted by {shift:+.4g}: check the range."


def _integer_cause(received: np.ndarray, expected: np.ndarray) -> str:
    """A mistake that only whole numbers show: decimals were cut off."""
    if received.dtype.kind not in "iu" or expected.dtype.kind not in "iu":
        return ""
    if np.abs(received.astype(np.int64) - expected.astype(np.int64)).max() > 1:
        return ""
    return "Some values are off by one: are decimals cut off where they should be rounded (np.round)?"


def _agreement_cause(actual: np.ndarray, wanted: np.ndarray) -> str:
    if actual.size == 1:
        return ""
    share = float(np.isclose(actual, wanted).mean())
    if share == 0:
        return "No value agrees."
    return f"{share:.0%} of the values agree." if share >= 0.01 else "Almost no value agrees."


# --- Words for values -------------------------------------------------------------------------------------------------


def describe(value: Any) -> str:
    """A value in a few words: small things whole, big arrays by shape, type and range.

    >>> describe(np.zeros((4, 6, 3), np.uint8))
    'array of shape (4, 6, 3), uint8, all 0'
    >>> describe((1, "two"))
    "(1, 'two')"
    """
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if isinstance(value, (float, np.floating)):
        return f"{float(value):.6g}"
    if isinstance(value, np.generic):
        return str(value.item())
    if isinstance(value, (tuple, list)) and len(value) <= FULL_ARRAY:
        opening, closing = ("(", ")") if isinstance(value, tuple) else ("[", "]")
        inside = ", ".join(describe(item) for item in value)
        return opening + inside + ("," if isinstance(value, tuple) and len(value) == 1 else "") + closing
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return _describe_array(value)
    if callable(value):
        return f"a function ({getattr(value, '__name__', type(value).__name__)})"
    text = ADDRESS.sub("", repr(value))
    return text if len(text) <= 80 else text[:77] + "..."


def _describe_array(value: Any) -> str:
    array = _to_array(value)
    if array is None:
        return f"array of shape {tuple(value.shape)}, {value.dtype}"
    if array.size == 0:
        return f"empty array of shape {array.shape}"
    if array.ndim == 1 and array.size <= FULL_ARRAY:
        return "[" + ", ".join(map(_digits, array.tolist())) + f"], {array.dtype}"
    low, high = _digits(array.min().item()), _digits(array.max().item())
    values = f"all {low}" if low == high else f"{low} to {high}"
    return f"array of shape {array.shape}, {array.dtype}, {values}"


def _digits(number: float) -> str:
    """Whole numbers whole, others with four digits."""
    return str(number) if isinstance(number, int) else f"{number:.4g}"


def _type_name(dtype: Any) -> str:
    names = {np.floating: "floats", np.integer: "whole numbers"}
    return names.get(dtype) or np.dtype(dtype).name


def _equal(value: np.ndarray, target: np.ndarray, tolerance: float) -> bool:
    if value.shape != target.shape:
        return False
    actual, wanted = value.astype(np.float64), target.astype(np.float64)
    largest = float(np.abs(wanted).max(initial=0.0))
    return bool(np.allclose(actual, wanted, rtol=0, atol=tolerance * max(largest, 1e-12)))
