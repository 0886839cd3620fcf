"""Objectives: what is made small in a training, from a model and a batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from netwright.errors import ConfigError, NetwrightError
from netwright.python_file import line_of_user
from netwright.tasks import Task
from netwright.tasks.split import MASK, UNLABELED
from netwright.train.batches import Batch
from netwright.train.digests import describe, module_digest
from netwright.train.losses import Loss, find_loss
from netwright.train.prediction import predict

Value = TypeVar("Value")


class Objective:
    """The loss of a step; the base of objectives of your own.

    An objective is called with the model, in training mode, and a batch, and returns a scalar
    tensor with gradients: the mean over the rows of the batch.
    """

    @property
    def settings(self) -> str:
        """All that decides what it returns, as text; a checkpoint of other settings is refused.

        Unless overridden: the code of the class, and public attributes that are numbers or texts.
        """
        plain = {
            key: value
            for key, value in sorted(vars(self).items())
            if not key.startswith("_") and isinstance(value, bool | int | float | str)
        }
        return f"{describe(type(self))} {plain}"

    def begin(self, model: nn.Module, task: Task) -> None:
        """Called once before the first step, with the model on its device."""

    def __call__(self, model: nn.Module, batch: Batch) -> Tensor:
        """The loss of the model on a batch."""
        raise NotImplementedError


class Supervised(Objective):
    """A loss of the model's outputs and the targets.

    Args:
        loss: Name of a loss (``"cross-entropy"``, ``"my_loss.py:name"``), or a function.

    Raises:
        ConfigError: There is no such loss.
    """

    def __init__(self, loss: str | Loss) -> None:
        self._name = loss if isinstance(loss, str) else describe(loss)
        self._loss = find_loss(loss)
        self._shape: tuple[int, ...] | None = None  # of a row of outputs, where the loss is ours

    @property
    def settings(self) -> str:
        """Name of the loss, with a digest of a function of your own."""
        return f"Supervised({self._name}, {describe(self._loss)})"

    def begin(self, model: nn.Module, task: Task) -> None:
        """Refuse rows whose class is not known, and note what the outputs must be like."""
        own = getattr(self._loss, "__module__", None) == find_loss.__module__
        self._shape = task.output_shape if own and self._name == task.loss else None
        if task.classes:
            self._check_known(torch.from_numpy(task.train.targets))

    def __call__(self, model: nn.Module, batch: Batch) -> Tensor:
        """The loss of outputs and targets."""
        return self.of(outputs_of(model, batch), batch)

    def _check_known(self, targets: Tensor) -> None:
        unknown = (targets == UNLABELED).nonzero()
        if len(unknown):
            raise ConfigError(
                f"{len(unknown)} of {len(targets)} rows have no class, the first is row "
                f"{int(unknown[0][0])}",
                hint="learn from a teacher that knows them: netwright.train.Distill",
            )

    def of(self, outputs: Tensor, batch: Batch) -> Tensor:
        """The loss of outputs that are known already."""
        if self._shape is not None and outputs.shape[1:] != self._shape:
            raise ConfigError(
                f"the model must give outputs of shape {(len(batch), *self._shape)} for this task, "
                f"not {tuple(outputs.shape)}"
            )
        if batch.rows is None and batch.targets.dtype == torch.int64:
            self._check_known(batch.targets)
        found: object = _explained(
            lambda: self._loss(outputs, batch.targets),
            lambda: (
                f"the loss {self._name} cannot be computed from outputs of shape "
                f"{tuple(outputs.shape)} and targets of shape {tuple(batch.targets.shape)}"
            ),
        )
        return checked_loss(found, self._name)


class Distill(Objective):
    """Learn from a teacher (Hinton et al. 2015), beside the targets.

    With class numbers the teacher's part is the cross entropy of the softened predictions, times
    the square of the temperature; else it is the task's loss with the teacher's outputs for
    targets. Rows whose class is :data:`UNLABELED` have the teacher's part alone.

    Args:
        teacher: A trained network; it is not changed.
        share: Weight of the teacher's part, 0 to 1.
        target_share: Weight of the part of the targets; ``1 - share`` if not given.
        temperature: By which logits are divided.
        hidden: Add, for each layer, the squared difference of the hidden states relative to the
            teacher's (after TinyBERT, Jiao et al. 2020). Model and teacher then need a method
            ``hidden_states`` of the inputs, and ``classify`` of the last state and the mask.

    Raises:
        ConfigError: A weight or the temperature is out of range.
    """

    def __init__(
        self,
        teacher: nn.Module,
        *,
        share: float = 0.5,
        target_share: float | None = None,
        temperature: float = 1.0,
        hidden: bool = False,
    ) -> None:
        own = 1 - share if target_share is None else target_share
        if not (0 <= share <= 1 and 0 <= own <= 1):
            raise ConfigError(f"share and target_share must be from 0 to 1, not {share} and {own}")
        if not 0 < temperature < float("inf"):
            raise ConfigError(f"temperature must be above 0, not {temperature}")
        self.teacher, self.share, self.target_share = teacher, share, own
        self.temperature, self.hidden = temperature, hidden
        self._own: Supervised | None = None
        self._classes = False
        self._taught: Tensor | None = None

    @property
    def settings(self) -> str:
        """Weights, temperature and digest of the teacher."""
        return (
            f"Distill(share={self.share}, target_share={self.target_share}, "
            f"temperature={self.temperature}, hidden={self.hidden}, "
            f"teacher={module_digest(self.teacher)[:16]})"
        )

    def begin(self, model: nn.Module, task: Task) -> None:
        """Hear once what the teacher says of every row, if that is all that is asked of it."""
        device = next((p.device for p in model.parameters()), torch.device("cpu"))
        self.teacher.to(device).eval()
        self._own, self._classes = Supervised(task.loss), bool(task.classes)
        if self.hidden:
            for who, network in (("model", model), ("teacher", self.teacher)):
                if not (hasattr(network, "hidden_states") and hasattr(network, "classify")):
                    raise ConfigError(
                        f"hidden states are learned by the methods hidden_states and classify, "
                        f"which the {who}, a {type(network).__name__}, does not have",
                        hint="use hidden=False",
                    )
            return
        said = torch.from_numpy(predict(self.teacher, task.train.arrays)).float()
        self._taught = self._softened(said).to(device)

    def __call__(self, model: nn.Module, batch: Batch) -> Tensor:
        """The weighted sum of the parts."""
        assert self._own is not None
        found, states = self._forward(model, batch, "model")
        taught, wanted = self._teaching(batch)
        loss = self.share * self._part(found, taught, batch)
        if self.target_share:
            loss = loss + self.target_share * self._known(found, batch)
        if len(states) != len(wanted):
            raise ConfigError(
                f"the teacher must have {len(states)} hidden states like the model, "
                f"not {len(wanted)}"
            )
        for state, right in zip(states, wanted, strict=True):
            loss = loss + _relative_error(state, right, batch)
        return loss

    def _forward(self, network: nn.Module, batch: Batch, who: str) -> tuple[Tensor, list[Tensor]]:
        if not self.hidden:
            return outputs_of(network, batch, who), []
        parts: Any = network
        states: list[Tensor] = _explained(
            lambda: parts.hidden_states(*batch.arrays.values()), lambda: _unread(batch, who)
        )
        found: Tensor = parts.classify(states[-1], batch.arrays[MASK])
        return found.float(), states

    def _teaching(self, batch: Batch) -> tuple[Tensor, list[Tensor]]:
        """What the teacher says, softened, and its hidden states."""
        if self._taught is not None and batch.rows is not None:
            return self._taught[batch.rows], []
        with torch.no_grad():
            said, states = self._forward(self.teacher, batch, "teacher")
        return self._softened(said), states

    def _softened(self, said: Tensor) -> Tensor:
        return functional.softmax(said / self.temperature, dim=1) if self._classes else said

    def _part(self, found: Tensor, taught: Tensor, batch: Batch) -> Tensor:
        """How far the outputs are from the teacher's."""
        if found.shape != taught.shape:
            raise ConfigError(
                f"the teacher must give outputs of shape {tuple(found.shape)} like the model, "
                f"not {tuple(taught.shape)}"
            )
        if not self._classes:
            assert self._own is not None
            return self._own.of(found, Batch(batch.arrays, taught, batch.rows))
        squared = self.temperature**2
        return squared * functional.cross_entropy(found / self.temperature, taught)

    def _known(self, found: Tensor, batch: Batch) -> Tensor:
        """The loss of the rows whose targets are known, times their share."""
        assert self._own is not None
        if not self._classes:
            return self._own.of(found, batch)
        known = batch.targets != UNLABELED
        if known.ndim > 1:
            known = known.flatten(1).all(dim=1)
        if bool(known.all()):
            return self._own.of(found, batch)
        if not bool(known.any()):
            return found.new_zeros(())
        own = self._own.of(found[known], Batch({}, batch.targets[known], None))
        return own * (int(known.sum()) / len(batch))


def outputs_of(model: nn.Module, batch: Batch, who: str = "model") -> Tensor:
    """The model's outputs for a batch, in float32 where products are in less.

    Raises:
        ConfigError: The model cannot read the inputs, or returns no tensor.
    """
    found: object = _explained(lambda: model(*batch.arrays.values()), lambda: _unread(batch, who))
    if not isinstance(found, Tensor):
        raise ConfigError(
            f"a model must return one tensor, not {type(found).__name__}",
            hint="an objective of your own can take others: netwright.train.Objective",
        )
    return found.float() if found.dtype in (torch.bfloat16, torch.float16) else found


def _unread(batch: Batch, who: str) -> str:
    read = ", ".join(f'"{name}" {tuple(array.shape)}' for name, array in batch.arrays.items())
    return f"the {who} cannot read the inputs {read}"


def checked_loss(found: object, name: str) -> Tensor:
    """A loss, if it is a scalar tensor.

    Raises:
        ConfigError: It is not.
    """
    if not isinstance(found, Tensor):
        raise ConfigError(f"the loss {name} must return a scalar tensor, not {found!r:.100}")
    if found.ndim or not found.is_floating_point():
        raise ConfigError(
            f"the loss {name} must return a scalar of a float type, not {found.dtype} of shape "
            f"{tuple(found.shape)}",
            hint="return the mean over the rows" if found.ndim else None,
        )
    return found


def _explained(compute: Callable[[], Value], message: Callable[[], str]) -> Value:
    """What a function of the user's returns; an error of its own is told with shapes and line."""
    try:
        return compute()
    except (NetwrightError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        told = isinstance(error, RuntimeError | ValueError | TypeError)
        said = str(error) if told else f"{type(error).__name__}: {error}"
        raise ConfigError(f"{message()}{line_of_user(error)}: {said}") from error


def _relative_error(state: Tensor, right: Tensor, batch: Batch) -> Tensor:
    if state.shape != right.shape:
        raise ConfigError(
            f"the teacher must have hidden states of shape {tuple(state.shape)} like the model, "
            f"not {tuple(right.shape)}"
        )
    present = batch.arrays[MASK].bool()
    wanted = right.float()[present]
    return functional.mse_loss(state.float()[present], wanted) / wanted.square().mean()
