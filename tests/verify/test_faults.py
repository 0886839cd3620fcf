from __future__ import annotations

import numpy as np
import pytest

from netwright.errors import ConfigError
from netwright.formats import Int, Rounding
from netwright.ir import check
from netwright.verify import change_rounding, flip_weight_bit, narrow_accumulator
from tests.verify.graphs import dense


@pytest.mark.parametrize("bit", range(5))
def test_exactly_one_bit_is_flipped(bit: int) -> None:
    graph = dense()
    bits = graph.types["fc2_weight"].dtype.bits
    changed = check(flip_weight_bit(graph, "fc2_weight", (3, 2), bit=min(bit, bits - 1)))
    before, after = graph.constants["fc2_weight"], changed.constants["fc2_weight"]
    assert np.argwhere(before != after).tolist() == [[3, 2]]
    pattern = int(before[3, 2] ^ after[3, 2]) % (1 << bits)
    assert pattern == 1 << min(bit, bits - 1)
    twice = flip_weight_bit(changed, "fc2_weight", (3, 2), bit=min(bit, bits - 1))
    np.testing.assert_array_equal(twice.constants["fc2_weight"], before)


@pytest.mark.parametrize(
    ("tensor", "index", "bit", "message"),
    [
        ("ghost", (0, 0), 0, '"ghost" is not an integer constant with a bit 0'),
        ("fc1_sum", (0, 0), 0, '"fc1_sum" is not an integer constant with a bit 0'),
        ("fc1_weight", (0, 0), 40, '"fc1_weight" is not an integer constant with a bit 40'),
        ("fc1_weight", (99, 0), 0, '"fc1_weight" of shape (6, 8) has no index (99, 0)'),
        ("fc1_weight", (0,), 0, '"fc1_weight" of shape (6, 8) has no index (0,)'),
    ],
)
def test_bits_that_do_not_exist_are_named(
    tensor: str, index: tuple[int, ...], bit: int, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        flip_weight_bit(dense(), tensor, index, bit=bit)
    assert str(caught.value) == message


def test_rounding_is_changed_in_one_node() -> None:
    changed = change_rounding(dense(), "fc1_requantize", Rounding.FLOOR)
    assert changed.node("fc1_requantize").text("rounding") == "floor"
    assert changed.node("fc2_requantize") == dense().node("fc2_requantize")
    with pytest.raises(ConfigError, match=r'node "fc1" \(MatMul\) does not round'):
        change_rounding(dense(), "fc1", Rounding.FLOOR)


def test_an_accumulator_is_narrowed() -> None:
    old = dense().types["fc1_sum"].dtype
    assert isinstance(old, Int)
    changed = narrow_accumulator(dense(), "fc1_sum", bits=1)
    assert changed.types["fc1_sum"].dtype == Int(old.bits - 1, old.signed)
    for tensor, bits in (("ghost", 1), ("x", 1), ("fc1_sum", old.bits), ("fc1_sum", 0)):
        with pytest.raises(ConfigError) as caught:
            narrow_accumulator(dense(), tensor, bits=bits)
        assert str(caught.value) == (
            f'"{tensor}" is not an integer tensor with more than {bits} bits'
        )
