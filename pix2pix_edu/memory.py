"""Memory that stays from one training step to the next, instead of being fetched anew each time (notebook 08).

A step asks for the same few hundred megabytes as the step before, and frees them again. Where each array goes back to
the operating system in between, the system must find, clear and hand out every page anew: a fifth of the time of a step
on a CPU. On Python 3.11 and later TensorFlow brings that about itself. As soon as a dataset is made from a generator,
and Keras makes one of every `PyDataset`, it tells the C library to give back whatever is larger than 128 KB
(`ApplyPython311MemoryPatch` in TensorFlow 2.21). What this costs, and how it was found, is in benchmarks/README.md.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # what glibc's malloc.h calls M_TRIM_THRESHOLD and M_MMAP_THRESHOLD
NEVER = 2**31 - 1  # bytes: arrays up to this size are kept, and so is as much free memory


@contextmanager
def kept_memory() -> Iterator[bool]:
    """Let the C library keep what is freed inside, and give it back to the system at the end.

    Yields:
        Whether it can: True on Linux with the GNU C library, else False, and nothing is changed.

    >>> with kept_memory() as kept:
    ...     kept in (True, False)
    True
    """
    library = _glibc()
    if library is None:
        yield False
        return
    _let_tensorflow_go_first()
    library.mallopt(MMAP_THRESHOLD, NEVER)
    library.mallopt(TRIM_THRESHOLD, NEVER)
    try:
        yield True
    finally:
        library.malloc_trim(0)


def _glibc() -> Any:
    """The C library of this process, if it is the one whose settings we know."""
    try:
        name = os.confstr("CS_GNU_LIBC_VERSION")
    except (AttributeError, ValueError, OSError):  # Windows, macOS, Alpine
        return None
    return ctypes.CDLL(None) if name and name.startswith("glibc") else None


@cache
def _let_tensorflow_go_first() -> None:
    """It changes the same setting once in a process, with the first generator; after that ours stays."""
    import tensorflow as tf

    first = tf.data.Dataset.from_generator(lambda: iter((0,)), output_signature=tf.TensorSpec((), tf.int32))
    next(iter(first))
