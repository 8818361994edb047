"""The GAN on points: gradients against finite differences and TensorFlow, measures against cases known by hand."""

import math
from pathlib import Path

import nbformat
import numpy as np
import pytest

from pix2pix_edu import gan
from pix2pix_edu.errors import UsageError

NOTEBOOK = Path(__file__).resolve().parent.parent / "notebooks" / "02_gan.ipynb"
KINDS = list(gan.LOSSES)


@pytest.fixture
def rng():
    return np.random.default_rng(7)


# --- Distributions


@pytest.mark.parametrize("name", gan.DISTRIBUTIONS)
def test_a_distribution_is_the_same_for_the_same_seed_and_lies_in_the_window(name):
    draw = gan.DISTRIBUTIONS[name]()
    points = draw(2000, np.random.default_rng(1))
    assert points.shape == (2000, 2) and (points == draw(2000, np.random.default_rng(1))).all()
    assert (np.abs(points) < gan.WINDOW).all(axis=1).mean() > 0.99


def test_the_ring_fills_its_modes_evenly_with_the_spread_that_was_asked_for(rng):
    real = gan.ring(6, radius=1, spread=0.05)
    points = real(6000, rng)
    distances = np.linalg.norm(points[:, None] - real.centres[None], axis=-1)
    counts = np.bincount(distances.argmin(axis=1), minlength=6)
    assert counts.min() > 850 and counts.max() < 1150
    assert np.sqrt((distances.min(axis=1) ** 2).mean() / 2) == pytest.approx(0.05, rel=0.05)
    assert np.allclose(np.hypot(*real.centres.T), 1)


def test_the_spiral_is_filled_evenly_along_its_line(rng):
    points = gan.spiral(spread=0)(20_000, rng)
    radius = np.hypot(*points.T)
    angle = np.arctan2(points[:, 1], points[:, 0])
    turns = radius / 1.6 * 1.5
    assert np.allclose(np.angle(np.exp(1j * (angle - 2 * np.pi * turns))), 0, atol=1e-9)
    inner, outer = ((radius > low) & (radius < low + 0.2) for low in (0.6, 1.2))  # the line is twice as long outside
    assert outer.sum() / inner.sum() == pytest.approx(1.3 / 0.7, rel=0.1)


def test_your_own_points_are_drawn_equally_often_and_copied(rng):
    mine = np.array([[0.0, 1.0], [1.0, 0.0]])
    real = gan.from_points(mine, spread=0)
    mine[:] = 9
    points, counts = np.unique(real(4000, rng), axis=0, return_counts=True)
    assert points.tolist() == [[0, 1], [1, 0]] and counts.min() > 1850
    assert real.centres is None


@pytest.mark.parametrize("points", [[], [[1, 2, 3]], [1, 2], [[np.nan, 0]], np.zeros((0, 2))])
def test_points_that_cannot_be_drawn_from_are_refused(points):
    with pytest.raises(UsageError, match="one point or more"):
        gan.from_points(points)


# --- Losses


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("part", ["real", "fake", "generator"])
def test_each_slope_is_the_derivative_of_its_loss(kind, part, rng):
    term = getattr(gan.LOSSES[kind], part)
    logits = rng.uniform(-4, 4, 50)
    logits = logits[np.abs(np.abs(logits) - 1) > 1e-3]  # the hinge has corners at 1 and -1
    numeric = (term.value(logits + 1e-6) - term.value(logits - 1e-6)) / 2e-6
    assert np.allclose(term.slope(logits), numeric, atol=1e-8)


@pytest.mark.parametrize("kind, other", [("non-saturating", "bce"), ("lsgan", "lsgan"), ("hinge", "hinge")])
def test_losses_are_those_of_pix2pix_except_that_the_discriminators_is_not_halved(kind, other, rng):
    from pix2pix_edu.losses import adversarial_loss

    real, fake = rng.normal(size=(2, 64)).astype("float32") * 2
    loss, expected = gan.LOSSES[kind], adversarial_loss(real, fake, kind=other)
    ours = loss.real.value(real).mean() + loss.fake.value(fake).mean()
    assert ours == pytest.approx(2 * float(expected.discriminator), rel=1e-5)
    assert loss.generator.value(fake).mean() == pytest.approx(float(expected.generator), rel=1e-5)


@pytest.mark.parametrize("kind", ["minimax", "non-saturating"])
def test_chance_costs_log_2_for_each_term(kind):
    loss, no_idea = gan.LOSSES[kind], np.zeros(1)
    assert loss.real.value(no_idea)[0] + loss.fake.value(no_idea)[0] == pytest.approx(2 * math.log(2))
    assert abs(loss.generator.value(no_idea)[0]) == pytest.approx(gan.CHANCE) == pytest.approx(0.6931, abs=1e-4)


def test_where_the_discriminator_is_sure_minimax_saturates_and_the_other_loss_does_not():
    sure = np.array([np.log(0.01 / 0.99)])
    assert gan.LOSSES["minimax"].generator.slope(sure)[0] == pytest.approx(-0.01)
    assert gan.LOSSES["non-saturating"].generator.slope(sure)[0] == pytest.approx(-0.99)


def test_enormous_logits_neither_overflow_nor_become_nan():
    with np.errstate(over="raise", invalid="raise"):
        for loss in gan.LOSSES.values():
            for term in (loss.real, loss.fake, loss.generator):
                logits = np.array([-1e4, 1e4])
                assert np.isfinite(term.value(logits)).all() and np.isfinite(term.slope(logits)).all()
            assert ((loss.probability(logits) >= 0) & (loss.probability(logits) <= 1)).all()


def test_an_unknown_loss_is_refused_with_the_nearest_name():
    with pytest.raises(UsageError, match="Did you mean 'minimax'"):
        gan.loss_of_kind("minmax")


def test_no_answer_pays_less_than_the_optimal_discriminators(rng):
    p, q = rng.uniform(0, 2, (2, 20))
    best = gan.optimal_discriminator(p, q)

    def cost(answer):
        return -(p * np.log(answer) + q * np.log(1 - answer))

    for answer in np.linspace(0.001, 0.999, 400):
        assert (cost(np.full(20, answer)) >= cost(best) - 1e-12).all()


# --- The network


def numeric_gradient(function, array, places, step=1e-6):
    """Finite differences at some places of an array that `function` reads."""
    result = []
    for place in places:
        before = array.flat[place]
        array.flat[place] = before + step
        above = function()
        array.flat[place] = before - step
        below = function()
        array.flat[place] = before
        result.append((above - below) / (2 * step))
    return np.array(result)


@pytest.mark.parametrize("sizes", [[2, 1], [3, 7, 1], [2, 8, 6, 2], [5, 4, 4, 4, 3]])
def test_backward_agrees_with_finite_differences_for_every_parameter_and_input(sizes, rng):
    network, x = gan.MLP(sizes, rng), rng.normal(size=(9, sizes[0]))
    weights_of_outputs = rng.normal(size=(9, sizes[-1]))

    def loss():
        return float((network(x) * weights_of_outputs).sum())

    _, inputs = network.forward(x)
    gradients, by_input = network.backward(inputs, weights_of_outputs)
    for array, gradient in [*zip(network.parameters, gradients, strict=True), (x, by_input)]:
        assert gradient.shape == array.shape
        numeric = numeric_gradient(loss, array, range(array.size))
        assert np.allclose(gradient.ravel(), numeric, atol=1e-6)


def small_gan(kind, pack=1):
    return gan.Gan2D(loss=kind, hidden=6, noise_dim=3, batch_size=12, pack=pack, seed=3)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pack", [1, 3])
def test_the_gradients_of_both_players_agree_with_finite_differences(kind, pack, rng):
    game = small_gan(kind, pack)
    real, noise = rng.normal(size=(12, 2)), rng.normal(size=(12, 3))
    fake = game.generator(noise)
    players = [
        (game.discriminator, lambda: game.discriminator_gradients(real, fake)),
        (game.generator, lambda: game.generator_parameter_gradients(noise)),
    ]
    for network, gradients_of in players:
        _, gradients = gradients_of()
        for array, gradient in zip(network.parameters, gradients, strict=True):
            numeric = numeric_gradient(lambda calculate=gradients_of: calculate()[0], array, range(array.size))
            assert np.allclose(gradient.ravel(), numeric, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_both_losses_and_gradients_agree_with_tensorflow(kind, rng):
    import tensorflow as tf

    game = small_gan(kind)
    real, noise = rng.normal(size=(12, 2)), rng.normal(size=(12, 3))
    variables = [[tf.Variable(array) for array in net.parameters] for net in (game.generator, game.discriminator)]

    def network(parameters, x):
        for number in range(0, len(parameters), 2):
            x = x @ parameters[number] + parameters[number + 1]
            x = tf.maximum(x, 0.2 * x) if number < len(parameters) - 2 else x
        return x

    def cost(logits, label):
        if kind == "lsgan":
            return tf.reduce_mean((logits - label) ** 2)
        if kind == "hinge":
            return tf.reduce_mean(tf.nn.relu(1 - (2 * label - 1) * logits))
        labels = label * tf.ones_like(logits)
        return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits))

    with tf.GradientTape(persistent=True) as tape:
        fake = network(variables[0], tf.constant(noise))
        fake_logits = network(variables[1], fake)
        d_loss = cost(network(variables[1], tf.constant(real)), 1.0) + cost(fake_logits, 0.0)
        g_loss = {"minimax": -cost(fake_logits, 0.0), "hinge": -tf.reduce_mean(fake_logits)}.get(
            kind, cost(fake_logits, 1.0)
        )
    d = game.discriminator_gradients(real, game.generator(noise))
    g = game.generator_parameter_gradients(noise)
    for (loss, gradients), tf_loss, of in ((d, d_loss, variables[1]), (g, g_loss, variables[0])):
        assert loss == pytest.approx(float(tf_loss), rel=1e-10)
        for ours, theirs in zip(gradients, tape.gradient(tf_loss, of), strict=True):
            assert np.allclose(ours, theirs.numpy(), atol=1e-12)


def test_adam_is_the_adam_of_keras(rng):
    import keras

    start, gradients = rng.normal(size=(4, 3)), rng.normal(size=(20, 4, 3))
    ours, optimizer = [start.copy()], gan.Adam(0.01, beta_1=0.5)
    theirs = keras.Variable(start.astype("float32"))
    reference = keras.optimizers.Adam(0.01, beta_1=0.5, epsilon=1e-7)
    for gradient in gradients:
        optimizer.step(ours, [gradient])
        reference.apply([keras.ops.convert_to_tensor(gradient.astype("float32"))], [theirs])
    assert np.allclose(ours[0], keras.ops.convert_to_numpy(theirs), atol=1e-5)
    assert np.abs(ours[0] - start).max() > 0.02


# --- Measures


def test_the_divergence_of_cases_known_by_hand():
    assert gan.jensen_shannon([0.3, 0.7], [0.3, 0.7]) == 0
    assert gan.jensen_shannon([1, 0, 0], [0, 0.5, 0.5]) == pytest.approx(math.log(2))
    # p = (1/2, 1/2), q = (1, 0), m = (3/4, 1/4): half of (log 2/3 + log 2) / 2, plus half of log 4/3
    by_hand = (math.log(2 / 3) + math.log(2)) / 4 + math.log(4 / 3) / 2
    assert gan.jensen_shannon([0.5, 0.5], [1, 0]) == pytest.approx(by_hand)
    assert gan.jensen_shannon([5, 5], [3, 0]) == pytest.approx(by_hand), "counts are divided by their sum"
    assert gan.jensen_shannon([1, 0], [0.5, 0.5]) == pytest.approx(by_hand), "the same both ways round"


def test_the_loss_of_the_optimal_discriminator_is_2_log_2_minus_twice_the_divergence(rng):
    p, q = rng.dirichlet(np.ones(30), 2)
    best = gan.optimal_discriminator(p, q)
    loss = -(p * np.log(best)).sum() - (q * np.log(1 - best)).sum()
    assert loss == pytest.approx(2 * math.log(2) - 2 * gan.jensen_shannon(p, q))


@pytest.mark.parametrize("p, q", [([1, 2], [1, 2, 3]), ([-1, 2], [1, 1]), ([0, 0], [1, 1])])
def test_what_is_no_list_of_probabilities_is_refused(p, q):
    with pytest.raises(UsageError, match="probabilities"):
        gan.jensen_shannon(p, q)


def test_half_of_the_points_in_the_wrong_place_give_the_divergence_by_hand():
    here, there = np.full((50, 2), -0.9), np.full((50, 2), 1.1)
    both = np.concatenate([here, there])
    assert gan.divergence(both, here) == pytest.approx(0.2158, abs=1e-4)
    assert gan.divergence(both, both[::-1]) == 0


def test_the_histogram_counts_every_point_in_its_cell():
    counts = gan.histogram(np.array([[-1.95, -1.95], [-1.95, 1.95], [0.05, -1.95], [50, -50]]))
    assert counts.shape == (20, 20) and counts.sum() == 4
    assert counts[0, 0] == counts[19, 0] == counts[0, 10] == counts[0, 19] == 1, "rows are y, columns x"


def test_a_mode_is_covered_if_it_has_its_share_of_the_points():
    centres = gan.ring(4, radius=1).centres
    points = np.repeat(centres, [70, 20, 6, 4], axis=0)  # 25 are due to each, 5 are enough
    assert gan.modes_covered(points, centres) == 3
    assert gan.modes_covered(points, centres, share=0.1) == 4
    assert gan.modes_covered(points + 0.3, centres, radius=0.4) == 0


# --- The game


def parameters(network):
    return [array.copy() for array in network.parameters]


def unchanged(network, before):
    return all((now == then).all() for now, then in zip(network.parameters, before, strict=True))


def test_each_move_moves_one_player_only():
    game = gan.Gan2D("spiral", seed=1)
    d, g = parameters(game.discriminator), parameters(game.generator)
    game.step_discriminator()
    assert unchanged(game.generator, g) and not unchanged(game.discriminator, d)
    d = parameters(game.discriminator)
    game.step_generator()
    assert unchanged(game.discriminator, d) and not unchanged(game.generator, g)
    assert game.steps == 2


def test_a_step_is_k_moves_of_the_discriminator_and_then_one_of_the_generator():
    together, apart = gan.Gan2D(k=3, seed=5), gan.Gan2D(seed=5)
    losses = together.step()
    for _ in range(3):
        d_loss = apart.step_discriminator()
    assert losses == (d_loss, apart.step_generator())
    assert unchanged(together.generator, apart.generator.parameters)
    assert unchanged(together.discriminator, apart.discriminator.parameters)
    assert (together.steps, apart.steps) == (1, 4)


def test_each_move_lowers_the_loss_of_the_one_who_made_it():
    for kind in KINDS:
        game = gan.Gan2D(loss=kind, learning_rate=1e-3, seed=2)
        before = game.measure()
        for _ in range(20):
            game.step_discriminator()
        between = game.measure()
        for _ in range(20):
            game.step_generator()
        assert between["d_loss"] < before["d_loss"], kind
        assert game.measure()["g_loss"] < between["g_loss"], kind


def test_the_same_seed_gives_the_same_game_and_looking_does_not_change_it():
    watched, alone, other = gan.Gan2D(seed=4), gan.Gan2D(seed=4), gan.Gan2D(seed=5)
    for game in (watched, alone, other):
        for _ in range(5):
            if game is watched:
                game.measure(), game.samples(1500), game.real_samples(1500)
                game.generator_gradients(50), game.discriminator_map()
            game.step()
    assert unchanged(watched.generator, alone.generator.parameters)
    assert not unchanged(other.generator, alone.generator.parameters)


def test_samples_come_from_the_same_noise_each_time():
    game = gan.Gan2D(seed=0)
    few, many = game.samples(10), game.samples(2000)
    assert (many == game.samples(2000)).all()
    # Matrix products of other sizes may add in another order: on some processors the last bit differs.
    np.testing.assert_allclose(few, many[:10], rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pack", [1, 2])
def test_a_small_step_along_the_arrows_lowers_the_generators_loss(kind, pack):
    game = gan.Gan2D(loss=kind, pack=pack, seed=0)
    points, arrows = game.generator_gradients(100)
    value = game._loss.generator.value

    def loss(points):
        return value(game.discriminator(points.reshape(-1, 2 * pack))).mean()

    expected = -(arrows**2).sum() * 1e-6 / (100 // pack)
    assert loss(points + 1e-6 * arrows) - loss(points) == pytest.approx(expected, rel=1e-3)
    assert (points == game.samples(100)).all()


def test_the_length_of_an_arrow_does_not_depend_on_how_many_there_are():
    game = gan.Gan2D(seed=0)
    assert np.allclose(game.generator_gradients(5)[1], game.generator_gradients(300)[1][:5])


def test_the_map_is_the_discriminators_answer_with_the_first_row_below():
    game = gan.Gan2D(seed=0)
    how_real = game.discriminator_map(5)
    places = np.array([[-1.6, -1.6], [1.6, -1.6], [-1.6, 1.6]])
    assert how_real.shape == (5, 5)
    expected = gan.sigmoid(game.discriminator(places))[:, 0]
    assert np.allclose([how_real[0, 0], how_real[0, 4], how_real[4, 0]], expected)
    assert np.allclose(game.discriminator_map(places), expected)


def test_history_has_a_row_for_each_measurement():
    game = gan.Gan2D("spiral", seed=0)
    game.train(25, measure_every=10)
    game.train(5, measure_every=10)
    assert game.history["step"] == [0, 10, 20, 25, 30]
    assert {len(column) for column in game.history.values()} == {5}
    assert set(game.history["modes"]) == {-1}


def test_rules_may_change_while_the_game_goes_on():
    game = gan.Gan2D(seed=0)
    game.loss = "hinge"
    game.set_learning_rate(1e-3, 2e-3)
    game.set_real(np.array([[1.5, 1.5]]))
    game.step()
    assert np.allclose(game.real_samples(500).mean(axis=0), 1.5, atol=0.02)
    with pytest.raises(UsageError, match="learning rate"):
        game.set_learning_rate(0)
    with pytest.raises(UsageError, match="Did you mean 'hinge'"):
        game.loss = "hing"


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"real": "rng"}, "Did you mean 'ring'"),
        ({"k": 0}, "k must be"),
        ({"noise_dim": 1.5}, "noise_dim"),
        ({"learning_rate": -1}, "learning rate"),
        ({"pack": 3}, "multiple of pack = 3"),
        ({"batch_size": 0}, "batch size"),
        ({"loss": "wgan"}, "not known"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings, words):
    with pytest.raises(UsageError, match=words):
        gan.Gan2D(**settings)


# --- What the lesson claims, on several seeds


def game_after(steps, **settings):
    game = gan.Gan2D("ring", **settings)
    game.train(steps, measure_every=steps)
    return game


SLOW = {"learning_rate": 2e-4, "generator_learning_rate": 5e-3}


@pytest.mark.parametrize("seed", range(3))
def test_a_slow_discriminator_lets_modes_collapse_and_one_as_fast_as_the_generator_does_not(seed):
    collapsed, cured = game_after(600, seed=seed, **SLOW), game_after(1000, seed=seed)
    assert collapsed.history["modes"][-1] <= 4 and cured.history["modes"][-1] >= 6
    assert cured.history["divergence"][-1] < collapsed.history["divergence"][-1] - 0.1


def test_more_steps_of_the_slow_discriminator_cure_it_as_well():
    cured = game_after(500, seed=1, k=20, **SLOW)
    assert cured.history["modes"][-1] >= 6 and cured.history["divergence"][-1] < 0.45


def test_against_a_frozen_discriminator_all_points_run_to_one_place():
    game = game_after(200, seed=0)
    for _ in range(400):
        game.step_generator()
    assert game.samples(500).std(axis=0).max() < 0.3


# --- The definitions that the notebook writes by hand


@pytest.fixture(scope="module")
def by_hand():
    """What the defining cells of the notebook define."""
    names: dict = {"np": np, "gan": gan}
    for cell in nbformat.read(NOTEBOOK, as_version=4).cells:
        if cell.cell_type == "code" and "def " in cell.source and "check(" not in cell.source:
            definitions = cell.source[: cell.source.rindex("\n\n\n")]  # and not what is run right after
            if "CourseFigure" not in definitions:
                exec(definitions, names)
    return names


def test_the_sigmoid_by_hand_is_the_librarys(by_hand):
    logits = np.linspace(-20, 20, 41)
    assert np.allclose(by_hand["sigmoid"](logits), gan.sigmoid(logits), atol=1e-12)


def test_the_game_by_hand_makes_the_moves_of_the_librarys_gradients(by_hand):
    """The same game, with networks of the library that have no hidden layer, and plain gradient steps."""
    rng, loss = np.random.default_rng(0), gan.LOSSES["non-saturating"]
    D = gan.MLP([1, 1], np.random.default_rng(1))
    D.parameters = [np.zeros((1, 1)), np.zeros(1)]
    shift, shifts = 0.0, []
    for _ in range(40):
        real, fake = rng.normal(3, 1, (500, 1)), rng.normal(0, 1, (500, 1)) + shift
        logits, inputs = D.forward(np.concatenate([real, fake]))
        slopes = np.concatenate([loss.real.slope(logits[:500]), loss.fake.slope(logits[500:])]) / 500
        gradients, _ = D.backward(inputs, slopes)
        for parameter, gradient in zip(D.parameters, gradients, strict=True):
            parameter -= 0.1 * gradient
        logits, inputs = D.forward(fake)
        _, by_point = D.backward(inputs, gan.LOSSES["minimax"].generator.slope(logits) / 500)
        shift -= 0.1 * by_point.sum()
        shifts.append(shift)
    assert np.allclose(by_hand["play"](40), shifts, atol=1e-9)


def test_the_density_and_the_trained_discriminator_of_the_notebook(by_hand):
    x = np.linspace(-6, 6, 601)
    p, q = by_hand["normal_density"](x, -1, 0.5), by_hand["normal_density"](x, 1, 1)
    assert p.sum() * 0.02 == pytest.approx(1) and q.sum() * 0.02 == pytest.approx(1, abs=1e-5)
    trained = gan.sigmoid(by_hand["train_discriminator"]()(x[:, None]))[:, 0]
    often = p + q > 0.05
    assert np.abs(trained - gan.optimal_discriminator(p, q))[often].max() < 0.05


def test_the_push_measured_in_the_notebook_is_far_stronger_without_saturation(by_hand):
    assert by_hand["typical_push"]("non-saturating") > 20 * by_hand["typical_push"]("minimax")
