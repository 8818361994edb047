"""Exercises and quiz of lesson 13: limits and insight."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pix2pix_edu.exercises.compare import Wrong, describe, same
from pix2pix_edu.exercises.engine import Function, Value, exercise
from pix2pix_edu.exercises.quiz import Question, Quiz, right, wrong


def _choice(answer: object, expected: str, causes: dict[str, str]) -> None:
    """One word out of a few; every other one has its own reason why it is not the answer."""
    word = answer.strip().lower() if isinstance(answer, str) else ""
    if word == expected:
        return
    options = ", ".join(f'"{name}"' for name in (*causes, expected))
    cause = causes.get(word, f"Give one of the words {options}, with quotation marks.")
    raise Wrong("your prediction", received=describe(answer), cause=cause)


@exercise(
    hints=[
        "A convolution can copy the pixel that lies four rows further up just as well as the one in the same place.",
        "What can a network learn about a step that is different, and random, for every pair?",
    ],
    solution='blurred = "own"    # a step that is always the same is a rule, and rules can be learnt',
    why="Only what cannot be foretold from the source is averaged. A step that all targets share is part of the "
    "translation, and the network learns it like any other part.",
)
def q1(blurred: Value) -> None:
    """Which training pairs will make the generator blur more?

    Set `blurred` to "own" (each target is moved by a random step of its own, up to 4 pixels each way) or to "same"
    (all targets are moved by the same 4 pixels down and 4 to the right).
    """
    _choice(
        blurred,
        "own",
        {"same": "What is the same for all pairs is a rule. Can a convolution look four pixels to the side?"},
    )


@exercise(
    hints=[
        "Convolutions treat all places alike. Which of the four changes leaves the lines as they are?",
        "A line that was two pixels wide becomes four pixels wide. Has the first layer ever seen such a line?",
    ],
    solution='worst = "thicker"',
    why="Moving and turning keep the pencil, and the network knows the pencil. Another pencil changes what every layer "
    "sees, from the first one on.",
)
def q2(worst: Value) -> None:
    """Four changes of a drawing. Which of them does the translation suffer from most?

    Set `worst` to "turned" (by 45 degrees), "moved" (16 of the 64 pixels to the right), "thicker" (each line grows by
    one pixel on either side) or "pale" (half of the ink is gone).
    """
    _choice(
        worst,
        "thicker",
        {
            "turned": "Most emoji have lines in all directions, so slanted lines are nothing new.",
            "moved": "A convolution does the same in every place: what is drawn moves along.",
            "pale": "This does harm. But another change does more: think of the widths that the first layer has seen.",
        },
    )


def _strange(features: np.ndarray, training: np.ndarray) -> np.ndarray:
    return np.abs((features - training.mean(axis=0)) / training.std(axis=0)).mean(axis=1)


@exercise(
    hints=[
        "What is usual for a channel? Its mean and its standard deviation over the training drawings: `axis=0`.",
        "`z = (features - training.mean(axis=0)) / training.std(axis=0)` has one number for each drawing and channel.",
        "A channel that is far below its mean is as strange as one that is far above: take `np.abs` before the mean "
        "over the channels, `axis=1`.",
    ],
    solution="""
        def strangeness(features, training):
            mean = training.mean(axis=0)
            spread = training.std(axis=0)
            z = (features - mean) / spread
            return np.abs(z).mean(axis=1)
    """,
    why="Counted in standard deviations, every channel has its say, whatever its scale. For drawings of the training "
    "the result is about 0.8, the mean distance of a normally distributed number from its mean.",
)
def q3(strangeness: Function, rng: np.random.Generator) -> None:
    """Write `strangeness(features, training)`: how far each drawing is from those of the training.

    Both are arrays of numbers, one row for each drawing and one column for each channel. For each channel count how
    many standard deviations of the training a drawing is off the mean of the training, without its sign; the result is
    the mean over the channels, one number for each drawing. Take the standard deviation as np.std gives it (divided by
    n).
    """
    for drawings, channels in ((4, 3), (7, 5)):
        scale = rng.uniform(1, 20, channels)
        training = rng.normal(rng.uniform(-5, 5, channels), scale, (30, channels))
        features = rng.normal(0, 2 * scale, (drawings, channels))
        offset, spread = features - training.mean(axis=0), training.std(axis=0)
        same(
            strangeness(features, training),
            _strange(features, training),
            f"{drawings} drawings, {channels} channels, 30 drawings of training",
            suspects={
                "Without np.abs, a channel above its mean and one below cancel each other.": (offset / spread).mean(1),
                "The sign is lost too late: take np.abs before the mean over the channels.": np.abs(
                    (offset / spread).mean(1)
                ),
                "This is one number for each channel. Average over the channels: axis=1.": np.abs(offset / spread).mean(
                    0
                ),
                "The standard deviations are missing: a channel with large numbers drowns all others.": np.abs(
                    offset
                ).mean(1),
                "The standard deviation is divided by n - 1 (ddof=1). Take np.std as it is.": np.abs(
                    offset / training.std(axis=0, ddof=1)
                ).mean(1),
                "Divide by the standard deviation, not by its square (np.var).": np.abs(offset / spread**2).mean(1),
                "These are sums. Take the mean over the channels.": np.abs(offset / spread).sum(1),
                "This is the root of the mean square; asked for is the mean of the absolute values.": np.sqrt(
                    np.square(offset / spread).mean(1)
                ),
                "Mean and standard deviation must come from the training, not from the drawings that are asked "
                "about.": _strange(features, features),
                "One mean and one standard deviation for all channels together: each needs its own (axis=0).": np.abs(
                    (features - training.mean()) / training.std()
                ).mean(1),
            },
            otherwise="Mean and standard deviation of each column of `training`; then z = (features - mean) / spread; "
            "then the mean of np.abs(z) over the columns.",
        )


def _occluded(
    draw: Callable,
    source: np.ndarray,
    row: int,
    column: int,
    size: int,
    *,
    fill: int = 255,
    keep: bool = False,
    before: np.ndarray | None = None,
    measure: Callable | None = None,
) -> np.ndarray:
    """The map, right by default; each option makes one foreseen mistake."""
    whole = (draw(source) if before is None else before).astype("float64")
    tops, lefts = (range(0, side, size) for side in source.shape[:2])
    result, covered = np.zeros((len(tops), len(lefts))), source.copy()
    for i, top in enumerate(tops):
        for j, left in enumerate(lefts):
            covered = covered if keep else source.copy()
            covered[top : top + size, left : left + size] = fill
            change = draw(covered).astype("float64") - whole
            pixel = change[row, column]
            result[i, j] = np.abs(pixel).mean() if measure is None else measure(change, pixel)
    return result


def _painter(rng: np.random.Generator, height: int, width: int) -> Callable[[np.ndarray], np.ndarray]:
    """A stand-in for a generator: each pixel of its picture mixes all pixels of the source, with any sign.

    What makes red and blue lighter makes green darker.
    """
    pixels = height * width
    weights = rng.dirichlet(np.full(pixels, 0.05), pixels)  # a few pixels matter, most do not
    weights *= rng.choice([-1.0, 1.0], weights.shape)
    directions = np.array([1.0, -1.0, 1.0])

    def draw(source: np.ndarray) -> np.ndarray:
        mixed = 127 + directions * (weights @ (source.reshape(pixels, -1).astype("float64") - 127))
        return np.clip(np.rint(mixed), 0, 255).reshape(source.shape).astype("uint8")

    return draw


@exercise(
    hints=[
        "Translate the untouched source once, before the loops. Then two loops: `for top in range(0, height, size)`, "
        "and the same for `left`.",
        "In the loop: `covered = source.copy()`, paint `covered[top:top + size, left:left + size] = 255`, and call "
        "`draw(covered)`.",
        "Both pictures are uint8, in which 3 - 5 is 254. Turn them into float before you subtract.",
    ],
    solution="""
        def occlusion_map(draw, source, row, column, size):
            height, width = source.shape[:2]
            before = draw(source)[row, column].astype(float)
            result = np.zeros((height // size, width // size))
            for i in range(height // size):
                for j in range(width // size):
                    covered = source.copy()
                    covered[i * size:(i + 1) * size, j * size:(j + 1) * size] = 255
                    after = draw(covered)[row, column].astype(float)
                    result[i, j] = np.abs(after - before).mean()
            return result
    """,
    why="It needs no gradient and no look into the network: it works for anything that takes a picture and gives one "
    "back. The price is one translation for each window.",
)
def q4(occlusion_map: Function, rng: np.random.Generator) -> None:
    """Write `occlusion_map(draw, source, row, column, size)`: what decided one pixel of the translation?

    `draw(source)` gives the translation, both uint8 (height, width, 3). Cut the source into windows of `size` x `size`
    pixels, side by side. Paint one at a time white (255), translate, and note by how many grey levels the pixel in this
    row and column of the translation has changed: the mean of the absolute differences of its three colours. The result
    has one number for each window, in rows and columns. Height and width are multiples of `size`.
    """
    for height, width, size in ((8, 12, 4), (6, 4, 2)):
        draw = _painter(rng, height, width)
        source = rng.integers(0, 200, (height, width, 3)).astype("uint8")
        row, column = _telling_pixel(draw, source, size)
        foreseen: dict[str, dict] = {
            "It is painted black: white is 255.": {"fill": 0},
            "The windows that were painted before are still white: begin each time with `source.copy()`.": {
                "keep": True
            },
            "This is the change of the whole picture. Asked for is one pixel of it.": {
                "measure": lambda change, pixel: np.abs(change).mean()
            },
            "Here the sign is left: take np.abs before the mean.": {"measure": lambda change, pixel: pixel.mean()},
            "The sign is lost too late: take np.abs before the mean over the three colours.": {
                "measure": lambda change, pixel: np.abs(pixel.mean())
            },
            "Compare with the translation of the untouched source, draw(source), not with the source.": {
                "before": source
            },
            "The three changes are added up: take their mean.": {"measure": lambda change, pixel: np.abs(pixel).sum()},
            "This is uint8, in which 3 - 5 is 254: turn the pictures into float before you subtract.": {
                "measure": lambda change, pixel: (pixel.astype("int64") % 256).mean()
            },
            "The change is squared here: take the absolute value.": {
                "measure": lambda change, pixel: np.square(pixel).mean()
            },
        }
        suspects = {cause: _occluded(draw, source, row, column, size, **mistake) for cause, mistake in foreseen.items()}
        expected = _occluded(draw, source, row, column, size)
        suspects["Rows and columns of the map are swapped."] = expected.T
        suspects["`row` and `column` are swapped: rows come first."] = _occluded(draw, source, column, row, size)
        same(
            occlusion_map(draw, source, row, column, size),
            expected,
            f"a source of {height} x {width} pixels, windows of {size} x {size}, pixel ({row}, {column})",
            suspects=suspects,
        )


def _telling_pixel(draw: Callable, source: np.ndarray, size: int) -> tuple[int, int]:
    """A pixel that some windows make brighter and others darker, so that every wrong answer shows.

    The picture also has a pixel (column, row), and it is another one.
    """

    def both_ways(place: tuple[int, int]) -> float:
        change = _occluded(draw, source, *place, size, measure=lambda change, pixel: pixel.mean())
        return min(change.max(), -change.min())

    side = min(source.shape[:2])
    return max(((row, column) for row in range(side) for column in range(side) if row != column), key=both_ways)


quiz = Quiz(
    "Lesson 13",
    [
        Question(
            "A scanner moved each of your targets by a random step of up to four pixels. What does L1 teach?",
            wrong(
                "The same as with pairs that fit, since the errors cancel out",
                "They do cancel out on average, and the average is what is drawn: all places at once.",
            ),
            right(
                "To paint what the possible places have in common",
                "Areas stay, with soft borders. Thin lines vanish: in no place is the line there more often than not.",
            ),
            wrong("To move the picture by four pixels", "That is what it learns if all are moved by the same step."),
        ),
        Question(
            "And when the targets are shuffled, each with a wrong source?",
            right(
                "Nearly the same picture for every source",
                "The source tells nothing any more, so the best answer is one for all, in the middle of the targets.",
            ),
            wrong("Coloured noise", "Noise is far from every target. L1 looks for what is near to all."),
            wrong(
                "It still colours the drawing, for the skips show the lines",
                "The lines get in, but they no longer foretell anything, and training turns them down.",
            ),
        ),
        Question(
            "You leave dropout on and translate one drawing 16 times. What did we find?",
            wrong(
                "Sixteen different answers, such as six skin tones",
                "Dropout is the only noise, and the network has learnt to draw in spite of it.",
            ),
            wrong(
                "Sixteen times exactly the same picture",
                "Nearly. The pixels do move a little, by about ten grey levels.",
            ),
            right(
                "Sixteen pictures that differ far less than the right answers do",
                "The paper calls it minor stochasticity. A single output is all that was ever asked for.",
            ),
        ),
        Question(
            "A gradient map is empty in a place where the occlusion map is strong. Can that be?",
            wrong(
                "No. One of the two has been computed wrongly",
                "Both can be right: they answer different questions.",
            ),
            right(
                "Yes. A small change may do nothing where a large one does much",
                "Where a ReLU is off or a tanh is at its end, the slope is zero. Removing a line is no small change.",
            ),
            wrong(
                "Yes, since the gradient only knows the discriminator",
                "A gradient can be taken of any number, such as the colour of one pixel.",
            ),
        ),
        Question(
            "You give each drawing the bottleneck of another one. The pictures change a good deal, their L1 to the "
            "targets hardly. What follows?",
            wrong(
                "That the bottleneck does nothing",
                "The pictures did change. It does something: other colours, and just as far from the target.",
            ),
            wrong(
                "That L1 was computed wrongly",
                "Two different pictures can be equally far from a third.",
            ),
            right(
                "That it has a say in the picture, but that what it says hardly helps to hit the target",
                "To matter for the output and to be right are two things. One number cannot tell both.",
            ),
        ),
    ],
)
