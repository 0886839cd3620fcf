"""Einsums: what an operation does at every point of its ranks; no values."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Literal

from netwright.ir.einsums.functions import UnaryOp

MapOp = Literal[
    "copy", "lookup", "multiply", "add", "subtract", "divide", "max", "min", "interpolate",
    "opaque",
]  # fmt: skip
"""How the operands meet in each point of the ranks.

``copy`` takes one operand, or moves several that are read whole. ``interpolate`` and ``opaque``
read their operands whole; nobody says how often. ``lookup`` copies rows of its first operand at
places that the values of the second say; the index stands for as many different rows."""

ARITHMETIC: tuple[MapOp, ...] = ("multiply", "add", "subtract", "divide", "max", "min")
"""Operators on the values of all operands at a point, from left to right."""

UNKNOWN: tuple[MapOp, ...] = ("opaque",)
"""Operators of which no engine knows the operations and accesses."""

ReduceOp = Literal["none", "add", "max", "min"]
"""How points that fall on one element of the output are combined."""


@dataclass(frozen=True, slots=True)
class Rank:
    """A dimension of an Einsum and its size."""

    name: str
    extent: int


@dataclass(frozen=True, slots=True)
class Affine:
    """One index of a tensor: the sum of rank x coefficient, plus an offset.

    Attributes:
        terms: Rank names with their coefficients.
        offset: Added to the sum; minus the padding for convolutions.
    """

    terms: tuple[tuple[str, int], ...]
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Access:
    """How an Einsum walks over one tensor: one affine index for each axis of the tensor."""

    tensor: str
    index: tuple[Affine, ...]


@dataclass(frozen=True, slots=True)
class Einsum:
    """One tensor operation.

    The value at a point of the ranks is `map_op` over the operands, then the functions `unary` in
    order. Points that fall on one element of the output are combined by `reduce_op`.

    Attributes:
        name: Unique in its workload.
        ranks: All dimensions of the iteration space; those missing in the output are reduced.
        output: The tensor that it makes.
        inputs: The tensors that it reads.
        map_op: How the operands meet in each point.
        unary: Functions of one value that follow, in order.
        reduce_op: How points that fall on one output element are combined.
        iterative: Ranks whose points run one after the other: the output is written one index
            further along them than the point, and may be read at the index of the point.
        constants: Operands that are one number, after `inputs`.
        origin: Name of the graph node that it came from.
    """

    name: str
    ranks: tuple[Rank, ...]
    output: Access
    inputs: tuple[Access, ...]
    map_op: MapOp
    unary: tuple[UnaryOp, ...] = ()
    reduce_op: ReduceOp = "none"
    iterative: tuple[str, ...] = ()
    constants: tuple[float, ...] = ()
    origin: str = ""

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of the tensors it reads, each once."""
        return tuple(dict.fromkeys(access.tensor for access in self.inputs))

    @property
    def is_move(self) -> bool:
        """Whether it computes nothing."""
        return self.map_op == "copy" and not self.unary and self.reduce_op == "none"

    @property
    def is_elementwise(self) -> bool:
        """Whether each element of the output is a function of one element of each operand."""
        known = self.map_op in ARITHMETIC or (self.map_op == "copy" and bool(self.unary))
        return known and self.reduce_op == "none" and not self.iterative

    @property
    def is_sum_of_products(self) -> bool:
        """Whether products of tensors are added up as they are, no function of them."""
        is_product = self.map_op == "multiply" and len(self.inputs) > 1
        return is_product and self.reduce_op == "add" and not self.unary

    @property
    def num_macs(self) -> int:
        """Multiply-accumulate operations; 0 if it is no sum of products of tensors."""
        return prod(rank.extent for rank in self.ranks) if self.is_sum_of_products else 0
