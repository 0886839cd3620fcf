"""Where everything on the chip's bus lies: memories, registers and the ports of the network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from netwright.backends.registers import Field, Register, RegisterMap

IDENTITY = 0x4E57_5343
"""What the first register of the system says: ``NWSC`` as a number."""

ROM, RAM = 0x0000_0000, 0x1000_0000
SYSTEM, UART, TIMER = 0x2000_0000, 0x3000_0000, 0x4000_0000
EVENTS, EVENT_BUFFER = 0x5000_0000, 0x5100_0000
NETWORK, INPUTS, RESULTS = 0x6000_0000, 0x6100_0000, 0x6200_0000
ACCELERATOR, ACCELERATOR_BYTES = 0x6300_0000, 1 << 22

SYSTEM_REGISTERS = RegisterMap(
    "system",
    (
        Register("identity", 0x00, "Always 0x4e575343.", constant=IDENTITY),
        Register(
            "faults", 0x04, "Faults until cleared", "w1c", fields=(
                Field("bus", 0, meaning="nobody answers at an address, or not to such an access"),
                Field("watchdog", 1, meaning="the core was reset by the watchdog"),
            ),
        ),
        Register("bus_address", 0x08, "Address of the first bus error that is noted."),
    ),
    SYSTEM,
    "What the chip is, and what went wrong on its bus.",
)  # fmt: skip

UART_REGISTERS = RegisterMap(
    "uart",
    (
        Register("data", 0x00, "The next byte to send, in the lowest bits.", "w"),
        Register("status", 0x04, "State", fields=(
            Field("full", 0, meaning="the next byte would be lost"),
            Field("busy", 1, meaning="bytes are under way"),
        )),
        Register("faults", 0x08, "Faults until cleared", "w1c", fields=(
            Field("overflow", 0, meaning="a byte found the queue full, and is lost"),
        )),
    ),
    UART,
    "The transmitter: eight bits, no parity, one stop bit.",
)  # fmt: skip

TIMER_REGISTERS = RegisterMap(
    "timer",
    (
        Register("now", 0x00, "Clocks since the reset, modulo 2^32."),
        Register(
            "limit",
            0x04,
            "Clocks that an event may wait before the watchdog acts; 0: for ever.",
            "rw",
        ),
        Register("kick", 0x08, "Any write restarts the watchdog.", "w"),
    ),
    TIMER,
    "The time, and the watchdog that resets the core.",
)

EVENT_REGISTERS = RegisterMap(
    "events",
    (
        Register("status", 0x00, "State", fields=(
            Field("waiting", 0, meaning="an event is there to be read; the interrupt is up"),
            Field("free", 1, meaning="a buffer is free for the next event"),
        )),
        Register("number", 0x04, "Number of the event: frames before it, refused ones included."),
        Register("command", 0x08, "First byte of its frame."),
        Register("time", 0x0C, "Clock in which its interrupt rose."),
        Register("release", 0x10, "Any write gives the buffer back.", "w"),
        Register("faults", 0x14, "Faults until cleared", "w1c", fields=(
            Field("short", 0, meaning="a frame ended before its last byte"),
            Field("broken", 1, meaning="a frame ended inside a byte"),
            Field("long", 2, meaning="a frame went on behind its last byte"),
            Field("overrun", 3, meaning="a frame came while both buffers were full"),
        )),
    ),
    EVENTS,
    "Events from the SPI input; a frame that is refused leaves nothing but a fault.",
)  # fmt: skip

NETWORK_REGISTERS = RegisterMap(
    "network",
    (
        Register("status", 0x00, "State", fields=(
            Field("done", 0, meaning="all results of a row are there"),
        )),
        Register("release", 0x04, "Any write makes room for the results of the next row.", "w"),
        Register("restart", 0x08, "Any write resets the network and its ports.", "w"),
        Register("first_time", 0x0C, "Clock in which the first word of the row was taken."),
        Register("last_time", 0x10, "Clock in which the last element of the row was taken."),
        Register("done_time", 0x14, "Clock in which the last result was there."),
    ),
    NETWORK,
    "The network, and when it did what.",
)  # fmt: skip

BLOCKS = (SYSTEM_REGISTERS, UART_REGISTERS, TIMER_REGISTERS, EVENT_REGISTERS, NETWORK_REGISTERS)
"""All registers, by base."""


@dataclass(frozen=True, slots=True)
class Region:
    """A piece of the address space that something on the bus answers in.

    Attributes:
        name: Name of what answers.
        base: First address; its lowest 24 bits are zero.
        size: Bytes, a multiple of 4.
        meaning: What it is.
    """

    name: str
    base: int
    size: int
    meaning: str


def regions(
    *,
    rom_bytes: int,
    ram_bytes: int,
    event_bytes: int,
    num_inputs: int,
    result_words: int,
    shared: bool = False,
) -> tuple[Region, ...]:
    """The whole address space of a chip, by base.

    Args:
        rom_bytes: Of the program.
        ram_bytes: Of its data.
        event_bytes: Of one event, a multiple of 4.
        num_inputs: Inputs of the network.
        result_words: Words of all results.
        shared: Whether the network is one accelerator that all layers use, on the bus itself.
    """
    about = "the accelerator: its registers, descriptors, weights and feature maps"
    network = [
        Region("inputs", INPUTS, 4 * num_inputs, "a word for every input; takes samples"),
        Region("results", RESULTS, 4 * result_words, "results of the row"),
    ]
    found = [
        Region("rom", ROM, rom_bytes, "program and constants; cannot be written"),
        Region("ram", RAM, ram_bytes, "data and stack"),
        Region("event_buffer", EVENT_BUFFER, event_bytes, "samples of the event that waits"),
        *([Region("accelerator", ACCELERATOR, ACCELERATOR_BYTES, about)] if shared else network),
        *(Region(block.name, block.base, block.size, "registers") for block in BLOCKS),
    ]
    return tuple(sorted(found, key=lambda region: region.base))


def markdown(space: tuple[Region, ...]) -> str:
    """The address space and all registers as tables."""
    lines = ["| from | bytes | what | meaning |", "| --- | --- | --- | --- |"]
    lines += [f"| 0x{r.base:08x} | {r.size} | {r.name} | {r.meaning} |" for r in space]
    for block in BLOCKS:
        lines += ["", f"## {block.name}", "", block.meaning, ""]
        lines += [*block.table(digits=8), *block.bit_tables()]
    return "\n".join(["# Addresses", "", *lines]) + "\n"


def c_header(space: tuple[Region, ...]) -> str:
    """The address space and all registers as a header for C."""
    lines = ["#ifndef REGISTERS_H", "#define REGISTERS_H", "", "/* Addresses; see registers.md. */"]
    lines += [
        f"#define {r.name.upper()} 0x{r.base:08x}u" for r in space if r.meaning != "registers"
    ]
    lines += [
        f"#define {r.name.upper()}_BYTES {r.size}u" for r in space if r.meaning != "registers"
    ]
    for block in BLOCKS:
        prefix = block.name.upper()
        lines += ["", *block.address_defines(prefix, digits=8), *block.bit_defines(prefix)]
    return "\n".join([*lines, "", "#endif", ""])


def bus_text(space: tuple[Region, ...]) -> str:
    """The module that hands every access to the one who answers, and refuses the others."""
    return "\n".join(_bus(space)) + "\n"


def _bus(space: tuple[Region, ...]) -> Iterator[str]:
    yield "// One access at a time; an address that belongs to nobody is answered with an error."
    yield "module soc_bus ("
    ports = ["input  wire clk", "input  wire rst_n", "input  wire bus_valid",
             "input  wire [31:0] bus_address", "output wire bus_ready",
             "output wire [31:0] bus_read_data", "output wire bus_error"]  # fmt: skip
    for region in space:
        name = region.name
        ports += [f"output wire {name}_valid", f"input  wire {name}_ready",
                  f"input  wire [31:0] {name}_read_data", f"input  wire {name}_error"]  # fmt: skip
    yield ",\n".join(f"    {port}" for port in ports)
    yield ");"
    for region in space:
        inside = f"bus_address[31:24] == 8'h{region.base >> 24:02x}"
        below = f"bus_address[23:0] < 24'h{region.size:06x}"
        yield f"  wire is_{region.name} = {inside} & {below};"
        yield f"  assign {region.name}_valid = bus_valid & is_{region.name};"
    yield "  wire nobody = ~(" + " | ".join(f"is_{region.name}" for region in space) + ");"
    yield "  reg refused;"
    yield "  always @(posedge clk) refused <= rst_n & bus_valid & nobody & ~refused;"
    ready = [f"(is_{region.name} & {region.name}_ready)" for region in space]
    yield "  assign bus_ready = refused | " + "\n    | ".join(ready) + ";"
    data = [f"({{32{{is_{r.name}}}}} & {r.name}_read_data)" for r in space]
    yield "  assign bus_read_data = " + "\n    | ".join(data) + ";"
    errors = [f"(is_{region.name} & {region.name}_ready & {region.name}_error)" for region in space]
    yield "  assign bus_error = refused | " + "\n    | ".join(errors) + ";"
    yield "endmodule"
