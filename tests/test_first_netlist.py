"""The page that goes from a table to a netlist runs, top to bottom."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.backends.rtl.graphs import needs_yosys

PAGE = (Path(__file__).parents[1] / "docs" / "first-netlist.md").read_text(encoding="utf-8")


@pytest.mark.tool("g++")
@needs_yosys
def test_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code = "\n".join(re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL))
    exec(compile(code, "first-netlist.md", "exec"), {})
    out = capsys.readouterr().out
    assert re.search(r"^[1-9]\d* layers proven for all inputs: True$", out, re.MULTILINE)
    assert re.search(r"^[1-9]\d* LUT \d+ CCU2C [1-9]\d* FF$", out, re.MULTILINE)
