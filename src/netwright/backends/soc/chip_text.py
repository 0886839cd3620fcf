"""Verilog of the chip: instances of library modules and of what is generated, nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.resources import files

from netwright.backends.registers import RegisterMap
from netwright.backends.rtl.cells.verilog import vector
from netwright.backends.rtl.shared.shared_design import SharedDesign
from netwright.backends.rtl.streams.module_text import instance, module
from netwright.backends.rtl.streams.stream_design import StreamDesign
from netwright.backends.soc.cores import CORES
from netwright.backends.soc.memory_map import BLOCKS, RAM, bus_text
from netwright.backends.soc.register_text import decoder, module_name
from netwright.backends.soc.structure import Input, Output, Structure

TOP = "soc"
"""Name of the top module."""

LIBRARY_FOLDER = "library"

LIBRARY = ("row_times", "spi_events", "uart_transmitter", "watch_timer", "word_ram")
"""Library modules that every chip has."""

PORTS = ("input_ports", "stream_reader", "stream_writer")
"""Library modules of a chip whose network has streams."""


def library_text(name: str) -> str:
    """The Verilog of a library module."""
    folder = files("netwright.backends.soc") / LIBRARY_FOLDER
    return (folder / f"{name}.v").read_text(encoding="utf-8")


def chip_sources(chip: Structure) -> dict[str, str]:
    """The Verilog of everything around the network, but for program and core, by name."""
    texts = {f"{TOP}.v": "\n".join(_top(chip)) + "\n", "soc_bus.v": bus_text(chip.space)}
    texts |= {f"{module_name(block)}.v": decoder(block) for block in BLOCKS}
    names = [*LIBRARY, CORES[chip.options.core].wrapper]
    if not isinstance(chip.network, SharedDesign):
        names += PORTS
    if not isinstance(chip.network, StreamDesign):
        names.append("row_adapter")
    return texts | {f"{LIBRARY_FOLDER}/{name}.v": library_text(name) for name in sorted(names)}


CLOCK = {"clk": "clk", "rst_n": "rst_n"}
_ANSWERS = ("ready", "read_data", "error")


def _bus(name: str, *, writes: bool = True) -> dict[str, str]:
    """Connections of a module to the bus."""
    pins = {"bus_valid": f"{name}_valid", "bus_address": "bus_address[23:0]"}
    pins |= {"bus_write_data": "bus_write_data"} if writes else {}
    return pins | {"bus_strobe": "bus_strobe"} | {f"bus_{a}": f"{name}_{a}" for a in _ANSWERS}


def _top(chip: Structure) -> Iterator[str]:
    options = chip.options
    yield f"// A processor ({options.core}), memories, an event input, a UART and a network."
    yield from module(
        TOP,
        [
            "input  wire clk",
            "input  wire rst_n",
            "input  wire spi_clk",
            "input  wire spi_select_n",
            f"input  wire {vector(options.spi_lanes)} spi_data",
            "output wire event_free",
            "output wire uart_tx",
            "output wire trap",
        ],
    )
    yield "  wire bus_valid, bus_ready, bus_error;"
    yield "  wire [31:0] bus_address, bus_write_data, bus_read_data;"
    yield "  wire [3:0] bus_strobe;"
    for region in chip.space:
        yield f"  wire {region.name}_valid, {region.name}_ready, {region.name}_error;"
        yield f"  wire [31:0] {region.name}_read_data;"
    yield ""
    yield from _core(chip)
    yield from _memories(chip)
    yield from _peripherals(chip)
    yield from _network(chip)
    yield "endmodule"


def _core(chip: Structure) -> Iterator[str]:
    core = CORES[chip.options.core]
    yield "  wire event_waiting, watchdog_expired, faulty;"
    yield "  wire core_rst_n = rst_n & ~watchdog_expired;"
    stack = f"32'h{RAM + chip.ram_bytes:08x}"
    yield from instance(
        core.wrapper,
        "core",
        {**core.parameters, "STACK": stack},
        {
            "clk": "clk",
            "rst_n": "core_rst_n",
            "event_interrupt": "event_waiting",
            "fault_interrupt": "faulty",
            "trap": "trap",
            **{f"bus_{n}": f"bus_{n}" for n in ("valid", "address", "write_data", "strobe")},
            **{f"bus_{n}": f"bus_{n}" for n in ("ready", "read_data")},
        },
    )
    pins = {f"bus_{n}": f"bus_{n}" for n in ("valid", "address", "ready", "read_data", "error")}
    for region in chip.space:
        pins |= {f"{region.name}_{p}": f"{region.name}_{p}" for p in ("valid", *_ANSWERS)}
    yield from instance("soc_bus", "bus", {}, CLOCK | pins)


def _memories(chip: Structure) -> Iterator[str]:
    yield ""
    rom = {"clk": "clk", "rst_n": "rst_n"} | _bus("rom", writes=False)
    yield from instance("program_rom", "rom", {"WORDS": chip.rom_bytes // 4}, rom)
    ram = CLOCK | _bus("ram")
    yield from instance("word_ram", "ram", {"WORDS": chip.ram_bytes // 4}, ram)


def _registers(block: RegisterMap, pins: dict[str, str]) -> Iterator[str]:
    yield from instance(
        module_name(block), f"{block.name}_registers", {}, CLOCK | _bus(block.name) | pins
    )


def _peripherals(chip: Structure) -> Iterator[str]:
    system, uart, timer, events, _ = BLOCKS
    yield ""
    yield "  wire bus_fault, watchdog_fault;"
    yield "  reg [31:0] bus_fault_address;"
    yield "  wire refused = bus_valid & bus_ready & bus_error;"
    yield "  always @(posedge clk) if (refused & ~bus_fault) bus_fault_address <= bus_address;"
    yield "  wire [3:0] event_faults;"
    yield "  assign faulty = bus_fault | (|event_faults);"
    yield from _registers(
        system,
        {
            "faults_bus_set": "refused",
            "faults_bus": "bus_fault",
            "faults_watchdog_set": "watchdog_expired",
            "faults_watchdog": "watchdog_fault",
            "bus_address_value": "bus_fault_address",
        },
    )
    yield ""
    yield "  wire uart_write, uart_full, uart_busy, uart_overflow;"
    yield "  wire [31:0] uart_data;"
    yield from _registers(
        uart,
        {
            "write_data": "uart_data",
            "data_write": "uart_write",
            "status_full": "uart_full",
            "status_busy": "uart_busy",
            "faults_overflow_set": "uart_overflow",
            "faults_overflow": "",
        },
    )
    yield from instance(
        "uart_transmitter",
        "uart",
        {"CLOCKS_PER_BIT": chip.options.clocks_per_bit},
        CLOCK
        | {"write": "uart_write", "data": "uart_data[7:0]", "full": "uart_full"}
        | {"busy": "uart_busy", "overflow": "uart_overflow", "uart_tx": "uart_tx"},
    )
    yield ""
    yield "  wire kick;"
    yield "  wire [31:0] now, limit;"
    yield from _registers(
        timer, {"write_data": "", "now_value": "now", "limit_value": "limit", "kick_write": "kick"}
    )
    yield from instance(
        "watch_timer",
        "timer",
        {},
        CLOCK
        | {"active": "event_waiting", "limit": "limit", "kick": "kick"}
        | {"now": "now", "expired": "watchdog_expired"},
    )
    yield ""
    yield from _events(chip, events)


def _events(chip: Structure, events: RegisterMap) -> Iterator[str]:
    yield "  wire event_release, short_frame, broken_frame, long_frame, overrun;"
    yield "  wire [31:0] event_number, event_time;"
    yield "  wire [7:0] event_command;"
    faults = {"short": "short_frame", "broken": "broken_frame", "long": "long_frame"}
    faults |= {"overrun": "overrun"}
    pins = {
        "write_data": "",
        "status_waiting": "event_waiting",
        "status_free": "event_free",
        "number_value": "event_number",
        "command_value": "{24'd0, event_command}",
        "time_value": "event_time",
        "release_write": "event_release",
    }
    pins |= {f"faults_{name}_set": signal for name, signal in faults.items()}
    pins |= {f"faults_{name}": f"event_faults[{bit}]" for bit, name in enumerate(faults)}
    yield from _registers(events, pins)
    yield from instance(
        "spi_events",
        "events",
        {"LANES": chip.options.spi_lanes, "WORDS": chip.event_bytes // 4},
        CLOCK
        | {name: name for name in ("spi_clk", "spi_select_n", "spi_data", "now")}
        | {"release_event": "event_release", "waiting": "event_waiting", "is_free": "event_free"}
        | {"number": "event_number", "command": "event_command", "ready_time": "event_time"}
        | {signal: signal for signal in faults.values()}
        | _bus("event_buffer"),
    )


def _network(chip: Structure) -> Iterator[str]:
    yield ""
    yield "  wire result_release, network_restart, begins, ends, all_done;"
    yield "  wire network_rst_n = rst_n & ~network_restart;"
    yield "  wire [31:0] first_time, last_time, done_time;"
    times = ("first_time", "last_time", "done_time")
    yield from _registers(
        BLOCKS[-1],
        {
            "write_data": "",
            "status_done": "all_done",
            "release_write": "result_release",
            "restart_write": "network_restart",
        }
        | {f"{name}_value": name for name in times},
    )
    yield from instance(
        "row_times",
        "times",
        {},
        {"clk": "clk", "rst_n": "network_rst_n", "now": "now", "begins": "begins"}
        | {"ends": "ends", "done": "all_done", "next_row": "result_release"}
        | {name: name for name in times},
    )
    if isinstance(chip.network, SharedDesign):
        yield from _accelerator(chip.network)
    else:
        yield from _ports(chip)


def _accelerator(network: SharedDesign) -> Iterator[str]:
    """One accelerator that all layers use, on the bus itself."""
    writes = "accelerator_valid & accelerator_ready & bus_strobe != 4'd0"
    yield ""
    yield f"  assign begins = {writes} & bus_address[21:20] == 2'd2;"
    yield f"  assign ends = {writes} & bus_address[21:0] == 22'd0 & bus_write_data[0];"
    pins = {"bus_valid": "accelerator_valid", "bus_address": "bus_address[21:0]"}
    pins |= {"bus_write_data": "bus_write_data", "bus_strobe": "bus_strobe"}
    pins |= {f"bus_{answer}": f"accelerator_{answer}" for answer in _ANSWERS}
    yield from instance(
        "shared_core",
        "accelerator",
        dict(network.plan.sizes.parameters),
        {"clk": "clk", "rst_n": "network_rst_n"} | pins | {"irq": "all_done"},
    )


def _ports(chip: Structure) -> Iterator[str]:
    count = len(chip.inputs)
    yield f"  wire {vector(count)} word_valid, word_ready, row_begins, row_ends;"
    yield f"  wire {vector(len(chip.outputs))} row_done;"
    yield "  assign begins = |row_begins;"
    yield "  assign ends = |row_ends;"
    yield "  assign all_done = &row_done;"
    yield from instance(
        "input_ports",
        "inputs",
        {"INPUTS": count},
        CLOCK
        | _bus("inputs", writes=False)
        | {"word_valid": "word_valid", "word_ready": "word_ready"},
    )
    for number, source in enumerate(chip.inputs):
        name = f"x{number}"
        stream = source.terminal.stream
        yield from _stream_wires(name, stream.total_bits)
        yield from instance(
            "stream_writer",
            f"writer_{number}",
            {
                "SAMPLE_BITS": source.sample_bits,
                "BITS": stream.bits,
                "LANES": stream.lanes,
                "ELEMENTS": source.elements,
            },
            {"clk": "clk", "rst_n": "network_rst_n", "word_data": "bus_write_data"}
            | {p: f"{p}[{number}]" for p in ("word_valid", "word_ready", "row_begins", "row_ends")}
            | {f"y_{part}": f"{name}_{part}" for part in ("valid", "ready", "data")},
        )
    yield from _results(chip)
    yield from _streams(chip) if isinstance(chip.network, StreamDesign) else _rows(chip)


def _stream_wires(name: str, bits: int) -> Iterator[str]:
    yield f"  wire {name}_valid, {name}_ready;"
    yield f"  wire {vector(bits)} {name}_data;"


def _results(chip: Structure) -> Iterator[str]:
    yield ""
    yield "  reg results_answer;"
    yield "  assign results_ready = results_answer;"
    yield "  assign results_error = bus_strobe != 4'd0;"
    yield "  always @(posedge clk) results_answer <= rst_n & results_valid & ~results_answer;"
    words = []
    for number, output in enumerate(chip.outputs):
        name, stream = f"y{number}", output.terminal.stream
        yield from _stream_wires(name, stream.total_bits)
        yield f"  wire [21:0] {name}_place = bus_address[23:2] - 22'd{output.offset};"
        yield f"  wire [31:0] {name}_word;"
        yield from instance(
            "stream_reader",
            f"reader_{number}",
            {
                "BITS": stream.bits,
                "SIGNED": int(stream.is_signed),
                "LANES": stream.lanes,
                "ELEMENTS": output.elements,
                "ELEMENT_WORDS": output.element_words,
            },
            {"clk": "clk", "rst_n": "network_rst_n", "give_up": "result_release"}
            | {"done": f"row_done[{number}]", "place": f"{name}_place"}
            | {"read_data": f"{name}_word"}
            | {f"x_{part}": f"{name}_{part}" for part in ("valid", "ready", "data")},
        )
        words.append(f"({{32{{{name}_place < 22'd{output.words}}}}} & {name}_word)")
    yield "  assign results_read_data = " + "\n    | ".join(words) + ";"


def _streams(chip: Structure) -> Iterator[str]:
    """The network as it is."""
    pins = {"clk": "clk", "rst_n": "network_rst_n"}
    for side, ends in _sides(chip):
        for number, end in enumerate(ends):
            for part in ("valid", "ready", "data"):
                pins[f"{end.terminal.name}_{part}"] = f"{side}{number}_{part}"
    yield ""
    yield from instance(chip.network.circuit.name, "network", {}, pins)


def _rows(chip: Structure) -> Iterator[str]:
    """A network that takes a row in one clock and never waits, behind an adapter."""
    inputs, outputs = len(chip.inputs), len(chip.outputs)
    yield ""
    yield "  wire row_valid, result_valid;"
    yield f"  wire {vector(inputs)} rows_valid = {_concatenated('x', inputs, 'valid')};"
    yield f"  wire {vector(inputs)} rows_ready;"
    yield f"  wire {vector(outputs)} sinks_ready = {_concatenated('y', outputs, 'ready')};"
    yield f"  assign {_concatenated('x', inputs, 'ready')} = rows_ready;"
    yield f"  assign {_concatenated('y', outputs, 'valid')} = {{{outputs}{{result_valid}}}};"
    yield from instance(
        "row_adapter",
        "adapter",
        {"INPUTS": inputs, "OUTPUTS": outputs},
        {"clk": "clk", "rst_n": "network_rst_n", "x_valid": "rows_valid", "x_ready": "rows_ready"}
        | {"row_valid": "row_valid", "result_valid": "result_valid", "y_ready": "sinks_ready"},
    )
    pins = {"clk": "clk", "rst_n": "network_rst_n", "x_valid": "row_valid"}
    pins["y_valid"] = "result_valid"
    for side, ends in _sides(chip):
        for number, end in enumerate(ends):
            pins[f"{end.terminal.name}_data"] = f"{side}{number}_data"
    yield from instance(chip.network.circuit.name, "network", {}, pins)


def _sides(chip: Structure) -> tuple[tuple[str, Sequence[Input | Output]], ...]:
    return ("x", chip.inputs), ("y", chip.outputs)


def _concatenated(side: str, count: int, part: str) -> str:
    return "{" + ", ".join(f"{side}{n}_{part}" for n in reversed(range(count))) + "}"
