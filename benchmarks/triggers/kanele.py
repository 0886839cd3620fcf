"""KANELÉ's official networks: its tables, as its repository publishes them, as a graph of ours.

A model folder holds ``config.json`` (widths and bits of the layers), ``firmware/mem/lut_L_I_O.mem``
(one table for every function that was kept, two's complement) and ``firmware/sim/vectors_*.txt``,
inputs and outputs by its authors: the graph must give the same outputs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.triggers.contestants import Contestant, Ours, Unusable, classes
from benchmarks.triggers.encoder import encoder
from benchmarks.triggers.generators import of_graph
from netwright.formats import Int, smallest_int
from netwright.ir import Graph, Interpreter, Node, TensorType, check
from netwright.reading import read_json, read_text

MOST_WIDTH, MOST_BITS, MOST_ENTRIES = 1024, 12, 1 << 24
FOLDERS = (("OpenML", "benchmarks/JSC_OpenML/models"), ("CERNBox", "benchmarks/JSC_CERNBox/models"))
PUBLISHED = {
    "official": "1 232 LUT, 900 FF, 987 MHz, 7.1 ns (Vivado; arXiv 2512.12850, Table 3)",
    "20250920_175126": "5 034 LUT, 1 917 FF, 870 MHz, 8.1 ns (Vivado; arXiv 2512.12850, Table 3)",
}
"""Of the models that its repository shipped when these were read, by their folders."""
ORDERS = {"OpenML": "gqtwz", "CERNBox": "gqwzt"}
"""Classes of its outputs: a sorted encoder of labels, and the order of its configuration."""

_HEXADECIMAL = re.compile(r"[0-9A-Fa-f]{1,8}")
_SCALES = (
    *(f"pre_transforms.0.{name}" for name in ("running_mean", "running_var", "weight", "bias")),
    "pre_transforms.1.bias",
)
"""Of its input layer: batch normalization, and an offset."""

_WHOLE = re.compile(r"-?[0-9]{1,9}")
_NAME = re.compile(r"lut_(\d{1,4})_(\d{1,4})_(\d{1,4})\.mem")


def contestants(clone: Path) -> Iterator[Contestant]:
    """Two rows for every model that is there: our Verilog and alkaid's, of its tables."""
    absent = []
    for data, place in FOLDERS:
        models = sorted(path.parent for path in clone.glob(f"{place}/*/config.json"))
        if not models:
            absent.append(str(clone / place))
        for model in models:
            makers = {
                "ours": lambda folder, model=model: Ours(read(model), folder),
                "alkaid": lambda folder, model=model: of_graph("alkaid", read(model), folder),
            }
            for rtl, make in makers.items():
                yield Contestant(
                    f"KANELÉ {model.name}", data, rtl, _accuracy(model), make,
                    lambda model=model: encoder(*input_scales(model)),
                    lambda rows, model=model, data=data: judge(model, rows, ORDERS[data]),
                    PUBLISHED.get(model.name, "none found for this model"),
                    "its VHDL needs a converter; the tables are its own",
                )  # fmt: skip
    if absent:
        raise Unusable(f"{', '.join(absent)} has no folder with a config.json")


def read(model: Path) -> Graph:
    """The graph of a model folder; its inputs are codes."""
    widths, bits = _shape(model)
    tables = [_tables(model, layer, widths, bits) for layer in range(len(widths) - 1)]
    graph = build(widths, bits, tables)
    _compare(model, graph)
    return graph


def _shape(model: Path) -> tuple[list[int], list[int]]:
    path = model / "config.json"
    config = read_json(path)
    if not isinstance(config, dict):
        config = {}
    widths, bits = config.get("layers"), config.get("layers_bitwidth")
    whole = [*widths, *bits] if isinstance(widths, list) and isinstance(bits, list) else [None]
    fits = all(isinstance(v, int) and not isinstance(v, bool) for v in whole)
    if not fits or len(widths) != len(bits) or len(widths) < 2 or not all(
        1 <= w <= MOST_WIDTH and 1 <= b <= MOST_BITS for w, b in zip(widths, bits, strict=True)
    ):  # fmt: skip
        raise Unusable(f"{path}: layers and layers_bitwidth must be lists of whole numbers")
    if max(a * b << n for a, b, n in zip(widths, widths[1:], bits, strict=False)) > MOST_ENTRIES:
        raise Unusable(f"{path}: has a layer of more than {MOST_ENTRIES} entries")
    return widths, bits


def _tables(model: Path, layer: int, widths: list[int], bits: list[int]) -> np.ndarray:
    """Tables ``(inputs, outputs, entries)`` of a layer; a function without a file is zero."""
    folder = model / "firmware" / "mem"
    entries, width = 1 << bits[layer], bits[layer + 1]
    made = np.zeros((widths[layer], widths[layer + 1], entries), np.int64)
    found = 0
    for path in sorted(folder.glob(f"lut_{layer}_*.mem")):
        name = _NAME.fullmatch(path.name)
        source, target = (int(name[2]), int(name[3])) if name else (-1, -1)
        if not (0 <= source < made.shape[0] and 0 <= target < made.shape[1]):
            raise Unusable(f"{path}: is no table of a layer of {made.shape[0]} to {made.shape[1]}")
        words = read_text(path).split()
        if len(words) != entries:
            raise Unusable(f"{path}: must have {entries} entries, not {len(words)}; is it cut?")
        if not all(map(_HEXADECIMAL.fullmatch, words)):
            raise Unusable(f"{path}: holds something else than hexadecimal numbers")
        codes = np.array([int(word, 16) for word in words])
        if codes.max() >> width:
            raise Unusable(f"{path}: holds numbers of more than {width} bits")
        made[source, target] = np.where(codes >> (width - 1), codes - (1 << width), codes)
        found += 1
    if not found:
        raise Unusable(f"{folder} has no table of layer {layer}")
    return made


def build(widths: list[int], bits: list[int], tables: list[np.ndarray]) -> Graph:
    """Functions, sums and limits: what its hardware does between two registers."""
    types = {"x": TensorType((1, widths[0]))}
    constants: dict[str, np.ndarray] = {}
    code, low, high = "code", 0, (1 << bits[0]) - 1
    types[code] = TensorType((1, widths[0]), Int(bits[0], signed=False), (1.0,))
    attrs = {"scale": (1.0,), "rounding": "half-even", "low": low, "high": high}
    nodes = [Node("quantize", "Quantize", ("x",), code, attrs)]
    for layer, made in enumerate(tables):
        inputs, outputs, _ = made.shape
        terms, total = inputs * outputs, made.transpose(1, 0, 2)
        ends = (int(total.min(2).sum(1).min()), int(total.max(2).sum(1).max()))
        kept = np.array([np.any(made[i, o]) for i in range(inputs) for o in range(outputs)])
        constants[f"tables{layer}"] = made
        constants[f"sum{layer}"] = (np.tile(np.eye(outputs, dtype=np.int64), (inputs, 1))) * kept[
            :, None
        ]
        types[f"tables{layer}"] = TensorType(
            made.shape, smallest_int(int(made.min()), int(made.max()))
        )
        types[f"sum{layer}"] = TensorType((terms, outputs), Int(1, signed=False))
        names = tuple(f"{kind}_{layer}" for kind in ("values", "sums", "limited"))
        types[names[0]] = TensorType(
            (1, terms), smallest_int(int(made.min()), int(made.max())), (1.0,)
        )
        types[names[1]] = TensorType((1, outputs), smallest_int(*ends), (1.0,))
        width = bits[layer + 1]
        limits = {"low": -(1 << (width - 1)), "high": (1 << (width - 1)) - 1}
        types[names[2]] = TensorType((1, outputs), Int(width), (1.0,))
        nodes += [
            Node(f"lookup{layer}", "Lookup", (code, f"tables{layer}"), names[0], {"first": low}),
            Node(f"total{layer}", "MatMul", (names[0], f"sum{layer}"), names[1]),
            Node(f"limit{layer}", "Limit", (names[1],), names[2], {**_each(limits), "axis": None}),
        ]
        code, low = names[2], limits["low"]
    return check(Graph("kanele", ("x",), (code,), tuple(nodes), types, constants))


def _each(limits: dict[str, int]) -> dict[str, object]:
    return {"overflow": "saturate", **{name: (value,) for name, value in limits.items()}}


def _compare(model: Path, graph: Graph) -> None:
    """Execute what its authors executed."""
    rows, wanted = (
        _vectors(model / "firmware" / "sim" / f"vectors_{end}.txt", graph.types[name].shape[1])
        for end, name in (("in", "x"), ("out", graph.outputs[0]))
    )
    if len(rows) != len(wanted):
        raise Unusable(
            f"{model / 'firmware' / 'sim'}: has {len(rows)} rows of inputs and {len(wanted)} of "
            "outputs; is one of its test vectors cut?"
        )
    found = Interpreter.of(graph).run(rows.astype(float))[graph.outputs[0]]
    if not np.array_equal(found, wanted):
        raise Unusable(f"{model}: the tables do not give the outputs of its own test vectors")


def _vectors(path: Path, columns: int) -> np.ndarray:
    """Rows of whole numbers."""
    rows = [line.split() for line in read_text(path).splitlines() if line.strip()]
    if not rows:
        raise Unusable(f"{path}: has no rows")
    for number, row in enumerate(rows, 1):
        if len(row) != columns or not all(map(_WHOLE.fullmatch, row)):
            raise Unusable(f"{path}: row {number} must be {columns} whole numbers; is it cut?")
    return np.array(rows).astype(np.int64)


def judge(model: Path, rows: np.ndarray, order: str) -> np.ndarray:
    """The classes it gives rows of standardized features."""
    slope, offset, low, high, _ = input_scales(model)
    codes = np.clip(np.rint(rows * slope + offset), low, high)
    return classes(read(model), codes, order)


def input_scales(model: Path) -> tuple[np.ndarray, np.ndarray, int, int, str]:
    """Its input layer: batch normalization, an offset and a quantizer, from the checkpoint."""
    import torch

    widths, bits = _shape(model)
    checkpoints = sorted(model.glob("*.pt"))
    if not checkpoints:
        raise Unusable(f"{model} has no checkpoint, which holds the scales of its inputs")
    path = checkpoints[-1]
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)["model_state_dict"]
        found = [np.asarray(state[f"input_layer.{name}"], float) for name in _SCALES]
        found += [
            np.asarray(array, float)
            for name, array in state.items()
            if name.startswith("input_layer.brevitas_module")
        ]
    except Exception as error:  # whatever torch raises on a damaged file
        raise Unusable(f"{path}: cannot be read ({type(error).__name__})") from None
    features, shapes = (widths[0],), [array.shape for array in found]
    if shapes[:4] != [features] * 4 or shapes[4] not in (features, (1,)) or shapes[5:] != [()]:
        raise Unusable(f"{path}: must hold the scales of {widths[0]} inputs and one step")
    mean, variance, weight, bias, moved, value = found
    half = 1 << (bits[0] - 1)
    with np.errstate(all="ignore"):
        step = abs(float(value)) / half
        slope = weight / np.sqrt(variance + 1e-5)
        offset = bias - mean * slope + moved
        slopes, offsets = slope / step, offset / step + half
    return slopes, np.broadcast_to(offsets, slopes.shape), 0, 2 * half - 1, "half-even"


def _accuracy(model: Path) -> str:
    """The accuracy that its authors wrote into the checkpoint's name."""
    found = [re.search(r"acc0\.(\d{4})", path.name) for path in sorted(model.glob("*.pt"))]
    marks = [float(f"0.{match[1]}") for match in found if match]
    return f"{100 * max(marks):.1f} % published" if marks else "not stated"
