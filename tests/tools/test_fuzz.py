"""A small, fixed part of what ``make fuzz`` does, in this process."""

from __future__ import annotations

import importlib
import io
import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from netwright.errors import DataError

pytest.importorskip("onnx", reason="needs the extra qonnx")
pytest.importorskip("h5py", reason="needs the extra hgq")

PER_KIND = 10


@pytest.fixture(scope="module")
def fuzz() -> Iterator[ModuleType]:
    tools = str(Path(__file__).parents[2] / "tools")
    sys.path.insert(0, tools)
    try:
        yield importlib.import_module("fuzz")
    finally:
        sys.path.remove(tools)


@pytest.fixture(scope="module")
def watch(fuzz: ModuleType, tmp_path_factory: pytest.TempPathFactory):
    return fuzz.Watch(tmp_path_factory.getbasetemp())


def read(fuzz: ModuleType, watch, kind, folder: Path, data: bytes) -> tuple[str, str]:
    return fuzz.judge(kind, data, kind.seeds[0], True, folder / "case", watch)


def test_nothing_ends_badly(fuzz: ModuleType, watch, tmp_path: Path) -> None:
    report = io.StringIO()
    kinds = fuzz.make_kinds(tmp_path)
    assert len(kinds) >= 20
    for name, kind in kinds.items():
        fuzz.run_batch(kind, name, 7, range(PER_KIND), tmp_path, watch, report)
    entries = [json.loads(line) for line in report.getvalue().splitlines()]
    ended = [entry for entry in entries if "outcome" in entry]
    assert len(ended) == PER_KIND * len(kinds)
    assert [entry for entry in ended if entry["outcome"] in fuzz.BAD] == []
    counts = Counter(entry["outcome"] for entry in ended)
    assert counts["refused"] > len(ended) // 3
    assert counts["accepted"] + counts["accepted, same"] > 0


def test_valid_files_are_accepted(fuzz: ModuleType, watch, tmp_path: Path) -> None:
    for name, kind in fuzz.make_kinds(tmp_path).items():
        for seed in kind.seeds:
            outcome, detail = fuzz.judge(kind, seed, seed, True, tmp_path / "case", watch)
            assert outcome in ("accepted", "accepted, same"), (name, detail)


def test_inputs_are_the_same_every_time(fuzz: ModuleType, tmp_path: Path) -> None:
    kind = fuzz.Kind(".x", [b"one", b"three"], fuzz.BYTES, lambda path: None)
    first = [fuzz.changed(kind, "x", 0, number) for number in range(20)]
    assert first == [fuzz.changed(kind, "x", 0, number) for number in range(20)]
    assert first != [fuzz.changed(kind, "x", 1, number) for number in range(20)]


def test_what_ends_badly_is_noticed(fuzz: ModuleType, watch, tmp_path: Path) -> None:
    def end(reader, *, sealed: bool = False) -> str:
        kind = fuzz.Kind(".x", [b"seed"], fuzz.BYTES, reader, sealed=sealed)
        return read(fuzz, watch, kind, tmp_path, b"changed")[0]

    def fail(error: BaseException):
        def reader(path: Path) -> None:
            raise error

        return reader

    assert end(lambda path: None) == "accepted"
    assert end(fail(DataError("no"))) == "refused"
    assert end(fail(KeyError("a"))) == "traceback"
    assert end(fail(MemoryError())) == "memory"
    assert end(fail(DataError("not a graph (too large)"))) == "memory"
    assert end(lambda path: path.read_bytes(), sealed=True) == "silent"
    assert end(lambda path: b"", sealed=True) == "accepted, same"
    outside = Path("/tmp") / f"fuzz-outside-{tmp_path.name}"
    assert end(lambda path: outside.write_text("x")) == "write"
    outside.unlink()
