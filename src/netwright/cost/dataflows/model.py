"""Layers on templates: what they cost, in closed form, and the loop nests that they run under."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from netwright.arch import ROLES, Array, Compute, Memory, Sized
from netwright.cost.dataflows.flow import Flow, nest_keeps, nest_loops
from netwright.cost.dataflows.output import output_stationary
from netwright.cost.dataflows.row import row_stationary
from netwright.cost.dataflows.shape import CACHED, Shape, shape_of
from netwright.cost.dataflows.weight import weight_stationary
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
    memories = [node for node in machine.template.nodes if isinstance(node, Memory)]
    rooms = {node.name: machine.capacity(node) for node in memories}
    if machine.template.dataflow == "weight":
        return weight_stationary(shape, machine, rooms["accumulators"])
    if machine.template.dataflow == "output":
        return output_stationary(shape, machine, rooms["window"])
    return row_stationary(shape, machine, rooms["filters"], rooms["images"])


def work(shape: Shape, machine: Sized) -> Work | None:
    """What a layer costs on a template; ``None`` if it does not fit.

    Equal layers on equal templates are counted once, whatever the bandwidth.
    """
    return _work(shape, machine.name, machine.elements, machine.buffer_bytes)


@lru_cache(maxsize=CACHED)
def _work(shape: Shape, name: str, elements: int, buffer_bytes: int) -> Work | None:
    machine = Sized(name, elements, 1.0, buffer_bytes)
    found = flow(shape, machine)
    if found is None:
        return None
    joules = 0.0
    for node in machine.template.nodes:
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
