from __future__ import annotations

import json

import pytest

from netwright.backends.cpu import break_even
from netwright.backends.cpu.break_even import NEVER, BreakEven, crossing


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
    monkeypatch.setattr(break_even, "measure", lambda *args: calls.append(args) or 0.25)
    path = tmp_path / "cache" / "break-even.json"
    for _ in range(2):
        assert BreakEven(path).at((8, 4)) == 0.25
    assert calls == [((8, 4), 4)]
    assert BreakEven(path).choose((8, 4), 0.25) == "sparse"
    assert BreakEven(path).choose((8, 4), 0.2) == "dense"


@pytest.mark.parametrize("text", ["", "[]", '{"a": "b", "c": -1}', "\x00"])
def test_a_damaged_cache_is_replaced(tmp_path, monkeypatch, text):
    pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    monkeypatch.setattr(break_even, "measure", lambda *_: 0.5)
    path = tmp_path / "break-even.json"
    path.write_text(text)
    assert BreakEven(path).at((8, 4)) == 0.5
    assert list(json.loads(path.read_text()).values()) == [0.5]


def test_measuring_gives_a_share(monkeypatch):
    monkeypatch.setattr(break_even, "ROUNDS", 1)
    assert 0 <= break_even.measure((32, 16)) <= NEVER
