"""The examples of docs/radiation.md run, one after the other."""

import re
from pathlib import Path

import pytest
import torch

from tests.backends.rtl.graphs import needs_verilator, needs_yosys

PAGE = (Path(__file__).parents[4] / "docs" / "radiation.md").read_text(encoding="utf-8")

torch.set_num_threads(1)


@pytest.mark.tool("g++")
@needs_verilator
@needs_yosys
def test_examples_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    examples = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    assert len(examples) == 6
    for example in examples:
        exec(compile(example, "radiation.md", "exec"), names)
    printed = capsys.readouterr().out
    assert "single, configuration" in printed
    assert "hessian [" in printed
