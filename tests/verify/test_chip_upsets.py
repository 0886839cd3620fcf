"""Upsets of a small chip whose weights come over its bus."""

from pathlib import Path

import numpy as np
import pytest

from netwright.backends.rtl import ChipDesign, ChipOptions, rtl
from netwright.backends.rtl.radiation import CONTROL, NOTHING
from netwright.errors import BackendError, ConfigError
from netwright.verify.chip_upsets import (
    agreement,
    drawn_charges,
    hardened_chip,
    loaded_moment,
    register_of,
    try_upsets,
)
from netwright.verify.weight_upsets import WeightBit, weight_bits
from tests.backends.rtl.chip.graphs import encoder
from tests.backends.rtl.graphs import needs_verilator, needs_yosys

pytestmark = [pytest.mark.tool("g++"), needs_verilator, needs_yosys]


@pytest.fixture(scope="module")
def design(tmp_path_factory: pytest.TempPathFactory) -> ChipDesign:
    made = rtl(weights="loadable", chip=ChipOptions()).generate(
        encoder(), tmp_path_factory.mktemp("chip") / "out"
    )
    assert isinstance(made, ChipDesign)
    return made


def test_simulation_and_graph_agree_on_every_weight_bit(design: ChipDesign, tmp_path: Path) -> None:
    plain = hardened_chip(design, NOTHING, folder=tmp_path)
    image = design.image(mode=3)
    charges = drawn_charges(design, wafers=6, seed=0)
    with loaded_moment(design, plain, image, folder=plain.verilog.parent) as moment:
        bits = weight_bits(design.graph)
        found = agreement(design, moment, design.graph, charges, bits)
        assert found.holds
        assert (found.upsets, found.wafers) == (design.bank.bits, 5)
        other = design.graph.with_constant("c0", -design.graph.constants["c0"] // 2)
        with pytest.raises(BackendError, match="does not compute what its graph says"):
            agreement(design, moment, other, charges, bits[:1])


def test_no_single_upset_of_a_triplicated_chip_is_seen(design: ChipDesign, tmp_path: Path) -> None:
    charges = drawn_charges(design, wafers=4, seed=0)
    log = tmp_path / "upsets.jsonl"
    found = try_upsets(design, charges, samples=40, log=log)
    assert found.hardened.protection == CONTROL
    held = sum(f.bits for f in found.hardened.flops if f.role != "pipeline")
    assert found.single.upsets == 3 * held
    assert (found.single.at_once, found.single.later, found.single.unhealed) == (0, 0, 0)
    by_name = {tried.name: tried for tried in found.tried}
    assert by_name["double, same triplet"].lasting > 0
    assert by_name["double, two bits"].later == 0
    assert by_name["caught by all three copies"].lasting > 0
    assert try_upsets(design, charges, samples=40, log=log) == found


def test_weights_and_their_registers(design: ChipDesign) -> None:
    graph = design.graph
    names = {register_of(design, bit) for bit in weight_bits(graph)}
    assert len(names) == design.bank.bits
    biases = next(field for field in design.bank.fields if field.value_bytes == 2)
    index = np.unravel_index(biases.count - 1, graph.constants[biases.tensor].shape)
    last = WeightBit(biases.tensor, tuple(int(i) for i in index), 9)
    name = design.structure.names[biases.tensor]
    place = (biases.count - 1) * (biases.bits - 8) + 1
    assert register_of(design, last) == f"u_registers.u_{name}_1_bank.active[{place}]"
    with pytest.raises(ConfigError, match="not loaded"):
        register_of(design, WeightBit("nothing", (0,), 0))
