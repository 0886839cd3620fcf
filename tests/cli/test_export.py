from pathlib import Path

from netwright import ir
from tests.cli.conftest import Netwright


def test_graph_of_a_run_leaves_as_qonnx(
    netwright: Netwright, tiny_run: Path, tmp_path: Path
) -> None:
    to = tmp_path / "m.onnx"
    assert netwright("export", tiny_run, "--out", to) == (0, f"graph: {to}\n", "")
    assert to.read_bytes() == (tiny_run / "stages/06-trace/model.onnx").read_bytes()


def test_graph_file_is_copied(netwright: Netwright, tiny_run: Path, tmp_path: Path) -> None:
    to = tmp_path / "g.npz"
    assert netwright("export", tiny_run / "stages/06-trace/graph.npz", "--out", to)[0] == 0
    assert ir.load(to).name == "tiny_jets"


def test_other_suffix_is_refused(netwright: Netwright, tmp_path: Path) -> None:
    code, _, err = netwright("export", "x", "--out", tmp_path / "m.h5")
    assert code == 2
    assert err == f'error: --out {tmp_path / "m.h5"}: must end in .onnx or .npz, not ".h5"\n'
