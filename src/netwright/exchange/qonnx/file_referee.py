"""The first referee: what the user's own file gives, executed by the tool that it is meant for."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from netwright.errors import DataError, NetwrightError, NotExecutable, VerificationError, require
from netwright.exchange.onnx.file_model import (
    Feeds,
    before_head,
    declared_rows,
    for_rows,
    replace_all,
    self_contained,
    settle_rows,
    without_shapes,
)
from netwright.exchange.onnx.source_model import load_model
from netwright.exchange.onnx.vocabulary import CHANNELS_LAST, MICROSOFT
from netwright.exchange.qonnx.execution import (
    all_shapes_known,
    execute,
    infer_shapes,
    quiet,
    wrapped,
)
from netwright.exchange.qonnx.file_float64 import run_in_float64
from netwright.exchange.qonnx.format_functions import without_functions
from netwright.exchange.qonnx.read import InputQuantizer
from netwright.ir import Graph, Interpreter, held_values, rows_together
from netwright.ir.interpret import Values

Precision = Literal["file", "float64", "all-float64"]
Outputs = tuple[NDArray[np.float64], ...]

_PURPOSE = "executing the file itself"
_OLDEST_RUN, _CONVERTED = 7, 13
"""Oldest version of the operators that ONNX Runtime has, and the one that older ones become."""

_CHUNK_ROWS = 1024
_PROBED_ROWS = 8
_NOISE = 2.0**-16
"""Difference, as a share of the largest value, that float32 sums in another order may have."""


class FileReferee:
    """A file as another tool executes it, with real outputs.

    Files with operators of QONNX are executed by qonnx, all others by ONNX Runtime as they are
    written (no fusion, one thread). Several rows are executed at once where the file gives the same
    for them as row by row, which is tried on a few rows first.

    Attributes:
        path: The file.
        graph: The graph that was read from it, quantized or integer; inputs and outputs are told
            in its order.
        sha256: Digest of the file.
        executor: Name and version of what executes it.
    """

    def __init__(
        self, path: Path, graph: Graph, *, input_quantizer: InputQuantizer | None = None
    ) -> None:
        """Load the file; nothing is executed yet.

        Args:
            path: The file.
            graph: The graph.
            input_quantizer: What was put in front of the file; its inputs are quantized by it.

        Raises:
            DataError: It cannot be read.
            GraphError: It is malformed.
            UnsupportedOp: It has an operator of an unknown domain.
            MissingExtra: The executor is not installed.
        """
        self._onnx = require("onnx", extra="qonnx", purpose=_PURPOSE)
        self.path, self.graph, self.input_quantizer = Path(path), graph, input_quantizer
        reals = None if graph.is_integer else {n: graph.types[n].shape for n in graph.inputs}
        self._limits = load_model(self.path, reals=reals).limits
        whole = self_contained(self._onnx, self.path, reals=reals)
        self._as_written = settle_rows(whole)
        self._model = without_functions(self._onnx, whole)
        self.sha256 = hashlib.sha256(self.path.read_bytes()).hexdigest()
        self._model = before_head(self._model, graph.outputs)
        self._uses_qonnx = any(
            node.domain not in ("", MICROSOFT) for node in self._model.graph.node
        )
        version_of = {entry.domain: entry.version for entry in self._model.opset_import}
        converted = version_of.get("", _OLDEST_RUN) < _OLDEST_RUN
        package = "qonnx" if self._uses_qonnx else "onnxruntime"
        require(package, extra="qonnx", purpose=_PURPOSE)
        label = "qonnx" if self._uses_qonnx else "ONNX Runtime"
        self.executor = f"{label} {version(package)}"
        if converted:
            self._model = _converted(self._model, uses_qonnx=self._uses_qonnx)
            self.executor += f", operators converted to version {_CONVERTED} by ONNX"
        self._rows = declared_rows(self._model)
        self._together: bool | None = None
        self._prepared: dict[tuple[bool, bool, int], Any] = {}
        self.chunk_rows = rows_together(held_values(graph), _CHUNK_ROWS)

    @property
    def name(self) -> str:
        """Name of the file."""
        return self.path.name

    @property
    def is_slow(self) -> bool:
        """Whether qonnx must execute it row by row, which is known after a run on several rows."""
        return self._uses_qonnx and self._together is False

    def run(self, inputs: Values, *, precision: Precision = "file") -> Outputs:
        """The real outputs of the file, in its order, each (rows, ...).

        Args:
            inputs: As for :meth:`netwright.ir.Interpreter.run`; cast to what the file declares.
            precision: ``"float64"`` for everything behind the quantizers of inputs and constants,
                ``"all-float64"`` for these quantizers of inputs and what precedes them as well.

        Raises:
            DataError: An input does not fit.
            NotExecutable: The executor cannot run the file; the message has its reason.
            VerificationError: The file takes any number of rows, and what it gives for one depends
                on the others.
        """
        arrays = Interpreter.of(self.graph).checked_inputs(inputs)
        values = [self._whole(name, arrays[name]) for name in self.graph.inputs]
        if self.input_quantizer is not None:
            given = zip(self._model.graph.input, values, strict=True)
            values = [
                self.input_quantizer.quantized(value) if info.name not in self._limits else value
                for info, value in given
            ]
        feeds = {
            value.name: _cast(array, _dtype(self._onnx, value))
            for value, array in zip(self._model.graph.input, values, strict=True)
        }
        rows = len(values[0])
        if self._together is None and rows >= 2 * self._rows:
            self._together = self._rows_are_independent(feeds, rows)
        step = self.chunk_rows if self._together else self._rows
        parts = []
        for start in range(0, rows, step):
            part = {name: array[start : start + step] for name, array in feeds.items()}
            parts.append(self._execute(part, precision, together=bool(self._together)))
        if not parts:
            raise DataError("there are no rows to execute")
        return tuple(np.concatenate(arrays) for arrays in zip(*parts, strict=True))

    @property
    def limits(self) -> Mapping[str, tuple[int, int]]:
        """Smallest and largest value of each of the graph's inputs that holds integers."""
        pairs = zip(self.graph.inputs, self._model.graph.input, strict=True)
        return {name: self._limits[info.name] for name, info in pairs if info.name in self._limits}

    def taken(self, inputs: Values) -> Values:
        """Rows as the file takes them: of the element types that it declares.

        Args:
            inputs: As for :meth:`run`.
        """
        arrays = Interpreter.of(self.graph).checked_inputs(inputs)
        rounded = {
            name: _cast(arrays[name], _dtype(self._onnx, value)).astype(np.float64)
            for name, value in zip(self.graph.inputs, self._model.graph.input, strict=True)
        }
        return rounded if isinstance(inputs, Mapping) else rounded[self.graph.inputs[0]]

    def _whole(self, name: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values of an input, integers where it holds those: rounded as the graph rounds them."""
        limits = self._limits.get(name)
        return values if limits is None else np.clip(np.rint(values), *limits)

    def _rows_are_independent(self, feeds: Feeds, rows: int) -> bool:
        """Whether several rows at once give what the file gives as it is declared."""
        chosen = np.linspace(0, rows - 1, min(rows, _PROBED_ROWS * self._rows)).astype(np.int64)
        chosen = chosen[: len(chosen) // self._rows * self._rows]
        some = {name: array[chosen] for name, array in feeds.items()}
        if self._as_written:
            try:
                same = self._is_same_together(some, "file")
            except NotExecutable:
                self._as_written = False  # a Reshape to one row, perhaps
            else:
                if not same:
                    self._check_rows_apart(some)
                return same
        try:
            return self._is_same_together(some, "file")
        except NotExecutable:
            return False

    def _is_same_together(self, some: Feeds, precision: Precision) -> bool:
        together = self._execute(some, precision, together=True)
        parts = []
        for start in range(0, len(next(iter(some.values()))), self._rows):
            part = {name: array[start : start + self._rows] for name, array in some.items()}
            parts.append(self._execute(part, precision, together=False))
        declared = [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]
        return all(_same(a, b) for a, b in zip(together, declared, strict=True))

    def _check_rows_apart(self, some: Feeds) -> None:
        """Refuse a file that gives several rows something else than each, rounding apart.

        Raises:
            VerificationError: It does.
        """
        try:
            same = self._is_same_together(some, "float64")
        except NotExecutable:
            same = False
        if not same:
            raise VerificationError(
                f"{self.name} takes any number of rows, and what it gives for a row depends on the "
                "others: a graph computes each row for itself",
                hint="work on the axes behind the batch, or declare a batch of 1",
            )

    def _execute(self, feeds: Feeds, precision: Precision, *, together: bool) -> Outputs:
        """One call of the executor; a last group that is short is filled with its last row."""
        rows = len(next(iter(feeds.values())))
        wanted = rows if together else self._rows
        if rows < wanted:
            feeds = {
                name: np.concatenate([array, np.repeat(array[-1:], wanted - rows, axis=0)])
                for name, array in feeds.items()
            }
        try:
            with quiet():
                made = self._call(feeds, precision, wanted, together=together)
        except NetwrightError:
            raise
        except Exception as error:  # whatever an executor raises on a file that it cannot run
            first = str(error).strip().partition("\n")[0]
            raise NotExecutable(f"{self.executor} cannot run {self.name}: {first}") from error
        shapes = [self.graph.types[name].shape for name in self.graph.outputs]
        if len(made) != len(shapes):
            raise NotExecutable(f"{self.name} has {len(made)} outputs, the graph {len(shapes)}")
        told = zip(made, shapes, strict=True)
        return tuple(self._checked(array, wanted, shape)[:rows] for array, shape in told)

    def _call(
        self, feeds: Feeds, precision: Precision, rows: int, *, together: bool
    ) -> list[NDArray[Any]]:
        if precision != "file":
            model = self._model_for(rows) if together else self._model
            whole = self.input_quantizer is not None
            codes = feeds.keys() if whole else self._limits.keys() & feeds.keys()
            quantized = feeds.keys() if precision == "all-float64" else codes
            return run_in_float64(self._onnx, model, feeds, quantized=quantized, codes=codes)
        outputs = [value.name for value in self._model.graph.output]
        prepared = self._prepared_for(rows, together=together)
        if self._uses_qonnx:
            made = execute(prepared, feeds, outputs)
            return [np.asarray(made[name]) for name in outputs]
        return [np.asarray(value) for value in prepared.run(outputs, dict(feeds))]

    def _prepared_for(self, rows: int, *, together: bool) -> Any:
        key = (together, self._as_written, rows)
        if key not in self._prepared:
            model = self._model_for(rows) if together else self._model
            made = self._prepare(model)
            self._prepared = {**dict(list(self._prepared.items())[-3:]), key: made}
        return self._prepared[key]

    def _model_for(self, rows: int) -> Any:
        return for_rows(self._onnx, self._model, rows, as_written=self._as_written)

    def _prepare(self, model: Any) -> Any:
        """What executes the model; shapes that it tells are used only where none are inferred."""
        make = _with_shapes if self._uses_qonnx else _session
        try:
            return make(without_shapes(model))
        except Exception:  # whatever qonnx raises where it cannot infer a shape
            return make(model)

    def _checked(
        self, array: NDArray[Any], rows: int, shape: tuple[int, ...]
    ) -> NDArray[np.float64]:
        """An output with its batch axis, which a file of one row may have squeezed away."""
        if rows == 1 and [n for n in array.shape if n != 1] == [n for n in shape[1:] if n != 1]:
            array = array.reshape(1, *shape[1:])
        if array.ndim == 0 or len(array) != rows:
            raise NotExecutable(
                f"{self.executor} cannot run {self.name}: for {rows} rows an output has the shape "
                f"{array.shape}"
            )
        return array.astype(np.float64)


def _converted(model: Any, *, uses_qonnx: bool) -> Any:
    """The model with operators of a version that ONNX Runtime still has; qonnx runs it per node.

    Raises:
        NotExecutable: ONNX cannot convert it.
    """
    converter = require("onnx.version_converter", extra="qonnx", purpose=_PURPOSE)
    try:
        if uses_qonnx:  # whose operators have no shapes for the converter
            model = _with_shapes(without_shapes(model)).model
        return converter.convert_version(model, _CONVERTED)
    except Exception as error:  # the library raises whatever its C++ part throws
        first = str(error).strip().partition("\n")[0]
        raise NotExecutable(f"ONNX cannot convert its old operators: {first}") from error


def _same(first: NDArray[np.float64], second: NDArray[np.float64]) -> bool:
    if first.shape != second.shape:
        return False
    peak = float(np.max(np.abs(second), initial=0.0))
    return bool(np.all(np.abs(first - second) <= _NOISE * peak)) or np.array_equal(first, second)


def _cast(values: NDArray[np.float64], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Values as the file takes them; an integer input gets the nearest integers that it holds."""
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        values = np.clip(np.rint(values), limits.min, limits.max)
    with np.errstate(over="ignore"):
        return values.astype(dtype)


def _dtype(onnx: Any, value: Any) -> np.dtype[Any]:
    kind = value.type.tensor_type.elem_type
    return np.dtype(onnx.helper.tensor_dtype_to_np_dtype(kind))


def _with_shapes(model: Any) -> Any:
    """The model as qonnx executes it: with a shape for every tensor."""
    folding = require("qonnx.transformation.fold_constants", extra="qonnx", purpose=_PURPOSE)
    made = wrapped(model)
    for node in made.graph.node:
        if node.domain == CHANNELS_LAST:  # which qonnx executes as version 1 of the operator
            replace_all(node.attribute, [a for a in node.attribute if not _is_default(a)])
    made = infer_shapes(made)
    if not all_shapes_known(made):
        made = infer_shapes(made.transform(folding.FoldConstants()))
    if not all_shapes_known(made):
        raise NotExecutable("qonnx cannot infer the shape of every tensor")
    return made


def _is_default(attribute: Any) -> bool:
    """Whether an attribute says of a pooling what the first version of ONNX takes for granted."""
    return attribute.name == "ceil_mode" and attribute.i == 0


def _session(model: Any) -> Any:
    """The model as ONNX Runtime executes it when told to change nothing."""
    runtime = require("onnxruntime", extra="qonnx", purpose=_PURPOSE)
    options = runtime.SessionOptions()
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.log_severity_level = 4
    return runtime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
