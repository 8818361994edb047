"""The bottleneck dial, turned without a browser: what it shows is what the decoder makes of the changed code."""

import numpy as np
import pytest

import pix2pix_edu as p2p
from pix2pix_edu.insight import Parts, with_unit
from pix2pix_edu.widgets import BottleneckDial
from pix2pix_edu.widgets.bottleneck_dial import main_directions
from pix2pix_edu.widgets.pictures import GAP, LABEL_HEIGHT, at_size

RNG = np.random.default_rng(0)
SPLIT = p2p.Split(*RNG.integers(0, 256, (2, 12, 32, 32, 3)).astype("uint8"))


@pytest.fixture
def dial(model):
    return BottleneckDial(model, SPLIT)


def shown(dial, position):
    left = position * (160 + GAP)
    return dial.picture[LABEL_HEIGHT : LABEL_HEIGHT + 160, left : left + 160]


def test_a_unit_is_set_to_so_many_standard_deviations_from_its_mean(dial, model):
    dial.set(index=4, kind="unit", number=9, turn=3.0)
    parts = Parts(model)
    values = parts.encode(SPLIT.sources)["down_5"][:, 0, 0, 9]
    code = parts.encode(SPLIT.sources[4:5])
    expected = parts.decode(with_unit(code, 9, values.mean() + 3 * values.std()))[0]
    assert np.abs(shown(dial, 2).astype(int) - at_size(expected, 160)).max() <= 1
    np.testing.assert_array_equal(shown(dial, 0), at_size(SPLIT.sources[4], 160))
    np.testing.assert_array_equal(shown(dial, 3), at_size(SPLIT.targets[4], 160))
    assert np.abs(shown(dial, 1).astype(int) - at_size(p2p.translate(model, SPLIT.sources[4]), 160)).max() <= 1
    assert dial.text.startswith("Pair 4, 0004. Unit 9 is ")


def test_a_direction_moves_all_units_at_once(dial, model):
    dial.set(kind="direction", number=1, turn=-2.0)
    parts = Parts(model)
    code = parts.encode(SPLIT.sources)
    units = code["down_5"][:, 0, 0]
    axis = main_directions(units)[1]
    along = units @ axis
    step = (along.mean() - 2 * along.std() - along[0]) * axis
    first = {name: part[:1] for name, part in code.items()}
    expected = parts.decode({**first, "down_5": (first["down_5"] + step).astype("float32")})[0]
    assert np.abs(shown(dial, 2).astype(int) - at_size(expected, 160)).max() <= 1


@pytest.mark.parametrize(("name", "value"), [("index", 7), ("kind", "unit"), ("number", 3), ("turn", 4.0)])
def test_each_control_changes_the_picture(dial, name, value):
    before = dial.png
    dial.controls[name].value = value
    assert dial.png != before


def test_the_further_it_is_turned_the_more_it_moves(dial):
    moved = []
    for turn in (0.0, 2.0, 4.0):
        dial.set(kind="direction", number=0, turn=turn)
        values = dial.settings("direction", 0)
        moved.append((abs(turn * values.std() + values.mean() - values[0]), dial.moved))
    assert [amount for _, amount in sorted(moved)] == sorted(amount for _, amount in moved)


def test_below_are_the_drawings_with_the_highest_values_in_their_order(dial):
    dial.set(kind="unit", number=5)
    top = LABEL_HEIGHT + 160 + GAP + LABEL_HEIGHT
    best = np.argsort(-dial.settings("unit", 5))
    for place, index in enumerate(best[:3]):
        left = place * (64 + GAP)
        small = at_size(SPLIT.sources[index], 80)
        np.testing.assert_array_equal(dial.picture[top : top + len(small), left : left + len(small)], small)


def test_there_are_as_many_numbers_as_units_or_directions(dial):
    dial.set(kind="unit")
    assert dial.controls["number"].max == 31
    dial.set(number=31)
    dial.set(kind="direction")
    assert dial.controls["number"].max == 7 and dial.values["number"] == 7


def test_directions_are_those_of_an_eigenvalue_problem():
    values = RNG.normal(size=(40, 6)) * [5, 1, 3, 0.5, 2, 0.1]
    directions = main_directions(values, 3)
    variances, vectors = np.linalg.eigh(np.cov(values.T))
    for direction, vector in zip(directions, vectors.T[::-1], strict=False):
        assert abs(direction @ vector) == pytest.approx(1, abs=1e-6)
        assert direction[np.abs(direction).argmax()] > 0
    along = (values @ directions.T).var(axis=0, ddof=1)
    np.testing.assert_allclose(along, variances[::-1][:3])
