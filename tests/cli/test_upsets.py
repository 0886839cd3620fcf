"""``netwright upsets`` on a chip of a small network."""

import json
from pathlib import Path

import pytest

from netwright import ir
from tests.backends.rtl.chip.graphs import encoder
from tests.backends.rtl.graphs import needs_verilator, needs_yosys
from tests.cli.conftest import Netwright


@pytest.mark.tool("g++")
@needs_verilator
@needs_yosys
def test_a_chip_that_holds_everything_three_times(netwright: Netwright, tmp_path: Path) -> None:
    graph = tmp_path / "encoder.npz"
    ir.save(encoder(), graph)
    command = ("upsets", graph, "--out", tmp_path / "out", "--samples", "20", "--wafers", "3")
    code, out, _ = netwright(*command)
    assert code == 0
    lines = {line.rsplit(maxsplit=5)[0].strip(): line.split()[-5:] for line in out.splitlines()}
    upsets, *wrong = map(int, lines["single, all held"])
    assert upsets > 2000
    assert wrong == [0, 0, 0, 0]
    assert int(lines["double, same triplet"][-1]) > 0
    code, again, _ = netwright(*command, "--json")
    found = {entry["name"]: entry for entry in json.loads(again)["lists"]}
    assert found["single, all held"]["upsets"] == upsets


def test_a_graph_that_is_not_there(netwright: Netwright, tmp_path: Path) -> None:
    code, out, err = netwright("upsets", tmp_path / "no.npz", "--out", tmp_path / "out")
    assert (code != 0, out) == (True, "")
    assert "no.npz" in err
