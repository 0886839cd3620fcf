"""Registers that a bus reaches: described once, for Verilog, C and people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Access = Literal["r", "w", "rw", "w1c"]
"""What a bus may do: read, write, both, or read bits and clear those that it writes as 1."""


@dataclass(frozen=True, slots=True)
class Field:
    """Some neighboring bits of a register.

    Attributes:
        name: Name of the bits.
        low: The lowest of them.
        width: How many.
        meaning: What they say; a few words.
    """

    name: str
    low: int
    width: int = 1
    meaning: str = ""

    @property
    def mask(self) -> int:
        """The bits as a number."""
        return ((1 << self.width) - 1) << self.low


@dataclass(frozen=True, slots=True)
class Register:
    """Some bytes on a bus.

    Attributes:
        name: Name in headers, drivers and Verilog.
        offset: Of its first byte from the base of its map.
        meaning: One sentence, without the full stop where fields follow.
        access: What a bus may do.
        size: Bytes; a number has its lowest byte first.
        fields: Its bits, where they have names.
        constant: What it always says; ``None`` if that changes.
        bits_named: What stands for the register in the names of its bits; its own name if empty.
    """

    name: str
    offset: int
    meaning: str
    access: Access = "r"
    size: int = 4
    fields: tuple[Field, ...] = ()
    constant: int | None = None
    bits_named: str = ""

    @property
    def sentence(self) -> str:
        """The meaning with the names of all bits, as a table has it."""
        if not self.fields:
            return self.meaning
        bits = ", ".join(f"{_place(field)} {field.name}" for field in self.fields)
        return f"{self.meaning}: {bits}."


def _place(field: Field) -> str:
    if field.width == 1:
        return f"bit {field.low}"
    return f"bits {field.low} to {field.low + field.width - 1}"


@dataclass(frozen=True, slots=True)
class RegisterMap:
    """Registers side by side.

    Attributes:
        name: Name of what they belong to.
        registers: All of them, by offset; none overlaps another.
        base: Address of the first byte.
        meaning: What they are for; one sentence.
    """

    name: str
    registers: tuple[Register, ...]
    base: int = 0
    meaning: str = ""

    def __post_init__(self) -> None:
        end = 0
        for register in self.registers:
            assert register.offset >= end, f"{register.name} overlaps its neighbor"
            end = register.offset + register.size
            taken = 0
            for field in register.fields:
                assert not taken & field.mask, f"{register.name}.{field.name} overlaps another"
                assert field.mask < 1 << (8 * register.size), f"{field.name} is out of its register"
                taken |= field.mask

    @property
    def size(self) -> int:
        """Bytes from the base to the end of the last register."""
        last = self.registers[-1]
        return last.offset + last.size

    def __getitem__(self, name: str) -> Register:
        return next(register for register in self.registers if register.name == name)

    def address(self, name: str) -> int:
        """Address of a register."""
        return self.base + self[name].offset

    def table(self, *, digits: int = 4) -> Iterator[str]:
        """The lines of a table in Markdown.

        Args:
            digits: Hexadecimal digits of an address.
        """
        yield "| address | bytes | access | register | meaning |"
        yield "| --- | --- | --- | --- | --- |"
        for r in self.registers:
            address = f"0x{self.base + r.offset:0{digits}x}"
            yield f"| {address} | {r.size} | {r.access} | {r.name} | {r.sentence} |"

    def bit_tables(self) -> Iterator[str]:
        """The lines of a table for every register whose bits say more than their names."""
        for register in self.registers:
            if not any(field.meaning for field in register.fields):
                continue
            yield ""
            yield f"| {register.bits_named or register.name} | meaning |"
            yield "| --- | --- |"
            for field in register.fields:
                yield f"| {_place(field)}, {field.name} | {field.meaning} |"

    def address_defines(self, prefix: str, *, digits: int = 4) -> Iterator[str]:
        """A line of C for the address of every register.

        Args:
            prefix: What the names begin with.
            digits: Hexadecimal digits of an address.
        """
        for r in self.registers:
            yield f"#define {prefix}_{r.name.upper()} 0x{self.base + r.offset:0{digits}x}u"

    def bit_defines(self, prefix: str) -> Iterator[str]:
        """Lines of C for the bits of every register, and for the place of wider fields."""
        for register in self.registers:
            for field in register.fields:
                owner = register.bits_named or register.name
                name = f"{prefix}_{owner}_{field.name}".upper()
                yield f"#define {name} 0x{field.mask:02x}u"
                if field.width > 1:
                    yield f"#define {name}_LOW {field.low}"
