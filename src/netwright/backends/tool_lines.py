"""What synthesis, place and route print, as something to read while they work."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from netwright.progress import Progress, silent

INTERVAL_S = 0.5
"""At most one line in so many seconds is shown of one step."""

LENGTH = 80
"""Letters that are shown of a line."""

_YOSYS = re.compile(r"^\d+\.(\d+)\.(?:\d+\.)* Executing (\w+) pass\b")
_READING = re.compile(r"^\d+\.[\d.]* Executing (?:AST|Verilog-2005) frontend\b")
_NEXTPNR = re.compile(
    r"^Info: +((?:Packing|Promoting|Generating|Creating|Running|at initial|at iteration|Routing"
    r"|Setting up|Max frequency)\b.*)$"
)
_ROUTED = re.compile(r"^Info: +\d+ \|.*\| +(\d+)\| +[\d.]+ +[\d.]+\|$")


def readable(line: str) -> str | None:
    """What a line says, or ``None`` where it says nothing to a reader.

    >>> readable("12.24.1. Executing OPT_EXPR pass (perform const folding).")
    'Yosys, step 24: opt_expr'
    >>> readable("<suppressed ~12 debug messages>") is None
    True
    """
    if found := _YOSYS.match(line):
        return f"Yosys, step {found[1]}: {found[2].lower()}"
    if _READING.match(line):
        return "Yosys: reading modules"
    if found := _ROUTED.match(line):
        return f"nextpnr: {int(found[1])} arcs to route"
    if found := _NEXTPNR.match(line):
        return f"nextpnr: {found[1].strip()}"[:LENGTH]
    return None


def telling(
    progress: Progress,
    *,
    interval_s: float = INTERVAL_S,
    clock: Callable[[], float] = time.monotonic,
) -> Callable[[str], None] | None:
    """A function for every line a tool prints; it tells the readable ones at a steady pace.

    A text is told once, however often it comes, and at most one in `interval_s` seconds. How far
    the tool is, is not known, so the number of steps is 0. ``None`` where nobody listens.

    Args:
        progress: Told what a line says.
        interval_s: Seconds between two calls.
        clock: Seconds from some start.
    """
    if progress is silent:
        return None
    last_text, last_s = "", -interval_s

    def hear(line: str) -> None:
        nonlocal last_text, last_s
        text = readable(line.rstrip())
        now = clock()
        if text is None or text == last_text or now - last_s < interval_s:
            return
        last_text, last_s = text, now
        progress(0, 0, text)

    return hear
