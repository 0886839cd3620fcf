"""Small layers, machines of one accelerator, and both routes to what happens on them."""

from __future__ import annotations

from collections import Counter

from hypothesis import strategies as st

from netwright import arch
from netwright.arch import Accelerator, Architecture, Figure, Sized, sized, with_accelerators
from netwright.cost import count
from netwright.cost.dataflows import template_nest
from netwright.mapping import Operation, nest_faults, operation
from netwright.workload import Builder, Workload


def machine(name: str, elements: int, buffer_bytes: int) -> tuple[Architecture, Sized]:
    """The branch of an accelerator called ``a``, and its size."""
    room = Figure(value=float(buffer_bytes), unit="B", source="test", fidelity="assumed")
    own = Accelerator(name="a", parent="dram", template=name, elements=elements, buffer=room)
    whole = with_accelerators(arch.find("unlike_pair"), [own])
    return whole.branch("a_mac"), sized(own)


def product(workload: Workload) -> Operation:
    """The only product of a workload."""
    return operation(workload, workload.einsums[0])


@st.composite
def convolutions(draw: st.DrawFn) -> Operation:
    """Convolutions of few points: groups, strides, padding, dilation, batches."""
    b = Builder("layer")
    groups, depth, features = (
        draw(st.sampled_from(s)) for s in ((1, 1, 2), (1, 1, 2, 5), (1, 3, 7))
    )
    taps = draw(st.sampled_from(((1, 1), (3, 3), (2, 3), (5, 1))))
    steps = draw(st.sampled_from(((1, 1), (2, 2), (3, 1))))
    pads = draw(st.sampled_from(((0, 0), (1, 1), (0, 2))))
    dilation = draw(st.sampled_from((1, 1, 2)))
    least = [dilation * (tap - 1) + 1 for tap in taps]
    image = [draw(st.integers(low, low + 4)) for low in least]
    batch = draw(st.sampled_from((1, 1, 2)))
    x = b.input((batch, groups * depth, *image))
    y = b.conv(x, groups * features, taps, stride=steps, padding=pads, dilation=dilation,
               groups=groups)  # fmt: skip
    return product(b.finish(y))


def dense(rows: int, inputs: int, outputs: int) -> Operation:
    """A product of matrices."""
    b = Builder("dense")
    return product(b.finish(b.linear(b.input((rows, inputs)), outputs)))


def counted(
    own: Operation, branch: Architecture, size: Sized
) -> tuple[int, dict[object, int]] | None:
    """Cycles and bits by node of the loop-nest engine, for the nest of the template."""
    nest = template_nest(own, size, "a", "dram")
    if nest is None:
        return None
    assert nest_faults(own, branch, nest) == ()
    found = count(own, branch, nest)
    bits: Counter[object] = Counter()
    for action in found.actions:
        node = "root" if action.component == "dram" else action.component.removeprefix("a_")
        if action.kind != "compute" and action.amount:
            bits[node, action.kind] += action.amount
    return found.num_steps, dict(bits)
