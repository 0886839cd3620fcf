from dataclasses import replace
from pathlib import Path

import pytest

from netwright.backends.rtl import RtlDesign, rtl
from netwright.backends.rtl.proof.adder_proof import Proof, prove
from netwright.backends.rtl.proof.layer_specification import claim_wire
from netwright.errors import BackendError
from tests.backends.hls.graphs import Build, jet_tagger


@pytest.fixture
def design(tmp_path: Path) -> RtlDesign:
    build = Build("tiny")
    weights = build.constant([[3], [-5]])
    product = build.add("MatMul", (build.quantize((2,), bits=3), weights))
    return rtl(adders_per_stage=1).generate(build.graph(product), tmp_path / "out")


def edit(design: RtlDesign, old: str, new: str) -> None:
    path = design.root / "tiny_matmul_1.v"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_all_products_of_a_network_are_proven(tmp_path: Path) -> None:
    proofs = rtl().generate(jet_tagger(4), tmp_path / "out").prove()
    assert [proof.products for proof in proofs] == [64, 32, 32, 5]
    assert all(proof.holds and proof.adders > 50 for proof in proofs)


def test_a_wrong_sign_gives_a_counter_example_in_numbers(design: RtlDesign) -> None:
    assert all(proof.holds for proof in design.prove())
    text = (design.root / "tiny_matmul_1.v").read_text()
    last = text.rindex("SUBTRACT(")
    flipped = "SUBTRACT(0)" if text[last + 9] == "1" else "SUBTRACT(1)"
    (design.root / "tiny_matmul_1.v").write_text(text[:last] + flipped + text[last + 11 :])
    (proof,) = design.prove()
    wrong = proof.counter_examples[-1]
    x, y = (wrong.inputs[f"quantize_0_out_{i}"] for i in range(2))
    (claim,) = design.circuit.layers[0].claims
    assert abs(wrong.expected - claim.offset) == abs(3 * x - 5 * y)
    assert wrong.got != wrong.expected
    assert f"must be {wrong.expected}, not {wrong.got}, for" in str(wrong)


def test_a_wire_too_narrow_is_found(design: RtlDesign) -> None:
    text = (design.root / "tiny_matmul_1.v").read_text()
    bits = int(text.split("SUM_BITS(")[-1].split(")")[0])
    edit(design, f"SUM_BITS({bits})", f"SUM_BITS({bits - 1})")
    (proof,) = design.prove()
    assert not proof.holds


def test_a_wire_that_nothing_makes(design: RtlDesign) -> None:
    (claim,) = design.circuit.layers[0].claims
    edit(design, f".sum({claim.wire})", ".sum(other)")
    with pytest.raises(BackendError):
        design.prove()


def test_a_sum_with_itself_of_negative_values_is_proven(tmp_path: Path) -> None:
    build = Build("tiny")
    weights = build.constant([[-3], [-5]])
    product = build.add("MatMul", (build.quantize((2,), bits=3, signed=False), weights))
    shifted = build.add("Add", (product, build.constant([[-9]])))
    twice = build.add("Add", (shifted, shifted))
    graph = build.graph(build.requantize(twice, multiplier=(3,), bits=6, signed=True, shift=6))
    design = rtl(adders_per_stage=1).generate(graph, tmp_path / "out")
    proofs = design.prove()
    assert all(proof.holds for proof in proofs), [str(proof) for proof in proofs]


def test_a_wire_that_is_wider_than_its_adder_matters_only_for_negative_values(
    tmp_path: Path,
) -> None:
    build = Build("tiny")
    weights = build.constant([[3], [5]])
    product = build.add("MatMul", (build.quantize((2,), bits=3, signed=False), weights))
    design = rtl(adders_per_stage=1).generate(build.graph(product), tmp_path / "out")
    (claim,) = design.circuit.layers[0].claims
    wire = claim_wire(claim)
    bits, largest = wire.bits, wire.interval[1]
    edit(design, f"wire [{bits - 1}:0] {claim.wire};", f"wire [{bits}:0] {claim.wire};")
    assert all(proof.holds for proof in design.prove())
    edit(design, f"wire [{bits}:0] {claim.wire};", f"wire [{bits - 2}:0] {claim.wire};")
    (proof,) = design.prove()
    (wrong,) = proof.counter_examples
    assert (wrong.expected, wrong.got) == (largest, largest - (1 << (bits - 1)))


def test_a_layer_without_products_proves_nothing(design: RtlDesign) -> None:
    layer = replace(design.circuit.layers[0], claims=())
    with pytest.raises(BackendError, match="tiny_matmul_1 has no product, so there is nothing"):
        prove(layer, "")
    assert not Proof("tiny", 0, 0, ()).holds
