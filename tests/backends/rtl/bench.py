"""Library modules side by side in one simulation, driven port by port from the tests."""

import ctypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from netwright.backends.rtl.cells.circuit import Circuit
from netwright.backends.rtl.cells.verilog import library_names, library_text
from netwright.backends.rtl.simulate.verilator import compile_simulation


@dataclass(frozen=True)
class Instance:
    """A module with parameters; ports by name with their width, at most 64 bits."""

    name: str
    module: str
    parameters: Mapping[str, int | str]
    inputs: Mapping[str, int]
    outputs: Mapping[str, int]
    clocked: bool = True
    resets: bool = True


class Bench:
    """Sets and reads ports as ``instance.port``; :meth:`clock` makes one edge."""

    def __init__(self, instances: Sequence[Instance], folder: Path) -> None:
        sources = [folder / f"{name}.v" for name in library_names()]
        for path in sources:
            path.write_text(library_text(path.stem))
        sources.append(folder / "bench.v")
        sources[-1].write_text(_top(instances))
        library = compile_simulation(
            Circuit("bench", (), (), (), 0), sources, build=folder, key="bench", timeout_s=300.0,
            driver=_driver(instances),
        )  # fmt: skip
        self._library = ctypes.CDLL(str(library))
        self._library.get.restype = ctypes.c_uint64
        self._inputs = {name: i for i, (name, _) in enumerate(_ports(instances, "inputs"))}
        self._outputs = {name: i for i, (name, _) in enumerate(_ports(instances, "outputs"))}
        self._bits = dict(_ports(instances, "inputs"))
        self._library.start()

    def put(self, instance: str, **values: int) -> None:
        """Drive input ports; values may be negative."""
        for port, value in values.items():
            name = f"{instance}_{port}"
            code = value & ((1 << self._bits[name]) - 1)
            self._library.put(self._inputs[name], ctypes.c_uint64(code))
        self._library.settle()

    def get(self, instance: str, port: str) -> int:
        """What an output port shows."""
        return int(self._library.get(self._outputs[f"{instance}_{port}"]))

    def clock(self) -> None:
        """One rising edge for all instances."""
        self._library.tick()


def _ports(instances: Sequence[Instance], side: str) -> list[tuple[str, int]]:
    return [
        (f"{instance.name}_{port}", bits)
        for instance in instances
        for port, bits in getattr(instance, side).items()
    ]


def _top(instances: Sequence[Instance]) -> str:
    ports = ["input wire clk", "input wire rst_n"]
    ports += [f"input wire [{bits - 1}:0] {name}" for name, bits in _ports(instances, "inputs")]
    ports += [f"output wire [{bits - 1}:0] {name}" for name, bits in _ports(instances, "outputs")]
    lines = [f"module bench ({', '.join(ports)});"]
    for instance in instances:
        parameters = ", ".join(f".{key}({value})" for key, value in instance.parameters.items())
        pins = [".clk(clk)"] if instance.clocked else []
        pins += [".rst_n(rst_n)"] if instance.clocked and instance.resets else []
        pins += [f".{p}({instance.name}_{p})" for p in (*instance.inputs, *instance.outputs)]
        lines.append(f"  {instance.module} #({parameters}) u_{instance.name} ({', '.join(pins)});")
    return "\n".join([*lines, "endmodule"]) + "\n"


def _driver(instances: Sequence[Instance]) -> str:
    puts = "".join(
        f"    case {i}: design->{name} = value; break;\n"
        for i, (name, _) in enumerate(_ports(instances, "inputs"))
    )
    gets = "".join(
        f"    case {i}: return design->{name};\n"
        for i, (name, _) in enumerate(_ports(instances, "outputs"))
    )
    return f"""
#include <cstdint>
#include "Vdesign.h"
static VerilatedContext context;
static Vdesign* design;
extern "C" void settle() {{ design->clk = 0; design->eval(); }}
extern "C" void tick() {{ settle(); design->clk = 1; design->eval(); settle(); }}
extern "C" void put(int port, uint64_t value) {{
  switch (port) {{
{puts}  }}
}}
extern "C" uint64_t get(int port) {{
  switch (port) {{
{gets}  }}
  return 0;
}}
extern "C" void start() {{
  design = new Vdesign(&context, "");
  design->rst_n = 0;
  tick(); tick(); tick();
  design->rst_n = 1;
  settle();
}}
"""
