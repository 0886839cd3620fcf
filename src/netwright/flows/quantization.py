"""A float ONNX file becomes a QONNX file, quantized after training and measured against it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from netwright.errors import ConfigError, DataError, GraphError, UnsupportedOp
from netwright.files import sha256
from netwright.ir import FLOAT, Graph, Interpreter, Node, TensorType, operators, real_values
from netwright.report.quantization import Quantization

if TYPE_CHECKING:
    from netwright.passes import Widths
    from netwright.passes.calibration import ScaleKind, ScaleRule
    from netwright.verify import Stimulus

QUANTIZED = "quantized.onnx"
"""Name of the quantized file in the folder of a conversion."""


def read_bits(text: str) -> Widths:
    """Widths from ``8``, or ``6,8`` for weights and activations.

    Raises:
        ConfigError: They are none.
    """
    from netwright.passes import Widths

    parts = [part.strip() for part in text.split(",")]
    digits = text.isascii() and all(part.isdecimal() and len(part) < 4 for part in parts)
    if not 1 <= len(parts) <= 2 or not digits:
        raise ConfigError(
            f"--bits must be one width, or those of weights and activations, not {text!r}",
            hint="for example --bits 8, or --bits 6,8",
        )
    return Widths(int(parts[0]), int(parts[-1]))


def quantize_file(
    path: Path,
    out: Path,
    *,
    calibrate: Path | None,
    bits: str | None = None,
    bops: float | None = None,
    scale: ScaleKind = "power-of-two",
    rows: Path | None = None,
    labels: Path | None = None,
    rules: tuple[ScaleRule, ScaleRule] = ("mse", "mse"),
) -> tuple[Path, Quantization]:
    """Quantize a float file after training, and measure how far its outputs move.

    Args:
        path: An ONNX file without quantizers.
        out: Folder of the quantized file.
        calibrate: Rows from which scales, and widths under a budget, are chosen.
        bits: See :func:`read_bits`; 8 if neither this nor `bops` is given.
        bops: Choose the width of every weight and activation within so many bit operations.
        scale: Rule for the scales.
        rows: Rows on which both files are compared; the calibration rows if not given.
        labels: The right class of each of these rows.
        rules: How the scales of weights are chosen, and those of all else.

    Returns:
        The quantized file, and what was measured.

    Raises:
        ConfigError: There are no calibration rows, or the options contradict each other.
        DataError, GraphError: A file cannot be read, or the model is quantized already.
        Infeasible: No widths are within the budget.
    """
    from netwright.exchange import FileReferee, write_qonnx
    from netwright.passes import integerize, quantize
    from netwright.passes.post_training import prepare, widths_of
    from netwright.verify import read_rows

    if calibrate is None:
        raise ConfigError(
            "--quantize chooses scales from rows, and none are given",
            hint="--calibrate ROWS.npz (or .npy, .csv): some hundred inputs like those to come",
        )
    if bits is not None and bops is not None:
        raise ConfigError("--bits and --bops are two ways to choose widths; give one of them")
    graph = read_float(path)
    prepared = prepare(graph)
    known = calibration_rows(calibrate, graph)
    cost = None
    if bops is None:
        widths: Widths | Mapping[str, Widths] = read_bits(bits or "8")
    else:
        from netwright.compress import allocate_post_training
        from netwright.compress import bops as budget

        limit = budget(bops)
        widths, allocation = allocate_post_training(graph, known.inputs, [limit], scale=scale)
        cost = allocation.costs[limit.kind]
    quantized = quantize(graph, known.inputs, bits=widths, scale=scale, rules=rules)
    exact = integerize(quantized)
    file, left = FileReferee(path, prepared), left_to_the_host(path, prepared)
    checked = known if rows is None else read_rows(rows, graph)
    wanted = file.run(checked.inputs)
    codes = Interpreter.of(exact).run(checked.inputs)
    found = [real_values(exact, name, codes[name]) for name in exact.outputs]
    if labels is not None:
        check_order_is_kept(left)
    hits = [None, None] if labels is None else accuracies(labels, wanted, found)
    made = write_qonnx(quantized, out / QUANTIZED, rounded=True)
    each = widths_of(prepared, widths)
    summary = Quantization(
        file=path.name,
        sha256=sha256(path),
        executor=file.executor,
        made=made.name,
        widths={n: f"w{w.weight_bits} a{w.input_bits}" for n, w in each.items()},
        scale=scale,
        calibration=calibrate.name,
        num_calibration=len(known),
        compared_on=checked.name,
        num_rows=len(checked),
        accuracy_float=hits[0],
        accuracy_quantized=hits[1],
        bops=cost,
        left=left,
        **differences(wanted, found),
    )
    return made, summary


_KEEP_ORDER = frozenset(
    {"ArgMax", "Cast", "Identity", "LogSoftmax", "Reshape", "Sigmoid", "Softmax", "Squeeze"}
)
"""Operators at the end with which the class of a row is that of the values in front of them."""


def left_to_the_host(path: Path, graph: Graph) -> tuple[str, ...]:
    """Operators of a file behind the outputs of the graph that was read from it."""
    from netwright.exchange.onnx.source_model import load_model

    behind, found = set(graph.outputs), list[str]()
    for node in load_model(path, reals={n: graph.types[n].shape for n in graph.inputs}).nodes:
        if not behind.isdisjoint(node.inputs):
            behind.update(node.outputs)
            found.append(node.op)
    return tuple(dict.fromkeys(found))


def check_order_is_kept(left: tuple[str, ...]) -> None:
    """Refuse to count hits in front of operators behind which another class may be the largest.

    Raises:
        ConfigError: There is one.
    """
    others = [op for op in left if op not in _KEEP_ORDER]
    if others:
        raise ConfigError(
            f"--labels counts hits of what lies in front of {others[0]}, which is left to the host "
            "and may make another class the largest",
            hint=f"leave --labels out, or end the file before {others[0]}",
        )


def calibration_rows(path: Path, graph: Graph) -> Stimulus:
    """Rows from which scales are chosen.

    Raises:
        DataError: They cannot be read, or hold one value everywhere.
    """
    from netwright.verify import read_rows

    rows = read_rows(path, graph)
    arrays = rows.inputs.values() if isinstance(rows.inputs, Mapping) else [rows.inputs]
    if all(np.all(array == array.flat[0]) for array in arrays):
        raise DataError(
            "the calibration rows hold one value everywhere, of which no scale can be learned",
            source=str(path),
            hint="some hundred inputs like those to come",
        )
    return rows


def read_float(path: Path) -> Graph:
    """Read a float file for the quantizer: functions of real values are kept, to become tables.

    Raises:
        DataError, GraphError, UnsupportedOp: It cannot be read, or computes what no integers do;
            the message lists every such operator.
    """
    from netwright.exchange import read_qonnx
    from netwright.exchange.onnx.source_model import listing
    from netwright.passes import FuseFunctions, StripHead
    from netwright.passes.integerize import INTEGER_OPS

    try:
        return read_qonnx(path)
    except (GraphError, UnsupportedOp) as refused:
        try:
            found = FuseFunctions()(read_qonnx(path, reals={}, host_ends=True))
        except (GraphError, UnsupportedOp):
            raise refused from None
    faults = [
        f'node "{node.name}" ({node.text("name") if node.op == "Function" else node.op})'
        for node in StripHead()(found).nodes
        if node.op not in (*INTEGER_OPS, "Function") or _of_several(found, node)
    ]
    if faults:
        raise GraphError(
            listing(f"{path}: no integers and tables compute it", faults),
            hint="hardware has sums of activations, products with constants, and functions of one "
            "tensor as tables; end the file before the rest and do that on the host, or use "
            "--backend cpu, which computes float files as they are",
        )
    return found


def _of_several(graph: Graph, node: Node) -> bool:
    """Whether a product is one of several activations."""
    factors = operators("product") | {"Mul"}
    return node.op in factors and not graph.constants.keys() & set(node.inputs)


def differences(
    wanted: tuple[NDArray[np.float64], ...], found: list[NDArray[np.float64]]
) -> dict[str, float]:
    """How far outputs moved, as :class:`~netwright.report.quantization.Quantization` has it."""
    base = np.concatenate([values.reshape(-1) for values in wanted])
    moved = np.concatenate([values.reshape(-1) for values in found]) - base
    return {
        "largest_output": float(np.abs(base).max()),
        "max_error": float(np.abs(moved).max()),
        "rms_error": float(np.sqrt(np.square(moved).mean())),
        "rms_output": float(np.sqrt(np.square(base).mean())),
    }


def accuracies(
    path: Path, wanted: tuple[NDArray[np.float64], ...], found: list[NDArray[np.float64]]
) -> list[float | None]:
    """Shares of the labels that both hit."""
    labels = _labels(path)
    if len(wanted) != 1 or wanted[0].ndim != 2:
        shapes = ", ".join(str(values.shape) for values in wanted)
        raise ConfigError(f"--labels needs one output of shape (rows, classes), not {shapes}")
    if len(labels) != len(wanted[0]):
        raise DataError(f"holds {len(labels)} labels for {len(wanted[0])} rows", source=str(path))
    classes = max(wanted[0].shape[1], 2)
    if labels.min() < 0 or labels.max() >= classes:
        raise DataError(
            f"labels must be from 0 to {classes - 1}, not {labels.min()} to {labels.max()}",
            source=str(path),
        )
    return [float(np.mean(_decided(values) == labels)) for values in (wanted[0], found[0])]


def _decided(outputs: NDArray[np.float64]) -> NDArray[np.int64]:
    """The class of every row; the sign decides where there is one output."""
    if outputs.shape[1] == 1:
        return (outputs[:, 0] > 0).astype(np.int64)
    return outputs.argmax(axis=1)


def _labels(path: Path) -> NDArray[np.int64]:
    from netwright.verify import read_rows

    one = Graph("labels", ("labels",), (), (), {"labels": TensorType((1, 1), FLOAT)}, {})
    values = np.asarray(_only(read_rows(path, one))).reshape(-1)
    if np.any(values != np.rint(values)):
        raise DataError("labels must be whole numbers, one for each row", source=str(path))
    return values.astype(np.int64)


def _only(stimulus: Stimulus) -> NDArray[np.floating]:
    inputs = stimulus.inputs
    return inputs if isinstance(inputs, np.ndarray) else next(iter(dict(inputs).values()))
