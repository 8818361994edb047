"""The gradient flow, moved without a browser: its numbers are those of a tape, arrows stand where they are not 0."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

import pix2pix_edu as p2p
from pix2pix_edu.errors import UsageError
from pix2pix_edu.translation import to_float
from pix2pix_edu.widgets import GradientFlow, style
from pix2pix_edu.widgets.charts import SHARP
from pix2pix_edu.widgets.gradient_flow import BOX, FAKE, LINE, LOSS, PASSES, D, G, shown

SPLIT = p2p.Split(*np.random.default_rng(0).integers(0, 256, (2, 10, 32, 32, 3)).astype("uint8"))
STATES = list(itertools.product(["D", "G"], ["alternating", "simultaneous"], [False, True]))


def new_model(dropout=0.0, **settings):
    model = p2p.Pix2Pix(
        p2p.generator_model(32, 4, dropout=dropout, seed=1),
        p2p.discriminator_model(32, 4, receptive_field=34, conditional=settings.pop("conditional", True), seed=50),
    )
    model.compile(**settings)
    return model


@pytest.fixture(scope="module")
def model():
    model = new_model()
    for _ in range(3):
        p2p.train_step(model, to_float(SPLIT.sources), to_float(SPLIT.targets))
    return model


@pytest.fixture(scope="module")
def widget(model):
    return GradientFlow(model, SPLIT)


# --- The numbers ------------------------------------------------------------------------------------------------------


def length(tape, loss, sources):
    gradients = [gradient for gradient in tape.gradient(loss, sources) if gradient is not None]
    return np.sqrt(sum(float(tf.reduce_sum(gradient**2)) for gradient in gradients))


def cross_entropy(label, logits):
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(tf.fill(tf.shape(logits), label), logits))


def measured_anew(model, step):
    """The losses written out, on the model itself."""
    source, target = tf.constant(to_float(SPLIT.sources[:8])), tf.constant(to_float(SPLIT.targets[:8]))
    with tf.GradientTape(persistent=True) as tape:
        fake = model.generator(source, training=True)
        judged = model.discriminator([source, fake], training=True)
        caught, l1 = cross_entropy(1.0, judged), 100 * tf.reduce_mean(tf.abs(target - fake))
        real = model.discriminator([source, target], training=True)
        d_loss = (cross_entropy(1.0, real) + cross_entropy(0.0, judged)) / 2
        g_loss = caught + l1
    game, whole = (d_loss, d_loss) if step == "D" else (caught, g_loss)
    return {
        "adversarial": float(game),
        "at_discriminator": length(tape, game, model.discriminator.trainable_variables),
        "through_discriminator": length(tape, game, [fake]),
        "over_distance": length(tape, l1, [fake]) if step == "G" else 0.0,
        "at_generator": length(tape, whole, model.generator.trainable_variables),
    }


@pytest.mark.parametrize("step", ["D", "G"])
def test_the_numbers_are_those_of_a_tape_on_the_model(model, widget, step):
    flow = widget.flows[step, "simultaneous", False]._asdict()
    for name, expected in measured_anew(model, step).items():
        assert flow[name] == pytest.approx(expected, rel=1e-3), name


def test_the_alternating_generator_meets_the_discriminator_after_its_step(model, widget):
    after = new_model()
    after.set_weights(model.get_weights())
    for mine, theirs in zip(after.optimizer.variables, model.optimizer.variables, strict=True):
        mine.assign(theirs)
    source, target = to_float(SPLIT.sources[:8]), to_float(SPLIT.targets[:8])
    before_weights = after.generator.get_weights()
    p2p.train_step(after, source, target)
    after.generator.set_weights(before_weights)
    expected = measured_anew(after, "G")
    flow = widget.flows["G", "alternating", False]
    assert flow.adversarial == pytest.approx(expected["adversarial"], rel=1e-3)
    assert flow.through_discriminator == pytest.approx(expected["through_discriminator"], rel=2e-2)
    assert flow.adversarial > widget.flows["G", "simultaneous", False].adversarial


def test_stopping_stops_what_comes_over_the_discriminator_and_nothing_else(widget):
    for step, update in itertools.product(["D", "G"], ["alternating", "simultaneous"]):
        whole, stopped = widget.flows[step, update, False], widget.flows[step, update, True]
        assert whole.through_discriminator > 0 and stopped.through_discriminator == 0
        assert stopped._replace(through_discriminator=0, at_generator=0) == pytest.approx(
            whole._replace(through_discriminator=0, at_generator=0), rel=1e-5
        )
        assert (stopped.at_generator == 0) == (step == "D")


def test_the_update_changes_nothing_in_the_discriminators_step(widget):
    for stop in (False, True):
        assert widget.flows["D", "alternating", stop] == widget.flows["D", "simultaneous", stop]
        assert widget.flows["G", "alternating", stop] != widget.flows["G", "simultaneous", stop]


@pytest.mark.parametrize("update", PASSES)
def test_the_passes_of_the_discriminator_are_those_of_the_librarys_step(update):
    model, passes = new_model(update=update, run_eagerly=True), []
    first_layer = model.discriminator.get_layer("pair")
    whole = first_layer.call
    first_layer.call = lambda *inputs, **options: passes.append(1) or whole(*inputs, **options)
    p2p.train_step(model, to_float(SPLIT.sources), to_float(SPLIT.targets))
    assert len(passes) == PASSES[update]


def test_the_model_stays_as_it_was():
    model = new_model(dropout=0.5)
    p2p.train_step(model, to_float(SPLIT.sources), to_float(SPLIT.targets))
    before = [*model.get_weights(), *(np.asarray(variable) for variable in model.optimizer.variables)]
    noise = [np.asarray(state.value) for state in model._noise_states().values()]
    GradientFlow(model, SPLIT)
    after = [*model.get_weights(), *(np.asarray(variable) for variable in model.optimizer.variables)]
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(old, new)
    for old, new in zip(noise, model._noise_states().values(), strict=True):
        np.testing.assert_array_equal(old, np.asarray(new.value))


@pytest.mark.parametrize("settings", [{"adversarial": "hinge"}, {"distance": "l2", "lambda_l1": 3.0}])
def test_other_losses_are_measured_as_well(settings):
    widget = GradientFlow(new_model(**settings), SPLIT)
    widget.set(step="G")
    assert widget.flow.at_generator > 0 and widget.error is None


@pytest.mark.parametrize("broken", ["not compiled", "no game"])
def test_a_model_without_a_game_is_explained(broken):
    model = new_model(adversarial=None)
    if broken == "not compiled":
        model = p2p.Pix2Pix(model.generator, model.discriminator)
    with pytest.raises(UsageError, match="shows a game"):
        GradientFlow(model, SPLIT)


def test_without_a_model_it_trains_a_small_one():
    widget = GradientFlow()
    assert min(widget.flows["G", "alternating", False]) > 0 and widget.flows["G", "alternating", False].distance < 90
    with pytest.raises(UsageError, match="needs pairs"):
        GradientFlow(new_model())


# --- The picture ------------------------------------------------------------------------------------------------------


def colour_at(widget, x, y, colour):
    """Whether there is this colour around a place of the displayed picture."""
    around = widget.picture[SHARP * (y - 3) : SHARP * (y + 3), SHARP * (x - 3) : SHARP * (x + 3)].astype(int)
    return bool((np.abs(around - style.rgb(colour)).max(axis=-1) < 20).any())


def arrows(widget, step):
    """The gradients that are drawn, by where their arrows run."""
    colour = style.DISCRIMINATOR if step == "D" else style.GENERATOR
    places = {
        "into D": ((LOSS - 56 + D + BOX[0]) // 2, LINE + 14),
        "through D": (FAKE + 60, LINE + 14),
        "over L1": ((FAKE + LOSS) // 2, 223),
        "into G": ((FAKE - 34 + G + BOX[0]) // 2, LINE + 14),
    }
    return {name for name, place in places.items() if colour_at(widget, *place, colour)}


@pytest.mark.parametrize(("step", "update", "stop"), STATES)
def test_arrows_stand_where_a_gradient_flows(widget, step, update, stop):
    widget.set(step=step, update=update, stop=stop)
    expected = {"into D"} | ({"over L1", "into G"} if step == "G" else set())
    expected |= set() if stop else {"through D", "into G"}
    assert arrows(widget, step) == expected
    bar = (D - BOX[0] + FAKE + 34) // 2
    assert colour_at(widget, bar, LINE + 4, style.BLACK) is False  # never in the way of the thin arrow
    ink = widget.picture[SHARP * (LINE + 14), SHARP * (bar - 8) : SHARP * (bar + 8)].max(axis=-1)
    assert bool((ink < 60).any()) is stop


@pytest.mark.parametrize("name", ["step", "update", "stop"])
def test_every_control_changes_the_picture(widget, name):
    widget.set(step="G", update="alternating", stop=False)
    before = widget.png
    widget.controls[name].value = {"step": "D", "update": "simultaneous", "stop": True}[name]
    assert widget.png != before
    widget.set(step="G", update="alternating", stop=False)
    assert widget.png == before


def test_the_learning_networks_frame_is_the_thick_one(widget):
    def thickness(x, colour):
        column = widget.picture[SHARP * (LINE - BOX[1] - 4) : SHARP * LINE, SHARP * x].astype(int)
        return int((np.abs(column - style.rgb(colour)).max(axis=-1) < 20).sum())

    widget.set(step="D", stop=True)
    assert thickness(D - 30, style.DISCRIMINATOR) > 2 * thickness(G - 30, style.GENERATOR)
    widget.set(step="G")
    assert thickness(G - 30, style.GENERATOR) > 2 * thickness(D - 30, style.DISCRIMINATOR)


def test_the_caption_says_it_in_words(widget):
    widget.set(step="D", update="alternating", stop=False)
    flow = widget.flow
    assert f"D's weights get {shown(flow.at_discriminator)} and change" in widget.text
    assert f"{shown(flow.at_generator)} reaches G's weights, and must not be applied" in widget.text
    assert "3 (alternating)" in widget.text
    widget.set(stop=True)
    assert "nothing reaches G" in widget.text
    widget.set(step="G", update="simultaneous")
    assert "a mistake that gives no error" in widget.text and "2 (simultaneous)" in widget.text
    widget.set(stop=False)
    assert f"{shown(widget.flow.through_discriminator)} through D" in widget.text


def test_a_discriminator_that_does_not_see_the_source_gets_no_arrow_from_it(widget):
    plain = GradientFlow(new_model(conditional=False), SPLIT)
    at = (slice(SHARP * 22, SHARP * 27), slice(SHARP * 240, SHARP * 260))
    assert widget.picture[at].min() < 200 and plain.picture[at].min() == 255


def test_lengths_are_short_to_read():
    assert [shown(value) for value in (0.0, 0.00012345, 12.345, 1234.5)] == ["0", "0.000123", "12.3", "1,234"]
