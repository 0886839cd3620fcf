import pytest
from torch import nn

from netwright.compress import Fixed, Subject, layer_shapes
from netwright.compress.compressors import BudgetOptions, Hawq, LayerWidths
from netwright.errors import ConfigError
from netwright.models import mlp
from netwright.settings import check
from netwright.tasks import jets


def subject(model: nn.Module) -> Subject:
    return Subject(model, jets(seed=7).subset(100), layer_shapes(model, (16,)), (),
                   "power-of-two", "tensor")  # fmt: skip


def test_fixed_widths_are_those_that_were_given() -> None:
    model = mlp(jets(seed=7), hidden=(8, 4))
    chosen = Fixed(
        weight_bits=4,
        activation_bits=6,
        input_bits=9,
        layers={"fc2": LayerWidths(weight_bits=7), "fc3": LayerWidths(input_bits=3, bias_bits=11)},
    )
    assert chosen.measurement is None
    plan = chosen.choose(subject(model)).plan
    assert plan.weight_bits == (4, 7, 4)
    assert plan.input_bits == (9, 6, 3)
    assert [layer.bias_bits for layer in plan.layers] == [None, None, 11]


def test_a_layer_that_there_is_not() -> None:
    model = mlp(jets(seed=7), hidden=(8,))
    chosen = Fixed(weight_bits=4, activation_bits=6, layers={"fc3": LayerWidths()})
    with pytest.raises(ConfigError) as caught:
        chosen.choose(subject(model))
    assert caught.value.message == (
        'compress.layers names "fc3", which the network does not have; did you mean "fc2"?'
    )


def test_hawq_measures_every_width_it_may_choose() -> None:
    chosen = Hawq(activation_bits=(4, 6), input_bits=(9,), budget=BudgetOptions(limit=1.0))
    assert chosen.measurement.activation_bits == (4, 6, 9)


def test_a_kind_of_budget_that_there_is_not() -> None:
    with pytest.raises(ConfigError, match=r'budget\.kind must be .*; did you mean "bops"'):
        check({"budget": {"kind": "bop", "limit": 1}}, Hawq, source="flow")
