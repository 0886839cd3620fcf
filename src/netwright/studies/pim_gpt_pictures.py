"""Pictures of the study ``pim-gpt``: banks over time, and where the time of tokens goes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from netwright import arch
from netwright.cost import events
from netwright.files import write_text
from netwright.mapping import place
from netwright.report import Panel, bars, draw_banks, lines
from netwright.studies.pim_gpt_tokens import (
    CHANNELS,
    MACHINE,
    MEASURED_TOKENS,
    SMALLEST,
    Setting,
    eight,
    simulated,
)
from netwright.workload import decoder

LAYER = 40
"""Einsums of the smallest network that hold its first layer."""

SHOWN_CYCLES = 900


def draw(folder: Path) -> tuple[Path, ...]:
    """Write the pictures into a folder.

    Raises:
        MissingExtra: Matplotlib is not installed.
    """
    banks = write_text(folder / "banks.svg", _banks())
    tokens, channels = folder / "tokens.svg", folder / "channels.svg"
    found = dict(eight("full"))
    kinds = next(iter(found.values())).seconds_by
    panels = [
        Panel(family, tuple(name[5:] for name in names),
              {kind: [1e3 * found[name].seconds_by[kind] for name in names] for kind in kinds})
        for family, names in (
            (label, [name for name in found if name.startswith(label.lower())])
            for label in ("GPT2", "GPT3")
        )
    ]  # fmt: skip
    bars(tokens, panels, title=f"Simulated time of a token on {MACHINE}", unit="ms")
    times = [simulated(Setting(SMALLEST, channels=number)).seconds for number in CHANNELS]
    series = {"simulated": [times[0] / own for own in times], "linear": [*map(float, CHANNELS)]}
    panel = Panel(SMALLEST, tuple(map(str, CHANNELS)), series)
    lines(channels, [panel], title="Channels", unit="speedup over one")
    return banks, tokens, channels


def _banks() -> str:
    """Banks of the last channel while new keys and values are written and attended to."""
    machine, workload = arch.find(MACHINE), decoder(SMALLEST, tokens=MEASURED_TOKENS)
    part = replace(workload, einsums=workload.einsums[:LAYER], outputs=())
    done = events.execute(part, machine, place(part, machine), trace=True)
    first = done.outcome.stage_ends[done.kinds.index("append") - 1]
    dram = machine.memories[0].dram
    assert dram is not None
    return draw_banks(done.outcome, dram, first=first, last=first + SHOWN_CYCLES)
