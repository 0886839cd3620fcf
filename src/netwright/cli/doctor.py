"""``netwright doctor``: what is installed here, and what to install for the rest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from netwright.cli.console import columns, emit, emit_json
from netwright.cli.run import JsonOption
from netwright.extras import EXTRAS

_TOOL_PURPOSES = {
    "g++": "emulation of HLS projects, simulation of RTL",
    "verilator": "simulation of RTL",
    "iverilog": "simulation of RTL without g++, slower",
    "OpenSTA": "timing and power of RTL on cells of an ASIC",
    "riscv64-unknown-elf-gcc": "firmware of a chip with a processor",
}


class Finding(NamedTuple):
    """One line of the diagnosis.

    Attributes:
        kind: ``system``, ``kernels``, ``extra``, ``tool`` or ``library`` (of standard cells).
        name: What was looked for.
        found: Version or place; empty if missing.
        purpose: What does not work without it.
        install: How to install it; empty if it is there.
    """

    kind: str
    name: str
    found: str
    purpose: str
    install: str


def doctor(as_json: JsonOption = False) -> None:
    """Show what is installed, and the line that installs the rest."""
    findings = diagnose()
    if as_json:
        emit_json([finding._asdict() for finding in findings])
        return
    rows = [("", "found", "for", "install with")]
    rows += [(f.name, f.found or "missing", f.purpose, f.install) for f in findings]
    emit(columns(rows))


def diagnose() -> tuple[Finding, ...]:
    """Look at the interpreter, the machine, the extras and the external programs."""
    from netwright import __version__
    from netwright.backends.tools import TOOLS, find
    from netwright.errors import ToolMissing
    from netwright.run.machine import installed, machine

    here = machine()
    cpu = " ".join((f"{here.cores} cores,", here.cpu, *here.flags))
    findings = [
        Finding("system", "netwright", __version__, "", ""),
        Finding("system", "python", here.python, "", ""),
        Finding("system", "machine", cpu, "", ""),
        _kernels(),
    ]
    for extra in EXTRAS:
        for package in extra.packages:
            version = installed(package) or ""
            line = "" if version else f"pip install 'netwright[{extra.name}]'"
            findings.append(Finding("extra", package, version, extra.purpose, line))
    for tool in TOOLS:
        purpose = _TOOL_PURPOSES.get(tool.name, "")
        try:
            findings.append(Finding("tool", tool.name, str(find(tool)), purpose, ""))
        except ToolMissing:
            findings.append(Finding("tool", tool.name, "", purpose, tool.install_hint))
    return (*findings, *_libraries())


def _libraries() -> Iterator[Finding]:
    from netwright.backends.rtl.implement.asic import LIBRARIES
    from netwright.errors import ToolMissing

    for name, library in LIBRARIES.items():
        purpose = f"cells of an ASIC: {library.about.partition(',')[0]}"
        try:
            yield Finding("library", name, str(library.liberty), purpose, "")
        except ToolMissing:
            yield Finding("library", name, "", purpose, library.install_hint)


def _kernels() -> Finding:
    from netwright.errors import ConfigError
    from netwright.kernels import available_isas, selected_isa
    from netwright.kernels.isa import native

    try:
        selected = selected_isa()
    except ConfigError as error:
        selected = error.message
    paths = ", ".join(available_isas())
    if native is None:
        found = f"fallback: {selected}"
        install = "install a C++ compiler, then netwright again"
    else:
        found = f"native: {selected} (of {paths})"
        install = ""
    return Finding("kernels", "kernels", found, "fast integer products on this processor", install)
