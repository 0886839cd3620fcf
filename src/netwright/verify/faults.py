"""Planted faults: graphs that are wrong in one place, to show that a check can fail."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from netwright.errors import ConfigError
from netwright.formats import Int, Rounding
from netwright.ir import Graph


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
    full = Int(dtype.bits, dtype.signed)  # no narrow range
    values[index] = full.decode(full.encode(code) ^ np.uint64(1 << bit))
    changed = graph.with_type(tensor, graph.types[tensor].with_number(full))
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
