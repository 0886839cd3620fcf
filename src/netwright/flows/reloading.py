"""Designs whose weights are loaded, compared with other weights and over their bus."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from netwright.flows.conversion import compare_candidates
from netwright.report import CertificateRow

if TYPE_CHECKING:
    from netwright.backends import ChipDesign, RtlDesign
    from netwright.backends.rtl.chip import ChipRow

RELOADS = 8
"""Weight sets: all least and greatest weights and biases, by turns."""

RELOADED_ROWS = 1000
"""Random rows for each."""

CHIP_WAFERS = 500
"""Random wafers for each weight set and mode of a chip."""


def compare_reloads(design: RtlDesign) -> tuple[CertificateRow, ...]:
    """Compare a design with the graphs of other weights, which reach as far as any do.

    Raises:
        BackendError: Its weights are fixed.
    """
    from netwright.verify.stimuli import random

    rows: list[CertificateRow] = []
    for number, other in enumerate(design.reloads(count=RELOADS), start=1):
        name = f"other weights {number}"
        stimulus = random(other.graph, rows=RELOADED_ROWS)
        rows += compare_candidates(other.graph, {name: other}, [stimulus])
    return tuple(rows)


def compare_chip(design: ChipDesign) -> tuple[CertificateRow, ...]:
    """Compare every word of a whole chip while its own and other weights are loaded over its bus.

    Raises:
        BackendError: The chip refused weights.
        VerificationError: What was read back is not what was loaded.
    """
    from netwright.backends.rtl.chip import check_chip, random_charges

    chip = design.structure
    charges = random_charges(CHIP_WAFERS, chip.cells, chip.options.charge_bits)
    others = [other.graph for other in design.reloads(count=RELOADS)[:1]]
    return chip_rows(check_chip(design, charges, [design.graph, *others]))


def chip_rows(found: Sequence[ChipRow]) -> tuple[CertificateRow, ...]:
    """The check of a chip as rows of a certificate."""
    return tuple(
        CertificateRow(
            stage="chip",
            against="graph",
            stimuli=f"weights {row.weights}, "
            + (f"{row.bits} bits" if row.bits else "loaded over I2C"),
            num_rows=row.words.crossings,
            num_identical=row.words.identical,
            difference=row.words.first or None,
        )
        for row in found
    )


def compare_loaded(
    design: object, *, tell: Callable[[str], None] = lambda text: None
) -> tuple[CertificateRow, ...]:
    """What is compared of a design because its weights are loaded; nothing if they are not."""
    from netwright.backends import ChipDesign, RtlDesign

    rows: tuple[CertificateRow, ...] = ()
    if isinstance(design, RtlDesign) and design.is_loadable:
        tell("comparing it with other weights loaded ...")
        rows += compare_reloads(design)
    if isinstance(design, ChipDesign):
        rows += compare_chip(design)
    return rows
