from pathlib import Path

from netwright import ir
from netwright.exchange import read_qonnx


def test_graph_and_model_carry_the_flow_name_as_identifier(tiny_run: Path) -> None:
    folder = tiny_run / "stages/06-trace"
    graph = ir.load(folder / "graph.npz")
    assert graph.name == "tiny_jets"
    assert graph.is_integer
    assert read_qonnx(folder / "model.onnx").name == "tiny_jets"
