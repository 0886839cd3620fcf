"""Verilog text: instances of library modules and the wires between them, nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.resources import files

from netwright.backends.rtl.cells.circuit import Bundle, Cell, Circuit, Element, Layer, Port, Wire
from netwright.escape import line_comment

WIDE_PARAMETERS = ("OFFSET", "BELOW", "ABOVE", "LOW", "HIGH")
"""Parameters that are 64-bit signed constants."""

LIBRARY_FOLDER = "library"


def sources(circuit: Circuit) -> dict[str, str]:
    """Every file of the design by its name: the top module, the layers, the library modules.

    The text depends on the circuit only, byte for byte.
    """
    texts = {f"{circuit.name}.v": _text(_top(circuit))}
    for layer in circuit.layers:
        texts[f"{layer.name}.v"] = layer_text(layer)
    for module in library_modules(circuit):
        texts[f"{LIBRARY_FOLDER}/{module}.v"] = library_text(module)
    return texts


def layer_text(layer: Layer) -> str:
    """The Verilog of one layer."""
    return _text(_layer(layer))


def library_modules(circuit: Circuit) -> tuple[str, ...]:
    """Names of the library modules that a circuit uses, sorted."""
    used = {cell.module for layer in circuit.layers for cell in layer.cells}
    if circuit.latency_cycles:
        used.add("valid_chain")
    if any(_delay(circuit, port) for port in circuit.outputs):
        used.add("register")
    return tuple(sorted(used))


def library_names() -> tuple[str, ...]:
    """Names of all library modules, sorted."""
    folder = files("netwright.backends.rtl") / LIBRARY_FOLDER
    return tuple(sorted(f.name[:-2] for f in folder.iterdir() if f.name.endswith(".v")))


def library_text(module: str) -> str:
    """The Verilog of a library module."""
    folder = files("netwright.backends.rtl") / LIBRARY_FOLDER
    return (folder / f"{module}.v").read_text(encoding="utf-8")


def _text(lines: Iterator[str]) -> str:
    return "\n".join(lines) + "\n"


def _layer(layer: Layer) -> Iterator[str]:
    yield line_comment(f"Nodes: {', '.join(layer.nodes)}.")
    yield f"module {layer.name} ("
    ports = ["input  wire clk"] if layer.is_clocked else []
    ports += [f"input  wire {vector(b.bits)} {b.name}_data" for b in layer.inputs if b.wires]
    ports += [f"output wire {vector(b.bits)} {b.name}_data" for b in layer.outputs if b.wires]
    yield ",\n".join(f"    {port}" for port in ports)
    yield ");"
    for bundle in layer.inputs:
        start = 0
        for wire in bundle.wires:
            place = f"{bundle.name}_data[{start}+:{wire.bits}]"
            yield f"  wire {vector(wire.bits)} {wire.name} = {place};{_interval(wire)}"
            start += wire.bits
    yield ""
    for cell in layer.cells:
        yield from _cell(cell)
    yield ""
    for bundle in layer.outputs:
        if bundle.wires:
            names = ", ".join(wire.name for wire in reversed(bundle.wires))
            yield f"  assign {bundle.name}_data = {{{names}}};"
    yield "endmodule"


def _cell(cell: Cell) -> Iterator[str]:
    wire = cell.output
    numbers = dict(cell.parameters)
    parameters = ", ".join(f".{k}({_constant(k, numbers)})" for k in numbers)
    connections = [".clk(clk)"] if cell.clocked else []
    connections += [f".{port}({_pin(cell, port)})" for port in cell.inputs]
    connections += [f".{cell.port}({wire.name})"]
    yield f"  wire {vector(wire.bits)} {wire.name};{_interval(wire)}"
    yield f"  {cell.module} #({parameters})"
    yield f"    u_{wire.name} ({', '.join(connections)});"


def _pin(cell: Cell, port: str) -> str:
    """What an input port is connected to."""
    wires = cell.inputs[port]
    if isinstance(wires, Wire):
        return wires.name
    bits = cell.parameters[f"{port.upper()}_BITS"]
    if sum(wire.bits for wire in wires) == bits:
        return f"{{{', '.join(wire.name for wire in reversed(wires))}}}"
    values = [
        wire.name if wire.bits == bits else extended(wire, wire.name, 0, bits)
        for wire in reversed(wires)
    ]
    return f"{{{', '.join(values)}}}"


def _top(circuit: Circuit) -> Iterator[str]:
    yield f"// Latency: {circuit.latency_cycles} clocks; one row a clock."
    yield f"module {circuit.name} ("
    ports = ["input  wire clk", "input  wire rst_n", "input  wire x_valid"]
    ports += [f"input  wire {vector(port.total_bits)} {port.name}_data" for port in circuit.inputs]
    ports += ["output wire y_valid"]
    ports += [f"output wire {vector(port.total_bits)} {port.name}_data" for port in circuit.outputs]
    yield ",\n".join(f"    {port}" for port in ports)
    yield ");"
    yield from _valid(circuit.latency_cycles)
    bundles = {bundle.tensor: bundle for layer in circuit.layers for bundle in layer.outputs}
    entering = {bundle.tensor: bundle for layer in circuit.layers for bundle in layer.inputs}
    for port in circuit.inputs:
        if port.tensor in entering:
            yield from _entry(port, entering[port.tensor])
    for layer in circuit.layers:
        yield from _instance(layer)
    for port in circuit.outputs:
        yield from _exit(circuit, port, bundles.get(port.tensor))
    yield "endmodule"


def _valid(latency: int) -> Iterator[str]:
    if latency == 0:
        yield "  assign y_valid = x_valid;"
        return
    yield f"  valid_chain #(.STAGES({latency})) u_valid ("
    yield "    .clk(clk), .rst_n(rst_n), .valid_in(x_valid), .valid_out(y_valid));"


def _entry(port: Port, bundle: Bundle) -> Iterator[str]:
    """Elements of an input port, each as narrow as its values."""
    yield ""
    yield f"  wire {vector(bundle.bits)} {bundle.name}_data;"
    wires = bundle.wires
    if wires[0].bits == port.bits:
        yield f"  assign {bundle.name}_data = {port.name}_data;"
        return
    places = [f"{port.name}_data[{i * port.bits}+:{wire.bits}]" for i, wire in enumerate(wires)]
    yield f"  assign {bundle.name}_data = {{{', '.join(reversed(places))}}};"


def _instance(layer: Layer) -> Iterator[str]:
    yield ""
    for bundle in layer.outputs:
        if bundle.wires:
            yield f"  wire {vector(bundle.bits)} {bundle.name}_data;  // stage {bundle.stage}"
    names = [b.name for b in (*layer.inputs, *layer.outputs) if b.wires]
    connections = [".clk(clk)"] if layer.is_clocked else []
    connections += [f".{name}_data({name}_data)" for name in names]
    yield f"  {layer.name} u_{layer.name} ({', '.join(connections)});"


def _exit(circuit: Circuit, port: Port, bundle: Bundle | None) -> Iterator[str]:
    """Elements of an output port, in step with the latest one, all in the width of the port."""
    yield ""
    if bundle is None:  # an input that is an output, too
        source = next(f"{p.name}_data" for p in circuit.inputs if p.tensor == port.tensor)
        bits = port.total_bits
    else:
        source, bits = f"{bundle.name}_data", bundle.bits
    for stage in range(1, _delay(circuit, port) + 1):
        delayed = f"{port.name}_delayed_{stage}"
        yield f"  wire {vector(bits)} {delayed};"
        yield f"  register #(.BITS({bits}))"
        yield f"    u_{delayed} (.clk(clk), .d({source}), .q({delayed}));"
        source = delayed
    if bundle is None:
        yield f"  assign {port.name}_data = {source};"
        return
    start = 0
    for number, element in enumerate(bundle.elements):
        place = f"{port.name}_data[{number * port.bits}+:{port.bits}]"
        yield f"  assign {place} = {extended(element, source, start, port.bits)};"
        start += element.bits if isinstance(element, Wire) else 0


def extended(element: Element, source: str, start: int, bits: int) -> str:
    """A wire of a bundle, or a constant, in the width of a port."""
    if isinstance(element, int):
        return f"{bits}'d{element & ((1 << bits) - 1)}"
    value = f"{source}[{start}+:{element.bits}]"
    missing = bits - element.bits
    if missing == 0:
        return value
    sign = f"{source}[{start + element.bits - 1}]" if element.is_signed else "1'b0"
    return f"{{{{{missing}{{{sign}}}}}, {value}}}"


def _delay(circuit: Circuit, port: Port) -> int:
    """Registers that an output needs at the top to be in step with the latest one."""
    for layer in circuit.layers:
        for bundle in layer.outputs:
            if bundle.tensor == port.tensor:
                return circuit.latency_cycles - bundle.stage if bundle.wires else 0
    return circuit.latency_cycles


def _constant(name: str, parameters: Mapping[str, int]) -> str:
    value = parameters[name]
    if name == "TABLE":
        return f"{parameters['Y_BITS'] << parameters['X_BITS']}'h{value:x}"
    if name not in WIDE_PARAMETERS:
        return str(value)
    return f"64'sd{value}" if value >= 0 else f"-64'sd{-value}"


def vector(bits: int) -> str:
    """The range of a signal of so many bits."""
    return f"[{bits - 1}:0]"


def _interval(wire: Wire) -> str:
    return f"  // {wire.interval[0]}..{wire.interval[1]}"
