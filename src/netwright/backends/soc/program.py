"""The program of a chip: its C compiled for the core, and put into a memory of Verilog."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import numpy as np

from netwright.backends.built import built_once
from netwright.backends.rtl.shared.shared_design import SharedDesign
from netwright.backends.soc.cores import CORES, Core
from netwright.backends.soc.memory_map import c_header
from netwright.backends.soc.shared_image import image_text
from netwright.backends.soc.structure import Output, Structure
from netwright.backends.tools import RISCV_GCC, RISCV_OBJCOPY, find, run_tool
from netwright.errors import BackendError, CorruptOutput, DoesNotFit, ToolFailed
from netwright.files import write_text

FIRMWARE_FOLDER = "firmware"
"""Folder of a design for everything that the program is compiled from."""

MEMORY = "program_rom"
"""Module that holds the program; made when it is compiled."""

FLAGS = ("-Os", "-std=c11", "-ffreestanding", "-nostdlib", "-nostartfiles", "-Wall", "-Wextra",
         "-Werror", "-fno-builtin", "-ffunction-sections", "-fdata-sections",
         "-Wl,--gc-sections,--no-warn-rwx-segments")  # fmt: skip

_WRITTEN = ("driver.c", "driver.h", "link.ld", "main.c", "software.h")
"""Files that are the same for every chip."""


def firmware_text(name: str) -> str:
    """A file of the firmware that is the same for every chip."""
    folder = files("netwright.backends.soc") / FIRMWARE_FOLDER
    return (folder / name).read_text(encoding="utf-8")


def firmware_sources(chip: Structure, software: str) -> dict[str, str]:
    """Everything that the program is compiled from, by its name in the folder of the firmware.

    Args:
        chip: The chip.
        software: C of the routine that computes the network without its hardware.
    """
    core, network = CORES[chip.options.core], chip.network
    names = (*_WRITTEN, core.startup, _driver(chip))
    return {
        **{name: firmware_text(name) for name in names},
        "registers.h": c_header(chip.space),
        "network.h": "\n".join(_network(chip)) + "\n",
        "software.c": software,
        **(
            {"image.h": image_text(network.plan, chip)} if isinstance(network, SharedDesign) else {}
        ),
    }


def _driver(chip: Structure) -> str:
    """The file that drives the network."""
    return f"network_{'shared' if isinstance(chip.network, SharedDesign) else 'stream'}.c"


def digits(output: Output) -> int:
    """Hexadecimal digits of an element, as the firmware prints it."""
    return -(-output.terminal.stream.bits // 4)


def _network(chip: Structure) -> Iterator[str]:
    yield "/* What the network takes and gives, in the order of an event and of the results. */"
    yield "#ifndef NETWORK_H"
    yield "#define NETWORK_H"
    yield ""
    yield "#include <stdint.h>"
    yield ""
    yield f"#define NETWORK_INPUTS {len(chip.inputs)}u"
    yield f"#define NETWORK_OUTPUTS {len(chip.outputs)}u"
    yield f"#define NETWORK_RESULT_WORDS {chip.result_words}u"
    yield f"#define WATCHDOG_CYCLES {chip.options.watchdog_cycles}u"
    yield ""
    for name, kind, values in (
        ("network_input_words", "uint16_t", [source.words for source in chip.inputs]),
        ("network_output_elements", "uint16_t", [output.elements for output in chip.outputs]),
        ("network_output_digits", "uint8_t", [digits(output) for output in chip.outputs]),
    ):
        yield f"static const {kind} {name}[] = {{{', '.join(map(str, values))}}};"
    yield ""
    yield "#endif"


def compile_program(chip: Structure, root: Path, *, key: str, timeout_s: float) -> Path:
    """Compile the firmware of a design, unless that was done before; the Verilog of its memory.

    Args:
        chip: The chip.
        root: Folder of the design.
        key: Digest of its files.
        timeout_s: Wall-clock seconds that the compiler gets.

    Raises:
        CorruptOutput: A file that the program is compiled from is missing.
        ToolMissing: There is no cross compiler.
        ToolFailed: It ended with an error.
        DoesNotFit: The program or its data are larger than their memory.
    """
    build = (root / "build").resolve()
    core = CORES[chip.options.core]
    compiler = str(find(RISCV_GCC))

    def make(made: Path) -> None:
        program, binary = made.parent / "firmware.elf", made.parent / "firmware.bin"
        try:
            run_tool(
                RISCV_GCC,
                _arguments(chip, core, program),
                cwd=(root / FIRMWARE_FOLDER).resolve(),
                timeout_s=timeout_s,
                log=(log := build / "firmware.log"),
                environment={"LC_ALL": "C"},
            )
        except ToolFailed as error:
            raise _too_large(chip, log.read_text("utf-8", "replace")) or error from error
        run_tool(
            RISCV_OBJCOPY,
            ["-O", "binary", program, binary],
            cwd=made.parent,
            timeout_s=timeout_s,
            log=build / "firmware-bytes.log",
        )
        write_text(made, memory_text(binary.read_bytes(), chip.rom_bytes))

    path = build / f"{MEMORY}.v"
    for name in _compiled(chip, core):
        if not (source := root / FIRMWARE_FOLDER / name).is_file():
            raise CorruptOutput(str(source), hint="generate the design again")
    return built_once(path, key=("firmware", key, compiler, FLAGS), make=make)


_OVERFLOW = re.compile(r"region [`'](rom|ram)' overflowed by (\d+) bytes")
"""What the linker says of a memory that is too small."""


def _too_large(chip: Structure, log: str) -> DoesNotFit | None:
    """The memory that a linker found too small, if it did."""
    if (found := _OVERFLOW.search(log)) is None:
        return None
    option, size = f"{found[1]}_bytes", chip.rom_bytes if found[1] == "rom" else chip.ram_bytes
    return DoesNotFit(
        chip.network.graph.name,
        part="the memories of its chip",
        resource=option,
        needed=size + int(found[2]),
        available=size,
        hint=f"raise {option}, or leave it out for as many as are needed",
    )


def _compiled(chip: Structure, core: Core) -> tuple[str, ...]:
    """The files that the compiler is given, in the folder of the firmware."""
    return (core.startup, "driver.c", _driver(chip), "main.c", "software.c")


def _arguments(chip: Structure, core: Core, program: Path) -> list[str | Path]:
    sizes = (("ROM_BYTES", chip.rom_bytes), ("RAM_BYTES", chip.ram_bytes))
    return [
        f"-march={core.architecture}",
        f"-mabi={core.abi}",
        *FLAGS,
        *(f"-Wl,--defsym={name}={size}" for name, size in sizes),
        "-T",
        "link.ld",
        *_compiled(chip, core),
        "-lgcc",
        "-o",
        program,
    ]


def memory_text(program: bytes, size: int) -> str:
    """The Verilog of a memory that holds a program, read over the word bus in one clock.

    Args:
        program: Its bytes.
        size: Bytes of the memory.

    Raises:
        BackendError: The program is larger than the memory.
    """
    if len(program) > size:
        raise BackendError(f"the program takes {len(program)} bytes; its memory has {size}")
    padded = program + bytes(-len(program) % 4)
    words = np.frombuffer(padded, dtype="<u4")
    return "\n".join(_memory(words)) + "\n"


def _memory(words: np.ndarray) -> Iterator[str]:
    yield "// The program and its constants; cannot be written."
    yield f"module {MEMORY} #("
    yield "    parameter WORDS = 1024"
    yield ") ("
    yield "    input  wire        clk,"
    yield "    input  wire        rst_n,"
    yield "    input  wire        bus_valid,"
    yield "    input  wire [23:0] bus_address,"
    yield "    input  wire [ 3:0] bus_strobe,"
    yield "    output reg         bus_ready,"
    yield "    output reg  [31:0] bus_read_data,"
    yield "    output reg         bus_error"
    yield ");"
    yield "  localparam ADDRESS_BITS = $clog2(WORDS);"
    yield "  reg [31:0] words[0:WORDS-1];"
    yield "  integer i;"
    yield "  initial begin"
    yield f"    for (i = {len(words)}; i < WORDS; i = i + 1) words[i] = 32'd0;"
    for place, word in enumerate(words):
        yield f"    words[{place}] = 32'h{int(word):08x};"
    yield "  end"
    yield "  always @(posedge clk) begin"
    yield "    bus_ready <= rst_n & bus_valid & ~bus_ready;"
    yield "    bus_error <= bus_strobe != 4'd0;"
    yield "    bus_read_data <= words[bus_address[ADDRESS_BITS+1:2]];"
    yield "  end"
    yield "endmodule"
