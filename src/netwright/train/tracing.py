"""From torch to a graph: exact integers for quantized networks, real values for all others."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from netwright.errors import GraphError, VerificationError
from netwright.ir import Graph, Interpreter, real_values
from netwright.passes import recognize
from netwright.train.emission import Emission
from netwright.train.executor import TorchExecutor
from netwright.train.lookup import LookupModel, trace_tables
from netwright.train.module_tracing import Rows, trace_module
from netwright.train.network import QuantModel
from netwright.train.symbolic import evaluation
from netwright.verify import random


def trace(model: nn.Module, rows: Rows | None = None, *, name: str = "network") -> Graph:
    """Translate what ``model.eval()`` does into a graph.

    A quantized network (:func:`netwright.compress.apply`) becomes the integer graph with the same
    meaning: its codes equal those of ``model.eval().codes(inputs)`` for every input. Both execute
    the same integers, which is checked on random rows before the graph is returned. A classifier's
    softmax stays on the host (``graph.head``). Networks of tables are translated alike.

    Any other module becomes a graph of real values without quantizers. Branches, sums and
    concatenations are followed wherever `forward` goes, and the graph is compared with the module:
    every layer in double precision on some rows, the outputs in the module's own precision on all
    of them. :func:`netwright.passes.quantize` puts quantizers in. Normalizations, attention and
    functions that are written out become the operators that they are
    (:func:`netwright.passes.recognize`).

    Args:
        model: A quantized network, its scales calibrated, or any module whose `forward` does the
            same for all rows. It is not changed.
        rows: Inputs, (rows, *shape) each: one array, one for each input, or by name. Needed for a
            module without quantizers, whose graph is compared on them.
        name: Name of the graph; a C identifier, since generated files carry it.

    Raises:
        GraphError: The name is no identifier, a module without quantizers has no rows, or something
            in `forward` has no meaning in a graph; its path in the module and its line are named.
        VerificationError: The graph does not do what the module does; the first layer is named.
        DataError: The rows do not fit.

    >>> import numpy as np, torch
    >>> from torch import nn
    >>> class Residual(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.fc = nn.Linear(4, 4)
    ...     def forward(self, x):
    ...         return torch.relu(x + self.fc(x))
    >>> [node.op for node in trace(Residual(), np.zeros((3, 4))).nodes]
    ['MatMul', 'Add', 'Relu']
    """
    if not name.isidentifier() or not name.isascii():
        raise GraphError(f"the name of a graph must be an ASCII identifier, not {name!r}")
    if isinstance(model, QuantModel):
        return _trace_quantized(model, name)
    if isinstance(model, LookupModel):
        return trace_tables(model, name=name)
    if rows is None:
        raise GraphError(
            f"{type(model).__name__} has no quantizers: its trace needs rows to be compared on",
            hint="netwright.trace(model, rows) gives a graph of real values; for integers apply a "
            "plan first: netwright.compress.apply(model, plan, task)",
        )
    return recognize(trace_module(model, rows, name=name).graph)


@torch.no_grad()
def _trace_quantized(model: QuantModel, name: str) -> Graph:
    at, grids = Emission(name), model.grids()
    at.readers.update(key for step in model.steps for key in step.inputs)
    at.readers.update(model.outputs)
    for key, shape in model.input_shapes.items():
        at.input(key, shape)
    for step in model.steps:
        at.step, at.origin, at.output = step.name, step.origin, step.output
        at.inputs = tuple(at.same.get(key, key) for key in step.inputs)
        at.sources = tuple(grids[key] for key in step.inputs if key in grids)
        at.grid = grids[step.output]
        step.operation.emit(at)
    outputs = [at.same.get(key, key) for key in model.outputs]
    graph = at.finish(tuple(model.input_shapes), outputs, head=model.head)
    _require_same(model, graph)
    return graph


def _require_same(model: QuantModel, graph: Graph) -> None:
    """Compare the model itself with the graph on random rows; name the first layer that differs."""
    rows = random(graph, rows=_ROWS).inputs
    arrays = {graph.inputs[0]: rows} if isinstance(rows, np.ndarray) else rows
    values = [torch.from_numpy(arrays[key]) for key in graph.inputs]
    with evaluation(model), torch.no_grad():
        codes, reals = _tuple(model.codes(*values)), _tuple(model(*values))
    seen = TorchExecutor(model, graph).run(arrays, keep=graph.types)
    found = Interpreter.of(graph).run(arrays, keep=seen)
    for node in graph.nodes:
        if node.output in seen and not np.array_equal(found[node.output], seen[node.output]):
            raise VerificationError(
                f'layer "{node.origin}" gives other integers than its trace', hint=_OWN_CODE
            )
    for key, made, real in zip(graph.outputs, codes, reals, strict=True):
        wanted = real_values(graph, key, found[key])
        if not (np.array_equal(made.numpy(), found[key]) and np.array_equal(real.numpy(), wanted)):
            raise VerificationError(
                f"{type(model).__name__} gives something else than its steps one after another",
                hint=_OWN_CODE,
            )


def _tuple(found: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return found if isinstance(found, tuple) else (found,)


_ROWS = 64
_OWN_CODE = "a quantized network is traced step by step: remove a `forward` or `codes` of your own"
