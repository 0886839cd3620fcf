"""What a chip is asked to be, checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import TypeAdapter, ValidationError

from netwright.backends.base import clock_faults
from netwright.backends.rtl.options import PART, RtlOptions
from netwright.backends.rtl.parts import part_names
from netwright.backends.soc.cores import CORES
from netwright.errors import ConfigError

CLOCK_MHZ = 50.0
"""Clock of a chip unless another is asked for."""

SPI_LANES = (1, 2, 4)
MAX_MEMORY_BYTES = 1 << 22
MIN_MEMORY_BYTES = 1024


@dataclass(frozen=True)
class SocOptions:
    """A chip with a processor around a network.

    Attributes:
        core: The processor: a name of :data:`~netwright.backends.soc.cores.CORES`.
        part: FPGA device, a name of the registry.
        clock_mhz: Clock frequency that the chip is for, in MHz.
        rom_bytes: Bytes for the program and its constants; ``None`` for as many as are needed,
            rounded up to a power of two.
        ram_bytes: Bytes for data and stack; ``None`` likewise.
        spi_lanes: Data lines of the event input: 1, 2 or 4.
        clocks_per_bit: Clocks of a bit of the UART.
        watchdog_cycles: Clocks without an event served or waited for after which the core is reset.
        network: What the hardware of the network is asked to be; its part and its clock are those
            of the chip. One factor of reuse makes a design of streams.

    Raises:
        ConfigError: Options are not accepted; the message lists every fault.
    """

    core: str = "picorv32"
    part: str = PART
    clock_mhz: float = CLOCK_MHZ
    rom_bytes: int | None = None
    ram_bytes: int | None = None
    spi_lanes: int = 1
    clocks_per_bit: int = 8
    watchdog_cycles: int = 50_000_000
    network: RtlOptions = field(default_factory=lambda: RtlOptions(reuse_factor=1))

    def __post_init__(self) -> None:
        object.__setattr__(self, "network", network_options(self.network, part=self.part))
        faults = list(self._faults())
        if faults:
            raise ConfigError(faults)
        network = replace(self.network, part=self.part, clock_mhz=self.clock_mhz)
        object.__setattr__(self, "network", network)

    def _faults(self) -> Iterator[str]:
        if self.core not in CORES:
            choices = " or ".join(f'"{name}"' for name in CORES)
            yield f"core must be {choices}, not {self.core!r}"
        if self.part not in part_names():
            choices = " or ".join(f'"{part}"' for part in part_names())
            yield f"part must be {choices}, not {self.part!r}"
        yield from clock_faults(self.clock_mhz)
        for name, size in (("rom_bytes", self.rom_bytes), ("ram_bytes", self.ram_bytes)):
            if size is None:
                continue
            low, high = MIN_MEMORY_BYTES, MAX_MEMORY_BYTES
            if isinstance(size, bool) or not low <= size <= high or size % 4:
                yield f"{name} must be a multiple of 4 from {low} to {high}, not {size!r}"
        if self.spi_lanes not in SPI_LANES:
            yield f"spi_lanes must be 1, 2 or 4, not {self.spi_lanes!r}"
        for name, value, low, high in (
            ("clocks_per_bit", self.clocks_per_bit, 2, 65_536),
            ("watchdog_cycles", self.watchdog_cycles, 10_000, (1 << 32) - 1),
        ):
            if isinstance(value, bool) or not low <= value <= high:
                yield f"{name} must be from {low} to {high}, not {value!r}"
        for name in ("part", "clock_mhz"):
            given, own = getattr(self.network, name), getattr(self, name)
            if given not in (getattr(RtlOptions, name), own):
                yield f"network.{name} must be left out, or {own!r} as the chip's, not {given!r}"
        if self.network.chip is not None:
            yield "network.chip must be left out: it is another chip"
        if self.network.weights == "loadable":
            yield 'network.weights must be "fixed", not "loadable"'

    @property
    def record(self) -> dict[str, object]:
        """The options as plain values."""
        return {
            "core": self.core,
            "part": self.part,
            "clock_mhz": self.clock_mhz,
            "rom_bytes": self.rom_bytes,
            "ram_bytes": self.ram_bytes,
            "spi_lanes": self.spi_lanes,
            "clocks_per_bit": self.clocks_per_bit,
            "watchdog_cycles": self.watchdog_cycles,
            "network": self.network.record,
        }


def network_options(
    given: RtlOptions | Mapping[str, Any] | None, *, part: str = PART
) -> RtlOptions:
    """The options of the network: as they are, or of a table as a file or a command has it.

    Args:
        given: The options; a table that names no part is for that of the chip.
        part: Of the chip.

    Raises:
        ConfigError: A table has something that is no option, or is not accepted.
    """
    if given is None:
        return RtlOptions(reuse_factor=1)
    if isinstance(given, RtlOptions):
        return given
    known = {"part": part} if part in part_names() else {}
    try:
        return TypeAdapter(RtlOptions).validate_python({**known, **given})
    except ValidationError as error:
        found = error.errors()[0]
        place = ".".join(map(str, ("network", *found["loc"])))
        raise ConfigError(f"{place}: {found['msg']}") from error
