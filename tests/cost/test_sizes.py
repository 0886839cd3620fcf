"""Counts against those that torchvision publishes with its weights (GMACs, all parameters)."""

from __future__ import annotations

import pytest

from netwright.cost import size_of
from netwright.mapping import is_operation
from netwright.workload import NETWORKS

PUBLISHED = {
    "alexnet": (0.714, 61_100_840),
    "densenet121": (2.834, 7_978_856),
    "resnet18": (1.814, 11_689_512),
    "resnet50": (4.089, 25_557_032),
    "resnext50": (4.230, 25_028_904),
    "s3d": (17.979, 8_320_048),
    "squeezenet": (0.349, 1_235_496),
    "vgg16": (15.470, 138_357_544),
}
MOBILENET_MACS = 0.569
"""Howard et al. 2017, table 4: 569 million, at three digits."""


def folded(workload):
    """Scales and offsets of normalization; biases of sums that no normalization follows."""
    normalized = {
        einsum.inputs[0].tensor for einsum in workload.einsums if einsum.compute == "normalize"
    }
    total = 0
    for einsum in workload.einsums:
        shape = workload.by_name[einsum.output.tensor].shape
        if einsum.compute == "normalize":
            total += 2 * shape[1]
        elif is_operation(einsum) and not normalized:
            total += shape[1]
    last = workload.einsums[-1]
    return total + (workload.by_name[last.output.tensor].shape[1] if normalized else 0)


@pytest.mark.parametrize("name", PUBLISHED)
def test_macs_equal_the_published_ones(name):
    assert round(size_of(NETWORKS[name]()).num_macs / 1e9, 3) == PUBLISHED[name][0]


@pytest.mark.parametrize("name", sorted(set(PUBLISHED) - {"s3d"}))
def test_parameters_equal_the_published_ones(name):
    workload = NETWORKS[name]()
    assert size_of(workload).num_parameters + folded(workload) == PUBLISHED[name][1]


def test_mobilenet_has_its_published_size():
    size = size_of(NETWORKS["mobilenet_v1"]())
    assert round(size.num_macs / 1e9, 3) == MOBILENET_MACS
    assert size.num_parameters == 4_209_088


def test_attention_as_one_step_is_named():
    assert len(size_of(NETWORKS["vit_b16"]()).not_counted) == 12
