"""Likely causes of a difference: hypotheses that explain every wrong row seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from netwright.dtypes import Int, Rounding
from netwright.ir import Array, Graph, Node, spec_of

Values = Mapping[str, Array]

_UNKNOWN = "no single change of rounding, overflow, accumulator width, weight or bias explains it"


def diagnose(
    graph: Graph, node: Node, expected: Values, got: Values, index: tuple[int, ...]
) -> str:
    """Explain why the value at `index` of the node's output differs.

    Every hypothesis is recomputed on all given rows and kept only if it gives the candidate's value
    on each of them.

    Args:
        graph: The reference.
        node: The first node whose result differs.
        expected: The reference's tensors, constants included, for the wrong rows.
        got: The candidate's visible tensors for the same rows.
        index: Index of the value within a row.

    Returns:
        One sentence.
    """
    wanted = _at(got[node.output], index)
    for cause, values in _hypotheses(graph, node, expected, got, index):
        if np.array_equal(_at(values, index), wanted):
            return cause
    producer = graph.producers.get(node.inputs[0])
    hidden = producer is not None and producer.output not in got
    if hidden and producer is not None and producer.op in ("MatMul", "Conv", "SumPool", "Add"):
        for cause, sums in _sum_hypotheses(graph, producer, expected):
            changed = {**expected, producer.output: sums}
            if np.array_equal(_at(_execute(node, changed), index), wanted):
                return cause
    if node.op in ("MatMul", "Conv"):
        return _weight_hypothesis(node, expected, wanted, index) or _UNKNOWN
    return _UNKNOWN


def _at(values: Array, index: tuple[int, ...]) -> Array:
    """The value at `index` of every row."""
    return np.asarray(
        values.reshape(len(values), -1)[:, np.ravel_multi_index(index, values.shape[1:])]
    )


def _execute(node: Node, values: Values) -> Array:
    return spec_of(node).execute(node, [values[name] for name in node.inputs])


def _hypotheses(
    graph: Graph, node: Node, expected: Values, got: Values, index: tuple[int, ...]
) -> Iterator[tuple[str, Array]]:
    if node.op == "Requantize":
        yield from _requantizer_hypotheses(node, expected)
    elif node.op == "Quantize":
        for mode in Rounding:
            changed = replace(node, attrs={**node.attrs, "rounding": str(mode)})
            yield (
                f"rounding: the input is rounded {mode}, not {_mode(node)}",
                _execute(changed, expected),
            )
    elif node.op in ("MatMul", "Conv", "SumPool", "Add"):
        yield from _sum_hypotheses(graph, node, expected)


def _mode(node: Node) -> str:
    return node.text("rounding")


def _requantizer_hypotheses(node: Node, expected: Values) -> Iterator[tuple[str, Array]]:
    for mode in Rounding:
        changed = replace(node, attrs={**node.attrs, "rounding": str(mode)})
        yield f"rounding: {mode} instead of {_mode(node)}", _execute(changed, expected)
    low, high = node.integer("low"), node.integer("high")
    span = 1 << (high - low).bit_length()
    wide = replace(node, attrs={**node.attrs, "low": -(1 << 62), "high": 1 << 62})
    yield (
        "saturation: the value wraps around instead of saturating",
        (_execute(wide, expected) - low) % span + low,
    )
    for bits in range(1, 33):
        for dtype in (Int(bits), Int(bits, signed=False)):
            clipped = np.clip(_execute(wide, expected), dtype.min, dtype.max)
            yield f"saturation: limited to {dtype} instead of [{low}, {high}]", clipped


def _sum_hypotheses(graph: Graph, node: Node, expected: Values) -> Iterator[tuple[str, Array]]:
    sums = np.asarray(expected[node.output], dtype=np.int64)
    declared = graph.types[node.output].dtype.bits
    for bits in range(min(declared, 62), 1, -1):
        span, half = 1 << bits, 1 << (bits - 1)
        yield (
            f"accumulator width: sums wrap at {bits} bits, the graph has {declared}",
            (sums + half) % span - half,
        )
        yield (
            f"accumulator width: sums saturate at {bits} bits, the graph has {declared}",
            np.clip(sums, -half, half - 1),
        )


def _weight_hypothesis(
    node: Node, expected: Values, wanted: Array, index: tuple[int, ...]
) -> str | None:
    """A bias or one weight that differs by a constant, the same in every row."""
    delta = (wanted - _at(expected[node.output], index)).astype(np.int64)
    if len(delta) > 1 and len(set(delta.tolist())) == 1:
        return f"bias: off by {delta[0]:+d} in channel {index[0]}"
    if node.op != "MatMul" or len(index) != 1:
        changed = "a weight or the bias differs" if len(delta) else ""
        return f"weights: {changed} in channel {index[0]}" if changed else None
    source = np.asarray(expected[node.inputs[0]], dtype=np.int64)
    used = np.abs(source).sum(axis=0) > 0
    for position in np.flatnonzero(used):
        column = source[:, position]
        row = int(np.argmax(np.abs(column)))
        step, rest = divmod(int(delta[row]), int(column[row]))
        if rest == 0 and step and np.array_equal(column * step, delta):
            kind = "one bit" if abs(step) & (abs(step) - 1) == 0 else "a constant"
            return f"weights: weight [{position}, {index[0]}] is off by {step:+d} ({kind})"
    return f"weights: more than one weight or the bias differs in channel {index[0]}"
