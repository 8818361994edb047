"""Emoji pairs: real drawings, and no drawing (nor its twin) on two sides of the split."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict

import numpy as np
import pytest

from pix2pix_edu.pairs import Pairs, Split, load_pairs
from pix2pix_edu.pairs.emoji import catalogue, draw, emoji_name, line_art, read_svg

PARTS = ("train", "val", "test")


@pytest.fixture(scope="module")
def pairs() -> Pairs:
    return load_pairs("emoji", image_size=64)


def hashes(pictures: np.ndarray) -> list[str]:
    return [hashlib.sha256(picture.tobytes()).hexdigest() for picture in pictures]


def parts(pairs: Pairs) -> dict[str, Split]:
    return {name: getattr(pairs, name) for name in PARTS}


def colour_share(picture: np.ndarray, colour: tuple[int, int, int]) -> float:
    return float((np.abs(picture.astype(int) - colour).max(axis=-1) < 12).mean())


def test_about_1490_pairs_are_split_80_10_10(pairs):
    counts = {name: len(split) for name, split in parts(pairs).items()}
    total = sum(counts.values())
    assert 1450 <= total <= 1530
    assert abs(counts["train"] / total - 0.8) < 0.01
    assert abs(counts["val"] / total - 0.1) < 0.005 and abs(counts["test"] / total - 0.1) < 0.005
    for split in parts(pairs).values():
        assert split.sources.shape == split.targets.shape == (len(split), 64, 64, 3)
        assert split.sources.dtype == split.targets.dtype == np.uint8
    assert pairs.direction == "AtoB" and "CC BY-SA 4.0" in pairs.about.licence and "OpenMoji" in pairs.about.credit


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_no_line_drawing_is_on_two_sides(seed):
    sides = defaultdict(set)
    total = 0
    for name, split in parts(load_pairs("emoji", image_size=64, seed=seed)).items():
        for line_hash in hashes(split.sources):
            sides[line_hash].add(name)
            total += 1
    assert all(len(names) == 1 for names in sides.values())
    assert len(sides) == total  # and each drawing is there once, whatever its skin tones


@pytest.mark.parametrize("seed", [0, 1])
def test_no_look_alikes_are_on_two_sides(seed):
    sides, ink = [], []
    for name, split in parts(load_pairs("emoji", image_size=64, seed=seed)).items():
        dark = 255 - split.sources.astype(float).mean(axis=-1)
        ink.append(
            (dark[:, ::2, ::2] + dark[:, 1::2, ::2] + dark[:, ::2, 1::2] + dark[:, 1::2, 1::2]).reshape(len(split), -1)
        )
        sides += [name] * len(split)
    ink = np.concatenate(ink)
    ink /= np.linalg.norm(ink, axis=1, keepdims=True)
    alike = ink @ ink.T > 0.9001
    sides = np.array(sides)
    assert not (alike & (sides[:, None] != sides[None, :])).any()
    assert alike.sum() > 2 * len(ink) * 0.1  # there are look-alikes, so this test means something


def test_man_woman_and_person_are_on_one_side(pairs):
    side = {name: part for part, split in parts(pairs).items() for name in split.names}
    subjects = defaultdict(set)
    for drawing in catalogue():
        points = [point for point in drawing.code.split("-") if not re.fullmatch("200D|FE0F|2640|2642", point)]
        subject = tuple("P" if point in ("1F468", "1F469", "1F9D1") else point for point in points)
        subjects[subject].add(emoji_name(drawing.code))
    several = [names for names in subjects.values() if len(names) > 1]
    assert len(several) > 50
    assert all(len({side[name] for name in names}) == 1 for names in several)


def test_the_split_is_the_same_at_every_size(pairs):
    small = load_pairs("emoji", image_size=32)
    for name, split in parts(small).items():
        assert split.names == parts(pairs)[name].names
        assert split.sources.shape[1:] == (32, 32, 3)
    sides = [set(hashes(split.sources)) for split in parts(small).values()]
    assert not sides[0] & sides[1] and not sides[0] & sides[2] and not sides[1] & sides[2]
    shrunk = pairs.test.targets.reshape(-1, 32, 2, 32, 2, 3).mean(axis=(2, 4))
    assert np.abs(shrunk - small.test.targets).mean() < 6  # the same pictures, too


def test_the_seed_decides_the_split(pairs):
    assert load_pairs("emoji", image_size=64).test.names == pairs.test.names
    assert load_pairs("emoji", image_size=64, seed=1).test.names != pairs.test.names


def test_sources_are_lines_on_white_and_targets_add_colour(pairs):
    for split in parts(pairs).values():
        sources, targets = split.sources.astype(int), split.targets.astype(int)
        assert (sources[:, 0, 0] == 255).all()
        assert np.median(sources) == 255
        difference = np.abs(sources - targets).mean(axis=(1, 2, 3)) / 255
        assert difference.min() >= 0.01
        ink = (sources < 64).all(axis=-1)  # where the source has a black line, the target mostly has it, too
        assert (targets[ink].max(axis=-1) < 128).mean() > 0.95
        saturation = np.ptp(targets, axis=-1).mean()
        assert saturation > 10 * np.ptp(sources, axis=-1).mean()


def test_the_default_colour_is_the_one_without_a_skin_tone(pairs):
    everything = {
        name: picture
        for split in parts(pairs).values()
        for name, picture in zip(split.names, split.targets, strict=True)
    }
    assert colour_share(everything["waving hand sign"], (0xFC, 0xEA, 0x2B)) > 0.1
    assert colour_share(everything["man"], (0xFC, 0xEA, 0x2B)) > 0.02


def test_what_makes_no_pair_is_left_out():
    codes = {drawing.code for drawing in catalogue()}
    assert not any(0xE000 <= int(code.split("-")[0], 16) <= 0xF8FF for code in codes)  # private use: logos
    assert not any(re.search("1F3F[B-F]", code) for code in codes)  # skin tones are variants, not pairs
    assert "1F1EB-1F1F7" not in codes  # the flag of France: its line drawing is the frame of all flags
    assert "1F534" not in codes  # a red circle: the frame of all circles
    assert {"1F44B", "1F34E", "1F600"} <= codes  # hand, apple, face


def test_names_are_for_people_and_unique(pairs):
    names = [name for split in parts(pairs).values() for name in split.names]
    assert len(set(names)) == len(names)
    assert {"waving hand sign", "red apple", "man"} <= set(names)
    assert emoji_name("0023-FE0F-20E3") == "number sign, combining enclosing keycap"
    assert emoji_name("1F44B-1F3FD") == "waving hand sign, medium skin"
    assert emoji_name("E2CC") == "E2CC"
    assert emoji_name("1FAF7") == "1FAF7"  # named since Python 3.12: shipped results know it by its code


def test_a_catalogue_made_afresh_is_the_cached_one(tmp_path, monkeypatch):
    monkeypatch.setenv("PIX2PIX_EDU_CACHE", str(tmp_path))
    assert catalogue.__wrapped__() == catalogue()
    assert len(list((tmp_path / "pairs").iterdir())) == 1


def test_variants_hold_the_several_right_answers(pairs):
    variants = pairs.variants
    assert variants is not None and len(variants) > 250
    assert sum(len(variant.targets) == 6 for variant in variants) > 250
    everything = {
        name: (part, source, target)
        for part, split in parts(pairs).items()
        for name, (source, target) in zip(split.names, split, strict=True)
    }
    for variant in variants:
        part, source, target = everything[variant.name]
        assert variant.split == part
        assert (variant.source == source).all()
        assert (variant.targets[0] == target).all() and variant.answers[0] == "no tone"
        assert len(set(hashes(variant.targets))) == len(variant.targets) == len(variant.answers) >= 2
    assert {variant.split for variant in variants} == set(PARTS)


def test_skin_tones_run_from_light_to_dark(pairs):
    hand = next(variant for variant in pairs.variants or [] if variant.name == "waving hand sign")
    assert hand.answers == ["no tone", "light", "medium-light", "medium", "medium-dark", "dark"]
    brightness = [target.mean() for target in hand.targets[1:]]
    assert brightness == sorted(brightness, reverse=True)
    for code, target in zip(("1F44B", "1F44B-1F3FF"), hand.targets[[0, 5]], strict=True):
        assert (draw(read_svg(code), 64) == target).all()
        assert (draw(line_art(read_svg(code)), 64) == hand.source).all()


def test_swapped_pairs_go_from_colour_to_line(pairs):
    swapped = load_pairs("emoji", image_size=64, direction="BtoA")
    assert (swapped.test.sources == pairs.test.targets).all() and (swapped.test.targets == pairs.test.sources).all()
    assert swapped.about.source == "coloured drawing" and swapped.variants is None
    assert swapped.swap().variants is not None


@pytest.mark.parametrize("size", [32, 128, 256, 512])
def test_a_drawing_can_be_drawn_at_any_size(size):
    picture = draw(read_svg("1F34E"), size)
    assert picture.shape == (size, size, 3)
    assert (picture[0, 0] == 255).all()
    assert colour_share(picture, (0xEA, 0x5A, 0x47)) > 0.2  # OpenMoji's red
