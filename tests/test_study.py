"""The real-or-fake study: what is dealt, what is counted, and what is kept on the disk."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pix2pix_edu.errors import DataError, StorageError, UsageError
from pix2pix_edu.gallery import load_gallery
from pix2pix_edu.study import (
    BLIND,
    BLIND_CHOICES,
    PAINTERS,
    SIZES,
    Session,
    bootstrap_interval,
    choose_painter,
    deal,
    load_sessions,
    pooled,
    rates,
    save_session,
)

MODELS = [*PAINTERS, BLIND]


def answer_all(session, say):
    while not session.is_done:
        session.expose(1001.0)
        session.answer(say(session.trial))
    return session


def truth(trial):
    return "real" if trial.is_real else "generated"


# --- Dealing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS)
def test_half_of_practice_and_half_of_the_test_are_real_and_no_subject_comes_twice(model):
    practice, most = SIZES[PAINTERS[choose_painter(model)].gallery]
    dealt = deal(model, most, seed=4)
    assert [trial.is_practice for trial in dealt] == [True] * practice + [False] * most
    assert sum(trial.is_real for trial in dealt[:practice]) == practice // 2
    assert sum(trial.is_real for trial in dealt[practice:]) == most // 2
    assert len({trial.name for trial in dealt}) == practice + most


@pytest.mark.parametrize("model", PAINTERS)
def test_generated_pictures_are_those_of_the_gallery_and_real_ones_are_not(model):
    gallery = load_gallery(PAINTERS[model].gallery)
    drawn = dict(zip(gallery.about["shown"]["names"], gallery.pictures(PAINTERS[model].row), strict=True))
    for trial in deal(model, 10, seed=1):
        assert trial.picture.dtype == np.uint8 and trial.picture.ndim == 3
        if trial.is_real and PAINTERS[model].gallery == "patchgan":
            assert trial.name not in drawn
        else:
            assert np.array_equal(trial.picture, drawn[trial.name]) == (not trial.is_real)


def test_real_drawings_are_the_artists():
    gallery = load_gallery("losses")
    targets = dict(zip(gallery.split.names, gallery.split.targets, strict=True))
    for trial in deal("drawings-l1", 20):
        assert np.array_equal(trial.picture, targets[trial.name]) == trial.is_real


def test_real_houses_are_painted_like_those_of_the_gallery():
    """The program that painted the training houses paints the test houses too: same size, same theme."""
    from pix2pix_edu.pairs.facades import render_facade

    (house, *_) = [trial for trial in deal("houses-l1", 4) if trial.is_real]
    number = int(house.name.split()[-1])
    assert number >= 2_000_012
    np.testing.assert_array_equal(house.picture, render_facade(number, 128, theme="simple"))


def test_a_seed_deals_the_same_again_and_another_seed_something_else():
    names = [[(trial.name, trial.is_real) for trial in deal("drawings-cgan", 20, seed)] for seed in (3, 3, 4)]
    assert names[0] == names[1] != names[2]


def test_real_and_generated_come_in_random_order():
    orders = {tuple(trial.is_real for trial in deal("drawings-l1", 10, seed)[10:]) for seed in range(8)}
    assert len(orders) > 5
    runs = [sum(np.diff([trial.is_real for trial in deal("drawings-l1", 40, seed)[10:]])) for seed in range(8)]
    assert 12 < np.mean(runs) < 28, "neither sorted nor in turns"


def test_blind_is_each_of_its_choices_for_some_seed():
    assert {choose_painter(BLIND, seed) for seed in range(12)} == set(BLIND_CHOICES)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": "drawing-l1"}, "Did you mean 'drawings-l1'"),
        ({"trials": 7}, "an even number from 2 to 40"),
        ({"trials": 42}, "from 2 to 40"),
        ({"model": "houses-l1", "trials": 40}, "from 2 to 20"),
        ({"trials": True}, "trials=True"),
        ({"seed": -1}, "seed=-1"),
    ],
)
def test_what_cannot_be_dealt_is_explained(arguments, message):
    with pytest.raises(UsageError, match=message):
        deal(**arguments)


# --- Answering --------------------------------------------------------------------------------------------------------


def test_a_picture_is_shown_once_and_answered_after_that():
    session = Session("drawings-l1", trials=2)
    with pytest.raises(UsageError, match="not been shown yet"):
        session.answer("real")
    session.expose(1000)
    with pytest.raises(UsageError, match="nobody looks twice"):
        session.expose(1000)
    with pytest.raises(UsageError, match="Did you mean 'real'"):
        session.answer("rael")
    assert session.number == 0 and session.was_shown
    assert session.answer(truth(session.trial)) is True
    assert session.number == 1 and not session.was_shown


def test_answer_says_whether_it_was_right():
    session = Session("drawings-l1", trials=2)
    session.expose()
    assert session.answer("generated" if session.trial.is_real else "real") is False


def test_a_session_that_is_over_takes_nothing_more():
    session = Session("drawings-l1", trials=2)
    with pytest.raises(UsageError, match="not over: 0 of 12"):
        session.result()
    answer_all(session, truth)
    for call in (session.expose, lambda: session.answer("real"), lambda: session.trial):
        with pytest.raises(UsageError, match="is over"):
            call()


@pytest.mark.parametrize(
    ("say", "fooling", "mistrust"),
    [
        (truth, 0.0, 0.0),
        (lambda trial: "real", 1.0, 0.0),
        (lambda trial: "generated", 0.0, 1.0),
        (lambda trial: "generated" if trial.is_real else "real", 1.0, 1.0),
    ],
)
def test_rates_of_observers_that_are_known(say, fooling, mistrust):
    found = answer_all(Session("drawings-l1-cgan", trials=20, observer="a test"), say).result()
    assert found["fooling_rate"] == fooling and found["mistrust_rate"] == mistrust
    assert found["fooling_interval"] == [fooling, fooling], "answers that agree leave no doubt to a bootstrap"
    assert found["observer"] == "a test" and found["painter"] == "drawings-l1-cgan" and found["practice"] == 10


def test_practice_does_not_count():
    def say(trial):
        return "real" if trial.is_practice else truth(trial)

    found = answer_all(Session("drawings-l1", trials=20), say).result()
    assert found["fooling_rate"] == 0.0 and len(found["answers"]) == 20


def test_exposures_are_kept():
    session = Session("drawings-l1", trials=2)
    for number in range(12):
        session.expose(990.0 + number)
        session.answer("real")
    found = session.result()
    assert [answer["shown_ms"] for answer in found["answers"]] == [1000.0, 1001.0]
    assert found["exposure_ms"] == {"wanted": 1000, "longest": 1001.0}


# --- Counting ---------------------------------------------------------------------------------------------------------


def test_rates_by_hand():
    said = [(False, True)] * 3 + [(False, False)] * 7 + [(True, True)] * 8 + [(True, False)] * 2
    found = rates([{"is_real": real, "called_real": called} for real, called in said])
    assert found["fooling_rate"] == pytest.approx(0.3) and found["mistrust_rate"] == pytest.approx(0.2)
    low, high = found["fooling_interval"]
    assert 0.0 <= low < 0.3 < high < 0.65


@pytest.mark.parametrize("is_real", [True, False])
def test_rates_need_both_kinds(is_real):
    with pytest.raises(UsageError, match="needs answers to generated pictures, and to real ones"):
        rates([{"is_real": is_real, "called_real": True}])


def test_the_interval_is_that_of_scipy():
    from scipy.stats import bootstrap

    outcomes = np.random.default_rng(0).random(60) < 0.3
    theirs = bootstrap((outcomes,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(1))
    ours = bootstrap_interval(outcomes, rounds=20_000)
    assert ours == pytest.approx(tuple(theirs.confidence_interval), abs=0.018), "one outcome more or less is 1/60"


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    """Ask 200 times 40 people who are fooled with probability 0.3."""
    rng = np.random.default_rng(0)
    intervals = [bootstrap_interval(rng.random(40) < 0.3, rounds=400, seed=n) for n in range(200)]
    share = np.mean([low <= 0.3 <= high for low, high in intervals])
    assert 0.88 < share <= 1.0


def test_more_answers_narrow_the_interval_and_a_lower_level_too():
    few, many = [0, 0, 0, 1] * 5, [0, 0, 0, 1] * 80
    widths = [np.ptp(bootstrap_interval(outcomes)) for outcomes in (few, many)]
    assert widths[1] < widths[0] / 2
    assert np.ptp(bootstrap_interval(few, level=0.5)) < widths[0]
    assert bootstrap_interval(few, seed=3) == bootstrap_interval(few, seed=3)


@pytest.mark.parametrize(
    ("outcomes", "options", "message"),
    [
        ([], {}, "at least one"),
        ([0, np.nan], {}, "finite"),
        ([[0, 1]], {}, r"shape \(1, 2\)"),
        ([0, 1], {"level": 95}, "level=95"),
    ],
)
def test_an_interval_of_nothing_is_explained(outcomes, options, message):
    with pytest.raises(UsageError, match=message):
        bootstrap_interval(outcomes, **options)


# --- Keeping ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_sessions_are_kept_one_after_the_other_and_read_again(elsewhere):
    first = answer_all(Session("drawings-l1", trials=2), truth).result()
    second = answer_all(Session("drawings-l1", trials=2, seed=1), lambda trial: "real").result()
    paths = [save_session(result) for result in (first, second)]
    assert [str(path) for path in paths] == ["runs/study-001/results.json", "runs/study-002/results.json"]
    again = load_sessions()
    assert [session.pop("file") for session in again] == [str(path) for path in paths]
    assert again == [first, second]


def test_pooling_counts_all_answers_of_an_observer_and_a_generator():
    sessions = [
        answer_all(Session("drawings-l1", 4, seed), say).result() for seed, say in ((0, truth), (1, lambda _: "real"))
    ]
    sessions.append(answer_all(Session("drawings-l1", 4, observer="somebody else"), truth).result())
    found = pooled(sessions)
    assert set(found) == {("you", "drawings-l1"), ("somebody else", "drawings-l1")}
    assert found["you", "drawings-l1"]["fooling_rate"] == 0.5
    assert found["you", "drawings-l1"]["sessions"] == [0.0, 1.0]


@pytest.mark.parametrize("text", ["{", "[]", '{"answers": []}', '{"answers": [{"is_real": true}]}'])
def test_a_damaged_file_is_named(elsewhere, text):
    path = elsewhere / "runs" / "study-001" / "results.json"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(DataError, match="study-001.*not a session of the study"):
        load_sessions()


def test_a_folder_that_cannot_be_written_is_explained(elsewhere):
    (elsewhere / "runs").write_text("a file where a folder should be")
    with pytest.raises(StorageError, match="runs"):
        save_session({"answers": []})


def test_what_is_kept_is_plain_json(elsewhere):
    path = save_session(answer_all(Session("houses-l1", trials=4), truth).result())
    found = json.loads(path.read_text())
    assert set(found["answers"][0]) == {"name", "is_real", "called_real", "shown_ms"}
