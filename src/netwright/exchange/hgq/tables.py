"""Layers of HGQ-LUT: every input and output have a small network between them, which is a table.

``QDenseT`` quantizes an input once for each output, lets a network of its own follow, quantizes
what that gives and adds over the inputs (Sun et al. 2026, arXiv 2604.22293; HGQ2 0.2.0). Between
two quantizers a network of one input is a function of a few codes: a table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from netwright.errors import DataError, GraphError, UnsupportedOp
from netwright.exchange.hgq.builder import HgqBuilder, Value
from netwright.exchange.hgq.formats import Codes, Formats, quantized, read_formats
from netwright.exchange.hgq.layers import HgqLayer
from netwright.exchange.hgq.windows import FUNCTIONS, join
from netwright.exchange.steps import Reals, whole
from netwright.formats import Overflow, Rounding
from netwright.ir import Note

MOST_ENTRIES = 1 << 24
"""Most entries of all tables of one part of a layer."""

_ROUNDING = {Rounding.HALF_UP: 1, Rounding.FLOOR: 0}
"""Ways of rounding inputs, and the bits below the finest step that decide them."""

_ULPS = 8.0
_ACTIVATIONS: Mapping[str, Callable[[Reals], Reals]] = MappingProxyType(
    {**FUNCTIONS, "relu": lambda x: np.maximum(x, 0.0), "linear": lambda x: x}
)


def table_layer(
    builder: HgqBuilder,
    layer: HgqLayer,
    source: Value | None,
    within: Callable[[Formats], Formats],
) -> Value:
    """What a ``QDenseT`` sums, before its own activation.

    Args:
        builder: Where the nodes go.
        layer: The layer.
        source: What it reads; ``None`` for an input of the model.
        within: Narrows the formats of an input.

    Raises:
        UnsupportedOp: The layer has more than one axis, or lacks a quantizer.
        DataError: Its arrays are missing, or do not fit each other.
        GraphError: Its tables are too large.
    """
    found = [
        read_formats(layer.quantizer(name), layer.variables, f"{layer.path}/{name}", layer.name)
        for name in ("iq", "toq")
    ]
    shape = builder.inputs[layer.sources[0]] if source is None else source.shape
    (outputs,) = layer.sizes("n_out", 1)
    given = [formats for formats in found if formats is not None]
    if len(shape) != 1 or len(given) < len(found) or not layer.is_enabled("iq"):
        raise UnsupportedOp(
            f"QDenseT of rows of shape {shape}", node=layer.name, where="read_hgq",
            hint="supported: one axis, with quantizers of inputs and of tables",
        )  # fmt: skip
    edges, results = (formats.row().over((*shape, outputs)) for formats in given)
    network = read_table_network(layer, shape[0])
    if source is None:
        edges = within(edges)
        name, coarse = f"{layer.name}_iq", input_formats(edges, layer.name)
        source = builder.take(layer.sources[0], coarse, name)
    return sum_tables(builder, source, edges, network, results, layer.name)


@dataclass(frozen=True, eq=False)
class TableNetwork:
    """The networks of a layer, one for every pair of an input and an output.

    Attributes:
        kernels: Weights ``(inputs, outputs, 1 or width, width)`` of every hidden layer and
            ``(inputs, outputs, width or 1)`` of the last.
        biases: What is added behind each; ``None`` for nothing.
        activation: Function behind every hidden layer, by its name in Keras.
        factor: What every output is multiplied with, ``(outputs,)``.
        offset: What is added then, ``(outputs,)``.
    """

    kernels: tuple[Reals, ...]
    biases: tuple[Reals | None, ...]
    activation: str
    factor: Reals
    offset: Reals

    def __call__(self, x: Reals) -> tuple[Reals, Reals]:
        """The outputs ``(inputs, outputs, codes)``, and a sum of what rounds on the way."""
        values = x[..., None]
        function = _ACTIVATIONS[self.activation]
        for kernel, bias in zip(self.kernels[:-1], self.biases[:-1], strict=True):
            values = np.einsum("ioce,ioeh->ioch", values, kernel)
            values = function(values if bias is None else values + bias[:, :, None, :])
        kernel, bias = self.kernels[-1], self.biases[-1]
        made = np.einsum("ioch,ioh->ioc", values, kernel)
        size = np.einsum("ioch,ioh->ioc", np.abs(values), np.abs(kernel))
        if bias is not None:
            made, size = made + bias[:, :, None], size + np.abs(bias[:, :, None])
        factor, offset = self.factor[None, :, None], self.offset[None, :, None]
        return made * factor + offset, size * np.abs(factor) + np.abs(offset)


def read_table_network(layer: HgqLayer, inputs: int) -> TableNetwork:
    """The networks of a ``QDenseT``.

    Raises:
        UnsupportedOp: Its activation is not known.
        DataError: Arrays are missing, or do not fit each other.
    """
    name = function_name(layer.config.get("subnn_activation"))
    if name not in _ACTIVATIONS:
        raise UnsupportedOp(
            f"subnn_activation {name}", node=layer.name, where="read_hgq",
            hint=f"supported: {', '.join(sorted(_ACTIVATIONS))}",
        )  # fmt: skip
    (hidden,) = layer.sizes("n_hl", 1) if layer.config.get("n_hl") else (0,)
    (outputs,) = layer.sizes("n_out", 1)
    kernels, biases = [], []
    for number in range(min(hidden, 16) + 1):
        path = f"{layer.path}/module/layers/einsum_dense{f'_{number}' if number else ''}/vars"
        kernels.append(_array(layer, f"{path}/0").astype(np.float64))
        has_bias = bool(layer.config.get("use_bias", True))
        biases.append(_array(layer, f"{path}/1").astype(np.float64) if has_bias else None)
    width = 1
    for number, (kernel, bias) in enumerate(zip(kernels, biases, strict=True)):
        is_last = number == len(kernels) - 1
        end = () if is_last else kernel.shape[-1:]
        fits = kernel.shape == (inputs, outputs, width, *end)
        if is_last and hidden == 0:  # a product with one number
            kernels[-1] = kernel = kernel.reshape(*kernel.shape[:2], -1)
            fits = kernel.shape == (inputs, outputs, 1)
        if not fits or (bias is not None and bias.shape != (inputs, outputs, *end)):
            raise DataError(f'layer "{layer.name}": has arrays of the shape {kernel.shape}')
        width = kernel.shape[-1]
    factor, offset = _normalization(layer, inputs, outputs)
    return TableNetwork(tuple(kernels), tuple(biases), name, factor, offset)


def _normalization(layer: HgqLayer, inputs: int, outputs: int) -> tuple[Reals, Reals]:
    if not layer.config.get("batch_norm"):
        return np.ones(outputs), np.zeros(outputs)
    names = [name for name in ("scale", "center") if layer.config.get(f"bn_{name}", True)]
    found = [
        _array(layer, f"{layer.path}/bn_module/vars/{number}").astype(np.float64)
        for number in range(len(names) + 2)
    ]
    if any(array.shape != (outputs,) for array in found):
        raise DataError(f'layer "{layer.name}": its normalization does not fit {outputs} outputs')
    own = dict(zip((*names, "mean", "variance"), found, strict=True))
    factor = own.get("scale", np.ones(outputs)) / np.sqrt(
        own["variance"] + layer.number("bn_epsilon")
    )
    offset = own.get("center", np.zeros(outputs)) - own["mean"] * factor
    return factor / np.sqrt(inputs), offset / np.sqrt(inputs)


def _array(layer: HgqLayer, path: str) -> NDArray[np.float32]:
    found = layer.variables.get(path)
    if found is None or found.dtype.kind != "f":
        raise DataError(f'layer "{layer.name}": its array {path} is missing')
    return found.astype(np.float32)


def function_name(value: object) -> str:
    """The name of a function as a configuration says it: plain, or as an object."""
    if isinstance(value, Mapping) and value.get("class_name") == "function":
        value = str(value.get("config"))
    return "linear" if value is None else str(value)


def input_formats(edges: Formats, layer: str) -> Formats:
    """Formats of the inputs from which those of every pair follow exactly.

    Dropping bits one after another gives what dropping them at once gives, as long as the first
    time only cuts: one bit below the finest step decides between up and down.

    Args:
        edges: Formats ``(inputs, outputs)``.
        layer: Name of the layer.

    Raises:
        UnsupportedOp: Inputs are rounded in a way for which that does not hold.
    """
    if edges.rounding not in _ROUNDING:
        raise UnsupportedOp(
            f"tables of an input rounded {edges.rounding}", node=layer, where="read_hgq",
            hint="supported: RND and TRN",
        )  # fmt: skip
    finest = np.where(edges.is_empty, -63, edges.fractions).max(axis=1)
    return Formats(
        signed=np.logical_or.reduce(edges.signed & ~edges.is_empty, axis=1),
        integers=np.where(edges.is_empty, -63, edges.integers).max(axis=1),
        fractions=np.where(finest == -63, -63, finest + _ROUNDING[edges.rounding]),
        rounding=Rounding.FLOOR,
        overflow=edges.overflow,
    )


def sum_tables(
    builder: HgqBuilder,
    source: Value,
    edges: Formats,
    network: TableNetwork,
    results: Formats,
    layer: str,
) -> Value:
    """Tables of every input for every output, and their sums over the inputs.

    Args:
        builder: Where the nodes go.
        source: The inputs, one axis.
        edges: Formats of the inputs, one for every output: ``(inputs, outputs)``.
        network: What is between an input and an output.
        results: Formats of what is added, ``(inputs, outputs)``.
        layer: Name of the layer.

    Raises:
        GraphError: The tables are too large.
    """
    source = replace(source, is_shared=True)  # what one step of an input leaves out, others read
    parts, weights, unsure = [], [], 0
    live = ~edges.is_empty & ~results.is_empty
    unit = int(results.fractions[~results.is_empty].max(initial=0))
    constants, doubts = _entries(network, edges, results, np.zeros(1))
    unsure += int(doubts[~live].sum())
    bias = np.where(live, 0.0, constants[:, :, 0]).sum(axis=0)
    for number, (formats, own) in enumerate(_levels(edges, live)):
        name = f"{layer}_{number}"
        taken = builder.rectify(builder.quantize(source, formats, f"{name}_iq"), name)
        low, high = builder.limits(taken)
        count = high - low + 1
        if count * own.size > MOST_ENTRIES:
            raise GraphError(
                f"tables of {count} entries for each of {own.size} pairs are too large", node=layer,
                hint="quantize the inputs to fewer bits",
            )  # fmt: skip
        steps = np.exp2(taken.exponents.astype(np.float64))
        made, doubts = _entries(network, edges, results, np.arange(low, high + 1), steps)
        unsure += int(doubts[own].sum())
        tables = whole(np.where(own[:, :, None], made * 2.0**unit, 0.0), layer)
        constant = builder.constant(f"{name}_tables", tables.astype(np.float64), np.ones(1))
        exponents = np.full(own.size, -unit)
        part = builder.emit(
            "Lookup", f"{name}_lookup", (taken.name, constant), {"first": low}, exponents
        )
        parts.append(part)
        weights.append(own)
    if not parts:
        raise GraphError("has no bits left in any of its tables", node=layer)
    if unsure:
        text = (
            f"{unsure} entries of its tables lie so near a tie that HGQ2 may round them otherwise"
        )
        builder.notes.append(Note(layer, f"{text} on other machines", 2.0**-unit))
    joined = parts[0] if len(parts) == 1 else join(builder, parts, 0, f"{layer}_tables")
    places = np.concatenate([own.reshape(-1) for own in weights])
    targets = np.tile(np.arange(live.shape[1]), live.shape[0] * len(parts))
    kernel = (targets[:, None] == np.arange(live.shape[1])) & places[:, None]
    return builder.product(joined, kernel.astype(np.float64), bias, layer)


def _levels(edges: Formats, live: NDArray[np.bool_]) -> Iterator[tuple[Formats, NDArray[np.bool_]]]:
    """Formats of the inputs that pairs share, and the pairs: every step of an input once."""
    left = live.copy()
    while left.any():
        steps = np.where(left, edges.fractions, 127).min(axis=1)
        own = left & (edges.fractions == steps[:, None])
        left &= ~own
        used = own.any(axis=1)
        yield (
            replace(
                edges,
                signed=(edges.signed & own).any(axis=1) & used,
                integers=np.where(used, np.where(own, edges.integers, -63).max(axis=1), -63),
                fractions=np.where(used, steps, -63),
                symmetric=False,
            ),
            own,
        )


def _entries(
    network: TableNetwork,
    edges: Formats,
    results: Formats,
    codes: Codes | Reals,
    steps: Reals | None = None,
) -> tuple[Reals, NDArray[np.int64]]:
    """What the networks give for some codes of their inputs, and how many entries are near a tie.

    Args:
        network: The networks.
        edges: Formats of the inputs; codes that do not fit wrap, or are limited.
        results: Formats of what the networks give.
        codes: Codes of every input.
        steps: The real value of a step of every input; all inputs are zero if not given.

    Returns:
        Values ``(inputs, outputs, codes)``, and entries near a tie of every pair.
    """
    shape = (*edges.fractions.shape, len(codes))
    if steps is None:
        x = np.zeros(shape)
    else:
        own = np.broadcast_to(codes, shape).astype(np.float64)
        low, high = edges.low[:, :, None], edges.high[:, :, None]
        if edges.overflow is Overflow.WRAP:
            own = np.mod(own - low, high - low + 1) + low
        x = np.clip(own, low, high) * steps[:, None, None]
    exact, size = network(x)
    column = results.reshaped((*results.fractions.shape, 1))
    error = size * _ULPS * 2.0**-24
    below, made, above = (
        quantized((exact + sign * error).astype(np.float32), column) for sign in (-1, 0, 1)
    )
    return made, (below != above).sum(axis=2)
