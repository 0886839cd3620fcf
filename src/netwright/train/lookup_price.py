"""A price for every LUT of a network of tables, in the loss that it is trained with."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from netwright.errors import ConfigError
from netwright.tasks import Task
from netwright.train.batches import Batch
from netwright.train.lookup import LookupModel
from netwright.train.lookup_luts import soft_luts
from netwright.train.objective import Objective


class PricedLuts(Objective):
    """Another objective, and a price for what the entries of all tables of the model take.

    A function takes a LUT for every bit of its entries. Without a price nothing keeps it from
    reaching far where codes are rare, and a network that is held to a budget of LUTs
    (:class:`DropFunctions`) loses whole functions for such bits.

    Args:
        objective: What is made small besides.
        price: By how much the loss may rise for a LUT that is saved, from 0 up to 1.

    Raises:
        ConfigError: The price is out of range; at the beginning, if the model is no network of
            tables.
    """

    def __init__(self, objective: Objective, *, price: float) -> None:
        if not 0 <= price <= 1:
            raise ConfigError(f"the price of a LUT must be from 0 to 1, not {price}")
        self.objective, self.price = objective, price

    @property
    def settings(self) -> str:
        """The price, and the settings of the other objective."""
        return f"PricedLuts({self.objective.settings}, price={self.price})"

    def begin(self, model: nn.Module, task: Task) -> None:
        """Refuse what has no tables."""
        if not isinstance(model, LookupModel):
            raise ConfigError(
                f"the model, of the class {type(model).__name__}, has no tables to price",
                hint="train a netwright.train.LookupModel",
            )
        self.objective.begin(model, task)

    def __call__(self, model: nn.Module, batch: Batch) -> Tensor:
        """The other objective, and the price of all LUTs."""
        assert isinstance(model, LookupModel)
        loss = self.objective(model, batch)
        if not self.price:
            return loss
        luts = torch.stack([soft_luts(layer) for layer in model.tables()]).sum()
        return loss + self.price * luts
