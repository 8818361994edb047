"""Exercises and quiz of lesson 07: the training step."""

from __future__ import annotations

import numpy as np

from pix2pix_edu.exercises.compare import Wrong, describe, number, parts, same
from pix2pix_edu.exercises.engine import Function, Value, exercise
from pix2pix_edu.exercises.quiz import Question, Quiz, right, wrong


def _adam_change(
    m: np.ndarray,
    v: np.ndarray,
    t: float,
    rate: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    correct: str = "mv",
    root: bool = True,
    inside: bool = False,
) -> np.ndarray:
    """How far Adam moves a weight, right by default; each option makes one foreseen mistake."""
    m = m / (1 - beta_1**t) if "m" in correct else m
    v = v / (1 - beta_2**t) if "v" in correct else v
    if inside:
        return rate * m / np.sqrt(v + epsilon)
    return rate * m / ((np.sqrt(v) if root else v) + epsilon)


@exercise(
    hints=[
        "Four lines. Two for the running means: `m = beta_1 * m + (1 - beta_1) * gradient`, and the same for `v` with "
        "beta_2 and the *square* of the gradient.",
        "Then the two corrections: `m_hat = m / (1 - beta_1**t)`, and likewise `v_hat`. They do not replace `m` and "
        "`v`, which go on as they are.",
        "At last `weight - rate * m_hat / (np.sqrt(v_hat) + epsilon)`.",
    ],
    solution="""
        def adam_step(weight, gradient, m, v, t, rate=2e-4, beta_1=0.5, beta_2=0.999, epsilon=1e-7):
            m = beta_1 * m + (1 - beta_1) * gradient
            v = beta_2 * v + (1 - beta_2) * gradient**2
            m_hat = m / (1 - beta_1**t)
            v_hat = v / (1 - beta_2**t)
            weight = weight - rate * m_hat / (np.sqrt(v_hat) + epsilon)
            return weight, m, v
    """,
    why="The gradient is divided by its own typical size. So a weight moves by about the learning rate in each step, "
    "whether its gradients are large or small.",
)
def q1(adam_step: Function, rng: np.random.Generator) -> None:
    """Write `adam_step(weight, gradient, m, v, t, rate, beta_1, beta_2, epsilon)`: one step of Adam.

    `m` and `v` are the two running means so far, and `t` is the number of this step, which begins with 1. `weight`,
    `gradient`, `m` and `v` may be numbers or arrays: take `np.sqrt`, not `math.sqrt`. Give back the new weight, the new
    `m` and the new `v`.
    """
    for t in (3, 7, 1):
        weight, m = rng.uniform(-2, 2, (2, 4)).round(2)
        gradient = rng.uniform(0.3, 2, 4).round(2) * [1, -1, 1, -1]
        v = rng.uniform(0.5, 2, 4).round(2)
        rate, beta_1, beta_2, epsilon = 0.1, rng.uniform(0.6, 0.7), rng.uniform(0.9, 0.95), 0.05
        if t == 1:
            m, v = np.zeros(4), np.zeros(4)
        new_m = beta_1 * m + (1 - beta_1) * gradient
        new_v = beta_2 * v + (1 - beta_2) * gradient**2
        answer = adam_step(weight, gradient, m, v, t, rate=rate, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon)
        got_weight, got_m, got_v = parts(answer, ("weight", "m", "v"), "what comes back")
        where = f"step {t}, four weights at once"
        same(
            got_m,
            new_m,
            f"the new m, {where}",
            suspects={
                "The bias correction is for the step only. Give back the running mean as it was before.": new_m
                / (1 - beta_1**t),
                "beta_1 and beta_2 have changed places: beta_1 belongs to m.": beta_2 * m + (1 - beta_2) * gradient,
                "beta_1 is the weight of the past, and 1 - beta_1 that of the new gradient.": (1 - beta_1) * m
                + beta_1 * gradient,
                f"The parameter `beta_1` is not used: here it is {beta_1:.3f}. This is the plain mean of the old m and "
                "the gradient, as with 0.5.": (m + gradient) / 2,
                "This is a mean over all steps. A running mean forgets: beta_1 * m + (1 - beta_1) * gradient.": m
                + (gradient - m) / t,
                "This is the gradient alone: m should remember the earlier ones too.": gradient,
                "The new gradient has to be multiplied by 1 - beta_1.": beta_1 * m + gradient,
                "m is unchanged: mix the new gradient into it.": m,
            },
            otherwise="m is beta_1 times the old m plus (1 - beta_1) times the gradient.",
        )
        same(
            got_v,
            new_v,
            f"the new v, {where}",
            suspects={
                "The bias correction is for the step only. Give back the running mean as it was before.": new_v
                / (1 - beta_2**t),
                "v is the running mean of the *squares*: gradient**2.": beta_2 * v + (1 - beta_2) * gradient,
                "v is the running mean of the squares, not of the absolute values.": beta_2 * v
                + (1 - beta_2) * np.abs(gradient),
                "v is the mean of the squared gradients, not the square of their mean m.": beta_2 * v
                + (1 - beta_2) * new_m**2,
                "beta_1 and beta_2 have changed places: beta_2 belongs to v.": beta_1 * v + (1 - beta_1) * gradient**2,
                "beta_2 is the weight of the past, and 1 - beta_2 that of the new square.": (1 - beta_2) * v
                + beta_2 * gradient**2,
                "This is a mean over all steps. A running mean forgets: it weighs with beta_2 and 1 - beta_2.": v
                + (gradient**2 - v) / t,
                "This is the square of this gradient alone: v should remember the earlier ones too.": gradient**2,
                f"The parameter `beta_2` is not used: here it is {beta_2:.3f}, not 0.999.": 0.999 * v
                + 0.001 * gradient**2,
            },
            otherwise="v is beta_2 times the old v plus (1 - beta_2) times the square of the gradient.",
        )
        _check_adam_weight(got_weight, weight, gradient, new_m, new_v, t, rate, beta_1, beta_2, epsilon, where)


def _check_adam_weight(got, weight, gradient, m, v, t, rate, beta_1, beta_2, epsilon, where: str) -> None:
    settings = (rate, beta_1, beta_2, epsilon)
    change = _adam_change(m, v, t, *settings)
    late = np.sqrt(1 - beta_2**t) / (1 - beta_1**t)
    suspects = {
        "The bias correction is missing: divide m by 1 - beta_1**t, and v by 1 - beta_2**t.": weight
        - _adam_change(m, v, t, *settings, correct=""),
        "Only m is corrected: divide v by 1 - beta_2**t as well.": weight
        - _adam_change(m, v, t, *settings, correct="m"),
        "Only v is corrected: divide m by 1 - beta_1**t as well.": weight
        - _adam_change(m, v, t, *settings, correct="v"),
        "The exponent is one too large: t counts from 1, and this step is number t.": weight
        - _adam_change(m, v, t + 1, *settings),
        "epsilon stands inside the root: take the root first, then add epsilon.": weight
        - _adam_change(m, v, t, *settings, inside=True),
        "The square root is missing: divide by np.sqrt(v_hat) + epsilon.": weight
        - _adam_change(m, v, t, *settings, root=False),
        f"The parameter `rate` is not used: here it is {rate}, not 2e-4.": weight - change * 2e-4 / rate,
        f"epsilon is missing, or the parameter `epsilon` is not used: here it is {epsilon}, not 1e-7. Without any, a "
        "weight that never had a gradient would become 0 / 0.": weight
        - _adam_change(m, v, t, rate, beta_1, beta_2, 0.0),
        "Almost: epsilon is added to the root before v is corrected. Keras does it so too, and with an epsilon of 1e-7 "
        "nobody can tell. Here add it to the root of the corrected v.": weight
        - rate * late * m / (np.sqrt(v) + epsilon),
        "The powers have changed places: m goes with beta_1, v with beta_2.": weight
        - _adam_change(m, v, t, rate, beta_2, beta_1, epsilon),
        "The correction divides by 1 - beta, without the power t: it must fade as t grows.": weight
        - _adam_change(m, v, 1, *settings),
        "The sign is the wrong way round: go *down* the gradient.": weight + change,
        "The learning rate is missing.": weight - change / rate,
        "That is the change alone: subtract it from the weight.": change,
        "That is plain gradient descent. Adam goes along m_hat, divided by the root of v_hat.": weight
        - rate * gradient,
        "The step goes along the gradient itself. Adam goes along its running mean, m_hat.": weight
        - rate * gradient / (np.sqrt(v / (1 - beta_2**t)) + epsilon),
        "The weight has not moved.": weight,
    }
    if t > 1:  # at t = 1 this mistake divides by zero
        suspects["The exponent is one too small: t counts from 1, and this step is number t."] = weight - _adam_change(
            m, v, t - 1, *settings
        )
    otherwise = "m and v are right. Correct both, then subtract rate * m_hat / (np.sqrt(v_hat) + epsilon)."
    same(got, weight - change, f"the new weight, {where}", suspects=suspects, otherwise=otherwise)


PARTS = ("G weights", "G averages", "D weights", "D averages")


@exercise(
    hints=[
        "Who is moved by an optimizer here? Only those variables that are handed to it.",
        "And a batch normalisation that runs with training=True does something on the way, whoever learns.",
    ],
    solution='changed = ["G weights", "G averages", "D averages"]',
    why="An optimizer changes only what it is given. But each pass with training=True moves the averages of the batch "
    "normalisations, in both networks, whoever is learning.",
)
def q2(changed: Value) -> None:
    """Set `changed` to a list of what is different after the generator's part of the step.

    The generator draws and the discriminator judges, both with training=True; then the generator's optimizer gets the
    gradients of the generator's trainable variables. Choose from "G weights", "G averages", "D weights" and
    "D averages"; averages are those that batch normalisation keeps.
    """
    if isinstance(changed, str) or not isinstance(changed, (list, tuple, set, frozenset)):
        raise Wrong(
            "your prediction",
            received=describe(changed),
            expected="a list of names",
            cause='Write a list, with square brackets, such as ["D weights"].',
        )
    names = [" ".join(name.split()).lower() if isinstance(name, str) else name for name in changed]
    known = {part.lower(): part for part in PARTS}
    strange = [name for name in names if not isinstance(name, str) or name not in known]
    if strange:
        cause = f"{describe(strange[0])} is none of them. Choose from {', '.join(PARTS)}."
        raise Wrong("your prediction", received=describe(list(changed)), cause=cause)
    chosen = {known[name] for name in names}
    causes = [
        ("D weights" in chosen, "The discriminator's weights are in the middle of the path, but the optimizer was not "
         "given them: a gradient that nobody applies changes nothing."),
        ("G weights" not in chosen, "The generator's weights are what the optimizer was given: they move."),
        ("D averages" not in chosen, "The discriminator judged a batch with training=True. What does a batch "
         "normalisation do with the batch's mean and variance then?"),
        ("G averages" not in chosen, "The generator drew with training=True, and it has batch normalisations as well."),
    ]  # fmt: skip
    for is_wrong, cause in causes:
        if is_wrong:
            raise Wrong("your prediction", received=describe(sorted(chosen)), cause=cause)


def _sigmoid(logit: float) -> float:
    return 1 / (1 + np.exp(-logit))


@exercise(
    hints=[
        "Go backwards, one link at a time: from the loss to `fake`, then from `fake` to `g`. Two ways lead from the "
        "loss to `fake`; their slopes add up.",
        "Over D: softplus(-logit) has the slope -sigmoid(-logit), and the logit has the slope d. Over L1: the slope of "
        "|fake - y| is the sign of what is inside.",
        "`to_fake = -sigmoid(-d * fake) * d + weight * np.sign(fake - y)`. The last link is fake = g * x, slope x.",
    ],
    solution="""
        def generator_gradient(g, d, x, y, weight):
            fake = g * x
            logit = d * fake
            over_d = -1 / (1 + np.exp(logit)) * d
            over_l1 = weight * np.sign(fake - y)
            return (over_d + over_l1) * x
    """,
    why="The gradient goes *through* the discriminator: it is multiplied by d, and d stays as it is. Cut that link, "
    "and only L1 is left to learn from.",
)
def q3(generator_gradient: Function, rng: np.random.Generator) -> None:
    """Write `generator_gradient(g, d, x, y, weight)`: the slope of the generator's loss by its one weight `g`.

    The generator draws fake = g * x. The discriminator says logit = d * fake. The loss is softplus(-logit) +
    weight * |fake - y|.
    """
    for _ in range(4):
        g, x, d = (float(rng.uniform(0.5, 1.5)) * float(rng.choice([-1, 1])) for _ in range(3))
        fake = g * x
        y, weight = fake + float(rng.uniform(0.3, 1)) * float(rng.choice([-1, 1])), float(rng.uniform(2, 4))
        logit = d * fake
        over_d, over_l1 = -_sigmoid(-logit) * d, weight * np.sign(fake - y)
        same(
            generator_gradient(g, d, x, y, weight),
            (over_d + over_l1) * x,
            f"g = {g:.2f}, d = {d:.2f}, x = {x:.2f}, y = {y:.2f}, weight = {weight:.2f}",
            suspects={
                "It stops at `fake`. One link is missing: fake = g * x, so multiply by x.": over_d + over_l1,
                "It does not go through the discriminator: the logit is d * fake, so multiply that part by d.": (
                    over_d / d + over_l1
                )
                * x,
                "That is L1's part alone, as if a stop_gradient stood before the discriminator.": over_l1 * x,
                "That is the discriminator's part alone. L1 reaches `fake` directly: add its slope.": over_d * x,
                "L1 is to be multiplied by `weight` (lambda, 100 in the paper).": (over_d + np.sign(fake - y)) * x,
                "The sign of L1 is the wrong way round: |fake - y| grows with fake where fake is above y.": (
                    over_d - over_l1
                )
                * x,
                "The sign of the adversarial part is the wrong way round: the loss falls as the logit rises.": (
                    -over_d + over_l1
                )
                * x,
                "That is the slope of log(1 - D), the loss that saturates. Here it is softplus(-logit), with the slope "
                "-sigmoid(-logit).": (-_sigmoid(logit) * d + over_l1) * x,
                "That is the slope of |fake - y|**2. Of |fake - y| it is the sign.": (over_d + 2 * weight * (fake - y))
                * x,
                "That is the slope by d, the discriminator's weight. In this step only g is to move.": -_sigmoid(-logit)
                * fake,
                "That is the loss. Its slope by g is asked for.": np.log1p(np.exp(-logit)) + weight * abs(fake - y),
            },
            otherwise="Write down the slope of each link, from the loss back to g, and multiply along the way. The two "
            "ways to `fake` add up.",
        )


@exercise(
    hints=[
        "What is new for the function: other numbers in a tensor, another shape, another Python number?",
        "How many different pairs of (shape of the batch, Python number) are there among the six calls?",
    ],
    solution="traces = 4    # two shapes times two epoch numbers",
    why="A tensor is known by its shape and type, a Python number by its value. So epoch 1 cannot use what was traced "
    "for epoch 0. Give numbers as tensors, and drop the incomplete batch.",
)
def q4(traces: Value) -> None:
    """Set `traces` to how often TensorFlow reads the body of the function in this loop.

    In each of 2 epochs there are three batches, of 16, 16 and 8 pictures, and the number of the epoch goes in as a
    Python number.
    """
    count = number(traces, "your prediction")
    if count == 4:
        return
    causes = {
        0: "It must be read at least once: where else should the graph come from?",
        1: "Once would do if all calls were alike. Here the shape changes, and so does a Python number.",
        2: "You have counted one kind of difference. There are two shapes, and two epoch numbers.",
        3: "Count the pairs: both shapes come with epoch 0, and both again with epoch 1.",
        5: "One too many: a combination that was seen before is not traced again.",
        6: "That is every call. The second batch of 16 in the same epoch is like the first one.",
    }
    cause = causes.get(int(count) if count == count and abs(count) < 100 else -1, "There are only six calls.")
    raise Wrong("your prediction", received=describe(count), cause=cause)


quiz = Quiz(
    "Lesson 07",
    [
        Question(
            "The discriminator's step: why must no gradient flow into the generator?",
            wrong(
                "It would be zero anyway, so it only costs time.",
                "It is not zero. The picture that shows the flow has the number.",
            ),
            right(
                "It would teach the generator to make the discriminator's work easier.",
                "The discriminator's loss falls if fakes are easy to tell. The generator wants the opposite.",
            ),
            wrong(
                "TensorFlow cannot differentiate two networks at once.",
                "It can, and in the generator's step it must: the gradient comes through the discriminator.",
            ),
        ),
        Question(
            "The very first step of Adam, with a gradient of 0.001. How far does a weight move at a rate of 0.0002?",
            wrong(
                "By 0.0000002: rate times gradient",
                "So would plain gradient descent. Adam divides by the gradient's own size.",
            ),
            wrong(
                "By 0.003: nearly 16 times the rate",
                "That happens without bias correction, where v still believes that gradients are tiny.",
            ),
            right(
                "By 0.0002: the rate",
                "Corrected, m is the gradient and v its square. The quotient is 1 or -1, whatever the gradient was.",
            ),
        ),
        Question(
            "Someone adds the two terms of the discriminator and reports a loss of 0.69. What does it mean?",
            right(
                "The discriminator is clearly better than chance, which would be 1.386.",
                "Each term has its chance level at 0.693. Of a sum of two it is twice that.",
            ),
            wrong(
                "It is at chance: log 2 is 0.693.",
                "That holds for one term, or for the mean of both, as in the paper. This is a sum.",
            ),
            wrong(
                "The generator has collapsed.",
                "No loss can tell you that. Look at the pictures, whether they differ from each other.",
            ),
        ),
        Question(
            "Both losses stay close to 0.69 for the whole run. What do you know about the pictures?",
            wrong(
                "They are good: the discriminator cannot tell them from real ones.",
                "Or it has not learnt to. Two of the five recorded runs have such curves, and neither went well.",
            ),
            wrong(
                "They are all the same: this is what collapse looks like.",
                "One collapsed run looks so, and so does a run whose discriminator never learns.",
            ),
            right(
                "Nothing, before you have looked at them",
                "The game is even. Two good players may be the reason, or two bad ones.",
            ),
        ),
        Question(
            "You translate test pictures by calling the generator with training=True. What is overlooked?",
            wrong(
                "The weights change with each picture.",
                "Weights change only if an optimizer is applied to them. Something else is stored in the model.",
            ),
            right(
                "The moving averages change, so the model is no longer the one that was trained.",
                "One pass takes them a tenth of the way towards the statistics of the test batch.",
            ),
            wrong(
                "Nothing: it is what the paper does.",
                "Dropout and batch statistics at test time are the paper's way. Changing the model is not part of it.",
            ),
        ),
    ],
)
