"""The cache must never lose a lesson: not to a kill, a flipped bit, a full disk, or a second process."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

from pix2pix_edu.pairs.cache import LEFTOVER_SECONDS, _read, cache_path, cached

KEY = {"size": 4, "version": "1"}


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PIX2PIX_EDU_CACHE", str(tmp_path / "cache"))


class Builder:
    """Makes arrays, and counts how often it had to."""

    def __init__(self, value: int = 7) -> None:
        self.value, self.calls = value, 0

    def __call__(self) -> dict[str, np.ndarray]:
        self.calls += 1
        return {"numbers": np.arange(20) * self.value, "words": np.array(["one", "two"])}


def test_arrays_are_made_once_and_come_back_the_same():
    builder = Builder()
    first = cached("numbers", KEY, builder)
    second = cached("numbers", KEY, builder)
    assert builder.calls == 1
    assert (first["numbers"] == second["numbers"]).all() and second["words"].tolist() == ["one", "two"]
    second["numbers"][0] = 5  # what comes back can be changed


def test_another_key_is_another_file():
    cached("numbers", KEY, Builder(7))
    other = cached("numbers", {**KEY, "version": "2"}, Builder(8))
    assert other["numbers"][1] == 8
    assert cached("numbers", KEY, Builder(9))["numbers"][1] == 7


def test_any_flipped_byte_is_found_or_harmless():
    cached("numbers", KEY, Builder())
    path = cache_path("numbers", KEY)
    good = path.read_bytes()
    found = 0
    for position in range(len(good)):
        path.write_bytes(good[:position] + bytes([good[position] ^ 0xFF]) + good[position + 1 :])
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            arrays = _read(path)
        assert (arrays is None) == bool(caught)
        if arrays is None:
            found += 1
        else:  # only dates and the like may change unseen
            assert set(arrays) == {"numbers", "words"}
            assert (arrays["numbers"] == np.arange(20) * 7).all() and arrays["words"].tolist() == ["one", "two"]
    assert found > len(good) / 2


@pytest.mark.parametrize("length", [0, 1, 40, 200, -1])
def test_a_cut_off_file_is_made_again_with_a_warning(length):
    cached("numbers", KEY, Builder())
    path = cache_path("numbers", KEY)
    path.write_bytes(path.read_bytes()[:length])
    builder = Builder()
    with pytest.warns(UserWarning, match="damaged.*made again"):
        cached("numbers", KEY, builder)
    assert builder.calls == 1
    assert cached("numbers", KEY, builder) and builder.calls == 1  # and is whole again


def test_a_kill_in_the_middle_of_writing_leaves_nothing_half_there():
    key = {"big": True}
    code = (
        "import numpy as np; from pix2pix_edu.pairs.cache import cached; "
        "cached('big', {'big': True}, lambda: {'noise': np.random.default_rng(0).random(20_000_000)})"
    )
    process = subprocess.Popen([sys.executable, "-c", code])
    folder = cache_path("big", key).parent
    deadline = time.monotonic() + 60
    while not any(part.stat().st_size > 100_000 for part in folder.glob(".*.tmp")):
        assert process.poll() is None and time.monotonic() < deadline, "it ended before it could be killed"
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not cache_path("big", key).exists()

    leftover = next(folder.glob(".*.tmp"))
    arrays = cached("big", key, lambda: {"noise": np.ones(3)})
    assert arrays["noise"].tolist() == [1, 1, 1]
    assert leftover.exists()  # so young that it might belong to somebody who is still writing
    old = time.time() - LEFTOVER_SECONDS - 60
    os.utime(leftover, (old, old))
    cache_path("big", key).unlink()
    cached("big", key, lambda: {"noise": np.ones(3)})
    assert not leftover.exists()


def test_a_kill_while_replacing_leaves_the_old_file():
    cached("numbers", KEY, Builder())
    path = cache_path("numbers", KEY)
    (path.parent / f".{path.name}.abc.tmp").write_bytes(b"half of a new one")
    builder = Builder()
    assert cached("numbers", KEY, builder)["numbers"][1] == 7 and builder.calls == 0


def test_without_a_folder_to_write_to_it_works_in_memory(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("PIX2PIX_EDU_CACHE", str(tmp_path / "file" / "cache"))
    builder = Builder()
    with pytest.warns(UserWarning, match="Working without a cache.*file, not a folder"):
        assert cached("numbers", KEY, builder)["numbers"][1] == 7


def test_a_full_disk_is_lived_with():
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))  # writing more than that fails, as on a full disk
    try:
        with pytest.warns(UserWarning, match="Working without a cache"):
            arrays = cached("noise", KEY, lambda: {"noise": np.random.default_rng(0).random(10_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, previous)
    assert arrays["noise"].shape == (10_000,)
    path = cache_path("noise", KEY)
    assert not path.exists() and not list(path.parent.glob(".*.tmp"))


def test_two_processes_may_build_the_same_thing_at_once():
    code = (
        "import numpy as np; from pix2pix_edu.pairs.cache import cached; "
        "print(cached('both', {}, lambda: {'x': np.random.default_rng(0).random(300_000)})['x'].sum())"
    )
    both = [subprocess.Popen([sys.executable, "-W", "error", "-c", code], stdout=subprocess.PIPE) for _ in range(2)]
    answers = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert answers[0] == answers[1] != b""
    assert len(list(Path(cache_path("both", {}).parent).iterdir())) == 1


def test_python_objects_are_refused():
    with pytest.raises(TypeError, match="Python objects"):
        cached("objects", KEY, lambda: {"x": np.array([{}], dtype=object)})
