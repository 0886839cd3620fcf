"""The examples of docs/arrays.md, docs/backends-rtl.md and docs/netlist.md run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.backends.rtl.graphs import needs_nextpnr, needs_verilator, needs_yosys

DOCS = Path(__file__).parents[3] / "docs"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.tool("g++"),
    needs_verilator,
    needs_yosys,
    needs_nextpnr,
]


def blocks(page: str) -> list[str]:
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)


@pytest.mark.tool("sta")
def test_the_examples_of_the_backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile("\n".join(blocks("backends-rtl.md")), "backends-rtl.md", "exec"), {})


def test_the_examples_of_arrays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile("\n".join(blocks("arrays.md")), "arrays.md", "exec"), {})
    assert capsys.readouterr().out.splitlines() == [
        "60 clocks, 6 tiles", "204 clocks dense, 60 sparse", "4 5.0%",
    ]  # fmt: skip


def test_from_a_model_to_a_netlist(tmp_path: Path) -> None:
    pytest.importorskip("brevitas")
    script = tmp_path / "page.py"
    script.write_text("\n".join(blocks("netlist.md")))
    # Brevitas warns on import, so this runs in a process of its own.
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert re.search(r"MHz asked for 100\.0 (met|missed)", done.stdout)
