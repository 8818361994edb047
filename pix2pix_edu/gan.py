"""Lesson 02: a GAN on points in the plane, in NumPy alone, with every gradient written out (seed 2.1).

Two small networks play against each other (Goodfellow et al. 2014). The *generator* turns noise into points; the
*discriminator* looks at a point and answers with a logit: above 0 "real", below 0 "made up". A step takes about a
millisecond on a CPU, so one can watch the game being played.

Shapes: N points are an array (N, 2); the window that is drawn and measured runs from -2 to 2 in both directions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from pix2pix_edu.errors import UsageError, nearest

Array = np.ndarray
WINDOW = 2.0  # what is drawn and measured: from -WINDOW to WINDOW
BINS = 20  # cells of the histogram in each direction, 0.2 wide
MEASURED = 1000  # points of either kind that a divergence is measured with
CHANCE = float(np.log(2))  # what cross-entropy costs for each term where nobody knows better than "one half"


# --- What is real: distributions --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Distribution:
    """Something that points can be drawn from: `distribution(n, rng)` gives an array of shape (n, 2).

    Args:
        name: such as "ring".
        sample: a function of (n, rng) that draws n points.
        centres: shape (modes, 2), where its modes are; None if it has no separate ones.
        spread: the standard deviation around each centre, or across the line.

    >>> ring()(5, np.random.default_rng(0)).shape
    (5, 2)
    """

    name: str
    sample: Callable[[int, np.random.Generator], Array]
    centres: Array | None = None
    spread: float = 0.05

    def __call__(self, n: int, rng: np.random.Generator) -> Array:
        """Draw `n` points: shape (n, 2)."""
        return self.sample(n, rng)


def ring(modes: int = 8, radius: float = 1.4, spread: float = 0.1) -> Distribution:
    """Gaussians evenly placed on a circle: the classic test for mode collapse.

    >>> ring(4, radius=1).centres.round(6).tolist()
    [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [-0.0, -1.0]]
    """
    angles = 2 * np.pi * np.arange(modes) / modes
    return _gaussians("ring", radius * np.stack([np.cos(angles), np.sin(angles)], axis=1), spread)


def grid(side: int = 3, spread: float = 0.1) -> Distribution:
    """Gaussians on a square grid: harder than the ring, since the generator must tear a cloud into many pieces.

    >>> grid().centres.shape
    (9, 2)
    """
    places = np.linspace(-1.5, 1.5, side)
    return _gaussians("grid", np.stack(np.meshgrid(places, places), axis=-1).reshape(-1, 2), spread)


def blob(centre: Sequence[float] = (0.8, 0.6), spread: float = 0.3) -> Distribution:
    """A single Gaussian: the easiest thing to learn.

    >>> blob().centres.tolist()
    [[0.8, 0.6]]
    """
    return _gaussians("blob", np.array([centre], dtype=float), spread)


def spiral(turns: float = 1.5, radius: float = 1.6, spread: float = 0.04) -> Distribution:
    """Points along a spiral, evenly spaced along its line: no modes, but a thin shape.

    >>> points = spiral(spread=0)(100, np.random.default_rng(0))
    >>> bool(np.hypot(*points.T).max() <= 1.6)
    True
    """

    def sample(n: int, rng: np.random.Generator) -> Array:
        along = np.sqrt(rng.uniform(0.01, 1, n))  # the root, since the outer turns are longer
        angle = 2 * np.pi * turns * along
        line = radius * along[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        return line + spread * rng.normal(size=(n, 2))

    return Distribution("spiral", sample, spread=spread)


def from_points(points: Array, spread: float = 0.05) -> Distribution:
    """A distribution that you draw yourself: one of your points, moved a little.

    Args:
        points: shape (n, 2), at least one point.
        spread: standard deviation of the little move.

    Raises:
        UsageError: no points, another shape, or numbers that are not finite.

    >>> from_points([[0, 1], [1, 0]], spread=0)(3, np.random.default_rng(0)).tolist()
    [[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]]
    """
    fixed = np.array(points, dtype=float)
    if fixed.ndim != 2 or fixed.shape[-1] != 2 or len(fixed) == 0 or not np.isfinite(fixed).all():
        raise UsageError(
            f"A drawn distribution needs one point or more, as finite numbers of shape (n, 2), not {fixed.shape}."
        )
    return _gaussians("drawn", fixed, spread, has_modes=False)


def _gaussians(name: str, centres: Array, spread: float, has_modes: bool = True) -> Distribution:
    def sample(n: int, rng: np.random.Generator) -> Array:
        return centres[rng.integers(0, len(centres), n)] + spread * rng.normal(size=(n, 2))

    return Distribution(name, sample, centres if has_modes else None, spread)


DISTRIBUTIONS: dict[str, Callable[[], Distribution]] = {"ring": ring, "spiral": spiral, "grid": grid, "blob": blob}


# --- The rules of the game: losses ------------------------------------------------------------------------------------


def sigmoid(logits: Array) -> Array:
    """From a logit to a probability, 1 / (1 + exp(-logit)), computed so that it cannot overflow.

    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0])).tolist()
    [0.0, 0.5, 1.0]
    """
    return 0.5 * (1 + np.tanh(0.5 * np.asarray(logits)))


def softplus(logits: Array) -> Array:
    """What a logit costs, log(1 + exp(logit)): this is -log(1 - D), and with the other sign before the logit, -log D.

    >>> softplus(np.array([-1000.0, 0.0, 1000.0])).round(3).tolist()
    [0.0, 0.693, 1000.0]
    """
    return np.logaddexp(0, logits)


class Term(NamedTuple):
    """A loss for each logit, and its derivative, both as functions of an array of logits."""

    value: Callable[[Array], Array]
    slope: Callable[[Array], Array]


class Loss(NamedTuple):
    """The rules: the discriminator lowers mean(real) + mean(fake), the generator lowers mean(generator)."""

    real: Term  # the discriminator's loss on real points
    fake: Term  # the discriminator's loss on generated points
    generator: Term  # the generator's loss, given the discriminator's logits for generated points
    probability: Callable[[Array], Array]  # how real a logit means, 0 to 1: for maps


_CALLED_REAL = Term(lambda logit: softplus(-logit), lambda logit: sigmoid(logit) - 1)  # -log D
_CALLED_FAKE = Term(softplus, sigmoid)  # -log(1 - D)
_NEAR_ONE = Term(lambda logit: (logit - 1) ** 2, lambda logit: 2 * (logit - 1))
_NEAR_ZERO = Term(lambda logit: logit**2, lambda logit: 2 * logit)

LOSSES: dict[str, Loss] = {
    # The game as it was first written down: the generator lowers log(1 - D), exactly what the discriminator raises.
    # Its slope is -D: nothing is left of it where the discriminator is sure, and "saturating" is the word for that.
    "minimax": Loss(
        _CALLED_REAL, _CALLED_FAKE, Term(lambda logit: -softplus(logit), lambda logit: -sigmoid(logit)), sigmoid
    ),
    # The generator lowers -log D instead. The same direction, but with slope D - 1: full where it is losing.
    "non-saturating": Loss(_CALLED_REAL, _CALLED_FAKE, _CALLED_REAL, sigmoid),
    # Least squares (Mao et al. 2017): real should be 1, made up 0.
    "lsgan": Loss(_NEAR_ONE, _NEAR_ZERO, _NEAR_ONE, lambda logit: np.clip(logit, 0, 1)),
    # Hinge (Lim & Ye 2017): the discriminator stops caring once it is right by a margin of 1.
    "hinge": Loss(
        Term(lambda logit: np.maximum(0, 1 - logit), lambda logit: -(logit < 1).astype(float)),
        Term(lambda logit: np.maximum(0, 1 + logit), lambda logit: (logit > -1).astype(float)),
        Term(lambda logit: -logit, lambda logit: -np.ones_like(logit)),
        lambda logit: np.clip((logit + 1) / 2, 0, 1),
    ),
}


def loss_of_kind(kind: str) -> Loss:
    """The rules called "minimax", "non-saturating", "lsgan" or "hinge".

    Raises:
        UsageError: an unknown kind.

    >>> loss_of_kind("lsgan").real.value(np.array([0.0, 1.0])).tolist()
    [1.0, 0.0]
    """
    if kind not in LOSSES:
        raise UsageError(f"The loss {kind!r} is not known. {nearest(str(kind), list(LOSSES))}")
    return LOSSES[kind]


def optimal_discriminator(p: Array, q: Array) -> Array:
    """The best possible answer where real points have density p and generated ones q: D = p / (p + q).

    Where neither kind ever occurs any answer is as good as another, and "one half" is given.

    >>> optimal_discriminator(np.array([0.3, 0.2, 0.0]), np.array([0.1, 0.2, 0.0])).round(2).tolist()
    [0.75, 0.5, 0.5]
    """
    p, q = np.asarray(p, dtype=float), np.asarray(q, dtype=float)
    total = p + q
    return np.where(total > 0, p / np.where(total > 0, total, 1), 0.5)


# --- The players: a network, and how it learns ------------------------------------------------------------------------


class MLP:
    """A small network: layers of `x @ weights + bias`, with LeakyReLU between them.

    Args:
        sizes: the numbers of inputs, of neurons in each hidden layer, and of outputs; [2, 1] has no hidden layer.
        rng: draws the first weights (He initialisation); biases begin at 0.

    Attributes:
        parameters: weights, bias, weights, bias, ... from the first layer to the last; float64.

    >>> network = MLP([2, 16, 1], np.random.default_rng(0))
    >>> network(np.zeros((5, 2))).shape
    (5, 1)
    """

    SLOPE = 0.2  # of LeakyReLU below zero, as in pix2pix

    def __init__(self, sizes: Sequence[int], rng: np.random.Generator) -> None:
        self.parameters: list[Array] = []
        for inputs, outputs in pairwise(sizes):
            self.parameters.append(rng.normal(size=(inputs, outputs)) * np.sqrt(2 / inputs))
            self.parameters.append(np.zeros(outputs))

    def __call__(self, x: Array) -> Array:
        """Outputs, shape (N, outputs), for inputs of shape (N, inputs)."""
        return self.forward(x)[0]

    def forward(self, x: Array) -> tuple[Array, list[Array]]:
        """The outputs, and what went into each layer, which `backward` needs."""
        inputs = []
        last = len(self.parameters) - 2
        for layer in range(0, len(self.parameters), 2):
            inputs.append(x)
            x = x @ self.parameters[layer] + self.parameters[layer + 1]
            if layer < last:
                x = np.maximum(x, self.SLOPE * x)
        return x, inputs

    def backward(self, inputs: list[Array], slope: Array) -> tuple[list[Array], Array]:
        """The chain rule, from the last layer to the first.

        Args:
            inputs: from `forward`.
            slope: the derivative of the loss by each output, shape (N, outputs).

        Returns:
            The derivatives by each parameter, in their order, and those by the network's inputs, (N, inputs).
        """
        gradients: list[Array] = []
        for number in reversed(range(len(inputs))):
            weights, x = self.parameters[2 * number], inputs[number]
            gradients[:0] = [x.T @ slope, slope.sum(axis=0)]
            slope = slope @ weights.T
            if number > 0:  # x came out of a LeakyReLU, which keeps the sign
                slope = np.where(x > 0, slope, self.SLOPE * slope)
        return gradients, slope


class Adam:
    """Adam (Kingma & Ba 2015): each parameter gets a step of its own size; lesson 07 takes it apart.

    Args:
        learning_rate: about how far a parameter moves in one step.
        beta_1: how much of the previous direction is kept; 0.5, as in pix2pix.
        beta_2: likewise for the mean squared gradient.

    >>> weights = [np.array([1.0])]
    >>> Adam(learning_rate=0.1).step(weights, [np.array([8.0])])
    >>> float(weights[0][0].round(6))
    0.9
    """

    def __init__(self, learning_rate: float = 1e-3, beta_1: float = 0.5, beta_2: float = 0.999) -> None:
        self.learning_rate, self.beta_1, self.beta_2 = learning_rate, beta_1, beta_2
        self.steps = 0
        self._means: list[Array] = []
        self._squares: list[Array] = []

    def step(self, parameters: list[Array], gradients: list[Array]) -> None:
        """Move all parameters, in place, against their gradients."""
        if not self._means:
            self._means = [np.zeros_like(parameter) for parameter in parameters]
            self._squares = [np.zeros_like(parameter) for parameter in parameters]
        self.steps += 1
        # Both averages begin at 0, and would be too small at first: this makes up for it.
        rate = self.learning_rate * np.sqrt(1 - self.beta_2**self.steps) / (1 - self.beta_1**self.steps)
        for parameter, gradient, mean, square in zip(parameters, gradients, self._means, self._squares, strict=True):
            mean += (1 - self.beta_1) * (gradient - mean)
            square += (1 - self.beta_2) * (gradient**2 - square)
            parameter -= rate * mean / (np.sqrt(square) + 1e-7)


# --- How far apart: measures ------------------------------------------------------------------------------------------


def jensen_shannon(p: Array, q: Array) -> float:
    """The Jensen-Shannon divergence of two lists of probabilities, in nats: 0 if equal, log 2 = 0.693 if apart.

    It is the mean of two Kullback-Leibler divergences, from p and from q to their average. With the best possible
    discriminator the cross-entropy is 2 log 2 - 2 JS (Goodfellow et al. 2014).

    Args:
        p: probabilities of any shape, or counts: they are divided by their sum.
        q: likewise, of the same shape.

    Raises:
        UsageError: the shapes differ, a number is negative, or all are 0.

    >>> print(f"{jensen_shannon([1, 0], [0, 1]):.4f} {jensen_shannon([1, 1], [1, 0]):.4f}")
    0.6931 0.2158
    """
    p, q = (np.asarray(numbers, dtype=float) for numbers in (p, q))
    if p.shape != q.shape or min(p.min(), q.min()) < 0 or not (p.sum() > 0 and q.sum() > 0):
        raise UsageError(
            f"Two lists of probabilities of the same shape are needed, none negative and not all 0; these have shapes "
            f"{p.shape} and {q.shape} and sums {p.sum():.3g} and {q.sum():.3g}."
        )
    p, q = p / p.sum(), q / q.sum()
    middle = (p + q) / 2
    return float(_relative_entropy(p, middle) + _relative_entropy(q, middle)) / 2


def _relative_entropy(p: Array, q: Array) -> float:
    """Kullback-Leibler divergence; a term with p = 0 is 0."""
    here = p > 0
    return float(np.sum(p[here] * np.log(p[here] / q[here])))


def histogram(points: Array) -> Array:
    """How many points fall into each of the 20 x 20 cells of the window; points outside count in the nearest cell.

    >>> int(histogram(np.array([[0.1, 0.1], [99, 0]])).sum())
    2
    """
    cells = ((np.asarray(points) + WINDOW) / (2 * WINDOW) * BINS).astype(int).clip(0, BINS - 1)
    return np.bincount(cells[:, 1] * BINS + cells[:, 0], minlength=BINS * BINS).reshape(BINS, BINS)


def divergence(real: Array, fake: Array) -> float:
    """The Jensen-Shannon divergence of two clouds of points, by their histograms, from 0 to log 2.

    Two samples of the same distribution do not get 0, since chance fills the cells a little differently: about 0.01
    to 0.03 for 1,000 points of the distributions here.

    >>> left, right = np.full((9, 2), -1.0), np.full((9, 2), 1.0)
    >>> print(f"{divergence(left, left):.3f} {divergence(left, right):.3f}")
    0.000 0.693
    """
    return jensen_shannon(histogram(real), histogram(fake))


def modes_covered(points: Array, centres: Array, radius: float = 0.3, share: float = 0.2) -> int:
    """How many modes the points have found.

    Args:
        points: shape (N, 2).
        centres: shape (modes, 2).
        radius: a point belongs to a mode if it is no further away.
        share: a mode counts if it has at least this share of the points that are due to it, N / modes.

    >>> centres = np.array([[-1.0, 0.0], [1.0, 0.0]])
    >>> modes_covered(np.full((10, 2), [1.0, 0.1]), centres)
    1
    """
    distances = np.linalg.norm(points[:, None] - centres[None], axis=-1)
    counts = (distances <= radius).sum(axis=0)
    return int((counts >= share * len(points) / len(centres)).sum())


# --- The game ---------------------------------------------------------------------------------------------------------


class Gan2D:
    """A generator and a discriminator for points in the plane, and the moves of their game.

    Args:
        real: a `Distribution`, one of the names in `DISTRIBUTIONS`, or an array of points of shape (n, 2).
        loss: "minimax", "non-saturating", "lsgan" or "hinge".
        k: how many steps the discriminator makes before each step of the generator.
        learning_rate: of both networks; Adam with beta_1 = 0.5.
        generator_learning_rate: of the generator, if it should have one of its own.
        noise_dim: how many random numbers, from a normal distribution, the generator gets for each point.
        hidden: neurons in each of the two hidden layers of both networks.
        batch_size: points of each kind in one step.
        pack: how many points the discriminator sees at a time; from 2 on it can notice that they are too much
            alike.
        seed: everything random follows from it. Looking and measuring draw from another source, so they never change
            how training goes on.

    Attributes:
        history: name -> list: "step", "d_loss" and "g_loss" on fixed real points and fixed noise, "divergence"
            (Jensen-Shannon, see `divergence`) and "modes" (-1 where the distribution has none); `measure` adds a row.
        steps: how many moves have been made with `step`, `step_discriminator` and `step_generator`.

    Raises:
        UsageError: an unknown name, or a number that cannot work.

    >>> gan = Gan2D("ring", seed=0)
    >>> losses = gan.step()
    >>> gan.samples(100).shape, gan.steps
    ((100, 2), 1)
    """

    def __init__(
        self,
        real: str | Distribution | Array = "ring",
        *,
        loss: str = "non-saturating",
        k: int = 1,
        learning_rate: float = 5e-3,
        generator_learning_rate: float | None = None,
        noise_dim: int = 2,
        hidden: int = 32,
        batch_size: int = 128,
        pack: int = 1,
        seed: int = 0,
    ) -> None:
        for name, number in (("k", k), ("noise_dim", noise_dim), ("hidden", hidden), ("pack", pack)):
            if int(number) != number or number < 1:
                raise UsageError(f"{name} must be a whole number from 1 on, not {number!r}.")
        if batch_size < 1 or batch_size % pack:
            raise UsageError(f"The batch size must be a multiple of pack = {pack}, not {batch_size!r}.")
        self.real = _as_distribution(real)
        self.loss = loss
        self.k, self.noise_dim, self.batch_size, self.pack = k, noise_dim, batch_size, pack
        weights, self._rng, self._display_rng = (
            np.random.default_rng(source) for source in np.random.SeedSequence(seed).spawn(3)
        )
        self.generator = MLP([noise_dim, hidden, hidden, 2], weights)
        self.discriminator = MLP([2 * pack, hidden, hidden, 1], weights)
        self._generator_adam = Adam()
        self._discriminator_adam = Adam()
        self.set_learning_rate(learning_rate, generator_learning_rate)
        self._noise = self._display_rng.normal(size=(MEASURED, noise_dim))
        self._real_points = self.real(MEASURED, self._display_rng)
        self.steps = 0
        self.history: dict[str, list[float]] = {
            name: [] for name in ("step", "d_loss", "g_loss", "divergence", "modes")
        }

    # The settings that may change while the game goes on

    @property
    def loss(self) -> str:
        """The kind of loss; it may be changed at any time."""
        return self._loss_kind

    @loss.setter
    def loss(self, kind: str) -> None:
        self._loss, self._loss_kind = loss_of_kind(kind), kind

    def set_learning_rate(self, learning_rate: float, generator_learning_rate: float | None = None) -> None:
        """Change the learning rate of both networks, or give the generator one of its own."""
        rates = (learning_rate, learning_rate if generator_learning_rate is None else generator_learning_rate)
        if not all(np.isfinite(rate) and rate > 0 for rate in rates):
            raise UsageError(f"A learning rate must be above 0, not {rates[0]!r} or {rates[1]!r}.")
        self._discriminator_adam.learning_rate, self._generator_adam.learning_rate = rates

    def set_real(self, real: str | Distribution | Array) -> None:
        """Change what is real; the networks stay as they are and have to follow."""
        self.real = _as_distribution(real)
        self._real_points = self.real(MEASURED, self._display_rng)

    # The moves

    def step_discriminator(self) -> float:
        """One step of the discriminator alone; returns its loss before the step (a sum of two terms, chance 1.386)."""
        self.steps += 1
        return self._move_discriminator()

    def step_generator(self) -> float:
        """One step of the generator alone; returns its loss before the step."""
        self.steps += 1
        return self._move_generator()

    def step(self, k: int | None = None) -> tuple[float, float]:
        """`k` steps of the discriminator (by default the game's own), then one of the generator against it.

        Returns:
            The discriminator's loss before the last of its steps, and the generator's before its step.
        """
        self.steps += 1
        d_loss = 0.0
        for _ in range(self.k if k is None else k):
            d_loss = self._move_discriminator()
        return d_loss, self._move_generator()

    def train(self, steps: int, measure_every: int = 10) -> None:
        """Make many steps, and measure at the beginning, every so many steps, and at the end."""
        if not self.history["step"] or self.history["step"][-1] != self.steps:
            self.measure()
        for number in range(1, steps + 1):
            self.step()
            if number % measure_every == 0 or number == steps:
                self.measure()

    def _move_discriminator(self) -> float:
        real = self.real(self.batch_size, self._rng)
        fake = self.generator(self._rng.normal(size=(self.batch_size, self.noise_dim)))
        loss, gradients = self.discriminator_gradients(real, fake)
        self._discriminator_adam.step(self.discriminator.parameters, gradients)
        return loss

    def _move_generator(self) -> float:
        loss, gradients = self.generator_parameter_gradients(self._rng.normal(size=(self.batch_size, self.noise_dim)))
        self._generator_adam.step(self.generator.parameters, gradients)
        return loss

    # The gradients

    def discriminator_gradients(self, real: Array, fake: Array) -> tuple[float, list[Array]]:
        """The discriminator's loss, mean(real) + mean(fake), and its derivatives by the discriminator's parameters."""
        real, fake = self._packed(real), self._packed(fake)
        logits, inputs = self.discriminator.forward(np.concatenate([real, fake]))
        real_logits, fake_logits = logits[: len(real)], logits[len(real) :]
        loss = self._loss.real.value(real_logits).mean() + self._loss.fake.value(fake_logits).mean()
        slope = np.concatenate(
            [self._loss.real.slope(real_logits) / len(real), self._loss.fake.slope(fake_logits) / len(fake)]
        )
        return float(loss), self.discriminator.backward(inputs, slope)[0]

    def generator_parameter_gradients(self, noise: Array) -> tuple[float, list[Array]]:
        """The generator's loss, and its derivatives by the generator's parameters: through D, then through G."""
        points, inputs = self.generator.forward(noise)
        loss, by_point = self._slope_at(points)
        return loss, self.generator.backward(inputs, by_point)[0]

    def _slope_at(self, points: Array) -> tuple[float, Array]:
        """The generator's loss on these points, and its derivative by each of them, shape (N, 2)."""
        logits, inputs = self.discriminator.forward(self._packed(points))
        slope = self._loss.generator.slope(logits) / len(logits)
        _, by_input = self.discriminator.backward(inputs, slope)
        return float(self._loss.generator.value(logits).mean()), by_input.reshape(points.shape)

    def _packed(self, points: Array) -> Array:
        return points.reshape(-1, 2 * self.pack)

    # Looking: nothing here changes how training goes on

    def samples(self, n: int = MEASURED) -> Array:
        """`n` generated points, shape (n, 2), always from the same noise: so one sees each point move."""
        return self.generator(self._fixed_noise(n))

    def real_samples(self, n: int = MEASURED) -> Array:
        """`n` real points, shape (n, 2): always the same ones, as long as the distribution stays the same."""
        missing = n - len(self._real_points)
        if missing > 0:
            self._real_points = np.concatenate([self._real_points, self.real(missing, self._display_rng)])
        return self._real_points[:n]

    def generator_gradients(self, n: int = 100) -> tuple[Array, Array]:
        """`n` generated points and, for each, the way it should move to lower the generator's loss, both (n, 2).

        The arrows are minus the derivative of each point's own loss, so their length does not depend on `n`.
        """
        count = -(-n // self.pack) * self.pack
        points = self.samples(count)
        _, slope = self._slope_at(points)
        return points[:n], -slope[:n] * (count // self.pack)

    def discriminator_map(self, grid: int | Array = 40) -> Array:
        """How real the discriminator takes places for, from 0 to 1.

        Args:
            grid: how many places in each direction of the window, or places of shape (..., 2).

        Returns:
            Shape (grid, grid), the first row at the bottom (y = -2); or the shape of `grid` without its last axis. With
            `pack` above 1 the discriminator is shown copies of the same place.
        """
        places = window_grid(grid) if isinstance(grid, (int, np.integer)) else np.asarray(grid, dtype=float)
        logits = self.discriminator(np.tile(places.reshape(-1, 2), self.pack))
        return self._loss.probability(logits).reshape(places.shape[:-1])

    def measure(self) -> dict[str, float]:
        """Measure both losses and the divergence, on fixed points, and add them to the history."""
        n = MEASURED - MEASURED % self.pack
        real, fake = self.real_samples(n), self.samples(n)
        real_logits, fake_logits = (self.discriminator(self._packed(points)) for points in (real, fake))
        centres = self.real.centres
        row = {
            "step": float(self.steps),
            "d_loss": float(self._loss.real.value(real_logits).mean() + self._loss.fake.value(fake_logits).mean()),
            "g_loss": float(self._loss.generator.value(fake_logits).mean()),
            "divergence": divergence(real, fake),
            "modes": float(-1 if centres is None else modes_covered(fake, centres, 3 * self.real.spread)),
        }
        for name, number in row.items():
            self.history[name].append(number)
        return row

    def _fixed_noise(self, n: int) -> Array:
        missing = n - len(self._noise)
        if missing > 0:
            more = self._display_rng.normal(size=(missing, self.noise_dim))
            self._noise = np.concatenate([self._noise, more])
        return self._noise[:n]


def window_grid(side: int = 40) -> Array:
    """The places of a map: the middles of side x side cells of the window, shape (side, side, 2), y growing by rows.

    >>> window_grid(2)[0].tolist()
    [[-1.0, -1.0], [1.0, -1.0]]
    """
    places = (np.arange(side) + 0.5) / side * 2 * WINDOW - WINDOW
    return np.stack(np.meshgrid(places, places), axis=-1)


def _as_distribution(real: str | Distribution | Array) -> Distribution:
    if isinstance(real, Distribution):
        return real
    if isinstance(real, str):
        if real not in DISTRIBUTIONS:
            raise UsageError(f"The distribution {real!r} is not known. {nearest(real, list(DISTRIBUTIONS))}")
        return DISTRIBUTIONS[real]()
    return from_points(real)
