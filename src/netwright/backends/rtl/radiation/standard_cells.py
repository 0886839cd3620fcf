"""A hardened design in standard cells: area, what survived, and timing, before layout.

Modules that only compute are mapped once each and stay modules, so that a design of a million gates
is mapped in minutes; nothing is optimized across their borders. Those without parameters, such as
the network of a chip, are steps of their own, and serve every policy of protection.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from netwright.backends import tools
from netwright.backends.rtl.implement.asic import LIBRARIES
from netwright.backends.rtl.implement.liberty import CellLibrary, read_liberty
from netwright.backends.rtl.implement.synthesis import run_script
from netwright.backends.rtl.radiation.elaboration import MAX_NETLIST_BYTES, ModuleRecord
from netwright.backends.rtl.radiation.fanout import MAX_FANOUT, Divider
from netwright.backends.rtl.radiation.mapped import Survival, examine
from netwright.backends.rtl.radiation.triplication import Hardened
from netwright.backends.tools import OPENSTA, run_tool
from netwright.errors import BackendError, ConfigError, ToolMissing
from netwright.escape import tcl_word, yosys_word
from netwright.files import sha256, write_text
from netwright.progress import Progress, silent
from netwright.quantities import Quantity
from netwright.reading import read_json

_SLACK = re.compile(r"^\s*(-?[\d.]+)\s+slack \((?:MET|VIOLATED)\)", re.M)

_MAPPING = "+" + "; ".join(
    command.replace(" ", ",")
    for command in (
        "strash", "&get -n", "&fraig -x", "&put", "scorr", "dc2", "strash", "&get -n", "&dch -f",
        "&nf {D}", "&put", "buffer -p", "topo", "upsize {D}", "dnsize {D}",
    )
)  # fmt: skip
"""What abc does of itself, and then trees of buffers, where a net or an input is read by many."""


@dataclass(frozen=True)
class MappedCells:
    """A design in the cells of a library.

    Attributes:
        hardened: The design.
        library: Name of the library.
        netlist: The cells, module by module, as JSON of Yosys.
        verilog: The cells as Verilog, with a tree of buffers for the clock, too: OpenSTA's
            time grows much faster than what a net drives.
        area: Area of all cells.
        num_cells: Number of cells.
        survival: Whether triplication is still there.
    """

    hardened: Hardened
    library: str
    netlist: Path
    verilog: Path
    area: Quantity
    num_cells: Quantity
    survival: Survival

    def modules(self) -> dict[str, ModuleRecord]:
        """The netlist, read."""
        found: dict[str, ModuleRecord] = read_json(self.netlist, most=MAX_NETLIST_BYTES)["modules"]
        return found

    def cells(self) -> CellLibrary:
        """The library, read."""
        return read_liberty(LIBRARIES[self.library].liberty)


def map_to_cells(
    hardened: Hardened,
    *,
    library: str = "nangate45",
    clock_ns: float = 25.0,
    folder: str | Path | None = None,
    logic_folder: str | Path | None = None,
    timeout_s: float = 7200.0,
    progress: Progress = silent,
) -> MappedCells:
    """Map a hardened design to standard cells, or read what was mapped before.

    Interrupted, the same call goes on with the first step that is not done.

    Args:
        hardened: The design.
        library: A key of :data:`~netwright.backends.rtl.implement.asic.LIBRARIES`.
        clock_ns: Period that the mapping aims at.
        folder: Where the netlist and the log go; beside the design unless given.
        logic_folder: Where what only computes goes, which several policies may share; `folder`
            unless given.
        timeout_s: Wall-clock seconds each step of Yosys may take.
        progress: Told what it does.

    Raises:
        ConfigError: There is no such library.
        ToolMissing: The library is not installed.
        MissingExtra: pyosys is not installed.
        ToolFailed: Yosys ended with an error, or ran past its time.
    """
    if library not in LIBRARIES:
        choices = " or ".join(f'"{name}"' for name in LIBRARIES)
        raise ConfigError(f"library must be {choices}, not {library!r}")
    liberty = LIBRARIES[library].liberty
    place = Path(folder or hardened.verilog.parent)
    shared = Path(logic_folder or place)
    cells = yosys_word(str(liberty))
    name = f"{hardened.top}-{library}"
    report, netlist, verilog = f"{name}-area.json", f"{name}.json", f"{name}.v"
    to_cells = [
        f'abc -liberty {cells} -D {1000 * clock_ns:.0f} -script "{_MAPPING}"',
        "setundef -zero",
        "opt_clean -purge",
    ]
    logic = _logic(hardened)
    made = {
        module: _mapped_logic(
            module, hardened, [f"log {sha256(liberty)}", f"synth -noabc -top {module}", *to_cells],
            library=library, folder=shared, timeout_s=timeout_s, progress=progress,
        )
        for module in logic
    }  # fmt: skip
    mapped = f"{name}-mapped.json"
    run_script(
        hardened.sources,
        [
            f"log {sha256(liberty)} {' '.join(map(sha256, made.values()))}",
            *(f"blackbox {module}" for module in logic),
            f"synth -noabc -top {hardened.top}",
            f"dfflibmap -liberty {cells}",
            *to_cells,
            *(f"delete ={module}" for module in logic),
            *(f"read_rtlil {yosys_word(str(path.resolve()))}" for path in made.values()),
            f"write_json {mapped}",
        ],
        folder=place,
        name=f"{name}-mapped",
        outputs=(mapped,),
        check=lambda made: (made / mapped).stat(),
        timeout_s=timeout_s,
        defines=(),
        progress=progress,
    )
    divided, clocked = _divided(place / mapped, hardened.top, liberty)
    run_script(
        (),
        [
            f"log {sha256(divided)} {sha256(clocked)}",
            f"read_json ../{divided.name}",
            f"tee -q -o {report} stat -liberty {cells} -json -top {hardened.top}",
            f"write_json {netlist}",
            "design -reset",
            f"read_json ../{clocked.name}",
            f"write_verilog -noattr -noexpr -nohex -nodec {verilog}",
        ],
        folder=place,
        name=name,
        outputs=(report, netlist, verilog),
        check=lambda made: _size(made / report),
        timeout_s=timeout_s,
        defines=(),
        progress=progress,
    )
    count, area = _size(place / report)
    about = LIBRARIES[library].about
    source = f"yosys {version('pyosys')} with abc, {about}, before layout, modules kept, "
    source += f"buffers for {MAX_FANOUT} pins a net"
    return MappedCells(
        hardened,
        library,
        place / netlist,
        place / verilog,
        Quantity(area / 1e6, "mm²", source, "modelled"),
        Quantity(count, "cells", source, "modelled"),
        examine(hardened, place / netlist, read_liberty(liberty).cells),
    )


def _divided(mapped: Path, top: str, liberty: Path) -> tuple[Path, Path]:
    """The netlist with trees of buffers, so that no net drives many pins; the clock's in one."""
    netlist = read_json(mapped, most=MAX_NETLIST_BYTES)
    kinds = read_liberty(liberty).cells
    made = []
    for name, clock in (("divided", False), ("clocked", True)):
        Divider(netlist["modules"], kinds, clock=clock).divide(top)
        made.append(write_text(mapped.with_name(f"{top}-{name}.json"), json.dumps(netlist)))
    return made[0], made[1]


def _logic(hardened: Hardened) -> list[str]:
    """Modules without parameters that only compute and are instances in a design."""
    cells = hardened.elaboration.module["cells"].values()
    return sorted({c["type"] for c in cells if c["type"][0] != "$" and not c["parameters"]})


def _mapped_logic(
    module: str,
    hardened: Hardened,
    commands: list[str],
    *,
    library: str,
    folder: Path,
    timeout_s: float,
    progress: Progress,
) -> Path:
    """The cells of a module that only computes, and of all below it, in the language of Yosys."""
    name = f"{module}-{library}-logic"
    output = f"{name}.il"
    run_script(
        hardened.elaboration.logic,
        [*commands, f"write_rtlil {output}"],
        folder=folder,
        name=name,
        outputs=(output,),
        check=lambda made: (made / output).stat(),
        timeout_s=timeout_s,
        defines=(),
        progress=progress,
    )
    return folder / output


def _size(report: Path) -> tuple[int, float]:
    """Cells and area of the whole design."""
    try:
        design = read_json(report)["design"]
        return int(design["num_cells"]), float(design["area"])
    except (KeyError, TypeError, ValueError) as error:
        raise BackendError(f"{report.name}: is not a report of areas ({error})") from error


@dataclass(frozen=True, slots=True)
class Timing:
    """The longest way between registers, inputs and outputs.

    Attributes:
        delay: Its length, without wires; ``None`` where no tool could say.
        clock_ns: The period that it was compared with.
        why: Why there is no delay; empty where there is one.
    """

    delay: Quantity | None
    clock_ns: float
    why: str = ""

    @property
    def meets(self) -> bool | None:
        """Whether the delay fits the period; ``None`` if it is not known."""
        return None if self.delay is None else self.delay.value <= self.clock_ns


def cell_timing(
    mapped: MappedCells, *, clock_ns: float = 25.0, timeout_s: float = 1800.0
) -> Timing:
    """Static timing of a mapped design at the corner of its library, without wires.

    Args:
        mapped: The design.
        clock_ns: Period of the clock.
        timeout_s: Wall-clock seconds OpenSTA may take.
    """
    library = LIBRARIES[mapped.library]
    try:
        tools.find(OPENSTA)
    except ToolMissing:
        return Timing(None, clock_ns, "not available: OpenSTA is not installed")
    clock = mapped.hardened.elaboration.clock
    script = f"""\
read_liberty {tcl_word(str(library.liberty))}
read_verilog {tcl_word(mapped.verilog.name)}
link_design {mapped.hardened.top}
create_clock -name clk -period {clock_ns:.6f} [get_ports {clock}]
set_input_delay 0 -clock clk [all_inputs]
set_output_delay 0 -clock clk [all_outputs]
report_checks -path_delay max -digits 6
exit
"""
    folder = mapped.verilog.parent
    path = write_text(folder / f"{mapped.verilog.stem}-timing.tcl", script)
    log = folder / f"{mapped.verilog.stem}-timing.log"
    run_tool(OPENSTA, ["-no_splash", "-exit", path.name], cwd=folder, timeout_s=timeout_s, log=log)
    found = _SLACK.search(log.read_text(errors="replace"))
    if found is None:
        return Timing(None, clock_ns, f"not available: OpenSTA found no way (see {log.name})")
    source = f"OpenSTA {tools.version(OPENSTA)}, {library.about}, no wires, before layout"
    return Timing(Quantity(clock_ns - float(found[1]), "ns", source, "modelled"), clock_ns)
