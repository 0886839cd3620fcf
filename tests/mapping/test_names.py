"""Names that no Einsum has: why, and what may be meant."""

from __future__ import annotations

import pytest

from netwright import arch, workload
from netwright.errors import MappingError
from netwright.mapping import Group, Mapping, faults, fusion, ordered
from netwright.mapping.names import no_einsum
from netwright.workload import Builder


def network():
    b = Builder("net")
    return workload.fuse(b.finish(b.linear(b.activate(b.linear(b.input((3, 8)), 8), "relu"), 4)))


def test_a_function_done_in_place_is_told_from_a_name_that_is_unknown():
    fused = network()
    (gone,) = (einsum.name for einsum in fused.in_place)
    told = no_einsum(fused, gone)
    assert told.startswith("is no Einsum of its own where operators are fused: it is done inside")
    assert "netwright map --granularity unfused" in told
    assert no_einsum(fused, "linear00") == 'is no Einsum; did you mean "linear0"?'
    assert no_einsum(fused, "x") == "is no Einsum"


@pytest.mark.parametrize("part", ["bindings", "order", "groups"])
def test_every_place_where_an_einsum_is_named_says_so(part):
    fused = network()
    (gone,) = (einsum.name for einsum in fused.in_place)
    order = tuple(einsum.name for einsum in fused.einsums)
    given = {
        "bindings": Mapping("fused", order, bindings={gone: "mac"}),
        "order": Mapping("fused", (*order, gone)),
        "groups": Mapping("fused", order, groups=(Group("g", (gone,)),)),
    }[part]
    machine = arch.find("scratchpad")
    assert any("it is done inside another step" in text for text in faults(fused, machine, given))
    if part == "order":
        with pytest.raises(Exception, match="it is done inside another step"):
            ordered(fused, given.order)
    else:
        with pytest.raises(MappingError, match="it is done inside another step"):
            fusion(fused, machine, fixed=given)
