"""The backend: options, and the step from a graph to a project on disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal, get_args

from netwright.backends.base import Target, publish, target_faults
from netwright.backends.hls.design import HlsDesign
from netwright.backends.hls.layers import Layer
from netwright.backends.hls.lowering import IoType
from netwright.backends.hls.project import top_name, write_project
from netwright.backends.hls.translation import lower
from netwright.errors import ConfigError
from netwright.ir import Graph

Strategy = Literal["latency", "resource"]
Vendor = Literal["Vitis", "Vivado"]

KIND = "hls"


@dataclass(frozen=True)
class HlsBackend:
    """Makes HLS C++ projects with hls4ml; every precision comes from the graph.

    Attributes:
        part: Device name in the words of its vendor.
        clock_ns: Clock period in nanoseconds.
        io_type: ``"io_parallel"`` keeps tensors in registers, ``"io_stream"`` sends them as
            streams of pixels.
        strategy: ``"latency"`` unrolls every product, ``"resource"`` shares multipliers.
        reuse_factor: How often each multiplier is used per row: one figure, or one for each node
            (1 for those left out). The resource strategy needs factors that divide a layer evenly:
            the nearest one is taken, and :attr:`HlsDesign.reuse_factors` says which.
        backend: The HLS compiler the project is for.

    Raises:
        ConfigError: Options are not accepted; the message lists every fault.
    """

    part: str = "xcvu13p-flga2577-2-e"
    clock_ns: float = 5.0
    io_type: IoType = "io_parallel"
    strategy: Strategy = "latency"
    reuse_factor: int | Mapping[str, int] = 1
    backend: Vendor = "Vitis"

    def __post_init__(self) -> None:
        faults = list(self._faults())
        if faults:
            raise ConfigError("; ".join(faults))
        if isinstance(self.reuse_factor, Mapping):
            object.__setattr__(self, "reuse_factor", MappingProxyType(dict(self.reuse_factor)))

    def _faults(self) -> Iterator[str]:
        yield from target_faults(self.part, self.clock_ns)
        for name, accepted in (("io_type", IoType), ("strategy", Strategy), ("backend", Vendor)):
            value = getattr(self, name)
            if value not in get_args(accepted):
                choices = " or ".join(f'"{choice}"' for choice in get_args(accepted))
                yield f"{name} must be {choices}, not {value!r}"
        factors = self.reuse_factor
        entries = factors.items() if isinstance(factors, Mapping) else (("", factors),)
        for node, factor in entries:
            if isinstance(factor, bool) or not isinstance(factor, int) or factor < 1:
                where = f' of node "{node}"' if node else ""
                yield f"reuse_factor{where} must be an integer of 1 or more, not {factor!r}"

    @property
    def target(self) -> Target:
        """What the designs are made for."""
        return Target(self.part, self.clock_ns)

    def reuse_factor_of(self, layer: Layer) -> int:
        """The reuse factor of a layer: the one asked for, or the nearest that it can have.

        The C++ of the resource strategy accepts factors that divide the inputs of each product,
        and for dense layers also all inputs times what divides the outputs.
        """
        factors = self.reuse_factor
        wanted = factors.get(layer.node, 1) if isinstance(factors, Mapping) else factors
        if self.strategy == "latency" or layer.products is None:
            return wanted
        num_inputs, num_outputs = layer.products
        accepted = {n for n in range(1, num_inputs + 1) if num_inputs % n == 0}
        if layer.kind == "Dense":
            accepted |= {num_inputs * n for n in range(1, num_outputs + 1) if num_outputs % n == 0}
        return min(accepted, key=lambda factor: (abs(factor - wanted), factor))

    def generate(self, graph: Graph, out: str | Path) -> HlsDesign:
        """Write the project for `graph` to the folder `out`, whole or not at all.

        Args:
            graph: A graph in the integer form. The top function is named after it.
            out: A folder that does not exist, is empty, or holds an older design of this kind.

        Raises:
            GraphError: The graph breaks a rule, or is not in the integer form.
            UnsupportedOp: A node cannot be computed exactly; nothing is written.
            NumericsError: A value is too wide to pass to or from the firmware exactly.
            ConfigError: `reuse_factor` names a node that the graph does not have.
            MissingExtra: hls4ml is not installed.
            RunError: `out` holds something else, or cannot be written.
            BackendError: hls4ml failed.
        """
        self._check_nodes(graph)
        firmware = lower(graph, self.io_type)
        out = Path(out)

        def write(folder: Path) -> None:
            write_project(firmware, self, folder, name=top_name(graph), stamp=graph.digest[:8])

        files = publish(out, kind=KIND, about=self._record(graph), write=write)
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
        )

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

    def _record(self, graph: Graph) -> dict[str, object]:
        factors = self.reuse_factor
        return {
            "graph": {"name": graph.name, "digest": graph.digest},
            "options": {
                "part": self.part,
                "clock_ns": self.clock_ns,
                "io_type": self.io_type,
                "strategy": self.strategy,
                "reuse_factor": dict(factors) if isinstance(factors, Mapping) else factors,
                "backend": self.backend,
            },
        }


def hls(
    *,
    part: str = "xcvu13p-flga2577-2-e",
    clock_ns: float = 5.0,
    io_type: IoType = "io_parallel",
    strategy: Strategy = "latency",
    reuse_factor: int | Mapping[str, int] = 1,
    backend: Vendor = "Vitis",
) -> HlsBackend:
    """The HLS backend with these options; see :class:`HlsBackend`.

    >>> hls(clock_ns=4.0, io_type="io_stream").strategy
    'latency'
    """
    return HlsBackend(part, clock_ns, io_type, strategy, reuse_factor, backend)
