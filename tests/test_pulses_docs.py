"""The page about pulses runs, and prints what it says it does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

PAGE = (Path(__file__).parents[1] / "docs" / "tasks-pulses.md").read_text(encoding="utf-8")


def test_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    source = "\n".join(re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # tensors this small only wait for a second thread
    try:
        exec(compile(source, "tasks-pulses.md", "exec"), {})
    finally:
        torch.set_num_threads(threads)
    assert capsys.readouterr().out.splitlines() == re.findall(r"^# (.*)$", source, re.MULTILINE)
