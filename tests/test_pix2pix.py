"""The model: its step equals one written by hand, `fit` equals `train_step`, and nothing is lost when it is saved."""

import numpy as np
import pytest
import tensorflow as tf

import pix2pix_edu as p2p
from pix2pix_edu.backend import keras
from pix2pix_edu.errors import UsageError
from pix2pix_edu.optimizers import PairOptimizer, new_optimizer
from pix2pix_edu.pairs.jitter import Jitter, jitter_size, rng_for
from pix2pix_edu.pix2pix import Pix2Pix, train_step
from pix2pix_edu.steps.resident import Resident
from pix2pix_edu.translation import to_float

RNG = np.random.default_rng(0)
SOURCES = RNG.uniform(-1, 1, (4, 32, 32, 3)).astype("float32")
TARGETS = RNG.uniform(-1, 1, (4, 32, 32, 3)).astype("float32")
TERMS = ["d_fake", "d_loss", "d_real", "g_gan", "g_loss", "l1"]


def new_model(dropout=0.0, **settings):
    generator = p2p.generator_model(32, 4, dropout=dropout, seed=1)
    discriminator = p2p.discriminator_model(32, 4, receptive_field=34, seed=2)
    model = Pix2Pix(generator, discriminator)
    model.compile(**settings)
    return model


def assert_same_weights(one, other, tolerance=0.0):
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance)


def cross_entropy(labels, logits):
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(tf.fill(tf.shape(logits), labels), logits))


def step_by_hand(model, update):
    """The paper's step from TensorFlow's own parts: two forward passes of G where the update alternates."""
    generator, discriminator = model.generator, model.discriminator
    source, target = tf.constant(SOURCES), tf.constant(TARGETS)
    optimizers = [keras.optimizers.Adam(2e-4, beta_1=0.5) for _ in range(2)]

    def d_loss(fake):
        real_output = discriminator([source, target], training=True)
        fake_output = discriminator([source, fake], training=True)
        return (cross_entropy(1.0, real_output) + cross_entropy(0.0, fake_output)) / 2

    def g_loss(fake):
        caught = cross_entropy(1.0, discriminator([source, fake], training=True))
        return caught + 100 * tf.reduce_mean(tf.abs(target - fake))

    with tf.GradientTape() as d_tape:
        loss = d_loss(tf.stop_gradient(generator(source, training=True)))
    d_gradients = d_tape.gradient(loss, discriminator.trainable_variables)
    if update == "alternating":
        optimizers[1].apply(d_gradients, discriminator.trainable_variables)
    with tf.GradientTape() as g_tape:
        loss = g_loss(generator(source, training=True))
    optimizers[0].apply(g_tape.gradient(loss, generator.trainable_variables), generator.trainable_variables)
    if update == "simultaneous":
        optimizers[1].apply(d_gradients, discriminator.trainable_variables)


@pytest.mark.parametrize("update", ["alternating", "simultaneous"])
def test_one_step_equals_the_step_written_by_hand(update):
    ours, by_hand = new_model(update=update), new_model()
    before = [variable.numpy() for variable in by_hand.trainable_variables]
    train_step(ours, SOURCES, TARGETS)
    step_by_hand(by_hand, update)
    # Where a gradient is tiny Adam's step is its sign: rounding may turn it round, so all but a few must agree.
    far = total = 0
    for a, b, start in zip(ours.trainable_variables, by_hand.trainable_variables, before, strict=True):
        assert not np.array_equal(a.numpy(), start)
        far += int((np.abs(a.numpy() - b.numpy()) > 2e-6).sum())
        total += start.size
    assert far / total < 1e-3


def test_alternating_and_simultaneous_differ_in_the_generator_alone_after_one_step():
    one, other = new_model(update="alternating"), new_model(update="simultaneous")
    for model in (one, other):
        train_step(model, SOURCES, TARGETS)
    assert_same_weights_of_variables(one.discriminator, other.discriminator)
    difference = max(
        np.abs(a.numpy() - b.numpy()).max()
        for a, b in zip(one.generator.trainable_variables, other.generator.trainable_variables, strict=True)
    )
    assert difference > 1e-5


def assert_same_weights_of_variables(one, other):
    for a, b in zip(one.trainable_variables, other.trainable_variables, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=0, atol=1e-7)


def test_fit_and_train_step_are_the_same_number_for_number():
    fitted, stepped = new_model(dropout=0.5), new_model(dropout=0.5)
    fitted.fit(SOURCES, TARGETS, batch_size=2, epochs=2, shuffle=False, verbose=0)
    for _ in range(2):
        for start in (0, 2):
            train_step(stepped, SOURCES[start : start + 2], TARGETS[start : start + 2])
    assert_same_weights(fitted, stepped)
    for a, b in zip(fitted.optimizer.variables, stepped.optimizer.variables, strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))


def test_recorded_terms_equal_numpy_on_the_networks_outputs():
    model = new_model()
    fake = np.asarray(model.generator(SOURCES, training=True))
    real_logits = np.asarray(model.discriminator([SOURCES, TARGETS], training=True), "float64")
    fake_logits = np.asarray(model.discriminator([SOURCES, fake], training=True), "float64")
    reference = new_model(update="simultaneous")
    logs = train_step(reference, SOURCES, TARGETS)
    assert sorted(logs) == TERMS
    assert logs["d_real"] == pytest.approx(np.log1p(np.exp(-real_logits)).mean(), rel=1e-5)
    assert logs["d_fake"] == pytest.approx(np.log1p(np.exp(fake_logits)).mean(), rel=1e-5)
    assert logs["d_loss"] == pytest.approx((logs["d_real"] + logs["d_fake"]) / 2, rel=1e-6)
    assert logs["g_gan"] == pytest.approx(np.log1p(np.exp(-fake_logits)).mean(), rel=1e-5)
    assert logs["l1"] == pytest.approx(np.abs(TARGETS - fake).mean(), rel=1e-5)
    assert logs["g_loss"] == pytest.approx(logs["g_gan"] + 100 * logs["l1"], rel=1e-6)


def test_train_step_reports_this_step_and_not_a_mean_over_earlier_ones():
    model = new_model(generator_optimizer=new_optimizer(0.0), discriminator_optimizer=new_optimizer(0.0))
    first = train_step(model, SOURCES, TARGETS)["l1"]
    second = train_step(model, SOURCES, SOURCES)["l1"]
    again = train_step(model, SOURCES, TARGETS)["l1"]
    assert first == pytest.approx(again, rel=1e-6)
    assert first != pytest.approx(second, rel=1e-3)


@pytest.mark.parametrize("frozen", ["generator", "discriminator"])
def test_gradients_stay_in_their_own_network(frozen):
    """With a learning rate of zero for one network, only the other may move."""
    model = new_model(**{f"{frozen}_optimizer": new_optimizer(0.0)})
    before = {
        name: [v.numpy() for v in getattr(model, name).trainable_variables] for name in ("generator", "discriminator")
    }
    train_step(model, SOURCES, TARGETS)
    for name, values in before.items():
        same = all(
            np.array_equal(v.numpy(), b) for v, b in zip(getattr(model, name).trainable_variables, values, strict=True)
        )
        assert same is (name == frozen)


def test_without_an_adversary_it_is_plain_regression():
    model = new_model(adversarial=None)
    before = [v.numpy() for v in model.discriminator.weights]
    logs = train_step(model, SOURCES, TARGETS)
    assert sorted(logs) == ["g_loss", "l1"]
    assert logs["g_loss"] == pytest.approx(100 * logs["l1"], rel=1e-6)
    for variable, value in zip(model.discriminator.weights, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


def test_l2_is_minimised_but_l1_is_still_reported():
    logs = train_step(new_model(adversarial=None, distance="l2", lambda_l1=1.0), SOURCES, TARGETS)
    assert logs["g_loss"] != pytest.approx(logs["l1"], rel=1e-2)


@pytest.mark.parametrize("kind", ["lsgan", "hinge"])
def test_other_adversarial_losses_train(kind):
    model = new_model(adversarial=kind)
    logs = [train_step(model, SOURCES, TARGETS) for _ in range(5)]
    assert all(np.isfinite(value) for value in logs[-1].values())
    assert logs[-1]["l1"] < logs[0]["l1"]


def test_training_brings_the_translation_nearer_to_the_target():
    model = new_model(generator_optimizer=new_optimizer(2e-3))
    colours = np.broadcast_to(RNG.uniform(-1, 1, (4, 1, 1, 3)), SOURCES.shape).astype("float32")
    history = model.fit(colours, -colours, batch_size=4, epochs=20, verbose=0).history
    assert history["l1"][-1] < 0.7 * history["l1"][0]


def test_evaluate_reports_the_l1_distance():
    model = new_model()
    expected = np.abs(TARGETS - np.asarray(model(SOURCES))).mean()
    result = model.evaluate(SOURCES, TARGETS, batch_size=2, return_dict=True, verbose=0)
    assert float(result["l1"]) == pytest.approx(expected, rel=1e-5)


def test_weights_file_keeps_both_optimizers_and_the_dropout_state(tmp_path):
    trained = new_model(dropout=0.5)
    for _ in range(3):
        train_step(trained, SOURCES, TARGETS)
    trained.save_weights(tmp_path / "m.weights.h5")
    loaded = new_model(dropout=0.5)
    loaded.load_weights(tmp_path / "m.weights.h5")
    assert int(loaded.optimizer.discriminator.iterations) == 3
    for model in (trained, loaded):
        train_step(model, SOURCES, TARGETS)
    assert_same_weights(trained, loaded)


def test_keras_file_holds_the_whole_model(tmp_path):
    trained = new_model(dropout=0.5, lambda_l1=7.0, adversarial="lsgan", update="simultaneous")
    train_step(trained, SOURCES, TARGETS)
    trained.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    assert (loaded.lambda_l1, loaded.adversarial, loaded.update) == (7.0, "lsgan", "simultaneous")
    assert loaded.statistics == trained.statistics
    for model in (trained, loaded):
        train_step(model, SOURCES, TARGETS)
    assert_same_weights(trained, loaded)


def test_one_schedule_reaches_both_optimizers():
    model = new_model()
    model.optimizer.learning_rate = 1e-5
    rates = [model.optimizer.learning_rate, model.optimizer.discriminator.learning_rate]
    assert [float(np.asarray(rate)) for rate in rates] == pytest.approx([1e-5, 1e-5])


def test_pair_optimizer_refuses_gradients_that_belong_to_nobody():
    with pytest.raises(NotImplementedError, match="generator.apply"):
        PairOptimizer(new_optimizer(), new_optimizer()).apply([])


def test_compile_does_not_add_a_third_optimizer():
    model = new_model()
    assert isinstance(model.optimizer, PairOptimizer)
    networks = [v for network in (model.generator, model.discriminator) for v in network.trainable_variables]
    assert len(model.optimizer.variables) == 2 * len(networks) + 2 * 2 + 2  # moments; steps and rates of two; its own


def test_the_articles_names_give_fresh_optimizers():
    one, other = p2p.generator_optimizer, p2p.generator_optimizer
    assert one is not other
    assert (float(one.learning_rate), one.beta_1) == (pytest.approx(2e-4), 0.5)
    model = Pix2Pix(p2p.generator_model(32, 2), p2p.discriminator_model(32, 2))
    model.compile(p2p.generator_optimizer, p2p.discriminator_optimizer)
    assert sorted(train_step(model, SOURCES, TARGETS)) == TERMS


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"lambda_l1": -1}, "lambda_l1=-1"),
        ({"adversarial": None, "lambda_l1": 0}, "nothing to learn"),
        ({"adversarial": "lsgam"}, "Did you mean 'lsgan'"),
        ({"update": "both"}, "Known: alternating, simultaneous"),
        ({"distance": "l3"}, "Known: l1, l2"),
    ],
)
def test_settings_that_cannot_work_are_explained(settings, message):
    with pytest.raises(UsageError, match=message):
        new_model(**settings)


def test_one_optimizer_for_both_networks_is_refused():
    optimizer = new_optimizer()
    with pytest.raises(UsageError, match="Make one for each"):
        new_model(generator_optimizer=optimizer, discriminator_optimizer=optimizer)


def test_pictures_in_the_wrong_range_or_shape_are_explained():
    model = new_model()
    with pytest.raises(UsageError, match="127.5 - 1"):
        train_step(model, SOURCES + 5, TARGETS)
    with pytest.raises(UsageError, match="four axes"):
        train_step(model, SOURCES[0], TARGETS[0])
    with pytest.raises(UsageError, match="not compiled"):
        train_step(Pix2Pix(model.generator, model.discriminator), SOURCES, TARGETS)


def test_sample_weights_and_missing_targets_are_refused():
    model = new_model(run_eagerly=True)
    with pytest.raises(UsageError, match="both are needed"):
        model.fit(SOURCES, TARGETS, sample_weight=np.ones(4), verbose=0)


# --- pairs on the device ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("shape", "channels"), [((32, 32), (3, 3)), ((32, 48), (1, 3)), ((64, 32), (4, 2))])
def test_pairs_on_the_device_are_cut_and_mirrored_as_on_the_host(shape, channels):
    rng = np.random.default_rng(0)
    sources, targets = (rng.integers(0, 256, (5, *shape, count), dtype=np.uint8) for count in channels)
    jitter = Jitter(sources, targets, resize_to=jitter_size(shape[0]))
    chosen = [4, 0, 4, 2, 1, 3, 0, 0]
    places = jitter.draw(chosen, rng_for(1, 2, 3))
    assert set(places[:, 3]) == {0, 1}  # some are mirrored, some are not
    on_host = jitter(chosen, rng_for(1, 2, 3))
    for ours, theirs in zip(Resident(jitter)(places), on_host, strict=True):
        np.testing.assert_allclose(np.asarray(ours), to_float(theirs), atol=1e-6)


def test_a_model_that_stops_living_with_its_pairs_keeps_nothing_of_them():
    model = p2p.Pix2Pix(p2p.generator_model(32, 2), p2p.discriminator_model(32, 2, receptive_field=16))
    model.compile()
    before = len(model.variables)
    pictures = np.zeros((4, 32, 32, 3), np.uint8)
    model.live_with_pairs(Jitter(pictures, pictures, resize_to=36))
    assert len(model.variables) == before + 1
    model.stop_living_with_pairs()
    assert len(model.variables) == before
    assert np.isfinite(p2p.train_step(model, to_float(pictures), to_float(pictures))["l1"])  # pictures again
    model.stop_living_with_pairs()  # nothing to do
