"""Lesson 10: right answers that are not the printed ones, and plausible wrong ones with the message they get."""

from dataclasses import replace

import numpy as np
import pytest

import pix2pix_edu as p2p
from pix2pix_edu.applications import l1_where, lab_pairs, suitability
from pix2pix_edu.exercises.lesson_10 import CASES, q1, q2, q3, q4
from pix2pix_edu.insight import misaligned, mismatched
from pix2pix_edu.pairs.photos import fill_holes, rgb_to_lab


def rejected(exercise, *answers, seed=0):
    feedback = exercise.grade(*answers, seed=seed)
    assert feedback.kind == "incorrect", feedback
    return feedback.details["likely cause"]


# --- q1: grey_to_lab_pairs


@pytest.mark.parametrize("answer", [rgb_to_lab, lab_pairs, lambda p: [np.array(side) for side in rgb_to_lab(p)]])
def test_pairs_in_lab_are_accepted(answer):
    assert q1.grade(answer).kind == "correct"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda p: rgb_to_lab(p)[::-1], "swapped"),
        (lambda p: (rgb_to_lab(p)[0][..., 0], rgb_to_lab(p)[1]), "last axis is missing"),
        (lambda p: (p, rgb_to_lab(p)[1]), "nothing left to colour"),
        (lambda p: (p.mean(-1, keepdims=True).round().astype("uint8"), rgb_to_lab(p)[1]), "not lightness"),
        (lambda p: (p.mean(-1), rgb_to_lab(p)[1]), "not lightness"),
        (lambda p: (p.mean(-1).astype("uint8"), rgb_to_lab(p)[1]), "not lightness"),
        (lambda p: (p.mean(-1, keepdims=True).astype("uint8"), rgb_to_lab(p)[1]), "not lightness"),
        (lambda p: (np.repeat(rgb_to_lab(p)[0], 3, -1), rgb_to_lab(p)[1]), "asked for is one"),
        (lambda p: (rgb_to_lab(p)[0], p), "picture in RGB"),
        (lambda p: (rgb_to_lab(p)[0], np.concatenate(rgb_to_lab(p), -1)), "need not paint"),
        (lambda p: (rgb_to_lab(p)[0], rgb_to_lab(p)[1][..., ::-1]), "channels are swapped"),
        (lambda p: rgb_to_lab(p)[0], "Only one value"),
        (lambda p: (rgb_to_lab(p)[0] / 255, rgb_to_lab(p)[1]), "255 times too small"),
        (lambda p: (rgb_to_lab(p)[0].astype(float), rgb_to_lab(p)[1]), "their type is float64"),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_wrong_pairs_are_rejected_with_the_reason(answer, words, seed):
    assert words in rejected(q1, answer, seed=seed)


# --- q2: merge


def by_index(source, painted):
    result = source[..., :3].copy()
    hole = source[..., 3] == 255
    result[hole] = painted[hole]
    return result


@pytest.mark.parametrize("answer", [by_index, fill_holes])
def test_a_merge_by_index_and_the_librarys_are_accepted(answer):
    assert q2.grade(answer).kind == "correct"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda s, p: np.where(s[..., 3:] > 127, s[..., :3], p), "wrong way round"),
        (lambda s, p: p, "everywhere"),
        (lambda s, p: np.where(s[..., :3] == 128, p, s[..., :3]), "each grey pixel"),
        (lambda s, p: np.where((s[..., :3] == 128).all(-1, keepdims=True), p, s[..., :3]), "each grey pixel"),
        (lambda s, p: s[..., :3], "still grey"),
        (lambda s, p: ((p.astype(int) + s[..., :3]) // 2).astype("uint8"), "averaged"),
        (lambda s, p: np.concatenate([fill_holes(s, p), s[..., 3:]], -1), "fourth channel"),
        (lambda s, p: np.zeros_like(p), "then np.where"),
        (lambda s, p: fill_holes(s, p) / 1.0, "type is float64"),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_wrong_merges_are_rejected_with_the_reason(answer, words, seed):
    assert words in rejected(q2, answer, seed=seed)


# --- q3: l1_in_hole


def in_a_loop(real, painted, hole):
    found = [
        abs(float(a) - float(b))
        for r, p, h in zip(real, painted, hole, strict=True)
        for x, y, inside in zip(r.reshape(-1, 3), p.reshape(-1, 3), h.ravel(), strict=True)
        if inside
        for a, b in zip(x, y, strict=True)
    ]
    return sum(found) / len(found) / 127.5


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("answer", [in_a_loop, l1_where])
def test_a_loop_and_the_librarys_are_accepted(answer, seed):
    assert q3.grade(answer, seed=seed).kind == "correct"


def distance(real, painted):
    return np.abs(real.astype(float) - painted) / 127.5


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda r, p, h: distance(r, p).mean(), "whole picture"),
        (lambda r, p, h: (distance(r, p) * h[..., None]).mean(), "still counts"),
        (lambda r, p, h: distance(r, p)[~h].mean(), "outside the hole"),
        (lambda r, p, h: distance(r, p)[h].mean() * 127.5, "grey levels"),
        (lambda r, p, h: distance(r, p)[h].mean() / 2, "divide by 127.5"),
        (lambda r, p, h: distance(r, p)[h].sum(), "a sum"),
        (lambda r, p, h: np.abs(r - p)[h].mean() / 127.5, "uint8"),
        (lambda r, p, h: (distance(r, p)[h] ** 2).mean(), "squared"),
        (lambda r, p, h: np.mean([distance(a, b)[c].mean() for a, b, c in zip(r, p, h, strict=True) if c.any()]),
         "counts the same"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("seed", range(3))
def test_wrong_errors_are_rejected_with_the_reason(answer, words, seed):
    assert words in rejected(q3, answer, seed=seed)


# --- q4: suits


@pytest.mark.parametrize("answer", ["C", "c", " C "])
def test_the_ordinary_folder_suits(answer):
    assert q4.grade(answer).kind == "correct"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("A", "by heart"),
        ("B", "seven pixels"),
        ("D", "any target"),
        ("E", "one of the letters"),
        (["C"], "one of the letters"),
    ],
)
def test_folders_that_do_not_suit_are_rejected_with_the_reason(answer, words):
    assert words in rejected(q4, answer)


def test_a_placeholder_is_not_an_attempt():
    assert q4.grade(...).kind == "not attempted"


def test_the_four_folders_are_what_the_library_finds():
    """A: 20 drawings; B: drawings moved by up to 8 pixels each; C: drawings as they are; D: shuffled drawings."""
    pairs = p2p.load_pairs("emoji", image_size=64)
    cases = {
        "A": replace(pairs, train=pairs.train[:20]),
        "B": replace(pairs, train=misaligned(pairs.train, 8), test=misaligned(pairs.test, 8)),
        "C": pairs,
        "D": replace(pairs, train=mismatched(pairs.train), test=mismatched(pairs.test)),
    }
    question = " ".join(str(q4).split())
    for name, case in cases.items():
        found = suitability(case)
        assert CASES[name] == pytest.approx((found.pairs, found.shift, found.filter, found.neighbour), abs=0.06)
        count, shift, foretold, neighbour = CASES[name]
        words = f"{name}: {count:,} pairs, shift {shift:.1f} px, filter {foretold:.2f}, neighbour {neighbour:.2f}"
        assert words in question
