from pathlib import Path

import pytest

from netwright.backends import rtl
from netwright.backends.rtl import synthesis
from netwright.backends.rtl.synthesis import FAMILIES, synthesize
from netwright.errors import BackendError, MissingExtra, ToolFailed
from tests.backends.rtl.graphs import needs_yosys, two_layers

ADDER = "module adder(input [7:0] a, input [7:0] b, output [7:0] y); assign y = a + b; endmodule\n"


@needs_yosys
def test_figures_say_where_they_come_from(tmp_path: Path) -> None:
    measured = rtl(part="ecp5-85k").generate(two_layers(), tmp_path / "out").measure()
    assert measured.carry.value > 100
    assert measured.ff.value > 50
    for figure, unit in ((measured.lut, "LUT"), (measured.carry, "CCU2C"), (measured.ff, "FF")):
        assert (figure.unit, figure.fidelity) == (unit, "modelled")
        assert figure.source.endswith(f"{FAMILIES['ecp5-85k'].command}, mapping only")


@needs_yosys
def test_an_adder_of_eight_bits(tmp_path: Path) -> None:
    path = tmp_path / "adder.v"
    path.write_text(ADDER)
    measured = synthesize("adder", [path], part="xcup", folder=tmp_path, timeout_s=120.0)
    assert (measured.lut.value, measured.carry.value, measured.ff.value) == (8, 2, 0)


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
    assert caught.value.message == f"{report}: is not a report of Yosys that can be read"
