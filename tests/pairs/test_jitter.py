"""Jitter must treat both pictures of a pair alike, and depend on nothing but a seed."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from pix2pix_edu.errors import UsageError
from pix2pix_edu.pairs.jitter import Jitter, jitter, jitter_size, order, rng_for


def noise(n: int = 8, size: int = 32, channels: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, size, size, channels), dtype=np.uint8)


def coordinates(n: int, size: int) -> np.ndarray:
    """Pictures whose two channels say, as floats, in which row and column a pixel lies."""
    rows, columns = np.mgrid[0:size, 0:size].astype(np.float32)
    return np.repeat(np.stack([rows, columns], axis=-1)[None], n, axis=0)


@pytest.mark.parametrize("precompute", [True, False])
def test_a_pair_of_twins_stays_a_pair_of_twins(precompute):
    pictures = noise(200)
    twins = Jitter(pictures, pictures.copy(), 36, precompute=precompute)
    for batch in range(5):
        sources, targets = twins(order(0, 0, 200)[batch * 40 : batch * 40 + 40], rng_for(0, 0, batch))
        assert (sources == targets).all()
        assert sources.shape == (40, 32, 32, 3) and sources.dtype == np.uint8


def test_the_same_seed_gives_the_same_batch_and_another_does_not():
    sources, targets = noise(seed=1), noise(seed=2)
    ready = Jitter(sources, targets, 36)
    first, again = ready(range(8), rng_for(3, 1, 4)), ready(range(8), rng_for(3, 1, 4))
    assert (first[0] == again[0]).all() and (first[1] == again[1]).all()
    for other in (rng_for(4, 1, 4), rng_for(3, 2, 4), rng_for(3, 1, 5)):
        assert not (ready(range(8), other)[0] == first[0]).all()


def test_precomputed_and_late_enlarging_agree_to_the_last_bit():
    sources, targets = noise(seed=1), noise(seed=2, channels=1)
    early = Jitter(sources, targets, 37, precompute=True)([7, 0, 3], rng_for(0, 0, 0))
    late = Jitter(sources, targets, 37, precompute=False)([7, 0, 3], rng_for(0, 0, 0))
    assert (early[0] == late[0]).all() and (early[1] == late[1]).all()
    batch = jitter(sources[[7, 0, 3]], targets[[7, 0, 3]], rng_for(0, 0, 0), 37)
    assert (batch[0] == early[0]).all() and (batch[1] == early[1]).all()


def test_windows_and_mirrors_are_spread_evenly():
    n, size, enlarged = 6000, 8, 12
    pictures = coordinates(n, size)
    sources, _ = Jitter(pictures, pictures, enlarged)(range(n), rng_for(0, 0, 0))
    # Where a window lies can be read from its pixels: after enlarging, neighbours are 8/12 of a pixel apart.
    rows, columns = sources[..., 0], sources[..., 1]
    tops = np.rint((rows[:, 4, 4] + 0.5) * enlarged / size - 0.5 - 4).astype(int)
    mirrored = columns[:, 4, 5] < columns[:, 4, 4]
    columns = np.where(mirrored[:, None, None], columns[:, :, ::-1], columns)
    lefts = np.rint((columns[:, 4, 4] + 0.5) * enlarged / size - 0.5 - 4).astype(int)
    for corners in (tops, lefts):
        counts = np.bincount(corners, minlength=5)
        assert len(counts) == 5  # 0 to 4, both ends included
        assert (np.abs(counts - n / 5) < 5 * np.sqrt(n * 0.2 * 0.8)).all()
    assert abs(mirrored.sum() - n / 2) < 5 * np.sqrt(n / 4)
    for one, other in ((tops, lefts), (tops, mirrored), (lefts, mirrored)):
        assert abs(np.corrcoef(one, other)[0, 1]) < 5 / np.sqrt(n)


def test_mirroring_can_be_switched_off():
    pictures = coordinates(100, 8)
    sources, _ = Jitter(pictures, pictures, 10, mirror=False)(range(100), rng_for(0, 0, 0))
    assert (np.diff(sources[..., 1], axis=2) >= 0).all()


def test_no_enlarging_and_no_mirror_changes_nothing():
    sources, targets = noise(seed=1), noise(seed=2)
    same = Jitter(sources, targets, 32, mirror=False)(range(8), rng_for(0, 0, 0))
    assert (same[0] == sources).all() and (same[1] == targets).all()
    assert same[0] is not sources


def test_enlarging_is_bilinear_as_pillow_does_it():
    picture = noise(1, 32)
    enlarged, _ = Jitter(picture, picture, 64)._enlarged
    ours = enlarged[0]
    pillow = np.asarray(Image.fromarray(picture[0]).resize((64, 64), Image.Resampling.BILINEAR))
    assert np.abs(ours.astype(int) - pillow).max() <= 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
def test_the_type_is_kept(dtype):
    pictures = noise().astype(dtype)
    sources, targets = jitter(pictures, pictures[..., :1], rng_for(0, 0, 0), 36)
    assert sources.dtype == targets.dtype == dtype
    assert targets.shape == (8, 32, 32, 1)
    assert sources.min() >= 0 and sources.max() <= 255


def test_floats_are_not_rounded():
    pictures = coordinates(2, 8) / 7 * 2 - 1
    sources, _ = jitter(pictures, pictures, rng_for(0, 0, 0), 11)
    assert sources.min() >= -1 and sources.max() <= 1
    assert len(np.unique(sources)) > 8


def test_pictures_that_are_not_square_keep_their_shape():
    pictures = noise(4)[:, :, :16]
    sources, _ = jitter(pictures, pictures, rng_for(0, 0, 0), 36)
    assert sources.shape == (4, 32, 16, 3)


def test_wrong_arguments_are_explained():
    with pytest.raises(UsageError, match=r"resize_to=30 is smaller.*36"):
        Jitter(noise(), noise(), 30)
    with pytest.raises(UsageError, match="must agree"):
        Jitter(noise(), noise(4), 36)
    with pytest.raises(UsageError, match="must agree"):
        Jitter(noise(), noise().astype(np.float32), 36)


def test_order_is_a_permutation_that_seed_and_epoch_decide():
    assert sorted(order(0, 0, 50)) == list(range(50))
    assert (order(1, 2, 50) == order(1, 2, 50)).all()
    orders = {tuple(order(seed, epoch, 50)) for seed in range(4) for epoch in range(4)}
    assert len(orders) == 16


def test_no_stream_of_random_numbers_is_used_twice():
    streams = {
        float(rng_for(seed, epoch, batch).random()) for seed in range(4) for epoch in range(4) for batch in range(4)
    }
    assert len(streams) == 64
    assert not (rng_for(0, 0, 0).permutation(50) == order(0, 0, 50)).all()


def test_the_paper_enlarges_256_to_286():
    assert jitter_size(256) == 286
    assert [jitter_size(size) for size in (32, 64, 128, 512)] == [36, 72, 143, 572]


def test_the_module_needs_no_backend_and_agrees_between_processes():
    code = (
        "import sys, numpy as np; from pix2pix_edu.pairs.jitter import *; "
        "x = np.arange(4 * 32 * 32 * 3).reshape(4, 32, 32, 3).astype(np.uint8); "
        "print(int(jitter(x, x, rng_for(5, 6, 7), 36)[0].astype(int).sum()), order(5, 6, 4).tolist(), "
        "'tensorflow' in sys.modules)"
    )
    runs = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout for _ in "ab"
    }
    assert len(runs) == 1
    assert runs.pop().strip().endswith("False")
