"""What a systolic array is in Verilog: one library module with its parameters under a name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from netwright.backends.rtl.arrays.driver import Ports
from netwright.backends.rtl.cells.verilog import LIBRARY_FOLDER, library_names, library_text
from netwright.errors import ConfigError

MAX_SIDE = 64
"""Most rows and most columns; a simulation of more takes too long to compile."""

ACC_BITS = 32
"""Width of a sum."""

STEP_BITS = 24
"""Width of the number of multiplications that an element does in a tile."""


@dataclass(frozen=True, slots=True)
class Structure:
    """An array with all its parameters.

    Attributes:
        name: Name of the top module.
        module: The library module that it is.
        parameters: Parameters of that module.
        ports: Its sides.
        parts: Library modules that are counted on their own.
    """

    name: str
    module: str
    parameters: Mapping[str, int]
    ports: Ports
    parts: tuple[str, ...]

    def sources(self) -> dict[str, str]:
        """Every file by its name: the top module and the library modules that it needs."""
        texts = {f"{self.name}.v": self._top()}
        for module in library_closure(self.module):
            texts[f"{LIBRARY_FOLDER}/{module}.v"] = library_text(module)
        return texts

    def _top(self) -> str:
        ports = self.ports
        pins = {"clk": 1, "rst_n": 1, "tile_valid": 1, "tile_steps": STEP_BITS}
        pins |= {"tile_stationary": 1, "tile_dense": 1} if ports.modes else {}
        pins |= {"x_data": ports.rows * ports.x_bits, "w_data": ports.columns * ports.w_bits}
        outs = {
            "tile_ready": 1, "active": 1, "x_take": ports.rows, "w_take": ports.columns,
            "y_valid": ports.columns, "y_data": ports.columns * ACC_BITS,
        }  # fmt: skip
        return wrapper_text(self.name, self.module, "u_array", self.parameters, pins, outs)


def wrapper_text(
    name: str, module: str, instance: str, parameters: Mapping[str, int],
    inputs: Mapping[str, int], outputs: Mapping[str, int],
) -> str:  # fmt: skip
    """A module that is one library module with its parameters, and has its ports.

    Args:
        name: Name of the module.
        module: The library module.
        instance: Name of that one inside.
        parameters: Its parameters.
        inputs: Width of every input.
        outputs: Width of every output.
    """
    heads = [f"    input  wire {_range(bits)}{port}" for port, bits in inputs.items()]
    heads += [f"    output wire {_range(bits)}{port}" for port, bits in outputs.items()]
    values = [f"      .{parameter}({value})" for parameter, value in parameters.items()]
    links = [f"      .{port}({port})" for port in (*inputs, *outputs)]
    return "\n".join(
        [
            f"module {name} (", ",\n".join(heads), ");",
            f"  {module} #(", ",\n".join(values), f"  ) {instance} (", ",\n".join(links),
            "  );", "endmodule", "",
        ]
    )  # fmt: skip


def _range(bits: int) -> str:
    return f"[{bits - 1}:0] " if bits > 1 else ""


def library_closure(module: str) -> tuple[str, ...]:
    """A library module and those that it instantiates, sorted."""
    known, found, left = set(library_names()), set[str](), {module}
    while left:
        name = left.pop()
        found.add(name)
        left |= set(re.findall(r"^ *(\w+) (?:#\(|u_)", library_text(name), re.M)) & known - found
    return tuple(sorted(found))


def check_sides(**sides: int) -> None:
    """Refuse numbers of rows and columns that no array here has.

    Raises:
        ConfigError: One is not from 1 to :data:`MAX_SIDE`.
    """
    for name, value in sides.items():
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_SIDE:
            raise ConfigError(f"{name} must be an integer from 1 to {MAX_SIDE}, not {value!r}")
