from __future__ import annotations

from dataclasses import replace

import pytest

from netwright.cost.dataflows import Shape, Window, shape_of
from netwright.cost.dataflows.shape import tiled
from netwright.errors import GraphError
from netwright.formats import NM, Format, Int
from netwright.mapping import operation
from netwright.workload import Builder
from tests.cost.dataflows.layers import dense, product


def test_a_convolution_is_read():
    b = Builder("x")
    y = b.conv(b.input((2, 6, 9, 8)), 4, (3, 2), stride=(2, 1), padding=(1, 0), groups=2)
    shape, ranks = shape_of(product(b.finish(y)))
    assert shape == Shape(2, 2, 2, 3, Window(5, 3, 2, 1, 1, 9), Window(7, 2, 1, 1, 0, 8), (8, 8, 8))
    assert shape.num_macs == 2 * 4 * 3 * 6 * 5 * 7
    assert sorted(ranks) == ["C", "G", "M", "N", "P", "Q", "R", "S"]


def test_a_product_of_matrices_is_a_convolution_of_one_column():
    shape, _ = shape_of(dense(5, 7, 3))
    assert (shape.features, shape.channels, shape.rows) == (3, 7, Window(5, 1, 1, 1, 0, 5))
    assert shape.columns == Window()


def test_what_no_template_counts_is_named():
    b = Builder("x")
    own = product(b.finish(b.conv(b.input((1, 2, 4, 4, 4)), 3, 3)))
    with pytest.raises(GraphError, match=r'node "conv0": has two ranks of the kind'):
        shape_of(own)
    b = Builder("y")
    workload = b.finish(b.linear(b.input((2, 8)), 4))
    pattern = Format(Int(8), pattern=NM(2, 4))
    tensors = tuple(replace(t, format=pattern) if t.kind == "weight" else t
                    for t in workload.tensors)  # fmt: skip
    sparse = replace(workload, tensors=tensors)
    with pytest.raises(GraphError, match=r'"linear0.weight" has the zeros of NM\(2:4\)'):
        shape_of(operation(sparse, sparse.einsums[0]))


def test_tiles_of_an_axis_by_hand():
    """Three tiles of two windows of 3, stride 1, one place of padding before 5 places."""
    cut = tiled(Window(5, 3, 1, 1, 1, 5), 2)
    assert cut.sizes == (3, 4, 2)  # places 0-2, 1-4, 3-4
    assert cut.shared == (0, 2, 2)
    assert (cut.wrapped, cut.pairs, cut.fetched) == (0, 13, 5)
    assert tiled(Window(2, 1, 3, 1, 0, 4), 1).shared == (0, 0)
