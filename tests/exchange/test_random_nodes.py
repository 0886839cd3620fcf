"""Nodes whose inputs, constants and attributes do not fit: errors of ours, never others."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, defs, helper, numpy_helper

from netwright.errors import NetwrightError
from netwright.exchange import read_qonnx
from netwright.exchange.qonnx.rules import REAL_RULES
from netwright.ir import Interpreter
from netwright.passes import recognize

INTEGERS = ([1], [0], [-1], [1, 2], [0, -1], [], [1 << 40], [0, 1, 2, 3], [1, -1, 4])
ATTRIBUTES: dict[str, tuple[Any, ...]] = {
    "INT": (0, 1, -1, 2, 7, 1 << 40),
    "FLOAT": (0.0, -1.0, 0.5, 1e30, float("nan"), float("inf")),
    "STRING": ("", "none", "SAME_UPPER", "nearest", "edge", "bti,tij->bij"),
    "INTS": ([1], [0, 0], [-1, 3], [1, 2, 3], [0, 2, 1], [1 << 40], [1, 1, 1, 1]),
    "FLOATS": ([1.0], [1.0, 2.0]),
}


def constant(drawn: random.Random, values: np.random.Generator) -> np.ndarray[Any, Any]:
    shape = tuple(drawn.choice((0, 1, 1, 2, 3, 4, 8)) for _ in range(drawn.randrange(5)))
    kinds = (
        lambda: np.array(drawn.choice(INTEGERS), np.int64),
        lambda: values.normal(size=shape).astype(np.float32),
        lambda: values.integers(-3, 9, shape),
        lambda: values.random(shape) < 0.5,
        lambda: np.array(drawn.choice((0, 1, np.inf, -np.inf, np.nan)), np.float32),
        lambda: values.integers(0, 255, shape).astype(np.uint8),
    )
    return drawn.choice(kinds)()


def model(drawn: random.Random, values: np.random.Generator) -> Any:
    """A file of one node, or two; ``None`` where ONNX itself cannot write it."""
    name = drawn.choice(sorted(REAL_RULES[""]))
    version = drawn.choice((9, 11, 13, 16, 18, 21, 23))
    schema = defs.get_schema(name)
    inputs, read, held = {}, [], {}
    for place in range(drawn.randint(min(schema.min_input, 1), min(schema.max_input, 5))):
        if place == 0 or drawn.random() < 0.3:
            kind = drawn.choice((*[TensorProto.FLOAT] * 5, TensorProto.INT64, TensorProto.BOOL))
            shape = ["N", *(drawn.choice((1, 2, 3, 4)) for _ in range(drawn.randrange(5)))]
            inputs.setdefault(drawn.choice("xz"), (kind, shape))
            read.append(drawn.choice(sorted(inputs)))
        else:
            read.append(drawn.choice((f"c{place}",) * 8 + ("",)))
            held |= {f"c{place}": constant(drawn, values)}
    attrs = {
        key: drawn.choice(ATTRIBUTES[attribute.type.name])
        for key, attribute in schema.attributes.items()
        if attribute.type.name in ATTRIBUTES and drawn.random() < 0.5
    }
    nodes = [helper.make_node(name, read, ["a"], **attrs)]
    nodes.append(helper.make_node(drawn.choice(("Relu", "Softmax", "Identity")), ["a"], ["y"]))
    inputs = inputs or {"x": (TensorProto.FLOAT, ["N", 4])}
    graph = helper.make_graph(
        nodes, "g",
        [helper.make_tensor_value_info(n, kind, shape) for n, (kind, shape) in inputs.items()],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(array, key) for key, array in held.items()],
    )  # fmt: skip
    opsets = [helper.make_opsetid("", version)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def test_whatever_does_not_fit_is_an_error_of_ours(tmp_path: Path) -> None:
    drawn, values, path = random.Random(4), np.random.default_rng(4), tmp_path / "model.onnx"
    read = 0
    for _ in range(150):
        onnx.save(model(drawn, values), path)
        for reals in ({}, None):
            with contextlib.suppress(NetwrightError):
                graph = read_qonnx(path, reals=reals)
                read += 1
                graph = graph if reals is None else recognize(graph)
                rows = {n: np.ones((2, *graph.types[n].shape[1:])) for n in graph.inputs}
                Interpreter.of(graph).run(rows)
    assert 20 < read < 250
