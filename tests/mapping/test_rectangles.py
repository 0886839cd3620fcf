from __future__ import annotations

import pytest

from netwright.mapping import default_schedule
from netwright.mapping.placement import Stay, place_greedily
from netwright.mapping.rectangles import place_exactly, solve_joint
from tests.mapping.graphs import random_workload

pytest.importorskip("ortools", reason="CP-SAT places the tensors")


def test_exact_placement_fills_the_memory():
    wanted = [Stay("a", 0, 1, 4), Stay("b", 1, 2, 6), Stay("c", 2, 3, 4), Stay("d", 0, 0, 6)]
    offsets, final = place_exactly(wanted, 10, time_limit_s=5)
    assert final
    assert offsets is not None
    assert sorted(offsets[:2]) in ([0, 4], [0, 6])


def test_impossible_placement_is_proven():
    wanted = [Stay("a", 0, 1, 5), Stay("b", 1, 1, 5)]
    assert place_exactly(wanted, 9, time_limit_s=5) == (None, True)
    assert place_greedily(wanted, 9) is None


def test_joint_solution_at_the_peak_keeps_everything():
    schedule = default_schedule(random_workload(3))
    found = solve_joint(schedule, 2 * schedule.peak, bound=0, time_limit_s=5)
    assert found.kept == frozenset(schedule.gaps)
    assert found.bound == 0
