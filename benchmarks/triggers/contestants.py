"""What the ruler measures: a trained network, who made its Verilog, and what is published of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from netwright.backends.rtl import ForeignDesign, rtl
from netwright.backends.rtl.implement.placement import Routing
from netwright.backends.rtl.implement.synthesis import Measurement
from netwright.errors import NetwrightError
from netwright.ir import Graph, Interpreter, real_values

Rows = np.ndarray
TIMEOUT_S = 3600.0
LUTS, ROUTED = "xcup", "ecp5-85k"
UNKNOWN = "data not said"
ADDERS_PER_STAGE = {LUTS: 1, ROUTED: 4}
"""Of our own Verilog: fewest tables where tables count, few clocks where nanoseconds do."""

MEMORY = ("SRL16E", "SRLC32E", "RAM32X1D", "RAM64X1D", "RAM32M", "RAM64M", "RAM32M16")


class Unusable(Exception):
    """A peer's folder, or a tool, is not there or not as expected; its row says why."""


@dataclass(frozen=True)
class Counts:
    """Cells of one design on one part."""

    lut: int
    inverters: int
    carry: int
    ff: int
    clocks: int | None
    open_cells: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, mapped: Measurement, clocks: int | None, open_cells: dict[str, int]) -> Counts:
        """Tables of shift registers and memories count as tables."""
        memory = sum(mapped.cells.get(kind, 0) for kind in MEMORY)
        return cls(
            int(mapped.lut.value) + memory, mapped.cells.get("INV", 0),
            int(mapped.carry.value), int(mapped.ff.value), clocks, open_cells,
        )  # fmt: skip


@dataclass(frozen=True)
class Ours:
    """Verilog that we generate of a graph; its products are proven before it counts."""

    graph: Graph
    folder: Path

    def count(self, part: str) -> Counts:
        design = self._design(part)
        return Counts.of(design.measure(timeout_s=TIMEOUT_S), design.latency_cycles, {})

    def route(self) -> Routing:
        return self._design(ROUTED).route(timeout_s=TIMEOUT_S)

    def _design(self, part: str):
        backend = rtl(
            part=part, adders_per_stage=ADDERS_PER_STAGE[part], table_sums="auto", clock_mhz=200.0
        )
        design = backend.generate(self.graph, self.folder / part)
        if design.num_products and not all(proof.holds for proof in design.prove()):
            raise Unusable("a product of its Verilog is not the product it should be")
        return design


@dataclass(frozen=True)
class Theirs:
    """Verilog of another generator, in one or more forms; the best one counts on every part."""

    designs: tuple[ForeignDesign, ...]

    def count(self, part: str) -> Counts:
        return self._best(part)[0]

    def route(self) -> Routing:
        return self._best(ROUTED)[1].route(timeout_s=TIMEOUT_S)

    def _best(self, part: str) -> tuple[Counts, ForeignDesign]:
        found = []
        for design in self.designs:
            made = design.measure(part=part, timeout_s=TIMEOUT_S)
            clocks = made.depth.most if made.depth else None
            blocks = {kind: n for kind, n in made.blocks.items() if kind not in MEMORY}
            found.append((Counts.of(made.mapped, clocks, {**made.open_cells, **blocks}), design))
        return min(
            found, key=lambda pair: pair[0].lut + (2 * pair[0].carry if part == ROUTED else 0)
        )


@dataclass(frozen=True)
class Contestant:
    """One row of a table.

    Attributes:
        design: Whose method it is, and which of its networks.
        data: What it was trained on: ``OpenML``, ``CERNBox``, ``shipped`` or ``UNKNOWN``.
        rtl: Who made the Verilog.
        accuracy: Its accuracy, and whether that was measured here.
        make: Makes or reads the Verilog in a folder.
        encoder: The graph that makes the design's inputs of words of 16 bits; ``None`` where the
            Verilog itself holds the encoder.
        judge: The class it gives every row of standardized features, in the order of our task;
            ``None`` where only Verilog is there.
        published: Figures of a vendor's tool, with their source.
        note: What a reader must know.
    """

    design: str
    data: str
    rtl: str
    accuracy: str
    make: Callable[[Path], Ours | Theirs]
    encoder: Callable[[], Graph] | None = None
    judge: Callable[[Rows], Rows] | None = None
    published: str = ""
    note: str = ""

    @property
    def name(self) -> str:
        """What one line about it begins with."""
        return f"{self.design}, {self.data}, Verilog by {self.rtl}"


@dataclass(frozen=True)
class Peer:
    """Somebody whose trained networks are public.

    Attributes:
        name: The method.
        folder: Name of the clone in the folder of peers.
        clone: What to clone.
        find: The rows that a clone makes; raises :class:`Unusable`.
    """

    name: str
    folder: str
    clone: str
    find: Callable[[Path], Iterator[Contestant]]


def classes(graph: Graph, rows: Rows, order: str = "gqwzt") -> Rows:
    """What a graph says of rows, in the order of our task's classes.

    Args:
        graph: The graph.
        rows: Its inputs.
        order: Classes of its outputs, by the first letters of their names.
    """
    codes = Interpreter.of(graph).run(rows)[graph.outputs[0]]
    largest = real_values(graph, graph.outputs[0], codes).argmax(axis=1)
    return np.array(["gqwzt".index(letter) for letter in order])[largest]


def problem(error: Exception) -> str:
    """What a row says in place of figures."""
    text, hint = (
        (error.message, error.hint) if isinstance(error, NetwrightError) else (str(error), None)
    )
    first = text.strip().splitlines()[0] if text.strip() else type(error).__name__
    if not isinstance(error, NetwrightError | Unusable):
        first = f"{type(error).__name__}: {first}" if text.strip() else first
    return f"not measured: {first}{f' ({hint})' if hint else ''}"
