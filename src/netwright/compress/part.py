"""The part of a model that becomes hardware; what is around it stays in floating point.

Of an autoencoder, for example, only the encoder is quantized, and it learns with the decoder.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from netwright.compress.conversion import apply, build, head_of, layer_shapes
from netwright.compress.plan import LayerShape, Plan
from netwright.errors import ConfigError, GraphError
from netwright.faults import closest
from netwright.tasks import Task
from netwright.train import QuantModel
from netwright.train.prepared import InputShapes

_BATCH = 4096


class PartlyQuantized(nn.Module):
    """A model of which one part is quantized.

    Args:
        model: The float model; it is not changed.
        path: Path of the part in it.
        quantized: What takes its place.
    """

    def __init__(self, model: nn.Module, path: str, quantized: nn.Module) -> None:
        super().__init__()
        self.path = path
        self.model = _replaced(model, path, _Hosted(quantized))

    @property
    def quantized(self) -> QuantModel:
        """The quantized part."""
        part = self.model.get_submodule(self.path)
        assert isinstance(part, _Hosted)
        assert isinstance(part.quantized, QuantModel)
        return part.quantized

    def path_inside(self, path: str) -> str:
        """The path in the float model of a module at `path`."""
        known = path.removeprefix("model").removeprefix(".")
        inside = known.removeprefix(f"{self.path}.quantized")
        return known if inside == known else f"{self.path}{inside}"

    def forward(self, *inputs: Tensor) -> Tensor:
        """The outputs of the whole model."""
        outputs: Tensor = self.model(*inputs)
        return outputs

    def calibrate(self, *inputs: Tensor) -> None:
        """Choose every scale on what the part reads of a batch."""
        self.quantized.calibrate(*_read(self.model, self.path, inputs))


class _Hosted(nn.Module):
    """A quantized network as the float layers around it take it: its outputs in float32."""

    def __init__(self, quantized: nn.Module) -> None:
        super().__init__()
        self.quantized = quantized

    def forward(self, *inputs: Tensor) -> Tensor:
        outputs: Tensor = self.quantized(*inputs)
        return outputs.float()


Compressed = QuantModel | PartlyQuantized
"""A quantized model, or one of which a part is."""


def quantized_part(model: Compressed) -> QuantModel:
    """What becomes hardware."""
    return model.quantized if isinstance(model, PartlyQuantized) else model


def part_shapes(model: nn.Module, task: Task, path: str | None) -> tuple[LayerShape, ...]:
    """The layers with weights of a part, or of the whole model, named by their paths in it.

    Raises:
        ConfigError: The model has no such part.
    """
    part, shapes = part_of(model, task, path)
    return layer_shapes(part, shapes)


def apply_part(model: nn.Module, plan: Plan, task: Task, path: str | None) -> Compressed:
    """A model with a quantized part; see :func:`~netwright.compress.apply`.

    Args:
        model: The float model; it is not changed.
        plan: Widths of the part's layers.
        task: Its training inputs choose the scales.
        path: Path of the part in the model; all of it if not given.

    Raises:
        ConfigError: The model has no such part.
    """
    if path is None:
        return apply(model, plan, task)
    made = build_part(model, plan, task, path)
    made.calibrate(*_rows(task))
    return made.eval()


def build_part(model: nn.Module, plan: Plan, task: Task, path: str | None) -> Compressed:
    """A model with a quantized part whose scales are not calibrated; see :func:`apply_part`."""
    part, shapes = part_of(model, task, path)
    if path is None:
        return build(part, plan, input_shape=shapes, head=head_of(task))
    return PartlyQuantized(model, path, build(part, plan, input_shape=shapes))


def part_of(model: nn.Module, task: Task, path: str | None) -> tuple[nn.Module, InputShapes]:
    """A part of a model, and the shape of one row of each of its inputs.

    Raises:
        ConfigError: The model has no such part.
        GraphError: The part is not used once, or reads something else than tensors.
    """
    if path is None:
        return model, task.input_shapes
    names = [name for name, _ in model.named_modules() if name]
    if path not in names:
        shown = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
        raise ConfigError(
            f'the model has no part "{path}"{closest(path, tuple(names))}', hint=f"parts: {shown}"
        )
    part = model.get_submodule(path)
    read = _read(model, path, _rows(task, 2))
    named = [p for p in inspect.signature(part.forward).parameters][: len(read)]
    return part, {name: tuple(tensor.shape[1:]) for name, tensor in zip(named, read, strict=True)}


def with_part(model: nn.Module, path: str | None, part: nn.Module) -> nn.Module:
    """A copy of a model with something else in the place of a part."""
    return part if path is None else _replaced(model, path, part)


def read_by_part(model: Compressed, arrays: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
    """What the hardware reads where the model reads these arrays, (rows, ...) each."""
    if isinstance(model, QuantModel):
        return list(arrays.values())
    found = [
        [tensor.numpy() for tensor in _read(model.model, model.path, batch)]
        for batch in _batches(arrays)
    ]
    return [np.concatenate(parts) for parts in zip(*found, strict=True)]


@torch.no_grad()
def outputs_with(
    model: Compressed, arrays: Mapping[str, NDArray[Any]], outputs: NDArray[np.floating]
) -> NDArray[np.float64]:
    """What the model gives where its hardware gives these outputs, (rows, ...)."""
    if isinstance(model, QuantModel):
        return np.asarray(outputs, dtype=np.float64)
    given = _Given()
    whole = _replaced(model.model, model.path, given).eval()
    parts, start = [], 0
    for batch in _batches(arrays):
        stop = start + len(batch[0])
        given.outputs = torch.from_numpy(np.asarray(outputs[start:stop], dtype=np.float32))
        parts.append(whole(*batch).double().numpy())
        start = stop
    return np.concatenate(parts)


class _Given(nn.Module):
    """Stands for a part whose outputs are known."""

    outputs: Tensor

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.outputs


class _Seen(Exception):
    """The part was reached; nothing behind it is computed."""

    def __init__(self, inputs: Sequence[object]) -> None:
        self.inputs = inputs


@torch.no_grad()
def _read(model: nn.Module, path: str, inputs: Sequence[Tensor]) -> list[Tensor]:
    """What a part reads where the model reads `inputs`."""
    part = model.get_submodule(path)

    def stop(module: nn.Module, seen: tuple[object, ...]) -> None:
        raise _Seen(seen)

    handle = part.register_forward_pre_hook(stop)
    try:
        with _evaluating(model):
            model(*inputs)
    except _Seen as reached:
        found = list(reached.inputs)
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        raise GraphError(f'the model fails in front of its part "{path}": {error}') from error
    else:
        raise GraphError(f'the model does not use its part "{path}"')
    finally:
        handle.remove()
    tensors = [value for value in found if isinstance(value, Tensor)]
    if len(tensors) < len(found) or not tensors:
        raise GraphError(f'the part "{path}" must read tensors by position')
    return tensors


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    before = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, training in before.items():
            module.training = training


def _replaced(model: nn.Module, path: str, part: nn.Module) -> nn.Module:
    """A copy of a model with something else at a path."""
    owner, _, name = path.rpartition(".")
    memo = {id(model.get_submodule(path)): part}
    copied = copy.deepcopy(model, memo)
    setattr(copied.get_submodule(owner), name, part)
    return copied


def _rows(task: Task, count: int = _BATCH) -> list[Tensor]:
    return [torch.from_numpy(array[:count]) for array in task.train.arrays.values()]


def _batches(arrays: Mapping[str, NDArray[Any]]) -> Iterator[list[Tensor]]:
    rows = len(next(iter(arrays.values())))
    for start in range(0, rows, _BATCH):
        yield [torch.from_numpy(array[start : start + _BATCH]) for array in arrays.values()]
