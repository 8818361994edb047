"""The study's widget, played without a browser: its clock is a report that the test makes itself."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pix2pix_edu.errors import StorageError, UsageError
from pix2pix_edu.study import PAINTERS
from pix2pix_edu.widgets import RealOrFakeStudy, style
from pix2pix_edu.widgets.pictures import at_size, from_png
from pix2pix_edu.widgets.real_or_fake_study import AXIS, PAPER, ROW


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def study(elsewhere):
    return RealOrFakeStudy("drawings-l1", trials=10)


def browser_says(study, said, shown_ms=1003.5):
    """What the front end sends when its clock has run out and a button was pressed."""
    stage = study.stage
    stage.set_state({"shown": stage.number + 1})
    stage.set_state({"verdict": {"number": stage.number, "shown_ms": shown_ms, "said": said}})


def play(study, say):
    while not study.session.is_done:
        browser_says(study, say(study.session.trial))


def truth(trial):
    return "real" if trial.is_real else "generated"


def marks(study, line):
    """Where in this line of the chart something is painted in the colour of generated pictures, in percent."""
    y = 58 + ROW * line
    strip = study.picture[y - 1 : y + 1, AXIS[0] - 6 : AXIS[1] + 6].astype(int)
    near = np.abs(strip - style.rgb(style.FAKE)).sum(axis=-1).min(axis=0) < 60
    return (np.nonzero(near)[0] - 6) / (AXIS[1] - AXIS[0]) * 100


def test_it_begins_with_practice_and_shows_the_picture_of_the_trial(study):
    assert study.stage.heading == "Practice 1 of 10" and study.stage.number == 0 and study.stage.shown == 0
    np.testing.assert_array_equal(from_png(study.stage.png), at_size(study.session.trial.picture))
    assert "0 judged so far" in study.text and study.error is None


def test_practice_tells_the_truth_and_the_test_does_not(study):
    for number in range(20):
        trial = study.session.trial
        browser_says(study, "real")
        note = study.stage.note
        if number < 10:
            assert note == f"{'Right' if trial.is_real else 'No'}: {trial.name} was {truth(trial)}."
        else:
            assert note == ""
    assert study.session.is_done


def test_the_next_picture_comes_after_an_answer_and_not_before(study):
    before, deal = study.stage.png, study.stage.deal
    study.stage.set_state({"shown": 1})
    assert study.stage.png == before and study.stage.deal == deal
    study.stage.set_state({"verdict": {"number": 0, "shown_ms": 1000.0, "said": "real"}})
    assert study.stage.png != before and study.stage.deal == deal + 1 and study.stage.heading == "Practice 2 of 10"


def test_the_exposure_that_the_browser_measured_is_kept(study):
    browser_says(study, "real", shown_ms=1017.25)
    assert study.session.exposures == [1017.25]
    assert study.stage.exposure == 1000, "a second, as in the paper"


def test_an_answer_to_a_picture_that_is_gone_changes_nothing(study):
    browser_says(study, "real")
    study.stage.set_state({"verdict": {"number": 0, "shown_ms": 1000.0, "said": "generated"}})
    assert study.session.answers == [True]


def test_from_code_a_picture_is_exposed_before_it_is_judged(study):
    with pytest.raises(UsageError, match="not been shown yet"):
        study.answer("real")
    study.expose()
    study.answer("real")
    assert study.session.number == 1


def test_at_the_end_the_rates_are_told_drawn_and_kept(study, elsewhere):
    play(study, lambda trial: "real")
    assert study.stage.done and study.stage.heading == "Done: your result is below."
    assert "100% (95 % interval 100% to 100%) of the generated pictures were called real" in study.text
    assert "0% (95 % interval 0% to 0%) of the real ones generated" in study.text
    assert "runs/study-001/results.json" in study.text and "Longest exposure 1.00 s" in study.text
    kept = json.loads((elsewhere / "runs" / "study-001" / "results.json").read_text())
    assert kept["fooling_rate"] == 1.0 and kept["painter"] == "drawings-l1"
    assert marks(study, 0).mean() == pytest.approx(100, abs=3)


def test_the_chart_shows_the_interval_where_it_is(study):
    fooled = iter([True, False] * 40)

    def say(trial):
        return truth(trial) if trial.is_real or trial.is_practice else ("real" if next(fooled) else "generated")

    play(study, say)
    found = study.session.result()
    assert found["fooling_rate"] == pytest.approx(0.6)
    low, high = (100 * limit for limit in found["fooling_interval"])
    assert marks(study, 0).min() == pytest.approx(low, abs=2) and marks(study, 0).max() == pytest.approx(high, abs=2)


def test_without_a_session_only_the_paper_is_in_the_chart(study):
    assert len(marks(study, 0)) == 0
    for line, (_, rate, _) in enumerate(PAPER, start=1):
        y = 58 + ROW * line
        strip = study.picture[y - 1 : y + 2, AXIS[0] - 6 : AXIS[1] + 6].mean(axis=(0, 2))
        dark = (np.nonzero(strip < 170)[0] - 6) / (AXIS[1] - AXIS[0]) * 100
        dark = dark[dark < 40]  # the line at 50 % is dark as well
        assert dark.mean() == pytest.approx(rate, abs=2)


def test_a_second_session_is_compared_with_the_first(study, elsewhere):
    play(study, lambda trial: "real")
    study.begin_anew()
    assert study.values["seed"] == 1 and study.session.number == 0 and not study.stage.done
    play(study, truth)
    assert len(study.sessions) == 2 and (elsewhere / "runs" / "study-002").is_dir()
    later = RealOrFakeStudy("drawings-l1-cgan", trials=10)
    assert marks(later, 0).min() < 55 and len(later.sessions) == 2, "half of all generated pictures were called real"
    np.testing.assert_array_equal(later.picture, study.picture)


@pytest.mark.parametrize(
    ("name", "value", "heading"),
    [("model", "houses-l1", "Practice 1 of 4"), ("trials", 40, "Practice 1 of 10"), ("seed", 7, "Practice 1 of 10")],
)
def test_each_control_begins_another_session(study, name, value, heading):
    browser_says(study, "real")
    before = study.stage.png
    study.controls[name].value = value
    assert study.session.number == 0 and getattr(study.session, name) == value
    assert study.stage.heading == heading and study.stage.number == 0 and study.stage.shown == 0
    assert (study.stage.png != before) or name == "trials"


def test_of_the_houses_there_are_fewer(elsewhere):
    study = RealOrFakeStudy("drawings-l1", trials=40)
    study.controls["model"].value = "houses-l1-cgan"
    assert study.values["trials"] == 20 == study.session.trials and study.error is None
    assert from_png(study.stage.png).shape == (256, 256, 3)


def test_a_blind_session_tells_its_generator_only_at_the_end(elsewhere):
    study = RealOrFakeStudy("blind", trials=10, save=False)
    words = PAINTERS[study.session.painter].words
    assert words not in study.text
    before = study.png
    play(study, truth)
    assert words in study.text and study.png != before


def test_nothing_is_written_unless_wanted(elsewhere):
    study = RealOrFakeStudy("drawings-l1", trials=10, save=False)
    play(study, truth)
    assert not (elsewhere / "runs").exists() and "Kept" not in study.text
    assert marks(study, 0).mean() == pytest.approx(0, abs=3), "it is in the chart all the same"


def test_a_disk_that_cannot_be_written_is_told_in_the_widget(elsewhere, monkeypatch):
    monkeypatch.setenv("PIX2PIX_EDU_STRICT_WIDGETS", "0")
    (elsewhere / "runs").write_text("a file where a folder should be")
    study = RealOrFakeStudy("drawings-l1", trials=10)
    play(study, truth)
    assert isinstance(study.error, StorageError) and study.session.is_done
    assert "0%" in study.text, "the result is there all the same"


@pytest.mark.parametrize("arguments", [{"model": "drawings-l3"}, {"trials": 3}, {"seed": -1}])
def test_arguments_that_cannot_work_are_explained(arguments):
    with pytest.raises(UsageError):
        RealOrFakeStudy(**arguments)
