"""Processors that a chip can have: what is known of each, in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from netwright.errors import MissingExtra


@dataclass(frozen=True, slots=True)
class Core:
    """A processor whose Verilog ships in a Python package.

    Attributes:
        name: Name in the options.
        package: Importable package that has its Verilog.
        source: Path of the Verilog inside the package.
        wrapper: Library module that puts it behind the word bus.
        parameters: Parameters of the wrapper.
        startup: Assembly file of the firmware for it.
        architecture: Instruction set, as GCC calls it.
        abi: Calling convention, as GCC calls it.
        licence: Licence of its Verilog.
    """

    name: str
    package: str
    source: str
    wrapper: str
    parameters: Mapping[str, int]
    startup: str
    architecture: str = "rv32im"
    abi: str = "ilp32"
    licence: str = "ISC"

    @property
    def file(self) -> Path:
        """The Verilog of the core.

        Raises:
            MissingExtra: The package is not installed.
        """
        found = find_spec(self.package)
        places = found.submodule_search_locations if found else None
        path = Path(places[0]) / self.source if places else None
        if path is None or not path.is_file():
            raise MissingExtra("soc", package=self.package, purpose=f'the core "{self.name}"')
        return path


def _picorv32(name: str, *, fast_multiplier: int) -> Core:
    return Core(
        name=name,
        package="pythondata_cpu_picorv32",
        source="verilog/picorv32.v",
        wrapper="core_picorv32",
        parameters={"FAST_MULTIPLIER": fast_multiplier},
        startup="start_picorv32.S",
    )


CORES: Mapping[str, Core] = {
    "picorv32": _picorv32("picorv32", fast_multiplier=1),
    "picorv32-small": _picorv32("picorv32-small", fast_multiplier=0),
}
"""All of them by name: with a multiplier of a few clocks, and with one of a bit a clock."""
