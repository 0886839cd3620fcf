"""Small tasks, models and graphs that need no data file."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import nn

from netwright import compress, models
from netwright.compress import Plan
from netwright.formats import Int, Rounding
from netwright.ir import FLOAT, AttrValue, Graph, Node, TensorType
from netwright.tasks import Card, Scaling, Split, Task
from netwright.tasks.scores import Score, accuracy, mean_absolute_error, mean_squared_error
from netwright.train import QuantModel
from netwright.train.layers import WEIGHTED

torch.set_num_threads(1)  # tensors this small only wait for a second thread

CARD = Card(title="toy", recipe="three clouds of normal numbers", synthetic=True, sha256="")


def clouds(rows: int = 600, *, features: int = 6, classes: int = 3, seed: int = 0) -> Task:
    """Normal clouds around one corner for each class; easy but not trivial."""
    generator = np.random.default_rng(seed)

    def split(count: int) -> Split:
        labels = generator.integers(0, classes, count)
        inputs = generator.normal(size=(count, features))
        inputs[np.arange(count), labels] += 2.0
        return Split({"x": inputs.astype(np.float32)}, labels.astype(np.int64))

    return Task(
        name="clouds",
        train=split(rows),
        validation=split(rows // 2),
        test=split(rows // 2),
        loss="cross-entropy",
        score=accuracy,
        card=CARD,
        classes=tuple("abcdefgh"[:classes]),
        features={"x": tuple(f"f{i}" for i in range(features))},
        scaling={"x": Scaling(np.zeros(features), np.ones(features))},
    )


def values(name: str, score: Score, *splits: Split, loss: str = "mse") -> Task:
    """A task whose targets are values."""
    return Task(name, *splits, loss=loss, score=score, card=CARD)


def line(rows: int = 100, *, seed: int = 0) -> Task:
    """Two linear functions of three inputs, without noise."""
    generator = np.random.default_rng(seed)
    matrix = generator.normal(size=(3, 2)).astype(np.float32)

    def split(count: int) -> Split:
        inputs = generator.normal(size=(count, 3)).astype(np.float32)
        return Split({"x": inputs}, inputs @ matrix)

    return values("line", mean_squared_error, split(rows), split(rows // 2), split(rows // 2))


def two_inputs(rows: int = 100, *, seed: int = 0) -> Task:
    """Twice the first column of the first input minus the second input."""
    generator = np.random.default_rng(seed)

    def split(count: int) -> Split:
        first = generator.normal(size=(count, 4)).astype(np.float32)
        second = generator.normal(size=(count, 1)).astype(np.float32)
        return Split({"zebra": first, "ant": second}, 2 * (first[:, :1] - second))

    return values("two", mean_absolute_error, split(rows), split(rows), split(rows))


def images(rows: int = 200, *, seed: int = 0) -> Task:
    """Rows of 64 pixels, for the convolutional encoder."""
    return clouds(rows, features=64, classes=4, seed=seed)


def quantized_mlp(
    task: Task,
    *,
    hidden: tuple[int, ...] = (8, 7),
    weight_bits: int = 6,
    activation_bits: int = 6,
    input_bits: int | None = None,
    batch_norm: bool = False,
    seed: int = 3,
    **rules: object,
) -> QuantModel:
    """A calibrated, untrained multilayer perceptron; `rules` replace fields of the plan."""
    model = models.mlp(task, hidden=hidden, batch_norm=batch_norm, seed=seed)
    disturb(model, seed=seed)
    return compress.apply(
        model,
        replace(plan_for(model, task.input_shape, weight_bits, activation_bits, input_bits),
                **rules),
        task,
    )  # fmt: skip


def plan_for(
    model: nn.Sequential,
    shape: tuple[int, ...],
    weight_bits: int,
    activation_bits: int,
    input_bits: int | None = None,
) -> Plan:
    """A uniform plan for `model`."""
    return compress.uniform(
        compress.layer_shapes(model, shape),
        weight_bits=weight_bits,
        activation_bits=activation_bits,
        input_bits=input_bits,
    )


def disturb(model: nn.Module, *, seed: int) -> None:
    """Give biases and normalizations values that training could have found."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, WEIGHTED) and module.bias is not None:
                module.bias.normal_(0.0, 0.3, generator=generator)
            elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                module.running_mean.normal_(0.0, 0.5, generator=generator)
                module.running_var.uniform_(0.5, 2.0, generator=generator)
                module.weight.uniform_(-1.5, 1.5, generator=generator)
                module.bias.normal_(0.0, 0.3, generator=generator)


def integer_graph(
    nodes: tuple[Node, ...],
    *,
    width: tuple[int, ...],
    constants: dict[str, np.ndarray],
    types: dict[str, TensorType],
    bits: int = 8,
    signed: bool = True,
) -> Graph:
    """A graph that quantizes its input ``x`` to codes ``q`` of scale 1 and goes on with `nodes`."""
    dtype = Int(bits, signed)
    attrs: dict[str, AttrValue] = {
        "scale": (1.0,),
        "rounding": str(Rounding.HALF_EVEN),
        "low": dtype.min,
        "high": dtype.max,
    }
    quantize = Node("quantize", "Quantize", ("x",), "q", attrs)
    shape = (1, *width)
    formats = {
        name: TensorType(value.shape, Int(32 if np.abs(value).max() < 2**31 else 64))
        for name, value in constants.items()
    }
    known = {"x": TensorType(shape, FLOAT), "q": TensorType(shape, dtype), **formats, **types}
    return Graph("toy", ("x",), (nodes[-1].output,), (quantize, *nodes), known, constants)


def requantize(name: str, source: str, output: str, **attrs: AttrValue) -> Node:
    """A Requantize node; what is not given keeps the value."""
    standard: dict[str, AttrValue] = {
        "multiplier": (1,),
        "offset": (0,),
        "shift": 0,
        "rounding": str(Rounding.HALF_EVEN),
        "low": -(1 << 40),
        "high": 1 << 40,
    }
    return Node(name, "Requantize", (source,), output, {**standard, **attrs})
