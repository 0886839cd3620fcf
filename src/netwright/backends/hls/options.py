"""What a project is asked to be, checked, and what its layers get of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

from netwright.backends.base import CLOCK_MHZ, Target, target_faults
from netwright.backends.hls.layers import Firmware, Layer
from netwright.backends.hls.lowering import IoType
from netwright.errors import ConfigError

Strategy = Literal["latency", "resource"]
Vendor = Literal["Vitis", "Vivado"]

PART = "xcku115-flvb2104-2-i"
"""The device unless another is asked for."""

MAX_UNROLLED = 4096
"""Products of a layer side by side that the vendors' compilers unroll (``maximum_size``)."""


@dataclass(frozen=True)
class HlsOptions:
    """How a graph becomes an HLS project.

    Attributes:
        part: Device name in the words of its vendor.
        clock_mhz: Clock frequency in MHz.
        io_type: ``"io_parallel"`` keeps tensors in registers, ``"io_stream"`` sends them as
            streams of pixels.
        strategy: ``"latency"`` unrolls every product, ``"resource"`` shares multipliers.
        reuse_factor: How often each multiplier is used per row: one figure, or one for each node
            (1 for those left out). The resource strategy needs factors that divide a layer evenly.
            Of one figure each layer gets the nearest, and :meth:`notes` says which; one
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
            raise ConfigError(faults)
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
                    f"{listed(choices)}"
                )
            products = layer.products[0] * layer.products[1]
            unrolled = products if self.strategy == "latency" else products // used
            if unrolled <= MAX_UNROLLED:
                continue
            enough = [factor for factor in choices if products // factor <= MAX_UNROLLED]
            yield (
                f'"{layer.node}" unrolls {unrolled} products side by side; the vendors\' compilers '
                f"give up above {MAX_UNROLLED}: use --strategy resource --reuse-factor R with R "
                f"one of {listed(enough)}"
            )

    @property
    def record(self) -> dict[str, object]:
        """The options as plain values."""
        factors = self.reuse_factor
        return {
            "part": self.part,
            "clock_mhz": self.clock_mhz,
            "io_type": self.io_type,
            "strategy": self.strategy,
            "reuse_factor": dict(factors) if isinstance(factors, Mapping) else factors,
            "backend": self.backend,
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


def listed(factors: Sequence[int]) -> str:
    """Factors for people; of many, the ends."""
    if len(factors) > 12:
        return ", ".join([*map(str, factors[:9]), "...", *map(str, factors[-2:])])
    return ", ".join(map(str, factors))
