"""Templates: parts of machines whose size is a parameter, and machines that are made of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import isqrt
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from netwright.arch.architecture import Architecture, unknown
from netwright.arch.faults import sentences
from netwright.arch.figure import Figure, Part
from netwright.arch.nodes import (
    Accelerator,
    Area,
    Array,
    Bandwidth,
    Capacity,
    Compute,
    Link,
    Memory,
    Node,
)
from netwright.errors import ConfigError
from netwright.reading import read_toml

FOLDER = Path(__file__).parent / "library" / "templates"

Dataflow = Literal["weight", "output", "row"]
"""What stays in the elements."""


class _Scaled(Memory):
    scales_with: Literal["", "elements", "columns"] = ""


class _Free(Array):
    fanout: tuple[Annotated[int, Field(ge=1)], ...] = (1, 1)


class _Defaults(Part):
    elements: int = Field(ge=1)
    bandwidth: Bandwidth
    buffer: Capacity


class _Areas(Part):
    mac: Area
    bit: Area
    bus: Area
    arbiter: Area


class Template(Part):
    """A part of a machine whose size is a parameter; read from TOML.

    The first node is the link from the node above, the second the buffer. A memory's capacity is
    that of one element or column of the array, where it scales with them.

    Attributes:
        schema_version: Version of the file format.
        title: What the part is.
        dataflow: What stays in the elements; says which model counts its layers.
        fanout: Sizes of the array's axes; 0 stands for what the number of elements leaves, and two
            of them for a square.
        defaults: Parameters that are not given.
        area: Square meters of a multiply-accumulate unit, of a bit of memory, of the bus for a byte
            a cycle into one row of the array, and of the arbiter of a row.
        nodes: The nodes, without sizes that are parameters.
    """

    schema_version: Literal[1] = 1
    title: str
    dataflow: Dataflow
    fanout: tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]]
    defaults: _Defaults
    area: _Areas
    nodes: tuple[Annotated[_Scaled | Link | _Free | Compute, Field(discriminator="kind")], ...]

    def sides(self, elements: int) -> tuple[int, int]:
        """Sizes of the array's axes for a number of elements; their product is at most that."""
        first, second = self.fanout
        if not first and not second:
            first = isqrt(elements)
        elif not first:
            first = max(1, elements // second)
        first = min(first, elements)
        return first, second or elements // first


@dataclass(frozen=True, slots=True)
class Sized:
    """A template with its parameters.

    Attributes:
        name: Name of the template.
        elements: Processing elements.
        bandwidth: Bytes a second between the node above and the buffer.
        buffer_bytes: Capacity of the buffer.
    """

    name: str
    elements: int
    bandwidth: float
    buffer_bytes: int

    @property
    def template(self) -> Template:
        """The template."""
        return template(self.name)

    @property
    def sides(self) -> tuple[int, int]:
        """Sizes of the array's axes."""
        return self.template.sides(self.elements)

    @property
    def area_m2(self) -> float:
        """Square meters of the elements, all memories and the interconnect."""
        return sum(self.areas.values())

    @property
    def areas(self) -> Mapping[str, float]:
        """Square meters by node, over all copies."""
        rows, columns = self.sides
        found, inside = {}, False
        for node in self.template.nodes:
            inside = inside or isinstance(node, Array)
            found[node.name] = self._area(node) * (rows * columns if inside else 1)
        return found

    def capacity(self, node: Memory) -> int:
        """Bytes of one copy of a memory."""
        if node.capacity is None:
            return self.buffer_bytes
        rows, columns = self.sides
        scale = {"": 1, "elements": rows * columns, "columns": columns}
        return int(node.capacity.value) * scale[getattr(node, "scales_with", "")]

    def _area(self, node: Node) -> float:
        """Square meters of one copy."""
        of = self.template.area
        if isinstance(node, Memory):
            return self.capacity(node) * 8 * of.bit.value
        if isinstance(node, Compute):
            return of.mac.value
        if isinstance(node, Link):
            assert isinstance(self.template.nodes[-1], Compute)
            assert self.template.nodes[-1].rate is not None
            bytes_a_cycle = self.bandwidth / self.template.nodes[-1].rate.value
            return self.sides[0] * (of.bus.value * bytes_a_cycle + of.arbiter.value)
        return 0.0

    def nodes(self, own: Accelerator) -> Iterator[Node]:
        """The nodes of an accelerator that is made of this."""
        for number, node in enumerate(self.template.nodes):
            changes: dict[str, object] = {
                "name": f"{own.name}_{node.name}",
                "parent": own.parent if number == 0 else f"{own.name}_{node.parent}",
            }
            area = self._area(node)
            if area:
                changes["area"] = _figure(area, "m2", "constants of the template")
            if isinstance(node, _Scaled):
                size = self.capacity(node)
                source = "chosen by the accelerator" if node.capacity is None else (
                    f"{node.capacity.source}{_times(node.scales_with)}")  # fmt: skip
                changes["capacity"] = _figure(size, "B", source)
                kept = {name: value for name, value in node if name != "scales_with"}
                yield Memory.model_construct(**{**kept, **changes})
            elif isinstance(node, _Free):
                yield Array.model_construct(**{**dict(node), **changes, "fanout": self.sides})
            elif isinstance(node, Link):
                changes["bandwidth"] = _figure(self.bandwidth, "B/s", "chosen by the accelerator")
                yield node.model_copy(update=changes)
            else:
                yield node.model_copy(update=changes)


def _times(scales_with: str) -> str:
    return f"; times the {scales_with}" if scales_with else ""


def _figure(value: float, unit: str, source: str) -> Figure:
    return Figure(value=float(value), unit=unit, source=source, fidelity="assumed")


def templates() -> tuple[str, ...]:
    """Names of the templates that this package brings."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))


@cache
def template(name: str) -> Template:
    """A template by name, or by the path of its file.

    Raises:
        ConfigError: There is none, or its file is not accepted.
    """
    path = FOLDER / f"{name}.toml" if name in templates() else Path(name)
    if path.suffix != ".toml":
        raise unknown(name, "template", templates())
    try:
        found = Template.model_validate_json(json.dumps(read_toml(path), default=str))
    except ValidationError as error:
        raise ConfigError(sentences(error, Template), path=str(path)) from None
    kinds = [type(node) for node in found.nodes]
    if kinds[:2] != [Link, _Scaled] or kinds.count(_Free) != 1 or kinds[-1] is not Compute:
        raise ConfigError(
            "a template must be a link, a buffer, and then memories and one array down to a "
            "compute unit",
            path=str(path),
        )
    return found


def sized(own: Accelerator) -> Sized:
    """The template of an accelerator with its parameters.

    Raises:
        ConfigError: There is no such template.
    """
    found = template(own.template)
    given = found.defaults
    bandwidth, buffer = own.bandwidth or given.bandwidth, own.buffer or given.buffer
    return Sized(own.template, own.elements or given.elements, bandwidth.value, int(buffer.value))


def with_accelerators(base: Architecture, accelerators: Iterable[Accelerator]) -> Architecture:
    """A machine with accelerators below some of its nodes; those that it has are replaced.

    Args:
        base: The other nodes: at least a root.
        accelerators: The accelerators.

    Raises:
        ConfigError: A template, a parent or a name is not accepted; all faults are listed.
    """
    chosen = tuple(accelerators)
    own = [f"{old.name}_" for old in base.accelerators]
    kept = [node for node in base.nodes if not node.name.startswith(tuple(own) or ("\0",))]
    made = [node for one in chosen for node in sized(one).nodes(one)]
    try:
        return Architecture.model_validate(
            {**dict(base), "nodes": (*kept, *made), "accelerators": chosen}
        )
    except ValidationError as error:
        raise ConfigError(sentences(error)) from None


def expanded(tables: Mapping[str, Any]) -> Mapping[str, Any]:
    """Tables of a machine's file with the nodes of its accelerators.

    Raises:
        ConfigError: An accelerator is not accepted; all faults are listed.
    """
    listed = tables.get("accelerators", [])
    if not isinstance(listed, Sequence) or isinstance(listed, str):
        raise ConfigError("accelerators: must be an array of tables, [[accelerators]]")
    others = tables.get("nodes", [])
    if not isinstance(others, Sequence) or isinstance(others, str):
        raise ConfigError("nodes: must be an array of tables, [[nodes]]")
    faults: list[str] = []
    found: list[dict[str, Any]] = []
    for number, table in enumerate(listed):
        try:
            own = Accelerator.model_validate_json(json.dumps(table, default=str))
            nodes = list(sized(own).nodes(own))
        except ValidationError as error:
            told = sentences(error, Accelerator)
            is_table = isinstance(table, Mapping)
            faults += [f"accelerators[{number}]{'.' if is_table else ': '}{t}" for t in told]
        except ConfigError as error:
            hint = f" ({error.hint})" if error.hint else ""
            faults.append(f"accelerators[{number}].template: {error.message}{hint}")
        else:
            found += [node.model_dump(mode="json") for node in nodes]
    if faults:
        raise ConfigError(faults)
    return {**tables, "nodes": [*others, *found]}
