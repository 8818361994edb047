"""The judge behind the FCN-score: its record is true, it finds every class, and real pictures beat spoiled ones."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import pix2pix_edu as p2p
from pix2pix_edu import segmenter as module
from pix2pix_edu.errors import CheckpointError, DataError, UsageError
from pix2pix_edu.evaluation import fcn_score, real_score
from pix2pix_edu.gallery import load_gallery
from pix2pix_edu.pairs.facades import CLASSES, SPLITS, facade_labels, render_facade
from pix2pix_edu.paths import shipped
from pix2pix_edu.segmenter import (
    SEGMENTER_SEED,
    SEGMENTER_SIZES,
    feature_model,
    load_segmenter,
    segment,
    segmenter_model,
    segmenter_record,
)


@pytest.fixture(scope="module", params=SEGMENTER_SIZES)
def size(request):
    return request.param


@pytest.fixture(scope="module")
def real(size):
    """The pictures that the experiments are tested on."""
    return p2p.load_pairs("facades", image_size=size, theme="full", train=1, val=1, test=100).test


@pytest.fixture(scope="module")
def score(real):
    return real_score(real)


def test_the_record_says_how_it_was_made(size):
    record = segmenter_record(size)
    assert {"what", "command", "machine", "date", "versions", "seed", "minutes", "data", "settings"} <= set(record)
    assert record["command"] == f"python data/makers/segmenter.py --size {size} --seed {record['seed']}"
    assert record["cpu_minutes"] < 12
    weights = shipped("weights", f"segmenter-{size}.p2p")
    assert weights.stat().st_size == pytest.approx(1000 * record["kilobytes"], abs=1000)
    assert record["kilobytes"] < 1000


def test_the_recorded_score_on_real_pictures_is_what_is_measured(size, score):
    record = segmenter_record(size)
    for name, value in record["real"].items():
        assert getattr(score, name) == pytest.approx(value, abs=0.003)
    assert [row["name"] for row in record["classes"]] == list(CLASSES)
    for row, recorded in zip(score, record["classes"], strict=True):
        assert row.iou == pytest.approx(recorded["iou"], abs=0.02)


def test_it_is_better_than_the_prototype_that_the_course_began_with(size, score):
    assert score.pixel_accuracy > 0.92 and score.class_accuracy > 0.80 and score.class_iou > 0.72


def test_every_class_is_found_far_more_often_than_by_chance(real, score):
    """Chance knows where windows usually are, but not this picture: what was read of the house next door."""
    other = fcn_score(real.labels, np.roll(real.targets, 1, axis=0))
    for row, chance in zip(score, other, strict=True):
        assert row.share > 0 and row.accuracy > 0.3, row
        assert row.accuracy > chance.accuracy + 0.1 and row.iou > chance.iou + 0.2, (row, chance)


def test_nothing_is_merged(size):
    assert segmenter_record(size)["merged"] == {}
    assert load_segmenter(size).output_shape == (None, size, size, len(CLASSES))


def test_it_learned_from_no_house_that_the_course_shows(size):
    """The record names the data; houses of different seeds have different numbers."""
    data = segmenter_record(size)["data"]
    assert data["seed"] == SEGMENTER_SEED
    learned = p2p.load_pairs("facades", image_size=32, seed=data["seed"], train=2, val=1, test=1)
    shown = p2p.load_pairs("facades", image_size=32, train=2, val=1, test=1)
    numbers = [
        {int(name.split()[-1]) for part in SPLITS for name in getattr(pairs, part).names} for pairs in (learned, shown)
    ]
    assert min(numbers[0]) == 3_000_000 * SEGMENTER_SEED > max(numbers[1])


def test_real_pictures_score_higher_than_spoiled_ones(real, score):
    few = real[:30]
    blurred = gaussian_filter(few.targets.astype(float), (0, 1.5, 1.5, 0)).astype("uint8")
    noisy = np.clip(few.targets + np.random.default_rng(0).normal(0, 60, few.targets.shape), 0, 255).astype("uint8")
    grey = np.repeat(few.targets.mean(axis=-1, keepdims=True), 3, axis=-1).astype("uint8")
    assert fcn_score(few.labels, grey).class_iou < score.class_iou - 0.05  # it looks at shapes more than at colours
    for spoiled in (blurred, noisy, 255 - few.targets):
        assert fcn_score(few.labels, spoiled).class_iou < score.class_iou - 0.2


def test_real_pictures_score_higher_than_generated_ones():
    """The lesson's own generators, at 128 px: none is near the ceiling."""
    gallery = load_gallery("patchgan")
    split = gallery.split
    real = fcn_score(split.sources, split.targets)
    for name in gallery.names:
        generated = fcn_score(split.sources, gallery.pictures(name))
        assert generated.class_iou < real.class_iou - 0.05
        assert generated.pixel_accuracy < real.pixel_accuracy


def test_one_picture_is_read_as_in_a_batch(size):
    pictures = np.stack([render_facade(house, size) for house in range(3)])
    together = segment(pictures)
    assert together.dtype == np.uint8 and together.shape == (3, size, size)
    np.testing.assert_array_equal(segment(pictures[1]), together[1])
    assert segment(pictures[:0]).shape == (0, size, size)


def test_more_pictures_than_a_batch_are_all_read(monkeypatch):
    pictures = np.stack([render_facade(house, 64) for house in range(3)])
    together = segment(pictures)
    monkeypatch.setattr(module, "BATCH", 2)
    np.testing.assert_array_equal(segment(pictures), together)


def test_mirrored_houses_are_read_as_well(size):
    pictures = np.stack([render_facade(house, size) for house in range(5)])
    labels = np.stack([facade_labels(house, size) for house in range(5)])
    plain = fcn_score(labels, pictures).pixel_accuracy
    assert fcn_score(labels[:, :, ::-1], pictures[:, :, ::-1]).pixel_accuracy == pytest.approx(plain, abs=0.03)


@pytest.mark.parametrize(
    ("pictures", "message"),
    [
        (np.zeros((1, 64, 64, 3), "float32"), "to_uint8"),
        (np.zeros((1, 64, 64, 1), "uint8"), "uint8 RGB"),
        (np.zeros((64, 64), "uint8"), "uint8 RGB"),
        (np.zeros((1, 32, 32, 3), "uint8"), "64 x 64 or 128 x 128"),
        (np.zeros((1, 64, 128, 3), "uint8"), "these are 64 x 128"),
    ],
)
def test_pictures_that_it_cannot_read_are_explained(pictures, message):
    with pytest.raises(UsageError, match=message):
        segment(pictures)


def test_sizes_without_a_segmenter_are_explained():
    for ask in (load_segmenter, segmenter_record):
        with pytest.raises(UsageError, match="image_size=64"):
            ask(256)


def test_missing_files_are_explained(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "shipped", lambda *parts: tmp_path.joinpath(*parts))
    load_segmenter.cache_clear()
    with pytest.raises(DataError, match=r"data/makers/segmenter\.py --size 64"):
        segmenter_record(64)
    with pytest.raises(CheckpointError, match="There is no model"):
        load_segmenter(64)


def test_a_generator_is_no_segmenter(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "shipped", lambda *parts: shipped("weights", "emoji.p2p"))
    load_segmenter.cache_clear()
    with pytest.raises(CheckpointError, match="holds no segmenter"):
        load_segmenter(64)


def test_the_features_of_a_size_do_not_depend_on_the_size_it_was_loaded_for():
    picture = render_facade(3, 64)[None] / 127.5 - 1
    here = module.keras.Model(load_segmenter(64).inputs[0], load_segmenter(64).get_layer("down_2").output)
    wanted = np.asarray(here(picture, training=False))
    found = np.asarray(feature_model(("down_2", "down_3"))(picture, training=False)[0])
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


def test_the_same_seed_gives_the_same_network():
    one, same, other = (segmenter_model(64, (4, 8), seed=seed).get_weights() for seed in (1, 1, 2))
    assert all((a == b).all() for a, b in zip(one, same, strict=True))
    assert (one[0] != other[0]).any()
    assert np.abs(one[5].ravel()[:20] - one[0].ravel()[:20]).max() > 0  # no two layers start alike


@pytest.fixture
def maker(load_maker):
    return load_maker("segmenter")


def test_the_maker_shows_each_picture_once_with_its_own_labels(maker):
    pictures = np.stack([render_facade(house, 32) for house in range(6)])
    labels = np.stack([facade_labels(house, 32) for house in range(6)])
    houses = maker.Houses(pictures, labels, batch=2, seed=0)
    assert len(houses) == 3
    seen = []
    for batch in range(3):
        for picture, label in zip(*houses[batch], strict=True):
            house = [
                number
                for number in range(6)
                for step in (1, -1)
                if np.array_equal(label, labels[number][:, ::step])
                and np.allclose(picture, pictures[number][:, ::step] / 127.5 - 1, atol=1e-6)
            ]
            assert len(house) == 1
            seen += house
    assert sorted(seen) == list(range(6))
    first = houses.order.tolist()
    houses.on_epoch_end()
    assert houses.order.tolist() != first


def test_the_maker_trains_a_network_that_reads(maker):
    pictures = np.stack([render_facade(house, 32) for house in range(16)])
    labels = np.stack([facade_labels(house, 32) for house in range(16)])
    network = segmenter_model(32, (8, 16), seed=0)
    maker.train(network, maker.Houses(pictures, labels, batch=8, seed=0), steps=61)
    read = np.asarray(network(pictures / 127.5 - 1, training=False)).argmax(axis=-1)
    most = np.bincount(labels.ravel()).max() / labels.size
    assert (read == labels).mean() > most + 0.2


def test_the_records_are_json_without_surprises(size):
    text = shipped("weights", f"segmenter-{size}.json").read_text()
    assert json.loads(text) == segmenter_record(size)
