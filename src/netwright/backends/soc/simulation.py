"""The whole chip in simulation: frames go in on SPI, text comes out on the UART."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np

from netwright.backends.rtl.simulate.row_driver import PREFIX
from netwright.errors import BackendError

_TEMPLATE = """\
// Drives a chip: an SPI controller at its event input, a receiver at its UART.
#include <cstddef>
#include <cstdint>
#include "{prefix}.h"

namespace {{
constexpr int kLanes = {lanes}, kClocksPerBit = {clocks_per_bit}, kHalf = 3, kGap = 8;

struct Chip {{
  VerilatedContext context;
  {prefix} design{{&context, ""}};
  int64_t clocks = 0;
  bool trapped = false;
  // Receiver: clocks until the next look, bits seen.
  int wait = -1, bits = 0;
  unsigned octet = 0;

  // One clock; the byte that the UART ended in it, or -1.
  int step() {{
    design.clk = 0;
    design.eval();
    design.clk = 1;
    design.eval();
    ++clocks;
    trapped |= design.trap;
    if (wait < 0) {{
      if (!design.uart_tx) {{
        wait = kClocksPerBit + kClocksPerBit / 2;
        bits = 0;
        octet = 0;
      }}
      return -1;
    }}
    if (--wait > 0) return -1;
    if (bits < 8) {{
      octet |= unsigned(design.uart_tx) << bits++;
      wait = kClocksPerBit;
      return -1;
    }}
    wait = -1;
    return design.uart_tx ? int(octet) : 256;  // a stop bit is high
  }}
}};
}}  // namespace

extern "C" void* begin() {{
  Chip* chip = new Chip;
  chip->design.clk = 0;
  chip->design.rst_n = 0;
  chip->design.spi_clk = 0;
  chip->design.spi_select_n = 1;
  chip->design.spi_data = 0;
  for (int i = 0; i < 8; ++i) chip->step();
  chip->design.rst_n = 1;
  chip->clocks = 0;
  chip->wait = -1;
  return chip;
}}

extern "C" void end(void* handle) {{ delete static_cast<Chip*>(handle); }}

extern "C" int64_t clocks(void* handle) {{ return static_cast<Chip*>(handle)->clocks; }}

// After a pause sends frames of so many bits each (every one in bytes of its own) and takes text
// until there are so many lines more, or for max_idle clocks neither a frame nor a byte has moved.
// Returns the bytes of text, -1 if the core stopped, -2 if a byte had no stop bit, -3 without room.
extern "C" int64_t play(void* handle, const uint8_t* octets, const uint32_t* bits, size_t frames,
                        int wait_free, size_t lines, uint8_t* text, size_t room,
                        int64_t pause, int64_t max_idle) {{
  Chip& chip = *static_cast<Chip*>(handle);
  size_t frame = 0, taken = 0, size = 0;
  int64_t idle = 0;
  int64_t gap = pause;
  int half = 0;
  bool selected = false;
  while (idle < max_idle && (frame < frames || taken < lines || selected)) {{
    ++idle;
    if (gap > 0) {{
      --gap;
    }} else if (!selected) {{
      if (frame < frames && (chip.design.event_free || !wait_free)) {{
        chip.design.spi_select_n = 0;
        selected = true;
        half = 0;
        gap = kHalf;
      }}
    }} else if (half / 2 * kLanes >= int(bits[frame])) {{
      chip.design.spi_clk = 0;
      chip.design.spi_select_n = 1;
      selected = false;
      octets += (bits[frame] + 7) / 8;
      ++frame;
      gap = kGap;
      idle = 0;
    }} else {{
      chip.design.spi_clk = half & 1;
      if (!(half & 1)) {{
        const int at = half / 2 * kLanes;
        chip.design.spi_data = octets[at / 8] >> (8 - kLanes - at % 8) & ((1 << kLanes) - 1);
      }}
      ++half;
      gap = kHalf - 1;
    }}
    const int got = chip.step();
    if (chip.trapped) return -1;
    if (got < 0) continue;
    if (got > 255) return -2;
    if (size == room) return -3;
    text[size++] = uint8_t(got);
    if (got == '\\n') ++taken;
    idle = 0;
  }}
  return int64_t(size);
}}
"""

_ENDS = {
    -1: "the core stopped: it met an instruction that it does not have",
    -2: "a byte on the UART has no stop bit",
    -3: "the chip says more than anybody asked for",
}

MAX_IDLE = 2_000_000
"""Clocks in which nothing moves before a chip counts as silent."""


def harness(*, lanes: int, clocks_per_bit: int) -> str:
    """The C++ that drives a chip."""
    return _TEMPLATE.format(prefix=PREFIX, lanes=lanes, clocks_per_bit=clocks_per_bit)


class SimulatedChip:
    """A chip in simulation, from its reset on; the end of a ``with`` block removes it.

    Args:
        library: What the simulator made of the chip.

    Raises:
        BackendError: The library cannot be loaded.
    """

    def __init__(self, library: Path) -> None:
        try:
            self._library = ctypes.CDLL(str(library.resolve()))
            self._library.begin.restype = ctypes.c_void_p
            self._library.play.restype = self._library.clocks.restype = ctypes.c_int64
        except (OSError, AttributeError) as error:
            raise BackendError(
                f"{library}: cannot be loaded ({error})", hint="delete it and build again"
            ) from error
        self._handle = ctypes.c_void_p(self._library.begin())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *stopped: object) -> None:
        self._library.end(self._handle)

    @property
    def clocks(self) -> int:
        """Clocks since the reset."""
        return int(self._library.clocks(self._handle))

    def play(
        self,
        frames: Sequence[bytes] = (),
        *,
        lines: int,
        bits: Sequence[int] | None = None,
        wait_free: bool = True,
        pause: int = 8,
        max_idle: int = MAX_IDLE,
        room: int = 1 << 20,
    ) -> str:
        """Send frames and take text.

        Args:
            frames: Frames, each at least as long as its number of bits.
            lines: Lines to wait for.
            bits: Bits of every frame that are sent; all if not given.
            wait_free: Whether a frame waits until a buffer is free.
            pause: Clocks before the first frame.
            max_idle: Clocks in which neither a frame nor a byte moves before the wait ends.
            room: Bytes of text that are taken at most.

        Returns:
            The text; it has fewer lines if the chip fell silent.

        Raises:
            BackendError: The core stopped, or the line of the UART was broken.
        """
        sizes = [8 * len(frame) for frame in frames] if bits is None else list(bits)
        octets = b"".join(frame[: -(-size // 8)] for frame, size in zip(frames, sizes, strict=True))
        text = ctypes.create_string_buffer(room)
        lengths = np.asarray(sizes, dtype=np.uint32)
        size = self._library.play(
            self._handle,
            ctypes.c_char_p(octets),
            lengths.ctypes.data_as(ctypes.c_void_p),
            ctypes.c_size_t(len(sizes)),
            ctypes.c_int(wait_free),
            ctypes.c_size_t(lines),
            text,
            ctypes.c_size_t(room),
            ctypes.c_int64(pause),
            ctypes.c_int64(max_idle),
        )
        if size < 0:
            raise BackendError(f"after {self.clocks} clocks: {_ENDS[int(size)]}")
        return text.raw[:size].decode("latin-1")
