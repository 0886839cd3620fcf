"""Any ONNX file to a workload: shapes, operators and widths, no values."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from netwright.errors import GraphError, NetwrightError, UnsupportedOp, require
from netwright.exchange.onnx import lower_nodes
from netwright.exchange.onnx.lower_attention import with_cache_apart
from netwright.exchange.onnx.lower_caches import Append, append_of
from netwright.exchange.onnx.lower_site import Lower, Site
from netwright.exchange.onnx.lower_views import TO_VIEW
from netwright.exchange.onnx.shapes import ShapeModel, load_shapes
from netwright.exchange.onnx.source_model import SourceNode, listing, parse_model
from netwright.exchange.onnx.value_widths import widths_of
from netwright.exchange.onnx.vocabulary import MICROSOFT, QONNX_DOMAINS, QUANT_DOMAIN
from netwright.formats import Format, Int
from netwright.ir.einsums.lower import Operand, extents_made, opaque
from netwright.workload import Einsum, Tensor, TensorKind, Workload
from netwright.workload.layout import settle
from netwright.workload.view import View
from netwright.workload.widths import all_widths, guessed

STANDARD = frozenset({"", "ai.onnx", *QONNX_DOMAINS})


def read_workload(
    path: str | Path,
    *,
    bits: int = 8,
    batch: int | None = None,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
    opaque_unknown: bool = False,
) -> Workload:
    """Read the shapes and operators of any ONNX file, quantized or not.

    Every operator that makes data becomes an Einsum, or a cascade of them. Reshapes, transpositions
    and the like are views that readers absorb: they cost nothing. A lookup reads the rows that it
    needs, and what is appended to a cache is written alone. The two statistics of a batch
    normalization count as folded into its scale and bias, and constants that are one value as part
    of the operator.

    Args:
        path: An ONNX file; its weights need not be there.
        bits: Width of real-valued elements whose codes the file does not say.
        batch: Extent of the first axis of every input; where the file leaves it open, 1 without it.
        shapes: Extents of inputs by name, instead of those in the file.
        opaque_unknown: Take operators that are not known as steps that read their inputs whole.

    Raises:
        DataError: The file is missing, too large, or no ONNX model.
        UnsupportedOp: There are unknown operators; the message counts and names them.
        GraphError: The graph is malformed, or shapes are missing; all faults are listed.
    """
    path = Path(path)
    source = load_shapes(path, batch=batch, given=shapes)
    if not opaque_unknown:
        _check_operators(source)
    reader = _Reader(source)
    faults: list[str] = []
    lost: set[str] = set()
    nodes = (part for node in source.nodes for part in with_cache_apart(node, reader.shapes))
    for node in nodes:
        if lost.intersection(node.inputs):
            lost.update(filter(None, node.outputs))
            continue
        try:
            reader.read(node)
        except NetwrightError as error:
            lost.update(filter(None, node.outputs))
            faults.append(str(error).replace("\nhint: ", "; hint: "))
    if faults:
        raise GraphError(listing(f"{path}: the graph cannot be read", faults))
    return reader.finish(bits)


def is_quantized(path: str | Path) -> bool:
    """Whether a file has QONNX quantizers, which :func:`~netwright.exchange.read_qonnx` reads.

    Raises:
        DataError: The file is missing, too large, or no ONNX model.
        GraphError: The graph is malformed.
    """
    onnx = require("onnx", extra="qonnx", purpose="reading ONNX")
    named = parse_model(onnx, Path(path)).graph.node
    if any(node.domain == QUANT_DOMAIN for node in named):  # functions would take their place
        return True
    return any(node.domain in QONNX_DOMAINS for node in load_shapes(Path(path)).nodes)


class _Reader:
    """The Einsums while the nodes go by."""

    def __init__(self, source: ShapeModel) -> None:
        self.source = source
        self.views: dict[str, View] = {}
        self.shapes = {name: shape or (1,) for name, shape in source.shapes.items()}
        self.einsums: list[Einsum] = []
        self.appends: list[Append] = []
        self.assumptions: list[str] = []
        self.initial: dict[str, float] = {}
        self.looked_up: set[str] = set()
        self.packed: dict[str, int] = {}
        self.needed = {*source.outputs, *(name for node in source.nodes for name in node.inputs)}
        self.trained = {
            name
            for name in source.initializers
            if source.elements.get(name, 1) not in _WIDE_INTEGERS and source.shapes[name]
        }

    def read(self, node: SourceNode) -> None:
        is_constant = all(name in self.source.constants for name in node.outputs if name)
        if is_constant and self.trained.intersection(node.inputs) and node.op not in NOT_TRAINED:
            self.trained.update(node.outputs)
        if is_constant and node.op in LOOKUPS and node.inputs[0] in self.trained:
            is_constant = False  # rows are looked up every time
            self.looked_up.update(node.outputs)
        shape = self.shapes.get(node.outputs[0], (0,))
        if is_constant and (node.op not in TO_VIEW or not node.inputs or min(shape) < 1):
            return
        append = None if is_constant else append_of(node, self.source, self.views)
        if append is not None:
            self._append(node, append)
            return
        shapes = tuple(self.shapes.get(name, (1,)) for name in node.outputs)
        for index, output in enumerate(node.outputs):
            if output not in self.needed or self._is_view(node, index, shapes):
                continue
            if not is_constant:
                self._lower(node, output)

    def finish(self, bits: int) -> Workload:
        source = self.source
        kept = [
            replace(e, inputs=tuple(a for a in e.inputs if not self._is_immediate(a.tensor)))
            for e in self.einsums
        ]
        laid = settle(kept, self.views, self.shapes, self._outputs())
        used = dict.fromkeys(a.tensor for e in laid.einsums for a in (*e.inputs, e.output))
        kinds = {name: self._kind(name) for name in used}
        stated = {**widths_of(source), **self.packed}
        known = {name: width for name, width in stated.items() if name in used}
        widths = all_widths(laid.einsums, kinds, laid.shapes, laid.outputs, known)
        caches = {append.rows: append.output for append in self.appends if append.output in used}
        tensors = tuple(
            Tensor(name, laid.shapes[name], Format(Int(widths.get(name, bits))), kinds[name],
                   self.initial.get(name), caches.get(name, ""))
            for name in used
        )  # fmt: skip
        taken = (*guessed([name for name in used if name not in widths], len(used), bits),)
        assumptions = (*taken, *dict.fromkeys(self.assumptions))
        return Workload(source.name, tensors, laid.einsums, laid.outputs, assumptions=assumptions)

    def _outputs(self) -> tuple[str, ...]:
        written = {append.output: append.rows for append in self.appends}
        return tuple(written.get(name, name) for name in self.source.outputs)

    def _append(self, node: SourceNode, append: Append) -> None:
        """Write the new rows of a cache; readers find it whole in memory."""
        new = self._operand(append.new, node)
        rows = Operand(append.rows, new.shape)
        self.shapes[append.rows] = rows.shape
        self.einsums.append(
            replace(opaque(node.name, [new], rows, "copy"), inputs=(new.along(rows),))
        )
        self.appends.append(append)
        self.assumptions.append(
            "caches lie in memory with their new rows when they are read; only these are written"
        )

    def _is_view(self, node: SourceNode, index: int, shapes: tuple[tuple[int, ...], ...]) -> bool:
        """Register a result as a view, if it is one."""
        if node.domain not in STANDARD or node.op not in TO_VIEW or not node.inputs:
            return False
        name = node.inputs[0]
        base = self.views.get(name) or View.of(name, self._operand(name, node).shape)
        self._operand(node.outputs[index], node)
        try:
            view = TO_VIEW[node.op](node, base, self.source.values, shapes, index)
        except (IndexError, ValueError, ZeroDivisionError):
            raise _mismatch(node, [base.shape], shapes[index]) from None
        if view is not None and view.shape != shapes[index]:
            raise _mismatch(node, [base.shape], shapes[index])
        if view is not None:
            self.views[node.outputs[index]] = view
        return view is not None

    def _lower(self, node: SourceNode, output: str) -> None:
        sources = tuple(self._operand(name, node) if name else None for name in node.inputs)
        lower = lower_nodes.LOWER.get(_key(node)) if _is_known(node) else None
        if node.op in lower_nodes.PARAMETRIC:
            self.trained.update(self._bases(node).intersection(self.source.constants))
        used = [name for name in node.outputs if name in self.needed]
        name = node.name if len(used) == 1 else f"{node.name}.{used.index(output)}"
        made = self._operand(output, node)
        site = Site(
            node, name, sources, made, self.source.values, self.source.opset,
            frozenset(n for n in node.inputs if n in self.source.values and self._is_immediate(n)),
            frozenset(n for n in node.inputs if self._is_zero(n)), tuple(used), self.shapes,
        )  # fmt: skip
        if lower is None:
            data = [s for s in sources if s is not None]
            self.einsums.append(opaque(name, data, made))
            return
        for einsum in _lowered(lower, site):
            self.einsums.append(einsum)
            self.shapes.setdefault(einsum.output.tensor, extents_made(einsum))
        self.shapes |= site.made
        self.views |= site.views
        self.initial |= site.initial
        for name, (shape, bits) in site.stored.items():
            self.shapes[name] = shape
            self.trained.add(name)
            self.packed[name] = bits
        self.assumptions += site.notes

    def _kind(self, name: str) -> TensorKind:
        source = self.source
        if any(append.output == name for append in self.appends) or name in source.inputs:
            return "input"
        if name in self.packed:
            return "weight"
        if name not in source.constants or name in self.looked_up:
            return "activation"
        return "weight" if name in self.trained else "input"

    def _is_immediate(self, name: str) -> bool:
        """Whether a constant is part of the operator: one value that is no trained vector."""
        view = self.views.get(name)
        base = name if view is None else view.base
        if base not in self.source.constants or base in self.looked_up:
            return False
        if max(self.source.shapes.get(base, ()), default=1) > 1:
            return base in self.source.spread
        return base not in self.trained or bool(GENERATED.fullmatch(base))

    def _bases(self, node: SourceNode) -> set[str]:
        """The stored tensors behind what a node reads."""
        return {self.views[name].base if name in self.views else name for name in node.inputs}

    def _is_zero(self, name: str) -> bool:
        """Whether a constant is known to be zero everywhere."""
        view = self.views.get(name)
        values = self.source.values.get(name if view is None else view.base)
        return values is not None and not values.any()

    def _operand(self, name: str, node: SourceNode) -> Operand:
        shape = self.shapes.get(name)
        if shape is None:
            raise GraphError(
                f'the shape of "{name}" cannot be inferred',
                node=node.name,
                hint="export the model with fixed shapes",
            )
        if min(shape) < 1:
            raise GraphError(f'"{name}" has no elements: its shape is {shape}', node=node.name)
        return Operand(name, shape)


LOOKUPS = frozenset({"Gather", "GatherElements", "GatherND"})
"""Operators that read rows of trained tables, at places that may be constant."""

GENERATED = re.compile(r"_?val_\d+|onnx::.*|.*_output_\d+")
"""Names that exporters make up for constants; trained parameters keep those of their modules."""

NOT_TRAINED = frozenset({"Cos", "Sin", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"})
"""Operators whose results on constants are tables and masks, and no trained parameters."""

_WIDE_INTEGERS = frozenset({4, 5, 6, 7, 9, 12, 13})
"""Element types of index tables and masks: integers of 16 bits or more, and truth values."""


def _lowered(lower: Lower, site: Site) -> list[Einsum]:
    """The Einsums of one node; operands that make no sense together are a fault of the file."""
    try:
        return lower(site)
    except (IndexError, ValueError, ZeroDivisionError):
        shapes = [source.shape for source in site.given]
        raise _mismatch(site.node, shapes, site.output.shape) from None


def _mismatch(node: SourceNode, shapes: list[tuple[int, ...]], made: tuple[int, ...]) -> GraphError:
    named = ", ".join(map(str, shapes))
    return GraphError(f"{node.op} does not take operands of shapes {named} to {made}",
                      node=node.name)  # fmt: skip


def _key(node: SourceNode) -> str:
    return f"{node.domain}.{node.op}" if node.domain == MICROSOFT else node.op


def _is_known(node: SourceNode) -> bool:
    if node.domain == MICROSOFT:
        return _key(node) in lower_nodes.LOWER
    return node.domain in STANDARD and node.op in TO_VIEW.keys() | lower_nodes.LOWER.keys()


def _check_operators(source: ShapeModel) -> None:
    unknown = [
        node
        for node in source.nodes
        if not _is_known(node) and not all(o in source.constants for o in node.outputs if o)
    ]
    if not unknown:
        return
    counts: Mapping[str, int] = Counter(_full_name(node) for node in unknown)
    named = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
    first = unknown[0]
    raise UnsupportedOp(
        _full_name(first),
        node=first.name,
        where="read_workload",
        hint=f"unknown here: {named}; take them as opaque steps with opaque_unknown=True "
        "(--opaque-unknown), which reads their inputs whole",
    )


def _full_name(node: SourceNode) -> str:
    return f"{node.domain}.{node.op}" if node.domain else node.op
