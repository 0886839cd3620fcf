from __future__ import annotations

from netwright.cost import Action, Counts


def test_amount_sums_what_is_asked_for():
    actions = (
        Action("dram", "read", 8, "input"),
        Action("dram", "read", 16, "weight"),
        Action("dram", "write", 32, "output"),
    )
    counts = Counts("a", "loopnest", ({"mac": 1},), actions)
    assert counts.amount("dram", "read") == 24
    assert counts.amount("dram", "read", "weight") == 16
    assert counts.amount("sram", "read") == 0
