"""Functions that check the claims in ``draco.toml``, one for each id, by public names only."""

from __future__ import annotations

from functools import cache, partial
from itertools import pairwise
from math import hypot
from statistics import fmean, stdev

from netwright import arch, cost, mapping, models, tasks, train, workload
from netwright.cost import shaping, systolic
from netwright.quantities import Quantity
from netwright.studies import Context, Finding

ARRAY = (64, 64)
CLOSEST = 8
GROUP_SIZES = (1, 2, 4, 8, 16, 32)

SIMULATED = {1: 378_000, 2: 265_104, 4: 214_200, 8: 220_752, 16: 248_031}
"""Cycles that the authors' simulator prints for each group size."""

IMAGE, WIDTH = (1, 28, 28), 0.25
SEEDS, TRAIN_ROWS, EPOCHS = (7, 8, 9), 14_000, 3
SMALLER = f"MobileNetV1 of width {WIDTH}, {TRAIN_ROWS} images of 28 x 28, {EPOCHS} epochs"

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
    remark = f"from {before:.4f} to {after:.4f}, {100 * (after - before):.1f} points"
    return Finding(ours, remark=remark)


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
    remark = f"{cycles} against {_best()} cycles: arrays that can need no changed network"
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
            steps[operation.signature] = found.counts.num_steps
        total += steps[operation.signature]
    ours = Quantity(total / _best(), "", "loop nests found by the mapper", "modelled")
    return Finding(ours, remark=f"{total} steps against {_best()} cycles")


def _cost(group_size: int, width: float) -> dict[str, int]:
    """Work and modelled time of the reduced network."""
    reduced = workload.mobilenet_v1(group_size=group_size, image=IMAGE, width=width, classes=10)
    shapes = shaping.convolutions(reduced)
    cycles = systolic.total_cycles([systolic.row_stationary(shape, ARRAY) for shape in shapes])
    return {"MACs": sum(shape.num_macs for shape in shapes), "modelled cycles": cycles}


def _trained(context: Context, group_size: int, width: float) -> tuple[float, float]:
    """Mean and standard deviation over the seeds of the test accuracy in percent."""
    task = tasks.fashion_mnist().subset(TRAIN_ROWS)
    make = partial(models.mobilenet, image=IMAGE, group_size=group_size, width=width)
    folder = context.folder / f"fashion-g{group_size}-w{width:g}-n{TRAIN_ROWS}"
    recipe = train.Recipe(epochs=EPOCHS, batch_size=128, learning_rate=5e-3)
    networks = {seed: make(seed=seed) for seed in SEEDS}
    records = train.fit_seeds(networks, task, folder=folder, recipe=recipe)
    found = [100 * float(record["test"]) for record in records.values()]
    return fmean(found), stdev(found)


def _ahead(context: Context, width: float, remark: str) -> Finding:
    """Points by which the shaped network is ahead of a depthwise one of the given width."""
    ours, theirs = _trained(context, CLOSEST, WIDTH), _trained(context, 1, width)
    error = hypot(ours[1], theirs[1]) / len(SEEDS) ** 0.5
    source = f"test split of Fashion-MNIST, seeds {', '.join(map(str, SEEDS))}"
    points = Quantity(ours[0] - theirs[0], "points", source, "measured", error)
    both = f"{ours[0]:.2f} against {theirs[0]:.2f} %, standard error {error:.2f} points"
    return Finding(points, remark=f"{both}; {remark}", smaller_scale=SMALLER)


def accuracy(context: Context) -> Finding:
    """Points gained by the group size alone."""
    found = {size: _trained(context, size, WIDTH) for size in GROUP_SIZES[:-1]}
    listed = (f"G = {size} {mean:.2f} ± {sd:.2f} %" for size, (mean, sd) in found.items())
    return _ahead(context, WIDTH, ", ".join(listed))


def _at_equal(what: str, context: Context) -> Finding:
    """Points ahead of a depthwise network of the width at which it costs the same."""
    wanted = _cost(CLOSEST, WIDTH)[what]
    widths = (step / 128 for step in range(1, 129))
    width = min(widths, key=lambda width: abs(_cost(1, width)[what] - wanted))
    remark = f"depthwise at width {width:g}: {_cost(1, width)[what]} {what}, shaped: {wanted}"
    return _ahead(context, width, remark)


accuracy_equal_work = partial(_at_equal, "MACs")
accuracy_equal_latency = partial(_at_equal, "modelled cycles")
