"""A layer of a user's module between quantizers: of its weights, of what it reads and gives."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from netwright.errors import UnsupportedOp
from netwright.train.formatted import Fits, FormatQuantizer

GROUPED_AXES: dict[type[nn.Module], tuple[int, int]] = {
    nn.Linear: (1, -1),
    nn.Conv1d: (1, 1),
    nn.Conv2d: (1, 1),
    nn.Conv3d: (1, 1),
}
"""Layers with weights (outputs first), and the axis along which neighbors are summed: of their
weights, and of what they read."""


class FormattedLayer(nn.Module):
    """Stands where a layer stood, and calls it with what the formats store.

    Args:
        layer: The layer; a subclass of one in :data:`GROUPED_AXES` whose parameter ``weight`` is
            what it multiplies with. It is kept, not copied.
        weights: Chooses the format of the weights; ``None`` leaves them as they are.
        inputs: Chooses that of what the layer reads.
        outputs: Chooses that of what it gives, such as keys and values that a decoder keeps.
        per_channel: Give the weights of each output a scale of their own.
        learns_scale: Make scales parameters.

    Raises:
        UnsupportedOp: The layer is none of these, or reads its channels in groups.
    """

    def __init__(
        self,
        layer: nn.Module,
        *,
        weights: Fits | None = None,
        inputs: Fits | None = None,
        outputs: Fits | None = None,
        per_channel: bool = True,
        learns_scale: bool = False,
    ) -> None:
        super().__init__()
        of_weights, of_inputs = axes_of(layer)
        self.layer = layer

        def place(fits: Fits | None, channel: int | None, group: int) -> FormatQuantizer | None:
            if fits is None:
                return None
            return FormatQuantizer(
                fits, channel_axis=channel, group_axis=group, learns_scale=learns_scale
            )

        self.weights = place(weights, 0 if per_channel else None, of_weights)
        self.inputs = place(inputs, None, of_inputs)
        self.outputs = place(outputs, None, of_inputs)

    def places(self) -> list[FormatQuantizer]:
        """The quantizers that there are."""
        return [p for p in (self.weights, self.inputs, self.outputs) if p is not None]

    @property
    def weight(self) -> Tensor:
        """The weights as they are multiplied."""
        weight: Any = self.layer.weight
        found: Tensor = weight if self.weights is None else self.weights(weight)
        return found

    def forward(self, values: Tensor) -> Tensor:
        """What the layer gives of stored values with stored weights."""
        if self.inputs is not None:
            values = self.inputs(values)
        if self.weights is None:
            found = self.layer(values)
        else:
            found = torch.func.functional_call(self.layer, {"weight": self.weight}, (values,))
        return found if self.outputs is None else self.outputs(found)


def axes_of(layer: nn.Module) -> tuple[int, int]:
    """Along which axes the weights of a layer and what it reads are grouped.

    Raises:
        UnsupportedOp: It is no layer that can be quantized so.
    """
    for kind, axes in GROUPED_AXES.items():
        if isinstance(layer, kind):
            if getattr(layer, "groups", 1) > 1:
                raise UnsupportedOp(
                    f"{type(layer).__name__} in groups", where="number formats",
                    hint="leave this layer out",
                )  # fmt: skip
            return axes
    shown = ", ".join(kind.__name__ for kind in GROUPED_AXES)
    raise UnsupportedOp(
        type(layer).__name__, where="number formats", hint=f"layers: {shown} and their subclasses"
    )
