"""An independent referee: qonnx's own executor on the exported graph."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.errors import DataError, GraphError, VerificationError, require
from netwright.exchange.qonnx.execution import execute, quiet, wrapped
from netwright.exchange.qonnx.format_functions import without_functions
from netwright.exchange.qonnx.narrow_convs import narrow_convs
from netwright.exchange.qonnx.write import build_model, wide_inputs, wide_tensors
from netwright.ir import Graph, held_values, rows_together
from netwright.ir.interpret import Values
from netwright.passes import Realized, realize


@dataclass(frozen=True)
class QonnxModel:
    """An integer graph as qonnx executes it; an :class:`netwright.ir.Executable`.

    Attributes:
        graph: The integer graph.
        realized: The same with quantizers on real values, as it is exported.
        chunk_rows: Rows executed in one call, fewer where they are large.
    """

    graph: Graph
    realized: Realized
    chunk_rows: int = 1024

    def run(self, inputs: Values, *, keep: Collection[str] = ()) -> dict[str, NDArray[np.int64]]:
        """Execute on a batch of real inputs.

        Args:
            inputs: As for :meth:`netwright.ir.Interpreter.run`.
            keep: Tensors of the integer graph to return beside the outputs.

        Returns:
            Codes by the integer graph's tensor names.

        Raises:
            DataError: An input does not fit, or a kept tensor does not exist.
            VerificationError: A value that must be an integer multiple of its scale is not.
        """
        wanted = tuple(dict.fromkeys((*self.graph.outputs, *keep)))
        for name in wanted:
            if name not in self.realized.carriers:
                raise DataError(f'graph "{self.graph.name}" has no integer activation "{name}"')
        arrays = self._inputs(inputs)
        rows = len(next(iter(arrays.values())))
        parts: dict[str, list[NDArray[np.int64]]] = {name: [] for name in wanted}
        sources = {self.realized.carriers[name][0] for name in wanted}
        step = rows_together(held_values(self.realized.graph, sources), self.chunk_rows)
        for start in range(0, rows, step):
            chunk = {name: array[start : start + step] for name, array in arrays.items()}
            values = self._execute(chunk, sources)
            for name in wanted:
                parts[name].append(self._codes(name, values, start))
        return {
            name: np.concatenate(found) if found else self._nothing(name)
            for name, found in parts.items()
        }

    def _nothing(self, name: str) -> NDArray[np.int64]:
        return np.empty((0, *self.graph.types[name].shape[1:]), dtype=np.int64)

    def _execute(
        self, inputs: dict[str, NDArray[np.float64]], wanted: Collection[str]
    ) -> Mapping[str, NDArray[Any]]:
        quantized = self.realized.graph
        rows = len(next(iter(inputs.values())))
        wide = wide_tensors(quantized, double=None) | wide_inputs(quantized, otherwise=True)
        model = build_model(quantized, wide=wide, batch=rows, digest=self.graph.digest)
        onnx = require("onnx", extra="qonnx", purpose="the qonnx referee")
        model = without_functions(onnx, model)
        feeds = {
            name: array if name in wide else array.astype(np.float32)
            for name, array in inputs.items()
        }
        with quiet(), np.errstate(over="ignore"):
            return execute(wrapped(model), feeds, wanted)

    def _codes(
        self, name: str, values: Mapping[str, NDArray[Any]], start: int
    ) -> NDArray[np.int64]:
        source, unit = self.realized.carriers[name]
        codes = values[source].astype(np.float64) / unit
        whole = np.rint(codes)
        if not np.array_equal(whole, codes):
            at = tuple(int(i) for i in np.argwhere(whole != codes)[0])
            raise VerificationError(
                f'qonnx: tensor "{name}" holds {float(codes[at])!r} steps at '
                f"{(at[0] + start, *at[1:])}, which is no integer",
            )
        return whole.astype(np.int64)

    def _inputs(self, inputs: Values) -> dict[str, NDArray[np.float64]]:
        names = self.graph.inputs
        if isinstance(inputs, np.ndarray):
            if len(names) != 1:
                raise DataError(f"inputs must be given by name: {', '.join(names)}")
            inputs = {names[0]: inputs}
        arrays = {}
        for name in names:
            if name not in inputs:
                raise DataError(f'input "{name}" is missing')
            array = np.asarray(inputs[name], dtype=np.float64)
            shape = self.graph.types[name].shape[1:]
            if array.shape[1:] != shape or not np.all(np.isfinite(array)):
                raise DataError(
                    f'input "{name}" must hold finite values of shape (batch, '
                    f"{', '.join(map(str, shape))}), not {array.shape}"
                )
            arrays[name] = array
        return arrays


def referee(graph: Graph) -> QonnxModel:
    """Export `graph` for execution by qonnx, as an independent check of the interpreter.

    Args:
        graph: A graph in the integer form.

    Raises:
        GraphError: It is not in the integer form.
        NumericsError: A value cannot be exported exactly.
    """
    if not graph.is_integer:
        raise GraphError(f'graph "{graph.name}" must be in the integer form')
    realized = realize(graph)
    narrow = Realized(narrow_convs(realized.graph), realized.carriers)
    wide_tensors(narrow.graph, double=None)
    return QonnxModel(graph, narrow)
