"""Lesson 06: right answers that are not the printed ones, and plausible wrong ones with the message they get."""

import numpy as np
import pytest

import pix2pix_edu as p2p
from pix2pix_edu.exercises.lesson_06 import q1, q2, q3, q4


def rejected(exercise, *answers, seed=0):
    feedback = exercise.grade(*answers, seed=seed)
    assert feedback.kind == "incorrect", feedback
    return feedback.details["likely cause"]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softplus(x):
    return np.logaddexp(0, x)


# --- q1: adversarial_loss


def by_cases(real_output, fake_output):
    """Another stable way: max(x, 0) + log(1 + exp(-|x|))."""

    def cost(x):
        return np.mean(np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))))

    return cost(-fake_output), 0.5 * cost(-real_output) + 0.5 * cost(fake_output)


def by_library(real_output, fake_output):
    losses = p2p.adversarial_loss(real_output, fake_output)
    return losses.generator, losses.discriminator


def by_keras(real_output, fake_output):
    from pix2pix_edu.backend import keras

    def entropy(label, logits):
        logits = logits.reshape(1, -1)
        return keras.losses.BinaryCrossentropy(from_logits=True)(np.full(logits.shape, label, logits.dtype), logits)

    return entropy(1, fake_output), (entropy(1, real_output) + entropy(0, fake_output)) / 2


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("answer", [by_cases, by_library, by_keras])
def test_other_stable_losses_are_accepted(answer, seed):
    assert q1.grade(answer, seed=seed).kind == "correct"


def losses(generator, discriminator):
    """An answer from two formulas of the real and the fake logits."""
    return lambda real, fake: (generator(real, fake), discriminator(real, fake))


def good_g(real, fake):
    return softplus(-fake).mean()


def good_d(real, fake):
    return (softplus(-real).mean() + softplus(fake).mean()) / 2


@pytest.mark.parametrize(
    ("generator", "discriminator", "words"),
    [
        (good_g, lambda r, f: 2 * good_d(r, f), "not halved"),
        (good_g, lambda r, f: -good_d(r, f), "sign is the wrong way round"),
        (good_g, lambda r, f: good_d(f, r), "Real and fake are swapped"),
        (good_g, lambda r, f: good_d(r, f) * r.size, "sums over the logits"),
        (good_g, lambda r, f: 2 * good_d(r, f) * r.size, "halving is missing as well"),
        (good_g, lambda r, f: softplus(-r).mean(), "Only the term of the real"),
        (good_g, lambda r, f: softplus(f).mean() / 2, "Only the term of the generated"),
        (good_g, lambda r, f: (softplus(-r).mean() + softplus(-f).mean()) / 2, "Both terms call pictures real"),
        (good_g, lambda r, f: good_d(sigmoid(r), sigmoid(f)), "as if they were probabilities"),
        (good_g, lambda r, f: (softplus(-r) + softplus(f)) / 2, "18 numbers where one is asked for"),
        (lambda r, f: -softplus(f).mean(), good_d, "form that saturates"),
        (lambda r, f: softplus(f).mean(), good_d, "D's wish"),
        (lambda r, f: -softplus(-f).mean(), good_d, "sign is the wrong way round"),
        (lambda r, f: softplus(-f).mean() / 2, good_d, "Only D's loss is halved"),
        (lambda r, f: softplus(-r).mean(), good_d, "judged by the logits of *its* pictures"),
        (lambda r, f: softplus(-f).sum(), good_d, "sums over the logits"),
        (lambda r, f: (softplus(-r).mean() + softplus(-f).mean()) / 2, good_d, "no term for real pictures"),
        (good_d, good_g, "return the generator's first"),
    ],
)
def test_wrong_adversarial_losses_are_rejected_with_the_reason(generator, discriminator, words):
    assert words in rejected(q1, losses(generator, discriminator))


def with_keras(from_logits=True, swapped=False):
    """The two losses with BinaryCrossentropy, and its two classic mistakes."""
    from pix2pix_edu.backend import keras

    entropy = keras.losses.BinaryCrossentropy(from_logits=from_logits)

    def cost(answer, logits):
        logits = logits.reshape(1, -1)
        answer = np.full_like(logits, answer)
        return float(entropy(logits, answer) if swapped else entropy(answer, logits))

    return lambda r, f: cost(1, f), lambda r, f: (cost(1, r) + cost(0, f)) / 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"from_logits": False}, "Keras needs `from_logits=True`"),
        ({"swapped": True}, "arguments have changed places"),
        ({"from_logits": False, "swapped": True}, "arguments have changed places"),
    ],
    ids=str,
)
@pytest.mark.parametrize("seed", range(3))
def test_the_two_mistakes_with_keras_are_named(options, words, seed):
    generator, discriminator = with_keras(**options)
    assert words in rejected(q1, losses(good_g, discriminator), seed=seed)
    assert words in rejected(q1, losses(generator, good_d), seed=seed)


@pytest.mark.parametrize(
    ("generator", "discriminator", "words"),
    [
        (good_g, lambda r, f: (softplus(-r).mean() - softplus(f).mean()) / 2, "belongs a plus"),
        (good_g, lambda r, f: softplus(-r).mean() - softplus(f).mean(), "the halving is missing"),
        (good_g, lambda r, f: (((r - 1) ** 2).mean() + (f**2).mean()) / 2, "lsgan"),
        (good_g, lambda r, f: ((r - 1) ** 2).mean() + (f**2).mean(), "lsgan"),
        (good_g, lambda r, f: (np.maximum(0, 1 - r).mean() + np.maximum(0, 1 + f).mean()) / 2, "hinge"),
        (good_g, lambda r, f: np.maximum(0, 1 - r).mean() + np.maximum(0, 1 + f).mean(), "hinge"),
        (good_g, lambda r, f: 0.5, "Two means"),
        (good_g, lambda r, f: -(np.log(r).mean() + np.log(1 - f).mean()) / 2, "logarithm is NaN"),
        (lambda r, f: ((f - 1) ** 2).mean(), good_d, "lsgan"),
        (lambda r, f: -f.mean(), good_d, "hinge"),
        (lambda r, f: softplus(-sigmoid(f)).mean(), good_d, "as if they were probabilities"),
        (lambda r, f: 0.5, good_d, "One mean"),
        (lambda r, f: -np.log(f).mean(), good_d, "logarithm is NaN"),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_other_losses_are_named(generator, discriminator, words, seed):
    with np.errstate(all="ignore"):
        assert words in rejected(q1, losses(generator, discriminator), seed=seed)


def by_sigmoid(real, fake):
    with np.errstate(all="ignore"):
        return -np.log(sigmoid(fake)).mean(), -(np.log(sigmoid(real)).mean() + np.log(1 - sigmoid(fake)).mean()) / 2


def clipped(real, fake):
    with np.errstate(all="ignore"):
        real, fake = (np.clip(sigmoid(logits), 1e-12, 1 - 1e-12) for logits in (real, fake))
    return -np.log(fake).mean(), -(np.log(real).mean() + np.log(1 - fake).mean()) / 2


def plain_softplus(real, fake):
    def cost(x):
        with np.errstate(all="ignore"):
            return np.log(1 + np.exp(x)).mean()

    return cost(-fake), (cost(-real) + cost(fake)) / 2


@pytest.mark.parametrize("answer", [by_sigmoid, plain_softplus])
def test_a_loss_that_overflows_is_found_out(answer):
    assert "logaddexp" in rejected(q1, answer)


def test_a_clipped_loss_is_found_out():
    assert "cut off" in rejected(q1, clipped)


def test_a_single_loss_is_asked_for_both():
    assert "return generator, discriminator" in rejected(q1, lambda real, fake: good_d(real, fake))


# --- q2: best_pictures


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("middle", [lambda n: (n - 1) // 2, lambda n: n // 2])
def test_any_median_is_accepted(middle, seed):
    def by_sorting(answers):
        return np.sort(answers, axis=0)[middle(len(answers))], answers.sum(axis=0) / len(answers)

    assert q2.grade(by_sorting, seed=seed).kind == "correct"


def test_brute_force_over_all_values_is_accepted():
    def by_search(answers):
        values = np.linspace(0, 256, 256 * 60 + 1).reshape(-1, 1, 1, 1)
        best = []
        for power in (1, 2):
            loss = sum(np.abs(values - answer) ** power for answer in answers)
            best.append(np.take_along_axis(values + 0 * loss, loss.argmin(axis=0)[None], axis=0)[0])
        return tuple(best)

    assert q2.grade(by_search).kind == "correct"


def mean(answers):
    return answers.mean(axis=0)


def median(answers):
    return np.median(answers, axis=0)


@pytest.mark.parametrize(
    ("for_l1", "for_l2", "words"),
    [
        (mean, median, "This is the median"),
        (mean, mean, "This is the mean. Under L1"),
        (median, lambda a: (a.min(axis=0) + a.max(axis=0)) / 2, "halfway between"),
        (median, lambda a: a.mean(), "one number"),
        (median, lambda a: np.broadcast_to(a.mean(axis=(0, 1, 2)), a.shape[1:]), "one colour for the whole picture"),
        (median, lambda a: a.mean(axis=-1), "over the channels"),
        (median, lambda a: a.sum(axis=0), "divide by the number"),
        (median, lambda a: a[0], "the first answer"),
        (np.median, mean, "median over everything"),
        (lambda a: a.max(axis=0), mean, "largest values"),
        (lambda a: a.min(axis=0), mean, "smallest values"),
        (lambda a: a[len(a) // 2], mean, "middle of the list"),
        (lambda a: a[0], mean, "the first answer"),
    ],
)
def test_wrong_best_pictures_are_rejected_with_the_reason(for_l1, for_l2, words):
    assert words in rejected(q2, lambda answers: (for_l1(answers), for_l2(answers)))


# --- q3: balancing_lambda


@pytest.mark.parametrize("seed", range(5))
def test_roots_of_sums_are_accepted(seed):
    def by_arithmetic(game_gradient, fake, target):
        return np.sqrt((game_gradient**2).sum()) * np.sqrt(fake.size)

    assert q3.grade(by_arithmetic, seed=seed).kind == "correct"


def test_automatic_differentiation_is_accepted():
    import tensorflow as tf

    def by_tape(game_gradient, fake, target):
        fake = tf.constant(fake)
        with tf.GradientTape() as tape:
            tape.watch(fake)
            loss = tf.reduce_mean(tf.abs(fake - target))
        return tf.norm(game_gradient) / tf.norm(tape.gradient(loss, fake))

    assert q3.grade(by_tape).kind == "correct"


def norm(x):
    return np.linalg.norm(x)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda g, f, t: norm(np.sign(f - t) / f.size) / norm(g), "wrong way round"),
        (lambda g, f, t: norm(g) / norm(np.sign(f - t)), "L1 is a *mean*"),
        (lambda g, f, t: norm(g) / norm(2 * (f - t) / f.size), "gradient of L2"),
        (lambda g, f, t: norm(g) / norm((f - t) / f.size), "not the difference itself"),
        (lambda g, f, t: norm(g) / np.abs(f - t).mean(), "loss itself"),
        (lambda g, f, t: (g**2).sum() / ((np.sign(f - t) / f.size) ** 2).sum(), "take the root"),
        (lambda g, f, t: np.abs(g).mean() / norm(np.sign(f - t) / f.size), "same measure"),
        (lambda g, f, t: np.abs(g).mean() * f.size, "not their mean sizes"),
        (lambda g, f, t: norm(g) * np.sqrt(f[0].size), "n counts every value"),
        (lambda g, f, t: 100.0, "Write L1's gradient first"),
    ],
)
def test_wrong_lambdas_are_rejected_with_the_reason(answer, words):
    assert words in rejected(q3, answer)


# --- q4: the prediction


@pytest.mark.parametrize("answer", ["l1+cgan", "L1 + cGAN", " L1+cGAN "])
def test_the_name_may_be_written_in_several_ways(answer):
    assert q4.grade(answer).kind == "correct"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("l1", "in this box"),
        ("L2", "the mean of the six tones"),
        ("cgan", "not among the three"),
        (3, "one of the three"),
    ],
)
def test_wrong_predictions_are_rejected_with_the_reason(answer, words):
    assert words in rejected(q4, answer)
