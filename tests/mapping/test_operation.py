from __future__ import annotations

import pytest

from netwright.errors import GraphError
from netwright.mapping.operation import is_operation, operation
from netwright.workload import NETWORKS, Access, Affine, Builder, Einsum, Rank, Tensor, Workload


def first(b):
    workload = b.finish()
    return operation(workload, workload.einsums[0])


def test_convolution_has_its_directions():
    b = Builder("c")
    b.conv(b.input((2, 4, 9, 9)), 6, 3, groups=2)
    op = first(b)
    assert list(op.directions.values()) == ["N", "G", "M", "C", "P", "Q", "R", "S"]
    assert op.num_macs == 2 * 2 * 3 * 2 * 81 * 9
    assert op.reduced == {"C", "R0", "R1"}


def test_matrix_product_has_rows_sums_and_features():
    b = Builder("m")
    b.linear(b.input((3, 5)), 7)
    assert list(first(b).directions.values()) == ["P", "C", "M"]


def test_flattened_input_is_read_in_order():
    b = Builder("v")
    b.linear(b.reshape(b.input((1, 4, 3, 3)), (1, 36)), 5)
    op = first(b)
    assert op.tensors[op.of("input")].shape == (1, 36)
    assert op.directions == {"B1": "C", "M": "M"}


def test_every_product_of_the_networks_is_an_operation():
    for build in NETWORKS.values():
        workload = build()
        for einsum in filter(is_operation, workload.einsums):
            assert operation(workload, einsum).num_macs > 0


def test_other_einsums_are_refused():
    b = Builder("p")
    b.pool(b.input((1, 2, 4, 4)), 2, stride=2)
    with pytest.raises(GraphError, match='node "pool0": is not a sum of products'):
        first(b)


def test_diagonal_is_refused():
    both = Affine((("I", 1),))
    einsum = Einsum(
        "d", (Rank("I", 3),), Access("o", (both,)),
        (Access("x", (both, both)), Access("w", (both,))), "multiply", (), "add",
    )  # fmt: skip
    tensors = (Tensor("x", (3, 3), kind="input"), Tensor("w", (3,), kind="weight"),
               Tensor("o", (3,)))  # fmt: skip
    workload = Workload("w", tensors, (einsum,), ("o",))
    with pytest.raises(GraphError, match='rank I walks along two axes of "x"'):
        operation(workload, einsum)


def test_any_number_of_operands_by_name():
    """A sum of three factors along K, with a bias that does not change along it."""
    row, column, deep = (Affine(((rank, 1),)) for rank in "MNK")
    einsum = Einsum(
        "e", (Rank("M", 2), Rank("N", 3), Rank("K", 4)), Access("o", (row, column)),
        (Access("x", (row, deep)), Access("x", (column, deep)), Access("s", (deep,)),
         Access("b", (column,))), "multiply", reduce_op="add",
    )  # fmt: skip
    tensors = (Tensor("x", (3, 4), kind="input"), Tensor("s", (4,), kind="weight"),
               Tensor("b", (3,), kind="weight"), Tensor("o", (2, 3)))  # fmt: skip
    op = operation(Workload("w", tensors, (einsum,), ("o",)), einsum)
    assert op.roles == {"x": "input", "x#2": "weight", "s": "weight", "o": "output"}
    assert op.relevant("x#2") == {"N", "K"}
    assert op.output == op.of("output") == "o"
