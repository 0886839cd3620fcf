from __future__ import annotations

from dataclasses import replace

import pytest

from netwright import arch
from netwright.errors import MappingError
from netwright.mapping.loopnest import Keep, Loop, LoopNest
from netwright.mapping.loopnest_legality import check_nest, nest_faults
from netwright.mapping.operation import operation
from netwright.workload import Builder

B = Builder("m")
B.linear(B.input((3136, 576)), 64)
WORKLOAD = B.finish()
OPERATION = operation(WORKLOAD, WORKLOAD.einsums[0])
MACHINE = arch.find("tpu")
LOOPS = (
    Loop("B0", 784), Loop("M", 32), Loop("B1", 32), Loop("M", 1, "elements", 0),
    Loop("B1", 1, "elements", 1), Loop("B0", 1),
)  # fmt: skip
INPUT, WEIGHT, OUTPUT = "input0", "linear0.weight", "linear0.out"
KEEPS = (
    Keep("dram", INPUT, 0), Keep("dram", WEIGHT, 0), Keep("dram", OUTPUT, 0),
    Keep("sram", INPUT, 1), Keep("sram", OUTPUT, 1), Keep("weights", WEIGHT, 5),
)  # fmt: skip
LEGAL = LoopNest(LOOPS, KEEPS)


def with_loop(index, **changes):
    loops = list(LOOPS)
    loops[index] = replace(loops[index], **changes)
    return replace(LEGAL, loops=tuple(loops))


def with_keep(index, **changes):
    keeps = list(KEEPS)
    keeps[index] = replace(keeps[index], **changes)
    return replace(LEGAL, keeps=tuple(keeps))


def test_legal_nest_has_no_faults():
    assert nest_faults(OPERATION, MACHINE, LEGAL) == ()


@pytest.mark.parametrize(
    ("nest", "fault"),
    [
        (with_loop(0, rank="Z"), "loop 0 over Z: there is no such rank of more than one element"),
        (with_loop(0, tile=4000), "loop 0 over B0: the tile must be from 1 to 3136, not 4000"),
        (with_loop(0, tile=0), "loop 0 over B0: the tile must be from 1 to 3136, not 0"),
        (with_loop(3, array="x"), 'loop 3 over M: there is no axis 0 of an array "x"'),
        (with_loop(3, axis=2), 'loop 3 over M: there is no axis 2 of an array "elements"'),
        (with_loop(3, axis=1), "loop 3 over M: axis 1 of elements takes C, not M"),
        (with_loop(1, tile=64), "axis 0 of elements has 32 copies, not 64"),
        (with_loop(5, tile=2), "rank B0: the innermost tile must be 1, not 2"),
        (with_keep(5, memory="x"), 'linear0.weight: there is no memory "x" above the compute unit'),
        (
            with_keep(5, tensor=INPUT),
            "input0: weights keeps weight only, and this is linear0's input",
        ),
        (with_keep(5, tensor="x"), "x: linear0 moves input0, linear0.weight, linear0.out only"),
        (
            with_keep(5, position=9),
            "linear0.weight in weights: the position must be from 0 to 6, not 9",
        ),
        (
            with_keep(3, position=4),
            "input0 in sram: loop 3 along elements must be further inside",
        ),
        (
            with_keep(5, position=3),
            "linear0.weight in weights: loop 3 along elements must be further outside",
        ),
        (with_keep(0, position=1), "input0: the root dram must keep it at position 0"),
        (replace(LEGAL, keeps=(*KEEPS, KEEPS[5])), "linear0.weight: weights keeps it twice"),
        (
            with_keep(3, position=0),
            "operands of linear0 need 2156 KiB in sram (input0 1764 KiB, linear0.out 392 KiB), "
            "which has 2048 KiB",
        ),
    ],
)
def test_planted_fault_is_found(nest, fault):
    if "2156" in fault:
        nest = with_keep(3, position=0)
        nest = replace(nest, keeps=tuple(replace(k, position=0) if k.memory == "sram" else k
                                         for k in nest.keeps))  # fmt: skip
    assert fault in nest_faults(OPERATION, MACHINE, nest)


def test_faults_are_reported_together():
    with pytest.raises(MappingError) as caught:
        check_nest(OPERATION, MACHINE, replace(with_loop(0, tile=0), keeps=()))
    assert "the tile must be from 1 to 3136, not 0" in str(caught.value)
    with pytest.raises(MappingError) as caught:
        check_nest(OPERATION, MACHINE, replace(LEGAL, keeps=()))
    assert len(caught.value.faults) == 3


def test_partial_sums_cannot_be_added_by_every_array():
    nodes = tuple(
        node.model_copy(update={"reduces": False}) if node.name == "elements" else node
        for node in MACHINE.nodes
    )
    machine = MACHINE.model_copy(update={"nodes": nodes})
    assert nest_faults(OPERATION, machine, LEGAL) == (
        "loop 4 over B1: elements cannot add the partial sums of its copies",
    )
