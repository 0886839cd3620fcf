from typing import Any

from netwright.backends.rtl.implement.depth import Depth, register_depth


def cell(kind: str, inputs: dict[str, int], output: int) -> dict[str, Any]:
    return {
        "type": kind,
        "port_directions": {**dict.fromkeys(inputs, "input"), "Q": "output"},
        "connections": {**{port: [bit] for port, bit in inputs.items()}, "Q": [output]},
    }


def module(**cells: dict[str, Any]) -> dict[str, Any]:
    ports = {
        "clk": {"direction": "input", "bits": [2]},
        "x": {"direction": "input", "bits": [3, 4]},
        "y": {"direction": "output", "bits": [9, "0"]},
    }
    return {"ports": ports, "cells": cells}


def register(data: int, output: int) -> dict[str, Any]:
    return cell("TRELLIS_FF", {"CLK": 2, "DI": data}, output)


def test_registers_on_the_longest_and_the_shortest_way_are_counted() -> None:
    made = module(
        first=register(3, 5), second=register(5, 6), both=cell("LUT4", {"A": 6, "B": 4}, 9)
    )
    assert register_depth(made, ("TRELLIS_FF",)) == Depth(0, 2)


def test_a_clock_or_a_reset_is_no_way_of_data() -> None:
    made = module(only=cell("TRELLIS_FF", {"CLK": 2, "LSR": 3, "DI": 4}, 9))
    assert register_depth(made, ("TRELLIS_FF",)) == Depth(1, 1)


def test_no_number_for_loops_unknown_directions_and_registers_inside_cells() -> None:
    loop = module(counter=register(5, 6), step=cell("LUT4", {"A": 6}, 5), out=register(6, 9))
    unknown = module(box={"type": "box", "connections": {"a": [3], "b": [9]}})
    inside = module(line=cell("SRL16E", {"D": 3, "CLK": 2}, 9))
    constant = module(only=cell("LUT4", {}, 9))
    for made in (loop, unknown, inside, constant):
        assert register_depth(made, ("TRELLIS_FF",)) is None
