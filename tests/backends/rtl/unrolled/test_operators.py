from pathlib import Path

import numpy as np
import pytest

from netwright.backends.rtl import rtl
from netwright.backends.rtl.cells.affine import Affine
from netwright.backends.rtl.cells.builder import LayerBuilder
from netwright.backends.rtl.unrolled.operators import OPERATORS
from netwright.ir import SPECS, Node, interpret
from netwright.verify import bit_exact
from tests.backends.hls.graphs import Build, stimuli
from tests.backends.rtl.graphs import limited_channels, needs_verilator, needs_yosys


def constants(values: np.ndarray) -> np.ndarray:
    array = np.empty(values.shape, dtype=object)
    array.flat = [Affine(None, offset=int(value)) for value in values.flat]
    return array


REQUANTIZE = {
    "multiplier": (3, -5), "offset": (1,), "shift": 2, "axis": 1, "rounding": "half-away",
    "low": -9, "high": 20, "zero_point": 2,
}  # fmt: skip


ENDS = {"low": (-2, 3), "high": (5, 3), "axis": 1}


@pytest.mark.parametrize(
    ("op", "attrs", "shapes"),
    [
        ("Add", {}, [(2, 3), (2, 3)]),
        ("Concat", {"axis": 1}, [(2, 3), (1, 3)]),
        ("Limit", {**ENDS, "overflow": "saturate"}, [(2, 3)]),
        ("Limit", {**ENDS, "overflow": "wrap"}, [(2, 3)]),
        ("MatMul", {}, [(2, 3), (3, 4), (4,)]),
        ("Relu", {}, [(2, 3)]),
        ("Resize", {"factors": (2, 3)}, [(2, 2, 3)]),
        ("Requantize", REQUANTIZE, [(2, 3)]),
        ("Reshape", {"shape": (1, 6)}, [(2, 3)]),
        ("Sign", {"offset": (-1,)}, [(2, 3)]),
        ("Slice", {"axis": 2, "start": 1, "stop": 5, "step": 2}, [(2, 6)]),
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


@needs_verilator
@pytest.mark.tool("g++")
@pytest.mark.parametrize("reuse_factor", [None, 2])
@pytest.mark.parametrize("overflow", ["saturate", "wrap"])
def test_intervals_of_channels_are_those_of_the_graph(
    tmp_path: Path, overflow: str, reuse_factor: int | None
) -> None:
    graph = limited_channels(overflow)
    rows = 0.125 * np.random.default_rng(0).integers(-400, 400, (400, 6))  # beyond the input, too
    design = rtl(reuse_factor=reuse_factor).generate(graph, tmp_path / "out")
    found = bit_exact(graph, design, rows)
    assert (found.identical, found.rows) == (400, 400)


@needs_yosys
@pytest.mark.parametrize("overflow", ["saturate", "wrap"])
def test_intervals_of_channels_are_proven(tmp_path: Path, overflow: str) -> None:
    design = rtl().generate(limited_channels(overflow), tmp_path / "out")
    assert {proof.verdict for proof in design.prove_elements()} == {"proven"}
    path = design.root / "net_matmul_1.v"
    right = {"saturate": ".HIGH(64'sd15)", "wrap": "X_SIGNED(1), .Y_BITS(4)"}[overflow]
    wrong = {"saturate": ".HIGH(64'sd14)", "wrap": "X_SIGNED(1), .Y_BITS(3)"}[overflow]
    text = path.read_text()
    assert right in text
    path.write_text(text.replace(right, wrong, 1))
    assert any(proof.verdict == "refuted" for proof in design.prove_elements())


@needs_verilator
@needs_yosys
def test_a_tensor_without_axes(tmp_path: Path) -> None:
    build = Build("scalar")
    total = build.dense(build.quantize((3,), bits=4), 1, bits=3, bias_bits=4)
    alone = build.add("Reshape", (total,), {"shape": (1,)})
    moved = build.requantize(alone, bits=4, shift=2, signed=True, multiplier=(3,), offset=(1,))
    graph = build.graph(build.add("Relu", (moved,)), moved)
    for backend in (rtl(), rtl(reuse_factor=1)):
        design = backend.generate(graph, tmp_path / "out")
        assert np.array_equal(
            design.run(stimuli(graph, 50))[moved], interpret(graph, stimuli(graph, 50))[moved]
        )
    assert all(proof.holds for proof in rtl().generate(graph, tmp_path / "one").prove_elements())
