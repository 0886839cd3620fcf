"""What became of generated Verilog in synthesis, proof, place and route, as data."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from netwright.quantities import Quantity
from netwright.report.part import Count, Part

TABLES_IN_CARRY = {"CCU2C": 2}
"""Lookup tables that a carry cell holds itself, by its kind; others use the tables beside them."""


def table_inputs(part: str) -> int | None:
    """Inputs of a part's lookup tables; a table of six does the work of up to four of four."""
    from netwright.backends.rtl import find_part, part_names

    return find_part(part).table_inputs if part in part_names() else None


class CellCounts(Part):
    """What a design, or a layer, needs on one part before placement.

    Attributes:
        part: The part.
        lut: Lookup tables.
        carry: Carry cells.
        ff: Registers.
    """

    part: str
    lut: Quantity
    carry: Quantity
    ff: Quantity

    @property
    def table_name(self) -> str:
        """What the part's lookup tables are called, such as ``LUT4``."""
        return f"LUT{table_inputs(self.part) or ''}"

    @property
    def num_tables(self) -> float:
        """Lookup tables together with those inside carry cells."""
        return self.lut.value + TABLES_IN_CARRY.get(self.carry.unit, 0) * self.carry.value


class HardwareLayer(Part):
    """One module of the design.

    Attributes:
        name: Name of the module.
        nodes: Nodes of the graph that it computes.
        first_stage: Pipeline registers between the inputs of the design and its earliest input.
        last_stage: Pipeline registers between the inputs of the design and its outputs.
        num_inputs: Signals that enter.
        input_bits: Their width together.
        num_outputs: Signals that leave.
        output_bits: Their width together.
        num_adders: Adders with two variable operands.
        cells: Its cells, when the layer was counted on its own.
    """

    name: str
    nodes: tuple[str, ...]
    first_stage: Count
    last_stage: Count
    num_inputs: Count
    input_bits: Count
    num_outputs: Count
    output_bits: Count
    num_adders: Count
    cells: CellCounts | None = None

    @model_validator(mode="after")
    def _stages_in_order(self) -> Self:
        if self.last_stage < self.first_stage:
            raise ValueError(
                f"last_stage must be at least first_stage, {self.first_stage}, "
                f"not {self.last_stage}"
            )
        return self


class LayerProof(Part):
    """What was proven of one layer, for every input there is.

    Attributes:
        layer: Name of the module.
        method: How, such as ``"coefficients"`` or the name of a solver.
        what: What was proven, in a few words.
        num_proven: Statements that hold.
        num_open: Statements that are neither proven nor refuted.
        counter_example: The first one that does not hold, with its numbers.
    """

    layer: str
    method: str
    what: str
    num_proven: Count
    num_open: Count = 0
    counter_example: str | None = None

    @property
    def holds(self) -> bool:
        """Whether something was proven, nothing failed and nothing is open."""
        return self.num_proven > 0 and self.num_open == 0 and not self.failed

    @property
    def failed(self) -> bool:
        """Whether there is a counter-example, or nothing was asked at all."""
        return self.counter_example is not None or not (self.num_proven or self.num_open)


class Utilization(Part):
    """How much of one kind of cell of the part is used.

    Attributes:
        cell: Kind of cell, in the words of the tool.
        used: Cells used.
        available: Cells that the part has.
    """

    cell: str
    used: Count
    available: Annotated[int, Field(ge=1)]

    @property
    def share(self) -> float:
        """Used over available."""
        return self.used / self.available


class FloorPlan(Part):
    """Where the cells of a routed design are.

    Attributes:
        columns: Columns of tiles of the part.
        rows: Rows of tiles of the part.
        layers: Names of the layers, and ``""`` for cells outside them.
        tiles: Column, row, place in `layers` and number of cells, wherever there are any.
    """

    columns: Annotated[int, Field(ge=1)]
    rows: Annotated[int, Field(ge=1)]
    layers: tuple[str, ...]
    tiles: tuple[tuple[Count, Count, Count, Count], ...]

    @model_validator(mode="after")
    def _inside(self) -> Self:
        for column, row, layer, _ in self.tiles:
            if column >= self.columns or row >= self.rows or layer >= len(self.layers):
                raise ValueError(
                    f"tiles must be inside {self.columns} columns, {self.rows} rows and "
                    f"{len(self.layers)} layers, not at {column}, {row}, {layer}"
                )
        return self


class Routing(Part):
    """What place and route found.

    Attributes:
        part: The part.
        clock: The frequency that was asked for, in MHz.
        fmax: The largest frequency of the routed design, in MHz.
        latency: From the registers in front of the inputs to those behind the outputs, in ns.
        logic: Part of the critical path spent in cells, in ns.
        wiring: Part of the critical path spent in wires, in ns.
        critical_path: Where it starts and ends.
        utilization: One row a kind of cell that is used.
        floor_plan: Where the cells are, if that was kept.
    """

    part: str
    clock: Quantity
    fmax: Quantity
    latency: Quantity
    logic: Quantity
    wiring: Quantity
    critical_path: str
    utilization: tuple[Utilization, ...]
    floor_plan: FloorPlan | None = None

    @property
    def wiring_share(self) -> float:
        """Part of the critical path spent in wires, 0 to 1."""
        return self.wiring.value / (self.logic.value + self.wiring.value)

    @property
    def met(self) -> bool:
        """Whether the routed design runs at the frequency that was asked for."""
        return self.fmax.value >= self.clock.value


class DepthPoint(Part):
    """The same network with another number of pipeline registers.

    Attributes:
        adders_per_stage: Adders in series between two registers.
        latency_cycles: Clocks from an input to its outputs.
        num_rows: Rows on which it was simulated.
        num_identical: Rows whose outputs equal the graph's in every integer.
        cells: Its cells on its part.
        routing: What place and route found.
    """

    adders_per_stage: Annotated[int, Field(ge=1)]
    latency_cycles: Count
    num_rows: Count
    num_identical: Count
    cells: CellCounts
    routing: Routing

    @property
    def identical(self) -> bool:
        """Whether something was simulated and every row agrees."""
        return 0 < self.num_rows == self.num_identical


class Hardware(Part):
    """A generated design and what open tools made of it.

    Attributes:
        part: The part it is for.
        latency_cycles: Clocks from an input to its outputs.
        layers: Its modules, from input to output.
        cells: One row a part it was mapped to.
        proofs: One row a layer and method.
        routing: What place and route found, if it was tried.
        misfit: Why the part is too small, if it is.
        depths: The same network with more and fewer registers, the fewest adders a stage first.
    """

    part: str
    latency_cycles: Count
    layers: tuple[HardwareLayer, ...]
    cells: tuple[CellCounts, ...]
    proofs: tuple[LayerProof, ...]
    routing: Routing | None = None
    misfit: str | None = None
    depths: tuple[DepthPoint, ...] = ()

    @property
    def certified(self) -> bool:
        """Whether something was proven, no proof failed, and designs of other depths agree."""
        return (
            bool(self.proofs)
            and not any(proof.failed for proof in self.proofs)
            and all(point.identical for point in self.depths)
        )
