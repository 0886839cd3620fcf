"""Simulation by Icarus Verilog: slower, without a C++ compiler, and with undefined bits.

A test bench reads one row a clock from a file and writes every row that comes out to another.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from os.path import relpath
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from netwright.backends.built import built_once
from netwright.backends.rtl.cells.circuit import Circuit, Port
from netwright.backends.rtl.cells.harmless import plain_sources
from netwright.backends.rtl.simulate.row_driver import WORD_BITS, num_words
from netwright.backends.rtl.simulate.verilator import by_tensor, check_latency, fed_words
from netwright.backends.tools import IVERILOG, VVP, run_tool
from netwright.errors import BackendError
from netwright.files import workspace, write_text, writing

TOP = "netwright_bench"

_TEMPLATE = """\
// Drives the design with one row a clock and writes a row whenever y_valid is high.
module {top};
  reg clk = 1'b0;
  reg rst_n = 1'b0;
  reg x_valid = 1'b0;
  wire y_valid;
{declarations}
  {design} u_design (.clk(clk), .rst_n(rst_n), .x_valid(x_valid), .y_valid(y_valid){connections});

  integer rows_in, rows_out, num_rows, max_clocks, clock, received, latency, status;

  initial begin
    rows_in = $fopen("rows-in.hex", "r");
    rows_out = $fopen("rows-out.hex", "w");
    status = $value$plusargs("rows=%d", num_rows);
    status = $value$plusargs("clocks=%d", max_clocks);
    repeat ({reset_clocks}) begin
      #1 clk = 1'b1;
      #1 clk = 1'b0;
    end
    rst_n = 1'b1;
    received = 0;
    latency = -1;
    for (clock = 0; clock < max_clocks && received < num_rows; clock = clock + 1) begin
      x_valid = clock < num_rows;
      if (clock < num_rows) status = $fscanf(rows_in, "%h\\n", row);
      #1;
      if (y_valid !== 1'b0) begin
        if (latency < 0) latency = clock;
        $fdisplay(rows_out, "%h", {{{outputs}}});
        received = received + 1;
      end
      clk = 1'b1;
      #1 clk = 1'b0;
    end
    $display("rows %0d latency %0d", received, latency);
    $finish;
  end
endmodule
"""

_ENDING = re.compile(r"^rows (\d+) latency (-?\d+)$", re.M)


def bench(circuit: Circuit) -> str:
    """The Verilog that drives a circuit."""
    ports = circuit.inputs, circuit.outputs
    declarations = [f"  reg [{num_words(circuit.inputs) * WORD_BITS - 1}:0] row;"]
    start = 0
    for port in circuit.inputs:
        declarations.append(
            f"  wire [{port.total_bits - 1}:0] {port.name}_data = row[{start}+:{port.total_bits}];"
        )
        start += _padded(port)
    declarations += [f"  wire [{p.total_bits - 1}:0] {p.name}_data;" for p in circuit.outputs]
    names = [port.name for side in ports for port in side]
    outputs = []
    for port in reversed(circuit.outputs):
        padding = _padded(port) - port.total_bits
        outputs += [f"{padding}'d0"] if padding else []
        outputs.append(f"{port.name}_data")
    return _TEMPLATE.format(
        top=TOP,
        design=circuit.name,
        declarations="\n".join(declarations),
        connections="".join(f", .{name}_data({name}_data)" for name in names),
        reset_clocks=circuit.latency_cycles + 2,
        outputs=", ".join(outputs),
    )


def _padded(port: Port) -> int:
    """Bits of a port in whole words."""
    return -(-port.total_bits // WORD_BITS) * WORD_BITS


def compile_bench(
    circuit: Circuit,
    sources: Iterable[Path],
    *,
    build: Path,
    key: str,
    timeout_s: float,
    name: str = "simulation",
    models: Sequence[Path] = (),
) -> Path:
    """Compile a design with its test bench, unless that was done before.

    Args:
        circuit: The design.
        sources: Its Verilog files.
        build: Folder for the result and the logs.
        key: Digest of the files.
        timeout_s: Wall-clock seconds the compiler gets.
        name: What the result and the logs are named after.
        models: Verilog files of cells that the sources use.

    Raises:
        ToolMissing: Icarus Verilog is not installed.
        ToolFailed: It ended with an error, or ran past its time.
        BackendError: A file asks for more than to compute.
    """
    build = build.resolve()
    text = bench(circuit)
    program = build / f"{name}-{key}-{hashlib.sha256(text.encode()).hexdigest()[:8]}.vvp"

    def make(made: Path) -> None:
        folder = made.parent
        files = plain_sources(sources, folder)  # the compiler passes names to a shell
        top = write_text(folder / "bench.v", text)
        cells = [_readable(path, folder).name for path in models]
        run_tool(
            IVERILOG,
            ["-g2005-sv", "-DNO_INCLUDES", "-s", TOP, "-o", made.name, *cells, top.name, *files],
            cwd=folder,
            timeout_s=timeout_s,
            log=build / f"{name}-icarus.log",
        )

    built_once(program, key=("icarus", key, text), make=make)
    for old in build.glob(f"{name}-*.vvp"):
        if old != program:
            old.unlink(missing_ok=True)
    return program


def _readable(model: Path, folder: Path) -> Path:
    """A copy of models of cells that Icarus Verilog 11 reads, with what they include.

    It has no ``$error`` outside of processes; with the macro ``NO_INCLUDES``, what the models of
    ECP5 include a second time is left out.
    """
    for path in (model, *model.parent.glob("*.vh")):
        text = re.sub(r"\$error\(.*\);", "", path.read_text(encoding="utf-8"))
        write_text(folder / path.name, text)
    return folder / model.name


def simulate_bench(
    program: Path,
    circuit: Circuit,
    inputs: Mapping[str, NDArray[np.int64]],
    *,
    timeout_s: float,
) -> dict[str, NDArray[np.int64]]:
    """Run a batch of codes through the design, one row a clock.

    Args:
        program: What :func:`compile_bench` made.
        circuit: The design.
        inputs: Codes by tensor, each (rows, elements).
        timeout_s: Wall-clock seconds it may take.

    Returns:
        Codes of the outputs by tensor, each (rows, elements).

    Raises:
        BackendError: A row did not come out, has an undefined bit, or the latency is not the
            predicted one.
        ToolMissing: Icarus Verilog is not installed.
        ToolFailed: It ended with an error, or ran past its time.
    """
    words = fed_words(circuit, inputs)
    rows = len(words)
    log = program.with_suffix(".log")
    with writing(program.parent), workspace(program.parent) as folder:
        lines = (row[::-1].astype(">u4").tobytes().hex() for row in words)
        write_text(folder / "rows-in.hex", "".join(f"{line}\n" for line in lines))
        clocks = rows + 2 * circuit.latency_cycles + 8
        run_tool(
            VVP,
            ["-n", relpath(program, folder), f"+rows={rows}", f"+clocks={clocks}"],
            cwd=folder,
            timeout_s=timeout_s,
            log=log,
        )
        ending = _ENDING.search(log.read_text(errors="replace"))
        try:
            lines_out = (folder / "rows-out.hex").read_text().split()
        except OSError:
            lines_out = []
    received, latency = (int(number) for number in ending.groups()) if ending else (-1, -1)
    if received != rows or len(lines_out) != rows:
        latency = -1
    if rows:
        check_latency(circuit, latency)
    return by_tensor(circuit, _words(circuit, lines_out))


def _words(circuit: Circuit, lines: Sequence[str]) -> NDArray[np.uint32]:
    """The rows (rows, words) that a test bench wrote, lowest word first."""
    for number, line in enumerate(lines):
        if not re.fullmatch(r"[0-9a-fA-F]+", line):
            raise BackendError(
                f"row {number} of {circuit.name} has undefined bits",
                hint="a register is read before it is written, or a wire has no driver",
            )
    size = num_words(circuit.outputs)
    octets = bytes.fromhex("".join(lines))
    words = np.frombuffer(octets, dtype=">u4").reshape(len(lines), size)
    return np.ascontiguousarray(words[:, ::-1].astype(np.uint32))
