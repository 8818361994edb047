"""Lesson 07: right answers that are not the printed ones, and plausible wrong ones with the message they get."""

import numpy as np
import pytest

from pix2pix_edu.exercises.lesson_07 import q1, q2, q3, q4


def rejected(exercise, *answers, seed=0):
    feedback = exercise.grade(*answers, seed=seed)
    assert feedback.kind == "incorrect", feedback
    return feedback.details["likely cause"]


# --- q1: adam_step


def adam(
    weight,
    gradient,
    m,
    v,
    t,
    rate=2e-4,
    beta_1=0.5,
    beta_2=0.999,
    epsilon=1e-7,
    *,
    new_m=None,
    new_v=None,
    powers=None,
    correct="mv",
    back="raw",
    change=None,
):
    """A right answer with its own way to correct (one factor each); its options make it wrong in one place."""
    m = m - (1 - beta_1) * (m - gradient) if new_m is None else new_m(m, gradient, beta_1, beta_2, t)
    v = v - (1 - beta_2) * (v - gradient * gradient) if new_v is None else new_v(m, v, gradient, beta_1, beta_2, t)
    first, second = powers(t) if powers else (t, t)
    m_hat = m * (1 / (1 - beta_1**first) if "m" in correct else 1)
    v_hat = v * (1 / (1 - beta_2**second) if "v" in correct else 1)
    step = rate * m_hat / (epsilon + v_hat**0.5) if change is None else change(m_hat, v_hat, rate, epsilon, gradient)
    return weight - step, *((m, v) if back == "raw" else (m_hat, v_hat))


@pytest.mark.parametrize("seed", range(5))
def test_another_way_to_write_adam_is_accepted(seed):
    assert q1.grade(adam, seed=seed).kind == "correct"


def test_one_that_loops_over_the_weights_is_accepted():
    def one_by_one(weight, gradient, m, v, t, **settings):
        rows = [adam(*numbers, t, **settings) for numbers in zip(weight, gradient, m, v, strict=True)]
        return [list(column) for column in zip(*rows, strict=True)]

    assert q1.grade(one_by_one).kind == "correct"


def test_tensors_are_accepted():
    import tensorflow as tf

    def with_tensors(weight, gradient, m, v, t, **settings):
        return adam(*(tf.constant(array) for array in (weight, gradient, m, v)), t, **settings)

    assert q1.grade(with_tensors).kind == "correct"


def variant(**options):
    return lambda *arguments, **settings: adam(*arguments, **settings, **options)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (variant(correct=""), "bias correction is missing"),
        (variant(correct="m"), "Only m is corrected"),
        (variant(correct="v"), "Only v is corrected"),
        (variant(powers=lambda t: (t + 1, t + 1)), "one too large"),
        (variant(powers=lambda t: (t - 1, t - 1)), "one too small"),
        (variant(powers=lambda t: (1, 1)), "without the power t"),
        (variant(change=lambda m, v, rate, epsilon, g: rate * m / np.sqrt(v + epsilon)), "inside the root"),
        (variant(change=lambda m, v, rate, epsilon, g: rate * m / (v + epsilon)), "square root is missing"),
        (variant(change=lambda m, v, rate, epsilon, g: rate * m / np.sqrt(v)), "epsilon is missing"),
        (variant(change=lambda m, v, rate, epsilon, g: m / (np.sqrt(v) + epsilon)), "learning rate is missing"),
        (variant(change=lambda m, v, rate, epsilon, g: -rate * m / (np.sqrt(v) + epsilon)), "sign"),
        (variant(change=lambda m, v, rate, epsilon, g: rate * g), "plain gradient descent"),
        (variant(change=lambda m, v, rate, epsilon, g: rate * g / (np.sqrt(v) + epsilon)), "running mean, m_hat"),
        (variant(change=lambda m, v, rate, epsilon, g: 0), "has not moved"),
        (variant(change=lambda m, v, rate, epsilon, g: rate * np.sign(m)), "m and v are right"),
        (variant(back="corrected"), "for the step only"),
        (variant(new_m=lambda m, g, b1, b2, t: b2 * m + (1 - b2) * g), "changed places"),
        (variant(new_m=lambda m, g, b1, b2, t: (1 - b1) * m + b1 * g), "weight of the past"),
        (variant(new_m=lambda m, g, b1, b2, t: (m + g) / 2), "plain mean"),
        (variant(new_m=lambda m, g, b1, b2, t: ((t - 1) * m + g) / t), "mean over all steps"),
        (variant(new_m=lambda m, g, b1, b2, t: g), "gradient alone"),
        (variant(new_m=lambda m, g, b1, b2, t: b1 * m + g), "multiplied by 1 - beta_1"),
        (variant(new_m=lambda m, g, b1, b2, t: m), "unchanged"),
        (variant(new_m=lambda m, g, b1, b2, t: 0 * m), "beta_1 times the old m"),
        (variant(new_v=lambda m, v, g, b1, b2, t: b2 * v + (1 - b2) * g), "*squares*"),
        (variant(new_v=lambda m, v, g, b1, b2, t: b2 * v + (1 - b2) * abs(g)), "absolute values"),
        (variant(new_v=lambda m, v, g, b1, b2, t: b2 * v + (1 - b2) * m**2), "not the square of their mean"),
        (variant(new_v=lambda m, v, g, b1, b2, t: b1 * v + (1 - b1) * g**2), "changed places"),
        (variant(new_v=lambda m, v, g, b1, b2, t: (1 - b2) * v + b2 * g**2), "weight of the past"),
        (variant(new_v=lambda m, v, g, b1, b2, t: g**2), "square of this gradient alone"),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_wrong_adams_are_rejected_with_the_reason(answer, words, seed):
    assert words in rejected(q1, answer, seed=seed)


@pytest.mark.parametrize("name", ["beta_1", "beta_2", "rate", "epsilon"])
@pytest.mark.parametrize("seed", range(3))
def test_a_default_that_is_written_into_the_code_is_named(name, seed):
    def hard_coded(*arguments, **settings):
        return adam(*arguments, **{key: value for key, value in settings.items() if key != name})

    assert f"parameter `{name}` is not used" in rejected(q1, hard_coded, seed=seed)


def test_all_defaults_written_into_the_code_are_named_one_by_one():
    assert "parameter `beta_1` is not used" in rejected(q1, lambda w, g, m, v, t, **settings: adam(w, g, m, v, t))


def test_the_question_says_that_arrays_come():
    assert "numbers or arrays" in q1.question and "`np.sqrt`, not `math.sqrt`" in q1.question


def test_betas_that_have_changed_places_everywhere_are_found():
    def swapped(*arguments, beta_1, beta_2, **settings):
        return adam(*arguments, beta_1=beta_2, beta_2=beta_1, **settings)

    assert "beta_1 belongs to m" in rejected(q1, swapped)


def test_powers_that_have_changed_places_are_found():
    def swapped(weight, gradient, m, v, t, rate, beta_1, beta_2, epsilon):
        _, m, v = adam(weight, gradient, m, v, t, rate, beta_1, beta_2, epsilon)
        step = rate * (m / (1 - beta_2**t)) / (np.sqrt(v / (1 - beta_1**t)) + epsilon)
        return weight - step, m, v

    assert "powers have changed places" in rejected(q1, swapped)


def test_keras_own_epsilon_is_told_apart():
    def like_keras(weight, gradient, m, v, t, rate, beta_1, beta_2, epsilon):
        _, m, v = adam(weight, gradient, m, v, t, rate, beta_1, beta_2, epsilon)
        alpha = rate * np.sqrt(1 - beta_2**t) / (1 - beta_1**t)
        return weight - alpha * m / (np.sqrt(v) + epsilon), m, v

    assert "Keras does it so too" in rejected(q1, like_keras)


def test_the_change_alone_and_the_weight_alone_are_not_enough():
    def change(weight, *others, **settings):
        new, m, v = adam(weight, *others, **settings)
        return weight - new, m, v

    assert "change alone" in rejected(q1, change)
    assert "return weight, m, v" in rejected(q1, lambda *a, **s: adam(*a, **s)[0].mean())


# --- q2: changed


@pytest.mark.parametrize(
    "answer",
    [
        ("D averages", "G averages", "G weights"),
        {"G weights", "G averages", "D averages"},
        ["g weights", " G  averages", "d averages", "D averages"],
    ],
)
def test_the_three_parts_are_accepted_in_any_order(answer):
    assert q2.grade(answer).kind == "correct"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (["G weights"], "discriminator judged a batch"),
        (["G weights", "G averages"], "discriminator judged a batch"),
        (["G weights", "D averages"], "generator drew with training=True"),
        (["G weights", "D weights"], "nobody applies"),
        (["G weights", "G averages", "D weights", "D averages"], "nobody applies"),
        (["G averages", "D averages"], "they move"),
        ([], "they move"),
        ("G weights", "square brackets"),
        (["generator"], "Choose from"),
        ([1], "Choose from"),
    ],
)
def test_wrong_lists_are_rejected_with_the_reason(answer, words):
    assert words in rejected(q2, answer)


# --- q3: generator_gradient


def by_a_tape(g, d, x, y, weight):
    import tensorflow as tf

    g = tf.Variable(g, dtype=tf.float64)
    with tf.GradientTape() as tape:
        loss = tf.nn.softplus(-d * g * x) + weight * tf.abs(g * x - y)
    return tape.gradient(loss, g)


def by_a_small_difference(g, d, x, y, weight, step=1e-6):
    def loss(g):
        return np.log1p(np.exp(-d * g * x)) + weight * abs(g * x - y)

    return (loss(g + step) - loss(g - step)) / (2 * step)


@pytest.mark.parametrize("answer", [by_a_tape, by_a_small_difference])
@pytest.mark.parametrize("seed", range(5))
def test_a_tape_and_a_small_difference_are_accepted(answer, seed):
    assert q3.grade(answer, seed=seed).kind == "correct"


def slope(g, d, x, y, weight, over_d=1.0, over_l1=1.0, link=True):
    to_fake = over_d * -d / (1 + np.exp(d * g * x)) + over_l1 * weight * np.sign(g * x - y)
    return to_fake * x if link else to_fake


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda *a: slope(*a, link=False), "stops at `fake`"),
        (lambda g, d, x, y, w: slope(g, d, x, y, w, over_d=1 / d), "multiply that part by d"),
        (lambda *a: slope(*a, over_d=0), "as if a stop_gradient"),
        (lambda *a: slope(*a, over_l1=0), "add its slope"),
        (lambda g, d, x, y, w: slope(g, d, x, y, w, over_l1=1 / w), "multiplied by `weight`"),
        (lambda *a: slope(*a, over_l1=-1), "sign of L1"),
        (lambda *a: slope(*a, over_d=-1), "sign of the adversarial part"),
        (lambda g, d, x, y, w: (-d / (1 + np.exp(-d * g * x)) + w * np.sign(g * x - y)) * x, "saturates"),
        (lambda g, d, x, y, w: slope(g, d, x, y, w, over_l1=2 * abs(g * x - y)), "Of |fake - y| it is the sign"),
        (lambda g, d, x, y, w: -g * x / (1 + np.exp(d * g * x)), "slope by d"),
        (lambda g, d, x, y, w: np.log1p(np.exp(-d * g * x)) + w * abs(g * x - y), "That is the loss"),
        (lambda g, d, x, y, w: g * x, "slope of each link"),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_wrong_slopes_are_rejected_with_the_reason(answer, words, seed):
    assert words in rejected(q3, answer, seed=seed)


# --- q4: traces


@pytest.mark.parametrize("answer", [4, 4.0, np.int64(4)])
def test_four_is_accepted(answer):
    assert q4.grade(answer).kind == "correct"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (0, "at least once"),
        (1, "if all calls were alike"),
        (2, "one kind of difference"),
        (3, "Count the pairs"),
        (5, "not traced again"),
        (6, "every call"),
        (12, "only six calls"),
        ("4", "quotation marks"),
        ([4, 4], "more than one number"),
    ],
)
def test_wrong_counts_are_rejected_with_the_reason(answer, words):
    assert words in rejected(q4, answer)
