from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from netwright import ir
from netwright.backends.rtl import RtlDesign
from netwright.flows.certificate import certificate, first_failure
from netwright.flows.flow import load_flow
from netwright.flows.graph import GRAPH
from netwright.flows.hardware import hardware
from netwright.flows.stages.common import load_task, new_model, read_scores
from netwright.flows.stages.tables import TablesParameters, _Job, _train
from netwright.run import execute, plan
from netwright.run.stage import Flow
from netwright.train import PricedLuts, save_weights
from tests.backends.rtl.graphs import needs_verilator, needs_yosys
from tests.flows.tiny import FLOW, write_flow

TABLES = """
[tables]
hidden = [4]
bits = [3, 3]
knots = 4
distill = 0.5
epochs = 8
rtl = { adders_per_stage = 1, compare_parts = [] }
"""
USED = ("data", "train", "tables", "tables_rtl")

pytestmark = [pytest.mark.tool("g++"), needs_verilator, needs_yosys]


def flow(folder: Path, *overrides: str) -> Flow:
    """The stages of a network of tables, without those of the other network."""
    whole = load_flow(write_flow(folder, FLOW + TABLES), overrides=["tables.rtl.route=false",
                                                                     *overrides])  # fmt: skip
    stages = tuple(stage for stage in whole.stages if stage.name in USED)
    return replace(whole, stages=stages)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tables")
    execute(flow(folder), folder / "run")
    return folder / "run"


def test_network_is_trained_and_its_verilog_equal_and_proven(run: Path) -> None:
    graph = ir.load(run / "stages/03-tables" / GRAPH)
    assert [node.op for node in graph.nodes] == [
        "Quantize", "Lookup", "MatMul", "Requantize", "Lookup", "MatMul",
    ]  # fmt: skip
    (score,) = read_scores(run / "stages/03-tables")
    assert (score.seed, score.test > 0.3) == (7, True)
    rows = certificate(run)
    assert {row.stage for row in rows} == {
        "tables: torch", "tables: QONNX", "tables: RTL simulation",
    }  # fmt: skip
    assert all(row.identical and row.num_rows for row in rows)
    (made,) = hardware(run)
    assert made.proofs
    assert all(proof.holds for proof in made.proofs)
    assert made.cells[0].lut.value > 0
    assert first_failure(run) is None


def test_hardware_options_do_not_train_again(run: Path, tmp_path: Path) -> None:
    changed = plan(flow(tmp_path, "tables.rtl.adders_per_stage=2"), run)
    assert [stage.name for stage in changed if stage.action == "to do"] == ["tables_rtl"]


def test_difference_of_the_verilog_fails_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = RtlDesign.run

    def wrong(self: RtlDesign, *args: object, **options: object) -> dict[str, np.ndarray]:
        return {name: codes + 1 for name, codes in real(self, *args, **options).items()}

    monkeypatch.setattr(RtlDesign, "run", wrong)
    execute(flow(tmp_path), tmp_path / "run")
    failure = first_failure(tmp_path / "run")
    assert failure is not None
    assert failure.startswith("tables: RTL simulation differs from graph in ")


def test_price_of_a_lut_is_in_the_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, float]] = []

    def noted(model: object, task: object, objective: object, *others: object, **_: object) -> None:
        assert isinstance(objective, PricedLuts)
        asked.append((type(objective.objective).__name__, objective.price))

    monkeypatch.setattr("netwright.train.fit", noted)
    for share in (0.5, 0.0):
        made = flow(tmp_path, "tables.lut_price=0.25", f"tables.distill={share}")
        (parameters,) = (s.parameters for s in made.stages if s.name == "tables")
        assert isinstance(parameters, TablesParameters)
        network = load_task(parameters.task, {})
        weights = tmp_path / "teacher.npz"
        save_weights(new_model(parameters.model, network, 7, {}), weights)
        job = _Job(parameters, 7, network, weights, tmp_path / "own.npz", {}, tmp_path)
        _train(job)
    assert asked == [("Distill", 0.25), ("Supervised", 0.25)]
