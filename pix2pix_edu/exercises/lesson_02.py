"""Exercises and quiz of lesson 02: the game of a GAN."""

from __future__ import annotations

import math

import numpy as np

from pix2pix_edu import gan
from pix2pix_edu.exercises.compare import Wrong, as_numbers, describe, number, require, same
from pix2pix_edu.exercises.engine import Function, Value, exercise
from pix2pix_edu.exercises.quiz import Question, Quiz, right, wrong


@exercise(
    hints=[
        "p / D = q / (1 - D). Multiply both sides with D and with (1 - D).",
        "p (1 - D) = q D, so p = (p + q) D.",
        "For the empty places: `np.where(p + q > 0, ..., 0.5)`, or begin with 0.5 everywhere and fill in the rest.",
    ],
    solution="""
        def optimal_discriminator(p, q):
            answer = np.full(p.shape, 0.5)
            here = p + q > 0
            answer[here] = p[here] / (p + q)[here]
            return answer
    """,
    why="A discriminator that could do anything would answer p / (p + q): it learns a ratio of densities.",
)
def q1(optimal_discriminator: Function, rng: np.random.Generator) -> None:
    """Write `optimal_discriminator(p, q)`: the answer D that gains most from p log D + q log(1 - D).

    `p` and `q` are arrays of densities of real and of made-up things. Where both are 0, the answer is 0.5.
    """
    for count in (7, 12):
        p, q = rng.uniform(0.05, 3, (2, count))
        same(
            optimal_discriminator(p, q),
            p / (p + q),
            f"{count} places where both kinds occur",
            suspects={
                "That is the share of the made-up things. Real ones should get the high answer.": q / (p + q),
                "That is the ratio p / q, which is not limited to 1. It is D / (1 - D); solve for D.": p / q,
                "That is the ratio q / p. Solve p / D = q / (1 - D) for D.": q / p,
                "That only says which is larger. How sure can one be?": (p > q).astype(float),
                "That is the difference of the densities, which is no probability.": p - q,
                "These are logits, log p - log q: the sigmoid of this is meant.": np.log(p / q),
                "Densities may be larger than 1: do not use them as probabilities.": np.clip(p, 0, 1),
                "The densities are squared; p and q themselves are meant.": p**2 / (p**2 + q**2),
            },
            otherwise="Solve p / D = q / (1 - D) for D, by hand and on paper.",
        )
    p, q = np.array([0.4, 0.0, 0.0, 2.0]), np.array([0.0, 0.7, 0.0, 2.0])
    with np.errstate(divide="ignore", invalid="ignore"):
        answer = as_numbers(optimal_discriminator(p, q), "places where a density is 0")
    checked = "places with p = [0.4, 0, 0, 2] and q = [0, 0.7, 0, 2]"
    if answer.shape == p.shape and np.isnan(answer[2]):
        cause = "0 / 0 is NaN. Where neither kind ever comes, answer 0.5."
        raise Wrong(checked, received=describe(answer), expected="[1, 0, 0.5, 0.5]", cause=cause)
    cause = "Where only one kind comes, D is 1 or 0; where neither comes, 0.5."
    same(answer, [1, 0, 0.5, 0.5], checked, otherwise=cause)


@exercise(
    hints=[
        "First m = (p + q) / 2. Then two sums that look alike, so write one of them as a function of its own.",
        "Take only the cells with p > 0: `here = p > 0`, then `np.sum(p[here] * np.log(p[here] / m[here]))`.",
        "At the end: half of one sum plus half of the other.",
    ],
    solution="""
        def jensen_shannon(p, q):
            def divergence_from(m, r):
                here = r > 0
                return np.sum(r[here] * np.log(r[here] / m[here]))

            m = (p + q) / 2
            return (divergence_from(m, p) + divergence_from(m, q)) / 2
    """,
    why="It is 0 only if both are equal, it never exceeds log 2, and, unlike its two halves, it is the same both ways "
    "round. It is what a generator lowers against the best discriminator.",
)
def q2(jensen_shannon: Function, rng: np.random.Generator) -> None:
    """Write `jensen_shannon(p, q)` for two arrays of probabilities, each of which sums to 1.

    Use the natural logarithm. A term whose p (or q) is 0 counts 0.
    """
    for cells in (5, 9, 6):
        p, q = rng.dirichlet(np.ones(cells), 2)
        _check_divergence(jensen_shannon, p, q, f"two lists of {cells} probabilities")
    p, q = np.array([0.5, 0.5, 0.0, 0.0]), np.array([0.5, 0.0, 0.5, 0.0])
    with np.errstate(divide="ignore", invalid="ignore"):
        result = number(jensen_shannon(p, q), "lists with zeros")
    if not math.isfinite(result):
        cause = "0 times log(0) became NaN. Leave cells with p = 0 out of the sum for p, and likewise for q."
        raise Wrong("p = [.5, .5, 0, 0], q = [.5, 0, .5, 0]", received=describe(result), cause=cause)
    cause = "With zeros it is not right. Leave out a term of p only where p is 0, and a term of q only where q is 0."
    same(result, gan.jensen_shannon(p, q), "p = [.5, .5, 0, 0], q = [.5, 0, .5, 0]", otherwise=cause, tolerance=1e-4)


def _check_divergence(jensen_shannon: Function, p: np.ndarray, q: np.ndarray, checked: str) -> None:
    def from_to(p: np.ndarray, q: np.ndarray) -> float:
        return float(np.sum(p * np.log(p / q)))

    m = (p + q) / 2
    expected = (from_to(p, m) + from_to(q, m)) / 2
    same(
        jensen_shannon(p, q),
        expected,
        checked,
        suspects={
            "This is the sum of the two halves: each counts one half.": 2 * expected,
            "This is the logarithm to base 2; the natural logarithm, np.log, is meant.": expected / math.log(2),
            "This is the Kullback-Leibler divergence from p to q: compare p with m, and q with m.": from_to(p, q),
            "This is the Kullback-Leibler divergence from q to p: compare p with m, and q with m.": from_to(q, p),
            "This is the mean of both Kullback-Leibler divergences: compare with m instead.": (
                from_to(p, q) + from_to(q, p)
            )
            / 2,
            "Only the sum with p is there.": from_to(p, m) / 2,
            "Only the sum with p is there, and it is not halved.": from_to(p, m),
            "Only the sum with q is there.": from_to(q, m) / 2,
            "The fraction is upside down (log(p / m), not log(m / p)), or there is a minus sign too many: the result "
            "is never negative.": -expected,
            "m is the mean of both: the sum p + q is still to be halved.": expected - math.log(2),
            "These are the distances themselves, without logarithms.": float(np.abs(p - q).sum()) / 2,
            "The terms are averaged over the cells; they should be summed.": expected / p.size,
            "m must be (p + q) / 2 cell by cell; this compares with the weights of m in front.": (
                from_to(m, p) + from_to(m, q)
            )
            / 2,
        },
        otherwise="With m = (p + q) / 2: half of the sum of p log(p / m), plus half of the sum of q log(q / m).",
    )


@exercise(
    hints=[
        "How steep: the size of a slope, without its sign. For log(1 - D) it is D, which is 0.01.",
        "For -log D it is 1 - D. Divide the two.",
    ],
    solution="ratio = 99    # (1 - 0.01) / 0.01",
    why="Where the generator is losing, the non-saturating loss pushes with nearly full strength, and the minimax loss "
    "hardly at all. Both push the same way.",
)
def q3(ratio: Value) -> None:
    """The discriminator says D = 0.01 for a made-up point.

    Set `ratio` to your prediction: how many times steeper is -log D than log(1 - D), as functions of the logit?
    """
    guess = number(ratio, "your prediction")
    if 98.5 <= guess <= 100:
        return
    cause = "The slopes are D - 1 = -0.99 and -D = -0.01. Divide one by the other."
    if abs(guess) < 0.02:
        cause = "That is the other way round: the non-saturating loss is the steeper one."
    elif -100 <= guess <= -98.5:
        cause = "Both slopes have the same sign, so their ratio is positive: both losses push the same way."
    elif 0.9 <= guess <= 1.0:
        cause = "That is one of the slopes, or their difference. Divide it by the other one, 0.01."
    elif 455 <= guess <= 465:
        cause = "That compares the values of the losses. How steep they are is asked for."
    raise Wrong("your prediction", received=describe(guess), cause=cause)


@exercise(
    hints=[
        "All distances at once: `np.linalg.norm(points[:, None] - centres[None], axis=-1)` has shape (N, modes).",
        "`(distances <= radius).sum(axis=0)` counts the points of each mode. How many of them are due to one mode?",
        "Due are `len(points) / len(centres)`. Count the modes that have at least `share` of this.",
    ],
    solution="""
        def modes_covered(points, centres, radius, share):
            covered = 0
            for centre in centres:
                distances = np.linalg.norm(points - centre, axis=1)
                count = np.sum(distances <= radius)
                due = len(points) / len(centres)
                covered += count >= share * due
            return int(covered)
    """,
    why="Losses cannot show mode collapse; counting modes can. With pictures nobody knows the modes, which is one of "
    "the reasons why measuring generated pictures is hard (lesson 09).",
)
def q4(modes_covered: Function, rng: np.random.Generator) -> None:
    """Write `modes_covered(points, centres, radius, share)`: the number of modes that the points have found.

    `points` has shape (N, 2), `centres` (modes, 2). To each mode N / modes points are due. A mode is covered if at
    least `share` of those lie within `radius` of its centre.
    """
    centres = gan.ring(8).centres
    assert centres is not None
    for covered in (5, 4):
        checked = f"{covered} of 8 heaps of points"
        points = _heaps(centres, covered, rng)
        result = number(modes_covered(points, centres, 0.3, 0.5), checked)
        near = np.linalg.norm(points[:, None] - centres[None], axis=-1)
        counts, N = (near <= 0.3).sum(axis=0), len(points)
        nearest = np.bincount(near.argmin(axis=1), minlength=8)
        same(
            result,
            covered,
            checked,
            suspects={
                "That counts the modes that have a single point or more. Each needs `share` of what is due to it.": int(
                    (counts > 0).sum()
                ),
                "All points were shared out to their nearest mode. Only those within `radius` count.": int(
                    (nearest >= 0.5 * N / 8).sum()
                ),
                "That is the number of points near a mode. How many modes are there that have enough?": counts.sum(),
                "That is a share of the modes; their number is asked for.": covered / 8,
                "Due to one mode are N / modes points, not all N of them.": int((counts >= 0.5 * N).sum()),
                "Those are the modes that are missing.": 8 - covered,
                "That is the number of all modes.": 8,
                "Use `share`: a mode that has a part of what is due is covered as well.": int((counts >= N / 8).sum()),
                "No mode came out as covered. Count the points of each mode, not the modes of each point (the other "
                "axis), and compare with share * N / modes.": 0,
            },
            otherwise="For each centre: count the points within `radius`; is that at least share * N / modes?",
        )
    centres, points = np.array([[0.0, 0.0], [1.0, 1.0], [1.2, 0.0]]), np.zeros((30, 2))
    points[:15] = [0.6, 0.6]
    checked = "15 points at (0, 0), 15 at (0.6, 0.6), modes at (0, 0), (1, 1) and (1.2, 0)"
    cause = "Distances are straight lines: `np.linalg.norm(points - centre, axis=1)`. Use `radius` as it is given."
    same(number(modes_covered(points, centres, 0.7, 0.9), checked), 2, f"{checked}, radius 0.7", otherwise=cause)
    asked = [number(modes_covered(points, centres, 0.9, share), checked) for share in (1.4, 1.6)]
    require(
        asked == [3, 1],
        f"{checked}, radius 0.9, share 1.4 or 1.6",
        received=f"{describe(asked[0])} and {describe(asked[1])}",
        expected="3 and 1",
        cause="A point may lie within the radius of two modes, and count for both; and `share` must be used as it is.",
    )
    _check_the_least(modes_covered)


def _check_the_least(modes_covered: Function) -> None:
    """A mode with exactly as many points as it needs, and one that is short of them by less than one point."""
    centres = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 3.0], [3.0, 3.0]])
    points = centres.repeat([6, 5, 19, 0], axis=0)
    for share, needed in ((0.8, "6"), (0.7, "5.25")):
        checked = f"30 points at 4 modes (6, 5, 19 and 0 of them), share {share}: {needed} are needed"
        suspects = {
            "At least means >=: a mode with exactly share * N / modes points is covered.": 1,
            "share * N / modes need not be a whole number. Take it as it is: do not round it, do not use //.": 3,
            "A mode without any points is never covered.": 4,
        }
        same(number(modes_covered(points, centres, 0.5, share), checked), 2, checked, suspects=suspects)


def _heaps(centres: np.ndarray, covered: int, rng: np.random.Generator) -> np.ndarray:
    """Points for which each mistake that we foresee gives another number than `covered`.

    Of 400 points 50 are due to each mode, and 25 are enough. Two uncovered modes get 10 each, another one 30 that are
    too far away, most covered modes have 30 (enough, but less than their due), and the rest lie in the first heap:
    half of all points or more.
    """
    order = rng.permutation(len(centres))
    counts = np.zeros(len(centres), dtype=int)
    counts[order[:covered]] = [60, 60, *[30] * (covered - 2)]
    counts[order[covered : covered + 2]] = 10
    far = centres[order[covered + 2]] * 0.6
    parts = [centre + rng.uniform(-0.15, 0.15, (count, 2)) for centre, count in zip(centres, counts, strict=True)]
    parts.append(far + rng.uniform(-0.05, 0.05, (30, 2)))
    missing = 400 - sum(len(part) for part in parts)
    parts.append(centres[order[0]] + rng.uniform(-0.15, 0.15, (missing, 2)))
    return rng.permutation(np.concatenate(parts))


quiz = Quiz(
    "Lesson 02",
    [
        Question(
            "What does the generator get to see of the real points?",
            wrong("A new batch of them in each step.", "The discriminator gets that. The generator gets noise only."),
            wrong("Their mean and their spread.", "Not even that; it would be a help, but nobody tells it."),
            right(
                "Nothing but the discriminator's gradient.",
                "All that it knows came through the discriminator. A bad teacher makes a bad pupil.",
            ),
        ),
        Question(
            "A discriminator's loss is the sum of its two cross-entropy terms, and stays at 0.69. What does that mean?",
            wrong("It is at chance level.", "For a sum, chance is 2 log 2 = 1.386. Only a halved sum has 0.69."),
            right(
                "It is winning: it does clearly better than chance.",
                "Chance costs log 2 for each of the two terms, 1.386 together.",
            ),
            wrong("The generator is perfect.", "Then the best discriminator would be at chance, with a sum of 1.386."),
        ),
        Question(
            "Why do generators raise log D, and not lower log(1 - D)?",
            right(
                "Where D is sure that a point is made up, log(1 - D) is flat.",
                "Its slope by the logit is -D, almost 0. The slope of -log D is D - 1, almost -1.",
            ),
            wrong(
                "Because the two have different optima.",
                "Both are best where D says real. What differs is how strongly they push on the way there.",
            ),
            wrong(
                "Because log(1 - D) can become infinite.",
                "It can, but only where D says real with certainty, and the generator wants to be there anyway.",
            ),
        ),
        Question(
            "You freeze the discriminator and train the generator for a long time. What does it make?",
            wrong(
                "All modes of the real points, since D knows them.",
                "Nothing asks for variety: each point runs to where this one D says real most loudly.",
            ),
            wrong("What it made before.", "It still follows its gradient, and that is not zero."),
            right(
                "More or less a single thing.",
                "The best answer to a fixed discriminator is its favourite place. That is how modes are lost.",
            ),
        ),
        Question(
            "Both losses have been near chance for a thousand steps. What do you know about the samples?",
            wrong("They are as good as real ones.", "That would give such losses, but so do two equally poor players."),
            right(
                "Hardly anything: look at them and measure them.",
                "The losses are the score of a game between two players who both change.",
            ),
            wrong("They have collapsed.", "They may have, or not. These losses do not tell."),
        ),
    ],
)
