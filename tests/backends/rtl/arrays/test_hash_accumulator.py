"""The table in Verilog gives what the model in Python gives, item by item and clock by clock."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from netwright.backends.rtl.arrays import HashAccumulator, HashDesign, HashSums
from netwright.errors import ConfigError, CorruptOutput
from netwright.kernels import SparseRows, multiply_rows_reference
from tests.backends.rtl.graphs import needs_verilator

TABLE = HashAccumulator(bank_bits=2, slot_bits=4, tag_bits=12, value_bits=16)


@pytest.fixture(scope="module")
def design(tmp_path_factory: pytest.TempPathFactory) -> HashDesign:
    return TABLE.generate(tmp_path_factory.mktemp("table") / "design")


def items(tags: Any, values: Any) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    return np.array(tags, np.uint32), np.array(values, np.uint32)


def assert_same(found: HashSums, expected: HashSums) -> None:
    np.testing.assert_array_equal(found.tags, expected.tags)
    np.testing.assert_array_equal(found.values, expected.values)
    assert (found.overflowed, found.clocks) == (expected.overflowed, expected.clocks)


@pytest.mark.tool("g++")
@needs_verilator
def test_simulation_equals_the_model_for_many_streams(design: HashDesign) -> None:
    seen = set()
    for seed in range(40):
        random = np.random.default_rng(seed)
        num = int(random.integers(0, 200))
        tags = random.integers(0, 1 << int(random.integers(1, 13)), num)
        given = items(tags, random.integers(0, 1 << 16, num))
        pauses = int(random.integers(0, (1 << 32) - 1)) if seed % 2 else 0
        expected = TABLE.replay(*given)
        assert_same(design.run(*given, pauses=pauses), expected)
        seen.add((expected.overflowed, expected.clocks > num))
    assert seen == {(False, False), (False, True), (True, True)}


@pytest.mark.tool("g++")
@needs_verilator
def test_a_sparse_product_of_integers_comes_out_of_the_table(design: HashDesign) -> None:
    random = np.random.default_rng(5)
    dense = random.integers(1, 100, (4, 8)) * (random.random((4, 8)) < 0.4)
    right = random.integers(1, 100, (8, 8)) * (random.random((8, 8)) < 0.3)
    left, other = (compressed(each) for each in (dense, right))
    tags, values = [], []
    for row in range(4):
        for k in range(left.offsets[row], left.offsets[row + 1]):
            inner = left.columns[k]
            for i in range(other.offsets[inner], other.offsets[inner + 1]):
                tags.append(row * 8 + other.columns[i])
                values.append(left.values[k] * other.values[i])
    found = design.run(*items(tags, values))
    expected = multiply_rows_reference(left, other)
    order = np.argsort(found.tags)
    np.testing.assert_array_equal(found.tags[order], expected.rows() * 8 + expected.columns)
    np.testing.assert_array_equal(found.values[order], expected.values % (1 << 16))


def compressed(dense: NDArray[np.int64]) -> SparseRows:
    rows, columns = np.nonzero(dense)
    offsets = np.searchsorted(rows, np.arange(len(dense) + 1))
    return SparseRows(dense.shape[1], offsets, columns.astype(np.int32), dense[rows, columns])


def test_model_probes_within_the_bank_and_adds_what_is_there() -> None:
    # Bank 1: tags 1, 65 and 129 name slot 0; bank 2 does not wait for them.
    made = TABLE.replay(*items([1, 65, 129, 65, 2], [10, 20, 30, 65530, 7]))
    assert made.tags.tolist() == [1, 65, 129, 2]
    assert made.values.tolist() == [10, 14, 30, 7]
    # 1 look, then 2, 3 and 2; the last item goes to a free bank as soon as it is its turn.
    assert made.clocks == 8
    full = TABLE.replay(*items(np.arange(17) * 4, np.ones(17)))
    assert full.overflowed
    assert len(full.tags) == 16


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"bank_bits": 0}, "bank_bits must be an integer from 1 to 6, not 0"),
        ({"slot_bits": 13}, "slot_bits must be an integer from 1 to 12, not 13"),
        ({"value_bits": True}, "value_bits must be an integer from 1 to 32, not True"),
        ({"tag_bits": 5}, "tag_bits must be at least 8, the bits of bank and slot, not 5"),
    ],
)
def test_tables_that_cannot_be_are_refused(changed: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        HashAccumulator(**changed)


def test_items_that_do_not_fit_are_refused(design: HashDesign) -> None:
    with pytest.raises(ConfigError, match="a tag must have at most 12 bits, not 4096"):
        TABLE.replay(*items([4096], [1]))
    with pytest.raises(ConfigError, match="a value must have at most 16 bits, not 65536"):
        design.run(*items([0], [65536]))
    with pytest.raises(ConfigError, match="each item has a tag and a value"):
        TABLE.replay(*items([0, 1], [1]))
    with pytest.raises(ConfigError, match="pauses must leave a clock"):
        design.run(*items([0], [1]), pauses=(1 << 32) - 1)


def test_changed_verilog_is_refused(tmp_path: Path) -> None:
    made = TABLE.generate(tmp_path / "design")
    (made.root / "table.v").write_text("module table_of_sums; endmodule\n")
    with pytest.raises(CorruptOutput):
        made.run(*items([0], [1]))
