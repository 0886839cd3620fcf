"""Tables of wafers: written, read and refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from netwright.errors import DataError
from netwright.files import write_npz
from netwright.reading import read_arrays
from netwright.tasks.calorimeter_table import (
    WaferTable,
    digest,
    read_table,
    region_of,
    write_table,
)


def make(rows: int = 6) -> WaferTable:
    rng = np.random.default_rng(0)
    return WaferTable(
        rng.integers(1, 500, (rows, 48)),
        np.linspace(1.5, 2.9, rows).astype(np.float32),
        np.arange(rows) % 3,
        np.arange(rows) % 4 - 1,
    )


def test_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    table = make()
    first, second = tmp_path / "a.npz", tmp_path / "b.npz"
    write_table(first, table)
    write_table(second, read_table(first))
    assert first.read_bytes() == second.read_bytes()
    assert digest(read_table(first)) == digest(table)
    large = replace(table, charges=table.charges * 8000)
    assert digest(read_table(write_table(tmp_path / "c.npz", large))) == digest(large)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"charges": None}, "lacks the array charges"),
        ({"charges": np.zeros((6, 47), int)}, "wafers must have shape (rows, 48), not (6, 47)"),
        ({"charges": np.ones((6, 48))}, "charges must hold integers, not float64"),
        ({"charges": -np.eye(6, 48, dtype=int)}, "charge at row 0, cell 0 must be 0 to 4194303"),
        ({"charges": np.zeros((6, 48), int)}, "row 0 holds no charge, 6 such rows in all"),
        ({"charges": np.zeros((0, 48), int)}, "must hold 1 to 10000000 rows, not 0"),
        ({"eta": np.full(6, np.nan)}, "eta at row 0 must be finite, not nan"),
        ({"eta": np.ones(5)}, "eta must have shape (6,), not (5,)"),
        ({"region": np.full(6, 3)}, "region at row 0 must be 0 to 2, not 3"),
        ({"kind": np.full(6, -2)}, "kind at row 0 must be -1 to 2, not -2"),
        ({"regions": np.array(["a"])}, "regions must be inner, middle, outer, not a"),
    ],
)
def test_damaged_table_is_refused(
    tmp_path: Path, change: dict[str, np.ndarray | None], expected: str
) -> None:
    path = write_table(tmp_path / "t.npz", make())
    arrays = {**read_arrays(path), **change}
    write_npz(path, {name: array for name, array in arrays.items() if array is not None})
    with pytest.raises(DataError) as caught:
        read_table(path)
    assert str(caught.value).startswith(f"{path}: {expected}")


def test_regions_follow_the_distance_from_the_beam() -> None:
    eta = np.array([1.2, 1.6, -1.6, 1.7, 2.0, 2.15, -2.9, 5.0])
    assert region_of(eta).tolist() == [2, 2, 2, 1, 1, 0, 0, 0]
