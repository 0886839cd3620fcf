"""The comparison of a graph with real parts: codes are equal, real values within tolerance.

A sum in float32 may lie on the other side of a border between two codes than the same sum in
float64, and then everything behind differs by whole steps, although nobody made a mistake. So each
operator is compared at the operands that the candidate itself gave it: codes must then be equal,
and real values as close as the operator's own tolerance says. How far the outputs of the whole are
from the interpreter's is told beside it, as measured.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from netwright.errors import ConfigError, VerificationError
from netwright.ir import Array, Executable, Graph, Interpreter, Node, rows_together, spec_of
from netwright.ir.interpret import Values
from netwright.ir.row_size import passed_values
from netwright.notebook import table
from netwright.verify.compare import as_stimulus
from netwright.verify.stimulus import Stimulus

CHUNK_ROWS = 64
"""Rows that are compared together, fewer where they are large: every tensor is held."""


@dataclass(frozen=True, slots=True)
class Excess:
    """The first place where an operator is not as it must be.

    Attributes:
        node: The node.
        op: Its operator.
        row: Row of the stimulus.
        index: Index of the value within the row.
        expected: What the interpreter makes of the candidate's operands.
        got: What the candidate made of them.
        allowed: Largest accepted difference; 0 for codes.
    """

    node: str
    op: str
    row: int
    index: tuple[int, ...]
    expected: float
    got: float
    allowed: float

    def __str__(self) -> str:
        told = f"at most {self.allowed:.3g} apart" if self.allowed else "the same code"
        return (
            f'"{self.node}" ({self.op}) row {self.row} index {list(self.index)}: expected '
            f"{self.expected:.9g}, got {self.got:.9g}; accepted is {told}"
        )


@dataclass(frozen=True, slots=True)
class Agreement:
    """What a comparison found.

    Attributes:
        candidate: Name of what was compared with the graph.
        stimulus: Name of the inputs.
        rows: Rows checked.
        agreeing: Rows in which every operator is as it must be.
        exact_nodes: Operators that make codes, and were compared for equality.
        real_nodes: Operators that make real values, and were compared within their tolerance.
        hidden_nodes: Operators on codes whose results the candidate does not show; they are part of
            the next one that is shown.
        worst: Largest difference of a real value, as a share of what is accepted.
        worst_node: The node that made it; empty if all values are equal.
        output_difference: Largest difference of an output from the interpreter's, which starts at
            the inputs, relative to the largest magnitude of that output. Measured, no bound.
        first: The first place that is not as it must be, if there is one.
        seconds: Time the candidate took, in seconds.
        wanted: Rows that were asked for, where a row is so large that there are fewer; else 0.
    """

    candidate: str
    stimulus: str
    rows: int
    agreeing: int
    exact_nodes: int
    real_nodes: int
    hidden_nodes: int
    worst: float
    worst_node: str
    output_difference: float
    first: Excess | None
    seconds: float
    wanted: int = 0

    def _repr_html_(self) -> str:
        rows = [
            ("rows", self.rows),
            ("as they must be", self.agreeing),
            ("operators compared for equality", self.exact_nodes),
            ("operators compared within tolerance", self.real_nodes),
            ("largest difference, share of the tolerance", f"{self.worst:.3g}"),
            ("outputs differ by (relative, measured)", f"{self.output_difference:.3g}"),
            ("first fault", self.first or "none"),
        ]
        verdict = "within tolerance" if self.holds else "DIFFERENT"
        return table(
            f"{self.candidate} and the graph on {self.stimulus}: {verdict}", ("", ""), rows
        )

    @property
    def holds(self) -> bool:
        """Whether operators were compared in every row, and all are as they must be."""
        compared = self.exact_nodes + self.real_nodes
        return self.rows > 0 and compared > 0 and self.agreeing == self.rows

    @property
    def sentence(self) -> str:
        """What was compared, and how."""
        if not self.holds:
            return f"{self.rows - self.agreeing} of {self.rows} rows differ: {self.first}"
        parts = []
        if self.exact_nodes:
            parts.append(f"{self.exact_nodes} operators on codes equal")
        if self.real_nodes:
            parts.append(
                f"{self.real_nodes} real operators within their tolerance (largest difference "
                f"{self.worst:.2g} of it)"
            )
        if self.hidden_nodes:
            parts.append(f"{self.hidden_nodes} operators seen only through others")
        return "; ".join(parts)

    def require(self) -> Agreement:
        """Return self if every row is as it must be.

        Raises:
            VerificationError: Otherwise; the message has the first fault.
        """
        if not self.holds:
            raise VerificationError(
                f"{self.candidate} differs from the graph in {self.rows - self.agreeing} of "
                f"{self.rows} rows ({self.stimulus}): {self.first or 'nothing was compared'}"
            )
        return self


def agree(
    graph: Graph,
    candidate: Executable,
    inputs: Values | Stimulus,
    *,
    name: str | None = None,
) -> Agreement:
    """Compare `candidate` with the graph, operator by operator, on every row of `inputs`.

    Args:
        graph: The reference, in any form.
        candidate: A design, or another graph's interpreter.
        inputs: Inputs: (rows, *shape), or such arrays by input name.
        name: What to call the candidate; its class if not given.

    Raises:
        ConfigError: There are no rows.
        VerificationError: The candidate's outputs have another shape or are missing.
    """
    stimulus = as_stimulus(inputs)
    if len(stimulus) == 0:
        raise ConfigError(f'stimulus "{stimulus.name}" has no rows')
    label = type(candidate).__name__ if name is None else name
    comparison = _Comparison(graph, Interpreter.of(graph), label)
    step = rows_together(passed_values(graph), CHUNK_ROWS)
    for start in range(0, len(stimulus), step):
        rows = stimulus.part(slice(start, start + step)).inputs
        started = time.perf_counter()
        got = candidate.run(rows, keep=tuple(node.output for node in comparison.nodes))
        comparison.seconds += time.perf_counter() - started
        comparison.add(start, rows, got)
    return comparison.result(stimulus)


@dataclass
class _Comparison:
    """What was found so far."""

    graph: Graph
    interpreter: Interpreter
    label: str
    agreeing: int = 0
    worst: float = 0.0
    worst_node: str = ""
    output_difference: float = 0.0
    first: Excess | None = None
    seconds: float = 0.0
    shown: frozenset[str] = frozenset()

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """The operators whose results depend on the rows; all others work on constants."""
        known, found = set(self.graph.inputs), []
        for node in self.graph.nodes:
            if known.intersection(node.inputs):
                known.add(node.output)
                found.append(node)
        return tuple(found)

    def add(self, start: int, rows: Values, got: Mapping[str, Array]) -> None:
        """Compare a batch of rows, the first of which is row `start`."""
        graph = self.graph
        reference = self.interpreter.run(rows)
        count = len(next(iter(reference.values())))
        for name in graph.outputs:
            wanted = reference[name].shape
            if name not in got or got[name].shape != wanted:
                found = got[name].shape if name in got else "nothing"
                raise VerificationError(
                    f'{self.label} returned {found} for output "{name}", not {wanted}'
                )
            self._measure(reference[name], got[name])
        self.shown = frozenset(node.name for node in self.nodes if node.output in got)
        depending = {node.name for node in self.nodes}
        good = np.ones(count, dtype=bool)
        values = self._given(rows)
        for node in graph.nodes:
            read = [values[name] for name in node.inputs]
            expected = self.interpreter.execute(node, read)
            if node.name not in depending:
                values[node.output] = expected
                continue
            made = got.get(node.output)
            if made is None and not graph.types[node.output].is_integer:
                raise VerificationError(
                    f'{self.label} does not show "{node.output}", which {node.op} makes: its '
                    "tolerance cannot be checked"
                )
            values[node.output] = expected
            if made is not None:
                good &= self._compare(start, node, read, expected, made)
                values[node.output] = self.interpreter.held(node.output, made)
        self.agreeing += int(good.sum())

    def _given(self, rows: Values) -> dict[str, Array]:
        arrays = self.interpreter.checked_inputs(rows)
        values = {name: self.interpreter.held(name, array) for name, array in arrays.items()}
        return values | dict(self.interpreter.constants)

    def _compare(
        self, start: int, node: Node, read: Sequence[Array], expected: Array, made: Array
    ) -> NDArray[np.bool_]:
        """Rows in which the result is as it must be."""
        if made.shape != expected.shape:
            raise VerificationError(
                f'{self.label} returned {made.shape} for "{node.output}", not {expected.shape}'
            )
        slack: NDArray[np.float64] = np.zeros(expected.shape)
        wrong = np.asarray(expected != made)
        if not self.graph.types[node.output].is_integer:
            allowed = spec_of(node).tolerance.allowed(node, read, expected)
            slack = np.broadcast_to(allowed, expected.shape)
            same = _same(expected, made)
            with np.errstate(all="ignore"):  # what is not finite must be the same
                apart = np.where(same, 0.0, np.abs(expected - made))
                share = np.where(same, 0.0, apart / slack)
            wrong = ~same & ~((apart <= slack) & np.isfinite(apart))
            worst = float(share.max(initial=0.0))
            if worst > self.worst or np.isnan(worst):
                self.worst, self.worst_node = worst, node.name
        if self.first is None and wrong.any():
            row, *index = (int(i) for i in np.argwhere(wrong)[0])
            at = (row, *index)
            self.first = Excess(
                node.name, node.op, start + row, tuple(index), float(expected[at]),
                float(made[at]), float(slack[at]),
            )  # fmt: skip
        return np.asarray(~wrong.reshape(len(wrong), -1).any(axis=1))

    def _measure(self, wanted: Array, found: Array) -> None:
        largest = max(float(np.abs(wanted).max(initial=0, where=np.isfinite(wanted))), 1e-30)
        with np.errstate(invalid="ignore"):
            each = np.where(_same(wanted, found), 0.0, np.abs(wanted - found))
        apart = float(each.max(initial=0)) / largest
        self.output_difference = max(self.output_difference, apart)

    def result(self, stimulus: Stimulus) -> Agreement:
        """Everything that was found."""
        shown = [node for node in self.nodes if node.name in self.shown]
        exact = [node for node in shown if self.graph.types[node.output].is_integer]
        return Agreement(
            candidate=self.label,
            stimulus=stimulus.name,
            rows=len(stimulus),
            agreeing=self.agreeing,
            exact_nodes=len(exact),
            real_nodes=len(shown) - len(exact),
            hidden_nodes=len(self.nodes) - len(shown),
            worst=self.worst,
            worst_node=self.worst_node,
            output_difference=self.output_difference,
            first=self.first,
            seconds=self.seconds,
            wanted=stimulus.wanted,
        )


def _same(first: Array, second: Array) -> NDArray[np.bool_]:
    """Where two results are equal, as two infinities of one sign and two NaNs are."""
    return np.asarray((first == second) | (np.isnan(first) & np.isnan(second)))
