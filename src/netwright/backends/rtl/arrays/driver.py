"""The C++ that drives a systolic array: it feeds every row and column, and collects what leaves."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from netwright.backends.rtl.simulate.row_driver import PREFIX
from netwright.errors import BackendError

Words = NDArray[np.uint32]

CLOCKS_BEYOND = 64
"""Clocks beyond the predicted ones after which a simulation that gave too little ends."""

_TEMPLATE = """\
// Drives a systolic array: each row and each column has words of its own, the next of which it sees
// until it takes it.
#include <cstddef>
#include <cstdint>
#include <vector>
#include "{prefix}.h"

namespace {{
template <class T> void put(T& port, const std::vector<uint32_t>& words) {{
  port = static_cast<T>(words[0] | static_cast<uint64_t>(words.size() > 1 ? words[1] : 0) << 32);
}}
template <size_t N> void put(VlWide<N>& port, const std::vector<uint32_t>& words) {{
  for (size_t i = 0; i < N; ++i) port[i] = words[i];
}}
template <class T> uint32_t piece(const T& port, size_t place, size_t bits) {{
  const uint64_t mask = bits < 64 ? (1ULL << bits) - 1 : ~0ULL;
  return static_cast<uint32_t>(static_cast<uint64_t>(port) >> place & mask);
}}
template <size_t N> uint32_t piece(const VlWide<N>& port, size_t place, size_t bits) {{
  uint64_t two = port[place / 32];
  if (place / 32 + 1 < N) two |= static_cast<uint64_t>(port[place / 32 + 1]) << 32;
  return static_cast<uint32_t>(two >> (place % 32) & ((1ULL << bits) - 1));
}}

// The words of some rows or columns, side by side on one port.
struct Side {{
  const uint32_t* words;
  size_t count, length, bits;
  std::vector<size_t> next;
  std::vector<uint32_t> port;

  Side(const uint32_t* words, size_t count, size_t length, size_t bits)
      : words(words), count(count), length(length), bits(bits), next(count, 0),
        port((count * bits + 31) / 32 + 1, 0) {{
    for (size_t i = 0; i < count; ++i) show(i);
  }}
  size_t size() const {{ return (bits + 31) / 32; }}
  void show(size_t row) {{
    const uint32_t* word = words + (row * length + next[row]) * size();
    for (size_t bit = 0; bit < bits; ++bit) {{
      const size_t place = row * bits + bit;
      const uint32_t one = next[row] < length ? word[bit / 32] >> (bit % 32) & 1 : 0;
      port[place / 32] = (port[place / 32] & ~(1u << place % 32)) | one << place % 32;
    }}
  }}
  void take(size_t row) {{ ++next[row]; show(row); }}
}};
}}  // namespace

// Runs tiles of so many steps; `y` gets num_y words of every column. Returns the clocks in which
// the array was active; `until_last` gets the clocks from its first active one to the last result.
// -1: not all results came out. -2: a row or column took more or fewer words than there are.
extern "C" int64_t simulate(const uint32_t* x, size_t x_length, const uint32_t* w, size_t w_length,
                            const uint32_t* steps, const uint32_t* modes, size_t num_tiles,
                            uint32_t* y, size_t num_y, size_t max_clocks, int64_t* until_last) {{
  VerilatedContext context;
  {prefix} design(&context, "");
  Side rows(x, {rows}, x_length, {x_bits}), columns(w, {columns}, w_length, {w_bits});
  std::vector<size_t> received({columns}, 0);
  design.clk = 0;
  design.rst_n = 0;
  design.tile_valid = 0;
  for (size_t edge = 0; edge < 2 * {reset_clocks}; ++edge) {{
    design.clk = !design.clk;
    design.eval();
  }}
  design.rst_n = 1;
  size_t tile = 0, missing = {columns} * num_y;
  int64_t busy = 0, first = -1;
  for (size_t clock = 0; clock < max_clocks && missing; ++clock) {{
    design.tile_valid = tile < num_tiles;
    design.tile_steps = tile < num_tiles ? steps[tile] : 0;
{mode}    put(design.x_data, rows.port);
    put(design.w_data, columns.port);
    design.clk = 0;
    design.eval();
    if (design.active) {{
      if (first < 0) first = static_cast<int64_t>(clock);
      ++busy;
    }}
    for (size_t column = 0; column < {columns}; ++column)
      if (piece(design.y_valid, column, 1) && received[column] < num_y) {{
        y[column * num_y + received[column]++] = piece(design.y_data, column * 32, 32);
        *until_last = static_cast<int64_t>(clock) - first + 1;
        --missing;
      }}
    std::vector<size_t> taken_rows, taken_columns;
    for (size_t row = 0; row < {rows}; ++row)
      if (piece(design.x_take, row, 1)) taken_rows.push_back(row);
    for (size_t column = 0; column < {columns}; ++column)
      if (piece(design.w_take, column, 1)) taken_columns.push_back(column);
    if (design.tile_ready && tile < num_tiles) ++tile;
    design.clk = 1;
    design.eval();
    for (size_t row : taken_rows) rows.take(row);
    for (size_t column : taken_columns) columns.take(column);
  }}
  design.final();
  if (missing) return -1;
  for (size_t taken : rows.next) if (taken != x_length) return -2;
  for (size_t taken : columns.next) if (taken != w_length) return -2;
  return busy;
}}
"""

_MODE = """\
    design.tile_stationary = tile < num_tiles ? modes[tile] & 1 : 0;
    design.tile_dense = tile < num_tiles ? modes[tile] >> 1 & 1 : 0;
"""


@dataclass(frozen=True, slots=True)
class Ports:
    """The sides of an array.

    Attributes:
        rows: Rows of elements.
        columns: Columns of elements.
        x_bits: Bits that a row sees at a time.
        w_bits: Bits that a column sees at a time.
        modes: Whether every tile says how it is computed.
    """

    rows: int
    columns: int
    x_bits: int
    w_bits: int
    modes: bool


@dataclass(frozen=True, slots=True)
class Streams:
    """What enters an array, tile after tile.

    Attributes:
        x: Words of every row (rows, words, 32-bit words of one), lowest bits first.
        w: Words of every column (columns, words, 32-bit words of one).
        steps: Multiplications of an element in every tile.
        modes: Of every tile: 1 for weight stationary, plus 2 for dense; 0 where it has no choice.
        num_results: Words that leave every column.
    """

    x: Words
    w: Words
    steps: NDArray[np.uint32]
    modes: NDArray[np.uint32]
    num_results: int


@dataclass(frozen=True, slots=True)
class Played:
    """What left an array.

    Attributes:
        results: Words (columns, results).
        cycles: Clocks from the first operand, or the first weight that was loaded, to the one in
            which the last operands enter the last element, all tiles together.
        cycles_until_last: Clocks until the last result has left.
    """

    results: Words
    cycles: int
    cycles_until_last: int


def array_driver(ports: Ports) -> str:
    """The C++ that drives an array."""
    return _TEMPLATE.format(
        prefix=PREFIX,
        rows=ports.rows,
        columns=ports.columns,
        x_bits=ports.x_bits,
        w_bits=ports.w_bits,
        reset_clocks=ports.rows + ports.columns + 4,
        mode=_MODE if ports.modes else "",
    )


def play(library: Path, ports: Ports, streams: Streams) -> Played:
    """Run tiles through a simulated array.

    Args:
        library: The array with its :func:`array_driver`, compiled.
        ports: Its sides.
        streams: What enters.

    Raises:
        BackendError: The library cannot be loaded, or the array did not take and give what it must.
    """
    try:
        function = ctypes.CDLL(str(library.resolve())).simulate
    except (OSError, AttributeError) as error:
        raise BackendError(
            f"{library}: cannot be loaded ({error})", hint="delete it and build again"
        ) from error
    function.restype = ctypes.c_int64
    around = 4 * (ports.rows + ports.columns) + CLOCKS_BEYOND
    max_clocks = int(streams.steps.sum(dtype=np.int64)) + (len(streams.steps) + 1) * around
    x, w = (np.ascontiguousarray(side, dtype=np.uint32) for side in (streams.x, streams.w))
    results = np.zeros((ports.columns, streams.num_results), dtype=np.uint32)
    until_last = ctypes.c_int64(0)
    cycles = function(
        _address(x), _size(x.shape[1]), _address(w), _size(w.shape[1]), _address(streams.steps),
        _address(streams.modes), _size(len(streams.steps)), _address(results),
        _size(streams.num_results), _size(max_clocks), ctypes.byref(until_last),
    )  # fmt: skip
    if cycles < 0:
        what = "gave too few results" if cycles == -1 else "did not read its operands to the end"
        raise BackendError(f"the simulated array {what}")
    return Played(results, int(cycles), until_last.value)


def _address(array: NDArray[np.uint32]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def _size(number: int) -> ctypes.c_size_t:
    return ctypes.c_size_t(number)
