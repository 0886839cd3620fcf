import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.errors import GraphError
from netwright.ir import Graph, Node
from tests.ir.ops.harness import alone, check_node, every_code


def limit(
    low: tuple[int, ...],
    high: tuple[int, ...],
    overflow: str,
    *,
    axis: int | None = 1,
    width: tuple[int, ...] = (3,),
    bits: int = 5,
) -> Graph:
    attrs = {"low": low, "high": high, "overflow": overflow, "axis": axis}
    return alone(Node("limit", "Limit", ("q",), "y", attrs), width=width, bits=bits)


def test_every_channel_has_its_own_interval() -> None:
    codes = every_code(-4, 3, 3)
    graph = limit((-2, 0, 1), (1, 0, 2), "saturate", bits=3)
    found = check_node(graph, codes, np.clip(codes, (-2, 0, 1), (1, 0, 2)))
    assert (found.low, found.high) == (-2, 2)


def test_codes_wrap_into_the_interval_of_their_channel() -> None:
    codes = np.arange(-8, 8)[:, None] * np.ones(3, dtype=np.int64)
    wanted = np.stack([(codes[:, 0] + 2) % 4 - 2, codes[:, 0] % 8, 0 * codes[:, 0] + 5], axis=1)
    found = check_node(limit((-2, 0, 5), (1, 7, 5), "wrap", bits=4), codes, wanted)
    assert (found.low, found.high) == (-2, 7)


def test_bounds_of_codes_inside_stay_as_they_are() -> None:
    codes = every_code(-2, 1, 3)
    found = check_node(limit((-8,), (7,), "wrap", axis=None, bits=2), codes, codes)
    assert (found.low, found.high) == (-2, 1)


def test_an_axis_in_the_middle() -> None:
    codes = np.random.default_rng(0).integers(-16, 16, (50, 2, 3))
    ends = np.array([[-1], [-3]]), np.array([[2], [0]])
    graph = limit((-1, -3), (2, 0), "saturate", axis=1, width=(2, 3))
    check_node(graph, codes, np.clip(codes, *ends))


@given(st.integers(-40, 40), st.integers(0, 5), st.lists(st.integers(-512, 511), min_size=1))
def test_wrapped_codes_differ_by_whole_spans(low: int, power: int, values: list[int]) -> None:
    codes = np.array(values)[:, None]
    graph = limit((low,), (low + (1 << power) - 1,), "wrap", width=(1,), bits=10)
    wanted = codes - ((codes - low) >> power << power)
    check_node(graph, codes, wanted)


@pytest.mark.parametrize(
    ("low", "high", "overflow", "axis", "message"),
    [
        ((0,), (2,), "wrap", None, r"power of two of codes, not 3 \(0 to 2\)"),
        ((3,), (2,), "saturate", None, r"low \(3\) must not exceed high \(2\)"),
        ((0, 1), (2, 3), "saturate", 1, "low and high must hold 1 or 3 values along axis 1, not 2"),
        ((0, 1), (2, 3, 4), "saturate", 1, "low and high must hold as many values, not 2 and 3"),
        ((0, 1, 2), (3,), "saturate", None, "1 or 1 values along axis None, not 3"),
        ((0,), (1,), "saturate", 2, "axis must be from 1 to 1, not 2"),
    ],
)
def test_intervals_that_cannot_be_are_refused(
    low: tuple[int, ...], high: tuple[int, ...], overflow: str, axis: int | None, message: str
) -> None:
    with pytest.raises(GraphError, match=message):
        limit(low, high, overflow, axis=axis)
