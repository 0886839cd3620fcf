"""What the study ``smash`` simulates: the square of a graph, by every version."""

from __future__ import annotations

from functools import cache

from netwright import arch, cost
from netwright.cost import MERGE_VERSIONS, MergeOutcome, MergeProgram, simulate_merge
from netwright.kernels import SparseRows, rmat

SCALES = {"smoke": 7, "full": 10}
"""Of the graphs that are simulated; the thesis is said to have taken 14."""

SENSITIVITY_SCALE = 9


def program_of(graph: SparseRows) -> MergeProgram:
    """The square of a graph."""
    rows = (graph.offsets, graph.columns)
    return MergeProgram(*rows, *rows, graph.num_columns)


@cache
def outcomes(scale: int) -> dict[str, MergeOutcome]:
    """The square of a skewed graph by every version, on the machine as it is."""
    machine, program = cost.merge_machine(arch.find("piuma")), program_of(rmat(scale))
    return {name: simulate_merge(program, machine, made) for name, made in MERGE_VERSIONS.items()}


@cache
def varied() -> dict[str, dict[str, int]]:
    """Cycles of each version when one figure of the machine is another."""
    program = program_of(rmat(SENSITIVITY_SCALE))
    machines = cost.merge_variations(cost.merge_machine(arch.find("piuma")))
    return {
        label: {
            name: simulate_merge(program, machine, made).cycles
            for name, made in MERGE_VERSIONS.items()
        }
        for label, machine in machines.items()
    }
