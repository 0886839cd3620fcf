"""How much of an array its decoders take, by several ways of counting."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from netwright.backends.rtl.arrays.counting import Cells, PartCount
from netwright.backends.rtl.arrays.design import TIMEOUT_S
from netwright.backends.rtl.arrays.outlier import OutlierArray
from netwright.errors import ConfigError
from netwright.formats import OutlierPairs
from netwright.progress import Progress, silent
from netwright.quantities import Quantity


@dataclass(frozen=True, slots=True)
class DecoderShares:
    """Shares of area that decoding takes, from 0 to 1, of elements and decoders alone.

    Attributes:
        rows: Rows of elements.
        columns: Columns of elements.
        element: Area of an element.
        registers: The part of it that its registers take.
        border: Area of a decoder on the border, with the choice of one element of a pair.
        of_array: Decoders on two borders, of them and the elements.
        of_arithmetic: The same with elements counted without their registers.
        in_elements: Two decoders in every element instead, of it and the decoders.
        in_elements_of_arithmetic: The same with elements counted without their registers.
    """

    rows: int
    columns: int
    element: Quantity
    registers: Quantity
    border: Quantity
    of_array: Quantity
    of_arithmetic: Quantity
    in_elements: Quantity
    in_elements_of_arithmetic: Quantity

    @classmethod
    def of(cls, rows: int, columns: int, element: PartCount, border: PartCount) -> DecoderShares:
        """The shares in an array of any size, from what its parts take."""
        decoder, whole = border.each.value, element.each.value
        bare = whole - element.registers.value
        number = (rows + columns) / (rows * columns)  # decoders on the borders for each element

        def share(decoders: float, rest: float) -> Quantity:
            value = decoders * decoder / (decoders * decoder + rest)
            return Quantity(value, "", element.each.source, "modelled")

        return cls(
            rows, columns, element.each, element.registers, border.each, share(number, whole),
            share(number, bare), share(2, whole), share(2, bare),
        )  # fmt: skip


def decoder_shares(
    folder: str | Path,
    *,
    rows: int = 32,
    columns: int = 32,
    number: OutlierPairs | None = None,
    cells: Cells = "nangate45",
    timeout_s: float = TIMEOUT_S,
    progress: Progress = silent,
) -> DecoderShares:
    """What decoding takes of an array of any size, from one element and one decoder of it.

    Args:
        folder: Where the smallest array goes that has both, with the report of its synthesis.
        rows: Rows of elements, at least 1.
        columns: Columns of elements, at least 1.
        number: The codes; ``OutlierPairs()`` unless given.
        cells: What to count in; see :meth:`ArrayDesign.count`.
        timeout_s: Wall-clock seconds the synthesizer gets.
        progress: Told what it does.

    Raises:
        ConfigError: A value is not accepted.
        ToolMissing: The library is not installed.
        MissingExtra: pyosys is not installed.
        ToolFailed: Yosys ended with an error, or ran past its time.
        RunError: The folder holds something else, or cannot be written.
    """
    for name, value in (("rows", rows), ("columns", columns)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ConfigError(f"{name} must be an integer from 1, not {value!r}")
    design = OutlierArray(1, 1, number or OutlierPairs()).generate(folder)
    parts = design.count(cells, timeout_s=timeout_s, progress=progress).parts
    return DecoderShares.of(rows, columns, parts["ovp_pe"], parts["ovp_border"])
