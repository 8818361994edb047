"""The augmentation explorer without a browser: what it says is the study's, what it teaches is what is chosen."""

import asyncio

import numpy as np
import pytest

import pix2pix_edu as p2p
from pix2pix_edu import augmentation_study as module
from pix2pix_edu.augmentation import flat_pairs, mix
from pix2pix_edu.augmentation_study import CONDITIONS, SCALES, Scale, Study, real_pairs, shown_layouts
from pix2pix_edu.pairs.facades import colour_labels, facade_labels
from pix2pix_edu.widgets import AugmentationExplorer
from pix2pix_edu.widgets.augmentation_explorer import ADDED, PAINTERS, REALS, SHOWN, SIZE, equivalent
from pix2pix_edu.widgets.pictures import GAP, LABEL_HEIGHT

RNG = np.random.default_rng(0)
VALUES = {
    "real-20": [0.40, 0.42, 0.41], "real-40": [0.44, 0.45, 0.43], "real-80": [0.47, 0.46, 0.48],
    "real-200": [0.50, 0.50, 0.51], "classical-20": [0.43, 0.44, 0.42],
    "own-new": [0.43, 0.45, 0.44], "other-new": [0.46, 0.47, 0.46], "own-same": [0.40, 0.41, 0.42],
    "flat-new": [0.42, 0.42, 0.43], "skilled-80": [0.48, 0.49, 0.48], "own-classical": [0.45, 0.44, 0.46],
    "rare": [0.30, 0.31, 0.32],
}  # fmt: skip


def fake_houses(seed, count, look=0):
    labels = np.stack([facade_labels(1000 * seed + number, 64) for number in range(count)])
    pictures = 255 - colour_labels(labels)
    return p2p.Split(255 - pictures, pictures, [f"house {number}" for number in range(count)], labels)


@pytest.fixture
def study(monkeypatch):
    """A small study, quick houses, and generated pictures that can be told from all others."""
    monkeypatch.setitem(
        SCALES, "quick", Scale("quick", "a toy", (2, 2), 3, 2, test=4, generator_steps=1, skilled_steps=1)
    )
    monkeypatch.setattr(module, "_painted", fake_houses)
    monkeypatch.setattr(module, "held_out", lambda count: fake_houses(5, count))
    generated = {
        name: p2p.Split(colour_labels(maps), RNG.integers(0, 256, (*maps.shape, 3), dtype=np.uint8), labels=maps)
        for name in ("own-new", "other-new", "skilled-new")
        for maps in [shown_layouts(CONDITIONS[name])]
    }
    monkeypatch.setattr(module, "generated_pairs", generated.__getitem__)
    return Study({"seeds": 3}, {name: {"class_iou": row} for name, row in VALUES.items()})


@pytest.fixture
def explorer(study):
    return AugmentationExplorer(study, scale="quick")


def shown(explorer, sheet, line, number):
    """One of the pictures: sheet 0 is real and 1 added, line 0 labels and 1 pictures."""
    left = sheet * (SHOWN * SIZE + (SHOWN - 1) * GAP + 16) + number * (SIZE + GAP)
    top = LABEL_HEIGHT + line * (SIZE + 4)
    return explorer.picture[top : top + SIZE, left : left + SIZE]


def test_it_begins_with_twenty_real_pairs(explorer):
    assert explorer.name == "real-20" and explorer.controls["painter"].disabled
    assert explorer.text == "20 real: class IoU 0.410 ± 0.025, over 3 seeds."
    for number in range(SHOWN):
        np.testing.assert_array_equal(shown(explorer, 0, 0, number), real_pairs(0, 20).sources[4 + number])
        np.testing.assert_array_equal(shown(explorer, 0, 1, number), real_pairs(0, 20).targets[4 + number])


@pytest.mark.parametrize("painter", PAINTERS)
def test_the_added_pairs_are_those_of_the_chosen_painter(explorer, painter):
    explorer.set(added=180, painter=painter)
    maps = shown_layouts(CONDITIONS["own-new"])
    flat = flat_pairs(real_pairs(0, 20), maps)
    expected = flat if painter == "flat" else module.generated_pairs(f"{painter}-new")
    for number in range(SHOWN):
        np.testing.assert_array_equal(shown(explorer, 1, 0, number), colour_labels(maps[number]))
        np.testing.assert_array_equal(shown(explorer, 1, 1, number), expected.targets[number])


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"added": 180, "painter": "own"}, "own-new"),
        ({"added": 180, "painter": "other"}, "other-new"),
        ({"added": 180, "painter": "flat"}, "flat-new"),
        ({"added": 180, "painter": "own", "classical": True}, "own-classical"),
        ({"real": 80, "added": 180, "painter": "skilled"}, "skilled-80"),
        ({"real": 80, "classical": True}, None),
        ({"real": 40}, "real-40"),
        ({"real": 40, "added": 60}, None),
        ({"added": 60, "painter": "own"}, None),
        ({"real": 200, "classical": True}, None),
    ],
)
def test_it_finds_the_condition_that_was_measured(explorer, settings, name):
    explorer.set(**settings)
    assert explorer.name == name
    if name is None:
        assert "was not measured" in explorer.text
    else:
        assert f"class IoU {explorer.study.interval(name)}, over 3 seeds" in explorer.text


def test_a_gain_and_its_worth_in_real_pairs_are_said(explorer):
    explorer.set(added=180, painter="other")
    gain = explorer.study.gain("other-new", "real-20")
    words = f"{gain.mean:+.3f} ± {gain.high - gain.mean:.3f} over the same real pairs alone"
    assert words in explorer.text
    between = 40 * 2 ** ((np.mean(VALUES["other-new"]) - 0.44) / (0.47 - 0.44))
    assert f"about as much as {between:.0f} real pairs" in explorer.text


@pytest.mark.parametrize(
    ("score", "words"),
    [(0.44, "40 real pairs"), (0.47, "80 real pairs"), (0.6, "more than 200 real pairs"), (0.3, "fewer than 20")],
)
def test_a_score_is_read_off_the_line_of_real_pairs(study, score, words):
    assert equivalent(study, score).startswith(words)


def test_every_control_changes_the_picture(explorer):
    pictures = {explorer.png}
    for settings in ({"real": 80}, {"added": 180}, {"painter": "flat"}, {"classical": True}):
        explorer.set(**settings)
        pictures.add(explorer.png)
    assert len(pictures) == 5
    for real in REALS:
        for added in ADDED:
            explorer.set(real=real, added=added)
            assert explorer.error is None


def run_button(explorer):
    return explorer.job.view.children[0].children[0]


def test_start_teaches_a_student_with_exactly_the_chosen_pairs(explorer):
    explorer.set(real=40, added=60, painter="other", classical=True)
    before = explorer.png
    run_button(explorer).click()
    assert explorer.job.state == "finished" and len(explorer.losses) == 3
    student = explorer._student
    split = mix(real_pairs(0, 40), module.generated_pairs("other-new")[:60])
    losses = list(student.lessons(split, 3, batch_size=2, classical=True))
    assert explorer.losses == pytest.approx(losses, rel=1e-3)
    assert explorer.live.class_iou == pytest.approx(student.score(fake_houses(5, 4)).class_iou, abs=0.01)
    assert f"Your student, trained once: {explorer.live.class_iou:.3f}." in explorer.text and explorer.png != before


def test_it_can_be_stopped_and_another_choice_begins_anew(explorer):
    explorer.job.step()
    assert explorer.job.done == 1 and f"step 1 of 3, loss {explorer.losses[0]:.2f}" in explorer.text

    async def learner():
        explorer.job._thread, explorer.job._loop = None, None  # the job was made outside of this loop
        explorer.job.start()
        explorer.job.stop()
        await explorer.job.wait()

    asyncio.run(learner())
    assert explorer.job.state == "stopped" and explorer.live is None
    explorer.controls["classical"].value = True
    assert explorer.job.state == "ready" and explorer.losses == [] and "Your" not in explorer.text


def test_messages_from_the_browser_have_the_same_effect(explorer):
    explorer.controls["real"].set_state({"index": 2})
    assert explorer.values["real"] == 80 and explorer.name == "real-80"


def test_it_fits_on_the_page(explorer):
    explorer.set(added=180)
    assert explorer.picture.shape[1] <= 760


def test_a_control_that_moves_draws_once_although_it_ends_a_training(explorer, monkeypatch):
    calls = []
    monkeypatch.setattr(explorer, "_chart", lambda chart=explorer._chart: calls.append(1) or chart())
    explorer.set(real=40)
    explorer.controls["classical"].value = True
    assert len(calls) == 2
    explorer.job.reset()
    assert len(calls) == 3, "the button of the job clears what was learnt, so it draws as well"
