"""Architectures: a tree of memories, links, arrays and compute units."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Literal, Self

from pydantic import Field, ValidationError, model_validator

from netwright.arch.faults import example, sentences
from netwright.arch.figure import Figure, Part
from netwright.arch.nodes import Accelerator, Array, Compute, Link, Memory, Node
from netwright.errors import ConfigError


class Architecture(Part):
    """A machine as data; read from TOML by :func:`netwright.arch.load`.

    Attributes:
        schema_version: Version of the file format.
        name: Short name.
        title: What the machine is.
        nodes: All nodes; each names its parent, and exactly one has none.
        accelerators: Those of its parts that were made of templates; their nodes are among `nodes`.
    """

    schema_version: Literal[1] = 1
    name: str = Field(min_length=1)
    title: str = ""
    nodes: tuple[Node, ...] = Field(min_length=1)
    accelerators: tuple[Accelerator, ...] = ()

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
    def units(self) -> tuple[Compute, ...]:
        """All compute units, in file order."""
        return tuple(node for node in self.nodes if isinstance(node, Compute))

    @property
    def abilities(self) -> str:
        """What each compute unit does, in words; empty if there is none."""
        return "; ".join(f"{unit.name} does {', '.join(unit.does)}" for unit in self.units)

    def units_for(self, *operators: str) -> tuple[Compute, ...]:
        """The compute units that do all of some operators.

        Raises:
            ConfigError: None does them; the message says what each one does.
        """
        found = tuple(unit for unit in self.units if set(operators) <= set(unit.does))
        if found:
            return found
        raise ConfigError(
            f'architecture "{self.name}" has no unit that does {" and ".join(operators)}',
            hint=self.abilities or "it has no node of kind compute",
        )

    @property
    def path(self) -> tuple[Node, ...]:
        """The nodes from the root to the only compute unit; empty if there is none.

        Raises:
            ConfigError: There are several; see :meth:`path_to`.
        """
        units = self.units
        if len(units) > 1:
            names = ", ".join(unit.name for unit in units)
            raise ConfigError(
                f'architecture "{self.name}" has {len(units)} compute units: {names}',
                hint="name the one that is meant",
            )
        return self.path_to(units[0].name) if units else ()

    def path_to(self, compute: str) -> tuple[Node, ...]:
        """The nodes from the root to a compute unit.

        Raises:
            ConfigError: There is no compute unit of this name.
        """
        by_name = {node.name: node for node in self.nodes}
        node = by_name.get(compute)
        if not isinstance(node, Compute):
            raise ConfigError(
                f'architecture "{self.name}" has no compute unit "{compute}"',
                hint=f"compute units: {', '.join(unit.name for unit in self.units)}",
            )
        found: list[Node] = [node]
        while found[-1].parent:
            found.append(by_name[found[-1].parent])
        return tuple(reversed(found))

    def branch(self, compute: str) -> Self:
        """The machine as one compute unit sees it: the nodes between the root and the unit.

        Raises:
            ConfigError: There is no compute unit of this name.
        """
        path = self.path_to(compute)
        return self if len(path) == len(self.nodes) else self.model_copy(update={"nodes": path})

    def below(self, memory: str) -> Self:
        """The machine as an operation sees it whose operands all lie in a memory.

        The memory is the root and holds everything; what leaks outside leaks there.

        Raises:
            ConfigError: There is no such memory, it exists more than once, or a compute unit does
                not lie below it.
        """
        top = self.memory(memory)
        if top is None:
            raise unknown(memory, "memory", [node.name for node in self.memories])
        if self.copies(memory) > 1:
            raise ConfigError(f'there are {self.copies(memory)} copies of the memory "{memory}"')
        inside = {memory}
        while more := {n.name for n in self.nodes if n.parent in inside} - inside:
            inside |= more
        for unit in self.units:
            if unit.name not in inside:
                raise ConfigError(f'the compute unit "{unit.name}" does not lie below "{memory}"')
        changes: dict[str, object] = {"parent": "", "capacity": None}
        outside = [name for name in self.leakage_w if name == memory or name not in inside]
        leaks = sum(self.leakage_w[name] for name in outside)
        if leaks:
            changes["leakage"] = _chosen(leaks, "W", "the sum of what lies outside")
        nodes = tuple(
            node.model_copy(update=changes) if node is top else node
            for node in self.nodes
            if node.name in inside
        )
        return self.model_copy(update={"nodes": nodes})

    def copies(self, name: str) -> int:
        """How often a node exists: the product of the arrays above it."""
        by_name = {node.name: node for node in self.nodes}
        node, total = by_name[name], 1
        while node.parent:
            node = by_name[node.parent]
            total *= node.num_copies if isinstance(node, Array) else 1
        return total

    @property
    def figures(self) -> Mapping[str, Figure]:
        """Every figure of the machine, by its place, as ``node.figure``."""
        found: dict[str, Figure] = {}
        for node in self.nodes:
            own = {name: value for name, value in node if isinstance(value, Figure)}
            if isinstance(node, Compute):
                own |= {
                    f"operators.{name}.energy": operator.energy
                    for name, operator in node.operators.items()
                    if operator.energy is not None
                }
            if isinstance(node, Memory) and node.dram is not None:
                own |= {f"dram.{name}": figure for name, figure in node.dram.figures.items()}
            found |= {f"{node.name}.{name}": figure for name, figure in own.items()}
        return found

    @property
    def area_m2(self) -> float | None:
        """Square meters of all copies of the nodes whose area is known; ``None`` if none is."""
        known = [node for node in self.nodes if node.area is not None]
        total = sum(n.area.value * self.copies(n.name) for n in known if n.area is not None)
        return total if known else None

    @property
    def leakage_w(self) -> Mapping[str, float]:
        """Watts that all copies of a node take all the time, for nodes whose leakage is known."""
        return {
            node.name: node.leakage.value * self.copies(node.name)
            for node in self.nodes
            if node.leakage is not None
        }

    def missing_figures(self) -> tuple[str, ...]:
        """What an estimate of time and energy needs and the file does not say, with its place."""
        if not any(isinstance(node, Compute) for node in self.nodes):
            return ("nodes: an estimate needs a node of kind compute",)
        found = []
        if not isinstance(self.root, Memory):
            place = self.nodes.index(self.root)
            found.append(f'nodes[{place}]: the root "{self.root.name}" must be a memory')
        for index, node in enumerate(self.nodes):
            wanted: tuple[str, ...] = ()
            if isinstance(node, Memory):
                wanted = ("bandwidth", "read_energy", "write_energy")
            elif isinstance(node, Compute):
                known = all(node.energy_of(operator) is not None for operator in node.does)
                wanted = ("rate",) if known else ("rate", "energy")
            elif isinstance(node, Link):
                wanted = ("energy",)
            for name in wanted:
                if getattr(node, name) is None:
                    found.append(f'nodes[{index}].{name}: an estimate needs it ("{node.name}")')
        return tuple(found)

    def with_changes(self, name: str, changes: Mapping[str, object]) -> Self:
        """A copy in which a node has other settings, checked as those of a file are.

        Args:
            name: Name of the node.
            changes: The new values of some of its settings.

        Raises:
            ConfigError: There is no such node, or a setting is not accepted.
        """
        old = next((node for node in self.nodes if node.name == name), None)
        if old is None:
            raise unknown(name, "node", [node.name for node in self.nodes])
        try:
            new = type(old).model_validate({**dict(old), **changes})
            nodes = tuple(new if node is old else node for node in self.nodes)
            return type(self).model_validate({**dict(self), "nodes": nodes})
        except ValidationError as error:
            raise ConfigError(sentences(error, type(old))).at(f'node "{name}"') from None

    def with_fanout(self, name: str, fanout: Iterable[int]) -> Self:
        """A copy in which an array has another size.

        Args:
            name: Name of the array.
            fanout: Copies along each of its axes, as many as before.

        Raises:
            ConfigError: There is no such array, or it cannot have this size.
        """
        arrays = [node for node in self.nodes if isinstance(node, Array)]
        old = next((array for array in arrays if array.name == name), None)
        if old is None:
            raise unknown(name, "array", [array.name for array in arrays])
        sizes = tuple(fanout)
        if len(sizes) != len(old.fanout):
            raise ConfigError(
                f'array "{name}": fanout must have {len(old.fanout)} sizes, as it has now, '
                f"not {len(sizes)}",
                hint=f"now it is {' x '.join(str(size) for size in old.fanout)}",
            )
        return self.with_changes(name, {"fanout": sizes})

    def with_unlimited_bandwidth(self) -> Self:
        """A copy whose memories never hold anything up, as some published models have it."""
        figure = _chosen(1e30, "B/s", "unlimited, chosen by the caller")
        changed = self
        for memory in self.memories:
            changed = changed.with_changes(
                memory.name, {"bandwidth": figure, "double_buffered": True}
            )
        return changed

    def with_scratchpad(self, capacity_bytes: int, *, line_bytes: int | None = None) -> Self:
        """A copy in which the scratchpad has another capacity.

        Args:
            capacity_bytes: The new capacity.
            line_bytes: The new line; unchanged if not given.

        Raises:
            ConfigError: The machine has no memory of limited capacity, or it cannot have this one.
        """
        old = self.scratchpad
        if old is None:
            raise ConfigError(
                f'architecture "{self.name}" has no scratchpad: no memory with a capacity',
                hint=f"give a memory a figure such as {example('capacity')}",
            )
        changes: dict[str, object] = {"capacity": _chosen(capacity_bytes, "B")}
        if line_bytes is not None:
            changes["line_bytes"] = line_bytes
        return self.with_changes(old.name, changes)


def _chosen(value: float, unit: str, source: str = "chosen by the caller") -> Figure:
    if not value >= 0:
        raise ConfigError(f"a figure of a machine must be 0 or more, not {value:g} {unit}")
    return Figure(value=float(value), unit=unit, source=source, fidelity="assumed")


def unknown(name: str, what: str, names: Sequence[str]) -> ConfigError:
    """The error about a name that is none of some, with the nearest one."""
    near = get_close_matches(name, names, n=1)
    meant = f'; did you mean "{near[0]}"?' if near else ""
    return ConfigError(f'there is no {what} "{name}"{meant}', hint=f"{what}s: {', '.join(names)}")


def _faults(architecture: Architecture) -> Iterator[str]:
    parents: dict[str, str] = {}
    for node in architecture.nodes:
        if node.name in parents:
            yield f'node "{node.name}" is declared twice'
        parents[node.name] = node.parent
    for own in architecture.accelerators:
        if own.name in parents:
            yield f'accelerator "{own.name}" has the name of a node'
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
