"""The comparison: integer for integer, with the first difference located and explained."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from netwright.errors import ConfigError, VerificationError
from netwright.ir import (
    Array,
    Executable,
    Graph,
    Interpreter,
    Node,
    interface_values,
    passed_values,
    real_regions,
    rows_together,
)
from netwright.ir.interpret import Values
from netwright.ir.row_size import in_groups
from netwright.notebook import table
from netwright.progress import Progress, silent
from netwright.verify.diagnose import diagnose, lineage
from netwright.verify.stimulus import Stimulus

_DIAGNOSED_ROWS = 64
CHUNK_ROWS = 4096
"""Rows that are compared together, fewer where they are large."""


@dataclass(frozen=True, slots=True)
class Difference:
    """The first place where two executions part.

    Attributes:
        node: Node of the reference whose result differs; all it reads agrees, as far as visible.
        origin: The layer the node came from.
        row: Row of the stimulus, the first wrong one.
        index: Index of the value within the row.
        expected: Code of the reference.
        got: Code of the candidate.
        cause: The likely cause, in one sentence.
    """

    node: str
    origin: str
    row: int
    index: tuple[int, ...]
    expected: int
    got: int
    cause: str

    def __str__(self) -> str:
        return (
            f'"{self.node}" row {self.row} index {list(self.index)}: expected {self.expected}, '
            f"got {self.got}; {self.cause}"
        )


@dataclass(frozen=True, slots=True)
class Equivalence:
    """What a comparison found.

    Attributes:
        candidate: Name of what was compared with the reference.
        stimulus: Name of the inputs.
        rows: Rows checked.
        identical: Rows whose every output code was identical.
        first: The first difference, if there is one.
        seconds: Time the candidate took, in seconds.
        wanted: Rows that were asked for, where a row is so large that there are fewer; else 0.
    """

    candidate: str
    stimulus: str
    rows: int
    identical: int
    first: Difference | None
    seconds: float
    wanted: int = 0

    def _repr_html_(self) -> str:
        rows = [
            ("rows", self.rows),
            ("identical", self.identical),
            ("first difference", self.first or "none"),
        ]
        verdict = "identical" if self.holds else "DIFFERENT"
        title = f"{self.candidate} and the graph on {self.stimulus}: {verdict}"
        return table(title, ("", ""), rows)

    @property
    def holds(self) -> bool:
        """Whether every row was identical."""
        return self.rows > 0 and self.identical == self.rows

    def require(self) -> Equivalence:
        """Return self if every row was identical.

        Raises:
            VerificationError: Otherwise; the message has the first difference.
        """
        if not self.holds:
            raise VerificationError(
                f"{self.candidate} differs from the graph in {self.rows - self.identical} of "
                f"{self.rows} rows ({self.stimulus}): {self.first}"
            )
        return self


def bit_exact(
    graph: Graph,
    candidate: Executable,
    inputs: Values | Stimulus,
    *,
    name: str | None = None,
) -> Equivalence:
    """Compare `candidate` with the interpreter on every row of `inputs`.

    Args:
        graph: The reference, in integer form.
        candidate: A design, a referee or another graph's interpreter.
        inputs: Real inputs: (rows, *shape), or such arrays by input name.
        name: What to call the candidate; its class if not given.

    Raises:
        ConfigError: There are no rows, or the graph is not in integer form.
        VerificationError: The candidate's outputs have another shape or are missing.
    """
    stimulus = as_stimulus(inputs)
    if len(stimulus) == 0:
        raise ConfigError(f'stimulus "{stimulus.name}" has no rows')
    if not graph.is_integer:
        raise ConfigError(
            f'graph "{graph.name}" is not in integer form{real_regions(graph)}',
            hint="compare it with netwright.verify.agree"
            if graph.is_mixed
            else "lower it with netwright.passes.integerize first",
        )
    label = type(candidate).__name__ if name is None else name
    reference = Interpreter.of(graph)
    identical, seconds = 0, 0.0
    wrong: list[int] = []
    right: list[int] = []
    step = rows_together(interface_values(graph), CHUNK_ROWS)
    for start in range(0, len(stimulus), step):
        rows = stimulus.part(slice(start, start + step)).inputs
        expected = reference.run(rows)
        started = time.perf_counter()
        got = candidate.run(rows)
        seconds += time.perf_counter() - started
        equal = _equal_rows(graph, expected, got, label)
        identical += int(equal.sum())
        wrong += (start + np.flatnonzero(~equal)[:_DIAGNOSED_ROWS]).tolist()
        right += (start + np.flatnonzero(equal)[:_DIAGNOSED_ROWS]).tolist()
    evidence = wrong[:_DIAGNOSED_ROWS] + right[:_DIAGNOSED_ROWS]
    evidence = evidence[: rows_together(passed_values(graph), len(evidence))]
    first = _locate(reference, candidate, stimulus, evidence) if wrong else None
    return Equivalence(
        label, stimulus.name, len(stimulus), identical, first, seconds, stimulus.wanted
    )


def as_stimulus(inputs: Values | Stimulus) -> Stimulus:
    """The inputs as a stimulus."""
    if isinstance(inputs, Stimulus):
        return inputs
    if isinstance(inputs, Mapping):
        return Stimulus("inputs", {name: np.asarray(value) for name, value in inputs.items()})
    return Stimulus("inputs", np.asarray(inputs))


def _equal_rows(
    graph: Graph,
    expected: Mapping[str, Array],
    got: Mapping[str, Array],
    label: str,
) -> NDArray[np.bool_]:
    equal = np.ones(len(expected[graph.outputs[0]]), dtype=bool)
    for name in graph.outputs:
        if name not in got or got[name].shape != expected[name].shape:
            found = got[name].shape if name in got else "nothing"
            raise VerificationError(
                f'{label} returned {found} for output "{name}", not {expected[name].shape}'
            )
        equal &= (got[name] == expected[name]).reshape(len(equal), -1).all(axis=1)
    return equal


def _locate(
    reference: Interpreter, candidate: Executable, stimulus: Stimulus, rows: Sequence[int]
) -> Difference:
    """The first visible node, in execution order, that differs on the first of `rows`.

    The other rows, wrong ones and right ones, are evidence for the cause. Where all tensors are too
    large together, both are executed again for every group of nodes.
    """
    graph = reference.graph
    inputs = stimulus.part(rows).inputs
    for nodes in _groups(graph, len(rows)):
        near = dict.fromkeys(name for node in nodes for name in lineage(graph, node))
        expected = reference.run(inputs, keep=tuple(near))
        seen = [name for name in near if name in graph.producers]
        shown = candidate.run(inputs, keep=seen)
        got = {n: v for n, v in shown.items() if n in seen and v.shape == expected[n].shape}
        for node in nodes:
            name = node.output
            if name not in got or np.array_equal(expected[name][0], got[name][0]):
                continue
            index = tuple(int(i) for i in np.argwhere(expected[name][0] != got[name][0])[0])
            return Difference(
                node=node.name,
                origin=node.origin or node.name,
                row=int(rows[0]),
                index=index,
                expected=int(expected[name][(0, *index)]),
                got=int(got[name][(0, *index)]),
                cause=diagnose(graph, node, expected, got, index),
            )
    name = graph.outputs[0]
    raise VerificationError(
        f"the candidate gave two different results for the same rows of {stimulus.name}: output "
        f'"{name}" of row {rows[0]} differed at first and agrees now'
    )


def _groups(graph: Graph, rows: int) -> Iterator[tuple[Node, ...]]:
    """The nodes in order, as many at a time as have tensors that fit the memory together."""
    size = {name: prod(graph.types[name].shape[1:]) * rows for name in graph.producers}
    return in_groups(
        graph.nodes, lambda node: sum(size.get(name, 0) for name in lineage(graph, node))
    )


def certify(
    graph: Graph,
    candidates: Mapping[str, Executable],
    stimuli: Sequence[Stimulus],
    *,
    row_limits: Mapping[str, int] | None = None,
    progress: Progress = silent,
) -> tuple[Equivalence, ...]:
    """Compare every candidate with the graph on every stimulus: the stage table.

    Args:
        graph: The reference, in integer form.
        candidates: What to compare, by name, in order.
        stimuli: What to compare on; empty ones are left out.
        row_limits: Largest number of rows of each stimulus for slow candidates, by the
            candidate's name; other candidates get all rows.
        progress: Told of every comparison.

    Returns:
        At least one comparison of every candidate.

    Raises:
        VerificationError: There is no candidate, or one has no row to be compared on.
    """
    limits = row_limits or {}
    if not candidates:
        raise VerificationError(f'graph "{graph.name}" has no candidate to be compared with')
    table: list[Equivalence] = []
    for name, candidate in candidates.items():
        for stimulus in stimuli:
            part = stimulus.part(slice(limits.get(name)))
            if len(part) == 0:
                continue
            result = bit_exact(graph, candidate, part, name=name)
            table.append(result)
            told = f"{name} on {stimulus.name}: {result.identical} of {result.rows} equal"
            progress(len(table), len(candidates) * len(stimuli), told)
        if not any(result.candidate == name for result in table):
            raise VerificationError(f"no stimulus has a row to compare {name} with the graph on")
    return tuple(table)
