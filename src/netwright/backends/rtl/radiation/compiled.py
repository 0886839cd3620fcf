"""Upsets in a design that Verilator compiled: every register can be flipped, and all is restored.

A flip happens at the clock edge that begins the first observed clock: the flip-flop takes the
opposite of what it should. From there the design runs on its own.
"""

from __future__ import annotations

import ctypes
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntFlag
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from netwright.backends.rtl.cells.circuit import Circuit
from netwright.backends.rtl.cells.verilog import library_text
from netwright.backends.rtl.implement.caching import digest_of
from netwright.backends.rtl.radiation.flips import Flips, copies
from netwright.backends.rtl.radiation.ports import WORD_BITS, Words, num_words
from netwright.backends.rtl.radiation.triplication import COPIES, COPY, PLAIN, VOTED, Hardened
from netwright.backends.rtl.simulate.row_driver import PREFIX
from netwright.backends.rtl.simulate.verilator import compile_simulation
from netwright.errors import BackendError, DataError
from netwright.files import write_text


class Effect(IntFlag):
    """What an upset did."""

    NONE = 0
    OUTPUT_AT_ONCE = 1
    """An output was wrong in the clock of the upset itself."""
    OUTPUT_LATER = 2
    """An output was wrong in a later clock."""
    REGISTER_NEXT = 4
    """A flip-flop was wrong one clock later."""
    REGISTER_LAST = 8
    """A flip-flop was still wrong after the last clock."""


@dataclass(frozen=True)
class Outcome:
    """What a list of upsets did.

    Attributes:
        effects: An :class:`Effect` for each, uint8.
        outputs: Words of the outputs, (upsets, clocks, words); ``None`` where nobody asked.
        golden: Words of the outputs without an upset, (clocks, words).
    """

    effects: NDArray[np.uint8]
    outputs: NDArray[np.uint32] | None
    golden: Words


class CompiledUpsets:
    """A design that stands at one moment, ready for upsets; a context manager.

    Args:
        hardened: The design.
        prefix: Words of the inputs that lead to that moment, (clocks, words), at least one clock.
        folder: Where the compiled simulation is kept.
        timeout_s: Wall-clock seconds each program may take.

    Raises:
        DataError: The words do not fit the inputs.
        ToolMissing: Verilator or g++ is not installed.
        ToolFailed: One of them ended with an error, or ran past its time.
    """

    def __init__(
        self, hardened: Hardened, prefix: Words, *, folder: Path, timeout_s: float = 1800.0
    ) -> None:
        self.hardened = hardened
        self.inputs = _inputs(hardened)
        self.library = _library(hardened, folder, timeout_s)
        functions = ctypes.CDLL(str(self.library.resolve()))
        functions.start.restype = ctypes.c_void_p
        functions.start.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
        functions.finish.argtypes = [ctypes.c_void_p]
        functions.state.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
        functions.run.argtypes = [
            ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t,
            ctypes.c_size_t, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p,
        ]  # fmt: skip
        self._functions = functions
        fed = self._checked(prefix)
        if not len(fed):
            raise DataError("the way to the moment of the upset must have a clock at least")
        self._design = functions.start(fed.ctypes.data, len(fed))

    def __enter__(self) -> CompiledUpsets:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._functions.finish(self._design)
        self._design = None

    def run(self, rows: Words, upsets: Flips, *, keep_outputs: bool = False) -> Outcome:
        """Flip, run on, restore; one upset after the other.

        Args:
            rows: Words of the inputs from the clock of the upset on, (clocks, words).
            upsets: The upsets, (upsets, flips, 3).
            keep_outputs: Whether to return the outputs of every upset.

        Raises:
            DataError: The words do not fit the inputs, or an upset is outside of the design.
        """
        fed = self._checked(rows)
        flips = np.ascontiguousarray(upsets, dtype=np.int32)
        self._check(flips)
        places = self._places(flips)
        words = num_words(self.hardened.elaboration.outputs)
        effects = np.zeros(len(flips), dtype=np.uint8)
        golden = np.zeros((len(fed), words), dtype=np.uint32)
        outputs = np.zeros((len(flips), len(fed), words), dtype=np.uint32) if keep_outputs else None
        self._functions.run(
            self._design, fed.ctypes.data, len(fed), places.ctypes.data, len(flips),
            flips.shape[1], effects.ctypes.data, golden.ctypes.data,
            None if outputs is None else outputs.ctypes.data,
        )  # fmt: skip
        return Outcome(effects, outputs, golden)

    def state(self) -> dict[str, tuple[int, ...]]:
        """Value of every register at the moment of the upset: by instance, one for each copy."""
        sizes = [_octets(f.bits) for f in self.hardened.flops for _ in range(copies(f))]
        raw = np.zeros(sum(sizes), dtype=np.uint8)
        self._functions.state(self._design, raw.ctypes.data)
        found, start = {}, 0
        for flop in self.hardened.flops:
            size, values = _octets(flop.bits), []
            for _ in range(copies(flop)):
                values.append(int.from_bytes(raw[start : start + size].tobytes(), "little"))
                start += size
            found[flop.instance] = tuple(values)
        return found

    def _checked(self, words: Words) -> Words:
        fed = np.ascontiguousarray(words, dtype=np.uint32)
        if fed.ndim != 2 or fed.shape[1] != num_words(self.inputs):
            raise DataError(
                f"inputs must be (clocks, {num_words(self.inputs)}) words, not {fed.shape}"
            )
        return fed

    def _check(self, flips: Flips) -> None:
        used = flips[flips[..., 0] >= 0]
        flops = self.hardened.flops
        bits = np.array([flop.bits for flop in flops])
        held = np.array([copies(flop) for flop in flops])
        good = used[:, 0] < len(flops)
        numbers = np.where(good, used[:, 0], 0)
        good &= (used[:, 1] >= 0) & (used[:, 1] < bits[numbers])
        good &= (used[:, 2] >= 0) & (used[:, 2] < held[numbers])
        if not good.all():
            raise DataError(f"{self.hardened.top} has no flip-flop {used[~good][0].tolist()}")

    def _places(self, flips: Flips) -> NDArray[np.int32]:
        """Number of the variable and bit in it, for each flip; -1 for none."""
        starts = np.concatenate([[0], np.cumsum([copies(f) for f in self.hardened.flops])])
        variable = starts[np.maximum(flips[..., 0], 0)] + flips[..., 2]
        variable = np.where(flips[..., 0] < 0, -1, variable)
        return np.ascontiguousarray(np.stack([variable, flips[..., 1]], -1), dtype=np.int32)


def _octets(bits: int) -> int:
    """Octets of a register in the compiled design."""
    for size in (1, 2, 4, 8):
        if bits <= 8 * size:
            return size
    return 4 * -(-bits // WORD_BITS)


def _inputs(hardened: Hardened) -> Mapping[str, int]:
    elaboration = hardened.elaboration
    return {name: bits for name, bits in elaboration.inputs.items() if name != elaboration.clock}


_READ, _WRITTEN = "/*verilator public_flat_rd*/", "/*verilator public_flat_rw*/"
_TAKEN = re.compile(r"q <= (.*);")
_ENDS = ");\n"


def _flippable(name: str) -> str:
    """A module of the library that becomes part of what it is in; its register can be flipped."""
    text = library_text(name).replace(
        "output reg  [BITS-1:0] q", f"output reg [BITS-1:0] q {_READ}"
    )
    inlined = f"{_ENDS}  /*verilator inline_module*/\n"
    if name != VOTED:
        inlined += f"  reg [BITS-1:0] upset {_WRITTEN};\n"
    return _TAKEN.sub(r"q <= (\1) ^ upset;", text.replace(_ENDS, inlined, 1))


def _library(hardened: Hardened, folder: Path, timeout_s: float) -> Path:
    """The compiled design, with registers that can be flipped."""
    made = [
        write_text(folder / "flipped" / f"{name}.v", _flippable(name))
        for name in (VOTED, PLAIN, COPY)
    ]
    sources = [hardened.verilog, *made, *hardened.elaboration.logic]
    text = driver(hardened)
    key = hashlib.sha256(f"{digest_of(sources)}{text}".encode()).hexdigest()[:16]
    return compile_simulation(
        Circuit(hardened.top, (), (), (), 0),
        sources,
        build=folder,
        key=key,
        timeout_s=timeout_s,
        name=f"{hardened.top}-upsets",
        driver=text,
        options=("-Wno-PINMISSING",),  # outputs that nobody reads are left open
    )


_DRIVER = """\
// Flips flip-flops of a design, lets it run on and compares it with one that was not flipped.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>
#include "{prefix}.h"
#include "{prefix}___024root.h"
#include "{prefix}__Syms.h"

namespace {{

using Root = {prefix}___024root;
using All = {prefix}__Syms;  // the root and all modules that are not part of it

struct Place {{ uint32_t upset, q, octets; }};

const Place places[] = {{
{places}
}};
const size_t num_places = sizeof(places) / sizeof(places[0]);
const size_t words_in = {words_in}, words_out = {words_out};

struct Design {{
  VerilatedContext context;
  {prefix} top{{&context, ""}};
  std::vector<uint8_t> saved = std::vector<uint8_t>(sizeof(All));

  uint8_t* all() {{ return reinterpret_cast<uint8_t*>(top.rootp->vlSymsp); }}
  uint8_t* bytes() {{ return reinterpret_cast<uint8_t*>(top.rootp); }}
  void save(std::vector<uint8_t>& to) {{ std::memcpy(to.data(), all(), sizeof(All)); }}
  void restore() {{ std::memcpy(all(), saved.data(), sizeof(All)); }}
  void edge() {{ top.{clock} = 1; top.eval(); top.{clock} = 0; }}
  void feed(const uint32_t* in) {{
{load}
    top.eval();
  }}
  void take(uint32_t* out) {{
{store}
  }}
  void flip(const int32_t* place) {{
    if (place[0] < 0) return;
    bytes()[places[place[0]].upset + place[1] / 8] ^= uint8_t(1u << (place[1] % 8));
  }}
  bool same(const std::vector<uint8_t>& other) {{
    const uint8_t* root = other.data() + (bytes() - all());
    for (size_t i = 0; i < num_places; ++i) {{
      const Place& p = places[i];
      if (std::memcmp(bytes() + p.q, root + p.q, p.octets)) return false;
    }}
    return true;
  }}
}};

// The design of a handle; the runtime looks for its context in a variable of the thread.
Design& of(void* handle) {{
  Design* design = static_cast<Design*>(handle);
  Verilated::threadContextp(&design->context);
  return *design;
}}

}}  // namespace

// The design one clock edge before the upset.
extern "C" void* start(const uint32_t* rows, size_t clocks) {{
  Design* design = new Design;
  design->top.{clock} = 0;
  for (size_t i = 0; i < clocks; ++i) {{
    if (i) design->edge();
    design->feed(rows + i * words_in);
  }}
  design->save(design->saved);
  return design;
}}

extern "C" void finish(void* handle) {{ delete &of(handle); }}

extern "C" void state(void* handle, uint8_t* out) {{
  Design& design = of(handle);
  design.restore();
  design.edge();
  for (size_t i = 0; i < num_places; out += places[i++].octets)
    std::memcpy(out, design.bytes() + places[i].q, places[i].octets);
}}

extern "C" void run(void* handle, const uint32_t* rows, size_t clocks, const int32_t* flips,
                    size_t num_upsets, size_t num_flips, uint8_t* effects, uint32_t* golden,
                    uint32_t* outputs) {{
  Design& design = of(handle);
  std::vector<uint8_t> next(sizeof(All)), last(sizeof(All));
  std::vector<uint32_t> out(words_out);
  design.restore();
  design.edge();
  for (size_t i = 0; i < clocks; ++i) {{
    design.feed(rows + i * words_in);
    design.take(golden + i * words_out);
    design.edge();
    if (i == 0) design.save(next);
  }}
  design.save(last);
  for (size_t u = 0; u < num_upsets; ++u) {{
    const int32_t* flip = flips + u * num_flips * 2;
    design.restore();
    for (size_t f = 0; f < num_flips; ++f) design.flip(flip + 2 * f);
    design.edge();
    for (size_t f = 0; f < num_flips; ++f) design.flip(flip + 2 * f);
    uint8_t effect = 0;
    for (size_t i = 0; i < clocks; ++i) {{
      design.feed(rows + i * words_in);
      design.take(out.data());
      const size_t size = words_out * sizeof(uint32_t);
      if (std::memcmp(out.data(), golden + i * words_out, size)) effect |= i ? 2 : 1;
      if (outputs) std::memcpy(outputs + (u * clocks + i) * words_out, out.data(), size);
      design.edge();
      if (i == 0 && !design.same(next)) effect |= 4;
    }}
    if (!design.same(last)) effect |= 8;
    effects[u] = effect;
  }}
}}
"""


def driver(hardened: Hardened) -> str:
    """The C++ that flips the registers of a design."""
    elaboration = hardened.elaboration
    inputs = _inputs(hardened)
    return _DRIVER.format(
        prefix=PREFIX,
        places="\n".join(_place_lines(hardened)),
        words_in=num_words(inputs),
        words_out=num_words(elaboration.outputs),
        clock=_mangled(elaboration.clock),
        load="\n".join(_moves(inputs, load=True)),
        store="\n".join(_moves(elaboration.outputs, load=False)),
    )


def _place_lines(hardened: Hardened) -> Iterator[str]:
    top = _mangled(hardened.top)
    for flop in hardened.flops:
        for copy in COPIES[: copies(flop)]:
            inner = f"__DOT__{copy}" if flop.voted else ""
            path = f"{top}__DOT__{flop.instance}{inner}__DOT__"
            yield (
                f"    {{offsetof(Root, {path}upset), offsetof(Root, {path}q), "
                f"{_octets(flop.bits)}}},"
            )


def _mangled(name: str) -> str:
    """A name of Verilog as Verilator writes it."""
    if not name.isidentifier() or "__" in name:
        raise BackendError(f'"{name}" is no plain name of a port or a module')
    return name


def _moves(ports: Mapping[str, int], *, load: bool) -> Iterator[str]:
    start = 0
    for port, bits in ports.items():
        words = -(-bits // WORD_BITS)
        name, place = f"top.{_mangled(port)}", f"in[{start}]" if load else f"out[{start}]"
        if words > 2:
            wide = f"{name}.data()" if load else place
            source = f"&{place}" if load else f"{name}.data()"
            target = wide if load else f"&{place}"
            yield f"    std::memcpy({target}, {source}, {4 * words});"
        elif load:
            upper = f" | static_cast<uint64_t>(in[{start + 1}]) << 32" if words == 2 else ""
            yield f"    {name} = {place}{upper};"
        else:
            yield f"    {place} = static_cast<uint32_t>({name});"
            if words == 2:
                yield f"    out[{start + 1}] = static_cast<uint32_t>({name} >> 32);"
        start += words
