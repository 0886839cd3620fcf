from __future__ import annotations

import pytest

from netwright.errors import ConfigError, GraphError, Infeasible
from netwright.mapping import Gap, Schedule, default_schedule, kib, ordered
from netwright.workload import NETWORKS
from tests.mapping.graphs import chain_with_skips


def test_gaps_demands_and_peak_by_hand():
    schedule = default_schedule(chain_with_skips([4, 8, 2, 1], [[], [0], [1], [0, 2]]))
    assert schedule.gaps == (Gap(1, 3, "t0"),)
    assert schedule.demand == (3 + 4, 4 + 8, 8 + 2, 4 + 2 + 1)
    assert (schedule.largest_demand, schedule.peak) == (12, 14)


def test_sizes_are_whole_lines():
    workload = chain_with_skips([4, 8, 65], [[], [0], [1]])
    assert list(default_schedule(workload, line_bytes=64).sizes.values()) == [64, 64, 64, 128]


def test_weights_are_operands_when_they_are_placed():
    plain = default_schedule(NETWORKS["alexnet"]())
    placed = default_schedule(NETWORKS["alexnet"](), places_weights=True)
    assert plain.largest_demand == 387_200
    assert placed.largest_demand == 9216 + 4096 + 9216 * 4096


def test_order_must_name_every_einsum_once():
    workload = chain_with_skips([4, 8], [[], [0]])
    with pytest.raises(GraphError, match="must name each of its 2 Einsums once"):
        Schedule(workload, ("e0", "e0"))


def test_infeasible_capacity_is_explained():
    schedule = default_schedule(NETWORKS["resnet50"]())
    with pytest.raises(Infeasible) as caught:
        schedule.check_capacity(2 << 20)
    assert caught.value.message == "operands of add14 need 2352 KiB, the scratchpad has 2048 KiB"
    assert caught.value.smallest == 2352 * 1024
    assert caught.value.hint == (
        "they are add14.out 784 KiB, norm11.out 784 KiB, norm13.out 784 KiB; tensors are not "
        "tiled, so this network needs 2352 KiB"
    )


def test_sizes_as_text():
    assert [kib(n) for n in (0, 1023, 1024, 1536)] == ["0 B", "1023 B", "1 KiB", "1.5 KiB"]


def test_order_with_some_einsums_in_a_given_sequence():
    workload = chain_with_skips([4, 8, 2, 1], [[], [0], [0], [1, 2]])
    assert ordered(workload, ()) == ("e0", "e1", "e2", "e3")
    assert ordered(workload, ("e2", "e1")) == ("e0", "e2", "e1", "e3")
    with pytest.raises(ConfigError, match='order: "e9" is no Einsum'):
        ordered(workload, ("e9",))
    with pytest.raises(ConfigError, match='order: "e1" is there twice'):
        ordered(workload, ("e1", "e1"))
    with pytest.raises(ConfigError, match='"e3" cannot come there: it waits for e1'):
        ordered(workload, ("e3", "e1"))
