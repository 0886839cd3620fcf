from __future__ import annotations

import pytest

from netwright.errors import GraphError
from netwright.workload import Access, Affine, Einsum, Rank, Tensor, Workload


def einsum(name: str, source: str, target: str, extent: int = 4) -> Einsum:
    axis = (Affine((("B", 1),)),)
    ranks = (Rank("B", extent),)
    return Einsum(name, ranks, Access(target, axis), (Access(source, axis),), "activate")


def test_bytes_are_rounded_up_to_whole_ones():
    assert Tensor("a", (3, 3), bits=4).num_bytes == 5
    assert Tensor("a", (1000, 1000, 1000, 1000), bits=16).num_bytes == 2 * 10**12


def test_all_faults_are_listed_at_once():
    tensors = (Tensor("a", (4,), kind="input"), Tensor("b", (0,)), Tensor("b", (4,), bits=65))
    with pytest.raises(GraphError) as caught:
        Workload("w", tensors, (einsum("e", "c", "b", 0), einsum("e", "b", "a")), ("z",))
    assert caught.value.message == (
        'workload "w" has 8 faults\n'
        '  tensor "b": extents must be 1 or more, not (0,)\n'
        '  tensor "b" is declared twice\n'
        '  tensor "b": bits must be from 1 to 64, not 65\n'
        '  Einsum "e": rank B must be 1 or more, not 0\n'
        '  Einsum "e": tensor "c" is not declared\n'
        '  Einsum "e" is declared twice\n'
        '  Einsum "e": "a" is made already\n'
        '  output "z" is made by no Einsum'
    )


def test_cycle_and_empty_workload_are_refused():
    tensors = (Tensor("a", (4,)), Tensor("b", (4,)))
    with pytest.raises(GraphError, match='"e" reads "b" before it is made'):
        Workload("w", tensors, (einsum("e", "b", "a"), einsum("f", "a", "b")), ("b",))
    with pytest.raises(GraphError, match="must have at least one Einsum"):
        Workload("w", tensors, (), ())


def test_wrong_accesses_are_refused():
    tensors = (Tensor("a", (4, 4), kind="input"), Tensor("b", (4,)))
    bad = Einsum(
        "e", (), Access("b", (Affine((("Q", 1),)),)), (Access("a", (Affine(()),)),), "copy"
    )
    with pytest.raises(GraphError) as caught:
        Workload("w", tensors, (bad,), ("b",))
    assert '"a" has 2 axes, not 1' in caught.value.message
    assert "no rank is called Q" in caught.value.message
