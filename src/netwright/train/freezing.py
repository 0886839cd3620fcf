"""The last stage of a quantized training: scales and weights stand still, biases learn on."""

from __future__ import annotations

from torch import Tensor, nn

from netwright.errors import ConfigError
from netwright.train.callbacks import Callback, Moment
from netwright.train.layers import QuantLayer
from netwright.train.quantizer import Quantizer

FREEZE_AT = 0.75
"""Share of the steps after which scales stand still."""


class FreezeScales(Callback):
    """Freezes every scale, and with it every rescaling that the hardware does, for the last steps.

    From there on only the biases and the last layer with weights learn, so that they make up for
    what rounding the rescalings and the weights has cost. Parts of a model that are not quantized
    learn on.

    Args:
        begin: Share of the steps after which scales stand still, 0 or more and below 1.

    Raises:
        ConfigError: The share is out of range; at the beginning, if nothing is quantized.
    """

    def __init__(self, *, begin: float = FREEZE_AT) -> None:
        if not 0 <= begin < 1:
            raise ConfigError(f"begin must be 0 or more and below 1, not {begin}")
        self.begin_share = begin
        self._frozen: list[Tensor] = []
        self._pinned: list[Quantizer] = []

    @property
    def settings(self) -> str:
        """The share."""
        return f"FreezeScales(begin={self.begin_share})"

    def begin(self, moment: Moment) -> None:
        """Look for what is quantized."""
        self._frozen, self._pinned = [], []
        if not _layers(moment.model):
            raise ConfigError(
                f"the model, of the class {type(moment.model).__name__}, has no scales to freeze",
                hint="train a quantized model, or leave the callback FreezeScales out",
            )

    def before_step(self, moment: Moment) -> None:
        """Freeze when it is time, also in a training that is taken up later."""
        if self._frozen or moment.share < self.begin_share:
            return
        layers = _layers(moment.model)
        self._frozen = [layer.layer.weight for layer in layers[:-1]] or [layers[0].layer.weight]
        self._pinned = [
            item
            for item in moment.model.modules()
            if isinstance(item, Quantizer) and not item.pinned
        ]
        for weight in self._frozen:
            weight.requires_grad = False
        for quantizer in self._pinned:
            quantizer.pinned = True

    def end(self, moment: Moment) -> None:
        """Let everything move again, for whoever trains on."""
        for weight in self._frozen:
            weight.requires_grad = True
        for quantizer in self._pinned:
            quantizer.pinned = False
        self._frozen, self._pinned = [], []


def _layers(model: nn.Module) -> list[QuantLayer]:
    return [module for module in model.modules() if isinstance(module, QuantLayer)]
