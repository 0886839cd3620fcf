from __future__ import annotations

from netwright.workload import Access, Affine, Builder, Einsum, Rank, Tensor, Workload, fuse


def test_fusing_reads_through_normalization_and_activation():
    b = Builder("net")
    x = b.conv(b.input((1, 4, 6, 6)), 4, 3)
    y = b.conv(b.activate(b.norm(x)), 4, 3)
    workload = b.finish(b.activate(b.add(x, y)))
    fused = fuse(workload)
    assert [einsum.map_op for einsum in fused.einsums] == ["multiply", "multiply", "add"]
    assert fused.einsums[1].reads[0] == x
    assert fused.outputs == (fused.einsums[-1].output.tensor,)
    assert (workload.granularity, fused.granularity) == ("unfused", "fused")
    assert fuse(fused) is fused


def test_network_of_activations_alone_stays():
    b = Builder("net")
    workload = b.finish(b.activate(b.input((1, 4))))
    assert fuse(workload) is workload


def test_dear_function_whose_values_are_spread_stays_a_step():
    b = Builder("net")
    x = b.input((1, 4, 6, 6))
    gated = b.scale(x, b.gate(b.global_pool(x)))
    cheap = b.scale(gated, b.activate(b.global_pool(gated), "hard_sigmoid"))
    fused = fuse(b.finish(b.activate(cheap, "sigmoid")))
    steps = [(einsum.map_op, einsum.unary) for einsum in fused.einsums]
    assert steps == [
        ("copy", ()), ("copy", ("sigmoid",)), ("multiply", ()), ("copy", ()), ("multiply", ()),
    ]  # fmt: skip


def test_what_is_removed_is_still_there_as_work():
    b = Builder("net")
    x = b.activate(b.conv(b.input((1, 4, 6, 6)), 4, 3), "gelu")
    y = b.activate(b.activate(b.conv(x, 4, 3), "relu"), "exp")
    made = b.finish(b.conv(y, 4, 1))
    fused = fuse(made)
    assert [einsum.unary for einsum in fused.in_place] == [("gelu",), ("relu",), ("exp",)]
    assert {*fused.einsums, *fused.in_place} >= {e for e in made.einsums if e.unary}
    assert fused.assumptions == made.assumptions
    assert made.in_place == ()


def test_parameters_of_what_is_removed_stay():
    ranks = (Rank("B", 2), Rank("C", 3))
    plain = tuple(Affine(((rank.name, 1),)) for rank in ranks)
    made = Access("a", plain)
    bias = Einsum("bias", ranks, Access("y", plain), (made, Access("b", plain[1:])), "add")
    first = Einsum("first", ranks, made, (Access("x", plain), Access("z", plain)), "multiply")
    inputs = [Tensor(name, (2, 3), kind="input") for name in "xz"]
    tensors = (*inputs, Tensor("a", (2, 3)), Tensor("b", (3,), kind="weight"), Tensor("y", (2, 3)))
    fused = fuse(Workload("w", tensors, (first, bias), ("y",)))
    assert [einsum.name for einsum in fused.einsums] == ["first"]
    assert fused.num_parameters == 3


def test_readers_of_other_shapes_read_through_exactly():
    """The activation is stored flat; what makes its operand is not."""
    b = Builder("net")
    x = b.activate(b.conv(b.input((1, 2, 4, 4)), 3, 1))
    fused = fuse(b.finish(b.linear(b.reshape(x, (1, 48)), 5)))
    conv, fc = fused.einsums
    assert fc.reads[0] == conv.output.tensor
    assert fused.by_name[conv.output.tensor].shape == (1, 3, 4, 4)
    assert [dict(axis.terms) for axis in fc.inputs[0].index] == [
        {}, {"B1_1_1": 1}, {"B1_1_0": 1}, {"B1_0": 1},
    ]  # fmt: skip
    assert fc.num_macs == 48 * 5


def test_what_a_reader_cannot_read_through_stays():
    """Padding of an image that is stored as tokens: beyond an edge lies the next row."""
    b = Builder("net")
    x = b.linear(b.input((1, 12, 2)), 2)
    y = b.activate(x)
    image = b.reshape(b.transpose(y, (0, 2, 1)), (1, 2, 4, 3))
    fused = fuse(b.finish(b.conv(image, 2, 3), b.add(x, x)))
    assert [einsum.name for einsum in fused.einsums] == ["linear0", "act1", "conv2", "add3"]
