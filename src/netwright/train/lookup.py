"""Networks whose edges are tables: sums of learned functions of few bits.

Every input of a layer goes through one function for each output, and an output is the sum of its
functions: a Kolmogorov-Arnold layer (Liu et al. 2024). What a function reads is a code of few bits,
so in hardware it is a table with one lookup table of the device for each bit of its result, and no
product is left (KANELÉ, FPGA 2026). A function is learned as values at knots, linear
between them; what it gives for every code is rounded while it is trained, so that evaluation *is*
integer arithmetic.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from netwright.errors import ConfigError, GraphError
from netwright.formats import Int, Rounding, smallest_int
from netwright.ir import FLOAT, Graph, Node, TensorType, bounds, check

INPUT = "x"

INPUT_CODES = "inputs"
"""Tensor of inputs that become codes."""

LARGEST_BITS = 8
"""Of the codes that a table reads: 256 entries."""

MOST_INPUT_BITS = 10
"""Of inputs that become codes."""

MOST_LOGIT_FRACTION = 8
"""Fraction bits that logits may have."""

SPREAD = 2.5
"""Standard deviations of a hidden sum that the codes shall hold on either side, at the start."""

LOGIT_FRACTION = 3
"""Fraction bits of the logits unless another number is asked for."""

DENSITY_POWER = 0.5
"""Codes of recoded inputs lie as dense as this power of how often a value occurs."""


@dataclass(frozen=True, slots=True)
class LookupShape:
    """What a network of tables is like.

    Attributes:
        hidden: Sums in every hidden layer.
        bits: Width of the codes that each layer's tables read, the input's first; 2 to 8.
        knots: Values that a function is learned as, 2 or more.
        fraction: Bits that the entries have beyond the codes of their sum; 0 to 4.
        logit_fraction: Fraction bits of the logits; 0 to 8.
        input_bits: Width of the inputs where it is more than that of the first codes: each input
            then becomes its code by a table; up to 10. ``None`` for inputs that are the codes.

    Raises:
        ConfigError: A value is out of range.
    """

    hidden: tuple[int, ...] = (12,)
    bits: tuple[int, ...] = (6, 6)
    knots: int = 16
    fraction: int = 1
    logit_fraction: int = LOGIT_FRACTION
    input_bits: int | None = None

    def __post_init__(self) -> None:
        if len(self.bits) != len(self.hidden) + 1:
            raise ConfigError(
                f"a network with {len(self.hidden)} hidden layers needs {len(self.hidden) + 1} "
                f"widths of codes, not {len(self.bits)}"
            )
        if not all(2 <= bits <= LARGEST_BITS for bits in self.bits):
            raise ConfigError(f"codes must have 2 to {LARGEST_BITS} bits, not {self.bits}")
        if min(self.hidden, default=1) < 1 or self.knots < 2 or not 0 <= self.fraction <= 4:
            raise ConfigError(
                "hidden layers must have 1 or more sums, functions 2 or more knots and entries 0 "
                f"to 4 fraction bits, not {self.hidden}, {self.knots} and {self.fraction}"
            )
        if not 0 <= self.logit_fraction <= MOST_LOGIT_FRACTION:
            raise ConfigError(
                f"logits must have 0 to {MOST_LOGIT_FRACTION} fraction bits, "
                f"not {self.logit_fraction}"
            )
        wide = self.input_bits
        if wide is not None and not self.bits[0] < wide <= MOST_INPUT_BITS:
            raise ConfigError(
                f"inputs that become codes of {self.bits[0]} bits must have more of them, up to "
                f"{MOST_INPUT_BITS}, not {wide}",
                hint="leave input_bits out for inputs that are the codes",
            )


class _Sums(torch.autograd.Function):
    """Sums of entries of tables. The gradient of a code is the slope of its functions.

    Entries are added where they lie, forwards and backwards: several times as fast as to gather
    them, to sum them, and to have that differentiated.
    """

    @staticmethod
    def forward(ctx: Any, codes: Tensor, table: Tensor, first: int) -> Tensor:
        """Sums (batch, outputs) of codes (batch, inputs) and a table (inputs, codes, outputs)."""
        inputs, count, outputs = table.shape
        places = codes.detach().long() - first + _offsets(inputs, count, codes)
        ctx.save_for_backward(places, table)
        return functional.embedding_bag(places, table.reshape(-1, outputs), mode="sum")

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor, None]:
        """Gradients of the codes, if they are wanted, and of the table."""
        places, table = ctx.saved_tensors
        (gradient,) = gradients
        inputs, _, outputs = table.shape
        flat, size = places.flatten(), (len(places), inputs, outputs)
        to_table = torch.zeros_like(table).reshape(-1, outputs)
        to_table.index_add_(0, flat, gradient[:, None, :].expand(size).reshape(-1, outputs))
        to_codes = None
        if ctx.needs_input_grad[0]:
            slopes = torch.zeros_like(table)
            slopes[:, 1:-1] = (table[:, 2:] - table[:, :-2]) / 2
            near = slopes.reshape(-1, outputs).index_select(0, flat).view(size)
            to_codes = (near * gradient[:, None, :]).sum(dim=2)
        return to_codes, to_table.view_as(table), None


class TableLayer(nn.Module):
    """Sums of functions of codes.

    Args:
        inputs: Codes that are read.
        outputs: Sums.
        bits: Width of the codes.
        knots: Values that each function is learned as.
        step: Real value of one step of the entries.
        deviation: Standard deviation that the sums shall have at the start.
        first: The smallest code.
        rounding: Half a step of what reads the sums, in steps of the entries: it is in the sums.
        random: Source of the start values.

    Attributes:
        values: What the functions are at their knots in deviations, (inputs, knots, outputs).
        places: Where every code lies among the knots, (inputs, codes).
        kept: 1 where there is a function, 0 where it was dropped, (inputs, outputs).
        fine: 1 where a function reads its whole code, 0 where it leaves out the lowest bit.
    """

    places: Tensor
    kept: Tensor
    fine: Tensor

    def __init__(
        self, inputs: int, outputs: int, *, bits: int, knots: int, step: float, deviation: float,
        first: int, rounding: int, random: torch.Generator,
    ) -> None:  # fmt: skip
        super().__init__()
        self.first, self.rounding = first, rounding
        self.bits, self.step, self.deviation = bits, step, deviation
        evenly = torch.linspace(0, knots - 1, 1 << bits)
        self.register_buffer("places", evenly.repeat(inputs, 1))
        self.register_buffer("kept", torch.ones(inputs, outputs))
        self.register_buffer("fine", torch.ones(inputs, outputs))
        slopes = torch.randn(inputs, 1, outputs, generator=random)
        wiggles = torch.randn(inputs, knots, outputs, generator=random)
        line = torch.linspace(-1, 1, knots)[None, :, None]
        self.values = nn.Parameter((1.5 * slopes * line + 0.3 * wiggles) / math.sqrt(inputs))

    def functions(self) -> Tensor:
        """What every function gives for every code, not rounded, (inputs, codes, outputs)."""
        kept = self.kept[:, None, :] * self.deviation
        knots = torch.arange(self.values.shape[1], device=self.places.device)
        basis = (1 - (self.places[:, :, None] - knots).abs()).clamp_min(0)
        found = torch.bmm(basis, self.values) * kept
        return torch.where(self.fine[:, None, :] > 0, found, without_lowest_bit(found))

    def entries(self) -> Tensor:
        """The rounded functions in steps, (inputs, codes, outputs)."""
        return (self.functions().detach().double() / self.step).round()

    def forward(self, codes: Tensor) -> Tensor:
        """Real sums with gradients for functions and codes, from codes (batch, inputs)."""
        exact = self.functions()
        table = exact + ((exact / self.step).round() * self.step - exact).detach()
        found: Tensor = _Sums.apply(codes, table, self.first)  # type: ignore[no-untyped-call]
        return found

    def sums(self, codes: Tensor) -> Tensor:
        """Integer sums of the entries and half a step, float64."""
        table = self.entries()
        inputs, count, outputs = table.shape
        places = codes.long() - self.first + _offsets(inputs, count, codes)
        halves = self.rounding * self.kept.any(dim=0).double()
        return table.reshape(-1, outputs)[places].sum(dim=1) + halves


class LookupModel(nn.Module):
    """A network of tables. Inputs lie within -1 and 1; what is beyond is limited.

    In training mode it gives real logits with gradients, in evaluation mode those of its integers.

    Args:
        features: Inputs.
        classes: Outputs.
        shape: What it is like.
        seed: Seed of the start values.

    Attributes:
        input_table: The code for every value of an input that has more bits, (features, values).
        input_reads: Highest bits of every such input that its code depends on, (features,).
    """

    input_table: Tensor
    input_reads: Tensor

    def __init__(self, features: int, classes: int, shape: LookupShape, *, seed: int = 0) -> None:
        super().__init__()
        self.shape = shape
        widths = (features, *shape.hidden, classes)
        random = torch.Generator().manual_seed(seed)
        layers = []
        for number, bits in enumerate(shape.bits):
            last = number == len(shape.hidden)
            step, deviation, rounding = 2.0**-shape.logit_fraction, 1.0, 0
            if not last:
                step, rounding = 2.0**-shape.fraction, (1 << shape.fraction) >> 1
                deviation = (1 << (shape.bits[number + 1] - 1)) / SPREAD
            layers.append(
                TableLayer(
                    widths[number],
                    widths[number + 1],
                    bits=bits,
                    knots=shape.knots,
                    step=step,
                    deviation=deviation,
                    first=0 if number == 0 and shape.input_bits else -(1 << (bits - 1)),
                    rounding=rounding,
                    random=random,
                )
            )
        self.layers = nn.ModuleList(layers)
        if shape.input_bits is not None:
            evenly = torch.arange(1 << shape.input_bits) >> (shape.input_bits - shape.bits[0])
            self.register_buffer("input_table", evenly.float().repeat(features, 1))
            self.register_buffer("input_reads", torch.full((features,), float(shape.input_bits)))

    def tables(self) -> list[TableLayer]:
        """The layers."""
        return [layer for layer in self.layers if isinstance(layer, TableLayer)]

    @torch.no_grad()
    def fit_input_codes(self, inputs: NDArray[np.floating]) -> None:
        """Choose the codes that wider inputs become by what values occur, (rows, features).

        The codes of a feature share out the square root of its density: finer where values are
        frequent, but not so fine as quantiles.

        Raises:
            ConfigError: The inputs are as wide as the codes.
        """
        if self.shape.input_bits is None:
            raise ConfigError(
                "inputs that are the codes themselves do not become others",
                hint="give the shape input_bits",
            )
        for feature, column in enumerate(self.input_places(torch.from_numpy(inputs)).T):
            counts = torch.bincount(column, minlength=1 << self.shape.input_bits).double()
            density = (counts + 0.01 * len(column) / len(counts)) ** DENSITY_POWER
            middle = (density.cumsum(0) - density / 2) / density.sum()
            self.input_table[feature] = (middle * (1 << self.shape.bits[0])).floor()

    def coarser_codes(self, feature: int) -> Tensor:
        """The codes of a wider input if one bit less of it were read, (values,)."""
        assert self.shape.input_bits is not None
        size = 2 << (self.shape.input_bits - int(self.input_reads[feature]))
        return self.input_table[feature].view(-1, size).mean(dim=1).floor().repeat_interleave(size)

    @torch.no_grad()
    def read_less(self, feature: int) -> None:
        """Leave out the lowest bit of a wider input that its code depends on.

        Where no more bits are left than a code has, they become the code, and the functions change
        places: they give what they gave, and nothing has to be looked up for the code.
        """
        assert self.shape.input_bits is not None
        self.input_table[feature] = self.coarser_codes(feature)
        self.input_reads[feature] -= 1
        beyond = self.shape.input_bits - self.shape.bits[0]
        if self.input_reads[feature] == self.shape.bits[0]:
            layer, codes = self.tables()[0], self.input_table[feature, :: 1 << beyond]
            layer.places[feature] = layer.places[feature, codes.long()]
            values = torch.arange(self.input_table.shape[1], device=codes.device)
            self.input_table[feature] = (values >> beyond).float()

    def input_places(self, values: Tensor) -> Tensor:
        """Places of wider inputs in the tables of their codes, (rows, features)."""
        return self._quantized(values).long() + (self.input_table.shape[1] >> 1)

    def input_codes(self, values: Tensor) -> Tensor:
        """Codes that the first layer reads."""
        wide = self._quantized(values)
        return wide if self.shape.input_bits is None else self._recoded(wide)

    def _quantized(self, values: Tensor) -> Tensor:
        bits = self.shape.input_bits or self.shape.bits[0]
        return _half_up(values * 2.0 ** (bits - 1), bits)

    def _recoded(self, wide: Tensor) -> Tensor:
        assert self.shape.input_bits is not None
        features, count = self.input_table.shape
        places = wide.long() + (count >> 1) + _offsets(features, count, wide)
        return self.input_table.flatten()[places].to(wide.dtype)

    def forward(self, values: Tensor) -> Tensor:
        """Logits, (batch, classes)."""
        if not self.training:
            return self.codes(values.double()) * 2.0**-self.shape.logit_fraction
        codes = self.input_codes(values)
        for number, layer in enumerate(self.tables()):
            sums = layer(codes)
            if number + 1 < len(self.shape.bits):
                codes = codes_with_gradients(sums, self.shape.bits[number + 1])
        return sums

    def codes(self, values: Tensor) -> Tensor:
        """Integer outputs, float64."""
        return list(self.tensors(values).values())[-1]

    def tensors(self, values: Tensor) -> dict[str, Tensor]:
        """Codes and integer sums of every layer, float64, as :func:`trace_tables` names them."""
        wide = self._quantized(values)
        codes = wide if self.shape.input_bits is None else self._recoded(wide)
        seen = {} if codes is wide else {INPUT_CODES: wide}
        seen["codes0"] = codes
        for number, layer in enumerate(self.tables()):
            sums = seen[f"sums{number}"] = layer.sums(codes)
            if number + 1 < len(self.shape.bits):
                codes = _limited((sums * layer.step).floor(), self.shape.bits[number + 1])
                seen[f"codes{number + 1}"] = codes
        return seen

    @property
    def num_edges(self) -> int:
        """Functions that are left."""
        return int(sum(float(layer.kept.sum()) for layer in self.tables()))


def _offsets(inputs: int, count: int, like: Tensor) -> Tensor:
    """Where the table of every input begins in the tables of all of them."""
    return torch.arange(inputs, device=like.device) * count


def without_lowest_bit(functions: Tensor) -> Tensor:
    """The mean over each two codes that differ in the lowest bit, (inputs, codes, outputs)."""
    inputs, count, outputs = functions.shape
    pairs = functions.reshape(inputs, count // 2, 2, outputs).mean(dim=2)
    return pairs.repeat_interleave(2, dim=1)


def _half_up(values: Tensor, bits: int) -> Tensor:
    """Codes: rounded half up and limited to a signed format."""
    return _limited((values + 0.5).floor(), bits)


def _limited(codes: Tensor, bits: int) -> Tensor:
    """Codes limited to a signed format."""
    return codes.clamp(-(1 << (bits - 1)), (1 << (bits - 1)) - 1)


def codes_with_gradients(sums: Tensor, bits: int) -> Tensor:
    """Codes whose gradients pass straight through to the sums that are not limited."""
    half = 1 << (bits - 1)
    limited = sums.clamp(-half - 0.5, half - 0.5)
    return limited + (_half_up(sums, bits) - limited).detach()


def trace_tables(model: LookupModel, *, name: str = "network") -> Graph:
    """The integer graph with the same meaning: tables, sums of ones, and requantizers.

    Args:
        model: A network of tables.
        name: Name of the graph; a C identifier.

    Raises:
        GraphError: The name is no identifier.
    """
    if not name.isidentifier() or not name.isascii():
        raise GraphError(f"the name of a graph must be an ASCII identifier, not {name!r}")
    shape, layers = model.shape, model.tables()
    features = len(layers[0].kept)
    bits = shape.input_bits or shape.bits[0]
    entering = "codes0" if shape.input_bits is None else INPUT_CODES
    scale, half = 2.0 ** -(bits - 1), 1 << (bits - 1)
    types = {INPUT: TensorType((1, features), FLOAT)}
    constants: dict[str, NDArray[np.int64]] = {}
    nodes = [
        Node("quantize_input", "Quantize", (INPUT,), entering,
             {"scale": (scale,), "rounding": str(Rounding.HALF_UP), "low": -half, "high": half - 1})
    ]  # fmt: skip
    types[entering] = TensorType((1, features), Int(bits), (scale,))
    if shape.input_bits is not None:
        tables = model.input_table.cpu().numpy().astype(np.int64)[:, None, :]
        constants["input_tables"], codes = tables, Int(shape.bits[0], signed=False)
        types["input_tables"] = TensorType(tables.shape, codes, (1.0,))
        types["codes0"] = TensorType((1, features), codes, (1.0,))
        nodes.append(Node("recode", "Lookup", (INPUT_CODES, "input_tables"), "codes0",
                          {"first": -half}))  # fmt: skip
    for number, layer in enumerate(layers):
        _add_layer(number, layer, shape, nodes, types, constants)
    graph = Graph(name, (INPUT,), (nodes[-1].output,), tuple(nodes), types, constants,
                  head="softmax")  # fmt: skip
    limits = bounds(graph)
    narrowed = {
        node.output: TensorType(
            types[node.output].shape,
            smallest_int(limits[node.output].low, limits[node.output].high),
            types[node.output].scale,
        )
        for node in nodes
    }
    return check(Graph(name, graph.inputs, graph.outputs, graph.nodes, {**types, **narrowed},
                       constants, head="softmax"))  # fmt: skip


def _without_constants(
    tables: NDArray[np.int64], kept: NDArray[np.int64], constant: int
) -> NDArray[np.int64]:
    """The tables with the same sums plus a constant, all but one of each sum from zero on.

    What is taken from the others, and the constant, goes to the table of a sum that reaches over
    most entries: it is where the sum begins, so that it may have a sign.

    Args:
        tables: (inputs, outputs, codes).
        kept: Which of them are summed, (inputs, outputs).
        constant: What is added to every sum.
    """
    lows = tables.min(axis=2) * kept
    begins = np.argmax((tables.max(axis=2) - lows + 1) * kept, axis=0)
    moved = (tables - lows[:, :, None]) * kept[:, :, None]
    columns = np.arange(tables.shape[1])
    moved[begins, columns] += (lows.sum(axis=0) + constant)[:, None]
    return np.ascontiguousarray(moved)


def _add_layer(
    number: int,
    layer: TableLayer,
    shape: LookupShape,
    nodes: list[Node],
    types: dict[str, TensorType],
    constants: dict[str, NDArray[np.int64]],
) -> None:
    """Append tables, sum and requantizer of one layer."""
    tables = layer.entries().permute(0, 2, 1).numpy().astype(np.int64)
    inputs, outputs, _ = tables.shape
    kept = layer.kept.numpy().astype(np.int64)
    ones = np.tile(np.eye(outputs, dtype=np.int64), (inputs, 1)) * kept.reshape(-1, 1)
    tables = _without_constants(tables, kept, layer.rounding)
    wide = Int(32)
    for key, value, scale in (
        (f"tables{number}", tables, layer.step),
        (f"ones{number}", ones, 1.0),
    ):
        constants[key] = value
        types[key] = TensorType(
            value.shape, smallest_int(int(value.min()), int(value.max())), (scale,)
        )
    nodes.append(Node(f"lookup{number}", "Lookup", (f"codes{number}", f"tables{number}"),
                      f"entries{number}", {"first": layer.first}))  # fmt: skip
    types[f"entries{number}"] = TensorType((1, inputs * outputs), wide, (layer.step,))
    nodes.append(
        Node(f"sum{number}", "MatMul", (f"entries{number}", f"ones{number}"), f"sums{number}")
    )
    types[f"sums{number}"] = TensorType((1, outputs), wide, (layer.step,))
    if number + 1 < len(shape.bits):
        bits = shape.bits[number + 1]
        low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
        nodes.append(
            Node(f"requantize{number}", "Requantize", (f"sums{number}",), f"codes{number + 1}",
                 {"multiplier": (1,), "offset": (0,), "shift": shape.fraction,
                  "rounding": str(Rounding.FLOOR), "low": low, "high": high})
        )  # fmt: skip
        types[f"codes{number + 1}"] = TensorType((1, outputs), Int(bits), (1.0,))
