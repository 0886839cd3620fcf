"""Tests that run inside a simulator (cocotb): bus models of another make talk AXI to a wrapper."""

from __future__ import annotations

import itertools
import os
from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge, with_timeout
from cocotbext.axi import (
    AxiLiteBus,
    AxiLiteMaster,
    AxiResp,
    AxiStreamBus,
    AxiStreamFrame,
    AxiStreamSink,
    AxiStreamSource,
)

from netwright.backends.rtl import StreamDesign
from netwright.backends.soc.axi.axi_registers import AXI_REGISTERS, IDENTITY
from netwright.backends.soc.axi.wrapper import Lane, lanes
from tests.backends.soc.axi.graphs import ROWS, rows

HOSTS, EXPECTED = rows()


def design() -> StreamDesign:
    from netwright.backends import open_design

    found = open_design(os.environ["AXI_DESIGN"])
    assert isinstance(found, StreamDesign)
    return found


INPUTS, OUTPUTS = lanes(design())


class Bench:
    def __init__(self, dut: Any) -> None:
        clock, reset = dut.aclk, dut.aresetn
        common = {"reset_active_level": False}
        self.dut = dut
        lite = AxiLiteBus.from_prefix(dut, "s_axi")
        self.registers = AxiLiteMaster(lite, clock, reset, **common)
        self.sources = [
            AxiStreamSource(AxiStreamBus.from_prefix(dut, lane.prefix), clock, reset, **common)
            for lane in INPUTS
        ]
        self.sinks = [
            AxiStreamSink(AxiStreamBus.from_prefix(dut, lane.prefix), clock, reset, **common)
            for lane in OUTPUTS
        ]

    async def begin(self) -> None:
        Clock(self.dut.aclk, 10, unit="step").start()
        self.dut.aresetn.value = 0
        for _ in range(5):
            await RisingEdge(self.dut.aclk)
        self.dut.aresetn.value = 1
        for _ in range(2):
            await RisingEdge(self.dut.aclk)

    async def send(self, row: int) -> None:
        for lane, source in zip(INPUTS, self.sources, strict=True):
            await source.send(AxiStreamFrame(octets(lane, row)))

    async def check(self, row: int) -> None:
        for lane, sink in zip(OUTPUTS, self.sinks, strict=True):
            frame = await with_timeout(sink.recv(), 100_000, "step")
            assert bytes(frame.tdata) == octets(lane, row), row

    async def read(self, name: str) -> int:
        return await self.registers.read_dword(AXI_REGISTERS.address(name))


def octets(lane: Lane, row: int) -> bytes:
    codes = EXPECTED[lane.terminal.tensor][row].reshape(-1)[lane.terminal.order.reshape(-1)]
    return codes.astype(f"<i{lane.element_bits // 8}").tobytes()


@cocotb.test()
async def rows_come_out_as_the_interpreter_has_them(dut: Any) -> None:
    bench = Bench(dut)
    await bench.begin()
    for row in range(ROWS):
        await bench.send(row)
    for row in range(ROWS):
        await bench.check(row)
    assert await bench.read("rows_in") == ROWS
    assert await bench.read("rows_out") == ROWS
    assert await bench.read("faults") == 0


@cocotb.test()
async def pauses_on_every_stream_change_nothing(dut: Any) -> None:
    bench = Bench(dut)
    random = np.random.default_rng(1)
    for stream in (*bench.sources, *bench.sinks):
        stream.set_pause_generator(itertools.cycle(random.integers(0, 2, 37).tolist()))
    await bench.begin()
    for row in range(4):
        await bench.send(row)
    for row in range(4):
        await bench.check(row)
    assert await bench.read("faults") == 0


@cocotb.test()
async def registers_answer_and_refuse(dut: Any) -> None:
    bench = Bench(dut)
    await bench.begin()
    assert await bench.read("identity") == IDENTITY
    for address in (0x14, 0xFF0, AXI_REGISTERS.address("restart")):
        assert (await bench.registers.read(address, 4)).resp == AxiResp.SLVERR
    for address in (0x14, AXI_REGISTERS.address("identity")):
        assert (await bench.registers.write(address, b"\0\0\0\1")).resp == AxiResp.SLVERR
    partly = await bench.registers.write(AXI_REGISTERS.address("faults"), b"\1")
    assert partly.resp == AxiResp.SLVERR
    assert (await bench.registers.read(0x0, 4)).resp == AxiResp.OKAY


@cocotb.test()
async def a_row_that_ends_early_is_noted_and_a_restart_helps(dut: Any) -> None:
    bench = Bench(dut)
    await bench.begin()
    lane, source = INPUTS[0], bench.sources[0]
    await source.send(AxiStreamFrame(octets(lane, 0)[: -lane.total_bits // 8]))
    await source.wait()
    for _ in range(4):
        await RisingEdge(dut.aclk)
    assert await bench.read("faults") == 1
    await bench.registers.write_dword(AXI_REGISTERS.address("faults"), 1)
    assert await bench.read("faults") == 0
    await bench.registers.write_dword(AXI_REGISTERS.address("restart"), 1)
    await bench.send(1)
    await bench.check(1)
    assert await bench.read("rows_out") == 1
