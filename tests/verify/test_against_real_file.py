"""Files of real values against the graphs that were read from them."""

from __future__ import annotations

import numpy as np
import pytest

from netwright.errors import ConfigError, NotExecutable, VerificationError
from netwright.ir import Graph, Node, TensorType
from netwright.ir.interpret import Values
from netwright.verify import compare_real_file, compare_recognized

KIND = TensorType((1, 2))
ATTRS = {"name": "exp", "parameter": (0.0,)}
GRAPH = Graph(
    "g", ("x",), ("y",), (Node("n", "Function", ("x",), "y", ATTRS),), {"x": KIND, "y": KIND}, {}
)
ROWS = np.random.default_rng(0).normal(size=(100, 2))


class File:
    """A file that gives the exponential with an error of its own."""

    name = "f.onnx"

    def __init__(self, error: float, *, wide: bool = True) -> None:
        self.error, self.wide = error, wide

    def taken(self, inputs: Values) -> Values:
        """Rows in float32."""
        return np.asarray(inputs).astype(np.float32).astype(np.float64)

    def run(self, inputs: Values, *, precision: str = "file") -> tuple[np.ndarray, ...]:
        """Outputs; those in float64 have no rounding."""
        values = np.exp(np.asarray(inputs))
        if precision == "file":
            return (values.astype(np.float32).astype(np.float64) * (1 + self.error),)
        if not self.wide:
            raise NotExecutable("no float64 here")
        return (values * (1 + self.error),)


def test_what_is_rounded_in_the_file_is_measured_and_no_fault() -> None:
    found = compare_real_file(GRAPH, File(0.0), ROWS)
    assert found.holds
    assert found.apart == 0
    assert 0 < found.in_file < 1e-7
    assert "computed in float64" in found.sentence


def test_another_meaning_is_found_below_the_rounding_of_float32() -> None:
    found = compare_real_file(GRAPH, File(1e-8), ROWS)
    assert not found.holds
    assert found.close < 100
    assert found.first is not None
    assert "differ by" in found.first


def test_where_float64_cannot_be_had_a_wider_limit_decides_and_says_so() -> None:
    assert compare_real_file(GRAPH, File(1e-5, wide=False), ROWS).holds
    found = compare_real_file(GRAPH, File(1e-2, wide=False), ROWS)
    assert not found.holds
    assert "not computed in float64: no float64 here" in found.sentence


def test_nothing_is_no_agreement() -> None:
    with pytest.raises(ConfigError, match="has no rows"):
        compare_real_file(GRAPH, File(0.0), ROWS[:0])
    with (
        pytest.raises(VerificationError, match="nothing but NaN and infinity"),
        np.errstate(all="ignore"),
    ):
        compare_real_file(GRAPH, File(0.0), np.full((2, 2), 1e4))


def test_the_same_infinity_is_the_same_and_finite_rows_are_compared() -> None:
    rows = np.concatenate([ROWS[:5], np.full((1, 2), 1e4)])
    with np.errstate(all="ignore"):
        assert compare_real_file(GRAPH, File(0.0), rows).close == 6
        assert not compare_real_file(GRAPH, File(1e-2, wide=False), rows).holds


@pytest.mark.parametrize(
    ("root", "holds"), [(float(np.float32(np.sqrt(2))), True), (1.4142, False)]
)
def test_recognized_operators_may_differ_by_constants_of_float32_only(
    root: float, holds: bool
) -> None:
    scaled, inner = dict(ATTRS, name="erf"), TensorType((1, 2))
    nodes = (
        Node("m", "Mul", ("x", "k"), "u", {}),
        Node("e", "Function", ("u",), "y", scaled),
    )
    types = {"x": KIND, "u": inner, "y": KIND, "k": TensorType(())}
    written = Graph("g", ("x",), ("y",), nodes, types, {"k": np.array(1 / root)})
    exact = Graph("g", ("x",), ("y",), nodes, types, {"k": np.array(1 / np.sqrt(2))})
    found = compare_recognized(exact, written, ROWS)
    assert found.holds is holds
    assert found.apart > 0
    assert "from what the file writes out" in found.sentence
    with pytest.raises(ConfigError, match="has no rows"):
        compare_recognized(exact, written, ROWS[:0])
