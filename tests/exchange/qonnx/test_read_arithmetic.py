"""Arithmetic on integers: what ONNX Runtime computes, or a refusal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netwright.errors import GraphError
from netwright.exchange import read_qonnx
from tests.exchange.onnx_files import model, node, saved
from tests.exchange.qonnx.test_read_integer import ROWS, STEP, WEIGHTS, assert_same

BYTES = {"s": STEP, "z": np.int8(0)}
CODES = node("QuantizeLinear", "x s z", "q")
BACK = node("DequantizeLinear", "a s", "y")
WIDE = node("Cast", "q", "w", to=6)
REAL = [node("Cast", "a", "f", to=1), node("Mul", "f s", "y")]
LONG = np.int32


def made(nodes: list[Any], **constants: Any) -> Any:
    return model(nodes, BYTES | constants, shape=(1, 4), opset=14)


@pytest.mark.parametrize(
    ("nodes", "constants", "fault"),
    [
        ([node("Add", "q c", "a"), BACK], {"c": np.int8(1)}, "may reach 128, which wraps in"),
        ([node("Add", "q q", "a"), BACK], {}, "may reach -256, which wraps in integers from -128"),
        ([node("Sub", "q c", "a"), BACK], {"c": np.int8(1)}, "may reach -129, which wraps"),
        ([node("Sub", "c q", "a"), BACK], {"c": np.int8(0)}, "may reach 128, which wraps"),
        ([node("Mul", "q c", "a"), BACK], {"c": np.int8(2)}, "may reach -256, which wraps"),
        ([node("Neg", "q", "a"), BACK], {}, "may reach 128, which wraps"),
        ([node("Div", "q c", "a"), BACK], {"c": np.int8(2)}, "cuts fractions off"),
        ([WIDE, node("Div", "w c", "a"), *REAL], {"c": LONG(3)}, "cuts fractions off"),
        ([WIDE, node("ReduceMean", "w", "a", axes=[1]), *REAL], {}, "cuts fractions off"),
        ([WIDE, node("Mul", "w c", "a"), *REAL], {"c": LONG(1 << 25)}, "may reach -4294967296"),
        (
            [WIDE, node("Add", "w c", "b"), node("Mul", "b c", "a"), *REAL],
            {"c": LONG(1 << 20)},
            "may reach .*, which wraps in integers from -2147483648 to 2147483647",
        ),
        (
            [node("MatMulInteger", "q m", "p"), node("Add", "p c", "a"), *REAL],
            {"m": WEIGHTS, "c": np.full(3, (1 << 31) - 9, LONG)},
            "may reach .*, which wraps",
        ),
        (
            [node("Transpose", "q", "t", perm=[0, 1]), node("Neg", "t", "a"), BACK],
            {},
            "may reach 128",
        ),
    ],
)
def test_integers_that_wrap_or_are_divided_are_refused(
    nodes: list[Any], constants: dict[str, Any], fault: str, tmp_path: Path
) -> None:
    with pytest.raises(GraphError, match=fault) as caught:
        read_qonnx(saved(made([CODES, *nodes], **constants), tmp_path))
    assert 'node "' in str(caught.value)
    assert "dequantize first" in str(caught.value)


@pytest.mark.parametrize(
    ("nodes", "constants"),
    [
        (
            [node("MatMulInteger", "q m", "p"), node("Add", "p c", "a"), *REAL],
            {"m": WEIGHTS, "c": np.array([-900, 7, 31000], LONG)},
        ),
        ([WIDE, node("Sub", "w c", "b"), node("Mul", "b c", "a"), *REAL], {"c": LONG(-7)}),
        ([WIDE, node("Neg", "w", "b"), node("Relu", "b", "a"), *REAL], {}),
        ([WIDE, node("ReduceSum", "w ax", "a", keepdims=1), *REAL], {"ax": np.array([1])}),
        (
            [node("Clip", "q low high", "k"), node("Add", "k high", "a"), BACK],
            {"low": np.int8(-20), "high": np.int8(60)},
        ),
        ([WIDE, node("Add", "w w", "b"), node("Identity", "b", "a"), *REAL], {}),
    ],
)
def test_integers_that_cannot_wrap_are_those_of_onnx_runtime(
    nodes: list[Any], constants: dict[str, Any], tmp_path: Path
) -> None:
    assert_same(made([CODES, *nodes], **constants), tmp_path, ROWS)


def test_dropout_in_training_is_refused(tmp_path: Path) -> None:
    pair = [CODES, node("DequantizeLinear", "q s z", "a"), node("Dropout", "a r t", "y")]
    with pytest.raises(GraphError, match="training_mode of Dropout must be false"):
        read_qonnx(saved(made(pair, r=np.float32(0.5), t=np.bool_(True)), tmp_path))
    assert_same(made(pair, r=np.float32(0.5), t=np.bool_(False)), tmp_path, ROWS)
