"""Truths and masks of ONNX: comparisons, selections, and scores of minus infinity."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from netwright.errors import GraphError
from netwright.exchange.onnx.attributes import integer
from netwright.exchange.onnx.source_model import SourceNode
from netwright.exchange.qonnx import read_linear, read_many, read_moves, read_select
from netwright.exchange.qonnx.reader import Reals
from netwright.exchange.qonnx.real_reader import RealReader, RealRule
from netwright.ir import AttrValue

_TRUTHS, _FLOATS = 9, frozenset({1, 10, 11, 16})
_INTEGERS = frozenset({2, 3, 4, 5, 6, 7, 12, 13})
"""ONNX's numbers of element types."""

ONE_FROM = 17.0
"""From here on softplus(x) is x, but for less than the rounding of float32."""


def cast(reader: RealReader, node: SourceNode) -> None:
    """Read Cast between truths, integers and floats where no value changes."""
    name, target = node.inputs[0], integer(node, "to", 0)
    if name in reader.masks:
        reader.masks[node.outputs[0]] = reader.masks[name]
        return
    kind = reader.kinds.get(name)
    if target == _TRUTHS and kind != "truth":
        _truth(reader, node, reader.real(reader.tensor(name)), None)
    elif target in _FLOATS or (target in (*_INTEGERS, _TRUTHS) and kind is not None):
        reader.rename(node, reader.tensor(name))
        if kind is not None:
            integers = target in _INTEGERS or (kind == "truth" and target == _TRUTHS)
            reader.kinds[node.outputs[0]] = (
                "truth" if target == _TRUTHS else "integer" if integers else "whole"
            )
    else:
        raise GraphError(
            f"Cast of real values to element type {target} changes them", node=node.name,
            hint="integers and truths may be cast, and floats to floats",
        )  # fmt: skip


def _truth(reader: RealReader, node: SourceNode, source: str, output: str | None) -> str:
    """Whether values are not 0, as 0 and 1."""
    attrs: dict[str, AttrValue] = {"name": "nonzero", "parameter": (0.0,)}
    made = reader.emit(node, "Function", (source,), output, attrs)
    if output is None:
        reader.kinds[node.outputs[0]] = "truth"
    return made


def _inverted(reader: RealReader, node: SourceNode, source: str, output: str | None) -> str:
    """1 where a truth is 0."""
    minus = reader.emit(
        node, "Mul", (source, reader.place_values(f"{node.name}.minus", -1.0)), "minus"
    )
    made = reader.emit(node, "Add", (minus, reader.place_values(f"{node.name}.one", 1.0)), output)
    if output is None:
        reader.kinds[node.outputs[0]] = "truth"
    return made


def invert(reader: RealReader, node: SourceNode) -> None:
    """Read Not."""
    name = node.inputs[0]
    if name in reader.undefined:
        raise GraphError("what is no number may only be selected by Where", node=node.name)
    _inverted(reader, node, _truth_of(reader, node, name), None)


def _truth_of(reader: RealReader, node: SourceNode, name: str) -> str:
    if reader.kinds.get(name) != "truth":
        raise GraphError(f'"{name}" must hold truths', node=node.name)
    return reader.real(reader.tensor(name))


def both(reader: RealReader, node: SourceNode) -> None:
    """Read And, Or and Xor."""
    names = [
        _truth_of(reader, node, name) if reader.is_activation(name)
        else reader.place_values(f"{node.name}.truth", reader.constants[name].astype(np.float64))
        for name in node.inputs
    ]  # fmt: skip
    names.sort(key=lambda name: name in reader.placed)
    if node.op == "And":
        reader.emit(node, "Mul", (names[0], names[1]))
    else:
        product = reader.emit(node, "Mul", (names[0], names[1]), "both")
        either = reader.emit(node, "Add", (names[0], names[1]), "sum")
        minus = reader.scaled(node, product, -1.0 if node.op == "Or" else -2.0, 0.0, "both")
        reader.emit(node, "Add", (either, minus))
    reader.kinds[node.outputs[0]] = "truth"


def _is_of_softplus(reader: RealReader, node: SourceNode) -> bool:
    """Whether a comparison only chooses x where x and softplus(x) are the same in float32.

    So PyTorch's exporter writes softplus: x beyond its threshold, softplus(x) below.
    """
    if node.op != "Greater" or not reader.is_activation(node.inputs[0]):
        return False
    limit, made = reader.constants.get(node.inputs[1]), node.outputs[0]
    if limit is None or limit.size != 1 or not limit.item() >= ONE_FROM:
        return False
    readers = reader.readers.get(made, [])
    makers = {name: n for n in reader.source.nodes for name in n.outputs}

    def chooses(other: SourceNode) -> bool:
        if other.op != "Where" or other.inputs.count(made) != 1 or other.inputs[0] != made:
            return False
        softplus = makers.get(other.inputs[2])
        if softplus is None or softplus.op != "Softplus":
            return False
        return softplus.inputs == (other.inputs[1],) == node.inputs[:1]

    return made not in reader.source.outputs and bool(readers) and all(map(chooses, readers))


def compare(reader: RealReader, node: SourceNode) -> None:
    """Read comparisons of whole numbers."""
    if _is_of_softplus(reader, node):
        reader.settled.add(node.outputs[0])
        return
    if not all(map(reader.is_whole, node.inputs)):
        raise GraphError(
            f"{node.op} of real values is a decision, which is not supported", node=node.name,
            hint="compare integers, or decide on the host",
        )  # fmt: skip
    data = 0 if reader.is_activation(node.inputs[0]) else 1
    source = reader.activation(node, data)
    other = node.inputs[1 - data]
    if reader.is_activation(other):
        minus = reader.scaled(node, reader.activation(node, 1 - data), -1.0, 0.0, "other")
    else:
        values = -reader.constants[other].astype(np.float64)
        minus = reader.place_values(f"{node.name}.other", values)
    apart = reader.emit(node, "Add", (source, minus), "apart")
    if node.op == "Equal":
        _inverted(reader, node, _truth(reader, node, apart, "different"), None)
        return
    greater = node.op.startswith("Greater") != bool(data)  # whether `apart` above 0 counts
    inclusive = node.op.endswith("OrEqual")
    if greater == inclusive:  # less, or at least: what decides is the other direction
        apart = reader.scaled(node, apart, -1.0, 0.0, "turned")
    limits: dict[str, AttrValue] = {"low": (0.0,), "high": (1.0,)}
    made = reader.emit(node, "Clip", (apart,), "beyond" if inclusive else None, limits)
    if inclusive:
        _inverted(reader, node, made, None)
    reader.kinds[node.outputs[0]] = "truth"


def is_nan(reader: RealReader, node: SourceNode) -> None:
    """Note IsNaN; a Where that keeps numbers, behind a masked Softmax, is what it is for."""
    reader.undefined[node.outputs[0]] = node.inputs[0]


def where(reader: RealReader, node: SourceNode) -> None:
    """Read Where: a selection by truths, or a mask of minus infinity."""
    condition, chosen, other = node.inputs
    if condition in reader.settled:
        reader.rename(node, reader.tensor(other))
        return
    if condition in reader.undefined:
        _without_nan(reader, node, reader.undefined[condition])
        return
    held = reader.constants.get(condition)
    if held is None:
        keep = _truth_of(reader, node, condition)
    else:
        keep = reader.place_values(f"{node.name}.condition", held.astype(np.float64))
    ends = [_outside(reader, name) for name in (chosen, other)]
    if ends == [False, False]:
        _select(reader, node, keep, held)
        return
    if all(ends):
        raise GraphError("both choices are minus infinity", node=node.name)
    left = node.inputs[1 + ends.index(False)]
    if ends[0]:
        keep = _mask(reader, node, keep, held)
    if reader.is_activation(left):
        keep = _joined(reader, node, keep, left)
        values = reader.masked[left][0] if left in reader.masked else reader.tensor(left)
        reader.masked[node.outputs[0]] = (reader.real(values), keep)
    elif not np.any(reader.constants[left]):
        reader.masks[node.outputs[0]] = keep
    else:
        raise GraphError("a mask must be 0 where it is not minus infinity", node=node.name)


def _mask(reader: RealReader, node: SourceNode, keep: str, held: Reals | None) -> str:
    """The mask that holds elsewhere."""
    if held is not None:
        return reader.place_values(f"{node.name}.kept", 1.0 - held.astype(np.float64))
    return _inverted(reader, node, keep, "kept")


def _joined(reader: RealReader, node: SourceNode, keep: str, values: str) -> str:
    """A mask together with the one that the values have already."""
    if values not in reader.masked:
        return keep
    pair = sorted((keep, reader.masked[values][1]), key=lambda name: name in reader.placed)
    return reader.emit(node, "Mul", (pair[0], pair[1]), "kept_both")


def _outside(reader: RealReader, name: str) -> bool:
    """Whether a constant is minus infinity everywhere."""
    values = reader.constants.get(name)
    return values is not None and values.dtype.kind == "f" and bool(np.all(np.isneginf(values)))


def _without_nan(reader: RealReader, node: SourceNode, about: str) -> None:
    """Zeros for queries that see no key: what a masked Softmax gives anyway."""
    _, chosen, other = node.inputs
    made = {n.output: n for n in reader.nodes}.get(reader.renamed.get(other, other))
    zeros = chosen in reader.constants and not np.any(reader.constants[chosen])
    if other != about or not zeros or made is None or "Softmax" not in made.op:
        raise GraphError(
            "IsNaN is known behind Softmax only, where zeros take the place of what is no number",
            node=node.name,
        )
    reader.rename(node, made.output)


def _select(reader: RealReader, node: SourceNode, keep: str, held: Reals | None) -> None:
    """One of two finite values: the sum of both, each times whether it is chosen."""
    places = [
        reader.activation(node, index) if reader.is_activation(name)
        else reader.place(node, index, "a choice")
        for index, name in ((1, node.inputs[1]), (2, node.inputs[2]))
    ]  # fmt: skip
    rest = _mask(reader, node, keep, held)
    terms = []
    for what, truth, value in (("first", keep, places[0]), ("second", rest, places[1])):
        pair = sorted((truth, value), key=lambda name: name in reader.placed)
        terms.append(reader.emit(node, "Mul", (pair[0], pair[1]), what))
    reader.emit(node, "Add", (terms[0], terms[1]))
    if all(map(reader.is_whole, node.inputs[1:])):
        reader.kinds[node.outputs[0]] = "whole"


def add(reader: RealReader, node: SourceNode) -> None:
    """Read Add; minus infinity among the terms is a mask."""
    for place, name in enumerate(node.inputs):
        left = node.inputs[1 - place]
        values = reader.constants.get(name)
        infinite = values is not None and values.dtype.kind == "f" and np.isinf(values).any()
        if name in reader.masks:
            keep = reader.masks[name]
        elif infinite and values is not None:
            if not np.all((values == 0) | np.isneginf(values)):
                raise _no_mask(node)
            keep = reader.place_values(f"{node.name}.kept", (values == 0).astype(np.float64))
        else:
            continue
        _add_mask(reader, node, keep, left)
        return
    if node.inputs[0] in reader.masked or node.inputs[1] in reader.masked:
        place = 0 if node.inputs[0] in reader.masked else 1
        source, keep = reader.masked[node.inputs[place]]
        inputs = tuple(
            reader.alias(source) if i == place else name for i, name in enumerate(node.inputs)
        )
        moved = SourceNode(
            reader.names.fresh(f"{node.name}_sum"), node.op, node.domain, inputs,
            (reader.names.fresh(f"{node.outputs[0]}_values"),), node.attrs,
        )  # fmt: skip
        read_linear.add(reader, moved)
        reader.masked[node.outputs[0]] = (reader.tensor(moved.outputs[0]), keep)
        return
    read_linear.add(reader, node)


def _no_mask(node: SourceNode) -> GraphError:
    """The error of infinities among other values than zeros."""
    return GraphError(
        f"a constant of {node.op} holds infinity or NaN and is no mask",
        node=node.name,
        hint="a constant must be finite, or a mask of 0 and minus infinity",
    )


def _add_mask(reader: RealReader, node: SourceNode, keep: str, left: str) -> None:
    if left in reader.masks:
        pair = sorted((keep, reader.masks[left]), key=lambda name: name in reader.placed)
        reader.masks[node.outputs[0]] = reader.emit(node, "Mul", (pair[0], pair[1]), "kept")
        return
    keep = _joined(reader, node, keep, left)
    values = reader.masked[left][0] if left in reader.masked else reader.tensor(left)
    reader.masked[node.outputs[0]] = (reader.real(values), keep)


def operand(reader: RealReader, node: SourceNode, index: int) -> tuple[str, str]:
    """A mask as an operand of attention, and whether it is added or says what is kept."""
    name = node.inputs[index]
    if name in reader.masks:
        return reader.masks[name], "keep"
    if reader.is_activation(name):
        truths = reader.kinds.get(name) == "truth"
        return reader.real(reader.tensor(name)), "keep" if truths else "add"
    values = reader.constants[name]
    if values.dtype.kind == "b":
        return reader.place_values(f"{node.name}.mask", values.astype(np.float64)), "keep"
    if np.isinf(values).any():
        if not np.all((values == 0) | np.isneginf(values)):
            raise _no_mask(node)
        kept = (values == 0).astype(np.float64)
        return reader.place_values(f"{node.name}.mask", kept), "keep"
    return reader.place(node, index, "the mask"), "add"


def expand(reader: RealReader, node: SourceNode) -> None:
    """Read Expand to a constant shape."""
    source = reader.real(reader.activation(node))
    target = reader.integers(node, 1, "the shape")
    own = (reader.batch, *reader.shape(source)[1:])
    made = read_many.expanded_shape(node, own, target, reader.batch)
    if made == own:
        reader.rename(node, source)
        return
    ones = reader.place_values(f"{node.name}.ones", np.ones((1, *made[1:])))
    reader.emit(node, "Mul", (source, ones))


def gather_nd(reader: RealReader, node: SourceNode) -> None:
    """Read GatherND of single values of a row, at constant places."""
    source = reader.real(reader.activation(node))
    shape = reader.shape(source)
    found = reader.integers(node, 1, "the places")
    held: tuple[int, ...] = reader.constants[node.inputs[1]].shape
    places = np.array(found, np.int64).reshape(held)
    whole = integer(node, "batch_dims", 0) == 0 and places.ndim > 1
    if not whole or places.shape[-1] != len(shape) or reader.batch != 1 or places[..., 0].any():
        raise GraphError(
            "GatherND must take single values of each row at places that are the same for all",
            node=node.name,
            hint="export with a batch of 1, or with a free batch axis",
        )
    extents = np.array(shape)
    if ((places < -extents) | (places >= extents)).any() or places.shape[0] != 1:
        raise GraphError(f"places lie outside {shape}, or mix rows", node=node.name)
    flat = np.ravel_multi_index(tuple(np.moveaxis(places % extents, -1, 0)), shape).reshape(-1)
    made = reader.emit(node, "Reshape", (source,), "flat", {"shape": (1, int(extents.prod()))})
    made = read_select.select(reader, node, made, {1: [int(i) for i in flat]}, output="taken")
    reader.emit(node, "Reshape", (made,), attrs={"shape": (1, *places.shape[1:-1])})


def _moving(rule: RealRule) -> RealRule:
    """A rule that moves masks of minus infinity as well as values."""

    def read(reader: RealReader, node: SourceNode) -> None:
        name = node.inputs[0] if node.inputs else ""
        if name not in reader.masks:
            rule(reader, node)
            return
        moved = reader.moved(node, reader.alias(reader.masks[name], "truth"))
        rule(reader, moved)
        reader.masks[node.outputs[0]] = reader.tensor(moved.outputs[0])

    return read


_MOVES: Mapping[str, RealRule] = {
    "Expand": expand, "Identity": read_moves.identity, "Reshape": read_moves.reshape,
    "Slice": read_select.slice_, "Squeeze": read_moves.squeeze, "Transpose": read_moves.transpose,
    "Unsqueeze": read_moves.unsqueeze,
}  # fmt: skip

RULES: Mapping[str, RealRule] = {
    **{name: _moving(rule) for name, rule in _MOVES.items()},
    "Add": add, "And": both, "Cast": cast, "Equal": compare, "GatherND": gather_nd,
    "Greater": compare, "GreaterOrEqual": compare, "IsNaN": is_nan, "Less": compare,
    "LessOrEqual": compare, "Not": invert, "Or": both, "Where": where, "Xor": both,
}  # fmt: skip
"""How operators on truths and masks are read."""
