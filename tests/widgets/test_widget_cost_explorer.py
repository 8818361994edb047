"""The cost explorer, moved without a browser: its numbers are those of `Cost`, and its picture follows them."""

from dataclasses import replace

import numpy as np
import pytest

from pix2pix_edu.cost import Cost, step_work
from pix2pix_edu.presets import PRESETS
from pix2pix_edu.progress import duration
from pix2pix_edu.widgets import CostExplorer, style
from pix2pix_edu.widgets.cost_explorer import BATCHES, EPOCHS, FILTERS, PAIRS, PAPERS_SETS, SIZES, TIME_SIZE


def a_cost(train_pairs=1178, seconds=0.2, **settings):
    config = {**PRESETS["small"].settings(), "epochs": 12, "source_channels": 3, "target_channels": 3, **settings}
    return Cost(
        config={**config, "train_pairs": train_pairs},
        machine="a machine",
        step_seconds=(0.9 * seconds, seconds, 1.1 * seconds),
        setup_seconds=5.0,
        preparing_seconds=0.0,
        validation_seconds=0.001,
        saving_seconds=0.1,
        memory_bytes=10**9,
        memory_of="this process at its peak",
    )


@pytest.fixture
def explorer():
    return CostExplorer(a_cost())


def lengths(picture, colour):
    """For each row of the memory chart how many pixels have this colour."""
    return (np.abs(picture[TIME_SIZE[1] :].astype(int) - style.rgb(colour)) <= 8).all(axis=-1).sum(axis=1)


def bar(explorer, colour):
    return int(lengths(explorer.picture, colour).max())


def test_it_begins_with_what_was_measured(explorer):
    assert list(explorer.controls) == ["pairs", "epochs", "image_size", "filters", "batch_size"]
    assert explorer.values == {"pairs": 1178, "epochs": 12, "image_size": 64, "filters": 32, "batch_size": 16}
    assert str(explorer.cost.predict(1178, 12)) in explorer.text and "Scaled by arithmetic" not in explorer.text
    assert explorer.picture.shape[1] <= 760


@pytest.mark.parametrize(
    ("name", "value"), [("pairs", 100_000), ("epochs", 200), ("image_size", 256), ("filters", 64), ("batch_size", 1)]
)
def test_each_control_changes_the_picture_and_the_numbers(explorer, name, value):
    before, text = explorer.png, explorer.text
    explorer.controls[name].value = value
    assert explorer.png != before and explorer.text != text
    settings = {key: number for key, number in explorer.values.items() if key not in ("pairs", "epochs")}
    expected = explorer.cost.scaled(**settings)
    assert explorer.scaled.seconds_per_step == pytest.approx(expected.seconds_per_step)
    assert str(expected.predict(explorer.values["pairs"], explorer.values["epochs"])) in explorer.text
    assert ("Scaled by arithmetic" in explorer.text) == (name in ("image_size", "filters", "batch_size"))


def test_the_diamond_of_your_settings_stands_where_their_time_is(explorer):
    def diamond():
        blue = (np.abs(explorer.picture[: TIME_SIZE[1]].astype(int) - style.rgb(style.BLUE)) <= 8).all(axis=-1)
        return float(np.argwhere(blue)[:, 1].mean())

    places, seconds = [], []
    for epochs in (2, 20, 200):
        explorer.set(epochs=epochs)
        places.append(diamond())
        seconds.append(explorer.scaled.predict(1178, epochs).expected)
    slopes = np.diff(places) / np.diff(np.log10(seconds))
    assert slopes[0] == pytest.approx(slopes[1], rel=0.03) and slopes[0] > 50


def test_the_activations_grow_with_the_batch_and_the_weights_do_not(explorer):
    explorer.set(image_size=256, batch_size=16)
    small = bar(explorer, style.VERMILLION), bar(explorer, style.BLUE)
    explorer.set(batch_size=32)
    large = bar(explorer, style.VERMILLION), bar(explorer, style.BLUE)
    assert large[0] / large[1] == pytest.approx(2 * small[0] / small[1], rel=0.1)
    assert small[0] / small[1] == pytest.approx(
        step_work(256, 32, batch_size=16).activation_bytes / (4 * step_work(256, 32).parameters), rel=0.1
    )


def test_a_second_measurement_corrects_small_batches():
    many, one = a_cost(), a_cost(seconds=0.1, batch_size=1)
    alone, both = CostExplorer(many), CostExplorer(many, one)
    for widget in (alone, both):
        widget.set(batch_size=1)
    assert alone.scaled.seconds_per_step == pytest.approx(0.2 / 16)
    assert both.scaled.seconds_per_step == pytest.approx(0.1)


def test_the_papers_data_sets_are_named(explorer):
    explorer.set(pairs=400, epochs=200)
    assert "as many as the paper's facades" in explorer.text
    assert set(PAPERS_SETS) <= {value for _, value in explorer.controls["pairs"].options}


def test_a_batch_is_never_larger_than_the_data_set(explorer):
    explorer.set(batch_size=64)
    explorer.set(pairs=50)
    assert explorer.values["batch_size"] == 32 and "50 pairs" in explorer.text


def test_every_corner_can_be_drawn(explorer):
    for pairs in (PAIRS[0], max(PAIRS)):
        for size in (SIZES[0], SIZES[-1]):
            for filters in (FILTERS[0], FILTERS[-1]):
                for batch in (BATCHES[0], BATCHES[-1]):
                    explorer.set(pairs=pairs, epochs=EPOCHS[-1], image_size=size, filters=filters, batch_size=batch)
                    assert explorer.error is None and explorer.text


def test_without_a_number_of_pairs_it_speaks_of_the_papers_facades():
    assert CostExplorer(a_cost(train_pairs=0)).values["pairs"] == 400


def test_unknown_memory_is_said():
    widget = CostExplorer(replace(a_cost(), memory_bytes=None))
    assert widget.error is None and bar(widget, style.GREY) < bar(CostExplorer(a_cost()), style.GREY)


def test_the_words_of_the_time_chart_are_the_predicted_range(explorer):
    predicted = explorer.cost.predict(1178, 12)
    assert duration(predicted.low).split()[0] in explorer.text and duration(predicted.high) in explorer.text
