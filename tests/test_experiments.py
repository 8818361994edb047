"""The experiments: plans that fit together, runs that are made once, intervals and verdicts, and what ships."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from pix2pix_edu import experiments
from pix2pix_edu.backend import keras
from pix2pix_edu.errors import DataError, UsageError
from pix2pix_edu.evaluation import label_score
from pix2pix_edu.experiments import (
    EXPERIMENTS,
    FAILS,
    HOLDS,
    REAL,
    ROWS,
    SCALES,
    UNDECIDED,
    Claim,
    Outcome,
    collect,
    interval,
    judge,
    learning_pairs,
    load_outcome,
    load_sheet,
    reproduce,
    restore,
    row_pairs,
    row_work,
    run_row,
    train_row,
)
from pix2pix_edu.pairs.facades import render_facade
from pix2pix_edu.presets import PRESETS
from pix2pix_edu.translation import translate

# --- the plans --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("plan", EXPERIMENTS.values(), ids=list(EXPERIMENTS))
def test_a_plan_fits_together(plan):
    assert set(plan.rows) <= ROWS.keys() and len(set(plan.rows)) == len(plan.rows)
    assert plan.claims
    for claim in plan.claims:
        assert {claim.better, claim.worse} <= {*plan.rows, REAL} and claim.better != claim.worse
        assert claim.measure in plan.measures
    assert set(plan.paper) <= set(plan.rows)
    assert all(len(numbers) == len(plan.measures) for numbers in plan.paper.values())


def test_every_row_belongs_to_an_experiment_and_has_settings_that_train_knows():
    used = {key for plan in EXPERIMENTS.values() for key in plan.rows}
    assert used == ROWS.keys()
    known = PRESETS["small"].settings()
    assert all(set(row.settings) <= known.keys() for row in ROWS.values())


def test_no_two_rows_are_the_same_model():
    plans = [
        json.dumps([row.settings, row.data, row.swap, row.stretch, row.learn], sort_keys=True) for row in ROWS.values()
    ]
    assert len(set(plans)) == len(plans)


def test_rows_with_fewer_pairs_make_the_same_number_of_steps():
    shipped = SCALES["shipped"]
    steps = {key: ROWS[key].data.get("train", 800) * shipped.epochs * ROWS[key].stretch / 4 for key in
             ("pairs-25", "pairs-100", "pairs-400", "l1-cgan", "pairs-100-diffaugment")}  # fmt: skip
    assert set(steps.values()) == {3000}


def test_quarters_and_halves_make_as_many_steps_as_whole_houses(toy):
    whole, parts, small = (learning_pairs(key, "quick") for key in ("l1-cgan", "quarters", "halved"))
    assert (whole.image_size, parts.image_size, small.image_size) == (64, 32, 32)
    assert len(parts.train) == 4 * len(whole.train) and len(small.train) == len(whole.train)
    assert ROWS["quarters"].settings["batch_size"] == 4 * SCALES["shipped"].settings["batch_size"]
    picture, quarter = whole.train.targets[3], parts.train.targets[12:16]
    np.testing.assert_array_equal(np.block([[[quarter[0]], [quarter[1]]], [[quarter[2]], [quarter[3]]]]), picture)
    known = set(map(tuple, whole.train.sources.reshape(-1, 3)))
    assert set(map(tuple, small.train.sources.reshape(-1, 3))) <= known  # no label is a mixture of others
    np.testing.assert_allclose(small.train.targets[3, 5, 6], picture[10:12, 12:14].mean(axis=(0, 1)), atol=0.5)


def test_all_right_answers_are_learnt_and_none_of_the_test():
    pairs, learnt = row_pairs("emoji-l1"), learning_pairs("emoji-l1")
    variants = {variant.name: variant for variant in pairs.variants}
    one = next(name for name, variant in variants.items() if variant.split == "train")
    rows = [place for place, name in enumerate(learnt.train.names) if name.startswith(f"{one}, ")]
    np.testing.assert_array_equal(learnt.train.targets[rows], variants[one].targets)
    assert all((learnt.train.sources[row] == variants[one].source).all() for row in rows) and len(rows) == 6
    unseen = {source.tobytes() for source in (*pairs.val.sources, *pairs.test.sources)}
    assert not unseen & {source.tobytes() for source in learnt.train.sources}
    assert learnt.test is pairs.test


def test_the_paper_s_numbers_are_those_of_the_paper():
    """Read again from the paper's tables: a slip of the finger here would teach something wrong."""
    assert EXPERIMENTS["table1"].paper["l1-cgan"] == (0.66, 0.23, 0.17)
    assert EXPERIMENTS["table1"].paper["gan"] == (0.22, 0.05, 0.01)
    assert EXPERIMENTS["table2"].paper["flat-l1-cgan"] == (0.29, 0.09, 0.05)
    assert EXPERIMENTS["table6"].paper["labels-l1"] == (0.86, 0.42, 0.35)
    assert EXPERIMENTS["figure7"].paper["cgan"] == (0.87, 0.74, 0.84)


# --- running ----------------------------------------------------------------------------------------------------------


def test_a_row_is_trained_once_and_measured_once(toy, tmp_path):
    first = run_row("l1", 0, "quick", tmp_path, show_progress=False)
    checkpoint = next((tmp_path / "quick" / "l1-seed0" / "checkpoints").glob("epoch-0002.npz"))
    stamp = checkpoint.stat().st_mtime_ns
    assert run_row("l1", 0, "quick", tmp_path, show_progress=False) == first
    (tmp_path / "quick" / "l1-seed0" / "measured.json").unlink()  # as after a kill between training and measuring
    again = run_row("l1", 0, "quick", tmp_path, show_progress=False)
    assert checkpoint.stat().st_mtime_ns == stamp
    assert {**again, "minutes": 0} == {**first, "minutes": 0}


def test_an_interrupted_row_goes_on_where_it_was(toy, tmp_path, monkeypatch):
    whole = run_row("l1-cgan", 0, "quick", tmp_path / "a", show_progress=False)
    monkeypatch.setitem(SCALES, "quick", replace(toy, epochs=1))
    train_row("l1-cgan", 0, "quick", tmp_path / "b", show_progress=False)
    monkeypatch.setitem(SCALES, "quick", toy)
    resumed = run_row("l1-cgan", 0, "quick", tmp_path / "b", show_progress=False)
    assert {**resumed, "minutes": 0} == {**whole, "minutes": 0}


def test_a_swapped_row_learns_labels_and_is_scored_as_labels(toy, tmp_path):
    pairs, plain = row_pairs("labels-l1", "quick"), row_pairs("l1", "quick")
    np.testing.assert_array_equal(pairs.test.targets, plain.test.sources)
    measured = run_row("labels-l1", 0, "quick", tmp_path, show_progress=False)
    assert 0 <= measured["fcn_class_iou"] < 1
    run, _ = train_row("labels-l1", 0, "quick", tmp_path, show_progress=False)
    score = label_score(plain.test.labels, translate(run.model, plain.test.targets))
    assert measured["fcn_pixel_accuracy"] == pytest.approx(score.pixel_accuracy, abs=1e-5)


def test_the_erratum_s_encoder_decoder_draws_one_picture_for_all(toy, tmp_path):
    """At batch size 1 the normalised bottleneck is zero, and an encoder-decoder has no other way through."""
    dead = run_row("alone-flat-norm", 0, "quick", tmp_path, show_progress=False)["dependence"]
    alive = run_row("alone-flat", 0, "quick", tmp_path, show_progress=False)["dependence"]
    assert dead < 1e-3 < alive


def test_diversity_is_held_against_the_real_answers(toy, tmp_path):
    outcome = reproduce("diversity", rows=["l1"], seeds=2, scale="quick", runs=tmp_path, show_progress=False)
    pairs, run = row_pairs("l1", "quick"), train_row("l1", 0, "quick", tmp_path, show_progress=False)[0]
    houses = [int(name.split()[1]) for name in pairs.test.names]
    looks = np.stack([[render_facade(house, 64, look) for house in houses] for look in range(8)]).astype("float64")
    drawn = [translate(run.model, pairs.test.sources, dropout=True, seed=seed) for seed in range(8)]
    expected = np.stack(drawn).astype("float64").std(axis=0).mean() / looks.std(axis=0).mean()
    assert outcome.values["l1"]["diversity"][0] == pytest.approx(expected, abs=1e-5)
    assert len(outcome.verdicts) == 1


def test_a_row_that_learns_pieces_is_measured_on_whole_houses(toy, tmp_path):
    measured = run_row("quarters", 0, "quick", tmp_path, show_progress=False)
    run, pairs = train_row("quarters", 0, "quick", tmp_path, show_progress=False)
    assert run.config["image_size"] == 32 and pairs.test.sources.shape[1] == 64
    error = np.square(translate(run.model, pairs.test.sources) / 255.0 - pairs.test.targets / 255.0)
    expected = (-10 * np.log10(error.mean(axis=(1, 2, 3)))).mean()
    assert measured["psnr"] == pytest.approx(expected, abs=1e-3)


def test_among_several_right_answers_a_model_lands_somewhere():
    """A model that draws the sources is as far from the answers as white paper with lines is."""
    pairs = row_pairs("emoji-l1")
    source = keras.Input((64, 64, 3))
    same = keras.Model(source, keras.layers.Activation("linear")(source))
    measured, nearest = experiments.measure(same, pairs), []
    for variant in pairs.variants:
        if variant.split == "test":
            clear = np.ptp(variant.targets.astype(int), axis=0).max(axis=-1) > 60
            apart = variant.source[clear].astype(float) - variant.targets[:, clear]
            nearest.append(np.sqrt(np.square(apart).mean(axis=(1, 2))).min())
    assert measured["to_nearest"] == pytest.approx(np.mean(nearest), rel=1e-4)
    assert measured["to_median"] > measured["to_nearest"] / 2 and "diversity" not in measured


def test_outcomes_tell_what_a_row_costs():
    plain, shallow, wide = (row_work(key) for key in ("l1-cgan", "levels-3", "filters-32"))
    assert shallow.generator_parameters < plain.generator_parameters < wide.generator_parameters / 3.5
    assert row_work("halved").operations * 3.5 < plain.operations < wide.operations / 3.5
    assert row_work("quarters").operations == pytest.approx(plain.operations, rel=0.15)  # as many pixels, a level less
    outcome = made_up("model-size", {"l1-cgan": [0.4, 0.5], "levels-3": [0.3]})
    line = next(line for line in repr(outcome).splitlines() if line.startswith("3 levels (1 seed)"))
    assert f"{shallow.parameters:,}" in line and line.endswith("2.0")


# --- outcomes in parts ------------------------------------------------------------------------------------------------


def made_up(name, rows, **about):
    values = {key: dict.fromkeys(EXPERIMENTS[name].measures, numbers) for key, numbers in rows.items()}
    about = {"scale": "shipped", "seeds": max(map(len, rows.values())), **about}
    return Outcome(name, about, values, {key: [2.0] * len(numbers) for key, numbers in rows.items()})


def test_rows_may_have_different_numbers_of_seeds_and_each_names_its_command():
    outcome = made_up("table1", {"l1": [0.40, 0.41, 0.42], "gan": [0.1, 0.11], "cgan": [0.2]})
    assert outcome.missing == ["l1-gan", "l1-cgan"]
    assert outcome.made["gan"] == {
        "command": "pix2pix-edu reproduce table1 --rows gan --seeds 2 --scale shipped", "seeds": [0, 1]
    }  # fmt: skip
    verdicts = {claim.better: verdict for claim, verdict in outcome.verdicts}
    assert verdicts == {"l1": HOLDS, "cgan": UNDECIDED}  # one seed decides nothing
    text = repr(outcome)
    assert "3 seeds" in text and "GAN (2 seeds)" in text and "cGAN (1 seed)" in text
    assert "not run yet: L1+GAN, L1+cGAN" in text
    assert Outcome(**json.loads(json.dumps(asdict(outcome)))) == outcome


def test_less_can_be_better():
    near, far = [10.0, 11.0, 12.0], [30.0, 31.0, 32.0]
    verdicts = made_up("variants", {"emoji-l1": near, "emoji-l1-cgan": far}).verdicts
    assert [(claim.measure, claim.less, verdict) for claim, verdict in verdicts] == [
        ("to_median", True, HOLDS), ("to_nearest", True, FAILS)
    ]  # fmt: skip
    assert not Claim("a", "b", "psnr", "more is better").less


def test_what_ships_is_not_trained_again_and_what_is_missing_is_said(toy, tmp_path, monkeypatch):
    outcome = made_up("table1", {"l1": [0.40, 0.41], "gan": [0.1]}, scale="quick")
    files = restore(outcome, tmp_path)
    assert sorted(file.parent.name for file in files) == ["gan-seed0", "l1-seed0", "l1-seed1"]
    assert restore(outcome, tmp_path) == []
    monkeypatch.setattr(experiments, "train_row", lambda *_: pytest.fail("it was trained again"))
    assert run_row("l1", 1, "quick", tmp_path)["fcn_class_iou"] == 0.41
    found = collect("table1", "quick", tmp_path)
    assert (found.values, found.minutes, found.made) == (outcome.values, outcome.minutes, outcome.made)
    assert found.about["seeds"] == 2 and "--rows l1 gan --seeds 2" in found.about["command"]
    (tmp_path / "quick" / "l1-seed0" / "measured.json").unlink()
    part = collect("table1", "quick", tmp_path)  # a seed in the middle is missing
    assert part.made["l1"]["seeds"] == [1] and part.values["l1"]["fcn_class_iou"] == [0.41]
    with pytest.raises(UsageError, match="No row of 'table6' was measured"):
        collect("table6", "quick", tmp_path)
    with pytest.raises(UsageError, match="table1"):
        collect("table9", "quick", tmp_path)


def test_reproduce_tables_its_rows_and_saves_them(toy, tmp_path, capsys):
    outcome = reproduce("table1", rows=["l1", "gan"], seeds=2, scale="quick", runs=tmp_path)
    assert "table1: GAN, seed 1" in capsys.readouterr().out
    assert list(outcome.values) == ["l1", "gan"]
    for key, measured in outcome.values.items():
        assert len(outcome.minutes[key]) == 2
        assert set(EXPERIMENTS["table1"].measures) <= measured.keys()
    mean = np.mean(outcome.values["l1"]["fcn_class_iou"])
    assert outcome.interval("l1", "fcn_class_iou").mean == pytest.approx(mean)
    text = repr(outcome)
    assert "0.42 0.15 0.11" in text and "GAN alone is worse than L1" in text
    assert len(outcome.verdicts) == 1  # the other claims need rows that were not asked for
    path = outcome.save(tmp_path / "table1.json")
    assert Outcome(**json.loads(path.read_text())) == outcome
    assert "--rows l1 gan --seeds 2 --scale quick" in outcome.about["command"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "table9"}, "table1"),
        ({"name": "table1", "rows": ["l2"]}, "no row 'l2'"),
        ({"name": "table1", "seeds": 0}, "seeds=0"),
        ({"name": "table1", "scale": "quik"}, "quick"),
    ],
)
def test_wrong_words_are_refused_with_the_nearest_right_one(options, message, tmp_path):
    with pytest.raises(UsageError, match=message):
        reproduce(**options, runs=tmp_path)
    assert not list(tmp_path.iterdir())


# --- intervals and verdicts -------------------------------------------------------------------------------------------


def test_the_interval_is_students_by_hand():
    values = [0.50, 0.53, 0.47]
    half = 4.302653 * 0.03 / 3**0.5  # t of 2 degrees of freedom at 97.5 %, from the tables
    found = interval(values)
    assert found.mean == pytest.approx(0.5)
    assert (found.low, found.high) == pytest.approx((0.5 - half, 0.5 + half), abs=1e-6)
    with pytest.raises(UsageError):
        interval([])


def test_a_claim_holds_only_where_the_intervals_do_not_touch():
    low, high, wide = [0.40, 0.41, 0.42], [0.50, 0.51, 0.52], [0.30, 0.45, 0.60]
    assert judge(high, low) == HOLDS
    assert judge(low, high) == FAILS
    assert judge(high, wide) == judge(wide, high) == judge(low, low) == UNDECIDED
    assert judge([0.9], low) == UNDECIDED  # one seed proves nothing


# --- what ships -------------------------------------------------------------------------------------------------------


def shipped_names() -> list[str]:
    return experiments.shipped_outcomes()


@pytest.mark.parametrize("name", shipped_names())
def test_a_shipped_outcome_is_whole(name):
    outcome = load_outcome(name)
    rows = [key for key in outcome.experiment.rows if key not in outcome.missing]
    assert list(outcome.values) == rows and len(rows) >= 2 and outcome.about["scale"] == "shipped"
    assert name in outcome.about["command"] and outcome.about["machine"]
    for key, measured in outcome.values.items():
        seeds = outcome.made[key]["seeds"]
        assert {len(numbers) for numbers in measured.values()} == {len(seeds)} == {len(outcome.minutes[key])}
        assert f"reproduce {name} --rows {key} --seeds {max(seeds) + 1}" in outcome.made[key]["command"]
        assert all(np.isfinite(measured[measure]).all() for measure in outcome.experiment.measures)
        assert max(outcome.minutes[key]) > 0
    assert outcome.about["seeds"] == max(len(made["seeds"]) for made in outcome.made.values())
    assert all(verdict in (HOLDS, FAILS, UNDECIDED) for _, verdict in outcome.verdicts)
    sheet = load_sheet(name)
    assert list(sheet)[:2] == ["sources", "targets"] and set(sheet) - {"sources", "targets"} <= set(rows)


def test_rows_that_two_outcomes_share_have_the_same_numbers():
    seen: dict[str, dict] = {}
    for name in shipped_names():
        for key, measured in load_outcome(name).values.items():
            assert seen.setdefault(key, measured) == measured


def test_an_outcome_that_does_not_ship_is_named():
    with pytest.raises(UsageError, match="No outcome of 'table99'"):
        load_outcome("table99")


def test_a_damaged_outcome_is_named(tmp_path, monkeypatch):
    (tmp_path / "table1.json").write_text("{")
    monkeypatch.setattr(experiments, "shipped", lambda *parts: tmp_path)
    with pytest.raises(DataError, match=r"table1\.json"):
        load_outcome("table1")


def test_a_recorded_row_is_real(tmp_path):
    """The L1 row, trained again from seed 0 with the shipped settings, comes out as recorded, but for rounding."""
    recorded = load_outcome("table1").values["l1"]
    again = run_row("l1", 0, "shipped", tmp_path, show_progress=False)
    assert again["psnr"] == pytest.approx(recorded["psnr"][0], abs=0.3)
    assert again["ssim"] == pytest.approx(recorded["ssim"][0], abs=0.02)
    assert again["fcn_class_iou"] == pytest.approx(recorded["fcn_class_iou"][0], abs=0.04)
