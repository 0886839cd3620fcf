from __future__ import annotations

from pathlib import Path

from netwright import studies
from netwright.run import Silent
from netwright.studies import pulsedl2_hardware as hardware


def test_the_accelerator_takes_the_clocks_of_its_formula(tmp_path: Path) -> None:
    context = studies.Context("smoke", tmp_path, Silent())
    found = hardware.cycles(context)
    # 957 by hand with a clock for every position's end, which results of two units can hide
    assert 957 - 32 - 4 * 16 < found.ours.value < 957 + 6 * 20
    assert hardware.integers(context).ours.value == 1.0
