"""Closed forms equal the loop-nest engine, and that equals loops that are walked."""

from __future__ import annotations

from netwright.cost.bruteforce import execute
from netwright.cost.dataflows import flow, shape_of, template_nest
from netwright.cost.loopnest import flow_between
from netwright.errors import GraphError
from netwright.mapping import Operation
from tests.cost.dataflows.layers import counted, dense, machine


def closed_form_equals_engine(name: str, own: Operation, elements: int, room: int) -> None:
    """Cycles and all bits are those that the engine counts for the template's nest."""
    branch, size = machine(name, elements, room)
    try:
        shape, _ = shape_of(own)
    except GraphError:
        return
    mine = flow(shape, size)
    both = counted(own, branch, size)
    assert (mine is None) == (both is None)
    if mine is not None and both is not None:
        assert (mine.cycles, dict(mine.amounts)) == both


def products_do_too(name: str) -> None:
    """Likewise for products of matrices."""
    for sizes in ((1, 9, 8), (6, 4, 7), (5, 7, 1)):
        closed_form_equals_engine(name, dense(*sizes), 24, 500)


def nest_is_walked(name: str, own: Operation) -> None:
    """What the engine counts for the nest is what walking all its steps gives."""
    _, size = machine(name, 12, 100_000)
    try:
        nest = template_nest(own, size, "a", "dram")
    except GraphError:
        return
    if nest is None or own.num_macs > 1000:
        return
    for tensor in own.tensors:
        places = nest.places(tensor)
        inner = [*((place.position, True) for place in places[1:]), (len(nest.loops), False)]
        for keep, (position, stays) in zip(places, inner, strict=True):
            ends = keep.position, position
            wanted = execute(own, nest, tensor, *ends, stays=stays)
            assert flow_between(own, nest, tensor, *ends, stays=stays) == wanted
