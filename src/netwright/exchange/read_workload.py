"""Any ONNX file to a workload: shapes and operators, no values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from netwright.errors import GraphError, NetwrightError, UnsupportedOp
from netwright.exchange import lower_nodes
from netwright.exchange.onnx_text import QONNX_DOMAINS
from netwright.exchange.shapes import ShapeModel, load_shapes
from netwright.exchange.source_model import SourceNode, listing
from netwright.formats import Format, Int
from netwright.workload import Einsum, Tensor, TensorKind, Workload
from netwright.workload.lower import Operand, all_elements, extents_made, opaque

VIEWS = frozenset(
    {"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Dropout", "Cast", "CastLike"}
)
"""Operators that give a stored tensor another shape, and move nothing."""


def read_workload(
    path: str | Path, *, bits: int = 8, batch: int = 1, opaque_unknown: bool = False
) -> Workload:
    """Read the shapes and operators of any ONNX file, quantized or not.

    Every operator that makes data becomes an Einsum, or one for each of its results; reshapes and
    casts are views. The two statistics of a batch normalization count as folded into its scale and
    bias, and constants that are one value as part of the operator.

    Args:
        path: An ONNX file; its weights need not be there.
        bits: Width of every element.
        batch: Extent of a first axis that the file leaves open.
        opaque_unknown: Take operators that are not known as steps that read their inputs whole.

    Raises:
        DataError: The file is missing, too large, or no ONNX model.
        UnsupportedOp: There are unknown operators; the message counts and names them.
        GraphError: The graph is malformed, or shapes are missing; all faults are listed.
    """
    path = Path(path)
    source = load_shapes(path, batch=batch)
    if not opaque_unknown:
        _check_operators(source)
    reader = _Reader(source)
    faults: list[str] = []
    lost: set[str] = set()
    for node in source.nodes:
        if all(output in source.constants for output in node.outputs if output):
            continue
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
    return any(node.domain in QONNX_DOMAINS for node in load_shapes(Path(path)).nodes)


class _Reader:
    """The Einsums while the nodes go by."""

    def __init__(self, source: ShapeModel) -> None:
        self.source = source
        self.views: dict[str, str] = {}
        self.einsums: list[Einsum] = []

    def read(self, node: SourceNode) -> None:
        if node.op in VIEWS:
            stored = node.inputs[0]
            self.views[node.outputs[0]] = self.views.get(stored, stored)
            return
        sources = tuple(self._operand(name, node) if name else None for name in node.inputs)
        lower = lower_nodes.LOWER.get(node.op) if _is_known(node) else None
        used = [output for output in node.outputs if output]
        for index, output in enumerate(used):
            name = node.name if len(used) == 1 else f"{node.name}.{index}"
            site = lower_nodes.Site(
                node, name, sources, self._operand(output, node), self.source.values
            )
            if lower is None:
                data = [s for s in sources if s is not None]
                self.einsums.append(opaque(name, data, site.output))
            else:
                self.einsums += _lowered(lower, site)

    def finish(self, bits: int) -> Workload:
        source = self.source
        kept = [
            replace(e, inputs=tuple(a for a in e.inputs if not self._is_immediate(a.tensor)))
            for e in self.einsums
        ]
        made = {e.output.tensor: extents_made(e) for e in kept}  # what only lowering knows
        used = dict.fromkeys(a.tensor for e in kept for a in (*e.inputs, e.output))
        tensors = tuple(
            Tensor(name, self._shape(name) or made[name], Format(Int(bits)), self._kind(name))
            for name in used
        )
        outputs = dict.fromkeys(self.views.get(name, name) for name in source.outputs)
        taken = (all_elements(bits),)
        return Workload(source.name, tensors, tuple(kept), tuple(outputs), assumptions=taken)

    def _kind(self, name: str) -> TensorKind:
        if name in self.source.constants:
            return "weight"
        return "input" if name in self.source.inputs else "activation"

    def _is_immediate(self, name: str) -> bool:
        shape = self._shape(name)
        is_one = shape is not None and max(shape) == 1
        return name in self.source.spread or (is_one and name in self.source.constants)

    def _shape(self, name: str) -> tuple[int, ...] | None:
        known = self.source.shapes.get(name)
        return None if known is None else known or (1,)

    def _operand(self, name: str, node: SourceNode) -> Operand:
        stored = self.views.get(name, name)
        shape, of_stored = self._shape(name), self._shape(stored)
        if shape is None or of_stored is None:
            missing = name if shape is None else stored
            raise GraphError(
                f'the shape of "{missing}" cannot be inferred',
                node=node.name,
                hint="export the model with fixed shapes",
            )
        if min(shape) < 1:
            raise GraphError(f'"{name}" has no elements: its shape is {shape}', node=node.name)
        return Operand(stored, shape, of_stored)


def _lowered(lower: lower_nodes.Lower, site: lower_nodes.Site) -> list[Einsum]:
    """The Einsums of one node; operands that make no sense together are a fault of the file."""
    try:
        return lower(site)
    except (IndexError, ValueError, ZeroDivisionError):
        shapes = ", ".join(str(source.shape) for source in site.given)
        raise GraphError(
            f"{site.node.op} does not take operands of shapes {shapes} to {site.output.shape}",
            node=site.node.name,
        ) from None


def _is_known(node: SourceNode) -> bool:
    known = VIEWS | lower_nodes.LOWER.keys()
    return node.domain in ("", "ai.onnx", *QONNX_DOMAINS) and node.op in known


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
