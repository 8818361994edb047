"""The loss explorer, moved without a browser, on the gallery that ships and on one with gaps."""

import dataclasses

import numpy as np
import pytest

from pix2pix_edu.gallery import load_gallery
from pix2pix_edu.gan import LOSSES
from pix2pix_edu.widgets import LossExplorer, style
from pix2pix_edu.widgets.loss_explorer import CHART, distance_chart, loss_chart, model_name, slope_chart
from pix2pix_edu.widgets.pictures import GAP, LABEL_HEIGHT


@pytest.fixture(scope="module")
def gallery():
    return load_gallery("losses")


@pytest.fixture
def explorer(gallery):
    return LossExplorer(gallery)


def sheet(explorer, row, number):
    """One picture, in its own 32 pixels; rows: lines, generator's, artist's."""
    top, left = LABEL_HEIGHT + row * (96 + GAP), number * (96 + GAP)
    return explorer.picture[top : top + 96 : 3, left : left + 96 : 3]


def settings_of(row):
    """The controls that choose this model."""
    if row["adversarial"] is None:
        return {"adversarial": "none", "distance": row["distance"]}
    return {name: row[name] for name in ("adversarial", "conditional")} | {"lambda_l1": int(row["lambda_l1"])}


def test_every_model_that_ships_can_be_chosen_and_shows_its_own_pictures(explorer, gallery):
    seen = set()
    for row in gallery.rows:
        explorer.set(**settings_of(row), page=1)
        assert explorer.name == row["name"]
        drawn = gallery.pictures(row["name"])
        for number in range(6):
            np.testing.assert_array_equal(sheet(explorer, 1, number), drawn[number])
            np.testing.assert_array_equal(sheet(explorer, 0, number), gallery.split.sources[number])
            np.testing.assert_array_equal(sheet(explorer, 2, number), gallery.split.targets[number])
        assert f"PSNR {row['test']['psnr']:.1f} dB, SSIM {row['test']['ssim']:.2f}" in explorer.text
        assert f"saturation {row['saturation']:.2f}" in explorer.text
        seen.add(explorer.png)
    assert len(seen) == len(gallery.rows), "no two of them look the same"


def test_pages_show_all_drawings_and_the_last_one_is_full(explorer, gallery):
    explorer.controls["page"].value = 2
    np.testing.assert_array_equal(sheet(explorer, 0, 0), gallery.split.sources[6])
    explorer.controls["page"].value = explorer.controls["page"].max
    np.testing.assert_array_equal(sheet(explorer, 2, 5), gallery.split.targets[-1])
    assert gallery.split.names[-1] in explorer.text


@pytest.mark.parametrize(
    "name, value",
    [("adversarial", "none"), ("lambda_l1", 1000), ("page", 3), ("adversarial", "hinge"), ("conditional", False)],
)
def test_each_control_changes_the_picture(explorer, name, value):
    before = explorer.png
    explorer.controls[name].value = value
    assert explorer.png != before


def test_the_distance_matters_only_without_an_adversary(explorer):
    assert explorer.controls["distance"].disabled and not explorer.controls["lambda_l1"].disabled
    explorer.set(adversarial="none")
    assert not explorer.controls["distance"].disabled
    assert explorer.controls["lambda_l1"].disabled and explorer.controls["conditional"].disabled
    before = explorer.png
    explorer.controls["distance"].value = "l2"
    assert explorer.name == "l2" and explorer.png != before


def test_a_model_that_does_not_ship_is_said_and_those_that_do_are_named(gallery):
    few = dataclasses.replace(gallery, rows=[gallery.row("l1"), gallery.row("bce-conditional-100")])
    explorer = LossExplorer(few)
    explorer.set(adversarial="hinge", lambda_l1=0)
    assert explorer.text == ("hinge-conditional-0 does not ship with the course. These do: l1, bce-conditional-100.")
    assert (sheet(explorer, 1, 0) == 255).all() and explorer.error is None


def marked(explorer, number):
    """Where the diamond of the chosen model is in one of the three lower charts, as a share of the chart."""
    width, height = CHART
    left = number * (width + 8)
    chart = explorer.picture[-height:, left : left + width].astype(int)
    near = np.abs(chart - style.rgb(style.VERMILLION)).sum(axis=-1) < 60
    rows, columns = np.nonzero(near)
    return columns.mean() / width, rows.mean() / height


def test_the_chosen_model_is_marked_among_all(explorer, gallery):
    places = {}
    for name in ("bce-conditional-100", "l1", "l2"):
        row = gallery.row(name)
        explorer.set(**settings_of(row))
        places[name] = marked(explorer, 0)
    assert places["bce-conditional-100"][0] < places["l1"][0] < places["l2"][0]
    heights = sorted(places, key=lambda name: places[name][1])  # the first pixel row is at the top
    assert heights == sorted(places, key=lambda name: -gallery.row(name)["test"]["psnr"])


def curve(chart, colour):
    """The height of a coloured curve in each column where it is painted, in pixels from the top."""
    picture = np.asarray(chart).astype(int)
    near = np.abs(picture - style.rgb(colour)).sum(axis=-1) < 90
    near[:40] = False  # title and legend
    return {
        column: np.nonzero(near[:, column])[0].mean() for column in range(46, CHART[0] - 14) if near[:, column].any()
    }


@pytest.mark.parametrize("kind, rules", [("bce", "non-saturating"), ("lsgan", "lsgan"), ("hinge", "hinge")])
def test_losses_and_slopes_are_those_of_lesson_02(kind, rules):
    for chart, part in ((loss_chart(kind), "value"), (slope_chart(kind), "slope")):
        painted = curve(chart, style.GENERATOR)
        left, right, top, bottom = 42, CHART[0] - 12, 26, CHART[1] - 20
        low, high = (-3, 3) if part == "slope" else (-3, 6)
        checked = 0
        for column, height in painted.items():
            logit = -3 + 6 * (column + 0.5 - left) / (right - left)
            expected = getattr(LOSSES[rules].generator, part)(np.array(logit))
            if low < expected < 0.7 * high:
                value = high - (high - low) * (height + 0.5 - top) / (bottom - top)
                assert value == pytest.approx(float(expected), abs=0.35)
                checked += 1
        assert checked > 20


def test_the_pull_of_the_distance_grows_with_lambda_and_l2_is_no_step():
    def highest(chart):
        picture = np.asarray(chart).astype(int)
        column = picture[30 : CHART[1] - 22, CHART[0] - 30]
        return int(np.argmax(column.sum(axis=-1) < 200))

    heights = [highest(distance_chart("l1", weight)) for weight in (1, 10, 100, 1000)]
    assert heights == sorted(heights, reverse=True) and len(set(heights)) == 4
    assert (np.asarray(distance_chart("l2", 100)) != np.asarray(distance_chart("l1", 100))).any()
    assert (np.asarray(distance_chart("l1", 100, "bce")) != np.asarray(distance_chart("l1", 100))).any()


def test_names_are_those_of_the_gallery(gallery):
    for row in gallery.rows:
        settings = {"conditional": True, "lambda_l1": 100, "distance": "l1"} | settings_of(row)
        assert model_name(**settings) == row["name"]


def test_messages_from_the_browser_have_the_same_effect(explorer):
    explorer.controls["adversarial"].set_state({"index": 3})
    explorer.controls["distance"].set_state({"index": 1})
    assert explorer.name == "l2"


def test_it_fits_half_a_screen(explorer):
    assert explorer.picture.shape[1] <= 760
