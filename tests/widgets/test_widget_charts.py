"""Charts in numbers: what is painted lies where the data say."""

import numpy as np
import pytest

from pix2pix_edu.widgets import style
from pix2pix_edu.widgets.charts import Chart, below, beside

SIZE = (200, 140)


@pytest.fixture
def chart():
    return Chart(SIZE, x=(0, 10), y=(0, 100))


def painted(chart, colour):
    """Where pixels are nearer to this colour than to white, as (x, y) in pixels."""
    picture = np.asarray(chart.image).astype(int)
    near = np.abs(picture - style.rgb(colour)).sum(axis=-1) < 120
    rows, columns = np.nonzero(near)
    return columns, rows


def test_the_corners_of_the_data_are_the_corners_of_the_frame(chart):
    left, top, right, bottom = chart.frame
    assert chart.place(0, 0) == (left, bottom) and chart.place(10, 100) == (right, top)
    assert chart.place(99, -5) == (right, bottom), "what lies outside is clipped"


@pytest.mark.parametrize("shape", ["disc", "ring", "diamond", "square", "triangle"])
def test_a_mark_lies_where_the_data_say(chart, shape):
    chart.mark(3, 70, style.VERMILLION, shape, radius=6)
    x, y = painted(chart, style.VERMILLION)
    assert len(x) > 10
    middle = (x.min() + x.max()) / 2, (y.min() + y.max()) / 2
    assert np.allclose(middle, chart.place(3, 70), atol=1.5)


def test_a_line_runs_through_its_points_and_stays_out_where_it_would_leave_the_frame(chart):
    chart.line([0, 10], [0, 100], style.BLUE)
    x, y = painted(chart, style.BLUE)
    across, down = chart.place(np.array([0.0, 10.0]), np.array([0.0, 100.0]))
    assert np.abs(np.interp(x, across, down) - y).max() < 3
    other = Chart(SIZE, x=(0, 10), y=(0, 100))
    other.line(np.linspace(0, 10, 101), np.linspace(-200, 300, 101), style.BLUE)
    x, _ = painted(other, style.BLUE)
    inside = other.place(np.array([4.0, 6.0]), 0)[0]
    assert x.min() >= inside[0] - 2 and x.max() <= inside[1] + 2


@pytest.mark.parametrize("kind, share", [("solid", 1.0), ("dashed", 7 / 11), ("dotted", 2 / 5), ("dash-dot", 10 / 15)])
def test_kinds_of_lines_can_be_told_apart_without_colour(chart, kind, share):
    chart.horizontal(50, style.BLACK, kind, width=3)
    row = np.asarray(chart.image)[round(chart.place(0, 50)[1]), chart.frame[0] + 2 : chart.frame[2] - 2]
    assert (row.mean(axis=-1) < 128).mean() == pytest.approx(share, abs=0.12)


def test_a_vertical_line_goes_from_the_bottom_to_the_top(chart):
    chart.vertical(5, style.VERMILLION)
    x, y = painted(chart, style.VERMILLION)
    assert np.ptp(x) <= 3 and y.min() <= chart.frame[1] + 2 and y.max() >= chart.frame[3] - 2


def test_ticks_title_and_names_are_written():
    plain = np.asarray(Chart(SIZE, x=(0, 10), y=(0, 100)).image)
    written = Chart(
        SIZE, x=(0, 10), y=(0, 100), title="a title", x_ticks=(0, 10), x_words=("low", "high"), y_ticks=(50,)
    )
    left, top, _, bottom = written.frame
    change = (np.asarray(written.image) != plain).any(axis=-1)
    assert change[:top].any() and change[bottom + 4 :].any() and change[top:bottom, :left].any()
    named, bare = (Chart(SIZE, x=(0, 10), y=(0, 100)) for _ in range(2))
    named.line([0, 10], [10, 10], style.BLACK, name="G")
    bare.line([0, 10], [10, 10], style.BLACK)
    assert (np.asarray(named.image) != np.asarray(bare.image)).any()


def test_an_empty_line_is_no_line(chart):
    before = np.asarray(chart.image)
    chart.line([], [])
    chart.line([1, 2], [500, 600], name="outside")
    assert (np.asarray(chart.image) == before).all()


def test_sheets_keep_their_parts(chart):
    image = chart.image
    side, stack = beside([image, image], gap=10), below([image, image], gap=10)
    assert side.size == (410, 140) and stack.size == (200, 290)
    assert (np.asarray(side)[:, 210:] == np.asarray(image)).all() and (
        np.asarray(stack)[150:] == np.asarray(image)
    ).all()
