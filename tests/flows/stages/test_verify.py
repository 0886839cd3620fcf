import shutil
from pathlib import Path

import pytest

from netwright import ir, verify
from netwright.flows.certificate import first_failure, read_certificate
from netwright.flows.flow import load_flow
from netwright.flows.stages import verify as module
from netwright.run import execute
from tests.flows.tiny import write_flow


def test_every_stage_is_compared_on_every_stimulus(tiny_run: Path) -> None:
    rows = read_certificate(tiny_run / "stages/08-verify")
    assert {row.stage for row in rows} == {"torch", "QONNX", "HLS emulation", "RTL simulation"}
    assert {row.stimuli for row in rows} >= {"test set", "corners", "random"}
    assert all(row.identical for row in rows)
    counts = {(row.stage, row.stimuli): row.num_rows for row in rows}
    assert counts["HLS emulation", "test set"] == 1500
    assert counts["RTL simulation", "test set"] == 1500
    assert counts["QONNX", "test set"] == 50


def test_difference_is_written_down_and_reported(
    own_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from netwright import exchange

    def faulty(graph: ir.Graph) -> ir.Executable:
        return ir.Interpreter.of(verify.flip_weight_bit(graph, "fc1_weight", (0, 0), bit=2))

    monkeypatch.setattr(exchange, "referee", faulty)
    flow = load_flow(write_flow(tmp_path))
    shutil.rmtree(own_run / "stages/08-verify")
    execute(flow, own_run)
    failure = first_failure(own_run)
    assert failure is not None
    assert failure.startswith("QONNX differs from graph in ")
    assert "expected" in failure
    page = (own_run / "report.html").read_text()
    assert "expected" in page
    assert module.QONNX in page
