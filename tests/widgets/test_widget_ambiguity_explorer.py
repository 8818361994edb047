"""The ambiguity explorer, moved without a browser: curves, marks and pictures in numbers."""

import numpy as np
import pytest

from pix2pix_edu import gan
from pix2pix_edu.errors import UsageError
from pix2pix_edu.pairs import Variants
from pix2pix_edu.widgets import AmbiguityExplorer
from pix2pix_edu.widgets.ambiguity_explorer import VALUES, adversarial_price, areas_of
from pix2pix_edu.widgets.pictures import LABEL_HEIGHT

TONES = np.array([[252, 234, 43], [250, 220, 188], [222, 187, 144], [193, 154, 101], [165, 121, 57], [106, 70, 47]])
HAIR = np.array([[165, 121, 57], [165, 121, 57], [252, 234, 43], [106, 70, 47], [0, 0, 0], [0, 0, 0]])
NAMES = ["no tone", "light", "medium-light", "medium", "medium-dark", "dark"]


def drawing(name, with_hair=True):
    """White paper, a face of 12 x 12 px, hair above it, and at its left edge a few pixels with half of its colour."""
    targets = np.full((6, 32, 32, 3), 255)
    targets[:, 12:24, 10:22] = TONES[:, None, None]
    targets[:, 16:21, 9] = (255 + TONES[:, None]) / 2
    if with_hair:
        targets[:, 8:12, 10:22] = HAIR[:, None, None]
    return Variants(name, np.full((32, 32, 3), 255, np.uint8), targets.astype(np.uint8), list(NAMES), "test")


@pytest.fixture
def explorer():
    return AmbiguityExplorer([drawing("head"), drawing("bald", with_hair=False)])


def yours(explorer):
    """The learner's picture as it is displayed, in its own 32 pixels."""
    return explorer.picture[LABEL_HEIGHT : LABEL_HEIGHT + 192 : 6, 204 : 204 + 192 : 6]


def test_it_begins_at_the_mean_of_the_largest_area(explorer):
    assert explorer.colour == TONES.mean(axis=0).round().astype(int).tolist() == [198, 164, 97]
    assert explorer.values["value"] == 198 and (explorer.answers == TONES).all()
    np.testing.assert_array_equal(yours(explorer)[18, 16], [198, 164, 97])


@pytest.mark.parametrize(
    "channel, least_l2, least_l1", [("red", 198, (193, 222)), ("green", 164, (154, 187)), ("blue", 97, (57, 101))]
)
def test_l2_is_least_at_the_mean_and_l1_between_the_middle_two(explorer, channel, least_l2, least_l1):
    explorer.controls["channel"].value = channel
    assert explorer.least("l2") == [least_l2]
    assert explorer.least("l1") == list(range(least_l1[0], least_l1[1] + 1))
    right = TONES[:, ["red", "green", "blue"].index(channel)]
    assert explorer.curves["l2"][40] == pytest.approx(((right - 40.0) ** 2).mean())
    assert explorer.curves["l1"][40] == pytest.approx(np.abs(right - 40.0).mean())
    assert f"least {explorer.curves['l1'].min():.1f} at all of {least_l1[0]} to {least_l1[1]}" in explorer.text


def valleys(curve):
    return [value for value in range(1, 255) if curve[value] < min(curve[value - 1], curve[value + 1])]


def test_the_adversarial_loss_has_a_valley_at_each_answer_and_is_least_where_two_agree(explorer):
    explorer.set(blur=4)
    found = valleys(explorer.curves["adversarial"])
    assert np.allclose(found, [106, 165, 193, 222, 251], atol=2)
    assert explorer.least("adversarial") == [251]
    explorer.set(blur=24)
    assert len(valleys(explorer.curves["adversarial"])) < 4, "with much blur valleys melt together"


def by_integration(value, answers, blur):
    """Straight from the definition: densities on a fine grid, D = p / (p + q), the mean of -log D under q."""
    x = np.linspace(value - 6 * blur, value + 6 * blur, 4001)

    def density(centre):
        return np.exp(-((x - centre) ** 2) / (2 * blur**2)) / (blur * np.sqrt(2 * np.pi))

    p, q = np.mean([density(answer) for answer in answers], axis=0), density(value)
    return np.trapezoid(-q * np.log(gan.optimal_discriminator(p, q)), x)


@pytest.mark.parametrize("blur", [2, 6, 24])
def test_the_adversarial_price_is_the_integral_over_the_best_discriminator(blur):
    values = np.array([100, 165, 190, 236, 251])
    expected = [by_integration(value, TONES[:, 0], blur) for value in values]
    np.testing.assert_allclose(adversarial_price(values, TONES[:, 0], blur), expected, rtol=2e-3)


def test_a_lonely_answer_costs_log_of_one_more_than_their_number():
    prices = adversarial_price(np.array([0.0, 100.0, 200.0]), np.array([0, 100, 200]), blur=3)
    np.testing.assert_allclose(prices, np.log(4), atol=1e-6)
    assert np.isfinite(adversarial_price(VALUES, np.array([0, 1]), blur=2)).all(), "far away it is large, not infinite"


def test_dragging_the_value_paints_the_area_and_its_edge_and_nothing_else(explorer):
    before = explorer.png
    explorer.controls["value"].value = 100
    assert explorer.png != before and explorer.colour == [100, 164, 97]
    picture = yours(explorer).astype(int)
    np.testing.assert_array_equal(picture[18, 16], [100, 164, 97])
    assert np.abs(picture[18, 9] - (255 + np.array([100, 164, 97])) / 2).max() <= 2, "half of it is paper"
    assert (picture[2, 2] == 255).all()
    assert "You predict 100" in explorer.text


def test_another_channel_shows_what_is_predicted_there(explorer):
    explorer.set(value=100)
    explorer.controls["channel"].value = "blue"
    assert explorer.values["value"] == 97 and explorer.colour == [100, 164, 97]
    explorer.controls["channel"].value = "red"
    assert explorer.values["value"] == 100


def button(explorer, words):
    row = explorer.view.children[1].children[-1]
    (found,) = [child for child in row.children if getattr(child, "description", "") == words]
    return found


def test_the_buttons_predict_mean_median_and_each_answer(explorer):
    button(explorer, "the median").click()
    assert explorer.colour == [207, 170, 79] and explorer.values["value"] == 207
    for number, name in enumerate(NAMES):
        button(explorer, name).click()
        assert explorer.colour == TONES[number].tolist()
        np.testing.assert_array_equal(yours(explorer), explorer.variants[0].targets[number])
    button(explorer, "the mean").click()
    assert explorer.colour == [198, 164, 97]
    with pytest.raises(UsageError, match="answers 0 to 5"):
        explorer.predict_answer(6)


def test_the_second_area_is_the_hair_and_another_drawing_has_none(explorer):
    assert explorer.controls["area"].max == 2
    before = explorer.png
    explorer.controls["area"].value = 2
    assert explorer.png != before and (explorer.answers == HAIR).all() and "area 2 (48 pixels)" in explorer.text
    explorer.controls["index"].value = 1
    assert explorer.values["area"] == explorer.controls["area"].max == 1 and explorer.text.startswith("bald, area 1")


def test_the_blur_changes_the_adversarial_curve_alone(explorer):
    before, picture = dict(explorer.curves), explorer.png
    explorer.controls["blur"].value = 16
    assert explorer.png != picture
    for loss in ("l1", "l2"):
        np.testing.assert_array_equal(explorer.curves[loss], before[loss])
    assert np.abs(explorer.curves["adversarial"] - before["adversarial"]).max() > 0.5


def test_messages_from_the_browser_have_the_same_effect(explorer):
    explorer.controls["channel"].set_state({"index": 1})
    explorer.controls["value"].set_state({"value": 12})
    assert explorer.colour == [198, 12, 97]


def test_the_picture_shows_lines_yours_and_all_answers_and_fits_half_a_screen(explorer):
    height, width, _ = explorer.picture.shape
    assert width <= 760 and height <= 480
    tile = explorer.picture[LABEL_HEIGHT : LABEL_HEIGHT + 96 : 3, 408 : 408 + 96 : 3]
    np.testing.assert_array_equal(tile, explorer.variants[0].targets[0])


def test_areas_are_flat_and_differ_clearly():
    areas = areas_of(drawing("head").targets)
    assert [int(area.sum()) for area in areas] == [144, 48]
    assert areas[0][18, 16] and areas[1][9, 16] and not areas[0][9, 16]


def test_drawings_that_are_not_ambiguous_are_left_out_or_explained():
    same = Variants("same", np.zeros((8, 8, 3), np.uint8), np.zeros((6, 8, 8, 3), np.uint8), NAMES, "test")
    assert [one.name for one in AmbiguityExplorer([same, drawing("head")]).variants] == ["head"]
    with pytest.raises(UsageError, match="three or more right answers"):
        AmbiguityExplorer([same])
