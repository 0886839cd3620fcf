"""The torch model as one more stage that must agree on every integer."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from netwright.ir import Graph
from netwright.train.layers import QuantInput, QuantLayer, QuantModel
from netwright.train.lookup import LookupModel


@dataclass(frozen=True)
class TorchExecutor:
    """Runs a quantized torch model and names its tensors as the traced graph does.

    Attributes:
        model: The model that was traced.
        graph: What :func:`~netwright.train.trace` or :func:`~netwright.train.trace_tables` made of
            it.
    """

    model: QuantModel | LookupModel
    graph: Graph

    @torch.no_grad()
    def run(
        self,
        inputs: Mapping[str, NDArray[np.floating]] | NDArray[np.floating],
        *,
        keep: Collection[str] = (),
    ) -> dict[str, NDArray[np.int64]]:
        """Codes of the outputs and of the kept tensors; see :class:`netwright.ir.Executable`."""
        array = inputs if isinstance(inputs, np.ndarray) else inputs[self.graph.inputs[0]]
        was_training = self.model.training
        self.model.eval()
        values = torch.from_numpy(np.asarray(array, dtype=np.float64))
        if isinstance(self.model, LookupModel):
            seen = self.model.tensors(values)
        else:
            seen = _tensors(self.model, values)
            seen[self.graph.outputs[0]] = list(seen.values())[-1]
        self.model.train(was_training)
        wanted = {*self.graph.outputs, *keep}
        return {
            name: value.numpy().astype(np.int64)
            for name, value in seen.items()
            if name in wanted and name in self.graph.types
        }


def _tensors(model: QuantModel, values: torch.Tensor) -> dict[str, torch.Tensor]:
    """Codes and sums of every layer, by name of the tensor in the traced graph."""
    seen: dict[str, torch.Tensor] = {}
    for name, layer in model.named_children():
        if isinstance(layer, QuantLayer):
            seen[f"{name}_sum"] = layer.accumulator(values)
            values = layer.requantize(seen[f"{name}_sum"])
        else:
            values = (
                layer.quantizer.codes(values) if isinstance(layer, QuantInput) else layer(values)
            )
        seen[f"{name}_out"] = values
    return seen
