"""Time to map hand-made networks onto a scratchpad, beside the published mean.

Every network is solved under the paper's three budgets, activations only: search of the order with
its proof, gap program, addresses and replay. The published figure is another machine's, with a
commercial solver, so the two are no ratio of one run; they are printed side by side. As a second
contestant in the same run, the published program itself (without addresses) is given to HiGHS for
the networks that it accepts.
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from rich.console import Console
from rich.table import Table

from netwright import arch, workload
from netwright.errors import ConfigError
from netwright.mapping import BUDGETS, compare, default_schedule
from netwright.mapping.published import solve_published

NETWORKS = (
    "resnet50", "densenet121", "resnext50", "r2plus1d_18", "s3d", "fcn", "lraspp", "deeplabv3",
    "vit_b16", "squeezenet",
)  # fmt: skip
PUBLISHED_S = 0.296
"""arXiv 2311.18246, section IV: mean over ten networks, Gurobi on an Apple M1 Pro."""


def published_program(network: workload.Workload, capacity: int) -> str:
    """Seconds that HiGHS takes for the printed program, or why it was not run."""
    started = time.perf_counter()
    try:
        solve_published(default_schedule(network), capacity, time_limit_s=60)
    except ConfigError as error:
        return "too large" if "at most" in error.message else "no proof in 60 s"
    return f"{time.perf_counter() - started:.2f}"


def main() -> None:
    console = Console(width=110)
    table = Table(
        "network, fused", *(f"{budget} in s" for budget in BUDGETS), "proven", "program in s"
    )
    seconds: list[float] = []
    for name in NETWORKS:
        network = workload.fuse(workload.NETWORKS[name]())
        rows = [compare(network, arch.find("scratchpad"), b, search_s=6.0) for b in BUDGETS]
        seconds += [row.seconds for row in rows]
        proven = sum(row.solution.num_bytes == row.bound for row in rows)
        other = published_program(network, rows[1].capacity_bytes)
        times = (f"{row.seconds:.3f}" for row in rows)
        table.add_row(name, *times, f"{proven} of {len(rows)}", other)
    console.print(table)
    console.print(
        f"ours: mean {statistics.fmean(seconds):.3f} s, median {statistics.median(seconds):.3f} s, "
        f"worst {max(seconds):.2f} s of {len(seconds)}; published mean {PUBLISHED_S} s "
        "(another machine and solver)"
    )


if __name__ == "__main__":
    main()
