"""Verilog of the chip: its top, its registers and its packer, around the network's own files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from netwright.backends.registers import Register
from netwright.backends.rtl.cells.verilog import LIBRARY_FOLDER, library_text, sources
from netwright.backends.rtl.chip.bank import HEADER_BYTES, VERSION, Bank, Lane
from netwright.backends.rtl.chip.registers import (
    ACTIVE,
    CLEAR,
    COMMIT,
    FAULTS,
    SHADOW,
    c_header,
    markdown,
    registers,
)
from netwright.backends.rtl.chip.structure import Structure
from netwright.backends.rtl.chip_options import (
    EXPONENT_BITS,
    HEADER_BITS,
    LINK_BITS,
)

LIBRARY = (
    "bank_check",
    "i2c_target",
    "line_filter",
    "normalizer",
    "register",
    "register_bank",
    "word_select",
)
"""Library modules that the chip uses beside those of its network."""


def chip_sources(structure: Structure) -> dict[str, str]:
    """Every file of the chip by name: Verilog, a table of the registers, a header for C."""
    name = structure.name
    texts = {
        f"{name}.v": _text(_top(structure)),
        f"{name}_registers.v": _text(_registers(structure)),
        f"{name}_packer.v": _text(_packer(structure)),
    }
    texts |= {f"{LIBRARY_FOLDER}/{module}.v": library_text(module) for module in LIBRARY}
    about = {
        "registers.md": markdown(structure.bank),
        "registers.h": c_header(name, structure.bank),
    }
    return sources(structure.network) | texts | about


def _text(lines: Iterator[str]) -> str:
    return "\n".join(lines) + "\n"


def _ports(ports: Sequence[str]) -> Iterator[str]:
    yield ",\n".join(f"    {port}" for port in ports)
    yield ");"


def _top(chip: Structure) -> Iterator[str]:
    options, words, network = chip.options, chip.words, chip.network
    codes = chip.cells * chip.code_bits
    yield f"// {chip.cells} charges in, {words.num_links} links out, every clock; the words of a"
    yield f"// crossing leave {options.latency_cycles} clocks later. Weights come over I2C."
    yield f"module {chip.name} ("
    yield from _ports(
        [
            "input  wire clk",
            "input  wire rst_n",
            f"input  wire [{chip.cells * options.charge_bits - 1}:0] charges_data",
            "input  wire scl",
            "input  wire sda",
            "output wire sda_low",
            f"output wire [{words.num_links * LINK_BITS - 1}:0] links_data",
        ]
    )
    yield "  wire [1:0] mode;"
    yield "  wire [3:0] generation;"
    yield "  wire fault;"
    for field in chip.bank.fields:
        yield f"  wire [{field.count * field.bits - 1}:0] {chip.names[field.tensor]};"
    yield f"  {chip.name}_registers u_registers ("
    yield "    .clk(clk), .rst_n(rst_n), .scl(scl), .sda(sda), .sda_low(sda_low),"
    for field in chip.bank.fields:
        yield f"    .{chip.names[field.tensor]}({chip.names[field.tensor]}),"
    yield "    .mode(mode), .generation(generation), .fault(fault));"
    yield ""
    yield f"  wire [{codes - 1}:0] made;"
    yield f"  wire [{EXPONENT_BITS - 1}:0] made_exponent;"
    yield f"  normalizer #(.N({chip.cells}), .X_BITS({options.charge_bits}), "
    yield f"    .Y_BITS({chip.code_bits}), .SUM_BITS({chip.sum_bits}),"
    yield f"    .EXPONENT_BITS({EXPONENT_BITS}))"
    yield "    u_normalizer (.x(charges_data), .y(made), .exponent(made_exponent));"
    yield f"  wire [{codes - 1}:0] codes;"
    yield f"  wire [{EXPONENT_BITS - 1}:0] exponent;"
    if options.latency_cycles == 1:
        yield "  assign codes = made;"
        yield "  assign exponent = made_exponent;"
    else:
        yield f"  register #(.BITS({codes})) u_codes (.clk(clk), .d(made), .q(codes));"
        yield f"  register #(.BITS({EXPONENT_BITS}))"
        yield "    u_exponent (.clk(clk), .d(made_exponent), .q(exponent));"
    yield ""
    bits, read = chip.code_bits, chip.read_bits
    sign = f"{read - bits}'d0, " if read > bits else ""
    places = [
        f"{sign}codes[{cell * bits}+:{bits}]" if cell >= 0 else f"{read}'d0"
        for cell in chip.arrangement
    ]
    yield f"  wire [{len(places) * read - 1}:0] arranged = {{"
    yield ",\n".join(f"    {place}" for place in reversed(places))
    yield "  };"
    yield f"  wire [{network.outputs[0].total_bits - 1}:0] outputs;"
    yield f"  {network.name} u_network ("
    yield "    .clk(clk), .rst_n(rst_n), .x_valid(1'b1), .y_valid(),"
    for port in network.inputs:
        source = chip.names.get(port.tensor, "arranged")
        yield f"    .{port.name}_data({source}),"
    yield f"    .{network.outputs[0].name}_data(outputs));"
    yield ""
    yield f"  {chip.name}_packer u_packer ("
    yield "    .clk(clk), .rst_n(rst_n), .outputs(outputs), .exponent(exponent), .mode(mode),"
    yield "    .generation(generation), .fault(fault), .links(links_data));"
    yield "endmodule"


def _packer(chip: Structure) -> Iterator[str]:
    words = chip.words
    bits = words.num_links * LINK_BITS
    used = HEADER_BITS + EXPONENT_BITS
    yield "// The words of a crossing: the highest bits of every output behind exponent and header."
    yield f"module {chip.name}_packer ("
    yield from _ports(
        [
            "input  wire clk",
            "input  wire rst_n",
            f"input  wire [{words.outputs * words.code_bits - 1}:0] outputs",
            f"input  wire [{EXPONENT_BITS - 1}:0] exponent",
            "input  wire [1:0] mode",
            "input  wire [3:0] generation",
            "input  wire fault",
            f'(* role = "pipeline" *) output reg  [{bits - 1}:0] links',
        ]
    )
    yield '  (* role = "state" *) reg [3:0] crossing;'
    yield f"  wire [{used - 1}:0] header = {{exponent, fault, crossing, generation, mode}};"
    for mode, kept in enumerate(words.latent_bits):
        rest = bits - used - kept * words.outputs
        yield f"  wire [{bits - 1}:0] word_{mode} = {{"
        if rest:
            yield f"    {rest}'d0,"
        for output in reversed(range(words.outputs)):
            yield f"    outputs[{(output + 1) * words.code_bits - 1}-:{kept}],"
        yield "    header"
        yield "  };"
    yield "  always @(posedge clk) begin"
    yield "    if (!rst_n) begin"
    yield "      crossing <= 4'd0;"
    yield f"      links <= {{{bits}{{1'b0}}}};"
    yield "    end else begin"
    yield "      crossing <= crossing + 4'd1;"
    yield "      case (mode)"
    last = len(words.latent_bits) - 1
    for mode in range(last):
        yield f"        2'd{mode}: links <= word_{mode};"
    yield f"        default: links <= word_{last};"
    yield "      endcase"
    yield "    end"
    yield "  end"
    yield "endmodule"


def _registers(chip: Structure) -> Iterator[str]:
    bank, options = chip.bank, chip.options
    yield "// All registers: what the bus reads and writes, the bank that is written, its check and"
    yield "// the bank that computes, which takes all of the first in one clock."
    yield f"module {chip.name}_registers ("
    yield from _ports(
        [
            "input  wire clk",
            "input  wire rst_n",
            "input  wire scl",
            "input  wire sda",
            "output wire sda_low",
            *(
                f"output wire [{f.count * f.bits - 1}:0] {chip.names[f.tensor]}"
                for f in bank.fields
            ),
            "output wire [1:0] mode",
            '(* role = "state" *) output reg  [3:0] generation',
            "output wire fault",
        ]
    )
    yield f"  localparam [15:0] SHADOW = 16'h{SHADOW:04x}, ACTIVE = 16'h{ACTIVE:04x};"
    yield f"  localparam [15:0] SIZE = 16'd{bank.size};"
    yield ""
    yield "  wire [15:0] pointer;"
    yield "  wire write, reading, truncated;"
    yield "  wire [7:0] data;"
    yield "  reg [7:0] read_data;"
    yield "  wire accepted;"
    yield f"  i2c_target #(.ADDRESS(7'h{options.address:02x})) u_i2c ("
    yield "    .clk(clk), .rst_n(rst_n), .scl(scl), .sda(sda), .sda_low(sda_low),"
    yield "    .pointer(pointer), .write(write), .data(data), .accepted(accepted),"
    yield "    .reading(reading), .read_data(read_data), .truncated(truncated));"
    yield ""
    yield from _access()
    yield from _check(bank)
    yield from _banks(chip)
    yield from _faults()
    yield from _reads(bank)
    yield "endmodule"


def _access() -> Iterator[str]:
    command = registers(_NO_BANK).address("command")
    yield "  wire busy, commit;"
    yield "  wire [15:0] shadow_place = pointer - SHADOW;"
    yield "  wire [15:0] active_place = pointer - ACTIVE;"
    yield "  wire is_shadow = shadow_place < SIZE;"
    yield "  wire is_active = active_place < SIZE;"
    yield f"  wire is_command = pointer == 16'h{command:04x};"
    yield f"  wire is_commit = is_command && data == 8'h{COMMIT:02x};"
    yield f"  wire is_clear = is_command && data == 8'h{CLEAR:02x};"
    yield "  assign accepted = ((is_shadow | is_commit) & ~busy) | is_clear;"
    yield ""


_NO_BANK = Bank((), 0, 1)


def _check(bank: Bank) -> Iterator[str]:
    yield "  wire [15:0] check_place;"
    yield "  wire [7:0] shadow_data;"
    yield "  wire crc_fault, size_fault, version_fault, mode_fault;"
    yield "  bank_check #("
    yield f"    .SIZE(16'd{bank.size}), .VERSION(8'd{VERSION}), .LAYOUT(16'h{bank.layout:04x}),"
    yield f"    .MODES(8'd{bank.num_modes})"
    yield "  ) u_check ("
    yield "    .clk(clk), .rst_n(rst_n), .start(write & is_commit), .bank_data(shadow_data),"
    yield "    .place(check_place), .busy(busy), .commit(commit), .crc_fault(crc_fault),"
    yield "    .size_fault(size_fault), .version_fault(version_fault), .mode_fault(mode_fault));"
    yield ""


def _banks(chip: Structure) -> Iterator[str]:
    lanes = [
        Lane("header", "", 0, 0, HEADER_BYTES - 1, 8),
        Lane("mode", "", 0, HEADER_BYTES - 1, 1, 8),
        *(lane for f in chip.bank.fields for lane in f.lanes(chip.names[f.tensor])),
        Lane("crc", "", 0, chip.bank.size - 2, 2, 8),
    ]
    yield "  wire stores = write & is_shadow & ~busy;"
    yield "  wire [15:0] read_place = busy ? check_place : shadow_place;"
    for lane in lanes:
        yield f"  wire [7:0] {lane.name}_shadow_data, {lane.name}_active_data;"
        yield f"  wire [{lane.count * lane.bits - 1}:0] {lane.name}_active;"
        yield f"  register_bank #(.COUNT({lane.count}), .BITS({lane.bits}), "
        yield f"    .BASE(16'd{lane.place}))"
        yield f"    u_{lane.name}_bank (.clk(clk), .rst_n(rst_n), .write(stores),"
        yield "    .write_address(shadow_place), .write_data(data), .commit(commit),"
        yield f"    .shadow_address(read_place), .shadow_data({lane.name}_shadow_data),"
        yield f"    .active_address(active_place), .active_data({lane.name}_active_data),"
        yield f"    .active({lane.name}_active));"
    for side in ("shadow", "active"):
        if side == "active":
            yield "  wire [7:0] active_data;"
        yield f"  assign {side}_data ="
        yield "    " + "\n    | ".join(f"{lane.name}_{side}_data" for lane in lanes) + ";"
    yield "  assign mode = mode_active[1:0];"
    yield "  genvar i;"
    yield "  generate"
    for field in chip.bank.fields:
        name = chip.names[field.tensor]
        parts = field.lanes(name)
        pieces = [f"{lane.name}_active[i*{lane.bits}+:{lane.bits}]" for lane in reversed(parts)]
        yield f"    for (i = 0; i < {field.count}; i = i + 1) begin : g_{name}"
        yield f"      assign {name}[i*{field.bits}+:{field.bits}] = {{{', '.join(pieces)}}};"
        yield "    end"
    yield "  endgenerate"
    yield ""


def _faults() -> Iterator[str]:
    causes = {
        "crc": "crc_fault",
        "size": "size_fault",
        "version": "version_fault",
        "mode": "mode_fault",
        "busy": "busy & (write & (is_shadow | is_commit) | reading & is_shadow)",
        "access": "write & ~(is_shadow | is_commit | is_clear) | reading & ~is_known",
        "transfer": "truncated",
    }
    assert tuple(causes) == tuple(field.name for field in FAULTS)
    yield f'  (* role = "state" *) reg [{len(FAULTS) - 1}:0] faults;'
    yield '  (* role = "state" *) reg loaded;'
    yield "  reg is_known;"
    yield f"  wire [{len(FAULTS) - 1}:0] found;"
    for bit, cause in enumerate(causes.values()):
        yield f"  assign found[{bit}] = {cause};"
    yield "  assign fault = |faults;"
    yield "  always @(posedge clk) begin"
    yield "    if (!rst_n) begin"
    yield f"      faults <= {len(FAULTS)}'d0;"
    yield "      loaded <= 1'b0;"
    yield "      generation <= 4'd0;"
    yield "    end else begin"
    yield f"      faults <= (write & is_clear ? {len(FAULTS)}'d0 : faults) | found;"
    yield "      if (commit) begin"
    yield "        loaded <= 1'b1;"
    yield "        generation <= generation + 4'd1;"
    yield "      end"
    yield "    end"
    yield "  end"
    yield ""


_SOURCES = {
    "status": "{5'd0, |faults, loaded, busy}",
    "faults": "{1'd0, faults}",
    "generation": "{4'd0, generation}",
    "mode": "{6'd0, mode}",
}
"""What a read of a register that changes gives."""


def _constant(register: Register, value: int) -> str:
    if register.name in ("identity", "layout"):
        return f"{8 * register.size}'h{value:04x}"
    return f"{8 * register.size}'d{value}"


def _reads(bank: Bank) -> Iterator[str]:
    found = registers(bank).registers
    sources = {r.name: _constant(r, r.constant) for r in found if r.constant is not None} | _SOURCES
    readable = [register for register in found if register.name in sources]
    for register in readable:
        source = sources[register.name]
        yield f"  wire [{8 * register.size - 1}:0] {register.name}_read = {source};"
    yield "  always @* begin"
    yield "    is_known = 1'b1;"
    yield "    read_data = 8'hff;"
    yield "    if (is_shadow) read_data = busy ? 8'hff : shadow_data;"
    yield "    else if (is_active) read_data = active_data;"
    yield "    else begin"
    yield "      case (pointer)"
    for register in readable:
        for part in range(register.size):
            place = f"{register.name}_read[{8 * part}+:8]"
            yield f"        16'h{register.offset + part:04x}: read_data = {place};"
    yield "        default: is_known = 1'b0;"
    yield "      endcase"
    yield "    end"
    yield "  end"
