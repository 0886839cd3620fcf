from __future__ import annotations

import json
import re
import sys
from importlib.metadata import PackageNotFoundError

import pytest

from netwright.backends.cpu import break_even
from netwright.backends.cpu.break_even import NEVER, BreakEven, crossing
from netwright.backends.cpu.encoders import build_engine
from netwright.errors import ConfigError, DataError, MissingExtra, VerificationError
from tests.backends.cpu.encoders import random_weights


def test_the_crossing_is_interpolated():
    shares = (0.0, 0.5, 0.9)
    assert crossing(shares, [1.0, 0.5, 0.1], [2.0, 2.0, 2.0]) == 0.0
    assert crossing(shares, [3.0, 2.0, 1.0], [1.5, 1.5, 1.5]) == pytest.approx(0.7)
    assert crossing(shares, [3.0, 3.0, 3.0], [1.5, 1.5, 1.5]) == NEVER
    # Noise at a lower share does not count: from 0.5 on dense is not faster any more.
    assert crossing(shares, [1.4, 2.0, 1.0], [1.5, 1.5, 1.5]) == pytest.approx(0.7)


def test_a_break_even_is_measured_once(tmp_path, monkeypatch):
    pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    calls = []
    monkeypatch.setattr(break_even, "measure", lambda *args, **_: calls.append(args) or 0.25)
    path = tmp_path / "cache" / "break-even.json"
    for _ in range(2):
        assert BreakEven(path).at((8, 4)) == 0.25
    assert calls == [((8, 4), 4)]
    assert BreakEven(path).choose((8, 4), 0.25) == "sparse"
    assert BreakEven(path).choose((8, 4), 0.2) == "dense"


@pytest.fixture
def measured(monkeypatch):
    """Every measurement is replaced by 0.5, and what is asked for is listed."""
    calls = []

    def measure(shape, block_rows, **options):
        calls.append((shape, block_rows, options))
        return 0.5

    monkeypatch.setattr(break_even, "measure", measure)
    monkeypatch.setattr(break_even, "_runtime_version", lambda: "1.0")
    return calls


@pytest.mark.parametrize("text", ["", "[]", '{"a": "b", "c": -1}', "\x00", "[" * 100_000])
def test_a_damaged_cache_is_replaced(tmp_path, measured, caplog, text):
    path = tmp_path / "break-even.json"
    path.write_text(text)
    assert BreakEven(path).at((8, 4)) == 0.5
    assert list(json.loads(path.read_text()).values()) == [0.5]
    assert ("is damaged and not used" in caplog.text) == (not text.startswith("{"))


def test_a_cache_that_cannot_be_written_costs_a_warning(tmp_path, measured, caplog):
    (tmp_path / "file").write_text("")
    kept = BreakEven(tmp_path / "file" / "break-even.json")
    for _ in range(2):
        assert kept.at((8, 4)) == kept.at((4, 4)) == 0.5
    assert len(measured) == 2
    assert caplog.text.count("break-evens are not kept") == 1


def test_without_a_home_nothing_is_kept(tmp_path, measured, monkeypatch):
    (tmp_path / "home").write_text("")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    kept = BreakEven()
    assert tmp_path not in kept.path.parents
    assert kept.at((8, 4)) == kept.at((8, 4)) == 0.5
    assert len(measured) == 1


def test_small_and_large_batches_count(monkeypatch):
    pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    monkeypatch.setattr(break_even, "ROUNDS", 1)
    monkeypatch.setattr(break_even, "SPARSITIES", (0.0, 0.9))
    clock = {"now": 0.0}
    seconds = {("sparse", 31): 3.0, ("dense", 31): 1.0, ("sparse", 256): 1.0, ("dense", 256): 2.0}

    def make_product(linear, way, **_):
        def product(codes, **_):
            clock["now"] += seconds[way, codes.shape[1]] * codes.shape[1]

        return product

    monkeypatch.setattr(break_even, "make_product", make_product)
    monkeypatch.setattr(break_even.time, "thread_time", lambda: clock["now"])
    assert break_even.measure((8, 4)) == NEVER  # 3 + 1 seconds a token are more than 1 + 2


def test_what_was_measured_otherwise_does_not_count(tmp_path, measured, monkeypatch):
    kept = BreakEven(str(tmp_path / "break-even.json"))

    def is_measured(**options):
        before = len(measured)
        kept.at((8, 4), **options)
        again = len(measured)
        kept.at((8, 4), **options)
        assert len(measured) == again
        return again > before

    assert is_measured(isa="numpy")
    assert measured[0][2] == {"num_threads": 1, "isa": "numpy"}
    assert is_measured(isa="numpy", num_threads=2)
    assert is_measured(isa="numpy", block_rows=8)
    assert not is_measured(isa="numpy")
    for name, value in (
        ("__version__", "other"),
        ("_processor", lambda: "other"),
        ("_runtime_version", lambda: "other"),
    ):
        monkeypatch.setattr(break_even, name, value)
        assert is_measured(isa="numpy")


def test_processors_of_one_name_are_told_apart(monkeypatch):
    def named(text):
        monkeypatch.setattr(break_even.Path, "read_text", lambda *_, **__: text)
        return break_even._processor()

    first = "processor: 0\ncpu family\t: 6\nmodel\t\t: 143\nmodel name\t: Xeon\nstepping\t: 8\n"
    wanted = "model name Xeon, cpu family 6, model 143, stepping 8"
    assert named(first + "\nprocessor: 1\nmodel: 1\n") == wanted
    assert named(first.replace("143", "207")) == wanted.replace("143", "207")
    assert named("CPU part\t: 0xd40\n") == "CPU part 0xd40"
    assert named("") == (break_even.platform.processor() or break_even.platform.machine())


@pytest.mark.parametrize("missing", ["onnxruntime", "onnx"])
def test_without_the_libraries_sparse_is_taken_and_nothing_kept(tmp_path, monkeypatch, missing):
    if missing == "onnx":
        pytest.importorskip("onnxruntime", reason="needs onnxruntime")

    def version(name):
        raise PackageNotFoundError(name)

    monkeypatch.setitem(sys.modules, missing, None)
    if missing == "onnxruntime":
        monkeypatch.setattr(break_even, "version", version)
    path = tmp_path / "break-even.json"
    assert BreakEven(path).choose((8, 4), 0.0) == "sparse"
    assert not path.exists()
    with pytest.raises(MissingExtra, match=f'"{missing}"'):
        break_even.measure((8, 4))


def test_a_library_that_is_wrong_is_not_chosen(tmp_path, monkeypatch, caplog):
    def measure(*_, **__):
        raise VerificationError("must give 1, not 2")

    monkeypatch.setattr(break_even, "measure", measure)
    monkeypatch.setattr(break_even, "_runtime_version", lambda: "1.0")
    path = tmp_path / "break-even.json"
    assert BreakEven(path).choose((8, 4), 0.0) == "sparse"
    assert not path.exists()
    assert "the dense product is not used: must give 1, not 2" in caplog.text


@pytest.mark.parametrize(
    ("shape", "options", "kind", "message"),
    [
        ((8, 4), {"block_rows": 0}, ConfigError, "block_rows must be 4 or 8, not 0"),
        ((8, 4), {"num_threads": 0}, ConfigError, "num_threads must be an integer from 1"),
        ((8, 4), {"isa": "mmx"}, ConfigError, 'not "mmx"'),
        ((6, 4), {}, DataError, "outputs a multiple of 4, not (6, 4)"),
        ((8,), {}, DataError, "the shape must be (outputs, inputs)"),
    ],
)
def test_what_cannot_be_measured_is_refused(tmp_path, shape, options, kind, message):
    with pytest.raises(kind, match=re.escape(message)):
        BreakEven(tmp_path / "break-even.json").at(shape, **options)


def test_measuring_gives_a_share(monkeypatch):
    pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    monkeypatch.setattr(break_even, "ROUNDS", 1)
    assert 0 <= break_even.measure((32, 16)) <= NEVER
    assert 0 <= break_even.measure((32, 16), num_threads=2, isa="numpy") <= NEVER


def test_the_path_of_the_engine_is_measured(measured, tmp_path):
    kept = BreakEven(tmp_path / "break-even.json")
    build_engine(random_weights(sparsity=0.8), break_even=kept, isa="numpy", num_threads=2)
    assert measured
    assert all(options == {"num_threads": 2, "isa": "numpy"} for _, _, options in measured)
