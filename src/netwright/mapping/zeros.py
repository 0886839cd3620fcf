"""What a unit does with the zeros of a pattern: it skips them, or multiplies by them."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from math import prod

from netwright.arch import Compute
from netwright.formats import Density
from netwright.mapping.operation import factors_of
from netwright.workload import Einsum, Tensor, Workload

EVENLY = "what patterns keep is spread evenly over tiles, units and steps"


def is_skipped(tensor: Tensor, unit: Compute) -> bool:
    """Whether a unit skips the zeros of an operand.

    It does where it exploits the kind of the pattern, or zeros in the number format of the tensor
    wherever they are, and where the zeros are left out of what is stored. A unit that exploits
    ``density`` takes the places of any zeros.
    """
    pattern, kept = tensor.format.pattern, tensor.stored
    if pattern is None or kept.num_values == kept.num_elements:
        return False
    known = {pattern.kind, Density(1.0).kind, str(tensor.format.number)}
    return bool(known & set(unit.exploits))


def work_share(operands: Iterable[Tensor], unit: Compute) -> Fraction:
    """The share of the products of `operands` that a unit does: those without a skipped zero."""
    share = Fraction(1)
    for tensor in operands:
        if is_skipped(tensor, unit):
            share *= Fraction(tensor.stored.num_values, tensor.stored.num_elements)
    return share


def multiplied(workload: Workload, einsum: Einsum) -> list[Tensor]:
    """The operands of an Einsum whose zeros may be skipped, as nothing comes of them.

    They are the factors of products, added up or not; none where more follows that makes something
    of a product of 0, such as an exponential or a largest value.
    """
    if einsum.map_op != "multiply" or einsum.unary or einsum.reduce_op not in ("add", "none"):
        return []
    accesses = dict.fromkeys(access for _, access in factors_of(einsum))
    return [workload.by_name[access.tensor] for access in accesses]


def not_plain(tensor: Tensor) -> str:
    """Why what is stored of a tensor is not its elements alone; empty if it is."""
    if tensor.stored.num_bits == prod(tensor.shape) * tensor.bits:
        return ""
    if tensor.format.pattern is not None:
        return f"has the zeros of {tensor.format.pattern}, which are not stored"
    return f"is {tensor.format.number}, whose elements share scales"


def share_of(amount: int, share: Fraction) -> int:
    """So many operations or steps of `amount`, rounded up."""
    return -(-amount * share.numerator // share.denominator)


def told(operands: Iterable[Tensor], unit: Compute) -> tuple[str, ...]:
    """What an estimate says about the zeros of the operands that have a pattern."""
    lines: list[str] = []
    for tensor in operands:
        if tensor.format.pattern is None:
            continue
        name, pattern, kept = tensor.name, tensor.format.pattern, tensor.stored
        if is_skipped(tensor, unit):
            part = f"{kept.num_values} of {kept.num_elements}"
            lines.append(f"{unit.name} multiplies by {part} elements of {name}, {pattern}")
        else:
            lines.append(f"{unit.name} multiplies by the zeros of {name} too, {pattern}")
    return (*lines, EVENLY) if lines else ()
