"""The example and the rounding table of docs/exchange-qonnx.md are true."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from netwright.formats import AP_FIXED_ROUNDING, QONNX_ROUNDING, Rounding, round_real

PAGE = (Path(__file__).parents[2] / "docs" / "exchange-qonnx.md").read_text(encoding="utf-8")


def test_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("qonnx")
    monkeypatch.chdir(tmp_path)
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    exec(compile(example, "exchange-qonnx.md", "exec"), {})


@pytest.mark.parametrize("mode", list(Rounding))
def test_rounding_table_is_true(mode: Rounding) -> None:
    (row,) = re.findall(rf"^\| `{mode}` \|(.*)\|$", PAGE, flags=re.MULTILINE)
    qonnx, fixed, values = (cell.strip().strip("`") for cell in row.split("|"))
    assert qonnx == QONNX_ROUNDING.get(mode, "none")
    assert fixed == AP_FIXED_ROUNDING.get(mode, "none")
    expected = round_real(np.array([-2.5, -1.5, 1.5, 2.5]), mode)
    assert [float(value) for value in values.split(",")] == expected.tolist()
