"""The wrapper: every stream an AXI4-Stream, registers on AXI4-Lite."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from netwright.backends.base import publish_texts
from netwright.backends.rtl.cells.verilog import vector
from netwright.backends.rtl.streams.module_text import instance, module
from netwright.backends.rtl.streams.network import Terminal
from netwright.backends.rtl.streams.stream_design import StreamDesign
from netwright.backends.soc.axi.axi_registers import AXI_REGISTERS
from netwright.backends.soc.chip_text import LIBRARY_FOLDER, library_text
from netwright.backends.soc.register_text import decoder, module_name
from netwright.errors import BackendError

KIND = "axi"

LANE_BITS = (8, 16, 32, 64)
"""Widths that an element may have on AXI4-Stream."""

ADDRESS_BITS = 12

LIBRARY = ("axi_lite_bridge", "row_beats")

_LITE_IN = {"awaddr": ADDRESS_BITS, "awprot": 3, "awvalid": 1, "wdata": 32, "wstrb": 4,
            "wvalid": 1, "bready": 1, "araddr": ADDRESS_BITS, "arprot": 3, "arvalid": 1,
            "rready": 1}  # fmt: skip
_LITE_OUT = {"awready": 1, "wready": 1, "bresp": 2, "bvalid": 1, "arready": 1, "rdata": 32,
             "rresp": 2, "rvalid": 1}  # fmt: skip


@dataclass(frozen=True)
class Lane:
    """A stream of a network on AXI4-Stream.

    Attributes:
        terminal: The stream.
        prefix: What the names of its signals begin with.
    """

    terminal: Terminal
    prefix: str

    @property
    def element_bits(self) -> int:
        """Bits of an element on AXI4-Stream."""
        return next(bits for bits in LANE_BITS if self.terminal.stream.bits <= bits)

    @property
    def total_bits(self) -> int:
        """Bits of a beat on AXI4-Stream."""
        return self.element_bits * self.terminal.stream.lanes


def lanes(design: StreamDesign) -> tuple[tuple[Lane, ...], tuple[Lane, ...]]:
    """The streams into and out of a wrapper."""
    network = design.network
    return (
        tuple(Lane(terminal, f"s_axis_{terminal.name}") for terminal in network.inputs),
        tuple(Lane(terminal, f"m_axis_{terminal.name}") for terminal in network.outputs),
    )


def write_axi(design: StreamDesign, out: str | Path) -> Path:
    """Write a design of streams with AXI4-Stream ports and AXI4-Lite registers around it.

    Every input is an AXI4-Stream subordinate, every output a manager; an element has 8, 16, 32 or
    64 bits there, with its sign. TLAST marks the last beat of a row. The clock is ``aclk``, the
    reset ``aresetn``.

    Args:
        design: The design; its files are copied.
        out: A folder that does not exist, is empty, or holds an older wrapper.

    Returns:
        The folder.

    Raises:
        BackendError: The weights of the design are loaded through a port of their own.
        CorruptOutput: A file of the design is missing.
        RunError: `out` holds something else, or cannot be written.
    """
    if design.is_loadable:
        raise BackendError(
            f'the weights of "{design.network.name}" are loaded through a port, which AXI has not',
            hint='use weights="fixed", or a shared accelerator',
        )
    texts = axi_sources(design)
    for path in design.sources():
        texts[path.relative_to(design.root).as_posix()] = path.read_text(encoding="utf-8")

    publish_texts(Path(out), texts, kind=KIND, about={"design": design.network.name})
    return Path(out)


def top_of(design: StreamDesign) -> str:
    """Name of the wrapper's module."""
    taken = {Path(name).stem for name in design.files}
    name = f"{design.network.name}_axi"
    while name in taken:
        name += "_top"
    return name


def axi_sources(design: StreamDesign) -> dict[str, str]:
    """The files of the wrapper beside those of the design, by name."""
    name = top_of(design)
    prefix = name.upper()
    header = [*AXI_REGISTERS.address_defines(prefix), *AXI_REGISTERS.bit_defines(prefix)]
    table = [*AXI_REGISTERS.table(), *AXI_REGISTERS.bit_tables()]
    return {
        f"{name}.v": "\n".join(_top(design, name)) + "\n",
        f"{module_name(AXI_REGISTERS)}.v": decoder(AXI_REGISTERS),
        **{f"{LIBRARY_FOLDER}/{part}.v": library_text(part) for part in LIBRARY},
        "registers.md": "\n".join(table) + "\n",
        "registers.h": "\n".join(["#pragma once", "", *header]) + "\n",
    }


def _top(design: StreamDesign, name: str) -> Iterator[str]:
    inputs, outputs = lanes(design)
    yield f"// {design.network.name} behind AXI4-Stream and AXI4-Lite."
    ports = ["input  wire aclk", "input  wire aresetn"]
    ports += [f"input  wire {_wide(bits)}s_axi_{pin}" for pin, bits in _LITE_IN.items()]
    ports += [f"output wire {_wide(bits)}s_axi_{pin}" for pin, bits in _LITE_OUT.items()]
    for side, here, there in ((inputs, "input ", "output"), (outputs, "output", "input ")):
        for lane in side:
            ports += [
                f"{here} wire {vector(lane.total_bits)} {lane.prefix}_tdata",
                f"{here} wire {lane.prefix}_tvalid",
                f"{there} wire {lane.prefix}_tready",
                f"{here} wire {lane.prefix}_tlast",
            ]
    yield from module(name, ports)
    yield from _registers(inputs, outputs)
    for lane in inputs:
        yield from _input(lane)
    for lane in outputs:
        yield from _output(lane)
    pins = {"clk": "aclk", "rst_n": "rst_n"}
    for lane in (*inputs, *outputs):
        port = lane.terminal.name
        pins |= {f"{port}_valid": f"{lane.prefix}_tvalid", f"{port}_ready": f"{lane.prefix}_tready"}
        pins |= {f"{port}_data": f"{lane.prefix}_beat"}
    yield ""
    yield from instance(design.network.name, "network", {}, pins)
    yield "endmodule"


def _wide(bits: int) -> str:
    return f"{vector(bits)} " if bits > 1 else ""


def _registers(inputs: tuple[Lane, ...], outputs: tuple[Lane, ...]) -> Iterator[str]:
    yield "  wire bus_valid, bus_ready, bus_error, restart;"
    yield "  wire [23:0] bus_address;"
    yield "  wire [31:0] bus_write_data, bus_read_data, rows_in, rows_out;"
    yield "  wire [3:0] bus_strobe;"
    yield "  wire rst_n = aresetn & ~restart;"
    yield f"  wire {vector(len(inputs))} misplaced;"
    clock = {"clk": "aclk", "rst_n": "aresetn"}
    bus = {name: name for name in ("bus_valid", "bus_address", "bus_write_data", "bus_strobe",
                                   "bus_ready", "bus_read_data", "bus_error")}  # fmt: skip
    lite = {f"s_axi_{pin}": f"s_axi_{pin}" for pin in (*_LITE_IN, *_LITE_OUT)}
    lite = {pin: signal for pin, signal in lite.items() if not pin.endswith("prot")}
    yield from instance(
        "axi_lite_bridge", "lite", {"ADDRESS_BITS": ADDRESS_BITS}, clock | lite | bus
    )
    yield from instance(
        module_name(AXI_REGISTERS),
        "registers",
        {},
        clock
        | bus
        | {"write_data": "", "restart_write": "restart", "rows_in_value": "rows_in"}
        | {"rows_out_value": "rows_out", "faults_last_set": "|misplaced", "faults_last": ""},
    )
    # Rows are counted where they are slowest to be whole: the last input, the last output.
    yield f"  assign rows_in = {inputs[-1].prefix}_rows;"
    yield f"  assign rows_out = {outputs[-1].prefix}_rows;"
    for number, lane in enumerate(inputs):
        moves = f"{lane.prefix}_tvalid & {lane.prefix}_tready"
        wrong = f"{lane.prefix}_tlast != {lane.prefix}_at_end"
        yield f"  assign misplaced[{number}] = {moves} & ({wrong});"


def _beats(lane: Lane) -> Iterator[str]:
    """What every stream has: its beats, and where a row ends."""
    prefix, stream = lane.prefix, lane.terminal.stream
    yield ""
    yield f"  wire {vector(stream.total_bits)} {prefix}_beat;"
    yield f"  wire {prefix}_at_end;"
    yield f"  wire [31:0] {prefix}_rows;"
    yield from instance(
        "row_beats",
        f"{prefix}_count",
        {"BEATS": stream.beats},
        {"clk": "aclk", "rst_n": "rst_n", "moves": f"{prefix}_tvalid & {prefix}_tready"}
        | {"last": f"{prefix}_at_end", "rows": f"{prefix}_rows"},
    )


def _input(lane: Lane) -> Iterator[str]:
    stream, wide = lane.terminal.stream, lane.element_bits
    yield from _beats(lane)
    for i in range(stream.lanes):
        place = f"{lane.prefix}_beat[{i * stream.bits}+:{stream.bits}]"
        yield f"  assign {place} = {lane.prefix}_tdata[{i * wide}+:{stream.bits}];"


def _output(lane: Lane) -> Iterator[str]:
    stream, wide = lane.terminal.stream, lane.element_bits
    yield from _beats(lane)
    yield f"  assign {lane.prefix}_tlast = {lane.prefix}_at_end;"
    for i in range(stream.lanes):
        value = f"{lane.prefix}_beat[{i * stream.bits}+:{stream.bits}]"
        if wide > stream.bits:
            top = f"{lane.prefix}_beat[{(i + 1) * stream.bits - 1}]"
            sign = top if stream.is_signed else "1'b0"
            value = f"{{{{{wide - stream.bits}{{{sign}}}}}, {value}}}"
        yield f"  assign {lane.prefix}_tdata[{i * wide}+:{wide}] = {value};"
