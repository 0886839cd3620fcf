"""Numbers at ports as words and back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.backends.rtl.radiation.ports import num_words, pack_ports, unpack_ports
from netwright.errors import DataError


@settings(max_examples=40)
@given(st.dictionaries(st.sampled_from("abcd"), st.integers(1, 100), min_size=1), st.data())
def test_there_and_back(ports: dict[str, int], data: st.DataObject) -> None:
    values = {
        name: data.draw(st.lists(st.integers(0, (1 << bits) - 1), min_size=3, max_size=3))
        for name, bits in ports.items()
    }
    words = pack_ports(ports, values)
    assert words.shape == (3, num_words(ports))
    assert unpack_ports(ports, words) == values


def test_every_port_begins_a_word_and_what_is_left_out_is_zero() -> None:
    words = pack_ports({"a": 3, "b": 33, "c": 1}, {"a": [-1], "b": [1 << 32]})
    assert np.array_equal(words, [[7, 0, 1, 0]])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"a": [8]}, "a: 8 does not fit 3 bits"),
        ({"z": [1]}, "there is no input z"),
        ({"a": [1], "c": [1, 0]}, "ports have values for unlike clocks"),
    ],
)
def test_what_does_not_fit(values: dict[str, list[int]], message: str) -> None:
    with pytest.raises(DataError, match=message):
        pack_ports({"a": 3, "c": 1}, values)
