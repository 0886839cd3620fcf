"""What a file says about the widths of its tensors: element types and quantizers."""

from __future__ import annotations

from math import ceil, isfinite

from netwright.errors import GraphError
from netwright.exchange.onnx.shapes import ShapeModel

BITS = {
    2: 8, 3: 8, 4: 16, 5: 16, 6: 32, 7: 64, 9: 8, 10: 16, 12: 32, 13: 64, 16: 16, 17: 8, 18: 8,
    19: 8, 20: 8, 21: 4, 22: 4, 23: 4, 24: 8, 25: 2, 26: 2,
}  # fmt: skip
"""Stored bits of an element by ONNX's number of its type; float32 and float64 are no statement
about hardware, so they are left out."""

_WIDTH_INPUT = {"Quant": 3, "IntQuant": 3, "Trunc": 4}


def widths_of(source: ShapeModel) -> dict[str, int]:
    """Bits of an element, of every tensor of which the file says more than that it is real.

    Raises:
        GraphError: A bit width is no number.
    """
    widths = {name: BITS[kind] for name, kind in source.elements.items() if kind in BITS}
    for node in source.nodes:
        place = _WIDTH_INPUT.get(node.op)
        if node.op == "BipolarQuant":
            bits = 1
        elif place is not None and place < len(node.inputs):
            value = source.values.get(node.inputs[place])
            bits = _whole(value.ravel()[0], node.name) if value is not None and value.size else 0
        else:
            continue
        if 1 <= bits <= 64:
            widths[node.outputs[0]] = bits
            if node.inputs[0] in source.constants:
                widths[node.inputs[0]] = bits
    return widths


def _whole(bits: float, node: str) -> int:
    """The bits that store a value of so many; QONNX allows fractions."""
    if not isfinite(bits):
        raise GraphError(f"the bit width must be a number, not {bits}", node=node)
    return ceil(bits)
