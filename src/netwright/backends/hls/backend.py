"""The backend: the step from a graph to a project on disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

from netwright.backends.base import CLOCK_MHZ, publish
from netwright.backends.hls.design import HlsDesign
from netwright.backends.hls.layers import Firmware
from netwright.backends.hls.lowering import IoType
from netwright.backends.hls.options import (
    PART,
    HlsOptions,
    Strategy,
    Vendor,
    accepted_factors,
    listed,
)
from netwright.backends.hls.project import top_name, write_project
from netwright.backends.hls.translation import RULES, lower
from netwright.backends.opened import Opened
from netwright.errors import ConfigError
from netwright.ir import Graph

KIND = "hls"


@dataclass(frozen=True)
class HlsBackend(HlsOptions):
    """Makes HLS C++ projects with hls4ml; every precision comes from the graph.

    The options are those of :class:`HlsOptions`.
    """

    requires: ClassVar[tuple[str, ...]] = ("hls", "g++")
    operators: ClassVar[frozenset[str]] = frozenset({"Quantize", *RULES})

    def generate(self, graph: Graph, out: str | Path) -> HlsDesign:
        """Write the project for `graph` to the folder `out`, whole or not at all.

        Args:
            graph: A graph in the integer form. The top function is named after it.
            out: A folder that does not exist, is empty, or holds an older design of this kind.

        Raises:
            GraphError: The graph breaks a rule, or is not in the integer form.
            UnsupportedOp: A node cannot be computed exactly; nothing is written.
            NumericsError: A value is too wide to pass to or from the firmware exactly.
            ConfigError: `reuse_factor` names a node that the graph does not have, or a factor that
                its node cannot have.
            MissingExtra: hls4ml is not installed.
            RunError: `out` holds something else, or cannot be written.
            BackendError: hls4ml failed.
        """
        self._check_nodes(graph)
        firmware = lower(graph, self.io_type)
        self._check_factors(firmware)

        def write(folder: Path) -> None:
            write_project(firmware, self, folder, name=top_name(graph), stamp=graph.digest[:8])

        about = {"options": self.record}
        files = publish(Path(out), graph, kind=KIND, about=about, write=write)
        return self._design(graph, Path(out), firmware, files)

    def open(self, folder: str | Path) -> HlsDesign:
        """The project that an HLS backend wrote to `folder`, with the options that it had.

        Raises:
            RunError: The folder holds no project.
            DataError: Its manifest or its graph is damaged.
        """
        found = Opened.of(folder, kind=KIND)
        backend = HlsBackend.of(found.options_as(HlsOptions))
        firmware = lower(found.graph, backend.io_type)
        return backend._design(found.graph, found.root, firmware, found.files)

    @classmethod
    def of(cls, options: HlsOptions) -> HlsBackend:
        """The backend that makes projects with these options."""
        return cls(**{field.name: getattr(options, field.name) for field in fields(HlsOptions)})

    def _design(
        self, graph: Graph, out: Path, firmware: Firmware, files: Mapping[str, str]
    ) -> HlsDesign:
        factors = {
            layer.node: self.reuse_factor_of(layer)
            for layer in firmware.layers
            if layer.products is not None
        }
        return HlsDesign(
            root=out,
            graph=graph,
            options=self,
            files=MappingProxyType(files),
            firmware=firmware,
            reuse_factors=MappingProxyType(factors),
            notes=tuple(self.notes(firmware)),
        )

    def _check_factors(self, firmware: Firmware) -> None:
        if not isinstance(self.reuse_factor, Mapping):
            return
        faults = [
            f'reuse_factor of node "{layer.node}" must be one of '
            f"{listed(accepted_factors(layer))}, not {self._wanted(layer)}"
            for layer in firmware.layers
            if layer.products and self._wanted(layer) not in accepted_factors(layer)
        ]
        multiplying = {layer.node for layer in firmware.layers if layer.products}
        faults += [
            f'reuse_factor names the node "{name}", which has no multipliers to use again'
            for name, factor in self.reuse_factor.items()
            if factor > 1 and name not in multiplying
        ]
        if faults:
            raise ConfigError(faults)

    def _check_nodes(self, graph: Graph) -> None:
        if not isinstance(self.reuse_factor, Mapping):
            return
        known = [node.name for node in graph.nodes]
        for name in self.reuse_factor:
            if name not in known:
                raise ConfigError(
                    f'reuse_factor names the node "{name}", which graph "{graph.name}" lacks',
                    hint="nodes: " + ", ".join(known[:20]),
                )


def hls(
    *,
    part: str = PART,
    clock_mhz: float = CLOCK_MHZ,
    io_type: IoType = "io_parallel",
    strategy: Strategy = "latency",
    reuse_factor: int | Mapping[str, int] = 1,
    backend: Vendor = "Vitis",
) -> HlsBackend:
    """The HLS backend with these options; see :class:`HlsBackend`.

    >>> hls(clock_mhz=250.0, io_type="io_stream").strategy
    'latency'
    """
    return HlsBackend(part, clock_mhz, io_type, strategy, reuse_factor, backend)
