"""Graphs that a shared accelerator computes, and what a plan makes of them in plain Python."""

import numpy as np

from netwright.backends.rtl.shared.layers import Layer
from netwright.backends.rtl.shared.plan import Plan
from netwright.formats import Int, Rounding
from netwright.ir import Graph, interpret
from netwright.ir.rounding import round_shift
from tests.backends.hls.graphs import Build


def tiny(*, name: str = "tiny") -> Graph:
    """One convolution and a dense layer."""
    build = Build(name, seed=2)
    conv = build.conv(build.quantize((2, 9)), 3, (3,), bits=8, strides=2, pads=1)
    hidden = build.requantize(conv, bits=16, signed=False, shift=3)
    return build.graph(build.dense(build.flatten(hidden), 3, bits=8))


def every_kind() -> Graph:
    """Down and up again with a skip, every kind of layer, wide sums and several outputs."""
    build = Build("kinds", seed=4)
    source = build.quantize((2, 8), bits=12)
    first = build.requantize(
        build.conv(source, 4, (4,), bits=8, strides=2, pads=1), bits=16, shift=6
    )
    deep = build.conv(first, 5, (3,), bits=8, strides=2, pads=1)
    deep = build.requantize(
        deep, bits=16, signed=True, shift=20, axis=1, multiplier=(12345, -777, 40000, 3, 99999),
        offset=(5, -40000, 0, 77, 1 << 20), rounding="half-away",
    )  # fmt: skip
    up = build.requantize(build.transposed(deep, 4, (4,), bits=8, pads=1), bits=16, shift=9)
    scaled = build.requantize(first, bits=20, shift=0, multiplier=(300,))
    total = build.requantize(build.add("Add", (up, scaled)), bits=16, signed=False, shift=9)
    wide = build.add("Add", (build.conv(total, 4, (1,), bits=8), up))
    dense = build.dense(build.flatten(deep), 6, bits=8)
    return build.graph(build.add("Relu", (wide,)), build.add("Relu", (dense,)), first)


def random_graph(seed: int) -> Graph:
    """A few layers of random kinds, shapes, roundings and widths."""
    build = Build(f"net_{seed}", seed)
    random = build.random
    channels, extent = int(random.integers(1, 5)), int(random.integers(3, 12))
    value = build.quantize(
        (channels, extent), bits=int(random.integers(4, 17)), signed=bool(random.integers(2))
    )
    outputs = []
    for _ in range(int(random.integers(1, 4))):
        if random.random() < 0.6 or build.types[value].shape[2] > 14:
            kernel = int(random.integers(1, min(5, build.types[value].shape[2] + 1)))
            value = build.conv(
                value, int(random.integers(1, 7)), (kernel,), bits=int(random.integers(2, 9)),
                strides=int(random.integers(1, 4)), pads=tuple(map(int, random.integers(0, 3, 2))),
                bias=bool(random.integers(2)),
            )  # fmt: skip
        else:
            stride = int(random.integers(1, 4))
            value = build.transposed(
                value, int(random.integers(1, 7)), (int(random.integers(1, 5)),),
                bits=int(random.integers(2, 9)), strides=stride,
                more=int(random.integers(0, stride)),
                dilations=int(random.integers(1, 3)),
            )  # fmt: skip
        value = _activated(build, value)
        if random.random() < 0.4:
            other = build.conv(value, build.types[value].shape[1], (3,), bits=8, pads=1)
            other = _activated(build, other) if random.random() < 0.7 else other
            value = _activated(build, build.add("Add", (value, other)))
        if random.random() < 0.3:
            outputs.append(value)
    if random.random() < 0.7:
        value = build.dense(build.flatten(value), int(random.integers(1, 6)), bits=8)
    return build.graph(*dict.fromkeys([*outputs, value]))


def _activated(build: Build, value: str) -> str:
    random = build.random
    if random.random() < 0.2:
        value = build.add("Relu", (value,))
        if random.random() < 0.5:
            return value
    channels = build.types[value].shape[1]
    each = random.random() < 0.5
    return build.requantize(
        value,
        bits=int(random.integers(3, 17)),
        signed=bool(random.integers(2)),
        shift=int(random.integers(0, 20)),
        rounding=str(random.choice([str(mode) for mode in Rounding])),
        multiplier=tuple(v or 1 for v in build.integers(-999, 9999, channels)) if each else (3,),
        offset=build.integers(-9999, 9999, channels) if each else (-7,),
        axis=1 if each else None,
        zero_point=int(random.integers(0, 3)),
    )


def model(plan: Plan, graph: Graph, codes: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The outputs of one row, from the bytes and numbers of a plan alone.

    Args:
        plan: The plan.
        graph: Its graph.
        codes: Codes of every input of the design, by tensor.
    """
    memory = np.zeros(plan.sizes.feature_words, dtype=object)
    for tensor, values in codes.items():
        view = plan.views[tensor]
        start = plan.places[view.tensor]
        memory[start : start + view.words] = values.reshape(-1)[view.order] & 0xFFFF
    for number in range(len(plan.layers)):
        _run(plan, number, memory)
    found = {}
    for name in graph.outputs:
        view = plan.views[name]
        stored = plan.stored[view.tensor]
        values = np.zeros(view.words, dtype=object)
        for plane in stored.planes:
            start = plan.places[view.tensor] + plane.piece * plan.plane_words(view.tensor)
            values += _signed(memory[start : start + view.words], plane.is_signed) << (
                16 * plane.piece
            )
        flat = np.empty(view.words, dtype=np.int64)
        flat[view.order] = values.astype(np.int64)
        found[name] = flat.reshape(graph.types[name].shape[1:])
    return found


def _signed(words: np.ndarray, is_signed: bool) -> np.ndarray:
    return np.array([w - (1 << 16) if is_signed and w >> 15 else w for w in words], dtype=object)


def _run(plan: Plan, number: int, memory: np.ndarray) -> None:
    layer, options = plan.layers[number], plan.options
    steps = layer.steps(options)
    sources = [
        _signed(memory[start : start + layer.size], plane.is_signed)
        for plane in layer.planes
        for start in [plan.places[plane.tensor] + plane.piece * plan.plane_words(plane.tensor)]
    ]
    rows = plan.weights[plan.first_rows[number] :].astype(object)
    for block in range(layer.blocks(options)):
        base = 0 if layer.same_rows else block * layer.busy(options)
        for position in range(layer.positions):
            start = layer.first_index + position * layer.source_stride + block * layer.block_stride
            sums = np.zeros((options.elements, options.units), dtype=object)
            row = base
            for _ in range(layer.digits):
                sums = sums * 256
                for source in sources:
                    for step in range(steps):
                        places = start + step * options.lanes + np.arange(options.lanes)
                        window = np.array(
                            [source[p] if 0 <= p < layer.size else 0 for p in places], dtype=object
                        )
                        sums = sums + rows[row] @ window
                        row += 1
            _write(plan, number, memory, block, position, sums)


def _write(
    plan: Plan, number: int, memory: np.ndarray, block: int, position: int, sums: np.ndarray
) -> None:
    layer: Layer = plan.layers[number]
    options, rescale = plan.options, layer.rescale
    for unit in range(options.units):
        for element in range(options.elements):
            channel = block * options.channels + unit * options.elements + element
            if channel >= layer.channels:
                continue
            entry = plan.first_entries[number] + block * options.units + unit
            factor, offset = plan.table[entry][element]
            value = np.array([sums[element, unit] * factor + offset], dtype=object)
            result = int(round_shift(value, rescale.shift, rescale.rounding)[0])
            result = min(max(result, rescale.low), rescale.high) - rescale.zero_point
            place = plan.places[layer.target] + layer.target_first
            place += position * layer.target_stride + channel
            for piece in range(layer.pieces):
                memory[place + piece * plan.plane_words(layer.target)] = (
                    result >> 16 * piece & 0xFFFF
                )


def expected(graph: Graph, inputs: dict[str, np.ndarray]) -> tuple[dict, dict]:  # type: ignore[type-arg]
    """Codes of the design's inputs and of its outputs, by tensor, each (rows, ...)."""
    hosts = [node.output for node in graph.nodes if node.op == "Quantize"]
    found = interpret(graph, inputs, keep=hosts)
    codes = {name: found[name].astype(np.int64) for name in hosts}
    return codes, {name: found[name] for name in graph.outputs}


__all__ = ["Int", "every_kind", "expected", "model", "random_graph", "tiny"]
