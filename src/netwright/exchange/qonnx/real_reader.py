"""The graph of a network of real values while it is being read: masks, indices and whole numbers.

Files keep three things that a graph does not have as tensors: scores of minus infinity, truths, and
integers that are no codes. Where minus infinity comes from a mask, the mask itself is kept until a
Softmax reads it; truths are 0 and 1; integers are the real values that they are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np

from netwright.errors import GraphError
from netwright.exchange.onnx.source_model import SourceModel, SourceNode
from netwright.exchange.qonnx.reader import Reader
from netwright.formats import smallest_int
from netwright.ir import AttrValue, TensorType

Kind = Literal["truth", "integer", "whole"]
"""What a tensor is known to hold: 0 and 1, integers, or floats that are whole numbers."""

MOVING = frozenset(
    {
        "Cast", "Concat", "Expand", "Flatten", "Gather", "GatherND", "Identity", "Reshape", "Slice",
        "Split", "Squeeze", "Transpose", "Unsqueeze",
    }
)  # fmt: skip
"""Operators whose results hold values that they read."""

_WHOLE = frozenset({"Add", "Clip", "Mul", "Neg", "ReduceMax", "ReduceSum", "Relu", "Sub"})
_ON_CODES = frozenset({"Reshape", "Slice", "Transpose", "Concat"})
"""Operators of the graph that move indices."""


class RealReader(Reader):
    """Reads a network of real values.

    Attributes:
        kinds: What tensors of the file are known to hold.
        masks: Tensors that are 0 where their mask holds, and minus infinity elsewhere: the mask.
        masked: Tensors that are minus infinity where their mask does not hold: values and mask.
        undefined: Results of ``IsNaN``, by the tensor that they are about.
        settled: Truths that only choose between a value and its softplus where these are the same.
        lifting: Nodes whose results have.
    """

    multiplies = True
    computed = frozenset({"Softmax", "Sigmoid", "HardSigmoid"})
    no_function = "of real values is not supported"
    function_hint = no_rule_hint = (
        "write it with functions that are: Abs, Celu, Clip, Cos, Div, Elu, Erf, Exp, Gelu, "
        "HardSigmoid, HardSwish, LeakyRelu, Log, Mish, Pow, PRelu, Reciprocal, Relu, Selu, "
        "Sigmoid, Sin, Softmax, Softplus, Softsign, Sqrt, Swish, Tanh"
    )

    def __init__(self, source: SourceModel) -> None:
        super().__init__(source)
        self.kinds: dict[str, Kind] = {}
        self.masks: dict[str, str] = {}
        self.masked: dict[str, tuple[str, str]] = {}
        self.undefined: dict[str, str] = {}
        self.settled: set[str] = set()
        self.lifting: set[str] = set()
        self._reals: dict[str, str] = {}
        for name, (low, high) in source.limits.items():
            if name in source.precisions:  # floats that are declared to hold integers
                continue
            self.codes.pop(name, None)
            self.kinds[name] = "truth" if (low, high) == (0, 1) else "integer"
            if name in source.indices:
                number = smallest_int(0, source.indices[name] - 1)
                self.types[name] = TensorType(self.types[name].shape, number)

    def tensor(self, name: str) -> str:
        """The tensor of the graph behind one of the file.

        Raises:
            GraphError: It holds minus infinity, or truths about that.
        """
        if name in self.masks or name in self.masked or name in self.undefined:
            raise GraphError(
                f'"{name}" holds minus infinity where a mask says so, and that may only be moved, '
                "added to scores, and read by Softmax",
                hint="add a large negative number instead, such as -1e9",
            )
        return super().tensor(name)

    def activation(self, node: SourceNode, index: int = 0) -> str:
        """The real values that a node reads; those of integers that are indices as well."""
        made = super().activation(node, index)
        if not self.types[made].is_integer or node.op in MOVING or node.op == "Shape":
            return made
        return self.real(made)

    def real(self, name: str) -> str:
        """The real values of a tensor of the graph."""
        if not self.types[name].is_integer:
            return name
        if name not in self._reals:
            output = self.names.fresh(f"{name}_real")
            attrs: dict[str, AttrValue] = {"scale": (1.0,), "axis": None}
            self._reals[name] = self.emit_as(
                output, "Dequantize", (name,), output, attrs, origin=name
            )
        return self._reals[name]

    def emit_as(
        self,
        name: str,
        op: str,
        inputs: tuple[str, ...],
        output: str,
        attrs: dict[str, AttrValue] | None = None,
        *,
        origin: str,
    ) -> str:
        """Add a node; indices that are moved stay indices."""
        made = super().emit_as(name, op, inputs, output, attrs, origin=origin)
        source = self.types[inputs[0]]
        if op in _ON_CODES and source.is_integer:
            self.types[made] = TensorType(self.types[made].shape, source.dtype)
        return made

    def is_whole(self, name: str) -> bool:
        """Whether a tensor of the file holds whole numbers."""
        if name in self.constants:
            values = self.constants[name]
            return values.dtype.kind in "iub" or bool(np.all(values == np.rint(values)))
        return name in self.kinds

    def settle(self, node: SourceNode) -> None:
        """Note what the results are known to hold."""
        data = [name for name in node.inputs if name and name in self.kinds]
        others = [
            name for name in node.inputs
            if name and name not in self.kinds and self.is_activation(name)
        ]  # fmt: skip
        if not data or others or node.domain not in ("", "ai.onnx"):
            return
        kind: Kind | None = None
        if node.op in MOVING and node.op != "Cast":
            kind = self.kinds[data[0]]
        elif node.op in _WHOLE and all(map(self.is_whole, filter(None, node.inputs))):
            integer = all(self.kinds[name] != "whole" for name in data)
            kind = "integer" if integer else "whole"
        for name in filter(None, node.outputs):
            if kind is not None:
                self.kinds.setdefault(name, kind)

    def alias(self, tensor: str, kind: Kind | None = None) -> str:
        """A name of the file for a tensor of the graph."""
        name = self.names.fresh(f"{tensor}_mask")
        self.renamed[name] = tensor
        self.uses[name] = 1
        if kind is not None:
            self.kinds[name] = kind
        return name

    def moved(self, node: SourceNode, name: str) -> SourceNode:
        """The node that moves another tensor of the file, with a result of its own."""
        inputs = tuple(name if i == 0 else given for i, given in enumerate(node.inputs))
        output = self.names.fresh(f"{node.outputs[0]}_mask")
        self.uses[output] = self.uses[node.outputs[0]]
        own = self.names.fresh(f"{node.name}_mask")
        return replace(node, name=own, inputs=inputs, outputs=(output,))


RealRule = Callable[[RealReader, SourceNode], None]
"""How nodes of one operator are read where values may be real."""
