"""One whole run of the codesign flow on few jets, made once in a session."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from netwright.files import locked
from netwright.flows.flow import load_flow
from netwright.run import execute

FLOW = """
schema_version = 1
name = "tiny-jets"
seeds = [7]
task = { kind = "jets", rows = 1500 }
model = { hidden = [8] }
train = { epochs = 2 }
sweep = { uniform = [4], budgets = [], blind = false, epochs = 1 }
verify = { random_rows = 200, tie_rows = 50, qonnx_rows = 50 }
hls = {}
rtl = {}

[compress]
weight_bits = [3, 4, 6]
activation_bits = [4, 6]
budget = { limit = 8_000 }
probes = 16
epochs = 1
"""


def write_flow(folder: Path, text: str = FLOW) -> Path:
    path = folder / "tiny.toml"
    path.write_text(text)
    return path


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run; tests that change it copy it first."""
    if shutil.which("g++") is None:
        pytest.skip("needs g++, which is not installed")
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    folder = base / "tiny-runs" / "tiny-jets"
    with locked(folder.parent, wait_s=-1):
        if not (folder / "report.html").exists():
            execute(load_flow(write_flow(base)), folder)
    return folder


@pytest.fixture
def own_run(tiny_run: Path, tmp_path: Path) -> Path:
    """A copy of the finished run that a test may change."""
    return Path(shutil.copytree(tiny_run, tmp_path / "tiny-jets"))
