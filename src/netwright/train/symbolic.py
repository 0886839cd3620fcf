"""A user's module as a graph of what its `forward` does, by symbolic tracing (torch.fx)."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, fx, nn

from netwright.errors import GraphError

KNOWN_LAYERS: tuple[type[nn.Module], ...] = (
    nn.Linear, nn.Conv1d, nn.Conv2d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.Upsample,
    nn.BatchNorm1d, nn.BatchNorm2d, nn.ReLU, nn.ReLU6, nn.Hardtanh, nn.MaxPool1d, nn.MaxPool2d,
    nn.AvgPool1d, nn.AvgPool2d, nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.Flatten,
    nn.Unflatten, nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Softmax,
    nn.Sigmoid, nn.Tanh, nn.SiLU, nn.GELU, nn.Softplus, nn.Hardsigmoid, nn.Hardswish,
    nn.LeakyReLU, nn.ELU, nn.Embedding, nn.LayerNorm, nn.RMSNorm, nn.MultiheadAttention,
    nn.TransformerEncoderLayer, nn.TransformerEncoder,
)  # fmt: skip
"""Layers of torch whose meaning is known; subclasses are not, for they may do something else."""

_WHOLE = "whole"
_MOST_INPUTS = 4


@dataclass(frozen=True)
class Symbolic:
    """What a module's `forward` does, node by node.

    Attributes:
        code: The nodes, over a copy of the module in evaluation mode and double precision.
        inputs: The names of the inputs in the signature of `forward`.
        original: The user's module.
    """

    code: fx.GraphModule
    inputs: tuple[str, ...]
    original: nn.Module

    @property
    def output(self) -> fx.Node:
        """The node that returns."""
        return next(node for node in self.code.graph.nodes if node.op == "output")

    def layer(self, node: fx.Node) -> nn.Module:
        """The copied layer that a node calls."""
        return self.code.get_submodule(str(node.target))


def trace_symbolically(model: nn.Module) -> Symbolic:
    """Record what ``model.eval().forward`` does; the module itself is not touched.

    Parameters of `forward` that have a default keep it.

    Raises:
        GraphError: The module cannot be copied, decides on data, or a layer in it carries hooks.
    """
    _check_kind(model)
    inputs = _required_inputs(model)
    try:
        twin = copy.deepcopy(model).cpu().eval()
        _fix_epsilons(twin)
        twin = twin.double()
    except Exception as error:
        raise GraphError(
            f"{type(model).__name__} cannot be copied: {_one_line(error)}",
            hint="keep only modules, parameters, buffers and plain values in the module",
        ) from None
    _refuse_hooks(twin)
    whole = _WHOLES[len(inputs) - 1](twin)
    tracer = _Tracer()
    try:
        graph = tracer.trace(whole)
    except GraphError:
        raise
    except Exception as error:
        raise _untraceable(model, error) from None
    _refuse_assignments(twin)
    code = fx.GraphModule(whole, graph).double()
    for node in code.graph.nodes:
        if node.op == "call_module":
            node.meta["layer"] = type(code.get_submodule(str(node.target))).__name__
    return Symbolic(code, inputs, model)


def _fix_epsilons(twin: nn.Module) -> None:
    """What depends on the precision of the user's module must not change in double precision."""
    for layer in twin.modules():
        if type(layer) is nn.RMSNorm and layer.eps is None:
            own = torch.float32 if layer.weight is None else layer.weight.dtype
            layer.eps = torch.finfo(own).eps


class _Tracer(fx.Tracer):
    """Stops at the layers that are known, and at every other layer of torch itself."""

    def __init__(self) -> None:
        super().__init__()
        self.record_stack_traces = True

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        if "forward" in vars(m):
            return False
        if type(m) in KNOWN_LAYERS:
            return True
        inside = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
        return type(m).__module__.startswith("torch.nn.modules") and type(m) not in inside


class _Whole(nn.Module):
    """Calls a module, so that the defaults of its `forward` apply."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.add_module(_WHOLE, model)

    @property
    def model(self) -> nn.Module:
        return self.get_submodule(_WHOLE)


class _One(_Whole):
    def forward(self, a: Tensor) -> object:
        return self.model(a)


class _Two(_Whole):
    def forward(self, a: Tensor, b: Tensor) -> object:
        return self.model(a, b)


class _Three(_Whole):
    def forward(self, a: Tensor, b: Tensor, c: Tensor) -> object:
        return self.model(a, b, c)


class _Four(_Whole):
    def forward(self, a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> object:
        return self.model(a, b, c, d)


_WHOLES = (_One, _Two, _Three, _Four)


def _check_kind(model: nn.Module) -> None:
    """Refuse what is no plain module with all of its parameters."""
    if not isinstance(model, nn.Module):
        raise GraphError(f"a torch module can be traced, not {type(model).__name__}")
    if isinstance(model, torch.jit.ScriptModule):
        raise GraphError(
            "a scripted module cannot be traced", hint="pass the module that was scripted"
        )
    for path, layer in model.named_modules():
        for parameter in layer.parameters(recurse=False):
            lazy = isinstance(parameter, nn.parameter.UninitializedParameter)
            if not lazy and not parameter.numel():
                raise GraphError(
                    f"{type(layer).__name__} has a parameter of shape {tuple(parameter.shape)}, "
                    "which holds nothing", node=path or None, hint="give it one channel or more",
                )  # fmt: skip
            if lazy or parameter.is_meta:
                raise GraphError(
                    f"{type(layer).__name__} has parameters without values", node=path or None,
                    hint="run the module once, or load its weights",
                )  # fmt: skip


def _required_inputs(model: nn.Module) -> tuple[str, ...]:
    """Names of the parameters of `forward` that have no default."""
    parameters = inspect.signature(model.forward).parameters.values()
    required = [p for p in parameters if p.default is p.empty]
    for parameter in required:
        if parameter.kind not in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            raise GraphError(
                f"{type(model).__name__}.forward takes {parameter}, which may be anything",
                hint="give forward one named parameter for each input; of a compiled or wrapped "
                "module pass the one inside (model._orig_mod, model.module)",
            )
    if not 1 <= len(required) <= _MOST_INPUTS:
        raise GraphError(
            f"{type(model).__name__}.forward must take 1 to {_MOST_INPUTS} inputs without a "
            f"default, not {len(required)}"
        )
    return tuple(parameter.name for parameter in required)


def _refuse_hooks(model: nn.Module) -> None:
    """Hooks of layers at which tracing stops would vanish; others are traced like `forward`."""
    for path, layer in model.named_modules():
        if type(layer) in KNOWN_LAYERS and (layer._forward_hooks or layer._forward_pre_hooks):
            raise GraphError(
                f"a hook may change what this {type(layer).__name__} gives, and cannot be "
                "translated",
                node=path or None,
                hint="remove the hook (for weight_norm: torch.nn.utils.remove_weight_norm, or the "
                "one of torch.nn.utils.parametrizations)",
            )


def _refuse_assignments(model: nn.Module) -> None:
    """What `forward` keeps in the module would reach the next rows."""
    for path, module in model.named_modules():
        for key, value in {**vars(module), **module._buffers}.items():
            if isinstance(value, fx.Proxy):
                raise GraphError(
                    f"{type(module).__name__}.forward assigns to {key}, so rows depend on those "
                    "before",
                    node=path or None,
                    hint="keep results in variables of forward",
                )


def _untraceable(model: nn.Module, error: Exception) -> GraphError:
    """Why torch.fx could not follow `forward`, with the line that it could not follow."""
    line = ""
    trace = error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if _is_foreign(file):
            line = _place(file, trace.tb_lineno)
        trace = trace.tb_next
    return GraphError(
        f"{type(model).__name__}.forward cannot be traced{line and f' at {line}'}: "
        f"{_one_line(error)}",
        hint="forward must do the same for all rows: no if, loop or number that depends on the "
        "values or the shape of a tensor, no assignment to the module",
    )


def path_of(node: fx.Node) -> str:
    """Where in the user's module a node stands: the path of its layer or of the calling module."""
    if node.op in ("call_module", "get_attr"):
        path = str(node.target)
    else:
        stack: Mapping[str, object] = node.meta.get("nn_module_stack") or {}
        path = str(list(stack)[-1]) if stack else _WHOLE
    return path.removeprefix(_WHOLE).removeprefix(".")


def kind_of(node: fx.Node) -> str:
    """What a node calls, as a user would say it."""
    if node.op == "call_module":
        return str(node.meta.get("layer", "module"))
    if node.op == "call_method":
        return f"Tensor.{node.target}"
    name = getattr(node.target, "__name__", str(node.target))
    return str(node.name).rstrip("0123456789_") if name == "fn" else str(name)


def line_of(node: fx.Node) -> str:
    """The line of the user's `forward` behind a node: file, number and text; nothing if unknown."""
    found = ""
    for text in (node.stack_trace or "").splitlines():
        if not text.startswith('  File "') and not text.startswith('File "'):
            continue
        file, _, rest = text.strip().removeprefix('File "').partition('", line ')
        number = rest.partition(",")[0]
        if _is_foreign(file) and number.isdigit():
            found = _place(file, int(number))
    return found


OTHER_AXES = "work on the other axes only"
"""What to do where rows of a batch would be mixed."""


def refusal(node: fx.Node, reason: str, *, hint: str | None = None) -> GraphError:
    """The error for a node that cannot be translated: its path, what it calls, line and reason."""
    line = line_of(node)
    return GraphError(
        f"{kind_of(node)}{line and f' ({line})'}: {reason}", node=path_of(node) or None, hint=hint
    )


def _place(file: str, number: int) -> str:
    text = ""
    try:
        lines = Path(file).read_text(encoding="utf-8", errors="replace").splitlines()
        text = lines[number - 1].strip()[:100] if 0 < number <= len(lines) else ""
    except OSError:
        pass
    return f"{Path(file).name}:{number}{text and f', {text!r}'}"


_OWN = (str(Path(torch.__file__).parent), str(Path(__file__)))


def _is_foreign(file: str) -> bool:
    """Whether a file is neither torch's nor this one."""
    return not file.startswith(_OWN)


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())[:200]
    return text or type(error).__name__


@contextmanager
def evaluation(model: nn.Module) -> Iterator[nn.Module]:
    """The module in evaluation mode; every part gets its own mode back."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield model
    finally:
        for module, training in modes:
            module.training = training
