"""The C++ that drives a simulated design, one row a clock."""

from __future__ import annotations

from netwright.backends.rtl.cells.circuit import Circuit, Port

PREFIX = "Vdesign"
"""Class that Verilator makes of the top module."""

WORD_BITS = 32

_TEMPLATE = """\
// Drives the design with one row a clock and collects a row whenever y_valid is high.
#include <cstddef>
#include <cstdint>
#include "{prefix}.h"

// Returns the clocks from the first row in to the first row out.
extern "C" int64_t simulate(const uint32_t* rows_in, uint32_t* rows_out, size_t num_rows,
                            size_t max_clocks) {{
  VerilatedContext context;
  {prefix} design(&context, "");
  design.clk = 0;
  design.rst_n = 0;
  design.x_valid = 0;
  for (int edge = 0; edge < 2 * {reset_clocks}; ++edge) {{
    design.clk = !design.clk;
    design.eval();
  }}
  design.rst_n = 1;
  size_t received = 0;
  int64_t latency = -1;
  for (size_t clock = 0; clock < max_clocks && received < num_rows; ++clock) {{
    const bool sending = clock < num_rows;
    design.x_valid = sending;
    if (sending) {{
      const uint32_t* in = rows_in + clock * {words_in};
{load}
    }}
    design.clk = 0;
    design.eval();
    if (design.y_valid) {{
      if (latency < 0) latency = static_cast<int64_t>(clock);
      uint32_t* out = rows_out + received * {words_out};
{store}
      ++received;
    }}
    design.clk = 1;
    design.eval();
  }}
  design.final();
  return received == num_rows ? latency : -1;
}}
"""


def num_words(ports: tuple[Port, ...]) -> int:
    """Words of one row: every port begins a new one."""
    return sum(-(-port.total_bits // WORD_BITS) for port in ports)


def harness(circuit: Circuit) -> str:
    """The C++ source for a circuit."""
    return _TEMPLATE.format(
        prefix=PREFIX,
        reset_clocks=circuit.latency_cycles + 2,
        words_in=num_words(circuit.inputs),
        words_out=num_words(circuit.outputs),
        load="\n".join(port_lines(circuit.inputs, load=True)),
        store="\n".join(port_lines(circuit.outputs, load=False)),
    )


def port_lines(ports: tuple[Port, ...], *, load: bool) -> list[str]:
    """C++ that moves the data of ports from or to the words ``in`` or ``out``."""
    lines, start = [], 0
    for port in ports:
        words = -(-port.total_bits // WORD_BITS)
        name = f"design.{port.name}_data"
        if words > 2:
            place = f"{'in' if load else 'out'}[{start} + i]"
            move = f"{name}[i] = {place};" if load else f"{place} = {name}[i];"
            lines.append(f"for (int i = 0; i < {words}; ++i) {move}")
        elif load:
            upper = f" | static_cast<uint64_t>(in[{start + 1}]) << 32" if words == 2 else ""
            lines.append(f"{name} = in[{start}]{upper};")
        else:
            lines.append(f"out[{start}] = static_cast<uint32_t>({name});")
            if words == 2:
                lines.append(f"out[{start + 1}] = static_cast<uint32_t>({name} >> 32);")
        start += words
    return [f"      {line}" for line in lines]
