from typing import Any

import pytest

from netwright.backends.rtl.implement.framing import clocked, framed

MODULE = {
    "attributes": {"top": "1"},
    "ports": {
        "clk": {"direction": "input", "bits": [2]},
        "x_data": {"direction": "input", "bits": [3, 4]},
        "y_data": {"direction": "output", "bits": [4, "0", 9]},
    },
    "cells": {"inner": {"type": "LUT4", "connections": {"A": [3], "Z": [9]}}},
    "netnames": {
        "clk": {"bits": [2]},
        "x_data": {"bits": [3, 4]},
        "y_data": {"bits": [4, "0", 9]},
    },
}


def test_every_bit_but_the_clock_passes_a_register() -> None:
    module, count = framed({"modules": {"top": MODULE}}, "top")
    assert count == 5
    assert module["cells"]["inner"] == MODULE["cells"]["inner"]
    assert module["ports"]["clk"] == MODULE["ports"]["clk"]
    outside = module["ports"]["x_data"]["bits"], module["ports"]["y_data"]["bits"]
    assert outside == ([10, 11], [12, 13, 14])
    pins = {
        name: (cell["connections"]["DI"][0], cell["connections"]["Q"][0])
        for name, cell in module["cells"].items()
        if cell["type"] == "TRELLIS_FF"
    }
    assert pins == {
        "frame_x_data_inside_0": (10, 3),
        "frame_x_data_inside_1": (11, 4),
        "frame_y_data_framed_0": (4, 12),
        "frame_y_data_framed_1": ("0", 13),
        "frame_y_data_framed_2": (9, 14),
    }
    clocks = {cell["connections"].get("CLK", [2])[0] for cell in module["cells"].values()}
    assert clocks == {2}


def test_the_netlist_itself_is_left_alone() -> None:
    before = repr(MODULE)
    framed({"modules": {"top": MODULE}}, "top")
    assert repr(MODULE) == before


def register(clock: int, **parameters: str) -> dict[str, Any]:
    pins = {"CLK": [clock], "DI": [3], "Q": [9]}
    return {"type": "TRELLIS_FF", "parameters": parameters, "connections": pins}


def test_the_clock_of_another_generator_gets_our_name() -> None:
    ports = {
        "clock": {"direction": "input", "bits": [2]},
        "clk": {"direction": "input", "bits": [3]},
    }
    nets = {name: {"bits": port["bits"]} for name, port in ports.items()}
    made = clocked({"ports": ports, "netnames": nets, "cells": {"r": register(2)}}, ("TRELLIS_FF",))
    for table in (made["ports"], made["netnames"]):
        assert (table["clk"]["bits"], table["clk_data"]["bits"]) == ([2], [3])


def test_a_design_without_registers_gets_a_clock() -> None:
    module = {"ports": {}, "netnames": {"x": {"bits": [4, "0"]}}, "cells": {}}
    assert clocked(module, ("TRELLIS_FF",))["ports"]["clk"]["bits"] == [5]


def test_several_clocks_and_clocks_from_inside_are_refused() -> None:
    ports = {"a": {"direction": "input", "bits": [2]}, "b": {"direction": "input", "bits": [3]}}
    several = {"r": register(2), "s": register(3)}
    edges = {"r": register(2, CLKMUX="INV"), "s": register(2)}
    for cells in (several, edges, {"r": register(7)}):
        with pytest.raises(ValueError, match="several clocks"):
            clocked({"ports": ports, "netnames": {}, "cells": cells}, ("TRELLIS_FF",))
