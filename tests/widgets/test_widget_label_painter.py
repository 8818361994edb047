"""The label painter without a browser: labels pixel by pixel as in the training data, whatever is done to them."""

import numpy as np
import pytest

import pix2pix_edu as p2p
from pix2pix_edu.errors import UsageError
from pix2pix_edu.pairs.facades import CLASSES, PALETTE
from pix2pix_edu.widgets import LabelPainter
from pix2pix_edu.widgets.label_painter import HOUSES, PARTS, _legend_picture
from pix2pix_edu.widgets.pictures import LABEL_HEIGHT, SHOWN_SIZE, at_size


@pytest.fixture
def painter(model):
    return LabelPainter(model, start="")


@pytest.fixture(scope="module")
def larger():
    """A generator of the size at which the houses are known pixel by pixel."""
    return p2p.generator_model(64, 2, seed=1)


def browser_paints(painter, part, *boxes):
    """A drag as the browser reports it: at first a click that has not moved, then one box after the other."""
    for box in ([*boxes[0][:2], 0, 0], *boxes):
        growing = {"tool": "box", "part": part, "box": list(box)}
        painter.canvas.set_state({"frame": painter.canvas.frame + 1, "growing": growing})
    done = {"marks": [*painter.marks, growing], "growing": {}, "frame": painter.canvas.frame + 1}
    painter.canvas.set_state(done)


def test_a_rectangle_has_its_class_on_exactly_its_pixels(painter, model):
    expected = np.zeros((32, 32), np.uint8)
    for number, (part, x, y, width, height) in enumerate(
        [("facade", 2, 4, 28, 28), ("window", 5, 7, 1, 9), ("shop", 0, 30, 32, 2), ("background", 4, 6, 4, 4)]
    ):
        painter.add(part, x, y, width, height)
        expected[y : y + height, x : x + width] = CLASSES.index(part)
        np.testing.assert_array_equal(painter.labels, expected)
        np.testing.assert_array_equal(painter.source, PALETTE[expected])
        np.testing.assert_array_equal(painter.translation, p2p.translate(model, painter.source))
        assert painter.items[number] == (part, x, y, width, height)


@pytest.mark.parametrize("size", [32, 48, 64])
def test_every_class_is_pixel_exact_at_every_size(model, size):
    painter = LabelPainter(model, image_size=size, start="")
    assert painter.translation.shape == (size, size, 3)
    for number, name in enumerate(CLASSES):
        for box in ([7, 11, 13, 5], [size - 1, 0, 1, 3], [2, size - 9, 3, 9]):
            x, y, width, height = box
            expected = np.zeros((size, size), np.uint8)
            expected[y : y + height, x : x + width] = number
            painted = painter.paint([{"tool": "box", "part": name, "box": box}])
            np.testing.assert_array_equal(painted, PALETTE[expected])


def test_a_house_of_the_test_split_is_loaded_pixel_by_pixel(larger):
    painter = LabelPainter(larger)
    test = p2p.load_pairs("facades", image_size=64, train=1, val=1, test=60).test
    assert painter.starts == ["bare wall", *(f"house {house}" for house in HOUSES)]
    for name in painter.starts[1:]:
        painter.load(name)
        index = test.names.index(name)
        np.testing.assert_array_equal(painter.labels, test.labels[index])
        np.testing.assert_array_equal(painter.source, test.sources[index])


def test_whatever_is_deleted_is_gone_and_comes_back(larger):
    painter = LabelPainter(larger, start="house 2000016")
    whole, items = painter.labels, painter.items
    index = next(number for number, item in enumerate(items) if item[0] == "balcony")
    _, x, y, width, height = items[index]
    painter.delete(index)
    assert painter.items == [*items[:index], *items[index + 1 :]]
    changed = painter.labels != whole
    assert changed.any() and not np.delete(np.delete(changed, np.s_[y : y + height], 0), np.s_[x : x + width], 1).any()
    assert "balcony" not in {CLASSES[label] for label in painter.labels[changed]}
    painter.add("door", 1, 2, 3, 4)
    painter.delete(0)  # the numbers of the others do not suffer from what was deleted
    painter.delete()
    assert painter.items == items[1:index] + items[index + 1 :]
    for _ in range(4):
        painter.undo()
    np.testing.assert_array_equal(painter.labels, whole)
    painter.redo()
    assert len(painter.items) == len(items) - 1


def test_a_drag_changes_the_picture_on_its_way(painter):
    seen = []
    painter.canvas.observe(lambda change: seen.append(int((painter.source == PALETTE[2]).all(-1).sum())), "answered")
    browser_paints(painter, "window", (4, 5, 2, 1), (4, 5, 3, 6))
    assert seen == [0, 2, 18, 18] and painter.items == [("window", 4, 5, 3, 6)]


def test_a_click_of_the_browser_deletes_by_the_same_numbers(painter):
    painter.add("window", 1, 1, 4, 4)
    painter.add("door", 10, 10, 4, 4)
    deleted = [*painter.marks, {"tool": "delete", "index": 0}]
    painter.canvas.set_state({"frame": 1, "marks": deleted})
    assert painter.items == [("door", 10, 10, 4, 4)] and painter.text == "On the label map: 1 x door."


def test_the_browser_knows_where_everything_is_that_can_be_loaded(larger):
    painter = LabelPainter(larger)
    for start in painter.canvas.starts:
        painter.load(start["name"])
        assert [(item["part"], *item["box"]) for item in start["items"]] == painter.items
    assert [part["name"] for part in painter.canvas.parts] == list(CLASSES)
    colours = [[int(part["colour"][at : at + 2], 16) for at in (1, 3, 5)] for part in painter.canvas.parts]
    np.testing.assert_array_equal(colours, PALETTE)
    assert set(PARTS) == set(range(len(CLASSES)))


def test_the_picture_shows_labels_translation_and_the_names_of_the_classes(painter):
    painter.add("facade", 2, 4, 28, 28)
    np.testing.assert_array_equal(painter.picture[LABEL_HEIGHT:, :SHOWN_SIZE], at_size(painter.source))
    left = SHOWN_SIZE + 12
    np.testing.assert_array_equal(painter.picture[LABEL_HEIGHT:, left : 2 * left - 12], at_size(painter.translation))
    legend = {tuple(colour) for colour in painter.picture[LABEL_HEIGHT:, 2 * left :].reshape(-1, 3)}
    assert {tuple(colour) for colour in PALETTE} <= legend


def test_a_new_painter_goes_on_with_what_another_holds(painter, model):
    painter.add("door", 10, 10, 4, 4)
    assert LabelPainter(model, marks=painter.marks).items == painter.items
    painter.clear()
    assert painter.items == [] and not painter.labels.any() and painter.text == "The label map is empty."


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("windows", 0, 0, 1, 1), "Did you mean 'window'"),
        (("door", 0.5, 0, 1, 1), "whole pixels"),
        (("door", 30, 0, 3, 1), "does not lie on the label map, which has 32 x 32"),
        (("door", -1, 0, 3, 1), "does not lie"),
        (("door", 3, 3, 0, 1), "does not lie"),
    ],
)
def test_rectangles_that_are_none_are_refused_and_nothing_changes(painter, arguments, words):
    with pytest.raises(UsageError, match=words):
        painter.add(*arguments)
    assert painter.marks == []


def test_other_mistakes_are_told_in_words(painter, model):
    with pytest.raises(UsageError, match="no rectangle -1: `items` holds 0"):
        painter.delete()
    with pytest.raises(UsageError, match="Did you mean 'bare wall'"):
        LabelPainter(model, start="bare walls")
    with pytest.raises(UsageError, match="3 channels, but this model takes 1"):
        LabelPainter(p2p.generator_model(32, 2, source_channels=1))
    with pytest.raises(UsageError, match="image_size=8"):
        LabelPainter(model, image_size=8)


def test_the_names_of_the_legend_do_not_run_into_each_other():
    blank = (_legend_picture() == 255).all(axis=(0, 2))
    edges = np.flatnonzero(np.diff(np.concatenate([[False], blank, [False]]).astype(int)))
    gaps = edges[1::2] - edges[::2]
    names = [gap for gap in gaps if gap > 3]  # letters are closer together
    assert len(names) == 5, "at the left, after the swatches, between the columns, after the swatches, at the right"
    assert names[2] > 12 and names[4] > 5
