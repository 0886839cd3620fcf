from __future__ import annotations

import numpy as np
import pytest

from netwright.ir.einsums.lower import Operand, Windows, convolution, pointwise, product
from netwright.workload import Access, Affine, Tensor, Workload
from netwright.workload.absorb import absorb, view_of
from netwright.workload.view import View
from tests.workload.brute import made


def values_of(einsum, shape, arrays):
    """What an Einsum makes of arrays, as a tensor of this shape."""
    tensors = [Tensor(name, array.shape, kind="input") for name, array in arrays.items()]
    tensors.append(Tensor(einsum.output.tensor, shape))
    workload = Workload("one", tuple(tensors), (einsum,), (einsum.output.tensor,))
    return made(workload, einsum, arrays)


def test_axes_that_a_view_merges_split_a_rank():
    x, w = np.arange(48.0).reshape(2, 4, 6), np.arange(30.0).reshape(6, 5)
    view = View.of("x", (2, 4, 6)).reshaped((8, 6))
    (step,) = product("m", Operand("v", (8, 6)), Operand("w", (6, 5)), Operand("y", (8, 5)))
    einsum, left = absorb(step, {"v": view})
    assert left == frozenset()
    assert [(rank.name, rank.extent) for rank in einsum.ranks] == [
        ("M_1", 2), ("M_0", 4), ("N", 5), ("K", 6),
    ]  # fmt: skip
    assert einsum.num_macs == step.num_macs
    found = values_of(einsum, (8, 5), {"x": x, "w": w})
    np.testing.assert_allclose(found, x.reshape(8, 6) @ w)


def test_an_axis_that_a_view_splits_keeps_the_ranks():
    view = View.of("x", (5, 6)).reshaped((5, 2, 3)).permuted((1, 0, 2))
    step = pointwise("c", [Operand("v", (2, 5, 3))], Operand("y", (2, 5, 3)), "copy")
    einsum, _ = absorb(step, {"v": view})
    assert einsum.ranks == step.ranks
    assert [dict(axis.terms) for axis in einsum.inputs[0].index] == [{"B1": 1}, {"B0": 3, "B2": 1}]


def test_written_view():
    view = View.of("y", (6,))
    shown = View.of("x", (2, 3)).reshaped((6,)).inverse("y")
    step = pointwise("c", [Operand("a", (2, 3))], Operand("x", (2, 3)), "copy")
    einsum, _ = absorb(step, {"x": shown})
    assert einsum.output == Access("y", (Affine((("B0", 3), ("B1", 1))),))
    assert view.is_identity


@pytest.mark.parametrize("pad", [0, 1])
def test_index_beyond_the_edge_of_a_split_axis_is_left(pad):
    view = View.of("x", (1, 12, 2)).permuted((0, 2, 1)).reshaped((1, 2, 4, 3))
    windows = Windows((3, 3), (1, 1), (pad, pad), (1, 1))
    made = (4, 3) if pad else (2, 1)
    source, weight = Operand("v", (1, 2, 4, 3)), Operand("w", (2, 2, 3, 3))
    (step,) = convolution("c", source, weight, Operand("y", (1, 2, *made)), windows)
    einsum, left = absorb(step, {"v": view})
    assert left == ({"v"} if pad else frozenset())
    assert (einsum.inputs[0].tensor == "v") == bool(pad)


def test_whole_reads_stay_whole():
    step = pointwise("c", [Operand("a", (2, 3))], Operand("y", (2, 3)), "copy")
    whole = Access("v", (Affine(()),) * 2)
    view = View.of("x", (3, 2)).permuted((1, 0))
    einsum, _ = absorb(
        type(step)(step.name, step.ranks, step.output, (whole,), "opaque"), {"v": view}
    )
    assert einsum.inputs == (Access("x", (Affine(()),) * 2),)


def test_elementwise_step_is_a_view_of_its_operand():
    view = View.of("x", (6,)).reshaped((2, 3))
    step = pointwise("r", [Operand("v", (2, 3))], Operand("y", (2, 3)), "copy", unary=("relu",))
    einsum, _ = absorb(step, {"v": view})
    found = view_of(einsum, (6,))
    assert found is not None
    assert found.form == view.form
