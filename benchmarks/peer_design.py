"""Verilog of another tool in the frame of our designs: simulated, mapped and counted as they are.

Other tools pack every element of a row as narrow as its values into one port in and one port out,
and say by how many clocks a row is delayed. A module around theirs has the ports of our designs, so
that one simulator, one synthesizer and one comparison serve all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.mapped import MappedNetlist
from netwright.backends.rtl.cells.circuit import Circuit, Port
from netwright.backends.rtl.cells.verilog import library_text
from netwright.backends.rtl.implement.synthesis import Measurement, mapped_files, synthesize
from netwright.backends.rtl.simulate.simulators import Codes, Model, chosen, execute
from netwright.files import sha256, write_text
from netwright.ir import Graph
from netwright.ir.interpret import Values
from netwright.verify import bit_exact, corners, random

TIMEOUT_S = 3600.0
ROWS = 2000
"""Random rows on which a design is compared with the graph before it is measured."""


@dataclass(frozen=True)
class Packed:
    """One element of a packed port.

    Attributes:
        bits: Width; 0 for an element that is not there (always zero).
        signed: Whether it is two's complement.
        shift: Power of two of its lowest bit.
    """

    bits: int
    signed: bool = False
    shift: int = 0


@dataclass(frozen=True)
class Module:
    """A module of another tool.

    Attributes:
        name: Its name.
        sources: Its Verilog files and those of all it needs.
        ports: Names of the port in and the port out.
        inputs: Elements of the port in, the first in the lowest bits.
        outputs: Elements of the port out.
        latency_cycles: Clocks from the port in to the port out.
        clock: Name of its clock; ``None`` if it has none.
    """

    name: str
    sources: tuple[Path, ...]
    ports: tuple[str, str]
    inputs: tuple[Packed, ...]
    outputs: tuple[Packed, ...]
    latency_cycles: int
    clock: str | None = "clk"


@dataclass(frozen=True)
class PeerDesign:
    """A module of another tool that computes a graph, in the frame of our designs."""

    graph: Graph
    circuit: Circuit
    sources: tuple[Path, ...]
    folder: Path

    @classmethod
    def of(cls, graph: Graph, ports: Circuit, module: Module, folder: Path) -> PeerDesign:
        """Write the frame of a module.

        Args:
            graph: What it is said to compute.
            ports: Our design of the same graph, for its ports.
            module: The module.
            folder: Where the frame goes.
        """
        name = f"{module.name}_framed"
        circuit = Circuit(name, ports.inputs, ports.outputs, (), module.latency_cycles)
        frame = write_text(folder / f"{name}.v", _frame(circuit, module))
        chain = write_text(folder / "valid_chain.v", library_text("valid_chain"))
        return cls(graph, circuit, (*module.sources, frame, chain), folder)

    def run(self, inputs: Values, *, keep: Collection[str] = ()) -> dict[str, object]:
        """Simulate it, as our designs are."""
        return dict(execute(self.graph, self.circuit, inputs, keep, self._simulate))

    def _simulate(self, codes: Codes) -> Codes:
        digest = hashlib.sha256("".join(map(sha256, self.sources)).encode()).hexdigest()
        model = Model(self.circuit, self.sources, key=digest[:16], build=self.folder / "build")
        return _run(model, codes)

    def measure(self, part: str, *, keep_adders: bool = False) -> Measurement:
        """Map it to the cells of a part.

        Args:
            part: Its name.
            keep_adders: Whether every carry chain is kept whole; the files must say how by the
                macro of our own ones.
        """
        return synthesize(
            self.circuit.name, self.sources, part=part,
            folder=self.folder / f"build-{'kept' if keep_adders else 'plain'}",
            timeout_s=TIMEOUT_S, defines=("KEEP_ADDERS",) if keep_adders else (),
        )  # fmt: skip

    def netlist(self, part: str, *, keep_adders: bool = False) -> MappedNetlist:
        """What was mapped, to be executed."""
        self.measure(part, keep_adders=keep_adders)
        folder = self.folder / f"build-{'kept' if keep_adders else 'plain'}"
        return MappedNetlist(self.graph, self.circuit, mapped_files(folder, part)[0])


def check(graph: Graph, candidate: object, *, rows: int = ROWS) -> int:
    """Compare something executable with the interpreter on corners and random rows."""
    compared = 0
    for stimulus in (corners(graph), random(graph, rows=rows)):
        found = bit_exact(graph, candidate, stimulus)
        assert found.identical == found.rows, found
        compared += found.rows
    return compared


def _run(model: Model, codes: Codes) -> Codes:
    return model.simulate(chosen(None), codes, timeout_s=TIMEOUT_S)


def _frame(circuit: Circuit, module: Module) -> str:
    (entering,), (leaving,) = circuit.inputs, circuit.outputs
    sizes = [sum(element.bits for element in side) for side in (module.inputs, module.outputs)]
    clock = f".{module.clock}(clk), " if module.clock else ""
    valid = (
        f"valid_chain #(.STAGES({circuit.latency_cycles})) u_valid (.clk(clk), .rst_n(rst_n), "
        ".valid_in(x_valid), .valid_out(y_valid));"
        if circuit.latency_cycles
        else "assign y_valid = x_valid;"
    )
    return "\n".join(
        [
            f"module {circuit.name} (",
            "  input  wire clk, input wire rst_n, input wire x_valid,",
            f"  input  wire [{entering.total_bits - 1}:0] {entering.name}_data,",
            "  output wire y_valid,",
            f"  output wire [{leaving.total_bits - 1}:0] {leaving.name}_data",
            ");",
            f"  {valid}",
            f"  wire [{sizes[0] - 1}:0] packed_in;",
            f"  wire [{sizes[1] - 1}:0] packed_out;",
            *_entering(entering, module.inputs),
            *_leaving(leaving, module.outputs),
            f"  {module.name} u_module ({clock}.{module.ports[0]}(packed_in), "
            f".{module.ports[1]}(packed_out));",
            "endmodule",
            "",
        ]
    )


def _entering(port: Port, elements: Sequence[Packed]) -> list[str]:
    lines, start = [], 0
    for number, element in enumerate(elements):
        assert element.bits <= port.bits, f"{element} is wider than the port {port}"
        assert element.shift == 0, element
        if element.bits:
            source = f"{port.name}_data[{number * port.bits}+:{element.bits}]"
            lines.append(f"  assign packed_in[{start}+:{element.bits}] = {source};")
            start += element.bits
    return lines


def _leaving(port: Port, elements: Sequence[Packed]) -> list[str]:
    lines, start = [], 0
    for number, element in enumerate(elements):
        target = f"{port.name}_data[{number * port.bits}+:{port.bits}]"
        value = f"{port.bits}'d0"
        if element.bits:
            assert element.shift >= 0, element
            value = f"packed_out[{start}+:{element.bits}]"
            top = f"packed_out[{start + element.bits - 1}]" if element.signed else "1'b0"
            missing = port.bits - element.bits - element.shift
            assert missing >= 0, f"{element} is wider than the port {port}"
            parts = [f"{{{missing}{{{top}}}}}"] if missing else []
            parts += [value] + ([f"{element.shift}'d0"] if element.shift else [])
            value = f"{{{', '.join(parts)}}}"
            start += element.bits
        lines.append(f"  assign {target} = {value};")
    return lines
