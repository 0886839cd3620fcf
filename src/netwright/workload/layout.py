"""How tensors are stored whose readers see them under other shapes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count

from netwright.ir.einsums.einsum import Access, Affine, Einsum, Rank
from netwright.workload.absorb import absorb
from netwright.workload.view import Shape, View


@dataclass(frozen=True, slots=True)
class Layout:
    """Einsums on stored tensors.

    Attributes:
        einsums: In the order of execution, copies included.
        shapes: Extents of every tensor as it is stored.
        outputs: Names of the stored tensors that hold the outputs.
    """

    einsums: tuple[Einsum, ...]
    shapes: Mapping[str, Shape]
    outputs: tuple[str, ...]


def settle(
    einsums: Sequence[Einsum],
    views: Mapping[str, View],
    shapes: Mapping[str, Shape],
    outputs: Sequence[str],
) -> Layout:
    """Let every Einsum access stored tensors.

    Readers absorb reshapes and transpositions: they walk over the tensor in another order, and
    nothing is moved. A tensor whose readers all see it the same way is stored that way, where it
    saves a split of ranks or makes possible what is not otherwise; an external one is stated in
    that shape, where its elements keep their order. What is left is copied: a view that is read
    beyond its edges, and a network output in another order of elements.

    Args:
        einsums: In the order of execution; their accesses name stored tensors or views.
        views: Other names of stored tensors.
        shapes: Extents of the stored tensors.
        outputs: Names of the network's outputs, stored tensors or views.
    """
    made = {einsum.output.tensor: einsum for einsum in einsums}
    held, seen = dict(shapes), dict(views)
    for base, names in _readers(einsums, views, outputs).items():
        if base in names:
            continue
        if base in made:
            _store_as_read(base, names, made, seen, held, einsums, outputs)
        else:
            _state_as_read(base, names, seen, held)
    result: list[Einsum] = []
    used = {einsum.name for einsum in einsums}
    for einsum in (made[einsum.output.tensor] for einsum in einsums):
        _, left = absorb(einsum, seen)
        if left and einsum.is_move and len(einsum.inputs) > 1:
            einsum, left = _whole(einsum, left), frozenset()
        for name in sorted(left):
            result.append(_copied(name, seen.pop(name), held, used))
        result.append(absorb(einsum, seen)[0])
    stored = []
    for name in outputs:
        if name in seen and not seen[name].keeps_order:
            result.append(_copied(name, seen.pop(name), held, used))
        stored.append(seen[name].base if name in seen else name)
    return Layout(tuple(result), held, tuple(dict.fromkeys(stored)))


def _readers(
    einsums: Sequence[Einsum], views: Mapping[str, View], outputs: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """The names under which each stored tensor is read."""
    found: dict[str, dict[str, None]] = {}
    read = (access.tensor for einsum in einsums for access in einsum.inputs)
    for name in dict.fromkeys((*read, *outputs)):
        base = views[name].base if name in views else name
        found.setdefault(base, {})[name] = None
    return {base: tuple(names) for base, names in found.items()}


def _state_as_read(
    base: str, names: tuple[str, ...], seen: dict[str, View], held: dict[str, Shape]
) -> None:
    """State an external tensor in the only shape in which it is read, if that merges its axes.

    It lies there element after element, whichever extents are stated.
    """
    view = seen[names[0]]
    merges = any(sum(digit.extent > 1 for digit in axis) > 1 for axis in view.axes)
    same = all(seen[name].form == view.form for name in names)
    if merges and same and view.is_bijective and view.keeps_order:
        held[base] = view.shape
        for name in names:
            seen[name] = View.of(base, view.shape)


def _store_as_read(
    base: str,
    names: tuple[str, ...],
    made: dict[str, Einsum],
    seen: dict[str, View],
    held: dict[str, Shape],
    einsums: Sequence[Einsum],
    outputs: Sequence[str],
) -> None:
    """Store a tensor in the only way in which it is read, if that helps."""
    view = seen[names[0]]
    if not view.is_bijective or any(seen[name].form != view.form for name in names[1:]):
        return
    if not (
        any(sum(digit.extent > 1 for digit in axis) > 1 for axis in view.axes)
        or any(name in outputs and not view.keeps_order for name in names)
        or any(
            absorb(made[einsum.output.tensor], {name: seen[name]})[1]
            for einsum in einsums
            for name in names
            if any(access.tensor == name for access in einsum.inputs)
        )
    ):
        return
    stored = names[0]
    einsum, left = absorb(made[base], {base: view.inverse(stored)})
    if left:
        return
    made[base] = einsum
    held[stored] = view.shape
    del held[base], seen[stored]
    for name in names[1:]:
        seen[name] = View.of(stored, view.shape)


def _whole(einsum: Einsum, names: Collection[str]) -> Einsum:
    """A move that reads some of its operands whole: where each element goes is not followed."""
    inputs = tuple(
        Access(access.tensor, (Affine(()),) * len(access.index))
        if access.tensor in names
        else access
        for access in einsum.inputs
    )
    return replace(einsum, inputs=inputs)


def _copied(name: str, view: View, held: dict[str, Shape], used: set[str]) -> Einsum:
    """A step that writes a view as a tensor of its own."""
    ranks = tuple(Rank(f"B{i}", extent) for i, extent in enumerate(view.shape))
    plain = tuple(Affine(((rank.name, 1),)) for rank in ranks)
    own = next(n for n in (f"{name}.copy{i or ''}" for i in count()) if n not in used)
    used.add(own)
    held[name] = view.shape
    unread = "\0"  # no tensor is called so
    step = Einsum(own, ranks, Access(name, plain), (Access(unread, plain),), "copy", origin=name)
    return absorb(step, {unread: view})[0]
