from __future__ import annotations

import errno
import hashlib
import os
import stat
import subprocess
import sys

import numpy as np
import pytest

from netwright.errors import RunError
from netwright.files import (
    cache_folder,
    locked,
    sha256,
    sweep,
    workspace,
    write_atomic,
    write_npz,
    write_text,
)


def test_text_is_written_with_its_folders(tmp_path):
    path = write_text(tmp_path / "a" / "b.txt", "µ\n")
    assert path.read_bytes() == "µ\n".encode()
    assert os.listdir(path.parent) == ["b.txt"]


def test_failed_write_keeps_the_old_file_and_leaves_nothing(tmp_path):
    path = write_text(tmp_path / "a.txt", "old")

    def interrupted(stream):
        stream.write(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomic(path, interrupted)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_full_disk_is_a_message(tmp_path):
    def full(stream):
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(RunError) as caught:
        write_atomic(tmp_path / "a.txt", full)
    assert caught.value.message == (
        f"{tmp_path / 'a.txt'}: cannot be written (No space left on device)"
    )
    assert caught.value.hint == "choose a folder that exists, is writable and has free space"
    assert os.listdir(tmp_path) == []


def test_folder_that_is_a_file_is_a_message(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(RunError, match="cannot be written"):
        write_text(tmp_path / "taken" / "a.txt", "")


def test_arrays_come_back_and_their_file_is_equal_byte_for_byte(tmp_path):
    arrays = {"b": np.arange(6).reshape(2, 3), "a": np.array([0.5, -1.0])}
    first = write_npz(tmp_path / "first.npz", arrays)
    second = write_npz(tmp_path / "second.npz", dict(reversed(arrays.items())))
    assert first.read_bytes() == second.read_bytes()
    with np.load(first) as stored:
        assert stored.files == ["a", "b"]
        for name, array in arrays.items():
            np.testing.assert_array_equal(stored[name], array)
            assert stored[name].dtype == array.dtype


def test_arrays_of_objects_are_refused(tmp_path):
    with pytest.raises(ValueError, match="allow_pickle"):
        write_npz(tmp_path / "a.npz", {"a": np.array([{}], dtype=object)})
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("size", [0, 1, (1 << 20) + 3])
def test_digest_is_that_of_the_content(tmp_path, size):
    content = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    path = write_atomic(tmp_path / "a.bin", lambda stream: stream.write(content))
    assert sha256(path) == hashlib.sha256(content).hexdigest()


WRITER = """
import sys, time
from pathlib import Path
from netwright.files import workspace, write_atomic

def wait(stream):
    stream.write(b"half")
    stream.flush()
    print("ready", flush=True)
    time.sleep(60)

with workspace(Path(sys.argv[1])) as folder:
    (folder / "half").write_text("half")
    write_atomic(Path(sys.argv[1]) / "a.txt", wait)
"""


def test_what_a_killed_process_left_is_removed_and_nothing_that_has_an_owner(tmp_path):
    with subprocess.Popen([sys.executable, "-c", WRITER, tmp_path], stdout=subprocess.PIPE) as one:
        one.stdout.readline()
        sweep(tmp_path)
        assert len(os.listdir(tmp_path)) == 2
        one.kill()
    assert len(os.listdir(tmp_path)) == 2
    sweep(tmp_path)
    assert os.listdir(tmp_path) == []


def test_the_first_write_to_a_folder_removes_what_was_left_there(tmp_path):
    (tmp_path / ".netwright-0123456789abcdef.tmp").mkdir()
    (tmp_path / ".netwright-0123456789abcdee.tmp").write_text("half")
    write_text(tmp_path / "a.txt", "a")
    assert os.listdir(tmp_path) == ["a.txt"]


def test_links_with_a_temporary_name_are_left_alone(tmp_path):
    (tmp_path / "precious").mkdir()
    (tmp_path / ".netwright-0123456789abcdef.tmp").symlink_to(tmp_path / "precious")
    sweep(tmp_path)
    assert sorted(os.listdir(tmp_path)) == [".netwright-0123456789abcdef.tmp", "precious"]


def test_a_temporary_name_that_is_taken_is_not_followed(tmp_path, monkeypatch):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / ".netwright-taken.tmp").symlink_to(victim)
    names = iter(["taken", "taken", "free"])
    monkeypatch.setattr("secrets.token_hex", lambda count: next(names))
    write_text(tmp_path / "a.txt", "a")
    assert victim.read_text() == "precious"
    assert (tmp_path / "a.txt").read_text() == "a"


def test_the_mode_of_a_file_follows_the_mask(tmp_path):
    before = os.umask(0o027)
    try:
        path = write_text(tmp_path / "a.txt", "a")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_names_of_255_bytes_can_be_written(tmp_path):
    path = write_text(tmp_path / ("n" * 255), "long")
    assert path.read_text() == "long"
    with pytest.raises(RunError, match=r"cannot be written \(File name too long\)"):
        write_text(tmp_path / ("n" * 256), "longer")


def test_a_workspace_is_removed_unless_it_was_renamed(tmp_path):
    with workspace(tmp_path / "new") as folder:
        (folder / "a.txt").write_text("a")
    assert os.listdir(tmp_path / "new") == []
    with workspace(tmp_path) as folder:
        (folder / "a.txt").write_text("a")
        folder.replace(tmp_path / "kept")
    assert (tmp_path / "kept" / "a.txt").read_text() == "a"


def test_a_folder_is_held_by_one_alone(tmp_path):
    with locked(tmp_path / "out", why="is writing here"):
        with pytest.raises(RunError) as caught, locked(tmp_path / "out", why="is writing here"):
            pytest.fail("held twice")
        assert caught.value.message == f"{tmp_path / 'out'}: process {os.getpid()} is writing here"
        assert caught.value.hint == "wait for it, end it, or use another folder"
    with locked(tmp_path / "out"):
        pass


@pytest.mark.parametrize("chosen", ["relative/cache", "", "/proc/none"])
def test_a_cache_that_cannot_be_used_is_replaced(tmp_path, monkeypatch, chosen):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", chosen)
    monkeypatch.chdir(tmp_path)
    folder = cache_folder()
    assert folder == cache_folder()
    assert (folder == tmp_path / ".cache" / "netwright") == (not chosen.startswith("/"))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not (tmp_path / "relative").exists()


def test_a_cache_that_others_can_write_is_not_used(tmp_path, monkeypatch):
    (tmp_path / "netwright").mkdir()
    (tmp_path / "netwright").chmod(0o777)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert tmp_path not in cache_folder().parents


def test_a_file_takes_no_place_of_a_pipe(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(RunError, match="no regular file"):
        write_text(pipe, "text")
    assert pipe.is_fifo()
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


@pytest.mark.parametrize("path", ["/dev/zero", "pipe"])
def test_what_never_ends_has_no_digest(tmp_path, path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="a device, a pipe or a socket"):
        sha256(tmp_path / path)
