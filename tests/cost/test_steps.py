from __future__ import annotations

import pytest

from netwright import arch
from netwright.cost.accelerators import Cost
from netwright.cost.steps import cycles_of, groups_of, moved_bits
from netwright.errors import GraphError
from netwright.workload import Builder, resnet9


def test_everything_is_in_one_group_and_waits_for_its_makers():
    workload = resnet9(image=(1, 8, 8), stem=2, filters=(4,), skips=(1,))
    groups, left_out = groups_of(workload)
    assert left_out == ()
    names = [einsum.name for group in groups for einsum in group.members]
    assert sorted(names) == sorted(einsum.name for einsum in workload.einsums)
    assert [group.needs for group in groups] == [(), (0,), (1,), (2,)]
    assert any(name.startswith("add") for name in names)


def test_moves_by_hand():
    """A pool of 1 x 2 x 4 x 4 bytes reads 32 and writes 8."""
    b = Builder("x")
    y = b.conv(b.pool(b.input((1, 2, 4, 4)), 2, stride=2), 3, 1)
    workload = b.finish(y)
    groups, _ = groups_of(workload)
    assert [einsum.name for einsum in groups[0].members] == ["pool0", "conv1"]
    assert moved_bits(workload, groups[0], arch.find("unlike_pair")) == (8 * 32, 8 * 8)


def test_what_multiplies_nothing():
    b = Builder("still")
    with pytest.raises(GraphError, match='nothing of "still" multiplies'):
        groups_of(b.finish(b.activate(b.input((1, 4)))))


def test_cycles_are_rounded_up():
    assert [cycles_of(Cost(s, 0.0), 1e9) for s in (1e-9, 1.5e-9, 0.0, 3.0000000000000004e-9)] == [
        1, 2, 1, 3,
    ]  # fmt: skip
