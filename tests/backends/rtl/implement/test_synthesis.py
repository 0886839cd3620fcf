import json
from pathlib import Path

import numpy as np
import pytest

from netwright.backends import rtl
from netwright.backends.rtl import find_part
from netwright.backends.rtl.implement import synthesis
from netwright.backends.rtl.implement.synthesis import mapped_files, synthesize
from netwright.backends.tools import Tool, ToolRun
from netwright.errors import BackendError, MissingExtra, ToolFailed
from netwright.progress import Progress, silent
from tests.backends.hls.graphs import Build
from tests.backends.rtl.graphs import few_cells, needs_yosys, two_layers

ADDER = "module adder(input [7:0] a, input [7:0] b, output [7:0] y); assign y = a + b; endmodule\n"


@needs_yosys
def test_figures_say_where_they_come_from(tmp_path: Path) -> None:
    measured = rtl(part="ecp5-85k").generate(two_layers(), tmp_path / "out").measure()
    assert measured.carry.value > 100
    assert measured.ff.value > 50
    for figure, unit in ((measured.lut, "LUT"), (measured.carry, "CCU2C"), (measured.ff, "FF")):
        assert (figure.unit, figure.fidelity) == (unit, "modelled")
        assert figure.source.endswith(f"{find_part('ecp5-85k').family.command}, mapping only")


@needs_yosys
def test_an_adder_of_eight_bits(tmp_path: Path) -> None:
    path = tmp_path / "adder.v"
    path.write_text(ADDER)
    measured = synthesize("adder", [path], part="xcup", folder=tmp_path, timeout_s=120.0)
    assert (measured.lut.value, measured.carry.value, measured.ff.value) == (8, 2, 0)


@needs_yosys
def test_registers_in_a_row_are_registers_and_no_hidden_lookup_tables(tmp_path: Path) -> None:
    path = tmp_path / "line.v"
    path.write_text(
        "module line(input clk, input d, output q); reg [9:0] r; assign q = r[9];"
        " always @(posedge clk) r <= {r[8:0], d}; endmodule\n"
    )
    measured = synthesize("line", [path], part="xcup", folder=tmp_path, timeout_s=120.0)
    assert (measured.lut.value, measured.ff.value) == (0, 10)
    assert set(measured.cells) <= {"FDRE", "BUFG"}


@needs_yosys
def test_an_error_of_yosys_ends_only_its_own_process(tmp_path: Path) -> None:
    path = tmp_path / "adder.v"
    path.write_text("module adder(input a")
    with pytest.raises(ToolFailed) as caught:
        synthesize("adder", [path], part="xcup", folder=tmp_path, timeout_s=120.0)
    assert caught.value.tool == "yosys"
    assert "syntax error" in caught.value.log_tail


def test_without_pyosys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synthesis, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra) as caught:
        synthesize("adder", [], part="xcup", folder=tmp_path, timeout_s=1.0)
    assert str(caught.value) == (
        'synthesis needs the package "pyosys", which is not installed\n'
        "hint: pip install 'netwright[rtl]'"
    )


def test_a_report_that_cannot_be_read(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    report.write_text("{}")
    with pytest.raises(BackendError) as caught:
        synthesis._cells(report)
    assert caught.value.message == f"{report.name}: is not a report of Yosys that can be read"


@needs_yosys
def test_cells_of_every_layer_and_their_sum(tmp_path: Path) -> None:
    design = rtl(part="ecp5-85k").generate(few_cells(), tmp_path / "out")
    measured = design.measure_layers()
    assert list(measured.layers) == ["tiny_matmul_1", "tiny_matmul_3"]
    assert measured.flattened == design.measure()
    for kind in ("lut", "carry", "ff"):
        parts = [getattr(part, kind).value for part in (*measured.layers.values(), measured.rest)]
        assert getattr(measured.total, kind).value == sum(parts)
    assert measured.rest.ff.value == design.latency_cycles  # the valid chain
    assert measured.total.ff.value == measured.flattened.ff.value
    assert measured.total.carry.source.endswith("mapping only, boundaries of layers kept")


@needs_yosys
def test_what_was_mapped_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "adder.v"
    path.write_text(ADDER)

    def measure(tell: Progress) -> synthesis.Measurement:
        return synthesize(
            "adder", [path], part="ecp5-85k", folder=tmp_path, timeout_s=120.0, progress=tell
        )

    lines: list[str] = []
    first = measure(lambda done, total, text: lines.append(text))
    assert any(line.startswith("Yosys") for line in lines)
    assert measure(lambda *step: pytest.fail("was mapped again")) == first
    netlist, verilog = mapped_files(tmp_path, "ecp5-85k")
    assert list(json.loads(netlist.read_text())["modules"]) == ["adder"]
    assert "CCU2C" in verilog.read_text()
    path.write_text(ADDER.replace("a + b", "a & b"))
    assert measure(silent).carry.value == 0


def test_a_module_without_figures(tmp_path: Path) -> None:
    with pytest.raises(BackendError) as caught:
        synthesis._layer_cells({"top": {"fc1": 1}}, "top", ["fc1"], tmp_path / "report.json")
    assert caught.value.message == f"{tmp_path}/report.json: has no figures of the module fc1"
    with pytest.raises(BackendError, match="has no figures of the module top"):
        synthesis._layer_cells({"fc1": {}}, "top", ["fc1"], tmp_path / "report.json")


@needs_yosys
def test_a_layer_that_only_gives_constants_has_no_cells(tmp_path: Path) -> None:
    build = Build("net")
    equal = build.constant(np.full((2, 1, 4), 5))  # entries that are all the same
    looked = build.add("Lookup", (build.quantize((2,), bits=2), equal), {"first": -2})
    design = rtl(part="ecp5-85k").generate(build.graph(build.dense(looked, 2)), tmp_path / "out")
    layers = design.measure_layers().layers
    assert set(layers) == {layer.name for layer in design.circuit.layers}
    assert sum(cells.lut.value for cells in layers.values()) == 0


def test_what_yosys_leaves_short_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not notice a disk that is full."""

    def short(tool: Tool, args: object, *, cwd: Path, log: Path, **options: object) -> ToolRun:
        (cwd / "mapped.v").write_text("module a (input b);\n")
        return ToolRun(1.0, log)

    monkeypatch.setattr(synthesis, "run_tool", short)
    with pytest.raises(BackendError, match=r"mapped\.v: ends in the middle"):
        synthesis.run_script(
            [], ["write_verilog mapped.v"], folder=tmp_path, name="step", outputs=("mapped.v",),
            check=lambda made: None, timeout_s=1.0, defines=(), progress=silent,
        )  # fmt: skip
    assert not (tmp_path / "mapped.v").exists()
    assert not (tmp_path / "step.made.json").exists()
