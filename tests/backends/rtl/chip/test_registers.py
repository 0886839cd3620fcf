import re

from netwright.backends.rtl.chip.bank import Bank
from netwright.backends.rtl.chip.registers import (
    FAULTS,
    bank_fields,
    c_header,
    markdown,
    registers,
)
from tests.backends.rtl.chip.graphs import encoder

BANK = Bank.of(encoder(), (3, 5, 7, 9))


def test_registers_do_not_overlap() -> None:
    assert registers(BANK).size <= 0x10000  # the map itself refuses registers that overlap


def test_the_fields_cover_the_bank() -> None:
    end = 0
    for place, size, _ in bank_fields(BANK):
        assert place == end
        end += size
    assert end == BANK.size


def test_table_and_header_say_the_same_addresses() -> None:
    table, header = markdown(BANK), c_header("tiny", BANK)
    for register in registers(BANK).registers:
        assert f"| 0x{register.offset:04x} | {register.size} | {register.access} |" in table
        assert f"#define TINY_{register.name.upper()} 0x{register.offset:04x}u" in header
    assert f"#define TINY_BANK_SIZE 0x{BANK.size:x}u" in header


def test_every_fault_has_a_bit_and_a_meaning() -> None:
    assert all(field.meaning for field in FAULTS)
    header = c_header("tiny", BANK)
    bits = [int(b, 16) for b in re.findall(r"#define TINY_FAULT_\w+ (0x\w\w)u", header)]
    assert bits == [1 << place for place in range(len(FAULTS))]
