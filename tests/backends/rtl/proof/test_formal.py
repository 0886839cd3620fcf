import re
from collections import Counter
from pathlib import Path
from random import Random

import numpy as np
import pytest

from netwright.backends import rtl
from netwright.backends.rtl import RtlDesign
from netwright.backends.rtl.proof import formal
from netwright.backends.rtl.proof.formal import Check, _proof, checks, prove_checks
from netwright.backends.rtl.proof.grid import grid
from netwright.errors import BackendError, MissingExtra, ToolFailed
from netwright.formats import Rounding
from netwright.ir import Graph
from tests.backends.hls.graphs import Build, jet_tagger
from tests.backends.rtl.graphs import (
    every_other_operator,
    images,
    needs_yosys,
    pooled_sums,
    signals,
    two_layers,
)


def planted(design: RtlDesign, file: str, old: str, new: str) -> None:
    path = design.root / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@needs_yosys
def test_everything_behind_the_products_is_proven_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    design = rtl(adders_per_stage=2).generate(two_layers(), tmp_path / "out")
    told: list[tuple[float, float, str]] = []
    proofs = design.prove_elements(progress=lambda *step: told.append(step))
    assert Counter(proof.node for proof in proofs) == {"requantize_2": 5, "matmul_3": 3}
    assert {proof.verdict for proof in proofs} == {"proven"}
    assert told == [(0, 8, "elements"), (8, 8, "elements")]
    monkeypatch.setattr(formal, "_solve", lambda *arguments: pytest.fail("was asked again"))
    assert design.prove_elements() == proofs


@needs_yosys
def test_sums_moves_signs_wraps_and_constants(tmp_path: Path) -> None:
    design = rtl().generate(every_other_operator(), tmp_path / "out")
    assert {proof.verdict for proof in design.prove_elements()} == {"proven"}


def wide_requantizer(rounding: str) -> Graph:
    build = Build("wide")
    source = build.quantize((1,), bits=16)
    return build.graph(build.requantize(source, bits=8, shift=5, rounding=rounding))


@needs_yosys
@pytest.mark.parametrize(
    ("rounding", "file", "old", "new"),
    [
        ("half-even", "half_even.v", "quotient[0] & (|x_wide[SHIFT-1:0])", "quotient[0]"),
        ("half-up", "shifter.v", "x_wide[SHIFT+:Y_BITS]", "x_wide[SHIFT+1+:Y_BITS]"),
        ("half-away", "sign_offset.v", "negative ? below", "!negative ? below"),
        ("floor", "clamp.v", "below ? low[Y_BITS-1:0] :", "below ? high[Y_BITS-1:0] :"),
    ],
)
def test_a_planted_fault_gives_numbers(
    tmp_path: Path, rounding: str, file: str, old: str, new: str
) -> None:
    graph = wide_requantizer(rounding)
    design = rtl().generate(graph, tmp_path / "out")
    assert [proof.verdict for proof in design.prove_elements()] == ["proven"]
    planted(design, f"library/{file}", old, new)
    (proof,) = design.prove_elements()
    assert proof.verdict == "refuted"
    example = proof.counter_example
    assert example is not None
    assert example.node == "requantize_1[0]"
    assert list(example.inputs) == ["quantize_0_out_0"]
    code = example.inputs["quantize_0_out_0"]
    rounded = np.clip(round_exactly(code, rounding), 0, 255)
    assert example.expected == rounded != example.got
    assert str(example) == (
        f'node "requantize_1[0]": {example.wire} must be {example.expected}, not {example.got}, '
        f"for {f'quantize_0_out_0 = {code}' if code else 'zeros'} (others 0)"
    )


def round_exactly(code: int, rounding: str) -> int:
    from netwright.ir.rounding import round_shift

    return int(round_shift(np.array([code]), 5, Rounding(rounding))[0])


@needs_yosys
@pytest.mark.parametrize("seed", range(6))
def test_sums_of_one_product_in_any_order_are_proven(tmp_path: Path, seed: int) -> None:
    """Adders make several multiples of one product, of which a question must not speak apart."""
    random = Random(seed)
    build = Build("tiny")
    weights = build.constant([[random.choice((-6, -3, 2, 4, 7))] for _ in range(3)])
    known = [build.add("MatMul", (build.quantize((3,), bits=3, signed=False), weights))]
    for _ in range(3):
        known.append(build.add("Add", (random.choice(known), random.choice(known))))
    graph = build.graph(build.requantize(known[-1], multiplier=(3,), bits=6, signed=True, shift=5))
    design = rtl(adders_per_stage=random.choice((1, 4))).generate(graph, tmp_path / "out")
    proofs = design.prove_elements()
    assert all(proof.holds for proof in proofs), [str(proof) for proof in proofs]


@needs_yosys
def test_a_wrong_constant_in_the_emitted_text(tmp_path: Path) -> None:
    design = rtl().generate(two_layers(), tmp_path / "out")
    planted(design, "tiny_matmul_3.v", ".OFFSET(-64'sd", ".OFFSET(-64'sd1")
    verdicts = Counter(proof.verdict for proof in design.prove_elements())
    assert verdicts["refuted"] >= 1


def test_a_wire_that_is_missing(tmp_path: Path) -> None:
    design = rtl().generate(two_layers(), tmp_path / "out")
    layer = design.circuit.layers[0]
    text = (design.root / f"{layer.name}.v").read_text()
    with pytest.raises(BackendError) as caught:
        list(checks(design.graph, layer, text.replace("assign requantize", "assign other")))
    assert str(caught.value) == (
        'the text of tiny_matmul_1 does not make the output "requantize_2_out"'
    )


def question(text: str) -> Check:
    return Check("node", 0, "wire", text, {"w0": "x"})


OK = "  input wire [1:0] w0, output wire signed [1:0] expected, output wire signed [1:0] got,\n"
OK += "  output wire assumed, output wire ok);\n  assign expected = 0; assign got = w0;\n"
OK += "  assign assumed = {assumed}; assign ok = {ok};\nendmodule\n"


@needs_yosys
def test_equal_questions_are_asked_once(tmp_path: Path) -> None:
    good, bad = (question(OK.format(ok=ok, assumed="w0 != 0")) for ok in ("1'b1", "w0 != 2"))
    told: list[tuple[float, float, str]] = []
    proofs = prove_checks(
        [good, bad, good], [], folder=tmp_path, timeout_s=60.0,
        progress=lambda *step: told.append(step),
    )  # fmt: skip
    assert [proof.verdict for proof in proofs] == ["proven", "refuted", "proven"]
    assert told == [(0, 2, "elements"), (2, 2, "elements")]
    assert proofs[1].counter_example is not None
    assert dict(proofs[1].counter_example.inputs) == {"x": 2}
    assert len((tmp_path / "proven.txt").read_text().split()) == 1  # a fault is never kept


@needs_yosys
def test_verilog_that_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(ToolFailed) as caught:
        prove_checks([question("nonsense")], [], folder=tmp_path, timeout_s=60.0)
    assert "syntax error" in caught.value.log_tail
    assert not (tmp_path / "proven.txt").exists()


@needs_yosys
def test_a_proof_about_nothing_is_refused(tmp_path: Path) -> None:
    nothing = question(OK.format(ok="1'b1", assumed="w0 > 3"))
    with pytest.raises(BackendError) as caught:
        prove_checks([nothing], [], folder=tmp_path, timeout_s=60.0)
    assert caught.value.message == (
        "what is assumed of wire holds for no input, so it proves nothing"
    )
    assert (tmp_path / "proven.txt").read_text() == ""


def test_a_solver_that_gives_up() -> None:
    answer = f"Interrupted SAT solver: TIMEOUT!\n{formal.POSSIBLE}"
    assert _proof(question("text"), answer).verdict == "undecided"
    with pytest.raises(BackendError, match="no numbers in the counter-example to wire"):
        _proof(question("text"), f"{formal.REFUTED}\n{formal.POSSIBLE}")


def test_without_pyosys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formal, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match="formal proof needs the package"):
        prove_checks([], [], folder=tmp_path, timeout_s=1.0)


@needs_yosys
def test_a_part_of_the_grid(tmp_path: Path) -> None:
    graph = grid(5, shifts=(2,), limits=((0, 7),))
    proofs = rtl(adders_per_stage=None).generate(graph, tmp_path / "out").prove_elements()
    assert Counter(p.node.rpartition("_")[0] for p in proofs) == {
        **{mode.value: 2 for mode in Rounding},
        "floor": 3,
        "relu": 1,
        "sign": 3,
        "wrap": 9,
    }
    assert {proof.verdict for proof in proofs} == {"proven"}


@pytest.mark.slow
@needs_yosys
def test_every_requantizer_of_a_jet_tagger(tmp_path: Path) -> None:
    design = rtl().generate(jet_tagger(6), tmp_path / "out")
    proofs = design.prove_elements()
    assert len(proofs) == 64 + 32 + 32 + 5
    assert {proof.verdict for proof in proofs} == {"proven"}
    assert all(proof.holds for proof in design.prove())


@needs_yosys
@pytest.mark.parametrize("graph", [images(), signals(), pooled_sums()], ids=lambda g: g.name)
def test_everything_behind_convolutions_and_pooling_is_proven(tmp_path: Path, graph: Graph) -> None:
    design = rtl().generate(graph, tmp_path / "out")
    assert all(proof.holds for proof in design.prove())
    proofs = design.prove_elements()
    assert {proof.verdict for proof in proofs} == {"proven"}
    sizes = {b.tensor: len(b.elements) for layer in design.circuit.layers for b in layer.outputs}
    made = Counter(proof.node for proof in proofs)
    assert all(made[graph.producers[name].name] >= size for name, size in sizes.items())


@needs_yosys
@pytest.mark.parametrize(
    ("old", "new"), [(r"\.a\((\w+)\), \.b\(\w+\)", r".a(\1), .b(\1)"), ("maximum #", "minimum #")]
)
def test_a_fault_in_a_pooling_is_found(tmp_path: Path, old: str, new: str) -> None:
    design = rtl().generate(pooled_sums(), tmp_path / "out")
    library = design.root / "library" / "maximum.v"
    turned = library.read_text().replace("module maximum", "module minimum")
    library.write_text(
        library.read_text() + turned.replace("? b_wide : a_wide", "? a_wide : b_wide")
    )
    path = design.root / "pooled_conv_1.v"
    path.write_text(re.sub(old, new, path.read_text(), count=1))
    refuted = [proof for proof in design.prove_elements() if proof.verdict == "refuted"]
    assert {proof.node for proof in refuted} == {"requantize_4"}
    example = refuted[0].counter_example
    assert example is not None
    assert example.expected > example.got
