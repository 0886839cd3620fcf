"""A few kills of driver and workers; ``make kills-explore`` does two hundred."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def tool() -> Iterator[ModuleType]:
    tools = str(Path(__file__).parents[2] / "tools")
    sys.path.insert(0, tools)
    try:
        yield importlib.import_module("kills_explore")
    finally:
        sys.path.remove(tools)


def test_kills_lose_and_repeat_nothing(tool, tmp_path):
    found = tool.kill(tmp_path, 4, options=("--workers", "2"))
    assert found.kills.total() == 4
    assert (found.lost, found.repeated, found.is_equal) == (0, 0, True)


@pytest.mark.slow
def test_kills_on_ray_lose_and_repeat_nothing(tool, tmp_path):
    pytest.importorskip("ray", reason="the extra ray is not installed")
    found = tool.kill(tmp_path, 10, options=("--ray", "--workers", "2"))
    assert found.kills.total() == 10
    assert (found.lost, found.repeated, found.is_equal) == (0, 0, True)
