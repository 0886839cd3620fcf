"""Iteration spaces against a brute-force count of the elements that they touch."""

from __future__ import annotations

from itertools import product as every

import pytest

from netwright.ir.einsums.lower import (
    Operand,
    Windows,
    convolution,
    extents_made,
    opaque,
    pointwise,
    pooling,
    product,
    reduction,
)


def operand(name, *shape):
    return Operand(name, shape)


def touched(einsum, access):
    """Indices of all points of the ranks, in the range that they have."""
    names = [rank.name for rank in einsum.ranks]
    found = set()
    for point in every(*(range(rank.extent) for rank in einsum.ranks)):
        at = dict(zip(names, point, strict=True))
        found.add(tuple(sum(c * at[r] for r, c in axis.terms) + axis.offset for axis in access))
    return found


def inside(found, shape):
    return {index for index in found if all(0 <= i < e for i, e in zip(index, shape, strict=True))}


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_convolution_touches_everything_once(groups):
    source, weight = operand("x", 1, 4, 5, 5), operand("w", 4, 4 // groups, 3, 3)
    output = operand("y", 1, 4, 5, 5)
    windows = Windows((3, 3), (1, 1), (1, 1), (1, 1))
    (einsum,) = convolution("c", source, weight, output, windows, groups=groups)
    sizes = [100, 4 * 4 // groups * 9, 100]
    parts = zip((*einsum.inputs, einsum.output), (source, weight, output), sizes, strict=True)
    for access, own, size in parts:
        assert len(inside(touched(einsum, access.index), own.shape)) == size
    assert einsum.num_macs == 100 * 4 // groups * 9


@pytest.mark.parametrize("flips", [(False, False), (True, False), (False, True), (True, True)])
def test_product_touches_everything_once(flips):
    left = operand("a", 2, *((4, 3) if flips[0] else (3, 4)))
    right = operand("b", *((5, 4) if flips[1] else (4, 5)))
    output = operand("y", 2, 3, 5)
    (einsum,) = product("m", left, right, output, flips=flips)
    for access, own in zip((*einsum.inputs, einsum.output), (left, right, output), strict=True):
        assert touched(einsum, access.index) == set(every(*map(range, own.shape)))
    assert einsum.num_macs == 2 * 3 * 4 * 5


def test_broadcast_extents_are_not_walked():
    einsum = pointwise("p", [operand("x", 2, 3), operand("b", 1, 3)], operand("y", 2, 3), "add")
    assert [dict(axis.terms) for axis in einsum.inputs[1].index] == [{}, {"B1": 1}]


def test_pooling_and_reduction():
    windows = Windows((2,), (2,), (0,), (1,))
    einsum = pooling("p", operand("x", 1, 3, 8), operand("y", 1, 3, 4), windows)
    assert (einsum.map_op, einsum.reduce_op, einsum.num_macs) == ("copy", "max", 0)
    assert touched(einsum, einsum.inputs[0].index) == set(every(range(1), range(3), range(8)))
    einsum = reduction("r", operand("x", 2, 3, 4), operand("y", 2, 1, 4), [1])
    assert touched(einsum, einsum.output.index) == set(every(range(2), range(1), range(4)))


def test_opaque_steps_read_everything():
    einsum = opaque("o", [operand("x", 2, 3)], operand("y", 6))
    assert [axis.terms for axis in einsum.inputs[0].index] == [(), ()]


def test_a_bias_is_a_step_of_its_own():
    steps = product("m", operand("a", 3, 4), operand("b", 4, 5), operand("y", 3, 5),
                    bias=operand("c", 5))  # fmt: skip
    assert [einsum.name for einsum in steps] == ["m", "m.bias"]
    assert [einsum.num_macs for einsum in steps] == [60, 0]
    assert extents_made(steps[0]) == (3, 5)


def test_mean_is_no_product():
    step = reduction("r", operand("x", 2, 3), operand("y", 2, 1), [1], mean=True)
    assert (step.map_op, step.constants, step.num_macs) == ("multiply", (1 / 3,), 0)
