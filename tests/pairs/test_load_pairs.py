"""The front door: names, sizes, directions, and the containers that every data set comes in."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from pix2pix_edu.errors import DataError, UsageError
from pix2pix_edu.pairs import REGISTRY, About, Pairs, Split, Variants, load_pairs
from pix2pix_edu.pairs.core import split_families


def make_split(n: int = 6, size: int = 32) -> Split:
    rng = np.random.default_rng(n)
    sources = rng.integers(0, 256, (n, size, size, 1), dtype=np.uint8)
    targets = rng.integers(0, 256, (n, size, size, 3), dtype=np.uint8)
    return Split(sources, targets, [f"pair {i}" for i in range(n)], labels=sources[..., 0] % 12)


def make_pairs() -> Pairs:
    about = About("noise", source="grey noise", target="colour noise")
    return Pairs("noise", make_split(6), make_split(2), make_split(3), about=about)


# --- load_pairs


def test_unknown_name_suggests_the_nearest():
    with pytest.raises(UsageError, match=r"'emojis'.*Did you mean 'emoji'"):
        load_pairs("emojis")


@pytest.mark.parametrize(
    ("size", "advice"), [(100, "64 or 128"), (16, "32"), (1024, "512"), (0, "32"), (63.5, "32 or 64"), ("64", "one of")]
)
@pytest.mark.parametrize("name", ["emoji", "facades", "maps", "./some/folder"])
def test_impossible_image_sizes_name_the_nearest_that_work(name, size, advice):
    with pytest.raises(UsageError, match=rf"image_size={size!r}.*{advice}"):
        load_pairs(name, image_size=size)


def test_other_wrong_arguments_are_explained():
    with pytest.raises(UsageError, match="use 'AtoB' or 'BtoA'"):
        load_pairs("facades", direction="backwards")
    with pytest.raises(UsageError, match="seed=-1"):
        load_pairs("facades", seed=-1)
    with pytest.raises(UsageError, match=r"facades has no option 'thme'. Did you mean 'theme'"):
        load_pairs("facades", thme="simple")
    with pytest.raises(UsageError, match="emoji has no option 'limit'"):
        load_pairs("emoji", limit=3)
    with pytest.raises(UsageError, match="needs the option path="):
        load_pairs("folder")


def test_registry_lists_every_data_set_with_one_line():
    assert {"emoji", "facades", "folder", "facades-cmp", "maps", "cityscapes"} <= set(REGISTRY)
    for name, dataset in REGISTRY.items():
        assert dataset.name == name
        assert dataset.description and "\n" not in dataset.description and len(dataset.description) < 80


def test_loading_pairs_does_not_load_tensorflow():
    code = (
        "import sys; from pix2pix_edu.pairs import load_pairs; import pix2pix_edu.pairs.jitter; "
        "load_pairs('facades', image_size=32, train=1, val=1, test=1); "
        "print([name for name in ('tensorflow', 'keras', 'jax', 'torch', 'matplotlib') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --- Split


def test_a_split_can_be_made_by_hand_from_two_arrays():
    split = Split(np.zeros((3, 32, 32, 1), np.uint8), np.ones((3, 32, 32, 3), np.uint8))
    assert len(split) == 3
    assert split.names == ["0000", "0001", "0002"]
    assert split.labels is None
    assert "3 pairs" in repr(split)


def test_indexing_keeps_everything_together():
    split = make_split()
    source, target = split[4]
    assert (source == split.sources[4]).all() and (target == split.targets[4]).all()
    mask = np.array([True, False, False, True, False, False])
    for index in (slice(0, 4, 3), [0, 3], np.array([0, 3]), mask):
        part = split[index]
        assert part.names == ["pair 0", "pair 3"]
        assert (part.sources == split.sources[[0, 3]]).all()
        assert (part.targets == split.targets[[0, 3]]).all()
        assert (part.labels == split.labels[[0, 3]]).all()
    assert len(split[[]]) == 0
    with pytest.raises(IndexError):
        split[6]


def test_iterating_gives_pairs():
    split = make_split()
    assert [bool((source == split.sources[i]).all()) for i, (source, _) in enumerate(split)] == [True] * 6


def test_take_is_reproducible_and_never_repeats():
    split = make_split()
    assert split.take(2).names == ["pair 0", "pair 1"]
    assert split.take(4, seed=3).names == split.take(4, seed=3).names
    assert len(set(split.take(4, seed=3).names)) == 4
    assert {tuple(split.take(3, seed=seed).names) for seed in range(10)} != {tuple(split.take(3).names)}
    assert len(split.take(100)) == len(split.take(100, seed=0)) == 6
    with pytest.raises(UsageError):
        split.take(-1)


@pytest.mark.parametrize(
    ("sources", "targets", "message"),
    [
        (np.zeros((2, 8, 8, 3), np.uint8), np.zeros((3, 8, 8, 3), np.uint8), "do not match"),
        (np.zeros((2, 8, 8, 3), np.uint8), np.zeros((2, 8, 9, 3), np.uint8), "do not match"),
        (np.zeros((2, 8, 8, 3), np.float32), np.zeros((2, 8, 8, 3), np.uint8), r"float32.*\* 255"),
        (np.zeros((2, 8, 8, 3), np.uint8), np.zeros((2, 8, 8, 3), np.uint16), "uint16.*257"),
        (np.zeros((2, 8, 8), np.uint8), np.zeros((2, 8, 8, 3), np.uint8), r"\[..., None\]"),
        (np.zeros((8, 8), np.uint8), np.zeros((2, 8, 8, 3), np.uint8), "number, height, width, channels"),
        ([1, 2], np.zeros((2, 8, 8, 3), np.uint8), "not list.*np.stack"),
    ],
)
def test_arrays_that_are_no_pairs_are_explained(sources, targets, message):
    with pytest.raises(DataError, match=message):
        Split(sources, targets)


def test_names_and_labels_must_fit():
    pictures = np.zeros((2, 8, 8, 3), np.uint8)
    with pytest.raises(DataError, match="as many names"):
        Split(pictures, pictures, ["one"])
    with pytest.raises(DataError, match=r"labels must be .*\(2, 8, 8\)"):
        Split(pictures, pictures, labels=np.zeros((2, 8, 9), np.uint8))


# --- Pairs


def test_swap_exchanges_everything_and_is_its_own_inverse():
    pairs = make_pairs()
    swapped = pairs.swap()
    assert swapped.direction == "BtoA"
    assert swapped.about.source == "colour noise" and swapped.about.target == "grey noise"
    assert (swapped.val.sources == pairs.val.targets).all() and (swapped.val.targets == pairs.val.sources).all()
    back = swapped.swap()
    assert back.direction == pairs.direction and back.about == pairs.about
    for name in ("train", "val", "test"):
        ours, theirs = getattr(pairs, name), getattr(back, name)
        assert (ours.sources == theirs.sources).all() and (ours.targets == theirs.targets).all()
        assert ours.names == theirs.names and (ours.labels == theirs.labels).all()


def test_towards_turns_only_when_needed():
    pairs = make_pairs()
    assert pairs.towards(None) is pairs and pairs.towards("AtoB") is pairs
    assert pairs.towards("BtoA").direction == "BtoA"
    assert pairs.towards("BtoA").towards("BtoA").towards("AtoB").about.source == "grey noise"


def test_splits_of_different_shapes_are_refused():
    with pytest.raises(DataError, match="sources of val"):
        Pairs("noise", make_split(4), make_split(2, size=64), make_split(2))


def test_variants_are_asked_for_late_and_only_in_their_direction():
    asked = []
    answer = Variants("a", np.zeros((8, 8, 1), np.uint8), np.zeros((2, 8, 8, 3), np.uint8), ["red", "blue"], "test")

    def load() -> list[Variants]:
        asked.append(True)
        return [answer]

    split = make_split()
    pairs = Pairs("noise", split, split, split, load_variants=load)
    assert not asked
    assert pairs.swap().variants is None and not asked
    assert pairs.swap().swap().variants == [answer]
    assert make_pairs().variants is None


def test_repr_says_what_there_is():
    assert repr(make_pairs()) == (
        "Pairs('noise': 6 / 2 / 3 train / val / test, 32 px, AtoB: grey noise to colour noise)"
    )


# --- Splitting by family


def test_families_are_never_divided():
    rng = np.random.default_rng(0)
    for seed in range(20):
        families = rng.integers(0, 40, 200)
        families = np.unique(families, return_inverse=True)[1]
        sides = split_families(families, seed)
        assert all(len(set(sides[families == family])) == 1 for family in np.unique(families))
        assert abs((sides == "test").sum() - 20) <= 3 and abs((sides == "val").sum() - 20) <= 3


def test_even_three_pairs_are_divided_among_three_splits():
    assert sorted(split_families(np.arange(3), seed=5)) == ["test", "train", "val"]
