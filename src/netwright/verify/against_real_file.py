"""The first stage of a certificate of real values: outputs as close as floats allow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netwright.errors import ConfigError, NotExecutable, VerificationError
from netwright.ir import Graph, Interpreter, interface_values, rows_together
from netwright.ir.interpret import Values
from netwright.verify.against_file import RealExecutable, without_precision
from netwright.verify.compare import as_stimulus
from netwright.verify.stimulus import Stimulus

Reals = NDArray[np.float64]

IN_FLOAT64, IN_FILE = 2.0**-30, 2.0**-10
"""Largest difference of an output, as a share of its largest magnitude: of a file computed in
float64 and the graph; and of a file that can be computed in its own precision alone. The first was
4e-16 of an encoder of twelve blocks."""

RECOGNIZED = 2.0**-20
"""The same of operators that were recognized in what a file writes out: it may hold their constants
rounded to float32, such as the square root of 2 in GELU. Of that encoder it was 3e-8."""

CHUNK_ROWS = 64


@dataclass(frozen=True, slots=True)
class RealFileComparison:
    """What a comparison of a real graph with its file found.

    Attributes:
        stimulus: Name of the inputs.
        rows: Rows checked.
        close: Rows whose every output is as close as is accepted.
        accepted: What that is, as a share of the largest magnitude of an output.
        apart: Largest difference that decided, as such a share.
        in_file: The same for the file in its own precision: measured, and no reason to refuse where
            the file could be computed in float64. ``None`` where no file was executed.
        obstacle: Why the file could not be computed in float64, if it could not.
        first: The first row that is not close enough, in one sentence.
        wanted: Rows that were asked for, where a row is so large that there are fewer; else 0.
    """

    stimulus: str
    rows: int
    close: int
    accepted: float
    apart: float
    in_file: float | None
    obstacle: str | None
    first: str | None
    wanted: int = 0

    @property
    def holds(self) -> bool:
        """Whether something was checked and every row is close."""
        return 0 < self.rows == self.close

    @property
    def sentence(self) -> str:
        """What was compared, and how."""
        if self.in_file is None:
            return (
                f"outputs differ by {self.apart:.2g} of the largest from what the file writes out, "
                f"accepted are {self.accepted:.2g}: its constants may be rounded"
            )
        if self.obstacle is not None:
            return (
                f"outputs differ by {self.in_file:.2g} of the largest, accepted are "
                f"{self.accepted:.2g} (not computed in float64: {self.obstacle})"
            )
        return (
            f"outputs differ by {self.apart:.2g} of the largest where both are computed in "
            f"float64, accepted are {self.accepted:.2g}; by {self.in_file:.2g} from the file as "
            "it is"
        )


def compare_real_file(
    graph: Graph, file: RealExecutable, inputs: Values | Stimulus
) -> RealFileComparison:
    """Compare a file with the graph of real values that was read from it.

    Rows are rounded to what the file takes first. The file is computed in float64, where its
    rounding cannot hide another meaning, and in its own precision, so that it is known how far that
    is away. In float64 quantizers of inputs round exactly, in the file and in the graph; otherwise
    the code of a value beside a border is that of the file's precision.

    Args:
        graph: The graph as it was read, before anything is recognized or quantized.
        file: The file.
        inputs: Inputs.

    Raises:
        ConfigError: There are no rows.
        NotExecutable: The file cannot be executed.
        VerificationError: Its outputs have other shapes, or the graph gives no finite number.
    """
    stimulus = as_stimulus(inputs)
    if len(stimulus) == 0:
        raise ConfigError(f'stimulus "{stimulus.name}" has no rows')
    rounding = without_precision(graph)
    asked = Interpreter.of(graph)
    exactly = asked if rounding is graph else Interpreter.of(rounding)
    step = rows_together(interface_values(graph), CHUNK_ROWS)
    ours, own = list[list[Reals]](), list[list[Reals]]()
    exact, wide, obstacle = list[list[Reals]](), list[list[Reals]](), None
    for start in range(0, len(stimulus), step):
        rows = file.taken(stimulus.part(slice(start, start + step)).inputs)
        ours.append(_outputs(asked, rows))
        own.append(_shaped(graph, file, file.run(rows), ours[-1]))
        if obstacle is None:
            exact.append(ours[-1] if exactly is asked else _outputs(exactly, rows))
            try:
                made = file.run(rows, precision="all-float64")
                wide.append(_shaped(graph, file, made, ours[-1]))
            except NotExecutable as error:
                obstacle = error.message
    pair, accepted = ((ours, own), IN_FILE) if obstacle else ((exact, wide), IN_FLOAT64)
    told = zip(graph.outputs, _whole(ours), _whole(own), strict=True)
    in_file = max(float(_share(name, a, b).max(initial=0.0)) for name, a, b in told)
    mine, judged = map(_whole, pair)
    return _judged(graph, mine, judged, stimulus, accepted, in_file, obstacle, file.name)


def compare_recognized(
    graph: Graph, written: Graph, inputs: Values | Stimulus
) -> RealFileComparison:
    """Compare operators that were recognized with what the file writes out, both in float64.

    Args:
        graph: The graph after :func:`netwright.passes.recognize`.
        written: The graph before, which is compared with the file itself.
        inputs: Inputs, rounded to single precision first.

    Raises:
        ConfigError: There are no rows.
        VerificationError: The graphs' outputs have other shapes, or are no finite numbers.
    """
    stimulus = as_stimulus(inputs)
    if len(stimulus) == 0:
        raise ConfigError(f'stimulus "{stimulus.name}" has no rows')
    known, other = Interpreter.of(graph), Interpreter.of(written)
    step = rows_together(interface_values(written), CHUNK_ROWS)
    ours, theirs = list[list[Reals]](), list[list[Reals]]()
    for start in range(0, len(stimulus), step):
        rows = _single(stimulus.part(slice(start, start + step)).inputs)
        ours.append(_outputs(known, rows))
        theirs.append(_outputs(other, rows))
    return _judged(
        graph, _whole(ours), _whole(theirs), stimulus, RECOGNIZED, None, None, "the file as written"
    )


def _judged(
    graph: Graph, ours: Sequence[Reals], theirs: Sequence[Reals], stimulus: Stimulus,
    accepted: float, in_file: float | None, obstacle: str | None, other: str,
) -> RealFileComparison:  # fmt: skip
    close, apart = np.ones(len(stimulus), bool), 0.0
    for name, value, judged in zip(graph.outputs, ours, theirs, strict=True):
        share = _share(name, value, judged)
        close &= (share <= accepted).reshape(len(close), -1).all(axis=1)
        apart = max(apart, float(share.max(initial=0.0)))
    first = None
    if not close.all():
        row = int(np.flatnonzero(~close)[0])
        first = f"row {row}: {other} and the graph differ by {apart:.3g} of the largest output"
    return RealFileComparison(
        stimulus.name, len(stimulus), int(close.sum()), accepted, apart, in_file, obstacle, first,
        stimulus.wanted,
    )  # fmt: skip


def _outputs(reference: Interpreter, rows: Values) -> list[Reals]:
    made = reference.run(rows)
    return [np.asarray(made[name], np.float64) for name in reference.graph.outputs]


def _single(inputs: Values) -> Values:
    """Rows that both take without rounding: values of single precision."""
    if isinstance(inputs, np.ndarray):
        return inputs.astype(np.float32).astype(np.float64)
    return {name: array.astype(np.float32).astype(np.float64) for name, array in inputs.items()}


def _whole(parts: Sequence[Sequence[Reals]]) -> list[Reals]:
    return [np.concatenate(values) for values in zip(*parts, strict=True)]


def _share(name: str, ours: Reals, theirs: Reals) -> Reals:
    """Differences as a share of the largest magnitude.

    Infinite where one is no finite number, unless both are infinite with one sign, or NaN.
    """
    finite = np.isfinite(ours)
    if not finite.any():
        raise VerificationError(
            f'output "{name}" of the graph holds nothing but NaN and infinity',
            hint="give rows (--rows) for which the network has finite outputs",
        )
    largest = max(float(np.abs(ours).max(initial=0.0, where=finite)), 1e-30)
    same = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
    with np.errstate(invalid="ignore"):
        share = np.nan_to_num(np.abs(ours - theirs) / largest, nan=np.inf)
    return np.where(same, 0.0, share)


def _shaped(
    graph: Graph, file: RealExecutable, found: Sequence[Reals], ours: Sequence[Reals]
) -> list[Reals]:
    if len(found) != len(ours):
        raise VerificationError(f"{file.name} has {len(found)} outputs and the graph {len(ours)}")
    for name, theirs, value in zip(graph.outputs, found, ours, strict=True):
        if theirs.size != value.size:
            raise VerificationError(
                f'{file.name}: output "{name}" has the shape {theirs.shape}, in the graph '
                f"{value.shape}"
            )
    return [np.asarray(a).reshape(b.shape) for a, b in zip(found, ours, strict=True)]
