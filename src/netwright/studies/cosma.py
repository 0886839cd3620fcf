"""Functions that check the claims in ``cosma.toml``, one for each id, by public names only."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from statistics import fmean
from typing import Literal, NamedTuple

from netwright import arch, mapping, workload
from netwright.quantities import Quantity
from netwright.studies import Context, Finding

NETWORKS = (
    "resnet50", "densenet121", "resnext50", "r2plus1d_18", "s3d", "fcn", "lraspp", "deeplabv3",
    "vit_b16",
)  # fmt: skip
"""The paper's hand-made networks that are at hand; its Transformer is not specified enough."""

NINE = "nine of the ten networks, every operator a step, PyTorch's order, 8-bit activations"

Budget = Literal["smallest", "peak"]


class Row(NamedTuple):
    """Non-compulsory bytes of one network under one budget."""

    name: str
    ours: mapping.Solution
    baselines: dict[mapping.Policy, int]


@cache
def _row(name: str, budget: Budget) -> Row:
    network = workload.NETWORKS[name]()
    schedule = mapping.default_schedule(network)
    capacity = schedule.largest_demand if budget == "smallest" else schedule.peak
    machine = arch.find("scratchpad").with_scratchpad(capacity, line_bytes=1)
    found = {
        policy: mapping.baseline(network, machine, policy=policy).traffic.non_compulsory_bytes
        for policy in mapping.POLICIES
    }
    return Row(name, mapping.cosma(network, machine), found)


def _rows(budget: Budget) -> Iterator[Row]:
    return (_row(name, budget) for name in NETWORKS)


def _kib(num_bytes: float) -> str:
    return f"{num_bytes / 1024:.0f}"


def zero_at_peak(context: Context) -> Finding:
    """Most non-compulsory bytes of any network when nothing has to leave."""
    worst = max(row.ours.num_bytes for row in _rows("peak"))
    ours = Quantity(worst, "B", "replay of every access", "measured")
    return Finding(ours, smaller_scale=NINE)


def baselines_at_peak(context: Context) -> Finding:
    """Networks on which a baseline moves bytes although nothing has to leave."""
    moved = [row.name for row in _rows("peak") if max(row.baselines.values())]
    ours = Quantity(len(moved), "networks", "replay of every access", "measured")
    return Finding(ours, remark=f"{', '.join(moved)}; the paper excepts FCN only")


def reduction_at_smallest(context: Context) -> Finding:
    """Mean reduction against the baselines at the smallest budget, where they move anything."""
    shares, parts = [], []
    for row in _rows("smallest"):
        own = [1 - row.ours.num_bytes / value for value in row.baselines.values() if value]
        shares += own
        ways = "/".join(_kib(value) for value in row.baselines.values())
        parts.append(f"{row.name} {_kib(row.ours.num_bytes)} against {ways}")
    ours = Quantity(100 * fmean(shares), "%", f"mean of {len(shares)} defined ratios", "measured")
    return Finding(ours, remark=f"KiB: {', '.join(parts)}", smaller_scale=NINE)


def optimal_by_proof(context: Context) -> Finding:
    """Networks and budgets whose value equals its lower bound."""
    rows = [*_rows("smallest"), *_rows("peak")]
    proven = sum(row.ours.is_optimal for row in rows)
    source = f"{len(rows)} solutions, addresses included"
    return Finding(Quantity(proven / len(rows), "", source, "measured"))


def solve_time(context: Context) -> Finding:
    """Mean wall-clock time of a solution, addresses and replay included."""
    rows = [*_rows("smallest"), *_rows("peak")]
    seconds = [row.ours.seconds for row in rows]
    ours = Quantity(fmean(seconds), "s", "HiGHS, first fit and CP-SAT on this machine", "measured")
    return Finding(ours, remark=f"worst {max(seconds):.2f} s; other solvers, other formulation")


def belady_against_greedy(context: Context) -> Finding:
    """Belady's bytes over those of the greedy rule, both summed at the smallest budget."""
    rows = list(_rows("smallest"))
    belady, greedy = (sum(row.baselines[policy] for row in rows) for policy in mapping.POLICIES)
    return Finding(Quantity(belady / greedy, "", "replay of every access", "measured"))
