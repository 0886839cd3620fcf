"""Upsets in a design that Icarus Verilog interprets: slow, by other means, for a sample.

The registers get the values of the moment, one flip-flop is inverted where it stands, and the
design runs on. Nothing of it is shared with the compiled simulation but the list of registers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from os.path import relpath
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from netwright.backends.built import built_once
from netwright.backends.rtl.cells.harmless import plain_sources
from netwright.backends.rtl.implement.caching import digest_of
from netwright.backends.rtl.radiation.flips import Flips, copies
from netwright.backends.rtl.radiation.ports import WORD_BITS, Words, num_words
from netwright.backends.rtl.radiation.triplication import COPIES, Hardened
from netwright.backends.tools import IVERILOG, VVP, run_tool
from netwright.errors import BackendError
from netwright.files import sha256, workspace, write_text, writing

TOP = "netwright_upsets"

_BENCH = """\
// Sets the registers of a design, inverts some flip-flops, and writes what comes out.
module {top};
  reg clk = 1'b0;
  reg [{in_bits}:0] row;
  reg [{in_bits}:0] rows [0:{last}];
  integer file, clock;
{declarations}
  {design} u_design ({connections});

  task restore;
    begin
{restore}
    end
  endtask

  task follow;
    for (clock = 0; clock <= {last}; clock = clock + 1) begin
      row = rows[clock];
      #1 $fdisplay(file, "%h", {{{outputs}}});
      clk = 1'b1;
      #1 clk = 1'b0;
    end
  endtask

  initial begin
    $readmemh("rows.hex", rows);
    file = $fopen("outputs.hex", "w");
{upsets}
    $finish;
  end
endmodule
"""


def interpreted_upsets(
    hardened: Hardened,
    state: Mapping[str, Sequence[int]],
    rows: Words,
    upsets: Flips,
    *,
    folder: Path,
    timeout_s: float = 1800.0,
) -> tuple[NDArray[np.uint32], float]:
    """What comes out of a design after each of some upsets.

    Args:
        hardened: The design.
        state: Value of every register before the upset, by instance, one for each copy.
        rows: Words of the inputs from the clock of the upset on, (clocks, words).
        upsets: The upsets, (upsets, flips, 3).
        folder: Where the program and the log go.
        timeout_s: Wall-clock seconds each program may take.

    Returns:
        Words of the outputs, (upsets, clocks, words), and the seconds of the simulation.

    Raises:
        BackendError: A bit is undefined, or not every row came out.
        ToolMissing: Icarus Verilog is not installed.
        ToolFailed: It ended with an error, or ran past its time.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folder = folder.resolve()
    text = _bench(hardened, state, len(rows), upsets)
    bench = write_text(folder / "upsets-bench.v", text)
    program = folder / "upsets.vvp"

    def make(made: Path) -> None:
        files = plain_sources(hardened.sources, made.parent)
        run_tool(
            IVERILOG,
            ["-g2005-sv", "-s", TOP, "-o", made.name, relpath(bench, made.parent), *files],
            cwd=made.parent,
            timeout_s=timeout_s,
            log=folder / "upsets-icarus.log",
        )

    built_once(program, key=("upsets", sha256(bench), digest_of(hardened.sources)), make=make)
    with writing(folder), workspace(folder) as work:
        lines = (row[::-1].astype(">u4").tobytes().hex() for row in rows)
        write_text(work / "rows.hex", "".join(f"{line}\n" for line in lines))
        run = run_tool(
            VVP,
            ["-n", relpath(program, work)],
            cwd=work,
            timeout_s=timeout_s,
            log=folder / "upsets-run.log",
        )
        found = (work / "outputs.hex").read_text().split()
    words = num_words(hardened.elaboration.outputs)
    if len(found) != len(upsets) * len(rows):
        raise BackendError(f"{hardened.top}: not every row came out", hint=f"see {run.log}")
    for number, line in enumerate(found):
        if not re.fullmatch(r"[0-9a-f]+", line):
            raise BackendError(
                f"{hardened.top}: undefined bits after upset {number // len(rows)}",
                hint="a register has no value at the moment of the upset",
            )
    raw = np.frombuffer(bytes.fromhex("".join(found)), dtype=">u4")
    shaped = raw.reshape(len(upsets), len(rows), words)[..., ::-1]
    return np.ascontiguousarray(shaped.astype(np.uint32)), run.seconds


def _bench(
    hardened: Hardened, state: Mapping[str, Sequence[int]], clocks: int, upsets: Flips
) -> str:
    elaboration = hardened.elaboration
    inputs = {n: b for n, b in elaboration.inputs.items() if n != elaboration.clock}
    declarations, connections = [], [f".{elaboration.clock}(clk)"]
    start = 0
    for name, bits in inputs.items():
        connections.append(f".{name}(row[{start}+:{bits}])")
        start += _padded(bits)
    outputs = []
    for name, bits in elaboration.outputs.items():
        declarations.append(f"  wire [{bits - 1}:0] {name};")
        connections.append(f".{name}({name})")
        padding = _padded(bits) - bits
        outputs.append(f"{padding}'d0, {name}" if padding else name)
    return _BENCH.format(
        top=TOP,
        design=hardened.top,
        in_bits=num_words(inputs) * WORD_BITS - 1,
        last=clocks - 1,
        declarations="\n".join(declarations),
        connections=", ".join(connections),
        restore="\n".join(_restore(hardened, state)),
        outputs=", ".join(reversed(outputs)),
        upsets="\n".join(_upsets(hardened, upsets)),
    )


def _padded(bits: int) -> int:
    return -(-bits // WORD_BITS) * WORD_BITS


def _path(hardened: Hardened, flop: int, copy: int) -> str:
    """The register of one copy, from the bench."""
    found = hardened.flops[flop]
    inner = f".{COPIES[copy]}" if found.voted else ""
    return f"u_design.{found.instance}{inner}.q"


def _restore(hardened: Hardened, state: Mapping[str, Sequence[int]]) -> Iterator[str]:
    for number, flop in enumerate(hardened.flops):
        for copy in range(copies(flop)):
            value = state[flop.instance][copy]
            yield f"      {_path(hardened, number, copy)} = {flop.bits}'h{value:x};"


def _upsets(hardened: Hardened, upsets: Flips) -> Iterator[str]:
    for upset in upsets.tolist():
        yield "    restore;"
        for flop, place, copy in upset:
            if flop >= 0:
                bit = f"{_path(hardened, flop, copy)}[{place}]"
                yield f"    {bit} = ~{bit};"
        yield "    follow;"
