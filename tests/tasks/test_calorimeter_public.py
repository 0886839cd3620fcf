"""The public CSV format, with and without a header, and what is wrong in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from netwright.errors import DataError
from netwright.tasks.calorimeter_public import CHARGES, read_csv

HEADER = ",".join((*CHARGES, "tc_eta", "tc_phi"))


def line(first: str = "7", rest: str = "1", eta: str = "1.9", extra: str = "0.1") -> str:
    return ",".join([first, *[rest] * 47, eta, extra])


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


def test_file_with_a_header_is_read_in_any_order(tmp_path: Path) -> None:
    names = HEADER.split(",")
    cells = line("7.0").split(",")
    shuffled = list(reversed(range(50)))
    path = write(
        tmp_path / "w.csv",
        ",".join([*(names[i] for i in shuffled), "layer"]),
        ",".join([*(cells[i] for i in shuffled), "9"]),
    )
    found = read_csv(path)
    assert found.table.charges[0, :2].tolist() == [7, 1]
    assert found.table.eta.tolist() == pytest.approx([1.9])
    assert found.table.region.tolist() == [1]
    assert found.table.kind.tolist() == [-1]
    assert found.dropped == 0


@pytest.mark.parametrize("columns", [50, 57, 60])
def test_file_without_a_header_is_read(tmp_path: Path, columns: int) -> None:
    cells = ["2"] * 48 + ["1.6", "0.1"]
    if columns > 50:
        cells = ["2"] * 48 + ["9"] * 7 + ["1.6", "0.1"] + ["x"] * (columns - 57)
    found = read_csv(write(tmp_path / "w.csv", ",".join(cells), ",".join(cells)))
    assert found.table.charges.shape == (2, 48)
    assert found.table.eta.tolist() == pytest.approx([1.6, 1.6])


def test_empty_wafers_are_dropped_and_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "w.csv", HEADER, line(), line("0", "0"), line("0.4", "0"))
    found = read_csv(path)
    assert (len(found.table.eta), found.dropped) == (1, 2)
    path = write(tmp_path / "e.csv", HEADER, line("0", "0"))
    with pytest.raises(DataError, match="holds no wafer: none of its 1 rows has any charge"):
        read_csv(path)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ((HEADER, "1,2"), "line 2 must have 50 values, not 2"),
        ((HEADER, line("nan")), 'line 2, column CALQ_0 must be a finite number, not "nan"'),
        ((HEADER, line("1_0")), 'line 2, column CALQ_0 must be a finite number, not "1_0"'),
        ((HEADER, line("", "1")), 'line 2, column CALQ_0 must be a finite number, not ""'),
        ((HEADER, line(), line("-3")), "line 3, column CALQ_0 must be 0 to 4194303, not -3"),
        ((HEADER, line("1e9")), "line 2, column CALQ_0 must be 0 to 4194303, not 1e9"),
        ((HEADER, line(eta="inf")), 'line 2, column tc_eta must be a finite number, not "inf"'),
        ((HEADER, line(), line(eta="7")), "line 3, column tc_eta must be -6 to 6, not 7"),
        ((HEADER, line(eta="-1e300")), "line 2, column tc_eta must be -6 to 6, not -1e300"),
        ((HEADER.replace("CALQ_47", "CALQ_48"), line()), "lacks the column CALQ_47"),
        ((HEADER.replace("CALQ_47", "CALQ_1"), line()), "lacks the column CALQ_47; has the"),
        (("1,2,3",), "line 1 has 3 values and is no header"),
        ((HEADER,), "holds no wafer"),
    ],
)
def test_wrong_file_is_refused(tmp_path: Path, lines: tuple[str, ...], expected: str) -> None:
    path = write(tmp_path / "w.csv", *lines)
    with pytest.raises(DataError) as caught:
        read_csv(path)
    assert str(caught.value).startswith(f"{path}: {expected}")


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.csv"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="cannot be read as text"):
        read_csv(path)
    path.write_bytes(b"")
    with pytest.raises(DataError, match="is empty"):
        read_csv(path)
