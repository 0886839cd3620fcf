import json
from pathlib import Path

import pytest

from netwright.backends import RtlBackend, Target, rtl
from netwright.errors import GraphError, RunError
from tests.backends.rtl.graphs import two_layers


def test_defaults() -> None:
    assert rtl() == RtlBackend()
    assert rtl(part="ecp5-85k", clock_mhz=250.0).target == Target("ecp5-85k", 250.0)


def test_the_folder_says_what_it_holds(tmp_path: Path) -> None:
    design = rtl().generate(two_layers(), tmp_path / "out")
    record = json.loads((tmp_path / "out" / "netwright.json").read_text())
    assert record["kind"] == "rtl"
    assert record["latency_cycles"] == design.latency_cycles
    assert record["files"] == dict(design.files)
    assert "tiny.v" in design.files


def test_a_foreign_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(RunError):
        rtl().generate(two_layers(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_nothing_is_written_for_a_graph_that_is_too_large(tmp_path: Path) -> None:
    with pytest.raises(GraphError):
        rtl(max_operations=10).generate(two_layers(), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["clamp", "small", "reg", "mac", "clk", "x_valid"])
def test_names_that_cannot_be_a_top_module(tmp_path: Path, name: str) -> None:
    design = rtl().generate(two_layers(name=name), tmp_path / "out")
    assert design.circuit.name == f"n_{name}"
    assert f"n_{name}.v" in design.files
