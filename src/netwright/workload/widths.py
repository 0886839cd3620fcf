"""Widths of elements: from the tensors whose source says them to those that hold the same codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

from netwright.ir.einsums.einsum import ARITHMETIC, Einsum
from netwright.workload.fuse import is_vector
from netwright.workload.workload import TensorKind

Shapes = Mapping[str, tuple[int, ...]]


def all_widths(
    einsums: Sequence[Einsum],
    kinds: Mapping[str, TensorKind],
    shapes: Shapes,
    outputs: Sequence[str],
    known: Mapping[str, int],
) -> dict[str, int]:
    """Bits of an element of every tensor that is known to hold codes.

    What only moves or compares codes makes codes of the same width. A quantizer works where its
    operand is made, so that a real value that only quantizers read is stored as codes.

    Args:
        einsums: In the order of execution.
        kinds: Who makes each tensor.
        shapes: Extents of each tensor.
        outputs: Names of the outputs, which others may read as they are.
        known: Widths that the source says.
    """
    widths = dict(known)
    for einsum in einsums:
        if einsum.output.tensor not in widths and _keeps_codes(einsum):
            read = [widths.get(access.tensor) for access in einsum.inputs]
            if None not in read and read:
                widths[einsum.output.tensor] = max(bits for bits in read if bits is not None)
    wanted: dict[str, list[int | None]] = {name: [None] for name in outputs}
    for einsum in reversed(einsums):
        made = einsum.output.tensor
        bits = None
        if _works_in_place(einsum, kinds, shapes):
            needs = wanted.get(made, [None])
            bits = widths[made] if made in widths else None if None in needs else max(
                need for need in needs if need is not None
            )  # fmt: skip
        for access in einsum.inputs:
            if kinds[access.tensor] != "weight":
                wanted.setdefault(access.tensor, []).append(bits)
    for name, needs in wanted.items():
        sure = [need for need in needs if need is not None]
        if name not in widths and len(sure) == len(needs) > 0:
            widths[name] = max(sure)
    return widths


def guessed(names: Sequence[str], total: int, bits: int) -> tuple[str, ...]:
    """What is said about the tensors whose widths are not known: one assumption, or none.

    Args:
        names: These tensors.
        total: How many tensors there are.
        bits: What they count as.
    """
    if not names:
        return ()
    if len(names) == total:
        return (f"every element counts as {bits} bits: the source says no widths",)
    few = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    return (f"{len(names)} tensors without codes count as {bits} bits: {few}",)


def _keeps_codes(einsum: Einsum) -> bool:
    compares = einsum.reduce_op in ("max", "min", "none")
    return einsum.map_op == "copy" and compares and set(einsum.unary) <= {"relu"}


def _works_in_place(einsum: Einsum, kinds: Mapping[str, TensorKind], shapes: Shapes) -> bool:
    """Whether it is a function of one tensor, element by element."""
    if einsum.reduce_op != "none" or not (einsum.unary or einsum.map_op in ARITHMETIC):
        return False
    names = [access.tensor for access in einsum.inputs]
    vectors = all(is_vector(shapes[name]) for name in names if kinds[name] == "weight")
    data = [name for name in names if kinds[name] != "weight"]
    return (
        len(data) == 1 and vectors and prod(shapes[data[0]]) == prod(shapes[einsum.output.tensor])
    )
