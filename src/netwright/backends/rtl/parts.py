"""FPGA parts that open tools know: how they are mapped to, and whether they are placed and routed.

A part is a name of the registry (kind ``parts``); other packages bring theirs by an entry point.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from netwright.backends.rtl.cells.delays import CellDelays
from netwright.errors import ConfigError
from netwright.registry import entries, resolve


@dataclass(frozen=True, slots=True)
class Family:
    """How designs are mapped to a device family.

    Attributes:
        command: The synthesis command of Yosys, without the top module.
        lut: Cells that are one lookup table each.
        carry: Cells that are carry chains.
        ff: Cells that are one register each.
        models: Verilog models of the cells, below the folder of Yosys.
        multipliers: Cells that the command makes of products; empty if those become logic.
        memories: Cells that are memory blocks.
    """

    command: str
    lut: tuple[str, ...]
    carry: tuple[str, ...]
    ff: tuple[str, ...]
    models: str
    multipliers: tuple[str, ...] = ()
    memories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Placement:
    """How designs are placed and routed on a device.

    Attributes:
        options: Options of nextpnr that say which device it is.
        speed_grades: The slowest first.
        grid: Columns and rows of tiles.
    """

    options: tuple[str, ...]
    speed_grades: tuple[int, ...]
    grid: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Part:
    """An FPGA, or a family of them.

    Attributes:
        name: As options name it.
        title: What it is.
        table_inputs: Inputs of a lookup table.
        family: How designs are mapped to it.
        placement: How they are placed and routed; ``None`` where no open tool does that.
        delays: What cells take of a clock, by estimate; ``None`` where nothing is known of it.
    """

    name: str
    title: str
    table_inputs: int
    family: Family
    placement: Placement | None = None
    delays: CellDelays | None = None


def ecp5_85k() -> Part:
    """One Lattice ECP5 device, which open tools place and route."""
    return Part(
        "ecp5-85k",
        "Lattice ECP5, 84 000 lookup tables",
        4,
        Family(
            "synth_ecp5 -nodsp -noiopad",
            ("LUT4",),
            ("CCU2C",),
            ("TRELLIS_FF",),
            "lattice/cells_sim_ecp5.v",
            memories=("DP16KD",),
        ),
        Placement(("--85k", "--package", "CABGA756"), (6, 7, 8), (127, 96)),
        CellDelays(
            table=0.95,
            chain=2.1,
            carry=0.03,
            table_inputs=4,
            source="fitted to the critical paths of five networks of tables, nextpnr 0.11.1",
        ),
    )


def ecp5_85k_dsp() -> Part:
    """The same device, its 156 multipliers of 18 by 18 bits in use where products are written."""
    plain = ecp5_85k()
    family = replace(plain.family, command="synth_ecp5 -noiopad", multipliers=("MULT18X18D",))
    title = "Lattice ECP5, 84 000 lookup tables and 156 multipliers"
    return replace(plain, name="ecp5-85k-dsp", title=title, family=family)


def xcup() -> Part:
    """The Xilinx UltraScale+ family; mapping only."""
    return Part(
        "xcup",
        "Xilinx UltraScale+ family, mapping only",
        6,
        Family(
            "synth_xilinx -family xcup -nodsp -nosrl -noiopad -flatten",
            tuple(f"LUT{size}" for size in range(1, 7)),
            ("CARRY4", "CARRY8"),
            ("FDRE", "FDSE", "FDCE", "FDPE"),
            "xilinx/cells_sim.v",
            memories=("RAMB18E2", "RAMB36E2"),
        ),
    )


def part_names() -> tuple[str, ...]:
    """The names of all parts."""
    return tuple(entries("parts"))


def routed_parts() -> tuple[str, ...]:
    """The names of those that open tools place and route."""
    return tuple(name for name in part_names() if find_part(name).placement is not None)


def multiplying_parts() -> tuple[str, ...]:
    """The names of those that are mapped with multipliers of their own."""
    return tuple(name for name in part_names() if find_part(name).family.multipliers)


def find_part(name: str) -> Part:
    """The part of a name.

    Raises:
        ConfigError: There is none, or what another package brings is none.
    """
    made = resolve("parts", name)
    found: object = made() if callable(made) else made
    if not isinstance(found, Part):
        raise ConfigError(
            f'part "{name}" must be a netwright.backends.rtl.Part, not {type(found).__name__}'
        )
    return found
