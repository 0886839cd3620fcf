import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from netwright.backends import tools
from netwright.backends.soc import SocDesign, program
from netwright.backends.soc.program import memory_text
from netwright.backends.soc.simulation import SimulatedChip
from netwright.errors import BackendError, CorruptOutput, DoesNotFit, ToolFailed, ToolMissing
from tests.backends.rtl.graphs import few_cells
from tests.backends.soc.chips import needs_chip, needs_compiler, unrolled

OWN = """
#include "driver.h"

static volatile uint32_t faults;

void while_full(void) {}
void handle_interrupt(uint32_t pending) {
  faults += pending == INTERRUPT_FAULT;
  REGISTER(SYSTEM_FAULTS) = SYSTEM_FAULTS_BUS;
}
static void say(uint32_t number) {
  uart_number(number, 8);
  uart_character('\\n');
}
static void try(uint32_t address, int writes) {
  uint32_t before = faults;
  if (writes) REGISTER(address) = 1; else (void)REGISTER(address);
  say(REGISTER(SYSTEM_BUS_ADDRESS) == address ? faults - before : 99);
}
int main(void) {
  say(REGISTER(SYSTEM_IDENTITY));
  REGISTER(TIMER_LIMIT) = 0x12345678;
  say(REGISTER(TIMER_LIMIT));
  try(0x70000000u, 0);               /* nobody */
  try(ROM, 1);                       /* cannot be written */
  try(ROM_BYTES, 0);                 /* behind the end */
  try(SYSTEM_IDENTITY, 1);           /* read only */
  try(UART_DATA, 0);                 /* written only */
  try(RESULTS, 1);
  try(EVENT_BUFFER, 1);
  try(INPUTS, 0);
  try(UART + 0x40, 0);
  *(volatile uint8_t *)TIMER_LIMIT = 1; /* less than a word */
  say(faults);
  for (int i = 0; i < 40; ++i) REGISTER(UART_DATA) = ' ';
  while (REGISTER(UART_STATUS) & UART_STATUS_BUSY) {
  }
  say(REGISTER(UART_FAULTS));
  REGISTER(UART_FAULTS) = UART_FAULTS_OVERFLOW;
  say(REGISTER(UART_FAULTS));
  __asm__ volatile(".word 0");
  for (;;) {
  }
}
"""


@pytest.fixture
def chip(tmp_path: Path) -> SocDesign:
    return unrolled().generate(few_cells(), tmp_path / "chip")


@needs_chip
def test_the_bus_refuses_what_nobody_answers(chip: SocDesign) -> None:
    text = OWN.replace("UART + 0x40", "0x30000040u").replace("(INPUTS", "(0x61000000u")
    (chip.root / "firmware" / "main.c").write_text(text)
    with SimulatedChip(chip.library()) as running:
        lines = running.play(lines=14, max_idle=100_000).split("\n")
    assert lines[0] == "4e575343"
    assert lines[1] == "12345678"
    assert lines[2:11] == ["00000001"] * 9
    assert lines[11] == "0000000a"
    assert lines[12].strip() == "00000001"
    assert lines[13] == "00000000"


@needs_chip
def test_the_watchdog_ends_what_hangs_and_the_chip_goes_on(tmp_path: Path) -> None:
    chip = unrolled(watchdog_cycles=10_000).generate(few_cells(), tmp_path / "chip")
    hanging = (
        '#include "software.h"\n'
        "void software_run(const volatile uint32_t *samples, uint32_t *results) {\n"
        "  for (;;) results[0] = samples[0];\n}\n"
    )
    (chip.root / "firmware" / "software.c").write_text(hanging)
    with SimulatedChip(chip.library()) as running:
        assert running.play(lines=2) == "\nB 0\n"
        said = running.play([bytes([2, 1, 2, 3, 0])], lines=2, max_idle=30_000)
        assert said == "\nB 1\n"
        assert running.clocks > 10_000
        (line,) = running.play([bytes([1, 1, 2, 3, 0])], lines=1).splitlines()
    assert line.startswith("R 00000001 ")


@needs_compiler
def test_a_program_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    chip = unrolled(rom_bytes=1024).generate(few_cells(), tmp_path / "chip")
    with pytest.raises(DoesNotFit, match=r"needs \d,\d{3} rom_bytes, and there are 1,024") as told:
        chip.program()
    assert told.value.hint == "raise rom_bytes, or leave it out for as many as are needed"
    needed = -(-told.value.needed // 4) * 4
    unrolled(rom_bytes=needed).generate(few_cells(), tmp_path / "larger").program()


@needs_compiler
@pytest.mark.parametrize("name", ["main.c", "start_picorv32.S"])
def test_a_source_that_is_gone_is_named(chip: SocDesign, name: str) -> None:
    (chip.root / "firmware" / name).unlink()
    with pytest.raises(CorruptOutput, match=rf"firmware/{name}: missing or changed"):
        chip.program()


@needs_compiler
def test_what_the_compiler_says_of_a_source_is_told(chip: SocDesign) -> None:
    (chip.root / "firmware" / "main.c").write_text("int main(void) { return nothing; }\n")
    with pytest.raises(ToolFailed, match="nothing"):
        chip.program()


def test_a_missing_compiler_is_named(chip: SocDesign, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = replace(tools.RISCV_GCC, command="no-such-compiler")
    monkeypatch.setattr(program, "RISCV_GCC", missing)
    with pytest.raises(ToolMissing, match="riscv64-unknown-elf-gcc") as caught:
        chip.build()
    assert "apt install gcc-riscv64-unknown-elf" in str(caught.value)


def test_the_memory_holds_the_program() -> None:
    text = memory_text(b"\x01\x02\x03\x04\xff", 64)
    words = re.findall(r"words\[(\d+)\] = 32'h(\w+);", text)
    assert words == [("0", "04030201"), ("1", "000000ff")]
    with pytest.raises(BackendError, match="the program takes 68 bytes; its memory has 64"):
        memory_text(bytes(68), 64)
    assert np.all([len(word) == 8 for _, word in words])
