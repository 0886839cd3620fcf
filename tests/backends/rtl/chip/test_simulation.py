"""Simulated chips; what they compute is in test_chip_design."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from netwright.backends.rtl import ChipDesign, ChipOptions, rtl
from netwright.backends.rtl.chip import SimulatedChip
from netwright.backends.rtl.chip.check import random_charges
from netwright.errors import BackendError, ConfigError, DataError
from tests.backends.rtl.chip.graphs import encoder
from tests.backends.rtl.graphs import needs_verilator

pytestmark = [pytest.mark.tool("g++"), needs_verilator]


@pytest.fixture(scope="module")
def design(tmp_path_factory: pytest.TempPathFactory) -> ChipDesign:
    made = rtl(weights="loadable", chip=ChipOptions()).generate(
        encoder(), tmp_path_factory.mktemp("chip") / "out"
    )
    assert isinstance(made, ChipDesign)
    return made


@pytest.fixture
def chip(design: ChipDesign) -> Iterator[SimulatedChip]:
    with design.simulated() as made:
        yield made


def test_words_belong_to_the_charges_of_the_crossing_before(chip: SimulatedChip) -> None:
    charges = random_charges(7, 16, 22)
    chip.feed(charges)
    chip.run(3)
    taken = chip.run(10)
    assert np.array_equal(taken.charges, charges[(np.arange(10) + 2) % 7])
    exponents = taken.words[:, 0].astype(int) >> 11 & 31
    sums = taken.charges.sum(axis=1)
    assert exponents.tolist() == [max(int(s).bit_length() - 1, 0) for s in sums]


def test_what_left_is_collected_once(chip: SimulatedChip) -> None:
    chip.run(3)
    chip.run(4)
    assert len(chip.collect().words) == 7
    with pytest.raises(ConfigError, match="no time has passed"):
        chip.collect()


def test_charges_that_cannot_enter_are_refused(chip: SimulatedChip) -> None:
    with pytest.raises(DataError, match=r"the shape \(wafers, 16\), not \(1, 15\)"):
        chip.feed(np.zeros((1, 15), dtype=np.int64))
    with pytest.raises(ConfigError, match="at least one row of charges"):
        chip.feed(np.zeros((0, 16), dtype=np.int64))


def test_a_library_that_is_none(design: ChipDesign, tmp_path: Path) -> None:
    (tmp_path / "chip.so").write_text("no")
    with pytest.raises(BackendError, match="cannot be loaded"):
        SimulatedChip(tmp_path / "chip.so", design.structure)
