"""Files that are whole or not there, and errors that say which path failed."""

import errno
import os
import signal
import subprocess
import sys
import types
from pathlib import Path

import pytest

from pix2pix_edu import paths
from pix2pix_edu.errors import StorageError, UsageError
from pix2pix_edu.paths import CACHE_VARIABLE, atomic_file, cache_dir, explain_os_error, lasting_folder, shipped


def test_the_cache_can_be_moved(monkeypatch, tmp_path):
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    assert cache_dir("emoji") == tmp_path / "emoji"
    monkeypatch.delenv(CACHE_VARIABLE)
    assert "pix2pix_edu" in str(cache_dir()) and tmp_path not in cache_dir().parents


def pretend_colab(monkeypatch, tmp_path):
    """A `google.colab` whose Drive can be mounted, and which remembers where that was asked for."""
    drive = types.ModuleType("google.colab.drive")
    drive.asked = []

    def mount(place):
        drive.asked.append(place)
        (tmp_path / "drive" / "MyDrive").mkdir(parents=True)

    drive.mount = mount
    monkeypatch.setattr(paths, "DRIVE", tmp_path / "drive")
    monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    monkeypatch.setitem(sys.modules, "google.colab.drive", drive)
    return drive


def test_outside_of_colab_runs_stay_on_the_disk_and_nothing_can_be_mounted(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(paths, "DRIVE", tmp_path / "drive")
    assert lasting_folder() == Path("runs")
    assert "this machine's disk" in capsys.readouterr().out
    with pytest.raises(UsageError, match="Google Colab only"):
        lasting_folder(mount_drive=True)


def test_in_colab_drive_is_mounted_only_if_asked_for(monkeypatch, tmp_path, capsys):
    drive = pretend_colab(monkeypatch, tmp_path)
    assert lasting_folder() == Path("runs") and drive.asked == []
    assert "mount_drive=True" in capsys.readouterr().out
    folder = lasting_folder(mount_drive=True)
    assert drive.asked == [str(tmp_path / "drive")] and folder == tmp_path / "drive" / "MyDrive" / "pix2pix_edu"
    assert "survive this session" in capsys.readouterr().out


def test_a_drive_that_is_mounted_already_is_used(monkeypatch, tmp_path, capsys):
    drive = pretend_colab(monkeypatch, tmp_path)
    (tmp_path / "drive" / "MyDrive").mkdir(parents=True)
    assert lasting_folder().parent == tmp_path / "drive" / "MyDrive" and drive.asked == []
    assert str(lasting_folder()) in capsys.readouterr().out


def test_shipped_files_are_found():
    assert shipped("README.md").is_file() or shipped("weights").is_dir()


def test_a_file_replaces_the_old_one_only_when_it_is_whole(tmp_path):
    path = tmp_path / "deep" / "file.txt"
    with atomic_file(path, "w") as file:
        file.write("old")
    with pytest.raises(RuntimeError), atomic_file(path, "w") as file:
        file.write("half of the n")
        raise RuntimeError("something else went wrong")
    assert path.read_text() == "old"
    assert [entry.name for entry in path.parent.iterdir()] == ["file.txt"]


def test_the_file_has_ordinary_permissions(tmp_path):
    with atomic_file(tmp_path / "file", "w") as file:
        file.write("x")
    (tmp_path / "ordinary").write_text("x")
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "ordinary").stat().st_mode


KILLED = """
from pix2pix_edu.paths import atomic_file
import sys, time
with atomic_file(sys.argv[1], "w") as file:
    file.write("new" * 100_000)
    file.flush()
    print("writing", flush=True)
    time.sleep(60)
"""


def test_a_kill_in_the_middle_of_writing_leaves_the_old_file(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "writing\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert path.read_text() == "old"


def test_a_file_in_the_way_of_a_folder_is_explained(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"Could not write .*out\.txt"), atomic_file(tmp_path / "file" / "out.txt"):
        pass


@pytest.mark.skipif(os.name != "posix", reason="limits the size of files with setrlimit")
def test_a_disk_that_takes_no_more_is_explained_and_keeps_the_old_file(tmp_path):
    """The limit on file sizes makes the operating system refuse the write in the middle, as a full disk does."""
    path = tmp_path / "file.bin"
    path.write_bytes(b"old")
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "from pix2pix_edu.paths import atomic_file; from pix2pix_edu.errors import StorageError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n"
        "try:\n"
        "    with atomic_file(sys.argv[1]) as file: file.write(bytes(1_000_000))\n"
        "except StorageError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert f"Could not write {path}" in done.stdout and "Nothing that was there before was changed" in done.stdout
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file.bin"]


@pytest.mark.parametrize(
    "number, advice",
    [
        (errno.ENOSPC, "The disk is full: free some space"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "may not write there"),
        (errno.EDQUOT, "disk quota is used up"),
        (errno.ENOTDIR, "is a file, not a folder"),
        (errno.EISDIR, "There is a folder of that name"),
        (errno.ENAMETOOLONG, "Names end at 255 bytes"),
        (errno.ENOENT, "removed while it was being written"),
        (errno.EIO, "check that the disk is healthy"),
    ],
)
def test_each_kind_of_failure_has_its_advice(number, advice):
    error = explain_os_error(OSError(number, os.strerror(number)), Path("runs/mine"), "write")
    assert advice in str(error) and "runs/mine" in str(error)
    assert isinstance(error, OSError)


def test_writing_does_not_wait_for_anything(tmp_path):
    """Two writers of the same name do not stumble over each other: the last one wins."""
    path = tmp_path / "file.txt"
    with atomic_file(path, "w") as first, atomic_file(path, "w") as second:
        first.write("first")
        second.write("second")
    assert path.read_text() == "first"
