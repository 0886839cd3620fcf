"""A generated design: a graph with packed weights, executed on this processor."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from netwright.backends.base import Capability, intact_files
from netwright.backends.cpu.executor import Executor, make_executor
from netwright.backends.cpu.options import CpuOptions
from netwright.ir import Graph
from netwright.ir.interpret import Values
from netwright.reading import read_arrays

EXECUTED_AS = "CPU engine"
"""What certificates call what is executed."""

WEIGHTS = "weights.npz"
"""The weights as the kernels take them."""

_AGAIN = "generate the design again"


@dataclass(frozen=True)
class CpuDesign:
    """A graph on disk with its weights packed for the kernels.

    Attributes:
        root: Folder of the design.
        graph: The graph it was made from.
        options: What it was asked to be.
        files: SHA-256 of every file, by its path inside `root`.
        notes: What will not be as asked; nothing.
    """

    root: Path
    graph: Graph
    options: CpuOptions
    files: Mapping[str, str]
    notes: tuple[str, ...] = ()

    @property
    def capabilities(self) -> frozenset[Capability]:
        """Its weights are loaded and made ready."""
        return frozenset({"build"})

    @property
    def executed_as(self) -> str:
        """What :meth:`run` executes."""
        return EXECUTED_AS

    @cached_property
    def executor(self) -> Executor:
        """The graph, ready to run.

        Raises:
            CorruptOutput: A file is missing, or not the one that was generated.
            DataError: The weights are damaged.
            ConfigError: The path of the kernels cannot be executed here.
        """
        intact_files(self.root, self.files, hint=_AGAIN)
        packed = read_arrays(self.root / WEIGHTS, what="a file of packed weights", hint=_AGAIN)
        options = self.options
        return make_executor(self.graph, packed, threads=options.threads, isa=options.isa)

    def build(self) -> CpuDesign:
        """Load the weights and make them ready, as the first :meth:`run` would.

        Raises:
            CorruptOutput: A file is missing, or not the one that was generated.
        """
        _ = self.executor
        return self

    @property
    def kernels(self) -> Mapping[str, str]:
        """Name of the kernel of each product, by name of its node."""
        return self.executor.kernels

    def run(self, inputs: Values, *, keep: Collection[str] = ()) -> dict[str, NDArray[Any]]:
        """Execute on a batch of real inputs; see :meth:`Executor.run`."""
        return self.executor.run(inputs, keep=keep)
