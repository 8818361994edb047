"""Every loss against a computation by hand in NumPy, written from the formula, not from the code."""

import numpy as np
import pytest

from pix2pix_edu.backend import ops
from pix2pix_edu.errors import UsageError
from pix2pix_edu.losses import AdversarialLosses, adversarial_loss, l1_loss, l2_loss

RNG = np.random.default_rng(0)
REAL_LOGITS = RNG.normal(0, 3, (4, 6, 6, 1)).astype("float32")
FAKE_LOGITS = RNG.normal(0, 3, (4, 6, 6, 1)).astype("float32")
REAL = RNG.uniform(-1, 1, (2, 8, 8, 3)).astype("float32")
FAKE = RNG.uniform(-1, 1, (2, 8, 8, 3)).astype("float32")


def sigmoid(x):
    return 1 / (1 + np.exp(-x.astype("float64")))


def by_hand(kind):
    real, fake = REAL_LOGITS.astype("float64"), FAKE_LOGITS.astype("float64")
    if kind == "bce":
        judged_real, judged_fake = -np.log(sigmoid(real)).mean(), -np.log(1 - sigmoid(fake)).mean()
        generator = -np.log(sigmoid(fake)).mean()
    elif kind == "lsgan":
        judged_real, judged_fake = ((real - 1) ** 2).mean(), (fake**2).mean()
        generator = ((fake - 1) ** 2).mean()
    else:
        judged_real, judged_fake = np.maximum(0, 1 - real).mean(), np.maximum(0, 1 + fake).mean()
        generator = -fake.mean()
    return AdversarialLosses(generator, (judged_real + judged_fake) / 2)


@pytest.mark.parametrize("kind", ["bce", "lsgan", "hinge"])
def test_adversarial_loss_equals_the_formula_by_hand(kind):
    computed, expected = adversarial_loss(REAL_LOGITS, FAKE_LOGITS, kind=kind), by_hand(kind)
    assert float(computed.generator) == pytest.approx(expected.generator, rel=1e-6, abs=1e-6)
    assert float(computed.discriminator) == pytest.approx(expected.discriminator, rel=1e-6, abs=1e-6)


def test_chance_level_is_log_2_for_both_because_the_sum_is_halved():
    nothing = np.zeros((1, 30, 30, 1), "float32")
    losses = adversarial_loss(nothing, nothing)
    assert float(losses.discriminator) == pytest.approx(np.log(2))
    assert float(losses.generator) == pytest.approx(np.log(2))


def test_confident_mistakes_do_not_overflow():
    losses = adversarial_loss(np.full((1, 2), -1e4, "float32"), np.full((1, 2), 1e4, "float32"))
    assert float(losses.discriminator) == pytest.approx(1e4)


def test_the_generators_gradient_does_not_vanish_while_it_loses():
    """At a logit of -8 (sure that it is fake) minimising log(1 - D) would give a gradient of 0.0003."""
    step = 1e-2
    low, high = (
        float(adversarial_loss(np.zeros((1, 1)), np.full((1, 1), x)).generator) for x in (-8 - step, -8 + step)
    )
    assert (high - low) / (2 * step) == pytest.approx(-sigmoid(np.array(8.0)), rel=1e-3)


def test_l1_and_l2_equal_the_formula_by_hand():
    assert float(l1_loss(REAL, FAKE)) == pytest.approx(np.abs(REAL - FAKE).mean(), rel=1e-6)
    assert float(l2_loss(REAL, FAKE)) == pytest.approx(((REAL - FAKE) ** 2).mean(), rel=1e-6)


def test_l1_is_least_at_the_median_and_l2_at_the_mean():
    answers = np.array([-1.0, -0.9, 0.8]).reshape(3, 1, 1, 1)
    guesses = np.linspace(-1, 1, 401)

    def best(loss):
        values = [float(loss(answers, np.full((3, 1, 1, 1), guess))) for guess in guesses]
        return guesses[int(np.argmin(values))]

    assert best(l1_loss) == pytest.approx(-0.9, abs=0.005)
    assert best(l2_loss) == pytest.approx(answers.mean(), abs=0.005)


def test_half_precision_is_computed_in_float32():
    """In float16 the mean of 40,000 squares of 4 would overflow at 65,504."""
    ones = np.ones((1, 200, 200, 1), "float16")
    assert float(l2_loss(ones, -ones)) == 4.0
    assert str(ops.dtype(l1_loss(ones, ones))).endswith("float32")
    assert float(adversarial_loss(ones, ones, "lsgan").discriminator) == 0.5


def test_pictures_of_different_shapes_are_refused_instead_of_broadcast():
    with pytest.raises(UsageError, match=r"\(2, 8, 8, 3\) and \(1, 8, 8, 3\)"):
        l1_loss(REAL, FAKE[:1])


@pytest.mark.parametrize("kind", ["bse", None])
def test_unknown_kind_is_explained(kind):
    with pytest.raises(UsageError, match="Known: bce, lsgan, hinge"):
        adversarial_loss(REAL_LOGITS, FAKE_LOGITS, kind=kind)
