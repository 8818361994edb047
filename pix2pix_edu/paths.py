"""Where files live: what ships with the course, what is cached, and how to write a file that is never half there."""

from __future__ import annotations

import errno
import importlib
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import platformdirs

from pix2pix_edu.errors import StorageError, UsageError

CACHE_VARIABLE = "PIX2PIX_EDU_CACHE"
DRIVE = Path("/content/drive")  # where Colab shows a Google Drive once it is mounted


def _umask() -> int:
    """The permissions that new files must not have; it can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


_UMASK = _umask()  # once, at import: later, another thread might be creating a file


def cache_dir(*parts: str) -> Path:
    """The folder for rendered and downloaded data; set `PIX2PIX_EDU_CACHE` to move it.

    Args:
        parts: sub-folders below it. Nothing is created.

    Raises:
        StorageError: this user has no home folder, and the variable is not set.

    >>> cache_dir("emoji").name
    'emoji'
    """
    chosen = os.environ.get(CACHE_VARIABLE)
    try:
        root = in_home(chosen or platformdirs.user_cache_dir("pix2pix_edu"))
    except RuntimeError as error:  # some versions of platformdirs look for the home folder themselves
        raise _no_home("~/.cache") from error
    return root.joinpath(*parts)


def in_home(path: str | os.PathLike) -> Path:
    """The path, with a `~` at its beginning replaced by the home folder.

    Raises:
        StorageError: there is no such home folder.

    >>> in_home("~").is_absolute(), in_home("pictures").name
    (True, 'pictures')
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise _no_home(path) from error


def _no_home(path: str | os.PathLike) -> StorageError:
    return StorageError(
        f"{path} lies in a home folder that does not exist. Write the whole path; for the cache, set the environment "
        f"variable {CACHE_VARIABLE} to a folder that can be written."
    )


def free_run_folder(name: str) -> Path:
    """The first of `runs/NAME-001`, `runs/NAME-002`, ... that does not exist yet.

    >>> free_run_folder("never-used").name
    'never-used-001'
    """
    number = 1
    while os.path.exists(path := Path("runs") / f"{name}-{number:03d}"):
        number += 1
    return path


def lasting_folder(mount_drive: bool = False) -> Path:
    """Where training runs survive the session: your Google Drive if it is mounted in Colab, else `runs` right here.

    Prints which of the two it is. Colab throws its own disk away when a session ends; a folder on Drive stays.

    Args:
        mount_drive: in Colab, ask for access to your Drive if it is not mounted yet. Without it nothing is mounted.

    Raises:
        UsageError: `mount_drive` where there is no Colab.

    >>> lasting_folder().name
    Runs are kept in runs, on this machine's disk.
    'runs'
    """
    in_colab = "google.colab" in sys.modules
    if mount_drive:
        if not in_colab:
            raise UsageError(
                "mount_drive=True works in Google Colab only. Everywhere else runs are kept on the disk: leave it out, "
                "or pass `train` a run_dir of your own."
            )
        importlib.import_module("google.colab.drive").mount(str(DRIVE))
    mine = DRIVE / "MyDrive"
    if mine.is_dir():
        print(f"Runs are kept in {mine / 'pix2pix_edu'}, on your Google Drive: they survive this session.")
        return mine / "pix2pix_edu"
    if in_colab:
        print(
            "Runs are kept in runs, on a disk that Colab deletes when the session ends. To keep them: "
            "lasting_folder(mount_drive=True)."
        )
    else:
        print("Runs are kept in runs, on this machine's disk.")
    return Path("runs")


def shipped(*parts: str) -> Path:
    """A file that ships with the course: inside the installed package, or in the repository's `data/`.

    >>> shipped("weights").name
    'weights'
    """
    package = Path(__file__).resolve().parent
    installed = package / "_data"
    return (installed if installed.is_dir() else package.parent / "data").joinpath(*parts)


def explain_os_error(error: OSError, path: Path, doing: str) -> StorageError:
    """Turn an operating-system error into one that says which path failed and what to do.

    >>> print(explain_os_error(OSError(errno.EROFS, "Read-only"), Path("runs"), "write"))
    Could not write runs (Read-only). That file system is read-only: choose another folder. Nothing that was there...
    """
    advice = {
        errno.ENOSPC: "The disk is full: free some space, or choose a folder on another disk.",
        errno.EDQUOT: "Your disk quota is used up: free some space, or choose another folder.",
        errno.EROFS: "That file system is read-only: choose another folder.",
        errno.EACCES: "You may not write there: choose another folder, or change its permissions.",
        errno.EPERM: "You may not write there: choose another folder, or change its permissions.",
        errno.ENOTDIR: "A part of that path is a file, not a folder: choose another folder.",
        errno.EISDIR: "There is a folder of that name: give the name of a file.",
        errno.ENAMETOOLONG: "Names end at 255 bytes: choose a shorter one.",
        errno.ENOENT: "It was removed while it was being written: is the same run open in another notebook?",
    }.get(error.errno or 0, "Choose another folder, or check that the disk is healthy.")
    reason = error.strerror or str(error)
    return StorageError(f"Could not {doing} {path} ({reason}). {advice} Nothing that was there before was changed.")


@contextmanager
def atomic_file(path: Path | str, mode: str = "wb") -> Iterator[IO]:
    """Write a file so that a reader, or a kill at any moment, sees either the old one or the whole new one.

    The bytes go to a temporary file in the same folder, are flushed to the disk, and only then take the name.

    Raises:
        StorageError: the disk is full or the folder cannot be written; the old file is untouched.

    >>> with atomic_file("/tmp/pix2pix_edu_doctest.txt", "w") as file:
    ...     _ = file.write("whole or not at all")
    """
    path = Path(path)
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        prefix = os.fsencode(f".{path.name}.")[:200].decode(errors="ignore")  # a long name must leave room for the rest
        handle, temporary = tempfile.mkstemp(prefix=prefix, suffix=".tmp", dir=path.parent)
        with os.fdopen(handle, mode) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_UMASK)  # temporary files are private; this one is to become an ordinary one
        os.replace(temporary, path)
        temporary = None
    except OSError as error:
        if isinstance(error, StorageError):
            raise
        raise explain_os_error(error, path, "write") from error
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
