"""Every operator in every room: it is done, or refused by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from netwright.backends.cpu.executor import make_executor, packed_weights
from netwright.backends.hls import translation
from netwright.backends.rtl.unrolled import layers as lowering
from netwright.errors import NetwrightError
from netwright.exchange import write_qonnx
from netwright.formats import Bipolar, Int, OutlierPairs
from netwright.ir import (
    SPECS,
    Graph,
    Node,
    TensorType,
    bounds,
    check,
    interpret,
    operators,
    spec_of,
)
from netwright.ir.einsums.einsum import MapOp, ReduceOp
from netwright.ir.einsums.functions import UnaryOp
from netwright.ir.einsums.lower import Operand
from netwright.ir.graph import AttrValue
from netwright.ir.ops.format_quant import number_text
from netwright.ir.spec import Category
from netwright.passes import integerize, realize
from netwright.workload import from_graph

SHAPE = (1, 2, 4, 4)
BYTE = Int(8)
WINDOW = {"kernel": (2, 2), "strides": (2, 2), "pads": (0, 0, 0, 0)}
QUANT = {
    "scale": (0.5,), "axis": None, "bits": 8, "signed": 1, "narrow": 0, "zero_point": 0,
    "rounding": "half-even",
}  # fmt: skip
CLAMP = {"low": -128, "high": 127, "zero_point": 0, "rounding": "half-even"}

ATTRIBUTES: dict[str, dict[str, AttrValue]] = {
    "Conv": {"strides": (1, 1), "pads": (0, 0, 0, 0), "dilations": (1, 1), "group": 1},
    "ConvTranspose": {"strides": (2, 2), "pads": (0, 0, 0, 0), "dilations": (1, 1), "group": 1,
                      "output_padding": (0, 0)},
    "Resize": {"factors": (2, 2)},
    "MaxPool": WINDOW, "SumPool": WINDOW, "AveragePool": WINDOW,
    "BatchNormalization": {"epsilon": (1e-5,)},
    "Clip": {"low": (-1.0,), "high": (1.0,)},
    "Concat": {"axis": 1},
    "Limit": {"low": (-2,), "high": (3,), "overflow": "saturate", "axis": None},
    "Function": {"name": "leaky_relu", "parameter": (0.1,)},
    "Lookup": {"first": -128},
    "Reshape": {"shape": (1, 32)},
    "Transpose": {"order": (0, 2, 3, 1)},
    "Sign": {"offset": (0,), "axis": None},
    "Slice": {"axis": 2, "start": 1, "stop": 4, "step": 2},
    "Quant": QUANT,
    "BipolarQuant": {"scale": (1.0,), "axis": None},
    "Trunc": {"bits": 4, "signed": 1, "narrow": 0, "rounding": "floor", "scale": (0.5,),
              "output_scale": (2.0,), "shift": 2, "axis": None},
    "Quantize": {"scale": (0.5,), "axis": None, **CLAMP},
    "FormatQuant": {"number": number_text(OutlierPairs()), "scale": (0.5,), "axis": None},
    "FormatCodes": {"number": number_text(OutlierPairs()), "shift": 1},
    "FormatQuantize": {"number": number_text(OutlierPairs()), "scale": (0.5,), "axis": None},
    "Dequantize": {"scale": (0.5,), "axis": None},
    "LayerNormalization": {"epsilon": (1e-5,), "axis": -1},
    "RMSNormalization": {"epsilon": (1e-6,), "axis": -1},
    "RotaryEmbedding": {"pairs": "halves"},
    "Attention": {"scale": (0.5,), "causal": 1, "mask": "add"},
    "BankMatMul": {"lanes": 16, "piece": 1024, "sum_bits": 32},
    "BankAttention": {"scale": (0.5,), "causal": 1, "mask": "add"},
    "ApproximateFunction": {"name": "silu"},
    "ApproximateLayerNormalization": {"epsilon": (1e-5,), "axis": -1},
    "ApproximateRMSNormalization": {"epsilon": (1e-6,), "axis": -1},
    "Requantize": {"multiplier": (1,), "offset": (0,), "shift": 2, "axis": None,
                   "low": -16, "high": 15, "zero_point": 0, "rounding": "half-even"},
}  # fmt: skip

CONSTANTS: dict[str, tuple[tuple[int, ...], ...]] = {
    "MatMul": ((4, 3),),
    "BankMatMul": ((4, 3),),
    "Conv": ((3, 2, 2, 2),),
    "ConvTranspose": ((2, 3, 2, 2),),
    "Mul": ((1,),),
    "BatchNormalization": ((2,), (2,), (2,), (2,)),
    "Lookup": ((32, 3, 256),),
    "LayerNormalization": ((4,), (4,)),
    "RMSNormalization": ((4,),),
    "ApproximateLayerNormalization": ((4,), (4,)),
    "ApproximateRMSNormalization": ((4,),),
    "RotaryEmbedding": ((4, 2), (4, 2)),
    "Gather": ((5, 3),),
    "Attention": (),
    "BankAttention": (),
    "BatchMatMul": (),
    "MaskedSoftmax": ((4, 4),),
}


OTHER_OPERANDS = {
    "Add": 1,
    "Concat": 1,
    "Div": 1,
    "Attention": 2,
    "BankAttention": 2,
    "BatchMatMul": 1,
}


def _looked_up(integer: bool) -> Graph:
    """Rows of a table at places that are an input."""
    number = BYTE if integer else TensorType(()).dtype
    types = {"x": TensorType((1, 2), Int(2, signed=False)), "k": TensorType((4, 3), number)}
    types["y"] = TensorType((1, 2, 3), number)
    constants = {"k": np.ones((4, 3), np.int64 if integer else np.float64)}
    return Graph(
        "sample", ("x",), ("y",), (Node("n", "Gather", ("x", "k"), "y"),), types, constants
    )


def sample(op: str, *, integer: bool) -> Graph:
    """A graph in which the operator reads a quantized input."""
    flat = op == "Lookup"
    shape = (1, 32) if flat else SHAPE
    types = {"x": TensorType(shape), "c": TensorType(shape)}
    if op == "Gather":
        return _looked_up(integer)
    if op == "FormatQuantize":
        types = {"x": TensorType(SHAPE), "y": TensorType(SHAPE, OutlierPairs(), (0.5,))}
        node = Node("n", op, ("x",), "y", ATTRIBUTES[op])
        return Graph("sample", ("x",), ("y",), (node,), types, {})
    if op == "Dequantize":
        types = {"x": TensorType(SHAPE, BYTE, (0.5,)), "y": TensorType(SHAPE)}
        node = Node("n", op, ("x",), "y", ATTRIBUTES[op])
        return Graph("sample", ("x",), ("y",), (node,), types, {})
    if integer:
        types["c"] = TensorType(shape, BYTE, (0.5,))
    quantizer = "Quantize" if integer else "Quant"
    scale = (1.0,) if flat and not integer else (0.5,)  # tables are indexed by codes
    attrs = {**ATTRIBUTES[quantizer], "scale": scale}
    first = Node("q", quantizer, ("x",), "c", attrs)
    constants, names, nodes = {}, ["c"], [first]
    for number, extents in enumerate(CONSTANTS.get(op, ())):
        name = f"k{number}"
        constants[name] = np.ones(extents, np.int64 if integer else np.float64)
        types[name] = TensorType(extents, BYTE if integer else TensorType(()).dtype)
        if not integer and SPECS[op].category == "product":
            nodes.append(Node(f"q{name}", "Quant", (name,), f"{name}q", QUANT))
            types[f"{name}q"] = TensorType(extents)
            name = f"{name}q"
        names.append(name)
    names += ["c"] * OTHER_OPERANDS.get(op, 0)
    if op in ("Quant", "Quantize"):
        node = first
        nodes = []
    else:
        node = Node("n", op, tuple(names), "y", ATTRIBUTES.get(op, {}))
    made = spec_of(node).shape(node, [types[name].shape for name in node.inputs])
    number = Bipolar() if op == "Sign" else Int(24)
    types[node.output] = TensorType(made, number, (0.5,)) if integer else TensorType(made)
    return Graph("sample", ("x",), (node.output,), (*nodes, node), types, constants)


FORMS = [
    (name, form == "integer")
    for name, spec in SPECS.items()
    for form in ("quantized", "integer")
    if spec.form in (form, "both")
]


def rooms(integer: bool, folder: Path) -> dict[str, Callable[[Graph], object]]:
    found: dict[str, Callable[[Graph], object]] = {
        "interpret": lambda g: interpret(g, np.ones((2, *g.types["x"].shape[1:]))),
        "cpu": lambda g: make_executor(g, packed_weights(g)).run(
            np.ones((2, *g.types["x"].shape[1:]))
        ),
        "workload": from_graph,
        "write_qonnx": lambda g: write_qonnx(g, folder / "g.onnx"),
    }
    if not integer:
        return {**found, "integerize": integerize}
    return {
        **found,
        "realize": realize,
        "bounds": bounds,
        "rtl": lambda g: lowering.lower(g, adders_per_stage=None, max_operations=10**6),
        "hls": lambda g: translation.lower(g, "io_parallel"),
    }


@pytest.mark.parametrize(("op", "integer"), FORMS)
def test_every_room_does_an_operator_or_refuses_it_by_name(
    op: str, integer: bool, tmp_path: Path
) -> None:
    graph = check(sample(op, integer=integer))
    said = {room: _refusal(action, graph) for room, action in rooms(integer, tmp_path).items()}
    done = {room for room, text in said.items() if text is None}
    if graph.nodes[-1].op == "Quantize" or spec_of(graph.nodes[-1]).category == "view":
        nothing = 'graph "sample" leaves nothing to compute in firmware'
        said = {room: text for room, text in said.items() if nothing not in (text or "")}
    assert [(room, text) for room, text in said.items() if text and op not in text] == []
    assert {"interpret", "workload", "cpu"} <= done


def _refusal(action: Callable[[Graph], object], graph: Graph) -> str | None:
    try:
        action(graph)
    except NetwrightError as error:
        return str(error)
    return None


def test_every_operator_is_of_a_category_and_none_is_empty() -> None:
    assert {spec.category for spec in SPECS.values()} == set(get_args(Category))
    assert operators(*get_args(Category)) == frozenset(SPECS)
    assert operators("product", "lookup") == {
        "MatMul", "BankMatMul", "Conv", "ConvTranspose", "Lookup"
    }  # fmt: skip


@pytest.mark.parametrize("op", SPECS)
def test_every_operator_says_its_einsums_or_is_a_view(op: str) -> None:
    spec = SPECS[op]
    graph = sample(op, integer=spec.form == "integer")
    assert spec.einsums is not None or spec.category == "view"
    if spec.einsums is None:
        return
    node = graph.producers["c" if op in ("Quant", "Quantize") else "y"]
    sources = [Operand(name, graph.types[name].shape) for name in node.inputs]
    made = spec.einsums(node, sources, Operand(node.output, graph.types[node.output].shape))
    assert (made[-1].name.split(".")[0], made[-1].output.tensor) == (node.name, node.output)
    for einsum in made:
        assert einsum.map_op in get_args(MapOp)
        assert set(einsum.unary) <= set(get_args(UnaryOp))
        assert einsum.reduce_op in get_args(ReduceOp)
    shapes = [graph.types[name].shape for name in node.inputs]
    assert sum(einsum.num_macs for einsum in made) == spec.macs(node, shapes)


@pytest.mark.parametrize("op", sorted(name for name, spec in SPECS.items() if spec.keeps_values))
def test_what_keeps_values_makes_no_new_ones(op: str) -> None:
    graph = sample(op, integer=SPECS[op].form == "integer")
    x = np.random.default_rng(1).integers(-9, 9, (3, *SHAPE[1:])) * 0.5
    (made,) = interpret(graph, x).values()
    assert set(np.unique(made)) <= set(np.unique(x))
