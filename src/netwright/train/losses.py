"""Losses: what a training makes small, as one number of a model's outputs and the targets.

A loss is any function of outputs and targets, both ``(rows, ...)``, that returns a scalar tensor:
the mean over the rows. Those below have names in configuration files; ``"my_loss.py:name"`` is a
function of a file of yours, which is run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from torch import Tensor
from torch.nn import functional

from netwright.errors import ConfigError
from netwright.registry import resolve

Loss = Callable[[Tensor, Tensor], Tensor]
"""Outputs and targets, both (rows, ...), to a scalar."""

SHARPNESS = 1.0
"""Error up to which the Huber loss is a parabola."""


def cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Mean cross entropy in nats of class numbers (rows, ...) and logits (rows, classes, ...)."""
    wanted = (len(targets), *targets.shape[1:])
    if outputs.ndim < 2 or (len(outputs), *outputs.shape[2:]) != wanted:
        raise ConfigError(
            f"cross entropy needs a logit for every class: outputs of shape "
            f"{_shown((len(targets), 'classes', *targets.shape[1:]))} for targets of shape "
            f"{_shown(targets.shape)}, not {_shown(outputs.shape)}"
        )
    return functional.cross_entropy(outputs, targets)


def dice(outputs: Tensor, targets: Tensor) -> Tensor:
    """Cross entropy plus 1 - the Dice coefficient of all classes but the first, the background.

    Shapes are those of :func:`cross_entropy`. The coefficient is that of probabilities, 2 x shared
    / (found + wanted) over all rows together, so that rare classes count as much as frequent ones.
    """
    entropy = cross_entropy(outputs, targets)
    shares = outputs.softmax(1).movedim(1, -1)[..., 1:].flatten(0, -2)
    known = targets >= 0
    wanted = functional.one_hot(targets.clamp(min=0), outputs.shape[1])[..., 1:].flatten(0, -2)
    wanted = wanted * known.flatten()[:, None]
    shared = 2 * (shares * wanted).sum(0) + 1
    overlap = shared / ((shares * known.flatten()[:, None]).sum(0) + wanted.sum(0) + 1)
    return entropy + 1 - overlap.mean()


def mse(outputs: Tensor, targets: Tensor) -> Tensor:
    """Mean squared error over all values."""
    return functional.mse_loss(_alike(outputs, targets), targets)


def mae(outputs: Tensor, targets: Tensor) -> Tensor:
    """Mean absolute error over all values."""
    return functional.l1_loss(_alike(outputs, targets), targets)


def huber(outputs: Tensor, targets: Tensor) -> Tensor:
    """Half the squared error up to an error of 1, and the absolute error less a half beyond."""
    return functional.huber_loss(_alike(outputs, targets), targets, delta=SHARPNESS)


def binary_cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Mean cross entropy in nats of logits with probabilities, 0 to 1, of the same shape."""
    return functional.binary_cross_entropy_with_logits(_alike(outputs, targets), targets)


def bits_per_character(outputs: Tensor, targets: Tensor) -> Tensor:
    """Bits of all tokens over the characters that they stand for, both (rows, tokens)."""
    return _alike(outputs, targets).sum() / targets.sum()


def find_loss(loss: str | Loss) -> Loss:
    """The loss of a name; a function is returned as it is.

    Raises:
        ConfigError: There is no such name, or it stands for nothing that can be called.
    """
    found = resolve("losses", loss) if isinstance(loss, str) else loss
    if not callable(found):
        raise ConfigError(
            f"a loss must be a function of outputs and targets, or the name of one, not {loss!r}"
        )
    return cast(Loss, found)


def _alike(outputs: Tensor, targets: Tensor) -> Tensor:
    if outputs.shape != targets.shape:
        raise ConfigError(
            f"outputs must have the shape of the targets, {_shown(targets.shape)}, "
            f"not {_shown(outputs.shape)}"
        )
    return outputs


def _shown(shape: tuple[object, ...]) -> str:
    return f"({', '.join(map(str, shape))}{',' * (len(shape) == 1)})"
