from __future__ import annotations

import numpy as np
import pytest

from netwright.workload import Builder


@pytest.mark.parametrize(
    ("kernel", "options", "shape"),
    [
        (3, {}, (1, 6, 8, 9)),
        (3, {"stride": 2}, (1, 6, 4, 5)),
        (5, {"dilation": 2, "padding": 0}, (1, 6, 0, 1)),
        ((1, 3), {"groups": 2, "padding": (0, 1)}, (1, 6, 8, 9)),
        (2, {"stride": 2, "padding": 0}, (1, 6, 4, 4)),
    ],
)
def test_conv_shape(kernel, options, shape):
    b = Builder("net")
    assert b.shape(b.conv(b.input((1, 4, 8, 9)), 6, kernel, **options)) == shape


def test_conv_accesses_walk_every_element_of_the_weights_once():
    b = Builder("net")
    b.conv(b.input((1, 4, 6, 6)), 6, 3, groups=2)
    (einsum,) = b.finish("conv0.out").einsums
    extents = {rank.name: rank.extent for rank in einsum.ranks}
    _, weight = einsum.inputs
    names = sorted({rank for axis in weight.index for rank, _ in axis.terms})
    points = np.indices([extents[name] for name in names]).reshape(len(names), -1)
    place = dict(zip(names, points, strict=True))
    index = [sum(c * place[r] for r, c in axis.terms) + axis.offset for axis in weight.index]
    assert len({tuple(column) for column in np.array(index).T}) == 6 * 2 * 3 * 3


def test_view_costs_nothing():
    b = Builder("net")
    x = b.pool(b.input((1, 4, 6, 6)), 3, stride=2, ceil=True)
    assert b.shape(x) == (1, 4, 3, 3)
    workload = b.finish(b.linear(b.reshape(x, (1, 36)), 5))
    assert [einsum.num_macs for einsum in workload.einsums] == [0, 180]
    assert workload.einsums[0].output.tensor == workload.einsums[1].reads[0]
    assert workload.num_parameters == 180
