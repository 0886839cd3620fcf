"""The layers of a network that N:M training finds, chooses and changes while it lasts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from netwright.errors import ConfigError, GraphError
from netwright.formats import NM
from netwright.tasks import Task
from netwright.train.layers import WEIGHTED, QuantLayer, Weighted
from netwright.train.network import QuantModel
from netwright.train.sparse_products import PRODUCTS, Copies, Masks, Product, sparse_product
from netwright.train.symbolic import evaluation

_PLAIN: tuple[Callable[..., Tensor], ...] = (
    nn.Linear.forward, nn.Conv1d.forward, nn.Conv2d.forward,
)  # fmt: skip


@runtime_checkable
class Effective(Protocol):
    """A layer with a forward pass of its own that multiplies with weights that it says."""

    def effective_weight(self) -> Tensor:
        """The weights that the products see."""


@runtime_checkable
class Hosting(Protocol):
    """A model around another one, whose users know the paths in the other one."""

    def path_inside(self, path: str) -> str:
        """The path that users know of a module at `path`."""


@dataclass(frozen=True, slots=True, eq=False)
class Reached:
    """A layer with weights that one row reaches.

    Attributes:
        path: Its path in the module.
        layer: Itself.
        positions: Results of one row for which every weight is used once.
        learns_before: Whether something before it learns, so that BP goes through it.
    """

    path: str
    layer: QuantLayer | Weighted
    positions: int
    learns_before: bool

    @property
    def product(self) -> Weighted:
        """The float layer."""
        return self.layer.layer if isinstance(self.layer, QuantLayer) else self.layer


@dataclass(frozen=True, slots=True)
class LayerMacs:
    """Multiply-accumulates of a layer for one row in the stages of a training step.

    Attributes:
        path: Path of the layer.
        dense: Of one stage, if nothing is skipped.
        forward: FF.
        backward: BP; 0 where nothing before the layer learns.
        update: WU.
        stages: Stages that the layer takes part in, 2 or 3.
    """

    path: str
    dense: int
    forward: int
    backward: int
    update: int
    stages: int

    @property
    def done(self) -> int:
        """Of all stages."""
        return self.forward + self.backward + self.update


def stage_macs(
    layers: Sequence[Reached], masks: Mapping[str, Masks], *, skips_backward: bool
) -> tuple[LayerMacs, ...]:
    """What is multiplied in each stage, counted on the masks.

    Args:
        layers: All layers.
        masks: Of the sparse ones, by path.
        skips_backward: Whether zeros in BP lie in groups along what it sums over; elsewhere no
            N:M hardware can skip them, and they count.
    """
    found = []
    for item in layers:
        weights, known = item.product.weight.numel(), masks.get(item.path, Masks())
        back = _ones(known.backward if skips_backward else None, weights)
        if known.gradients is not None:
            outputs = item.product.weight.shape[0]
            whole, rest = divmod(outputs, known.gradients.group)
            kept = whole * known.gradients.kept + min(rest, known.gradients.kept)
            back = weights // outputs * kept
        at = item.positions
        found.append(
            LayerMacs(
                item.path,
                dense=at * weights,
                forward=at * _ones(known.forward, weights),
                backward=at * back if item.learns_before else 0,
                update=at * weights,
                stages=2 + item.learns_before,
            )
        )
    return tuple(found)


def _ones(mask: Tensor | None, weights: int) -> int:
    return weights if mask is None else int(torch.count_nonzero(mask))


def reached_layers(model: nn.Module, task: Task) -> tuple[Reached, ...]:
    """The layers with weights in the order in which a row of the task reaches them.

    Raises:
        GraphError: The model fails on a row.
    """
    layers = _layers_of(model)
    seen: dict[str, Reached] = {}

    def watch(path: str, layer: QuantLayer | Weighted) -> Callable[..., Tensor]:
        name = _method(layer)
        own = getattr(layer, name)

        def watched(values: Tensor, *others: Any) -> Tensor:
            made: Tensor = own(values, *others)
            product = layer.layer if isinstance(layer, QuantLayer) else layer
            outputs = product.weight.shape[0]
            learns, before = values.requires_grad or bool(seen), 0
            if path in seen:  # a layer that is used again
                learns, before = seen[path].learns_before, seen[path].positions
            seen[path] = Reached(path, layer, before + made.numel() // outputs, learns)
            return made

        return watched

    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    row = [torch.from_numpy(array[:1]).to(device) for array in task.train.arrays.values()]
    with evaluation(model), _instead(layers, watch):
        try:
            model(*row)
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            raise GraphError(f"the model fails on a row of the task: {error}") from error
    return tuple(seen.values())


def _method(layer: QuantLayer | Weighted) -> str:
    """Name of the method that computes a layer's sums."""
    return "accumulate" if isinstance(layer, QuantLayer) else "forward"


@contextmanager
def _instead(
    layers: Mapping[str, QuantLayer | Weighted],
    made: Callable[[str, QuantLayer | Weighted], Callable[..., Tensor]],
) -> Iterator[None]:
    """Let other functions stand for the methods of layers that compute their sums."""
    before = {path: vars(layer).get(_method(layer)) for path, layer in layers.items()}
    for path, layer in layers.items():
        setattr(layer, _method(layer), made(path, layer))
    try:
        yield
    finally:
        for path, layer in layers.items():
            delattr(layer, _method(layer))
            if before[path] is not None:
                setattr(layer, _method(layer), before[path])


def _layers_of(model: nn.Module) -> dict[str, QuantLayer | Weighted]:
    """Layers with weights by the paths that a user knows."""
    found: dict[str, QuantLayer | Weighted] = {}
    inside: set[int] = set()
    for path, module in model.named_modules():
        known = model.path_inside(path) if isinstance(model, Hosting) else path
        if isinstance(module, QuantModel):
            for origin, layer in module.quant_layers().items():
                found[f"{known}.{origin}" if known else origin] = layer
            inside.update(id(part) for part in module.modules())
        elif id(module) not in inside and isinstance(module, WEIGHTED):
            assert isinstance(module, Weighted)
            found[known] = module
    return found


def chosen(
    reached: Sequence[Reached],
    pattern: NM,
    layers: Mapping[str, NM | None] | None,
    *,
    along: tuple[bool, bool],
    ragged: bool,
    permutes: bool,
) -> tuple[dict[str, NM], dict[str, str]]:
    """Which layers are sparse and how, and why the others are not.

    Args:
        reached: Layers in order.
        pattern: Of those for which no other is given.
        layers: Patterns by path; without them all but the first and the last layer.
        along: Whether there are groups along the inputs, and along the outputs.
        ragged: Whether a group may be shorter.
        permutes: Whether outputs are permuted.

    Raises:
        ConfigError: What is named does not exist or cannot be sparse.
    """
    sparse: dict[str, NM] = {}
    left: dict[str, str] = {}
    names = [item.path for item in reached]
    faults = [
        f'"{given}" matches no layer'
        for given in layers or {}
        if not any(fnmatchcase(name, given) for name in names)
    ]
    for place, item in enumerate(reached):
        own: NM | None = pattern
        reason = ""
        if layers is not None:
            given = [key for key in layers if fnmatchcase(item.path, key)]
            own = layers[given[-1]] if given else None
            reason = "" if own is not None else "it is not to be sparse"
        elif place in (0, len(reached) - 1):
            reason = f"it is the {'first' if place == 0 else 'last'} one"
        fault = "" if own is None else _fault(item, own, along, ragged, permutes)
        if own is not None and fault and item.path in (layers or {}):
            faults.append(f'layer "{item.path}" cannot be {own.kept}:{own.group}: {fault}')
        if reason or fault or own is None:
            left[item.path] = reason or fault
        else:
            sparse[item.path] = own
    if faults:
        raise ConfigError(faults, hint=f"layers: {', '.join(names)}")
    return sparse, left


def _fault(
    item: Reached, pattern: NM, along: tuple[bool, bool], ragged: bool, permutes: bool
) -> str:
    """Why a layer cannot have a pattern; empty if it can."""
    layer, product = item.layer, item.product
    if not isinstance(product, PRODUCTS):
        return f"{type(product).__name__} has no sparse product"
    own = type(layer).forward not in _PLAIN and not isinstance(layer, Effective | QuantLayer)
    if own:
        return f"its class {type(layer).__name__} has a forward pass of its own"
    groups = 1
    if not isinstance(product, nn.Linear):
        if isinstance(product.padding, str) or product.padding_mode != "zeros":
            return "its padding is not given in numbers of zeros"
        groups = product.groups
    outputs, inputs = product.weight.shape[0] // groups, product.weight.shape[1]
    if permutes and groups > 1:
        return "its channels are in groups, which permuted outputs would mix"
    for wanted, what, extent, padded in (
        (along[0], "inputs", inputs, ragged),
        (along[1], "outputs", outputs, ragged and groups == 1),
    ):
        if wanted and extent % pattern.group and not padded:
            return f"{pattern.group} does not divide its {extent} {what}"
    return ""


class SparseLayer:
    """A layer while its stages see sparse weights.

    Args:
        layer: A float or quantized layer.
        pattern: Of its weights.
        decay: What is added to the gradient of a weight that FF does not see, in its own units.
        keeps: Whether the trained layer has the pattern.
    """

    def __init__(
        self, layer: QuantLayer | Weighted, pattern: NM, *, decay: float, keeps: bool
    ) -> None:
        self.layer = layer
        self._masks = Masks()
        self._copies: Copies | None = None
        self.decay = decay
        product = layer.layer if isinstance(layer, QuantLayer) else layer
        self.weight: Tensor = product.weight
        # Asked once: a protocol is looked for method by method.
        self._effective = layer if isinstance(layer, Effective) else None
        self._hook = self.weight.register_hook(self._decayed) if decay else None
        if isinstance(layer, QuantLayer):
            layer.pattern = pattern if keeps else None
        else:
            setattr(layer, _method(layer), self._forward)

    @property
    def masks(self) -> Masks:
        """What the stages see."""
        return self._masks

    @masks.setter
    def masks(self, masks: Masks) -> None:
        self._masks = masks
        if isinstance(self.layer, QuantLayer):
            self.layer.masks = masks
        elif self._effective is None:
            weight = self.weight.detach()
            forward = masks.seen_forward(weight)
            same = masks.backward is masks.forward
            self._copies = Copies(forward, forward if same else masks.seen_backward(weight))

    def release(self) -> None:
        """Leave the layer as it was, but for its weights."""
        if self._hook is not None:
            self._hook.remove()
        if isinstance(self.layer, QuantLayer):
            self.layer.masks = None
        else:
            vars(self.layer).pop("forward", None)

    @torch.no_grad()
    def bake(self) -> None:
        """Make what FF sees the weights."""
        if self._masks.forward is not None:
            self.weight.mul_(self._masks.forward)

    def _forward(self, values: Tensor) -> Tensor:
        layer = self.layer
        assert isinstance(layer, Product)
        effective = self._effective
        weight = layer.weight if effective is None else effective.effective_weight()
        return sparse_product(layer, values, weight, layer.bias, self._masks, self._copies)

    def _decayed(self, gradient: Tensor) -> Tensor:
        weight = self.weight.detach()
        return gradient + self.decay * (weight - self._masks.seen_forward(weight))
