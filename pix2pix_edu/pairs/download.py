"""Fetch an archive that may be large over a network that may fail, and unpack it without trusting it."""

from __future__ import annotations

import bz2
import errno
import gzip
import hashlib
import http.client
import json
import lzma
import ntpath
import shutil
import ssl
import struct
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO

from pix2pix_edu.errors import DownloadError, StorageError
from pix2pix_edu.paths import atomic_file, explain_os_error
from pix2pix_edu.progress import progress

CHUNK = 1 << 18  # bytes
TIMEOUT_SECONDS = 30.0
ATTEMPTS_WITHOUT_PROGRESS = 2
PAUSE_SECONDS = 1.0  # between attempts
RETRIED = (408, 416, 429)  # answers below 500 that may be different the next time
MOST_BYTES = 40 * 2**30  # what an archive may unpack to
MOST_FILES = 1_000_000
MOST_HEADER_BYTES = 2**24  # of a tar file between two of its files; tarfile would read any number of them into memory
MARKER = ".pix2pix_edu.json"  # lies in a folder that was unpacked completely
LEFTOVER_SECONDS = 6 * 3600.0
# What tarfile, zipfile and the decompressors raise when an archive is damaged. Their OSErrors are another matter: those
# without a number, or with "invalid argument", come from reading it, all others from writing what it holds.
DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    RuntimeError,
    ValueError,
    LookupError,
    OverflowError,
)
READING_FAILED = (None, errno.EINVAL)
UNWRITABLE_NAME = (errno.ENAMETOOLONG, errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.EILSEQ, errno.EINVAL)


# --- Download ---------------------------------------------------------------------------------------------------------


def download(url: str, path: Path) -> Path:
    """Fetch `url` into the file `path`, going on where an earlier attempt was cut off.

    What has arrived is kept in `path` + ".part"; only a file whose length is the announced one takes its name.

    Args:
        url: http or https.
        path: where to put the file; its folder is made.

    Raises:
        DownloadError: no network, an answer such as "404 not found", or a connection that was cut off again and again.
            Calling again goes on where it stopped.
        StorageError: the disk is full or the folder cannot be written.
    """
    if path.exists():
        return path
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise explain_os_error(error, path, "download to") from error

    most, idle = _size(part), 0
    while True:
        try:
            if _fetch(url, part):
                part.replace(path)
                _version_file(part).unlink(missing_ok=True)
                return path
            reason = "the connection was cut off"
        except urllib.error.HTTPError as error:
            if error.code < 500 and error.code not in RETRIED:
                raise DownloadError(
                    f"{url} cannot be fetched (the server says {error.code} {error.reason})."
                ) from error
            if error.code == 416:  # what we have is not the beginning of what the server has
                part.unlink(missing_ok=True)
            reason = f"the server says {error.code} {error.reason}"
        except (urllib.error.URLError, http.client.HTTPException, ssl.SSLError, TimeoutError, ConnectionError) as error:
            reason = str(getattr(error, "reason", "") or error or type(error).__name__)
        except OSError as error:
            raise explain_os_error(error, part, "write") from error

        idle = 0 if _size(part) > most else idle + 1
        most = max(most, _size(part))
        if idle == ATTEMPTS_WITHOUT_PROGRESS:
            break
        time.sleep(PAUSE_SECONDS)
    kept = f" {_size(part):,} bytes have arrived and are kept: the next call goes on there." if _size(part) else ""
    raise DownloadError(f"{url} cannot be fetched ({reason}).{kept}")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _version_file(part: Path) -> Path:
    """Remembers which version of the file a part belongs to."""
    return part.with_name(part.name + ".version")


def _read_version(file: Path) -> str:
    """What the server called the part's version; empty if that is not known, or was damaged on the disk."""
    try:
        version = file.read_text(encoding="ascii")
    except (FileNotFoundError, ValueError):
        return ""
    return version if version.isprintable() else ""


def _fetch(url: str, part: Path) -> bool:
    """One attempt, appending to `part`; returns whether the file is now complete."""
    have = _size(part)
    version_file = _version_file(part)
    version = _read_version(version_file)
    request = urllib.request.Request(url)
    if have and version:
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", version)  # a changed file is sent from its beginning
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
        resumed = response.status == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        if not resumed:
            have = 0
        named = response.headers.get("ETag") or response.headers.get("Last-Modified") or ""
        version_file.write_text(named, encoding="ascii", errors="replace")
        length = response.headers.get("Content-Length")
        total = have + int(length) if length and length.isdecimal() else None
        bar = progress(description=f"Downloading {url.rsplit('/', 1)[-1]}", total=total, unit="B", unit_scale=True)
        with bar, part.open("ab" if resumed else "wb") as file:
            bar.update(have)
            while chunk := response.read1(CHUNK):  # what is there: `read` would lose it if the rest never came
                file.write(chunk)
                bar.update(len(chunk))
    return total is None or _size(part) == total


def sha256_of(path: Path) -> str:
    """The SHA-256 check sum of a file, as 64 hexadecimal digits.

    Raises:
        DownloadError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DownloadError(
            f"{path} cannot be read ({error.strerror or error}). Check its permissions, or copy it again."
        ) from error


def check_sha256(path: Path, expected: str | None) -> str:
    """Compute a file's check sum, and compare it if one is expected.

    Raises:
        DownloadError: it is not the expected one.
    """
    found = sha256_of(path)
    if expected is not None and found != expected.lower().strip():
        raise DownloadError(
            f"{path} is not the expected file: its SHA-256 is {found}, not {expected}. Delete it and download it "
            "again, or pass the check sum that you trust."
        )
    return found


# --- Unpack -----------------------------------------------------------------------------------------------------------


def is_archive(path: Path) -> bool:
    """Whether the name looks like an archive that `unpack` can read.

    >>> is_archive(Path("maps.tar.gz")), is_archive(Path("pairs.zip")), is_archive(Path("maps"))
    (True, True, False)
    """
    return path.name.lower().endswith((".tar.gz", ".tgz", ".tar", ".tar.bz2", ".tar.xz", ".zip"))


def unpack(archive: Path, folder: Path, sha256: str | None = None) -> Path:
    """Unpack an archive into a new folder: completely, or not at all.

    Nothing in the archive can write outside the folder: absolute names, names that climb (`../`) and links are refused,
    and so is an archive that grows beyond all measure.

    Args:
        archive: .tar, .tar.gz, .tar.bz2, .tar.xz or .zip.
        folder: the folder to make; if it was completely unpacked before, nothing is done.
        sha256: the check sum that the archive must have, if it is known.

    Returns:
        The folder.

    Raises:
        DownloadError: an archive that is damaged, cut off, unsafe, or not the expected one.
        StorageError: the disk is full or the folder cannot be written.
    """
    done = read_marker(folder)
    if done and sha256 in (None, done["sha256"]):
        return folder
    found = check_sha256(archive, sha256)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(folder)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".unpacking", dir=folder.parent))
    except OSError as error:
        raise explain_os_error(error, folder, "unpack to") from error
    try:
        files = _unpack_members(archive, unfinished)
        with atomic_file(unfinished / MARKER, "w") as marker:
            json.dump({"archive": archive.name, "sha256": found, "files": files}, marker)
        shutil.rmtree(folder, ignore_errors=True)
        unfinished.rename(folder)
    except DAMAGE as error:
        raise _damaged(archive, error) from error
    except OSError as error:
        if isinstance(error, StorageError):
            raise
        if read_marker(folder):  # another process was faster
            return folder
        if error.errno in READING_FAILED:
            raise _damaged(archive, error) from error
        raise explain_os_error(error, folder, "unpack to") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def read_marker(folder: Path) -> dict | None:
    """What is known of a folder that was unpacked completely; None for any other."""
    try:
        known = json.loads((folder / MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return known if isinstance(known, dict) and {"archive", "sha256"} <= known.keys() else None


def _damaged(archive: Path, error: Exception) -> DownloadError:
    return DownloadError(
        f"{archive} is cut off or damaged ({error}). Delete it and download it again, or copy it again."
    )


def _unpack_members(archive: Path, folder: Path) -> int:
    """Write every file of the archive below the folder, and count them."""
    files, room = 0, MOST_BYTES
    with _members(archive) as members:
        for name, size, content in progress(members, description=f"Unpacking {archive.name}"):
            room -= size
            files += 1
            if room < 0 or files > MOST_FILES:
                raise DownloadError(
                    f"{archive} would unpack to more than {MOST_BYTES >> 30} GB or {MOST_FILES:,} files, so it is "
                    "refused. Unpack it yourself if you trust it, and pass the folder."
                )
            with _new_file(archive, folder, name) as file:
                _copy(content, file, size, archive)
    return files


def _new_file(archive: Path, folder: Path, name: str) -> IO[bytes]:
    """Make the file for a member, with the folders around it."""
    path = folder.joinpath(*_safe_parts(archive, name))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("wb")
    except (OSError, ValueError) as error:  # the latter for a name with a zero byte in it
        if isinstance(error, OSError) and error.errno not in UNWRITABLE_NAME:
            raise
        shown = name if len(name) <= 60 else f"{name[:60]}..."
        raise DownloadError(
            f"{archive} holds a file named {shown!r}, which cannot be written here "
            f"({getattr(error, 'strerror', None) or error}). Unpack it yourself if you trust it, and pass the folder."
        ) from error


def _copy(content: IO[bytes], file: IO[bytes], size: int, archive: Path) -> None:
    """Copy exactly as many bytes as the archive announced."""
    left = size
    while chunk := content.read(min(CHUNK, left + 1)):
        left -= len(chunk)
        if left < 0:
            break
        file.write(chunk)
    if left:
        raise DownloadError(f"{archive} is cut off or damaged. Delete it and download it again, or copy it again.")


def _safe_parts(archive: Path, name: str) -> tuple[str, ...]:
    """The parts of a member's path, if it stays below the folder on every system."""
    parts = PurePosixPath(name).parts
    windows = PureWindowsPath(name)
    drives = any(ntpath.splitdrive(part)[0] for part in (*parts, *windows.parts))  # in the middle, too: a/C:b.png
    climbs = ".." in windows.parts or windows.anchor or drives or PurePosixPath(name).is_absolute()
    if not parts or climbs or (parts[0] == MARKER and len(parts) > 1):  # nor may it hide where we keep our notes
        raise DownloadError(
            f"{archive} holds a file named {name!r}, which would land outside its folder, so it is refused: such an "
            "archive is broken or hostile."
        )
    return parts


@contextmanager
def _members(archive: Path) -> Iterator[Iterator[tuple[str, int, IO[bytes]]]]:
    """Open an archive for reading its files one by one: name, size in bytes, content."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as zipped:
            yield _zip_members(zipped, archive)
    else:
        with _decompressed(archive) as stream:
            watched = _Watched(stream)
            with tarfile.open(fileobj=watched, mode="r|") as tarred:  # type: ignore[call-overload]
                yield _tar_members(tarred, archive, watched)
            watched.read_to_the_end()


def _tar_members(tarred: tarfile.TarFile, archive: Path, watched: _Watched) -> Iterator[tuple[str, int, IO[bytes]]]:
    for member in tarred:
        if member.isdir():
            continue  # folders are made when a file needs them
        content = tarred.extractfile(member) if member.isreg() else None
        if content is None:
            raise DownloadError(
                f"{archive} holds {member.name!r}, which is a link or a device and not a file, so it is refused: no "
                "data set needs one."
            )
        watched.left = MOST_HEADER_BYTES + member.size
        yield member.name, member.size, content
        watched.left = MOST_HEADER_BYTES  # whatever this file said of its size: it has been read


def _decompressed(archive: Path) -> IO[bytes]:
    """Open a tar file whatever it is compressed with, judged by its first bytes."""
    with archive.open("rb") as file:
        start = file.read(6)
    if start.startswith(b"\x1f\x8b"):
        return gzip.open(archive)  # type: ignore[return-value]
    if start.startswith(b"BZh"):
        return bz2.open(archive)
    if start.startswith(b"\xfd7zXZ"):
        return lzma.open(archive)
    return archive.open("rb")


class _Watched:
    """A tar stream that notices when its end is missing, and when a header has none.

    Python's tarfile takes an archive that is cut off between two files for a shorter one. But a whole archive ends with
    a block of zeros, and its compression with a check sum. And what a header announces, tarfile reads into memory: some
    megabytes of compressed zeros would become gigabytes there.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream, self.tail = stream, b""
        self.left = MOST_HEADER_BYTES  # bytes that may be read before the next file begins

    def read(self, size: int) -> bytes:
        data = self.stream.read(size)
        self.tail = (self.tail + data)[-tarfile.BLOCKSIZE :]
        self.left -= len(data)
        if self.left < 0:
            raise tarfile.ReadError(f"more than {MOST_HEADER_BYTES >> 20} MB that belong to none of its files")
        return data

    def read_to_the_end(self) -> None:
        while self.read(CHUNK):
            pass
        if any(self.tail):
            raise tarfile.ReadError("its end is missing")


def _zip_members(zipped: zipfile.ZipFile, archive: Path) -> Iterator[tuple[str, int, IO[bytes]]]:
    for member in zipped.infolist():
        if member.is_dir():
            continue
        with zipped.open(member) as content:
            yield member.filename, member.file_size, content


def _remove_leftovers(folder: Path) -> None:
    """Delete what processes that were killed while they unpacked left behind."""
    for leftover in folder.parent.glob(f".{folder.name}.*.unpacking"):
        try:
            if time.time() - leftover.stat().st_mtime > LEFTOVER_SECONDS:
                shutil.rmtree(leftover, ignore_errors=True)
        except OSError:
            continue  # another process was faster
