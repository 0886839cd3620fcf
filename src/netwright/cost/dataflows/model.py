"""Layers on templates: what they cost, in closed form, and the loop nests that they run under."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from netwright.arch import ROLES, Array, Compute, Memory, Sized, template
from netwright.cost.dataflows import output, row, weight
from netwright.cost.dataflows.flow import Flow, nest_keeps, nest_loops
from netwright.cost.dataflows.shape import CACHED, Shape, shape_of
from netwright.mapping.loopnest import LoopNest
from netwright.mapping.operation import Operation


@dataclass(frozen=True, slots=True)
class Work:
    """What a layer costs on a template, apart from the memory above.

    Attributes:
        cycles: Steps of the busiest element.
        port_bits: Bits between the memory above and the buffer.
        read_bits: Those of them that the memory above is read for.
        joules: Energy inside.
        num_macs: Multiply-accumulates.
    """

    cycles: int
    port_bits: int
    read_bits: int
    joules: float
    num_macs: int


def flow(shape: Shape, machine: Sized) -> Flow | None:
    """A layer on a template; ``None`` if it does not fit."""
    used = _used(shape, machine)
    return None if used is None else _flow(shape, used)


def work(shape: Shape, machine: Sized) -> Work | None:
    """What a layer costs on a template; ``None`` if it does not fit.

    Machines of which a layer uses the same part are counted once, whatever their sizes.
    """
    used = _used(shape, machine)
    return None if used is None else _work(shape, machine.name, used)


_Use: TypeAlias = weight.Use | output.Use | row.Use


def _used(shape: Shape, machine: Sized) -> _Use | None:
    """What a layer uses of a template: arithmetic of microseconds."""
    own, sides, rooms = _array(machine.name, machine.elements)
    return own(shape, sides, machine.buffer_bytes, *rooms)


@lru_cache(maxsize=CACHED)
def _array(
    name: str, elements: int
) -> tuple[Callable[..., _Use | None], tuple[int, int], tuple[int, ...]]:
    """What says how a layer uses a template, axes of its array, and capacities that it asks."""
    own: Callable[..., _Use | None]
    names: tuple[str, ...]
    machine = Sized(name, elements, 1.0, 1)
    if machine.template.dataflow == "weight":
        own, names = weight.use, ("accumulators",)
    elif machine.template.dataflow == "output":
        own, names = output.use, ("window",)
    else:
        own, names = row.use, ("filters", "images")
    memories = {node.name: node for node in machine.template.nodes if isinstance(node, Memory)}
    return own, machine.sides, tuple(machine.capacity(memories[name]) for name in names)


def _flow(shape: Shape, used: _Use) -> Flow:
    if isinstance(used, weight.Use):
        return weight.weight_stationary(shape, used)
    if isinstance(used, output.Use):
        return output.output_stationary(shape, used)
    return row.row_stationary(shape, used)


@lru_cache(maxsize=CACHED)
def _work(shape: Shape, name: str, used: _Use) -> Work:
    found = _flow(shape, used)
    joules = 0.0
    for node in template(name).nodes:
        if isinstance(node, Memory):
            assert node.read_energy is not None  # check_template
            assert node.write_energy is not None
            read = found.amounts.get((node.name, "read"), 0)
            written = found.amounts.get((node.name, "write"), 0)
            joules += (read * node.read_energy.value + written * node.write_energy.value) / 8
        elif isinstance(node, Compute):
            assert node.energy is not None
            joules += shape.num_macs * node.energy.value
    return Work(
        found.cycles, found.amounts["port", "cross"], found.amounts["root", "read"], joules,
        shape.num_macs,
    )  # fmt: skip


def template_nest(operation: Operation, machine: Sized, name: str, root: str) -> LoopNest | None:
    """The loop nest under which an operation runs on an accelerator; ``None`` if it does not fit.

    Args:
        operation: What is computed.
        machine: The accelerator's template with its size.
        name: The accelerator's name.
        root: Name of the outermost memory.

    Raises:
        GraphError: No template counts such an operation.
    """
    shape, ranks = shape_of(operation)
    found = flow(shape, machine)
    if found is None:
        return None
    array = next(node.name for node in machine.template.nodes if isinstance(node, Array))
    loops, places = nest_loops(shape, ranks, found, f"{name}_{array}")
    tensors = {role: operation.of(role) for role in ROLES}
    return LoopNest(tuple(loops), nest_keeps(tensors, root, f"{name}_", found, places))


def why_not(shape: Shape, machine: Sized) -> str:
    """Why a layer does not fit a template, in words."""
    rows, _ = machine.sides
    if machine.template.dataflow == "row" and shape.rows.taps > rows:
        return f"its filter has {shape.rows.taps} rows and the array {rows}"
    return f"its smallest tiles do not fit into a buffer of {machine.buffer_bytes} B"
