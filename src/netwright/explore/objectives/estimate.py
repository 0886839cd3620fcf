"""Objective ``estimate``: what a network costs on a machine, any setting of which is varied."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from pydantic import Field

from netwright import __version__, arch
from netwright.arch import Architecture
from netwright.arch.load import parse as parse_machine
from netwright.arch.load import tables as machine_tables
from netwright.cost import Goal, as_steps, estimate_network
from netwright.errors import ConfigError, NetwrightError, UnsupportedOp
from netwright.exchange.find import find_workload
from netwright.explore.objective import Tell, reached, unmeasured
from netwright.explore.parameter import Value
from netwright.explore.paths import changed
from netwright.explore.space import Space
from netwright.faults import closest
from netwright.mapping import Mapping as Mapped
from netwright.mapping.load import parse as parse_mapping
from netwright.reading import read_toml
from netwright.settings import Settings
from netwright.workload import Workload

VALUES = ("seconds", "joules", "edp", "utilization", "area_m2", "leakage_w")
"""What is measured, besides ``bytes.NODE``: the bytes that a memory moves."""

_Tables = dict[str, object]

_WHOLE = ("network", "network.batch", "network.bits", "machine")

_ACCEPTED = f"paths are {', '.join(_WHOLE)}, machine.NODE.SETTING and mapping.SETTING"


class EstimateOptions(Settings):
    """Options of the objective.

    Attributes:
        network: Name of a network, or a file.
        machine: Name of a machine, or a TOML file.
        mapping: A file with parts of the mapping; all is searched if not given.
        goal: What the mapping of each operation minimizes.
        batch: Inputs that are worked on together.
        bits: Width or number format of the elements.
    """

    network: str
    machine: str
    mapping: Path | None = None
    goal: Goal = "edp"
    batch: int | None = Field(default=None, ge=1)
    bits: str | None = None

    def make(self, folder: Path | None = None) -> Estimate:
        """The objective.

        Args:
            folder: Where relative paths start.
        """
        where = folder or Path()
        fixed = None if self.mapping is None else where / self.mapping
        return Estimate(
            _place(self.network, where), _place(self.machine, where), fixed, self.goal, self.batch,
            self.bits,
        )  # fmt: skip


@dataclass(frozen=True)
class Estimate:
    """What a network costs on a machine; paths begin with ``machine.``, ``mapping.``, ``network.``.

    Attributes:
        network: Name of a network, or a file.
        machine: Name of a machine, or a TOML file.
        mapping: A file with parts of the mapping.
        goal: What the mapping of each operation minimizes.
        batch: Inputs that are worked on together.
        bits: Width or number format of the elements.
    """

    network: str
    machine: str
    mapping: Path | None = None
    goal: Goal = "edp"
    batch: int | None = None
    bits: str | None = None

    @property
    def digest(self) -> str:
        """Version of this package, contents of the files, and options."""
        content = [
            __version__, repr(self._workload({})), json.dumps(machine_tables(self.machine)),
            json.dumps(self._given), self.goal,
        ]  # fmt: skip
        return f"estimate {hashlib.sha256(chr(0).join(content).encode()).hexdigest()}"

    def check(self, space: Space) -> None:
        """Refuse a network that is none, paths that lead nowhere and values never measured."""
        try:
            self._workload({})
        except NetwrightError as error:
            raise ConfigError(f"[objective]: {error.message}", hint=error.hint) from None
        found = [fault for path in space.targets if (fault := _fault(path))]
        if not found:
            found = reached(space, self._changed, self._built)
        known = [*VALUES, *(f"bytes.{node.name}" for node in arch.find(self.machine).memories)]
        found += unmeasured(space, known)
        if found:
            raise ConfigError(found)

    def evaluate(
        self, settings: Mapping[str, Value], *, fidelity: float, tell: Tell
    ) -> Mapping[str, float]:
        """Map the network anew and price it.

        Raises:
            UnsupportedOp: Operators would be missing in the totals.
        """
        machine, fixed = self._built(self._changed(settings))
        values: dict[str, float] = {"leakage_w": sum(machine.leakage_w.values())}
        if machine.area_m2 is not None:
            values["area_m2"] = machine.area_m2
        tell(values)
        found = estimate_network(self._workload(settings), machine, goal=self.goal, fixed=fixed)
        if not found.coverage.is_whole:
            name, reason = found.coverage.missing[0]
            raise UnsupportedOp(name, where=f"the estimate ({reason})")
        total = found.total
        values |= {
            "seconds": total.seconds,
            "joules": total.joules,
            "edp": total.seconds * total.joules,
            "utilization": total.utilization,
        }
        return values | {f"bytes.{name}": float(n) for name, n in total.bytes_moved.items()}

    @cached_property
    def _given(self) -> dict[str, object]:
        return {} if self.mapping is None else read_toml(self.mapping)

    def _workload(self, settings: Mapping[str, Value]) -> Workload:
        batch, bits = settings.get("network.batch", self.batch), settings.get("network.bits")
        return _workload(
            str(settings.get("network", self.network)),
            None if batch is None else int(str(batch)),
            self.bits if bits is None else str(bits),
            str(settings.get("machine", self.machine)),
        )

    def _changed(self, settings: Mapping[str, Value]) -> tuple[str, _Tables, _Tables]:
        """Name of the machine, and the tables of the machine and of the mapping."""
        name = str(settings.get("machine", self.machine))
        machine = {
            f"nodes.{path.removeprefix('machine.')}": value
            for path, value in settings.items()
            if path.startswith("machine.")
        }
        given = {
            path.removeprefix("mapping."): value
            for path, value in settings.items()
            if path.startswith("mapping.")
        }
        return (
            name,
            changed(_machine(name), machine, source=name),
            changed(self._given, given, source=str(self.mapping or "the mapping")),
        )

    def _built(self, tables: tuple[str, _Tables, _Tables]) -> tuple[Architecture, Mapped | None]:
        name, machine, given = tables
        fixed = parse_mapping(given, source=str(self.mapping or "the mapping")) if given else None
        return parse_machine(machine, source=name), fixed


@cache
def _workload(name: str, batch: int | None, bits: str | None, machine: str) -> Workload:
    return as_steps(find_workload(name, batch=batch, bits=bits), arch.find(machine))


@cache
def _machine(name: str) -> _Tables:
    return machine_tables(name)


def _fault(path: str) -> str:
    """What is wrong with where a path begins, if anything."""
    root, dot, _ = path.partition(".")
    if path in _WHOLE or (dot and root in ("machine", "mapping")):
        return ""
    near = closest(path, _WHOLE) or closest(root, ("machine", "mapping", "network"))
    return f'"{path}" reaches nothing{near or "; " + _ACCEPTED}'


def _place(name: str, folder: Path) -> str:
    """A name, or the path of a file that lies beside the file that names it."""
    path = folder / name
    return str(path) if Path(name).suffix and path.exists() else name
