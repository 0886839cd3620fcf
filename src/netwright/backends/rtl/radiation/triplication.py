"""Triplication: a design in which chosen bits of registers are three flip-flops and a voter.

The text that comes out is a flattened design whose registers are instances of two modules of the
library: ``voted_register`` for chosen bits, ``register`` for the others. All the logic between them
is that of the source, bit for bit; multiplexers by which a chosen bit keeps its value are in its
copies.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from netwright.backends.rtl.cells.verilog import LIBRARY_FOLDER, library_text
from netwright.backends.rtl.implement.synthesis import run_script
from netwright.backends.rtl.radiation.elaboration import (
    BitName,
    CellRecord,
    Elaboration,
    ModuleRecord,
    Register,
)
from netwright.backends.rtl.radiation.protection import NOTHING, Protection
from netwright.backends.rtl.radiation.writes import Writes
from netwright.files import sha256, write_text, writing
from netwright.progress import Progress, silent

VOTED, PLAIN, COPY = "voted_register", "register", "register_copy"
COPIES = ("u_a", "u_b", "u_c")
"""Instances of :data:`COPY` inside :data:`VOTED`."""


@dataclass(frozen=True, slots=True)
class Flop:
    """An instance of a register in the design that comes out.

    Attributes:
        instance: Its name.
        names: Name of every bit, as in the source.
        role: Its role.
        voted: Whether it is held three times.
    """

    instance: str
    names: tuple[str, ...]
    role: str
    voted: bool

    @property
    def bits(self) -> int:
        """Its width."""
        return len(self.names)


@dataclass(frozen=True)
class Hardened:
    """A design whose registers are instances with known names.

    Attributes:
        elaboration: The design that it was made from.
        protection: The policy.
        verilog: The flattened design.
        library: The modules of the registers.
        flops: Its registers.
    """

    elaboration: Elaboration
    protection: Protection
    verilog: Path
    library: tuple[Path, ...]
    flops: tuple[Flop, ...]

    @property
    def top(self) -> str:
        """Name of the top module."""
        return self.elaboration.top

    @property
    def sources(self) -> tuple[Path, ...]:
        """All its Verilog."""
        return (self.verilog, *self.library, *self.elaboration.logic)

    @property
    def protected_bits(self) -> int:
        """Bits that are held three times."""
        return sum(flop.bits for flop in self.flops if flop.voted)

    @property
    def flip_flops(self) -> int:
        """Flip-flops, copies counted."""
        return sum(flop.bits * (len(COPIES) if flop.voted else 1) for flop in self.flops)


def triplicate(
    elaboration: Elaboration,
    protection: Protection = NOTHING,
    *,
    folder: Path,
    timeout_s: float = 1800.0,
    progress: Progress = silent,
) -> Hardened:
    """Hold the bits that a policy chooses three times.

    While a bit is written all three copies take what the register would have taken; while it keeps
    its value every copy takes the majority, from a voter of its own. A copy that was flipped is
    right again after one clock, whether it is written or not.

    Args:
        elaboration: The design.
        protection: The policy; :data:`~netwright.backends.rtl.radiation.NOTHING` gives the design
            as it is, in the same form.
        folder: Where the Verilog goes.
        timeout_s: Wall-clock seconds Yosys may take.
        progress: Told what it does.

    Raises:
        ConfigError: The policy names what the design has not.
        MissingExtra: pyosys is not installed.
        ToolFailed: Yosys ended with an error, or ran past its time.
        RunError: A file cannot be written.
    """
    chosen = protection.chosen(elaboration)
    flops, module = _replaced(elaboration, chosen)
    modules = {elaboration.top: module}
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    top = elaboration.top
    text = json.dumps({"creator": "netwright", "modules": modules})
    netlist = write_text(folder / f"{top}-registers.json", text)
    library = tuple(
        write_text(folder / LIBRARY_FOLDER / f"{name}.v", library_text(name))
        for name in (PLAIN, COPY, VOTED)
    )
    verilog = f"{top}.v"
    run_script(
        library,
        [
            f"log {sha256(netlist)}",
            f"read_json {_relative(netlist)}",
            f"delete {PLAIN} {COPY} {VOTED}",  # with the default width, which nobody uses
            f"write_verilog -noattr {verilog}",
        ],
        folder=folder,
        name=f"{top}-triplication",
        outputs=(verilog,),
        check=lambda made: (made / verilog).stat(),
        timeout_s=timeout_s,
        defines=(),
        progress=progress,
    )
    return Hardened(elaboration, protection, folder / verilog, library, flops)


def _relative(path: Path) -> str:
    """A file as Yosys is told of it, in a folder inside that of the file."""
    return f"../{path.name}"


def _replaced(
    elaboration: Elaboration, chosen: frozenset[str]
) -> tuple[tuple[Flop, ...], ModuleRecord]:
    """The registers and the netlist with instances in place of flip-flops."""
    old = elaboration.module
    gone = {register.cell for register in elaboration.registers}
    kept = {name: cell for name, cell in old["cells"].items() if name not in gone}
    writes = Writes(kept)
    cells: dict[str, CellRecord] = {}
    flops: list[Flop] = []
    for register in elaboration.registers:
        pins = old["cells"][register.cell]["connections"]
        for places in _runs(register, chosen):
            voted = register.names[places[0]] in chosen
            name = f"r{len(flops)}"
            flops.append(Flop(name, tuple(register.names[i] for i in places), register.role, voted))
            d, q = ([pins[pin][place] for place in places] for pin in ("D", "Q"))
            if voted:
                write, d = writes.of(d, q)
                cells[name] = _instance(VOTED, clk=pins["CLK"], write=write, d=d, q=q)
            else:
                cells[name] = _instance(PLAIN, clk=pins["CLK"], d=d, q=q)
    module: ModuleRecord = {**old, "cells": {**kept, **writes.made, **cells}}
    return tuple(flops), module


def _runs(register: Register, chosen: frozenset[str]) -> Iterator[list[int]]:
    """Places of a register that are next to each other and all chosen, or all not."""
    places = range(len(register.names))
    for _, group in groupby(places, key=lambda place: register.names[place] in chosen):
        yield list(group)


def _instance(module: str, **connections: list[BitName]) -> CellRecord:
    return {
        "type": module,
        "parameters": {"BITS": f"{len(connections['q']):032b}"},
        "attributes": {},
        "port_directions": {n: "output" if n == "q" else "input" for n in connections},
        "connections": connections,
    }
