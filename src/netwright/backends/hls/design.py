"""A generated project: compiled and executed on demand."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from netwright.backends.base import BUILD_FOLDER, Capability, file_digests
from netwright.backends.hls.emulation import compile_emulation, run_emulation
from netwright.backends.hls.emulation_text import traced_layers
from netwright.backends.hls.layers import Firmware, View
from netwright.backends.hls.options import HlsOptions
from netwright.backends.hls.registers import EXACT_BITS
from netwright.errors import CorruptOutput, DataError
from netwright.ir import Graph, Interpreter
from netwright.ir.interpret import Values

EXECUTED_AS = "HLS emulation"
"""What certificates call what is executed."""

BUILD_TIMEOUT_S = 1800.0
"""Time the compiler gets unless told otherwise; wide layers take minutes."""


@dataclass(frozen=True)
class HlsDesign:
    """An HLS project on disk, executed as compiled C++ (``ap_fixed`` emulation).

    Attributes:
        root: Folder of the project.
        graph: The integer graph it was made from.
        options: What it was asked to be.
        files: SHA-256 of every generated file, by its path inside `root`.
        firmware: The layers, and where they keep the tensors of the graph.
        reuse_factors: The reuse factor in use for every node with multipliers.
        notes: What the vendor's compiler will not do as asked: layers with too many products side
            by side, reuse factors that are not those asked for.
    """

    root: Path
    graph: Graph
    options: HlsOptions
    files: Mapping[str, str]
    firmware: Firmware
    reuse_factors: Mapping[str, int]
    notes: tuple[str, ...] = ()

    @property
    def capabilities(self) -> frozenset[Capability]:
        """It is compiled; synthesis is left to the vendors' tools."""
        return frozenset({"build"})

    @property
    def executed_as(self) -> str:
        """What :meth:`run` executes."""
        return EXECUTED_AS

    def build(self, *, timeout_s: float = BUILD_TIMEOUT_S) -> HlsDesign:
        """Compile the emulation, unless that was done before with the files as they are now.

        Args:
            timeout_s: Wall-clock seconds the compiler gets.

        Raises:
            CorruptOutput: A generated file is missing, or a script of the project was changed.
            ToolMissing: There is no g++.
            ToolFailed: It ended with an error, or ran past its time; the log is in ``build``.
        """
        self._library(timeout_s)
        return self

    def run(
        self, inputs: Values, *, keep: Collection[str] = ()
    ) -> dict[str, NDArray[np.int64] | NDArray[np.float64]]:
        """Execute the firmware on a batch of real inputs; builds it first if need be.

        The inputs are quantized on the host, by the interpreter's rules; the firmware gets codes.

        Args:
            inputs: Real values by input name, each (batch, *shape); or one array when there is one
                input.
            keep: Tensors of the graph to return beside the outputs; tensors of more than 53 bits
                cannot be seen and are left out.

        Returns:
            Codes (int64) of the outputs and the kept tensors, each (batch, *shape).

        Raises:
            DataError: An input is missing, has another shape, holds NaN or infinity, or `keep`
                names a tensor that the graph does not have.
            CorruptOutput: A generated file is missing.
            ToolMissing: There is no g++.
            ToolFailed: It ended with an error, or ran past its time.
        """
        for name in keep:
            if name not in self.graph.types:
                raise DataError(f'graph "{self.graph.name}" has no tensor "{name}"')
        results = self._quantized(inputs)
        rows = len(next(iter(results.values())))
        feeds = [_feed(view, results[name], rows) for name, view in self.firmware.host.items()]
        wanted = dict.fromkeys((*self.graph.outputs, *keep))
        inside = {
            name: self.firmware.views[name]
            for name in wanted
            if name in self.firmware.views and name not in results and self._is_visible(name)
        }
        hosted = {view.layer for view in self.firmware.host.values()}
        hidden = {view.layer for view in inside.values()} - {*self.firmware.outputs, *hosted}
        traced = traced_layers(self.firmware) if hidden else ()
        sizes = {view.layer: view.size for view in self.firmware.views.values()}
        outputs, traces = run_emulation(
            self._library(BUILD_TIMEOUT_S),
            feeds,
            [sizes[layer] for layer in self.firmware.outputs],
            [sizes[layer] for layer in traced],
            parallel=self.options.io_type == "io_parallel",
        )
        values = dict(zip((*self.firmware.outputs, *traced), (*outputs, *traces), strict=True))
        for view, feed in zip(self.firmware.host.values(), feeds, strict=True):
            values[view.layer] = feed
        results |= {name: _codes(view, values[view.layer]) for name, view in inside.items()}
        results |= {
            name: self.graph.constants[name] for name in wanted if name in self.graph.constants
        }
        return {name: results[name] for name in wanted if name in results}

    def _is_visible(self, tensor: str) -> bool:
        return self.graph.types[tensor].dtype.bits <= EXACT_BITS

    def _quantized(self, inputs: Values) -> dict[str, NDArray[np.int64] | NDArray[np.float64]]:
        host = self.firmware.host
        nodes = tuple(node for node in self.graph.nodes if node.output in host)
        part = replace(self.graph, nodes=nodes, outputs=tuple(host))
        return Interpreter.of(part).run(inputs)

    def _library(self, timeout_s: float) -> Path:
        current = file_digests(self.root)
        for name in self.files:
            if name not in current:
                raise CorruptOutput(str(self.root / name), hint="generate the design again")
            if name.endswith(".tcl") and current[name] != self.files[name]:
                raise CorruptOutput(
                    str(self.root / name),
                    hint="scripts cannot be executed here, so nothing would check the change; "
                    "generate the design again with other options",
                )
        return compile_emulation(
            self.root,
            current,
            build=self.root / BUILD_FOLDER,
            timeout_s=timeout_s,
        )


def _feed(
    view: View, codes: NDArray[np.int64] | NDArray[np.float64], rows: int
) -> NDArray[np.float64]:
    """Real values in the order in which the firmware reads them: (rows, size)."""
    feed = np.empty((rows, view.size))
    feed[:, view.index.ravel()] = codes.reshape(rows, view.size)
    return np.ldexp(feed, view.exponent)


def _codes(view: View, values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Codes of a tensor from the output (rows, size) of the layer that holds it."""
    codes = np.ldexp(values[:, view.index.ravel()], -view.exponent)
    return codes.astype(np.int64).reshape(len(values), *view.index.shape)
