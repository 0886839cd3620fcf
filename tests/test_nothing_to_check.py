"""No verdict holds of nothing: every type that says so, found in the source, says no when empty."""

import ast
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import netwright
from netwright.backends.rtl.proof.adder_proof import Proof
from netwright.backends.rtl.proof.formal import ElementProof, prove_checks
from netwright.errors import BackendError, VerificationError
from netwright.report import CertificateRow, LayerProof
from netwright.verify import Equivalence, Stimulus, certify, corners
from tests.backends.hls.graphs import Build

VERDICTS = ("holds", "identical")


def verdicts() -> set[str]:
    """Every class of the package with a property that says whether something holds."""
    found = set()
    for path in Path(netwright.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                own = {f.name for f in node.body
                       if isinstance(f, ast.FunctionDef) and f.decorator_list}  # fmt: skip
                found |= {f"{node.name}.{name}" for name in own & set(VERDICTS)}
    return found


def _row() -> CertificateRow:
    return CertificateRow(stage="s", against="graph", stimuli="none", num_rows=0, num_identical=0)


def _certificate() -> object:
    from netwright.report.certificate import Certificate, FirstStage

    first = FirstStage(file="m.onnx", sha256="0", missing="cannot be run")
    return Certificate(first=first, graph="0", rows=(), made_by="0")


def _audit() -> object:
    from netwright.flows.audit import Audit

    return Audit(faults=())


def _outcomes() -> object:
    from netwright.studies.runner import Outcomes
    from netwright.studies.study import Study

    return Outcomes(Study.model_construct(), "quick", ())


def _comparison() -> object:
    from netwright.verify.against_file import FileComparison

    return FileComparison("none", 0, 0, 0, 0, None, None, 0.0, 0.0, None, 0.0)


def _real_comparison() -> object:
    from netwright.verify import RealFileComparison

    return RealFileComparison("none", 0, 0, 0.0, 0.0, 0.0, None, None)


def _depth() -> object:
    from netwright.report.hardware import DepthPoint

    return DepthPoint.model_construct(num_rows=0, num_identical=0)


def _agreement() -> object:
    from netwright.verify.chip_upsets import Agreement

    return Agreement(0, 0, 0)


def _survival() -> object:
    from netwright.backends.rtl.radiation.mapped import Survival

    return Survival(0, 4, 4, 0, ())


def _same() -> object:
    from netwright.backends.rtl.radiation.equivalence import SameDesign

    return SameDesign(0, 0)


def _words() -> object:
    from netwright.backends.rtl.chip.reference import WordComparison

    return WordComparison(0, 0)


EMPTY: dict[str, Callable[[], object]] = {
    "Agreement.holds": _agreement,
    "Audit.holds": _audit,
    "Certificate.holds": _certificate,
    "CertificateRow.holds": _row,
    "CertificateRow.identical": _row,
    "DepthPoint.identical": _depth,
    "ElementProof.holds": lambda: ElementProof("n", 0, "undecided"),
    "Equivalence.holds": lambda: Equivalence("c", "s", 0, 0, None, 0.0),
    "FileComparison.holds": _comparison,
    "LayerProof.holds": lambda: LayerProof(layer="l", method="m", what="w", num_proven=0),
    "Outcomes.holds": _outcomes,
    "Proof.holds": lambda: Proof("layer", 0, 0, ()),
    "RealFileComparison.holds": _real_comparison,
    "SameDesign.holds": _same,
    "Survival.holds": _survival,
    "WordComparison.holds": _words,
}
"""The value of every type that checked nothing."""


def test_every_verdict_of_the_package_is_known_here() -> None:
    assert verdicts() == EMPTY.keys()


@pytest.mark.parametrize("name", EMPTY)
def test_nothing_checked_never_holds(name: str) -> None:
    assert getattr(EMPTY[name](), name.partition(".")[2]) is False


def test_comparisons_of_nothing_are_refused() -> None:
    build = Build("net")
    graph = build.graph(build.dense(build.quantize((2,)), 1))
    with pytest.raises(VerificationError, match='graph "net" has no candidate to be compared with'):
        certify(graph, {}, [corners(graph)])
    interpreter = netwright.ir.Interpreter.of(graph)
    empty = Stimulus("none", np.empty((0, 2)))
    for stimuli in ([], [empty]):
        with pytest.raises(VerificationError, match="no stimulus has a row to compare it with"):
            certify(graph, {"it": interpreter}, stimuli)


def test_proofs_of_nothing_are_refused(tmp_path: Path) -> None:
    from netwright.backends import rtl

    with pytest.raises(BackendError, match="there is no element to prove"):
        prove_checks((), (), folder=tmp_path, timeout_s=1.0)
    build = Build("net")
    source = build.quantize((2,), bits=3)
    design = rtl().generate(build.graph(build.add("Relu", (source,))), tmp_path / "out")
    with pytest.raises(BackendError, match='"net" has no product of variables with weights'):
        design.prove()
