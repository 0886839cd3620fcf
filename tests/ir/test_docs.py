"""The example and the rounding table of docs/graph.md are true, and every operator is described."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from netwright.formats import Rounding, round_real
from netwright.ir import SPECS

PAGE = (Path(__file__).parents[2] / "docs" / "graph.md").read_text(encoding="utf-8")


def test_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    exec(compile(example, "graph.md", "exec"), {})


@pytest.mark.parametrize("mode", list(Rounding))
def test_rounding_table_is_true(mode: Rounding) -> None:
    (row,) = re.findall(rf"^\| `{mode}` \|.*\|(.*)\|$", PAGE, flags=re.MULTILINE)
    expected = round_real(np.array([-2.5, -1.5, 1.5, 2.5]), mode)
    assert [float(value) for value in row.split(",")] == expected.tolist()


@pytest.mark.parametrize("name", SPECS)
def test_every_operator_is_described(name: str) -> None:
    assert f"`{name}`" in PAGE
