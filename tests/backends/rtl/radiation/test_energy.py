"""Energy of a clock, by hand on a netlist of four cells."""

from typing import Any

import numpy as np
import pytest

from netwright.backends.rtl.implement.liberty import CellKind, CellLibrary, Table
from netwright.backends.rtl.radiation.energy import _Meter

INVERTER = CellKind(
    "INV", {"Y": "!A"}, None, 1.0, {"A": 2.0},
    {"Y": (Table(np.array([0.0, 10.0]), np.array([1.0, 11.0])),)}, 1e-9,
)  # fmt: skip
FLIP_FLOP = CellKind(
    "DFF", {}, ("D", "CK", ("Q",)), 5.0, {"D": 1.0, "CK": 3.0},
    {"CK": (Table(np.zeros(1), np.array([4.0])),), "Q": (Table(np.zeros(1), np.array([7.0])),)},
    2e-9,
)  # fmt: skip
LIBRARY = CellLibrary({"INV": INVERTER, "DFF": FLIP_FLOP}, 2.0, 1.0, 1.0)


def port(direction: str, *bits: int) -> dict[str, Any]:
    return {"direction": direction, "bits": list(bits)}


def cell(kind: str, **connections: list[int]) -> dict[str, Any]:
    return {"type": kind, "connections": connections}


REGISTER = "$paramod\\register\\BITS=1"
MODULES: dict[str, Any] = {
    "top": {
        "ports": {"clk": port("input", 1), "a": port("input", 2), "y": port("output", 5)},
        "cells": {
            "one": cell("INV", A=[2], Y=[3]),
            "two": cell("INV", A=[3], Y=[4]),
            "r0": cell(REGISTER, clk=[1], d=[4], q=[5]),
        },
    },
    REGISTER: {
        "ports": {"clk": port("input", 1), "d": port("input", 2), "q": port("output", 3)},
        "cells": {"f": cell("DFF", D=[2], CK=[1], Q=[3])},
    },
}


def test_changes_loads_clocks_and_leakage() -> None:
    meter = _Meter(MODULES, LIBRARY, clocks=5)
    nets = {1: 0, 2: 0b01011}  # a is 1, 1, 0, 1, 0: three changes
    stored = {"r0": [0b10110]}  # one clock later: three changes
    values = meter.values("top", nets, stored)
    assert (values[3], values[4]) == (0b10100, 0b01011)
    meter.measure("top", nets, stored)
    # half of 2 V squared is 2; a and the first inverter drive 2 fF, the second 1 fF, y nothing
    wires = 3 * 2 * 2.0 + 3 * 2 * 2.0 + 3 * 1 * 2.0
    inside = 3 * 3.0 + 3 * 2.0  # the table at 2 fF and at 1 fF
    assert meter.logic_fj == pytest.approx(wires + inside)
    assert meter.register_fj == pytest.approx(3 * 7.0)
    assert meter.clock_fj == pytest.approx(2 * (4.0 + 3.0 * 2.0))
    assert meter.leakage_w == pytest.approx(4e-9)
    assert (meter.changes, meter.flip_flops) == (12, 1)
