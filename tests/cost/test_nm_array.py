"""Cycles of N:M products against an array that is moved step by step."""

from __future__ import annotations

from itertools import product

import pytest

from netwright.cost.nm_array import Element, nm_product
from netwright.cost.systolic import matrix_product
from netwright.errors import ConfigError

PRODUCTS = [(4, 16, 4), (1, 8, 1), (7, 24, 6), (5, 9, 3), (12, 32, 9)]


def issued(sums: list[int], latency: int) -> int:
    """Cycles in which one element multiplies, one sum after the other, each when it is ready."""
    ready: dict[int, int] = {}
    clock = 0
    for key in sums:
        clock = max(clock, ready.get(key, 0))
        ready[key] = clock + latency
        clock += 1
    return clock


def walked(
    rows: int, depth: int, features: int, array: tuple[int, int], element: Element,
    stationary: str, dense: bool, turns: int, across: bool,
) -> int:  # fmt: skip
    """Cycles of all tiles, from what the nearest element does and how far the farthest one is."""
    height, width = array
    extent, steps = element.span(stationary, dense=dense)  # type: ignore[arg-type]
    groups = len(range(0, depth, extent))
    cycles = 0
    if stationary == "output":
        tall, wide = (height, width * turns) if across else (height * turns, width)
        for _ in product(range(0, rows, tall), range(0, features, wide)):
            order = [sum for _ in range(groups * steps) for sum in range(turns)]
            cycles += issued(order, element.adder_cycles) + (height - 1) + (width - 1)
        return cycles
    for _ in product(range(0, groups, height), range(0, features, width)):
        order = []
        for first in range(0, rows, turns):
            block = range(first, min(first + turns, rows))
            order += [row for _ in range(steps) for row in block]
        down = (height - 1) * element.adder_cycles
        cycles += height + issued(order, element.adder_cycles) + down + (width - 1)
    return cycles


@pytest.mark.parametrize("array", [(1, 1), (4, 4), (2, 5)])
@pytest.mark.parametrize("stationary", ["weight", "output"])
@pytest.mark.parametrize(("latency", "interleaved"), [(1, 1), (4, 1), (4, 4), (3, 2)])
def test_cycles_are_those_of_a_walk(
    array: tuple[int, int], stationary: str, latency: int, interleaved: int
) -> None:
    for sizes, kept, dense in product(PRODUCTS, (1, 2), (False, True)):
        element = Element(kept, 8, adder_cycles=latency, interleaved=interleaved)
        found = nm_product(*sizes, array, element, stationary, dense=dense)  # type: ignore[arg-type]
        best = min(
            walked(*sizes, array, element, stationary, dense, turns, across)
            for turns in range(1, interleaved + 1)
            for across in (False, True)
        )
        assert found == best


def test_an_adder_of_one_cycle_gives_the_forms_of_other_arrays() -> None:
    for sizes in PRODUCTS:
        rows, depth, features = sizes
        dense = nm_product(*sizes, (4, 4), Element(1, 1), "output", dense=True)
        assert dense == matrix_product(*sizes, (4, 4), "output")
        dense = nm_product(*sizes, (4, 4), Element(1, 1), "weight", dense=True)
        assert dense == matrix_product(*sizes, (4, 4), "weight")
        groups = -(-depth // 8)
        sparse = nm_product(*sizes, (4, 4), Element(2, 8), "output")
        assert sparse == matrix_product(rows, 2 * groups, features, (4, 4), "output")
        sparse = nm_product(*sizes, (4, 4), Element(2, 8), "weight")
        assert sparse == matrix_product(2 * rows, groups, features, (4, 4), "weight")


def test_large_products_gain_what_the_pattern_leaves_out() -> None:
    sizes, array = (4096, 4096, 4096), (32, 32)
    for kept, group in ((2, 4), (2, 8), (1, 16)):
        element = Element(kept, group)
        dense = nm_product(*sizes, array, element, "output", dense=True)
        gain = dense / nm_product(*sizes, array, element, "output")
        assert gain == pytest.approx(group / kept, rel=0.2)
        assert gain < group / kept


def test_interleaving_hides_the_latency_of_the_adder() -> None:
    sizes, array = (512, 512, 512), (32, 32)
    quick = nm_product(*sizes, array, Element(2, 8), "output")
    slow = nm_product(*sizes, array, Element(2, 8, adder_cycles=4), "output")
    hidden = nm_product(*sizes, array, Element(2, 8, adder_cycles=4, interleaved=4), "output")
    assert slow > 2.5 * quick
    assert hidden <= quick


def test_elements_that_cannot_be_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"hold from kept \(2, at least 1\) to group \(8\)"):
        Element(2, 8, slots=1)
    with pytest.raises(ConfigError, match=r"not 9"):
        Element(9, 8)
    with pytest.raises(ConfigError, match="adder_cycles and interleaved must be 1 or more"):
        Element(2, 8, adder_cycles=0)
