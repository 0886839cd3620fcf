"""Quantizers put around the layers of any module, and their formats chosen on calibration rows.

No graph is traced: layers are found by their paths, and everything else stays as it is, so that
networks of any kind can be quantized so, for which there is no integer network.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from fnmatch import fnmatchcase
from math import prod

import torch
from torch import Tensor, nn

from netwright.compress.plan import UNIFORM, LayerShape, Plan
from netwright.compress.quantize.base import Quantizer
from netwright.compress.quantize.integers import Mse
from netwright.compress.quantize.names import quantizer
from netwright.errors import ConfigError, NetwrightError
from netwright.faults import closest
from netwright.formats import Format
from netwright.tasks import Task
from netwright.train.formatted import FormatQuantizer
from netwright.train.formatted_layer import GROUPED_AXES, FormattedLayer, axes_of
from netwright.train.prediction import predict

CALIBRATION_ROWS = 128
"""Training rows on which the formats of activations are chosen."""

EVERYTHING = ("*",)


def module_shapes(
    model: nn.Module, task: Task, layers: Sequence[str] = EVERYTHING
) -> tuple[LayerShape, ...]:
    """The shapes of layers, in the order in which they are first used.

    Args:
        model: Any module.
        task: Its first training row is shown to the model.
        layers: Patterns of paths, as for :func:`~netwright.compress.by_pattern`.

    Raises:
        ConfigError: A pattern matches no layer, or a layer that matches is not used.
        UnsupportedOp: A layer that matches cannot be quantized so.
    """
    found = _matching(model, layers)
    seen: dict[str, LayerShape] = {}

    def note(name: str, layer: nn.Module) -> None:
        def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            weight = layer.get_parameter("weight")
            _, axis = axes_of(layer)
            positions = prod(output.shape[1:]) // output.shape[axis]
            shape = LayerShape(name, weight[0].numel(), len(weight), positions, weight.numel())
            seen.setdefault(name, shape)

        handles.append(layer.register_forward_hook(hook))

    handles: list[torch.utils.hooks.RemovableHandle] = []
    for name, layer in found.items():
        note(name, layer)
    try:
        predict(model, task.train.take(slice(1)).arrays)
    finally:
        for handle in handles:
            handle.remove()
    unused = [name for name in found if name not in seen]
    if unused:
        raise ConfigError(f"the model does not use the layers {', '.join(unused)}")
    return tuple(seen.values())


def _matching(model: nn.Module, patterns: Sequence[str]) -> dict[str, nn.Module]:
    kinds = tuple(GROUPED_AXES)
    known = {name: module for name, module in model.named_modules() if isinstance(module, kinds)}
    faults = [
        f'the pattern "{pattern}" matches no layer'
        for pattern in patterns
        if not any(fnmatchcase(name, pattern) for name in known)
    ]
    if faults:
        raise ConfigError(faults, hint=f"layers: {', '.join(known)}")
    found = {
        name: module
        for name, module in known.items()
        if any(fnmatchcase(name, pattern) for pattern in patterns)
    }
    for name, module in found.items():
        with _in_layer(name):
            axes_of(module)
    return found


def quantize_module(
    model: nn.Module,
    plan: Plan,
    task: Task,
    *,
    rows: int = CALIBRATION_ROWS,
    learns_scale: bool = False,
) -> nn.Module:
    """A copy of a model whose layers multiply what number formats store, after training.

    Layers that the plan does not name stay as they are. The result is a module like any other:
    :func:`netwright.train.fit` trains it quantization-aware, with straight-through gradients.

    Args:
        model: Any module; it is not changed.
        plan: Widths and quantizers of layers, by their paths; where none is named, integers of
            least squared error with the plan's rules.
        task: Its first training rows say what layers read.
        rows: So many of them.
        learns_scale: Make scales parameters, for a training behind this.

    Raises:
        ConfigError: The plan names a layer that the model does not have, or there are no rows.
        UnsupportedOp: A layer cannot be quantized so.
        NumericsError: A weight or an activation is not finite.
    """
    if rows < 1:
        raise ConfigError(f"rows must be 1 or more, not {rows}")
    copied = copy.deepcopy(model)
    names = {name: module for name, module in copied.named_modules() if name}
    for entry in plan.layers:
        if entry.name not in names:
            raise ConfigError(
                f'the plan names the layer "{entry.name}", which the model does not have'
                f"{closest(entry.name, tuple(names))}"
            )
        layer = names[entry.name]
        with _in_layer(entry.name):
            made = FormattedLayer(
                layer,
                weights=_fits(plan, entry.weights, entry.weight_bits),
                inputs=_fits(plan, entry.inputs, entry.input_bits),
                outputs=None if entry.outputs is None or entry.output_bits is None
                else _fits(plan, entry.outputs, entry.output_bits),
                per_channel=plan.granularity == "channel",
                learns_scale=learns_scale,
            )  # fmt: skip
        made.train(layer.training)
        owner, _, name = entry.name.rpartition(".")
        setattr(copied.get_submodule(owner), name, made)
    calibrate_module(copied, task, rows=rows)
    return copied.eval()


@contextmanager
def _in_layer(name: str) -> Iterator[None]:
    """Errors say which layer they are about."""
    try:
        yield
    except NetwrightError as error:
        raise error.at(f'layer "{name}"') from None


def _fits(plan: Plan, name: str, bits: int) -> Quantizer:
    return Mse(bits=bits, scale=plan.scale) if name == UNIFORM else quantizer(name, bits)


@torch.no_grad()
def calibrate_module(model: nn.Module, task: Task, *, rows: int = CALIBRATION_ROWS) -> None:
    """Choose the formats of all quantizers: of weights, and on rows with everything in real values.

    Args:
        model: A module with layers of :func:`quantize_module`.
        task: Its first training rows are shown to the model.
        rows: So many of them.
    """
    places = [place for layer in formatted_layers(model).values() for place in layer.places()]
    for place in places:
        place.watch()
    try:
        predict(model, task.train.take(slice(rows)).arrays)
    except BaseException:
        for place in places:
            place.seen = None
        raise
    known: dict[tuple[object, str], Format] = {}
    for name, layer in formatted_layers(model).items():
        with _in_layer(name):
            for place in layer.places():
                _calibrate_place(layer, place, known)


def _calibrate_place(
    layer: FormattedLayer, place: FormatQuantizer, known: dict[tuple[object, str], Format]
) -> None:
    """Choose a format; equal values of several readers are looked at once."""
    if place is layer.weights:
        place.seen = None
        place.calibrate(layer.layer.get_parameter("weight"))
        return
    values = place.watched()
    digest = hashlib.sha256(values.numpy().tobytes()).hexdigest()
    key = (repr(place.chooser), digest)
    if key not in known:
        known[key] = replace(place.calibrate(values), group_axis=place.group_axis)
    place.use(known[key])


def formatted_layers(model: nn.Module) -> dict[str, FormattedLayer]:
    """The layers between quantizers, by their paths."""
    return {n: module for n, module in model.named_modules() if isinstance(module, FormattedLayer)}


def formats_of(model: nn.Module) -> Iterator[tuple[str, str, Format]]:
    """Layer, place (``weights``, ``inputs`` or ``outputs``) and format of every quantizer."""
    for name, layer in formatted_layers(model).items():
        for what in ("weights", "inputs", "outputs"):
            place = getattr(layer, what)
            if isinstance(place, FormatQuantizer) and place.format is not None:
                yield name, what, place.format
