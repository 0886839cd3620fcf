"""The rules every graph obeys; all faults are reported at once."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np

from netwright.errors import GraphError, NetwrightError, NumericsError, UnsupportedOp
from netwright.formats import MAX_BITS, holds_integers
from netwright.ir.graph import AttrValue, Graph, Node
from netwright.ir.ops import SPECS
from netwright.ir.spec import Attribute, Bounds, Kind, OpSpec
from netwright.ir.types import TensorType

_KINDS = {
    "int": "an integer",
    "text": "text",
    "axis": "an integer or nothing",
    "ints": "integers",
    "reals": "numbers",
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
    shapes and scales agree with the operators' rules, the batch stays the first axis, constants are
    finite numbers that fit their formats and have their patterns, and codes meet real values only
    in the operators that lead from one to the other. (Formats wider than 64 bits cannot be made;
    values that need more are refused by :func:`bounds`.)

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
    if not graph.inputs:
        yield "a graph needs at least one input"
    for name in (*graph.inputs, *graph.constants):
        if name not in graph.types:
            yield f'tensor "{name}" has no type'
    for name, tensor in graph.types.items():
        yield from _scale_faults(name, tensor)
        if fault := tensor.format.group_fault(tensor.shape):
            yield f'tensor "{name}": {fault}'
        if tensor.pattern is not None and name not in graph.constants:
            yield f'tensor "{name}" has the pattern {tensor.pattern}, but is no constant'
    for name, value in graph.constants.items():
        yield from _constant_faults(graph, name, value)
    batched = set(graph.inputs)
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
        if any(name in batched for name in node.inputs):
            batched.add(node.output)
            yield from _batch_faults(graph, node, batched)
    for name in graph.outputs:
        if name not in known:
            yield f'output "{name}" is made by no node'
    if not graph.outputs:
        yield "a graph needs at least one output"
    kinds = {graph.types[name].is_integer for name in graph.outputs if name in graph.types}
    if len(kinds) == 2:
        yield "outputs must all hold codes or all hold real values"


def _scale_faults(name: str, tensor: TensorType) -> Iterator[str]:
    axis, rank = tensor.axis, len(tensor.shape)
    if axis is not None and not 0 <= axis < rank:
        yield f'tensor "{name}": axis must be from 0 to {rank - 1}, not {axis}'
        return
    wanted = 1 if axis is None else tensor.shape[axis]
    if len(tensor.scale) != wanted:
        yield f'tensor "{name}": scale must hold {wanted} values, not {len(tensor.scale)}'
    if not _are_factors(tensor.scale):
        yield f'tensor "{name}": scales must be finite and not 0'


def _constant_faults(graph: Graph, name: str, value: np.ndarray) -> Iterator[str]:
    tensor = graph.types.get(name)
    if tensor is None:
        return
    if tensor.pattern is not None and tensor.shape == value.shape:
        fault = tensor.pattern.fault(value)
        if fault:
            yield f'constant "{name}": {fault}'
    if tensor.shape != value.shape:
        yield f'constant "{name}" has shape {value.shape}, its type says {tensor.shape}'
    if value.dtype.kind not in "biuf":
        yield f'constant "{name}" must hold numbers, not {value.dtype}'
    elif not np.all(np.isfinite(value)):
        yield f'constant "{name}" holds NaN or infinity'
    elif tensor.is_integer and value.size:
        low, high = int(value.min()), int(value.max())
        whole = not tensor.format.group_fault(value.shape)
        if value.dtype.kind == "f" and np.any(value != np.rint(value)):
            yield f'constant "{name}" holds fractions, its type says {tensor.dtype}'
        elif low < tensor.dtype.min or high > tensor.dtype.max:
            yield f'constant "{name}" holds {low} to {high}, which {tensor.dtype} does not allow'
        elif whole and not np.all(allowed := tensor.format.allowed(value)):
            bad = int(value[~allowed][0])
            yield f'constant "{name}" holds {bad}, which {tensor.dtype} does not allow'


def _batch_faults(graph: Graph, node: Node, batched: set[str]) -> Iterator[str]:
    """Broadcasting with a constant must not add rows, or an axis before the batch."""
    made = graph.types.get(node.output)
    if made is None or node.op not in ("Add", "Mul", "Div", "BatchMatMul"):
        return
    for name in node.inputs:
        source = graph.types.get(name)
        if name not in batched or source is None:
            continue
        if len(source.shape) != len(made.shape) or source.shape[:1] != made.shape[:1]:
            yield (
                f'node "{node.name}": a constant makes {made.shape} of "{name}" {source.shape}; '
                "it must keep the batch axis: rows have no constants of their own"
            )


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
    if attribute_faults or any(name not in graph.types for name in node.inputs):
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
    makes_codes = graph.types[node.output].is_integer
    if spec.form != "both" and (spec.form == "integer") != makes_codes:
        yield f'node "{node.name}": {node.op} belongs to the {spec.form} form only'
        return
    for place, name in enumerate(node.inputs):
        reads_codes = spec.reads_codes(place, makes_codes=makes_codes)
        if graph.types[name].is_integer != reads_codes:
            wanted, found = ("codes", "real values") if reads_codes else ("real values", "codes")
            yield f'node "{node.name}" must read {wanted}; "{name}" holds {found}'


def _attribute_faults(node: Node, declared: Mapping[str, Attribute]) -> Iterator[str]:
    for name in node.attrs:
        if name not in declared:
            accepted = ", ".join(declared) or "none"
            yield f'node "{node.name}": {node.op} has no attribute {name}; accepted: {accepted}'
    for name, attribute in declared.items():
        if name not in node.attrs:
            if attribute.required:
                yield f'node "{node.name}": {node.op} needs the attribute {name}'
        elif not _is_of_kind(node.attrs[name], attribute.kind):
            yield (
                f'node "{node.name}": attribute {name} must be {_KINDS[attribute.kind]}, '
                f"not {node.attrs[name]!r}"
            )
        else:
            yield from _value_faults(node, name, attribute)


def _are_factors(values: tuple[float, ...] | tuple[int, ...]) -> bool:
    return all(math.isfinite(value) and value != 0 for value in values)


def _is_of_kind(value: AttrValue, kind: Kind) -> bool:
    match kind:
        case "int":
            return isinstance(value, int)
        case "text":
            return isinstance(value, str)
        case "axis":
            return value is None or isinstance(value, int)
        case "ints":
            return isinstance(value, tuple) and all(isinstance(item, int) for item in value)
        case "reals":
            return isinstance(value, tuple) and all(isinstance(i, int | float) for i in value)


def _value_faults(node: Node, name: str, attribute: Attribute) -> Iterator[str]:
    value = node.attrs[name]
    if isinstance(value, tuple) and not value:
        yield f'node "{node.name}": attribute {name} must hold at least one number'
    elif attribute.choices and value not in attribute.choices:
        accepted = ", ".join(attribute.choices)
        yield f'node "{node.name}": attribute {name} must be one of {accepted}, not {value!r}'
    elif attribute.not_zero and isinstance(value, tuple) and not _are_factors(value):
        yield f'node "{node.name}": attribute {name} must be finite and not 0'
    elif isinstance(value, tuple) and any(math.isnan(item) for item in value):
        yield f'node "{node.name}": attribute {name} must not hold NaN'


def real_regions(graph: Graph) -> str:
    """What keeps a mixed graph out of the integer form, as the end of a sentence; else empty."""
    if not graph.is_mixed:
        return ""
    first = next(node for node in graph.nodes if not graph.types[node.output].is_integer)
    return f': "{first.name}" ({first.op}) makes real values'


def bounds(graph: Graph, *, skip_real: bool = False) -> dict[str, Bounds]:
    """Exact limits of every integer tensor, before any wrap to its declared format.

    Where a declared format is too narrow the values wrap, and what follows reads any of its codes.
    The peak of such a tensor covers the arithmetic of wrapping, too.

    Args:
        graph: A checked graph.
        skip_real: Pass over nodes that make real values, instead of refusing them.

    Raises:
        GraphError: A node has no integer meaning.
        NumericsError: An intermediate value needs more than 64 bits, sign included.
    """
    limits: dict[str, Bounds] = {}
    declared: dict[str, Bounds] = {}
    for name, value in graph.constants.items():
        if graph.types[name].is_integer:
            low, high = (int(value.min()), int(value.max())) if value.size else (0, 0)
            declared[name] = limits[name] = Bounds(low, high, max(abs(low), abs(high)))
    for name in graph.inputs:
        dtype = graph.types[name].dtype
        if holds_integers(dtype):
            declared[name] = Bounds(dtype.min, dtype.max, max(abs(dtype.min), abs(dtype.max)))
            limits[name] = declared[name]
    for node in graph.nodes:
        if skip_real and not graph.types[node.output].is_integer:
            continue
        spec = spec_of(node)
        if spec.bounds is None:
            raise GraphError(f"{node.op} has no integer meaning", node=node.name)
        values = [graph.constants.get(name) for name in node.inputs]
        sources = [declared.get(name, Bounds(0, 0)) for name in node.inputs]
        result = spec.bounds(node, sources, values)
        dtype = graph.types[node.output].dtype
        if not holds_integers(dtype):
            raise GraphError(f'"{node.output}" must have an integer format', node=node.name)
        fits = dtype.min <= result.low and result.high <= dtype.max
        if not dtype.wraps and not fits:
            raise GraphError(
                f'"{node.output}" takes values from {result.low} to {result.high}, which '
                f"{dtype} does not allow",
                node=node.name,
            )
        if not fits:
            wrapping = result.magnitude + (1 << dtype.bits)
            result = Bounds(result.low, result.high, max(result.peak, wrapping))
        if result.peak >= 1 << (MAX_BITS - 1):
            raise NumericsError(
                f'node "{node.name}" makes values of up to {result.peak.bit_length() + 1} bits; '
                f"at most {MAX_BITS} are supported",
                tensor=node.output,
                hint="use fewer weight or activation bits",
            )
        limits[node.output] = result
        low, high = (result.low, result.high) if fits else (dtype.min, dtype.max)
        declared[node.output] = Bounds(low, high, max(abs(low), abs(high)))
    return limits
