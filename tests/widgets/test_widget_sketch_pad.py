"""The sketch pad without a browser: methods and messages draw, and all that is shown is compared with the library."""

import numpy as np
import pytest

import pix2pix_edu as p2p
from pix2pix_edu.errors import UsageError
from pix2pix_edu.pairs.emoji import draw
from pix2pix_edu.sketch import STARTS, Stroke, sketch_svg, strokes_to_source
from pix2pix_edu.widgets import SketchPad
from pix2pix_edu.widgets.pictures import LABEL_HEIGHT, SHOWN_SIZE, at_size

LINE, HOOK = [(10, 20), (60, 50)], [(20, 60), (30, 10), (60, 12)]


@pytest.fixture
def pad(model):
    return SketchPad(model)


def browser_draws(pad, points, tool="brush", width=2.0):
    """A stroke as the browser reports it: twice while it grows, and once when it is done."""
    for count in (1, len(points)):
        growing = {"tool": tool, "points": [list(p) for p in points[:count]], "width": width, "smooth": True}
        pad.canvas.set_state({"frame": pad.canvas.frame + 1, "growing": growing})
    done = {"marks": [*pad.marks, growing], "growing": {}, "frame": pad.canvas.frame + 1}
    pad.canvas.set_state(done)


def test_source_and_translation_are_those_of_the_library(pad, model):
    assert (pad.source == 255).all() and pad.text == "White paper."
    pad.draw(LINE)
    np.testing.assert_array_equal(pad.source, strokes_to_source([LINE], 32))
    pad.draw(HOOK, width=4, smooth=True)
    both = [Stroke(LINE), Stroke(HOOK, 4, smooth=True)]
    np.testing.assert_array_equal(pad.source, strokes_to_source(both, 32))
    np.testing.assert_array_equal(pad.translation, p2p.translate(model, pad.source))
    assert pad.text == "2 strokes."


def test_a_stroke_of_the_browser_changes_the_picture_while_it_grows(pad):
    pictures = []
    pad.canvas.observe(lambda change: pictures.append(pad.translation), names="answered")
    browser_draws(pad, HOOK)
    assert len(pictures) == 3 and not (pictures[0] == pictures[1]).all() and (pictures[1] == pictures[2]).all()
    np.testing.assert_array_equal(pad.source, strokes_to_source([Stroke(HOOK, smooth=True)], 32))


def test_the_eraser_rubs_out_and_undo_brings_back(pad):
    pad.draw(LINE)
    drawn = pad.source
    pad.erase(LINE)
    assert (pad.source == 255).all()
    pad.undo()
    np.testing.assert_array_equal(pad.source, drawn)
    browser_draws(pad, LINE, tool="eraser", width=7.0)
    assert (pad.source == 255).all()


@pytest.mark.parametrize("name", STARTS)
def test_every_start_can_be_loaded_and_drawn_on(pad, name):
    pad.draw(LINE)
    pad.load(name)
    np.testing.assert_array_equal(pad.source, strokes_to_source([], 32, start=name))
    pad.draw(HOOK)
    np.testing.assert_array_equal(pad.source, strokes_to_source([HOOK], 32, start=name))
    assert pad.text == f"The lines of {name} and 1 stroke."
    pad.clear()
    assert pad.text == "White paper."


def test_a_new_pad_goes_on_with_the_drawing_of_another(pad, model):
    pad.load("boar")
    pad.draw(LINE)
    again = SketchPad(model, marks=pad.marks)
    np.testing.assert_array_equal(again.source, pad.source)
    again.undo()
    assert again.text == "The lines of boar." and SketchPad(model, start="boar").text == again.text


def test_the_picture_shows_drawing_source_and_translation(pad):
    pad.load("boar")
    pad.draw(LINE)
    expected = [draw(sketch_svg([LINE], "boar"), SHOWN_SIZE), at_size(pad.source), at_size(pad.translation)]
    for position, picture in enumerate(expected):
        left = position * (SHOWN_SIZE + 12)
        shown = pad.picture[LABEL_HEIGHT:, left : left + SHOWN_SIZE]
        np.testing.assert_array_equal(shown, picture)


def test_strokes_that_are_known_are_not_made_again(pad):
    pad.draw(LINE)
    browser_draws(pad, HOOK)
    first, second = pad._strokes
    pad.draw([(5, 5)])
    assert pad._strokes[0] is first and pad._strokes[1] is second
    pad.undo()
    pad.draw([(6, 6)])
    assert pad._strokes[2].points == [[6.0, 6.0]]


def test_a_stroke_that_is_none_is_refused_and_nothing_changes(pad):
    pad.draw(LINE)
    for points in ([], [(1, 2, 3)], "line"):
        with pytest.raises(UsageError):
            pad.draw(points)
    with pytest.raises(UsageError, match="Did you mean 'boar'"):
        SketchPad(pad.model, start="bore")
    assert len(pad.marks) == 1


def test_grey_models_and_models_of_four_channels():
    pad = SketchPad(p2p.generator_model(32, 2, source_channels=1))
    pad.draw(LINE)
    np.testing.assert_array_equal(pad.source, strokes_to_source([LINE], 32, channels=1))
    assert pad.picture.shape[-1] == 3
    with pytest.raises(UsageError, match="3 channels or 1"):
        SketchPad(p2p.generator_model(32, 2, source_channels=4))


def test_without_a_model_the_one_that_ships_is_taken():
    pad = SketchPad(start="hamburger")
    shipped = p2p.load_example_model("emoji")
    np.testing.assert_array_equal(pad.translation, p2p.translate(shipped, strokes_to_source([], start="hamburger")))
