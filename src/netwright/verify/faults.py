"""Planted faults: graphs that are wrong in one place, to show that a check can fail."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from netwright.errors import ConfigError
from netwright.formats import Int, NumberFormat, Rounding, holds_integers, smallest_int
from netwright.ir import Graph


def register_format(dtype: NumberFormat) -> Int:
    """The format of the register that holds codes of a format: all patterns of its bits.

    Raises:
        ConfigError: The codes are no integers.
    """
    if not holds_integers(dtype):
        raise ConfigError(f"codes of {dtype} have no bits that could be flipped one by one")
    return replace(smallest_int(int(dtype.min), int(dtype.max)), narrow=False)


def flipped_code(code: int, dtype: NumberFormat, bit: int) -> int:
    """A code of a format with one bit of its register inverted."""
    full = register_format(dtype)
    return int(full.decode(full.encode(code) ^ np.uint64(1 << bit)))


def flip_weight_bit(graph: Graph, tensor: str, index: tuple[int, ...], *, bit: int) -> Graph:
    """A copy in which one bit of one constant is inverted.

    Raises:
        ConfigError: There is no such constant, index or bit.
    """
    dtype = graph.types[tensor].dtype if tensor in graph.constants else None
    if dtype is None or not dtype.wraps or not 0 <= bit < dtype.bits:
        raise ConfigError(f'"{tensor}" is not an integer constant with a bit {bit}')
    values = np.array(graph.constants[tensor])
    try:
        code = int(values[index])
    except (IndexError, TypeError):  # outside, or more than one value
        raise ConfigError(f'"{tensor}" of shape {values.shape} has no index {index}') from None
    values[index] = flipped_code(code, dtype, bit)
    wider = graph.types[tensor].with_number(register_format(dtype))
    changed = graph.with_type(tensor, wider)
    return changed.with_constant(tensor, values)


def change_rounding(graph: Graph, node: str, mode: Rounding) -> Graph:
    """A copy in which the quantizer `node` rounds another way.

    Raises:
        ConfigError: The node does not round.
    """
    found = graph.node(node)
    if "rounding" not in found.attrs:
        raise ConfigError(f'node "{node}" ({found.op}) does not round')
    return graph.with_node(replace(found, attrs={**found.attrs, "rounding": str(mode)}))


def narrow_accumulator(graph: Graph, tensor: str, *, bits: int) -> Graph:
    """A copy in which the accumulator `tensor` loses its `bits` most significant bits.

    Raises:
        ConfigError: The tensor is not an integer tensor with more than `bits` bits.
    """
    old = graph.types.get(tensor)
    if old is None or not old.dtype.wraps or not 0 < bits < old.dtype.bits:
        raise ConfigError(f'"{tensor}" is not an integer tensor with more than {bits} bits')
    dtype = Int(old.dtype.bits - bits, old.dtype.signed)
    return graph.with_type(tensor, old.with_number(dtype))
