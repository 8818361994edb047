"""Exercises and quiz of lesson 10: applications."""

from __future__ import annotations

import numpy as np

from pix2pix_edu.exercises.compare import Wrong, describe, parts, same
from pix2pix_edu.exercises.engine import Function, Value, exercise
from pix2pix_edu.exercises.quiz import Question, Quiz, right, wrong
from pix2pix_edu.pairs.photos import rgb_to_lab


def _pictures(rng: np.random.Generator, count: int, height: int, width: int) -> np.ndarray:
    return rng.integers(0, 256, (count, height, width, 3)).astype(np.uint8)


@exercise(
    hints=[
        "`rgb_to_lab(pictures)` gives two arrays at once: `lightness, colour = rgb_to_lab(pictures)`.",
        "What does somebody have who holds a black-and-white photo? That is the source. What is missing is the target.",
    ],
    solution="""
        from pix2pix_edu.pairs.photos import rgb_to_lab

        def grey_to_lab_pairs(pictures):
            lightness, colour = rgb_to_lab(pictures)
            return lightness, colour
    """,
    why="That is all there is to collecting pairs for this task: every colour picture is one. The network paints two "
    "channels instead of three, and the third, the lightness, never passes through it.",
)
def q1(grey_to_lab_pairs: Function, rng: np.random.Generator) -> None:
    """Write `grey_to_lab_pairs(pictures)`: sources and targets for colouring in Lab.

    `pictures` are uint8 (N, height, width, 3). The source is the lightness, uint8 (N, height, width, 1), the target the
    two colour channels, uint8 (N, height, width, 2), both in the bytes that `rgb_to_lab` gives.
    """
    for count, height, width in ((3, 4, 6), (1, 5, 3)):
        pictures = _pictures(rng, count, height, width)
        lightness, colour = rgb_to_lab(pictures)
        checked = f"{count} pictures of {height} x {width} pixels"
        source, target = parts(grey_to_lab_pairs(pictures), ("sources", "targets"), checked)
        same(
            source,
            lightness,
            f"the sources of {checked}",
            dtype=np.uint8,
            suspects={
                "Source and target are swapped: lightness is given, colour is asked for.": colour,
                "The last axis is missing: keep it, as in lightness[..., None] or lightness[..., :1].": lightness[
                    ..., 0
                ],
                "These are the pictures themselves: then there is nothing left to colour.": pictures,
                **_greys(pictures),
                "Three equal channels work too, but asked for is one: (N, height, width, 1).": np.repeat(
                    lightness, 3, axis=-1
                ),
            },
        )
        same(
            target,
            colour,
            f"the targets of {checked}",
            dtype=np.uint8,
            suspects={
                "This is the picture in RGB. In Lab only the two colour channels are asked for.": pictures,
                "The lightness is in the target, too. The network need not paint what it is given.": np.concatenate(
                    [lightness, colour], axis=-1
                ),
                "The two colour channels are swapped.": colour[..., ::-1],
            },
        )


def _greys(pictures: np.ndarray) -> dict[str, np.ndarray]:
    """What the mean of the colours may come out as, taken for the lightness."""
    mean = pictures.mean(axis=-1, keepdims=True)
    greys = {"": mean, ", rounded,": np.rint(mean), ", cut off to whole numbers,": np.floor(mean)}
    words = "Grey as the mean of red, green and blue{} is not lightness: take it from rgb_to_lab."
    return {
        **{words.format(how): grey for how, grey in greys.items()},
        **{words.format(how) + " And keep the last axis.": grey[..., 0] for how, grey in greys.items()},
    }


@exercise(
    hints=[
        "The fourth channel of a source is 255 in the hole: `source[..., 3] > 127` is True there.",
        "`np.where(condition, a, b)` takes `a` where the condition holds and `b` elsewhere. The condition needs an "
        "axis for the channels: `source[..., 3:]` keeps it, `source[..., 3]` loses it.",
    ],
    solution="""
        def merge(source, painted):
            hole = source[..., 3:] > 127
            return np.where(hole, painted, source[..., :3])
    """,
    why="What is known is never repainted, so it cannot get worse. The library's `fill_holes` does the same, and a "
    "generator with `fills_holes=True` does it in its last layer.",
)
def q2(merge: Function, rng: np.random.Generator) -> None:
    """Write `merge(source, painted)`: the network's pixels in the hole, the known ones everywhere else.

    `source` is uint8 (height, width, 4): red, green, blue, and the hole, which is 255 inside it and 0 elsewhere.
    `painted` is what the network has drawn, uint8 (height, width, 3). The result has the shape and type of `painted`.
    """
    for height, width in ((4, 6), (7, 3)):
        hole = np.zeros((height, width, 1), bool)
        hole[1:3, 1:3] = True
        picture, painted = _pictures(rng, 2, height, width)
        picture[picture == 128] = 127
        picture[0, 0], picture[-1, -1] = 128, 128  # known pixels may be as grey as the hole
        source = np.concatenate([np.where(hole, 128, picture), np.where(hole, 255, 0)], axis=-1).astype(np.uint8)
        same(
            merge(source, painted),
            np.where(hole, painted, picture),
            f"a source of {height} x {width} pixels with a hole of 2 x 2",
            dtype=np.uint8,
            suspects={
                "The wrong way round: this keeps the grey of the hole, and repaints what is known.": np.where(
                    hole, 128, painted
                ),
                "This takes each grey pixel for a hole. Known pixels may be as grey: ask the fourth channel.": np.where(
                    source[..., :3] == 128, painted, picture
                ),
                "This is the network's picture everywhere. Keep the known pixels: they are right.": painted,
                "This is the source as it was: the hole is still grey.": np.where(hole, 128, picture),
                "Here both are averaged. Inside the hole the source is only grey: take the painted pixel alone.": (
                    painted.astype(int) + source[..., :3]
                )
                // 2,
                "The fourth channel came along: take `source[..., :3]`.": np.concatenate(
                    [np.where(hole, painted, picture), source[..., 3:]], axis=-1
                ),
            },
            otherwise="`hole = source[..., 3:] > 127`, then np.where(hole, painted, source[..., :3]).",
        )


@exercise(
    hints=[
        "`real[hole]` with a True-False array of shape (N, height, width) picks the pixels of the hole: an array of "
        "shape (pixels, 3).",
        "uint8 wraps round: 3 - 5 is 254. Turn one of the two into float first.",
        "The scale of training goes from -1 to 1, which is 127.5 grey levels for each unit.",
    ],
    solution="""
        def l1_in_hole(real, painted, hole):
            distance = np.abs(real.astype(float) - painted)
            return distance[hole].mean() / 127.5
    """,
    why="The known pixels are equal by construction. Counted in, they make every filling look good, and the better "
    "the smaller its hole.",
)
def q3(l1_in_hole: Function, rng: np.random.Generator) -> None:
    """Write `l1_in_hole(real, painted, hole)`: the error where it counts.

    `real` and `painted` are uint8 (N, height, width, 3), `hole` is a True-False array (N, height, width). The result is
    one number: the mean absolute difference over all pixels and channels inside the holes, on the scale from 0 to 2
    that training uses (255 grey levels are 2).
    """
    for count, height, width in ((2, 6, 5), (4, 3, 3)):
        real, painted = _pictures(rng, 2 * count, height, width).reshape(2, count, height, width, 3)
        hole = rng.random((count, height, width)) < 0.3
        hole[0, 0, 0], hole[-1, -1, -1] = True, False
        distance = np.abs(real.astype(float) - painted)
        expected = distance[hole].mean() / 127.5
        per_picture = [d[h].mean() / 127.5 for d, h in zip(distance, hole, strict=True) if h.any()]
        same(
            l1_in_hole(real, painted, hole),
            expected,
            f"{count} pictures of {height} x {width} pixels, {hole.sum()} of the pixels in holes",
            suspects={
                "This is the mean over the whole picture. Pick the pixels of the hole first: distance[hole].": (
                    distance.mean() / 127.5
                ),
                "Outside the hole the distance counts as 0, but it still counts: divide by the pixels of the hole, "
                "not by all.": (distance * hole[..., None]).mean() / 127.5,
                "This is the error outside the hole.": distance[~hole].mean() / 127.5,
                "These are grey levels: divide by 127.5 to get to the scale of training.": distance[hole].mean(),
                "255 grey levels are 2 on the scale of training, so divide by 127.5.": distance[hole].mean() / 255,
                "This is a sum. Take the mean.": distance[hole].sum() / 127.5,
                "This is uint8, in which 3 - 5 is 254: turn a picture into float before you subtract.": (
                    np.abs(real - painted)[hole].mean() / 127.5
                ),
                "The differences are squared: take the absolute value.": np.square(distance[hole] / 127.5).mean(),
                "Here each picture counts the same, however small its hole. Asked for is the mean over all pixels in "
                "holes.": float(np.mean(per_picture)),
            },
            otherwise="np.abs of the difference in floats, of that the pixels of the hole, of those the mean, and that "
            "divided by 127.5.",
        )


# The four folders of q4: training pairs, shift in pixels, and what filter and neighbour say.
CASES = {
    "A": (20, 0.0, 0.65, 0.85),
    "B": (1182, 7.2, 0.11, 0.89),
    "C": (1182, 0.0, 0.70, 0.66),
    "D": (1182, 11.0, 0.06, 1.01),
}


@exercise(
    hints=[
        "Look for the number that is far off in each row: pairs, shift, filter, neighbour.",
        "Three of the four have one number that has never been seen to work. Which row has none?",
    ],
    solution='suits = "C"',
    why="A has 20 pairs, B lies 7 pixels off, and in D a similar source has any target at all: the pairs are shuffled. "
    "C is the ordinary case: enough pairs, aligned, much foretold, and something left to learn.",
)
def q4(suits: Value) -> None:
    """Four folders, measured by `suitability`. Which of them would you train on as it is?

    A: 20 pairs, shift 0.0 px, filter 0.65, neighbour 0.85. B: 1,182 pairs, shift 7.2 px, filter 0.11, neighbour 0.89.
    C: 1,182 pairs, shift 0.0 px, filter 0.70, neighbour 0.66. D: 1,182 pairs, shift 11.0 px, filter 0.06, neighbour
    1.01. Set `suits` to "A", "B", "C" or "D".
    """
    causes = {
        "A": "How many pairs are there? So few are learnt by heart.",
        "B": "Look at the shift: each target lies seven pixels off its source. What does L1 make of that?",
        "D": "A neighbour at 1.01 says that a similar source has any target at all. Are these pairs?",
    }
    word = suits.strip().upper() if isinstance(suits, str) else ""
    if word == "C":
        return
    options = ", ".join(f'"{name}"' for name in CASES)
    cause = causes.get(word, f"Give one of the letters {options}, with quotation marks.")
    raise Wrong("your choice", received=describe(suits), cause=cause)


quiz = Quiz(
    "Lesson 10",
    [
        Question(
            "One network colours photos in Lab, another in RGB. Why does the first keep the lightness better?",
            wrong(
                "It paints two channels instead of three, and so it needs less training than the other",
                "It may need less. But untrained it keeps the lightness, too.",
            ),
            right(
                "It never paints the lightness: that is copied from the source",
                "It paints a and b only. In RGB all three channels pass through the network, and lightness with them.",
            ),
            wrong(
                "Lab has more colours than RGB",
                "It has, and most of the extra ones no screen can show. That is no help here.",
            ),
        ),
        Question(
            "You fill a hole of 15 % of the picture and measure PSNR over the whole picture. What is wrong with that?",
            wrong(
                "Nothing: the rest of the picture is a fair control", "It is equal by construction, in every method."
            ),
            wrong(
                "PSNR cannot be used for holes",
                "It can, over the pixels of the hole. It then prefers blur, as it always does.",
            ),
            right(
                "85 % of the pixels are copied, and hide what happened in the hole",
                "The error is diluted sevenfold, and a method that meets smaller holes looks better.",
            ),
        ),
        Question(
            "A table with one mean colour for each of 256 lightnesses colours drawings far better than grey does. "
            "What follows?",
            right(
                "On these drawings, lightness alone says a good deal about colour",
                "An artist's palette has few colours, and most have a lightness of their own. Photos are not so kind.",
            ),
            wrong(
                "The network has learnt nothing about shapes",
                "That does not follow. Look at the shapes where many colours share a lightness.",
            ),
            wrong(
                "The table would do as well on photos",
                "In photos a lightness of 60 can be skin, sky or grass: there the mean is a grey-brown.",
            ),
        ),
        Question(
            "Five photos are cut into 285 squares, and the network colours new squares of the same photos well. What "
            "have you shown?",
            wrong(
                "That it can colour photos",
                "Squares of one photo share their light, their colours and often their things. Test on another photo.",
            ),
            right(
                "That it remembers five photos",
                "Which is why all squares of a photo stay on one side of the split.",
            ),
            wrong("That 285 pairs are enough", "They are five pairs, seen from 57 sides each."),
        ),
        Question(
            "Which of these is a task for pix2pix?",
            wrong(
                "1,000 photos of horses and 1,000 of zebras",
                "No horse has its zebra: there are no pairs. That is a task for CycleGAN.",
            ),
            wrong(
                "1,000 portraits, and with each of them the name of the person who is shown",
                "A name is no picture. Pix2pix gives a picture of the same size as the source.",
            ),
            right(
                "1,000 floor plans, and each drawn by hand over the plan",
                "One target for each source, and line upon line. That is what it was made for.",
            ),
        ),
    ],
)
