"""The whole chip in exact integers: from charges to the words that leave it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from netwright.backends.rtl.chip.bank import Bank
from netwright.backends.rtl.chip.image import WeightImage
from netwright.backends.rtl.chip.simulation import Taken
from netwright.backends.rtl.chip.structure import Structure, check_graph
from netwright.backends.rtl.chip.words import Integers, check_charges
from netwright.formats import shared_exponent
from netwright.ir import Graph, Interpreter


@dataclass(frozen=True)
class ChipReference:
    """What a chip computes, by the interpreter of the graph and a few lines of NumPy.

    Attributes:
        structure: The chip.
        graph: The network with the weights that are loaded.
    """

    structure: Structure
    graph: Graph

    def codes(self, charges: Integers) -> tuple[Integers, Integers]:
        """Outputs of the network (wafers, outputs) and exponents (wafers).

        Args:
            charges: (wafers, cells), integers of the chip's width.

        Raises:
            DataError: The charges cannot enter the chip.
        """
        values, exponents = self.inputs(charges)
        (output,) = self.graph.outputs
        made = self._interpreter.run(values)[output]
        return made.reshape(len(exponents), math.prod(made.shape[1:])).astype(np.int64), exponents

    def inputs(self, charges: Integers) -> tuple[dict[str, NDArray[np.float64]], Integers]:
        """What the network reads, by the name of its input, and exponents (wafers).

        Args:
            charges: (wafers, cells), integers of the chip's width.

        Raises:
            DataError: The charges cannot enter the chip.
        """
        chip = self.structure
        charges = check_charges(charges, chip.cells, chip.options.charge_bits)
        normalized, exponents = shared_exponent(charges, chip.code_bits)
        padded = np.concatenate([normalized, np.zeros((len(charges), 1), dtype=np.int64)], axis=1)
        arranged = padded[:, list(chip.arrangement)]  # -1 is the column of zeros
        host = check_graph(self.graph)
        shape = self.graph.types[host.output].shape[1:]
        values = arranged.reshape(len(charges), *shape) * host.reals("scale")[0]
        return {host.inputs[0]: values}, exponents

    def words(
        self,
        charges: Integers,
        *,
        mode: int,
        generation: Integers | int = 0,
        crossing: Integers | int = 0,
        fault: Integers | int = 0,
    ) -> NDArray[np.uint32]:
        """The words (wafers, links); see :meth:`WordFormat.pack` for the header.

        Raises:
            DataError: The charges cannot enter the chip.
        """
        codes, exponents = self.codes(charges)
        return self.structure.words.pack(
            codes, exponents, mode=mode, generation=generation, crossing=crossing, fault=fault
        )

    @cached_property
    def _interpreter(self) -> Interpreter:
        return Interpreter.of(self.graph)

    def with_graph(self, graph: Graph) -> ChipReference:
        """The same chip with other weights."""
        return replace(self, graph=graph)


@dataclass(frozen=True, slots=True)
class WordComparison:
    """How many words of a chip were as the reference has them.

    Attributes:
        crossings: Crossings that were compared.
        identical: Crossings whose words were identical on all links.
        first: The first difference, in one sentence; empty if there is none.
    """

    crossings: int
    identical: int
    first: str = ""

    def __add__(self, other: WordComparison) -> WordComparison:
        return WordComparison(
            self.crossings + other.crossings,
            self.identical + other.identical,
            self.first or other.first,
        )

    @property
    def holds(self) -> bool:
        """Whether all were identical, and there was one at least."""
        return 0 < self.crossings == self.identical


def compare_words(
    reference: ChipReference, taken: Taken, images: Mapping[int, WeightImage]
) -> WordComparison:
    """Compare what left a chip with what the weights that its header names would make.

    Args:
        reference: The chip.
        taken: What left it.
        images: What was loaded, by the generation in the header; generation 0 is the state of the
            reset, all zero, unless it is given.
    """
    chip = reference.structure
    images = {0: empty_image(chip.bank)} | dict(images)
    header = taken.words[:, 0].astype(np.int64)
    generations, faults = header >> 2 & 15, header >> 10 & 1
    identical = np.zeros(len(header), dtype=bool)
    expected = np.zeros_like(taken.words)
    for generation in np.unique(generations).tolist():
        if generation not in images:
            continue
        rows = np.flatnonzero(generations == generation)
        image = images[generation]
        loaded = reference.with_graph(image.graph(chip.bank, reference.graph))
        expected[rows] = loaded.words(
            taken.charges[rows],
            mode=image.mode,
            generation=generation,
            crossing=taken.crossing[rows],
            fault=faults[rows],
        )
        identical[rows] = np.all(expected[rows] == taken.words[rows], axis=1)
    first = ""
    if not identical.all():
        row = int(np.flatnonzero(~identical)[0])
        if int(generations[row]) not in images:
            first = f"word {row} says generation {int(generations[row])}, which was not loaded"
        else:
            link = int(np.flatnonzero(expected[row] != taken.words[row])[0])
            first = (
                f"word {row} of link {link}: expected 0x{int(expected[row, link]):08x}, got "
                f"0x{int(taken.words[row, link]):08x}"
            )
    return WordComparison(len(header), int(identical.sum()), first)


def empty_image(bank: Bank) -> WeightImage:
    """The weights of a chip that was not loaded: all zero, in mode 0."""
    zeros = {field.tensor: np.zeros(field.count, dtype=np.int64) for field in bank.fields}
    return WeightImage.from_values(bank, zeros, mode=0)
