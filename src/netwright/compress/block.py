"""Block-sparse weights by pruning while training.

A *block* is R consecutive outputs of one input. All linear operators of an encoder compete for
one budget of blocks; none may lose more than a cap. The share of zeros follows the cubic ramp of
Zhu and Gupta (2017, equation 1).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from netwright.errors import ConfigError, DataError, NumericsError
from netwright.models.text import EncoderLinear
from netwright.train import Callback, Moment, Ramp

_MEMORY = 0.95
"""Of the mean first-order score, for each step."""

_ROUNDING = 1e-9
"""By how much a share of the steps may be off."""


@dataclass(frozen=True, slots=True)
class BlockSparsity:
    """What share of the blocks goes, how they are chosen, and when.

    Attributes:
        sparsity: Share of the blocks that is zero in the end, 0..1.
        start: Share at the beginning.
        block_rows: Outputs of a block.
        layer_cap: No operator loses a larger share of its blocks than this.
        score: ``"magnitude"``: root mean square of the block's weights. ``"taylor"``: magnitude of
            the sum of weight times gradient over the block, averaged over steps: by how much the
            loss changes without the block, to first order. ``"output"``: root mean square of the
            block's weights times the spread of its input over the spread of the operator's output:
            how much of what the operator returns goes with the block (after Wanda, Sun et al. 2023,
            equation 1, which has norms where we have spreads: the biases can make up for means).
        ramp: Share of the steps in which blocks go; afterwards the masks are frozen.
        every: Steps between two choices.
        lasso: Strength of the group lasso on the blocks while the ramp lasts: each step shrinks the
            norm of every block by its learning rate times this. Zero for none.

    Raises:
        ConfigError: A value is out of range.
    """

    sparsity: float
    start: float = 0.0
    block_rows: int = 4
    layer_cap: float = 0.97
    score: Literal["magnitude", "taylor", "output"] = "magnitude"
    ramp: float = 0.5
    every: int = 25
    lasso: float = 0.0

    def __post_init__(self) -> None:
        faults = []
        if not 0 <= self.start <= self.sparsity < 1:
            faults.append(
                f"start ({self.start}) and sparsity ({self.sparsity}) must rise within 0 to 1"
            )
        if not self.sparsity <= self.layer_cap <= 1:
            faults.append(
                f"layer_cap must be from the sparsity {self.sparsity} to 1, not {self.layer_cap}"
            )
        if self.block_rows not in (4, 8):
            faults.append(f"block_rows must be 4 or 8, not {self.block_rows}")
        if self.score not in ("magnitude", "taylor", "output"):
            faults.append(f'score must be "magnitude", "taylor" or "output", not "{self.score}"')
        if not 0 < self.ramp <= 1 or self.every < 1 or not 0 <= self.lasso < math.inf:
            faults.append(
                f"ramp ({self.ramp}) must be within 0 to 1, every ({self.every}) 1 or more, and "
                f"lasso ({self.lasso}) not negative"
            )
        if faults:
            raise ConfigError(faults)

    def at(self, share: float) -> float:
        """Share of zero blocks after this share of the steps.

        >>> BlockSparsity(0.8).at(0.25), BlockSparsity(0.8).at(0.5)
        (0.7000000000000001, 0.8)
        """
        return Ramp(self.start, self.sparsity, until=self.ramp).at(share)


def block_scores(weight: Tensor, block_rows: int) -> Tensor:
    """Root mean square of the weights of each block, (outputs / R, inputs).

    Raises:
        DataError: R does not divide the outputs.
        NumericsError: A weight is not finite.
    """
    _check(weight, block_rows)
    return _blocks(weight.detach().float(), block_rows).square().mean(dim=1).sqrt()


def choose_blocks(
    scores: Mapping[str, Tensor], *, sparsity: float, layer_cap: float
) -> dict[str, Tensor]:
    """Keep the blocks with the highest scores over all operators.

    Args:
        scores: For each operator, a score for each block.
        sparsity: Share of all blocks that goes.
        layer_cap: The best blocks of each operator beyond this share are kept anyway.

    Returns:
        For each operator, ones where a block is kept. The number of blocks that go is exact.
    """
    total = sum(score.numel() for score in scores.values())
    num_zero = round(sparsity * total)
    protected = {}
    for name, score in scores.items():
        flat = score.flatten().clone()
        num_kept = flat.numel() - math.floor(layer_cap * flat.numel())
        if num_kept:
            flat[flat.topk(num_kept).indices] = math.inf
        protected[name] = flat
    everything = torch.cat(list(protected.values()))
    kept = torch.ones_like(everything)
    # Stable, so that equal scores give the same blocks everywhere.
    kept[torch.argsort(everything, stable=True)[:num_zero]] = 0
    parts = kept.split([flat.numel() for flat in protected.values()])
    return {
        name: part.view_as(score) for (name, score), part in zip(scores.items(), parts, strict=True)
    }


class BlockPruner(Callback):
    """Masks the operators of a network along a schedule.

    The masks are complete once the ramp is over, and after the last step at the latest; at the end
    of the training masked weights are zero.

    Args:
        linears: The operators of the network by name; their masks are set.
        schedule: What goes when.
        spreads: For each operator, the spread of each of its inputs over that of its output,
            (inputs,); the score ``"output"`` needs them.

    Raises:
        ConfigError: An operator is of another class, or the score needs spreads, and there are
            none.
        DataError: R does not divide the outputs of an operator.
        NumericsError: A weight is not finite.
    """

    def __init__(
        self,
        linears: Mapping[str, EncoderLinear],
        schedule: BlockSparsity,
        *,
        spreads: Mapping[str, Tensor] | None = None,
    ) -> None:
        if schedule.score == "output" and spreads is None:
            raise ConfigError('score "output" needs the spreads of the inputs of every operator')
        self.linears = dict(linears)
        self.schedule = schedule
        self.spreads = spreads if schedule.score == "output" else None
        self._means: dict[str, Tensor] = {}
        for name, linear in self.linears.items():
            if not isinstance(linear, EncoderLinear):
                raise ConfigError(
                    f'operator "{name}" must be a netwright.models.text.EncoderLinear, not a '
                    f"{type(linear).__module__}.{type(linear).__qualname__}",
                    hint="only such an operator applies its mask in forward()",
                )
            try:
                _check(linear.weight, schedule.block_rows)
            except DataError as error:
                raise DataError(error.message, source=name, hint=error.hint) from None
            except NumericsError as error:
                raise NumericsError(error.message, tensor=name) from None

    @property
    def settings(self) -> str:
        """The schedule, and which operators follow it."""
        return f"{self.schedule!r} of {len(self.linears)} operators"

    def state_dict(self) -> dict[str, Tensor]:
        """What the next choice needs besides weights and masks."""
        return {name: mean.clone() for name, mean in self._means.items()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from what :meth:`state_dict` returned; weights and masks are loaded apart."""
        self._means = {name: mean.clone() for name, mean in state.items()}

    def after_step(self, moment: Moment) -> None:
        """Set the masks, if it is time."""
        schedule, share = self.schedule, moment.share
        if share > schedule.ramp + _ROUNDING:
            self._finish()
            return
        if schedule.score == "taylor":
            self._remember()
        if schedule.lasso:
            self._shrink(moment.learning_rate * schedule.lasso)
        if moment.step % schedule.every == 0:
            self.choose(share)
        if share >= 1 - _ROUNDING:
            self._finish()

    def end(self, moment: Moment) -> None:
        """Set the masked weights to zero.

        Raises:
            ConfigError: The masks do not have the schedule's share of zeros.
        """
        self.check_complete()
        bake(self.linears)

    @torch.no_grad()
    def choose(self, share: float) -> None:
        """Set the masks for this share of the steps."""
        schedule = self.schedule
        scores = {name: self._score(name, linear) for name, linear in self.linears.items()}
        kept = choose_blocks(scores, sparsity=schedule.at(share), layer_cap=schedule.layer_cap)
        for name, linear in self.linears.items():
            linear.mask = kept[name].bool().repeat_interleave(schedule.block_rows, dim=0)

    def sparsities(self) -> dict[str, float]:
        """Share of zeros in the mask of each operator, 0..1."""
        return {
            name: 0.0 if linear.mask is None else 1.0 - float(linear.mask.float().mean())
            for name, linear in self.linears.items()
        }

    def check_complete(self) -> None:
        """Refuse masks without the schedule's share of zeros; for the end of a training.

        Raises:
            ConfigError: There are fewer zeros, or more.
        """
        if self._complete():
            return
        zeros, total = self._counts()
        raise ConfigError(
            f"the masks must have {self.schedule.sparsity:.2%} zeros, not {zeros / total:.2%}",
            hint="train to the end of the ramp",
        )

    def _finish(self) -> None:
        if not self._complete():
            self.choose(1.0)

    def _score(self, name: str, linear: EncoderLinear) -> Tensor:
        if name in self._means:
            return self._means[name]
        found = block_scores(linear.weight, self.schedule.block_rows)
        if linear.mask is not None:
            # A block that went does not come back: its weight was not trained with the others.
            found = found * linear.mask[:: self.schedule.block_rows]
        return found if self.spreads is None else found * self.spreads[name]

    def _complete(self) -> bool:
        """Whether the masks have the schedule's share of zeros."""
        zeros, total = self._counts()
        return zeros == round(self.schedule.sparsity * total)

    def _counts(self) -> tuple[int, int]:
        """Blocks that are masked as a whole, and all of them."""
        rows = self.schedule.block_rows
        masks = [linear.mask for linear in self.linears.values() if linear.mask is not None]
        zeros = sum(int((_blocks(mask, rows) == 0).all(dim=1).sum()) for mask in masks)
        return zeros, sum(item.weight.numel() for item in self.linears.values()) // rows

    @torch.no_grad()
    def _remember(self) -> None:
        for name, linear in self.linears.items():
            if linear.weight.grad is None:
                continue
            product = _blocks(linear.weight * linear.weight.grad, self.schedule.block_rows)
            found = product.sum(dim=1).abs_()
            if name in self._means:
                self._means[name].lerp_(found, 1 - _MEMORY)
            else:
                self._means[name] = found

    @torch.no_grad()
    def _shrink(self, amount: float) -> None:
        rows = self.schedule.block_rows
        for linear in self.linears.values():
            blocks = _blocks(linear.weight, rows)
            norms = blocks.square().sum(dim=1, keepdim=True).sqrt_()
            blocks.mul_((1 - amount / norms.clamp_min(1e-12)).clamp_min(0))


@torch.no_grad()
def bake(linears: Mapping[str, EncoderLinear]) -> None:
    """Set the masked weights to zero."""
    for linear in linears.values():
        if linear.mask is not None:
            linear.weight.mul_(linear.mask)


def _blocks(weight: Tensor, block_rows: int) -> Tensor:
    return weight.view(weight.shape[0] // block_rows, block_rows, weight.shape[1])


def _check(weight: Tensor, block_rows: int) -> None:
    if weight.shape[0] % block_rows:
        raise DataError(
            f"outputs must be a multiple of block_rows {block_rows}, not {weight.shape[0]}",
            hint="append rows of zeros",
        )
    if not bool(torch.isfinite(weight).all()):
        raise NumericsError("weights must be finite")
