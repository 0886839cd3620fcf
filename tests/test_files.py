from __future__ import annotations

import errno
import hashlib
import os

import numpy as np
import pytest

from netwright.errors import RunError
from netwright.files import sha256, write_atomic, write_npz, write_text


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
