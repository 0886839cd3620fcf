"""Quantizers to any number format, in both forms of a graph."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from netwright.errors import GraphError
from netwright.formats import E2M1, NVFP4, Format, OutlierPairs
from netwright.ir import Graph, Node, TensorType, check, interpret, load, save
from netwright.ir.graph import AttrValue
from netwright.ir.ops.format_quant import format_attributes, format_of, number_text


def one_node(
    attrs: dict[str, AttrValue], shape: tuple[int, ...] = (1, 32), *, op: str = "FormatQuant"
) -> Graph:
    types = {"x": TensorType(shape), "y": TensorType(shape)}
    return Graph("one", ("x",), ("y",), (Node("q", op, ("x",), "y", attrs),), types, {})


@pytest.mark.parametrize("number", [OutlierPairs(), NVFP4, E2M1], ids=str)
@pytest.mark.parametrize("axis", [None, 2])
def test_values_are_the_nearest_of_the_format(number: OutlierPairs, axis: int | None) -> None:
    scale = (0.5,) if axis is None else (0.5, 2.0, 0.1)
    format = Format(number, scale, axis, group_axis=1)
    graph = check(one_node(format_attributes(format), (1, 32, 3)))
    rows = np.random.default_rng(1).standard_t(2, (5, 32, 3))
    assert np.array_equal(interpret(graph, rows)["y"], format.nearest(rows))
    assert format_of(graph.node("q")) == format


def test_a_graph_is_kept_with_formats_of_groups(tmp_path: object) -> None:
    format = Format(OutlierPairs("flint4"), (0.5,), group_axis=0)
    weights = np.array([[1, 0], [0, 24], [16, 8], [2, 3]], np.int64)
    weights[0, 1] = 0
    types = {
        "x": TensorType((1, 4)), "c": TensorType((1, 4), Format(OutlierPairs(), (0.25,))),
        "h": TensorType((1, 4), Format(OutlierPairs(), (0.25,))), "w": TensorType((4, 2), format),
    }  # fmt: skip
    quantize: dict[str, AttrValue] = {
        "scale": (0.125,), "axis": None, "low": -192, "high": 192, "zero_point": 0,
        "rounding": "away-from-zero",
    }  # fmt: skip
    from netwright.formats import Int

    types["c"] = TensorType((1, 4), Format(Int(9), (0.125,)))
    types["y"] = TensorType((1, 2), Int(24))
    nodes = (
        Node("q", "Quantize", ("x",), "c", quantize),
        Node("p", "FormatCodes", ("c",), "h", {"number": number_text(OutlierPairs()), "shift": 1}),
        Node("fc", "MatMul", ("h", "w"), "y"),
    )
    graph = check(Graph("kept", ("x",), ("y",), nodes, types, {"w": weights}))
    made = load(save(graph, f"{tmp_path}/graph.npz"))
    assert made.types == graph.types
    assert made.nodes == graph.nodes
    rows = np.random.default_rng(2).normal(size=(50, 4)) * 9
    codes = Format(OutlierPairs(), (0.25,)).nearest(rows) / 0.25
    assert np.array_equal(interpret(made, rows)["y"], codes.astype(np.int64) @ weights)


def test_the_checker_refuses_extents_and_values_that_do_not_fit() -> None:
    for shape, values, message in (
        ((3, 2), np.zeros((3, 2), np.int64), "int4+e2m1 codes 2 neighbors together, which do not "
         "divide axis 0 of extent 3"),
        ((2, 1), np.array([[16], [7]]), "holds 7, which int4+e2m1 does not allow"),
        ((2, 1), np.array([[9], [0]]), "holds 9, which int4+e2m1 does not allow"),
    ):  # fmt: skip
        kind = TensorType(shape, Format(OutlierPairs(), group_axis=0))
        node = Node("r", "Relu", ("x",), "y")
        types = {"x": TensorType((1, 2)), "y": TensorType((1, 2)), "w": kind}
        with pytest.raises(GraphError, match=re.escape(message)):
            check(Graph("bad", ("x",), ("y",), (node,), types, {"w": values}))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"number": "{"}, "the number format: must be a record as JSON, not '{'"),
        ({"number": "[" * 5000}, "the number format: must be a record as JSON"),
        ({"number": json.dumps({"kind": "x"})}, 'the number format: "x" is not one of the formats'),
        ({"number": json.dumps({"kind": "block-scaled", "group": 16,
                                "element": {"kind": "minifloat", "exponent_bits": 99,
                                            "mantissa_bits": 1}})},
         "the number format: exponent_bits must be an integer from 1 to 8, not 99"),
        ({"number": json.dumps({"kind": "block-scaled", "group": 16, "element": "int8"})},
         "the number format: element of \"block-scaled\" must be NumberFormat, not 'int8'"),
        ({"group_axis": 2}, "the group axis of int4+e2m1 must be from -2 to 1, not 2"),
        ({"group_axis": 0}, "int4+e2m1 codes 2 neighbors together, which do not divide axis 0"),
        ({"scale": (1.0, 2.0)}, "scale must hold 1 values, not 2"),
        ({"scale": (0.0,)}, "attribute scale must be finite and not 0"),
        ({"axis": 5}, "axis must be from 0 to 1, not 5"),
    ],
)  # fmt: skip
def test_attributes_that_say_no_format_are_refused(
    changed: dict[str, AttrValue], message: str
) -> None:
    attrs = format_attributes(Format(OutlierPairs(), (0.5,)))
    with pytest.raises(GraphError, match=re.escape(message)):
        check(one_node({**attrs, **changed}))
