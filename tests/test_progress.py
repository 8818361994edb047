"""The progress bar: silent at first, then there, and never in the way of the values."""

import pytest

from pix2pix_edu import progress as module
from pix2pix_edu.progress import duration, progress


def test_short_work_stays_silent(capsys):
    assert list(progress(range(5), description="counting")) == [0, 1, 2, 3, 4]
    assert capsys.readouterr().err == ""


def test_long_work_shows_its_name_and_how_far_it_is(capsys, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0)
    bar = progress(description="drawing", total=4, mininterval=0)
    for _ in range(4):
        bar.update(1)
    bar.close()
    shown = capsys.readouterr().err
    assert "drawing" in shown and "4/4" in shown


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "0.0 s"),
        (1.54, "1.5 s"),
        (89, "89 s"),
        (90, "1.5 min"),
        (3600, "60 min"),
        (5400, "1.5 h"),
        (86_400, "24 h"),
        (30 * 86_400, "30 days"),
    ],
)
def test_a_time_is_said_in_one_unit(seconds, words):
    assert duration(seconds) == words
