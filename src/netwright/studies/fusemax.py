"""Functions that check the claims in ``fusemax.toml``, one for each id, by public names only."""

from __future__ import annotations

from functools import cache, partial

from netwright import arch, cost, mapping, workload
from netwright.quantities import Quantity
from netwright.studies import Context, Finding, average, data, table

MODELS = {"bert": (12, 64), "trxl": (16, 64), "t5": (8, 64), "xlm": (16, 128)}
"""Heads and width of a head; the feed-forward part is four times as wide as all heads."""

LENGTHS = tuple(2**exponent for exponent in range(10, 21, 2))
POINTS = tuple((model, tokens) for model in MODELS for tokens in LENGTHS)
BATCH, LANES, ROWS, GIVEN = 64, 256, 4096, 2**18
"""Sentences, copies of an axis, rows of a product, length from which flat's traffic is an input."""

WAYS = {
    "unfused": ("flat", 3), "flat": ("flat", 3), "cascade": ("flat_one_pass", 1),
    "architecture": ("fusemax", 1), "binding": ("fusemax", 1), "wide": ("fusemax", 1),
}  # fmt: skip
"""Machine and passes of each mapping in ``fusemax_data``; the first and last are ours."""

SOURCE = "engines pipeline and loopnest, files of the machines"
Point = tuple[str, int]


@cache
def _published(way: str, point: Point, column: str = "latency_s") -> float:
    key = (way, point[0], str(point[1]))
    rows = table("fusemax", "tables.csv")
    return next(float(r[column]) for r in rows if tuple(r.values())[:3] == key)


def _problem(
    way: str, point: Point, lanes: int = LANES, queries: int = 0
) -> tuple[workload.Workload, arch.Architecture, mapping.Mapping]:
    """Attention of all heads, and its mapping with as many queries a tile as published."""
    (heads, width), tokens, (machine, passes) = MODELS[point[0]], point[1], WAYS[way]
    share, block = -(-tokens // lanes), (2 if way == "wide" else 1) * lanes
    words = 2 * width + 2 + (2 * LANES if way == "cascade" else 0)
    most = min((2**24 // lanes - 4 * width) // (2 * words), max(1, share))
    sizes = {"e": width, "f": width, "p": queries or tokens}
    sizes |= {"m1": tokens // block, "m0": block} if passes == 1 else {"m": tokens}
    blocks = {1: lanes << (most.bit_length() - 1), 3: lanes}
    tiles = {"attention": blocks if passes == 1 else {3: share, 4: share}, "softmax": {2: share}}
    head = workload.cascade.find(f"attention_{passes}pass", extents=sizes)
    network = workload.batched(head, {"g": BATCH * heads})
    found = mapping.retiled(mapping.load(data("fusemax", f"{way}.toml")), network, tiles)
    target = arch.find(machine).with_fanout("square", (lanes, lanes)).with_fanout("row", (lanes,))
    return network, target, found


@cache
def _run(way: str, point: Point, lanes: int = LANES, queries: int = 0) -> cost.Estimate:
    return cost.pipeline.estimate(*_problem(way, point, lanes, queries))


@cache
def _products(machine: str, model: str) -> tuple[float, float]:
    """Seconds and joules of the six products of a layer, for one token."""
    size = MODELS[model][0] * MODELS[model][1]
    sizes = {"r": ROWS, "d": size, "h": size, "s": 4 * size}
    network = workload.cascade.find(str(data("fusemax", "products.einsum")), extents=sizes)
    one = arch.find(machine).branch("square_elements")
    steps = [mapping.operation(network, einsum) for einsum in network.einsums]
    parts = [cost.search(step, one, goal="latency", max_spreads=1).estimate for step in steps]
    found = cost.sequence("products", [*parts[:1] * 4, *parts[1:]])
    return found.seconds / ROWS, found.joules / ROWS


def _spent(way: str, point: Point, *, whole: bool = False) -> tuple[float, float]:
    """Seconds and joules of attention, or of a whole layer."""
    seconds, joules = (found := _run(way, point)).seconds, found.joules
    if way == "flat" and point[1] >= GIVEN:
        moved = cost.Action("dram", "read", 8 * int(_published(way, point, "traffic_bytes")))
        given = cost.price(cost.Counts("given", "input", (), (moved,)), arch.find("flat"))
        seconds = max(seconds, given.seconds)
        joules += given.joules - found.joules_by["dram"]
    more = _products(WAYS[way][0], point[0]) if whole else (0.0, 0.0)
    return seconds + BATCH * point[1] * more[0], joules + BATCH * point[1] * more[1]


def _ratio(before: str, after: str, what: int, whole: bool, context: Context) -> Finding:
    """Mean over all points of the seconds (0) or joules (1) of one way over those of another."""
    one, other = ([_spent(w, p, whole=whole)[what] for p in POINTS] for w in (before, after))
    ratios = [(100 if what else 1) * a / b for a, b in zip(one, other, strict=True)]
    ours, remark = average(ratios, "%" if what else "x", SOURCE)
    return Finding(ours, remark=f"{remark}, {min(ratios):.3g} to {max(ratios):.3g}")


def _apart(ways: tuple[str, ...], column: str, context: Context) -> Finding:
    """Largest deviation from a column of the published tables; all points, or six of them."""
    points = POINTS if context.profile == "full" else POINTS[:6:2] + POINTS[18::2]
    pairs = [(way, point) for way in ways for point in points]
    time = column == "latency_s"
    ours = [_spent(*p)[0] if time else _run(*p).bytes_moved["dram"] for p in pairs]
    apart = [abs(o / _published(*p, column) - 1) for o, p in zip(ours, pairs, strict=True)]
    found = Quantity(max(apart), "", f"{SOURCE}, {len(apart)} figures", "modelled")
    return Finding(found, smaller_scale="" if points == POINTS else "6 of the 24 points")


latency = partial(_apart, ("flat", "cascade", "architecture", "binding"), "latency_s")
traffic = partial(_apart, ("cascade", "architecture", "binding"), "traffic_bytes")
speed_up = partial(_ratio, "flat", "binding", 0, False)
energy = partial(_ratio, "binding", "flat", 1, False)
end_to_end = partial(_ratio, "flat", "binding", 0, True)
end_to_end_energy = partial(_ratio, "binding", "flat", 1, True)
cascade_alone = partial(_ratio, "flat", "cascade", 0, False)
no_interleaving = partial(_ratio, "flat", "architecture", 0, False)
over_unfused = partial(_ratio, "unfused", "binding", 0, False)
better_mapping = partial(_ratio, "binding", "wide", 0, False)


def passes(context: Context) -> Finding:
    """How many of three cascades are found to need the passes of their name."""
    found = {n: workload.cascade.find(f"attention_{n}pass") for n in (1, 2, 3)}
    right = sum(workload.passes.passes(own, "m").count == n for n, own in found.items())
    return Finding(Quantity(right, "cascades", "derived from dependencies", "modelled"))


def arrays(context: Context) -> Finding:
    """Largest deviation from the published latency of arrays from 16 to 512 elements a side."""
    sides = [(side, (model, 2**18)) for side in (16, 32, 64, 128, 256, 512) for model in MODELS]
    apart = [_run("binding", p, n).seconds / _published(f"array-{n}", p) - 1 for n, p in sides]
    return Finding(Quantity(max(map(abs, apart)), "", SOURCE, "modelled"))


def better_is_legal(context: Context) -> Finding:
    """Faults of the better mapping, over all points."""
    found = [fault for point in POINTS for fault in mapping.faults(*_problem("wide", point))]
    return Finding(Quantity(len(found), "faults", "judge of mappings", "modelled"))


def buffer(context: Context) -> Finding:
    """How many different amounts the buffer must hold, over eleven lengths."""
    points = [("bert", 2**exponent) for exponent in range(10, 21)]
    sizes = {mapping.kept_bytes(*_problem("binding", p, LANES, 1024), "buffer") for p in points}
    return Finding(Quantity(len(sizes), "", f"judge of mappings: {sizes} B", "modelled"))


def _least(points: tuple[Point, ...], queries: int, context: Context) -> Finding:
    """Smallest utilization of the square array."""
    found = (_run("binding", p, LANES, queries).utilization_by["square_elements"] for p in points)
    return Finding(Quantity(min(found), "", SOURCE, "modelled"))


utilization = partial(_least, tuple(p for p in POINTS if p[1] >= 2**14), 0)
decode = partial(_least, (("bert", 2**14),), 1)
