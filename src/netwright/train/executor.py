"""The torch model as one more stage that must agree on every integer."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from netwright.ir import Graph
from netwright.train.lookup import LookupModel
from netwright.train.network import QuantModel
from netwright.train.symbolic import evaluation


@dataclass(frozen=True)
class TorchExecutor:
    """Runs a quantized torch model and names its tensors as the traced graph does.

    Attributes:
        model: The model that was traced.
        graph: What :func:`~netwright.train.trace` made of it.
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
        if isinstance(inputs, np.ndarray):
            inputs = {self.graph.inputs[0]: inputs}
        values = [
            torch.from_numpy(np.asarray(inputs[name], dtype=np.float64))
            for name in self.graph.inputs
        ]
        with evaluation(self.model):
            seen = self.model.tensors(*values)
        wanted = {*self.graph.outputs, *keep}
        return {
            name: value.numpy().astype(np.int64)
            for name, value in seen.items()
            if name in wanted and name in self.graph.types
        }
