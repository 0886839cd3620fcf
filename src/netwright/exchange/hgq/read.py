"""Networks trained with HGQ2, as Keras saves them, to integer graphs."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from netwright.errors import ConfigError, DataError, GraphError, UnsupportedOp
from netwright.exchange.hgq.builder import HgqBuilder, Value
from netwright.exchange.hgq.formats import Formats, quantized, read_formats
from netwright.exchange.hgq.keras_archive import load_archive
from netwright.exchange.hgq.layers import (
    HGQ_LAYERS,
    KERAS_LAYERS,
    HgqLayer,
    HgqNetwork,
    read_network,
)
from netwright.exchange.hgq.tables import function_name, table_layer
from netwright.exchange.hgq.windows import (
    FUNCTIONS,
    Window,
    convolve,
    join,
    moved,
    pool,
    tabulate,
    total,
)
from netwright.ir import Graph, Note

Reals = NDArray[np.float64]


def read_hgq(path: str | Path, *, largest_input: float | None = None) -> Graph:
    """Read a network trained with HGQ2 into a graph in the integer form.

    The file is not executed: neither Keras nor HGQ2 is needed. Integers are those that HGQ2's own
    layers compute, as long as single precision, in which these compute, holds every sum exactly.

    Args:
        path: A ``.keras`` file that ``model.save`` of Keras 3 wrote.
        largest_input: A magnitude that inputs never exceed: formats then have no bits beyond it,
            as HGQ2's ``trace_minmax`` leaves none. Inputs beyond it wrap.

    Raises:
        ConfigError: `largest_input` is not above 0.
        DataError: The file is missing, damaged or too large, or an array is missing in it.
        UnsupportedOp: A layer or quantizer is not known; the hint lists the known ones.
        GraphError: The network cannot become a graph of integers.
        NumericsError: A value would need more than 63 bits.
        MissingExtra: h5py is not installed.
    """
    if largest_input is not None and not 0 < largest_input < math.inf:
        raise ConfigError(f"largest_input must be above 0, not {largest_input}")
    network = read_network(load_archive(Path(path)), str(path))
    return _Reading(network, largest_input).graph()


class _Reading:
    """A network on its way to a graph."""

    def __init__(self, network: HgqNetwork, largest_input: float | None) -> None:
        self.network = network
        self.largest_input = largest_input
        self.builder = HgqBuilder()
        self.values: dict[str, Value] = {}
        self.head = ""

    def graph(self) -> Graph:
        for layer in self.network.layers:
            if self.head:
                raise GraphError(
                    "stands behind the softmax, which must be last",
                    node=layer.name,
                    hint="save the model that ends there, and do the rest on the host",
                )
            self._layer(layer)
        name = re.sub(r"\W", "_", self.network.name, flags=re.ASCII).lstrip("0123456789_")
        output = self.values.get(self.network.output)
        if output is None:
            raise GraphError(
                "the output of the model is an input of it, not quantized",
                hint="end the model with a layer of HGQ2 or a Quantizer",
            )
        return self.builder.finish(name or "model", output, self.head)

    def _layer(self, layer: HgqLayer) -> None:
        if layer.kind == "InputLayer":
            self.builder.enter(layer.name, layer.input_shape())
            return
        try:
            made = _READERS[layer.kind](self, layer)
            if layer.is_enabled("oq"):
                made = self._quantized(made, self._formats(layer, "oq"), f"{layer.name}_oq")
        except ValueError as error:  # shapes of arrays that do not fit each other
            raise DataError(
                f'layer "{layer.name}": its arrays do not fit each other: {error}'
            ) from None
        readers = sum(other.sources.count(layer.name) for other in self.network.layers)
        self.values[layer.name] = replace(made, is_shared=made.is_shared or readers > 1)

    def _formats(self, layer: HgqLayer, name: str) -> Formats | None:
        config = layer.quantizer(name)
        found = read_formats(config, self.network.variables, f"{layer.path}/{name}", layer.name)
        if found is not None and config.get("is_weight") and str(found.overflow) == "wrap":
            raise UnsupportedOp(
                "quantizer of activations with is_weight", node=layer.name, where="read_hgq",
                hint="supported: is_weight=False",
            )  # fmt: skip
        return None if found is None else found.row()

    def _quantized(self, source: Value, formats: Formats | None, name: str) -> Value:
        if formats is None:
            return source
        if source.function:
            plain = replace(source, function="")
            return tabulate(self.builder, plain, source.function, formats, name)
        return self.builder.quantize(source, formats, name)

    def _input(self, layer: HgqLayer, number: int = 0) -> Value:
        """What the layer reads, behind its own input quantizer."""
        source = layer.sources[number]
        formats, name = None, layer.name
        if layer.is_enabled("iq"):
            formats = self._formats(layer, layer.input_quantizer(number))
            name = f"{layer.name}_iq{number or ''}"
        if source not in self.builder.inputs:
            return self._quantized(self.values[source], formats, name)
        if formats is None:
            raise GraphError(
                f'input "{source}" reaches "{layer.name}" without a quantizer',
                hint="let the first layer have enable_iq=True",
            )
        return self._take(source, formats, name)

    def _take(self, source: str, formats: Formats, name: str) -> Value:
        return self.builder.take(source, self._within(formats), name)

    def _within(self, formats: Formats) -> Formats:
        """Formats of an input, narrowed to the values that it has."""
        return formats if self.largest_input is None else formats.within(self.largest_input)

    def _weights(self, layer: HgqLayer) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Kernel and bias before they are quantized, batch normalization folded in."""
        kernel = layer.variable(0)
        bias = layer.variable(1) if layer.has_bias else None
        if layer.kind not in ("QBatchNormDense", "QEinsumDenseBatchnorm") or bias is None:
            return kernel, bias
        gamma = layer.variable(2) if layer.option("scale") else np.ones(1, dtype=np.float32)
        mean, variance = layer.variable(-2), layer.variable(-1)
        dense = layer.kind == "QBatchNormDense"
        # QEinsumDenseBatchnorm adds Keras' own epsilon, whatever its configuration says.
        epsilon = np.float32(layer.number("epsilon") if dense else _KERAS_EPSILON)
        factor = (gamma / np.sqrt(variance + epsilon)).astype(np.float32)
        if dense:  # normalizes its inputs
            self._note_ties(layer, bias, mean, kernel)
            return factor.reshape(-1, 1) * kernel, bias - mean @ kernel
        return factor * kernel, bias - mean * factor

    def _note_ties(
        self,
        layer: HgqLayer,
        bias: NDArray[np.float32],
        mean: NDArray[np.float32],
        kernel: NDArray[np.float32],
    ) -> None:
        """Note a bias that may round either way, as HGQ2 sums it in single precision."""
        exact = bias.astype(np.float64) - mean.astype(np.float64) @ kernel.astype(np.float64)
        terms = np.abs(mean).astype(np.float64) @ np.abs(kernel) + np.abs(bias)
        error = terms * (len(mean) + 2) * 2.0**-24
        ends = ((exact + sign * error).astype(np.float32) for sign in (-1, 1))
        low, high = (quantized(end, *self._constant_formats(layer, "bq")) for end in ends)
        if np.any(low != high):
            text = "a bias lies so near a tie that HGQ2 may round it otherwise on other machines"
            peak = float(np.max(np.abs(low - high)) / max(float(np.max(np.abs(exact))), 2.0**-62))
            self.builder.notes.append(Note(layer.name, text, peak))

    def product(self, layer: HgqLayer) -> Value:
        kernel, bias = self._weights(layer)
        shapes = [array.shape for array in (kernel, bias) if array is not None]
        plain = kernel.ndim == 2 and shapes[1:] in ([], [kernel.shape[1:]])
        equation = layer.config.get("equation")
        if equation is None and not plain:
            raise DataError(f'layer "{layer.name}": has arrays of the shapes {shapes}')
        if equation is not None and not (plain and _is_product(str(equation))):
            raise UnsupportedOp(
                f"{layer.kind} {equation}", node=layer.name, where="read_hgq",
                hint="supported: products of the last axis with a matrix, as in bni,io->bno, and "
                "a bias for every output",
            )  # fmt: skip
        weights = quantized(kernel, *self._constant_formats(layer, "kq"))
        offsets = None if bias is None else quantized(bias, *self._constant_formats(layer, "bq"))
        source = self._input(layer)
        if source.shape[-1] != len(weights):
            raise DataError(f'layer "{layer.name}": {weights.shape} does not fit {source.shape}')
        return _activated(self.builder.product(source, weights, offsets, layer.name), layer)

    def tables(self, layer: HgqLayer) -> Value:
        """Networks of one input for every pair of an input and an output, and their sums."""
        source = self.values.get(layer.sources[0])
        return _activated(table_layer(self.builder, layer, source, self._within), layer)

    def _constant_formats(self, layer: HgqLayer, name: str) -> tuple[Formats | None, bool]:
        """The formats of a constant, and whether it wraps; see ``FixedPointQuantizer*.call``."""
        config = layer.quantizer(name)
        found = read_formats(config, self.network.variables, f"{layer.path}/{name}", layer.name)
        trained = config.get("is_weight") and config.get("trainable", True)
        rounds = config.get("q_type") == "kif" or str(config.get("round_mode")).upper() == "RND"
        return found, not (trained and rounds)

    def normalize(self, layer: HgqLayer) -> Value:
        mean, variance = layer.variable(-2), layer.variable(-1)
        number = 0
        gamma = beta = np.ones(1, dtype=np.float32)
        if layer.option("scale"):
            gamma, number = layer.variable(0), 1
        if layer.option("center"):
            beta = layer.variable(number)
        factor = (gamma / np.sqrt(variance + np.float32(layer.number("epsilon")))).astype(
            np.float32
        )
        factors = quantized(factor, *self._constant_formats(layer, "kq"))
        offsets = quantized(beta - mean * factor, *self._constant_formats(layer, "bq"))
        source = self._input(layer)
        if layer.config.get("axis", -1) not in (-1, len(source.shape)):
            raise UnsupportedOp(
                "QBatchNormalization on another axis", node=layer.name, where="read_hgq",
                hint="supported: the last axis",
            )  # fmt: skip
        return self.builder.affine(source, factors, offsets, layer.name)

    def convolution(self, layer: HgqLayer) -> Value:
        rank = 1 if layer.kind.endswith("1D") else 2
        window = _window(layer, "kernel_size", rank)
        window = replace(window, dilations=layer.sizes("dilation_rate", rank))
        (groups,) = layer.sizes("groups", 1)
        kernel, bias = self._weights(layer)
        source = self._input(layer)
        shapes = [array.shape for array in (kernel, bias) if array is not None]
        fits = kernel.ndim == rank + 2 and kernel.shape[:rank] == window.kernel
        if not fits or shapes[1:] not in ([], [kernel.shape[-1:]]):
            raise DataError(f'layer "{layer.name}": has arrays of the shapes {shapes}')
        if len(source.shape) != rank + 1 or kernel.shape[-2] * groups != source.shape[-1]:
            raise DataError(f'layer "{layer.name}": {kernel.shape} does not fit {source.shape}')
        weights = quantized(kernel, *self._constant_formats(layer, "kq"))
        offsets = None if bias is None else quantized(bias, *self._constant_formats(layer, "bq"))
        made = convolve(self.builder, source, weights, offsets, window, groups, layer.name)
        return _activated(made, layer)

    def pooling(self, layer: HgqLayer) -> Value:
        rank, largest = (1 if layer.kind.endswith("1D") else 2), "Max" in layer.kind
        source = self._input(layer)
        if len(source.shape) != rank + 1:
            raise DataError(f'layer "{layer.name}": cannot pool rows of shape {source.shape}')
        if "Global" not in layer.kind:
            window = _window(layer, "pool_size", rank)
            return pool(self.builder, source, window, layer.name, largest=largest)
        extents = source.shape[:-1]
        window = Window(extents, extents, (1,) * rank, "valid")
        _channels_last(layer)
        made = pool(self.builder, source, window, layer.name, largest=largest)
        shape = made.shape if layer.config.get("keepdims") else made.shape[-1:]
        return self.builder.reshape(made, shape, f"{layer.name}_flat")

    def add(self, layer: HgqLayer) -> Value:
        if len(layer.sources) < 2:
            raise GraphError(f"must add 2 tensors, not {len(layer.sources)}", node=layer.name)
        parts = [self._input(layer, number) for number in range(len(layer.sources))]
        made = parts[0]
        for number, part in enumerate(parts[1:], 2):
            last = number == len(parts)
            made = self.builder.add(made, part, layer.name if last else f"{layer.name}_{number}")
        if layer.kind != "QAveragePow2":
            return made
        return self._scaled(made, 2.0 ** round(math.log2(1.0 / len(parts))), layer)

    def subtract(self, layer: HgqLayer) -> Value:
        if len(layer.sources) != 2:
            raise GraphError(f"must read 2 tensors, not {len(layer.sources)}", node=layer.name)
        first, second = (self._input(layer, number) for number in range(2))
        return self.builder.add(first, self._scaled(second, -1.0, layer), layer.name)

    def _scaled(self, source: Value, factor: float, layer: HgqLayer) -> Value:
        factors = np.full(source.shape[-1], factor)
        name = f"{layer.name}_scaled"
        return self.builder.affine(source, factors, np.zeros(source.shape[-1]), name)

    def summed(self, layer: HgqLayer) -> Value:
        source = self._input(layer)
        axes = layer.axes("axes", len(source.shape))
        if layer.kind == "QMeanPow2":
            size = math.prod(source.shape[axis] for axis in axes)
            factor = 2.0 ** round(math.log2(1.0 / size))
        else:
            factor = layer.number("scale")
        if not 2.0**-64 <= factor <= 2.0**64 or math.frexp(factor)[0] != 0.5:
            raise DataError(f'layer "{layer.name}": scale must be a power of two, not {factor}')
        made = total(self.builder, source, axes, factor, layer.name)
        if layer.config.get("keepdims"):
            return made
        left = [extent for axis, extent in enumerate(made.shape) if axis not in axes]
        if not left:
            raise UnsupportedOp(
                "sum over all axes", node=layer.name, where="read_hgq", hint="set keepdims=True"
            )
        return self.builder.reshape(made, tuple(left), f"{layer.name}_flat")

    def concatenate(self, layer: HgqLayer) -> Value:
        parts = [self._plain(layer, number) for number in range(len(layer.sources))]
        (axis,) = layer.axes("axis", len(parts[0].shape))
        return join(self.builder, parts, axis, layer.name)

    def permute(self, layer: HgqLayer) -> Value:
        source = self._plain(layer)
        dims = layer.config.get("dims")
        rank = len(source.shape)
        if not isinstance(dims, list) or sorted(map(str, dims)) != sorted(
            str(axis + 1) for axis in range(rank)
        ):
            raise DataError(f'layer "{layer.name}": dims must order {rank} axes, not {dims!r}')
        return moved(self.builder, source, [int(axis) - 1 for axis in dims], layer.name)

    def function(self, layer: HgqLayer) -> Value:
        return _activated(self._input(layer), layer)

    def host_softmax(self, layer: HgqLayer) -> Value:
        if layer.config.get("axes") not in ([-1], [len(self._plain(layer).shape)]):
            raise UnsupportedOp(
                "QSoftmax over other axes", node=layer.name, where="read_hgq",
                hint="supported: the last axis",
            )  # fmt: skip
        self.head = "softmax"
        text = "the host computes its softmax of the logits, without the tables of HGQ2"
        self.builder.notes.append(Note(layer.name, text))
        return self._input(layer) if layer.is_enabled("iq") else self._plain(layer)

    def relu(self, layer: HgqLayer) -> Value:
        plain = {"max_value": (None,), "negative_slope": (0, None), "threshold": (0, None)}
        for name, accepted in plain.items():
            if layer.config.get(name) not in accepted:
                raise UnsupportedOp(
                    f"ReLU with {name}", node=layer.name, where="read_hgq",
                    hint="supported: ReLU without options",
                )  # fmt: skip
        return _rectified(self._plain(layer))

    def activation(self, layer: HgqLayer) -> Value:
        if layer.config.get("activation") == "softmax":
            return self.softmax(layer)
        return _activated(self._plain(layer), layer)

    def softmax(self, layer: HgqLayer) -> Value:
        if layer.config.get("axis", -1) != -1:
            raise UnsupportedOp(
                "softmax on another axis", node=layer.name, where="read_hgq",
                hint="supported: the last axis",
            )  # fmt: skip
        self.head = "softmax"
        return self._plain(layer)

    def quantizer(self, layer: HgqLayer) -> Value:
        source = layer.sources[0]
        config = layer.quantizer("config")
        found = read_formats(config, self.network.variables, layer.path, layer.name)
        formats = None if found is None else found.row()
        if source in self.builder.inputs and formats is not None:
            return self._take(source, formats, layer.name)
        return self._quantized(self._plain(layer), formats, layer.name)

    def flatten(self, layer: HgqLayer) -> Value:
        source = self._plain(layer)
        return self.builder.reshape(source, (source.exponents.size,), layer.name)

    def reshape(self, layer: HgqLayer) -> Value:
        source, target = self._plain(layer), layer.config.get("target_shape")
        if not isinstance(target, list) or not all(isinstance(extent, int) for extent in target):
            raise DataError(f'layer "{layer.name}": target_shape must be integers')
        return self.builder.reshape(source, source.exponents.reshape(target).shape, layer.name)

    def _plain(self, layer: HgqLayer, number: int = 0) -> Value:
        """What the layer reads; it has no quantizer of its own."""
        source = layer.sources[number]
        if source in self.builder.inputs:
            raise GraphError(
                f'input "{source}" reaches "{layer.name}" without a quantizer',
                hint="put a Quantizer or a quantized layer behind the input",
            )
        return self.values[source]


_KERAS_EPSILON = 1e-7
_PRODUCT = re.compile(r"(?P<rows>\w+|\w*\.\.\.)(?P<i>\w),(?P=i)(?P<o>\w)->(?P=rows)(?P=o)")

_READERS: Mapping[str, Callable[[_Reading, HgqLayer], Value]] = MappingProxyType(
    {
        "Activation": _Reading.activation,
        "Add": _Reading.add,
        "Concatenate": _Reading.concatenate,
        "Dropout": _Reading._plain,
        "Flatten": _Reading.flatten,
        "Permute": _Reading.permute,
        "QAdd": _Reading.add,
        "QAveragePow2": _Reading.add,
        "QBatchNormDense": _Reading.product,
        "QBatchNormalization": _Reading.normalize,
        "QConv1D": _Reading.convolution,
        "QConv2D": _Reading.convolution,
        "QDense": _Reading.product,
        "QDenseT": _Reading.tables,
        "QEinsumDense": _Reading.product,
        "QEinsumDenseBatchnorm": _Reading.product,
        "QMeanPow2": _Reading.summed,
        "QSoftmax": _Reading.host_softmax,
        "QSubtract": _Reading.subtract,
        "QSum": _Reading.summed,
        "QUnaryFunctionLUT": _Reading.function,
        "Quantizer": _Reading.quantizer,
        "ReLU": _Reading.relu,
        "Reshape": _Reading.reshape,
        "Softmax": _Reading.softmax,
    }
    | {kind: _Reading.pooling for kind in (*HGQ_LAYERS, *KERAS_LAYERS) if "Pooling" in kind}
)
"""How every layer is read."""


def _is_product(equation: str) -> bool:
    """Whether an equation multiplies the last axis by a matrix."""
    found = _PRODUCT.fullmatch(equation)
    if found is None:
        return False
    axes = found["rows"].replace("...", "") + found["i"] + found["o"]
    return len(set(axes)) == len(axes)


def _window(layer: HgqLayer, size: str, rank: int) -> Window:
    """The windows of a layer.

    Raises:
        UnsupportedOp: Channels come first, or the padding is not known.
    """
    _channels_last(layer)
    padding = layer.config.get("padding")
    if padding not in ("valid", "same") and not (padding == "causal" and rank == 1):
        raise UnsupportedOp(
            f"padding {padding}", node=layer.name, where="read_hgq",
            hint='supported: "valid", "same", and "causal" in one dimension',
        )  # fmt: skip
    strides = layer.sizes("strides" if layer.config.get("strides") is not None else size, rank)
    return Window(layer.sizes(size, rank), strides, (1,) * rank, str(padding))


def _channels_last(layer: HgqLayer) -> None:
    if layer.config.get("data_format") not in (None, "channels_last"):
        raise UnsupportedOp(
            f"{layer.kind} with channels first", node=layer.name, where="read_hgq",
            hint='supported: data_format="channels_last"',
        )  # fmt: skip


def _rectified(value: Value) -> Value:
    if value.function:
        raise UnsupportedOp(
            f"{value.function} before a ReLU", where="read_hgq", hint="put a quantizer between them"
        )
    return replace(value, rectified=True)


def _activated(value: Value, layer: HgqLayer) -> Value:
    """The value behind the layer's own activation.

    Raises:
        UnsupportedOp: It is not known.
    """
    activation = function_name(layer.config.get("activation"))
    if activation == "linear":
        return value
    if activation == "relu":
        return _rectified(value)
    if activation not in FUNCTIONS or value.function:
        raise UnsupportedOp(
            f"activation {activation}", node=layer.name, where="read_hgq",
            hint=f"supported: linear, relu, {', '.join(FUNCTIONS)} where a quantizer follows, and "
            "a softmax layer at the end",
        )  # fmt: skip
    return replace(value, function=activation)
