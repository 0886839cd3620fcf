"""What the Einsums of a node are made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from netwright.errors import GraphError
from netwright.exchange.onnx.source_model import SourceNode
from netwright.ir.einsums.einsum import Einsum
from netwright.ir.einsums.lower import Operand
from netwright.workload.view import Shape, View


@dataclass(frozen=True, slots=True)
class Site:
    """One result of one node, with everything that its Einsums need.

    Attributes:
        node: The node.
        name: Name of the Einsum that makes the result.
        sources: What the node reads; ``None`` where an optional input is left out.
        output: What it makes.
        values: Small constants by name.
        opset: Version of the standard operators.
        numbers: Constants of one value that are part of an operator.
        zeros: Constants that are zero everywhere.
        used: Names of the results that somebody reads.
        shapes: Extents of all tensors that are known.
        made: Extents of tensors that only the Einsums know; lowering fills it.
        stored: Extents and bits of an element of constants that the file packs; lowering fills it.
        initial: Values at index 0 of those that iterative ranks walk along; lowering fills it.
        views: Results that are views of such tensors; lowering fills it.
        notes: What is taken for granted; lowering fills it.
    """

    node: SourceNode
    name: str
    sources: tuple[Operand | None, ...]
    output: Operand
    values: Mapping[str, NDArray[Any]]
    opset: int = 18
    numbers: frozenset[str] = frozenset()
    zeros: frozenset[str] = frozenset()
    used: tuple[str, ...] = ()
    shapes: Mapping[str, Shape] = field(default_factory=dict)
    made: dict[str, Shape] = field(default_factory=dict)
    stored: dict[str, tuple[Shape, int]] = field(default_factory=dict)
    initial: dict[str, float] = field(default_factory=dict)
    views: dict[str, View] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def source(self, index: int) -> Operand:
        """An input that must be there.

        Raises:
            GraphError: It is not.
        """
        found = self.optional(index)
        if found is None:
            raise GraphError(f"{self.node.op} must have input {index}", node=self.node.name)
        return found

    def optional(self, index: int) -> Operand | None:
        """An input that may be left out."""
        return self.sources[index] if index < len(self.sources) else None

    @property
    def given(self) -> list[Operand]:
        """All inputs that are there."""
        return [source for source in self.sources if source is not None]

    @property
    def place(self) -> int:
        """Number of the result among those of the node."""
        return self.node.outputs.index(self.output.tensor)

    def inner(self, part: str, shape: Shape) -> Operand:
        """A tensor between two Einsums of the node."""
        operand = Operand(f"{self.name}.{part}", shape)
        self.made[operand.tensor] = shape
        return operand


Lower = Callable[[Site], list[Einsum]]
"""From a result of a node to the Einsums that make it."""
