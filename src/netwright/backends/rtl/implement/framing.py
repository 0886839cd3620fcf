"""Registers around a mapped netlist, so that every way through it is timed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
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


def clocked(module: Mapping[str, Any], registers: Collection[str]) -> dict[str, Any]:
    """A mapped module whose clock is called as in our own designs; one is added if it has none.

    Args:
        module: One module of the JSON of Yosys.
        registers: Kinds of cells that are registers; their clock is ``CLK``.

    Raises:
        ValueError: Registers have different clocks, or one that is no input.
        KeyError: The netlist lacks what every netlist has.
    """
    cells = [cell for cell in module["cells"].values() if cell["type"] in registers]
    clocks = {bit for cell in cells for bit in cell["connections"]["CLK"]}
    edges = {cell["parameters"].get("CLKMUX", "CLK") for cell in cells}
    names = [
        name
        for name, port in module["ports"].items()
        if port["direction"] == "input" and port["bits"] == list(clocks)
    ]
    if len(clocks) > 1 or len(edges) > 1 or (clocks and not names):
        raise ValueError("registers have several clocks, or one that is made inside")
    ports, nets = dict(module["ports"]), dict(module["netnames"])
    bits = list(clocks)
    if not clocks:
        numbers = [b for net in nets.values() for b in net["bits"] if isinstance(b, int)]
        bits = [max(numbers, default=1) + 1]
    for table in (ports, nets):
        found = table.pop(names[0], None) if names else None
        if CLOCK in table:
            table[f"{CLOCK}_data"] = table.pop(CLOCK)
        table[CLOCK] = {"direction": "input", "attributes": {}, "hide_name": 0, **(found or {})}
        table[CLOCK]["bits"] = bits
    ports[CLOCK] = {"direction": "input", "bits": bits}
    return {**module, "ports": ports, "netnames": nets}


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
