"""Operators of ONNX that select, repeat or pad values, made of operators that the graph has.

A selection of elements at equal distances is a slice, any other one along one axis a product with a
matrix of zeros and ones; padding with zeros is a
convolution with ones in windows of one element; repetition is a concatenation. All are exact.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netwright.errors import GraphError
from netwright.exchange.onnx.attributes import axis, integer, integers, real, text
from netwright.exchange.onnx.source_model import SourceNode
from netwright.exchange.qonnx.read_functions import embedding
from netwright.exchange.qonnx.reader import Reader, Reals
from netwright.ir import AttrValue

MAX_SELECTED = 2048
"""Largest extent of an axis from which values are selected."""

MAX_REPEATED = 64
"""Most times that a value is repeated along one axis."""


def depth_to_space(reader: Reader, node: SourceNode) -> None:
    """Read DepthToSpace as reshapes and a transposition."""
    source = reader.activation(node)
    block, (channels, height, width) = _block(reader, node, source)
    if channels % (block * block):
        raise GraphError(f"{channels} channels are no blocks of {block}", node=node.name)
    depth = channels // (block * block)
    mode = text(node, "mode", "DCR")
    if mode not in ("DCR", "CRD"):
        raise GraphError(f"mode must be DCR or CRD, not {mode!r}", node=node.name)
    parts = (block, block, depth) if mode == "DCR" else (depth, block, block)
    order = (0, 3, 4, 1, 5, 2) if mode == "DCR" else (0, 1, 4, 2, 5, 3)
    split = _reshaped(reader, node, source, (*parts, height, width), "split")
    turned = reader.emit(node, "Transpose", (split,), "turned", {"order": order})
    _reshaped(reader, node, turned, (depth, height * block, width * block))


def space_to_depth(reader: Reader, node: SourceNode) -> None:
    """Read SpaceToDepth as reshapes and a transposition."""
    source = reader.activation(node)
    block, (channels, height, width) = _block(reader, node, source)
    if height % block or width % block:
        raise GraphError(f"{height} x {width} positions are no blocks of {block}", node=node.name)
    parts = (channels, height // block, block, width // block, block)
    split = _reshaped(reader, node, source, parts, "split")
    turned = reader.emit(node, "Transpose", (split,), "turned", {"order": (0, 3, 5, 1, 2, 4)})
    _reshaped(reader, node, turned, (channels * block * block, height // block, width // block))


def repeats(reader: Reader, node: SourceNode, source: str) -> bool:
    """Read a Resize to whole multiples of the size that repeats values; say whether it is one."""
    shape = reader.shape(source)
    given, _ = resized(reader, node, shape)
    if all(factor == 1 for factor in given):
        reader.rename(node, source)
        return True
    position = text(node, "coordinate_transformation_mode", "half_pixel")
    nearest = text(node, "nearest_mode", "round_prefer_floor")
    plain = (position, nearest) in _REPEATING or is_of_version_10(reader, node)
    whole = all(factor == int(factor) >= 1 for factor in given)
    if text(node, "mode", "nearest") != "nearest" or not plain or not whole or given[0] != 1:
        return False
    if max(given) > MAX_REPEATED:
        raise GraphError(
            f"{node.op} by {given.tolist()} is not supported",
            node=node.name,
            hint=f"factors of up to {MAX_REPEATED} behind the batch axis are",
        )
    factors = [int(value) for value in given]
    if len(shape) in (3, 4) and factors[1] == 1:
        reader.emit(node, "Resize", (source,), attrs={"factors": tuple(factors[2:])})
        return True
    extents = list(shape)
    for index, factor in enumerate(factors):
        if factor == 1:
            continue
        split = (*extents[1 : index + 1], 1, *extents[index + 1 :])
        column = _reshaped(reader, node, source, split, f"axis{index}")
        copies = reader.emit(
            node, "Concat", (column,) * factor, f"axis{index}_repeated", {"axis": index + 1}
        )
        extents[index] *= factor
        final = all(other == 1 for other in factors[index + 1 :])
        source = _reshaped(
            reader, node, copies, tuple(extents[1:]), None if final else f"axis{index}_larger"
        )
    return True


_REPEATING = {
    ("asymmetric", "floor"),
    ("half_pixel", "round_prefer_floor"),
    ("half_pixel", "round_prefer_ceil"),
    ("pytorch_half_pixel", "round_prefer_floor"),
    ("pytorch_half_pixel", "round_prefer_ceil"),
}
"""Settings of Resize under which a whole multiple of the size repeats each value."""


def is_of_version_10(reader: Reader, node: SourceNode) -> bool:
    """Whether a Resize is older than its modes: positions are divided by the factor then."""
    return node.op == "Upsample" or reader.source.opset < 11


def resized(reader: Reader, node: SourceNode, shape: tuple[int, ...]) -> tuple[Reals, list[int]]:
    """By how much each axis grows, and its extent afterwards where the file says that."""
    place = 1 if node.op == "Upsample" or len(node.inputs) == 2 else 2
    sizes = len(node.inputs) > 3 and node.inputs[3]
    if "scales" in node.attrs:
        wanted = np.asarray(node.attrs["scales"], dtype=np.float64)
    else:
        wanted = reader.reals(node, 3 if sizes else place, "sizes" if sizes else "scales")
    axes = integers(node, "axes", tuple(range(len(shape))))
    if wanted.shape != (len(axes),) or np.any(wanted <= 0):
        raise GraphError(
            f"sizes or scales above 0 must be given for {len(axes)} axes", node=node.name
        )
    given, extents = np.ones(len(shape)), [0] * len(shape)
    if sizes:
        wanted = _kept_ratio(reader, node, shape, axes, wanted)
    for at, value in zip(_distinct(node, axes, len(shape)), wanted, strict=True):
        own = reader.batch if at == 0 else shape[at]
        given[at] = value / own if sizes else value
        extents[at] = int(value) if sizes else 0
    return given, extents


def _kept_ratio(
    reader: Reader, node: SourceNode, shape: tuple[int, ...], axes: tuple[int, ...], sizes: Reals
) -> Reals:
    """Extents that have one ratio to those before, where the file asks for that.

    Raises:
        GraphError: They are no integers then, so that positions are those of another ratio.
    """
    policy = text(node, "keep_aspect_ratio_policy", "stretch")
    if policy == "stretch":
        return sizes
    own = np.array(
        [reader.batch if at == 0 else shape[at] for at in _distinct(node, axes, len(shape))]
    )
    ratios = sizes / own
    kept = {"not_larger": ratios.min(), "not_smaller": ratios.max()}.get(policy)
    made = None if kept is None else np.floor(kept * own + 0.5)
    if kept is None or made is None or np.any(np.abs(made - kept * own) > 1e-9 * own):
        raise GraphError(
            f"sizes {sizes.astype(int).tolist()} with keep_aspect_ratio_policy {policy} are not "
            "supported",
            node=node.name,
            hint="give the sizes that come out, with keep_aspect_ratio_policy stretch",
        )
    return made


def pads_of(reader: Reader, node: SourceNode, rank: int) -> tuple[tuple[int, ...], float]:
    """How much a Pad adds in front of and behind each axis, and which value."""
    pads = integers(node, "pads", ())
    if not pads:
        pads = reader.integers(node, 1, "the pads")
    if len(node.inputs) > 3 and node.inputs[3]:
        axes = _distinct(node, listed(reader, node, "axes", 3), rank)
        if len(pads) != 2 * len(axes):
            raise GraphError(
                f"pads must hold {2 * len(axes)} values for axes {axes}, not {len(pads)}",
                node=node.name,
            )
        full = [0] * (2 * rank)
        for index, at in enumerate(axes):
            full[at], full[rank + at] = pads[index], pads[len(axes) + index]
        pads = tuple(full)
    if len(pads) != 2 * rank:
        raise GraphError(f"pads must hold {2 * rank} values, not {len(pads)}", node=node.name)
    value = real(node, "value", 0.0)
    if len(node.inputs) > 2 and node.inputs[2]:
        padding = reader.reals(node, 2, "the padding")
        if padding.size != 1:
            raise GraphError(f"the padding must be one number, not {padding.size}", node=node.name)
        value = float(padding.reshape(()))
    return pads, value


def slice_(reader: Reader, node: SourceNode) -> None:
    """Read Slice with constant limits."""
    source = reader.activation(node)
    shape = reader.shape(source)
    starts = listed(reader, node, "starts", 1)
    ends = listed(reader, node, "ends", 2)
    axes = listed(reader, node, "axes", 3) or tuple(range(len(starts)))
    steps = listed(reader, node, "steps", 4) or (1,) * len(starts)
    if not len(starts) == len(ends) == len(axes) == len(steps) or 0 in steps:
        raise GraphError("starts, ends, axes and steps do not fit each other", node=node.name)
    chosen = {}
    places = _distinct(node, axes, len(shape))
    for start, end, position, step in zip(starts, ends, places, steps, strict=True):
        extent = reader.batch if position == 0 else shape[position]
        chosen[position] = list(range(extent))[slice(start, end if end >= -extent else None, step)]
    select(reader, node, source, chosen)


def gather(reader: Reader, node: SourceNode) -> None:
    """Read Gather with constant indices, or from a constant table."""
    if not reader.is_activation(node.inputs[0]):
        embedding(reader, node)
        return
    source = reader.activation(node)
    shape = reader.shape(source)
    position = axis(node, integer(node, "axis", 0), len(shape))
    found = reader.integers(node, 1, "the indices")
    indices = np.array(found, np.int64).reshape(reader.constants[node.inputs[1]].shape)
    if indices.size > MAX_SELECTED:
        raise GraphError(
            f"indices of shape {indices.shape} are not supported",
            node=node.name,
            hint=f"take at most {MAX_SELECTED} elements along one axis",
        )
    if position == 0 and np.any((indices < -shape[0]) | (indices >= shape[0])):
        raise GraphError(
            "Gather must not take rows of a batch by number",
            node=node.name,
            hint="rows are independent of each other: select them on the host",
        )
    extent = shape[position]
    chosen = [axis(node, int(index), extent, what="index") for index in indices.reshape(-1)]
    if indices.ndim == 1:
        select(reader, node, source, {position: chosen})
        return
    if position == 0:
        raise GraphError(
            "Gather must not take one row of a batch",
            node=node.name,
            hint="rows are independent of each other: select them on the host",
        )
    kept = select(reader, node, source, {position: chosen}, output="chosen")
    _reshaped(reader, node, kept, (*shape[1:position], *indices.shape, *shape[position + 1 :]))


def split(reader: Reader, node: SourceNode) -> None:
    """Read Split with constant or equal parts."""
    source = reader.activation(node)
    shape = reader.shape(source)
    position = axis(node, integer(node, "axis", 0), len(shape))
    extent, count = shape[position], len(node.outputs)
    sizes = listed(reader, node, "split", 1)
    if not sizes:
        part = -(-extent // count)
        sizes = (*(part,) * (count - 1), extent - part * (count - 1))
    if len(sizes) != count or sum(sizes) != extent or min(sizes) < 1:
        raise GraphError(f"{extent} values are not split into {sizes}", node=node.name)
    first = 0
    for output, size in zip(node.outputs, sizes, strict=True):
        chosen = {position: list(range(first, first + size))}
        first += size
        if output and reader.uses[output]:
            name = reader.names.fresh(f"{node.name}_{output}") if count > 1 else node.name
            part_node = SourceNode(name, node.op, node.domain, node.inputs, (output,), node.attrs)
            select(reader, part_node, source, chosen)


def select(
    reader: Reader,
    node: SourceNode,
    source: str,
    chosen: dict[int, list[int]],
    *,
    output: str | None = None,
) -> str:
    """The values at the `chosen` indices of some axes behind the batch.

    Raises:
        GraphError: Rows are selected, or nothing is.
    """
    shape = reader.shape(source)
    wanted = {
        at: indices
        for at, indices in sorted(chosen.items())
        if indices != list(range(reader.batch if at == 0 else shape[at]))
    }
    if 0 in wanted:
        raise GraphError(
            f"{node.op} must not select rows of a batch",
            node=node.name,
            hint="rows are independent of each other: select them on the host",
        )
    if any(not indices for indices in wanted.values()):
        raise GraphError(f"{node.op} leaves nothing of {shape}", node=node.name)
    if not wanted:
        return reader.emit(node, "Reshape", (source,), output, {"shape": shape})
    for place, (at, indices) in enumerate(wanted.items()):
        final = output if place == len(wanted) - 1 else f"axis{at}_selected"
        source = _select_axis(reader, node, source, at, indices, final)
    return source


def _select_axis(
    reader: Reader, node: SourceNode, source: str, at: int, indices: list[int], output: str | None
) -> str:
    shape, first = reader.shape(source), indices[0]
    step = indices[1] - first if len(indices) > 1 else 1
    if step > 0 and indices == list(range(first, indices[-1] + 1, step)):
        attrs: dict[str, AttrValue] = {"start": first, "stop": indices[-1] + 1, "step": step}
        return reader.emit(node, "Slice", (source,), output, {"axis": at, **attrs})
    matrix = np.zeros((shape[at], len(indices)))
    matrix[indices, np.arange(len(indices))] = 1
    return along(reader, node, source, at, matrix, output)


def along(
    reader: Reader, node: SourceNode, source: str, at: int, matrix: Reals, output: str | None
) -> str:
    """The product of the values along axis `at` with a matrix of zeros and ones."""
    shape = reader.shape(source)
    if max(matrix.shape) > MAX_SELECTED:
        raise GraphError(
            f"{node.op} on an axis of {max(matrix.shape)} values; at most {MAX_SELECTED} are "
            "supported",
            node=node.name,
            hint="select on the host, in front of the network",
        )
    weights = reader.place_values(f"{node.name}.selection", matrix)
    last = len(shape) - 1
    if at == last:
        return reader.emit(node, "MatMul", (source, weights), output)
    order = tuple(last if i == at else at if i == last else i for i in range(len(shape)))
    turned = reader.emit(node, "Transpose", (source,), f"axis{at}_last", {"order": order})
    kept = reader.emit(node, "MatMul", (turned, weights), f"axis{at}_chosen")
    return reader.emit(node, "Transpose", (kept,), output, {"order": order})


def _distinct(node: SourceNode, axes: Sequence[int], rank: int) -> list[int]:
    """Axes counted from the front; each may be named once."""
    found = [axis(node, at, rank) for at in axes]
    if len(set(found)) < len(found):
        raise GraphError(f"axes must be different, not {tuple(axes)}", node=node.name)
    return found


def listed(reader: Reader, node: SourceNode, name: str, index: int) -> tuple[int, ...]:
    """A list of integers that is an attribute in old versions and an input in new ones."""
    if name in node.attrs:
        return integers(node, name, ())
    if index >= len(node.inputs) or not node.inputs[index]:
        return ()
    return reader.integers(node, index, f"the {name}")


def _block(reader: Reader, node: SourceNode, source: str) -> tuple[int, tuple[int, int, int]]:
    shape, block = reader.shape(source), integer(node, "blocksize", 0)
    if len(shape) != 4 or block < 1:
        raise GraphError(
            f"{node.op} with blocks of {block} does not suit shape {shape}", node=node.name
        )
    return block, (shape[1], shape[2], shape[3])


def _reshaped(
    reader: Reader,
    node: SourceNode,
    source: str,
    extents: tuple[int, ...],
    output: str | None = None,
) -> str:
    return reader.emit(node, "Reshape", (source,), output, {"shape": (1, *extents)})
