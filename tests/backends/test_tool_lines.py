from collections.abc import Callable

import pytest

from netwright.backends.tool_lines import readable, telling
from netwright.progress import silent

ROUTED = "Info:       1000 |      308        691 |  308   691 |      3647|       3.29       3.29|"


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("12.24. Executing ABC9_OPS pass (helper functions for ABC9).", "Yosys, step 24: abc9_ops"),
        ("12.45.3. Executing OPT pass (performing simple).", "Yosys, step 45: opt"),
        ("1. Executing Verilog-2005 frontend: a.v", "Yosys: reading modules"),
        (r"12.3.18. Executing AST frontend in derive mode for `\x'.", "Yosys: reading modules"),
        ("Info: Packing carries...", "nextpnr: Packing carries..."),
        ("Info:     at iteration #1, type ALL: w", "nextpnr: at iteration #1, type ALL: w"),
        (ROUTED, "nextpnr: 3647 arcs to route"),
        ("Info: Routing complete.", "nextpnr: Routing complete."),
        ("Info: Max frequency for clock 'clk': 176 MHz",
         "nextpnr: Max frequency for clock 'clk': 176 MHz"),
    ],
)  # fmt: skip
def test_lines_that_say_something(line: str, text: str) -> None:
    assert readable(line) == text


@pytest.mark.parametrize(
    "line",
    [
        "",
        "<suppressed ~431 debug messages>",
        "Removed a total of 12 cells.",
        "Info:          TRELLIS_FF:     835/  83640     0%",
        "Info: [  4393,   4624) |***********+",
        "Info:    routing  0.00  2.99 Net u_main_graph",
        "Warning: something",
    ],
)
def test_lines_that_say_nothing(line: str) -> None:
    assert readable(line) is None


def times(*values: float) -> Callable[[], float]:
    return iter(values).__next__


def test_a_steady_pace() -> None:
    told: list[tuple[float, float, str]] = []
    hear = telling(
        lambda *step: told.append(step), interval_s=1.0, clock=times(5.0, 5.2, 6.1, 7.5, 9.0)
    )
    assert hear is not None
    for step in ("1.1. Executing OPT", "1.2. Executing MAP", "1.3. Executing ABC"):
        hear(f"{step} pass.")
    hear("1.3. Executing ABC pass.")
    hear("<suppressed ~1 debug messages>")
    assert told == [(0, 0, "Yosys, step 1: opt"), (0, 0, "Yosys, step 3: abc")]


def test_nobody_listens() -> None:
    assert telling(silent) is None
