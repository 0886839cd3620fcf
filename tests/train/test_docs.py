"""The examples of the pages on training run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("page", ["tables.md", "modules.md", "training.md", "nm-training.md"])
def test_example_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = (DOCS / page).read_text(encoding="utf-8")
    example = "".join(re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL))
    exec(compile(example, page, "exec"), {"__name__": "example"})
