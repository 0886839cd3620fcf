"""The search against enumeration of the whole mapspace, every nest counted exactly."""

from __future__ import annotations

import random
from itertools import islice, pairwise, permutations, product

import numpy as np
import pytest

from netwright import cost
from netwright.cost.mapper import value_of
from netwright.cost.mapspace import KINDS, UNKNOWN_TO, Mapspace
from netwright.cost.search import Solver
from netwright.cost.spreads import spreads
from netwright.mapping import nest_faults
from tests.cost.small import conv, linear, machine, one_memory, random_machine


def all_chains(space):
    """Every chain of points in every order of the places of each stage."""
    points = [{**m, **x, **k} for m, x, k in product(*(space.tiles[kind] for kind in KINDS))]
    stages = [[p for p in space.places if p.stage == stage] for stage in range(space.num_stages)]
    for orders in product(*(permutations(stage) for stage in stages)):
        yield from _extend([place for order in orders for place in order], (), points)


def _extend(places, chain, points):
    if not places:
        yield chain
        return
    for point in points:
        if not chain or all(point[r] % chain[-1][1][r] == 0 for r in point):
            yield from _extend(places[1:], (*chain, (places[0], point)), points)


def is_compact(space, chain):
    """Whether right inside a tensor's tile, in a stage, run only loops that it does not know."""
    return all(
        inner.stage != outer.stage
        or all(big[r] == small[r] for r in big if space.kinds[r] != UNKNOWN_TO[outer.role])
        for (inner, small), (outer, big) in pairwise(chain)
    )


def exhaustive(op, small, goal, *, compact=False):
    best = float("inf")
    seen = set()
    for way in spreads(op, small):
        space = Mapspace(op, small, way)
        for chain in all_chains(space):
            if compact and not is_compact(space, chain):
                continue
            nest = space.nest(chain)
            if nest in seen or nest_faults(op, small, nest):
                continue
            seen.add(nest)
            best = min(best, value_of(cost.price(cost.count(op, small, nest), small), goal))
    return best


CASES = [
    (linear(2, 4, 2), {"size": 24, "fanout": (2, 1)}),
    (linear(3, 2, 4), {"size": 20, "fanout": (1, 2), "speed": 0.5}),
    (linear(4, 4, 1), {"size": 40, "fanout": (1, 1), "buffered": True}),
    (conv(1, 2, 3, 2, padding=0), {"size": 20, "fanout": (1, 1)}),
]


def check_best(op, options, goal):
    small = one_memory(**options)
    found = cost.search(op, small, goal=goal)
    assert found.is_optimal
    assert found.value == pytest.approx(exhaustive(op, small, goal), rel=1e-9)


def test_search_finds_the_best_of_its_mapspace():
    check_best(*CASES[0], "edp")


@pytest.mark.slow
@pytest.mark.parametrize("goal", cost.GOALS)
@pytest.mark.parametrize("case", CASES)
def test_search_finds_the_best_of_larger_mapspaces(case, goal):
    check_best(*case, goal)


@pytest.mark.parametrize("op", [linear(4, 6, 5), conv(1, 4, 4), conv(4, 4, 4, 2, groups=4),
                                conv(2, 2, 5, stride=2)])  # fmt: skip
@pytest.mark.parametrize("buffered", [True, False])
def test_lowest_bound_is_below_every_exact_value(op, buffered):
    small = machine(size=100, register=24, buffered=buffered)
    way = next(spreads(op, small))
    solver = Solver(Mapspace(op, small, way), 1e-9, lambda joules, seconds: joules * seconds)
    chains = list(solver.chains(float("inf")))
    assert solver.floor() <= chains[0].bound * (1 + 1e-9)
    for index in np.linspace(0, len(chains) - 1, 30).astype(int):
        nest = solver.space.nest(chains[index].steps)
        assert nest_faults(op, small, nest) == ()
        exact = cost.price(cost.count(op, small, nest), small).energy_delay
        assert chains[0].bound <= exact * (1 + 1e-9)


@pytest.mark.parametrize("seed", range(10))
def test_chains_of_products_cost_what_the_engine_counts(seed):
    """Ragged tiles and copies included."""
    rng = random.Random(seed)
    op = linear(rng.randint(1, 7), rng.randint(1, 9), rng.randint(2, 7))
    small = random_machine(rng, rng.choice([("weight",), ("output",), ("input", "output")]))
    for way in islice(spreads(op, small), 6):
        solver = Solver(Mapspace(op, small, way), 1e-9, lambda joules, seconds: joules * seconds)
        chains = list(solver.chains(float("inf")))
        for index in np.linspace(0, len(chains) - 1, min(8, len(chains))).astype(int):
            nest = solver.space.nest(chains[index].steps)
            assert nest_faults(op, small, nest) == ()
            exact = cost.price(cost.count(op, small, nest), small).energy_delay
            assert chains[index].bound == pytest.approx(exact, rel=1e-9)
