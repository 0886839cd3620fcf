"""The examples of docs/banks.md run; the one that compiles the unit is tested with the unit."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("torch")
PAGE = (Path(__file__).parents[2] / "docs" / "banks.md").read_text(encoding="utf-8")


def test_the_examples_of_the_page_run(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {"__name__": "page"}
    examples = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    assert ["BankUnit" in example for example in examples] == [False, False, True]
    for example in examples[:2]:
        exec(compile(example, "banks.md", "exec"), names)
    difference, shape = capsys.readouterr().out.splitlines()
    assert 0 < float(difference) < 0.003
    assert shape.startswith("(8, 16, ")
