"""A user's file on its way to hardware: read, compared with itself, certified."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import netwright
from netwright.errors import (
    ConfigError,
    GraphError,
    MissingExtra,
    NotExecutable,
    NumericsError,
    VerificationError,
)
from netwright.files import sha256, write_text
from netwright.flows.certificate import (
    CERTIFICATE,
    agreement_row,
    certificate_row,
    file_row,
    real_file_row,
)
from netwright.ir import Executable, Graph
from netwright.report import FILE_STAGE, Certificate, CertificateRow, FirstStage, Inexact
from netwright.report.quantization import Quantization

if TYPE_CHECKING:
    from netwright.exchange import InputQuantizer
    from netwright.verify import RealExecutable, Stimulus

QONNX = "QONNX"
"""Name of the stage that executes the graph as it is exported."""

RECOGNIZED = "recognized network"
"""Name of the stage that compares a float file's graph before and after operators are recognized.
"""

_PROBED_ROWS = 8
_SLOW_ROWS = 256
"""Rows of each generated stimulus for a file that must be executed row by row by qonnx."""

_GENERATED = ("corners", "ties", "borders", "random")


@dataclass(frozen=True)
class Source:
    """A file that was read.

    Attributes:
        graph: The integer graph.
        first: The file and what executes it, or why nothing does.
        file: What executes it with real outputs; ``None`` where `candidates` does, or nothing.
        before_notes: The graph as it was read, in quantized form and without its head.
        candidates: What executes the graph, by stage: codes are compared with codes.
        unavailable: Stages that cannot be compared, with the reason.
        written: The graph of real values as the file writes it out, which is compared with it;
            ``None`` where that is `graph`.
        recognized: That graph with the operators that were recognized in it; ``None`` where there
            are none.
    """

    graph: Graph
    first: FirstStage
    file: RealExecutable | None = None
    before_notes: Graph | None = None
    candidates: Mapping[str, Executable] = field(default_factory=dict)
    unavailable: Mapping[str, str] = field(default_factory=dict)
    written: Graph | None = None
    recognized: Graph | None = None

    @property
    def stage(self) -> str:
        """Name of the first stage."""
        return f"{FILE_STAGE} ({self.first.executor})"


def read_source(path: Path, *, input_quantizer: InputQuantizer | None = None) -> Source:
    """Read a QONNX file or one of HGQ2, and find what can execute it.

    Args:
        path: The file.
        input_quantizer: What quantizes inputs that an ONNX file leaves real.

    Raises:
        DataError, UnsupportedOp, GraphError, NumericsError: The file cannot be read, or has no
            exact integers; the message lists all faults.
    """
    if path.suffix == ".keras":
        if input_quantizer is not None:
            raise ConfigError(
                "an input quantizer is for ONNX files", hint="files of HGQ2 quantize their inputs"
            )
        return _read_hgq(path)
    from netwright.exchange import FileReferee, read_qonnx, referee
    from netwright.passes import StripHead, integerize
    from netwright.passes.post_training import QUANTIZERS

    read = read_qonnx(path, input_quantizer=input_quantizer)
    try:
        graph = integerize(read)
    except GraphError:
        if any(node.op in QUANTIZERS for node in read.nodes):
            raise
        raise GraphError(
            f"{path.name} has no quantizers: it is a float network",
            hint="quantize it after training: --quantize --calibrate ROWS.npz; if only its inputs "
            "are real, --input-quant BITS,SCALE",
        ) from None
    first, file = FirstStage(file=path.name, sha256=sha256(path)), None
    try:
        file = FileReferee(path, graph, input_quantizer=input_quantizer)
        first = first.model_copy(update={"executor": file.executor})
    except (GraphError, MissingExtra, NotExecutable) as error:
        first = first.model_copy(update={"missing": error.message})
    candidates: dict[str, Executable] = {}
    unavailable: dict[str, str] = {}
    try:
        candidates[QONNX] = referee(graph)
    except (GraphError, NumericsError, MissingExtra) as error:
        unavailable[QONNX] = error.message
    return Source(graph, first, file, StripHead()(read), candidates, unavailable)


def _read_hgq(path: Path) -> Source:
    from netwright.exchange import HgqModel

    source = HgqModel.of(path)
    first = FirstStage(file=path.name, sha256=sha256(path))
    try:
        source.load()
    except MissingExtra as missing:
        told = f"{missing.message}; {missing.hint}"
        return Source(source.graph, first.model_copy(update={"missing": told}))
    first = first.model_copy(update={"executor": f"HGQ2 {version('hgq2')}"})
    made = Source(source.graph, first)
    return Source(source.graph, first, candidates={made.stage: source})


def stimuli_for(
    source: Source, *, own: Stimulus | None = None, random_rows: int
) -> tuple[Stimulus, ...]:
    """The rows on which a file is compared: the user's own, corners, ties, borders, random ones.

    Those that are made hold integers where the file's inputs do.

    Raises:
        GraphError: The graph's inputs are not quantized, so that no rows can be made.
        ConfigError: `random_rows` is below 1.
    """
    from netwright.verify import borders, corners, random, ties

    graph = source.graph
    limits = source.file.limits if source.file is not None else {}
    drawn = (corners(graph), ties(graph), borders(graph), random(graph, rows=random_rows))
    made = tuple(stimulus.of_integers(limits, graph) for stimulus in drawn)
    return made if own is None else (own, *made)


def compare_source(
    source: Source, stimuli: Sequence[Stimulus]
) -> tuple[Source, tuple[CertificateRow, ...]]:
    """Compare the file, and everything else that executes the graph but no hardware, with it.

    Returns:
        The source, which says so if its file turned out not to be executable, and the rows.
    """
    rows: list[CertificateRow] = []
    if source.file is not None:
        try:
            rows = _file_rows(source, source.file, stimuli)
        except NotExecutable as error:
            first = source.first.model_copy(update={"executor": None, "missing": error.message})
            source = replace(source, first=first, file=None)
    rows += _recognized_rows(source, stimuli)
    return source, (*rows, *compare_candidates(source.graph, source.candidates, stimuli))


def compare_candidates(
    graph: Graph, candidates: Mapping[str, Executable], stimuli: Sequence[Stimulus]
) -> tuple[CertificateRow, ...]:
    """Compare what executes the graph; what cannot be compared is different.

    In the integer form outputs must be equal; where a graph has real parts, every operator must be
    within its tolerance.
    """
    from netwright.verify import agree, certify

    rows: list[CertificateRow] = []
    for name, candidate in candidates.items():
        for stimulus in stimuli:
            if not len(stimulus):  # some graphs have no ties; what is left is never nothing
                continue
            try:
                if not graph.is_integer:
                    rows.append(agreement_row(agree(graph, candidate, stimulus, name=name)))
                    continue
                results = certify(graph, {name: candidate}, [stimulus])
                rows += [certificate_row(result) for result in results]
            except VerificationError as error:
                rows.append(_refused(name, stimulus, error))
    return tuple(rows)


def _file_rows(
    source: Source, file: RealExecutable, stimuli: Sequence[Stimulus]
) -> list[CertificateRow]:
    from netwright.verify import compare_file, compare_real_file

    rows = []
    _probe(file, stimuli)
    for stimulus in stimuli:
        if not len(stimulus):
            continue
        try:
            if not source.graph.is_integer:
                real = compare_real_file(source.written or source.graph, file, stimulus)
                rows.append(real_file_row(source.stage, real))
                continue
            if getattr(file, "is_slow", False) and stimulus.name in _GENERATED:
                stimulus = stimulus.first(_SLOW_ROWS)
            found = compare_file(source.graph, file, stimulus, before_notes=source.before_notes)
            rows.append(file_row(source.stage, found))
        except NotExecutable:
            raise
        except VerificationError as error:
            rows.append(_refused(source.stage, stimulus, error))
    return rows


def _probe(file: RealExecutable, stimuli: Sequence[Stimulus]) -> None:
    """Let the file find out on rows of the last stimulus whether it takes several at once.

    These are random ones as a rule: in corners, rows that depend on each other may look as if they
    did not, since they are clipped.
    """
    last = next((stimulus for stimulus in reversed(stimuli) if len(stimulus)), None)
    if last is None:
        return
    chosen = np.linspace(0, len(last) - 1, min(len(last), _PROBED_ROWS)).astype(int)
    try:
        file.run(last.part(chosen.tolist()).inputs)
    except VerificationError:  # said of every stimulus
        return


def _recognized_rows(source: Source, stimuli: Sequence[Stimulus]) -> list[CertificateRow]:
    """Operators that were recognized against what the file writes out."""
    from netwright.verify import compare_recognized

    if source.recognized is None or source.written is None:
        return []
    rows = []
    for stimulus in stimuli:
        if not len(stimulus):
            continue
        try:
            found = compare_recognized(source.recognized, source.written, stimulus)
            rows.append(real_file_row(RECOGNIZED, found))
        except VerificationError as error:
            rows.append(_refused(RECOGNIZED, stimulus, error))
    return rows


def _refused(stage: str, stimulus: Stimulus, error: VerificationError) -> CertificateRow:
    """A row for outputs that cannot even be compared."""
    return CertificateRow(
        stage=stage,
        against="graph",
        stimuli=stimulus.name,
        num_rows=len(stimulus),
        num_wanted=stimulus.wanted,
        num_identical=0,
        difference=error.message,
    )


def make_certificate(
    source: Source,
    rows: Sequence[CertificateRow],
    *,
    refuted: Sequence[str] = (),
    quantized: Quantization | None = None,
    seconds: float = 0.0,
) -> Certificate:
    """Put everything that was compared together; what says when and how long stands apart."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    when = {"date": now, "seconds": f"{seconds:.1f}"}
    return Certificate(
        first=source.first,
        graph=source.graph.digest,
        rows=tuple(rows),
        unavailable=dict(source.unavailable),
        notes=tuple(
            Inexact(node=n.node, text=n.text, error=n.error, output_bound=n.output_bound)
            for n in source.graph.notes
        ),
        refuted=tuple(refuted),
        quantized=quantized,
        made_by=f"netwright {netwright.__version__}",
        when=when,
    )


def write_conversion(certificate: Certificate, folder: Path) -> Path:
    """Write a certificate, its verdict first, into the folder of a conversion.

    Raises:
        RunError: The folder cannot be written.
    """
    data = {"verdict": certificate.verdict, "holds": certificate.holds}
    data |= certificate.model_dump(mode="json")
    return write_text(folder / CERTIFICATE, json.dumps(data, indent=2, ensure_ascii=False) + "\n")
