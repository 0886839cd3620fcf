import pytest
import torch

from netwright.train import LookupModel, LookupShape
from netwright.train.lookup_luts import code_luts, function_luts, num_luts


def straight(bits: int, *, inputs: int, reach: int) -> LookupModel:
    """One sum of straight lines whose entries go from 0 to `reach`."""
    shape = LookupShape((), (bits,), knots=2, logit_fraction=0)
    model = LookupModel(inputs, 1, shape, seed=0)
    (layer,) = model.tables()
    with torch.no_grad():
        layer.values.copy_(torch.tensor([0.0, float(reach)])[None, :, None].expand(inputs, 2, 1))
    return model


@pytest.mark.parametrize(
    ("bits", "luts"),
    [
        (5, 3 * 4),  # an adder of 4 bits for each, the tables in it, the first one alone
        (6, 4 + 2 * (4 + 4)),  # tables beside the adders
        (7, 8 + 2 * (8 + 4)),  # two LUTs for every bit of a table
    ],
)
def test_sum_of_three_tables_of_four_bits(bits: int, luts: int) -> None:
    assert num_luts(straight(bits, inputs=3, reach=15)) == luts


def test_functions_that_leave_out_the_lowest_bit_take_less() -> None:
    model = straight(6, inputs=3, reach=15)
    (layer,) = model.tables()
    assert function_luts(layer).flatten().tolist() == [8, 8, 8]
    assert function_luts(layer, coarse=True).flatten().tolist() == [4, 4, 4]
    layer.fine[:] = 0
    assert num_luts(model) == 3 * 4


def test_dropped_functions_and_constants_take_nothing() -> None:
    model = straight(5, inputs=3, reach=15)
    model.tables()[0].kept[1] = 0
    assert num_luts(model) == 2 * 4
    assert num_luts(straight(5, inputs=3, reach=0)) == 0


def test_codes_of_inputs_and_of_hidden_layers_take_luts() -> None:
    plain = LookupModel(3, 2, LookupShape((2,), (5, 5)), seed=0)
    recoded = LookupModel(3, 2, LookupShape((2,), (5, 5), input_bits=7), seed=0)
    assert num_luts(recoded) - num_luts(plain) == 3 * 5 * 2
    for layer in plain.tables():
        layer.values.data.zero_()
    assert num_luts(plain) == 2 * (5 + 0.5)


def test_codes_of_inputs_of_fewer_bits_take_less_and_none_where_bits_are_the_code() -> None:
    model = LookupModel(1, 2, LookupShape((2,), (5, 5), input_bits=8), seed=0)
    found = [float(code_luts(model))]
    for _ in range(3):
        model.read_less(0)
        found.append(float(code_luts(model)))
    assert found == [20, 10, 5, 0]
