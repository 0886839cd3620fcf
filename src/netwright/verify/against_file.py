"""The first stage of a certificate: the user's own file against the graph that was read from it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from netwright.errors import ConfigError, NotExecutable, VerificationError
from netwright.formats import noise_of, on_borders
from netwright.ir import (
    Array,
    Graph,
    Interpreter,
    Node,
    bounds,
    interface_values,
    real_values,
    rows_together,
    spec_of,
)
from netwright.ir.interpret import Values
from netwright.ir.types import along_axis
from netwright.verify.compare import CHUNK_ROWS, as_stimulus
from netwright.verify.stimulus import Stimulus

Reals = NDArray[np.float64]
Mask = NDArray[np.bool_]

FLOAT32_NOISE, FLOAT64_NOISE = 2.0**-20, 2.0**-44
"""Rounding noise of a sum, as a share of the largest value that it can have."""


_IRRATIONAL = ("attention", "lookup", "normalization")
"""Operators whose values come as close to a border as one likes and do not lie on it."""


class RealExecutable(Protocol):
    """A file as another tool executes it, with real outputs in the order of the graph's."""

    @property
    def name(self) -> str:
        """Name of the file."""

    @property
    def limits(self) -> Mapping[str, tuple[int, int]]:
        """Smallest and largest value of each of the graph's inputs that holds integers."""

    def taken(self, inputs: Values) -> Values:
        """Rows as the file takes them: rounded to the element types of its inputs."""

    def run(
        self, inputs: Values, *, precision: Literal["file", "float64", "all-float64"] = "file"
    ) -> tuple[Reals, ...]:
        """Real outputs in the file's own precision, or in float64.

        In float64 either behind the quantizers of the inputs, or from the inputs on.

        Raises:
            NotExecutable: It cannot be executed so.
        """


@dataclass(frozen=True, slots=True)
class FileComparison:
    """What a comparison of a graph with its file found.

    A row is identical if every output value is the graph's code times its scale, up to float
    rounding noise that is far too small to reach the next code.

    Attributes:
        stimulus: Name of the inputs.
        rows: Rows checked.
        identical: Rows whose every output is the same.
        float32: Other rows on which the file is the same once it is computed in float64.
        noted: Other rows on which the file is what the graph was before its notes: the steps that
            are named there, and nothing else, make the difference, and it is no larger than they
            say.
        first: The first row that differs, if there is one, in one sentence.
        unexplained: The first row that nothing explains, likewise.
        worst: Largest absolute difference of an output, in its own unit, over all rows.
        worst_steps: The same in steps of the output's grid.
        obstacle: Why differing rows could not be computed in float64, if they could not.
        seconds: Time the file took, in seconds.
        wanted: Rows that were asked for, where a row is so large that there are fewer; else 0.
    """

    stimulus: str
    rows: int
    identical: int
    float32: int
    noted: int
    first: str | None
    unexplained: str | None
    worst: float
    worst_steps: float
    obstacle: str | None
    seconds: float
    wanted: int = 0

    @property
    def holds(self) -> bool:
        """Whether something was checked and every row is identical or explained."""
        return 0 < self.rows == self.identical + self.float32 + self.noted


def compare_file(
    graph: Graph,
    file: RealExecutable,
    inputs: Values | Stimulus,
    *,
    before_notes: Graph | None = None,
) -> FileComparison:
    """Compare a file with the integer graph that was made from it.

    Args:
        graph: The graph, in integer form.
        file: The file that it was read from.
        inputs: Real inputs.
        before_notes: The graph as it was read, in quantized form and without its head; with it,
            rows that differ because of what the notes of `graph` name are told apart.

    Raises:
        ConfigError: There are no rows, or the graph is not in integer form.
        NotExecutable: The file cannot be executed.
        VerificationError: Its outputs have other shapes.
    """
    stimulus = as_stimulus(inputs)
    if len(stimulus) == 0:
        raise ConfigError(f'stimulus "{stimulus.name}" has no rows')
    if not graph.is_integer:
        raise ConfigError(f'graph "{graph.name}" is not in integer form')
    judge = _Judge.of(graph, file, before_notes)
    step = rows_together(interface_values(graph), CHUNK_ROWS)
    parts = [
        judge.judged(stimulus.part(slice(start, start + step)), start)
        for start in range(0, len(stimulus), step)
    ]
    return FileComparison(
        stimulus=stimulus.name,
        rows=len(stimulus),
        identical=sum(part.identical for part in parts),
        float32=sum(part.float32 for part in parts),
        noted=sum(part.noted for part in parts),
        first=next((part.first for part in parts if part.first), None),
        unexplained=next((part.unexplained for part in parts if part.unexplained), None),
        worst=max(part.worst for part in parts),
        worst_steps=max(part.worst_steps for part in parts),
        obstacle=next((part.obstacle for part in parts if part.obstacle), None),
        seconds=sum(part.seconds for part in parts),
        wanted=stimulus.wanted,
    )


class _OnBorders(Interpreter):
    """Computes real values, of which those that rounding keeps off a border of codes lie on it.

    Only at quantizers behind others: at the first ones a value beside a border is what it is.
    """

    def execute(self, node: Node, inputs: Sequence[Array]) -> Array:
        """What a node makes of its operands."""
        if node.op not in ("BipolarQuant", "Quant") or node.output not in self._behind:
            return super().execute(node, inputs)
        scale = along_axis(node.reals("scale"), node.axis(), inputs[0].ndim)
        unit = replace(node, attrs={**node.attrs, "scale": (1.0,), "axis": None})
        return super().execute(unit, [on_borders(inputs[0] / scale, noise_of(np.float64))]) * scale

    @cached_property
    def _behind(self) -> frozenset[str]:
        """Tensors that are computed from what a quantizer made of the inputs."""
        coded, found = set[str](), set[str]()
        for node in self.graph.nodes:
            behind, category = not coded.isdisjoint(node.inputs), spec_of(node).category
            if behind:
                found.add(node.output)
            quantized = category == "quantizer" and node.output in self.varying
            if quantized or (behind and category not in _IRRATIONAL):
                coded.add(node.output)
        return frozenset(found)


@dataclass(frozen=True)
class _Judge:
    """One graph, its file, and how far apart their outputs may be.

    Attributes:
        reference: Executes the graph.
        file: The file.
        before_notes: Executes the graph as it was read, if it has notes of something inexact.
        peaks: Largest real value that each output, or a sum on its way, can have.
        allowed: Largest difference of each output that the notes account for; 0 where what they
            say is as large as all the output's values are apart, for that would excuse anything.
    """

    reference: Interpreter
    file: RealExecutable
    before_notes: Interpreter | None
    peaks: tuple[float, ...]
    allowed: tuple[float, ...]

    @classmethod
    def of(cls, graph: Graph, file: RealExecutable, before_notes: Graph | None) -> _Judge:
        limits = bounds(graph)
        steps = [float(np.max(np.abs(graph.types[name].scale))) for name in graph.outputs]
        ends = [limits[name] for name in graph.outputs]
        peaks = tuple(end.magnitude * step for end, step in zip(ends, steps, strict=True))
        spans = [(end.high - end.low) * step for end, step in zip(ends, steps, strict=True)]
        inexact = [note for note in graph.notes if note.error > 0]
        before = _OnBorders.of(before_notes) if before_notes is not None and inexact else None
        said = sum(note.output_bound for note in inexact)
        allowed = tuple(said if said < span else 0.0 for span in spans)
        return cls(Interpreter.of(graph), file, before, peaks, allowed)

    def judged(self, stimulus: Stimulus, start: int) -> FileComparison:
        """What is found on some rows, the first of which is row `start`."""
        ours = self._reals(self.reference.run(stimulus.inputs))
        began = time.perf_counter()
        theirs = self._shaped(self.file.run(stimulus.inputs), ours)
        seconds = time.perf_counter() - began
        same = self._same(theirs, ours, FLOAT32_NOISE)
        wrong = np.flatnonzero(~same)
        float32, noted, obstacle = np.zeros_like(wrong, bool), np.zeros_like(wrong, bool), None
        if len(wrong):
            part = stimulus.part(wrong.tolist())
            float32, noted, obstacle = self._explained(part, [value[wrong] for value in ours])
        open_rows = wrong[~float32 & ~noted]
        return FileComparison(
            stimulus=stimulus.name,
            rows=len(stimulus),
            identical=int(same.sum()),
            float32=int(float32.sum()),
            noted=int(noted.sum()),
            first=self._told(theirs, ours, int(wrong[0]), start) if len(wrong) else None,
            unexplained=(
                self._told(theirs, ours, int(open_rows[0]), start) if len(open_rows) else None
            ),
            worst=max(_worst(a - b) for a, b in zip(theirs, ours, strict=True)),
            worst_steps=max(
                _worst((a - b) / self._step(i))
                for i, (a, b) in enumerate(zip(theirs, ours, strict=True))
            ),
            obstacle=obstacle,
            seconds=seconds,
        )

    def _explained(self, stimulus: Stimulus, ours: list[Reals]) -> tuple[Mask, Mask, str | None]:
        """Which rows agree in float64, which others differ by the notes alone, or an obstacle.

        Rows are compared in float64 behind the quantizers of the inputs; those that remain, in
        float64 from the inputs on, with the quantizers of the graph exact as well.
        """
        try:
            theirs = self._shaped(self.file.run(stimulus.inputs, precision="float64"), ours)
        except (NotExecutable, VerificationError) as error:
            theirs = self._shaped(self.file.run(stimulus.inputs), ours)
            noted = self._noted(stimulus, theirs, ours, self.before_notes, FLOAT32_NOISE)
            return np.zeros_like(noted), noted, error.message
        float32 = self._same(theirs, ours, FLOAT64_NOISE)
        noted = ~float32 & self._noted(stimulus, theirs, ours, self.before_notes, FLOAT64_NOISE)
        left = np.flatnonzero(~float32 & ~noted)
        exact = without_precision(self.reference.graph)
        if len(left) and exact is not self.reference.graph:
            part = stimulus.part(left.tolist())
            codes = self._reals(Interpreter.of(exact).run(part.inputs))
            theirs = self._shaped(self.file.run(part.inputs, precision="all-float64"), codes)
            float32[left] = self._same(theirs, codes, FLOAT64_NOISE)
            before = self.before_notes and _OnBorders.of(without_precision(self.before_notes.graph))
            noted[left] = self._noted(part, theirs, codes, before, FLOAT64_NOISE) & ~float32[left]
        return float32, noted, None

    def _noted(
        self,
        stimulus: Stimulus,
        theirs: list[Reals],
        ours: list[Reals],
        before_notes: Interpreter | None,
        noise: float,
    ) -> Mask:
        """Rows on which the file is what was read, and no farther away than the notes say."""
        if before_notes is None:
            return np.zeros(len(stimulus), dtype=bool)
        read = before_notes.run(stimulus.inputs)
        before = self._shaped(tuple(read[name] for name in before_notes.graph.outputs), ours)
        found = self._same(theirs, before, noise)
        for index, (other, value) in enumerate(zip(theirs, ours, strict=True)):
            allowed = self.allowed[index] + self.peaks[index] * noise
            near = np.abs(other - value) <= allowed
            found &= near.reshape(len(found), -1).all(axis=1)
        return found

    def _reals(self, codes: Mapping[str, Array]) -> list[Reals]:
        graph = self.reference.graph
        return [real_values(graph, name, codes[name]) for name in graph.outputs]

    def _step(self, index: int) -> Reals:
        """Distance of neighboring values of an output.

        Behind a bias that lies on a finer grid than the sum, which is a multiplication of the sum's
        codes, neighbors are that factor of the grid apart.
        """
        graph = self.reference.graph
        name = graph.outputs[index]
        step, maker = np.abs(graph.types[name].scale_array()), graph.producers.get(name)
        if maker is None or maker.op != "Requantize" or maker.integer("shift"):
            return step
        factors = [abs(factor) for factor in maker.integers("multiplier") if factor]
        return step * float(min(factors, default=1))

    def _shaped(self, found: tuple[Array, ...], ours: list[Reals]) -> list[Reals]:
        names = self.reference.graph.outputs
        if len(found) != len(names):
            raise VerificationError(
                f"{self.file.name} has {len(found)} outputs and the graph {len(names)}"
            )
        for name, theirs, value in zip(names, found, ours, strict=True):
            if theirs.size != value.size:
                raise VerificationError(
                    f'{self.file.name}: output "{name}" has the shape {theirs.shape}, in the graph '
                    f"{value.shape}"
                )
        return [a.reshape(b.shape).astype(np.float64) for a, b in zip(found, ours, strict=True)]

    def _same(self, theirs: list[Reals], ours: list[Reals], noise: float) -> Mask:
        """Rows whose every value is the same but for noise that is no change of a code."""
        same = np.ones(len(ours[0]), dtype=bool)
        for index, (other, value) in enumerate(zip(theirs, ours, strict=True)):
            allowed = np.minimum(self.peaks[index] * noise, 0.25 * self._step(index))
            with np.errstate(invalid="ignore"):  # NaN and infinity are different
                near = np.abs(other - value) <= allowed
            same &= near.reshape(len(same), -1).all(axis=1)
        return same

    def _told(self, theirs: list[Reals], ours: list[Reals], row: int, start: int) -> str:
        """The largest difference of a row, in one sentence."""
        with np.errstate(invalid="ignore"):
            steps = [
                np.nan_to_num(np.abs((a - b) / self._step(i))[row], nan=np.inf)
                for i, (a, b) in enumerate(zip(theirs, ours, strict=True))
            ]
        output = int(np.argmax([value.max(initial=0.0) for value in steps]))
        index = np.unravel_index(int(np.argmax(steps[output])), steps[output].shape)
        at = (row, *(int(i) for i in index))
        name = self.reference.graph.outputs[output]
        return (
            f'output "{name}" row {start + row} index {list(at[1:])}: {self.file.name} gives '
            f"{float(theirs[output][at]):.9g}, the graph {float(ours[output][at]):.9g}, "
            f"{float(steps[output][at[1:]]):.3g} steps apart"
        )


def without_precision(graph: Graph) -> Graph:
    """The graph whose quantizers of inputs round exactly; `graph` itself if they already do."""
    nodes = tuple(
        replace(node, attrs={k: v for k, v in node.attrs.items() if k != "precision"})
        if "precision" in node.attrs and node.inputs[0] not in graph.constants
        else node
        for node in graph.nodes
    )
    return graph if nodes == graph.nodes else replace(graph, nodes=nodes)


def _worst(difference: Reals) -> float:
    """Largest magnitude; infinite where a value is NaN."""
    largest = float(np.max(np.nan_to_num(np.abs(difference), nan=np.inf), initial=0.0))
    return min(largest, float(np.finfo(np.float64).max))
