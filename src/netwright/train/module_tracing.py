"""From a user's module to a graph of real values, compared with the module itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, fx, nn

from netwright.errors import DataError, GraphError, VerificationError
from netwright.ir import Array, Graph, Interpreter
from netwright.train.module_graph import GraphOfModule, Recorded, record, table_rows
from netwright.train.symbolic import Symbolic, evaluation, kind_of, line_of, path_of
from netwright.train.symbolic import trace_symbolically as symbolically

Rows = NDArray[np.floating] | Sequence[NDArray[np.floating]] | Mapping[str, NDArray[np.floating]]

LAYER_ROWS = 16
"""Rows on which every layer is compared; the outputs are compared on all rows."""

EXACT = 1e-9
"""Largest difference in double precision, relative to the largest value of a tensor."""

CLOSE = 1e-4
"""Largest difference from the module in its own precision, likewise."""

_CHUNK = 1024

_ASSIGNMENT = re.compile(r"[\w\])] *(?:[-+*/@]|//|\*\*)=(?!=)")
"""An assignment that works in place, in a line of a program."""


@dataclass(frozen=True, eq=False)
class Traced:
    """A module as a graph of real values, and what of the module is behind each operator.

    Attributes:
        graph: The graph.
        made_by: The node of the module's code behind each operator, by name of the operator.
        dropped: Dropout that is active in training, by name of the tensor.
    """

    graph: Graph
    made_by: Mapping[str, fx.Node]
    dropped: Mapping[str, nn.Module]


def trace_module(model: nn.Module, rows: Rows, *, name: str = "network") -> Traced:
    """Translate a module and compare the graph with it; see :func:`netwright.train.trace`.

    Raises:
        GraphError: Something in `forward` has no meaning in a graph.
        VerificationError: The graph does not do what the module does.
        DataError: The rows do not fit.
    """
    symbolic = symbolically(model)
    dtype = _precision(model)
    arrays = _tensors(symbolic, _arrays(symbolic, rows), dtype)
    few = tuple(array[:LAYER_ROWS] for array in arrays)
    seen = record(symbolic, few)
    try:
        fewer = record(symbolic, tuple(array[1:].flip(0) for array in few))
    except DataError as error:
        count = len(few[0])
        raise GraphError(
            f"{type(model).__name__}.forward works for {count} rows and not for {count - 1}: "
            "rows must stay apart, on the first axis",
            hint=error.message,
        ) from None
    translation = GraphOfModule(symbolic, seen, fewer)
    graph = translation.build(name)
    _compare_layers(translation, graph, few)
    _compare_outputs(symbolic, graph, arrays, seen)
    return Traced(graph, translation.made_by, translation.dropped)


def _precision(model: nn.Module) -> torch.dtype:
    found = {p.dtype for p in model.parameters() if p.dtype.is_floating_point}
    if found - {torch.float32, torch.float64} or len(found) > 1:
        names = ", ".join(sorted(str(dtype).removeprefix("torch.") for dtype in found))
        raise GraphError(
            f"the parameters of {type(model).__name__} must be float32 or float64, not {names}",
            hint="convert it first: model.float()",
        )
    return found.pop() if found else torch.float32


def _arrays(symbolic: Symbolic, rows: Rows) -> list[NDArray[np.float64]]:
    """One array for each input, all finite, with three rows or more."""
    names = symbolic.inputs
    if isinstance(rows, Mapping):
        given = [rows[name] for name in names if name in rows]
    else:
        given = [rows] if isinstance(rows, np.ndarray) else list(rows)
    if len(given) != len(names):
        raise DataError(f"rows must be given for {', '.join(names)}, not for {len(given)} inputs")
    try:
        arrays = [np.array(array, dtype=np.float64) for array in given]
    except (TypeError, ValueError):
        raise DataError("rows must be numbers, in arrays of (rows, *shape)") from None
    counts = {len(array) if array.ndim else 0 for array in arrays}
    if len(counts) > 1 or counts == {0}:
        raise DataError("every input must have the same number of rows, one or more")
    if not all(np.isfinite(array).all() for array in arrays):
        raise DataError("rows hold NaN or infinity")
    count = counts.pop()
    return [array[np.arange(max(count, 3)) % count] for array in arrays]


def _tensors(
    symbolic: Symbolic, arrays: Sequence[NDArray[np.float64]], dtype: torch.dtype
) -> list[Tensor]:
    """The rows as the module takes them: rows of tables as integers, all else in its precision."""
    tables, found = table_rows(symbolic), []
    for name, array in zip(symbolic.inputs, arrays, strict=True):
        if name not in tables:
            found.append(torch.from_numpy(array).to(dtype))
            continue
        most = tables[name] - 1
        if array.size and not (array.min() >= 0 and array.max() <= most and _is_whole(array)):
            raise DataError(
                f'input "{name}" says rows of a table: it must hold whole numbers from 0 to {most}'
            )
        found.append(torch.from_numpy(array.astype(np.int64)))
    return found


def _is_whole(array: NDArray[np.float64]) -> bool:
    return bool((array == np.rint(array)).all())


def _compare_layers(translation: GraphOfModule, graph: Graph, rows: Sequence[Tensor]) -> None:
    """Every tensor of the graph against what its node gave, in double precision."""
    made = {name: node for node in graph.nodes for name in (node.output,)}
    refs = {node: ref for node, ref in translation.tensors.items() if ref.name in made}
    inputs = dict(zip(graph.inputs, (r.double().numpy() for r in rows), strict=True))
    found = Interpreter.of(graph).run(inputs, keep={ref.name for ref in refs.values()})
    for node, ref in refs.items():
        given = translation.seen[node]
        wanted = given[0] if isinstance(given, tuple) else given
        assert isinstance(wanted, Tensor)
        if not _close(found[ref.name], wanted.double().numpy(), EXACT):
            raise _differs(node, found[ref.name], wanted.double().numpy())


def _compare_outputs(
    symbolic: Symbolic, graph: Graph, rows: Sequence[Tensor], seen: Recorded
) -> None:
    """The graph against the user's own module, in its own precision, on all rows."""
    model, interpreter = symbolic.original, Interpreter.of(graph)
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    for start in range(0, len(rows[0]), _CHUNK):
        part = [array[start : start + _CHUNK] for array in rows]
        with evaluation(model), torch.no_grad():
            first, again = (_outputs(model(*(v.clone().to(device) for v in part))) for _ in "ab")
        if not all(np.array_equal(a, b) for a, b in zip(first, again, strict=True)):
            raise VerificationError(
                f"{type(model).__name__} gives another result for the same rows each time",
                hint="take random numbers and counters out of forward",
            )
        inputs = dict(zip(graph.inputs, (v.double().numpy() for v in part), strict=True))
        found = interpreter.run(inputs)
        for name, wanted in zip(graph.outputs, first, strict=True):
            if not _close(found[name], wanted, CLOSE):
                where = _in_place(symbolic) or type(model).__name__
                raise _first_layer(symbolic, rows, seen) or _says(where, found[name], wanted)


def _in_place(symbolic: Symbolic) -> str:
    """The first line that changes a value by an assignment such as ``y += 1``.

    torch.fx sees an operation that makes a new value there.
    """
    lines = (line_of(node) for node in symbolic.code.graph.nodes if node.op == "call_function")
    found = next((line for line in lines if _ASSIGNMENT.search(line)), "")
    return found and f"{type(symbolic.original).__name__}.forward at {found},"


def _outputs(returned: Tensor | Sequence[Tensor]) -> list[Array]:
    found = [returned] if isinstance(returned, Tensor) else list(returned)
    return [value.detach().cpu().double().numpy() for value in found]


@torch.no_grad()
def _first_layer(
    symbolic: Symbolic, rows: Sequence[Tensor], seen: Recorded
) -> VerificationError | None:
    """The first layer whose output in the user's module is not the one that was traced."""
    model = symbolic.original
    given: dict[str, Array] = {}
    handles = []

    def keep(path: str) -> Callable[..., None]:
        def hook(module: nn.Module, inputs: object, output: object) -> None:
            if isinstance(output, Tensor):
                given.setdefault(path, output.detach().cpu().double().numpy().copy())

        return hook

    for path, layer in model.named_modules():
        handles.append(layer.register_forward_hook(keep(path)))
    try:
        device = next((p.device for p in model.parameters()), torch.device("cpu"))
        with evaluation(model):
            model(*(array[:LAYER_ROWS].clone().to(device) for array in rows))
    finally:
        for handle in handles:
            handle.remove()
    for node, value in seen.items():
        path = path_of(node)
        if node.op != "call_module" or path not in given or not isinstance(value, Tensor):
            continue
        wanted = given.pop(path)
        if not _close(value.numpy(), wanted, CLOSE):
            return _differs(node, value.numpy(), wanted)
    return None


def _close(found: Array, wanted: Array, tolerance: float) -> bool:
    if found.shape != wanted.shape:
        return False
    if not wanted.size:
        return True
    limit = tolerance * max(float(np.abs(wanted).max()), 1e-30)
    return bool((np.abs(found - wanted) <= limit).all())


def _differs(node: fx.Node, found: Array, wanted: Array) -> VerificationError:
    line = line_of(node)
    where = f'layer "{path_of(node)}" ({kind_of(node)}{line and f", {line}"})'
    return _says(where, found, wanted)


def _says(where: str, found: Array, wanted: Array) -> VerificationError:
    detail = ""
    if found.shape == wanted.shape and not np.array_equal(found, wanted):
        index = tuple(
            int(i) for i in np.unravel_index(np.abs(found - wanted).argmax(), found.shape)
        )
        detail = f": at {index} it gives {wanted[index]:.6g}, the trace {found[index]:.6g}"
    return VerificationError(
        f"{where} does something else than what was traced{detail}",
        hint="forward does something that torch.fx cannot see: values changed in place, global "
        "hooks, or a decision on data",
    )
