"""Registers between inputs and outputs of a mapped netlist: the latency of a pipeline."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

HOLDING = ("SRL", "RAMB", "DP16KD", "DSP", "MULT18")
"""Beginnings of the names of cells with registers inside, which are not looked into."""


@dataclass(frozen=True, slots=True)
class Depth:
    """Registers on the ways from data inputs to outputs.

    Attributes:
        least: On the way with the fewest.
        most: On the way with the most: the latency in clocks.
    """

    least: int
    most: int


def register_depth(module: Mapping[str, Any], registers: Collection[str]) -> Depth | None:
    """Count the registers between inputs and outputs of a flat mapped module.

    A way begins at an input or at a constant register's output that no input reaches; only ways
    from inputs count. Clocks, resets and enables of registers are no ways of data.

    Args:
        module: One module of the JSON of Yosys, every cell with the directions of its ports.
        registers: Kinds of cells that are registers; their data is ``D`` or ``DI``, their state
            ``Q``.

    Returns:
        ``None`` where registers feed themselves or are inside larger cells, a cell does not say
        which of its ports are outputs, or no input reaches an output.
    """
    sources: dict[int, list[tuple[int, int]]] = {}  # bit: bits it is made of, and their registers
    for cell in module["cells"].values():
        directions, connections = cell.get("port_directions", {}), cell["connections"]
        is_register = cell["type"] in registers
        if cell["type"].startswith(HOLDING):
            return None
        inputs: list[int] = []
        outputs: list[int] = []
        for port, bits in connections.items():
            direction = directions.get(port)
            if direction not in ("input", "output"):
                return None
            numbers = [bit for bit in bits if isinstance(bit, int)]
            if direction == "output":
                outputs += numbers
            elif not is_register or port in ("D", "DI", "M"):
                inputs += numbers
        for bit in outputs:
            sources[bit] = [(source, int(is_register)) for source in inputs]
    ports = module["ports"].values()
    entering = {bit for port in ports if port["direction"] == "input" for bit in port["bits"]}
    leaving = {
        bit for port in ports if port["direction"] == "output" for bit in port["bits"]
        if isinstance(bit, int)
    }  # fmt: skip
    order = TopologicalSorter(
        {bit: {source for source, _ in made} for bit, made in sources.items()}
    )
    depths: dict[int, Depth] = {bit: Depth(0, 0) for bit in entering if isinstance(bit, int)}
    try:
        for bit in order.static_order():
            found = [
                Depth(depths[source].least + more, depths[source].most + more)
                for source, more in sources.get(bit, ())
                if source in depths
            ]
            if found and bit not in entering:
                depths[bit] = _joined(found)
    except CycleError:
        return None
    reached = [depths[bit] for bit in leaving if bit in depths]
    return _joined(reached) if reached else None


def _joined(found: list[Depth]) -> Depth:
    return Depth(min(depth.least for depth in found), max(depth.most for depth in found))
