"""The unit in Verilog gives every bit of the model, corner values included."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from netwright.backends.rtl.arrays import BankUnit, BankUnitDesign
from netwright.errors import ConfigError, DataError
from netwright.formats.bfloat import bfloat16_words
from tests.backends.rtl.graphs import needs_verilator, needs_yosys
from tests.formats.test_bfloat import CORNERS, bits
from tests.rationals import lane_sum

VECTORS = 100_000
RANDOM = np.random.default_rng(0)


@pytest.fixture(scope="module")
def design(tmp_path_factory: pytest.TempPathFactory) -> BankUnitDesign:
    return BankUnit().generate(tmp_path_factory.mktemp("unit") / "design")


def words(shape: tuple[int, ...], kind: int) -> np.ndarray:
    """Any words; numbers of about the same size; numbers of all sizes; corner values among them."""
    if kind == 0:
        return RANDOM.integers(0, 1 << 16, shape).astype(np.uint16)
    spread = {1: 1, 2: 60, 3: 2}[kind]
    made = bfloat16_words(RANDOM.normal(size=shape) * 2.0 ** RANDOM.uniform(-spread, spread, shape))
    if kind == 3:
        made = np.where(RANDOM.random(shape) < 0.05, RANDOM.choice(CORNERS, shape), made)
    return made


@pytest.mark.tool("g++")
@needs_verilator
def test_a_hundred_thousand_vectors_give_every_bit_of_the_model(design: BankUnitDesign) -> None:
    finite = 0
    for kind in range(4):
        for columns, count in ((1, VECTORS // 4 - 500), (6, 500)):
            shape = (count, columns, 16)
            x, w = words(shape, kind), words(shape, kind)
            wanted = design.unit.reference(x, w)
            found = design.run(
                x.reshape(-1, 16), w.reshape(-1, 16), np.full(count, columns, np.uint32),
                pauses=0x12345678 if columns > 1 else 0,
            )  # fmt: skip
            assert np.array_equal(found.sums.view(np.uint32), wanted.view(np.uint32))
            assert np.array_equal(found.halves, bfloat16_words(wanted))
            finite += int(np.isfinite(wanted).sum())
    assert finite > VECTORS // 2  # most are numbers, not NaN alone


def test_the_model_is_that_of_exact_numbers() -> None:
    x, w = words((40, 2, 16), 3), words((40, 2, 16), 3)
    values = [(part.astype(np.uint32) << 16).view(np.float32).reshape(40, -1) for part in (x, w)]
    exact = [lane_sum(a.tolist(), b.tolist(), 16, 32, 32) for a, b in zip(*values, strict=True)]
    assert bits(BankUnit().reference(x, w)) == bits(exact)


@needs_yosys
def test_parts_are_counted(tmp_path: Path) -> None:
    found = BankUnit(lanes=2).generate(tmp_path / "unit").count("gates")
    kinds = {name: part.instances for name, part in found.parts.items()}
    assert kinds == {"float_multiply": 2, "float_add": 2, "float_narrow": 1}
    assert found.total.value > 2 * found.parts["float_multiply"].each.value


def test_units_and_vectors_that_cannot_be_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="lanes must be 2, 4, 8, 16 or 32, not 3"):
        BankUnit(lanes=3)
    unit = BankUnit(lanes=2).generate(tmp_path / "unit")
    column = np.zeros((1, 2), np.uint16)
    one = np.array([1], np.uint32)
    with pytest.raises(
        DataError, match=r"x must be uint16 of shape \(2, 2\), not uint16 of \(1, 2"
    ):
        unit.run(column, column, np.array([2], np.uint32))
    with pytest.raises(DataError, match=r"w must be uint16 of shape \(1, 2\), not float64"):
        unit.run(column, np.ones((1, 2)), one)  # type: ignore[arg-type]  # real values are no words
    for steps in ([[1]], [0], [-1], [1.5], [np.nan]):
        with pytest.raises(DataError, match="steps must be a row of whole numbers"):
            unit.run(column, column, np.array(steps))
    with pytest.raises(ConfigError, match="pauses must leave a clock"):
        unit.run(column, column, one, pauses=(1 << 32) - 1)
