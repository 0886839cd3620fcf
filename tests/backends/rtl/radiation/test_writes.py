"""When registers are written, read off the multiplexers before them."""

from itertools import product
from typing import Any

import pytest

from netwright.backends.rtl.radiation.writes import MAX_DEPTH, Writes

RESET, WRITE, NEW, Q = 1, 2, 3, 4


def mux(select: int, low: Any, high: Any, out: int) -> dict[str, Any]:
    return {"type": "$mux", "connections": {"S": [select], "A": [low], "B": [high], "Y": [out]}}


def taken(cells: dict[str, Any], d: Any, values: dict[Any, int]) -> int:
    """The value of a net, by the multiplexers."""
    if d in values:
        return values[d]
    if d in ("0", "1"):
        return int(d)
    pins = next(c["connections"] for c in cells.values() if c["connections"]["Y"] == [d])
    side = pins["B"] if taken(cells, pins["S"][0], values) else pins["A"]
    return taken(cells, side[0], values)


CASES = {
    "always": ({}, NEW),
    "enable": ({"e": mux(WRITE, Q, NEW, 10)}, 10),
    "inverted enable": ({"e": mux(WRITE, NEW, Q, 10)}, 10),
    "reset before enable": ({"e": mux(WRITE, Q, NEW, 10), "r": mux(RESET, "0", 10, 11)}, 11),
    "enable before reset": ({"r": mux(RESET, "0", NEW, 10), "e": mux(WRITE, Q, 10, 11)}, 11),
    "never": ({}, Q),
    "never, in two ways": ({"e": mux(WRITE, Q, Q, 10)}, 10),
}


@pytest.mark.parametrize(("cells", "d"), CASES.values(), ids=CASES)
def test_a_register_takes_what_it_took(cells: dict[str, Any], d: int) -> None:
    writes = Writes(cells)
    (write,), (value,) = writes.of([d], [Q])
    for case in product((0, 1), repeat=4):
        values = dict(zip((RESET, WRITE, NEW, Q), case, strict=True))
        every = {**cells, **writes.made}
        written = taken(every, write, values)
        new = taken(every, value, values)
        assert (new if written else values[Q]) == taken(cells, d, values)
    assert (write == "1") == (d == NEW)  # whoever may keep its value does not take it as new


def test_bits_that_are_written_alike_share_their_multiplexers() -> None:
    cells = {}
    for bit in range(6):
        cells[f"e{bit}"] = mux(WRITE + (bit >= 3), 100 + bit, 200 + bit, 300 + bit)
        cells[f"r{bit}"] = mux(RESET, "0", 300 + bit, 400 + bit)
    writes = Writes(cells)
    when, values = writes.of([400 + bit for bit in range(6)], [100 + bit for bit in range(6)])
    assert len(set(when)) == 2
    assert len(set(values)) == 6
    assert [len(cell["connections"]["Y"]) for cell in writes.made.values()] == [1, 3, 1, 3]


def test_a_long_way_is_no_way_of_keeping_a_value() -> None:
    chain = {f"m{n}": mux(50 + n, 100 + n, NEW, 101 + n) for n in range(MAX_DEPTH + 1)}
    chain["m0"]["connections"]["A"] = [Q]
    (write,), (value,) = Writes(chain).of([101 + MAX_DEPTH], [Q])
    assert (write, value) == ("1", 101 + MAX_DEPTH)
