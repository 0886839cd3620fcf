"""The unit beside a bank of a memory in Verilog: bfloat16 products, a tree of adders and a sum."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from netwright.backends.base import BUILD_FOLDER, intact_files, publish_texts
from netwright.backends.rtl.arrays.counting import Cells, PartCounts, count_parts
from netwright.backends.rtl.arrays.structure import library_closure, wrapper_text
from netwright.backends.rtl.cells.circuit import Circuit
from netwright.backends.rtl.cells.verilog import LIBRARY_FOLDER, library_text
from netwright.backends.rtl.implement.caching import digest_of
from netwright.backends.rtl.simulate.row_driver import PREFIX
from netwright.backends.rtl.simulate.verilator import compile_simulation
from netwright.errors import BackendError, ConfigError, DataError
from netwright.formats.bfloat import Floats, Halves, bfloat16_values, lane_product
from netwright.kernels.arguments import check_array
from netwright.progress import Progress, silent

NAME = "bank_mac"
TOP = "bank_unit"
KIND = "bank unit"
PARTS = ("float_multiply", "float_add", "float_narrow")
LANES = (2, 4, 8, 16, 32)
TIMEOUT_S = 1800.0

_DRIVER = """\
// Drives the unit: a column every clock but for pauses, a vector after the other.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include "{prefix}.h"

// Vectors of `steps` columns each, of {bytes} bytes. A clock in which bit `clock % 32` of `pauses`
// is set brings no column. Returns the number of sums that left; `room` of them are kept.
extern "C" size_t simulate(const uint8_t* x, const uint8_t* w, const uint32_t* steps,
                           size_t vectors, uint32_t pauses, uint32_t* sums, uint16_t* halves,
                           size_t room) {{
  VerilatedContext context;
  {prefix} design(&context, "");
  design.clk = 0; design.rst_n = 0; design.x_valid = 0; design.x_first = 0; design.x_last = 0;
  std::memset(&design.x_data, 0, {bytes}); std::memset(&design.w_data, 0, {bytes});
  for (int edge = 0; edge < 8; ++edge) {{ design.clk = !design.clk; design.eval(); }}
  design.rst_n = 1;
  size_t made = 0, vector = 0, clock = 0, idle = 0;
  uint32_t step = 0;
  while (idle < 64) {{
    const bool comes = vector < vectors && !(pauses >> clock % 32 & 1);
    design.x_valid = comes;
    if (comes) {{
      std::memcpy(&design.x_data, x, {bytes}); std::memcpy(&design.w_data, w, {bytes});
      x += {bytes}; w += {bytes};
      design.x_first = step == 0;
      design.x_last = step + 1 == steps[vector];
      if (++step == steps[vector]) {{ step = 0; ++vector; }}
    }}
    idle = vector < vectors ? 0 : idle + 1;
    design.clk = 0; design.eval();
    design.clk = 1; design.eval();
    if (design.y_valid) {{
      if (made < room) {{ sums[made] = design.y_data; halves[made] = design.y_half; }}
      ++made;
    }}
    ++clock;
  }}
  design.final();
  return made;
}}
"""


@dataclass(frozen=True, slots=True)
class BankSums:
    """What leaves a unit.

    Attributes:
        sums: In float32, one for each vector.
        halves: The words of the nearest bfloat16 values.
    """

    sums: Floats
    halves: Halves


@dataclass(frozen=True, slots=True)
class BankUnit:
    """A unit that takes a column in a clock.

    Attributes:
        lanes: Products of a column: 2, 4, 8, 16 or 32.

    Raises:
        ConfigError: There is no such unit.
    """

    lanes: int = 16

    def __post_init__(self) -> None:
        if type(self.lanes) is not int or self.lanes not in LANES:
            known = ", ".join(map(str, LANES[:-1]))
            raise ConfigError(f"lanes must be {known} or {LANES[-1]}, not {self.lanes!r}")

    @property
    def latency_cycles(self) -> int:
        """Clocks from the last column of a vector to its sum."""
        return self.lanes.bit_length() + 1

    def reference(self, x: Halves, w: Halves) -> Floats:
        """The sums of vectors, as :func:`netwright.formats.bfloat.lane_product` makes them.

        Args:
            x: (vectors, columns, lanes), words of bfloat16.
            w: Of the same shape.
        """
        left, right = (bfloat16_values(part).reshape(len(part), 1, -1) for part in (x, w))
        size = max(left.shape[-1], 1)
        found = lane_product(left, right.swapaxes(1, 2), lanes=self.lanes, piece=size)
        return found[:, 0, 0]

    def generate(self, out: str | Path) -> BankUnitDesign:
        """Write the Verilog into a folder, whole or not at all.

        Raises:
            RunError: `out` holds something else, or cannot be written.
        """
        texts = {f"{LIBRARY_FOLDER}/{name}.v": library_text(name) for name in library_closure(NAME)}
        width = 16 * self.lanes
        ins = {"clk": 1, "rst_n": 1, "x_valid": 1, "x_first": 1, "x_last": 1, "x_data": width,
               "w_data": width}  # fmt: skip
        outs = {"y_valid": 1, "y_data": 32, "y_half": 16}
        texts[f"{TOP}.v"] = wrapper_text(TOP, NAME, "u_unit", {"LANES": self.lanes}, ins, outs)

        files = publish_texts(Path(out), texts, kind=KIND, about={"lanes": self.lanes})
        return BankUnitDesign(Path(out), self, MappingProxyType(files))


@dataclass(frozen=True)
class BankUnitDesign:
    """Verilog of a unit in a folder.

    Attributes:
        root: The folder.
        unit: What it is.
        files: SHA-256 of every generated file, by its path inside `root`.
    """

    root: Path
    unit: BankUnit
    files: Mapping[str, str]

    def sources(self) -> tuple[Path, ...]:
        """Its Verilog files.

        Raises:
            CorruptOutput: One is missing or was changed.
        """
        return intact_files(self.root, self.files)

    def run(
        self, x: Halves, w: Halves, steps: NDArray[np.uint32], *, pauses: int = 0,
        timeout_s: float = TIMEOUT_S,
    ) -> BankSums:  # fmt: skip
        """Simulate it on vectors, one after the other; builds the simulation if need be.

        Args:
            x: (columns, lanes), words of bfloat16 of all vectors, one behind the other.
            w: Of the same shape.
            steps: Columns of each vector, 1 or more.
            pauses: Clocks in which no column comes, as bits of a pattern of 32.
            timeout_s: Wall-clock seconds each program gets to build it.

        Raises:
            DataError: There are no words of bfloat16, or the columns are not those of the vectors.
            ConfigError: No column would ever come.
            BackendError: Another number of sums left.
            CorruptOutput: A generated file is missing or was changed.
            ToolMissing: Verilator or g++ is not installed.
            ToolFailed: One ended with an error, or ran past its time.
        """
        steps = _checked(x, w, steps, self.unit.lanes)
        if type(pauses) is not int or not 0 <= pauses < (1 << 32) - 1:
            raise ConfigError("pauses must leave a clock of 32 in which a column comes")
        sources = self.sources()
        library = compile_simulation(
            Circuit(TOP, (), (), (), 0), sources, build=self.root / BUILD_FOLDER,
            key=digest_of(sources), timeout_s=timeout_s,
            driver=_DRIVER.format(prefix=PREFIX, bytes=2 * self.unit.lanes),
        )  # fmt: skip
        function = ctypes.CDLL(str(library.resolve())).simulate
        function.restype = ctypes.c_size_t
        given = [np.ascontiguousarray(side, np.uint16) for side in (x, w)]
        sums, halves = np.zeros(len(steps), np.uint32), np.zeros(len(steps), np.uint16)
        read = [side.ctypes.data for side in given] + [steps.ctypes.data]
        made = function(
            *map(ctypes.c_void_p, read), ctypes.c_size_t(len(steps)), ctypes.c_uint32(pauses),
            *map(ctypes.c_void_p, (sums.ctypes.data, halves.ctypes.data)),
            ctypes.c_size_t(len(steps)),
        )  # fmt: skip
        if made != len(steps):
            raise BackendError(f"{made} sums left the simulated unit for {len(steps)} vectors")
        return BankSums(sums.view(np.float32), halves)

    def count(
        self, cells: Cells = "gates", *, timeout_s: float = TIMEOUT_S, progress: Progress = silent
    ) -> PartCounts:
        """Count what multipliers, adders and the rest take, with the boundaries of these kept.

        Args:
            cells: ``"nangate45"``, ``"osu018"`` for areas, ``"ecp5"`` for lookup tables,
                ``"gates"`` for gates.
            timeout_s: Wall-clock seconds the synthesizer gets.
            progress: Told what it does.

        Raises:
            ConfigError: There are no such cells.
            ToolMissing: The library is not installed.
            CorruptOutput: A generated file is missing or was changed.
            MissingExtra: pyosys is not installed.
            ToolFailed: Yosys ended with an error, or ran past its time.
            BackendError: Its report cannot be read.
        """
        return count_parts(
            TOP, PARTS, self.sources(), cells=cells, folder=self.root / BUILD_FOLDER,
            timeout_s=timeout_s, progress=progress,
        )  # fmt: skip


def _checked(
    x: Halves, w: Halves, steps: NDArray[np.uint32], lanes: int
) -> NDArray[np.uint32]:  # fmt: skip
    """Columns of each vector, as the simulation reads them."""
    found = np.asarray(steps)
    if found.ndim != 1 or (found.size and (found.dtype.kind not in "iu" or found.min() < 1)):
        raise DataError("steps must be a row of whole numbers, for each vector 1 column or more")
    columns = sum(map(int, found))
    for name, side in (("x", x), ("w", w)):
        check_array(name, side, np.uint16, (columns, lanes))
    return np.ascontiguousarray(found, np.uint32)
