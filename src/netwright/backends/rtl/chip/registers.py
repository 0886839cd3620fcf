"""The registers of a chip on the bus: described once, for Verilog, C and people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from netwright.backends.rtl.chip.bank import CRC_BYTES, HEADER_BYTES, VERSION, Bank

IDENTITY = 0x574E
"""What the first register says: ``NW`` byte by byte."""

SHADOW = 0x1000
"""Where the bank that is written begins."""

ACTIVE = 0x8000
"""Where the bank that computes begins."""

COMMIT = 0xA5
CLEAR = 0x5A

STATUS = ("busy", "loaded", "fault")
"""Bits of the status, the lowest first: a check runs; weights were committed; a fault is noted."""

FAULTS = ("crc", "size", "version", "mode", "busy", "access", "transfer")
"""Bits of the faults, the lowest first."""

FAULT_MEANINGS = {
    "crc": "a commit was refused: the CRC of the bank is wrong",
    "size": "a commit was refused: the bank says another size",
    "version": "a commit was refused: another version or layout",
    "mode": "a commit was refused: there is no such mode",
    "busy": "the bank was written or read, or a commit asked for, during a check",
    "access": "there is no such register, it cannot be written, or the command is unknown",
    "transfer": "a transfer ended in the middle of a byte",
}


@dataclass(frozen=True, slots=True)
class Register:
    """Some bytes on the bus.

    Attributes:
        name: Name in the header and the driver.
        address: Of its first byte.
        size: Bytes; a number has its lowest byte first.
        access: ``"r"``, ``"w"`` or ``"rw"``.
        meaning: One sentence.
        source: Verilog of what a read gives; empty where it cannot be read as a number.
    """

    name: str
    address: int
    size: int
    access: str
    meaning: str
    source: str = ""


def registers(bank: Bank) -> tuple[Register, ...]:
    """All registers of a chip, by address."""
    status = ", ".join(f"bit {i} {name}" for i, name in enumerate(STATUS))
    faults = ", ".join(f"bit {i} {name}" for i, name in enumerate(FAULTS))
    return (
        Register("identity", 0x0000, 2, "r", 'Always "NW".', f"16'h{IDENTITY:04x}"),
        Register("version", 0x0002, 1, "r", "Version of the bank's format.", f"8'd{VERSION}"),
        Register("layout", 0x0003, 2, "r", "Layout of the bank.", f"16'h{bank.layout:04x}"),
        Register("size", 0x0005, 2, "r", "Bytes of the bank.", f"16'd{bank.size}"),
        Register("status", 0x0007, 1, "r", f"State: {status}.", "{5'd0, |faults, loaded, busy}"),
        Register("faults", 0x0008, 1, "r", f"Faults until cleared: {faults}.", "{1'd0, faults}"),
        Register("generation", 0x0009, 1, "r", "Commits since the reset, modulo 16.",
                 "{4'd0, generation}"),
        Register("mode", 0x000A, 1, "r", "Mode that is in use.", "{6'd0, mode}"),
        Register("command", 0x0010, 1, "w",
                 f"0x{COMMIT:02x} checks and commits the bank; 0x{CLEAR:02x} clears the faults."),
        Register("shadow", SHADOW, bank.size, "rw", "The bank that a commit takes over."),
        Register("active", ACTIVE, bank.size, "r", "The bank that computes."),
    )  # fmt: skip


def bank_fields(bank: Bank) -> Iterator[tuple[int, int, str]]:
    """First byte, bytes and meaning of every part of a bank."""
    yield 0, 1, f"version, {VERSION}"
    yield 1, 2, f"layout, 0x{bank.layout:04x}"
    yield 3, 2, f"size, {bank.size}"
    yield HEADER_BYTES - 1, 1, f"mode, from 0 to {bank.num_modes - 1}"
    for field in bank.fields:
        sign = "two's complement" if field.signed else "unsigned"
        order = "" if field.value_bytes == 1 else "; the lowest byte of every value first"
        yield (
            field.place,
            field.size,
            f"{field.tensor}: {field.count} values of {field.bits} bits, {sign}{order}",
        )
    yield bank.size - CRC_BYTES, CRC_BYTES, "CRC-16 (0x1021, start 0xffff) of all bytes before it"


def markdown(bank: Bank) -> str:
    """The registers and the bank as tables."""
    lines = ["| address | bytes | access | register | meaning |", "| --- | --- | --- | --- | --- |"]
    lines += [
        f"| 0x{r.address:04x} | {r.size} | {r.access} | {r.name} | {r.meaning} |"
        for r in registers(bank)
    ]
    lines += ["", "| fault | meaning |", "| --- | --- |"]
    lines += [f"| bit {i}, {name} | {FAULT_MEANINGS[name]} |" for i, name in enumerate(FAULTS)]
    lines += ["", "| byte of the bank | bytes | what |", "| --- | --- | --- |"]
    lines += [f"| {place} | {size} | {what} |" for place, size, what in bank_fields(bank)]
    return "\n".join(lines) + "\n"


def c_header(name: str, bank: Bank) -> str:
    """The registers as a header for C."""
    guard = f"{name}_REGISTERS_H".upper()
    prefix = name.upper()
    numbers = [(f"{r.name}", r.address) for r in registers(bank)]
    lines = [f"#ifndef {guard}", f"#define {guard}", "", "/* Addresses; see registers.md. */"]
    lines += [f"#define {prefix}_{key.upper()} 0x{value:04x}u" for key, value in numbers]
    lines += ["", "/* What they say or take. */"]
    said = {"BANK_VERSION": VERSION, "BANK_LAYOUT": bank.layout, "BANK_SIZE": bank.size,
            "BANK_MODE_PLACE": HEADER_BYTES - 1, "COMMAND_COMMIT": COMMIT,
            "COMMAND_CLEAR": CLEAR}  # fmt: skip
    lines += [f"#define {prefix}_{key} 0x{value:x}u" for key, value in said.items()]
    lines += [f"#define {prefix}_STATUS_{n.upper()} 0x{1 << i:02x}u" for i, n in enumerate(STATUS)]
    lines += [f"#define {prefix}_FAULT_{n.upper()} 0x{1 << i:02x}u" for i, n in enumerate(FAULTS)]
    return "\n".join([*lines, "", "#endif", ""])
