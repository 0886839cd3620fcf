"""Pieces of Verilog text: heads of modules, ports of streams, instances."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from netwright.backends.rtl.cells.verilog import vector
from netwright.backends.rtl.streams.network import Network
from netwright.backends.rtl.streams.weights import address_bits, data_bits


def file_text(lines: Iterator[str]) -> str:
    """The text of a file."""
    return "\n".join(lines) + "\n"


def module(name: str, ports: Sequence[str]) -> Iterator[str]:
    """The head of a module."""
    yield f"module {name} ("
    yield ",\n".join(f"    {port}" for port in ports)
    yield ");"


def stream_ports(name: str, bits: int, *, is_input: bool) -> list[str]:
    """Declarations of valid, ready and data, seen from the module."""
    here, there = ("input ", "output") if is_input else ("output", "input ")
    return [
        f"{here} wire {name}_valid",
        f"{there} wire {name}_ready",
        f"{here} wire {vector(bits)} {name}_data",
    ]


def load_ports(network: Network) -> list[str]:
    """Declarations of the port that weights come through."""
    return [
        "input  wire w_valid",
        f"input  wire {vector(address_bits(network))} w_address",
        f"input  wire {vector(data_bits(network))} w_data",
    ]


def instance(
    module: str, name: str, parameters: dict[str, int | str], connections: dict[str, str]
) -> Iterator[str]:
    """An instance, its parameters and its connections on lines of their own."""
    if parameters:
        yield f"  {module} #("
        yield ",\n".join(f"      .{key}({value})" for key, value in parameters.items())
        yield f"  ) u_{name} ("
    else:
        yield f"  {module} u_{name} ("
    yield ",\n".join(f"      .{key}({value})" for key, value in connections.items())
    yield "  );"


CLOCK = {"clk": "clk", "rst_n": "rst_n"}
"""Connections of a clocked module."""


def stream_pins(side: str, name: str) -> dict[str, str]:
    """Connections of a library module's stream to signals."""
    return {f"{side}_{part}": f"{name}_{part}" for part in ("valid", "ready", "data")}
