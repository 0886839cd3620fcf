"""What tells models, losses and other objects of a training from others, as text and digests."""

from __future__ import annotations

import hashlib
import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

_PLAIN = (bool, int, float, complex, str, bytes)
_OF_TORCH = frozenset(vars(nn.Module()))
"""What every module has as attributes: parameters, buffers and hooks, and the mode it is in."""

Seen = dict[int, object]
"""Objects that were told already, by identity."""


def describe(value: object) -> str:
    """All that tells a value from others, as text: its name, and a digest of what it is made of.

    Of a function that is its code, its defaults, and the values around it which it reads; of an
    object of a class of the user's own the code of the class and its attributes.
    """
    if isinstance(value, MethodType | partial):
        return f"{_name(value)} {_digest(told(value, {}))}"
    if isinstance(value, nn.Module):
        return f"{type(value).__name__} {module_digest(value)[:16]}"
    if isinstance(value, FunctionType | BuiltinFunctionType | type):
        return told(value, {})
    return f"{_name(type(value))} {_digest(told(value, {}))}"


def module_digest(model: nn.Module) -> str:
    """SHA-256 over classes, settings, parameters and buffers of a model.

    Settings are what a module has as attributes, but for private ones of installed classes and the
    mode it is in. The code of classes that are not installed is part of the digest.
    """
    return _of_module(model, {})


def content_digest(content: object) -> str:
    """SHA-256 over plain data and tensors, nested in mappings and sequences."""
    made = hashlib.sha256()

    def add(value: object) -> None:
        if isinstance(value, Tensor):
            made.update(f"{value.dtype} {tuple(value.shape)}".encode())
            made.update(bytes_of(value).data)
        elif isinstance(value, Mapping):
            made.update(f"{{{len(value)}".encode())
            for key, item in value.items():
                add(key)
                add(item)
        elif isinstance(value, list | tuple):
            made.update(f"[{len(value)}".encode())
            for item in value:
                add(item)
        else:
            made.update(f"{type(value).__name__} {value!r};".encode())

    add(content)
    return made.hexdigest()


def bytes_of(tensor: Tensor) -> NDArray[np.uint8]:
    """The values of a tensor as bytes."""
    return tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()


def told(value: object, seen: Seen) -> str:
    """A value as text that is the same in every process, and another one for another value."""
    if value is None or type(value) in _PLAIN or isinstance(value, np.generic):
        return repr(value)
    if id(value) in seen:
        return f"#{list(seen).index(id(value))}"
    if isinstance(value, Tensor | np.ndarray):
        return _of_array(value)
    seen[id(value)] = value
    try:
        return _of_items(value, seen)
    finally:  # equal values may be one object in one process and two in another
        if not isinstance(value, FunctionType | type | nn.Module):
            del seen[id(value)]


def _of_items(value: object, seen: Seen) -> str:
    if isinstance(value, list | tuple):
        return f"{type(value).__name__}[{', '.join(told(item, seen) for item in value)}]"
    if isinstance(value, set | frozenset):
        return f"{type(value).__name__}[{', '.join(sorted(told(item, seen) for item in value))}]"
    if isinstance(value, Mapping):
        items = (f"{told(key, seen)}: {told(item, seen)}" for key, item in value.items())
        return f"{type(value).__name__}[{', '.join(items)}]"
    return _of_object(value, seen)


def _of_object(value: object, seen: Seen) -> str:
    """Functions, classes, modules, and objects of any class."""
    if isinstance(value, partial):
        return f"partial {told([value.func, value.args, value.keywords], seen)}"
    if isinstance(value, MethodType):
        return f"{told(value.__func__, seen)} of {told(value.__self__, seen)}"
    if isinstance(value, FunctionType):
        return _of_function(value, seen)
    if isinstance(value, type):
        return _of_class(value, seen)
    if isinstance(value, nn.Module):
        return _of_module(value, seen)
    if isinstance(value, ModuleType):
        return value.__name__
    if hasattr(value, "__wrapped__"):
        return told(inspect.unwrap(cast(Callable[..., object], value)), seen)
    if isinstance(value, BuiltinFunctionType) or hasattr(value, "__qualname__"):
        return _name(value)
    shown = repr(value)
    if _is_installed(type(value).__module__):
        return f"{_name(type(value))} {'' if ' at 0x' in shown else shown}"
    return f"{_of_class(type(value), seen)} {told(_attributes(value), seen)}"


def _of_array(value: Tensor | NDArray[Any]) -> str:
    if isinstance(value, np.ndarray) and value.dtype.hasobject:
        return repr(value)
    if isinstance(value, Tensor) and value.is_meta:
        return f"{value.dtype} {tuple(value.shape)}"
    held = bytes_of(value) if isinstance(value, Tensor) else np.ascontiguousarray(value)
    return f"{value.dtype} {tuple(value.shape)} {_digest(held.tobytes())}"


def _of_function(function: FunctionType, seen: Seen) -> str:
    """Name and digest of code, defaults, closure and the globals that are read."""
    parts = [_of_code(function.__code__), told(function.__defaults__, seen)]
    parts.append(told(function.__kwdefaults__, seen))
    for cell in function.__closure__ or ():
        try:
            parts.append(told(cell.cell_contents, seen))
        except ValueError:  # not filled yet
            parts.append("empty")
    if not _is_installed(function.__module__):
        around = function.__globals__
        names = sorted(_names(function.__code__) & around.keys())
        parts += [f"{name} = {told(around[name], seen)}" for name in names]
    return f"{_name(function)} {_digest(repr(parts))}"


def _of_code(code: CodeType) -> str:
    """What code does, without the place where it stands."""
    constants = [_of_code(c) if isinstance(c, CodeType) else _constant(c) for c in code.co_consts]
    held = (code.co_code, constants, code.co_names, code.co_varnames, code.co_exceptiontable)
    return _digest(repr(held))


def _constant(value: object) -> str:
    return repr(sorted(map(repr, value))) if isinstance(value, frozenset) else repr(value)


def _names(code: CodeType) -> set[str]:
    """Names that code, and what is defined in it, reads from around or as attributes."""
    inner = (_names(item) for item in code.co_consts if isinstance(item, CodeType))
    return set(code.co_names).union(*inner)


def _of_class(kind: type, seen: Seen) -> str:
    """Name of a class, with a digest of its code and that of its bases unless it is installed."""
    if _is_installed(kind.__module__):
        return _name(kind)
    parts = [told(base, seen) for base in kind.__bases__]
    for name, value in sorted(vars(kind).items()):
        inner = value.__func__ if isinstance(value, staticmethod | classmethod) else value
        if isinstance(inner, property):
            inner = [inner.fget, inner.fset]
        if not name.startswith("__") or isinstance(inner, FunctionType):
            parts.append(f"{name} = {told(inner, seen)}")
    return f"{_name(kind)} {_digest(repr(parts))}"


def _of_module(model: nn.Module, seen: Seen) -> str:
    settings: list[object] = []
    for module in model.modules():
        seen[id(module)] = module
    for name, module in model.named_modules():
        kind = type(module)
        own = not _is_installed(kind.__module__)
        plain = {
            key: told(value, seen)
            for key, value in sorted(vars(module).items())
            if key not in _OF_TORCH and (own or not key.startswith("_"))
        }
        settings.append((name, _of_class(kind, seen), plain))
    tensors = [*model.named_parameters(), *model.named_buffers()]
    shapes = [(name, str(t.dtype), tuple(t.shape), t.requires_grad) for name, t in tensors]
    return _sha256((bytes_of(tensor) for _, tensor in tensors), head=repr((settings, shapes)))


def _attributes(value: object) -> object:
    """All attributes of an object, those in slots too."""
    try:
        return object.__getstate__(value)
    except TypeError:
        return getattr(value, "__dict__", None)


def _is_installed(module: str | None) -> bool:
    """Whether code comes with Python, with netwright or from a package: its name says enough."""
    top = (module or "builtins").partition(".")[0]
    if top in sys.stdlib_module_names or top == __name__.partition(".")[0]:
        return True
    place = getattr(sys.modules.get(top), "__file__", None) or ""
    return "site-packages" in place or "dist-packages" in place


def _name(value: Callable[..., object] | object) -> str:
    """Module and name of a function or class; of the function, where it has arguments already."""
    if isinstance(value, partial):
        return _name(value.func)
    name = getattr(value, "__qualname__", type(value).__qualname__)
    return f"{getattr(value, '__module__', None) or 'builtins'}.{name}"


def _digest(content: str | bytes) -> str:
    held = content.encode() if isinstance(content, str) else content
    return hashlib.sha256(held).hexdigest()[:16]


def _sha256(arrays: Iterable[NDArray[np.generic]], *, head: str) -> str:
    state = hashlib.sha256(head.encode())
    for array in arrays:
        state.update(np.ascontiguousarray(array).data)
    return state.hexdigest()
