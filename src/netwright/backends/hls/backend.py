"""The backend: options, and the step from a graph to a project on disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal, get_args

from netwright.backends.base import CLOCK_MHZ, Target, publish, target_faults
from netwright.backends.hls.design import HlsDesign
from netwright.backends.hls.layers import Firmware, Layer
from netwright.backends.hls.lowering import IoType
from netwright.backends.hls.project import top_name, write_project
from netwright.backends.hls.translation import lower
from netwright.errors import ConfigError
from netwright.ir import Graph

Strategy = Literal["latency", "resource"]
Vendor = Literal["Vitis", "Vivado"]

KIND = "hls"

PART = "xcku115-flvb2104-2-i"
"""The device unless another is asked for."""

MAX_UNROLLED = 4096
"""Products of a layer side by side that the vendors' compilers unroll (``maximum_size``)."""


@dataclass(frozen=True)
class HlsBackend:
    """Makes HLS C++ projects with hls4ml; every precision comes from the graph.

    Attributes:
        part: Device name in the words of its vendor.
        clock_mhz: Clock frequency in MHz.
        io_type: ``"io_parallel"`` keeps tensors in registers, ``"io_stream"`` sends them as
            streams of pixels.
        strategy: ``"latency"`` unrolls every product, ``"resource"`` shares multipliers.
        reuse_factor: How often each multiplier is used per row: one figure, or one for each node
            (1 for those left out). The resource strategy needs factors that divide a layer evenly.
            Of one figure each layer gets the nearest, and :attr:`HlsDesign.notes` says which; one
            that is given for a node must be accepted.
        backend: The HLS compiler the project is for.

    Raises:
        ConfigError: Options are not accepted; the message lists every fault.
    """

    part: str = PART
    clock_mhz: float = CLOCK_MHZ
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
        yield from target_faults(self.part, self.clock_mhz)
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
        return Target(self.part, self.clock_mhz)

    def reuse_factor_of(self, layer: Layer) -> int:
        """The reuse factor of a layer: the one asked for, or the nearest that it can have."""
        wanted = self._wanted(layer)
        if layer.products is None:
            return wanted
        if self.strategy == "latency":
            return min(wanted, layer.products[0] * layer.products[1])
        return min(accepted_factors(layer), key=lambda factor: (abs(factor - wanted), factor))

    def _wanted(self, layer: Layer) -> int:
        factors = self.reuse_factor
        return factors.get(layer.node, 1) if isinstance(factors, Mapping) else factors

    def notes(self, firmware: Firmware) -> Iterator[str]:
        """What the vendor's compiler will not do as asked, one sentence a layer."""
        for layer in firmware.layers:
            if layer.products is None:
                continue
            choices = accepted_factors(layer)
            used, wanted = self.reuse_factor_of(layer), self._wanted(layer)
            if used != wanted:
                yield (
                    f'"{layer.node}" has the reuse factor {used}, not {wanted}; it can have '
                    f"{_listed(choices)}"
                )
            products = layer.products[0] * layer.products[1]
            unrolled = products if self.strategy == "latency" else products // used
            if unrolled <= MAX_UNROLLED:
                continue
            enough = [factor for factor in choices if products // factor <= MAX_UNROLLED]
            yield (
                f'"{layer.node}" unrolls {unrolled} products side by side; the vendors\' compilers '
                f"give up above {MAX_UNROLLED}: use --strategy resource --reuse-factor R with R "
                f"one of {_listed(enough)}"
            )

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
            notes=tuple(self.notes(firmware)),
        )

    def _check_factors(self, firmware: Firmware) -> None:
        if not isinstance(self.reuse_factor, Mapping):
            return
        faults = [
            f'reuse_factor of node "{layer.node}" must be one of '
            f"{_listed(accepted_factors(layer))}, not {self._wanted(layer)}"
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
            raise ConfigError("; ".join(faults))

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
                "clock_mhz": self.clock_mhz,
                "io_type": self.io_type,
                "strategy": self.strategy,
                "reuse_factor": dict(factors) if isinstance(factors, Mapping) else factors,
                "backend": self.backend,
            },
        }


def accepted_factors(layer: Layer) -> tuple[int, ...]:
    """Every reuse factor that a layer with products can have in the resource strategy.

    Its C++ accepts what divides the inputs of each product, and for dense layers also all inputs
    times what divides the outputs.
    """
    assert layer.products is not None
    num_inputs, num_outputs = layer.products
    accepted = {n for n in range(1, num_inputs + 1) if num_inputs % n == 0}
    if layer.kind == "Dense":
        accepted |= {num_inputs * n for n in range(1, num_outputs + 1) if num_outputs % n == 0}
    return tuple(sorted(accepted))


def _listed(factors: Sequence[int]) -> str:
    """Factors for people; of many, the ends."""
    if len(factors) > 12:
        return ", ".join([*map(str, factors[:9]), "...", *map(str, factors[-2:])])
    return ", ".join(map(str, factors))


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
