"""The search: what it tries, what it chooses by, what a stop costs (nothing), and what ships of it.

Most tests train nothing: a formula stands in for the training and its score, which makes right answers known.
"""

from __future__ import annotations

import json
import math
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import pix2pix_edu as p2p
from pix2pix_edu import experiments
from pix2pix_edu import search as module
from pix2pix_edu.checkpoints import build_model
from pix2pix_edu.errors import DataError, TrainingError, UsageError
from pix2pix_edu.evaluation import evaluate
from pix2pix_edu.experiments import SCALES, interval, judge
from pix2pix_edu.paths import shipped
from pix2pix_edu.presets import PRESETS
from pix2pix_edu.search import (
    AT_RANDOM,
    PAPER,
    SPACE,
    Between,
    SearchResult,
    Trial,
    confirm,
    load_search,
    repeat,
    search,
    search_pairs,
)
from pix2pix_edu.training import plan_run

RNG = np.random.default_rng(0)
TOY_SCALE = {"preset": "tiny", "filters": 2, "batch_size": 4, "save_every": 1}


def split(count: int) -> p2p.Split:
    return p2p.Split(*RNG.integers(0, 256, (2, count, 32, 32, 3), dtype=np.uint8), [str(n) for n in range(count)])


@pytest.fixture(scope="module")
def pairs():
    return p2p.Pairs("toy", split(8), split(3), split(2))


@pytest.fixture(autouse=True)
def toy_scale(monkeypatch):
    for name in ("quick", "shipped"):
        monkeypatch.setitem(SCALES, name, replace(SCALES[name], settings=TOY_SCALE, epochs=1))


def hill(settings) -> float:
    """Best, 1.0, at a learning rate of 1e-3 and lambda 30: not at the paper's."""
    return math.exp(-abs(math.log(settings["learning_rate"] / 1e-3)) - abs(math.log(settings["lambda_l1"] / 30)))


@pytest.fixture
def formula(monkeypatch):
    """Instead of training: remember what was asked for, and score it by `formula.score`."""
    asked = SimpleNamespace(trainings=[], splits=[], score=hill, stop_at=None)

    def train(settings, pairs, scale, seed, folder):
        if len(asked.trainings) == asked.stop_at:
            asked.stop_at = None
            raise KeyboardInterrupt
        folder.mkdir(parents=True, exist_ok=True)
        asked.trainings.append((settings, scale, seed))
        return SimpleNamespace(model=(settings, seed), history={"seconds": [30.0]})

    def evaluated(model, split):
        asked.splits.append(split)
        return {"ssim": asked.score(model[0])}

    monkeypatch.setattr(module, "_train", train)
    monkeypatch.setattr("pix2pix_edu.evaluation.evaluate", evaluated)
    monkeypatch.setattr(
        experiments, "measure", lambda model, pairs: {"ssim": asked.score(model[0]) + 0.001 * model[1], "psnr": 10.0}
    )
    return asked


def run(pairs, folder, trials=10, **options):
    return search(trials, pairs, "ssim", runs=folder, show_progress=False, **options)


# --- What is tried ----------------------------------------------------------------------------------------------------


def test_the_paper_s_settings_come_first_and_all_others_lie_in_the_space(pairs, formula, tmp_path):
    result = run(pairs, tmp_path)
    assert result.paper.settings == PAPER and [trial.number for trial in result.trials] == list(range(10))
    for trial in result.trials:
        for name, values in SPACE.items():
            value = trial.settings[name]
            inside = values.low <= value <= values.high if isinstance(values, Between) else value in values
            assert inside and (not isinstance(value, float) or value == float(f"{value:.3g}"))
    assert [settings for settings, *_ in formula.trainings] == [trial.settings for trial in result.trials]
    assert {(scale, seed) for _, scale, seed in formula.trainings} == {("quick", 0)}


def test_the_best_is_chosen_on_validation_pairs_alone(pairs, formula, tmp_path):
    result = run(pairs, tmp_path)
    assert len(formula.splits) == 10 and all(split is pairs.val for split in formula.splits)
    scores = [round(hill(trial.settings), 5) for trial in result.trials]
    assert [trial.score for trial in result.trials] == scores
    assert result.best.score == max(scores) > result.paper.score
    assert result.best_so_far() == [max(scores[: number + 1]) for number in range(10)]
    assert result.test == {}


def test_suggestions_come_from_the_scores_once_there_are_enough(pairs, formula, tmp_path):
    hilly = run(pairs, tmp_path / "a", trials=AT_RANDOM + 4)
    formula.score = lambda settings: -hill(settings)
    valley = run(pairs, tmp_path / "b", trials=AT_RANDOM + 4)
    same = [one.settings == other.settings for one, other in zip(hilly.trials, valley.trials, strict=True)]
    assert all(same[:AT_RANDOM]) and not any(same[AT_RANDOM:])


def test_a_long_search_finds_the_hill(pairs, formula, tmp_path):
    space = {name: SPACE[name] for name in ("learning_rate", "lambda_l1")}
    result = run(pairs, tmp_path, trials=40, space=space)
    assert list(result.best.settings) == ["learning_rate", "lambda_l1"]
    assert result.best.score > 0.6 > 2 * result.paper.score


def test_lower_is_better_for_errors(pairs, formula, tmp_path, monkeypatch):
    monkeypatch.setattr("pix2pix_edu.evaluation.evaluate", lambda model, split: {"l1": 1 - hill(model[0])})
    result = search(8, pairs, "l1", runs=tmp_path, show_progress=False)
    scores = [trial.score for trial in result.trials]
    assert result.best.score == min(scores) and result.best_so_far()[-1] == min(scores)


# --- Stopping, going on -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stop_at", [1, 4, AT_RANDOM + 1])
def test_a_search_that_was_stopped_ends_as_if_it_had_not_been(pairs, formula, tmp_path, stop_at):
    whole = run(pairs, tmp_path / "whole")
    formula.trainings.clear()
    formula.stop_at = stop_at
    with pytest.raises(KeyboardInterrupt):
        run(pairs, tmp_path / "parts")
    record = json.loads((tmp_path / "parts" / "toy-quick" / "trials.json").read_text())
    assert len(record["trials"]) == stop_at
    assert run(pairs, tmp_path / "parts").trials == whole.trials
    assert len(formula.trainings) == 10


def test_more_trials_go_on_and_fewer_only_read(pairs, formula, tmp_path, capsys):
    first = run(pairs, tmp_path, trials=3)
    formula.trainings.clear()
    more = search(5, pairs, "ssim", runs=tmp_path)
    assert more.trials[:3] == first.trials and len(formula.trainings) == 2
    assert "trial 4: ssim" in capsys.readouterr().out
    assert run(pairs, tmp_path, trials=3).trials == first.trials and len(formula.trainings) == 2
    assert not list((tmp_path / "toy-quick").glob("trial-*"))  # trained models are large, and not kept


def test_another_search_in_the_same_folder_is_refused(pairs, formula, tmp_path):
    run(pairs, tmp_path, trials=2)
    for other in ({"seed": 1}, {"space": {"beta_1": SPACE["beta_1"]}}):
        with pytest.raises(UsageError, match=f"another search .*{next(iter(other))}"):
            run(pairs, tmp_path, trials=2, **other)
    (tmp_path / "toy-quick" / "trials.json").write_text("{")
    with pytest.raises(DataError, match="Delete it"):
        run(pairs, tmp_path, trials=2)


def test_a_training_that_breaks_down_is_noted_and_the_search_goes_on(pairs, formula, tmp_path, monkeypatch):
    whole = module._train

    def fragile(settings, *rest):
        if settings["learning_rate"] > 5e-4:
            raise TrainingError("a loss is no longer a finite number")
        return whole(settings, *rest)

    monkeypatch.setattr(module, "_train", fragile)
    result = run(pairs, tmp_path)
    broken = [trial for trial in result.trials if trial.score is None]
    assert 0 < len(broken) < 10 and all("finite" in trial.failure for trial in broken)
    assert result.best.score == max(trial.score for trial in result.trials if trial.score is not None)
    lines = str(result).splitlines()
    assert "broke down" in lines[-1] and "broke down" not in lines[2]
    assert len(lines) == 12
    nothing = replace(result, trials=broken)
    with pytest.raises(TrainingError, match="Every trial"):
        _ = nothing.best
    assert np.isnan(nothing.best_so_far()).all()


# --- The test pairs ---------------------------------------------------------------------------------------------------


def test_the_best_is_confirmed_from_other_seeds_on_the_test_pairs(pairs, formula, tmp_path):
    result = run(pairs, tmp_path)
    formula.trainings.clear()
    tested = confirm(result, pairs=pairs, runs=tmp_path, show_progress=False)
    assert [(settings, seed) for settings, _, seed in formula.trainings] == [
        (trial.settings, seed) for trial in (result.paper, result.best) for seed in (1, 2, 3)
    ]
    best = [hill(result.best.settings) + 0.001 * seed for seed in (1, 2, 3)]
    paper = [hill(PAPER) + 0.001 * seed for seed in (1, 2, 3)]
    assert tested.test["quick"]["best"]["ssim"] == best and tested.test["quick"]["paper"]["minutes"] == [0.5] * 3
    assert tested.interval("paper") == interval(paper)
    assert tested.verdict() == judge(best, paper) == "holds"
    assert str(tested).splitlines()[-1].endswith("holds: the best beats the paper's")
    assert confirm(result, pairs=pairs, runs=tmp_path, show_progress=False) == tested  # what is measured is only read
    assert len(formula.trainings) == 6
    longer = confirm(tested, (4,), "shipped", pairs, tmp_path, show_progress=False)
    assert list(longer.test) == ["quick", "shipped"] and longer.verdict("shipped") == "undecided"
    with pytest.raises(UsageError, match="'large'"):
        longer.verdict("large")
    with pytest.raises(UsageError, match="'l2'.*Known"):
        longer.interval("best", measure="l2")


def test_where_nothing_was_better_there_is_nothing_to_compare(pairs, formula, tmp_path):
    formula.score = lambda settings: float(settings == PAPER)
    result = confirm(run(pairs, tmp_path, trials=4), pairs=pairs, runs=tmp_path, show_progress=False)
    assert result.best is result.paper and list(result.test["quick"]) == ["paper"]
    with pytest.raises(UsageError, match="'best'"):
        result.verdict()
    assert "paper" in str(result).splitlines()[-1]


def test_a_lower_error_is_a_better_test_result(pairs, formula, tmp_path):
    trials = [Trial(0, PAPER, 0.3, 1.0), Trial(1, {**PAPER, "beta_1": 0.0}, 0.2, 1.0)]
    test = {"quick": {"paper": {"l1": [0.30, 0.31, 0.32]}, "best": {"l1": [0.20, 0.21, 0.22]}}}
    result = SearchResult({"measure": "l1", "scale": "quick", "validation_pairs": 3}, trials, test)
    assert result.best.number == 1 and result.verdict() == "holds"


# --- A real training --------------------------------------------------------------------------------------------------


def test_a_trial_is_a_training_with_these_settings(pairs, tmp_path, monkeypatch):
    """The one real training: its settings are the trial's, and its score is that of the model on validation pairs."""
    runs = []

    def train(*arguments, whole=module._train):
        runs.append(whole(*arguments))
        return runs[-1]

    monkeypatch.setattr(module, "_train", train)
    result = search(1, pairs, "l1", runs=tmp_path, show_progress=False)
    assert result.trials[0].score == pytest.approx(evaluate(runs[0].model, pairs.val)["l1"], abs=1e-5)
    assert result.trials[0].minutes == pytest.approx(sum(runs[0].history["seconds"]) / 60, abs=0.005)
    expected = {**TOY_SCALE, **PAPER, "epochs": 1, "seed": 0}
    assert {name: runs[0].config[name] for name in expected} == expected
    assert result.about["versions"]["optuna"] and result.about["training_pairs"] == 8


def test_both_learning_rates_and_beta_1_reach_the_optimizers(pairs):
    paper = PRESETS["paper"]
    assert (paper.learning_rate, paper.d_learning_rate, paper.beta_1) == (2e-4, None, 0.5)
    settings = {"learning_rate": 3e-4, "d_learning_rate": 7e-5, "beta_1": 0.1}
    _, config = plan_run(pairs, **{**TOY_SCALE, **settings})
    pair = build_model(config).optimizer
    assert [float(each.learning_rate) for each in (pair.generator, pair.discriminator)] == pytest.approx([3e-4, 7e-5])
    assert pair.generator.beta_1 == pair.discriminator.beta_1 == 0.1


# --- Wrong use --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"trials": 0}, "trials=0"),
        ({"scale": "quik"}, "Did you mean 'quick'"),
        ({"measure": "sim"}, "Did you mean 'ssim'"),
        ({"space": {}}, "empty"),
        ({"space": {"beta_2": Between(0.9, 0.999)}}, "Did you mean 'beta_1'"),
        ({"space": {"beta_1": Between(0.6, 0.9)}}, "does not hold the paper's 0.5"),
        ({"space": {"batch_size": (1, 2)}}, "does not hold the paper's 4"),
    ],
)
def test_wrong_words_are_refused_before_anything_is_trained(pairs, formula, tmp_path, options, message):
    with pytest.raises(UsageError, match=message):
        search(**{"trials": 2, "pairs": pairs, "measure": "ssim", "runs": tmp_path, **options})
    assert formula.trainings == [] and not list(tmp_path.iterdir())


def test_without_optuna_one_paragraph_says_what_to_type(pairs, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)  # as where it is not installed
    with pytest.raises(UsageError, match=r"pip install 'pix2pix-edu\[search\]'") as caught:
        search(2, pairs, "ssim", runs=tmp_path)
    assert "\n" not in str(caught.value)


def test_nothing_to_repeat_is_refused(pairs):
    with pytest.raises(UsageError, match="one seed or more"):
        repeat(PAPER, (), "quick", pairs)
    with pytest.raises(UsageError, match="Did you mean 'large'"):
        search_pairs("lage")


def test_optuna_s_own_messages_are_left_as_they_were(pairs, formula, tmp_path, capfd):
    import optuna

    optuna.logging.set_verbosity(optuna.logging.INFO)
    run(pairs, tmp_path, trials=3)
    assert optuna.logging.get_verbosity() == optuna.logging.INFO
    assert capfd.readouterr() == ("", "")


# --- What ships -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def record():
    return load_search()


def test_the_shipped_search_is_whole(record):
    assert 12 <= len(record.trials) <= record.about["planned"] == 16 and record.paper.settings == PAPER
    assert record.about["space"] == json.loads(json.dumps(SPACE)) and "data/makers/search.py" in record.about["command"]
    assert record.measure == "fcn_class_iou" and record.about["seed"] not in record.about["test_seeds"]
    for trial in record.trials:
        assert trial.settings.keys() == SPACE.keys() and 0 < trial.minutes < 5
        assert trial.score is None or 0 < trial.score < 1
    for tested in record.test.values():
        for measured in tested.values():
            assert {len(measured[name]) for name in ("fcn_class_iou", "psnr", "ssim")} == {3}
    assert "trial" in repr(record) and repr(record).count("\n") > len(record.trials)


def test_the_shipped_suggestions_are_those_of_the_shipped_scores(record):
    """What Optuna suggested follows from the record alone, so no trial was left out or added."""
    optuna = pytest.importorskip("optuna")
    if optuna.__version__ != record.about["versions"]["optuna"]:
        pytest.skip(f"recorded with Optuna {record.about['versions']['optuna']}, which may suggest otherwise")
    for number in (1, AT_RANDOM, len(record.trials) - 1):
        suggested = module._suggest(optuna, SPACE, record.trials[:number], record.about["seed"], record.measure)
        assert suggested == record.trials[number].settings


def test_the_paper_s_settings_at_the_shipped_scale_are_those_of_table_1(record):
    if "shipped" in record.test:
        from pix2pix_edu.experiments import load_outcome

        ours, theirs = record.test["shipped"]["paper"], load_outcome("table1").values["l1-cgan"]
        assert set(ours["fcn_class_iou"]) <= set(theirs["fcn_class_iou"])  # Table 1 may have more seeds by now


def test_a_damaged_record_is_named(tmp_path, monkeypatch):
    (tmp_path / "search.json").write_text('{"about": {}}')
    monkeypatch.setattr(module, "shipped", lambda *parts: tmp_path)
    with pytest.raises(DataError, match=r"search\.json"):
        load_search()
    assert shipped("experiments").is_dir()


def test_a_record_is_read_as_it_was_written(pairs, formula, tmp_path, monkeypatch):
    result = confirm(run(pairs, tmp_path), pairs=pairs, runs=tmp_path, show_progress=False)
    result.save(tmp_path / "search.json")
    monkeypatch.setattr(module, "shipped", lambda *parts: tmp_path)
    assert load_search() == result
