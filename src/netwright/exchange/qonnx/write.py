"""Graphs to QONNX files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import netwright
from netwright.errors import NumericsError, require
from netwright.exchange.onnx.vocabulary import (
    DIGEST_KEY,
    FLOAT_KEY,
    HEAD_KEY,
    IR_VERSION,
    OPSET,
    PATTERN_KEY,
    QONNX_DOMAIN,
    QONNX_OPSET,
    QUANT_DOMAIN,
    QUANT_OPSET,
    VERSION_KEY,
)
from netwright.exchange.qonnx.format_functions import without_functions
from netwright.exchange.qonnx.patterns import patterns_text
from netwright.exchange.qonnx.precision import (
    FLOAT32_BITS,
    FLOAT64_BITS,
    is_float32,
    significand_bits,
)
from netwright.exchange.qonnx.write_nodes import OnnxBuilder, write_node
from netwright.files import write_atomic
from netwright.ir import Graph, Node, check
from netwright.passes import realize

_QUANTIZERS = frozenset({"Quant", "BipolarQuant", "Trunc", "FormatQuant"})


def write_qonnx(
    graph: Graph,
    path: str | Path,
    *,
    batch: int = 1,
    double: bool | None = None,
    head: bool = False,
    rounded: bool = False,
    dense: bool = False,
) -> Path:
    """Write `graph` to a QONNX file; equal graphs give equal bytes.

    A graph in the integer form is first written with quantizers on real values
    (:func:`netwright.passes.realize`), which changes no integer. Every quantizer appears as an
    ``IntQuant`` or ``BipolarQuant`` node. The metadata names the package version, the digest of
    `graph`, its head, the float format and the patterns of zeros of the constants, which are
    written dense.

    Args:
        graph: A graph in either form.
        path: Where the file shall be.
        batch: Extent of the batch axis.
        double: Write float64 tensors everywhere (true), nowhere (false), or where float32 would not
            hold every value exactly and float64 does (``None``).
        head: Also write the softmax that `graph` leaves to the host.
        rounded: Write float32 also where sums need more bits than it has, as exporters do; what
            executes the file rounds them then.

        dense: Write standard operators in the place of quantizers to formats that QONNX does not
            know, for tools without functions. Such a file is executed, but not read again as what
            it was; otherwise their nodes say what they are, and functions in the file do it.

    Returns:
        `path`.

    Raises:
        NumericsError: A value cannot be written exactly, or a rounding has no QONNX name.
        RunError: The file cannot be written.
    """
    path = Path(path)
    quantized = realize(graph).graph if graph.is_integer else check(graph)
    softmax = re.fullmatch(r"softmax(?: on axis (\d+))?", graph.head) if head else None
    if softmax is not None:
        quantized = _with_softmax(quantized, int(softmax[1] or -1))
    wide = wide_inputs(quantized, otherwise=False)
    if not rounded:
        wide = wide_tensors(quantized, double=double)
    model = build_model(quantized, wide=wide, batch=batch, digest=graph.digest)
    if dense:
        model = without_functions(require("onnx", extra="qonnx", purpose="writing QONNX"), model)
    return write_atomic(
        path, lambda stream: stream.write(model.SerializeToString(deterministic=True))
    )


def build_model(graph: Graph, *, wide: frozenset[str], batch: int, digest: str) -> Any:
    """The ONNX model of a quantized graph.

    Args:
        graph: A graph in the quantized form.
        wide: Tensors to write as float64; see :func:`wide_tensors`.
        batch: Extent of the batch axis.
        digest: Digest to store.
    """
    onnx = require("onnx", extra="qonnx", purpose="writing QONNX")
    builder = OnnxBuilder(graph, wide, batch)
    for name in graph.inputs:
        builder.shapes[name], builder.elements[name] = builder.shape(name), name in wide
    for node in graph.nodes:
        write_node(builder, node)

    def described(name: str) -> Any:
        kind = onnx.TensorProto.DOUBLE if builder.elements[name] else onnx.TensorProto.FLOAT
        kind = builder.int64 if name in builder.integers else kind
        return onnx.helper.make_tensor_value_info(name, kind, builder.shapes[name])

    ends = {*graph.inputs, *graph.outputs}
    made = onnx.helper.make_graph(
        builder.nodes,
        graph.name,
        [described(name) for name in graph.inputs],
        [described(name) for name in dict.fromkeys(graph.outputs)],
        initializer=[
            onnx.numpy_helper.from_array(np.asarray(value), name)
            for name, value in builder.initializers.items()
        ],
        value_info=[described(name) for name in builder.shapes if name not in ends],
    )
    opsets = [
        onnx.helper.make_opsetid("", OPSET),
        onnx.helper.make_opsetid(QONNX_DOMAIN, QONNX_OPSET),
    ]
    if builder.functions:
        opsets.append(onnx.helper.make_opsetid(QUANT_DOMAIN, QUANT_OPSET))
    model = onnx.helper.make_model(
        made,
        opset_imports=opsets,
        producer_name="netwright",
        functions=list(builder.functions.values()),
    )
    model.ir_version = IR_VERSION
    model.producer_version = netwright.__version__
    properties = {
        VERSION_KEY: netwright.__version__,
        DIGEST_KEY: digest,
        HEAD_KEY: graph.head,
        FLOAT_KEY: _float_format(builder),
    }
    patterns = patterns_text(graph)
    if patterns:
        properties[PATTERN_KEY] = patterns
    onnx.helper.set_model_props(model, properties)
    return model


def wide_tensors(graph: Graph, *, double: bool | None) -> frozenset[str]:
    """The tensors of a quantized graph that are written as float64.

    Raises:
        NumericsError: A quantizer makes more than 24 bits, or float32 was asked for and is not
            exact.
    """
    bits = significand_bits(graph)
    made_by = graph.producers
    for name, width in bits.items():
        quantizer = name in made_by and made_by[name].op in _QUANTIZERS
        if quantizer and width is not None and width > FLOAT32_BITS:
            raise NumericsError(
                f"the quantizer makes {width} significant bits; QONNX executors keep "
                f"{FLOAT32_BITS}, as float32",
                tensor=name,
                hint="use a narrower quantizer",
            )
    wide: set[str] = set()
    for name, value in graph.constants.items():
        if double or not is_float32(value):
            wide.add(name)
    wide.update(wide_inputs(graph, otherwise=bool(double)))
    for node in graph.nodes:
        if node.op in _QUANTIZERS:
            continue
        width = bits[node.output]
        needs = width is not None and FLOAT32_BITS < width <= FLOAT64_BITS
        if double or needs or any(name in wide for name in node.inputs):
            wide.add(node.output)
    if double is False and wide:
        worst = sorted(wide)[0]
        raise NumericsError("float32 does not hold every value", tensor=worst, hint="omit double")
    return frozenset(wide)


def wide_inputs(graph: Graph, *, otherwise: bool) -> frozenset[str]:
    """The inputs of a quantized graph that must be float64.

    Args:
        graph: A graph in the quantized form.
        otherwise: Whether an input is where its quantizers do not name a precision.

    Raises:
        NumericsError: A quantizer of an input computes in neither float32 nor float64, or two
            quantizers of one input differ in that.
    """
    found = set()
    for name in graph.inputs:
        named = {node.text("precision") for node in _readers(graph, name)}
        if len(named) > 1 or "float16" in named:
            raise NumericsError(
                f"is quantized in {' and '.join(sorted(named))}; QONNX files are written with "
                "float32 or float64 inputs",
                tensor=name,
            )
        if named == {"float64"} or (not named and otherwise):
            found.add(name)
    return frozenset(found)


def _readers(graph: Graph, name: str) -> Iterator[Node]:
    """The quantizers with a precision that an input reaches, moved, scaled or clipped."""
    waiting, seen = [name], {name}
    while waiting:
        for node in graph.consumers[waiting.pop()]:
            if "precision" in node.attrs:
                yield node
            elif node.op not in _QUANTIZERS and node.output not in seen:
                seen.add(node.output)
                waiting.append(node.output)


def _float_format(builder: OnnxBuilder) -> str:
    formats = {"float64" if wide else "float32" for wide in builder.elements.values()}
    return "mixed" if len(formats) > 1 else formats.pop()


def _with_softmax(graph: Graph, axis: int) -> Graph:
    logits = graph.outputs[0]
    name = f"{logits}_softmax"
    node = Node(name, "Softmax", (logits,), name, {"axis": axis})
    return Graph(
        name=graph.name,
        inputs=graph.inputs,
        outputs=(node.output,),
        nodes=(*graph.nodes, node),
        types={**graph.types, node.output: graph.types[logits]},
        constants=graph.constants,
        notes=graph.notes,
    )
