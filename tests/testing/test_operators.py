"""Our own operators, and one that does nearly everything wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
from tests.ir.ops import test_approximate, test_bank

from netwright.formats import E2M1, NVFP4, Int, OutlierPairs
from netwright.ir import SPECS
from netwright.ir.ops.format_quant import number_text
from netwright.ir.spec import Bounds
from netwright.testing import OperatorCase, OperatorSuite

RANDOM = np.random.default_rng(3)
WINDOW = {"kernel": (2, 3), "strides": (2, 1), "pads": (1, 0, 0, 2)}
CLAMP = {"low": -5, "high": 6, "zero_point": 1, "rounding": "half-even"}
QUANT = {
    "scale": (0.5,), "axis": None, "bits": 4, "signed": 1, "narrow": 0, "zero_point": 0,
    "rounding": "half-even",
}  # fmt: skip


def codes(*shape: int) -> np.ndarray:
    return RANDOM.integers(-6, 7, shape)


def case(op: str, *inputs: tuple[int, ...], constants: tuple = (), **attributes: object):  # type: ignore[no-untyped-def]
    return OperatorCase(SPECS[op], inputs, constants, attributes)


CONV = {"strides": (2, 1), "pads": (1, 0, 2, 1), "dilations": (1, 2), "group": 2}
UP = {"strides": (2, 3), "pads": (1, 0, 0, 1), "dilations": (1, 2), "output_padding": (1, 2)}
NORM = (np.array([0.5, 2.0]), np.array([1.0, 0.0]), np.array([0.0, 1.0]), np.array([1.0, 4.0]))

CASES = (
    case("MatMul", (3, 4), constants=(codes(4, 2), codes(2))),
    case("Conv", (4, 5, 6), constants=(codes(6, 2, 3, 2), codes(6)), **CONV),
    case("ConvTranspose", (4, 3, 2), constants=(codes(4, 3, 2, 2), codes(6)), **UP, group=2),
    case("Lookup", (3,), constants=(codes(3, 2, 22),), first=-9),
    case("Add", (2, 3), (2, 3)),
    case("Add", (2, 3), constants=(codes(2, 1),)),
    case("Mul", (2, 3), constants=(np.array([0.5]),)),
    case("BatchNormalization", (2, 3, 3), constants=NORM, epsilon=(1e-5,)),
    case("Relu", (2, 3)),
    OperatorCase(
        SPECS["Function"], ((2, 3),), attributes={"name": "leaky_relu", "parameter": (0.1,)}
    ),
    case("Clip", (2, 3), low=(-1.5,), high=(2.0,)),
    case("Sign", (2, 3), offset=(1,), axis=None),
    case("Softmax", (2, 3), axis=1),
    case("Limit", (2, 3), low=(-2, 0), high=(3, 5), overflow="saturate", axis=1),
    case("Limit", (2, 3), low=(-2,), high=(5,), overflow="wrap", axis=None),
    case("MaxPool", (2, 5, 6), **WINDOW),
    case("SumPool", (2, 5, 6), **WINDOW),
    case("AveragePool", (2, 5, 6), **WINDOW),
    case("Reshape", (2, 3), shape=(1, 6)),
    case("Transpose", (2, 3, 4), order=(0, 3, 1, 2)),
    case("Resize", (2, 3, 4), factors=(2, 3)),
    case("Resize", (2, 3), factors=(2,)),
    case("Concat", (2, 3), (4, 3), axis=1),
    case("Slice", (2, 7), axis=2, start=1, stop=6, step=2),
    case("Slice", (3, 2, 4), axis=1, start=2, stop=3, step=1),
    case("Quant", (2, 3), **QUANT),
    case("BipolarQuant", (2, 3), scale=(0.5,), axis=None),
    case("Trunc", (2, 3), bits=4, signed=1, narrow=0, rounding="floor", scale=(1.0,),
         output_scale=(4.0,), shift=2, axis=None),
    case("Quantize", (2, 3), scale=(0.5,), axis=None, **CLAMP),
    case("FormatQuant", (2, 4), number=number_text(OutlierPairs()), scale=(0.5,), axis=None),
    case("FormatQuant", (16, 2), number=number_text(NVFP4), scale=(0.5, 2.0), axis=2,
         group_axis=1),
    case("FormatQuant", (3,), number=number_text(E2M1), scale=(1.5,), axis=None),
    case("FormatQuantize", (2, 4), number=number_text(OutlierPairs()), scale=(0.5,), axis=None),
    case("FormatCodes", (2, 4), number=number_text(OutlierPairs()), shift=1),
    case("FormatCodes", (2, 3), number=number_text(Int(2)), shift=2),
    case("Dequantize", (2, 3), scale=(0.5, 0.25), axis=1),
    case("Div", (2, 3), constants=(np.array([0.5]),)),
    case("LayerNormalization", (2, 3), constants=(codes(3), codes(3)), epsilon=(1e-5,)),
    case("RMSNormalization", (2, 3), constants=(codes(3),), epsilon=(1e-5,)),
    case("RotaryEmbedding", (4, 6), constants=(codes(4, 2), codes(4, 2)), pairs="halves"),
    case("Attention", (4, 3, 8), (2, 5, 8), (2, 5, 3), scale=(0.1,), causal=1, mask="add"),
    case("BatchMatMul", (2, 3, 4), (2, 4, 5)),
    case("BatchMatMul", (3, 4), (4, 2)),
    case("MaskedSoftmax", (2, 3), constants=(np.array([1.0, 0.0, 1.0]),), axis=2),
    case("Requantize", (2, 3), multiplier=(3, -5), offset=(1, 7), shift=2, axis=1, **CLAMP),
)  # fmt: skip


class TestOurs(OperatorSuite):
    cases = CASES


def test_every_operator_is_tested() -> None:
    """Rows of tables are codes of their own range: tests/ir/ops/test_gather.py."""
    own = (*test_approximate.TestSuite.cases, *test_bank.TestSuite.cases)
    assert {case.spec.name for case in (*CASES, *own)} | {"Gather"} == set(SPECS)


RELU = SPECS["Relu"]
CONV_SPEC = SPECS["Conv"]
WRONG = {
    "test_the_shape_rule_says_what_is_made": replace(RELU, shape=lambda node, shapes: (1, 7)),
    "test_rows_stay_apart": replace(RELU, execute=lambda node, inputs: inputs[0] - inputs[0][:1]),
    "test_integers_are_exact_in_every_arithmetic": replace(
        RELU, execute=lambda node, inputs: inputs[0] // 2 + inputs[0] % 2 * (inputs[0].dtype == int)
    ),
    "test_bounds_hold_every_result": replace(
        RELU, bounds=lambda node, limits, values: Bounds(0, 3, 3)
    ),
    "test_bounds_grow_with_those_of_the_inputs": replace(
        RELU, bounds=lambda node, limits, values: Bounds(limits[0].high - 30, 30, 30)
    ),
    "test_what_keeps_values_makes_no_new_ones": replace(
        RELU, keeps_values=True, execute=lambda node, inputs: inputs[0] + 100
    ),
    "test_einsums_do_the_work_that_is_counted": replace(RELU, einsums=None),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_operator_fails(name: str) -> None:
    class Wrong(OperatorSuite):
        cases: ClassVar = (OperatorCase(WRONG[name], ((2, 3),)),)

    with pytest.raises(AssertionError):
        getattr(Wrong(), name)()


def test_a_wrong_count_of_multiplications_fails() -> None:
    class Wrong(OperatorSuite):
        cases: ClassVar = (replace(CASES[1], spec=replace(CONV_SPEC, macs=lambda node, shapes: 1)),)

    with pytest.raises(AssertionError):
        Wrong().test_einsums_do_the_work_that_is_counted()


def test_no_cases_are_no_test() -> None:
    with pytest.raises(AssertionError, match="name the uses to test"):
        OperatorSuite().test_rows_stay_apart()
