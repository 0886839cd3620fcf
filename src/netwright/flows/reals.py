"""A float file on its way to a processor: read with its real values, its products coded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from netwright.errors import ConfigError, GraphError, MissingExtra, NotExecutable, NumericsError
from netwright.files import sha256
from netwright.flows.conversion import Source, read_source
from netwright.flows.quantization import accuracies, differences, quantize_file
from netwright.flows.ways import with_ways
from netwright.ir import Graph, Interpreter, Node, TensorType
from netwright.ir.names import Names
from netwright.report import FirstStage
from netwright.report.quantization import Quantization

if TYPE_CHECKING:
    from netwright.compress.quantize import Quantizer
    from netwright.exchange import InputQuantizer
    from netwright.formats import Format
    from netwright.passes.calibration import ScaleKind, ScaleRule
    from netwright.verify import Stimulus

UNIFORM = ("absmax", "mse")
"""Quantizers whose codes are integers with one scale, which hardware multiplies, too."""

DRAWN_ROWS = 64
"""Most rows that are drawn where none are given."""

DEFAULT_BITS = 4


@dataclass(frozen=True, slots=True)
class Coding:
    """The quantizers of weights and of what they are multiplied with.

    Attributes:
        weights: Quantizer of weights.
        inputs: Quantizer of inputs.
        names: What both are called, widths included.
    """

    weights: Quantizer
    inputs: Quantizer
    names: tuple[str, str]

    @classmethod
    def of(cls, text: str, bits: str | None) -> Coding:
        """The quantizers that ``NAME`` or ``NAME,NAME`` names, with widths ``BITS`` or ``W,A``.

        Raises:
            ConfigError: There is no such quantizer, or it does not have this width.
        """
        from netwright.compress.quantize import quantizer

        names = split_names(text)
        if bits is None:
            widths = [16 if name.startswith("half") else DEFAULT_BITS for name in names]
        else:
            from netwright.flows.quantization import read_bits

            read = read_bits(bits)
            widths = [read.weight_bits, read.input_bits]
        made = [quantizer(name, width) for name, width in zip(names, widths, strict=True)]
        told = [f"{name} {width}" for name, width in zip(names, widths, strict=True)]
        return cls(made[0], made[1], (told[0], told[1]))


def split_names(text: str) -> tuple[str, str]:
    """Names of the quantizers of weights and of inputs; commas in brackets are options.

    >>> split_names("outlier(types=int4,rule=left),half")
    ('outlier(types=int4,rule=left)', 'half')

    Raises:
        ConfigError: There are more than two, or an empty one.
    """
    parts, depth = [""], 0
    for letter in text[:1000]:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    names = [part.strip() for part in parts]
    if not 1 <= len(names) <= 2 or not all(names) or len(text) > 1000:
        raise ConfigError(
            "--quantizer must be one name, or those of weights and inputs with a comma between",
            hint="for example --quantizer outlier, or --quantizer mx,half",
        )
    return names[0], names[-1]


def is_uniform(text: str | None) -> bool:
    """Whether quantizers make integers that hardware multiplies; so it is without a name."""
    return text is None or all(name in UNIFORM for name in split_names(text))


def extents_of(rows: Path | None) -> Mapping[str, tuple[int, ...]]:
    """Extents of inputs, from a file of rows with an array for each input."""
    from netwright.reading import read_arrays

    if rows is None or rows.suffix.lower() != ".npz":
        return {}
    return {name: (1, *array.shape[1:]) for name, array in read_arrays(rows).items() if array.ndim}


def real_source(path: Path, rows: Path | None = None) -> Source:
    """A file with its real values, as it writes them out and with the operators recognized in it.

    Args:
        path: An ONNX file.
        rows: Rows of the user's, which give the extents that the file leaves open.

    Raises:
        DataError, UnsupportedOp, GraphError: It cannot be read; the message lists all faults.
    """
    from netwright.exchange import FileReferee, read_qonnx
    from netwright.passes import CodeProducts, FoldConstants, FoldNorms, FuseBias, recognize
    from netwright.passes.base import run_passes
    from netwright.passes.post_training import QUANTIZERS

    if path.suffix.lower() != ".onnx":
        raise GraphError(f"{path.name} is no ONNX file: real values are read from those alone")
    graph = read_qonnx(path, reals=extents_of(rows))
    quantized = any(node.op in QUANTIZERS for node in graph.nodes)
    steps = (CodeProducts(),) if quantized else (FoldNorms(),)
    written = run_passes(graph, (FoldConstants(), FuseBias(), *steps))
    known = recognize(written)
    first, file = FirstStage(file=path.name, sha256=sha256(path)), None
    try:
        file = FileReferee(path, written)
        first = first.model_copy(update={"executor": file.executor})
    except (GraphError, MissingExtra, NotExecutable) as error:
        first = first.model_copy(update={"missing": error.message})
    recognized = None if known.digest == written.digest else known
    return Source(known, first, file, written=written, recognized=recognized)


def drawn(graph: Graph, rows: int) -> Stimulus:
    """Rows for a real graph: standard normal, places in tables, and 0 and 1 for other integers."""
    from netwright.verify import Stimulus

    random, count = np.random.default_rng(7), min(rows, DRAWN_ROWS)
    tables = _table_rows(graph)
    arrays: dict[str, NDArray[np.float64]] = {}
    for name in graph.inputs:
        kind = graph.types[name]
        shape = (count, *kind.shape[1:])
        if kind.is_integer:
            most = tables.get(name, int(kind.dtype.max) + 1)
            arrays[name] = random.integers(0, most, shape).astype(np.float64)
        elif _is_flag(graph, name):
            arrays[name] = np.ones(shape)
        else:
            arrays[name] = random.normal(size=shape)
    inputs = arrays if len(arrays) > 1 else next(iter(arrays.values()))
    return Stimulus("random", inputs, wanted=rows if rows > count else 0)


def _table_rows(graph: Graph) -> dict[str, int]:
    """Rows of the smallest table that each input, moved or not, says rows of."""
    found: dict[str, int] = {}
    for node in graph.nodes:
        if node.op == "Gather":
            source, rows = node.inputs[0], graph.types[node.inputs[1]].shape[0]
            while source in graph.producers:
                source = graph.producers[source].inputs[0]
            found[source] = min(found.get(source, rows), rows)
    return found


def _is_flag(graph: Graph, name: str) -> bool:
    """Whether nothing but masks is made of an input."""
    waiting, seen = [name], {name}
    while waiting:
        for node in graph.consumers[waiting.pop()]:
            if node.op in ("Attention", "MaskedSoftmax"):
                return node.inputs[0] not in seen
            if node.op in ("Reshape", "Mul", "Add", "Clip", "Function") and node.output not in seen:
                seen.add(node.output)
                waiting.append(node.output)
    return False


def code_real_graph(graph: Graph, rows: Stimulus, coding: Coding) -> tuple[Graph, dict[str, str]]:
    """Code the products with constant weights; what cannot be coded stays real.

    Args:
        graph: A graph of real values.
        rows: Rows on which the formats of inputs are chosen.
        coding: The quantizers.

    Returns:
        The graph, and why products stay real, by their names.

    Raises:
        GraphError: Nothing can be coded.
        NumericsError: A weight or an activation is not finite.
    """
    from netwright.passes import code_products
    from netwright.passes.post_training import PRODUCTS

    left: dict[str, str] = {}
    chosen: list[Node] = []
    most = max(coding.weights.most_rotated, coding.inputs.most_rotated)
    for node in graph.nodes:
        if node.op not in PRODUCTS or graph.types[node.output].is_integer:
            continue
        if node.op != "MatMul" or node.inputs[1] not in graph.constants:
            left[node.name] = f"{node.op} is computed in float32"
        elif most > 1 and len(graph.constants[node.inputs[1]]) % 2:
            extent = len(graph.constants[node.inputs[1]])
            left[node.name] = f"a rotation needs an even number of inputs, not {extent}"
        else:
            chosen.append(node)
    if not chosen:
        raise _nothing_coded(left)
    graph = _rotated(graph, chosen, most)
    products = [graph.node(node.name) for node in chosen]
    weights: dict[str, Format] = {}
    inputs: dict[str, Format] = {}
    seen = _seen(graph, rows, sorted({node.inputs[0] for node in products}))
    for node in products:
        matrix = np.asarray(graph.constants[node.inputs[1]])
        held = _fitted(coding.weights, matrix, node.inputs[1], channel_axis=1, group_axis=0)
        read = _fitted(
            coding.inputs, seen[node.inputs[0]], node.inputs[0], channel_axis=None, group_axis=-1
        )
        read = replace(read, group_axis=len(graph.types[node.inputs[0]].shape) - 1)
        fault = held.group_fault(matrix.shape) or read.group_fault(
            graph.types[node.inputs[0]].shape
        )
        if fault:
            left[node.name] = fault
        else:
            weights[node.name], inputs[node.name] = held, read
    if not weights:
        raise _nothing_coded(left)
    return code_products(graph, weights=weights, inputs=inputs), left


def _nothing_coded(left: Mapping[str, str]) -> GraphError:
    """The error of a network in which no product can be coded, with the first reasons."""
    if not left:
        return GraphError(
            "there is no product of real values with a constant matrix that could be coded",
            hint="leave out --quantize: the file is converted as it is, its quantizers included",
        )
    told = "; ".join(f'"{name}": {reason}' for name, reason in list(left.items())[:5])
    more = f"; and {len(left) - 5} more" if len(left) > 5 else ""
    return GraphError(
        f"no product can be coded so: {told}{more}",
        hint="products with constant matrices are coded; --quantizer mse takes any number of "
        "inputs, and without --quantize the file is computed in float32",
    )


def _fitted(
    quantizer: Quantizer,
    values: NDArray[np.floating],
    name: str,
    *,
    channel_axis: int | None,
    group_axis: int,
) -> Format:
    """The format of a tensor; what cannot be quantized is told with its name."""
    try:
        return _inner(quantizer).fit(values, channel_axis=channel_axis, group_axis=group_axis)
    except NumericsError as error:
        raise NumericsError(error.message, tensor=name, hint=error.hint) from None


def _inner(quantizer: Quantizer) -> Quantizer:
    """The quantizer behind a rotation, which the graph computes itself."""
    from netwright.compress.quantize.hadamard import Hadamard

    return quantizer.behind if isinstance(quantizer, Hadamard) else quantizer


def _rotated(graph: Graph, products: list[Node], most: int) -> Graph:
    """The graph with a rotation in front of every product, and of its weights."""
    from netwright.formats.hadamard import block_of, rotated

    if most == 1:
        return graph
    types, constants = dict(graph.types), dict(graph.constants)
    nodes, made = [], dict[str, str]()
    names = Names({*types, *(node.name for node in graph.nodes)})
    changed = {node.name for node in products}
    for node in graph.nodes:
        if node.name not in changed:
            nodes.append(node)
            continue
        source, matrix = node.inputs[0], np.asarray(constants[node.inputs[1]])
        block = block_of(len(matrix), most)
        if source not in made:
            turn, made[source] = (
                names.fresh(f"{source}{end}") for end in (".rotation", "_rotated")
            )
            constants[turn] = rotated(np.eye(len(matrix)), block, axis=0)
            types[turn] = TensorType(constants[turn].shape)
            types[made[source]] = TensorType(types[source].shape)
            name = names.fresh(f"{source}_rotation")
            nodes.append(Node(name, "MatMul", (source, turn), made[source], {}, node.origin))
        turned = names.fresh(f"{node.name}.rotated")
        constants[turned] = rotated(matrix, block, axis=0)
        types[turned] = TensorType(matrix.shape)
        nodes.append(replace(node, inputs=(made[source], turned, *node.inputs[2:])))
    return replace(graph, nodes=tuple(nodes), types=types, constants=constants)


def _seen(graph: Graph, rows: Stimulus, names: list[str]) -> dict[str, NDArray[np.float64]]:
    """What tensors hold on the rows, neighbors along the last axis side by side."""
    interpreter, found = Interpreter.of(graph), dict[str, list[NDArray[np.float64]]]()
    few = rows.first(CALIBRATION_ROWS)
    for start in range(0, len(few), 16):
        part = few.part(slice(start, start + 16)).inputs
        made = interpreter.run(part, keep=names)
        arrays = {**interpreter.checked_inputs(part), **made}
        for name in names:
            values = np.asarray(arrays[name], np.float64)
            found.setdefault(name, []).append(values.reshape(-1, values.shape[-1]))
    return {name: np.concatenate(parts) for name, parts in found.items()}


CALIBRATION_ROWS = 128
"""Rows on which the formats of inputs are chosen."""


def quantize_real_file(
    path: Path,
    *,
    calibrate: Path | None,
    coding: Coding,
    rows: Path | None = None,
    labels: Path | None = None,
) -> tuple[Source, Quantization, tuple[str, ...]]:
    """Read a float file, code its products, and measure how far its outputs move.

    Args:
        path: An ONNX file without quantizers.
        calibrate: Rows on which formats are chosen.
        coding: The quantizers.
        rows: Rows on which both networks are compared; the calibration rows if not given.
        labels: The right class of each of these rows.

    Returns:
        The file with both graphs, what was measured, and what stays real, one sentence each.

    Raises:
        ConfigError: There are no calibration rows.
        DataError, GraphError, UnsupportedOp: A file cannot be read, or nothing can be coded.
    """
    from netwright.flows.quantization import calibration_rows
    from netwright.verify import read_rows

    if calibrate is None:
        raise ConfigError(
            "--quantize chooses formats from rows, and none are given",
            hint="--calibrate ROWS.npz (or .npy, .csv): some hundred inputs like those to come",
        )
    source = real_source(path, rows or calibrate)
    graph = source.graph
    known = calibration_rows(calibrate, graph)
    coded, left = code_real_graph(graph, known, coding)
    checked = known if rows is None else read_rows(rows, graph)
    if source.file is None:
        before = Interpreter.of(graph).run(checked.inputs)
        wanted = tuple(np.asarray(before[name], np.float64) for name in graph.outputs)
    else:
        wanted = source.file.run(checked.inputs)
    after = Interpreter.of(coded).run(checked.inputs)
    found = [np.asarray(after[name], np.float64) for name in coded.outputs]
    hits = [None, None] if labels is None else accuracies(labels, wanted, found)
    widths = {
        node.origin or node.name: " x ".join(coding.names)
        for node in coded.nodes
        if node.op == "MatMul" and not left.get(node.name) and "_rotation" not in node.name
    }
    summary = Quantization(
        file=path.name, sha256=source.first.sha256,
        executor=source.first.executor or "the graph of real values",
        made="graph.npz", widths=widths, scale="as the quantizers choose it",
        calibration=calibrate.name, num_calibration=len(known), compared_on=checked.name,
        num_rows=len(checked), accuracy_float=hits[0], accuracy_quantized=hits[1], left=(),
        **differences(wanted, found),
    )  # fmt: skip
    notes = tuple(f"{name} stays real: {reason}" for name, reason in left.items())
    return replace(source, graph=coded), summary, notes


def open_model(
    path: Path,
    *,
    reals: bool,
    rows: Path | None = None,
    input_quantizer: InputQuantizer | None = None,
) -> tuple[Source, str]:
    """Read a model as exact integers or, where it has none and that will do, with its real values.

    Args:
        path: A QONNX file, one of HGQ2, or a float ONNX file.
        reals: Whether real values will do: the design is for a processor.
        rows: Rows of the user's, which give the extents that a float file leaves open.
        input_quantizer: As for `read_source`.

    Returns:
        The source, and why it is not one of integers; empty if it is.

    Raises:
        DataError, UnsupportedOp, GraphError, NumericsError: It cannot be read.
    """
    try:
        return read_source(path, input_quantizer=input_quantizer), ""
    except GraphError as error:  # one of operators included
        if path.suffix.lower() != ".onnx" or (reals and input_quantizer is not None):
            raise
        if not reals:
            raise with_ways(error, path) from None
        return real_source(path, rows), error.message.partition("\n")[0]


def quantize_model(
    path: Path,
    out: Path,
    *,
    quantizer: str | None,
    backend: str,
    reals: bool,
    calibrate: Path | None,
    bits: str | None,
    bops: float | None,
    scale: ScaleKind,
    rows: Path | None,
    labels: Path | None,
) -> tuple[Source, Quantization, tuple[str, ...]]:
    """Quantize a float file after training, to integers or to the formats of named quantizers.

    Args:
        path: A float ONNX file.
        out: Folder of a quantized file of integers.
        quantizer: As for :class:`Coding`; integers of least squared error if not given.
        backend: Name of the backend, for messages.
        reals: Whether it computes real values.
        calibrate: Rows on which scales and formats are chosen.
        bits: Widths.
        bops: Choose the widths of integers within so many bit operations.
        scale: Rule for the scales of integers.
        rows: Rows on which both are compared.
        labels: The right class of each of these rows.

    Returns:
        The file with its graphs, what was measured, and what stays real, one sentence each.

    Raises:
        ConfigError: Options contradict each other, or the backend has no such products.
        DataError, GraphError, UnsupportedOp, Infeasible: See :func:`quantize_file`.
    """
    if not is_uniform(quantizer):
        assert quantizer is not None
        if not reals:
            raise ConfigError(
                f'--quantizer {quantizer}: backend "{backend}" has no products of such codes',
                hint=f"hardware multiplies integers: {', '.join(UNIFORM)}; others are for "
                "--backend cpu",
            )
        if bops is not None:
            raise ConfigError(
                "--bops chooses widths of integers; named formats have theirs",
                hint="leave out --bops, or choose --quantizer mse",
            )
        coding = Coding.of(quantizer, bits)
        return quantize_real_file(
            path, calibrate=calibrate, coding=coding, rows=rows, labels=labels
        )
    rules = ("mse", "mse") if quantizer is None else split_names(quantizer)
    try:
        made, summary = quantize_file(
            path, out, calibrate=calibrate, bits=bits, bops=bops, scale=scale, rows=rows,
            labels=labels, rules=cast("tuple[ScaleRule, ScaleRule]", rules),
        )  # fmt: skip
        return read_source(made), summary, ()
    except GraphError as error:
        if not reals or bops is not None:
            raise
        coding = Coding.of(quantizer or "mse", bits or "8")
        source, summary, notes = quantize_real_file(
            path, calibrate=calibrate, coding=coding, rows=rows, labels=labels
        )
        return source, summary, (f"not all integers: {error.message.partition(chr(10))[0]}", *notes)
