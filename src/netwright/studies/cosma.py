"""Functions that check the claims in ``cosma.toml``, one for each id, by public names only."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from statistics import fmean, median

from netwright import arch, mapping, workload
from netwright.quantities import Quantity
from netwright.studies import Context, Finding

NETWORKS = (
    "resnet50", "densenet121", "resnext50", "r2plus1d_18", "s3d", "fcn", "lraspp", "deeplabv3",
    "vit_b16",
)  # fmt: skip
"""The paper's hand-made networks that are at hand; its Transformer is not specified enough."""

SEARCHED = ("nasnet_a", "pnasnet5", "darts", "amoebanet_d")
"""Networks found by search, whose order is searched too."""

SEARCH_S = 40.0
"""Seconds for each order of a network found by search; a hand-made one has 6."""

NINE = "nine of the ten networks, every operator a step, 8-bit activations"
FOUR = "four networks, normalization and activation fused, 8-bit activations, at the smallest size"
REPLAY = "replay of every access"

Named = tuple[str, mapping.Comparison]


@cache
def _row(name: str, budget: mapping.Budget, places_weights: bool = False) -> mapping.Comparison:
    network, machine = workload.by_operator(workload.NETWORKS[name]()), arch.find("scratchpad")
    return mapping.compare(network, machine, budget, places_weights=places_weights, search_s=6.0)


@cache
def _searched(name: str) -> mapping.Comparison:
    network, machine = workload.fuse(workload.NETWORKS[name]()), arch.find("scratchpad")
    return mapping.compare(network, machine, "smallest", search_s=SEARCH_S)


def _rows(budget: mapping.Budget, places_weights: bool = False) -> Iterator[Named]:
    return ((name, _row(name, budget, places_weights)) for name in NETWORKS)


def _all_rows(context: Context) -> list[mapping.Comparison]:
    """Every budget, with and without parameters; without them in the smoke profile."""
    settings = (False,) if context.profile == "smoke" else (False, True)
    return [r for weights in settings for b in mapping.BUDGETS for _, r in _rows(b, weights)]


def _kib(num_bytes: float) -> str:
    return f"{num_bytes / 1024:.0f}"


def zero_at_peak(context: Context, *, places_weights: bool = False) -> Finding:
    """Most non-compulsory bytes of any network when nothing has to leave."""
    worst = max(row.solution.num_bytes for _, row in _rows("peak", places_weights))
    return Finding(Quantity(worst, "B", REPLAY, "measured"), smaller_scale=NINE)


def zero_at_peak_with_parameters(context: Context) -> Finding:
    """The same with parameters in the scratchpad."""
    return zero_at_peak(context, places_weights=True)


def baselines_at_peak(context: Context) -> Finding:
    """Networks on which a baseline moves bytes although nothing has to leave."""
    moved = [name for name, row in _rows("peak") if max(row.baselines.values())]
    remark = f"{', '.join(moved)}; the paper excepts FCN only"
    return Finding(Quantity(len(moved), "networks", REPLAY, "measured"), remark=remark)


def _reduction(rows: list[Named], scale: str, *, note: str = "") -> Finding:
    shares = [share for _, row in rows for share in row.reductions]
    movable = [share for _, row in rows if row.can_be_reduced for share in row.reductions]
    note += f"{100 * fmean(movable):.1f} % where the baselines are not proven best of all orders; "
    parts = [
        f"{name} {_kib(row.solution.num_bytes)} against "
        f"{'/'.join(_kib(value) for value in row.baselines.values())}"
        for name, row in rows
    ]
    ours = Quantity(100 * fmean(shares), "%", f"mean of {len(shares)} defined ratios", "measured")
    return Finding(ours, remark=f"{note}KiB: {', '.join(parts)}", smaller_scale=scale)


def reduction_at_smallest(context: Context) -> Finding:
    """Mean reduction against the baselines at the smallest budget, where they move anything."""
    return _reduction(list(_rows("smallest")), NINE)


def reduction_with_parameters(context: Context) -> Finding:
    """The same with parameters in the scratchpad."""
    return _reduction(list(_rows("smallest", True)), NINE)


def reduction_nas(context: Context) -> Finding:
    """Mean reduction on networks found by search, with the order searched."""
    rows = [(name, _searched(name)) for name in SEARCHED]
    bounds = [
        f"{name} {_kib(row.searched.first)} to {_kib(row.searched.num_bytes)}, "
        f"bound {_kib(row.searched.bound)}"
        for name, row in rows
        if row.searched is not None
    ]
    note = f"given order to order found: {'; '.join(bounds)}; "
    return _reduction(rows, FOUR, note=note)


def optimal_by_proof(context: Context) -> Finding:
    """Networks and budgets whose value equals the bound of their order."""
    rows = _all_rows(context)
    proven = sum(row.solution.is_optimal for row in rows)
    best = sum(row.solution.num_bytes == row.bound for row in rows)
    ours = Quantity(
        proven / len(rows), "", f"{len(rows)} solutions, addresses included", "measured"
    )
    return Finding(ours, remark=f"{best} of them proven best of all orders")


def replay_equals_program(context: Context) -> Finding:
    """Share of solutions whose replay counts what the program reported."""
    rows = _all_rows(context)
    equal = sum(row.solution.num_bytes == row.solution.objective for row in rows)
    return Finding(Quantity(equal / len(rows), "", f"{len(rows)} solutions", "measured"))


def solve_time(context: Context) -> Finding:
    """Mean wall-clock time of a solution: order search, program, addresses and replay."""
    parts = []
    for places_weights in (False, True):
        rows = [r for budget in mapping.BUDGETS for _, r in _rows(budget, places_weights)]
        times = [row.seconds for row in rows]
        parts.append((fmean(times), median(times), max(times)))
    ours = Quantity(parts[0][0], "s", "HiGHS, first fit and CP-SAT on this machine", "measured")
    (_, middle, worst), (with_weights, *_) = parts
    spread = f"median {middle:.2f} s, worst {worst:.2f} s; with parameters {with_weights:.2f} s"
    return Finding(ours, remark=spread)


def belady_against_greedy(context: Context) -> Finding:
    """Belady's bytes over those of the greedy rule, both summed at the smallest budget."""
    rows = [row for _, row in _rows("smallest")]
    belady, greedy = (
        sum(value for row in rows for (_, own), value in row.baselines.items() if own == policy)
        for policy in mapping.POLICIES
    )
    return Finding(Quantity(belady / greedy, "", REPLAY, "measured"))
