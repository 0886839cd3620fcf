"""Einsums that read views: the index arithmetic moves into the Einsum, and no bytes move."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod

from netwright.ir.einsums.einsum import Access, Affine, Einsum, Rank
from netwright.workload.view import Digit, View, plus, radix, substituted, times

_Split = tuple[str, int]
"""A rank that has to be split, and the extent of its inner part."""


class _NotAffine(Exception):
    """The index of a view does not come apart into the digits of its axis."""


def absorb(einsum: Einsum, views: Mapping[str, View]) -> tuple[Einsum, frozenset[str]]:
    """Let an Einsum access the tensors that lie behind views.

    Ranks are split where an axis of a view has several digits. What is written may be a view, too,
    if it is bijective.

    Args:
        einsum: Its accesses name views, or tensors that are none.
        views: By name.

    Returns:
        The Einsum, and the names of views that it still accesses: an index that reaches over the
        edge, where zeros lie, cannot be told from one that reaches into the next row.
    """
    left: set[str] = set()
    for name in dict.fromkeys(a.tensor for a in (einsum.output, *einsum.inputs)):
        if name not in views:
            continue
        try:
            einsum = _absorbed(einsum, views[name], name)
        except _NotAffine:
            left.add(name)
    return einsum, frozenset(left)


def view_of(einsum: Einsum, stored: tuple[int, ...]) -> View | None:
    """What an elementwise Einsum of one operand makes, as a view of the operand.

    Args:
        einsum: Its first input is the operand.
        stored: Extents of the operand.

    Returns:
        The view, or ``None`` if the Einsum does not visit each element of its result once.
    """
    extents = {rank.name: rank.extent for rank in einsum.ranks}
    axes: list[tuple[Digit, ...]] = []
    for index in einsum.output.index:
        if len(index.terms) == 1 and index.terms[0][1] == 1 and not index.offset:
            axes.append((Digit(index.terms[0][0], extents[index.terms[0][0]]),))
            continue
        ranks = radix(index, extents)
        if ranks is None or index.offset:
            return None
        axes.append(tuple(Digit(rank, extents[rank]) for rank in ranks))
    used = [digit.name for axis in axes for digit in axis]
    access = einsum.inputs[0]
    free = {rank for index in access.index for rank, _ in index.terms if extents[rank] > 1}
    if len(set(used)) < len(used) or not free <= set(used):
        return None
    gone = {rank: Affine(()) for rank in extents if rank not in used}
    parts = tuple(substituted(part, gone) for part in access.index)
    return View(access.tensor, stored, tuple(axes), parts)


def _absorbed(einsum: Einsum, view: View, name: str) -> Einsum:
    """The Einsum with every access to a view turned into one to its tensor."""
    wanted: _Split | None = ("", 0)
    while wanted is not None:
        extents = {rank.name: rank.extent for rank in einsum.ranks}
        wanted = None
        found = {}
        for place, access in enumerate((einsum.output, *einsum.inputs)):
            if access.tensor != name:
                continue
            if prod(view.shape) > 1 and not any(i.terms or i.offset for i in access.index):
                found[place] = Access(view.base, (Affine(()),) * len(view.stored))
                continue
            digits: dict[str, Affine] = {}
            for axis, index in zip(view.axes, access.index, strict=True):
                wanted = _decompose(axis, index, view, extents, digits)
                if wanted is not None:
                    break
            if wanted is not None:
                einsum = _split(einsum, *wanted)
                break
            parts = tuple(substituted(part, digits) for part in view.index)
            found[place] = Access(view.base, parts)
    accesses = [found.get(i, a) for i, a in enumerate((einsum.output, *einsum.inputs))]
    return replace(einsum, output=accesses[0], inputs=tuple(accesses[1:]))


def _decompose(
    axis: tuple[Digit, ...],
    index: Affine,
    view: View,
    extents: Mapping[str, int],
    digits: dict[str, Affine],
) -> _Split | None:
    """Write the digits of an index to `digits`, or say which rank has to be split first.

    Raises:
        _NotAffine: The digits are no affine functions of the ranks.
    """
    axis = tuple(digit for digit in axis if digit.extent > 1) or axis[:1]
    if len(axis) <= 1:
        low, high = _range(index, extents)
        extent = axis[0].extent if axis else 1
        if (low < 0 or high >= extent) and not (axis and _is_own_axis(axis[0], view)):
            raise _NotAffine
        if axis:
            digits[axis[0].name] = index
        return None
    if not any(extents[name] > 1 for name, _ in index.terms):
        rest = index.offset
        for digit in reversed(axis):
            digits[digit.name] = Affine((), rest % digit.extent)
            rest //= digit.extent
        return None
    ranks = radix(index, dict(extents))
    total = prod(digit.extent for digit in axis)
    if ranks is None or index.offset or prod(extents[name] for name in ranks) != total:
        raise _NotAffine
    return _matched(list(axis), list(ranks), extents, digits)


def _matched(
    axis: list[Digit], ranks: list[str], extents: Mapping[str, int], digits: dict[str, Affine]
) -> _Split | None:
    """Give each digit the ranks that it consists of, from the least significant on."""
    rank = ranks.pop()
    for digit in reversed(axis):
        value, step, room = Affine(()), 1, digit.extent
        while room > 1:
            extent = extents[rank]
            if extent > room:
                if extent % room:
                    raise _NotAffine
                return rank, room
            if room % extent:
                raise _NotAffine
            value = plus(value, times(Affine(((rank, 1),)), step))
            step *= extent
            room //= extent
            rank = ranks.pop() if ranks else rank
        digits[digit.name] = value
    return None


def _split(einsum: Einsum, name: str, inner: int) -> Einsum:
    """The same Einsum with a rank in two parts; the outer one comes first."""
    if name in einsum.iterative:
        raise _NotAffine
    used = {rank.name for rank in einsum.ranks}
    outer_name, inner_name = (_unused(f"{name}_{place}", used) for place in (1, 0))
    value = {name: Affine(((outer_name, inner), (inner_name, 1)))}
    ranks: list[Rank] = []
    for rank in einsum.ranks:
        if rank.name == name:
            ranks += [Rank(outer_name, rank.extent // inner), Rank(inner_name, inner)]
        else:
            ranks.append(rank)
    accesses = [
        Access(access.tensor, tuple(substituted(index, value) for index in access.index))
        for access in (einsum.output, *einsum.inputs)
    ]
    return replace(einsum, ranks=tuple(ranks), output=accesses[0], inputs=tuple(accesses[1:]))


def _unused(name: str, used: set[str]) -> str:
    while name in used:
        name += "_"
    return name


def _range(index: Affine, extents: Mapping[str, int]) -> tuple[int, int]:
    """Smallest and largest value of an index."""
    reach = [factor * (extents[name] - 1) for name, factor in index.terms]
    return index.offset + sum(min(r, 0) for r in reach), index.offset + sum(
        max(r, 0) for r in reach
    )


def _is_own_axis(digit: Digit, view: View) -> bool:
    """Whether a digit is the whole index of an axis of the tensor, so that both share edges."""
    for index, extent in zip(view.index, view.stored, strict=True):
        if any(name == digit.name for name, _ in index.terms):
            return index == Affine(((digit.name, 1),)) and extent == digit.extent
    return False
