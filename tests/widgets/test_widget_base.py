"""The base of widgets: controls move the picture, errors are seen, and a picture stands in where no kernel runs."""

import base64
import threading
import time

import ipywidgets
import numpy as np
import pytest

from pix2pix_edu.errors import UsageError
from pix2pix_edu.widgets.base import Explorer, is_baking, is_strict, show_view
from pix2pix_edu.widgets.names import Names
from pix2pix_edu.widgets.pictures import from_png, to_png


class Bars(Explorer):
    """A picture whose left `level` columns are black; it fails at level 7."""

    def __init__(self, **options):
        self.drawn = 0
        controls = {
            "limit": ipywidgets.Dropdown(options=[4, 9], value=4),
            "level": ipywidgets.IntSlider(value=1, min=0, max=4),
        }
        super().__init__(controls, title="Bars <3", predict="How many?", explain="As many as you said.", **options)

    def adjust(self, limit, level):
        self.controls["level"].max = limit

    def draw(self, limit, level):
        self.drawn += 1
        if level == 7:
            raise ValueError("seven is <unlucky>")
        picture = np.full((6, 10), 255, np.uint8)
        picture[:, :level] = 0
        return picture

    def caption(self, limit, level):
        return f"{level} of {limit} & more"


@pytest.fixture
def bars():
    return Bars()


def test_moving_a_control_moves_the_picture_and_the_caption(bars):
    for level in (0, 3, 1):
        bars.controls["level"].value = level
        assert (bars.picture == 0).all(axis=(0, 2)).sum() == level
        assert bars.text == f"{level} of 4 & more"


def test_a_message_from_the_browser_has_the_same_effect(bars):
    bars.controls["level"].set_state({"value": 2})
    assert (bars.picture == 0).all(axis=(0, 2)).sum() == 2 and bars.values == {"limit": 4, "level": 2}


def test_several_controls_are_set_in_their_order_and_drawn_once(bars):
    drawn = bars.drawn
    bars.set(level=6, limit=9)
    assert bars.values == {"limit": 9, "level": 6} and bars.drawn == drawn + 1
    bars.set(limit=4)
    assert bars.values == {"limit": 4, "level": 4} and bars.text == "4 of 4 & more"


def test_a_control_moved_in_another_thread_while_a_cell_sets_others_is_not_lost(bars, monkeypatch):
    slow_draw = bars.draw

    def draw(**values):
        time.sleep(0.02)
        return slow_draw(**values)

    monkeypatch.setattr(bars, "draw", draw)

    def learner():
        bars.controls["level"].value = 3

    thread = threading.Timer(0.01, learner)
    thread.start()
    bars.set(limit=9)
    thread.join(10)
    assert bars.values == {"limit": 9, "level": 3} and bars.text == "3 of 9 & more"
    assert (bars.picture == 0).all(axis=(0, 2)).sum() == 3


def test_an_unknown_control_is_refused_with_the_nearest_name(bars):
    with pytest.raises(UsageError, match="Did you mean 'level'"):
        bars.set(levle=3)


def message_of(widget):
    return widget.view.children[2].value


def test_an_error_is_shown_to_the_learner_and_goes_away_again(bars, monkeypatch):
    monkeypatch.setenv("PIX2PIX_EDU_STRICT_WIDGETS", "0")
    before = bars.png
    bars.set(limit=9, level=7)
    assert "ValueError: seven is &lt;unlucky&gt;" in message_of(bars) and isinstance(bars.error, ValueError)
    assert bars.png == before, "the last good picture stays"
    bars.set(level=8)
    assert message_of(bars) == "" and bars.error is None and bars.text.startswith("8")


def test_an_error_of_our_own_is_shown_as_its_paragraph_alone(bars, monkeypatch):
    monkeypatch.setenv("PIX2PIX_EDU_STRICT_WIDGETS", "0")
    monkeypatch.setattr(bars, "draw", lambda **_: to_png(np.zeros((2, 2))))
    bars.redraw()
    assert "UsageError" not in message_of(bars) and "must be uint8" in message_of(bars)


@pytest.mark.parametrize("variable", ["PIX2PIX_EDU_STRICT_WIDGETS", "PIX2PIX_EDU_BAKE"])
def test_in_strict_mode_and_while_baking_an_error_is_shown_and_raised(bars, monkeypatch, variable):
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    monkeypatch.setenv(variable, "1")
    with pytest.raises(ValueError, match="unlucky"):
        bars.set(limit=9, level=7)
    assert "unlucky" in message_of(bars)


def test_strict_is_the_default_under_pytest_and_nowhere_else(monkeypatch):
    monkeypatch.delenv("PIX2PIX_EDU_STRICT_WIDGETS", raising=False)
    assert is_strict()
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    assert not is_strict()
    monkeypatch.setenv("PIX2PIX_EDU_STRICT_WIDGETS", "1")
    assert is_strict()


def test_the_view_holds_prediction_controls_picture_caption_and_folded_explanation(bars):
    header, controls, _, image, caption, explain, names = bars.view.children
    assert "Predict:" in header.value and "Bars &lt;3" in header.value
    assert [type(control).__name__ for control in controls.children] == ["Dropdown", "IntSlider"]
    assert bytes(image.value) == bars.png and caption.value == "1 of 4 &amp; more"
    assert explain.value.startswith("<details>") and isinstance(names, Names)
    assert {"p2p-widget", "p2p-bars"} <= set(bars.view._dom_classes)


def test_a_width_can_be_given():
    assert Bars(width=320).view.children[3].width == 320
    assert Bars().view.children[3].width is None, "pixel for pixel"


def test_the_picture_is_described_by_title_and_caption(bars):
    picture = bars.view.children[3]
    assert picture.alt == bars.alt == "Bars <3. 1 of 4 & more"
    bars.set(level=2)
    assert picture.alt == "Bars <3. 2 of 4 & more"


@pytest.mark.parametrize("title, alt", [("Why?", "Why? 1 of 4 & more"), ("Look.", "Look. 1 of 4 & more")])
def test_a_title_that_ends_a_sentence_gets_no_second_stop(bars, title, alt):
    bars.title = title
    assert bars.alt == alt


def test_a_widget_without_draw_says_so():
    with pytest.raises(NotImplementedError):
        Explorer({}, title="empty")


@pytest.fixture
def displayed(monkeypatch):
    from IPython.core.displaypub import CapturingDisplayPublisher
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    publisher = CapturingDisplayPublisher()
    monkeypatch.setattr(shell, "display_pub", publisher)
    yield publisher.outputs
    InteractiveShell.clear_instance()


def test_a_notebook_gets_the_live_widget_and_the_caption_as_text(bars, displayed, monkeypatch):
    monkeypatch.setenv("PIX2PIX_EDU_BAKE", "0")
    assert not is_baking()
    bars._ipython_display_()
    data = displayed[0]["data"]
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == bars.view.model_id
    assert data["text/plain"] == "Bars <3. 1 of 4 & more" and "image/png" not in data


def test_a_baked_notebook_gets_the_picture_with_alternative_text(bars, displayed, monkeypatch):
    monkeypatch.setenv("PIX2PIX_EDU_BAKE", "1")
    bars._ipython_display_()
    data, metadata = displayed[0]["data"], displayed[0]["metadata"]
    assert set(data) == {"text/plain", "image/png"}
    assert (from_png(base64.b64decode(data["image/png"])) == bars.picture).all()
    assert metadata["image/png"]["alt"] == data["text/plain"] == "Bars <3. 1 of 4 & more"


def test_a_baked_view_without_a_picture_is_words(displayed, monkeypatch):
    monkeypatch.setenv("PIX2PIX_EDU_BAKE", "1")
    show_view(ipywidgets.HTML(), text="some words")
    assert displayed[0]["data"] == {"text/plain": "some words"}
