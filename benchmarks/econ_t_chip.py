"""The chip of the published encoders, word by word: every weight set, every mode, over its bus.

Three weight sets are loaded over I2C while wafers enter in every clock; each is read back and sent
through all modes. Every word that leaves the chip is compared with the integer reference. The same
encoders as C++ for high-level synthesis, with constant weights, are compared with the same graphs.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from netwright import compress, models, train
from netwright.backends import hls
from netwright.backends.rtl import ChipDesign, ChipOptions, rtl
from netwright.backends.rtl.chip import check_chip, total_words
from netwright.backends.rtl.chip.words import Integers
from netwright.compress import LayerPlan, Plan
from netwright.formats import Int
from netwright.ir import Graph
from netwright.tasks.calorimeter import wafers
from netwright.tasks.calorimeter_charges import normalize
from netwright.tasks.calorimeter_geometry import SHAPES, arrange
from netwright.train.network import Step
from netwright.train.operations import RELU, QuantActivation, grid_of
from netwright.verify import bit_exact

LAYOUTS = {"8x8": 2, "4x4x3": 1}
"""The published images, and the stride of their convolution."""

SETS = 3
CLOCK_MHZ = 40.0
COLUMNS = ("image", "weights", "what", "bits", "links", "words or rows", "identical", "seconds")


def published(layout: str, seed: int) -> Graph:
    """An encoder of the published widths with random weights.

    All its scales are those of the published formats, so that its weights can be loaded into the
    chip of another one.
    """
    float_model = models.encoder(shape=SHAPES[layout], stride=LAYOUTS[layout], seed=seed)
    layers = dict(float_model.named_children())
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        for name, size in (("conv1", 0.5), ("fc1", 0.3)):
            layers[name].weight.uniform_(-size, size)
    plan = Plan((LayerPlan("conv1", 6, 8, 13), LayerPlan("fc1", 6, 8, 13)))
    network = compress.build(float_model, plan, input_shape=SHAPES[layout])
    steps = [_unsigned(step) for step in network.steps if step.name != "fc1_relu"]
    code = train.Quantizer(train.QuantSpec(Int(9, signed=False)))
    steps.append(
        Step("fc1_requantize", QuantActivation(code, RELU), ("fc1_sum",), "fc1_out", "fc1")
    )
    inputs = {"x": SHAPES[layout]}
    made = train.QuantModel(network.network, steps, input_shapes=inputs, outputs=["fc1_out"])
    for layer in made.quant_layers().values():
        layer.weight_quantizer.set_scale(torch.tensor(2.0**-5))
    for quantizer in made.sources().values():
        quantizer.set_scale(torch.tensor(2.0**-7))
    code.set_scale(torch.tensor(2.0**-8))
    for name, layer in made.quant_layers().items():
        layer.align_bias(grid_of(made.sources()[name]))
    return train.trace(made.eval(), name="encoder")


def _unsigned(step: Step) -> Step:
    """The step, with unsigned codes where it quantizes the input: charges are not negative."""
    if not isinstance(step.operation, train.QuantInput):
        return step
    quantizer = train.Quantizer(train.QuantSpec(Int(8, signed=False)))
    return replace(step, operation=train.QuantInput(quantizer))


def arrangement(layout: str) -> tuple[int, ...]:
    """The cell that each input of the encoder gets, or -1."""
    numbers = arrange(np.arange(1.0, 49.0)[None], layout)
    return tuple(int(number) - 1 for number in numbers.ravel())


def chip_rows(layout: str, charges: Integers, folder: Path, table: Table) -> bool:
    """All weight sets and modes through the chip; whether every word was right."""
    graphs = [published(layout, seed) for seed in range(SETS)]
    options = ChipOptions(arrangement=arrangement(layout))
    design = rtl(
        weights="loadable", weight_bits=6, bias_bits=13, chip=options, clock_mhz=CLOCK_MHZ
    ).generate(graphs[0], folder / "chip")
    assert isinstance(design, ChipDesign)
    rows = check_chip(design, charges, graphs)
    for row in rows:
        table.add_row(
            layout, str(row.weights), "wafers" if row.bits else "load and read back",
            str(row.bits or ""), str(row.links or ""), f"{row.words.crossings}",
            f"{row.words.identical}", f"{row.seconds:.0f}",
        )  # fmt: skip
    return total_words(rows).holds


def hls_rows(layout: str, charges: Integers, folder: Path, table: Table) -> bool:
    """The encoders as C++ with constant weights; whether every row was right."""
    codes = normalize(charges).codes.astype(np.float32) / 128
    inputs, good = arrange(codes, layout), True
    for number in range(SETS):
        start = time.monotonic()
        graph = published(layout, number)
        design = hls(clock_mhz=CLOCK_MHZ).generate(graph, folder / f"hls-{number}")
        found = bit_exact(graph, design, inputs)
        good &= found.holds
        table.add_row(
            layout, str(number + 1), "C++ for HLS", "9", "", f"{found.rows}",
            f"{found.identical}", f"{time.monotonic() - start:.0f}",
        )  # fmt: skip
    return good


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wafers", type=int, default=12_000, help="test wafers of a mode")
    parser.add_argument("--layout", choices=tuple(LAYOUTS), action="append")
    parser.add_argument("--no-hls", action="store_true", help="leave the C++ out")
    chosen = parser.parse_args()
    charges = wafers()["test"].charges[: chosen.wafers].astype(np.int64)
    table = Table(*COLUMNS, title=f"{len(charges)} test wafers of the calorimeter task")
    good = True
    for layout in chosen.layout or LAYOUTS:
        with tempfile.TemporaryDirectory() as folder:
            good &= chip_rows(layout, charges, Path(folder), table)
            if not chosen.no_hls:
                good &= hls_rows(layout, charges, Path(folder), table)
    Console().print(table)
    Console().print("every word identical" if good else "NOT every word is identical")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
