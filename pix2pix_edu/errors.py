"""Errors that say what happened, to which file or value, and what to do about it.

A learner who mistypes a folder should read one paragraph, not forty lines of library internals. Every error that a
user can cause is a `Pix2PixEduError`: notebooks show only its message, and the command line prints it and exits with 2.
"""

from __future__ import annotations

from collections.abc import Collection
from numbers import Integral


class Pix2PixEduError(Exception):
    """Base of every error that this library raises on purpose; its message is one paragraph for a person."""

    def _render_traceback_(self) -> list[str]:
        """IPython calls this instead of printing the stack, so that a notebook shows the paragraph alone."""
        return [f"{type(self).__name__}: {self}"]


class UsageError(Pix2PixEduError, ValueError):
    """An argument that cannot work: an unknown name, a size that is not a power of two, a negative weight."""


class DataError(Pix2PixEduError, ValueError):
    """Pictures that cannot be used: missing, unreadable, unmatched, or of different sizes."""


class DownloadError(Pix2PixEduError):
    """An archive that could not be fetched, checked or unpacked safely."""


class CheckpointError(Pix2PixEduError):
    """A checkpoint or a run directory that is missing, damaged, or of another architecture."""


class TrainingError(Pix2PixEduError):
    """Training that cannot go on, such as a loss that is no longer a number."""


class StorageError(Pix2PixEduError, OSError):
    """A folder that cannot be written: no space left, read-only, or no permission."""

    def __str__(self) -> str:  # OSError would print its arguments as a tuple
        return str(self.args[0]) if self.args else ""


def nearest(name: str, choices: list[str]) -> str:
    """Suggest the choice that `name` was probably meant to be, as the end of an error message.

    >>> nearest("emojis", ["emoji", "facades"])
    "Did you mean 'emoji'? Known: emoji, facades."
    """
    import difflib

    close = difflib.get_close_matches(name, choices, n=1, cutoff=0.5)
    known = f"Known: {', '.join(choices)}."
    return f"Did you mean {close[0]!r}? {known}" if close else known


def check_known(kind: str, name: object, known: Collection[str]) -> None:
    """Raise a `UsageError` that suggests the nearest, unless the name is one of those that are known.

    >>> check_known("data set", "emoji", ["emoji", "facades"])
    """
    if name not in known:
        raise UsageError(f"There is no {kind} {name!r}. {nearest(str(name), list(known))}")


def check_count(name: str, value: object) -> None:
    """Raise a `UsageError` unless `value` is a whole number of at least 1.

    >>> check_count("filters", 16)
    """
    if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
        raise UsageError(f"{name}={value!r} does not work: give a whole number of at least 1.")
