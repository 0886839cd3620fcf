"""What becomes of raw columns."""

from __future__ import annotations

import numpy as np
import pytest

from netwright.errors import DataError
from netwright.tasks import Card
from netwright.tasks.assembly import Raw, assemble
from netwright.tasks.columns import Columns

CARD = Card(title="t", recipe="r", synthetic=True, sha256="", counts={"known": 3})


def build(raw: Raw):
    return assemble(
        raw, name="t", classes=(), loss="", score="", seed=1, standardize=True, card=CARD
    )


def test_lines_of_a_text_file_are_named() -> None:
    values = np.arange(40.0).reshape(20, 2)
    values[4, 1] = np.nan
    rows = Columns({}, "mine.csv", np.arange(2, 22))
    raw = Raw(rows, {"x": values}, np.arange(20) % 2, features={"x": ("a", "b")})
    with pytest.raises(DataError, match=r'mine.csv: the value at line 6, column "b" must be'):
        build(raw)


def test_a_column_that_hardly_varies_is_no_constant_and_a_constant_is_one() -> None:
    """0.1 has no exact mean, and its deviation is no exact zero."""
    values = np.full((40, 1), 0.1, np.float32)
    raw = Raw(Columns({}, "m"), {"x": values}, np.arange(40) % 2)
    with pytest.raises(DataError, match="is constant over the train split"):
        build(raw)
    values[::3] = np.nextafter(np.float32(0.1), np.float32(1))
    assert np.abs(build(raw).train.inputs).max() < 10


def test_a_card_keeps_its_counts() -> None:
    raw = Raw(Columns({}, "m"), {"x": np.arange(40.0)}, np.arange(40) % 2)
    assert build(raw).card is CARD
