from __future__ import annotations

import io
import json
import os
import re
import struct
import tracemalloc
import warnings
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from netwright import reading
from netwright.errors import ConfigError, DataError
from netwright.files import write_npz
from netwright.reading import (
    check_plain,
    parse_array,
    parse_toml,
    read_arrays,
    read_bytes,
    read_json,
    read_text,
    read_toml,
    read_typed,
    translated,
)


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, allow_pickle=False)
    return stream.getvalue()


def with_shape(text: str) -> bytes:
    """An array of four floats whose header says something else."""
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {text}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + b"\0" * 16


def archive(path: Path, *members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", method) as file:
        warnings.simplefilter("ignore")  # two members of one name are meant
        for name, content in members:
            file.writestr(name, content)
    return path


def test_bytes_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    assert read_bytes(path, most=3) == b"abc"
    with pytest.raises(DataError, match=r"a: has 3 bytes; at most 2 are read$"):
        read_bytes(path, most=2)
    with pytest.raises(ConfigError, match=r"b: no such file$"):
        read_bytes(tmp_path / "b", most=2, kind=ConfigError)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_room_is_made_for_what_there_is(tmp_path: Path) -> None:
    """Not for the eight gigabytes that are allowed; a file that tells no size is read as well."""
    path = tmp_path / "few"
    path.write_bytes(b"abc")
    tracemalloc.start()
    try:
        assert read_bytes(path, most=1 << 33) == b"abc"
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
    if Path("/proc/self/status").exists():
        assert read_bytes("/proc/self/status", most=1 << 20).startswith(b"Name:")
        with pytest.raises(DataError, match="at most 9 are read"):
            read_bytes("/proc/self/status", most=9)


def test_what_never_ends_or_begins(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for reader in (lambda path: read_bytes(path, most=10), check_plain):
        for path in ("/dev/zero", "/dev/null", tmp_path / "pipe"):
            with pytest.raises(DataError, match=r"is not a plain file \(a device, a pipe or a s"):
                reader(path)
        with pytest.raises(DataError, match=r"is a folder, not a file$"):
            reader(tmp_path)
        with pytest.raises(DataError, match=r"cannot be read \(embedded null byte\)$"):
            reader("a\0b")
        with pytest.raises(DataError, match=r"cannot be read \(File name too long\)$"):
            reader("a" * 300)
        with pytest.raises(DataError, match=r"Not a directory|no such file"):
            reader("/dev/null/a")


def test_text_is_utf8(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"\xef\xbb\xbfabc")
    assert read_text(path) == "abc"
    path.write_bytes("abc".encode("utf-16"))
    with pytest.raises(DataError, match=r"a: is not UTF-8 text \(byte 0\)$"):
        read_text(path)


@pytest.mark.parametrize(
    "text", ["{", "[" * 10**6, "1" * 5000, "", "\0", '{"a": 1} x', "nul", '"\x01"']
)
def test_no_json(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(DataError, match=r"^.*a\.json: not JSON \([^\n]*\)$"):
        read_json(path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a = " + "1" * 4400, "Exceeds the limit"),
        ("a = " + "[" * 5000, "nested too deeply"),
        (".".join("a" * 200_000) + " = 1", "nested too deeply"),
        ("[" + ".".join(['"a"'] * 100_000) + "]", "nested too deeply"),
        ("a = 1\na = 2", "Cannot overwrite a value"),
        ("a = 1\0", ""),
        ("a", "Expected '='"),
    ],
)
def test_no_toml(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "a.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_toml(path)
    assert str(caught.value).startswith(f"{path}: is not TOML: {reason}")


def test_toml_with_dots_that_are_no_keys() -> None:
    text = f"a = [{', '.join(['0.5'] * 1000)}]\nb = {'.'.join('x' * 9)!r}\nc.d.e = 1\n"
    assert parse_toml(text, "a")["c"] == {"d": {"e": 1}}


def test_arrays_come_back(tmp_path: Path) -> None:
    arrays = {
        "a": np.arange(6.0).reshape(2, 3),
        "b": np.asfortranarray(np.arange(6).reshape(2, 3)),
        "c": np.array(["x", "yz"]),
        "d": np.zeros((0, 4), np.int8),
        "e": np.array(7, ">u2"),
        "f": np.array([], dtype="<U0"),
    }
    path = write_npz(tmp_path / "a.npz", arrays)
    found = read_arrays(path)
    assert list(found) == sorted(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        assert np.array_equal(found[name], array)
        assert found[name].flags.writeable
    assert list(read_arrays(path, names=("a", "z"))) == ["a"]


@pytest.mark.parametrize(
    "content",
    [
        with_shape("(1 << 40,)"),
        with_shape("(" * 300),
        with_shape("__import__('os').system('touch INJECTED')"),
        npy(np.zeros(3))[:40],
        b"\x93NUMPY\x09\x00" + npy(np.zeros(3))[8:],
        b"",
        b"PK" * 50,
    ],
)
def test_headers_that_are_none(content: bytes) -> None:
    with pytest.raises(DataError, match=r'^f: not the array "x" \([^\n]*\)$'):
        parse_array(content, "f", "x")


@pytest.mark.parametrize(
    ("shape", "shown"),
    [
        ("(16384, 16384, 16384, 16384)", "(16384, 16384, 16384, 16384)"),
        ("(3,)", "(3)"),
        ("(-4,)", "(-4)"),
        ("(2, -2, -1)", "(2, -2, -1)"),
        (f"({10**40},)", "(...)"),
        ("(1, 1, 1, 1, 1, 1, 1, 1, 5)", "(1, 1, 1, 1, 1, 1, 1, 1, ...)"),
    ],
)
def test_declared_sizes_are_compared(shape: str, shown: str) -> None:
    with pytest.raises(DataError) as caught:
        parse_array(with_shape(shape), "f", "x")
    message = f'f: "x" declares the shape {shown} of float32, and 16 bytes are there'
    assert str(caught.value) == message


@pytest.mark.parametrize("dtype", ["O", "V4", "S4", "c8", "M8[s]", "i4,f4"])
def test_arrays_of_other_things(dtype: str) -> None:
    stream = io.BytesIO()
    header = {"descr": dtype, "fortran_order": False, "shape": (1,)}
    np.lib.format.write_array_header_1_0(stream, header)
    with pytest.raises(DataError, match=r'"x" must hold numbers or text|not '):
        parse_array(stream.getvalue() + b"\0" * 16, "f", "x")


def test_text_without_characters() -> None:
    stream = io.BytesIO()
    header = {"descr": "<U0", "fortran_order": False, "shape": (10**15,)}
    np.lib.format.write_array_header_1_0(stream, header)
    with pytest.raises(DataError, match="must hold numbers or text"):
        parse_array(stream.getvalue(), "f", "x")


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([("a.npy", npy(np.zeros(3))), ("a.npy", npy(np.ones(3)))], 'holds "a.npy" twice'),
        ([("../a.npy", b"")], 'holds "../a.npy", which lies outside of it'),
        ([("/a.npy", b"")], 'holds "/a.npy", which lies outside of it'),
        ([("b/../../a.npy", b"")], 'holds "b/../../a.npy", which lies outside of it'),
        ([("C:a.npy", b"")], 'holds "C:a.npy", which lies outside of it'),
        ([("a.npy", b"\0" * 2000)], "holds 2000 bytes unpacked; at most 1000 are read"),
    ],
)
def test_members_that_are_refused(
    tmp_path: Path, members: list[tuple[str, bytes]], message: str
) -> None:
    path = archive(tmp_path / "a.npz", *members)
    with pytest.raises(DataError) as caught:
        read_arrays(path, most=1000)
    assert str(caught.value) == f"{path}: {message}"


def test_an_archive_behind_another_file(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.npz", ("a.npy", npy(np.zeros(3))))
    whole = path.read_bytes()
    for front in (whole[:50], b"#!", whole):
        path.write_bytes(front + whole)
        with pytest.raises(DataError) as caught:
            read_arrays(path, most=1000)
        assert str(caught.value) == f"{path}: holds something in front of its archive"


def test_a_bomb_that_lies(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.npz", ("a.npy", npy(np.zeros(10**6))))
    data = path.read_bytes()
    size = struct.pack("<I", 8 * 10**6 + 128)
    assert data.count(size) == 2
    path.write_bytes(data.replace(size, struct.pack("<I", 100)))
    with pytest.raises(DataError, match=r"a\.npz: "):
        read_arrays(path, most=10**6 // 100)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_ways_of_packing(tmp_path: Path, method: int) -> None:
    path = archive(tmp_path / "a.npz", ("a.npy", npy(np.zeros(3))), method=method)
    with pytest.raises(DataError, match=r'packs "a\.npy" by an unknown method$'):
        read_arrays(path)


def _flip(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 0x41]) + data[place + 1 :]


def test_damaged_archives(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "a.npz", {"a": np.arange(50.0), "b": np.arange(9)})
    data = path.read_bytes()
    damages: list[Callable[[int], bytes]] = [
        lambda place: _flip(data, place),
        lambda place: data[:place],
        lambda place: data[:place] + data[place + 3 :],
    ]
    for place in range(0, len(data), 5):
        for damage in damages:
            path.write_bytes(damage(place))
            with suppress(DataError):
                read_arrays(path)


def test_what_a_library_raises_is_one_line() -> None:
    with pytest.raises(DataError) as caught, translated("f", "a graph", hint="no"):
        raise KeyError("a\x1b\nb")
    assert str(caught.value) == "f: not a graph ('a\\x1b\\nb')\nhint: no"
    with pytest.raises(ConfigError) as refused, translated("f", "x", kind=ConfigError):
        raise MemoryError
    assert str(refused.value) == "f: not x (too large)"
    with pytest.raises(DataError, match=r"^ours$"), translated("f", "x"):
        raise DataError("ours")
    with pytest.raises(KeyboardInterrupt), translated("f", "x"):
        raise KeyboardInterrupt


def test_limits_fit_into_two_gigabytes() -> None:
    assert 2 * reading.MAX_ARRAY_BYTES <= 1 << 30


def test_text_of_no_letters() -> None:
    data = bytearray(npy(np.array(["ab", "c"])))
    data[-5] = 0xFF
    with pytest.raises(DataError) as caught:
        parse_array(bytes(data), "f", "x")
    assert str(caught.value) == 'f: not the array "x" (it holds what is no letter)'


class Numbers:
    def validate_json(self, data: bytes, /) -> list[int]:
        found = json.loads(data)
        if not isinstance(found, list):
            raise ValueError("no list\nbut much more")
        return found


def test_json_of_known_structure(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("[1, 2]")
    assert read_typed(path, Numbers(), what="is no list of numbers") == [1, 2]
    path.write_text("{}")
    with pytest.raises(DataError) as caught:
        read_typed(path, Numbers(), what="is no list of numbers", hint="write one")
    assert str(caught.value) == f"{path}: is no list of numbers (no list)\nhint: write one"
    with pytest.raises(DataError) as caught:
        read_typed(tmp_path / "b.json", Numbers(), what="x")
    assert str(caught.value) == f"{tmp_path / 'b.json'}: no such file"


def test_every_json_file_is_read_by_the_guard() -> None:
    """Elsewhere only values that are in memory already are parsed."""
    source = Path(reading.__file__).parent
    found = [
        f"{path.relative_to(source).as_posix()}: {line.strip()}"
        for path in sorted(source.rglob("*.py"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if path.name != "reading.py"
        and re.search(r"json\.loads?\(|validate_json\((?!json\.dumps)", line)
    ]
    assert found == [
        "backends/rtl/implement/caching.py: "
        "wanted = json.loads(json.dumps(dict(key), sort_keys=True))",
        "exchange/qonnx/patterns.py: for name, record in _DOCUMENT.validate_json(text).items()",
        "flows/choice.py: return variant.model_validate_json(text, context=info.context)",
        'ir/store.py: document = _Document.model_validate_json(arrays["graph"].tobytes())',
        "report/store.py: return Document.model_validate_json(text)",
    ]
