"""Training steps: cases by hand, bounds, and that nothing that is added makes a step slower."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import pytest

from netwright import arch
from netwright.cost.systolic import Shape
from netwright.cost.training import (
    ABLATION,
    ALL,
    STAGES,
    Machine,
    Techniques,
    TrainedLayer,
    bound,
    product_of,
    speed_up,
    trained_layers,
    training_step,
)
from netwright.errors import ConfigError
from netwright.formats import NM
from netwright.workload.networks import NETWORKS

PATTERN = NM(2, 8)
SAT = Machine.of(arch.find("sat"))
SMALL = Machine((4, 4), 1, 1e6, Fraction(10**9), 4, 4)


def dense_layer(name: str, inputs: int, outputs: int, rows: int, *, sparse: bool) -> TrainedLayer:
    shape = Shape(inputs, outputs, (1, 1), (1, 1), batch=rows)
    return TrainedLayer(name, shape, inputs * outputs, sparse)


def test_the_machine_is_that_of_the_file() -> None:
    assert (SAT.array, SAT.adder_cycles, SAT.clock_hz) == ((32, 32), 4, 2e8)
    assert (SAT.bytes_per_cycle, SAT.sorters, SAT.updaters) == (385, 32, 32)
    assert 2 * 32 * 32 * SAT.clock_hz == pytest.approx(409.6e9)
    figures = arch.find("sat").figures
    own = ("dram.bandwidth", "element.rate", "element.adder_cycles", "sorter.rate", "updater.rate")
    assert {figures[name].fidelity for name in own} == {"assumed"}


def test_machines_that_cannot_train_sparse_are_refused() -> None:
    with pytest.raises(ConfigError, match="no unit that does max"):
        Machine.of(arch.find("tpu"))
    dense = arch.find("sat").with_changes("element", {"exploits": ()})
    with pytest.raises(ConfigError, match='architecture "sat": "element" must exploit "nm"'):
        Machine.of(dense)


def test_a_step_by_hand() -> None:
    layers = [
        dense_layer("first", 8, 8, 4, sparse=False),
        dense_layer("second", 8, 8, 4, sparse=True),
    ]
    # Output stationary on 4 x 4: two tiles of columns; 8 terms and 6 cycles to fill each.
    techniques = Techniques(frozenset({"FF", "BP"}), pregenerated=True)
    step = training_step(layers, SMALL, PATTERN, techniques)
    found = {(part.layer, part.stage): part.cycles for part in step.stages}
    assert found == {
        ("first", "FF"): 2 * (8 + 6),
        ("first", "WU"): 4 * (8 + 6),  # rows 8, columns 8, terms 4 in a group of 8
        ("second", "FF"): 2 * (2 + 6),
        ("second", "BP"): 2 * (2 + 6),
        ("second", "WU"): 4 * (8 + 6),
    }
    assert step.update == 64 // 4 + 2 * 64 // 4  # two copies are pruned, four weights a cycle
    assert step.cycles == sum(found.values()) + step.update
    late = training_step(layers, SMALL, PATTERN, replace(techniques, pregenerated=False))
    assert late.cycles - step.cycles == 2 * 64 // 4 - 64 // 4  # before the products instead


def test_memory_bounds_what_the_array_does_not() -> None:
    layer = dense_layer("only", 64, 64, 4, sparse=False)
    slow = replace(SMALL, bytes_per_cycle=Fraction(1))
    step = training_step([layer], slow, PATTERN)
    forward = step.stages[0]
    assert forward.moved_bytes == 2 * (4 * 64 + 4 * 64 + 64 * 64)
    assert forward.total == forward.moved_bytes > forward.cycles
    assert step.update == 64 * 64 * (2 + 16 + 2)


def test_compact_weights_are_what_is_read() -> None:
    layers = [dense_layer(name, 64, 64, 4, sparse=name == "b") for name in "abc"]
    step = training_step(layers, SMALL, PATTERN)
    forward = {part.layer: part.moved_bytes for part in step.stages if part.stage == "FF"}
    # 2 of 8 values of 16 bits, and 3 bits for the place of each: 38 bits of 128.
    assert forward["a"] - forward["b"] == 64 * 64 // 8 * (128 - 38) // 8


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "vgg19", "vit_b16"])
def test_what_is_added_never_makes_a_step_slower(name: str) -> None:
    layers = trained_layers(NETWORKS[name](), PATTERN, batch=8)
    steps = [training_step(layers, SAT, PATTERN, techniques) for _, techniques in ABLATION]
    assert all(before.cycles >= after.cycles for before, after in pairwise(steps))
    assert 1 < speed_up(layers, SAT, PATTERN) < bound(PATTERN)
    macs = {
        stage: sum(
            layer.shape.groups * rows * depth * columns
            for layer in layers
            for rows, depth, columns in [product_of(layer.shape, stage)]
        )
        for stage in STAGES
    }
    assert len(set(macs.values())) == 1
    # No array does more than a multiplication an element and cycle.
    dense = training_step(layers, SAT, PATTERN, replace(ALL, sparse=frozenset()))
    assert dense.of("FF") * 32 * 32 >= macs["FF"]


def test_first_last_and_odd_layers_are_dense() -> None:
    layers = trained_layers(NETWORKS["resnet18"](), PATTERN, batch=1)
    assert not layers[0].sparse
    assert not layers[-1].sparse
    assert sum(layer.sparse for layer in layers) == 19
    vit = trained_layers(NETWORKS["vit_b16"](), PATTERN, batch=2)
    scores = next(layer for layer in vit if layer.name.endswith(".scores"))
    assert not scores.sparse
    assert product_of(scores.shape, "FF") == (197, 64, 197)
    assert product_of(scores.shape, "BP") == (197, 197, 64)
    assert scores.shape.groups == 12 * 2
