"""The scaling explorer, moved without a browser: bars and curve are the arithmetic of a measured table."""

import numpy as np
import pytest

from pix2pix_edu import scaling
from pix2pix_edu.cost import step_work
from pix2pix_edu.widgets import ScalingExplorer, style
from pix2pix_edu.widgets.scaling_explorer import DEVICES, HEIGHT, LEFT, NETWORKS, SPEEDS, _ticks

BLUE, RED = np.array(style.rgb(style.BLUE)), np.array(style.rgb(style.VERMILLION))


def table():
    """A measured table with easy numbers: time goes with the pixels, with filters squared, and with the batch."""
    base = {"image_size": 64, "filters": 16, "batch_size": 4}
    values = {"image_size": (32, 64, 128, 256), "filters": (16, 64), "batch_size": (1, 4, 16)}
    powers = {"image_size": 2, "filters": 2, "batch_size": 1}
    growth = {
        name: [{**base, name: value, "seconds_per_step": 0.1 * (value / base[name]) ** powers[name]} for value in row]
        for name, row in values.items()
    }
    return {"base": base, "growth": growth, "machine": {"processor": "a test"}}


@pytest.fixture
def explorer():
    return ScalingExplorer(table())


def pixels(explorer, colour, left=0, right=LEFT):
    """How many pixels of the chart have nearly this colour."""
    part = explorer.picture[40:, left:right].astype(int)
    return int((np.abs(part - colour).max(axis=-1) < 30).sum())


def test_the_step_is_the_tables_time_and_the_rings_bytes(explorer):
    explorer.set(image_size=128, batch=16, devices=4, network=25, speed=10)
    step = explorer.step
    assert step.computing == pytest.approx(0.1 * 4 * 16 * 4 / 10)  # size, filters 64 instead of 16, batch, speed
    sent = 2 * 3 / 4 * 4 * step_work(128, 64).parameters
    assert step.communicating == pytest.approx(8 * sent / 25e9)
    assert "4 devices, 128 px, batch 16 each (64 in all), 25 Gbit/s" in explorer.text and "a test" in explorer.text
    assert f"Together {4 * step.efficiency:.3g} times as fast as one" in explorer.text


def test_each_control_moved_by_hand_changes_the_picture(explorer):
    moves = {"image_size": 64, "batch": 16, "devices": 64, "network": 400, "speed": 1000}
    assert moves.keys() == explorer.controls.keys()
    for name, value in moves.items():
        before, text = explorer.png, explorer.text
        explorer.controls[name].value = value
        assert explorer.png != before and explorer.text != text, name
        assert explorer.error is None


def test_every_position_of_every_slider_can_be_drawn(explorer):
    for name, control in explorer.controls.items():
        for _, value in control.options:
            explorer.set(**{name: value})
            assert explorer.error is None and explorer.values[name] == value
    assert len(DEVICES) == 7 and len(NETWORKS) == 6 and len(SPEEDS) == 4


def test_red_grows_with_a_slower_network_and_blue_with_a_larger_batch(explorer):
    explorer.set(image_size=64, batch=4, speed=100, network=10)
    blue, red = pixels(explorer, BLUE), pixels(explorer, RED)
    assert blue > 200 and red > 200
    explorer.set(network=1)  # the bars are scaled to the highest: what shrinks is the share of the other part
    assert pixels(explorer, BLUE) < 0.7 * blue
    explorer.set(network=10, batch=16)
    assert pixels(explorer, BLUE) > blue


def test_one_device_has_nothing_to_send(explorer):
    explorer.set(devices=1)
    assert explorer.step.communicating == 0 and explorer.step.efficiency == 1
    assert "1 device," in explorer.text and "Together 1 times" in explorer.text


def test_the_share_of_computing_is_drawn_to_scale(explorer):
    """In the last bar (64 devices): the height of the blue part and of the red one."""
    explorer.set(image_size=128, batch=4, speed=100, network=10)
    last = explorer.steps(**explorer.values)[-1]
    columns = explorer.picture[:, LEFT - 60 : LEFT - 12].astype(int)
    heights = [(np.abs(columns - colour).max(axis=-1) < 30).sum(axis=0).max() for colour in (BLUE, RED)]
    assert heights[0] / sum(heights) == pytest.approx(last.efficiency, abs=0.03)


def test_the_shipped_table_is_the_default_and_what_the_benchmark_wrote():
    explorer = ScalingExplorer()
    growth = scaling.measured_growth()
    assert explorer.growth == growth
    sizes = [row["image_size"] for row in growth["growth"]["image_size"]]
    assert [value for _, value in explorer.controls["image_size"].options] == sizes
    assert explorer.picture.shape[0] == HEIGHT and explorer.picture.shape[1] <= 760


@pytest.mark.parametrize("top", [0.003, 0.37, 1.2, 45.0, 9000.0])
def test_ticks_are_few_and_inside(top):
    ticks = _ticks(top)
    assert 3 <= len(ticks) <= 7 and ticks[0] == 0 and ticks[-1] < top
