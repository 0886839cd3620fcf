"""Registers around a mapped netlist, so that every way through it is timed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CLOCK = "clk"
"""Name of the clock's port."""


def framed(netlist: Mapping[str, Any], top: str) -> tuple[dict[str, Any], int]:
    """The top module with a register on every port bit but the clock, and their number.

    Args:
        netlist: JSON of Yosys, mapped to ECP5 cells.
        top: Name of the top module.

    Raises:
        KeyError: The netlist lacks what every netlist has.
    """
    module = netlist["modules"][top]
    cells, nets = dict(module["cells"]), dict(module["netnames"])
    clock = module["ports"][CLOCK]["bits"]
    numbers = [b for net in nets.values() for b in net["bits"] if isinstance(b, int)]
    fresh = max(numbers, default=1) + 1
    ports, count = {}, 0
    for name, port in module["ports"].items():
        if name == CLOCK:
            ports[name] = port
            continue
        outside = list(range(fresh, fresh + len(port["bits"])))
        fresh += len(outside)
        ports[name] = {**port, "bits": outside}
        inner = f"{name}_inside" if port["direction"] == "input" else f"{name}_framed"
        nets[f"frame_{name}"] = {"hide_name": 0, "bits": outside, "attributes": {}}
        for index, (inside, outer) in enumerate(zip(port["bits"], outside, strict=True)):
            data, output = (outer, inside) if port["direction"] == "input" else (inside, outer)
            cells[f"frame_{inner}_{index}"] = _register(clock[0], data, output)
            count += 1
    return {**module, "ports": ports, "cells": cells, "netnames": nets}, count


def _register(clock: int, data: int | str, output: int) -> dict[str, object]:
    pins = {"CLK": clock, "LSR": "0", "DI": data, "Q": output}
    return {
        "hide_name": 0,
        "type": "TRELLIS_FF",
        "parameters": {
            "CEMUX": "1 ",
            "CLKMUX": "CLK",
            "GSR": "DISABLED",
            "LSRMUX": "LSR",
            "REGSET": "RESET",
        },
        "attributes": {},
        "port_directions": {pin: "output" if pin == "Q" else "input" for pin in pins},
        "connections": {pin: [bit] for pin, bit in pins.items()},
    }
