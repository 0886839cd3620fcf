"""Block diagrams of chips with a processor as pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from netwright.backends.rtl.shared.shared_design import SharedDesign
from netwright.backends.soc import SocDesign
from netwright.backends.soc.structure import Structure
from netwright.report.style import INK, MUTED, SERIES
from netwright.report.svg import write_picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, BOX, GAP = 10.0, 1.55, 0.45
"""Of the whole picture, and of boxes upwards, in units of its axes."""


@dataclass(frozen=True, slots=True)
class Block:
    """A box.

    Attributes:
        name: What stands in it, in bold.
        lines: What stands below.
        share: Part of the row's width.
        pins: What leads out of the chip, or nothing.
        color: Of its edge.
    """

    name: str
    lines: tuple[str, ...]
    share: float
    pins: str = ""
    color: str = SERIES[0]


def blocks(chip: Structure) -> tuple[tuple[Block, ...], tuple[Block, ...]]:
    """The boxes above and below the bus."""
    options = chip.options
    base = {region.name: f"0x{region.base:08x}" for region in chip.space}
    above = (
        Block(options.core, (f"RISC-V core, {options.clock_mhz:g} MHz",), 1.3, color=SERIES[1]),
        Block("ROM", (f"{chip.rom_bytes} bytes", base["rom"]), 1.0),
        Block("RAM", (f"{chip.ram_bytes} bytes", base["ram"]), 1.0),
        Block("timer, watchdog", (base["timer"],), 1.1),
        Block("system", ("bus errors", base["system"]), 1.0),
    )
    lanes = "1 line" if options.spi_lanes == 1 else f"{options.spi_lanes} lines"
    event = (f"2 buffers of {chip.event_bytes} bytes", base["event_buffer"])
    below = (
        Block("event input", event, 1.5, f"SPI, {lanes}; event_free", SERIES[2]),
        Block("network", tuple(_network(chip, base)), 2.2, "", SERIES[3]),
        Block("UART", (f"{options.clocks_per_bit} clocks a bit", base["uart"]), 1.1, "uart_tx"),
    )
    return above, below


def _network(chip: Structure, base: dict[str, str]) -> Iterator[str]:
    network = chip.network
    counts = f"{sum(s.elements for s in chip.inputs)} in, {sum(o.elements for o in chip.outputs)}"
    if isinstance(network, SharedDesign):
        sizes = network.plan.sizes
        yield f"{sizes.lanes} x {sizes.units} x {sizes.elements} multipliers for all layers"
        yield f"{counts} out; a run of {network.cycles} clocks"
        yield base["accelerator"]
        return
    yield f"{len(network.circuit.layers)} layers in hardware of their own"
    yield f"{counts} out; {network.latency_cycles} clocks of latency"
    yield f"in {base['inputs']}, out {base['results']}"


def chip_diagram(design: SocDesign, path: Path) -> None:
    """Draw the parts of a chip around its bus, with their addresses and pins.

    Args:
        design: The chip.
        path: Where to write; ``.png`` or SVG.

    Raises:
        MissingExtra: Matplotlib is not installed.
    """
    above, below = blocks(design.structure)

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        axes.set_axis_off()
        axes.set(xlim=(-0.1, WIDTH + 0.1), ylim=(-BOX - GAP - 0.75, BOX + GAP + 0.1))
        axes.plot([0.0, WIDTH], [0.0, 0.0], color=INK, linewidth=3.0)
        axes.text(WIDTH, 0.08, "32-bit bus", ha="right", va="bottom", fontsize=7.5, color=MUTED)
        _row(axes, above, GAP, GAP)
        _row(axes, below, -GAP - BOX, -GAP)
        _interrupt(axes, above, below)
        axes.set_title(f"{design.graph.name}: chip with {design.options.core}", loc="left")

    title = f"Block diagram of the chip around {design.graph.name}"
    write_picture(path, paint, width=9.0, height=3.9, title=title)


def _spans(row: tuple[Block, ...]) -> Iterator[tuple[Block, float, float]]:
    """Every box with its left edge and its width."""
    free = WIDTH - 0.3 * (len(row) - 1)
    total, left = sum(block.share for block in row), 0.0
    for block in row:
        width = free * block.share / total
        yield block, left, width
        left += width + 0.3


def _row(axes: Axes, row: tuple[Block, ...], bottom: float, stub: float) -> None:
    from matplotlib.patches import Rectangle

    for block, left, width in _spans(row):
        box = Rectangle((left, bottom), width, BOX, facecolor="white", edgecolor=block.color)
        axes.add_patch(box)
        middle = left + width / 2
        axes.plot([middle, middle], [0.0, stub], color=INK, linewidth=1.2)
        top = bottom + BOX - 0.3
        axes.text(middle, top, block.name, ha="center", va="center", weight="bold", color=INK)
        for number, line in enumerate(block.lines):
            place = top - 0.36 * (number + 1)
            axes.text(middle, place, line, ha="center", va="center", fontsize=7.0, color=INK)
        if block.pins:
            axes.plot([middle, middle], [bottom, bottom - 0.35], color=block.color, linewidth=1.2)
            axes.text(middle, bottom - 0.55, block.pins, ha="center", va="center", fontsize=7.5,
                      color=INK)  # fmt: skip


def _interrupt(axes: Axes, above: tuple[Block, ...], below: tuple[Block, ...]) -> None:
    """The line by which an event wakes the core."""
    _, core_left, core_width = next(_spans(above))
    _, event_left, _ = next(_spans(below))
    place = max(core_left, event_left) + 0.2
    assert place < core_left + core_width
    axes.annotate(
        "", xy=(place, GAP), xytext=(place, -GAP),
        arrowprops={"arrowstyle": "->", "color": SERIES[2], "linestyle": "--"},
    )  # fmt: skip
    axes.text(place + 0.08, GAP / 2, "interrupt", fontsize=7.0, va="center", color=SERIES[2])
