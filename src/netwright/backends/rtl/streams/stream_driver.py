"""The C++ that drives a design of streams, with gaps at its inputs and stalls at its outputs."""

from __future__ import annotations

from netwright.backends.rtl.simulate.row_driver import PREFIX, WORD_BITS
from netwright.backends.rtl.streams.network import Network, Terminal

STUCK = -1
BROKEN = -2

_HEAD = """\
// Drives the streams of the design. Every input offers its next beat unless a gap is drawn, and
// then keeps it until it is taken; every output is ready unless a stall is drawn.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include "{prefix}.h"

namespace {{
struct Source {{ const uint32_t* beats; size_t left; bool offered; }};
struct Sink {{
  uint32_t* beats;
  size_t received;
  bool held;
  uint32_t last[{widest}];
}};
struct Random {{
  uint64_t state;
  uint32_t next() {{  // xorshift64* (Vigna 2016, ACM TOMS 42(4), 30)
    state ^= state >> 12; state ^= state << 25; state ^= state >> 27;
    return static_cast<uint32_t>((state * 0x2545F4914F6CDD1DULL) >> 56);
  }}
}};
}}  // namespace

// Loads pairs of address and value, then sends num_rows rows. Gaps and stalls are drawn with a
// chance of so many in 256. Returns the clocks it took, {stuck} if no beat moved for max_idle
// clocks, {broken} if an output took back a beat that it had offered. `finished` gets the clock in
// which each of the first num_finished rows was complete.
extern "C" int64_t simulate(const uint32_t* const* in, uint32_t* const* out, size_t num_rows,
                            const uint64_t* loads, size_t num_loads, uint64_t seed, uint32_t gaps,
                            uint32_t stalls, int64_t* finished, size_t num_finished,
                            int64_t max_idle) {{
  VerilatedContext context;
  {prefix} design(&context, "");
  Random random{{seed * 2 + 1}};
  design.clk = 0;
  design.rst_n = 0;
"""

_LOAD = """\
  design.w_valid = 0;
"""

_LOADING = """\
  for (size_t i = 0; i < num_loads; ++i) {
    design.w_valid = 1;
    design.w_address = loads[2 * i];
    design.w_data = loads[2 * i + 1];
    design.clk = 0;
    design.eval();
    design.clk = 1;
    design.eval();
  }
  design.w_valid = 0;
"""

_RUN = """\
  for (int edge = 0; edge < 8; ++edge) {{
    design.clk = !design.clk;
    design.eval();
  }}
{loading}  design.rst_n = 1;
{sources}{sinks}  size_t rows_done = 0;
  int64_t idle = 0;
  for (int64_t clock = 0; rows_done < num_rows; ++clock) {{
    if (++idle > max_idle) return {stuck};
{drive}    design.clk = 0;
    design.eval();
{observe}    size_t done = num_rows;
{count}    for (; rows_done < done; ++rows_done)
      if (rows_done < num_finished) finished[rows_done] = clock;
    if (rows_done == num_rows) return clock + 1;
    design.clk = 1;
    design.eval();
  }}
  return 0;
}}
"""

_DRIVE_SOURCE = """\
    if (!source{i}.offered && source{i}.left && random.next() >= gaps) {{
      source{i}.offered = true;
{load}
    }}
    design.{name}_valid = source{i}.offered;
"""

_DRIVE_SINK = """\
    design.{name}_ready = random.next() >= stalls;
"""

_OBSERVE_SOURCE = """\
    if (source{i}.offered && design.{name}_ready) {{
      source{i}.offered = false;
      source{i}.beats += {words};
      --source{i}.left;
      idle = 0;
    }}
"""

_OBSERVE_SINK = """\
    if (sink{i}.held && !design.{name}_valid) return {broken};
    if (design.{name}_valid) {{
      uint32_t beat[{words}];
{store}
      if (sink{i}.held && std::memcmp(beat, sink{i}.last, sizeof beat)) return {broken};
      std::memcpy(sink{i}.last, beat, sizeof beat);
      sink{i}.held = !design.{name}_ready;
      if (design.{name}_ready && sink{i}.received < num_rows * {beats}) {{
        std::memcpy(sink{i}.beats + sink{i}.received * {words}, beat, sizeof beat);
        ++sink{i}.received;
        idle = 0;
      }}
    }}
"""


def num_words(terminal: Terminal) -> int:
    """Words of one beat."""
    return -(-terminal.stream.total_bits // WORD_BITS)


def harness(network: Network) -> str:
    """The C++ source for a network."""
    inputs, outputs = list(enumerate(network.inputs)), list(enumerate(network.outputs))
    head = _HEAD.format(
        prefix=PREFIX,
        widest=max(num_words(terminal) for terminal in network.outputs),
        stuck=STUCK,
        broken=BROKEN,
    )
    quiet = "".join(f"  design.{t.name}_valid = 0;\n" for t in network.inputs)
    quiet += "".join(f"  design.{t.name}_ready = 0;\n" for t in network.outputs)
    drive = "".join(
        _DRIVE_SOURCE.format(i=i, name=t.name, load=_moves(t, f"source{i}.beats", load=True))
        for i, t in inputs
    )
    drive += "".join(_DRIVE_SINK.format(name=t.name) for t in network.outputs)
    observe = "".join(
        _OBSERVE_SOURCE.format(i=i, name=t.name, words=num_words(t)) for i, t in inputs
    )
    observe += "".join(
        _OBSERVE_SINK.format(
            i=i,
            name=t.name,
            words=num_words(t),
            broken=BROKEN,
            beats=t.stream.beats,
            store=_moves(t, "beat", load=False),
        )
        for i, t in outputs
    )
    run = _RUN.format(
        loading=_LOADING if network.loadable else "",
        stuck=STUCK,
        sources="".join(
            f"  Source source{i}{{in[{i}], num_rows * {t.stream.beats}, false}};\n"
            for i, t in inputs
        ),
        sinks="".join(f"  Sink sink{i}{{out[{i}], 0, false, {{}}}};\n" for i, t in outputs),
        drive=drive,
        observe=observe,
        count="".join(
            f"    if (sink{i}.received / {t.stream.beats} < done) "
            f"done = sink{i}.received / {t.stream.beats};\n"
            for i, t in outputs
        ),
    )
    return head + quiet + (_LOAD if network.loadable else "") + run


def _moves(terminal: Terminal, place: str, *, load: bool) -> str:
    """Statements that move one beat between words and the port, as the simulator keeps it."""
    words, port = num_words(terminal), f"design.{terminal.name}_data"
    if words > 2:
        move = f"{port}[i] = {place}[i];" if load else f"{place}[i] = {port}[i];"
        return f"      for (int i = 0; i < {words}; ++i) {move}"
    if load:
        upper = f" | static_cast<uint64_t>({place}[1]) << 32" if words == 2 else ""
        return f"      {port} = {place}[0]{upper};"
    lines = [f"      {place}[0] = static_cast<uint32_t>({port});"]
    if words == 2:
        lines.append(f"      {place}[1] = static_cast<uint32_t>({port} >> 32);")
    return "\n".join(lines)
