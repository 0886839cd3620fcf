"""The certificate that the stages of a run write, and the check of a whole run folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from netwright.errors import CorruptOutput, DataError, VerificationError
from netwright.files import write_text
from netwright.flows.hardware import hardware
from netwright.reading import read_typed
from netwright.report import CertificateRow
from netwright.run.folder import check_outputs, read_record
from netwright.run.manifest import read_manifest

if TYPE_CHECKING:
    from netwright.verify import Agreement, Equivalence, FileComparison, RealFileComparison

CERTIFICATE = "certificate.json"
STAGES = ("verify", "chip", "tables_rtl", "loop")
"""Stages that compare hardware with the graph, if there is hardware."""

_ROWS = TypeAdapter(tuple[CertificateRow, ...])


def certificate_row(result: Equivalence) -> CertificateRow:
    """A comparison with the graph as a row of a certificate."""
    return CertificateRow(
        stage=result.candidate,
        against="graph",
        stimuli=result.stimulus,
        num_rows=result.rows,
        num_wanted=result.wanted,
        num_identical=result.identical,
        difference=None if result.first is None else str(result.first),
    )


def agreement_row(result: Agreement) -> CertificateRow:
    """A comparison with a graph that has real parts, as a row of a certificate."""
    return CertificateRow(
        stage=result.candidate,
        against="graph",
        stimuli=result.stimulus,
        num_rows=result.rows,
        num_wanted=result.wanted,
        num_identical=0,
        num_within=result.agreeing if result.exact_nodes + result.real_nodes else 0,
        compared=result.sentence,
        difference=None if result.first is None else str(result.first),
    )


def real_file_row(stage: str, result: RealFileComparison) -> CertificateRow:
    """A comparison of real values with the user's file as a row of a certificate."""
    return CertificateRow(
        stage=stage,
        against="graph",
        stimuli=result.stimulus,
        num_rows=result.rows,
        num_wanted=result.wanted,
        num_identical=0,
        num_within=result.close,
        compared=result.sentence,
        difference=result.first,
    )


def file_row(stage: str, result: FileComparison) -> CertificateRow:
    """A comparison with the user's file as a row of a certificate."""
    obstacle = f" (in float64: {result.obstacle})" if result.obstacle else ""
    told = result.unexplained or result.first
    return CertificateRow(
        stage=stage,
        against="graph",
        stimuli=result.stimulus,
        num_rows=result.rows,
        num_wanted=result.wanted,
        num_identical=result.identical,
        num_rounded=result.float32,
        num_noted=result.noted,
        difference=None if told is None else told + obstacle,
        worst=result.worst,
        worst_steps=result.worst_steps,
    )


def write_certificate(rows: tuple[CertificateRow, ...], folder: Path) -> Path:
    """Write the rows into a stage's folder.

    Raises:
        VerificationError: There are no rows: nothing was compared.
        RunError: The folder cannot be written.
    """
    if not rows:
        raise VerificationError(
            "nothing was compared, so there is no certificate",
            hint="give stimuli with rows, and something to compare with the graph",
        )
    return write_text(folder / CERTIFICATE, _ROWS.dump_json(rows, indent=2).decode() + "\n")


def read_certificate(folder: Path) -> tuple[CertificateRow, ...]:
    """Rows of the certificate in a stage's folder.

    Raises:
        DataError: There is none, or it is damaged.
    """
    path = folder / CERTIFICATE
    rows = read_typed(path, _ROWS, what="is not a certificate")
    if not rows:
        raise DataError("is not a certificate (it holds no comparison)", source=str(path))
    return rows


def certificate(folder: Path) -> tuple[CertificateRow, ...]:
    """Rows of the certificate of the run in `folder`; empty if its flow verifies nothing.

    Raises:
        RunError: The folder is not a run.
        StaleRun: The run was written by another version.
        DataError: The certificate is not written yet, or damaged.
    """
    entries = read_manifest(folder).stages
    return stage_rows({entry.name: folder / entry.folder for entry in entries})


def stage_rows(stages: Mapping[str, Path]) -> tuple[CertificateRow, ...]:
    """Rows of the certificates that finished stages wrote.

    Args:
        stages: Folders of the stages, by name.

    Raises:
        DataError: A certificate is damaged.
    """
    records = {name: read_record(stages[name]) for name in STAGES if name in stages}
    return tuple(
        row
        for name, record in records.items()
        if record is None or CERTIFICATE in record.outputs
        for row in read_certificate(stages[name])
    )


def first_failure(folder: Path) -> str | None:
    """The first comparison or proof of a run that does not hold, as a sentence; ``None`` if all do.

    Raises:
        RunError: The folder is not a run.
        StaleRun: The run was written by another version.
        DataError: What the run found is not written yet, or damaged.
    """
    for row in certificate(folder):
        if not row.holds:
            detail = f": {row.difference}" if row.difference else ""
            return (
                f"{row.stage} differs from {row.against} in {row.num_rows - row.num_identical} "
                f"of {row.num_rows} rows ({row.stimuli}){detail}"
            )
    for made in hardware(folder):
        if not made.proofs:
            return f"nothing was proven of the design for {made.part}"
        for point in made.depths:
            if not point.identical:
                return (
                    f"with {point.adders_per_stage} adders a stage the design differs from the "
                    f"graph in {point.num_rows - point.num_identical} of {point.num_rows} rows"
                )
        for proof in (proof for proof in made.proofs if proof.failed):
            reason = proof.counter_example or "nothing was asked"
            return f"{proof.layer} is not proven ({proof.what}): {reason}"
    return None


def damaged_outputs(folder: Path) -> tuple[str, ...]:
    """One sentence for each stage of a run that is not done or no longer has its digests."""
    faults = []
    for entry in read_manifest(folder).stages:
        if entry.record is None:
            faults.append(f"{entry.folder}: the stage is {entry.status}")
            continue
        try:
            check_outputs(folder / entry.folder, entry.record, inside=folder)
        except CorruptOutput as error:
            faults.append(error.message)
    return tuple(faults)
