"""What a template does for a layer: bits by memory, cycles, and the loop nest of just that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from netwright.arch import Direction, Role
from netwright.cost.counts import ActionKind
from netwright.cost.dataflows.outer import Outer
from netwright.cost.dataflows.shape import Shape
from netwright.mapping.loopnest import Keep, Loop

ACCUMULATOR_BITS = 32
"""Width of partial sums in all templates."""

Amounts = dict[tuple[str, ActionKind], int]
"""Bits by node of the template and by what it does."""


@dataclass(frozen=True)
class Flow:
    """A layer on a template.

    Attributes:
        cycles: Steps of the busiest element.
        amounts: Bits read, written and crossed, by node; ``root`` is the node above.
        loops: The loops below the tiles of the buffer, outermost first: direction, size of the
            tile, and axis of the array or -1.
        keeps: For each memory below the buffer, which tensor it keeps and how many of `loops` lie
            outside.
        outer: The tiles of the buffer.
    """

    cycles: int
    amounts: Mapping[tuple[str, ActionKind], int]
    loops: tuple[tuple[Direction, int, int], ...]
    keeps: tuple[tuple[str, Role, int], ...]
    outer: Outer


@dataclass
class Tally:
    """Adds up bits."""

    amounts: Amounts = field(default_factory=dict)

    def add(self, node: str, kind: ActionKind, bits: int) -> None:
        """More bits of a node."""
        if bits:
            self.amounts[node, kind] = self.amounts.get((node, kind), 0) + bits

    def move(self, source: str, target: str, elements: int, bits: int, *, copies: int = 1) -> None:
        """Elements from one memory to another, each to some copies; no target is a unit."""
        self.add(source, "read", elements * bits)
        if target:
            self.add(target, "write", elements * bits * copies)

    def fill(self, shape: Shape, outer: Outer) -> None:
        """What crosses the port."""
        widths = shape.bits
        moved = ((outer.inputs(shape), widths[0]), (outer.weights(shape), widths[1]))
        for elements, bits in moved:
            self.move("root", "buffer", elements, bits)
            self.add("port", "cross", elements * bits)
        self.move("buffer", "root", shape.num_results, widths[2])
        self.add("port", "cross", shape.num_results * widths[2])

    def gather(self, memory: str, shape: Shape, visits: int, parents: int = 1) -> None:
        """Products that compute units add to sums in a memory.

        Args:
            memory: Where the sums are.
            shape: The layer.
            visits: How often a sum is touched, all copies of the memory together.
            parents: Copies of the memory that have a sum each.
        """
        results, final = shape.num_results, shape.bits[2]
        wide = max(final, ACCUMULATOR_BITS)
        self.add(memory, "read", results * (visits - parents) * wide)
        whole = results if parents == 1 else 0
        self.add(memory, "write", whole * final + (results * visits - whole) * wide)


def nest_loops(
    shape: Shape, ranks: Mapping[Direction, str], flow: Flow, array: str
) -> tuple[list[Loop], list[int]]:
    """Loops of the whole nest, and for each place in `flow.loops` the place among them.

    Loops of one iteration are left out.
    """
    sizes: dict[Direction, int] = {
        "G": shape.groups, "N": shape.batch, "M": shape.features, "C": shape.channels,
        "P": shape.rows.made, "Q": shape.columns.made, "R": shape.rows.taps,
        "S": shape.columns.taps,
    }  # fmt: skip
    outer: list[tuple[Direction, int, int]] = [
        ("G", 1, -1),
        ("N", 1, -1),
        ("P", flow.outer.rows, -1),
    ]
    outer.insert(1 if flow.outer.blocks_first else 3, ("M", flow.outer.features, -1))
    found: list[Loop] = []
    places: list[int] = []
    for number, (meant, tile, axis) in enumerate((*outer, *flow.loops)):
        if number >= len(outer):
            places.append(len(found))
        if tile < sizes[meant]:
            own = (array, axis) if axis >= 0 else ("", 0)
            found.append(Loop(ranks[meant], tile, *own))
            sizes[meant] = tile
    places.append(len(found))
    return found, places


def nest_keeps(
    tensors: Mapping[Role, str], root: str, prefix: str, flow: Flow, places: list[int]
) -> tuple[Keep, ...]:
    """Where tensors are kept: at the root, in the buffer, and as the flow says."""
    buffer = places[0]
    found = [Keep(root, name, 0) for name in tensors.values()]
    found += [Keep(f"{prefix}buffer", name, buffer) for name in tensors.values()]
    found += [
        Keep(f"{prefix}{memory}", tensors[role], places[number])
        for memory, role, number in flow.keeps
    ]
    return tuple(found)
