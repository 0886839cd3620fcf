from __future__ import annotations

from netwright.mapping.ranks import aligned
from netwright.workload import Access, Affine, Builder, Einsum, Rank, Tensor, Workload
from tests.cost.attention import Sizes, one_pass


def plain(*ranks):
    return tuple(Affine(((rank, 1),)) for rank in ranks)


def test_ranks_of_a_chain_get_one_name():
    b = Builder("chain")
    b.finish(b.linear(b.linear(b.input((4, 6)), 5), 7))
    first, second = aligned(b.finish()).einsums
    assert [rank.name for rank in first.ranks] == ["B0", "B1", "M"]
    assert [rank.name for rank in second.ranks] == ["B0", "M", "linear1.M"]
    assert second.inputs[0].index == plain("B0", "M")
    assert aligned(aligned(b.finish())) == aligned(b.finish())


def test_two_ranks_of_one_einsum_stay_two():
    """Queries and keys both come from one axis of tokens."""
    ranks = (Rank("P", 3), Rank("M", 3), Rank("E", 2))
    scores = Einsum(
        "scores", ranks, Access("s", plain("P", "M")),
        (Access("x", plain("P", "E")), Access("x", plain("M", "E"))), "multiply", reduce_op="add",
    )  # fmt: skip
    tensors = (Tensor("x", (3, 2), kind="input"), Tensor("s", (3, 3)))
    (found,) = aligned(Workload("w", tensors, (scores,), ("s",))).einsums
    assert found == scores


def test_names_of_a_cascade_stay():
    cascade = one_pass(Sizes(2, 8, 512, 512))
    assert aligned(cascade) == cascade
