import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.backends.rtl.chip.bank import Bank, Field
from netwright.errors import ConfigError, DataError
from netwright.ir import Graph
from tests.backends.hls.graphs import Build
from tests.backends.rtl.chip.graphs import PUBLISHED, encoder

MODES = (3, 5, 7, 9)


@pytest.mark.parametrize(("variant", "parameters"), [("8x8", 2144), ("4x4x3", 2288)])
def test_published_encoders_have_a_byte_for_each_weight(variant: str, parameters: int) -> None:
    bank = Bank.of(encoder(**PUBLISHED[variant], outputs=16), MODES)
    assert sum(field.count for field in bank.fields) == parameters
    assert [field.bits for field in bank.fields] == [6, 13, 6, 13]
    assert bank.size == 6 + parameters + 8 + 16 + 2  # biases have two bytes


def test_fields_follow_each_other() -> None:
    bank = Bank.of(encoder(), MODES)
    place = 6
    for field in bank.fields:
        assert field.place == place
        place += field.size
    assert bank.size == place + 2


@settings(max_examples=40)
@given(st.integers(1, 20), st.booleans(), st.data())
def test_values_survive_their_bytes(bits: int, signed: bool, data: st.DataObject) -> None:
    low = -(1 << (bits - 1)) if signed else 0
    values = data.draw(st.lists(st.integers(low, low + (1 << bits) - 1), min_size=1, max_size=9))
    field = Field("w", len(values), bits, signed, 0)
    octets = field.encode(np.array(values))
    assert len(octets) == field.size == sum(lane.count for lane in field.lanes("w"))
    assert sum(lane.bits for lane in field.lanes("w")) == bits
    assert field.decode(octets).tolist() == values


def test_values_that_do_not_fit_are_refused() -> None:
    field = Field("w", 2, 6, signed=True, place=0)
    with pytest.raises(DataError, match=r'"w" holds 32 at place 1; its registers hold -32 to 31'):
        field.encode(np.array([0, 32]))
    with pytest.raises(DataError, match='"w" must have 2 values, not 3'):
        field.encode(np.zeros(3, dtype=np.int64))


def test_the_layout_tells_other_networks_apart() -> None:
    layouts = {
        Bank.of(encoder(), MODES).layout,
        Bank.of(encoder(outputs=5), MODES).layout,
        Bank.of(encoder(pads=0), MODES).layout,
        Bank.of(encoder(), (9,)).layout,
    }
    assert len(layouts) == 4
    assert Bank.of(encoder(1), MODES).layout == Bank.of(encoder(2), MODES).layout


def graph(inputs: int, outputs: int) -> Graph:
    build = Build("big")
    return build.graph(build.dense(build.quantize((inputs,)), outputs, bias_bits=8))


def test_a_bank_that_cannot_be_addressed_is_refused() -> None:
    with pytest.raises(ConfigError, match="take 30208 bytes; a chip addresses up to 28672"):
        Bank.of(graph(301, 100), MODES)


def test_a_network_without_weights_is_refused() -> None:
    build = Build("plain")
    with pytest.raises(ConfigError, match='"plain" has no weights that could be loaded'):
        Bank.of(build.graph(build.add("Relu", (build.quantize((3,)),))), MODES)
