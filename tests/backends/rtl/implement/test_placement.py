import json
from pathlib import Path
from typing import Any

import pytest

from netwright.backends import rtl
from netwright.backends.rtl import RtlDesign
from netwright.backends.rtl.implement.placement import _timing
from netwright.errors import BackendError, ConfigError
from tests.backends.rtl.graphs import few_cells, needs_nextpnr, needs_yosys


def step(kind: str, delay: float, name: str) -> dict[str, Any]:
    end = {"cell": name, "port": "Q", "loc": [1, 1]}
    return {"type": kind, "delay": delay, "from": end, "to": {**end, "port": "DI"}}


PATH = [step("clk-to-q", 0.5, "a"), step("routing", 1.5, "a"), step("logic", 2.0, "b")]
REPORT = {
    "fmax": {"clk": {"achieved": 250.0, "constraint": 100.0}},
    "critical_paths": [
        {"from": "async", "to": "posedge clk", "path": PATH[:1]},
        {"from": "posedge clk", "to": "posedge clk", "path": PATH},
    ],
    "utilization": {"TRELLIS_FF": {"used": 5, "available": 80}},
}


def test_the_path_makes_the_frequency() -> None:
    fmax, path = _timing(REPORT)
    assert fmax == 250.0
    assert path == PATH


@pytest.mark.parametrize(
    "changes",
    [
        {"fmax": {}},
        {"fmax": {"clk": {"achieved": "fast"}}},
        {"fmax": {"clk": {"achieved": 300.0}}},
        {"fmax": {"clk": {"achieved": 250.0}, "other": {"achieved": 250.0}}},
        {"critical_paths": []},
        {"critical_paths": [{"from": "posedge clk", "to": "posedge clk", "path": []}]},
        {"utilization": None},
    ],
)
def test_timing_that_cannot_be_read(changes: dict[str, Any]) -> None:
    with pytest.raises(BackendError, match="is not what this version knows of nextpnr's reports"):
        _timing({**REPORT, **changes})


@pytest.fixture(scope="module")
def design(tmp_path_factory: pytest.TempPathFactory) -> RtlDesign:
    backend = rtl(part="ecp5-85k", clock_mhz=20.0)
    return backend.generate(few_cells(), tmp_path_factory.mktemp("route") / "out")


@needs_nextpnr
@needs_yosys
def test_a_small_design_from_verilog_to_timing(design: RtlDesign) -> None:
    packing = design.pack()
    port_bits = sum(port.total_bits for port in (*design.circuit.inputs, *design.circuit.outputs))
    assert packing.frame_ff == port_bits + 3  # valid in and out, reset
    registers = design.measure().ff.value + packing.frame_ff
    assert packing.usage["TRELLIS_FF"].used == registers
    lines: list[str] = []
    routing = design.route(progress=lambda done, total, text: lines.append(text))
    assert any(line.startswith("nextpnr: ") for line in lines)
    assert routing.usage["TRELLIS_FF"] == packing.usage["TRELLIS_FF"]
    period_ns = 1000.0 / routing.fmax.value
    path = routing.critical_path
    assert path.logic.value + path.routing.value == pytest.approx(period_ns, rel=1e-3)
    assert routing.latency.value == pytest.approx((design.latency_cycles + 1) * period_ns)
    assert path.start != path.end
    plan = routing.floor_plan
    assert sum(tile.num_cells for tile in plan.tiles) >= registers
    assert {tile.layer for tile in plan.tiles} >= {layer.name for layer in design.circuit.layers}
    assert routing.clock_mhz == 20.0
    assert routing.is_met
    assert (routing.fmax.unit, routing.fmax.fidelity) == ("MHz", "modelled")
    assert routing.fmax.source.endswith(
        "--freq 20 --timing-allow-fail --seed 1, after place and route"
    )
    again = design.route(progress=lambda *step: pytest.fail(f"was routed again: {step}"))
    assert again == routing
    record = json.loads((design.root / "build" / "routing-ecp5-85k-6-seed1.json").read_text())
    assert record["fmax"]["clk"]["achieved"] == routing.fmax.value


@pytest.mark.parametrize("seed", [-1, True, 1.5])
@needs_yosys
def test_a_seed_that_is_no_number(design: RtlDesign, seed: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        design.route(seed=seed)
    assert str(caught.value) == f"seed must be a whole number from 0, not {seed!r}"


def test_a_part_that_is_only_mapped(tmp_path: Path) -> None:
    design = rtl(part="xcup").generate(few_cells(), tmp_path / "out")
    with pytest.raises(BackendError, match="no open tool places and routes it"):
        design.route()
    assert not (design.root / "build").exists()
