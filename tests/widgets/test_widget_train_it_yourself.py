"""Train it yourself: every control and button is moved; model, sheet and curves are checked in numbers."""

import asyncio

import numpy as np
import pytest

import pix2pix_edu as p2p
from pix2pix_edu.backend import keras
from pix2pix_edu.errors import UsageError
from pix2pix_edu.training import TrainingBatches
from pix2pix_edu.translation import translate
from pix2pix_edu.widgets import TrainItYourself
from pix2pix_edu.widgets.pictures import GAP, LABEL_HEIGHT

RNG = np.random.default_rng(0)
TRAIN = p2p.Split(*RNG.integers(0, 256, (2, 40, 32, 32, 3)).astype("uint8"))
TEST = p2p.Split(*RNG.integers(0, 256, (2, 11, 32, 32, 3)).astype("uint8"))


@pytest.fixture
def widget():
    return TrainItYourself(TRAIN, TEST)


@pytest.fixture(scope="module")
def trained():
    """One widget for all tests that need some training and do not care how much: building networks takes seconds."""
    return TrainItYourself(TRAIN, TEST, steps=1)


def sheet(widget, row, number):
    """One picture of the sheet, in its own 32 pixels; rows: lines, generator's, artist's."""
    top, left = LABEL_HEIGHT + row * (96 + GAP), number * (96 + GAP)
    return widget.picture[top : top + 96 : 3, left : left + 96 : 3]


def test_it_begins_with_drawings_and_blank_paper(widget):
    shown = [0, 2, 4, 6, 8, 10]
    for number, index in enumerate(shown):
        np.testing.assert_array_equal(sheet(widget, 0, number), TEST.sources[index])
        np.testing.assert_array_equal(sheet(widget, 2, number), TEST.targets[index])
    assert (sheet(widget, 1, 3) == 255).all()
    assert widget.model is None and widget.text.startswith("Step 0. bce + 100 x L1, D sees the drawing, 8 filters.")
    assert widget.picture.shape[1] <= 760


def by_hand(steps, filters=8, conditional=True, rate=1e-3, **losses):
    """The same training, written out."""
    keras.utils.set_random_seed(0)
    model = p2p.Pix2Pix(
        p2p.generator_model(32, filters, seed=0),
        p2p.discriminator_model(32, filters, receptive_field=34, conditional=conditional, seed=0),
    )
    model.compile(*(keras.optimizers.Adam(rate, beta_1=0.5) for _ in range(2)), **losses)
    batches = TrainingBatches(TRAIN, 16, seed=0)
    history = []
    for step in range(steps):
        batches.epoch, index = divmod(step, len(batches))
        history.append(p2p.train_step(model, *batches[index]))
    return model, history


@pytest.mark.parametrize(
    ("controls", "settings"),
    [
        (
            {"adversarial": "lsgan", "lambda_l1": 10, "conditional": False},
            {"adversarial": "lsgan", "lambda_l1": 10.0, "conditional": False},
        ),
        (
            {"adversarial": "none", "distance": "l2", "filters": 16},
            {"adversarial": None, "distance": "l2", "filters": 16},
        ),
    ],
)
def test_it_trains_exactly_what_the_controls_say(controls, settings):
    widget = TrainItYourself(TRAIN, TEST, steps=3, **controls)  # two batches are an epoch
    model, history = by_hand(3, **settings)
    for mine, theirs in zip(widget.model.get_weights(), model.get_weights(), strict=True):
        assert np.abs(mine - theirs).mean() < 2e-4  # a single weight may go elsewhere: Adam makes steps of noise, too
    assert widget.history["l1"] == pytest.approx([one["l1"] for one in history], rel=1e-2)
    if "d_loss" in history[0]:
        assert widget.history["d_loss"] == pytest.approx([one["d_loss"] for one in history], rel=1e-2)
    else:
        assert widget.history["d_loss"] == widget.history["g_gan"] == []


def test_the_sheet_shows_what_the_generator_draws_now(trained):
    widget = trained
    widget.advance(2)
    drawn = translate(widget.model, TEST.sources[[0, 2, 4, 6, 8, 10]])
    for number in range(6):
        np.testing.assert_array_equal(sheet(widget, 1, number), drawn[number])
    before = widget.png
    widget.advance(1)
    assert widget.png != before and widget.text.startswith("Step 4.") and "L1" in widget.text


def test_without_game_and_distance_there_would_be_nothing_to_learn(widget):
    widget.set(adversarial="none", lambda_l1=0)
    assert widget.values["lambda_l1"] == 100 and widget.controls["conditional"].disabled
    assert "lambda cannot be 0" in widget.text
    widget.set(adversarial="bce", lambda_l1=0)
    assert widget.values["lambda_l1"] == 0 and not widget.controls["conditional"].disabled
    assert "bce + 0 x L1" in widget.text


def buttons(widget):
    row = widget.job.view.children[0]
    return {button.description: button for button in row.children[:3]}


def test_the_buttons_step_and_begin_anew_with_the_same_result(widget):
    start = widget.png
    buttons(widget)["One step"].click()
    buttons(widget)["One step"].click()
    assert widget.job.done == 2 and widget.png != start
    first = widget.model.get_weights()
    buttons(widget)["Begin anew"].click()
    assert widget.job.done == 0 and widget.model is None and widget.png == start
    widget.advance(2)
    for one, other in zip(first, widget.model.get_weights(), strict=True):
        assert np.abs(one - other).mean() < 2e-4


def test_it_runs_stops_and_goes_on(trained):
    widget = trained
    widget.advance(1)

    async def learner():
        widget.job._thread, widget.job._loop = None, None  # the job was made outside of this loop
        widget.job.start()
        assert widget.job.state == "running" and "Stop" in buttons(widget)
        await asyncio.sleep(0.5)
        widget.job.stop()
        await widget.job.wait()

    pictures = {widget.png}
    for _ in range(2):
        done = widget.job.done
        asyncio.run(learner())
        assert widget.job.done > done and widget.job.state == "stopped"
        assert widget.text.startswith(f"Step {widget.job.done:,}."), "at rest, the sheet belongs to the last step"
        pictures.add(widget.png)
    assert len(pictures) == 3 and "Go on" in buttons(widget)


def test_while_it_runs_the_sheet_is_drawn_about_once_a_second(widget):
    widget.advance(1)
    widget.job.state = "running"
    before = widget.png
    for number in range(5):
        widget.model.generator.trainable_variables[0].assign_add(
            0.1 * np.ones(widget.model.generator.trainable_variables[0].shape)
        )
        widget.job.done += 1
        widget._show(number)
    assert widget.png == before, "within the same second"
    widget._shown_at -= 1.1
    widget._show(5)
    assert widget.png != before


@pytest.mark.parametrize(
    "name, value",
    [("adversarial", "hinge"), ("conditional", False), ("lambda_l1", 1), ("distance", "l2"), ("filters", 16)],
)
def test_each_control_begins_a_new_training(trained, name, value):
    widget = trained
    widget.advance(1)
    assert widget.job.done > 0 and (sheet(widget, 1, 0) < 255).any()
    before = widget.png
    widget.controls[name].value = value
    assert widget.model is None and widget.job.done == 0 and widget.job.state == "ready"
    assert widget.history["l1"] == [] and widget.png != before and (sheet(widget, 1, 0) == 255).all()


def test_messages_from_the_browser_have_the_same_effect(widget):
    widget.controls["adversarial"].set_state({"index": 2})
    widget.controls["lambda_l1"].set_state({"index": 0})
    assert widget.text.startswith("Step 0. hinge + 0 x L1")


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        (TRAIN[:5], TEST, "at least 16"),
        (p2p.Split(*np.zeros((2, 20, 64, 64, 3), "uint8")), TEST, "32 x 32 px"),
        (TRAIN, TEST[:0], "test holds 0"),
    ],
)
def test_pictures_that_do_not_fit_are_explained(train, test, message):
    with pytest.raises(UsageError, match=message):
        TrainItYourself(train, test)
