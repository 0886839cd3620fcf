"""Verilog of a network: one module a unit, instances of library modules and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from netwright.backends.rtl.cells.circuit import Layer, Wire
from netwright.backends.rtl.cells.verilog import (
    extended,
    layer_text,
    library_names,
    library_text,
    vector,
)
from netwright.backends.rtl.streams.module_text import (
    CLOCK,
    file_text,
    instance,
    load_ports,
    module,
    stream_pins,
    stream_ports,
)
from netwright.backends.rtl.streams.network import (
    Fork,
    Gather,
    Join,
    Network,
    Product,
    Serialize,
    Stream,
    Terminal,
    Unit,
    Window,
)
from netwright.backends.rtl.streams.product_text import product_text
from netwright.escape import line_comment

LIBRARY_FOLDER = "library"


def sources(network: Network, about: str) -> dict[str, str]:
    """Every file of the design by its name: top module, units, what they compute, library.

    The text depends on the network only, byte for byte.

    Args:
        network: The design.
        about: One line about its timing.
    """
    texts = {f"{network.name}.v": file_text(_top(network, about))}
    for unit in network.units:
        texts[f"{network.name}_{unit.name}.v"] = file_text(_unit(unit, network))
        if computes(unit):
            assert unit.layer is not None
            texts[f"{unit.layer.name}.v"] = layer_text(unit.layer)
    for name in _library(texts):
        texts[f"{LIBRARY_FOLDER}/{name}.v"] = library_text(name)
    return texts


def computes(unit: Unit) -> bool:
    """Whether a unit has a module for what it computes: not if its beats pass as they are."""
    layer = unit.layer
    if layer is None:
        return False
    if len(layer.inputs) > 1:  # side by side they have another width
        return True
    return bool(layer.cells) or list(layer.outputs[0].elements) != list(layer.inputs[0].wires)


def _library(texts: dict[str, str]) -> list[str]:
    """Library modules that the texts use, themselves included, sorted."""
    known = set(library_names())
    used: set[str] = set()
    new = {name for text in texts.values() for name in _instantiated(text)} & known
    while new:
        used |= new
        inner = {inner_name for name in new for inner_name in _instantiated(library_text(name))}
        new = (inner & known) - used
    return sorted(used)


def _instantiated(text: str) -> list[str]:
    return re.findall(r"^ +(\w+) (?:#\(|u_\w+ \()", text, re.M)


def _unit(unit: Unit, network: Network) -> Iterator[str]:
    inputs = [network.streams[name] for name in unit.inputs]
    output = network.streams[unit.output]
    if unit.nodes:
        yield line_comment(f"Nodes: {', '.join(unit.nodes)}.")
    loadable = network.loadable and isinstance(unit.front, Product)
    ports = ["input  wire clk", "input  wire rst_n"]
    ports += load_ports(network) if loadable else []
    for stream in inputs:
        ports += stream_ports(stream.name, stream.total_bits, is_input=True)
    ports += stream_ports(output.name, output.total_bits, is_input=False)
    yield from module(f"{network.name}_{unit.name}", ports)
    yield "  wire room;"
    yield "  wire take;"
    yield from _front(unit, network, inputs)
    yield from _pipeline(unit, inputs, output)
    yield ""
    yield from instance(
        "credit_fifo",
        "queue",
        {"BITS": output.total_bits, "DEPTH": unit.depth},
        CLOCK | {"take": "take", "room": "room", "x_valid": "result_valid",
                  "x_data": "result_data"} | stream_pins("y", output.name),
    )  # fmt: skip
    yield "endmodule"


def _front(unit: Unit, network: Network, inputs: Sequence[Stream]) -> Iterator[str]:
    front, first = unit.front, inputs[0]
    claim = {"room": "room", "take": "take"}
    made = {"y_valid": "made_valid", "y_data": "made_data"}
    yield "  wire made_valid;"
    if isinstance(front, Join):
        valid = ", ".join(f"{stream.name}_valid" for stream in reversed(inputs))
        ready = ", ".join(f"{stream.name}_ready" for stream in reversed(inputs))
        yield "  assign made_valid = take;"
        yield ""
        yield from instance(
            "stream_join",
            "join",
            {"N": len(inputs)},
            {"x_valid": f"{{{valid}}}", "x_ready": f"{{{ready}}}", **claim},
        )
        return
    yield f"  wire {vector(_made_bits(front, first))} made_data;"
    if isinstance(front, Product):
        yield from product_text(unit, front, network, first)
        return
    module = "gather" if isinstance(front, Gather) else "window_buffer"
    yield ""
    yield from instance(
        module,
        "front",
        _front_parameters(front, first),
        CLOCK | stream_pins("x", first.name) | claim | made,
    )


def _made_bits(front: Gather | Window | Product, source: Stream) -> int:
    if isinstance(front, Gather):
        return front.beats * source.total_bits
    if isinstance(front, Window):
        return front.kernel[0] * front.kernel[1] * source.total_bits
    return front.tiling.groups * front.tiling.outputs * front.accumulator_bits


def _front_parameters(front: Gather | Window, source: Stream) -> dict[str, int | str]:
    if isinstance(front, Gather):
        return {"BITS": source.total_bits, "BEATS": front.beats}
    fill = front.fill & ((1 << source.bits) - 1)
    pairs = {
        "": front.extents,
        "PAD_BEFORE": front.before,
        "PAD_AFTER": front.after,
        "KERNEL": front.kernel,
        "STRIDE": front.strides,
        "DILATION": front.dilations,
    }
    if front.steps != (1, 1):
        pairs["STEP"] = front.steps
    names = {"PAD_BEFORE": ("PAD_TOP", "PAD_LEFT"), "PAD_AFTER": ("PAD_BOTTOM", "PAD_RIGHT")}
    parameters: dict[str, int | str] = {
        "BITS": source.total_bits,
        "FILL": f"{{{source.lanes}{{{source.bits}'d{fill}}}}}",
    }
    for key, (height, width) in pairs.items():
        stem = f"{key}_" if key else ""
        vertical, horizontal = names.get(key, (f"{stem}HEIGHT", f"{stem}WIDTH"))
        parameters |= {vertical: height, horizontal: width}
    return parameters


def _pipeline(unit: Unit, inputs: Sequence[Stream], output: Stream) -> Iterator[str]:
    """What is computed of every beat, and its place in the queue."""
    yield ""
    yield "  wire result_valid;"
    yield f"  wire {vector(output.total_bits)} result_data;"
    if unit.stages:
        yield from instance(
            "valid_chain",
            "valid",
            {"STAGES": unit.stages},
            CLOCK | {"valid_in": "made_valid", "valid_out": "result_valid"},
        )
    else:
        yield "  assign result_valid = made_valid;"
    if not computes(unit):
        name = inputs[0].name if isinstance(unit.front, Join) else "made"
        yield f"  assign result_data = {name}_data;"
        return
    assert unit.layer is not None
    names = [stream.name for stream in inputs] if isinstance(unit.front, Join) else ["made"]
    yield from _beat(unit.layer, names, output)


def _beat(layer: Layer, names: Sequence[str], output: Stream) -> Iterator[str]:
    """The instance of what is computed, its results brought to the width of the stream."""
    bundle = layer.outputs[0]
    connections = {"clk": "clk"} if layer.is_clocked else {}
    pairs = zip(layer.inputs, names, strict=True)
    connections |= {f"{inner.name}_data": f"{name}_data" for inner, name in pairs}
    if bundle.wires:
        yield f"  wire {vector(bundle.bits)} beat_data;"
        connections["result_data"] = "beat_data"
    yield from instance(layer.name, "beat", {}, connections)
    start = 0
    for number, element in enumerate(bundle.elements):
        place = f"result_data[{number * output.bits}+:{output.bits}]"
        yield f"  assign {place} = {extended(element, 'beat_data', start, output.bits)};"
        start += element.bits if isinstance(element, Wire) else 0


def _top(network: Network, about: str) -> Iterator[str]:
    yield f"// {about}"
    ports = ["input  wire clk", "input  wire rst_n"]
    ports += load_ports(network) if network.loadable else []
    for terminal in network.inputs:
        ports += stream_ports(terminal.name, terminal.stream.total_bits, is_input=True)
    for terminal in network.outputs:
        ports += stream_ports(terminal.name, terminal.stream.total_bits, is_input=False)
    yield from module(network.name, ports)
    for name, stream in network.streams.items():
        beats = f"  // {stream.beats} of {stream.lanes} elements a row"
        yield f"  wire {name}_valid, {name}_ready;"
        yield f"  wire {vector(stream.total_bits)} {name}_data;{beats}"
    yield ""
    for terminal in network.inputs:
        yield from _connect(terminal, is_input=True)
    for part in network.parts:
        yield ""
        if isinstance(part, Fork):
            yield from _fork(part)
        elif isinstance(part, Serialize):
            yield from _serializer(part, network)
        else:
            names = (*part.inputs, part.output)
            loads = network.loadable and isinstance(part.front, Product)
            connections = dict(CLOCK)
            if loads:
                connections |= {f"w_{port}": f"w_{port}" for port in ("valid", "address", "data")}
            for name in names:
                connections |= stream_pins(name, name)
            yield from instance(f"{network.name}_{part.name}", part.name, {}, connections)
    yield ""
    for terminal in network.outputs:
        yield from _connect(terminal, is_input=False)
    yield "endmodule"


def _connect(terminal: Terminal, *, is_input: bool) -> Iterator[str]:
    port, stream = terminal.name, terminal.stream.name
    source, sink = (port, stream) if is_input else (stream, port)
    yield f"  assign {sink}_valid = {source}_valid;"
    yield f"  assign {source}_ready = {sink}_ready;"
    yield f"  assign {sink}_data = {source}_data;"


def _fork(part: Fork) -> Iterator[str]:
    (source,) = part.inputs
    valid = ", ".join(f"{name}_valid" for name in reversed(part.outputs))
    ready = ", ".join(f"{name}_ready" for name in reversed(part.outputs))
    yield from instance(
        "stream_fork",
        part.name,
        {"N": len(part.outputs)},
        CLOCK | {"x_valid": f"{source}_valid", "x_ready": f"{source}_ready",
                  "y_valid": f"{{{valid}}}", "y_ready": f"{{{ready}}}"},
    )  # fmt: skip
    for name in part.outputs:
        yield f"  assign {name}_data = {source}_data;"


def _serializer(part: Serialize, network: Network) -> Iterator[str]:
    output = network.streams[part.output]
    yield from instance(
        "serializer",
        part.name,
        {"BITS": output.total_bits, "BEATS": output.beats},
        CLOCK | stream_pins("x", part.inputs[0]) | stream_pins("y", part.output),
    )
