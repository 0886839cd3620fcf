import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.errors import GraphError
from netwright.ir import Node, bounds, check
from tests.ir.ops.harness import alone, check_node

NODE = Node("tables", "Lookup", ("q", "t"), "y", {"first": -4})


@pytest.mark.parametrize("width", [(3,), (2, 3)])
def test_lookup_equals_the_definition(width: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    tables = rng.integers(-50, 50, (3, 2, 8))
    codes = rng.integers(-4, 4, (40, *width))
    wanted = np.empty((*codes.shape[:-1], 6), dtype=np.int64)
    for place in np.ndindex(codes.shape):
        for function in range(2):
            entry = tables[place[-1], function, codes[place] + 4]
            wanted[(*place[:-1], place[-1] * 2 + function)] = entry
    check_node(alone(NODE, width=width, constants={"t": tables}, bits=3), codes, wanted)


@given(entries=st.lists(st.integers(-99, 99), min_size=8, max_size=8))
def test_bounds_are_the_extreme_entries(entries: list[int]) -> None:
    limit = bounds(alone(NODE, width=(1,), constants={"t": np.array([[entries]])}, bits=3))["y"]
    assert (limit.low, limit.high) == (min(entries), max(entries))


@pytest.mark.parametrize("shape", [(2, 2, 8), (3, 8), (3, 2, 0)])
def test_tables_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    graph = alone(NODE, width=(3,), constants={"t": np.zeros((3, 2, 8), np.int64)}, bits=3)
    broken = {**graph.constants, "t": np.zeros(shape, np.int64)}
    with pytest.raises(GraphError, match=r"tables must have shape \(3, functions, entries\)"):
        alone(NODE, width=(3,), constants=broken, bits=3)


def test_codes_without_an_entry_are_refused() -> None:
    graph = alone(NODE, width=(1,), constants={"t": np.zeros((1, 1, 8), np.int64)}, bits=4)
    with pytest.raises(GraphError, match="entries for -4 to 3, but the codes reach from -8 to 7"):
        bounds(check(graph))
