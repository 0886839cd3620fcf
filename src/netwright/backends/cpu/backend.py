"""The backend: from a graph to a folder that this processor executes."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

from netwright.backends.base import publish
from netwright.backends.cpu.design import WEIGHTS, CpuDesign
from netwright.backends.cpu.executor import packed_weights
from netwright.backends.cpu.options import CpuOptions
from netwright.backends.opened import Opened
from netwright.files import write_npz
from netwright.ir import SPECS, Graph, Interpreter

KIND = "cpu"


@dataclass(frozen=True)
class CpuBackend(CpuOptions):
    """Makes programs for the processor this runs on, of any graph: codes, real values, or both.

    The options are those of :class:`CpuOptions`.
    """

    takes_reals: ClassVar[bool] = True
    operators: ClassVar[frozenset[str]] = frozenset(SPECS)

    def generate(self, graph: Graph, out: str | Path) -> CpuDesign:
        """Write the graph and its packed weights to the folder `out`, whole or not at all.

        Args:
            graph: Any checked graph.
            out: A folder that does not exist, is empty, or holds an older design of this kind.

        Raises:
            GraphError: The graph breaks a rule.
            NumericsError: A value would need more than 64 bits.
            RunError: `out` holds something else, or cannot be written.
        """
        Interpreter.of(graph)
        packed = packed_weights(graph)

        def write(folder: Path) -> None:
            write_npz(folder / WEIGHTS, packed, level=1)

        files = publish(Path(out), graph, kind=KIND, about={"options": self.record}, write=write)
        return CpuDesign(Path(out), graph, self, MappingProxyType(files))

    def open(self, folder: str | Path) -> CpuDesign:
        """The design that this backend wrote to `folder`, with the options that it had.

        Raises:
            RunError: The folder holds no such design.
            DataError: Its manifest or its graph is damaged.
        """
        found = Opened.of(folder, kind=KIND)
        backend = CpuBackend.of(found.options_as(CpuOptions))
        return CpuDesign(found.root, found.graph, backend, found.files)

    @classmethod
    def of(cls, options: CpuOptions) -> CpuBackend:
        """The backend that makes designs with these options."""
        return cls(**{field.name: getattr(options, field.name) for field in fields(CpuOptions)})


def cpu(*, threads: int = 1, isa: str | None = None) -> CpuBackend:
    """The CPU backend with these options; see :class:`CpuBackend`.

    >>> cpu(threads=2).threads
    2
    """
    return CpuBackend(threads, isa)
