"""What an operator must say about itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from netwright.ir.einsums.lower import Lowering
from netwright.ir.graph import Array, AttrValue, Node
from netwright.ir.tolerance import Tolerance

Shape = tuple[int, ...]
Form = Literal["quantized", "integer", "both"]
Kind = Literal["int", "ints", "reals", "text", "axis"]
Reads = Literal["same", "codes", "reals"]
"""What an operand must hold: what the result holds, or always codes, or always real values."""

Category = Literal[
    "product", "attention", "lookup", "elementwise", "normalization", "reduction", "quantizer",
    "movement", "view",
]  # fmt: skip
"""What kind of thing an operator does; rooms ask this, and no list of names.

``product``: sums of products with weights. ``attention``: sums of products of activations, with
shares that depend on them or without. ``lookup``: a table. ``elementwise``: each element of
the result from one of each operand. ``normalization``: statistics of an axis, or folded ones.
``reduction``: windows become one element. ``quantizer``: to a grid, or to another one.
``movement``: elements get another place. ``view``: they stay where they are under another index."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Exact limits of the integers an operation makes.

    Attributes:
        low: Smallest value of the result, before any wrap.
        high: Largest value of the result, before any wrap.
        peak: Largest magnitude of any intermediate value; it decides the arithmetic that is exact.
    """

    low: int
    high: int
    peak: int = 0

    @property
    def magnitude(self) -> int:
        """Largest absolute value of the result."""
        return max(abs(self.low), abs(self.high))


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of an operator.

    Attributes:
        kind: What its value is.
        default: Its value when it is left out.
        required: Whether it must be given.
        choices: The texts that are accepted; all if empty.
        not_zero: Whether every number must be finite and not 0.
    """

    kind: Kind
    default: AttrValue = None
    required: bool = True
    choices: tuple[str, ...] = ()
    not_zero: bool = False


@dataclass(frozen=True, slots=True)
class OpSpec:
    """Everything the checker, the interpreter and the counters need to know of one operator.

    Attributes:
        name: Name of the operator; the ONNX name where one exists.
        category: What kind of thing it does.
        form: Whether its result holds codes ("integer"), real values ("quantized"), or either.
        num_inputs: Smallest and largest number of inputs.
        shape: Shape of the result, from the node and the shapes of its inputs. Raises
            :class:`~netwright.errors.GraphError` when they do not fit.
        execute: The result for a batch of inputs, exact in the arithmetic of the arrays it gets.
        bounds: Limits of the result, from the limits of the inputs and the constant inputs'
            values; ``None`` for operators of the quantized form.
        einsums: The Einsums that make the result, from the node, what it reads and what it makes;
            ``None`` for views whose index their readers can always take over.
        keeps_values: Whether every element of the result is an element of an operand.
        macs: Multiply-accumulates for one row of the batch.
        attributes: The attributes it takes.
        reads: What each operand must hold; the last entry is that of all further operands.
        tolerance: How far an engine may be from the interpreter where the result is real; codes
            are always equal.
    """

    name: str
    category: Category
    form: Form
    num_inputs: tuple[int, int]
    shape: Callable[[Node, Sequence[Shape]], Shape]
    execute: Callable[[Node, Sequence[Array]], Array]
    bounds: Callable[[Node, Sequence[Bounds], Sequence[Array | None]], Bounds] | None = None
    einsums: Lowering | None = None
    keeps_values: bool = False
    macs: Callable[[Node, Sequence[Shape]], int] = lambda node, shapes: 0
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    reads: tuple[Reads, ...] = ("same",)
    tolerance: Tolerance = field(default_factory=Tolerance)

    def reads_codes(self, place: int, *, makes_codes: bool) -> bool:
        """Whether the operand at `place` must hold codes, if the result does or does not."""
        kind = self.reads[min(place, len(self.reads) - 1)]
        return makes_codes if kind == "same" else kind == "codes"
