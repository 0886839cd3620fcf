"""Bounds of accesses, against groups that are counted."""

from __future__ import annotations

from itertools import islice

import pytest

from netwright.cost.fused_group import GroupSearch
from netwright.cost.fused_run import RunMapper
from netwright.cost.keeps import SAME
from netwright.mapping.ranks import aligned
from netwright.mapping.runs import Runs
from tests.cost.fused_by_hand import machine
from tests.mapping.fusion_by_hand import cascade


@pytest.mark.parametrize("seed", [2, 15, 126, 197])
def test_no_group_takes_less_energy_than_the_bounds_say(seed):
    """Loops without units bound those with any; and units in turn take no more than at once."""
    chip, workload = machine(seed), aligned(cascade(seed))
    count = len(workload.einsums)
    mapper = RunMapper(workload, chip, Runs(workload, chip, count), "energy", {}, is_whole=True)
    able = [mapper._able(einsum) for einsum in workload.einsums]
    compared = 0
    for begin in range(count):
        least = mapper.least(begin, count)[1]
        search = GroupSearch(mapper, begin, count, able[begin:], None, is_whole=True)
        for loops, moved in islice(search._in_order(), 5):
            for state in islice(search._assigned(loops), 0, 40, 7):
                before = 0.0
                for plan in search._plans(loops, state):
                    keeps, (joules, _) = search._kept(
                        loops, state, plan, *search._group(loops, state, plan)
                    )
                    assert joules >= before * (1 - SAME)
                    assert joules >= (moved[1] + state.joules) * (1 - SAME)
                    assert joules >= least * (1 - SAME)
                    before, compared = joules, compared + (keeps is not None)
    assert compared > 3
