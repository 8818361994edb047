"""`Names` is JavaScript, which tests/browser/test_accessibility.py drives; here: it is part of every widget."""

import inspect

import numpy as np
import pytest

from pix2pix_edu import widgets
from pix2pix_edu.widgets.base import Explorer
from pix2pix_edu.widgets.job import Job
from pix2pix_edu.widgets.names import Names

EXPLORERS = [
    name for name in widgets.__all__ if name != "Explorer" and issubclass(getattr(widgets, name), widgets.Explorer)
]


class Grey(Explorer):
    """As little as an explorer can be."""

    def draw(self):
        return np.zeros((4, 4, 3), np.uint8)


def parts_of(view):
    yield view
    for child in getattr(view, "children", ()):
        yield from parts_of(child)


def test_it_takes_no_room():
    assert Names().layout.display == "none"


def test_explorers_and_jobs_hold_it_once():
    for view in (Grey({}, title="Grey").view, Job(lambda: iter(()), total=1).view):
        assert sum(isinstance(part, Names) for part in parts_of(view)) == 1


def test_what_it_announces_is_the_caption():
    announced = [part for part in parts_of(Grey({}, title="Grey").view) if "p2p-caption" in part._dom_classes]
    assert [type(part).__name__ for part in announced] == ["HTML"]


@pytest.mark.parametrize("name", EXPLORERS)
def test_an_explorer_that_arranges_its_parts_itself_keeps_those_of_the_base(name):
    arrange = getattr(widgets, name)._arrange
    assert arrange is Explorer._arrange or "super()._arrange()" in inspect.getsource(arrange)
    assert len(EXPLORERS) > 15
