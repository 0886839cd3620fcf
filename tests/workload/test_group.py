from __future__ import annotations

import pytest

from netwright.arch import find
from netwright.mapping import cosma, operation
from netwright.workload import NETWORKS, Builder, Workload, fuse, group


def demand(workload: Workload) -> int:
    """Largest operand set, in bytes."""
    return max(
        sum(workload.by_name[n].num_bytes for n in {*e.reads, e.output.tensor}
            if workload.by_name[n].kind != "weight")
        for e in workload.einsums
    )  # fmt: skip


def test_residual_sum_joins_the_convolution_that_is_made_last():
    b = Builder("net")
    x = b.conv(b.input((1, 4, 6, 6)), 4, 3)
    y = b.norm(b.conv(b.activate(x), 4, 3))
    end = b.activate(b.add(y, x))
    grouped = group(b.finish(b.conv(end, 2, 1)))
    assert [einsum.map_op for einsum in grouped.einsums] == ["multiply"] * 3
    joined = grouped.einsums[1]
    assert joined.reads == (x, "conv2.weight")
    assert joined.output.tensor == "add4.out"
    assert grouped.granularity == "grouped"
    assert group(grouped) is grouped
    assert fuse(grouped) is grouped


def test_further_operands_are_read_beside_the_result():
    b = Builder("net")
    x, z = b.input((1, 4, 6, 6)), b.input((1, 8, 6, 6))
    workload = b.finish(b.add(b.conv(x, 8, 3), z))
    (step,) = group(workload).einsums
    assert step.reads[::2] == (x, z)
    assert step.inputs[2].index == step.output.index
    assert step.num_macs == workload.num_macs
    loops = operation(group(workload), step)
    assert loops.num_macs == workload.num_macs


def test_broadcast_operands_are_read_whole():
    b = Builder("net")
    x = b.input((1, 4, 6, 6))
    factors = b.gate(b.conv(b.global_pool(x), 4, 1))
    grouped = group(b.finish(b.scale(b.conv(x, 4, 3), factors)))
    assert [einsum.map_op for einsum in grouped.einsums] == ["copy", "multiply", "multiply"]
    assert all(not axis.terms for axis in grouped.einsums[-1].inputs[-1].index)


@pytest.mark.parametrize("reader", ["twice", "output", "other shape", "copy"])
def test_operands_that_somebody_else_needs_stay_steps(reader):
    b = Builder("net")
    x, z = b.input((1, 4, 6, 6)), b.input((1, 4, 6, 6))
    y = b.conv(x, 4, 3)
    outputs = []
    if reader == "twice":
        outputs = [b.add(y, y)]
    elif reader == "output":
        outputs = [y, b.add(y, z)]
    elif reader == "other shape":
        outputs = [b.scale(z, b.global_pool(x))]
    else:
        outputs = [b.add(b.concat(b.conv(x, 2, 1), b.conv(x, 2, 1)), z)]
    workload = b.finish(*outputs)
    assert [e.name for e in group(workload).einsums] == [e.name for e in fuse(workload).einsums]


@pytest.mark.parametrize("name", ["resnet50", "lraspp", "darts", "vit_b16"])
def test_networks_keep_their_work_and_need_no_more_room(name):
    fused = fuse(NETWORKS[name]())
    grouped = group(fused)
    assert grouped.num_macs == fused.num_macs
    assert grouped.num_parameters == fused.num_parameters
    assert len(grouped.einsums) < len(fused.einsums)
    assert grouped.outputs == fused.outputs


def test_groups_of_resnet_fit_into_less():
    fused, grouped = fuse(NETWORKS["resnet50"]()), group(NETWORKS["resnet50"]())
    assert (demand(fused), demand(grouped)) == (2352 << 10, 1764 << 10)
    found = cosma(grouped, find("scratchpad").with_scratchpad(1764 << 10, line_bytes=1))
    assert found.is_optimal
    assert found.mapping.granularity == "grouped"
