"""Trees of buffers in small netlists."""

from typing import Any

import pytest

from netwright.backends.rtl.implement.liberty import GENERIC, CellKind
from netwright.backends.rtl.radiation.fanout import MAX_FANOUT, Divider
from netwright.errors import BackendError

KINDS = {
    "BUF": CellKind("BUF", {"Z": "A"}, area=2.0, capacitance={"A": 1.0}),
    "INV": CellKind("INV", {"Z": "!A"}, area=1.0, capacitance={"A": 1.0}),
    "DFF": CellKind("DFF", {}, ("D", "CK", ("Q",))),
}


def cell(kind: str, **connections: list[int]) -> dict[str, Any]:
    return {"type": kind, "connections": connections}


def port(direction: str, *bits: int) -> dict[str, Any]:
    return {"direction": direction, "bits": list(bits)}


def design(readers: int) -> dict[str, Any]:
    """A net that enters as many modules, each of which reads it twice."""
    inner = {
        "ports": {"clk": port("input", 1), "a": port("input", 2), "q": port("output", 9, 5)},
        "cells": {
            "one": cell("INV", A=[2], Z=[3]),
            "two": cell("INV", A=[2], Z=[4]),
            "flop": cell("DFF", D=[3], CK=[1], Q=[5]),
        },
        "netnames": {},
    }
    top = {
        "ports": {"clk": port("input", 1), "a": port("input", 2)},
        "cells": {
            f"u{n}": cell("inner", clk=[1], a=[2], q=[10 + 2 * n, 11 + 2 * n])
            for n in range(readers)
        },
        "netnames": {"loose": {"bits": [5000]}},
    }
    return {"top": top, "inner": inner}


def driven(top: dict[str, Any], net: int) -> list[str]:
    """Names of the cells that read a net as data."""
    read = [[net], None]
    return [
        name
        for name, c in top["cells"].items()
        if [c["connections"].get("a"), c["connections"].get("A")] in (read, read[::-1])
    ]


def test_every_reader_gets_the_net_through_buffers_that_drive_few_pins() -> None:
    modules = design(1000)
    divider = Divider(modules, KINDS)
    divider.divide("top")
    top = modules["top"]
    sizes, reached, waiting = [], [], [2]
    while waiting:
        readers = driven(top, waiting.pop())
        buffers = [name for name in readers if name.startswith("buffer")]
        sizes.append(len(buffers) + 2 * (len(readers) - len(buffers)))
        reached += [name for name in readers if name not in buffers]
        waiting += [top["cells"][name]["connections"]["Z"][0] for name in buffers]
    assert sorted(reached) == sorted(f"u{n}" for n in range(1000))
    assert max(sizes) <= MAX_FANOUT
    # 8 modules behind every buffer, 16 buffers behind every other
    assert divider.added == 125 + 8
    assert all(c["connections"]["clk"] == [1] for n, c in top["cells"].items() if n[0] == "u")
    nets = [c["connections"]["Z"][0] for n, c in top["cells"].items() if n[0] == "b"]
    assert len(set(nets)) == len(nets)
    assert min(nets) > 5000  # no net that has a name is taken


def test_the_clock_is_divided_alone_for_who_asks_for_it() -> None:
    modules = design(1000)
    divider = Divider(modules, KINDS, clock=True)
    divider.divide("top")
    top = modules["top"]
    # 16 modules behind every buffer, 63 buffers behind 4 others
    assert divider.added == 63 + 4
    clocks = [c["connections"]["clk"][0] for n, c in top["cells"].items() if n[0] == "u"]
    assert max(map(clocks.count, clocks)) == MAX_FANOUT
    assert all(c["connections"]["a"] == [2] for n, c in top["cells"].items() if n[0] == "u")
    assert modules["inner"] == design(1000)["inner"]


def test_what_few_read_stays_as_it_is() -> None:
    modules = design(8)
    divider = Divider(modules, KINDS)
    divider.divide("top")
    assert modules == design(8)
    assert divider.added == 0


def test_a_library_without_a_buffer() -> None:
    with pytest.raises(BackendError, match="the library has no buffer"):
        Divider(design(1), {"INV": KINDS["INV"], "$_XOR_": GENERIC["$_XOR_"]})
