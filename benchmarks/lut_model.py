"""Fits the model of a dense layer's hardware on synthesized layers: ``make lut-model``.

Layers of many shapes, widths and densities, some random and some from trained networks, are mapped
by Yosys one by one. What is done stays in ``benchmarks/data/layers.jsonl``, so that the command
goes on where it was stopped. The coefficients go to the package with the errors of five-fold
cross-validation: every layer is predicted once by a model that was fitted without it.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import numpy as np
from rich.console import Console

from netwright import compress, models, tasks, train
from netwright.backends.rtl import find_part, rtl
from netwright.backends.rtl.adders.sharing import share
from netwright.compress.hardware import (
    ADDERS_PER_STAGE,
    MODEL_FILE,
    DenseLayer,
    Fit,
    HardwareModel,
    counted_luts,
    features,
    write_model,
)
from netwright.formats import Int
from netwright.ir import Graph, Node, TensorType

LAYERS = Path(__file__).parent / "data" / "layers.jsonl"
PART = "xcup"
TIMEOUT_S = 1800.0
MOST_WORK = 12_000
"""Bits of weights times bits of inputs that a random layer may have: seconds of mapping."""

RANDOM_LAYERS = 32
TRAINED_WIDTHS = ((3, (24, 16)), (4, (24, 16)), (5, (16, 12)), (6, (12, 16)))
FOLDS = 5
LEAST_TERMS = 3.0
"""Weights of a sum, on average, below which a layer is none of the kind that is modelled."""

FEATURES = {
    "lut": ("one", "log_inputs", "log_outputs", "log_density", "log_weight_bits",
            "log_input_bits"),
    "ff": ("one", "log_inputs", "log_outputs", "log_density", "log_weight_bits",
           "log_input_bits"),
    "depth": ("one", "log_inputs", "log_density", "log_weight_bits"),
}  # fmt: skip
"""What the logarithm of each figure is linear in."""


def samples() -> Iterator[tuple[str, str, np.ndarray, int, int, int, bool]]:
    """Key, kind, weights (inputs, outputs), their width, input and output width, input signed."""
    random = np.random.default_rng(7)
    number = 0
    while number < RANDOM_LAYERS:
        inputs, outputs = (int(random.choice((5, 8, 12, 16, 24, 32, 48, 64))) for _ in range(2))
        weight_bits, input_bits = int(random.integers(2, 9)), int(random.integers(3, 9))
        density = float(random.choice((1.0, 1.0, 0.5, 0.25, 0.12)))
        output_bits = int(random.integers(3, 9))
        signed = bool(random.random() < 0.25)
        if inputs * outputs * density * weight_bits * input_bits > MOST_WORK:
            continue
        weights = random.normal(size=(inputs, outputs))
        weights[np.abs(weights) < np.quantile(np.abs(weights), 1 - density)] = 0
        top = (1 << (weight_bits - 1)) - 1
        codes = np.clip(np.rint(weights * top / random.uniform(1.8, 3.2)), -top - 1, top)
        if np.count_nonzero(codes) < outputs:
            continue
        key = f"random {number}"
        yield key, "random", codes.astype(np.int64), weight_bits, input_bits, output_bits, signed
        number += 1
    task = tasks.jets(seed=7).subset(16_000)
    for bits, hidden in TRAINED_WIDTHS:
        model = models.mlp(task, hidden=hidden, seed=bits)
        train.fit(model, task, recipe=train.Recipe(epochs=4, seed=bits))
        shapes = compress.layer_shapes(model, task.input_shape)
        plan = compress.uniform(shapes, weight_bits=bits, activation_bits=bits)
        recipe = train.Recipe(epochs=3, learning_rate=1e-3)
        quantized = compress.finetune(model, plan, task, recipe=recipe)
        for name, layer in quantized.quant_layers().items():
            codes = layer.weight_codes().detach().numpy().T.astype(np.int64)
            signed = layer.source.spec.dtype.signed
            yield f"trained {bits} {name}", "trained", codes, bits, bits, bits, signed


def layer_graph(codes: np.ndarray, input_bits: int, output_bits: int, signed: bool) -> Graph:
    """One dense layer with biases, ReLU and a saturating requantizer."""
    inputs, outputs = codes.shape
    source = Int(input_bits, signed)
    peak = int(np.abs(codes).sum(axis=0).max()) * max(source.max, -source.min)
    shift = max(peak.bit_length() - output_bits - 1, 1)
    bias = np.random.default_rng(outputs).integers(-(1 << shift), 1 << shift, outputs)
    accumulator = Int((peak + (1 << shift)).bit_length() + 1)
    nodes = (
        Node("quantize", "Quantize", ("x",), "xq",
             {"scale": (1.0,), "low": source.min, "high": source.max, "rounding": "half-even"}),
        Node("fc", "MatMul", ("xq", "w", "b"), "sum"),
        Node("relu", "Requantize", ("sum",), "y",
             {"multiplier": (1,), "offset": (0,), "shift": shift, "low": 0,
              "high": (1 << output_bits) - 1, "rounding": "half-even"}),
    )  # fmt: skip
    widest = int(np.abs(codes).max()).bit_length() + 1
    types = {
        "x": TensorType((1, inputs)),
        "xq": TensorType((1, inputs), source, (1.0,)),
        "w": TensorType(codes.shape, Int(widest), (1.0,)),
        "b": TensorType((outputs,), Int(shift + 1), (1.0,)),
        "sum": TensorType((1, outputs), accumulator, (1.0,)),
        "y": TensorType((1, outputs), Int(output_bits, signed=False), (2.0**shift,)),
    }
    return Graph("layer", ("x",), ("y",), nodes, types, {"w": codes, "b": bias})


def measured(
    codes: np.ndarray, input_bits: int, output_bits: int, signed: bool, folder: Path
) -> dict[str, float]:
    """LUTs, registers, and carry chains in series, of one layer."""
    graph = layer_graph(codes, input_bits, output_bits, signed)
    design = rtl(part=PART, adders_per_stage=ADDERS_PER_STAGE).generate(graph, folder / "layer")
    cells = design.measure(timeout_s=TIMEOUT_S)
    deepest = rtl(part=PART, adders_per_stage=1).generate(graph, folder / "deep")
    adders = share(codes, [(0, (1 << input_bits) - 1)] * len(codes))
    return {
        "lut": cells.lut.value,
        "ff": cells.ff.value,
        "carry": cells.carry.value,
        "depth": float(deepest.latency_cycles),
        "adder_luts": float(adders.num_luts),
        "synthesis_s": round(cells.seconds, 1),
    }


def collect(console: Console) -> list[dict[str, object]]:
    """All layers, those that were measured before and the rest."""
    LAYERS.parent.mkdir(exist_ok=True)
    lines = LAYERS.read_text().splitlines() if LAYERS.exists() else []
    done = {record["key"]: record for record in map(json.loads, lines)}
    for key, kind, codes, weight_bits, input_bits, output_bits, signed in samples():
        if key in done:
            continue
        with tempfile.TemporaryDirectory() as temporary:
            figures = measured(codes, input_bits, output_bits, signed, Path(temporary))
        done[key] = {
            "key": key, "kind": kind, "inputs": codes.shape[0], "outputs": codes.shape[1],
            "weight_bits": weight_bits, "input_bits": input_bits, "output_bits": output_bits,
            "signed": signed, "density": round(float(np.mean(codes != 0)), 4), **figures,
        }  # fmt: skip
        with LAYERS.open("a") as stream:
            stream.write(json.dumps(done[key]) + "\n")
        console.print(f"{len(done)} layers; {key}: {figures['lut']:.0f} LUT")
    return list(done.values())


def fitted(layers: list[dict[str, object]]) -> HardwareModel:
    """The model of all layers, with the errors on layers that were held out, each of them once."""
    layers = [r for r in layers if r["inputs"] * r["density"] >= LEAST_TERMS]
    errors = []
    for rest, held_out in _folds(layers):
        weights = _counted(rest)
        for r in held_out:
            found = counted_luts(r["adder_luts"], r["outputs"], r["output_bits"], weights)
            errors.append(_error(found, r["lut"]))
    return HardwareModel(
        source=f"yosys {version('pyosys')}, {find_part(PART).family.command}, mapping only; "
        f"{ADDERS_PER_STAGE} adders a stage",
        layers=len(layers),
        folds=FOLDS,
        counted=_counted(layers),
        counted_error=round(float(np.mean(errors)), 4),
        lut=_fit("lut", layers),
        ff=_fit("ff", layers),
        depth=_fit("depth", layers),
    )


def _folds(layers: list[dict[str, object]]) -> Iterator[tuple[list, list]]:
    """What is fitted and what is held out, for every fold."""
    for first in range(FOLDS):
        held_out = layers[first::FOLDS]
        yield [record for record in layers if record not in held_out], held_out


def _fit(figure: str, layers: list[dict[str, object]]) -> Fit:
    errors = []
    for rest, held_out in _folds(layers):
        fold = Fit(coefficients=_solved(figure, rest), mean_absolute_error=0.0, largest_error=0.0)
        errors += [_error(fold.value(_layer(record)), record[figure]) for record in held_out]
    return Fit(
        coefficients=_solved(figure, layers),
        mean_absolute_error=round(float(np.mean(errors)), 4),
        largest_error=round(float(np.max(errors)), 4),
    )


def _solved(figure: str, layers: list[dict[str, object]]) -> dict[str, float]:
    rows = [features(_layer(record)) for record in layers]
    table = np.array([[row[name] for name in FEATURES[figure]] for row in rows])
    solution, *_ = np.linalg.lstsq(table, np.log([r[figure] for r in layers]), rcond=None)
    return dict(zip(FEATURES[figure], np.round(solution, 5).tolist(), strict=True))


def _layer(record: dict[str, object]) -> DenseLayer:
    names = ("inputs", "outputs", "weight_bits", "input_bits", "density")
    return DenseLayer(**{name: record[name] for name in names})


def _counted(fitting: list[dict[str, object]]) -> tuple[float, float, float]:
    """LUTs for each LUT of the adders, each output and each of its bits; relative least squares."""
    table = np.array(
        [[r["adder_luts"], r["outputs"], r["outputs"] * r["output_bits"]] for r in fitting]
    )
    wanted = np.array([r["lut"] for r in fitting])
    solution, *_ = np.linalg.lstsq(table / wanted[:, None], np.ones(len(wanted)), rcond=None)
    first, second, third = np.round(solution, 4).tolist()
    return first, second, third


def _error(found: float, measured: float) -> float:
    return abs(found / measured - 1)


def main() -> None:
    """Measure what is missing, fit, and write the coefficients into the package."""
    console = Console()
    model = fitted(collect(console))
    path = Path(compress.__file__).with_name(MODEL_FILE)
    write_model(model, path)
    for name in ("lut", "ff", "depth"):
        fit = getattr(model, name)
        console.print(
            f"{name}: mean error {fit.mean_absolute_error:.1%}, largest {fit.largest_error:.1%} "
            f"on {model.layers} layers, each held out once"
        )
    console.print(f"LUT from the weights: mean error {model.counted_error:.1%} on the same layers")


if __name__ == "__main__":
    main()
