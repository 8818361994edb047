"""What both drawing widgets share: the steps, the frames that a browser asks for, and what happens when all fails."""

import numpy as np
import pytest
import traitlets

import pix2pix_edu as p2p
from pix2pix_edu.errors import UsageError
from pix2pix_edu.translation import Translator
from pix2pix_edu.widgets.easel import Canvas, Easel, input_of, picture_of
from pix2pix_edu.widgets.pictures import from_png


class Blots(Easel):
    """The smallest easel: a mark blackens one row."""

    name = "blots"

    def paint(self, marks):
        picture = np.full((32, 32, 3), 255, np.uint8)
        for mark in marks:
            if mark["tool"] == "clear":
                picture[:] = 255
            elif mark["tool"] == "load":
                picture[:] = 200
            else:
                picture[mark["row"]] = 0
        return picture

    def panels(self):
        return {"blots": self.source, "picture": self.translation}

    @property
    def text(self):
        return f"{(self.source[:, 0] == 0).sum() // 3} rows."


@pytest.fixture
def easel(model):
    return Blots(Canvas(starts=[{"name": "grey"}]), model, title="Blots", predict="Which?", explain="So.")


def blot(easel, row):
    easel._add({"tool": "blot", "row": row})


def browser_asks(easel, **state):
    """What arrives from a browser: several values in one message, the number of the frame among them."""
    easel.canvas.set_state({"frame": easel.canvas.frame + 1, **state})


def rows(easel):
    return np.flatnonzero((easel.source == 0).all(axis=(1, 2))).tolist()


def test_every_mark_is_painted_and_translated(easel, model):
    for number, row in enumerate((3, 9, 20), start=1):
        blot(easel, row)
        assert rows(easel) == [3, 9, 20][:number] and easel.text == f"{number} rows."
        np.testing.assert_array_equal(easel.translation, p2p.translate(model, easel.source))
    np.testing.assert_array_equal(from_png(easel.canvas.source_png), easel.source)
    np.testing.assert_array_equal(from_png(easel.canvas.translation_png), easel.translation)


def test_undo_takes_back_anything_and_redo_repeats_it(easel):
    blot(easel, 3)
    easel.load("grey")
    blot(easel, 5)
    easel.clear()
    assert rows(easel) == [] and easel.source.min() == 255
    easel.undo()
    assert rows(easel) == [5] and easel.source.max() == 200
    easel.undo()
    easel.undo()
    assert rows(easel) == [3] and easel.source.max() == 255
    easel.redo()
    assert rows(easel) == [] and easel.source.max() == 200
    blot(easel, 7)  # a new mark: there is nothing left to redo
    easel.redo()
    assert [mark["tool"] for mark in easel.marks] == ["blot", "load", "blot"]
    for _ in range(5):
        easel.undo()
    assert easel.marks == [] and easel.source.min() == 255


def test_a_growing_mark_is_shown_before_it_is_kept(easel):
    blot(easel, 3)
    browser_asks(easel, growing={"tool": "blot", "row": 8})
    assert rows(easel) == [3, 8] and len(easel.marks) == 1
    browser_asks(easel, growing={}, marks=[*easel.marks, {"tool": "blot", "row": 8}])
    assert rows(easel) == [3, 8] and len(easel.marks) == 2


def test_every_frame_that_is_asked_for_is_answered_once_with_its_pictures(easel):
    sent = []
    easel.canvas.observe(lambda change: sent.append((change["new"], easel.canvas.translation_png)), names="answered")
    browser_asks(easel, growing={"tool": "blot", "row": 8})
    browser_asks(easel, growing={"tool": "blot", "row": 9})
    assert [number for number, _ in sent] == [1, 2] and sent[0][1] != sent[1][1]
    np.testing.assert_array_equal(from_png(sent[1][1]), easel.translation)


def test_an_error_is_shown_and_neither_the_drawing_nor_the_browser_is_lost(easel, monkeypatch):
    monkeypatch.setenv("PIX2PIX_EDU_STRICT_WIDGETS", "0")
    blot(easel, 3)
    good = easel.translation
    browser_asks(easel, marks=[*easel.marks, {"tool": "blot", "row": "no such row"}])
    assert isinstance(easel.error, IndexError) and "IndexError" in easel._message.value
    assert len(easel.marks) == 2 and easel.canvas.answered == easel.canvas.frame == 1
    assert easel.translation is good
    easel.undo()
    assert easel.error is None and easel._message.value == "" and rows(easel) == [3]


def test_in_strict_mode_an_error_is_raised_as_well(easel):
    with pytest.raises(IndexError):
        easel._add({"tool": "blot", "row": "no such row"})
    assert easel.canvas.answered == easel.canvas.frame


def test_a_model_that_fails_is_shown_in_one_sentence(easel, monkeypatch):
    monkeypatch.setenv("PIX2PIX_EDU_STRICT_WIDGETS", "0")
    easel.model = "not a model"
    blot(easel, 4)
    assert "cannot use str" in easel._message.value and len(easel.marks) == 1


def test_loading_something_unknown_is_refused_and_changes_nothing(easel):
    with pytest.raises(UsageError, match="Did you mean 'grey'"):
        easel.load("gray")
    assert easel.marks == []


def test_saving_writes_what_one_sees(easel, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blot(easel, 3)
    browser_asks(easel, saves=1)
    path = tmp_path / "runs" / "blots-001" / "blots.png"
    assert easel.canvas.note == f"Saved as {path.relative_to(tmp_path)}."
    np.testing.assert_array_equal(from_png(path.read_bytes()), easel.picture)
    assert easel.save() != path.relative_to(tmp_path) and easel.save("here.png").is_file()
    blot(easel, 4)
    assert easel.canvas.note == ""


def test_a_file_that_cannot_be_written_is_told_in_the_widget(easel, tmp_path, monkeypatch):
    monkeypatch.setenv("PIX2PIX_EDU_STRICT_WIDGETS", "0")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").write_text("a file, where a folder should be")
    browser_asks(easel, saves=1)
    assert "runs" in easel._message.value and "Traceback" not in easel._message.value


def test_the_page_says_what_to_predict_and_hides_the_explanation(easel):
    header, canvas, _, explain = easel.view.children
    assert "Blots" in header.value and "Which?" in header.value and canvas is easel.canvas
    assert explain.value.startswith("<details>") and "So." in explain.value
    assert easel.view._dom_classes == ("p2p-widget", "p2p-blots")


def test_while_a_notebook_is_built_a_picture_with_a_text_is_shown(easel, monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, **more: shown.append((data, more)))
    easel._ipython_display_()
    monkeypatch.setenv("PIX2PIX_EDU_BAKE", "1")
    easel._ipython_display_()
    (live, _), (baked, more) = shown
    assert "application/vnd.jupyter.widget-view+json" in live and "image/png" not in live
    assert "image/png" in baked and more["metadata"]["image/png"]["alt"] == "Blots. 0 rows."


@pytest.mark.parametrize("statistics", ["moving", "batch"])
def test_the_fast_way_to_a_picture_gives_what_translate_gives(model, statistics):
    sources = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    translator = Translator(model, statistics)
    for _ in range(2):  # alternately: neither way leaves a trace in the model
        for source in sources:
            np.testing.assert_array_equal(picture_of(translator, source), p2p.translate(translator, source))


def test_pictures_of_another_size_work_as_well(model):
    source = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    np.testing.assert_array_equal(picture_of(model, source), p2p.translate(model, source))


def test_what_a_model_takes_is_read_from_it(model):
    whole = p2p.Pix2Pix(model, p2p.discriminator_model(32, 2))
    assert input_of(model) == input_of(whole) == input_of(Translator(model)) == (32, 3)
    with pytest.raises(UsageError, match="not str"):
        input_of("emoji")


def test_an_easel_without_tools_has_none_to_draw_with():
    assert "no tools" in str(Canvas()._esm)
    for name in ("marks", "undone", "growing", "frame", "saves"):  # the browser owns them while it draws
        trait = Canvas.class_traits()[name]
        assert isinstance(trait, traitlets.TraitType) and trait.metadata["echo_update"] is False
