"""A design that decides in a closed loop, each of its decisions compared with the graph."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from netwright.ir import Executable, Graph, Interpreter, real_values


@dataclass(slots=True)
class InLoop:
    """A graph of one input and one output as a function of arrays, executed by a design.

    What the design says is what goes on into the loop, so that a difference has its consequences.

    Attributes:
        graph: The graph.
        design: What executes it; the graph's interpreter if not given.
        rows: Decisions so far.
        identical: Decisions of which every integer is that of the interpreter.
        first: Where the first other decision is, and both integers; empty if there is none.
    """

    graph: Graph
    design: Executable | None = None
    rows: int = 0
    identical: int = 0
    first: str = ""
    _interpreter: Interpreter | None = field(default=None, repr=False)

    def __call__(self, rows: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return what the design says, (rows, ...), in real values.

        Args:
            rows: (rows, ...), finite.

        Raises:
            DataError: The rows do not fit the graph.
        """
        if self._interpreter is None:
            self._interpreter = Interpreter.of(self.graph)
        (name,) = self.graph.outputs
        read = np.asarray(rows, dtype=np.float64)
        wanted = self._interpreter.run(read)[name].astype(np.int64)
        found = wanted
        if self.design is not None:
            found = self.design.run(read)[name].astype(np.int64)
        self._compare(found, wanted)
        return real_values(self.graph, name, found)

    def _compare(self, found: NDArray[np.int64], wanted: NDArray[np.int64]) -> None:
        differs = (found != wanted).reshape(len(wanted), -1)
        if differs.any() and not self.first:
            row, place = np.argwhere(differs)[0].tolist()
            said, right = (int(a.reshape(len(a), -1)[row, place]) for a in (found, wanted))
            self.first = f"decision {self.rows + row}, place {place}: {said}, not {right}"
        self.rows += len(wanted)
        self.identical += int(np.count_nonzero(~differs.any(axis=1)))
