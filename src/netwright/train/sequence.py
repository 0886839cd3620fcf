"""A module whose `forward` is a chain of layers, as the sequence of those layers."""

from __future__ import annotations

import copy
import operator
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional as F

from netwright.errors import GraphError
from netwright.train.module_tracing import require_same
from netwright.train.symbolic import Symbolic, path_of, refusal, trace_symbolically

_CHECK_ROWS = 16
_ANY_GRAPH = (
    "quantization-aware training takes chains of layers; for any other module use "
    "netwright.train.trace_module and netwright.passes.quantize"
)


def as_sequence(model: nn.Module) -> nn.Sequential:
    """The layers that ``model.eval().forward`` calls, in the order in which it calls them.

    Layers with weights are the module's own, not copies; functions such as ``torch.relu`` become
    layers. A module that is such a sequence already comes back as it is.

    Raises:
        GraphError: `forward` is no chain: it branches, adds, uses a layer with weights twice, or
            calls something that is no layer. The place in the module and the line are named.
    """
    symbolic = trace_symbolically(model)
    layers = _layers(symbolic)
    _refuse_tied(layers)
    if type(model) is nn.Sequential and list(layers.items()) == list(model.named_children()):
        return model
    return nn.Sequential(layers).train(model.training)


def checked_sequence(model: nn.Module, input_shape: tuple[int, ...]) -> nn.Sequential:
    """:func:`as_sequence`, compared with the module on normal random rows.

    Raises:
        GraphError: `forward` is no chain.
        VerificationError: The sequence does not do what the module does.
    """
    layers = as_sequence(model)
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(_CHECK_ROWS, *input_shape, generator=generator)
    require_same(model, layers, rows, what="the sequence of its layers")
    return layers


def _layers(symbolic: Symbolic) -> OrderedDict[str, nn.Module]:
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    last: fx.Node | None = None
    for node in symbolic.code.graph.nodes:
        if node.op == "placeholder":
            if last is not None:
                raise GraphError(
                    f"{type(symbolic.original).__name__}.forward takes "
                    f"{len(symbolic.inputs)} inputs",
                    hint=_ANY_GRAPH,
                )
            last = node
        elif node.op == "output":
            if node.args[0] is not last:
                raise GraphError(
                    f"{type(symbolic.original).__name__}.forward must return what its last layer "
                    "gives",
                    hint=_ANY_GRAPH,
                )
        elif not _is_number_of_rows(node):
            if node.op == "get_attr":
                user = next(iter(node.users), node)
                raise refusal(user, f"reads {path_of(node)} directly", hint=_ANY_GRAPH)
            if node.all_input_nodes[:1] != [last] or any(
                not _is_number_of_rows(other) for other in node.all_input_nodes[1:]
            ):
                raise refusal(
                    node, "reads something else than what the layer before it gives",
                    hint=_ANY_GRAPH,
                )  # fmt: skip
            _append(symbolic, node, layers)
            last = node
    return layers


def _append(symbolic: Symbolic, node: fx.Node, layers: OrderedDict[str, nn.Module]) -> None:
    if node.op == "call_module":
        path = str(node.target).partition(".")[2]
        layer = symbolic.original.get_submodule(path)
        name = path.replace(".", "_") or type(layer).__name__.lower()
        if layer in layers.values():
            if next(layer.parameters(), None) is not None:
                raise refusal(node, "is used a second time", hint=_ANY_GRAPH)
            name, layer = f"{name}_again", copy.deepcopy(layer)  # a sequence holds a layer once
    else:
        made = _as_layer(node)
        if made is None:
            return
        name, layer = node.name, made
    while name in layers:
        name += "_"
    layers[name] = layer


def _is_number_of_rows(node: fx.Node) -> bool:
    """Whether a node reads a shape: ``x.size(0)``, ``x.shape[0]`` or ``x.shape``."""
    if node.target == "size" or (node.target is getattr and node.args[1] == "shape"):
        return True
    source = node.args[0] if node.args else None
    return (
        node.target is operator.getitem and isinstance(source, fx.Node)
        and _is_number_of_rows(source)
    )  # fmt: skip


def _as_layer(node: fx.Node) -> nn.Module | None:
    """The layer that does what a function does; ``None`` for one that does nothing."""
    make = _FUNCTIONS.get(node.target)
    if make is None:
        raise refusal(node, "is no layer that a chain can hold", hint=_ANY_GRAPH)
    try:
        return make(*node.args[1:], **{k: v for k, v in node.kwargs.items() if k != "input"})
    except TypeError:
        raise refusal(node, "is called in a way that a chain cannot hold") from None


def _relu(inplace: bool = False) -> nn.Module:
    return nn.ReLU()


def _flatten(start_dim: int = 0, end_dim: int = -1) -> nn.Module:
    return nn.Flatten(start_dim, end_dim)


def _view(rows: object, *extents: object) -> nn.Module:
    if len(extents) != 1:
        raise TypeError
    return nn.Flatten()


def _max_pool(
    kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> nn.Module:  # fmt: skip
    return nn.MaxPool2d(kernel_size, stride, padding, dilation, return_indices, ceil_mode)


def _dropout(p: float = 0.5, training: bool = True, inplace: bool = False) -> nn.Module:
    if training:
        raise TypeError
    return nn.Dropout(p)


def _nothing() -> None:
    return None


_FUNCTIONS: dict[object, Callable[..., nn.Module | None]] = {
    F.relu: _relu, torch.relu: _relu, torch.relu_: _relu, "relu": _relu, "relu_": _relu,
    torch.flatten: _flatten, "flatten": _flatten, "view": _view, "reshape": _view,
    torch.reshape: _view, F.max_pool2d: _max_pool, F.dropout: _dropout,
    "contiguous": _nothing,
}  # fmt: skip


def _refuse_tied(layers: OrderedDict[str, nn.Module]) -> None:
    """Layers that share a parameter would each be trained with a copy of it."""
    owners: dict[int, str] = {}
    for name, layer in layers.items():
        for key, parameter in layer.named_parameters():
            first = owners.setdefault(id(parameter), f"{name}.{key}")
            if first != f"{name}.{key}":
                raise GraphError(
                    f"shares its {key} with {first}", node=name,
                    hint="give every layer parameters of its own; training would part them",
                )  # fmt: skip
