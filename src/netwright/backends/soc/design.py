"""A generated chip: simulated as a whole, from its SPI input to its UART."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from netwright.backends.base import BUILD_FOLDER, Capability, folder_digest, present_files
from netwright.backends.rtl.cells.circuit import Circuit
from netwright.backends.rtl.implement.nextpnr import Job
from netwright.backends.rtl.implement.placement import Routing, route
from netwright.backends.rtl.implement.synthesis import Measurement, mapped_files, synthesize
from netwright.backends.rtl.parts import find_part
from netwright.backends.rtl.shared.shared_design import SharedDesign
from netwright.backends.rtl.shared.shared_text import CORE_MODULES
from netwright.backends.rtl.simulate.simulators import Codes, execute
from netwright.backends.rtl.simulate.verilator import compile_simulation
from netwright.backends.soc.chip_text import LIBRARY_FOLDER, TOP
from netwright.backends.soc.frames import (
    NETWORK,
    RESTARTED,
    SOFTWARE,
    Answer,
    Fault,
    event_frames,
    parse_line,
)
from netwright.backends.soc.options import SocOptions
from netwright.backends.soc.program import compile_program
from netwright.backends.soc.simulation import SimulatedChip, harness
from netwright.backends.soc.structure import Structure
from netwright.errors import BackendError
from netwright.ir import Graph
from netwright.ir.interpret import Values
from netwright.progress import Progress, silent

EXECUTED_AS = "chip simulation"
"""What certificates call what is executed."""

BUILD_TIMEOUT_S = 1800.0
"""Time every program gets unless told otherwise."""

CORE_FOLDER = "core"
"""Folder of a design for the Verilog of the core."""

NETWORK_FOLDER = "network"
"""Folder of a design for the hardware of its network, a design of its own."""

CHUNK = 16
"""Events that a simulation is given at once."""

REST, GAP = 1000, 8
"""Clocks before an event for a core that is to be at rest, and between two frames."""


@dataclass(frozen=True)
class SocDesign:
    """A chip on disk: Verilog, firmware, registers.

    Attributes:
        root: Folder of the design.
        graph: The integer graph it was made from.
        options: What it was asked to be.
        files: SHA-256 of every generated file, by its path inside `root`.
        structure: What it consists of.
        command: What events are for: the hardware of the network, or the software.
    """

    root: Path
    graph: Graph
    options: SocOptions
    files: Mapping[str, str]
    structure: Structure
    command: int = NETWORK

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What open tools do with it."""
        found: set[Capability] = {"build", "measure"}
        if find_part(self.options.part).placement is not None:
            found.add("route")
        return frozenset(found)

    @property
    def executed_as(self) -> str:
        """What :meth:`run` executes."""
        return EXECUTED_AS

    @property
    def notes(self) -> tuple[str, ...]:
        """Nothing: what cannot be as asked is refused."""
        return ()

    def build(self, *, timeout_s: float = BUILD_TIMEOUT_S) -> SocDesign:
        """Compile firmware and simulation, unless that was done before with the files as they are.

        Args:
            timeout_s: Wall-clock seconds each program gets.

        Raises:
            CorruptOutput: A generated file is missing.
            ToolMissing: The cross compiler or the simulator is not installed.
            ToolFailed: One ended with an error, or ran past its time; the log is in ``build``.
        """
        self.library(timeout_s=timeout_s)
        return self

    def measure(
        self, *, timeout_s: float = BUILD_TIMEOUT_S, progress: Progress = silent
    ) -> Measurement:
        """Map the whole chip with its program to the cells of its part; nothing is placed.

        The multipliers of the core and of a shared accelerator take those of the device.

        Args:
            timeout_s: Wall-clock seconds each program gets.
            progress: Told what the synthesizer does.

        Raises:
            CorruptOutput: A generated file is missing.
            MissingExtra: pyosys is not installed.
            ToolMissing: The cross compiler is not installed.
            ToolFailed: A program ended with an error, or ran past its time.
            BackendError: The report of the synthesizer cannot be read.
        """
        return synthesize(
            TOP,
            [*self.sources(), self.program(timeout_s=timeout_s)],
            part=self.options.part,
            folder=self.build_folder,
            timeout_s=timeout_s,
            multipliers=True,
            progress=progress,
        )

    def route(
        self,
        *,
        seed: int = 1,
        speed_grade: int | None = None,
        timeout_s: float = BUILD_TIMEOUT_S,
        progress: Progress = silent,
    ) -> Routing:
        """Place and route the whole chip on its device, with a register on every port bit.

        The latency in the result is that of the network in clocks of the chip.

        Args:
            seed: Seed of the placer.
            speed_grade: Speed grade of the device; the slowest if not given.
            timeout_s: Wall-clock seconds each program gets.
            progress: Told what the programs do.

        Raises:
            DoesNotFit: The device has too few of a resource.
            MissingExtra: pyosys or nextpnr is not installed.
            ToolMissing: The cross compiler is not installed.
            ToolFailed: A program ended with an error, or ran past its time.
            BackendError: The part has no open place and route, or a report cannot be read.
        """
        options = self.options
        netlist = mapped_files(self.build_folder, options.part)[0]
        job = Job(TOP, netlist, options.part, options.clock_mhz, speed_grade, netlist.parent)
        self.measure(timeout_s=timeout_s, progress=progress)
        latency = self.structure.network.latency_cycles
        return route(job, latency_cycles=latency, seed=seed, timeout_s=timeout_s, progress=progress)

    def run(
        self, inputs: Values, *, keep: Collection[str] = ()
    ) -> dict[str, NDArray[np.int64] | NDArray[np.float64]]:
        """Send a batch of real inputs through the simulated chip; builds it first if need be.

        Args:
            inputs: Real values by input name, each (batch, *shape); or one array when there is one
                input. They are quantized on the host, by the interpreter's rules.
            keep: Tensors of the graph to return beside the outputs; only what enters the chip can
                be seen.

        Returns:
            Codes (int64) of the outputs and the kept tensors, each (batch, *shape).

        Raises:
            DataError: An input cannot be used, or `keep` names a tensor that is not there.
            BackendError: The chip reports a fault, does not answer, or answers another event.
            CorruptOutput: A generated file is missing.
            ToolMissing: The cross compiler or the simulator is not installed.
            ToolFailed: One ended with an error, or ran past its time.
        """
        return self.trial().run(inputs, keep=keep)

    def trial(self, *, alone: bool = False, progress: Progress = silent) -> Trial:
        """The same, executed by something that remembers what the chip said.

        Args:
            alone: Whether an event is sent only after the answer to the one before.
            progress: Told how many events are answered.
        """
        return Trial(self, alone=alone, progress=progress)

    def answers(
        self, codes: Codes, *, alone: bool = False, progress: Progress = silent
    ) -> list[Answer]:
        """What the chip says of events: results and clocks; builds it first if need be.

        Args:
            codes: Codes of the inputs by tensor, each (rows, elements).
            alone: Whether an event is sent only after the answer to the one before; otherwise
                whenever a buffer is free.
            progress: Told how many events are answered.

        Raises:
            BackendError: The chip reports a fault, does not answer, or answers another event.
        """
        frames = event_frames(self.structure, codes, command=self.command)
        found: list[Answer] = []
        if not frames:
            return found
        with self.session() as session:
            step = 1 if alone else CHUNK
            for start in range(0, len(frames), step):
                part = frames[start : start + step]
                found += session.play(part, pause=REST if alone else GAP)
                progress(len(found), len(frames), "events answered")
        return found

    def session(self) -> Session:
        """A chip that goes on running from event to event; builds it first if need be."""
        return Session(self)

    def by_software(self) -> SocDesign:
        """The same chip, whose core computes the network without its hardware."""
        return replace(self, command=SOFTWARE)

    @property
    def build_folder(self) -> Path:
        """Folder for everything made from the design."""
        return self.root / BUILD_FOLDER

    def sources(self) -> list[Path]:
        """The Verilog files but for the program.

        Raises:
            CorruptOutput: One is missing.
        """
        names = (name for name in self.files if name.endswith(".v"))
        return present_files(self.root, (name for name in names if not self._is_left_out(name)))

    def _is_left_out(self, name: str) -> bool:
        """Whether a file belongs to the stand-alone design of an accelerator only."""
        folder, _, rest = name.partition("/")
        if folder != NETWORK_FOLDER or not isinstance(self.structure.network, SharedDesign):
            return False
        return rest.removeprefix(f"{LIBRARY_FOLDER}/").removesuffix(".v") not in CORE_MODULES

    def program(self, *, timeout_s: float = BUILD_TIMEOUT_S) -> Path:
        """The Verilog of the memory that holds the program, compiled unless that was done before.

        Args:
            timeout_s: Wall-clock seconds the compiler gets.
        """
        return self._program(folder_digest(self.root)[:16], timeout_s)

    def _program(self, key: str, timeout_s: float) -> Path:
        return compile_program(self.structure, self.root, key=key, timeout_s=timeout_s)

    def library(self, *, timeout_s: float = BUILD_TIMEOUT_S) -> Path:
        """The compiled simulation, made unless that was done before.

        Args:
            timeout_s: Wall-clock seconds each program gets.
        """
        key = folder_digest(self.root)[:16]
        sources = self.sources()
        program = self._program(key, timeout_s)
        options = self.options
        return compile_simulation(
            Circuit(TOP, (), (), (), 0),
            [*sources, program],
            build=self.build_folder,
            key=key,
            timeout_s=timeout_s,
            driver=harness(lanes=options.spi_lanes, clocks_per_bit=options.clocks_per_bit),
        )


class Trial:
    """Executes a chip and remembers what it said.

    Attributes:
        answers: Answers to the events of the last execution.

    Args:
        design: The chip.
        alone: Whether an event is sent only after the answer to the one before.
        progress: Told how many events are answered.
    """

    def __init__(self, design: SocDesign, *, alone: bool, progress: Progress) -> None:
        self._design = design
        self._alone = alone
        self._progress = progress
        self.answers: tuple[Answer, ...] = ()

    def run(
        self, inputs: Values, *, keep: Collection[str] = ()
    ) -> dict[str, NDArray[np.int64] | NDArray[np.float64]]:
        """Execute on a batch of real inputs; see :meth:`SocDesign.run`."""
        structure = self._design.structure
        host = Circuit(
            TOP,
            tuple(source.terminal.port for source in structure.inputs),
            tuple(output.terminal.port for output in structure.outputs),
            (),
            0,
        )
        return execute(self._design.graph, host, inputs, keep, self._simulate)

    def _simulate(self, codes: Codes) -> Codes:
        found = self._design.answers(codes, alone=self._alone, progress=self._progress)
        self.answers = tuple(found)
        return {
            output.terminal.tensor: np.array(
                [answer.codes[output.terminal.tensor] for answer in found], dtype=np.int64
            ).reshape(len(found), output.elements)
            for output in self._design.structure.outputs
        }


class Session:
    """A simulated chip from its reset to the end of a ``with`` block.

    Args:
        design: The chip.

    Raises:
        BackendError: The chip does not say that it is ready.
    """

    def __init__(self, design: SocDesign) -> None:
        self._design = design
        self._chip = SimulatedChip(design.library())
        self._sent = 0
        self._take(self._chip.play(lines=2), 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *stopped: object) -> None:
        self._chip.__exit__(*stopped)

    @property
    def clocks(self) -> int:
        """Clocks since the reset."""
        return self._chip.clocks

    def answer(self, codes: Codes) -> Answer:
        """What the chip says of one event.

        Args:
            codes: Codes of the inputs by tensor, each (1, elements).

        Raises:
            BackendError: The chip reports a fault, does not answer, or answers another event.
        """
        design = self._design
        (frame,) = event_frames(design.structure, codes, command=design.command)
        return self.play([frame], pause=REST)[0]

    def play(self, frames: Sequence[bytes], *, pause: int = GAP) -> list[Answer]:
        """Answers to events, sent whenever a buffer is free.

        Args:
            frames: Their frames.
            pause: Clocks before the first one.

        Raises:
            BackendError: The chip reports a fault, does not answer, or answers other events.
        """
        found = self._take(self._chip.play(frames, lines=len(frames), pause=pause), len(frames))
        expected = [*range(self._sent, self._sent + len(frames))]
        if [answer.number for answer in found] != expected:
            raise BackendError(f"the chip answers other events than {self._sent} and following")
        self._sent += len(frames)
        return found

    def _take(self, text: str, count: int) -> list[Answer]:
        structure = self._design.structure
        lines = [line for line in text.splitlines() if line]
        if RESTARTED in lines:  # whatever line was under way broke off there
            lines = [RESTARTED]
        said = [parse_line(structure, line) for line in lines]
        faults = [f"{item.what} {item.value:#x}" for item in said if isinstance(item, Fault)]
        if faults:
            raise BackendError(f"the chip reports {', '.join(faults)}")
        answers = [item for item in said if isinstance(item, Answer)]
        if len(answers) != count:
            raise BackendError(f"the chip answers {len(answers)} of {count} events, then is silent")
        return answers
