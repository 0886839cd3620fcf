"""Parts of tensors: slices, single elements of an axis, and what splits an axis into several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from netwright.train.module_refs import Handler, Ref, values_of

if TYPE_CHECKING:
    from netwright.train.module_graph import Step


@dataclass(frozen=True, slots=True)
class Parts:
    """A tensor in consecutive parts, none of which is made before it is taken.

    Attributes:
        source: The whole tensor.
        axis: The axis along which the parts follow each other.
        sizes: Their extents.
    """

    source: Ref
    axis: int
    sizes: tuple[int, ...]


def getitem(at: Step, input: object, index: object) -> Ref:
    """What square brackets take: slices, numbers, ``...`` and new axes."""
    if isinstance(input, Parts):
        return _part(at, input, index)
    source = values_of(at, input, "the input")
    if isinstance(at.whole.seen[at.node.all_input_nodes[0]], tuple):  # attention, and its shares
        if index != 0:
            raise at.refuse("takes the shares of attention, which the graph does not give")
        return source
    given = index if isinstance(index, tuple) else (index,)
    named = [place for place in given if place is not None]
    if any(place is ... for place in named):
        before = next(i for i, place in enumerate(named) if place is ...)
        missing = len(source.shape) - (len(named) - 1)
        named = [*named[:before], *(slice(None),) * missing, *named[before + 1 :]]
    return cut(at, source, named)


def cut(at: Step, source: Ref, places: Sequence[object]) -> Ref:
    """A part of a tensor, with the shape that was seen.

    Args:
        at: The step.
        source: The tensor.
        places: A slice or a number for each of the first axes.
    """
    found = [
        (axis, chosen)
        for axis, place in enumerate(places)
        if (chosen := _chosen(at, place, axis, source.shape[axis])) is not None
    ]
    shape = source.shape
    for number, (axis, chosen) in enumerate(found):
        shape = (*shape[:axis], len(chosen), *shape[axis + 1 :])
        suffix = "" if number == len(found) - 1 and shape == at.shape else f"axis{axis}"
        source = at.emit(
            "Slice", (source.name,), suffix, axis=axis, start=chosen.start, stop=chosen.stop,
            step=chosen.step,
        )  # fmt: skip
    if source.shape == at.shape:
        return source
    return at.emit("Reshape", (source.name,), shape=at.shape)


def _chosen(at: Step, place: object, axis: int, extent: int) -> range | None:
    """Which elements of an axis a place means; ``None`` for all of them."""
    if axis == 0 and place != slice(None):
        raise at.refuse("rows must stay apart, on the first axis", hint="take parts of other axes")
    try:
        if isinstance(place, slice):
            chosen = range(extent)[place]
            if not chosen:
                raise at.refuse(f"takes nothing of the {extent} elements along axis {axis}")
            return None if len(chosen) == extent else range(chosen[0], chosen[-1] + 1, chosen.step)
        if isinstance(place, int) and not isinstance(place, bool):
            first = range(extent)[place]
            return None if extent == 1 else range(first, first + 1)
    except (TypeError, IndexError) as error:
        raise at.refuse(f"the place along axis {axis} does not suit: {error}") from None
    raise at.refuse(
        f"takes values of axis {axis} by {type(place).__name__}",
        hint="slices (a:b:step) and whole numbers that do not depend on data are known",
    )


def _part(at: Step, parts: Parts, index: object) -> Ref:
    if not isinstance(index, int):
        raise at.refuse("takes several parts at once", hint="take one part after the other")
    index %= len(parts.sizes)
    first = sum(parts.sizes[:index])
    places = [slice(None)] * parts.axis
    return cut(at, parts.source, [*places, slice(first, first + parts.sizes[index])])


def _splits(at: Step, dim: object, input: object) -> Parts:
    source = values_of(at, input, "the input")
    if not isinstance(dim, int):
        raise at.refuse("the axis must be a number")
    axis = dim % len(source.shape)
    if axis == 0:
        raise at.refuse("rows must stay apart, on the first axis", hint="split another axis")
    seen: Any = at.whole.seen[at.node]
    alone = all(part.ndim < len(source.shape) for part in seen)
    return Parts(source, axis, tuple(1 if alone else int(part.shape[axis]) for part in seen))


def split(at: Step, tensor: object, split_size_or_sections: object, dim: object = 0) -> Parts:
    """Parts of given extents."""
    return _splits(at, dim, tensor)


def _split_method(at: Step, input: object, split_size: object, dim: object = 0) -> Parts:
    return _splits(at, dim, input)


def _chunk(at: Step, input: object, chunks: object, dim: object = 0) -> Parts:
    return _splits(at, dim, input)


def _tensor_split(
    at: Step,
    input: object,
    indices_or_sections: object = None,
    dim: object = 0,
    *,
    sections: object = None,
    indices: object = None,
) -> Parts:
    return _splits(at, dim, input)


def _unbind(at: Step, input: object, dim: object = 0) -> Parts:
    return _splits(at, dim, input)


def _narrow(at: Step, input: object, dim: int, start: Any, length: Any) -> Ref:
    source = values_of(at, input, "the input")
    if not all(isinstance(value, int) for value in (dim, start, length)):
        raise at.refuse("the axis, the start and the length must be numbers")
    axis = dim % len(source.shape)
    first = start % source.shape[axis]
    return cut(at, source, [*[slice(None)] * axis, slice(first, first + length)])


def _select(at: Step, input: object, dim: int, index: object) -> Ref:
    source = values_of(at, input, "the input")
    return cut(at, source, [*[slice(None)] * (dim % len(source.shape)), index])


FUNCTIONS: dict[object, Handler] = {torch.narrow: _narrow, torch.select: _select}
"""Functions of torch that take one part."""

METHODS: dict[object, Handler] = {"narrow": _narrow, "select": _select}
"""Methods of tensors that take one part."""

SEVERAL: dict[object, Any] = {
    torch.split: split, torch.chunk: _chunk, torch.tensor_split: _tensor_split,
    torch.unbind: _unbind, "split": _split_method, "chunk": _chunk,
    "tensor_split": _tensor_split, "unbind": _unbind,
}  # fmt: skip
"""Functions and methods that make several parts."""


def are_parts(value: object) -> bool:
    """Whether a node gives several tensors."""
    return (
        isinstance(value, tuple | list)
        and bool(value)
        and all(isinstance(part, Tensor) for part in value)
    )
