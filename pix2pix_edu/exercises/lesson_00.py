"""Exercises and quiz of lesson 00: the first picture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set

import numpy as np

from pix2pix_edu.exercises.compare import Wrong, describe, parts, same
from pix2pix_edu.exercises.engine import Function, Value, exercise
from pix2pix_edu.exercises.quiz import Question, Quiz, right, wrong


@exercise(
    hints=[
        "A picture is a NumPy array. Arrays have methods such as `image.mean()`; two others find the extremes.",
        "`image.min()` is the smallest value. Return two values with a comma between them.",
    ],
    solution="""
        def value_range(image):
            return image.min(), image.max()
    """,
    why="A look at shape, type and range finds most mistakes with pictures before they cost a night of training.",
)
def q1(value_range: Function, rng: np.random.Generator) -> None:
    """Write `value_range(image)`: it returns the smallest and the largest value of a picture, in this order."""
    for height, width in ((4, 6), (5, 3), (8, 8)):
        image = rng.integers(20, 230, (height, width, 3), dtype=np.uint8)
        checked = f"the range of a {height} x {width} picture"
        suspects = {
            "Largest and smallest are swapped: the smallest comes first.": (image.max(), image.min()),
            "This is what uint8 could hold. What does this picture hold?": (0, 255),
            "These are the first and the last pixel value, not the extremes.": (image.flat[0], image.flat[-1]),
            "This looks at one channel only; a picture has three.": (image[..., 0].min(), image[..., 0].max()),
        }
        received = parts(value_range(image), ("smallest", "largest"), checked)
        same(received, (image.min(), image.max()), checked, suspects=suspects)


SHAPE_MISTAKES = {
    (
        64,
        64,
        3,
    ): "The model works at 64 pixels inside. But `translate` fills a picture up before and cuts it back after.",
    (128, 192, 3): "`translate` does fill the picture up to such a size, but it cuts the result back again.",
    (140, 100, 3): "Height and width are swapped: an array has its height first.",
    (100, 140): "Height and width are right, but something is missing: red, green and blue.",
    (100, 140, 1): "One channel would be grey.",
    (1, 100, 140, 3): "The first axis would count several pictures. One picture goes in, so one comes out.",
    (3, 100, 140): "That is PyTorch's order. Here the channels come last.",
}


@exercise(
    hints=[
        "You want to lay the result over the sketch. Which shape must it have?",
        "The order is (height, width, channels); a colour picture has three channels.",
    ],
    solution="predicted_shape = (100, 140, 3)",
    why="Whatever size goes in comes out: `translate` fills up to a size that the network can halve, then cuts back.",
)
def q2(predicted_shape: Value) -> None:
    """A sketch 100 pixels high and 140 wide goes through `translate`. Set `predicted_shape` to the result's shape."""
    checked = "your prediction"
    shape = _whole_numbers(predicted_shape)
    if shape is None:
        cause = "A shape is a tuple of whole numbers, such as (2, 3)."
        raise Wrong(checked, received=describe(predicted_shape), cause=cause)
    if shape != (100, 140, 3):
        cause = SHAPE_MISTAKES.get(shape, "Think of height, width and channels, in this order.")
        raise Wrong(checked, received=describe(shape), cause=cause)


def _whole_numbers(value: Value) -> tuple[int, ...] | None:
    """The numbers of a shape, whether it is a tuple, a list, an array or TensorFlow's TensorShape."""
    if not isinstance(value, Iterable) or isinstance(value, (str, bytes, Mapping, Set)):
        return None
    try:
        numbers = np.asarray(tuple(value))
    except (TypeError, ValueError):  # parts of different shapes, or a TensorShape that knows nothing
        return None
    if numbers.ndim != 1 or numbers.dtype.kind not in "iuf" or not np.isfinite(numbers).all():
        return None
    return tuple(int(number) for number in numbers) if (numbers == np.round(numbers)).all() else None


quiz = Quiz(
    "Lesson 00",
    [
        Question(
            "The example model draws crisp lines, but makes an apple blue. What does that tell you?",
            wrong(
                "The model is broken.", "Lines and filled areas are where they belong, so it has learnt a good deal."
            ),
            right(
                "The drawing does not say which colour is right, so the model had to guess.",
                "The lines fix the shape, not the colour. Several answers would be right, and it gave one.",
            ),
            wrong(
                "It should have been trained on larger pictures.",
                "More pixels show finer lines, but still say nothing about the colour.",
            ),
        ),
        Question(
            "Which network do you need to translate a picture, once training is over?",
            right("The generator.", "It alone turns a source into a picture; that is why it can be saved on its own."),
            wrong("The discriminator.", "It says how real a picture looks. It draws nothing."),
            wrong("Both.", "The discriminator is the generator's teacher. After training it has nothing left to do."),
        ),
        Question(
            "Picture files hold whole numbers from 0 to 255. Between which values does the generator draw?",
            wrong("0 and 255", "That is what the file holds. Networks learn better with small numbers around zero."),
            wrong("0 and 1", "Many networks do that. This one ends in tanh, which can also be negative."),
            right(
                "-1 and 1", "Its last layer is tanh, whose values lie between -1 and 1. Lesson 01 converts both ways."
            ),
        ),
        Question(
            "On a laptop without a GPU, which preset does auto pick?",
            wrong("paper", "256 pixels and 64 filters, as published, would take a day or more without a GPU."),
            right("small", "64 pixels and 32 filters: minutes on two cores, and enough to see colours appear."),
            wrong("tiny", "32 pixels, for tests: it runs in seconds, but is too small to be a pleasure."),
        ),
    ],
)
