from __future__ import annotations

import numpy as np
import pytest

from netwright.errors import GraphError
from netwright.ir import SPECS, HostArithmetic, Node
from netwright.testing import OperatorCase, OperatorSuite

RANDOM = np.random.default_rng(0)
GAIN, OFFSET = RANDOM.normal(size=(2, 6))
SETTINGS = {"exp_terms": 4, "tanh_terms": 3, "newton_steps": 2, "root_steps": 1, "bits": 16}


class TestSuite(OperatorSuite):
    cases = (
        OperatorCase(SPECS["ApproximateFunction"], ((3, 6),), (), {"name": "silu"}),
        OperatorCase(SPECS["ApproximateFunction"], ((5,),), (), {"name": "exp", **SETTINGS}),
        OperatorCase(SPECS["ApproximateSoftmax"], ((3, 6),), (), {"axis": 1}),
        OperatorCase(
            SPECS["ApproximateLayerNormalization"], ((3, 6),), (GAIN, OFFSET), {"epsilon": (0.1,)}
        ),
        OperatorCase(
            SPECS["ApproximateRMSNormalization"], ((2, 3),), (), {"epsilon": (0.1,), "axis": 1}
        ),
    )  # fmt: skip


def run(op: str, values: list[np.ndarray], **attrs: object) -> np.ndarray:
    node = Node("n", op, tuple("xgo"[: len(values)]), "y", attrs)  # type: ignore[arg-type]
    return SPECS[op].execute(node, values)


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "silu", "exp", "reciprocal", "inverse_root"])
def test_a_function_is_that_of_the_arithmetic_that_the_node_says(name: str) -> None:
    x = np.abs(RANDOM.normal(size=(2, 50))) + 0.1
    host = HostArithmetic(exp_terms=3, newton_steps=1)
    made = run("ApproximateFunction", [x], name=name, exp_terms=3, newton_steps=1)
    assert np.array_equal(made, getattr(host, name)(x.astype(np.float32)).astype(np.float64))


@pytest.mark.parametrize(
    ("op", "inputs", "attrs"),
    [
        ("Softmax", 1, {"axis": 1}),
        ("LayerNormalization", 3, {"epsilon": (1e-3,), "axis": -1}),
        ("RMSNormalization", 2, {"epsilon": (1e-3,), "axis": 1}),
    ],
)
def test_normalizations_are_near_what_they_are_named_after(
    op: str, inputs: int, attrs: dict[str, object]
) -> None:
    x = RANDOM.normal(size=(3, 4, 6)) * 3
    vectors = [RANDOM.normal(size=x.shape[1:] if attrs["axis"] == 1 else 6) for _ in range(2)]
    values = [x, *vectors][:inputs]
    np.testing.assert_allclose(
        run(f"Approximate{op}", values, **attrs), run(op, values, **attrs), atol=1e-5
    )


def test_settings_out_of_range_are_refused_with_the_node() -> None:
    node = Node("n", "ApproximateFunction", ("x",), "y", {"name": "exp", "exp_terms": 40})
    with pytest.raises(GraphError, match=r'node "n": exp_terms must be from 1 to 12, not 40'):
        SPECS["ApproximateFunction"].shape(node, [(1, 3)])
