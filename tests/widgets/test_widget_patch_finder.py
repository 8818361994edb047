"""Patch finder and map history, moved without a browser: what they show is what the discriminators say."""

import itertools

import numpy as np
import pytest

import pix2pix_edu as p2p
from pix2pix_edu.backend import keras
from pix2pix_edu.errors import UsageError
from pix2pix_edu.patchgan import Patch, patch_of
from pix2pix_edu.translation import to_float
from pix2pix_edu.widgets import PatchFinder, PatchMapHistory, style
from pix2pix_edu.widgets.patch_finder import (
    FADED,
    GAP,
    LABEL_HEIGHT,
    LIMIT,
    PANEL,
    PAPER,
    ClickPicture,
    colours,
    cut_out,
    enlarged,
    judge,
    spotlight,
    tiles,
)

SIZE, SCALE = 32, PANEL // 32
CLICKS = itertools.count(1)
FIELDS = (1, 16, 70)


class SmallGallery:
    """What the widgets ask a gallery for, with small networks that nobody has trained."""

    def __init__(self):
        rng = np.random.default_rng(0)
        self.split = p2p.Split(*rng.integers(0, 256, (2, 3, SIZE, SIZE, 3)).astype("uint8"))
        self.rows = [{"name": f"field-{field}", "receptive_field": field} for field in FIELDS]
        self.rows.append({"name": "l1", "receptive_field": None})
        self.models = {f"field-{field}": discriminator(field) for field in FIELDS}

    def discriminator(self, name):
        return self.models[name]

    def pictures(self, name):
        return np.random.default_rng(len(name)).integers(0, 256, self.split.targets.shape).astype("uint8")

    def history(self, name):
        rng, (rows, columns) = np.random.default_rng(len(name)), self.models[name].output_shape[1:3]
        logits = {f"{kind}_logits": rng.normal(0, 2, (4, 2, rows, columns)) for kind in ("real", "fake")}
        steps = np.array([0, 10, 100, 1000]) if name != "field-1" else np.array([0, 5])
        count = len(steps)
        pictures = rng.integers(0, 256, (count, 2, SIZE, SIZE, 3)).astype("uint8")
        return {"steps": steps, "pictures": pictures, **{key: value[:count] for key, value in logits.items()}}


def discriminator(field):
    model = p2p.discriminator_model(SIZE, 4, receptive_field=field, seed=field)
    model.set_weights([4 * weight if weight.ndim == 4 else weight for weight in model.get_weights()])
    return model


GALLERY = SmallGallery()


@pytest.fixture
def finder():
    return PatchFinder(GALLERY)


def panel(widget, line, number):
    left, top = number * (PANEL + GAP), line * (PANEL + GAP + LABEL_HEIGHT) + LABEL_HEIGHT
    return widget.picture[top : top + PANEL, left : left + PANEL]


def logits_by_hand(field, shown, index):
    """In training mode, all pictures of a kind in one batch; a copy learns the moving averages in our place."""
    name = f"field-{field}"
    picture = GALLERY.split.targets if shown == "real" else GALLERY.pictures(name)
    copy = keras.models.clone_model(GALLERY.discriminator(name))
    copy.set_weights(GALLERY.discriminator(name).get_weights())
    return np.asarray(copy([to_float(GALLERY.split.sources), to_float(picture)], training=True))[index, ..., 0]


# --- The finder -------------------------------------------------------------------------------------------------------


def test_it_begins_with_a_logit_in_the_middle_of_the_map_of_a_generated_picture(finder):
    assert list(finder.controls) == ["index", "field", "shown", "row", "column"]
    assert finder.values == {"index": 0, "field": 70, "shown": "generated", "row": 1, "column": 1}
    assert finder.patch == patch_of(GALLERY.discriminator("field-70"), 1, 1) == Patch(-15, -15, 55, 55)
    assert finder.logit == pytest.approx(float(logits_by_hand(70, "generated", 0)[1, 1]), abs=1e-5)


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("shown", ["real", "generated"])
def test_picture_map_and_patch_are_those_of_the_discriminator(finder, field, shown):
    count = GALLERY.discriminator(f"field-{field}").output_shape[1]
    for index, row, column in ((0, 0, 0), (2, count - 1, count // 2)):
        finder.set(index=index, field=field, shown=shown, row=row, column=column)
        logits = logits_by_hand(field, shown, index)
        picture = (GALLERY.split.targets if shown == "real" else GALLERY.pictures(f"field-{field}"))[index]
        patch = patch_of(GALLERY.discriminator(f"field-{field}"), row, column)
        assert finder.patch == patch and finder.logit == pytest.approx(float(logits[row, column]), abs=1e-5)
        np.testing.assert_array_equal(panel(finder, 0, 0), spotlight(GALLERY.split.sources[index], patch))
        np.testing.assert_array_equal(panel(finder, 0, 1), spotlight(picture, patch))
        np.testing.assert_allclose(panel(finder, 0, 2), tiles(logits, (row, column)), atol=2)
        np.testing.assert_array_equal(panel(finder, 1, 0), cut_out(GALLERY.split.sources[index], patch))
        np.testing.assert_array_equal(panel(finder, 1, 1), cut_out(picture, patch))


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("index", 2, "Pair 2,"),
        ("field", 16, "receptive field 16."),
        ("shown", "real", "real picture"),
        ("row", 0, "row 0, column 1"),
        ("column", 0, "row 1, column 0"),
    ],
)
def test_each_control_changes_picture_and_caption(finder, name, value, words):
    before = finder.png
    finder.controls[name].value = value
    assert finder.png != before and words in finder.text


def test_the_caption_tells_the_logit_and_the_patch(finder):
    finder.set(field=16, index=1, shown="real", row=3, column=13)
    logit = float(logits_by_hand(16, "real", 1)[3, 13])
    opinion, probability = ("real" if logit > 0 else "generated"), 1 / (1 + np.exp(-abs(logit)))
    assert finder.text == (
        f"Pair 1, real picture, receptive field 16. The logit in row 3, column 13 is {logit:+.2f}: {opinion}, with a "
        f"probability of {probability:.0%}. It sees 16 x 16 pixels: rows 1 to 16, columns 21 to 36."
    )
    finder.set(field=1, row=5, column=7)
    assert finder.text.endswith("It sees 1 x 1 pixels: row 5, column 7.")


def test_a_new_field_keeps_the_place_in_the_picture(finder):
    finder.set(field=1, row=24, column=3)
    finder.controls["field"].value = 16  # 14 x 14
    assert (finder.values["row"], finder.values["column"]) == (10, 1)
    assert finder.controls["row"].max == finder.controls["column"].max == 13
    finder.controls["field"].value = 70  # 2 x 2
    assert (finder.values["row"], finder.values["column"]) == (1, 0)
    assert finder.controls["row"].max == 1


def click(finder, x, y):
    """As the front end does it: a place in fractions, and a number that makes it a new click."""
    height, width = finder.picture.shape[:2]
    picture = next(part for part in finder.view.children if isinstance(part, ClickPicture))
    picture.set_state({"click": [x / width, y / height, next(CLICKS)]})


def press(finder, rows, columns):
    """As the front end does it: the sum of all steps so far."""
    picture = next(part for part in finder.view.children if isinstance(part, ClickPicture))
    picture.set_state({"moved": [picture.moved[0] + rows, picture.moved[1] + columns]})


def test_a_click_on_the_map_chooses_the_logit(finder):
    finder.set(field=16)
    side = PANEL / 14
    click(finder, 2 * (PANEL + GAP) + 11.5 * side, LABEL_HEIGHT + 4.5 * side)
    assert (finder.values["row"], finder.values["column"]) == (4, 11)
    before = finder.png
    click(finder, 2 * (PANEL + GAP) + 0.1, LABEL_HEIGHT + PANEL - 1)
    assert (finder.values["row"], finder.values["column"]) == (13, 0) and finder.png != before


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("field", [1, 16])
def test_a_click_on_a_picture_chooses_the_logit_that_looks_there(finder, field, number):
    finder.set(field=field)
    for pixel_row, pixel_column in ((8, 20), (31, 0), (15, 16)):
        click(finder, number * (PANEL + GAP) + (pixel_column + 0.5) * SCALE, LABEL_HEIGHT + (pixel_row + 0.5) * SCALE)
        patch, jump = finder.patch, 1 if field == 1 else 2
        for middle, pixel in (
            ((patch.top + patch.bottom) / 2, pixel_row + 0.5),
            ((patch.left + patch.right) / 2, pixel_column + 0.5),
        ):
            assert abs(middle - pixel) <= jump / 2 or pixel in (0.5, 31.5), "the patch is centred there"


def test_a_click_beside_the_panels_chooses_nothing(finder):
    before = finder.values
    for x, y in ((PANEL + GAP / 2, 100), (50, 5), (50, LABEL_HEIGHT + PANEL + 5), (50, 400), (-3, 100)):
        click(finder, x, y)
        assert finder.values == before


def test_arrow_keys_move_by_one_logit_and_stop_at_the_border(finder):
    finder.set(field=16, row=1, column=12)
    press(finder, -1, 0)
    assert (finder.values["row"], finder.values["column"]) == (0, 12)
    press(finder, -1, 0)
    press(finder, 0, 1)
    press(finder, 0, 1)
    assert (finder.values["row"], finder.values["column"]) == (0, 13)
    press(finder, 2, -3)  # of quick key presses the front end sends the sum
    assert (finder.values["row"], finder.values["column"]) == (2, 10)
    assert "row 2, column 10" in finder.text


def test_the_front_end_gets_the_picture_that_is_read_in_python(finder):
    picture = next(part for part in finder.view.children if isinstance(part, ClickPicture))
    assert bytes(picture.value) == finder.png and finder.png.startswith(b"\x89PNG")
    assert picture.alt


def test_an_unknown_control_is_explained(finder):
    with pytest.raises(UsageError, match="no control 'rwo'"):
        finder.set(rwo=1)


def test_judge_takes_its_means_from_the_batch_and_leaves_the_model_as_it_was():
    model, sources, pictures = GALLERY.discriminator("field-16"), GALLERY.split.sources, GALLERY.split.targets
    before = model.get_weights()
    together, alone = judge(model, sources, pictures), judge(model, sources[1:2], pictures[1:2])
    assert together.shape == (3, 14, 14) and together.dtype == np.float32
    assert np.abs(together[1] - alone[0]).max() > 1e-3, "its neighbours have a say"
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


# --- Painting ---------------------------------------------------------------------------------------------------------


def test_colours_grow_brighter_with_the_logit_and_stop_at_the_ends():
    brightness = colours(np.linspace(-LIMIT, LIMIT, 50)).astype(int) @ [299, 587, 114]
    assert (np.diff(brightness) > 0).all()
    np.testing.assert_array_equal(colours(np.array([-99.0, 99.0])), colours(np.array([-LIMIT, LIMIT])))


@pytest.mark.parametrize("count", [2, 6, 14, 30])
def test_each_tile_has_the_colour_of_its_logit(count):
    logits = np.random.default_rng(count).normal(0, 2, (count, count)).astype("float32")
    drawn, side = tiles(logits), PANEL / count
    for (row, column), logit in np.ndenumerate(logits):  # near its upper left corner: signs stand in the middle
        pixel = drawn[int((row + 0.15) * side) + 1, int((column + 0.15) * side) + 1]
        np.testing.assert_array_equal(pixel, colours(logit))


def test_tiles_carry_their_sign_where_there_is_room():
    """A minus is a line across; a plus has another line down through its middle."""
    plus, minus = (tiles(np.full((14, 14), sign * 0.01)) for sign in (1, -1))
    middle = round(PANEL / 14 / 2)
    for drawn, has_stem in ((plus, True), (minus, False)):
        ground = drawn[1, 1].astype(int)
        assert np.abs(drawn[middle, middle - 2].astype(int) - ground).sum() > 60
        assert bool(np.abs(drawn[middle - 3, middle].astype(int) - ground).sum() > 60) is has_stem
    assert len(np.unique(tiles(np.full((62, 62), 1.0)).reshape(-1, 3), axis=0)) == 1, "no room for signs"


def test_the_chosen_tile_has_a_frame():
    logits = np.zeros((14, 14))
    framed, plain = tiles(logits, (3, 10)), tiles(logits)
    rows, columns = np.nonzero((framed != plain).any(axis=-1))
    side = PANEL / 14
    assert abs(rows.min() - 3 * side) < 4 and abs(rows.max() - 4 * side) < 4
    assert abs(columns.min() - 10 * side) < 4 and abs(columns.max() - 11 * side) < 4
    assert (framed == style.rgb(style.VERMILLION)).all(axis=-1).any() and (framed == 255).all(axis=-1).any()


def test_outside_the_patch_a_picture_fades():
    picture = np.random.default_rng(1).integers(0, 256, (SIZE, SIZE, 3)).astype("uint8")
    drawn = spotlight(picture, Patch(8, 4, 24, 20))
    whole = enlarged(picture)
    inside = np.s_[8 * SCALE + 4 : 24 * SCALE - 4, 4 * SCALE + 4 : 20 * SCALE - 4]
    np.testing.assert_array_equal(drawn[inside], whole[inside])
    faded = np.round(whole * (1 - FADED) + np.array(PAPER) * FADED)
    np.testing.assert_array_equal(drawn[24 * SCALE + 4 :], faded[24 * SCALE + 4 :])
    assert (drawn[8 * SCALE, 10 * SCALE] != whole[8 * SCALE, 10 * SCALE]).any(), "the frame is there"


def test_a_patch_is_cut_out_pixel_by_pixel():
    picture = np.arange(SIZE * SIZE * 3).reshape(SIZE, SIZE, 3).astype("uint8")
    drawn = cut_out(picture, Patch(8, 4, 24, 20))
    np.testing.assert_array_equal(drawn[:: PANEL // 16, :: PANEL // 16], picture[8:24, 4:20])
    assert (cut_out(picture, Patch(5, 7, 6, 8)) == picture[5, 7]).all(), "one pixel fills the panel"


def test_what_lies_beyond_the_picture_is_hatched():
    picture = np.full((SIZE, SIZE, 3), 7, np.uint8)
    drawn = cut_out(picture, Patch(-16, 16, 16, 48))
    half = PANEL // 2
    assert (drawn[half:, :half] == 7).all()
    beyond = np.concatenate([drawn[:half].reshape(-1, 3), drawn[half:, half:].reshape(-1, 3)])
    assert {tuple(colour) for colour in np.unique(beyond, axis=0)} == {(100, 100, 100), PAPER}


# --- The history ------------------------------------------------------------------------------------------------------


@pytest.fixture
def history():
    return PatchMapHistory(GALLERY)


def test_the_history_begins_at_the_end(history):
    assert list(history.controls) == ["field", "index", "moment"]
    assert history.values == {"field": 70, "index": 0, "moment": 3} and history.step == 1000


@pytest.mark.parametrize(("field", "index", "moment"), [(70, 1, 0), (16, 0, 2), (16, 1, 3)])
def test_pictures_and_maps_are_the_recorded_ones(history, field, index, moment):
    history.set(field=field, index=index, moment=moment)
    record = GALLERY.history(f"field-{field}")
    np.testing.assert_array_equal(panel(history, 0, 0), enlarged(record["pictures"][moment, index]))
    np.testing.assert_array_equal(panel(history, 1, 0), enlarged(GALLERY.split.targets[index]))
    np.testing.assert_array_equal(panel(history, 1, 2), enlarged(GALLERY.split.sources[index]))
    for line, kind in enumerate(("fake", "real")):
        logits = record[f"{kind}_logits"][moment, index].astype("float32")
        np.testing.assert_array_equal(panel(history, line, 1), tiles(logits))
        assert f"{(logits > 0).mean():.0%} of the patches are called real, mean logit {logits.mean():+.2f}" in (
            history.text
        )


@pytest.mark.parametrize(
    ("name", "value", "words"), [("field", 16, "field 16."), ("index", 1, "pair 1,"), ("moment", 1, "Step 10,")]
)
def test_each_control_of_the_history_changes_picture_and_caption(history, name, value, words):
    before = history.png
    history.controls[name].value = value
    assert history.png != before and words in history.text


def test_a_field_with_other_recorded_steps_brings_them_along(history):
    history.controls["moment"].value = 2
    history.controls["field"].value = 1
    assert [step for step, _ in history.controls["moment"].options] == ["0", "5"]
    assert history.step == 5 and history.error is None
    history.controls["field"].value = 70
    assert [step for step, _ in history.controls["moment"].options] == ["0", "10", "100", "1,000"]
    assert history.step == 10


def test_the_chart_marks_the_moment_and_draws_both_means(history):
    marks = []
    for moment in (0, 3):
        history.set(moment=moment)
        chart = panel(history, 0, 2)[:160]
        red = (chart == style.rgb(style.VERMILLION)).all(axis=-1)
        marks.append(np.nonzero(red.any(axis=0))[0].mean())
        for colour in (style.REAL, style.FAKE):
            assert (chart == style.rgb(colour)).all(axis=-1).sum() > 100
    assert marks[1] - marks[0] > 0.7 * PANEL
