"""The registers of a chip on the bus: described once, for Verilog, C and people."""

from __future__ import annotations

from collections.abc import Iterator

from netwright.backends.registers import Field, Register, RegisterMap
from netwright.backends.rtl.chip.bank import CRC_BYTES, HEADER_BYTES, VERSION, Bank

IDENTITY = 0x574E
"""What the first register says: ``NW`` byte by byte."""

SHADOW = 0x1000
"""Where the bank that is written begins."""

ACTIVE = 0x8000
"""Where the bank that computes begins."""

COMMIT = 0xA5
CLEAR = 0x5A

STATUS = (
    Field("busy", 0),
    Field("loaded", 1),
    Field("fault", 2),
)
"""Bits of the status: a check runs; weights were committed; a fault is noted."""

FAULTS = (
    Field("crc", 0, meaning="a commit was refused: the CRC of the bank is wrong"),
    Field("size", 1, meaning="a commit was refused: the bank says another size"),
    Field("version", 2, meaning="a commit was refused: another version or layout"),
    Field("mode", 3, meaning="a commit was refused: there is no such mode"),
    Field("busy", 4, meaning="the bank was written or read, or a commit asked for, during a check"),
    Field("access", 5, meaning="there is no such register, it cannot be written, or the command is "
          "unknown"),
    Field("transfer", 6, meaning="a transfer ended in the middle of a byte"),
)  # fmt: skip
"""Bits of the faults."""


def registers(bank: Bank) -> RegisterMap:
    """All registers of a chip; a number has its lowest byte first."""
    found = (
        Register("identity", 0x0000, 'Always "NW".', size=2, constant=IDENTITY),
        Register("version", 0x0002, "Version of the bank's format.", size=1, constant=VERSION),
        Register("layout", 0x0003, "Layout of the bank.", size=2, constant=bank.layout),
        Register("size", 0x0005, "Bytes of the bank.", size=2, constant=bank.size),
        Register("status", 0x0007, "State", size=1, fields=STATUS),
        Register("faults", 0x0008, "Faults until cleared", size=1, fields=FAULTS,
                 bits_named="fault"),
        Register("generation", 0x0009, "Commits since the reset, modulo 16.", size=1),
        Register("mode", 0x000A, "Mode that is in use.", size=1),
        Register("command", 0x0010,
                 f"0x{COMMIT:02x} checks and commits the bank; 0x{CLEAR:02x} clears the faults.",
                 "w", size=1),
        Register("shadow", SHADOW, "The bank that a commit takes over.", "rw", size=bank.size),
        Register("active", ACTIVE, "The bank that computes.", size=bank.size),
    )  # fmt: skip
    return RegisterMap("registers", found)


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
    found = registers(bank)
    lines = [*found.table(), *found.bit_tables()]
    lines += ["", "| byte of the bank | bytes | what |", "| --- | --- | --- |"]
    lines += [f"| {place} | {size} | {what} |" for place, size, what in bank_fields(bank)]
    return "\n".join(lines) + "\n"


def c_header(name: str, bank: Bank) -> str:
    """The registers as a header for C."""
    guard = f"{name}_REGISTERS_H".upper()
    prefix = name.upper()
    found = registers(bank)
    lines = [f"#ifndef {guard}", f"#define {guard}", "", "/* Addresses; see registers.md. */"]
    lines += found.address_defines(prefix)
    lines += ["", "/* What they say or take. */"]
    said = {"BANK_VERSION": VERSION, "BANK_LAYOUT": bank.layout, "BANK_SIZE": bank.size,
            "BANK_MODE_PLACE": HEADER_BYTES - 1, "COMMAND_COMMIT": COMMIT,
            "COMMAND_CLEAR": CLEAR}  # fmt: skip
    lines += [f"#define {prefix}_{key} 0x{value:x}u" for key, value in said.items()]
    lines += found.bit_defines(prefix)
    return "\n".join([*lines, "", "#endif", ""])
