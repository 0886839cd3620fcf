"""Verilog of a stand-alone design: the accelerator, its image, and streams around them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from netwright.backends.rtl.cells.verilog import LIBRARY_FOLDER, library_text, vector
from netwright.backends.rtl.shared.descriptors import Image
from netwright.backends.rtl.shared.plan import Plan
from netwright.backends.rtl.streams.module_text import (
    CLOCK,
    file_text,
    instance,
    module,
    stream_ports,
)
from netwright.backends.rtl.streams.network import Network, Terminal

MODULES = (
    "delay_line",
    "shared_core",
    "shared_element",
    "shared_features",
    "shared_issue",
    "shared_leave",
    "shared_multiplier",
    "shared_requantizer",
    "shared_rotate",
    "shared_slots",
    "shared_stream",
    "shared_unit",
    "sum_tree",
    "weight_ram",
    "weight_rom",
)
"""Library modules of a design."""

CORE_MODULES = tuple(name for name in MODULES if name not in ("shared_stream", "weight_rom"))
"""Library modules of the accelerator itself, whose top is ``shared_core``."""

WORD_BITS = 54
"""Address and data of a word of the image."""

_BUS = {
    "bus_valid": 1,
    "bus_address": 22,
    "bus_write_data": 32,
    "bus_strobe": 4,
    "bus_ready": 1,
    "bus_read_data": 32,
}


def sources(plan: Plan, network: Network, image: Image, about: str) -> dict[str, str]:
    """Every file of the design by its name.

    Args:
        plan: What the accelerator is built as and told.
        network: Its streams.
        image: What is written into it first.
        about: One line about its timing.
    """
    texts = {f"{network.name}.v": file_text(_top(plan, network, image, about))}
    for name in MODULES:
        texts[f"{LIBRARY_FOLDER}/{name}.v"] = library_text(name)
    return texts


def image_bits(image: Image) -> int:
    """Bits of an address of the image."""
    return max((len(image) - 1).bit_length(), 1)


def _top(plan: Plan, network: Network, image: Image, about: str) -> Iterator[str]:
    yield f"// {about}"
    ports = ["input  wire clk", "input  wire rst_n"]
    for terminal, is_input in _terminals(network):
        ports += stream_ports(terminal.name, terminal.stream.total_bits, is_input=is_input)
    yield from module(network.name, ports)
    for name, bits in _BUS.items():
        yield f"  wire {vector(bits)} {name};"
    yield f"  wire {vector(image_bits(image))} image_place;"
    yield f"  wire {vector(WORD_BITS)} image_word;"
    yield "  wire irq;"
    yield f"  wire {vector(48)} y_data_whole;"
    yield f"  wire {vector(16 * len(network.inputs))} x_data_whole;"
    for number, terminal in enumerate(network.inputs):
        yield f"  assign x_data_whole[{16 * number}+:16] = {_sixteen(terminal)};"
    for terminal in network.outputs:
        bits = terminal.stream.total_bits
        yield f"  assign {terminal.name}_data = y_data_whole[{bits - 1}:0];"
    yield ""
    yield from instance(
        "weight_rom",
        "image",
        {"BITS": WORD_BITS, "DEPTH": len(image), "ADDRESS_BITS": image_bits(image),
         "CONTENTS": _contents(image)},
        {"clk": "clk", "address": "image_place", "word": "image_word"},
    )  # fmt: skip
    yield ""
    yield from instance(
        "shared_stream",
        "stream",
        _stream_parameters(plan, network, image),
        CLOCK
        | {"image_place": "image_place", "image_word": "image_word"}
        | _pins("x", network.inputs) | {"x_data": "x_data_whole"}
        | _pins("y", network.outputs) | {"y_data": "y_data_whole"}
        | {name: name for name in _BUS} | {"irq": "irq"},
    )  # fmt: skip
    yield ""
    yield "  /* verilator lint_off PINCONNECTEMPTY */"
    yield from instance(
        "shared_core", "core", dict(plan.sizes.parameters),
        CLOCK | {name: name for name in _BUS} | {"bus_error": "", "irq": "irq"},
    )  # fmt: skip
    yield "  /* verilator lint_on PINCONNECTEMPTY */"
    yield "endmodule"


def _terminals(network: Network) -> Iterator[tuple[Terminal, bool]]:
    yield from ((terminal, True) for terminal in network.inputs)
    yield from ((terminal, False) for terminal in network.outputs)


def _sixteen(terminal: Terminal) -> str:
    """An input's element as a word of the feature maps."""
    bits, name = terminal.stream.bits, f"{terminal.name}_data"
    if bits == 16:
        return name
    sign = f"{name}[{bits - 1}]" if terminal.stream.is_signed else "1'b0"
    return f"{{{{{16 - bits}{{{sign}}}}}, {name}}}"


def _pins(side: str, terminals: Sequence[Terminal]) -> dict[str, str]:
    """Connections of the valid and ready signals of all streams of a side."""
    return {
        f"{side}_{part}": "{" + ", ".join(f"{t.name}_{part}" for t in reversed(terminals)) + "}"
        for part in ("valid", "ready")
    }


def _stream_parameters(plan: Plan, network: Network, image: Image) -> dict[str, int | str]:
    views = {side: [plan.views[t.tensor] for t in terminals]
             for side, terminals in (("in", network.inputs), ("out", network.outputs))}  # fmt: skip
    return {
        "IMAGE_WORDS": len(image),
        "IMAGE_BITS": image_bits(image),
        "INPUTS": len(network.inputs),
        "OUTPUTS": len(network.outputs),
        "INPUT_FIRST": _list([plan.places[view.tensor] for view in views["in"]]),
        "INPUT_WORDS": _list([view.words for view in views["in"]]),
        "OUTPUT_FIRST": _list([plan.places[view.tensor] for view in views["out"]]),
        "OUTPUT_WORDS": _list([view.words for view in views["out"]]),
        "OUTPUT_PIECES": _list([view.pieces for view in views["out"]]),
        "OUTPUT_STRIDE": _list([plan.plane_words(view.tensor) for view in views["out"]]),
    }


def _list(values: Sequence[int]) -> str:
    """Several 32-bit numbers, the first in the lowest bits."""
    return "{" + ", ".join(f"32'd{value}" for value in reversed(values)) + "}"


def _contents(image: Image) -> str:
    digits = -(-WORD_BITS // 4)
    lines = [
        f"          {WORD_BITS}'h{address << 32 | word:0{digits}x}{',' if number else ''}"
        for number, (address, word) in reversed(list(enumerate(image)))
    ]
    return "{\n" + "\n".join(lines) + "\n      }"
