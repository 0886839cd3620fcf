"""The product in a shared table: that of every other way, within what the order of sums changes."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from netwright.errors import ConfigError, DataError
from netwright.kernels import SparseRows, multiply_rows_reference, rmat, shared_table_product
from netwright.kernels.isa import native

needs_native = pytest.mark.skipif(native is None, reason="this installation has no native kernels")
GRAPH = rmat(7, edge_factor=4)


@needs_native
@pytest.mark.parametrize("hashing", ["high", "low"])
@pytest.mark.parametrize("schedule", ["static", "dynamic"])
@pytest.mark.parametrize("layout", ["joined", "split"])
@pytest.mark.parametrize(("num_threads", "slots"), [(1, 1 << 18), (3, 64), (2, 1 << 10)])
def test_every_way_gives_the_product(
    hashing: Any, schedule: Any, layout: Any, num_threads: int, slots: int
) -> None:
    made = shared_table_product(
        GRAPH, GRAPH, hashing=hashing, schedule=schedule, layout=layout, slots=slots,
        num_threads=num_threads,
    )  # fmt: skip
    expected = multiply_rows_reference(GRAPH, GRAPH)
    order = np.lexsort((made.matrix.columns, made.matrix.rows()))
    np.testing.assert_array_equal(made.matrix.offsets, expected.offsets)
    np.testing.assert_array_equal(made.matrix.columns[order], expected.columns)
    found = made.matrix.values[order]
    if num_threads == 1:
        np.testing.assert_array_equal(found, expected.values)
    np.testing.assert_allclose(found, expected.values, rtol=1e-12)
    products = np.diff(GRAPH.offsets)[GRAPH.columns].sum()
    assert made.looks >= products
    assert (made.windows == 1) == (slots == 1 << 18)


@needs_native
def test_neighbors_collide_by_high_bits_and_not_by_low_ones() -> None:
    row = SparseRows(1024, [0, 16], np.arange(16), np.ones(16))
    single = SparseRows(1, [0, 1], [0], np.ones(1))
    looks = {
        hashing: shared_table_product(single, row, hashing=hashing, slots=64).looks
        for hashing in ("high", "low")
    }
    assert looks == {"high": 16 * 17 // 2, "low": 16}


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"hashing": "both"}, ConfigError, 'hashing: must be high or low, not "both"'),
        ({"schedule": "fair"}, ConfigError, 'schedule: must be static or dynamic, not "fair"'),
        ({"layout": "none"}, ConfigError, 'layout: must be joined or split, not "none"'),
        ({"slots": 100}, ConfigError, "slots: must be a power of two from 2 to 2**30, not 100"),
        ({"num_threads": 0}, DataError, "num_threads must be from 1 to 256, not 0"),
        ({"right": SparseRows(1, [0, 0], [], np.zeros(0))}, DataError, "not 128 and 1"),
        (
            {"left": SparseRows(128, [0, 1], [0], np.ones(1, np.float32))},
            DataError,
            "left: values must be float64, not float32",
        ),
    ],
)
def test_what_does_not_fit_is_refused(
    changed: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=re.escape(message)):
        shared_table_product(**{"left": GRAPH, "right": GRAPH, **changed})
