from pathlib import Path

import pytest

from netwright.backends.rtl import RtlDesign, rtl
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
    with pytest.raises((BackendError, KeyError)):
        design.prove()
