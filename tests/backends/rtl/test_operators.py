import numpy as np
import pytest

from netwright.backends.rtl.affine import Affine
from netwright.backends.rtl.builder import LayerBuilder
from netwright.backends.rtl.operators import OPERATORS
from netwright.ir import SPECS, Node


def constants(values: np.ndarray) -> np.ndarray:
    array = np.empty(values.shape, dtype=object)
    array.flat = [Affine(None, offset=int(value)) for value in values.flat]
    return array


REQUANTIZE = {
    "multiplier": (3, -5), "offset": (1,), "shift": 2, "axis": 1, "rounding": "half-away",
    "low": -9, "high": 20, "zero_point": 2,
}  # fmt: skip


@pytest.mark.parametrize(
    ("op", "attrs", "shapes"),
    [
        ("Add", {}, [(2, 3), (2, 3)]),
        ("Concat", {"axis": 1}, [(2, 3), (1, 3)]),
        ("MatMul", {}, [(2, 3), (3, 4), (4,)]),
        ("Relu", {}, [(2, 3)]),
        ("Requantize", REQUANTIZE, [(2, 3)]),
        ("Reshape", {"shape": (1, 6)}, [(2, 3)]),
        ("Sign", {"offset": (-1,)}, [(2, 3)]),
        ("Transpose", {"order": (0, 2, 1)}, [(2, 3)]),
    ],
)
def test_constants_are_computed_as_the_interpreter_does(
    op: str, attrs: dict, shapes: list[tuple[int, ...]]
) -> None:
    """Constants take the way of wires, without cells: the shapes and figures must agree."""
    random = np.random.default_rng(2)
    values = [random.integers(-9, 9, shape) for shape in shapes]
    node = Node("n", op, tuple("abc"[: len(shapes)]), "y", attrs)
    layer = LayerBuilder("l", None)
    found = OPERATORS[op](node, [constants(value) for value in values], layer, "n")
    batched = [value if op == "MatMul" and i else value[None] for i, value in enumerate(values)]
    expected = SPECS[op].execute(node, batched)[0]
    assert found.shape == expected.shape
    assert [value.interval for value in found.flat] == [(v, v) for v in expected.flat]
    assert layer.cells == []
