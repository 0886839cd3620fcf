"""An independent referee: HGQ2's own layers, executed by Keras on the file they were saved to."""

from __future__ import annotations

import os
import warnings
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.errors import DataError, VerificationError, require
from netwright.exchange.hgq.layers import HGQ_LAYERS
from netwright.exchange.hgq.read import read_hgq
from netwright.ir import Graph, held_values, rows_together
from netwright.ir.interpret import Interpreter, Values

BACKEND = "torch"
"""What Keras computes with, where nothing else is chosen by ``KERAS_BACKEND``."""

_PURPOSE = "executing a network trained with HGQ2"


@dataclass(frozen=True)
class HgqModel:
    """A file as HGQ2 executes it; an :class:`netwright.ir.Executable`.

    Attributes:
        path: A file that :func:`netwright.exchange.read_hgq` reads.
        graph: What it read; the outputs of the model are told as codes of this graph.
        chunk_rows: Rows executed in one call, fewer where they are large.
    """

    path: Path
    graph: Graph
    chunk_rows: int = 4096

    @classmethod
    def of(cls, path: str | Path) -> HgqModel:
        """Read the file.

        Raises:
            DataError, UnsupportedOp, GraphError: As :func:`netwright.exchange.read_hgq` does.
        """
        return cls(Path(path), read_hgq(Path(path)))

    def load(self) -> Any:
        """Load the file into Keras, which :meth:`run` does otherwise, and return Keras' model.

        Only what was read before is ever loaded, and no code in it runs.

        Raises:
            MissingExtra: Keras or HGQ2 is not installed.
            DataError: Keras cannot load the file.
        """
        return self._loaded

    @cached_property
    def _loaded(self) -> Any:
        read_hgq(self.path)  # refuses what must not reach Keras
        os.environ.setdefault("KERAS_BACKEND", BACKEND)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            keras = require("keras", extra="hgq", purpose=_PURPOSE)
            layers = require("hgq.layers", extra="hgq", purpose=_PURPOSE)
            older = {f"hgq2>{kind}": getattr(layers, kind, None) for kind in HGQ_LAYERS}
            known = {name: kind for name, kind in older.items() if kind is not None}
            try:
                return keras.saving.load_model(
                    self.path, compile=False, safe_mode=True, custom_objects=known
                )
            except Exception as error:  # whatever Keras and HGQ2 raise on arrays that do not fit
                first = str(error).strip().partition("\n")[0]
                raise DataError(f"Keras cannot load it: {first}", source=str(self.path)) from error

    @cached_property
    def _model(self) -> Any:
        """The model, without a softmax at its end, which stays on the host."""
        if not self.graph.head:
            return self._loaded
        keras = require("keras", extra="hgq", purpose=_PURPOSE)
        return keras.Model(self._loaded.inputs, self._loaded.layers[-1].input)

    def run(self, inputs: Values, *, keep: Collection[str] = ()) -> dict[str, NDArray[np.int64]]:
        """Execute on a batch of real inputs, in single precision.

        Args:
            inputs: As for :meth:`netwright.ir.Interpreter.run`.
            keep: Tensors of the graph; only the output can be seen, others are left out.

        Returns:
            Codes of the output by its name in the graph.

        Raises:
            DataError: An input does not fit, or `keep` names a tensor that the graph does not have.
            VerificationError: An output is no whole number of its steps.
        """
        output = self.graph.outputs[0]
        for name in keep:
            if name not in self.graph.types:
                raise DataError(f'graph "{self.graph.name}" has no tensor "{name}"')
        rows = Interpreter.of(self.graph).checked_inputs(inputs)
        length = len(next(iter(rows.values())))
        parts = []
        step = rows_together(held_values(self.graph), self.chunk_rows)
        for start in range(0, length, step):
            part = slice(start, start + step)
            chunk = [
                rows[name][part].astype(np.float32).reshape(-1, *source.shape[1:])
                for name, source in zip(self.graph.inputs, self._model.inputs, strict=True)
            ]
            parts.append(self._codes(chunk, start))
        shape = (0, *self.graph.types[output].shape[1:])
        return {output: np.concatenate(parts) if parts else np.empty(shape, dtype=np.int64)}

    def _codes(self, inputs: list[NDArray[np.float32]], start: int) -> NDArray[np.int64]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = self._model(inputs[0] if len(inputs) == 1 else inputs, training=False)
            values = require("keras", extra="hgq", purpose=_PURPOSE).ops.convert_to_numpy(made)
        steps = values.astype(np.float64) / self.graph.types[self.graph.outputs[0]].scale_array()
        codes = np.rint(steps)
        if np.any(steps != codes):
            row = int(np.argwhere(steps != codes)[0][0]) + start
            raise VerificationError(f"HGQ2's output of row {row} is no whole number of its steps")
        return codes.astype(np.int64)
