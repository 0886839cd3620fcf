"""N:M sparsity from the first step of a training on: one callback for every published method.

All methods keep dense weights and make sparse copies of them right after each update, so that no
stage of the next step waits for them. They differ in which stage sees which copy:

========== ================================== ==================================================
method     forward pass (FF)                  gradients of the inputs (BP)
========== ================================== ==================================================
`dense`    all weights                        all weights
`sr-ste`   N:M along the inputs               as FF, which is not N:M along what BP sums over
`sdgp`     all weights                        all weights, gradients N:M along the outputs
`sdwp`     all weights                        N:M along the outputs
`bdwp`     N:M along the inputs               N:M along the outputs
`bi-mask`  N:M along the inputs               of FF's weights N:M along permuted outputs
========== ================================== ==================================================

Gradients of the weights (WU) are dense. Sources: SR-STE: Zhou et al. 2021; SDGP: McDanel et al.
2022; BDWP and SDWP: Fang et al. 2023; Bi-Mask: Zhang et al. 2023.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from netwright.errors import ConfigError
from netwright.formats import NM
from netwright.tasks import Task
from netwright.train.callbacks import Callback, Moment
from netwright.train.nm_layers import (
    LayerMacs,
    Reached,
    SparseLayer,
    chosen,
    reached_layers,
    stage_macs,
)
from netwright.train.nm_masks import top_mask
from netwright.train.sparse_products import Masks

Method = Literal["dense", "sr-ste", "sdgp", "sdwp", "bdwp", "bi-mask"]

_FORWARD: tuple[Method, ...] = ("sr-ste", "bdwp", "bi-mask")
"""Methods whose forward pass sees N:M weights, so that the trained network has them."""

_BACKWARD: tuple[Method, ...] = ("sdgp", "sdwp", "bdwp", "bi-mask")
"""Methods whose backward pass has groups along the outputs."""

_DECAYS: Mapping[Method, float] = {"sr-ste": 2e-4, "bi-mask": 2e-4}
"""Published decays (NM-sparsity/devkit/sparse_ops; Bi-Mask/CnnModels/utils/conv_type.py)."""

_EVERY, _TRIES = 100, 100
"""Steps between two permutations of Bi-Mask, and permutations that are tried, as published."""

_log = logging.getLogger(__name__)


class KeepNM(Callback):
    """Trains with N:M weights; at the end the network has them, if its forward pass had.

    Linear layers and convolutions take part, but for the first and the last one and those whose
    extents the groups do not divide. Groups lie along the channels at each place of a filter. Of
    equal magnitudes in a group the lowest index stays.

    Put it before :class:`~netwright.train.Calibrate`, which looks at the weights that are left.

    Args:
        pattern: N:M; fewer are kept than there are. Its axis is not looked at.
        method: Which stages see which weights, as above.
        layers: Other patterns by path, or ``None`` for a dense layer; ``*`` and ``?`` stand for
            anything, later entries win over earlier ones. With it only these layers are sparse.
        decay: The gradient of a weight that FF does not see gets so much of the weight added; the
            published value of the method if not given, 0 for BDWP.
        ragged: What becomes of a layer whose extents are no multiples of the group: ``"dense"``
            leaves it dense, ``"pad"`` makes the last group shorter.
        seed: Of the permutations of Bi-Mask.

    Attributes:
        sparse: The pattern of every sparse layer, by path; known from the beginning.
        left: Why a layer is dense, by path.

    Raises:
        ConfigError: A setting is not accepted; at the beginning, if no layer can be sparse, or one
            that is named can not.
    """

    def __init__(
        self,
        pattern: NM,
        *,
        method: Method = "bdwp",
        layers: Mapping[str, NM | None] | None = None,
        decay: float | None = None,
        ragged: Literal["dense", "pad"] = "dense",
        seed: int = 0,
    ) -> None:
        _check(pattern, method, layers, decay, ragged)
        self.pattern, self.method, self.ragged, self.seed = pattern, method, ragged, seed
        self.layers = None if layers is None else dict(layers)
        self.decay = _DECAYS.get(method, 0.0) if decay is None else decay
        self.sparse: dict[str, NM] = {}
        self.left: dict[str, str] = {}
        self._layers: dict[str, SparseLayer] = {}
        self._reached: tuple[Reached, ...] = ()
        self._orders: dict[str, Tensor] = {}
        self._masks: dict[str, Masks] = {}
        self._ended = False

    @property
    def settings(self) -> str:
        """Pattern, method and all else that is given."""
        return (
            f"KeepNM({_shown(self.pattern)}, method={self.method}, layers="
            f"{None if self.layers is None else {k: _shown(v) for k, v in self.layers.items()}}, "
            f"decay={self.decay}, ragged={self.ragged}, seed={self.seed})"
        )

    @property
    def macs(self) -> tuple[LayerMacs, ...]:
        """Multiply-accumulates of every layer in each stage, for one row; from the beginning on.

        Zeros of SR-STE in BP are no N:M along what it sums over, and count as multiplied.
        """
        skips = self.method in _BACKWARD
        return stage_macs(self._reached, self._masks, skips_backward=skips)

    def state_dict(self) -> dict[str, Tensor]:
        """The permutations, and whether the training has ended; masks follow from the weights."""
        orders = {f"order.{path}": order for path, order in self._orders.items()}
        return {**orders, "ended": torch.tensor(self._ended)}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from there."""
        for path in self._orders:
            self._orders[path] = state[f"order.{path}"].clone()
        self._refresh()
        if bool(state["ended"]):
            self._finish()

    def begin(self, moment: Moment) -> None:
        """Choose the layers, and let them see their sparse weights."""
        self._release()
        self._ended = False
        self._reached = reached_layers(moment.model, moment.task)
        self.sparse, self.left = self._chosen(self._reached)
        for path, reason in self.left.items():
            _log.info('layer "%s" stays dense: %s', path, reason)
        if self.method != "dense" and not self.sparse:
            raise ConfigError(
                "no layer can be sparse: "
                + "; ".join(f'"{path}": {reason}' for path, reason in self.left.items())
            )
        known = {item.path: item.layer for item in self._reached}
        forward = self.method in _FORWARD
        self._layers = {
            path: SparseLayer(
                known[path], pattern, decay=self.decay if forward else 0.0, keeps=forward
            )
            for path, pattern in self.sparse.items()
        }
        self._orders = {}
        if self.method == "bi-mask":
            self._permute(0)
        self._refresh()

    def patterns(self, model: nn.Module, task: Task) -> dict[str, NM]:
        """The patterns that the weights of a model have after a training, by path.

        Raises:
            ConfigError: A layer that is named does not exist or cannot be sparse.
        """
        sparse, _ = self._chosen(reached_layers(model, task))
        return sparse if self.method in _FORWARD else {}

    def _chosen(self, reached: Sequence[Reached]) -> tuple[dict[str, NM], dict[str, str]]:
        return chosen(
            reached,
            self.pattern,
            {} if self.method == "dense" else self.layers,
            along=(self.method in _FORWARD, self.method in _BACKWARD),
            ragged=self.ragged == "pad",
            permutes=self.method == "bi-mask",
        )

    def after_step(self, moment: Moment) -> None:
        """Make the sparse copies anew."""
        if self.method == "bi-mask" and moment.step % _EVERY == 0:
            self._permute(moment.step)
        self._refresh()

    def end(self, moment: Moment) -> None:
        """Make the weights that FF saw the weights."""
        self._refresh()
        for layer in self._layers.values():
            layer.bake()
        self._finish()

    def _finish(self) -> None:
        self._release()
        self._ended = True

    def _release(self) -> None:
        """Give the layers their own products back."""
        for layer in self._layers.values():
            layer.release()
        self._layers = {}

    @torch.no_grad()
    def _refresh(self) -> None:
        """Masks of the weights as they are now."""
        for path, layer in self._layers.items():
            layer.masks = self._masks[path] = self._made(path, layer.weight)

    def _made(self, path: str, weight: Tensor) -> Masks:
        along_inputs, along_outputs = _along(self.sparse[path])
        match self.method:
            case "sr-ste":
                mask = top_mask(weight, along_inputs)
                return Masks(mask, mask)
            case "sdgp":
                return Masks(gradients=along_outputs)
            case "sdwp":
                return Masks(backward=top_mask(weight, along_outputs))
            case "bdwp":
                return Masks(top_mask(weight, along_inputs), top_mask(weight, along_outputs))
            case "bi-mask":
                mask, order = top_mask(weight, along_inputs), self._orders[path]
                return Masks(mask, _permuted(weight * mask, mask, order, along_outputs))
            case "dense":
                return Masks()

    @torch.no_grad()
    def _permute(self, step: int) -> None:
        """For each layer the permutation that leaves BP the most of the weights that FF sees."""
        for number, (path, layer) in enumerate(self._layers.items()):
            along_inputs, along_outputs = _along(self.sparse[path])
            mask = top_mask(layer.weight, along_inputs)
            seen = layer.weight * mask
            draws = torch.Generator().manual_seed((self.seed << 40) + (step << 16) + number)
            most = -1.0
            for _ in range(_TRIES):
                order = torch.randperm(len(seen), generator=draws).to(seen.device)
                kept = float(_permuted(seen, mask, order, along_outputs).sum())
                if kept > most:
                    most, self._orders[path] = kept, order


def _along(pattern: NM) -> tuple[NM, NM]:
    """The pattern along the inputs and along the outputs of weights, (outputs, inputs, ...)."""
    return NM(pattern.kept, pattern.group, 1), NM(pattern.kept, pattern.group, 0)


def _permuted(seen: Tensor, mask: Tensor, order: Tensor, pattern: NM) -> Tensor:
    """What BP sees of the weights that FF sees, its groups along permuted outputs."""
    found = torch.empty_like(mask)
    found[order] = top_mask(seen[order], pattern)
    return found.mul_(mask)


def _shown(pattern: NM | None) -> str:
    return "dense" if pattern is None else f"{pattern.kept}:{pattern.group}"


def _check(
    pattern: NM,
    method: str,
    layers: Mapping[str, NM | None] | None,
    decay: float | None,
    ragged: str,
) -> None:
    faults = []
    for given in (pattern, *(layers or {}).values()):
        if given is not None and not (isinstance(given, NM) and 0 < given.kept < given.group):
            what = _shown(given) if isinstance(given, NM) else repr(given)
            faults.append(f"N:M must keep at least one of a group and not all of it, not {what}")
    for name, value, accepted in (
        ("method", method, get_args(Method)),
        ("ragged", ragged, ("dense", "pad")),
    ):
        if value not in accepted:
            listed = ", ".join(f'"{choice}"' for choice in accepted)
            faults.append(f"{name} must be one of {listed}, not {value!r}")
    if decay is not None and not 0 <= decay < math.inf:
        faults.append(f"decay must be 0 or more, not {decay}")
    elif decay and method not in _FORWARD:
        faults.append(f'decay must be 0 for method "{method}": its forward pass sees all weights')
    if faults:
        raise ConfigError(faults)
