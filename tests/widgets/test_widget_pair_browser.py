"""The pair browser: every control is moved, and the picture is checked pixel by pixel."""

from types import SimpleNamespace

import numpy as np
import pytest

from pix2pix_edu.errors import UsageError
from pix2pix_edu.widgets import PairBrowser
from pix2pix_edu.widgets.pictures import GAP, LABEL_HEIGHT

SIZE, SHOWN = 32, 192  # 32 px are shown six times as large


def split(count, seed, channels=3):
    rng = np.random.default_rng(seed)
    shape = (count, SIZE, SIZE, channels)
    return SimpleNamespace(
        sources=rng.integers(0, 256, shape, dtype=np.uint8),
        targets=rng.integers(0, 256, (count, SIZE, SIZE, 3), dtype=np.uint8),
        names=[f"drawing {seed}-{index}" for index in range(count)],
    )


@pytest.fixture
def pairs():
    about = SimpleNamespace(source="lines", target="colours")
    return SimpleNamespace(train=split(5, 1), val=split(3, 2), test=split(2, 3), about=about)


@pytest.fixture
def browser(pairs):
    return PairBrowser(pairs)


def left_and_right(picture, top=LABEL_HEIGHT):
    """The two pictures of one row, at their own size."""
    below = picture[top : top + SHOWN]
    return below[:, :SHOWN][::6, ::6], below[:, SHOWN + GAP :][::6, ::6]


def assert_shows(browser, source, target):
    left, right = left_and_right(browser.picture)
    assert (left == source).all() and (right == target).all()


@pytest.mark.parametrize("name, last", [("train", 4), ("val", 2), ("test", 1)])
def test_split_and_index_choose_the_pair(browser, pairs, name, last):
    browser.set(split=name, index=last)
    chosen = getattr(pairs, name)
    assert_shows(browser, chosen.sources[last], chosen.targets[last])
    assert browser.text == f"{name}[{last}], {chosen.names[last]}: lines on the left, colours on the right."
    assert browser.controls["index"].max == last


def test_the_slider_stays_inside_a_smaller_split(browser, pairs):
    browser.set(index=4)
    browser.controls["split"].value = "test"
    assert browser.values["index"] == 1
    assert_shows(browser, pairs.test.sources[1], pairs.test.targets[1])


def test_the_direction_exchanges_both_sides(browser, pairs):
    browser.set(index=2, direction="swapped")
    assert_shows(browser, pairs.train.targets[2], pairs.train.sources[2])
    assert "colours on the left, lines on the right" in browser.text
    browser.set(direction="as loaded")
    assert_shows(browser, pairs.train.sources[2], pairs.train.targets[2])


def test_jitter_shows_the_pair_again_below_moved_alike(browser, pairs):
    pairs.train.targets[:] = pairs.train.sources
    browser.set(index=3, jitter=True)
    above = left_and_right(browser.picture)
    assert (above[0] == pairs.train.sources[3]).all()
    windows = set()
    for draw in range(6):
        browser.set(draw=draw)
        left, right = left_and_right(browser.picture, top=2 * LABEL_HEIGHT + SHOWN + GAP)
        assert (left == right).all(), "the same window of the same picture on both sides"
        assert (left != pairs.train.sources[3]).any()
        windows.add(left.tobytes())
    assert len(windows) > 3
    assert not browser.controls["draw"].disabled and "moved and mirrored alike" in browser.text
    browser.set(jitter=False)
    assert browser.picture.shape[0] == LABEL_HEIGHT + SHOWN and browser.controls["draw"].disabled


def test_messages_from_the_browser_have_the_same_effect(browser, pairs):
    browser.controls["index"].set_state({"value": 1})
    browser.controls["direction"].set_state({"index": 1})
    assert_shows(browser, pairs.train.targets[1], pairs.train.sources[1])


def test_grey_sources_are_shown_in_grey(pairs):
    pairs.train, pairs.val, pairs.test = (split(2, seed, channels=1) for seed in (1, 2, 3))
    assert_shows(PairBrowser(pairs), pairs.train.sources[0].repeat(3, axis=-1), pairs.train.targets[0])


def test_empty_splits_are_not_offered_and_nothing_at_all_is_an_error(pairs):
    pairs.val = split(0, 2)
    assert PairBrowser(pairs).controls["split"].options == ("train", "test")
    pairs.train = pairs.test = pairs.val
    with pytest.raises(UsageError, match="all empty"):
        PairBrowser(pairs)


def test_a_single_pair_leaves_nothing_to_slide(pairs):
    pairs.test = split(1, 3)
    browser = PairBrowser(pairs)
    browser.set(split="test")
    assert browser.controls["index"].max == 0
    assert_shows(browser, pairs.test.sources[0], pairs.test.targets[0])


def variants(count=5):
    rng = np.random.default_rng(9)
    return SimpleNamespace(
        name="waving hand",
        source=rng.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8),
        targets=rng.integers(0, 256, (count, SIZE, SIZE, 3), dtype=np.uint8),
        answers=[f"tone {index}" for index in range(count)],
        split="val",
    )


def test_all_right_answers_of_a_source_are_shown(pairs):
    pairs.variants = [variants(), variants(2)]
    browser = PairBrowser(pairs)
    browser.set(split="several answers", jitter=True)
    picture = browser.picture
    assert (picture[:SHOWN:6, :SHOWN:6] == pairs.variants[0].source).all()
    answers = picture[:, SHOWN + GAP :]
    tile = 96  # half as large as the source, three in a row
    for index, target in enumerate(pairs.variants[0].targets):
        top, left = (tile + GAP) * (index // 3), (tile + GAP) * (index % 3)
        assert (answers[top : top + tile : 3, left : left + tile : 3] == target).all()
    assert "5 right answers beside it (tone 0, tone 1" in browser.text and browser.controls["draw"].disabled
    browser.set(index=1)
    assert "2 right answers" in browser.text and browser.controls["index"].max == 1


def test_turned_round_several_answers_become_one(pairs):
    pairs.variants = [variants()]
    browser = PairBrowser(pairs)
    browser.set(split="several answers", direction="swapped")
    assert (browser.picture[:SHOWN:6, -SHOWN::6] == pairs.variants[0].source).all()
    assert "only one answer: the lines they share" in browser.text


def test_real_pairs_are_not_asked_for_their_variants_before_they_are_chosen():
    from pix2pix_edu.pairs.core import Pairs, Split

    asked = []

    def load_variants():
        asked.append(True)
        return [variants()]

    parts = [Split(part.sources, part.targets, part.names) for part in (split(3, 1), split(2, 2), split(2, 3))]
    pairs = Pairs("drawings", *parts, load_variants=load_variants)
    browser = PairBrowser(pairs)
    browser.set(index=2, split="val")
    assert asked == []
    browser.set(split="several answers")
    browser.set(direction="swapped")
    assert asked == [True]
    assert "several answers" not in PairBrowser(pairs.swap()).controls["split"].options


def test_no_variants_are_offered_where_a_data_set_has_none(browser):
    assert browser.controls["split"].options == ("train", "val", "test")
