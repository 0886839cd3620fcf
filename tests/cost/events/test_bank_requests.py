"""Requests against the places of elements: each is touched, and nothing else."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings

from netwright.cost.events import Table
from netwright.cost.events.bank_requests import append_requests, product_requests
from tests.mapping.test_bank_columns import BITS, every_place, layouts, places, small


def touched(requests, names):
    """(channel, row, column) of each column that is asked for, request by request."""
    found = []
    for command, channel, bank, row, column, count, _ in requests.tolist():
        found += [(names[command], channel, bank, row, column + n) for n in range(count)]
    return found


@settings(max_examples=30, deadline=None)
@given(layouts())
def test_products_read_every_column_that_holds_something(made):
    layout, product = made
    table = Table.of(small())
    asked = touched(product_requests(layout, product, small(), table, BITS, 1), table.names)
    read = [(channel, row, column) for name, channel, _, row, column in asked if name == "mac_all"]
    wanted = {tuple(own) for own in every_place(layout, product)[:, [0, 2, 3]].tolist()}
    assert set(read) == wanted
    if layout.summed_along_rows:
        assert len(read) == len(wanted)
    sums = sum(name == "read_sums" for name, *_ in asked)
    pieces = -(-product.length // layout.piece)
    assert sums >= pieces * product.groups * product.outputs / (2 * 4)


@settings(max_examples=30, deadline=None)
@given(layouts())
def test_new_rows_are_written_where_they_are_read(made):
    layout, product = made
    table = Table.of(small())
    points = np.meshgrid(*map(np.arange, (product.groups, product.outputs, product.length)),
                         indexing="ij")  # fmt: skip
    groups, outputs, elements = (axis.ravel() for axis in points)
    for growth, last in (("outputs", product.outputs - 1), ("length", product.length - 1)):
        found = append_requests(layout, product, growth, 1, small(), table, BITS)
        is_new = (outputs if growth == "outputs" else elements) == last
        own = places(layout, product, small(), BITS, groups[is_new], outputs[is_new],
                     elements[is_new])  # fmt: skip
        written = touched(found, table.names)
        assert {name for name, *_ in written} == {"write"}
        assert sorted(place for _, *place in written) == sorted(
            map(list, {tuple(place) for place in own[:, :4].tolist()})
        )
