"""How a graph is executed on this processor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from netwright.errors import ConfigError
from netwright.kernels.arguments import MAX_THREADS
from netwright.kernels.isa import ISAS


@dataclass(frozen=True)
class CpuOptions:
    """How a graph becomes a program for this processor.

    Attributes:
        threads: Threads of every step, 1 to 256.
        isa: The path of the kernels; the fastest that the processor has if not given, when the
            design is executed.

    Raises:
        ConfigError: Options are not accepted; the message lists every fault.
    """

    threads: int = 1
    isa: str | None = None

    def __post_init__(self) -> None:
        faults = list(self._faults())
        if faults:
            raise ConfigError(faults)

    def _faults(self) -> Iterator[str]:
        threads = self.threads
        if isinstance(threads, bool) or not isinstance(threads, int):
            yield f"threads must be an integer from 1 to {MAX_THREADS}, not {threads!r}"
        elif not 1 <= threads <= MAX_THREADS:
            yield f"threads must be an integer from 1 to {MAX_THREADS}, not {threads}"
        if self.isa is not None and self.isa not in ISAS:
            yield f"isa must be one of {', '.join(ISAS)}, not {self.isa!r}"

    @property
    def record(self) -> dict[str, object]:
        """The options as plain values."""
        return {"threads": self.threads, "isa": self.isa}
