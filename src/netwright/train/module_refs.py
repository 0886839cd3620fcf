"""What handlers of operators work with: tensors of the graph, constants, and sizes of windows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from torch import Tensor

if TYPE_CHECKING:
    from netwright.train.module_graph import Step


@dataclass(frozen=True, slots=True)
class Ref:
    """A tensor of the graph, as handlers see it: its name, and its shape for one row."""

    name: str
    shape: tuple[int, ...]


Handler: TypeAlias = Callable[..., Ref]
Sizes: TypeAlias = int | Sequence[int]


def values_of(at: Step, value: object, what: str) -> Ref:
    """An argument that must be made from the inputs."""
    if not isinstance(value, Ref):
        raise at.refuse(f"{what} must depend on the inputs of the network")
    return value


def fixed(at: Step, value: object, what: str) -> Tensor:
    """An argument that must be a constant tensor."""
    if not isinstance(value, Tensor):
        raise at.refuse(
            f"{what} must be constant, not computed from the inputs",
            hint="products of two computed tensors have no hardware here",
        )
    return value


def spread(value: Sizes, rank: int) -> tuple[int, ...]:
    """One size for every axis."""
    sizes = (int(value),) if isinstance(value, int) else tuple(int(item) for item in value)
    return sizes * rank if len(sizes) == 1 else sizes
