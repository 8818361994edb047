"""Keep arrays that took long to make, in a file that survives a kill, a full disk and a flipped bit.

The file is an ordinary `.npz`: a zip that holds a check sum (CRC) for each array. A cache is a convenience, so nothing
that goes wrong with it stops a lesson: a damaged file is made again, an unwritable folder is lived without.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import time
import warnings
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pix2pix_edu.errors import StorageError
from pix2pix_edu.paths import atomic_file, cache_dir

LEFTOVER_SECONDS = 3600.0
CONTENTS = "_contents"  # the names of all arrays: a zip whose directory is damaged may lose a member unnoticed


def cached(name: str, key: Mapping[str, Any], build: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """The arrays that `build()` makes: read from the cache if it has them, else made and kept there.

    Two processes may ask for the same arrays at the same moment: both make them, and the last one's file stays.

    Args:
        name: the beginning of the file's name, for people.
        key: everything that the arrays depend on (versions, sizes, a format number); another key is another file.
        build: makes the arrays, by name; they must not hold Python objects.

    Warns:
        UserWarning: the file was damaged and is made again, or the folder could not be written.

    >>> squares = cached("squares", {"n": 4}, lambda: {"squares": np.arange(4) ** 2})
    >>> squares["squares"].tolist()
    [0, 1, 4, 9]
    """
    try:
        path = cache_path(name, key)
    except StorageError as error:  # there is no home folder, and no other was named
        warnings.warn(f"Working without a cache, so the next start is slow again. {error}", stacklevel=2)
        return build()
    arrays = _read(path)
    if arrays is None:
        arrays = build()
        _write(path, arrays)
    return arrays


def cache_path(name: str, key: Mapping[str, Any]) -> Path:
    """Where `cached` keeps the arrays for this name and key.

    >>> cache_path("squares", {"n": 4}) == cache_path("squares", {"n": 5})
    False
    """
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]
    return cache_dir("pairs") / f"{name}-{digest}.npz"


def _read(path: Path) -> dict[str, np.ndarray] | None:
    """The arrays in the file; None if there is no file, or one that cannot be trusted."""
    try:
        with zipfile.ZipFile(path) as archive:
            # Each member is read to its end before NumPy sees it: that is when zipfile compares the check sum.
            members = {member: archive.read(member) for member in archive.namelist()}
        arrays = {name.removesuffix(".npy"): _array(data) for name, data in members.items()}
        if sorted(arrays.pop(CONTENTS).tolist()) != sorted(arrays):
            raise ValueError("an array is missing")
        return arrays
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (
        OSError,
        ValueError,
        KeyError,
        EOFError,
        RuntimeError,
        struct.error,
        zlib.error,
        zipfile.BadZipFile,
    ) as error:
        warnings.warn(f"The cached file {path} is damaged ({error}); it is made again.", stacklevel=3)
        return None


def _array(data: bytes) -> np.ndarray:
    return np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)


def _write(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write the file whole or not at all; failing costs time the next time, nothing else."""
    if any(array.dtype.hasobject for array in arrays.values()):
        raise TypeError("cached() keeps numbers and strings, not Python objects")
    try:
        with atomic_file(path) as file:
            everything = {**arrays, CONTENTS: np.array(list(arrays))}
            np.savez_compressed(file, **everything)  # type: ignore[arg-type]
        _remove_leftovers(path)
    except StorageError as error:
        warnings.warn(f"Working without a cache, so the next start is slow again. {error}", stacklevel=3)


def _remove_leftovers(path: Path) -> None:
    """Delete what processes that were killed while they wrote this file left behind."""
    for leftover in path.parent.glob(f".{path.name}.*.tmp"):
        try:
            if time.time() - leftover.stat().st_mtime > LEFTOVER_SECONDS:
                leftover.unlink()
        except OSError:
            continue  # another process was faster
