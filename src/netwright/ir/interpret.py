"""The interpreter: what a graph means, vectorized over the batch.

Codes are computed in the narrowest arithmetic that is provably exact: float32 when no intermediate
value reaches 2**24, float64 below 2**53 (both run on the BLAS), int64 else. The proof is the
interval analysis of :func:`netwright.ir.check.bounds`. Real values are computed in float64.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from netwright.errors import DataError, NumericsError
from netwright.formats import holds_integers
from netwright.ir.check import bounds, check, spec_of
from netwright.ir.graph import Array, Graph, Node
from netwright.ir.rounding import wrap
from netwright.ir.row_size import held_values, last_reads, rows_together

Values = Mapping[str, NDArray[np.floating]] | NDArray[np.floating]


class Executable(Protocol):
    """Anything that executes a graph: the interpreter, a referee, a generated design."""

    def run(self, inputs: Values, *, keep: Collection[str] = ()) -> Mapping[str, Array]:
        """Execute on a batch of real inputs.

        Args:
            inputs: As for :meth:`Interpreter.run`.
            keep: Tensors of the graph to return beside the outputs, as far as they can be seen.

        Returns:
            Codes (int64) of the outputs and of those kept tensors that can be seen, by the names
            they have in the graph.
        """


@dataclass(frozen=True)
class Interpreter:
    """A checked graph, ready to execute.

    Attributes:
        graph: The graph.
        carrier: The arithmetic of codes: ``float32``, ``float64`` or ``int64``.
        wrapped: Tensors whose declared format is too narrow; their values wrap.
    """

    graph: Graph
    carrier: np.dtype[np.floating] | np.dtype[np.int64]
    wrapped: frozenset[str]

    @classmethod
    def of(cls, graph: Graph) -> Interpreter:
        """Check `graph` and choose the arithmetic.

        Raises:
            GraphError: The graph breaks a rule.
            NumericsError: A value would need more than 64 bits, sign included.
        """
        check(graph)
        limits = bounds(graph, skip_real=True)
        if not any(graph.types[node.output].is_integer for node in graph.nodes):
            return cls(graph, np.dtype(np.float64), frozenset())
        peak = max((limit.peak for limit in limits.values()), default=0)
        carrier: np.dtype[np.floating] | np.dtype[np.int64] = np.dtype(np.int64)
        if peak < 1 << 24:
            carrier = np.dtype(np.float32)
        elif peak < 1 << 53:
            carrier = np.dtype(np.float64)
        wrapped = set()
        for node in graph.nodes:
            if node.output not in limits:
                continue
            dtype, limit = graph.types[node.output].dtype, limits[node.output]
            outside = limit.low < dtype.min or limit.high > dtype.max
            if dtype.wraps and outside:
                wrapped.add(node.output)
        return cls(graph, carrier, frozenset(wrapped))

    def run(
        self, inputs: Values, *, keep: Collection[str] = (), chunk_rows: int = 2048
    ) -> dict[str, NDArray[np.int64] | NDArray[np.float64]]:
        """Execute the graph.

        Args:
            inputs: Real values by input name, each (batch, *shape); or one array when there is one
                input.
            keep: Names of further tensors to return.
            chunk_rows: Rows executed together, fewer where they are large; affects speed and
                memory only.

        Returns:
            The outputs and the kept tensors: int64 codes for integer tensors, float64 else. They
            have a row for each of the inputs; but constants, and what is computed from them alone
            and has no batch as its first axis, come back as they are.

        Raises:
            DataError: An input is missing, has another shape, or holds NaN or infinity.
        """
        arrays = self.checked_inputs(inputs)
        rows = len(next(iter(arrays.values())))
        wanted = tuple(dict.fromkeys((*self.graph.outputs, *keep)))
        known = {*self.graph.inputs, *self.graph.constants, *self.graph.producers}
        for name in wanted:
            if name not in known:
                raise DataError(f'graph "{self.graph.name}" has no tensor "{name}"')
        constants = self.constants
        chunk_rows = rows_together(held_values(self.graph, keep), chunk_rows)
        finished = last_reads(self.graph, wanted)
        results: dict[str, NDArray[np.int64] | NDArray[np.float64]] = {}
        for start in range(0, max(rows, 1), chunk_rows):
            part = slice(start, start + chunk_rows)
            values = dict(constants)
            values.update({name: array[part] for name, array in arrays.items()})
            for node in self.graph.nodes:
                values[node.output] = self.execute(node, [values[name] for name in node.inputs])
                for name in finished[node.name]:
                    del values[name]
            for name in wanted:
                value = values[name]
                if name in self.graph.constants:
                    results[name] = self.graph.constants[name]
                    continue
                whole = self.graph.types[name].is_integer
                if name not in self.varying and value.shape[:1] != (1,):
                    results[name] = value.astype(np.int64) if whole else value.astype(np.float64)
                    continue
                if name not in results:
                    kind = np.int64 if whole else np.float64
                    results[name] = np.empty((rows, *value.shape[1:]), dtype=kind)
                results[name][part] = value
        return results

    def execute(self, node: Node, inputs: Sequence[Array]) -> Array:
        """What a node makes of its operands, which are held as :meth:`held` says."""
        spec = spec_of(node)
        result = spec.execute(node, inputs)
        if node.output in self.wrapped:
            dtype = self.graph.types[node.output].dtype
            assert holds_integers(dtype)
            result = wrap(result, dtype.min, dtype.bits)
        if spec.form == "integer" and spec.reads[0] == "reals":
            result = result.astype(self.carrier)
        return result

    def held(self, name: str, values: Array) -> Array:
        """Values of a tensor as operators get them: codes in the carrier, real ones in float64."""
        return values.astype(self.carrier if self.graph.types[name].is_integer else np.float64)

    @cached_property
    def varying(self) -> frozenset[str]:
        """The tensors that depend on an input."""
        found = set(self.graph.inputs)
        for node in self.graph.nodes:
            if not found.isdisjoint(node.inputs):
                found.add(node.output)
        return frozenset(found)

    @cached_property
    def constants(self) -> dict[str, Array]:
        """The constants as operators get them."""
        return {name: self.held(name, value) for name, value in self.graph.constants.items()}

    def checked_inputs(self, inputs: Values) -> dict[str, NDArray[np.float64]]:
        """Real inputs by name, each (batch, *shape), all with the same number of rows.

        Raises:
            DataError: An input is missing, has another shape, or holds NaN or infinity.
        """
        names = self.graph.inputs
        if isinstance(inputs, np.ndarray):
            if len(names) != 1:
                raise DataError(f"inputs must be given by name: {', '.join(names)}")
            inputs = {names[0]: inputs}
        arrays: dict[str, NDArray[np.float64]] = {}
        for name in names:
            if name not in inputs:
                raise DataError(f'input "{name}" is missing; given: {", ".join(inputs) or "none"}')
            try:
                given = np.asarray(inputs[name])
                if given.dtype.kind == "c":
                    raise TypeError
                array = given.astype(np.float64, copy=False)
            except (TypeError, ValueError):
                raise DataError(f'input "{name}" must hold real numbers') from None
            shape = self.graph.types[name].shape[1:]
            if array.shape[1:] != shape or array.ndim == 0:
                wanted = ", ".join(map(str, ("batch", *shape)))
                raise DataError(f'input "{name}" must have shape ({wanted}), not {array.shape}')
            if not np.all(np.isfinite(array)):
                row = int(np.argwhere(~np.isfinite(array))[0][0])
                raise DataError(f'input "{name}" holds NaN or infinity (first in row {row})')
            self._check_codes(name, array)
            arrays[name] = array
        if len({len(array) for array in arrays.values()}) != 1:
            raise DataError("inputs must have the same number of rows")
        return arrays

    def _check_codes(self, name: str, array: NDArray[np.float64]) -> None:
        """Refuse values of an integer input that its format does not have."""
        dtype = self.graph.types[name].dtype
        if not holds_integers(dtype):
            return
        wrong = (array < dtype.min) | (array > dtype.max) | (array != np.rint(array))
        if wrong.any():
            at = tuple(int(i) for i in np.argwhere(wrong)[0])
            raise DataError(
                f'input "{name}" must hold whole numbers from {dtype.min} to {dtype.max}, not '
                f"{array[at]:g} in row {at[0]}"
            )


def interpret(
    graph: Graph, inputs: Values, *, keep: Collection[str] = ()
) -> dict[str, NDArray[np.int64] | NDArray[np.float64]]:
    """Execute `graph` on a batch of real inputs; see :class:`Interpreter`.

    >>> import numpy as np
    >>> from netwright.ir import Graph, Node, TensorType, interpret
    >>> relu = Node("relu", "Relu", ("x",), "y")
    >>> types = {"x": TensorType((1, 2)), "y": TensorType((1, 2))}
    >>> graph = Graph("tiny", ("x",), ("y",), (relu,), types, {})
    >>> interpret(graph, np.array([[-1.5, 2.0]]))["y"].tolist()
    [[0.0, 2.0]]
    """
    return Interpreter.of(graph).run(inputs, keep=keep)


def real_values(
    graph: Graph, name: str, codes: NDArray[np.int64] | NDArray[np.float64]
) -> NDArray[np.float64]:
    """The real values of the codes of tensor `name`: codes times scale.

    Raises:
        NumericsError: The tensor does not hold codes.
    """
    tensor = graph.types[name]
    if not tensor.is_integer:
        raise NumericsError("holds real values, not codes", tensor=name)
    return codes * tensor.scale_array()
