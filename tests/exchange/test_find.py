from __future__ import annotations

import pytest

from netwright.errors import ConfigError
from netwright.exchange.find import find_workload


def test_batch_multiplies_work_and_leaves_weights():
    one, four = find_workload("alexnet"), find_workload("alexnet", batch=4)
    assert four.num_macs == 4 * one.num_macs
    assert four.num_parameters == one.num_parameters
    assert find_workload("alexnet", batch=1) == one


def test_width_reaches_every_tensor_and_is_told():
    narrow = find_workload("alexnet", bits="3")
    assert {tensor.bits for tensor in narrow.tensors} == {3}
    assert "3 bits an element" in narrow.assumptions


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shapes": ["x=1,3"]}, "--shape: alexnet has shapes of its own"),
        ({"shapes": ["1,3"]}, '--shape: must be a name and extents above 0, not "1,3"'),
        ({"shapes": ["x=0,3"]}, '--shape: must be a name and extents above 0, not "x=0,3"'),
        ({"shapes": ["x=a"]}, "--shape: must be a name and extents above 0"),
    ],
)
def test_shapes_that_cannot_be_given_are_refused(options, message):
    with pytest.raises(ConfigError) as caught:
        find_workload("alexnet", **options)
    assert caught.value.message == message or caught.value.message.startswith(message)
