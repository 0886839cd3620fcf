from __future__ import annotations

import numpy as np
import pytest

from netwright.errors import GraphError
from netwright.ir import SPECS, Node
from netwright.testing import OperatorCase, OperatorSuite

torch = pytest.importorskip("torch")
RANDOM = np.random.default_rng(0)
GAIN, OFFSET = RANDOM.normal(size=(2, 6))
WIDE = RANDOM.normal(size=(2, 3, 6))
LAYER, RMS = SPECS["LayerNormalization"], SPECS["RMSNormalization"]


class TestSuite(OperatorSuite):
    cases = (
        OperatorCase(LAYER, ((4, 6),), (GAIN, OFFSET), {"epsilon": (1e-5,), "axis": -1}),
        OperatorCase(LAYER, ((3, 6),), (WIDE[0], WIDE[1]), {"epsilon": (0.1,), "axis": -2}),
        OperatorCase(LAYER, ((6,),), (), {"epsilon": (1e-5,)}),
        OperatorCase(RMS, ((4, 6),), (GAIN,), {"epsilon": (1e-6,)}),
        OperatorCase(RMS, ((6,),), (), {"epsilon": (1e-6,), "axis": 1}),
    )


def test_values_are_those_of_torch() -> None:
    x = RANDOM.normal(3, 5, size=(7, 4, 6))
    node = Node("n", "LayerNormalization", ("x", "g", "b"), "y", {"epsilon": (1e-3,)})
    gain, offset = torch.from_numpy(GAIN), torch.from_numpy(OFFSET)
    wanted = torch.nn.functional.layer_norm(torch.from_numpy(x), (6,), gain, offset, 1e-3)
    np.testing.assert_allclose(LAYER.execute(node, [x, GAIN, OFFSET]), wanted, rtol=1e-12)
    node = Node("n", "RMSNormalization", ("x", "g"), "y", {"epsilon": (1e-3,)})
    wanted = torch.nn.functional.rms_norm(torch.from_numpy(x), (6,), gain, 1e-3)
    np.testing.assert_allclose(RMS.execute(node, [x, GAIN]), wanted, rtol=1e-12)


def test_a_mean_far_from_zero_may_cost_float32_its_digits_and_no_more() -> None:
    """The tolerance grows with what cancels; a wrong epsilon is far outside of it."""
    node = Node("n", "LayerNormalization", ("x",), "y", {"epsilon": (1e-5,)})
    other = Node("n", "LayerNormalization", ("x",), "y", {"epsilon": (2e-3,)})
    for mean in (0.0, 1000.0):
        x = (mean + RANDOM.normal(size=(50, 64))).astype(np.float32).astype(np.float64)
        wanted = LAYER.execute(node, [x])
        allowed = LAYER.tolerance.allowed(node, [x], wanted)
        single = LAYER.execute(node, [x.astype(np.float32)])
        assert (np.abs(single - wanted) <= allowed).all(), mean
        if mean == 0:
            assert not (np.abs(LAYER.execute(other, [x]) - wanted) <= allowed).all()


@pytest.mark.parametrize(
    ("shapes", "attrs", "message"),
    [
        ([(1, 6)], {"epsilon": (1e-5,), "axis": 0}, "axis must be from 1 to 1, or from -1 to -1"),
        ([(1, 6)], {"epsilon": (-1.0,)}, "epsilon must be 0 or more and finite, not -1.0"),
        ([(1, 4, 6), (4, 6)], {"epsilon": (1.0,)}, r"gain must have shape \(6,\), not \(4, 6\)"),
        ([(1, 6), (6,), (5,)], {"epsilon": (1.0,)}, r"offset must have shape \(6,\), not \(5,\)"),
    ],
)
def test_what_does_not_fit_is_said(shapes, attrs, message) -> None:
    node = Node("n", "LayerNormalization", ("x",) * len(shapes), "y", attrs)
    with pytest.raises(GraphError, match=message):
        LAYER.shape(node, shapes)
