from __future__ import annotations

import pytest

from netwright.errors import ConfigError
from netwright.mapping import is_operation
from netwright.workload import resnet9, unet


def test_sizes_by_hand():
    """A stem of 9 weights a filter, blocks with and without a skip, and the head."""
    own = resnet9(image=(1, 8, 8), classes=3, stem=2, filters=(4, 6), skips=(1, 0))
    assert own.num_parameters == 9 * (1 * 2 + 2 * 4 + 4 * 4 + 4 * 6) + 6 * 3
    assert own.num_macs >= 64 * 9 * (2 + 8) + 16 * 9 * (16 + 24) + 18
    assert sum(map(is_operation, own.einsums)) == 5


def test_unet_joins_on_the_way_up():
    own = unet(image=(1, 8, 8), classes=2, height=1, filters=2, repeats=2)
    weights = 9 * (1 * 2 + 2 * 2 + 2 * 4 + 4 * 4 + (4 + 2) * 2 + 2 * 2) + 2 * 2
    assert own.num_parameters == weights
    assert own.by_name[own.outputs[0]].shape == (1, 2, 8, 8)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: resnet9(stem=0), "stem must be a whole number from 1 to 4096, not 0"),
        (lambda: resnet9(filters=(8, 8)), "filters and skips must be of each block, not 2 and 3"),
        (lambda: resnet9(image=(1, 4, 4)), "an image of 4 x 4 cannot be halved 3 times"),
        (lambda: resnet9(image=(1, 4)), r"image must be channels, rows and columns, not \(1, 4\)"),
        (lambda: resnet9(skips=(9, 0, 0)), r"skips\[0\] must be a whole number from 0 to 4, not 9"),
        (lambda: unet(height=0), "height must be a whole number from 1 to 8, not 0"),
        (lambda: unet(image=(1, 30, 32)), "cannot be halved 2 times without a rest"),
        (lambda: unet(filters=True), "filters must be a whole number"),
    ],
)
def test_what_makes_no_network_is_refused(make, told):
    with pytest.raises(ConfigError, match=told):
        make()
