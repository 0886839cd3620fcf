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
from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import nn

from netwright import models, train
from netwright.backends import hls
from netwright.backends.rtl import ChipDesign, ChipOptions, rtl
from netwright.backends.rtl.chip import ChipDriver, Controller, WeightImage
from netwright.backends.rtl.chip.words import Integers
from netwright.formats import Int
from netwright.ir import Graph
from netwright.tasks.calorimeter import wafers
from netwright.tasks.calorimeter_charges import normalize
from netwright.tasks.calorimeter_geometry import SHAPES, arrange
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
    source = train.QuantInput(train.QuantSpec(Int(8, signed=False)))
    conv, dense = layers["conv1"], layers["fc1"]
    assert isinstance(conv, nn.Conv2d)
    assert isinstance(dense, nn.Linear)
    weight = train.QuantSpec(Int(6))
    first = train.QuantLayer(
        conv, source.quantizer, weight, bias_bits=13,
        output=train.QuantSpec(Int(8, signed=False)), relu=True,
    )  # fmt: skip
    assert first.output_quantizer is not None
    last = train.QuantLayer(
        dense, first.output_quantizer, weight, bias_bits=13,
        output=train.QuantSpec(Int(9, signed=False)), relu=True,
    )  # fmt: skip
    assert last.output_quantizer is not None
    for quantizer, exponent in (
        (source.quantizer, -7),
        (first.weight_quantizer, -5),
        (first.output_quantizer, -7),
        (last.weight_quantizer, -5),
        (last.output_quantizer, -8),
    ):
        quantizer.set_scale(torch.tensor(2.0**exponent, dtype=torch.float64))
    first.align_bias()
    last.align_bias()
    parts = OrderedDict(quantize_input=source, conv1=first, flatten=nn.Flatten(), fc1=last)
    return train.trace(train.QuantModel(parts, input_shape=SHAPES[layout]).eval(), name="encoder")


def arrangement(layout: str) -> tuple[int, ...]:
    """The cell that each input of the encoder gets, or -1."""
    numbers = arrange(np.arange(1.0, 49.0)[None], layout)
    return tuple(int(number) - 1 for number in numbers.ravel())


def chip_rows(layout: str, charges: Integers, folder: Path, table: Table) -> bool:
    """All weight sets and modes through the chip; whether every word was right."""
    graphs = [published(layout, seed) for seed in range(SETS)]
    options = ChipOptions(arrangement=arrangement(layout))
    design = rtl(weights="loadable", chip=options, clock_mhz=CLOCK_MHZ).generate(
        graphs[0], folder / "chip"
    )
    assert isinstance(design, ChipDesign)
    good, generation = True, 0
    images: dict[int, WeightImage] = {}
    with design.simulated() as chip:
        chip.feed(charges)
        driver = ChipDriver(Controller(chip), design.bank, options.address)
        driver.check_identity()
        for number, graph in enumerate(graphs):
            start = time.monotonic()
            image = design.image(graph)
            generation += 1
            images[generation] = image
            driver.load(image)
            good &= driver.read_back() == image
            found = design.compare(chip.collect(), images)
            good &= found.holds
            table.add_row(
                layout, str(number + 1), "load and read back", "", "", f"{found.crossings}",
                f"{found.identical}", f"{time.monotonic() - start:.0f}",
            )  # fmt: skip
            for mode, bits in enumerate(options.latent_bits):
                start = time.monotonic()
                if mode:
                    image = driver.set_mode(image, mode)
                    generation += 1
                    images[generation % 16] = image
                    good &= design.compare(chip.collect(), images).holds
                chip.run(len(charges))
                found = design.compare(chip.collect(), images)
                good &= found.holds
                table.add_row(
                    layout, str(number + 1), "wafers", str(bits),
                    str(design.structure.words.links(mode)), f"{found.crossings}",
                    f"{found.identical}", f"{time.monotonic() - start:.0f}",
                )  # fmt: skip
    return good


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
