"""Verilog of the products that are spread over clocks."""

from __future__ import annotations

from collections.abc import Iterator

from netwright.backends.rtl.cells.verilog import vector
from netwright.backends.rtl.streams.module_text import CLOCK, instance, stream_pins
from netwright.backends.rtl.streams.network import Network, Product, Stream, Unit
from netwright.backends.rtl.streams.weights import Memory, address_bits, memories


def product_text(unit: Unit, front: Product, network: Network, source: Stream) -> Iterator[str]:
    """The instances that make a product: its memories and its multipliers.

    Args:
        unit: The unit it is the front of.
        front: The product.
        network: The design.
        source: The stream it reads.
    """
    tiling = front.tiling
    sums = tiling.groups * tiling.outputs_per_clock
    round_bits = max((tiling.rounds - 1).bit_length(), 1)
    count_bits = max((tiling.reuse_factor - 1).bit_length(), 1)
    yield f"  wire {vector(round_bits)} round;"
    yield f"  wire {vector(count_bits)} count;"
    yield f"  wire {vector(tiling.multipliers * front.weight_bits)} weights;"
    yield f"  wire {vector(sums * front.bias_bits)} bias;"
    yield ""
    if network.loadable:
        by_role = {m.role: m for m in memories(network) if m.unit == unit.name}
        yield from _ram(by_role["weights"], network, "count", "weights")
        if front.bias is not None:
            yield from _ram(by_role["bias"], network, "round", "bias")
    else:
        yield from _rom(front, count_bits)
    if front.bias is None:
        yield f"  assign bias = {{{sums * front.bias_bits}{{1'b0}}}};"
    yield ""
    parameters: dict[str, int | str] = {
        "GROUPS": tiling.groups,
        "CHANNELS": front.channels,
        "INPUTS": tiling.inputs_per_clock,
        "STEPS": tiling.steps,
        "OUTPUTS": tiling.outputs_per_clock,
        "ROUNDS": tiling.rounds,
        "X_BITS": source.bits,
        "X_SIGNED": int(source.is_signed),
        "W_BITS": front.weight_bits,
        "BIAS_BITS": front.bias_bits,
        "ACC_BITS": front.accumulator_bits,
        "LEVELS_PER_STAGE": front.levels_per_stage,
        "ROUND_BITS": round_bits,
        "CLOCK_BITS": count_bits,
    }
    names = ("room", "take", "round", "count", "weights", "bias")
    yield from instance(
        "mac_array",
        "front",
        parameters,
        CLOCK | stream_pins("x", source.name) | {name: name for name in names}
        | {"y_valid": "made_valid", "y_data": "made_data"},
    )  # fmt: skip


def _rom(front: Product, address: int) -> Iterator[str]:
    """The memory of fixed weights, one line a clock."""
    depth, lanes = front.weights.shape
    bits = lanes * front.weight_bits
    mask = (1 << front.weight_bits) - 1
    lines = []
    for clock in reversed(range(depth)):
        word = 0
        for weight in reversed(front.weights[clock].tolist()):
            word = word << front.weight_bits | weight & mask
        comma = "," if clock else ""
        lines.append(f"          {bits}'h{word:0{-(-bits // 4)}x}{comma}  // clock {clock}")
    contents = "{\n" + "\n".join(lines) + "\n      }"
    yield from instance(
        "weight_rom",
        "weights",
        {"BITS": bits, "DEPTH": depth, "ADDRESS_BITS": address, "CONTENTS": contents},
        {"clk": "clk", "address": "count", "word": "weights"},
    )


def _ram(memory: Memory, network: Network, address: str, word: str) -> Iterator[str]:
    """A memory that listens to its addresses of the load port."""
    inner = memory.address_bits + memory.lane_bits
    total = address_bits(network)
    yield f"  wire {memory.role}_write = w_valid"
    if total > inner:
        number = memory.base >> inner
        yield f"      & (w_address[{total - 1}:{inner}] == {total - inner}'d{number});"
    else:
        yield "      & 1'b1;"
    yield from instance(
        "weight_ram",
        memory.role,
        {
            "BITS": memory.bits,
            "LANES": memory.lanes,
            "DEPTH": memory.depth,
            "ADDRESS_BITS": memory.address_bits,
            "LANE_BITS": memory.lane_bits,
        },
        {
            "clk": "clk",
            "write": f"{memory.role}_write",
            "write_lane": f"w_address[{inner - 1}:{memory.address_bits}]",
            "write_address": f"w_address[{memory.address_bits - 1}:0]",
            "write_data": f"w_data[{memory.bits - 1}:0]",
            "address": address,
            "word": word,
        },
    )
