"""What constants of a file are asked while it is read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.errors import GraphError
from netwright.exchange.onnx.source_model import SourceNode
from netwright.ir import AttrValue

Reals = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class QuantizedConstant:
    """A constant behind a quantizer, not yet placed in the graph.

    Attributes:
        values: What is quantized.
        scale: Scales, with as many axes as `values` or none.
        op: ``Quant`` or ``BipolarQuant``.
        attrs: The quantizer's attributes but scale and axis.
        name: Name of the quantizer.
    """

    values: Reals
    scale: Reals
    op: str
    attrs: dict[str, AttrValue]
    name: str

    def moved(self, values: Reals, scale: Reals) -> QuantizedConstant:
        """The same quantizer on rearranged values.

        Raises:
            GraphError: It codes neighbors together, which are others then.
        """
        if self.op == "FormatQuant":
            raise GraphError(
                "a constant must not be changed behind a quantizer that codes neighbors together",
                node=self.name,
                hint="store it in the shape in which it is read",
            )
        return replace(self, values=values, scale=scale)


def computed_constant(node: SourceNode, what: str) -> GraphError:
    """The error for something that is computed from the inputs, where hardware has constants."""
    return GraphError(
        f"{what} must be a constant",
        node=node.name,
        hint="what is computed of constants alone can be folded before the export; what depends on "
        "an input is for the host: end the file before it",
    )


def broadcasts(shape: tuple[int, ...], target: tuple[int, ...]) -> bool:
    """Whether values of a shape can be repeated to fill the target."""
    try:
        return np.broadcast_shapes(shape, target) == target
    except ValueError:
        return False


def whole_numbers(values: NDArray[Any]) -> tuple[int, ...] | None:
    """Values as integers, flat; ``None`` where one is none."""
    flat = values.reshape(-1)
    if flat.dtype.kind not in "iub" and not np.all(np.isfinite(flat) & (flat == np.rint(flat))):
        return None
    found = tuple(int(value) for value in flat)
    return found if all(abs(value) < 1 << 63 for value in found) else None
