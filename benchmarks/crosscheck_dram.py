"""The event engine's rules beside DRAMsim3's: pairs of requests, long traces, bandwidth.

DRAMsim3 is built from a clone of the user's own, whose folder the variable DRAMSIM3 names; without
one nothing is compared, and that is said. For each standard:

1. every pair of requests (read or write; same row, other row, other bank of the group, other
   group): each command of DRAMsim3 comes in the first cycle that our rules allow;
2. long traces: our judge finds no violation in DRAMsim3's commands, and the share of them that come
   in the first cycle that our rules allow after the commands before is told (the others wait for
   its queues);
3. cycles for all requests, with each program's own order.
"""

from __future__ import annotations

import sys
import tempfile
from itertools import product
from pathlib import Path

import numpy as np
from dram_peers import Integers, build, commands, config, run, source

from netwright import arch
from netwright.cost.events import Program, Table, violations
from netwright.cost.events import run as simulate

STANDARDS = {
    # our machine: its file there, other settings, and what its program makes of that file
    "ddr4-3200": ("DDR4_8Gb_x8_3200", {"channel_size": "8192"}, {}),
    "gddr6-dramsim3": (
        "GDDR6_8Gb_x16",
        {"channel_size": "8192"},
        {"rtp": 5, "ccd_l": 3, "bank_groups": 1, "banks_per_group": 16},
    ),
    "hbm2": ("HBM2_8Gb_x128", {"channels": "1", "channel_size": "1024"}, {"rtp": 5}),
}
"""DRAMsim3 reads no tRTP of GDDR6 and HBM and takes 5; its GDDR6 file has bank groups off."""

RELATIONS = {"same row": (0, 0, 0), "other row": (0, 0, 1), "other bank": (0, 1, 0),
             "other group": (1, 0, 0)}  # fmt: skip


def main() -> int:
    """Print what was compared; exit code 1 where it differs."""
    clone = source()
    if clone is None:
        print("skipped: no DRAMsim3; give the folder of a clone, as in\n"
              "  make crosscheck-dram DRAMSIM3=~/DRAMsim3")  # fmt: skip
        return 0
    program = build(clone, traced=True)
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, (file, system, other) in STANDARDS.items():
            dram = _dram(name, other)
            extra = {"unified_queue": "True", "queue_structure": "PER_BANK",
                     "address_mapping": "rochrababgco", **system}  # fmt: skip
            settings = config(clone, file, Path(folder), **extra)
            text = settings.read_text().replace("[dram_structure]", "[dram_structure]\n"
                                                "hbm_dual_cmd = false")  # fmt: skip
            settings.write_text(text)
            wrong += _pairs(name, dram, program, settings)
            wrong += _long(name, dram, program, settings)
    print("equal" if not wrong else f"{wrong} comparisons differ")
    return int(wrong > 0)


def _dram(name: str, other: dict[str, int]) -> arch.Dram:
    dram = arch.find(name).memories[0].dram
    assert dram is not None
    timings, sizes = dict(dram.timings), {"channels": 1}
    for name_of, value in other.items():
        if name_of in timings:
            timings[name_of] = arch.Figure(value=value, unit="cycle", source="DRAMsim3, default")
        else:
            sizes[name_of] = value
    return arch.Dram.model_validate({**dict(dram), "timings": timings, **sizes})


def address(dram: arch.Dram, size: int, group: int, bank: int, row: int, column: int) -> int:
    """A byte address under the mapping of row, channel, rank, bank, group, column."""
    place = (row * dram.banks_per_group + bank) * dram.bank_groups + group
    return (place * dram.columns + column) * size


def _request_bytes(settings: Path) -> int:
    values = dict(
        line.split("=", 1) for line in settings.read_text().splitlines() if line.count("=") == 1
    )
    table = {key.strip(): value.strip() for key, value in values.items()}
    return int(table["bus_width"]) // 8 * int(table["BL"])


def earliest(trace: Integers, table: Table, *, chained: bool) -> Integers:
    """The first cycle of each command, in this order, after those before it.

    Args:
        trace: The commands.
        table: The memory.
        chained: Whether those before came as early as they could, or when the trace says.
    """
    ready: dict[tuple[int, int, int], int] = {}
    rings: dict[tuple[int, int], list[int]] = {}
    found = trace[:, 0].copy()
    before = -1
    for number, (cycle, command, _, bank, *_) in enumerate(trace.tolist()):
        parts = (0, bank // table.banks_per_group, bank)
        level = table.levels[command]
        at = max(ready.get((n, parts[n], command), 0) for n in range(level + 1))
        at = max(at, before + 1) if number else cycle
        if level == 0:
            at = max([at, *(t for (_, _, c), t in ready.items() if c == command)])
        found[number] = at
        used = at if chained else cycle
        before = used
        for following, waits in enumerate(table.before):
            for n, preceding, cycles in waits:
                if preceding == command:
                    key = (n, parts[n], following)
                    ready[key] = max(ready.get(key, 0), used + cycles)
        for index, (n, cycles, size, counted, after) in enumerate(table.windows):
            if command in counted:
                ring = rings.setdefault((index, parts[n]), [])
                ring.append(used)
                if len(ring) >= size:
                    for following in after:
                        key = (n, parts[n], following)
                        ready[key] = max(ready.get(key, 0), ring[-size] + cycles)
    return found


def _pairs(name: str, dram: arch.Dram, program: Path, settings: Path) -> int:
    table, size, wrong = Table.of(dram, refresh=False), _request_bytes(settings), 0
    for (relation, (group, bank, row)), kinds in product(
        RELATIONS.items(), product(("READ", "WRITE"), repeat=2)
    ):
        first = address(dram, size, 0, 0, 5, 0)
        second = address(dram, size, group, bank, 5 + row, 8)
        run(program, settings,
            [f"{first:#x} {kinds[0]} 0\n", f"{second:#x} {kinds[1]} 0\n"], 2000)  # fmt: skip
        trace = commands(settings.parent, table.names, dram.banks_per_group)
        trace = trace[: 2 + len(set((0, relation != "same row")))]
        wanted = earliest(trace, table, chained=True)
        late = np.flatnonzero(wanted != trace[:, 0])
        if late.size:
            wrong += 1
            print(f"{name}: {' then '.join(kinds)}, {relation}: DRAMsim3 "
                  f"{trace[:, 0].tolist()}, rules {wanted.tolist()}")  # fmt: skip
    print(f"{name}: {16 - wrong} of 16 pairs of requests equal, command by command")
    return wrong


def _long(name: str, dram: arch.Dram, program: Path, settings: Path) -> int:
    table, size, wrong = Table.of(dram), _request_bytes(settings), 0
    for kind in ("stream", "random"):
        requests = made(dram, kind, 20_000)
        lines = [
            f"{address(dram, size, b // dram.banks_per_group, b % dram.banks_per_group, r, c):#x} "
            f"{'WRITE' if w else 'READ'} 0\n"
            for w, b, r, c in requests
        ]
        run(program, settings, lines, 60 * len(lines))
        trace = commands(settings.parent, table.names, dram.banks_per_group)
        moved = np.isin(trace[:, 1], [table.number["read"], table.number["write"]])
        last = np.flatnonzero(moved)[-1]
        trace = trace[: last + 1]
        broken = [text for text in violations(trace, table.names, dram) if "is due at" not in text]
        wrong += len(broken)
        for text in broken[:5]:
            print(f"{name}, {kind}: DRAMsim3's trace, {text}")
        exact = np.mean(earliest(trace, table, chained=False) == trace[:, 0])
        ours = simulate(table, program_of(table, requests), trace=False)
        print(f"{name}, {kind}: {len(trace)} commands of DRAMsim3, {len(broken)} violations of our "
              f"rules, {exact:.1%} in the first cycle allowed; {moved.sum()} of {len(requests)} "
              f"requests moved in {trace[-1, 0]} cycles, ours all in {ours.cycles} "
              f"({ours.cycles / trace[-1, 0]:.3f})")  # fmt: skip
    return wrong


def made(dram: arch.Dram, kind: str, number: int) -> list[tuple[bool, int, int, int]]:
    """Requests: whether they write, bank, row and column."""
    rng = np.random.default_rng(7)
    order = np.arange(number)
    if kind == "stream":
        row, rest = np.divmod(order, dram.columns * dram.banks)
        own, column = np.divmod(rest, dram.columns)
        bank = own % dram.bank_groups * dram.banks_per_group + own // dram.bank_groups
        write = np.zeros(number, bool)
    else:
        bank, row = rng.integers(0, dram.banks, number), rng.integers(0, dram.rows, number)
        column, write = rng.integers(0, dram.columns, number), rng.random(number) < 1 / 3
    return list(zip(write.tolist(), bank.tolist(), row.tolist(), column.tolist(), strict=True))


def program_of(table: Table, requests: list[tuple[bool, int, int, int]]) -> Program:
    """The same requests for our engine, which looks at as many as DRAMsim3's queues of one bank."""
    rows = np.zeros((len(requests), 7), np.int64)
    rows[:, 5] = 1
    values = np.array(requests, np.int64)
    rows[:, 0] = np.where(values[:, 0] > 0, table.number["write"], table.number["read"])
    rows[:, 2:5] = values[:, 1:]
    return Program(rows, (len(rows),), lookahead=40)


if __name__ == "__main__":
    sys.exit(main())
