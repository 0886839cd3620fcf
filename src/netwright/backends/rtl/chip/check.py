"""The whole chip against the reference: weight sets loaded over its bus, every mode, every word."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from netwright.backends.rtl.chip.bus import Controller
from netwright.backends.rtl.chip.chip_design import ChipDesign
from netwright.backends.rtl.chip.driver import ChipDriver
from netwright.backends.rtl.chip.image import WeightImage
from netwright.backends.rtl.chip.reference import WordComparison
from netwright.backends.rtl.chip.reload import Recorder, Reload
from netwright.backends.rtl.chip.words import Integers
from netwright.errors import ConfigError, VerificationError
from netwright.ir import Graph
from netwright.progress import Progress, silent

GENERATIONS = 16
"""Commits after which the generation in the header begins again."""


@dataclass(frozen=True, slots=True)
class ChipRow:
    """One step of a check.

    Attributes:
        weights: Number of the weight set, from 1.
        bits: Bits of an output that leave the chip; 0 while weights are loaded and read back.
        links: Links that are used; 0 while weights are loaded.
        words: What was compared.
        seconds: Time it took, in seconds.
    """

    weights: int
    bits: int
    links: int
    words: WordComparison
    seconds: float


def check_chip(
    design: ChipDesign,
    charges: Integers,
    graphs: Sequence[Graph],
    *,
    note: Callable[[Reload], object] | None = None,
    progress: Progress = silent,
) -> tuple[ChipRow, ...]:
    """Load weight sets over the bus while charges enter in every clock, and compare every word.

    Each set is loaded in the first mode, read back, and sent through all modes; the charges go
    through the chip once in each. The second set and those after it are loaded in the middle of the
    data taking of the one before.

    Args:
        design: The chip.
        charges: (wafers, cells).
        graphs: Networks that differ from the chip's in weights and biases only.
        note: Called with what the bus and the words did, load by load.
        progress: Told of every step.

    Raises:
        GraphError: A network cannot be loaded.
        DataError: The charges cannot enter the chip.
        ConfigError: There are no charges or no networks.
        BackendError: The chip refused weights.
        VerificationError: What was read back is not what was loaded.
        ToolMissing: Verilator or g++ is not installed.
    """
    if not graphs:
        raise ConfigError("there must be at least one weight set to load")
    images = [design.image(graph) for graph in graphs]
    modes = design.structure.options.latent_bits
    rows: list[ChipRow] = []
    loaded: dict[int, WeightImage] = {}
    generation, total = 0, len(graphs) * (1 + len(modes))
    with design.simulated() as chip:
        chip.feed(charges)
        recorder = Recorder(chip)
        driver = ChipDriver(Controller(recorder), design.bank, design.structure.options.address)
        driver.check_identity()
        for number, image in enumerate(images, start=1):
            progress(len(rows), total, f"loading weight set {number}")
            start = time.monotonic()
            generation = (generation + 1) % GENERATIONS
            loaded[generation] = image
            driver.load(image)
            if driver.read_back() != image:
                raise VerificationError(f"weight set {number} was not read back as it was loaded")
            taken = chip.collect()
            if note is not None:
                note(Reload.of(recorder, taken))
            words = design.compare(taken, loaded)
            rows.append(ChipRow(number, 0, 0, words, time.monotonic() - start))
            for mode, bits in enumerate(modes):
                progress(len(rows), total, f"weight set {number}, {bits} bits")
                start = time.monotonic()
                if mode:
                    generation = (generation + 1) % GENERATIONS
                    loaded[generation] = image.with_mode(design.bank, mode)
                    driver.set_mode(image, mode)
                chip.run(len(charges))
                words = design.compare(chip.collect(), loaded)
                links = design.structure.words.links(mode)
                rows.append(ChipRow(number, bits, links, words, time.monotonic() - start))
            recorder.clear()
    progress(total, total, "")
    return tuple(rows)


def random_charges(rows: int, cells: int, bits: int, *, seed: int = 0) -> Integers:
    """Charges of all orders of magnitude; the first wafers are empty, full, and of one count.

    Args:
        rows: Wafers.
        cells: Charges of a wafer.
        bits: Bits of a charge.
        seed: Of the draws.

    Returns:
        (rows, cells), about two in five of them not zero.
    """
    random = np.random.default_rng(seed)
    top = (1 << bits) - 1
    peaks = 2.0 ** random.uniform(0, bits, (rows, 1))
    shares = random.exponential(0.3, (rows, cells)) * (random.random((rows, cells)) < 0.4)
    charges = np.minimum(np.floor(peaks * shares), top).astype(np.int64)
    special = np.zeros((3, cells), dtype=np.int64)
    special[1], special[2, -1] = top, 1
    charges[:3] = special[:rows]
    return charges


def total_words(rows: Sequence[ChipRow]) -> WordComparison:
    """All steps together."""
    return sum((row.words for row in rows), start=WordComparison(0, 0))
