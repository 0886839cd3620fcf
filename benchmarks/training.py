"""A quantization-aware step against the float step and against Brevitas: batch 256, one thread."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional

import netwright as nw
from benchmarks.timing import medians

BATCH = 256
STEPS = 20


def _steps(model: nn.Module, inputs: torch.Tensor, labels: torch.Tensor) -> Callable[[], None]:
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    model.train()

    def run() -> None:
        for _ in range(STEPS):
            loss = functional.cross_entropy(model(inputs), labels)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()

    return run


def _brevitas() -> nn.Module | None:
    try:
        from brevitas import nn as qnn
        from brevitas.quant import Int8WeightPerTensorFixedPoint, Uint8ActPerTensorFixedPoint
    except ImportError:
        return None
    sizes = (16, 64, 32, 32, 5)
    layers: list[nn.Module] = [qnn.QuantIdentity(bit_width=6)]
    for i in range(4):
        layers.append(
            qnn.QuantLinear(
                sizes[i], sizes[i + 1], bias=True,
                weight_quant=Int8WeightPerTensorFixedPoint, weight_bit_width=6,
            )
        )  # fmt: skip
        if i < 3:
            layers.append(qnn.QuantReLU(act_quant=Uint8ActPerTensorFixedPoint, bit_width=6))
    return nn.Sequential(*layers)


def run() -> list[dict[str, str | float]]:
    torch.set_num_threads(1)
    task = nw.tasks.jets()
    inputs = torch.from_numpy(task.train.inputs[:BATCH])
    labels = torch.from_numpy(task.train.targets[:BATCH])
    model = nw.models.mlp(task)
    shapes = nw.compress.layer_shapes(model, task.input_shape)
    plan = nw.compress.uniform(shapes, weight_bits=6, activation_bits=6)
    contestants = {
        "float": _steps(model, inputs, labels),
        "ours": _steps(nw.compress.apply(model, plan, task), inputs, labels),
    }
    peer = _brevitas()
    if peer is not None:
        contestants["brevitas"] = _steps(peer, inputs, labels)
    seconds = medians(contestants, rounds=15)
    step = {name: 1e3 * value / STEPS for name, value in seconds.items()}
    ours = f"{step['ours']:.2f} ms"
    rows: list[dict[str, str | float]] = [
        {"what": "QAT step, batch 256", "ours": ours, "peer": f"float: {step['float']:.2f} ms",
         "ratio": step["ours"] / step["float"], "wanted": "≤ 1.6"},
    ]  # fmt: skip
    if peer is None:
        rows.append(
            {"what": "QAT step, batch 256", "ours": ours, "peer": "Brevitas: not installed",
             "ratio": float("nan"), "wanted": "≥ 5"}
        )  # fmt: skip
    else:
        rows.append(
            {"what": "QAT step, batch 256", "ours": ours,
             "peer": f"Brevitas: {step['brevitas']:.2f} ms",
             "ratio": step["brevitas"] / step["ours"], "wanted": "≥ 5"}
        )  # fmt: skip
    return rows
