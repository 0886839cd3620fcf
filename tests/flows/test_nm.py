"""A flow whose network is trained with N:M weights from its first step."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from netwright import ir
from netwright.errors import ConfigError
from netwright.exchange import read_qonnx
from netwright.flows.flow import load_flow
from netwright.formats import NM
from netwright.report import plan_table, read
from netwright.run import execute
from tests.flows.tiny import write_flow

FLOW = """
schema_version = 1
name = "tiny-nm"
task = { kind = "jets", rows = 1500 }
model = { hidden = [16, 8] }
train = { epochs = 1 }
verify = { random_rows = 20, tie_rows = 5, qonnx_rows = 5 }

[compress]
kind = "fixed"
weight_bits = 4
activation_bits = 6
epochs = 1
sparsity = { kept = 2, group = 8 }
"""


def test_the_pattern_reaches_the_graph_its_file_and_the_report(tmp_path: Path) -> None:
    run = tmp_path / "run"
    execute(load_flow(write_flow(tmp_path, FLOW)), run)
    (traced,) = (run / "stages").glob("*-trace")
    graph = ir.load(traced / "graph.npz")
    patterns = {name: known.pattern for name, known in graph.types.items() if known.pattern}
    assert patterns == {"fc2_weight": NM(2, 8, 0)}
    kept = [known.pattern for known in read_qonnx(traced / "model.onnx").types.values()]
    assert kept.count(NM(2, 8, 0)) == 1
    (folder,) = (run / "stages").glob("*-compress")
    layers = json.loads((folder / "plan.json").read_text())["layers"]
    kept_two = {"kept": 2, "group": 8, "axis": 0}
    assert [layer.get("pattern") for layer in layers] == [None, kept_two, None]
    document = read(run / "report.json")
    row = document.plan[1]
    # A quarter of 128 weights of 4 bits, and 3 bits for the place of each.
    assert (row.pattern, row.stored_bytes) == ("2:8", 32 * (4 + 3) // 8)
    assert "2:8" in plan_table(document.plan)
    assert "<th>pattern</th>" in (run / "report.html").read_text()


def test_settings_that_are_not_accepted_are_named(tmp_path: Path) -> None:
    path = write_flow(tmp_path, FLOW.replace("kept = 2", "kept = 8"))
    with pytest.raises(ConfigError, match=r"compress\.sparsity.*not 8:8"):
        load_flow(path)
    path = write_flow(tmp_path, FLOW + "\n[sweep]\nuniform = [4]\n")
    with pytest.raises(ConfigError, match=r"sweep must be left out, or compress\.sparsity"):
        load_flow(path)
