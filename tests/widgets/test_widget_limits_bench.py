"""The limits bench, moved without a browser: what it shows is what the generator makes of the changed drawing."""

import numpy as np
import pytest

import pix2pix_edu as p2p
from pix2pix_edu.insight import Familiar, disturb
from pix2pix_edu.widgets import LimitsBench
from pix2pix_edu.widgets.limits_bench import SIZE
from pix2pix_edu.widgets.pictures import GAP, LABEL_HEIGHT, at_size

RNG = np.random.default_rng(0)
SPLIT = p2p.Split(*RNG.integers(0, 256, (2, 3, 32, 32, 3)).astype("uint8"), ["a", "b", "c"])
TRAINING = RNG.integers(0, 256, (9, 32, 32, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def model():
    generator = p2p.generator_model(32, 4, seed=1)
    generator.set_weights([5 * weight for weight in generator.get_weights()])
    return generator


@pytest.fixture
def bench(model):
    return LimitsBench(model, SPLIT, TRAINING)


def shown(bench, position):
    left = position * (SIZE + GAP)
    return bench.picture[LABEL_HEIGHT:, left : left + SIZE]


def test_it_begins_with_the_drawing_as_it_is(bench, model):
    np.testing.assert_array_equal(shown(bench, 0), at_size(SPLIT.sources[0]))
    np.testing.assert_array_equal(shown(bench, 1), at_size(p2p.translate(model, SPLIT.sources[0])))
    np.testing.assert_array_equal(shown(bench, 2), at_size(SPLIT.targets[0]))
    assert "as it was drawn" in bench.text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"turn": 45}, "turned by 45 degrees"),
        ({"right": -6}, "moved by -6 px"),
        ({"thicker": 2}, "2 px thicker"),
        ({"pale": 0.5}, "50% of the ink gone"),
        ({"noise": 30}, "noise of 30"),
        ({"invert": True}, "white on black"),
    ],
)
def test_each_control_changes_the_drawing_as_the_library_does(bench, model, change, words):
    before = bench.png
    (name, value) = next(iter(change.items()))
    bench.controls[name].value = value
    changed = disturb(SPLIT.sources[:1], **change)
    drawn = p2p.translate(model, changed)
    right = disturb(SPLIT.targets[:1], **change) if name in ("turn", "right") else SPLIT.targets[:1]
    assert bench.png != before and words in bench.text
    for position, picture in enumerate((changed, drawn, right)):
        np.testing.assert_array_equal(shown(bench, position), at_size(picture[0]))
    assert bench.loss == pytest.approx(np.abs(drawn.astype(float) - right).mean() / 127.5)
    distance = Familiar(model, TRAINING).distance(changed)[0]
    assert bench.distance == pytest.approx(distance, rel=1e-4)
    assert f"L1 to the right answer {bench.loss:.2f}" in bench.text and f"training {bench.distance:.1f}" in bench.text


def test_another_drawing_keeps_the_changes(bench):
    bench.set(invert=True)
    before = bench.png
    bench.set(index=2)
    assert bench.png != before and bench.text.startswith("Pair 2, c: white on black")
    np.testing.assert_array_equal(shown(bench, 0), at_size(255 - SPLIT.sources[2]))
