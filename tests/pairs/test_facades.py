"""Houses drawn by a program: the same ones everywhere, with true labels and many looks."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import numpy as np
import pytest

from pix2pix_edu.errors import UsageError
from pix2pix_edu.pairs import load_pairs
from pix2pix_edu.pairs.facades import (
    CLASSES,
    PALETTE,
    colour_labels,
    facade_edges,
    facade_labels,
    render_facade,
)
from pix2pix_edu.pairs.facades_layout import Part, facade_layout


@pytest.fixture(autouse=True, scope="module")
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIX2PIX_EDU_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def load(**options):
    return load_pairs("facades", **{"image_size": 32, "train": 6, "val": 2, "test": 3, **options})


def shrink(pictures: np.ndarray, factor: int) -> np.ndarray:
    height, width, channels = pictures.shape
    return pictures.reshape(height // factor, factor, width // factor, factor, channels).mean(axis=(1, 3))


def test_pairs_have_the_sizes_that_were_asked_for():
    pairs = load()
    assert (len(pairs.train), len(pairs.val), len(pairs.test)) == (6, 2, 3)
    for split in (pairs.train, pairs.val, pairs.test):
        assert split.sources.shape == split.targets.shape == (len(split), 32, 32, 3)
        assert split.labels is not None and split.labels.shape == (len(split), 32, 32)
        assert (split.sources == PALETTE[split.labels]).all()
        assert split.labels.max() < len(CLASSES) == 12


def test_another_process_draws_the_same_houses():
    code = (
        "import hashlib; from pix2pix_edu.pairs.facades import *; "
        "print(hashlib.sha256(render_facade(11, 64, look=2, night=True).tobytes() "
        "+ facade_labels(11, 64).tobytes()).hexdigest())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    ours = hashlib.sha256(render_facade(11, 64, look=2, night=True).tobytes() + facade_labels(11, 64).tobytes())
    assert done.stdout.strip() == ours.hexdigest()


def test_no_house_is_in_two_splits_nor_under_two_seeds():
    seen: set[bytes] = set()
    count = 0
    for seed in (0, 1):
        pairs = load(seed=seed)
        for split in (pairs.train, pairs.val, pairs.test):
            seen |= {labels.tobytes() for labels in split.labels}
            count += len(split)
    assert len(seen) == count


def test_names_say_which_house_it_is():
    pairs = load()
    house = int(pairs.test.names[1].removeprefix("house "))
    assert (render_facade(house, 32) == pairs.test.targets[1]).all()
    assert (facade_labels(house, 32) == pairs.test.labels[1]).all()


def test_asking_for_more_houses_keeps_the_first():
    few, more = load(train=4), load(train=6)
    assert (few.train.targets == more.train.targets[:4]).all()


@pytest.mark.parametrize(("size", "agreement"), [(32, 0.75), (64, 0.85), (128, 0.9)])
def test_a_house_looks_the_same_at_every_size(size, agreement):
    for house in range(3):
        large, small = render_facade(house, 2 * size), render_facade(house, size)
        assert np.abs(shrink(large, 2) - small).mean() < 8
        agree = (facade_labels(house, 2 * size)[::2, ::2] == facade_labels(house, size)).mean()
        assert agree > agreement  # parts may be thinner than a pixel


def test_another_look_changes_colours_but_no_layout():
    looks = [render_facade(5, 64, look) for look in range(6)]
    assert len({look.tobytes() for look in looks}) == 6
    wall = facade_labels(5, 64) == Part.FACADE
    walls = np.array([look[wall].mean(axis=0) for look in looks])
    assert np.ptp(walls, axis=0).max() > 30


def test_the_picture_follows_the_labels():
    """Parts of other classes look different: between classes colours vary more than by chance."""
    for house in range(8):
        labels, picture = facade_labels(house, 128), render_facade(house, 128).astype(float)
        total = picture.var(axis=(0, 1)).sum()
        within = sum((labels == part).mean() * picture[labels == part].var(axis=0).sum() for part in np.unique(labels))
        assert within < 0.8 * total


def test_all_twelve_classes_occur_even_at_64_pixels():
    found = np.unique([facade_labels(house, 64) for house in range(100)])
    assert found.tolist() == list(range(12))
    assert CLASSES[Part.SHOP] == "shop" and CLASSES[0] == "background"


def test_every_house_has_a_door_and_windows_on_its_wall():
    for house in range(60):
        labels = facade_labels(house, 128)
        assert {Part.FACADE, Part.DOOR, Part.WINDOW, Part.CORNICE, Part.BACKGROUND} <= set(labels.ravel().tolist())
        assert (labels[-1] == Part.BACKGROUND).all()  # the pavement
        for element in facade_layout(house).elements:
            assert element.box.width > 0 and element.box.height > 0
            assert element.box.left >= -0.05 and element.box.right <= 1.05


def test_night_is_dark_but_for_lit_windows():
    lit = 0
    for house in range(12):
        day, night = render_facade(house, 64), render_facade(house, 64, night=True)
        assert night.mean() < 0.5 * day.mean()
        labels = facade_labels(house, 64)
        bright = night.max(axis=-1) > 190
        glass = np.isin(labels, [Part.WINDOW, Part.SHOP, Part.DOOR])
        wall = labels == Part.FACADE
        assert bright[wall].mean() < 0.02
        lit += bright[glass].mean() > 0.1
    assert lit >= 6


def test_day_and_night_are_twins():
    pairs = load(kind="night")
    for source, target, labels in zip(pairs.train.sources, pairs.train.targets, pairs.train.labels, strict=True):
        wall = labels == Part.FACADE
        day, night = source[wall].astype(float).mean(axis=0), target[wall].astype(float).mean(axis=0)
        assert np.corrcoef(day * (0.25, 0.29, 0.46), night)[0, 1] > 0.5  # the same wall, in moonlight
    assert pairs.about.source == "house front by day" and pairs.about.target == "house front by night"


@pytest.mark.parametrize("kind", ["labels", "night", "edges", "blueprint"])
def test_every_kind_has_its_own_source_and_the_true_labels(kind):
    pairs, plain = load(kind=kind), load()
    assert (pairs.train.labels == plain.train.labels).all()
    if kind != "labels":
        assert not (pairs.train.sources == plain.train.sources).all()
    if kind != "night":
        assert (pairs.train.targets == plain.train.targets).all()


def test_edges_are_black_on_white_where_labels_change():
    source = load(kind="edges").test.sources[0]
    assert (source[..., 0] == source[..., 1]).all() and (source[..., 1] == source[..., 2]).all()
    labels = facade_labels(3, 64)
    ink = facade_edges(3, 64)
    assert ink.min() == 0 and ink.max() <= 1
    inside = np.zeros_like(labels, bool)
    inside[1:-1, 1:-1] = True
    for rows, columns in ((-1, 0), (1, 0), (0, -1), (0, 1), (1, 1), (-1, -1), (1, -1), (-1, 1)):
        inside &= np.roll(labels, (rows, columns), (0, 1)) == labels
    assert (ink[inside] > 0).mean() < 0.05  # in the middle of a part there is none
    assert ink[labels != np.roll(labels, 1, axis=0)][5:].mean() > 0.2


def test_blueprints_are_blue_and_white():
    source = load(kind="blueprint").test.sources
    assert (source[..., 2] >= source[..., 0]).all()
    assert source[..., 0].max() > 150


def test_the_simple_theme_has_fewer_colours():
    def walls(theme: str) -> np.ndarray:
        colours = []
        for house in range(40):
            wall = facade_labels(house, 32) == Part.FACADE
            colours.append(np.median(render_facade(house, 32, theme=theme)[wall], axis=0))
        return np.array(colours)

    simple, full = walls("simple"), walls("full")
    # Warm colours only: brick and cream have more red than blue; the full theme has blue and mint walls.
    assert (simple[:, 0] > simple[:, 2] + 15).all()
    assert (full[:, 0] < full[:, 2]).sum() > 3


def test_pictures_have_texture():
    """Walls are not flat: a network has something to learn beyond one colour for each class."""
    for house in range(6):
        picture, wall = render_facade(house, 64).astype(float), facade_labels(house, 64) == Part.FACADE
        assert 3 < picture[wall].std(axis=0).mean() < 60
        assert picture.max() > 200 and picture.min() < 60


def test_labels_can_be_coloured_in_any_shape():
    assert colour_labels(np.zeros((2, 5, 4), np.uint8)).shape == (2, 5, 4, 3)
    assert len({tuple(colour) for colour in PALETTE.tolist()}) == 12


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"theme": "simpel"}, "theme='simpel'.*Did you mean 'simple'"),
        ({"kind": "nigth"}, "kind='nigth'.*Did you mean 'night'"),
        ({"train": 0}, "train=0"),
        ({"test": -3}, "test=-3"),
        ({"look": -1}, "seed=-1|look=-1"),
    ],
)
def test_wrong_options_are_explained(options, message):
    with pytest.raises(UsageError, match=message):
        load(**options)


def test_painted_once_then_read_from_the_cache():
    first, second = load(look=3), load(look=3)
    assert (first.train.targets == second.train.targets).all()
    assert not (first.train.targets == load(look=4).train.targets).all()
    assert (first.train.sources == load(look=4).train.sources).all()
