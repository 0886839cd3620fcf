"""The examples of docs/backends-rtl.md run, one after the other."""

import re
from pathlib import Path

import pytest

from tests.backends.rtl.graphs import needs_verilator, needs_yosys

PAGE = Path(__file__).parents[3] / "docs" / "backends-rtl.md"


@pytest.mark.tool("g++")
@needs_verilator
@needs_yosys
def test_the_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    assert len(blocks) >= 2
    exec(compile("\n".join(blocks), str(PAGE), "exec"), {})
