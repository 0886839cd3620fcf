from __future__ import annotations

from netwright.workload import Builder, fuse


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
