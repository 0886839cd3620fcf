"""Operators of ONNX that are a constant matrix along an axis, or a factor and an addend each.

Which matrix, or which factors, ONNX's own reference implementation says: it is run on numbers that
show where each value goes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.errors import GraphError
from netwright.exchange.onnx.attributes import axis, flag, integer, integers, text
from netwright.exchange.onnx.evaluate import evaluate
from netwright.exchange.onnx.resize import by_lengths
from netwright.exchange.onnx.source_model import SourceNode
from netwright.exchange.qonnx import read_moves, read_select
from netwright.exchange.qonnx.read_select import MAX_SELECTED, along, select
from netwright.exchange.qonnx.reader import Reader, Reals, Rule
from netwright.ir import AttrValue

_OF_AXES = ("axes", "scales", "sizes", "keep_aspect_ratio_policy")
"""What a Resize says of several axes at once."""

_SHARES = 1 << 12
"""What the weights of an interpolation are shares of."""


def pad(reader: Reader, node: SourceNode) -> None:
    """Read Pad: zeros around positions as a convolution, all else as a selection of an axis."""
    source = reader.activation(node)
    shape = reader.shape(source)
    rank, mode = len(shape), text(node, "mode", "constant")
    pads, value = read_select.pads_of(reader, node, rank)
    if mode not in ("constant", "reflect", "edge", "wrap"):
        raise GraphError(
            f"mode must be constant, reflect, edge or wrap, not {mode!r}", node=node.name
        )
    if pads[0] or pads[rank]:
        raise GraphError(
            f"Pad must not add rows to a batch: pads {pads}", node=node.name,
            hint="pad the axes behind the batch; rows are for the host",
        )  # fmt: skip
    if not any(pads):
        reader.rename(node, source)
        return
    shift = value if mode == "constant" else 0.0
    source = reader.scaled(node, source, 1.0, -shift, "above")
    inner = (*pads[:2], *pads[rank : rank + 2])
    if mode == "constant" and not any(inner) and min(pads) >= 0 and rank in (3, 4):
        source = _zeros_around(reader, node, source, pads, None if not shift else "padded")
    else:
        for at in range(1, rank):
            before, after = pads[at], pads[rank + at]
            if before or after:
                _check_extent(node, shape[at], shape[at] + before + after)
                chosen = _chosen(node, shape[at], before, after, mode)
                source = _placed(reader, node, source, at, chosen, f"axis{at}_padded")
    if shift or source != node.outputs[0]:
        reader.rename(node, reader.scaled(node, source, 1.0, shift, "padded"))


def _zeros_around(
    reader: Reader, node: SourceNode, source: str, pads: tuple[int, ...], output: str | None
) -> str:
    """Zeros around positions: a convolution of each channel with windows of one element."""
    channels, rank = reader.shape(source)[1], len(pads) // 2
    count = rank - 2
    ones = reader.place_values(f"{node.name}.ones", np.ones((channels, 1, *(1,) * count)))
    attrs: dict[str, AttrValue] = {
        "strides": (1,) * count,
        "pads": (*pads[2:rank], *pads[rank + 2 :]),
        "dilations": (1,) * count,
        "group": channels,
    }
    return reader.emit(node, "Conv", (source, ones), output, attrs)


def _chosen(node: SourceNode, extent: int, before: int, after: int, mode: str) -> list[int]:
    """The position that each place of a padded axis shows; -1 for a zero."""
    first, last = max(-before, 0), extent - max(-after, 0)
    places = np.arange(extent)[first:last]
    if not len(places):
        raise GraphError(f"Pad leaves nothing of {extent} values", node=node.name)
    ends = max(before, 0), max(after, 0)
    if mode == "reflect" and max(ends) >= len(places):
        raise GraphError(
            f"{len(places)} values are not reflected {max(ends)} times", node=node.name,
            hint="pad by less than the extent",
        )  # fmt: skip
    if mode == "constant":
        return [int(i) for i in np.pad(places, ends, constant_values=-1)]
    kind: Any = mode
    return [int(i) for i in np.pad(places, ends, mode=kind)]


def _placed(
    reader: Reader, node: SourceNode, source: str, at: int, chosen: list[int], output: str | None
) -> str:
    """The values at places of an axis, zeros among them."""
    if -1 not in chosen:
        return select(reader, node, source, {at: chosen}, output=output)
    matrix = np.zeros((reader.shape(source)[at], len(chosen)))
    for place, index in enumerate(chosen):
        if index >= 0:
            matrix[index, place] = 1
    return along(reader, node, source, at, matrix, output)


def concat(reader: Reader, node: SourceNode) -> None:
    """Read Concat; constants among activations are added where zeros make room for them."""
    if all(map(reader.is_activation, node.inputs)):
        read_moves.concat(reader, node)
        return
    data = [i for i, name in enumerate(node.inputs) if reader.is_activation(name)]
    sources = [reader.activation(node, i) for i in data]
    shape = reader.shape(sources[0])
    at = axis(node, integer(node, "axis", 0), len(shape))
    parts: dict[int, Reals] = {}
    for index in set(range(len(node.inputs))) - set(data):
        values = reader.values(node, index, "what is joined")
        fits = values.ndim == len(shape) and values.shape[0] in (1, reader.batch)
        if not fits or np.any(values != values[:1]) or at == 0:
            raise GraphError(
                f"a constant of shape {values.shape} is not joined with every row alike",
                node=node.name, hint="give it a batch axis of 1",
            )  # fmt: skip
        parts[index] = values[:1]
    made = sources[0]
    if len(sources) > 1:
        made = reader.emit(node, "Concat", tuple(sources), "computed", {"axis": at})
    extents = dict(zip(data, (reader.shape(name)[at] for name in sources), strict=True))
    chosen: list[int] = []
    for index in range(len(node.inputs)):
        if index in extents:
            first = sum(place >= 0 for place in chosen)
            chosen += range(first, first + extents[index])
        else:
            chosen += [-1] * parts[index].shape[at]
    made = _placed(reader, node, made, at, chosen, "roomy")
    wide = reader.shape(made)
    blocks = [
        parts.get(index, np.zeros((*wide[:at], extents.get(index, 0), *wide[at + 1 :])))
        for index in range(len(node.inputs))
    ]
    try:
        held = np.concatenate(blocks, axis=at)
    except ValueError:
        raise GraphError("tensors that are joined do not fit each other", node=node.name) from None
    reader.rename(node, reader.scaled(node, made, 1.0, held, "joined"))


def resize(reader: Reader, node: SourceNode) -> None:
    """Read Resize and Upsample: repetitions of values, or a matrix for each axis."""
    source = reader.activation(node)
    shape = reader.shape(source)
    if read_select.repeats(reader, node, source):
        return
    factors, extents = read_select.resized(reader, node, shape)
    for at, (factor, extent) in enumerate(zip(factors, extents, strict=True)):
        if factor == 1:
            continue
        if at == 0:
            raise GraphError(f"{node.op} must not change the batch", node=node.name,
                             hint="resize the axes behind the batch")  # fmt: skip
        source = _interpolated(reader, node, source, at, float(factor), extent)
    reader.rename(node, source)


def _interpolated(
    reader: Reader, node: SourceNode, source: str, at: int, factor: float, wanted: int
) -> str:
    """One axis of a Resize, by a factor, or to an extent that the file says."""
    extent = reader.shape(source)[at]
    _check_extent(node, extent, wanted or int(extent * factor))
    attrs = {k: v for k, v in node.attrs.items() if k not in _OF_AXES}
    mode = text(node, "coordinate_transformation_mode", "half_pixel")
    if mode == "tf_crop_and_resize":
        raise GraphError(
            f"{node.op} of a region (tf_crop_and_resize) is not supported", node=node.name,
            hint="crop with a Slice, and resize the whole of that",
        )  # fmt: skip
    if read_select.is_of_version_10(reader, node):
        mode = "asymmetric"
        attrs |= {"coordinate_transformation_mode": mode, "nearest_mode": "floor"}
    rows, scales, sizes = by_lengths(
        mode, np.eye(extent), (1,), None if wanted else np.array([factor], np.float32),
        np.array([wanted], np.int64) if wanted else None,
    )  # fmt: skip
    inputs = ("rows", "", "factors") if sizes is None else ("rows", "", "", "sizes")
    step = replace(node, op="Resize", inputs=inputs, outputs=("made",), attrs=attrs)
    given: dict[str, NDArray[Any]] = {"rows": rows}
    if sizes is not None:
        given["sizes"] = np.array([extent, *sizes], np.int64)
    elif scales is not None:
        given["factors"] = np.array([1, *scales], np.float32)
    matrix = evaluate(step, given, {"": max(reader.source.opset, 13)})["made"]
    return _weighted(reader, node, source, at, matrix)


def _weighted(reader: Reader, node: SourceNode, source: str, at: int, matrix: Reals) -> str:
    """A product along an axis with weights that float32 holds.

    Raises:
        GraphError: It does not hold them.
    """
    if np.all((matrix == 0) | (matrix == 1)) and np.all(matrix.sum(axis=0) == 1):
        chosen = [int(i) for i in matrix.argmax(axis=0)]
        return select(reader, node, source, {at: chosen}, output=f"axis{at}")
    whole = matrix * _SHARES
    if np.any(whole != np.rint(whole)):  # what float32 makes of thirds, rounds otherwise at ties
        raise GraphError(
            f"{node.op} to {matrix.shape[1]} of {len(matrix)} values has weights that are no "
            f"multiples of 1/{_SHARES}",
            node=node.name,
            hint="use mode nearest, or resize by 2, 4 or 8 with half_pixel positions "
            "(align_corners=False)",
        )
    made = along(reader, node, source, at, whole, f"axis{at}")
    return reader.scaled(node, made, 1 / _SHARES, 0.0, f"axis{at}_mean")


def _check_extent(node: SourceNode, *extents: int) -> None:
    if max(extents) > MAX_SELECTED or min(extents) < 1:
        raise GraphError(
            f"{node.op} from {extents[0]} to {extents[-1]} values along an axis; 1 to "
            f"{MAX_SELECTED} are supported",
            node=node.name, hint="do it on the host, in front of the network",
        )  # fmt: skip


def cumulate(reader: Reader, node: SourceNode) -> None:
    """Read CumSum: a product with a triangle of ones."""
    source = reader.activation(node)
    (named, *more) = reader.integers(node, 1, "the axis") or (0, 0)
    if more:
        raise GraphError("CumSum must have one axis", node=node.name)
    at = axis(node, named, len(reader.shape(source)))
    if at == 0:
        raise GraphError("CumSum must not run over the rows of a batch", node=node.name,
                         hint="name an axis behind the batch")  # fmt: skip
    extent = reader.shape(source)[at]
    _check_extent(node, extent)
    matrix = np.triu(np.ones((extent, extent)), 1 if flag(node, "exclusive", 0) else 0)
    matrix = matrix.T if flag(node, "reverse", 0) else matrix
    reader.rename(node, along(reader, node, source, at, matrix, "sums"))


def columns_to_image(reader: Reader, node: SourceNode) -> None:
    """Read Col2Im: where blocks overlap, their values are added."""
    source = reader.activation(node)
    shape = reader.shape(source)
    image, block = (reader.integers(node, i, what) for i, what in ((1, "the image"), (2, "blocks")))
    size = prod(block)
    if len(shape) != 3 or size < 1 or shape[1] % size:
        raise GraphError(f"{shape} holds no blocks of {block}", node=node.name)
    channels, count = shape[1] // size, size * shape[2]
    _check_extent(node, count, prod(image))
    unit = np.eye(count).reshape(count, size, shape[2])
    known = {**{name: reader.constants[name] for name in node.inputs[1:3]}, node.inputs[0]: unit}
    found = evaluate(node, known, {"": max(reader.source.opset, 18)})[node.outputs[0]]
    flat = reader.emit(node, "Reshape", (source,), "flat", {"shape": (1, channels, count)})
    made = along(reader, node, flat, 2, found.reshape(count, -1), "image")
    reader.emit(node, "Reshape", (made,), attrs={"shape": (1, channels, *image)})


def gather_elements(reader: Reader, node: SourceNode) -> None:
    """Read GatherElements with constant indices, which pick single values of a row."""
    _picked(reader, node)


def _picked(reader: Reader, node: SourceNode) -> None:
    """An operator that picks values of each row: a selection of the flat row."""
    source = reader.activation(node)
    shape = reader.shape(source)
    size = prod(shape)
    places = _run(reader, node, np.arange(size, dtype=np.float64).reshape(shape))
    _check_extent(node, size, places.size)
    if not places.shape or places.shape[0] != 1:
        raise GraphError(
            f"{node.op} must keep the batch as the first axis", node=node.name,
            hint="export with the batch first, and indices for one row",
        )  # fmt: skip
    flat = reader.emit(node, "Reshape", (source,), "flat", {"shape": (1, size)})
    chosen = [int(i) for i in places.reshape(-1)]
    made = select(reader, node, flat, {1: chosen}, output="picked")
    reader.emit(node, "Reshape", (made,), attrs={"shape": places.shape})


def by_element(reader: Reader, node: SourceNode) -> None:
    """Read what keeps each value or replaces it by a constant: Trilu, ScatterND and the like."""
    if text(node, "reduction", "none") not in ("none", "add"):
        raise GraphError(
            f"{node.op} with reduction {text(node, 'reduction', '')} is not supported",
            node=node.name, hint="none and add are",
        )  # fmt: skip
    source = reader.activation(node)
    shape = reader.shape(source)
    _check_rows(reader, node)
    addend = _run(reader, node, np.zeros(shape))
    factor = _run(reader, node, np.ones(shape)) - addend
    made = reader.scaled(node, source, factor, addend, "changed")
    reader.rename(node, made)


def _check_rows(reader: Reader, node: SourceNode) -> None:
    if reader.batch != 1:
        raise GraphError(
            f"{node.op} with a batch of {reader.batch} may tell rows apart", node=node.name,
            hint="export with a batch of 1, or with a free batch axis",
        )  # fmt: skip


def _run(reader: Reader, node: SourceNode, values: NDArray[np.float64]) -> NDArray[Any]:
    """What the operator makes of values in the place of its first input.

    Raises:
        GraphError: Another input is not constant.
    """
    known: dict[str, NDArray[Any]] = {node.inputs[0]: values}
    for index, name in enumerate(node.inputs[1:], start=1):
        if name:
            held = reader.values(node, index, "what it reads besides")
            own = reader.constants.get(name)
            known[name] = held if own is None or own.dtype.kind == "f" else own
    return evaluate(node, known, reader.source.opsets)[node.outputs[0]]


def eye(reader: Reader, node: SourceNode) -> None:
    """Read EyeLike, which only the shape of its input decides."""
    shape = (reader.batch, *reader.shape(reader.activation(node))[1:])
    kind = replace(node, attrs={**node.attrs, "dtype": integer(node, "dtype", 1)})
    made = evaluate(kind, {node.inputs[0]: np.zeros(shape, np.float32)}, reader.source.opsets)
    reader.constants[node.outputs[0]] = made[node.outputs[0]]


def crop(reader: Reader, node: SourceNode) -> None:
    """Read CenterCropPad to a constant shape."""
    source = reader.activation(node)
    rank = len(reader.shape(source))
    axes = [axis(node, at, rank) for at in integers(node, "axes", tuple(range(rank)))]
    extents = reader.integers(node, 1, "the shape")
    if len(axes) != len(extents):
        raise GraphError(f"the shape must have {len(axes)} extents", node=node.name)
    for at, extent in zip(axes, extents, strict=True):
        own = reader.batch if at == 0 else reader.shape(source)[at]
        if own == extent:
            continue
        if at == 0:
            raise GraphError(f"{node.op} must not change the batch", node=node.name,
                             hint="crop the axes behind the batch")  # fmt: skip
        _check_extent(node, own, extent)
        line = replace(node, inputs=("line", "size"), outputs=("made",), attrs={})
        given = {"line": np.arange(1.0, own + 1), "size": np.array([extent], np.int64)}
        found = evaluate(line, given, {"": max(reader.source.opset, 18)})["made"]
        chosen = [int(i) - 1 for i in found]
        source = _placed(reader, node, source, at, chosen, f"axis{at}_cut")
    reader.rename(node, source)


def compress(reader: Reader, node: SourceNode) -> None:
    """Read Compress with a constant condition along an axis behind the batch."""
    source = reader.activation(node)
    if "axis" not in node.attrs:
        raise GraphError("Compress must have an axis, or rows of a batch are joined",
                         node=node.name, hint="give it an axis behind the batch")  # fmt: skip
    at = axis(node, integer(node, "axis", 0), len(reader.shape(source)))
    condition = reader.constant(node, 1, "the condition").reshape(-1)
    if len(condition) > reader.shape(source)[at]:
        raise GraphError(
            f"the condition holds {len(condition)} values for an axis of "
            f"{reader.shape(source)[at]}", node=node.name,
        )  # fmt: skip
    kept = np.flatnonzero(condition)
    reader.rename(node, select(reader, node, source, {at: [int(i) for i in kept]}, output="kept"))


def cast_like(reader: Reader, node: SourceNode) -> None:
    """Read CastLike as the Cast to the element type of its second input."""
    like = reader.constants.get(node.inputs[1])
    kinds = {"float32": 1, "float16": 10, "float64": 11, "int32": 6, "int64": 7, "bool": 9}
    target = 1 if like is None else kinds.get(like.dtype.name, 0)
    from netwright.exchange.qonnx import read_truths

    read_truths.cast(reader, replace(node, op="Cast", inputs=node.inputs[:1], attrs={"to": target}))


RULES: Mapping[str, Rule] = {
    "CastLike": cast_like, "CenterCropPad": crop, "Col2Im": columns_to_image,
    "Compress": compress, "Concat": concat, "CumSum": cumulate, "EyeLike": eye,
    "GatherElements": gather_elements, "GatherND": gather_elements, "Pad": pad, "Resize": resize,
    "ReverseSequence": gather_elements, "ScatterElements": by_element, "ScatterND": by_element,
    "Trilu": by_element, "Upsample": resize,
}  # fmt: skip
"""How such operators are read."""
