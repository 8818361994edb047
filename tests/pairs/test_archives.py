"""Downloads that fail half-way, archives that are broken or hostile, and the real thing where it is present."""

from __future__ import annotations

import bz2
import errno
import functools
import gzip
import hashlib
import io
import lzma
import os
import resource
import signal
import socket
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pix2pix_edu.errors import DataError, DownloadError, StorageError, UsageError
from pix2pix_edu.pairs import archives, download, load_pairs
from pix2pix_edu.pairs.download import LEFTOVER_SECONDS, read_marker, unpack
from pix2pix_edu.paths import cache_dir

MAPS = Path(os.environ.get("PIX2PIX_EDU_MAPS", Path(__file__).parents[3] / "shared" / "data" / "maps.tar.gz"))


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PIX2PIX_EDU_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(download, "PAUSE_SECONDS", 0.01)


@functools.cache
def picture_bytes(index: int) -> bytes:
    """A pair side by side: left dark with the number in it, right bright."""
    pixels = np.zeros((40, 80, 3), np.uint8)
    pixels[:, :40, 0] = 3 * index
    pixels[:, 40:] = 200 + index
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def pairs_content() -> dict[str, bytes]:
    """The files of a small data set, laid out as the paper's."""
    train = {f"maps/train/{index}.png": picture_bytes(index) for index in range(12)}
    return train | {f"maps/val/{index}.png": picture_bytes(index) for index in range(12, 20)}


def tar_bytes(content: dict[str, bytes], *extra: tarfile.TarInfo) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        folder = tarfile.TarInfo("maps")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for name, data in content.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
        for member in extra:
            archive.addfile(member)
    return file.getvalue()


@pytest.fixture
def small_tar(tmp_path) -> Path:
    path = tmp_path / "maps.tar.gz"
    path.write_bytes(tar_bytes(pairs_content()))
    return path


class Server(ThreadingHTTPServer):
    """Serves one file on this machine, with ranges like the authors' server, and with faults on request."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.etag = '"first"'
        self.cut_after: list[int] = []  # for each coming answer: close the connection after so many bytes
        self.status = 200
        self.ranges = True
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def host(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range", "")
        self.server.asked.append(wanted)
        if self.server.status != 200:
            self.send_error(self.server.status)
            return
        start = 0
        if wanted and self.server.ranges and self.headers.get("If-Range") == self.server.etag:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(self.server.content):
                self.send_error(416)
                return
            self.send_response(206)
            self.send_header(
                "Content-Range", f"bytes {start}-{len(self.server.content) - 1}/{len(self.server.content)}"
            )
        else:
            self.send_response(200)
        body = self.server.content[start:]
        self.send_header("Content-Length", str(len(body)))
        if self.server.etag:
            self.send_header("ETag", self.server.etag)
        self.end_headers()
        if self.server.cut_after:
            body = body[: self.server.cut_after.pop(0)]
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch):
    with Server(tar_bytes(pairs_content())) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setattr(archives, "HOST", running.host)
        yield running
        running.shutdown()
        thread.join()


def left_over() -> list[str]:
    return sorted(path.name for path in cache_dir("archives").iterdir()) if cache_dir("archives").exists() else []


# --- Download


def test_an_archive_is_fetched_unpacked_and_read_once(server):
    pairs = load_pairs("maps", image_size=32)
    assert (len(pairs.train), len(pairs.val), len(pairs.test)) == (12, 2, 6)
    assert sorted(int(source[16, 16, 0]) // 3 for source in pairs.train.sources) == list(range(12))
    assert pairs.name == "maps" and pairs.direction == "AtoB"
    assert (pairs.about.source, pairs.about.target) == ("aerial photo", "map")
    digest = hashlib.sha256(server.content).hexdigest()
    assert any(digest in line for line in pairs.report)
    assert any("20 pairs; the authors published 2,194" in line for line in pairs.report)
    load_pairs("maps", image_size=32)
    assert len(server.asked) == 1
    assert left_over() == ["maps"]  # nothing else stays behind


def test_the_direction_of_the_paper_is_the_default(server):
    pairs = load_pairs("facades-cmp", image_size=32)
    assert pairs.direction == "BtoA" and pairs.about.source == "label map"
    assert pairs.train.sources.min() >= 200  # the right halves
    assert load_pairs("facades-cmp", image_size=32, direction="AtoB").train.sources.max() < 200


def test_a_cut_off_download_goes_on_where_it_stopped(server):
    server.cut_after = [500, 300]
    assert len(load_pairs("maps", image_size=32).train) == 12
    assert server.asked == ["", "bytes=500-", "bytes=800-"]


def test_a_download_that_failed_goes_on_with_the_next_call(server):
    server.cut_after = [500, 0, 0]
    with pytest.raises(DownloadError, match=r"cut off.*500 bytes have arrived.*archive='maps\.tar\.gz'"):
        load_pairs("maps", image_size=32)
    assert "maps.tar.gz.part" in left_over()
    assert len(load_pairs("maps", image_size=32).train) == 12
    assert server.asked[-1] == "bytes=500-"


def test_a_file_that_changed_meanwhile_is_fetched_from_the_start(server):
    server.cut_after = [500, 0, 0]
    with pytest.raises(DownloadError):
        load_pairs("maps", image_size=32)
    server.content, server.etag = tar_bytes({f"maps/{i}.png": picture_bytes(i) for i in range(30)}), '"second"'
    pairs = load_pairs("maps", image_size=32)
    assert len(pairs.train) + len(pairs.val) + len(pairs.test) == 30


@pytest.mark.parametrize("fault", ["no ranges", "no version"])
def test_a_server_that_cannot_resume_sends_everything_again(server, fault):
    server.ranges, server.etag = (False, server.etag) if fault == "no ranges" else (True, "")
    server.cut_after = [500]
    assert len(load_pairs("maps", image_size=32).train) == 12


def test_a_part_longer_than_the_file_is_thrown_away(server):
    folder = cache_dir("archives")
    folder.mkdir(parents=True)
    (folder / "maps.tar.gz.part").write_bytes(bytes(len(server.content) + 10))
    (folder / "maps.tar.gz.part.version").write_text(server.etag)
    assert len(load_pairs("maps", image_size=32).train) == 12


@pytest.mark.parametrize(("status", "tries"), [(404, 1), (503, 2)])
def test_an_answer_that_is_no_file_is_told(server, status, tries):
    server.status = status
    with pytest.raises(DownloadError, match=rf"the server says {status}.*pass it: load_pairs\('maps', archive="):
        load_pairs("maps", image_size=32)
    assert len(server.asked) == tries


def test_offline_one_message_with_the_way_out(monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setattr(archives, "HOST", f"http://127.0.0.1:{free.getsockname()[1]}")
    with pytest.raises(DownloadError, match=r"refused.*Without a network.*239 MB.*archive=.*folder=.*emoji") as caught:
        load_pairs("maps", image_size=32)
    assert "\n" not in str(caught.value)


def test_a_wrong_checksum_is_an_error_and_the_right_one_is_not(server):
    right, wrong = hashlib.sha256(server.content).hexdigest(), "0" * 64
    with pytest.raises(DownloadError, match=rf"SHA-256 is {right}, not {wrong}"):
        load_pairs("maps", image_size=32, sha256=wrong)
    assert read_marker(cache_dir("archives", "maps")) is None
    assert len(load_pairs("maps", image_size=32, sha256=right.upper()).train) == 12
    with pytest.raises(DownloadError, match="SHA-256"):  # nor is what is unpacked already taken for another archive
        load_pairs("maps", image_size=32, sha256=wrong)


def test_a_full_disk_while_downloading_is_told(server):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300, before[1]))
    try:
        with pytest.raises(StorageError, match=rf"maps\.tar\.gz\.part.*{os.strerror(errno.EFBIG)}"):
            load_pairs("maps", image_size=32)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, previous)


# --- Archives and folders of one's own


def test_an_archive_can_be_given_instead(small_tar):
    pairs = load_pairs("maps", image_size=32, archive=small_tar)
    assert len(pairs.train) == 12
    assert load_pairs("maps", image_size=32, archive=str(small_tar)).val.names == pairs.val.names
    assert load_pairs("maps", image_size=32, archive=small_tar, seed=1).val.names != pairs.val.names
    assert len(load_pairs("maps", image_size=32, archive=small_tar, limit=5).train) == 5


def test_a_folder_can_be_given_instead(small_tar, tmp_path):
    with tarfile.open(small_tar) as archive:
        archive.extractall(tmp_path / "mine", filter="data")
    for folder in ("mine", "mine/maps"):
        assert len(load_pairs("maps", image_size=32, folder=tmp_path / folder).train) == 12
    with pytest.raises(UsageError, match="not both"):
        load_pairs("maps", folder=tmp_path, archive=small_tar)
    with pytest.raises(DataError, match=r"no folder .*nothing"):
        load_pairs("maps", folder=tmp_path / "nothing")


def test_an_archive_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match=r"no archive .*nothing\.tar\.gz"):
        load_pairs("maps", archive=tmp_path / "nothing.tar.gz")
    with pytest.raises(DataError, match=r"no folder .*nothing\.tar\.gz"):
        load_pairs(tmp_path / "nothing.tar.gz")


def test_any_archive_can_be_named_as_data(small_tar, tmp_path):
    zipped = tmp_path / "mine.zip"
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.mkdir("maps")
        for name, data in pairs_content().items():
            archive.writestr(name, data)
    for path in (small_tar, zipped, str(zipped)):
        pairs = load_pairs(path, image_size=32)
        assert len(pairs.train) == 12 and pairs.name == "folder"
        assert Path(path).name in pairs.about.title


def test_a_changed_archive_is_unpacked_again(small_tar):
    load_pairs(small_tar, image_size=32)
    small_tar.write_bytes(tar_bytes({f"maps/{i}.png": picture_bytes(i) for i in range(30)}))
    pairs = load_pairs(small_tar, image_size=32)
    assert len(pairs.train) + len(pairs.val) + len(pairs.test) == 30


# --- Broken and hostile archives


def hostile(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


@pytest.mark.parametrize(
    "name",
    [
        "../outside.png",
        "maps/../../outside.png",
        "/outside.png",
        "..\\outside.png",
        "C:\\outside.png",
        "maps/C:outside.png",  # on Windows a drive in the middle begins anew
    ],
)
@pytest.mark.parametrize("ending", ["tar.gz", "zip"])
def test_a_path_that_climbs_out_is_refused(tmp_path, name, ending):
    path = tmp_path / f"bad.{ending}"
    if ending == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(name, b"gotcha")
    else:
        path.write_bytes(tar_bytes(pairs_content(), hostile(name)))
    with pytest.raises(DownloadError, match="outside its folder, so it is refused"):
        load_pairs(path, image_size=32)
    assert not list(tmp_path.rglob("*outside*")) and not Path("/outside.png").exists()
    assert left_over() == []


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices_are_refused(tmp_path, kind):
    path = tmp_path / "bad.tar.gz"
    path.write_bytes(tar_bytes({}, hostile("maps/link", kind, "/etc"), hostile("maps/link/file")))
    with pytest.raises(DownloadError, match="'maps/link', which is a link or a device"):
        load_pairs("maps", archive=path)
    assert left_over() == []


def test_an_archive_that_grows_without_measure_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "bomb.tar.gz"
    path.write_bytes(tar_bytes({"zeros": bytes(3 * 2**20)}))
    assert path.stat().st_size < 10_000
    monkeypatch.setattr(download, "MOST_BYTES", 2 * 2**20)
    with pytest.raises(DownloadError, match=r"more than .* refused"):
        unpack(path, tmp_path / "out")
    monkeypatch.setattr(download, "MOST_BYTES", 2**30)
    monkeypatch.setattr(download, "MOST_FILES", 0)
    with pytest.raises(DownloadError, match="0 files"):
        unpack(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("ending", ["tar.gz", "zip"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.95])
def test_a_cut_off_archive_is_told(tmp_path, small_tar, ending, share):
    path = small_tar
    if ending == "zip":
        path = tmp_path / "mine.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in pairs_content().items():
                archive.writestr(name, data)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(DownloadError, match="cut off or damaged"):
        load_pairs(path, image_size=32)
    assert left_over() == []


@pytest.mark.parametrize("compression", ["", "gz", "bz2", "xz"])
def test_a_tar_that_ends_between_two_files_is_told(tmp_path, small_tar, compression):
    content = gzip.decompress(small_tar.read_bytes())
    with tarfile.open(small_tar) as archive:
        boundary = archive.getmember("maps/train/7.png").offset
    compress = {"": bytes, "gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}[compression]
    whole, short = (tmp_path / f"{name}.tar{'.' if compression else ''}{compression}" for name in ("whole", "short"))
    whole.write_bytes(compress(content))
    assert len(load_pairs(whole, image_size=32).train) == 12
    short.write_bytes(compress(content[:boundary]))
    with pytest.raises(DownloadError, match="cut off or damaged"):
        load_pairs(short, image_size=32)


def test_a_flipped_byte_in_an_archive_is_told(small_tar):
    data = bytearray(small_tar.read_bytes())
    data[len(data) // 2] ^= 0xFF
    small_tar.write_bytes(data)
    with pytest.raises(DownloadError, match="cut off or damaged"):
        load_pairs(small_tar, image_size=32)


def test_what_a_killed_process_unpacked_is_cleared_away_later(small_tar, tmp_path):
    folder = tmp_path / "unpacked" / "maps"
    young, old = (folder.parent / f".maps.{name}.unpacking" for name in ("young", "old"))
    for leftover in (young, old):
        leftover.mkdir(parents=True)
        (leftover / "half.png").write_bytes(b"half")
    long_ago = old.stat().st_mtime - LEFTOVER_SECONDS - 60
    os.utime(old, (long_ago, long_ago))
    unpack(small_tar, folder)
    assert young.exists() and not old.exists()
    assert read_marker(folder)["files"] == 20


def test_a_folder_that_was_not_finished_is_not_trusted(small_tar, tmp_path):
    folder = tmp_path / "unpacked"
    folder.mkdir()
    (folder / "stray.png").write_bytes(b"from an older version")
    unpack(small_tar, folder)
    assert not (folder / "stray.png").exists() and read_marker(folder)


def test_nowhere_to_unpack_to(small_tar, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("PIX2PIX_EDU_CACHE", str(tmp_path / "file"))
    with pytest.raises(StorageError, match=r"unpack to .*Nothing that was there"):
        load_pairs(small_tar, image_size=32)
    with pytest.raises(StorageError, match="download to"):
        load_pairs("maps", image_size=32)


# --- The real archive


@pytest.mark.skipif(not MAPS.exists(), reason="the maps archive is not here: set PIX2PIX_EDU_MAPS to its path")
def test_the_real_maps_archive():
    pairs = load_pairs("maps", image_size=32, archive=MAPS)
    assert len(pairs.train) == 1096
    assert len(pairs.val) + len(pairs.test) in (275, 1098)
    assert set(pairs.val.names).isdisjoint(pairs.test.names)
    # Left is the aerial photo, which is darker than the map on the right, and more colourful pixel by pixel.
    assert pairs.train.sources.mean() < 130 < 200 < pairs.train.targets.mean()
    assert pairs.train.sources.shape[1:] == pairs.train.targets.shape[1:] == (32, 32, 3)
