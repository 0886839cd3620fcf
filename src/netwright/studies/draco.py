"""Functions that check the claims in ``draco.toml``, one for each id, by public names only."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

from netwright import arch, cost, mapping, workload
from netwright.cost import shaping, systolic
from netwright.quantities import Quantity
from netwright.studies import Context, Finding, NotAttempted

ARRAY = (64, 64)
CLOSEST = 8
GROUP_SIZES = (1, 2, 4, 8, 16, 32)

SIMULATED = {1: 378_000, 2: 265_104, 4: 214_200, 8: 220_752, 16: 248_031}
"""Cycles that the authors' simulator prints for each group size."""

CLOSED_FORM = "closed form of row-stationary arrays, memories taken to be fast enough"


@cache
def _network(group_size: int) -> tuple[systolic.Occupancy, ...]:
    shapes = shaping.convolutions(workload.mobilenet_v1(group_size=group_size))
    return tuple(systolic.row_stationary(shape, ARRAY) for shape in shapes)


def _best() -> int:
    return min(systolic.total_cycles(_network(size)) for size in GROUP_SIZES)


def simulator(context: Context) -> Finding:
    """Sum of the differences in cycles over five group sizes."""
    apart = sum(abs(systolic.total_cycles(_network(g)) - n) for g, n in SIMULATED.items())
    return Finding(Quantity(apart, "cycles", CLOSED_FORM, "modelled"))


def utilization(context: Context) -> Finding:
    """Relative gain of the mean utilization."""
    before, after = (systolic.mean_utilization(_network(g)) for g in (1, CLOSEST))
    ours = Quantity(100 * (after / before - 1), "%", CLOSED_FORM, "modelled")
    points = f"{100 * (after - before):.1f} points"
    return Finding(ours, remark=f"from {before:.4f} to {after:.4f}, {points}")


def latency(context: Context) -> Finding:
    """Relative fall of the cycles."""
    before, after = (systolic.total_cycles(_network(g)) for g in (1, CLOSEST))
    shaped = shaping.shape_layers(shaping.convolutions(workload.mobilenet_v1()), ARRAY)
    macs = [sum(part.num_macs for part in _network(g)) for g in (1, CLOSEST)]
    ours = Quantity(100 * (1 - after / before), "%", CLOSED_FORM, "modelled")
    remark = (
        f"from {before} to {after} cycles with {macs[1] / macs[0] - 1:+.0%} work; best single G "
        f"{_best()}; a G for each layer ({', '.join(map(str, shaped.group_sizes))}) {shaped.cycles}"
    )
    return Finding(ours, remark=remark)


def more_reuse(context: Context) -> Finding:
    """Smallest growth of the mean utilization from one group size to the next."""
    means = [systolic.mean_utilization(_network(size)) for size in GROUP_SIZES]
    steps = [after - before for before, after in pairwise(means)]
    remark = "means " + ", ".join(f"{mean:.3f}" for mean in means)
    return Finding(Quantity(min(steps), "", CLOSED_FORM, "modelled"), remark=remark)


def several_channels(context: Context) -> Finding:
    """Cycles with several channels at once over those of the best group size."""
    shapes = shaping.convolutions(workload.mobilenet_v1())
    parts = [systolic.row_stationary(shape, ARRAY, rule="many-groups") for shape in shapes]
    cycles = systolic.total_cycles(parts)
    ours = Quantity(cycles / _best(), "", CLOSED_FORM, "modelled")
    remark = (
        f"{cycles} against {_best()} cycles: the gain is relative to arrays that cannot work on "
        "several channels at once"
    )
    return Finding(ours, remark=remark)


def mapper_finds_them(context: Context) -> Finding:
    """Steps of the mapper's nests over the cycles of the best group size."""
    machine = arch.find("eyeriss").with_fanout("elements", ARRAY).with_unlimited_bandwidth()
    network = workload.mobilenet_v1()
    steps: dict[tuple[object, ...], int] = {}
    total = 0
    for einsum in network.einsums:
        if not mapping.is_operation(einsum) or einsum.name.startswith("linear"):
            continue
        operation = mapping.operation(network, einsum)
        if operation.signature not in steps:
            found = cost.search(operation, machine, goal="latency", max_counted=1)
            steps[operation.signature] = found.counts.steps
        total += steps[operation.signature]
    ours = Quantity(total / _best(), "", "loop nests found by the mapper", "modelled")
    return Finding(ours, remark=f"{total} steps against {_best()} cycles")


def accuracy(context: Context) -> NotAttempted:
    """Needs training on image data."""
    return NotAttempted("no network was retrained; the paper's tables were not readable")
