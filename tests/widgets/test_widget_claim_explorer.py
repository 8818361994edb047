"""The claim explorer, moved without a browser: it says and draws what the outcome holds, and runs rows again."""

import re
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from pix2pix_edu import experiments
from pix2pix_edu.errors import UsageError
from pix2pix_edu.evaluation import compare
from pix2pix_edu.experiments import EXPERIMENTS, REAL, ROWS, Claim, load_outcome, load_sheet, shipped_outcomes
from pix2pix_edu.widgets import ClaimExplorer, claim_explorer
from pix2pix_edu.widgets.claim_explorer import (
    LINE,
    PICTURE,
    WIDTH,
    Stopped,
    evidence,
    in_steps,
    paper_number,
    pictures_of,
    shortened,
    words,
)
from pix2pix_edu.widgets.pictures import GAP, LABEL_HEIGHT, at_size


@pytest.fixture
def explorer(tmp_path):
    return ClaimExplorer(["table1"], runs=tmp_path)


def shown(explorer, line, position):
    """One of the pictures below the chart, which is as high as its rows ask for."""
    top = LINE * len(explorer.outcome.values) + 48 + 10 + line * (LABEL_HEIGHT + PICTURE + 10)
    left = position * (PICTURE + GAP)
    return explorer.picture[top + LABEL_HEIGHT : top + LABEL_HEIGHT + PICTURE, left : left + PICTURE]


# --- What is shown ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", shipped_outcomes())
def test_every_claim_that_ships_can_be_shown(name, tmp_path):
    explorer = ClaimExplorer([name], runs=tmp_path)
    outcome = load_outcome(name)
    for number, (claim, verdict) in enumerate(outcome.verdicts):
        explorer.set(claim=number)
        assert (explorer.claim, explorer.verdict) == (claim, verdict)
        assert explorer.values["measure"] == claim.measure
        assert explorer.text.startswith(f"{claim.text}: {verdict}. ")
        for key in {claim.better, claim.worse} - {REAL}:
            assert f"{ROWS[key].name} {outcome.interval(key, claim.measure)}" in explorer.text
        if REAL in claim:
            assert ("does not reach it" in explorer.text) == (verdict == "holds")
        else:
            assert ("do not touch" in explorer.text) == (verdict != "undecided")
        assert outcome.experiment.caution in explorer.text


def test_the_paper_s_numbers_stand_beside_ours(explorer):
    explorer.set(claim=1)
    assert "The paper: 0.17 against 0.01." in explorer.text
    assert paper_number(explorer.outcome, "l1-gan", "fcn_pixel_accuracy") == 0.64
    with pytest.raises(UsageError, match="no class IoU for 34x34"):
        paper_number(explorer.outcome, "field-34", "fcn_class_iou")
    with pytest.raises(UsageError, match="no PSNR, dB for L1"):
        paper_number(explorer.outcome, "l1", "psnr")


def test_the_pictures_are_those_of_the_sheet_and_the_claim_s_rows_come_first(explorer):
    explorer.set(claim=3, house=6)
    sheet = load_sheet("table1")
    lines = [["sources", "targets", "l1-gan", "l1-cgan"], ["l1", "gan", "cgan"]]
    for line, keys in enumerate(lines):
        for position, key in enumerate(keys):
            np.testing.assert_array_equal(shown(explorer, line, position), at_size(sheet[key][6], PICTURE))


def test_another_measure_redraws_the_chart_and_keeps_claim_and_verdict(explorer):
    explorer.set(claim=2, house=3)
    before, text = explorer.picture, explorer.text
    explorer.set(measure="fcn_pixel_accuracy")
    assert (explorer.picture[:150] != before[:150]).any() and (explorer.picture[200:] == before[200:]).all()
    assert explorer.text == text
    explorer.set(claim=0)  # a claim begins with the measure that it is about
    assert explorer.values["measure"] == "fcn_class_iou"


def sheet_without_gan(name):
    sheet = load_sheet("table1")
    return sheet if name == "table1" else {key: sheet[key] for key in ("sources", "targets", "l1")}


@pytest.fixture
def two(tmp_path, monkeypatch):
    """An explorer of two outcomes; the second is made from the first, so that no test hangs on what else ships."""
    table1 = load_outcome("table1")
    plan = replace(
        EXPERIMENTS["table1"], name="toy", where="nowhere", rows=("l1", "gan"), measures=("psnr", "ssim"), paper={},
        claims=(Claim("gan", "l1", "psnr", "GAN has the better PSNR"), Claim(REAL, "l1", "ssim", "L1 is below 1")),
    )  # fmt: skip
    monkeypatch.setitem(EXPERIMENTS, "toy", plan)
    toy = replace(table1, name="toy", values={key: table1.values[key] for key in ("l1", "gan")})
    monkeypatch.setattr(claim_explorer, "load_outcome", lambda name: toy if name == "toy" else table1)
    monkeypatch.setattr(claim_explorer, "load_sheet", sheet_without_gan)
    return ClaimExplorer(["table1", "toy"], runs=tmp_path)


def test_another_experiment_has_its_own_claims_measures_and_pictures(two):
    assert [label for label, _ in two.controls["experiment"].options] == ["Table 1", "toy"]
    two.set(claim=5)
    two.set(experiment="toy")
    assert two.text.startswith("GAN has the better PSNR: does not hold at this scale. PSNR, dB: GAN")
    assert [name for _, name in two.controls["measure"].options] == ["psnr", "ssim"]
    two.set(claim=1)
    measured = load_outcome("table1").interval("l1", "ssim")
    assert two.text.startswith(f"L1 is below 1: holds. SSIM: L1 {measured}; the real ones have 1 by definition")
    assert "The paper:" not in two.text
    two.set(experiment="table1", claim=6)
    assert two.claim == EXPERIMENTS["table1"].claims[6]


def test_a_picture_that_is_missing_in_a_sheet_comes_from_another_of_the_same_sources(two, monkeypatch):
    two.set(experiment="toy", house=2)
    monkeypatch.setattr(claim_explorer, "shipped_outcomes", lambda: ["table1"])
    np.testing.assert_array_equal(pictures_of(two.outcome)["gan"], load_sheet("table1")["gan"])
    other = {key: np.roll(pictures, 1, axis=0) for key, pictures in sheet_without_gan("toy").items()}
    monkeypatch.setattr(claim_explorer, "load_sheet", lambda name: other if name == "toy" else load_sheet("table1"))
    assert "gan" not in pictures_of(two.outcome)
    two.set(experiment="table1")
    two.set(experiment="toy")  # then the row is left out
    assert two.error is None and two.claim.better == "gan"


def test_a_single_seed_is_said_to_decide_nothing(tmp_path, monkeypatch):
    table1 = load_outcome("table1")
    few = {key: {name: numbers[:1] for name, numbers in table1.values[key].items()} for key in ("l1", "l1-cgan")}
    made = {key: {"command": "", "seeds": [0]} for key in few}
    outcome = replace(table1, values={**table1.values, **few}, made={**table1.made, **made})
    monkeypatch.setattr(claim_explorer, "load_outcome", lambda name: outcome)
    explorer = ClaimExplorer(["table1"], runs=tmp_path)
    assert explorer.verdict == "undecided" and "one seed has no interval" in explorer.text


def test_the_marks_lie_where_the_numbers_are():
    """The mean of a row is the centre of its disc, and a wider interval is a longer line."""
    outcome = load_outcome("table1")
    claim = outcome.experiment.claims[1]  # L1+cGAN beats GAN
    chart = np.asarray(evidence(outcome, "fcn_class_iou", claim)).astype(int)
    assert chart.shape[1] == WIDTH
    ours = chart[:, : claim_explorer.OURS]
    blue = (ours[..., 2] > 150) & (ours[..., 0] < 60)
    red = (ours[..., 0] > 180) & (ours[..., 2] < 60)
    columns = [np.flatnonzero(mask.any(axis=0)) for mask in (blue, red)]
    intervals = [outcome.interval(key, "fcn_class_iou") for key in ("l1-cgan", "gan")]
    scale = (np.mean(columns[0][[0, -1]]) - np.mean(columns[1][[0, -1]])) / (intervals[0].mean - intervals[1].mean)
    assert np.ptp(columns[0]) == pytest.approx(scale * (intervals[0].high - intervals[0].low), abs=4)
    assert np.ptp(columns[1]) == pytest.approx(scale * (intervals[1].high - intervals[1].low), abs=4)


def test_names_and_words():
    assert words("lab_a") == "histogram of a" and words("new_measure") == "new measure"
    assert shortened("encoder-decoder, no norm") == "enc.-dec., no norm" and shortened("L1") == "L1"
    with pytest.raises(UsageError, match="No outcome of 'table9'"):
        ClaimExplorer(["table9"])
    with pytest.raises(UsageError, match="name an experiment"):
        ClaimExplorer([])


# --- Running it again -------------------------------------------------------------------------------------------------


def quick_measures(model, pairs):
    """Two measures in the place of all: what a row is measured by is tested elsewhere."""
    from pix2pix_edu.translation import translate

    measured = compare(pairs.test.targets, translate(model, pairs.test.sources))
    return {name: measured[name] for name in ("psnr", "ssim")}


def test_a_row_is_run_again_and_drawn_beside_the_shipped_one(two, toy, monkeypatch, tmp_path):
    monkeypatch.setattr(experiments, "measure", quick_measures)
    two.set(experiment="toy", claim=1)
    before = two.png
    for _ in range(3):  # a few steps at a time, and it stands still in between
        two.job.step()
    assert two.job.state == "stopped" and two.rerun is None
    two.job.start()  # without an event loop this goes on to the end
    assert two.job.state == "finished", two.job.error
    assert two.job.status == "finished, 100%"
    own = experiments.reproduce("toy", ["l1"], 1, "quick", tmp_path, show_progress=False)
    assert two.rerun.values == own.values
    assert two.png != before
    assert f"{own.values['l1']['ssim'][0]:.3f}. One seed decides nothing" in two.text
    assert "pix2pix-edu reproduce toy --rows l1 --seeds 1 --scale quick" in two.text
    two.set(claim=0)
    assert two.rerun is None and two.job.state == "ready" and "Your own run" not in two.text
    two.set(claim=1)
    assert two.rerun is not None


def test_both_rows_of_a_claim_are_run_in_the_order_of_the_table(explorer, monkeypatch):
    made = []
    monkeypatch.setattr(claim_explorer, "run_row", slow_row(made))
    monkeypatch.setattr(claim_explorer, "progress_callback", lambda report: report)
    monkeypatch.setattr(claim_explorer, "reproduce", lambda name, keys, seeds, *rest, **options: (name, keys, seeds))
    explorer.set(claim=1)
    monkeypatch.setattr(explorer, "redraw", lambda: None)  # there is nothing real to draw
    explorer.job.start()
    assert made == ["gan", "l1-cgan"] and explorer.rerun == ("table1", ["gan", "l1-cgan"], 1)


def slow_row(finished):
    """A stand-in for `run_row` that calls its callback a thousand times."""

    def run_row(key, seed, scale, runs, show_progress, callbacks):
        for number in range(1000):
            callbacks[0](number / 1000)
        finished.append(key)

    return run_row


def test_another_claim_ends_the_run_where_it_stands(explorer, monkeypatch):
    finished = []
    monkeypatch.setattr(claim_explorer, "run_row", slow_row(finished))
    monkeypatch.setattr(claim_explorer, "progress_callback", lambda report: report)
    explorer.job.step()
    explorer.job.step()
    assert "run again" in {thread.name for thread in threading.enumerate()}
    assert re.fullmatch(r"stopped, \d+%", explorer.job.status)
    explorer.set(claim=2)
    assert "run again" not in {thread.name for thread in threading.enumerate()}
    assert explorer.job.state == "ready" and finished == []


def test_an_error_of_the_run_is_shown_in_the_widget(explorer, monkeypatch):
    def run_row(*arguments, **options):
        raise UsageError("no room on the disk")

    monkeypatch.setattr(claim_explorer, "run_row", run_row)
    monkeypatch.setenv("PIX2PIX_EDU_STRICT_WIDGETS", "0")
    explorer.job.start()
    assert explorer.job.state == "failed" and str(explorer.job.error) == "no room on the disk"


def test_work_in_steps_stands_still_between_them():
    made = []

    def work(report):
        for number in range(3):
            made.append(number)
            report(number / 3)
        return "result"

    steps = in_steps(work)
    assert next(steps) == 0.0
    time.sleep(0.1)
    assert made == [0]
    assert next(steps) == pytest.approx(1 / 3) and made == [0, 1]
    rest = []
    while True:
        try:
            rest.append(next(steps))
        except StopIteration as end:
            assert end.value == "result"
            break
    assert rest[-1] == pytest.approx(2 / 3) and made == [0, 1, 2]


def test_a_long_step_does_not_hold_up_the_notebook():
    steps = in_steps(lambda report: time.sleep(0.4))
    start = time.perf_counter()
    assert next(steps) == 0.0
    assert time.perf_counter() - start < 0.3
    assert set(steps) <= {0.0}


def test_closing_the_steps_ends_the_work_and_an_error_comes_through():
    seen = []

    def work(report):
        try:
            report(0.5)
        except Stopped:
            seen.append("stopped")
            raise

    steps = in_steps(work)
    next(steps)
    steps.close()
    assert seen == ["stopped"]

    def broken(report):
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        list(in_steps(broken))
