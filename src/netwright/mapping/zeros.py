"""What a unit does with the zeros of a pattern: it skips them, or multiplies by them."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from netwright.arch import Compute
from netwright.formats import Density
from netwright.workload import Tensor

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
