"""The study of lesson 11: conditions that fit together, sets that are what they say, runs made once, SciPy's gains."""

from __future__ import annotations

import json
from dataclasses import astuple, replace
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

import pix2pix_edu as p2p
from pix2pix_edu import augmentation_study as module
from pix2pix_edu.augmentation import has_part, labelled, new_layouts
from pix2pix_edu.augmentation_study import (
    CONDITIONS,
    FEW,
    POOL,
    QUESTIONS,
    RARE,
    RARE_HAVING,
    RARE_PAIRS,
    SCALES,
    Scale,
    Study,
    augment_study,
    generated_pairs,
    load_study,
    rare_pairs,
    real_pairs,
    run_condition,
    training_set,
)
from pix2pix_edu.errors import DataError, UsageError
from pix2pix_edu.experiments import FAILS, HOLDS, UNDECIDED, Claim
from pix2pix_edu.pairs.facades import colour_labels, facade_labels, render_facade

DARKER = {"own": 2, "other": 3, "skilled": 4}  # what each painter does to the colours of a label map
TOY = Scale("quick", "a toy", (2, 2), steps=2, batch_size=2, test=2, generator_steps=1, skilled_steps=3)


def fake_houses(seed, count, look=0):
    """Houses whose pictures are their label maps, a little brighter for each look: painting takes too long here."""
    numbers = range(1000 * seed, 1000 * seed + count)
    labels = np.stack([facade_labels(number, 64) for number in numbers])
    pictures = colour_labels(labels)
    names = [f"house {number}" for number in numbers]
    return p2p.Split(pictures, np.minimum(pictures, 255 - look) + look, names, labels)


@pytest.fixture
def toy(monkeypatch, tmp_path):
    """Small students, quick houses, and no generators, but a note of what they would have learnt from."""
    learnt = []

    def untrained(split, steps, seed, scale, folder, **changes):
        learnt.append((split.names, seed, steps, changes))
        return SimpleNamespace(model="skilled" if changes else "own")

    def drawn(model, maps, looks, seed):
        classes = np.concatenate([maps] * looks)
        return labelled(colour_labels(classes) // DARKER[model], classes, model)

    monkeypatch.setattr(module, "generate_pairs", drawn)
    monkeypatch.setitem(SCALES, "quick", TOY)
    monkeypatch.setattr(module, "_painted", fake_houses)
    monkeypatch.setattr(module, "train_generator", untrained)
    monkeypatch.setattr(module.experiments, "train_row", lambda *_, **__: [SimpleNamespace(model="other")])
    monkeypatch.setattr(module.experiments, "row_pairs", lambda *_: SimpleNamespace(train=fake_houses(9, 3)))
    module._generator.cache_clear()  # whose generators of an earlier test would not be noted
    return SimpleNamespace(runs=tmp_path / "augmentation", learnt=learnt)


# --- The plans --------------------------------------------------------------------------------------------------------


def test_the_conditions_differ_and_say_what_the_code_knows():
    assert len({astuple(replace(one, words="")) for one in CONDITIONS.values()}) == len(CONDITIONS)
    assert len({one.words for one in CONDITIONS.values()}) == len(CONDITIONS)
    for one in CONDITIONS.values():
        assert one.painter in ("", "own", "other", "skilled", "flat", "program") and one.layouts in ("new", "same")
        assert bool(one.extra) == bool(one.painter) and one.remedy in ("", "repeat", "weights")


@pytest.mark.parametrize("plan", QUESTIONS.values(), ids=list(QUESTIONS))
def test_a_question_fits_together(plan):
    assert set(plan.conditions) <= CONDITIONS.keys() and plan.baseline in plan.conditions
    measured = module.measures_of(module.FcnScore(np.eye(12, dtype=int)))
    assert set(plan.measures) <= measured.keys()
    for claim in plan.claims:
        assert {claim.better, claim.worse} <= set(plan.conditions) and claim.better != claim.worse
        assert claim.measure in measured


def test_all_that_is_added_to_twenty_real_pairs_comes_in_equal_numbers():
    """200 real pairs are 20 and 180 more: so they are the new layouts, painted by the program itself."""
    for name in ("own-same", "own-new", "other-same", "other-new", "flat-new", "program-same"):
        assert CONDITIONS[name].extra == CONDITIONS["real-200"].real - FEW == 180


# --- The training sets ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CONDITIONS)
def test_each_condition_is_what_its_plan_says(name, toy):
    condition = CONDITIONS[name]
    split, weights = training_set(name, seed=1, scale="quick", runs=toy.runs)
    expected = condition.real + (36 if condition.remedy == "repeat" else condition.extra)
    assert len(split) == expected
    assert (weights is not None) == (condition.remedy == "weights")
    few = rare_pairs(1)[0] if condition.rare else real_pairs(1, condition.real)
    np.testing.assert_array_equal(split.targets[: len(few)], few.targets)
    extra = split[len(few) :]
    if condition.rare:
        wanted = len(few) if condition.remedy != "weights" and name != "rare" and condition.having else None
        count = int(has_part(split.labels, RARE).sum())
        assert count == (expected // 2 if wanted else RARE_HAVING)
    elif condition.layouts == "same":
        np.testing.assert_array_equal(extra.labels, np.concatenate([few.labels] * 9))
    elif condition.painter:
        np.testing.assert_array_equal(extra.labels, new_layouts(180, seed=1)[: len(extra)])
    if condition.painter in DARKER:
        np.testing.assert_array_equal(extra.targets[:3], colour_labels(extra.labels[:3]) // DARKER[condition.painter])
    own = (few if condition.rare else real_pairs(1, FEW)).names  # the student's houses, and no other
    expected_learning = {
        "own": [(own, 1, TOY.generator_steps, {})],
        "skilled": [(fake_houses(9, 3).names, 0, TOY.skilled_steps, module.SKILLED)],
    }
    assert toy.learnt == expected_learning.get(condition.painter, [])


def test_each_seed_has_houses_of_its_own_and_small_sets_are_the_first_of_large_ones(toy):
    sets = [set(real_pairs(seed, POOL).names) for seed in range(3)]
    assert not sets[0] & sets[1] and not sets[1] & sets[2]
    assert real_pairs(0, 80).names[:FEW] == real_pairs(0, FEW).names
    with pytest.raises(UsageError, match="200 real pairs"):
        real_pairs(0, 201)


def test_the_real_houses_are_those_of_a_seed_that_nothing_else_is_trained_or_tested_on():
    few = real_pairs(0, FEW)
    np.testing.assert_array_equal(few.targets[2], render_facade(3_000_002, 64))
    assert not set(few.names) & set(module.held_out(2).names)
    trained = p2p.load_pairs("facades", seed=0, train=2, val=1, test=1).train
    assert {int(name.split()[1]) // 1_000_000 for name in few.names} == {3} and trained.names[0] == "house 0"


def test_two_of_forty_have_balconies_and_so_have_all_that_may_be_added(toy):
    few, more = rare_pairs(0)
    assert len(few) == RARE_PAIRS and has_part(few.labels, RARE).sum() == RARE_HAVING == 2
    assert has_part(more.labels, RARE).all() and len(more) >= 36 and not set(few.names) & set(more.names)


def test_weights_aim_at_the_share_of_pixels_that_repeating_gives(toy):
    few, weights = training_set("rare-weights", scale="quick", runs=toy.runs)
    repeated, _ = training_set("rare-repeat", scale="quick", runs=toy.runs)
    balcony = module.class_number(RARE)
    heavy = weights[few.labels]
    share = heavy[few.labels == balcony].sum() / heavy.sum()
    assert share == pytest.approx((repeated.labels == balcony).mean(), rel=1e-4)


def test_an_own_generator_is_trained_once_on_the_pairs_that_it_is_given(monkeypatch, tmp_path):
    houses = fake_houses(0, 4)
    few = p2p.Split(houses.sources[:, ::2, ::2], houses.targets[:, ::2, ::2], houses.names)
    settings = {"preset": "tiny", "filters": 2, "batch_size": 2, "save_every": 4}
    monkeypatch.setitem(module.experiments.SCALES, "toy", SimpleNamespace(settings=settings))
    run = module.train_generator(few, 4, 1, "toy", tmp_path / "generator")
    again = module.train_generator(few, 4, 1, "toy", tmp_path / "generator")
    assert len(run.history["epoch"]) == 2 and run.config["train_pairs"] == 4 and run.config["seed"] == 1
    for one, other in zip(run.model.generator.get_weights(), again.model.generator.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


# --- Running ----------------------------------------------------------------------------------------------------------


def test_a_study_goes_on_where_it_was_and_measures_nothing_twice(toy, monkeypatch):
    names, taught = ["real-20", "own-new-60", "classical-20"], []
    teach = module.Student.teach

    def noted(student, split, steps, **options):
        taught.append((len(split), options["classical"], options["seed"]))
        if len(taught) == 3:
            raise KeyboardInterrupt
        return teach(student, split, steps, **options)

    monkeypatch.setattr(module.Student, "teach", noted)
    with pytest.raises(KeyboardInterrupt):
        augment_study(names, seeds=2, scale="quick", runs=toy.runs, show_progress=False)
    assert len(list((toy.runs / "quick").glob("*.json"))) == 2
    study = augment_study(names, seeds=2, scale="quick", runs=toy.runs, show_progress=False)
    once = [(20, False, 0), (80, False, 0), (20, True, 0)]
    assert taught == [*once, once[2], (20, False, 1), (80, False, 1), (20, True, 1)]
    again = augment_study(names, seeds=2, scale="quick", runs=toy.runs, show_progress=False)
    assert len(taught) == 7
    np.testing.assert_equal(again.values, study.values)
    assert study.values.keys() == set(names) and all(len(study.of(name)) == 2 for name in names)
    assert study.about["command"] == "augment_study(['real-20', 'own-new-60', 'classical-20'], seeds=2, scale='quick')"
    assert "minutes" not in study.values["real-20"] and len(study.minutes["real-20"]) == 2


@pytest.mark.parametrize(("name", "times"), [("real-20", 1), ("real-20-long", 3), ("own-new-long", 3)])
def test_a_longer_lesson_has_three_times_the_steps(name, times, toy, monkeypatch):
    steps = []
    monkeypatch.setattr(module.Student, "teach", lambda student, split, count, **options: steps.append(count))
    run_condition(name, 0, "quick", toy.runs)
    assert steps == [times * TOY.steps]


def test_what_is_measured_is_the_score_on_the_held_out_houses(toy):
    measured = run_condition("rare", 0, "quick", toy.runs)
    student = module._student(TOY.widths)  # it has just been taught
    score = student.score(module.held_out(TOY.test))
    assert measured["class_iou"] == pytest.approx(score.class_iou, abs=1e-4)
    assert measured["recall_balcony"] == pytest.approx(score.rows[6].accuracy, abs=1e-4, nan_ok=True)
    assert len([name for name in measured if name.startswith("recall_")]) == 12


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"names": ["real-2O"]}, "Did you mean 'real-20'"),
        ({"scale": "huge"}, "quick"),
        ({"seeds": 0}, "once or more"),
        ({"seeds": True}, "once or more"),
    ],
)
def test_a_study_that_cannot_be_run_is_explained(arguments, words):
    with pytest.raises(UsageError, match=words):
        augment_study(**arguments)


def test_the_name_of_a_question_stands_for_its_conditions(toy, monkeypatch):
    monkeypatch.setattr(module, "run_condition", lambda *_: {"class_iou": 0.5, "minutes": 0.1})
    study = augment_study(["balance"], seeds=1, scale="quick", show_progress=False)
    assert tuple(study.values) == QUESTIONS["balance"].conditions


# --- What came out ----------------------------------------------------------------------------------------------------


@pytest.fixture
def study():
    rng = np.random.default_rng(0)
    houses = rng.normal(0, 0.05, 5)  # some seeds have easier houses than others
    values = {"real-20": 0.4 + houses, "own-new": 0.42 + houses + rng.normal(0, 0.005, 5), "real-40": 0.41 - houses}
    return Study({"seeds": 5}, {name: {"class_iou": row.tolist()} for name, row in values.items()})


def test_a_gain_is_the_interval_of_a_paired_test(study):
    gain = study.gain("own-new", "real-20")
    test = stats.ttest_rel(study.of("own-new"), study.of("real-20"))
    low, high = test.confidence_interval(0.95)
    assert (gain.low, gain.high) == pytest.approx((low, high))
    assert (gain.low > 0) == (test.pvalue < 0.05)


def test_a_verdict_is_about_the_gain_and_not_about_the_two_intervals(study):
    ours, plain = study.interval("own-new"), study.interval("real-20")
    assert ours.low < plain.high, "the intervals of the two scores overlap"
    assert study.verdict(Claim("own-new", "real-20", "class_iou", "")) == HOLDS
    assert study.verdict(Claim("real-20", "own-new", "class_iou", "")) == FAILS
    assert study.verdict(Claim("real-40", "real-20", "class_iou", "")) == UNDECIDED


def test_it_prints_a_table_with_gains_and_verdicts(study):
    for name in study.values:
        study.values[name] |= {"class_accuracy": [0.5] * 5, "pixel_accuracy": [0.7] * 5}
    text = repr(study)
    line = next(line for line in text.splitlines() if line.startswith("+ 180 by own generator, new layouts"))
    gain = study.gain("own-new", "real-20")
    assert str(study.interval("own-new")) in line and f"{gain.mean:+.3f} ± {gain.high - gain.mean:.3f}" in line
    assert "holds: own generator, new layouts: beats 20 real pairs alone" in text
    assert "undecided: 40 real pairs beat 20" in text and "Balconies" not in text


def test_it_can_be_kept_and_read(study, tmp_path):
    kept = Study(**json.loads(study.save(tmp_path / "results.json").read_text()))
    assert kept == study


def test_what_it_does_not_hold_is_explained(study):
    with pytest.raises(UsageError, match="Did you mean 'own-new'"):
        study.of("own-nwe")
    with pytest.raises(UsageError, match="'class_iuo'"):
        study.interval("real-20", "class_iuo")


# --- What ships -------------------------------------------------------------------------------------------------------


def test_a_sheet_that_does_not_exist_or_fit_is_explained(monkeypatch):
    with pytest.raises(UsageError, match="Did you mean 'own-new'"):
        generated_pairs("own-nwe")
    monkeypatch.setattr(module, "read_pictures", lambda path: np.zeros((3, 64, 64, 3), np.uint8))
    with pytest.raises(DataError, match="holds 3 pictures, not 36"):
        generated_pairs("rare-own")


def test_a_damaged_record_is_explained(monkeypatch, tmp_path):
    (tmp_path / "results.json").write_text('{"about"')
    monkeypatch.setattr(module, "shipped", lambda *parts: tmp_path / parts[-1])
    with pytest.raises(DataError, match=r"data/makers/augmentation\.py"):
        load_study()
