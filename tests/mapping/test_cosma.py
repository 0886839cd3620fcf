from __future__ import annotations

import random

import pytest

from netwright import arch
from netwright.errors import ConfigError, Infeasible
from netwright.mapping import Mapping, Residency, cosma, default_schedule, replay, solve_gaps
from netwright.mapping.placement import stays
from netwright.workload import (
    NETWORKS,
    Access,
    Affine,
    Einsum,
    Rank,
    Tensor,
    Workload,
    fuse,
)
from netwright.workload.workload import BYTES
from tests.mapping.graphs import machine, random_workload

KIB = 1024

OPTIMA = [
    # Proven optima in KiB at the smallest, half-way and peak budget, with sizes in whole KiB and
    # the default order, found before with a gap program and CP-SAT, independently of this code.
    ("resnet50", "unfused", (0, 0, 0)),
    ("resnext50", "unfused", (0, 0, 0)),
    ("densenet121", "unfused", (1176, 588, 0)),
    ("densenet121", "fused", (392, 196, 0)),
    ("r2plus1d_18", "fused", (50176, 50176, 0)),
    # By hand: in each of 12 layers two tensors of 148 KiB, or one, leave and come back.
    ("vit_b16", "fused", (12 * 4 * 148, 12 * 2 * 148, 0)),
]


@pytest.mark.parametrize(("name", "granularity", "expected"), OPTIMA)
def test_proven_optima_of_hand_made_networks(name, granularity, expected):
    pytest.importorskip("ortools", reason="CP-SAT places the tensors of DenseNet-121")
    workload = NETWORKS[name]()
    workload = fuse(workload) if granularity == "fused" else workload
    schedule = default_schedule(workload, line_bytes=KIB)
    low, high = schedule.largest_demand, schedule.peak
    for budget, kib in zip((low, (low + high) // 2, high), expected, strict=True):
        found = cosma(workload, machine(budget, line_bytes=KIB))
        assert found.num_bytes == found.bound == kib * KIB
        assert found.is_optimal
        assert found.mapping.granularity == granularity


@pytest.mark.parametrize("seed", range(25))
def test_random_workloads_are_mapped_legally_and_above_their_bound(seed):
    """A mapping returned was replayed, so it is legal."""
    pytest.importorskip("ortools", reason="CP-SAT places the tensors")
    workload = random_workload(seed, most=12)
    schedule = default_schedule(workload)
    found = cosma(workload, machine(schedule.largest_demand), time_limit_s=10)
    assert found.bound <= found.num_bytes
    assert cosma(workload, machine(10 * schedule.peak)).num_bytes == 0


def test_weights_can_be_placed_too():
    workload = NETWORKS["squeezenet"]()
    found = cosma(workload, machine(4 << 20), places_weights=True)
    fetched = sum(t.num_bytes for t in found.traffic.transfers if t.kind == "fetch")
    assert found.num_bytes == 0
    assert fetched >= workload.num_parameters


def test_other_order_is_taken():
    workload = random_workload(4)
    order = tuple(einsum.name for einsum in workload.einsums)
    assert cosma(workload, machine(1000), order=order).mapping.order == order


def test_small_scratchpad_is_explained():
    with pytest.raises(Infeasible, match="operands of add14 need 2352 KiB, the scratchpad has"):
        cosma(NETWORKS["resnet50"](), machine(2 << 20))


def test_machine_without_a_scratchpad_is_refused():
    dram = arch.Architecture(name="dram", nodes=(arch.Memory(kind="memory", name="dram"),))
    with pytest.raises(ConfigError, match='architecture "dram" has no memory of limited capacity'):
        cosma(random_workload(1), dram)


def test_mapping_with_moves_is_never_below_the_bound():
    """Moves on the chip make room that stays with one address do not have."""
    pytest.importorskip("ortools", reason="CP-SAT places the tensors")
    draw = random.Random(299)
    operators, made = [], ["x0", "x1"]
    for number in range(draw.randint(8, 16)):
        count = draw.randint(1, 2)
        pool = made if draw.random() < 0.5 else made[-4:]
        reads = draw.sample(pool, min(count, len(pool)))
        operators.append((f"o{number}", reads, f"t{number}"))
        made.append(f"t{number}")
    used = {name for _, reads, _ in operators for name in reads}
    sizes = {
        name: draw.randint(1, 7)
        for name in sorted({"x0", "x1"} & used | {output for *_, output in operators})
    }
    tensors = tuple(
        Tensor(name, (size,), BYTES, "input" if name.startswith("x") else "activation")
        for name, size in sizes.items()
    )
    einsums = tuple(
        Einsum(name, (Rank("B", sizes[output]),), Access(output, (Affine((("B", 1),)),)),
               tuple(Access(read, (Affine(()),)) for read in reads), "copy")
        for name, reads, output in operators
    )  # fmt: skip
    outputs = tuple(sorted({output for *_, output in operators} - used))
    workload = Workload("moving", tensors, einsums, outputs)
    chip = machine(13)
    found = cosma(workload, chip, time_limit_s=20)
    schedule = default_schedule(workload)
    kept = solve_gaps(schedule, 13).kept
    residencies = []
    for step in range(len(operators)):
        address = 0
        for stay in stays(schedule, kept):
            if stay.first <= step <= stay.last:
                residencies.append(
                    Residency(stay.tensor, chip.scratchpad.name, step, step, address)
                )
                address += stay.num_bytes
    mapping = Mapping(workload.granularity, schedule.order, tuple(residencies))
    moving = replay(workload, chip, mapping)
    assert found.bound <= moving.non_compulsory_bytes < found.num_bytes
    assert not found.is_optimal
    assert found.bound_without_moves == found.num_bytes
    assert found.is_optimal_without_moves
