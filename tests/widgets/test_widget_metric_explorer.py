"""The metric explorer, moved without a browser: what it does to a picture, and what the measures say of it."""

from __future__ import annotations

import numpy as np
import pytest

from pix2pix_edu.errors import UsageError
from pix2pix_edu.evaluation import (
    fcn_score,
    lab_histogram_intersection,
    ms_ssim,
    painted,
    perceptual_distance,
    psnr,
    ssim,
)
from pix2pix_edu.widgets import MetricExplorer, style
from pix2pix_edu.widgets.metric_explorer import (
    BAR_ROW,
    BARS,
    DISTORTIONS,
    MEASURES,
    PERFECT_PSNR,
    STRONGEST,
    Case,
    cases,
    distort,
    in_words,
    measure,
    on_common_scale,
)
from pix2pix_edu.widgets.pictures import LABEL_HEIGHT, at_size

KINDS = list(DISTORTIONS)
SHOWN = 192


@pytest.fixture(scope="module")
def given():
    return cases(drawings=3, houses=2)


@pytest.fixture(scope="module")
def shared(given):
    return MetricExplorer(given)


@pytest.fixture
def explorer(shared):
    shared.set(index=0, a="blur", a_strength=4, b="other", b_strength=6)
    return shared


def shown(explorer, number):
    left = number * (SHOWN + 12)
    return explorer.picture[LABEL_HEIGHT : LABEL_HEIGHT + SHOWN, left : left + SHOWN]


# --- Spoiling ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_strength_zero_changes_nothing_and_more_changes_more(given, kind):
    for case in (given[0], given[3]):
        distances = [np.abs(distort(case, kind, n).astype(int) - case.real).mean() for n in (0, 2, 10)]
        assert distances[0] == 0 and 0 < distances[1] <= distances[2]


def test_a_shift_moves_right_and_down_and_repeats_the_edge(given):
    real, moved = given[3].real, distort(given[3], "shift", 2)
    np.testing.assert_array_equal(moved[2:, 2:], real[:-2, :-2])
    np.testing.assert_array_equal(moved[0], moved[2])


def test_average_and_others_are_right_answers(given):
    case = given[0]
    np.testing.assert_allclose(distort(case, "average", STRONGEST), case.answers.mean(axis=0), atol=0.51)
    taken = [distort(case, "other", strength) for strength in (2, 4, 6, 8, 10)]
    for picture in taken:
        assert any(np.array_equal(picture, answer) for answer in case.answers[1:])
    assert len({picture.tobytes() for picture in taken}) == 5


def test_hue_turns_colours_and_leaves_greys(given):
    case = Case("four colours", np.array([[[[255, 0, 0], [0, 255, 0]], [[90, 90, 90], [255, 255, 255]]]] * 2, np.uint8))
    turned = distort(case, "hue", 10)
    np.testing.assert_array_equal(turned, [[[0, 255, 255], [255, 0, 255]], [[90, 90, 90], [255, 255, 255]]])


def test_noise_is_the_same_each_time(given):
    np.testing.assert_array_equal(distort(given[0], "noise", 5), distort(given[0], "noise", 5))


@pytest.mark.parametrize(
    ("kind", "strength", "message"), [("blurr", 3, "Did you mean 'blur'"), ("blur", 11, "0 to 10")]
)
def test_what_cannot_be_done_is_explained(given, kind, strength, message):
    with pytest.raises(UsageError, match=message):
        distort(given[0], kind, strength)


def test_words():
    assert in_words("other", 3) == "another right answer 3" and in_words("shift", 1) == "shifted by 1 px"


# --- Measuring --------------------------------------------------------------------------------------------------------


def test_the_numbers_are_the_librarys(given):
    for case in (given[0], given[3]):
        picture = distort(case, "blur", 3)
        found = measure(case, picture)
        assert found["psnr"] == psnr(case.real, picture)[0] and found["ssim"] == ssim(case.real, picture)[0]
        assert found["ms_ssim"] == ms_ssim(case.real, picture)[0]
        mask = painted(case.real) if case.labels is None else None
        colours = lab_histogram_intersection(case.real, picture, mask)
        assert {name: found[name] for name in "Lab"} == colours
        distance = perceptual_distance(case.real, picture, features="course").values[0]
        assert found["perceptual"] == pytest.approx(distance, abs=1e-6)
        if case.labels is None:
            assert np.isnan(found["iou"])
        else:
            assert found["iou"] == fcn_score(case.labels, picture).class_iou


def test_the_common_scale_goes_from_unrelated_to_equal(given):
    case, other = given[0], given[1]
    unrelated = measure(case, other.real)
    assert on_common_scale(unrelated, unrelated)["ssim"] == 0
    equal = on_common_scale(measure(case, case.real), unrelated)
    assert all(np.isnan(value) or value == pytest.approx(1, abs=1e-6) for value in equal.values())
    assert on_common_scale({"psnr": PERFECT_PSNR + 9}, {"psnr": 10.0}) == {"psnr": 1.0}
    assert on_common_scale({"perceptual": 0.5}, {"perceptual": 0.4})["perceptual"] < 0, "worse than unrelated"


def test_unrelated_is_the_mean_over_the_others_of_its_kind(shared, given):
    found = shared.unrelated(3)
    assert found["psnr"] == pytest.approx(psnr(given[3].real, given[4].real)[0])
    expected = np.mean([ssim(given[0].real, given[other].real)[0] for other in (1, 2)])
    assert shared.unrelated(0)["ssim"] == pytest.approx(expected)


# --- The widget -------------------------------------------------------------------------------------------------------


def test_it_shows_the_real_picture_and_both_spoiled_ones(explorer, given):
    case = given[0]
    for number, picture in enumerate((case.real, distort(case, "blur", 4), distort(case, "other", 6))):
        np.testing.assert_array_equal(shown(explorer, number), at_size(picture))
    assert explorer.error is None


@pytest.mark.parametrize(
    ("name", "value"), [("index", 3), ("a", "noise"), ("a_strength", 9), ("b", "shift"), ("b_strength", 2)]
)
def test_each_control_changes_the_picture_and_the_caption(explorer, name, value):
    before, text = explorer.png, explorer.text
    explorer.controls[name].value = value
    assert explorer.png != before and explorer.text != text


@pytest.mark.parametrize("kind", KINDS)
def test_every_distortion_can_be_chosen_on_both_sides(explorer, kind, given):
    explorer.set(index=4, a=kind, a_strength=5, b=kind, b_strength=5)
    np.testing.assert_array_equal(shown(explorer, 1), at_size(distort(given[4], kind, 5)))
    np.testing.assert_array_equal(shown(explorer, 1), shown(explorer, 2))
    assert {explorer.preferred(name) for name in MEASURES} == {"="}


def bar(explorer, number, place):
    """The length of a bar in pixels: place 0 for A, 1 for B."""
    top = explorer.picture.shape[0] - 4 - BAR_ROW * len(MEASURES) + BAR_ROW * number + 13 * place + 5
    colour = style.rgb((style.BLUE, style.ORANGE)[place])
    line = explorer.picture[top, BARS[0] : BARS[1] + 1].astype(int)
    return int((np.abs(line - colour).sum(axis=-1) < 60).sum())


def test_bars_are_as_long_as_the_measures_say(explorer):
    explorer.set(index=3, a="blur", a_strength=3, b="shift", b_strength=2)
    for number, name in enumerate(MEASURES):
        for place, letter in enumerate("AB"):
            wanted = max(explorer.scaled[letter][name], 0) * (BARS[1] - BARS[0])
            assert bar(explorer, number, place) == pytest.approx(wanted, abs=4), (name, letter)


def test_a_thin_line_that_is_shifted_costs_more_psnr_than_blur_and_no_colour(explorer):
    explorer.set(index=0, a="blur", a_strength=4, b="shift", b_strength=2)
    assert explorer.preferred("psnr") == "A" and explorer.preferred("ssim") == "A"
    assert explorer.preferred("L") == "B" and explorer.preferred("b") == "B"
    start = "A: blur 4. B: shifted by 2 px. A is preferred by PSNR, SSIM"
    assert start in explorer.text


def test_a_drawing_has_no_classes_and_a_house_has(explorer):
    assert explorer.preferred("iou") == "" and "FCN" not in explorer.text
    explorer.set(index=3)
    assert explorer.preferred("iou") in "AB=" and explorer.preferred("iou") != ""


def test_the_real_house_has_a_mark_of_its_own(explorer, given):
    explorer.set(index=3, a="blur", a_strength=10, b="blur", b_strength=10)
    own = fcn_score(given[3].labels, given[3].real).class_iou
    unrelated = explorer.unrelated(3)["iou"]
    assert explorer.ceiling == pytest.approx((own - unrelated) / (1 - unrelated))
    top = explorer.picture.shape[0] - 4 - BAR_ROW + 11  # between the two bars of the last row
    black = np.nonzero(explorer.picture[top, BARS[0] : BARS[1]].mean(axis=-1) < 80)[0]
    assert black.mean() == pytest.approx(explorer.ceiling * (BARS[1] - BARS[0]), abs=2)


def test_what_was_measured_once_is_remembered(shared):
    first = shared.values_of(1, "noise", 3)
    assert shared.values_of(1, "noise", 3) is first
    assert shared.values_of(1, "noise", 0) is shared.values_of(1, "blur", 0), "unchanged is unchanged"


def test_a_measure_that_is_not_there_is_explained(explorer):
    with pytest.raises(UsageError, match="Did you mean 'psnr'"):
        explorer.preferred("pnsr")


@pytest.mark.parametrize("count", [0, 1])
def test_one_picture_is_too_few(given, count):
    with pytest.raises(UsageError, match="at least two"):
        MetricExplorer(given[:count])
