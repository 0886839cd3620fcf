"""Operators as loops in C: products, pooling, tables, sums and moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from netwright.backends.soc.software.c_values import indented, number
from netwright.backends.soc.software.chains import Tables
from netwright.ir import Graph, Node, spec_of
from netwright.ir.ops.transposed import correlation


@dataclass(frozen=True)
class Loop:
    """Loops over the elements of a result.

    Attributes:
        before: Lines that begin the loops and leave an element in the variable ``v``.
        after: Lines that end the loops.
        index: Expression of the element's number in row-major order.
        channel: Expression of its number along the axis of `axis`.
        axis: The axis that `channel` counts along; ``None`` if it is computed from the index.
    """

    before: tuple[str, ...]
    after: tuple[str, ...]
    index: str
    channel: str
    axis: int | None


Name = Callable[[str], str]
"""The C array of a tensor."""


def loops(node: Node, graph: Graph, name: Name, tables: Tables, working: str) -> Loop:
    """The loops of a node; ``v`` is declared with the working type."""
    if node.op == "MatMul":
        return _matmul(node, graph, name, tables, working)
    if node.op in ("Conv", "ConvTranspose"):
        return _convolution(node, graph, name, tables, working)
    if node.op in ("MaxPool", "SumPool"):
        return _pool(node, graph, name, working)
    if node.op == "Lookup":
        return _lookup(node, graph, name, tables, working)
    if node.op == "Add":
        return _add(node, graph, name, tables, working)
    return _elements(node, graph, name, working)


def _shape(tensor: str, graph: Graph) -> tuple[int, ...]:
    return tuple(graph.types[tensor].shape[1:])


def _matmul(node: Node, graph: Graph, name: Name, tables: Tables, working: str) -> Loop:
    weights = graph.constants[node.inputs[1]].astype(np.int64)
    terms, outputs = weights.shape
    rows = int(np.prod(_shape(node.inputs[0], graph))) // terms
    source = name(node.inputs[0])
    matrix = tables.add(weights.T.reshape(-1))
    before = [f"for (int row = 0; row < {rows}; ++row)"] if rows > 1 else []
    place = "row * {} + " if rows > 1 else ""
    before += [
        f"for (int o = 0; o < {outputs}; ++o) {{",
        f"  {working} v = {_bias(node, graph, tables, 'o')};",
        f"  for (int i = 0; i < {terms}; ++i)",
        f"    v += ({working}){matrix}[o * {terms} + i] * {source}[{place.format(terms)}i];",
    ]
    return Loop(tuple(before), ("}",), f"{place.format(outputs)}o", "o", -1)


def _bias(node: Node, graph: Graph, tables: Tables, index: str) -> str:
    if len(node.inputs) < 3:
        return "0"
    return f"{tables.add(graph.constants[node.inputs[2]].reshape(-1))}[{index}]"


@dataclass(frozen=True)
class _Axis:
    """One axis of windows: what is asked before an element of the input is read."""

    letter: str
    extent: int
    outputs: int
    kernel: int
    stride: int
    pad: int
    dilation: int
    step: int

    def tap(self) -> Iterator[str]:
        """Lines that find the place in the input, or go on to the next tap."""
        place, out, tap = f"at_{self.letter}", f"o{self.letter}", f"k{self.letter}"
        yield f"int {place} = {out} * {self.stride} + {tap} * {self.dilation} - {self.pad};"
        last = self.step * (self.extent - 1)
        reach = (self.outputs - 1) * self.stride + (self.kernel - 1) * self.dilation - self.pad
        tests = [f"{place} < 0"] if self.pad else []
        tests += [f"{place} > {last}"] if reach > last else []
        tests += [f"{place} % {self.step}"] if self.step > 1 else []
        if tests:
            yield f"if ({' || '.join(tests)}) continue;"
        if self.step > 1:
            yield f"{place} /= {self.step};"


def _axes(
    extents: Sequence[int],
    outputs: Sequence[int],
    kernel: Sequence[int],
    *,
    strides: Sequence[int],
    pads: Sequence[int],
    dilations: Sequence[int],
    steps: Sequence[int],
) -> list[_Axis]:
    letters = "x" if len(kernel) == 1 else "yx"
    return [
        _Axis(letters[i], extents[i], outputs[i], kernel[i], strides[i], pads[i], dilations[i],
              steps[i])
        for i in range(len(kernel))
    ]  # fmt: skip


def _place(axes: Sequence[_Axis], prefix: str, extents: Sequence[int], start: str) -> str:
    text = start
    for axis, extent in zip(axes, extents, strict=True):
        text = f"({text}) * {extent} + {prefix}{axis.letter}"
    return text


def _windows(axes: Sequence[_Axis], first: str, inner: Sequence[str]) -> tuple[list[str], int]:
    """Loops over channels and windows around `first` and over taps around `inner`."""
    lines, depth = [], 0
    for axis in axes:
        out = f"o{axis.letter}"
        lines.append(f"{'  ' * depth}for (int {out} = 0; {out} < {axis.outputs}; ++{out}) {{")
        depth += 1
    lines += indented(first.split("\n"), depth)
    opened = depth
    for axis in axes:
        tap = f"k{axis.letter}"
        lines.append(f"{'  ' * depth}for (int {tap} = 0; {tap} < {axis.kernel}; ++{tap}) {{")
        depth += 1
        lines += indented(axis.tap(), depth)
    lines += indented(inner, depth)
    lines += ["  " * d + "}" for d in range(depth - 1, opened - 1, -1)]
    return lines, opened


def _convolution(node: Node, graph: Graph, name: Name, tables: Tables, working: str) -> Loop:
    found = correlation(node, graph.constants[node.inputs[1]].astype(np.int64))
    channels, *extents = _shape(node.inputs[0], graph)
    filters, *outputs = _shape(node.output, graph)
    kernel, groups = found.kernel, found.group
    axes = _axes(extents, outputs, kernel, strides=found.strides, pads=found.pads,
                 dilations=found.dilations, steps=found.steps)  # fmt: skip
    inside = channels // groups
    # Taps outside, channels inside: the test for padding is done once for all channels.
    order = (0, *range(2, 2 + len(kernel)), 1)
    matrix = tables.add(found.weights.transpose(order).reshape(-1))
    tap = _place(axes, "k", kernel, "o")
    group = f"o / {filters // groups} * {inside}" if groups > 1 else "0"
    size = int(np.prod(extents))
    start = _place(axes, "at_", extents, group)
    source = name(node.inputs[0])
    inner = [
        f"const int w = ({tap}) * {inside}, x = {start};",
        f"for (int c = 0; c < {inside}; ++c)",
        f"  v += ({working}){matrix}[w + c] * {source}[x + c * {size}];",
    ]
    first = f"{working} v = {_bias(node, graph, tables, 'o')};"
    lines, opened = _windows(axes, first, inner)
    before = [f"for (int o = 0; o < {filters}; ++o) {{", *indented(lines)]
    after = ["  " * d + "}" for d in range(opened, -1, -1)]
    return Loop(tuple(before), tuple(after), _place(axes, "o", outputs, "o"), "o", 1)


def _pool(node: Node, graph: Graph, name: Name, working: str) -> Loop:
    channels, *extents = _shape(node.inputs[0], graph)
    outputs, kernel = _shape(node.output, graph)[1:], node.integers("kernel")
    ones = (1,) * len(kernel)
    axes = _axes(extents, outputs, kernel, strides=node.integers("strides"),
                 pads=node.integers("pads"), dilations=ones, steps=ones)  # fmt: skip
    element = f"{name(node.inputs[0])}[{_place(axes, 'at_', extents, 'o')}]"
    if node.op == "SumPool":
        first, inner = f"{working} v = 0;", [f"v += {element};"]
    else:
        first = f"{working} v = 0;\nint any = 0;"
        inner = [f"if (!any || {element} > v) v = {element};", "any = 1;"]
    lines, opened = _windows(axes, first, inner)
    before = [f"for (int o = 0; o < {channels}; ++o) {{", *indented(lines)]
    after = ["  " * d + "}" for d in range(opened, -1, -1)]
    return Loop(tuple(before), tuple(after), _place(axes, "o", outputs, "o"), "o", 1)


def _lookup(node: Node, graph: Graph, name: Name, tables: Tables, working: str) -> Loop:
    values = graph.constants[node.inputs[1]].astype(np.int64)
    features, functions, entries = values.shape
    rows = int(np.prod(_shape(node.inputs[0], graph))) // features
    first = node.integer("first")
    source = f"{name(node.inputs[0])}[row * {features} + o / {functions}]"
    before = (
        f"for (int row = 0; row < {rows}; ++row)",
        f"for (int o = 0; o < {features * functions}; ++o) {{",
        f"  {working} v = {tables.add(values.reshape(-1))}[o * {entries} + {source} - ({first})];",
    )
    return Loop(before, ("}",), f"row * {features * functions} + o", "o", -1)


def _add(node: Node, graph: Graph, name: Name, tables: Tables, working: str) -> Loop:
    shape = _shape(node.output, graph)
    size = int(np.prod(shape))
    terms = []
    for tensor in node.inputs:
        if tensor in graph.constants:
            own = graph.constants[tensor].astype(np.int64)
            own = own[0] if own.ndim == len(shape) + 1 else own
            values = np.broadcast_to(own, shape).reshape(-1)
            one = len(set(values.tolist())) == 1
            terms.append(number(values[0]) if one else f"{tables.add(values)}[i]")
            continue
        extents = _shape(tensor, graph)
        numbers = np.arange(int(np.prod(extents)), dtype=np.int64).reshape(extents)
        terms.append(_gathered(name(tensor), np.broadcast_to(numbers, shape), tables))
    total = " + ".join(f"({working}){term}" for term in terms)
    before = (f"for (int i = 0; i < {size}; ++i) {{", f"  {working} v = {total};")
    return Loop(before, ("}",), "i", "", None)


def _gathered(array: str, numbers: np.ndarray, tables: Tables) -> str:
    """An expression for element ``i`` of a tensor whose elements come from others."""
    return f"{array}[{counted(numbers.reshape(-1), tables)}]"


def counted(numbers: np.ndarray, tables: Tables) -> str:
    """An expression for number ``i`` of some numbers: a table only where no rule gives them."""
    start = int(numbers[0])
    step = int(numbers[1]) - start if len(numbers) > 1 else 1
    if not np.array_equal(numbers, start + step * np.arange(len(numbers))):
        return f"{tables.add(numbers)}[i]"
    scaled = "i" if step == 1 else f"i * {step}"
    return f"{start} + {scaled}" if start else scaled


def _elements(node: Node, graph: Graph, name: Name, working: str) -> Loop:
    size = int(np.prod(_shape(node.inputs[0], graph)))
    before = (
        f"for (int i = 0; i < {size}; ++i) {{",
        f"  {working} v = {name(node.inputs[0])}[i];",
    )
    return Loop(before, ("}",), "i", "", None)


def moves(node: Node, graph: Graph, name: Name, tables: Tables) -> Iterator[str]:
    """Loops of an operator that moves elements: where each comes from, its definition says."""
    starts, start, numbered = [], 0, []
    for tensor in node.inputs:
        shape = _shape(tensor, graph)
        size = int(np.prod(shape))
        numbered.append(np.arange(start, start + size, dtype=np.int64).reshape(1, *shape))
        starts.append((start, start + size))
        start += size
    found = np.asarray(spec_of(node).execute(node, numbered)).astype(np.int64).reshape(-1)
    for tensor, (low, high) in zip(node.inputs, starts, strict=True):
        places = np.flatnonzero((found >= low) & (found < high))
        origins = found[places] - low
        if not len(places):
            continue
        to = _gathered(name(node.output), places, tables)
        source = _gathered(name(tensor), origins, tables)
        yield f"for (int i = 0; i < {len(places)}; ++i) {to} = {source};"
