"""One accelerator, loaded with one graph after the other, and driven over its bus."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from netwright.backends.rtl.shared.descriptors import (
    FEATURES_AT,
    LAYERS_AT,
    TABLE_AT,
    WEIGHTS_AT,
    image,
)
from netwright.backends.rtl.shared.plan import Plan, planned
from netwright.backends.rtl.shared_options import SharedOptions
from netwright.ir import Graph
from tests.backends.hls.graphs import stimuli
from tests.backends.rtl.graphs import needs_verilator
from tests.backends.rtl.shared.core import (
    ACCESS,
    CLEAR,
    CONTROL,
    CYCLES,
    DONE,
    ENDLESS,
    IDENTITY,
    INTERRUPT,
    RANGE,
    START,
    STATUS,
    Core,
)
from tests.backends.rtl.shared.graphs import every_kind, expected, random_graph, tiny

pytestmark = [pytest.mark.tool("g++"), needs_verilator]

ROOMY = SharedOptions(
    4, 2, 3, layers=32, weight_rows=4096, table_rows=512, feature_words=2048,
    accumulator_bits=48, multiplier_bits=32, offset_bits=60, value_bits=64, result_bits=49,
)  # fmt: skip


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> Core:
    return Core(planned(tiny(), ROOMY).sizes, tmp_path_factory.mktemp("core"))


def assert_same(core: Core, graph: Graph, options: SharedOptions, rows: int = 1) -> Plan:
    """Equal integers, and exactly the clocks that the formula says."""
    plan = planned(graph, options)
    core.load(plan)
    codes, results = expected(graph, stimuli(graph, max(rows, 3)))
    for row in range(rows):
        found, cycles = core.outputs(plan, {name: value[-1 - row] for name, value in codes.items()})
        assert cycles == plan.cycles, (graph.name, options)
        for name, value in results.items():
            assert np.array_equal(found[name], value[-1 - row].reshape(-1)), (graph.name, options)
    return plan


@pytest.mark.parametrize("graph", [tiny(), every_kind()], ids=lambda graph: graph.name)
def test_another_graph_is_loaded(core: Core, graph: Graph) -> None:
    assert_same(core, graph, ROOMY, rows=2)


@pytest.mark.parametrize("seed", range(6))
def test_random_layers_take_the_clocks_of_the_formula(core: Core, seed: int) -> None:
    assert_same(core, random_graph(seed), ROOMY)


@pytest.mark.slow
def test_many_random_layers_and_sizes(tmp_path: Path) -> None:
    """At least 200 layers on accelerators of ten random sizes."""
    random, layers = np.random.default_rng(0), 0
    for number in range(10):
        lanes, units, elements = (int(value) for value in random.integers(1, 6, 3))
        options = replace(ROOMY, lanes=lanes, units=units, elements=elements, weight_rows=8192)
        folder = tmp_path / str(number)
        folder.mkdir()
        here = Core(planned(tiny(), options).sizes, folder)
        for seed in range(12):
            layers += len(assert_same(here, random_graph(100 * number + seed), options).layers)
    assert layers >= 200


def test_registers(core: Core) -> None:
    assert core.read(IDENTITY) == (0x4E574131, False)
    found = [core.read(0x10 + 4 * number)[0] for number in range(7)]
    assert found == [4, 2, 3, 32, 4096, 512, 2048]


def test_a_run_ends_with_an_interrupt_that_can_be_cleared(core: Core) -> None:
    plan = assert_same(core, tiny(), ROOMY)
    assert core.read(STATUS)[0] & 0xFF == DONE
    assert core.read(CYCLES) == (plan.cycles, False)
    core.write(CONTROL, CLEAR | INTERRUPT)
    assert core.read(STATUS)[0] & 0xFF == 0
    assert not core.bench.get("core", "irq")


@pytest.mark.parametrize(
    ("address", "strobe"),
    [(WEIGHTS_AT + (4096 << 5), 15), (TABLE_AT + (512 << 6), 15), (FEATURES_AT + 2 * 2048, 15),
     (LAYERS_AT + 64 * 32, 15), (WEIGHTS_AT, 3), (WEIGHTS_AT, 0), (FEATURES_AT + 2, 15),
     (0x2000, 15), (0x30, 0), (0x00, 1)],
)  # fmt: skip
def test_an_access_to_nowhere_is_an_error(core: Core, address: int, strobe: int) -> None:
    refused = core.write(address, 0, strobe) if strobe else core.read(address)[1]
    assert refused
    core.write(CONTROL, CLEAR)


def test_memories_are_closed_while_it_runs(core: Core) -> None:
    plan = assert_same(core, tiny(), ROOMY)
    core.write(CONTROL, START | INTERRUPT)
    assert core.write(FEATURES_AT, 0x12345678)
    assert core.read(FEATURES_AT)[1]
    assert core.read(STATUS)[0] & (1 | ACCESS) == 1 | ACCESS
    for _ in range(plan.cycles):
        core.bench.clock()
    assert core.read(STATUS)[0] & 0xFF == ACCESS | DONE
    assert core.read(CYCLES)[0] == plan.cycles
    core.write(CONTROL, CLEAR)


@pytest.mark.parametrize(
    ("word", "value", "fault"),
    [(9, 4096, RANGE), (9, 512 << 16, RANGE), (2, 2040, RANGE), (7, 2047, RANGE)],
)
def test_descriptors_that_leave_the_memories(core: Core, word: int, value: int, fault: int) -> None:
    """The run ends with a fault behind the layer, and nothing outside is written."""
    plan = planned(tiny(), ROOMY)
    core.load(plan)
    before = dict(image(plan))[LAYERS_AT + 4 * word]
    core.write(LAYERS_AT + 4 * word, before & ~0xFFFF if word in (2, 7) else 0)
    core.write(LAYERS_AT + 4 * word, value)
    core.run()
    assert core.read(STATUS)[0] & 0xFF == fault
    core.write(CONTROL, CLEAR)


def test_layers_without_an_end(core: Core) -> None:
    plan = planned(tiny(), ROOMY)
    core.load(plan)
    words = dict(image(plan))
    for layer in range(32):
        for word in range(16):
            value = words[LAYERS_AT + 4 * word]
            core.write(LAYERS_AT + 64 * layer + 4 * word, value)
    core.run()
    assert core.read(STATUS)[0] & 0xFF == ENDLESS
    assert core.read(STATUS)[0] >> 8 == 31
    core.write(CONTROL, CLEAR)
