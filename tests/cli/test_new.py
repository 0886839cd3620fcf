from pathlib import Path

from netwright.flows.flow import load_flow
from tests.cli.conftest import Netwright


def test_new_copies_a_flow_that_loads(netwright: Netwright, tmp_path: Path) -> None:
    code, out, _ = netwright("new", "mine", "--out", tmp_path)
    path = tmp_path / "mine.toml"
    assert (code, out) == (0, f"flow: {path}\nnext: netwright run {path}\n")
    assert load_flow(path).name == "mine"
    code, _, err = netwright("new", "mine", "--out", tmp_path)
    assert code == 2
    assert err == f"error: {path}: exists already\nhint: choose another name\n"
