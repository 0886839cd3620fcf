"""Values of the tensors that do not depend on the input."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from netwright.ir import Graph, spec_of


def constant_values(graph: Graph) -> dict[str, NDArray[np.float64]]:
    """Real values of the constants and of everything computed from constants alone."""
    values = {name: value.astype(np.float64) for name, value in graph.constants.items()}
    for node in graph.nodes:
        if node.inputs and all(name in values for name in node.inputs):
            inputs = [values[name] for name in node.inputs]
            values[node.output] = np.asarray(spec_of(node).execute(node, inputs))
    return values
