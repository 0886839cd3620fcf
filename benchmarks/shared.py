"""One accelerator for all layers: equal to the graph on many pulses, and its design space.

The networks are those of detector pulses (64 samples): an encoder with a regression head, 23 616
products, and an autoencoder with skip connections beside it; weights are random, quantized after
training to 8 bits with activations of 16. Every row that a simulated accelerator gives is compared
with the graph, and the clocks of a run with the formula. Then the size is swept; lookup tables are
counted after open synthesis with products of logic and, for the device's multipliers, of these.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

import netwright as nw
from netwright.backends import SharedDesign, SharedOptions, rtl
from netwright.backends.rtl import evaluate
from netwright.ir import Graph
from netwright.passes import integerize
from netwright.passes.post_training import Widths, quantize

PUBLISHED_LUTS = 529
"""Lookup tables per multiplier of PulseDL-II, on an FPGA that is not named (a review's figure)."""

SIZES = ((1, 1, 1), (2, 1, 1), (4, 1, 1), (4, 2, 1), (4, 2, 2), (8, 2, 1), (8, 2, 2), (8, 2, 4),
         (8, 4, 4), (16, 4, 4))  # fmt: skip
MAPPED = ((2, 1, 1), (4, 2, 1), (8, 2, 2))


class Regression(nn.Module):
    """Four convolutions that halve the samples, and two dense layers: time and amplitude."""

    def __init__(self) -> None:
        super().__init__()
        widths = (1, 8, 16, 16, 16)
        self.down = nn.ModuleList(nn.Conv1d(one, other, 4, 2, 1) for one, other in pairwise(widths))
        self.hidden, self.head = nn.Linear(64, 32), nn.Linear(32, 2)

    def features(self, x: Tensor) -> list[Tensor]:
        """What every convolution makes."""
        found = []
        for layer in self.down:
            x = torch.relu(layer(x))
            found.append(x)
        return found

    def forward(self, x: Tensor) -> Tensor:
        """Time and amplitude."""
        return self.head(torch.relu(self.hidden(self.features(x)[-1].flatten(1))))


class Denoising(Regression):
    """The same with a decoder of transposed convolutions and skips beside the head."""

    def __init__(self) -> None:
        super().__init__()
        widths = (16, 16, 16, 8, 1)
        self.up = nn.ModuleList(
            nn.ConvTranspose1d(one, other, 4, 2, 1) for one, other in pairwise(widths)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """The pulse without noise, and time and amplitude."""
        *skips, latent = self.features(x)
        y = latent
        for layer, skip in zip(self.up, reversed(skips), strict=False):
            y = torch.relu(layer(y)) + skip
        return self.up[-1](y), self.head(torch.relu(self.hidden(latent.flatten(1))))


def graph_of(model: nn.Module, pulses: np.ndarray) -> Graph:
    """The model in integers, weights of 8 bits and activations of 16."""
    real = nw.trace(model.eval(), pulses[:16])
    return integerize(quantize(real, pulses[:128], bits=Widths(8, 16)))


def pulses(rows: int, seed: int = 0) -> np.ndarray:
    """Unit pulses of a CR-RC2 shaper (20 ns, sampled every 4 ns) with noise."""
    random = np.random.default_rng(seed)
    start, height = random.uniform(60, 76, (rows, 1)), random.uniform(0.2, 0.9, (rows, 1))
    x = np.maximum(4.0 * np.arange(64) - start, 0) / 40.0
    clean = height * (np.e * x) ** 2 * np.exp(-2 * x)
    return (clean + random.normal(0, 0.55e-2, clean.shape))[:, None].astype(np.float32)


def compared(graph: Graph, rows: np.ndarray, folder: Path) -> Iterator[str]:
    """How many rows of a simulated accelerator are those of the graph."""
    design = rtl(shared=SharedOptions(8, 2, 2)).generate(graph, folder)
    assert isinstance(design, SharedDesign)
    design.build()
    started = time.monotonic()
    proof = nw.verify.bit_exact(graph, design, rows)
    yield (
        f"{graph.name}: {proof.identical:,} of {proof.rows:,} rows identical in "
        f"{time.monotonic() - started:.0f} s; {design.cycles} clocks a run, as the formula says"
    )


def swept(graph: Graph, sizes: list[tuple[int, int, int]], mapped: bool, route: bool) -> Table:
    """The design space: clocks of all sizes, lookup tables of some."""
    table = Table(title=f"{graph.name}: lanes x units x elements; LUT beside {PUBLISHED_LUTS}")
    names = ("size", "clocks", "use", "memory", "part", "LUT", "FF", "DSP", "LUT each", "MHz")
    for name in names:
        table.add_column(name, justify="right")
    for size in sizes:
        for part, dsp in (
            (("ecp5-85k", False), ("ecp5-85k-dsp", True)) if mapped else (("", False),)
        ):
            with tempfile.TemporaryDirectory() as folder:
                found = evaluate(
                    graph, *size, folder=Path(folder) / "design" if mapped else None,
                    part=part or "ecp5-85k", dsp=dsp, routed=route, clock_mhz=100.0,
                )  # fmt: skip
            cells = ["" if value is None else f"{value:g}" for value in (
                found.lut and found.lut.value, found.ff and found.ff.value, found.dsp,
                found.lut_per_multiplier and round(found.lut_per_multiplier),
                found.fmax and round(found.fmax.value, 1),
            )]  # fmt: skip
            table.add_row("x".join(map(str, size)), str(found.cycles), f"{found.utilization:.0%}",
                          f"{found.memory_bits:,}", part, *cells)  # fmt: skip
    return table


def main() -> None:
    """Print both parts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000, help="pulses to compare")
    parser.add_argument("--no-mapping", action="store_true", help="count no lookup tables")
    parser.add_argument("--route", action="store_true", help="place and route what is mapped")
    asked = parser.parse_args()
    console = Console()
    torch.manual_seed(0)
    rows = pulses(asked.rows)
    graphs = [graph_of(model, rows) for model in (Regression(), Denoising())]
    with tempfile.TemporaryDirectory() as folder:
        for number, graph in enumerate(graphs):
            for line in compared(graph, rows, Path(folder) / str(number)):
                console.print(line)
    console.print(swept(graphs[0], list(SIZES), mapped=False, route=False))
    if not asked.no_mapping:
        console.print(swept(graphs[0], list(MAPPED), mapped=True, route=asked.route))


if __name__ == "__main__":
    main()
