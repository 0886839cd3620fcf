"""Three networks of a user's kind at full size, from torch to hardware, integer for integer.

A residual network on images of 3 x 32 x 32, a network with a residual on waveforms of 1 x 128, and
a U-Net on images of 32 x 32. Weights are random, for only the integers matter here.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from netwright.backends import hls, rtl
from netwright.backends.rtl.reuse import PRODUCTS, accepted, product_shape
from netwright.exchange import referee
from netwright.ir import Graph, interpret
from netwright.passes import integerize
from netwright.passes.post_training import Widths, quantize
from netwright.train import trace_module

ROWS = 16
MOST_MULTIPLIERS = 64
"""Multipliers of one layer in the design of streams."""


class Block(nn.Module):
    """Two convolutions and what goes past them."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, stride, 1)
        self.second = nn.Conv2d(outputs, outputs, 3, 1, 1)
        self.past = nn.Conv2d(inputs, outputs, 1, stride)
        self.norms = nn.ModuleList(nn.BatchNorm2d(outputs) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norms[0](self.first(x)))
        return F.relu(self.norms[1](self.second(y)) + self.norms[2](self.past(x)))


class Waveform(nn.Module):
    """Depthwise and grouped convolutions in time, with a residual."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.stem = nn.Conv1d(1, width, 5, 2, 2)
        self.depthwise = nn.Conv1d(width, width, 3, 1, 1, groups=width)
        self.pointwise = nn.Conv1d(width, width, 1)
        self.grouped = nn.Conv1d(width, 2 * width, 3, 1, 2, dilation=2, groups=2)
        self.head = nn.Linear(2 * width, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.stem(x))
        x = F.relu(x + self.pointwise(F.relu(self.depthwise(x))))
        x = F.avg_pool1d(F.relu(self.grouped(F.max_pool1d(x, 2))), 2)
        return self.head(x.mean(-1))


class UNet(nn.Module):
    """Two levels down and up, with a transposed convolution and a repetition."""

    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.down1 = nn.Conv2d(1, width, 3, 1, 1)
        self.down2 = nn.Conv2d(width, 2 * width, 3, 1, 1)
        self.middle = nn.Conv2d(2 * width, 2 * width, 3, 1, 1)
        self.up2 = nn.ConvTranspose2d(2 * width, width, 3, 2, 1, output_padding=1)
        self.merge2 = nn.Conv2d(3 * width, width, 3, 1, 1)
        self.merge1 = nn.Conv2d(2 * width, width, 3, 1, 1)
        self.head = nn.Conv2d(width, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        a = F.relu(self.down1(x))
        b = F.relu(self.down2(F.max_pool2d(a, 2)))
        m = F.relu(self.middle(F.max_pool2d(b, 2)))
        y = F.relu(self.merge2(torch.cat([self.up2(m), b], 1)))
        y = F.interpolate(y, scale_factor=2, mode="nearest")
        return self.head(F.relu(self.merge1(torch.cat([y, a], 1))))


def residual(width: int = 4) -> nn.Module:
    """Three blocks behind a first convolution."""
    return nn.Sequential(
        nn.Conv2d(3, width, 3, 1, 1), nn.ReLU(), Block(width, width, 1),
        Block(width, 2 * width, 2), Block(2 * width, 4 * width, 2), nn.AdaptiveAvgPool2d(1),
        nn.Flatten(), nn.Linear(4 * width, 10),
    )  # fmt: skip


NETWORKS = {
    "residual": (residual, (3, 32, 32)),
    "waveform": (Waveform, (1, 128)),
    "u-net": (UNet, (1, 32, 32)),
}


def reuse(graph: Graph) -> dict[str, int]:
    """For every product the least factor with few enough multipliers."""
    found = {}
    for node in graph.nodes:
        if node.op in PRODUCTS:
            groups, inputs, outputs = product_shape(node, graph)
            factors = accepted(inputs, outputs)
            enough = [f for f in factors if groups * inputs * outputs / f <= MOST_MULTIPLIERS]
            found[node.name] = min(enough)
    return found


def main() -> None:
    """Print one line for each network and each way."""
    for name, (make, shape) in NETWORKS.items():
        torch.manual_seed(0)
        rows = np.random.default_rng(0).normal(size=(ROWS, *shape)).astype(np.float32)
        traced = trace_module(make(), rows)
        graph = integerize(quantize(traced, rows, bits=Widths(6, 6)))
        expected = interpret(graph, rows)
        with tempfile.TemporaryDirectory() as folder:
            backends = {
                "RTL streams": rtl(reuse_factor=reuse(graph), max_operations=10**6),
                "HLS streams": hls(io_type="io_stream"),
            }
            ways = {"QONNX": referee(graph)}
            for way, backend in backends.items():
                ways[way] = backend.generate(graph, Path(folder) / way.replace(" ", "_"))
            for way, design in ways.items():
                started = time.monotonic()
                found = design.run(rows)
                same = sum(
                    all(np.array_equal(found[key][row], expected[key][row]) for key in expected)
                    for row in range(ROWS)
                )
                seconds = time.monotonic() - started
                print(f"{name}: {way} identical on {same} of {ROWS} rows ({seconds:.0f} s)")


if __name__ == "__main__":
    main()
