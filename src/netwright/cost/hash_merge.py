"""Time of a sparse product that is merged in a scratchpad by atomic operations, access by access.

Threads of a block multiply entries and put the products into one hash table, which several of them
may want at once; when a window of rows is done, the table is written back. Which slot is free
depends on who came first, so the table is kept while time passes: a queue holds when each thread
goes on, and the one that is earliest takes its next step. The commands of ``cost.events`` are not
used: there, requests of a stage do not wait for each other's answers, and here each probe does.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from netwright.arch import Architecture, Array, Compute
from netwright.arch.figure import Figure
from netwright.errors import ConfigError

ENTRY_BYTES = 16
"""A column and a value of eight bytes each, the grain of the machine's accesses."""

MOST_LOAD = 0.5
"""A window has at most so many products for each slot of its table."""


@dataclass(frozen=True, slots=True)
class MergeMachine:
    """A block of threads around a scratchpad, in cycles of a core.

    Attributes:
        cores: Cores; each issues one instruction a cycle.
        threads: Threads of a core.
        banks: Banks of the scratchpad; each does one access a cycle.
        scratchpad_bytes: Capacity of all banks.
        scratchpad_cycles: From a request to a bank to its answer, when nobody waits.
        dram_cycles: From a request to memory to its first bytes.
        dram_bytes: Bytes of memory a cycle.
        product_instructions: To load, multiply and hash one entry; assumed.
        probe_instructions: For each look into the table; assumed.
        row_instructions: To begin a row of the left matrix; assumed.
        scan_instructions: For each slot of a table that threads write back; assumed.
    """

    cores: int
    threads: int
    banks: int
    scratchpad_bytes: int
    scratchpad_cycles: int
    dram_cycles: int
    dram_bytes: float
    product_instructions: int = 6
    probe_instructions: int = 2
    row_instructions: int = 8
    scan_instructions: int = 4


@dataclass(frozen=True, slots=True)
class MergeVersion:
    """How products are hashed, shared out and written back.

    Attributes:
        hashing: ``high``: by the upper bits of row and column, so that the table is nearly sorted;
            ``low``: by the lower ones.
        schedule: ``static``: thread t makes every row whose number leaves t; ``dynamic``: a thread
            takes the next row when it is free.
        fragmented: Whether the table holds tags alone, and values are added and written back
            without a thread that waits, while the next window is under way.
    """

    hashing: Literal["high", "low"]
    schedule: Literal["static", "dynamic"]
    fragmented: bool


MERGE_VERSIONS = {
    "V1": MergeVersion("high", "static", False),
    "V2": MergeVersion("low", "dynamic", False),
    "V3": MergeVersion("low", "dynamic", True),
}
"""Atomic hashing, tokenization and fragmenting memory, as the SMASH thesis names them."""


@dataclass(frozen=True, slots=True)
class MergeOutcome:
    """What a simulated product took.

    Attributes:
        cycles: From the first access to the last.
        products: Products of entries.
        entries: Entries of the result.
        probes: Looks into the table.
        conflict_cycles: Cycles that accesses waited for a bank.
        dram_bytes: Bytes that came from memory and went there.
        dram_utilization: Share of the cycles in which memory was busy.
        idle: Share of the cycles of all cores in which no instruction was issued.
        write_back_cycles: Cycles in which no products were made because tables were written back.
        windows: Windows of rows.
    """

    cycles: int
    products: int
    entries: int
    probes: int
    conflict_cycles: int
    dram_bytes: int
    dram_utilization: float
    idle: float
    write_back_cycles: int
    windows: int


@dataclass(frozen=True, slots=True, eq=False)
class MergeProgram:
    """The entries of a product in the order of its rows.

    Attributes:
        left_offsets: Where each row of the left matrix begins, and the end.
        left_columns: Column of each of its entries.
        right_offsets: Where each row of the right matrix begins, and the end.
        right_columns: Column of each of its entries.
        num_columns: Columns of the right matrix.
    """

    left_offsets: NDArray[np.int64]
    left_columns: NDArray[np.int32]
    right_offsets: NDArray[np.int64]
    right_columns: NDArray[np.int32]
    num_columns: int

    def products_of_rows(self) -> NDArray[np.int64]:
        """Products of each row."""
        counts = np.diff(self.right_offsets)[self.left_columns]
        sums = np.concatenate([[0], np.cumsum(counts)])
        return np.asarray(np.diff(sums[self.left_offsets]))

    def windows(self, slots: int) -> list[tuple[int, int]]:
        """Consecutive rows that fit into a table together, first and behind the last.

        A row with more products than fit is a window of its own, in a table that is as large as it
        needs: on the machine, it would go through parts of the columns one after the other.
        """
        found, begin, filled = [], 0, 0
        for row, products in enumerate(self.products_of_rows().tolist()):
            most = min(products, self.num_columns)
            if filled and filled + most > MOST_LOAD * slots:
                found.append((begin, row))
                begin, filled = row, 0
            filled += most
        if len(self.left_offsets) > 1:
            found.append((begin, len(self.left_offsets) - 1))
        return found


def merge_machine(architecture: Architecture) -> MergeMachine:
    """The block that an architecture describes.

    Raises:
        ConfigError: A node or a figure that this needs is not there.
    """
    computes = [node for node in architecture.nodes if isinstance(node, Compute)]
    fanouts = {
        node.name: math.prod(node.fanout) for node in architecture.nodes if isinstance(node, Array)
    }
    faults = [
        f'an array "{name}" is needed' for name in ("cores", "threads") if name not in fanouts
    ]
    if len(computes) != 1 or computes[0].rate is None:
        faults.append("one compute node with a rate is needed")
    figures: dict[str, float] = {}
    dram = architecture.memories[0] if architecture.memories else None
    for role, memory in (("memory", dram), ("scratchpad", architecture.scratchpad)):
        if memory is None:
            faults.append(f"a {role} is needed")
            continue
        for name in ("bandwidth", "latency"):
            figure: Figure | None = getattr(memory, name)
            if figure is None:
                faults.append(f'"{memory.name}" needs a {name}')
            else:
                figures[f"{role} {name}"] = figure.value
    if faults:
        raise ConfigError(faults).at(architecture.name)
    rate, scratchpad = computes[0].rate, architecture.scratchpad
    assert rate is not None  # asked for above, like the next one
    assert scratchpad is not None
    clock = rate.value * fanouts["threads"]
    return MergeMachine(
        cores=fanouts["cores"],
        threads=fanouts["threads"],
        banks=max(1, round(figures["scratchpad bandwidth"] / scratchpad.line_bytes / clock)),
        scratchpad_bytes=scratchpad.capacity_bytes or 0,
        scratchpad_cycles=round(figures["scratchpad latency"] * clock),
        dram_cycles=round(figures["memory latency"] * clock),
        dram_bytes=figures["memory bandwidth"] / clock,
    )


def merge_variations(machine: MergeMachine) -> dict[str, MergeMachine]:
    """The machine with each of its figures halved and doubled, by what was changed.

    >>> small = MergeMachine(1, 4, 2, 1024, 20, 200, 16.0)
    >>> merge_variations(small)["banks x2"].banks
    4
    """
    found = {}
    for name in machine.__slots__:
        value: float = getattr(machine, name)
        for label, factor in (("/2", 0.5), ("x2", 2)):
            changed = value * factor if isinstance(value, float) else max(1, int(value * factor))
            one: dict[str, Any] = {name: changed}
            found[f"{name} {label}"] = replace(machine, **one)
    return found


def simulate_merge(
    program: MergeProgram, machine: MergeMachine, version: MergeVersion
) -> MergeOutcome:
    """Let the threads of a block make a product.

    Args:
        program: The entries.
        machine: The block.
        version: How they are hashed, shared out and written back.
    """
    block = _Block(program, machine, version)
    slots = block.slots
    written_until = 0.0
    stalled = 0.0
    now = 0.0
    windows = program.windows(slots)
    for first, last in windows:
        now = block.make_window(first, last, now)
        entries = len(block.table)
        block.entries += entries
        transfer = entries * ENTRY_BYTES / machine.dram_bytes
        block.bytes += entries * ENTRY_BYTES
        if version.fragmented:
            # The copy goes on beside the next window; there are two tables, so one at a time.
            begin = max(now, written_until)
            written_until = begin + machine.dram_cycles + transfer
            stalled += begin - now
            now = begin
        else:
            instructions = block.table_slots * machine.scan_instructions
            block.issued += instructions
            taken = max(instructions / machine.cores, transfer) + machine.dram_cycles
            stalled += taken
            now += taken
    end = max(now, written_until, 1.0)
    return MergeOutcome(
        cycles=round(end),
        products=block.products,
        entries=block.entries,
        probes=block.probes,
        conflict_cycles=round(block.conflicts),
        dram_bytes=block.bytes,
        dram_utilization=block.bytes / machine.dram_bytes / end,
        idle=1 - block.issued / (end * machine.cores),
        write_back_cycles=round(stalled),
        windows=len(windows),
    )


@dataclass(slots=True)
class _Block:
    """Everything that changes while time passes."""

    program: MergeProgram
    machine: MergeMachine
    version: MergeVersion
    slots: int = 0
    table_slots: int = 0
    table: dict[int, int] = field(default_factory=dict)
    core_free: list[float] = field(default_factory=list)
    bank_free: list[float] = field(default_factory=list)
    dram_free: float = 0.0
    products: int = 0
    entries: int = 0
    probes: int = 0
    conflicts: float = 0.0
    bytes: int = 0
    issued: float = 0.0

    def __post_init__(self) -> None:
        # Tag and value; with fragments two tables of tags, and values apart.
        each = 2 * ENTRY_BYTES if self.version.fragmented else ENTRY_BYTES
        self.slots = 1 << ((self.machine.scratchpad_bytes // each).bit_length() - 1)
        self.core_free = [0.0] * self.machine.cores
        self.bank_free = [0.0] * self.machine.banks

    def make_window(self, first: int, last: int, start: float) -> float:
        """Make rows; returns when the last thread is done."""
        machine = self.machine
        self.table.clear()
        most = int(np.minimum(self.program.products_of_rows()[first:last],
                              self.program.num_columns).sum())  # fmt: skip
        self.table_slots = self.slots
        while self.table_slots * MOST_LOAD < most:
            self.table_slots *= 2
        threads = machine.cores * machine.threads
        shared = iter(range(first, last))
        turns: list[Iterator[float]] = []
        for thread in range(threads):
            own = iter(range(first + thread, last, threads))
            rows = shared if self.version.schedule == "dynamic" else own
            turns.append(self._thread(thread % machine.cores, rows, first, last, start))
        # Who is earliest goes on; who asked first does if several are.
        queue = [(start, number) for number in range(threads)]
        asked, end = threads, start
        owners = dict(enumerate(turns))
        while queue:
            now, number = heapq.heappop(queue)
            turn = owners.pop(number)
            after = next(turn, None)
            if after is None:
                end = max(end, now)
                continue
            owners[asked] = turn
            heapq.heappush(queue, (after, asked))
            asked += 1
        return end

    def _thread(
        self, core: int, rows: Iterator[int], first: int, last: int, now: float
    ) -> Iterator[float]:
        """What a thread does; yields when it goes on after each answer."""
        machine, program = self.machine, self.program
        columns, starts = program.left_columns, program.right_offsets
        bank_of, span = machine.banks, (last - first) * program.num_columns
        for row in rows:
            if self.version.schedule == "dynamic":
                now = self._access(0, now)  # the counter of rows
                yield now
            now = self._issue(core, now, machine.row_instructions)
            for k in range(program.left_offsets[row], program.left_offsets[row + 1]):
                inner = columns[k]
                begin, end = int(starts[inner]), int(starts[inner + 1])
                now = self._fetch(now, ENTRY_BYTES * (1 + end - begin))
                yield now
                for column in program.right_columns[begin:end].tolist():
                    tag = (row - first) * program.num_columns + column
                    now = self._issue(core, now, machine.product_instructions)
                    slot = self._slot(tag, span)
                    self.products += 1
                    while True:
                        now = self._issue(core, now, machine.probe_instructions)
                        now = self._access(slot % bank_of, now)
                        self.probes += 1
                        found = self.table.setdefault(slot, tag)
                        yield now
                        if found == tag:
                            break
                        slot = (slot + 1) % self.table_slots
                    answered = self._access(slot % bank_of, now)
                    if not self.version.fragmented:
                        now = answered
                        yield now

    def _slot(self, tag: int, span: int) -> int:
        if self.version.hashing == "low":
            return tag % self.table_slots
        return tag * self.table_slots // span

    def _issue(self, core: int, now: float, instructions: int) -> float:
        begin = max(now, self.core_free[core])
        self.core_free[core] = begin + instructions
        self.issued += instructions
        return begin + instructions

    def _access(self, bank: int, now: float) -> float:
        half = self.machine.scratchpad_cycles / 2
        begin = max(now + half, self.bank_free[bank])
        self.conflicts += begin - now - half
        self.bank_free[bank] = begin + 1
        return begin + 1 + half

    def _fetch(self, now: float, num_bytes: int) -> float:
        begin = max(now, self.dram_free)
        self.dram_free = begin + num_bytes / self.machine.dram_bytes
        self.bytes += num_bytes
        return self.dram_free + self.machine.dram_cycles
