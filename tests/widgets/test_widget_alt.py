"""Descriptions of figures: what is read from their artists, and how they reach a notebook."""

import base64
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from pix2pix_edu.widgets.alt import alt_of, bundle, describe, from_axes, image_markup, is_attended, register


def some_figure():
    figure = Figure(figsize=(2, 1), dpi=50)
    axes = figure.add_subplot(title="Loss", xlabel="step", ylabel="L1")
    axes.plot([0, 5, 9], [3, 7, 2.5], label="train")
    return figure


# --- What a figure says of itself -------------------------------------------------------------------------------------


def test_one_panel_is_told_with_its_labels_and_the_ends_of_its_curves():
    figure = some_figure()
    figure.suptitle("A run")
    figure.axes[0].plot([0, 9], [0.001234, 50])
    expected = "A run. A figure: Loss; L1 over step; train goes from 3 to 2.5; 2 curves in all."
    assert from_axes(figure) == expected


def test_few_panels_are_told_one_by_one_and_many_are_counted():
    few, many = Figure(), Figure()
    for number, axes in enumerate(few.subplots(1, 2)):
        axes.set_title(f"kernel {number}")
        axes.bar([1, 2], [3, 4])
    few.axes[1].scatter([1], [2])
    assert from_axes(few) == "A figure with 2 panels. 1: kernel 0; 2 bars. 2: kernel 1; 2 bars; 1 set of points."
    for number, axes in enumerate(many.subplots(2, 4).flat):
        axes.imshow(np.zeros((2, 2)))
        axes.set_title("lines" if number % 2 else "colours")
    assert from_axes(many) == "A figure with 8 pictures: colours; lines."


def test_the_bar_of_colours_beside_a_picture_is_no_panel():
    figure = Figure()
    axes = figure.add_subplot(title="map")
    figure.colorbar(axes.imshow(np.zeros((2, 2))))
    assert from_axes(figure) == "A figure: map; 1 picture."


def test_a_given_description_wins():
    figure, picture = describe(some_figure(), "A hill."), describe(Image.new("RGB", (4, 3)), "A square.")
    assert (alt_of(figure), alt_of(picture)) == ("A hill.", "A square.")
    assert alt_of(picture.copy()) == "A square.", "kept by Pillow's copies"
    assert alt_of(Image.new("RGB", (4, 3))) == "A picture of 4 x 3 pixels."


# --- In a notebook ----------------------------------------------------------------------------------------------------


@pytest.fixture
def shell():
    """IPython without a kernel; `attended(True)` gives it one that somebody sits in front of."""
    from IPython.core.interactiveshell import InteractiveShell

    made = InteractiveShell.instance()
    register()
    yield made
    InteractiveShell.clear_instance()


@pytest.fixture
def attended(shell, monkeypatch):
    def be(somebody):
        monkeypatch.setattr(shell, "kernel", SimpleNamespace(_allow_stdin=somebody), raising=False)

    return be


def test_markup_escapes_what_a_description_says():
    assert 'alt="&lt;b&gt; &amp; &quot;c&quot;"' in image_markup("iVBO", '<b> & "c"')


def test_a_figure_made_by_hand_is_described_in_the_metadata(shell, attended):
    attended(False)
    data, metadata = shell.display_formatter.format(some_figure())
    assert "text/html" not in data, "what a program records holds each picture once"
    assert metadata["image/png"]["alt"] == "A figure: Loss; L1 over step; train goes from 3 to 2.5."


def test_where_somebody_looks_a_picture_comes_with_its_alt_as_html(shell, attended):
    attended(True)
    data, metadata = shell.display_formatter.format(describe(Image.new("RGB", (4, 3), "red"), "A <red> square."))
    assert 'alt="A &lt;red&gt; square."' in data["text/html"]
    png = base64.b64encode(data["image/png"]).decode() if isinstance(data["image/png"], bytes) else data["image/png"]
    assert png.strip() in data["text/html"].replace("\n", "")
    assert metadata["image/png"]["alt"] == "A <red> square."


def test_a_size_is_not_recorded_as_a_description(shell, attended):
    attended(False)
    _, metadata = shell.display_formatter.format(Image.new("RGB", (4, 3)))
    assert not metadata.get("image/png", {}).get("alt")


def test_figures_of_the_course_do_the_same(attended):
    for somebody in (False, True):
        attended(somebody)
        data, metadata = bundle(b"\x89PNG", "A hill.")
        assert is_attended() == somebody == ("text/html" in data)
        assert metadata == {"image/png": {"alt": "A hill."}} and data["text/plain"] == "A hill."


def test_without_ipython_nothing_happens(monkeypatch):
    import sys

    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    register()
    assert not is_attended()
