"""Commands a second: the event engine beside a loop over cycles, SimPy and DRAMsim3.

The same requests for all of them, to one rank of DDR4-3200. Seconds are those of the processor, so
that other programs disturb less; what is slow runs a part of the requests, and a rate is a rate.
DRAMsim3 (built from a clone of the user's own, see crosscheck_dram.py) reads its requests from a
text file and runs for as many cycles as it needs; ours come from an array.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from crosscheck_dram import STANDARDS, address, made, program_of
from dram_peers import build, commands, config, run, source

from netwright import arch
from netwright.cost.events import Program, Table, step
from netwright.cost.events import run as simulate
from netwright.kernels import isa

REQUESTS = {"all": 100_000, "python": 1_000, "stepping": 200, "simpy": 400}
ROUNDS = 3


def rate(work: Callable[[], int]) -> float:
    """Commands in a second of the processor, the best of some rounds."""
    best = 0.0
    for _ in range(ROUNDS):
        start = time.process_time()
        number = work()
        best = max(best, number / (time.process_time() - start))
    return best


def main() -> int:
    """Print a table for each kind of trace."""
    dram = arch.find("ddr4-3200").memories[0].dram
    assert dram is not None
    clone = source()
    for kind in ("stream", "random"):
        rates = ours(dram, kind)
        if clone is not None:
            rates["DRAMsim3, C++"] = theirs(dram, kind, clone)
        own = rates["events, compiled"] if isa.native else rates["events, Python"]
        print(f"\n{kind} requests, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        for name, value in rates.items():
            print(
                f"  {name:24} {value:14,.0f} commands/s   ours is {own / value:7.1f} times as fast"
            )
    if clone is None:
        print("\nskipped: no DRAMsim3; give the folder of a clone, as in\n"
              "  make bench-events DRAMSIM3=~/DRAMsim3")  # fmt: skip
    return 0


def ours(dram: arch.Dram, kind: str) -> dict[str, float]:
    """Rates of what we wrote, SimPy's twin among them where it is installed."""
    table = Table.of(dram)
    programs = {name: program_of(table, made(dram, kind, n)) for name, n in REQUESTS.items()}

    def engine(name: str, *, compiled: bool) -> Callable[[], int]:
        def work() -> int:
            done = simulate(table, programs[name], trace=False, compiled=compiled)
            return int(done.commands.sum())

        return work

    rates = {"events, compiled": rate(engine("all", compiled=True))} if isa.native else {}
    rates["events, Python"] = rate(engine("python", compiled=False))
    rates["every cycle, Python"] = rate(
        lambda: int(step(dram, programs["stepping"]).commands.sum())
    )
    try:
        from tests.cost.events.simpy_twin import Twin
    except ImportError:
        print("skipped: SimPy is not installed")
        return rates
    in_order = Program(programs["simpy"].requests, programs["simpy"].stages)
    rates["SimPy, in order"] = rate(lambda: len(Twin(dram, in_order).run()[0]))
    return rates


def theirs(dram: arch.Dram, kind: str, clone: Path) -> float:
    """Commands a second of DRAMsim3; its commands are counted in a run of their own."""
    file, system, _ = STANDARDS["ddr4-3200"]
    requests = made(dram, kind, REQUESTS["all"])
    width = dram.banks_per_group
    lines = [
        f"{address(dram, 64, b // width, b % width, r, c):#x} {'WRITE' if w else 'READ'} 0\n"
        for w, b, r, c in requests
    ]
    with tempfile.TemporaryDirectory() as folder:
        settings = config(clone, file, Path(folder), unified_queue="True",
                          address_mapping="rochrababgco", **system)  # fmt: skip
        run(build(clone, traced=True), settings, lines, 12 * len(lines))
        trace = commands(Path(folder), Table.of(dram).names, width)
        cycles = int(trace[-1, 0]) + 1
        program = build(clone, traced=False)
        seconds = min(run(program, settings, lines, cycles) for _ in range(ROUNDS))
    return len(trace) / seconds


if __name__ == "__main__":
    sys.exit(main())
