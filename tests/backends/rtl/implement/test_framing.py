from netwright.backends.rtl.implement.framing import framed

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
