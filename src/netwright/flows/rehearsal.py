"""What hardware refuses of a network, found before anything is trained.

Backends look at operators, shapes and the names of layers, so a network with its first weights is
refused for the same reasons as a trained one.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from netwright.errors import NetwrightError, NumericsError
from netwright.flows.sections import CompressSection, ModelSection, TaskSection
from netwright.flows.stages.chip import CHIP, ChipParameters, generate_chip
from netwright.flows.stages.common import load_task, new_model
from netwright.flows.stages.compress import compressor, subject
from netwright.flows.stages.generate import (
    GenerateParameters,
    generate_all,
    rtl_backend,
    soc_backend,
)
from netwright.flows.stages.tables import TablesParameters, new_tables

if TYPE_CHECKING:
    from torch import nn

    from netwright.backends.rtl.options import RtlOptions
    from netwright.ir import Graph
    from netwright.tasks import Task

ROWS = 256
"""Rows that are enough for scales."""

BITS = 8
"""Width of everything where widths are chosen later."""


def rehearse(
    name: str,
    model: nn.Module,
    task: Task,
    compress: CompressSection,
    files: Mapping[str, Path],
    hardware: GenerateParameters,
    folder: Path,
) -> None:
    """Make hardware of an untrained network.

    Unrolled Verilog, which takes whatever a graph has, is left out: it would take minutes.

    Args:
        name: Name of the graph, an identifier.
        model: The network; it is not changed.
        task: A few rows are enough.
        compress: How widths are chosen.
        files: Of that section, by name.
        hardware: What is to be made.
        folder: Where it is made, an empty folder.

    Raises:
        ConfigError: Options name a layer that is not there, or do not fit one.
        UnsupportedOp: A backend has no hardware for an operator.
        GraphError: Shapes are not accepted, or something is too large.
    """
    asked = _without_unrolled(hardware)
    if asked == GenerateParameters(hls=None, rtl=None):
        return
    graph = untrained_graph(name, model, task, compress, files)
    try:
        generate_all(graph, asked, folder)
    except NumericsError:  # scales are those of the first weights
        return


def untrained_graph(
    name: str, model: nn.Module, task: Task, compress: CompressSection, files: Mapping[str, Path]
) -> Graph:
    """The graph of a network with its first weights, as narrow as the settings allow.

    Args:
        name: Name of the graph, an identifier.
        model: The network; it is not changed.
        task: A few rows are enough.
        compress: How widths are chosen.
        files: Of that section, by name.
    """
    from netwright.compress import Fixed, Hawq, apply_part, quantized_part, uniform
    from netwright.train import trace

    given = subject(compress, model, task, {})
    chosen = compressor(compress, files)
    if isinstance(chosen, Fixed):
        plan = chosen.choose(given).plan
    elif isinstance(chosen, Hawq):
        plan = uniform(
            given.shapes,
            weight_bits=min(chosen.weight_bits),
            activation_bits=min(chosen.activation_bits),
            input_bits=min(chosen.input_bits, default=None),
        )
    else:
        plan = uniform(given.shapes, weight_bits=BITS, activation_bits=BITS)
    rules = plan.with_rules(scale=compress.scale, granularity=compress.granularity)
    made = apply_part(model, rules, task, compress.module)
    return trace(quantized_part(made), name=name)


@dataclass(frozen=True)
class Network:
    """What a flow trains, as far as it can be made before any training.

    Attributes:
        name: Name of the flow.
        task: Which task.
        model: Which network.
        compress: How widths are chosen.
        seed: Of the first weights.
        files: Files of these sections, by name.
    """

    name: str
    task: TaskSection
    model: ModelSection
    compress: CompressSection
    seed: int
    files: Mapping[str, Path]

    def rehearse(self, hardware: GenerateParameters) -> None:
        """Make hardware of it; see :func:`rehearse`."""
        made = self._made()
        if made is not None:
            with TemporaryDirectory() as place:
                model, task = made
                folder = Path(place) / "hardware"
                rehearse(self._graph, model, task, self.compress, self.files, hardware, folder)

    def rehearse_chip(self, chip: ChipParameters) -> None:
        """Make the chip of it, unless widths of its input are left open, of which some may fit."""
        from netwright.compress import Hawq

        made = self._made()
        chosen = compressor(self.compress, self.files)
        if made is not None and not (isinstance(chosen, Hawq) and len(chosen.input_bits) != 1):
            graph = untrained_graph(self._graph, *made, self.compress, self.files)
            with TemporaryDirectory() as place, suppress(NumericsError):
                generate_chip(graph, chip, self.files, Path(place) / CHIP)

    def rehearse_tables(self, tables: TablesParameters) -> None:
        """Make the network of tables, untrained."""
        made = self._made()
        if made is not None:
            new_tables(tables, made[1].windowed(tables.tables.window), self.seed)

    @property
    def _graph(self) -> str:
        return self.name.replace("-", "_")

    def _made(self) -> tuple[nn.Module, Task] | None:
        """The network with its first weights, and some rows.

        ``None`` where there is no such thing: the stage that reads or trains says why.
        """
        try:
            task = load_task(self.task, self.files).subset(ROWS)
            return new_model(self.model, task, self.seed, self.files), task
        except NetwrightError:
            return None


def _without_unrolled(p: GenerateParameters) -> GenerateParameters:
    left_out: dict[str, None] = {}
    if p.rtl is not None and _is_unrolled(rtl_backend(p.rtl)):
        left_out["rtl"] = None
    if p.soc is not None and _is_unrolled(soc_backend(p.soc).network):
        left_out["soc"] = None
    return p.model_copy(update=left_out)


def _is_unrolled(options: RtlOptions) -> bool:
    return options.reuse_factor is None and options.shared is None
