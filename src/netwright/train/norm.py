"""Batch normalization folded into the layer before it."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Sequence

import torch
from torch import Tensor, fx, nn

from netwright.train.layers import WEIGHTED, Weighted, as_stored, outputs_first
from netwright.train.module_graph import record
from netwright.train.symbolic import Symbolic, path_of, trace_symbolically

_Norm = nn.BatchNorm1d | nn.BatchNorm2d


@torch.no_grad()
def fold_batch_norm(model: nn.Module, *, rows: Sequence[Tensor] = ()) -> nn.Module:
    """A copy of `model` with as little batch normalization as possible, equal in evaluation mode.

    Where nothing else reads what a layer with weights gives, the scale of the normalization behind
    it goes into the weights and the shift into the bias; an ``Identity`` stands in its place.
    Normalizations elsewhere stay.

    Args:
        model: Any module that can be traced.
        rows: Inputs, (rows, *shape) each, that tell which axes dense layers work on; without them,
            (rows, features) is taken for granted.

    Raises:
        GraphError: `forward` cannot be traced.
    """
    symbolic = trace_symbolically(model)
    twin = copy.deepcopy(model)
    seen = record(symbolic, tuple(rows)) if rows else {}
    uses = Counter(path_of(node) for node in symbolic.code.graph.nodes if node.op == "call_module")
    for node in symbolic.code.graph.nodes:
        before = _layer_before(symbolic, node)
        if before is None or uses[path_of(before)] > 1 or uses[path_of(node)] > 1:
            continue
        layer, norm = (twin.get_submodule(path_of(item)) for item in (before, node))
        assert isinstance(layer, Weighted)
        assert isinstance(norm, _Norm)
        made = seen.get(before)
        is_other_axis = isinstance(layer, nn.Linear) and isinstance(made, Tensor) and made.ndim > 2
        if norm.running_mean is None or norm.running_var is None or is_other_axis:
            continue
        _fold(layer, norm)
        replace_module(twin, norm, nn.Identity())
    return twin


def replace_module(model: nn.Module, old: nn.Module, new: nn.Module) -> None:
    """Put a module in the place of another, under every name that it has."""
    for parent in list(model.modules()):
        for name, child in list(parent._modules.items()):
            if child is old:
                parent._modules[name] = new


def _layer_before(symbolic: Symbolic, node: fx.Node) -> fx.Node | None:
    """The layer with weights that a normalization alone reads."""
    if node.op != "call_module" or not isinstance(symbolic.layer(node), _Norm):
        return None
    before = node.all_input_nodes[0]
    if before.op != "call_module" or not isinstance(symbolic.layer(before), WEIGHTED):
        return None
    return before if len(before.users) == 1 else None


def _fold(layer: Weighted, norm: _Norm) -> None:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    gain = torch.rsqrt(norm.running_var + norm.eps)
    if norm.affine:
        gain = gain * norm.weight
    shift = -norm.running_mean * gain + (norm.bias if norm.affine else 0.0)
    bias = layer.bias if layer.bias is not None else torch.zeros_like(norm.running_mean)
    weight = outputs_first(layer, layer.weight)
    scaled = weight * gain.reshape(-1, *(1,) * (weight.ndim - 1))
    layer.weight.copy_(as_stored(layer, scaled))
    layer.bias = nn.Parameter(bias * gain + shift)
