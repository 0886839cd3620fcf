"""The table of a sparse product in Verilog: sums of integers by tag, in banks that probe."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from netwright.backends.base import BUILD_FOLDER, intact_files, publish_texts
from netwright.backends.rtl.arrays.structure import library_closure, wrapper_text
from netwright.backends.rtl.cells.circuit import Circuit
from netwright.backends.rtl.cells.verilog import LIBRARY_FOLDER, library_text
from netwright.backends.rtl.implement.caching import digest_of
from netwright.backends.rtl.simulate.row_driver import PREFIX
from netwright.backends.rtl.simulate.verilator import compile_simulation
from netwright.errors import BackendError, ConfigError

NAME = "hash_accumulator"
KIND = "hash accumulator"
MAX_BITS = {"bank_bits": 6, "slot_bits": 12, "tag_bits": 32, "value_bits": 32}
TIMEOUT_S = 1800.0

_DRIVER = """\
// Drives the table: items go in as fast as they are taken, then it is drained.
#include <cstddef>
#include <cstdint>
#include "{prefix}.h"

// Returns the clocks until the last item was taken and done, or -1 if it got stuck. A clock of the
// drain in which bit `clock % 32` of `pauses` is set takes nothing.
extern "C" int64_t simulate(const uint32_t* tags, const uint32_t* values, size_t count,
                            uint32_t pauses, uint32_t* out_tags, uint32_t* out_values,
                            size_t room, size_t* made, uint32_t* overflow, size_t max_clocks) {{
  VerilatedContext context;
  {prefix} design(&context, "");
  design.clk = 0; design.rst_n = 0; design.x_valid = 0; design.drain = 0; design.y_ready = 0;
  for (int edge = 0; edge < 8; ++edge) {{ design.clk = !design.clk; design.eval(); }}
  design.rst_n = 1;
  size_t next = 0, clock = 0;
  int64_t taken = -1;
  *made = 0;
  for (; clock < max_clocks; ++clock) {{
    design.x_valid = next < count;
    design.x_tag = next < count ? tags[next] : 0;
    design.x_value = next < count ? values[next] : 0;
    design.drain = next == count;
    design.y_ready = !(pauses >> clock % 32 & 1);
    design.clk = 0; design.eval();
    const bool goes = design.x_valid && design.x_ready;
    if (design.y_valid && design.y_ready) {{
      if (*made < room) {{ out_tags[*made] = design.y_tag; out_values[*made] = design.y_value; }}
      ++*made;
    }}
    if (design.drain && taken < 0) taken = static_cast<int64_t>(clock);
    const bool done = design.drained;
    *overflow = design.overflow;
    design.clk = 1; design.eval();
    if (goes) ++next;
    if (done) break;
  }}
  design.final();
  return clock < max_clocks ? taken : -1;
}}
"""


@dataclass(frozen=True, slots=True)
class HashSums:
    """What leaves a table.

    Attributes:
        tags: Bank after bank, in each as its slots come, ``(entries,)`` uint32.
        values: The sums, modulo ``2**value_bits``.
        overflowed: Whether a bank was full when a new tag came; its value was dropped.
        clocks: Clocks until the last item was taken.
    """

    tags: NDArray[np.uint32]
    values: NDArray[np.uint32]
    overflowed: bool
    clocks: int


@dataclass(frozen=True, slots=True)
class HashAccumulator:
    """A table of sums.

    Attributes:
        bank_bits: There are ``2**bank_bits`` banks, chosen by the lowest bits of a tag.
        slot_bits: Each has ``2**slot_bits`` slots, chosen by the next ones.
        tag_bits: Width of a tag, more than both together or as much.
        value_bits: Width of values and sums, which wrap.

    Raises:
        ConfigError: A width is out of range, or tags are too narrow.
    """

    bank_bits: int = 2
    slot_bits: int = 6
    tag_bits: int = 16
    value_bits: int = 32

    def __post_init__(self) -> None:
        for name, most in MAX_BITS.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
                raise ConfigError(f"{name} must be an integer from 1 to {most}, not {value!r}")
        if self.tag_bits < self.bank_bits + self.slot_bits:
            raise ConfigError(
                f"tag_bits must be at least {self.bank_bits + self.slot_bits}, the bits of bank "
                f"and slot, not {self.tag_bits}"
            )

    def check(self, tags: NDArray[np.uint32], values: NDArray[np.uint32]) -> None:
        """Refuse items that do not fit.

        Raises:
            ConfigError: The lists differ in length, or one has a value that is too wide.
        """
        if tags.ndim != 1 or tags.shape != values.shape:
            raise ConfigError(f"each item has a tag and a value, not {tags.shape}, {values.shape}")
        for name, found, bits in (
            ("tag", tags, self.tag_bits), ("value", values, self.value_bits)
        ):  # fmt: skip
            if len(found) and (found.dtype.kind not in "iu" or found.min() < 0):
                raise ConfigError(f"a {name} must be a whole number from 0")
            if len(found) and int(found.max()) >> bits:
                raise ConfigError(f"a {name} must have at most {bits} bits, not {found.max()}")

    def replay(self, tags: NDArray[np.uint32], values: NDArray[np.uint32]) -> HashSums:
        """The same in Python, item by item in the order in which they come.

        Raises:
            ConfigError: Items do not fit.
        """
        self.check(tags, values)
        slots, banks = 1 << self.slot_bits, 1 << self.bank_bits
        table: list[list[list[int] | None]] = [[None] * slots for _ in range(banks)]
        overflowed, free = False, [0] * banks
        clock = 0
        for tag, value in zip(tags.tolist(), values.tolist(), strict=True):
            bank, rest = table[tag % banks], tag >> self.bank_bits
            clock = max(clock, free[tag % banks])
            for look in range(slots):
                at = (rest + look) % slots
                entry = bank[at]
                if entry is None:
                    bank[at] = [tag, value]
                    break
                if entry[0] == tag:
                    entry[1] = (entry[1] + value) % (1 << self.value_bits)
                    break
            else:
                overflowed = True
            free[tag % banks] = clock + look + 1
            clock += 1
        left = [entry for bank in table for entry in bank if entry is not None]
        found = np.array(left, np.uint32).reshape(-1, 2)
        return HashSums(found[:, 0], found[:, 1], overflowed, clock)

    def generate(self, out: str | Path) -> HashDesign:
        """Write the Verilog into a folder, whole or not at all.

        Raises:
            RunError: `out` holds something else, or cannot be written.
        """
        texts = {f"{LIBRARY_FOLDER}/{name}.v": library_text(name) for name in library_closure(NAME)}
        texts["table.v"] = self._top()

        about = {name: getattr(self, name) for name in MAX_BITS}
        files = publish_texts(Path(out), texts, kind=KIND, about=about)
        return HashDesign(Path(out), self, MappingProxyType(files))

    def _top(self) -> str:
        ins = {
            "clk": 1, "rst_n": 1, "x_valid": 1, "x_tag": self.tag_bits,
            "x_value": self.value_bits, "drain": 1, "y_ready": 1,
        }  # fmt: skip
        outs = {"x_ready": 1, "drained": 1, "y_valid": 1, "y_tag": self.tag_bits,
                "y_value": self.value_bits, "overflow": 1}  # fmt: skip
        parameters = {name.upper(): getattr(self, name) for name in MAX_BITS}
        return wrapper_text("table_of_sums", NAME, "u_table", parameters, ins, outs)


@dataclass(frozen=True)
class HashDesign:
    """Verilog of a table in a folder.

    Attributes:
        root: The folder.
        table: What it is.
        files: SHA-256 of every generated file, by its path inside `root`.
    """

    root: Path
    table: HashAccumulator
    files: Mapping[str, str]

    def sources(self) -> tuple[Path, ...]:
        """Its Verilog files.

        Raises:
            CorruptOutput: One is missing or was changed.
        """
        return intact_files(self.root, self.files)

    def run(
        self, tags: NDArray[np.uint32], values: NDArray[np.uint32], *, pauses: int = 0,
        timeout_s: float = TIMEOUT_S,
    ) -> HashSums:  # fmt: skip
        """Simulate it: all items go in, then it is drained; builds the simulation if need be.

        Args:
            tags: Of the items, ``(items,)``.
            values: Of the items, ``(items,)``.
            pauses: Clocks in which whoever drains takes nothing, as bits of a pattern of 32.
            timeout_s: Wall-clock seconds each program gets to build it.

        Raises:
            ConfigError: Items do not fit, or it would never be drained.
            BackendError: The table got stuck, or gave more than it holds.
            CorruptOutput: A generated file is missing or was changed.
            ToolMissing: Verilator or g++ is not installed.
            ToolFailed: One ended with an error, or ran past its time.
        """
        self.table.check(tags, values)
        if not 0 <= pauses < (1 << 32) - 1:
            raise ConfigError("pauses must leave a clock of 32 in which something is taken")
        sources = self.sources()
        library = compile_simulation(
            Circuit("table_of_sums", (), (), (), 0), sources, build=self.root / BUILD_FOLDER,
            key=digest_of(sources), timeout_s=timeout_s, driver=_DRIVER.format(prefix=PREFIX),
        )  # fmt: skip
        function = ctypes.CDLL(str(library.resolve())).simulate
        function.restype = ctypes.c_int64
        room = 1 << (self.table.bank_bits + self.table.slot_bits)
        most = (len(tags) + 2) * ((1 << self.table.slot_bits) + 2) + 64 * room + 1024
        given = [np.ascontiguousarray(side, np.uint32) for side in (tags, values)]
        left = [np.zeros(room, np.uint32) for _ in range(2)]
        made, overflow = ctypes.c_size_t(0), ctypes.c_uint32(0)
        clocks = function(
            *(ctypes.c_void_p(side.ctypes.data) for side in given), ctypes.c_size_t(len(tags)),
            ctypes.c_uint32(pauses), *(ctypes.c_void_p(side.ctypes.data) for side in left),
            ctypes.c_size_t(room), ctypes.byref(made), ctypes.byref(overflow),
            ctypes.c_size_t(most),
        )  # fmt: skip
        if clocks < 0 or made.value > room:
            raise BackendError("the simulated table got stuck or gave more than it holds")
        tags, values = (side[: made.value] for side in left)
        return HashSums(tags, values, bool(overflow.value), int(clocks))
