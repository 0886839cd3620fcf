"""Tests that run inside a simulator (cocotb): a controller of our own talks I2C to a chip.

The controller is not that of the package: it waits for edges of the chip's clock, lets lines go
and pulls them, and changes data in the very clock in which the clock line falls, as the standard
allows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge

from netwright.backends.rtl.chip import WeightImage
from netwright.backends.rtl.chip.bank import Bank
from netwright.backends.rtl.chip.check import random_charges
from netwright.backends.rtl.chip.registers import ACTIVE, CLEAR, COMMIT, FAULTS, SHADOW
from netwright.formats import shared_exponent
from netwright.ir import Interpreter
from tests.backends.rtl.chip.graphs import dense

MODES = (3, 5, 7, 9)
GRAPHS = [dense(seed) for seed in range(3)]
BANK = Bank.of(GRAPHS[0], MODES)
ADDRESS = 0x2A
STATUS, FAULT, GENERATION, MODE, COMMAND = 0x0007, 0x0008, 0x0009, 0x000A, 0x0010
HALF = 8
"""Clocks of half a period: the fastest bus that the chip follows."""


def image(number: int, mode: int = 0) -> WeightImage:
    return WeightImage.of(BANK, GRAPHS[number], mode=mode)


@dataclass
class Wires:
    """The bus: lines that are high unless somebody pulls them."""

    dut: Any
    scl: int = 1
    sda: int = 1
    spike: int = 0

    async def step(self, clocks: int = 1) -> None:
        """Some clocks of the chip with the lines as they are."""
        for _ in range(clocks):
            await FallingEdge(self.dut.clk)
            line = self.sda and not int(self.dut.sda_low.value)
            if self.spike:
                self.spike -= 1
                self.dut.scl.value = 1 - self.scl
                self.dut.sda.value = 1 - int(line)
            else:
                self.dut.scl.value = self.scl
                self.dut.sda.value = int(line)

    async def start(self) -> None:
        self.sda = 1
        await self.step(HALF)
        self.scl = 1
        await self.step(HALF)
        self.sda = 0
        await self.step(HALF)
        self.scl = 0

    async def stop(self) -> None:
        self.sda = 0
        await self.step(HALF)
        self.scl = 1
        await self.step(HALF)
        self.sda = 1
        await self.step(2 * HALF)

    async def bit(self, level: int) -> int:
        """Data changes with the falling clock: here and nowhere else."""
        self.scl, self.sda = 0, level
        await self.step(HALF)
        self.scl = 1
        await self.step(HALF)
        seen = int(self.sda and not int(self.dut.sda_low.value))
        self.scl = 0
        return seen

    async def send(self, octet: int) -> bool:
        for place in range(7, -1, -1):
            await self.bit(octet >> place & 1)
        return await self.bit(1) == 0

    async def take(self, *, last: bool) -> int:
        octet = 0
        for _ in range(8):
            octet = octet << 1 | await self.bit(1)
        await self.bit(int(last))
        return octet

    async def write(self, pointer: int, data: bytes, *, address: int = ADDRESS) -> list[bool]:
        await self.start()
        answers = [await self.send(octet) for octet in
                   (address << 1, pointer >> 8, pointer & 255, *data)]  # fmt: skip
        await self.stop()
        return answers

    async def read(self, pointer: int, count: int) -> bytes:
        await self.start()
        assert await self.send(ADDRESS << 1)
        assert await self.send(pointer >> 8)
        assert await self.send(pointer & 255)
        await self.start()
        assert await self.send(ADDRESS << 1 | 1)
        taken = bytes([await self.take(last=number == count - 1) for number in range(count)])
        await self.stop()
        return taken

    async def faults(self) -> set[str]:
        (octet,) = await self.read(FAULT, 1)
        return {field.name for field in FAULTS if octet & field.mask}

    async def commit(self) -> None:
        assert all(await self.write(COMMAND, bytes([COMMIT])))
        while (await self.read(STATUS, 1))[0] & 1:
            pass

    async def load(self, loaded: WeightImage) -> None:
        assert all(await self.write(SHADOW, loaded.data))
        await self.commit()
        assert await self.faults() == set()


async def begin(dut: Any) -> Wires:
    wires = Wires(dut)
    cocotb.start_soon(Clock(dut.clk, 2, unit="step").start())
    dut.charges_data.value, dut.rst_n.value, dut.scl.value, dut.sda.value = 0, 0, 1, 1
    await wires.step(4)
    dut.rst_n.value = 1
    await wires.step(20)
    return wires


def words(charges: np.ndarray, number: int, mode: int, generation: int) -> int:
    """The word of a row without crossing and fault, worked out here bit by bit."""
    codes, exponents = shared_exponent(charges[None], 8)
    (outputs,) = Interpreter.of(GRAPHS[number]).run(codes / 128).values()
    bits = MODES[mode]
    word = mode | generation << 2 | int(exponents[0]) << 11
    for place, output in enumerate(outputs[0].tolist()):
        word |= (int(output) >> (9 - bits)) << (16 + place * bits)
    return word


async def watch(dut: Any, wires: Wires, number: int, mode: int, generation: int) -> None:
    """Ten rows, one a clock; the clock that takes a row shows its word."""
    for charges in random_charges(10, 4, 22, seed=mode):
        dut.charges_data.value = sum(int(q) << 22 * place for place, q in enumerate(charges))
        await wires.step()
        got = int(dut.links_data.value) & ~(0b11111 << 6)
        expected = words(charges, number, mode, generation)
        assert got == expected, (hex(got), hex(expected))


@cocotb.test()
async def three_weight_sets_in_all_modes(dut: Any) -> None:
    wires = await begin(dut)
    assert await wires.read(0, 7) == b"NW\x01" + bytes(
        [BANK.layout & 255, BANK.layout >> 8, BANK.size & 255, BANK.size >> 8]
    )
    generation = 0
    for number in range(3):
        for mode in range(4):
            loaded = image(number, mode)
            if mode == 0:
                await wires.load(loaded)
            else:
                assert all(await wires.write(SHADOW + 5, loaded.data[5:6]))
                assert all(await wires.write(SHADOW + BANK.size - 2, loaded.data[-2:]))
                await wires.commit()
            generation += 1
            await watch(dut, wires, number, mode, generation)
        assert await wires.read(ACTIVE, BANK.size) == loaded.data
        assert await wires.read(SHADOW, BANK.size) == loaded.data
    assert await wires.read(GENERATION, 2) == bytes([generation % 16, 3])


@cocotb.test()
async def words_change_between_two_crossings_while_wafers_come(dut: Any) -> None:
    wires = await begin(dut)
    await wires.load(image(1, 3))
    charges = random_charges(9, 4, 22)[5]
    dut.charges_data.value = sum(int(q) << 22 * place for place, q in enumerate(charges))
    await wires.step(3)
    seen = set()

    async def record() -> None:
        while True:
            await FallingEdge(dut.clk)
            seen.add(int(dut.links_data.value) & ~(0b11111 << 6))

    task = cocotb.start_soon(record())
    await wires.load(image(2, 1))
    await wires.step(3)
    task.cancel()
    assert seen == {words(charges, 1, 3, 1), words(charges, 2, 1, 2)}


@cocotb.test()
async def nobody_answers_at_another_address(dut: Any) -> None:
    wires = await begin(dut)
    answers = await wires.write(SHADOW, image(1).data, address=ADDRESS ^ 1)
    assert not any(answers)
    assert await wires.read(SHADOW, BANK.size) == bytes(BANK.size)
    assert await wires.faults() == set()


@cocotb.test()
async def a_truncated_transfer_changes_nothing_and_is_noted(dut: Any) -> None:
    wires = await begin(dut)
    good = image(1)
    await wires.load(good)
    await wires.start()
    for octet in (ADDRESS << 1, SHADOW >> 8, SHADOW & 255, *image(2).data[:9]):
        assert await wires.send(octet)
    for level in (1, 0, 1):
        await wires.bit(level)
    await wires.stop()
    assert await wires.faults() == {"transfer"}
    await wires.commit()
    assert await wires.faults() == {"transfer", "crc"}
    assert await wires.read(ACTIVE, BANK.size) == good.data
    await watch(dut, wires, 1, 0, 1)
    assert all(await wires.write(COMMAND, bytes([CLEAR])))
    assert await wires.faults() == set()
    await wires.load(image(2))
    await watch(dut, wires, 2, 0, 2)


@cocotb.test()
async def a_start_in_the_middle_of_a_byte_begins_anew(dut: Any) -> None:
    wires = await begin(dut)
    await wires.start()
    assert await wires.send(ADDRESS << 1)
    for level in (0, 1, 1, 0, 1):
        await wires.bit(level)
    assert all(await wires.write(SHADOW + 8, b"\x15"))
    assert await wires.read(SHADOW + 8, 1) == b"\x15"
    assert await wires.faults() == {"transfer"}


@cocotb.test()
async def spikes_of_two_clocks_pass_unseen(dut: Any) -> None:
    wires = await begin(dut)
    random = np.random.default_rng(4)
    step = wires.step

    async def noisy(clocks: int = 1) -> None:
        if clocks == HALF and random.random() < 0.3:  # in the middle of a level
            await step(3)
            wires.spike = 2
            await step(clocks - 3)
        else:
            await step(clocks)

    wires.step = noisy  # type: ignore[method-assign]
    good = image(2, 1)
    await wires.load(good)
    assert await wires.read(ACTIVE, BANK.size) == good.data
    assert await wires.faults() == set()


@cocotb.test()
async def registers_that_do_not_exist_give_no_acknowledge(dut: Any) -> None:
    wires = await begin(dut)
    for pointer, data in ((0x0007, 1), (ACTIVE, 1), (SHADOW + BANK.size, 1), (COMMAND, 0x77)):
        assert (await wires.write(pointer, bytes([data])))[-1] is False
        assert await wires.faults() == {"access"}
        assert all(await wires.write(COMMAND, bytes([CLEAR])))
    assert await wires.read(0x4000 - 1 + SHADOW, 1) == b"\xff"
    assert await wires.faults() == {"access"}


@cocotb.test()
async def damaged_banks_are_refused_one_fault_each(dut: Any) -> None:
    wires = await begin(dut)
    good = image(1)
    await wires.load(good)
    for place, value, names in (
        (0, 2, {"version", "crc"}),
        (2, good.data[2] ^ 1, {"version", "crc"}),
        (3, good.data[3] ^ 1, {"size", "crc"}),
        (5, 4, {"mode", "crc"}),
        (9, good.data[9] ^ 1, {"crc"}),
        (BANK.size - 1, good.data[-1] ^ 0x80, {"crc"}),
    ):
        data = bytearray(good.data)
        data[place] = value
        assert all(await wires.write(SHADOW, bytes(data)))
        await wires.commit()
        assert await wires.faults() == names
        assert (await wires.read(STATUS, 1))[0] & 0b110 == 0b110
        assert int(dut.links_data.value) >> 10 & 1 == 1
        assert all(await wires.write(COMMAND, bytes([CLEAR])))
    assert await wires.read(GENERATION, 1) == b"\x01"
    await watch(dut, wires, 1, 0, 1)
