"""Costs of whole chains against the engine, which counts loop by loop."""

from __future__ import annotations

import random
from itertools import islice
from math import prod

import numpy as np
import pytest

from netwright import arch, cost
from netwright.cost.mapspace import Mapspace
from netwright.cost.overlaps import Overlaps, ends_of, is_exact, sliding_axes
from netwright.cost.search import Solver
from netwright.cost.spreads import Spread, spreads
from netwright.errors import Infeasible
from netwright.mapping import nest_faults, operation
from netwright.workload import Builder
from tests.cost.small import conv, linear, machine
from tests.cost.test_search import exhaustive

PLAIN = Spread((("grid", 0, ()), ("grid", 1, ())))
ALONG_ROWS = Spread((("grid", 0, ()), ("grid", 1, (("P0", 2),))))


def random_conv(rng: random.Random, *, most: int = 9):
    """Windows that overlap, with strides, dilation, padding and groups at random."""
    b = Builder("small")
    groups = rng.choice([1, 1, 1, 2])
    kernel = (rng.choice([1, 2, 3]), rng.choice([2, 3, 4]))
    stride = (rng.choice([1, 1, 2]), rng.choice([1, 2, 3]))
    dilation = rng.choice([1, 1, 2, 3])
    extents = tuple(dilation * (k - 1) + 1 + rng.randint(1, most) for k in kernel)
    padding = tuple(rng.choice([0, 1]) for _ in kernel)
    b.conv(b.input((rng.choice([1, 1, 2]), groups * rng.choice([1, 2, 3]), *extents)),
           groups * rng.choice([1, 2, 4]), kernel, stride=stride, padding=padding,
           dilation=dilation, groups=groups)  # fmt: skip
    workload = b.finish()
    return operation(workload, workload.einsums[0])


def sliding_machine(rng: random.Random):
    """Registers that keep parts of windows, rows and taps along the array."""
    small = machine(size=rng.choice([60, 200, 600]), register=rng.choice([8, 16, 40]),
                    fanout=rng.choice([(2, 2), (3, 4), (2, 3)]),
                    buffered=rng.choice([True, False]))  # fmt: skip
    along = rng.choice([(("R", "C"), ("P", "M")), (("S", "P"), ("Q", "M")), (("C",), ("P", "Q"))])
    nodes = tuple(
        node.model_copy(update={"ranks": along, "multicasts": rng.random() < 0.7})
        if isinstance(node, arch.Array)
        else node
        for node in small.nodes
    )
    return small.model_copy(update={"nodes": nodes})


def in_registers(op, spread):
    space = Mapspace(op, machine(register=1000), spread)
    place = next(p for p in space.places if p.role == "input" and p.memory.name == "reg")
    return Overlaps(space, place)


def test_axes_slide_where_two_positions_touch_the_same_element():
    assert len(sliding_axes(conv(2, 2, 4))) == 2
    assert sliding_axes(conv(2, 2, 9, 3, stride=3, padding=0)) == ()
    assert sliding_axes(linear()) == ()
    assert sliding_axes(conv(4, 4, 4, 1, groups=2)) == ()  # groups and channels lie apart


def test_savings_by_hand():
    """A row of 6 elements under 4 positions of 3 taps each, whole windows kept."""
    b = Builder("small")
    b.conv(b.input((1, 1, 1, 6)), 2, (1, 3), padding=0)
    workload = b.finish()
    overlaps = in_registers(operation(workload, workload.einsums[0]), Spread(()))
    one, whole, all_taps = 0, 2, 1  # tiles of 1, 2 and 4 positions; of 1 and 3 taps
    assert overlaps.fetched[0, one, all_taps].tolist() == [12, 12]
    pair = overlaps.pairs[all_taps, all_taps]
    # Three steps from window to window keep two elements each.
    assert overlaps.over_windows[0, pair, one, one].tolist() == [6, 6]
    # One of them lies between two blocks of two windows.
    assert overlaps.over_windows[0, pair, one, 1].tolist() == [2, 2]
    # The next pass begins with the first window again, which has nothing of the last one.
    assert overlaps.over_features[0, pair, one, whole].tolist() == [0, 0]
    assert overlaps.over_features[0, pair, one, one].tolist() == [12, 12]
    every, last = overlaps.left
    assert (every[0, pair, one, one] >= 12).all()
    assert last[0, pair, one, one].tolist() == [6, 6]


def test_nothing_is_saved_once_other_channels_were_there():
    overlaps = in_registers(conv(4, 2, 4), Spread(()))
    tiles = overlaps.space.tiles["k"]
    taps = next(i for i, k in enumerate(tiles) if k["C"] == 1 and k["R0"] == k["R1"] == 3)
    assert overlaps.pairs[taps, taps] >= 0
    assert overlaps.pairs[taps, -1] == -1


def test_rows_along_an_array_end_a_stage_in_several_ways():
    space = Mapspace(conv(1, 2, 4), machine(), ALONG_ROWS)
    assert ends_of(space, 0) == ({"P0": 1}, {"P0": 2})
    assert ends_of(space, 1) == ({},)
    assert all(is_exact(space, place) == (place.role == "input") for place in space.places)
    assert ends_of(Mapspace(conv(1, 2, 4), machine(), PLAIN), 0) == ({},)


def test_copies_share_what_is_read_but_not_what_arrives():
    """Two rows of copies, three image rows each of which they share two."""
    overlaps = in_registers(conv(1, 2, 4, padding=0), ALONG_ROWS)
    down, each = overlaps.fetched[0, 0, -1]
    assert (down, each) == (4 * 3 * 2, 2 * 3 * 3 * 2)


def check_chains(seed: int, num_chains: int, num_ways: int = 40) -> int:
    """Count some chains of one random case; the number of those that were compared."""
    rng = random.Random(seed)
    op, small = random_conv(rng), sliding_machine(rng)
    compared = 0
    for way in islice(spreads(op, small), num_ways):
        solver = Solver(Mapspace(op, small, way), 1e-9, lambda j, s: j * s)
        chains = list(solver.chains(float("inf")))
        for index in np.linspace(0, len(chains) - 1, min(num_chains, len(chains))).astype(int):
            nest = solver.space.nest(chains[index].steps)
            if nest_faults(op, small, nest):
                continue
            exact = cost.price(cost.count(op, small, nest), small).energy_delay
            assert chains[index].bound == pytest.approx(exact, rel=1e-9)
            compared += 1
    return compared


def test_chains_cost_what_the_engine_counts():
    assert sum(check_chains(seed, 12, 8) for seed in range(4)) > 50


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4, 60))
def test_more_chains_cost_what_the_engine_counts(seed):
    check_chains(seed, 200)


def small_machine(rng: random.Random):
    """Both memories keep parts of windows; few enough chains to enumerate."""
    small = sliding_machine(rng)
    keeps = {"pad": ("input", "output"), "reg": ("input", "weight")}
    nodes = tuple(
        node.model_copy(update={"keeps": keeps[node.name]}) if node.name in keeps else node
        for node in small.nodes
    )
    return small.model_copy(update={"nodes": nodes})


def check_best(seed: int, num_points: int, goal: str) -> bool:
    """Whether a random operation is small enough; then search and enumeration must agree."""
    rng = random.Random(seed)
    op, small = random_conv(rng, most=3), small_machine(rng)
    spaces = [Mapspace(op, small, way) for way in spreads(op, small)]
    if sum(prod(len(tiles) for tiles in space.tiles.values()) for space in spaces) > num_points:
        return False
    try:
        found = cost.search(op, small, goal=goal)
    except Infeasible:
        assert exhaustive(op, small, goal, compact=True) == float("inf")
        return True
    assert found.is_optimal
    assert found.value == pytest.approx(exhaustive(op, small, goal, compact=True), rel=1e-9)
    return True


def test_proven_best_is_the_best_of_all_where_windows_overlap():
    assert sum(check_best(seed, 30, "edp") for seed in range(16)) > 1


@pytest.mark.slow
@pytest.mark.parametrize("goal", cost.GOALS)
def test_proven_best_is_the_best_of_larger_mapspaces(goal):
    assert sum(check_best(seed, 26, goal) for seed in range(100, 150)) > 10
