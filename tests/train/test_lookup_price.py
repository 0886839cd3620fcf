import pytest
import torch
from torch import nn

from netwright import tasks
from netwright.errors import ConfigError
from netwright.train import LookupModel, LookupShape, Objective, PricedLuts, Supervised, fit
from netwright.train.batches import Batch
from netwright.train.objective import outputs_of


class Nothing(Objective):
    """A loss that no change of the model makes smaller."""

    def __call__(self, model: nn.Module, batch: Batch) -> torch.Tensor:
        return 0 * outputs_of(model, batch).sum()


def one_sum(bits: int) -> LookupModel:
    """Two straight functions from 0 to 15 of one sum."""
    model = LookupModel(2, 1, LookupShape((), (bits,), knots=2, logit_fraction=0), seed=0)
    with torch.no_grad():
        line = torch.tensor([0.0, 15.0])[None, :, None]
        model.tables()[0].values.copy_(line.expand(2, 2, 1))
    return model


def batch(model: LookupModel) -> Batch:
    return Batch({"x": torch.zeros(1, 2)}, torch.zeros(1, dtype=torch.int64), None)


@pytest.mark.parametrize(("bits", "luts"), [(5, 2 * 4), (6, 2 * (4 + 4)), (7, 2 * (4 + 8))])
def test_price_is_that_of_every_bit_of_the_entries(bits: int, luts: int) -> None:
    model = one_sum(bits)
    loss = PricedLuts(Nothing(), price=0.25)(model, batch(model))
    assert float(loss.detach()) == pytest.approx(0.25 * luts)


def test_price_draws_the_largest_entry_down_and_the_smallest_up() -> None:
    model = one_sum(5)
    model.tables()[0].kept[1] = 0
    PricedLuts(Nothing(), price=1.0)(model, batch(model)).backward()
    (gradients,) = (layer.values.grad for layer in model.tables())
    assert gradients is not None
    slope = 1 / (16 * 0.6931472)
    assert gradients[:, :, 0].flatten().tolist() == pytest.approx([-slope, slope, 0, 0])


def test_settings_tell_the_price_and_the_other_objective() -> None:
    inner = Nothing()
    assert PricedLuts(inner, price=0.5).settings == f"PricedLuts({inner.settings}, price=0.5)"


@pytest.mark.parametrize("price", [-0.1, 1.5, float("nan")])
def test_price_that_is_none(price: float) -> None:
    with pytest.raises(ConfigError, match=f"the price of a LUT must be from 0 to 1, not {price}"):
        PricedLuts(Nothing(), price=price)


def test_model_without_tables() -> None:
    task = tasks.jets(seed=7).subset(100)
    with pytest.raises(ConfigError) as caught:
        fit(nn.Linear(16, 5), task, PricedLuts(Supervised(task.loss), price=0.1))
    assert str(caught.value) == (
        "the model, of the class Linear, has no tables to price\n"
        "hint: train a netwright.train.LookupModel"
    )
