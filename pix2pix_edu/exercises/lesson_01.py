"""Exercises and quiz of lesson 01: pairs of pictures."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from pix2pix_edu.exercises.compare import Wrong, as_numbers, describe, number, parts, require, same
from pix2pix_edu.exercises.engine import Function, Value, exercise
from pix2pix_edu.exercises.quiz import Question, Quiz, right, wrong


@exercise(
    hints=[
        "The width is `image.shape[1]`. Where is the middle?",
        "`image[:, :middle]` are all rows, and the columns before the middle.",
    ],
    solution="""
        def split_side_by_side(image):
            middle = image.shape[1] // 2
            return image[:, :middle], image[:, middle:]
    """,
    why="The paper's archives hold their pairs like this: two pictures in one JPEG, cut apart when they are read.",
)
def q1(split_side_by_side: Function, rng: np.random.Generator) -> None:
    """Write `split_side_by_side(image)`: cut a picture that holds A and B side by side, and return (A, B)."""
    for height, width, channels in ((4, 150, 3), (8, 5, 3), (3, 3, 1)):
        image = rng.integers(0, 256, (height, 2 * width, channels), dtype=np.uint8)
        left, right_half = image[:, :width], image[:, width:]
        checked = f"a picture of shape {image.shape}"
        a, b = parts(split_side_by_side(image), ("A", "B"), checked)
        suspects = {
            "The whole picture came back. Cut it in the middle of its width.": image,
            "A and B are swapped: A is the left half.": right_half,
            "This is the upper half. Cut across the width, which is axis 1.": image[: height // 2],
            "These are every second column. The halves lie side by side.": image[:, ::2],
            "This assumes a certain width. Take it from `image.shape[1]`.": image[:, :256],
        }
        same(a, left, f"A, the left half of {checked}", suspects=suspects)
        suspects = {
            "Both parts are the left half.": left,
            "The whole picture came back. Cut it in the middle of its width.": image,
            "The column in the middle is missing.": image[:, width + 1 :],
            "B begins one column too early.": image[:, width - 1 :],
            "B is the right half, but mirrored: a step of -1 runs backwards.": right_half[:, ::-1],
        }
        same(b, right_half, f"B, the right half of {checked}", suspects=suspects)


@exercise(
    hints=[
        "0 must become -1, and 255 must become 1. What becomes 0? First divide so that the range is 2 wide.",
        "`image / 127.5 - 1` is one direction. For the way back, undo both steps in the opposite order.",
        "On the way back: `np.round`, then `np.clip(..., 0, 255)`, and only then `.astype(np.uint8)`.",
    ],
    solution="""
        def to_model_range(image):
            return image / 127.5 - 1

        def to_uint8(picture):
            values = np.round((picture + 1) * 127.5)
            return np.clip(values, 0, 255).astype(np.uint8)
    """,
    why="There and back gives every pixel again. Without the rounding each round trip would darken a picture a little.",
)
def q2(to_model_range: Function, to_uint8: Function, rng: np.random.Generator) -> None:
    """Write `to_model_range(image)`: uint8, 0 to 255, becomes floats from -1 to 1.

    Then the way back, `to_uint8(picture)`: round to the nearest whole number, and limit what lies beyond -1 and 1.
    """
    for height, width in ((4, 6), (5, 3)):
        image = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        image.flat[:2] = 0, 255
        checked = f"a {height} x {width} picture in the model's range"
        received = to_model_range(image)
        _require_fine_floats(received, image / 127.5 - 1, checked)
        same(
            received,
            image / 127.5 - 1,
            checked,
            dtype=np.floating,
            suspects={
                "Nothing has changed: the input came back.": image,
                "This is 0 to 1. It should be 2 wide, and begin at -1.": image / 255,
                "This is 0 to 2: subtract 1 at the end.": image / 127.5,
                "This is -0.5 to 0.5: it should be twice as wide.": image / 255 - 0.5,
                "White is not exactly 1: the range is 255 wide, not 256.": image / 128 - 1,
                "uint8 wrapped around: doubled, it runs over 255. Divide first.": (image * np.uint8(2)) / 255 - 1,
                "uint8 wrapped around: it has no negative numbers. Divide first.": (image - np.uint8(127)) / 127.5,
                "uint8 wrapped around below zero. Divide first.": (image - np.uint8(128)) / 128,
            },
        )
    picture = rng.uniform(-1, 1, (6, 5, 3))
    values = (picture + 1) * 127.5
    same(
        to_uint8(picture),
        np.round(values).astype(np.uint8),
        "values from -1 to 1 as uint8",
        dtype=np.uint8,
        suspects={
            "Nothing has changed: the input came back.": picture,
            "Decimals are cut off. Round to the nearest whole number first.": np.floor(values),
            "These are still decimals: round them.": values,
            "This treats the values as 0 to 1; they begin at -1.": np.clip(np.round(picture * 255), 0, 255),
            "The 1 is added too late: undo the two steps in the opposite order.": np.round(picture * 127.5 + 1),
        },
    )
    beyond = rng.choice([-1.0, 1.0], (6, 5, 3)) * rng.uniform(1.02, 1.4, (6, 5, 3))
    cause = "Beyond -1 and 1 uint8 has no room, and wraps around: limit the values (np.clip) before the conversion."
    expected = np.where(beyond < 0, 0, 255).astype(np.uint8)
    same(to_uint8(beyond), expected, "values beyond -1 and 1 as uint8", dtype=np.uint8, otherwise=cause)


def _require_fine_floats(received: Any, expected: np.ndarray, checked: str) -> None:
    """Right values in 16 bits lie off by up to 1 in 250 (bfloat16): name the type, not the values."""
    value, kind = as_numbers(received, checked), str(getattr(received, "dtype", ""))
    if "float16" in kind and value.shape == expected.shape and np.allclose(value, expected, atol=0.01):
        words, cause = "the same values as float32", "float16 is too coarse: it keeps three digits only. Use float32."
        raise Wrong(checked, received=describe(value), expected=words, cause=cause)


class Window(NamedTuple):
    """Where a crop was cut out of its picture."""

    top: int
    left: int
    mirrored: bool


DRAWS = 300
HEIGHT, WIDTH, SIZE = 10, 12, 6  # fewer than 128 pixels, so that sources are dark and targets bright


@exercise(
    hints=[
        "Draw the corner first, once: `top = rng.integers(0, height - size + 1)`, and `left` likewise. Use it twice.",
        "Draw the coin for the mirror once as well: `if rng.random() < 0.5`. `image[:, ::-1]` is mirrored.",
    ],
    solution="""
        def jitter_pair(source, target, size, rng):
            height, width = source.shape[:2]
            top = rng.integers(0, height - size + 1)
            left = rng.integers(0, width - size + 1)
            source = source[top:top + size, left:left + size]
            target = target[top:top + size, left:left + size]
            if rng.random() < 0.5:
                source, target = source[:, ::-1], target[:, ::-1]
            return source, target
    """,
    why="One draw for both pictures: a target that is moved differently is no longer the answer to its source.",
)
def q3(jitter_pair: Function, rng: np.random.Generator) -> None:
    """Write `jitter_pair(source, target, size, rng)`: it cuts the same random window out of both pictures.

    The window has size x size pixels, and every place must be possible. In half of the cases both are mirrored left to
    right as well. Return (source, target).
    """
    seen = [_jitter_once(jitter_pair, HEIGHT, WIDTH, rng) for _ in range(DRAWS)]
    _require_variety([window.top for window in seen], HEIGHT - SIZE, "top", "height")
    _require_variety([window.left for window in seen], WIDTH - SIZE, "left", "width")
    share = sum(window.mirrored for window in seen) / DRAWS
    words = "never" if share == 0 else "always" if share == 1 else f"in {share:.0%} of the draws"
    require(
        0.3 < share < 0.7,
        f"how often {DRAWS} jittered pairs are mirrored",
        received=words,
        expected="in about half of the draws",
        cause="Toss a coin for each call: `rng.random() < 0.5`.",
    )
    _require_free_coin(seen)
    _jitter_once(jitter_pair, SIZE, SIZE, rng)  # a window as large as the picture has one place only
    _require_own_rng(jitter_pair)


def _addressed_pair(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """A source in which each pixel's value is its own address, and its negative as the target."""
    address = np.arange(height * width, dtype=np.uint8).reshape(height, width, 1).repeat(3, axis=-1)
    return address, 255 - address


def _jitter_once(jitter_pair: Function, height: int, width: int, rng: np.random.Generator) -> Window:
    source, target = _addressed_pair(height, width)
    checked = f"a {height} x {width} pair, size {SIZE}"
    new_source, new_target = parts(jitter_pair(source, target, SIZE, rng), ("source", "target"), checked)
    for name, picture in (("source", new_source), ("target", new_target)):
        shape = as_numbers(picture, checked).shape
        cause = "Cut `size` rows and `size` columns; a slice from `top` ends at `top + size`."
        require(shape == (SIZE, SIZE, 3), f"the {name} of {checked}", received=f"shape {shape}",
                expected=f"shape {(SIZE, SIZE, 3)}", cause=cause)  # fmt: skip
    swapped = bool(np.min(new_source) > 127)
    require(not swapped, checked, received="(target, source)", expected="(source, target)", cause="They are swapped.")
    cut, answer = _find_window(new_source, width, checked), _find_window(255 - np.asarray(new_target), width, checked)
    if cut != answer:
        differing = [name for name in Window._fields if getattr(cut, name) != getattr(answer, name)]
        cause = (
            f"Source and target do not belong together any more: they differ in {' and '.join(differing)}. Draw once."
        )
        raise Wrong(
            checked, received=f"source {_words(cut)}; target {_words(answer)}", expected="the same", cause=cause
        )
    return cut


def _find_window(crop: np.ndarray, width: int, checked: str) -> Window:
    """Read from the addresses where a crop was cut out."""
    addresses = np.asarray(crop)[..., 0].astype(np.float64)
    window = _window_at(addresses, width)
    if window is not None:
        return window
    cause = "This is not a window of the picture. Cut pixels out; do not resize or mix them."
    if _window_at(addresses[::-1], width):
        cause = "It is upside down. Left and right are axis 1: `image[:, ::-1]`."
    elif _window_at(addresses.T, width):
        cause = "Rows and columns are swapped."
    raise Wrong(checked, received=describe(np.asarray(crop)), expected="a window cut out of the picture", cause=cause)


def _window_at(addresses: np.ndarray, width: int) -> Window | None:
    """The window with exactly these addresses, mirrored or not, or None."""
    first = addresses.min()
    if not np.isfinite(first):
        return None
    top, left = divmod(int(first), width)
    steps = np.arange(SIZE)
    plain = (top + steps)[:, None] * width + left + steps
    for mirrored in (False, True):
        if left + SIZE <= width and np.allclose(addresses, plain[:, ::-1] if mirrored else plain, rtol=0, atol=1e-3):
            return Window(top, left, mirrored)
    return None


def _words(window: Window) -> str:
    return f"from row {window.top}, column {window.left}{', mirrored' if window.mirrored else ''}"


def _require_variety(places: list[int], last: int, name: str, side: str) -> None:
    """Every place from 0 to the last possible one must turn up in so many draws."""
    missing = sorted(set(range(last + 1)) - set(places))
    cause = "Some places never occur: draw from all of them with `rng.integers`."
    if len(set(places)) == 1:
        cause = "The window never moves: draw its corner with `rng.integers` in each call."
    elif missing == [last]:
        cause = (
            f"The last place never occurs: rng.integers leaves out its upper limit, so it must be {side} - size + 1."
        )
    require(
        not missing,
        f"where {DRAWS} windows begin ({name})",
        received=f"{min(places)} to {max(places)}",
        expected=f"everything from 0 to {last}",
        cause=cause,
    )


def _require_free_coin(seen: list[Window]) -> None:
    """Each row and each column must occur as the corner of a plain window, and of a mirrored one."""
    for name in ("top", "left"):
        fixed = {getattr(window, name) for window in seen if window.mirrored} ^ {
            getattr(window, name) for window in seen if not window.mirrored
        }
        require(
            not fixed,
            f"whether {DRAWS} jittered pairs are mirrored",
            received=f"always or never, where {name} is {min(fixed, default=0)}",
            expected="in about half of the draws, wherever the window lies",
            cause="The coin depends on the place of the window. Draw it on its own: `rng.random() < 0.5`.",
        )


def _require_own_rng(jitter_pair: Function) -> None:
    """Equally seeded generators must give equal windows; so many draws leave nothing to chance."""
    for seed in range(20):
        first, second = (_jitter_once(jitter_pair, HEIGHT, WIDTH, np.random.default_rng(seed)) for _ in range(2))
        require(
            first == second,
            "two calls with equally seeded generators",
            received=f"one window {_words(first)}; another one {_words(second)}",
            expected="the same window twice",
            cause="All randomness must come from the `rng` that is handed over, not from np.random, random or "
            "TensorFlow.",
        )


@exercise(
    hints=[
        "Take one test file. Five other files show the same lines. Where do they lie?",
        "It is enough if one of the five is in train. The chance that none is: 0.2 * 0.2 * 0.2 * 0.2 * 0.2.",
    ],
    solution="leaked = 100    # 100 * (1 - 0.2 ** 5) = 99.97",
    why="Split by file, practically every such test drawing has been seen in training: the test would measure memory. "
    "So the course splits by drawing.",
)
def q4(leaked: Value) -> None:
    """A hand is drawn once and coloured in six skin tones: six files with the same lines.

    Somebody splits all files at random, 80 % of them to train. Of 100 such files in test, how many have their lines in
    train as well? Set `leaked` to your prediction.
    """
    percent = number(leaked, "your prediction")
    if 99 <= percent <= 100:
        return
    cause = "Each of the five other files is in train with probability 0.8, and one of them is enough."
    if 0 < percent <= 1:
        cause = "This looks like a share. How many of 100?"
    elif percent == 0:
        cause = "None would be right if the split were by drawing. Here every file is on its own."
    elif abs(percent - 80) < 1:
        cause = "That is the chance for one other file. There are five of them, and one in train is enough."
    elif percent <= 20:
        cause = "Most files go to train, so most test files meet a file with the same lines there."
    raise Wrong("your prediction", received=describe(percent), cause=cause)


quiz = Quiz(
    "Lesson 01",
    [
        Question(
            "What makes image translation paired?",
            wrong(
                "There are as many sources as targets.",
                "Equal numbers are not enough: which target belongs to which source?",
            ),
            right(
                "For each source, the target that belongs to it is known.",
                "So the generator's picture can be compared with the right one, pixel by pixel.",
            ),
            wrong(
                "Source and target have the same number of channels.",
                "They may differ: a grey source with a colour target is fine.",
            ),
        ),
        Question(
            "Which of these can pix2pix not learn from?",
            wrong(
                "400 photos of house fronts with their label maps",
                "That is the paper's facades set: each photo has its own map.",
            ),
            wrong(
                "Line drawings with their coloured versions",
                "Lines and colours of one drawing are a pair; this course uses them.",
            ),
            right(
                "1,000 photos of horses and 1,000 photos of zebras",
                "No zebra photo is the answer to a horse photo. Unpaired sets are what CycleGAN was made for.",
            ),
        ),
        Question(
            "In the facades archive the photo is on the left (A) and the label map on the right (B). "
            "You want to turn label maps into photos. Which direction?",
            wrong("AtoB", "From left to right would turn photos into label maps."),
            right("BtoA", "The source is what goes in: the label map, B. The target is the photo, A."),
            wrong("Either, the model finds out.", "It learns exactly what it is shown as source and target."),
        ),
        Question(
            "Why must jitter cut and mirror both pictures of a pair alike?",
            right(
                "Otherwise the target is no longer the answer to this source.",
                "The loss compares pixel with pixel: moved apart, it would teach the generator to blur.",
            ),
            wrong("It saves time.", "It does save a few draws, but that is not the reason."),
            wrong(
                "Both files must keep the same size.",
                "They would have the same size anyway. What matters is what they show.",
            ),
        ),
        Question(
            "Why are all skin tones of one drawing put into the same split?",
            wrong(
                "So that every split has the same number of files.",
                "Splits by drawing differ a little in size; that does no harm.",
            ),
            right(
                "They share their lines, so a test drawing would have been seen in training.",
                "A test is only worth something on sources that the model has never seen.",
            ),
            wrong(
                "Because their colours are alike.",
                "Their colours are what differs. What the generator sees, the lines, is the same.",
            ),
        ),
    ],
)
