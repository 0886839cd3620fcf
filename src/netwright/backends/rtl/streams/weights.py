"""The addresses of loadable weights in streams, and the words that are written there."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from netwright.backends.rtl.streams.network import Network, Product
from netwright.backends.rtl.streams.spread_products import bias_words, matrices, weight_words
from netwright.ir import Graph


@dataclass(frozen=True, slots=True)
class Memory:
    """The memory of a unit's weights or biases: `lanes` memories of `depth` words side by side.

    A word's address is ``base + (lane << address_bits) + place``.

    Attributes:
        unit: Name of the unit.
        role: ``"weights"`` or ``"bias"``.
        base: First address; a multiple of the size.
        lanes: Memories side by side.
        depth: Words of each.
        bits: Width of a word.
    """

    unit: str
    role: str
    base: int
    lanes: int
    depth: int
    bits: int

    @property
    def address_bits(self) -> int:
        """Bits of the place in a lane."""
        return max((self.depth - 1).bit_length(), 1)

    @property
    def lane_bits(self) -> int:
        """Bits of the lane."""
        return max((self.lanes - 1).bit_length(), 1)

    @property
    def size(self) -> int:
        """Addresses it takes: a power of two."""
        return 1 << (self.address_bits + self.lane_bits)


def memories(network: Network) -> tuple[Memory, ...]:
    """Every loadable memory, the largest first, so that none overlaps another."""
    if not network.loadable:
        return ()
    found = []
    for unit, product in network.products.items():
        tiling = product.tiling
        found.append(
            Memory(unit, "weights", 0, tiling.multipliers, tiling.reuse_factor, product.weight_bits)
        )
        if product.bias is not None:
            lanes = product.bias.shape[1]
            found.append(Memory(unit, "bias", 0, lanes, tiling.rounds, product.bias_bits))
    placed, base = [], 0
    for memory in sorted(found, key=lambda memory: -memory.size):
        placed.append(replace(memory, base=base))
        base += memory.size
    return tuple(placed)


def address_bits(network: Network) -> int:
    """Width of the address of the load port."""
    return max((sum(memory.size for memory in memories(network)) - 1).bit_length(), 1)


def data_bits(network: Network) -> int:
    """Width of the data of the load port."""
    return max((memory.bits for memory in memories(network)), default=1)


def load_words(network: Network, graph: Graph) -> NDArray[np.int64]:
    """What to write so that the design computes a graph: (words, 2), address and value.

    Args:
        network: A loadable design.
        graph: The graph it was made from, or one that ``check_loadable`` accepts.
    """
    words = []
    for memory in memories(network):
        product = network.products[memory.unit]
        values = _values(product, graph, memory.role)
        places, lanes = np.indices(values.shape)
        addresses = memory.base + (lanes << memory.address_bits) + places
        words.append(np.stack([addresses.ravel(), values.ravel()], axis=1))
    return np.concatenate(words) if words else np.zeros((0, 2), dtype=np.int64)


def _values(product: Product, graph: Graph, role: str) -> NDArray[np.int64]:
    weights, bias = matrices(graph.node(product.node), graph, product.tiling)
    if role == "weights":
        return weight_words(weights, product.tiling)
    assert bias is not None
    return bias_words(bias, product.tiling)
