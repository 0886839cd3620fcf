"""Constant matrix-vector products as cells of a layer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from netwright.backends.rtl.adders.adder_graph import AdderGraph, Interval, has_chain, width
from netwright.backends.rtl.adders.sharing import share
from netwright.backends.rtl.cells.affine import Affine
from netwright.backends.rtl.cells.builder import LayerBuilder
from netwright.backends.rtl.cells.circuit import Element, LinearClaim, Wire
from netwright.backends.rtl.cells.tables import packed
from netwright.backends.rtl.unrolled.packed_inputs import Group, Packing, pack


def multiply(
    vector: Sequence[Element], matrix: NDArray[np.int64], layer: LayerBuilder, name: str
) -> list[Affine]:
    """The products ``vector @ matrix``, one for each column.

    Elements that are constants become offsets and take no adder.
    """
    used = [i for i, element in enumerate(vector) if isinstance(element, Wire)]
    wires = [element for element in vector if isinstance(element, Wire)]
    fixed = [(i, element) for i, element in enumerate(vector) if isinstance(element, int)]
    offsets = [
        sum(element * int(matrix[i, column]) for i, element in fixed)
        for column in range(matrix.shape[1])
    ]
    if not wires:
        return [Affine(None, offset=offset) for offset in offsets]
    moved = [_unsigned(wire, layer) for wire in wires]
    wires = [wire for wire, _ in moved]
    own = matrix[used]
    constants = np.array([constant for _, constant in moved], dtype=np.int64) @ own
    graph = _shared(own, wires, layer)
    packing = _packed(own, wires, layer, graph)
    if packing is not None:
        wires += [
            _table(group, wires, layer, f"{name}_group_{n}")
            for n, group in enumerate(packing.groups)
        ]
        graph = _shared(packing.matrix, wires, layer)
        constants -= packing.constants
    values = instantiate(graph, wires, layer, name)
    return [
        Affine(None, offset=offset)
        if product.value is None
        else Affine(
            values[product.value], product.shift, product.negate, offset + product.offset - constant
        )
        for product, offset, constant in zip(
            graph.products, offsets, constants.tolist(), strict=True
        )
    ]


def _shared(matrix: NDArray[np.int64], wires: Sequence[Wire], layer: LayerBuilder) -> AdderGraph:
    """The adder graph of a product, searched once for all positions that need the same one."""
    return _searched(matrix, [wire.interval for wire in wires], layer)


def _searched(
    matrix: NDArray[np.int64], inputs: Sequence[Interval], layer: LayerBuilder
) -> AdderGraph:
    intervals = tuple(inputs)
    key = matrix.shape, matrix.tobytes(), intervals
    if key not in layer.adder_graphs:
        layer.adder_graphs[key] = share(matrix, intervals)
    return layer.adder_graphs[key]


def _packed(
    matrix: NDArray[np.int64], wires: Sequence[Wire], layer: LayerBuilder, adders: AdderGraph
) -> Packing | None:
    """The narrow inputs in groups, if that takes fewer lookup tables than adders alone."""
    if layer.table_inputs is None:
        return None
    intervals = [wire.interval for wire in wires]
    packing = pack(matrix, intervals, layer.table_inputs)
    if packing is None:
        return None
    inputs = [*intervals, *((0, group.largest) for group in packing.groups)]
    graph = _searched(packing.matrix, inputs, layer)
    return packing if packing.num_luts + graph.num_luts < adders.num_luts else None


def _table(group: Group, wires: Sequence[Wire], layer: LayerBuilder, name: str) -> Wire:
    """The tables of a group of inputs."""
    members = tuple(wires[member] for member in group.members)
    entries = group.entries([wire.interval for wire in wires])
    bits = sum(wire.bits for wire in members)
    parameters = {
        "X_BITS": bits,
        "Y_BITS": group.largest.bit_length(),
        "TABLE": packed(entries, bits, group.largest.bit_length()),
    }
    return layer.add("lookup", name, (0, group.largest), {"x": members}, parameters)


def _unsigned(wire: Wire, layer: LayerBuilder) -> tuple[Wire, int]:
    """The wire plus a constant, so that it is never negative, and the constant.

    The constant is half of what the wire's format spans: adding it inverts the sign bit.
    """
    if not wire.is_signed:
        return wire, 0
    half = 1 << (wire.bits - 1)
    if wire.name not in layer.unsigned:
        interval = wire.interval[0] + half, wire.interval[1] + half
        bits = width(interval)  # fewer than those of the wire if all its values are negative
        parameters = {
            "X_BITS": wire.bits,
            "X_SIGNED": 1,
            "SHIFT": 0,
            "NEGATE": 0,
            "SKIP": bits - 1,
            "OFFSET": half,
            "Y_BITS": bits,
        }
        output = layer.add(
            "offset_adder", f"{wire.name}_unsigned", interval, {"x": wire}, parameters, adders=0
        )
        layer.unsigned[wire.name] = output
    return layer.unsigned[wire.name], half


def claims(
    node: str,
    indices: Sequence[int],
    vector: Sequence[Element],
    matrix: NDArray[np.int64],
    products: Sequence[Affine],
) -> Iterator[LinearClaim]:
    """What the matrix says of the wire of every product, its shift, sign and offset taken off.

    Args:
        node: The node of the graph.
        indices: Which of its outputs the products are; what is beyond the products is left out.
        vector: The elements that are multiplied.
        matrix: (elements, products).
        products: What :func:`multiply` made of them.
    """
    used = [i for i, element in enumerate(vector) if isinstance(element, Wire)]
    wires = tuple(element for element in vector if isinstance(element, Wire))
    fixed = np.array([0 if isinstance(e, Wire) else e for e in vector], dtype=np.int64) @ matrix
    for number, (index, product) in enumerate(zip(indices, products, strict=False)):
        if product.wire is not None:
            sign = -1 if product.negate else 1
            weights = [sign * int(matrix[i, number]) for i in used]
            offset = sign * (int(fixed[number]) - product.offset)
            assert not any(n & ((1 << product.shift) - 1) for n in (*weights, offset))
            unshifted = tuple(weight >> product.shift for weight in weights)
            yield LinearClaim(
                node, index, product.wire.name, wires, unshifted, offset >> product.shift
            )


def instantiate(
    graph: AdderGraph, wires: Sequence[Wire], layer: LayerBuilder, name: str
) -> list[Wire]:
    """The adders of a graph as cells; returns the wire of every value."""
    values = list(wires)
    intervals = graph.intervals[len(wires) :]
    for number, (adder, interval) in enumerate(zip(graph.sums, intervals, strict=True)):
        low, high = values[adder.low], values[adder.high]
        parameters = {
            "LOW_BITS": low.bits,
            "LOW_SIGNED": int(low.is_signed),
            "HIGH_BITS": high.bits,
            "HIGH_SIGNED": int(high.is_signed),
            "SHIFT": adder.shift,
            "SUBTRACT": int(adder.subtract),
            "SUM_BITS": max(width(interval), adder.shift + 1),
        }
        inputs = {"low": low, "high": high}
        output = layer.add(
            "shift_adder",
            f"{name}_sum_{number}",
            interval,
            inputs,
            parameters,
            port="sum",
            adders=int(has_chain(adder, low.interval, high.interval)),
        )
        values.append(output)
    return values


def scale(value: Affine, factor: int, layer: LayerBuilder, name: str) -> Affine:
    """The value times a constant."""
    if value.wire is None or factor == 0:
        return Affine(None, offset=value.offset * factor)
    if factor == 1:
        return value
    (product,) = multiply([value.wire], np.array([[factor]], dtype=np.int64), layer, name)
    scaled = product.times(-1 if value.negate else 1, value.shift)
    return scaled.plus(value.offset * factor)
