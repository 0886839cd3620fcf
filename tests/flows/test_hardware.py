from pathlib import Path

import pytest

from netwright.errors import DataError
from netwright.flows.hardware import HARDWARE, hardware, read_hardware, write_hardware
from netwright.report import Hardware

EMPTY = Hardware(part="xcup", latency_cycles=3, layers=(), cells=(), proofs=())


def test_description_survives_the_file(tmp_path: Path) -> None:
    write_hardware(EMPTY, tmp_path)
    assert read_hardware(tmp_path) == EMPTY


@pytest.mark.parametrize("text", ["", '{"part": 3', '{"part": "xcup"}'])
def test_damaged_description_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / HARDWARE).write_text(text)
    with pytest.raises(DataError, match="is no description of hardware"):
        read_hardware(tmp_path)


def test_run_knows_its_hardware(tiny_run: Path) -> None:
    (found,) = hardware(tiny_run)
    assert found.part == "ecp5-85k"
