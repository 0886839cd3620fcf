"""The example of docs/four-bit.md runs, and its tables name what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from netwright.registry import TABLES

PAGE = (Path(__file__).parents[2] / "docs" / "four-bit.md").read_text(encoding="utf-8")


def test_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    exec(compile(example, "four-bit.md", "exec"), {"__name__": "four_bit"})


def test_every_quantizer_has_a_row() -> None:
    rows = re.findall(r"^\| `([a-z0-9]+)` \|", PAGE, flags=re.MULTILINE)
    assert sorted(rows) == sorted(TABLES["quantizers"])
