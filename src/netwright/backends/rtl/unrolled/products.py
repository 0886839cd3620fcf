"""Matrix-vector products with constant weights, or with weights that are signals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.backends.rtl.adders.adder_graph import Interval, width
from netwright.backends.rtl.cells.affine import Affine, add
from netwright.backends.rtl.cells.builder import LayerBuilder
from netwright.backends.rtl.cells.circuit import Element, Wire
from netwright.backends.rtl.unrolled.constant_products import claims, multiply, scale
from netwright.errors import NumericsError
from netwright.formats import MAX_BITS

Elements = NDArray[Any]
"""An array of :class:`Affine`."""


def numbers_or_wires(weights: Elements) -> NDArray[Any]:
    """Weights as integers where all are constants; else as they are, one of them a signal."""
    if any(weight.wire is not None for weight in weights.flat):
        return weights
    return np.array([w.offset for w in weights.flat], dtype=np.int64).reshape(weights.shape)


def product(
    node: str,
    indices: Sequence[int],
    vector: Sequence[Element],
    weights: NDArray[Any],
    layer: LayerBuilder,
    name: str,
) -> list[Affine]:
    """The products ``vector @ weights`` for constant or loaded weights; constant ones are claimed.

    Args:
        node: The node of the graph.
        indices: Which of its outputs the products are.
        vector: What is multiplied.
        weights: (elements, products), from :func:`numbers_or_wires`.
        layer: Where the hardware goes.
        name: What its wires are called after.

    Raises:
        NumericsError: A sum may need more than 64 bits.
    """
    if weights.dtype == object:
        made = multiply_loaded(vector, weights, layer, name)
        bits = max(width(value.interval) for value in made)
        if bits > MAX_BITS:
            raise NumericsError(
                f'node "{node}" needs sums of {bits} bits for any weights of its format; at most '
                f"{MAX_BITS} are supported",
                hint='use fewer weight or activation bits, or weights="fixed"',
            )
        return made
    products = multiply(vector, weights, layer, name)
    layer.claims += claims(node, indices, vector, weights, products)
    return products


def multiply_loaded(
    vector: Sequence[Element], weights: Elements, layer: LayerBuilder, name: str
) -> list[Affine]:
    """The products ``vector @ weights``, one for each column, whatever the weights are.

    Args:
        vector: What is multiplied; what is always zero takes no multiplier.
        weights: (elements, products), each a wire of its own.
        layer: Where the multipliers go.
        name: What their outputs are called after.
    """
    wires = [(i, element) for i, element in enumerate(vector) if isinstance(element, Wire)]
    fixed = [(i, element) for i, element in enumerate(vector) if isinstance(element, int)]
    results = []
    for number, column in enumerate(weights.T):
        place = f"{name}_{number}"
        total = Affine(None)
        if wires:
            pairs = [(element, column[i].wire) for i, element in wires]
            total = Affine(_dot_product(pairs, layer, f"{place}_dot"))
        for i, element in fixed:
            if element:
                product = scale(column[i], element, layer, f"{place}_{i}_fixed")
                total = add(total, product, layer, f"{place}_{i}")
        results.append(total)
    return results


def _dot_product(pairs: Sequence[tuple[Wire, Wire]], layer: LayerBuilder, name: str) -> Wire:
    sides = {"x": tuple(one for one, _ in pairs), "w": tuple(other for _, other in pairs)}
    low = high = 0
    for one, other in pairs:
        ends = _product(one.interval, other.interval)
        low, high = low + ends[0], high + ends[1]
    parameters = {"N": len(pairs)}
    for side, wires in sides.items():
        signed = any(wire.is_signed for wire in wires)
        bits = max(wire.bits + (signed and not wire.is_signed) for wire in wires)
        parameters |= {f"{side.upper()}_BITS": bits, f"{side.upper()}_SIGNED": int(signed)}
    parameters["Y_BITS"] = width((low, high))
    depth = 1 + (len(pairs) - 1).bit_length()
    return layer.add("dot_product", name, (low, high), sides, parameters, adders=depth)


def _product(one: Interval, other: Interval) -> Interval:
    corners = [a * b for a in one for b in other]
    return min(corners), max(corners)


def with_biases(
    values: Sequence[Affine], biases: Iterable[Affine], layer: LayerBuilder, name: str
) -> list[Affine]:
    """Values with a bias each, constant or a signal."""
    return [
        add(value, bias, layer, f"{name}_{number}_biased")
        for number, (value, bias) in enumerate(zip(values, biases, strict=True))
    ]
