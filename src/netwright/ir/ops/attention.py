"""Attention: shares of keys that depend on queries, and the weighted sum of values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netwright.errors import GraphError
from netwright.ir.einsums.blocks import attention
from netwright.ir.einsums.einsum import Access, Affine, Einsum, Rank
from netwright.ir.einsums.lower import Operand, plain
from netwright.ir.graph import Array, Node
from netwright.ir.spec import Attribute, OpSpec, Shape
from netwright.ir.tolerance import RELATIVE, Tolerance, walk


def _shape(node: Node, shapes: Sequence[Shape]) -> Shape:
    queries, keys, values = shapes[:3]
    if any(len(shape) != 4 for shape in (queries, keys, values)):
        raise GraphError(
            "queries, keys and values must be (batch, heads, tokens, features), not "
            f"{queries}, {keys} and {values}",
            node=node.name,
        )
    batch, heads, tokens, width = queries
    if keys[0] != batch or keys[3] != width or keys[1] < 1 or heads % keys[1]:
        raise GraphError(
            f"keys must be ({batch}, a divisor of {heads}, tokens, {width}), not {keys}",
            node=node.name,
        )
    if values[:3] != keys[:3]:
        raise GraphError(
            f"values must be {keys[:3]} and features of their own, not {values}", node=node.name
        )
    scale = node.reals("scale")[0]
    if not 0 < scale < 1e30:
        raise GraphError(f"scale must be above 0 and finite, not {scale}", node=node.name)
    if len(shapes) > 3:
        _check_mask(node, shapes[3], (batch, heads, tokens, keys[2]))
    return (batch, heads, tokens, values[3])


def _check_mask(node: Node, mask: Shape, scores: Shape) -> None:
    fits = len(mask) <= 4 and all(
        own in (1, extent) for own, extent in zip(mask[::-1], scores[::-1], strict=False)
    )
    if not fits:
        raise GraphError(f"the mask must broadcast to {scores}, not be {mask}", node=node.name)


def visible(node: Node, queries: int, keys: int) -> Array | None:
    """Which keys a query sees, (queries, keys); ``None`` for all.

    The last query sees all keys of a causal node: where there are more keys than queries, the first
    keys are those of earlier tokens.
    """
    if not node.integer("causal", 0):
        return None
    return np.arange(keys) <= np.arange(queries)[:, None] + (keys - queries)


def shares_of(node: Node, scores: Array, mask: Array | None) -> Array:
    """The shares of keys, from scores (..., queries, keys); 0 for a query that sees no key."""
    seen = visible(node, *scores.shape[-2:])
    keep = None if seen is None else seen
    if mask is not None and node.text("mask") == "keep":
        keep = mask != 0 if keep is None else keep & (mask != 0)
    elif mask is not None:
        scores = scores + mask
    if keep is not None:
        scores = np.where(keep, scores, -np.inf)
    largest = scores.max(axis=-1, keepdims=True, initial=-np.inf)
    largest = np.where(np.isfinite(largest), largest, 0)
    powers = np.exp(scores - largest.astype(scores.dtype))
    total = powers.sum(axis=-1, keepdims=True)
    return powers / np.where(total > 0, total, 1)


def by_head(keys: Array, heads: int) -> Array:
    """Keys or values (..., own heads, tokens, features), each as often as queries share it."""
    return keys if keys.shape[-3] == heads else np.repeat(keys, heads // keys.shape[-3], axis=-3)


def _execute(node: Node, inputs: Sequence[Array]) -> Array:
    queries, keys, values = inputs[:3]
    mask = inputs[3] if len(inputs) > 3 else None
    heads, scale = queries.shape[1], node.reals("scale")[0]
    made = np.empty((*queries.shape[:3], values.shape[3]), np.result_type(queries, values))
    for row in range(len(queries)):  # the scores of a whole batch need not fit the memory
        looked, held = by_head(keys[row], heads), by_head(values[row], heads)
        scores = queries[row] @ looked.swapaxes(-1, -2) * scale
        made[row] = shares_of(node, scores, of_row(mask, row)) @ held
    return made


def of_row(mask: Array | None, row: int) -> Array | None:
    """The mask of a row of the batch."""
    if mask is None or mask.ndim < 4:
        return mask
    return mask[row if len(mask) > 1 else 0]


def _magnitude(node: Node, inputs: Sequence[Array], result: Array) -> Array:
    """What a share loses with its score, times the values that it weighs."""
    queries, keys, values = (np.abs(part) for part in inputs[:3])
    heads, scale = queries.shape[1], node.reals("scale")[0]
    mask = inputs[3] if len(inputs) > 3 else None
    found = np.empty(result.shape, np.float64)
    for row in range(len(queries)):
        signed = by_head(inputs[1][row], heads).swapaxes(-1, -2)
        shares = shares_of(node, inputs[0][row] @ signed * scale, of_row(mask, row))
        reach = (queries[row] @ by_head(keys[row], heads).swapaxes(-1, -2)).max(-1) * scale
        if mask is not None and node.text("mask") == "add":
            reach = reach + np.abs(mask).max(initial=0, where=np.abs(mask) < 1e4)
        weighted = shares @ by_head(values[row], heads)
        found[row] = weighted * (1 + reach[..., None])
    return found * walk(max(queries.shape[-1], keys.shape[-2]))


def _macs(node: Node, shapes: Sequence[Shape]) -> int:
    _, heads, tokens, width = shapes[0]
    return heads * tokens * shapes[1][2] * (width + shapes[2][3])


def _einsums(node: Node, sources: Sequence[Operand], output: Operand) -> list[Einsum]:
    batch, heads, tokens, width = sources[0].shape
    own, length = sources[1].shape[1:3]
    groups = heads // own
    ranks = [Rank("N", batch), Rank("H", own)]
    head = plain("H")
    if groups > 1:
        ranks.append(Rank("G", groups))
        head = Affine((("H", groups), ("G", 1)))
    ranks += [Rank("P", tokens), Rank("M", length), Rank("E", width)]
    ranks.append(Rank("F", sources[2].shape[3]))
    mask = _mask_access(sources[3], head) if len(sources) > 3 else None
    return attention(
        node.name,
        sources[0].at(plain("N"), head, plain("P"), plain("E")),
        sources[1].at(plain("N"), plain("H"), plain("M"), plain("E")),
        sources[2].at(plain("N"), plain("H"), plain("M"), plain("F")),
        output.at(plain("N"), head, plain("P"), plain("F")),
        ranks,
        mask=mask,
        scale=node.reals("scale")[0],
    )


def _mask_access(mask: Operand, head: Affine) -> Access:
    index = (plain("N"), head, plain("P"), plain("M"))[4 - len(mask.shape) :]
    return mask.at(
        *(at if extent > 1 else Affine(()) for at, extent in zip(index, mask.shape, strict=True))
    )


SPECS = (
    OpSpec(
        name="Attention",
        category="attention",
        einsums=_einsums,
        form="quantized",
        num_inputs=(3, 4),
        shape=_shape,
        execute=_execute,
        macs=_macs,
        attributes={
            "scale": Attribute("reals"),
            "causal": Attribute("int", default=0, required=False),
            "mask": Attribute("text", default="add", required=False, choices=("add", "keep")),
        },
        tolerance=Tolerance(2 * RELATIVE, _magnitude),
    ),
)
"""``mask`` says what the fourth operand is: terms of the scores, or 0 where a key is left out."""
