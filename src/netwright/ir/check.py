"""The rules every graph obeys; all faults are reported at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from netwright.dtypes import MAX_BITS, Float
from netwright.errors import GraphError, NetwrightError, NumericsError, UnsupportedOp
from netwright.ir.graph import Graph, Node
from netwright.ir.ops import SPECS
from netwright.ir.spec import Attribute, Bounds, OpSpec

_KINDS: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "text": (str,),
    "axis": (int, type(None)),
    "ints": (tuple,),
    "reals": (tuple,),
}


def spec_of(node: Node) -> OpSpec:
    """The spec of the node's operator.

    Raises:
        UnsupportedOp: There is no such operator.
    """
    spec = SPECS.get(node.op)
    if spec is None:
        raise UnsupportedOp(
            node.op, node=node.name, where="netwright", hint="operators: " + ", ".join(SPECS)
        )
    return spec


def check(graph: Graph) -> Graph:
    """Return `graph` if it obeys every rule.

    Names are unique, every node reads what stands before it, operators and attributes are known,
    shapes agree with the operators' rules, integer constants fit their formats, and integer formats
    are at most 64 bits wide.

    Raises:
        GraphError: It breaks a rule; the message lists every fault found.
    """
    faults = list(_faults(graph))
    if not faults:
        return graph
    if len(faults) == 1:
        raise GraphError(faults[0])
    listing = "\n".join(f"  - {fault}" for fault in faults[:20])
    rest = f"\n  … and {len(faults) - 20} more" if len(faults) > 20 else ""
    raise GraphError(f'graph "{graph.name}" has {len(faults)} faults:\n{listing}{rest}')


def _faults(graph: Graph) -> Iterator[str]:
    known = set(graph.inputs) | set(graph.constants)
    names: set[str] = set()
    for name in (*graph.inputs, *graph.constants):
        if name not in graph.types:
            yield f'tensor "{name}" has no type'
    for name, value in graph.constants.items():
        yield from _constant_faults(graph, name, value)
    for node in graph.nodes:
        if node.name in names:
            yield f'two nodes are called "{node.name}"'
        if node.output in known:
            yield f'tensor "{node.output}" is made twice (again by node "{node.name}")'
        missing = [name for name in node.inputs if name not in known]
        for name in missing:
            yield f'node "{node.name}" reads "{name}", which nothing before it makes'
        names.add(node.name)
        known.add(node.output)
        if not missing:
            yield from _node_faults(graph, node)
    for name in graph.outputs:
        if name not in known:
            yield f'output "{name}" is made by no node'
    if not graph.outputs:
        yield "a graph needs at least one output"


def _constant_faults(graph: Graph, name: str, value: np.ndarray) -> Iterator[str]:
    tensor = graph.types.get(name)
    if tensor is None:
        return
    if tensor.shape != value.shape:
        yield f'constant "{name}" has shape {value.shape}, its type says {tensor.shape}'
    if not np.all(np.isfinite(value)):
        yield f'constant "{name}" holds NaN or infinity'
    elif not isinstance(tensor.dtype, Float) and value.size:
        low, high = int(value.min()), int(value.max())
        if not tensor.dtype.allows(low) or not tensor.dtype.allows(high):
            yield f'constant "{name}" holds {low} to {high}, which {tensor.dtype} does not allow'


def _node_faults(graph: Graph, node: Node) -> Iterator[str]:
    spec = SPECS.get(node.op)
    if spec is None:
        yield f'node "{node.name}": operator "{node.op}" is not supported by netwright'
        return
    low, high = spec.num_inputs
    if not low <= len(node.inputs) <= high:
        wanted = str(low) if low == high else f"{low} to {high}"
        yield f'node "{node.name}": {node.op} takes {wanted} inputs, not {len(node.inputs)}'
        return
    attribute_faults = list(_attribute_faults(node, spec.attributes))
    yield from attribute_faults
    if node.output not in graph.types:
        yield f'tensor "{node.output}" has no type'
        return
    if attribute_faults:
        return
    try:
        shape = spec.shape(node, [graph.types[name].shape for name in node.inputs])
    except NetwrightError as error:
        yield error.message
        return
    if shape != graph.types[node.output].shape:
        yield (
            f'node "{node.name}" makes shape {shape}, the type of "{node.output}" says '
            f"{graph.types[node.output].shape}"
        )
    if spec.form != "both" and (spec.form == "integer") != graph.types[node.output].is_integer:
        yield f'node "{node.name}": {node.op} belongs to the {spec.form} form only'


def _attribute_faults(node: Node, declared: Mapping[str, Attribute]) -> Iterator[str]:
    for name in node.attrs:
        if name not in declared:
            accepted = ", ".join(declared) or "none"
            yield f'node "{node.name}": {node.op} has no attribute {name}; accepted: {accepted}'
    for name, attribute in declared.items():
        if name not in node.attrs:
            if attribute.required:
                yield f'node "{node.name}": {node.op} needs the attribute {name}'
        elif not isinstance(node.attrs[name], _KINDS[attribute.kind]):
            yield (
                f'node "{node.name}": attribute {name} must be {attribute.kind}, '
                f"not {node.attrs[name]!r}"
            )


def bounds(graph: Graph) -> dict[str, Bounds]:
    """Exact limits of every integer tensor, before any wrap to its declared format.

    The limits of what a node reads are those of the declared format, so an accumulator that was
    given too few bits does not widen what follows it.

    Raises:
        GraphError: A node has no integer meaning.
        NumericsError: An intermediate value needs more than 63 bits.
    """
    limits: dict[str, Bounds] = {}
    declared: dict[str, Bounds] = {}
    for name, value in graph.constants.items():
        if graph.types[name].is_integer:
            low, high = (int(value.min()), int(value.max())) if value.size else (0, 0)
            declared[name] = limits[name] = Bounds(low, high, max(abs(low), abs(high)))
    for node in graph.nodes:
        spec = spec_of(node)
        if spec.bounds is None:
            raise GraphError(f"{node.op} has no integer meaning", node=node.name)
        values = [graph.constants.get(name) for name in node.inputs]
        sources = [declared.get(name, Bounds(0, 0)) for name in node.inputs]
        result = spec.bounds(node, sources, values)
        if result.peak >= 1 << (MAX_BITS - 1):
            raise NumericsError(
                f'node "{node.name}" makes values of up to {result.peak.bit_length() + 1} bits; '
                f"at most {MAX_BITS} are supported",
                tensor=node.output,
                hint="use fewer weight or activation bits, or a smaller multiplier_bits",
            )
        limits[node.output] = result
        dtype = graph.types[node.output].dtype
        if isinstance(dtype, Float):
            raise GraphError(f'"{node.output}" must have an integer format', node=node.name)
        fits = dtype.min <= result.low and result.high <= dtype.max
        low, high = (result.low, result.high) if fits else (dtype.min, dtype.max)
        declared[node.output] = Bounds(low, high, max(abs(low), abs(high)))
    return limits
