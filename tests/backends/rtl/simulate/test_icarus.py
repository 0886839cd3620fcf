from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from netwright.backends import rtl
from netwright.backends.rtl import RtlDesign
from netwright.backends.rtl.simulate.icarus import bench
from netwright.errors import BackendError, ToolFailed
from netwright.ir import interpret
from netwright.verify import bit_exact, corners, random
from tests.backends.hls.graphs import stimuli
from tests.backends.rtl.graphs import every_other_operator, needs_icarus, two_layers


def generated(folder: Path, adders_per_stage: int | None = 2) -> RtlDesign:
    backend = rtl(adders_per_stage=adders_per_stage)
    return replace(backend.generate(two_layers(), folder / "out"), simulator="icarus")


def test_ports_take_whole_words_of_a_row(tmp_path: Path) -> None:
    text = bench(generated(tmp_path).circuit)
    assert "reg [63:0] row;" in text
    assert "wire [47:0] x_data = row[0+:48];" in text
    assert '$fdisplay(rows_out, "%h", {25\'d0, y_data});' in text


@needs_icarus
@pytest.mark.parametrize("adders_per_stage", [2, None])
def test_the_same_integers(tmp_path: Path, adders_per_stage: int | None) -> None:
    design = generated(tmp_path, adders_per_stage)
    for stimulus in (corners(design.graph), random(design.graph, rows=100)):
        bit_exact(design.graph, design, stimulus).require()
    assert len(list(design.build_folder.glob("simulation-*.vvp"))) == 1


@needs_icarus
def test_several_ports_constants_and_wraps(tmp_path: Path) -> None:
    graph = every_other_operator()
    design = replace(rtl().generate(graph, tmp_path / "out"), simulator="icarus")
    inputs = stimuli(graph, 60)
    found = design.run(inputs)
    for name, codes in interpret(graph, inputs).items():
        assert np.array_equal(found[name], codes), name


@needs_icarus
def test_no_rows(tmp_path: Path) -> None:
    result = generated(tmp_path).run(np.zeros((0, 6)))
    assert result["matmul_3_out"].shape == (0, 3)


@needs_icarus
def test_an_undefined_bit(tmp_path: Path) -> None:
    design = generated(tmp_path)
    top = design.root / "tiny.v"
    top.write_text(top.read_text().replace("assign y_data[0+:13]", "assign y_data[1+:12]"))
    with pytest.raises(BackendError) as caught:
        design.run(np.zeros((3, 6)))
    assert str(caught.value) == (
        "row 0 of tiny has undefined bits\n"
        "hint: a register is read before it is written, or a wire has no driver"
    )


@needs_icarus
def test_a_wrong_prediction(tmp_path: Path) -> None:
    design = generated(tmp_path)
    stages = design.latency_cycles
    top = design.root / "tiny.v"
    text = top.read_text()
    top.write_text(text.replace(f"STAGES({stages})", f"STAGES({stages + 1})"))
    with pytest.raises(BackendError, match=f"came out after {stages + 1} clocks, not the predict"):
        design.run(np.zeros((4, 6)))
    top.write_text(text.replace(".valid_in(x_valid)", ".valid_in(1'b0)"))
    with pytest.raises(BackendError, match=r"^not every row of tiny came out$"):
        design.run(np.zeros((4, 6)))


@needs_icarus
def test_verilog_that_is_wrong(tmp_path: Path) -> None:
    design = generated(tmp_path)
    (design.root / "tiny.v").write_text("module tiny(input a")
    with pytest.raises(ToolFailed) as caught:
        design.build()
    assert caught.value.tool == "iverilog"
    assert "syntax error" in caught.value.log_tail
    assert not list(design.build_folder.glob("*.vvp"))
