"""Errors for people: one paragraph in a notebook, and a suggestion for what was mistyped."""

import pytest

from pix2pix_edu import errors
from pix2pix_edu.errors import Pix2PixEduError, StorageError, UsageError, nearest


def test_a_notebook_shows_the_paragraph_and_not_the_stack():
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output

    shell = InteractiveShell()
    with capture_output() as captured:
        shell.run_cell("from pix2pix_edu.errors import UsageError\nraise UsageError('Give a smaller number.')")
    assert "UsageError: Give a smaller number." in captured.stdout
    assert "Traceback" not in captured.stdout and "raise UsageError" not in captured.stdout


def test_all_of_them_can_be_caught_at_once():
    kinds = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)]
    assert len(kinds) >= 7
    assert all(issubclass(kind, Pix2PixEduError) for kind in kinds)


def test_they_are_also_the_builtin_errors_that_code_expects():
    with pytest.raises(ValueError, match="wrong"):
        raise UsageError("wrong")
    with pytest.raises(OSError, match="full"):
        raise StorageError("full")


def test_a_storage_error_reads_as_its_message():
    assert str(StorageError("The disk is full.")) == "The disk is full."
    assert str(StorageError()) == ""


def test_nearest_suggests_only_what_is_near():
    assert nearest("facade", ["emoji", "facades"]).startswith("Did you mean 'facades'?")
    assert nearest("xyz", ["emoji", "facades"]) == "Known: emoji, facades."
