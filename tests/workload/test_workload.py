from __future__ import annotations

import pytest

from netwright.errors import GraphError
from netwright.formats import MXFP4, NVFP4, Format, Int, NumberFormat, OutlierPairs
from netwright.workload import Access, Affine, Einsum, Rank, Tensor, Workload


def einsum(name: str, source: str, target: str, extent: int = 4) -> Einsum:
    axis = (Affine((("B", 1),)),)
    ranks = (Rank("B", extent),)
    return Einsum(name, ranks, Access(target, axis), (Access(source, axis),), "copy", ("relu",))


def test_bytes_are_rounded_up_to_whole_ones():
    assert Tensor("a", (3, 3), Format(Int(4))).num_bytes == 5
    assert Tensor("a", (1000, 1000, 1000, 1000), Format(Int(16))).num_bytes == 2 * 10**12


def test_all_faults_are_listed_at_once():
    tensors = (Tensor("a", (4,), kind="input"), Tensor("b", (0,)), Tensor("b", (4,)))
    with pytest.raises(GraphError) as caught:
        Workload("w", tensors, (einsum("e", "c", "b", 0), einsum("e", "b", "a")), ("z",))
    assert caught.value.message == (
        'workload "w" has 7 faults\n'
        '  tensor "b": extents must be 1 or more, not (0,)\n'
        '  tensor "b" is declared twice\n'
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
    with pytest.raises(GraphError, match="at least one Einsum is needed"):
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


def running_maximum(*, offset: int = 0, initial: float | None = -1.0) -> Workload:
    """R[i + 1] = max(R[i + offset], X[i])."""
    i = Affine((("i", 1),))
    maximum = Einsum(
        "r", (Rank("i", 4),), Access("R", (Affine((("i", 1),), 1),)),
        (Access("R", (Affine((("i", 1),), offset),)), Access("X", (i,))), "max",
        iterative=("i",),
    )  # fmt: skip
    tensors = (Tensor("X", (4,), kind="input"), Tensor("R", (5,), initial=initial))
    return Workload("running", tensors, (maximum,), ("R",))


def test_iterative_rank_may_read_what_was_made_in_the_iteration_before():
    assert running_maximum().einsums[0].reads == ("R", "X")


def test_iterative_rank_must_start_and_move_on():
    with pytest.raises(GraphError, match='"R": must have an initial value for rank i'):
        running_maximum(initial=None)
    with pytest.raises(GraphError, match='"r" reads "R" before it is made'):
        running_maximum(offset=1)


def test_operators_are_checked():
    axis = (Affine((("B", 1),)),)
    bad = Einsum(
        "e", (Rank("B", 4),), Access("b", axis), (Access("a", axis),), "divide", ("sine",),  # type: ignore[arg-type]
        iterative=("Z",),
    )  # fmt: skip
    with pytest.raises(GraphError) as caught:
        Workload("w", (Tensor("a", (4,), kind="input"), Tensor("b", (4,))), (bad,), ("b",))
    assert 'no function of one value is called "sine"' in caught.value.message
    assert "divide must have 2 operands, not 1" in caught.value.message
    assert "no rank is called Z" in caught.value.message


def test_bytes_follow_what_is_stored_of_a_format() -> None:
    def weights(number: NumberFormat) -> Tensor:
        return Tensor("w", (768, 3072), Format(number, group_axis=0), "weight")

    elements = 768 * 3072
    for number, scales in ((Int(4), 0), (OutlierPairs(), 0), (MXFP4, 32), (NVFP4, 16)):
        tensor = weights(number)
        bits = elements * 4 + (elements // scales * 8 if scales else 0)
        assert tensor.num_bytes == bits // 8
        assert tensor.bits_of(elements) == bits
        assert tensor.bits_of(64) == 64 * 4 + (64 // scales * 8 if scales else 0)
