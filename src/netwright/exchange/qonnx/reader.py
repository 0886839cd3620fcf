"""The quantized graph while it is being read from a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.errors import GraphError
from netwright.exchange.limits import MAX_ALL_COMPUTED_VALUES, Budget, RowBudget
from netwright.exchange.onnx.evaluate import evaluate
from netwright.exchange.onnx.source_model import SourceModel, SourceNode
from netwright.exchange.qonnx.constant_values import QuantizedConstant, whole_numbers
from netwright.exchange.qonnx.precision import ON_THE_HOST
from netwright.ir import AttrValue, Node, Note, TensorType, spec_of
from netwright.ir.names import Names
from netwright.passes.carried import compact, with_axes
from netwright.passes.code_functions import CodeFunctions
from netwright.passes.real_builder import enclosing_format, format_attrs

Reals = NDArray[np.float64]

_KEEPING_TRUTHS = frozenset({"Expand", "Flatten", "Identity", "Reshape", "Slice", "Transpose"})

MAX_AXES = 32
"""Most axes of a tensor."""


@dataclass(frozen=True, slots=True)
class Codes:
    """An integer tensor of the file that depends on its inputs: ``values / scale + zero_point``.

    Attributes:
        source: The tensor of the graph that is quantized, or that already holds the values.
        scale: Real value of one code step, 0-dimensional or shaped to broadcast.
        zero_point: The code that means 0.
        low: Smallest code.
        high: Largest code.
        maker: The node that quantizes; ``None`` where the source holds the values already.
        limits: Limits of the element type; ``None`` where the file keeps the codes as floats.
    """

    source: str
    scale: Reals
    zero_point: int
    low: int
    high: int
    maker: SourceNode | None = None
    limits: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """A result that the host makes.

    Attributes:
        source: The file's tensor that is read.
        root: The first tensor before it that is not made by the host.
        text: What the host does.
    """

    source: str
    root: str
    text: str


class Reader:
    """Collects the nodes, types and constants of a graph in the quantized form.

    Attributes:
        source: What is read.
        constants: Constants of the file, and what follows from them alone, as the file has them.
        quantized: Constants of the file that went through a quantizer.
        codes: Integer tensors of the file that depend on its inputs.
        slopes: Leaky rectifiers that wait for what reads them: node, source and slope, by result.
        lifted: Tensors of the file that have one more axis in front in the graph.
        truths: Tensors of the file that hold 0 and 1, computed by comparisons.
        nodes: Nodes made so far.
        makers: The node that makes each tensor that depends on the graph's inputs.
        types: Types of the tensors made so far.
        placed: Constants made so far.
        renamed: Tensors of the graph that stand for tensors of the file under another name.
        names: Every name of the file and of the graph.
        uses: How often each tensor of the file is read, or is an output.
        readers: The nodes that read each tensor of the file.
        heads: The results that are left to the host.
        ending: Names of the nodes that may be left to the host.
        notes: What a reader of the graph should know.
        precisions: Float format of the inputs, and of what moves, scales and clips them.
    """

    multiplies = False
    """Whether products of activations are read."""

    computed: frozenset[str] = frozenset()
    """Operators that are never left to the host."""

    no_function = "must read a quantized tensor, so that it is a table of its codes"
    function_hint = (
        "put a quantizer with one scale in front of it; for inputs, --input-quant BITS,SCALE does "
        "that; --backend cpu computes float files as they are"
    )
    no_product_hint = "products of two activations are for --backend cpu"
    no_rule_hint = (
        "hardware here has piecewise linear functions (Relu, LeakyRelu, PRelu, Clip), and "
        "functions of one quantized value as tables"
    )
    """Why a function of real values is refused, and the ways out."""

    def __init__(self, source: SourceModel) -> None:
        self.source = source
        self.constants: dict[str, NDArray[Any]] = dict(source.constants)
        self.quantized: dict[str, QuantizedConstant] = {}
        self.codes: dict[str, Codes] = {}
        self.slopes: dict[str, tuple[SourceNode, str, Reals]] = {}
        self.truths: set[str] = set()
        self.lifted: set[str] = set()
        self.nodes: list[Node] = []
        self.makers: dict[str, Node] = {}
        self.types: dict[str, TensorType] = {}
        self.placed: dict[str, Reals] = {}
        self.precisions: dict[str, str] = dict(source.precisions)
        self.renamed: dict[str, str] = {}
        self.names = Names(source.names)
        self.uses = Counter(source.outputs)
        self.heads: dict[str, Head] = {}
        self.ending: frozenset[str] = frozenset()
        self.notes: list[Note] = []
        self.readers: dict[str, list[SourceNode]] = {}
        for node in source.nodes:
            for name in set(node.inputs) - {""}:
                self.uses[name] += 1
                self.readers.setdefault(name, []).append(node)
        self.batch = next(iter(source.inputs.values()))[0]
        self._made: dict[tuple[str, ...], str] = {}
        self._row = RowBudget()
        self._computed = Budget("the constants that are computed", MAX_ALL_COMPUTED_VALUES)
        self._node_names: set[str] = set()
        for name, shape in source.inputs.items():
            self.types[name] = TensorType((1, *shape[1:]))
            self._row.spend_input(shape[1:])
        for name, (low, high) in source.limits.items():
            maker = SourceNode(self.names.fresh(f"{name}_quantizer"), "Cast", "", (name,), (), {})
            kind = None if name in source.precisions else (low, high)
            self.codes[name] = Codes(name, np.ones(()), 0, low, high, maker, kind)

    def settle(self, node: SourceNode) -> None:
        """Note what is to be known of the results of a node that was read."""
        if node.op in _KEEPING_TRUTHS and node.inputs[0] in self.truths:
            self.truths.update(filter(None, node.outputs))

    def activation(self, node: SourceNode, index: int = 0) -> str:
        """The tensor that input `index` of the node reads.

        Raises:
            GraphError: It is missing or a constant.
        """
        name = node.inputs[index] if index < len(node.inputs) else ""
        if self.is_activation(name) and name:
            return self.tensor(name)
        raise GraphError(
            f"input {index} of {node.op} must be computed from the graph's inputs, not a constant",
            node=node.name, hint="give the constant as a further input, or move it to the host",
        )  # fmt: skip

    def tensor(self, name: str) -> str:
        """The tensor of the graph that holds the values of the file's activation `name`."""
        if name in self.codes:
            return self.code_values(name)
        if name in self.slopes:
            return self._bent(name)
        return self.renamed.get(name, name)

    def real(self, tensor: str) -> str:
        """The real values of a tensor of the graph; here none is an index."""
        return tensor

    def is_activation(self, name: str) -> bool:
        """Whether the file's tensor `name` depends on the graph's inputs."""
        return name not in self.constants and name not in self.quantized

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a tensor of the graph."""
        return self.types[name].shape

    def constant(self, node: SourceNode, index: int, what: str) -> NDArray[Any]:
        """The constant that input `index` of the node reads.

        Raises:
            GraphError: It is missing, or computed from the graph's inputs.
        """
        name = node.inputs[index] if index < len(node.inputs) else ""
        value = self.constants.get(name)
        if value is None and name in self.quantized:
            raise GraphError(f"{what} must not be quantized", node=node.name,
                             hint="export it without a quantizer")  # fmt: skip
        if value is None:
            raise GraphError(
                f'{what} must be a constant, not "{name}"',
                node=node.name,
                hint="fold constants before the export, for instance with qonnx.util.cleanup",
            )
        return value

    def integers(self, node: SourceNode, index: int, what: str) -> tuple[int, ...]:
        """A constant input that holds whole numbers, such as axes or a shape.

        Raises:
            GraphError: It is missing, not constant, or holds others.
        """
        found = whole_numbers(self.constant(node, index, what))
        if found is None:
            raise GraphError(f"{what} must hold whole numbers", node=node.name)
        return found

    def reals(self, node: SourceNode, index: int, what: str) -> Reals:
        """A constant input as float64, finite.

        Raises:
            GraphError: It is missing, not constant, or holds NaN or infinity.
        """
        values = self.constant(node, index, what).astype(np.float64)
        if not np.all(np.isfinite(values)):
            raise GraphError(f"{what} holds NaN or infinity", node=node.name)
        return values

    def values(self, node: SourceNode, index: int, what: str) -> Reals:
        """Real values of a constant input, a quantized one included."""
        quantized = self.quantized.get(node.inputs[index] if index < len(node.inputs) else "")
        if quantized is None:
            return self.reals(node, index, what)
        maker = self._quantizer(quantized, "value", "value", quantized.name)
        return np.asarray(spec_of(maker).execute(maker, [quantized.values]))

    def evaluate_quantized(self, node: SourceNode) -> None:
        """Compute a node of constants, quantized ones among them.

        A quantized constant times a constant stays quantized, with another scale; so does one whose
        values a Cast to floats keeps.
        """
        values = {
            name: self.values(node, index, f'the constant "{name}"').astype(np.float32)
            if name in self.quantized
            else self.constants[name]
            for index, name in enumerate(node.inputs)
            if name
        }
        made = evaluate(node, values, self.source.opsets)
        self._computed.spend(sum(value.size for value in made.values()), node=node.name)
        if node.op == "Cast":
            (before,), (after,) = values.values(), made.values()
            if after.dtype.kind == "f" and np.array_equal(before, after):
                self.quantized[node.outputs[0]] = self.quantized[node.inputs[0]]
                return
        factors = [name for name in node.inputs if name not in self.quantized]
        inverts = node.op == "Div" and node.inputs[0] in factors
        if node.op not in ("Mul", "Div") or len(factors) != 1 or inverts:
            self.constants.update(made)
            return
        known = next(name for name in node.inputs if name in self.quantized)
        quantized, factor = self.quantized[known], self.constants[factors[0]].astype(np.float64)
        factor = 1 / factor if node.op == "Div" else factor
        shape = made[node.outputs[0]].shape
        if not np.all(np.isfinite(factor) & (factor != 0)) or shape != quantized.values.shape:
            self.constants.update(made)
            return
        factor = factor.reshape(()) if factor.size == 1 else factor
        full = with_axes(factor, len(shape)) if factor.ndim else factor
        scale = quantized.scale * np.abs(full)
        compact(scale, shape, node=node.name)
        self.quantized[node.outputs[0]] = quantized.moved(quantized.values * full, scale)

    def place(self, node: SourceNode, index: int, what: str) -> str:
        """Put a constant input, with its quantizer if it has one, into the graph.

        Returns:
            The tensor's name.
        """
        name = node.inputs[index]
        quantized = self.quantized.get(name)
        if quantized is not None:
            return self.place_quantized(name, quantized)
        values = self.reals(node, index, what)
        made = self._made.get(("constant", name))
        if made is None:
            made = self._add_constant(self._own_name(name), values)
            self._made["constant", name] = made
        return made

    def place_values(self, wanted: str, values: Reals | float) -> str:
        """Put a new constant into the graph; its name resembles `wanted`."""
        made = np.asarray(values, dtype=np.float64)
        return self._add_constant(self.names.fresh(wanted), made)

    def place_quantized(self, name: str, quantized: QuantizedConstant, *, form: str = "") -> str:
        """Put the file's constant `name` and its quantizer into the graph, unless they are there.

        Args:
            name: Name of the quantized constant.
            quantized: The constant.
            form: Which rearrangement of it this is; the constant as it is in the file if empty.
        """
        key = ("quantized", name, form)
        if key in self._made:
            return self._made[key]
        output = self.names.fresh(f"{name}_{form}") if form else self._own_name(name)
        source = self.place_values(f"{output}.values", quantized.values)
        maker = self._node_name(quantized.name)
        self.nodes.append(self._quantizer(quantized, source, output, maker))
        self.types[output] = TensorType(quantized.values.shape)
        self._made[key] = output
        return output

    def emit(
        self,
        node: SourceNode,
        op: str,
        inputs: tuple[str, ...],
        output: str | None = None,
        attrs: dict[str, AttrValue] | None = None,
    ) -> str:
        """Add a node; its shape follows from the operator's own rule.

        Args:
            node: The file's node that it stands for.
            op: Operator of the graph.
            inputs: Tensors of the graph.
            output: What an inner result is called after the node; by default it is the node's own.
            attrs: Attributes.
        """
        name, result = node.name, node.outputs[0]
        if output is not None or result in self.types:
            name = result = self.names.fresh(f"{node.name}_{output or 'result'}")
        return self.emit_as(name, op, inputs, result, attrs, origin=node.name)

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
        """Add a node with a name and a result of the caller's choice, which nothing else has."""
        made = Node(self._node_name(name), op, inputs, output, attrs or {}, origin)
        shapes = [self.types[source].shape for source in inputs]
        shape = spec_of(made).shape(made, shapes)
        if len(shape) > MAX_AXES:
            raise GraphError(
                f"{len(shape)} axes are too many; at most {MAX_AXES} are read", node=name
            )
        self._row.spend(made, shapes, shape)
        self.nodes.append(made)
        self.makers[made.output] = made
        self.types[made.output] = TensorType(shape)
        if op in ON_THE_HOST and inputs[0] in self.precisions:
            self.precisions[made.output] = self.precisions[inputs[0]]
        return made.output

    def functions_of_one(self, tensors: list[str]) -> tuple[str, list[Reals]] | None:
        """A quantized tensor that all are functions of, and their values for each of its codes."""
        return CodeFunctions(self.makers.get, self.placed.get).common(tensors)

    def scaled(
        self, node: SourceNode, source: str, factor: Reals | float, addend: Reals | float, what: str
    ) -> str:
        """The inner result ``source * factor + addend``; `source` itself where that is the same."""
        if np.any(np.asarray(factor) != 1):
            values = self.place_values(f"{node.name}.{what}_factor", factor)
            source = self.emit(node, "Mul", (source, values), f"{what}_scaled")
        if np.any(np.asarray(addend) != 0):
            values = self.place_values(f"{node.name}.{what}_addend", addend)
            source = self.emit(node, "Add", (source, values), f"{what}_moved")
        return source

    def evaluate(self, node: SourceNode) -> None:
        """Compute the results of a node that reads constants only.

        Raises:
            GraphError: Its operands do not fit, or its results are too large.
        """
        made = evaluate(node, self.constants, self.source.opsets)
        self._computed.spend(sum(value.size for value in made.values()), node=node.name)
        self.constants.update(made)

    def rename(self, node: SourceNode, tensor: str) -> None:
        """Let the node's result be another tensor."""
        self.renamed[node.outputs[0]] = tensor

    def code_values(self, name: str) -> str:
        """The tensor that holds the integers of the file's integer tensor `name` as reals."""
        key = ("codes", name)
        if key not in self._made:
            codes = self.codes[name]
            node = codes.maker or SourceNode(name, "Cast", "", (), (name,), {})
            values = self.dequantized(name)
            self._made[key] = self.scaled(
                node, values, 1 / codes.scale, float(codes.zero_point), "codes"
            )
        return self._made[key]

    def dequantized(self, name: str, *, output: str = "") -> str:
        """The tensor that holds ``(code - zero_point) * scale`` of the integer tensor `name`.

        Args:
            name: The file's integer tensor.
            output: What the tensor is called if it is made now.
        """
        codes = self.codes[name]
        if codes.maker is None:
            return codes.source
        key = ("dequantized", name)
        if key not in self._made:
            self._made[key] = self._quantize(codes, output or self.names.fresh(f"{name}_values"))
        return self._made[key]

    def _quantize(self, codes: Codes, output: str) -> str:
        """Emit the quantizer of codes: rounding comes before the zero point, as in ONNX."""
        assert codes.maker is not None
        low, high = codes.low - codes.zero_point, codes.high - codes.zero_point
        dtype = enclosing_format(low, high)
        exact = (dtype.min, dtype.max) == (low, high)
        scale, axis = compact(codes.scale, self.shape(codes.source), node=codes.maker.name)
        attrs: dict[str, AttrValue] = {
            **format_attrs(dtype),
            "rounding": "half-even",
            "zero_point": 0,
            "scale": tuple(map(float, scale)),
            "axis": axis,
        }
        if codes.source in self.precisions:
            attrs["precision"] = self.precisions[codes.source]
        name = codes.maker.name
        inner = output if exact else self.names.fresh(f"{name}_wide")
        made = self.emit_as(name, "Quant", (codes.source,), inner, attrs, origin=name)
        if exact:
            return made
        if scale.size > 1:
            raise GraphError(
                f"codes from {codes.low} to {codes.high} with zero point {codes.zero_point} and a "
                "scale per channel are not supported",
                node=name,
                hint="use one scale for the tensor, or a zero point of 0",
            )
        step = float(scale[0])
        limits: dict[str, AttrValue] = {"low": (low * step,), "high": (high * step,)}
        return self.emit_as(
            self.names.fresh(f"{name}_clip"), "Clip", (made,), output, limits, origin=name
        )

    def _bent(self, name: str) -> str:
        """A leaky rectifier that no quantizer follows: its positive and its negative part."""
        key = ("bent", name)
        if key not in self._made:
            node, source, slope = self.slopes[name]
            positive = self.emit(node, "Relu", (source,), "positive")
            limits: dict[str, AttrValue] = {"low": (-np.inf,), "high": (0.0,)}
            negative = self.emit(node, "Clip", (source,), "negative", limits)
            negative = self.scaled(node, negative, slope, 0.0, "slope")
            self._made[key] = self.emit(node, "Add", (positive, negative))
        return self._made[key]

    def _node_name(self, wanted: str) -> str:
        """`wanted`, or a new name if a node of the graph has it already."""
        name = self.names.fresh(wanted) if wanted in self._node_names else wanted
        self._node_names.add(name)
        return name

    def _own_name(self, name: str) -> str:
        """The file's own name of a constant, or a new one where the graph has used it up."""
        return self.names.fresh(name) if name in self.types else name

    def _add_constant(self, name: str, values: Reals) -> str:
        self._computed.spend(values.size if name not in self.source.constants else 0)
        self.placed[name] = values
        self.types[name] = TensorType(values.shape)
        return name

    def _quantizer(self, quantized: QuantizedConstant, source: str, output: str, name: str) -> Node:
        scale, axis = compact(quantized.scale, quantized.values.shape, node=quantized.name)
        attrs: dict[str, AttrValue] = {"scale": tuple(map(float, scale)), "axis": axis}
        return Node(name, quantized.op, (source,), output, quantized.attrs | attrs)


Rule = Callable[[Reader, SourceNode], None]
"""How nodes of one operator are read."""
