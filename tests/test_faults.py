"""The table of docs/faults.md, fault by fault: what is seen, that nothing is lost, and that data run no code."""

from __future__ import annotations

import ast
import functools
import gzip
import http.server
import io
import json
import ntpath
import os
import pickle
import posixpath
import pwd
import re
import shutil
import signal
import struct
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import unicodedata
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from pix2pix_edu.errors import DataError, DownloadError, StorageError, UsageError
from pix2pix_edu.pairs import Pairs, Split, download, load_pairs
from pix2pix_edu.pairs import glyphs as glyphs_module
from pix2pix_edu.pairs.cache import cached
from pix2pix_edu.pairs.download import MARKER, _safe_parts, read_marker, unpack
from pix2pix_edu.pairs.pictures import (
    CMYK,
    FRAMES,
    GREY,
    NO_EXIF,
    PALETTE,
    RESIZES,
    SIXTEEN_BITS,
    TRANSPARENT,
    Unreadable,
    decode,
    read_picture,
    to_square,
)
from pix2pix_edu.paths import atomic_file, cache_dir
from pix2pix_edu.sheets import make_sheet, save_picture, to_png
from tools import fuzz

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "faults.md"
SAFETY = ROOT / "docs" / "safety.md"
FEWEST_ROWS = 60
CITED = r"`(tests/[\w/]+\.py)::(\w+)(?:\[[^\]`]+\])?`"
QUICK = settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


# --- The table --------------------------------------------------------------------------------------------------------


def rows_of(page: str) -> list[list[str]]:
    """The cells of all rows below the heads of the tables."""
    rows = [line.strip().strip("|").split(" | ") for line in page.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row] for row in rows if row[0].strip() != "what can go wrong"]


@functools.cache
def declared_in(path: Path) -> frozenset[str]:
    """The names of the tests in a file, read without running it."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return frozenset(node.name for node in nodes if isinstance(node, ast.FunctionDef) and node.name.startswith("test"))


def missing_tests(text: str) -> list[str]:
    """The tests that a text cites, as `tests/file.py::test_name`, and that do not exist."""
    cited = re.findall(CITED, text)
    return [
        f"{file}::{name}" for file, name in cited if not (ROOT / file).is_file() or name not in declared_in(ROOT / file)
    ]


@functools.cache
def texts_of_the_library() -> tuple[str, ...]:
    """Every string in the code; what an f-string fills in stands as …"""
    found = [(ROOT / "Makefile").read_text(encoding="utf-8"), (ROOT / "tools/install.py").read_text(encoding="utf-8")]
    for path in (ROOT / "pix2pix_edu").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = (str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
                found.append("".join(parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return tuple(found)


def is_said(quote: str) -> bool:
    """Whether one string of the library says this, whatever stands where the page has …"""
    pattern = ".{1,200}?".join(re.escape(part.strip()) for part in quote.split("…") if part.strip())
    return any(re.search(pattern, text, flags=re.DOTALL) for text in texts_of_the_library())


def faults_of(page: str) -> list[str]:
    """What is wrong with the table; nothing if all is well."""
    rows, wrong = rows_of(page), []
    if len(rows) < FEWEST_ROWS:
        wrong.append(f"{len(rows)} rows, but at least {FEWEST_ROWS} are promised")
    if len({row[0] for row in rows}) < len(rows):
        wrong.append("a fault has two rows")
    for row in rows:
        if len(row) != 5 or not all(row):
            wrong.append(f"not five cells: {row}")
            continue
        fault, seen, _, _, proof = row
        quotes = re.findall(r"`([^`]+)`", seen)
        wrong += [f"{fault}: nothing says {quote!r}" for quote in quotes if not is_said(quote)]
        wrong += [f"{fault}: there is no {test}" for test in missing_tests(proof)]
        if not re.search(CITED, proof):
            wrong.append(f"{fault}: no test is cited")
        if not quotes and not seen.startswith("Nothing"):
            wrong.append(f"{fault}: no message is quoted, and it does not say that nothing is seen")
    return wrong


def test_every_row_quotes_a_message_that_exists_and_cites_a_test_that_exists():
    page = PAGE.read_text(encoding="utf-8")
    assert faults_of(page) == []
    assert missing_tests(page) == []  # the text around the tables cites some, too


def test_a_wrong_table_would_be_noticed():
    proof = "`tests/test_faults.py::test_a_wrong_table_would_be_noticed`"
    good = f"| a | `is no longer a finite number` | nothing | do | {proof} |"
    assert [fault for fault in faults_of(good) if "rows" not in fault] == []
    for old, new in [
        ("is no longer", "was never"),
        ("would_be_noticed", "never_was"),
        ("test_faults", "test_nothing"),
        ("| nothing |", "|  |"),
        ("`is no longer a finite number`", "something"),
        ("`tests/", "`"),
    ]:
        assert len(faults_of(good.replace(old, new))) > 1, (old, new)


def test_the_page_on_safety_cites_tests_that_exist():
    text = SAFETY.read_text(encoding="utf-8")
    assert len(re.findall(CITED, text)) >= 10
    assert missing_tests(text) == []


# --- What the faults are made with ------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PIX2PIX_EDU_CACHE", str(tmp_path / "cache"))


def write_pairs(root: Path, names: list[str] | None = None) -> Path:
    """Two folders A and B with pictures of these names."""
    for side in "AB":
        (root / side).mkdir(parents=True)
        for number, name in enumerate(names or ["0.png", "1.png", "2.png", "3.png"]):
            Image.new("RGB", (40, 40), (40 * number, 9, 90)).save(root / side / name, format="PNG")
    return root


def saved(picture: Image.Image, file_format: str, **options: Any) -> io.BytesIO:
    file = io.BytesIO()
    picture.save(file, file_format, **options)
    file.seek(0)
    return file


@pytest.fixture
def anybody(tmp_path) -> Iterator[Path]:
    """A folder that everybody may enter: pytest's own are for their owner alone."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@contextmanager
def without_rights() -> Iterator[None]:
    """Nothing is forbidden to root; as nobody, permissions count."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(pwd.getpwnam("nobody").pw_uid)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


# --- Pictures ---------------------------------------------------------------------------------------------------------


def test_a_picture_of_too_many_pixels_is_refused_before_it_fills_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500_000)
    root = write_pairs(tmp_path / "mine")
    Image.new("1", (2000, 2000)).save(root / "A" / "2.png")
    with pytest.raises(
        DataError, match=r"A/2\.png \(cannot be read \(more than 1 million pixels: make the picture smaller"
    ):
        load_pairs(root, image_size=32)


def test_a_program_in_the_guise_of_a_picture_is_not_run(tmp_path):
    """PostScript is a language, and Pillow would start Ghostscript for it."""
    path = tmp_path / "cat.png"
    path.write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n")
    assert Image.open(path).format == "EPS"
    with pytest.raises(Unreadable, match="not a picture"):
        read_picture(path)


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "PPM"])
def test_the_ending_of_a_name_may_lie_about_the_kind_of_picture(tmp_path, file_format):
    path = tmp_path / "cat.png"
    Image.new("RGB", (9, 7), "orange").save(path, format=file_format)
    assert read_picture(path)[0].size == (9, 7)


def test_damaged_exif_data_cost_nothing_but_the_turn():
    exif = Image.Exif()
    exif[0x0112] = 6
    data = bytearray(saved(Image.new("RGB", (20, 10)), "PNG", exif=exif).getvalue())
    at = data.find(b"eXIf") + 4
    data[at : at + 2] = b"??"  # neither little nor big endian
    picture, notes = decode(io.BytesIO(fuzz.with_right_sums(bytes(data))))
    assert (picture.size, notes) == ((20, 10), [NO_EXIF])


def test_thin_and_tiny_pictures_become_squares(tmp_path):
    for size in ((3000, 1), (1, 3000), (1, 1)):
        for resize in RESIZES:
            assert to_square(Image.new("RGB", size), 32, resize).shape == (32, 32, 3)


@pytest.mark.parametrize("how", ["a folder", "a pipe", "a link to nothing", "a link to itself"])
def test_what_is_named_like_a_picture_and_is_none_is_listed(tmp_path, how):
    root = write_pairs(tmp_path / "mine")
    path = root / "A" / "2.png"
    path.unlink()
    if how == "a folder":
        path.mkdir()
    elif how == "a pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("nothing.png" if how == "a link to nothing" else "2.png")
    with pytest.raises(DataError, match=r"1 of 4 pairs .*A/2\.png \([^/]*\)\. Repair") as caught:
        load_pairs(root, image_size=32)
    assert "Errno" not in str(caught.value)


def test_a_file_without_an_ending_is_no_picture(tmp_path):
    root = write_pairs(tmp_path / "mine")
    (root / "A" / "2.png").rename(root / "A" / "2")
    with pytest.raises(DataError, match=r"do not match.*1 only in .*B: 2\. Rename"):
        load_pairs(root, image_size=32)
    (root / "B" / "2.png").unlink()
    assert any("left out: 2 (1)" in line for line in load_pairs(root, image_size=32).report)
    alone = tmp_path / "alone"
    alone.mkdir()
    Image.new("RGB", (80, 40)).save(alone / "pair", format="PNG")
    with pytest.raises(DataError, match=r"There are no pairs in .*Pictures end with \.png"):
        load_pairs(alone, image_size=32)


# --- Names and folders ------------------------------------------------------------------------------------------------


def test_two_spellings_of_one_name_are_one_name(tmp_path):
    root = write_pairs(tmp_path / "mine", ["0.png", "1.png", "2.png", "caf\u00e9.png"])
    (root / "B" / "caf\u00e9.png").rename(root / "B" / unicodedata.normalize("NFD", "caf\u00e9.png"))
    pairs = load_pairs(root, image_size=32)
    assert "caf\u00e9" in [*pairs.train.names, *pairs.val.names, *pairs.test.names]
    shutil.copy(root / "B" / "0.png", root / "B" / "caf\u00e9.png")
    with pytest.raises(DataError, match="some names occur with two endings"):
        load_pairs(root, image_size=32)


@pytest.mark.parametrize(
    "name", ["日本 ☃.png", "quote ' and \".png", "x" * 251 + ".png", "line\nbreak.png", "a.b.c.png"]
)
def test_names_of_all_kinds_are_read(tmp_path, name):
    pairs = load_pairs(write_pairs(tmp_path / "mine", ["0.png", "1.png", name]), image_size=32)
    assert name.removesuffix(".png") in [*pairs.train.names, *pairs.val.names, *pairs.test.names]


def test_a_name_that_is_no_text_can_be_read_and_be_complained_about(tmp_path):
    root = write_pairs(tmp_path / "mine")
    for side in "AB":
        os.rename(root / side / "2.png", os.fsencode(root / side) + b"/\xff.png")
    assert len(load_pairs(root, image_size=32).train) == 2
    Path(os.fsdecode(os.fsencode(root / "A") + b"/\xff.png")).write_bytes(b"")
    code = f"from pix2pix_edu.cli import main; raise SystemExit(main(['data', {str(root)!r}]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 2 and "the file is empty" in " ".join(done.stderr.split())


def test_a_folder_that_holds_itself_is_left_out(tmp_path):
    """A link that leads back would be followed forty times, and then named with a path of forty folders."""
    (tmp_path / "loop").symlink_to(".")
    with pytest.raises(DataError, match="There are no pairs in") as caught:
        load_pairs(tmp_path, image_size=32)
    assert "loop" not in str(caught.value).split(". It should")[0]
    write_pairs(tmp_path / "inner")
    (tmp_path / "inner" / "A" / "again").symlink_to(tmp_path)
    assert len(load_pairs(tmp_path, image_size=32).train) == 2
    for one, other in ("ab", "ba"):
        (tmp_path / "ring" / one).mkdir(parents=True)
        (tmp_path / "ring" / one / "on").symlink_to(f"../{other}")
    with pytest.raises(DataError, match=r"There are no pairs in .*/ring/a/on\. It"):
        load_pairs(tmp_path / "ring" / "a", image_size=32)
    path = tmp_path / "circle"
    path.symlink_to("circle")
    with pytest.raises(DataError, match="There is no folder"):
        load_pairs(path, image_size=32)


def test_a_path_that_cannot_be_is_explained(tmp_path):
    too_long = (
        r"cannot be read \(File name too long\)\. Check its permissions and its name|There is no folder"  # from 3.12
    )
    with pytest.raises(DataError, match=too_long):
        load_pairs(tmp_path / ("y" * 300), image_size=32)
    for nothing in (None, 3, ["emoji"]):
        with pytest.raises(UsageError, match=r"load_pairs\(.*\) does not work: give the name of a data set"):
            load_pairs(nothing, image_size=32)
    with pytest.raises(UsageError, match="limit='3' does not work"):
        load_pairs(write_pairs(tmp_path / "mine"), image_size=32, limit="3")


def test_a_folder_that_may_not_be_read_is_explained(anybody):
    root = write_pairs(anybody / "mine")
    (root / "A").chmod(0)
    with (
        without_rights(),
        pytest.raises(DataError, match=r"/A cannot be read \(Permission denied\).*folder of your own"),
    ):
        load_pairs(root, image_size=32)
    (root / "A").chmod(0o755)
    (root / "A" / "2.png").chmod(0)
    with without_rights(), pytest.raises(DataError, match=r"A/2\.png \(cannot be read \(Permission denied\)\)"):
        load_pairs(root, image_size=32)


def test_an_archive_that_may_not_be_read_is_explained(anybody):
    path = anybody / "pairs.zip"
    path.touch()
    path.chmod(0)
    with (
        without_rights(),
        pytest.raises(DownloadError, match=r"pairs\.zip cannot be read \(Permission denied\)\. Check"),
    ):
        load_pairs(path, image_size=32)


def test_a_home_that_does_not_exist_is_explained(tmp_path):
    for call in (
        lambda: load_pairs("~nobody_of_that_name/pictures", image_size=32),
        lambda: load_pairs("maps", image_size=32, archive="~nobody_of_that_name/maps.tar.gz"),
        lambda: load_pairs("photos", image_size=32, folder="~nobody_of_that_name"),
    ):
        with pytest.raises(StorageError, match=r"lies in a home folder that does not exist\. Write the whole path"):
            call()


def test_without_a_home_nothing_is_written_anywhere_and_the_cache_is_lived_without(tmp_path, monkeypatch):
    for name in ("PIX2PIX_EDU_CACHE", "HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)

    def nobody_is_known(number: int) -> None:
        raise KeyError(number)

    monkeypatch.setattr(pwd, "getpwuid", nobody_is_known)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StorageError, match="set the environment variable PIX2PIX_EDU_CACHE"):
        cache_dir()
    with pytest.warns(UserWarning, match="Working without a cache.*PIX2PIX_EDU_CACHE"):
        assert cached("numbers", {}, lambda: {"x": np.ones(2)})["x"].tolist() == [1, 1]
    with pytest.raises(StorageError, match="PIX2PIX_EDU_CACHE"):
        load_pairs("maps", image_size=32)
    assert list(tmp_path.iterdir()) == []


# --- Disk -------------------------------------------------------------------------------------------------------------


def test_a_folder_that_may_only_be_read_is_explained_and_the_cache_is_lived_without(anybody, monkeypatch):
    monkeypatch.setenv("PIX2PIX_EDU_CACHE", str(anybody / "cache"))
    (anybody / "old.png").write_bytes(b"old")
    archive = anybody / "pairs.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("a.png", b"1")
    with without_rights():
        with pytest.raises(StorageError, match=r"Could not write .*old\.png \(Permission denied\)\. You may not write"):
            save_picture(np.zeros((4, 4, 3), np.uint8), anybody / "old.png")
        with pytest.warns(UserWarning, match="Working without a cache.*You may not write there"):
            assert cached("numbers", {}, lambda: {"x": np.ones(2)})["x"].sum() == 2
        with pytest.raises(StorageError, match=r"Could not unpack to .*You may not write there"):
            unpack(archive, anybody / "unpacked")
    assert (anybody / "old.png").read_bytes() == b"old"
    assert sorted(path.name for path in anybody.iterdir()) == ["old.png", "pairs.zip"]


def test_a_full_disk_is_told_by_a_device_that_is_always_full():
    with (
        pytest.raises(StorageError, match=r"The disk is full: free some space") as caught,
        open("/dev/full", "wb") as file,
    ):
        from pix2pix_edu.paths import explain_os_error

        try:
            file.write(bytes(10**5))
            file.flush()
        except OSError as error:
            raise explain_os_error(error, Path("sheet.png"), "write") from error
    assert str(caught.value).startswith("Could not write sheet.png (No space left on device).")


def test_a_name_too_long_or_of_a_folder_is_explained_and_the_longest_one_works(tmp_path):
    with (
        pytest.raises(StorageError, match="Names end at 255 bytes: choose a shorter one"),
        atomic_file(tmp_path / ("n" * 256)),
    ):
        pass
    with (
        pytest.raises(StorageError, match="There is a folder of that name: give the name of a file"),
        atomic_file(tmp_path),
    ):
        pass
    for name in ("n" * 255, "é" * 127):
        with atomic_file(tmp_path / name) as file:
            file.write(b"whole")
        assert (tmp_path / name).read_bytes() == b"whole"


def test_a_file_that_another_process_tidies_away_is_explained(tmp_path):
    path = tmp_path / "losses.csv"
    path.write_text("old")
    with pytest.raises(StorageError, match="is the same run open in another notebook"), atomic_file(path, "w"):
        next(tmp_path.glob(".*.tmp")).unlink()
    assert path.read_text() == "old"


KILLED = """
import os, sys, time
import numpy as np
from pathlib import Path
from pix2pix_edu.pairs import download
from pix2pix_edu.sheets import save_picture

def stop(*ignored):
    print("in the middle", flush=True)
    time.sleep(60)

what, place, archive = sys.argv[1:]
if what == "sheet":
    os.fsync = stop
    save_picture(np.zeros((400, 400, 3), np.uint8), place)
else:
    download._copy = stop
    download.unpack(Path(archive), Path(place))
"""


@pytest.mark.parametrize("what", ["sheet", "unpacking"])
def test_a_kill_in_the_middle_leaves_the_old_file_or_nothing(tmp_path, what):
    archive, place = tmp_path / "a.zip", tmp_path / "runs" / "place"
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("a.png", b"1")
    place.parent.mkdir()
    if what == "sheet":
        save_picture(np.full((4, 4, 3), 7, np.uint8), place)
    before = place.read_bytes() if what == "sheet" else None
    command = [sys.executable, "-c", KILLED, what, str(place), str(archive)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "in the middle\n"
        process.send_signal(signal.SIGKILL)
    assert len(list(place.parent.glob(".place.*"))) == 1  # what was half done has another name
    if what == "sheet":
        assert place.read_bytes() == before
        save_picture(np.zeros((4, 4, 3), np.uint8), place)
    else:
        assert not place.exists() and read_marker(place) is None
        assert (unpack(archive, place) / "a.png").read_bytes() == b"1"


# --- Download ---------------------------------------------------------------------------------------------------------


class Slow(http.server.BaseHTTPRequestHandler):
    """Sends a file of 900 bytes in three parts, with a pause before the last."""

    pause, length = 0.0, "900"

    def do_GET(self) -> None:
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-899/900")
        self.send_header("Content-Length", str(900 - start) if self.length == "900" else self.length)
        self.send_header("ETag", '"one"')
        self.end_headers()
        for at in range(start, 900, 300):
            if at == 600:
                time.sleep(self.pause)
            self.wfile.write(bytes(300))

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def slow_server(monkeypatch) -> Iterator[str]:
    """The address of a file; `Slow` says how slowly it comes."""
    monkeypatch.setattr(download, "PAUSE_SECONDS", 0.01)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/maps.tar.gz"
        server.shutdown()
        thread.join()


def test_a_server_that_falls_silent_is_not_waited_for_and_a_slow_one_is(slow_server, tmp_path, monkeypatch):
    path = tmp_path / "maps.tar.gz"
    monkeypatch.setattr(download, "TIMEOUT_SECONDS", 0.5)
    monkeypatch.setattr(Slow, "pause", 1.2)
    with pytest.raises(DownloadError, match=r"cannot be fetched \(timed out\)\. 600 bytes have arrived and are kept"):
        download.download(slow_server, path)
    assert not path.exists() and path.with_name("maps.tar.gz.part").stat().st_size == 600
    monkeypatch.setattr(Slow, "pause", 0.1)
    assert download.download(slow_server, path).stat().st_size == 900


def test_ctrl_c_keeps_what_has_arrived(slow_server, tmp_path, monkeypatch):
    path = tmp_path / "maps.tar.gz"

    class Impatient:
        arrived = 0

        def __init__(self, **options: Any) -> None: ...
        def __enter__(self) -> Impatient:
            return self

        def __exit__(self, *ignored: object) -> None: ...
        def update(self, count: int) -> None:
            self.arrived += count
            if self.arrived >= 600:
                raise KeyboardInterrupt

    monkeypatch.setattr(Slow, "pause", 0.1)
    monkeypatch.setattr(download, "CHUNK", 300)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(download, "progress", Impatient)
        download.download(slow_server, path)
    assert not path.exists() and path.with_name("maps.tar.gz.part").stat().st_size == 600
    assert download.download(slow_server, path).stat().st_size == 900


@pytest.mark.parametrize("notes", [b"\xff\xfe", b"two\nlines", b""])
def test_damaged_notes_about_a_part_cost_only_time(slow_server, tmp_path, notes):
    path = tmp_path / "maps.tar.gz"
    path.with_name("maps.tar.gz.part").write_bytes(b"x" * 300)
    path.with_name("maps.tar.gz.part.version").write_bytes(notes)
    assert download.download(slow_server, path).read_bytes() == bytes(900)


def test_a_length_that_is_no_number_is_passed_over(slow_server, tmp_path, monkeypatch):
    monkeypatch.setattr(Slow, "length", "many")
    monkeypatch.setattr(Slow, "protocol_version", "HTTP/1.0")
    assert download.download(slow_server, tmp_path / "maps.tar.gz").stat().st_size == 900


# --- Archives ---------------------------------------------------------------------------------------------------------


def test_a_flipped_check_sum_of_the_compression_is_damage(tmp_path):
    path = tmp_path / "a.tar.gz"
    data = bytearray(gzip.compress(fuzz.tar_of([fuzz._member("a.png", b"1")])))
    data[-8] ^= 0xFF  # the CRC
    path.write_bytes(data)
    with pytest.raises(DownloadError, match=r"a\.tar\.gz is cut off or damaged \(CRC check failed"):
        unpack(path, tmp_path / "out")


@pytest.mark.parametrize("first", ["nothing", "a folder that says it were large", "a file with a hole"])
def test_a_header_that_would_fill_the_memory_is_refused(tmp_path, monkeypatch, first):
    """Headers are read whole: 64 MB of them are 65 kB in the archive."""
    before = tarfile.TarInfo("a")
    if first == "a folder that says it were large":
        before.type, before.size = tarfile.DIRTYPE, 2**30
    else:
        before.pax_headers = {"GNU.sparse.size": str(2**25), "GNU.sparse.map": "0,0"}
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 2**26
    path = tmp_path / "bomb.tar.gz"
    content = b"" if first == "nothing" else before.tobuf()
    path.write_bytes(gzip.compress(content + header.tobuf() + bytes(2**26), 1))
    assert path.stat().st_size < 400_000
    read = 0
    whole = download._Watched.read

    def counted(self: Any, size: int) -> bytes:
        nonlocal read
        data = whole(self, size)
        read += len(data)
        return data

    monkeypatch.setattr(download._Watched, "read", counted)
    with pytest.raises(
        DownloadError, match=r"bomb\.tar\.gz is cut off or damaged \(more than 16 MB that belong to none"
    ):
        unpack(path, tmp_path / "out")
    assert 2**23 < read < download.MOST_HEADER_BYTES + 2**16


@pytest.mark.parametrize("names", [["a", "a/b"], ["a/b", "a"], ["n" * 300], ["nul\0l"]])
def test_names_that_cannot_be_written_are_the_archives_fault(tmp_path, names):
    path = tmp_path / "bad.tar.gz"
    members = [fuzz._member(name, b"1") for name in names]
    if "\0" in names[0]:
        members[0][0].name = "plain"
        members[0][0].pax_headers = {"path": names[0]}
    path.write_bytes(gzip.compress(fuzz.tar_of(members)))
    with pytest.raises(
        DownloadError, match=r"bad\.tar\.gz holds a file named '.{1,63}', which cannot be written here \("
    ):
        unpack(path, tmp_path / "out")
    assert [entry.name for entry in tmp_path.iterdir()] == ["bad.tar.gz"]


def test_an_archive_cannot_pretend_to_be_unpacked(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(MARKER, json.dumps({"archive": "trusted.zip", "sha256": "0" * 64}))
        archive.writestr("a.png", b"1")
    assert read_marker(unpack(path, tmp_path / "out"))["archive"] == "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{MARKER}/a.png", b"1")
    with pytest.raises(DownloadError, match="outside its folder"):
        unpack(path, tmp_path / "other")


@pytest.mark.parametrize("text", ["", "[]", "{}", "3", '{"archive": 1}', "[" * 10_000, "\xff"])
def test_a_damaged_marker_means_that_it_is_unpacked_again(tmp_path, text):
    path, folder = tmp_path / "a.zip", tmp_path / "out"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.png", b"1")
    folder.mkdir()
    (folder / MARKER).write_text(text, encoding="latin-1")
    (folder / "stray.png").touch()
    unpack(path, folder)
    assert not (folder / "stray.png").exists() and read_marker(folder)["archive"] == "a.zip"


# --- Fonts and widgets ------------------------------------------------------------------------------------------------


def test_a_font_that_matplotlib_should_have_is_missed_by_name(tmp_path, monkeypatch):
    import matplotlib

    monkeypatch.setattr(matplotlib, "get_data_path", lambda: str(tmp_path))
    with pytest.raises(DataError, match=r"The font .*DejaVuSans\.ttf is missing\. matplotlib brings it along"):
        glyphs_module.font_file("sans")


# --- Whatever comes ---------------------------------------------------------------------------------------------------

# What Pillow calls the kinds of pixels, and what is noted of each.
KINDS = {"1": GREY, "L": GREY, "LA": GREY, "P": PALETTE, "RGB": None, "RGBA": None, "CMYK": CMYK, "I;16": SIXTEEN_BITS}
SIZES = st.integers(1, 70)
DTYPES = ["uint8", "bool", "int8", "uint16", "int32", "int64", "float16", "float32", "float64", "complex64", "U1", "O"]


@QUICK
@given(kind=st.sampled_from(sorted(KINDS)), width=SIZES, height=SIZES, resize=st.sampled_from(RESIZES))
def test_a_picture_of_any_size_and_kind_becomes_a_square_and_is_noted(kind, width, height, resize):
    picture, notes = decode(saved(Image.new(kind, (width, height)), "TIFF"))
    assert (picture.mode, picture.size) == ("RGB", (width, height))
    assert KINDS[kind] is None or KINDS[kind] in notes
    assert (TRANSPARENT in notes) == (kind in ("LA", "RGBA"))  # new ones are see-through
    square = to_square(picture, 32, resize)
    assert (square.shape, square.dtype) == ((32, 32, 3), np.uint8)


@QUICK
@given(values=st.lists(st.integers(0, 65535), min_size=1, max_size=20), frames=st.integers(1, 3))
def test_sixteen_bits_are_rounded_down_evenly_and_frames_are_counted(values, frames):
    wide = Image.fromarray(np.array([values], np.uint16))
    file = saved(wide, "TIFF", save_all=True, append_images=[wide] * (frames - 1))
    picture, notes = decode(file)
    assert np.asarray(picture)[0, :, 0].tolist() == [value // 257 for value in values]
    assert (FRAMES in notes) == (frames > 1)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@QUICK
@given(
    data=st.binary(max_size=60), start=st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF", b"BM", b"II*\0"])
)
def test_bytes_that_are_no_picture_are_called_so_in_one_line(data, start):
    with pytest.raises(Unreadable, match=r"^cannot be read \([^\n]+\)$"):
        decode(io.BytesIO(start + data))


@QUICK
@given(dtype=st.sampled_from(DTYPES), axes=st.lists(st.integers(1, 5), min_size=1, max_size=5))
def test_pairs_and_sheets_take_bytes_with_four_axes_and_nothing_else(dtype, axes):
    array = np.zeros(axes, dtype)
    if dtype == "uint8" and len(axes) == 4:
        assert len(Split(array, array)) == axes[0] and make_sheet(array).ndim == 3
        return
    with pytest.raises(DataError, match="has the (shape|type)"):
        Split(array, array)
    with pytest.raises(UsageError, match="must be uint8"):
        make_sheet(array)


@QUICK
@given(height=SIZES, width=SIZES, channels=st.integers(1, 5), columns=st.integers(1, 3), seed=st.integers(0, 99))
def test_a_sheet_of_any_size_holds_its_pictures_to_the_pixel(height, width, channels, columns, seed):
    drawn = np.random.default_rng(seed).integers(0, 256, (columns, 2, height, width, channels), np.uint8)
    sheet = make_sheet(*drawn, per_row=2)
    gap = sheet.shape[0] - height - 4  # below; another lies above
    assert sheet.shape == (height + 8, 2 * (columns * (width + 4) + 4), 3) and gap == 4
    at = 4 + (columns - 1) * (width + 4)
    last = drawn[-1, 0][..., [0, 0, 0] if channels < 3 else [0, 1, 2]]
    np.testing.assert_array_equal(sheet[4 : 4 + height, at : at + width], last)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(to_png(drawn[-1, 0])))), last)


@QUICK
@given(
    count=st.integers(1, 4),
    channels=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    ways=st.lists(st.sampled_from(["AtoB", "BtoA", None]), max_size=4),
)
def test_turned_round_as_often_as_you_like_pairs_keep_their_sides(count, channels, ways):
    sources, targets = (np.full((count, 32, 32, number), number, np.uint8) for number in channels)
    pairs = Pairs("mine", *[Split(sources, targets)] * 3)
    for way in ways:
        pairs = pairs.towards(way)
    if next((way for way in reversed(ways) if way), "AtoB") == "BtoA":
        pairs = pairs.swap()
    assert pairs.direction == "AtoB" and pairs.train.sources is sources and pairs.test.targets is targets


@QUICK
@given(name=st.text(alphabet="./\\:~ab\0C $\u202e\ud800", max_size=12))
def test_no_name_in_an_archive_leads_out_of_its_folder_on_any_system(name):
    try:
        parts = _safe_parts(Path("a.zip"), name)
    except DownloadError:
        return
    for system, folder in ((posixpath, "/in/here"), (ntpath, "C:\\in\\here")):
        path = system.normpath(system.join(folder, *parts))
        assert path.startswith(folder + system.sep)


# --- Fuzzing ----------------------------------------------------------------------------------------------------------


def test_damaged_pictures_and_archives_are_read_or_refused():
    report = fuzz.fuzz(seconds=60, seed=1, most=300)
    assert report.findings == []
    assert sum(report.outcomes.values()) == 300 and all(
        report.outcomes[kind, result] > 20 for kind in ("picture", "archive") for result in ("read", "refused")
    )


def found_picture(found: str) -> bytes:
    """Both are sound but for their second frame."""
    if found == "a GIF that is cut off where its second frame begins":
        frames = [Image.new("RGB", (2, 2), colour) for colour in ("red", "blue")]
        data = saved(frames[0], "GIF", save_all=True, append_images=frames[1:]).getvalue()
        frame = b"," + struct.pack("<HHHH", 0, 0, 2, 2)
        return data[: data.rindex(frame) + len(frame)]
    data = saved(Image.new("L", (2, 2)), "TIFF").getvalue()
    (entries,) = struct.unpack_from("<H", data, 8)
    following = 10 + 12 * entries
    return data[:following] + struct.pack("<I", len(data)) + data[following + 4 :] + struct.pack("<HI", 0, 0)


@pytest.mark.parametrize(
    "found", ["a GIF that is cut off where its second frame begins", "a TIFF whose second frame has no width"]
)
def test_pictures_that_fuzzing_found_are_called_unreadable(found):
    """Pillow lets an IndexError out for one of them, and a TypeError for the other."""
    data = found_picture(found)
    assert Image.open(io.BytesIO(data)).size == (2, 2)
    with pytest.raises(Unreadable, match=r"^cannot be read \([^\n]+\)$"):
        decode(io.BytesIO(data))


def zip_of(name: str) -> bytearray:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), b"1")
    return bytearray(file.getvalue())


def found_archive(found: str) -> bytes:
    if found == "a zip that begins before its beginning":
        data = zip_of("a.png")
        data[-6:-2] = (2**20).to_bytes(4, "little")  # where its list of files is said to begin
        return bytes(data)
    if found == "a zip with a file without a name":
        return bytes(zip_of(""))
    member, content = fuzz._member("a.png", b"1")
    member.pax_headers = {"GNU.sparse.size": "no number", "GNU.sparse.map": "0,1"}
    return gzip.compress(fuzz.tar_of([(member, content)]))


@pytest.mark.parametrize(
    "found",
    [
        "a zip that begins before its beginning",
        "a zip with a file without a name",
        "a tar with a size that is no number",
    ],
)
def test_archives_that_fuzzing_found_are_named_and_not_the_disk(tmp_path, found):
    path = tmp_path / "found.tar.gz"
    path.write_bytes(found_archive(found))
    with pytest.raises(DownloadError, match=r"found\.tar\.gz (is cut off or damaged|holds a file named)"):
        unpack(path, tmp_path / "out")
    assert [entry.name for entry in tmp_path.iterdir() if entry.name != "cache"] == ["found.tar.gz"]


def misbehave(how: str, outside: Path) -> None:
    if how == "another error":
        raise IndexError("list index out of range")
    if how == "no name":
        raise DataError("It is broken.")
    if how == "outside":
        (outside / "gotcha").touch()
    elif how == "a program":
        subprocess.run(["true"], check=True)
    else:
        pickle.loads(pickle.dumps(Path))


@pytest.mark.parametrize("how", ["another error", "no name", "outside", "a program", "a pickle"])
def test_a_reader_that_misbehaves_would_be_noticed(tmp_path, monkeypatch, how):
    monkeypatch.setattr(fuzz, "unpack", lambda *_: misbehave(how, tmp_path))
    (finding,) = fuzz.fuzz(seconds=9, only=2, keep=tmp_path / "kept").findings
    assert finding.startswith("archive 2 of seed 0")
    assert len(list((tmp_path / "kept").iterdir())) == 1


# --- No code from data ------------------------------------------------------------------------------------------------

RUN_CODE = {
    "pickle",
    "cPickle",
    "dill",
    "cloudpickle",
    "joblib",
    "marshal",
    "shelve",
    "yaml",
    "torch.load",
    "eval",
    "exec",
}
RUN_CODE |= {"compile", "os.system", "os.popen", "read_pickle", "extractall", "unpack_archive"}
RUN_CODE |= {"enable_unsafe_deserialization", "keras.models.load_model", "keras.saving.load_model"}
START_PROGRAMS = {"doctor.py", "scaling.py"}  # nvidia-smi and Python itself; nothing that was read is in their commands
# Pictures that ship with the course, or that it has drawn itself. All others are opened by `decode`, which names the
# formats: Pillow starts Ghostscript for one of them.
OWN_PICTURES = {"emoji.py", "gallery.py", "experiments.py", "pictures.py", "curve_reader.py"}


def dotted(node: ast.AST) -> str:
    """`np.lib.format` for the attribute, "" for what is no name."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def unsafe_in(source: str, file: str = "some.py") -> list[str]:
    """What in this code could run code that came with data."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = {alias.name.split(".")[0] for alias in node.names} | {getattr(node, "module", None)}
            found += [f"import {name}" for name in names & RUN_CODE]
            if "subprocess" in names and file not in START_PROGRAMS:
                found.append("import subprocess")
        if not isinstance(node, ast.Call):
            continue
        name = dotted(node.func)
        given = {keyword.arg: getattr(keyword.value, "value", None) for keyword in node.keywords}
        if name in RUN_CODE or name.rsplit(".", 1)[-1] in RUN_CODE - {"compile", "eval", "exec"}:
            found.append(name)
        if name.rsplit(".", 1)[-1] in ("read_array", "write_array") or name in ("np.load", "numpy.load"):
            found += [f"{name} with pickles"] if given.get("allow_pickle") is not False else []
        if name == "Image.open" and "formats" not in given and file not in OWN_PICTURES:
            found.append(f"{name} of any format")
        if given.get("shell") or given.get("safe_mode") is False:
            found.append(f"{name} without safety")
    return found


def test_the_library_runs_no_code_that_came_with_data():
    found = {
        str(path.relative_to(ROOT)): unsafe
        for path in sorted((ROOT / "pix2pix_edu").rglob("*.py"))
        if (unsafe := unsafe_in(path.read_text(encoding="utf-8"), path.name))
    }
    assert found == {}


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from yaml import load",
        "import subprocess",
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
        "np.lib.format.read_array(file, allow_pickle=yes)",
        "keras.models.load_model(path)",
        "keras.config.enable_unsafe_deserialization()",
        "model_from_json(text, safe_mode=False)",
        "torch.load(path)",
        "archive.extractall(folder)",
        "eval(text)",
        "run(command, shell=True)",
        "Image.open(upload)",
    ],
)
def test_unsafe_code_would_be_noticed(source):
    assert unsafe_in(source) != []
    assert unsafe_in("np.load(path, allow_pickle=False); model.compile(); Image.open(path, formats=['PNG'])") == []


def test_no_lesson_loads_a_pickle_or_switches_safety_off():
    for path in (ROOT / "notebooks").rglob("*.ipynb"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
        assert not re.search(r"pickle|safe_mode|torch\.load|unsafe_deserialization|yaml", code), path.name
