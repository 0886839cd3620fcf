"""Products of quantized real values as products of codes, in a graph whose rest stays real."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from netwright.errors import GraphError
from netwright.formats import Format, Int, smallest_int
from netwright.ir import Array, AttrValue, Bounds, Graph, Node, TensorType, check, spec_of
from netwright.ir.interpret import Values
from netwright.ir.names import Names
from netwright.ir.ops.format_quant import format_attributes, format_of
from netwright.ir.ops.linear import weighted_sum_bounds
from netwright.passes.calibration import ScaleKind, activation_grid, observe, weight_grid
from netwright.passes.post_training import Widths, products_of, widths_of, with_quantizers
from netwright.passes.unread import without_unread

EIGHT_BITS = Widths(8, 8)
"""Eight bits for weights, and eight for what they are multiplied with."""


@dataclass(frozen=True, slots=True)
class CodeProducts:
    """Multiply codes where both operands of a product pass quantizers.

    A ``MatMul`` of quantized values with quantized constant weights becomes ``Quantize``, a
    ``MatMul`` of codes, ``Dequantize`` and the addition of its bias. A ``Clip`` at codes between
    quantizer and product, as that of a zero point, becomes the limits of the codes. The values are
    the same up to rounding in floating point. Everything else stays as it is, so the result is a
    mixed graph. Products whose inputs have several scales are left real.
    """

    def __call__(self, graph: Graph) -> Graph:
        """The graph with products of codes; `graph` itself if it has none to change."""
        changing = [node for node in graph.nodes if _is_eligible(graph, node)]
        if not changing:
            return graph
        return check(_Rewriting(graph, {node.name for node in changing}).graph())


def quantize_products(
    graph: Graph,
    rows: Values,
    *,
    bits: Widths | Mapping[str, Widths] = EIGHT_BITS,
    scale: ScaleKind = "float",
) -> Graph:
    """Quantize the products of a real graph after training, and nothing else.

    Where :func:`~netwright.passes.quantize` puts everything on grids, as hardware needs it, this is
    for processors that compute the rest in float32: what products with constant weights read is
    quantized with one scale each, weights with one scale for each output, both of the smallest mean
    squared error.

    Args:
        graph: A graph of real values without quantizers.
        rows: Calibration rows, as for :meth:`netwright.ir.Interpreter.run`.
        bits: Widths of every product, or those of each by name of its node.
        scale: Rule for all scales.

    Returns:
        A mixed graph: products multiply codes, all else is real.

    Raises:
        GraphError: A product reads computed weights.
        ConfigError: A product has no widths.
        DataError: The rows do not fit.
    """
    widths = widths_of(graph, bits)
    products = [node for node in products_of(graph) if node.op == "MatMul"]
    seen = observe(graph, rows, sorted({node.inputs[0] for node in products}))
    grids = {
        (node.inputs[0], node.name): activation_grid(
            seen[node.inputs[0]], widths[node.name].input_bits, scale
        )
        for node in products
    }
    weights = {
        node.name: weight_grid(graph, node, widths[node.name].weight_bits, scale)
        for node in products
    }
    return CodeProducts()(with_quantizers(graph, grids, weights))


def code_products(
    graph: Graph, *, weights: Mapping[str, Format], inputs: Mapping[str, Format]
) -> Graph:
    """Quantize products to any formats, one of each operand, and nothing else.

    Formats whose values are integers become products of codes; others, such as floats of few bits
    and groups with shared scales, become values of the format, which are multiplied as real ones.

    Args:
        graph: A graph of real values without quantizers.
        weights: Format of the weights (inputs, outputs) of each product, by name of its node.
        inputs: Format of what it reads, likewise.

    Raises:
        GraphError: A format does not suit its tensor, or there is no such product.
    """
    nodes: list[Node] = []
    types, made = dict(graph.types), dict[tuple[str, Format], str]()
    taken = Names({*types, *(node.name for node in graph.nodes)})
    unknown = (weights.keys() | inputs.keys()) - {n.name for n in graph.nodes if n.op == "MatMul"}
    for name in sorted(unknown):
        raise GraphError("is no product with weights", node=name)
    for node in graph.nodes:
        names = list(node.inputs)
        for place, chosen in ((0, inputs.get(node.name)), (1, weights.get(node.name))):
            if chosen is None:
                continue
            key = names[place], chosen
            if key not in made:
                output = taken.fresh(f"{names[place]}_format{len(made)}")
                types[output] = TensorType(types[names[place]].shape)
                attrs = format_attributes(chosen)
                nodes.append(Node(output, "FormatQuant", (names[place],), output, attrs))
                made[key] = output
            names[place] = made[key]
        nodes.append(replace(node, inputs=tuple(names)))
    return CodeProducts()(check(replace(graph, nodes=tuple(nodes), types=types)))


def _is_eligible(graph: Graph, node: Node) -> bool:
    if node.op != "MatMul" or graph.types[node.output].is_integer:
        return False
    read, held = _reader(graph, node.inputs[0]), graph.producers.get(node.inputs[1])
    if read is None or held is None or not _makes_integers(read) or not _makes_integers(held):
        return False
    constant = held.inputs[0] in graph.constants
    single = len(read.reals("scale")) == 1
    by_output = len(held.reals("scale")) == 1 or held.axis() == 1
    return constant and single and by_output and held.integer("zero_point", 0) == 0


def _reader(graph: Graph, name: str) -> Node | None:
    """The quantizer that makes a tensor, a limit at codes behind it or not."""
    maker = graph.producers.get(name)
    if maker is None or maker.op != "Clip":
        return maker
    quant = graph.producers.get(maker.inputs[0])
    if quant is None or quant.op != "Quant" or len(quant.reals("scale")) > 1:
        return None
    return None if _codes_of(quant, maker) is None else quant


def _codes_of(quant: Node, clip: Node) -> tuple[int, int] | None:
    """The least and the largest step that a limit behind a quantizer leaves; ``None`` between."""
    (scale,), number, zero_point = (
        quant.reals("scale"),
        _number(quant),
        quant.integer("zero_point", 0),
    )
    ends = []
    for key, end in (("low", number.min - zero_point), ("high", number.max - zero_point)):
        limit = clip.reals(key)[0]
        step = end if np.isinf(limit) else int(np.rint(limit / scale))
        if not np.isinf(limit) and step * scale != limit:
            return None
        ends.append(min(max(step, number.min - zero_point), number.max - zero_point))
    return (ends[0], ends[1]) if ends[0] <= ends[1] else None


def _makes_integers(quant: Node) -> bool:
    """Whether a quantizer leads to steps of a scale that are integers."""
    if quant.op == "FormatQuant":
        return format_of(quant).number.is_integer
    return quant.op == "Quant"


class _Rewriting:
    """The new graph in the making."""

    def __init__(self, graph: Graph, changing: set[str]) -> None:
        self.old, self.changing = graph, changing
        self.types, self.constants = dict(graph.types), dict(graph.constants)
        self.nodes: list[Node] = []
        self.codes: dict[str, str] = {}
        self.limits: dict[str, tuple[int, int]] = {}
        self.names = Names({*graph.types, *(node.name for node in graph.nodes)})

    def graph(self) -> Graph:
        """The graph without what nothing reads any more."""
        for node in self.old.nodes:
            if node.name in self.changing:
                self._product(node)
            else:
                self.nodes.append(node)
        whole = replace(
            self.old, nodes=tuple(self.nodes), types=self.types, constants=self.constants
        )
        return without_unread(whole)

    def _product(self, node: Node) -> None:
        read, held = _reader(self.old, node.inputs[0]), self.old.producers[node.inputs[1]]
        assert read is not None  # eligible
        clip = self.old.producers[node.inputs[0]]
        codes, weights = self._quantized(read, clip), self._weights(held)
        values = self.constants[weights]
        low, high = self.limits[codes]
        limits = weighted_sum_bounds(
            node, values.T, None, Bounds(low, high, max(abs(low), abs(high)))
        )
        shape = self.types[node.output].shape
        scales = tuple(read.reals("scale")[0] * s for s in held.reals("scale"))
        axis = None if len(scales) == 1 else len(shape) - 1
        sums = self.names.fresh(f"{node.name}_sums")
        self.types[sums] = TensorType(shape, smallest_int(limits.low, limits.high), scales, axis)
        self.nodes.append(replace(node, inputs=(codes, weights), output=sums))
        attrs: dict[str, AttrValue] = {"scale": scales, "axis": axis}
        real = node.output if len(node.inputs) == 2 else self.names.fresh(f"{node.name}_real")
        self.types[real] = TensorType(shape)
        self._add(f"{node.name}_dequantize", "Dequantize", (sums,), real, attrs, node)
        if len(node.inputs) == 3:
            self._add(f"{node.name}_bias", "Add", (real, node.inputs[2]), node.output, {}, node)

    def _quantized(self, quant: Node, last: Node) -> str:
        """The codes of what a quantizer reads, limited by `last` if that is a ``Clip``."""
        if last.output in self.codes:
            return self.codes[last.output]
        if quant.op == "FormatQuant":
            return self._coded(quant)
        number, zero_point = _number(quant), quant.integer("zero_point", 0)
        output = self.names.fresh(f"{quant.name}_codes")
        found = None if last is quant else _codes_of(quant, last)
        low, high = found or (number.min - zero_point, number.max - zero_point)
        moved = smallest_int(low, high)
        self.limits[output] = low, high
        self.types[output] = TensorType(self.types[quant.output].shape, moved, quant.reals("scale"))
        attrs: dict[str, AttrValue] = {
            "scale": quant.reals("scale"), "axis": None, "low": low + zero_point,
            "high": high + zero_point, "zero_point": zero_point, "rounding": quant.text("rounding"),
        }  # fmt: skip
        if "precision" in quant.attrs:
            attrs["precision"] = quant.text("precision")
        self._add(f"{quant.name}_quantize", "Quantize", quant.inputs[:1], output, attrs, quant)
        self.codes[last.output] = output
        return output

    def _coded(self, quant: Node) -> str:
        """The codes of a format, which may code neighbors together."""
        output = self.names.fresh(f"{quant.name}_codes")
        self.types[output] = TensorType(self.types[quant.output].shape, format_of(quant))
        number = self.types[output].dtype
        self.limits[output] = int(number.min), int(number.max)
        attrs = dict(quant.attrs)
        self._add(
            f"{quant.name}_quantize", "FormatQuantize", quant.inputs[:1], output, attrs, quant
        )
        self.codes[quant.output] = output
        return output

    def _weights(self, quant: Node) -> str:
        """The codes of constant weights, on the grid of their quantizer."""
        if quant.output in self.codes:
            return self.codes[quant.output]
        source = quant.inputs[0]
        real: Array = np.asarray(self.old.constants[source], np.float64)
        if quant.op == "FormatQuant":
            format = format_of(quant)
            rounded = np.rint(format.nearest(real) / format.scale_array(real.shape))
        else:
            number, scale = _number(quant), quant.reals("scale")
            format = Format(number, scale, None if len(scale) == 1 else 1)
            made = spec_of(quant).execute(quant, [real])  # rounds as the quantizer does
            rounded = np.rint(made / np.array(scale))
        name = self.names.fresh(f"{source}_codes")
        self.constants[name] = rounded.astype(np.int64)
        pattern = self.types[source].pattern
        self.types[name] = TensorType(real.shape, replace(format, pattern=pattern))
        self.codes[quant.output] = name
        return name

    def _add(
        self,
        name: str,
        op: str,
        inputs: tuple[str, ...],
        output: str,
        attrs: dict[str, AttrValue],
        origin: Node,
    ) -> None:
        node = Node(self.names.fresh(name), op, inputs, output, attrs, origin.origin)
        self.nodes.append(node)


def _number(quant: Node) -> Int:
    signed, narrow = (bool(quant.integer(key, 0)) for key in ("signed", "narrow"))
    return Int(quant.integer("bits"), signed=signed, narrow=narrow)
