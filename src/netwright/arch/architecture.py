"""Architectures: a tree of memories, links, arrays and compute units."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Self

from pydantic import Field, model_validator

from netwright.arch.nodes import Array, Compute, Figure, Link, Memory, Node, Part


class Architecture(Part):
    """A machine as data; read from TOML by :func:`netwright.arch.load`.

    Attributes:
        schema_version: Version of the file format.
        name: Short name.
        title: What the machine is.
        nodes: All nodes; each names its parent, and exactly one has none.
    """

    schema_version: Literal[1] = 1
    name: str = Field(min_length=1)
    title: str = ""
    nodes: tuple[Node, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _is_a_tree(self) -> Self:
        found = list(_faults(self))
        if found:
            raise ValueError("; ".join(found))
        return self

    def memory(self, name: str) -> Memory | None:
        """The memory of this name, if there is one."""
        for node in self.nodes:
            if isinstance(node, Memory) and node.name == name:
                return node
        return None

    @property
    def memories(self) -> tuple[Memory, ...]:
        """All memories, in file order."""
        return tuple(node for node in self.nodes if isinstance(node, Memory))

    @property
    def scratchpad(self) -> Memory | None:
        """The first memory of limited capacity, seen from the root."""
        for memory in self.memories:
            if memory.capacity is not None:
                return memory
        return None

    @property
    def root(self) -> Node:
        """The node that has no parent."""
        return next(node for node in self.nodes if not node.parent)

    def children(self, name: str) -> tuple[Node, ...]:
        """The nodes right below a node, in file order."""
        return tuple(node for node in self.nodes if node.parent == name)

    @property
    def path(self) -> tuple[Node, ...]:
        """The nodes from the root to the first compute unit; empty if there is none."""
        by_name = {node.name: node for node in self.nodes}
        units = [node for node in self.nodes if isinstance(node, Compute)]
        found: list[Node] = [*units[:1]]
        while found and found[-1].parent:
            found.append(by_name[found[-1].parent])
        return tuple(reversed(found))

    def copies(self, name: str) -> int:
        """How often a node exists: the product of the arrays above it."""
        by_name = {node.name: node for node in self.nodes}
        node, total = by_name[name], 1
        while node.parent:
            node = by_name[node.parent]
            total *= node.num_copies if isinstance(node, Array) else 1
        return total

    def missing_figures(self) -> tuple[str, ...]:
        """What an estimate of time and energy needs and the file does not say, with its place."""
        if not any(isinstance(node, Compute) for node in self.nodes):
            return ("nodes: an estimate needs a node of kind compute",)
        found = []
        for index, node in enumerate(self.nodes):
            wanted: tuple[str, ...] = ()
            if isinstance(node, Memory):
                wanted = ("bandwidth", "read_energy", "write_energy")
            elif isinstance(node, Compute):
                wanted = ("rate", "energy")
            elif isinstance(node, Link):
                wanted = ("energy",)
            for name in wanted:
                if getattr(node, name) is None:
                    found.append(f'nodes[{index}].{name}: an estimate needs it ("{node.name}")')
        return tuple(found)

    def with_fanout(self, name: str, fanout: tuple[int, ...]) -> Self:
        """A copy in which an array has another size.

        Args:
            name: Name of the array.
            fanout: Copies along each of its axes.
        """
        nodes = tuple(
            node.model_copy(update={"fanout": fanout})
            if isinstance(node, Array) and node.name == name
            else node
            for node in self.nodes
        )
        return self.model_copy(update={"nodes": nodes})

    def with_unlimited_bandwidth(self) -> Self:
        """A copy whose memories never hold anything up, as some published models have it."""
        figure = Figure(
            value=1e30, unit="B/s", source="unlimited, chosen by the caller", fidelity="assumed"
        )
        nodes = tuple(
            node.model_copy(update={"bandwidth": figure, "double_buffered": True})
            if isinstance(node, Memory)
            else node
            for node in self.nodes
        )
        return self.model_copy(update={"nodes": nodes})

    def with_scratchpad(self, capacity_bytes: int, *, line_bytes: int | None = None) -> Self:
        """A copy in which the scratchpad has another capacity.

        Args:
            capacity_bytes: The new capacity.
            line_bytes: The new line; unchanged if not given.
        """
        old = self.scratchpad
        figure = Figure(
            value=capacity_bytes, unit="B", source="chosen by the caller", fidelity="assumed"
        )
        nodes = tuple(
            node.model_copy(
                update={"capacity": figure, "line_bytes": line_bytes or node.line_bytes}
            )
            if isinstance(node, Memory) and node is old
            else node
            for node in self.nodes
        )
        return self.model_copy(update={"nodes": nodes})


def _faults(architecture: Architecture) -> Iterator[str]:
    parents: dict[str, str] = {}
    for node in architecture.nodes:
        if node.name in parents:
            yield f'node "{node.name}" is declared twice'
        parents[node.name] = node.parent
    roots = [node.name for node in architecture.nodes if not node.parent]
    if len(roots) != 1:
        named = f": {', '.join(roots)}" if roots else ""
        yield f"exactly one node must have no parent, not {len(roots)}{named}"
    for name, parent in parents.items():
        if parent and parent not in parents:
            yield f'node "{name}": there is no parent "{parent}"'
        seen = [name]
        while (above := parents.get(seen[-1], "")) and above not in seen:
            seen.append(above)
        if above == name:
            yield f'node "{name}" lies below itself: {" in ".join([*seen, name])}'
