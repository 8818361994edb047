"""Exercises and quiz of lesson 06: the losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pix2pix_edu.exercises.compare import Wrong, as_numbers, describe, number, parts, require, same
from pix2pix_edu.exercises.engine import Function, Value, exercise
from pix2pix_edu.exercises.quiz import Question, Quiz, right, wrong
from pix2pix_edu.gan import sigmoid, softplus

HUGE = 1000.0  # a logit at which the sigmoid is 0 or 1 in floating point


def _mean_of(term: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], float]:
    return lambda logits: float(term(logits).mean())


_as_real, _as_fake = _mean_of(lambda logits: softplus(-logits)), _mean_of(softplus)


@exercise(
    hints=[
        "Called real: the loss is -log sigmoid(logit) = softplus(-logit). Called fake: -log(1 - sigmoid(logit)) = "
        "softplus(logit).",
        "The discriminator wants its real logits called real and its fake logits called fake: two means, added and "
        "halved. "
        "The generator wants the *fake* logits called real.",
        "`np.logaddexp(0, x)` is log(1 + exp(x)), computed so that it cannot overflow.",
    ],
    solution="""
        def adversarial_loss(real_output, fake_output):
            def softplus(x):
                return np.logaddexp(0, x)

            called_real = softplus(-real_output).mean()
            called_fake = softplus(fake_output).mean()
            discriminator = (called_real + called_fake) / 2
            generator = softplus(-fake_output).mean()
            return generator, discriminator
    """,
    why="Cross-entropy written on the logit needs neither a sigmoid nor a logarithm of something that may be 0. "
    "That is why the discriminator of pix2pix ends without a sigmoid.",
)
def q1(adversarial_loss: Function, rng: np.random.Generator) -> None:
    """Write `adversarial_loss(real_output, fake_output)` from logits; return generator, discriminator.

    Both are cross-entropy, a mean over all logits. The discriminator's is halved; the generator's is the one that does
    not saturate. Logits of 1,000 must give a finite loss.
    """
    for shape in ((2, 3, 3, 1), (1, 4, 4, 1), (5,)):
        real, fake = rng.normal(1, 2, shape), rng.normal(-1, 2, shape)
        checked = f"the losses of logits of shape {shape}"
        names = ("generator", "discriminator")
        generator, discriminator = parts(adversarial_loss(real, fake), names, checked)
        for received, who in ((discriminator, "the discriminator's loss"), (generator, "the generator's loss")):
            cause = "A logit may be negative, and then its logarithm is NaN: logits are no probabilities. Use softplus."
            nan = np.isnan(as_numbers(received, who)).any()
            require(not nan, who, received=describe(received), expected="a number", cause=cause)
        _check_discriminator(discriminator, real, fake)
        _check_generator(generator, real, fake)
    _check_large_logits(adversarial_loss)


def _check_discriminator(received: Any, real: np.ndarray, fake: np.ndarray) -> None:
    total = _as_real(real) + _as_fake(fake)
    n = real.size
    if np.shape(received) == () and np.isclose(number(received, "the discriminator"), _as_real(fake)):
        raise Wrong(
            "the discriminator's loss",
            received=describe(received),
            expected=describe(total / 2),
            cause="This is the generator's loss: return the generator's first, then the discriminator's.",
        )
    same(
        received,
        total / 2,
        "the discriminator's loss",
        suspects={
            "The sum of both terms is not halved: the paper divides it by 2, so D learns more slowly than G.": total,
            "Real and fake are swapped: here D would learn to call real pictures fake.": (
                _as_real(fake) + _as_fake(real)
            )
            / 2,
            "The sign is the wrong way round: a loss is lowered, so it is *minus* the log-likelihood.": -total / 2,
            "These are sums over the logits. A loss is a mean, or it would grow with the picture.": n * total / 2,
            "These are sums over the logits, and the halving is missing as well. A loss is a mean.": n * total,
            "Only the term of the real pictures is there.": _as_real(real),
            "Only the term of the real pictures is there, halved.": _as_real(real) / 2,
            "Only the term of the generated pictures is there.": _as_fake(fake),
            "Only the term of the generated pictures is there, halved.": _as_fake(fake) / 2,
            "Both terms call pictures real: the generated ones should be called fake, softplus(+logit).": (
                _as_real(real) + _as_real(fake)
            )
            / 2,
            "This logarithm was given the logits as if they were probabilities: use softplus.": _on_probabilities(
                real, fake
            ),
            PLUS: (_as_real(real) - _as_fake(fake)) / 2,
            f"{PLUS} And the halving is missing.": _as_real(real) - _as_fake(fake),
            NOT_LOGITS: (_keras(1, real) + _keras(0, fake)) / 2,
            SWAPPED: (_keras(real, 1, logits=True) + _keras(fake, 0, logits=True)) / 2,
            f"{SWAPPED} {NOT_LOGITS}": (_keras(real, 1) + _keras(fake, 0)) / 2,
            LEAST_SQUARES: (np.mean((real - 1) ** 2) + np.mean(fake**2)) / 2,
            f"{LEAST_SQUARES} And the halving is missing.": np.mean((real - 1) ** 2) + np.mean(fake**2),
            HINGE: (np.maximum(0, 1 - real).mean() + np.maximum(0, 1 + fake).mean()) / 2,
            f"{HINGE} And the halving is missing.": np.maximum(0, 1 - real).mean() + np.maximum(0, 1 + fake).mean(),
        },
        otherwise="Two means: softplus(-logit) over the real logits, softplus(+logit) over the generated ones. Add "
        "them, and halve the sum.",
    )


PLUS = "Between the two terms belongs a plus: D pays for both kinds of mistakes."
NOT_LOGITS = "The logits were taken as probabilities: Keras needs `from_logits=True`."
SWAPPED = "The arguments have changed places: Keras wants the right answer (ones or zeros) first, then the logits."
LEAST_SQUARES = "This is lsgan, least squares. Cross-entropy is asked for: softplus of the logits."
HINGE = "This is hinge. Cross-entropy is asked for: softplus of the logits."


def _keras(answer: Any, output: Any, *, logits: bool = False) -> float:
    """What BinaryCrossentropy gives: in float32, and limited to 1e-7 ... 1 - 1e-7 where it expects probabilities."""
    answer, output = np.float32(answer), np.float32(output)
    if logits:
        return float(np.mean(softplus(output) - answer * output))
    output = np.clip(output, np.float32(1e-7), np.float32(1) - np.float32(1e-7))
    return float(-np.mean(answer * np.log(output) + (1 - answer) * np.log(1 - output)))


def _on_probabilities(real: np.ndarray, fake: np.ndarray) -> float:
    """What a formula for probabilities gives if the logits go through the sigmoid twice."""
    twice_real, twice_fake = sigmoid(sigmoid(real)), sigmoid(sigmoid(fake))
    return float(-np.log(twice_real).mean() - np.log(1 - twice_fake).mean()) / 2


def _check_generator(received: Any, real: np.ndarray, fake: np.ndarray) -> None:
    expected, n = _as_real(fake), real.size
    same(
        received,
        expected,
        "the generator's loss",
        suspects={
            "This is the form that saturates, log(1 - D): flat where D is sure. Raise log D: softplus(-logit).": -(
                _as_fake(fake)
            ),
            "The sign is the wrong way round: it would lower D's opinion of its own pictures.": -expected,
            "This wants the generated pictures to be called fake: that is D's wish, softplus(+logit).": _as_fake(fake),
            "Only D's loss is halved, not the generator's.": expected / 2,
            "The generator is judged by the logits of *its* pictures, `fake_output`.": _as_real(real),
            "These are sums over the logits. A loss is a mean, or it would grow with the picture.": n * expected,
            "The generator has no term for real pictures: it does not make them.": (_as_real(real) + expected) / 2,
            "This logarithm was given the logits as if they were probabilities: use softplus.": _as_real(sigmoid(fake)),
            NOT_LOGITS: _keras(1, fake),
            SWAPPED: _keras(fake, 1, logits=True),
            f"{SWAPPED} {NOT_LOGITS}": _keras(fake, 1),
            LEAST_SQUARES: np.mean((fake - 1) ** 2),
            HINGE: -fake.mean(),
        },
        otherwise="One mean: softplus(-logit) over the logits of the generated pictures.",
    )


def _check_large_logits(adversarial_loss: Function) -> None:
    wrong_and_sure = np.full((1, 2, 2, 1), HUGE)
    with np.errstate(all="ignore"):
        generator, discriminator = parts(
            adversarial_loss(-wrong_and_sure, wrong_and_sure), ("generator", "discriminator"), "logits of 1,000"
        )
        losing, _ = parts(
            adversarial_loss(wrong_and_sure, -wrong_and_sure), ("generator", "discriminator"), "logits of 1,000"
        )
    overflows = (
        "At a logit of 1,000 exp overflows, or the sigmoid is exactly 0 or 1 and its logarithm infinite. Write it with "
        "softplus, as np.logaddexp(0, x)."
    )
    clipped = (
        "The loss is cut off: probabilities were clipped, or a small number added. There the gradient is gone, too."
    )
    for received, expected, who in (
        (discriminator, HUGE, "the discriminator's loss where it is sure, and wrong, by logits of 1,000"),
        (generator, 0.0, "the generator's loss where D is sure that its pictures are real, by logits of 1,000"),
        (losing, HUGE, "the generator's loss where D is sure that its pictures are fake, by logits of -1,000"),
    ):
        value = number(received, who)
        require(np.isfinite(value), who, received=describe(value), expected=describe(expected), cause=overflows)
        require(abs(value - expected) < 1e-3, who, received=describe(value), expected=describe(expected), cause=clipped)


@exercise(
    hints=[
        "Each pixel and each channel is a question of its own: work along axis 0, over the answers.",
        "L2 is least where the distances above and below balance: the mean. L1 is least where as many answers lie "
        "above as below: the median.",
        "`np.median(answers, axis=0)` and `answers.mean(axis=0)`.",
    ],
    solution="""
        def best_pictures(answers):
            best_for_l1 = np.median(answers, axis=0)
            best_for_l2 = answers.mean(axis=0)
            return best_for_l1, best_for_l2
    """,
    why="No network in the world does better on these losses: where several answers are right, the best picture under "
    "L1 or L2 is made of medians or means, pixel by pixel. Whether anybody would draw it so is not asked.",
)
def q2(best_pictures: Function, rng: np.random.Generator) -> None:
    """Write `best_pictures(answers)`: the picture with the least L1 loss, and the one with the least L2 loss.

    `answers` are floats of shape (answers, height, width, channels), all equally likely. Both pictures have the shape
    (height, width, channels). If several pictures have the least L1 loss, any of them will do.
    """
    for count in (5, 6, 3, 4):
        answers = np.round(rng.uniform(0, 255, (count, 3, 4, 2)) ** 1.5 / 16)  # uneven: mean and median lie apart
        checked = f"the best pictures for {count} answers"
        for_l1, for_l2 = parts(best_pictures(answers), ("best_for_l1", "best_for_l2"), checked)
        _check_best_l2(for_l2, answers)
        _check_best_l1(for_l1, answers)


def _check_best_l2(received: Any, answers: np.ndarray) -> None:
    same(
        received,
        answers.mean(axis=0),
        "the best picture for L2",
        suspects={
            "This is the median. Under L2 answers that are far away pull harder: the mean.": np.median(answers, axis=0),
            "This is halfway between the smallest and the largest: the answers between them pull as well.": (
                answers.min(axis=0) + answers.max(axis=0)
            )
            / 2,
            "This is the mean over everything, one number: take it along axis 0 only, for each pixel.": answers.mean(),
            "This is one colour for the whole picture: the mean is taken along axis 0 only.": np.broadcast_to(
                answers.mean(axis=(0, 1, 2)), answers.shape[1:]
            ),
            "The mean was taken over the channels, not over the answers: axis 0.": answers.mean(axis=-1),
            "This is the first answer. Each of them counts the same.": answers[0],
            "This is the sum: divide by the number of answers.": answers.sum(axis=0),
        },
    )


def _check_best_l1(received: Any, answers: np.ndarray) -> None:
    """Any picture with the least L1 loss is right: for an even number of answers there are many."""
    value, middle = as_numbers(received, "the best picture for L1"), np.median(answers, axis=0)
    if value.shape == middle.shape and np.isfinite(value).all():
        loss, least = (np.abs(answers - picture).mean(axis=0) for picture in (value, middle))
        if (loss <= least + 1e-6).all():
            return
    ordered = np.sort(answers, axis=0)
    same(
        received,
        middle,
        "the best picture for L1",
        suspects={
            "This is the mean. Under L1 each answer pulls equally hard, however far it is: the median.": answers.mean(
                axis=0
            ),
            "This is the median over everything: take it along axis 0 only.": np.median(answers),
            "These are the largest values: the middle is asked for.": ordered[-1],
            "These are the smallest values: the middle is asked for.": ordered[0],
            "This is the answer that stands in the middle of the list. Sort the values first, for each pixel.": answers[
                len(answers) // 2
            ],
            "This is the first answer.": answers[0],
        },
    )


@exercise(
    hints=[
        "How long is the gradient of L1? The loss is the mean of |fake - target|, so each value gets +1/n or -1/n, "
        "with n values in all.",
        "The length (norm) of n numbers that are all 1/n in size is sqrt(n) / n. In code, without thinking: "
        "`np.linalg.norm(np.sign(fake - target) / fake.size)`.",
        "lambda times the length of the one should be the length of the other.",
    ],
    solution="""
        def balancing_lambda(game_gradient, fake, target):
            l1_gradient = np.sign(fake - target) / fake.size
            return np.linalg.norm(game_gradient) / np.linalg.norm(l1_gradient)
    """,
    why="At this lambda both wishes pull equally hard at the picture. It is no constant: it moves with the "
    "discriminator, and so during training.",
)
def q3(balancing_lambda: Function, rng: np.random.Generator) -> None:
    """Write `balancing_lambda(game_gradient, fake, target)`: at which lambda does L1 pull as hard as the game?

    `game_gradient` is the gradient of the adversarial loss by each value of `fake`; all three have the same shape. L1
    is the mean of |fake - target|. Compare the lengths (norms) of the two gradients.
    """
    for shape in ((1, 4, 4, 3), (2, 5, 3, 1), (3, 2, 2, 3)):
        fake, target = rng.uniform(-1, 1, shape), rng.uniform(-1, 1, shape)
        gradient = rng.normal(0, 10.0 ** rng.uniform(-3, -1), shape)
        n, length = fake.size, float(np.linalg.norm(gradient))
        expected = length * np.sqrt(n)
        difference = fake - target
        same(
            balancing_lambda(gradient, fake, target),
            expected,
            f"the lambda for pictures of shape {shape}",
            suspects={
                "It is the wrong way round: lambda multiplies L1, so divide the game's length by L1's.": 1 / expected,
                "L1 is a *mean*: each value gets only 1/n of the sign.": length / np.sqrt(n),
                "That is the gradient of L2, which grows with the difference. L1's is its sign.": length
                * n
                / (2 * float(np.linalg.norm(difference))),
                "The gradient of L1 is the sign of the difference, not the difference itself.": length
                * n
                / float(np.linalg.norm(difference)),
                "The loss itself was taken in place of its gradient.": length / float(np.abs(difference).mean()),
                "These are squared lengths: take the root.": expected**2,
                "Mean sizes were compared with a length: use the same measure for both.": float(np.abs(gradient).mean())
                * np.sqrt(n),
                "Lengths are to be compared, not their mean sizes: take the norm of both.": float(
                    np.abs(gradient).mean()
                )
                * n,
                "n counts every value: pictures, rows, columns and channels.": length * np.sqrt(n / shape[0]),
            },
            otherwise="Write L1's gradient first: np.sign(fake - target) / fake.size. Then compare the norms.",
        )


_GENERATORS = ("l1", "l2", "l1+cgan")


@exercise(
    hints=[
        "What does a generator draw that is told to be near *all* right answers at once? Is that another colour for "
        "each drawing, or always about the same?",
        "An adversary never says which tone to take. It only says that a colour between the tones is found out.",
    ],
    solution='spread_most = "l1+cgan"',
    why="A distance has one best colour for all of these drawings, because the tones are the same six each time. The "
    "adversary has six. Which of them a drawing gets is decided by accidents of its lines and of training.",
)
def q4(spread_most: Value) -> None:
    """42 unseen drawings show skin. Whose skin colours differ most from drawing to drawing?

    Set `spread_most` to "l1", "l2" or "l1+cgan", the generator trained with both (lambda 100).
    """
    answer = str(spread_most).strip().lower().replace(" ", "")
    if answer == "l1+cgan":
        return
    causes = {
        "l1": "For L1 every colour between the third and the fourth tone is as good as another, so it may wander a "
        "little, but only in this box. Who is paid for colours outside of it?",
        "l2": "For L2 one colour is best in all of them: the mean of the six tones. Nothing rewards another.",
        "cgan": "This one is not among the three: here the adversary has L1 beside it, with a weight of 100.",
    }
    cause = causes.get(answer, 'Choose one of the three, in quotation marks: "l1", "l2" or "l1+cgan".')
    raise Wrong("your prediction", received=describe(spread_most), cause=cause)


quiz = Quiz(
    "Lesson 06",
    [
        Question(
            "A pixel has six right values: 10, 20, 30, 200, 210, 220. Which single value is best under L1?",
            wrong(
                "115, the mean, and no other", "That is the best one under L2. L1 does not care how far away they lie."
            ),
            right("Any from 30 to 200", "Three lie above and three below, so every step to either side costs nothing."),
            wrong(
                "20 or 210, in the middle of a group",
                "From 20, a step up brings four answers nearer and only two further away: L1 would move on.",
            ),
        ),
        Question(
            "A generator trained with L1 has a better PSNR than one with L1 and an adversary. What follows?",
            wrong("The adversary has damaged the pictures.", "It made them less average. PSNR is made for averages."),
            wrong(
                "Something is wrong: the adversary should improve every measure.",
                "PSNR is a distance to one target, and that is just what L1 is trained for.",
            ),
            right(
                "That L1 is nearer to the one target, pixel by pixel.",
                "No more than that. Whether a picture could be real is another question, and needs another measure.",
            ),
        ),
        Question(
            "Why does the discriminator of pix2pix end with a logit, and not with a probability?",
            right(
                "So that the loss can be computed without the logarithm of 0.",
                "softplus of a logit is finite and has a gradient, however sure the discriminator is.",
            ),
            wrong(
                "Because a patch has no probability, only a whole picture has.",
                "Each patch gets one: the sigmoid of its logit. It is just not needed for the loss.",
            ),
            wrong(
                "Because the sigmoid would make training slower.",
                "Its cost is nothing beside a convolution. It is about numbers that overflow.",
            ),
        ),
        Question(
            "lambda is 0, and the discriminator does not see the drawing. What is the generator asked for?",
            wrong("For the mean of all right answers", "That is what L2 asks for, and its weight is 0."),
            wrong(
                "For a picture that fits the drawing, because the generator sees it",
                "It could use it. But nobody who judges the picture knows the drawing.",
            ),
            right(
                "For anything that looks like one of the artist's",
                "A perfect picture of something else would be just as good in the eyes of this discriminator.",
            ),
        ),
        Question(
            "lambda is 100, and both gradients are measured at the picture. L1's is somewhat longer. What can the "
            "adversary still do?",
            right(
                "Decide where L1 does not: between answers that cost L1 the same, and in details that it averages.",
                "L1's pulls cancel over many targets. What is left of them at the median is nothing, and there the "
                "game has the say.",
            ),
            wrong(
                "Nothing: the longer gradient always wins.", "On one target, yes. Over all right answers, pulls cancel."
            ),
            wrong(
                "It is the other way round: the game always wins in the end.",
                "At a lambda of 1,000 there is hardly a difference to L1 alone, as you can see in the explorer.",
            ),
        ),
    ],
)
