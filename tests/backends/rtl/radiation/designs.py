"""A bank of four loadable weights: the smallest design with all roles of registers."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from netwright.backends.rtl.radiation import CONTROL, Elaboration, Hardened, Protection, elaborate
from netwright.backends.rtl.radiation import triplicate as triplicated
from netwright.backends.rtl.radiation.ports import Words, pack_ports

BANK = Path(__file__).with_name("bank.v")
WEIGHTS = (3, 5, 7, 2)
ROWS = (0x1B, 0xFF, 0x03, 0xC0, 0x55)
PORTS = {"rst_n": 1, "load": 1, "load_data": 3, "x_data": 8}


def bank(folder: Path) -> Elaboration:
    return elaborate("bank", [BANK], folder=folder)


def hardened(folder: Path, protection: Protection = CONTROL) -> Hardened:
    return triplicated(bank(folder), protection, folder=folder / "hardened")


def loading(weights: Sequence[int] = WEIGHTS) -> Words:
    """Two clocks of reset, then one weight a clock, then one clock of nothing."""
    return pack_ports(
        PORTS,
        {
            "rst_n": [0, 0, 1, 1, 1, 1, 1],
            "load": [0, 0, 1, 1, 1, 1, 0],
            "load_data": [0, 0, *weights, 0],
        },
    )


def rows(values: Sequence[int] = ROWS) -> Words:
    return pack_ports(PORTS, {"rst_n": [1] * len(values), "x_data": values})


def sums(values: Sequence[int] = ROWS, weights: Sequence[int] = WEIGHTS) -> list[int]:
    """What the bank says of every row, one clock after it."""
    fields = (np.asarray(values)[:, None] >> np.array([0, 2, 4, 6])) & 3
    return [int(total) for total in fields @ np.asarray(weights)]
