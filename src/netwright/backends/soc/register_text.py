"""Verilog that decodes the word bus: of registers, and of all that hangs on the bus."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from netwright.backends.registers import Field, Register, RegisterMap

BUS_PORTS = (
    "input  wire bus_valid",
    "input  wire [23:0] bus_address",
    "input  wire [31:0] bus_write_data",
    "input  wire [3:0] bus_strobe",
    "output reg  bus_ready",
    "output reg  [31:0] bus_read_data",
    "output reg  bus_error",
)
"""Ports of everything on the bus: single words; a strobe of zero reads.

``bus_valid`` and what goes with it stay until ``bus_ready``, which stays for one clock.
"""


def decoder(registers: RegisterMap) -> str:
    """The module of some registers; a test shows each line's effect.

    Ports by access: what is read is an input; what is written and read is an output; what is
    written only is a pulse beside ``write_data``; a bit that is cleared has an input that sets it.
    An address without a register, a read of what is written only, a write of what is read only and
    a write of less than a word are bus errors.
    """
    return "\n".join(_decoder(registers)) + "\n"


def module_name(registers: RegisterMap) -> str:
    """Name of the module of some registers."""
    return f"soc_{registers.name}_registers"


def signals(registers: RegisterMap) -> Iterator[tuple[str, str, int]]:
    """Direction, name and width of every port beside those of the bus."""
    for register in registers.registers:
        if register.constant is not None:
            continue
        if register.access == "w":
            yield "output wire", f"{register.name}_write", 1
            continue
        for name, field in _parts(register):
            if register.access == "w1c":
                yield "input  wire", f"{name}_set", 1
                yield "output reg ", name, 1
            elif register.access == "rw":
                yield "output reg ", name, field.width
            else:
                yield "input  wire", name, field.width


def _parts(register: Register) -> Iterator[tuple[str, Field]]:
    if not register.fields:
        yield f"{register.name}_value", Field("", 0, 8 * register.size)
    for field in register.fields:
        yield f"{register.name}_{field.name}", field


def _vector(width: int) -> str:
    return f"[{width - 1}:0] " if width > 1 else ""


def _decoder(registers: RegisterMap) -> Iterator[str]:
    found = registers.registers
    yield f"// {registers.meaning}" if registers.meaning else "// Registers."
    yield f"module {module_name(registers)} ("
    ports = ["input  wire clk", "input  wire rst_n", *BUS_PORTS]
    if any(register.access == "w" for register in found):
        ports.append("output wire [31:0] write_data")
    ports += [f"{side} {_vector(width)}{name}" for side, name, width in signals(registers)]
    yield ",\n".join(f"    {port}" for port in ports)
    yield ");"
    yield "  wire start = bus_valid & ~bus_ready;"
    yield "  wire writes = start & bus_strobe != 4'd0;"
    yield "  wire whole = bus_strobe == 4'hf;"
    for register in found:
        yield f"  wire is_{register.name} = bus_address == 24'h{register.offset:06x};"
    for register in found:
        if register.access == "w":
            hit = f"writes & whole & is_{register.name}"
            yield f"  assign {register.name}_write = {hit};"
    if any(register.access == "w" for register in found):
        yield "  assign write_data = bus_write_data;"
    yield ""
    yield "  reg [31:0] found;"
    yield "  always @* begin"
    yield "    found = 32'd0;"
    for register in found:
        if register.constant is not None:
            yield f"    if (is_{register.name}) found = 32'h{register.constant:08x};"
        elif register.access != "w":
            yield f"    if (is_{register.name}) found = {_word(register)};"
    yield "  end"
    readable = [f"is_{r.name}" for r in found if r.access != "w"]
    writable = [f"is_{r.name}" for r in found if r.access != "r"]
    yield f"  wire can_read = {' | '.join(readable) or zero()};"
    yield f"  wire can_write = whole & ({' | '.join(writable) or zero()});"
    yield "  always @(posedge clk) begin"
    yield "    bus_ready <= rst_n & start;"
    yield "    bus_error <= bus_strobe == 4'd0 ? ~can_read : ~can_write;"
    yield "    bus_read_data <= found;"
    yield "  end"
    yield from _stored(found)
    yield "endmodule"


def zero() -> str:
    """The constant 0 of one bit."""
    return "1'b0"


def _word(register: Register) -> str:
    """The fields of a register in a word, with zeros between."""
    pieces, end = [], 32
    for name, field in sorted(_parts(register), key=lambda part: -part[1].low):
        top = field.low + field.width
        if end > top:
            pieces.append(f"{end - top}'d0")
        pieces.append(name)
        end = field.low
    if end:
        pieces.append(f"{end}'d0")
    return f"{{{', '.join(pieces)}}}"


def _stored(registers: Sequence[Register]) -> Iterator[str]:
    stored = [register for register in registers if register.access in ("rw", "w1c")]
    if not stored:
        return
    yield ""
    yield "  always @(posedge clk) begin"
    yield "    if (!rst_n) begin"
    for register in stored:
        for name, field in _parts(register):
            yield f"      {name} <= {field.width}'d0;"
    yield "    end else begin"
    for register in stored:
        hit = f"writes & whole & is_{register.name}"
        for name, field in _parts(register):
            place = f"bus_write_data[{field.low}+:{field.width}]"
            if register.access == "rw":
                yield f"      if ({hit}) {name} <= {place};"
            else:
                yield f"      {name} <= {name}_set | ({name} & ~({hit} & {place}));"
    yield "    end"
    yield "  end"
