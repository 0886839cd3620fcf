"""The examples of docs/formats.md run, and what they add passes the suites."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from netwright import registry

PAGE = (Path(__file__).parents[2] / "docs" / "formats.md").read_text(encoding="utf-8")


def test_what_the_page_adds_passes_the_suites(monkeypatch: pytest.MonkeyPatch) -> None:
    names: dict[str, Any] = {"__name__": "page"}
    for example in re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL):
        exec(compile(example, "formats.md", "exec"), names)
    monkeypatch.setattr(
        "netwright.ir.format_records.resolve",
        lambda kind, name, known=registry.resolve: {
            "ternary": names["Ternary"], "triangle": names["Triangle"],
        }.get(name) or known(kind, name),
    )  # fmt: skip
    count = 0
    for suite in (names["TestTernary"](), names["TestTriangle"]()):
        for name in dir(suite):
            if name.startswith("test_"):
                getattr(suite, name)()
                count += 1
    assert count == 14
