"""What operators of the graph must do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import prod
from typing import ClassVar

import numpy as np
import pytest

from netwright.errors import GraphError
from netwright.ir import Array, AttrValue, Node, OpSpec
from netwright.ir.einsums.lower import Operand
from netwright.ir.spec import Bounds

ROWS = 5
LOW, HIGH = -9, 12
"""The codes that are drawn for the inputs."""


@dataclass(frozen=True)
class OperatorCase:
    """One use of an operator.

    Attributes:
        spec: The operator.
        inputs: Shapes of what it reads that depends on the rows, the batch left out.
        constants: What it reads besides, behind those.
        attributes: The node's attributes.
        low: Smallest code that is drawn.
        high: Largest code that is drawn.
    """

    spec: OpSpec
    inputs: tuple[tuple[int, ...], ...]
    constants: tuple[Array, ...] = ()
    attributes: Mapping[str, AttrValue] = field(default_factory=dict)
    low: int = LOW
    high: int = HIGH

    @property
    def node(self) -> Node:
        """The node."""
        names = [f"x{i}" for i in range(len(self.inputs))]
        names += [f"c{i}" for i in range(len(self.constants))]
        return Node("n", self.spec.name, tuple(names), "y", self.attributes)

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Shapes of all inputs for one row."""
        return [*((1, *s) for s in self.inputs), *(c.shape for c in self.constants)]

    def drawn(self, rows: int = ROWS) -> list[Array]:
        """Random inputs, the same every time."""
        random = np.random.default_rng(1)
        made = [random.integers(self.low, self.high + 1, (rows, *s)) for s in self.inputs]
        kind = np.int64 if self.spec.bounds is not None else np.float64
        return [*(values.astype(kind) for values in made), *self.constants]

    def __str__(self) -> str:
        return f"{self.spec.name} on {self.inputs}"


class OperatorSuite:
    """Tests of operators; inherit it and name their uses.

    Attributes:
        cases: Uses of the operators: at least one that is typical, and the hard ones.

    Example:
        >>> from netwright.ir import SPECS
        >>> class TestMine(OperatorSuite):
        ...     cases = (OperatorCase(SPECS["Relu"], ((3,),)),)
        >>> TestMine().test_the_shape_rule_says_what_is_made()
    """

    cases: ClassVar[tuple[OperatorCase, ...]] = ()

    def test_the_shape_rule_says_what_is_made(self) -> None:
        """What is computed has the shape of the rule, for any number of rows, none included."""
        for case in self._all():
            shape = case.spec.shape(case.node, case.shapes)
            assert shape[0] == 1, f"{case}: the batch is the first axis"
            for rows in (0, 1, ROWS):
                made = case.spec.execute(case.node, case.drawn(rows))
                assert made.shape == (rows, *shape[1:]), case

    def test_rows_stay_apart(self) -> None:
        """A row's result does not depend on the others."""
        for case in self._all():
            values = case.drawn()
            count = len(case.inputs)
            whole = case.spec.execute(case.node, values)
            for row in (0, ROWS - 1):
                alone = [v[row : row + 1] if i < count else v for i, v in enumerate(values)]
                made = case.spec.execute(case.node, alone)
                assert np.array_equal(made, whole[row : row + 1]), case

    def test_inputs_are_left_as_they_are(self) -> None:
        """Nothing is computed in place."""
        for case in self._all():
            values = case.drawn()
            kept = [v.copy() for v in values]
            case.spec.execute(case.node, values)
            assert all(np.array_equal(v, k) for v, k in zip(values, kept, strict=True)), case

    def test_integers_are_exact_in_every_arithmetic(self) -> None:
        """Codes are the same in integers, in Python's own integers and in float64."""
        for case in self._integer():
            values = case.drawn()
            expected = case.spec.execute(case.node, values).astype(object)
            for kind in (object, np.float64):
                made = case.spec.execute(case.node, [v.astype(kind) for v in values])
                assert np.array_equal(made.astype(object), expected), (case, kind)

    def test_bounds_hold_every_result(self) -> None:
        """The limits hold what is computed at the ends of the inputs and in between."""
        for case in self._integer():
            found = self._bounds(case)
            assert found.low <= found.high, case
            assert found.magnitude <= max(found.peak, found.magnitude), case
            count = len(case.inputs)
            rows = [case.drawn()]
            for end in (case.low, case.high):
                full = [np.full((1, *s), end, np.int64) for s in case.inputs]
                rows.append([*full, *case.constants])
            for values in rows:
                assert len(values) == count + len(case.constants)
                made = case.spec.execute(case.node, values)
                assert found.low <= made.min(), case
                assert made.max() <= found.high, case

    def test_bounds_grow_with_those_of_the_inputs(self) -> None:
        """Wider inputs never have narrower results."""
        for case in self._integer():
            wide, narrow = self._bounds(case), self._bounds(case, shrink=2)
            assert wide.low <= narrow.low, case
            assert narrow.high <= wide.high, case

    def test_what_keeps_values_makes_no_new_ones(self) -> None:
        """Elements of the result are elements of the operands, where the operator says so."""
        for case in self._all():
            if case.spec.keeps_values:
                values = case.drawn()
                made = case.spec.execute(case.node, values)
                assert np.isin(made, np.concatenate([v.ravel() for v in values])).all(), case

    def test_a_missing_attribute_is_named(self) -> None:
        """An attribute that must be given is asked for by its name."""
        for case in self._all():
            for name, attribute in case.spec.attributes.items():
                if attribute.required and attribute.default is None and attribute.kind != "axis":
                    rest = {key: v for key, v in case.attributes.items() if key != name}
                    with pytest.raises(GraphError, match=name):
                        _used(replace(case, attributes=rest))

    def test_einsums_do_the_work_that_is_counted(self) -> None:
        """The Einsums make the output; those of a product have its multiplications."""
        for case in self._all():
            if case.spec.einsums is None:
                assert case.spec.category == "view", case
                continue
            node, shapes = case.node, case.shapes
            sources = [Operand(n, s) for n, s in zip(node.inputs, shapes, strict=True)]
            output = Operand(node.output, case.spec.shape(node, shapes))
            made = case.spec.einsums(node, sources, output)
            assert made[-1].output.tensor == node.output, case
            if case.spec.category == "product":
                points = prod(rank.extent for rank in made[0].ranks)
                assert points == case.spec.macs(node, shapes), case

    def _bounds(self, case: OperatorCase, *, shrink: int = 0) -> Bounds:
        assert case.spec.bounds is not None
        low, high = case.low + shrink, case.high - shrink
        limits = [Bounds(low, high, max(abs(low), abs(high)))] * len(case.inputs)
        limits += [_held(values) for values in case.constants]
        values = [None] * len(case.inputs) + list(case.constants)
        return case.spec.bounds(case.node, limits, values)

    def _integer(self) -> Iterator[OperatorCase]:
        for case in self._all():
            if case.spec.bounds is not None and case.spec.reads[0] != "reals":
                yield case

    def _all(self) -> Iterator[OperatorCase]:
        assert self.cases, "name the uses to test in `cases`"
        for case in self.cases:
            assert isinstance(case.spec, OpSpec), case
            yield case


def _used(case: OperatorCase) -> None:
    case.spec.shape(case.node, case.shapes)
    case.spec.execute(case.node, case.drawn())


def _held(values: Array) -> Bounds:
    low, high = int(values.min()), int(values.max())
    return Bounds(low, high, max(abs(low), abs(high)))
