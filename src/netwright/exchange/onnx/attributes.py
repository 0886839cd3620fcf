"""Attributes of file nodes, checked."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from netwright.errors import GraphError
from netwright.exchange.onnx.source_model import SourceNode


def integer(node: SourceNode, name: str, default: int) -> int:
    """An integer attribute.

    Raises:
        GraphError: It is of another kind.
    """
    value = node.attrs.get(name, default)
    if not isinstance(value, int):
        raise GraphError(f"attribute {name} must be an integer, not {value!r}", node=node.name)
    return value


def flag(node: SourceNode, name: str, default: int) -> int:
    """An attribute that is 0 or 1."""
    value = integer(node, name, default)
    if value not in (0, 1):
        raise GraphError(f"attribute {name} must be 0 or 1, not {value}", node=node.name)
    return value


def integers(node: SourceNode, name: str, default: tuple[int, ...]) -> tuple[int, ...]:
    """An attribute that is a list of integers."""
    value = node.attrs.get(name, default)
    if not isinstance(value, tuple) or not all(isinstance(item, int) for item in value):
        raise GraphError(f"attribute {name} must be integers, not {value!r}", node=node.name)
    return tuple(int(item) for item in value)


def real(node: SourceNode, name: str, default: float) -> float:
    """A finite real attribute."""
    value = node.attrs.get(name, default)
    if not isinstance(value, int | float) or not np.isfinite(value):
        raise GraphError(f"attribute {name} must be a number, not {value!r}", node=node.name)
    return float(value)


def single(node: SourceNode, name: str, default: float) -> float:
    """A finite real attribute; defaults of ONNX are of float32, as what a file holds is."""
    return real(node, name, float(np.float32(default)))


def text(node: SourceNode, name: str, default: str) -> str:
    """A text attribute."""
    value = node.attrs.get(name, default)
    if not isinstance(value, str):
        raise GraphError(f"attribute {name} must be text, not {value!r}", node=node.name)
    return value


def array(node: SourceNode, name: str) -> NDArray[np.float64] | NDArray[np.int64] | None:
    """A tensor attribute, or ``None``."""
    value = node.attrs.get(name)
    return value if isinstance(value, np.ndarray) else None


def axis(node: SourceNode, value: int, rank: int, *, what: str = "axis") -> int:
    """An axis, or an index along one, with negative values resolved."""
    if not -rank <= value < rank:
        raise GraphError(f"{what} must be from {-rank} to {rank - 1}, not {value}", node=node.name)
    return value % rank
