"""Feed damaged pictures and archives to the readers: python tools/fuzz.py [--seconds 60] [--seed 0] [--only NUMBER].

Pictures and archives come from strangers. Whatever is in them, reading ends in one of two ways: the file is read, or a
`Pix2PixEduError` names it. Everything else is a finding: another exception, an error that does not name the file,
something written outside the folder, a program that was started, a pickle that was loaded. Its file is kept in
`build/fuzz`, and the command ends with 1. The same seed and number always make the same file.
"""

from __future__ import annotations

import argparse
import gzip
import io
import itertools
import os
import random
import shutil
import struct
import sys
import tarfile
import tempfile
import time
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pix2pix_edu.errors import Pix2PixEduError
from pix2pix_edu.pairs import load_pairs
from pix2pix_edu.pairs.download import unpack
from pix2pix_edu.pairs.pictures import RESIZES

ROOT = Path(__file__).resolve().parent.parent
SIZE = 24  # pixels of the pictures that are damaged: small files, so that each byte matters
PAX_KEYS = ("path", "size", "GNU.sparse.size", "GNU.sparse.map", "GNU.sparse.major", "mtime", "hdrcharset", "linkpath")
EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
NAMES = [
    "a.png", "b/c.png", "../up.png", "b/../../up.png", "/abs.png", "C:\\abs.png", "..\\up.png", "b\\..\\..\\up.png",
    "", ".", "./a.png", "b//c.png", "a.png/d.png", "x" * 300, "y/" * 40 + "z", "caf\u00e9.png", "\udcff.png",
    "nul\0l.png", ".pix2pix_edu.json", ".pix2pix_edu.json/d", "con", "a.png:stream", "line\nbreak.png", "~/a.png",
    "$HOME/a.png", "\u202egnp",
]  # fmt: skip


@dataclass
class Report:
    """What happened: how many files of each kind were read or refused, and what should not have happened."""

    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)
    slowest: float = 0.0

    def __str__(self) -> str:
        count = self.outcomes
        kinds = sorted({kind for kind, _ in count})
        lines = [f"{kind:8} {count[kind, 'read']:6} read {count[kind, 'refused']:6} refused" for kind in kinds]
        return "\n".join([*lines, f"slowest: {self.slowest:.1f} s", f"findings: {len(self.findings)}", *self.findings])


# --- Watching what a reader does --------------------------------------------------------------------------------------

_watched: tuple[Path, list[str]] | None = None  # where may be written, and what was done against the rules
_hooked = False


def _on_event(event: str, arguments: tuple) -> None:
    """Python calls this for each file that is opened, each program that is started, and the like."""
    if _watched is None:
        return
    root, trespasses = _watched
    if event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "pickle.find_class", "socket.connect"):
        trespasses.append(f"{event} {arguments[:2]!r}")
    written: list[Any] = []
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        written = [arguments[0]]
    elif event in ("os.mkdir", "os.rename", "os.symlink", "os.link"):
        written = [arguments[0] if event == "os.mkdir" else arguments[1]]
    for path in written:
        if isinstance(path, int):
            continue  # a file that is open already
        if not Path(os.path.realpath(os.fsdecode(path))).is_relative_to(root):
            trespasses.append(f"{event} {path!r}")


@contextmanager
def watched(root: Path) -> Iterator[list[str]]:
    """While it lasts, everything that is written outside `root`, or run, is added to the list."""
    global _watched, _hooked
    if not _hooked:
        sys.addaudithook(_on_event)  # for good: Python has no way to take it away
        _hooked = True
    trespasses: list[str] = []
    _watched = (root.resolve(), trespasses)
    try:
        yield trespasses
    finally:
        _watched = None


# --- Good files -------------------------------------------------------------------------------------------------------


def _encoded(picture: Image.Image, file_format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, file_format, **options)
    return file.getvalue()


def good_pictures() -> dict[str, bytes]:
    """Pictures of every kind that the readers know, by a file name with the right ending."""
    rng = np.random.default_rng(0)
    rgb = Image.fromarray(rng.integers(0, 256, (SIZE, SIZE, 3), np.uint8))
    sixteen = Image.fromarray(rng.integers(0, 65536, (SIZE, SIZE), np.uint16))
    see_through = rgb.convert("RGBA")
    see_through.putalpha(rgb.convert("L"))
    exif = Image.Exif()
    exif[0x0112] = 6
    frames: dict[str, Any] = {"save_all": True, "append_images": [rgb.rotate(90), rgb.rotate(180)], "duration": 50}
    return {
        "rgb.png": _encoded(rgb, "PNG"),
        "sixteen.png": _encoded(sixteen, "PNG"),
        "palette.png": _encoded(rgb.quantize(16), "PNG", transparency=3),
        "alpha.png": _encoded(see_through, "PNG", exif=exif),
        "moving.png": _encoded(rgb, "PNG", **frames),
        "turned.jpg": _encoded(rgb, "JPEG", exif=exif),
        "print.jpg": _encoded(rgb.convert("CMYK"), "JPEG", progressive=True),
        "grey.jpg": _encoded(rgb.convert("L"), "JPEG"),
        "moving.gif": _encoded(rgb.quantize(64), "GIF", **frames),
        "plain.gif": _encoded(rgb.quantize(8), "GIF", transparency=0),
        "lossy.webp": _encoded(rgb, "WEBP", exif=exif),
        "exact.webp": _encoded(see_through, "WEBP", lossless=True),
        "moving.webp": _encoded(rgb, "WEBP", **frames),
        "rgb.bmp": _encoded(rgb, "BMP"),
        "rgb.tif": _encoded(rgb, "TIFF", compression="tiff_lzw"),
        "float.tif": _encoded(Image.fromarray(rng.random((SIZE, SIZE), np.float32)), "TIFF"),
    }


def tar_of(members: list[tuple[tarfile.TarInfo, bytes]], tar_format: int = tarfile.PAX_FORMAT) -> bytes:
    """An uncompressed tar archive."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tar_format) as archive:
        for member, content in members:
            archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


def _member(name: str, content: bytes) -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    return member, content


def good_archives() -> dict[str, bytes]:
    """Archives with three small files each; tar files are compressed only after they were damaged."""
    contents = {f"maps/train/{name}": content for name, content in list(good_pictures().items())[:3]}
    archives = {"pax.tar.gz": tar_of([_member(*item) for item in contents.items()])}
    long_name = f"maps/{'long' * 40}/a.png"  # does not fit into a header of its own
    archives["gnu.tar.gz"] = tar_of([_member(long_name, b"1"), _member("b.png", b"2")], tarfile.GNU_FORMAT)
    for name, compression in (("stored.zip", zipfile.ZIP_STORED), ("packed.zip", zipfile.ZIP_DEFLATED)):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", compression) as archive:
            for member, content in contents.items():
                archive.writestr(member, content)
        archives[name] = file.getvalue()
    return archives


# --- Damage -----------------------------------------------------------------------------------------------------------


def damage(rng: random.Random, data: bytes, others: list[bytes]) -> bytes:
    """The same bytes with one to four changes of the kind that bad disks, cut-off copies and bad people make."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        if not changed:
            break
        at = rng.randrange(len(changed))
        length = min(rng.choice((1, 2, 4, 16, 64)), len(changed) - at)
        kind = rng.randrange(9)
        if kind == 0:
            changed[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            changed[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        elif kind == 2:
            order, width = rng.choice(("little", "big")), rng.choice((2, 4))
            extreme = rng.choice(EXTREMES) % (1 << (8 * width))
            changed[at : at + width] = extreme.to_bytes(width, order)  # type: ignore[arg-type]
        elif kind == 3:
            del changed[at:]
        elif kind == 4:
            del changed[at : at + length]
        elif kind == 5:
            changed[at:at] = changed[at : at + length] * rng.choice((1, 2, 50))
        elif kind == 6:
            changed[at:at] = rng.randbytes(length)
        elif kind == 7:
            other = rng.choice(others)
            start = rng.randrange(len(other))
            changed[at : at + length] = other[start : start + length]
        else:
            changed[at : at + length] = bytes(length)
    return bytes(changed)


def with_right_sums(data: bytes) -> bytes:
    """A PNG or tar file whose check sums are right again, so that a reader goes on to what was changed."""
    changed = bytearray(data)
    if data.startswith(b"\x89PNG"):
        at = 8
        while at + 12 <= len(data):
            (length,) = struct.unpack_from(">I", data, at)
            if at + 12 + length <= len(data):
                struct.pack_into(">I", changed, at + 8 + length, zlib.crc32(data[at + 4 : at + 8 + length]))
            at += 12 + length
    elif data[257:262] == b"ustar":
        for at in range(0, len(data) - tarfile.BLOCKSIZE + 1, tarfile.BLOCKSIZE):
            if data[at + 257 : at + 262] == b"ustar":
                block = data[at : at + 148] + b" " * 8 + data[at + 156 : at + tarfile.BLOCKSIZE]
                changed[at + 148 : at + 156] = b"%06o\0 " % sum(block)
    return bytes(changed)


def hostile_archive(rng: random.Random) -> tuple[str, bytes]:
    """A sound archive with names, kinds and sizes that nobody should believe."""
    if rng.random() < 0.3:
        file = io.BytesIO()
        with warnings.catch_warnings(), zipfile.ZipFile(file, "w") as archive:
            warnings.simplefilter("ignore")  # "Duplicate name"
            for name in rng.sample(NAMES, 3):
                entry = zipfile.ZipInfo(name.encode("utf-8", "replace").decode() or "empty")
                entry.external_attr = rng.choice((0, 0o120777 << 16, 0o010644 << 16))  # a file, a link, a pipe
                archive.writestr(entry, rng.choice((b"", b"/etc", b"content")))
        return "hostile.zip", file.getvalue()
    members = []
    for name in rng.sample(NAMES, 3):
        member, content = _member(name, rng.choice((b"", b"content")))
        member.type = rng.choice([tarfile.REGTYPE] * 6 + [bytes([number]) for number in b"1234567SLKx"])
        member.linkname = rng.choice(NAMES)
        if rng.random() < 0.4:
            member.pax_headers = {rng.choice(PAX_KEYS): rng.choice(["-1", "9" * 30, "x", "1,2", "1.5", "", *NAMES])}
        members.append((member, content))
    tar_format = rng.choice((tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT))
    try:
        return "hostile.tar.gz", gzip.compress(tar_of(members, tar_format), 1)
    except (ValueError, OSError):  # a name that this format cannot hold
        return hostile_archive(rng)


# --- The two readers --------------------------------------------------------------------------------------------------


class Bench:
    """A folder in which files are tried one after the other."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.pictures, self.archives = good_pictures(), good_archives()
        self.everything = [*self.pictures.values(), *self.archives.values()]
        self.pairs = root / "pairs"
        for side in "AB":
            (self.pairs / side).mkdir(parents=True)
            for number in range(3):
                Image.new("RGB", (SIZE, SIZE), (60 * number, 90, 30)).save(self.pairs / side / f"good{number}.png")

    def picture(self, rng: random.Random) -> tuple[str, bytes, Callable[[Path], object]]:
        """A damaged picture, and how it is read: as half of a pair."""
        name = rng.choice(list(self.pictures))
        data = damage(rng, self.pictures[name], self.everything)
        if rng.random() < 0.7:
            data = with_right_sums(data)
        resize = rng.choice(RESIZES)

        def read(path: Path) -> object:
            pairs = load_pairs(self.pairs, image_size=32, resize=resize)
            assert all(split.sources.dtype == np.uint8 for split in (pairs.train, pairs.val, pairs.test))
            return pairs

        (self.pairs / "B" / "damaged.png").write_bytes(self.pictures["rgb.png"])
        return f"pairs/A/damaged{Path(name).suffix}", data, read

    def archive(self, rng: random.Random) -> tuple[str, bytes, Callable[[Path], object]]:
        """A damaged or hostile archive, and how it is read: unpacked to a folder of its own."""
        if rng.random() < 0.4:
            name, data = hostile_archive(rng)
        else:
            name = rng.choice(list(self.archives))
            data = damage(rng, self.archives[name], self.everything)
            if name.endswith(".gz"):
                data = gzip.compress(with_right_sums(data) if rng.random() < 0.7 else data, 1)
                data = damage(rng, data, self.everything) if rng.random() < 0.1 else data
        return f"archive-{name}", data, lambda path: unpack(path, self.root / "deep" / "down" / "unpacked")

    def outcome(self, path: Path, read: Callable[[Path], object]) -> tuple[str, str]:
        """("read" or "refused", "") if all is well; ("finding", why) if not."""
        try:
            with watched(self.root) as trespasses, warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Pillow tells of damage that it could mend
                read(path)
            result = "read"
        except Pix2PixEduError as error:
            if path.name not in str(error):
                return "finding", f"the error does not name the file: {type(error).__name__}: {error}"
            result = "refused"
        except Exception as error:
            return "finding", f"{type(error).__name__}: {error}"
        return ("finding", "; ".join(trespasses)) if trespasses else (result, "")


def fuzz(
    seconds: float, seed: int = 0, only: int | None = None, keep: Path | None = None, most: int | None = None
) -> Report:
    """Try damaged files for so many seconds, or the one with this number alone.

    Args:
        seconds: when to stop.
        seed: another seed makes other files.
        only: the number of one file, to look at a finding again.
        keep: a folder for the files of findings.
        most: stop after so many files.
    """
    report, end = Report(), time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder).resolve())
        for number in itertools.islice(itertools.count(), most) if only is None else [only]:
            rng = random.Random(f"{seed} {number}")
            kind = "archive" if number % 3 == 2 else "picture"
            name, data, read = getattr(bench, kind)(rng)
            path = bench.root / name
            path.write_bytes(data)
            before = time.monotonic()
            result, why = bench.outcome(path, read)
            report.slowest = max(report.slowest, time.monotonic() - before)
            report.outcomes[kind, result] += 1
            if result == "finding":
                report.findings.append(f"{kind} {number} of seed {seed} ({name}): {why}")
                if keep is not None:
                    keep.mkdir(parents=True, exist_ok=True)
                    (keep / f"{seed}-{number}-{path.name}").write_bytes(data)
            path.unlink()
            shutil.rmtree(bench.root / "deep", ignore_errors=True)
            if time.monotonic() > end:
                break
    return report


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60, help="how long (default: 60)")
    parser.add_argument("--seed", type=int, default=0, help="which files (default: 0)")
    parser.add_argument("--only", type=int, help="the number of one file, to look at a finding again")
    options = parser.parse_args()
    report = fuzz(options.seconds, options.seed, options.only, keep=ROOT / "build" / "fuzz")
    print(report)
    return 1 if report.findings else 0


if __name__ == "__main__":
    sys.exit(main())
