from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.errors import GraphError
from netwright.formats import Bipolar, Int, Rounding, round_real
from netwright.ir import (
    Graph,
    Interpreter,
    Node,
    TensorType,
    bounds,
    interpret,
    spec_of,
)
from tests.ir import naive
from tests.ir.ops.harness import alone, check_node, every_code
from tests.toys import requantize

MODES = tuple(Rounding)


@pytest.mark.parametrize("mode", MODES)
def test_requantize_per_channel_equals_the_definition(mode: Rounding) -> None:
    rng = np.random.default_rng(0)
    attrs = {
        "multiplier": (3, -5, 8), "offset": (0, 7, -2), "shift": 4, "rounding": mode,
        "low": -6, "high": 5, "zero_point": 2, "axis": 1,
    }  # fmt: skip
    codes = rng.integers(-16, 16, (200, 3, 2))
    graph = alone(requantize("r", "q", "y", **{**attrs, "rounding": str(mode)}), width=(3, 2))
    limit = check_node(graph, codes, naive.requantize(codes, **attrs))
    assert (limit.low, limit.high) == (-8, 3)


@pytest.mark.parametrize("mode", MODES)
def test_requantize_at_every_tie_of_either_sign(mode: Rounding) -> None:
    codes = np.arange(-16, 16).reshape(-1, 1)
    graph = alone(requantize("r", "q", "y", shift=2, rounding=str(mode)), width=(1,))
    wanted = naive.requantize(
        codes, multiplier=(1,), offset=(0,), shift=2, rounding=mode, low=-99, high=99
    )
    check_node(graph, codes, wanted)


@given(
    multiplier=st.integers(-9, 9),
    offset=st.integers(-20, 20),
    shift=st.integers(0, 4),
    low=st.integers(-5, 0),
    high=st.integers(0, 5),
)
def test_requantize_bounds_are_sound_and_within_one_of_tight(
    multiplier: int, offset: int, shift: int, low: int, high: int
) -> None:
    """Bounds do not know the rounding mode: floor below, ceiling above."""
    attrs = {"multiplier": (multiplier,), "offset": (offset,), "shift": shift}
    codes = every_code(-4, 3, 1)
    limit = None
    for mode in MODES:
        node = requantize("r", "q", "y", **attrs, rounding=str(mode), low=low, high=high)
        wanted = naive.requantize(codes, **attrs, rounding=mode, low=low, high=high)
        limit = check_node(alone(node, width=(1,), bits=3), codes, wanted)
        assert limit.low >= int(wanted.min()) - 1
        assert limit.high <= int(wanted.max()) + 1
        if mode is Rounding.FLOOR:
            assert limit.low == int(wanted.min())
        if mode is Rounding.CEIL:
            assert limit.high == int(wanted.max())


def test_products_that_an_offset_brings_back_are_exact() -> None:
    """The sum fits float64, the product before it does not: the carrier must know."""
    factor = 2**50 + 1
    node = requantize("r", "q", "y", multiplier=(factor,), offset=(-127 * factor,), low=1 - 2**53)
    graph = alone(node, width=(1,), bits=8, result=Int(64))
    quantize = graph.node("quantize")
    graph = graph.with_node(replace(quantize, attrs={**quantize.attrs, "low": 120}))
    codes = np.arange(120, 128).reshape(-1, 1)
    assert Interpreter.of(graph).carrier == np.int64
    found = Interpreter.of(graph).run(codes.astype(float))["y"]
    assert found.ravel().tolist() == [(code - 127) * factor for code in range(120, 128)]


@pytest.mark.parametrize("offsets", [(0,), (3, -3)])
def test_sign_equals_the_definition(offsets: tuple[int, ...]) -> None:
    codes = every_code(-4, 3, 2)
    node = Node("s", "Sign", ("q",), "y", {"offset": offsets, "axis": 1})
    wanted = np.where(codes + np.array(offsets) >= 0, 1, -1)
    check_node(alone(node, width=(2,), bits=3, result=Int(2)), codes, wanted)


def test_sign_makes_bipolar_codes() -> None:
    node = Node("s", "Sign", ("q",), "y", {"offset": (0,)})
    graph = alone(node, width=(2,), bits=3).with_type("y", TensorType((1, 2), Bipolar()))
    assert set(interpret(graph, np.array([[-1.0, 0.0]]))["y"].ravel()) == {-1, 1}


def test_nothing_else_makes_bipolar_codes() -> None:
    graph = alone(Node("r", "Relu", ("q",), "y"), width=(2,), bits=3)
    with pytest.raises(GraphError) as caught:
        bounds(graph.with_type("y", TensorType((1, 2), Bipolar())))
    assert str(caught.value) == (
        'node "r": "y" takes values from 0 to 3, which bipolar does not allow'
    )


def real_graph(node: Node, *, width: int) -> Graph:
    types = {name: TensorType((1, width)) for name in ("x", "y")}
    return Graph("g", ("x",), ("y",), (node,), types, {})


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("signed", "narrow"), [(1, 0), (1, 1), (0, 0), (0, 1)])
def test_quant_lies_on_the_grid_of_its_format(mode: Rounding, signed: int, narrow: int) -> None:
    rng = np.random.default_rng(0)
    scale, dtype = np.array([0.25, 0.3]), Int(3, bool(signed), bool(narrow))
    attrs = {
        "scale": tuple(scale), "axis": 1, "bits": 3, "signed": signed, "narrow": narrow,
        "rounding": str(mode), "zero_point": 1,
    }  # fmt: skip
    inputs = np.concatenate([rng.normal(size=(100, 2)) * 2, [[0.125, 0.15], [-0.375, -0.45]]])
    wanted = np.clip(round_real(inputs / scale + 1, mode), dtype.min, dtype.max) - 1
    found = interpret(real_graph(Node("n", "Quant", ("x",), "y", attrs), width=2), inputs)["y"]
    np.testing.assert_allclose(found, wanted * scale, rtol=1e-15)


def test_bipolar_quant_and_signed_one_bit_quant_agree() -> None:
    inputs = np.array([[-0.1, 0.0, 7.0]])
    bipolar = Node("n", "BipolarQuant", ("x",), "y", {"scale": (0.5,)})
    one_bit = Node(
        "n", "Quant", ("x",), "y",
        {"scale": (0.5,), "bits": 1, "signed": 1, "rounding": "half-even"},
    )  # fmt: skip
    for node in (bipolar, one_bit):
        assert interpret(real_graph(node, width=3), inputs)["y"].tolist() == [[-0.5, 0.5, 0.5]]


@pytest.mark.parametrize("mode", [Rounding.FLOOR, Rounding.HALF_EVEN])
def test_trunc_drops_low_bits_of_the_codes(mode: Rounding) -> None:
    attrs = {
        "bits": 4, "signed": 1, "rounding": str(mode), "scale": (0.5,), "output_scale": (2.0,),
        "shift": 2,
    }  # fmt: skip
    inputs = np.arange(-40, 40).reshape(-1, 1) * 0.5
    found = interpret(real_graph(Node("n", "Trunc", ("x",), "y", attrs), width=1), inputs)["y"]
    wanted = np.clip(round_real(inputs * 2 / 4, mode), -8, 7) * 2.0
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"axis": 2}, "axis must be from 0 to 1, not 2"),
        ({"axis": -1}, "axis must be from 0 to 1, not -1"),
        ({"shift": 63}, "shift must be from 0 to 62, not 63"),
        ({"shift": -1}, "shift must be from 0 to 62, not -1"),
        ({"low": 3, "high": 2}, "low (3) must not exceed high (2)"),
        (
            {"multiplier": (1, 2), "axis": 1},
            "multiplier must hold 1 or 3 values along axis 1, not 2",
        ),
        ({"offset": (1, 2)}, "offset must hold 1 or 1 values along axis None, not 2"),
        ({"offset": (-(1 << 63) - 1,)}, "offset must fit 64 bits, not take 65"),
        ({"multiplier": (1 << 200,)}, "multiplier must fit 64 bits, not take 202"),
    ],
)
def test_attributes_that_do_not_fit_are_named(changed: dict, message: str) -> None:
    node = requantize("r", "q", "y", **changed)
    with pytest.raises(GraphError) as caught:
        spec_of(node).shape(node, [(1, 3)])
    assert str(caught.value) == f'node "r": {message}'


def test_input_codes_beyond_53_bits_are_refused() -> None:
    attrs = {"scale": (1.0,), "rounding": "floor", "low": 0, "high": 1 << 54}
    node = Node("n", "Quantize", ("x",), "y", attrs)
    with pytest.raises(GraphError) as caught:
        spec_of(node).shape(node, [(1, 3)])
    assert str(caught.value) == (
        f'node "n": codes from 0 to {1 << 54} must fit 53 bits, as real values do'
    )
