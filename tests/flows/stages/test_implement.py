from dataclasses import replace
from pathlib import Path

import pytest

from netwright.backends.rtl import RtlDesign
from netwright.backends.rtl.proof.adder_proof import CounterExample, Proof
from netwright.errors import DoesNotFit
from netwright.flows.certificate import first_failure
from netwright.flows.flow import load_flow
from netwright.flows.hardware import read_hardware
from netwright.report import read
from netwright.run import execute
from tests.flows.tiny import write_flow

QUICK = ["rtl.compare_parts=[]"]
FOUND = CounterExample("fc1", "sum_0", {"x_0": 3, "x_1": 0}, expected=12, got=11)


def test_layers_are_proven_and_counted(tiny_run: Path) -> None:
    hardware = read_hardware(tiny_run / "stages/09-implement")
    assert hardware.part == "ecp5-85k"
    proven = {(proof.layer, proof.method): proof.num_proven for proof in hardware.proofs}
    assert proven == {
        ("tiny_jets_fc1", "coefficients"): 8,
        ("tiny_jets_fc2", "coefficients"): 5,
        ("fc1_requantize", "SAT solver"): 8,
        ("fc2", "SAT solver"): 5,
    }
    assert all(proof.holds for proof in hardware.proofs)
    assert [row.part for row in hardware.cells] == ["ecp5-85k", "xcup"]
    assert all(row.lut.value > 0 for row in hardware.cells)
    assert all(layer.cells and layer.cells.num_tables > 0 for layer in hardware.layers)
    assert hardware.routing is None
    first, last = hardware.layers
    assert (first.num_inputs, last.num_outputs, first.first_stage) == (16, 5, 0)
    assert last.last_stage == hardware.latency_cycles
    assert first.last_stage == last.first_stage


def test_failed_proof_fails_the_run_and_a_part_that_is_too_small_is_reported(
    own_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both in one run, because a run proves and maps the whole design."""
    real = RtlDesign.prove

    def faulty(design: RtlDesign) -> tuple[Proof, ...]:
        first, *rest = real(design)
        return (replace(first, counter_examples=(FOUND,)), *rest)

    def full(design: RtlDesign, **_: object) -> None:
        raise DoesNotFit(
            "tiny_jets", part="ecp5-85k", resource="TRELLIS_COMB", needed=90_000,
            available=83_640, hint="prune weights",
        )  # fmt: skip

    monkeypatch.setattr(RtlDesign, "prove", faulty)
    monkeypatch.setattr(RtlDesign, "route", full)
    execute(load_flow(write_flow(tmp_path), overrides=[*QUICK, "rtl.route=true"]), own_run)
    assert first_failure(own_run) == (
        "tiny_jets_fc1 is not proven (products equal the matrix, no width overflows): "
        'node "fc1": sum_0 must be 12, not 11, for x_0 = 3 (others 0)'
    )
    document = read(own_run / "report.json")
    assert not document.certified
    page = (own_run / "report.html").read_text().replace("&#34;", '"')
    assert "must be 12, not 11" in page
    hardware = read_hardware(own_run / "stages/09-implement")
    assert hardware.routing is None
    assert hardware.misfit == (
        'design "tiny_jets" does not fit ecp5-85k: it needs 90,000 TRELLIS_COMB, and there are '
        "83,640; prune weights"
    )
    assert hardware.misfit in page


@pytest.mark.slow
def test_routed_design_has_a_frequency_and_fits(own_run: Path, tmp_path: Path) -> None:
    execute(load_flow(write_flow(tmp_path), overrides=["rtl.route=true"]), own_run)
    hardware = read_hardware(own_run / "stages/09-implement")
    assert hardware.routing is not None
    assert hardware.misfit is None
    assert hardware.routing.met
    period_ns = 1000 / hardware.routing.fmax.value
    assert hardware.routing.logic.value + hardware.routing.wiring.value == pytest.approx(
        period_ns, rel=1e-3
    )
    assert hardware.routing.latency.value == pytest.approx(
        (hardware.latency_cycles + 1) * period_ns
    )
    assert all(0 < row.share < 1 for row in hardware.routing.utilization)
    assert "After place and route on ecp5-85k" in (own_run / "report.html").read_text()
