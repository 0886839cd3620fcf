"""The campaign of planted faults: a stated share, and goes on where it was ended."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from tests.backends import planted as planting
from tests.backends import planted_designs

from netwright.backends import rtl


@pytest.fixture
def tool() -> Iterator[ModuleType]:
    tools = str(Path(__file__).parents[2] / "tools")
    sys.path.insert(0, tools)
    try:
        yield importlib.import_module("planted")
    finally:
        sys.path.remove(tools)


def test_a_share_is_drawn_and_said_and_kept(tool, tmp_path, monkeypatch, capsys) -> None:
    log, tried = tmp_path / "log" / "planted.jsonl", []
    monkeypatch.setattr(
        planted_designs,
        "DESIGNS",
        {"one": lambda folder: rtl(reuse_factor=3).generate(planted_designs.dense(), folder)},
    )

    def outcome(design, fault):
        tried.append(str(fault))
        if len(tried) == 3:
            raise KeyboardInterrupt
        return "MISSED" if len(tried) == 1 else "proof"

    monkeypatch.setattr(planting, "outcome", outcome)
    monkeypatch.setattr(sys, "argv", ["planted", "--share", "0.02", "--log", str(log)])
    with pytest.raises(KeyboardInterrupt):
        tool.main()
    assert len(tool.known(log)) == 2
    with log.open("a") as lines:
        lines.write('\n{"key": "torn')
    assert tool.main() == 1
    assert len(set(tried)) == len(tried) - 1
    line = capsys.readouterr().out.splitlines()[-1].split()
    faults, planted = int(line[1]), int(line[2])
    assert planted == -(-faults * 2 // 100) == len(set(tried))
    assert line[3] == f"{planted / faults:.1%}"
    assert line[4:] == [str(planted - 1), "0", "0", "0", "1"]
    before = len(tried)
    assert tool.main() == 1
    assert len(tried) == before
    assert len(tool.known(log)) == planted


def test_a_share_is_a_share(tool, monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys, "argv", ["planted", "--share", "0"])
    with pytest.raises(SystemExit):
        tool.main()
    assert "--share must be above 0 and at most 1, not 0.0" in capsys.readouterr().err
    assert tool.chosen(10, 0.5, 1, "a") != tool.chosen(10, 0.5, 2, "a")
    assert tool.chosen(3, 0.01, 1, "a") == tool.chosen(3, 0.01, 1, "a")
