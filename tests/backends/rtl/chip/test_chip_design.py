"""The whole chip, tiny, over its bus; the published sizes are in `make econ-t-chip`."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from netwright.backends.rtl import ChipDesign, ChipOptions, rtl
from netwright.backends.rtl.chip import ChipDriver, Controller, SimulatedChip, WeightImage
from netwright.backends.rtl.chip.check import random_charges
from netwright.backends.rtl.chip.registers import CLEAR, COMMIT
from netwright.errors import BackendError, GraphError
from netwright.verify import bit_exact
from netwright.verify.stimuli import random
from tests.backends.rtl.chip.graphs import dense, encoder
from tests.backends.rtl.graphs import needs_verilator

pytestmark = [pytest.mark.tool("g++"), needs_verilator]


@pytest.fixture(scope="module")
def design(tmp_path_factory: pytest.TempPathFactory) -> ChipDesign:
    return make(tmp_path_factory.mktemp("chip") / "out", ChipOptions())


def make(out: Path, options: ChipOptions) -> ChipDesign:
    made = rtl(weights="loadable", chip=options).generate(encoder(), out)
    assert isinstance(made, ChipDesign)
    return made


@pytest.fixture
def chip(design: ChipDesign) -> Iterator[SimulatedChip]:
    with design.simulated() as made:
        made.feed(random_charges(97, design.structure.cells, 22))
        yield made


@pytest.fixture
def driver(design: ChipDesign, chip: SimulatedChip) -> ChipDriver:
    return ChipDriver(Controller(chip), design.bank, 0x2A)


def test_every_word_is_right_while_weights_are_loaded_and_read_back(
    design: ChipDesign, chip: SimulatedChip, driver: ChipDriver
) -> None:
    driver.check_identity()
    images: dict[int, WeightImage] = {}
    for generation in (1, 2, 3):
        images[generation] = design.image(encoder(generation), mode=generation)
        driver.load(images[generation])
        assert driver.read_back() == images[generation]
        assert driver.status().mode == generation
        chip.run(200)
    found = design.compare(chip.collect(), images)
    assert found.holds, found.first
    assert found.crossings > 50_000


def test_every_mode_of_every_weight_set(
    design: ChipDesign, chip: SimulatedChip, driver: ChipDriver
) -> None:
    images, generation = {}, 0
    for seed in range(3):
        image = design.image(encoder(seed))
        driver.load(image)
        for mode in range(4):
            if mode:
                image = driver.set_mode(image, mode)
            generation += 1
            images[generation] = image
            taken = chip.run(97)
            assert len(np.unique(taken.charges, axis=0)) > 80
    found = design.compare(chip.collect(), images)
    assert found.holds, found.first


def test_a_commit_falls_between_two_crossings(
    design: ChipDesign, chip: SimulatedChip, driver: ChipDriver
) -> None:
    driver.load(design.image(encoder(1)))
    chip.collect()
    driver.load(design.image(encoder(2), mode=3))
    taken = chip.collect()
    generations = taken.words[:, 0] >> 2 & 15
    assert np.flatnonzero(np.diff(generations.astype(int))).shape == (1,)
    assert set(generations.tolist()) == {1, 2}
    images = {1: design.image(encoder(1)), 2: design.image(encoder(2), mode=3)}
    assert design.compare(taken, images).holds


def test_a_comparison_finds_a_wrong_word(design: ChipDesign, chip: SimulatedChip) -> None:
    taken = chip.run(20)
    taken.words[7, 0] ^= 1 << 20
    found = design.compare(taken, {})
    assert (found.crossings, found.identical, found.holds) == (20, 19, False)
    assert found.first.startswith("word 7 of link 0: expected 0x")
    taken.words[3, 0] |= 5 << 2
    assert design.compare(taken, {}).first == ("word 3 says generation 5, which was not loaded")


def test_damaged_weights_leave_the_old_ones(
    design: ChipDesign, chip: SimulatedChip, driver: ChipDriver
) -> None:
    good = design.image(encoder(1))
    driver.load(good)
    for place, fault in ((0, "version"), (1, "version"), (3, "size"), (5, "mode"), (20, "crc")):
        data = bytearray(good.data)
        data[place] ^= 0x0C
        with pytest.raises(BackendError, match=f"refused the bank: .*{fault}"):
            driver.load(WeightImage(bytes(data)))
        status = driver.status()
        assert fault in status.faults
        assert status.generation == 1
    assert driver.read_back() == good
    chip.run(100)
    assert design.compare(chip.collect(), {1: good}).holds


def test_nothing_disturbs_a_check(tmp_path: Path) -> None:
    """648 bytes are checked in as many clocks, in which the bus moves four bytes."""
    graph = dense(1, inputs=38, outputs=16)
    design = rtl(weights="loadable", chip=ChipOptions()).generate(graph, tmp_path / "out")
    assert isinstance(design, ChipDesign)
    good = design.image()
    with design.simulated() as chip:
        bus = Controller(chip)
        driver = ChipDriver(bus, design.bank, 0x2A)
        driver.write("shadow", good.data)
        assert driver.command(COMMIT)
        assert bus.write(0x2A, b"\x10\x09\xff") == [True, True, True, False]
        assert driver.status().busy is False
        assert driver.status().faults == ("busy",)
        assert driver.read_back() == good
        driver.command(CLEAR)
        assert driver.command(COMMIT)
        assert driver.command(COMMIT) is False  # one is enough
        assert bus.read(0x2A, b"\x10\x09", 1) == good.data[9:10]  # the check has ended
        assert driver.status().faults == ("busy",)
        assert driver.status().generation == 2
        chip.feed(random_charges(100, 38, 22))
        chip.run(100)
        assert design.compare(chip.collect(), {1: good, 2: good}).holds


def test_the_network_alone_equals_its_graph_for_any_weights(design: ChipDesign) -> None:
    for made in (design, *design.reloads(count=4)):
        bit_exact(made.graph, made, random(made.graph, rows=200)).require()


def test_another_network_is_refused(design: ChipDesign) -> None:
    with pytest.raises(GraphError, match="cannot be loaded"):
        design.image(encoder(0, filters=3))


def test_registers_behind_the_normalizer_cost_one_crossing(tmp_path: Path) -> None:
    design = make(tmp_path / "out", ChipOptions(latency_cycles=2))
    assert design.latency_cycles == 2
    with design.simulated() as chip:
        chip.feed(random_charges(50, design.structure.cells, 22, seed=3))
        driver = ChipDriver(Controller(chip), design.bank, 0x2A)
        driver.load(design.image(mode=3))
        chip.run(50)
        found = design.compare(chip.collect(), {1: design.image(mode=3)})
    assert found.holds, found.first
