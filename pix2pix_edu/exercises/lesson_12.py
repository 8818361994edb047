"""Exercises and quiz of lesson 12: the paper's claims, and how to improve on it."""

from __future__ import annotations

import numpy as np

from pix2pix_edu.exercises.compare import Wrong, describe, number, parts, same
from pix2pix_edu.exercises.engine import Function, exercise
from pix2pix_edu.exercises.quiz import Question, Quiz, right, wrong
from pix2pix_edu.experiments import FAILS, HOLDS, UNDECIDED

FACTORS = {2: 12.706, 3: 4.303, 5: 2.776, 10: 2.262}  # Student's t for so many values, two-sided 95 %
FACTOR_90 = 2.132  # for five values and 90 %: no function finds it that has the 95 % built in
FACTORS_OF_LIBRARIES = {3: 4.3026527, 5: 2.7764451}  # the same with more digits: who gets these has not used ours


def _ends(values: np.ndarray, half: float) -> np.ndarray:
    return np.array([values.mean() - half, values.mean() + half])


@exercise(
    hints=[
        "The standard error says how far the mean of n values may be off: their standard deviation over the root of n.",
        "The deviation is that of a sample, with n - 1 below the sum: `np.std(values, ddof=1)`.",
        "`half = t * np.std(values, ddof=1) / np.sqrt(len(values))`, to either side of the mean.",
    ],
    solution="""
        def confidence_interval(values, t):
            mean = np.mean(values)
            half = t * np.std(values, ddof=1) / np.sqrt(len(values))
            return mean - half, mean + half
    """,
    why="Spread over the root of n, times a factor for how little n values know of their own spread. More seeds help "
    "twice: the root grows, and the factor falls.",
)
def q1(confidence_interval: Function, rng: np.random.Generator) -> None:
    """Write `confidence_interval(values, t)`: the lower and the upper end of the 95 % interval of the mean.

    `values` are one measure over the seeds, and `t` is Student's factor for that many values (4.303 for three). The
    interval reaches `t` standard errors to either side of the mean.
    """
    for count, t in ((3, FACTORS[3]), (5, FACTORS[5]), (5, FACTOR_90)):
        values = rng.normal(0.4, 0.05, count).round(3)
        mean, spread, root = values.mean(), values.std(ddof=1), np.sqrt(count)
        checked = f"the interval of {count} values, t = {t}"
        answer = [number(end, checked) for end in parts(confidence_interval(values, t), ("low", "high"), checked)]
        same(
            answer,
            _ends(values, t * spread / root),
            checked,
            suspects={
                "np.std divides by n. Of a sample, divide by n - 1: ddof=1.": _ends(values, t * values.std() / root),
                "This is how far single values lie from the mean. The mean of n values is off by less: divide by the "
                "root of n.": _ends(values, t * spread),
                "The spread is divided by n. It is the root of n by which a mean is steadier.": _ends(
                    values, t * spread / count
                ),
                "The spread is divided by the root of n - 1: the n - 1 belongs into the standard deviation only.": (
                    _ends(values, t * spread / np.sqrt(count - 1))
                ),
                "This is the variance. Take the standard deviation, np.std.": _ends(values, t * spread**2 / root),
                "This is one standard error to either side: the factor t is missing.": _ends(values, spread / root),
                "1.96 is the factor where the spread is known. Use t.": _ends(values, 1.96 * spread / root),
                "The argument `t` is not used: this is the factor that a library finds.": _ends(
                    values, FACTORS_OF_LIBRARIES[count] * spread / root
                ),
                "The argument `t` is not used: this is the factor for 95 %, typed in.": _ends(
                    values, FACTORS[count] * spread / root
                ),
                "These are the smallest and the largest value. The interval is about their mean.": np.array(
                    [values.min(), values.max()]
                ),
                "The two ends are swapped: first the lower one.": _ends(values, t * spread / root)[::-1],
                "These are mean and half width. Asked for are the two ends.": np.array([mean, t * spread / root]),
            },
            tolerance=1e-6,
            otherwise="The mean, and `t * np.std(values, ddof=1) / np.sqrt(len(values))` to either side of it.",
        )


_WORDS = (HOLDS, FAILS, UNDECIDED)
# Two intervals, (low, high) each, and what follows; the claim is that the first is better.
_CASES = (
    ((0.50, 0.60), (0.30, 0.40), HOLDS),
    ((0.30, 0.40), (0.50, 0.60), FAILS),
    ((0.40, 0.60), (0.30, 0.45), UNDECIDED),
    ((0.30, 0.45), (0.40, 0.60), UNDECIDED),
    ((0.10, 0.90), (0.40, 0.50), UNDECIDED),
    ((0.40, 0.50), (0.10, 0.90), UNDECIDED),
    ((-0.20, -0.10), (-0.50, -0.30), HOLDS),
)
_TOUCHING = (
    ((0.40, 0.50), (0.30, 0.40), UNDECIDED),
    ((0.30, 0.40), (0.40, 0.50), UNDECIDED),
)


@exercise(
    hints=[
        "The claim holds if even the lower end of the first interval lies above the upper end of the second.",
        "What is the mirror image of that? And what is left when neither is so?",
        "`if better[0] > worse[1]`, `if better[1] < worse[0]`, and otherwise.",
    ],
    solution="""
        def verdict(better, worse):
            if better[0] > worse[1]:
                return "holds"
            if better[1] < worse[0]:
                return "does not hold at this scale"
            return "undecided"
    """,
    why="Three answers, not two. To have seen too little is not the same as to have seen the opposite.",
)
def q2(verdict: Function) -> None:
    """Write `verdict(better, worse)`: does the claim "the first beats the second" hold?

    Both are intervals, (low, high). Return "holds" if they do not touch and the first lies higher, "does not hold at
    this scale" if they do not touch and the second lies higher, and "undecided" otherwise.
    """
    for better, worse, expected in (*_CASES, *_TOUCHING):
        answer = verdict(better, worse)
        if isinstance(answer, str) and answer == expected:
            continue
        checked = f"better={better}, worse={worse}"
        if not isinstance(answer, str) or answer not in _WORDS:
            cause = f"Return one of {', '.join(map(repr, _WORDS))}, to the letter."
        elif (better, worse, expected) in _TOUCHING:
            cause = "These two intervals touch: both hold the value 0.4. Compare by > and <, not by >= and <=."
        elif expected == UNDECIDED:
            cause = "These two intervals share some values. What they share could be the truth of both."
        elif answer == UNDECIDED:
            cause = "These two intervals do not touch, so something follows. Compare an end of one with the other's."
        else:
            cause = "This is the wrong way round: the claim is that the first lies higher."
        raise Wrong(checked, received=describe(answer), expected=describe(expected), cause=cause)


@exercise(
    hints=[
        "Both lists have one array for each layer of the discriminator. Go through them together: `zip(real, fake)`.",
        "For one layer: the mean of `np.abs(r - f)` over everything in the array.",
        "Then add up the layers.",
    ],
    solution="""
        def feature_matching(real, fake):
            total = 0.0
            for r, f in zip(real, fake):
                total += np.abs(r - f).mean()
            return total
    """,
    why="Each layer has one vote, however many numbers it answers with. The generator is asked to be seen as the real "
    "picture is seen, and no longer only to be called real.",
)
def q3(feature_matching: Function, rng: np.random.Generator) -> None:
    """Write `feature_matching(real, fake)`: the loss of pix2pixHD that compares what the discriminator sees.

    `real` and `fake` are lists with one array for each hidden layer: what this layer answered about the real pairs, and
    about the generated ones. For each layer take the mean absolute difference; the loss is the sum over the layers.
    """
    for shapes in (((2, 8, 8, 3), (2, 4, 4, 5)), ((1, 6, 6, 2), (1, 3, 3, 4), (1, 2, 2, 8))):
        real = [rng.normal(size=shape) for shape in shapes]
        fake = [rng.normal(size=shape) for shape in shapes]
        apart = [one - other for one, other in zip(real, fake, strict=True)]
        means = [np.abs(each).mean() for each in apart]
        together = np.concatenate([np.abs(each).ravel() for each in apart])
        same(
            feature_matching(real, fake),
            sum(means),
            f"{len(shapes)} layers",
            suspects={
                "Without np.abs, differences above and below zero cancel each other.": sum(
                    each.mean() for each in apart
                ),
                "The differences are squared here: take the absolute value.": sum(
                    np.square(each).mean() for each in apart
                ),
                "Within a layer take the mean, or the layer with most numbers drowns the others.": together.sum(),
                "All numbers of all layers have gone into one mean. Each layer has its own; add these up.": (
                    together.mean()
                ),
                "This is the mean over the layers. Add them up.": float(np.mean(means)),
                "Only the first layer is counted.": means[0],
                "Only the last layer is counted. Is `return` inside the loop, or the sum begun anew?": means[-1],
            },
            otherwise="For each layer `np.abs(r - f).mean()`, and the sum of these.",
        )


def _sigma(matrix: np.ndarray, u: np.ndarray, rounds: int) -> float:
    for _ in range(rounds):
        v = matrix @ u
        v = v / np.linalg.norm(v)
        u = matrix.T @ v
        u = u / np.linalg.norm(u)
    return float(v @ matrix @ u)


@exercise(
    hints=[
        "One round: `v = W @ u`, scaled to length 1; then `u = W.T @ v`, scaled to length 1.",
        "The length of a vector is `np.linalg.norm(v)`.",
        "After the rounds, `v @ W @ u` says how much W stretches along this direction.",
    ],
    solution="""
        def largest_stretch(W, u, rounds):
            for _ in range(rounds):
                v = W @ u
                v = v / np.linalg.norm(v)
                u = W.T @ v
                u = u / np.linalg.norm(u)
            return v @ W @ u
    """,
    why="Each round turns u towards the direction that W stretches most. Weights change little from one training step "
    "to the next, so one round a step is enough to follow them.",
)
def q4(largest_stretch: Function, rng: np.random.Generator) -> None:
    """Write `largest_stretch(W, u, rounds)`: the largest singular value of W by power iteration.

    In each round set v to W u and scale it to length 1, then u to Wᵀ v and scale it to length 1. Afterwards return
    vᵀ W u. `W` need not be square; `u` is the direction to begin with, and `rounds` is at least 1.
    """
    for shape, rounds in (((4, 4), 1), ((5, 3), 2), ((3, 6), 30)):
        matrix, u = rng.normal(size=shape), rng.normal(size=shape[1])
        largest = np.linalg.svd(matrix, compute_uv=False)[0]
        suspects = {
            f"This is what {rounds + 1} rounds give.": _sigma(matrix, u, rounds + 1),
            "This is the exact value. Asked for is what so many rounds find: no np.linalg.svd.": largest,
            "This is the largest absolute value in W.": np.abs(matrix).max(),
            "This is the length of W as one long vector, np.linalg.norm(W).": np.linalg.norm(matrix),
            "This is the square of it: u has been multiplied by W and by its transpose.": _sigma(matrix, u, rounds)
            ** 2,
        }
        if rounds > 1:
            suspects["This is what one round gives. Does each round begin with the u of the one before?"] = _sigma(
                matrix, u, 1
            )
        same(
            largest_stretch(matrix, u, rounds),
            _sigma(matrix, u, rounds),
            f"a matrix of {shape[0]} x {shape[1]}, rounds={rounds}",
            suspects=suspects,
            otherwise="Scale v and u to length 1 in each round; at the end `v @ W @ u` with the last v and the last u.",
        )


quiz = Quiz(
    "Lesson 12",
    [
        Question(
            "From three seeds, two intervals touch. What follows?",
            wrong(
                "The two models are equally good",
                "Equality has not been shown. A small difference would look just like this.",
            ),
            right(
                "Nothing yet: more seeds may or may not separate them",
                "Undecided is a statement about what has been seen, not about the models.",
            ),
            wrong("The paper is wrong", "Not even if they stood the other way round: other data, other size."),
        ),
        Question(
            "Sixteen settings are tried; the best is chosen on the validation pairs. What do you report?",
            wrong(
                "Its validation score",
                "The best of sixteen was lucky as well as good. Its score is too high by the luck.",
            ),
            wrong(
                "Its test score, after trying all sixteen on the test pairs",
                "Then the test pairs have chosen, and they are validation pairs now.",
            ),
            right(
                "What it scores on test pairs when trained again from other seeds",
                "Neither these pairs nor these seeds had a say in the choice.",
            ),
        ),
        Question(
            "The pairs grow from 25 to 800. What must stay the same, so that the curve shows what pairs are worth?",
            wrong(
                "The number of epochs",
                "Then 800 pairs are trained for 32 times as many steps, and you measure both at once.",
            ),
            right("The number of steps", "Otherwise more pairs would also mean more training."),
            wrong("The training loss", "It is lowest where the pairs are few, for they are learnt by heart."),
        ),
        Question(
            "Spectral norm divides the weights of each layer of the discriminator by a number. Why?",
            right(
                "So that the discriminator cannot answer arbitrarily steeply",
                "No layer lengthens a vector any more, so a small change of the picture moves the answer by little.",
            ),
            wrong("So that it has fewer weights", "It has as many as before, and a direction to remember besides."),
            wrong(
                "So that the generated pictures become sharper by the same factor",
                "It never touches a picture. It changes what the generator can learn from.",
            ),
        ),
        Question(
            "A hospital wants MR slices turned into CT slices, and shows you sharp results. What do you ask first?",
            wrong("Which GPU they trained on", "It decides how long they waited, not whether the picture is true."),
            right(
                "Whether what is drawn is there: how often is a finding missing, or invented?",
                "A generator draws what is usual. The unusual is what a physician looks for.",
            ),
            wrong(
                "What the PSNR is",
                "A lesion of ten pixels hardly moves it. Measure what the picture is for.",
            ),
        ),
    ],
)
