"""Integer graphs for the tests, built node by node."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from netwright.backends import HlsBackend, HlsDesign
from netwright.formats import Bipolar, Int, smallest_int
from netwright.ir import Array, AttrValue, Graph, Node, TensorType, interpret
from netwright.ir.check import bounds, spec_of

needs_hls4ml = pytest.mark.skipif(find_spec("hls4ml") is None, reason="needs hls4ml")


@dataclass
class Build:
    """A graph in the making; every method adds a node and returns the name of its output."""

    name: str = "net"
    seed: int = 0
    inputs: list[str] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    types: dict[str, TensorType] = field(default_factory=dict)
    constants: dict[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.random = np.random.default_rng(self.seed)

    def constant(self, values: np.ndarray, dtype: Int | None = None, scale: float = 1.0) -> str:
        name = f"c{len(self.constants)}"
        values = np.asarray(values, dtype=np.int64)
        dtype = dtype or smallest_int(int(values.min()), int(values.max()))
        self.constants[name] = values
        self.types[name] = TensorType(values.shape, dtype, (scale,))
        return name

    def weights(self, shape: Sequence[int], bits: int) -> str:
        dtype = Int(bits)
        values = self.random.integers(dtype.min, dtype.max + 1, shape)
        values.flat[0], values.flat[-1] = dtype.min, dtype.max
        return self.constant(values, dtype)

    def quantize(
        self, shape: Sequence[int], *, bits: int = 8, signed: bool = True, scale: float = 0.125
    ) -> str:
        self.inputs.append(f"x{len(self.inputs)}")
        dtype = Int(bits, signed)
        self.types[self.inputs[-1]] = TensorType((1, *shape))
        attrs = {"scale": (scale,), "low": dtype.min, "high": dtype.max, "rounding": "half-even"}
        return self.add("Quantize", (self.inputs[-1],), attrs, dtype=dtype, scale=(scale,))

    def add(
        self,
        op: str,
        inputs: Sequence[str],
        attrs: Mapping[str, AttrValue] | None = None,
        *,
        dtype: Int | Bipolar | None = None,
        scale: tuple[float, ...] | None = None,
        name: str = "",
    ) -> str:
        name = name or f"{op.lower()}_{len(self.nodes)}"
        output = f"{name}_out"
        node = Node(name, op, tuple(inputs), output, attrs or {})
        shape = spec_of(node).shape(node, [self.types[i].shape for i in inputs])
        self.nodes.append(node)
        scale = scale or self.types[inputs[0]].scale
        self.types[output] = TensorType(shape, dtype or Int(40), scale)
        if dtype is None:
            limit = bounds(self.graph(output))[output]
            self.types[output] = TensorType(shape, smallest_int(limit.low, limit.high), scale)
        return output

    def requantize(
        self,
        source: str,
        *,
        bits: int = 6,
        signed: bool = False,
        shift: int = 7,
        rounding: str = "half-even",
        low: int | None = None,
        high: int | None = None,
        multiplier: tuple[int, ...] = (1,),
        offset: tuple[int, ...] = (0,),
        axis: int | None = None,
        zero_point: int = 0,
        dtype: Int | None = None,
        scale: float | None = None,
    ) -> str:
        codes = Int(bits, signed)
        attrs: dict[str, AttrValue] = {
            "multiplier": multiplier,
            "offset": offset,
            "shift": shift,
            "rounding": rounding,
            "low": codes.min if low is None else low,
            "high": codes.max if high is None else high,
        }
        if axis is not None:
            attrs["axis"] = axis
        if zero_point:
            attrs["zero_point"] = zero_point
        scales = (scale or self.types[source].scale[0] * 2.0**shift,)
        return self.add("Requantize", (source,), attrs, dtype=dtype, scale=scales)

    def dense(self, source: str, width: int, *, bits: int = 6, bias_bits: int = 10) -> str:
        weights = self.weights((self.types[source].shape[-1], width), bits)
        bias = self.weights((width,), bias_bits)
        scale = (self.types[source].scale[0] * 2.0 ** (1 - bits),)
        return self.add("MatMul", (source, weights, bias), scale=scale)

    def conv(
        self,
        source: str,
        filters: int,
        kernel: Sequence[int],
        *,
        bits: int = 5,
        strides: int = 1,
        pads: Sequence[int] | int = 0,
        dilations: int = 1,
        group: int = 1,
        bias: bool = True,
        bias_bits: int = 8,
    ) -> str:
        rank = len(kernel)
        channels = self.types[source].shape[1] // group
        inputs = [source, self.weights((filters, channels, *kernel), bits)]
        if bias:
            inputs.append(self.weights((filters,), bias_bits))
        attrs: dict[str, AttrValue] = {
            "strides": (strides,) * rank,
            "pads": (pads,) * (2 * rank) if isinstance(pads, int) else tuple(pads),
            "dilations": (dilations,) * rank,
            "group": group,
        }
        return self.add("Conv", inputs, attrs)

    def transposed(
        self,
        source: str,
        filters: int,
        kernel: Sequence[int],
        *,
        bits: int = 4,
        strides: int = 2,
        pads: int = 0,
        more: int = 0,
        dilations: int = 1,
        group: int = 1,
    ) -> str:
        rank = len(kernel)
        channels = self.types[source].shape[1]
        weights = self.weights((channels, filters // group, *kernel), bits)
        attrs: dict[str, AttrValue] = {
            "strides": (strides,) * rank,
            "pads": (pads,) * (2 * rank),
            "dilations": (dilations,) * rank,
            "output_padding": (more,) * rank,
            "group": group,
        }
        return self.add("ConvTranspose", (source, weights, self.weights((filters,), 8)), attrs)

    def resize(self, source: str, *factors: int) -> str:
        return self.add("Resize", (source,), {"factors": factors})

    def pool(
        self, op: str, source: str, kernel: Sequence[int], strides: Sequence[int], pads: int = 0
    ) -> str:
        attrs: dict[str, AttrValue] = {
            "kernel": tuple(kernel),
            "strides": tuple(strides),
            "pads": (pads,) * (2 * len(kernel)),
        }
        return self.add(op, (source,), attrs)

    def flatten(self, source: str) -> str:
        size = int(np.prod(self.types[source].shape[1:]))
        return self.add("Reshape", (source,), {"shape": (1, size)})

    def declare(self, tensor: str, dtype: Int | Bipolar) -> str:
        """Give a tensor another format, perhaps one that is too narrow."""
        self.types[tensor] = self.types[tensor].with_number(dtype)
        return tensor

    def integers(self, low: int, high: int, count: int) -> tuple[int, ...]:
        return tuple(int(value) for value in self.random.integers(low, high, count))

    def graph(self, *outputs: str) -> Graph:
        return Graph(
            self.name, tuple(self.inputs), outputs, tuple(self.nodes), self.types, self.constants
        )


def branches(rank: int = 2, *, extent: int = 4) -> Graph:
    """Down and up again in two ways, each joined with what went past, as in a U-Net."""
    build = Build("branches", seed=5)
    first = build.quantize((1, *(extent,) * rank), bits=3)
    wide = build.conv(first, 2, (3,) * rank, bits=3, pads=1)
    wide = build.requantize(wide, bits=3, signed=False, shift=3)
    small = build.pool("MaxPool", wide, (2,) * rank, (2,) * rank)
    inner = build.requantize(build.conv(small, 2, (3,) * rank, bits=3, pads=1), bits=3, shift=4)
    up = build.requantize(build.transposed(inner, 2, (3,) * rank, pads=1, more=1), bits=3, shift=3)
    both = build.add("Concat", (up, wide), {"axis": 1})
    larger = build.resize(inner, *(2,) * rank)
    end = build.conv(both, 2, (1,) * rank, bits=3)
    end = build.add("Add", (build.requantize(end, bits=4, shift=2), larger))
    return build.graph(build.conv(end, 1, (3,) * rank, bits=3, pads=1))


def stimuli(graph: Graph, rows: int, seed: int = 1) -> dict[str, Array]:
    """Rows on, between and beyond the codes of every input; the first rows are the extremes."""
    random = np.random.default_rng(seed)
    result = {}
    for node in graph.nodes:
        if node.op != "Quantize":
            continue
        scale, shape = node.reals("scale")[0], graph.types[node.output].shape[1:]
        low, high = node.integer("low"), node.integer("high")
        codes = random.integers(low - 2, high + 3, (rows, *shape)) + random.choice(
            [0.0, 0.0, 0.5, 0.25], (rows, *shape)
        )
        codes[0], codes[1], codes[2] = low, high, 0
        result[node.inputs[0]] = codes * scale
    return result


def jet_tagger(bits: int, *, seed: int = 0, name: str = "jets") -> Graph:
    """16-64-32-32-5 with power-of-two scales."""
    build = Build(name, seed)
    value = build.quantize((16,), bits=bits)
    for width in (64, 32, 32):
        value = build.requantize(build.dense(value, width, bits=bits), bits=bits, shift=bits + 1)
    return build.graph(build.dense(value, 5, bits=bits))


def assert_same(
    graph: Graph, backend: HlsBackend, folder: Path, *, rows: int = 300, intermediate: bool = True
) -> HlsDesign:
    """Generate, build and compare every integer with the interpreter's."""
    design = backend.generate(graph, folder / "design")
    inputs = stimuli(graph, rows)
    keep = [node.output for node in graph.nodes] if intermediate else []
    expected = interpret(graph, inputs, keep=keep)
    found = design.run(inputs, keep=keep)
    assert list(found) == list(expected)
    for name, codes in expected.items():
        assert found[name].dtype == np.int64
        assert found[name].shape == codes.shape
        differing = np.argwhere(found[name] != codes)
        assert len(differing) == 0, (
            f"{name}{differing[0].tolist()}: {found[name][tuple(differing[0])]}, "
            f"not {codes[tuple(differing[0])]} ({len(differing)} differ)"
        )
    return design


def wide() -> Graph:
    """A dense network with more products than compilers unroll."""
    build = Build("wide")
    hidden = build.requantize(build.dense(build.quantize((96,), bits=4), 64, bits=3), bits=4)
    return build.graph(build.dense(hidden, 4, bits=3))
