"""Joules of the commands of a memory, from its currents or as its file says."""

from __future__ import annotations

from collections.abc import Mapping

from netwright.arch import Command, Dram
from netwright.errors import ConfigError

STANDBY: Mapping[str, str] = {"active": "idd3n", "precharged": "idd2n"}
"""What a channel takes all the time, with and without open rows, and the current that says it."""


def energy_of(dram: Dram, name: str) -> float:
    """Joules of one command, or of one cycle of standby.

    A channel has open rows (``active``) or none (``precharged``). What the file says counts. Else
    it is what the command takes beyond standby, by the currents of a data sheet (as in Micron
    TN-46-03 and DRAMsim3, ``src/configuration.cc``): a row that is opened and closed
    ``V (IDD0 tRC - IDD3N tRAS - IDD2N (tRC - tRAS))``, a column ``V (IDD4 - IDD3N) tBL``, a refresh
    ``V (IDD5B - IDD3N) tRFC``; times the number of chips, and for a command of several banks times
    their number. A column that goes to all units of a channel takes `mac_over_read` times a read.

    Raises:
        ConfigError: The file gives neither an energy nor the currents.
    """
    clock = dram.clock.value
    if name in STANDBY:
        if name in dram.powers:
            return dram.powers[name].value * clock
        return _volts(dram) * _amperes(dram, STANDBY[name], name) * clock * dram.devices
    if name in dram.energies:
        return dram.energies[name].value
    command = dram.commands[name]
    if command.does in ("close", "load", "unload"):
        return 0.0  # closing is part of opening; the pins are a link
    return _from_currents(dram, name, command) * clock * dram.devices


def _from_currents(dram: Dram, name: str, command: Command) -> float:
    """Volts times amperes times cycles of one chip."""
    volts, idle = _volts(dram), _amperes(dram, "idd3n", name)
    if command.does == "open":
        cycles, active = dram.cycles("rc"), dram.cycles("ras")
        taken = _amperes(dram, "idd0", name) * cycles - idle * active
        taken -= _amperes(dram, "idd2n", name) * (cycles - active)
        return volts * taken * _banks(dram, command)
    if command.does == "refresh":
        return volts * (_amperes(dram, "idd5b", name) - idle) * dram.cycles("rfc")
    current = "idd4w" if command.does == "write" else "idd4r"
    column = volts * (_amperes(dram, current, name) - idle) * dram.cycles("bl")
    if command.does != "compute":
        return column
    if dram.mac_over_read is None:
        raise ConfigError(
            f'command "{name}" has no energy', hint="give it under energies, or mac_over_read"
        )
    return column * dram.mac_over_read.value


def bytes_of(dram: Dram, name: str) -> int:
    """Bytes that a command reads from banks or writes to them."""
    command = dram.commands[name]
    if command.does not in ("read", "write", "compute"):
        return 0
    return dram.access_bytes * _banks(dram, command)


def pin_bytes_of(dram: Dram, name: str) -> int:
    """Bytes that cross the pins with a command."""
    moves = dram.commands[name].does in ("read", "write", "load", "unload")
    return dram.access_bytes if moves else 0


def _banks(dram: Dram, command: Command) -> int:
    return {"bank": 1, "bank_group": dram.banks_per_group, "channel": dram.banks}[command.level]


def _volts(dram: Dram) -> float:
    if dram.voltage is None:
        raise ConfigError("a memory with currents has no voltage", hint="give dram.voltage")
    return dram.voltage.value


def _amperes(dram: Dram, current: str, name: str) -> float:
    if current not in dram.currents:
        raise ConfigError(
            f'"{name}" has no energy and the memory no current {current}',
            hint=f"give dram.currents.{current}, or dram.energies.{name}",
        )
    return dram.currents[current].value
