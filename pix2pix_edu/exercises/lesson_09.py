"""Exercises and quiz of lesson 09: evaluation."""

from __future__ import annotations

from math import comb
from typing import Any

import numpy as np

from pix2pix_edu.exercises.compare import Wrong, describe, number, parts, require, same
from pix2pix_edu.exercises.engine import Function, Value, exercise
from pix2pix_edu.exercises.quiz import Question, Quiz, right, wrong

C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def _ssim(
    x: np.ndarray,
    y: np.ndarray,
    weights: np.ndarray,
    *,
    squared_means: bool = True,
    roots: bool = False,
    c1: float = C1,
    c2: float = C2,
    first: bool = True,
    second: bool = True,
    doubled: bool = True,
) -> float:
    """SSIM of one window, right by default; each option makes one foreseen mistake."""
    mean_x, mean_y = (weights * x).sum(), (weights * y).sum()
    minus_x, minus_y = (mean_x, mean_y) if squared_means else (0.0, 0.0)
    variance_x = (weights * (x - minus_x) ** 2).sum()
    variance_y = (weights * (y - minus_y) ** 2).sum()
    covariance = (weights * (x - minus_x) * (y - minus_y)).sum()
    if roots:
        variance_x, variance_y = np.sqrt(variance_x), np.sqrt(variance_y)
    twice = 2 if doubled else 1
    brightness = (twice * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    structure = (twice * covariance + c2) / (variance_x + variance_y + c2)
    return float((brightness if first else 1.0) * (structure if second else 1.0))


@exercise(
    hints=[
        "A weighted mean is `(weights * x).sum()`: the weights add up to 1, so there is nothing to divide by.",
        "The variance of x is the weighted mean of `(x - mean_x) ** 2`, the covariance that of "
        "`(x - mean_x) * (y - mean_y)`.",
        "SSIM is a product of two fractions: (2 * mean_x * mean_y + C1) / (mean_x**2 + mean_y**2 + C1), and "
        "(2 * covariance + C2) / (variance_x + variance_y + C2).",
    ],
    solution="""
        C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2

        def ssim_of_window(x, y, weights):
            mean_x, mean_y = (weights * x).sum(), (weights * y).sum()
            variance_x = (weights * (x - mean_x) ** 2).sum()
            variance_y = (weights * (y - mean_y) ** 2).sum()
            covariance = (weights * (x - mean_x) * (y - mean_y)).sum()
            brightness = (2 * mean_x * mean_y + C1) / (mean_x**2 + mean_y**2 + C1)
            structure = (2 * covariance + C2) / (variance_x + variance_y + C2)
            return brightness * structure
    """,
    why="The means say how bright the window is, the variances how much contrast it has, and the covariance whether "
    "both are bright at the same places. C1 and C2 only keep the fractions finite where a window is black or flat.",
)
def q1(ssim_of_window: Function, rng: np.random.Generator) -> None:
    """Write `ssim_of_window(x, y, weights)`: the structural similarity of one window.

    `x` and `y` are grey windows of the same size, `weights` are as large and add up to 1. Compute weighted means,
    variances and the covariance, then the two fractions with C1 = (0.01 * 255)**2 and C2 = (0.03 * 255)**2.
    """
    kinds = {
        3: "two unlike windows",
        5: "a window and its negative",
        4: "a window and a paler one",
        6: "two dark windows",  # in which C1 and C2 matter most
    }
    for size, kind in kinds.items():
        x = rng.uniform(0, 15 if size == 6 else 255, (size, size)).round()
        other = rng.uniform(0, 15 if size == 6 else 255, (size, size)).round()
        y = {5: 255 - x, 4: 0.6 * x + 70}.get(size, other)
        weights = rng.uniform(0.2, 1, (size, size))
        weights /= weights.sum()
        flat = np.full_like(weights, 1 / weights.size)
        expected = _ssim(x, y, weights)
        same(
            ssim_of_window(x, y, weights),
            expected,
            f"{kind}, {size} x {size} pixels",
            tolerance=1e-4 / abs(expected),  # 1e-4 of the 1 that equal windows get: float32 may be off by half of that
            suspects={
                "The weights are not used: that is the plain mean over the window.": _ssim(x, y, flat),
                "Subtract the mean before you square or multiply: these are no variances.": _ssim(
                    x, y, weights, squared_means=False
                ),
                "The second fraction takes variances, not their square roots.": _ssim(x, y, weights, roots=True),
                "C1 and C2 are missing, or they are those of pictures from 0 to 1.": _ssim(
                    x, y, weights, c1=0.0, c2=0.0
                ),
                "C1 and C2 are those of pictures from 0 to 1: take (0.01 * 255)**2 and (0.03 * 255)**2.": _ssim(
                    x, y, weights, c1=0.01**2, c2=0.03**2
                ),
                "C1 and C2 are mixed up: C1 belongs to the means, C2 to the variances.": _ssim(
                    x, y, weights, c1=C2, c2=C1
                ),
                "Only the means are compared: the second fraction is missing.": _ssim(x, y, weights, second=False),
                "Only the structure is compared: the fraction with the means is missing.": _ssim(
                    x, y, weights, first=False
                ),
                "A 2 is missing above the line of both fractions: equal windows must give 1.": _ssim(
                    x, y, weights, doubled=False
                ),
                "That is the mean squared error; SSIM has no difference of pixels in it.": (
                    weights * (x - y) ** 2
                ).sum(),
            },
            otherwise="Try equal windows: the result must be 1. Then try a window and its negative: the covariance, "
            "and with it the result, must be negative.",
        )


@exercise(
    hints=[
        "PSNR looks at one pixel at a time. Where does a black line fall on white paper, and white paper on a line?",
        "Blur makes a line grey on both sides, noise changes every pixel a little. A shift makes most pixels of a thin "
        "line wrong by the whole 255.",
    ],
    solution='worst = "shift"    # of "blur", "noise", "shift" and "paler"',
    why="A thin line that lies two pixels aside is wrong twice: where it is, and where it should be. A person would "
    "hardly notice. PSNR compares places, not drawings.",
)
def q2(worst: Value) -> None:
    """A coloured drawing is spoiled in four ways: blurred, covered with noise, shifted by two pixels, made paler.

    Which of them has the lowest PSNR? Set `worst` to "blur", "noise", "shift" or "paler".
    """
    said = str(worst).strip().lower() if isinstance(worst, str) else None
    if said == "shift":
        return
    causes = {
        "blur": "Blur spreads a line over its neighbours: many pixels are a little wrong, few are wrong by much.",
        "noise": "Noise changes all pixels, but each by little: 24 of 255, as we shall add it. Squares punish large "
        "errors.",
        "paler": "Paler colours are off by a fraction of what they were. Which of the four makes black out of white?",
    }
    cause = causes.get(said or "", 'Answer with one of the four words: "blur", "noise", "shift" or "paler".')
    raise Wrong("your prediction", received=describe(worst), cause=cause)


def _scores(confusion: np.ndarray) -> dict[str, float]:
    """Right and wrong ways to read a confusion matrix (rows: true classes), in which a class may never occur."""
    right_ones, true, read = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    with np.errstate(all="ignore"):
        accuracies, ious = right_ones / true, right_ones / (true + read - right_ones)
        return {
            "pixel": right_ones.sum() / confusion.sum(),
            "class": np.nanmean(accuracies),
            "iou": np.nanmean(ious),
            "class_zero": np.nan_to_num(accuracies).mean(),
            "iou_zero": np.nan_to_num(ious).mean(),
            "iou_occurring": ious[true > 0].mean(),
            "precision": np.nanmean(right_ones / read),
            "iou_sum": np.nanmean(right_ones / (true + read)),
            "pixel_mean": confusion.mean(),
        }


@exercise(
    hints=[
        "`np.diag(confusion)` are the pixels that were read rightly. Row sums say how many pixels a class has, column "
        "sums how often it was read.",
        "IoU: the right pixels over all that are the class *or* were taken for it. Row sum plus column sum counts the "
        "right ones twice.",
        "A class without pixels gives 0 / 0, which is NaN. `np.nanmean` leaves NaN out of a mean.",
    ],
    solution="""
        def scores(confusion):
            right = np.diag(confusion)
            true, read = confusion.sum(axis=1), confusion.sum(axis=0)
            with np.errstate(invalid="ignore"):
                accuracies = right / true
                ious = right / (true + read - right)
            pixel_accuracy = right.sum() / confusion.sum()
            return pixel_accuracy, np.nanmean(accuracies), np.nanmean(ious)
    """,
    why="One matrix, three questions: how many pixels are right, how many classes, and how well do areas overlap? A "
    "class that nobody asked for must not count as a failure. But one that is read where there is none costs an IoU of "
    "0.",
)
def q3(scores: Function, rng: np.random.Generator) -> None:
    """Write `scores(confusion)`: pixel accuracy, class accuracy and class IoU, in this order.

    `confusion[i, j]` counts the pixels of class i that were read as class j. Both means are over the classes for which
    there is something to divide by; leave out a class that gives 0 / 0.
    """
    absent_is_read = np.array([[50, 5, 3], [4, 30, 2], [0, 0, 0]]) + rng.integers(0, 5, (3, 3)) * [[1], [1], [0]]
    tables = {
        "two classes": rng.integers(5, 90, (2, 2)),
        "four classes": rng.integers(1, 60, (4, 4)),
        "a class that occurs nowhere, and is read nowhere": np.pad(rng.integers(5, 60, (3, 3)), ((0, 1), (0, 1))),
        "a class that occurs nowhere, and is read all the same": absent_is_read,
    }
    for name, confusion in tables.items():
        found = parts(scores(confusion), ("pixel_accuracy", "class_accuracy", "class_iou"), name)
        answer, turned = _scores(confusion), _scores(confusion.T)
        same(
            found[0],
            answer["pixel"],
            f"pixel accuracy, {name}",
            suspects={
                "Divide by all pixels: `confusion.sum()`.": np.diag(confusion).sum(),
                "That is the class accuracy: the order is pixel accuracy, class accuracy, class IoU.": answer["class"],
                "That is the share of wrong pixels.": 1 - answer["pixel"],
            },
            otherwise="Right pixels stand on the diagonal; divide their sum by the sum of all.",
        )
        same(
            found[1],
            answer["class"],
            f"class accuracy, {name}",
            suspects={
                "Rows are the true classes: divide by the row sums (`axis=1`).": turned["class"],
                "A class that does not occur has no accuracy: leave it out, it is not 0.": answer["class_zero"],
                "That is the class IoU: the order is pixel accuracy, class accuracy, class IoU.": answer["iou"],
                "Each class counts the same, however large it is: a mean over classes, not over pixels.": answer[
                    "pixel"
                ],
            },
            otherwise=_nan_cause(found[1])
            or "For each class: right pixels over its row sum. Then the mean over the classes that occur.",
        )
        same(
            found[2],
            answer["iou"],
            f"class IoU, {name}",
            suspects={
                "Row sum plus column sum counts the right pixels twice: subtract them once.": answer["iou_sum"],
                "A class that neither occurs nor is read gives 0 / 0: leave it out, it is not 0.": answer["iou_zero"],
                "A class that is read where there is none has an IoU of 0, and counts: only 0 / 0 is left out.": answer[
                    "iou_occurring"
                ],
                "That is the class accuracy: pixels taken for the class count below the line, too.": answer["class"],
                "That divides by what was read alone: count the pixels of the class as well.": answer["precision"],
            },
            otherwise=_nan_cause(found[2])
            or "For each class: right / (row sum + column sum - right). Then the mean, without 0 / 0.",
        )


def _nan_cause(value: Any) -> str:
    """The likely cause where an answer is NaN, which equals nothing, not even itself."""
    try:
        is_nan = bool(np.isnan(np.asarray(value, dtype=float)).any())
    except (TypeError, ValueError):
        return ""
    return "0 / 0 is NaN, and makes the mean NaN: leave that class out, as `np.nanmean` does." if is_nan else ""


@exercise(
    hints=[
        "One round: draw as many outcomes as there are, *with* replacement, and take their mean: "
        "`rng.choice(outcomes, len(outcomes)).mean()`.",
        "Do it `rounds` times, and keep all the means.",
        "95 % lie between the quantiles 0.025 and 0.975: `np.quantile(means, [0.025, 0.975])`.",
    ],
    solution="""
        def bootstrap(outcomes, rng, rounds=4000):
            means = []
            for _ in range(rounds):
                drawn = rng.choice(outcomes, len(outcomes))
                means.append(drawn.mean())
            low, high = np.quantile(means, [0.025, 0.975])
            return low, high
    """,
    why="Nobody can repeat the study, but one can draw from its answers again and again, and see how much the mean "
    "jumps about. It knows nothing of what the study never asked, such as other people.",
)
def q4(bootstrap: Function, rng: np.random.Generator) -> None:
    """Write `bootstrap(outcomes, rng, rounds=4000)`: the 95 % bootstrap interval of a mean, as (low, high).

    `outcomes` is an array of zeros and ones. Draw as many from it, with replacement, by `rng`; take the mean; do it
    `rounds` times. The interval is from the quantile 0.025 of these means to the quantile 0.975.
    """
    for count, ones in ((75, 30), (20, 2)):  # the second is so lopsided that its interval is, too
        outcomes = rng.permutation((np.arange(count) < ones).astype(float))
        checked = f"{count} outcomes, of which {ones} are 1"
        low, high = _interval(bootstrap, outcomes, int(rng.integers(1000)), checked)
        if _is_quantile(low, 0.025, count, ones) and _is_quantile(high, 0.975, count, ones):
            continue
        wanted = tuple(_quantile(level, count, ones) for level in (0.025, 0.975))
        raise Wrong(
            checked,
            received=describe((low, high)),
            expected=f"about {describe(tuple(round(limit, 3) for limit in wanted))}",
            cause=_form_cause(low, high)
            or _ignored(bootstrap, rng)
            or _bootstrap_cause(low, high, ones / count, np.sqrt(ones * (count - ones) / count**3)),
        )
    cause = _ignored(bootstrap, rng, always=True)
    require(not cause, "the same outcomes, drawn with other arguments", cause=cause)


ROUNDS = 4000
FEW_ROUNDS = 40


def _interval(
    bootstrap: Function, outcomes: np.ndarray, seed: int, checked: str, rounds: int = ROUNDS
) -> tuple[float, float]:
    drawing = np.random.default_rng(seed)
    given = bootstrap(outcomes, drawing) if rounds == ROUNDS else bootstrap(outcomes, drawing, rounds)
    low, high = parts(given, ("low", "high"), checked)
    return number(low, checked), number(high, checked)


def _quantile(level: float, count: int, ones: int) -> float:
    """That of the mean of `count` draws with replacement, after infinitely many rounds."""
    share = ones / count
    chances = [comb(count, k) * share**k * (1 - share) ** (count - k) for k in range(count + 1)]
    return float(np.searchsorted(np.cumsum(chances), level)) / count


def _is_quantile(value: float, level: float, count: int, ones: int) -> bool:
    """Whether a quantile of 4,000 means may be `value`: as many rounds hit its level up to `error`."""
    error = 4.2 * np.sqrt(level * (1 - level) / ROUNDS)
    lowest, highest = (_quantile(level + sign * error, count, ones) for sign in (-1, 1))
    return lowest - 0.1 / count < value < highest + 0.1 / count


def _form_cause(low: float, high: float) -> str:
    if not np.isfinite([low, high]).all():
        return "These are no numbers: look at the means before you take their quantiles."
    return "Low and high are the wrong way round." if high < low else ""


def _ignored(bootstrap: Function, rng: np.random.Generator, always: bool = False) -> str:
    """Whether `rng` or `rounds` makes no difference, in words; a few times, as two intervals may agree by chance.

    Where every interval is the same, something else is wrong than `rounds`; it is named only if `always`.
    """

    def intervals(seed: int, *all_rounds: int) -> list[tuple[float, float]]:
        outcomes = np.random.default_rng(seed).permutation((np.arange(40) < 16).astype(float))
        return [_interval(bootstrap, outcomes, seed, f"rounds={rounds}", rounds) for rounds in all_rounds]

    seeds = [int(seed) for seed in rng.integers(1000, size=4)]
    found = []
    for seed in seeds:
        few, many = intervals(seed, FEW_ROUNDS, ROUNDS)
        found.append(many)
        if few != many:
            break
    else:
        unused = always or len(set(found)) > 1
        return "`rounds` is not used: 40 rounds and 4,000 give the same interval." if unused else ""
    for seed in seeds:
        first, second = intervals(seed, FEW_ROUNDS, FEW_ROUNDS)
        if first != second:
            return "Equal `rng` give unequal intervals: draw by `rng`, such as `rng.choice`, and not by np.random."
    outcomes = (np.arange(400) < 160).astype(float)  # so many that two honest intervals hardly ever agree
    if len({_interval(bootstrap, outcomes, seed, "another rng", FEW_ROUNDS) for seed in {0, *seeds}}) == 1:
        return "Unequal `rng` give the same interval: draw by the `rng` that is given, not by a generator of your own."
    return ""


def _bootstrap_cause(low: float, high: float, share: float, spread: float) -> str:
    """What probably went wrong with an interval."""
    half = (high - low) / 2
    if half < 0.02 * spread:
        return "All means are the same: draw *with* replacement, or every round only shuffles the same outcomes."
    if (low, high) == (0, 1):
        return (
            "From 0 to 1 go single outcomes; this is not around the mean. In each round draw as many outcomes as there "
            "are, and take the quantiles of the *means*."
        )
    around = abs((low + high) / 2 - share) < 0.3 * spread
    for factor, cause in {
        1.0: "That is one standard deviation on each side; 95 % need the quantiles 0.025 and 0.975.",
        1.645: "Those are the quantiles 0.05 and 0.95, which hold 90 %: leave 2.5 % out on each side.",
        0.674: "Those are the quartiles, which hold 50 %: take the quantiles 0.025 and 0.975.",
        1.96: "That is the mean with 1.96 standard deviations on either side. Asked for are the quantiles of the "
        "means, which need not lie evenly.",
    }.items():
        if around and abs(half / spread - factor) < 0.13:
            return cause
    if around and 2.2 * spread < half < 3 * spread:
        return (
            "That is too wide: either it holds 99 % (take the quantiles 0.025 and 0.975), or a round draws fewer "
            "outcomes than there are."
        )
    if half > 2.2 * spread:
        return "That is far too wide: does each round draw as many outcomes as there are?"
    if not around:
        return "The interval is not around the mean of the outcomes: are both quantiles those of the means?"
    if half > 1.96 * spread:
        return "That is too wide: does each round draw as many outcomes as there are?"
    return "That is too narrow: does each round draw as many outcomes as there are, and no more?"


quiz = Quiz(
    "Lesson 09",
    [
        Question(
            "A model gets 17.7 dB on the test pairs, another one 16.7 dB. What do you know?",
            wrong(
                "The first one draws better pictures.",
                "It draws pictures nearer to the one target, pixel by pixel. A blurred average is near, too.",
            ),
            right(
                "The first one is nearer to the targets, on average over pixels.",
                "That and no more. Where several answers are right, the safest bet wins, and it is blurred.",
            ),
            wrong(
                "The second one was not trained long enough.",
                "Perhaps, but an adversarial loss lowers PSNR even when all is well.",
            ),
        ),
        Question(
            "Two pictures have exactly the same histogram of colours. What follows?",
            wrong(
                "They are equal.",
                "Shuffle the pixels of a picture: the histogram stays, and nothing can be recognised.",
            ),
            wrong("Their SSIM is high.", "SSIM asks where things are; a histogram knows nothing about places."),
            right(
                "The same colours occur equally often.",
                "That is all that a histogram knows: which colours, not where.",
            ),
        ),
        Question(
            "Somebody calls every picture real. What is the fooling rate?",
            right(
                "100 %, and it says nothing.",
                "That is why the rate at which real pictures are distrusted stands beside it.",
            ),
            wrong(
                "50 %, since half of the pictures are real.", "It counts generated pictures only: all were called real."
            ),
            wrong(
                "0 %, since no real picture was missed.",
                "Real pictures do not enter it. All generated ones got by.",
            ),
        ),
        Question(
            "Suppose the segmenter reaches a class IoU of 78 % on real house fronts, and 60 % on generated ones. What "
            "do the 60 % measure?",
            wrong("The beauty of the pictures.", "Nobody looked at beauty: a network looked for windows and doors."),
            wrong(
                "How near the pictures are to the targets.",
                "No target enters: the labels do. Walls of another colour cost nothing.",
            ),
            right(
                "How well this network still recognises what was asked for.",
                "And 78 % is the most that can be expected: the judge's own mistakes count against everybody.",
            ),
        ),
        Question(
            "With 20 training pairs, L1 goes on falling on the training pairs and rises again on the validation pairs. "
            "Which checkpoint do you keep?",
            wrong("The last one: it has learnt most.", "It has learnt most about 20 drawings, by heart."),
            right(
                "The one that was best on the validation pairs.",
                "And then look at the test pairs once: the best of many numbers is always a little too good.",
            ),
            wrong(
                "The one that was best on the test pairs.",
                "Then the test has been used to choose, and nothing is left to tell how good the choice is.",
            ),
        ),
    ],
)
