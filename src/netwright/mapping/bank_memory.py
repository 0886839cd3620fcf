"""What lies in the banks of a memory, word for word."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netwright.arch import Dram
from netwright.errors import MappingError
from netwright.formats.bfloat import Halves
from netwright.mapping.bank_columns import elements_of, places
from netwright.mapping.layout import Layout, Product

Integers = NDArray[np.int64]

BITS = 16
"""Of a word."""

AT_ONCE = 1 << 19
"""Columns whose places are computed together."""


@dataclass(frozen=True, eq=False)
class BankMemory:
    """Words of 16 bits by channel, bank, row, column and place in the column.

    Attributes:
        dram: The memory.
        words: (channels, banks, rows that are used, columns, words of a column).
    """

    dram: Dram
    words: Halves

    @classmethod
    def of(cls, dram: Dram, num_rows: int) -> BankMemory:
        """A memory of zeros.

        Args:
            dram: Its organization.
            num_rows: Rows of each bank that are used.

        Raises:
            MappingError: Banks have fewer rows.
        """
        if not 0 <= num_rows <= dram.rows:
            raise MappingError([f"{num_rows} rows are used, banks have {dram.rows}"])
        shape = (dram.channels, dram.banks, num_rows, dram.columns, elements_of(dram, BITS))
        return cls(dram, np.zeros(shape, np.uint16))

    def write(self, layout: Layout, product: Product, vectors: Halves) -> None:
        """Put vectors (groups, outputs, elements) where a layout says."""
        for at, part, first in self._places(layout, product):
            if layout.summed_along_rows:
                width = self.words.shape[-1]
                held = np.zeros((len(first), width), np.uint16)
                flat = vectors.reshape(-1, product.length)
                for lane in range(width):
                    inside = first + lane < product.length
                    held[inside, lane] = flat[part[inside], first[inside] + lane]
                self.words[at[:, 0], at[:, 1], at[:, 2], at[:, 3]] = held
            else:
                flat = vectors.reshape(-1, product.length)
                self.words[tuple(at.T)] = flat[part, first]

    def read(self, layout: Layout, product: Product) -> Halves:
        """The vectors (groups, outputs, elements) of a layout, column by column."""
        shape = (product.groups, product.outputs, product.length)
        made = np.zeros(shape, np.uint16)
        flat = made.reshape(-1, product.length)
        for at, part, first in self._places(layout, product):
            if layout.summed_along_rows:
                held = self.words[at[:, 0], at[:, 1], at[:, 2], at[:, 3]]
                for lane in range(held.shape[1]):
                    inside = first + lane < product.length
                    flat[part[inside], first[inside] + lane] = held[inside, lane]
            else:
                flat[part, first] = self.words[tuple(at.T)]
        return made

    def _places(
        self, layout: Layout, product: Product
    ) -> Iterator[tuple[Integers, Integers, Integers]]:
        """Places of words, the vectors that they belong to, and their first elements there."""
        width = self.words.shape[-1] if layout.summed_along_rows else 1
        firsts = np.array(
            [
                first
                for start in range(0, product.length, layout.piece)
                for first in range(start, min(start + layout.piece, product.length), width)
            ],
            np.int64,
        )
        vectors = product.groups * product.outputs
        step = max(AT_ONCE // max(len(firsts), 1), 1)
        for start in range(0, vectors, step):
            number = np.arange(start, min(start + step, vectors))
            part, first = (axis.ravel() for axis in np.meshgrid(number, firsts, indexing="ij"))
            groups, outputs = part // product.outputs, part % product.outputs
            yield places(layout, product, self.dram, BITS, groups, outputs, first), part, first
