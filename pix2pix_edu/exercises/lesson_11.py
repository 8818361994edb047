"""Exercises and quiz of lesson 11: data augmentation."""

from __future__ import annotations

import numpy as np

from pix2pix_edu.exercises.compare import Wrong, as_numbers, describe, number, parts, require, same
from pix2pix_edu.exercises.engine import Function, exercise
from pix2pix_edu.exercises.quiz import Question, Quiz, right, wrong


def _augmented(
    picture: np.ndarray, labels: np.ndarray, top: int, left: int, size: int, mirror: bool, factor: float
) -> tuple[np.ndarray, np.ndarray]:
    """The right pair."""
    window = slice(top, top + size), slice(left, left + size)
    step = -1 if mirror else 1
    brighter = np.clip(np.rint(picture[window][:, ::step] * factor), 0, 255).astype(np.uint8)
    return brighter, labels[window][:, ::step]


@exercise(
    hints=[
        "Rows come first: `picture[top:top + size, left:left + size]` is the window, and the same for `labels`.",
        "`[:, ::-1]` turns left and right round, for arrays with and without a channel axis.",
        "Multiply in float, then `np.clip(np.rint(...), 0, 255).astype(np.uint8)`. Which of the two has colours?",
    ],
    solution="""
        def augment_pair(picture, labels, top, left, size, mirror, factor):
            picture = picture[top:top + size, left:left + size]
            labels = labels[top:top + size, left:left + size]
            if mirror:
                picture, labels = picture[:, ::-1], labels[:, ::-1]
            picture = np.clip(np.rint(picture * factor), 0, 255).astype(np.uint8)
            return picture, labels
    """,
    why="What moves pixels must move both, or the labels lie about the picture. What changes colours must leave the "
    "labels alone: they are names of classes, not amounts of light.",
)
def q1(augment_pair: Function, rng: np.random.Generator) -> None:
    """Write `augment_pair(picture, labels, top, left, size, mirror, factor)`: a pair that is still a pair.

    Cut the window of `size` x `size` pixels whose upper left corner is (`top`, `left`). If `mirror` is True, turn left
    and right round. Multiply the picture's values by `factor`: round, and keep to 0 ... 255. Give back picture and
    labels. `picture` is uint8 (height, width, 3), `labels` uint8 (height, width).
    """
    for size, mirror, factor in ((5, True, 1.4), (4, False, 0.7), (6, True, 1.0)):
        picture = rng.integers(60, 256, (9, 11, 3)).astype(np.uint8)
        labels = rng.integers(1, 12, (9, 11)).astype(np.uint8)
        top, left = int(rng.integers(1, 3)), int(rng.integers(0, 2))
        asked = f"top={top}, left={left}, size={size}, mirror={mirror}, factor={factor}"
        given = augment_pair(picture, labels, top, left, size, mirror, factor)
        new_picture, new_labels = parts(given, ("picture", "labels"), f"what came back for {asked}")
        right_picture, right_labels = _augmented(picture, labels, top, left, size, mirror, factor)
        plain = _augmented(picture, labels, top, left, size, False, factor)
        window = picture[top : top + size, left : left + size]
        step = -1 if mirror else 1
        same(
            new_picture,
            right_picture,
            f"the picture for {asked}",
            dtype=np.uint8,
            suspects={
                "It is not mirrored.": plain[0],
                "Top and bottom are turned round. Left and right are asked for: `[:, ::-1]`.": plain[0][::-1],
                "The window was cut after mirroring, so it lies elsewhere: cut first.": _augmented(
                    picture[:, ::step], labels, top, left, size, False, factor
                )[0],
                "Its brightness has not changed.": window[:, ::step],
                "`top` and `left` are swapped: rows come first.": _augmented(
                    picture, labels, left, top, size, mirror, factor
                )[0],
                "Values above 255 wrapped round to dark ones: clip before you turn to uint8.": (
                    np.rint(window[:, ::step] * factor).astype(np.int64) % 256
                ),
                "`[..., ::-1]` turns the colours round, not the sides: take `[:, ::-1]`.": plain[0][..., ::-1],
                "The window ends at top + size and left + size, not at size.": plain[0][: size - top, : size - left][
                    :, ::step
                ],
                "Picture and labels are the wrong way round: first the picture.": right_labels,
            },
            otherwise="Cut the window, mirror it, then multiply, round and clip.",
        )
        same(
            new_labels,
            right_labels,
            f"the labels for {asked}",
            suspects={
                "The picture was mirrored, its labels were not: they now lie about the picture.": plain[1],
                "The labels were made brighter as well. They are numbers of classes, not colours.": np.clip(
                    np.rint(right_labels * factor), 0, 255
                ),
                "These labels are of another window than the picture.": labels[:size, :size][:, ::step],
                "These are the labels of the whole picture: cut the same window.": labels[:, ::step],
                "And these are not even mirrored: cut and mirror the labels as the picture.": labels,
            },
            otherwise="The labels must be cut and mirrored as the picture, and nothing else.",
        )


@exercise(
    hints=[
        "Both lists have one number for each seed, in the same order, and both ways share the houses of a seed. Take "
        "the differences first: `d = np.array(ours) - np.array(baseline)`.",
        "The half width is t times the standard deviation of the differences, divided by the square root of how many "
        "there are. For a sample: `np.std(d, ddof=1)`.",
    ],
    solution="""
        def gain_interval(ours, baseline, t):
            gains = np.array(ours) - np.array(baseline)
            half = t * gains.std(ddof=1) / np.sqrt(len(gains))
            return gains.mean() - half, gains.mean() + half
    """,
    why="The houses of a seed are easy or hard for both ways alike. In the differences that cancels out, so this "
    "interval is often much narrower than the two intervals of the scores. If all of it lies above 0, the gain is "
    "there; if 0 is inside, five seeds cannot tell.",
)
def q2(gain_interval: Function, rng: np.random.Generator) -> None:
    """Write `gain_interval(ours, baseline, t)`: between which values does the gain lie?

    `ours` and `baseline` are lists with the scores of the same seeds. Give the lower and the upper end of the 95 %
    interval of the mean gain: the mean of the differences, less and plus `t` times their standard deviation (of a
    sample: `ddof=1`) over the square root of the number of seeds. `t` is Student's number for so many seeds.
    """
    # The last is the factor of a 90 % interval, which no function finds that has the 95 % built in.
    for seeds, t, library in ((5, 2.776, 2.7764451), (3, 4.303, 4.3026527), (5, 2.132, 2.7764451)):
        baseline = rng.uniform(0.3, 0.5, seeds)
        ours = baseline + rng.normal(0.03, 0.02, seeds)
        gains = ours - baseline
        checked = f"{seeds} seeds, t = {t}"
        given = parts(gain_interval(list(ours), list(baseline), t), ("low", "high"), checked)

        def ends(half: float, middle: float = gains.mean()) -> np.ndarray:
            return np.array([middle - half, middle + half])

        unpaired = np.sqrt(ours.var(ddof=1) + baseline.var(ddof=1))
        same(
            [number(end, checked) for end in given],
            ends(t * gains.std(ddof=1) / np.sqrt(seeds)),
            checked,
            suspects={
                "np.std divides by n unless it is told otherwise: for a sample take ddof=1.": ends(
                    t * gains.std() / np.sqrt(seeds)
                ),
                "The square root of the number of seeds is missing: this is the spread of one gain, not of their "
                "mean.": ends(t * gains.std(ddof=1)),
                "Divide by the square root of the number of seeds, not by the number.": ends(
                    t * gains.std(ddof=1) / seeds
                ),
                "`t` is missing: this is one standard error.": ends(gains.std(ddof=1) / np.sqrt(seeds)),
                "The argument `t` is not used: this is the factor that a library finds.": ends(
                    library * gains.std(ddof=1) / np.sqrt(seeds)
                ),
                "The argument `t` is not used: this is the factor for 95 %, typed in.": ends(
                    round(library, 3) * gains.std(ddof=1) / np.sqrt(seeds)
                ),
                "This is the variance: take its square root.": ends(t * gains.var(ddof=1) / np.sqrt(seeds)),
                "The sign is the wrong way round: ours less the baseline.": -ends(
                    t * gains.std(ddof=1) / np.sqrt(seeds)
                )[::-1],
                "The upper end came first: give low, then high.": ends(t * gains.std(ddof=1) / np.sqrt(seeds))[::-1],
                "Here the spreads of both lists are added. They share their houses: take the differences first.": ends(
                    t * unpaired / np.sqrt(seeds)
                ),
                "This is the interval of our scores. Asked for is that of the gain.": ends(
                    t * ours.std(ddof=1) / np.sqrt(seeds), ours.mean()
                ),
            },
            otherwise="Mean of the differences, less and plus t * std(ddof=1) / sqrt(n).",
        )


@exercise(
    hints=[
        "Row i holds all pixels that truly are class i. How many of them landed in column i?",
        "`np.diag(confusion)` are the right ones, `confusion.sum(axis=1)` all of each class.",
        "Where a class has no pixels, the sum is 0: put `np.nan` there, by `np.where` or `np.divide(..., where=...)`.",
    ],
    solution="""
        def recall_per_class(confusion):
            found = np.diag(confusion)
            all_of_it = confusion.sum(axis=1)
            recall = np.full(len(confusion), np.nan)
            occurs = all_of_it > 0
            recall[occurs] = found[occurs] / all_of_it[occurs]
            return recall
    """,
    why="Recall asks: of the balconies that are there, how many were found? A network that calls everything a balcony "
    "has a recall of 1. So look at the IoU as well, which also counts what was wrongly called one.",
)
def q3(recall_per_class: Function, rng: np.random.Generator) -> None:
    """Write `recall_per_class(confusion)`: for each class, the share of its pixels that was found.

    `confusion` is an array (classes, classes): row = true class, column = what was read, entries = pixels. A class
    without any pixels has no recall: give `np.nan` for it.
    """
    for classes in (3, 5):
        confusion = rng.integers(1, 90, (classes, classes))
        absent = int(rng.integers(classes))
        confusion[absent] = 0
        never_found = (absent + 1) % classes
        confusion[never_found, never_found] = 0
        occurs = np.arange(classes) != absent
        found, rows, columns = (each[occurs] for each in (np.diag(confusion), confusion.sum(1), confusion.sum(0)))
        recall = found / rows
        checked = f"{classes} classes, of which number {absent} does not occur, and number {never_found} is never found"
        given = as_numbers(recall_per_class(confusion), checked)
        if given.shape != (classes,):
            raise Wrong(
                checked,
                received=describe(given),
                expected=f"{classes} numbers, one for each class, with np.nan in place {absent} (counted from 0)",
                cause=_recall_cause(given, confusion, recall),
            )
        require(
            not np.isnan(given[never_found]),
            checked,
            received=describe(given),
            expected=f"0 in place {never_found}",
            cause="That class has pixels, and none of them was found. So it has a recall: 0, not np.nan.",
        )
        same(
            given[occurs],
            recall,
            f"{checked}: the others",
            suspects={
                "These are the shares of each column: of what was read as a class, how much was right. That is the "
                "precision. Recall divides by the row.": found / columns,
                "This is the IoU: it also counts what was wrongly taken for the class.": found
                / (rows + columns - found),
                "Divide each class by the pixels of its own row, not by all pixels.": found / confusion.sum(),
                "These are counts. Divide by how many pixels the class has.": found,
                "`//` divides whole numbers and drops the rest: take `/`.": found // rows,
            },
        )
        require(
            bool(np.isnan(given[absent])),
            checked,
            received=describe(given),
            expected=f"np.nan in place {absent}",
            cause="A class without pixels has neither a good nor a bad recall: give np.nan for it.",
        )


def _recall_cause(given: np.ndarray, confusion: np.ndarray, recall: np.ndarray) -> str:
    """Why something came back that is not one number for each class."""
    if given.shape == recall.shape and np.allclose(given, recall):
        return "The class that does not occur is left out: its place holds np.nan."
    if given.ndim == 0 and np.isclose(given, recall.mean()):
        return "This is the mean over the classes. Asked for is one number for each."
    if given.ndim == 0 and np.isclose(given, np.trace(confusion) / confusion.sum()):
        return "This is the share of all pixels that were read rightly. Asked for is one for each class."
    return f"Give one number for each of the {len(confusion)} classes."


@exercise(
    hints=[
        "With x more houses there are total + x, and having + x of them have a balcony.",
        "(having + x) / (total + x) = share. Solve it for x.",
        "x = (share * total - having) / (1 - share), rounded up: `math.ceil`, or `int(np.ceil(...))`. Never below 0.",
    ],
    solution="""
        def how_many(total, having, share):
            x = (share * total - having) / (1 - share)
            return max(0, int(np.ceil(x - 1e-9)))    # 1e-9: what floats lose must not cost a house
    """,
    why="Every house that is added makes the rare class more frequent and the set larger. From 2 in 40 to one half it "
    "takes 36, not 18; to nine in ten it would take 340.",
)
def q4(how_many: Function, rng: np.random.Generator) -> None:
    """Write `how_many(total, having, share)`: how many houses with balconies must be generated?

    Of `total` houses `having` have a balcony. After the new ones are added, at least the given share (below 1) of all
    houses is to have one. Give the smallest whole number that does it; 0 if there are enough already.
    """
    for _ in range(4):
        _check_count(how_many, *_count_to_round(rng))
    _check_count(how_many, 40, 2, 0.5)
    _check_count(how_many, 40, 30, 0.5)


def _count_to_round(rng: np.random.Generator) -> tuple[int, int, float]:
    """Total, having and share for which x is no whole number: near one, what floats lose may cost a house."""
    while True:
        total, share = int(rng.integers(30, 200)), float(rng.choice([0.3, 0.4, 0.6]))
        having = int(rng.integers(0, int(share * total) - 2))
        exact = (share * total - having) / (1 - share)
        if abs(exact - round(exact)) > 0.01:
            return total, having, share


def _check_count(how_many: Function, total: int, having: int, share: float) -> None:
    checked = f"{having} of {total} houses, share {share:g}"
    exact = (share * total - having) / (1 - share)
    expected = max(0, int(np.ceil(exact - 1e-9)))
    same(
        number(how_many(total, having, share), checked),
        expected,
        checked,
        suspects={
            "There are enough already, so the answer is 0, not a negative number.": np.ceil(exact),
            "There are enough already, so the answer is 0. Without `abs` it would be negative.": np.abs(np.ceil(exact)),
            "The new houses make the set larger, too: they are missing below the line.": np.ceil(
                share * total - having - 1e-9
            ),
            "The new houses make the set larger, too: they are missing below the line, and the result is to be rounded "
            "up.": share * total - having,
            "Half a house cannot be generated: round up.": exact,
            "Rounded down, the share is not quite reached: round up.": np.floor(exact),
            "This is how many houses with balconies there are in the end. Take away those that are there.": expected
            + having,
        },
        otherwise="Solve (having + x) / (total + x) = share for x, and round up.",
    )


quiz = Quiz(
    "Lesson 11",
    [
        Question(
            "You mirror each picture of your training set, and forget the label maps. What does the student learn?",
            wrong(
                "Twice as much, for a mirrored house is a new house", "It would be, if its labels were mirrored too."
            ),
            right(
                "That labels are often wrong",
                "Where a house is not symmetric, the same pixel is now called a wall and a window. It learns the blur.",
            ),
            wrong("Nothing new, since houses are symmetric", "Nearly symmetric is not enough: count the pixels."),
        ),
        Question(
            "A generator was trained on the 20 pairs that the student has. Its pictures of new label maps bring ...",
            wrong("new colours and new textures", "It knows only those of the 20 pairs, and so does the student."),
            wrong("nothing at all", "The label maps are new: where things are was not among the 20 pairs."),
            right(
                "new layouts, in looks that were there before",
                "So the study also paints the new maps in flat colours, and the old maps by the generator.",
            ),
        ),
        Question(
            "A student calls every pixel a balcony. Its recall and its IoU of balconies are ...",
            right(
                "1 and as small as the share of balconies",
                "It finds all of them. The IoU also counts every pixel that was wrongly called one.",
            ),
            wrong("both 1", "The IoU divides by all that was called a balcony, and that is the whole picture."),
            wrong(
                "both as small as the share of balconies", "No balcony was missed, so the recall is as high as can be."
            ),
        ),
        Question(
            "In five seeds the gains are +0.04, +0.03, +0.05, +0.02 and +0.04, but the intervals of the two scores "
            "overlap. Is the gain there?",
            wrong("No, overlapping intervals mean no difference", "They spread because each seed has other houses."),
            right(
                "Yes, for both scores of a seed share their houses",
                "So the differences count. Their mean is 0.036, their interval about 0.022 to 0.050, without 0.",
            ),
            wrong(
                "Nobody can know with five seeds", "Five are few, and the interval says so: it is wide, yet above 0."
            ),
        ),
        Question(
            "Your student scores well on generated pictures, and badly on real ones. Which number do you report?",
            wrong("The mean of both", "The first says how well it knows the generator. Nobody asked that."),
            wrong(
                "That on generated pictures, for there are more", "More of the wrong pictures are still the wrong ones."
            ),
            right(
                "That on real pictures which nothing was trained on",
                "The student will be used on real pictures. Generated ones are for training, if at all.",
            ),
        ),
    ],
)
