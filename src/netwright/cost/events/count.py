"""The events engine: a network on a memory with units beside its banks, as counts by Einsum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from netwright.arch import Architecture, Dram
from netwright.cost.counts import Action, Counts
from netwright.cost.events.alike import alike, run_alike
from netwright.cost.events.energy import pin_bytes_of
from netwright.cost.events.judge import violations
from netwright.cost.events.lower import Stage, StageKind, program_of, stages_of
from netwright.cost.events.outcome import Outcome
from netwright.cost.events.program import Program
from netwright.cost.events.queue import run
from netwright.cost.events.table import BANK, CHANNEL, GROUP, OPEN, ROW, Table
from netwright.errors import ConfigError
from netwright.mapping.layout import banked
from netwright.mapping.legality import check_legal
from netwright.mapping.mapping import Mapping
from netwright.progress import Progress, silent
from netwright.workload import Workload

TOLD = (
    "operators run one after the other; what is no product with a matrix in the banks runs on the "
    "host, on values in its own memory and on parameters and inputs that it reads from the banks",
)


@dataclass(frozen=True, eq=False)
class Execution:
    """A network that ran on a memory.

    Attributes:
        counts: What happened, by Einsum, in order.
        program: What the memory was asked for.
        outcome: What came of it.
        table: The memory.
        kinds: What each stage is.
        left_out: Einsums that nobody can count, with the reason.
    """

    counts: tuple[Counts, ...]
    program: Program
    outcome: Outcome
    table: Table
    kinds: tuple[StageKind, ...]
    left_out: tuple[tuple[str, str], ...] = ()

    @property
    def cycles_by(self) -> dict[StageKind, int]:
        """Cycles of the memory's clock in stages of each kind."""
        found: dict[StageKind, int] = dict.fromkeys(get_args(StageKind), 0)
        for kind, cycles in zip(self.kinds, self.outcome.stage_cycles, strict=True):
            found[kind] += cycles
        return found

    @property
    def row_hits(self) -> float:
        """The share of columns, bank by bank, whose row was open already; 1 without columns."""
        number = {BANK: 1, GROUP: self.table.banks_per_group, CHANNEL: self.table.banks}
        issued = self.outcome.commands.sum(axis=0).tolist()
        count = {ROW: 0, OPEN: 0}
        for role, level, amount in zip(self.table.roles, self.table.levels, issued, strict=True):
            if role in count:
                count[role] += number[level] * amount
        return 1 - count[OPEN] / count[ROW] if count[ROW] else 1.0


def judged(done: Execution, dram: Dram) -> tuple[int, tuple[str, ...]]:
    """The number of commands of one channel of each kind, and what no rule allows of them.

    Args:
        done: A network that ran.
        dram: The memory.
    """
    few = alike(done.program, done.table)
    outcome = run(few.table(done.table), few.program)
    assert outcome.trace is not None  # asked for
    found = violations(outcome.trace, outcome.names, few.dram(dram))
    return len(outcome.trace), found


def execute(
    workload: Workload,
    architecture: Architecture,
    mapping: Mapping,
    *,
    refresh: bool = True,
    trace: bool = False,
    progress: Progress = silent,
) -> Execution:
    """Run a mapped network command by command.

    Args:
        workload: The network.
        architecture: A machine whose memory has a unit beside each bank.
        mapping: One with layouts, see :func:`netwright.mapping.place`.
        refresh: Whether cells are refreshed.
        trace: Whether every command is kept.
        progress: Told how many commands were issued.

    Raises:
        ConfigError: The machine has no such memory.
        MappingError: The mapping is not legal.
    """
    memory = banked(architecture)
    if memory is None or memory.dram is None:
        raise ConfigError(f'architecture "{architecture.name}" has no unit beside its banks',
                          hint="name one in the section dram of a memory")  # fmt: skip
    check_legal(workload, architecture, mapping)
    stages, left_out = stages_of(workload, architecture, memory, mapping)
    program = program_of(stages, architecture, memory.dram)
    table = Table.of(memory.dram, refresh=refresh)
    if trace:
        outcome = run(table, program, progress=progress)
    else:
        outcome = run_alike(table, program, progress=progress)
    counts = counts_of(outcome, stages, memory.name, memory.dram)
    kinds = tuple(stage.kind for stage in stages)
    return Execution(counts, program, outcome, table, kinds, left_out)


def counts_of(
    outcome: Outcome, stages: Sequence[Stage], memory: str, dram: Dram
) -> tuple[Counts, ...]:
    """What happened in each stage, as the language of all engines has it."""
    found = []
    for number, (stage, cycles) in enumerate(zip(stages, outcome.stage_cycles, strict=True)):
        issued = dict(zip(outcome.names, map(int, outcome.commands[number]), strict=True))
        actions = [
            Action(memory, "command", amount, copies=dram.channels, operator=name)
            for name, amount in issued.items()
            if amount
        ]
        active = outcome.active_cycles[number]
        idle = cycles * dram.channels - active
        for name, amount in (("active", active), ("precharged", idle)):
            if amount:
                actions.append(Action(memory, "command", amount, copies=dram.channels,
                                      operator=name))  # fmt: skip
        crossed = sum(8 * pin_bytes_of(dram, name) * amount for name, amount in issued.items())
        if crossed and dram.pins:
            actions.append(Action(dram.pins, "cross", crossed))
        steps = {memory: cycles, **stage.host_cycles}
        found.append(Counts(stage.name, "events", (steps,), (*actions, *stage.actions), TOLD))
    return tuple(found)
