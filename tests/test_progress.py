"""The progress bar: silent at first, then there, and never in the way of the values."""

from pix2pix_edu import progress as module
from pix2pix_edu.progress import progress


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
