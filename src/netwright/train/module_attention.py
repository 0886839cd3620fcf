"""Embeddings, normalizations and attention of torch; handlers have their operators' signatures."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

from netwright.models.text import attend
from netwright.train.module_refs import Handler, Ref, fixed, values_of

if TYPE_CHECKING:
    from netwright.train.module_graph import Step


def _embedding(
    at: Step,
    input: object,
    weight: object,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    *args: object,
    **kwargs: object,
) -> Ref:
    if max_norm is not None:
        raise at.refuse("changes its rows in place (max_norm)", hint="normalize the table once")
    places, table = values_of(at, input, "the rows"), fixed(at, weight, "the table")
    return at.emit("Gather", (places.name, at.constant("table", table)))


def layer_norm(
    at: Step,
    input: object,
    normalized_shape: Sequence[int],
    weight: object = None,
    bias: object = None,
    eps: float = 1e-5,
    suffix: str = "",
) -> Ref:
    """Over the last axes, then a gain and an offset."""
    source = values_of(at, input, "the input")
    names = _vectors(at, suffix, weight, bias, tuple(normalized_shape))
    return at.emit(
        "LayerNormalization", (source.name, *names), suffix,
        epsilon=(float(eps),), axis=-len(normalized_shape),
    )  # fmt: skip


def _rms_norm(
    at: Step,
    input: object,
    normalized_shape: Sequence[int],
    weight: object = None,
    eps: float | None = None,
) -> Ref:
    if eps is None:
        raise at.refuse("must have an epsilon of its own", hint="pass eps, such as 1e-6")
    source = values_of(at, input, "the input")
    return at.emit(
        "RMSNormalization", (source.name, *_vectors(at, "", weight, None, ())),
        epsilon=(float(eps),), axis=-len(tuple(normalized_shape)),
    )  # fmt: skip


def _vectors(
    at: Step, suffix: str, weight: object, bias: object, shape: tuple[int, ...]
) -> list[str]:
    """The constants behind a normalization; an offset without a gain gets a gain of ones."""
    if weight is None and bias is None:
        return []
    lead = f"{suffix}_" if suffix else ""
    gain = torch.ones(shape) if weight is None else fixed(at, weight, "the gain")
    found = [at.constant(f"{lead}gain", gain)]
    if bias is not None:
        found.append(at.constant(f"{lead}offset", fixed(at, bias, "the offset")))
    return found


def _attention(
    at: Step,
    query: object,
    key: object,
    value: object,
    attn_mask: object = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Ref:
    """``F.scaled_dot_product_attention``; without an axis of heads there is one head."""
    if dropout_p:
        raise at.refuse(
            "drops shares in evaluation mode too",
            hint="pass dropout_p=p if self.training else 0.0",
        )
    parts = [values_of(at, p, w) for p, w in ((query, "queries"), (key, "keys"), (value, "values"))]
    rank = len(parts[0].shape)
    if rank not in (3, 4) or {len(part.shape) for part in parts} != {rank}:
        raise at.refuse("queries, keys and values must be (batch, [heads,] tokens, features)")
    if rank == 3:
        parts = [
            at.emit("Reshape", (p.name,), f"{w}_head", shape=(1, 1, *p.shape[1:]))
            for p, w in zip(parts, ("query", "key", "value"), strict=True)
        ]
    made = _attend(
        at, parts, _mask_of(at, attn_mask, 3, "attn_mask", rank), causal=is_causal, scale=scale
    )
    return made if rank == 4 else at.emit("Reshape", (made.name,), "flat", shape=at.shape)


def _own_attention(at: Step, query: object, key: object, value: object, mask: object) -> Ref:
    """The attention of :mod:`netwright.models.text`."""
    parts = [values_of(at, part, "queries, keys and values") for part in (query, key, value)]
    return _attend(at, parts, _mask_of(at, mask, 3, "mask", 4))


Mask = tuple[str, str] | None
"""Name of a mask, and whether it is added to scores or says what is kept; none."""


def _mask_of(at: Step, mask: object, place: int, name: str, rank: int) -> Mask:
    """The mask of the node that is translated, as an operand of four axes."""
    if mask is None:
        return None
    given = at.node.args[place] if len(at.node.args) > place else at.node.kwargs.get(name)
    is_boolean = _is_boolean(at, given)
    if isinstance(mask, Tensor):
        return _fixed_mask(at, mask)
    found = values_of(at, mask, "the mask")
    if rank == 3:
        shape = (1, 1, *found.shape[1:])
        found = at.emit("Reshape", (found.name,), "mask_head", shape=shape)
    return found.name, "keep" if is_boolean else "add"


def _is_boolean(at: Step, given: object) -> bool:
    value = at.whole.seen[given] if isinstance(given, fx.Node) else given
    return isinstance(value, Tensor) and value.dtype == torch.bool


def _fixed_mask(at: Step, mask: Tensor) -> Mask:
    """A constant mask; minus infinity leaves keys out, which a constant of ones and zeros says."""
    if mask.dtype == torch.bool:
        return at.constant("mask", mask.double()), "keep"
    if bool(torch.isinf(mask).any()):
        if not bool(((mask == 0) | (mask == -math.inf)).all()):
            raise at.refuse("its mask must be 0 and minus infinity, or finite")
        return at.constant("mask", (mask == 0).double()), "keep"
    return at.constant("mask", mask), "add"


def _attend(
    at: Step,
    parts: Sequence[Ref],
    mask: Mask,
    *,
    causal: bool = False,
    scale: float | None = None,
    suffix: str = "",
) -> Ref:
    names = [part.name for part in parts]
    if mask is not None:
        names.append(mask[0])
    width = parts[0].shape[-1]
    if causal and parts[0].shape[-2] != parts[1].shape[-2]:
        raise at.refuse("is causal with more keys than queries, or fewer")
    return at.emit(
        "Attention", tuple(names), suffix, scale=(scale or 1 / math.sqrt(width),),
        causal=int(causal), mask="add" if mask is None else mask[1],
    )  # fmt: skip


def _multi_head(
    at: Step,
    query: object,
    key: object,
    value: object,
    key_padding_mask: object = None,
    need_weights: bool = True,
    attn_mask: object = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> Ref:
    """``nn.MultiheadAttention``; the shares, its second result, are not given."""
    layer = at.whole.symbolic.layer(at.node)
    assert isinstance(layer, nn.MultiheadAttention)
    parts = [values_of(at, p, w) for p, w in ((query, "queries"), (key, "keys"), (value, "values"))]
    return _heads(at, layer, parts, _masks(at, key_padding_mask, attn_mask, is_causal), "")


def _masks(at: Step, padding: object, mask: object, is_causal: bool) -> Mask | bool:
    """The mask of a layer: one that is given, or whether it is causal."""
    if padding is not None and mask is not None:
        raise at.refuse("takes one mask: of padding, or of pairs of tokens")
    if mask is not None:
        if not isinstance(mask, Tensor) or mask.ndim != 2:
            raise at.refuse("its attn_mask must be a constant (queries, keys)")
        # In these layers True leaves a key out, as minus infinity does.
        return _fixed_mask(at, ~mask if mask.dtype == torch.bool else mask)
    if padding is None:
        return bool(is_causal)
    raise at.refuse(
        "takes a key_padding_mask", hint="pass the mask to F.scaled_dot_product_attention, true "
        "for words"
    )  # fmt: skip


def _heads(
    at: Step, layer: nn.MultiheadAttention, parts: Sequence[Ref], mask: Mask | bool, lead: str
) -> Ref:
    """Projections, attention of the heads, and the projection of what they give."""
    if not layer.batch_first or layer.in_proj_weight is None or layer.bias_k is not None:
        raise at.refuse(
            "must have batch_first=True, keys and values as wide as queries, and no bias of keys"
        )
    if layer.add_zero_attn:
        raise at.refuse("adds a key of zeros (add_zero_attn)")
    hidden, heads = layer.embed_dim, layer.num_heads
    matrices = layer.in_proj_weight.chunk(3)
    biases = (None,) * 3 if layer.in_proj_bias is None else layer.in_proj_bias.chunk(3)
    split = []
    for part, matrix, bias, what in zip(
        parts, matrices, biases, ("query", "key", "value"), strict=True
    ):
        made = linear(at, part, matrix, bias, f"{lead}{what}")
        shape = (1, made.shape[1], heads, hidden // heads)
        made = at.emit("Reshape", (made.name,), f"{lead}{what}_split", shape=shape)
        split.append(at.emit("Transpose", (made.name,), f"{lead}{what}_heads", order=(0, 2, 1, 3)))
    causal = mask is True
    found = None if isinstance(mask, bool) else mask
    context = _attend(at, split, found, causal=causal, suffix=f"{lead}attention")
    context = at.emit("Transpose", (context.name,), f"{lead}tokens", order=(0, 2, 1, 3))
    flat = (1, context.shape[1], hidden)
    context = at.emit("Reshape", (context.name,), f"{lead}context", shape=flat)
    return linear(at, context, layer.out_proj.weight, layer.out_proj.bias, f"{lead}output")


def linear(at: Step, source: Ref, weight: Tensor, bias: Tensor | None, suffix: str) -> Ref:
    """A product with the weights of a layer inside of a layer."""
    names = [source.name, at.constant(f"{suffix}_weight", weight.T)]
    if bias is not None:
        names.append(at.constant(f"{suffix}_bias", bias))
    return at.emit("MatMul", tuple(names), suffix)


def _encoder_layer(
    at: Step,
    src: object,
    src_mask: object = None,
    src_key_padding_mask: object = None,
    is_causal: bool = False,
) -> Ref:
    layer = at.whole.symbolic.layer(at.node)
    assert isinstance(layer, nn.TransformerEncoderLayer)
    mask = _masks(at, src_key_padding_mask, src_mask, is_causal)
    return _layer_of(at, layer, values_of(at, src, "the input"), mask, "")


def _encoder(
    at: Step,
    src: object,
    mask: object = None,
    src_key_padding_mask: object = None,
    is_causal: bool | None = None,
) -> Ref:
    whole = at.whole.symbolic.layer(at.node)
    assert isinstance(whole, nn.TransformerEncoder)
    found = _masks(at, src_key_padding_mask, mask, bool(is_causal))
    values = values_of(at, src, "the input")
    for number, layer in enumerate(whole.layers):
        if type(layer) is not nn.TransformerEncoderLayer:
            raise at.refuse(f"holds {type(layer).__name__}, which is not known")
        values = _layer_of(at, layer, values, found, f"{number}_")
    return values if whole.norm is None else _norm(at, whole.norm, values, "norm")


def _layer_of(
    at: Step, layer: nn.TransformerEncoderLayer, values: Ref, mask: Mask | bool, lead: str
) -> Ref:
    """One layer, its normalizations before or behind."""

    def attention(source: Ref) -> Ref:
        return _heads(at, layer.self_attn, (source,) * 3, mask, f"{lead}self_attn_")

    def wide(source: Ref) -> Ref:
        made = linear(at, source, layer.linear1.weight, layer.linear1.bias, f"{lead}linear1")
        made = _activation(at, layer.activation, made, f"{lead}activation")
        return linear(at, made, layer.linear2.weight, layer.linear2.bias, f"{lead}linear2")

    blocks: tuple[tuple[Callable[[Ref], Ref], nn.Module], ...] = (
        (attention, layer.norm1), (wide, layer.norm2)
    )  # fmt: skip
    for number, (block, norm) in enumerate(blocks, start=1):
        read = _norm(at, norm, values, f"{lead}norm{number}") if layer.norm_first else values
        values = at.emit("Add", (block(read).name, values.name), f"{lead}sum{number}")
        if not layer.norm_first:
            values = _norm(at, norm, values, f"{lead}norm{number}")
    return values


def _norm(at: Step, norm: nn.Module, source: Ref, suffix: str) -> Ref:
    if type(norm) is not nn.LayerNorm:
        raise at.refuse(f"normalizes with {type(norm).__name__}, which is not known here")
    return layer_norm(at, source, norm.normalized_shape, norm.weight, norm.bias, norm.eps, suffix)


def _activation(at: Step, function: object, source: Ref, suffix: str) -> Ref:
    if function in (F.relu, torch.relu) or type(function) is nn.ReLU:
        return at.emit("Relu", (source.name,), suffix)
    if function is F.gelu or (type(function) is nn.GELU and function.approximate == "none"):
        return at.emit("Function", (source.name,), suffix, name="gelu", parameter=(0.0,))
    if function is F.silu or type(function) is nn.SiLU:
        return at.emit("Function", (source.name,), suffix, name="silu", parameter=(0.0,))
    name = getattr(function, "__name__", type(function).__name__)
    raise at.refuse(f"has the activation {name}, which is not known here")


FUNCTIONS: dict[object, Handler] = {
    F.embedding: _embedding, F.layer_norm: layer_norm, torch.layer_norm: layer_norm,
    F.rms_norm: _rms_norm,
    F.scaled_dot_product_attention: _attention, attend: _own_attention,
}  # fmt: skip
"""Functions of torch, and of the text encoder."""

MODULES: dict[type[nn.Module], tuple[Handler, tuple[str, ...]]] = {
    nn.Embedding: (_embedding, ("weight", "padding_idx", "max_norm")),
    nn.LayerNorm: (layer_norm, ("normalized_shape", "weight", "bias", "eps")),
    nn.RMSNorm: (_rms_norm, ("normalized_shape", "weight", "eps")),
    nn.MultiheadAttention: (_multi_head, ()),
    nn.TransformerEncoderLayer: (_encoder_layer, ()),
    nn.TransformerEncoder: (_encoder, ()),
}
"""Layers, and which of their attributes the handlers take."""
