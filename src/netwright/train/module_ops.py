"""What the operators of torch mean in a graph; each handler has its operator's own signature."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

from netwright.train import module_attention as attention
from netwright.train import module_functions as functions
from netwright.train import module_parts as parts
from netwright.train.module_refs import Handler, Ref
from netwright.train.module_refs import fixed as _fixed
from netwright.train.module_refs import values_of as _values
from netwright.train.module_windows import (
    adaptive_pool,
    avg_pool,
    conv,
    conv_transpose,
    max_pool,
    resize,
)
from netwright.train.symbolic import KNOWN_LAYERS, OTHER_AXES, Symbolic, refusal

if TYPE_CHECKING:
    from netwright.train.module_graph import Step


def _linear(at: Step, input: object, weight: object, bias: object = None) -> Ref:
    source, matrix = _values(at, input, "the input"), _fixed(at, weight, "the weight")
    names = [source.name, at.constant("weight", matrix.T)]
    if bias is not None:
        names.append(at.constant("bias", _fixed(at, bias, "the bias")))
    return at.emit("MatMul", tuple(names))


def _matmul(at: Step, input: object, other: object) -> Ref:
    source = _values(at, input, "the left matrix")
    if isinstance(other, Ref):
        if len(source.shape) < 3:
            raise at.refuse("multiplies two matrices of activations without an axis of rows")
        return at.emit("BatchMatMul", (source.name, other.name))
    matrix = _fixed(at, other, "the right matrix")
    if matrix.ndim != 2:
        raise at.refuse(f"the right matrix must have 2 axes, not {matrix.ndim}")
    return at.emit("MatMul", (source.name, at.constant("weight", matrix)))


def _batch_norm(
    at: Step,
    input: object,
    running_mean: object,
    running_var: object,
    weight: object = None,
    bias: object = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Ref:
    if training or running_mean is None or running_var is None:
        raise at.refuse(
            "normalizes with the statistics of the batch, so a row's result depends on the others",
            hint="track running statistics (track_running_stats=True)",
        )
    mean = _fixed(at, running_mean, "the mean")
    parts = {
        "gamma": torch.ones_like(mean) if weight is None else weight,
        "beta": torch.zeros_like(mean) if bias is None else bias,
        "mean": mean,
        "variance": running_var,
    }
    names = [at.constant(key, _fixed(at, value, key)) for key, value in parts.items()]
    source = _values(at, input, "the input")
    return at.emit("BatchNormalization", (source.name, *names), epsilon=(eps,))


def _relu(at: Step, input: object, inplace: bool = False) -> Ref:
    return at.emit("Relu", (_values(at, input, "the input").name,))


def _hardtanh(
    at: Step, input: object, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Ref:
    return _clamp(at, input, min_val, max_val)


def _relu6(at: Step, input: object, inplace: bool = False) -> Ref:
    return _clamp(at, input, 0.0, 6.0)


def _clamp(at: Step, input: object, min: object = None, max: object = None) -> Ref:
    source = _values(at, input, "the input")
    ends = []
    for end in (min, max):
        if end is not None and not isinstance(end, int | float):
            raise at.refuse("the limits must be numbers")
        ends.append(end)
    low, high = ends
    if high is None and low == 0:
        return at.emit("Relu", (source.name,))
    if low is not None and high is not None and low > high:
        raise at.refuse(
            f"the lower limit {low} exceeds the upper limit {high}", hint="exchange the limits"
        )
    if low is None or high is None:
        raise at.refuse("needs both limits", hint="give both, or use relu")
    return at.emit("Clip", (source.name,), low=(float(low),), high=(float(high),))


def _clamp_min(at: Step, input: object, min: object) -> Ref:
    return _clamp(at, input, min)


def _add(at: Step, input: object, other: object, *, alpha: float = 1) -> Ref:
    if alpha != 1:
        other = _scaled(at, other, alpha)
    return _elementwise(at, "Add", input, other)


def _sub(at: Step, input: object, other: object, *, alpha: float = 1) -> Ref:
    return _elementwise(at, "Add", input, _scaled(at, other, -alpha))


def _scaled(at: Step, value: Any, factor: float) -> object:
    if not isinstance(value, Ref):
        return _operand(at, value) * factor
    return at.emit("Mul", (value.name, at.constant("factor", factor)), "scaled")


def _mul(at: Step, input: object, other: object) -> Ref:
    return _elementwise(at, "Mul", input, other)


def _div(at: Step, input: object, other: object, *, rounding_mode: str | None = None) -> Ref:
    if rounding_mode is not None:
        raise at.refuse("rounds the quotient")
    if isinstance(other, Ref):
        left = input.name if isinstance(input, Ref) else at.constant("left", _operand(at, input))
        return at.emit("Div", (left, other.name))
    return _elementwise(at, "Mul", input, 1.0 / _operand(at, other))


def _neg(at: Step, input: object) -> Ref:
    return _elementwise(at, "Mul", input, -1.0)


def _operand(at: Step, value: object) -> Tensor:
    """A constant beside a tensor; a number that depends on the number of rows is none."""
    if not isinstance(value, Tensor | int | float):
        raise at.refuse(f"{type(value).__name__} is no number or tensor")
    return torch.as_tensor(value, dtype=torch.float64)


def _elementwise(at: Step, op: str, left: object, right: object) -> Ref:
    names = []
    for key, value in (("left", left), ("right", right)):
        if isinstance(value, Ref):
            names.append(value.name)
        else:
            names.append(at.constant(key, _operand(at, value)))
    if not isinstance(left, Ref):
        names.reverse()
    return at.emit(op, tuple(names))


def _cat(at: Step, tensors: Sequence[object], dim: int = 0) -> Ref:
    sources = [_values(at, tensor, "every tensor") for tensor in tensors]
    return at.emit(
        "Concat", tuple(source.name for source in sources), axis=dim % len(sources[0].shape)
    )


def _reshape(at: Step, input: object, *args: object, **kwargs: object) -> Ref:
    """Everything that keeps the order of the values: the shape that was seen says the rest."""
    source = _values(at, input, "the input")
    return source if source.shape == at.shape else at.emit(
        "Reshape", (source.name,), shape=at.shape
    )  # fmt: skip


def _permute(at: Step, input: object, *dims: Any) -> Ref:
    source = _values(at, input, "the input")
    order = dims[0] if len(dims) == 1 and not isinstance(dims[0], int) else dims
    axes = tuple(int(axis) % len(source.shape) for axis in order)
    if axes == tuple(range(len(axes))):
        return source
    return at.emit("Transpose", (source.name,), order=axes)


def _transpose(at: Step, input: object, dim0: int, dim1: int) -> Ref:
    order = list(range(len(_values(at, input, "the input").shape)))
    order[dim0], order[dim1] = order[dim1], order[dim0]
    return _permute(at, input, order)


def _mean(
    at: Step, input: object, dim: Any = None, keepdim: bool = False, *, dtype: object = None
) -> Ref:
    source = _values(at, input, "the input")
    rank = len(source.shape)
    dims = range(rank) if dim is None else (dim,) if isinstance(dim, int) else dim
    axes = {int(axis) % rank for axis in dims}
    if 0 in axes:
        raise at.refuse("the mean must not run over rows")
    if axes == set(range(2, rank)) and rank in (3, 4):
        pooled = at.emit(
            "AveragePool", (source.name,), "pool", kernel=source.shape[2:],
            strides=source.shape[2:], pads=(0, 0) * (rank - 2),
        )  # fmt: skip
        return _reshape(at, pooled)
    kept = [axis for axis in range(rank) if axis not in axes]
    order = (*kept, *sorted(axes))
    moved = source
    if order != tuple(range(rank)):
        moved = at.emit("Transpose", (source.name,), "moved", order=order)
    count = math.prod(source.shape[axis] for axis in axes)
    rows = (1, math.prod(source.shape[axis] for axis in kept), count)
    flat = at.emit("Reshape", (moved.name,), "rows", shape=rows)
    pooled = at.emit(
        "AveragePool", (flat.name,), "pool", kernel=(count,), strides=(count,), pads=(0, 0)
    )
    return _reshape(at, pooled)


def _sum(
    at: Step, input: object, dim: Any = None, keepdim: bool = False, *, dtype: object = None
) -> Ref:
    mean = _mean(at, input, dim, keepdim)
    source = _values(at, input, "the input")
    count = math.prod(source.shape) // math.prod(mean.shape)
    return at.emit("Mul", (mean.name, at.constant("count", float(count))), "sum")


def _softmax(
    at: Step, input: object, dim: int | None = None, _stacklevel: int = 3, dtype: object = None
) -> Ref:
    source = _values(at, input, "the input")
    if dim is None:
        raise at.refuse("the axis must be given", hint="give dim")
    if dim % len(source.shape) == 0:
        raise at.refuse("mixes the rows of a batch: rows must stay apart", hint=OTHER_AXES)
    return at.emit("Softmax", (source.name,), axis=dim % len(source.shape))


def _same(at: Step, input: object, *args: object, **kwargs: object) -> Ref:
    return _values(at, input, "the input")


def _dropout(at: Step, input: object, p: float = 0.5, training: bool = True,
             inplace: bool = False) -> Ref:  # fmt: skip
    if training:
        raise at.refuse(
            "drops values in evaluation mode too", hint="pass training=self.training, or nn.Dropout"
        )
    source = _values(at, input, "the input")
    at.drop(source, None, p)
    return source


def _dropout_layer(at: Step, input: object, p: float) -> Ref:
    source = _values(at, input, "the input")
    layer = at.whole.symbolic.layer(at.node)
    at.drop(source, type(layer)(p) if isinstance(layer, _DROPOUT) else None, p)
    return source


_DROPOUT = (nn.Dropout, nn.Dropout1d, nn.Dropout2d)


def _getattr(at: Step, input: object, name: str) -> Ref:
    if name != "data":
        raise at.refuse(f"the attribute {name} of a tensor is not known")
    return _same(at, input)


HOST = {"size", "dim", getattr, operator.getitem, operator.add, operator.sub, operator.mul,
        operator.floordiv, operator.mod, operator.neg}  # fmt: skip
"""What may be done with shapes, which are numbers and not tensors."""

CASTS = {"float", "double", "to", "type_as", "bool", "long", "int"}
"""Casts: numbers stay what they are, and what is a truth counts as 0 or 1."""

_FUNCTIONS: dict[object, Handler] = {
    F.linear: _linear,
    torch.matmul: _matmul, torch.mm: _matmul, operator.matmul: _matmul,
    torch.bmm: _matmul,
    torch.conv1d: conv, torch.conv2d: conv,
    torch.conv_transpose1d: conv_transpose, torch.conv_transpose2d: conv_transpose,
    F.interpolate: resize, F.upsample: resize,
    F.batch_norm: _batch_norm,
    F.relu: _relu, torch.relu: _relu, torch.relu_: _relu,
    F.hardtanh: _hardtanh, F.relu6: _relu6, torch.clamp: _clamp, torch.clamp_min: _clamp_min,
    operator.add: _add, operator.iadd: _add, torch.add: _add,
    operator.sub: _sub, operator.isub: _sub, torch.sub: _sub,
    operator.mul: _mul, operator.imul: _mul, torch.mul: _mul,
    operator.truediv: _div, operator.itruediv: _div, torch.div: _div,
    operator.neg: _neg, torch.neg: _neg,
    torch.cat: _cat, torch.concat: _cat, torch.concatenate: _cat,
    torch.flatten: _reshape, torch.reshape: _reshape, torch.squeeze: _reshape,
    torch.unsqueeze: _reshape,
    operator.getitem: parts.getitem, getattr: _getattr,
    torch.permute: _permute, torch.transpose: _transpose, torch.swapaxes: _transpose,
    F.max_pool1d: max_pool, F.max_pool2d: max_pool, torch.max_pool1d: max_pool,
    torch.max_pool2d: max_pool,
    F.avg_pool1d: avg_pool, F.avg_pool2d: avg_pool,
    F.adaptive_avg_pool1d: adaptive_pool, F.adaptive_avg_pool2d: adaptive_pool,
    torch.mean: _mean, torch.sum: _sum, F.softmax: _softmax, torch.softmax: _softmax,
    F.dropout: _dropout, **functions.FUNCTIONS, **parts.FUNCTIONS, **attention.FUNCTIONS,
}  # fmt: skip

_METHODS: dict[object, Handler] = {
    "relu": _relu, "relu_": _relu, "clamp": _clamp, "clamp_": _clamp, "clip": _clamp,
    "clamp_min": _clamp_min, "clamp_min_": _clamp_min,
    "add": _add, "add_": _add, "sub": _sub, "sub_": _sub, "mul": _mul, "mul_": _mul,
    "div": _div, "div_": _div, "neg": _neg, "neg_": _neg, "matmul": _matmul,
    "bmm": _matmul,
    "view": _reshape, "reshape": _reshape, "flatten": _reshape, "unflatten": _reshape,
    "squeeze": _reshape, "unsqueeze": _reshape, "permute": _permute, "transpose": _transpose,
    "swapaxes": _transpose, "mean": _mean, "sum": _sum, "softmax": _softmax,
    "contiguous": _same, "clone": _same, "detach": _same, **functions.METHODS, **parts.METHODS,
}  # fmt: skip

_TRANSPOSED = (
    "weight", "bias", "stride", "padding", "output_padding", "groups", "dilation",
)  # fmt: skip
_WINDOW = ("kernel_size", "stride", "padding")
_MODULES: dict[type[nn.Module], tuple[Handler, tuple[str, ...]]] = {
    nn.Linear: (_linear, ("weight", "bias")),
    nn.Conv1d: (conv, ("weight", "bias", "stride", "padding", "dilation", "groups")),
    nn.Conv2d: (conv, ("weight", "bias", "stride", "padding", "dilation", "groups")),
    nn.ConvTranspose1d: (conv_transpose, _TRANSPOSED),
    nn.ConvTranspose2d: (conv_transpose, _TRANSPOSED),
    nn.Upsample: (resize, ("size", "scale_factor", "mode")),
    nn.BatchNorm1d: (_batch_norm, ("running_mean", "running_var", "weight", "bias", "eps")),
    nn.BatchNorm2d: (_batch_norm, ("running_mean", "running_var", "weight", "bias", "eps")),
    nn.ReLU: (_relu, ()),
    nn.ReLU6: (_relu6, ()),
    nn.Hardtanh: (_hardtanh, ("min_val", "max_val")),
    nn.MaxPool1d: (max_pool, (*_WINDOW, "dilation", "ceil_mode", "return_indices")),
    nn.MaxPool2d: (max_pool, (*_WINDOW, "dilation", "ceil_mode", "return_indices")),
    nn.AvgPool1d: (avg_pool, (*_WINDOW, "ceil_mode", "count_include_pad")),
    nn.AvgPool2d: (
        avg_pool, (*_WINDOW, "ceil_mode", "count_include_pad", "divisor_override")
    ),
    nn.AdaptiveAvgPool1d: (adaptive_pool, ("output_size",)),
    nn.AdaptiveAvgPool2d: (adaptive_pool, ("output_size",)),
    nn.Flatten: (_reshape, ()),
    nn.Unflatten: (_reshape, ()),
    nn.Softmax: (_softmax, ("dim",)),
    nn.Identity: (_same, ()),
    nn.Dropout: (_dropout_layer, ("p",)),
    nn.Dropout1d: (_dropout_layer, ("p",)),
    nn.Dropout2d: (_dropout_layer, ("p",)),
    **functions.MODULES,
    **attention.MODULES,
}  # fmt: skip
assert set(_MODULES) == set(KNOWN_LAYERS)


def handler_of(symbolic: Symbolic, node: fx.Node) -> Handler:
    """What translates a node; it takes the arguments of the node.

    Raises:
        GraphError: Nothing does.
    """
    if node.op == "call_module":
        layer = symbolic.layer(node)
        if type(layer) in _MODULES:
            return _of_layer(layer, node)
    handler = (_FUNCTIONS if node.op == "call_function" else _METHODS).get(node.target)
    if node.op == "call_module" or handler is None:
        raise refusal(
            node,
            "is not supported",
            hint="supported: "
            + ", ".join(kind.__name__ for kind in KNOWN_LAYERS)
            + ", their functions, sums, concatenation, slices, and products with constants; "
            "leave what comes behind the last layer to the host, or give a network of tables the "
            "function",
        )
    return handler


def _of_layer(layer: nn.Module, node: fx.Node) -> Handler:
    handler, names = _MODULES[type(layer)]
    if getattr(layer, "padding_mode", "zeros") != "zeros":
        raise refusal(node, f"pads with {layer.padding_mode}", hint="pad with zeros")
    settings = {name: getattr(layer, name) for name in names}

    def call(at: Step, *args: object, **named: object) -> Ref:
        return handler(at, *args, **named, **settings)

    return call


def looked_up_in(symbolic: Symbolic, node: fx.Node) -> Tensor | None:
    """The table in which a node looks up rows; ``None`` if it does something else."""
    if node.op == "call_module":
        layer = symbolic.layer(node)
        return layer.weight if type(layer) is nn.Embedding else None
    if node.target is not F.embedding or len(node.args) < 2:
        return None
    table = node.args[1]
    if not isinstance(table, fx.Node) or table.op != "get_attr":
        return None
    found = operator.attrgetter(str(table.target))(symbolic.code)
    return found if isinstance(found, Tensor) else None


def moves_only(symbolic: Symbolic, node: fx.Node) -> bool:
    """Whether a node may give a view of what it reads."""
    views = (
        _reshape, parts.getitem, _permute, _transpose, _same, _dropout, _dropout_layer, _getattr,
        *parts.FUNCTIONS.values(),
    )  # fmt: skip
    if node.op == "call_module":
        return _MODULES.get(type(symbolic.layer(node)), (None, ()))[0] in views
    if node.target in parts.SEVERAL:
        return True
    handler = (_FUNCTIONS if node.op == "call_function" else _METHODS).get(node.target)
    return node.op in ("call_function", "call_method") and handler in views


def writes_into(symbolic: Symbolic, node: fx.Node) -> fx.Node | None:
    """The node whose values an operation changes in place; ``None`` if it makes new ones."""
    writes = bool(node.kwargs.get("inplace"))
    if node.op == "call_module":
        layer = symbolic.layer(node)
        writes = bool(getattr(layer, "inplace", False)) and not moves_only(symbolic, node)
    elif node.op == "call_method":
        writes = str(node.target).endswith("_")
    elif node.op == "call_function":
        name = getattr(node.target, "__name__", "")
        writes = writes or name.endswith("_") or name in ("iadd", "isub", "imul", "itruediv")
    written = node.args[0] if writes and node.args else None
    return written if isinstance(written, fx.Node) else None
