"""A chip that is simulated clock by clock, with charges on its inputs and a bus on its lines."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from netwright.backends.rtl.cells.circuit import Circuit, Port
from netwright.backends.rtl.chip.bus import Bits
from netwright.backends.rtl.chip.structure import Structure
from netwright.backends.rtl.chip.words import Integers, check_charges
from netwright.backends.rtl.chip_options import LINK_BITS
from netwright.backends.rtl.simulate.row_driver import PREFIX, num_words, port_lines
from netwright.backends.rtl.simulate.verilator import pack
from netwright.errors import BackendError, ConfigError

_TEMPLATE = """\
// Drives a chip: in every clock a row of charges and two lines; notes its words and its line.
#include <cstddef>
#include <cstdint>
#include "{prefix}.h"

struct Chip {{
  VerilatedContext context;
  {prefix} design{{&context, ""}};
}};

extern "C" void* begin() {{
  Chip* chip = new Chip;
  {prefix}& design = chip->design;
  design.clk = 0;
  design.rst_n = 0;
  design.scl = 1;
  design.sda = 1;
  for (int edge = 0; edge < 16; ++edge) {{
    design.clk = !design.clk;
    design.eval();
  }}
  design.rst_n = 1;
  return chip;
}}

extern "C" void play(void* handle, const uint32_t* rows, const uint32_t* places,
                     const uint8_t* lines, size_t clocks, uint32_t* words, uint8_t* seen) {{
  {prefix}& design = static_cast<Chip*>(handle)->design;
  for (size_t clock = 0; clock < clocks; ++clock) {{
    const uint32_t* in = rows + static_cast<size_t>(places[clock]) * {words_in};
{load}
    design.scl = lines[clock] & 1;
    const uint8_t line = (lines[clock] >> 1) & !design.sda_low;
    design.sda = line;
    seen[clock] = line;
    design.clk = 0;
    design.eval();
    uint32_t* out = words + clock * {words_out};
{store}
    design.clk = 1;
    design.eval();
  }}
}}

extern "C" void end(void* handle) {{ delete static_cast<Chip*>(handle); }}
"""


def chip_circuit(chip: Structure) -> Circuit:
    """The ports of a chip, as a simulation needs them."""
    charges = Port("charges", "charges", chip.cells, chip.options.charge_bits, signed=False)
    links = Port("links", "links", chip.words.num_links, LINK_BITS, signed=False)
    return Circuit(chip.name, (charges,), (links,), (), chip.options.latency_cycles)


def chip_driver(chip: Structure) -> str:
    """The C++ that drives a chip."""
    circuit = chip_circuit(chip)
    return _TEMPLATE.format(
        prefix=PREFIX,
        words_in=num_words(circuit.inputs),
        words_out=num_words(circuit.outputs),
        load="\n".join(port_lines(circuit.inputs, load=True)),
        store="\n".join(port_lines(circuit.outputs, load=False)),
    )


@dataclass(frozen=True, slots=True)
class Taken:
    """What left a chip in some clocks.

    Attributes:
        charges: The charges that the words belong to (clocks, cells).
        words: The words (clocks, links).
        crossing: Clocks since the reset, modulo 16, as the header must say (clocks).
    """

    charges: Integers
    words: NDArray[np.uint32]
    crossing: Integers

    @classmethod
    def joined(cls, parts: Sequence[Taken]) -> Taken:
        """Several pieces, one after the other."""
        sides = (
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("charges", "words", "crossing")
        )
        return cls(*sides)


class SimulatedChip:
    """A chip in simulation, from its reset on; the end of a ``with`` block removes it.

    Charges enter in every clock, also while the bus is busy: the rows of :meth:`feed` by turns.

    Args:
        library: What the simulator made of the chip.
        structure: The chip.

    Attributes:
        taken: What left the chip, piece by piece.

    Raises:
        BackendError: The library cannot be loaded.
    """

    def __init__(self, library: Path, structure: Structure) -> None:
        self._structure = structure
        self._circuit = chip_circuit(structure)
        try:
            self._library = ctypes.CDLL(str(library.resolve()))
        except OSError as error:
            raise BackendError(f"{library}: cannot be loaded ({error})") from error
        self._library.begin.restype = ctypes.c_void_p
        self._handle = ctypes.c_void_p(self._library.begin())
        self._charges = np.zeros((1, structure.cells), dtype=np.int64)
        self._rows = pack(self._charges, self._circuit.inputs[0])
        self._next = 0
        self._clock = 0
        latency = structure.options.latency_cycles
        self._before = np.zeros((latency, structure.cells), dtype=np.int64)
        self.taken: list[Taken] = []
        self.run(latency)  # what leaves first is the state of the reset
        self.taken.clear()

    def __enter__(self) -> SimulatedChip:
        return self

    def __exit__(self, *details: object) -> None:
        self._library.end(self._handle)

    def feed(self, charges: Integers) -> None:
        """The rows of charges that enter from now on, by turns.

        Raises:
            DataError: They cannot enter the chip.
            ConfigError: There are none.
        """
        chip = self._structure
        self._charges = check_charges(charges, chip.cells, chip.options.charge_bits)
        if not len(self._charges):
            raise ConfigError("there must be at least one row of charges")
        self._rows = pack(self._charges, self._circuit.inputs[0])
        self._next = 0

    def collect(self) -> Taken:
        """What left the chip since the last time this was called.

        Raises:
            ConfigError: No time has passed.
        """
        if not self.taken:
            raise ConfigError("no time has passed since the last words were collected")
        parts, self.taken = self.taken, []
        return Taken.joined(parts)

    def run(self, clocks: int) -> Taken:
        """Let time pass with a bus that is free; what left the chip meanwhile."""
        high = np.ones(clocks, dtype=np.uint8)
        self.drive(high, high)
        return self.taken[-1]

    def drive(self, scl: Bits, sda: Bits) -> Bits:
        """Hold the lines at these levels, one clock each; what the data line was meanwhile."""
        clocks = len(scl)
        places = ((self._next + np.arange(clocks)) % len(self._charges)).astype(np.uint32)
        lines = (scl | sda << 1).astype(np.uint8)
        words = np.empty((clocks, num_words(self._circuit.outputs)), dtype=np.uint32)
        seen = np.empty(clocks, dtype=np.uint8)
        self._library.play(
            self._handle, *(ctypes.c_void_p(a.ctypes.data) for a in (self._rows, places, lines)),
            ctypes.c_size_t(clocks), *(ctypes.c_void_p(a.ctypes.data) for a in (words, seen)),
        )  # fmt: skip
        entered = np.concatenate([self._before, self._charges[places]])
        latency = len(self._before)
        crossing = (self._clock - 1 + np.arange(clocks)) % 16
        self.taken.append(Taken(entered[:clocks], words, crossing))
        self._before = entered[-latency:]
        self._next = int((self._next + clocks) % len(self._charges))
        self._clock += clocks
        return seen
